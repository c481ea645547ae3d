/* The neighbour cache: one state machine for ARP and Neighbour Discovery (RFC 4861 section 7.3.2,
 * RFC 1122 section 2.3.2.1).
 *
 * What is believed goes stale by the clock alone, without a timer: a host that sends nothing asks
 * nothing, and is silent. */
#include <string.h>

#include "refstack/host.h"

/* RFC 4861 section 10. */
enum { MAX_SOLICIT = 3 };
static const rs_time retrans = RS_SEC;
static const rs_time reachable = 30 * RS_SEC;
static const rs_time delay_first_probe = 5 * RS_SEC;

struct neighbour *neigh_find(struct rs_host *h, unsigned link, const struct rs_addr *ip)
{
    for (int i = 0; i < NEIGHBOURS; i++)
        if (h->neigh[i].state != NEIGH_FREE && h->neigh[i].link == link &&
            rs_addr_eq(&h->neigh[i].ip, ip))
            return &h->neigh[i];
    return NULL;
}

static void forget(struct rs_host *h, struct neighbour *e)
{
    if (e->state != NEIGH_FREE)
        chain_free(&h->pool, &e->waiting);
    e->state = NEIGH_FREE;
}

/* A free entry, or the one longest not sent to: who only talks to us pushes out nobody we talk
 * to. */
struct neighbour *neigh_new(struct rs_host *h, unsigned link, const struct rs_addr *ip)
{
    struct neighbour *e = &h->neigh[0];

    for (int i = 0; i < NEIGHBOURS && e->state != NEIGH_FREE; i++)
        if (h->neigh[i].state == NEIGH_FREE || h->neigh[i].used < e->used)
            e = &h->neigh[i];
    forget(h, e);
    *e = (struct neighbour){
        .ip = *ip, .link = (uint8_t)link, .state = NEIGH_INCOMPLETE, .waiting = CHAIN_EMPTY,
        .deadline = h->now
    };
    return e;
}

static void release(struct rs_host *h, struct neighbour *e)
{
    struct outq *q = &h->outq;

    if (e->waiting.len && q->n < OUTQ_ENTRIES)
        q->entry[(q->head + q->n++) % OUTQ_ENTRIES] =
            (struct outq_entry){ .chain = e->waiting, .dst = e->ip, .link = e->link };
    else
        chain_free(&h->pool, &e->waiting);
    e->waiting = CHAIN_EMPTY;
}

void neigh_learn(struct rs_host *h, struct neighbour *e, const uint8_t mac[6], bool confirmed)
{
    const bool news = e->state == NEIGH_INCOMPLETE || memcmp(e->mac, mac, 6) != 0;

    memcpy(e->mac, mac, 6);
    if (confirmed) {
        e->state = NEIGH_REACHABLE;
        e->deadline = h->now + reachable;
    } else if (news) {
        e->state = NEIGH_STALE;
    }
    release(h, e);
}

const uint8_t *neigh_resolve(struct rs_host *h, unsigned link, const struct rs_addr *hop,
                             const uint8_t *datagram, size_t len)
{
    struct neighbour *e = neigh_find(h, link, hop);

    if (!e)
        e = neigh_new(h, link, hop);
    e->used = h->now;
    if (e->state == NEIGH_INCOMPLETE) {
        chain_free(&h->pool, &e->waiting);
        if (chain_append(&h->pool, &e->waiting, datagram, (uint32_t)len) < len)
            chain_free(&h->pool, &e->waiting);
        return NULL;
    }
    const bool old = e->state == NEIGH_REACHABLE && e->deadline <= h->now;
    if ((e->state == NEIGH_STALE || old) && !BUG(NEIGHBOUR_FOREVER)) {
        e->state = NEIGH_DELAY;
        e->deadline = h->now + delay_first_probe;
    }
    return e->mac;
}

/* RFC 4861 section 7.2.2: whoever sent what waits is told, as by an ICMP error about it. */
static void report(struct rs_host *h, const struct neighbour *e)
{
    uint8_t quoted[IP6_HEADER + 8];
    const uint32_t n = e->waiting.len < sizeof quoted ? e->waiting.len : sizeof quoted;
    const struct icmp_error error = { .quoted = quoted, .quoted_len = n };

    if (n == 0)
        return;
    chain_get(&h->pool, &e->waiting, 0, quoted, n, NULL);
    icmp_error_for_tcp(h, &error);
}

static bool timed(const struct neighbour *e)
{
    return e->state == NEIGH_INCOMPLETE || e->state == NEIGH_DELAY || e->state == NEIGH_PROBE;
}

size_t neigh_output(struct rs_host *h, uint8_t *buf, size_t cap)
{
    for (int i = 0; i < NEIGHBOURS; i++) {
        struct neighbour *e = &h->neigh[i];
        if (!timed(e) || e->deadline > h->now)
            continue;
        if (e->state == NEIGH_DELAY) {
            e->state = NEIGH_PROBE;
            e->tries = 0;
        }
        if (e->tries == MAX_SOLICIT) {
            report(h, e);
            forget(h, e);
            continue;
        }
        e->tries++;
        e->deadline = h->now + retrans;
        const uint8_t *mac = e->state == NEIGH_PROBE ? e->mac : NULL;
        const size_t n = e->ip.version == 4 ? arp_solicit(h, e->link, &e->ip, mac, buf, cap)
                                            : nd_solicit(h, e->link, &e->ip, mac, buf, cap);
        h->out_link = e->link;
        if (n)
            return n;
    }
    return 0;
}

rs_time neigh_deadline(const struct rs_host *h)
{
    rs_time earliest = RS_NEVER;

    for (int i = 0; i < NEIGHBOURS; i++)
        if (timed(&h->neigh[i]) && h->neigh[i].deadline < earliest)
            earliest = h->neigh[i].deadline;
    return earliest;
}
