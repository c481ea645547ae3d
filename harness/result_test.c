/* What the collectors of results promise to every runner and every writer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/result.h"

static void a_case_nobody_judged_is_an_error_and_not_a_pass(void **state)
{
    (void)state;
    struct result *r = result_new("t");
    struct result_case *c = result_case(r, "script", "a", "refstack", 4);
    assert_int_equal(c->verdict, VERDICT_ERROR);
    assert_string_equal(c->reason, "not run");
    assert_int_equal(result_status(r), 1);
    result_free(r);
}

static void text_that_no_format_can_carry_is_kept_as_hex(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } rows[] = {
        { "plain <&> text\n\t.", "plain <&> text\n\t." },
        { "bell\x07", "bell\\x07" },
        { "caf\xc3\xa9", "caf\xc3\xa9" },                 /* U+00E9 stays */
        { "\xc3", "\\xc3" },                              /* cut short */
        { "\xc0\xaf", "\\xc0\\xaf" },                     /* overlong */
        { "\xed\xa0\x80", "\\xed\\xa0\\x80" },            /* a surrogate */
        { "\xef\xbf\xbf", "\\xef\\xbf\\xbf" },            /* U+FFFF */
        { "\xf0\x9f\x90\x9b", "\xf0\x9f\x90\x9b" },       /* U+1F41B */
        { "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" },   /* beyond U+10FFFF */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = result_text("%s", rows[i].in);
        assert_string_equal(text, rows[i].out);
        free(text);
    }
}

static void the_exit_status_says_what_the_verdicts_say(void **state)
{
    (void)state;
    struct result *r = result_new("t");
    assert_int_equal(result_status(r), 0);
    case_verdict(result_case(r, "s", "a", "x", 4), VERDICT_UNSUPPORTED, "no IPv6");
    assert_int_equal(result_status(r), 77);
    case_verdict(result_case(r, "s", "b", "x", 4), VERDICT_PASS, NULL);
    assert_int_equal(result_status(r), 0);
    case_verdict(result_case(r, "s", "c", "x", 4), VERDICT_EXPECTED_FAILURE, "Linux: 60 s");
    assert_int_equal(result_status(r), 0);
    struct result_finding *f = result_finding(r, "leak | keep");
    assert_int_equal(result_status(r), 1);
    f->planted = result_text("send-page-leak");
    assert_int_equal(result_status(r), 0);
    result_free(r);
}

static void pointers_to_cases_outlive_later_cases(void **state)
{
    (void)state;
    struct result *r = result_new("t");
    struct result_case *first = result_case(r, "s", "first", "x", 4);
    for (int i = 0; i < 100; i++)
        case_verdict(result_case(r, "s", "more", "x", 4), VERDICT_PASS, NULL);
    case_verdict(first, VERDICT_FAIL, "%s", "late");
    assert_string_equal(r->cases[0]->reason, "late");
    assert_int_equal(result_count(r).of[VERDICT_PASS], 100);
    assert_int_equal(result_count(r).of[VERDICT_FAIL], 1);
    result_free(r);
}

static void merging_moves_everything_and_adds_the_hits(void **state)
{
    (void)state;
    struct result *to = result_new("t"), *from = result_new("u");
    to->state_hits[RS_LISTEN] = 1;
    from->state_hits[RS_LISTEN] = 2;
    from->transition_hits[RS_LISTEN][RS_SYN_RECEIVED] = 7;
    uint8_t octets[3] = { 1, 2, 3 };
    struct result_case *c = result_case(from, "s", "a", "x", 4);
    case_packet(c, 5, END_B, RS_LINK_IP, octets, sizeof octets);
    case_event(c, 6, END_A, "CLOSE");
    case_tag(c, "MUST-11");
    case_tag(c, "MUST-11");
    result_fuzz(from, "fuzz_conn", "libfuzzer");
    result_finding(from, "x")->title = result_text("y");
    result_merge(to, from);
    assert_int_equal(to->n_cases, 1);
    assert_int_equal(to->cases[0]->n_rows, 2);
    assert_int_equal(to->cases[0]->n_tags, 1);
    assert_memory_equal(to->cases[0]->row[0].octet, octets, sizeof octets);
    assert_int_equal(to->cases[0]->row[0].before[END_A], TRACE_STATE_UNKNOWN);
    assert_int_equal(to->n_fuzz, 1);
    assert_int_equal(to->n_findings, 1);
    assert_int_equal(to->state_hits[RS_LISTEN], 3);
    assert_int_equal(to->transition_hits[RS_LISTEN][RS_SYN_RECEIVED], 7);
    result_free(to);
}

static void every_verdict_is_found_by_its_name_and_nothing_else_is(void **state)
{
    (void)state;
    for (int v = 0; v < N_VERDICTS; v++)
        assert_int_equal(verdict_of(verdict_name((enum verdict)v)), v);
    assert_int_equal(verdict_of("passed"), -1);
    assert_int_equal(verdict_of(""), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_case_nobody_judged_is_an_error_and_not_a_pass),
        cmocka_unit_test(text_that_no_format_can_carry_is_kept_as_hex),
        cmocka_unit_test(the_exit_status_says_what_the_verdicts_say),
        cmocka_unit_test(pointers_to_cases_outlive_later_cases),
        cmocka_unit_test(merging_moves_everything_and_adds_the_hits),
        cmocka_unit_test(every_verdict_is_found_by_its_name_and_nothing_else_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
