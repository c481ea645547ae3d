/* The list of what is in flight (flight.h): in order of numbers, without gaps, from SND.UNA to
 * SND.NXT.
 *
 *   SND.UNA                                                   SND.NXT
 *      | lost    | in flight   | SACKed    | sent again | in flight |
 *            end ^         end ^       end ^        end ^       end ^   each with its time */
#include "refstack/flight.h"

#include <string.h>

#include "refstack/bugs.h"
#include "refstack/seq.h"

/* As many records as a page of the host's size holds: a larger page remembers more exactly. */
struct list {
    uint32_t n;
    struct flight_rec rec[];
};

/* Slots that SACK blocks may not use up, so that losses and retransmissions can always be noted. */
enum { RESERVED = 4 };

/* Records hold only where they end: each begins where the one before does, the first at SND.UNA.
 * So the caller passes SND.UNA to whatever walks the list, and an ACK moves nothing but the
 * front. */
static struct list *list_of(const struct pool *p, const struct flight *f)
{
    return f->page == PAGE_NONE ? NULL : pool_page(p, f->page);
}

/* A constant of the host, so that no walk depends on what a peer sends or on how large the window
 * is: the least of what a page holds and FLIGHT_MAX. */
static uint32_t capacity(const struct pool *p)
{
    const uint32_t fit =
        (p->octets - (uint32_t)sizeof(struct list)) / (uint32_t)sizeof(struct flight_rec);
    return fit < FLIGHT_MAX ? fit : FLIGHT_MAX;
}

unsigned flight_count(const struct pool *p, const struct flight *f)
{
    const struct list *l = list_of(p, f);
    return l ? l->n : 0;
}

struct flight_rec *flight_at(const struct pool *p, const struct flight *f, unsigned i)
{
    return &list_of(p, f)->rec[i];
}

/* Nothing is in flight: the page is another connection's. */
void flight_free(struct pool *p, struct flight *f)
{
    if (f->page != PAGE_NONE)
        pool_give(p, f->page);
    f->page = PAGE_NONE;
}

/* When a stretch was sent matters only while its fate is open: RACK compares times of what is
 * neither SACKed nor lost.  So that a transfer without loss holds a record for each burst and no
 * more. */
static bool alike(const struct flight_rec *a, const struct flight_rec *b)
{
    return a->flags == b->flags && (a->sent == b->sent || (a->flags & FLIGHT_LOST) ||
                                    (a->flags & FLIGHT_SACKED));
}

/* Joins neighbours of which the same is known. */
static void compact(const struct pool *p, struct list *l)
{
    uint32_t kept = 0;

    pool_steps(p, l->n);
    /* In place: what is kept never overtakes what is looked at. */
    for (uint32_t i = 1; i < l->n; i++) {
        if (alike(&l->rec[kept], &l->rec[i]))
            l->rec[kept].end = l->rec[i].end;
        else
            l->rec[++kept] = l->rec[i];
    }
    if (l->n > 0)
        l->n = kept + 1;
}

/* Makes a record end at `at`; false when that needs a slot and there is none.  The reserve is for
 * callers that may not take the last slots. */
static bool split(const struct pool *p, struct list *l, uint32_t una, uint32_t at, uint32_t reserve)
{
    uint32_t start = una;
    uint32_t i = 0;

    for (; i < l->n && seq_le(l->rec[i].end, at); i++)
        start = l->rec[i].end;
    pool_steps(p, i + 1);
    if (i == l->n || seq_le(at, start))
        return true;
    if (l->n + reserve >= capacity(p))
        return false;
    pool_steps(p, l->n - i);
    memmove(&l->rec[i + 1], &l->rec[i], (l->n - i) * sizeof l->rec[0]);
    l->n++;
    l->rec[i].end = at;
    return true;
}

/* False leaves nothing changed; plan.c asks before it sends. */
bool flight_add(struct pool *p, struct flight *f, uint32_t end, rs_time now)
{
    struct list *l;

    if (f->page == PAGE_NONE) {
        f->page = pool_take(p);
        if (f->page == PAGE_NONE)
            return false;
        list_of(p, f)->n = 0;
    }
    l = list_of(p, f);
    /* What goes out at one moment is one record.  A full list lets the last record stand for older
     * octets too: their loss is then found later than it could be, never too early.  With the last
     * slot taken that is so whatever was known of them, but that they were sent before. */
    struct flight_rec new = { .sent = now, .end = end, .flags = 0 };
    struct flight_rec *last = l->n ? &l->rec[l->n - 1] : NULL;
    const bool known = last && last->flags != 0;
    if (last && !known && (last->sent == now || l->n + RESERVED >= capacity(p))) {
        *last = new;
    } else if (known && l->n >= capacity(p)) {
        new.flags = last->flags & FLIGHT_RESENT;
        *last = new;
    } else {
        l->rec[l->n++] = new;
    }
    return true;
}

/* Notes what an ACK says of a record, unless a SACK has said it before.  RFC 8985 section 6.2 wants
 * the latest sent of what is delivered; of what was sent at once, the highest.  A record never sent
 * again that is reported below the highest reported is reordering (step 3). */
static void deliver(struct delivered *d, const struct flight_rec *r, uint32_t octets, uint32_t fack)
{
    if (r->flags & FLIGHT_SACKED)
        return;
    d->octets += octets;
    if (!(r->flags & FLIGHT_RESENT) && seq_lt(r->end, fack))
        d->reordered = true;
    if (d->any && (r->sent < d->sent || (r->sent == d->sent && seq_le(r->end, d->end))))
        return;
    d->any = true;
    d->sent = r->sent;
    d->end = r->end;
    d->resent = (r->flags & FLIGHT_RESENT) != 0;
}

/* Records that end at or before the ACK are done with.  Linux once kept a pointer to one such
 * (CVE-2016-6828); here places are found by number each time. */
void flight_ack(struct pool *p, struct flight *f, uint32_t una, uint32_t ack, uint32_t fack,
                struct delivered *d)
{
    struct list *l = list_of(p, f);
    uint32_t start = una;
    uint32_t gone = 0;

    if (!l)
        return;
    for (; gone < l->n && seq_le(l->rec[gone].end, ack); gone++) {
        deliver(d, &l->rec[gone], l->rec[gone].end - start, fack);
        start = l->rec[gone].end;
    }
    /* An ACK inside a record delivers its first part; the rest keeps its time and fate. */
    if (gone < l->n && seq_lt(start, ack)) {
        struct flight_rec part = l->rec[gone];
        part.end = ack;
        deliver(d, &part, ack - start, fack);
    }
    pool_steps(p, l->n);
    memmove(l->rec, l->rec + gone, (l->n - gone) * sizeof l->rec[0]);
    l->n -= gone;
    if (l->n == 0)
        flight_free(p, f);
}

/* Of a block that would need a slot of those reserved nothing is noted: what it covers is held not
 * to have arrived, which costs a retransmission but never an octet.  The peer chooses the blocks,
 * the host chooses what is lost: so the peer's share of the slots is the smaller one.  The cost of
 * a block is bounded by the page: OpenBSD's list of holes grew as the peer wished (CVE-2019-8460),
 * and Linux merged segments into a counter that ran over (CVE-2019-11477). */
void flight_sack(struct pool *p, struct flight *f, uint32_t una, uint32_t left, uint32_t right,
                 uint32_t fack, struct delivered *d)
{
    struct list *l = list_of(p, f);
    uint32_t start = una;

    if (!l || !split(p, l, una, left, RESERVED) || !split(p, l, una, right, RESERVED))
        return;
    pool_steps(p, l->n);
    for (uint32_t i = 0; i < l->n; i++) {
        struct flight_rec *r = &l->rec[i];
        /* Both edges are ends of records now, so that each lies inside or outside. */
        if (seq_ge(start, left) && seq_le(r->end, right)) {
            deliver(d, r, r->end - start, fack);
            r->flags = (r->flags & FLIGHT_RESENT) | FLIGHT_SACKED;
        }
        start = r->end;
    }
    compact(p, l);
}

/* What is SACKed stays so: it has arrived, for all that is known. */
void flight_lose(struct pool *p, struct flight *f, uint32_t una, uint32_t left, uint32_t right)
{
    struct list *l = list_of(p, f);
    uint32_t start = una;

    if (!l || !split(p, l, una, left, 1) || !split(p, l, una, right, 0))
        return;
    pool_steps(p, l->n);
    for (uint32_t i = 0; i < l->n; i++) {
        struct flight_rec *r = &l->rec[i];
        if (seq_ge(start, left) && seq_le(r->end, right) && !(r->flags & FLIGHT_SACKED))
            r->flags |= FLIGHT_LOST;
        start = r->end;
    }
    compact(p, l);
}

/* What was SACKed too: the peer may have thrown it away since (RFC 2018 section 8). */
void flight_lose_all(struct pool *p, struct flight *f)
{
    struct list *l = list_of(p, f);

    if (!l)
        return;
    for (uint32_t i = 0; i < l->n; i++)
        if (!BUG(SACK_RENEGED) || !(l->rec[i].flags & FLIGHT_SACKED))
            l->rec[i].flags = FLIGHT_LOST | FLIGHT_RESENT;
    pool_steps(p, l->n);
    compact(p, l);
}

/* Lowest number first, as NextSeg's rule 1 has it (RFC 6675 section 4): the cumulative ACK moves by
 * it alone. */
bool flight_first_lost(const struct pool *p, const struct flight *f, uint32_t una, uint32_t *left,
                       uint32_t *right)
{
    const struct list *l = list_of(p, f);
    uint32_t start = una;
    bool found = false;

    pool_steps(p, l ? l->n : 0);
    for (uint32_t i = 0; l && i < l->n; i++) {
        if (l->rec[i].flags & FLIGHT_LOST) {
            *left = start;
            *right = l->rec[i].end;
            found = true;
            if (!BUG(LAST_LOSS_FIRST))
                break;
        }
        start = l->rec[i].end;
    }
    return found;
}

/* It has left the ranks of the lost and is in flight again, at this time: gVisor (ff04d019e) kept
 * the old time and sent the same segment twice. */
void flight_resent(struct pool *p, struct flight *f, uint32_t una, uint32_t left, uint32_t right,
                   rs_time now)
{
    struct list *l = list_of(p, f);
    uint32_t start = una;

    if (!l)
        return;
    /* Without a slot the whole stretch counts as sent again: the next loss of it will tell. */
    split(p, l, una, left, 0);
    split(p, l, una, right, 0);
    pool_steps(p, l->n);
    for (uint32_t i = 0; i < l->n; i++) {
        struct flight_rec *r = &l->rec[i];
        /* Whatever it touches: with a slot for each edge that is the stretch, without it the
         * records around. */
        if (seq_lt(start, right) && seq_gt(r->end, left) && !(r->flags & FLIGHT_SACKED)) {
            r->flags = FLIGHT_RESENT;
            r->sent = now;
        }
        start = r->end;
    }
    compact(p, l);
}

/* Octets of the records whose flags under the mask are as wanted.  Summed each time rather than
 * kept in a counter: the list is short, and a counter could disagree with it. */
static uint32_t octets_with(const struct pool *p, const struct flight *f, uint32_t una,
                            uint32_t mask, uint32_t want)
{
    const struct list *l = list_of(p, f);
    uint32_t start = una;
    uint32_t sum = 0;

    pool_steps(p, l ? l->n : 0);
    for (uint32_t i = 0; l && i < l->n; i++) {
        if ((l->rec[i].flags & mask) == want)
            sum += l->rec[i].end - start;
        start = l->rec[i].end;
    }
    return sum;
}

/* An octet judged lost and sent again counts once, as SetPipe has it (RFC 6675 section 4). */
uint32_t flight_pipe(const struct pool *p, const struct flight *f, uint32_t una)
{
    const uint32_t gone = BUG(PIPE_COUNTS_LOST) ? FLIGHT_SACKED : FLIGHT_SACKED | FLIGHT_LOST;
    return octets_with(p, f, una, gone, 0);
}

uint32_t flight_sacked(const struct pool *p, const struct flight *f, uint32_t una)
{
    return octets_with(p, f, una, FLIGHT_SACKED, FLIGHT_SACKED);
}
