/* The first step of RFC 9293 section 3.10.7.4: is this segment one for now?  Timestamps first
 * (RFC 7323 section 5.3), sequence numbers then, and the trimming of what is partly old or beyond
 * the window. */
#include "refstack/steps.h"

/* RFC 7323 section 5.5: after 24 days without a segment TS.Recent says nothing any more. */
static const rs_time ts_recent_lifetime = (rs_time)24 * 24 * 3600 * RS_SEC;

/* RFC 7323 section 5.3 R1 and section 3.2: timestamps are judged before sequence numbers. */
enum rs_reason check_timestamps(struct rs_host *h, struct tcb *t, const struct tcp_seg *seg,
                                const struct tcp_opts *o)
{
    if (!t->ts_on || BUG(PAWS_OFF) || ((seg->flags & TCP_RST) && !BUG(PAWS_ON_RST)))
        return GO_ON;
    if (!o->has_ts)
        return RS_REASON_TS_MISSING;
    if (seq_ge(o->ts_val, t->ts_recent) || h->now - t->ts_recent_at > ts_recent_lifetime)
        return GO_ON;
    challenge_ack(h, t);
    return RS_REASON_PAWS;
}

/* Section 3.4: the four cases of Table 6. */
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
 * accept valid ACKs, URGs, and RSTs" (MUST-66): the text of a window probe is left off. */
static bool zero_window_allowance(struct rs_host *h, struct tcb *t, struct tcp_seg *seg)
{
    if (rcv_wnd(t) != 0 || seg->seq != rcv_nxt(t) || (seg->flags & TCP_SYN) ||
        tcp_seg_len(seg) == 0 || BUG(ZERO_WINDOW_DEAF))
        return false;
    seg->text_len = 0;
    seg->flags &= (uint16_t)~TCP_FIN;
    t->ack_now = t->ack_now || !BUG(ZERO_WINDOW_SILENT);
    tcb_ready(h, t);
    return true;
}

/* A SYN,ACK that crosses ours in a simultaneous open lies one octet before the window.  Its ACK is
 * taken all the same (RFC 9293 appendix A.2), and it is answered, so that neither end stalls. */
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

/* RFC 2883: octets below RCV.NXT that came again are reported once. */
static void note_duplicate(struct tcb *t, const struct tcp_seg *seg)
{
    const uint32_t right = seq_min(seg->seq + seg->text_len, t->recvq.nxt);

    if (!t->sack_on || seg->text_len == 0 || !seq_lt(seg->seq, right) || seq_le(right, t->irs))
        return;
    t->dsack = (struct sack_block){ .left = seg->seq, .right = right };
    t->dsack_due = true;
}

/* First: sequence number. */
enum rs_reason check_sequence(struct rs_host *h, struct tcb *t, struct tcp_seg *seg)
{
    if (crossing_syn(h, t, seg) || zero_window_allowance(h, t, seg) || acceptable(t, seg))
        return GO_ON;
    if ((seg->flags & TCP_RST) && !BUG(RST_OUT_OF_WINDOW_ANSWERED))
        return RS_REASON_RST_NOT_ACCEPTABLE;
    if (BUG(OUT_OF_WINDOW_SILENT) || (BUG(TIME_WAIT_SILENT) && t->state == RS_TIME_WAIT))
        return RS_REASON_OUT_OF_WINDOW;
    note_duplicate(t, seg);
    /* An ACK without text is answered only so often, or two ends that disagree would answer each
     * other for ever. */
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
 * older than TS.Recent has been refused by now, unless that is out of date (section 5.5). */
void note_ts_recent(struct rs_host *h, struct tcb *t, const struct tcp_seg *seg,
                    const struct tcp_opts *o)
{
    if (!t->ts_on || !o->has_ts || (seg->flags & TCP_RST) ||
        (seq_gt(seg->seq, t->last_ack_sent) && !BUG(TS_ECHO_LATEST)))
        return;
    t->ts_recent = o->ts_val;
    t->ts_recent_at = h->now;
}

/* Makes the segment the one that begins at or after RCV.NXT and does not exceed the window. */
void segment_trim(struct tcb *t, struct tcp_seg *seg)
{
    const uint32_t nxt = rcv_nxt(t);
    const uint32_t edge = nxt + rcv_wnd(t);

    if (seq_lt(seg->seq, nxt)) {
        note_duplicate(t, seg);
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
