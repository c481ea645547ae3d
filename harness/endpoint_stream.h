/* The octets that transfers carry, and the hash that compares them at the far end.
 *
 * Octet i of a stream depends on the seed and i alone, so that any piece can be made or checked
 * without the rest; no two places of a stream look alike, so that a piece delivered twice, out of
 * place or not at all changes the hash. */
#ifndef HARNESS_ENDPOINT_STREAM_H
#define HARNESS_ENDPOINT_STREAM_H

#include <stddef.h>
#include <stdint.h>

/* Fills in octets [at, at + len) of the stream. */
void stream_make(uint64_t seed, uint64_t at, void *to, size_t len);

/* A 64-bit hash of octets in order, however they are cut into pieces. */
struct stream_hash {
    uint64_t state;
    uint64_t word; /* octets that do not fill a word yet */
    uint64_t total;
};

void stream_hash_init(struct stream_hash *);
void stream_hash_add(struct stream_hash *, const void *octets, size_t len);
uint64_t stream_hash_value(const struct stream_hash *);
/* The hash of the first len octets of a stream. */
uint64_t stream_hash_of(uint64_t seed, uint64_t len);

#endif
