/* What the ends agreed on, and who breaks it: each rule says no once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "interop/negotiate.h"

static const uint8_t wscale[] = { 3, 3, 7 };
static const uint8_t sack_ok[] = { 4, 2 };
static const uint8_t sack[] = { 5, 10, 0, 0, 0, 1, 0, 0, 0, 2 };
static const uint8_t timestamps[] = { 8, 10, 0, 0, 0, 1, 0, 0, 0, 0 };

struct fixture {
    struct negotiation n;
    char why[WIRE_TEXT];
};

#define SAYS(f, from, flags, tos, ...) \
    note(f, from, flags, tos, (const uint8_t *const[]){ __VA_ARGS__, NULL })

/* Options go by their own length octets. */
static bool note(struct fixture *f, enum trace_end from, uint16_t flags, uint8_t tos,
                 const uint8_t *const option[])
{
    uint8_t octets[TCP_OPT_MAX];
    struct frame_tcp t = { .tos = tos, .seg = { .flags = flags, .opt = octets } };
    for (int i = 0; option[i]; i++) {
        memcpy(octets + t.seg.opt_len, option[i], option[i][1]);
        t.seg.opt_len = (uint8_t)(t.seg.opt_len + option[i][1]);
    }
    return negotiate_note(&f->n, from, 0, &t, f->why);
}

static void what_both_offer_may_be_used(void **state)
{
    struct fixture f = { .why = "" };
    (void)state;
    assert_true(SAYS(&f, END_A, TCP_SYN | TCP_ECE | TCP_CWR, 0, timestamps, sack_ok, wscale));
    assert_true(SAYS(&f, END_B, TCP_SYN | TCP_ACK | TCP_ECE, 0, timestamps, sack_ok, wscale));
    assert_true(SAYS(&f, END_A, TCP_ACK, 2, timestamps, sack));
}

static void an_answer_to_no_offer_is_refused(void **state)
{
    struct fixture f = { .why = "" };
    (void)state;
    assert_true(SAYS(&f, END_A, TCP_SYN, 0, sack_ok));
    assert_false(SAYS(&f, END_B, TCP_SYN | TCP_ACK, 0, sack_ok, wscale));
    assert_non_null(strstr(f.why, "window scale: agreed to though it was not offered"));
}

static void a_syn_that_crossed_makes_no_answer_of_an_offer(void **state)
{
    struct fixture f = { .why = "" };
    (void)state;
    assert_true(SAYS(&f, END_A, TCP_SYN, 0, sack_ok));
    assert_true(SAYS(&f, END_B, TCP_SYN, 0, wscale));
    assert_true(SAYS(&f, END_B, TCP_SYN | TCP_ACK, 0, wscale));
}

static void timestamps_agreed_on_may_not_be_missing(void **state)
{
    struct fixture f = { .why = "" };
    (void)state;
    assert_true(SAYS(&f, END_A, TCP_SYN, 0, timestamps));
    assert_true(SAYS(&f, END_B, TCP_SYN | TCP_ACK, 0, timestamps));
    assert_true(SAYS(&f, END_B, TCP_RST, 0, NULL));
    assert_false(SAYS(&f, END_A, TCP_ACK, 0, NULL));
    assert_non_null(strstr(f.why, "timestamps: missing though agreed on"));
}

static void what_was_not_agreed_on_may_not_be_used(void **state)
{
    struct fixture f = { .why = "" };
    (void)state;
    assert_true(SAYS(&f, END_A, TCP_SYN, 0, timestamps));
    assert_true(SAYS(&f, END_B, TCP_SYN | TCP_ACK, 0, NULL));
    assert_false(SAYS(&f, END_A, TCP_ACK, 0, timestamps));
    assert_false(SAYS(&f, END_A, TCP_ACK, 0, sack));
    assert_non_null(strstr(f.why, "blocks sent to an end that did not permit them"));
    assert_false(SAYS(&f, END_B, TCP_ACK, 1, NULL));
    assert_non_null(strstr(f.why, "ECN: codepoint set though not agreed on"));
}

static void what_is_on_is_offered_and_what_is_off_is_not(void **state)
{
    struct fixture f = { .n = { .on = { OFFER_SACK }, .off = { OFFER_WSCALE } } };
    (void)state;
    assert_false(SAYS(&f, END_A, TCP_SYN, 0, wscale, sack_ok));
    assert_non_null(strstr(f.why, "window scale: offered though it is off"));
    assert_false(SAYS(&f, END_A, TCP_SYN, 0, NULL));
    assert_non_null(strstr(f.why, "SACK-permitted: not offered though it is on"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_both_offer_may_be_used),
        cmocka_unit_test(an_answer_to_no_offer_is_refused),
        cmocka_unit_test(a_syn_that_crossed_makes_no_answer_of_an_offer),
        cmocka_unit_test(timestamps_agreed_on_may_not_be_missing),
        cmocka_unit_test(what_was_not_agreed_on_may_not_be_used),
        cmocka_unit_test(what_is_on_is_offered_and_what_is_off_is_not),
    };
    return cmocka_run_group_tests_name("negotiate", tests, NULL, NULL);
}
