#include "harness/cmd_results.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/cmd.h"

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
static void demand_place(struct argp_state *state, const char *path)
{
    if (strcmp(path, "-") == 0)
        return;
    const bool there = access(path, F_OK) == 0;
    FILE *f = fopen(path, "a");
    if (!f) {
        argp_failure(state, EXIT_USAGE, 0, "cannot create the report %s: %s; give a path in a "
                     "folder that exists and can be written", path, strerror(errno));
        return;
    }
    fclose(f);
    if (!there)
        unlink(path);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct report_paths *paths = state->input;
    switch (key) {
    case KEY_JSON:
        paths->json = arg;
        demand_place(state, arg);
        return 0;
    case KEY_JUNIT:
        paths->junit = arg;
        demand_place(state, arg);
        return 0;
    case KEY_HTML:
        paths->html = arg;
        demand_place(state, arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = { .options = argp_options, .parser = parse_option };

const struct argp_child cmd_results[] = {
    { &argp, 0, "The results (a FILE of - is standard output):", 1 },
    { 0 },
};
