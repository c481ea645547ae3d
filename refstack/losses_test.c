/* What must be taken for a new loss, and what must not: duplicates and SACK blocks beside a
 * recovery or timeout already paid for (RFC 6582 section 3.2, RFC 6675 section 5, RFC 2883). */
#include "refstack/peer.h"

enum { MSS = 1000, FLIGHT = 10 };

/* FLIGHT segments are out, numbered from 0, and 40 more wait. */
static void up(bool sack, uint16_t wnd)
{
    static const uint8_t opt[] = { OPT_MSS, 4, MSS >> 8, MSS & 0xff, OPT_SACK_PERMITTED, 2, 1, 1 };
    struct rs_config c;

    plain(&c);
    c.tcp.sack = sack;
    c.tcp.rack = false;
    c.tcp.congestion = RS_CC_NEWRENO;
    c.tcp.snd_buf = 1 << 17;
    c.mtu = 1500;
    c.pages = 256;
    c.page_octets = 2048;
    peer_up(&c);
    p.wnd = wnd;
    active_open();
    get("S", 0, 0, 0);
    memcpy(p.opt, opt, sizeof opt);
    p.opt_len = sizeof opt;
    say("SA", 0, 1, 0);
    p.opt_len = 0;
    get("A", 1, 1, 0);
    quiet();
}

static uint32_t at(uint32_t i)
{
    return 1 + i * MSS;
}

static void flight_out(void)
{
    for (int i = 0; i < 50; i++)
        user_sends(MSS);
    for (uint32_t i = 0; i < FLIGHT; i++)
        get("A", at(i), 1, MSS);
    quiet();
    pass(100 * RS_MSEC);
}

/* An ACK with blocks, each a pair of numbers [left, right). */
static void say_sack(uint32_t ack, unsigned n, uint32_t (*block)[2])
{
    struct wcur w = wcur_of(p.opt, sizeof p.opt);

    wcur_u16(&w, OPT_NOP << 8 | OPT_NOP);
    wcur_u16(&w, (uint16_t)(OPT_SACK << 8 | (2 + 8 * n)));
    for (unsigned i = 0; i < n; i++) {
        wcur_u32(&w, p.host_iss + block[i][0]);
        wcur_u32(&w, p.host_iss + block[i][1]);
    }
    p.opt_len = (uint8_t)(4 + 8 * n);
    say("A", 1, ack, 0);
    p.opt_len = 0;
}

static void hush(void)
{
    while (heard())
        continue;
}

/* RFC 3042 section 2: only while the advertised window allows it. */
static void limited_transmit_heeds_the_window(void **unused)
{
    (void)unused;
    up(false, FLIGHT * MSS);
    flight_out();
    say("A", 1, 1, 0);
    quiet();
    say("A", 1, 1, 0);
    quiet();
    say("A", 1, 1, 0);
    get("A", 1, 1, MSS);
    quiet();
}

/* RFC 6582 section 3.2 step 2 and 4: what was sent before a timeout makes duplicates of what is
 * sent again after it. */
static void duplicates_of_before_a_timeout_start_no_recovery(void **unused)
{
    (void)unused;
    up(false, 65535);
    flight_out();
    to_deadline();
    get("A", 1, 1, MSS);
    quiet();
    const uint32_t cwnd = status().cwnd;
    const uint32_t ssthresh = status().ssthresh;
    for (int i = 0; i < 6; i++)
        say("A", 1, 1, 0);
    hush();
    assert_int_equal(status().cwnd, cwnd);
    assert_int_equal(status().ssthresh, ssthresh);
    /* Past RECOVER a loss is a new one. */
    say("A", 1, at(FLIGHT + 2), 0);
    hush();
    const uint32_t end = status().snd_nxt - p.host_iss;
    assert_true(end > at(FLIGHT + 2));
    for (int i = 0; i < 3; i++)
        say("A", 1, at(FLIGHT + 2), 0);
    get("A", at(FLIGHT + 2), 1, MSS);
}

/* RFC 5681 section 3.2 steps 4 and 6: during recovery each duplicate lets one more go, and when it
 * ends cwnd is ssthresh. */
static void cwnd_is_inflated_by_duplicates_and_deflated_at_the_end(void **unused)
{
    (void)unused;
    up(false, 65535);
    flight_out();
    say("A", 1, 1, 0);
    get("A", at(10), 1, MSS);
    say("A", 1, 1, 0);
    get("A", at(11), 1, MSS);
    say("A", 1, 1, 0);
    get("A", 1, 1, MSS);
    quiet();
    assert_int_equal(status().cwnd, 5 * MSS + 3 * MSS);
    for (uint32_t i = 1; i <= 6; i++) {
        say("A", 1, 1, 0);
        assert_int_equal(status().cwnd, (8 + i) * MSS);
        if (i > 4) /* twelve are out */
            get("A", at(7 + i), 1, MSS);
        quiet();
    }
    say("A", 1, at(14), 0);
    hush();
    assert_true(status().cwnd <= 5 * MSS);
}

/* RFC 6675 section 5 step 4.1: one cut for a flight, however many holes are found in it. */
static void a_second_hole_of_one_flight_costs_nothing_more(void **unused)
{
    uint32_t first[1][2] = { { at(1), at(5) } };
    uint32_t second[1][2] = { { at(6), at(10) } };

    (void)unused;
    up(true, 65535);
    flight_out();
    say_sack(1, 1, first);
    get("A", 1, 1, MSS);
    hush();
    const uint32_t ssthresh = status().ssthresh;
    assert_int_equal(ssthresh, FLIGHT * MSS / 2);
    say_sack(at(5), 1, second);
    get("A", at(5), 1, MSS);
    hush();
    assert_int_equal(status().ssthresh, ssthresh);
    assert_int_equal(status().cwnd, ssthresh);
}

/* RFC 6675 section 4, IsLost: DupThresh discontiguous runs, though their octets are few. */
static void three_runs_of_small_segments_tell_of_a_loss(void **unused)
{
    uint32_t blocks[3][2] = { { 11, 21 }, { 31, 41 }, { 51, 61 } };

    (void)unused;
    up(true, 65535);
    for (uint32_t i = 0; i < 6; i++) {
        user_sends(10);
        get("A", 1 + 10 * i, 1, 10);
    }
    pass(100 * RS_MSEC);
    say_sack(1, 1, blocks);
    quiet();
    say_sack(1, 2, blocks);
    quiet();
    say_sack(1, 3, blocks);
    get("A", 1, 1, 10);
    hush();
}

/* RFC 2883 section 4: a block that begins below the ACK reports a duplicate, and says nothing of
 * what lies above. */
static void a_block_that_begins_below_the_ack_marks_nothing(void **unused)
{
    uint32_t block[1][2] = { { at(1), at(9) } };

    (void)unused;
    up(true, 65535);
    flight_out();
    say_sack(at(2), 1, block);
    /* Slow start: two that left the pipe and one that cwnd grew by. */
    for (uint32_t i = 0; i < 3; i++)
        get("A", at(FLIGHT + i), 1, MSS);
    quiet();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limited_transmit_heeds_the_window),
        cmocka_unit_test(duplicates_of_before_a_timeout_start_no_recovery),
        cmocka_unit_test(cwnd_is_inflated_by_duplicates_and_deflated_at_the_end),
        cmocka_unit_test(a_second_hole_of_one_flight_costs_nothing_more),
        cmocka_unit_test(three_runs_of_small_segments_tell_of_a_loss),
        cmocka_unit_test(a_block_that_begins_below_the_ack_marks_nothing),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_down();
    return failed;
}
