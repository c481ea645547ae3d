/* The line between the two live ends of a case: frames one of them sends reach the other, with the
 * faults that the case asks for on the way.
 *
 * An end is a port: a stack in this process, or a device with a kernel behind it.  The line itself
 * does no I/O and knows no stack. */
#ifndef INTEROP_LINE_H
#define INTEROP_LINE_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/fault.h"
#include "harness/result.h"
#include "refstack/refstack.h"

struct line_port {
    void *arg;
    void (*input)(void *arg, const uint8_t *frame, size_t len, rs_time now);
    /* The next frame; its octets, or 0 when there is none now. */
    size_t (*output)(void *arg, uint8_t *buf, size_t cap, rs_time now);
    rs_time (*deadline)(void *arg); /* of its earliest timer; NULL: it has none here */
    int fd; /* becomes readable when there is a frame; -1: only input and time change anything */
    int error; /* it failed: an errno; nothing moves any more */
};

/* Whoever records or judges frames.  `sent` comes when a frame leaves its end, with what the line
 * does to it (SC_N_FAULTS: nothing); `delivered` after its arrival at the other. */
struct line_watch {
    void (*sent)(void *arg, enum trace_end from, const uint8_t *frame, size_t len, rs_time now,
                 enum sc_fault_action);
    void (*delivered)(void *arg, enum trace_end from, const uint8_t *frame, size_t len,
                      rs_time now);
    void *arg;
};

enum { LINE_FRAME_MAX = 65536 + ETH_HEADER };

struct line {
    struct line_port *port[2];   /* by enum trace_end; the caller's */
    struct fault_link fault[2];  /* by the end that sends */
    struct line_watch watch;
    unsigned batch; /* frames taken from one end before the other has its turn; 64 unless set */
    uint8_t buf[LINE_FRAME_MAX];
};

/* rates: by the end that sends. */
void line_init(struct line *, struct line_port *a, struct line_port *b, enum rs_link,
               const struct fault_rates rates[2]);
void line_free(struct line *);
/* Moves what can be moved now, a bounded number of frames; whether anything was. */
bool line_work(struct line *, rs_time now);
/* When a timer or a frame on its way is due; RS_NEVER when none is. */
rs_time line_due(const struct line *);
/* Adds what to sleep on, at most two entries; returns how many. */
unsigned line_sleep_on(const struct line *, struct pollfd *);
/* The errno of an end that failed, or 0. */
int line_error(const struct line *);

#endif
