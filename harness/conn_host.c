#include "harness/conn.h"

#include <stdlib.h>

enum {
    HOST_OCTETS = 16384, /* the most that a small host may take: rs_init refuses more */
    MAX_END_STEPS = 400  /* the retransmissions, probes and 2 MSL of all connections together */
};

static const rs_time end_bound = 1000 * RS_SEC;

static union {
    max_align_t align;
    uint8_t octet[HOST_OCTETS];
} block;

/* ---- Observation ------------------------------------------------------------------------ */

static void feed(const struct conn *c, enum conn_feed what, uint32_t a, uint32_t b)
{
    if (c->feedback)
        c->feedback(what, a, b);
}

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
    feed(c, CONN_FEED_TRANSITIONS, c->last_transition, transition);
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
        feed(c, CONN_FEED_REASON, (uint32_t)o->from, (uint32_t)o->reason);
    } else if (o->what == RS_OBS_TIMER) {
        feed(c, CONN_FEED_TIMER, (uint32_t)o->from, (uint32_t)o->timer);
    }
    if (c->watch && c->watch->observed)
        c->watch->observed(c->watch->arg, o);
}

/* ---- Time ------------------------------------------------------------------------------- */

/* What may have a deadline: connections, and fragments that wait for their others. */
unsigned conn_alive(const struct conn *c)
{
    return invariants_count(c->host) + invariants_fragments(c->host);
}

/* Goes to the next deadline if that comes by `until`; false when there is none. */
bool conn_step(struct conn *c, rs_time until)
{
    rs_time next = rs_deadline(c->host);

    ORACLE(deadline_progress, next > c->now, "nothing is left to send, yet the deadline is now");
    if (next > until)
        return false;
    unsigned users = conn_alive(c);
    c->now = next;
    conn_settle(c);
    if (users == 0)
        ORACLE(egress_silence, false, "a deadline and no connection");
    return true;
}

/* RFC 9293 section 3.9.1: a connection that nobody uses and nobody answers comes to its end. */
void conn_finish(struct conn *c, bool release)
{
    const rs_time bound = c->now + end_bound;
    unsigned steps = 0;

    oracle_place.before = conn_state(c);
    oracle_place.event = release ? "end by RELEASE" : "end by ABORT";
    oracle_place.index++;
    egress_event(&c->egress);
    conn_let_go(c, release);
    conn_settle(c);
    while (conn_alive(c) > 0 && conn_step(c, bound))
        ORACLE(work_bounded, ++steps <= MAX_END_STEPS, "%u deadlines after the end", steps);
    invariants_check_empty(c->host);
}

/* ---- The host --------------------------------------------------------------------------- */

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

/* ISS = M + F(...), RFC 6528, M counting 4 us: the time at which the main connection's is CONN_ISS.
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
    *found = trial + (rs_time)(CONN_ISS - s.iss) * 4;
    c->built = false;
    return *found;
}

void conn_begin(struct conn *c, uint8_t manner, uint8_t config, const struct conn_watch *watch)
{
    const bool same_version = !((c->manner ^ manner) & INPUT_IP6);

    c->manner = manner;
    struct rs_endpoint local = conn_end(c, 1, LOCAL_PORT), remote = conn_end(c, 2, REMOTE_PORT);
    rs_time now = birth(c);

    /* A host built for the same configuration only needs its reset. */
    if (c->built && same_version && c->config == config) {
        rs_reset(c->host, now);
        c->now = now;
    } else {
        configure(&c->cfg, config, manner & INPUT_IP6);
        build(c, now);
        c->built = true;
        c->config = config;
    }
    c->watch = watch;
    rs_observe(c->host, observe, c);
    egress_init(&c->egress, &local, &remote, CONN_IRS, c->cfg.mtu);
    invariants_init(&c->invariants, &c->cfg);
    for (unsigned i = 0; i < CONNS; i++)
        c->handle[i] = -1;
    c->tainted = false;
    c->last_transition = 0;
    c->result = 0;
    oracle_place = (struct oracle_place){ .before = RS_CLOSED, .after = RS_CLOSED };
}
