/* Multicast Listener Discovery, a host's side: routers and switches that watch are told which
 * groups this host listens to (RFC 3810; RFC 4861 section 7.2.1 has a host join the solicited-node
 * group of each address before anything is asked of it).  A querier that speaks version 1 is
 * answered in version 1 (RFC 2710).
 *
 *   an address begins to be wanted   two reports, the second within a second
 *   a query for all groups or one    one report, within the time that it allows
 *
 *   an address begins to be wanted   two reports, the second within a second
 *   a query for all groups or one    one report, within the time that it allows */
#include <string.h>

#include "refstack/cursor.h"
#include "refstack/host.h"
#include "refstack/siphash.h"

enum { QUERY = ICMP6_MLD_QUERY, REPORT1 = 131, REPORT2 = 143, HOPS = 1 };
enum { QUERY1_LEN = 24, QUERY2_LEN = 28, GROUP = 16, RECORD = 20, ROUTER_ALERT = 5 };
/* RFC 3810 section 5.2.12. */
enum record_type { MODE_IS_EXCLUDE = 2, CHANGE_TO_EXCLUDE = 4 };
/* Section 9.1: each change is told so often, */
enum { ROBUSTNESS = 2 };
/* section 9.11: so long apart at most. */
enum { UNSOLICITED_MS = 1000 };

/* A tentative address's group is joined: duplicates of it are told there. */
static bool listens(const struct rs_host *h, const struct own_addr *o)
{
    return o->addr.version == 6 && o->state != OWN_DUPLICATE && h->link[o->link].ethernet;
}

/* A delay drawn for this group at this moment, so that the hosts of a link do not answer at
 * once. */
static rs_time draw(const struct rs_host *h, const struct own_addr *o, uint32_t max_ms)
{
    uint8_t what[sizeof o->addr.octet + sizeof h->now];

    memcpy(what, o->addr.octet, sizeof o->addr.octet);
    memcpy(what + sizeof o->addr.octet, &h->now, sizeof h->now);
    return siphash(h->key, what, sizeof what) % (max_ms + 1u) * RS_MSEC;
}

/* Told at once and once more: a report is not acknowledged, and may be lost. */
void mld_init(struct rs_host *h)
{
    for (unsigned i = 0; h->cfg.mld && i < h->n_own; i++) {
        struct own_addr *o = &h->own[i];
        if (!listens(h, o))
            continue;
        o->record = CHANGE_TO_EXCLUDE;
        o->reports = BUG(MLD_ONCE) ? 1 : ROBUSTNESS;
        o->report_at = h->now;
    }
}

/* ---- Queries ---------------------------------------------------------------------------- */

/* Section 6.2: from a neighbour, and marked for routers.  The hop-by-hop header stands first or not
 * at all. */
static bool has_router_alert(const struct datagram *d)
{
    struct ip6_ext e;
    struct ip6_opt o;
    const uint8_t first = d->start[6];

    if (first != IP6_HOP_BY_HOP ||
        ip6_ext_parse(&e, d->start + IP6_HEADER, d->start_len - IP6_HEADER) != WIRE_OK)
        return false;
    struct rcur c = rcur_of(e.body, e.body_len);
    while (ip6_opt_next(&c, &o))
        if (o.type == ROUTER_ALERT)
            return true;
    return false;
}

/* What came by a router, or from no link-local address, may be anybody's: an answer to it would
 * tell a stranger what this host listens to. */
static bool from_here(const struct datagram *d)
{
    return d->ttl == HOPS && d->src.octet[0] == 0xfe && (d->src.octet[1] & 0xc0) == 0x80 &&
           has_router_alert(d);
}

/* Section 5.1.3: large values are a mantissa and an exponent. */
static uint32_t max_delay(uint32_t code, bool v1)
{
    return v1 || code < 0x8000 ? code : ((code & 0xfff) | 0x1000) << ((code >> 12 & 7) + 3);
}

/* Section 6.2: an answer that is due sooner anyway will do. */
static void answer(struct rs_host *h, struct own_addr *o, uint32_t max_ms, bool v1)
{
    const rs_time at = h->now + draw(h, o, max_ms);

    o->version1 = v1 && !BUG(MLD_V1_UNHEARD);
    if (o->reports && o->report_at <= at)
        return;
    if (!o->reports) {
        o->record = MODE_IS_EXCLUDE;
        o->reports = 1;
    }
    o->report_at = at;
}

/* The length tells the versions apart (RFC 3810 section 8.1). */
enum rs_reason mld_input(struct rs_host *h, const struct datagram *d, const struct icmp_msg *m)
{
    struct rcur c = rcur_of(m->body, m->body_len);
    struct rs_addr group = { .version = 6 };
    const bool v1 = d->len == QUERY1_LEN;

    rcur_copy(&c, group.octet, GROUP);
    if (!h->cfg.mld)
        return RS_REASON_ICMP_IGNORED;
    if (c.bad || (!v1 && d->len < QUERY2_LEN) || (!from_here(d) && !BUG(MLD_FAR)))
        return RS_REASON_ICMP_BAD;
    for (unsigned i = 0; i < h->n_own; i++) {
        struct own_addr *o = &h->own[i];
        const struct rs_addr listened = ip6_solicited_node(&o->addr);
        const bool asked = ip_is_unspecified(&group) || rs_addr_eq(&group, &listened);
        if (asked && o->link == h->in_link && listens(h, o))
            answer(h, o, max_delay(m->rest >> 16, v1), v1);
    }
    return RS_REASON_ACCEPTED;
}

/* ---- Reports ---------------------------------------------------------------------------- */

/* Section 5.2.13: from a link-local address that serves, or from nobody. */
static struct rs_addr source(const struct rs_host *h, unsigned link)
{
    for (unsigned i = 0; i < h->n_own; i++) {
        const struct own_addr *o = &h->own[i];
        if (o->link == link && o->state == OWN_VALID && o->addr.version == 6 &&
            o->addr.octet[0] == 0xfe && (o->addr.octet[1] & 0xc0) == 0x80)
            return o->addr;
    }
    return (struct rs_addr){ .version = 6 };
}

/* One group a report; each is due at its own time. */
static size_t report(const struct rs_host *h, const struct own_addr *o, uint8_t *buf, size_t cap)
{
    static const uint8_t alert[] = { IP_PROTO_ICMP6, 0, ROUTER_ALERT, 2, 0, 0, IP6_OPT_PADN, 0 };
    static const struct rs_addr routers = { .version = 6, .octet = { 0xff, 2, [15] = 0x16 } };
    const struct rs_addr group = ip6_solicited_node(&o->addr);
    const struct rs_addr src = source(h, o->link);
    uint8_t body[RECORD] = { o->record };
    struct icmp_msg m = { .type = REPORT2, .rest = 1, .body = body, .body_len = RECORD };
    struct ip6_hdr ip = { .next = IP6_HOP_BY_HOP, .hops = BUG(MLD_ROUTED) ? 64 : HOPS,
                          .src = src, .dst = routers };
    struct eth_hdr eth = { .type = ETH_TYPE_IP6, .dst = { 0x33, 0x33 } };

    memcpy(body + RECORD - GROUP, group.octet, GROUP);
    if (o->version1) {
        ip.dst = group;
        m = (struct icmp_msg){ .type = REPORT1, .body = group.octet, .body_len = GROUP };
    }
    memcpy(eth.src, h->link[o->link].mac, sizeof eth.src);
    memcpy(eth.dst + 2, ip.dst.octet + 12, 4);
    ip.payload_len = (uint16_t)(sizeof alert + ICMP_HEADER + m.body_len);
    if (cap < ETH_HEADER + (size_t)IP6_HEADER + ip.payload_len)
        return 0;
    size_t n = eth_emit(&eth, buf, cap);
    n += ip6_emit(&ip, buf + n, cap - n);
    memcpy(buf + n, alert, sizeof alert);
    n += sizeof alert;
    return n + icmp6_emit_sum(&m, &src, &ip.dst, buf + n, cap - n);
}

/* The state counts down whether or not the address still listens, so that nothing is left over. */
size_t mld_output(struct rs_host *h, uint8_t *buf, size_t cap)
{
    for (unsigned i = 0; i < h->n_own; i++) {
        struct own_addr *o = &h->own[i];
        if (o->reports == 0 || o->report_at > h->now ||
            (BUG(MLD_AFTER_QUESTION) && o->state == OWN_TENTATIVE && !o->probed))
            continue;
        o->reports--;
        o->report_at = h->now + draw(h, o, UNSOLICITED_MS);
        if (!listens(h, o))
            continue;
        h->out_link = o->link;
        return report(h, o, buf, cap);
    }
    return 0;
}

rs_time mld_deadline(const struct rs_host *h)
{
    rs_time earliest = RS_NEVER;

    for (unsigned i = 0; i < h->n_own; i++)
        if (h->own[i].reports && h->own[i].report_at < earliest)
            earliest = h->own[i].report_at;
    return earliest;
}
