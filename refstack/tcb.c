/* The table of connections: TCBs, their handles, the demultiplexer and the list of the ready. */
#include <assert.h>
#include <string.h>

#include "refstack/host.h"
#include "refstack/siphash.h"

/* A handle is a TCB's index and how often it was handed out, so that an old one is known. */
enum { HANDLE_INDEX_BITS = 20, HANDLE_GENERATIONS = 1 << 11 };

int tcb_handle(const struct tcb *t)
{
    return (int)(t->generation << HANDLE_INDEX_BITS | t->index);
}

struct tcb *tcb_any_of_handle(const struct rs_host *h, int conn)
{
    const uint32_t index = (uint32_t)conn & ((1u << HANDLE_INDEX_BITS) - 1);

    if (conn < 0 || index >= h->tcb_fresh)
        return NULL;
    struct tcb *t = &h->tcb[index];
    return t->in_use && (tcb_handle(t) == conn || BUG(STALE_HANDLE)) ? t : NULL;
}

struct tcb *tcb_of_handle(const struct rs_host *h, int conn)
{
    struct tcb *t = tcb_any_of_handle(h, conn);
    return t && t->user ? t : NULL;
}

/* Keyed, or a peer could choose its ports so that all its connections share a bucket and make each
 * segment walk it.  Only the octets that the version has: this is a tenth of what a segment costs
 * when all of IPv6's are hashed for IPv4. */
uint32_t tcb_bucket(const struct rs_host *h, const struct rs_endpoint *local,
                    const struct rs_endpoint *remote)
{
    uint64_t w[5] = { 0 };
    uint32_t four[2];

    memcpy(&four[0], local->addr.octet, 4);
    memcpy(&four[1], remote->addr.octet, 4);
    w[0] = (uint64_t)local->port << 16 | remote->port;
    w[1] = (uint64_t)four[0] << 32 | four[1];
    if (local->addr.version != 6 && remote->addr.version != 6)
        return (uint32_t)siphash(&h->key[2], w, 2 * sizeof w[0]) & (h->cfg.demux_buckets - 1);
    memcpy(&w[1], local->addr.octet, 16);
    memcpy(&w[3], remote->addr.octet, 16);
    return (uint32_t)siphash(&h->key[2], w, sizeof w) & (h->cfg.demux_buckets - 1);
}

static bool same_endpoint(const struct rs_endpoint *a, const struct rs_endpoint *b)
{
    return (a->port == b->port || (BUG(DEMUX_PORT_IGNORED) && a->port && b->port)) &&
           rs_addr_eq(&a->addr, &b->addr);
}

struct tcb *tcb_find(struct rs_host *h, const struct rs_endpoint *local,
                     const struct rs_endpoint *remote)
{
    struct tcb *t = tcb_at(h, h->bucket[tcb_bucket(h, local, remote)]);

    tcb_prefetch(t);
    uint32_t steps = 1;
    for (; t && !(same_endpoint(&t->local, local) && same_endpoint(&t->remote, remote)); steps++)
        t = tcb_at(h, t->hash_next);
    pool_steps(&h->pool, steps);
    return t;
}

/* The most specific LISTEN first: both ends given, then our address, then the port alone. */
struct tcb *tcb_find_listener(struct rs_host *h, const struct rs_endpoint *local,
                              const struct rs_endpoint *remote)
{
    static const struct rs_endpoint any;
    const struct rs_endpoint port_only = { .port = local->port };
    struct tcb *t = tcb_find(h, &port_only, remote);

    if (!t)
        t = tcb_find(h, local, &any);
    return t ? t : tcb_find(h, &port_only, &any);
}

void tcb_unhash(struct rs_host *h, struct tcb *t)
{
    if (!t->hashed)
        return;
    uint32_t *link = &h->bucket[tcb_bucket(h, &t->local, &t->remote)];
    while (*link != t->index)
        link = &h->tcb[*link].hash_next;
    *link = t->hash_next;
    t->hashed = false;
}

void tcb_rehash(struct rs_host *h, struct tcb *t, const struct rs_endpoint *local,
                const struct rs_endpoint *remote)
{
    tcb_unhash(h, t);
    t->local = *local;
    t->remote = *remote;
    uint32_t *head = &h->bucket[tcb_bucket(h, local, remote)];
    t->hash_next = *head;
    *head = t->index;
    t->hashed = true;
}

/* TCBs beyond tcb_fresh were never touched: a host for a million connections starts as fast as one
 * for ten.  Handles count up, so that one that was given back is not soon taken for another's. */
struct tcb *tcb_new(struct rs_host *h, const struct rs_endpoint *local,
                    const struct rs_endpoint *remote)
{
    uint32_t index = h->tcb_free;

    if (index != TCB_NONE)
        h->tcb_free = h->tcb[index].hash_next;
    else if (h->tcb_fresh < h->cfg.max_conns)
        index = h->tcb_fresh++;
    else
        return NULL;
    struct tcb *t = &h->tcb[index];
    memset(t, 0, sizeof *t);
    t->in_use = true;
    t->index = index;
    t->generation = h->generation;
    h->generation = (h->generation + 1) % HANDLE_GENERATIONS;
    t->fast_listener = t->parent = TCB_NONE;
    t->sendq = CHAIN_EMPTY;
    recvq_init(&t->recvq, 0);
    t->flight.page = PAGE_NONE;
    t->path = PAGE_NONE;
    settings_init(h, t);
    for (int i = 0; i < RS_N_TIMERS; i++)
        t->timer[i] = RS_NEVER;
    tcb_rehash(h, t, local, remote);
    return t;
}

void tcb_free(struct rs_host *h, struct tcb *t)
{
    assert(t->in_use);
    tcb_flush(h, t);
    tcb_disarm_all(h, t);
    tcb_unready(h, t);
    tcb_no_event(h, t);
    tcb_unhash(h, t);
    pmtu_forget(h, t);
    settings_drop(h, t);
    t->in_use = false;
    t->hash_next = h->tcb_free;
    h->tcb_free = t->index;
}

/* First come, first served: rs_output goes on with the first until it has nothing more to send, and
 * a connection joins at the end. */
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

void rs_each(const struct rs_host *h, void (*fn)(void *arg, int conn), void *arg)
{
    for (uint32_t i = 0; i < h->tcb_fresh; i++)
        if (h->tcb[i].in_use)
            fn(arg, tcb_handle(&h->tcb[i]));
}
