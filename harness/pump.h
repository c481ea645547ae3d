/* The pump: moves frames between a refstack host and a tap or tun device, with link faults in both
 * directions.
 *
 *     while (!done) {
 *         if (!pump_work(&p))
 *             pump_wait(&p, until, NULL, 0);
 *     }
 *
 * The host itself does no I/O; this is where its time comes from. */
#ifndef HARNESS_PUMP_H
#define HARNESS_PUMP_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/fault.h"
#include "refstack/refstack.h"

enum pump_dir { PUMP_TO_KERNEL, PUMP_TO_HOST };

enum { PUMP_FRAME_MAX = 65536 + ETH_HEADER + VNET_HEADER };

/* What happens to frames, for whoever records or judges them.  `sent` comes when a frame leaves its
 * end, with what the link does to it (SC_N_FAULTS: nothing); `delivering` and `delivered` come
 * around its arrival at the other.  Any of them may be NULL. */
struct pump_watch {
    void (*sent)(void *arg, enum pump_dir, const uint8_t *frame, size_t len, rs_time now,
                 enum sc_fault_action);
    void (*delivering)(void *arg, enum pump_dir, const uint8_t *frame, size_t len, rs_time now);
    void (*delivered)(void *arg, enum pump_dir, const uint8_t *frame, size_t len, rs_time now);
    void *arg;
};

struct pump {
    struct rs_host *host;
    int fd; /* the device, non-blocking; the caller's */
    struct fault_link link[2]; /* by enum pump_dir */
    struct pump_watch watch;
    bool offload;   /* the host's and the device's: no faults and no watch are possible then */
    unsigned batch; /* frames given to the host before it is asked for its own; 64 unless set */
    uint64_t frames[2], octets[2]; /* delivered */
    int error; /* the device failed: an errno; nothing moves any more */
    uint8_t *buf;
};

/* rates: NULL for none, otherwise two, by enum pump_dir.  Aborts when memory is exhausted. */
void pump_init(struct pump *, struct rs_host *, int fd, enum rs_link,
               const struct fault_rates *rates);
void pump_free(struct pump *);
/* Moves what can be moved now, a bounded number of frames; whether anything was. */
bool pump_work(struct pump *);
/* When a timer of the host or a frame of the link is due; RS_NEVER when none is. */
rs_time pump_due(const struct pump *);
/* Sleeps until the device or one of the descriptors is ready, a timer of the host or the link is
 * due, or the time `until` has come.  The first n of poll are the caller's; one more entry after
 * them is the pump's to use (poll may be NULL when n is 0). */
void pump_wait(struct pump *, rs_time until, struct pollfd *poll, unsigned n);
/* The kernel's time, in the microseconds the host is given. */
rs_time pump_now(void);

#endif
