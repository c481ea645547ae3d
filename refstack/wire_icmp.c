/* ICMP messages, RFC 792: every type has the same first eight octets. */
#include "refstack/bugs.h"
#include "refstack/cursor.h"
#include "refstack/wire.h"

enum { ICMP_CSUM_AT = 2 };

/* What the second four octets mean depends on the type: an identifier, an MTU, a pointer. */
enum wire_result icmp_parse(struct icmp_msg *m, const uint8_t *p, size_t len)
{
    struct rcur c = rcur_of(p, BUG(ICMP_SHORT) && len < ICMP_HEADER ? ICMP_HEADER : len);
    m->type = rcur_u8(&c);
    m->code = rcur_u8(&c);
    m->csum = rcur_u16(&c);
    m->rest = rcur_u32(&c);
    m->body_len = rcur_left(&c);
    m->body = rcur_take(&c, m->body_len);
    return c.bad ? WIRE_TRUNCATED : WIRE_OK;
}

/* No pseudo-header here, unlike ICMPv6. */
bool icmp_checksum_ok(const uint8_t *p, size_t len)
{
    return csum_fold(csum_add(0, p, len)) == 0;
}

size_t icmp_emit(const struct icmp_msg *m, uint8_t *buf, size_t cap)
{
    struct wcur c = wcur_of(buf, cap);
    wcur_u8(&c, m->type);
    wcur_u8(&c, m->code);
    wcur_u16(&c, m->csum);
    wcur_u32(&c, m->rest);
    wcur_copy(&c, m->body, m->body_len);
    return c.bad ? 0 : ICMP_HEADER + m->body_len;
}

size_t icmp_emit_sum(const struct icmp_msg *m, uint8_t *buf, size_t cap)
{
    struct icmp_msg zeroed = *m;
    zeroed.csum = 0;
    const size_t n = icmp_emit(&zeroed, buf, cap);
    if (n) {
        struct wcur c = wcur_of(buf + ICMP_CSUM_AT, 2);
        wcur_u16(&c, csum_fold(csum_add(0, buf, n)));
    }
    return n;
}
