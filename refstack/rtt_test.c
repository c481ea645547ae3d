/* Round-trip time and the retransmission timeout against RFC 6298's formulas in double. */
#include <math.h>

#include "refstack/peer.h"
#include "refstack/test_rand.h"

static void up(bool timestamps, rs_time rto_min)
{
    struct rs_config c;

    plain(&c);
    c.tcp.timestamps = timestamps;
    c.tcp.rto_min = rto_min;
    c.tcp.r2 = 100000 * RS_SEC;
    peer_up(&c);
}

/* The timestamp option that the peer sends: its own clock stands, the host's is given. */
static void echo(uint32_t ts_ecr)
{
    struct wcur w = wcur_of(p.opt, sizeof p.opt);

    wcur_u16(&w, OPT_NOP << 8 | OPT_NOP);
    wcur_u16(&w, OPT_TIMESTAMPS << 8 | 10);
    wcur_u32(&w, 1);
    wcur_u32(&w, ts_ecr);
    p.opt_len = 12;
}

/* The handshake takes no time, so that the first sample is one of the test's. */
static void up_with_timestamps(void)
{
    up(true, 1);
    active_open();
    get("S", 0, 0, 0);
    pass(RS_SEC / 2);
    echo(p.got_opts.ts_val);
    say("SA", 0, 1, 0);
    get("A", 1, 1, 0);
}

/* Section 2: the model, in microseconds. */
struct model {
    double srtt, rttvar;
    bool any;
};

static double model_rto(struct model *m, double r)
{
    if (!m->any) {
        *m = (struct model){ .srtt = r, .rttvar = r / 2, .any = true };
    } else {
        m->rttvar = 0.75 * m->rttvar + 0.25 * fabs(m->srtt - r);
        m->srtt = 0.875 * m->srtt + 0.125 * r;
    }
    return fmin(m->srtt + fmax(1, 4 * m->rttvar), 60e6);
}

/* Integers lose less than one microsecond a step, so eight of SRTT and four of RTTVAR at most. */
static void srtt_rttvar_and_rto_are_those_of_the_formulas(void **unused)
{
    struct rnd rnd = { 6298 };
    struct model m = { .any = false };
    uint32_t at = 1;

    (void)unused;
    up(false, 1);
    active_open();
    get("S", 0, 0, 0);
    say("SA", 0, 1, 0);
    get("A", 1, 1, 0);
    m = (struct model){ .any = true }; /* of a round trip of 0 */
    for (int i = 0; i < 3000; i++) {
        /* From a microsecond to two minutes, each size as likely as any other. */
        const rs_time r = 1 + rnd_next(&rnd) % (UINT64_C(1) << rnd_below(&rnd, 27));
        user_sends(1);
        get("A", at, 1, 1);
        pass(r);
        say("A", 1, ++at, 0);
        quiet();
        const double rto = model_rto(&m, (double)r);
        const struct rs_status s = status();
        assert_true(fabs((double)s.srtt - m.srtt) <= 8);
        assert_true(fabs((double)s.rttvar - m.rttvar) <= 8);
        assert_true(fabs((double)s.rto - rto) <= 40);
    }
}

/* Sections 2.4 and 2.5. */
static void the_rto_stays_between_its_bounds(void **unused)
{
    (void)unused;
    up(false, RS_SEC);
    established();
    assert_int_equal(status().rto, RS_SEC);
    user_sends(1);
    get("A", 1, 1, 1);
    pass(59 * RS_SEC);
    say("A", 1, 2, 0);
    assert_int_equal(status().rto, 60 * RS_SEC);
    quiet();
}

/* Two hours are more than 32 bits of microseconds hold. */
static void a_round_trip_of_hours_counts_as_the_longest_there_is(void **unused)
{
    (void)unused;
    up(false, RS_SEC);
    established();
    for (uint32_t at = 1; at <= 60; at++) {
        user_sends(1);
        get("A", at, 1, 1);
        pass(7200 * RS_SEC);
        say("A", 1, at + 1, 0);
        assert_int_equal(status().rto, 60 * RS_SEC);
        quiet();
    }
    assert_in_range(status().srtt, UINT32_MAX / 100 * 99, UINT32_MAX);
}

/* Section 2.3 with G: a path that never varies still leaves a clock tick of margin. */
static void a_steady_path_leaves_a_tick_of_margin(void **unused)
{
    (void)unused;
    up(false, 1);
    established();
    for (uint32_t i = 1; i < 200; i++) {
        user_sends(1);
        get("A", i, 1, 1);
        pass(800);
        say("A", 1, i + 1, 0);
    }
    const struct rs_status s = status();
    assert_in_range(s.srtt, 792, 800);
    assert_in_range(s.rto, s.srtt + 1, s.srtt + 40);
    quiet();
}

/* Section 3 needs no more than one sample a round trip: the first segment's is taken. */
static void one_segment_of_a_flight_is_timed(void **unused)
{
    (void)unused;
    up(false, RS_SEC);
    established();
    user_sends(100);
    get("A", 1, 1, 100);
    pass(30 * RS_MSEC);
    user_sends(100);
    get("A", 101, 1, 100);
    pass(50 * RS_MSEC);
    say("A", 1, 201, 0);
    assert_int_equal(status().srtt, 80 * RS_MSEC / 8); /* after the handshake's 0 */
    quiet();
}

/* Section 5.5 and Karn: the timeout stays doubled until there is a sample of a segment sent once.
 * */
static void a_backed_off_timeout_lasts_until_the_next_sample(void **unused)
{
    (void)unused;
    up(false, RS_SEC);
    established();
    user_sends(1);
    get("A", 1, 1, 1);
    to_deadline();
    get("A", 1, 1, 1);
    say("A", 1, 2, 0);
    assert_int_equal(status().rto, 2 * RS_SEC);
    user_sends(1);
    get("A", 2, 1, 1);
    pass(RS_MSEC);
    say("A", 1, 3, 0);
    assert_int_equal(status().rto, RS_SEC);
    quiet();
}

/* RFC 7323 section 4: the timestamp echoed says which of two transmissions arrived. */
static void an_echoed_timestamp_gives_a_sample_after_a_retransmission(void **unused)
{
    (void)unused;
    up_with_timestamps();
    user_sends(1);
    get("A", 1, 1, 1);
    to_deadline();
    get("A", 1, 1, 1);
    const struct rs_status before = status();
    echo(p.got_opts.ts_val);
    pass(40 * RS_MSEC);
    say("A", 1, 2, 0);
    const struct rs_status s = status();
    assert_in_range(s.srtt, before.srtt * 7 / 8 + 39 * RS_MSEC / 8,
                    before.srtt * 7 / 8 + 41 * RS_MSEC / 8);
    assert_true(s.rto < before.rto);
    quiet();
}

static void an_echo_of_no_time_of_ours_gives_none(void **unused)
{
    (void)unused;
    for (int future = 0; future <= 1; future++) {
        up_with_timestamps();
        user_sends(1);
        get("A", 1, 1, 1);
        to_deadline();
        get("A", 1, 1, 1);
        const struct rs_status before = status();
        pass(40 * RS_MSEC);
        echo(future ? p.got_opts.ts_val + 1000 : 0);
        say("A", 1, 2, 0);
        assert_int_equal(status().srtt, before.srtt);
        assert_int_equal(status().rto, before.rto);
        quiet();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(srtt_rttvar_and_rto_are_those_of_the_formulas),
        cmocka_unit_test(the_rto_stays_between_its_bounds),
        cmocka_unit_test(a_round_trip_of_hours_counts_as_the_longest_there_is),
        cmocka_unit_test(a_steady_path_leaves_a_tick_of_margin),
        cmocka_unit_test(one_segment_of_a_flight_is_timed),
        cmocka_unit_test(a_backed_off_timeout_lasts_until_the_next_sample),
        cmocka_unit_test(an_echoed_timestamp_gives_a_sample_after_a_retransmission),
        cmocka_unit_test(an_echo_of_no_time_of_ours_gives_none),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_down();
    return failed;
}
