/* An independent reading of SEGMENT ARRIVES, RFC 9293 section 3.10.7, held against what a host did.
 *
 * It takes a look at the connection before and after one segment, and the answer, and asks what can
 * be said for certain: nothing is recomputed by the stack's own code.  Where timestamps are in use
 * it stays silent, for RFC 7323 judges first. */
#ifndef HARNESS_ARRIVAL_H
#define HARNESS_ARRIVAL_H

#include <stdbool.h>
#include <stdint.h>

#include "refstack/refstack.h"
#include "refstack/wire.h"

/* One connection as a look inside shows it. */
struct arrival_look {
    bool exists; /* a TCB for just these two ends */
    enum rs_state state; /* in which a segment would arrive: LISTEN or CLOSED without a TCB */
    bool passive, child, closing, released, deaf, fin_known, held, ts_on;
    bool cookies; /* in LISTEN: an ACK may answer a SYN cookie (RFC 4987 section 3.6) */
    bool starved; /* no page is free: an answer outside any connection may be left out */
    /* held: text waits beyond a hole */
    uint32_t iss, snd_una, snd_nxt, snd_wnd, snd_wl1, snd_wl2, max_snd_wnd;
    uint32_t irs, rcv_nxt, rcv_wnd;
    uint8_t snd_wscale;
    bool rfc1337;
};

/* What the host sent in answer: how many segments, and the last of them. */
struct arrival_answer {
    unsigned n;
    uint16_t flags;
    uint32_t seq, ack;
};

void arrival_look(const struct rs_host *, uint16_t local_port, uint16_t remote_port,
                  struct arrival_look *);
/* Judges the arrival of a segment whose header, checksum and options are in order. */
void arrival_check(const struct arrival_look *before, const struct arrival_look *after,
                   const struct tcp_seg *, enum rs_reason, const struct arrival_answer *);

#endif
