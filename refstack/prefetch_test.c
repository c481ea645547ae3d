/* rs_prefetch is advice: with it or without, a host says the same. */
#include "refstack/net_test.h"
#include "refstack/test_rand.h"

enum { FRAMES = 400, CAP = 200 };

static struct recorded {
    uint8_t octet[CAP];
    size_t n;
} heard[2][2 * FRAMES];

/* A frame of one kind or another: segments of few connections, echoes, and what is cut short. */
static size_t some_frame(struct rnd *r, uint8_t *buf)
{
    const bool ip6 = rnd_below(r, 2);
    const uint32_t kind = rnd_below(r, 8);
    static const uint16_t flags[] = { TCP_SYN, TCP_ACK, TCP_RST, TCP_SYN, TCP_ACK | TCP_FIN };
    const struct tcp_seg seg = {
        .src_port = (uint16_t)(5000 + rnd_below(r, 3)), .dst_port = rnd_below(r, 4) ? 80 : 9,
        .flags = flags[rnd_below(r, 5)], .seq = rnd_below(r, 3), .ack = rnd_below(r, 3), .wnd = 500,
    };
    uint8_t payload[CAP];
    size_t len;

    if (kind == 0)
        len = icmp_octets(ip6, (struct icmp_msg){ .type = ip6 ? ICMP6_ECHO : ICMP_ECHO }, payload,
                          sizeof payload);
    else
        len = tcp_emit_sum(&seg, ip6 ? &peer6 : &peer4, ip6 ? &host6 : &host4, payload,
                           sizeof payload);
    const struct ip4_hdr h4 = { .ihl = 5, .ttl = 64, .total_len = (uint16_t)(IP4_HEADER + len),
                                .proto = kind ? IP_PROTO_TCP : IP_PROTO_ICMP,
                                .src = peer4, .dst = host4 };
    const struct ip6_hdr h6 = { .hops = 64, .payload_len = (uint16_t)len,
                                .next = kind ? IP_PROTO_TCP : IP_PROTO_ICMP6,
                                .src = peer6, .dst = host6 };
    const size_t n = ip6 ? ip6_emit(&h6, buf, CAP) : ip4_emit_sum(&h4, buf, CAP);
    memcpy(buf + n, payload, len);
    return kind == 1 ? rnd_below(r, (uint32_t)(n + len)) : n + len;
}

/* The same frames to a host of the same seed, two ahead when it is told what comes. */
static unsigned run(bool told, struct recorded *to)
{
    static uint8_t frame[FRAMES][CAP];
    static size_t len[FRAMES];
    const struct rs_endpoint local = { .port = 80 };
    struct rnd r = { 64 };
    unsigned n = 0;

    net_up(RS_LINK_IP);
    assert_true(rs_listen(net.host, &local, net.now) >= 0);
    for (int i = 0; i < FRAMES; i++)
        len[i] = some_frame(&r, frame[i]);
    for (int i = 0; i < FRAMES; i++) {
        const int ahead = i + 2 < FRAMES ? i + 2 : i;
        if (told)
            rs_prefetch(net.host, guard_copy(&test_guard, frame[ahead], len[ahead]), len[ahead]);
        feed(frame[i], len[i]);
        while (pull() > 0 && n < 2 * FRAMES) {
            assert_true(net.n <= CAP);
            to[n].n = net.n;
            memcpy(to[n++].octet, net.out, net.n);
        }
        net.now += RS_MSEC;
    }
    return n;
}

static void a_host_says_the_same_whether_it_was_told_or_not(void **state)
{
    (void)state;
    const unsigned untold = run(false, heard[0]);
    const unsigned told = run(true, heard[1]);

    assert_int_equal(untold, told);
    assert_true(told > 100);
    for (unsigned i = 0; i < told; i++) {
        assert_int_equal(heard[0][i].n, heard[1][i].n);
        assert_memory_equal(heard[0][i].octet, heard[1][i].octet, heard[0][i].n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_says_the_same_whether_it_was_told_or_not),
    };
    return cmocka_run_group_tests(tests, test_guard_up, net_down);
}
