/* tcprig check: captures held to the RFCs' rules. */
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/check.h"
#include "harness/cmd.h"
#include "harness/cmd_results.h"

enum { PATHS = 1024 };

struct options {
    const char *path[PATHS];
    size_t n;
    struct report_paths paths;
    FILE *out; /* standard output, unless a report goes there */
    struct result *result;
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    if (key == ARGP_KEY_INIT) {
        state->child_inputs[0] = &o->paths;
        return 0;
    }
    if (key != ARGP_KEY_ARG)
        return ARGP_ERR_UNKNOWN;
    if (o->n == PATHS)
        argp_error(state, "more than %d files; name fewer at a time", PATHS);
    o->path[o->n++] = arg;
    return 0;
}

static const struct argp argp = {
    .parser = parse_option,
    .children = cmd_results,
    .args_doc = "FILE.pcap...",
    .doc = "Says which rules of the TCP RFCs the traffic in a capture (pcap, pcapng) breaks, one "
           "finding a line: FILE:PACKET: rule (clause): what must hold; seen: what was sent."
           "\vEach end of each connection is judged by what it sends: form, options, checksum, "
           "sequence and acknowledgment numbers, the peer's window and MSS, RST.  Numbers count "
           "from the initial one.  What the capture may owe to itself (packets it lost, a "
           "beginning before it, checksums that a device filled in later) is no finding; it is "
           "said once.",
};

/* For the reports: a file is a case, its findings are the reason. */
static void put_case(struct result *r, const struct check *c, const char *path)
{
    struct result_case *rc = result_case(r, "check", path, "capture", 0);
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);
    if (!f)
        abort();
    check_print(f, c, path);
    fclose(f);
    case_file(rc, path);
    case_verdict(rc, c->n_stands ? VERDICT_FAIL : VERDICT_PASS, c->n_stands ? "%s" : NULL, text);
    free(text);
}

static int bad(struct options *o, const char *path, const char *what, const char *why)
{
    fprintf(stderr, "tcprig check: %s%s: %s; name a whole capture (pcap, pcapng)\n", what, path,
            why);
    case_verdict(result_case(o->result, "check", path, "capture", 0), VERDICT_ERROR, "%s", why);
    return EXIT_USAGE;
}

/* The worse of two exit statuses: a file that cannot be read says more than a finding. */
static int check_one(struct options *o, const char *path, int status)
{
    char why[CAPTURE_WHY];
    struct check *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    if (access(path, R_OK) != 0) {
        status = bad(o, path, "cannot read ", strerror(errno));
    } else if (check_capture(c, path, why) < 0) {
        status = bad(o, path, "", why);
    } else {
        check_print(o->out, c, path);
        put_case(o->result, c, path);
        status = c->n_stands && status == EXIT_AS_EXPECTED ? EXIT_FINDINGS : status;
    }
    check_free(c);
    free(c);
    return status;
}

int cmd_check(int argc, char **argv)
{
    struct options o = { .n = 0 };
    int status = EXIT_AS_EXPECTED;
    if (argp_parse(&argp, argc, argv, 0, NULL, &o))
        return EXIT_USAGE;
    if (o.n == 0) {
        fputs("tcprig check: no file given; name a capture (pcap, pcapng), such as one that "
              "`tcprig run --keep` or tcpdump wrote\n", stderr);
        return EXIT_USAGE;
    }
    o.out = results_on_stdout(&o.paths) ? stderr : stdout;
    o.result = result_new("tcprig check");
    for (size_t i = 0; i < o.n; i++)
        status = check_one(&o, o.path[i], status);
    if (report_write(o.result, &o.paths) < 0)
        status = EXIT_USAGE;
    result_free(o.result);
    return status;
}
