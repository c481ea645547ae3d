/* What the engines are told beyond code coverage: which event met which state, which transition
 * followed which, which reason was given in which state.  The same counters reach both engines. */
#ifndef FUZZ_FEEDBACK_H
#define FUZZ_FEEDBACK_H

#include <stdint.h>

/* One counter; the number is a hash, taken modulo the number of counters. */
void feedback_hit(uint32_t number);

/* A number for a tuple of a domain (so that tables do not meet) and two values. */
static inline uint32_t feedback_key(uint32_t domain, uint32_t a, uint32_t b)
{
    uint32_t h = (domain * 0x9e3779b1u) ^ (a * 0x85ebca6bu) ^ (b * 0xc2b2ae35u);
    h ^= h >> 15;
    h *= 0x2c1b3c6du;
    return h ^ h >> 13;
}

#endif
