/* The transmission control block and the functions over it, inside refstack only.
 *
 *   What holds of a TCB between calls (an invariant checker above looks at each):
 *       SND.UNA =< SND.NXT =< sendq_end + 1         the one for the FIN
 *       the list of flight is without gaps from SND.UNA to SND.NXT
 *       user =< RCV.NXT =< rcv_adv, the right edge, which never moves back
 *       the right edge is at most RCV.BUFF, and a FIN, beyond what the user has read
 *       something in flight or unsent: a timer of those that send runs; an ACK owed: ack_now, or
 *       the delayed ACK's timer; TIME-WAIT: its timer; CLOSED and LISTEN: none */
#ifndef REFSTACK_TCB_H
#define REFSTACK_TCB_H

#include "refstack/bugs.h"
#include "refstack/congestion.h"
#include "refstack/flight.h"
#include "refstack/pool.h"
#include "refstack/recvq.h"
#include "refstack/refstack.h"
#include "refstack/seq.h"
#include "refstack/wheel.h"
#include "refstack/wire.h"

#define TCB_NONE UINT32_MAX

/* Octets of a cache line, and of the lines at the front of a TCB that a segment touches. */
enum { TCB_LINE = 64, TCB_HOT = 4 * TCB_LINE };

/* A datagram for us, of either IP version, as the transports see it. */
struct datagram {
    struct rs_addr src, dst;
    uint8_t tos; /* Diffserv and ECN */
    uint8_t ttl; /* or hop limit */
    uint8_t proto;
    const uint8_t *payload;
    size_t len;
    const uint8_t *start; /* the datagram from its IP header on, what an ICMP error quotes */
    size_t start_len;
};

/* What an ICMP error of either version says of a datagram this host sent. */
struct icmp_error {
    bool hard;    /* nobody there takes such segments */
    bool too_big; /* it was larger than the next link takes: */
    uint32_t mtu; /* that many octets, 0 when the router does not say (RFC 1191 section 5) */
    const uint8_t *quoted;
    size_t quoted_len;
};

/* A place in one of the host's lists of TCBs: those with something to send, a listener's
 * connections to accept, those with news for the user. */
struct tcb_link {
    uint32_t prev;
    uint32_t next;
};

/* RFC 8985 section 5.2, "rack" being short for recent acknowledgment. */
struct rack {
    rs_time xmit; /* when the latest sent segment known to have arrived was sent */
    rs_time rtt;
    uint32_t end; /* its last number, plus one */
    uint32_t min_rtt;
    uint32_t round; /* of DSACKs, that each widens the reordering window once */
    uint8_t mult, persist;
    bool any, reordering;
};

/* Places for the times of timers.  Of those that wait for the peer only one ever runs: what repairs
 * a loss (RFC 8985 section 8), persist, which sends where nothing is in flight, and those of
 * TIME-WAIT and FIN-WAIT-2, where all has been acknowledged.  To arm one stops the others. */
enum due { DUE_DELAYED_ACK, DUE_PEER, DUE_KEEPALIVE, DUE_USER, N_DUE };

struct demux_key;

/* What a listener keeps of the connections it made. */
struct listener {
    uint32_t accept_head, accept_tail;
    uint32_t backlog;      /* not yet accepted, */
    uint32_t queued;       /* of which complete */
    uint32_t fast_pending; /* in SYN-RECEIVED by fast open */
    rs_time cookies_until; /* ACKs may answer SYN cookies */
};

/* What a segment of text, its ACK and the ACK's timer touch comes first, by cache lines of 64
 * octets: with a million connections, each line is a miss.  The rest is for what has been sent and
 * for what is rare. */
struct tcb {
    struct rs_endpoint local, remote;
    uint32_t index;      /* of this TCB in the host's table */
    uint16_t generation; /* so that a stale handle is known */
    uint16_t running;    /* a bit for each timer that runs */
    enum rs_state state : 8;
    int8_t error, soft_error;
    uint8_t snd_wscale, rcv_wscale;
    bool in_use : 1;
    bool hashed : 1;
    bool on_ready : 1;
    bool on_accept : 1;
    bool on_event : 1;
    bool user : 1;      /* a user holds the handle */
    bool released : 1;  /* a user held it and let go */
    bool passive : 1;   /* from a passive OPEN (MUST-11) */
    bool stays : 1;     /* a listener that hands out connections */
    bool any_local : 1; /* a passive OPEN that named no local address, */
    bool any_remote : 1; /* or no remote socket: what LISTEN goes back to */
    bool closing : 1;   /* the user called CLOSE: a FIN follows the queue */
    bool fin_sent : 1;  /* the FIN has a sequence number: snd_nxt - 1 */
    bool fin_known : 1; /* the peer's FIN was seen, at fin_seq, perhaps above a hole */
    bool fin_taken : 1; /* and counted in RCV.NXT */
    bool deaf : 1;      /* the user shut the receiving side */
    bool ack_now : 1;   /* an ACK is owed at once */
    bool syn_due : 1;   /* a SYN or SYN,ACK is to be sent (again) */
    bool probe_due : 1; /* a window probe */
    bool keepalive_due : 1;
    bool override_due : 1; /* the silly-window override timer fired */
    bool rtx_free : 1;     /* the next retransmission needs no room in cwnd */
    bool ts_on : 1, sack_on : 1, wscale_on : 1, ecn_on : 1;
    bool ecn_echo : 1; /* CE was seen: ECE on every ACK until CWR (RFC 3168 section 6.1.3) */
    bool cwr_due : 1;  /* the next new text carries CWR */
    bool dsack_due : 1;
    bool in_recovery : 1;
    bool tlp_out : 1;    /* a tail loss probe is unanswered; up to tlp_end, */
    bool tlp_resent : 1; /* which was sent again for it */
    bool child : 1;      /* made by a listener */
    bool fast : 1;       /* its SYN's text was let in by a fast-open cookie */
    bool syn_text : 1;   /* the text of the SYN counted, at either end */
    bool cookie_due : 1; /* the SYN or SYN,ACK carries a fast-open cookie, or asks for one */
    bool rtt_timing : 1;
    bool rtt_valid : 1;
    bool mtu_proven : 1; /* a segment as large as now was acknowledged */
    uint16_t path_mtu; /* less than the link's, as was told or found out; 0: not known */
    uint16_t dup_acks_owed; /* ACKs for segments beyond a hole, one each (RFC 5681 section 4.2) */

    /* Send sequence variables, RFC 9293 section 3.3.1 SND.NXT is one past the highest number sent,
     * and does not go back after a timeout: what is to be sent again is marked in `flight`. */
    uint32_t iss, snd_una, snd_nxt, snd_up, snd_wl1, snd_wl2;
    uint32_t snd_wnd, max_snd_wnd;
    uint32_t fack; /* the highest number reported, cumulatively or by SACK */
    struct flight flight;
    struct chain sendq; /* octets from snd_una (iss + 1 while the SYN is unacknowledged) */
    const struct rs_tcp_config *cfg; /* the host's, or one of its own (settings.c) */

    /* Receive sequence variables */
    struct recvq recvq;
    /* RCV.NXT is rcv_nxt() and RCV.WND rcv_wnd(), below: kept as edges, neither can disagree with
     * the text held. */
    uint32_t rcv_adv; /* the highest right edge advertised */
    uint32_t last_ack_sent;
    uint32_t ts_offset, ts_recent;
    uint32_t ts_recent_at; /* in seconds */
    uint16_t smss, rmss;
    uint32_t keepalives_sent;
    struct tcb_link queue; /* of its listener, to be accepted; after that, of those with news */

    struct tcb_link ready; /* of those with something to send; of those that are free */
    rs_time last_heard;
    struct wheel_node wheel;
    rs_time due[N_DUE]; /* of those that run */

    /* RFC 6298; in 32 bits, an hour and more (rtt.c) */
    uint32_t rto, srtt, rttvar;
    uint32_t rtt_seq;
    rs_time rtt_start;
    rs_time last_sent; /* other than ACKs; 0: never */
    uint32_t retransmits, total_retransmits;
    uint32_t backoff; /* of the persist timer */

    uint32_t push_seq; /* one past the last octet the user pushed */
    uint32_t irs, rcv_up;
    uint32_t fin_seq;

    /* Congestion control and recovery */
    uint32_t cwnd, ssthresh, bytes_acked;
    uint32_t dup_acks, recover;
    uint32_t tlp_end;
    uint32_t ecn_edge; /* SND.NXT when ECE last made cwnd smaller: once for each window */
    struct cubic cubic;
    union {
        struct rack rack;
        struct listener listener; /* in a TCB that stays in LISTEN */
    };

    struct sack_block dsack; /* octets received twice, to be reported once (RFC 2883) */
    rs_time challenge_second;
    uint32_t challenges;    /* RFC 5961 section 7: in the second that began */
    uint32_t path;          /* page of what is known of the path (pmtu.c), or PAGE_NONE */
    uint32_t cfg_page;      /* that of cfg when it is its own, or PAGE_NONE */
    uint32_t parent;        /* listener whose backlog counts this one, or TCB_NONE */
    uint32_t fast_listener; /* whose fast_pending counts this one */
    uint16_t peer_uto;      /* the user timeout option last heard, RFC 5482 */
    uint16_t peer_mss;      /* what the peer said it takes, or the default */
};

/* With its share of the demultiplexer and no octet queued, a connection is to need no more than 512
 * octets; whole lines, so that none belongs to two TCBs. */
_Static_assert(sizeof(struct tcb) == 7 * TCB_LINE && offsetof(struct tcb, due[DUE_USER]) == TCB_HOT,
               "seven lines, of which four are for each segment");

/* RCV.NXT: text in order, and the FIN once it is reached. */
static inline uint32_t rcv_nxt(const struct tcb *t)
{
    return t->recvq.nxt + (t->fin_taken ? 1u : 0u);
}

/* RCV.WND: what has been offered and not used. */
static inline uint32_t rcv_wnd(const struct tcb *t)
{
    return t->rcv_adv - rcv_nxt(t);
}

/* ESTABLISHED and after, in the order of enum rs_state. */
static inline bool synchronized(const struct tcb *t)
{
    return t->state >= RS_ESTABLISHED;
}

/* The sequence number of the first octet of sendq. */
static inline uint32_t sendq_seq(const struct tcb *t)
{
    return t->snd_una == t->iss ? t->iss + 1 : t->snd_una;
}

/* One past the last octet of text queued; the FIN's number once there is one. */
static inline uint32_t sendq_end(const struct tcb *t)
{
    return sendq_seq(t) + t->sendq.len;
}

static inline bool timer_runs(const struct tcb *t, enum rs_timer timer)
{
    return t->running >> timer & 1;
}

/* ---- table of connections (tcb.c) ---- */
/* The lines of a TCB that a segment touches are fetched together, not one after the other. */
static inline void tcb_prefetch(const struct tcb *t)
{
    for (unsigned at = 0; t && at < TCB_HOT; at += TCB_LINE)
        __builtin_prefetch((const uint8_t *)t + at, 1);
}
struct tcb *tcb_new(struct rs_host *, const struct rs_endpoint *local,
                    const struct rs_endpoint *remote);
void tcb_free(struct rs_host *, struct tcb *);
/* A connection that a user holds; and any one, held or not. */
struct tcb *tcb_of_handle(const struct rs_host *, int conn);
struct tcb *tcb_any_of_handle(const struct rs_host *, int conn);
int tcb_handle(const struct tcb *);
/* A page for what a connection could do without; PAGE_NONE when text to be sent needs it more. */
uint32_t tcb_spare_page(struct rs_host *, const struct tcb *);
/* Once is enough: it stays in the list until tcb_output finds nothing for it. */
void tcb_ready(struct rs_host *, struct tcb *); /* it may have something to send */
/* Something changed that its user may wait for. */
void tcb_event(struct rs_host *, struct tcb *);
void tcb_no_event(struct rs_host *, struct tcb *);
void tcb_unready(struct rs_host *, struct tcb *);

/* ---- the demultiplexer (demux.c) ---- */
/* NULL when there is none; sockets are compared whole, so that an unspecified one finds a LISTEN
 * only. */
struct tcb *tcb_find(struct rs_host *, const struct rs_endpoint *local,
                     const struct rs_endpoint *remote);
struct tcb *tcb_find_listener(struct rs_host *, const struct rs_endpoint *local,
                              const struct rs_endpoint *remote);
/* Gives the TCB these sockets, from here on the only ones it is found by; and takes it out of the
 * table. */
void tcb_rehash(struct rs_host *, struct tcb *, const struct rs_endpoint *local,
                const struct rs_endpoint *remote);
void tcb_unhash(struct rs_host *, struct tcb *);
struct demux_key demux_key(const struct rs_host *, const struct rs_endpoint *local,
                           const struct rs_endpoint *remote);
/* Fetches the TCB that a key most likely stands for; its line is read for that. */
void demux_prefetch(const struct rs_host *, const struct demux_key *);

/* ---- state (state.c) ---- */
/* Aborts on a transition that the RFC's diagram does not have. */
void tcb_set_state(struct rs_host *, struct tcb *, enum rs_state to);
/* To CLOSED: timers off, out of the demultiplexer; the TCB goes unless a user still holds it. */
void tcb_closed(struct rs_host *, struct tcb *, int error);
void tcb_flush(struct rs_host *, struct tcb *); /* both queues */
/* 2 MSL from now; only the delayed ACK's timer goes on. */
void tcb_enter_time_wait(struct rs_host *, struct tcb *);
void tcb_offer(struct rs_host *, struct tcb *); /* to its listener, for accept */

/* ---- timers (timers.c) ---- */
/* At an absolute time; one that runs is put off or brought forward. */
void tcb_arm(struct rs_host *, struct tcb *, enum rs_timer, rs_time when);
void tcb_disarm(struct tcb *, enum rs_timer);
rs_time tcb_timer(const struct tcb *, enum rs_timer); /* RS_NEVER when it does not run */
void tcb_disarm_all(struct rs_host *, struct tcb *);
/* Sets retransmission, persist, user and keep-alive timers to what the TCB's state asks for. */
void tcb_retime(struct rs_host *, struct tcb *);
/* All that are due at the host's time, each handler called once. */
void timers_fire(struct rs_host *);
/* The time of the earliest timer; earlier when very many have been put off. */
rs_time timers_deadline(struct rs_host *);

/* ---- round-trip time (rtt.c) ---- */
/* A measured round trip in microseconds: SRTT, RTTVAR and with them the RTO. */
void rtt_sample(struct tcb *, rs_time r);
void rtt_on_ack(struct rs_host *, struct tcb *, const struct tcp_opts *, uint32_t ack);
/* Numbers sent for the first time: timed if nothing else is. */
void rtt_on_send(struct rs_host *, struct tcb *, uint32_t seq, uint32_t len);

/* ---- fast open (fastopen.c), SYN cookies (syncookie.c) ---- */
/* The listener's and the client's side of RFC 7413; see the exchange in fastopen.c. */
bool fastopen_accept(struct rs_host *, struct tcb *listener, struct tcb *, const struct tcp_opts *);
void fastopen_settled(struct rs_host *, struct tcb *);
void fastopen_learn(struct rs_host *, const struct tcb *, const struct tcp_opts *);
uint32_t fastopen_room(struct rs_host *, const struct tcb *);
void fastopen_option(struct rs_host *, const struct tcb *, struct tcp_option *, uint8_t own[16]);
/* A SYN,ACK that nothing is kept of; and the MSS of the SYN that an ACK of it goes back to, or
 * 0. */
void syncookie_answer(struct rs_host *, struct tcb *listener, const struct rs_endpoint *local,
                      const struct rs_endpoint *remote, const struct tcp_seg *syn,
                      const struct tcp_opts *);
uint16_t syncookie_check(const struct rs_host *, const struct tcb *listener,
                         const struct rs_endpoint *local, const struct rs_endpoint *remote,
                         const struct tcp_seg *ack);

/* ---- explicit congestion notification (ecn.c) ---- */
/* RFC 3168 section 6.1.1: what a SYN offers, and what the two SYNs agree on. */
uint16_t ecn_syn_flags(const struct tcb *);
void ecn_agree(struct tcb *, const struct tcp_seg *syn);
uint8_t ecn_mark(const struct tcb *, bool new_text); /* the IP header's two bits */
/* The receiver's half, of IP's two bits; and the sender's, of ECE. */
void ecn_on_segment(struct tcb *, const struct tcp_seg *, const struct datagram *);
/* SND.UNA was old_una before. */
void ecn_on_ack(struct rs_host *, struct tcb *, const struct tcp_seg *, uint32_t old_una);

/* ---- loss (recovery.c) ---- */
/* SND.UNA has moved from old_una; or the ACK is a duplicate, or neither. */
void recovery_on_ack(struct rs_host *, struct tcb *, const struct tcp_opts *, uint32_t old_una,
                     bool duplicate);
/* What each of the three timers of loss finds. */
void recovery_on_rto(struct rs_host *, struct tcb *);
void recovery_reorder_timeout(struct rs_host *, struct tcb *);
void recovery_probe_timeout(struct rs_host *, struct tcb *);
bool recovery_may_probe(const struct tcb *);
rs_time recovery_probe_timeout_after(const struct tcb *);

/* ---- a connection's own configuration (settings.c) ---- */
/* The host's own; another connection's, shared; and back to the host's. */
void settings_init(struct rs_host *, struct tcb *);
void settings_share(struct rs_host *, struct tcb *, const struct tcb *of);
void settings_drop(struct rs_host *, struct tcb *);
bool settings_usable(const struct rs_tcp_config *);

/* ---- options (negotiate.c) ---- */
/* Before the SYN is made; after the peer's has come; and the octets of any segment's options. */
void options_offer(struct rs_host *, struct tcb *);
void options_agree(struct rs_host *, struct tcb *, const struct tcp_seg *, const struct tcp_opts *);
size_t options_emit(struct rs_host *, const struct tcb *, uint16_t flags, uint8_t to[40]);
uint32_t eff_snd_mss(const struct rs_host *, const struct tcb *); /* Eff.snd.MSS, MUST-16 */
uint16_t default_smss(const struct rs_addr *remote); /* without an MSS option, MUST-15 */

/* ---- sending (output.c, reset.c) ---- */
/* The connection's next frame in buf, or 0 when it has nothing more to send or the frame waits. */
size_t tcp_output(struct rs_host *, struct tcb *, uint8_t *buf, size_t cap);
/* RCV.WND as the peer will read it; from then on text up to there is owed a place. */
uint16_t rcv_window_field(struct tcb *, bool syn);
void window_update(struct rs_host *, struct tcb *); /* after RECEIVE */
/* An ACK as soon as the limit allows (RFC 5961). */
void challenge_ack(struct rs_host *, struct tcb *);
/* To a segment of no connection; and for a connection that is about to go. */
void reset_reply(struct rs_host *, const struct datagram *, const struct tcp_seg *);
/* A segment outside any connection, unless the queue holds `most` already. */
void segment_queue(struct rs_host *, unsigned most, const struct rs_endpoint *local,
                   const struct rs_endpoint *remote, const struct tcp_seg *);
void reset_send(struct rs_host *, struct tcb *, uint32_t seq, bool with_ack);

/* ---- segment arrives ---- */
/* A new connection's send variables, and its SYN or SYN,ACK to be sent. */
void tcp_start(struct rs_host *, struct tcb *);
/* All that ESTABLISHED brings: cwnd, the accept queue, a CLOSE that waited, text and FIN that
 * did. */
void tcp_established(struct rs_host *, struct tcb *, const struct tcp_seg *);
/* Ends a TIME-WAIT for the SYN of a new incarnation; false when nothing listens for it. */
bool reopen_time_wait(struct rs_host *, struct tcb *, const struct datagram *,
                      const struct tcp_seg *, const struct tcp_opts *);
void tcp_input(struct rs_host *, const struct datagram *);
/* A segment whose form is right, for the TCB found for it (NULL: none).  Text may be NULL where
 * placed.c has put it into the receive queue already. */
void tcp_segment(struct rs_host *, struct tcb *, const struct datagram *, struct tcp_seg *,
                 const struct tcp_opts *);
enum rs_reason arrives_synchronized(struct rs_host *, struct tcb *, const struct datagram *,
                                    struct tcp_seg *, const struct tcp_opts *);
/* Makes the segment one that begins at or after RCV.NXT and does not exceed the window. */
void segment_trim(struct tcb *, struct tcp_seg *);
/* `up` is SEG.SEQ + SEG.UP as they were on the wire. */
void take_urgent(struct rs_host *, struct tcb *, const struct tcp_seg *, uint32_t up);
enum rs_reason take_text_and_fin(struct rs_host *, struct tcb *, const struct tcp_seg *);
void take_held(struct rs_host *, struct tcb *); /* what came with the SYN, on ESTABLISHED */
/* The text of a fast-open SYN is the user's at once; its FIN waits. */
void take_fast_text(struct rs_host *, struct tcb *, const struct tcp_seg *);
void hold_text_and_fin(struct rs_host *, struct tcb *, const struct tcp_seg *);
void icmp_error_for_tcp(struct rs_host *, const struct icmp_error *);

/* ---- path MTU (pmtu.c) ---- */
/* A router says that the segment at seq was too large for a link that takes mtu octets. */
void pmtu_told(struct rs_host *, struct tcb *, uint32_t seq, uint32_t mtu);
void pmtu_forget(struct rs_host *, struct tcb *);
void pmtu_refresh(struct rs_host *, struct tcb *); /* before new text */
uint32_t pmtu_probe(struct rs_host *, struct tcb *, uint32_t mss, uint32_t room);
bool pmtu_explains(const struct rs_host *, const struct tcb *, uint32_t left, uint32_t right);
bool pmtu_probe_lost(struct rs_host *, struct tcb *);
void pmtu_resent(struct rs_host *, struct tcb *, uint32_t left, uint32_t right);
void pmtu_on_ack(struct rs_host *, struct tcb *);
void pmtu_on_rto(struct rs_host *, struct tcb *);

/* ---- initial sequence numbers and ports (iss.c) ---- */
/* Each under the host's key: what one says of itself tells a third party of no other. */
uint32_t iss_choose(struct rs_host *, const struct rs_endpoint *local,
                    const struct rs_endpoint *remote);
uint32_t ts_offset_choose(struct rs_host *, const struct rs_endpoint *local,
                          const struct rs_endpoint *remote);
uint16_t port_choose(struct rs_host *, const struct rs_endpoint *local,
                     const struct rs_endpoint *remote);

#endif
