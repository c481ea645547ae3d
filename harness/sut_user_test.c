/* The user calls of RFC 9293 section 3.10 made of sockets: refstack's own calls are taken away, so
 * that its sockets have to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "harness/run.h"
#include "harness/script_parse.h"
#include "harness/sut_user.h"

static struct sut_ops sockets_only(void)
{
    struct sut_ops ops = sut_refstack;
    ops.name = "sockets";
    ops.user = NULL;
    return ops;
}

static struct run_result run(const struct sut_ops *ops, const char *text)
{
    char error[SCRIPT_ERROR_SIZE] = "";
    struct run_result res;
    const struct run_options opt = { .seed = 1, .ip = 4 };
    struct script *s = script_parse("t.pkt", text, strlen(text), error);
    if (!s)
        fail_msg("%s", error);
    run_script(s, ops, &opt, &res);
    script_free(s);
    return res;
}

static void expect_on(const struct sut_ops *ops, const char *text, enum verdict verdict,
                      const char *reason)
{
    const struct run_result res = run(ops, text);
    if (res.verdict != verdict || !strstr(res.reason, reason))
        fail_msg("expected %d with '%s', got %d with '%s'", (int)verdict, reason, (int)res.verdict,
                 res.reason);
}

static void passes(const char *text)
{
    const struct sut_ops ops = sockets_only();
    expect_on(&ops, text, VERDICT_PASS, "");
}

#define PASSIVE \
    "0 user open-passive 0\n+.1 < S 0:0(0) win 10000 <mss 1000>\n+0 > S. 0:0(0) ack 1 <...>\n"
#define OPENED PASSIVE "+.1 < . 1:1(0) ack 1 win 10000\n"

/* ---- OPEN ------------------------------------------------------------------------------- */

static void an_active_open_sends_a_syn_and_connects(void **state)
{
    (void)state;
    passes("0 user open-active 0\n+0 > S 0:0(0) <...>\nstate SYN-SENT\n"
           "+.1 < S. 0:0(0) ack 1 win 10000 <mss 1000>\n+0 > . 1:1(0) ack 1\nstate ESTABLISHED\n");
}

static void a_passive_open_is_one_connection(void **state)
{
    (void)state;
    /* The listener goes when the connection is taken up: a second SYN finds nobody. */
    passes(OPENED "+0 user receive 0 10 = -1 RS_EAGAIN\n"
           "+.1 < 3000 > 8080 S 0:0(0) win 10000\n+0 > 8080 > 3000 R. 0:0(0) ack 1\n");
}

static void an_open_from_listen_is_more_than_sockets_can_say(void **state)
{
    (void)state;
    const struct sut_ops ops = sockets_only();
    expect_on(&ops, "0 user open-passive 0\n+0 user open-from-listen 0\n", VERDICT_UNSUPPORTED,
              "cannot do an active OPEN of a connection in LISTEN");
}

static void a_port_in_use_is_an_existing_connection(void **state)
{
    (void)state;
    passes("0 user open-passive 0\n+0 user open-passive 1 = -3 RS_EEXIST\n+1 silence\n");
}

/* ---- SEND and RECEIVE ------------------------------------------------------------------- */

static void text_goes_out_as_the_pattern_and_comes_in(void **state)
{
    (void)state;
    passes(OPENED "+0 user send 0 10 = 10\n+0 > P. 1:11(10) ack 1 pattern\n"
                  "+.1 < P. 1:6(5) ack 11 win 10000\n+0 user receive 0 10 = 5\n"
                  "+0 user send 0 10 = 10\n+0 > P. 11:21(10) ack 6 pattern\n");
}

static void a_send_before_the_connection_stands_goes_out_once_it_does(void **state)
{
    (void)state;
    passes(PASSIVE "+0 user send 0 10 = 10\n+.1 silence\n+.1 < . 1:1(0) ack 1 win 10000\n"
                   "+0 > P. 1:11(10) ack 1 pattern\n+.1 silence\n");
    passes("0 user open-active 0\n+0 > S 0:0(0) <...>\n+.1 user send 0 10 = 10\n+.1 silence\n"
           "+.1 < S. 0:0(0) ack 1 win 10000 <mss 1000>\n* > * *(10) ack 1 pattern\n");
}

static void a_send_without_a_peer_has_none_to_go_to(void **state)
{
    (void)state;
    passes("0 user open-passive 0\n+0 user send 0 10 = -5 RS_EINVAL\n+1 silence\n");
}

/* ---- CLOSE and ABORT -------------------------------------------------------------------- */

static void close_sends_a_fin_and_a_second_one_is_an_error_without_a_fin(void **state)
{
    (void)state;
    passes(OPENED "+0 user close 0 = 0\n+0 > F. 1:1(0) ack 1\n"
                  "+0 user close 0 = -6 RS_ECLOSING\n+0 user send 0 10 = -6 RS_ECLOSING\n"
                  "+.1 silence\nstate FIN-WAIT-1\n+.1 < P. 1:6(5) ack 2 win 10000\n"
                  "+.04 user receive 0 10 = 5\n");
}

static void close_in_syn_received_waits_for_the_connection_and_its_text(void **state)
{
    (void)state;
    passes(PASSIVE "+0 user send 0 10 = 10\n+0 user close 0\n+.1 silence\nstate SYN-RECEIVED\n"
                   "+.1 < . 1:1(0) ack 1 win 10000\n+0 > * 1:11(10) ack 1 pattern\n"
                   "state FIN-WAIT-1\n+.1 < . 1:1(0) ack 12 win 10000\nstate FIN-WAIT-2\n");
}

static void close_without_a_peer_ends_the_open(void **state)
{
    (void)state;
    passes("0 user open-passive 0\n+0 user close 0\n+.1 < S 0:0(0) win 10000\n"
           "+0 > R. 0:0(0) ack 1\n+0 user close 0 = -2 RS_ENOCONN\n");
    passes("0 user open-active 0\n+0 > S 0:0(0) <...>\n+0 user close 0\n+10 silence\n"
           "state CLOSED\n");
}

static void abort_resets_and_the_connection_is_gone(void **state)
{
    (void)state;
    passes(OPENED "+0 user abort 0 = 0\n+0 > R 1:1(0)\nstate CLOSED\n"
                  "+0 user abort 0 = -2 RS_ENOCONN\n+1 silence\n");
}

static void abort_in_syn_received_is_more_than_sockets_can_say(void **state)
{
    (void)state;
    const struct sut_ops ops = sockets_only();
    expect_on(&ops, PASSIVE "+0 user abort 0\n", VERDICT_UNSUPPORTED, "ABORT in SYN-RECEIVED");
}

static void a_listener_stays_and_accept_takes_its_connections(void **state)
{
    (void)state;
    passes("0 user listen 0\n+.1 < S 0:0(0) win 10000 <mss 1000>\n+0 > S. 0:0(0) ack 1 <...>\n"
           "+0 user accept 0 = -1 RS_EAGAIN\n+.1 < . 1:1(0) ack 1 win 10000\n"
           "+0 user accept 0 = 0\n+0 user send 1 10 = 10\n+0 > P. 1:11(10) ack 1 pattern\n"
           "+.1 < 3000 > 8080 S 0:0(0) win 10000\n+0 > 8080 > 3000 S. 0:0(0) ack 1 <...>\n");
}

static void settings_that_are_socket_options_are_set(void **state)
{
    (void)state;
    const struct sut_ops ops = sockets_only();
    passes(OPENED "+0 user set 0 user_timeout 3 = 0\n+0 user send 0 10 = 10\n"
                  "+0 > P. 1:11(10) ack 1 pattern\n+2.9 wait\nstate ESTABLISHED\n+.2 wait\n"
                  "state CLOSED\n");
    passes(OPENED "+0 user set 0 nagle 0\n+0 user send 0 10 = 10\n+0 user send 0 10 = 10\n"
                  "+0 > P. 1:11(10) ack 1 pattern\n+0 > P. 11:21(10) ack 1 pattern\n");
    expect_on(&ops, OPENED "+0 user set 0 rcv_buf 500\n", VERDICT_UNSUPPORTED, "SET of this");
}

/* ---- STATUS, and what is missing -------------------------------------------------------- */

static void status_is_what_the_stack_tells_of_its_states(void **state)
{
    (void)state;
    struct sut_ops ops = sockets_only();
    const char *script = "0 user open-passive 0\n+0 user status 0 = 0\n+1 silence\n";
    expect_on(&ops, script, VERDICT_PASS, "");
    ops.state = NULL;
    ops.fd_state = NULL;
    expect_on(&ops, script, VERDICT_UNSUPPORTED, "STATUS, for it does not tell the state");
}

static void a_stack_that_lacks_a_socket_call_is_unsupported(void **state)
{
    (void)state;
    struct sut_ops ops = sockets_only();
    ops.setsockopt = NULL;
    expect_on(&ops, OPENED "+0 user abort 0\n", VERDICT_UNSUPPORTED, "SO_LINGER");
    ops.listen = NULL;
    expect_on(&ops, "0 user open-passive 0\n", VERDICT_UNSUPPORTED, "OPEN, passive");
    ops.socket = NULL;
    expect_on(&ops, "0 user open-active 0\n", VERDICT_UNSUPPORTED, "neither these calls nor");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_active_open_sends_a_syn_and_connects),
        cmocka_unit_test(a_passive_open_is_one_connection),
        cmocka_unit_test(an_open_from_listen_is_more_than_sockets_can_say),
        cmocka_unit_test(a_port_in_use_is_an_existing_connection),
        cmocka_unit_test(text_goes_out_as_the_pattern_and_comes_in),
        cmocka_unit_test(a_send_before_the_connection_stands_goes_out_once_it_does),
        cmocka_unit_test(a_send_without_a_peer_has_none_to_go_to),
        cmocka_unit_test(close_sends_a_fin_and_a_second_one_is_an_error_without_a_fin),
        cmocka_unit_test(close_in_syn_received_waits_for_the_connection_and_its_text),
        cmocka_unit_test(close_without_a_peer_ends_the_open),
        cmocka_unit_test(abort_resets_and_the_connection_is_gone),
        cmocka_unit_test(abort_in_syn_received_is_more_than_sockets_can_say),
        cmocka_unit_test(a_listener_stays_and_accept_takes_its_connections),
        cmocka_unit_test(settings_that_are_socket_options_are_set),
        cmocka_unit_test(status_is_what_the_stack_tells_of_its_states),
        cmocka_unit_test(a_stack_that_lacks_a_socket_call_is_unsupported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
