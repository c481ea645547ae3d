#include "harness/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void report_base(const char *path, char *base, size_t cap)
{
    size_t n = 0;
    char here[1024];
    base[0] = '\0';
    if (path[0] == '/' || strstr(path, "..")) {
        snprintf(base, cap, "%s/", getcwd(here, sizeof here) ? here : ".");
        return;
    }
    for (const char *p = path; (p = strchr(p, '/')) != NULL; p++)
        if (p[1] != '/' && !(p > path && p[-1] == '.' && (p - 1 == path || p[-2] == '/')))
            n += (size_t)snprintf(base + n, n < cap ? cap - n : 0, "../");
}

/* The order of names, numbers in them by value: "data/9" before "data/10". */
static int compare_names(const char *a, const char *b)
{
    return strverscmp(a ? a : "", b ? b : "");
}

static int compare_cases(const void *p, const void *q)
{
    const struct result_case *a = *(struct result_case *const *)p;
    const struct result_case *b = *(struct result_case *const *)q;
    int order = compare_names(a->suite, b->suite);
    order = order ? order : compare_names(a->name, b->name);
    order = order ? order : compare_names(a->sut, b->sut);
    order = order ? order : compare_names(a->role, b->role);
    return order ? order : a->ip_version - b->ip_version;
}

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

int report_write(struct result *r, const struct report_paths *paths)
{
    char base[1024];
    /* Cases that run at once end in the order of chance; a report has one of its own. */
    if (r->n_cases)
        qsort(r->cases, r->n_cases, sizeof *r->cases, compare_cases);
    if (paths->html) {
        report_base(paths->html, base, sizeof base);
        free(r->base);
        r->base = result_text("%s", base);
    }
    int json = write_one(r, paths->json, report_json);
    int junit = write_one(r, paths->junit, report_junit);
    int html = write_one(r, paths->html, report_html);
    return json || junit || html ? -1 : 0;
}
