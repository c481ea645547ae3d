/* What a host is made of, inside refstack only. */
#ifndef REFSTACK_HOST_H
#define REFSTACK_HOST_H

#include "refstack/pool.h"
#include "refstack/refstack.h"
#include "refstack/tcb.h"
#include "refstack/wheel.h"

enum { ARP_ENTRIES = 8, OUTQ_ENTRIES = 8 };

enum arp_state { ARP_FREE, ARP_INCOMPLETE, ARP_REACHABLE };

/* A neighbour.  While it is asked for, the latest datagram for it waits (RFC 1122 section 2.3.2.2). */
struct arp_entry {
    enum arp_state state;
    uint8_t ip[4];
    uint8_t mac[6];
    uint8_t tries;
    rs_time deadline; /* next request, or end of validity */
    struct chain waiting;
};

/* A datagram or frame made outside any connection: RST, ICMP, ARP reply. */
struct outq_entry {
    struct chain chain;
    struct rs_addr dst; /* version 0: a whole frame */
};

struct outq {
    uint32_t head;
    uint32_t n;
    struct outq_entry entry[OUTQ_ENTRIES];
};

enum { FASTOPEN_ENTRIES = 4 };

/* What a client remembers of a server, RFC 7413 section 4.1.3. */
struct fastopen_entry {
    bool used;
    uint8_t len; /* of the cookie; 0: none */
    uint16_t mss;
    struct rs_addr server;
    uint8_t cookie[16];
    rs_time not_before; /* no cookie and no text in a SYN until then */
};

struct rs_host {
    struct rs_config cfg;
    uint64_t key[4]; /* two keys of SipHash: for numbers on the wire, for the table */
    rs_time now;
    rs_observer *observer;
    void *observer_arg;
    uint64_t reasons[RS_N_REASONS];
    struct pool pool;
    struct outq outq;
    struct arp_entry arp[ARP_ENTRIES];
    struct fastopen_entry fastopen[FASTOPEN_ENTRIES];
    uint32_t fastopen_next;
    struct tcb *tcb;
    uint32_t tcb_fresh; /* TCBs from here on were never used */
    uint32_t tcb_free;  /* list through hash_next */
    uint32_t generation;
    uint32_t *bucket;
    uint32_t ready_head, ready_tail;
    uint32_t event_head, event_tail;
    struct wheel wheel;
};

static inline struct tcb *tcb_at(const struct rs_host *h, uint32_t index)
{
    return index == TCB_NONE ? NULL : &h->tcb[index];
}

void judged(struct rs_host *, const struct tcb *, const struct tcp_seg *, enum rs_reason);
struct wheel_node *host_wheel_node(void *host, uint32_t index);

/* ---- IP (ip.c) ---- */
void ip_input(struct rs_host *, const uint8_t *p, size_t len);
/* Octets of the header that ip_emit_header writes. */
size_t ip_header_len(const struct rs_addr *dst);
/* Writes an IP header for len octets of payload; returns its length, 0 when the
 * datagram is larger than the MTU or cap holds no header. */
size_t ip_emit_header(const struct rs_host *, const struct rs_addr *src, const struct rs_addr *dst,
                      uint8_t proto, uint8_t tos, uint8_t ttl, size_t len, uint8_t *buf, size_t cap);
/* Queues a datagram of a header and a body; dropped when there is no room. */
void ip_queue(struct rs_host *, const struct rs_addr *dst, const uint8_t *head, size_t head_len,
              const uint8_t *body, size_t body_len);
bool ip_is_unicast(const struct rs_host *, const struct rs_addr *);

/* ---- link (link.c) ---- */
void link_input(struct rs_host *, const uint8_t *frame, size_t len);
/* Octets that the link puts before a datagram. */
size_t link_header_len(const struct rs_host *);
/* Puts the link header before the datagram of len octets at buf + link_header_len; returns the
 * frame's length, or 0 when the neighbour is not known and the datagram waits. */
size_t link_finish(struct rs_host *, const struct rs_addr *dst, uint8_t *buf, size_t len);
/* The next frame that is not a connection's: ARP, replies, what waited for ARP. */
size_t link_output(struct rs_host *, uint8_t *buf, size_t cap);
bool link_pending(const struct rs_host *);
rs_time link_deadline(const struct rs_host *);
void outq_put(struct rs_host *, const struct rs_addr *dst, const uint8_t *head, size_t head_len,
              const uint8_t *body, size_t body_len);

/* ---- ICMP (icmp.c) ---- */
void icmp_input(struct rs_host *, const struct datagram *);
void icmp_unreachable(struct rs_host *, const struct ip4_hdr *, const uint8_t *datagram, size_t len,
                      uint8_t code);

#endif
