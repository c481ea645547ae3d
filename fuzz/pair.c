#include "fuzz/pair.h"

#include <stdlib.h>

#include "fuzz/conn.h"
#include "fuzz/feedback.h"
#include "fuzz/pair_wire.h"
#include "harness/place.h"
#include "harness/egress.h"
#include "harness/invariants.h"
#include "harness/oracle.h"
#include "harness/vnet.h"

enum {
    HOST_OCTETS = 16384,
    PORT_A = 40000,
    PORT_B = 8080,
    MAX_EVENTS = 64,
    MAX_STEPS = 64,
    MAX_END_STEPS = 2000,
    PATIENT_STEPS = 24,
    MOST_FRAMES =
        4096 /* at one moment: two send buffers in the smallest segments, and their ACKs */
};

static const rs_time end_bound = 3000 * RS_SEC;

enum { FEED_PAIR_STATES = 16, FEED_PAIR_CALL };

/* One host and its user, who opens once: a second connection would be a second stream. */
struct end {
    struct rs_host *host;
    struct egress egress;
    struct invariants invariants;
    enum rs_state state; /* of the latest transition */
    int handle;          /* -1: none now */
    int listener;
    bool opened, aborted, restarted, gave_up;
    int error;           /* what ended the connection, once it has */
    uint32_t sent, received;
};

struct pair {
    struct vnet net;
    struct pair_wire wire;
    struct end end[2];
    const struct pair_watch *watch;
};

static struct pair the_pair;
static union {
    max_align_t align;
    uint8_t octet[HOST_OCTETS];
} block[2];
static uint8_t octets[PLACE_MAX];

static struct rs_endpoint endpoint(int i)
{
    return (struct rs_endpoint){
        .addr = pair_wire_address(&the_pair.wire, i),
        .port = i ? PORT_B : PORT_A
    };
}

/* ---- Observation ------------------------------------------------------------------------ */

static void observe(void *arg, const struct rs_observation *o)
{
    struct end *e = arg;
    const struct pair_watch *w = the_pair.watch;

    if (w && w->observed)
        w->observed(w->arg, e == &the_pair.end[1], o);
    if (o->what != RS_OBS_STATE)
        return;
    e->state = o->to;
    oracle_place.after = o->to;
    feedback_hit(feedback_key(FEED_PAIR_STATES, (uint32_t)the_pair.end[0].state,
                              (uint32_t)the_pair.end[1].state));
    /* What was queued in SYN-RECEIVED is flushed when LISTEN comes back. */
    const bool back = o->from == RS_SYN_RECEIVED && o->to == RS_LISTEN;
    e->restarted = e->restarted || back;
    if (back || (o->to == RS_CLOSED && o->from != RS_LISTEN))
        egress_forget(&e->egress);
}

static void sent(void *arg, int i, const uint8_t *frame, size_t len)
{
    struct pair *p = arg;

    if (p->watch && p->watch->sent)
        p->watch->sent(p->watch->arg, i, frame, len, p->net.now);
    ORACLE(pair_link, rs_output_link(p->end[i].host) == pair_wire_link(&p->wire),
           "by link %u, not %u", rs_output_link(p->end[i].host), pair_wire_link(&p->wire));
    egress_out(&p->end[i].egress, frame, len, &(struct tcp_seg){ .seq = 0 });
}

static void arrives(void *arg, int i, const uint8_t *frame, size_t len)
{
    struct pair *p = arg;

    if (p->watch && p->watch->arrives)
        p->watch->arrives(p->watch->arg, i, frame, len, p->net.now);
    egress_in(&p->end[i].egress, frame, len, &(struct tcp_seg){ .seq = 0 });
}

/* ---- Time ------------------------------------------------------------------------------- */

static void settle(struct pair *p)
{
    const uint64_t came = p->wire.n, went[2] = { p->net.frames[0], p->net.frames[1] };

    ORACLE(pair_storm, vnet_settle(&p->net, MOST_FRAMES), "over %d segments at one moment",
           MOST_FRAMES);
    for (int i = 0; i < 2; i++) {
        invariants_work(&p->end[i].invariants, p->end[i].host,
                        p->wire.n - came + p->net.frames[i] - went[i]);
        invariants_check(&p->end[i].invariants, p->end[i].host, p->net.now);
    }
}

static bool step(struct pair *p, rs_time until)
{
    rs_time next = vnet_deadline(&p->net);

    ORACLE(deadline_progress, next > p->net.now,
           "nothing is left to carry, yet the deadline is now");
    if (next > until)
        return false;
    p->net.now = next;
    for (int i = 0; i < 2; i++)
        egress_event(&p->end[i].egress);
    settle(p);
    return true;
}

static void run_wait(struct pair *p, const struct input_event *e)
{
    rs_time next = vnet_deadline(&p->net);
    rs_time until = p->net.now + e->ev.at.to;
    unsigned steps = 0;

    if (e->wait == INPUT_WAIT_DEADLINE && next != RS_NEVER)
        until = next;
    if (e->wait == INPUT_WAIT_BEFORE_DEADLINE && next != RS_NEVER)
        until = next - 1;
    while (steps < MAX_STEPS && step(p, until))
        steps++;
    if (steps < MAX_STEPS && until > p->net.now)
        p->net.now = until;
}

/* ---- User calls ------------------------------------------------------------------------- */

static void note_error(struct end *e)
{
    struct rs_status s;

    if (e->handle >= 0 && rs_status(e->host, e->handle, &s) == 0 && s.error)
        e->error = s.error;
}

static void call_open(struct pair *p, int i, unsigned op)
{
    struct end *e = &p->end[i];
    struct rs_endpoint local = endpoint(i), remote = endpoint(1 - i);

    if (e->opened)
        return;
    e->opened = true;
    if (op == SC_OPEN_ACTIVE)
        e->handle = rs_open_active(e->host, &local, &remote, p->net.now);
    else if (op == SC_OPEN_PASSIVE)
        e->handle = rs_open_passive(e->host, &local, &remote, p->net.now);
    else
        e->listener = rs_listen(e->host, &local, p->net.now);
}

static void call_accept(struct pair *p, int i)
{
    struct end *e = &p->end[i];

    if (e->listener >= 0 && e->handle < 0 && !e->aborted) {
        int handle = rs_accept(e->host, e->listener, p->net.now);
        e->handle = handle >= 0 ? handle : -1;
    }
}

static void call_send(struct pair *p, int i, uint32_t amount, unsigned flags)
{
    struct end *e = &p->end[i];
    uint32_t n = amount < PLACE_MAX ? amount : PLACE_MAX;

    stream_fill(octets, e->sent, n);
    int taken = rs_send(e->host, e->handle, octets, n, flags, p->net.now);
    if (taken > 0)
        e->sent += (uint32_t)taken;
}

static int call_receive(struct pair *p, int i, uint32_t amount)
{
    struct end *e = &p->end[i], *peer = &p->end[1 - i];
    uint32_t cap = amount < PLACE_MAX ? amount : PLACE_MAX;
    int n = rs_receive(e->host, e->handle, octets, cap, p->net.now);

    for (int k = 0; k < n; k++)
        ORACLE(pair_stream, octets[k] == stream_octet(e->received + (uint32_t)k),
               "octet %u is %02x, %02x was sent", e->received + (uint32_t)k, octets[k],
               stream_octet(e->received + (uint32_t)k));
    if (n > 0)
        e->received += (uint32_t)n;
    ORACLE(pair_stream, e->received <= peer->sent, "%u octets received, %u sent", e->received,
           peer->sent);
    return n;
}

/* An ABORT's RST answers no frame. */
static void let_go(struct pair *p, int i, bool abort_it)
{
    struct end *e = &p->end[i];

    note_error(e);
    egress_event(&e->egress);
    if (e->handle < 0)
        return;
    if (abort_it)
        rs_abort(e->host, e->handle, p->net.now);
    else
        rs_release(e->host, e->handle, p->net.now);
    e->aborted = true; /* a RELEASE with octets unread is an ABORT */
    e->handle = -1;
}

/* Closes, but gives a connection that is still opening the time for it. */
static void close_one(struct pair *p, int i, bool patient)
{
    struct end *e = &p->end[i];

    if (e->state == RS_LISTEN || e->state == RS_SYN_SENT) {
        if (patient)
            return;
        e->gave_up = true; /* what was queued is dropped, and the user knows */
    }
    rs_close(e->host, e->handle, p->net.now);
}

static void run_call(struct pair *p, int i, const struct sc_user *u)
{
    struct end *e = &p->end[i];

    feedback_hit(feedback_key(FEED_PAIR_CALL, (uint32_t)e->state, (uint32_t)(u->op * 2 + i)));
    switch (u->op) {
    case SC_SEND: call_send(p, i, u->amount, RS_PUSH); break;
    case SC_SEND_URGENT: call_send(p, i, u->amount, RS_PUSH | RS_URGENT); break;
    case SC_RECEIVE: call_receive(p, i, u->amount); break;
    case SC_CLOSE: close_one(p, i, false); break;
    case SC_ABORT: let_go(p, i, true); break;
    case SC_RELEASE: let_go(p, i, false); break;
    case SC_STATUS: note_error(e); break;
    case SC_ACCEPT: call_accept(p, i); break;
    case SC_OPEN_FROM_LISTEN: break;
    default: call_open(p, i, u->op); break;
    }
}

static void run_setting(struct pair *p, int i, const struct input_event *ev)
{
    struct end *e = &p->end[i];
    struct rs_tcp_config t;

    if (rs_get(e->host, e->handle, &t) < 0)
        return;
    if (ev->setting == SC_SET_NAGLE)
        t.nagle = ev->value & 1;
    else if (ev->setting == SC_SET_DELAYED_ACK)
        t.delayed_ack = ev->value % 500 * RS_MSEC;
    else if (ev->setting == SC_SET_RCV_BUF)
        t.rcv_buf = 256u + ev->value % 4096;
    else if (ev->setting == SC_SET_SND_BUF)
        t.snd_buf = 1u + ev->value % 4096;
    rs_set(e->host, e->handle, &t, p->net.now);
    invariants_note(&e->invariants, &t);
}

static void run_event(struct pair *p, const struct input_event *ev)
{
    int i = ev->ev.actor == 'B';

    oracle_place.before = oracle_place.after = p->end[i].state;
    oracle_place.event = conn_event_class(ev);
    oracle_place.index++;
    for (int k = 0; k < 2; k++)
        egress_event(&p->end[k].egress);
    if (p->watch && p->watch->event)
        p->watch->event(p->watch->arg, i, ev, p->net.now, p->end[i].state);
    switch (ev->ev.kind) {
    case SC_USER: run_call(p, i, &ev->ev.u.user); break;
    case SC_WAIT: run_wait(p, ev); break;
    case SC_CONFIG: run_setting(p, i, ev); break;
    case SC_FAULT: fault_add(&p->net.link[ev->ev.u.fault.direction == SC_OUT ? 0 : 1],
                             &ev->ev.u.fault); break;
    default: break; /* what comes from outside has no place on this wire */
    }
    settle(p);
}

/* ---- The end ---------------------------------------------------------------------------- */

/* Both users read what comes, and close; a listener whose connection is complete accepts it. */
static void drain(struct pair *p, bool patient)
{
    for (int i = 0; i < 2; i++) {
        struct end *e = &p->end[i];
        call_accept(p, i);
        while (e->handle >= 0 && call_receive(p, i, PLACE_MAX) > 0)
            ;
        close_one(p, i, patient);
        note_error(e);
    }
    settle(p);
}

static bool both_over(const struct pair *p)
{
    for (int i = 0; i < 2; i++) {
        struct rs_status s;
        const struct end *e = &p->end[i];
        if (e->handle >= 0 && rs_status(e->host, e->handle, &s) == 0 && s.state != RS_CLOSED &&
            s.state != RS_TIME_WAIT)
            return false;
    }
    return true;
}

/* Octets that were taken and never given are lost: then somebody must have heard of it. */
static void check_delivered(const struct pair *p, int i)
{
    const struct end *from = &p->end[i], *to = &p->end[1 - i];
    const bool known = from->error || to->error || from->aborted || to->aborted ||
                       from->restarted || to->restarted || from->gave_up || to->gave_up;

    if (to->received == from->sent || from->sent == 0)
        return;
    if (from->handle >= 0 && to->handle >= 0)
        ORACLE(pair_delivered, known, "%u octets of %u received, and both ends content",
               to->received, from->sent);
    ORACLE(pair_knows, known || from->handle < 0 || to->opened, "%u octets of %u received",
           to->received, from->sent);
}

static void run_until_over(struct pair *p, rs_time until)
{
    unsigned steps = 0;

    drain(p, true);
    while (!both_over(p) && step(p, until)) {
        ORACLE(pair_ends, ++steps <= MAX_END_STEPS, "%u steps and no end", steps);
        drain(p, steps < PATIENT_STEPS);
    }
    drain(p, false);
}

static void finish(struct pair *p, bool release)
{
    const rs_time until = p->net.now + end_bound;
    unsigned steps = 0;

    oracle_place.event = "faults stop";
    oracle_place.index++;
    for (int i = 0; i < 2; i++)
        fault_clear(&p->net.link[i]);
    run_until_over(p, until);
    for (int i = 0; i < 2; i++)
        check_delivered(p, i);
    for (int i = 0; i < 2; i++) {
        let_go(p, i, !release);
        rs_abort(p->end[i].host, p->end[i].listener, p->net.now);
    }
    settle(p);
    while (invariants_count(p->end[0].host) + invariants_count(p->end[1].host) > 0) {
        ORACLE(pair_ends, step(p, until + end_bound), "a connection is left, and no timer runs");
        ORACLE(pair_ends, ++steps <= MAX_END_STEPS, "%u steps and no end", steps);
    }
    while (step(p, RS_NEVER - 1)) /* the last frames leave the links */
        ORACLE(pair_silence, ++steps <= MAX_END_STEPS, "%u steps and no silence", steps);
    for (int i = 0; i < 2; i++)
        invariants_check_empty(p->end[i].host);
}

/* ---- The whole input -------------------------------------------------------------------- */

static void begin_end(struct pair *p, int i, uint8_t bits)
{
    static const rs_time birth = 1000 * RS_SEC;
    struct rs_endpoint local = endpoint(i), remote = endpoint(1 - i);
    struct end *e = &p->end[i];
    struct rs_config cfg;

    rs_config_small(&cfg);
    cfg.seed += (uint64_t)i;
    pair_wire_configure(&p->wire, i, &cfg);
    cfg.tcp.timestamps = bits & INPUT_TIMESTAMPS;
    cfg.tcp.sack = bits & INPUT_SACK;
    cfg.tcp.window_scale = bits & INPUT_WINDOW_SCALE;
    cfg.tcp.nagle = !(bits & INPUT_NO_NAGLE);
    cfg.tcp.delayed_ack = bits & INPUT_NO_DELAYED_ACK ? 0 : cfg.tcp.delayed_ack;
    e->host = rs_init(block[i].octet, sizeof block[i].octet, &cfg, birth);
    if (!e->host)
        abort(); /* the small configuration outgrew its 16 KiB */
    rs_observe(e->host, observe, e);
    egress_init(&e->egress, &local, &remote, 0, cfg.mtu);
    e->egress.learn = true;
    invariants_init(&e->invariants, &cfg);
    e->state = RS_CLOSED;
    e->handle = e->listener = -1;
    e->opened = e->aborted = e->restarted = e->gave_up = false;
    e->error = 0;
    e->sent = e->received = 0;
    p->net.now = birth;
}

void pair_run(const uint8_t *data, size_t size, const struct pair_watch *watch)
{
    static struct input_event event;
    struct pair *p = &the_pair;
    struct input_reader r;

    p->watch = watch;
    input_open(&r, data, size);
    r.prefix = rcur_of(data, 0); /* starts are for one host and its peer: here it is the way */
    p->wire = (struct pair_wire){ .traits = r.start, .ip6 = r.manner & INPUT_IP6,
                                  .fragments = r.manner & INPUT_FRAGMENTS };
    for (int i = 0; i < 2; i++)
        begin_end(p, i, r.config);
    vnet_init(&p->net, p->end[0].host, p->end[1].host, RS_LINK_IP, p->net.now);
    p->net.arg = p;
    p->net.sent = sent;
    p->net.arrives = arrives;
    pair_wire_begin(&p->wire, &p->net);
    oracle_place = (struct oracle_place){ .before = RS_CLOSED, .after = RS_CLOSED };
    for (unsigned n = 0; n < MAX_EVENTS && input_next(&r, &event); n++)
        run_event(p, &event);
    finish(p, r.release);
    vnet_free(&p->net);
}
