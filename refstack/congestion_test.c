/* Congestion control as the wire shows it: slow start, avoidance, recovery, timeout, idle time.
 * RFC 5681, 6582, 6928; NewReno by name, what holds of any algorithm with both. */
#include "refstack/peer.h"

enum { MSS = 536 };

static void up_with(enum rs_congestion algorithm)
{
    struct rs_config c;

    plain(&c);
    c.tcp.congestion = algorithm;
    c.tcp.snd_buf = 1 << 20;
    c.pages = 4096;
    c.page_octets = 1024;
    peer_up(&c);
    p.wnd = 65535;
    established();
}

static void fill_send_queue(uint32_t octets)
{
    for (uint32_t n = 0; n < octets; n += 4096)
        user_sends(4096);
}

/* Takes all that comes; returns one past the highest octet, and adds up the segments. */
static uint32_t take(unsigned *segments)
{
    uint32_t end = 0;

    while (heard()) {
        const uint32_t e = p.got.seq - p.host_iss + p.got.text_len;
        end = e > end ? e : end;
        if (segments)
            ++*segments;
    }
    return end;
}

/* RFC 6928 section 2: min(10 MSS, max(2 MSS, 14600)). */
static void the_initial_window_is_ten_segments(void **unused)
{
    (void)unused;
    up_with(RS_CC_NEWRENO);
    fill_send_queue(65536);
    assert_int_equal(take(NULL), 1 + 10 * MSS);
    assert_int_equal(status().cwnd, 10 * MSS);
}

/* RFC 5681 section 3.1: an SMSS for each ACK that acknowledges as much, at most. */
static void slow_start_grows_by_what_is_acknowledged(void **unused)
{
    (void)unused;
    for (int algorithm = RS_CC_NEWRENO; algorithm <= RS_CC_CUBIC; algorithm++) {
        up_with((enum rs_congestion)algorithm);
        fill_send_queue(65536);
        take(NULL);
        uint32_t cwnd = status().cwnd;
        for (uint32_t i = 1; i <= 10; i++) {
            say("A", 1, 1 + i * MSS, 0);
            take(NULL);
            assert_int_equal(status().cwnd, cwnd + MSS);
            cwnd += MSS;
        }
    }
}

/* RFC 3465, and the attack of Savage et al.: cutting an ACK in pieces gains nothing. */
static void an_ack_cut_in_pieces_grows_no_more_than_one(void **unused)
{
    (void)unused;
    up_with(RS_CC_NEWRENO);
    fill_send_queue(65536);
    take(NULL);
    const uint32_t cwnd = status().cwnd;
    for (uint32_t i = 1; i <= MSS; i++)
        say("A", 1, 1 + i, 0);
    take(NULL);
    assert_int_equal(status().cwnd, cwnd + MSS);
}

/* RFC 5681 sections 3.1, 5: a timeout leaves one segment and half of what was in flight. */
static void a_timeout_leaves_one_segment(void **unused)
{
    (void)unused;
    up_with(RS_CC_NEWRENO);
    fill_send_queue(65536);
    take(NULL);
    to_deadline();
    unsigned segments = 0;
    take(&segments);
    assert_int_equal(segments, 1);
    assert_int_equal(status().cwnd, MSS);
    assert_int_equal(status().ssthresh, 5 * MSS);
    to_deadline(); /* a second one for the same loss: ssthresh stands */
    take(NULL);
    assert_int_equal(status().ssthresh, 5 * MSS);
}

/* Beyond ssthresh about one SMSS a window. */
static void congestion_avoidance_grows_by_one_segment_a_window(void **unused)
{
    (void)unused;
    up_with(RS_CC_NEWRENO);
    fill_send_queue(48 * 4096);
    take(NULL);
    to_deadline();
    take(NULL);
    uint32_t acked = 1 + 10 * MSS;
    say("A", 1, acked, 0);
    uint32_t end = take(NULL);
    while (status().cwnd < status().ssthresh + MSS) {
        say("A", 1, acked += MSS, 0);
        end = take(NULL);
        pass(10 * RS_MSEC);
    }
    for (int round = 0; round < 3; round++) {
        const uint32_t cwnd = status().cwnd;
        for (uint32_t octets = 0; octets < cwnd; octets += MSS) {
            say("A", 1, acked += MSS, 0);
            end = take(NULL);
        }
        assert_in_range(status().cwnd, cwnd + 1, cwnd + 2 * MSS);
    }
    assert_true(end > acked);
}

/* RFC 5681 section 3.2, RFC 3042: the third duplicate ACK has the lost segment sent again; the two
 * before it let new ones go. */
static void the_third_duplicate_ack_resends_what_is_missing(void **unused)
{
    (void)unused;
    for (int algorithm = RS_CC_NEWRENO; algorithm <= RS_CC_CUBIC; algorithm++) {
        up_with((enum rs_congestion)algorithm);
        fill_send_queue(65536);
        take(NULL);
        for (uint32_t i = 0; i < 2; i++) {
            say("A", 1, 1, 0);
            get("A", 1 + (10 + i) * MSS, 1, MSS);
            quiet();
        }
        say("A", 1, 1, 0);
        get("A", 1, 1, MSS);
        assert_true(status().ssthresh < 10 * MSS);
        assert_true(status().ssthresh >= 2 * MSS);
        take(NULL);
    }
}

/* RFC 6582 section 3.2: a partial ACK shows the next hole, which is filled at once. */
static void a_partial_ack_resends_the_next_missing_segment(void **unused)
{
    (void)unused;
    up_with(RS_CC_NEWRENO);
    fill_send_queue(65536);
    const uint32_t end = take(NULL);
    for (int i = 0; i < 3; i++) {
        say("A", 1, 1, 0);
        take(NULL);
    }
    say("A", 1, 1 + 3 * MSS, 0);
    get("A", 1 + 3 * MSS, 1, MSS);
    take(NULL);
    const uint32_t ssthresh = status().ssthresh;
    say("A", 1, 1 + 6 * MSS, 0);
    get("A", 1 + 6 * MSS, 1, MSS);
    assert_int_equal(status().ssthresh, ssthresh); /* once for one loss */
    take(NULL);
    say("A", 1, end + 2 * MSS, 0); /* all that was sent before the loss was met */
    take(NULL);
    assert_in_range(status().cwnd, MSS, ssthresh + MSS);
}

/* An ACK with text, a window update or an old ACK is no duplicate (RFC 5681 section 2). */
static void only_a_true_duplicate_counts(void **unused)
{
    (void)unused;
    up_with(RS_CC_NEWRENO);
    fill_send_queue(65536);
    const uint32_t end = take(NULL);
    for (uint32_t i = 0; i < 4; i++) {
        say("A", 1 + 10 * i, 1, 10);
        p.wnd = (uint16_t)(60000 + i);
        say("A", 41, 1, 0);
    }
    while (heard())
        assert_true(p.got.text_len == 0 || p.got.seq - p.host_iss >= end);
    assert_int_equal(status().total_retransmits, 0);
}

/* RFC 5681 section 4.1: after an RTO of idleness no burst larger than the initial window. */
static void after_idle_time_the_window_is_the_initial_one(void **unused)
{
    (void)unused;
    up_with(RS_CC_NEWRENO);
    fill_send_queue(8 * 4096);
    uint32_t acked = 1;
    while (acked < 1 + 8 * 4096) {
        take(NULL);
        acked = acked + MSS < 1 + 8 * 4096 ? acked + MSS : 1 + 8 * 4096;
        say("A", 1, acked, 0);
    }
    take(NULL);
    assert_true(status().cwnd > 20 * MSS);
    pass(60 * RS_SEC);
    fill_send_queue(16 * 4096);
    assert_int_equal(take(NULL) - acked, 10 * MSS);
}

/* The same: "has not sent data", whatever ACKs it sent for the peer's. */
static void acks_sent_meanwhile_do_not_end_the_idle_time(void **unused)
{
    uint32_t acked = 1;

    (void)unused;
    up_with(RS_CC_NEWRENO);
    fill_send_queue(8 * 4096);
    while (acked < 1 + 8 * 4096) {
        take(NULL);
        acked = acked + MSS < 1 + 8 * 4096 ? acked + MSS : 1 + 8 * 4096;
        say("A", 1, acked, 0);
    }
    take(NULL);
    assert_true(status().cwnd > 20 * MSS);
    for (uint32_t i = 0; i < 60; i++) {
        pass(RS_SEC);
        say("A", 1 + 10 * i, acked, 10);
        take(NULL);
    }
    fill_send_queue(16 * 4096);
    assert_int_equal(take(NULL) - acked, 10 * MSS);
}

/* RFC 5681 section 3.1: a SYN that was lost leaves an initial window of one segment. */
static void a_lost_syn_leaves_a_window_of_one_segment(void **unused)
{
    (void)unused;
    plain_up();
    active_open();
    get("S", 0, 0, 0);
    to_deadline();
    get("S", 0, 0, 0);
    say("SA", 0, 1, 0);
    get("A", 1, 1, 0);
    assert_int_equal(status().cwnd, MSS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_initial_window_is_ten_segments),
        cmocka_unit_test(slow_start_grows_by_what_is_acknowledged),
        cmocka_unit_test(an_ack_cut_in_pieces_grows_no_more_than_one),
        cmocka_unit_test(a_timeout_leaves_one_segment),
        cmocka_unit_test(congestion_avoidance_grows_by_one_segment_a_window),
        cmocka_unit_test(the_third_duplicate_ack_resends_what_is_missing),
        cmocka_unit_test(a_partial_ack_resends_the_next_missing_segment),
        cmocka_unit_test(only_a_true_duplicate_counts),
        cmocka_unit_test(after_idle_time_the_window_is_the_initial_one),
        cmocka_unit_test(acks_sent_meanwhile_do_not_end_the_idle_time),
        cmocka_unit_test(a_lost_syn_leaves_a_window_of_one_segment),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_down();
    return failed;
}
