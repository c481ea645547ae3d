/* What does not fit is left out whole: replies larger than the link, frames larger than the
 * caller's buffer, headers larger than the frame; and what has no sender or nobody to go to. */
#include "refstack/net_test.h"

enum { LARGE = 1608 }; /* of an ICMP message, in two fragments */

static const struct rs_addr all_nodes = { .version = 6, .octet = { 0xff, 2, [15] = 1 } };

static size_t echo_of(bool ip6, uint8_t *buf, size_t body)
{
    static const uint8_t text[LARGE];
    const struct icmp_msg m = { .type = ip6 ? ICMP6_ECHO : ICMP_ECHO, .body = text,
                                .body_len = body };
    return icmp_octets(ip6, m, buf, LARGE);
}

/* A piece of an IPv6 datagram behind its fragment header. */
static void feed6_piece(const uint8_t *p, size_t len, uint16_t off_and_more)
{
    uint8_t buf[LARGE + IP6_FRAG_HEADER] = { IP_PROTO_ICMP6, 0, (uint8_t)(off_and_more >> 8),
                                             (uint8_t)off_and_more, 0, 0, 0, 7 };

    memcpy(buf + IP6_FRAG_HEADER, p, len);
    feed6((struct ip6_hdr){ .next = IP6_FRAGMENT }, buf, IP6_FRAG_HEADER + len);
}

/* As ip_send_test has it, and with the request in pieces too. */
static void an_echo_larger_than_the_link_is_answered_in_pieces(void **state)
{
    uint8_t buf[LARGE];
    const uint8_t text[4] = "abcd";

    (void)state;
    for (int ip6 = 0; ip6 <= 1; ip6++) {
        net_config(RS_LINK_IP);
        net.cfg.pages = 64;
        net_start();
        assert_int_equal(echo_of(ip6, buf, LARGE - ICMP_HEADER), LARGE);
        if (ip6) {
            feed6_piece(buf, 800, 1);
            feed6_piece(buf + 800, LARGE - 800, 800);
        } else {
            feed4((struct ip4_hdr){ .proto = IP_PROTO_ICMP, .id = 7, .frag = IP4_MF }, buf, 800);
            feed4((struct ip4_hdr){ .proto = IP_PROTO_ICMP, .id = 7, .frag = 800 / 8 }, buf + 800,
                  LARGE - 800);
        }
        assert_int_equal(count_of(RS_REASON_IP_FRAGMENT), 0);
        assert_true(pull() > 0 && net.n <= net.cfg.mtu);
        assert_true(pull() > 0 && net.n < LARGE);
        quiet();
        feed_icmp(ip6, (struct icmp_msg){ .type = ip6 ? ICMP6_ECHO : ICMP_ECHO, .body = text,
                                          .body_len = sizeof text });
        get_icmp(ip6, ip6 ? ICMP6_ECHO_REPLY : ICMP_ECHO_REPLY, 0);
        quiet();
    }
}

/* The caller breaks its word (refstack.h: a buffer holds the MTU and the link header).  What was to
 * go counts as lost on the way, and time brings it again. */
static void a_segment_that_the_buffer_does_not_hold_comes_again(void **state)
{
    const struct rs_endpoint from = { .port = 1000 }, to = { .addr = peer4, .port = 80 };

    (void)state;
    for (size_t cap = 0; cap <= 40; cap += 10) {
        net_up(RS_LINK_IP);
        assert_true(rs_open_active(net.host, &from, &to, net.now) >= 0);
        assert_int_equal(rs_output(net.host, net.out, cap, net.now), 0);
        quiet();
        net.now += RS_SEC;
        assert_int_equal(get_ip(false), IP_PROTO_TCP);
        quiet();
    }
}

/* The same where a link header stands before it, and for what asks for a neighbour. */
static void a_frame_that_the_buffer_does_not_hold_comes_again(void **state)
{
    const struct rs_endpoint from = { .addr = host6, .port = 1000 };
    const struct rs_endpoint to = { .addr = peer6, .port = 80 };

    (void)state;
    ethernet_up();
    net.cfg.tcp.rto_initial = net.cfg.tcp.rto_max = 2 * RS_SEC;
    net_start();
    assert_true(rs_open_active(net.host, &from, &to, net.now) >= 0);
    assert_int_equal(rs_output(net.host, net.out, 10, net.now), 0); /* the SYN */
    quiet();
    net.now += 2 * RS_SEC;
    assert_int_equal(rs_output(net.host, net.out, 1500, net.now) > 0, true); /* who has it? */
    quiet();
    net.now += RS_SEC;
    assert_int_equal(rs_output(net.host, net.out, 10, net.now), 0); /* asked again, in vain */
    quiet();
    net.now += RS_SEC;
    assert_int_equal(get_frame(), ETH_TYPE_IP6);
}

static void a_frame_shorter_than_the_offload_header_is_no_frame(void **state)
{
    static const uint8_t frame[VNET_HEADER + ETH_HEADER];

    (void)state;
    net_config(RS_LINK_ETHERNET);
    memcpy(net.cfg.mac, host_mac, 6);
    net.cfg.offload = true;
    net_start();
    for (size_t n = 0; n < sizeof frame; n++)
        feed(frame, n);
    assert_int_equal(count_of(RS_REASON_LINK_TRUNCATED), sizeof frame);
    feed(frame, sizeof frame);
    assert_int_equal(count_of(RS_REASON_LINK_TRUNCATED), sizeof frame);
    assert_int_equal(count_of(RS_REASON_LINK_NOT_OURS), 1);
    quiet();
    assert_int_equal(rs_output(net.host, net.out, VNET_HEADER - 1, net.now), 0);
}

/* RFC 4861 sections 7.1.1 and 7.2.3. */
static void a_solicitation_with_a_group_for_sender_or_for_nobody_here_is_dropped(void **state)
{
    (void)state;
    ethernet_up();
    feed_nd((struct said){ .type = ND_SOLICIT, .target = host6, .mac = all_mac,
                           .opt = ND_OPT_SOURCE_MAC });
    assert_int_equal(count_of(RS_REASON_ND_BAD), 1);
    feed_nd((struct said){ .type = ND_SOLICIT, .target = peer6, .mac = peer_mac,
                           .opt = ND_OPT_SOURCE_MAC });
    assert_int_equal(count_of(RS_REASON_IP_NOT_OURS), 1);
    quiet();
    feed_nd((struct said){ .type = ND_SOLICIT, .target = host6, .mac = peer_mac,
                           .opt = ND_OPT_SOURCE_MAC });
    assert_int_equal(get_frame(), ETH_TYPE_IP6);
    quiet();
}

/* While its addresses are tentative a host has none to answer a group's question from. */
static void without_an_address_of_its_own_a_host_says_nothing(void **state)
{
    /* A destination option that even a group's sender is to hear of, type 0x80. */
    static const uint8_t option[] = { IP6_NO_NEXT, 0, 0x80, 4, 0, 0, 0, 0 };
    uint8_t buf[64];

    (void)state;
    net_config(RS_LINK_IP);
    net.cfg.dad = true;
    net_start();
    const struct icmp_msg echo = { .type = ICMP6_ECHO };
    const size_t n = icmp6_emit_sum(&echo, &peer6, &all_nodes, buf, sizeof buf);
    feed6((struct ip6_hdr){ .next = IP_PROTO_ICMP6, .dst = all_nodes }, buf, n);
    feed6((struct ip6_hdr){ .next = IP6_DESTINATION, .dst = all_nodes }, option, sizeof option);
    quiet();
}

/* RFC 4862 section 5.4: time stands at each step of the detection. */
static void the_deadline_is_the_next_step_of_address_detection(void **state)
{
    (void)state;
    ethernet_up();
    net.cfg.dad = true;
    net_start();
    assert_int_equal(rs_deadline(net.host), net.now);
    while (pull() > 0)
        continue;
    const rs_time next = rs_deadline(net.host);
    assert_in_range(next, net.now + 1, net.now + RS_SEC);
    net.now = next;
    quiet();
    assert_int_equal(rs_deadline(net.host), RS_NEVER);
}

/* With the only page taken by what waits for one neighbour, what is for another cannot wait; the
 * neighbour is asked for all the same, and time brings the segment again. */
static void what_finds_no_page_to_wait_in_comes_again(void **state)
{
    const struct rs_endpoint from = { .port = 1000 };
    struct rs_endpoint to = { .addr = peer4, .port = 80 };
    uint8_t reply[28];

    (void)state;
    ethernet_up();
    net.cfg.pages = 1;
    net.cfg.tcp.rto_min = net.cfg.tcp.rto_initial = net.cfg.tcp.rto_max = RS_SEC / 2;
    net_start();
    assert_true(rs_open_active(net.host, &from, &to, net.now) >= 0);
    assert_int_equal(get_frame(), ETH_TYPE_ARP);
    to.addr.octet[3] = 3;
    assert_true(rs_open_active(net.host, &from, &to, net.now) >= 0);
    assert_int_equal(get_frame(), ETH_TYPE_ARP);
    quiet();
    struct arp_pkt arp = { .op = 2, .sender_ip = { 192, 0, 2, 3 }, .target_ip = { 192, 0, 2, 1 } };
    memcpy(arp.sender_mac, other_mac, 6);
    memcpy(arp.target_mac, host_mac, 6);
    feed_frame(host_mac, ETH_TYPE_ARP, reply, arp_emit(&arp, reply, sizeof reply));
    quiet();
    net.now += RS_SEC / 2;
    assert_int_equal(get_frame(), ETH_TYPE_IP4);
    assert_memory_equal(got_eth.dst, other_mac, 6);
}

/* RFC 4443 section 2.4 (e): who has no address yet is told of no error. */
static void no_error_goes_to_the_unspecified_address(void **state)
{
    static const uint8_t udp[8] = { 0, 9, 0, 9, 0, 8 };
    static const uint8_t option[] = { IP6_NO_NEXT, 0, 0x80, 4, 0, 0, 0, 0 };
    const struct rs_addr none = { .version = 6 };

    (void)state;
    net_up(RS_LINK_IP);
    feed6((struct ip6_hdr){ .next = IP_PROTO_UDP, .src = none }, udp, sizeof udp);
    feed6((struct ip6_hdr){ .next = IP6_DESTINATION, .src = none }, option, sizeof option);
    quiet();
    feed6((struct ip6_hdr){ .next = IP6_DESTINATION }, option, sizeof option);
    get_icmp(true, ICMP6_PARAMETER_PROBLEM, 2);
    feed6((struct ip6_hdr){ .next = IP_PROTO_UDP }, udp, sizeof udp);
    get_icmp(true, ICMP6_UNREACHABLE, 4);
    quiet();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_echo_larger_than_the_link_is_answered_in_pieces),
        cmocka_unit_test(a_segment_that_the_buffer_does_not_hold_comes_again),
        cmocka_unit_test(a_frame_that_the_buffer_does_not_hold_comes_again),
        cmocka_unit_test(a_frame_shorter_than_the_offload_header_is_no_frame),
        cmocka_unit_test(a_solicitation_with_a_group_for_sender_or_for_nobody_here_is_dropped),
        cmocka_unit_test(without_an_address_of_its_own_a_host_says_nothing),
        cmocka_unit_test(the_deadline_is_the_next_step_of_address_detection),
        cmocka_unit_test(what_finds_no_page_to_wait_in_comes_again),
        cmocka_unit_test(no_error_goes_to_the_unspecified_address),
    };
    return cmocka_run_group_tests(tests, test_guard_up, net_down);
}
