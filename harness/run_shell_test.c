/* Shell lines, and what packetdrill's dialects take for granted: on refstack, where nothing is run
 * by a shell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/run.h"
#include "harness/script_parse.h"

static bool loose, allow_shell;

static struct run_result run(const char *text)
{
    char error[SCRIPT_ERROR_SIZE];
    struct run_result res;
    struct script *s = script_parse("t.pkt", text, strlen(text), error);
    if (!s)
        fail_msg("%s", error);
    const struct run_options opt = { .seed = 3, .ip = s->ip ? s->ip : 4, .loose = loose,
                                     .allow_shell = allow_shell };
    run_script(s, &sut_refstack, &opt, &res);
    script_free(s);
    return res;
}

static void gives(const char *text, enum verdict verdict, const char *reason)
{
    const struct run_result res = run(text);
    if (res.verdict != verdict || strncmp(res.reason, reason, strlen(reason)) != 0)
        fail_msg("expected %s '%s', got %s '%s'", verdict_name(verdict), reason,
                 verdict_name(res.verdict), res.reason);
}

#define LISTEN                                                                                     \
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 0\n+0 listen(3, 5) = 0\n"

/* ---- Settings --------------------------------------------------------------------------- */

static void defaults_sh_is_what_it_sets(void **state)
{
    (void)state;
    gives("`../common/defaults.sh`\n" LISTEN
          "+.1 < S 0:0(0) win 1000 <mss 1000,sackOK,nop,nop,nop,wscale 7>\n"
          "+0 > S. 0:0(0) ack 1 win 65535 <mss 1460,nop,nop,sackOK,nop,wscale 8>\n",
          VERDICT_PASS, "");
    /* The script's own line counts for more. */
    gives("`./defaults.sh\n ./set_sysctls.py /proc/sys/net/ipv4/tcp_sack=0 \\\n"
          "   /proc/sys/net/ipv4/tcp_rmem=\"4096 60000 60000\"`\n" LISTEN
          "+.1 < S 0:0(0) win 1000 <mss 1000,sackOK,nop,wscale 7>\n"
          "+0 > S. 0:0(0) ack 1 <mss 1460,nop,wscale 0>\n",
          VERDICT_PASS, "");
}

static void a_sysctl_in_the_middle_is_for_the_sockets_to_come(void **state)
{
    (void)state;
    gives("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
          "+0 `sysctl -q net.ipv4.tcp_sack=0`\n"
          "+0 socket(..., SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP) = 4\n"
          "+0 connect(4, ..., ...) = -1 EINPROGRESS (Operation now in progress)\n"
          "+0 > S 0:0(0) <mss 1460,nop,nop,TS val * ecr 0,nop,wscale *>\n",
          VERDICT_PASS, "");
}

static void a_line_without_a_time_at_the_end_cleans_up_and_sets_nothing(void **state)
{
    (void)state;
    gives("`sysctl -q net.ipv4.tcp_sack=0`\n" LISTEN
          "+.1 < S 0:0(0) win 1000 <mss 1000,sackOK>\n+0 > S. 0:0(0) ack 1 <mss 1460>\n"
          "`sysctl -q net.ipv4.tcp_sack=1; rm -rf nothing`\n",
          VERDICT_PASS, "");
}

static void a_line_that_is_not_understood_is_unsupported_by_name(void **state)
{
    (void)state;
    gives("`sysctl -q net.ipv4.tcp_nonesuch=1`\n" LISTEN, VERDICT_UNSUPPORTED,
          "t.pkt:1: shell: sysctl net.ipv4.tcp_nonesuch has no counterpart here");
    gives(LISTEN "+.1 `touch /nowhere/x`\n", VERDICT_UNSUPPORTED,
          "t.pkt:4: shell: not run without --allow-shell: touch");
    allow_shell = true;
    gives(LISTEN "+.1 `touch /nowhere/x`\n", VERDICT_UNSUPPORTED,
          "t.pkt:4: shell: refstack has no shell to run: touch");
    allow_shell = false;
    gives("`sysctl -w net.inet.tcp.blackhole=2`\n" LISTEN, VERDICT_UNSUPPORTED,
          "t.pkt:1: shell: sysctl net.inet.tcp.blackhole=2 has no counterpart");
    gives("`sysctl -q net.ipv4.tcp_rmem=lots`\n" LISTEN, VERDICT_UNSUPPORTED,
          "t.pkt:1: shell: 'lots' is not MIN DEFAULT MAX");
}

static void sockstat_asks_for_a_state(void **state)
{
    (void)state;
    static const char shake[] = LISTEN "+.1 < S 0:0(0) win 1000 <mss 1000>\n"
                                       "+0 > S. 0:0(0) ack 1 <...>\n+.1 < . 1:1(0) ack 1 win 9\n";
    char text[1024];
    snprintf(text, sizeof(text), "%s+0 `sockstat -4 | grep -c ESTABLISHED | grep 1`\n"
                                 "+0 `sockstat -4 | grep -c TIME_WAIT | grep 0`\n", shake);
    gives(text, VERDICT_PASS, "");
    snprintf(text, sizeof(text), "%s+0 `sockstat -4 | grep -c TIME_WAIT | grep 1`\n", shake);
    gives(text, VERDICT_FAIL, "t.pkt:7: state: expected TIME-WAIT, got ESTABLISHED");
}

/* ---- packetdrill's rules ---------------------------------------------------------------- */

static void a_syn_names_its_number_and_the_others_count_from_zero(void **state)
{
    (void)state;
    gives(LISTEN "+.1 < S 500:500(0) win 1000 <mss 1000>\n+0 > S. 70:70(0) ack 501 <...>\n"
                 "+.1 < . 1:1(0) ack 1 win 1000\n+0 accept(3, ..., ...) = 4\n"
                 "+.1 < P. 1:11(10) ack 1 win 1000\n* > . 1:1(0) ack 11\n",
          VERDICT_PASS, "");
}

static void what_an_old_connection_sends_is_passed_over(void **state)
{
    (void)state;
    static const char body[] = LISTEN
        "+.1 < S 0:0(0) win 1000 <mss 1000>\n+0 > S. 0:0(0) ack 1 <...>\n"
        "+.1 < . 1:1(0) ack 1 win 1000\n+0 accept(3, ..., ...) = 4\n+0 close(4) = 0\n"
        "+0 socket(..., SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP) = 5\n"
        "+0 connect(5, ..., ...) = -1 EINPROGRESS (Operation now in progress)\n"
        "+0 > S 0:0(0) <...>\n";
    char text[1024];
    snprintf(text, sizeof(text), "`./defaults.sh`\n%s", body);
    gives(text, VERDICT_PASS, "");
    gives(body, VERDICT_FAIL, "t.pkt:11: ");
}

static void loose_leaves_order_padding_push_and_window_to_the_stack(void **state)
{
    (void)state;
    static const char text[] = LISTEN
        "+.1 < S 0:0(0) win 1000 <mss 1000,sackOK,nop,wscale 7>\n"
        "+0 > S. 0:0(0) ack 1 win 17 <sackOK,eol,wscale 9,mss 1460>\n"
        "+.1 < . 1:1(0) ack 1 win 1000\n+0 accept(3, ..., ...) = 4\n"
        "+0 write(4, ..., 10) = 10\n+0 > . 1:11(10) ack 1\n";
    gives(text, VERDICT_FAIL, "t.pkt:5: win: ");
    loose = true;
    gives(text, VERDICT_PASS, "");
    gives(LISTEN "+.1 < S 0:0(0) win 1000 <mss 1000,sackOK>\n+0 > S. 0:0(0) ack 1 <mss 1460>\n",
          VERDICT_FAIL, "t.pkt:5: options: ");
    gives(LISTEN "+.1 < S 0:0(0) win 1000 <mss 1000>\n+0 > S. 0:0(0) ack 1 win 0 <mss 1460>\n",
          VERDICT_FAIL, "t.pkt:5: win: ");
    loose = false;
}

static void faults_meet_what_passes_the_link(void **state)
{
    (void)state;
    gives(LISTEN "fault drop > SYN-ACK 1\nfault delay .3 < DATA 1\nfault dup > DATA 1\n"
                 "fault corrupt < ACK 2\n"
                 "+.1 < S 0:0(0) win 1000 <mss 1000>\n+1 > S. 0:0(0) ack 1 <...>\n"
                 "+.1 < . 1:1(0) ack 1 win 1000\n+0 accept(3, ..., ...) = 4\n"
                 "+.1 < P. 1:11(10) ack 1 win 1000 pattern\n+.25 silence\n* > . 1:1(0) ack 11\n"
                 "+0 write(4, ..., 10) = 10\n+0 > P. 1:11(10) ack 11\n+0 > P. 1:11(10) ack 11\n"
                 "+.1 < . 11:11(0) ack 11 win 1000\n* > P. 1:11(10) ack 11\n",
          VERDICT_PASS, "");
    gives(LISTEN "fault drop R>K SYN 1\n", VERDICT_UNSUPPORTED, "t.pkt:4: actor: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_sh_is_what_it_sets),
        cmocka_unit_test(a_sysctl_in_the_middle_is_for_the_sockets_to_come),
        cmocka_unit_test(a_line_without_a_time_at_the_end_cleans_up_and_sets_nothing),
        cmocka_unit_test(a_line_that_is_not_understood_is_unsupported_by_name),
        cmocka_unit_test(sockstat_asks_for_a_state),
        cmocka_unit_test(a_syn_names_its_number_and_the_others_count_from_zero),
        cmocka_unit_test(what_an_old_connection_sends_is_passed_over),
        cmocka_unit_test(loose_leaves_order_padding_push_and_window_to_the_stack),
        cmocka_unit_test(faults_meet_what_passes_the_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
