#include "harness/endpoint_stream.h"

#include <string.h>

/* The finalizer of splitmix64: every bit of the input reaches every bit of the output. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t stream_word(uint64_t seed, uint64_t index)
{
    return mix(seed + (index + 1) * 0x9e3779b97f4a7c15u);
}

void stream_make(uint64_t seed, uint64_t at, void *to, size_t len)
{
    uint8_t *p = to;
    /* Whole words, as nearly all are, without a look at each one's edges. */
    for (; at % 8 == 0 && len >= 8; p += 8, at += 8, len -= 8) {
        const uint64_t word = stream_word(seed, at / 8);
        memcpy(p, &word, 8);
    }
    while (len > 0) {
        uint64_t word = stream_word(seed, at / 8);
        size_t skip = at % 8;
        size_t n = 8 - skip < len ? 8 - skip : len;
        memcpy(p, (const uint8_t *)&word + skip, n);
        p += n;
        at += n;
        len -= n;
    }
}

void stream_hash_init(struct stream_hash *h)
{
    *h = (struct stream_hash){ .state = 0x6a09e667f3bcc909u };
}

static uint64_t fold(uint64_t state, uint64_t word)
{
    state ^= word * 0x9ddfea08eb382d69u;
    state = (state << 29) | (state >> 35);
    return state * 0xc6a4a7935bd1e995u;
}

void stream_hash_add(struct stream_hash *h, const void *octets, size_t len)
{
    const uint8_t *p = octets;
    uint64_t word;
    for (; h->total % 8 == 0 && len >= 8; h->total += 8, p += 8, len -= 8) {
        memcpy(&word, p, 8);
        h->state = fold(h->state, word);
    }
    while (len > 0) {
        size_t have = h->total % 8;
        size_t n = 8 - have < len ? 8 - have : len;
        memcpy((uint8_t *)&h->word + have, p, n);
        if (have + n == 8)
            h->state = fold(h->state, h->word);
        h->total += n;
        p += n;
        len -= n;
    }
}

uint64_t stream_hash_value(const struct stream_hash *h)
{
    uint64_t last = 0;
    memcpy(&last, &h->word, h->total % 8);
    return mix(fold(fold(h->state, last), h->total));
}

uint64_t stream_hash_of(uint64_t seed, uint64_t len)
{
    struct stream_hash h;
    uint8_t piece[4096];
    stream_hash_init(&h);
    for (uint64_t at = 0; at < len; at += sizeof piece) {
        size_t n = len - at < sizeof piece ? (size_t)(len - at) : sizeof piece;
        stream_make(seed, at, piece, n);
        stream_hash_add(&h, piece, n);
    }
    return stream_hash_value(&h);
}
