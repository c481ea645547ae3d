#include "refstack/wire_test.h"

#define WALK(octets) opt_walk_of(guard_copy(&test_guard, octets, sizeof octets), sizeof octets)

static void expect_end(struct opt_walk *w)
{
    struct tcp_option o;
    assert_int_equal(opt_next(w, &o), OPT_END);
    assert_int_equal(opt_next(w, &o), OPT_END);
}

static struct tcp_option expect_option(struct opt_walk *w, uint8_t kind, bool typed)
{
    struct tcp_option o;
    assert_int_equal(opt_next(w, &o), OPT_OK);
    assert_int_equal(o.kind, kind);
    assert_int_equal(o.typed, typed);
    return o;
}

static void every_standard_kind_is_read_as_what_it_is(void **state)
{
    uint8_t wire[] = {
        1, 2, 4, 0x05, 0xb4, 3, 3, 7, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 28, 4, 0x80, 5,
        5, 10, 0, 0, 0, 3, 0, 0, 0, 4, 34, 2, 254, 8, 0xf9, 0x89, 'a', 'b', 'c', 'd', 0,
    };
    struct opt_walk w = WALK(wire);
    (void)state;
    assert_int_equal(expect_option(&w, OPT_NOP, true).len, 1);
    assert_int_equal(expect_option(&w, OPT_MSS, true).u.mss, 1460);
    assert_int_equal(expect_option(&w, OPT_WSCALE, true).u.shift, 7);
    expect_option(&w, OPT_SACK_PERMITTED, true);
    struct tcp_option o = expect_option(&w, OPT_TIMESTAMPS, true);
    assert_int_equal(o.u.ts.val, 1);
    assert_int_equal(o.u.ts.ecr, 2);
    assert_int_equal(expect_option(&w, OPT_USER_TIMEOUT, true).u.user_timeout, 0x8005);
    o = expect_option(&w, OPT_SACK, true);
    assert_int_equal(o.u.sack.n, 1);
    assert_int_equal(o.u.sack.block[0].left, 3);
    assert_int_equal(o.u.sack.block[0].right, 4);
    assert_int_equal(expect_option(&w, OPT_FASTOPEN, true).u.cookie.len, 0);
    o = expect_option(&w, OPT_EXPERIMENT, true);
    assert_int_equal(o.u.cookie.len, 4);
    assert_memory_equal(o.u.cookie.octets, "abcd", 4);
    expect_option(&w, OPT_EOL, true);
    expect_end(&w);
}

static void an_md5_digest_is_found(void **state)
{
    uint8_t wire[18] = { 19, 18, 1, 2, 3 };
    struct opt_walk w = WALK(wire);
    (void)state;
    const struct tcp_option o = expect_option(&w, OPT_MD5, true);
    assert_memory_equal(o.u.digest, wire + 2, 16);
    expect_end(&w);
}

static void nothing_after_the_end_of_list_is_an_option(void **state)
{
    uint8_t wire[] = { 0, 2, 4, 5, 180 };
    struct opt_walk w = WALK(wire);
    (void)state;
    expect_option(&w, OPT_EOL, true);
    expect_end(&w);
}

static void no_options_at_all_is_the_end(void **state)
{
    struct opt_walk w = opt_walk_of(NULL, 0);
    struct tcp_opts opts;
    (void)state;
    expect_end(&w);
    opts_read(&opts, NULL, 0);
    assert_false(opts.bad || opts.has_mss || opts.has_ts || opts.n_sack);
}

/* MUST-7: whatever the kind and however many octets follow, a length octet that is missing, 0, 1 or
 * too large ends the walk, and all others are stepped over exactly. */
static void every_kind_with_every_length_in_every_space_is_judged_by_its_length(void **state)
{
    uint8_t wire[40] = { 0 };
    (void)state;
    for (int kind = 2; kind < 256; kind++) {
        for (size_t space = 1; space <= sizeof wire; space++) {
            for (size_t len = 0; len < 256; len = len == 42 ? 254 : len + 1) {
                struct tcp_option o;
                wire[0] = (uint8_t)kind;
                wire[1] = (uint8_t)len;
                const uint8_t *p = guard_copy(&test_guard, wire, space);
                struct opt_walk w = opt_walk_of(p, space);
                const bool fits = space >= 2 && len >= 2 && len <= space;
                assert_int_equal(opt_next(&w, &o), fits ? OPT_OK : OPT_BAD_LENGTH);
                if (!fits)
                    expect_end(&w);
                else
                    assert_ptr_equal(w.p, p + len);
            }
        }
    }
}

/* The one length (or, as bits, the lengths) that makes a kind typed. */
static bool own_length(uint8_t kind, size_t len)
{
    switch (kind) {
    case OPT_MSS:
    case OPT_USER_TIMEOUT:
        return len == 4;
    case OPT_WSCALE:
        return len == 3;
    case OPT_SACK_PERMITTED:
        return len == 2;
    case OPT_SACK:
        return len == 10 || len == 18 || len == 26 || len == 34;
    case OPT_TIMESTAMPS:
        return len == 10;
    case OPT_MD5:
        return len == 18;
    case OPT_FASTOPEN:
        return len == 2 || (len >= 6 && len <= 18 && len % 2 == 0);
    case OPT_EXPERIMENT:
        return len == 4 || (len >= 8 && len <= 20 && len % 2 == 0);
    default:
        return false;
    }
}

static void a_kind_is_typed_only_at_its_own_length(void **state)
{
    uint8_t wire[40];
    (void)state;
    memset(wire, 0, sizeof wire);
    for (int kind = 2; kind < 256; kind++) {
        for (size_t len = 2; len <= sizeof wire; len++) {
            wire[0] = (uint8_t)kind;
            wire[1] = (uint8_t)len;
            if (kind == OPT_EXPERIMENT) {
                wire[2] = 0xf9;
                wire[3] = 0x89;
            }
            struct opt_walk w = opt_walk_of(guard_copy(&test_guard, wire, len), len);
            expect_option(&w, (uint8_t)kind, own_length((uint8_t)kind, len));
            expect_end(&w);
        }
    }
}

static void an_experiment_of_another_kind_is_kept_as_octets(void **state)
{
    uint8_t wire[] = { 254, 8, 0xf9, 0x88, 1, 2, 3, 4 };
    struct opt_walk w = WALK(wire);
    (void)state;
    const struct tcp_option o = expect_option(&w, OPT_EXPERIMENT, false);
    assert_memory_equal(o.body, wire + 2, 6);
}

/* Random octets, biased toward kinds and lengths that mean something. */
static void random_options(struct test_rand *r, uint8_t *wire, size_t len)
{
    static const uint8_t likely[] = { 0, 1, 2, 3, 4, 5, 8, 10, 18, 19, 28, 34, 254, 0xf9, 0x89 };
    test_rand_fill(r, wire, len);
    for (size_t i = 0; i < len; i++) {
        if (test_rand_below(r, 3))
            wire[i] = likely[test_rand_below(r, sizeof likely)];
    }
}

static void whatever_the_walk_gives_is_put_back_octet_by_octet(void **state)
{
    struct test_rand r = { 2018 };
    uint8_t wire[40], back[40];
    (void)state;
    for (int i = 0; i < 100000; i++) {
        const size_t len = test_rand_below(&r, sizeof wire + 1);
        random_options(&r, wire, len);
        const uint8_t *p = guard_copy(&test_guard, wire, len);
        struct opt_walk w = opt_walk_of(p, len);
        struct wcur c = wcur_of(back, sizeof back);
        struct tcp_option o;
        while (opt_next(&w, &o) == OPT_OK)
            opt_put(&c, &o);
        assert_false(c.bad);
        assert_int_equal(c.p - back, w.p - p);
        if (c.p != back)
            assert_memory_equal(back, wire, (size_t)(c.p - back));
    }
}

/* Each kind that was typed is put back from its value alone: length and octets are taken away. */
static void a_typed_option_is_put_from_its_value_alone(void **state)
{
    uint8_t wire[] = {
        2, 4, 5, 180, 3, 3, 14, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 5, 10, 1, 1, 1, 1, 2, 2, 2, 2,
        28, 4, 9, 9,
    };
    uint8_t back[sizeof wire];
    struct opt_walk w = WALK(wire);
    struct wcur c = wcur_of(back, sizeof back);
    struct tcp_option o;
    (void)state;
    while (opt_next(&w, &o) == OPT_OK) {
        o.len = 0;
        o.body = NULL;
        opt_put(&c, &o);
    }
    assert_false(c.bad);
    assert_ptr_equal(c.p, c.end);
    assert_memory_equal(back, wire, sizeof wire);
}

static void an_option_whose_length_lies_can_be_put(void **state)
{
    const struct tcp_option zero = { .kind = OPT_MSS, .len = 0 };
    const struct tcp_option over = { .kind = OPT_TIMESTAMPS, .len = 10 };
    uint8_t out[4];
    struct wcur c = wcur_of(out, sizeof out);
    (void)state;
    opt_put(&c, &zero);
    opt_put(&c, &over);
    assert_false(c.bad);
    assert_memory_equal(out, ((uint8_t[]){ 2, 0, 8, 10 }), 4);
}

static void an_option_that_does_not_fit_marks_the_cursor(void **state)
{
    const struct tcp_option o = { .kind = OPT_TIMESTAMPS, .typed = true };
    (void)state;
    for (size_t cap = 0; cap < 10; cap++) {
        struct wcur c = wcur_of(guard_at(&test_guard, cap), cap);
        opt_put(&c, &o);
        assert_true(c.bad);
    }
}

static void the_first_option_of_each_kind_counts(void **state)
{
    uint8_t wire[] = {
        2, 4, 1, 1, 2, 4, 2, 2, 3, 3, 1, 3, 3, 2, 28, 4, 0, 1, 28, 4, 0, 2, 34, 2, 254, 4,
        0xf9, 0x89,
    };
    struct tcp_opts opts;
    (void)state;
    opts_read(&opts, guard_copy(&test_guard, wire, sizeof wire), sizeof wire);
    assert_false(opts.bad);
    assert_true(opts.has_mss && opts.has_wscale && opts.has_user_timeout && opts.has_cookie);
    assert_false(opts.has_ts || opts.has_sack_permitted);
    assert_int_equal(opts.mss, 0x0101);
    assert_int_equal(opts.shift, 1);
    assert_int_equal(opts.user_timeout, 1);
    assert_int_equal(opts.cookie_len, 0);
}

/* One layout has a way of its own; what differs from it in any octet is walked. */
static void timestamps_are_read_alike_wherever_they_stand(void **state)
{
    static const uint8_t usual[] = { 1, 1, 8, 10, 0, 1, 2, 3, 4, 5, 6, 7 };
    static const uint8_t other[] = { 8, 10, 0, 1, 2, 3, 4, 5, 6, 7, 1, 1 };
    struct tcp_opts a, b;
    (void)state;
    opts_read(&a, guard_copy(&test_guard, usual, sizeof usual), sizeof usual);
    assert_true(a.has_ts && !a.bad && !a.has_mss && a.n_sack == 0);
    assert_int_equal(a.ts_val, 0x00010203);
    assert_int_equal(a.ts_ecr, 0x04050607);
    opts_read(&b, guard_copy(&test_guard, other, sizeof other), sizeof other);
    assert_true(b.has_ts && b.ts_val == a.ts_val && b.ts_ecr == a.ts_ecr);
    for (size_t i = 0; i < 4; i++) {
        uint8_t wire[sizeof usual];
        memcpy(wire, usual, sizeof wire);
        wire[i] ^= 0x40; /* an illegal length, or where the kind stands an unknown one */
        opts_read(&b, guard_copy(&test_guard, wire, sizeof wire), sizeof wire);
        assert_int_equal(b.bad, i != 2);
        assert_false(b.has_ts);
    }
    opts_read(&b, guard_copy(&test_guard, usual, sizeof usual - 1), sizeof usual - 1);
    assert_true(b.bad && !b.has_ts);
}

static void four_sack_blocks_are_read_and_a_second_sack_option_is_not(void **state)
{
    uint8_t wire[44] = { 5, 34, [34] = 5, 10 };
    struct tcp_opts opts;
    (void)state;
    for (uint8_t i = 0; i < 32; i++)
        wire[2 + i] = i;
    opts_read(&opts, guard_copy(&test_guard, wire, sizeof wire), sizeof wire);
    assert_int_equal(opts.n_sack, 4);
    assert_int_equal(opts.sack[0].left, 0x00010203);
    assert_int_equal(opts.sack[3].right, 0x1c1d1e1f);
}

static void what_stood_before_an_illegal_length_is_kept(void **state)
{
    uint8_t wire[] = { 2, 4, 5, 180, 4, 2, 8, 1, 3, 3, 7 };
    struct tcp_opts opts;
    (void)state;
    opts_read(&opts, guard_copy(&test_guard, wire, sizeof wire), sizeof wire);
    assert_true(opts.bad);
    assert_true(opts.has_mss && opts.has_sack_permitted);
    assert_false(opts.has_ts || opts.has_wscale);
    assert_int_equal(opts.mss, 1460);
}

static void a_known_kind_of_another_length_is_ignored(void **state)
{
    uint8_t wire[] = { 2, 3, 9, 3, 4, 7, 7, 8, 9, 1, 1, 1, 1, 1, 1, 1, 34, 3, 1, 4, 2 };
    struct tcp_opts opts;
    (void)state;
    opts_read(&opts, guard_copy(&test_guard, wire, sizeof wire), sizeof wire);
    assert_false(opts.bad);
    assert_false(opts.has_mss || opts.has_wscale || opts.has_ts || opts.has_cookie);
    assert_true(opts.has_sack_permitted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_standard_kind_is_read_as_what_it_is),
        cmocka_unit_test(an_md5_digest_is_found),
        cmocka_unit_test(nothing_after_the_end_of_list_is_an_option),
        cmocka_unit_test(no_options_at_all_is_the_end),
        cmocka_unit_test(every_kind_with_every_length_in_every_space_is_judged_by_its_length),
        cmocka_unit_test(a_kind_is_typed_only_at_its_own_length),
        cmocka_unit_test(an_experiment_of_another_kind_is_kept_as_octets),
        cmocka_unit_test(whatever_the_walk_gives_is_put_back_octet_by_octet),
        cmocka_unit_test(a_typed_option_is_put_from_its_value_alone),
        cmocka_unit_test(an_option_whose_length_lies_can_be_put),
        cmocka_unit_test(an_option_that_does_not_fit_marks_the_cursor),
        cmocka_unit_test(the_first_option_of_each_kind_counts),
        cmocka_unit_test(timestamps_are_read_alike_wherever_they_stand),
        cmocka_unit_test(four_sack_blocks_are_read_and_a_second_sack_option_is_not),
        cmocka_unit_test(what_stood_before_an_illegal_length_is_kept),
        cmocka_unit_test(a_known_kind_of_another_length_is_ignored),
    };
    return cmocka_run_group_tests(tests, test_guard_up, test_guard_down);
}
