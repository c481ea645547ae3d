#include "harness/cmd_results.h"

/* Beyond the keys of the commands' own options. */
enum { KEY_JSON = 1024, KEY_JUNIT, KEY_HTML };

static const struct argp_option argp_options[] = {
    { "json", KEY_JSON, "FILE", 0, "write them as JSON", 0 },
    { "junit", KEY_JUNIT, "FILE", 0, "write them as JUnit XML", 0 },
    { "html", KEY_HTML, "FILE", 0, "write them as one self-contained HTML page", 0 },
    { 0 },
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct report_paths *paths = state->input;
    switch (key) {
    case KEY_JSON:
        paths->json = arg;
        return 0;
    case KEY_JUNIT:
        paths->junit = arg;
        return 0;
    case KEY_HTML:
        paths->html = arg;
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
