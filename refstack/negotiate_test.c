/* What the two ends agree on when one of them asks for what cannot be. */
#include "refstack/peer.h"

/* RFC 7323 section 2.3. */
static void a_shift_asked_for_beyond_fourteen_is_fourteen(void **unused)
{
    struct rs_config c;

    (void)unused;
    plain(&c);
    c.tcp.window_scale = true;
    c.tcp.window_shift = 200;
    c.tcp.rcv_buf = 1 << 15;
    peer_up(&c);
    active_open();
    get("S", 0, 0, 0);
    assert_true(p.got_opts.has_wscale);
    assert_int_equal(p.got_opts.shift, 14);
    quiet();
}

/* One unit of the field is 2^shift octets: above the buffer's size the peer would see a window of 0
 * for ever. */
static void no_shift_is_offered_that_hides_the_whole_buffer(void **unused)
{
    struct rs_config c;

    (void)unused;
    plain(&c);
    c.tcp.window_scale = true;
    c.tcp.window_shift = 14;
    c.tcp.rcv_buf = 4096;
    peer_up(&c);
    active_open();
    get("S", 0, 0, 0);
    assert_int_equal(p.got_opts.shift, 12);
    memcpy(p.opt, ((const uint8_t[]){ 1, 3, 3, 0 }), 4);
    p.opt_len = 4;
    say("SA", 0, 1, 0);
    p.opt_len = 0;
    get("A", 1, 1, 0);
    assert_int_equal(p.got.wnd, 1);
    quiet();
}

/* RFC 6691 with RFC 9293 MUST-16: without a floor a peer that offers an MSS of nothing would be
 * sent segments of headers, or none. */
static void an_mss_that_leaves_no_room_behind_the_options_is_not_obeyed(void **unused)
{
    struct rs_config c;

    (void)unused;
    for (uint16_t mss = 0; mss <= 60; mss += 10) {
        const uint8_t opt[] = { OPT_MSS, 4, 0, (uint8_t)mss };
        plain(&c);
        c.tcp.min_mss = 0;
        peer_up(&c);
        active_open();
        get("S", 0, 0, 0);
        memcpy(p.opt, opt, sizeof opt);
        p.opt_len = sizeof opt;
        say("SA", 0, 1, 0);
        p.opt_len = 0;
        get("A", 1, 1, 0);
        user_sends(200);
        const uint32_t floor = TCP_OPT_MAX + 8;
        get("A", 1, 1, mss > floor ? mss : floor);
    }
}

/* RFC 1191 section 7: the smallest of the usual sizes is no smaller than what was quoted. */
static void a_router_that_finds_a_small_datagram_too_large_is_not_believed(void **unused)
{
    (void)unused;
    plain_up();
    established();
    user_sends(10);
    get("A", 1, 1, 10);
    const uint32_t smss = status().smss;
    say_icmp(ICMP_UNREACHABLE, ICMP_FRAG_NEEDED, 1);
    assert_int_equal(status().smss, smss);
    assert_int_equal(rs_reasons(p.host)[RS_REASON_ICMP_IGNORED], 1);
    quiet();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shift_asked_for_beyond_fourteen_is_fourteen),
        cmocka_unit_test(no_shift_is_offered_that_hides_the_whole_buffer),
        cmocka_unit_test(an_mss_that_leaves_no_room_behind_the_options_is_not_obeyed),
        cmocka_unit_test(a_router_that_finds_a_small_datagram_too_large_is_not_believed),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_down();
    return failed;
}
