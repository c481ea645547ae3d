/* The judge of interop cases can say no: scripts that ask for what does not happen must fail, and
 * say why.  Each is played against the live kernel in a process of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/report.h"
#include "harness/script_parse.h"
#include "interop/run.h"

#define OPEN                               \
    "+0 B: user open-passive 0\n"          \
    "+0 A: user open-active 0\n"           \
    "+0 A>B S 0:0(0)\n"                    \
    "+0 B>A S. 0:0(0) ack 1\n"             \
    "+0 A>B . 1:1(0) ack 1\n"              \
    "state A ESTABLISHED, B ESTABLISHED\n"

/* Plays the text; the case comes back with its verdict. */
static struct result *play_at(const char *text, bool swapped, const char *b, int ip_version)
{
    char error[SCRIPT_ERROR_SIZE], why[WIRE_TEXT];
    struct interop_source source = { .path = (char *)(uintptr_t)"test",
                                     .text = (char *)(uintptr_t)text };
    struct interop_job job = { .name = (char *)(uintptr_t)"test", .source = &source,
                               .cast = { { stack_find("refstack"), stack_find(b) }, swapped,
                                         ip_version },
                               .answer = tmpfile() };
    source.script = script_parse("test", text, strlen(text), error);
    assert_non_null(source.script);
    assert_non_null(job.answer);
    play_config_default(&job.config);
    job.config.patience = 2 * RS_SEC;
    assert_true(play_config_read(&job.config, source.script, why));
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct result *r = result_new("test");
        interop_play(&job, r);
        _exit(report_json(r, job.answer) < 0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    rewind(job.answer);
    struct result *r = report_read(job.answer, "test", error, sizeof error);
    fclose(job.answer);
    script_free(source.script);
    assert_non_null(r);
    if (r->cases[0]->verdict == VERDICT_UNSUPPORTED) {
        print_message("skipped: %s\n", r->cases[0]->reason);
        result_free(r);
        skip();
    }
    return r;
}

static struct result *play(const char *text, bool swapped)
{
    return play_at(text, swapped, "linux", 4);
}

static void fails_with(const char *text, const char *reason)
{
    for (int swapped = 0; swapped < 2; swapped++) {
        struct result *r = play(text, swapped);
        assert_int_equal(r->cases[0]->verdict, VERDICT_FAIL);
        if (!strstr(r->cases[0]->reason, reason))
            print_message("%s\n", r->cases[0]->reason);
        assert_non_null(strstr(r->cases[0]->reason, reason));
        result_free(r);
    }
}

static void a_case_passes_with_states_and_trace(void **state)
{
    (void)state;
    struct result *r = play(OPEN, false);
    const struct result_case *c = r->cases[0];
    int packets = 0, established = 0;
    assert_int_equal(c->verdict, VERDICT_PASS);
    for (size_t i = 0; i < c->n_rows; i++) {
        packets += c->row[i].kind == TRACE_PACKET && c->row[i].line > 0;
        established += c->row[i].kind == TRACE_PACKET &&
                       c->row[i].after[END_B] == RS_ESTABLISHED &&
                       c->row[i].before[END_B] == RS_SYN_RECEIVED;
    }
    assert_int_equal(packets, 3);
    assert_int_equal(established, 1);
    result_free(r);
}

static void a_case_passes_over_ipv6_and_between_stacks_of_one_process(void **state)
{
    (void)state;
    struct result *r = play_at(OPEN, false, "linux", 6);
    assert_int_equal(r->cases[0]->verdict, VERDICT_PASS);
    assert_int_equal(r->cases[0]->row[2].octet[14] >> 4, 6);
    result_free(r);
    r = play_at(OPEN, true, "lwip", 4);
    assert_int_equal(r->cases[0]->verdict, VERDICT_PASS);
    assert_string_equal(r->cases[0]->sut, "refstack x lwip");
    result_free(r);
}

static void a_setting_that_a_stack_does_not_have_is_unsupported(void **state)
{
    (void)state;
    if (!stack_present(stack_find("lwip"), (char[256]){ 0 }, 256))
        skip();
    char error[SCRIPT_ERROR_SIZE], why[WIRE_TEXT];
    const char *text = "//@ config kernel-timestamps=on\n";
    static struct play play;
    const struct play_cast cast = { { stack_find("refstack"), stack_find("lwip") }, false, 4 };
    struct play_config config;
    struct script *s = script_parse("test", text, strlen(text), error);
    struct result *r = result_new("test");
    struct result_case *c = result_case(r, "interop", "test", "refstack x lwip", 4);
    play_config_default(&config);
    assert_true(play_config_read(&config, s, why));
    assert_false(play_case(&play, s, text, &cast, &config, c));
    assert_int_equal(c->verdict, VERDICT_UNSUPPORTED);
    assert_non_null(strstr(c->reason, "timestamps compiled in otherwise than on"));
    result_free(r);
    script_free(s);
}

static void another_flag_than_expected_fails(void **state)
{
    (void)state;
    fails_with("+0 B: user open-passive 0\n+0 A: user open-active 0\n+0 A>B S. 0:0(0) ack 1\n",
               "test:3: flags: expected S., got S; expected \"+0 A>B S. 0:0(0) ack 1\"");
}

static void another_number_than_expected_fails(void **state)
{
    (void)state;
    fails_with(OPEN "+0 A: user close 0\n+0 A>B F. 2:2(0) ack 1\n",
               "test:8: seq: expected 2, got 1");
    fails_with(OPEN "+0 A: user send 0 10\n+0 A>B P. 1:10(9) ack 1\n",
               "text: expected 9 octets, got 10");
    fails_with(OPEN "+0 A: user close 0\n+0 A>B F. 1:1(0) ack 2\n", "ack: expected 2, got 1");
}

static void a_segment_of_the_other_end_fails(void **state)
{
    (void)state;
    fails_with("+0 B: user open-passive 0\n+0 A: user open-active 0\n+0 B>A S 0:0(0)\n",
               "sender: expected the other end");
}

static void a_segment_that_does_not_come_fails(void **state)
{
    (void)state;
    fails_with("//@ config patience=0.2s\n" OPEN "+0 A>B F. 1:1(0) ack 1\n",
               "test:8: no segment was sent within 0.2 s");
}

static void a_segment_that_comes_too_early_fails(void **state)
{
    (void)state;
    fails_with(OPEN "+0 A: user close 0\n+0.5 A>B F. 1:1(0) ack 1\n",
               "time: expected at least 0.500 s after the event before, got 0.0");
}

static void a_segment_the_script_leaves_out_fails(void **state)
{
    (void)state;
    fails_with(OPEN "+0 A: user close 0\n+0 A>B F. 1:1(0) ack 1\n",
               "after the last event silence was expected");
    fails_with(OPEN "+0 A: user close 0\n+0.1 silence\n", "silence was expected");
}

static void a_state_that_is_not_reached_fails(void **state)
{
    (void)state;
    fails_with("//@ config patience=0.2s\n" OPEN "state A FIN-WAIT-2\n", "expected FIN-WAIT-2");
    fails_with(OPEN "+0 A: user abort 0\n+0 A>B * 1:1(0)\n", "in the end");
}

static void octets_that_do_not_come_fail(void **state)
{
    (void)state;
    fails_with("//@ config wire=any patience=0.2s\n"
               "+0 B: user open-passive 0\n+0 A: user open-active 0\n"
               "+0 A: user send 0 10\n+0 B: user receive 0 11\n",
               "expected 11 octets, 1 are missing");
}

static void an_error_that_does_not_come_fails(void **state)
{
    (void)state;
    fails_with("//@ config wire=any\n"
               "+0 B: user open-passive 0\n+0 A: user open-active 0\n"
               "+0 B: user close 0\n+0 A: user receive 0 1 = -1 RS_ERESET\n",
               "expected RS_ERESET, got ");
}

static void a_setting_that_is_not_known_is_a_sentence(void **state)
{
    (void)state;
    char error[SCRIPT_ERROR_SIZE], why[WIRE_TEXT];
    const char *const bad[] = { "//@ config nosuch=1\n", "//@ config msl=2parsecs\n",
                                "//@ config loss=101%\n", "//@ config sack=perhaps\n" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct play_config c;
        struct script *s = script_parse("test", bad[i], strlen(bad[i]), error);
        assert_non_null(s);
        play_config_default(&c);
        assert_false(play_config_read(&c, s, why));
        assert_memory_equal(why, "config: ", 8);
        script_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_case_passes_with_states_and_trace),
        cmocka_unit_test(a_case_passes_over_ipv6_and_between_stacks_of_one_process),
        cmocka_unit_test(a_setting_that_a_stack_does_not_have_is_unsupported),
        cmocka_unit_test(another_flag_than_expected_fails),
        cmocka_unit_test(another_number_than_expected_fails),
        cmocka_unit_test(a_segment_of_the_other_end_fails),
        cmocka_unit_test(a_segment_that_does_not_come_fails),
        cmocka_unit_test(a_segment_that_comes_too_early_fails),
        cmocka_unit_test(a_segment_the_script_leaves_out_fails),
        cmocka_unit_test(a_state_that_is_not_reached_fails),
        cmocka_unit_test(octets_that_do_not_come_fail),
        cmocka_unit_test(an_error_that_does_not_come_fails),
        cmocka_unit_test(a_setting_that_is_not_known_is_a_sentence),
    };
    return cmocka_run_group_tests_name("interop", tests, NULL, NULL);
}
