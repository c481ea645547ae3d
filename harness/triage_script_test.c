#include "harness/triage_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "harness/run.h"
#include "harness/script_parse.h"

/* The script of a target's input, run on refstack. */
static enum verdict script_verdict(const char *target, const uint8_t *p, size_t len, char *reason)
{
    char *text = NULL, error[SCRIPT_ERROR_SIZE];
    size_t n;
    struct run_result res;
    FILE *f = open_memstream(&text, &n);
    triage_script(f, target, p, len);
    fclose(f);
    struct script *s = script_parse("script.pkt", text, n, error);
    if (!s)
        print_error("%s\n%s", error, text);
    assert_non_null(s);
    const struct run_options opt = { .seed = 1, .ip = s->ip ? s->ip : 4 };
    run_script(s, &sut_refstack, &opt, &res);
    snprintf(reason, RUN_REASON_SIZE, "%s", res.reason);
    script_free(s);
    free(text);
    return res.verdict;
}

/* listen, and a SYN: in one fragment over IPv4, in two over IPv6. */
static void an_input_of_events_runs_as_its_script(void **state)
{
    static const uint8_t plain[] = { 1, 0, 0, 2 }, six[] = { 0x61, 0, 0, 2 };
    char reason[RUN_REASON_SIZE];
    (void)state;
    assert_int_equal(script_verdict("fuzz_conn", plain, sizeof plain, reason), VERDICT_PASS);
    assert_int_equal(script_verdict("fuzz_conn", six, sizeof six, reason), VERDICT_PASS);
    assert_int_equal(script_verdict("fuzz_conn", plain, 0, reason), VERDICT_PASS);
}

static void what_no_script_can_show_never_passes(void **state)
{
    static const uint8_t octets[] = { 0x45, 0, 1, 2, 3, 4, 5, 6, 7, 8 };
    char reason[RUN_REASON_SIZE];
    (void)state;
    assert_int_equal(script_verdict("fuzz_pair", octets, sizeof octets, reason),
                     VERDICT_UNSUPPORTED);
    assert_non_null(strstr(reason, "there is no host=pair on refstack"));
    assert_int_equal(script_verdict("fuzz_segment", octets, sizeof octets, reason),
                     VERDICT_UNSUPPORTED);
    assert_non_null(strstr(reason, "there is no host=none on refstack"));
}

/* Whatever a fuzzer hands over: its script parses, and a sound stack does not fail it. */
static void any_octets_have_a_script_that_a_sound_stack_does_not_fail(void **state)
{
    uint64_t lcg = 1;
    char reason[RUN_REASON_SIZE];
    unsigned passed = 0;
    (void)state;
    for (int round = 0; round < 600; round++) {
        uint8_t octets[48];
        for (size_t i = 0; i < sizeof octets; i++) {
            lcg = lcg * 6364136223846793005u + 1442695040888963407u;
            octets[i] = (uint8_t)(lcg >> 56);
        }
        const enum verdict v = script_verdict("fuzz_conn", octets, sizeof octets, reason);
        if (v == VERDICT_FAIL)
            print_error("round %d: %s\n", round, reason);
        assert_int_not_equal(v, VERDICT_FAIL);
        passed += v == VERDICT_PASS;
        assert_int_equal(script_verdict("fuzz_pair", octets, sizeof octets, reason),
                         VERDICT_UNSUPPORTED);
    }
    print_message("%u of 600 pass\n", passed);
    assert_true(passed > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_input_of_events_runs_as_its_script),
        cmocka_unit_test(what_no_script_can_show_never_passes),
        cmocka_unit_test(any_octets_have_a_script_that_a_sound_stack_does_not_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
