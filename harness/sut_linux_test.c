/* The live kernel under the runner: packets both ways, time, calls that block, settings, and what
 * the kernel tells of its connections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/expect.h"
#include "harness/run.h"
#include "harness/script_parse.h"

#define LISTEN                                                                                     \
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 0\n"                      \
    "+0 listen(3, 5) = 0\n"
#define HANDSHAKE                                                                                  \
    LISTEN "+.02 < S 0:0(0) win 10000 <mss 1000>\n+0 > S. 0:0(0) ack 1 <...>\n"                    \
           "+.02 < . 1:1(0) ack 1 win 10000\n"
#define OPEN HANDSHAKE "+0 accept(3, ..., ...) = 4\n"

enum { ATTEMPTS = 8 };

static struct run_result result;

/* A failure on a machine that was late shows nothing: as the suite does, again. */
static enum verdict run_text(const char *text, uint64_t limit)
{
    char error[SCRIPT_ERROR_SIZE] = "";
    struct script *s = script_parse("test", text, strlen(text), error);
    if (!s)
        fail_msg("%s", error);
    const struct run_options opt = { .seed = 1, .ip = 4, .real_limit = limit };
    for (int i = 0; i < ATTEMPTS; i++) {
        run_script(s, sut_find("linux"), &opt, &result);
        if (result.verdict != VERDICT_FAIL || !result.stalled)
            break;
    }
    script_free(s);
    return result.verdict;
}

static void passes(const char *text)
{
    if (run_text(text, 0) != VERDICT_PASS)
        fail_msg("%s", result.reason);
}

static void fails(const char *text, const char *how)
{
    assert_int_equal(VERDICT_FAIL, run_text(text, 0));
    if (!strstr(result.reason, how))
        fail_msg("expected '%s' in: %s", how, result.reason);
}

static void a_connection_opens_and_its_state_is_told_by_the_kernel(void **state)
{
    (void)state;
    passes(LISTEN "state LISTEN\n"
           "+.02 < S 0:0(0) win 10000 <mss 1000>\n+0 > S. 0:0(0) ack 1 <...>\n"
           "state SYN-RECEIVED\n+.02 < . 1:1(0) ack 1 win 10000\nstate ESTABLISHED\n"
           "+0 accept(3, ..., ...) = 4\nstate 4 ESTABLISHED\n"
           "+.02 < F. 1:1(0) ack 1 win 10000\n+0~+.05 > . 1:1(0) ack 2\nstate 4 CLOSE-WAIT\n");
    fails(OPEN "state CLOSE-WAIT\n", "state: expected CLOSE-WAIT, got ESTABLISHED");
}

static void text_goes_both_ways_and_is_compared(void **state)
{
    (void)state;
    passes(OPEN "+.02 write(4, pattern, 2500) = 2500\n+0 > P. 1:2501(2500) ack 1 pattern\n"
           "+.02 < P. 1:6(5) ack 2501 win 10000 \"hello\"\n+0~+.05 > . 2501:2501(0) ack 6\n"
           "+0 read(4, \"hello\", 100) = 5\n");
    fails(OPEN "+.02 < P. 1:6(5) ack 1 win 10000 \"hello\"\n+0~+.05 > . 1:1(0) ack 6\n"
          "+0 read(4, \"hallo\", 100) = 5\n", "data: expected 0x61 at octet 1, got 0x65");
    fails(OPEN "+.02 write(4, ..., 100) = 100\n+0 > P. 1:102(101) ack 1\n",
          "length: expected 101, got 100");
}

static void silence_is_broken_by_a_retransmission(void **state)
{
    (void)state;
    passes(OPEN "+.02 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1\n+.1 silence\n");
    fails(OPEN "+.02 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1\n+.9 silence\n",
          "packet: expected none, got one");
}

static void a_segment_at_the_wrong_time_fails(void **state)
{
    (void)state;
    passes(OPEN "+.02 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1\n"
           "+.2~+.5 > P. 1:101(100) ack 1\n");
    fails(OPEN "+.02 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1\n"
          "+.6 > P. 1:101(100) ack 1\n", "time: expected 0.6");
}

static void calls_block_until_the_packet_comes(void **state)
{
    (void)state;
    passes(LISTEN "+0...0.04 accept(3, ..., ...) = 4\n"
           "+.02 < S 0:0(0) win 10000 <mss 1000>\n+0 > S. 0:0(0) ack 1 <...>\n"
           "+.02 < . 1:1(0) ack 1 win 10000\n"
           "+.02...0.05 read(4, \"abc\", 100) = 3\n+.03 < P. 1:4(3) ack 1 win 10000 \"abc\"\n"
           "+0~+.05 > . 1:1(0) ack 4\n");
    passes("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n0...0.03 connect(3, ..., ...) = 0\n"
           "+0 > S 0:0(0) <...>\n+.03 < S. 0:0(0) ack 1 win 10000 <mss 1000>\n"
           "+0 > . 1:1(0) ack 1\n");
    passes("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
           "0...0.03 connect(3, ..., ...) = -1 ECONNREFUSED (Connection refused)\n"
           "+0 > S 0:0(0) <...>\n+.03 < R. 0:0(0) ack 1 win 0\n");
}

static void a_call_that_never_returns_fails_and_holds_up_nothing(void **state)
{
    (void)state;
    fails(OPEN "+0...0.05 read(4, ..., 100) = 3\n+.2 wait\n", "read: expected to return");
    fails(OPEN "+0...0.05 read(4, ..., 100) = 3\n+.02 < P. 1:4(3) ack 1 win 10000\n"
          "+0~+.05 > . 1:1(0) ack 4\n", "read: expected to return at");
}

static void settings_reach_the_namespace(void **state)
{
    (void)state;
    passes("`sysctl -q net.ipv4.tcp_sack=0 net.ipv4.tcp_timestamps=0`\n"
           "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
           "+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n"
           "+0 connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)\n"
           "+0 > S 0:0(0) <mss 1460,nop,wscale *>\n");
    passes("//@ config timestamps=off window_scale=off\n"
           "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
           "+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n"
           "+0 connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)\n"
           "+0 > S 0:0(0) <mss 1460,nop,nop,sackOK>\n");
}

static void delayed_acks_are_switched_off_by_the_route(void **state)
{
    static const char two[] = "+.02 write(4, ..., 10) = 10\n+0 > P. 1:11(10) ack 1\n"
                              "+.02 < P. 1:11(10) ack 11 win 10000\n+0 > . 11:11(0) ack 11\n"
                              "+.02 write(4, ..., 10) = 10\n+0 > P. 11:21(10) ack 11\n"
                              "+.02 < P. 11:21(10) ack 21 win 10000\n+0 > . 21:21(0) ack 21\n";
    char text[2048];
    (void)state;
    snprintf(text, sizeof(text), "//@ config delayed_ack=0\n%s%s", OPEN, two);
    passes(text);
    snprintf(text, sizeof(text), "%s%s", OPEN, two);
    assert_int_equal(VERDICT_FAIL, run_text(text, 0));
}

static void what_linux_has_no_setting_for_is_unsupported(void **state)
{
    static const char *const no[] = { "msl=1s", "rcv_buf=2048", "delayed_ack=1ms", "sack=maybe" };
    (void)state;
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        char text[256];
        snprintf(text, sizeof(text), "//@ config %s\n" LISTEN, no[i]);
        assert_int_equal(VERDICT_UNSUPPORTED, run_text(text, 0));
    }
    assert_int_equal(VERDICT_UNSUPPORTED, run_text("`sysctl -q net.ipv4.no_such_thing=1`\n" LISTEN,
                                                   0));
}

static void what_takes_too_long_in_real_time_is_not_begun(void **state)
{
    (void)state;
    assert_int_equal(VERDICT_UNSUPPORTED, run_text(LISTEN "+20 silence\n", 10 * RS_SEC));
    assert_non_null(strstr(result.reason, "20 s or more"));
}

static void tcp_info_is_read_by_name(void **state)
{
    (void)state;
    passes(OPEN "+0 %{ assert tcpi_snd_mss == 1000; assert tcpi_snd_cwnd == 10 }%\n"
           "+0 %{ assert tcpi_state == TCP_ESTABLISHED and tcpi_unacked == 0 }%\n");
    fails(OPEN "+0 %{ assert tcpi_snd_cwnd == 11 }%\n", "tcpi_snd_cwnd = 10");
}

static void cases_do_not_see_each_other(void **state)
{
    (void)state;
    /* The same port again at once, and neither TIME-WAIT nor a sysctl is left. */
    passes("`sysctl -q net.ipv4.tcp_sack=0`\n" OPEN "+.02 close(4) = 0\n+0 > F. 1:1(0) ack 1\n"
           "+.02 < F. 1:1(0) ack 2 win 10000\n+0 > . 2:2(0) ack 2\nstate TIME-WAIT\n");
    passes(LISTEN "state LISTEN\n+.02 < S 0:0(0) win 10000 <mss 1000,nop,nop,sackOK>\n"
           "+0 > S. 0:0(0) ack 1 <mss 1460,nop,nop,sackOK>\n");
}

static void every_expected_failure_names_a_script(void **state)
{
    struct expect e;
    char error[512] = "";
    (void)state;
    assert_int_equal(0, expect_load(&e, "corpus/expect/linux.tsv", "linux", error, sizeof(error)));
    for (size_t i = 0; i < e.n; i++) {
        char path[512];
        snprintf(path, sizeof(path), "corpus/scripts/%s.pkt", e.entry[i].script);
        if (access(path, R_OK) != 0)
            fail_msg("corpus/expect/linux.tsv: there is no script %s", path);
        if (e.entry[i].sign[0] == '\0' || !strstr(e.entry[i].reason, "RFC "))
            fail_msg("corpus/expect/linux.tsv: %s lacks its clause or its sign",
                     e.entry[i].script);
    }
    expect_free(&e);
}

/* Whether this machine gives namespaces, asked in a process of its own. */
static bool have_namespaces(void)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        _exit(run_text(LISTEN, 0) == VERDICT_UNSUPPORTED ? 77 : 0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status) != 77;
}

static void no_live_kernel_here(void **state)
{
    (void)state;
    puts("skipped: no network namespace for a live kernel");
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_opens_and_its_state_is_told_by_the_kernel),
        cmocka_unit_test(text_goes_both_ways_and_is_compared),
        cmocka_unit_test(silence_is_broken_by_a_retransmission),
        cmocka_unit_test(a_segment_at_the_wrong_time_fails),
        cmocka_unit_test(calls_block_until_the_packet_comes),
        cmocka_unit_test(a_call_that_never_returns_fails_and_holds_up_nothing),
        cmocka_unit_test(settings_reach_the_namespace),
        cmocka_unit_test(delayed_acks_are_switched_off_by_the_route),
        cmocka_unit_test(what_linux_has_no_setting_for_is_unsupported),
        cmocka_unit_test(what_takes_too_long_in_real_time_is_not_begun),
        cmocka_unit_test(tcp_info_is_read_by_name),
        cmocka_unit_test(cases_do_not_see_each_other),
        cmocka_unit_test(every_expected_failure_names_a_script),
    };
    const struct CMUnitTest none[] = { cmocka_unit_test(no_live_kernel_here) };
    if (!have_namespaces())
        return cmocka_run_group_tests(none, NULL, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
