/* The receive queue (recvq.h): where text is put, and how what waits beyond holes is accounted
 * for.
 *
 *   user                  nxt                 left          right
 *      | text for the user | a hole, unwritten  | text held   |
 *      +------------------- one chain of pages ---------------+ */
#include "refstack/recvq.h"

#include <string.h>

#include "refstack/bugs.h"
#include "refstack/seq.h"

void recvq_init(struct recvq *q, uint32_t first)
{
    *q = (struct recvq){ .chain = CHAIN_EMPTY, .user = first, .nxt = first, .blocks = PAGE_NONE };
}

static struct recvq_blocks *blocks_of(const struct pool *p, const struct recvq *q)
{
    return q->blocks == PAGE_NONE ? NULL : pool_page(p, q->blocks);
}

/* As many blocks as a page holds, and never more than RECVQ_MAX_BLOCKS: the list is walked for each
 * segment beyond a hole.  A peer that sends every second octet costs the host no more than that
 * (SegmentSmack, CVE-2018-5390). */
static uint32_t max_blocks(const struct pool *p)
{
    const uint32_t fit = (p->octets - (uint32_t)sizeof(struct recvq_blocks)) /
                         (uint32_t)sizeof(struct recvq_block);
    return fit < RECVQ_MAX_BLOCKS ? fit : RECVQ_MAX_BLOCKS;
}

static void remove_blocks(struct recvq_blocks *b, uint32_t from, uint32_t count)
{
    memmove(&b->block[from], &b->block[from + count],
            (b->n - from - count) * sizeof b->block[0]);
    b->n -= count;
}

/* The first block that [left, right) may touch. */
static uint32_t first_at(const struct recvq_blocks *b, uint32_t left)
{
    uint32_t i = 0;

    while (i < b->n && seq_lt(b->block[i].right, left))
        i++;
    return i;
}

/* Whether the list has a slot for [left, right) or a block that it touches. */
static bool takes_block(const struct pool *p, const struct recvq_blocks *b, uint32_t left,
                        uint32_t right)
{
    const uint32_t i = first_at(b, left);

    pool_steps(p, i + 1);
    return b->n < max_blocks(p) || BUG(REASSEMBLY_UNBOUNDED) ||
           (i < b->n && seq_le(b->block[i].left, right));
}

/* Adds [left, right) to a list that takes it, merging what it overlaps or touches.  The stamp makes
 * the merged block the latest, whatever its parts were. */
static void add_block(const struct pool *p, struct recvq_blocks *b, uint32_t left, uint32_t right)
{
    const uint32_t i = first_at(b, left);
    uint32_t j = i;

    pool_steps(p, b->n + 1);
    while (j < b->n && seq_le(b->block[j].left, right)) {
        left = seq_min(left, b->block[j].left);
        right = seq_max(right, b->block[j].right);
        j++;
    }
    /* It touches none: a slot of its own.  Else the first that it touches becomes all of them. */
    if (j == i) {
        memmove(&b->block[i + 1], &b->block[i], (b->n - i) * sizeof b->block[0]);
        b->n++;
    } else {
        remove_blocks(b, i + 1, j - i - 1);
    }
    b->block[i] = (struct recvq_block){ .left = left, .right = right, .stamp = ++b->clock };
}

/* The list exists only while something waits, which is how the rest of TCP knows that there is a
 * hole (text.c, placed.c): one without blocks is closed at once. */
static bool open_blocks(struct pool *p, struct recvq *q)
{
    if (q->blocks != PAGE_NONE)
        return true;
    q->blocks = pool_take(p);
    if (q->blocks == PAGE_NONE)
        return false;
    *blocks_of(p, q) = (struct recvq_blocks){ .n = 0, .clock = 0 };
    return true;
}

static void close_blocks(struct pool *p, struct recvq *q)
{
    const struct recvq_blocks *b = blocks_of(p, q);

    if (!b || b->n > 0)
        return;
    if (!BUG(REASSEMBLY_PAGE_LEAK))
        pool_give(p, q->blocks);
    q->blocks = PAGE_NONE;
}

/* In order: behind the last octet, and blocks it reaches join.  Beyond a hole: at its place, so
 * that nothing has to be moved when the hole is filled.  Octets that overlap are written again
 * where they were; the same octets, unless the peer breaks its promise, and never any that the user
 * could have read. */
bool recvq_insert(struct pool *p, struct recvq *q, uint32_t seq, const uint8_t *text, uint32_t len,
                  bool hold)
{
    const uint32_t off = seq - q->user;
    const uint32_t before = q->chain.len;
    const bool in_order = seq == q->nxt && !hold;

    if (len == 0)
        return true;
    if (!in_order && !open_blocks(p, q))
        return false;
    /* The list is asked before pages are taken for the octets: or each segment that it has no slot
     * for could have a window's worth of pages taken and given back. */
    if (!in_order && !takes_block(p, blocks_of(p, q), seq, seq + len))
        return false;
    for (uint32_t i = 0; BUG(REASSEMBLY_PER_OCTET) && !in_order && i < len; i++)
        takes_block(p, blocks_of(p, q), seq + i, seq + len);
    /* The usual case: no hole, no octets kept room for. */
    if (text && in_order && off == before) {
        if (chain_append(p, &q->chain, text, len) < len)
            goto undo;
    } else {
        /* Its place may lie behind all that the chain holds: what is between has pages, and no
         * content until it comes. */
        if (off + len > before && chain_grow(p, &q->chain, off + len) < off + len)
            goto undo;
        if (text)
            chain_put(p, &q->chain, off, text, len);
    }
    if (!in_order)
        add_block(p, blocks_of(p, q), seq, seq + len);
    /* And with it whatever waited right behind. */
    if (in_order) {
        q->nxt += len;
        recvq_join(p, q);
    }
    return true;
undo:
    chain_truncate(p, &q->chain, before);
    close_blocks(p, q);
    return false;
}

/* Blocks touch nothing, so that at most one begins at nxt after text in order has come; several
 * when that text reaches over them. */
uint32_t recvq_join(struct pool *p, struct recvq *q)
{
    struct recvq_blocks *b = blocks_of(p, q);
    const uint32_t before = q->nxt;
    uint32_t joined = 0;

    if (!b)
        return 0;
    while (joined < b->n && seq_le(b->block[joined].left, q->nxt)) {
        if (BUG(REASSEMBLY_OVERLAP) && b->block[joined].left != q->nxt)
            q->nxt += b->block[joined].right - b->block[joined].left;
        else
            q->nxt = seq_max(q->nxt, b->block[joined].right);
        joined++;
    }
    pool_steps(p, b->n);
    remove_blocks(b, 0, joined);
    close_blocks(p, q);
    return q->nxt - before;
}

/* One block does or none: blocks that touch are merged. */
bool recvq_holds(const struct pool *p, const struct recvq *q, uint32_t seq, uint32_t len)
{
    const struct recvq_blocks *b = blocks_of(p, q);

    pool_steps(p, b ? b->n : 0);
    for (uint32_t i = 0; b && i < b->n; i++)
        if (seq_le(b->block[i].left, seq) && seq_ge(b->block[i].right, seq + len))
            return true;
    return false;
}

/* What there is, at once: RECEIVE that waits is the caller's affair (section 3.10.3). */
uint32_t recvq_read(struct pool *p, struct recvq *q, void *to, uint32_t cap)
{
    const uint32_t ready = recvq_readable(q);
    const uint32_t n = cap < ready && !BUG(RECEIVE_BEYOND_ROOM) ? cap : ready;

    if (n == 0)
        return 0;
    if (BUG(RECEIVE_AFTER_FREE) && n == q->chain.len) {
        const struct chain gone = q->chain;
        chain_drop(p, &q->chain, n);
        chain_get(p, &gone, 0, to, n, NULL);
    } else {
        if (to)
            chain_get(p, &q->chain, 0, to, n, NULL);
        chain_drop(p, &q->chain, n);
    }
    q->user += n;
    /* Room kept for octets to come (placed.c) goes back with the last that came. */
    if (q->user == q->nxt && q->blocks == PAGE_NONE)
        chain_free(p, &q->chain);
    return n;
}

/* RFC 2018 section 4: the block that the latest segment fell into first, then those reported most
 * recently, so that each is told of in several ACKs.  The list is in order of numbers, the stamps
 * say what is recent; selecting costs at most `max` walks. */
unsigned recvq_sack(const struct pool *p, const struct recvq *q, struct sack_block *to,
                    unsigned max)
{
    const struct recvq_blocks *b = blocks_of(p, q);
    uint32_t below = UINT32_MAX;
    unsigned n = 0;

    for (; b && n < max && n < b->n; n++) {
        const struct recvq_block *best = NULL;
        pool_steps(p, b->n);
        for (uint32_t i = 0; i < b->n; i++)
            if (b->block[i].stamp < below &&
                (!best || (b->block[i].stamp > best->stamp && !BUG(SACK_SORTED))))
                best = &b->block[i];
        below = best->stamp;
        to[n] = (struct sack_block){ .left = best->left, .right = best->right };
    }
    return n;
}

/* What a FIN must not stand below (text.c). */
uint32_t recvq_highest(const struct pool *p, const struct recvq *q)
{
    const struct recvq_blocks *b = blocks_of(p, q);
    /* The last block is the highest, the list being in order. */
    return b && b->n ? b->block[b->n - 1].right : q->nxt;
}

/* RCV.NXT stays: a reset connection's number is still asked for. */
void recvq_free(struct pool *p, struct recvq *q)
{
    chain_free(p, &q->chain);
    if (q->blocks != PAGE_NONE)
        pool_give(p, q->blocks);
    recvq_init(q, q->nxt);
}
