/* The TCP header, RFC 9293 section 3.1.  Flags are twelve bits, the reserved ones included, so that
 * any combination can be held.
 *
 *   octet  bits
 *     0     16   source port
 *     2     16   destination port
 *     4     32   SEG.SEQ
 *     8     32   SEG.ACK
 *    12      4   data offset, in words of 32 bits
 *            4   reserved
 *            8   CWR ECE URG ACK PSH RST SYN FIN
 *    14     16   SEG.WND, to be scaled but in a SYN
 *    16     16   checksum
 *    18     16   urgent pointer, of no meaning without URG (U-46)
 *    20          options, up to the data offset; then text
 *
 *   octet  bits
 *     0     16   source port
 *     2     16   destination port
 *     4     32   SEG.SEQ
 *     8     32   SEG.ACK
 *    12      4   data offset, in words of 32 bits
 *            4   reserved
 *            8   CWR ECE URG ACK PSH RST SYN FIN
 *    14     16   SEG.WND, to be scaled but in a SYN
 *    16     16   checksum
 *    18     16   urgent pointer, of no meaning without URG (U-46)
 *    20          options, up to the data offset; then text */
#include "refstack/bugs.h"
#include "refstack/cursor.h"
#include "refstack/wire.h"

enum { TCP_CSUM_AT = 16, TCP_MIN_WORDS = 5, TCP_MAX_WORDS = 15, TCP_FLAG_BITS = 0xfff };

/* The window field is unsigned (MUST-1).  A data offset below five words or beyond the segment
 * leaves no header to believe (U-47).  The reserved bits are kept and mean nothing (U-45); wolfIP
 * (b0ee2cc) had them in the offset.  Text and options stay where they are: the struct points at
 * them.
 *
 * The length is the datagram's, never one that the segment names: Treck (CVE-2020-11907) mixed the
 * two. */
enum wire_result tcp_parse(struct tcp_seg *s, const uint8_t *p, size_t len)
{
    struct rcur c = rcur_of(p, len);
    s->src_port = rcur_u16(&c);
    s->dst_port = rcur_u16(&c);
    s->seq = rcur_u32(&c);
    s->ack = rcur_u32(&c);
    const uint16_t word = rcur_u16(&c);
    s->doff = (uint8_t)(word >> 12);
    s->flags = word & TCP_FLAG_BITS;
    s->wnd = rcur_u16(&c);
    s->csum = rcur_u16(&c);
    s->up = rcur_u16(&c);
    if (c.bad)
        return WIRE_TRUNCATED;
    const size_t header = (size_t)s->doff * 4;
    if (BUG(RESERVED_REFUSED) && s->flags >> 9)
        return WIRE_BAD_LENGTH;
    if (header < TCP_HEADER || (header > len && !BUG(TCP_OFFSET_TRUSTED)))
        return WIRE_BAD_LENGTH;
    s->opt_len = (uint8_t)(header - TCP_HEADER);
    s->opt = BUG(TCP_OFFSET_TRUSTED) ? p + TCP_HEADER : rcur_take(&c, s->opt_len);
    s->text_len = (uint32_t)rcur_left(&c);
    s->text = rcur_take(&c, s->text_len);
    return WIRE_OK;
}

/* By words: most segments have three of them, for which a copy of any length takes too long to get
 * going. */
static void put_options(struct wcur *c, const uint8_t *opt, size_t len)
{
    uint8_t *to = wcur_room(c, len);
    if (!to)
        return;
    for (; len >= 4; to += 4, opt += 4, len -= 4)
        memcpy(to, opt, 4);
    for (; len > 0; len--)
        *to++ = *opt++;
}

/* Header and options, padded with EOL up to the data offset (MUST-69). */
static void put_header(struct wcur *c, const struct tcp_seg *s, uint8_t doff, uint16_t csum)
{
    wcur_u16(c, s->src_port);
    wcur_u16(c, s->dst_port);
    wcur_u32(c, s->seq);
    wcur_u32(c, s->ack);
    wcur_u16(c, (uint16_t)(doff << 12 | s->flags));
    wcur_u16(c, s->wnd);
    wcur_u16(c, csum);
    wcur_u16(c, s->up);
    put_options(c, s->opt, s->opt_len);
    for (int i = TCP_HEADER + s->opt_len; i < doff * 4; i++) {
        if (BUG(PADDING_STALE))
            wcur_room(c, 1);
        else
            wcur_u8(c, OPT_EOL);
    }
}

/* What a script asks for may be wrong TCP, but it must fit the header's fields. */
static bool fits_fields(const struct tcp_seg *s, uint8_t doff)
{
    return doff <= TCP_MAX_WORDS && s->opt_len <= TCP_OPT_MAX && s->flags <= TCP_FLAG_BITS;
}

/* As the struct says, checksum and data offset too, for tests that send what no stack would. */
size_t tcp_emit(const struct tcp_seg *s, uint8_t *buf, size_t cap)
{
    if (!fits_fields(s, s->doff))
        return 0;
    struct wcur c = wcur_of(buf, cap);
    put_header(&c, s, s->doff, s->csum);
    uint8_t *text = wcur_room(&c, s->text_len);
    if (c.bad)
        return 0;
    if (s->text_len && s->text)
        memcpy(text, s->text, s->text_len);
    else if (s->text_len)
        memset(text, 0, s->text_len);
    return (size_t)(c.p - buf);
}

void tcp_put_csum(uint8_t *header, uint16_t csum)
{
    struct wcur field = wcur_of(header + TCP_CSUM_AT, 2);
    wcur_u16(&field, csum);
}

/* MUST-2.  The text is copied and summed in one pass: this is the path of every segment sent. */
size_t tcp_emit_sum(const struct tcp_seg *s, const struct rs_addr *src, const struct rs_addr *dst,
                    uint8_t *buf, size_t cap)
{
    const uint8_t doff = (uint8_t)(TCP_MIN_WORDS + (s->opt_len + 3) / 4);
    if (!fits_fields(s, doff))
        return 0;
    struct wcur c = wcur_of(buf, cap);
    put_header(&c, s, doff, 0);
    uint8_t *text = wcur_room(&c, s->text_len);
    if (c.bad)
        return 0;
    const size_t n = (size_t)(c.p - buf);
    uint32_t sum = csum_pseudo(src, dst, IP_PROTO_TCP, (uint32_t)n);
    sum = csum_add(sum, buf, (size_t)doff * 4);
    if (s->text)
        sum = csum_copy(sum, text, s->text, s->text_len);
    else if (s->text_len)
        memset(text, 0, s->text_len);
    tcp_put_csum(buf, csum_fold(sum));
    return n;
}

/* MUST-3.  The sum runs over pseudo-header, header and text, its own field included, and is zero
 * when nothing was changed. */
bool tcp_checksum_ok(const struct rs_addr *src, const struct rs_addr *dst, const uint8_t *p,
                     size_t len)
{
    const uint32_t sum = csum_pseudo(src, dst, IP_PROTO_TCP, (uint32_t)len);
    return csum_fold(csum_add(sum, p, len)) == 0;
}
