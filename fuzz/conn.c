#include "fuzz/conn.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz/feedback.h"
#include "fuzz/peer.h"
#include "fuzz/place.h"
#include "harness/arrival.h"
#include "harness/egress.h"
#include "harness/invariants.h"
#include "harness/oracle.h"

enum {
    HOST_OCTETS = 16384, /* what the issue of a small state allows: rs_init refuses if it is more */
    CONNS = 8,
    LOCAL_PORT = 8080,
    REMOTE_PORT = 40000,
    MAX_EVENTS = 64,
    MAX_STEPS = 64,     /* deadlines that one wait runs through */
    MAX_END_STEPS = 400 /* the retransmissions, probes and 2 MSL of all connections together */
};

/* Both ends' numbers pass 2^32 after a few hundred octets: plain comparisons break there. */
static const uint32_t peer_irs = 0u - 700;
static const uint32_t our_iss = 0u - 900;
static const rs_time end_bound = 1000 * RS_SEC;

/* The domains of feedback keys. */
enum { FEED_STATE_EVENT = 1, FEED_TRANSITIONS, FEED_REASON, FEED_TIMER };

struct conn {
    struct rs_host *host;
    struct rs_config cfg;
    rs_time now;
    bool built;     /* the host is that of `config` */
    uint8_t config; /* bits of enum input_config */
    const struct conn_watch *watch;
    struct egress egress;
    struct invariants invariants;
    int handle[CONNS];     /* -1: none */
    uint32_t sent[CONNS];  /* octets of the stream that SEND took */
    uint32_t taken[CONNS]; /* octets that RECEIVE gave */
    bool tainted;          /* octets other than the stream's came in */
    enum rs_reason reason; /* of the latest segment judged */
    int judged_conn;
    unsigned last_transition;
    uint32_t conns_before;
    uint64_t hash[CONNS];
    unsigned n_hash;
    struct arrival_answer answer; /* to the datagram of this event */
};

static struct conn the_conn; /* reset for each input; static because it is large */
static union {
    max_align_t align;
    uint8_t octet[HOST_OCTETS];
} block;
static uint8_t frame[PLACE_MAX];
static uint8_t user_octets[PLACE_MAX];

static struct rs_endpoint at(uint8_t host, uint16_t port)
{
    return (struct rs_endpoint){ .addr = rs_ip4(192, 0, 2, host), .port = port };
}

static enum rs_state main_state(const struct conn *c)
{
    return invariants_state(c->host, LOCAL_PORT, REMOTE_PORT);
}

/* ---- Observation ------------------------------------------------------------------------ */

/* RFC 9293 section 3.3.2, figure 5, and the text of 3.10: RST, ABORT, timeouts and CLOSE while
 * opening end in CLOSED; SYN-RECEIVED goes back to LISTEN; OPEN turns LISTEN active.  Kept apart
 * from the stack's own table on purpose. */
static bool arrow(enum rs_state from, enum rs_state to)
{
    static const char *const arrows[RS_N_STATES] = {
        /*             C L s r E 1 2 W c A T */
        [RS_CLOSED] = "01100000000",       [RS_LISTEN] = "10110000000",
        [RS_SYN_SENT] = "10011000000",     [RS_SYN_RECEIVED] = "11001100000",
        [RS_ESTABLISHED] = "10000101000",  [RS_FIN_WAIT_1] = "10000010101",
        [RS_FIN_WAIT_2] = "10000000001",   [RS_CLOSE_WAIT] = "10000000010",
        [RS_CLOSING] = "10000000001",      [RS_LAST_ACK] = "10000000000",
        [RS_TIME_WAIT] = "10000000000",
    };
    return from < RS_N_STATES && to < RS_N_STATES && arrows[from][to] == '1';
}

static void observe_state(struct conn *c, const struct rs_observation *o)
{
    unsigned transition = (unsigned)o->from * RS_N_STATES + (unsigned)o->to;

    oracle_place.after = o->to;
    ORACLE(state_diagram, arrow(o->from, o->to), "%s to %s", rs_state_name(o->from),
           rs_state_name(o->to));
    feedback_hit(feedback_key(FEED_TRANSITIONS, c->last_transition, transition));
    c->last_transition = transition;
    if (o->to != RS_CLOSED && o->to != RS_LISTEN)
        return;
    /* A listener's new TCB passes through LISTEN too, with the peer's SYN already seen. */
    const bool back = o->from == RS_SYN_RECEIVED && o->to == RS_LISTEN;
    if (o->to == RS_LISTEN && !back)
        return;
    if ((back && main_state(c) <= RS_LISTEN) ||
        invariants_between(c->host, o->conn, LOCAL_PORT, REMOTE_PORT))
        egress_forget(&c->egress);
    /* What was queued in SYN-RECEIVED is flushed; the next connection's stream starts anew. */
    for (unsigned i = 0; back && i < CONNS; i++)
        if (c->handle[i] == o->conn)
            c->sent[i] = c->taken[i] = 0;
}

static void observe(void *arg, const struct rs_observation *o)
{
    struct conn *c = arg;

    if (o->what == RS_OBS_STATE) {
        observe_state(c, o);
    } else if (o->what == RS_OBS_SEGMENT) {
        c->reason = o->reason;
        c->judged_conn = o->conn;
        feedback_hit(feedback_key(FEED_REASON, (uint32_t)o->from, (uint32_t)o->reason));
    } else if (o->what == RS_OBS_TIMER) {
        feedback_hit(feedback_key(FEED_TIMER, (uint32_t)o->from, (uint32_t)o->timer));
    }
    if (c->watch && c->watch->observed)
        c->watch->observed(c->watch->arg, o);
}

/* ---- Frames ----------------------------------------------------------------------------- */

/* The answer's fields are read again here: the egress rules have passed them already. */
static void note_answer(struct arrival_answer *a, size_t len)
{
    struct ip4_hdr ip;
    struct tcp_seg seg;

    if (ip4_parse(&ip, frame, len) != WIRE_OK || ip.proto != IP_PROTO_TCP ||
        tcp_parse(&seg, ip.payload, ip.payload_len) != WIRE_OK)
        return;
    a->n++;
    a->flags = seg.flags;
    a->seq = seg.seq;
    a->ack = seg.ack;
}

static void pull(struct conn *c)
{
    const unsigned bound = 64 + c->invariants.snd_buf; /* at the worst an octet a segment */
    unsigned n = 0;
    size_t len;

    while ((len = rs_output(c->host, frame, sizeof frame, c->now)) > 0) {
        ORACLE(output_bounded, ++n <= bound, "%u segments at once", n);
        if (c->watch && c->watch->frame)
            c->watch->frame(c->watch->arg, SC_OUT, frame, len, c->now);
        egress_out(&c->egress, frame, len);
        note_answer(&c->answer, len);
    }
}

static void settle(struct conn *c)
{
    pull(c);
    oracle_place.after = main_state(c);
    invariants_check(&c->invariants, c->host, c->now);
}

/* Refused whole: what these answer with, if anything, is not part of the connection's state. */
static bool refused(enum rs_reason reason, enum rs_state state)
{
    switch (reason) {
    case RS_REASON_ACCEPTED:
    case RS_REASON_TEXT_AFTER_FIN:
    case RS_REASON_TEXT_NO_ROOM: /* their ACK is taken */
    case RS_REASON_RESET: return false;
    case RS_REASON_OUT_OF_WINDOW: return state != RS_TIME_WAIT; /* a FIN starts 2 MSL anew */
    default: return true;
    }
}

static void check_refused(struct conn *c)
{
    uint64_t hash[CONNS];
    unsigned n = invariants_hash(c->host, hash, CONNS);
    bool none = refused(c->reason, oracle_place.before);

    if (!none)
        return;
    ORACLE(refused_unchanged, n == c->n_hash && !memcmp(hash, c->hash, n * sizeof hash[0]),
           "refused (%s), yet a connection changed", rs_reason_text(c->reason));
}

/* The segment as the stack should read it; false when it is none, or is malformed. */
static bool read_segment(const struct input_event *e, const uint8_t *p, size_t len, struct tcp_seg *seg)
{
    struct ip4_hdr ip;
    struct tcp_opts o;

    if (e->ev.kind != SC_PACKET || ip4_parse(&ip, p, len) != WIRE_OK ||
        tcp_parse(seg, ip.payload, ip.payload_len) != WIRE_OK ||
        !tcp_checksum_ok(&ip.src, &ip.dst, ip.payload, ip.payload_len))
        return false;
    opts_read(&o, seg->opt, seg->opt_len);
    return !o.bad && seg->dst_port == LOCAL_PORT && seg->src_port == REMOTE_PORT;
}

static void run_datagram(struct conn *c, const struct input_event *e)
{
    size_t len = peer_datagram(&c->egress, e, frame, sizeof frame);
    uint8_t *p = place_octets(frame, len);

    c->tainted = c->tainted || peer_taints(e);
    c->n_hash = invariants_hash(c->host, c->hash, CONNS);
    c->reason = RS_REASON_ACCEPTED;
    egress_in(&c->egress, p, len);
    if (c->watch && c->watch->frame)
        c->watch->frame(c->watch->arg, SC_IN, p, len, c->now);
    struct arrival_look before, after;
    struct tcp_seg seg;
    const bool whole = read_segment(e, p, len, &seg);

    if (whole)
        arrival_look(c->host, LOCAL_PORT, REMOTE_PORT, &before);
    rs_input(c->host, p, len, c->now);
    check_refused(c);
    c->answer.n = 0;
    enum rs_reason reason = c->reason;
    if (whole)
        arrival_look(c->host, LOCAL_PORT, REMOTE_PORT, &after);
    settle(c);
    if (whole)
        arrival_check(&before, &after, &seg, reason, &c->answer);
}

/* ---- Time ------------------------------------------------------------------------------- */

/* Goes to the next deadline if that comes by `until`; false when there is none. */
static bool step(struct conn *c, rs_time until)
{
    rs_time next = rs_deadline(c->host);

    ORACLE(deadline_progress, next > c->now, "nothing is left to send, yet the deadline is now");
    if (next > until)
        return false;
    unsigned conns = invariants_count(c->host);
    c->now = next;
    settle(c);
    if (conns == 0)
        ORACLE(egress_silence, false, "a deadline and no connection");
    return true;
}

static rs_time wait_end(const struct conn *c, const struct input_event *e)
{
    rs_time next = rs_deadline(c->host);

    if (e->wait == INPUT_WAIT_DEADLINE)
        return next == RS_NEVER ? c->now : next;
    if (e->wait == INPUT_WAIT_BEFORE_DEADLINE)
        return next == RS_NEVER || next <= c->now ? c->now : next - 1;
    return c->now + e->ev.at.to;
}

static void run_wait(struct conn *c, rs_time until)
{
    unsigned steps = 0;

    while (steps < MAX_STEPS && step(c, until))
        steps++;
    /* A wait that meets very many deadlines ends early, at the last of them. */
    if (steps < MAX_STEPS)
        c->now = until > c->now ? until : c->now;
    settle(c);
}

/* ---- User calls ------------------------------------------------------------------------- */

static void check_result(int result, uint32_t most)
{
    ORACLE(call_result, result >= RS_ENOTCONN && result <= (int)most, "%d, at most %u", result, most);
}

static void opened(struct conn *c, unsigned i, int handle)
{
    check_result(handle, INT32_MAX);
    if (handle < 0)
        return;
    c->handle[i] = handle;
    c->sent[i] = c->taken[i] = 0;
}

static void call_open(struct conn *c, unsigned i, unsigned op)
{
    struct rs_endpoint local = at(1, (uint16_t)(LOCAL_PORT + i));
    struct rs_endpoint remote = at(2, (uint16_t)(REMOTE_PORT + i));

    if (op == SC_OPEN_FROM_LISTEN) {
        check_result(rs_open_from_listen(c->host, c->handle[i], &remote, c->now), INT32_MAX);
        return;
    }
    if (c->handle[i] >= 0)
        return; /* inputs number connections once; refstack's own EEXIST is met by i + 4 */
    if (i >= CONNS / 2)
        local.port = LOCAL_PORT;
    if (op == SC_OPEN_ACTIVE)
        opened(c, i, rs_open_active(c->host, &local, &remote, c->now));
    else if (op == SC_OPEN_PASSIVE)
        opened(c, i, rs_open_passive(c->host, &local, NULL, c->now));
    else
        opened(c, i, rs_listen(c->host, &local, c->now));
}

static void call_accept(struct conn *c, unsigned i)
{
    int handle = rs_accept(c->host, c->handle[i], c->now);

    check_result(handle, INT32_MAX);
    if (handle < 0)
        return;
    for (unsigned k = 0; k < CONNS; k++)
        if (c->handle[k] < 0) {
            opened(c, k, handle);
            return;
        }
    rs_abort(c->host, handle, c->now);
}

static void call_send(struct conn *c, unsigned i, uint32_t amount, unsigned flags)
{
    uint32_t n = amount < PLACE_MAX ? amount : PLACE_MAX;

    stream_fill(user_octets, c->sent[i], n);
    int taken = rs_send(c->host, c->handle[i], user_octets, n, flags, c->now);
    check_result(taken, n);
    if (taken > 0)
        c->sent[i] += (uint32_t)taken;
}

/* The stream's place of the first octet the user gets follows from the SYN's number. */
static void check_received(const struct conn *c, unsigned i, uint32_t n)
{
    struct rs_status status;

    if (c->tainted || rs_status(c->host, c->handle[i], &status) < 0)
        return;
    uint32_t first = c->taken[i] + status.irs - c->egress.irs;
    for (uint32_t k = 0; k < n; k++)
        ORACLE(receive_text, user_octets[k] == stream_octet(first + k),
               "octet %u of the stream is %02x, not %02x", first + k, user_octets[k],
               stream_octet(first + k));
}

static void call_receive(struct conn *c, unsigned i, uint32_t amount)
{
    uint32_t cap = amount < PLACE_MAX ? amount : PLACE_MAX;
    int n = rs_receive(c->host, c->handle[i], user_octets, cap, c->now);

    check_result(n, cap);
    if (n <= 0)
        return;
    check_received(c, i, (uint32_t)n);
    c->taken[i] += (uint32_t)n;
}

static void call_status(struct conn *c, unsigned i)
{
    struct rs_status s;

    if (rs_status(c->host, c->handle[i], &s) < 0)
        return;
    ORACLE(status_agrees, s.state < RS_N_STATES, "state %d", (int)s.state);
    if (s.local.port == LOCAL_PORT && s.remote.port == REMOTE_PORT && c->egress.live &&
        s.state >= RS_SYN_SENT)
        ORACLE(status_agrees, s.snd_nxt == c->egress.snd_nxt, "SND.NXT %u, %u on the wire", s.snd_nxt,
               c->egress.snd_nxt);
}

static void run_call(struct conn *c, const struct sc_user *u)
{
    unsigned i = u->conn % CONNS;

    switch (u->op) {
    case SC_SEND: call_send(c, i, u->amount, RS_PUSH); break;
    case SC_SEND_URGENT: call_send(c, i, u->amount, RS_PUSH | RS_URGENT); break;
    case SC_RECEIVE: call_receive(c, i, u->amount); break;
    case SC_CLOSE: check_result(rs_close(c->host, c->handle[i], c->now), 0); break;
    case SC_STATUS: call_status(c, i); break;
    case INPUT_ACCEPT: call_accept(c, i); break;
    case SC_ABORT:
        check_result(rs_abort(c->host, c->handle[i], c->now), 0);
        c->handle[i] = -1;
        break;
    case SC_RELEASE:
        check_result(rs_release(c->host, c->handle[i], c->now), 0);
        c->handle[i] = -1;
        break;
    default: call_open(c, i, u->op); break;
    }
    settle(c);
}

static void run_setting(struct conn *c, const struct input_event *e)
{
    unsigned i = e->ev.u.user.conn % CONNS;
    struct rs_tcp_config t;

    if (rs_get(c->host, c->handle[i], &t) < 0)
        return;
    switch (e->setting) {
    case INPUT_SET_NAGLE: t.nagle = e->value & 1; break;
    case INPUT_SET_DELAYED_ACK: t.delayed_ack = e->value % 500 * RS_MSEC; break;
    case INPUT_SET_KEEPALIVE: t.keepalive = e->value & 1; break;
    case INPUT_SET_USER_TIMEOUT: t.user_timeout = e->value * RS_SEC; break;
    case INPUT_SET_RCV_BUF: t.rcv_buf = 1u + e->value % 8192; break;
    case INPUT_SET_SND_BUF: t.snd_buf = 1u + e->value % 8192; break;
    case INPUT_SET_MSS: t.mss = e->value; break;
    case INPUT_SET_CHALLENGE_ACKS: t.challenge_acks = e->value; break;
    case INPUT_N_SETTINGS: break;
    }
    check_result(rs_set(c->host, c->handle[i], &t, c->now), 0);
    invariants_note(&c->invariants, &t);
    settle(c);
}

/* ---- The whole input -------------------------------------------------------------------- */

static void configure(struct rs_config *cfg, uint8_t bits)
{
    rs_config_small(cfg);
    cfg->tcp.timestamps = bits & INPUT_TIMESTAMPS;
    cfg->tcp.sack = bits & INPUT_SACK;
    cfg->tcp.window_scale = bits & INPUT_WINDOW_SCALE;
    cfg->tcp.nagle = !(bits & INPUT_NO_NAGLE);
    cfg->tcp.delayed_ack = bits & INPUT_NO_DELAYED_ACK ? 0 : cfg->tcp.delayed_ack;
    cfg->tcp.keepalive = bits & INPUT_KEEPALIVE;
    cfg->tcp.user_timeout = bits & INPUT_USER_TIMEOUT ? 30 * RS_SEC : 0;
    cfg->tcp.rfc1337 = bits & INPUT_RFC1337;
}

static void build(struct conn *c, rs_time now)
{
    c->host = rs_init(block.octet, sizeof block.octet, &c->cfg, now);
    if (!c->host)
        abort(); /* the small configuration outgrew its 16 KiB */
    c->now = now;
}

/* ISS = M + F(...), RFC 6528, M counting 4 us: the time at which the main connection's is our_iss. */
static rs_time birth(struct conn *c)
{
    static rs_time found;
    const rs_time trial = 1000 * RS_SEC;
    struct rs_endpoint local = at(1, LOCAL_PORT), remote = at(2, REMOTE_PORT);
    struct rs_status s;

    if (found)
        return found;
    configure(&c->cfg, 0);
    build(c, trial);
    rs_status(c->host, rs_open_active(c->host, &local, &remote, trial), &s);
    found = trial + (rs_time)(our_iss - s.iss) * 4;
    return found;
}

static void begin(struct conn *c, const struct input_reader *r, const struct conn_watch *watch)
{
    struct rs_endpoint local = at(1, LOCAL_PORT), remote = at(2, REMOTE_PORT);
    rs_time now = birth(c);

    /* A host built for the same configuration only needs its reset. */
    if (c->built && c->config == r->config) {
        rs_reset(c->host, now);
        c->now = now;
    } else {
        configure(&c->cfg, r->config);
        build(c, now);
        c->built = true;
        c->config = r->config;
    }
    c->watch = watch;
    rs_observe(c->host, observe, c);
    egress_init(&c->egress, &local, &remote, peer_irs, c->cfg.mtu);
    invariants_init(&c->invariants, &c->cfg);
    for (unsigned i = 0; i < CONNS; i++)
        c->handle[i] = -1;
    c->tainted = false;
    c->last_transition = 0;
    oracle_place = (struct oracle_place){ .before = RS_CLOSED, .after = RS_CLOSED };
}

static void run_event(struct conn *c, struct input_event *e)
{
    enum rs_state state = main_state(c);
    rs_time until = c->now;

    oracle_place.before = oracle_place.after = state;
    oracle_place.event = conn_event_class(e);
    oracle_place.index++;
    feedback_hit(feedback_key(FEED_STATE_EVENT, (uint32_t)state, conn_event_number(e)));
    egress_event(&c->egress);
    if (e->ev.kind == SC_WAIT) {
        until = wait_end(c, e);
        e->ev.at.from = e->ev.at.to = until - c->now;
    }
    if (c->watch && c->watch->event)
        c->watch->event(c->watch->arg, e, c->now, state);
    switch (e->ev.kind) {
    case SC_WAIT: run_wait(c, until); break;
    case SC_USER: run_call(c, &e->ev.u.user); break;
    case SC_CONFIG: run_setting(c, e); break;
    case SC_PACKET:
    case SC_ICMP:
    case SC_OPAQUE: run_datagram(c, e); break;
    default: break; /* a fault: there is no link here */
    }
}

/* RFC 9293 section 3.9.1: a connection that nobody uses and nobody answers comes to its end. */
static void end(struct conn *c, bool release)
{
    const rs_time bound = c->now + end_bound;
    unsigned steps = 0;

    oracle_place.before = main_state(c);
    oracle_place.event = release ? "end by RELEASE" : "end by ABORT";
    oracle_place.index++;
    egress_event(&c->egress);
    for (unsigned i = 0; i < CONNS; i++)
        if (c->handle[i] >= 0) {
            int result = release ? rs_release(c->host, c->handle[i], c->now)
                                 : rs_abort(c->host, c->handle[i], c->now);
            check_result(result, 0);
        }
    settle(c);
    while (invariants_count(c->host) > 0 && step(c, bound))
        ORACLE(work_bounded, ++steps <= MAX_END_STEPS, "%u deadlines after the end", steps);
    invariants_check_empty(c->host);
}

void conn_run(const uint8_t *data, size_t size, const struct conn_watch *watch)
{
    static struct input_event event;
    struct conn *c = &the_conn;
    struct input_reader r;

    input_open(&r, data, size);
    begin(c, &r, watch);
    for (unsigned n = 0; n < MAX_EVENTS && input_next(&r, &event); n++)
        run_event(c, &event);
    end(c, r.release);
}
