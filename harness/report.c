#include "harness/report.h"

#include <errno.h>
#include <string.h>

static int write_one(const struct result *r, const char *path,
                     int (*writer)(const struct result *, FILE *))
{
    if (!path)
        return 0;
    bool standard = !strcmp(path, "-");
    errno = 0;
    FILE *out = standard ? stdout : fopen(path, "w");
    if (!out) {
        fprintf(stderr, "tcprig: cannot create the report %s: %s; give a path in a folder that "
                "exists and can be written\n", path, strerror(errno));
        return -1;
    }
    int status = writer(r, out);
    int why = errno;
    if (!standard && fclose(out) && !status) {
        why = errno;
        status = -1;
    }
    if (status)
        fprintf(stderr, "tcprig: cannot write the report %s: %s; what is there is incomplete\n",
                path, strerror(why));
    return status;
}

int report_write(const struct result *r, const struct report_paths *paths)
{
    int json = write_one(r, paths->json, report_json);
    int junit = write_one(r, paths->junit, report_junit);
    int html = write_one(r, paths->html, report_html);
    return json || junit || html ? -1 : 0;
}
