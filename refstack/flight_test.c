/* The list of what is in flight against a flat array with an entry for each octet: random acts, and
 * after each the same sums, the same first loss, the same fate of every octet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "refstack/flight.h"
#include "refstack/seq.h"
#include "refstack/test_rand.h"

enum { PAGES = 2, SPAN = 4096 };
#define FIRST UINT32_C(0xfffff800) /* so that the numbers wrap */

/* What is known of one octet. */
struct octet {
    rs_time sent;
    uint32_t flags;
};

struct bed {
    struct pool pool;
    uint32_t next[PAGES];
    uint8_t base[PAGES * 4096];
    struct flight f;
    uint32_t una, nxt, fack;
    rs_time now;
    struct octet octet[SPAN]; /* by number modulo SPAN; [una, nxt) are in flight */
};

static struct octet *at(struct bed *b, uint32_t seq)
{
    return &b->octet[seq % SPAN];
}

static void open_bed(struct bed *b, uint32_t page_octets)
{
    memset(b, 0, sizeof *b);
    pool_init(&b->pool, b->base, b->next, PAGES, page_octets);
    b->f.page = PAGE_NONE;
    b->una = b->nxt = b->fack = FIRST;
}

static void close_bed(struct bed *b)
{
    flight_free(&b->pool, &b->f);
    assert_int_equal(b->pool.used, 0);
    pool_reset(&b->pool);
}

/* ---- The model of each act ---------------------------------------------------------------- */

static void model_add(struct bed *b, uint32_t end)
{
    for (uint32_t s = b->nxt; s != end; s++)
        *at(b, s) = (struct octet){ .sent = b->now };
    b->nxt = end;
}

/* Of two octets the same is known, as far as it matters: when they were sent does so only while
 * their fate is open. */
static bool alike(const struct octet *a, const struct octet *b)
{
    return a->flags == b->flags &&
           (a->sent == b->sent || (a->flags & (FLIGHT_LOST | FLIGHT_SACKED)));
}

/* What the arrival of [left, right) tells; `timed` is false when something of it was held to be
 * lost, of which the time is not kept. */
static struct delivered model_deliver(struct bed *b, uint32_t left, uint32_t right, bool *timed)
{
    struct delivered d = { .any = false };

    *timed = true;
    for (uint32_t s = left; s != right; s++) {
        const struct octet *o = at(b, s);
        if (o->flags & FLIGHT_SACKED)
            continue;
        d.octets++;
        *timed = *timed && !(o->flags & FLIGHT_LOST);
        const bool ends = s + 1 == right || !alike(o, at(b, s + 1));
        if (ends && !(o->flags & FLIGHT_RESENT) && seq_lt(s + 1, b->fack))
            d.reordered = true;
        if (d.any && o->sent < d.sent)
            continue;
        d.any = true;
        d.sent = o->sent;
        d.end = s + 1;
        d.resent = (o->flags & FLIGHT_RESENT) != 0;
    }
    return d;
}

static void same_news(const struct delivered *got, const struct delivered *want, bool timed)
{
    assert_int_equal(got->octets, want->octets);
    assert_int_equal(got->any, want->any);
    assert_int_equal(got->reordered, want->reordered);
    if (!timed || !want->any)
        return;
    assert_int_equal(got->sent, want->sent);
    assert_int_equal(got->end, want->end);
    assert_int_equal(got->resent, want->resent);
}

/* ---- The acts, on both ----------------------------------------------------------------------- */

/* What is sent: up to 300 octets more. */
static void act_add(struct bed *b, struct rnd *r)
{
    const uint32_t end = b->nxt + 1 + rnd_below(r, 300);

    if (end - b->una > SPAN - 1)
        return;
    assert_true(flight_add(&b->pool, &b->f, end, b->now));
    model_add(b, end);
}

static void act_ack(struct bed *b, struct rnd *r)
{
    const uint32_t ack = b->una + rnd_below(r, b->nxt - b->una + 1);
    struct delivered got = { .any = false };
    bool timed;

    b->fack = seq_max(b->fack, b->una);
    const struct delivered want = model_deliver(b, b->una, ack, &timed);
    flight_ack(&b->pool, &b->f, b->una, ack, b->fack, &got);
    same_news(&got, &want, timed);
    b->una = ack;
    b->fack = seq_max(b->fack, ack);
}

static void stretch(const struct bed *b, struct rnd *r, uint32_t *left, uint32_t *right)
{
    const uint32_t n = b->nxt - b->una;

    *left = b->una + rnd_below(r, n);
    *right = *left + 1 + rnd_below(r, b->nxt - *left);
}

static void act_sack(struct bed *b, struct rnd *r)
{
    struct delivered got = { .any = false };
    uint32_t left, right;
    bool timed;

    if (b->una == b->nxt)
        return;
    stretch(b, r, &left, &right);
    const struct delivered want = model_deliver(b, left, right, &timed);
    flight_sack(&b->pool, &b->f, b->una, left, right, b->fack, &got);
    same_news(&got, &want, timed);
    for (uint32_t s = left; s != right; s++)
        at(b, s)->flags = (at(b, s)->flags & FLIGHT_RESENT) | FLIGHT_SACKED;
    b->fack = seq_max(b->fack, right);
}

static void act_lose(struct bed *b, struct rnd *r)
{
    uint32_t left, right;

    if (b->una == b->nxt)
        return;
    stretch(b, r, &left, &right);
    flight_lose(&b->pool, &b->f, b->una, left, right);
    for (uint32_t s = left; s != right; s++)
        if (!(at(b, s)->flags & FLIGHT_SACKED))
            at(b, s)->flags |= FLIGHT_LOST;
}

static bool model_first_lost(struct bed *b, uint32_t *left, uint32_t *right)
{
    uint32_t s = b->una;

    while (s != b->nxt && !(at(b, s)->flags & FLIGHT_LOST))
        s++;
    *left = s;
    while (s != b->nxt && (at(b, s)->flags & FLIGHT_LOST) && at(b, s)->flags == at(b, *left)->flags)
        s++;
    *right = s;
    return *left != *right;
}

/* The first part of what is lost goes again. */
static void act_resend(struct bed *b, struct rnd *r)
{
    uint32_t left, right;

    if (!flight_first_lost(&b->pool, &b->f, b->una, &left, &right))
        return;
    right = left + 1 + rnd_below(r, right - left);
    flight_resent(&b->pool, &b->f, b->una, left, right, b->now);
    for (uint32_t s = left; s != right; s++)
        *at(b, s) = (struct octet){ .sent = b->now, .flags = FLIGHT_RESENT };
}

static void act_time_out(struct bed *b)
{
    flight_lose_all(&b->pool, &b->f);
    for (uint32_t s = b->una; s != b->nxt; s++)
        at(b, s)->flags = FLIGHT_LOST | FLIGHT_RESENT;
}

static void act(struct bed *b, struct rnd *r)
{
    const uint32_t dice = rnd_below(r, 100);

    b->now += rnd_below(r, 3);
    if (dice < 35)
        act_add(b, r);
    else if (dice < 50)
        act_ack(b, r);
    else if (dice < 70)
        act_sack(b, r);
    else if (dice < 80)
        act_lose(b, r);
    else if (dice < 99)
        act_resend(b, r);
    else
        act_time_out(b);
}

/* ---- What must hold -------------------------------------------------------------------------- */

static uint32_t model_octets(struct bed *b, uint32_t mask, uint32_t want)
{
    uint32_t n = 0;

    for (uint32_t s = b->una; s != b->nxt; s++)
        n += (at(b, s)->flags & mask) == want;
    return n;
}

static void lists_are_the_same(struct bed *b)
{
    uint32_t s = b->una;
    uint32_t left, right, l, r;

    for (unsigned i = 0; i < flight_count(&b->pool, &b->f); i++) {
        const struct flight_rec *rec = flight_at(&b->pool, &b->f, i);
        assert_true(seq_gt(rec->end, s));
        for (; s != rec->end; s++) {
            assert_int_equal(rec->flags, at(b, s)->flags);
            if (!(rec->flags & (FLIGHT_LOST | FLIGHT_SACKED)))
                assert_int_equal(rec->sent, at(b, s)->sent);
        }
    }
    assert_int_equal(s, b->nxt);
    assert_int_equal(flight_pipe(&b->pool, &b->f, b->una),
                     model_octets(b, FLIGHT_SACKED | FLIGHT_LOST, 0));
    assert_int_equal(flight_sacked(&b->pool, &b->f, b->una),
                     model_octets(b, FLIGHT_SACKED, FLIGHT_SACKED));
    const bool any = flight_first_lost(&b->pool, &b->f, b->una, &left, &right);
    assert_int_equal(any, model_first_lost(b, &l, &r));
    if (any) {
        assert_int_equal(left, l);
        assert_true(seq_le(right, r) && seq_gt(right, left));
    }
}

/* With slots to spare nothing is ever forgotten. */
static void with_room_the_list_knows_what_an_array_would(void **unused)
{
    static struct bed b;
    struct rnd r = { 6675 };

    (void)unused;
    for (int session = 0; session < 60; session++) {
        open_bed(&b, 4096);
        for (int i = 0; i < 300; i++) {
            /* A crowded list is another test's business. */
            if (flight_count(&b.pool, &b.f) > FLIGHT_MAX - 16)
                break;
            act(&b, &r);
            lists_are_the_same(&b);
        }
        close_bed(&b);
    }
}

/* A page of fifteen slots and a peer who splits what it can: the list may know less than it was
 * told, but what it knows is true, it covers all, and what is lost can still be sent again. */
static void a_crowded_list_knows_less_but_nothing_false(void **unused)
{
    static struct bed b;
    struct rnd r = { 2018 };
    bool crowded = false;

    (void)unused;
    for (int session = 0; session < 60; session++) {
        open_bed(&b, 256);
        memset(b.octet, 0, sizeof b.octet);
        for (int i = 0; i < 400; i++) {
            uint32_t left, right;
            struct delivered d = { .any = false };
            b.now++;
            if (b.nxt - b.una < SPAN - 300) {
                const uint32_t end = b.nxt + 1 + rnd_below(&r, 20);
                assert_true(flight_add(&b.pool, &b.f, end, b.now));
                model_add(&b, end);
            }
            stretch(&b, &r, &left, &right);
            flight_sack(&b.pool, &b.f, b.una, left, right, b.una, &d);
            for (uint32_t s = left; s != right; s++)
                at(&b, s)->flags = FLIGHT_SACKED;
            stretch(&b, &r, &left, &right);
            flight_lose(&b.pool, &b.f, b.una, left, right);
            if (flight_first_lost(&b.pool, &b.f, b.una, &left, &right)) {
                const uint32_t before = flight_pipe(&b.pool, &b.f, b.una);
                flight_resent(&b.pool, &b.f, b.una, left, left + 1, b.now);
                assert_true(flight_pipe(&b.pool, &b.f, b.una) > before);
            }
            crowded = crowded || flight_count(&b.pool, &b.f) >= 11;
            assert_true(flight_count(&b.pool, &b.f) <= 15);
            uint32_t s = b.una;
            for (unsigned k = 0; k < flight_count(&b.pool, &b.f); k++) {
                const struct flight_rec *rec = flight_at(&b.pool, &b.f, k);
                assert_true(seq_gt(rec->end, s));
                for (; s != rec->end; s++)
                    if (rec->flags & FLIGHT_SACKED)
                        assert_int_equal(at(&b, s)->flags, FLIGHT_SACKED);
            }
            assert_int_equal(s, b.nxt);
            if (rnd_below(&r, 20) == 0) {
                const uint32_t ack = b.una + rnd_below(&r, b.nxt - b.una);
                flight_ack(&b.pool, &b.f, b.una, ack, b.una, &d);
                b.una = ack;
            }
        }
        close_bed(&b);
    }
    assert_true(crowded);
}

/* No page to note it on: nothing is in flight, and the caller hears of it. */
static void without_a_page_nothing_is_noted(void **unused)
{
    static struct bed b;
    struct delivered d = { .any = false };
    uint32_t left, right;

    (void)unused;
    open_bed(&b, 256);
    for (int i = 0; i < PAGES; i++)
        assert_true(pool_take(&b.pool) != PAGE_NONE);
    assert_false(flight_add(&b.pool, &b.f, FIRST + 100, 1));
    assert_int_equal(flight_count(&b.pool, &b.f), 0);
    flight_ack(&b.pool, &b.f, FIRST, FIRST + 100, FIRST, &d);
    flight_sack(&b.pool, &b.f, FIRST, FIRST, FIRST + 1, FIRST, &d);
    flight_lose(&b.pool, &b.f, FIRST, FIRST, FIRST + 1);
    flight_lose_all(&b.pool, &b.f);
    flight_resent(&b.pool, &b.f, FIRST, FIRST, FIRST + 1, 2);
    assert_false(d.any);
    assert_int_equal(flight_pipe(&b.pool, &b.f, FIRST), 0);
    assert_false(flight_first_lost(&b.pool, &b.f, FIRST, &left, &right));
    pool_reset(&b.pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_room_the_list_knows_what_an_array_would),
        cmocka_unit_test(a_crowded_list_knows_less_but_nothing_false),
        cmocka_unit_test(without_a_page_nothing_is_noted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
