/* Whole connections between two hosts: opening, transfer, closing, loss. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "refstack/sim.h"

struct pair {
    struct sim sim;
    int a, b; /* handles at each end */
};

static enum rs_state state_of(struct pair *p, int side)
{
    struct rs_status s;
    const int conn = side == SIM_A ? p->a : p->b;
    return rs_status(p->sim.host[side], conn, &s) < 0 ? RS_CLOSED : s.state;
}

static void open_pair(struct pair *p, const struct rs_config *config)
{
    const struct rs_endpoint any = { .port = 0 };
    const struct rs_endpoint server = sim_at(SIM_B, 7);

    *p = (struct pair){ .sim = { .now = 1000 } };
    sim_open(&p->sim, config);
    p->b = rs_open_passive(p->sim.host[SIM_B], &server, NULL, p->sim.now);
    assert_true(p->b >= 0);
    p->a = rs_open_active(p->sim.host[SIM_A], &any, &server, p->sim.now);
    assert_true(p->a >= 0);
    sim_settle(&p->sim);
}

static void a_handshake_establishes_both_ends(void **unused)
{
    struct pair p;
    struct rs_config c;

    (void)unused;
    rs_config_default(&c);
    open_pair(&p, &c);
    assert_int_equal(state_of(&p, SIM_A), RS_ESTABLISHED);
    assert_int_equal(state_of(&p, SIM_B), RS_ESTABLISHED);
    sim_close(&p.sim);
}

/* Moves `total` octets of a pattern from a to b, with whatever the tap does to them. */
static void transfer(struct pair *p, size_t total)
{
    uint8_t buf[4096];
    size_t sent = 0;
    size_t got = 0;
    const rs_time limit = p->sim.now + 3600 * RS_SEC;

    while (got < total && p->sim.now < limit) {
        const size_t want = total - sent < sizeof buf ? total - sent : sizeof buf;
        for (size_t i = 0; i < want; i++)
            buf[i] = (uint8_t)((sent + i) * 31 + (sent + i) / 251);
        const int n = want ? rs_send(p->sim.host[SIM_A], p->a, buf, want, 0, p->sim.now) : 0;
        if (n > 0)
            sent += (size_t)n;
        sim_settle(&p->sim);
        const int m = rs_receive(p->sim.host[SIM_B], p->b, buf, sizeof buf, p->sim.now);
        for (int i = 0; i < m; i++)
            assert_int_equal(buf[i], (uint8_t)((got + (size_t)i) * 31 + (got + (size_t)i) / 251));
        if (m > 0)
            got += (size_t)m;
        if (n <= 0 && m <= 0) {
            const rs_time a = rs_deadline(p->sim.host[SIM_A]);
            const rs_time b = rs_deadline(p->sim.host[SIM_B]);
            assert_true(a != RS_NEVER || b != RS_NEVER);
            p->sim.now = a < b ? a : b;
        }
    }
    assert_int_equal(got, total);
}

static void a_megabyte_arrives_as_it_was_sent(void **unused)
{
    struct pair p;
    struct rs_config c;

    (void)unused;
    rs_config_default(&c);
    open_pair(&p, &c);
    transfer(&p, 1 << 20);
    sim_close(&p.sim);
}

static bool lose_every_thirteenth(struct sim *s, int from, const struct tcp_seg *seg)
{
    unsigned *count = s->arg;
    (void)from;
    (void)seg;
    return ++*count % 13 != 0;
}

static void a_megabyte_arrives_through_loss(void **unused)
{
    struct pair p;
    struct rs_config c;
    unsigned count = 0;

    (void)unused;
    rs_config_default(&c);
    open_pair(&p, &c);
    p.sim.tap = lose_every_thirteenth;
    p.sim.arg = &count;
    transfer(&p, 1 << 20);
    sim_close(&p.sim);
}

/* Loses one frame in eight, by a generator of its own. */
static bool lose_at_random(struct sim *s, int from, const struct tcp_seg *seg)
{
    uint64_t *x = s->arg;
    (void)from;
    (void)seg;
    *x = *x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*x >> 33) % 8 != 0;
}

static void every_kind_of_recovery_delivers_through_random_loss(void **unused)
{
    (void)unused;
    for (unsigned kind = 0; kind < 32; kind++) {
        struct pair p;
        struct rs_config c;
        uint64_t random = kind + 1;

        rs_config_default(&c);
        c.tcp.sack = kind & 1;
        c.tcp.rack = kind & 2;
        c.tcp.timestamps = kind & 4;
        c.tcp.congestion = kind & 8 ? RS_CC_CUBIC : RS_CC_NEWRENO;
        c.tcp.ecn = kind & 16;
        /* Without timestamps RTO stays backed off from loss to loss (Karn): R2 would be luck. */
        c.tcp.r2 = 3600 * RS_SEC;
        open_pair(&p, &c);
        p.sim.tap = lose_at_random;
        p.sim.arg = &random;
        transfer(&p, 300000);
        sim_close(&p.sim);
    }
}

static void a_four_segment_close_ends_in_time_wait_and_closed(void **unused)
{
    struct pair p;
    struct rs_config c;
    uint8_t octet;

    (void)unused;
    rs_config_default(&c);
    open_pair(&p, &c);
    assert_int_equal(rs_close(p.sim.host[SIM_A], p.a, p.sim.now), 0);
    sim_settle(&p.sim);
    assert_int_equal(state_of(&p, SIM_A), RS_FIN_WAIT_2);
    assert_int_equal(state_of(&p, SIM_B), RS_CLOSE_WAIT);
    assert_int_equal(rs_receive(p.sim.host[SIM_B], p.b, &octet, 1, p.sim.now), 0);
    assert_int_equal(rs_send(p.sim.host[SIM_B], p.b, "x", 1, 0, p.sim.now), 1);
    sim_settle(&p.sim);
    assert_int_equal(rs_receive(p.sim.host[SIM_A], p.a, &octet, 1, p.sim.now), 1);
    assert_int_equal(rs_close(p.sim.host[SIM_B], p.b, p.sim.now), 0);
    sim_settle(&p.sim);
    assert_int_equal(state_of(&p, SIM_A), RS_TIME_WAIT);
    assert_int_equal(state_of(&p, SIM_B), RS_CLOSED);
    const rs_time start = p.sim.now;
    sim_run(&p.sim, start + 240 * RS_SEC - 1);
    assert_int_equal(state_of(&p, SIM_A), RS_TIME_WAIT);
    sim_run(&p.sim, start + 240 * RS_SEC);
    assert_int_equal(state_of(&p, SIM_A), RS_CLOSED);
    sim_close(&p.sim);
}

static void a_simultaneous_close_passes_through_closing(void **unused)
{
    struct pair p;
    struct rs_config c;

    (void)unused;
    rs_config_default(&c);
    open_pair(&p, &c);
    rs_close(p.sim.host[SIM_A], p.a, p.sim.now);
    rs_close(p.sim.host[SIM_B], p.b, p.sim.now);
    /* Both FINs are on the wire before either is taken. */
    uint8_t from_a[2048];
    uint8_t from_b[2048];
    const size_t n = rs_output(p.sim.host[SIM_A], from_a, sizeof from_a, p.sim.now);
    const size_t m = rs_output(p.sim.host[SIM_B], from_b, sizeof from_b, p.sim.now);
    rs_input(p.sim.host[SIM_B], from_a, n, p.sim.now);
    rs_input(p.sim.host[SIM_A], from_b, m, p.sim.now);
    assert_int_equal(state_of(&p, SIM_A), RS_CLOSING);
    assert_int_equal(state_of(&p, SIM_B), RS_CLOSING);
    sim_settle(&p.sim);
    assert_int_equal(state_of(&p, SIM_A), RS_TIME_WAIT);
    assert_int_equal(state_of(&p, SIM_B), RS_TIME_WAIT);
    sim_close(&p.sim);
}

static void a_simultaneous_open_establishes_both_ends(void **unused)
{
    struct pair p = { .sim = { .now = 1000 } };
    struct rs_config c;
    const struct rs_endpoint ea = sim_at(SIM_A, 1111);
    const struct rs_endpoint eb = sim_at(SIM_B, 2222);
    uint8_t from_a[2048];
    uint8_t from_b[2048];

    (void)unused;
    rs_config_default(&c);
    c.link = RS_LINK_IP;
    sim_open(&p.sim, &c);
    p.a = rs_open_active(p.sim.host[SIM_A], &ea, &eb, p.sim.now);
    p.b = rs_open_active(p.sim.host[SIM_B], &eb, &ea, p.sim.now);
    const size_t n = rs_output(p.sim.host[SIM_A], from_a, sizeof from_a, p.sim.now);
    const size_t m = rs_output(p.sim.host[SIM_B], from_b, sizeof from_b, p.sim.now);
    rs_input(p.sim.host[SIM_B], from_a, n, p.sim.now);
    rs_input(p.sim.host[SIM_A], from_b, m, p.sim.now);
    assert_int_equal(state_of(&p, SIM_A), RS_SYN_RECEIVED);
    assert_int_equal(state_of(&p, SIM_B), RS_SYN_RECEIVED);
    sim_settle(&p.sim);
    assert_int_equal(state_of(&p, SIM_A), RS_ESTABLISHED);
    assert_int_equal(state_of(&p, SIM_B), RS_ESTABLISHED);
    assert_true(p.sim.frames[SIM_A] < 4);
    sim_close(&p.sim);
}

static void a_closed_window_is_probed_and_reopens(void **unused)
{
    struct pair p;
    struct rs_config c;
    static uint8_t big[300000];
    size_t got = 0;
    int n;

    (void)unused;
    rs_config_default(&c);
    c.tcp.rcv_buf = 10000;
    open_pair(&p, &c);
    assert_int_equal(rs_send(p.sim.host[SIM_A], p.a, big, 100000, 0, p.sim.now), 100000);
    const rs_time start = p.sim.now;
    sim_run(&p.sim, start + 3600 * RS_SEC);
    assert_int_equal(state_of(&p, SIM_A), RS_ESTABLISHED);
    struct rs_status s;
    rs_status(p.sim.host[SIM_B], p.b, &s);
    assert_int_equal(s.rcv_queued, 10000);
    while (got < 100000) {
        while ((n = rs_receive(p.sim.host[SIM_B], p.b, big, sizeof big, p.sim.now)) > 0)
            got += (size_t)n;
        sim_run(&p.sim, p.sim.now + RS_SEC);
        assert_true(p.sim.now < start + 4000 * RS_SEC);
    }
    sim_close(&p.sim);
}

static void an_unreachable_peer_ends_the_open_after_r2(void **unused)
{
    struct pair p = { .sim = { .now = 1000 } };
    struct rs_config c;
    struct rs_status s;
    const struct rs_endpoint any = { .port = 0 };
    const struct rs_endpoint nobody = { .addr = rs_ip4(192, 0, 2, 99), .port = 9 };

    (void)unused;
    rs_config_default(&c);
    sim_open(&p.sim, &c);
    p.a = rs_open_active(p.sim.host[SIM_A], &any, &nobody, p.sim.now);
    sim_run(&p.sim, 179 * RS_SEC);
    assert_int_equal(state_of(&p, SIM_A), RS_SYN_SENT);
    sim_run(&p.sim, 181 * RS_SEC);
    assert_int_equal(rs_status(p.sim.host[SIM_A], p.a, &s), 0);
    assert_int_equal(s.state, RS_CLOSED);
    assert_int_equal(s.error, RS_ETIMEOUT);
    sim_close(&p.sim);
}

static void a_closed_port_refuses(void **unused)
{
    struct pair p = { .sim = { .now = 1000 } };
    struct rs_config c;
    struct rs_status s;
    const struct rs_endpoint any = { .port = 0 };
    const struct rs_endpoint closed = sim_at(SIM_B, 9);

    (void)unused;
    rs_config_default(&c);
    sim_open(&p.sim, &c);
    p.a = rs_open_active(p.sim.host[SIM_A], &any, &closed, p.sim.now);
    sim_settle(&p.sim);
    rs_status(p.sim.host[SIM_A], p.a, &s);
    assert_int_equal(s.state, RS_CLOSED);
    assert_int_equal(s.error, RS_EREFUSED);
    sim_close(&p.sim);
}

static void an_aborted_connection_resets_the_peer(void **unused)
{
    struct pair p;
    struct rs_config c;
    struct rs_status s;

    (void)unused;
    rs_config_default(&c);
    open_pair(&p, &c);
    assert_int_equal(rs_abort(p.sim.host[SIM_A], p.a, p.sim.now), 0);
    sim_settle(&p.sim);
    rs_status(p.sim.host[SIM_B], p.b, &s);
    assert_int_equal(s.state, RS_CLOSED);
    assert_int_equal(s.error, RS_ERESET);
    assert_int_equal(rs_status(p.sim.host[SIM_A], p.a, &s), RS_ENOCONN);
    sim_close(&p.sim);
}

static void a_small_host_fits_sixteen_kibibytes(void **unused)
{
    struct rs_config c;

    (void)unused;
    rs_config_small(&c);
    printf("small host: %zu octets\n", rs_host_size(&c));
    assert_true(rs_host_size(&c) <= 16 * 1024);
}

/* U-57 with both ends real: one forgets everything in the midst and opens anew. */
static void two_hosts_recover_when_one_forgets_the_connection(void **unused)
{
    struct rs_config c;
    struct sim s = { .now = RS_SEC };
    struct rs_status st;
    const struct rs_endpoint ea = sim_at(SIM_A, 1111);
    const struct rs_endpoint eb = sim_at(SIM_B, 7);

    (void)unused;
    rs_config_default(&c);
    sim_open(&s, &c);
    const int l = rs_listen(s.host[SIM_B], &eb, s.now);
    rs_open_active(s.host[SIM_A], &ea, &eb, s.now);
    sim_settle(&s);
    const int b = rs_accept(s.host[SIM_B], l, s.now);
    assert_true(b >= 0);
    s.now += 10 * RS_SEC;
    rs_reset(s.host[SIM_A], s.now); /* the crash */
    const int a = rs_open_active(s.host[SIM_A], &ea, &eb, s.now);
    sim_run(&s, s.now + 10 * RS_SEC);
    assert_int_equal(rs_status(s.host[SIM_B], b, &st), 0);
    assert_int_equal(st.state, RS_CLOSED);
    assert_int_equal(st.error, RS_ERESET);
    assert_int_equal(rs_status(s.host[SIM_A], a, &st), 0);
    assert_int_equal(st.state, RS_ESTABLISHED);
    assert_true(rs_accept(s.host[SIM_B], l, s.now) >= 0);
    sim_close(&s);
}

/* U-59: whatever both do at once, silence follows. */
static void two_hosts_that_open_and_close_at_once_fall_silent(void **unused)
{
    struct rs_config c;
    struct sim s = { .now = RS_SEC };
    const struct rs_endpoint ea = sim_at(SIM_A, 1111);
    const struct rs_endpoint eb = sim_at(SIM_B, 7);
    int conn[2];

    (void)unused;
    rs_config_default(&c);
    sim_open(&s, &c);
    conn[0] = rs_open_active(s.host[SIM_A], &ea, &eb, s.now);
    conn[1] = rs_open_active(s.host[SIM_B], &eb, &ea, s.now);
    for (int i = 0; i < 2; i++) {
        rs_send(s.host[i], conn[i], "hello", 5, RS_PUSH, s.now);
        /* Closed before the handshake is over where that is possible. */
        sim_settle(&s);
        rs_close(s.host[i], conn[i], s.now);
    }
    sim_settle(&s);
    assert_true(s.frames[0] + s.frames[1] < 20);
    sim_run(&s, s.now + 3600 * RS_SEC);
    assert_true(s.frames[0] + s.frames[1] < 24);
    assert_true(rs_deadline(s.host[0]) == RS_NEVER && rs_deadline(s.host[1]) == RS_NEVER);
    sim_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handshake_establishes_both_ends),
        cmocka_unit_test(a_megabyte_arrives_as_it_was_sent),
        cmocka_unit_test(a_megabyte_arrives_through_loss),
        cmocka_unit_test(every_kind_of_recovery_delivers_through_random_loss),
        cmocka_unit_test(a_four_segment_close_ends_in_time_wait_and_closed),
        cmocka_unit_test(a_simultaneous_close_passes_through_closing),
        cmocka_unit_test(a_simultaneous_open_establishes_both_ends),
        cmocka_unit_test(a_closed_window_is_probed_and_reopens),
        cmocka_unit_test(an_unreachable_peer_ends_the_open_after_r2),
        cmocka_unit_test(a_closed_port_refuses),
        cmocka_unit_test(an_aborted_connection_resets_the_peer),
        cmocka_unit_test(a_small_host_fits_sixteen_kibibytes),
        cmocka_unit_test(two_hosts_recover_when_one_forgets_the_connection),
        cmocka_unit_test(two_hosts_that_open_and_close_at_once_fall_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
