/* How connections close: FINs each way, in every order, lost and repeated, above holes. */
#include "refstack/peer.h"

/* The peer still sends and the host still receives after the host's FIN. */
static void a_half_closed_connection_carries_text_the_other_way(void **unused)
{
    (void)unused;
    plain_up();
    host_closes_and_its_fin_is_acked();
    for (uint32_t i = 0; i < 5; i++) {
        say("A", 1 + 100 * i, 2, 100);
        get("A", 2, 101 + 100 * i, 0);
        assert_int_equal(user_receives(), 100);
    }
    quiet();
    state_is(RS_FIN_WAIT_2);
    assert_int_equal(rs_send(p.host, p.conn, "x", 1, 0, p.now), RS_ECLOSING); /* U-55 */
}

/* And the host sends after the peer's. */
static void text_is_sent_in_close_wait(void **unused)
{
    (void)unused;
    plain_up();
    established();
    say("FA", 1, 1, 10);
    get("A", 1, 12, 0); /* U-36: the FIN has a number */
    state_is(RS_CLOSE_WAIT);
    user_sends(100);
    get("A", 1, 12, 100);
    say("A", 12, 101, 0);
    assert_int_equal(user_receives(), 10); /* U-54 */
    assert_int_equal(user_receives(), 0);
    assert_true(status().eof);
    quiet();
}

static void u51_close_in_close_wait_sends_what_is_queued_and_then_fin(void **unused)
{
    (void)unused;
    plain_up();
    p.wnd = 100;
    established();
    say("FA", 1, 1, 0);
    get("A", 1, 2, 0);
    user_sends(150);
    assert_int_equal(rs_close(p.host, p.conn, p.now), 0);
    get("A", 1, 2, 100);
    quiet();
    state_is(RS_CLOSE_WAIT); /* the FIN is not sent yet */
    say("A", 2, 101, 0);
    get("FA", 101, 2, 50);
    quiet();
    state_is(RS_LAST_ACK);
    say("A", 2, 152, 0);
    quiet();
    state_is(RS_CLOSED);
}

static void u28_an_ack_of_the_fin_alone_leads_to_fin_wait_2(void **unused)
{
    (void)unused;
    plain_up();
    established();
    user_sends(10);
    rs_close(p.host, p.conn, p.now);
    get("FA", 1, 1, 10);
    say("A", 1, 11, 0); /* the text, not the FIN */
    state_is(RS_FIN_WAIT_1);
    say("A", 1, 12, 0);
    state_is(RS_FIN_WAIT_2);
    quiet();
}

/* Three segments: the peer has nothing left and answers FIN,ACK (U-37). */
static void a_fin_that_acknowledges_ours_leads_to_time_wait_at_once(void **unused)
{
    (void)unused;
    plain_up();
    established();
    rs_close(p.host, p.conn, p.now);
    get("FA", 1, 1, 0);
    say("FA", 1, 2, 0);
    get("A", 2, 2, 0);
    quiet();
    state_is(RS_TIME_WAIT);
}

/* U-58, U-29: Figure 13. */
static void fins_that_cross_pass_through_closing(void **unused)
{
    (void)unused;
    plain_up();
    established();
    rs_close(p.host, p.conn, p.now);
    get("FA", 1, 1, 0);
    say("FA", 1, 1, 0);
    get("A", 2, 2, 0);
    quiet();
    state_is(RS_CLOSING);
    say("A", 2, 1, 0); /* not of the FIN: ignored */
    quiet();
    state_is(RS_CLOSING);
    say("A", 2, 2, 0);
    quiet();
    state_is(RS_TIME_WAIT);
}

static void u30_the_ack_of_the_last_fin_ends_everything(void **unused)
{
    (void)unused;
    plain_up();
    in_last_ack();
    say("A", 2, 2, 0);
    quiet();
    state_is(RS_CLOSED);
    assert_int_equal(status().error, 0);
    say("A", 2, 2, 0); /* no TCB is left */
    get("R", 2, 0, 0);
}

static void last_ack_resends_its_fin_until_it_is_acknowledged(void **unused)
{
    (void)unused;
    plain_up();
    in_last_ack();
    for (int i = 0; i < 3; i++) {
        assert_true(to_deadline() >= RS_SEC);
        get("FA", 1, 2, 0);
        quiet();
        state_is(RS_LAST_ACK);
    }
    say("A", 2, 2, 0);
    quiet();
    state_is(RS_CLOSED);
    assert_true(rs_deadline(p.host) == RS_NEVER);
}

static void last_ack_that_nobody_answers_ends_at_r2(void **unused)
{
    (void)unused;
    plain_up();
    in_last_ack();
    const rs_time start = p.now;
    while (rs_deadline(p.host) != RS_NEVER) {
        to_deadline();
        while (heard())
            assert_int_equal(p.got.flags & TCP_FIN, TCP_FIN);
        assert_true(p.now - start <= p.cfg.tcp.r2);
    }
    state_is(RS_CLOSED);
    assert_int_equal(status().error, RS_ETIMEOUT);
}

/* U-31, U-43. */
static void time_wait_answers_a_fin_restarts_2msl_and_then_ends(void **unused)
{
    (void)unused;
    plain_up();
    in_time_wait();
    const rs_time two_msl = 2 * p.cfg.tcp.msl;
    assert_true(rs_deadline(p.host) == p.now + two_msl);
    pass(two_msl - 1);
    say("FA", 1, 2, 0);
    get("A", 2, 2, 0);
    quiet();
    assert_true(rs_deadline(p.host) == p.now + two_msl);
    pass(two_msl - 1);
    quiet();
    state_is(RS_TIME_WAIT);
    pass(1);
    quiet();
    state_is(RS_CLOSED);
    assert_true(rs_deadline(p.host) == RS_NEVER);
}

static void nothing_but_the_fin_prolongs_time_wait(void **unused)
{
    (void)unused;
    plain_up();
    in_time_wait();
    const rs_time end = rs_deadline(p.host);
    pass(RS_SEC);
    say("FA", 0x80000000, 2, 0);
    say("FA", 500, 2, 0x100);
    say("A", 0, 2, 10);
    while (heard())
        ;
    assert_true(rs_deadline(p.host) == end);
}

/* U-39. */
static void a_fin_again_is_acknowledged_and_changes_nothing(void **unused)
{
    (void)unused;
    plain_up();
    established();
    say("FA", 1, 1, 0);
    get("A", 1, 2, 0);
    say("FA", 1, 1, 0);
    get("A", 1, 2, 0);
    quiet();
    state_is(RS_CLOSE_WAIT);

    plain_up();
    in_last_ack();
    say("FA", 1, 1, 0);
    get("A", 2, 2, 0);
    quiet();
    state_is(RS_LAST_ACK);
}

/* U-33, U-40. */
static void text_after_the_fin_is_never_delivered(void **unused)
{
    (void)unused;
    plain_up();
    established();
    say("FA", 11, 1, 10); /* above a hole: the FIN waits */
    get("A", 1, 1, 0);
    state_is(RS_ESTABLISHED);
    say("A", 15, 1, 50); /* contradicts it */
    while (heard())
        ;
    say("A", 1, 1, 10);
    get("A", 1, 22, 0);
    state_is(RS_CLOSE_WAIT);
    assert_int_equal(user_receives(), 20);
    assert_int_equal(user_receives(), 0);
    say("UA", 22, 1, 30);
    while (heard())
        assert_int_equal(p.got.ack - PEER_ISS, 22);
    assert_int_equal(user_receives(), 0);
}

static void u50_close_before_established_waits_for_what_was_sent(void **unused)
{
    (void)unused;
    plain_up();
    passive_open();
    say("S", 0, 0, 0);
    get("SA", 0, 1, 0);
    user_sends(30);
    assert_int_equal(rs_close(p.host, p.conn, p.now), 0);
    quiet();
    state_is(RS_SYN_RECEIVED);
    say("A", 1, 1, 0);
    get("FA", 1, 1, 30);
    quiet();
    state_is(RS_FIN_WAIT_1);

    plain_up();
    active_open();
    get("S", 0, 0, 0);
    assert_int_equal(rs_close(p.host, p.conn, p.now), 0);
    quiet();
    say("SA", 0, 1, 0); /* the TCB is gone */
    get("R", 1, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_half_closed_connection_carries_text_the_other_way),
        cmocka_unit_test(text_is_sent_in_close_wait),
        cmocka_unit_test(u51_close_in_close_wait_sends_what_is_queued_and_then_fin),
        cmocka_unit_test(u28_an_ack_of_the_fin_alone_leads_to_fin_wait_2),
        cmocka_unit_test(a_fin_that_acknowledges_ours_leads_to_time_wait_at_once),
        cmocka_unit_test(fins_that_cross_pass_through_closing),
        cmocka_unit_test(u30_the_ack_of_the_last_fin_ends_everything),
        cmocka_unit_test(last_ack_resends_its_fin_until_it_is_acknowledged),
        cmocka_unit_test(last_ack_that_nobody_answers_ends_at_r2),
        cmocka_unit_test(time_wait_answers_a_fin_restarts_2msl_and_then_ends),
        cmocka_unit_test(nothing_but_the_fin_prolongs_time_wait),
        cmocka_unit_test(a_fin_again_is_acknowledged_and_changes_nothing),
        cmocka_unit_test(text_after_the_fin_is_never_delivered),
        cmocka_unit_test(u50_close_before_established_waits_for_what_was_sent),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_down();
    return failed;
}
