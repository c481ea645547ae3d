/* Reassembly: whatever the order and overlaps, the octets come out once, in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "refstack/recvq.h"
#include "refstack/seq.h"
#include "refstack/test_rand.h"

enum { PAGES = 40, OCTETS = 256, ALL = PAGES * OCTETS };
#define FIRST UINT32_C(0xffffff00) /* so that the numbers wrap */

struct bed {
    struct pool pool;
    uint32_t next[PAGES];
    uint8_t base[ALL];
    struct recvq q;
};

static void open_bed(struct bed *b)
{
    pool_init(&b->pool, b->base, b->next, PAGES, OCTETS);
    recvq_init(&b->q, FIRST);
}

static void close_bed(struct bed *b)
{
    recvq_free(&b->pool, &b->q);
    assert_int_equal(b->pool.used, 0);
    pool_reset(&b->pool);
}

static uint8_t octet_at(uint32_t off)
{
    return (uint8_t)(off * 7 + off / 256);
}

/* Inserts [from, to) of the pattern, offsets from FIRST. */
static bool put(struct bed *b, uint32_t from, uint32_t to)
{
    uint8_t text[2048];

    for (uint32_t i = from; i < to; i++)
        text[i - from] = octet_at(i);
    return recvq_insert(&b->pool, &b->q, FIRST + from, text, to - from, false);
}

static void read_and_check(struct bed *b, uint32_t from, uint32_t to)
{
    uint8_t text[2048];

    assert_int_equal(recvq_read(&b->pool, &b->q, text, to - from), to - from);
    for (uint32_t i = from; i < to; i++)
        assert_int_equal(text[i - from], octet_at(i));
}

/* Six pieces, some of them overlapping, in each of their 720 orders. */
static void every_order_of_arrival_gives_the_same_octets(void **unused)
{
    static const uint32_t piece[6][2] = { { 0, 100 },   { 100, 180 }, { 150, 300 },
                                          { 300, 301 }, { 280, 600 }, { 600, 700 } };
    struct bed b;

    (void)unused;
    for (uint32_t order = 0; order < 720; order++) {
        uint32_t left = order;
        bool used[6] = { false };
        open_bed(&b);
        for (uint32_t i = 6; i > 0; i--) {
            uint32_t k = left % i;
            uint32_t at = 0;
            left /= i;
            for (; used[at] || k > 0; at++)
                k -= !used[at];
            used[at] = true;
            /* The caller trims to RCV.NXT; what is wholly old does not come here. */
            const uint32_t have = b.q.nxt - FIRST;
            const uint32_t from = piece[at][0] > have ? piece[at][0] : have;
            if (from < piece[at][1])
                assert_true(put(&b, from, piece[at][1]));
        }
        assert_int_equal(b.q.nxt - FIRST, 700);
        assert_int_equal(b.q.blocks, PAGE_NONE);
        read_and_check(&b, 0, 700);
        close_bed(&b);
    }
}

/* RFC 2018 section 4: the block that grew last comes first, then the others by age. */
static void sack_names_the_latest_block_first(void **unused)
{
    struct bed b;
    struct sack_block s[4];

    (void)unused;
    open_bed(&b);
    put(&b, 100, 110);
    put(&b, 300, 310);
    put(&b, 500, 510);
    assert_int_equal(recvq_sack(&b.pool, &b.q, s, 4), 3);
    assert_int_equal(s[0].left - FIRST, 500);
    assert_int_equal(s[0].right - FIRST, 510);
    assert_int_equal(s[1].left - FIRST, 300);
    assert_int_equal(s[2].left - FIRST, 100);
    put(&b, 310, 320); /* joins the middle one */
    assert_int_equal(recvq_sack(&b.pool, &b.q, s, 2), 2);
    assert_int_equal(s[0].left - FIRST, 300);
    assert_int_equal(s[0].right - FIRST, 320);
    assert_int_equal(s[1].left - FIRST, 500);
    assert_int_equal(recvq_highest(&b.pool, &b.q) - FIRST, 510);
    put(&b, 0, 300); /* fills the holes up to 320 */
    assert_int_equal(b.q.nxt - FIRST, 320);
    assert_int_equal(recvq_sack(&b.pool, &b.q, s, 4), 1);
    assert_int_equal(s[0].left - FIRST, 500);
    close_bed(&b);
}

static void text_held_waits_until_it_is_joined(void **unused)
{
    struct bed b;
    uint8_t text[10] = { 1 };

    (void)unused;
    open_bed(&b);
    assert_true(recvq_insert(&b.pool, &b.q, FIRST, text, sizeof text, true));
    assert_int_equal(recvq_readable(&b.q), 0);
    assert_int_equal(recvq_join(&b.pool, &b.q), 10);
    assert_int_equal(recvq_readable(&b.q), 10);
    assert_int_equal(recvq_join(&b.pool, &b.q), 0);
    close_bed(&b);
}

/* CVE-2018-5390 in spirit: the list of blocks is bounded, and refusing changes nothing. */
static void more_blocks_than_there_are_slots_are_refused(void **unused)
{
    struct bed b;
    uint32_t held = 0;
    struct sack_block before[4], after[4];

    (void)unused;
    open_bed(&b);
    while (put(&b, 2 + 2 * held, 3 + 2 * held))
        held++;
    assert_true(held > 4 && held <= RECVQ_MAX_BLOCKS);
    const uint32_t used = b.pool.used;
    recvq_sack(&b.pool, &b.q, before, 4);
    assert_false(put(&b, 2000, 2010));
    recvq_sack(&b.pool, &b.q, after, 4);
    assert_memory_equal(before, after, sizeof before);
    assert_int_equal(b.pool.used, used);
    assert_true(put(&b, 0, 2)); /* what fills the hole needs no slot */
    close_bed(&b);
}

static void without_a_page_text_is_refused_and_nothing_changes(void **unused)
{
    struct bed b;
    uint32_t taken = 0;

    (void)unused;
    open_bed(&b);
    while (pool_take(&b.pool) != PAGE_NONE)
        taken++;
    assert_false(put(&b, 0, 10));
    assert_false(put(&b, 20, 30));
    pool_give(&b.pool, 0);
    assert_false(put(&b, 20, 30)); /* a page for the list, none for the text */
    assert_int_equal(b.pool.used, taken - 1);
    assert_int_equal(b.q.nxt, FIRST);
    assert_true(put(&b, 0, 10));
    read_and_check(&b, 0, 10);
    pool_reset(&b.pool);
}

enum { WINDOW = 1500 };

/* Which octets have been taken, by offset. */
struct map {
    bool have[1 << 16];
    uint32_t nxt, user;
};

static void random_segment(struct bed *b, struct map *m, struct rnd *r)
{
    const uint32_t from = m->nxt + rnd_below(r, WINDOW - (m->nxt - m->user));
    const uint32_t room = m->user + WINDOW - from;
    const uint32_t to = from + 1 + rnd_below(r, room < 300 ? room : 300);

    if (!put(b, from, to))
        return;
    for (uint32_t i = from; i < to; i++)
        m->have[i] = true;
    while (m->have[m->nxt])
        m->nxt++;
}

static void check_blocks(const struct bed *b, const struct map *m)
{
    struct sack_block s[RECVQ_MAX_BLOCKS];
    const unsigned n = recvq_sack(&b->pool, &b->q, s, RECVQ_MAX_BLOCKS);
    uint32_t octets = 0, held = 0;

    for (unsigned i = 0; i < n; i++) {
        assert_true(seq_gt(s[i].left, b->q.nxt) && seq_gt(s[i].right, s[i].left));
        assert_false(m->have[s[i].left - FIRST - 1] || m->have[s[i].right - FIRST]);
        octets += s[i].right - s[i].left;
    }
    for (uint32_t i = m->nxt; i < m->user + WINDOW; i++)
        held += m->have[i];
    assert_int_equal(octets, held);
}

static void random_segments_and_reads_agree_with_a_map_of_octets(void **unused)
{
    static struct bed b;
    static struct map m;

    (void)unused;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct rnd r = { seed };
        memset(&m, 0, sizeof m);
        open_bed(&b);
        while (m.nxt < 60000 && m.user + WINDOW + 300 < sizeof m.have) {
            random_segment(&b, &m, &r);
            assert_int_equal(b.q.nxt - FIRST, m.nxt);
            check_blocks(&b, &m);
            const uint32_t n = rnd_below(&r, m.nxt - m.user + 1);
            if (m.nxt - m.user == WINDOW || rnd_below(&r, 3) == 0) {
                const uint32_t take = m.nxt - m.user == WINDOW ? WINDOW : n;
                read_and_check(&b, m.user, m.user + take);
                m.user += take;
            }
        }
        close_bed(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_order_of_arrival_gives_the_same_octets),
        cmocka_unit_test(sack_names_the_latest_block_first),
        cmocka_unit_test(text_held_waits_until_it_is_joined),
        cmocka_unit_test(more_blocks_than_there_are_slots_are_refused),
        cmocka_unit_test(without_a_page_text_is_refused_and_nothing_changes),
        cmocka_unit_test(random_segments_and_reads_agree_with_a_map_of_octets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
