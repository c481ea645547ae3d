/* The cells of stage 0 that are segments: every boundary of every field, each judged. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "harness/stage0_bench.h"
#include "refstack/seq.h"

enum { N_FLAG_SETS = 64, N_SEQ = 16, N_ACK = 14, N_LEN = 5, N_WND = 3, SHOW_MAX = 2 };

/* A cell's place on each axis. */
struct cell {
    unsigned at_flags, at_seq, at_ack, at_len, at_wnd;
    enum st0_opt opt;
};

void st0_mismatch(struct st0_tally *y, unsigned rule, const char *fmt, ...)
{
    char text[sizeof y->first];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (y->mismatches++ == 0)
        memcpy(y->first, text, sizeof text);
    if (y->out && y->shown[rule]++ < SHOW_MAX)
        fprintf(y->out, "  %s\n", text);
}

void st0_add(struct st0_tally *all, const struct st0_tally *one)
{
    all->cells += one->cells;
    all->mismatches += one->mismatches;
    for (unsigned s = 0; s < RS_N_STATES; s++)
        for (unsigned r = 0; r < ST0_MAX_RULES; r++)
            all->rule_hits[s][r] += one->rule_hits[s][r];
}

unsigned st0_holes(const struct st0_tally *y, FILE *to)
{
    unsigned holes = 0;

    for (unsigned r = 0; r < st0_rule_count(); r++)
        for (unsigned s = 0; s < RS_N_STATES; s++) {
            if (!st0_rule_for(r, (enum rs_state)s) || y->rule_hits[s][r])
                continue;
            holes++;
            fprintf(to, "hole: no cell in %s met [%s]\n", rs_state_name((enum rs_state)s),
                    st0_rule_name(r));
        }
    return holes;
}

/* The strides are primes that divide the length of no axis, so that none is stepped over in time
 * with another. */
const struct st0_pass st0_pass[ST0_N_PASSES] = {
    { 0, 1, "" },
    { ST0_TS, 1, ", timestamps" },
    { ST0_WS, 11, ", window scale" },
    { ST0_IP6, 11, ", IPv6" },
    { ST0_IP6 | ST0_TS | ST0_WS, 13, ", IPv6, timestamps, window scale" },
};

/* ---- Fields ----------------------------------------------------------------------------- */

static uint32_t len_of(const struct st0_tcb *t, unsigned i)
{
    const uint32_t len[N_LEN] = { 0, 1, 7, t->rcv_wnd, t->rcv_wnd + 1 };
    return len[i];
}

/* Around both edges of the receive window, the hole, IRS, and half the number space away. */
static uint32_t seq_of(const struct st0_tcb *t, unsigned i, uint32_t len)
{
    const bool begun = t->state > RS_SYN_SENT;
    const uint32_t nxt = begun ? t->rcv_nxt : ST0_PEER_ISS;
    const uint32_t edge = nxt + t->rcv_wnd;
    const bool hole = t->hole_left != t->hole_right;
    const uint32_t seq[N_SEQ] = {
        nxt - len - 1,
        nxt - len,
        nxt - len + 1,
        nxt - 2,
        nxt - 1,
        nxt,
        nxt + 1,
        hole ? t->hole_left - len : edge - len,
        hole ? t->hole_left : edge - len + 1,
        hole ? t->hole_right - 1 : edge - 2,
        edge - 1,
        edge,
        edge + 1,
        begun ? t->irs : 0,
        nxt + 0x7ffffffeu, /* half the space away itself is neither before nor after */
        nxt + 0x80000001u,
    };
    return seq[i];
}

static uint32_t ack_of(const struct st0_tcb *t, unsigned i)
{
    const uint32_t ack[N_ACK] = {
        t->iss - 1,
        t->iss,
        t->iss + 1,
        t->una - t->max_wnd - 1,
        t->una - t->max_wnd,
        t->una - 1,
        t->una,
        t->una + 1,
        t->nxt - 1,
        t->nxt,
        t->nxt + 1,
        t->nxt + 0x7fffffffu,
        t->una - 0x7fffffffu,
        0,
    };
    return ack[i];
}

static void timestamp_of(const struct st0_tcb *t, struct st0_seg *s)
{
    s->has_ts = t->ts_on && s->opt != ST0_OPT_MISSING;
    switch (s->opt) {
    case ST0_OPT_TS_SAME:
        s->ts_val = t->ts_recent;
        break;
    case ST0_OPT_TS_OLD:
        s->ts_val = t->ts_recent - 1;
        break;
    case ST0_OPT_TS_AHEAD:
        s->ts_val = t->ts_recent + 0x7fffffffu;
        break;
    case ST0_OPT_TS_BEHIND:
        s->ts_val = t->ts_recent - 0x7fffffffu;
        break;
    default:
        s->ts_val = t->ts_recent + 1;
        break;
    }
}

static struct st0_seg segment_of(const struct st0_tcb *t, const struct cell *c)
{
    const uint32_t len = len_of(t, c->at_len);
    static const uint16_t wnd[N_WND] = { 65535, 0, 1 };
    /* On the segment's own edges, beyond them, and as far as the field goes. */
    const uint16_t up[] = { 1, 0, (uint16_t)len, (uint16_t)(len + 1), 32768, 65535, 5 };
    struct st0_seg s = {
        .flags = (uint16_t)c->at_flags,
        .seq = seq_of(t, c->at_seq, len),
        .ack = ack_of(t, c->at_ack),
        .len = len,
        .wnd = wnd[c->at_wnd],
        .up = up[(c->at_seq + c->at_ack + c->at_wnd) % (sizeof up / sizeof up[0])],
        .opt = c->opt,
    };
    timestamp_of(t, &s);
    return s;
}

/* ---- Judging ---------------------------------------------------------------------------- */

/* What a frame is in the rules' words; 0 when it is none of them. */
static unsigned kind_of(const struct st0_frame *f, const struct st0_want *w, uint32_t snd_nxt)
{
    const uint16_t flags = f->flags & (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK);
    const struct st0_tcb *t = &w->tcb;

    if (f->flags == ST0_ILL_FORMED)
        return 0;
    if (flags == TCP_RST)
        return f->seq == w->rst_seq && f->len == 0 ? ST0_RST : 0;
    if (flags == (TCP_RST | TCP_ACK))
        return f->seq == 0 && f->ack == w->rst_ack && f->len == 0 ? ST0_RST_ACK : 0;
    if (flags == (TCP_SYN | TCP_ACK))
        return f->ack == t->rcv_nxt || w->states & 1u << RS_TIME_WAIT ? ST0_SYN_ACK : 0;
    if (!(flags & TCP_ACK) || (!w->any_numbers && f->ack != t->rcv_nxt))
        return 0;
    if (t->ts_on && !w->any_ts && f->ts_ecr != t->ts_recent)
        return 0;
    if (f->len == 0 && flags == TCP_ACK)
        return f->seq == snd_nxt ? ST0_ACK : 0;
    /* What waited: from SND.NXT of before, within the window. */
    return t->queued && f->seq == snd_nxt && f->len <= t->wnd ? ST0_TEXT : 0;
}

static bool replies_as_wanted(const struct st0_bench *b, const struct st0_want *w)
{
    uint32_t snd_nxt = w->tcb.nxt;
    unsigned seen = 0;

    for (unsigned i = 0; i < b->n_frames; i++) {
        const unsigned kind = i < ST0_MAX_FRAMES ? kind_of(&b->frame[i], w, snd_nxt) : 0;
        if (!kind || (seen & kind & ~(unsigned)ST0_TEXT))
            return false;
        seen |= kind;
        if (kind == ST0_TEXT)
            snd_nxt += b->frame[i].len;
    }
    /* Text carries the ACK that is due; it may also come unbidden once the window lets it. */
    if (seen & ST0_TEXT)
        return (seen & ~(unsigned)(ST0_TEXT | ST0_ACK)) == 0;
    return seen ? (seen & w->replies) == seen && !(seen & (seen - 1)) : w->replies & ST0_SILENCE;
}

static const char *numbers_differ(const struct st0_want *w, const struct st0_tcb *before,
                                  const struct rs_status *s)
{
    const struct st0_tcb *t = &w->tcb;
    const uint32_t edge = before->rcv_nxt + before->rcv_wnd;

    if (s->snd_una != t->una)
        return "SND.UNA";
    if (s->rcv_nxt != t->rcv_nxt)
        return "RCV.NXT";
    if (s->snd_wnd != t->wnd)
        return "SND.WND";
    if (s->snd_wscale != t->snd_shift)
        return "Snd.Wind.Shift";
    if (s->snd_wl1 != t->wl1)
        return "SND.WL1";
    if (s->snd_wl2 != t->wl2)
        return "SND.WL2";
    if (s->rcv_up != t->rcv_up)
        return "RCV.UP";
    if (s->rcv_queued != t->readable)
        return "text for the user";
    if (before->state > RS_SYN_SENT && seq_lt(s->rcv_nxt + s->rcv_wnd, edge))
        return "right window edge, which moved left";
    return NULL;
}

/* What differs from what the rules say, or NULL. */
static const char *differs(struct st0_bench *b, const struct st0_want *w)
{
    struct rs_status s;

    if (!(w->states >> b->seen & 1))
        return "state";
    if (!replies_as_wanted(b, w))
        return "reply";
    if (b->conn < 0 || rs_status(b->host, b->conn, &s) < 0)
        return NULL;
    if (s.state == RS_CLOSED && s.error != w->error)
        return "error reported to the user";
    if (!w->any_numbers) {
        const char *what = numbers_differ(w, &b->tcb, &s);
        if (what)
            return what;
    }
    if (s.state == RS_TIME_WAIT && !w->any_time_wait && w->tcb.state == RS_TIME_WAIT &&
        rs_deadline(b->host) != w->tcb.time_wait_until)
        return "2 MSL timer";
    return NULL;
}

/* ---- Describing ------------------------------------------------------------------------- */

static const char *flag_text(uint16_t flags, char to[8])
{
    static const char letter[] = "FSRPAU";
    char *p = to;

    for (int i = 0; i < 6; i++)
        if (flags >> i & 1)
            *p++ = letter[i];
    if (p == to)
        *p++ = '-';
    *p = '\0';
    return to;
}

static const char *way_text(unsigned ways)
{
    for (int i = 0; i < ST0_N_PASSES; i++)
        if (st0_pass[i].ways == ways)
            return st0_pass[i].name;
    return ", ways of its own";
}

static void describe(struct st0_bench *b, enum st0_start start, const struct st0_seg *s,
                     const struct st0_want *w, const char *what, struct st0_tally *y)
{
    const struct st0_tcb *t = &b->tcb;
    char f[8], states[160] = "", reply[160] = "none";
    size_t n = 0;

    for (int i = 0; i < RS_N_STATES; i++)
        if (w->states >> i & 1)
            n += (size_t)snprintf(states + n, sizeof states - n, "%s%s", n ? "|" : "",
                                  rs_state_name((enum rs_state)i));
    n = 0;
    for (unsigned i = 0; i < b->n_frames && i < 3; i++) {
        const struct st0_frame *r = &b->frame[i];
        n += (size_t)snprintf(reply + n, sizeof reply - n, "%s%s seq nxt%+d ack rcv%+d len %u",
                              i ? "; " : "", flag_text(r->flags, f), (int)(r->seq - t->nxt),
                              (int)(r->ack - t->rcv_nxt), r->len);
    }
    flag_text(s->flags, f);
    st0_mismatch(y, w->rule,
                 "%s%s: %s seq rcv_nxt%+d ack una%+d len %u wnd %u up %u option %d: %s; rule [%s] "
                 "wants %s, replies 0x%x; state %s, sent %s",
                 st0_start_name(start), way_text(b->ways), f,
                 (int)(s->seq - (t->state > RS_SYN_SENT ? t->rcv_nxt : ST0_PEER_ISS)),
                 (int)(s->ack - t->una), s->len, s->wnd, s->up, (int)s->opt, what,
                 st0_rule_name(w->rule), states, w->replies, rs_state_name(b->seen), reply);
}

/* ---- Running ---------------------------------------------------------------------------- */

static void run_cell(struct st0_bench *b, enum st0_start start, const struct cell *c,
                     struct st0_tally *y)
{
    const struct st0_seg s = segment_of(&b->tcb, c);
    struct st0_want w;

    st0_restore(b);
    st0_arrives(b, &s);
    st0_drain(b);
    st0_judge(&b->tcb, &s, b->now, b->cfg.tcp.msl, &w, y->rule_hits[b->tcb.state]);
    const char *what = differs(b, &w);
    if (what)
        describe(b, start, &s, &w, what, y);
    if (y->met)
        y->met(y->met_arg, start, &b->tcb, &s, w.rule);
    y->cells++;
}

/* Options are crossed with the fields that they could confuse, at fewer places. */
static bool worth_an_option(const struct cell *c, bool ts_on)
{
    if (c->opt == ST0_OPT_DUE)
        return true;
    if (!ts_on && c->opt >= ST0_OPT_MISSING && c->opt <= ST0_OPT_TS_BEHIND)
        return false;
    return c->at_len < 2 && c->at_wnd == 0 && c->at_seq % 2 == 1 && c->at_ack % 2 == 1;
}

void st0_run_segments(struct st0_bench *b, enum st0_start start, unsigned stride,
                      struct st0_tally *y)
{
    struct cell c;
    unsigned count = 0;

    for (c.opt = 0; c.opt < ST0_N_OPTS; c.opt++)
        for (c.at_len = 0; c.at_len < N_LEN; c.at_len++)
            for (c.at_wnd = 0; c.at_wnd < N_WND; c.at_wnd++)
                for (c.at_seq = 0; c.at_seq < N_SEQ; c.at_seq++)
                    for (c.at_ack = 0; c.at_ack < N_ACK; c.at_ack++) {
                        if (!worth_an_option(&c, b->tcb.ts_on))
                            continue;
                        for (c.at_flags = 0; c.at_flags < N_FLAG_SETS; c.at_flags++)
                            if (count++ % stride == 0)
                                run_cell(b, start, &c, y);
                    }
}
