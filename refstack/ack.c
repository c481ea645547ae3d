/* The fifth step of RFC 9293 section 3.10.7.4: what SEG.ACK and SEG.WND say. */
#include "refstack/steps.h"

/* SEG.WND in octets (RFC 7323 section 2.3): unsigned from the field on (MUST-1), and 32 bits wide
 * once it is scaled (REC-1). */
static uint32_t offered(const struct tcb *t, const struct tcp_seg *seg)
{
    const uint32_t field = BUG(WINDOW_SIGNED) && seg->wnd > INT16_MAX ? 0 : seg->wnd;
    const uint32_t wnd = BUG(WINDOW_UNSCALED) ? field : field << t->snd_wscale;
    return BUG(WINDOW_16_BITS) ? (uint16_t)wnd : wnd;
}

/* Fifth, in SYN-RECEIVED. */
static enum rs_reason ack_in_syn_received(struct rs_host *h, struct tcb *t,
                                          const struct datagram *ip, const struct tcp_seg *seg,
                                          const struct tcp_opts *o)
{
    if (!acknowledges_syn(t, seg)) {
        reset_reply(h, ip, seg);
        return RS_REASON_BAD_ACK;
    }
    /* snd_una moves below, with the rest of ESTABLISHED's processing. */
    rtt_on_ack(h, t, o, seg->ack);
    t->snd_wnd = offered(t, seg);
    t->max_snd_wnd = t->snd_wnd;
    t->snd_una = t->iss + 1;
    t->syn_due = false;
    tcb_disarm(t, RS_TIMER_RETRANSMIT);
    tcb_disarm(t, RS_TIMER_USER);
    tcp_established(h, t, seg);
    return GO_ON;
}

/* SND.WND follows only segments not older than the last that set it.  Where the right edge has
 * moved back (MUST-34) nothing is undone: output.c measures what may go from SND.UNA, and time that
 * is spent outside the window counts as none (SHLD-17), the peer being heard. */
static void update_window(struct rs_host *h, struct tcb *t, const struct tcp_seg *seg)
{
    const bool newer = seq_lt(t->snd_wl1, seg->seq) ||
                       (t->snd_wl1 == seg->seq && seq_le(t->snd_wl2, seg->ack));

    if (!newer && !BUG(WL2_IGNORED))
        return;
    const bool was_shut = t->snd_wnd == 0;
    t->snd_wnd = offered(t, seg);
    t->snd_wl1 = seg->seq;
    t->snd_wl2 = seg->ack;
    if (t->snd_wnd > t->max_snd_wnd)
        t->max_snd_wnd = t->snd_wnd;
    /* A probe sent into a shut window was most likely dropped.  What was sent before it shut was
     * not: a peer that shuts and opens it at will may not have that again for each ACK. */
    if (was_shut && t->snd_wnd > 0 && t->snd_una != t->snd_nxt && t->backoff > 0)
        flight_lose(&h->pool, &t->flight, t->snd_una, t->snd_una, t->snd_nxt);
}

static void acknowledged(struct rs_host *h, struct tcb *t, const struct tcp_seg *seg,
                         const struct tcp_opts *o)
{
    const uint32_t acked = seg->ack - t->snd_una;
    const uint32_t syn = t->snd_una == t->iss ? 1 : 0;
    const uint32_t text = acked - syn < t->sendq.len ? acked - syn : t->sendq.len;
    const bool fin = t->fin_sent && seg->ack == t->snd_nxt;

    rtt_on_ack(h, t, o, seg->ack);
    if (BUG(SEND_PAGE_LEAK) && fin && text)
        t->sendq = CHAIN_EMPTY;
    else
        chain_drop(&h->pool, &t->sendq, text);
    t->snd_una = seg->ack;
    t->mtu_proven = t->mtu_proven || text + TCP_OPT_MAX >= t->smss;
    t->snd_up = seq_max(t->snd_up, t->snd_una);
    t->push_seq = seq_max(t->push_seq, t->snd_una);
    if (syn) /* CLOSE came before the SYN was acknowledged */
        t->syn_due = false;
    t->retransmits = 0;
    t->soft_error = 0;
    if (text > 0)
        tcb_event(h, t);
    /* RFC 6298 section 5.3: the timer starts anew when new data is acknowledged. */
    tcb_disarm(t, RS_TIMER_RETRANSMIT);
    tcb_disarm(t, RS_TIMER_PROBE);
    tcb_disarm(t, RS_TIMER_USER);
}

/* RFC 5681 section 2 (MUST-19): an ACK that repeats the last, with nothing else to say.  Loss in
 * flight is what it tells of only while something is. */
static bool duplicate_ack(const struct tcb *t, const struct tcp_seg *seg)
{
    return seg->ack == t->snd_una && tcp_seg_len(seg) == 0 && offered(t, seg) == t->snd_wnd;
}

/* Fifth: ACK, in ESTABLISHED and after. */
static enum rs_reason ack_in_established(struct rs_host *h, struct tcb *t,
                                         const struct tcp_seg *seg, const struct tcp_opts *o)
{
    /* RFC 5961 section 5.2 (MAY-12). */
    if (seq_lt(seg->ack, t->snd_una - t->max_snd_wnd) && !BUG(OLD_ACK_ACCEPTED)) {
        challenge_ack(h, t);
        return RS_REASON_OLD_ACK;
    }
    if (seq_gt(seg->ack, t->snd_nxt)) {
        challenge_ack(h, t);
        return RS_REASON_BAD_ACK;
    }
    const bool advances = BUG(SEQ_PLAIN_COMPARE) ? t->snd_una < seg->ack /* planted */
                                                 : seq_gt(seg->ack, t->snd_una);
    const uint32_t old_una = t->snd_una;
    const bool duplicate = duplicate_ack(t, seg);
    if (advances) {
        acknowledged(h, t, seg, o);
        pmtu_on_ack(h, t);
        neigh_progress(h, &t->local.addr, &t->remote.addr);
    }
    if (seq_ge(seg->ack, old_una)) {
        ecn_on_ack(h, t, seg);
        recovery_on_ack(h, t, o, old_una, duplicate);
    }
    /* MUST-37: an ACK of a probe keeps the connection, unless nobody is left to wait for it. */
    if (t->snd_wnd == 0 && !t->released && !BUG(PROBED_TO_DEATH))
        tcb_disarm(t, RS_TIMER_USER);
    if (seq_ge(seg->ack, t->snd_una))
        update_window(h, t, seg);
    tcb_retime(h, t);
    tcb_ready(h, t);
    return GO_ON;
}

/* What the ACK of our FIN means in each state; false when the TCB is gone. */
bool fin_acknowledged(struct rs_host *h, struct tcb *t)
{
    if ((!t->fin_sent || t->snd_una != t->snd_nxt) &&
        !(BUG(LAST_ACK_ANY) && t->state == RS_LAST_ACK))
        return true;
    switch (t->state) {
    case RS_FIN_WAIT_1:
        tcb_set_state(h, t, RS_FIN_WAIT_2);
        if (t->released && t->cfg->fin_wait_2 && !BUG(FIN_WAIT_2_ORPHAN))
            tcb_arm(h, t, RS_TIMER_FIN_WAIT_2, h->now + t->cfg->fin_wait_2);
        return true;
    case RS_CLOSING:
        if (!BUG(CLOSING_STAYS))
            tcb_enter_time_wait(h, t);
        return true;
    case RS_LAST_ACK:
        tcb_closed(h, t, 0);
        return false;
    default:
        return true;
    }
}

enum rs_reason check_ack(struct rs_host *h, struct tcb *t, const struct datagram *ip,
                         const struct tcp_seg *seg, const struct tcp_opts *o)
{
    if (!(seg->flags & TCP_ACK))
        return BUG(ACK_BIT_NOT_NEEDED) ? GO_ON : RS_REASON_NO_ACK_BIT;
    if (t->state == RS_SYN_RECEIVED) {
        const enum rs_reason reason = ack_in_syn_received(h, t, ip, seg, o);
        if (reason != GO_ON)
            return reason;
    }
    return ack_in_established(h, t, seg, o);
}
