/* What a connection sends next, RFC 9293 section 3.8: the segment is chosen here and made in
 * output.c.  Each rule looks at the TCB alone: what made a segment necessary, an ACK, a timer or a
 * call, has left its mark there.  So no path can forget to send what it owes.
 *
 *   plan_syn              a SYN or SYN,ACK, with text where Fast Open lets it
 *   plan_retransmission   what is judged lost, from the lowest number on
 *   plan_probe            an octet or the FIN into a shut window
 *   plan_new              text not sent yet, the FIN behind the last of it
 *   plan_ack              an ACK alone, or a keep-alive probe
 *
 *   plan_syn              a SYN or SYN,ACK, with text where Fast Open lets it
 *   plan_retransmission   what is judged lost, from the lowest number on
 *   plan_probe            an octet or the FIN into a shut window
 *   plan_new              text not sent yet, the FIN behind the last of it
 *   plan_ack              an ACK alone, or a keep-alive probe */
#include "refstack/plan.h"

/* Octets from seq up to an edge; none when the edge is behind.  A window that has shrunk (MUST-34)
 * puts the edge behind what was sent: subtracted without a look, that is a window of four
 * gigabytes. */
static uint32_t room_to(uint32_t edge, uint32_t seq)
{
    return seq_gt(edge, seq) || BUG(USABLE_WINDOW_UNSIGNED) ? edge - seq : 0;
}

/* The first stretch judged lost, within the window as it is now (SHLD-16, MAY-7 unused) and, but
 * for the first segment of a recovery, within cwnd.  RFC 6675 section 5 step 4.3 and RFC 6582
 * section 3.2 exempt that first one: it must go even if cwnd was cut below what is in flight, or
 * recovery could not begin. */
static bool plan_retransmission(const struct rs_host *h, struct tcb *t, struct plan *p)
{
    uint32_t left;
    uint32_t right;

    /* A SYN goes again by syn_due alone: its number stands for no octet of the queue. */
    if (t->snd_una == t->iss || !flight_first_lost(&h->pool, &t->flight, t->snd_una, &left, &right))
        return false;
    /* What lies beyond a window that moved back is not lost for that: it waits, and its waiting
     * ends nothing (SHLD-17). */
    const uint32_t window =
        BUG(RETRANSMIT_BEYOND_EDGE) ? UINT32_MAX : room_to(t->snd_una + t->snd_wnd, left);
    if (window == 0 ||
        (!t->rtx_free && !BUG(RETRANSMIT_BURST) &&
         flight_pipe(&h->pool, &t->flight, t->snd_una) >= t->cwnd))
        return false;
    /* Cut to the MSS of now, not of when it was sent first: after a message that segments are too
     * big they go again smaller (RFC 8201 section 5.4).  The octets come from the queue by number,
     * so that the same number always carries the same octet (RFC 2525 section 2.4). */
    const uint32_t text = room_to(sendq_end(t), left);
    const uint32_t n = min_u32(min_u32(text, eff_snd_mss(h, t)), min_u32(window, right - left));
    *p = (struct plan){ .seq = left, .len = n, .flags = TCP_ACK };
    /* The FIN's number is the one after the text, and needs room in the window as any. */
    if (t->fin_sent && n == text && (n < window || n == 0) && right - left > n)
        p->flags |= TCP_FIN;
    t->rtx_free = false;
    return true;
}

/* Nothing goes out that could not be noted as in flight: without a page it waits for one. */
static bool can_note(const struct rs_host *h, const struct tcb *t)
{
    return t->flight.page != PAGE_NONE || h->pool.used < h->pool.n;
}

/* One octet, or the FIN, into a closed window (RFC 9293 section 3.8.6.1; MUST-35, MUST-36).  The
 * octet comes from SND.UNA: one that the peer has not taken, whether it was sent before or not.  It
 * answers with RCV.NXT and its window, and may take the octet. lwIP (#27315, #34426) had wrong
 * octets there, and none where the FIN was all that waited. */
static bool plan_probe(const struct rs_host *h, struct tcb *t, struct plan *p)
{
    if (!t->probe_due || !can_note(h, t))
        return false;
    t->probe_due = false;
    /* The window has opened since the timer fired: plan_new does better than one octet. */
    if (t->snd_wnd > 0 || t->snd_una == t->iss)
        return false;
    *p = (struct plan){ .seq = t->snd_una, .len = min_u32(t->sendq.len, 1), .flags = TCP_ACK };
    if (p->len == 0 && t->closing)
        p->flags |= TCP_FIN;
    return p->len || (p->flags & TCP_FIN);
}

/* Octets of text one frame may carry: a segment's, or with the link's help as many whole
 * segments as an IP datagram holds.  Urgent pointers differ from segment to segment. */
static uint32_t most_text(const struct rs_host *h, const struct tcb *t, uint32_t mss)
{
    uint32_t whole = UINT16_MAX - 40u - TCP_HEADER - TCP_OPT_MAX;

    if (!h->cfg.offload || seq_gt(t->snd_up, t->snd_una) || ip_is_local(h, &t->remote.addr))
        return mss;
    if (h->gather && most_gathered(h) < whole)
        whole = most_gathered(h) > mss ? most_gathered(h) : mss;
    return whole - whole % mss;
}

/* Sender silly-window avoidance and Nagle, RFC 9293 sections 3.8.6.2.1 and 3.7.4 (MUST-38, SHLD-7,
 * MUST-17): n octets of the unsent ones may go now.  What was not pushed is aggregated (MAY-16),
 * but not for ever: the persist timer sets override_due (MUST-60).  In the RFC's order: (1) a full
 * segment; (2) all that is queued, pushed, and with Nagle only when nothing is in flight; (3) half
 * of the largest window ever offered, for a peer whose buffer is smaller than a segment; (4) the
 * override timeout.  Urgent text goes at once, being urgent.  A connection that is closing has
 * nothing more to gather. */
static bool worth_sending(const struct tcb *t, uint32_t n, uint32_t unsent, uint32_t mss)
{
    /* Nagle: while something is in flight its ACK will come, and small pieces gather until then. */
    const bool idle = t->snd_una == t->snd_nxt;
    const bool nagle = (t->cfg->nagle || BUG(NAGLE_ALWAYS)) && !BUG(NAGLE_IGNORED);
    const bool all_pushed = n == unsent && seq_ge(t->push_seq, t->snd_nxt + unsent);

    if (BUG(SENDER_SILLY_WINDOW) && n < unsent)
        return true;
    return n >= mss ||
           (all_pushed && (idle || !nagle || t->closing)) ||
           (idle && n >= t->max_snd_wnd / 2) || seq_gt(t->snd_up, t->snd_nxt) || t->override_due;
}

/* What cwnd still lets out (MUST-19, RFC 5681 section 2).  RFC 3042: without SACK, a new segment
 * for each of the first two duplicate ACKs; with it, what is SACKed has left the pipe.  The pipe
 * leaves out what was SACKed or judged lost (RFC 6675 section 4); without SACK cwnd itself is
 * inflated in recovery instead, so that the plain difference serves both. */
static uint32_t congestion_room(const struct rs_host *h, const struct tcb *t)
{
    const bool limited = !t->sack_on && !t->in_recovery && !BUG(LIMITED_NOT);
    const uint32_t extra = limited ? min_u32(t->dup_acks, 2) * t->smss : 0;
    const uint32_t pipe = flight_pipe(&h->pool, &t->flight, t->snd_una);

    if (BUG(CWND_IGNORED))
        return UINT32_MAX;
    return t->cwnd + extra > pipe ? t->cwnd + extra - pipe : 0;
}

/* New text as large as the MSS, the window and cwnd let it be (SHLD-28).  Beyond the right edge as
 * it is now nothing new goes, wherever it once was (SHLD-15).  A FIN follows all that was queued
 * before it (U-50, U-51), and on the last text rather than alone where both fit. */
static bool plan_new(struct rs_host *h, struct tcb *t, struct plan *p)
{
    if (!synchronized(t) || t->fin_sent)
        return false;
    const uint32_t unsent = sendq_end(t) - t->snd_nxt;
    if ((unsent == 0 && !t->closing) || !can_note(h, t))
        return false;
    /* Both before the sizes are read: an idle connection's cwnd and path are those of another
     * time. */
    cc_on_idle(h, t);
    pmtu_refresh(h, t);
    const uint32_t window = room_to(t->snd_una + t->snd_wnd, t->snd_nxt);
    const uint32_t mss = eff_snd_mss(h, t);
    /* A tail loss probe sends one segment whatever cwnd says (RFC 8985 section 7.3): without it the
     * loss of the last segments is found by the retransmission timeout only. */
    const uint32_t cwnd = t->rtx_free && t->tlp_out ? mss : congestion_room(h, t);
    const uint32_t room =
        BUG(LIMITED_BEYOND_EDGE) && t->dup_acks ? cwnd : min_u32(window, cwnd);
    /* The one segment that may be larger than the path is known to take (RFC 4821 section 7.1). */
    const uint32_t probe = pmtu_probe(h, t, mss, min_u32(room, unsent));
    if (probe) {
        *p = (struct plan){ .seq = t->snd_nxt, .len = probe, .flags = TCP_ACK, .probe = true };
        return true;
    }
    uint32_t n = min_u32(min_u32(unsent, most_text(h, t, mss)), room);

    /* A tail that would not go by itself does not go behind whole segments either. */
    if (n > mss && n % mss && !worth_sending(t, n % mss, unsent - (n - n % mss), mss))
        n -= n % mss;
    *p = (struct plan){ .seq = t->snd_nxt, .len = n, .flags = TCP_ACK };
    /* The FIN takes a number of the window but no room in cwnd. */
    if (t->closing && n == unsent && window > n)
        p->flags |= TCP_FIN;
    if (n == 0)
        return (p->flags & TCP_FIN) != 0;
    return worth_sending(t, n, unsent, mss);
}

/* Retransmitted SYNs are new plans: text goes with the first alone, and the ECN bits and cookie
 * with it (RFC 7413 section 4.1.3, RFC 3168 section 6.1.1.1). */
static bool plan_syn(struct rs_host *h, struct tcb *t, struct plan *p)
{
    if (!t->syn_due)
        return false;
    t->syn_due = false;
    const uint32_t room = fastopen_room(h, t);
    *p = (struct plan){ .seq = t->iss, .flags = TCP_SYN | ecn_syn_flags(t) };
    p->len = min_u32(t->sendq.len, room);
    /* In SYN-RECEIVED it acknowledges the peer's, after a simultaneous open too:
     * <SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK> (U-12). */
    if (t->state != RS_SYN_SENT)
        p->flags |= TCP_ACK;
    if (BUG(SIMULTANEOUS_OPEN_SEQ) && !t->passive && t->state == RS_SYN_RECEIVED)
        p->seq++;
    return true;
}

/* An ACK owed, or a keep-alive probe (SHLD-12: SEG.SEQ = SND.NXT - 1, no text).  Up to LISTEN and
 * in SYN-SENT there is no RCV.NXT to acknowledge.  An ACK of its own is the last resort: anything
 * else that goes out carries one, which is what a delayed ACK waits for (MUST-58). */
static bool plan_ack(struct tcb *t, struct plan *p)
{
    if (t->state == RS_SYN_SENT || t->state <= RS_LISTEN)
        return false;
    *p = (struct plan){ .seq = t->snd_nxt, .flags = TCP_ACK };
    if (t->dup_acks_owed > 0) {
        t->dup_acks_owed--;
        return true;
    }
    if (t->ack_now)
        return true;
    if (!t->keepalive_due)
        return false;
    t->keepalive_due = false;
    /* Unacceptable on purpose: the number has been taken, so that the peer must answer (U-16), and
     * the answer is all that is wanted. */
    p->seq = t->snd_nxt - 1;
    p->len = BUG(KEEPALIVE_TEXT);
    return true;
}

/* The most urgent first: without a SYN nothing else means anything; what was lost holds up all that
 * is behind it; new text carries the ACK that is owed. */
bool plan_next(struct rs_host *h, struct tcb *t, struct plan *p)
{
    return plan_syn(h, t, p) || plan_retransmission(h, t, p) || plan_probe(h, t, p) ||
           plan_new(h, t, p) || plan_ack(t, p);
}
