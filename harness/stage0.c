/* tcprig stage0: every state x every event x field boundaries, on refstack. */
#include <argp.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness/cmd.h"
#include "harness/cmd_results.h"
#include "harness/report.h"
#include "harness/stage0.h"

struct options {
    struct report_paths paths;
    unsigned every;
    struct st0_seeds seeds;
};

enum { KEY_EVERY = 256, KEY_SEEDS };

static const struct argp_option argp_options[] = {
    { "every", KEY_EVERY, "N", 0, "run one cell in N (default: all)", 0 },
    { "seeds", KEY_SEEDS, "DIR", 0, "write an input of fuzz_conn for each rule met in each state",
      0 },
    { 0 },
};

static unsigned positive(const char *arg, struct argp_state *state)
{
    char *end;
    const unsigned long n = strtoul(arg, &end, 10);

    if (arg[0] == '-' || end == arg || *end || n == 0 || n > 1000000)
        argp_error(state, "--every takes a number from 1 to 1000000, not '%s'", arg);
    return (unsigned)n;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->paths;
        return 0;
    case KEY_EVERY:
        o->every = positive(arg, state);
        return 0;
    case KEY_SEEDS:
        o->seeds.dir = arg;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "it takes no arguments, so not '%s'", arg);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = argp_options,
    .parser = parse_option,
    .children = cmd_results,
    .doc = "Runs every event with every field on its boundaries in every state of refstack, and "
           "judges each by a table of RFC 9293 section 3.10 that shares no code with the stack.",
};

static double seconds_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void run_start(struct st0_bench *b, enum st0_start start, const struct st0_pass *pass,
                      struct options *o, struct st0_tally *all, struct result *r)
{
    char name[80];
    struct st0_tally *y = calloc(1, sizeof *y);
    const double began = seconds_now();

    snprintf(name, sizeof name, "%s%s", st0_start_name(start), pass->name);
    struct result_case *c = result_case(r, "stage0", name, "refstack", 4);
    if (!y || !st0_start(b, start, pass->ways)) {
        case_verdict(c, VERDICT_ERROR, "the state was not reached: %s", rs_state_name(b->seen));
        free(y);
        return;
    }
    y->out = results_on_stdout(&o->paths) ? NULL : stdout;
    y->met = o->seeds.dir ? st0_write_seed : NULL;
    y->met_arg = &o->seeds;
    st0_run_calls(b, start, y);
    st0_run_args(b, start, y);
    st0_run_icmp(b, start, y);
    st0_run_time(b, start, y);
    st0_run_segments(b, start, o->every * pass->stride, y);
    if (start == ST0_LISTENER)
        st0_run_fast(b, pass->ways, y);
    c->seconds = seconds_now() - began;
    if (y->mismatches)
        case_verdict(c, VERDICT_FAIL, "%" PRIu64 " of %" PRIu64 " cells; the first: %s",
                     y->mismatches, y->cells, y->first);
    else
        case_verdict(c, VERDICT_PASS, NULL);
    if (y->out)
        fprintf(y->out, "%-60s %9" PRIu64 " cells %8" PRIu64 " mismatches %7.2f s\n", name,
                y->cells, y->mismatches, c->seconds);
    st0_add(all, y);
    free(y);
}

static void summary(const struct st0_tally *y, double seconds, FILE *to)
{
    const unsigned holes = st0_holes(y, to);

    fprintf(to,
            "stage0: %" PRIu64 " cells in %.1f s (%.2f million a second), %" PRIu64
            " mismatches, %u holes\n",
            y->cells, seconds, (double)y->cells / seconds / 1e6, y->mismatches, holes);
}

int cmd_stage0(int argc, char **argv)
{
    static struct options o;
    static struct st0_bench b;
    static struct st0_tally all;

    o = (struct options){ .every = 1 };
    if (argp_parse(&argp, argc, argv, 0, NULL, &o))
        return EXIT_USAGE;
    memset(&all, 0, sizeof all);
    if (!st0_open(&b)) {
        fputs("tcprig stage0: no memory for two copies of a host\n", stderr);
        return EXIT_UNSUPPORTED;
    }
    struct result *r = result_new("tcprig stage0");
    const double began = seconds_now();
    for (int i = 0; i < ST0_N_PASSES; i++)
        for (int start = 0; start < ST0_N_STARTS; start++)
            run_start(&b, (enum st0_start)start, &st0_pass[i], &o, &all, r);
    r->seconds = seconds_now() - began;
    summary(&all, r->seconds, results_on_stdout(&o.paths) ? stderr : stdout);
    int status = result_status(r);
    if (o.seeds.dir && !o.seeds.failed)
        printf("stage0: %u seeds in %s\n", o.seeds.written, o.seeds.dir);
    if (report_write(r, &o.paths) || o.seeds.failed)
        status = EXIT_USAGE;
    result_free(r);
    st0_close(&b);
    return status;
}
