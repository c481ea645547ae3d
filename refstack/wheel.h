/* A hierarchical timing wheel: arming, disarming and finding the next deadline cost the same with
 * one entry and with a million.
 *
 * Eleven levels of 64 slots count microseconds in base 64, all 64 bits of them.  An entry stands on
 * the level of the highest digit in which its time differs from the wheel's, so it moves down at
 * most ten times before it fires, always at its exact time and in order of time. */
#ifndef REFSTACK_WHEEL_H
#define REFSTACK_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

enum { WHEEL_LEVELS = 11, WHEEL_SLOTS = 64 };

#define WHEEL_NONE UINT32_MAX

struct wheel_node {
    uint64_t when;
    uint32_t prev;
    uint32_t next;
    uint16_t slot; /* level * 64 + slot, plus one; 0: not on the wheel */
};

struct wheel {
    uint64_t now;
    uint64_t used[WHEEL_LEVELS]; /* a bit for each slot that has entries */
    uint32_t head[WHEEL_LEVELS * WHEEL_SLOTS];
};

/* Finds the node of entry `index`. */
typedef struct wheel_node *wheel_node_of(void *arg, uint32_t index);

void wheel_init(struct wheel *, uint64_t now);
void wheel_arm(struct wheel *, wheel_node_of *, void *arg, uint32_t index, uint64_t when);
void wheel_disarm(struct wheel *, wheel_node_of *, void *arg, uint32_t index);
/* The earliest time armed, UINT64_MAX when none; earlier when very many share a far slot.  *first
 * is the entry armed for it, WHEEL_NONE when the time is none's. */
uint64_t wheel_next(const struct wheel *, wheel_node_of *, void *arg, uint32_t *first);
/* Takes off one entry that is due at `now` and returns it, or WHEEL_NONE. */
uint32_t wheel_expire(struct wheel *, wheel_node_of *, void *arg, uint64_t now);

#endif
