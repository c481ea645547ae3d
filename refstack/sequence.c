/* The first step of RFC 9293 section 3.10.7.4: is this segment one for now?  Timestamps first
 * (RFC 7323 section 5.3), sequence numbers then, and the trimming of what is partly old or beyond
 * the window. */
#include "refstack/steps.h"

/* RFC 7323 section 5.5: after 24 days without a segment TS.Recent says nothing any more.  The clock
 * of a peer that ticks once a millisecond wraps its sign bit in that time, so that an idle
 * connection's first segment would look old and the connection be lost for good. */
static const uint32_t ts_recent_lifetime = 24 * 24 * 3600; /* in seconds */

/* RFC 7323 section 5.3 R1 and section 3.2: timestamps are judged before sequence numbers.  A
 * duplicate from before a wrap of the sequence space is in the window by its number, and only its
 * TSval gives it away: hence the order.  The refusal is answered, as that of any unacceptable
 * segment is (U-16), but no more often than a challenge: an ACK that is itself refused at the other
 * end would be answered in turn.
 *
 * The test holds in every state that has a window, TIME-WAIT and LAST-ACK included (wolfIP 26997b0
 * had it in ESTABLISHED only).  RST is exempt (section 5.2): an end that restarted has lost its
 * clock, and its RST would never get through. */
enum rs_reason check_timestamps(struct rs_host *h, struct tcb *t, const struct tcp_seg *seg,
                                const struct tcp_opts *o)
{
    if (!t->ts_on || BUG(PAWS_OFF) || ((seg->flags & TCP_RST) && !BUG(PAWS_ON_RST)))
        return GO_ON;
    /* Dropped in silence, never answered by a RST: the option may have been stripped on the way,
     * and what aborts for that can be aborted by anyone.  Where timestamps were not agreed on
     * nothing is asked for (gVisor efe5e737d). */
    if (!o->has_ts)
        return BUG(TS_MISSING_TAKEN) ? GO_ON : RS_REASON_TS_MISSING;
    const bool old = host_seconds(h) - t->ts_recent_at > ts_recent_lifetime;
    if (seq_ge(o->ts_val, t->ts_recent) || (old && !BUG(PAWS_FOR_EVER)))
        return GO_ON;
    challenge_ack(h, t);
    return RS_REASON_PAWS;
}

/* Section 3.4: the four cases of Table 6.  SEG.LEN counts SYN and FIN (wolfIP 24420ed did not, and
 * took a SYN below the window for an empty segment inside it).  The first or the last octet inside
 * is enough: a segment that begins before the window brings what is new at its end, and
 * segment_trim cuts off the rest. */
static bool acceptable(const struct tcb *t, const struct tcp_seg *seg)
{
    const uint32_t len = BUG(SYN_NOT_COUNTED) ? seg->text_len : tcp_seg_len(seg);
    const uint32_t wnd = rcv_wnd(t);
    const uint32_t nxt = rcv_nxt(t);

    if (len == 0)
        return wnd == 0 ? seg->seq == nxt : seq_in(seg->seq, nxt, wnd);
    return wnd > 0 && (seq_in(seg->seq, nxt, wnd) || seq_in(seg->seq + len - 1, nxt, wnd));
}

/* "If the RCV.WND is zero, no segments will be acceptable, but special allowance should be made to
 * accept valid ACKs, URGs, and RSTs" (MUST-66): the text of a window probe is left off.  A probe
 * that is next in order is thus acknowledged and its SEG.ACK, SEG.WND and URG are used; refused, as
 * the table has it, two ends with closed windows would never hear each other open them (U-48).  The
 * FIN goes with the text: it takes a number that the window does not have. */
static bool zero_window_allowance(struct rs_host *h, struct tcb *t, struct tcp_seg *seg)
{
    if (rcv_wnd(t) != 0 || seg->seq != rcv_nxt(t) || (seg->flags & TCP_SYN) ||
        tcp_seg_len(seg) == 0 || BUG(ZERO_WINDOW_DEAF))
        return false;
    seg->text_len = 0;
    seg->flags &= (uint16_t)~TCP_FIN;
    /* The peer has something to send and learns of room by answers to its probes only. */
    t->ack_now = t->ack_now || !BUG(ZERO_WINDOW_SILENT);
    tcb_ready(h, t);
    return true;
}

/* A SYN,ACK that crosses ours in a simultaneous open lies one octet before the window.  Its ACK is
 * taken all the same (RFC 9293 appendix A.2), and it is answered, so that neither end stalls.  It
 * has the number of the SYN that this end has taken already, so that by the first step alone its
 * SEG.ACK would go unread, and both ends would hang on the ACK that each sends in answer (U-59). */
static bool crossing_syn(struct rs_host *h, struct tcb *t, struct tcp_seg *seg)
{
    const uint16_t both = TCP_SYN | TCP_ACK;

    if (t->state != RS_SYN_RECEIVED || t->passive || seg->seq != t->irs ||
        (seg->flags & (both | TCP_RST)) != both || !acknowledges_syn(t, seg) ||
        BUG(CROSSING_SYN_REFUSED))
        return false;
    seg->flags &= (uint16_t)~TCP_SYN;
    seg->seq++;
    t->ack_now = true;
    tcb_ready(h, t);
    return true;
}

/* RFC 2883: octets below RCV.NXT that came again are reported once.  Not in the whole: what lies
 * above RCV.NXT is new.  A block from before IRS would name octets that this connection never
 * had. */
static void note_duplicate(struct tcb *t, const struct tcp_seg *seg)
{
    const uint32_t right = seq_min(seg->seq + seg->text_len, t->recvq.nxt);

    if (!t->sack_on || seg->text_len == 0 || !seq_lt(seg->seq, right) || seq_le(right, t->irs))
        return;
    t->dsack = (struct sack_block){ .left = seg->seq, .right = right };
    t->dsack_due = true;
}

/* First: sequence number.  What is not acceptable changes nothing but what is owed: "an
 * acknowledgment should be sent in reply (unless the RST bit is set, if so drop the segment and
 * return)" (U-16, U-17).  The ACK brings a peer that restarted to send its RST (section 3.5.1,
 * Figure 9), and one whose ACK was lost to stop sending again. */
enum rs_reason check_sequence(struct rs_host *h, struct tcb *t, struct tcp_seg *seg)
{
    if (crossing_syn(h, t, seg) || zero_window_allowance(h, t, seg) || acceptable(t, seg))
        return GO_ON;
    if ((seg->flags & TCP_RST) && !BUG(RST_OUT_OF_WINDOW_ANSWERED))
        return RS_REASON_RST_NOT_ACCEPTABLE;
    if (BUG(OUT_OF_WINDOW_SILENT) || (BUG(TIME_WAIT_SILENT) && t->state == RS_TIME_WAIT))
        return RS_REASON_OUT_OF_WINDOW;
    /* The octets have been here before, or most of them: RFC 2883 reports them in the ACK that
     * follows. */
    note_duplicate(t, seg);
    /* An ACK without text is answered only so often, or two ends that disagree would answer each
     * other for ever, as Linux before 4.0 did (U-59).  What takes numbers is always answered: the
     * peer sends it again until it is acknowledged. */
    if (tcp_seg_len(seg) == 0) {
        challenge_ack(h, t);
    } else {
        t->ack_now = true;
        tcb_ready(h, t);
        /* A FIN sent again in TIME-WAIT starts the 2 MSL anew (eighth step); old text is answered
         * and prolongs nothing (RFC 1337 section 2). */
        if (t->state == RS_TIME_WAIT && (seg->flags & TCP_FIN) &&
            seg->seq + tcp_seg_len(seg) == rcv_nxt(t))
            tcb_arm(h, t, RS_TIMER_TIME_WAIT, h->now + 2 * t->cfg->msl);
    }
    return RS_REASON_OUT_OF_WINDOW;
}

/* RFC 7323 section 4.3 (2): the TSval to echo is that of the segment the last ACK pointed at.  One
 * older than TS.Recent has been refused by now, unless that is out of date (section 5.5).  Thus a
 * delayed ACK echoes the earliest of the segments that it covers, and the peer's estimate includes
 * the delay; one for a segment beyond a hole echoes the last that came in order, and one that fills
 * it its own.  Echoing whatever came last (TLDK and mTCP echoed a wrong one) makes the round trip
 * look shorter than it is, and the peer time out early. */
void note_ts_recent(struct rs_host *h, struct tcb *t, const struct tcp_seg *seg,
                    const struct tcp_opts *o)
{
    if (!t->ts_on || !o->has_ts || (seg->flags & TCP_RST) ||
        (seq_gt(seg->seq, t->last_ack_sent) && !BUG(TS_ECHO_LATEST)))
        return;
    t->ts_recent = o->ts_val;
    t->ts_recent_at = host_seconds(h);
}

/* Makes the segment the one that begins at or after RCV.NXT and does not exceed the window.  "It is
 * assumed that the segment is the idealized segment that begins at RCV.NXT and does not exceed the
 * window" (U-18): steps five to eight rely on it.  A SYN is not cut: the fourth step has refused it
 * by then. */
void segment_trim(struct tcb *t, struct tcp_seg *seg)
{
    const uint32_t nxt = rcv_nxt(t);
    const uint32_t edge = nxt + rcv_wnd(t);

    if (seq_lt(seg->seq, nxt)) {
        note_duplicate(t, seg);
        /* Octets that were taken before are never written again, or a retransmission with other
         * text (RFC 2525 section 2.4) would change what the user may have read. */
        const uint32_t old = nxt - seg->seq;
        const uint32_t cut = old < seg->text_len ? old : seg->text_len;
        seg->text += cut;
        seg->text_len -= cut;
        seg->seq += cut;
        if (seq_lt(seg->seq, nxt)) {
            seg->flags &= (uint16_t)~TCP_FIN;
            seg->seq = nxt;
        }
        if (BUG(FIN_TRIMMED))
            seg->flags &= (uint16_t)~TCP_FIN;
    }
    if (seq_gt(seg->seq + tcp_seg_len(seg), edge) && !BUG(WINDOW_BEYOND_EDGE)) {
        seg->flags &= (uint16_t)~TCP_FIN;
        if (seq_gt(seg->seq + seg->text_len, edge))
            seg->text_len = seq_gt(edge, seg->seq) ? edge - seg->seq : 0;
    }
}
