/* The table of connections: TCBs, their handles and the list of the ready. */
#include <assert.h>
#include <string.h>

#include "refstack/host.h"

/* A handle is a TCB's index and how often it was handed out, so that an old one is known.  In all
 * 31 bits: a handle is never negative, since errors are. */
enum { HANDLE_INDEX_BITS = 20, HANDLE_GENERATIONS = 1 << 11 };

/* Indices come back soon, generations only after 2048 more connections. */
int tcb_handle(const struct tcb *t)
{
    return (int)((uint32_t)t->generation << HANDLE_INDEX_BITS | t->index);
}

/* Every call of the user passes here, and may name anything: index and generation are checked
 * before a TCB is touched. */
struct tcb *tcb_any_of_handle(const struct rs_host *h, int conn)
{
    const uint32_t index = (uint32_t)conn & ((1u << HANDLE_INDEX_BITS) - 1);

    if (conn < 0 || index >= h->tcb_fresh)
        return NULL;
    struct tcb *t = &h->tcb[index];
    return t->in_use && (tcb_handle(t) == conn || BUG(STALE_HANDLE)) ? t : NULL;
}

/* What rs_abort and rs_release have given back is nobody's, even while the connection ends. */
struct tcb *tcb_of_handle(const struct rs_host *h, int conn)
{
    struct tcb *t = tcb_any_of_handle(h, conn);
    return t && t->user ? t : NULL;
}

/* TCBs beyond tcb_fresh were never touched: a host for a million connections starts as fast as one
 * for ten.  Handles count up, so that one that was given back is not soon taken for another's. */
struct tcb *tcb_new(struct rs_host *h, const struct rs_endpoint *local,
                    const struct rs_endpoint *remote)
{
    /* Those given back first: they are in the cache. */
    uint32_t index = h->tcb_free;

    if (index != TCB_NONE)
        h->tcb_free = h->tcb[index].ready.next;
    else if (h->tcb_fresh < h->cfg.max_conns)
        index = h->tcb_fresh++;
    else
        return NULL;
    struct tcb *t = &h->tcb[index];
    /* Nothing of an earlier connection is left: no number, no timer. */
    memset(t, 0, sizeof *t);
    t->in_use = true;
    t->index = index;
    t->generation = h->generation;
    h->generation = (uint16_t)((h->generation + 1) % HANDLE_GENERATIONS);
    t->fast_listener = t->parent = TCB_NONE;
    t->sendq = CHAIN_EMPTY;
    recvq_init(&t->recvq, 0);
    t->flight.page = PAGE_NONE;
    t->path = PAGE_NONE;
    /* None of a page until something needs one: this is what a million idle connections cost. */
    settings_init(h, t);
    tcb_rehash(h, t, local, remote);
    return t;
}

/* By then its user has let go.  Each list that may name the TCB is left before the table takes it
 * back; the next connection in this place has another generation. */
void tcb_free(struct rs_host *h, struct tcb *t)
{
    assert(t->in_use);
    /* Whatever it owns goes back: pages, timers, its places in lists and tables. */
    tcb_flush(h, t);
    tcb_disarm_all(h, t);
    tcb_unready(h, t);
    tcb_no_event(h, t);
    tcb_unhash(h, t);
    pmtu_forget(h, t);
    settings_drop(h, t);
    t->in_use = false;
    t->ready.next = h->tcb_free;
    h->tcb_free = t->index;
}

/* With nothing in flight the next segment takes a page (flight.h).  Who took the last one for
 * something else would leave text in the queue that waits for it, and nothing gives it back. */
uint32_t tcb_spare_page(struct rs_host *h, const struct tcb *t)
{
    const bool last = t->flight.page == PAGE_NONE && h->pool.used + 1 >= h->pool.n;
    return last && !BUG(LAST_PAGE_TAKEN) ? PAGE_NONE : pool_take(&h->pool);
}

/* First come, first served: rs_output goes on with the first until it has nothing more to send, and
 * a connection joins at the end.  A list and no flags to search through: with a million
 * connections, of which ten have something to send, output costs ten. */
void tcb_ready(struct rs_host *h, struct tcb *t)
{
    if (t->on_ready)
        return;
    t->on_ready = true;
    t->ready = (struct tcb_link){ .prev = h->ready_tail, .next = TCB_NONE };
    if (h->ready_tail != TCB_NONE)
        h->tcb[h->ready_tail].ready.next = t->index;
    else
        h->ready_head = t->index;
    h->ready_tail = t->index;
}

/* Linked both ways: a connection that ends leaves without a walk. */
void tcb_unready(struct rs_host *h, struct tcb *t)
{
    if (!t->on_ready)
        return;
    if (t->ready.prev != TCB_NONE)
        h->tcb[t->ready.prev].ready.next = t->ready.next;
    else
        h->ready_head = t->ready.next;
    if (t->ready.next != TCB_NONE)
        h->tcb[t->ready.next].ready.prev = t->ready.prev;
    else
        h->ready_tail = t->ready.prev;
    t->on_ready = false;
}

/* For observers and reports; a walk of the whole table, which no path of a segment takes. */
void rs_each(const struct rs_host *h, void (*fn)(void *arg, int conn), void *arg)
{
    for (uint32_t i = 0; i < h->tcb_fresh; i++)
        if (h->tcb[i].in_use)
            fn(arg, tcb_handle(&h->tcb[i]));
}
