/* The one place where octets are touched: a reading and a writing cursor that fail sticky.
 *
 * A read past the end yields zero and sets `bad`; a write past the end is not made and sets `bad`.
 * The caller checks once, at the end.  All multi-octet fields are in network order. */
#ifndef REFSTACK_CURSOR_H
#define REFSTACK_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct rcur {
    const uint8_t *p;
    const uint8_t *end;
    bool bad;
};

struct wcur {
    uint8_t *p;
    uint8_t *end;
    bool bad;
};

/* All that is read from the wire is read through one of these, with the length that the link
 * gave. */
static inline struct rcur rcur_of(const uint8_t *p, size_t len)
{
    /* An empty range may be NULL, and NULL + 0 is undefined. */
    return (struct rcur){ .p = p, .end = len ? p + len : p, .bad = false };
}

static inline size_t rcur_left(const struct rcur *c)
{
    return (size_t)(c->end - c->p);
}

/* The next n octets in place, or NULL (and `bad`) when fewer are left. */
static inline const uint8_t *rcur_take(struct rcur *c, size_t n)
{
    if (c->bad || rcur_left(c) < n) {
        c->bad = true;
        return NULL;
    }
    const uint8_t *p = c->p;
    c->p += n;
    return p;
}

static inline uint8_t rcur_u8(struct rcur *c)
{
    const uint8_t *p = rcur_take(c, 1);
    return p ? p[0] : 0;
}

static inline uint16_t rcur_u16(struct rcur *c)
{
    const uint8_t *p = rcur_take(c, 2);
    return (uint16_t)(p ? p[0] << 8 | p[1] : 0);
}

static inline uint32_t rcur_u32(struct rcur *c)
{
    const uint8_t *p = rcur_take(c, 4);
    return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

/* Where less is left, `to` stays as it was: the caller looks at `bad` before it uses anything. */
static inline void rcur_copy(struct rcur *c, void *to, size_t n)
{
    const uint8_t *p = rcur_take(c, n);
    if (p && n)
        memcpy(to, p, n);
}

/* A cap of 0 holds nothing, so that whoever writes needs no case for it. */
static inline struct wcur wcur_of(uint8_t *p, size_t cap)
{
    return (struct wcur){ .p = p, .end = cap ? p + cap : p, .bad = false };
}

/* Room for n octets to be filled in place, or NULL (and `bad`) when there is less. */
static inline uint8_t *wcur_room(struct wcur *c, size_t n)
{
    if (c->bad || (size_t)(c->end - c->p) < n) {
        c->bad = true;
        return NULL;
    }
    uint8_t *p = c->p;
    c->p += n;
    return p;
}

static inline void wcur_u8(struct wcur *c, uint8_t v)
{
    uint8_t *p = wcur_room(c, 1);
    if (p)
        p[0] = v;
}

static inline void wcur_u16(struct wcur *c, uint16_t v)
{
    uint8_t *p = wcur_room(c, 2);
    if (!p)
        return;
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void wcur_u32(struct wcur *c, uint32_t v)
{
    uint8_t *p = wcur_room(c, 4);
    if (!p)
        return;
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

static inline void wcur_copy(struct wcur *c, const void *from, size_t n)
{
    uint8_t *p = wcur_room(c, n);
    if (p && n)
        memcpy(p, from, n);
}

#endif
