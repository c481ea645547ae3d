/* What a case saw on the wire, and whether a segment is the one that the script expects.
 *
 * Strict where the RFCs are: flags, sequence and acknowledgment numbers, octets of text.  Tolerant
 * of a stack's freedom: PSH and options that the script does not ask for, windows, and an ACK that
 * only tells of a new window. */
#ifndef INTEROP_WIRE_H
#define INTEROP_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/fault.h"
#include "harness/result.h"
#include "harness/script.h"
#include "interop/peer.h"

/* A segment that left its end; numbers are relative to the initial ones, as packetdrill's. */
struct wire_segment {
    enum trace_end from;
    unsigned conn;
    rs_time at;
    uint16_t flags, wnd, up;
    uint16_t mss_less; /* IPv6's header takes this much more of the MTU than a script's MSS knows */
    uint32_t seq, ack, text_len;
    uint8_t opt_len, opt[TCP_OPT_MAX];
    size_t row;  /* of the trace */
    bool update; /* may only tell of a new window: the script need not expect it */
};

enum { WIRE_QUEUE = 512 };

struct wire {
    uint16_t mss_less;
    bool any; /* segments are not judged: a bulk transfer is under way */
    struct {
        bool known;
        uint32_t isn;
        bool syn, acked; /* these and those below are of the last segment sent */
        uint32_t seq, ack;
        uint16_t wnd;
    } flow[PEER_CONNS][2];
    struct wire_segment queue[WIRE_QUEUE]; /* not yet expected by the script */
    unsigned first, n;
    bool overflow;
    size_t next_row; /* of the trace, for the segment noted next */
};

/* Takes note of a segment that `from` sent on the connection. */
void wire_note(struct wire *, enum trace_end from, unsigned conn, const struct tcp_seg *, rs_time);
/* The oldest segment the script has not expected yet, or NULL. */
const struct wire_segment *wire_peek(const struct wire *);
/* Takes away window updates up to the next segment that the script must expect; whether there is
 * one. */
bool wire_skip_updates(struct wire *);
void wire_take(struct wire *);

enum { WIRE_TEXT = 256 };

/* The segment in script notation: "S. 0:0(0) ack 1". */
void wire_print(const struct wire_segment *, char text[WIRE_TEXT]);
/* True when the segment is what the script expects of that end; otherwise says which field differs
 * and how: "ack: expected 1, got 2". */
bool wire_match(const struct wire_segment *, enum trace_end from, unsigned conn,
                const struct sc_segment *expected, char why[WIRE_TEXT]);

#endif
