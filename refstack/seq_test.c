/* Sequence arithmetic: RFC 9293 section 3.4, on the wrap and half the number space away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "refstack/seq.h"

static const uint32_t edge[] = { 0, 1, 2, 0x7ffffffe, 0x7fffffff, 0x80000000, 0x80000001,
                                 0xfffffffe, 0xffffffff, 12345 };
enum { N_EDGES = sizeof edge / sizeof edge[0] };

/* "a < b": going up from a, b is met after 1 to 2^31 - 1 steps. */
static bool model_lt(uint32_t a, uint32_t b)
{
    const uint32_t steps = b - a;
    return steps >= 1 && steps <= 0x7fffffff;
}

static void order_is_the_shorter_way_round(void **unused)
{
    static const struct {
        uint32_t a, b;
        bool lt, le;
    } row[] = {
        { 0, 0, false, true },
        { 0, 1, true, true },
        { 1, 0, false, false },
        { 0xffffffff, 0, true, true },
        { 0, 0xffffffff, false, false },
        { 0, 0x7fffffff, true, true },
        { 0x7fffffff, 0, false, false },
        { 0xfffffff0, 0x10, true, true },
        { 0x10, 0xfffffff0, false, false },
        { 0x80000000, 0, true, true }, /* exactly half way: both claim to be below */
        { 0, 0x80000000, true, true },
    };

    (void)unused;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        assert_int_equal(seq_lt(row[i].a, row[i].b), row[i].lt);
        assert_int_equal(seq_le(row[i].a, row[i].b), row[i].le);
    }
}

static void comparisons_agree_with_counting_steps(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < N_EDGES; i++)
        for (size_t k = 0; k < N_EDGES; k++) {
            const uint32_t a = edge[i];
            const uint32_t b = edge[k];
            if (a - b == 0x80000000)
                continue;
            assert_int_equal(seq_lt(a, b), model_lt(a, b));
            assert_int_equal(seq_gt(a, b), model_lt(b, a));
            assert_int_equal(seq_le(a, b), a == b || model_lt(a, b));
            assert_int_equal(seq_ge(a, b), a == b || model_lt(b, a));
            assert_int_equal(seq_max(a, b), model_lt(a, b) ? b : a);
            assert_int_equal(seq_min(a, b), model_lt(a, b) ? a : b);
        }
}

/* U-60: what holds at 0 holds at every offset. */
static void order_does_not_change_when_all_numbers_shift(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < N_EDGES; i++)
        for (size_t k = 0; k < N_EDGES; k++)
            for (size_t shift = 0; shift < N_EDGES; shift++) {
                const uint32_t a = edge[i] + edge[shift];
                const uint32_t b = edge[k] + edge[shift];
                assert_int_equal(seq_lt(a, b), seq_lt(edge[i], edge[k]));
                assert_int_equal(seq_diff(a, b), seq_diff(edge[i], edge[k]));
                assert_int_equal(seq_max(a, b), seq_max(edge[i], edge[k]) + edge[shift]);
            }
}

/* U-15: every number against every small window, as a walk along the circle sees it. */
static void a_window_holds_as_many_numbers_as_it_is_long(void **unused)
{
    static const uint32_t length[] = { 0, 1, 2, 7, 255 };

    (void)unused;
    for (size_t i = 0; i < N_EDGES; i++)
        for (size_t n = 0; n < sizeof length / sizeof length[0]; n++) {
            const uint32_t left = edge[i];
            for (uint32_t at = 0; at < 512; at++)
                assert_int_equal(seq_in(left - 128 + at, left, length[n]),
                                 at >= 128 && at < 128 + length[n]);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_the_shorter_way_round),
        cmocka_unit_test(comparisons_agree_with_counting_steps),
        cmocka_unit_test(order_does_not_change_when_all_numbers_shift),
        cmocka_unit_test(a_window_holds_as_many_numbers_as_it_is_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
