/* One datagram of the SUT, taken apart, for the files that compare and describe it. */
#ifndef HARNESS_RUN_LIVE_H
#define HARNESS_RUN_LIVE_H

#include "harness/run_state.h"

/* A datagram of the SUT, taken apart; text is a copy, so that segments can be joined. */
struct live {
    struct ip4_hdr ip;
    struct tcp_seg seg;
    struct run_conn *conn;
    bool new_conn, tcp;
    struct icmp_msg icmp;
    uint8_t *text;
};

/* Adds both segments in script notation and the state to the reason; l may be NULL. */
void run_explain_segments(struct run *, const struct sc_event *, const struct live *l);

#endif
