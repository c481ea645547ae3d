#include "fuzz/mutate.h"

#include <string.h>

/* An input cut at its events: canonical octets and where each event begins. */
struct list {
    uint8_t octet[MUTATE_MAX];
    size_t at[MUTATE_EVENTS + 1]; /* of event n; at[n_events] is the end */
    unsigned n;
};

/* SplitMix64, by Sebastiano Vigna's published constants. */
static uint64_t next(struct mutate_random *r)
{
    uint64_t z = (r->state += 0x9e3779b97f4a7c15u);

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint32_t mutate_below(struct mutate_random *r, uint32_t n)
{
    return n ? (uint32_t)(next(r) % n) : 0;
}

static void cut(struct list *l, const uint8_t *data, size_t size)
{
    static struct input_event e;
    struct input_reader r;

    memset(l->octet, 0, INPUT_HEADER);
    size_t len = input_canonical(data, size, l->octet, MUTATE_MAX);
    l->n = 0;
    l->at[0] = INPUT_HEADER;
    input_open(&r, l->octet, len);
    r.prefix = rcur_of(l->octet, 0);
    while (l->n < MUTATE_EVENTS && input_next(&r, &e))
        l->at[++l->n] = (size_t)(r.rest.p - l->octet);
}

static size_t span(const struct list *l, unsigned i)
{
    return l->at[i + 1] - l->at[i];
}

/* Puts n octets in the place of events i to j - 1; false when there is no room. */
static bool replace(struct list *l, unsigned i, unsigned j, const uint8_t *p, size_t n)
{
    size_t end = l->at[l->n];
    size_t gone = l->at[j] - l->at[i];
    unsigned events = n ? 1 : 0;

    if (end - gone + n > MUTATE_MAX || l->n - (j - i) + events > MUTATE_EVENTS)
        return false;
    memmove(l->octet + l->at[i] + n, l->octet + l->at[j], end - l->at[j]);
    if (n)
        memcpy(l->octet + l->at[i], p, n);
    size_t from = l->at[i];
    unsigned left = l->n - j;
    size_t tail[MUTATE_EVENTS + 1];
    for (unsigned k = 0; k <= left; k++)
        tail[k] = l->at[j + k] - gone + n;
    l->at[i] = from;
    memcpy(&l->at[i + events], tail, (left + 1) * sizeof tail[0]);
    l->n = i + events + left;
    return true;
}

static void put_event(struct list *l, unsigned i, unsigned j, const struct input_event *e)
{
    uint8_t octet[1024];
    struct wcur w = wcur_of(octet, sizeof octet);

    if (input_encode(&w, e))
        replace(l, i, j, octet, (size_t)(w.p - octet));
}

static void insert(enum mutate_target target, struct list *l, struct mutate_random *r)
{
    static struct input_event e;
    unsigned i = mutate_below(r, l->n + 1);

    /* Events at the end meet the state that the others have built: most go there. */
    if (mutate_below(r, 2))
        i = l->n;
    mutate_event_make(target, r, &e);
    put_event(l, i, i, &e);
}

static void change(struct list *l, struct mutate_random *r)
{
    static struct input_event e;
    unsigned i = mutate_below(r, l->n);
    struct rcur c = rcur_of(l->octet + l->at[i], span(l, i));
    uint8_t copy[MUTATE_MAX];

    /* The event points into the octets that are about to move. */
    memcpy(copy, c.p, span(l, i));
    c = rcur_of(copy, span(l, i));
    input_decode(&c, &e);
    mutate_event_change(r, &e);
    put_event(l, i, i + 1, &e);
}

static void copy_event(struct list *l, struct mutate_random *r)
{
    uint8_t copy[MUTATE_MAX];
    unsigned i = mutate_below(r, l->n), to = mutate_below(r, l->n + 1);
    size_t n = span(l, i);

    memcpy(copy, l->octet + l->at[i], n);
    replace(l, to, to, copy, n);
}

static void swap(struct list *l, struct mutate_random *r)
{
    uint8_t copy[MUTATE_MAX];
    unsigned i = mutate_below(r, l->n);
    size_t n = span(l, i);

    memcpy(copy, l->octet + l->at[i], n);
    replace(l, i, i + 1, NULL, 0);
    unsigned to = mutate_below(r, l->n + 1);
    replace(l, to, to, copy, n);
}

static void change_header(struct list *l, struct mutate_random *r)
{
    switch (mutate_below(r, 4)) {
    case 0: l->octet[0] ^= (uint8_t)(INPUT_FRAGMENTS << mutate_below(r, 3)); break;
    case 1: l->octet[1] = (uint8_t)(l->octet[1] ^ 1u << mutate_below(r, 8)); break;
    default:
        l->octet[0] = (uint8_t)((l->octet[0] & INPUT_MANNER) | mutate_below(r, INPUT_N_STARTS));
        break;
    }
}

static void flip(struct list *l, struct mutate_random *r)
{
    size_t i = INPUT_HEADER + mutate_below(r, (uint32_t)(l->at[l->n] - INPUT_HEADER));

    l->octet[i] = (uint8_t)(l->octet[i] ^ 1u << mutate_below(r, 8));
}

static void mutate_once(enum mutate_target target, struct list *l, struct mutate_random *r)
{
    uint32_t what = mutate_below(r, 16);

    if (l->n == 0 || what < 5)
        insert(target, l, r);
    else if (what < 10)
        change(l, r);
    else if (what < 12) {
        unsigned i = mutate_below(r, l->n);
        replace(l, i, i + 1, NULL, 0);
    } else if (what == 12)
        copy_event(l, r);
    else if (what == 13)
        swap(l, r);
    else if (what == 14)
        change_header(l, r);
    else
        flip(l, r);
}

/* The list's octets, whole events only, at most max. */
static size_t give(const struct list *l, uint8_t *to, size_t max)
{
    unsigned n = l->n;

    while (n > 0 && l->at[n] > max)
        n--;
    if (l->at[n] > max)
        return 0;
    memcpy(to, l->octet, l->at[n]);
    return l->at[n];
}

size_t mutate_input(enum mutate_target target, uint8_t *data, size_t size, size_t max,
                    uint64_t seed)
{
    static struct list l;
    struct mutate_random r = { .state = seed };

    cut(&l, data, size);
    for (uint32_t times = 1 + mutate_below(&r, 4); times > 0; times--)
        mutate_once(target, &l, &r);
    return give(&l, data, max);
}

size_t mutate_splice(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len, uint8_t *to,
                     size_t max, uint64_t seed)
{
    static struct list l, other;
    struct mutate_random r = { .state = seed };

    cut(&l, a, a_len);
    cut(&other, b, b_len);
    unsigned keep = mutate_below(&r, l.n + 1);
    l.n = keep;
    for (unsigned i = mutate_below(&r, other.n + 1); i < other.n; i++)
        replace(&l, l.n, l.n, other.octet + other.at[i], span(&other, i));
    return give(&l, to, max);
}

size_t mutate_without(const uint8_t *data, size_t size, unsigned n, uint8_t *to, size_t max)
{
    static struct list l;

    cut(&l, data, size);
    if (n >= l.n)
        return 0;
    replace(&l, n, n + 1, NULL, 0);
    return give(&l, to, max);
}
