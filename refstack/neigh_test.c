/* Neighbours on Ethernet: ARP and Neighbour Discovery, in the same states. */
#include "refstack/net_test.h"

/* ---- What the peer says ------------------------------------------------------------------ */

static void feed_arp(uint16_t op, const uint8_t mac[6], const struct rs_addr *target)
{
    struct arp_pkt arp = { .op = op };
    uint8_t buf[ARP_SIZE];

    memcpy(arp.sender_mac, mac, 6);
    memcpy(arp.sender_ip, peer4.octet, 4);
    memcpy(arp.target_mac, host_mac, 6);
    memcpy(arp.target_ip, target->octet, 4);
    arp_emit(&arp, buf, sizeof buf);
    feed_frame(op == ARP_REQUEST ? all_mac : host_mac, ETH_TYPE_ARP, buf, sizeof buf);
}

static void advertise(const uint8_t mac[6], uint32_t flags)
{
    feed_nd((struct said){ .type = ND_ADVERT, .flags = flags, .target = peer6, .mac = mac,
                           .opt = ND_OPT_TARGET_MAC });
}

static void solicit(const uint8_t mac[6])
{
    feed_nd((struct said){ .type = ND_SOLICIT, .target = host6, .mac = mac,
                           .opt = ND_OPT_SOURCE_MAC });
}

static void confirm(bool ip6)
{
    if (ip6)
        advertise(peer_mac, ND_SOLICITED | ND_OVERRIDE);
    else
        feed_arp(ARP_REPLY, peer_mac, &host4);
}

/* ---- What the host says ------------------------------------------------------------------- */

/* The next frame asks for the peer's address, all of them or one that should know. */
static void get_question(bool ip6, const uint8_t *mac)
{
    const uint16_t type = get_frame();
    if (ip6) {
        static const uint8_t group[6] = { 0x33, 0x33, 0xff, 0, 0, 2 };
        struct nd_msg n;
        const struct rs_addr to = mac ? peer6 : ip6_solicited_node(&peer6);
        struct icmp_msg m;
        assert_int_equal(type, ETH_TYPE_IP6);
        assert_int_equal(ip6_parse(&net.ip6, net.out + ETH_HEADER, net.n - ETH_HEADER), WIRE_OK);
        assert_int_equal(net.ip6.hops, 255);
        assert_true(rs_addr_eq(&net.ip6.dst, &to));
        assert_int_equal(icmp_parse(&m, net.ip6.payload, net.ip6.payload_len), WIRE_OK);
        assert_int_equal(m.type, ND_SOLICIT);
        assert_int_equal(nd_parse(&n, &m), WIRE_OK);
        assert_true(rs_addr_eq(&n.target, &peer6));
        assert_int_equal(n.opt[0], ND_OPT_SOURCE_MAC);
        assert_memory_equal(n.opt + 2, host_mac, 6);
        assert_memory_equal(got_eth.dst, mac ? mac : group, 6);
    } else {
        struct arp_pkt arp;
        assert_int_equal(type, ETH_TYPE_ARP);
        assert_int_equal(arp_parse(&arp, net.out + ETH_HEADER, net.n - ETH_HEADER), WIRE_OK);
        assert_int_equal(arp.op, ARP_REQUEST);
        assert_memory_equal(arp.target_ip, peer4.octet, 4);
        assert_memory_equal(arp.sender_ip, host4.octet, 4);
        assert_memory_equal(got_eth.dst, mac ? mac : all_mac, 6);
    }
}

/* Makes the host send something to the peer. */
static int talk(bool ip6)
{
    const struct rs_endpoint any = { .port = 0 };
    const struct rs_endpoint to = { .addr = ip6 ? peer6 : peer4, .port = 80 };

    const int conn = rs_open_active(net.host, &any, &to, net.now);
    assert_true(conn >= 0);
    return conn;
}

static void get_segment(bool ip6, const uint8_t mac[6])
{
    assert_int_equal(get_frame(), ip6 ? ETH_TYPE_IP6 : ETH_TYPE_IP4);
    assert_memory_equal(got_eth.dst, mac, 6);
}

/* ---- States ------------------------------------------------------------------------------- */

static void a_question_is_asked_three_times_and_the_answer_lets_the_datagram_go(void **state)
{
    (void)state;
    for (int ip6 = 0; ip6 < 2; ip6++) {
        ethernet_up();
        talk(ip6);
        for (int i = 0; i < 3; i++) {
            get_question(ip6, NULL);
            quiet();
            net.now += RS_SEC - 1;
            quiet();
            net.now++;
        }
        confirm(ip6); /* just in time */
        get_segment(ip6, peer_mac);
        quiet();
    }
}

static void a_question_without_an_answer_is_given_up_with_its_datagram(void **state)
{
    (void)state;
    for (int ip6 = 0; ip6 < 2; ip6++) {
        struct rs_status s;
        ethernet_up();
        const int conn = talk(ip6);
        for (int i = 0; i < 3; i++) {
            get_question(ip6, NULL);
            net.now += RS_SEC;
            assert_int_equal(rs_status(net.host, conn, &s), 0);
            assert_int_equal(s.soft_error, 0);
        }
        quiet();
        assert_int_equal(rs_status(net.host, conn, &s), 0);
        assert_int_equal(s.state, RS_SYN_SENT);
        assert_int_equal(s.soft_error, RS_EUNREACH);
        const uint32_t used = net.host->pool.used;
        confirm(ip6);
        quiet();
        assert_in_range(used, 0, 1); /* what TCP notes of its SYN, no datagram */
    }
}

static void what_is_believed_goes_stale_and_is_confirmed_by_asking_that_one(void **state)
{
    (void)state;
    for (int ip6 = 0; ip6 < 2; ip6++) {
        ethernet_up();
        talk(ip6);
        get_question(ip6, NULL);
        confirm(ip6);
        get_segment(ip6, peer_mac);
        net.now += 31 * RS_SEC; /* no longer REACHABLE; but an idle host asks nothing */
        quiet();
        talk(ip6);
        get_segment(ip6, peer_mac);
        net.now += 5 * RS_SEC - 1;
        quiet();
        net.now++;
        get_question(ip6, peer_mac);
        quiet();
        confirm(ip6);
        net.now += 20 * RS_SEC;
        quiet();
        talk(ip6); /* REACHABLE: */
        get_segment(ip6, peer_mac);
        net.now += 6 * RS_SEC;
        quiet();
        net.now += 10 * RS_SEC;
        talk(ip6);
        get_segment(ip6, peer_mac);
        net.now += 5 * RS_SEC;
        for (int i = 0; i < 3; i++) {
            get_question(ip6, peer_mac);
            net.now += RS_SEC;
        }
        quiet(); /* gone: */
        talk(ip6);
        get_question(ip6, NULL);
        quiet();
    }
}

/* Who asks us is known, but not that the way to it works. */
static void a_question_from_the_peer_is_answered_and_its_address_noted_as_stale(void **state)
{
    (void)state;
    for (int ip6 = 0; ip6 < 2; ip6++) {
        ethernet_up();
        if (ip6)
            solicit(peer_mac);
        else
            feed_arp(ARP_REQUEST, peer_mac, &host4);
        assert_int_equal(get_frame(), ip6 ? ETH_TYPE_IP6 : ETH_TYPE_ARP);
        assert_memory_equal(got_eth.dst, peer_mac, 6);
        quiet();
        talk(ip6);
        get_segment(ip6, peer_mac);
        net.now += 5 * RS_SEC;
        get_question(ip6, peer_mac);
        quiet();
    }
}

static void many_who_ask_push_out_nobody_we_talk_to(void **state)
{
    (void)state;
    ethernet_up();
    talk(false);
    get_question(false, NULL);
    confirm(false);
    get_segment(false, peer_mac);
    for (uint8_t last = 10; last < 100; last++) {
        struct arp_pkt arp = { .op = ARP_REQUEST, .sender_mac = { 2, 0, 0, 0, 1, last } };
        uint8_t buf[ARP_SIZE];
        memcpy(arp.sender_ip, (uint8_t[]){ 192, 0, 2, last }, 4);
        memcpy(arp.target_ip, host4.octet, 4);
        arp_emit(&arp, buf, sizeof buf);
        feed_frame(all_mac, ETH_TYPE_ARP, buf, sizeof buf);
        assert_int_equal(get_frame(), ETH_TYPE_ARP);
    }
    talk(false);
    get_segment(false, peer_mac);
    quiet();
}

/* One of many neighbours asks for an echo; the reply has to find its way to it. */
static void ping_from(uint8_t last)
{
    uint8_t datagram[IP4_HEADER + ICMP_HEADER];
    const struct icmp_msg echo = { .type = ICMP_ECHO };
    const struct ip4_hdr ip = { .ihl = 5, .ttl = 64, .total_len = sizeof datagram,
                                .proto = IP_PROTO_ICMP, .src = rs_ip4(192, 0, 2, last),
                                .dst = host4 };

    ip4_emit_sum(&ip, datagram, sizeof datagram);
    icmp_emit_sum(&echo, datagram + IP4_HEADER, ICMP_HEADER);
    feed_frame(host_mac, ETH_TYPE_IP4, datagram, sizeof datagram);
}

static void answer_from(uint8_t last)
{
    struct arp_pkt arp = { .op = ARP_REPLY, .sender_mac = { 2, 0, 0, 0, 1, last } };
    uint8_t buf[ARP_SIZE];

    memcpy(arp.sender_ip, (uint8_t[]){ 192, 0, 2, last }, 4);
    memcpy(arp.target_mac, host_mac, 6);
    memcpy(arp.target_ip, host4.octet, 4);
    arp_emit(&arp, buf, sizeof buf);
    feed_frame(host_mac, ETH_TYPE_ARP, buf, sizeof buf);
}

/* Each address made up is asked for, and the latest of them at that: but none answers. */
static void a_flood_of_addresses_made_up_pushes_out_nobody_who_answered(void **state)
{
    (void)state;
    ethernet_up();
    talk(false);
    get_question(false, NULL);
    confirm(false);
    get_segment(false, peer_mac);
    for (uint8_t last = 10; last < 200; last++) {
        net.now += RS_MSEC;
        ping_from(last);
        assert_int_equal(get_frame(), ETH_TYPE_ARP);
    }
    talk(false);
    get_segment(false, peer_mac);
}

static void as_many_neighbours_are_known_as_the_configuration_says(void **state)
{
    (void)state;
    for (uint32_t most = 20; most <= 40; most += 20) {
        unsigned asked = 0;
        net_config(RS_LINK_ETHERNET);
        net.cfg.neighbours = most;
        net_start();
        for (int round = 0; round < 2; round++) {
            for (uint8_t last = 10; last < 50; last++) {
                net.now += RS_MSEC;
                ping_from(last);
                if (get_frame() == ETH_TYPE_ARP) {
                    asked++;
                    answer_from(last);
                    assert_int_equal(get_frame(), ETH_TYPE_IP4);
                }
                assert_int_equal(got_eth.dst[5], last);
                quiet();
            }
        }
        /* In turn, so that the one longest not sent to is always the one needed next. */
        assert_int_equal(asked, most == 40 ? 40 : 80);
    }
    net.cfg.neighbours = 0;
    assert_int_equal(rs_host_size(&net.cfg), 0);
    net.cfg.neighbours = 1025;
    assert_int_equal(rs_host_size(&net.cfg), 0);
}

static void peer_says(uint16_t flags, uint32_t seq, uint32_t ack, uint16_t port)
{
    struct tcp_seg seg = { .src_port = 80, .dst_port = port, .seq = seq, .ack = ack,
                           .flags = flags, .wnd = 4096 };
    uint8_t datagram[128];
    struct ip4_hdr ip = { .ihl = 5, .ttl = 64, .proto = IP_PROTO_TCP, .src = peer4, .dst = host4 };
    const size_t n = tcp_emit_sum(&seg, &peer4, &host4, datagram + IP4_HEADER, 100);

    ip.total_len = (uint16_t)(IP4_HEADER + n);
    ip4_emit_sum(&ip, datagram, sizeof datagram);
    feed_frame(host_mac, ETH_TYPE_IP4, datagram, IP4_HEADER + n);
}

/* RFC 4861 section 7.3.1, and for ARP RFC 1122 section 2.3.2.1's advice from the layer above. */
static void an_ack_of_new_text_confirms_the_neighbour(void **state)
{
    (void)state;
    for (int progress = 0; progress < 2; progress++) {
        struct rs_status s;
        ethernet_up();
        const int conn = talk(false);
        get_question(false, NULL);
        confirm(false);
        get_segment(false, peer_mac);
        rs_status(net.host, conn, &s);
        const uint16_t port = s.local.port;
        peer_says(TCP_SYN | TCP_ACK, 100, s.iss + 1, port);
        get_segment(false, peer_mac);
        net.now += 31 * RS_SEC;
        rs_send(net.host, conn, "x", 1, RS_PUSH, net.now);
        get_segment(false, peer_mac); /* to one no longer known to be there */
        peer_says(TCP_ACK, 101, s.iss + 1 + (progress ? 1 : 0), port);
        net.now += RS_SEC - 1;
        quiet();
        bool asked = false;
        for (int i = 0; i < 60; i++) {
            net.now += 100 * RS_MSEC;
            while (pull() > 0)
                asked = asked || (net.out[12] == 8 && net.out[13] == 6);
        }
        assert_int_equal(asked, !progress);
    }
}

/* ---- RFC 4861 section 7.2.5 ---------------------------------------------------------------- */

static void an_advertisement_moves_an_entry_only_when_it_is_to_override(void **state)
{
    (void)state;
    ethernet_up();
    talk(true);
    get_question(true, NULL);
    confirm(true);
    get_segment(true, peer_mac);
    advertise(other_mac, ND_SOLICITED);
    talk(true);
    get_segment(true, peer_mac); /* but it is doubted: */
    net.now += 5 * RS_SEC;
    get_question(true, peer_mac);
    advertise(other_mac, ND_OVERRIDE);
    talk(true);
    get_segment(true, other_mac);
    quiet();
}

static void an_advertisement_nobody_waits_for_is_not_noted(void **state)
{
    (void)state;
    ethernet_up();
    advertise(peer_mac, ND_OVERRIDE);
    talk(true);
    get_question(true, NULL);
    advertise(NULL, ND_SOLICITED); /* no address: no answer */
    quiet();
}

static void what_may_have_passed_a_router_is_no_discovery(void **state)
{
    const struct rs_addr group = ip6_solicited_node(&host6);
    const struct said bad[] = {
        { .type = ND_SOLICIT, .target = host6, .hops = 254 },
        { .type = ND_SOLICIT, .target = group },
        { .type = ND_SOLICIT, .target = host6, .src = nobody }, /* not to the group */
        { .type = ND_SOLICIT, .target = host6, .src = nobody, .dst = group, .mac = peer_mac,
          .opt = ND_OPT_SOURCE_MAC },
        { .type = ND_ADVERT, .target = peer6, .hops = 254, .mac = peer_mac,
          .opt = ND_OPT_TARGET_MAC, .flags = ND_SOLICITED },
        { .type = ND_ADVERT, .target = peer6,
          .dst = { .version = 6, .octet = { 0xff, 2, [15] = 1 } },
          .mac = peer_mac, .opt = ND_OPT_TARGET_MAC, .flags = ND_SOLICITED },
        { .type = ND_ADVERT, .target = peer6, .mac = all_mac, .opt = ND_OPT_TARGET_MAC,
          .flags = ND_SOLICITED },
    };
    (void)state;
    ethernet_up();
    talk(true);
    get_question(true, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        feed_nd(bad[i]);
        assert_int_equal(count_of(RS_REASON_ND_BAD), i + 1);
        quiet();
    }
    confirm(true);
    get_segment(true, peer_mac);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_is_asked_three_times_and_the_answer_lets_the_datagram_go),
        cmocka_unit_test(a_question_without_an_answer_is_given_up_with_its_datagram),
        cmocka_unit_test(what_is_believed_goes_stale_and_is_confirmed_by_asking_that_one),
        cmocka_unit_test(a_question_from_the_peer_is_answered_and_its_address_noted_as_stale),
        cmocka_unit_test(many_who_ask_push_out_nobody_we_talk_to),
        cmocka_unit_test(a_flood_of_addresses_made_up_pushes_out_nobody_who_answered),
        cmocka_unit_test(as_many_neighbours_are_known_as_the_configuration_says),
        cmocka_unit_test(an_ack_of_new_text_confirms_the_neighbour),
        cmocka_unit_test(an_advertisement_moves_an_entry_only_when_it_is_to_override),
        cmocka_unit_test(an_advertisement_nobody_waits_for_is_not_noted),
        cmocka_unit_test(what_may_have_passed_a_router_is_no_discovery),
    };
    return cmocka_run_group_tests(tests, test_guard_up, net_down);
}
