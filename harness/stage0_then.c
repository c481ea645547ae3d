/* What follows from a rule of stage 0: replies, states and variables, each as its clause has it. */
#include "harness/stage0_judge.h"

static enum verdict_of_rule answer(struct judge *j, unsigned replies)
{
    j->w->replies = replies;
    return DONE;
}

static enum verdict_of_rule to_state(struct judge *j, enum rs_state s)
{
    j->t->state = s;
    j->w->states = 1u << s;
    return NEXT;
}

/* The connection is no more. */
static enum verdict_of_rule gone(struct judge *j, int error)
{
    to_state(j, RS_CLOSED);
    j->w->any_numbers = j->w->any_ts = true;
    j->w->error = error;
    return answer(j, ST0_SILENCE);
}

/* RFC 7323 section 2.3: the window of a SYN is never scaled. */
static uint32_t window(const struct judge *j)
{
    return (uint32_t)j->s.wnd << (has(j, TCP_SYN) ? 0 : j->t->snd_shift);
}

enum verdict_of_rule drop(struct judge *j)
{
    return answer(j, ST0_SILENCE);
}

enum verdict_of_rule ack_and_drop(struct judge *j)
{
    return answer(j, ST0_ACK);
}

enum verdict_of_rule rst_at_ack(struct judge *j)
{
    j->w->rst_seq = j->s.ack;
    return answer(j, ST0_RST);
}

enum verdict_of_rule rst_and_ack_of_all(struct judge *j)
{
    j->w->rst_ack = j->s.seq + seg_len(&j->s);
    return answer(j, ST0_RST_ACK);
}

enum verdict_of_rule refused(struct judge *j)
{
    return gone(j, RS_EREFUSED);
}

/* The SYN of a connection that begins; its text and FIN wait for ESTABLISHED. */
enum verdict_of_rule begin_passive(struct judge *j)
{
    j->t->irs = j->s.seq;
    j->t->rcv_nxt = j->s.seq + 1;
    j->w->any_numbers = j->w->any_ts = true;
    to_state(j, RS_SYN_RECEIVED);
    return answer(j, ST0_SYN_ACK);
}

enum verdict_of_rule begin_again(struct judge *j)
{
    const bool edge = j->s.seq == j->t->rcv_nxt;

    begin_passive(j);
    /* RCV.NXT itself was never used, but only just: MAY-2 obliges nobody. */
    if (edge) {
        j->w->states |= 1u << RS_TIME_WAIT;
        j->w->replies |= ST0_ACK | ST0_SILENCE;
    }
    return DONE;
}

static void trim(struct judge *j);

/* Continues with the sixth step; the window is what our SYN offered. */
enum verdict_of_rule our_syn_acked(struct judge *j)
{
    j->t->irs = j->s.seq;
    j->t->rcv_nxt = j->t->rcv_up = j->s.seq + 1;
    j->t->una = j->s.ack;
    j->t->wnd = j->s.wnd;
    /* RFC 7323 section 2.3: a shift over 14 counts as 14. */
    j->t->snd_shift = j->t->offers_ws && j->s.opt == ST0_OPT_SHIFT_15 ? 14 : 0;
    j->t->wl1 = j->s.seq;
    j->t->wl2 = j->s.ack;
    j->s.seq++;
    j->s.flags &= (uint16_t)~TCP_SYN;
    j->w->any_ts = true;
    trim(j);
    to_state(j, RS_ESTABLISHED);
    j->w->replies = ST0_ACK;
    return NEXT;
}

enum verdict_of_rule syns_cross(struct judge *j)
{
    begin_passive(j);
    return DONE;
}

enum verdict_of_rule crossing_taken_or_not(struct judge *j)
{
    j->w->any_numbers = j->w->any_ts = true;
    j->w->states = 1u << RS_SYN_RECEIVED;
    if (!ack_not_of_syn(j)) {
        j->w->states |= 1u << RS_ESTABLISHED | 1u << RS_CLOSE_WAIT;
        return answer(j, ST0_ACK);
    }
    j->w->rst_seq = j->s.ack;
    return answer(j, ST0_ACK | ST0_RST);
}

enum verdict_of_rule leave_off_text(struct judge *j)
{
    j->probe = true;
    j->w->any_ts = true;
    j->w->replies = ST0_ACK;
    j->s.len = 0;
    j->s.flags &= (uint16_t)~TCP_FIN;
    return NEXT;
}

/* The FIN of a TIME-WAIT sent again is unacceptable, and restarts the 2 MSL all the same. */
enum verdict_of_rule unacceptable_ack(struct judge *j)
{
    const uint32_t fin = j->s.seq + seg_len(&j->s) - 1;

    if (j->t->state == RS_TIME_WAIT) {
        if (has(j, TCP_FIN) && fin == j->t->rcv_nxt - 1)
            j->t->time_wait_until = j->now + 2 * j->msl;
        /* RFC 6191 has a SYN that is not newer dropped in silence, RFC 9293 has it answered. */
        if (has(j, TCP_SYN))
            return answer(j, ST0_ACK | ST0_SILENCE);
    }
    return answer(j, ST0_ACK);
}

/* RFC 7323 section 5.3 R3. */
enum verdict_of_rule update_ts_recent(struct judge *j)
{
    if (j->t->ts_on && j->s.has_ts && !has(j, TCP_RST) &&
        seq_le(j->arrived->seq, j->t->last_ack_sent))
        j->t->ts_recent = j->s.ts_val;
    trim(j);
    return NEXT;
}

/* "The idealized segment that begins at RCV.NXT and does not exceed the window." */
static void trim(struct judge *j)
{
    struct st0_seg *s = &j->s;
    const uint32_t edge = j->t->rcv_nxt + j->t->rcv_wnd;

    if (j->probe || has(j, TCP_SYN))
        return;
    while (s->len > 0 && seq_lt(s->seq, j->t->rcv_nxt)) {
        s->seq++;
        s->len--;
    }
    if (has(j, TCP_FIN) && (seq_lt(s->seq + s->len, j->t->rcv_nxt) ||
                            seq_ge(s->seq + s->len, edge)))
        s->flags &= (uint16_t)~TCP_FIN;
    s->seq = seq_max(s->seq, j->t->rcv_nxt);
    while (s->len > 0 && seq_gt(s->seq + s->len, edge))
        s->len--;
}

static enum verdict_of_rule reset(struct judge *j)
{
    switch (j->t->state) {
    case RS_SYN_RECEIVED:
        if (!j->t->passive)
            return gone(j, RS_EREFUSED);
        gone(j, 0);
        to_state(j, j->t->child ? RS_CLOSED : RS_LISTEN);
        return DONE;
    case RS_CLOSING:
    case RS_LAST_ACK:
    case RS_TIME_WAIT:
        return gone(j, 0);
    default:
        return gone(j, RS_ERESET);
    }
}

/* RST and SYN at once, into a window of zero: whether the allowance covers it is anyone's guess. */
enum verdict_of_rule reset_or_not(struct judge *j)
{
    const unsigned stay = j->w->states;

    if (!j->probe || !has(j, TCP_SYN))
        return reset(j);
    reset(j);
    j->w->states |= stay;
    return DONE;
}

enum verdict_of_rule back_to_listen(struct judge *j)
{
    gone(j, 0);
    to_state(j, j->t->child ? RS_CLOSED : RS_LISTEN);
    return DONE;
}

enum verdict_of_rule stay_or_answer(struct judge *j)
{
    return answer(j, ST0_SILENCE | ST0_ACK);
}

enum verdict_of_rule challenge(struct judge *j)
{
    return answer(j, j->t->state == RS_TIME_WAIT ? ST0_ACK | ST0_SILENCE : ST0_ACK);
}

enum verdict_of_rule drop_but_answer_probe(struct judge *j)
{
    return answer(j, j->probe ? ST0_ACK : ST0_SILENCE);
}

enum verdict_of_rule established(struct judge *j)
{
    j->t->wnd = window(j);
    j->t->wl1 = j->s.seq;
    j->t->wl2 = j->s.ack;
    return to_state(j, RS_ESTABLISHED);
}

enum verdict_of_rule advance_una(struct judge *j)
{
    j->t->una = j->s.ack;
    return NEXT;
}

enum verdict_of_rule take_window(struct judge *j)
{
    j->t->wnd = window(j);
    j->t->wl1 = j->s.seq;
    j->t->wl2 = j->s.ack;
    return NEXT;
}

enum verdict_of_rule to_fin_wait_2(struct judge *j)
{
    return to_state(j, RS_FIN_WAIT_2);
}

enum verdict_of_rule enter_time_wait(struct judge *j)
{
    j->t->time_wait_until = j->now + 2 * j->msl;
    return to_state(j, RS_TIME_WAIT);
}

enum verdict_of_rule last_ack_acked(struct judge *j)
{
    return gone(j, 0);
}

/* MUST-62: an offset from the number in the segment, pointing past the urgent octets. */
enum verdict_of_rule urgent(struct judge *j)
{
    j->t->rcv_up = seq_max(j->t->rcv_up, j->arrived->seq + j->arrived->up);
    return NEXT;
}

/* In order it moves RCV.NXT, over what was held if it reaches that; beyond a hole it waits. */
enum verdict_of_rule text(struct judge *j)
{
    j->w->replies = ST0_ACK;
    if (j->s.seq != j->t->rcv_nxt)
        return NEXT;
    j->t->rcv_nxt += j->s.len;
    j->t->readable += j->s.len;
    if (j->t->hole_left != j->t->hole_right && seq_ge(j->t->rcv_nxt, j->t->hole_left) &&
        seq_lt(j->t->rcv_nxt, j->t->hole_right)) {
        j->t->readable += j->t->hole_right - j->t->rcv_nxt;
        j->t->rcv_nxt = j->t->hole_right;
    }
    return NEXT;
}

enum verdict_of_rule fin_above_hole(struct judge *j)
{
    j->w->replies = ST0_ACK;
    return NEXT;
}

enum verdict_of_rule fin(struct judge *j)
{
    j->w->replies = ST0_ACK;
    /* A peer that ends below what it sent before contradicts itself: believing either will do. */
    if (j->t->hole_left != j->t->hole_right && seq_lt(j->t->rcv_nxt, j->t->hole_right)) {
        j->w->states |= 1u << RS_CLOSE_WAIT;
        j->w->any_numbers = true;
        return DONE;
    }
    j->t->rcv_nxt++;
    switch (j->t->state) {
    case RS_FIN_WAIT_1:
        to_state(j, RS_CLOSING);
        return DONE;
    case RS_FIN_WAIT_2:
        enter_time_wait(j);
        return DONE;
    default:
        to_state(j, RS_CLOSE_WAIT);
        return DONE;
    }
}

/* The peer's stream has ended: text and FIN are ignored; an ACK tells it where we are. */
enum verdict_of_rule after_fin(struct judge *j)
{
    if (j->t->state == RS_TIME_WAIT && has(j, TCP_FIN)) {
        j->w->any_time_wait = true;
        return answer(j, ST0_ACK);
    }
    return answer(j, ST0_ACK | ST0_SILENCE);
}
