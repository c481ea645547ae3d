/* The IP layer below the runner's segments: one script serves both versions. */
#include "harness/run_live.h"

size_t run_ip_octets(const struct run *r)
{
    return r->opt->ip == 6 ? IP6_HEADER : IP4_HEADER;
}

static uint8_t tos_of(const struct sc_segment *t)
{
    uint8_t tos = t && (t->has_tos || t->has_dscp) ? t->tos : 0;
    if (t && t->has_ecn)
        tos = (uint8_t)((tos & 0xfc) | (t->ecn & 3));
    return tos;
}

static size_t put_ip6(struct run *r, const struct sc_segment *t, uint8_t proto, size_t len)
{
    struct ip6_hdr ip = { .tclass = tos_of(t), .next = proto, .hops = t && t->ttl ? t->ttl : 64 };
    ip.payload_len = (uint16_t)len;
    ip.src = r->config.remote;
    ip.dst = r->config.local;
    return ip6_emit(&ip, r->buf, sizeof(r->buf));
}

size_t run_put_ip(struct run *r, const struct sc_segment *t, uint8_t proto, size_t len)
{
    if (r->opt->ip == 6)
        return put_ip6(r, t, proto, len);
    struct ip4_hdr ip = { .ihl = 5, .frag = IP4_DF, .tos = tos_of(t), .proto = proto };
    ip.ttl = t && t->ttl ? t->ttl : 64;
    ip.total_len = (uint16_t)(IP4_HEADER + len);
    ip.src = r->config.remote;
    ip.dst = r->config.local;
    return ip4_emit_sum(&ip, r->buf, sizeof(r->buf));
}

bool run_ip_parse(struct live_ip *l, uint8_t version, const uint8_t *p, size_t len)
{
    struct ip4_hdr ip4;
    struct ip6_hdr ip6;
    if (version == 6) {
        if (ip6_parse(&ip6, p, len) != WIRE_OK)
            return false;
        *l = (struct live_ip){ ip6.src, ip6.dst, ip6.next, ip6.tclass, ip6.hops, ip6.payload,
                               ip6.payload_len };
        return true;
    }
    if (ip4_parse(&ip4, p, len) != WIRE_OK || !ip4_checksum_ok(p, (size_t)ip4.ihl * 4))
        return false;
    *l = (struct live_ip){ ip4.src, ip4.dst, ip4.proto, ip4.tos, ip4.ttl, ip4.payload,
                           ip4.payload_len };
    return true;
}

bool run_icmp6(struct sc_icmp *m)
{
    /* RFC 792's type and code, RFC 4443's; code -1 is any, and stays. */
    static const struct {
        uint8_t type;
        int16_t code;
        uint8_t type6;
        int16_t code6;
    } map[] = {
        { 3, 0, 1, 0 },  /* net unreachable: no route */
        { 3, 1, 1, 3 },  /* host unreachable: address unreachable */
        { 3, 2, 4, 1 },  /* protocol unreachable: unrecognized next header */
        { 3, 3, 1, 4 },  /* port unreachable */
        { 3, 4, 2, 0 },  /* fragmentation needed: packet too big */
        { 3, 9, 1, 1 },  { 3, 10, 1, 1 }, { 3, 13, 1, 1 }, /* prohibited */
        { 11, -1, 3, -1 }, /* time exceeded */
        { 12, 0, 4, 0 }, /* parameter problem */
    };
    for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++) {
        if (map[i].type != m->type || (map[i].code >= 0 && map[i].code != m->code))
            continue;
        m->type = map[i].type6;
        if (map[i].code6 >= 0)
            m->code = (uint8_t)map[i].code6;
        return true;
    }
    return false;
}

/* packetdrill watches one connection at a time: what an earlier one still sends is passed over, and
 * where a SYN is to come also what is none. */
bool run_passed_over(const struct run *r, const struct sc_event *ev)
{
    const struct run_sent *s = &r->sent[r->sent_at];
    struct live_ip ip;
    struct tcp_seg seg;
    if (!(r->packetdrill || r->freebsd) || ev->kind != SC_PACKET || ev->u.packet.src_port ||
        !run_ip_parse(&ip, r->opt->ip, s->octet, s->len) || ip.proto != IP_PROTO_TCP ||
        tcp_parse(&seg, ip.payload, ip.payload_len) != WIRE_OK || (seg.flags & TCP_SYN))
        return false;
    if ((ev->u.packet.seg.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
        return true;
    const struct run_conn *c = r->current < 0 ? NULL : &r->conn[r->current];
    return c && (c->sut_port != seg.src_port || c->peer_port != seg.dst_port);
}
