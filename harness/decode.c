#include "harness/decode.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/decode_line.h"
#include "refstack/cursor.h"

/* ---- Lines ------------------------------------------------------------------------------ */

void line_put(struct line *l, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(l->text + l->n, DECODE_LINE - l->n, fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    if ((size_t)n < DECODE_LINE - l->n) {
        l->n += (size_t)n;
        return;
    }
    l->n = DECODE_LINE - 1;
    memcpy(l->text + DECODE_LINE - 4, "...", 4);
}

void line_addr(struct line *l, const struct rs_addr *a)
{
    char text[INET6_ADDRSTRLEN];
    inet_ntop(a->version == 6 ? AF_INET6 : AF_INET, a->octet, text, sizeof text);
    line_put(l, "%s", text);
}

void line_octets(struct line *l, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        line_put(l, "%02x", p[i]);
}

static const char *wire_problem(enum wire_result r)
{
    switch (r) {
    case WIRE_OK:
        return "nothing wrong";
    case WIRE_TRUNCATED:
        return "shorter than its fixed header";
    case WIRE_BAD_LENGTH:
        return "length field points outside";
    case WIRE_BAD_VERSION:
        return "wrong version or protocol";
    }
    return "unknown";
}

/* ---- ARP and ICMP ----------------------------------------------------------------------- */

static void decode_arp(struct line *l, const uint8_t *p, size_t len)
{
    struct arp_pkt arp;
    enum wire_result r = arp_parse(&arp, p, len);
    if (r != WIRE_OK) {
        line_put(l, "arp {%s, %zu octets}", wire_problem(r), len);
        return;
    }
    const uint8_t *s = arp.sender_ip, *t = arp.target_ip, *m = arp.sender_mac;
    if (arp.op == ARP_REQUEST)
        line_put(l, "arp who-has %u.%u.%u.%u tell %u.%u.%u.%u", t[0], t[1], t[2], t[3], s[0],
                 s[1], s[2], s[3]);
    else if (arp.op == ARP_REPLY)
        line_put(l, "arp %u.%u.%u.%u is-at %02x:%02x:%02x:%02x:%02x:%02x", s[0], s[1], s[2],
                 s[3], m[0], m[1], m[2], m[3], m[4], m[5]);
    else
        line_put(l, "arp op %u {neither request nor reply}", arp.op);
}

static const char *icmp_name(uint8_t type)
{
    switch (type) {
    case ICMP_ECHO_REPLY:
        return "echo reply";
    case ICMP_UNREACHABLE:
        return "unreachable";
    case ICMP_SOURCE_QUENCH:
        return "source_quench";
    case ICMP_ECHO:
        return "echo request";
    case ICMP_TIME_EXCEEDED:
        return "time_exceeded";
    case ICMP_PARAMETER_PROBLEM:
        return "parameter_problem";
    }
    return NULL;
}

/* packetdrill's names of the codes of "destination unreachable"; RFC 792, RFC 1122. */
static const char *const unreachable[] = {
    "net_unreachable",        "host_unreachable",      "protocol_unreachable",
    "port_unreachable",       "frag_needed",           "source_route_failed",
    "net_unknown",            "host_unknown",          "source_host_isolated",
    "net_prohibited",         "host_prohibited",       "net_unreachable_for_tos",
    "host_unreachable_for_tos", "packet_filtered",     "precedence_violation",
    "precedence_cutoff",
};

/* The quoted datagram is cut short by its sender, so its lengths are not held against it. */
static void decode_quote(struct decoder *d, struct line *l, const uint8_t *p, size_t len)
{
    struct rcur c = rcur_of(p, len);
    struct decode_ip ip = { .whole = false };
    uint8_t ihl = (uint8_t)(rcur_u8(&c) & 0x0f);
    rcur_take(&c, 8);
    ip.proto = rcur_u8(&c);
    rcur_take(&c, 2);
    ip.src.version = ip.dst.version = 4;
    rcur_copy(&c, ip.src.octet, 4);
    rcur_copy(&c, ip.dst.octet, 4);
    if (ihl > 5)
        rcur_take(&c, (size_t)(ihl - 5) * 4);
    if (c.bad || ihl < 5) {
        line_put(l, " {quotes no IP header}");
        return;
    }
    ip.payload = c.p;
    ip.len = rcur_left(&c);
    line_put(l, " [");
    if (ip.proto == IP_PROTO_TCP)
        decode_tcp_quote(d, l, &ip);
    else
        line_put(l, "protocol %u", ip.proto);
    line_put(l, "]");
}

static void decode_icmp(struct decoder *d, struct line *l, const struct decode_ip *ip)
{
    struct icmp_msg m;
    enum wire_result r = icmp_parse(&m, ip->payload, ip->len);
    if (r != WIRE_OK) {
        line_put(l, "icmp {%s, %zu octets}", wire_problem(r), ip->len);
        return;
    }
    const char *name = icmp_name(m.type);
    line_put(l, "icmp ");
    if (!name)
        line_put(l, "type %u code %u", m.type, m.code);
    else if (m.type == ICMP_UNREACHABLE && m.code < sizeof unreachable / sizeof *unreachable)
        line_put(l, "%s %s", name, unreachable[m.code]);
    else if (m.type == ICMP_ECHO || m.type == ICMP_ECHO_REPLY)
        line_put(l, "%s id %u seq %u (%zu)", name, m.rest >> 16, m.rest & 0xffff, m.body_len);
    else
        line_put(l, "%s code %u", name, m.code);
    if (m.type == ICMP_UNREACHABLE && m.code == ICMP_FRAG_NEEDED)
        line_put(l, " mtu %u", m.rest & 0xffff);
    if (m.type != ICMP_ECHO && m.type != ICMP_ECHO_REPLY && name)
        decode_quote(d, l, m.body, m.body_len);
    if (ip->whole && !icmp_checksum_ok(ip->payload, ip->len))
        line_put(l, " {ICMP checksum 0x%04x is wrong}", m.csum);
}

static const char *icmp6_name(uint8_t type)
{
    switch (type) {
    case 1:
        return "unreachable";
    case 2:
        return "packet_too_big";
    case 128:
        return "echo request";
    case 129:
        return "echo reply";
    case 133:
        return "router solicitation";
    case 134:
        return "router advertisement";
    case 135:
        return "neighbour solicitation";
    case 136:
        return "neighbour advertisement";
    case 143:
        return "multicast listener report";
    }
    return NULL;
}

/* ICMPv6 by its name, RFC 4443 and RFC 4861; behind one hop-by-hop header too, where RFC 3810 puts
 * what a kernel says about its groups. */
static void decode_icmp6(struct line *l, const struct decode_ip *ip)
{
    struct rcur c = rcur_of(ip->payload, ip->len);
    if (ip->proto == 0 && rcur_u8(&c) == 58)
        rcur_take(&c, rcur_u8(&c) * 8u + 6);
    else if (ip->proto == 0)
        c.bad = true;
    uint8_t type = rcur_u8(&c), code = rcur_u8(&c);
    if (c.bad)
        line_put(l, "ip6 protocol %u (%zu)", ip->proto, ip->len);
    else if (icmp6_name(type))
        line_put(l, "icmp6 %s", icmp6_name(type));
    else
        line_put(l, "icmp6 type %u code %u", type, code);
}

/* ---- IP --------------------------------------------------------------------------------- */

static void decode_payload(struct decoder *d, struct line *l, const struct decode_ip *ip)
{
    if (d->addresses && ip->proto != IP_PROTO_TCP) { /* TCP adds its ports to them */
        line_addr(l, &ip->src);
        line_put(l, " > ");
        line_addr(l, &ip->dst);
        line_put(l, ": ");
    }
    if (ip->proto == IP_PROTO_TCP)
        decode_tcp(d, l, ip);
    else if (ip->proto == IP_PROTO_ICMP && ip->src.version == 4)
        decode_icmp(d, l, ip);
    else if (ip->src.version == 6 && (ip->proto == 58 || ip->proto == 0))
        decode_icmp6(l, ip);
    else if (ip->proto == IP_PROTO_UDP && ip->len >= 8)
        line_put(l, "udp %u > %u (%zu)", (unsigned)(ip->payload[0] << 8 | ip->payload[1]),
                 (unsigned)(ip->payload[2] << 8 | ip->payload[3]), ip->len - 8);
    else
        line_put(l, "ip%u protocol %u (%zu)", ip->src.version, ip->proto, ip->len);
}

static void decode_ip4(struct decoder *d, struct line *l, const uint8_t *p, size_t len, bool whole)
{
    struct ip4_hdr h;
    enum wire_result r = ip4_parse(&h, p, len);
    if (r != WIRE_OK) {
        line_put(l, "ip4 {%s, %zu octets}", wire_problem(r), len);
        return;
    }
    struct decode_ip ip = { .src = h.src, .dst = h.dst, .proto = h.proto, .tos = h.tos,
                            .payload = h.payload, .len = h.payload_len, .whole = whole };
    bool later_fragment = (h.frag & IP4_OFFSET) != 0;
    if (h.frag & (IP4_MF | IP4_OFFSET)) {
        ip.whole = false;
        line_put(l, "[frag id %u offset %u%s] ", h.id, (h.frag & IP4_OFFSET) * 8u,
                 (h.frag & IP4_MF) ? " more" : "");
    }
    if (later_fragment)
        line_put(l, "ip4 protocol %u (%u)", h.proto, h.payload_len);
    else
        decode_payload(d, l, &ip);
    if (!ip4_checksum_ok(p, (size_t)h.ihl * 4))
        line_put(l, " {IP checksum 0x%04x is wrong}", h.csum);
}

/* The fixed header only: what follows an extension header is named by its number. */
static void decode_ip6(struct decoder *d, struct line *l, const uint8_t *p, size_t len, bool whole)
{
    struct rcur c = rcur_of(p, len);
    uint32_t first = rcur_u32(&c);
    size_t payload_len = rcur_u16(&c);
    struct decode_ip ip = { .src.version = 6, .dst.version = 6, .tos = (uint8_t)(first >> 20),
                            .whole = whole };
    ip.proto = rcur_u8(&c);
    rcur_u8(&c); /* hop limit */
    rcur_copy(&c, ip.src.octet, 16);
    rcur_copy(&c, ip.dst.octet, 16);
    ip.payload = rcur_take(&c, payload_len);
    ip.len = payload_len;
    if (c.bad)
        line_put(l, "ip6 {shorter than its lengths say, %zu octets}", len);
    else
        decode_payload(d, l, &ip);
}

static void decode_datagram(struct decoder *d, struct line *l, const uint8_t *p, size_t len,
                            bool whole)
{
    unsigned version = len ? p[0] >> 4 : 0;
    if (version == 4)
        decode_ip4(d, l, p, len, whole);
    else if (version == 6)
        decode_ip6(d, l, p, len, whole);
    else
        line_put(l, "ip {%s, %zu octets}", len ? "version neither 4 nor 6" : "empty", len);
}

static void decode_link(struct decoder *d, struct line *l, enum rs_link link, const uint8_t *p,
                        size_t len, bool whole)
{
    struct eth_hdr eth;
    if (link == RS_LINK_IP) {
        decode_datagram(d, l, p, len, whole);
        return;
    }
    enum wire_result r = eth_parse(&eth, p, len);
    if (r != WIRE_OK)
        line_put(l, "ethernet {%s, %zu octets}", wire_problem(r), len);
    else if (eth.type == ETH_TYPE_ARP)
        decode_arp(l, p + ETH_HEADER, len - ETH_HEADER);
    else if (eth.type == ETH_TYPE_IP4 || eth.type == ETH_TYPE_IP6)
        decode_datagram(d, l, p + ETH_HEADER, len - ETH_HEADER, whole);
    else
        line_put(l, "ethernet type 0x%04x (%zu)", eth.type, len - ETH_HEADER);
}

/* No frame is longer: an IP datagram's 65,535 octets and the link's header. */
enum { FRAME_MAX = 65535 + ETH_HEADER };

/* A frame that was recorded in part is decoded with zeros in place of the rest, so that its
 * lengths agree; its checksums cannot be judged. */
void decode_frame(struct decoder *d, enum rs_link link, const uint8_t *p, size_t len,
                  size_t wire_len, char line[DECODE_LINE])
{
    struct line l = { .text = line, .n = 0 };
    line[0] = '\0';
    uint8_t *full = wire_len > len && wire_len <= FRAME_MAX ? calloc(1, wire_len) : NULL;
    if (full && len)
        memcpy(full, p, len);
    if (full)
        decode_link(d, &l, link, full, wire_len, false);
    else
        decode_link(d, &l, link, p, len, wire_len <= len);
    free(full);
}
