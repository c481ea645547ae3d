/* The events of a script: user calls, segments expected, states, faults, time. */
#include "interop/play.h"

#include <stdio.h>
#include <string.h>

#include "harness/pump.h"

/* Timers may run early by this: their ticks are coarse, and clocks are read before sleeping. */
enum { SLACK_PERCENT = 20 };

/* ---- Time ------------------------------------------------------------------------------- */

/* The earliest time of an event; RFC timers give least times, a busy machine adds to them. */
static rs_time earliest(const struct play *p, const struct sc_event *e)
{
    switch (e->at.kind) {
    case SC_T_ABS:
    case SC_T_ABS_RANGE:
        return p->start + e->at.from;
    case SC_T_REL:
    case SC_T_REL_RANGE:
        return p->last + e->at.from;
    default:
        return p->last;
    }
}

static rs_time latest(const struct play *p, const struct sc_event *e)
{
    if (e->at.kind == SC_T_ABS_RANGE)
        return p->start + e->at.to;
    if (e->at.kind == SC_T_REL_RANGE)
        return p->last + e->at.to;
    return earliest(p, e);
}

static bool never(struct play *p, const void *arg)
{
    (void)p;
    (void)arg;
    return false;
}

static void pass_time(struct play *p, rs_time until)
{
    if (until > pump_now())
        play_until(p, never, NULL, until);
}

/* ---- Segments --------------------------------------------------------------------------- */

/* What came next, window updates that the script does not ask for aside. */
struct awaited {
    enum trace_end from;
    unsigned conn;
    const struct sc_segment *seg; /* NULL: silence is expected */
};

static bool has_segment(struct play *p, const void *arg)
{
    const struct awaited *a = arg;
    char why[WIRE_TEXT];
    if (p->wire.n && a->seg && wire_match(wire_peek(&p->wire), a->from, a->conn, a->seg, why))
        return true;
    return wire_skip_updates(&p->wire);
}

static unsigned conn_of(const struct play *p, enum trace_end from, const struct sc_packet *e)
{
    for (unsigned conn = 0; conn < PEER_CONNS; conn++)
        if (e->src_port && p->end[from]->local[conn].port == e->src_port)
            return conn;
    return 0;
}

/* The script's own words at a line, without the blanks around them. */
static void source_line(const struct play *p, uint32_t line, char text[WIRE_TEXT])
{
    const char *at = p->source;
    text[0] = '\0';
    for (uint32_t n = 1; at && n < line; n++) {
        at = strchr(at, '\n');
        at = at ? at + 1 : NULL;
    }
    if (at)
        snprintf(text, WIRE_TEXT, "%.*s", (int)strcspn(at, "\n"), at);
}

static bool mismatch(struct play *p, const struct wire_segment *s, const char *why)
{
    char got[WIRE_TEXT], expected[WIRE_TEXT];
    wire_print(s, got);
    source_line(p, p->at_line, expected);
    return play_fail(p, "%s; expected \"%s\", got from %s \"%s\"", why, expected,
                     p->out->actor[s->from], got);
}

static bool expect_packet(struct play *p, const struct sc_event *e)
{
    const struct sc_packet *packet = &e->u.packet;
    enum trace_end from = play_end_of(p, packet->from);
    unsigned conn = conn_of(p, from, packet);
    char why[WIRE_TEXT];
    const struct awaited awaited = { from, conn, &packet->seg };
    rs_time base = p->last, least = earliest(p, e);
    if (!play_until(p, has_segment, &awaited, latest(p, e) + p->config.patience)) {
        source_line(p, p->at_line, why);
        return play_fail(p, "no segment was sent within %.1f s; expected \"%s\"",
                         (double)(pump_now() - base) / 1e6, why);
    }
    const struct wire_segment *s = wire_peek(&p->wire);
    if (!wire_match(s, from, conn, &packet->seg, why))
        return mismatch(p, s, why);
    if (s->at < base + (least - base) * (100 - SLACK_PERCENT) / 100 && least > base) {
        snprintf(why, sizeof why, "time: expected at least %.3f s after the event before, got %.3f",
                 (double)(least - base) / 1e6, (double)((int64_t)(s->at - base)) / 1e6);
        return mismatch(p, s, why);
    }
    p->last = s->at;
    if (s->row < p->out->n_rows)
        p->out->row[s->row].line = e->line;
    wire_take(&p->wire);
    return true;
}

static bool expect_silence(struct play *p, const struct sc_event *e)
{
    const struct awaited nothing = { .seg = NULL };
    rs_time until = latest(p, e);
    bool sent = play_until(p, has_segment, &nothing, until);
    p->last = until;
    return !sent || mismatch(p, wire_peek(&p->wire), "silence was expected");
}

/* ---- States ----------------------------------------------------------------------------- */

/* An end passes through states faster than anyone can ask: it is enough that it came to the state
 * asked for after the one asked for before. */
static bool came_to(struct play *p, enum trace_end end, unsigned conn, enum rs_state state)
{
    struct play_past *past = &p->past[end][conn];
    play_sample(p, end, conn);
    if (!p->end[end]->ops->state)
        return true; /* nobody can tell: the wire and the streams judge that end */
    for (unsigned i = past->at; i < past->n; i++) {
        if (past->state[i] == (uint8_t)state) {
            past->at = i;
            past->asserted = true;
            return true;
        }
    }
    return false;
}

static unsigned conn_of_item(const struct sc_state_item *item)
{
    return item->fd < 0 || item->fd >= PEER_CONNS ? 0 : (unsigned)item->fd;
}

static bool all_came(struct play *p, const void *arg)
{
    const struct sc_state *s = arg;
    bool all = true;
    for (int i = 0; i < s->n; i++)
        all &= came_to(p, play_end_of(p, s->item[i].actor), conn_of_item(&s->item[i]),
                       (enum rs_state)s->item[i].state);
    return all;
}

static bool expect_state(struct play *p, const struct sc_event *e)
{
    const struct sc_state *s = &e->u.state;
    rs_time base = p->last, least = earliest(p, e);
    if (!play_until(p, all_came, s, latest(p, e) + p->config.patience)) {
        for (int i = 0; i < s->n; i++) {
            enum trace_end end = play_end_of(p, s->item[i].actor);
            enum rs_state want = (enum rs_state)s->item[i].state;
            if (!came_to(p, end, conn_of_item(&s->item[i]), want))
                return play_fail(p, "state of %s: expected %s", p->out->actor[end],
                                 rs_state_name(want));
        }
    }
    if (pump_now() < base + (least - base) * (100 - SLACK_PERCENT) / 100)
        return play_fail(p, "state: expected after %.1f s at the earliest, got it after %.1f",
                         (double)(least - base) / 1e6, (double)(pump_now() - base) / 1e6);
    if (e->at.from)
        p->last = pump_now();
    return true;
}

/* ---- User calls ------------------------------------------------------------------------- */

struct waited {
    enum trace_end end;
    unsigned conn;
};

static bool received(struct play *p, const void *arg)
{
    const struct waited *w = arg;
    const struct play_flow *f = &p->flow[w->end][w->conn];
    return f->received >= f->want || f->eof || f->error;
}

/* Waits as long as octets keep coming. */
static void wait_received(struct play *p, const struct waited *w)
{
    const struct play_flow *f = &p->flow[w->end][w->conn];
    uint64_t before;
    do {
        before = f->received;
        if (play_until(p, received, w, pump_now() + p->config.patience))
            return;
    } while (f->received > before);
}

static bool same_error(const char *name, int error)
{
    return strcmp(name, peer_error_name(error)) == 0;
}

static bool check_hashes(struct play *p, enum trace_end end, unsigned conn)
{
    const struct play_flow *to = &p->flow[end][conn];
    const struct play_flow *from = &p->flow[end == END_A ? END_B : END_A][conn];
    uint64_t got = stream_hash_value(&to->hash_received);
    if (to->received != from->sent)
        return true; /* more is on its way */
    if (got != stream_hash_value(&from->hash_sent))
        return play_fail(p, "stream: what %s received has hash %016llx, what was sent %016llx",
                         p->out->actor[end], (unsigned long long)got,
                         (unsigned long long)stream_hash_value(&from->hash_sent));
    case_event(p->out, pump_now() - p->start, end, "received %llu octets, hash %016llx as sent",
               (unsigned long long)to->received, (unsigned long long)got);
    return true;
}

static bool user_receive(struct play *p, const struct sc_user *u, enum trace_end end)
{
    const struct waited w = { end, u->conn };
    struct play_flow *f = &p->flow[end][u->conn];
    bool want_eof = u->has_result && u->result == 0 && !u->err;
    uint64_t want = want_eof || u->err ? 1 : u->amount;
    f->want = f->received + want;
    wait_received(p, &w);
    if (p->failed)
        return false;
    uint64_t missing = f->want - f->received;
    f->want = f->received;
    if (u->err) {
        if (!f->error || !same_error(u->err, f->error))
            return play_fail(p, "RECEIVE at %s: expected %s, got %s", p->out->actor[end], u->err,
                             f->error ? peer_error_name(f->error) : f->eof ? "the end" : "octets");
        f->error = 0;
        return true;
    }
    if (f->error)
        return play_fail(p, "RECEIVE at %s: %s", p->out->actor[end], peer_error_name(f->error));
    if (want_eof)
        return f->eof || play_fail(p, "RECEIVE at %s: expected the end of the stream",
                                   p->out->actor[end]);
    if (missing)
        return play_fail(p, "RECEIVE at %s: expected %llu octets, %llu are missing%s",
                         p->out->actor[end], (unsigned long long)want, (unsigned long long)missing,
                         f->eof ? " at the end of the stream" : "");
    return check_hashes(p, end, u->conn);
}

static int call(struct play *p, const struct sc_user *u, enum trace_end end)
{
    struct peer *peer = p->end[end];
    struct play_flow *f = &p->flow[end][u->conn];
    switch ((enum sc_user_op)u->op) {
    case SC_OPEN_ACTIVE:
        return peer->ops->open_active(peer, u->conn);
    case SC_OPEN_PASSIVE:
        return peer->ops->open_passive(peer, u->conn);
    case SC_SEND:
        f->to_send += u->amount;
        play_flows_work(p);
        return f->error;
    case SC_CLOSE:
        f->close_when_sent = f->sent < f->to_send;
        return f->close_when_sent ? 0 : peer->ops->close(peer, u->conn);
    case SC_ABORT:
        return peer->ops->abort(peer, u->conn);
    case SC_RELEASE:
        return peer->ops->release(peer, u->conn);
    default:
        return RS_EINVAL;
    }
}

static bool user_call(struct play *p, const struct sc_event *e)
{
    const struct sc_user *u = &e->u.user;
    enum trace_end end = play_end_of(p, e->actor);
    if (u->conn >= PEER_CONNS)
        return play_fail(p, "connection %u: a case has connections 0 to %d", u->conn,
                         PEER_CONNS - 1);
    pass_time(p, earliest(p, e));
    p->last = pump_now();
    if (u->op == SC_RECEIVE) {
        bool ok = user_receive(p, u, end);
        p->last = pump_now();
        return ok;
    }
    case_event(p->out, p->last - p->start, end, "%s(%u)", sc_user_name((enum sc_user_op)u->op),
               u->conn);
    if (u->op == SC_OPEN_ACTIVE || u->op == SC_OPEN_PASSIVE) {
        /* A new connection of this number: what was sent on the one before is history. */
        p->flow[end][u->conn] = (struct play_flow){ .to_send = 0 };
        stream_hash_init(&p->flow[end][u->conn].hash_sent);
        stream_hash_init(&p->flow[end][u->conn].hash_received);
    }
    int rc = call(p, u, end);
    play_sample(p, end, u->conn);
    if (u->err && rc < 0 && same_error(u->err, rc)) {
        p->flow[end][u->conn].error = 0;
        return true;
    }
    if (u->err || rc < 0)
        return play_fail(p, "%s at %s: expected %s, got %s", sc_user_name((enum sc_user_op)u->op),
                         p->out->actor[end], u->err ? u->err : "success",
                         rc < 0 ? peer_error_name(rc) : "success");
    return true;
}

/* ---- The rest --------------------------------------------------------------------------- */

static bool add_fault(struct play *p, const struct sc_event *e)
{
    enum trace_end from = play_end_of(p, e->u.fault.from);
    struct fault_link *link = &p->line.fault[from];
    return fault_add(link, &e->u.fault) ||
           play_fail(p, "more than %d faults in one direction", FAULT_RULES);
}

static bool configure(struct play *p, const struct sc_event *e)
{
    for (const struct sc_pair *pair = e->u.pair; pair; pair = pair->next)
        if (strcmp(pair->name, "wire") == 0)
            play_wire_any(p, pair->value && strcmp(pair->value, "any") == 0);
    return true;
}

static bool tag(struct play *p, const struct sc_event *e)
{
    for (const struct sc_pair *pair = e->u.pair; pair; pair = pair->next)
        case_tag(p->out, pair->name);
    return true;
}

bool play_event(struct play *p, const struct sc_event *e)
{
    p->at_line = e->line;
    switch ((enum sc_kind)e->kind) {
    case SC_PACKET:
        return expect_packet(p, e);
    case SC_USER:
        return user_call(p, e);
    case SC_STATE:
        return expect_state(p, e);
    case SC_SILENCE:
        return expect_silence(p, e);
    case SC_WAIT:
        pass_time(p, latest(p, e));
        p->last = pump_now();
        return true;
    case SC_FAULT:
        return add_fault(p, e);
    case SC_CONFIG:
        return configure(p, e);
    case SC_TAGS:
        return tag(p, e);
    case SC_COMMENT:
        return true;
    default:
        return play_fail(p, "this event cannot be played between two live stacks");
    }
}
