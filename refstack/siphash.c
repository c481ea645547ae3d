/* SipHash-2-4: a keyed function of few octets that nobody without the key can foretell, cheap
 * enough for each segment.  RFC 6528 and RFC 6056 ask for such a one, and so does any table whose
 * keys a stranger chooses. */
#include "refstack/siphash.h"

#include <endian.h>
#include <string.h>

/* n is never 0 here, nor 64. */
static inline uint64_t rotl(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

static inline __attribute__((always_inline)) void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

/* Octets are taken in little-endian order, as the algorithm's test vectors are. */
static inline uint64_t load(const uint8_t *p, size_t n)
{
    uint64_t x = 0;
    memcpy(&x, p, n);
    return le64toh(x);
}

static inline __attribute__((always_inline)) void compress(uint64_t v[4], uint64_t m)
{
    v[3] ^= m;
    sip_round(v);
    sip_round(v);
    v[0] ^= m;
}

/* The four constants, and 0xff at the end, are the algorithm's own.  The length stands in the last
 * word, so that data which differ by trailing zeros do not meet. */
uint64_t siphash(const uint64_t key[2], const void *data, size_t len)
{
    const uint8_t *p = data;
    uint64_t v[4] = {
        key[0] ^ UINT64_C(0x736f6d6570736575),
        key[1] ^ UINT64_C(0x646f72616e646f6d),
        key[0] ^ UINT64_C(0x6c7967656e657261),
        key[1] ^ UINT64_C(0x7465646279746573),
    };
    size_t left = len;

    for (; left >= 8; p += 8, left -= 8)
        compress(v, load(p, 8));
    compress(v, (left ? load(p, left) : 0) | (uint64_t)len << 56);
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
