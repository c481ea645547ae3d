/* The wire seen from outside: what one connection of a stack has sent and been sent.
 *
 * Follows the frames of one connection in both directions, gives the sequence-number bases that
 * scripts and inputs speak of, and holds every frame that the stack sends to the rules that can be
 * judged from frames alone.  Where the peer's own frames leave it open what the stack took from
 * them, the widest reading is allowed.  No look inside the stack. */
#ifndef HARNESS_EGRESS_H
#define HARNESS_EGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/script.h"
#include "refstack/wire.h"

enum { EGRESS_SPAN = 1 << 16 }; /* numbers from IRS on whose arrival is remembered */

struct egress {
    struct rs_endpoint local;  /* the stack's end */
    struct rs_endpoint remote; /* the peer's */
    uint16_t mtu;

    /* What the stack has sent.  `live` from its SYN on; the numbers outlive the connection, as the
     * peer's knowledge does. */
    bool live, fin_sent, acked;
    uint32_t iss, snd_nxt, fin_seq;
    uint32_t rcv_nxt;  /* highest acknowledgment sent */
    uint32_t rcv_edge; /* furthest right edge offered */
    bool edge_unkept;  /* by a SYN,ACK that no TCB remembers (a SYN cookie) */
    uint32_t sack_l, sack_r, ts_last;
    uint8_t shift;     /* its window scale option */
    bool has_shift;

    /* What it was sent.  Frames with a wrong checksum count for nothing. */
    uint32_t irs;      /* the peer's choice, by the driver */
    uint32_t peer_nxt; /* one past the highest number sent inside the window */
    uint32_t snd_una, snd_edge;
    uint32_t max_edge; /* the furthest right edge any reading allows */
    uint32_t max_wnd;  /* the largest window offered */
    bool edge_known;
    uint32_t ts_recent;
    uint32_t mss;      /* the largest that the peer's SYNs allow */
    uint8_t peer_shift;
    bool peer_has_shift;
    bool learn;        /* irs is the number of the first SYN to come in */
    /* The SYN that came in since the event began: it may end one connection and open the next. */
    struct egress_syn {
        bool in, has_shift;
        uint8_t shift;
        uint32_t mss, wnd;
    } syn;
    bool rst_in;       /* a RST came in since the event began, */
    bool other_in;     /* and something else, which a RST may answer */
    uint32_t got_end;  /* bits of `got` in use */
    uint64_t got[EGRESS_SPAN / 64];
};

void egress_init(struct egress *, const struct rs_endpoint *local, const struct rs_endpoint *remote,
                 uint32_t irs, uint16_t mtu);
/* No TCB stands for the connection after the event: what was offered binds nobody. */
void egress_unkept(struct egress *);
/* The connection is gone, or is in LISTEN again: what follows is a new one. */
void egress_forget(struct egress *);
/* An event begins: what the stack sends now answers no frame yet. */
void egress_event(struct egress *);
/* A datagram on its way to the stack.  True when it is a segment of this connection whose checksum
 * is right; *seg, which points into it, is filled then. */
bool egress_in(struct egress *, const uint8_t *p, size_t len, struct tcp_seg *seg);
/* A datagram that the stack sent: every egress oracle is asked.  True, and *seg filled, when it is
 * TCP, of whatever connection. */
bool egress_out(struct egress *, const uint8_t *p, size_t len, struct tcp_seg *seg);
/* The value of a base; 0 for those that are no sequence numbers. */
uint32_t egress_base(const struct egress *, enum sc_base);

/* What the rules ask of an IP header, of either version. */
struct egress_ip {
    struct rs_addr src, dst;
    uint8_t proto; /* of the payload; of an IPv6 fragment or extension header, that header's */
    uint8_t hops;  /* time to live, hop limit */
    bool fragment; /* of IPv4 */
    uint32_t len;  /* of the whole datagram */
    const uint8_t *payload;
    uint32_t payload_len;
};

/* False when the octets are no datagram (egress_form.c). */
bool egress_ip(const uint8_t *p, size_t len, struct egress_ip *);
/* The rules for any datagram of the stack's, whatever its connection.  True when it is TCP; *ip and
 * *seg are filled then. */
bool egress_form(const uint8_t *p, size_t len, const struct rs_addr *local, uint16_t mtu,
                 struct egress_ip *ip, struct tcp_seg *seg);

/* The octet that stands at a place of the stream that inputs, scripts and their users send. */
static inline uint8_t stream_octet(uint32_t at)
{
    return sc_pattern(at);
}
void stream_fill(uint8_t *to, uint32_t at, size_t len);

#endif
