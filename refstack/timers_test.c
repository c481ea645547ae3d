/* Timeouts, RFC 9293 section 3.10.8 and 3.8: retransmission, R1 and R2, probes, keep-alive. */
#include "refstack/peer.h"

/* RFC 6298: 1 s, and doubled each time (section 5.5). */
static void a_syn_is_sent_again_ever_more_slowly_and_given_up_after_three_minutes(void **unused)
{
    rs_time gap = RS_SEC;

    (void)unused;
    plain_up();
    active_open();
    get("S", 0, 0, 0);
    const rs_time start = p.now;
    for (;;) {
        const rs_time waited = to_deadline();
        if (!heard())
            break;
        assert_int_equal(p.got.flags, TCP_SYN);
        assert_true(waited == gap);
        gap = 2 * gap < 60 * RS_SEC ? 2 * gap : 60 * RS_SEC;
    }
    assert_true(p.now - start >= 180 * RS_SEC); /* MUST-23 */
    state_is(RS_CLOSED);
    assert_int_equal(status().error, RS_ETIMEOUT);
    assert_true(rs_deadline(p.host) == RS_NEVER);
}

/* U-42. */
static void unacknowledged_text_is_sent_again_from_the_front_of_the_queue(void **unused)
{
    (void)unused;
    plain_up();
    established();
    user_sends(1000);
    get("A", 1, 1, 536);
    get("A", 537, 1, 464);
    assert_true(to_deadline() == RS_SEC);
    get("A", 1, 1, 536);
    quiet(); /* RFC 5681: one segment */
    assert_true(to_deadline() == 2 * RS_SEC);
    get("A", 1, 1, 536);
    say("A", 1, 537, 0);
    get("A", 537, 1, 464);
    say("A", 1, 1001, 0);
    quiet();
    assert_true(rs_deadline(p.host) == RS_NEVER);
}

/* The wheel comes by at the old time and finds that there is nothing to do. */
static void a_timer_put_off_fires_at_its_new_time_and_not_at_the_old(void **unused)
{
    (void)unused;
    plain_up();
    established();
    user_sends(10);
    get("A", 1, 1, 10);
    const rs_time old = p.now + RS_SEC;
    pass(600 * RS_MSEC);
    say("A", 1, 11, 0);
    quiet();
    user_sends(10);
    get("A", 11, 1, 10);
    const rs_time due = p.now + status().rto;
    assert_true(due > old);
    assert_true(rs_deadline(p.host) <= due);
    p.now = old;
    quiet();
    assert_true(rs_deadline(p.host) == due);
    p.now = due - 1;
    quiet();
    p.now = due;
    get("A", 11, 1, 10);
}

/* MUST-20, SHLD-9 to SHLD-11: advice after R1, the end after R2. */
static void silence_is_advised_at_r1_and_ends_the_connection_at_r2(void **unused)
{
    unsigned sent = 0;
    bool advised = false;

    (void)unused;
    plain_up();
    established();
    user_sends(10);
    get("A", 1, 1, 10);
    const rs_time start = p.now;
    for (;;) {
        const struct rs_status s = status(); /* which clears the advice */
        if (s.state == RS_CLOSED)
            break;
        if (s.soft_error == RS_ETIMEOUT && !advised) {
            advised = true;
            assert_int_equal(sent, p.cfg.tcp.r1);
        }
        to_deadline();
        while (heard())
            sent++;
    }
    assert_true(advised);
    assert_true(p.now - start >= 100 * RS_SEC);
    assert_int_equal(status().error, RS_ETIMEOUT);
    quiet();
}

/* U-41. */
static void a_user_timeout_ends_the_connection_when_it_is_shorter(void **unused)
{
    struct rs_config c;

    (void)unused;
    plain(&c);
    c.tcp.user_timeout = 5 * RS_SEC;
    peer_up(&c);
    established();
    user_sends(10);
    const rs_time start = p.now;
    while (status().state == RS_ESTABLISHED) {
        while (heard())
            ;
        to_deadline();
    }
    while (heard())
        ;
    assert_true(p.now - start == 5 * RS_SEC);
    assert_int_equal(status().error, RS_ETIMEOUT);
    assert_int_equal(user_receives(), RS_ETIMEOUT);
}

/* MUST-35, MUST-36, SHLD-29, SHLD-30: one octet after an RTO, ever more slowly. */
static void a_closed_window_is_probed_ever_more_slowly_for_as_long_as_it_is_answered(void **unused)
{
    rs_time last = 0;

    (void)unused;
    plain_up();
    established();
    p.wnd = 0;
    say("A", 1, 1, 0);
    user_sends(100);
    quiet();
    const rs_time start = p.now;
    for (int i = 0; i < 20; i++) {
        const rs_time waited = to_deadline();
        get("A", 1, 1, 1);
        quiet();
        assert_true(waited >= last && waited <= 60 * RS_SEC);
        last = waited;
        say("A", 1, 1, 0); /* alive, and shut */
    }
    assert_true(p.now - start > p.cfg.tcp.r2); /* MUST-37 */
    state_is(RS_ESTABLISHED);
    p.wnd = 1000;
    say("A", 1, 1, 0);
    uint32_t next = 1;
    while (heard()) {
        assert_int_equal(p.got.seq - p.host_iss, next);
        next += p.got.text_len;
    }
    assert_int_equal(next, 101);
    say("A", 1, 101, 0);
    quiet();
    assert_true(rs_deadline(p.host) == RS_NEVER);
}

static void a_probe_nobody_answers_ends_the_connection(void **unused)
{
    (void)unused;
    plain_up();
    established();
    p.wnd = 0;
    say("A", 1, 1, 0);
    user_sends(100);
    const rs_time start = p.now;
    while (heard())
        ;
    while (status().state == RS_ESTABLISHED && p.now - start < 3600 * RS_SEC) {
        to_deadline();
        while (heard())
            assert_true(p.got.text_len <= 1);
    }
    state_is(RS_CLOSED);
    assert_int_equal(status().error, RS_ETIMEOUT);
}

/* A probe taken by the peer advances as any text does. */
static void a_probe_that_is_taken_counts(void **unused)
{
    (void)unused;
    plain_up();
    established();
    p.wnd = 0;
    say("A", 1, 1, 0);
    user_sends(3);
    quiet();
    to_deadline();
    get("A", 1, 1, 1);
    say("A", 1, 2, 0);
    quiet();
    to_deadline();
    get("A", 2, 1, 1);
    p.wnd = 100;
    say("A", 1, 3, 0);
    get("A", 3, 1, 1);
    say("A", 1, 4, 0);
    quiet();
    assert_true(rs_deadline(p.host) == RS_NEVER);
}

static void keepalive_config(struct rs_config *c)
{
    plain(c);
    c->tcp.keepalive = true;
    c->tcp.keepalive_probes = 3;
}

/* MUST-24 to MUST-28, SHLD-12. */
static void an_idle_connection_is_probed_after_two_hours_with_an_old_number(void **unused)
{
    struct rs_config c;

    (void)unused;
    keepalive_config(&c);
    peer_up(&c);
    established();
    assert_true(to_deadline() == 7200 * RS_SEC);
    get("A", 0, 1, 0); /* SEG.SEQ = SND.NXT - 1 */
    quiet();
    say("A", 1, 1, 0);
    quiet();
    state_is(RS_ESTABLISHED);
    pass(100 * RS_SEC);
    say("A", 1, 1, 10);
    get("A", 1, 11, 0);
    rs_time waited = 0;
    while (!heard())
        waited += to_deadline();
    assert_true(waited == 7200 * RS_SEC); /* from the last that came */
    assert_int_equal(p.got.seq - p.host_iss, 0);
}

/* MUST-29: one lost probe ends nothing. */
static void several_unanswered_probes_end_an_idle_connection(void **unused)
{
    struct rs_config c;
    unsigned probes = 0;

    (void)unused;
    keepalive_config(&c);
    peer_up(&c);
    established();
    while (status().state == RS_ESTABLISHED) {
        to_deadline();
        while (heard())
            probes++;
    }
    assert_int_equal(probes, 3);
    assert_int_equal(status().error, RS_ETIMEOUT);
    quiet();
}

/* MUST-25. */
static void without_being_asked_an_idle_connection_says_nothing(void **unused)
{
    (void)unused;
    plain_up();
    established();
    assert_true(rs_deadline(p.host) == RS_NEVER);
    pass(30 * 24 * 3600 * RS_SEC);
    quiet();
    state_is(RS_ESTABLISHED);
}

/* A keep-alive from the peer, with and without its garbage octet. */
static void a_keepalive_is_answered(void **unused)
{
    (void)unused;
    plain_up();
    established();
    say("A", 0, 1, 0);
    get("A", 1, 1, 0);
    say("A", 0, 1, 1);
    get("A", 1, 1, 0);
    quiet();
    assert_int_equal(user_receives(), RS_EAGAIN);
}

/* ---- RFC 6298, as seen from outside ----------------------------------------------------- */

/* Sends one octet and acknowledges it after `rtt`. */
static void exchange(uint32_t *seq, rs_time rtt)
{
    user_sends(1);
    get("A", *seq, 1, 1);
    pass(rtt);
    say("A", 1, ++*seq, 0);
    quiet();
}

/* The equations of sections 2.2 and 2.3, in microseconds. */
static void the_rto_follows_the_samples_as_rfc_6298_has_it(void **unused)
{
    static const uint32_t sample_ms[] = { 100, 300, 50, 2000, 700, 700, 700, 10 };
    rs_time srtt = 0, rttvar = 0;
    uint32_t seq = 1;

    (void)unused;
    plain_up();
    active_open();
    get("S", 0, 0, 0);
    pass(400 * RS_MSEC);
    say("SA", 0, 1, 0);
    get("A", 1, 1, 0);
    srtt = 400 * RS_MSEC;
    rttvar = srtt / 2;
    for (size_t i = 0; i < sizeof sample_ms / sizeof sample_ms[0]; i++) {
        const rs_time r = sample_ms[i] * RS_MSEC;
        const rs_time delta = srtt > r ? srtt - r : r - srtt;
        if (r >= RS_SEC) /* a timeout would come first: Karn leaves no sample */
            continue;
        exchange(&seq, r);
        rttvar = (3 * rttvar + delta) / 4;
        srtt = (7 * srtt + r) / 8;
        const struct rs_status s = status();
        assert_true(s.srtt - srtt + 2 <= 4);
        assert_true(s.rttvar - rttvar + 2 <= 4);
        const rs_time rto = s.srtt + 4 * s.rttvar;
        assert_true(s.rto == (rto < RS_SEC ? RS_SEC : rto)); /* 2.4 */
    }
}

/* Karn, section 3, and section 5.5 to 5.7: the doubled RTO stays until a fresh sample. */
static void a_retransmitted_segment_gives_no_sample(void **unused)
{
    (void)unused;
    plain_up();
    established();
    const struct rs_status before = status();
    user_sends(10);
    get("A", 1, 1, 10);
    to_deadline();
    get("A", 1, 1, 10);
    pass(50 * RS_MSEC);
    say("A", 1, 11, 0);
    quiet();
    const struct rs_status after = status();
    assert_true(after.srtt == before.srtt && after.rttvar == before.rttvar);
    assert_true(after.rto == 2 * before.rto);
    user_sends(10);
    get("A", 11, 1, 10);
    pass(50 * RS_MSEC);
    say("A", 1, 21, 0);
    assert_true(status().rto < after.rto);
}

/* Section 5.7: a SYN that was lost leaves an RTO of 3 s. */
static void after_a_lost_syn_the_first_rto_is_three_seconds(void **unused)
{
    (void)unused;
    plain_up();
    active_open();
    get("S", 0, 0, 0);
    to_deadline();
    get("S", 0, 0, 0);
    say("SA", 0, 1, 0);
    get("A", 1, 1, 0);
    assert_true(status().rto >= 3 * RS_SEC);
    user_sends(10);
    get("A", 1, 1, 10);
    assert_true(to_deadline() >= 3 * RS_SEC);
}

/* SHLD-17: what was sent into a window that is gone waits, and the connection with it. */
static void a_window_that_shrinks_to_nothing_under_text_in_flight_ends_nothing(void **unused)
{
    (void)unused;
    plain_up();
    p.wnd = 1000;
    established();
    user_sends(500);
    get("A", 1, 1, 500);
    p.wnd = 0;
    say("A", 1, 101, 0); /* the right edge moves from 1001 to 101 */
    quiet();
    const rs_time start = p.now;
    for (int i = 0; i < 20; i++) {
        to_deadline();
        get("A", 101, 1, 1);
        quiet();
        say("A", 1, 101, 0);
    }
    assert_true(p.now - start > p.cfg.tcp.r2);
    state_is(RS_ESTABLISHED);
    p.wnd = 1000;
    say("A", 1, 101, 0);
    uint32_t next = 101;
    while (heard()) {
        assert_int_equal(p.got.seq - p.host_iss, next);
        next += p.got.text_len;
    }
    assert_int_equal(next, 501);
    say("A", 1, 501, 0);
    quiet();
    assert_true(rs_deadline(p.host) == RS_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_syn_is_sent_again_ever_more_slowly_and_given_up_after_three_minutes),
        cmocka_unit_test(unacknowledged_text_is_sent_again_from_the_front_of_the_queue),
        cmocka_unit_test(a_timer_put_off_fires_at_its_new_time_and_not_at_the_old),
        cmocka_unit_test(silence_is_advised_at_r1_and_ends_the_connection_at_r2),
        cmocka_unit_test(a_user_timeout_ends_the_connection_when_it_is_shorter),
        cmocka_unit_test(a_closed_window_is_probed_ever_more_slowly_for_as_long_as_it_is_answered),
        cmocka_unit_test(a_probe_nobody_answers_ends_the_connection),
        cmocka_unit_test(a_probe_that_is_taken_counts),
        cmocka_unit_test(an_idle_connection_is_probed_after_two_hours_with_an_old_number),
        cmocka_unit_test(several_unanswered_probes_end_an_idle_connection),
        cmocka_unit_test(without_being_asked_an_idle_connection_says_nothing),
        cmocka_unit_test(a_keepalive_is_answered),
        cmocka_unit_test(the_rto_follows_the_samples_as_rfc_6298_has_it),
        cmocka_unit_test(a_retransmitted_segment_gives_no_sample),
        cmocka_unit_test(after_a_lost_syn_the_first_rto_is_three_seconds),
        cmocka_unit_test(a_window_that_shrinks_to_nothing_under_text_in_flight_ends_nothing),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_down();
    return failed;
}
