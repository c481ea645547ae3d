/* Neighbour Discovery between hosts (RFC 4861 section 7) and duplicate address detection (RFC 4862
 * section 5.4).  Routers, prefixes and the MTU come from the configuration alone: Router
 * Advertisements are not heeded, so that nobody on the link changes what the same calls give.
 *
 *   question or answer         from          to                           says
 *   solicitation, new          own address   the target's group           the sender's MAC
 *   solicitation, PROBE        own address   the neighbour                the sender's MAC
 *   solicitation, DAD          ::            the target's group           nothing
 *   advertisement, asked for   the target    who asked                    the target's MAC, S and O
 *   advertisement, for ::      the target    all nodes                    the target's MAC, O
 *
 *   question or answer         from          to                           says
 *   solicitation, new          own address   the target's group           the sender's MAC
 *   solicitation, PROBE        own address   the neighbour                the sender's MAC
 *   solicitation, DAD          ::            the target's group           nothing
 *   advertisement, asked for   the target    who asked                    the target's MAC, S and O
 *   advertisement, for ::      the target    all nodes                    the target's MAC, O */
#include <string.h>

#include "refstack/cursor.h"
#include "refstack/host.h"

enum { ND_HOPS = 255, MAC_OPTION = 8, MAC_WORDS = 1, MAC = 6 };
static const rs_time dad_wait = RS_SEC; /* RetransTimer, after the one probe */
static const struct rs_addr nobody = { .version = 6 };

/* ---- Sending ---------------------------------------------------------------------------- */

struct nd_out {
    unsigned link;
    uint8_t type;
    uint32_t flags;
    uint8_t mac_option; /* 0: none */
    struct rs_addr src, dst, target;
};

/* The datagram, from its IPv6 header on.  A hop limit of 255 shows that no router stood between
 * (RFC 4861 section 7.1.1). */
static size_t emit(const struct rs_host *h, const struct nd_out *o, uint8_t *buf, size_t cap)
{
    uint8_t opt[MAC_OPTION];
    uint8_t body[ND_MSG - ICMP_HEADER + MAC_OPTION];
    struct wcur w = wcur_of(opt, sizeof opt);
    const struct nd_opt mac = {
        .type = o->mac_option, .words = MAC_WORDS, .body = h->link[o->link].mac, .body_len = MAC
    };
    const struct nd_msg n = {
        .target = o->target, .opt = opt, .opt_len = o->mac_option ? MAC_OPTION : 0
    };
    struct icmp_msg m = { .type = o->type, .rest = o->flags, .body = body };

    nd_opt_put(&w, &mac);
    m.body_len = nd_emit(&n, body, sizeof body);
    const size_t ip = ip_emit_header(h, &o->src, &o->dst, IP_PROTO_ICMP6, 0, ND_HOPS,
                                     ICMP_HEADER + m.body_len, buf, cap);
    const size_t k = ip ? icmp6_emit_sum(&m, &o->src, &o->dst, buf + ip, cap - ip) : 0;
    return k ? ip + k : 0;
}

/* Section 7.2.2: the sender's own address goes along when it has one. */
static size_t solicit(const struct rs_host *h, unsigned link, const struct rs_addr *src,
                      const struct rs_addr *target, const uint8_t *mac, uint8_t *buf, size_t cap)
{
    const struct nd_out o = {
        .link = link,
        .type = ND_SOLICIT,
        .mac_option = ip_is_unspecified(src) ? 0 : ND_OPT_SOURCE_MAC,
        .src = *src,
        .dst = mac ? *target : ip6_solicited_node(target),
        .target = *target,
    };
    struct eth_hdr eth = { .type = ETH_TYPE_IP6, .dst = { 0x33, 0x33 } };

    if (cap < ETH_HEADER)
        return 0;
    memcpy(eth.src, h->link[link].mac, MAC);
    if (mac)
        memcpy(eth.dst, mac, MAC);
    else
        memcpy(eth.dst + 2, o.dst.octet + 12, 4);
    const size_t n = emit(h, &o, buf + ETH_HEADER, cap - ETH_HEADER);
    return n ? eth_emit(&eth, buf, cap) + n : 0;
}

/* From an address of the link that the target can answer to. */
size_t nd_solicit(struct rs_host *h, unsigned link, const struct rs_addr *ip, const uint8_t *mac,
                  uint8_t *buf, size_t cap)
{
    struct rs_addr src;

    return ip_source_on(h, link, ip, &src) ? solicit(h, link, &src, ip, mac, buf, cap) : 0;
}

/* Section 7.2.4: to all nodes when the asker has no address. */
static void advertise(struct rs_host *h, const struct rs_addr *to, const struct rs_addr *target)
{
    static const struct rs_addr all_nodes = { .version = 6, .octet = { 0xff, 2, [15] = 1 } };
    const bool asked_by_one = !ip_is_unspecified(to);
    const struct nd_out o = {
        .link = h->in_link,
        .type = ND_ADVERT,
        .flags = ND_OVERRIDE | (asked_by_one ? ND_SOLICITED : 0),
        .mac_option = ND_OPT_TARGET_MAC,
        .src = *target,
        .dst = asked_by_one ? *to : all_nodes,
        .target = *target,
    };
    uint8_t buf[IP6_HEADER + ND_MSG + MAC_OPTION];
    const size_t n = emit(h, &o, buf, sizeof buf);

    if (n)
        ip_queue(h, &o.src, &o.dst, buf, n, buf, 0);
}

/* ---- Receiving -------------------------------------------------------------------------- */

/* The link address in the options: NULL when there is none.  False when the options are no options;
 * unknown ones are skipped (section 4.6).  A group's address is nobody's (the low bit of the first
 * octet). */
static bool read_mac(const struct nd_msg *n, uint8_t type, const uint8_t **mac)
{
    struct rcur c = rcur_of(n->opt, n->opt_len);
    struct nd_opt o;

    *mac = NULL;
    while (nd_opt_next(&c, &o))
        if (o.type == type && o.words == MAC_WORDS && !*mac)
            *mac = o.body;
    return !c.bad && !(*mac && ((*mac)[0] & 1));
}

/* RFC 4862 section 5.4.5: an address that somebody else has does not serve, and is not asked for
 * again until the host is reset. */
static void claimed(struct own_addr *own)
{
    if (BUG(DAD_DEAF))
        return;
    own->state = OWN_DUPLICATE;
    own->deadline = RS_NEVER;
}

/* Section 7.1.1, 7.2.3; RFC 4862 section 5.4.3.  Without a source address it is somebody's
 * detection of duplicates: answered to all, since it has nowhere to be answered to, and contested
 * while the address is only wanted here. */
static enum rs_reason take_solicitation(struct rs_host *h, const struct datagram *d,
                                        const struct nd_msg *n)
{
    const bool from_nobody = ip_is_unspecified(&d->src);
    const struct rs_addr group = ip6_solicited_node(&n->target);
    struct own_addr *own = addr_find(h, &n->target);
    const uint8_t *mac;

    if (!read_mac(n, ND_OPT_SOURCE_MAC, &mac))
        return RS_REASON_ND_BAD;
    if (from_nobody && (mac || !rs_addr_eq(&d->dst, &group)))
        return RS_REASON_ND_BAD;
    if (!own || own->state == OWN_DUPLICATE)
        return RS_REASON_IP_NOT_OURS;
    if (own->state == OWN_TENTATIVE) {
        if (from_nobody)
            claimed(own); /* somebody else wants it too */
        return RS_REASON_ACCEPTED;
    }
    if (mac) {
        struct neighbour *e = neigh_find(h, h->in_link, &d->src);
        neigh_learn(h, e ? e : neigh_new(h, h->in_link, &d->src), mac,
                    BUG(ASKER_TRUSTED));
    }
    if (!from_nobody || !BUG(DAD_UNDEFENDED))
        advertise(h, &d->src, &n->target);
    return RS_REASON_ACCEPTED;
}

/* Section 7.2.5: a different address is taken only when it is to override; a mere contradiction
 * makes what was believed stale. */
static void update(struct rs_host *h, struct neighbour *e, const struct nd_msg *n,
                   const uint8_t *mac)
{
    const bool solicited = (n->flags & ND_SOLICITED) != 0;
    const bool override = (n->flags & ND_OVERRIDE) != 0;

    if (e->state == NEIGH_INCOMPLETE) {
        if (mac)
            neigh_learn(h, e, mac, solicited);
        return;
    }
    if (mac && !override && memcmp(mac, e->mac, MAC) != 0 && !BUG(ND_OVERRIDES)) {
        if (e->state == NEIGH_REACHABLE)
            e->state = NEIGH_STALE;
        return;
    }
    neigh_learn(h, e, mac ? mac : e->mac, solicited);
}

/* Section 7.1.2.  Nobody is made a neighbour by telling of himself unasked (section 7.2.5): only
 * entries that there are change, so that a flood fills nothing. */
static enum rs_reason take_advertisement(struct rs_host *h, const struct datagram *d,
                                         const struct nd_msg *n)
{
    struct own_addr *own = addr_find(h, &n->target);
    struct neighbour *e = neigh_find(h, h->in_link, &n->target);
    const uint8_t *mac;

    if (!read_mac(n, ND_OPT_TARGET_MAC, &mac) || ip_is_unspecified(&d->src))
        return RS_REASON_ND_BAD;
    if (ip_is_multicast(&d->dst) && (n->flags & ND_SOLICITED))
        return RS_REASON_ND_BAD;
    if (own && own->state == OWN_TENTATIVE)
        claimed(own);
    else if (e || BUG(ND_UNASKED_NOTED))
        update(h, e ? e : neigh_new(h, h->in_link, &n->target), n, mac);
    return RS_REASON_ACCEPTED;
}

/* A hop limit of 255 proves that no router passed it on. */
enum rs_reason nd_input(struct rs_host *h, const struct datagram *d, const struct icmp_msg *m)
{
    struct nd_msg n;

    if (!h->link[h->in_link].ethernet)
        return RS_REASON_ICMP_IGNORED;
    if ((d->ttl != ND_HOPS && !BUG(ND_FAR)) || m->code != 0 || nd_parse(&n, m) != WIRE_OK ||
        ip_is_multicast(&n.target))
        return RS_REASON_ND_BAD;
    return m->type == ND_SOLICIT ? take_solicitation(h, d, &n) : take_advertisement(h, d, &n);
}

/* ---- Duplicate address detection ---------------------------------------------------------- */

/* One probe, a second's silence, and the address is this host's (RFC 4862 section 5.1,
 * DupAddrDetectTransmits 1). */
size_t dad_output(struct rs_host *h, uint8_t *buf, size_t cap)
{
    for (unsigned i = 0; i < h->n_own; i++) {
        struct own_addr *o = &h->own[i];
        if (o->state != OWN_TENTATIVE || o->deadline > h->now)
            continue;
        if (o->probed || !h->link[o->link].ethernet || BUG(DAD_UNASKED)) {
            o->state = OWN_VALID;
            continue;
        }
        o->probed = true;
        o->deadline = h->now + dad_wait;
        h->out_link = o->link;
        return solicit(h, o->link, &nobody, &o->addr, NULL, buf, cap);
    }
    return 0;
}

rs_time dad_deadline(const struct rs_host *h)
{
    rs_time earliest = RS_NEVER;

    for (unsigned i = 0; i < h->n_own; i++)
        if (h->own[i].state == OWN_TENTATIVE && h->own[i].deadline < earliest)
            earliest = h->own[i].deadline;
    return earliest;
}
