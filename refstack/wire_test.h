/* Helpers shared by the tests of the wire formats: a seeded generator, buffers at a guard page. */
#ifndef REFSTACK_WIRE_TEST_H
#define REFSTACK_WIRE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/guard.h"
#include "refstack/cursor.h"
#include "refstack/wire.h"

/* SplitMix64.  The same seed gives the same octets; a failing test prints its seed. */
struct test_rand {
    uint64_t s;
};

static inline uint64_t test_rand_next(struct test_rand *r)
{
    uint64_t z = r->s += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline size_t test_rand_below(struct test_rand *r, size_t n)
{
    return (size_t)(test_rand_next(r) % n);
}

static inline void test_rand_fill(struct test_rand *r, uint8_t *p, size_t n)
{
    while (n--)
        *p++ = (uint8_t)test_rand_next(r);
}

/* A guard that every test of a file shares; opened by the group's set-up. */
static struct guard test_guard;

static inline int test_guard_up(void **state)
{
    (void)state;
    return guard_open(&test_guard, 1 << 17);
}

static inline int test_guard_down(void **state)
{
    (void)state;
    guard_close(&test_guard);
    return 0;
}

#endif
