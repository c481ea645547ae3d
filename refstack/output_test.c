/* When text is sent and ACKs are: Nagle, silly windows at both ends, delayed ACKs, urgent, MSS. */
#include "refstack/peer.h"

static void up_with(void (*change)(struct rs_config *))
{
    struct rs_config c;

    plain(&c);
    change(&c);
    peer_up(&c);
}

static void with_nagle(struct rs_config *c)
{
    c->tcp.nagle = true;
}

/* SHLD-7: with something in flight small segments wait, without it they do not. */
static void nagle_holds_a_small_segment_until_the_last_is_acknowledged(void **unused)
{
    (void)unused;
    up_with(with_nagle);
    established();
    user_sends(10);
    get("A", 1, 1, 10);
    user_sends(10);
    user_sends(10);
    quiet();
    say("A", 1, 11, 0);
    get("A", 11, 1, 20);
    assert_true(p.got.flags & TCP_PSH); /* MUST-61 */
    quiet();
}

/* MUST-17: the application can turn it off. */
static void without_nagle_every_send_goes_at_once(void **unused)
{
    struct rs_tcp_config t;

    (void)unused;
    up_with(with_nagle);
    established();
    user_sends(10);
    get("A", 1, 1, 10);
    user_sends(10);
    quiet();
    assert_int_equal(rs_get(p.host, p.conn, &t), 0);
    t.nagle = false;
    assert_int_equal(rs_set(p.host, p.conn, &t, p.now), 0);
    user_sends(10);
    get("A", 11, 1, 20);
    quiet();
}

static void nagle_does_not_hold_the_fin_nor_what_goes_with_it(void **unused)
{
    (void)unused;
    up_with(with_nagle);
    established();
    user_sends(10);
    get("A", 1, 1, 10);
    user_sends(10);
    quiet();
    rs_close(p.host, p.conn, p.now);
    get("FA", 11, 1, 10);
    quiet();
}

/* MUST-15: without an MSS option 536 is what the peer takes. */
static void segments_are_no_larger_than_the_mss_the_peer_named(void **unused)
{
    static const uint8_t mss_300[] = { 2, 4, 300 >> 8, 300 & 0xff };

    (void)unused;
    plain_up();
    established();
    user_sends(1000);
    get("A", 1, 1, 536);
    get("A", 537, 1, 464);
    quiet();

    plain_up();
    active_open();
    get("S", 0, 0, 0);
    memcpy(p.opt, mss_300, p.opt_len = sizeof mss_300);
    say("SA", 0, 1, 0);
    p.opt_len = 0;
    get("A", 1, 1, 0);
    user_sends(1000);
    for (uint32_t i = 0; i < 4; i++)
        get("A", 1 + 300 * i, 1, i < 3 ? 300 : 100);
    quiet();
}

/* RFC 9293 section 3.8.6.2.1: a window opened by crumbs is not eaten by crumbs. */
static void a_small_window_is_not_filled_by_small_segments(void **unused)
{
    (void)unused;
    plain_up();
    p.wnd = 1000;
    established();
    user_sends(2000);
    get("A", 1, 1, 536);
    quiet(); /* the other 464 of the window are no full segment */
    p.wnd = 10;
    say("A", 1, 537, 0); /* ten octets of room: less than half the largest window */
    quiet();
    /* The override timeout, so that nothing waits for ever. */
    to_deadline();
    get("A", 537, 1, 10);
    quiet();
    p.wnd = 500;
    say("A", 1, 547, 0); /* half of it: worth it */
    get("A", 547, 1, 500);
    quiet();
}

/* Section 3.8.6.2.2: the right edge moves by a segment or half the buffer, not by octets. */
static void a_window_that_was_filled_opens_by_a_worthwhile_step(void **unused)
{
    uint8_t text[2048];

    (void)unused;
    plain_up();
    established();
    for (uint32_t at = 0; at < 2048; at += 512) {
        say("A", 1 + at, 1, 512);
        get("A", 1, 1 + at + 512, 0);
    }
    assert_int_equal(p.got.wnd, 0);
    assert_int_equal(rs_receive(p.host, p.conn, text, 100, p.now), 100);
    quiet(); /* a hundred octets are not offered */
    say("A", 2049, 1, 1);
    get("A", 1, 2049, 0); /* U-48 */
    assert_int_equal(p.got.wnd, 0);
    assert_int_equal(rs_receive(p.host, p.conn, text, 1500, p.now), 1500);
    get("A", 1, 2049, 0);
    assert_int_equal(p.got.wnd, 1600);
    quiet();
}

/* SHLD-14, U-34: the right edge never moves left. */
static void the_right_edge_of_the_window_stands_while_text_arrives(void **unused)
{
    uint32_t edge;

    (void)unused;
    plain_up();
    established();
    edge = p.got.ack + p.got.wnd;
    for (uint32_t at = 0; at < 2000; at += 100) {
        say("A", 1 + at, 1, 100);
        get("A", 1, 1 + at + 100, 0);
        assert_true((int32_t)(p.got.ack + p.got.wnd - edge) >= 0);
        edge = p.got.ack + p.got.wnd;
    }
}

static void with_delayed_ack(struct rs_config *c)
{
    c->tcp.delayed_ack = 200 * RS_MSEC;
    c->tcp.mss = 500;
}

/* MUST-58, SHLD-18, SHLD-19: within half a second, and at least every second full segment. */
static void an_ack_waits_for_a_second_segment_or_a_short_time(void **unused)
{
    (void)unused;
    up_with(with_delayed_ack);
    established();
    say("A", 1, 1, 500);
    quiet();
    say("A", 501, 1, 500);
    get("A", 1, 1001, 0);
    quiet();
    say("A", 1001, 1, 10);
    quiet();
    assert_true(to_deadline() <= 500 * RS_MSEC);
    get("A", 1, 1011, 0);
    quiet();
    assert_true(rs_deadline(p.host) == RS_NEVER);
}

static void text_going_out_carries_the_ack_that_waited(void **unused)
{
    (void)unused;
    up_with(with_delayed_ack);
    established();
    say("A", 1, 1, 10);
    quiet();
    user_sends(10);
    get("A", 1, 11, 10);
    say("A", 11, 11, 0);
    quiet();
    assert_true(rs_deadline(p.host) == RS_NEVER);
}

/* RFC 5681 section 4.2: out of order, or filling a hole, is acknowledged at once. */
static void an_ack_beyond_a_hole_does_not_wait(void **unused)
{
    (void)unused;
    up_with(with_delayed_ack);
    established();
    say("A", 101, 1, 100);
    get("A", 1, 1, 0);
    say("A", 201, 1, 100);
    get("A", 1, 1, 0);
    quiet();
    say("A", 1, 1, 100);
    get("A", 1, 301, 0);
    quiet();
    say("FA", 301, 1, 0);
    get("A", 1, 302, 0);
}

/* MUST-30, MUST-62: the pointer is past the urgent octets, and says so while they last. */
static void urgent_text_is_pointed_past_until_it_is_acknowledged(void **unused)
{
    (void)unused;
    plain_up();
    p.wnd = 100;
    established();
    user_sends(100);
    get("A", 1, 1, 100);
    assert_int_equal(rs_send(p.host, p.conn, "now!", 4, RS_URGENT, p.now), 4);
    quiet(); /* the window is full */
    say("A", 1, 101, 0);
    get("UA", 101, 1, 4);
    assert_int_equal(p.got.up, 4);
    say("A", 1, 105, 0);
    user_sends(10);
    get("A", 105, 1, 10);
    quiet();
}

static unsigned urgent_signals;

static void count_urgent(void *arg, const struct rs_observation *o)
{
    (void)arg;
    urgent_signals += o->what == RS_OBS_URGENT;
}

/* MUST-31 to MUST-33, U-32: any length, one signal a run, and how much is left can be asked. */
static void urgent_mode_is_signalled_and_lasts_until_it_is_read(void **unused)
{
    uint8_t text[100];

    (void)unused;
    plain_up();
    established();
    urgent_signals = 0;
    rs_observe(p.host, count_urgent, NULL);
    p.up = 30;
    say("UA", 1, 1, 10); /* points beyond its own text */
    get("A", 1, 11, 0);
    assert_int_equal(urgent_signals, 1);
    assert_true(status().urgent);
    assert_int_equal(status().urgent_left, 30);
    p.up = 20;
    say("UA", 11, 1, 10); /* the same point */
    get("A", 1, 21, 0);
    p.up = 5;
    say("UA", 21, 1, 5); /* an earlier one */
    get("A", 1, 26, 0);
    assert_int_equal(urgent_signals, 1);
    assert_int_equal(rs_receive(p.host, p.conn, text, 20, p.now), 20);
    assert_int_equal(status().urgent_left, 10);
    p.up = 0;
    say("A", 26, 1, 5);
    get("A", 1, 31, 0);
    assert_int_equal(rs_receive(p.host, p.conn, text, 100, p.now), 10);
    assert_false(status().urgent);
    quiet();
}

/* MUST-48, MUST-49; RFC 6864: nothing is told by the identification. */
static void the_ip_header_is_as_configured(void **unused)
{
    struct rs_config c;
    struct ip4_hdr ip;

    (void)unused;
    plain(&c);
    c.tcp.ttl = 33;
    c.tcp.tos = 0x28;
    peer_up(&c);
    active_open();
    const size_t n = rs_output(p.host, p.frame, sizeof p.frame, p.now);
    assert_int_equal(ip4_parse(&ip, p.frame, n), WIRE_OK);
    assert_int_equal(ip.ttl, 33);
    assert_int_equal(ip.tos, 0x28);
    assert_int_equal(ip.frag & IP4_DF, IP4_DF);
    assert_true(ip4_checksum_ok(p.frame, IP4_HEADER));
}

/* MUST-5: a sender is ready for a window that shrinks; SHLD-16, SHLD-17. */
static void a_window_that_shrinks_keeps_what_is_beyond_it_for_later(void **unused)
{
    (void)unused;
    plain_up();
    p.wnd = 1000;
    established();
    user_sends(1000);
    get("A", 1, 1, 536);
    get("A", 537, 1, 464); /* all that is queued */
    p.wnd = 200;
    say("A", 1, 537, 0); /* the edge moves from 1001 to 737 */
    quiet();
    to_deadline(); /* resent within the window only */
    get("A", 537, 1, 200);
    quiet();
    p.wnd = 1000;
    say("A", 1, 737, 0);
    get("A", 737, 1, 264);
    say("A", 1, 1001, 0);
    quiet();
    assert_true(rs_deadline(p.host) == RS_NEVER);
}

/* SHLD-27: three SENDs, each pushed, go out in two segments; the first is full and has no PSH. */
static void successive_pushes_become_one_on_the_last_segment(void **unused)
{
    (void)unused;
    plain_up();
    established();
    user_sends(300);
    user_sends(300);
    user_sends(300);
    get("A", 1, 1, 536);
    assert_false(p.got.flags & TCP_PSH);
    get("A", 537, 1, 364);
    assert_true(p.got.flags & TCP_PSH);
    quiet();
}

/* MUST-59: what has arrived is all processed before anything is said about it. */
static void segments_that_arrive_together_get_one_ack(void **unused)
{
    (void)unused;
    plain_up();
    established();
    say("A", 1, 1, 10);
    say("A", 11, 1, 10);
    say("A", 21, 1, 10);
    get("A", 1, 31, 0);
    quiet();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nagle_holds_a_small_segment_until_the_last_is_acknowledged),
        cmocka_unit_test(without_nagle_every_send_goes_at_once),
        cmocka_unit_test(nagle_does_not_hold_the_fin_nor_what_goes_with_it),
        cmocka_unit_test(segments_are_no_larger_than_the_mss_the_peer_named),
        cmocka_unit_test(a_small_window_is_not_filled_by_small_segments),
        cmocka_unit_test(a_window_that_was_filled_opens_by_a_worthwhile_step),
        cmocka_unit_test(the_right_edge_of_the_window_stands_while_text_arrives),
        cmocka_unit_test(an_ack_waits_for_a_second_segment_or_a_short_time),
        cmocka_unit_test(text_going_out_carries_the_ack_that_waited),
        cmocka_unit_test(an_ack_beyond_a_hole_does_not_wait),
        cmocka_unit_test(urgent_text_is_pointed_past_until_it_is_acknowledged),
        cmocka_unit_test(urgent_mode_is_signalled_and_lasts_until_it_is_read),
        cmocka_unit_test(the_ip_header_is_as_configured),
        cmocka_unit_test(a_window_that_shrinks_keeps_what_is_beyond_it_for_later),
        cmocka_unit_test(successive_pushes_become_one_on_the_last_segment),
        cmocka_unit_test(segments_that_arrive_together_get_one_ack),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_down();
    return failed;
}
