/* ICMP and IPv4: errors for TCP, echo, unreachables sent and not sent, every reason to drop. */
#include "refstack/peer.h"

static unsigned judged(enum rs_reason reason)
{
    return (unsigned)rs_reasons(p.host)[reason];
}

/* ---- Errors about our segments ---------------------------------------------------------- */

/* RFC 9293 section 3.9.2.2: codes 0, 1, 5 and time exceeded are soft, MUST-56. */
static void a_soft_error_is_reported_and_ends_nothing(void **unused)
{
    static const uint8_t error[][2] = { { 3, 0 }, { 3, 1 }, { 3, 5 }, { 11, 0 }, { 12, 0 } };

    (void)unused;
    for (size_t i = 0; i < sizeof error / sizeof error[0]; i++) {
        plain_up();
        active_open();
        get("S", 0, 0, 0);
        say_icmp(error[i][0], error[i][1], 0);
        quiet();
        const struct rs_status s = status();
        assert_int_equal(s.state, RS_SYN_SENT);
        assert_int_equal(s.soft_error, RS_EUNREACH);
        assert_int_equal(status().soft_error, 0); /* told once */
        say("SA", 0, 1, 0);
        state_is(RS_ESTABLISHED);
    }
}

/* SHLD-26: codes 2 and 3 are hard while the connection is being opened. */
static void a_hard_error_ends_an_open(void **unused)
{
    (void)unused;
    for (uint8_t code = 2; code <= 3; code++) {
        plain_up();
        active_open();
        get("S", 0, 0, 0);
        say_icmp(ICMP_UNREACHABLE, code, 0);
        quiet();
        state_is(RS_CLOSED);
        assert_int_equal(status().error, RS_EUNREACH);
        assert_true(rs_deadline(p.host) == RS_NEVER);
    }
}

/* RFC 5927 section 5.2. */
static void a_hard_error_ends_no_established_connection(void **unused)
{
    (void)unused;
    plain_up();
    established();
    user_sends(10);
    get("A", 1, 1, 10);
    say_icmp(ICMP_UNREACHABLE, ICMP_PORT_UNREACHABLE, 1);
    quiet();
    state_is(RS_ESTABLISHED);
}

/* RFC 5927 section 4.1: the number quoted must be one in flight. */
static void an_error_that_quotes_no_number_in_flight_is_ignored(void **unused)
{
    static const uint32_t seq[] = { 1, 2, 0xffffffff, 0x80000000 };

    (void)unused;
    plain_up();
    active_open();
    get("S", 0, 0, 0);
    for (size_t i = 0; i < sizeof seq / sizeof seq[0]; i++)
        say_icmp(ICMP_UNREACHABLE, ICMP_PORT_UNREACHABLE, seq[i]);
    quiet();
    state_is(RS_SYN_SENT);
    assert_int_equal(judged(RS_REASON_ICMP_NO_CONNECTION), 4);
    assert_int_equal(status().soft_error, 0);
}

/* MUST-55. */
static void a_source_quench_is_dropped(void **unused)
{
    (void)unused;
    plain_up();
    established();
    user_sends(10);
    get("A", 1, 1, 10);
    say_icmp(ICMP_SOURCE_QUENCH, 0, 1);
    quiet();
    assert_int_equal(judged(RS_REASON_ICMP_IGNORED), 1);
    assert_int_equal(status().soft_error, 0);
}

static void an_icmp_with_a_wrong_checksum_is_dropped(void **unused)
{
    const struct icmp_msg m = { .type = ICMP_ECHO, .csum = 1 };

    (void)unused;
    plain_up();
    put_datagram(IP_PROTO_ICMP, icmp_emit(&m, p.frame + IP4_HEADER, 100));
    quiet();
    put_datagram(IP_PROTO_ICMP, ICMP_HEADER - 1);
    quiet();
    assert_int_equal(judged(RS_REASON_ICMP_BAD), 2);
}

/* ---- What the host says of itself ------------------------------------------------------- */

static void an_echo_is_answered_with_the_same_octets(void **unused)
{
    uint8_t body[200];

    (void)unused;
    plain_up();
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (uint8_t)(3 * i);
    for (size_t n = 0; n <= sizeof body; n += 67) {
        const struct icmp_msg m = {
            .type = ICMP_ECHO, .rest = 0x12345678, .body = body, .body_len = n
        };
        put_datagram(IP_PROTO_ICMP, icmp_emit_sum(&m, p.frame + IP4_HEADER, 1000));
        assert_true(heard());
        assert_int_equal(p.got_icmp.type, ICMP_ECHO_REPLY);
        assert_int_equal(p.got_icmp.rest, 0x12345678);
        assert_int_equal(p.got_icmp.body_len, n);
        assert_memory_equal(p.got_icmp.body, body, n);
        assert_true(icmp_checksum_ok(p.frame + IP4_HEADER, ICMP_HEADER + n));
        quiet();
    }
}

/* RFC 1122 section 3.2.2.1: the header and at least eight octets are quoted. */
static void a_datagram_for_no_protocol_or_port_is_unreachable(void **unused)
{
    static const struct {
        uint8_t proto, code;
    } row[] = { { IP_PROTO_UDP, ICMP_PORT_UNREACHABLE }, { 99, ICMP_PROTO_UNREACHABLE } };

    (void)unused;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        uint8_t sent[IP4_HEADER + 8];
        plain_up();
        memset(p.frame + IP4_HEADER, 0x5a, 30);
        put_datagram(row[i].proto, 30);
        memcpy(sent, p.frame, sizeof sent);
        assert_true(heard());
        assert_int_equal(p.got_icmp.type, ICMP_UNREACHABLE);
        assert_int_equal(p.got_icmp.code, row[i].code);
        assert_true(p.got_icmp.body_len >= sizeof sent);
        assert_memory_equal(p.got_icmp.body, sent, sizeof sent);
        quiet();
        assert_int_equal(judged(RS_REASON_IP_PROTOCOL), 1);
    }
}

/* ---- Headers that are refused ----------------------------------------------------------- */

struct header {
    const char *what;
    void (*spoil)(struct ip4_hdr *);
    enum rs_reason reason;
};

static void other_dst(struct ip4_hdr *ip)
{
    ip->dst = rs_ip4(192, 0, 2, 77);
}

static void broadcast_dst(struct ip4_hdr *ip)
{
    ip->dst = rs_ip4(192, 0, 2, 255);
}

static void multicast_dst(struct ip4_hdr *ip)
{
    ip->dst = rs_ip4(224, 0, 0, 1);
}

static void broadcast_src(struct ip4_hdr *ip)
{
    ip->src = rs_ip4(255, 255, 255, 255);
}

static void net_broadcast_src(struct ip4_hdr *ip)
{
    ip->src = rs_ip4(192, 0, 2, 255);
}

static void multicast_src(struct ip4_hdr *ip)
{
    ip->src = rs_ip4(239, 1, 2, 3);
}

static void unspecified_src(struct ip4_hdr *ip)
{
    ip->src = rs_ip4(0, 0, 0, 0);
}

static void loopback_src(struct ip4_hdr *ip)
{
    ip->src = rs_ip4(127, 0, 0, 1);
}

static void our_own_src(struct ip4_hdr *ip)
{
    ip->src = ip->dst;
}

/* MUST-57, MUST-63; RFC 1122 section 3.2.2: no error about what is refused here.  A SYN inside
 * would be answered were the header good. */
static void a_bad_ip_header_is_dropped_in_silence_for_its_reason(void **unused)
{
    static const struct header row[] = {
        { "destination", other_dst, RS_REASON_IP_NOT_OURS },
        { "broadcast", broadcast_dst, RS_REASON_IP_NOT_OURS },
        { "multicast", multicast_dst, RS_REASON_IP_NOT_OURS },
        { "broadcast source", broadcast_src, RS_REASON_IP_BAD_ADDRESS },
        { "net's broadcast source", net_broadcast_src, RS_REASON_IP_BAD_ADDRESS },
        { "multicast source", multicast_src, RS_REASON_IP_BAD_ADDRESS },
        { "no source", unspecified_src, RS_REASON_IP_BAD_ADDRESS },
        { "loopback source", loopback_src, RS_REASON_IP_BAD_ADDRESS },
        { "own source", our_own_src, RS_REASON_IP_BAD_ADDRESS },
    };

    (void)unused;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        for (int udp = 0; udp < 2; udp++) {
            struct ip4_hdr ip = { .ihl = 5, .total_len = 40, .ttl = 64,
                                  .proto = udp ? IP_PROTO_UDP : IP_PROTO_TCP,
                                  .src = the_peer().addr };
            plain_up();
            passive_open();
            ip.dst = p.cfg.addr;
            row[i].spoil(&ip);
            struct tcp_seg syn = { .src_port = PEER_PORT, .dst_port = HOST_PORT, .flags = TCP_SYN };
            ip4_emit_sum(&ip, p.frame, IP4_HEADER);
            tcp_emit_sum(&syn, &ip.src, &ip.dst, p.frame + IP4_HEADER, TCP_HEADER);
            rs_input(p.host, p.frame, 40, p.now);
            if (judged(row[i].reason) != 1)
                fail_msg("%s: not counted as %s", row[i].what, rs_reason_text(row[i].reason));
            quiet();
            state_is(RS_LISTEN);
        }
    }
}

static void a_mangled_ip_header_is_dropped_for_its_reason(void **unused)
{
    (void)unused;
    plain_up();
    uint8_t good[40] = { 0 };
    const struct ip4_hdr ip = { .ihl = 5, .total_len = 40, .ttl = 64, .proto = IP_PROTO_UDP,
                                .src = the_peer().addr, .dst = p.cfg.addr };
    ip4_emit_sum(&ip, good, sizeof good);
    for (size_t n = 0; n < sizeof good; n++) /* cut short at every octet */
        rs_input(p.host, good, n, p.now);
    assert_int_equal(judged(RS_REASON_IP_BAD_HEADER), sizeof good);
    for (size_t bit = 0; bit < 8; bit++) { /* each bit of the TTL turned */
        good[8] ^= (uint8_t)(1u << bit);
        rs_input(p.host, good, sizeof good, p.now);
        good[8] ^= (uint8_t)(1u << bit);
    }
    assert_int_equal(judged(RS_REASON_IP_BAD_CHECKSUM), 8);
    quiet();
    rs_input(p.host, good, sizeof good, p.now); /* and whole it is taken */
    assert_int_equal(judged(RS_REASON_IP_PROTOCOL), 1);
}

static void a_wrong_tcp_header_is_dropped_in_silence_for_its_reason(void **unused)
{
    struct tcp_seg seg = { .src_port = PEER_PORT, .dst_port = 9, .flags = TCP_SYN, .doff = 4 };
    const struct rs_endpoint peer = the_peer();

    (void)unused;
    plain_up();
    put_datagram(IP_PROTO_TCP, tcp_emit(&seg, p.frame + IP4_HEADER, 100)); /* U-47 */
    seg.doff = 15;
    put_datagram(IP_PROTO_TCP, tcp_emit(&seg, p.frame + IP4_HEADER, 100) - 1);
    put_datagram(IP_PROTO_TCP, TCP_HEADER - 1);
    assert_int_equal(judged(RS_REASON_TCP_BAD_HEADER), 3);
    seg.doff = 5;
    put_datagram(IP_PROTO_TCP, tcp_emit(&seg, p.frame + IP4_HEADER, 100)); /* MUST-3 */
    assert_int_equal(judged(RS_REASON_TCP_BAD_CHECKSUM), 1);
    seg.opt = (const uint8_t[]){ 2, 0, 1, 1 };
    seg.opt_len = 4;
    put_datagram(IP_PROTO_TCP, tcp_emit_sum(&seg, &peer.addr, &p.cfg.addr, p.frame + IP4_HEADER,
                                            100)); /* MUST-7 */
    assert_int_equal(judged(RS_REASON_TCP_BAD_OPTION), 1);
    quiet();
}

/* RFC 1122 section 3.2.1.7: the TTL is the routers' business. */
static void a_datagram_that_has_just_made_it_is_taken(void **unused)
{
    const struct rs_endpoint peer = the_peer();
    const struct tcp_seg seg = { .src_port = PEER_PORT, .dst_port = 99, .flags = TCP_SYN };

    (void)unused;
    plain_up();
    for (uint8_t ttl = 0; ttl <= 2; ttl++) {
        const size_t n = tcp_emit_sum(&seg, &peer.addr, &p.cfg.addr, p.frame + IP4_HEADER, 200);
        const struct ip4_hdr ip = { .ihl = 5, .total_len = (uint16_t)(IP4_HEADER + n), .ttl = ttl,
                                    .proto = IP_PROTO_TCP, .src = peer.addr, .dst = p.cfg.addr };
        ip4_emit_sum(&ip, p.frame, sizeof p.frame);
        rs_input(p.host, p.frame, IP4_HEADER + n, p.now);
        assert_true(heard());
        assert_true(p.got.flags & TCP_RST);
        quiet();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_soft_error_is_reported_and_ends_nothing),
        cmocka_unit_test(a_hard_error_ends_an_open),
        cmocka_unit_test(a_hard_error_ends_no_established_connection),
        cmocka_unit_test(an_error_that_quotes_no_number_in_flight_is_ignored),
        cmocka_unit_test(a_source_quench_is_dropped),
        cmocka_unit_test(an_icmp_with_a_wrong_checksum_is_dropped),
        cmocka_unit_test(an_echo_is_answered_with_the_same_octets),
        cmocka_unit_test(a_datagram_for_no_protocol_or_port_is_unreachable),
        cmocka_unit_test(a_bad_ip_header_is_dropped_in_silence_for_its_reason),
        cmocka_unit_test(a_mangled_ip_header_is_dropped_for_its_reason),
        cmocka_unit_test(a_wrong_tcp_header_is_dropped_in_silence_for_its_reason),
        cmocka_unit_test(a_datagram_that_has_just_made_it_is_taken),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_down();
    return failed;
}
