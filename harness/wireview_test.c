/* The view from the wire, against exchanges whose numbers are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "harness/wireview.h"

static const uint8_t wscale2[] = { 3, 3, 2, 1 };

static struct tcp_seg seg(uint16_t flags, uint32_t seq, uint32_t ack, uint32_t len, uint16_t wnd)
{
    return (struct tcp_seg){ .flags = flags, .seq = seq, .ack = ack, .text_len = len, .wnd = wnd };
}

/* ISS 2^32 - 1 and IRS 5000: numbers wrap within the handshake. */
static struct wireview established(void)
{
    struct wireview v = { 0 };
    struct tcp_seg s = seg(TCP_SYN, 5000, 0, 0, 1000);
    s.opt = wscale2;
    s.opt_len = 4;
    wireview_in(&v, &s);
    s = seg(TCP_SYN | TCP_ACK, UINT32_MAX, 5001, 0, 2000);
    s.opt = wscale2;
    s.opt_len = 4;
    wireview_out(&v, &s);
    s = seg(TCP_ACK, 5001, 0, 0, 100);
    wireview_in(&v, &s);
    return v;
}

static uint32_t num(const struct wireview *v, enum sc_base base, uint32_t offset)
{
    return wireview_num(v, (struct sc_num){ (uint8_t)base, offset }, WV_SUT);
}

static void a_handshake_sets_both_sides_across_the_wrap(void **state)
{
    (void)state;
    struct wireview v = established();
    assert_int_equal(num(&v, SC_ISS, 0), UINT32_MAX);
    assert_int_equal(num(&v, SC_SND_UNA, 0), 0);
    assert_int_equal(num(&v, SC_SND_NXT, 1), 1);
    assert_int_equal(num(&v, SC_SND_EDGE, 0), 400);
    assert_int_equal(num(&v, SC_IRS, 0), 5000);
    assert_int_equal(num(&v, SC_RCV_NXT, 0), 5001);
    assert_int_equal(num(&v, SC_PEER_NXT, 0), 5001);
}

static void plain_numbers_count_from_their_owners_initial_number(void **state)
{
    (void)state;
    struct wireview v = established();
    struct sc_num one = { SC_REL, 1 };
    assert_int_equal(wireview_num(&v, one, WV_SUT), 0);
    assert_int_equal(wireview_num(&v, one, WV_PEER), 5001);
    /* A SYN's number is what the script calls it; every other segment counts from zero. */
    v.irs_script = 123;
    assert_int_equal(wireview_num(&v, one, WV_PEER), 5001);
    v.of_syn = true;
    assert_int_equal(wireview_num(&v, (struct sc_num){ SC_REL, 124 }, WV_PEER), 5001);
    assert_int_equal(wireview_script(&v, 5001, WV_PEER), 124);
}

static void without_a_syn_plain_numbers_are_those_on_the_wire(void **state)
{
    (void)state;
    struct wireview v = { 0 };
    struct tcp_seg s = seg(TCP_ACK, 7, 9, 0, 10);
    wireview_in(&v, &s);
    assert_int_equal(wireview_num(&v, (struct sc_num){ SC_REL, 9 }, WV_SUT), 9);
}

static void only_acceptable_acks_move_snd_una(void **state)
{
    (void)state;
    struct wireview v = established();
    struct tcp_seg s = seg(TCP_ACK, 0, 5001, 10, 2000);
    wireview_out(&v, &s);
    s = seg(TCP_ACK, 5001, 11, 0, 1);
    wireview_in(&v, &s);
    assert_int_equal(v.snd_una, 0);
    s.ack = 10;
    wireview_in(&v, &s);
    assert_int_equal(v.snd_una, 10);
    assert_int_equal(v.snd_wnd, 4);
}

static void a_reset_changes_nothing(void **state)
{
    (void)state;
    struct wireview v = established();
    struct tcp_seg s = seg(TCP_RST | TCP_ACK, 77777, 88888, 0, 0);
    wireview_out(&v, &s);
    assert_int_equal(v.snd_nxt, 0);
    assert_int_equal(v.rcv_nxt, 5001);
}

static void sack_edges_fall_back_to_rcv_nxt(void **state)
{
    (void)state;
    static const uint8_t sack[] = { 5, 10, 0, 0, 0x20, 0, 0, 0, 0x30, 0, 1, 1 };
    struct wireview v = established();
    assert_int_equal(num(&v, SC_SACK_L, 0), 5001);
    struct tcp_seg s = seg(TCP_ACK, 0, 5001, 0, 2000);
    s.opt = sack;
    s.opt_len = sizeof(sack);
    wireview_out(&v, &s);
    assert_int_equal(num(&v, SC_SACK_L, 0), 0x2000);
    assert_int_equal(num(&v, SC_SACK_R, 0), 0x3000);
}

static void a_new_syn_of_the_sut_begins_anew(void **state)
{
    (void)state;
    struct wireview v = established();
    struct tcp_seg s = seg(TCP_SYN, 9000, 0, 0, 1000);
    wireview_in(&v, &s);
    assert_int_equal(v.irs, 5000);
    s = seg(TCP_SYN | TCP_ACK, 100, 9001, 0, 2000);
    wireview_out(&v, &s);
    assert_int_equal(v.iss, 100);
    assert_int_equal(v.snd_nxt, 101);
    assert_int_equal(v.irs, 9000);
    assert_int_equal(v.rcv_nxt, 9001);
}

static void an_ack_of_a_syn_never_sent_changes_nothing(void **state)
{
    (void)state;
    struct wireview v = { 0 };
    struct tcp_seg s = seg(TCP_SYN, 5000, 0, 0, 1000);
    wireview_in(&v, &s);
    s = seg(TCP_SYN | TCP_ACK, 100, 5005, 0, 2000);
    wireview_out(&v, &s);
    assert_int_equal(v.irs, 5000);
    assert_int_equal(num(&v, SC_ISS, 0), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handshake_sets_both_sides_across_the_wrap),
        cmocka_unit_test(plain_numbers_count_from_their_owners_initial_number),
        cmocka_unit_test(without_a_syn_plain_numbers_are_those_on_the_wire),
        cmocka_unit_test(only_acceptable_acks_move_snd_una),
        cmocka_unit_test(a_reset_changes_nothing),
        cmocka_unit_test(sack_edges_fall_back_to_rcv_nxt),
        cmocka_unit_test(a_new_syn_of_the_sut_begins_anew),
        cmocka_unit_test(an_ack_of_a_syn_never_sent_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
