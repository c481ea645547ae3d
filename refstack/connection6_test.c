/* Whole connections over IPv6, over a path too narrow for the link's MTU, and within one host. */
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

static struct rs_status status_of(struct pair *p, int side)
{
    struct rs_status s = { .state = RS_CLOSED };
    rs_status(p->sim.host[side], side == SIM_A ? p->a : p->b, &s);
    return s;
}

static void open_pair(struct pair *p, bool ip6)
{
    const struct rs_endpoint any = { .port = 0 };
    const struct rs_endpoint here = { .port = 7 };
    struct rs_config c;

    *p = (struct pair){ .sim = { .now = 1000, .ip6 = ip6 } };
    rs_config_default(&c);
    c.tcp.delayed_ack = 0;
    sim_open(&p->sim, &c);
    const struct rs_endpoint server = sim_addr(&p->sim, SIM_B, 7);
    p->b = rs_open_passive(p->sim.host[SIM_B], &here, NULL, p->sim.now);
    assert_true(p->b >= 0);
    p->a = rs_open_active(p->sim.host[SIM_A], &any, &server, p->sim.now);
    assert_true(p->a >= 0);
    sim_settle(&p->sim);
    assert_int_equal(status_of(p, SIM_A).state, RS_ESTABLISHED);
    assert_int_equal(status_of(p, SIM_B).state, RS_ESTABLISHED);
}

static uint8_t octet_at(size_t i)
{
    return (uint8_t)(i * 31 + i / 251);
}

/* To the next deadline of either host. */
static void wait(struct sim *s)
{
    const rs_time a = rs_deadline(s->host[SIM_A]);
    const rs_time b = rs_deadline(s->host[SIM_B]);

    assert_true(a != RS_NEVER || b != RS_NEVER);
    s->now = a < b ? a : b;
}

static void transfer(struct sim *s, int from, int a, int to, int b, size_t total)
{
    uint8_t buf[4096];
    size_t sent = 0;
    size_t got = 0;
    const rs_time limit = s->now + 3600 * RS_SEC;

    while (got < total && s->now < limit) {
        const size_t want = total - sent < sizeof buf ? total - sent : sizeof buf;
        for (size_t i = 0; i < want; i++)
            buf[i] = octet_at(sent + i);
        const int n = want ? rs_send(s->host[from], a, buf, want, 0, s->now) : 0;
        sent += n > 0 ? (size_t)n : 0;
        sim_settle(s);
        const int m = rs_receive(s->host[to], b, buf, sizeof buf, s->now);
        for (int i = 0; i < m; i++)
            assert_int_equal(buf[i], octet_at(got + (size_t)i));
        got += m > 0 ? (size_t)m : 0;
        if (n <= 0 && m <= 0)
            wait(s);
    }
    assert_int_equal(got, total);
}

static void a_handshake_over_ipv6_takes_its_mss_from_the_longer_header(void **unused)
{
    struct pair p;

    (void)unused;
    open_pair(&p, true);
    assert_int_equal(status_of(&p, SIM_A).smss, 1440);
    assert_int_equal(status_of(&p, SIM_B).remote.addr.version, 6);
    sim_close(&p.sim);
}

static bool lose_every_thirteenth(struct sim *s, int from, const struct tcp_seg *seg)
{
    unsigned *count = s->arg;
    (void)from;
    (void)seg;
    return ++*count % 13 != 0;
}

static void a_megabyte_arrives_over_ipv6_through_loss(void **unused)
{
    struct pair p;
    unsigned count = 0;

    (void)unused;
    open_pair(&p, true);
    p.sim.tap = lose_every_thirteenth;
    p.sim.arg = &count;
    transfer(&p.sim, SIM_A, p.a, SIM_B, p.b, 1 << 20);
    assert_true(count > 700);
    sim_close(&p.sim);
}

static void a_close_over_ipv6_ends_in_time_wait_and_silence(void **unused)
{
    struct pair p;

    (void)unused;
    open_pair(&p, true);
    assert_int_equal(rs_close(p.sim.host[SIM_A], p.a, p.sim.now), 0);
    sim_settle(&p.sim);
    assert_int_equal(status_of(&p, SIM_A).state, RS_FIN_WAIT_2);
    assert_int_equal(status_of(&p, SIM_B).state, RS_CLOSE_WAIT);
    assert_int_equal(rs_close(p.sim.host[SIM_B], p.b, p.sim.now), 0);
    sim_settle(&p.sim);
    assert_int_equal(status_of(&p, SIM_A).state, RS_TIME_WAIT);
    const unsigned frames = p.sim.frames[SIM_A] + p.sim.frames[SIM_B];
    sim_run(&p.sim, p.sim.now + 300 * RS_SEC);
    assert_int_equal(status_of(&p, SIM_A).state, RS_CLOSED);
    /* One unicast solicitation each way and its answer: what was said last is being confirmed. */
    assert_in_range(p.sim.frames[SIM_A] + p.sim.frames[SIM_B], frames, frames + 4);
    assert_int_equal(rs_deadline(p.sim.host[SIM_A]), RS_NEVER);
    assert_int_equal(rs_deadline(p.sim.host[SIM_B]), RS_NEVER);
    sim_close(&p.sim);
}

static void a_closed_port_refuses_over_ipv6(void **unused)
{
    struct pair p;
    const struct rs_endpoint any = { .port = 0 };

    (void)unused;
    open_pair(&p, true);
    const struct rs_endpoint closed = sim_addr(&p.sim, SIM_B, 9);
    p.a = rs_open_active(p.sim.host[SIM_A], &any, &closed, p.sim.now);
    sim_settle(&p.sim);
    assert_int_equal(status_of(&p, SIM_A).error, RS_EREFUSED);
    sim_close(&p.sim);
}

static void link_local_addresses_reach_each_other(void **unused)
{
    struct pair p;
    const struct rs_endpoint any = { .port = 0 }, here = { .port = 8 };
    const struct rs_endpoint peer = {
        .addr = { .version = 6, .octet = { 0xfe, 0x80, [11] = 0xff, 0xfe, [15] = 2 } }, .port = 8
    };

    (void)unused;
    open_pair(&p, true);
    assert_true(rs_open_passive(p.sim.host[SIM_B], &here, NULL, p.sim.now) >= 0);
    p.a = rs_open_active(p.sim.host[SIM_A], &any, &peer, p.sim.now);
    sim_settle(&p.sim);
    const struct rs_status s = status_of(&p, SIM_A);
    assert_int_equal(s.state, RS_ESTABLISHED);
    assert_int_equal(s.local.addr.octet[0], 0xfe);
    assert_int_equal(s.local.addr.octet[15], 1);
    sim_close(&p.sim);
}

/* ---- A narrow path ---------------------------------------------------------------------- */

/* A router in the middle that takes datagrams of `mtu` octets at most and says so by ICMP. */
struct router {
    size_t mtu;
    unsigned dropped;
    bool mute; /* it leaves out the size, as routers before RFC 1191 did */
    uint32_t lie; /* or names this one */
};

static size_t complain(const struct router *r, const uint8_t *frame, size_t n, uint8_t *out)
{
    const uint8_t *p = frame + ETH_HEADER;
    struct eth_hdr eth;
    struct icmp_msg m = { .body = p, .rest = r->mute ? 0 : (uint32_t)r->mtu };
    size_t len;

    if (r->lie)
        m.rest = r->lie;
    eth_parse(&eth, frame, n);
    const struct eth_hdr back = {
        .dst = { eth.src[0], eth.src[1], eth.src[2], eth.src[3], eth.src[4], eth.src[5] },
        .src = { eth.dst[0], eth.dst[1], eth.dst[2], eth.dst[3], eth.dst[4], eth.dst[5] },
        .type = eth.type,
    };
    eth_emit(&back, out, ETH_HEADER);
    out += ETH_HEADER;
    if (eth.type == ETH_TYPE_IP4) {
        struct ip4_hdr ip;
        ip4_parse(&ip, p, n - ETH_HEADER);
        m.type = ICMP_UNREACHABLE;
        m.code = ICMP_FRAG_NEEDED;
        m.body_len = IP4_HEADER + 8;
        const struct ip4_hdr outer = { .ihl = 5, .ttl = 64, .proto = IP_PROTO_ICMP,
                                       .total_len = 2 * IP4_HEADER + ICMP_HEADER + 8,
                                       .src = ip.dst, .dst = ip.src };
        len = ip4_emit_sum(&outer, out, IP4_HEADER);
        len += icmp_emit_sum(&m, out + len, 256);
    } else {
        struct ip6_hdr ip;
        ip6_parse(&ip, p, n - ETH_HEADER);
        m.type = ICMP6_TOO_BIG;
        m.body_len = 1000;
        const struct ip6_hdr outer = { .next = IP_PROTO_ICMP6, .hops = 64,
                                       .payload_len = (uint16_t)(ICMP_HEADER + m.body_len),
                                       .src = ip.dst, .dst = ip.src };
        len = ip6_emit(&outer, out, IP6_HEADER);
        len += icmp6_emit_sum(&m, &outer.src, &outer.dst, out + len, 1280);
    }
    return ETH_HEADER + len;
}

/* As sim_settle, with the router between. */
static void settle_narrow(struct sim *s, struct router *r)
{
    static uint8_t frame[2048], error[2048];
    bool moved = true;

    while (moved) {
        moved = false;
        for (int i = 0; i < 2; i++) {
            size_t n;
            while ((n = rs_output(s->host[i], frame, sizeof frame, s->now)) > 0) {
                moved = true;
                if (n - ETH_HEADER <= r->mtu) {
                    rs_input(s->host[1 - i], frame, n, s->now);
                    continue;
                }
                r->dropped++;
                const size_t k = complain(r, frame, n, error);
                rs_input(s->host[i], error, k, s->now);
            }
        }
    }
}

static void send_through(struct pair *p, struct router *r, size_t total)
{
    uint8_t buf[20000];
    size_t got = 0;

    for (size_t i = 0; i < total; i++)
        buf[i] = octet_at(i);
    assert_int_equal(rs_send(p->sim.host[SIM_A], p->a, buf, total, 0, p->sim.now), (int)total);
    const rs_time start = p->sim.now;
    while (got < total) {
        settle_narrow(&p->sim, r);
        const int m = rs_receive(p->sim.host[SIM_B], p->b, buf, sizeof buf, p->sim.now);
        for (int i = 0; i < m; i++)
            assert_int_equal(buf[i], octet_at(got + (size_t)i));
        got += m > 0 ? (size_t)m : 0;
        if (m <= 0)
            wait(&p->sim);
    }
    /* No timer of any kind was waited for. */
    assert_int_equal(p->sim.now, start);
}

static void a_narrow_path_is_learned_from_icmp_and_the_text_arrives_at_once(void **unused)
{
    (void)unused;
    for (int ip6 = 0; ip6 < 2; ip6++) {
        struct pair p;
        struct router r = { .mtu = 1300 };

        open_pair(&p, ip6 != 0);
        send_through(&p, &r, 20000);
        assert_true(r.dropped > 0);
        assert_int_equal(status_of(&p, SIM_A).smss, 1300 - (ip6 ? 60 : 40));
        const unsigned dropped = r.dropped;
        send_through(&p, &r, 20000);
        assert_int_equal(r.dropped, dropped);
        sim_close(&p.sim);
    }
}

/* Nothing behind it whose ACK would tell of its loss. */
static void a_single_segment_too_large_is_sent_again_in_two(void **unused)
{
    (void)unused;
    for (int ip6 = 0; ip6 < 2; ip6++) {
        struct pair p;
        struct router r = { .mtu = 1300 };

        open_pair(&p, ip6 != 0);
        send_through(&p, &r, 1400);
        assert_int_equal(r.dropped, 1);
        sim_close(&p.sim);
    }
}

static void a_router_that_names_no_size_is_met_by_the_next_plateau(void **unused)
{
    struct pair p;
    struct router r = { .mtu = 1300, .mute = true };

    (void)unused;
    open_pair(&p, false);
    send_through(&p, &r, 20000);
    assert_int_equal(status_of(&p, SIM_A).smss, 1006 - 40);
    sim_close(&p.sim);
}

/* Less would be all headers, which only an attacker asks for. */
static void no_size_makes_segments_smaller_than_the_floor(void **unused)
{
    struct pair p;
    struct router r = { .mtu = 1300, .lie = 68 };

    (void)unused;
    open_pair(&p, false);
    send_through(&p, &r, 2000);
    assert_int_equal(status_of(&p, SIM_A).smss, 48);
    sim_close(&p.sim);
}

static void an_ipv6_size_under_1280_is_not_believed(void **unused)
{
    struct pair p;
    struct router r = { .mtu = 1279 };
    uint8_t text[4000] = { 0 };

    (void)unused;
    open_pair(&p, true);
    rs_send(p.sim.host[SIM_A], p.a, text, sizeof text, 0, p.sim.now);
    settle_narrow(&p.sim, &r);
    assert_true(r.dropped > 0);
    assert_int_equal(status_of(&p, SIM_A).smss, 1440);
    sim_close(&p.sim);
}

/* ---- Within one host -------------------------------------------------------------------- */

static void connect_to_self(struct pair *p, const struct rs_addr *to)
{
    struct rs_host *h = p->sim.host[SIM_A];
    const struct rs_endpoint here = { .port = 80 }, any = { .port = 0 };
    const struct rs_endpoint server = { .addr = *to, .port = 80 };
    struct rs_status s;

    const int listener = rs_listen(h, &here, p->sim.now);
    assert_true(listener >= 0);
    const int a = rs_open_active(h, &any, &server, p->sim.now);
    assert_true(a >= 0);
    const unsigned before = p->sim.frames[SIM_A];
    sim_settle(&p->sim);
    const int b = rs_accept(h, listener, p->sim.now);
    assert_true(b >= 0);
    assert_int_equal(rs_status(h, a, &s), 0);
    assert_int_equal(s.state, RS_ESTABLISHED);
    assert_true(rs_addr_eq(&s.local.addr, to));
    transfer(&p->sim, SIM_A, a, SIM_A, b, 100000);
    assert_int_equal(p->sim.frames[SIM_A], before); /* nothing of it was on the wire */
    assert_int_equal(rs_abort(h, a, p->sim.now), 0);
    sim_settle(&p->sim);
    assert_int_equal(rs_status(h, b, &s), 0);
    assert_int_equal(s.error, RS_ERESET);
    rs_release(h, b, p->sim.now);
    rs_release(h, listener, p->sim.now);
}

static void a_host_connects_to_itself_and_the_wire_hears_nothing(void **unused)
{
    const struct rs_addr to[] = {
        rs_ip4(127, 0, 0, 1), rs_ip4(192, 0, 2, 1), { .version = 6, .octet = { [15] = 1 } },
        sim_ip6(SIM_A),
    };
    struct pair p;

    (void)unused;
    open_pair(&p, true);
    for (size_t i = 0; i < sizeof to / sizeof to[0]; i++)
        connect_to_self(&p, &to[i]);
    sim_close(&p.sim);
}

static void a_socket_is_not_connected_to_itself(void **unused)
{
    struct pair p;
    const struct rs_endpoint self = sim_at(SIM_A, 99);

    (void)unused;
    open_pair(&p, false);
    assert_int_equal(rs_open_active(p.sim.host[SIM_A], &self, &self, p.sim.now), RS_EINVAL);
    sim_close(&p.sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handshake_over_ipv6_takes_its_mss_from_the_longer_header),
        cmocka_unit_test(a_megabyte_arrives_over_ipv6_through_loss),
        cmocka_unit_test(a_close_over_ipv6_ends_in_time_wait_and_silence),
        cmocka_unit_test(a_closed_port_refuses_over_ipv6),
        cmocka_unit_test(link_local_addresses_reach_each_other),
        cmocka_unit_test(a_narrow_path_is_learned_from_icmp_and_the_text_arrives_at_once),
        cmocka_unit_test(a_single_segment_too_large_is_sent_again_in_two),
        cmocka_unit_test(a_router_that_names_no_size_is_met_by_the_next_plateau),
        cmocka_unit_test(no_size_makes_segments_smaller_than_the_floor),
        cmocka_unit_test(an_ipv6_size_under_1280_is_not_believed),
        cmocka_unit_test(a_host_connects_to_itself_and_the_wire_hears_nothing),
        cmocka_unit_test(a_socket_is_not_connected_to_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
