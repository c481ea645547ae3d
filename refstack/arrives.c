/* SEGMENT ARRIVES, RFC 9293 section 3.10.7, up to and including SYN-SENT.
 *
 *   tcp_input, tcp_segment -> arrives     form, checksum and options are right
 *       no TCB      arrives_closed        section 3.10.7.1
 *       LISTEN      arrives_listen        section 3.10.7.2
 *       SYN-SENT    arrives_syn_sent      section 3.10.7.3
 *       the others  arrives_synchronized  section 3.10.7.4 (synchronized.c) */
#include "refstack/host.h"

/* Section 3.10.7.1, CLOSED: everything but a RST is answered by one.  The RST tells the other end
 * that what it believes in does not exist: how a half-open connection is found (section 3.5.1) and
 * how a SYN is refused.  Never in answer to a RST (U-03), or two hosts without a connection would
 * exchange them for ever. */
static enum rs_reason arrives_closed(struct rs_host *h, const struct datagram *ip,
                                     const struct tcp_seg *seg)
{
    reset_reply(h, ip, seg);
    return RS_REASON_NO_CONNECTION;
}

/* The variables a SYN sets, in any state that takes one.  RCV.NXT = SEG.SEQ + 1, IRS = SEG.SEQ
 * (U-06, U-12). rcv_adv begins at what the SYN's own window field can have told, at most 65535: it
 * is not scaled. wl1 and wl2 take the SYN's numbers so that the next segment's window counts as
 * newer. */
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

/* All of the send sequence begins at one number; SND.UNA = ISS above all, which wolfIP 1494554 left
 * at its old value on the way from LISTEN.  Marks that compare by it (of RACK's rounds, ECN's edge)
 * begin there too, since zero is as likely ahead as behind. */
static void set_iss(struct tcb *t, uint32_t iss)
{
    t->iss = t->snd_una = t->snd_nxt = iss;
    t->snd_up = t->push_seq = iss + 1;
    t->fack = t->rack.round = t->ecn_edge = iss;
}

/* The TCB that a SYN for a LISTEN makes a connection of: its own, or one for rs_accept.  A plain
 * passive OPEN is itself the connection (section 3.10.1); a listener stays and counts its child in
 * the backlog until it is accepted or gone. */
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
 * connection that was not kept, as it stood in SYN-RECEIVED.  Sequence numbers, MSS and addresses
 * are all that the cookie and the ACK bring back; the ACK is then judged as any other in
 * SYN-RECEIVED, text and FIN included, so that the connection differs in nothing but its
 * options. */
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
    /* Silence, not a RST: the peer's first text comes again and may find room. */
    if (l->listener.queued >= h->cfg.backlog)
        return RS_REASON_BACKLOG_FULL;
    struct tcb *t = connection_for(h, l, &local, &remote);
    if (!t)
        return RS_REASON_NO_RESOURCES;
    syn.seq = seg->seq - 1;
    options_offer(h, t);
    take_syn(h, t, &syn, &none);
    set_iss(t, seg->ack - 1);
    /* The SYN,ACK was sent, if by nobody who remembers. */
    t->snd_nxt = seg->ack;
    t->rto = (uint32_t)t->cfg->rto_initial;
    tcb_set_state(h, t, RS_SYN_RECEIVED);
    return arrives_synchronized(h, t, ip, &ack, o);
}

/* Section 3.10.7.2, LISTEN.  RST first and ACK second, or an old duplicate of either would call up
 * a connection: gVisor (77dc0f5bc) and smoltcp (#1058) let a RST change a listener.  U-04 to
 * U-07. */
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
    /* RFC 4987 section 3: what SYNs take up is bounded.  Without cookies the SYN is dropped in
     * silence, so that an honest peer tries again; a RST would tell it that nobody listens. */
    if (l->stays && l->listener.backlog >= h->cfg.backlog) {
        if (l->cfg->syn_cookies && l->listener.queued < h->cfg.backlog)
            syncookie_answer(h, l, &local, &remote, seg, o);
        return RS_REASON_BACKLOG_FULL;
    }
    struct tcb *t = connection_for(h, l, &local, &remote);
    if (!t)
        return RS_REASON_NO_RESOURCES;
    /* What this end offers is the settings' of now, and take_syn then keeps what both offered. */
    options_offer(h, t);
    take_syn(h, t, seg, o);
    tcp_start(h, t);
    tcb_set_state(h, t, RS_SYN_RECEIVED);
    /* With a valid cookie the text is the user's before the handshake is over (RFC 7413 section
     * 4.2.2).  Otherwise it waits for ESTABLISHED, "queued for processing later" (U-06); but where
     * a new cookie goes out the client was told that its text was not taken and sends it again. */
    if (fastopen_accept(h, l, t, o))
        take_fast_text(h, t, seg);
    else if (!t->cookie_due)
        hold_text_and_fin(h, t, seg);
    return RS_REASON_ACCEPTED;
}

/* MAY-2: the new connection's numbers lie above all that the old one used.  RFC 9293 section 3.6.1:
 * the new ISS is "larger than the largest sequence number it used on the previous connection
 * incarnation".  The clock of ISNs sees to that unless more than 250,000 octets a second were sent;
 * then the number is raised here, by a part that stays secret.  A full backlog leaves neither
 * connection, which the client's next SYN mends. */
bool reopen_time_wait(struct rs_host *h, struct tcb *t, const struct datagram *ip,
                      const struct tcp_seg *seg, const struct tcp_opts *o)
{
    const uint32_t used = t->snd_nxt;
    struct tcb *l = tcb_find_listener(h, &t->local, &t->remote);

    /* Nobody listens: the SYN is then an unacceptable segment, answered by an ACK. */
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

/* "An initial send sequence number (ISS) is selected" (sections 3.10.1, 3.10.7.2), and the SYN or
 * SYN,ACK goes out as soon as the host is asked for output.  The RTO is the initial one, there
 * being no sample: 1 second (RFC 6298 section 2.1). */
void tcp_start(struct rs_host *h, struct tcb *t)
{
    set_iss(t, iss_choose(h, &t->local, &t->remote));
    t->rto = (uint32_t)t->cfg->rto_initial;
    t->retransmits = t->total_retransmits = 0;
    t->syn_due = true;
    tcb_ready(h, t);
}

/* The SYN is acknowledged, the connection stands: windows from now on are the peer's word. */
void tcp_established(struct rs_host *h, struct tcb *t, const struct tcp_seg *seg)
{
    static const rs_time after_lost_syn = 3 * RS_SEC;
    /* Before retransmits is reset: a lost SYN decides the first cwnd (cc_init) as well as the
     * RTO. */
    const bool syn_lost = t->retransmits > 0;

    t->snd_wl1 = seg->seq;
    t->snd_wl2 = seg->ack;
    cc_init(t);
    t->retransmits = 0;
    /* RFC 6298 section 5.7. */
    if (syn_lost && !t->rtt_valid && t->rto < after_lost_syn && !BUG(RTO_SYN_FORGOTTEN))
        t->rto = (uint32_t)after_lost_syn;
    tcb_set_state(h, t, RS_ESTABLISHED);
    tcb_event(h, t);
    fastopen_settled(h, t);
    tcb_offer(h, t);
    /* A CLOSE that waited for the handshake (section 3.10.4), before a FIN that did. */
    if (t->closing)
        tcb_set_state(h, t, RS_FIN_WAIT_1);
    /* Last, and in this order: a FIN that came with the SYN takes FIN-WAIT-1 to CLOSING where
     * ESTABLISHED would become CLOSE-WAIT. */
    take_held(h, t);
    tcb_ready(h, t);
}

/* SND.UNA moves past the SYN and what text of it the peer took; the rest goes again at once.  RFC
 * 7413 section 4.2: the server may take all of the SYN's text, a part, or none, and says which by
 * SEG.ACK (U-13). */
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

/* The SYN of this end is acknowledged together with the peer's: fifth step of SYN-SENT.
 * ESTABLISHED, and an ACK is owed even if the segment holds nothing else (U-11): the passive end
 * waits for it. */
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

/* Section 3.10.7.3, SYN-SENT.  MUST-12: a refusal is told as RS_EREFUSED.  An acceptable ACK is one
 * of this SYN: it proves that the other end heard it, and is what makes a RST count (U-08 to U-10,
 * U-44).  Anything else may be left over from a former connection; its sender gets a RST for its
 * ACK and gives up, while this SYN goes on (Figure 8). */
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
        /* A RST without an ACK proves nothing: anyone who knows the ports could send it. */
        if (!ack && !BUG(RST_ENDS_OPEN))
            return RS_REASON_RST_NOT_ACCEPTABLE;
        tcb_flush(h, t);
        tcb_closed(h, t, RS_EREFUSED);
        return RS_REASON_RESET;
    }
    /* Third, security: none.  Fourth, SYN.  Without SYN or RST the segment is dropped (U-14). */
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

/* The states before a window exists are told apart here; all the others walk through the same eight
 * steps. */
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

/* The connection first: its own segments must not reach the listener it came from, which would
 * refuse them by RST. */
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

/* A segment whose form or sum is wrong has no effect and gets no answer: it is not what its sender
 * sent, and its ports may be another's. */
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

/* The observer sees the segment as it was on the wire: the steps trim their copy.  The TCB may be
 * gone by then, or another connection's. */
void tcp_segment(struct rs_host *h, struct tcb *t, const struct datagram *ip, struct tcp_seg *seg,
                 const struct tcp_opts *o)
{
    const struct tcp_seg as_sent = *seg;
    const enum rs_reason reason = arrives(h, t, ip, seg, o);

    judged(h, t && t->in_use ? t : NULL, &as_sent, reason);
}
