/* The event loop of the runner: time, verdicts and dispatch. */
#include "harness/run.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/run_state.h"
#include "harness/script_print.h"

enum { MAX_STEPS_AT_ONE_TIME = 4096 };
#define RUN_LONGEST (UINT64_C(86400) * RS_SEC) /* how long `*` waits for a segment */
#define RUN_LONGEST_REAL (UINT64_C(10) * RS_SEC)

/* ---- Verdicts --------------------------------------------------------------------------- */

void run_end(struct run *r, enum verdict verdict, const char *fmt, ...)
{
    const char *broken = NULL;
    if (r->over)
        return;
    r->over = true;
    /* What a broken stack seems to do otherwise only follows from that. */
    if (r->sut && r->ops->broken && (broken = r->ops->broken(r->sut)) != NULL)
        verdict = VERDICT_FAIL;
    r->res->verdict = verdict;
    r->res->line = r->ev ? r->ev->line : 0;
    int n = snprintf(r->res->reason, RUN_REASON_SIZE, "%s:%u: ", r->script->name, r->res->line);
    va_list ap;
    va_start(ap, fmt);
    if (n >= 0 && n < RUN_REASON_SIZE && broken)
        snprintf(r->res->reason + n, (size_t)(RUN_REASON_SIZE - n), "stack: %s", broken);
    else if (n >= 0 && n < RUN_REASON_SIZE)
        vsnprintf(r->res->reason + n, (size_t)(RUN_REASON_SIZE - n), fmt, ap);
    va_end(ap);
}

void run_explain(struct run *r, const char *fmt, ...)
{
    size_t n = strlen(r->res->reason);
    va_list ap;
    va_start(ap, fmt);
    if (n + 2 < RUN_REASON_SIZE) {
        r->res->reason[n++] = '\n';
        vsnprintf(r->res->reason + n, RUN_REASON_SIZE - n, fmt, ap);
    }
    va_end(ap);
}

int run_state_of(struct run *r, const struct run_conn *c)
{
    if (!r->ops->state || !c)
        return -1;
    const struct rs_endpoint local = { r->config.local, c->sut_port };
    const struct rs_endpoint remote = { r->config.remote, c->peer_port };
    return r->ops->state(r->sut, &local, &remote);
}

/* ---- Time ------------------------------------------------------------------------------- */

static void keep_sent(struct run *r, size_t len)
{
    if (r->n_sent == r->sent_cap) {
        r->sent_cap = r->sent_cap ? r->sent_cap * 2 : 64;
        r->sent = realloc(r->sent, r->sent_cap * sizeof(*r->sent));
    }
    uint8_t *copy = malloc(len);
    if (!copy || !r->sent) {
        fputs("tcprig: out of memory\n", stderr);
        abort();
    }
    memcpy(copy, r->buf, len);
    const uint64_t at = r->ops->sent_at ? r->ops->sent_at(r->sut) : r->now;
    const uint64_t us = at > r->begun ? at - r->begun : 0;
    r->sent[r->n_sent++] = (struct run_sent){ us, copy, len };
    run_record_packet(r, true, copy, len, us);
}

void run_pull(struct run *r)
{
    size_t len;
    run_follow_edges(r);
    for (unsigned n = 0; !r->over && (len = r->ops->output(r->sut, r->buf, sizeof(r->buf),
                                                           r->now)) > 0;
         n++) {
        if (!r->faulty || fault_idle(&r->fault[SC_OUT]))
            keep_sent(r, len);
        else
            fault_push(&r->fault[SC_OUT], r->buf, len, r->now);
        if (n == 1u << 20)
            run_end(r, VERDICT_FAIL, "output: expected the stack to fall silent, got %u datagrams "
                                     "at one moment", n);
    }
    while (r->faulty && (len = fault_pop(&r->fault[SC_OUT], r->buf, sizeof(r->buf), r->now)) > 0)
        keep_sent(r, len);
    if (r->ops->broken && r->ops->broken(r->sut))
        run_end(r, VERDICT_FAIL, "stack: expected it to work");
}

static uint64_t next_step(struct run *r, uint64_t to)
{
    uint64_t at = r->ops->deadline(r->sut);
    if (r->faulty && run_link_deadline(r) < at)
        at = run_link_deadline(r);
    if (r->pending.ev && r->pending.wake < at)
        at = r->pending.wake;
    /* One past the last moment at which it may return: events of that moment come first. */
    if (r->pending.ev && r->begun + r->pending.end + r->tolerance + 1 < at)
        at = r->begun + r->pending.end + r->tolerance + 1;
    if (at > r->begun + to)
        at = r->begun + to;
    return at > r->now ? at : r->now;
}

static void check_overdue(struct run *r)
{
    const struct run_pending *p = &r->pending;
    if (!p->ev || r->over || r->now <= r->begun + p->end + r->tolerance)
        return;
    r->ev = p->ev;
    run_end(r, VERDICT_FAIL, "%s: expected to return at %" PRIu64 ".%06" PRIu64
                             " s, got no return", p->ev->u.call.name, p->end / 1000000,
            p->end % 1000000);
}

void run_advance(struct run *r, uint64_t to, bool stop_at_output)
{
    unsigned idle = 0;
    while (!r->over) {
        if (r->faulty)
            run_link_arrivals(r);
        run_pull(r);
        run_retry(r);
        sut_user_step(&r->user, r->now);
        run_pull(r);
        check_overdue(r);
        if ((stop_at_output && r->sent_at < r->n_sent) || r->now >= r->begun + to)
            return;
        uint64_t at = next_step(r, to);
        idle = at == r->now ? idle + 1 : 0;
        if (idle == MAX_STEPS_AT_ONE_TIME)
            run_end(r, VERDICT_FAIL, "deadline: expected it to move on, got the same moment again "
                                     "and again");
        r->now = r->ops->wait ? run_sleep(r, at) : at;
    }
}

/* ---- Events ----------------------------------------------------------------------------- */

static uint64_t event_time(const struct run *r, const struct sc_time *t)
{
    switch ((enum sc_time_kind)t->kind) {
    case SC_T_REL:
    case SC_T_REL_RANGE:
        return r->base + t->from;
    case SC_T_ABS:
    case SC_T_ABS_RANGE:
        return t->from;
    case SC_T_NONE:
    case SC_T_ANY:
        break;
    }
    return r->base;
}

/* The stack's next timer, or a microsecond before it; now, where none runs. */
static uint64_t timer_time(const struct run *r, const char *which)
{
    const uint64_t at = r->ops->deadline(r->sut), now = r->now - r->begun;
    if (at == RS_NEVER || at <= r->now)
        return now;
    return at - r->begun - (which[0] == 'b');
}

/* An expected segment: wait for it, within what its time allows, then see when it came. */
static void meet(struct run *r, const struct sc_event *ev)
{
    const bool rel = ev->at.kind == SC_T_REL_RANGE;
    uint64_t from = event_time(r, &ev->at), to = from;
    if (rel || ev->at.kind == SC_T_ABS_RANGE)
        to = (rel ? r->base : 0) + ev->at.to;
    if (ev->at.kind == SC_T_ANY)
        to = r->base + (r->ops->wait ? RUN_LONGEST_REAL : RUN_LONGEST);
    const uint64_t slack = run_slack(r, to);
    run_advance(r, to + slack, true);
    while (!r->over && r->sent_at < r->n_sent && run_passed_over(r, ev)) {
        r->sent_at++;
        run_advance(r, to + slack, true);
    }
    if (r->over)
        return;
    if (r->sent_at == r->n_sent) {
        run_expect(r, ev); /* says that nothing came */
        return;
    }
    const uint64_t came = r->sent[r->sent_at].us;
    const bool late = came > to + slack, early = came + r->tolerance < from;
    r->base = ev->at.kind == SC_T_REL || ev->at.kind == SC_T_ABS ? from : came;
    run_expect(r, ev);
    if ((early || late) && !r->over && ev->at.kind != SC_T_ANY)
        run_end(r, VERDICT_FAIL, "time: expected %" PRIu64 ".%06" PRIu64 " s, got %" PRIu64
                                 ".%06" PRIu64 " s",
                from / 1000000, from % 1000000, came / 1000000, came % 1000000);
}

void run_check_state(struct run *r, uint8_t state, bool is)
{
    const int got = r->current >= 0 ? run_state_of(r, &r->conn[r->current]) : RS_CLOSED;
    if (got < 0)
        run_end(r, VERDICT_UNSUPPORTED, "state: %s does not tell it", r->ops->name);
    else if ((got == state) != is)
        run_end(r, VERDICT_FAIL, "state: expected %s%s, got %s", is ? "" : "another than ",
                rs_state_name((enum rs_state)state), rs_state_name((enum rs_state)got));
}

static void check_state(struct run *r, const struct sc_state *st)
{
    for (int i = 0; i < st->n && !r->over; i++) {
        const struct sc_state_item *it = &st->item[i];
        int state = -1;
        if (it->actor) {
            run_end(r, VERDICT_UNSUPPORTED, "actor: %c is one of two live stacks; this run has one",
                    it->actor);
            return;
        }
        if (it->fd >= 0 && it->fd < RUN_FDS)
            state = r->ops->fd_state ? r->ops->fd_state(r->sut, r->live_fd[it->fd]) : -1;
        else if (r->current >= 0)
            state = run_state_of(r, &r->conn[r->current]);
        else {
            struct run_conn c = { .sut_port = r->listen_port ? r->listen_port : r->config.port };
            state = run_state_of(r, &c);
        }
        /* A listener beside it is not the connection, which is gone. */
        if (state == RS_LISTEN && it->state == RS_CLOSED && r->listening && it->fd < 0)
            state = RS_CLOSED;
        if (state < 0)
            run_end(r, VERDICT_UNSUPPORTED, "state: %s does not tell it", r->ops->name);
        else if (state != it->state)
            run_end(r, VERDICT_FAIL, "state: expected %s, got %s",
                    rs_state_name((enum rs_state)it->state), rs_state_name((enum rs_state)state));
    }
}

static void check_silence(struct run *r, const struct sc_event *ev, uint64_t at)
{
    run_advance(r, at, true);
    if (r->over || r->sent_at == r->n_sent)
        return;
    struct sc_event none = *ev;
    none.kind = SC_SILENCE;
    run_expect(r, &none);
}

/* What a script does, the segments it expects aside. */
static void act(struct run *r, const struct sc_event *ev)
{
    switch ((enum sc_kind)ev->kind) {
    case SC_PACKET:
    case SC_ICMP:
        run_inject(r, ev);
        break;
    case SC_CALL:
        run_call(r, ev);
        break;
    case SC_USER:
        run_user(r, ev);
        break;
    case SC_STATE:
        check_state(r, &ev->u.state);
        break;
    case SC_CODE:
        run_code(r, ev->u.text);
        break;
    case SC_FAULT:
        run_add_fault(r, &ev->u.fault);
        break;
    case SC_SHELL:
        run_shell(r, ev->u.text);
        break;
    case SC_OPAQUE:
        if (!run_raw(r, ev))
            run_end(r, VERDICT_UNSUPPORTED, "packet: only TCP and ICMP are run, this is: %s",
                    ev->u.text);
        break;
    default:
        break;
    }
}

static void run_event(struct run *r, const struct sc_event *ev)
{
    r->ev = ev;
    if (ev->kind == SC_COMMENT || ev->kind == SC_OPTION || ev->kind == SC_TAGS ||
        ev->kind == SC_CONFIG)
        return;
    /* Those before the first act were configuration, one without a time is a clean-up. */
    if (ev->kind == SC_SHELL &&
        (ev->at.kind == SC_T_NONE || ev < r->script->event + r->first_act))
        return;
    const bool out = (ev->kind == SC_PACKET && ev->u.packet.direction == SC_OUT) ||
                     (ev->kind == SC_ICMP && ev->u.icmp.direction == SC_OUT);
    if (ev->actor || (ev->kind == SC_PACKET && ev->u.packet.from)) {
        run_end(r, VERDICT_UNSUPPORTED, "actor: this needs two live stacks; this run has one");
        return;
    }
    if (out && !ev->u.packet.whatever) {
        meet(r, ev);
        return;
    }
    const uint64_t at = ev->kind == SC_WAIT && ev->u.text ? timer_time(r, ev->u.text)
                                                          : event_time(r, &ev->at);
    if (ev->kind == SC_SILENCE)
        check_silence(r, ev, at);
    else
        run_advance(r, at, false);
    if (r->over)
        return;
    run_put_back(r, at);
    r->base = at;
    if (out)
        run_whatever(r);
    else
        act(r, ev);
    run_happened(r);
}

/* After the last event a call may still have to return. */
static void finish(struct run *r)
{
    if (!r->over && r->pending.ev)
        run_advance(r, r->pending.end + r->tolerance + 1, false);
    else if (!r->over)
        run_pull(r);
}

static bool asked_for(const struct sut_config *c, const char *name)
{
    for (size_t i = 0; i < c->n_settings; i++)
        if (!strcmp(c->setting[i].name, name))
            return true;
    return false;
}

/* With the wishes that the script's own settings leave; without them where the stack refuses. */
static void *create(struct run *r, char *why, size_t cap)
{
    struct sut_config with = r->config;
    for (size_t i = 0; i < r->n_wishes && with.n_settings < SUT_SETTINGS_MAX; i++)
        if (!asked_for(&r->config, r->wish[i].name))
            with.setting[with.n_settings++] = r->wish[i];
    void *sut = r->ops->create(&with, r->now, why, cap);
    if (!sut && r->n_wishes)
        sut = r->ops->create(&r->config, r->now, why, cap);
    return sut;
}

static void run_all(struct run *r)
{
    char why[256] = "";
    run_configure(r);
    const uint64_t least = run_least(r->script);
    if (r->ops->wait && r->opt->real_limit && least > r->opt->real_limit)
        run_end(r, VERDICT_UNSUPPORTED, "time: it takes %" PRIu64 " s or more, in real time on %s; "
                                        "%" PRIu64 " s are allowed (--timeout)",
                least / 1000000, r->ops->name, r->opt->real_limit / 1000000);
    if (r->over)
        return;
    r->sut = create(r, why, sizeof(why));
    if (!r->sut) {
        run_end(r, VERDICT_UNSUPPORTED, "settings: %s", why);
        return;
    }
    for (size_t i = 0; i < r->script->n_events && !r->over; i++)
        run_event(r, &r->script->event[i]);
    finish(r);
    r->ops->destroy(r->sut);
}

static void addresses(struct sut_config *c, uint8_t ip)
{
    /* packetdrill's defaults, so that scripts that spell them out agree. */
    if (ip == 4) {
        c->local = rs_ip4(192, 168, 0, 1);
        c->remote = rs_ip4(192, 0, 2, 1);
        return;
    }
    static const uint8_t prefix[6] = { 0xfd, 0x3d, 0xfa, 0x7b, 0xd1, 0x7d };
    c->local.version = c->remote.version = 6;
    memcpy(c->local.octet, prefix, sizeof(prefix));
    memcpy(c->remote.octet, prefix, sizeof(prefix));
    c->local.octet[15] = 1;
    c->remote.octet[15] = 2;
}

void run_script(const struct script *s, const struct sut_ops *ops, const struct run_options *opt,
                struct run_result *res)
{
    struct run *r = calloc(1, sizeof(*r));
    if (!r)
        abort();
    *res = (struct run_result){ .verdict = VERDICT_PASS };
    r->script = s;
    r->ops = ops;
    r->opt = opt;
    r->res = res;
    r->current = -1;
    /* Not zero: a stack that takes time zero for "never" is found out. */
    r->now = r->begun = 1000000 + opt->seed % 1000000;
    for (int i = 0; i < RUN_FDS; i++)
        r->live_fd[i] = -1;
    r->config = (struct sut_config){ .seed = opt->seed, .port = 8080 };
    addresses(&r->config, opt->ip);
    if (opt->ip == 6 && !(ops->caps & SUT_IP6))
        run_end(r, VERDICT_UNSUPPORTED, "ip: %s has no IPv6", ops->name);
    else
        run_all(r);
    res->us = r->now - r->begun;
    for (size_t i = 0; i < r->n_sent; i++)
        free(r->sent[i].octet);
    free(r->sent);
    for (int i = 0; i < 2 && r->faulty; i++)
        fault_free(&r->fault[i]);
    sc_arena_free(&r->arena);
    free(r);
}
