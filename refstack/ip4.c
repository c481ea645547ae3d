/* IPv4 received (RFC 791, RFC 1122 section 3.2.1). */
#include "refstack/host.h"

/* Form, then checksum, then addresses: none of it is believed before the sum. */
static enum rs_reason judge_header(const struct rs_host *h, struct ip4_hdr *ip, const uint8_t *p,
                                   size_t len, enum ip_from from)
{
    if (ip4_parse(ip, p, len) != WIRE_OK)
        return RS_REASON_IP_BAD_HEADER;
    if (!ip4_checksum_ok(p, ip->ihl * 4u) && !BUG(IP_CHECKSUM_IGNORED))
        return RS_REASON_IP_BAD_CHECKSUM;
    if (BUG(TTL_JUDGED) && ip->ttl < 2)
        return RS_REASON_IP_BAD_HEADER;
    return ip_judge_addresses(h, &ip->src, &ip->dst, from);
}

/* A piece may be of anything: what the datagram holds is judged when it is whole. */
static void fragment(struct rs_host *h, const struct ip4_hdr *ip, const uint8_t *p)
{
    const struct fragment f = {
        .src = ip->src,
        .dst = ip->dst,
        .id = ip->id,
        .proto = ip->proto,
        .ecn = ip->tos & 3,
        .off = (ip->frag & IP4_OFFSET) * 8u,
        .more = (ip->frag & IP4_MF) != 0,
        .head = p,
        .head_len = ip->ihl * 4u,
        .data = ip->payload,
        .len = ip->payload_len,
    };
    judged(h, NULL, NULL, frag_input(h, &f));
}

/* RFC 1122 section 3.2.2.1 has a host say which of the two it lacks, the protocol or the port. */
static void deliver(struct rs_host *h, const struct datagram *d)
{
    if (d->proto == IP_PROTO_TCP) {
        tcp_input(h, d);
    } else if (d->proto == IP_PROTO_ICMP) {
        icmp_input(h, d);
    } else {
        judged(h, NULL, NULL, RS_REASON_IP_PROTOCOL);
        icmp_send_error(h, d, ICMP_UNREACHABLE,
                        d->proto == IP_PROTO_UDP ? ICMP_PORT_UNREACHABLE : ICMP_PROTO_UNREACHABLE,
                        0);
    }
}

/* Options are looked at by nobody (MUST-50), source routes among them. */
void ip4_input(struct rs_host *h, const uint8_t *p, size_t len, enum ip_from from)
{
    struct ip4_hdr ip;
    const enum rs_reason reason = judge_header(h, &ip, p, len, from);

    if (reason != RS_REASON_ACCEPTED) {
        judged(h, NULL, NULL, reason);
        return;
    }
    if (ip.frag & (IP4_MF | IP4_OFFSET)) {
        fragment(h, &ip, p);
        return;
    }
    const struct datagram d = {
        .src = ip.src,
        .dst = ip.dst,
        .tos = ip.tos,
        .ttl = ip.ttl,
        .proto = ip.proto,
        .payload = ip.payload,
        .len = ip.payload_len,
        .start = p,
        .start_len = ip.total_len,
    };
    deliver(h, &d);
}
