/* Segments that stand outside any connection: resets above all (RFC 9293 section 3.5.2). */
#include "refstack/host.h"

/* Made at once and as a datagram, since there is no TCB that could make it later.  Diffserv and TTL
 * are the host's. */
void segment_queue(struct rs_host *h, unsigned most, const struct rs_endpoint *local,
                   const struct rs_endpoint *remote, const struct tcp_seg *seg)
{
    uint8_t buf[40 + TCP_HEADER + TCP_OPT_MAX]; /* with the larger IP header */
    const size_t len = TCP_HEADER + seg->opt_len;
    const size_t ip = ip_emit_header(h, &local->addr, &remote->addr, IP_PROTO_TCP, h->cfg.tcp.tos,
                                     h->cfg.tcp.ttl, len, buf, sizeof buf);
    const size_t tcp = tcp_emit_sum(seg, &local->addr, &remote->addr, buf + ip, sizeof buf - ip);
    outq_put(h, most, ip_link(h, &local->addr), &remote->addr, buf, ip + tcp, buf, 0);
}

/* RFC 9293 section 3.5.2 group 1: what is answered to a segment that belongs to no connection.
 * <SEQ=SEG.ACK><CTL=RST> to a segment with an ACK (U-02), <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>
 * to one without (U-01): the number is the one that the other end finds acceptable, whatever state
 * it is in. lwIP (#34111) sent 0 to the ACK of a half-open peer, which had to ignore it.  SEG.LEN
 * counts SYN and FIN, or a SYN-SENT end would not find its SYN acknowledged. */
void reset_reply(struct rs_host *h, const struct datagram *ip, const struct tcp_seg *seg)
{
    const struct rs_endpoint local = { .addr = ip->dst, .port = seg->dst_port };
    const struct rs_endpoint remote = { .addr = ip->src, .port = seg->src_port };
    struct tcp_seg rst = { .src_port = local.port, .dst_port = remote.port, .flags = TCP_RST };

    /* No RST in answer to a RST (U-03). */
    if ((seg->flags & TCP_RST) && !BUG(RST_ANSWERED))
        return;
    if (seg->flags & TCP_ACK) {
        rst.seq = BUG(RST_FOR_ACK_FROM_ZERO) ? 0 : seg->ack;
    } else {
        rst.ack = seg->seq + (BUG(RST_ACK_SHORT) ? seg->text_len : tcp_seg_len(seg));
        rst.flags |= TCP_ACK;
    }
    segment_queue(h, OUTQ_STRANGERS, &local, &remote, &rst);
}

/* By a place kept for connections (host.h): the TCB is gone when it is sent.  SEG.SEQ is SND.NXT
 * (U-52).  With text lost on the way the peer is not there yet and answers by a challenge (RFC 5961
 * section 3.2); that finds no connection here, and the RST it gets has the number it asked for. */
void reset_send(struct rs_host *h, struct tcb *t, uint32_t seq, bool with_ack)
{
    struct tcp_seg rst = {
        .src_port = t->local.port, .dst_port = t->remote.port, .flags = TCP_RST, .seq = seq
    };

    if (with_ack) {
        rst.flags |= TCP_ACK;
        rst.ack = rcv_nxt(t);
    }
    segment_queue(h, OUTQ_ENTRIES, &t->local, &t->remote, &rst);
}
