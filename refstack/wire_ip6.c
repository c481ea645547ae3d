/* The IPv6 header and its extension headers, RFC 8200 sections 3 and 4.
 *
 *   header                          extension header           fragment header
 *   octet  bits                     octet                      octet  bits
 *     0      4  version               0   next header            0      8  next header
 *            8  traffic class         1   its length in units    1      8  reserved
 *           20  flow label                of 8 octets, less 1    2     13  offset, by 8 octets
 *     4     16  payload length        2   body                          2  reserved
 *     6      8  next header                                             1  more follow
 *     7      8  hop limit                                        4     32  identification
 *     8    128  source
 *    24    128  destination
 *
 *   header                          extension header           fragment header
 *   octet  bits                     octet                      octet  bits
 *     0      4  version               0   next header            0      8  next header
 *            8  traffic class         1   its length in units    1      8  reserved
 *           20  flow label                of 8 octets, less 1    2     13  offset, by 8 octets
 *     4     16  payload length        2   body                          2  reserved
 *     6      8  next header                                             1  more follow
 *     7      8  hop limit                                        4     32  identification
 *     8    128  source
 *    24    128  destination */
#include "refstack/bugs.h"
#include "refstack/cursor.h"
#include "refstack/wire.h"

enum { EXT_MIN = 8, EXT_PREFIX = 2 };

static void read_address(struct rcur *c, struct rs_addr *a)
{
    *a = (struct rs_addr){ .version = 6 };
    rcur_copy(c, a->octet, 16);
}

/* Octets behind the payload are padding of the link's.  No checksum: the upper layer's covers the
 * addresses (RFC 8200 section 8.1). */
enum wire_result ip6_parse(struct ip6_hdr *h, const uint8_t *p, size_t len)
{
    struct rcur c = rcur_of(p, len);
    const uint32_t first = rcur_u32(&c);
    h->tclass = (uint8_t)(first >> 20);
    h->flow = first & 0xfffff;
    h->payload_len = rcur_u16(&c);
    h->next = rcur_u8(&c);
    h->hops = rcur_u8(&c);
    read_address(&c, &h->src);
    read_address(&c, &h->dst);
    if (c.bad)
        return WIRE_TRUNCATED;
    if (first >> 28 != 6)
        return WIRE_BAD_VERSION;
    h->payload = BUG(IP6_LENGTH_TRUSTED) ? c.p : rcur_take(&c, h->payload_len);
    return c.bad ? WIRE_BAD_LENGTH : WIRE_OK;
}

size_t ip6_emit(const struct ip6_hdr *h, uint8_t *buf, size_t cap)
{
    struct wcur c = wcur_of(buf, cap);
    wcur_u32(&c, 6u << 28 | (uint32_t)h->tclass << 20 | (h->flow & 0xfffff));
    wcur_u16(&c, h->payload_len);
    wcur_u8(&c, h->next);
    wcur_u8(&c, h->hops);
    wcur_copy(&c, h->src.octet, 16);
    wcur_copy(&c, h->dst.octet, 16);
    return c.bad ? 0 : IP6_HEADER;
}

/* RFC 8200 section 4.2 to 4.6: all of those read here have these two octets in front. */
enum wire_result ip6_ext_parse(struct ip6_ext *e, const uint8_t *p, size_t len)
{
    struct rcur c = rcur_of(p, len);
    if (len < EXT_MIN)
        return WIRE_TRUNCATED;
    e->next = rcur_u8(&c);
    e->words = rcur_u8(&c);
    e->body_len = (uint16_t)(e->words * 8 + EXT_MIN - EXT_PREFIX);
    e->body = BUG(EXTENSION_LENGTH_TRUSTED) ? c.p : rcur_take(&c, e->body_len);
    return c.bad ? WIRE_BAD_LENGTH : WIRE_OK;
}

size_t ip6_ext_emit(const struct ip6_ext *e, uint8_t *buf, size_t cap)
{
    struct wcur c = wcur_of(buf, cap);
    wcur_u8(&c, e->next);
    wcur_u8(&c, e->words);
    wcur_copy(&c, e->body, e->body_len);
    return c.bad ? 0 : (size_t)EXT_PREFIX + e->body_len;
}

/* Eight octets always; its second is reserved and no length. */
enum wire_result ip6_frag_parse(struct ip6_frag *f, const uint8_t *p, size_t len)
{
    struct rcur c = rcur_of(p, len);
    f->next = rcur_u8(&c);
    f->reserved = rcur_u8(&c);
    f->off = rcur_u16(&c);
    f->id = rcur_u32(&c);
    return c.bad ? WIRE_TRUNCATED : WIRE_OK;
}

size_t ip6_frag_emit(const struct ip6_frag *f, uint8_t *buf, size_t cap)
{
    struct wcur c = wcur_of(buf, cap);
    wcur_u8(&c, f->next);
    wcur_u8(&c, f->reserved);
    wcur_u16(&c, f->off);
    wcur_u32(&c, f->id);
    return c.bad ? 0 : IP6_FRAG_HEADER;
}

/* Pad1 is the only option without a length octet.  Each call takes an octet at least, so that the
 * walk ends. */
bool ip6_opt_next(struct rcur *c, struct ip6_opt *o)
{
    *o = (struct ip6_opt){ .type = IP6_OPT_PAD1 };
    if (rcur_left(c) == 0)
        return false;
    o->type = rcur_u8(c);
    if (o->type == IP6_OPT_PAD1)
        return true;
    o->len = rcur_u8(c);
    o->body = rcur_take(c, o->len);
    return !c->bad;
}

void ip6_opt_put(struct wcur *c, const struct ip6_opt *o)
{
    wcur_u8(c, o->type);
    if (o->type == IP6_OPT_PAD1)
        return;
    wcur_u8(c, o->len);
    wcur_copy(c, o->body, o->len);
}
