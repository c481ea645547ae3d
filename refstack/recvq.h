/* The receive queue: text in order for the user, and text that waits beyond a hole.
 *
 * Octets stand in one chain whose first octet has the sequence number `user`; text beyond a hole is
 * put at its place in the same chain, and a page of its own, held only while there is a hole, lists
 * the blocks that wait (the SACK blocks of RFC 2018).  Octets once taken are never given up. */
#ifndef REFSTACK_RECVQ_H
#define REFSTACK_RECVQ_H

#include <stdbool.h>
#include <stdint.h>

#include "refstack/pool.h"
#include "refstack/wire.h"

/* Bounds the work a segment can cause, however the peer cuts its text (CVE-2018-5390). */
enum { RECVQ_MAX_BLOCKS = 64 };

struct recvq {
    struct chain chain;
    uint32_t user;   /* sequence number of the next octet for the user */
    uint32_t nxt;    /* RCV.NXT as far as text goes: one past the last octet in order */
    uint32_t blocks; /* page of struct recvq_blocks, or PAGE_NONE */
};

struct recvq_block {
    uint32_t left;
    uint32_t right;
    uint32_t stamp; /* the larger, the more recently it grew (RFC 2018 section 4) */
};

struct recvq_blocks {
    uint32_t n;
    uint32_t clock;
    struct recvq_block block[]; /* ascending, disjoint, none touching another */
};

void recvq_init(struct recvq *, uint32_t first);
/* Takes text whose octets all lie in the window at or above nxt.  With `hold`, text at nxt is
 * kept as a block too, until recvq_join.  Without text it is in the chain already.  False, and
 * nothing changed, when a page or slot is lacking. */
bool recvq_insert(struct pool *, struct recvq *, uint32_t seq, const uint8_t *text, uint32_t len,
                  bool hold);
/* Joins a block that starts at nxt; returns the octets nxt moved. */
uint32_t recvq_join(struct pool *, struct recvq *);
/* Whether all of [seq, seq + len) waits already. */
bool recvq_holds(const struct pool *, const struct recvq *, uint32_t seq, uint32_t len);
/* Gives the user up to cap octets; with NULL they are just taken off. */
uint32_t recvq_read(struct pool *, struct recvq *, void *to, uint32_t cap);
/* The blocks that wait, the most recently grown first; returns how many. */
unsigned recvq_sack(const struct pool *, const struct recvq *, struct sack_block *to, unsigned max);
/* One past the highest octet held; nxt when nothing waits. */
uint32_t recvq_highest(const struct pool *, const struct recvq *);
void recvq_free(struct pool *, struct recvq *);

static inline uint32_t recvq_readable(const struct recvq *q)
{
    return q->nxt - q->user;
}

#endif
