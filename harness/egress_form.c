#include "harness/egress.h"

#include <string.h>

#include "harness/oracle.h"

/* A receive window or a segment's text never uses octets behind the EOL. */
static void check_padding(const uint8_t *p, const uint8_t *end)
{
    for (; p < end; p++)
        ORACLE(egress_options, *p == 0, "%u behind the end of the options", *p);
}

static void check_option(const struct tcp_option *opt, const struct tcp_seg *seg)
{
    const bool syn = seg->flags & TCP_SYN;

    ORACLE(egress_options, opt->typed || opt->kind <= OPT_NOP, "option kind %u of length %u",
           opt->kind, opt->len);
    if (opt->kind == OPT_MSS || opt->kind == OPT_WSCALE || opt->kind == OPT_SACK_PERMITTED)
        ORACLE(egress_mss_on_syn, syn, "option kind %u without SYN", opt->kind);
    if (opt->kind == OPT_WSCALE)
        ORACLE(egress_options, opt->u.shift <= 14, "window scale %u", opt->u.shift);
    if (opt->kind == OPT_SACK)
        ORACLE(egress_options, !syn && opt->u.sack.n > 0, "%u SACK blocks, SYN %d", opt->u.sack.n,
               syn);
}

static void check_options(const struct tcp_seg *seg)
{
    struct opt_walk walk = opt_walk_of(seg->opt, seg->opt_len);
    struct tcp_option opt;
    enum opt_result r;

    while ((r = opt_next(&walk, &opt)) == OPT_OK) {
        check_option(&opt, seg);
        if (opt.kind == OPT_EOL)
            check_padding(walk.p, seg->opt + seg->opt_len);
    }
    ORACLE(egress_options, r == OPT_END, "an option length that overruns");
}

static void check_flags(const struct tcp_seg *seg)
{
    const unsigned f = seg->flags;

    ORACLE(egress_reserved, !(f & TCP_RESERVED), "flags %03x", f);
    ORACLE(egress_flags, !(f & TCP_SYN) || !(f & (TCP_FIN | TCP_RST)), "flags %03x", f);
    ORACLE(egress_flags, !(f & TCP_RST) || !(f & TCP_FIN), "flags %03x", f);
    ORACLE(egress_flags, !(f & TCP_RST) || seg->text_len == 0, "RST with %u octets", seg->text_len);
    ORACLE(egress_ack_bit, f & (TCP_ACK | TCP_SYN | TCP_RST), "flags %03x", f);
    ORACLE(egress_flags, f & TCP_URG || seg->up == 0, "urgent pointer %u without URG", seg->up);
}

static bool ip4_of(const uint8_t *p, size_t len, struct egress_ip *ip)
{
    struct ip4_hdr h;

    if (ip4_parse(&h, p, len) != WIRE_OK)
        return false;
    *ip = (struct egress_ip){
        .src = h.src, .dst = h.dst, .proto = h.proto, .hops = h.ttl, .len = h.total_len,
        .fragment = h.frag & (IP4_MF | IP4_OFFSET),
        .payload = h.payload, .payload_len = h.payload_len
    };
    return true;
}

static bool ip6_of(const uint8_t *p, size_t len, struct egress_ip *ip)
{
    struct ip6_hdr h;

    if (ip6_parse(&h, p, len) != WIRE_OK)
        return false;
    *ip = (struct egress_ip){
        .src = h.src, .dst = h.dst, .proto = h.next, .hops = h.hops,
        .len = (uint32_t)IP6_HEADER + h.payload_len,
        .payload = h.payload, .payload_len = h.payload_len
    };
    return true;
}

bool egress_ip(const uint8_t *p, size_t len, struct egress_ip *ip)
{
    return len > 0 && p[0] >> 4 == 6 ? ip6_of(p, len, ip) : ip4_of(p, len, ip);
}

/* The checksums that the version has: IPv6 has none of its own, and its ICMP's covers addresses. */
static void check_sums(const uint8_t *p, const struct egress_ip *ip)
{
    if (ip->src.version == 4) {
        ORACLE(egress_ip_checksum, ip4_checksum_ok(p, (size_t)(ip->payload - p)),
               "an IPv4 header of %td octets", ip->payload - p);
        if (ip->proto == IP_PROTO_ICMP && !ip->fragment)
            ORACLE(egress_checksum, icmp_checksum_ok(ip->payload, ip->payload_len), "ICMP sum");
    } else if (ip->proto == IP_PROTO_ICMP6) {
        ORACLE(egress_checksum,
               icmp6_checksum_ok(&ip->src, &ip->dst, ip->payload, ip->payload_len),
               "ICMPv6 checksum");
    }
}

bool egress_form(const uint8_t *p, size_t len, const struct rs_addr *local, uint16_t mtu,
                 struct egress_ip *ip, struct tcp_seg *seg)
{
    ORACLE(egress_mtu, len <= mtu, "%zu octets, MTU %u", len, mtu);
    ORACLE(egress_form, egress_ip(p, len, ip) && ip->len == len,
           "%zu octets that are no IP datagram", len);
    check_sums(p, ip);
    ORACLE(egress_addresses, ip->src.version != local->version || rs_addr_eq(&ip->src, local),
           "source ends in %u.%u", ip->src.octet[2], ip->src.octet[3]);
    ORACLE(egress_form, ip->hops > 0, "TTL 0");
    if (ip->proto != IP_PROTO_TCP || ip->fragment)
        return false;
    ORACLE(egress_form, tcp_parse(seg, ip->payload, ip->payload_len) == WIRE_OK,
           "%u octets that are no segment", ip->payload_len);
    ORACLE(egress_checksum, tcp_checksum_ok(&ip->src, &ip->dst, ip->payload, ip->payload_len),
           "checksum %04x", seg->csum);
    check_flags(seg);
    check_options(seg);
    return true;
}
