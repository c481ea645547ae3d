#include "harness/cmd_results.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Beyond the keys of the commands' own options. */
enum { KEY_JSON = 1024, KEY_JUNIT, KEY_HTML };

static const struct argp_option argp_options[] = {
    { "json", KEY_JSON, "FILE", 0, "write them as JSON", 0 },
    { "junit", KEY_JUNIT, "FILE", 0, "write them as JUnit XML", 0 },
    { "html", KEY_HTML, "FILE", 0, "write them as one self-contained HTML page", 0 },
    { 0 },
};

/* Before anything runs, for a run of minutes is not to end in finding that its results have no
 * place.  What is there already is left alone until there is something to put in its stead. */
static error_t demand_place(const char *command, const char *path)
{
    if (strcmp(path, "-") == 0)
        return 0;
    const bool there = access(path, F_OK) == 0;
    FILE *f = fopen(path, "a");
    if (!f) {
        fprintf(stderr, "%s: cannot create the report %s: %s; give a path in a folder that exists "
                "and can be written\n", command, path, strerror(errno));
        return EINVAL;
    }
    fclose(f);
    if (!there)
        unlink(path);
    return 0;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct report_paths *paths = state->input;
    switch (key) {
    case KEY_JSON:
        paths->json = arg;
        return demand_place(state->name, arg);
    case KEY_JUNIT:
        paths->junit = arg;
        return demand_place(state->name, arg);
    case KEY_HTML:
        paths->html = arg;
        return demand_place(state->name, arg);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = { .options = argp_options, .parser = parse_option };

const struct argp_child cmd_results[] = {
    { &argp, 0, "The results (a FILE of - is standard output):", 1 },
    { 0 },
};

bool results_on_stdout(const struct report_paths *p)
{
    const char *const path[] = { p->json, p->junit, p->html };
    for (size_t i = 0; i < sizeof path / sizeof path[0]; i++)
        if (path[i] && strcmp(path[i], "-") == 0)
            return true;
    return false;
}
