/* The host as a whole: the same calls give the same octets; reset is a fresh start; every number is
 * as good as another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "refstack/seq.h"
#include "refstack/sim.h"
#include "refstack/test_rand.h"

/* Everything both hosts sent, as one row of octets. */
struct tape {
    uint8_t octet[1 << 20];
    size_t len;
};

struct run {
    struct sim sim;
    int a, b;
    struct rnd rnd;
    struct tape *tape;
};

static bool lossy(struct sim *s, int from, const struct tcp_seg *seg)
{
    struct run *r = s->arg;

    (void)from;
    (void)seg;
    return rnd_below(&r->rnd, 10) != 0;
}

/* As sim_settle, and every frame goes on the tape. */
static void settle(struct run *r)
{
    static uint8_t frame[2048];
    bool moved = true;

    while (moved) {
        moved = false;
        for (int i = 0; i < 2; i++) {
            size_t n;
            while ((n = rs_output(r->sim.host[i], frame, sizeof frame, r->sim.now)) > 0) {
                moved = true;
                assert_true(r->tape->len + n <= sizeof r->tape->octet);
                memcpy(r->tape->octet + r->tape->len, frame, n);
                r->tape->len += n;
                if (sim_pass(&r->sim, i, frame, n))
                    rs_input(r->sim.host[1 - i], frame, n, r->sim.now);
            }
        }
    }
}

/* Opens, talks both ways through losses, closes; every call made depends on the generator alone. */
static void session(struct run *r, uint64_t seed)
{
    const struct rs_endpoint server = sim_at(SIM_B, 7);
    const struct rs_endpoint any = { .port = 0 };
    static uint8_t buf[3000];

    r->rnd.s = seed;
    r->sim.tap = lossy;
    r->sim.arg = r;
    r->tape->len = 0;
    r->b = rs_open_passive(r->sim.host[SIM_B], &server, NULL, r->sim.now);
    r->a = rs_open_active(r->sim.host[SIM_A], &any, &server, r->sim.now);
    for (int i = 0; i < 200; i++) {
        const int side = (int)rnd_below(&r->rnd, 2);
        const int conn = side == SIM_A ? r->a : r->b;
        if (rnd_below(&r->rnd, 2))
            rs_send(r->sim.host[side], conn, buf, rnd_below(&r->rnd, sizeof buf), 0, r->sim.now);
        else
            rs_receive(r->sim.host[side], conn, buf, sizeof buf, r->sim.now);
        settle(r);
        r->sim.now += rnd_below(&r->rnd, 300) * RS_MSEC;
    }
    rs_close(r->sim.host[SIM_A], r->a, r->sim.now);
    rs_close(r->sim.host[SIM_B], r->b, r->sim.now);
    for (int i = 0; i < 600; i++) {
        r->sim.now += RS_SEC;
        settle(r);
    }
}

static struct tape first, second;

static void start(struct run *r, struct tape *tape, bool small)
{
    struct rs_config c;

    small ? rs_config_small(&c) : rs_config_default(&c);
    *r = (struct run){ .sim = { .now = 5 * RS_SEC }, .tape = tape };
    sim_open(&r->sim, &c);
}

static void the_same_calls_give_the_same_octets(void **unused)
{
    struct run r;

    (void)unused;
    for (int small = 0; small < 2; small++) {
        start(&r, &first, small);
        session(&r, 42);
        sim_close(&r.sim);
        start(&r, &second, small);
        session(&r, 42);
        sim_close(&r.sim);
        assert_true(first.len > 10000);
        assert_int_equal(first.len, second.len);
        assert_memory_equal(first.octet, second.octet, first.len);
    }
}

static void another_seed_gives_other_numbers(void **unused)
{
    struct run r;
    struct rs_config c;

    (void)unused;
    start(&r, &first, false);
    session(&r, 42);
    sim_close(&r.sim);
    rs_config_default(&c);
    c.seed = 99;
    r = (struct run){ .sim = { .now = 5 * RS_SEC }, .tape = &second };
    sim_open(&r.sim, &c);
    session(&r, 42);
    sim_close(&r.sim);
    assert_true(first.len != second.len ||
                memcmp(first.octet, second.octet, first.len) != 0);
}

/* After any amount of traffic, and in the midst of it. */
static void a_reset_host_is_as_a_fresh_one(void **unused)
{
    struct run r;

    (void)unused;
    start(&r, &first, false);
    session(&r, 42);
    sim_close(&r.sim);
    start(&r, &second, false);
    session(&r, 7);
    r.a = rs_open_active(r.sim.host[SIM_A], &(struct rs_endpoint){ .port = 0 },
                         &(struct rs_endpoint){ .addr = rs_ip4(192, 0, 2, 2), .port = 9 },
                         r.sim.now);
    r.sim.now = 5 * RS_SEC;
    for (int i = 0; i < 2; i++)
        rs_reset(r.sim.host[i], r.sim.now);
    session(&r, 42);
    sim_close(&r.sim);
    assert_int_equal(first.len, second.len);
    assert_memory_equal(first.octet, second.octet, first.len);
}

static void everything_taken_is_given_back(void **unused)
{
    struct run r;

    (void)unused;
    start(&r, &first, true);
    session(&r, 11);
    for (int i = 0; i < 2; i++) {
        rs_release(r.sim.host[i], i == SIM_A ? r.a : r.b, r.sim.now);
        settle(&r);
    }
    r.sim.now += 3600 * RS_SEC;
    settle(&r);
    /* As many connections as the host holds can be opened again, and none is left. */
    for (int i = 0; i < 6; i++) {
        const struct rs_endpoint local = { .port = (uint16_t)(100 + i) };
        assert_true(rs_listen(r.sim.host[SIM_A], &local, r.sim.now) >= 0);
    }
    assert_int_equal(rs_listen(r.sim.host[SIM_A], &(struct rs_endpoint){ .port = 200 }, r.sim.now),
                     RS_ENORES);
    sim_close(&r.sim);
}

/* ---- U-60: shifting the numbers --------------------------------------------------------- */

/* What a run looks like without its absolute numbers. */
struct shape {
    struct {
        int from;
        uint16_t flags;
        uint32_t seq, ack, len;
    } seg[2000];
    uint32_t n;
    uint32_t iss[2];
    struct rnd rnd;
};

static bool note(struct sim *s, int from, const struct tcp_seg *seg)
{
    struct shape *h = s->arg;
    const uint32_t i = h->n++;

    assert_true(h->n <= sizeof h->seg / sizeof h->seg[0]);
    if (seg->flags & TCP_SYN)
        h->iss[from] = seg->seq;
    h->seg[i].from = from;
    h->seg[i].flags = seg->flags;
    h->seg[i].seq = seg->seq - h->iss[from];
    h->seg[i].ack = (seg->flags & TCP_ACK) ? seg->ack - h->iss[1 - from] : 0;
    h->seg[i].len = seg->text_len;
    return rnd_below(&h->rnd, 12) != 0;
}

/* ISS follows a clock of 4 us, so that the time of the OPEN chooses it. */
static void shaped_run(struct shape *h, rs_time open_at)
{
    struct rs_config c;
    struct sim s = { .now = open_at, .tap = note, .arg = h };
    const struct rs_endpoint ea = sim_at(SIM_A, 1111);
    const struct rs_endpoint eb = sim_at(SIM_B, 7);
    static uint8_t buf[4096];

    *h = (struct shape){ .rnd = { 5 } };
    rs_config_default(&c);
    c.tcp.timestamps = false; /* whose rounding to milliseconds the shift would change */
    sim_open(&s, &c);
    const int b = rs_open_passive(s.host[SIM_B], &eb, NULL, s.now);
    const int a = rs_open_active(s.host[SIM_A], &ea, &eb, s.now);
    for (int i = 0; i < 300; i++) {
        rs_send(s.host[SIM_A], a, buf, sizeof buf, 0, s.now);
        sim_run(&s, s.now + 50 * RS_MSEC);
        rs_receive(s.host[SIM_B], b, buf, sizeof buf, s.now);
    }
    rs_close(s.host[SIM_A], a, s.now);
    rs_close(s.host[SIM_B], b, s.now);
    sim_run(&s, s.now + 100 * RS_SEC);
    sim_close(&s);
}

static void behaviour_does_not_depend_on_the_initial_sequence_numbers(void **unused)
{
    static struct shape plain, shifted;
    static const uint32_t want[] = { 0, 0xffffffff, 0xfffff000, 0x7fffffff, 0x80000000,
                                     0x7fff8000 };

    (void)unused;
    shaped_run(&plain, 4 * RS_SEC);
    assert_true(plain.n > 200);
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
        for (int side = 0; side < 2; side++) {
            const uint32_t ticks = want[i] - plain.iss[side];
            shaped_run(&shifted, 4 * RS_SEC + (rs_time)ticks * 4);
            /* SYN and SYN,ACK are of the same moment here. */
            assert_int_equal(shifted.iss[side], want[i]);
            assert_int_equal(shifted.n, plain.n);
            for (uint32_t k = 0; k < plain.n; k++) {
                assert_int_equal(shifted.seg[k].from, plain.seg[k].from);
                assert_int_equal(shifted.seg[k].flags, plain.seg[k].flags);
                assert_int_equal(shifted.seg[k].seq, plain.seg[k].seq);
                assert_int_equal(shifted.seg[k].ack, plain.seg[k].ack);
                assert_int_equal(shifted.seg[k].len, plain.seg[k].len);
            }
        }
}

static void an_unusable_configuration_is_refused(void **unused)
{
    struct rs_config good, c;
    uint8_t block[64];

    (void)unused;
    rs_config_small(&good);
    assert_true(rs_host_size(&good) > 0);
    c = good, c.max_conns = 0;
    assert_int_equal(rs_host_size(&c), 0);
    c = good, c.demux_places = 3;
    assert_int_equal(rs_host_size(&c), 0);
    c = good, c.page_octets = 128;
    assert_int_equal(rs_host_size(&c), 0);
    c = good, c.page_octets = 300;
    assert_int_equal(rs_host_size(&c), 0);
    c = good, c.mtu = 100;
    assert_int_equal(rs_host_size(&c), 0);
    c = good, c.addr.version = 0;
    assert_int_equal(rs_host_size(&c), 0);
    c = good, c.tcp.rcv_buf = 0;
    assert_int_equal(rs_host_size(&c), 0);
    /* Timers that would fire again at the moment they fire. */
    c = good, c.tcp.rto_initial = 0;
    assert_int_equal(rs_host_size(&c), 0);
    c = good, c.tcp.rto_max = c.tcp.rto_min - 1;
    assert_int_equal(rs_host_size(&c), 0);
    c = good, c.tcp.rto_max = UINT64_C(1) << 32; /* which 32 bits do not hold */
    assert_int_equal(rs_host_size(&c), 0);
    c = good, c.tcp.keepalive = true, c.tcp.keepalive_idle = 0;
    assert_int_equal(rs_host_size(&c), 0);
    c = good, c.tcp.keepalive = true, c.tcp.keepalive_intvl = 0;
    assert_int_equal(rs_host_size(&c), 0);
    assert_null(rs_init(block, sizeof block, &good, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_calls_give_the_same_octets),
        cmocka_unit_test(another_seed_gives_other_numbers),
        cmocka_unit_test(a_reset_host_is_as_a_fresh_one),
        cmocka_unit_test(everything_taken_is_given_back),
        cmocka_unit_test(behaviour_does_not_depend_on_the_initial_sequence_numbers),
        cmocka_unit_test(an_unusable_configuration_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
