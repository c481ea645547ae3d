/* The timing wheel (wheel.h).  Entries of a slot are a list in no order; what order there is lies
 * in the slots.
 *
 *   level 0   64 slots of 1 us       what is due within the 64 us that now lies in
 *   level 1   64 slots of 64 us      within the 4 ms
 *   level 2   64 slots of 4 ms       within the 262 ms
 *   level 3   64 slots of 262 ms     within the 17 s, and so on */
#include "refstack/wheel.h"

#include "refstack/bugs.h"

enum { DIGIT = 6, DIGIT_MASK = WHEEL_SLOTS - 1, SCAN_LIMIT = 16 };

/* Slots are told empty by the bits alone. */
void wheel_init(struct wheel *w, uint64_t now)
{
    w->now = now;
    for (int i = 0; i < WHEEL_LEVELS; i++)
        w->used[i] = 0;
}

/* Digits of six bits: an entry stands on the level of the highest digit in which it differs from
 * now, in the slot of that digit.  As now moves on, entries come down, each at most once a level: a
 * timer costs the same however many there are, and however far ahead it lies. */
static unsigned level_of(uint64_t now, uint64_t when)
{
    const uint64_t differ = now ^ when;
    return differ ? (unsigned)(63 - __builtin_clzll(differ)) / DIGIT : 0;
}

/* At the head of its slot's list, in constant time.  A time that has passed counts as now. */
static void insert(struct wheel *w, wheel_node_of *node_of, void *arg, uint32_t index)
{
    struct wheel_node *n = node_of(arg, index);
    uint64_t at = n->when;

    if (at < w->now)
        at = w->now;
    const unsigned level = level_of(w->now, at);
    const unsigned slot = (unsigned)(at >> (DIGIT * level)) & DIGIT_MASK;
    const unsigned at_slot = level * WHEEL_SLOTS + slot;
    const bool had = w->used[level] >> slot & 1;

    n->slot = (uint16_t)(at_slot + 1);
    n->prev = WHEEL_NONE;
    n->next = had ? w->head[at_slot] : WHEEL_NONE;
    if (had)
        node_of(arg, n->next)->prev = index;
    w->head[at_slot] = index;
    w->used[level] |= UINT64_C(1) << slot;
}

/* The bit of a slot that becomes empty goes, or first_slot would find it again. */
void wheel_disarm(struct wheel *w, wheel_node_of *node_of, void *arg, uint32_t index)
{
    struct wheel_node *n = node_of(arg, index);

    if (n->slot == 0)
        return;
    const unsigned at_slot = n->slot - 1u;
    if (n->next != WHEEL_NONE)
        node_of(arg, n->next)->prev = n->prev;
    if (n->prev != WHEEL_NONE)
        node_of(arg, n->prev)->next = n->next;
    else if (n->next != WHEEL_NONE)
        w->head[at_slot] = n->next;
    else
        w->used[at_slot / WHEEL_SLOTS] &= ~(UINT64_C(1) << at_slot % WHEEL_SLOTS);
    n->slot = 0;
}

/* UINT64_MAX is never, and stands nowhere. */
void wheel_arm(struct wheel *w, wheel_node_of *node_of, void *arg, uint32_t index, uint64_t when)
{
    wheel_disarm(w, node_of, arg, index);
    if (when == UINT64_MAX)
        return;
    node_of(arg, index)->when = when;
    insert(w, node_of, arg, index);
}

/* The level and slot of the earliest entries; false when the wheel is empty.  Lower levels come
 * first: their entries share all higher digits with now. */
static bool first_slot(const struct wheel *w, unsigned *level, unsigned *slot)
{
    for (unsigned i = 0; i < WHEEL_LEVELS; i++) {
        /* The lowest bit is the earliest: no slot before now's has its bit, having been emptied. */
        if (w->used[i]) {
            *level = i;
            *slot = (unsigned)__builtin_ctzll(w->used[i]);
            return true;
        }
    }
    return false;
}

/* The digits above the level are those of now, the level's is the slot, those below are zero. */
static uint64_t slot_start(const struct wheel *w, unsigned level, unsigned slot)
{
    const unsigned shift = DIGIT * level;
    const uint64_t above = w->now >> shift >> DIGIT << DIGIT << shift;
    return above | (uint64_t)slot << shift;
}

/* The slot's entries are looked through up to a limit.  Beyond it the slot's start is the answer:
 * early, so that the caller asks once more, but never late and never a walk along a million. */
uint64_t wheel_next(const struct wheel *w, wheel_node_of *node_of, void *arg, uint32_t *first)
{
    unsigned level;
    unsigned slot;
    uint64_t earliest = UINT64_MAX;
    int scanned = 0;

    *first = WHEEL_NONE;
    if (!first_slot(w, &level, &slot))
        return UINT64_MAX;
    uint32_t i = w->head[level * WHEEL_SLOTS + slot];
    for (; i != WHEEL_NONE && scanned < SCAN_LIMIT; scanned++) {
        const struct wheel_node *n = node_of(arg, i);
        if (n->when < earliest && !(BUG(DEADLINE_OF_FIRST) && scanned > 0)) {
            earliest = n->when;
            *first = i;
        }
        i = n->next;
    }
    /* All of them were seen: the answer is exact. */
    if (i == WHEEL_NONE)
        return earliest;
    *first = WHEEL_NONE;
    return slot_start(w, level, slot);
}

/* Moves the entries of a slot that now has come down to lower levels. */
static void cascade(struct wheel *w, wheel_node_of *node_of, void *arg, unsigned level,
                    unsigned slot)
{
    uint32_t i = w->head[level * WHEEL_SLOTS + slot];

    /* Before they are inserted: none comes back to a slot that now has reached. */
    w->used[level] &= ~(UINT64_C(1) << slot);
    while (i != WHEEL_NONE) {
        const uint32_t next = node_of(arg, i)->next;
        insert(w, node_of, arg, i);
        i = next;
    }
}

/* One entry a call, so that what a handler does to others (disarm, arm again) finds the wheel
 * whole. Those armed for now by a handler are due in the same round. */
uint32_t wheel_expire(struct wheel *w, wheel_node_of *node_of, void *arg, uint64_t now)
{
    unsigned level;
    unsigned slot;

    while (first_slot(w, &level, &slot)) {
        const uint64_t start = slot_start(w, level, slot);
        if (start > now)
            break;
        if (start > w->now)
            w->now = start;
        if (level == 0) {
            const uint32_t i = w->head[slot];
            wheel_disarm(w, node_of, arg, i);
            return i;
        }
        cascade(w, node_of, arg, level, slot);
    }
    if (now > w->now)
        w->now = now;
    return WHEEL_NONE;
}
