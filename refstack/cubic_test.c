/* CUBIC against RFC 9438's own formulas, computed in double beside the stack: what STATUS says of
 * cwnd follows the model ACK for ACK, in each region, after each kind of congestion. */
#include <math.h>

#include "refstack/peer.h"

enum { MSS = 1000 };
static const double C = 0.4, BETA = 0.7;

/* ---- The sender and its path ---------------------------------------------------------------- */

static struct path {
    rs_time rtt;
    uint32_t acked; /* by the peer, */
    uint32_t end;   /* of what the host has sent */
} path;

static void keep_queue_full(void)
{
    static uint8_t text[1 << 16];

    while (rs_send(p.host, p.conn, text, sizeof text, 0, p.now) > 0)
        continue;
}

static void take(void)
{
    while (heard()) {
        const uint32_t e = p.got.seq - p.host_iss + p.got.text_len;
        path.end = e > path.end ? e : path.end;
    }
}

/* A peer with a window of 16 MB, which never is what limits, on a path without loss. */
static void up_over(rs_time rtt)
{
    static const uint8_t opt[] = { OPT_MSS, 4, MSS >> 8, MSS & 0xff, OPT_NOP, OPT_WSCALE, 3, 8 };
    struct rs_config c;

    plain(&c);
    c.tcp.congestion = RS_CC_CUBIC;
    c.tcp.window_scale = true;
    c.tcp.snd_buf = 1 << 20;
    c.tcp.rto_min = 100 * RS_SEC; /* no timeout but where a test wants one */
    c.tcp.rto_max = 1000 * RS_SEC;
    c.tcp.r2 = 100000 * RS_SEC;
    c.mtu = 1500;
    c.pages = 2048;
    c.page_octets = 2048;
    peer_up(&c);
    p.wnd = 65535;
    active_open();
    get("S", 0, 0, 0);
    pass(rtt);
    memcpy(p.opt, opt, sizeof opt);
    p.opt_len = sizeof opt;
    say("SA", 0, 1, 0);
    p.opt_len = 0;
    get("A", 1, 1, 0);
    path = (struct path){ .rtt = rtt, .acked = 1, .end = 1 };
    say("A", 1, 1, 0); /* the window, scaled now */
    keep_queue_full();
    take();
}

static void ack_one(void)
{
    path.acked = path.end - path.acked > MSS ? path.acked + MSS : path.end;
    say("A", 1, path.acked, 0);
    keep_queue_full();
    take();
}

/* Slow start up to that many segments. */
static void slow_start_to(uint32_t segments)
{
    while (status().cwnd < segments * MSS) {
        pass(path.rtt);
        for (const uint32_t end = path.end; path.acked < end && status().cwnd < segments * MSS;)
            ack_one();
    }
}

/* Three duplicate ACKs, the retransmission, an ACK of all of before the loss; and slow start from
 * there to ssthresh. */
static void loss(void)
{
    const uint32_t before = path.end;

    pass(path.rtt);
    for (int i = 0; i < 3; i++)
        say("A", 1, path.acked, 0);
    take();
    pass(path.rtt);
    path.acked = before;
    say("A", 1, path.acked, 0);
    keep_queue_full();
    take();
}

static void up_to_ssthresh(void)
{
    while (status().cwnd < status().ssthresh) {
        pass(path.rtt);
        for (const uint32_t end = path.end;
             path.acked < end && status().cwnd < status().ssthresh;)
            ack_one();
    }
    pass(path.rtt);
}

/* ---- The model, in segments and seconds -------------------------------------------------- */

static struct model {
    double cwnd, w_max, w_est, cwnd_prior, k, epoch;
} m;

static double seconds(rs_time t)
{
    return (double)t / (double)RS_SEC;
}

/* RFC 9438 section 4.2: the stage begins with the ACK about to come. */
static void model_epoch(double w_max, double cwnd_prior)
{
    m.cwnd = m.w_est = (double)status().cwnd / MSS;
    m.w_max = w_max > m.cwnd ? w_max : m.cwnd;
    m.cwnd_prior = cwnd_prior;
    m.k = cbrt((m.w_max - m.cwnd) / C);
    m.epoch = seconds(p.now);
}

/* Sections 4.2 to 4.5 for the ACK of one segment. */
static void model_ack(void)
{
    const double alpha = m.w_est < m.cwnd_prior ? 3 * (1 - BETA) / (1 + BETA) : 1;
    const double t = seconds(p.now) - m.epoch + seconds(status().srtt);
    const double cubic = C * pow(t - m.k, 3) + m.w_max;
    const double target = fmin(fmax(cubic, m.cwnd), 1.5 * m.cwnd);

    m.w_est += alpha / m.cwnd;
    m.cwnd = fmax(m.cwnd + (target - m.cwnd) / m.cwnd, m.w_est);
}

/* Windows of data until the model's time is up, each ACK compared. */
static void follows_the_model_for(double s)
{
    while (seconds(p.now) < m.epoch + s) {
        for (const uint32_t end = path.end; path.acked < end;) {
            model_ack();
            ack_one();
            const double cwnd = (double)status().cwnd / MSS;
            if (fabs(cwnd - m.cwnd) > 0.25 + 0.005 * m.cwnd) {
                print_error("%.3f s into the stage, K %.3f s: cwnd %.2f segments, by the model "
                            "%.2f (W_max %.2f, W_est %.2f)\n", seconds(p.now) - m.epoch, m.k, cwnd,
                            m.cwnd, m.w_max, m.w_est);
                fail();
            }
        }
        pass(path.rtt);
    }
}

/* ---- Tests -------------------------------------------------------------------------------- */

/* Section 4.6. */
static void loss_leaves_seven_tenths_of_the_flight(void **unused)
{
    (void)unused;
    up_over(50 * RS_MSEC);
    slow_start_to(60);
    const uint32_t flight = status().snd_nxt - status().snd_una;
    loss();
    assert_int_equal(status().ssthresh, flight * 7 / 10);
}

static void ssthresh_is_two_segments_at_least(void **unused)
{
    (void)unused;
    up_over(50 * RS_MSEC);
    slow_start_to(12);
    for (int i = 0; i < 8; i++)
        loss();
    assert_int_equal(status().ssthresh, 2 * MSS);
}

/* Sections 4.4 and 4.5: concave up to W_max at K, convex beyond. */
static void growth_is_the_cubic_of_the_time_since_the_loss(void **unused)
{
    (void)unused;
    up_over(200 * RS_MSEC);
    slow_start_to(200);
    const double before = (double)status().cwnd / MSS;
    loss();
    up_to_ssthresh();
    model_epoch(before, before);
    assert_true(m.k > 4);
    follows_the_model_for(m.k);
    assert_true(fabs(m.cwnd - before) < 0.02 * before);
    follows_the_model_for(2 * m.k);
    assert_true(m.cwnd > 1.2 * before);
    assert_true(m.cwnd > m.w_est + 1);
}

/* Section 4.3: on a short path CUBIC is no slower than Reno. */
static void on_a_short_path_growth_is_that_of_reno(void **unused)
{
    (void)unused;
    up_over(2 * RS_MSEC);
    slow_start_to(80);
    const double before = (double)status().cwnd / MSS;
    loss();
    up_to_ssthresh();
    model_epoch(before, before);
    follows_the_model_for(m.k / 2);
    assert_true(m.w_est > before); /* alpha was both of its values */
    assert_true(m.cwnd == m.w_est);
}

/* The same with a window of which an ACK of one segment is so small a part that W_est grows by less
 * than an octet for each. */
static void what_is_less_than_an_octet_an_ack_is_not_lost(void **unused)
{
    (void)unused;
    up_over(RS_MSEC / 2);
    slow_start_to(900);
    const double before = (double)status().cwnd / MSS;
    loss();
    up_to_ssthresh();
    model_epoch(before, before);
    follows_the_model_for(0.02);
    assert_true(m.cwnd == m.w_est);
}

/* Section 4.7: who has less than before the last loss leaves room for others. */
static void a_second_loss_lower_down_converges_fast(void **unused)
{
    (void)unused;
    up_over(100 * RS_MSEC);
    slow_start_to(200);
    loss();
    up_to_ssthresh();
    const double before = (double)status().cwnd / MSS;
    loss();
    up_to_ssthresh();
    model_epoch(before * (1 + BETA) / 2, before);
    follows_the_model_for(2 * m.k);
}

/* Section 4.8: K is 0 and W_max the window that the stage begins with. */
static void after_a_timeout_the_stage_begins_at_its_plateau(void **unused)
{
    (void)unused;
    up_over(100 * RS_MSEC);
    slow_start_to(200);
    const double before = (double)status().cwnd / MSS;
    to_deadline();
    take();
    assert_int_equal(status().cwnd, MSS);
    pass(path.rtt);
    path.acked = path.end;
    say("A", 1, path.acked, 0);
    keep_queue_full();
    take();
    up_to_ssthresh();
    model_epoch(0, before);
    assert_true(m.k == 0);
    follows_the_model_for(6);
}

/* Sections 4.2 and 5.8: the clock of the cubic stands still while the sender does not use cwnd. */
static void time_in_which_little_is_sent_does_not_count(void **unused)
{
    (void)unused;
    up_over(100 * RS_MSEC);
    slow_start_to(200);
    const double before = (double)status().cwnd / MSS;
    loss();
    up_to_ssthresh();
    model_epoch(before, before);
    follows_the_model_for(1);
    p.wnd = 0; /* what is queued goes no further: */
    while (path.acked < path.end) {
        model_ack();
        ack_one();
    }
    const uint32_t cwnd = status().cwnd;
    const rs_time stopped = p.now;
    for (int i = 0; i < 10; i++) { /* two segments a second, for ten seconds */
        pass(RS_SEC);
        p.wnd = 8;
        say("A", 1, path.acked, 0);
        take();
        p.wnd = 0;
        while (path.acked < path.end)
            ack_one();
        assert_int_equal(status().cwnd, cwnd);
    }
    pass(20 * RS_SEC);
    p.wnd = 65535;
    say("A", 1, path.acked, 0);
    take();
    m.cwnd = (double)status().cwnd / MSS;
    m.epoch += seconds(p.now - stopped);
    pass(path.rtt);
    follows_the_model_for(2);
}

/* W_cubic is never more than half a window ahead, so a stage may last as long as it likes. */
static void a_stage_of_minutes_grows_by_half_a_window_a_round_at_most(void **unused)
{
    (void)unused;
    up_over(20 * RS_SEC);
    slow_start_to(12);
    loss();
    up_to_ssthresh();
    for (int round = 0; round < 8; round++) {
        const uint32_t cwnd = status().cwnd;
        for (const uint32_t end = path.end; path.acked < end;)
            ack_one();
        assert_in_range(status().cwnd, cwnd, cwnd + cwnd * 2 / 3);
        pass(path.rtt);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_leaves_seven_tenths_of_the_flight),
        cmocka_unit_test(ssthresh_is_two_segments_at_least),
        cmocka_unit_test(growth_is_the_cubic_of_the_time_since_the_loss),
        cmocka_unit_test(on_a_short_path_growth_is_that_of_reno),
        cmocka_unit_test(what_is_less_than_an_octet_an_ack_is_not_lost),
        cmocka_unit_test(a_second_loss_lower_down_converges_fast),
        cmocka_unit_test(after_a_timeout_the_stage_begins_at_its_plateau),
        cmocka_unit_test(time_in_which_little_is_sent_does_not_count),
        cmocka_unit_test(a_stage_of_minutes_grows_by_half_a_window_a_round_at_most),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_down();
    return failed;
}
