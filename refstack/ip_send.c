/* Datagrams that may be larger than the link takes: sent in pieces (RFC 791 section 3.2, RFC 8200
 * section 4.5).  TCP has no need of it; an echo reply is as long as its request (RFC 1122 section
 * 3.2.2.6). */
#include "refstack/host.h"
#include "refstack/siphash.h"

/* Unique as far as it has to be (RFC 6864 section 4.2), and no count that tells a third party how
 * much this host sends (RFC 7739 section 5.2). */
static uint32_t identification(struct rs_host *h)
{
    const uint64_t n = BUG(FRAGMENT_ID_FIXED) ? 0 : ++h->fragmented;
    return (uint32_t)siphash(h->key, &n, sizeof n);
}

/* The headers of the piece of len octets at off.  IPv4 counts offsets in units of eight octets,
 * IPv6 in octets whose low three bits are flags. */
static size_t piece_header(const struct ip_out *o, uint32_t id, size_t off, bool more, size_t len,
                           uint8_t *buf, size_t cap)
{
    if (o->dst->version == 4) {
        const struct ip4_hdr ip = {
            .ihl = 5,
            .tos = o->tos,
            .total_len = (uint16_t)(IP4_HEADER + len),
            .id = (uint16_t)id,
            .frag = (uint16_t)(off / 8 | (more ? IP4_MF : 0)),
            .ttl = o->ttl,
            .proto = o->proto,
            .src = *o->src,
            .dst = *o->dst,
        };
        return ip4_emit_sum(&ip, buf, cap);
    }
    const struct ip6_hdr ip = {
        .tclass = o->tos,
        .payload_len = (uint16_t)(IP6_FRAG_HEADER + len),
        .next = IP6_FRAGMENT,
        .hops = o->ttl,
        .src = *o->src,
        .dst = *o->dst,
    };
    const struct ip6_frag frag = {
        .next = o->proto, .off = (uint16_t)(off | (more ? IP6_MORE : 0)), .id = id
    };
    const size_t n = ip6_emit(&ip, buf, cap);
    return n + ip6_frag_emit(&frag, buf + n, cap - n);
}

/* All pieces or none: there is nothing to be had from some. */
static void send_pieces(struct rs_host *h, const struct ip_out *o, const uint8_t *head,
                        size_t head_len, const uint8_t *body, size_t body_len)
{
    const size_t before = ip_header_len(o->dst) + (o->dst->version == 6 ? IP6_FRAG_HEADER : 0);
    /* All pieces but the last are multiples of eight octets. */
    const size_t step = (ip_mtu(h, o->src) - before) & ~(size_t)7;
    const size_t total = head_len + body_len;
    const uint32_t id = identification(h);
    uint8_t buf[IP6_HEADER + IP6_FRAG_HEADER + ICMP_HEADER];

    if (h->outq.n + (total + step - 1) / step > OUTQ_STRANGERS)
        return;
    for (size_t off = 0; off < total; off += step) {
        const size_t len = total - off < step ? total - off : step;
        const size_t own = off == 0 ? head_len : 0; /* octets of the head in this piece */
        size_t n = piece_header(o, id, off, off + len < total, len, buf, sizeof buf);
        for (size_t i = 0; i < own; i++)
            buf[n++] = head[i];
        ip_queue(h, o->src, o->dst, buf, n, off == 0 ? body : body + off - head_len, len - own);
    }
}

/* Head and body are apart because the body is the request's own octets, of up to 64 KiB. */
void ip_send(struct rs_host *h, const struct ip_out *o, const uint8_t head[ICMP_HEADER],
             const uint8_t *body, size_t body_len)
{
    uint8_t buf[IP6_HEADER + ICMP_HEADER];
    const size_t total = ICMP_HEADER + body_len;

    if (ip_header_len(o->dst) + total > ip_mtu(h, o->src)) {
        send_pieces(h, o, head, ICMP_HEADER, body, body_len);
        return;
    }
    size_t n = ip_emit_header(h, o->src, o->dst, o->proto, o->tos, o->ttl, total, buf, sizeof buf);
    for (size_t i = 0; i < ICMP_HEADER; i++)
        buf[n++] = head[i];
    ip_queue(h, o->src, o->dst, buf, n, body, body_len);
}
