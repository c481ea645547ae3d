/* A mutator that knows inputs as lists of events.  One source, two ways in: libFuzzer's custom
 * mutator (below) and AFL++'s library (mutate_afl.c). */
#ifndef FUZZ_MUTATE_H
#define FUZZ_MUTATE_H

#include <stddef.h>
#include <stdint.h>

#include "harness/input.h"

/* What kinds of event make sense: a pair of hosts takes no segments from outside. */
enum mutate_target { MUTATE_CONN, MUTATE_PAIR };

enum { MUTATE_MAX = 4096, MUTATE_EVENTS = 64 };

/* A generator of its own, so that a seed gives the same mutation under both engines. */
struct mutate_random {
    uint64_t state;
};
uint32_t mutate_below(struct mutate_random *, uint32_t n); /* 0 when n is 0 */

/* Changes the input in place; returns its new length, at most max. */
size_t mutate_input(enum mutate_target, uint8_t *data, size_t size, size_t max, uint64_t seed);
/* The first events of one input followed by the last of another. */
size_t mutate_splice(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len, uint8_t *to,
                     size_t max, uint64_t seed);
/* The input without its n-th event; 0 when there is no such event. */
size_t mutate_without(const uint8_t *data, size_t size, unsigned n, uint8_t *to, size_t max);

/* An event at random, and one field of an event changed (mutate_event.c). */
void mutate_event_make(enum mutate_target, struct mutate_random *, struct input_event *);
void mutate_event_change(struct mutate_random *, struct input_event *);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len,
                                 uint8_t *to, size_t max, unsigned seed);

#define MUTATE_ENTRY_POINTS(target)                                                                \
    size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)          \
    {                                                                                              \
        return mutate_input(target, data, size, max, seed);                                        \
    }                                                                                              \
    size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_len, const uint8_t *b,             \
                                     size_t b_len, uint8_t *to, size_t max, unsigned seed)         \
    {                                                                                              \
        return mutate_splice(a, a_len, b, b_len, to, max, seed);                                   \
    }

#endif
