/* How what a connection sends looks on the wire, and what follows from having sent it.
 *
 *   virtio-net | Ethernet | IP | TCP | options | text
 *   |- link_header_len ---| ip |---- head -----| p->len, or named by pieces (rs_output_gather)
 *
 *   virtio-net | Ethernet | IP | TCP | options | text
 *   |- link_header_len ---| ip |---- head -----| p->len, or named by pieces (rs_output_gather) */
#include <string.h>

#include "refstack/plan.h"

/* Receiver silly-window avoidance, RFC 9293 section 3.8.6.2.2 (MUST-39): the right edge moves only
 * by a step worth sending into, and never back (SHLD-14, MAY-8) but for the rounding of the scale
 * (RFC 7323 2.4).  Text not yet read takes room, and nothing else: octets beyond a hole lie inside
 * the window that was offered.  Once the user has let go, or shut its side, what comes is not kept
 * and the window stays open, so that the peer gets to its FIN. */
static uint32_t right_edge(const struct tcb *t)
{
    const uint32_t used = t->deaf || t->released ? 0 : recvq_readable(&t->recvq);
    const uint32_t free = used < t->cfg->rcv_buf ? t->cfg->rcv_buf - used : 0;
    /* No further than the field can say: more would be news that never gets across. */
    const uint32_t edge = rcv_nxt(t) + min_u32(free, 65535u << t->rcv_wscale);
    /* "min(Fr * RCV.BUFF, Eff.snd.MSS)" with Fr = 1/2: without it a slow reader is sent its octets
     * one by one (gVisor, #1522). */
    const uint32_t step = min_u32(t->cfg->rcv_buf / 2, t->rmss);

    if (BUG(WINDOW_SHRINKS) || (BUG(RECEIVER_SILLY_WINDOW) && seq_gt(edge, t->rcv_adv)))
        return edge;
    return seq_ge(edge, t->rcv_adv + (step ? step : 1)) ? edge : t->rcv_adv;
}

/* The window in a SYN or SYN,ACK is not scaled (RFC 7323 section 2.2).  The others' field is
 * rounded down by the shift, and rcv_adv remembers what the peer will read out of it: text up to
 * there must be taken, whatever happens to the buffer (RFC 7323 section 2.4). */
uint16_t rcv_window_field(struct tcb *t, bool syn)
{
    if (syn && t->state == RS_SYN_SENT)
        return (uint16_t)min_u32(t->cfg->rcv_buf, 65535);
    const unsigned scale = syn && !BUG(SYN_WINDOW_SCALED) ? 0 : t->rcv_wscale;
    const uint32_t wnd = right_edge(t) - rcv_nxt(t);
    const uint32_t field = min_u32(wnd >> scale, 65535);
    const uint32_t told = rcv_nxt(t) + (field << scale);
    t->rcv_adv = BUG(WINDOW_ROUNDED) ? told : seq_max(t->rcv_adv, told);
    return (uint16_t)field;
}

/* After RECEIVE, an ACK of its own tells of room only when the sender may be waiting for it, or
 * half of the buffer has become free; else the next ACK will. */
void window_update(struct rs_host *h, struct tcb *t)
{
    const uint32_t grows = right_edge(t) - t->rcv_adv;
    const bool starving = rcv_wnd(t) < t->cfg->rcv_buf / 4 || rcv_wnd(t) < t->rmss;

    if (grows == 0 || t->state < RS_ESTABLISHED || t->fin_taken)
        return;
    if (starving || grows >= t->cfg->rcv_buf / 2) {
        t->ack_now = true;
        tcb_ready(h, t);
    }
}

/* What follows from having sent it.  SND.NXT, timers and the list of what is in flight move
 * together, here only.  A segment counts as sent from now on even if the link loses it;
 * retransmission mends that. */
static void sent(struct rs_host *h, struct tcb *t, const struct plan *p)
{
    const uint32_t numbers = p->len + ((p->flags & (TCP_SYN | TCP_FIN)) ? 1u : 0u);

    /* Whatever carries an ACK pays what was owed, but for those beyond a hole, which the peer
     * counts. */
    if (p->flags & TCP_ACK) {
        t->last_ack_sent = rcv_nxt(t);
        t->ack_now = false;
        t->dsack_due = t->dsack_due && BUG(DSACK_REPEATED);
        tcb_disarm(t, RS_TIMER_DELAYED_ACK);
    }
    /* A pure ACK is never retransmitted and starts no timer. */
    if (numbers == 0)
        return;
    t->last_sent = h->now;
    t->override_due = t->rtx_free = false;
    if (seq_gt(p->seq + numbers, t->snd_nxt)) {
        /* RFC 3168 section 6.1.2: CWR goes once, on the first new text after the cut. */
        t->cwr_due = t->cwr_due && p->len == 0;
        rtt_on_send(h, t, p->seq, numbers);
        t->snd_nxt = p->seq + numbers;
        tcb_disarm(t, RS_TIMER_PROBE); /* for the new tail, RFC 8985 section 7.2 */
        /* A SYN without text is sent again by syn_due, not by the list. */
        if (!(p->flags & TCP_SYN) || p->len > 0)
            flight_add(&h->pool, &t->flight, t->snd_nxt, h->now);
    } else {
        t->total_retransmits++;
        /* Karn, RFC 6298 section 3: the ACK may be of either transmission. */
        t->rtt_timing = t->rtt_timing && BUG(KARN_IGNORED);
        pmtu_resent(h, t, p->seq, p->seq + numbers);
        flight_resent(&h->pool, &t->flight, t->snd_una, p->seq, p->seq + numbers, h->now);
    }
    if (p->flags & TCP_FIN) {
        t->fin_sent = true;
        /* "Send a FIN segment, enter LAST-ACK state" (U-51), in that order. */
        if (t->state == RS_CLOSE_WAIT)
            tcb_set_state(h, t, RS_LAST_ACK);
    }
    tcb_retime(h, t);
}

/* Where in the queue the text of a segment stands.  The SYN takes a number and is no octet of the
 * queue: sendq_seq knows. */
static uint32_t text_at(const struct tcb *t, uint32_t seq, uint32_t len)
{
    const uint32_t at = seq - sendq_seq(t);
    const bool late = BUG(RETRANSMIT_WRONG_OCTETS) && seq != t->snd_nxt && at + len < t->sendq.len;
    return late ? at + 1 : at;
}

/* Control bits and pointers that depend on what the segment carries (MUST-30).  PSH on what empties
 * the queue: a receiver may hold back what is not pushed, so that without it the last segment could
 * wait for ever.  Not on a SYN, whose only flags are those that negotiate. */
static void add_flags(const struct tcb *t, const struct plan *p, bool new_text, struct tcp_seg *seg)
{
    if (p->flags & TCP_SYN)
        return;
    if (p->len && (p->seq + p->len == sendq_end(t) || BUG(PUSH_EVERYWHERE)) && !BUG(PUSH_MISSING))
        seg->flags |= TCP_PSH; /* MUST-61; one for all that was pushed (SHLD-27) */
    if (t->ecn_echo)
        seg->flags |= TCP_ECE;
    if (t->cwr_due && (new_text || BUG(CWR_ON_RETRANSMISSION)) && !BUG(CWR_NEVER))
        seg->flags |= TCP_CWR;
    /* On every segment up to there, retransmitted ones too: the first that arrives tells the peer.
     * A distance that the field does not hold is told as the largest, and brought nearer by the
     * next. */
    if (seq_gt(t->snd_up, t->snd_una) && seq_gt(t->snd_up, p->seq)) {
        seg->flags |= TCP_URG;
        /* MUST-62, RFC 6093 section 4: the octet after the urgent ones. */
        seg->up = (uint16_t)min_u32(t->snd_up - p->seq - BUG(URGENT_OFF_BY_ONE), 65535);
    }
}

/* What the link is to do with text: checksum it, and cut it up when it is more than one segment.  A
 * probe of the path's MTU goes whole, however large: cut up it would prove nothing.  With
 * VNET_GSO_ECN the link keeps CWR to the first piece. */
static void ask_link(struct rs_host *h, struct tcb *t, const struct plan *p, size_t start,
                     size_t head, uint8_t *buf)
{
    const uint32_t mss = eff_snd_mss(h, t);
    const uint8_t type = t->remote.addr.version == 4 ? VNET_GSO_TCP4 : VNET_GSO_TCP6;
    struct vnet_hdr v = {
        .flags = VNET_NEEDS_CSUM,
        .hdr_len = (uint16_t)(start + head),
        .csum_start = (uint16_t)start,
        .csum_offset = 16,
    };

    if (p->len > mss && !p->probe) {
        v.gso_type = t->ecn_on ? type | VNET_GSO_ECN : type;
        v.gso_size = (uint16_t)mss;
    }
    vnet_emit(&v, buf, VNET_HEADER);
}

/* Puts text behind the header, adding to the checksum; or, with the link's help, says where it is.
 * RFC 2525 section 2.4: it is the queue's octets, each time.  The checksum is taken while they are
 * copied, since they are in the cache just then. */
static void put_text(struct rs_host *h, struct tcb *t, uint32_t seq, uint32_t len, bool helped,
                     uint8_t *to, uint32_t *sum)
{
    const uint32_t at = text_at(t, seq, len);
    const uint32_t before = *sum;

    if (BUG(KEEPALIVE_TEXT) && seq_lt(seq, t->snd_una)) {
        to[0] = 0; /* which adds nothing to the sum */
    } else if (helped && len <= most_gathered(h)) {
        uint32_t n = len;
        h->gathered = chain_pieces(&h->pool, &t->sendq, at, &n, h->gather, RS_PIECES);
    } else {
        chain_get(&h->pool, &t->sendq, at, to, len, helped ? NULL : sum);
    }
    if (BUG(PROBE_STALE_OCTET) && len == 1 && t->snd_wnd == 0 && !helped) {
        to[0] = ((const uint8_t *)pool_page(&h->pool, t->sendq.tail))[h->pool.octets - 1];
        *sum = csum_add(before, to, 1);
    }
}

/* The segment as octets; 0 when the buffer or the link does not take it.  The window field is
 * worked out here, where the segment certainly goes: the edge it tells of is one that binds. */
static size_t build(struct rs_host *h, struct tcb *t, const struct plan *p, uint8_t *buf,
                    size_t cap)
{
    uint8_t opt[TCP_OPT_MAX];
    struct tcp_seg seg = {
        .src_port = t->local.port,
        .dst_port = t->remote.port,
        .seq = p->seq,
        .flags = p->flags,
        .opt = opt,
        .opt_len = (uint8_t)options_emit(h, t, p->flags, opt),
    };
    const uint32_t text_seq = p->seq + ((p->flags & TCP_SYN) ? 1u : 0u);
    const bool new_text = p->len > 0 && p->seq == t->snd_nxt && !(p->flags & TCP_SYN);
    const uint8_t set = BUG(DIFFSERV_OF_HOST) ? h->cfg.tcp.tos : t->cfg->tos;
    const uint8_t kept = BUG(DIFFSERV_IGNORED) ? 0 : BUG(DIFFSERV_PRECEDENCE) ? 0xe0 : 0xfc;
    const uint8_t tos = (uint8_t)((set & kept) | ecn_mark(t, new_text));
    const bool helped = h->cfg.offload && p->len > 0 && !ip_is_local(h, &t->remote.addr);
    const size_t link = link_header_len(h, ip_link(h, &t->local.addr));
    const size_t head = TCP_HEADER + seg.opt_len;
    if (cap < link)
        return 0;
    /* MUST-45: the address of the OPEN; MUST-48, MUST-49, SHLD-22: Diffserv and TTL as they are
     * set. */
    const size_t ip = ip_emit_header(h, &t->local.addr, &t->remote.addr, IP_PROTO_TCP, tos,
                                     BUG(TTL_FIXED) ? 64 : t->cfg->ttl, head + p->len,
                                     buf + link, cap - link);
    /* The octets that are gathered go from the pages of the queue to the device; buf holds headers
     * only. */
    /* Octets of it that go into buf. */
    const size_t text = helped && p->len <= most_gathered(h) ? 0 : p->len;
    if (!ip || cap < link + ip + head + text)
        return 0;
    seg.doff = (uint8_t)(head / 4);
    if (p->flags & TCP_ACK)
        seg.ack = rcv_nxt(t);
    /* Last of what can fail, since it binds. */
    seg.wnd = rcv_window_field(t, (p->flags & TCP_SYN) != 0);
    add_flags(t, p, new_text, &seg);
    uint8_t *tcp = buf + link + ip;
    uint32_t sum = csum_pseudo(&t->local.addr, &t->remote.addr, IP_PROTO_TCP,
                               (uint32_t)head + p->len);
    memset(buf, 0, h->cfg.offload ? VNET_HEADER : 0);
    if (helped)
        ask_link(h, t, p, link - VNET_HEADER + ip, head, buf);
    if (p->len)
        put_text(h, t, text_seq, p->len, helped, tcp + head, &sum);
    tcp_emit(&seg, tcp, head);
    /* MUST-2.  The link adds the rest to the pseudo-header's sum. */
    const size_t summed = BUG(CHECKSUM_WITHOUT_OPTIONS) ? TCP_HEADER : head;
    tcp_put_csum(tcp, helped ? (uint16_t)~csum_fold(sum) : csum_fold(csum_add(sum, tcp, summed)));
    return ip + head + text;
}

/* One segment a call, the most urgent that the connection has: a SYN, what was lost, a probe, new
 * text, and an ACK alone only when nothing else carries it.  When there is none the connection
 * leaves the list of the ready, and its timers are set to what it waits for now. */
size_t tcp_output(struct rs_host *h, struct tcb *t, uint8_t *buf, size_t cap)
{
    struct plan p;

    if (plan_next(h, t, &p)) {
        const size_t n = build(h, t, &p, buf, cap);
        const struct rs_addr to = t->remote.addr;
        const unsigned link = ip_link(h, &t->local.addr);
        /* Even if it was not made: a device that takes no such frame is a path that loses it.
         * Trying again at once would never end. */
        sent(h, t, &p);
        return n ? link_finish(h, link, &to, buf, n) : 0;
    }
    tcb_unready(h, t);
    tcb_retime(h, t);
    return 0;
}

/* RFC 5961 section 7: so many a second and connection; no counter is shared between connections, so
 * none can be read by a third party (CVE-2016-5696).  A limit of 0 is none.  Where the limit is met
 * nothing is owed: the peer, if it is one, sends again. */
void challenge_ack(struct rs_host *h, struct tcb *t)
{
    if (BUG(CHALLENGE_GLOBAL)) /* the counter of whichever connection comes first serves all */
        t->challenges = h->tcb[0].challenges;
    if (t->cfg->challenge_acks && !BUG(ACK_OF_ACK)) {
        if (t->challenges == 0 || h->now - t->challenge_second >= RS_SEC) {
            t->challenge_second = h->now;
            t->challenges = 0;
        }
        if (t->challenges >= t->cfg->challenge_acks)
            return;
        t->challenges++;
    }
    t->ack_now = true;
    tcb_ready(h, t);
}
