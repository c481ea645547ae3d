/* The sixth to eighth steps of RFC 9293 section 3.10.7.4: URG, text, FIN. */
#include "refstack/host.h"

/* The states in which the peer may still send us something (its FIN was not received).  In
 * SYN-RECEIVED text waits for ESTABLISHED; after the peer's FIN none can follow ("this should not
 * occur since a FIN has been received from the remote side.  Ignore the segment text", U-33). */
static bool receiving(const struct tcb *t)
{
    return t->state == RS_ESTABLISHED || t->state == RS_FIN_WAIT_1 || t->state == RS_FIN_WAIT_2;
}

/* Sixth: RCV.UP = max(RCV.UP, SEG.UP), and the user is told when it advances (MUST-32).  How far it
 * lies ahead of the text is the sender's choice (MUST-31, RFC 6093 section 6).  The pointer is a
 * number and nothing is read by it: uIP (CVE-2020-17437) and NicheStack (CVE-2021-31400) took it
 * for an offset into the segment that came with it. */
void take_urgent(struct rs_host *h, struct tcb *t, const struct tcp_seg *seg, uint32_t up)
{
    if ((!(seg->flags & TCP_URG) && !BUG(URGENT_WITHOUT_URG)) || !receiving(t))
        return;
    if (BUG(URGENT_POINTER_TRUSTED)) {
        const volatile uint8_t *urgent = seg->text;
        for (uint32_t i = 0; i < seg->up; i++)
            (void)urgent[i];
    }
    /* An old segment's pointer takes nothing back, and what the user has read already is not urgent
     * any more: one signal for each advance, not for each segment (U-32). */
    if (!seq_gt(up, t->rcv_up) || !seq_gt(up, t->recvq.user) ||
        (BUG(URGENT_OWN_SEGMENT) && seg->up > seg->text_len))
        return;
    t->rcv_up = up;
    if (!h->observer || BUG(URGENT_UNTOLD))
        return;
    const struct rs_observation o = {
        .what = RS_OBS_URGENT,
        .now = h->now,
        .conn = tcb_handle(t),
        .from = t->state,
        .to = t->state,
    };
    h->observer(h->observer_arg, &o);
}

/* Notes where the peer's FIN stands, perhaps above a hole.  The first one counts; one below text
 * already held is not believed.  TLDK took a FIN beyond a hole for the last one and ended the
 * connection with text missing (U-40); lwIP (#28054) queued a second FIN behind the first and lost
 * memory. */
static void note_fin(struct rs_host *h, struct tcb *t, uint32_t seq)
{
    if (t->fin_known || seq_lt(seq, recvq_highest(&h->pool, &t->recvq)))
        return;
    t->fin_known = true;
    t->fin_seq = seq;
}

/* Text past the FIN is none of the stream's.  Only a peer that breaks the rules sends it, and the
 * user may have been told of the end already. */
static bool cut_at_fin(const struct tcb *t, struct tcp_seg *seg)
{
    if (!t->fin_known || !seq_gt(seg->seq + seg->text_len, t->fin_seq))
        return false;
    seg->text_len = seq_gt(t->fin_seq, seg->seq) ? t->fin_seq - seg->seq : 0;
    return true;
}

/* SHLD-18, SHLD-19, MUST-40, MUST-58, RFC 5681 section 4.2: at once for every second full segment
 * and whenever there is or was a hole, else a little later.  The delay lets the ACK travel with
 * what the application answers; under half a second, or the peer's RTO takes it for loss.  Two full
 * segments end it, since the peer's window grows by ACKs.  A hole's end is told at once too: the
 * peer is in recovery and waits for just that.
 *
 * owed counts from the last ACK that was sent, whatever sent it, so that no segment waits twice. */
static void acknowledge_text(struct rs_host *h, struct tcb *t, bool at_once)
{
    const uint32_t owed = rcv_nxt(t) - t->last_ack_sent;

    if (BUG(ACK_PER_SEGMENT))
        t->dup_acks_owed++;
    if (at_once || t->cfg->delayed_ack == 0 || BUG(ACK_AT_ONCE) ||
        (owed >= 2u * t->rmss && !BUG(ACK_DELAYED_ALWAYS))) {
        t->ack_now = true;
        tcb_ready(h, t);
    } else if (!timer_runs(t, RS_TIMER_DELAYED_ACK) && !BUG(DELAYED_ACK_NEVER)) {
        tcb_arm(h, t, RS_TIMER_DELAYED_ACK, h->now + t->cfg->delayed_ack);
    }
}

/* SHLD-3: text for a user who let go tells the peer, by RST, that it was lost.  Without it (RFC
 * 2525 section 2.16) the peer would believe its text delivered, and FIN-WAIT-2 would last as long
 * as it keeps sending. */
static enum rs_reason refuse_text(struct rs_host *h, struct tcb *t)
{
    reset_send(h, t, t->snd_nxt, true);
    tcb_flush(h, t);
    tcb_closed(h, t, RS_EABORTED);
    return RS_REASON_RESET;
}

/* Text beyond a hole may not hold the pool's last page.  Until the hole is filled nothing gives it
 * back, and without a page this host cannot even answer who asks for its link address: the peer
 * would wait for the answer, and this host for the peer. */
static bool takes_last_page(const struct rs_host *h, const struct tcb *t,
                            const struct tcp_seg *seg)
{
    const struct recvq *q = &t->recvq;
    const uint32_t mask = h->pool.octets - 1;
    const uint32_t has = (q->chain.off + q->chain.len + mask) >> h->pool.shift;
    const uint32_t wants =
        (q->chain.off + (seg->seq + seg->text_len - q->user) + mask) >> h->pool.shift;
    const uint32_t more = (wants > has ? wants - has : 0) + (q->blocks == PAGE_NONE ? 1u : 0u);

    return seg->seq != q->nxt && more > 0 && h->pool.used + more >= h->pool.n &&
           !BUG(HOLE_TAKES_ALL);
}

/* Seventh: text goes to its place; in order or beyond a hole (SHLD-31), where each segment is
 * answered by an ACK of its own (MAY-13).  The ACK is only owed here, and leaves once everything
 * that has arrived is processed (MUST-59). */
static enum rs_reason take_text(struct rs_host *h, struct tcb *t, struct tcp_seg *seg)
{
    const bool had_hole = t->recvq.blocks != PAGE_NONE;

    /* All of it lies behind the FIN: acknowledged as a duplicate is, and dropped. */
    if (cut_at_fin(t, seg) && seg->text_len == 0) {
        acknowledge_text(h, t, true);
        return RS_REASON_TEXT_AFTER_FIN;
    }
    if (t->released && !BUG(RELEASE_SWALLOWS))
        return refuse_text(h, t);
    /* RFC 2883 section 4: octets above a hole that are held already.  The DSACK block and the block
     * they lie in are told together. */
    if (t->sack_on && recvq_holds(&h->pool, &t->recvq, seg->seq, seg->text_len)) {
        t->dsack = (struct sack_block){ .left = seg->seq, .right = seg->seq + seg->text_len };
        t->dsack_due = true;
    }
    /* No page, or no slot in the list of blocks.  The ACK tells of what is missing, and the text
     * comes again: refusing what was never acknowledged breaks no promise. */
    if (takes_last_page(h, t, seg) ||
        !recvq_insert(&h->pool, &t->recvq, seg->seq, seg->text, seg->text_len, false)) {
        acknowledge_text(h, t, true);
        return RS_REASON_TEXT_NO_ROOM;
    }
    /* Taken and thrown away, so that RCV.NXT and the window go on and the peer can finish. */
    if (t->deaf) {
        chain_drop(&h->pool, &t->recvq.chain, recvq_readable(&t->recvq));
        t->recvq.user = t->recvq.nxt;
    }
    if (BUG(NO_RETRANSMIT_TIMER))
        tcb_disarm_all(h, t);
    /* One ACK for each segment beyond the hole, and no fewer: the peer counts them (RFC 5681
     * section 3.2), and a batch taken in together must not fold three into one. */
    if (seg->seq != t->recvq.nxt && seq_gt(seg->seq, t->recvq.nxt)) {
        if (BUG(ACK_FOR_HOLE_WAITS))
            acknowledge_text(h, t, false);
        else
            t->dup_acks_owed++;
        tcb_ready(h, t);
        return RS_REASON_ACCEPTED;
    }
    /* The next frame is most likely this connection's too (placed.c). */
    h->bulk = t->index;
    h->bulk_head = link_header_len(h, ip_link(h, &t->local.addr)) +
                   ip_header_len(&t->remote.addr) + seg->doff * 4u;
    tcb_event(h, t);
    acknowledge_text(h, t, had_hole);
    return RS_REASON_ACCEPTED;
}

/* Eighth: the FIN, once everything before it is here.  "Advance RCV.NXT over the FIN, and send an
 * acknowledgment for the FIN": at once, not delayed.  The user finds the end behind the last octet
 * (U-36); a second FIN comes here no more, its connection not being one that receives (U-39). */
static void take_fin(struct rs_host *h, struct tcb *t)
{
    if (!t->fin_known || t->fin_taken ||
        (t->fin_seq != t->recvq.nxt && !BUG(FIN_OUT_OF_ORDER)) || !receiving(t))
        return;
    t->fin_taken = !BUG(FIN_NOT_COUNTED);
    t->fin_known = !BUG(FIN_NOT_COUNTED);
    t->ack_now = true;
    tcb_ready(h, t);
    tcb_event(h, t);
    switch (t->state) {
    case RS_FIN_WAIT_1: /* U-37: our FIN is not acknowledged, or this were FIN-WAIT-2 */
        tcb_set_state(h, t, RS_CLOSING);
        if (BUG(CLOSING_PASSED_BY))
            tcb_enter_time_wait(h, t);
        break;
    case RS_FIN_WAIT_2:
        tcb_enter_time_wait(h, t);
        break;
    /* U-36: the user may go on sending for as long as it likes. */
    default:
        tcb_set_state(h, t, RS_CLOSE_WAIT);
        break;
    }
}

/* Text before FIN: wolfIP (33864b6) had them the other way round, and lost text that came together
 * with a FIN. */
enum rs_reason take_text_and_fin(struct rs_host *h, struct tcb *t, const struct tcp_seg *arrived)
{
    struct tcp_seg seg = *arrived;
    enum rs_reason reason = RS_REASON_ACCEPTED;

    /* In the other states the peer's FIN has been received: text and FIN are ignored, and what lies
     * beyond RCV.NXT is acknowledged as RCV.NXT says. */
    if (!receiving(t)) {
        if (tcp_seg_len(&seg) == 0)
            return reason;
        t->ack_now = true;
        tcb_ready(h, t);
        return RS_REASON_TEXT_AFTER_FIN;
    }
    if (BUG(FIN_BEFORE_TEXT) && (seg.flags & TCP_FIN)) {
        t->recvq.user = t->recvq.nxt = seg.seq + seg.text_len;
        chain_free(&h->pool, &t->recvq.chain);
        seg.text_len = 0;
        seg.seq = t->recvq.nxt;
    }
    if (seg.flags & TCP_FIN)
        note_fin(h, t, seg.seq + seg.text_len);
    if (seg.text_len > 0)
        reason = take_text(h, t, &seg);
    else if (seg.flags & TCP_FIN)
        acknowledge_text(h, t, true);
    /* Even where the text was refused: an earlier FIN may stand right behind what is here now. */
    if (reason != RS_REASON_RESET)
        take_fin(h, t);
    return reason;
}

/* Text and FIN that came with a SYN wait for ESTABLISHED (section 3.10.7.2, third step).  A
 * stranger may not fill the pool by it: with less than half of the pages free the peer has to
 * send again. */
void hold_text_and_fin(struct rs_host *h, struct tcb *t, const struct tcp_seg *syn)
{
    const uint32_t seq = syn->seq + 1;

    if (syn->text_len > 0 &&
        (BUG(SYN_TEXT_DROPPED) || h->pool.used > h->pool.n / 2 || syn->text_len > t->cfg->rcv_buf ||
         !recvq_insert(&h->pool, &t->recvq, seq, syn->text, syn->text_len, true)))
        return;
    /* A FIN takes a number of the window like any octet. */
    if ((syn->flags & TCP_FIN) && seq_lt(seq + syn->text_len, t->rcv_adv))
        note_fin(h, t, seq + syn->text_len);
}

/* Where there is no room for it the SYN,ACK acknowledges the SYN alone, and the client sends its
 * text again (RFC 7413 section 4.2.2).  The connection can be accepted already: that is what fast
 * open is for. */
void take_fast_text(struct rs_host *h, struct tcb *t, const struct tcp_seg *syn)
{
    const uint32_t seq = syn->seq + 1, room = t->rcv_adv - seq;
    const uint32_t len = syn->text_len < room ? syn->text_len : room; /* the rest comes again */

    if (recvq_insert(&h->pool, &t->recvq, seq, syn->text, len, false) &&
        (syn->flags & TCP_FIN) && seq_lt(seq + syn->text_len, t->rcv_adv))
        note_fin(h, t, seq + syn->text_len);
    if (syn->text_len > 0)
        tcb_offer(h, t);
}

/* What waited becomes text in order, and is acknowledged as such. */
void take_held(struct rs_host *h, struct tcb *t)
{
    if (recvq_join(&h->pool, &t->recvq) > 0)
        acknowledge_text(h, t, false);
    take_fin(h, t);
}
