/* A capture held to the RFCs' rules: what each end of each connection in it may not send.
 *
 * Nothing is known but the packets, and some of those may be missing, late or unfinished by the
 * host that recorded them.  So a rule that stands on the history of a connection is asked only from
 * its SYNs on, and a finding that a packet missing from the capture would explain is kept only when
 * the other end's next segment proves it. */
#ifndef HARNESS_CHECK_H
#define HARNESS_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "harness/capture_file.h"
#include "harness/egress.h"
#include "harness/oracle.h"

enum { CHECK_SEEN = 112, CHECK_OPEN_MAX = 8, CHECK_BUCKETS = 4096 };

enum check_state {
    CHECK_STANDS,
    CHECK_UNLESS_LOST, /* stands when the connection has no gap */
    CHECK_IF_FILLED,   /* stands when the sender fills in its checksums at all */
    CHECK_OPEN,        /* waits for the other end's next segment */
    CHECK_DROPPED
};

struct check_flow;
struct check_finding {
    unsigned long packet;
    enum oracle rule;
    enum check_state state;
    struct check_flow *flow;
    unsigned sender;       /* which end of it */
    uint64_t us;
    uint32_t number;       /* CHECK_OPEN: the acknowledgment, or one past the text */
    char seen[CHECK_SEEN]; /* what was sent instead */
};

/* One end of a connection, as what it has sent shows it. */
struct check_end {
    struct rs_endpoint at;
    bool has_iss, acked, fin, scales, has_edge, has_ts, rst, rst_ack;
    uint8_t shift;
    uint32_t iss, nxt, fin_seq, mss;
    uint32_t ack;     /* the highest */
    uint32_t edge;    /* the furthest right edge offered, but by a SYN */
    uint32_t max_wnd; /* the largest window offered */
    uint32_t widest;  /* the furthest right edge that its peer may see in all this */
    uint32_t ts;      /* the newest TSval */
    uint32_t rst_number;         /* what an answer to its latest RST would carry */
    unsigned long right;         /* segments whose checksum is filled in and right */
    size_t open[CHECK_OPEN_MAX]; /* findings that the other end is to prove */
    unsigned n_open;
};

struct check_flow {
    struct check_end end[2];
    bool over;   /* a RST, or both FINs: a SYN begins a new one */
    bool unsure; /* a SYN in its middle: whether it counted is not to be seen */
    unsigned long gaps;
    struct check_flow *chained, *older;
};

struct check {
    struct check_finding *finding;
    size_t n_finding, cap_finding, n_stands;
    struct check_flow *bucket[CHECK_BUCKETS], *last;
    unsigned long packet; /* at hand, */
    uint64_t us;          /* and its time */
    unsigned long n_packets, n_flows;
    /* Said once instead of being found: */
    unsigned long other, fragments, cut, unfilled, before, unsure, gaps, undecided;
};

/* Reads a capture into a zeroed struct and judges it.  0, or -1 after a sentence in why
 * (CAPTURE_WHY octets); check_free either way. */
int check_capture(struct check *, const char *path, char *why);
/* Findings one a line, what could not be judged, the counts. */
void check_print(FILE *, const struct check *, const char *path);
void check_free(struct check *);

/* ---- What its files share ---------------------------------------------------------------- */

struct check_finding *check_found(struct check *, struct check_flow *, unsigned sender,
                                  enum oracle, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* The rules for one segment alone (check_form.c). */
void check_form(struct check *, struct check_flow *, unsigned sender, const struct tcp_seg *);
/* The rules that stand on what both ends sent before (check_flow.c). */
void check_flow_segment(struct check *, struct check_flow *, unsigned sender,
                        const struct tcp_seg *, bool whole);

#endif
