/* tcprig check: captures held to the RFCs' rules. */
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/check.h"
#include "harness/cmd.h"

enum { PATHS = 1024 };

struct options {
    const char *path[PATHS];
    size_t n;
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    if (key != ARGP_KEY_ARG)
        return ARGP_ERR_UNKNOWN;
    if (o->n == PATHS)
        argp_error(state, "more than %d files; name fewer at a time", PATHS);
    o->path[o->n++] = arg;
    return 0;
}

static const struct argp argp = {
    .parser = parse_option,
    .args_doc = "FILE.pcap...",
    .doc = "Says which rules of the TCP RFCs the traffic in a capture (pcap, pcapng) breaks, one "
           "finding a line: FILE:PACKET: rule (clause): what must hold; seen: what was sent."
           "\vEach end of each connection is judged by what it sends: form, options, checksum, "
           "sequence and acknowledgment numbers, the peer's window and MSS, RST.  Numbers count "
           "from the initial one.  What the capture may owe to itself (packets it lost, a "
           "beginning before it, checksums that a device filled in later) is no finding; it is "
           "said once.",
};

/* The worst of two exit statuses: a file that cannot be read says more than a finding. */
static int check_one(const char *path, int status)
{
    char why[CAPTURE_WHY];
    struct check *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    if (access(path, R_OK) != 0) {
        fprintf(stderr, "tcprig check: cannot read %s: %s; name a capture (pcap, pcapng)\n", path,
                strerror(errno));
        status = EXIT_USAGE;
    } else if (check_capture(c, path, why) < 0) {
        fprintf(stderr, "tcprig check: %s: %s; name a whole capture (pcap, pcapng)\n", path, why);
        status = EXIT_USAGE;
    } else {
        check_print(stdout, c, path);
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
    for (size_t i = 0; i < o.n; i++)
        status = check_one(o.path[i], status);
    return status;
}
