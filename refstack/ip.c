/* IPv4: what is for us, and headers for what we send (RFC 791, RFC 1122 section 3). */
#include <string.h>

#include "refstack/host.h"

/* Not unspecified, loopback, multicast, class E, nor a broadcast of this network. */
bool ip_is_unicast(const struct rs_host *h, const struct rs_addr *a)
{
    static const uint8_t zeros[4] = { 0 };
    const unsigned bits = h->cfg.prefix_len;
    uint8_t host_ones[4];
    uint8_t net[4];

    if (a->version != 4 || a->octet[0] == 0 || a->octet[0] == 127 || a->octet[0] >= 224)
        return false;
    if (bits >= 31)
        return true;
    for (unsigned i = 0; i < 4; i++) {
        const unsigned net_bits = bits > 8 * i ? bits - 8 * i : 0;
        const uint8_t mask = (uint8_t)(net_bits >= 8 ? 0xff : 0xff << (8 - net_bits));
        net[i] = (uint8_t)((a->octet[i] ^ h->cfg.addr.octet[i]) & mask);
        host_ones[i] = (uint8_t)(a->octet[i] | mask);
    }
    const bool ours = memcmp(net, zeros, 4) == 0;
    static const uint8_t ones[4] = { 0xff, 0xff, 0xff, 0xff };
    return !(ours && memcmp(host_ones, ones, 4) == 0);
}

static enum rs_reason judge_header(const struct rs_host *h, struct ip4_hdr *ip, const uint8_t *p,
                                   size_t len)
{
    if (ip4_parse(ip, p, len) != WIRE_OK)
        return RS_REASON_IP_BAD_HEADER;
    if (!ip4_checksum_ok(p, ip->ihl * 4u))
        return RS_REASON_IP_BAD_CHECKSUM;
    if (!rs_addr_eq(&ip->dst, &h->cfg.addr))
        return RS_REASON_IP_NOT_OURS;
    /* MUST-63: nothing is answered to an address that cannot be one host's.  Our own address never
     * arrives from outside. */
    if (!ip_is_unicast(h, &ip->src) || rs_addr_eq(&ip->src, &h->cfg.addr))
        return RS_REASON_IP_BAD_ADDRESS;
    if (ip->frag & (IP4_MF | IP4_OFFSET))
        return RS_REASON_IP_FRAGMENT;
    return RS_REASON_ACCEPTED;
}

void ip_input(struct rs_host *h, const uint8_t *p, size_t len)
{
    struct ip4_hdr ip;
    const enum rs_reason reason = judge_header(h, &ip, p, len);

    if (reason != RS_REASON_ACCEPTED) {
        judged(h, NULL, NULL, reason);
        return;
    }
    const struct datagram d = {
        .src = ip.src,
        .dst = ip.dst,
        .tos = ip.tos,
        .proto = ip.proto,
        .payload = ip.payload,
        .len = ip.payload_len,
    };
    if (ip.proto == IP_PROTO_TCP) {
        tcp_input(h, &d);
    } else if (ip.proto == IP_PROTO_ICMP) {
        icmp_input(h, &d);
    } else {
        judged(h, NULL, NULL, RS_REASON_IP_PROTOCOL);
        icmp_unreachable(h, &ip, p, len,
                         ip.proto == IP_PROTO_UDP ? ICMP_PORT_UNREACHABLE : ICMP_PROTO_UNREACHABLE);
    }
}

size_t ip_header_len(const struct rs_addr *dst)
{
    return dst->version == 4 ? IP4_HEADER : 0;
}

/* Datagrams are never fragmented, so the identification says nothing (RFC 6864 section 4.1), and
 * being constant it tells nobody how much this host sends. */
size_t ip_emit_header(const struct rs_host *h, const struct rs_addr *src, const struct rs_addr *dst,
                      uint8_t proto, uint8_t tos, uint8_t ttl, size_t len, uint8_t *buf, size_t cap)
{
    const struct ip4_hdr ip = {
        .ihl = 5,
        .tos = tos,
        .total_len = (uint16_t)(IP4_HEADER + len),
        .frag = IP4_DF,
        .ttl = ttl,
        .proto = proto,
        .src = *src,
        .dst = *dst,
    };
    return IP4_HEADER + len <= h->cfg.mtu ? ip4_emit_sum(&ip, buf, cap) : 0;
}

void ip_queue(struct rs_host *h, const struct rs_addr *dst, const uint8_t *head, size_t head_len,
              const uint8_t *body, size_t body_len)
{
    outq_put(h, dst, head, head_len, body, body_len);
}
