/* Timers that are stopped or put off stay on the wheel: what that does to deadlines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "refstack/sim.h"

enum { CONNS = 100 };

static int conn[CONNS];

/* A hundred connections, on each of which an octet went and was acknowledged. */
static void all_quiet(struct sim *s)
{
    const struct rs_endpoint at = sim_at(SIM_B, 80);
    struct rs_config c;

    rs_config_default(&c);
    c.max_conns = CONNS + 1;
    c.backlog = CONNS;
    c.tcp.delayed_ack = 0;
    sim_open(s, &c);
    const int listener = rs_listen(s->host[SIM_B], &at, s->now);
    for (int i = 0; i < CONNS; i++) {
        const struct rs_endpoint from = { .addr = sim_at(SIM_A, 0).addr,
                                          .port = (uint16_t)(1000 + i) };
        s->now += 1000;
        conn[i] = rs_open_active(s->host[SIM_A], &from, &at, s->now);
        sim_settle(s);
        assert_true(rs_accept(s->host[SIM_B], listener, s->now) >= 0);
        assert_int_equal(rs_send(s->host[SIM_A], conn[i], "x", 1, RS_PUSH, s->now), 1);
        sim_settle(s);
    }
}

/* Each deadline may be early; there are not many more than connections, and none comes back. */
static void after_all_timers_were_stopped_no_deadline_is_left_for_long(void **unused)
{
    struct sim s = { .now = RS_SEC };
    uint8_t frame[2048];
    int asked = 0;

    (void)unused;
    all_quiet(&s);
    const unsigned before = s.frames[SIM_A] + s.frames[SIM_B];
    for (; rs_deadline(s.host[SIM_A]) != RS_NEVER; asked++) {
        assert_true(asked < CONNS);
        s.now = rs_deadline(s.host[SIM_A]) > s.now ? rs_deadline(s.host[SIM_A]) : s.now;
        assert_int_equal(rs_output(s.host[SIM_A], frame, sizeof frame, s.now), 0);
    }
    assert_int_equal(s.frames[SIM_A] + s.frames[SIM_B], before);
    sim_close(&s);
}

static bool lose_all(struct sim *s, int from, const struct tcp_seg *seg)
{
    (void)s;
    (void)from;
    (void)seg;
    return false;
}

/* All quiet, and then one octet that is lost. */
static void one_octet_lost(struct sim *s)
{
    *s = (struct sim){ .now = RS_SEC };
    all_quiet(s);
    s->tap = lose_all;
    s->now += 500 * RS_MSEC;
    assert_int_equal(rs_send(s->host[SIM_A], conn[50], "y", 1, RS_PUSH, s->now), 1);
    sim_settle(s);
}

/* It goes again at the same microsecond whether the owner goes from deadline to deadline or asks
 * for output at any time; not sooner than a probe may (RFC 8985 section 7.2) and not later than the
 * retransmission timer. */
static void one_timer_among_stopped_ones_fires_at_its_time(void **unused)
{
    uint8_t frame[2048];
    struct sim s;

    (void)unused;
    one_octet_lost(&s);
    rs_time at = s.now;
    while (rs_output(s.host[SIM_A], frame, sizeof frame, at) == 0) {
        const rs_time next = rs_deadline(s.host[SIM_A]);
        assert_true(next != RS_NEVER && (next > at || at == s.now));
        at = next;
    }
    assert_true(at > s.now && at - s.now <= RS_SEC);
    sim_close(&s);

    one_octet_lost(&s);
    for (rs_time t = s.now; t < at; t += 997)
        assert_int_equal(rs_output(s.host[SIM_A], frame, sizeof frame, t), 0);
    assert_int_equal(rs_output(s.host[SIM_A], frame, sizeof frame, at - 1), 0);
    assert_true(rs_deadline(s.host[SIM_A]) == at);
    assert_true(rs_output(s.host[SIM_A], frame, sizeof frame, at) > 0);
    sim_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_all_timers_were_stopped_no_deadline_is_left_for_long),
        cmocka_unit_test(one_timer_among_stopped_ones_fires_at_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
