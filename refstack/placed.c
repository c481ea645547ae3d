/* Text read from the device straight to where it belongs.
 *
 * The octets of a bulk transfer can be in the receive queue without ever having been elsewhere: the
 * host names the room behind the connection's last octet, the caller reads a frame's header into a
 * buffer and the rest into that room, and the host checks that the guess was right.  When it was
 * not, the caller puts the frame together and hands it to rs_input as always. */
#include <string.h>

#include "refstack/host.h"

enum { ROOM_MAX = UINT16_MAX - IP4_HEADER - TCP_HEADER, ROOM_MIN = 1 << 13 };

/* What a bulk transfer in good order looks like from here.  Anything else takes the long way, which
 * knows all cases; this one only has to be right. */
static bool in_good_order(const struct tcb *t)
{
    return t && t->in_use && t->state == RS_ESTABLISHED && t->recvq.blocks == PAGE_NONE &&
           !t->deaf && !t->released && !t->fin_known;
}

/* The room is behind what the user has not read yet, as much as the window lets the peer send.
 * Pages taken for it stay in the chain until text fills them or the queue is read out. */
unsigned rs_input_room(struct rs_host *h, size_t *head, struct rs_room room[RS_PIECES])
{
    struct tcb *t = tcb_at(h, h->bulk);
    struct rs_piece piece[RS_PIECES];

    /* An observer is to see the text, which would not be where it looks; and a small room is not
     * worth the second call. */
    if (!h->cfg.offload || h->observer || !in_good_order(t) || rcv_wnd(t) < ROOM_MIN)
        return 0;
    const uint32_t at = recvq_readable(&t->recvq);
    const uint32_t want = rcv_wnd(t) < ROOM_MAX ? rcv_wnd(t) : ROOM_MAX;
    /* Less than all of it would cut a frame in two: none, then. */
    uint32_t got = chain_grow(&h->pool, &t->recvq.chain, at + want);
    if (got < at + want)
        return 0;
    got = want;
    const unsigned n = chain_pieces(&h->pool, &t->recvq.chain, at, &got, piece, RS_PIECES);
    for (unsigned i = 0; i < n; i++)
        room[i] = (struct rs_room){ (uint8_t *)(uintptr_t)piece[i].octets, piece[i].len };
    *head = h->bulk_head;
    return n;
}

/* The header's parts; false unless they fill `head` exactly, with text_len octets to follow.  Where
 * the link does not vouch for the checksum the frame is not for this path: the text is not at hand
 * to be summed.  Options of IPv4, extension headers and fragments take the long way. */
static bool parse_head(const struct rs_host *h, const uint8_t *head, size_t head_len,
                       size_t text_len, struct datagram *d, struct tcp_seg *seg)
{
    struct vnet_hdr vnet;
    struct eth_hdr eth;
    struct ip4_hdr ip4;
    struct ip6_hdr ip6;
    const size_t link = VNET_HEADER + ETH_HEADER;
    const uint8_t *ip = head + link;

    if (head_len < link + IP4_HEADER + TCP_HEADER || vnet_parse(&vnet, head, head_len) != WIRE_OK ||
        !(vnet.flags & (VNET_NEEDS_CSUM | VNET_DATA_VALID)) ||
        eth_parse(&eth, head + VNET_HEADER, head_len - VNET_HEADER) != WIRE_OK ||
        memcmp(eth.dst, h->cfg.mac, 6) != 0)
        return false;
    /* The parsers look at headers only, so that the text may be counted though it is elsewhere. */
    if (eth.type == ETH_TYPE_IP4) {
        if (ip4_parse(&ip4, ip, head_len - link + text_len) != WIRE_OK || ip4.ihl != 5 ||
            !ip4_checksum_ok(ip, IP4_HEADER) || (ip4.frag & (IP4_MF | IP4_OFFSET)))
            return false;
        *d = (struct datagram){ .src = ip4.src, .dst = ip4.dst, .tos = ip4.tos, .ttl = ip4.ttl,
                                .proto = ip4.proto, .payload = ip4.payload,
                                .len = ip4.payload_len };
    } else {
        if (eth.type != ETH_TYPE_IP6 || head_len < link + IP6_HEADER + TCP_HEADER ||
            ip6_parse(&ip6, ip, head_len - link + text_len) != WIRE_OK)
            return false;
        *d = (struct datagram){ .src = ip6.src, .dst = ip6.dst, .tos = ip6.tclass,
                                .ttl = ip6.hops, .proto = ip6.next, .payload = ip6.payload,
                                .len = ip6.payload_len };
    }
    const size_t tcp = (size_t)(d->payload - head);
    return d->proto == IP_PROTO_TCP && tcp + d->len == head_len + text_len &&
           tcp_parse(seg, d->payload, d->len) == WIRE_OK && tcp + seg->doff * 4u == head_len;
}

/* Nothing of the host is changed before all is known to fit, since the same frame then comes again
 * by rs_input.  The segment must be the next in order, whole, within the window, and carry nothing
 * but ACK and PSH; the ACK itself is judged as any other's. */
bool rs_input_placed(struct rs_host *h, const uint8_t *head, size_t head_len, size_t text_len,
                     rs_time now)
{
    struct tcb *t = tcb_at(h, h->bulk);
    struct datagram d;
    struct tcp_seg seg;
    struct tcp_opts o;

    /* Time alone goes on: that is no change that rs_input would not make. */
    h->now = now;
    if (!in_good_order(t) || !parse_head(h, head, head_len, text_len, &d, &seg))
        return false;
    const struct rs_endpoint local = { .addr = d.dst, .port = seg.dst_port };
    const struct rs_endpoint remote = { .addr = d.src, .port = seg.src_port };
    opts_read(&o, seg.opt, seg.opt_len);
    /* Whatever does not hold, the caller puts the frame together and it is judged as any other. */
    if (o.bad || tcb_find(h, &local, &remote) != t || seg.seq != rcv_nxt(t) || text_len == 0 ||
        text_len > rcv_wnd(t) || (seg.flags & ~(unsigned)TCP_PSH) != TCP_ACK)
        return false;
    seg.text = NULL; /* it lies where it belongs */
    tcp_segment(h, t, &d, &seg, &o);
    return true;
}
