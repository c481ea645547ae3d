#include "fuzz/pair_wire.h"

#include <string.h>

#include "harness/peer.h"
#include "harness/place.h"
#include "refstack/wire.h"

enum {
    NARROW_4 = 576, /* RFC 1122 section 3.3.3: what every host takes */
    NARROW_6 = 1280, /* RFC 8200 section 5: what every link takes */
    MARK_EVERY = 3,
    QUOTED = 68, /* of a datagram in an error: its headers and eight octets at the least */
    ECN_CE = 3
};

static uint8_t octets[PLACE_MAX];
static uint8_t pieces[PLACE_MAX + 128];

/* In rain and storm the way is as wide as can be. */
static bool has_trait(const struct pair_wire *w, enum pair_trait trait)
{
    return w->traits < PAIR_RAIN && w->traits & trait;
}

/* The octets of the narrowest link on the way. */
static uint16_t mtu_of(const struct pair_wire *w, uint8_t version)
{
    if (!has_trait(w, PAIR_NARROW))
        return UINT16_MAX;
    return version == 6 ? NARROW_6 : NARROW_4;
}

/* Of faults at random; NULL in fair weather. */
static const struct fault_rates *rates(const struct pair_wire *w)
{
    static const struct fault_rates rain = { .seed = 1, .drop = 50000, .dup = 50000,
                                             .delay = 50000, .reorder = 50000, .corrupt = 20000,
                                             .delay_max = 300000 };
    static const struct fault_rates storm = { .seed = 2, .drop = 200000, .dup = 200000,
                                              .delay = 300000, .reorder = 200000,
                                              .corrupt = 100000, .delay_max = 3000000 };

    if (w->traits < PAIR_RAIN)
        return NULL;
    return w->traits == PAIR_RAIN ? &rain : &storm;
}

unsigned pair_wire_link(const struct pair_wire *w)
{
    return has_trait(w, PAIR_LINKS);
}

/* Addresses for documentation, a network for each link: RFC 5737, RFC 3849. */
static struct rs_addr address(bool ip6, unsigned link, int i)
{
    const uint8_t octet[16] = { 0x20, 0x01, 0x0d, 0xb8, [7] = (uint8_t)link,
                                [15] = (uint8_t)(i + 1) };

    if (ip6)
        return rs_ip6(octet);
    return link ? rs_ip4(198, 51, 100, octet[15]) : rs_ip4(192, 0, 2, octet[15]);
}

struct rs_addr pair_wire_address(const struct pair_wire *w, int i)
{
    return address(w->ip6, pair_wire_link(w), i);
}

void pair_wire_configure(const struct pair_wire *w, int i, struct rs_config *cfg)
{
    struct rs_link_config *second = &cfg->more_links[0];

    cfg->addr = address(false, 0, i);
    cfg->prefix_len = 24;
    cfg->tcp.ecn = has_trait(w, PAIR_ECN);
    if (w->ip6) {
        cfg->addr6 = address(true, 0, i);
        cfg->prefix6 = 64;
    }
    if (!pair_wire_link(w))
        return;
    *second = (struct rs_link_config){ .on = true, .link = RS_LINK_IP, .mtu = cfg->mtu,
                                       .addr = address(false, 1, i), .prefix_len = 24 };
    if (w->ip6) {
        second->addr6 = address(true, 1, i);
        second->prefix6 = 64;
    }
}

/* ---- Too big ---------------------------------------------------------------------------- */

/* RFC 1191 section 4, RFC 4443 section 3.2: the router before the narrow link says so, in the name
 * of the destination, which is as good as any. */
static void tell_too_big(struct pair_wire *w, int from, const uint8_t *p, uint16_t mtu)
{
    struct icmp_msg m = { .rest = mtu, .body = p, .body_len = QUOTED };
    uint8_t error[IP6_HEADER + ICMP_HEADER + QUOTED];
    size_t n;

    if (p[0] >> 4 == 6) {
        struct ip6_hdr ip;
        ip6_parse(&ip, p, IP6_HEADER + QUOTED);
        const struct rs_addr src = ip.src;
        m.type = ICMP6_TOO_BIG;
        ip.src = ip.dst;
        ip.dst = src;
        ip.next = IP_PROTO_ICMP6;
        ip.payload_len = ICMP_HEADER + QUOTED;
        n = ip6_emit(&ip, error, sizeof error);
        n += icmp6_emit_sum(&m, &ip.src, &ip.dst, error + n, sizeof error - n);
    } else {
        struct ip4_hdr ip;
        ip4_parse(&ip, p, UINT16_MAX);
        const struct rs_addr src = ip.src;
        m.type = ICMP_UNREACHABLE;
        m.code = ICMP_FRAG_NEEDED;
        ip.src = ip.dst;
        ip.dst = src;
        ip.ihl = 5;
        ip.frag = 0;
        ip.proto = IP_PROTO_ICMP;
        ip.total_len = IP4_HEADER + ICMP_HEADER + QUOTED;
        n = ip4_emit_sum(&ip, error, sizeof error);
        n += icmp_emit_sum(&m, error + n, sizeof error - n);
    }
    rs_input_on(w->net->host[from], pair_wire_link(w), error, n, w->net->now);
}

static bool may_be_cut(const uint8_t *p)
{
    enum { FLAGS_AT = 6, DF = 0x40 };

    return p[0] >> 4 == 4 && !(p[FLAGS_AT] & DF);
}

/* ---- On the way ------------------------------------------------------------------------- */

/* RFC 3168 section 5: a queue that fills marks what says that it can be marked. */
static void mark(uint8_t *p, size_t len)
{
    struct ip4_hdr ip;
    struct ip6_hdr ip6;

    if (p[0] >> 4 == 6) {
        if (ip6_parse(&ip6, p, len) != WIRE_OK || !(ip6.tclass & ECN_CE))
            return;
        ip6.tclass |= ECN_CE;
        ip6_emit(&ip6, p, IP6_HEADER);
    } else if (ip4_parse(&ip, p, len) == WIRE_OK && ip.tos & ECN_CE) {
        ip.tos |= ECN_CE;
        ip4_emit_sum(&ip, p, len);
    }
}

/* Whole, or in pieces, either of them first in turn. */
static void bring(struct pair_wire *w, int to, size_t len, const size_t n[2], bool cut)
{
    struct rs_host *h = w->net->host[to];
    const unsigned link = pair_wire_link(w);

    if (w->net->arrives)
        w->net->arrives(w->net->arg, to, octets, len);
    if (!cut) {
        rs_prefetch(h, octets, len);
        rs_input_on(h, link, octets, len, w->net->now);
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        const unsigned which = w->n % 2 ? 1 - i : i;
        rs_input_on(h, link, pieces + (which ? n[0] : 0), n[which], w->net->now);
    }
}

static void carry(void *way, int to, const uint8_t *p, size_t len)
{
    struct pair_wire *w = way;
    const uint16_t mtu = len ? mtu_of(w, p[0] >> 4) : UINT16_MAX;
    const bool narrow = len > mtu;
    size_t n[2];

    w->n++;
    if (narrow && !may_be_cut(p)) {
        if (!(w->traits & PAIR_SILENT))
            tell_too_big(w, 1 - to, p, mtu);
        return;
    }
    memcpy(octets, p, len);
    if (has_trait(w, PAIR_ECN) && w->n % MARK_EVERY == 0)
        mark(octets, len);
    bring(w, to, len, n,
          (w->fragments || narrow) && peer_fragments(octets, len, w->n, pieces, n));
}

void pair_wire_begin(struct pair_wire *w, struct vnet *net)
{
    w->net = net;
    net->way = w;
    net->carry = carry;
    for (int i = 0; i < 2; i++)
        fault_init(&net->link[i], RS_LINK_IP, rates(w));
}
