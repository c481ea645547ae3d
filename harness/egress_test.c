#include "harness/egress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "harness/oracle.h"

enum { MTU = 1500, IRS = 5000, ISS = 9000 };

static const struct rs_endpoint local = { .addr = { 4, { 192, 0, 2, 1 } }, .port = 80 };
static const struct rs_endpoint remote = { .addr = { 4, { 192, 0, 2, 2 } }, .port = 4000 };

static jmp_buf broken;
static enum oracle which;

static void caught(enum oracle oracle)
{
    which = oracle;
    longjmp(broken, 1);
}

static size_t datagram(uint8_t *buf, const struct tcp_seg *seg, bool from_stack)
{
    const struct rs_endpoint *src = from_stack ? &local : &remote;
    const struct rs_endpoint *dst = from_stack ? &remote : &local;
    struct tcp_seg s = *seg;

    s.src_port = src->port;
    s.dst_port = dst->port;
    size_t n = tcp_emit_sum(&s, &src->addr, &dst->addr, buf + IP4_HEADER, 4096);
    struct ip4_hdr ip = { .ihl = 5, .total_len = (uint16_t)(IP4_HEADER + n), .ttl = 64,
                          .proto = IP_PROTO_TCP, .src = src->addr, .dst = dst->addr };
    ip4_emit_sum(&ip, buf, IP4_HEADER);
    return IP4_HEADER + n;
}

static void in(struct egress *e, const struct tcp_seg *seg)
{
    uint8_t buf[5000];
    struct tcp_seg read;
    assert_true(egress_in(e, buf, datagram(buf, seg, false), &read));
}

static void out(struct egress *e, const struct tcp_seg *seg)
{
    uint8_t buf[5000];
    struct tcp_seg read;
    assert_true(egress_out(e, buf, datagram(buf, seg, true), &read));
}

static struct egress view;

/* The stack has taken the peer's SYN and been acknowledged: window 1000, no options. */
static void establish(void)
{
    egress_init(&view, &local, &remote, IRS, MTU);
    in(&view, &(struct tcp_seg){ .seq = IRS, .flags = TCP_SYN, .wnd = 1000 });
    out(&view,
        &(struct tcp_seg) { .seq = ISS, .ack = IRS + 1, .flags = TCP_SYN | TCP_ACK, .wnd = 500 });
    in(&view, &(struct tcp_seg){ .seq = IRS + 1, .ack = ISS + 1, .flags = TCP_ACK, .wnd = 1000 });
    egress_event(&view);
}

static void expect_broken(enum oracle want, const struct tcp_seg *seg)
{
    oracle_handler = caught;
    if (setjmp(broken) == 0) {
        out(&view, seg);
        oracle_handler = NULL;
        fail_msg("%s was not asked", oracle_info[want].id);
    }
    oracle_handler = NULL;
    assert_string_equal(oracle_info[which].id, oracle_info[want].id);
}

static void an_honest_exchange_breaks_nothing(void **state)
{
    uint8_t text[600];

    (void)state;
    establish();
    stream_fill(text, 0, sizeof text);
    out(&view, &(struct tcp_seg){ .seq = ISS + 1, .ack = IRS + 1, .flags = TCP_ACK, .wnd = 500,
                                  .text = text, .text_len = 500 });
    in(&view, &(struct tcp_seg){ .seq = IRS + 1, .ack = ISS + 501, .flags = TCP_ACK | TCP_FIN,
                                 .wnd = 1000 });
    out(&view, &(struct tcp_seg){ .seq = ISS + 501, .ack = IRS + 2, .flags = TCP_ACK | TCP_FIN,
                                  .wnd = 499 });
    assert_int_equal(egress_base(&view, SC_SND_NXT), ISS + 502);
    assert_int_equal(egress_base(&view, SC_SND_UNA), ISS + 501);
    assert_int_equal(egress_base(&view, SC_RCV_NXT), IRS + 2);
    assert_int_equal(egress_base(&view, SC_RCV_EDGE), IRS + 501);
}

static void text_beyond_the_window_is_seen(void **state)
{
    uint8_t text[1100];

    (void)state;
    establish();
    stream_fill(text, 0, sizeof text);
    out(&view, &(struct tcp_seg){ .seq = ISS + 1, .ack = IRS + 1, .flags = TCP_ACK, .wnd = 500,
                                  .text = text, .text_len = 500 });
    expect_broken(ORACLE_egress_in_window,
                  &(struct tcp_seg){ .seq = ISS + 501, .ack = IRS + 1, .flags = TCP_ACK, .wnd = 500,
                                     .text = text + 500, .text_len = 502 });
}

/* The peer's SYN comes after an ACK that the stack refused: what it offers counts all the same. */
static void the_window_of_a_crossing_syn_counts_after_a_refused_ack(void **state)
{
    (void)state;
    egress_init(&view, &local, &remote, IRS, MTU);
    out(&view, &(struct tcp_seg){ .seq = ISS, .flags = TCP_SYN, .wnd = 500 });
    in(&view, &(struct tcp_seg){ .seq = IRS, .ack = ISS, .flags = TCP_ACK, .wnd = 0 });
    in(&view, &(struct tcp_seg){ .seq = IRS, .flags = TCP_SYN, .wnd = 1000 });
    out(&view,
        &(struct tcp_seg){ .seq = ISS, .ack = IRS + 1, .flags = TCP_SYN | TCP_ACK, .wnd = 500 });
    out(&view, &(struct tcp_seg){ .seq = ISS + 1, .ack = IRS + 1, .flags = TCP_ACK | TCP_FIN,
                                  .wnd = 500 });
    assert_int_equal(egress_base(&view, SC_SND_NXT), ISS + 2);
}

static void octets_that_change_are_seen(void **state)
{
    (void)state;
    establish();
    expect_broken(ORACLE_egress_text_same,
                  &(struct tcp_seg){ .seq = ISS + 1, .ack = IRS + 1, .flags = TCP_ACK, .wnd = 500,
                                     .text = (const uint8_t *)"no", .text_len = 2 });
}

static void a_window_that_shrinks_is_seen(void **state)
{
    (void)state;
    establish();
    expect_broken(ORACLE_egress_window_edge, &(struct tcp_seg){ .seq = ISS + 1, .ack = IRS + 1,
                                                                .flags = TCP_ACK, .wnd = 499 });
}

/* A SYN cookie's SYN,ACK: once only, for what comes after it is kept. */
static void a_window_that_no_tcb_remembers_may_be_smaller_the_next_time(void **state)
{
    (void)state;
    establish();
    egress_unkept(&view);
    out(&view, &(struct tcp_seg){ .seq = ISS + 1, .ack = IRS + 1, .flags = TCP_ACK, .wnd = 499 });
    expect_broken(ORACLE_egress_window_edge, &(struct tcp_seg){ .seq = ISS + 1, .ack = IRS + 1,
                                                                .flags = TCP_ACK, .wnd = 498 });
}

static void an_ack_of_what_never_came_is_seen(void **state)
{
    (void)state;
    establish();
    expect_broken(ORACLE_egress_ack_ahead, &(struct tcp_seg){ .seq = ISS + 1, .ack = IRS + 2,
                                                              .flags = TCP_ACK, .wnd = 500 });
}

static void text_with_a_wrong_checksum_never_came(void **state)
{
    uint8_t buf[200];
    size_t n;

    (void)state;
    establish();
    n = datagram(buf, &(struct tcp_seg){ .seq = IRS + 1, .ack = ISS + 1, .flags = TCP_ACK,
                                         .text = (const uint8_t *)"x", .text_len = 1 }, false);
    buf[n - 1] ^= 1;
    assert_false(egress_in(&view, buf, n, &(struct tcp_seg){ .seq = 0 }));
    expect_broken(ORACLE_egress_ack_ahead, &(struct tcp_seg){ .seq = ISS + 1, .ack = IRS + 2,
                                                              .flags = TCP_ACK, .wnd = 499 });
}

static void a_gap_in_the_numbers_is_seen(void **state)
{
    (void)state;
    establish();
    expect_broken(ORACLE_egress_gap, &(struct tcp_seg){ .seq = ISS + 2, .ack = IRS + 1,
                                                        .flags = TCP_ACK, .wnd = 500 });
}

static void a_reset_for_a_reset_is_seen(void **state)
{
    (void)state;
    establish();
    in(&view, &(struct tcp_seg){ .seq = IRS + 1, .flags = TCP_RST });
    expect_broken(ORACLE_egress_rst_for_rst, &(struct tcp_seg){ .seq = ISS + 1, .flags = TCP_RST });
}

static void a_reset_for_something_else_is_not(void **state)
{
    (void)state;
    establish();
    in(&view, &(struct tcp_seg){ .seq = IRS + 1, .flags = TCP_RST });
    in(&view, &(struct tcp_seg){ .seq = IRS + 1, .ack = 1, .flags = TCP_ACK });
    out(&view, &(struct tcp_seg){ .seq = 1, .flags = TCP_RST });
}

static void text_after_the_fin_is_seen(void **state)
{
    uint8_t text[1];

    (void)state;
    establish();
    stream_fill(text, 1, 1);
    out(&view, &(struct tcp_seg){ .seq = ISS + 1, .ack = IRS + 1, .flags = TCP_ACK | TCP_FIN,
                                  .wnd = 500 });
    expect_broken(ORACLE_egress_after_fin,
                  &(struct tcp_seg){ .seq = ISS + 2, .ack = IRS + 1, .flags = TCP_ACK, .wnd = 500,
                                     .text = text, .text_len = 1 });
}

static void an_option_where_it_may_not_stand_is_seen(void **state)
{
    static const uint8_t mss[] = { OPT_MSS, 4, 5, 180 };

    (void)state;
    establish();
    expect_broken(ORACLE_egress_mss_on_syn,
                  &(struct tcp_seg){ .seq = ISS + 1, .ack = IRS + 1, .flags = TCP_ACK, .wnd = 500,
                                     .opt = mss, .opt_len = sizeof mss });
}

static void flags_that_never_go_together_are_seen(void **state)
{
    (void)state;
    establish();
    expect_broken(ORACLE_egress_flags,
                  &(struct tcp_seg) { .seq = ISS + 1, .flags = TCP_RST | TCP_FIN });
    expect_broken(ORACLE_egress_ack_bit, &(struct tcp_seg){ .seq = ISS + 1, .flags = TCP_FIN });
}

/* The same of octets as they stand. */
static void expect_refused(enum oracle want, const uint8_t *p, size_t n)
{
    struct tcp_seg seg;

    oracle_handler = caught;
    if (setjmp(broken) == 0) {
        egress_out(&view, p, n, &seg);
        oracle_handler = NULL;
        fail_msg("%s was not asked", oracle_info[want].id);
    }
    oracle_handler = NULL;
    assert_string_equal(oracle_info[which].id, oracle_info[want].id);
}

static void a_damaged_header_is_seen(void **state)
{
    enum { LENGTH_AT = 3, SUM_AT = 10, TCP_SUM_AT = IP4_HEADER + 16 };
    const struct tcp_seg ack = { .seq = ISS + 1, .ack = IRS + 1, .flags = TCP_ACK, .wnd = 500 };
    uint8_t buf[MTU + 100] = { 0 };
    const size_t n = datagram(buf, &ack, true);

    (void)state;
    establish();
    assert_true(egress_out(&view, buf, n, &(struct tcp_seg){ .seq = 0 }));
    buf[TCP_SUM_AT] ^= 1;
    expect_refused(ORACLE_egress_checksum, buf, n);
    buf[TCP_SUM_AT] ^= 1;
    buf[SUM_AT] ^= 1;
    expect_refused(ORACLE_egress_ip_checksum, buf, n);
    buf[LENGTH_AT] ^= 1;
    expect_refused(ORACLE_egress_form, buf, n);
    expect_refused(ORACLE_egress_mtu, buf, MTU + 1);
}

static void a_foreign_source_is_seen(void **state)
{
    const struct tcp_seg ack = { .seq = ISS + 1, .ack = IRS + 1, .flags = TCP_ACK, .wnd = 500 };
    uint8_t buf[100];
    const size_t n = datagram(buf, &ack, false); /* the peer's own addresses */

    (void)state;
    establish();
    expect_refused(ORACLE_egress_addresses, buf, n);
}

static void an_ack_that_goes_back_is_seen(void **state)
{
    (void)state;
    establish();
    expect_broken(ORACLE_egress_ack_back, &(struct tcp_seg){ .seq = ISS + 1, .ack = IRS,
                                                             .flags = TCP_ACK, .wnd = 501 });
}

static void reserved_bits_and_padding_in_use_are_seen(void **state)
{
    static const uint8_t padding[] = { OPT_NOP, OPT_EOL, 7, 7 };

    (void)state;
    establish();
    expect_broken(ORACLE_egress_reserved,
                  &(struct tcp_seg){ .seq = ISS + 1, .ack = IRS + 1,
                                     .flags = TCP_ACK | TCP_RESERVED, .wnd = 500 });
    expect_broken(ORACLE_egress_options,
                  &(struct tcp_seg){ .seq = ISS + 1, .ack = IRS + 1, .flags = TCP_ACK, .wnd = 500,
                                     .opt = padding, .opt_len = sizeof padding });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_honest_exchange_breaks_nothing),
        cmocka_unit_test(text_beyond_the_window_is_seen),
        cmocka_unit_test(the_window_of_a_crossing_syn_counts_after_a_refused_ack),
        cmocka_unit_test(octets_that_change_are_seen),
        cmocka_unit_test(a_window_that_shrinks_is_seen),
        cmocka_unit_test(a_window_that_no_tcb_remembers_may_be_smaller_the_next_time),
        cmocka_unit_test(an_ack_of_what_never_came_is_seen),
        cmocka_unit_test(text_with_a_wrong_checksum_never_came),
        cmocka_unit_test(a_gap_in_the_numbers_is_seen),
        cmocka_unit_test(a_reset_for_a_reset_is_seen),
        cmocka_unit_test(a_reset_for_something_else_is_not),
        cmocka_unit_test(text_after_the_fin_is_seen),
        cmocka_unit_test(an_option_where_it_may_not_stand_is_seen),
        cmocka_unit_test(flags_that_never_go_together_are_seen),
        cmocka_unit_test(a_damaged_header_is_seen),
        cmocka_unit_test(a_foreign_source_is_seen),
        cmocka_unit_test(an_ack_that_goes_back_is_seen),
        cmocka_unit_test(reserved_bits_and_padding_in_use_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
