/* refstack: a compact, deterministic TCP/IP host that does no I/O.
 *
 * A host lives in one block of memory that the caller provides; after rs_init it never allocates,
 * reads no clock, opens no socket and has no global state.  Frames and the time go in, frames and
 * a deadline come out:
 *
 *     rs_input(host, frame, len, now);                     each frame that arrived
 *     while ((n = rs_output(host, buf, cap, now)) > 0) ... each frame to send
 *     rs_deadline(host)                                    when to call rs_output at the latest
 *
 * The same calls with the same times give the same octets, always.  Time is a count of
 * microseconds that never goes back; its origin is the caller's.  Nothing is sent inside a call:
 * every call leaves its segments to be pulled by rs_output, which also fires the timers due.
 *
 * The user calls are those of RFC 9293 section 3.10.  They never block; they return a count or 0,
 * or a negative enum rs_error.  A connection is named by a handle, a non-negative number that is
 * not reused soon; a stale one gives RS_ENOCONN. */
#ifndef REFSTACK_REFSTACK_H
#define REFSTACK_REFSTACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rs_host;
struct tcp_seg;

typedef uint64_t rs_time; /* microseconds */

#define RS_NEVER UINT64_MAX
#define RS_MSEC ((rs_time)1000)
#define RS_SEC ((rs_time)1000000)

/* An IP address of either version: octet[0..3] for IPv4, all 16 for IPv6, version 0 for none. */
struct rs_addr {
    uint8_t version; /* 0, 4 or 6 */
    uint8_t octet[16];
};

struct rs_endpoint {
    struct rs_addr addr;
    uint16_t port;
};

static inline struct rs_addr rs_ip4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return (struct rs_addr){ .version = 4, .octet = { a, b, c, d } };
}

static inline struct rs_addr rs_ip6(const uint8_t octet[16])
{
    struct rs_addr a = { .version = 6 };
    for (int i = 0; i < 16; i++)
        a.octet[i] = octet[i];
    return a;
}

/* Whether both are the same address of the same version. */
bool rs_addr_eq(const struct rs_addr *a, const struct rs_addr *b);

/* ---- Configuration ---------------------------------------------------------------------- */

enum rs_link {
    RS_LINK_ETHERNET, /* frames are Ethernet frames; addresses are resolved by ARP and ND */
    RS_LINK_IP        /* frames are IP datagrams, as on a TUN device */
};

enum rs_congestion { RS_CC_NEWRENO, RS_CC_CUBIC };

/* What a connection starts with; each can be changed for one connection by rs_set.  A time of
 * RS_NEVER is no time at all; an RTO of more than an hour is refused. */
struct rs_tcp_config {
    uint32_t snd_buf;        /* octets a connection may queue to send */
    uint32_t rcv_buf;        /* octets a connection may hold for the user; RCV.BUFF */
    uint16_t mss;            /* upper bound for the MSS option; 0: from the MTU */
    uint16_t min_mss;        /* a peer's smaller MSS is raised to this; RFC 9293 has no floor */
    rs_time msl;             /* RFC 9293 section 3.4.2: 2 minutes */
    rs_time rto_initial;     /* RFC 6298 section 2: 1 s */
    rs_time rto_min;         /* RFC 6298 section 2.4: 1 s */
    rs_time rto_max;         /* RFC 6298 section 2.5: at least 60 s; like those two, at most
                                4294 s, 32 bits of microseconds */
    rs_time delayed_ack;     /* RFC 9293 MUST-40: under 0.5 s; 0: every segment at once */
    uint32_t r1;             /* retransmissions before advice is given; SHLD-10: at least 3 */
    rs_time r2;              /* age of the oldest unacknowledged octet that ends the connection;
                                SHLD-11: at least 100 s */
    rs_time r2_syn;          /* the same for a SYN; MUST-23: at least 3 minutes */
    rs_time user_timeout;    /* RFC 9293 section 3.10.8; 0: none beyond R2 */
    rs_time keepalive_idle;  /* MUST-28: at least 2 hours; the probes are off unless keepalive */
    rs_time keepalive_intvl; /* between probes */
    uint32_t keepalive_probes; /* unanswered probes that end the connection; MUST-29: over 1 */
    rs_time fin_wait_2;        /* how long FIN-WAIT-2 lasts once the user let go; 0: for ever, as
                                  the RFC has it, at the price of a TCB for each vanished peer */
    uint32_t challenge_acks;   /* RFC 5961 section 7: per connection and second; 0: no limit */
    uint8_t ttl;               /* MUST-49 */
    uint8_t tos;               /* Diffserv octet, MUST-48 */
    bool keepalive;            /* MUST-25: off */
    bool nagle;                /* SHLD-7 */
    bool window_scale;         /* RFC 7323 */
    uint8_t window_shift;      /* the least shift count to offer, for a buffer that may grow */
    bool timestamps;           /* RFC 7323 */
    bool sack;                 /* RFC 2018 */
    bool rack;                 /* RFC 8985, where SACK is agreed; else RFC 6675 */
    bool ecn;                  /* RFC 3168 */
    bool fastopen;             /* RFC 7413, off unless asked for: a listener's side */
    uint32_t fastopen_pending; /* connections in SYN-RECEIVED by it, per listener */
    bool syn_cookies;          /* RFC 4987: when a listener's backlog is full */
    bool black_holes;          /* RFC 4821: smaller segments where large ones vanish unannounced */
    bool pmtu_search;          /* RFC 4821: then larger ones again, one at a time as a probe */
    bool doubt_too_big;        /* RFC 5927 section 7.2: where large segments are known to pass, a
                                  router's word to the contrary waits for a timeout */
    bool uto;                  /* RFC 5482: tell and heed the user timeout option */
    bool rfc1337;              /* ignore RST in TIME-WAIT */
    enum rs_congestion congestion;
};

/* An address of the host and how much of it names the network on its link. */
struct rs_net {
    struct rs_addr addr;
    uint8_t prefix_len;
};

enum { RS_MORE_ADDRS = 4, RS_MORE_LINKS = 3 };

/* A further link of the host, with addresses of its own; rs_config itself holds the first. */
struct rs_link_config {
    bool on;
    enum rs_link link;
    uint8_t mac[6];
    uint16_t mtu;
    struct rs_addr addr, addr6; /* version 0: none; one of them must be */
    uint8_t prefix_len, prefix6;
    struct rs_addr gateway, gateway6;
};

struct rs_config {
    uint64_t seed; /* of the keyed generator: ISS, ports, timestamp offsets */
    enum rs_link link;
    uint8_t mac[6];
    struct rs_addr addr;
    uint8_t prefix_len;
    struct rs_addr gateway; /* version 0: none */
    /* IPv6, off while addr6 has version 0.  On Ethernet the link-local address comes by itself. */
    struct rs_addr addr6;
    uint8_t prefix6;
    struct rs_addr gateway6;
    struct rs_net more[RS_MORE_ADDRS]; /* further addresses of either version; version 0: none */
    /* Further links, number 1 and up.  What arrives on a link is for the addresses of that link
     * only, and what leaves by it has one of them as its source: the strong host model of RFC 1122
     * section 3.3.4.2.  Nothing is forwarded.  Without the caller's choice of a source, the longest
     * prefix decides, then the first link with a gateway. */
    struct rs_link_config more_links[RS_MORE_LINKS];
    bool mld; /* RFC 3810: routers are told of the groups listened to, and so are switches */
    bool dad; /* RFC 4862 section 5.4; off: IPv6 addresses serve at once */
    uint16_t mtu;           /* octets of IP datagram the link takes */
    bool offload;           /* with RS_LINK_ETHERNET: a virtio-net header (wire.h) stands before
                               each frame; the link checksums TCP and cuts up 64 KiB of text.  For
                               a host of one link */
    uint32_t max_conns;     /* TCBs, listening ones included */
    uint32_t demux_places;  /* of the connection table, at least; a power of two */
    uint32_t pages;         /* of the shared buffer pool */
    uint32_t page_octets;   /* size of one page; a power of two, at least 256 */
    uint32_t backlog;       /* connections in SYN-RECEIVED or unaccepted, per listener */
    uint32_t neighbours;    /* entries of the ARP and Neighbour Discovery cache; at most 1024 */
    struct rs_tcp_config tcp;
};

/* The RFCs' defaults, a 1500-octet Ethernet link, 64 connections, 4 MiB of pages. */
void rs_config_default(struct rs_config *);
/* A host for fuzzing: at most 16 KiB, a few connections, small buffers; other values as above. */
void rs_config_small(struct rs_config *);

/* Octets of memory a host needs; 0 when the configuration is unusable. */
size_t rs_host_size(const struct rs_config *);
/* Builds a host at the start of block (aligned as malloc aligns); NULL when size is too small or
 * the configuration unusable.  The block must stay where it is; freeing it is the caller's. */
struct rs_host *rs_init(void *block, size_t size, const struct rs_config *, rs_time now);
/* Back to what rs_init made, with all connections gone and the observer kept. */
void rs_reset(struct rs_host *, rs_time now);

/* ---- Frames and time -------------------------------------------------------------------- */

void rs_input(struct rs_host *, const uint8_t *frame, size_t len, rs_time now);
/* For a caller that has several frames in hand: begins to fetch into the cache what the frame that
 * rs_input is given RS_PREFETCH_AHEAD calls later will touch.  With very many connections most of
 * the time goes into waiting for that memory.  Called once for each frame, in their order; after
 * the last, len 0 moves those before it along.  It changes nothing that shows but the time taken,
 * and any octets will do. */
void rs_prefetch(struct rs_host *, const uint8_t *frame, size_t len);
enum { RS_PREFETCH_AHEAD = 8 };
/* The same two from a link of several, counted from 0; those above are for the first. */
void rs_input_on(struct rs_host *, unsigned link, const uint8_t *frame, size_t len, rs_time now);
void rs_prefetch_on(struct rs_host *, unsigned link, const uint8_t *frame, size_t len);
/* Fires due timers, then writes the next frame; returns its octets, or 0 when there is none.
 * cap must hold the MTU and the link header. */
size_t rs_output(struct rs_host *, uint8_t *buf, size_t cap, rs_time now);
/* The link that the frame which rs_output returned last goes out by. */
unsigned rs_output_link(const struct rs_host *);
/* The time at which something is to be done: at most the earliest timer, RS_NEVER when none runs.
 * It may be early (nothing fires then; timers that were stopped are cleared away), never late. */
rs_time rs_deadline(const struct rs_host *);

/* Octets of a frame that stand elsewhere than in the buffer. */
struct rs_piece {
    const uint8_t *octets;
    size_t len;
};
enum { RS_PIECES = 8 };
/* Room of the host's own for octets to come. */
struct rs_room {
    uint8_t *octets;
    size_t len;
};
/* With offload: where the text of the next frame is likely to belong, and in *head how many octets
 * of header are likely to stand before it (virtio-net header included).  The caller reads a frame's
 * first *head octets elsewhere and the rest into the pieces of room, then calls rs_input_placed.
 * Returns the pieces, 0 when there is no telling; nothing may change the host in between. */
unsigned rs_input_room(struct rs_host *, size_t *head, struct rs_room room[RS_PIECES]);
/* Takes in the frame so read.  False, and nothing changed, when the guess was wrong: rs_input is to
 * be called with the whole frame in one piece then. */
bool rs_input_placed(struct rs_host *, const uint8_t *head, size_t head_len, size_t text_len,
                     rs_time now);

/* As rs_output, but with offload text is not copied: it follows the n octets written to buf as
 * `*pieces` pieces of the host's own memory, good until the next call that changes the host. */
size_t rs_output_gather(struct rs_host *, uint8_t *buf, size_t cap,
                        struct rs_piece piece[RS_PIECES], unsigned *pieces, rs_time now);

/* ---- User calls, RFC 9293 section 3.10 -------------------------------------------------- */

enum rs_error {
    RS_EAGAIN = -1,    /* nothing now: no data, no room, nothing to accept */
    RS_ENOCONN = -2,   /* "connection does not exist" */
    RS_EEXIST = -3,    /* "connection already exists" */
    RS_ENORES = -4,    /* "insufficient resources" */
    RS_EINVAL = -5,    /* "remote socket unspecified", or a bad address, port or argument */
    RS_ECLOSING = -6,  /* "connection closing" */
    RS_ERESET = -7,    /* "connection reset" */
    RS_EREFUSED = -8,  /* "connection refused" */
    RS_ETIMEOUT = -9,  /* "connection aborted due to user timeout" */
    RS_EUNREACH = -10, /* an ICMP error ended the connection while it was being opened */
    RS_EABORTED = -11, /* aborted by this end */
    RS_ENOTCONN = -12  /* not (yet) connected */
};
const char *rs_error_name(int error);

enum rs_state {
    RS_CLOSED,
    RS_LISTEN,
    RS_SYN_SENT,
    RS_SYN_RECEIVED,
    RS_ESTABLISHED,
    RS_FIN_WAIT_1,
    RS_FIN_WAIT_2,
    RS_CLOSE_WAIT,
    RS_CLOSING,
    RS_LAST_ACK,
    RS_TIME_WAIT,
    RS_N_STATES
};
const char *rs_state_name(enum rs_state); /* "SYN-SENT", as the RFC writes it */

/* OPEN.  local.port 0 picks an ephemeral port (RFC 6056) for an active OPEN and is an error for a
 * passive one; an unspecified local address means the host's (MUST-44).  A passive OPEN with a
 * remote address and port takes only that peer (RFC 9293 section 3.9.1.1).
 * Active OPEN from LISTEN, the RFC's third form, is rs_open_from_listen. */
int rs_open_active(struct rs_host *, const struct rs_endpoint *local,
                   const struct rs_endpoint *remote, rs_time now);
/* Active OPEN that asks for a fast-open cookie or, having one, sends the first octets of data with
 * its SYN (RFC 7413).  All of the data the send buffer takes is queued either way. */
int rs_open_fast(struct rs_host *, const struct rs_endpoint *local,
                 const struct rs_endpoint *remote, const void *data, size_t len, rs_time now);
int rs_open_passive(struct rs_host *, const struct rs_endpoint *local,
                    const struct rs_endpoint *remote, rs_time now);
int rs_open_from_listen(struct rs_host *, int conn, const struct rs_endpoint *remote, rs_time now);
/* A LISTEN that stays and hands each connection to rs_accept, as listen(2) does. */
int rs_listen(struct rs_host *, const struct rs_endpoint *local, rs_time now);
/* The handle of a connection that completed on a listener, or RS_EAGAIN. */
int rs_accept(struct rs_host *, int listener, rs_time now);

enum rs_send_flag { RS_PUSH = 1, RS_URGENT = 2, RS_MORE = 4 /* more follows: do not push */ };
/* SEND: queues up to len octets, returns how many were taken or RS_EAGAIN when there is no room. */
int rs_send(struct rs_host *, int conn, const void *data, size_t len, unsigned flags, rs_time now);
/* RECEIVE: returns octets, 0 once the peer's FIN was reached, RS_EAGAIN when there is nothing. */
int rs_receive(struct rs_host *, int conn, void *buf, size_t cap, rs_time now);
/* RECEIVE in place: up to n octets that are next, in at most RS_PIECES pieces of the host's own
 * memory, good until the next call that changes the host; *pieces says how many.  rs_receive with a
 * NULL buffer then takes them off.  Returns as rs_receive. */
int rs_peek(struct rs_host *, int conn, struct rs_piece piece[RS_PIECES], unsigned *pieces,
            rs_time now);
/* CLOSE: nothing more will be sent; what is queued and a FIN still are.  RECEIVE goes on. */
int rs_close(struct rs_host *, int conn, rs_time now);
/* ABORT: RST where the RFC asks for one, queues flushed, state CLOSED, the handle given up. */
int rs_abort(struct rs_host *, int conn, rs_time now);
/* The user lets go of the handle: CLOSE if that was not done, and no more RECEIVE.  Unread or later
 * text is answered by RST (RFC 9293 section 3.6.1, SHLD-3).  The handle is stale afterwards. */
int rs_release(struct rs_host *, int conn, rs_time now);

/* The user will receive no more: what is and will be queued is thrown away, RECEIVE gives 0. */
int rs_shutdown_receive(struct rs_host *, int conn, rs_time now);

/* Readiness, as bits. */
enum rs_ready {
    RS_READABLE = 1, /* RECEIVE gives octets, end of data or an error; a listener: accept does */
    RS_WRITABLE = 2, /* SEND takes octets or gives an error */
    RS_ENDED = 4     /* CLOSED: only release is left */
};
unsigned rs_ready(const struct rs_host *, int conn);
/* A connection of which something changed since it was given here last: octets, room, an end, a
 * connection to accept.  RS_EAGAIN when there is none.  Ask rs_ready what it is. */
int rs_next_event(struct rs_host *);

/* STATUS.  Names are RFC 9293's and RFC 5681's; sequence numbers are absolute. */
struct rs_status {
    enum rs_state state;
    int error;     /* what ended the connection: enum rs_error, or 0 */
    int soft_error; /* last soft error, cleared by reading: RS_EUNREACH, RS_ETIMEOUT (R1), or 0 */
    bool passive;  /* it came from a passive OPEN (MUST-11) */
    bool eof;      /* the peer's FIN was received in order (MUST-12) */
    struct rs_endpoint local, remote;
    uint32_t iss, snd_una, snd_nxt, snd_up, snd_wl1, snd_wl2;
    uint32_t irs, rcv_nxt, rcv_up;
    uint32_t snd_wnd, rcv_wnd; /* in octets, scaled */
    uint8_t snd_wscale, rcv_wscale;
    bool ts_on, sack_on, wscale_on;
    uint32_t smss, rmss;
    uint32_t cwnd, ssthresh;
    rs_time srtt, rttvar, rto;
    uint32_t retransmits;       /* of the oldest unacknowledged octet */
    uint32_t total_retransmits; /* segments retransmitted since OPEN */
    uint32_t snd_queued;        /* octets sent or not that are not acknowledged */
    uint32_t rcv_queued;        /* octets ready for RECEIVE */
    uint32_t urgent_left;       /* urgent octets not yet received by the user (MUST-33) */
    bool urgent;                /* urgent mode: RCV.UP is ahead of what the user has read */
};
/* Any connection that rs_each names has one, held by a user or not. */
int rs_status(struct rs_host *, int conn, struct rs_status *);

/* Changes one connection's configuration; takes effect for what is sent from now on. */
int rs_set(struct rs_host *, int conn, const struct rs_tcp_config *, rs_time now);
int rs_get(const struct rs_host *, int conn, struct rs_tcp_config *);

/* Calls fn for each connection the host holds, TIME-WAIT and SYN-RECEIVED included. */
void rs_each(const struct rs_host *, void (*fn)(void *arg, int conn), void *arg);

/* ---- Observation ------------------------------------------------------------------------ */

/* What was done with a frame or segment, and why.  Every refusal is counted. */
#define RS_REASONS(X)                                                            \
    X(ACCEPTED, "accepted")                                                      \
    X(LINK_TRUNCATED, "link header truncated")                                   \
    X(LINK_NOT_OURS, "link destination or type not ours")                        \
    X(ARP_BAD, "ARP malformed")                                                  \
    X(IP_BAD_HEADER, "IP header malformed")                                      \
    X(IP_BAD_CHECKSUM, "IP header checksum wrong")                               \
    X(IP_BAD_ADDRESS, "IP source or destination invalid")                        \
    X(IP_NOT_OURS, "IP destination not ours")                                    \
    X(IP_FRAGMENT, "IP fragment overlapping, out of bounds or without room")     \
    X(IP_FRAGMENT_HELD, "IP fragment held for reassembly")                       \
    X(IP_EXTENSION, "IPv6 extension header or option refused")                   \
    X(IP_PROTOCOL, "IP protocol not served")                                     \
    X(ND_BAD, "Neighbour Discovery message invalid")                             \
    X(ICMP_BAD, "ICMP malformed or checksum wrong")                              \
    X(ICMP_IGNORED, "ICMP of no consequence")                                    \
    X(ICMP_NO_CONNECTION, "ICMP quotes no segment of ours in flight")            \
    X(TCP_BAD_HEADER, "TCP header malformed")                                    \
    X(TCP_BAD_CHECKSUM, "TCP checksum wrong")                                    \
    X(TCP_BAD_OPTION, "TCP option length illegal")                               \
    X(NO_CONNECTION, "no connection")                                            \
    X(NOT_SYN, "segment for LISTEN or SYN-SENT without the SYN it needs")        \
    X(BACKLOG_FULL, "listener's backlog full")                                   \
    X(NO_RESOURCES, "no TCB free")                                               \
    X(BAD_ACK, "acknowledgment of something not sent")                           \
    X(RST_IN_LISTEN, "RST in LISTEN")                                            \
    X(RST_NOT_ACCEPTABLE, "RST not acceptable")                                  \
    X(RST_CHALLENGED, "RST in window but not at RCV.NXT")                        \
    X(RST_IN_TIME_WAIT, "RST in TIME-WAIT, RFC 1337")                            \
    X(SYN_CHALLENGED, "SYN in a synchronized state")                             \
    X(SYN_TIME_WAIT, "SYN in TIME-WAIT not newer, RFC 6191")                     \
    X(OLD_ACK, "acknowledgment older than the largest window, RFC 5961")         \
    X(NO_ACK_BIT, "ACK bit off")                                                 \
    X(OUT_OF_WINDOW, "outside the receive window")                               \
    X(PAWS, "timestamp older than TS.Recent")                                    \
    X(TS_MISSING, "timestamp option missing")                                    \
    X(TEXT_AFTER_FIN, "text after the peer's FIN")                               \
    X(TEXT_NO_ROOM, "text not held: no page or reassembly slot free")            \
    X(RESET, "RST accepted")

enum rs_reason {
#define RS_REASON_ENUM(name, text) RS_REASON_##name,
    RS_REASONS(RS_REASON_ENUM)
#undef RS_REASON_ENUM
    RS_N_REASONS
};
const char *rs_reason_text(enum rs_reason);

enum rs_timer {
    RS_TIMER_RETRANSMIT, /* RFC 6298 */
    RS_TIMER_REORDER,    /* RFC 8985 section 6.3 */
    RS_TIMER_PROBE,      /* tail loss probe, RFC 8985 section 7 */
    RS_TIMER_PERSIST,    /* RFC 9293 section 3.8.6.1 */
    RS_TIMER_DELAYED_ACK,
    RS_TIMER_KEEPALIVE,
    RS_TIMER_TIME_WAIT,  /* 2 MSL */
    RS_TIMER_FIN_WAIT_2, /* once the user let go */
    RS_TIMER_USER,      /* user timeout, RFC 9293 section 3.10.8 */
    RS_N_TIMERS
};
const char *rs_timer_name(enum rs_timer);

enum rs_observed {
    RS_OBS_STATE,   /* a connection went from one state to another */
    RS_OBS_SEGMENT, /* a segment or frame was judged */
    RS_OBS_TIMER,   /* a timer fired */
    RS_OBS_URGENT   /* the urgent pointer advanced (MUST-32) */
};

struct rs_observation {
    enum rs_observed what;
    rs_time now;
    int conn;                  /* -1: none */
    enum rs_state from, to;    /* RS_OBS_STATE; otherwise both are the state at the time */
    enum rs_reason reason;     /* RS_OBS_SEGMENT */
    const struct tcp_seg *seg; /* RS_OBS_SEGMENT; NULL when it did not get as far as TCP */
    enum rs_timer timer;       /* RS_OBS_TIMER */
};

typedef void rs_observer(void *arg, const struct rs_observation *);
/* The observer may read status but must not call anything that changes the host.  NULL unsets. */
void rs_observe(struct rs_host *, rs_observer *, void *arg);

/* How often each reason was given since rs_init; RS_N_REASONS entries, owned by the host. */
const uint64_t *rs_reasons(const struct rs_host *);

/* What the host has had to do since rs_init, so that what one frame may cost can be bounded: the
 * difference over a call is the call's. */
struct rs_work {
    uint64_t steps;  /* pages, blocks, stretches in flight, table entries and timers looked at */
    uint64_t octets; /* of text copied */
};
const struct rs_work *rs_work(const struct rs_host *);

#endif
