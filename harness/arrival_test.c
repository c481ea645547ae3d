/* Each rule of SEGMENT ARRIVES breaks for what breaks it, and for nothing that the RFC allows. */
#include "harness/arrival.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "harness/oracle.h"

enum { ISS = 9000, IRS = 5000, NXT = IRS + 1, WND = 1000 };
#define NONE N_ORACLES

static jmp_buf broken;
static enum oracle which;

static void caught(enum oracle oracle)
{
    which = oracle;
    longjmp(broken, 1);
}

/* ESTABLISHED with 100 octets in flight. */
static struct arrival_look established(void)
{
    return (struct arrival_look){
        .exists = true, .state = RS_ESTABLISHED, .iss = ISS, .snd_una = ISS + 1,
        .snd_nxt = ISS + 101, .snd_wnd = 500, .snd_wl1 = NXT, .snd_wl2 = ISS + 1, .irs = IRS,
        .rcv_nxt = NXT, .rcv_wnd = WND
    };
}

static void expect(enum oracle want, const struct arrival_look *before,
                   const struct arrival_look *after, const struct tcp_seg *seg,
                   const struct arrival_answer *answer)
{
    which = NONE;
    oracle_handler = caught;
    if (setjmp(broken) == 0)
        arrival_check(before, after, seg, RS_REASON_ACCEPTED, answer);
    oracle_handler = NULL;
    assert_int_equal(which, want);
}

static const struct arrival_answer silence = { .n = 0 };

static void what_belongs_to_no_connection_is_answered_by_its_own_rst(void **state)
{
    const struct arrival_look none = { .state = RS_CLOSED };
    const struct tcp_seg ack = { .seq = 7, .ack = 77, .flags = TCP_ACK };
    const struct tcp_seg syn = { .seq = 7, .flags = TCP_SYN };
    const struct tcp_seg rst = { .seq = 7, .flags = TCP_RST };
    const struct arrival_answer by_ack = { .n = 1, .flags = TCP_RST, .seq = 77 };
    const struct arrival_answer by_syn = { .n = 1, .flags = TCP_RST | TCP_ACK, .ack = 8 };

    (void)state;
    expect(NONE, &none, &none, &ack, &by_ack);
    expect(NONE, &none, &none, &syn, &by_syn);
    expect(NONE, &none, &none, &rst, &silence);
    expect(ORACLE_arrival_reset, &none, &none, &ack, &silence);
    expect(ORACLE_arrival_reset, &none, &none, &ack, &by_syn);
    expect(ORACLE_arrival_reset, &none, &none, &syn, &by_ack);
    expect(ORACLE_arrival_reset, &none, &none, &rst, &by_ack);
}

/* RFC 4987 section 3.6: nobody remembers the SYN. */
static void an_ack_in_listen_is_taken_only_for_a_cookie_and_its_numbers(void **state)
{
    const struct arrival_look plain = { .state = RS_LISTEN };
    const struct arrival_look cookies = { .state = RS_LISTEN, .cookies = true };
    const struct arrival_look made = established();
    const struct tcp_seg ack = { .seq = NXT, .ack = ISS + 1, .flags = TCP_ACK };
    const struct tcp_seg other = { .seq = NXT, .ack = ISS + 2, .flags = TCP_ACK };
    const struct arrival_answer rst = { .n = 1, .flags = TCP_RST, .seq = ISS + 1 };

    (void)state;
    expect(NONE, &cookies, &made, &ack, &silence);
    expect(NONE, &cookies, &cookies, &ack, &silence);
    expect(NONE, &cookies, &cookies, &ack, &rst);
    expect(ORACLE_arrival_reset, &plain, &made, &ack, &silence);
    expect(ORACLE_arrival_reset, &plain, &plain, &ack, &silence);
    expect(ORACLE_arrival_reset, &cookies, &made, &other, &silence);
}

static void text_outside_the_window_wants_an_answer_and_a_rst_none(void **state)
{
    const struct arrival_look b = established();
    const struct tcp_seg old = { .seq = NXT - 10, .ack = ISS + 1, .flags = TCP_ACK, .text_len = 5 };
    const struct tcp_seg rst = { .seq = NXT - 10, .flags = TCP_RST };
    const struct arrival_answer one = { .n = 1, .flags = TCP_ACK };

    (void)state;
    expect(NONE, &b, &b, &old, &one);
    expect(ORACLE_arrival_window, &b, &b, &old, &silence);
    expect(NONE, &b, &b, &rst, &silence);
    expect(ORACLE_arrival_window, &b, &b, &rst, &one);
}

static void only_a_rst_at_rcv_nxt_ends_a_connection(void **state)
{
    const struct arrival_look b = established(), gone = { .state = RS_CLOSED };
    const struct tcp_seg exact = { .seq = NXT, .flags = TCP_RST };
    const struct tcp_seg near = { .seq = NXT + 1, .flags = TCP_RST };

    (void)state;
    expect(NONE, &b, &gone, &exact, &silence);
    expect(ORACLE_arrival_rst, &b, &b, &exact, &silence);
    expect(NONE, &b, &b, &near, &silence);
    expect(ORACLE_arrival_rst, &b, &gone, &near, &silence);
}

static void a_syn_in_the_window_ends_nothing(void **state)
{
    const struct arrival_look b = established(), gone = { .state = RS_CLOSED };
    const struct tcp_seg syn = { .seq = NXT, .flags = TCP_SYN };

    (void)state;
    expect(NONE, &b, &b, &syn, &silence);
    expect(ORACLE_arrival_syn, &b, &gone, &syn, &silence);
}

static void snd_una_and_snd_wnd_follow_the_newest_ack(void **state)
{
    const struct arrival_look b = established();
    const struct tcp_seg ack = { .seq = NXT, .ack = ISS + 51, .wnd = 700, .flags = TCP_ACK };
    struct arrival_look a = b;

    (void)state;
    a.snd_una = ISS + 51;
    a.snd_wnd = 700;
    expect(NONE, &b, &a, &ack, &silence);
    a.snd_wnd = 500;
    expect(ORACLE_arrival_wnd, &b, &a, &ack, &silence);
    a.snd_wnd = 700;
    a.snd_una = ISS + 1;
    expect(ORACLE_arrival_ack, &b, &a, &ack, &silence);
}

static void an_older_segment_leaves_the_send_window(void **state)
{
    struct arrival_look b = established();
    const struct tcp_seg ack = { .seq = NXT, .ack = ISS + 1, .wnd = 700, .flags = TCP_ACK };

    (void)state;
    b.snd_wl2 = ISS + 2;
    expect(NONE, &b, &b, &ack, &silence);
    struct arrival_look a = b;
    a.snd_wnd = 700;
    expect(ORACLE_arrival_wnd, &b, &a, &ack, &silence);
}

static void text_in_order_moves_rcv_nxt_and_a_fin_the_state(void **state)
{
    const struct arrival_look b = established();
    const struct tcp_seg text = { .seq = NXT, .ack = ISS + 1, .wnd = 500, .flags = TCP_ACK,
                                  .text_len = 10 };
    struct tcp_seg fin = text;
    struct arrival_look a = b;

    (void)state;
    expect(ORACLE_arrival_text, &b, &a, &text, &silence);
    a.rcv_nxt = NXT + 10;
    expect(NONE, &b, &a, &text, &silence);
    fin.flags |= TCP_FIN;
    expect(ORACLE_arrival_text, &b, &a, &fin, &silence);
    a.rcv_nxt = NXT + 11;
    expect(ORACLE_arrival_fin, &b, &a, &fin, &silence);
    a.state = RS_CLOSE_WAIT;
    expect(NONE, &b, &a, &fin, &silence);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_belongs_to_no_connection_is_answered_by_its_own_rst),
        cmocka_unit_test(an_ack_in_listen_is_taken_only_for_a_cookie_and_its_numbers),
        cmocka_unit_test(text_outside_the_window_wants_an_answer_and_a_rst_none),
        cmocka_unit_test(only_a_rst_at_rcv_nxt_ends_a_connection),
        cmocka_unit_test(a_syn_in_the_window_ends_nothing),
        cmocka_unit_test(snd_una_and_snd_wnd_follow_the_newest_ack),
        cmocka_unit_test(an_older_segment_leaves_the_send_window),
        cmocka_unit_test(text_in_order_moves_rcv_nxt_and_a_fin_the_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
