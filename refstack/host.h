/* What a host is made of, inside refstack only. */
#ifndef REFSTACK_HOST_H
#define REFSTACK_HOST_H

#include "refstack/pool.h"
#include "refstack/refstack.h"
#include "refstack/tcb.h"
#include "refstack/wheel.h"

enum { NEIGH_BUCKETS = 32, FRAG_QUEUES = 4, ICMP_BUCKETS = 8 };
/* Replies to strangers have a few places; the rest is for what connections have to say that are
 * gone by then, so that no flood of strangers keeps a RST from its peer. */
enum { OUTQ_ENTRIES = 32, OUTQ_STRANGERS = 8 };
enum { LINKS = 1 + RS_MORE_LINKS };
enum { OWN_ADDRS = 3 * LINKS + RS_MORE_ADDRS }; /* addr, addr6, link-local of each, more */

/* RFC 4862 section 5.4: a tentative address serves nobody until nobody else has claimed it. */
enum own_state { OWN_VALID, OWN_TENTATIVE, OWN_DUPLICATE };

struct own_addr {
    struct rs_addr addr;
    uint8_t prefix_len;
    uint8_t link;
    enum own_state state : 8;
    bool probed;
    uint8_t reports;   /* still to be sent of its solicited-node group (mld.c), */
    uint8_t record;    /* of that type, */
    bool version1;     /* to a querier of version 1, */
    rs_time report_at; /* the next then */
    rs_time deadline;  /* of a tentative one: the next step */
};

/* What is fixed of a link. */
struct link {
    bool on;
    bool ethernet;
    uint8_t mac[6];
    uint16_t mtu;
    struct rs_addr gateway, gateway6;
};

/* RFC 4861 section 7.3.2; ARP's entries go through the same states (RFC 1122 section 2.3.2.1). */
enum neigh_state {
    NEIGH_FREE,
    NEIGH_INCOMPLETE,
    NEIGH_REACHABLE,
    NEIGH_STALE,
    NEIGH_DELAY,
    NEIGH_PROBE
};

/* While it is asked for, the latest datagram for it waits (RFC 1122 section 2.3.2.2). */
struct neighbour {
    struct rs_addr ip;
    uint8_t mac[6];
    uint8_t link;
    uint8_t tries;
    uint16_t next; /* in its bucket's list, counted from 1 */
    enum neigh_state state : 8;
    rs_time deadline; /* the next solicitation; while REACHABLE, until when it is believed */
    rs_time used;     /* when last sent to */
    struct chain waiting;
};

/* A datagram or frame made outside any connection: RST, ICMP, ARP reply. */
struct outq_entry {
    struct chain chain;
    struct rs_addr dst; /* version 0: a whole frame */
    unsigned link;
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

/* Calls of rs_prefetch between a frame's line of the demultiplexer and its TCB. */
enum { PREFETCH_STEP = RS_PREFETCH_AHEAD / 2 };

/* A cache line of the demultiplexer's table: indices of TCBs, each under a tag of its hash. */
enum { DEMUX_PLACES = 15 };
#define DEMUX_TAG UINT32_C(0xfff00000)

struct demux_line {
    uint32_t place[DEMUX_PLACES]; /* TCB_NONE: empty */
    uint32_t sent_on;             /* entries that stand further on because this line was full */
};

/* Where a connection is looked for, and under which tag. */
struct demux_key {
    uint32_t line;
    uint32_t tag;
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
    struct link link[LINKS];
    unsigned n_links; /* up to the last that is on */
    unsigned in_link;  /* that the frame being taken in came by, */
    unsigned out_link; /* and that the last one out went by */
    struct own_addr own[OWN_ADDRS];
    unsigned n_own;
    struct neighbour *neigh; /* cfg.neighbours of them */
    uint16_t neigh_bucket[NEIGH_BUCKETS]; /* lists through next; counted from 1 */
    unsigned neigh_last; /* found last */
    rs_time neigh_due;   /* the earliest deadline of those that are being asked for */
    uint32_t frag[FRAG_QUEUES]; /* pages that hold a struct frag_queue, the oldest first */
    unsigned n_frag;
    uint64_t fragmented; /* datagrams sent in pieces */
    rs_time icmp_ready[ICMP_BUCKETS]; /* RFC 4443 section 2.4 (f), per hash of the destination */
    unsigned looped; /* datagrams to ourselves taken in this call of rs_output */
    struct fastopen_entry fastopen[FASTOPEN_ENTRIES];
    uint32_t fastopen_next;
    struct tcb *tcb;
    uint32_t tcb_fresh; /* TCBs from here on were never used */
    uint32_t tcb_free;  /* those given back, a list through ready.next */
    uint16_t generation;
    struct demux_line *demux;
    uint32_t demux_lines; /* a power of two */
    uint32_t ready_head, ready_tail;
    uint32_t event_head, event_tail;
    struct rs_piece *gather; /* where rs_output_gather wants text, or NULL */
    unsigned gathered;
    uint32_t bulk;     /* the connection that text in order came for last, or TCB_NONE */
    size_t bulk_head;  /* octets of header before that text */
    bool csum_done; /* the link vouches for the frame being taken in */
    struct demux_key coming[PREFETCH_STEP]; /* lines asked for, or TCB_NONE */
    unsigned coming_at;
    struct wheel wheel;
};

/* For ages that matter by the day: 32 bits of seconds last 136 years. */
static inline uint32_t host_seconds(const struct rs_host *h)
{
    return (uint32_t)(h->now / RS_SEC);
}

static inline struct tcb *tcb_at(const struct rs_host *h, uint32_t index)
{
    return index == TCB_NONE ? NULL : &h->tcb[index];
}

void judged(struct rs_host *, const struct tcb *, const struct tcp_seg *, enum rs_reason);
struct wheel_node *host_wheel_node(void *host, uint32_t index);

/* ---- addresses and routes (route.c) ---- */
void addr_init(struct rs_host *);
bool addr_config_usable(const struct rs_config *);
/* An address of the link that the frame being taken in came by. */
struct own_addr *addr_find(struct rs_host *, const struct rs_addr *);
bool ip_is_here(const struct rs_host *, const struct rs_addr *);
/* The link that an address of ours belongs to; the first for what is not. */
unsigned ip_link(const struct rs_host *, const struct rs_addr *own);
uint16_t ip_mtu(const struct rs_host *, const struct rs_addr *own);
bool ip_is_loopback(const struct rs_addr *);
bool ip_is_multicast(const struct rs_addr *);
bool ip_is_unspecified(const struct rs_addr *);
/* Not unspecified, loopback, multicast, class E, nor a broadcast of a network of ours. */
bool ip_is_unicast(const struct rs_host *, const struct rs_addr *);
bool ip_is_local(const struct rs_host *, const struct rs_addr *); /* ours, loopback included */
bool ip_is_joined(const struct rs_host *, const struct rs_addr *); /* a multicast group of ours */
/* Whether a connection may be opened to it: one host's address, perhaps our own. */
bool ip_is_host(const struct rs_host *, const struct rs_addr *);
/* The address of ours to reach dst from (RFC 6724 section 5); false when there is none. */
bool ip_source_for(const struct rs_host *, const struct rs_addr *dst, struct rs_addr *src);
/* The same, of one link. */
bool ip_source_on(const struct rs_host *, unsigned link, const struct rs_addr *dst,
                  struct rs_addr *src);
struct rs_addr ip_next_hop(const struct rs_host *, unsigned link, const struct rs_addr *dst);
struct rs_addr ip6_solicited_node(const struct rs_addr *);

/* ---- IP (ip.c, ip4.c, ip6.c) ---- */
enum ip_from {
    IP_FROM_WIRE,
    IP_FROM_FRAGMENTS, /* off the wire in pieces */
    IP_FROM_SELF       /* never left this host */
};
void ip_input(struct rs_host *, const uint8_t *p, size_t len, enum ip_from);
void ip4_input(struct rs_host *, const uint8_t *p, size_t len, enum ip_from);
void ip6_input(struct rs_host *, const uint8_t *p, size_t len, enum ip_from);
/* Whether a datagram from the wire may carry these addresses. */
enum rs_reason ip_judge_addresses(const struct rs_host *, const struct rs_addr *src,
                                  const struct rs_addr *dst, enum ip_from);
/* The upper layer's protocol and where it begins, whatever the extension headers say: at the end in
 * a later fragment.  False when the octets end before it.  For ICMP errors, which have to know what
 * they would answer. */
bool ip6_upper(const uint8_t *p, size_t len, uint8_t *proto, size_t *at);
/* Octets of the header that ip_emit_header writes. */
size_t ip_header_len(const struct rs_addr *dst);
/* Writes an IP header for len octets of payload; returns its length, 0 when the
 * datagram is larger than the MTU or cap holds no header. */
size_t ip_emit_header(const struct rs_host *, const struct rs_addr *src, const struct rs_addr *dst,
                      uint8_t proto, uint8_t tos, uint8_t ttl, size_t len, uint8_t *buf,
                      size_t cap);
/* Queues a datagram of a header and a body; dropped when there is no room. */
void ip_queue(struct rs_host *, const struct rs_addr *src, const struct rs_addr *dst,
              const uint8_t *head, size_t head_len, const uint8_t *body, size_t body_len);

/* What a header of either version says. */
struct ip_out {
    const struct rs_addr *src, *dst;
    uint8_t proto, tos, ttl;
};
/* Queues a datagram of an ICMP header and a body, in pieces where the link's MTU asks for it; or
 * nothing when there is no room for them (ip_send.c). */
void ip_send(struct rs_host *, const struct ip_out *, const uint8_t head[ICMP_HEADER],
             const uint8_t *body, size_t body_len);

/* ---- reassembly (frag.c) ---- */
struct fragment {
    struct rs_addr src, dst;
    uint32_t id;
    uint8_t proto; /* IPv4 only: part of what tells datagrams apart (RFC 791 section 3.2) */
    uint8_t next;  /* IPv6 only: of the first fragment's header, what the datagram holds, */
    uint16_t next_at; /* and where in the head that is to be said */
    uint8_t ecn;
    uint32_t off;
    bool more;
    const uint8_t *head; /* the headers before the fragmentable part */
    size_t head_len;
    const uint8_t *data;
    size_t len;
};
enum rs_reason frag_input(struct rs_host *, const struct fragment *);
void frag_expire(struct rs_host *);
rs_time frag_deadline(const struct rs_host *);
/* For an invariant checker: the pages and chains of the i-th queue; false past the last. */
bool frag_holds(const struct rs_host *, unsigned i, struct chain *head, struct chain *data);

/* ---- link (link.c) ---- */
void link_input(struct rs_host *, const uint8_t *frame, size_t len);
/* Octets that the link puts before a datagram. */
size_t link_header_len(const struct rs_host *, unsigned link);
/* Puts the link header before the datagram of len octets at buf + link_header_len; returns the
 * frame's length, or 0 when the neighbour is not known and the datagram waits, or when it is for
 * this host itself and goes no further. */
size_t link_finish(struct rs_host *, unsigned link, const struct rs_addr *dst, uint8_t *buf,
                   size_t len);
/* The next frame that is not a connection's: ARP, ND, replies, what waited for them. */
size_t link_output(struct rs_host *, uint8_t *buf, size_t cap);
bool link_pending(const struct rs_host *);
rs_time link_deadline(const struct rs_host *);
/* Dropped when the queue holds `most` already. */
void outq_put(struct rs_host *, unsigned most, unsigned link, const struct rs_addr *dst,
              const uint8_t *head, size_t head_len, const uint8_t *body, size_t body_len);

/* ---- neighbours (neigh.c) ---- */
struct neighbour *neigh_find(struct rs_host *, unsigned link, const struct rs_addr *);
struct neighbour *neigh_new(struct rs_host *, unsigned link, const struct rs_addr *);
/* The neighbour has this address; confirmed: it answered us, so that the way there works. */
void neigh_learn(struct rs_host *, struct neighbour *, const uint8_t mac[6], bool confirmed);
/* The neighbour's address, or NULL and the datagram waits in place of any older one. */
const uint8_t *neigh_resolve(struct rs_host *, unsigned link, const struct rs_addr *hop,
                             const uint8_t *datagram, size_t len);
/* A peer of an address of ours has acknowledged something new. */
void neigh_progress(struct rs_host *, const struct rs_addr *own, const struct rs_addr *peer);
size_t neigh_output(struct rs_host *, uint8_t *buf, size_t cap); /* the next solicitation due */
rs_time neigh_deadline(const struct rs_host *);

/* ---- ARP (arp.c), Neighbour Discovery (nd.c) ---- */
enum rs_reason arp_input(struct rs_host *, const uint8_t *p, size_t len);
/* A request, to mac or to all. */
size_t arp_solicit(struct rs_host *, unsigned link, const struct rs_addr *, const uint8_t *mac,
                   uint8_t *buf, size_t cap);
enum rs_reason nd_input(struct rs_host *, const struct datagram *, const struct icmp_msg *);
/* A solicitation, to mac or to the solicited-node group. */
size_t nd_solicit(struct rs_host *, unsigned link, const struct rs_addr *, const uint8_t *mac,
                  uint8_t *buf, size_t cap);
size_t dad_output(struct rs_host *, uint8_t *buf, size_t cap);
rs_time dad_deadline(const struct rs_host *);

/* ---- Multicast Listener Discovery (mld.c) ---- */
void mld_init(struct rs_host *);
enum rs_reason mld_input(struct rs_host *, const struct datagram *, const struct icmp_msg *);
size_t mld_output(struct rs_host *, uint8_t *buf, size_t cap);
rs_time mld_deadline(const struct rs_host *);

/* ---- ICMP (icmp.c, icmp6.c, icmp_error.c) ---- */
void icmp_input(struct rs_host *, const struct datagram *);
void icmp6_input(struct rs_host *, const struct datagram *);
/* Sends an error about a datagram unless one may not be sent (RFC 1122 section 3.2.2, RFC 4443
 * section 2.4 (e)) or the rate is used up.  type and code are those of the datagram's version. */
void icmp_send_error(struct rs_host *, const struct datagram *cause, uint8_t type, uint8_t code,
                     uint32_t rest);

#endif
