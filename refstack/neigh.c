/* The neighbour cache: one state machine for ARP and Neighbour Discovery (RFC 4861 section 7.3.2,
 * RFC 1122 section 2.3.2.1).
 *
 * What is believed goes stale by the clock alone, without a timer: a host that sends nothing asks
 * nothing, and is silent.
 *
 *   INCOMPLETE  asked for, no answer yet   -- an answer -----------------> REACHABLE
 *                                          -- three questions in vain --> forgotten
 *   REACHABLE   answered of late           -- 30 seconds ----------------> as good as STALE
 *   STALE       serves, not confirmed      -- something is sent to it ---> DELAY
 *   DELAY       serves, to be confirmed    -- TCP makes progress --------> REACHABLE
 *                                          -- five seconds --------------> PROBE
 *   PROBE       serves, asked by unicast   -- an answer, or progress ----> REACHABLE
 *                                          -- three questions in vain --> forgotten
 *
 *   INCOMPLETE  asked for, no answer yet   -- an answer -----------------> REACHABLE
 *                                          -- three questions in vain --> forgotten
 *   REACHABLE   answered of late           -- 30 seconds ----------------> as good as STALE
 *   STALE       serves, not confirmed      -- something is sent to it ---> DELAY
 *   DELAY       serves, to be confirmed    -- TCP makes progress --------> REACHABLE
 *                                          -- five seconds --------------> PROBE
 *   PROBE       serves, asked by unicast   -- an answer, or progress ----> REACHABLE
 *                                          -- three questions in vain --> forgotten */
#include <string.h>

#include "refstack/host.h"
#include "refstack/siphash.h"

/* RFC 4861 section 10. */
enum { MAX_SOLICIT = 3 };
static const rs_time retrans = RS_SEC;
static const rs_time reachable = 30 * RS_SEC;
static const rs_time delay_first_probe = 5 * RS_SEC;

/* Under the host's key, so that nobody chooses addresses that meet in one list. */
static uint16_t *bucket_of(struct rs_host *h, unsigned link, const struct rs_addr *ip)
{
    uint8_t key[1 + sizeof ip->octet] = { (uint8_t)link };

    memcpy(key + 1, ip->octet, ip->version == 4 ? 4 : 16);
    return &h->neigh_bucket[siphash(&h->key[2], key, sizeof key) % NEIGH_BUCKETS];
}

static bool names(const struct neighbour *e, unsigned link, const struct rs_addr *ip)
{
    return e->state != NEIGH_FREE && e->link == link && rs_addr_eq(&e->ip, ip);
}

/* Most often it is the one that was asked for last. */
struct neighbour *neigh_find(struct rs_host *h, unsigned link, const struct rs_addr *ip)
{
    if (names(&h->neigh[h->neigh_last], link, ip))
        return &h->neigh[h->neigh_last];
    for (unsigned i = *bucket_of(h, link, ip); i; i = h->neigh[i - 1].next) {
        pool_steps(&h->pool, 1);
        if (names(&h->neigh[i - 1], link, ip)) {
            h->neigh_last = i - 1;
            return &h->neigh[i - 1];
        }
    }
    return NULL;
}

/* Out of its bucket's list, which is walked to the one before it. */
static void forget(struct rs_host *h, struct neighbour *e)
{
    if (e->state == NEIGH_FREE)
        return;
    chain_free(&h->pool, &e->waiting);
    uint16_t *at = bucket_of(h, e->link, &e->ip);
    while (&h->neigh[*at - 1] != e)
        at = &h->neigh[*at - 1].next;
    *at = e->next;
    e->state = NEIGH_FREE;
}

/* Who goes first when there is no room: who only talks to us pushes out nobody we talk to, and who
 * never answered pushes out nobody who did, however many addresses somebody makes up. */
static int standing(const struct neighbour *e)
{
    if (e->state == NEIGH_FREE)
        return 0;
    if (!e->used)
        return 1;
    return e->state == NEIGH_INCOMPLETE && !BUG(NEIGHBOUR_FLOOD) ? 2 : 3;
}

/* A free entry; else of those that stand lowest the one longest not sent to. */
struct neighbour *neigh_new(struct rs_host *h, unsigned link, const struct rs_addr *ip)
{
    struct neighbour *e = &h->neigh[0];

    for (unsigned i = 1; i < h->cfg.neighbours && e->state != NEIGH_FREE; i++) {
        struct neighbour *o = &h->neigh[i];
        pool_steps(&h->pool, 1);
        if (standing(o) < standing(e) || (standing(o) == standing(e) && o->used < e->used))
            e = o;
    }
    forget(h, e);
    uint16_t *bucket = bucket_of(h, link, ip);
    *e = (struct neighbour){
        .ip = *ip, .link = (uint8_t)link, .state = NEIGH_INCOMPLETE, .waiting = CHAIN_EMPTY,
        .deadline = h->now, .next = *bucket
    };
    *bucket = (uint16_t)(e - h->neigh + 1);
    if (h->now < h->neigh_due)
        h->neigh_due = h->now;
    return e;
}

/* The states in which a question is out, or about to be (RFC 4861 section 7.3.3). */
static bool timed(const struct neighbour *e)
{
    return e->state == NEIGH_INCOMPLETE || e->state == NEIGH_DELAY || e->state == NEIGH_PROBE;
}

/* When the next entry has to be asked for, kept so that nobody looks through all of them for each
 * segment. */
static void set_due(struct rs_host *h)
{
    h->neigh_due = RS_NEVER;
    pool_steps(&h->pool, h->cfg.neighbours);
    for (unsigned i = 0; i < h->cfg.neighbours; i++)
        if (timed(&h->neigh[i]) && h->neigh[i].deadline < h->neigh_due)
            h->neigh_due = h->neigh[i].deadline;
}

/* It goes as if just queued, now that somebody is known to take it.  Only one datagram waits for
 * each neighbour, or a scan of a network would fill the pool. */
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

/* RFC 4861 section 7.3.3: what the neighbour said in answer proves both directions; what it said
 * unasked only where it is, to be proven when something is sent there. */
void neigh_learn(struct rs_host *h, struct neighbour *e, const uint8_t mac[6], bool confirmed)
{
    const bool news = e->state == NEIGH_INCOMPLETE || memcmp(e->mac, mac, 6) != 0;
    const bool awaited = timed(e);

    memcpy(e->mac, mac, 6);
    if (confirmed) {
        e->state = NEIGH_REACHABLE;
        e->deadline = h->now + reachable;
    } else if (news) {
        e->state = NEIGH_STALE;
    }
    release(h, e);
    if (awaited && !timed(e))
        set_due(h);
}

/* RFC 4861 section 7.3.1: the peer has acknowledged new text, so that the way there works, and the
 * neighbour it leads through need not be asked. */
void neigh_progress(struct rs_host *h, const struct rs_addr *own, const struct rs_addr *peer)
{
    const unsigned link = ip_link(h, own);

    if (h->neigh_due == RS_NEVER || !h->link[link].ethernet || BUG(NEIGHBOUR_UNCONFIRMED))
        return;
    const struct rs_addr hop = ip_next_hop(h, link, peer);
    struct neighbour *e = neigh_find(h, link, &hop);
    if (!e || (e->state != NEIGH_DELAY && e->state != NEIGH_PROBE))
        return;
    e->state = NEIGH_REACHABLE;
    e->deadline = h->now + reachable;
    set_due(h);
}

/* STALE serves all the same: the datagram goes, and the question is asked only if nothing confirms
 * the way within five seconds (DELAY). */
const uint8_t *neigh_resolve(struct rs_host *h, unsigned link, const struct rs_addr *hop,
                             const uint8_t *datagram, size_t len)
{
    struct neighbour *e = neigh_find(h, link, hop);

    if (!e)
        e = neigh_new(h, link, hop);
    e->used = h->now;
    if (e->state == NEIGH_INCOMPLETE) {
        chain_free(&h->pool, &e->waiting);
        if (chain_append(&h->pool, &e->waiting, datagram, (uint32_t)len) < len ||
            BUG(WAITING_DROPPED))
            chain_free(&h->pool, &e->waiting);
        return NULL;
    }
    const bool old = e->state == NEIGH_REACHABLE && e->deadline <= h->now;
    if ((e->state == NEIGH_STALE || old) && !BUG(NEIGHBOUR_FOREVER)) {
        e->state = NEIGH_DELAY;
        e->deadline = h->now + delay_first_probe;
        if (e->deadline < h->neigh_due)
            h->neigh_due = e->deadline;
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

/* One question a call, three a second apart, then the entry goes: by unicast to a neighbour that
 * was known (PROBE), else by broadcast or to its solicited-node group. */
size_t neigh_output(struct rs_host *h, uint8_t *buf, size_t cap)
{
    if (h->neigh_due > h->now)
        return 0;
    for (unsigned i = 0; i < h->cfg.neighbours; i++) {
        struct neighbour *e = &h->neigh[i];
        if (!timed(e) || e->deadline > h->now)
            continue;
        if (e->state == NEIGH_DELAY) {
            e->state = NEIGH_PROBE;
            e->tries = 0;
        }
        /* Nobody there.  The next datagram to it begins anew, after what waited was given up.
         * Nobody there.  The next datagram to it begins anew, after what waited was given up. */
        if (e->tries == MAX_SOLICIT && !BUG(SOLICIT_FOREVER)) {
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
    set_due(h);
    return 0;
}

rs_time neigh_deadline(const struct rs_host *h)
{
    return h->neigh_due;
}
