/* Minimising keeps what is asked for and little else, and never cuts an event in two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/input.h"
#include "harness/triage.h"

static unsigned asked;

/* Two octets in this order, other things between them or not. */
static bool has_x_then_y(void *arg, const uint8_t *p, size_t len)
{
    (void)arg;
    asked++;
    const uint8_t *x = memchr(p, 'x', len);
    return x && memchr(x, 'y', len - (size_t)(x - p));
}

static bool always(void *arg, const uint8_t *p, size_t len)
{
    (void)arg;
    (void)p;
    (void)len;
    asked++;
    return true;
}

static void plain_octets_shrink_to_what_matters(void **state)
{
    (void)state;
    uint8_t p[] = "lots of octets, an x, more of them, a y and a tail that matters to nobody";
    assert_int_equal(triage_minimise("fuzz_segment", p, sizeof p - 1, 10000, has_x_then_y, NULL),
                     2);
    assert_memory_equal(p, "xy", 2);
}

static void the_tries_are_never_exceeded(void **state)
{
    (void)state;
    for (unsigned tries = 0; tries < 40; tries++) {
        uint8_t p[] = "lots of octets, an x, more of them, a y and a tail that matters to nobody";
        asked = 0;
        size_t len = triage_minimise("fuzz_segment", p, sizeof p - 1, tries, has_x_then_y, NULL);
        assert_true(asked <= tries);
        assert_true(has_x_then_y(NULL, p, len)); /* what is left shows it, however early it ends */
    }
}

/* Appends an event and returns where it begins. */
static size_t put(struct wcur *w, const uint8_t *base, uint8_t kind, uint8_t op)
{
    struct input_event e = { .ev = { .kind = kind } };
    size_t at = (size_t)(w->p - base);
    e.ev.u.user.op = op;
    e.ev.u.user.amount = 300;
    assert_true(input_encode(w, &e));
    return at;
}

static void spans_are_the_events_of_the_encoding(void **state)
{
    (void)state;
    uint8_t p[100] = { INPUT_START_ESTABLISHED, 0 };
    struct wcur w = wcur_of(p + INPUT_HEADER, sizeof p - INPUT_HEADER);
    size_t at[3];
    at[0] = put(&w, p, SC_USER, SC_SEND);
    at[1] = put(&w, p, SC_USER, SC_CLOSE);
    at[2] = put(&w, p, SC_USER, SC_RECEIVE);
    size_t len = (size_t)(w.p - p);
    struct triage_spans s;
    assert_true(triage_spans_of("fuzz_conn", p, len, &s));
    assert_int_equal(s.n, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(s.span[i], at[i]);
    assert_int_equal(s.span[3], len);
    free(s.span);
}

/* Whether a CLOSE is among the input's own events. */
static bool has_close(void *arg, const uint8_t *p, size_t len)
{
    struct input_reader r;
    struct input_event e;
    (void)arg;
    input_open(&r, p, len);
    while (input_next(&r, &e))
        if (e.ev.kind == SC_USER && e.ev.u.user.op == SC_CLOSE)
            return true;
    return false;
}

static void events_go_whole_and_the_one_that_matters_stays(void **state)
{
    (void)state;
    uint8_t p[200] = { INPUT_START_CLOSED, 0 };
    struct wcur w = wcur_of(p + INPUT_HEADER, sizeof p - INPUT_HEADER);
    for (int i = 0; i < 8; i++)
        put(&w, p, SC_USER, SC_SEND);
    put(&w, p, SC_USER, SC_CLOSE);
    for (int i = 0; i < 8; i++)
        put(&w, p, SC_USER, SC_RECEIVE);
    size_t len = triage_minimise("fuzz_conn", p, (size_t)(w.p - p), 10000, has_close, NULL);
    struct triage_spans s;
    assert_true(has_close(NULL, p, len));
    assert_true(triage_spans_of("fuzz_conn", p, len, &s));
    assert_int_equal(s.n, 1);
    free(s.span);
}

static void what_holds_always_shrinks_to_nothing(void **state)
{
    (void)state;
    uint8_t p[] = "abc", q[] = { 9, 9, 1, 2, 3, 4, 5, 6 };
    assert_int_equal(triage_minimise("fuzz_segment", p, 3, 100, always, NULL), 0);
    assert_int_equal(triage_minimise("fuzz_conn", q, sizeof q, 1000, always, NULL), INPUT_HEADER);
    assert_int_equal(q[0] | q[1], 0);
    assert_int_equal(triage_minimise("fuzz_conn", q, 0, 1000, always, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_octets_shrink_to_what_matters),
        cmocka_unit_test(the_tries_are_never_exceeded),
        cmocka_unit_test(spans_are_the_events_of_the_encoding),
        cmocka_unit_test(events_go_whole_and_the_one_that_matters_stays),
        cmocka_unit_test(what_holds_always_shrinks_to_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
