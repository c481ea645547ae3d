/* SEGMENT ARRIVES, RFC 9293 section 3.10.7, up to and including SYN-SENT. */
#include "refstack/host.h"

/* Section 3.10.7.1, CLOSED: everything but a RST is answered by one. */
static enum rs_reason arrives_closed(struct rs_host *h, const struct datagram *ip,
                                     const struct tcp_seg *seg)
{
    reset_reply(h, ip, seg);
    return RS_REASON_NO_CONNECTION;
}

/* The variables a SYN sets, in any state that takes one. */
static void take_syn(struct rs_host *h, struct tcb *t, const struct tcp_seg *seg,
                     const struct tcp_opts *o)
{
    t->irs = seg->seq;
    recvq_init(&t->recvq, seg->seq + 1);
    t->last_ack_sent = seg->seq + 1;
    t->rcv_up = seg->seq + 1;
    t->rcv_adv = seg->seq + 1 + (t->cfg->rcv_buf < 65535 ? t->cfg->rcv_buf : 65535);
    t->snd_wl1 = seg->seq;
    t->snd_wl2 = seg->ack;
    t->last_heard = h->now;
    t->peer_uto = o->has_user_timeout ? o->user_timeout : 0;
    options_agree(h, t, seg, o);
}

static void set_iss(struct tcb *t, uint32_t iss)
{
    t->iss = t->snd_una = t->snd_nxt = iss;
    t->snd_up = t->push_seq = iss + 1;
    t->fack = t->rack.round = t->ecn_edge = iss;
}

/* The TCB that a SYN for a LISTEN makes a connection of: its own, or one for rs_accept. */
static struct tcb *connection_for(struct rs_host *h, struct tcb *l, const struct rs_endpoint *local,
                                  const struct rs_endpoint *remote)
{
    if (!l->stays) {
        tcb_rehash(h, l, local, remote);
        return l;
    }
    struct tcb *t = tcb_new(h, local, remote);
    if (!t)
        return NULL;
    settings_share(h, t, l);
    t->passive = t->child = true;
    t->parent = t->fast_listener = l->index;
    l->listener.backlog++;
    tcb_set_state(h, t, RS_LISTEN);
    return t;
}

/* An ACK for a listener that has lately given out SYN cookies: one that answers a cookie makes the
 * connection that was not kept, as it stood in SYN-RECEIVED. */
static enum rs_reason arrives_for_cookie(struct rs_host *h, struct tcb *l,
                                         const struct datagram *ip, const struct tcp_seg *seg,
                                         const struct tcp_opts *o)
{
    const struct rs_endpoint local = { .addr = ip->dst, .port = seg->dst_port };
    const struct rs_endpoint remote = { .addr = ip->src, .port = seg->src_port };
    const uint16_t mss = l->stays && !(seg->flags & TCP_SYN)
                             ? syncookie_check(h, l, &local, &remote, seg) : 0;
    struct tcp_seg syn = *seg;
    struct tcp_seg ack = *seg;
    const struct tcp_opts none = { .has_mss = true, .mss = mss };

    if (mss == 0)
        return RS_REASON_BAD_ACK;
    if (l->listener.queued >= h->cfg.backlog)
        return RS_REASON_BACKLOG_FULL;
    struct tcb *t = connection_for(h, l, &local, &remote);
    if (!t)
        return RS_REASON_NO_RESOURCES;
    syn.seq = seg->seq - 1;
    options_offer(h, t);
    take_syn(h, t, &syn, &none);
    set_iss(t, seg->ack - 1);
    t->snd_nxt = seg->ack;
    t->rto = t->cfg->rto_initial;
    tcb_set_state(h, t, RS_SYN_RECEIVED);
    return arrives_synchronized(h, t, ip, &ack, o);
}

/* Section 3.10.7.2, LISTEN. */
static enum rs_reason arrives_listen(struct rs_host *h, struct tcb *l, const struct datagram *ip,
                                     const struct tcp_seg *seg, const struct tcp_opts *o)
{
    const struct rs_endpoint local = { .addr = ip->dst, .port = seg->dst_port };
    const struct rs_endpoint remote = { .addr = ip->src, .port = seg->src_port };

    /* First, RST. */
    if (seg->flags & TCP_RST) {
        if (BUG(LISTEN_TAKES_RST))
            tcb_closed(h, l, RS_ERESET);
        return RS_REASON_RST_IN_LISTEN;
    }
    /* Second, ACK: of nothing, unless it answers a SYN cookie. */
    if (seg->flags & TCP_ACK) {
        const enum rs_reason reason = arrives_for_cookie(h, l, ip, seg, o);
        if (reason == RS_REASON_BAD_ACK)
            reset_reply(h, ip, seg);
        return reason;
    }
    /* Third, SYN; fourth, anything else is dropped. */
    if (BUG(LISTEN_ANSWERS_ANYTHING) && !(seg->flags & TCP_SYN))
        reset_reply(h, ip, seg);
    if (!(seg->flags & (BUG(LISTEN_TAKES_FIN) ? TCP_SYN | TCP_FIN : TCP_SYN)))
        return RS_REASON_NOT_SYN;
    /* RFC 4987 section 3: what SYNs take up is bounded. */
    if (l->stays && l->listener.backlog >= h->cfg.backlog) {
        if (l->cfg->syn_cookies && l->listener.queued < h->cfg.backlog)
            syncookie_answer(h, l, &local, &remote, seg, o);
        return RS_REASON_BACKLOG_FULL;
    }
    struct tcb *t = connection_for(h, l, &local, &remote);
    if (!t)
        return RS_REASON_NO_RESOURCES;
    options_offer(h, t);
    take_syn(h, t, seg, o);
    tcp_start(h, t);
    tcb_set_state(h, t, RS_SYN_RECEIVED);
    if (fastopen_accept(h, l, t, o))
        take_fast_text(h, t, seg);
    else if (!t->cookie_due)
        hold_text_and_fin(h, t, seg);
    return RS_REASON_ACCEPTED;
}

/* MAY-2: the new connection's numbers lie above all that the old one used. */
bool reopen_time_wait(struct rs_host *h, struct tcb *t, const struct datagram *ip,
                      const struct tcp_seg *seg, const struct tcp_opts *o)
{
    const uint32_t used = t->snd_nxt;
    struct tcb *l = tcb_find_listener(h, &t->local, &t->remote);

    if (!l || l->state != RS_LISTEN)
        return false;
    tcb_closed(h, t, 0);
    if (arrives_listen(h, l, ip, seg, o) != RS_REASON_ACCEPTED)
        return true;
    const struct rs_endpoint local = { .addr = ip->dst, .port = seg->dst_port };
    const struct rs_endpoint remote = { .addr = ip->src, .port = seg->src_port };
    struct tcb *fresh = tcb_find(h, &local, &remote);
    if (seq_le(fresh->iss, used))
        set_iss(fresh, used + 1 + (fresh->iss & 0xffff));
    return true;
}

void tcp_start(struct rs_host *h, struct tcb *t)
{
    set_iss(t, iss_choose(h, &t->local, &t->remote));
    t->rto = t->cfg->rto_initial;
    t->retransmits = t->total_retransmits = 0;
    t->syn_due = true;
    tcb_ready(h, t);
}

/* The SYN is acknowledged, the connection stands: windows from now on are the peer's word. */
void tcp_established(struct rs_host *h, struct tcb *t, const struct tcp_seg *seg)
{
    static const rs_time after_lost_syn = 3 * RS_SEC;
    const bool syn_lost = t->retransmits > 0;

    t->snd_wl1 = seg->seq;
    t->snd_wl2 = seg->ack;
    cc_init(t);
    t->retransmits = 0;
    /* RFC 6298 section 5.7. */
    if (syn_lost && !t->rtt_valid && t->rto < after_lost_syn)
        t->rto = after_lost_syn;
    tcb_set_state(h, t, RS_ESTABLISHED);
    tcb_event(h, t);
    fastopen_settled(h, t);
    tcb_offer(h, t);
    /* A CLOSE that waited for the handshake (section 3.10.4), before a FIN that did. */
    if (t->closing)
        tcb_set_state(h, t, RS_FIN_WAIT_1);
    take_held(h, t);
    tcb_ready(h, t);
}

/* SND.UNA moves past the SYN and what text of it the peer took; the rest goes again at once. */
static void syn_text_acknowledged(struct rs_host *h, struct tcb *t, uint32_t ack)
{
    struct delivered d = { .any = false };

    flight_ack(&h->pool, &t->flight, t->iss, ack, ack, &d);
    chain_drop(&h->pool, &t->sendq, ack - t->iss - 1);
    t->snd_una = ack;
    t->syn_text = seq_gt(ack, t->iss + 1);
    t->push_seq = seq_max(t->push_seq, ack);
    t->snd_up = seq_max(t->snd_up, ack);
    flight_lose(&h->pool, &t->flight, ack, ack, t->snd_nxt);
}

/* The SYN of this end is acknowledged together with the peer's: fifth step of SYN-SENT. */
static enum rs_reason syn_acknowledged(struct rs_host *h, struct tcb *t, const struct tcp_seg *seg,
                                       const struct tcp_opts *o)
{
    tcb_disarm(t, RS_TIMER_RETRANSMIT);
    tcb_disarm(t, RS_TIMER_USER);
    t->syn_due = false;
    rtt_on_ack(h, t, o, seg->ack);
    syn_text_acknowledged(h, t, seg->ack);
    fastopen_learn(h, t, o);
    t->cookie_due = false;
    tcp_established(h, t, seg);
    t->ack_now = true;
    tcb_ready(h, t);
    /* Continues at the sixth step of the synchronized states, where the URG bit is checked. */
    struct tcp_seg rest = *seg;
    rest.seq++;
    segment_trim(t, &rest);
    take_urgent(h, t, &rest, seg->seq + seg->up);
    /* Only what lies in the window: no first step has trimmed this segment. */
    if (rest.text_len >= rcv_wnd(t)) {
        rest.flags &= (uint16_t)~TCP_FIN;
        rest.text_len = rcv_wnd(t);
    }
    return take_text_and_fin(h, t, &rest);
}

/* Section 3.10.7.3, SYN-SENT.  MUST-12: a refusal is told as RS_EREFUSED. */
static enum rs_reason arrives_syn_sent(struct rs_host *h, struct tcb *t, const struct datagram *ip,
                                       const struct tcp_seg *seg, const struct tcp_opts *o)
{
    const bool ack = (seg->flags & TCP_ACK) != 0;

    /* First, ACK: unacceptable unless ISS < SEG.ACK =< SND.NXT. */
    if (ack && (seq_le(seg->ack, t->iss) || seq_gt(seg->ack, t->snd_nxt) ||
                (BUG(SYN_ACK_OF_ALL) && seg->ack != t->snd_nxt))) {
        reset_reply(h, ip, seg);
        return RS_REASON_BAD_ACK;
    }
    /* Second, RST: only one that acknowledges our SYN counts (section 3.5.3). */
    if (seg->flags & TCP_RST) {
        if (!ack && !BUG(RST_ENDS_OPEN))
            return RS_REASON_RST_NOT_ACCEPTABLE;
        tcb_flush(h, t);
        tcb_closed(h, t, RS_EREFUSED);
        return RS_REASON_RESET;
    }
    /* Third, security: none.  Fourth, SYN. */
    if (!(seg->flags & TCP_SYN) && !BUG(SYN_SENT_WITHOUT_SYN))
        return RS_REASON_NOT_SYN;
    take_syn(h, t, seg, o);
    if (ack)
        return syn_acknowledged(h, t, seg, o);
    /* Simultaneous open (MUST-10): our SYN again, now with an ACK.  That this end opened actively
     * is remembered (MUST-11). */
    tcb_set_state(h, t, RS_SYN_RECEIVED);
    t->syn_due = true;
    tcb_ready(h, t);
    hold_text_and_fin(h, t, seg);
    return RS_REASON_ACCEPTED;
}

static enum rs_reason arrives(struct rs_host *h, struct tcb *t, const struct datagram *ip,
                              struct tcp_seg *seg, const struct tcp_opts *o)
{
    if (!t)
        return arrives_closed(h, ip, seg);
    switch (t->state) {
    case RS_LISTEN:
        return arrives_listen(h, t, ip, seg, o);
    case RS_SYN_SENT:
        return arrives_syn_sent(h, t, ip, seg, o);
    default:
        return arrives_synchronized(h, t, ip, seg, o);
    }
}

static struct tcb *find_for(struct rs_host *h, const struct datagram *ip, const struct tcp_seg *seg)
{
    const struct rs_endpoint local = { .addr = ip->dst, .port = seg->dst_port };
    const struct rs_endpoint remote = { .addr = ip->src, .port = seg->src_port };
    struct tcb *t = BUG(LISTEN_FIRST) ? tcb_find_listener(h, &local, &remote)
                                      : tcb_find(h, &local, &remote);

    if (t)
        return t;
    return BUG(LISTEN_FIRST) ? tcb_find(h, &local, &remote)
                             : tcb_find_listener(h, &local, &remote);
}

void tcp_input(struct rs_host *h, const struct datagram *ip)
{
    struct tcp_seg seg;
    struct tcp_opts o;

    if (tcp_parse(&seg, ip->payload, ip->len) != WIRE_OK) {
        judged(h, NULL, NULL, RS_REASON_TCP_BAD_HEADER);
        return;
    }
    /* MUST-3. */
    if (!BUG(CHECKSUM_IGNORED) && !h->csum_done &&
        !tcp_checksum_ok(&ip->src, &ip->dst, ip->payload, ip->len)) {
        judged(h, NULL, &seg, RS_REASON_TCP_BAD_CHECKSUM);
        return;
    }
    opts_read(&o, seg.opt, BUG(OPTION_ON_SYN_ONLY) && !(seg.flags & TCP_SYN) ? 0 : seg.opt_len);
    struct tcb *t = find_for(h, ip, &seg);
    /* Illegal option lengths are survived, not guessed at (MUST-7). */
    if (o.bad) {
        judged(h, t, &seg, RS_REASON_TCP_BAD_OPTION);
        return;
    }
    tcp_segment(h, t, ip, &seg, &o);
}

void tcp_segment(struct rs_host *h, struct tcb *t, const struct datagram *ip, struct tcp_seg *seg,
                 const struct tcp_opts *o)
{
    const struct tcp_seg as_sent = *seg;
    const enum rs_reason reason = arrives(h, t, ip, seg, o);

    judged(h, t && t->in_use ? t : NULL, &as_sent, reason);
}
