/* SEGMENT ARRIVES in SYN-RECEIVED and the synchronized states: RFC 9293 section 3.10.7.4, in its
 * order, one function a step, with RFC 5961 and RFC 7323 where they bind in. */
#include "refstack/host.h"

#define GO_ON RS_REASON_ACCEPTED

/* RFC 7323 section 5.5: after 24 days without a segment TS.Recent says nothing any more. */
static const rs_time ts_recent_lifetime = (rs_time)24 * 24 * 3600 * RS_SEC;

/* RFC 7323 section 5.3 R1 and section 3.2: timestamps are judged before sequence numbers. */
static enum rs_reason check_timestamps(struct rs_host *h, struct tcb *t, const struct tcp_seg *seg,
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

/* SND.UNA < SEG.ACK =< SND.NXT */
static bool acknowledges_syn(const struct tcb *t, const struct tcp_seg *seg)
{
    return seq_gt(seg->ack, t->snd_una) && seq_le(seg->ack, t->snd_nxt);
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
static enum rs_reason check_sequence(struct rs_host *h, struct tcb *t, struct tcp_seg *seg)
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
static void update_ts_recent(struct rs_host *h, struct tcb *t, const struct tcp_seg *seg,
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
static bool fin_acknowledged(struct rs_host *h, struct tcb *t)
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

static enum rs_reason check_ack(struct rs_host *h, struct tcb *t, const struct datagram *ip,
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
    update_ts_recent(h, t, seg, o);
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
