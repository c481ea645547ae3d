#include "fuzz/conn_run.h"

#include <stdlib.h>

#include "fuzz/feedback.h"

enum {
    HOST_OCTETS = 16384, /* the most that a host for fuzzing may take: rs_init refuses more */
    MAX_EVENTS = 64,
    REPLAYED = 16,
    MAX_STEPS = 64,     /* deadlines that one wait runs through */
    MAX_END_STEPS = 400 /* the retransmissions, probes and 2 MSL of all connections together */
};

/* Both ends' numbers pass 2^32 after a few hundred octets: plain comparisons break there. */
static const uint32_t peer_irs = 0u - 700;
static const uint32_t our_iss = 0u - 900;
static const rs_time end_bound = 1000 * RS_SEC;

/* The domains of feedback keys. */
enum { FEED_STATE_EVENT = 1, FEED_TRANSITIONS, FEED_REASON, FEED_TIMER };

static struct conn the_conn; /* reset for each input; static because it is large */
static union {
    max_align_t align;
    uint8_t octet[HOST_OCTETS];
} block;

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
    if ((back && conn_state(c) <= RS_LISTEN) ||
        invariants_between(c->host, o->conn, LOCAL_PORT, REMOTE_PORT))
        egress_forget(&c->egress);
    /* What was queued in SYN-RECEIVED is flushed; the next connection's stream starts anew. */
    for (unsigned i = 0; back && i < CONNS; i++)
        if (c->handle[i] == o->conn)
            c->sent[i] = c->taken[i] = 0;
}

/* A fragment that waits is not yet a segment: what it completes is judged by itself. */
static void note_judged(struct conn *c, enum rs_reason reason)
{
    if (reason == RS_REASON_IP_FRAGMENT_HELD)
        return;
    c->reason = reason;
    c->judged = reason != RS_REASON_IP_FRAGMENT;
}

static void observe(void *arg, const struct rs_observation *o)
{
    struct conn *c = arg;

    if (o->what == RS_OBS_STATE) {
        observe_state(c, o);
    } else if (o->what == RS_OBS_SEGMENT) {
        note_judged(c, o->reason);
        feedback_hit(feedback_key(FEED_REASON, (uint32_t)o->from, (uint32_t)o->reason));
    } else if (o->what == RS_OBS_TIMER) {
        feedback_hit(feedback_key(FEED_TIMER, (uint32_t)o->from, (uint32_t)o->timer));
    }
    if (c->watch && c->watch->observed)
        c->watch->observed(c->watch->arg, o);
}

/* ---- Time ------------------------------------------------------------------------------- */

/* What may have a deadline: connections, and fragments that wait for their others. */
static unsigned alive(const struct conn *c)
{
    return invariants_count(c->host) + invariants_fragments(c->host);
}

/* Goes to the next deadline if that comes by `until`; false when there is none. */
static bool step(struct conn *c, rs_time until)
{
    rs_time next = rs_deadline(c->host);

    ORACLE(deadline_progress, next > c->now, "nothing is left to send, yet the deadline is now");
    if (next > until)
        return false;
    unsigned users = alive(c);
    c->now = next;
    conn_settle(c);
    if (users == 0)
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
    conn_settle(c);
}

/* ---- The whole input -------------------------------------------------------------------- */

static void configure(struct rs_config *cfg, uint8_t bits, bool ip6)
{
    rs_config_small(cfg);
    if (ip6) {
        cfg->addr6 = conn_addr(true, 1);
        cfg->prefix6 = 64;
    }
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

/* ISS = M + F(...), RFC 6528, M counting 4 us: the time at which the main connection's is our_iss.
 */
static rs_time birth(struct conn *c)
{
    static rs_time found_of[2];
    rs_time *found = &found_of[c->manner & INPUT_IP6 ? 1 : 0];
    const rs_time trial = 1000 * RS_SEC;
    struct rs_endpoint local = conn_end(c, 1, LOCAL_PORT), remote = conn_end(c, 2, REMOTE_PORT);
    struct rs_status s;

    if (*found)
        return *found;
    configure(&c->cfg, 0, c->manner & INPUT_IP6);
    build(c, trial);
    rs_status(c->host, rs_open_active(c->host, &local, &remote, trial), &s);
    *found = trial + (rs_time)(our_iss - s.iss) * 4;
    c->built = false;
    return *found;
}

static void begin(struct conn *c, const struct input_reader *r, const struct conn_watch *watch)
{
    const bool same_version = !((c->manner ^ r->manner) & INPUT_IP6);

    c->manner = r->manner;
    struct rs_endpoint local = conn_end(c, 1, LOCAL_PORT), remote = conn_end(c, 2, REMOTE_PORT);
    rs_time now = birth(c);

    /* A host built for the same configuration only needs its reset. */
    if (c->built && same_version && c->config == r->config) {
        rs_reset(c->host, now);
        c->now = now;
    } else {
        configure(&c->cfg, r->config, r->manner & INPUT_IP6);
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
    enum rs_state state = conn_state(c);
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
    case SC_USER: conn_call(c, &e->ev.u.user); break;
    case SC_CONFIG: conn_setting(c, e); break;
    case SC_PACKET:
    case SC_ICMP:
    case SC_OPAQUE: conn_datagram(c, e); break;
    default: break; /* a fault: there is no link here */
    }
}

/* RFC 9293 section 3.9.1: a connection that nobody uses and nobody answers comes to its end. */
static void end(struct conn *c, bool release)
{
    const rs_time bound = c->now + end_bound;
    unsigned steps = 0;

    oracle_place.before = conn_state(c);
    oracle_place.event = release ? "end by RELEASE" : "end by ABORT";
    oracle_place.index++;
    egress_event(&c->egress);
    conn_let_go(c, release);
    conn_settle(c);
    while (alive(c) > 0 && step(c, bound))
        ORACLE(work_bounded, ++steps <= MAX_END_STEPS, "%u deadlines after the end", steps);
    invariants_check_empty(c->host);
}

static void run_once(struct conn *c, const uint8_t *data, size_t size,
                     const struct conn_watch *watch)
{
    static struct input_event event;
    struct input_reader r;

    input_open(&r, data, size);
    begin(c, &r, watch);
    for (unsigned n = 0; n < MAX_EVENTS && input_next(&r, &event); n++)
        run_event(c, &event);
    end(c, r.release);
}

/* One input in sixteen, the first of a process among them, runs once more on the host as the first
 * run left it. */
void conn_run(const uint8_t *data, size_t size, const struct conn_watch *watch)
{
    static unsigned runs;
    struct conn *c = &the_conn;

    c->digests = runs++ % REPLAYED == 0;
    c->digest = 0;
    run_once(c, data, size, watch);
    if (!c->digests)
        return;
    const uint64_t first = c->digest;
    c->digest = 0;
    run_once(c, data, size, NULL);
    oracle_place.event = "the input once more";
    ORACLE(replay_same, c->digest == first, "after a reset the same input sends something else");
}
