/* What agreed options change: scaled windows (RFC 7323), SACK (RFC 2018), and what must hold with
 * and without them. */
#include "refstack/peer.h"

enum { MSS = 536 };

static void answer_syn_with(const uint8_t *opt, uint8_t n)
{
    active_open();
    get("S", 0, 0, 0);
    memcpy(p.opt, opt, p.opt_len = n);
    say("SA", 0, 1, 0);
    p.opt_len = 0;
    get("A", 1, 1, 0);
    state_is(RS_ESTABLISHED);
}

static void up_with_all(void)
{
    struct rs_config c;

    plain(&c);
    c.tcp.window_scale = c.tcp.sack = true;
    c.tcp.congestion = RS_CC_NEWRENO;
    c.tcp.rcv_buf = 256 * 1024;
    c.tcp.snd_buf = 64 * 1024;
    c.pages = 1024;
    peer_up(&c);
}

/* RFC 7323 section 2.2, 2.3: the field is shifted, but never that of a SYN. */
static void a_window_is_scaled_on_every_segment_but_a_syn(void **unused)
{
    static const uint8_t scale_3[] = { 1, 3, 3, 3 };

    (void)unused;
    up_with_all();
    p.wnd = 1000;
    answer_syn_with(scale_3, sizeof scale_3);
    assert_int_equal(status().snd_wnd, 1000);
    assert_int_equal(p.got.wnd << status().rcv_wscale, 256 * 1024);
    p.wnd = 2000;
    say("A", 1, 1, 0);
    assert_int_equal(status().snd_wnd, 16000);
    p.wnd = 65535;
    say("A", 1, 1, 0);
    assert_int_equal(status().snd_wnd, 65535 * 8);

    up_with_all();
    passive_open();
    memcpy(p.opt, scale_3, p.opt_len = sizeof scale_3);
    say("S", 0, 0, 0);
    p.opt_len = 0;
    get("SA", 0, 1, 0);
    assert_true(p.got_opts.has_wscale && p.got_opts.shift > 0);
    assert_int_equal(p.got.wnd, 65535);
}

static void a_scale_that_only_one_end_offers_is_not_used(void **unused)
{
    (void)unused;
    up_with_all();
    active_open();
    get("S", 0, 0, 0);
    assert_true(p.got_opts.has_wscale);
    p.wnd = 4000;
    say("SA", 0, 1, 0);
    get("A", 1, 1, 0);
    assert_false(status().wscale_on);
    assert_true(p.got.wnd > 60000);
    say("A", 1, 1, 0);
    assert_int_equal(status().snd_wnd, 4000);
}

/* CVE-2019-11479 in spirit: a peer may not have a segment made of every octet. */
static void a_tiny_mss_is_raised_to_the_floor(void **unused)
{
    static const uint8_t mss_1[] = { 2, 4, 0, 1 };

    (void)unused;
    up_with_all();
    p.wnd = 4000;
    answer_syn_with(mss_1, sizeof mss_1);
    assert_true(status().smss >= p.cfg.tcp.min_mss);
    user_sends(200);
    get("A", 1, 1, status().smss);
}

/* What a window probe carries is the next octet of the stream and no other. */
static void a_window_probe_carries_the_next_octet_of_the_stream(void **unused)
{
    (void)unused;
    plain_up();
    established();
    p.wnd = 0;
    say("A", 1, 1, 0);
    assert_int_equal(rs_send(p.host, p.conn, "QRS", 3, 0, p.now), 3);
    quiet();
    to_deadline();
    get("A", 1, 1, 1);
    assert_int_equal(p.got.text[0], 'Q');
}

/* RFC 7323 section 2.3: more than 14 counts as 14. */
static void a_scale_above_fourteen_is_fourteen(void **unused)
{
    static const uint8_t scale_20[] = { 1, 3, 3, 20 };

    (void)unused;
    up_with_all();
    answer_syn_with(scale_20, sizeof scale_20);
    assert_int_equal(status().snd_wscale, 14);
}

static void say_sack(uint32_t ack, uint32_t left, uint32_t right)
{
    struct wcur w = wcur_of(p.opt, sizeof p.opt);
    const struct tcp_option sack = {
        .kind = OPT_SACK,
        .typed = true,
        .u.sack = { .n = 1, .block = { { p.host_iss + left, p.host_iss + right } } },
    };

    opt_put(&w, &sack);
    wcur_u8(&w, OPT_NOP);
    wcur_u8(&w, OPT_NOP);
    p.opt_len = (uint8_t)(w.p - p.opt);
    say("A", 1, ack, 0);
    p.opt_len = 0;
}

static const uint8_t sack_permitted[] = { 4, 2, 1, 1 };

static void in_flight(unsigned segments)
{
    up_with_all();
    p.wnd = 60000;
    answer_syn_with(sack_permitted, sizeof sack_permitted);
    assert_true(status().sack_on);
    user_sends(segments * MSS);
    for (unsigned i = 0; i < segments; i++)
        get("A", 1 + i * MSS, 1, MSS);
    quiet();
}

/* RFC 2018 section 8: what was SACKed may be dropped again, so a timeout sends it all. */
static void text_sacked_and_then_dropped_by_the_peer_is_sent_again(void **unused)
{
    uint32_t acked = 1;

    (void)unused;
    in_flight(4);
    say_sack(1, 1 + 2 * MSS, 1 + 4 * MSS);
    while (heard())
        ;
    for (int i = 0; i < 20 && acked < 1 + 4 * MSS; i++) {
        to_deadline();
        while (heard())
            if (p.got.seq - p.host_iss == acked) /* the peer now takes text in order only */
                acked += p.got.text_len;
        say("A", 1, acked, 0);
        while (heard())
            if (p.got.seq - p.host_iss == acked)
                acked += p.got.text_len;
        say("A", 1, acked, 0);
    }
    assert_int_equal(acked, 1 + 4 * MSS);
}

/* Blocks of what was never sent, or that are upside down, or below the ACK, say nothing. */
static void sack_blocks_that_cannot_be_are_not_believed(void **unused)
{
    static const uint32_t block[][2] = {
        { 1 + 5 * MSS, 1 + 9 * MSS }, { 1 + 3 * MSS, 1 + 40 * MSS }, { 1 + 3 * MSS, 1 + 2 * MSS },
        { 0x80000000, 0x80000100 },   { 1 + 4 * MSS, 1 + 4 * MSS },  { 0u - 500, 1 },
    };

    (void)unused;
    in_flight(4);
    for (size_t i = 0; i < sizeof block / sizeof block[0]; i++)
        say_sack(1 + MSS, block[i][0], block[i][1]);
    assert_int_equal(status().total_retransmits, 0);
    quiet();
    say("A", 1, 1 + 4 * MSS, 0);
    quiet();
    assert_int_equal(status().snd_queued, 0);
}

/* RFC 6298 section 5: the timer runs for what is in flight, whatever comes the other way. */
static void text_from_the_peer_does_not_put_off_a_retransmission(void **unused)
{
    bool resent = false;
    uint32_t seq = 1;

    (void)unused;
    plain_up();
    established();
    user_sends(10);
    get("A", 1, 1, 10);
    const rs_time start = p.now;
    for (int i = 0; i < 12; i++) {
        pass(100 * RS_MSEC);
        say("A", seq, 1, 10); /* acknowledges nothing new */
        seq += 10;
        while (heard())
            resent |= p.got.text_len > 0;
        user_receives();
        assert_true(resent == (p.now - start >= RS_SEC));
    }
    assert_true(resent);
}

/* Karn, for what duplicate ACKs had sent again. */
static void a_fast_retransmission_gives_no_sample(void **unused)
{
    (void)unused;
    plain_up();
    established();
    const struct rs_status before = status();
    user_sends(2048);
    while (heard())
        ;
    for (int i = 0; i < 3; i++) {
        pass(RS_MSEC);
        say("A", 1, 1, 0);
    }
    get("A", 1, 1, MSS);
    while (heard())
        ;
    pass(500 * RS_MSEC);
    say("A", 1, 2049, 0);
    quiet();
    assert_true(status().srtt == before.srtt);
}

/* However often connections end with text and FIN acknowledged together, no page stays behind. */
static void pages_come_back_when_text_and_fin_are_acknowledged_at_once(void **unused)
{
    (void)unused;
    plain_up();
    for (unsigned i = 0; i < 3 * p.cfg.pages; i++) {
        established();
        user_sends(400);
        get("A", 1, 1, 400);
        rs_close(p.host, p.conn, p.now);
        get("FA", 401, 1, 0);
        say("A", 1, 402, 0);
        quiet();
        rs_abort(p.host, p.conn, p.now);
        while (heard())
            ;
        pass(RS_SEC);
    }
    established();
    user_sends(2048);
}

/* RFC 7323 section 2.4: what an ACK has said of the window holds, though a later field cannot say
 * it for the scale. */
static void what_was_offered_is_taken_though_the_scale_rounds_it_off(void **unused)
{
    static const uint8_t scale_0[] = { 1, 3, 3, 0 };
    struct rs_config c;

    (void)unused;
    plain(&c);
    c.tcp.window_scale = true;
    c.tcp.window_shift = 8;
    c.tcp.rcv_buf = 4096;
    peer_up(&c);
    answer_syn_with(scale_0, sizeof scale_0);
    assert_int_equal(p.got.wnd, 4096 >> 8);
    say("A", 1, 1, 100);
    get("A", 1, 101, 0);
    assert_int_equal(p.got.wnd, 3996 >> 8);
    for (uint32_t i = 0; i < 4; i++)
        say("A", 101 + i * 999, 1, 999);
    get("A", 1, 4097, 0);
    quiet();
}

/* A segment with that TSval, as many octets long. */
static void say_at(uint32_t tsval, uint32_t seq, uint32_t len)
{
    struct wcur w = wcur_of(p.opt, sizeof p.opt);

    wcur_u16(&w, OPT_NOP << 8 | OPT_NOP);
    wcur_u16(&w, OPT_TIMESTAMPS << 8 | 10);
    wcur_u32(&w, tsval);
    wcur_u32(&w, 0);
    p.opt_len = 12;
    say("A", seq, 1, len);
    p.opt_len = 0;
}

/* RFC 7323 section 5.5: after 24 days TS.Recent may be half the space away, and counts no more. */
static void a_timestamp_of_weeks_ago_refuses_nothing(void **unused)
{
    static const uint8_t ts[] = { 1, 1, OPT_TIMESTAMPS, 10, 0, 0, 0, 100, 0, 0, 0, 0 };
    static const rs_time day = 24 * 3600 * RS_SEC;

    (void)unused;
    for (int old = 0; old <= 1; old++) {
        struct rs_config c;
        plain(&c);
        c.tcp.timestamps = true;
        peer_up(&c);
        answer_syn_with(ts, sizeof ts);
        pass(old ? 25 * day : 23 * day);
        say_at(99, 1, 5);
        get("A", 1, old ? 6 : 1, 0);
        quiet();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_is_scaled_on_every_segment_but_a_syn),
        cmocka_unit_test(a_scale_that_only_one_end_offers_is_not_used),
        cmocka_unit_test(a_tiny_mss_is_raised_to_the_floor),
        cmocka_unit_test(a_window_probe_carries_the_next_octet_of_the_stream),
        cmocka_unit_test(a_scale_above_fourteen_is_fourteen),
        cmocka_unit_test(text_sacked_and_then_dropped_by_the_peer_is_sent_again),
        cmocka_unit_test(sack_blocks_that_cannot_be_are_not_believed),
        cmocka_unit_test(text_from_the_peer_does_not_put_off_a_retransmission),
        cmocka_unit_test(a_fast_retransmission_gives_no_sample),
        cmocka_unit_test(what_was_offered_is_taken_though_the_scale_rounds_it_off),
        cmocka_unit_test(a_timestamp_of_weeks_ago_refuses_nothing),
        cmocka_unit_test(pages_come_back_when_text_and_fin_are_acknowledged_at_once),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_down();
    return failed;
}
