/* SEGMENT ARRIVES in SYN-RECEIVED and the synchronized states: RFC 9293 section 3.10.7.4, in its
 * order, one function a step, with RFC 5961 and RFC 7323 where they bind in. */
#include "refstack/steps.h"

/* A connection that came from a passive OPEN (MUST-11) goes back to LISTEN: the OPEN's own TCB
 * does, one that a listener made is dropped, the listener being still there. */
static void back_to_listen(struct rs_host *h, struct tcb *t)
{
    static const struct rs_endpoint any;
    struct rs_endpoint local = { .port = t->local.port };

    /* Nor does one come back that its user has closed. */
    if (t->child || t->closing) {
        tcb_flush(h, t);
        tcb_closed(h, t, 0);
        return;
    }
    tcb_flush(h, t);
    tcb_disarm_all(h, t);
    tcb_unready(h, t);
    if (!t->any_local)
        local.addr = t->local.addr;
    const struct rs_endpoint remote = t->any_remote ? any : t->remote;
    tcb_rehash(h, t, &local, &remote);
    t->fin_known = t->ack_now = t->syn_due = t->rtt_timing = t->rtt_valid = false;
    tcb_set_state(h, t, RS_LISTEN);
}

/* Second: RST, with RFC 5961 section 3.2: by the number it came with, before anything is
 * trimmed, or text would widen an attacker's aim; the text itself is no reason to refuse it
 * (SHLD-2).  The user hears RS_ERESET or RS_EREFUSED, which no FIN gives (MUST-12). */
static enum rs_reason check_rst(struct rs_host *h, struct tcb *t, const struct tcp_seg *seg)
{
    if (!(seg->flags & TCP_RST) || (BUG(RST_WITH_TEXT_IGNORED) && seg->text_len > 0))
        return GO_ON;
    if (seg->seq != rcv_nxt(t) && !BUG(RST_ANYWHERE_IN_WINDOW)) {
        if (!seq_in(seg->seq, rcv_nxt(t), rcv_wnd(t)))
            return RS_REASON_RST_NOT_ACCEPTABLE;
        challenge_ack(h, t);
        return RS_REASON_RST_CHALLENGED;
    }
    switch (t->state) {
    case RS_SYN_RECEIVED:
        if (t->passive && !BUG(PASSIVE_FORGOTTEN)) {
            back_to_listen(h, t);
        } else {
            tcb_flush(h, t);
            tcb_closed(h, t, RS_EREFUSED);
        }
        return RS_REASON_RESET;
    case RS_TIME_WAIT:
        if (t->cfg->rfc1337) /* RFC 1337 section 3, fix F1 */
            return RS_REASON_RST_IN_TIME_WAIT;
        tcb_closed(h, t, 0);
        return RS_REASON_RESET;
    case RS_CLOSING:
    case RS_LAST_ACK:
        if (BUG(CLOSING_DEAF_TO_RST))
            return RS_REASON_RST_NOT_ACCEPTABLE;
        tcb_closed(h, t, 0);
        return RS_REASON_RESET;
    default: /* ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT */
        tcb_flush(h, t);
        tcb_closed(h, t, BUG(RESET_AS_CLOSE) ? 0 : RS_ERESET);
        return RS_REASON_RESET;
    }
}

/* Third, security: none.  Fourth: SYN, with RFC 5961 section 4.2. */
static enum rs_reason check_syn(struct rs_host *h, struct tcb *t, const struct tcp_seg *seg)
{
    if (!(seg->flags & TCP_SYN))
        return GO_ON;
    /* One before the window is the first SYN again, whatever came with it. */
    if (t->state == RS_SYN_RECEIVED && t->passive && seq_in(seg->seq, rcv_nxt(t), rcv_wnd(t)) &&
        !BUG(SYN_RECEIVED_CHALLENGES)) {
        back_to_listen(h, t);
        return RS_REASON_RESET;
    }
    if (BUG(SYN_RESETS)) {
        tcb_flush(h, t);
        tcb_closed(h, t, RS_ERESET);
        return RS_REASON_RESET;
    }
    challenge_ack(h, t);
    return RS_REASON_SYN_CHALLENGED;
}

/* RFC 9293 section 3.6.1 (MAY-2) and RFC 6191 (SHLD-4): a SYN that cannot be an old duplicate ends
 * TIME-WAIT in favour of a new connection on a listener. */
static bool newer_incarnation(const struct tcb *t, const struct tcp_seg *seg,
                              const struct tcp_opts *o)
{
    const bool higher = seq_gt(seg->seq, rcv_nxt(t));

    if (BUG(TIME_WAIT_ANY_SYN))
        return true;
    if (t->ts_on && o->has_ts && !BUG(TIME_WAIT_NO_TIMESTAMP))
        return seq_gt(o->ts_val, t->ts_recent) || (o->ts_val == t->ts_recent && higher);
    return higher;
}

enum rs_reason arrives_synchronized(struct rs_host *h, struct tcb *t, const struct datagram *ip,
                                    struct tcp_seg *seg, const struct tcp_opts *o)
{
    /* SEG.UP counts from the number on the wire, not from what is left after trimming. */
    const uint32_t urgent = seg->seq + seg->up;
    enum rs_reason reason;

    if (t->state == RS_TIME_WAIT && (seg->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN &&
        newer_incarnation(t, seg, o) && reopen_time_wait(h, t, ip, seg, o))
        return RS_REASON_ACCEPTED;
    if ((reason = check_timestamps(h, t, seg, o)) != GO_ON ||
        (reason = check_sequence(h, t, seg)) != GO_ON)
        return reason;
    t->last_heard = h->now;
    t->keepalives_sent = 0;
    if (o->has_user_timeout)
        t->peer_uto = o->user_timeout;
    note_ts_recent(h, t, seg, o);
    if ((reason = check_rst(h, t, seg)) != GO_ON || (reason = check_syn(h, t, seg)) != GO_ON)
        return reason;
    segment_trim(t, seg);
    if ((reason = check_ack(h, t, ip, seg, o)) != GO_ON)
        return reason;
    if (!fin_acknowledged(h, t))
        return RS_REASON_ACCEPTED;
    ecn_on_segment(t, seg, ip);
    /* Text that waited for the handshake may have moved RCV.NXT. */
    segment_trim(t, seg);
    take_urgent(h, t, seg, urgent);
    return take_text_and_fin(h, t, seg);
}
