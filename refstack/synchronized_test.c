/* SEGMENT ARRIVES in the other states, RFC 9293 section 3.10.7.4, up to its fifth step, with
 * RFC 5961: what is said and what must be answered. */
#include "refstack/peer.h"

/* U-15, U-16, U-17, on the edges of a window of 2048. */
static void u16_an_unacceptable_segment_is_answered_by_an_ack(void **unused)
{
    static const struct {
        uint32_t seq, len;
        bool answered;
    } row[] = {
        { 0, 0, true },        { 2049, 0, true },          { 2049, 1, true },
        { 0, 1, true },        { 1u - 300, 300, true },    { 0x80000000, 0, true },
        { 1, 0, false },       { 2048, 0, false },
    };

    (void)unused;
    plain_up();
    established();
    assert_int_equal(p.got.wnd, 2048);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        say("A", row[i].seq, 1, row[i].len);
        if (row[i].answered)
            get("A", 1, 1, 0);
        quiet();
        assert_int_equal(status().rcv_nxt - PEER_ISS, 1);
    }
    say("R", 0, 1, 0);
    say("R", 2049, 1, 0);
    say("RA", 0x80000000, 1, 5);
    quiet();
    state_is(RS_ESTABLISHED);
}

static void u18_a_segment_is_trimmed_to_the_window_at_both_ends(void **unused)
{
    (void)unused;
    plain_up();
    established();
    say("A", 1, 1, 1000);
    get("A", 1, 1001, 0);
    say("FA", 501, 1, 1400); /* 500 old, 900 new */
    get("A", 1, 1902, 0);
    state_is(RS_CLOSE_WAIT);

    plain_up();
    established();
    say("A", 1, 1, 1000);
    get("A", 1, 1001, 0);
    say("FA", 1001, 1, 1049); /* one octet and the FIN too many */
    get("A", 1, 2049, 0);
    assert_int_equal(p.got.wnd, 0);
    quiet();
    state_is(RS_ESTABLISHED);
    assert_int_equal(user_receives(), 2048);
}

static void u19_a_reset_in_syn_received_returns_to_listen_or_refuses(void **unused)
{
    (void)unused;
    plain_up();
    passive_open();
    say("S", 0, 0, 0);
    get("SA", 0, 1, 0);
    say("R", 1, 0, 0);
    quiet();
    state_is(RS_LISTEN);
    assert_int_equal(status().error, 0);
    say("S", 0, 0, 0); /* and it listens still */
    get("SA", 0, 1, 0);

    plain_up();
    active_open();
    get("S", 0, 0, 0);
    say("S", 0, 0, 0);
    get("SA", 0, 1, 0);
    say("R", 1, 0, 0);
    quiet();
    state_is(RS_CLOSED);
    assert_int_equal(status().error, RS_EREFUSED);
}

static void u20_a_reset_at_rcv_nxt_ends_the_connection(void **unused)
{
    (void)unused;
    plain_up();
    established();
    say("A", 1, 1, 10);
    get("A", 1, 11, 0);
    user_sends(10);
    get("A", 1, 11, 10);
    say("R", 11, 0, 0);
    quiet();
    state_is(RS_CLOSED);
    assert_int_equal(status().error, RS_ERESET);
    assert_int_equal(user_receives(), RS_ERESET);
    assert_int_equal(rs_send(p.host, p.conn, "x", 1, 0, p.now), RS_ERESET);
}

/* RFC 5961 section 3.2. */
static void a_reset_elsewhere_in_the_window_is_challenged(void **unused)
{
    (void)unused;
    plain_up();
    established();
    say("R", 2, 0, 0);
    get("A", 1, 1, 0);
    say("R", 2048, 0, 0);
    get("A", 1, 1, 0);
    quiet();
    state_is(RS_ESTABLISHED);
}

/* RFC 5961 section 3.2: the number of the RST itself counts, not where its text ends. */
static void a_reset_from_before_the_window_does_nothing_whatever_its_text(void **unused)
{
    (void)unused;
    plain_up();
    established();
    say("R", 1u - 1000, 0, 1400);
    say("RF", 0, 0, 1);
    quiet();
    state_is(RS_ESTABLISHED);
}

/* RFC 5961 section 7: limited by the second, and each connection by itself. */
static void challenges_are_limited_to_so_many_a_second(void **unused)
{
    unsigned answered = 0;

    (void)unused;
    plain_up();
    established();
    for (int i = 0; i < 100; i++) {
        say("R", 100, 0, 0);
        answered += heard();
    }
    assert_int_equal(answered, p.cfg.tcp.challenge_acks);
    pass(RS_SEC);
    say("R", 100, 0, 0);
    get("A", 1, 1, 0);
}

static void u22_a_syn_in_the_window_returns_a_passive_open_to_listen(void **unused)
{
    (void)unused;
    plain_up();
    passive_open();
    say("S", 0, 0, 0);
    get("SA", 0, 1, 0);
    say("S", 1, 0, 0);
    quiet();
    state_is(RS_LISTEN);
}

static void a_syn_sent_again_in_syn_received_is_answered_and_nothing_else(void **unused)
{
    (void)unused;
    plain_up();
    passive_open();
    say("S", 0, 0, 0);
    get("SA", 0, 1, 0);
    say("S", 0, 0, 0);
    get("A", 1, 1, 0);
    say("S", 0, 0, 20); /* now with text, which reaches into the window */
    heard();
    quiet();
    state_is(RS_SYN_RECEIVED);
    say("A", 1, 1, 0);
    state_is(RS_ESTABLISHED);
}

static void u23_a_syn_on_a_connection_is_challenged(void **unused)
{
    static const uint32_t seq[] = { 0, 1, 2, 500, 5000, 0x80000000 };

    (void)unused;
    plain_up();
    established();
    for (size_t i = 0; i < sizeof seq / sizeof seq[0]; i++) {
        say(i % 2 ? "S" : "SA", seq[i], 1, 0);
        get("A", 1, 1, 0);
        quiet();
        state_is(RS_ESTABLISHED);
    }
}

static void u24_text_without_the_ack_bit_is_dropped(void **unused)
{
    (void)unused;
    plain_up();
    established();
    say("", 1, 0, 10);
    say("F", 1, 0, 0);
    quiet();
    assert_int_equal(status().rcv_nxt - PEER_ISS, 1);
}

static void u25_a_wrong_ack_in_syn_received_gets_a_reset(void **unused)
{
    (void)unused;
    plain_up();
    passive_open();
    say("S", 0, 0, 0);
    get("SA", 0, 1, 0);
    say("A", 1, 0, 0);
    get("R", 0, 0, 0);
    say("A", 1, 2, 0);
    get("R", 2, 0, 0);
    quiet();
    state_is(RS_SYN_RECEIVED);
    p.wnd = 1234;
    say("A", 1, 1, 0);
    quiet();
    state_is(RS_ESTABLISHED);
    const struct rs_status s = status();
    assert_int_equal(s.snd_wnd, 1234);
    assert_int_equal(s.snd_wl1 - PEER_ISS, 1);
    assert_int_equal(s.snd_wl2 - p.host_iss, 1);
}

static void u26_only_an_ack_of_what_is_in_flight_advances(void **unused)
{
    (void)unused;
    plain_up();
    established();
    user_sends(100);
    get("A", 1, 1, 100);
    say("A", 1, 102, 0); /* never sent */
    get("A", 101, 1, 0);
    assert_int_equal(status().snd_una - p.host_iss, 1);
    say("A", 1, 51, 0);
    assert_int_equal(status().snd_una - p.host_iss, 51);
    say("A", 1, 20, 0); /* old */
    quiet();
    assert_int_equal(status().snd_una - p.host_iss, 51);
    say("A", 1, 1u - 5000, 0); /* RFC 5961 section 5.2: older than any window offered */
    get("A", 101, 1, 0);
    quiet();
}

/* U-27, U-49. */
static void u27_an_older_segment_does_not_change_the_send_window(void **unused)
{
    (void)unused;
    plain_up();
    established();
    user_sends(50);
    get("A", 1, 1, 50);
    p.wnd = 3000;
    say("A", 21, 51, 10); /* beyond a hole; WL1 follows all the same */
    get("A", 51, 1, 0);
    assert_int_equal(status().snd_wnd, 3000);
    p.wnd = 100;
    say("A", 1, 51, 0); /* in the window, but with a number below WL1 */
    assert_int_equal(status().snd_wnd, 3000);
    p.wnd = 200;
    say("A", 21, 51, 0);
    assert_int_equal(status().snd_wnd, 200);
    p.wnd = 300;
    say("A", 21, 50, 0); /* acknowledges less than WL2 */
    assert_int_equal(status().snd_wnd, 200);
    quiet();
}

/* U-45, U-46, U-47. */
static void fields_that_mean_nothing_change_nothing(void **unused)
{
    (void)unused;
    plain_up();
    established();
    p.up = 500;
    say("A", 1, 1, 10); /* the urgent pointer without URG */
    get("A", 1, 11, 0);
    assert_false(status().urgent);
    assert_int_equal(p.got.flags & TCP_RESERVED, 0);
    struct tcp_seg seg = { .src_port = PEER_PORT, .dst_port = HOST_PORT, .seq = PEER_ISS + 11,
                           .ack = p.host_iss + 1, .flags = TCP_ACK | TCP_RESERVED, .wnd = 4096 };
    const struct rs_endpoint peer = the_peer();
    const size_t n = tcp_emit_sum(&seg, &peer.addr, &p.cfg.addr, p.frame + IP4_HEADER, 100);
    put_datagram(IP_PROTO_TCP, n);
    quiet();
    state_is(RS_ESTABLISHED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u16_an_unacceptable_segment_is_answered_by_an_ack),
        cmocka_unit_test(u18_a_segment_is_trimmed_to_the_window_at_both_ends),
        cmocka_unit_test(u19_a_reset_in_syn_received_returns_to_listen_or_refuses),
        cmocka_unit_test(u20_a_reset_at_rcv_nxt_ends_the_connection),
        cmocka_unit_test(a_reset_elsewhere_in_the_window_is_challenged),
        cmocka_unit_test(a_reset_from_before_the_window_does_nothing_whatever_its_text),
        cmocka_unit_test(challenges_are_limited_to_so_many_a_second),
        cmocka_unit_test(u22_a_syn_in_the_window_returns_a_passive_open_to_listen),
        cmocka_unit_test(a_syn_sent_again_in_syn_received_is_answered_and_nothing_else),
        cmocka_unit_test(u23_a_syn_on_a_connection_is_challenged),
        cmocka_unit_test(u24_text_without_the_ack_bit_is_dropped),
        cmocka_unit_test(u25_a_wrong_ack_in_syn_received_gets_a_reset),
        cmocka_unit_test(u26_only_an_ack_of_what_is_in_flight_advances),
        cmocka_unit_test(u27_an_older_segment_does_not_change_the_send_window),
        cmocka_unit_test(fields_that_mean_nothing_change_nothing),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_down();
    return failed;
}
