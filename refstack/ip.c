/* IP of either version: what is for us, and headers for what we send (RFC 1122 section 3,
 * RFC 8200). */
#include "refstack/host.h"

/* By the version that the datagram names, not by the frame's type: a bare link has none. */
void ip_input(struct rs_host *h, const uint8_t *p, size_t len, enum ip_from from)
{
    if (len > 0 && p[0] >> 4 == 6)
        ip6_input(h, p, len, from);
    else
        ip4_input(h, p, len, from);
}

/* MUST-63: nothing is answered to an address that cannot be one host's; MUST-57: nor to what was
 * sent to many.  Our own addresses and loopback never arrive from outside (RFC 1122 section
 * 3.2.1.3, RFC 4291 section 2.5.3).  A sender without an address may be asking for one that it
 * wants (RFC 4862): its protocol judges it. */
enum rs_reason ip_judge_addresses(const struct rs_host *h, const struct rs_addr *src,
                                  const struct rs_addr *dst, enum ip_from from)
{
    const bool nobody = src->version == 6 && ip_is_unspecified(src);

    if (from == IP_FROM_SELF)
        return RS_REASON_ACCEPTED;
    if (ip_is_loopback(dst) || !(ip_is_here(h, dst) || ip_is_joined(h, dst)))
        return RS_REASON_IP_NOT_OURS;
    if (!nobody && (!ip_is_unicast(h, src) || (ip_is_local(h, src) && !BUG(OWN_SOURCE))))
        return RS_REASON_IP_BAD_ADDRESS;
    return RS_REASON_ACCEPTED;
}

/* This host sends neither options nor extension headers but its own of fragments and groups. */
size_t ip_header_len(const struct rs_addr *dst)
{
    return dst->version == 4 ? IP4_HEADER : IP6_HEADER;
}

/* These are never fragmented (ip_send.c has those that are), so the identification says nothing
 * (RFC 6864 section 4.1), and being constant it tells nobody how much this host sends.  The flow
 * label is zero: RFC 8200 section 6 has that for flows that ask for nothing. */
size_t ip_emit_header(const struct rs_host *h, const struct rs_addr *src, const struct rs_addr *dst,
                      uint8_t proto, uint8_t tos, uint8_t ttl, size_t len, uint8_t *buf,
                      size_t cap)
{
    /* With its help the link cuts what is larger. */
    const size_t most = h->cfg.offload ? UINT16_MAX : ip_mtu(h, src);
    struct rs_addr from = *src;
    if (ip_header_len(dst) + len > most)
        return 0;
    if (BUG(SOURCE_PER_SEGMENT))
        ip_source_for(h, dst, &from);
    if (dst->version == 4) {
        struct ip4_hdr ip; /* its room for options is not touched, there being none */
        ip.ihl = 5;
        ip.tos = tos;
        ip.total_len = (uint16_t)(IP4_HEADER + len);
        ip.id = 0;
        ip.frag = IP4_DF;
        ip.ttl = ttl;
        ip.proto = proto;
        ip.csum = 0;
        ip.src = from;
        ip.dst = *dst;
        return ip4_emit_sum(&ip, buf, cap);
    }
    const struct ip6_hdr ip = {
        .tclass = tos,
        .payload_len = (uint16_t)len,
        .next = proto,
        .hops = ttl,
        .src = from,
        .dst = *dst,
    };
    return ip6_emit(&ip, buf, cap);
}

void ip_queue(struct rs_host *h, const struct rs_addr *src, const struct rs_addr *dst,
              const uint8_t *head, size_t head_len, const uint8_t *body, size_t body_len)
{
    outq_put(h, OUTQ_STRANGERS, ip_link(h, src), dst, head, head_len, body, body_len);
}
