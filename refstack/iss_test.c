/* Initial sequence numbers (RFC 9293 section 3.4.1, RFC 6528), timestamp offsets and ports
 * (RFC 6056), as SYNs show them. */
#include "refstack/peer.h"

struct syn {
    uint16_t port;
    uint32_t iss, ts_val;
};

/* The SYN of an OPEN at that time, from a host with that seed; port 0: an ephemeral one. */
static struct syn syn_of(uint64_t seed, rs_time now, uint16_t local_port, uint16_t remote_port)
{
    struct rs_config c;
    const struct rs_endpoint local = { .port = local_port };
    const struct rs_endpoint remote = { .addr = rs_ip4(192, 0, 2, 2), .port = remote_port };

    plain(&c);
    c.seed = seed;
    c.tcp.timestamps = true;
    peer_up(&c);
    p.now = now;
    rs_reset(p.host, now);
    p.conn = rs_open_active(p.host, &local, &remote, now);
    assert_true(p.conn >= 0);
    assert_true(heard());
    assert_int_equal(p.got.flags, TCP_SYN);
    return (struct syn){ p.got.src_port, p.got.seq, p.got_opts.ts_val };
}

/* MUST-8. */
static void the_clock_ticks_every_four_microseconds(void **unused)
{
    const uint32_t base = syn_of(1, RS_SEC, 1000, 80).iss;

    (void)unused;
    assert_int_equal(syn_of(1, RS_SEC + 3, 1000, 80).iss, base);
    assert_int_equal(syn_of(1, RS_SEC + 4, 1000, 80).iss, base + 1);
    assert_int_equal(syn_of(1, RS_SEC + 4 * RS_SEC, 1000, 80).iss, base + 1000000);
    assert_int_equal(syn_of(1, RS_SEC + (UINT64_C(4) << 32), 1000, 80).iss, base);
}

/* MUST-9, SHLD-1: each connection's numbers are a space of their own, by a secret key. */
static void the_numbers_of_one_connection_tell_nothing_of_another(void **unused)
{
    const uint32_t base = syn_of(1, RS_SEC, 1000, 80).iss;
    const uint32_t next[] = { syn_of(1, RS_SEC, 1001, 80).iss, syn_of(1, RS_SEC, 1000, 81).iss,
                              syn_of(2, RS_SEC, 1000, 80).iss };

    (void)unused;
    for (size_t i = 0; i < sizeof next / sizeof next[0]; i++)
        assert_true(next[i] - base > 1000 && base - next[i] > 1000);
}

/* The secret is not used up bit by bit: neighbours differ everywhere. */
static void every_bit_of_the_numbers_varies(void **unused)
{
    uint32_t ones[3][32] = { { 0 } };

    (void)unused;
    for (uint16_t i = 0; i < 400; i++) {
        const struct syn s = syn_of(1, RS_SEC, 0, (uint16_t)(i + 1));
        for (int bit = 0; bit < 32; bit++) {
            ones[0][bit] += s.iss >> bit & 1;
            ones[1][bit] += s.ts_val >> bit & 1;
            ones[2][bit] += (uint32_t)s.port >> bit & 1;
        }
    }
    for (int bit = 0; bit < 32; bit++) {
        assert_in_range(ones[0][bit], 140, 260);
        assert_in_range(ones[1][bit], 140, 260);
        if (bit < 16)
            assert_in_range(ones[2][bit], 140, 280); /* none is below 1024 */
    }
}

static void ports_are_spread_over_the_whole_range_and_none_is_reserved(void **unused)
{
    uint16_t low = 65535, high = 0;

    (void)unused;
    for (uint16_t i = 0; i < 1000; i++) {
        const uint16_t port = syn_of(3, RS_SEC + i, 0, 80).port;
        assert_true(port >= 1024);
        low = port < low ? port : low;
        high = port > high ? port : high;
    }
    assert_true(low < 2000 && high > 64500);
}

/* A port that a listener or connection holds is not given out again to the same remote socket. */
static void a_port_in_use_is_not_drawn(void **unused)
{
    struct rs_config c;
    const struct rs_endpoint any = { .port = 0 };
    const struct rs_endpoint remote = the_peer();
    uint16_t port[20];

    (void)unused;
    plain(&c);
    c.max_conns = 20;
    peer_up(&c);
    for (size_t i = 0; i < 20; i++) {
        struct rs_status s;
        const int conn = rs_open_active(p.host, &any, &remote, p.now);
        assert_int_equal(rs_status(p.host, conn, &s), 0);
        port[i] = s.local.port;
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(port[k], port[i]);
    }
    assert_int_equal(rs_open_active(p.host, &any, &remote, p.now), RS_ENORES);
}

/* RFC 7323 section 5.4. */
static void timestamps_begin_anywhere_and_tick_by_the_millisecond(void **unused)
{
    const uint32_t base = syn_of(1, RS_SEC, 1000, 80).ts_val;

    (void)unused;
    assert_int_equal(syn_of(1, RS_SEC + 7 * RS_MSEC, 1000, 80).ts_val, base + 7);
    assert_int_not_equal(syn_of(1, RS_SEC, 1000, 81).ts_val, base);
    assert_int_not_equal(base, RS_SEC / RS_MSEC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_clock_ticks_every_four_microseconds),
        cmocka_unit_test(the_numbers_of_one_connection_tell_nothing_of_another),
        cmocka_unit_test(every_bit_of_the_numbers_varies),
        cmocka_unit_test(ports_are_spread_over_the_whole_range_and_none_is_reserved),
        cmocka_unit_test(a_port_in_use_is_not_drawn),
        cmocka_unit_test(timestamps_begin_anywhere_and_tick_by_the_millisecond),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_down();
    return failed;
}
