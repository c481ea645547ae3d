/* ICMP errors sent, of either version: when not to, how often, and what they quote.
 *
 *   what was wrong with a datagram     IPv4                        IPv6
 *   nobody has the port (UDP)          unreachable, port           unreachable, port
 *   nobody has the protocol            unreachable, protocol       parameter problem, next header
 *   a header not understood            none                        parameter problem
 *   pieces missing after a minute      time exceeded, reassembly   time exceeded, reassembly
 *
 *   what was wrong with a datagram     IPv4                        IPv6
 *   nobody has the port (UDP)          unreachable, port           unreachable, port
 *   nobody has the protocol            unreachable, protocol       parameter problem, next header
 *   a header not understood            none                        parameter problem
 *   pieces missing after a minute      time exceeded, reassembly   time exceeded, reassembly */
#include <string.h>

#include "refstack/cursor.h"
#include "refstack/host.h"
#include "refstack/siphash.h"

enum {
    QUOTED4 = 8,         /* octets beyond the IP header, RFC 1122 section 3.2.2 */
    INFORMATIONAL6 = 128 /* ICMPv6 types below are errors */
};

/* RFC 4443 section 2.4 (f): a bucket that holds so many, one more every so often. */
enum { BURST = 10 };
static const rs_time refill = 100 * RS_MSEC;

/* A type cut off counts as an error: rather one too few than two hosts that send each other errors
 * about errors. */
static bool is_icmp4_error(const struct datagram *d)
{
    struct rcur c = rcur_of(d->payload, d->len);
    const uint8_t type = rcur_u8(&c);

    return d->proto == IP_PROTO_ICMP && (c.bad || (type != ICMP_ECHO && type != ICMP_ECHO_REPLY));
}

/* A chain of headers that cannot be followed might hide an error. */
static bool is_icmp6_error(const struct datagram *d)
{
    uint8_t proto;
    size_t at;

    if (!ip6_upper(d->start, d->start_len, &proto, &at))
        return true;
    struct rcur c = rcur_of(d->start + at, d->start_len - at);
    const uint8_t type = rcur_u8(&c);
    return proto == IP_PROTO_ICMP6 && (c.bad || type < INFORMATIONAL6);
}

/* RFC 1122 section 3.2.2, RFC 4443 section 2.4 (e): nothing about an error, nor to what is not one
 * host's; about what went to a group only that its path is too narrow or an option not understood.
 * Later fragments of IPv4 never come this far. */
static bool may_send(const struct rs_host *h, const struct datagram *d, uint8_t type, uint8_t code)
{
    if (!ip_is_local(h, &d->src) && !ip_is_unicast(h, &d->src))
        return false;
    if (d->src.version == 4)
        return !is_icmp4_error(d) || BUG(ICMP_ABOUT_ICMP);
    const bool for_groups = type == ICMP6_TOO_BIG || (type == ICMP6_PARAMETER_PROBLEM && code == 2);
    if (is_icmp6_error(d) && !BUG(ICMP_ABOUT_ICMP))
        return false;
    return for_groups || !ip_is_multicast(&d->dst);
}

/* One bucket for each hash of the destination, under the host's key: what one peer makes us send
 * tells another nothing (CVE-2020-25705).  The time kept is when the bucket will be full again. */
static bool take_token(struct rs_host *h, const struct rs_addr *dst)
{
    const uint64_t hash = siphash(&h->key[2], dst->octet, sizeof dst->octet);
    rs_time *full = &h->icmp_ready[BUG(ICMP_LIMIT_GLOBAL) ? 0 : hash % ICMP_BUCKETS];

    if (*full < h->now)
        *full = h->now;
    if (*full - h->now > (BURST - 1) * refill && !BUG(ICMP_NO_LIMIT))
        return false;
    *full += refill;
    return true;
}

/* The buffer counts the largest header, options included: VxWorks (CVE-2019-12256) copied them into
 * one of twenty octets. */
static void send4(struct rs_host *h, const struct rs_addr *src, const struct datagram *d,
                  struct icmp_msg *m)
{
    uint8_t buf[IP4_HEADER + ICMP_HEADER + IP4_HEADER + IP4_OPT_MAX + QUOTED4];
    const size_t quoted = d->start_len - d->len + (BUG(ICMP_QUOTE_SHORT) ? 0 : QUOTED4);

    m->body_len = d->start_len < quoted && !BUG(ICMP_QUOTES_BEYOND) ? d->start_len : quoted;
    const size_t n = ip_emit_header(h, src, &d->src, IP_PROTO_ICMP, 0, h->cfg.tcp.ttl,
                                    ICMP_HEADER + m->body_len, buf, sizeof buf);
    const size_t k = n ? icmp_emit_sum(m, buf + n, sizeof buf - n) : 0;
    if (k)
        ip_queue(h, src, &d->src, buf, n + k, buf, 0);
}

/* As much of it as fits the least MTU (RFC 4443 section 2.4 (c)). */
static void send6(struct rs_host *h, const struct rs_addr *src, const struct datagram *d,
                  struct icmp_msg *m)
{
    uint8_t buf[IP6_MIN_MTU];
    const size_t room = sizeof buf - IP6_HEADER - ICMP_HEADER;

    m->body_len = d->start_len < room ? d->start_len : room;
    const size_t n = ip_emit_header(h, src, &d->src, IP_PROTO_ICMP6, 0, h->cfg.tcp.ttl,
                                    ICMP_HEADER + m->body_len, buf, sizeof buf);
    const size_t k = n ? icmp6_emit_sum(m, src, &d->src, buf + n, sizeof buf - n) : 0;
    if (k)
        ip_queue(h, src, &d->src, buf, n + k, buf, 0);
}

/* Asked first whether at all, then whether now: an error that may not be sent costs its peer no
 * token.  It comes from the address that was written to, or from one of the link's where that was a
 * group. */
void icmp_send_error(struct rs_host *h, const struct datagram *d, uint8_t type, uint8_t code,
                     uint32_t rest)
{
    struct icmp_msg m = { .type = type, .code = code, .rest = rest, .body = d->start };
    struct rs_addr src = d->dst;

    if (!may_send(h, d, type, code) || !take_token(h, &d->src))
        return;
    if (!ip_is_local(h, &d->dst) && !ip_source_on(h, h->in_link, &d->src, &src))
        return;
    if (d->src.version == 4)
        send4(h, &src, d, &m);
    else
        send6(h, &src, d, &m);
}
