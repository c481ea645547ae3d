/* For tests of the IP layer: one host and, beside it, a peer that sends what it likes.
 *
 * Every datagram the host is given ends at a guard page.  The host is 192.0.2.1 and 2001:db8::1,
 * the peer .2 of both.  A test has one host, `net`. */
#ifndef REFSTACK_NET_TEST_H
#define REFSTACK_NET_TEST_H

#include "refstack/host.h"
#include "refstack/wire_test.h"

enum { CLOSED_PORT = 9 };

static struct {
    struct rs_config cfg;
    struct rs_host *host;
    rs_time now;
    uint8_t out[2048]; /* the last frame from the host, of n octets, */
    size_t n;
    struct ip4_hdr ip4; /* taken apart by get4 or get6 */
    struct ip6_hdr ip6;
    struct icmp_msg icmp;
} net;

static const struct rs_addr peer4 = { .version = 4, .octet = { 192, 0, 2, 2 } };
static const struct rs_addr host4 = { .version = 4, .octet = { 192, 0, 2, 1 } };
static const struct rs_addr peer6 = { .version = 6, .octet = { 0x20, 1, 0x0d, 0xb8, [15] = 2 } };
static const struct rs_addr host6 = { .version = 6, .octet = { 0x20, 1, 0x0d, 0xb8, [15] = 1 } };
static const uint8_t peer_mac[6] = { 2, 0, 0, 0, 0, 2 };

/* A small host, so that pages run short soon. */
static inline void net_config(enum rs_link link)
{
    rs_config_small(&net.cfg);
    net.cfg.link = link;
    net.cfg.addr = host4;
    net.cfg.addr6 = host6;
    net.cfg.prefix6 = 64;
}

static inline void net_start(void)
{
    const size_t size = rs_host_size(&net.cfg);

    free(net.host);
    net.now = RS_SEC;
    net.host = rs_init(malloc(size), size, &net.cfg, net.now);
    assert_non_null(net.host);
}

static inline void net_up(enum rs_link link)
{
    net_config(link);
    net_start();
}

static inline int net_down(void **state)
{
    free(net.host);
    net.host = NULL;
    return test_guard_down(state);
}

/* ---- To the host ------------------------------------------------------------------------- */

static inline void feed(const uint8_t *frame, size_t n)
{
    rs_input(net.host, guard_copy(&test_guard, frame, n), n, net.now);
}

static inline void feed4(struct ip4_hdr h, const uint8_t *payload, size_t len)
{
    uint8_t buf[4096];

    if (!h.ihl)
        h.ihl = 5;
    h.ttl = 64;
    h.total_len = (uint16_t)(h.ihl * 4u + len);
    if (!h.src.version)
        h.src = peer4;
    if (!h.dst.version)
        h.dst = host4;
    const size_t n = ip4_emit_sum(&h, buf, sizeof buf);
    memcpy(buf + n, payload, len);
    feed(buf, n + len);
}

static inline void feed6(struct ip6_hdr h, const uint8_t *payload, size_t len)
{
    uint8_t buf[4096];

    if (!h.hops)
        h.hops = 64;
    h.payload_len = (uint16_t)len;
    if (!h.src.version)
        h.src = peer6;
    if (!h.dst.version)
        h.dst = host6;
    const size_t n = ip6_emit(&h, buf, sizeof buf);
    memcpy(buf + n, payload, len);
    feed(buf, n + len);
}

/* An ICMP message between the peer and the host as octets; `body` may be NULL for zeros. */
static inline size_t icmp_octets(bool ip6, struct icmp_msg m, uint8_t *buf, size_t cap)
{
    return ip6 ? icmp6_emit_sum(&m, &peer6, &host6, buf, cap) : icmp_emit_sum(&m, buf, cap);
}

static inline void feed_icmp(bool ip6, struct icmp_msg m)
{
    uint8_t buf[4096];
    const size_t n = icmp_octets(ip6, m, buf, sizeof buf);

    if (ip6)
        feed6((struct ip6_hdr){ .next = IP_PROTO_ICMP6 }, buf, n);
    else
        feed4((struct ip4_hdr){ .proto = IP_PROTO_ICMP }, buf, n);
}

/* ---- From the host ----------------------------------------------------------------------- */

static inline size_t pull(void)
{
    net.n = rs_output(net.host, net.out, sizeof net.out, net.now);
    return net.n;
}

static inline void quiet(void)
{
    assert_int_equal(pull(), 0);
}

/* The next frame is a datagram to the peer; returns its protocol. */
static inline uint8_t get_ip(bool ip6)
{
    assert_true(pull() > 0);
    const size_t link = net.cfg.link == RS_LINK_ETHERNET ? ETH_HEADER : 0;
    if (ip6) {
        assert_int_equal(ip6_parse(&net.ip6, net.out + link, net.n - link), WIRE_OK);
        assert_int_equal(net.ip6.payload_len + IP6_HEADER, net.n - link);
        return net.ip6.next;
    }
    assert_int_equal(ip4_parse(&net.ip4, net.out + link, net.n - link), WIRE_OK);
    assert_true(ip4_checksum_ok(net.out + link, IP4_HEADER));
    return net.ip4.proto;
}

static inline void get_icmp(bool ip6, uint8_t type, uint8_t code)
{
    assert_int_equal(get_ip(ip6), ip6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP);
    const uint8_t *p = ip6 ? net.ip6.payload : net.ip4.payload;
    const size_t len = ip6 ? net.ip6.payload_len : net.ip4.payload_len;
    assert_int_equal(icmp_parse(&net.icmp, p, len), WIRE_OK);
    assert_true(ip6 ? icmp6_checksum_ok(&net.ip6.src, &net.ip6.dst, p, len)
                    : icmp_checksum_ok(p, len));
    assert_int_equal(net.icmp.type, type);
    assert_int_equal(net.icmp.code, code);
}

/* A SYN to a closed port: what reaches TCP is answered by RST. */
static inline size_t syn_octets(bool ip6, uint8_t *buf, size_t cap)
{
    const struct tcp_seg syn = { .src_port = 5000, .dst_port = CLOSED_PORT, .flags = TCP_SYN };
    return tcp_emit_sum(&syn, ip6 ? &peer6 : &peer4, ip6 ? &host6 : &host4, buf, cap);
}

static inline void get_rst(bool ip6)
{
    struct tcp_seg seg;

    assert_int_equal(get_ip(ip6), IP_PROTO_TCP);
    assert_int_equal(ip6 ? tcp_parse(&seg, net.ip6.payload, net.ip6.payload_len)
                         : tcp_parse(&seg, net.ip4.payload, net.ip4.payload_len),
                     WIRE_OK);
    assert_true(seg.flags & TCP_RST);
}

static inline uint64_t count_of(enum rs_reason r)
{
    return rs_reasons(net.host)[r];
}

/* ---- On Ethernet ------------------------------------------------------------------------- */

static const uint8_t host_mac[6] = { 2, 0, 0, 0, 0, 1 };
static const uint8_t other_mac[6] = { 2, 0, 0, 0, 0, 9 };
static const uint8_t all_mac[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const struct rs_addr nobody = { .version = 6 };

static inline void feed_frame(const uint8_t dst[6], uint16_t type, const uint8_t *p, size_t len)
{
    uint8_t buf[512];
    struct eth_hdr eth = { .type = type };

    memcpy(eth.dst, dst, 6);
    memcpy(eth.src, peer_mac, 6);
    const size_t n = eth_emit(&eth, buf, sizeof buf);
    memcpy(buf + n, p, len);
    feed(buf, n + len);
}

/* A solicitation or advertisement; zeros mean what is usual. */
struct said {
    uint8_t type;
    uint32_t flags;
    struct rs_addr src, dst, target;
    const uint8_t *mac;
    uint8_t opt; /* the option that carries it */
    uint8_t hops;
};

static inline void feed_nd(struct said s)
{
    uint8_t opt[8] = { s.opt, 1 }, body[32], buf[128];
    struct icmp_msg m = { .type = s.type, .rest = s.flags, .body = body };

    if (!s.src.version)
        s.src = peer6;
    if (!s.dst.version)
        s.dst = host6;
    if (s.mac)
        memcpy(opt + 2, s.mac, 6);
    const struct nd_msg n = { .target = s.target, .opt = opt, .opt_len = s.mac ? sizeof opt : 0 };
    m.body_len = nd_emit(&n, body, sizeof body);
    const struct ip6_hdr ip = { .next = IP_PROTO_ICMP6, .hops = s.hops ? s.hops : 255,
                                .payload_len = (uint16_t)(ICMP_HEADER + m.body_len),
                                .src = s.src, .dst = s.dst };
    size_t len = ip6_emit(&ip, buf, sizeof buf);
    len += icmp6_emit_sum(&m, &s.src, &s.dst, buf + len, sizeof buf - len);
    feed_frame(host_mac, ETH_TYPE_IP6, buf, len);
}

static struct eth_hdr got_eth;

static inline uint16_t get_frame(void)
{
    assert_true(pull() > 0);
    assert_int_equal(eth_parse(&got_eth, net.out, net.n), WIRE_OK);
    assert_memory_equal(got_eth.src, host_mac, 6);
    return got_eth.type;
}

/* A host that resolves addresses, and whose TCP says nothing twice meanwhile. */
static inline void ethernet_up(void)
{
    net_config(RS_LINK_ETHERNET);
    memcpy(net.cfg.mac, host_mac, 6);
    net.cfg.tcp.rto_initial = net.cfg.tcp.rto_max = 1000 * RS_SEC; /* no retransmission between */
    net.cfg.tcp.r2_syn = 10000 * RS_SEC;
    net_start();
}

#endif
