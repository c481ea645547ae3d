/* tcprig run: scripts against a stack. */
#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/cmd.h"
#include "harness/cmd_results.h"
#include "harness/run_stop.h"
#include "harness/run_suite.h"
#include "harness/script_parse.h"
#include "harness/sut_so.h"

/* Cases in real time that one processor has room for, and as many as a machine has. */
enum { ASLEEP = 48, MOST_ASLEEP = 96 };
enum { MOST_STACKS = 16 };

struct options {
    struct suite_options suite;
    struct report_paths paths;
    const char *on[MOST_STACKS], *expect;
    unsigned n_on;
    double began;
    char **path;
    int n_paths;
};

/* One stack of those given. */
struct turn {
    const char *on;
    struct suite_options opt;
    struct suite suite;
    struct expect expect;
    char keep[PATH_MAX];
};

enum { KEY_KEEP = 256, KEY_FILTER, KEY_ON, KEY_TAP, KEY_SEED,
       KEY_TIMEOUT, KEY_EXPECT, KEY_IP, KEY_SHELL, KEY_LOOSE };

static const struct argp_option argp_options[] = {
    { "on", KEY_ON, "SUT", 0,
      "the stack under test (default: refstack); given several times, each in turn", 0 },
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
        if (o->n_on == MOST_STACKS)
            argp_error(state, "--on is given at most %d times", MOST_STACKS);
        else
            o->on[o->n_on++] = arg;
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
    "Runs scripts against a stack and judges each: in virtual time, but for linux and tap.\v"
    "A PATH is a script or a folder of .pkt files.  A stack is one of: %s; so:FILE[,FLAGS], a "
    "packetdrill plug-in; tap:NAME, a stack in another process.  linux is a live kernel in a "
    "namespace, lwip Debian's library, toy the stack of harness/TEN_MINUTES.md.  The language is "
    "described in harness/GRAMMAR.md.";

static int usage(const char *message)
{
    fprintf(stderr, "tcprig run: %s\n", message);
    return EXIT_USAGE;
}

static unsigned jobs(const struct suite_options *o)
{
    const struct sut_ops *ops = o->ops;
    const unsigned given = o->jobs, n = given ? given
                                                    : (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    if (ops->caps & SUT_ONE_AT_A_TIME)
        return 1;
    if (!ops->wait)
        return n;
    return n < MOST_ASLEEP / ASLEEP ? n * ASLEEP : MOST_ASLEEP;
}

/* The adapter of that name, if it can run here; else a sentence in error. */
static const struct sut_ops *stack(const char *on, const char *names, char *error, size_t cap)
{
    const struct sut_ops *ops = sut_find(on);
    if (!ops && strncmp(on, "so:", 3) == 0)
        snprintf(error, cap, "%s is no packetdrill plug-in: %s", on + 3, sut_so_why());
    else if (!ops)
        snprintf(error, cap, "there is no stack '%s' here; --on takes %s, so:FILE (a packetdrill "
                 "plug-in) or tap:NAME; for several stacks give --on again", on, names);
    else if (!ops->there || ops->there(error, cap))
        return ops;
    return NULL;
}

static int make_folder(const char *path, char *error, size_t cap)
{
    if (mkdir(path, 0777) == 0 || errno == EEXIST)
        return 0;
    snprintf(error, cap, "cannot make the folder %s: %s; give --keep one that can be made", path,
             strerror(errno));
    return -1;
}

/* With several stacks each keeps what failed in a folder of its own, for names are the same. */
static int keep_of(const struct options *o, struct turn *t, char *error, size_t cap)
{
    char name[NAME_MAX];
    t->opt.keep = o->suite.keep ? t->keep : NULL;
    if (!o->suite.keep)
        return 0;
    snprintf(t->keep, sizeof(t->keep), "%s", o->suite.keep);
    if (make_folder(t->keep, error, cap) < 0)
        return -1;
    if (o->n_on == 1)
        return 0;
    snprintf(name, sizeof(name), "%s", t->on);
    for (char *p = name; *p; p++)
        if (*p == '/')
            *p = '_';
    snprintf(t->keep, sizeof(t->keep), "%s/%s", o->suite.keep, name);
    return make_folder(t->keep, error, cap);
}

/* Everything that can be wrong with what was asked for is said before the first case runs. */
static int prepare(const struct options *o, struct turn *t, const char *names, char *error,
                   size_t cap)
{
    t->opt = o->suite;
    t->opt.expect = &t->expect;
    t->opt.trace_all = o->paths.html != NULL;
    t->opt.ops = stack(t->on, names, error, cap);
    if (!t->opt.ops)
        return -1;
    t->opt.jobs = jobs(&t->opt);
    if (keep_of(o, t, error, cap) < 0 ||
        (o->expect && expect_load(&t->expect, o->expect, t->on, error, cap) != 0))
        return -1;
    for (int i = 0; i < o->n_paths; i++)
        if (suite_add(&t->suite, o->path[i], &t->opt, error, cap) != 0)
            return -1;
    if (!t->suite.n)
        snprintf(error, cap, "no script matches; check the paths and --filter");
    return t->suite.n ? 0 : -1;
}

static int run(const struct options *o, struct turn *turn, const char *names)
{
    struct result *r = result_new("tcprig run");
    struct tap tap;
    char error[1024];
    size_t n = 0;
    for (unsigned i = 0; i < o->n_on; i++)
        n += turn[i].suite.n;
    tap_begin(&tap, results_on_stdout(&o->paths) ? stderr : stdout, n);
    for (unsigned i = 0; i < o->n_on && !stop_signal(); i++) {
        /* Plug-ins share one adapter, which turns to this one. */
        turn[i].opt.ops = stack(turn[i].on, names, error, sizeof(error));
        if (turn[i].opt.ops)
            suite_run(&turn[i].suite, &turn[i].opt, r, &tap);
    }
    r->seconds = suite_clock() - o->began; /* reading the scripts included */
    int status = tap_end(&tap, r);
    if (report_write(r, &o->paths) < 0)
        status = EXIT_USAGE;
    result_free(r);
    if (stop_signal())
        fprintf(stderr, "tcprig run: stopped by signal %d after %zu of %zu cases\n", stop_signal(),
                tap.done, n);
    return stop_signal() ? 128 + stop_signal() : status;
}

int cmd_run(int argc, char **argv)
{
    struct options o = { .suite = { .seed = 1, .timeout_s = 60 }, .began = suite_clock() };
    static struct turn turn[MOST_STACKS];
    char error[1024];
    char names[128] = "", text[sizeof(doc) + sizeof(names)];
    sut_names(names, sizeof(names));
    snprintf(text, sizeof(text), doc, names);
    const struct argp argp = { .options = argp_options, .parser = parse_option,
                               .children = cmd_results, .args_doc = "PATH...", .doc = text };
    if (argp_parse(&argp, argc, argv, 0, NULL, &o))
        return EXIT_USAGE;
    if (!o.n_paths)
        return usage("no script given; name scripts or folders of them, such as corpus/scripts");
    if (!o.n_on)
        o.on[o.n_on++] = "refstack";
    int status = 0;
    for (unsigned i = 0; i < o.n_on && !status; i++) {
        turn[i].on = o.on[i];
        status = prepare(&o, &turn[i], names, error, sizeof(error));
    }
    status = status ? usage(error) : run(&o, turn, names);
    for (unsigned i = 0; i < o.n_on; i++) {
        suite_free(&turn[i].suite);
        expect_free(&turn[i].expect);
    }
    return status;
}
