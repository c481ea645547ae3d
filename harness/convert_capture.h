/* What the files that turn captures into scripts share; nobody else includes this. */
#ifndef HARNESS_CONVERT_CAPTURE_H
#define HARNESS_CONVERT_CAPTURE_H

#include <stdbool.h>

#include "harness/convert.h"
#include "harness/egress.h"

enum { CAPTURE_FLOWS = 32, CAPTURE_HELD = 16 };

/* One connection of the capture.  Numbers are relative to the initial one of whoever counts. */
struct capture_flow {
    struct rs_endpoint sut, peer;
    bool active;       /* the stack under test opened it */
    bool answers;      /* the stack under test sends a SYN: somebody listens, or connects */
    bool has_iss, has_irs;
    unsigned n_syn;    /* the peer's */
    uint32_t iss, irs;
    uint32_t sent;     /* the stack's text and FIN so far: one past the highest */
    uint32_t got;      /* the peer's text without a hole */
    struct {
        uint32_t from, to;
    } held[CAPTURE_HELD]; /* beyond one */
    unsigned n_held;
    bool called;       /* connect or accept is written */
    bool shut, reset, over;
    uint32_t ts_last;  /* the stack's latest TSval */
    int fd;
};

struct capture {
    FILE *out;
    const struct convert_side *side;
    char *why;
    struct rs_addr sut;      /* known from the first connection on */
    bool known;
    struct capture_flow flow[CAPTURE_FLOWS];
    unsigned n;
    bool several;            /* connections are named by their ports */
    bool writes;             /* the second pass: the connections are known */
    uint16_t listening[CAPTURE_FLOWS];
    unsigned n_listening;
    int next_fd;
    uint64_t last;           /* time of the packet before, us */
    unsigned long left_out;  /* packets of no connection above */
};

/* The connection of a segment, a new one for a SYN; NULL for one that began before the capture.
 * *in: it goes to the stack under test. */
struct capture_flow *capture_find(struct capture *, const struct egress_ip *,
                                  const struct tcp_seg *, bool *in);
/* Writes what a segment means, calls before and behind it (convert_wire.c). */
void capture_write(struct capture *, struct capture_flow *, const struct tcp_seg *, bool in,
                   uint64_t us);

#endif
