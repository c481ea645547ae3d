/* Options and ECN as the ends agreed on them: what one end did not offer the other may not use, and
 * what both agreed on is used where the RFC demands it.
 *
 * Judged on every segment of every case, bulk transfers too. */
#ifndef INTEROP_NEGOTIATE_H
#define INTEROP_NEGOTIATE_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/fault.h"
#include "interop/wire.h"

/* What is agreed on in the handshake, as bits. */
enum offer { OFFER_WSCALE = 1, OFFER_SACK = 2, OFFER_TIMESTAMPS = 4, OFFER_ECN = 8 };

struct negotiation {
    unsigned on[2], off[2]; /* offers an end is configured to make, and not to make, in its SYN */
    struct {
        bool syn;        /* it sent one, without or with ACK */
        bool opened;     /* without: in a simultaneous open it says its offers again */
        unsigned offers; /* in the latest */
    } end[PEER_CONNS][2];
};

/* Judges a segment as it leaves its end; false with a sentence that says what is wrong. */
bool negotiate_note(struct negotiation *, enum trace_end from, unsigned conn,
                    const struct frame_tcp *, char why[WIRE_TEXT]);

#endif
