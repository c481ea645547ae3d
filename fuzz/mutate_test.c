#include "fuzz/mutate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static unsigned events(const uint8_t *p, size_t len)
{
    static struct input_event e;
    struct input_reader r;
    unsigned n = 0;

    input_open(&r, p, len);
    r.prefix = rcur_of(p, 0);
    while (input_next(&r, &e))
        n++;
    return n;
}

static bool is_canonical(const uint8_t *p, size_t len)
{
    uint8_t again[MUTATE_MAX];

    return input_canonical(p, len, again, sizeof again) == len && !memcmp(p, again, len);
}

static void a_seed_gives_the_same_mutation_again(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 2000; seed++) {
        uint8_t a[256] = { 5, 0, 0, 16, 1 }, b[256] = { 5, 0, 0, 16, 1 };
        size_t n = mutate_input(MUTATE_CONN, a, 5, sizeof a, seed);
        assert_int_equal(n, mutate_input(MUTATE_CONN, b, 5, sizeof b, seed));
        assert_memory_equal(a, b, n);
    }
}

static void mutations_stay_within_the_limit_and_grow(void **state)
{
    uint8_t in[100] = { 0 };
    size_t len = INPUT_HEADER;
    unsigned most = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 5000; seed++) {
        len = mutate_input(MUTATE_CONN, in, len, sizeof in, seed);
        assert_in_range(len, INPUT_HEADER, sizeof in);
        most = events(in, len) > most ? events(in, len) : most;
    }
    assert_in_range(most, 8, MUTATE_EVENTS);
}

static void a_pair_is_given_no_segments(void **state)
{
    static struct input_event e;
    struct mutate_random r = { .state = 7 };

    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        mutate_event_make(MUTATE_PAIR, &r, &e);
        assert_int_not_equal(e.ev.kind, SC_PACKET);
        assert_int_not_equal(e.ev.kind, SC_OPAQUE);
    }
}

static void what_is_made_can_be_encoded_and_is_canonical(void **state)
{
    static struct input_event e;
    struct mutate_random r = { .state = 3 };

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t octet[1024] = { 0, 0 };
        struct wcur w = wcur_of(octet + INPUT_HEADER, sizeof octet - INPUT_HEADER);
        mutate_event_make(MUTATE_CONN, &r, &e);
        assert_true(input_encode(&w, &e));
        assert_true(is_canonical(octet, (size_t)(w.p - octet)));
    }
}

static void leaving_out_an_event_leaves_the_others(void **state)
{
    /* ACK, CLOSE, a wait */
    static const uint8_t in[] = { 5, 0, 0, 16, 1 | 6 << 3, 2 };
    uint8_t out[64];

    (void)state;
    assert_int_equal(events(in, sizeof in), 3);
    assert_int_equal(mutate_without(in, sizeof in, 1, out, sizeof out), 5);
    assert_memory_equal(out, ((const uint8_t[]){ 5, 0, 0, 16, 2 }), 5);
    assert_int_equal(mutate_without(in, sizeof in, 3, out, sizeof out), 0);
}

static void a_splice_has_the_header_of_the_first(void **state)
{
    static const uint8_t a[] = { 5, 3, 0, 16 }, b[] = { 9, 0, 1 | 6 << 3, 2 };
    uint8_t out[64];

    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        size_t n = mutate_splice(a, sizeof a, b, sizeof b, out, sizeof out, seed);
        assert_in_range(n, INPUT_HEADER, 6);
        assert_memory_equal(out, a, INPUT_HEADER);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_gives_the_same_mutation_again),
        cmocka_unit_test(mutations_stay_within_the_limit_and_grow),
        cmocka_unit_test(a_pair_is_given_no_segments),
        cmocka_unit_test(what_is_made_can_be_encoded_and_is_canonical),
        cmocka_unit_test(leaving_out_an_event_leaves_the_others),
        cmocka_unit_test(a_splice_has_the_header_of_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
