#include "interop/publish.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "harness/ladder.h"

static const char between[] = " x ";

char *publish_path(const char *folder, const struct interop_job *job)
{
    const struct stack *const *stack = job->cast.stack;
    char *path = result_text("%s/%s-%s/ip%d/%s", folder, stack[END_A]->name, stack[END_B]->name,
                             job->cast.ip_version, job->name);
    for (char *p = path + strlen(folder); *p; p++)
        if (*p == ':')
            *p = '-';
    return path;
}

int publish_folders(const char *path)
{
    char *part = result_text("%s", path);
    int rc = 0;
    for (char *slash = strchr(part + 1, '/'); slash && rc == 0; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0777) < 0 && errno != EEXIST)
            rc = -1;
        *slash = '/';
    }
    free(part);
    return rc;
}

int publish_log(const struct result_case *c, const char *path)
{
    FILE *f = fopen(path, "w");
    if (!f)
        return -errno;
    fprintf(f, "%s on %s, IPv%d: %s%s%s\n\n", c->name, c->sut, c->ip_version,
            verdict_name(c->verdict), c->reason ? ": " : "", c->reason ? c->reason : "");
    ladder_text(f, c);
    return fclose(f) == 0 ? 0 : -errno;
}

static json_t *row_of(const struct result_case *c)
{
    const char *x = strstr(c->sut, between);
    json_t *row = json_object();
    json_object_set_new(row, "a", json_stringn(c->sut, x ? (size_t)(x - c->sut) : strlen(c->sut)));
    json_object_set_new(row, "b", json_string(x ? x + sizeof between - 1 : ""));
    json_object_set_new(row, "case", json_string(c->name));
    json_object_set_new(row, "role", c->role ? json_string(c->role) : json_null());
    json_object_set_new(row, "ip", json_integer(c->ip_version));
    json_object_set_new(row, "verdict", json_string(verdict_name(c->verdict)));
    json_object_set_new(row, "reason", c->reason ? json_string(c->reason) : json_null());
    json_object_set_new(row, "seconds", json_real(c->seconds));
    return row;
}

int publish_json(const struct result *r, const char *path)
{
    json_t *versions = json_object(), *rows = json_array(), *page = json_object();
    for (const struct stack *s = stacks; s->name; s++) {
        char version[80];
        stack_version(s, version, sizeof version);
        json_object_set_new(versions, s->name, version[0] ? json_string(version) : json_null());
    }
    for (size_t i = 0; i < r->n_cases; i++)
        json_array_append_new(rows, row_of(r->cases[i]));
    json_object_set_new(page, "stacks", versions);
    json_object_set_new(page, "machine", json_string(r->machine ? r->machine : ""));
    json_object_set_new(page, "results", rows);
    int rc = json_dump_file(page, path, JSON_INDENT(1));
    if (rc < 0)
        fprintf(stderr, "tcprig interop: cannot write %s: %s\n", path, strerror(errno));
    json_decref(page);
    return rc;
}
