/* What a connection sends next, RFC 9293 section 3.8: the segment is chosen here and made in
 * output.c. */
#include "refstack/plan.h"

/* Octets from seq up to an edge; none when the edge is behind. */
static uint32_t room_to(uint32_t edge, uint32_t seq)
{
    return seq_gt(edge, seq) || BUG(USABLE_WINDOW_UNSIGNED) ? edge - seq : 0;
}

/* The first stretch judged lost, within the window as it is now (SHLD-16, MAY-7 unused) and, but
 * for the first segment of a recovery, within cwnd. */
static bool plan_retransmission(const struct rs_host *h, struct tcb *t, struct plan *p)
{
    uint32_t left;
    uint32_t right;

    /* A SYN goes again by syn_due alone: its number stands for no octet of the queue. */
    if (t->snd_una == t->iss || !flight_first_lost(&h->pool, &t->flight, t->snd_una, &left, &right))
        return false;
    const uint32_t window =
        BUG(RETRANSMIT_BEYOND_EDGE) ? UINT32_MAX : room_to(t->snd_una + t->snd_wnd, left);
    if (window == 0 ||
        (!t->rtx_free && !BUG(RETRANSMIT_BURST) &&
         flight_pipe(&h->pool, &t->flight, t->snd_una) >= t->cwnd))
        return false;
    const uint32_t text = room_to(sendq_end(t), left);
    const uint32_t n = min_u32(min_u32(text, eff_snd_mss(h, t)), min_u32(window, right - left));
    *p = (struct plan){ .seq = left, .len = n, .flags = TCP_ACK };
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

/* One octet, or the FIN, into a closed window (RFC 9293 section 3.8.6.1; MUST-35, MUST-36). */
static bool plan_probe(const struct rs_host *h, struct tcb *t, struct plan *p)
{
    if (!t->probe_due || !can_note(h, t))
        return false;
    t->probe_due = false;
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
    const uint32_t whole = UINT16_MAX - 40u - TCP_HEADER - TCP_OPT_MAX;

    if (!h->cfg.offload || seq_gt(t->snd_up, t->snd_una) || ip_is_local(h, &t->remote.addr))
        return mss;
    return whole - whole % mss;
}

/* Sender silly-window avoidance and Nagle, RFC 9293 sections 3.8.6.2.1 and 3.7.4 (MUST-38, SHLD-7,
 * MUST-17): n octets of the unsent ones may go now.  What was not pushed is aggregated (MAY-16),
 * but not for ever: the persist timer sets override_due (MUST-60). */
static bool worth_sending(const struct tcb *t, uint32_t n, uint32_t unsent, uint32_t mss)
{
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
 * for each of the first two duplicate ACKs; with it, what is SACKed has left the pipe. */
static uint32_t congestion_room(const struct rs_host *h, const struct tcb *t)
{
    const bool limited = !t->sack_on && !t->in_recovery;
    const uint32_t extra = limited ? min_u32(t->dup_acks, 2) * t->smss : 0;
    const uint32_t pipe = flight_pipe(&h->pool, &t->flight, t->snd_una);

    if (BUG(CWND_IGNORED))
        return UINT32_MAX;
    return t->cwnd + extra > pipe ? t->cwnd + extra - pipe : 0;
}

/* New text as large as the MSS, the window and cwnd let it be (SHLD-28).  Beyond the right edge as
 * it is now nothing new goes, wherever it once was (SHLD-15). */
static bool plan_new(struct rs_host *h, struct tcb *t, struct plan *p)
{
    if (!synchronized(t) || t->fin_sent)
        return false;
    const uint32_t unsent = sendq_end(t) - t->snd_nxt;
    if ((unsent == 0 && !t->closing) || !can_note(h, t))
        return false;
    cc_on_idle(h, t);
    pmtu_refresh(h, t);
    const uint32_t window = room_to(t->snd_una + t->snd_wnd, t->snd_nxt);
    const uint32_t mss = eff_snd_mss(h, t);
    const uint32_t cwnd = t->rtx_free && t->tlp_out ? mss : congestion_room(h, t);
    const uint32_t room = min_u32(window, cwnd);
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

static bool plan_syn(struct rs_host *h, struct tcb *t, struct plan *p)
{
    if (!t->syn_due)
        return false;
    t->syn_due = false;
    const uint32_t room = fastopen_room(h, t);
    *p = (struct plan){ .seq = t->iss, .flags = TCP_SYN | ecn_syn_flags(t) };
    p->len = min_u32(t->sendq.len, room);
    if (t->state != RS_SYN_SENT)
        p->flags |= TCP_ACK;
    if (BUG(SIMULTANEOUS_OPEN_SEQ) && !t->passive && t->state == RS_SYN_RECEIVED)
        p->seq++;
    return true;
}

/* An ACK owed, or a keep-alive probe (SHLD-12: SEG.SEQ = SND.NXT - 1, no text). */
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
    p->seq = t->snd_nxt - 1;
    p->len = BUG(KEEPALIVE_TEXT);
    return true;
}

bool plan_next(struct rs_host *h, struct tcb *t, struct plan *p)
{
    return plan_syn(h, t, p) || plan_retransmission(h, t, p) || plan_probe(h, t, p) ||
           plan_new(h, t, p) || plan_ack(t, p);
}
