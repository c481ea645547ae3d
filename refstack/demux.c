/* The demultiplexer: from a segment's sockets to its TCB.
 *
 * A table of cache lines, each with places for DEMUX_PLACES connections.  A place holds the index
 * of a TCB and, in the bits that leaves, a part of its hash, so that TCBs which are not meant stay
 * untouched: finding one among a million costs the line and the TCB itself.  Who finds the line of
 * his hash full stands in one behind it, and each line counts those it has sent on.
 *
 *   key of two sockets:  which line | tag (12 bits)
 *   line, 64 octets:     place 0 ... place 14, each tag | index of a TCB (20 bits); sent_on */
#include <assert.h>
#include <string.h>

#include "refstack/host.h"
#include "refstack/siphash.h"

enum { INDEX_BITS = 20 };

/* Keyed, or a peer could choose its ports so that all its connections share a line and make each
 * segment search those behind it.  Only the octets that the version has: this is a tenth of what a
 * segment costs when all of IPv6's are hashed for IPv4. */
struct demux_key demux_key(const struct rs_host *h, const struct rs_endpoint *local,
                           const struct rs_endpoint *remote)
{
    uint64_t w[5] = { 0 };
    uint32_t four[2];
    size_t len = sizeof w;

    w[0] = (uint64_t)local->port << 16 | (BUG(DEMUX_PORT_IGNORED) ? 0 : remote->port);
    if (local->addr.version != 6 && remote->addr.version != 6) {
        memcpy(&four[0], local->addr.octet, 4);
        memcpy(&four[1], remote->addr.octet, 4);
        w[1] = (uint64_t)four[0] << 32 | four[1];
        len = 2 * sizeof w[0];
    } else {
        memcpy(&w[1], local->addr.octet, 16);
        memcpy(&w[3], remote->addr.octet, 16);
    }
    const uint64_t hash = siphash(&h->key[2], w, len);
    const uint32_t tag = (uint32_t)(hash >> (32 + INDEX_BITS)) << INDEX_BITS;
    /* All ones are an empty place. */
    return (struct demux_key){ .line = (uint32_t)hash & (h->demux_lines - 1),
                               .tag = tag < DEMUX_TAG ? tag : tag - (1u << INDEX_BITS) };
}

/* The tag says "perhaps": twelve bits of the hash; this says yes or no. */
static bool same_endpoint(const struct rs_endpoint *a, const struct rs_endpoint *b)
{
    return (a->port == b->port || (BUG(DEMUX_PORT_IGNORED) && a->port && b->port)) &&
           rs_addr_eq(&a->addr, &b->addr);
}

/* The places of a line whose tag is the key's, as bits.  Without a branch for each place, so that a
 * compiler can compare the line as a whole. */
static uint32_t candidates(const struct demux_line *l, const struct demux_key *key)
{
    uint32_t found = 0;

    for (unsigned i = 0; i < DEMUX_PLACES; i++)
        found |= (uint32_t)((l->place[i] & DEMUX_TAG) == key->tag) << i;
    return found;
}

static struct tcb *tcb_in(const struct rs_host *h, const struct demux_line *l, uint32_t candidates)
{
    return &h->tcb[l->place[__builtin_ctz(candidates)] & ~DEMUX_TAG];
}

void demux_prefetch(const struct rs_host *h, const struct demux_key *key)
{
    const struct demux_line *l = &h->demux[key->line];

    for (uint32_t c = candidates(l, key); c; c &= c - 1)
        tcb_prefetch(tcb_in(h, l, c));
}

/* A segment belongs to the connection that has both its sockets and to no other (section 3.10.7):
 * the peer's port alone may tell two connections apart. */
struct tcb *tcb_find(struct rs_host *h, const struct rs_endpoint *local,
                     const struct rs_endpoint *remote)
{
    const struct demux_key key = demux_key(h, local, remote);

    for (uint32_t n = 0; n < h->demux_lines; n++) {
        const struct demux_line *l = &h->demux[(key.line + n) & (h->demux_lines - 1)];
        pool_steps(&h->pool, 1);
        for (uint32_t c = candidates(l, &key); c; c &= c - 1) {
            struct tcb *t = tcb_in(h, l, c);
            tcb_prefetch(t);
            pool_steps(&h->pool, 1);
            if (same_endpoint(&t->local, local) && same_endpoint(&t->remote, remote))
                return t;
        }
        /* Nobody who belongs here stands further on. */
        if (l->sent_on == 0)
            break;
    }
    return NULL;
}

/* The most specific LISTEN first: both ends given, then our address, then the port alone.  An
 * unspecified address has version 0 and a listener's remote socket is all zeros, so that these are
 * three look-ups like any other. */
struct tcb *tcb_find_listener(struct rs_host *h, const struct rs_endpoint *local,
                              const struct rs_endpoint *remote)
{
    static const struct rs_endpoint any;
    /* An OPEN that named no local address (MUST-43). */
    const struct rs_endpoint port_only = { .port = local->port };
    struct tcb *t = tcb_find(h, &port_only, remote);

    if (!t)
        t = tcb_find(h, local, &any);
    return t ? t : tcb_find(h, &port_only, &any);
}

/* The first place from the key's line on that holds what is looked for; the lines before it count
 * one more, or one less, that they sent on.  There is one: the table has places for all TCBs. */
static uint32_t *place_of(struct rs_host *h, const struct demux_key *key, uint32_t held,
                          uint32_t change)
{
    for (uint32_t n = 0;; n++) {
        assert(n < h->demux_lines);
        struct demux_line *l = &h->demux[(key->line + n) & (h->demux_lines - 1)];
        for (unsigned i = 0; i < DEMUX_PLACES; i++)
            if (l->place[i] == held)
                return &l->place[i];
        l->sent_on += change;
    }
}

/* The lines that had sent it on have one less to look for. */
void tcb_unhash(struct rs_host *h, struct tcb *t)
{
    if (!t->hashed)
        return;
    const struct demux_key key = demux_key(h, &t->local, &t->remote);
    *place_of(h, &key, key.tag | t->index, UINT32_MAX) = TCB_NONE;
    t->hashed = false;
}

/* The key is the pair of sockets: they change nowhere else. */
void tcb_rehash(struct rs_host *h, struct tcb *t, const struct rs_endpoint *local,
                const struct rs_endpoint *remote)
{
    tcb_unhash(h, t);
    t->local = *local;
    t->remote = *remote;
    const struct demux_key key = demux_key(h, local, remote);
    *place_of(h, &key, TCB_NONE, 1) = key.tag | t->index;
    t->hashed = true;
}
