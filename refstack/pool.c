/* Pages and chains of them (pool.h).  Every walk counts its steps, so that a test can bound what
 * one frame may cost.
 *
 *   chain:  head                                   tail
 *           [ ---- oooo ] -> [ oooooooo ] -> ... [ ooo ----- ]
 *             off  ^---------------- len ---------------^
 *
 *   chain:  head                                   tail
 *           [ ---- oooo ] -> [ oooooooo ] -> ... [ ooo ----- ]
 *             off  ^---------------- len ---------------^ */
#include "refstack/pool.h"

#include <assert.h>
#include <string.h>

#include "refstack/bugs.h"
#include "refstack/wire.h"

/* Under AddressSanitizer a page that was given back may not be touched. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POOL_POISON 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define POOL_POISON 1
#endif
#ifdef POOL_POISON
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

void pool_init(struct pool *p, uint8_t *base, uint32_t *next, uint32_t n, uint32_t octets)
{
    *p = (struct pool){ .base = base, .next = next, .octets = octets, .n = n, .free = PAGE_NONE };
    p->work = &p->counted;
    while ((1u << p->shift) < octets)
        p->shift++;
}

/* All pages are free again without one of them being touched. */
void pool_reset(struct pool *p)
{
    ASAN_UNPOISON_MEMORY_REGION(p->base, (size_t)p->fresh << p->shift);
    p->fresh = 0;
    p->used = 0;
    p->free = PAGE_NONE;
    p->counted = (struct rs_work){ .steps = 0 };
}

/* Pages never used lie beyond `fresh`, so that starting a host touches none of them, however many
 * there are; those given back come first, being in the cache. */
uint32_t pool_take(struct pool *p)
{
    uint32_t page = p->free;

    if (page != PAGE_NONE)
        p->free = p->next[page];
    else if (p->fresh < p->n)
        page = p->fresh++;
    else
        return PAGE_NONE;
    p->next[page] = PAGE_NONE;
    p->used++;
    pool_steps(p, 1);
    ASAN_UNPOISON_MEMORY_REGION(pool_page(p, page), p->octets);
    return page;
}

/* What comes back is used next.  A second return of the same page would put a loop into the list:
 * the counts are asserted, and the address sanitizer finds who touches a page after this. */
void pool_give(struct pool *p, uint32_t page)
{
    assert(page < p->fresh && p->used > 0);
    /* Nobody may read what was another's: text of one connection must not show in another
     * (OWN-5). */
    ASAN_POISON_MEMORY_REGION(pool_page(p, page), p->octets);
    p->next[page] = p->free;
    p->free = page;
    p->used--;
    pool_steps(p, 1);
}

static uint32_t pages_for(const struct pool *p, uint32_t octets)
{
    return (octets + p->octets - 1) >> p->shift;
}

/* Takes what pages there are even if they do not suffice: the caller says what to do with less, and
 * gives back by chain_truncate what it will not use. */
uint32_t chain_grow(struct pool *p, struct chain *c, uint32_t len)
{
    if (len <= c->len)
        return c->len;
    uint32_t have = c->head == PAGE_NONE ? 0 : pages_for(p, c->off + c->len);
    const uint32_t want = pages_for(p, c->off + len);

    for (; have < want; have++) {
        const uint32_t page = pool_take(p);
        if (page == PAGE_NONE)
            break;
        if (c->head == PAGE_NONE)
            c->head = page;
        else
            p->next[c->tail] = page;
        c->tail = page;
    }
    const uint32_t room = (have << p->shift) - c->off;
    c->len = have == want ? len : have ? room : 0;
    return c->len;
}

/* Walks from the head: at most the pages of one buffer (snd_buf or rcv_buf).  Appending does
 * without (put_from). */
static uint32_t page_at(const struct pool *p, const struct chain *c, uint32_t index)
{
    uint32_t page = c->head;

    pool_steps(p, index);
    while (index-- > 0)
        page = p->next[page];
    return page;
}

/* Copies to or from n octets at most are what a frame costs beside its steps. */
static void count_copy(const struct pool *p, uint32_t n)
{
    p->work->octets += n;
    pool_steps(p, 1 + (n >> p->shift));
}

/* Copies n octets in from octet `at`, counted from the start of the page given, on. */
static void put_from(struct pool *p, uint32_t page, uint32_t at, const void *from, uint32_t n)
{
    const uint8_t *src = from;

    count_copy(p, n);
    while (n > 0) {
        const uint32_t in_page = at & (p->octets - 1);
        const uint32_t part = n < p->octets - in_page ? n : p->octets - in_page;
        memcpy((uint8_t *)pool_page(p, page) + in_page, src, part);
        src += part;
        at += part;
        n -= part;
        page = p->next[page];
    }
}

void chain_put(struct pool *p, const struct chain *c, uint32_t off, const void *from, uint32_t n)
{
    const uint32_t at = c->off + off;

    assert(off + n <= c->len);
    if (n > 0)
        put_from(p, page_at(p, c, at >> p->shift), at, from, n);
}

/* RFC 1071 sums by 16-bit words. */
void chain_get(const struct pool *p, const struct chain *c, uint32_t off, void *to, uint32_t n,
               uint32_t *sum)
{
    uint8_t *dst = to;
    uint32_t at = c->off + off;
    uint32_t page = page_at(p, c, n ? at >> p->shift : 0);
    uint32_t done = 0;

    if (BUG(RECEIVE_QUEUE_SHORT) && n && (at & (p->octets - 1)) + n == p->octets)
        page = p->next[page];

    assert(off + n <= c->len);
    count_copy(p, n);
    while (done < n) {
        const uint32_t in_page = at & (p->octets - 1);
        const uint32_t left = n - done;
        const uint32_t part = left < p->octets - in_page ? left : p->octets - in_page;
        memcpy(dst + done, (const uint8_t *)pool_page(p, page) + in_page, part);
        done += part;
        at += part;
        page = p->next[page];
    }
    /* A part may end at an odd octet, so the sum is taken over the whole. */
    if (sum)
        *sum = csum_add(*sum, to, n);
}

unsigned chain_pieces(const struct pool *p, const struct chain *c, uint32_t off, uint32_t *n,
                      struct rs_piece *piece, unsigned max)
{
    uint32_t at = c->off + off;
    uint32_t left = *n < c->len - off ? *n : c->len - off;
    uint32_t page = page_at(p, c, left ? at >> p->shift : 0);
    unsigned count = 0;

    *n = 0;
    while (left > 0 && count < max) {
        const uint32_t in_page = at & (p->octets - 1);
        const uint32_t part = left < p->octets - in_page ? left : p->octets - in_page;
        piece[count++] = (struct rs_piece){ (const uint8_t *)pool_page(p, page) + in_page, part };
        *n += part;
        at += part;
        left -= part;
        page = p->next[page];
    }
    return count;
}

/* Never less than can be stored: the caller learns how many octets were taken and keeps the
 * rest. */
uint32_t chain_append(struct pool *p, struct chain *c, const void *from, uint32_t len)
{
    const uint32_t end = c->off + c->len;
    const uint32_t tail = c->tail;
    /* A full last page is left alone: the octets go to the one behind it. */
    const bool begins_page = (end & (p->octets - 1)) == 0;
    const uint32_t taken = chain_grow(p, c, c->len + len) + c->off - end;

    /* From the old tail on, or a queue of many pages would be walked for each octet added to it. */
    if (taken > 0)
        put_from(p, tail == PAGE_NONE ? c->head : begins_page ? p->next[tail] : tail, end, from,
                 taken);
    return taken;
}

/* A chain without octets has no pages: an idle connection owns none. */
void chain_drop(struct pool *p, struct chain *c, uint32_t n)
{
    assert(n <= c->len);
    c->off += n;
    c->len -= n;
    if (c->len == 0) {
        chain_free(p, c);
        return;
    }
    while (c->off >= p->octets) {
        const uint32_t page = c->head;
        c->head = p->next[page];
        c->off -= p->octets;
        pool_give(p, page);
    }
}

/* Undoes a chain_grow that got less than was asked for. */
void chain_truncate(struct pool *p, struct chain *c, uint32_t len)
{
    if (len >= c->len)
        return;
    if (len == 0) {
        chain_free(p, c);
        return;
    }
    c->tail = page_at(p, c, pages_for(p, c->off + len) - 1);
    c->len = len;
    uint32_t page = p->next[c->tail];
    p->next[c->tail] = PAGE_NONE;
    while (page != PAGE_NONE) {
        const uint32_t next = p->next[page];
        pool_give(p, page);
        page = next;
    }
}

void chain_free(struct pool *p, struct chain *c)
{
    uint32_t page = c->head;

    while (page != PAGE_NONE) {
        const uint32_t next = p->next[page];
        pool_give(p, page);
        page = next;
    }
    *c = CHAIN_EMPTY;
}
