/* tcprig convert: a fuzz input in the words of a script. */
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cmd.h"
#include "harness/triage.h"
#include "harness/triage_script.h"

enum { INPUT_MAX = 1 << 20 };

struct options {
    const char *target;
    const char *path;
};

static const struct argp_option argp_options[] = {
    { "target", 't', "TARGET", 0, "the fuzz target the input is for (default: fuzz_conn)", 0 },
    { 0 },
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case 't':
        o->target = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (o->path)
            argp_error(state, "one input at a time; '%s' is a second one", arg);
        o->path = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = argp_options,
    .parser = parse_option,
    .args_doc = "INPUT",
    .doc = "Writes what a fuzz input does as a script, one line for each event, to standard "
           "output.  What the language has no words for stands in comments.",
};

int cmd_convert(int argc, char **argv)
{
    struct options o = { .target = "fuzz_conn" };
    if (argp_parse(&argp, argc, argv, 0, NULL, &o))
        return EXIT_USAGE;
    if (!o.path || !triage_has_events(o.target)) {
        fprintf(stderr, "tcprig convert: %s\n",
                o.path ? "that target's inputs are no events; name one such as fuzz_conn"
                       : "no input given; name one, such as a file in corpus/seeds/fuzz_conn");
        return EXIT_USAGE;
    }
    uint8_t *octets = malloc(INPUT_MAX);
    FILE *f = fopen(o.path, "rb");
    if (!octets)
        abort();
    const size_t n = f ? fread(octets, 1, INPUT_MAX, f) : 0;
    const bool bad = !f || ferror(f);
    if (bad)
        fprintf(stderr, "tcprig convert: cannot read %s: %s; name a file with a fuzz input\n",
                o.path, strerror(errno));
    else
        triage_script(stdout, o.target, octets, n);
    if (f)
        fclose(f);
    free(octets);
    return bad ? EXIT_USAGE : EXIT_AS_EXPECTED;
}
