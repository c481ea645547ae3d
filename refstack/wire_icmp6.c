/* ICMPv6 checksums (RFC 4443 section 2.3) and Neighbour Discovery messages (RFC 4861 section 4).
 *
 *   octet  Neighbour Discovery message            octet  option
 *     0    type, code, checksum                     0    type
 *     4    flags R, S, O; reserved                  1    length in units of 8 octets
 *     8    target                                   2    body
 *    24    options
 *
 *   octet  Neighbour Discovery message            octet  option
 *     0    type, code, checksum                     0    type
 *     4    flags R, S, O; reserved                  1    length in units of 8 octets
 *     8    target                                   2    body
 *    24    options */
#include "refstack/cursor.h"
#include "refstack/wire.h"

enum { ICMP6_CSUM_AT = 2, ADDRESS = 16, OPT_PREFIX = 2 };

/* With a pseudo-header, since IPv6 itself has no checksum and a wrong address would go unseen. */
static uint16_t sum_of(const struct rs_addr *src, const struct rs_addr *dst, const uint8_t *p,
                       size_t len)
{
    return csum_fold(csum_add(csum_pseudo(src, dst, IP_PROTO_ICMP6, (uint32_t)len), p, len));
}

bool icmp6_checksum_ok(const struct rs_addr *src, const struct rs_addr *dst, const uint8_t *p,
                       size_t len)
{
    return sum_of(src, dst, p, len) == 0;
}

size_t icmp6_emit_sum(const struct icmp_msg *m, const struct rs_addr *src,
                      const struct rs_addr *dst, uint8_t *buf, size_t cap)
{
    struct icmp_msg zeroed = *m;
    zeroed.csum = 0;
    const size_t n = icmp_emit(&zeroed, buf, cap);
    if (n) {
        struct wcur c = wcur_of(buf + ICMP6_CSUM_AT, 2);
        wcur_u16(&c, sum_of(src, dst, buf, n));
    }
    return n;
}

/* The flags are where ICMP has its rest; a solicitation's are reserved. */
enum wire_result nd_parse(struct nd_msg *n, const struct icmp_msg *m)
{
    struct rcur c = rcur_of(m->body, m->body_len);
    n->flags = m->rest;
    n->target = (struct rs_addr){ .version = 6 };
    rcur_copy(&c, n->target.octet, ADDRESS);
    n->opt_len = rcur_left(&c);
    n->opt = rcur_take(&c, n->opt_len);
    return c.bad ? WIRE_TRUNCATED : WIRE_OK;
}

size_t nd_emit(const struct nd_msg *n, uint8_t *buf, size_t cap)
{
    struct wcur c = wcur_of(buf, cap);
    wcur_copy(&c, n->target.octet, ADDRESS);
    wcur_copy(&c, n->opt, n->opt_len);
    return c.bad ? 0 : ADDRESS + n->opt_len;
}

/* A length of 0 spoils the whole message (RFC 4861 section 4.6).  Contiki-NG (e6d698cd1) counted
 * its offset in eight bits and came round to where it had been. */
bool nd_opt_next(struct rcur *c, struct nd_opt *o)
{
    *o = (struct nd_opt){ .words = 0 };
    if (rcur_left(c) == 0)
        return false;
    o->type = rcur_u8(c);
    o->words = rcur_u8(c);
    if (o->words == 0) {
        c->bad = true;
        return false;
    }
    o->body_len = (size_t)o->words * 8 - OPT_PREFIX;
    o->body = rcur_take(c, o->body_len);
    return !c->bad;
}

void nd_opt_put(struct wcur *c, const struct nd_opt *o)
{
    wcur_u8(c, o->type);
    wcur_u8(c, o->words);
    wcur_copy(c, o->body, o->body_len);
}
