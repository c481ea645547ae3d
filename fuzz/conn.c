#include "fuzz/conn.h"

#include "fuzz/feedback.h"

enum {
    MAX_EVENTS = 64,
    REPLAYED = 16,
    MAX_STEPS = 64 /* deadlines that one wait runs through */
};

static struct conn the_conn; /* reset for each input; static because it is large */

static void feed(enum conn_feed what, uint32_t a, uint32_t b)
{
    feedback_hit(feedback_key((uint32_t)what, a, b));
}

/* ---- Time ------------------------------------------------------------------------------- */

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

    while (steps < MAX_STEPS && conn_step(c, until))
        steps++;
    /* A wait that meets very many deadlines ends early, at the last of them. */
    if (steps < MAX_STEPS)
        c->now = until > c->now ? until : c->now;
    conn_settle(c);
}

/* ---- The whole input -------------------------------------------------------------------- */

static void run_event(struct conn *c, struct input_event *e)
{
    enum rs_state state = conn_state(c);
    rs_time until = c->now;

    oracle_place.before = oracle_place.after = state;
    oracle_place.event = conn_event_class(e);
    oracle_place.index++;
    feed(CONN_FEED_STATE_EVENT, (uint32_t)state, conn_event_number(e));
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

static void run_once(struct conn *c, const uint8_t *data, size_t size,
                     const struct conn_watch *watch)
{
    static struct input_event event;
    struct input_reader r;

    input_open(&r, data, size);
    conn_begin(c, r.manner, r.config, watch);
    c->feedback = feed;
    for (unsigned n = 0; n < MAX_EVENTS && input_next(&r, &event); n++)
        run_event(c, &event);
    conn_finish(c, r.release);
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
