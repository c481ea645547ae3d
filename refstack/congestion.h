/* Congestion control behind one small interface: NewReno (RFC 5681, RFC 6582) and CUBIC (RFC 9438).
 *
 * Finding out what was lost, and sending it again, is recovery.c's business; an algorithm says how
 * large cwnd may be.  All counts are octets. */
#ifndef REFSTACK_CONGESTION_H
#define REFSTACK_CONGESTION_H

#include <stdint.h>

#include "refstack/refstack.h"

struct rs_host;
struct tcb;

/* What CUBIC remembers, RFC 9438 section 4.1.2. */
struct cubic {
    uint32_t w_max;
    uint32_t w_est;
    uint32_t cwnd_prior;
    uint32_t k_ms;
    uint32_t epoch_ms; /* start of the current congestion avoidance stage; 0: none */
    uint32_t used_ms;  /* when cwnd was last in use */
};

struct cc_algorithm {
    /* New data was acknowledged in congestion avoidance: lets cwnd grow. */
    void (*grow)(struct rs_host *, struct tcb *, uint32_t acked);
    /* Congestion was met with `flight` octets out: returns the new ssthresh. */
    uint32_t (*ssthresh)(struct tcb *, uint32_t flight);
    /* The sender has not used cwnd in full since the last ACK.  This and the next may be NULL. */
    void (*pause)(struct rs_host *, struct tcb *);
    /* A retransmission timeout was met. */
    void (*timeout)(struct tcb *);
};

extern const struct cc_algorithm cc_newreno, cc_cubic;

void cc_init(struct tcb *);
void cc_on_ack(struct rs_host *, struct tcb *, uint32_t acked, uint32_t flight_before);
/* Loss or ECN with so many octets in flight: ssthresh is set, once for each window of data; the
 * caller sets cwnd. */
void cc_on_congestion(struct rs_host *, struct tcb *, uint32_t flight);
void cc_on_rto(struct rs_host *, struct tcb *);
void cc_on_idle(struct rs_host *, struct tcb *);

#endif
