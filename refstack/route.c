/* Which addresses are ours, which are anybody's, and where a datagram goes first.
 *
 * What is ours never reaches a link, and what a link brings is never ours by source (RFC 1122
 * section 3.2.1.3 (g)).  The host is strong (section 3.3.4.2): an address belongs to one link, and
 * a datagram from or to it goes by no other.  So a route is but the choice of a source; the link
 * follows from that.
 *
 *   of an address               answered by
 *   is it one host's at all?    ip_is_unicast, ip_is_host
 *   is it ours?                 ip_is_local; by the link a frame came by: ip_is_here, ip_is_joined
 *   which of ours to speak as?  ip_source_for, ip_source_on
 *   by which link, to whom?     ip_link, ip_next_hop
 *
 *   of an address               answered by
 *   is it one host's at all?    ip_is_unicast, ip_is_host
 *   is it ours?                 ip_is_local; by the link a frame came by: ip_is_here, ip_is_joined
 *   which of ours to speak as?  ip_source_for, ip_source_on
 *   by which link, to whom?     ip_link, ip_next_hop */
#include <string.h>

#include "refstack/host.h"

static const uint8_t zeros[16];

static unsigned address_bits(const struct rs_addr *a)
{
    return a->version == 4 ? 32 : 128;
}

/* How many leading bits two addresses of one version share. */
static unsigned common_bits(const struct rs_addr *a, const struct rs_addr *b)
{
    const unsigned all = address_bits(a);
    unsigned n = 0;

    while (n < all && a->octet[n / 8] == b->octet[n / 8])
        n += 8;
    while (n < all && (a->octet[n / 8] ^ b->octet[n / 8]) >> (7 - n % 8) == 0)
        n++;
    return n;
}

static bool is_link_local(const struct rs_addr *a)
{
    return a->version == 6 && a->octet[0] == 0xfe && (a->octet[1] & 0xc0) == 0x80;
}

bool ip_is_multicast(const struct rs_addr *a)
{
    return a->version == 4 ? (a->octet[0] & 0xf0) == 0xe0 : a->octet[0] == 0xff;
}

/* 0.0.0.0 and ::, which mean "this host" or "any" and are nobody's. */
bool ip_is_unspecified(const struct rs_addr *a)
{
    return memcmp(a->octet, zeros, a->version == 4 ? 4 : 16) == 0;
}

bool ip_is_loopback(const struct rs_addr *a)
{
    if (a->version == 4)
        return a->octet[0] == 127;
    return a->version == 6 && memcmp(a->octet, zeros, 15) == 0 && a->octet[15] == 1;
}

/* ---- Our addresses ---------------------------------------------------------------------- */

/* What DAD is to prove begins tentative (RFC 4862 section 5.4); IPv4 has none of it here. */
static void add(struct rs_host *h, unsigned link, const struct rs_addr *a, uint8_t prefix_len)
{
    if (!a->version)
        return;
    h->own[h->n_own++] = (struct own_addr){
        .addr = *a,
        .prefix_len = prefix_len,
        .link = (uint8_t)link,
        .state = a->version == 6 && h->cfg.dad ? OWN_TENTATIVE : OWN_VALID,
        .deadline = h->now,
    };
}

/* fe80::/64 with the modified EUI-64 of the link's address (RFC 4291 appendix A). */
static void add_link_local(struct rs_host *h, unsigned link)
{
    const uint8_t *m = h->link[link].mac;
    const struct rs_addr a = {
        .version = 6,
        .octet = { 0xfe, 0x80, [8] = (uint8_t)(m[0] ^ 2), m[1], m[2], 0xff, 0xfe, m[3], m[4],
                   m[5] },
    };
    if (h->link[link].ethernet)
        add(h, link, &a, 64);
}

/* A link without an address is off; one with an IPv6 address has a link-local one too, which
 * discovery speaks from. */
static void link_init(struct rs_host *h, unsigned i, const struct rs_link_config *c)
{
    struct link *l = &h->link[i];

    *l = (struct link){ .on = c->on, .ethernet = c->link == RS_LINK_ETHERNET, .mtu = c->mtu,
                        .gateway = c->gateway, .gateway6 = c->gateway6 };
    memcpy(l->mac, c->mac, sizeof l->mac);
    if (!c->on)
        return;
    h->n_links = i + 1;
    add(h, i, &c->addr, c->prefix_len);
    add(h, i, &c->addr6, c->prefix6);
    if (c->addr6.version)
        add_link_local(h, i);
}

void addr_init(struct rs_host *h)
{
    const struct rs_config *c = &h->cfg;
    const struct rs_link_config first = {
        .on = true, .link = c->link, .mtu = c->mtu,
        .mac = { c->mac[0], c->mac[1], c->mac[2], c->mac[3], c->mac[4], c->mac[5] },
        .addr = c->addr, .addr6 = c->addr6, .prefix_len = c->prefix_len, .prefix6 = c->prefix6,
        .gateway = c->gateway, .gateway6 = c->gateway6,
    };

    h->n_own = h->n_links = 0;
    link_init(h, 0, &first);
    for (unsigned i = 0; i < RS_MORE_ADDRS; i++)
        add(h, 0, &c->more[i].addr, c->more[i].prefix_len);
    for (unsigned i = 0; i < RS_MORE_LINKS; i++)
        link_init(h, 1 + i, &c->more_links[i]);
}

static bool net_usable(const struct rs_addr *a, uint8_t prefix_len)
{
    return (a->version == 4 || a->version == 6) && prefix_len <= address_bits(a) &&
           !ip_is_multicast(a) && !ip_is_unspecified(a) && !ip_is_loopback(a);
}

/* RFC 791 section 3.1 lets every host take so much, and nobody makes links that take less. */
enum { LEAST_MTU = 576 };

/* One address of each version at most, and one at least.  RFC 8200 section 5: every link that
 * carries IPv6 takes 1280 octets. */
static bool link_usable(const struct rs_addr *a4, uint8_t prefix4, const struct rs_addr *a6,
                        uint8_t prefix6, uint16_t mtu)
{
    if (!a4->version && !a6->version)
        return false;
    if (a4->version && (a4->version != 4 || !net_usable(a4, prefix4)))
        return false;
    if (a6->version && (a6->version != 6 || !net_usable(a6, prefix6)))
        return false;
    return mtu >= LEAST_MTU && (!a6->version || mtu >= IP6_MIN_MTU);
}

bool addr_config_usable(const struct rs_config *c)
{
    bool any6 = c->addr6.version == 6;

    if (!link_usable(&c->addr, c->prefix_len, &c->addr6, c->prefix6, c->mtu))
        return false;
    for (unsigned i = 0; i < RS_MORE_LINKS; i++) {
        const struct rs_link_config *l = &c->more_links[i];
        if (l->on && (c->offload || !link_usable(&l->addr, l->prefix_len, &l->addr6, l->prefix6,
                                                 l->mtu)))
            return false;
    }
    for (unsigned i = 0; i < RS_MORE_ADDRS; i++) {
        const struct rs_net *n = &c->more[i];
        if (n->addr.version && !net_usable(&n->addr, n->prefix_len))
            return false;
        any6 = any6 || n->addr.version == 6;
    }
    return !any6 || c->mtu >= IP6_MIN_MTU;
}

struct own_addr *addr_find(struct rs_host *h, const struct rs_addr *a)
{
    for (unsigned i = 0; i < h->n_own; i++)
        if (h->own[i].link == h->in_link && rs_addr_eq(&h->own[i].addr, a))
            return &h->own[i];
    return NULL;
}

/* A tentative address answers nothing but its own detection. */
static bool serves(const struct own_addr *o, const struct rs_addr *a)
{
    return o->state == OWN_VALID && rs_addr_eq(&o->addr, a);
}

bool ip_is_here(const struct rs_host *h, const struct rs_addr *a)
{
    for (unsigned i = 0; i < h->n_own; i++)
        if (serves(&h->own[i], a) && (h->own[i].link == h->in_link || BUG(WEAK_HOST)))
            return true;
    return false;
}

/* An own address names its link: that is what the strong host comes to. */
unsigned ip_link(const struct rs_host *h, const struct rs_addr *own)
{
    for (unsigned i = 0; h->n_links > 1 && i < h->n_own; i++)
        if (rs_addr_eq(&h->own[i].addr, own))
            return h->own[i].link;
    return 0;
}

uint16_t ip_mtu(const struct rs_host *h, const struct rs_addr *own)
{
    return h->link[BUG(MTU_OF_FIRST_LINK) ? 0 : ip_link(h, own)].mtu;
}

bool ip_is_local(const struct rs_host *h, const struct rs_addr *a)
{
    for (unsigned i = 0; i < h->n_own; i++)
        if (serves(&h->own[i], a))
            return true;
    return ip_is_loopback(a);
}

/* RFC 4291 section 2.7.1. */
struct rs_addr ip6_solicited_node(const struct rs_addr *a)
{
    return (struct rs_addr){
        .version = 6,
        .octet = { 0xff, 2, [11] = 1, 0xff, a->octet[13], a->octet[14], a->octet[15] },
    };
}

/* All nodes, of this node or this link, and the solicited-node group of each address, a tentative
 * one's too (RFC 4862 section 5.4.2). */
bool ip_is_joined(const struct rs_host *h, const struct rs_addr *a)
{
    if (a->version != 6 || a->octet[0] != 0xff)
        return false;
    if ((a->octet[1] == 1 || a->octet[1] == 2) && memcmp(a->octet + 2, zeros, 13) == 0)
        return a->octet[15] == 1;
    for (unsigned i = 0; i < h->n_own; i++) {
        const struct rs_addr group = ip6_solicited_node(&h->own[i].addr);
        if (h->own[i].addr.version == 6 && h->own[i].state != OWN_DUPLICATE &&
            h->own[i].link == h->in_link &&
            rs_addr_eq(&group, a))
            return true;
    }
    return false;
}

/* ---- Anybody's -------------------------------------------------------------------------- */

static bool ones_after(const struct rs_addr *a, unsigned bits)
{
    for (unsigned i = 32; i > bits; i--)
        if (!(a->octet[(i - 1) / 8] >> (7 - (i - 1) % 8) & 1))
            return false;
    return true;
}

/* Networks of 31 and 32 bits have none (RFC 3021). */
static bool is_broadcast(const struct rs_host *h, const struct rs_addr *a)
{
    /* Few addresses end in ones: this is asked of each datagram's source. */
    for (unsigned i = 0; i < h->n_own; i++) {
        const struct own_addr *o = &h->own[i];
        if (o->addr.version == 4 && o->prefix_len < 31 && ones_after(a, o->prefix_len) &&
            common_bits(a, &o->addr) >= o->prefix_len)
            return true;
    }
    return false;
}

bool ip_is_unicast(const struct rs_host *h, const struct rs_addr *a)
{
    static const uint8_t mapped[12] = { [10] = 0xff, 0xff };

    if (a->version == 4)
        return a->octet[0] != 0 && a->octet[0] != 127 && a->octet[0] < 224 && !is_broadcast(h, a);
    /* An IPv4-mapped address means something inside a host only (RFC 4291 section 2.5.5.2). */
    return a->version == 6 && !ip_is_multicast(a) && !ip_is_unspecified(a) && !ip_is_loopback(a) &&
           memcmp(a->octet, mapped, sizeof mapped) != 0;
}

bool ip_is_host(const struct rs_host *h, const struct rs_addr *a)
{
    return (a->version == 4 || a->version == 6) && (ip_is_loopback(a) || ip_is_unicast(h, a));
}

/* ---- Ways ------------------------------------------------------------------------------- */

/* RFC 6724 section 5, the rules that tell the addresses of one link apart: the destination itself
 * (1), a scope that reaches it (2), then the longest matching prefix (8). */
static unsigned fitness(const struct own_addr *o, const struct rs_addr *dst)
{
    const unsigned matching = common_bits(&o->addr, dst);
    const unsigned scope = is_link_local(&o->addr) == is_link_local(dst) ? 1000 : 0;

    return 1 + scope + (matching < o->prefix_len ? matching : o->prefix_len) +
           (rs_addr_eq(&o->addr, dst) ? 2000 : 0);
}

/* MUST-44. */
bool ip_source_on(const struct rs_host *h, unsigned link, const struct rs_addr *dst,
                  struct rs_addr *src)
{
    unsigned best = 0;

    for (unsigned i = 0; i < h->n_own; i++) {
        const struct own_addr *o = &h->own[i];
        if (o->state != OWN_VALID || o->addr.version != dst->version || o->link != link)
            continue;
        const unsigned f = fitness(o, dst);
        if (f > best && !(BUG(SOURCE_FIRST) && best)) {
            best = f;
            *src = o->addr;
        }
    }
    return best > 0;
}

static bool covers(const struct own_addr *o, const struct rs_addr *dst)
{
    return o->addr.version == dst->version && common_bits(&o->addr, dst) >= o->prefix_len;
}

/* The link whose network has the longest prefix of dst; else the first with a gateway; else the
 * first that speaks the version at all. */
static unsigned route(const struct rs_host *h, const struct rs_addr *dst)
{
    unsigned best = 0;
    unsigned link = 0;

    for (unsigned i = 0; h->n_links > 1 && i < h->n_own && !BUG(ROUTE_FIRST); i++) {
        const struct own_addr *o = &h->own[i];
        const struct link *l = &h->link[o->link];
        const uint8_t way = dst->version == 4 ? l->gateway.version : l->gateway6.version;
        if (o->addr.version != dst->version)
            continue;
        const unsigned worth = covers(o, dst) ? 3u + o->prefix_len : way ? 2 : 1;
        if (worth > best) {
            best = worth;
            link = o->link;
        }
    }
    return link;
}

/* MUST-44.  Loopback speaks to loopback from the address spoken to. */
bool ip_source_for(const struct rs_host *h, const struct rs_addr *dst, struct rs_addr *src)
{
    if (!ip_is_loopback(dst))
        return ip_source_on(h, route(h, dst), dst, src);
    *src = *dst;
    return true;
}

/* What shares a network with us is on the link; the rest goes to the link's router, if any.
 * Without a gateway everything is tried on the link. */
struct rs_addr ip_next_hop(const struct rs_host *h, unsigned link, const struct rs_addr *dst)
{
    const struct link *l = &h->link[link];
    const struct rs_addr *gateway = dst->version == 4 ? &l->gateway : &l->gateway6;

    if (gateway->version != dst->version || is_link_local(dst))
        return *dst;
    for (unsigned i = 0; i < h->n_own; i++)
        if (h->own[i].link == link && covers(&h->own[i], dst) && !BUG(GATEWAY_ALWAYS))
            return *dst;
    return *gateway;
}
