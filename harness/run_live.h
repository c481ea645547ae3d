/* One datagram of the SUT, taken apart, for the files that compare and describe it. */
#ifndef HARNESS_RUN_LIVE_H
#define HARNESS_RUN_LIVE_H

#include "harness/run_state.h"

/* What the two versions of IP have in common. */
struct live_ip {
    struct rs_addr src, dst;
    uint8_t proto, tos, ttl;
    const uint8_t *payload;
    size_t payload_len;
};

/* A datagram of the SUT, taken apart; text is a copy, so that segments can be joined. */
struct live {
    struct live_ip ip;
    struct tcp_seg seg;
    struct run_conn *conn;
    bool new_conn, tcp;
    struct icmp_msg icmp;
    uint8_t *text;
};

/* False when it is no well-formed datagram of that version, or its header checksum is wrong. */
bool run_ip_parse(struct live_ip *, uint8_t version, const uint8_t *p, size_t len);

/* Adds both segments in script notation and the state to the reason; l may be NULL. */
void run_explain_segments(struct run *, const struct sc_event *, const struct live *l);

#endif
