/* One direction of a link with faults: what goes in comes out late, twice, damaged or not at all.
 *
 * Only TCP segments are touched; ARP and ICMP pass.  No clock and no I/O: frames and the time go
 * in, frames and a deadline come out.  The same frames, times and seed give the same faults. */
#ifndef HARNESS_FAULT_H
#define HARNESS_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/script.h"
#include "refstack/refstack.h"
#include "refstack/wire.h"

/* The headers of a frame that carries TCP over IP of either version. */
struct frame_tcp {
    struct rs_addr src, dst;
    uint8_t tos; /* IPv4's octet, IPv6's traffic class */
    const uint8_t *tcp;
    size_t tcp_len;    /* header, options and text */
    size_t tcp_offset; /* of the TCP header in the frame */
    struct tcp_seg seg;
};

/* Whether the frame is a TCP segment that can be held, whole and, over IPv6, without extension
 * headers; fills in the struct then. */
bool frame_tcp(struct frame_tcp *, enum rs_link, const uint8_t *frame, size_t len);

/* Faults at random: chances in a million, each tried in this order. */
struct fault_rates {
    uint64_t seed;
    uint32_t drop, dup, delay, reorder, corrupt;
    uint64_t delay_max; /* microseconds; a delayed frame waits 1 to this */
};

enum { FAULT_RULES = 32 };

struct fault_held; /* a frame on its way */

struct fault_link {
    enum rs_link link;
    struct {
        enum sc_fault_action action;
        enum sc_seg_class seg_class;
        uint32_t nth;  /* 0: every one */
        uint32_t seen; /* matching segments so far */
        uint64_t delay;
    } rule[FAULT_RULES];
    unsigned n_rules;
    struct fault_rates rates;
    uint64_t random;
    struct fault_held *first; /* in the order of their times */
    unsigned held;
};

void fault_init(struct fault_link *, enum rs_link, const struct fault_rates *);
void fault_free(struct fault_link *);
/* Adds a rule that counts matching segments from now on.  False when there are too many. */
bool fault_add(struct fault_link *, const struct sc_fault *);
/* Forgets rules and rates; frames on their way still arrive. */
void fault_clear(struct fault_link *);
/* Whether frames pass untouched, so that the caller may skip push and pop. */
static inline bool fault_idle(const struct fault_link *f)
{
    return f->n_rules == 0 && f->first == NULL && f->random == 0;
}

/* A frame enters the link.  Returns what is done to it: enum sc_fault_action, or SC_N_FAULTS for
 * nothing. */
enum sc_fault_action fault_push(struct fault_link *, const uint8_t *frame, size_t len, rs_time now);
/* The next frame that leaves the link by now: its octets, or 0.  A longer one is cut to cap. */
size_t fault_pop(struct fault_link *, uint8_t *buf, size_t cap, rs_time now);
/* When the next frame leaves; RS_NEVER when the link is empty. */
rs_time fault_deadline(const struct fault_link *);

#endif
