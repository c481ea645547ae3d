/* The invariants of what a host shares out: the pool's pages and the table of connections. */
#include "harness/invariants.h"

#include <string.h>

#include "harness/oracle.h"
#include "refstack/host.h"

/* ---- Pages ------------------------------------------------------------------------------ */

enum { MAX_PAGES = 4096 };

struct census {
    const struct pool *pool;
    uint32_t n;
    uint64_t owned[MAX_PAGES / 64];
    uint64_t shared[MAX_PAGES / 64]; /* settings that a listener's connections have in common */
};

static void own(struct census *c, uint32_t page)
{
    ORACLE(page_owned_once, page < c->pool->n, "page %u of %u", page, c->pool->n);
    uint64_t bit = (uint64_t)1 << page % 64;
    ORACLE(page_owned_once, !(c->owned[page / 64] & bit), "page %u has two owners", page);
    c->owned[page / 64] |= bit;
    c->n++;
}

static void own_chain(struct census *c, const struct chain *chain)
{
    uint32_t page = chain->head;
    uint32_t octets = chain->off + chain->len;

    if (page == PAGE_NONE) {
        ORACLE(page_owned_once, chain->len == 0, "%u octets without a page", chain->len);
        return;
    }
    for (;;) {
        own(c, page);
        if (page == chain->tail)
            break;
        ORACLE(page_owned_once, octets > c->pool->octets, "pages behind the last octet");
        octets -= c->pool->octets;
        page = c->pool->next[page];
    }
    ORACLE(page_owned_once, octets <= c->pool->octets, "%u octets more than the pages hold",
           octets - c->pool->octets);
}

static void own_shared(struct census *c, uint32_t page)
{
    uint64_t bit = (uint64_t)1 << page % 64;

    if (page == PAGE_NONE)
        return;
    if (page < c->pool->n && c->shared[page / 64] & bit)
        return;
    own(c, page);
    c->shared[page / 64] |= bit;
}

static void own_one(struct census *c, uint32_t page)
{
    if (page != PAGE_NONE)
        own(c, page);
}

static void own_all(struct census *c, const struct rs_host *h)
{
    for (uint32_t i = 0; i < h->tcb_fresh; i++) {
        const struct tcb *t = &h->tcb[i];
        if (!t->in_use)
            continue;
        own_chain(c, &t->sendq);
        own_chain(c, &t->recvq.chain);
        own_one(c, t->recvq.blocks);
        own_one(c, t->flight.page);
        own_one(c, t->path);
        own_shared(c, t->cfg_page);
    }
    for (uint32_t i = 0; i < h->outq.n; i++)
        own_chain(c, &h->outq.entry[(h->outq.head + i) % OUTQ_ENTRIES].chain);
    for (unsigned i = 0; i < h->cfg.neighbours; i++)
        if (h->neigh[i].state == NEIGH_INCOMPLETE)
            own_chain(c, &h->neigh[i].waiting);
    struct chain head, data;
    for (unsigned i = 0; frag_holds(h, i, &head, &data); i++) {
        own_one(c, h->frag[i]);
        own_chain(c, &head);
        own_chain(c, &data);
    }
}

void invariants_pages(const struct rs_host *h)
{
    struct census c;
    uint32_t words = (h->pool.n + 63) / 64;

    if (h->pool.n > MAX_PAGES)
        return;
    c.pool = &h->pool;
    c.n = 0;
    memset(c.owned, 0, words * sizeof c.owned[0]);
    memset(c.shared, 0, words * sizeof c.shared[0]);
    own_all(&c, h);
    ORACLE(page_leak, c.n == h->pool.used, "%u pages are out, %u have an owner", h->pool.used, c.n);
    uint32_t given_back = 0;
    for (uint32_t p = h->pool.free; p != PAGE_NONE && given_back <= h->pool.n; given_back++) {
        own(&c, p);
        p = h->pool.next[p];
    }
    ORACLE(page_leak, h->pool.used + given_back == h->pool.fresh,
           "%u pages used and %u free of %u", h->pool.used, given_back, h->pool.fresh);
}

/* ---- The table -------------------------------------------------------------------------- */

static uint32_t children_of(const struct rs_host *h, const struct tcb *l)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < h->tcb_fresh; i++)
        n += h->tcb[i].in_use && h->tcb[i].parent == l->index;
    return n;
}

void invariants_table(const struct rs_host *h)
{
    uint32_t hashed = 0, found = 0;

    for (uint32_t i = 0; i < h->tcb_fresh; i++) {
        const struct tcb *t = &h->tcb[i];
        hashed += t->in_use && t->hashed;
        ORACLE(connection_count,
               !t->in_use || !t->stays || t->listener.backlog == children_of(h, t),
               "backlog %u, %u connections", t->listener.backlog, children_of(h, t));
    }
    for (uint32_t i = 0; i < h->demux_lines; i++)
        for (unsigned k = 0; k < DEMUX_PLACES; k++)
            found += h->demux[i].place[k] != TCB_NONE;
    ORACLE(connection_count, found == hashed, "%u connections are found, %u should be", found,
           hashed);
}
