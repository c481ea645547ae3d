/* How loss is found and repaired, against models of the RFCs' rules: RACK-TLP (RFC 8985), the
 * scoreboard of RFC 6675, and what NewReno does without SACK (RFC 6582, RFC 3042). */
#include "refstack/peer.h"
#include "refstack/test_rand.h"

enum { MSS = 1000 };
static const rs_time R = 100 * RS_MSEC; /* the round trip of most tests */

enum kind { NEWRENO, SACK_ONLY, RACK };

static void up(enum kind kind)
{
    static const uint8_t opt[] = { OPT_MSS, 4, MSS >> 8, MSS & 0xff, OPT_SACK_PERMITTED, 2, 1, 1 };
    struct rs_config c;

    plain(&c);
    c.tcp.sack = kind != NEWRENO;
    c.tcp.rack = kind == RACK;
    c.tcp.congestion = RS_CC_NEWRENO;
    c.tcp.snd_buf = 1 << 17;
    c.mtu = 1500;
    c.pages = 256;
    c.page_octets = 2048;
    peer_up(&c);
    p.wnd = 65535;
    active_open();
    get("S", 0, 0, 0);
    pass(R);
    memcpy(p.opt, opt, sizeof opt);
    p.opt_len = sizeof opt;
    say("SA", 0, 1, 0);
    p.opt_len = 0;
    get("A", 1, 1, 0);
    quiet();
}

/* Segments are counted from 0: the first octet of segment i. */
static uint32_t at(uint32_t i)
{
    return 1 + i * MSS;
}

static void send_segments(uint32_t n)
{
    while (n-- > 0)
        user_sends(MSS);
}

/* An ACK with blocks, each a pair of segments [left, right). */
static void say_sack(uint32_t ack, unsigned n, uint32_t (*block)[2])
{
    struct wcur w = wcur_of(p.opt, sizeof p.opt);

    wcur_u16(&w, OPT_NOP << 8 | OPT_NOP);
    wcur_u16(&w, (uint16_t)(OPT_SACK << 8 | (2 + 8 * n)));
    for (unsigned i = 0; i < n; i++) {
        wcur_u32(&w, p.host_iss + at(block[i][0]));
        wcur_u32(&w, p.host_iss + at(block[i][1]));
    }
    p.opt_len = (uint8_t)(4 + 8 * n);
    say("A", 1, at(ack), 0);
    p.opt_len = 0;
}

static void sack_one(uint32_t ack, uint32_t left, uint32_t right)
{
    uint32_t block[1][2] = { { left, right } };
    say_sack(ack, 1, block);
}

static void get_segment(uint32_t i)
{
    get("A", at(i), 1, MSS);
}

/* ---- RACK, RFC 8985 section 6 ---------------------------------------------------------------- */

/* Segments go out at random times, one of them is SACKed a round trip after it went.  Of those
 * before it, whoever is older than RACK.rtt + min_RTT / 4 is lost now; the timer for the others
 * runs as long as the latest of them needs. */
static void what_was_sent_earlier_is_lost_a_quarter_of_a_round_trip_late(void **unused)
{
    struct rnd rnd = { 8985 };

    (void)unused;
    for (int trial = 0; trial < 200; trial++) {
        rs_time sent[8];
        const uint32_t n = 2 + rnd_below(&rnd, 7);
        const uint32_t k = 1 + rnd_below(&rnd, n - 1);
        up(RACK);
        for (uint32_t i = 0; i < n; i++) {
            pass(rnd_below(&rnd, (uint32_t)R / 8));
            sent[i] = p.now;
            send_segments(1);
            get_segment(i);
        }
        p.now = sent[k] + R;
        sack_one(0, k, k + 1);
        if (sent[0] + R + R / 4 > p.now) {
            quiet();
            to_deadline();
            assert_int_equal(p.now, sent[k - 1] + R + R / 4);
        }
        get_segment(0);
    }
}

/* Section 6.2 step 4: DupThresh segments SACKed, and no reordering ever seen. */
static void three_segments_sacked_leave_no_time_for_reordering(void **unused)
{
    (void)unused;
    up(RACK);
    send_segments(5);
    for (uint32_t i = 0; i < 5; i++)
        get_segment(i);
    pass(R);
    sack_one(0, 1, 3);
    quiet();
    sack_one(0, 1, 4);
    get_segment(0);
    quiet();
}

/* Where segments have overtaken each other, three SACKed prove nothing. */
static void reordering_once_seen_keeps_its_window(void **unused)
{
    (void)unused;
    up(RACK);
    send_segments(2);
    get_segment(0);
    get_segment(1);
    pass(R);
    sack_one(0, 1, 2);
    say("A", 1, at(2), 0); /* the first was only late */
    quiet();
    send_segments(6);
    for (uint32_t i = 2; i < 8; i++)
        get_segment(i);
    pass(R);
    sack_one(2, 3, 7);
    quiet();
    assert_int_equal(to_deadline(), R / 4);
    get_segment(2);
}

/* One flight: the second of two segments is SACKed; returns how long until the first is lost. */
static rs_time window_of_a_flight(uint32_t i)
{
    send_segments(2);
    get_segment(i);
    get_segment(i + 1);
    pass(R);
    sack_one(i, i + 1, i + 2);
    quiet();
    const rs_time waited = to_deadline();
    get_segment(i);
    quiet();
    return waited;
}

/* Each round with a DSACK adds min_RTT / 4, up to SRTT; after sixteen recoveries without one it is
 * a quarter again. */
static void each_dsack_widens_the_reordering_window(void **unused)
{
    uint32_t i = 0;

    (void)unused;
    up(RACK);
    for (rs_time mult = 1; mult <= 6; mult++, i += 2) {
        const rs_time srtt = status().srtt;
        assert_int_equal(window_of_a_flight(i), mult * R / 4 < srtt ? mult * R / 4 : srtt);
        pass(R);
        sack_one(i + 2, i, i + 1); /* the copy came too: the first was only late */
        quiet();
    }
    for (int n = 0; n < 16; n++, i += 2) {
        assert_true(window_of_a_flight(i) > R / 2);
        pass(R);
        say("A", 1, at(i + 2), 0);
        quiet();
    }
    assert_int_equal(window_of_a_flight(i), R / 4);
}

/* ---- Tail loss probe, section 7 -------------------------------------------------------------- */

static void the_probe_goes_after_two_round_trips_and_the_delay_of_an_ack(void **unused)
{
    (void)unused;
    up(RACK);
    send_segments(1);
    get_segment(0);
    assert_int_equal(to_deadline(), 2 * R + 250 * RS_MSEC);
    get_segment(0);
    quiet();
    up(RACK);
    send_segments(3);
    for (uint32_t i = 0; i < 3; i++)
        get_segment(i);
    assert_int_equal(to_deadline(), 2 * R + 2 * RS_MSEC);
    get_segment(2);
    quiet();
}

/* Section 7.2: new text starts the time anew; it is the tail now. */
static void the_time_of_the_probe_counts_from_the_latest_segment(void **unused)
{
    (void)unused;
    up(RACK);
    send_segments(2);
    get_segment(0);
    get_segment(1);
    pass(R);
    send_segments(1);
    get_segment(2);
    assert_int_equal(to_deadline(), 2 * R + 2 * RS_MSEC);
    get_segment(2);
    quiet();
}

/* Section 7.3: text that waits for cwnd is a better probe than text sent before. */
static void the_probe_is_new_text_where_there_is_some(void **unused)
{
    (void)unused;
    up(RACK);
    send_segments(15);
    for (uint32_t i = 0; i < 10; i++)
        get_segment(i);
    quiet();
    to_deadline();
    get_segment(10);
    quiet();
    assert_int_equal(status().total_retransmits, 0);
    const uint32_t cwnd = status().cwnd;
    say("A", 1, at(11), 0);
    assert_true(status().cwnd >= cwnd);
}

static void after_one_probe_the_retransmission_timeout_is_in_charge(void **unused)
{
    (void)unused;
    up(RACK);
    send_segments(2);
    get_segment(0);
    get_segment(1);
    to_deadline();
    get_segment(1);
    const rs_time rto = status().rto;
    assert_int_equal(to_deadline(), rto);
    get_segment(0);
    assert_int_equal(status().retransmits, 1);
}

/* Takes the tail of two segments, the probe and the ACK of both. */
static void probed_and_acknowledged(void)
{
    up(RACK);
    send_segments(2);
    get_segment(0);
    get_segment(1);
    to_deadline();
    get_segment(1);
    pass(R);
    say("A", 1, at(2), 0);
    quiet();
}

/* Section 7.4.2: nobody says that both copies arrived, so one was lost. */
static void a_loss_that_the_probe_repaired_is_a_sign_of_congestion(void **unused)
{
    (void)unused;
    probed_and_acknowledged();
    const uint32_t cwnd = status().cwnd;
    send_segments(1);
    get_segment(2);
    pass(R);
    say("A", 1, at(3), 0);
    assert_true(status().ssthresh < UINT32_MAX);
    assert_true(status().cwnd < cwnd);
    quiet();
}

static void a_probe_that_was_needless_costs_nothing(void **unused)
{
    (void)unused;
    for (int dsack = 0; dsack <= 1; dsack++) {
        probed_and_acknowledged();
        if (dsack)
            sack_one(2, 1, 2);
        else
            say("A", 1, at(2), 0);
        const uint32_t cwnd = status().cwnd;
        send_segments(1);
        get_segment(2);
        pass(R);
        say("A", 1, at(3), 0);
        assert_true(status().cwnd >= cwnd);
        assert_int_equal(status().ssthresh, UINT32_MAX);
        quiet();
    }
}

/* ---- RFC 6675 -------------------------------------------------------------------------------- */

enum { FLIGHT = 10 }; /* the initial window */

/* IsLost: DupThresh runs above it are SACKed, or more than DupThresh - 1 segments. */
static bool is_lost(const bool *sacked, int i)
{
    int runs = 0, segments = 0;

    for (int j = i + 1; j < FLIGHT; j++) {
        segments += sacked[j];
        runs += sacked[j] && !sacked[j - 1];
    }
    return !sacked[i] && (runs >= 3 || segments > 2);
}

/* What is sent after one ACK with that scoreboard: first the first of what is lost, then, while the
 * pipe has room in half of what was in flight, NextSeg's rules 1 and 2. */
static void next_segments_are_those_of_the_model(const bool *sacked)
{
    bool lost[FLIGHT];
    int pipe = 0, losses = 0;
    const int cwnd = FLIGHT / 2;

    for (int i = 0; i < FLIGHT; i++) {
        lost[i] = is_lost(sacked, i);
        losses += lost[i];
        pipe += !sacked[i] && !lost[i];
    }
    bool first = true;
    for (int i = 0; i < FLIGHT && losses; i++) {
        if (!lost[i] || (!first && pipe >= cwnd))
            continue;
        get_segment((uint32_t)i);
        first = false;
        pipe++;
    }
    /* Without a loss what was SACKed has left the pipe, and cwnd is as it was. */
    for (uint32_t fresh = FLIGHT; pipe < (losses ? cwnd : FLIGHT); pipe++)
        get_segment(fresh++);
    quiet();
}

/* Every scoreboard of ten segments that three blocks can tell and the first of which is missing. */
static void the_pipe_and_the_next_segment_are_those_of_rfc_6675(void **unused)
{
    (void)unused;
    for (unsigned map = 2; map < 1u << FLIGHT; map += 2) {
        bool sacked[FLIGHT];
        uint32_t block[FLIGHT][2];
        unsigned n = 0;
        for (uint32_t i = 0; i < FLIGHT; i++) {
            sacked[i] = map >> i & 1;
            if (!sacked[i])
                continue;
            if (!sacked[i - 1])
                block[n++][0] = i;
            block[n - 1][1] = i + 1;
        }
        if (n > 3)
            continue;
        up(SACK_ONLY);
        send_segments(40);
        for (uint32_t i = 0; i < FLIGHT; i++)
            get_segment(i);
        quiet();
        pass(R);
        say_sack(0, n, block);
        next_segments_are_those_of_the_model(sacked);
    }
}

/* ---- Without SACK ---------------------------------------------------------------------------- */

/* RFC 6582 section 3.2 step 3: each partial ACK deflates cwnd, but never below a segment. */
static void partial_acks_of_a_few_octets_leave_cwnd_a_segment(void **unused)
{
    (void)unused;
    up(NEWRENO);
    send_segments(10);
    for (uint32_t i = 0; i < 10; i++)
        get_segment(i);
    for (int i = 0; i < 3; i++)
        say("A", 1, 1, 0);
    get_segment(0);
    for (uint32_t n = 1; n <= 90; n++) {
        say("A", 1, 1 + n * 100, 0);
        while (heard())
            continue;
        assert_true(status().cwnd >= MSS);
    }
    assert_int_equal(status().cwnd, MSS);
}

/* RFC 3042: a new segment for each of the first two duplicates, cwnd as it was. */
static void the_first_two_duplicates_let_a_new_segment_each_go(void **unused)
{
    (void)unused;
    up(NEWRENO);
    send_segments(20);
    for (uint32_t i = 0; i < 10; i++)
        get_segment(i);
    quiet();
    for (uint32_t i = 0; i < 2; i++) {
        say("A", 1, 1, 0);
        assert_int_equal(status().cwnd, 10 * MSS);
        get_segment(10 + i);
        quiet();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            what_was_sent_earlier_is_lost_a_quarter_of_a_round_trip_late),
        cmocka_unit_test(three_segments_sacked_leave_no_time_for_reordering),
        cmocka_unit_test(reordering_once_seen_keeps_its_window),
        cmocka_unit_test(each_dsack_widens_the_reordering_window),
        cmocka_unit_test(the_probe_goes_after_two_round_trips_and_the_delay_of_an_ack),
        cmocka_unit_test(the_time_of_the_probe_counts_from_the_latest_segment),
        cmocka_unit_test(the_probe_is_new_text_where_there_is_some),
        cmocka_unit_test(after_one_probe_the_retransmission_timeout_is_in_charge),
        cmocka_unit_test(a_loss_that_the_probe_repaired_is_a_sign_of_congestion),
        cmocka_unit_test(a_probe_that_was_needless_costs_nothing),
        cmocka_unit_test(the_pipe_and_the_next_segment_are_those_of_rfc_6675),
        cmocka_unit_test(partial_acks_of_a_few_octets_leave_cwnd_a_segment),
        cmocka_unit_test(the_first_two_duplicates_let_a_new_segment_each_go),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_down();
    return failed;
}
