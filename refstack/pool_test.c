/* Pages and chains of them, against a flat array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "refstack/pool.h"
#include "refstack/test_rand.h"
#include "refstack/wire.h"

enum { PAGES = 12, OCTETS = 256, ALL = PAGES * OCTETS };

struct bed {
    struct pool pool;
    uint32_t next[PAGES];
    uint8_t base[ALL];
};

static void open_bed(struct bed *b)
{
    pool_init(&b->pool, b->base, b->next, PAGES, OCTETS);
}

static void each_page_is_handed_out_once_until_all_are_out(void **unused)
{
    struct bed b;
    bool seen[PAGES] = { false };

    (void)unused;
    open_bed(&b);
    for (int i = 0; i < PAGES; i++) {
        const uint32_t page = pool_take(&b.pool);
        assert_true(page < PAGES && !seen[page]);
        seen[page] = true;
        memset(pool_page(&b.pool, page), 0xaa, OCTETS);
    }
    assert_int_equal(b.pool.used, PAGES);
    assert_int_equal(pool_take(&b.pool), PAGE_NONE);
    pool_give(&b.pool, 5);
    assert_int_equal(pool_take(&b.pool), 5);
    assert_int_equal(pool_take(&b.pool), PAGE_NONE);
    pool_reset(&b.pool);
    assert_int_equal(b.pool.used, 0);
    assert_int_not_equal(pool_take(&b.pool), PAGE_NONE);
    pool_reset(&b.pool);
}

static void a_chain_grows_only_as_far_as_there_are_pages(void **unused)
{
    struct bed b;
    struct chain c = CHAIN_EMPTY;
    struct chain other = CHAIN_EMPTY;
    uint8_t octets[ALL] = { 0 };

    (void)unused;
    open_bed(&b);
    assert_int_equal(chain_append(&b.pool, &other, octets, 1), 1);
    assert_int_equal(chain_append(&b.pool, &c, octets, ALL), ALL - OCTETS);
    assert_int_equal(c.len, ALL - OCTETS);
    assert_int_equal(chain_append(&b.pool, &c, octets, 1), 0);
    chain_free(&b.pool, &other);
    assert_int_equal(chain_append(&b.pool, &c, octets, OCTETS + 1), OCTETS);
    chain_free(&b.pool, &c);
    assert_int_equal(b.pool.used, 0);
    assert_int_equal(chain_grow(&b.pool, &c, 0), 0);
    assert_int_equal(b.pool.used, 0);
    pool_reset(&b.pool);
}

static void octets_read_are_summed_as_they_are_copied(void **unused)
{
    struct bed b;
    struct chain c = CHAIN_EMPTY;
    struct rnd r = { 4 };
    uint8_t octets[700], got[700];

    (void)unused;
    open_bed(&b);
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (uint8_t)rnd_next(&r);
    chain_append(&b.pool, &c, octets, sizeof octets);
    for (uint32_t off = 0; off < 300; off += 37) {
        uint32_t sum = 0;
        const uint32_t n = (uint32_t)sizeof octets - 2 * off;
        chain_get(&b.pool, &c, off, got, n, &sum);
        assert_memory_equal(got, octets + off, n);
        assert_int_equal(csum_fold(sum), csum_fold(csum_add(0, octets + off, n)));
    }
    chain_free(&b.pool, &c);
    pool_reset(&b.pool); /* no page on the stack stays poisoned */
}

/* A chain and what it should hold. */
struct model {
    struct chain chain;
    uint8_t octet[ALL];
    uint32_t len;
};

static void check(const struct bed *b, const struct model *m)
{
    uint8_t got[ALL];

    assert_int_equal(m->chain.len, m->len);
    chain_get(&b->pool, &m->chain, 0, got, m->len, NULL);
    assert_memory_equal(got, m->octet, m->len);
    assert_int_equal(m->len == 0, m->chain.head == PAGE_NONE);
}

static void append(struct bed *b, struct model *m, struct rnd *r)
{
    uint8_t octets[600];
    const uint32_t n = rnd_below(r, sizeof octets);

    for (uint32_t i = 0; i < n; i++)
        octets[i] = (uint8_t)rnd_next(r);
    const uint32_t taken = chain_append(&b->pool, &m->chain, octets, n);
    assert_true(taken <= n);
    memcpy(m->octet + m->len, octets, taken);
    m->len += taken;
    /* Less than asked for only when not one page is left. */
    assert_true(taken == n || b->pool.used == PAGES);
}

static void overwrite(struct bed *b, struct model *m, struct rnd *r)
{
    const uint32_t off = rnd_below(r, m->len + 1);
    const uint32_t n = rnd_below(r, m->len - off + 1);

    for (uint32_t i = 0; i < n; i++)
        m->octet[off + i] = (uint8_t)rnd_next(r);
    chain_put(&b->pool, &m->chain, off, m->octet + off, n);
}

static void act(struct bed *b, struct model *m, struct rnd *r)
{
    const uint32_t n = rnd_below(r, m->len + 1);

    switch (rnd_below(r, 6)) {
    case 0:
        chain_drop(&b->pool, &m->chain, n);
        m->len -= n;
        memmove(m->octet, m->octet + n, m->len);
        break;
    case 1:
        chain_truncate(&b->pool, &m->chain, n);
        m->len = n;
        break;
    case 2:
        overwrite(b, m, r);
        break;
    default:
        append(b, m, r);
        break;
    }
}

static uint32_t pages_of(const struct bed *b, const struct chain *c)
{
    uint32_t n = 0;

    for (uint32_t page = c->head; page != PAGE_NONE; page = b->pool.next[page])
        n++;
    return n;
}

static void random_acts_on_two_chains_agree_with_flat_arrays(void **unused)
{
    static struct bed b;
    static struct model m[2];
    struct rnd r = { 77 };

    (void)unused;
    open_bed(&b);
    m[0].chain = m[1].chain = CHAIN_EMPTY;
    for (int i = 0; i < 20000; i++) {
        struct model *one = &m[rnd_below(&r, 2)];
        act(&b, one, &r);
        check(&b, &m[0]);
        check(&b, &m[1]);
        assert_int_equal(pages_of(&b, &m[0].chain) + pages_of(&b, &m[1].chain), b.pool.used);
    }
    chain_free(&b.pool, &m[0].chain);
    chain_free(&b.pool, &m[1].chain);
    assert_int_equal(b.pool.used, 0);
    pool_reset(&b.pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_page_is_handed_out_once_until_all_are_out),
        cmocka_unit_test(a_chain_grows_only_as_far_as_there_are_pages),
        cmocka_unit_test(octets_read_are_summed_as_they_are_copied),
        cmocka_unit_test(random_acts_on_two_chains_agree_with_flat_arrays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
