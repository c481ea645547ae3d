/* Buffers that end at a page which may not be touched: a read or write one octet past the end stops
 * the test at once, with or without a sanitizer, and in code that no sanitizer instruments. */
#ifndef HARNESS_GUARD_H
#define HARNESS_GUARD_H

#include <stddef.h>
#include <stdint.h>

struct guard {
    uint8_t *map;   /* capacity octets, then the forbidden page */
    size_t map_len; /* both */
    size_t cap;
};

/* Room for at least cap octets; 0, or -1 with errno set. */
int guard_open(struct guard *, size_t cap);
void guard_close(struct guard *);
/* Where a buffer of len octets starts that ends at the forbidden page; len at most the capacity. */
uint8_t *guard_at(const struct guard *, size_t len);
/* The same, filled with the octets given. */
uint8_t *guard_copy(const struct guard *, const void *from, size_t len);

#endif
