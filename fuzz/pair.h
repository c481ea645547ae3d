/* The run of an input against two hosts and a wire: what fuzz_pair does, for whoever watches. */
#ifndef FUZZ_PAIR_H
#define FUZZ_PAIR_H

#include <stddef.h>
#include <stdint.h>

#include "harness/input.h"
#include "refstack/refstack.h"

/* Called while an input runs; any of them may be NULL.  Hosts are 0 (A) and 1 (B). */
struct pair_watch {
    void *arg;
    void (*event)(void *arg, int host, const struct input_event *, rs_time now, enum rs_state);
    void (*sent)(void *arg, int host, const uint8_t *p, size_t len, rs_time now);
    void (*arrives)(void *arg, int host, const uint8_t *p, size_t len, rs_time now);
    void (*observed)(void *arg, int host, const struct rs_observation *);
};

/* Runs the input, then lets the wire be good and everything end.  A broken oracle ends the process.
 */
void pair_run(const uint8_t *data, size_t size, const struct pair_watch *);

#endif
