/* The host's one store of octets: equal pages, handed out singly, and chains of them.
 *
 * Connections own pages only while there is data in them.  Whoever takes a page must give it back
 * once; `used` counts those out, so that an invariant checker can account for every one. */
#ifndef REFSTACK_POOL_H
#define REFSTACK_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "refstack/refstack.h"

#define PAGE_NONE UINT32_MAX

struct pool {
    uint8_t *base;   /* n * octets */
    uint32_t *next;  /* n links: of a chain, or of the free list */
    uint32_t octets; /* of one page, a power of two */
    uint32_t shift;  /* log2 of octets */
    uint32_t n;
    uint32_t fresh; /* pages from here on were never handed out */
    uint32_t free;  /* head of the list of those given back */
    uint32_t used;
    struct rs_work *work; /* is `counted`, so that those who only read are counted too */
    struct rs_work counted;
};

void pool_init(struct pool *, uint8_t *base, uint32_t *next, uint32_t n, uint32_t octets);
void pool_reset(struct pool *);
uint32_t pool_take(struct pool *); /* PAGE_NONE when all are out */
void pool_give(struct pool *, uint32_t page);

static inline void *pool_page(const struct pool *p, uint32_t page)
{
    return p->base + ((size_t)page << p->shift);
}

/* So many entries of a list were looked at. */
static inline void pool_steps(const struct pool *p, uint32_t n)
{
    p->work->steps += n;
}

/* A run of octets over linked pages: the first is at `off` of page `head`.  Empty: no pages. */
struct chain {
    uint32_t head;
    uint32_t tail;
    uint32_t off;
    uint32_t len;
};

#define CHAIN_EMPTY ((struct chain){ .head = PAGE_NONE, .tail = PAGE_NONE })

/* Makes the chain hold `len` octets, the new ones undefined; returns the length reached, which is
 * less when the pool runs out.  Never shortens. */
uint32_t chain_grow(struct pool *, struct chain *, uint32_t len);
/* Copies n octets in at offset off; the chain must already hold off + n. */
void chain_put(struct pool *, const struct chain *, uint32_t off, const void *from, uint32_t n);
/* Copies n octets out from offset off, adding them to an Internet checksum when sum is not NULL. */
void chain_get(const struct pool *, const struct chain *, uint32_t off, void *to, uint32_t n,
               uint32_t *sum);
/* The octets from off on, at most n, in place: fills up to max pieces, returns how many; *n becomes
 * the octets they hold. */
unsigned chain_pieces(const struct pool *, const struct chain *, uint32_t off, uint32_t *n,
                      struct rs_piece *, unsigned max);
/* Appends up to len octets; returns how many. */
uint32_t chain_append(struct pool *, struct chain *, const void *from, uint32_t len);
/* Drops n octets from the front, giving back the pages that empties. */
void chain_drop(struct pool *, struct chain *, uint32_t n);
/* Keeps the first len octets, giving back the pages behind them. */
void chain_truncate(struct pool *, struct chain *, uint32_t len);
void chain_free(struct pool *, struct chain *);

#endif
