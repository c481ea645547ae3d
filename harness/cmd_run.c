/* tcprig run: scripts against a stack. */
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/cmd.h"
#include "harness/cmd_results.h"
#include "harness/run_suite.h"
#include "harness/script_parse.h"

/* Cases in real time that one processor has room for, and as many as a machine has. */
enum { ASLEEP = 48, MOST_ASLEEP = 96 };

struct options {
    struct suite_options suite;
    struct report_paths paths;
    const char *on, *expect;
    double began;
    char **path;
    int n_paths;
};

enum { KEY_KEEP = 256, KEY_FILTER, KEY_ON, KEY_TAP, KEY_SEED,
       KEY_TIMEOUT, KEY_EXPECT, KEY_IP, KEY_SHELL, KEY_LOOSE };

static const struct argp_option argp_options[] = {
    { "on", KEY_ON, "SUT", 0, "the stack under test (default: refstack)", 0 },
    { "ip", KEY_IP, "VERSION", 0, "4, 6 or both (the default: both, where the stack has both)", 0 },
    { "filter", KEY_FILTER, "TEXT", 0,
      "only scripts with TEXT in their path, or tagged with the requirement TEXT", 0 },
    { "keep", KEY_KEEP, "DIR", 0, "keep a pcapng and a ladder of each case that fails", 0 },
    { "expect", KEY_EXPECT, "FILE", 0,
      "failures that are known, SCRIPT<TAB>REASON a line, and must fail; a folder: SUT.tsv in it",
      0 },
    { "jobs", 'j', "N", 0,
      "run N cases at once (default: one a processor); in real time, where a case sleeps nearly "
      "all of it, 48 count as one, and at most 96 run", 0 },
    { "tap", KEY_TAP, NULL, 0, "write TAP to standard output (the default)", 0 },
    { "seed", KEY_SEED, "N", 0, "seed of sequence numbers and ports (default: 1)", 0 },
    { "allow-shell", KEY_SHELL, NULL, 0,
      "let scripts run shell commands, on a live kernel and in its namespace", 0 },
    { "loose", KEY_LOOSE, NULL, 0,
      "leave to the stack what the RFCs leave to it: order and padding of TCP options, PSH, the "
      "size of a window that is not zero", 0 },
    { "timeout", KEY_TIMEOUT, "SECONDS", 0, "real time one case may take (default: 60)", 0 },
    { 0 },
};

static unsigned long number(struct argp_state *state, const char *arg, const char *what,
                            unsigned long least)
{
    char *end;
    errno = 0;
    unsigned long n = strtoul(arg, &end, 0);
    if (*end || errno || arg[0] == '-' || end == arg || n < least)
        argp_error(state, "%s takes a whole number from %lu on, not '%s'", what, least, arg);
    return n;
}

static error_t parse_output(int key, char *arg, struct options *o)
{
    switch (key) {
    case KEY_KEEP:
        o->suite.keep = arg;
        return 0;
    case KEY_EXPECT:
        o->expect = arg;
        return 0;
    case KEY_TAP:
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->paths;
        return 0;
    case KEY_ON:
        o->on = arg;
        return 0;
    case KEY_IP:
        if (strcmp(arg, "4") != 0 && strcmp(arg, "6") != 0 && strcmp(arg, "both") != 0)
            argp_error(state, "--ip takes 4, 6 or both, not '%s'", arg);
        o->suite.ip = arg[0] == 'b' ? 0 : (uint8_t)(arg[0] - '0');
        return 0;
    case KEY_SHELL:
        o->suite.allow_shell = true;
        return 0;
    case KEY_LOOSE:
        o->suite.loose = true;
        return 0;
    case KEY_FILTER:
        o->suite.filter = arg;
        return 0;
    case 'j':
        o->suite.jobs = (unsigned)number(state, arg, "-j", 1);
        return 0;
    case KEY_SEED:
        o->suite.seed = number(state, arg, "--seed", 0);
        return 0;
    case KEY_TIMEOUT:
        o->suite.timeout_s = (unsigned)number(state, arg, "--timeout", 1);
        return 0;
    case ARGP_KEY_ARGS:
        o->path = state->argv + state->next;
        o->n_paths = state->argc - state->next;
        return 0;
    default:
        return parse_output(key, arg, o);
    }
}

static const char doc[] =
    "Runs scripts in virtual time against a stack and judges each.\v"
    "A PATH is a script or a folder of .pkt files.  A stack is one of: %s; so:FILE[,FLAGS], a "
    "packetdrill plug-in; tap:NAME, a stack in another process.  linux is a live kernel in a "
    "namespace, lwip Debian's library, toy the stack of harness/TEN_MINUTES.md.  The language is "
    "described in harness/GRAMMAR.md.";

static int usage(const char *message)
{
    fprintf(stderr, "tcprig run: %s\n", message);
    return EXIT_USAGE;
}

static int run(const struct options *o, const struct suite *s)
{
    struct result *r = result_new("tcprig run");
    struct tap tap;
    tap_begin(&tap, stdout, s->n);
    suite_run(s, &o->suite, r, &tap);
    r->seconds = suite_clock() - o->began; /* reading the scripts included */
    int status = tap_end(&tap, r);
    if (report_write(r, &o->paths) < 0)
        status = EXIT_USAGE;
    result_free(r);
    return status;
}

static unsigned jobs(const struct options *o)
{
    const struct sut_ops *ops = o->suite.ops;
    const unsigned given = o->suite.jobs, n = given ? given
                                                    : (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    if (ops->caps & SUT_ONE_AT_A_TIME)
        return 1;
    if (!ops->wait)
        return n;
    return n < MOST_ASLEEP / ASLEEP ? n * ASLEEP : MOST_ASLEEP;
}

int cmd_run(int argc, char **argv)
{
    struct options o = { .suite = { .seed = 1, .timeout_s = 60 }, .on = "refstack",
                         .began = suite_clock() };
    char error[1024];
    struct suite s = { 0 };
    char names[128] = "", text[sizeof(doc) + sizeof(names)];
    sut_names(names, sizeof(names));
    snprintf(text, sizeof(text), doc, names);
    const struct argp argp = { .options = argp_options, .parser = parse_option,
                               .children = cmd_results, .args_doc = "PATH...", .doc = text };
    if (argp_parse(&argp, argc, argv, 0, NULL, &o))
        return EXIT_USAGE;
    if (!o.n_paths)
        return usage("no script given; name scripts or folders of them, such as corpus/scripts");
    o.suite.trace_all = o.paths.html != NULL;
    o.suite.ops = sut_find(o.on);
    if (!o.suite.ops) {
        snprintf(error, sizeof(error), "there is no stack '%s' here; --on takes %s, so:FILE (a "
                 "packetdrill plug-in) or tap:NAME", o.on, names);
        return usage(error);
    }
    if (o.suite.ops->there && !o.suite.ops->there(error, sizeof(error)))
        return usage(error);
    o.suite.jobs = jobs(&o);
    if (o.suite.keep && mkdir(o.suite.keep, 0777) < 0 && errno != EEXIST) {
        snprintf(error, sizeof(error), "cannot make the folder %s: %s; give --keep one that can "
                                       "be made", o.suite.keep, strerror(errno));
        return usage(error);
    }
    struct expect expect = { 0 };
    int status = 0;
    if (o.expect)
        status = expect_load(&expect, o.expect, o.on, error, sizeof(error));
    o.suite.expect = &expect;
    for (int i = 0; i < o.n_paths && !status; i++)
        status = suite_add(&s, o.path[i], &o.suite, error, sizeof(error));
    if (status)
        status = usage(error);
    else if (!s.n)
        status = usage("no script matches; check the paths and --filter");
    else
        status = run(&o, &s);
    suite_free(&s);
    expect_free(&expect);
    return status;
}
