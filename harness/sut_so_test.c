/* Plug-ins that crash, hang or lie cost one case, with the reason; a good one is judged. */
#include <libgen.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/run.h"
#include "harness/script_parse.h"
#include "harness/sut.h"

static char folder[2048]; /* where the objects are */

static const struct sut_ops *plug_in(const char *file, const char *flags)
{
    char name[4096];
    snprintf(name, sizeof(name), "so:%s/%s%s%s", folder, file, flags ? "," : "",
             flags ? flags : "");
    return sut_find(name);
}

static struct run_result run_text(const struct sut_ops *ops, const char *text)
{
    const struct run_options opt = { .seed = 1, .ip = 4 };
    char error[1024];
    struct run_result res;
    struct script *s = script_parse("test.pkt", text, strlen(text), error);
    if (!s)
        fail_msg("%s", error);
    assert_non_null(ops);
    run_script(s, ops, &opt, &res);
    script_free(s);
    return res;
}

#define LISTENER "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n" \
                 "+0 bind(3, ..., ...) = 0\n+0 listen(3, 5) = 0\n"

static void expect_failure(const char *flags, const char *reason)
{
    const struct run_result res = run_text(plug_in("bad_plugin.so", flags),
                                           LISTENER "+.1 < S 0:0(0) win 1000\n+1 silence\n");
    if (res.verdict != VERDICT_FAIL || !strstr(res.reason, reason))
        fail_msg("with %s: expected a failure with '%s', got %d: %s", flags, reason,
                 (int)res.verdict, res.reason);
}

static void a_crash_is_a_failure_with_its_signal_and_last_words(void **state)
{
    (void)state;
    expect_failure("crash", "crashed in SOCKET with signal 6");
    expect_failure("crash", "assertion of the plug-in failed");
    expect_failure("crash-at-once", "crashed in packetdrill_interface_init with signal 6");
    expect_failure("exit", "ended the process in SOCKET with status 3");
}

static void a_hang_is_a_failure(void **state)
{
    (void)state;
    expect_failure("hang", "hangs: SOCKET did not return");
}

static void a_lie_is_a_failure_that_says_which(void **state)
{
    (void)state;
    expect_failure("false-descriptor", "777, which is no descriptor");
    expect_failure("backward-clock", "its clock shows");
    expect_failure("standing-clock", "its clock shows");
    expect_failure("huge-datagram", "1000000 octets into a buffer");
    expect_failure("refuse", "netdev_send refused");
}

/* The negative of all the above. */
static void without_a_misdeed_the_same_script_passes(void **state)
{
    (void)state;
    const struct run_result res = run_text(plug_in("bad_plugin.so", NULL),
                                           LISTENER "+.1 < S 0:0(0) win 1000\n+1 silence\n");
    assert_int_equal(res.verdict, VERDICT_PASS);
}

static void settings_for_one_that_takes_none_are_unsupported(void **state)
{
    (void)state;
    const struct run_result res = run_text(plug_in("bad_plugin.so", NULL),
                                           "//@ config delayed_ack=0\n" LISTENER);
    assert_int_equal(res.verdict, VERDICT_UNSUPPORTED);
    assert_non_null(strstr(res.reason, "delayed_ack"));
}

static void a_setting_that_is_refused_is_unsupported_with_its_reason(void **state)
{
    (void)state;
    const struct run_result res = run_text(plug_in("librefstack_packetdrill.so", NULL),
                                           "//@ config no_such=0\n" LISTENER);
    assert_int_equal(res.verdict, VERDICT_UNSUPPORTED);
    assert_non_null(strstr(res.reason, "no setting named 'no_such'"));
}

static void what_is_no_plug_in_is_no_stack(void **state)
{
    (void)state;
    assert_null(plug_in("no-such-file.so", NULL));
    assert_null(sut_find("so:libc.so.6"));
    assert_null(sut_find("so:"));
}

/* Blocking accept and read on refstack's plug-in, and a retransmission at its exact time. */
static void a_blocking_script_runs_in_virtual_time(void **state)
{
    (void)state;
    struct run_result res = run_text(plug_in("librefstack_packetdrill.so", NULL), LISTENER
        "+0...0.2 accept(3, ..., ...) = 4\n"
        "+.1 < S 0:0(0) win 10000 <mss 1000>\n"
        "+0 > S. 0:0(0) ack 1 <...>\n"
        "+.1 < . 1:1(0) ack 1 win 10000\n"
        "+0...1 read(4, ..., 100) = 10\n"
        "+1 < P. 1:11(10) ack 1 win 10000\n"
        "* > . 1:1(0) ack 11\n"
        "+0 write(4, ..., 10) = 10\n"
        "+0 > P. 1:11(10) ack 11\n"
        "* > P. 1:11(10) ack 11\n"
        "+.1 < . 11:11(0) ack 11 win 10000\n"
        "+0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n"
        "+0 read(4, ..., 10) = -1 EAGAIN\n"
        "+3600 silence\n");
    if (res.verdict != VERDICT_PASS)
        fail_msg("%s", res.reason);
    assert_true(res.us > 3600 * RS_SEC);
}

static void a_call_that_returns_too_late_fails(void **state)
{
    (void)state;
    struct run_result res = run_text(plug_in("librefstack_packetdrill.so", NULL), LISTENER
        "+0...0.1 accept(3, ..., ...) = 4\n+.5 silence\n");
    assert_int_equal(res.verdict, VERDICT_FAIL);
    assert_non_null(strstr(res.reason, "expected to return"));
}

static void the_state_of_a_descriptor_comes_by_tcp_info(void **state)
{
    (void)state;
    struct run_result res = run_text(plug_in("librefstack_packetdrill.so", NULL), LISTENER
        "state 3 LISTEN\n"
        "+.1 < S 0:0(0) win 10000 <mss 1000>\n"
        "+0 > S. 0:0(0) ack 1 <...>\n"
        "+.1 < . 1:1(0) ack 1 win 10000\n"
        "+0 accept(3, ..., ...) = 4\n"
        "state 4 ESTABLISHED\n"
        "+0 %{ assert tcpi_snd_mss == 1000 and tcpi_state == TCP_ESTABLISHED }%\n"
        "+.1 < F. 1:1(0) ack 1 win 10000\n"
        "* > . 1:1(0) ack 2\n"
        "state 4 CLOSE-WAIT\n");
    if (res.verdict != VERDICT_PASS)
        fail_msg("%s", res.reason);
    res = run_text(plug_in("bad_plugin.so", NULL), LISTENER "state 3 LISTEN\n");
    assert_int_equal(res.verdict, VERDICT_UNSUPPORTED);
    assert_non_null(strstr(res.reason, "does not tell it"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_is_a_failure_with_its_signal_and_last_words),
        cmocka_unit_test(a_hang_is_a_failure),
        cmocka_unit_test(a_lie_is_a_failure_that_says_which),
        cmocka_unit_test(without_a_misdeed_the_same_script_passes),
        cmocka_unit_test(settings_for_one_that_takes_none_are_unsupported),
        cmocka_unit_test(a_setting_that_is_refused_is_unsupported_with_its_reason),
        cmocka_unit_test(what_is_no_plug_in_is_no_stack),
        cmocka_unit_test(a_blocking_script_runs_in_virtual_time),
        cmocka_unit_test(a_call_that_returns_too_late_fails),
        cmocka_unit_test(the_state_of_a_descriptor_comes_by_tcp_info),
    };
    /* Two folders up from this program. */
    char own[2048];
    const ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
    own[n > 0 ? n : 0] = '\0';
    snprintf(folder, sizeof(folder), "%s", dirname(dirname(own)));
    return cmocka_run_group_tests_name("sut_so", tests, NULL, NULL);
}
