/* ICMP of both versions: echo, errors sent and not sent, errors received. */
#include "refstack/net_test.h"

static const uint8_t udp[12] = { 0, 1, 0, 2, 0, 12 };

static void feed_udp(bool ip6)
{
    if (ip6)
        feed6((struct ip6_hdr){ .next = IP_PROTO_UDP }, udp, sizeof udp);
    else
        feed4((struct ip4_hdr){ .proto = IP_PROTO_UDP }, udp, sizeof udp);
}

static void get_udp_error(bool ip6)
{
    if (ip6)
        get_icmp(true, ICMP6_UNREACHABLE, 4);
    else
        get_icmp(false, ICMP_UNREACHABLE, ICMP_PORT_UNREACHABLE);
}

static void an_echo_comes_back_with_its_body(void **state)
{
    (void)state;
    net_up(RS_LINK_IP);
    for (int ip6 = 0; ip6 < 2; ip6++) {
        const struct icmp_msg echo = { .type = ip6 ? ICMP6_ECHO : ICMP_ECHO, .rest = 0x00070001,
                                       .body = (const uint8_t *)"octets", .body_len = 5 };
        feed_icmp(ip6, echo);
        get_icmp(ip6, ip6 ? ICMP6_ECHO_REPLY : ICMP_ECHO_REPLY, 0);
        assert_int_equal(net.icmp.rest, echo.rest);
        assert_int_equal(net.icmp.body_len, 5);
        assert_memory_equal(net.icmp.body, "octet", 5);
        quiet();
    }
}

static void an_echo_to_all_nodes_is_answered_from_one_address(void **state)
{
    const struct rs_addr all = { .version = 6, .octet = { 0xff, 2, [15] = 1 } };
    const struct icmp_msg echo = { .type = ICMP6_ECHO };
    uint8_t buf[ICMP_HEADER];
    (void)state;
    net_up(RS_LINK_IP);
    icmp6_emit_sum(&echo, &peer6, &all, buf, sizeof buf);
    feed6((struct ip6_hdr){ .next = IP_PROTO_ICMP6, .dst = all }, buf, sizeof buf);
    get_icmp(true, ICMP6_ECHO_REPLY, 0);
    assert_true(rs_addr_eq(&net.ip6.src, &host6));
    quiet();
}

static void a_wrong_checksum_is_counted_and_nothing_else(void **state)
{
    uint8_t buf[ICMP_HEADER];
    (void)state;
    net_up(RS_LINK_IP);
    for (int ip6 = 0; ip6 < 2; ip6++) {
        icmp_octets(ip6, (struct icmp_msg){ .type = ip6 ? ICMP6_ECHO : ICMP_ECHO }, buf,
                    sizeof buf);
        buf[7] ^= 1;
        if (ip6)
            feed6((struct ip6_hdr){ .next = IP_PROTO_ICMP6 }, buf, sizeof buf);
        else
            feed4((struct ip4_hdr){ .proto = IP_PROTO_ICMP }, buf, sizeof buf);
        quiet();
    }
    assert_int_equal(count_of(RS_REASON_ICMP_BAD), 2);
}

static void what_nobody_serves_is_answered_by_an_error_that_quotes_it(void **state)
{
    (void)state;
    net_up(RS_LINK_IP);
    feed_udp(false);
    get_udp_error(false);
    assert_int_equal(net.icmp.body_len, IP4_HEADER + 8);
    assert_memory_equal(net.icmp.body + IP4_HEADER, udp, 8);
    feed4((struct ip4_hdr){ .proto = 99 }, udp, sizeof udp);
    get_icmp(false, ICMP_UNREACHABLE, ICMP_PROTO_UNREACHABLE);
    feed_udp(true);
    get_udp_error(true);
    assert_int_equal(net.icmp.body_len, IP6_HEADER + sizeof udp);
    assert_memory_equal(net.icmp.body + IP6_HEADER, udp, sizeof udp);
    feed6((struct ip6_hdr){ .next = 99 }, udp, sizeof udp);
    get_icmp(true, ICMP6_PARAMETER_PROBLEM, 1);
    assert_int_equal(net.icmp.rest, 6);
    quiet();
}

static void what_comes_from_nobody_or_says_nothing_known_is_dropped(void **state)
{
    const struct rs_addr nobody6 = { .version = 6 };
    const struct icmp_msg echo = { .type = ICMP6_ECHO };
    uint8_t buf[64];
    (void)state;
    net_up(RS_LINK_IP);
    size_t n = icmp6_emit_sum(&echo, &nobody6, &host6, buf, sizeof buf);
    feed6((struct ip6_hdr){ .next = IP_PROTO_ICMP6, .src = nobody6 }, buf, n);
    n = syn_octets(true, buf, sizeof buf);
    feed6((struct ip6_hdr){ .next = IP_PROTO_TCP, .src = nobody6 }, buf, n);
    assert_int_equal(count_of(RS_REASON_IP_BAD_ADDRESS), 2);
    feed_icmp(true, (struct icmp_msg){ .type = 200 });
    feed_icmp(true, (struct icmp_msg){ .type = ND_SOLICIT }); /* no neighbours without Ethernet */
    assert_int_equal(count_of(RS_REASON_ICMP_IGNORED), 2);
    quiet();
}

static void an_error_quotes_no_more_than_came(void **state)
{
    (void)state;
    net_up(RS_LINK_IP);
    for (size_t n = 0; n < 9; n++) {
        feed4((struct ip4_hdr){ .proto = IP_PROTO_UDP }, udp, n);
        get_icmp(false, ICMP_UNREACHABLE, ICMP_PORT_UNREACHABLE);
        assert_int_equal(net.icmp.body_len, IP4_HEADER + (n < 8 ? n : 8));
        net.now += RS_SEC;
    }
}

static void an_ipv6_error_is_cut_to_the_least_mtu(void **state)
{
    uint8_t big[1400] = { 0 };
    (void)state;
    net_up(RS_LINK_IP);
    feed6((struct ip6_hdr){ .next = IP_PROTO_UDP }, big, sizeof big);
    get_udp_error(true);
    assert_int_equal(net.n, IP6_MIN_MTU);
    quiet();
}

/* RFC 1122 section 3.2.2, RFC 4443 section 2.4 (e). */
static void no_error_answers_an_error_nor_goes_to_what_is_not_one_host(void **state)
{
    const struct rs_addr group = { .version = 6, .octet = { 0xff, 2, [15] = 1 } };
    const struct rs_addr bad4[] = { rs_ip4(0, 0, 0, 0), rs_ip4(127, 0, 0, 1), rs_ip4(224, 0, 0, 1),
                                    rs_ip4(240, 0, 0, 1), rs_ip4(192, 0, 2, 255),
                                    rs_ip4(255, 255, 255, 255), host4 };
    const struct rs_addr bad6[] = { { .version = 6 }, { .version = 6, .octet = { [15] = 1 } },
                                    group,
                                    { .version = 6, .octet = { [10] = 0xff, 0xff, 192, 0, 2, 2 } },
                                    host6 };
    uint8_t hidden[8 + ICMP_HEADER] = { IP_PROTO_ICMP6, 0, 0xc1, 4 }; /* option 0xc1 not known */
    (void)state;
    net_up(RS_LINK_IP);
    for (size_t i = 0; i < sizeof bad4 / sizeof bad4[0]; i++)
        feed4((struct ip4_hdr){ .proto = IP_PROTO_UDP, .src = bad4[i] }, udp, sizeof udp);
    for (size_t i = 0; i < sizeof bad6 / sizeof bad6[0]; i++)
        feed6((struct ip6_hdr){ .next = IP_PROTO_UDP, .src = bad6[i] }, udp, sizeof udp);
    assert_int_equal(count_of(RS_REASON_IP_BAD_ADDRESS), 7 + 5);
    feed6((struct ip6_hdr){ .next = IP_PROTO_UDP, .dst = group }, udp, sizeof udp);
    icmp_octets(true, (struct icmp_msg){ .type = ICMP6_UNREACHABLE }, hidden + 8, ICMP_HEADER);
    feed6((struct ip6_hdr){ .next = IP6_DESTINATION }, hidden, sizeof hidden);
    quiet();
    /* The same option before an echo is answered. */
    icmp_octets(true, (struct icmp_msg){ .type = ICMP6_ECHO }, hidden + 8, ICMP_HEADER);
    feed6((struct ip6_hdr){ .next = IP6_DESTINATION }, hidden, sizeof hidden);
    get_icmp(true, ICMP6_PARAMETER_PROBLEM, 2);
    quiet();
}

static void errors_come_ten_at_once_then_ten_a_second_and_each_peer_has_its_own(void **state)
{
    (void)state;
    for (int ip6 = 0; ip6 < 2; ip6++) {
        net_up(RS_LINK_IP);
        for (int i = 0; i < 10; i++) {
            feed_udp(ip6);
            get_udp_error(ip6);
        }
        feed_udp(ip6);
        quiet();
        unsigned others = 0;
        for (uint8_t last = 3; last < 103; last++) {
            struct rs_addr src = ip6 ? peer6 : peer4;
            src.octet[ip6 ? 15 : 3] = last;
            if (ip6)
                feed6((struct ip6_hdr){ .next = IP_PROTO_UDP, .src = src }, udp, sizeof udp);
            else
                feed4((struct ip4_hdr){ .proto = IP_PROTO_UDP, .src = src }, udp, sizeof udp);
            others += pull() > 0;
        }
        assert_in_range(others, 50, 99); /* seven of the eight buckets, ten each */
        net.now += 100 * RS_MSEC;
        feed_udp(ip6);
        get_udp_error(ip6);
        feed_udp(ip6);
        quiet();
    }
}

/* ---- Errors received -------------------------------------------------------------------- */

/* What the host sent last, as a router would quote it. */
static void hard_error(bool ip6, size_t quoted)
{
    uint8_t sent[2048];
    memcpy(sent, net.out, net.n);
    const struct icmp_msg m = { .type = ip6 ? ICMP6_UNREACHABLE : ICMP_UNREACHABLE,
                                .code = ip6 ? 4 : ICMP_PORT_UNREACHABLE,
                                .body = guard_copy(&test_guard, sent, quoted), .body_len = quoted };
    uint8_t buf[2048];
    const size_t n = icmp_octets(ip6, m, buf, sizeof buf);

    if (ip6)
        feed6((struct ip6_hdr){ .next = IP_PROTO_ICMP6 }, buf, n);
    else
        feed4((struct ip4_hdr){ .proto = IP_PROTO_ICMP }, buf, n);
}

static void a_hard_error_ends_an_open_once_it_quotes_the_sequence_number(void **state)
{
    (void)state;
    for (int ip6 = 0; ip6 < 2; ip6++) {
        const struct rs_endpoint any = { .port = 0 };
        const struct rs_endpoint to = { .addr = ip6 ? peer6 : peer4, .port = 80 };
        const size_t enough = (ip6 ? IP6_HEADER : IP4_HEADER) + 8u;
        struct rs_status s;

        net_up(RS_LINK_IP);
        const int conn = rs_open_active(net.host, &any, &to, net.now);
        assert_int_equal(get_ip(ip6), IP_PROTO_TCP);
        for (size_t quoted = 0; quoted < enough; quoted++) {
            hard_error(ip6, quoted);
            assert_int_equal(rs_status(net.host, conn, &s), 0);
            assert_int_equal(s.state, RS_SYN_SENT);
        }
        assert_int_equal(count_of(RS_REASON_ICMP_BAD), enough);
        hard_error(ip6, enough);
        assert_int_equal(rs_status(net.host, conn, &s), 0);
        assert_int_equal(s.state, RS_CLOSED);
        assert_int_equal(s.error, RS_EUNREACH);
        quiet();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_echo_comes_back_with_its_body),
        cmocka_unit_test(an_echo_to_all_nodes_is_answered_from_one_address),
        cmocka_unit_test(a_wrong_checksum_is_counted_and_nothing_else),
        cmocka_unit_test(what_nobody_serves_is_answered_by_an_error_that_quotes_it),
        cmocka_unit_test(what_comes_from_nobody_or_says_nothing_known_is_dropped),
        cmocka_unit_test(an_error_quotes_no_more_than_came),
        cmocka_unit_test(an_ipv6_error_is_cut_to_the_least_mtu),
        cmocka_unit_test(no_error_answers_an_error_nor_goes_to_what_is_not_one_host),
        cmocka_unit_test(errors_come_ten_at_once_then_ten_a_second_and_each_peer_has_its_own),
        cmocka_unit_test(a_hard_error_ends_an_open_once_it_quotes_the_sequence_number),
    };
    return cmocka_run_group_tests(tests, test_guard_up, net_down);
}
