/* The next segment of a connection, between being decided (plan.c) and made (output.c). */
#ifndef REFSTACK_PLAN_H
#define REFSTACK_PLAN_H

#include "refstack/host.h"

/* A segment to be built: len octets of text from seq, and the flags that take numbers.  Sequence
 * numbers and flags that take one are decided together; what else the header says follows from the
 * TCB when the segment is made. */
struct plan {
    uint32_t seq;
    uint32_t len;
    uint16_t flags;
    bool probe; /* of the path's MTU: not to be cut up */
};

static inline uint32_t min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Octets of text that RS_PIECES hold wherever in a page they begin; more is copied. */
static inline uint32_t most_gathered(const struct rs_host *h)
{
    if (BUG(GATHER_SHORT) && h->gather)
        return UINT32_MAX;
    return h->gather ? (RS_PIECES - 1) * h->pool.octets : 0;
}

/* The most urgent segment there is; false when there is none. */
bool plan_next(struct rs_host *, struct tcb *, struct plan *);

#endif
