/* Rules that need a course of their own to show: what others leave in the dark. */
#include "refstack/peer.h"

/* Karn, RFC 6298 section 3: a segment resent by fast retransmit gives no sample either. */
static void a_segment_resent_after_duplicate_acks_gives_no_sample(void **unused)
{
    struct rs_config c;

    (void)unused;
    plain(&c);
    c.tcp.rack = false;
    peer_up(&c);
    established();
    user_sends(2048);
    for (uint32_t i = 0; i < 3; i++)
        get("A", 1 + i * 536, 1, 536);
    get("A", 1609, 1, 440);
    const struct rs_status before = status();
    for (int i = 0; i < 3; i++)
        say("A", 1, 1, 0);
    get("A", 1, 1, 536);
    quiet();
    pass(900 * RS_MSEC);
    say("A", 1, 2049, 0);
    quiet();
    assert_true(status().srtt == before.srtt);
    assert_true(status().rto == before.rto);
}

/* RFC 7323 section 2.2: the window of a SYN,ACK is in octets, every later one is shifted. */
static void the_window_of_a_syn_ack_is_not_scaled(void **unused)
{
    static const uint8_t wscale_0[] = { 1, 3, 3, 0 };
    struct rs_config c;

    (void)unused;
    plain(&c);
    c.tcp.window_scale = true;
    c.tcp.rcv_buf = 1 << 20;
    c.pages = 2048;
    c.page_octets = 1024;
    peer_up(&c);
    passive_open();
    memcpy(p.opt, wscale_0, p.opt_len = sizeof wscale_0);
    say("S", 0, 0, 0);
    p.opt_len = 0;
    get("SA", 0, 1, 0);
    assert_int_equal(p.got.wnd, 65535);
    assert_true(p.got_opts.has_wscale);
    assert_true(p.got_opts.shift > 0);
    const unsigned shift = p.got_opts.shift;
    say("A", 1, 1, 0);
    quiet();
    say("A", 1, 1, 100);
    get("A", 1, 101, 0);
    assert_true((uint32_t)p.got.wnd << shift > 65535);
    assert_true((uint32_t)p.got.wnd << shift <= 1 << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_segment_resent_after_duplicate_acks_gives_no_sample),
        cmocka_unit_test(the_window_of_a_syn_ack_is_not_scaled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
