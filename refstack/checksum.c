/* The Internet checksum, RFC 1071.
 *
 * A ones' complement sum may be taken in any octet order and over words of any multiple of 16 bits,
 * as long as carries come back in at the bottom (RFC 1071 section 2).  So the octets are loaded in
 * the machine's own order, 32 bits at a time into 64-bit sums that cannot overflow within a block,
 * and only csum_fold puts the result into network order.
 *
 * The inner loop is the one place besides cursor.h that touches octets: it is what bounds the
 * throughput of a transfer.  Loads and stores go through memcpy, hence any alignment is fine. */
#include <string.h>

#include "refstack/bugs.h"
#include "refstack/wire.h"

enum {
    LANES = 8,             /* independent 32-bit columns: two or more vector registers' worth */
    STRIDE = LANES * 4,    /* octets taken per round */
    BLOCK = STRIDE * 32768, /* octets after which the columns are folded; far from 2^32 rounds */
    HEADER_MAX = 60
};

/* Carries go back in at the bottom.  Not zero unless every addend was. */
static uint32_t fold32(uint64_t sum)
{
    sum = (sum & UINT32_MAX) + (sum >> 32);
    sum = (sum & UINT32_MAX) + (sum >> 32);
    return (uint32_t)sum;
}

static uint64_t load16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint64_t load32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* The last octets, fewer than STRIDE; an odd one is followed by a zero (RFC 1071 section 1). */
static uint64_t add_tail(uint64_t sum, const uint8_t *p, size_t len)
{
    for (; len >= 4; p += 4, len -= 4)
        sum += load32(p);
    if (len & 2) {
        sum += load16(p);
        p += 2;
    }
    if (len & 1) {
        const uint8_t last[2] = { *p, BUG(CHECKSUM_ODD_OVERREAD) ? p[1] : 0 };
        sum += load16(last);
    }
    return sum;
}

/* Columns are kept apart so that a compiler can turn the round into vector additions. */
static uint64_t add_rounds(const uint8_t *p, size_t len)
{
    uint64_t col[LANES] = { 0 };
    for (const uint8_t *end = p + len; p != end; p += STRIDE) {
        uint32_t word[LANES];
        memcpy(word, p, STRIDE);
        for (int i = 0; i < LANES; i++)
            col[i] += word[i];
    }
    uint64_t sum = 0;
    for (int i = 0; i < LANES; i++)
        sum += col[i];
    return sum;
}

static uint64_t copy_rounds(uint8_t *to, const uint8_t *from, size_t len)
{
    uint64_t col[LANES] = { 0 };
    for (const uint8_t *end = from + len; from != end; from += STRIDE, to += STRIDE) {
        uint32_t word[LANES];
        memcpy(word, from, STRIDE);
        memcpy(to, word, STRIDE);
        for (int i = 0; i < LANES; i++)
            col[i] += word[i];
    }
    uint64_t sum = 0;
    for (int i = 0; i < LANES; i++)
        sum += col[i];
    return sum;
}

/* Apart, so that the sum of a header does not pay for what only a long one needs. */
static __attribute__((noinline)) uint32_t add_long(uint32_t sum, const uint8_t *p, size_t len)
{
    while (len >= STRIDE) {
        size_t n = len < BLOCK ? len - len % STRIDE : BLOCK;
        sum = fold32(sum + add_rounds(p, n));
        p += n;
        len -= n;
    }
    return fold32(add_tail(sum, p, len));
}

uint32_t csum_add(uint32_t sum, const void *data, size_t len)
{
    const uint8_t *p = data;
    uint64_t wide = sum;
    if (len > HEADER_MAX)
        return add_long(sum, p, len);
    /* One word a step: vectors would cost more to set up than they give. */
    for (; len >= 8; p += 8, len -= 8)
        wide += load32(p) + load32(p + 4);
    return fold32(add_tail(wide, p, len));
}

uint32_t csum_copy(uint32_t sum, void *to, const void *from, size_t len)
{
    uint8_t *out = to;
    const uint8_t *in = from;
    while (len >= STRIDE) {
        size_t n = len < BLOCK ? len - len % STRIDE : BLOCK;
        sum = fold32(sum + copy_rounds(out, in, n));
        out += n;
        in += n;
        len -= n;
    }
    if (len)
        memcpy(out, in, len);
    return fold32(add_tail(sum, in, len));
}

uint16_t csum_fold(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    const uint16_t native = (uint16_t)~sum;
    uint8_t wire[2];
    memcpy(wire, &native, sizeof wire);
    return (uint16_t)(wire[0] << 8 | wire[1]);
}

/* The upper-layer length is 32 bits wide in IPv6 and 16 in IPv4; where it fits in 16, both layouts
 * give the same sum. */
uint32_t csum_pseudo(const struct rs_addr *src, const struct rs_addr *dst, uint8_t proto,
                     uint32_t len)
{
    const uint8_t rest[8] = {
        (uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len, 0, 0, 0,
        proto,
    };
    const size_t words = src->version == 6 ? 4 : 1;
    uint64_t sum = load32(rest) + load32(rest + 4);
    for (size_t i = 0; i < words; i++)
        sum += load32(src->octet + 4 * i) + load32(dst->octet + 4 * i);
    return fold32(sum);
}
