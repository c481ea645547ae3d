/* The cells of stage 0 in which only time passes: from each state on a peer says nothing more,
 * under each setting of the timers, until none runs.  Judged by the text of RFC 9293 sections 3.8.1
 * to 3.8.6 and 3.10.8 and of RFC 6298 section 5: what is sent, with which number, when at the
 * earliest and at the latest, and how it ends. */
#include <string.h>

#include "harness/stage0_bench.h"
#include "refstack/seq.h"

enum setting { AS_IT_IS, USER_TIMEOUT, KEEPALIVE, N_SETTINGS };
enum { MAX_STEPS = 400, MAX_SENT = 64 };

/* What was seen.  The same acts on the wire may be a keep-alive or a retransmission: it is the
 * rule that says which. */
struct course {
    unsigned n;
    struct sent {
        rs_time when;
        uint16_t flags;
        uint32_t seq, ack, len;
    } sent[MAX_SENT];
    rs_time ended; /* RS_NEVER: it did not */
    int error;
    bool endless; /* timers ran on and on */
};

static const rs_time user_timeout = 30 * RS_SEC;

/* ---- Time passes ------------------------------------------------------------------------ */

static bool set(struct st0_bench *b, enum setting setting)
{
    struct rs_tcp_config c;

    if (setting == AS_IT_IS)
        return true;
    if (b->conn < 0 || rs_get(b->host, b->conn, &c) < 0)
        return false;
    if (setting == USER_TIMEOUT)
        c.user_timeout = user_timeout;
    else
        c.keepalive = true;
    return rs_set(b->host, b->conn, &c, b->now) == 0;
}

static void note_sent(const struct st0_bench *b, struct course *c)
{
    for (unsigned i = 0; i < b->n_frames && i < ST0_MAX_FRAMES; i++, c->n++) {
        const struct st0_frame *f = &b->frame[i];
        if (c->n < MAX_SENT)
            c->sent[c->n] = (struct sent){ b->now, f->flags, f->seq, f->ack, f->len };
    }
}

static void note_end(struct st0_bench *b, struct course *c)
{
    struct rs_status s;

    if (c->ended != RS_NEVER || b->seen == b->tcb.state)
        return;
    c->ended = b->now;
    if (b->conn >= 0 && rs_status(b->host, b->conn, &s) == 0)
        c->error = s.error;
}

static void run(struct st0_bench *b, struct course *c)
{
    unsigned steps = 0;

    *c = (struct course){ .ended = RS_NEVER };
    for (rs_time next; (next = rs_deadline(b->host)) != RS_NEVER; note_end(b, c)) {
        if (++steps > MAX_STEPS) {
            c->endless = true;
            return;
        }
        b->now = next > b->now ? next : b->now;
        st0_drain(b);
        note_sent(b, c);
    }
}

/* ---- The rules -------------------------------------------------------------------------- */

static bool unacknowledged(const struct st0_tcb *t)
{
    return t->una != t->nxt;
}

/* The first unacknowledged number, each time later than the last by no less than before and by no
 * more than twice that and 60 s (RFC 6298 section 5.5; SHLD-29 for probes). */
static const char *sent_again(const struct st0_tcb *t, const struct course *c, bool probes,
                              rs_time began)
{
    unsigned resets = 0;

    for (unsigned i = 0; i < c->n; i++) {
        const struct sent *s = &c->sent[i];
        resets += s->flags & TCP_RST ? 1 : 0;
        if (s->flags & TCP_RST)
            continue;
        if (s->seq != t->una || (t->state > RS_SYN_SENT && s->ack != t->rcv_nxt))
            return "numbers";
        if (probes && i == 0 && s->when > began + 3 * RS_SEC)
            return "first probe late"; /* SHLD-29: after one RTO, of 1 s here */
        if (probes && s->len > 1)
            return "text beyond the window";
        if (!probes && s->len == 0 && !(s->flags & (TCP_SYN | TCP_FIN)))
            return "nothing in it";
        /* The first gap may follow a tail loss probe, which is early. */
        if (i < 2)
            continue;
        const rs_time gap = s->when - s[-1].when, before = s[-1].when - s[-2].when;
        if (gap + RS_MSEC < before || gap > 60 * RS_SEC || (i > 2 && gap > 2 * before + RS_MSEC))
            return "pace";
    }
    return resets > 1 || c->n > MAX_SENT ? "too much" : NULL;
}

/* SHLD-10 and SHLD-11, MUST-23: at least three times, and for at least 100 s, a SYN 3 minutes. */
static const char *given_up(const struct st0_bench *b, const struct course *c, rs_time began)
{
    const struct st0_tcb *t = &b->tcb;
    const bool syn = t->state == RS_SYN_SENT || t->state == RS_SYN_RECEIVED;
    const rs_time least = (syn ? 180 : 100) * RS_SEC;

    if (c->n < 3)
        return "sent again fewer than three times";
    if (c->ended == RS_NEVER || c->ended + 20 * RS_MSEC < began + least)
        return "given up early or never";
    if (c->ended > began + least + 120 * RS_SEC)
        return "given up late";
    return b->conn >= 0 && c->error != RS_ETIMEOUT ? "error told" : NULL;
}

static const char *timed_out(const struct course *c, rs_time began)
{
    if (c->ended == RS_NEVER || c->ended + RS_SEC < began + user_timeout ||
        c->ended > began + user_timeout + RS_SEC)
        return "not ended by the user timeout";
    return c->error != RS_ETIMEOUT ? "error told" : NULL;
}

/* MUST-28, MUST-29, SHLD-12: after two hours at the earliest, more than one, <SEQ=SND.NXT-1>. */
static const char *kept_alive(const struct st0_tcb *t, const struct course *c, rs_time began)
{
    unsigned probes = 0;

    for (unsigned i = 0; i < c->n; i++) {
        const struct sent *s = &c->sent[i];
        if (s->flags & TCP_RST)
            continue;
        probes++;
        if (s->seq != t->nxt - 1 || s->ack != t->rcv_nxt || s->len > 0 || s->flags != TCP_ACK)
            return "numbers, or text";
        if (s->when + 20 * RS_MSEC < began + 7200 * RS_SEC)
            return "under two hours";
    }
    if (probes < 2)
        return "one is not enough";
    return c->ended == RS_NEVER || c->error != RS_ETIMEOUT ? "no end" : NULL;
}

static const char *ends_in_silence(const struct st0_tcb *t, const struct course *c)
{
    if (c->n > 0)
        return "not silent";
    return c->ended != t->time_wait_until || c->error ? "not at 2 MSL" : NULL;
}

/* MUST-26: nothing is sent into silence that nobody asked to break. */
static const char *at_rest(const struct course *c)
{
    return c->n > 0 || c->ended != RS_NEVER ? "not silent" : NULL;
}

static enum st0_other rule_of(const struct st0_bench *b, enum setting setting)
{
    const struct st0_tcb *t = &b->tcb;

    if (t->state == RS_TIME_WAIT)
        return ST0_TIME_2MSL;
    if (unacknowledged(t) || t->queued)
        return setting == USER_TIMEOUT ? ST0_TIME_USER : ST0_TIME_R2;
    return setting == KEEPALIVE && t->state >= RS_ESTABLISHED ? ST0_TIME_KEEPALIVE : ST0_TIME_REST;
}

static const char *differs(const struct st0_bench *b, enum st0_other rule, const struct course *c,
                           uint64_t *hits)
{
    const rs_time began = b->copy_now;
    const bool probes = !unacknowledged(&b->tcb) && b->tcb.queued;
    const char *what = NULL;

    if (c->endless)
        return "timers without end";
    if (rule == ST0_TIME_2MSL)
        return ends_in_silence(&b->tcb, c);
    if (rule == ST0_TIME_REST)
        return at_rest(c);
    if (rule == ST0_TIME_KEEPALIVE)
        return kept_alive(&b->tcb, c, began);
    hits[st0_other_rule(probes ? ST0_TIME_PROBED : ST0_TIME_RESENT)]++;
    what = sent_again(&b->tcb, c, probes, began);
    if (what)
        return what;
    return rule == ST0_TIME_USER ? timed_out(c, began) : given_up(b, c, began);
}

void st0_run_time(struct st0_bench *b, enum st0_start start, struct st0_tally *y)
{
    static const char *const name[N_SETTINGS] = { "as it is", "user timeout", "keep-alive" };
    struct course c;

    for (enum setting s = AS_IT_IS; s < N_SETTINGS; s++) {
        st0_restore(b);
        if (!set(b, s))
            continue;
        const enum st0_other rule = rule_of(b, s);
        const unsigned number = st0_other_rule(rule);
        run(b, &c);
        y->cells++;
        y->rule_hits[b->tcb.state][number]++;
        const char *what = differs(b, rule, &c, y->rule_hits[b->tcb.state]);
        if (what)
            st0_mismatch(y, number,
                         "%s: time passes, %s: %s; %u sent (the first after %.3f s: flags 0x%x seq "
                         "nxt%+d len %u), ended after %.3f s (%s); rule [%s]",
                         st0_start_name(start), name[s], what, c.n,
                         (double)(c.sent[0].when - b->copy_now) / 1e6, c.sent[0].flags,
                         (int)(c.sent[0].seq - b->tcb.nxt), c.sent[0].len,
                         c.ended == RS_NEVER ? -1.0 : (double)(c.ended - b->copy_now) / 1e6,
                         rs_error_name(c.error), st0_rule_name(number));
    }
}
