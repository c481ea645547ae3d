/* tcprig interop: live stacks against each other. */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/cmd.h"
#include "harness/cmd_results.h"
#include "harness/report.h"
#include "interop/publish.h"
#include "interop/run.h"

enum {
    OPT_SLOW = 256,
    OPT_KEEP,
    OPT_LIST,
    OPT_A,
    OPT_B,
    OPT_IP,
    OPT_PUBLISH,
    OPT_PEER
};

struct arguments {
    struct interop_options options;
    struct report_paths reports;
    const char *filter, *publish, *peer;
    const struct stack *a, *b;
    bool slow, list, ip4, ip6;
    const char *path[64];
    int n_paths;
};

static const struct argp_option options[] = {
    { "jobs", 'j', "N", 0, "cases at once (64: most of them wait for a timer)", 0 },
    { "filter", 'f', "TEXT", 0, "only cases whose name contains TEXT", 0 },
    { "a", OPT_A, "STACK", 0, "only pairs with STACK at one end", 0 },
    { "b", OPT_B, "STACK", 0, "and with STACK at the other; passt only when it is named", 0 },
    { "peer", OPT_PEER, "PROGRAM", 0,
      "only an endpoint program, or all in a folder, against refstack: it is called CASE ADDRESS "
      "PORT and ends by 127 when it does not know the case (see interop/peers)", 0 },
    { "ip", OPT_IP, "4|6|both", 0, "over which IP version (both)", 0 },
    { "slow", OPT_SLOW, NULL, 0, "also those that wait for the kernel's 60 s of TIME-WAIT", 0 },
    { "list", OPT_LIST, NULL, 0, "say which cases there are and run none", 0 },
    { "keep", OPT_KEEP, "DIR", 0, "keep pcapng and log of each case in DIR/PAIR/ipN/CASE", 0 },
    { "publish", OPT_PUBLISH, "FILE", 0,
      "write the matrix as JSON for a site: stacks, versions, cells", 0 },
    { NULL, 0, NULL, 0, NULL, 0 },
};

static const struct stack *stack_argument(const char *option, const char *name,
                                          struct argp_state *state)
{
    const struct stack *s = stack_find(name);
    if (!s)
        argp_error(state, "--%s: there is no stack '%s'; there are refstack, lwip, linux, "
                   "slirp4netns and passt", option, name);
    return s;
}

static void ip_argument(struct arguments *a, const char *text, struct argp_state *state)
{
    a->ip4 = strcmp(text, "6") != 0;
    a->ip6 = strcmp(text, "4") != 0;
    if (a->ip4 && a->ip6 && strcmp(text, "both") != 0)
        argp_error(state, "--ip wants 4, 6 or both, not '%s'", text);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->reports;
        return 0;
    case 'j':
        a->options.jobs = atoi(arg);
        if (a->options.jobs < 1 || a->options.jobs > 1000)
            argp_error(state, "--jobs wants a number from 1 to 1000, not '%s'", arg);
        return 0;
    case 'f':
        a->filter = arg;
        return 0;
    case OPT_A:
        a->a = stack_argument("a", arg, state);
        return 0;
    case OPT_B:
        a->b = stack_argument("b", arg, state);
        return 0;
    case OPT_PEER:
        a->peer = arg;
        return 0;
    case OPT_IP:
        ip_argument(a, arg, state);
        return 0;
    case OPT_SLOW:
        a->slow = true;
        return 0;
    case OPT_LIST:
        a->list = true;
        return 0;
    case OPT_PUBLISH:
        a->publish = arg;
        return 0;
    case OPT_KEEP:
        a->options.keep = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (a->n_paths == (int)(sizeof a->path / sizeof a->path[0]))
            argp_error(state, "too many paths");
        a->path[a->n_paths++] = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .children = cmd_results,
    .args_doc = "[PATH...]",
    .doc = "Plays interop cases between live stacks: refstack and lwIP against this machine's "
           "kernel, TCP translators and each other, each case in a process and a network namespace "
           "of its own."
           "\vPATH is a script (.pkt) or a folder of them; corpus/scripts/interop and the programs "
           "curl, socat and ncat and the endpoint programs in interop/peers when none is given.",
};

static int find_all(const struct arguments *a, struct interop_jobs *jobs)
{
    char why[512];
    struct interop_scope scope = { .ip4 = a->ip4, .ip6 = a->ip6 };
    const char *all = "corpus/scripts/interop";
    if (a->peer) {
        if (interop_find_peer(jobs, a->peer, &scope, why) == 0)
            return 0;
        fprintf(stderr, "tcprig interop: %s; give --peer one that can be run\n", why);
        return EXIT_USAGE;
    }
    for (int i = 0; i < (a->n_paths ? a->n_paths : 1); i++) {
        if (interop_find(jobs, a->n_paths ? a->path[i] : all, why) < 0) {
            fprintf(stderr, "tcprig interop: %s%s\n", why,
                    a->n_paths ? "" : "; run it in the project's folder or give a path");
            return EXIT_USAGE;
        }
    }
    scope.n_pairs = stack_pairs(scope.pair, a->a, a->b);
    if (scope.n_pairs == 0) {
        fprintf(stderr, "tcprig interop: %s does not play with %s; pairs are {refstack, lwip} x "
                "{lwip, linux, slirp4netns, passt}\n",
                a->a->name, a->b ? a->b->name : "any other");
        return EXIT_USAGE;
    }
    interop_cast(jobs, &scope);
    if (a->n_paths > 0 || a->a || a->b)
        return 0;
    interop_find_tools(jobs, &scope);
    if (access("interop/peers", R_OK) == 0)
        interop_find_peer(jobs, "interop/peers", &scope, why);
    return 0;
}

static int list_all(const struct interop_jobs *jobs)
{
    for (size_t i = 0; i < jobs->n; i++)
        printf("%s%s\n", jobs->job[i].name, jobs->job[i].config.slow ? " (slow)" : "");
    return 0;
}

static int run_all(const struct arguments *a, struct interop_jobs *jobs)
{
    if (jobs->n == 0) {
        fprintf(stderr, "tcprig interop: no case's name contains '%s'; --list says which there "
                "are\n", a->filter ? a->filter : "");
        return EXIT_USAGE;
    }
    if (a->options.keep && mkdir(a->options.keep, 0777) < 0 && errno != EEXIST) {
        fprintf(stderr, "tcprig interop: cannot create the folder %s: %s\n", a->options.keep,
                strerror(errno));
        return EXIT_USAGE;
    }
    struct result *result = result_new("tcprig interop");
    int status = interop_run(jobs, &a->options, result);
    if (report_write(result, &a->reports) < 0 ||
        (a->publish && publish_json(result, a->publish) < 0))
        status = EXIT_USAGE;
    result_free(result);
    return status;
}

int cmd_interop(int argc, char **argv)
{
    struct arguments a = { .options = { .jobs = 64 }, .ip4 = true, .ip6 = true };
    struct interop_jobs jobs = { .n = 0 };
    argp_err_exit_status = EXIT_USAGE;
    if (argp_parse(&argp, argc, argv, 0, NULL, &a))
        return EXIT_USAGE;
    int status = find_all(&a, &jobs);
    a.options.tap_aside = results_on_stdout(&a.reports);
    a.options.traced = a.reports.html || a.reports.json;
    if (status == 0) {
        interop_filter(&jobs, a.filter, a.slow || a.list);
        status = a.list ? list_all(&jobs) : run_all(&a, &jobs);
    }
    interop_jobs_free(&jobs);
    return status;
}
