/* The IPv4 header, RFC 791 section 3.1.
 *
 *   octet  bits
 *     0      4   version
 *            4   header length, in words of 32 bits
 *     1      8   Diffserv (6) and ECN (2)
 *     2     16   total length, header included
 *     4     16   identification
 *     6      3   reserved, DF, MF
 *           13   fragment offset, in units of 8 octets
 *     8      8   TTL
 *     9      8   protocol
 *    10     16   checksum of the header
 *    12     32   source
 *    16     32   destination
 *    20          options, up to the header length
 *
 *   octet  bits
 *     0      4   version
 *            4   header length, in words of 32 bits
 *     1      8   Diffserv (6) and ECN (2)
 *     2     16   total length, header included
 *     4     16   identification
 *     6      3   reserved, DF, MF
 *           13   fragment offset, in units of 8 octets
 *     8      8   TTL
 *     9      8   protocol
 *    10     16   checksum of the header
 *    12     32   source
 *    16     32   destination
 *    20          options, up to the header length */
#include "refstack/bugs.h"
#include "refstack/cursor.h"
#include "refstack/wire.h"

enum { IP4_CSUM_AT = 10, IP4_MIN_WORDS = 5, IP4_MAX_WORDS = 15 };

static void read_address(struct rcur *c, struct rs_addr *a)
{
    *a = (struct rs_addr){ .version = 4 };
    rcur_copy(c, a->octet, 4);
}

/* The twenty octets that every header has; returns its version. */
static uint8_t read_fixed(struct rcur *c, struct ip4_hdr *h)
{
    const uint8_t first = rcur_u8(c);
    h->ihl = first & 0x0f;
    h->tos = rcur_u8(c);
    h->total_len = rcur_u16(c);
    h->id = rcur_u16(c);
    h->frag = rcur_u16(c);
    h->ttl = rcur_u8(c);
    h->proto = rcur_u8(c);
    h->csum = rcur_u16(c);
    read_address(c, &h->src);
    read_address(c, &h->dst);
    return first >> 4;
}

/* Options are kept and none is acted on (MUST-50, MAY-10, MAY-11): an answer takes the ordinary
 * route even where a source route came in (MUST-53).  All three lengths are compared before any is
 * used: the header's own, the datagram's, and the octets there are.  NicheStack (CVE-2020-35684)
 * subtracted the first from the second unasked.  What lies behind the datagram is a link's padding
 * (RFC 894) and no part of it. */
enum wire_result ip4_parse(struct ip4_hdr *h, const uint8_t *p, size_t len)
{
    struct rcur c = rcur_of(p, len);
    const uint8_t version = read_fixed(&c, h);
    if (c.bad)
        return WIRE_TRUNCATED;
    if (version != 4)
        return WIRE_BAD_VERSION;
    const size_t header = (size_t)h->ihl * 4;
    if (header < IP4_HEADER || h->total_len < header ||
        (h->total_len > len && !BUG(IP_LENGTH_TRUSTED)))
        return WIRE_BAD_LENGTH;
    memset(h->opt, 0, sizeof h->opt);
    rcur_copy(&c, h->opt, header - IP4_HEADER);
    h->payload_len = (uint16_t)(h->total_len - header);
    h->payload = rcur_take(&c, h->payload_len);
    if (BUG(IP_LENGTH_TRUSTED))
        h->payload = p + header;
    if (BUG(IP_OPTIONS_COUNTED_TWICE))
        h->payload_len = (uint16_t)(h->total_len - IP4_HEADER);
    return WIRE_OK;
}

/* A header that carries its own complement sums to zero (RFC 1071 section 1). */
bool ip4_checksum_ok(const uint8_t *p, size_t header_len)
{
    return csum_fold(csum_add(0, p, header_len)) == 0;
}

/* Lengths and checksum as the struct has them, right or not. */
size_t ip4_emit(const struct ip4_hdr *h, uint8_t *buf, size_t cap)
{
    if (h->ihl > IP4_MAX_WORDS)
        return 0;
    const size_t options = h->ihl > IP4_MIN_WORDS ? (size_t)(h->ihl - IP4_MIN_WORDS) * 4 : 0;
    struct wcur c = wcur_of(buf, cap);
    wcur_u8(&c, (uint8_t)(4 << 4 | h->ihl));
    wcur_u8(&c, h->tos);
    wcur_u16(&c, h->total_len);
    wcur_u16(&c, h->id);
    wcur_u16(&c, h->frag);
    wcur_u8(&c, h->ttl);
    wcur_u8(&c, h->proto);
    wcur_u16(&c, h->csum);
    wcur_copy(&c, h->src.octet, 4);
    wcur_copy(&c, h->dst.octet, 4);
    wcur_copy(&c, h->opt, options);
    return c.bad ? 0 : IP4_HEADER + options;
}

size_t ip4_emit_sum(const struct ip4_hdr *h, uint8_t *buf, size_t cap)
{
    const size_t n = ip4_emit(h, buf, cap);
    if (n) {
        struct wcur zero = wcur_of(buf + IP4_CSUM_AT, 2), sum = zero;
        wcur_u16(&zero, 0);
        wcur_u16(&sum, csum_fold(csum_add(0, buf, n)));
    }
    return n;
}
