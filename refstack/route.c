/* Which addresses are ours, which are anybody's, and where a datagram goes first.
 *
 * The host has one link and itself: what is ours never reaches the link, and what the link brings
 * is never ours by source (RFC 1122 section 3.2.1.3 (g)). */
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

static void add(struct rs_host *h, const struct rs_addr *a, uint8_t prefix_len)
{
    if (!a->version)
        return;
    h->own[h->n_own++] = (struct own_addr){
        .addr = *a,
        .prefix_len = prefix_len,
        .state = a->version == 6 && h->cfg.dad ? OWN_TENTATIVE : OWN_VALID,
        .deadline = h->now,
    };
}

/* fe80::/64 with the modified EUI-64 of the link's address (RFC 4291 appendix A). */
static void add_link_local(struct rs_host *h)
{
    const uint8_t *m = h->cfg.mac;
    const struct rs_addr a = {
        .version = 6,
        .octet = { 0xfe, 0x80, [8] = (uint8_t)(m[0] ^ 2), m[1], m[2], 0xff, 0xfe, m[3], m[4],
                   m[5] },
    };
    if (h->cfg.link == RS_LINK_ETHERNET && h->cfg.addr6.version == 6)
        add(h, &a, 64);
}

void addr_init(struct rs_host *h)
{
    h->n_own = 0;
    add(h, &h->cfg.addr, h->cfg.prefix_len);
    add(h, &h->cfg.addr6, h->cfg.prefix6);
    add_link_local(h);
    for (unsigned i = 0; i < RS_MORE_ADDRS; i++)
        add(h, &h->cfg.more[i].addr, h->cfg.more[i].prefix_len);
}

static bool net_usable(const struct rs_addr *a, uint8_t prefix_len)
{
    return (a->version == 4 || a->version == 6) && prefix_len <= address_bits(a) &&
           !ip_is_multicast(a) && !ip_is_unspecified(a) && !ip_is_loopback(a);
}

bool addr_config_usable(const struct rs_config *c)
{
    bool any6 = c->addr6.version == 6;

    if (!c->addr.version && !c->addr6.version)
        return false;
    if (c->addr.version && (c->addr.version != 4 || !net_usable(&c->addr, c->prefix_len)))
        return false;
    if (c->addr6.version && (!any6 || !net_usable(&c->addr6, c->prefix6)))
        return false;
    for (unsigned i = 0; i < RS_MORE_ADDRS; i++) {
        const struct rs_net *n = &c->more[i];
        if (n->addr.version && !net_usable(&n->addr, n->prefix_len))
            return false;
        any6 = any6 || n->addr.version == 6;
    }
    /* RFC 8200 section 5: every link that carries IPv6 takes 1280 octets. */
    return !any6 || c->mtu >= IP6_MIN_MTU;
}

struct own_addr *addr_find(struct rs_host *h, const struct rs_addr *a)
{
    for (unsigned i = 0; i < h->n_own; i++)
        if (rs_addr_eq(&h->own[i].addr, a))
            return &h->own[i];
    return NULL;
}

bool ip_is_local(const struct rs_host *h, const struct rs_addr *a)
{
    for (unsigned i = 0; i < h->n_own; i++)
        if (h->own[i].state == OWN_VALID && rs_addr_eq(&h->own[i].addr, a))
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
bool ip_source_for(const struct rs_host *h, const struct rs_addr *dst, struct rs_addr *src)
{
    unsigned best = 0;

    if (ip_is_loopback(dst)) {
        *src = *dst;
        return true;
    }
    for (unsigned i = 0; i < h->n_own; i++) {
        const struct own_addr *o = &h->own[i];
        if (o->state != OWN_VALID || o->addr.version != dst->version)
            continue;
        const unsigned f = fitness(o, dst);
        if (f > best && !(BUG(SOURCE_FIRST) && best)) {
            best = f;
            *src = o->addr;
        }
    }
    return best > 0;
}

/* What shares a network with us is on the link; the rest goes to the default router, if any. */
struct rs_addr ip_next_hop(const struct rs_host *h, const struct rs_addr *dst)
{
    const struct rs_addr *gateway = dst->version == 4 ? &h->cfg.gateway : &h->cfg.gateway6;

    if (gateway->version != dst->version || is_link_local(dst))
        return *dst;
    for (unsigned i = 0; i < h->n_own; i++)
        if (h->own[i].addr.version == dst->version &&
            common_bits(&h->own[i].addr, dst) >= h->own[i].prefix_len)
            return *dst;
    return *gateway;
}
