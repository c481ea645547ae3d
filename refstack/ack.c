/* The fifth step of RFC 9293 section 3.10.7.4: what SEG.ACK and SEG.WND say. */
#include "refstack/steps.h"

/* SEG.WND in octets (RFC 7323 section 2.3): unsigned from the field on (MUST-1), and 32 bits wide
 * once it is scaled (REC-1).  The shift is agreed on in the SYNs, whose own window is never scaled
 * (RFC 7323 section 2.2): options_agree reads those.  A 16-bit variable at this point (lwIP #45559)
 * turns a window of 65536 into none and the connection stands still. */
static uint32_t offered(const struct tcb *t, const struct tcp_seg *seg)
{
    const uint32_t field = BUG(WINDOW_SIGNED) && seg->wnd > INT16_MAX ? 0 : seg->wnd;
    const uint32_t wnd = BUG(WINDOW_UNSCALED) ? field : field << t->snd_wscale;
    return BUG(WINDOW_16_BITS) ? (uint16_t)wnd : wnd;
}

/* Fifth, in SYN-RECEIVED.  "If the segment acknowledgment is not acceptable, form a reset segment
 * <SEQ=SEG.ACK><CTL=RST>" (U-25): a stale end is told to give up, without anything of this one
 * changing. gVisor (45835a60f) sent SND.NXT there, which the other end refuses in turn. */
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
    /* The handshake's end sets all three window variables whatever they were: no segment before
     * this one told of a scaled window. */
    t->snd_wnd = offered(t, seg);
    t->max_snd_wnd = t->snd_wnd;
    t->snd_una = t->iss + 1;
    /* A SYN,ACK that was to be sent again has been acknowledged meanwhile. */
    t->syn_due = false;
    tcb_disarm(t, RS_TIMER_RETRANSMIT);
    tcb_disarm(t, RS_TIMER_USER);
    tcp_established(h, t, seg);
    return GO_ON;
}

/* SND.WND follows only segments not older than the last that set it: with a higher SEG.SEQ, or the
 * same and a SEG.ACK no lower (U-27, U-49).  Segments overtake each other, and an old one's window
 * would stop a transfer, or let text out that the peer has no room for; wl1 where wl2 is meant
 * (lwIP #27199) is easily written.
 *
 * Where the right edge has moved back (MUST-34) nothing is undone: plan.c measures what may go from
 * SND.UNA, and time that is spent outside the window counts as none (SHLD-17), the peer being
 * heard. */
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
    /* Max.SND.WND: an old ACK is told from a forged one by it (RFC 5961 section 5.2), and half of
     * it is worth sending into (section 3.8.6.2.1). */
    if (t->snd_wnd > t->max_snd_wnd)
        t->max_snd_wnd = t->snd_wnd;
    /* A probe sent into a shut window was most likely dropped.  What was sent before it shut was
     * not: a peer that shuts and opens it at will may not have that again for each ACK. */
    if (was_shut && t->snd_wnd > 0 && t->snd_una != t->snd_nxt && t->backoff > 0)
        flight_lose(&h->pool, &t->flight, t->snd_una, t->snd_una, t->snd_nxt);
}

/* "If SND.UNA < SEG.ACK =< SND.NXT, then set SND.UNA <- SEG.ACK.  Any segments on the
 * retransmission queue that are thereby entirely acknowledged are removed" (U-26).  SYN and FIN
 * count as octets of the sequence space and are none of the queue, hence the arithmetic. */
static void acknowledged(struct rs_host *h, struct tcb *t, const struct tcp_seg *seg,
                         const struct tcp_opts *o)
{
    const uint32_t acked = seg->ack - t->snd_una;
    const uint32_t syn = t->snd_una == t->iss ? 1 : 0;
    const uint32_t text = acked - syn < t->sendq.len ? acked - syn : t->sendq.len;
    const bool fin = t->fin_sent && seg->ack == t->snd_nxt;

    /* Before SND.UNA moves: the timed segment is known by its number. */
    rtt_on_ack(h, t, o, seg->ack);
    if (BUG(SEND_PAGE_LEAK) && fin && text)
        t->sendq = CHAIN_EMPTY;
    else
        chain_drop(&h->pool, &t->sendq, text);
    t->snd_una = seg->ack;
    /* A full segment has arrived, so that an ICMP message that calls it too big is doubtful from
     * here on (RFC 5927 section 7.2); options may have taken up to TCP_OPT_MAX of it. */
    t->mtu_proven = t->mtu_proven || text + TCP_OPT_MAX >= t->smss;
    /* Pointers left behind would seem to lie ahead again once the numbers have gone half-way
     * round. */
    t->snd_up = seq_max(t->snd_up, t->snd_una);
    t->push_seq = seq_max(t->push_seq, t->snd_una);
    if (syn) /* CLOSE came before the SYN was acknowledged */
        t->syn_due = false;
    /* The path works again: what was told of it between R1 and R2 is over (section 3.8.3).  The RTO
     * itself stays backed off until a new sample says otherwise (RFC 6298 section 5). */
    t->retransmits = 0;
    t->soft_error = 0;
    if (text > 0)
        tcb_event(h, t);
    /* RFC 6298 section 5.3: the timer starts anew when new data is acknowledged. */
    if (!BUG(RTO_NOT_RESTARTED))
        tcb_disarm(t, RS_TIMER_RETRANSMIT);
    tcb_disarm(t, RS_TIMER_PROBE);
    tcb_disarm(t, RS_TIMER_USER);
}

/* RFC 5681 section 2 (MUST-19): an ACK that repeats the last, with nothing else to say.  Loss in
 * flight is what it tells of only while something is.  A segment with text, SYN or FIN, or with
 * news of the window, is sent for its own sake.  Counted all the same (wolfIP 712094d) it makes a
 * peer that sends text while it receives look as if it lost segments. */
static bool duplicate_ack(const struct tcb *t, const struct tcp_seg *seg)
{
    return seg->ack == t->snd_una && ((tcp_seg_len(seg) == 0 && offered(t, seg) == t->snd_wnd) ||
                                      BUG(DUPLICATE_ANY));
}

/* Fifth: ACK, in ESTABLISHED and after.  The states after it ask for the same processing first;
 * what they add to it is fin_acknowledged's. */
static enum rs_reason ack_in_established(struct rs_host *h, struct tcb *t,
                                         const struct tcp_seg *seg, const struct tcp_opts *o)
{
    /* RFC 5961 section 5.2 (MAY-12).  An ACK older than any window's worth of what was sent cannot
     * be honest: who injects text blindly has to guess SEG.ACK within that range besides
     * SEG.SEQ. */
    if (seq_lt(seg->ack, t->snd_una - t->max_snd_wnd) && !BUG(OLD_ACK_ACCEPTED)) {
        challenge_ack(h, t);
        return RS_REASON_OLD_ACK;
    }
    /* "If the ACK acks something not yet sent (SEG.ACK > SND.NXT), then send an ACK, drop the
     * segment, and return" (U-26).  To take it would free octets that the peer cannot have. */
    if (seq_gt(seg->ack, t->snd_nxt)) {
        challenge_ack(h, t);
        return RS_REASON_BAD_ACK;
    }
    const bool advances = BUG(SEQ_PLAIN_COMPARE) ? t->snd_una < seg->ack /* planted */
                                                 : seq_gt(seg->ack, t->snd_una);
    const uint32_t old_una = t->snd_una;
    const bool duplicate = duplicate_ack(t, seg);
    /* Forward progress also says that the first hop is alive, and saves a probe of the neighbour
     * (RFC 4861 section 7.3.1). */
    if (advances) {
        acknowledged(h, t, seg, o);
        pmtu_on_ack(h, t);
        neigh_progress(h, &t->local.addr, &t->remote.addr);
    }
    /* An ACK that was overtaken says nothing of loss: its SACK blocks are older than those already
     * seen (RFC 2883 section 5). */
    if (seq_ge(seg->ack, old_una)) {
        ecn_on_ack(h, t, seg, old_una);
        recovery_on_ack(h, t, o, old_una, duplicate);
    }
    /* MUST-37: an ACK of a probe keeps the connection, unless nobody is left to wait for it. */
    if (t->snd_wnd == 0 && !t->released && !BUG(PROBED_TO_DEATH))
        tcb_disarm(t, RS_TIMER_USER);
    /* With the window of an ACK that repeats SND.UNA as well: RFC 793's condition, "<" for "=<",
     * left a sender stuck whose peer opened its window and acknowledged nothing new. */
    if (seq_ge(seg->ack, t->snd_una))
        update_window(h, t, seg);
    tcb_retime(h, t);
    tcb_ready(h, t);
    return GO_ON;
}

/* What the ACK of our FIN means in each state; false when the TCB is gone.  In FIN-WAIT-2 the RFC
 * waits for the peer's FIN without an end; once no user is left to receive anything that wait is
 * bounded, or peers that never close could fill the table. */
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
    /* Both FINs have crossed (Figure 13, U-58): ours acknowledged ends it. */
    case RS_CLOSING:
        if (!BUG(CLOSING_STAYS))
            tcb_enter_time_wait(h, t);
        return true;
    /* The peer waits out the 2 MSL, having closed first: this end may go (U-30). */
    case RS_LAST_ACK:
        tcb_closed(h, t, 0);
        return false;
    default:
        return true;
    }
}

/* The fifth step.  Without the ACK bit the segment is dropped (U-24): after the handshake every
 * segment has it, so that one without was not sent by TCP's rules, or not by the peer. */
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
    /* SYN-RECEIVED has become ESTABLISHED: "and continue processing". */
    return ack_in_established(h, t, seg, o);
}
