/* Neighbours on Ethernet: ARP and Neighbour Discovery, in the same states; duplicate addresses. */
#include "refstack/net_test.h"

static const uint8_t host_mac[6] = { 2, 0, 0, 0, 0, 1 };
static const uint8_t other_mac[6] = { 2, 0, 0, 0, 0, 9 };
static const uint8_t all_mac[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const struct rs_addr nobody = { .version = 6 };

/* ---- What the peer says ------------------------------------------------------------------ */

static void feed_frame(const uint8_t dst[6], uint16_t type, const uint8_t *p, size_t len)
{
    uint8_t buf[512];
    struct eth_hdr eth = { .type = type };

    memcpy(eth.dst, dst, 6);
    memcpy(eth.src, peer_mac, 6);
    const size_t n = eth_emit(&eth, buf, sizeof buf);
    memcpy(buf + n, p, len);
    feed(buf, n + len);
}

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

/* A solicitation or advertisement; zeros mean what is usual. */
struct said {
    uint8_t type;
    uint32_t flags;
    struct rs_addr src, dst, target;
    const uint8_t *mac;
    uint8_t opt; /* the option that carries it */
    uint8_t hops;
};

static void feed_nd(struct said s)
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

static struct eth_hdr got_eth;

static uint16_t get_frame(void)
{
    assert_true(pull() > 0);
    assert_int_equal(eth_parse(&got_eth, net.out, net.n), WIRE_OK);
    assert_memory_equal(got_eth.src, host_mac, 6);
    return got_eth.type;
}

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
static void talk(bool ip6)
{
    const struct rs_endpoint any = { .port = 0 };
    const struct rs_endpoint to = { .addr = ip6 ? peer6 : peer4, .port = 80 };

    assert_true(rs_open_active(net.host, &any, &to, net.now) >= 0);
}

static void get_segment(bool ip6, const uint8_t mac[6])
{
    assert_int_equal(get_frame(), ip6 ? ETH_TYPE_IP6 : ETH_TYPE_IP4);
    assert_memory_equal(got_eth.dst, mac, 6);
}

static void start(void)
{
    net_config(RS_LINK_ETHERNET);
    memcpy(net.cfg.mac, host_mac, 6);
    net.cfg.tcp.rto_initial = net.cfg.tcp.rto_max = 1000 * RS_SEC; /* no retransmission between */
    net.cfg.tcp.r2_syn = 10000 * RS_SEC;
    net_start();
}

/* ---- States ------------------------------------------------------------------------------- */

static void a_question_is_asked_three_times_and_the_answer_lets_the_datagram_go(void **state)
{
    (void)state;
    for (int ip6 = 0; ip6 < 2; ip6++) {
        start();
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
        start();
        talk(ip6);
        for (int i = 0; i < 3; i++) {
            get_question(ip6, NULL);
            net.now += RS_SEC;
        }
        quiet();
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
        start();
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
        start();
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
    start();
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

/* ---- RFC 4861 section 7.2.5 ---------------------------------------------------------------- */

static void an_advertisement_moves_an_entry_only_when_it_is_to_override(void **state)
{
    (void)state;
    start();
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
    start();
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
    start();
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

/* ---- Duplicate addresses -------------------------------------------------------------------- */

static void start_dad(void)
{
    start();
    net.cfg.dad = true;
    net_start();
}

/* Both addresses, the link-local one too, are asked for from nobody. */
static void get_dad_probe(const struct rs_addr *target)
{
    const struct rs_addr group = ip6_solicited_node(target);
    struct icmp_msg m;
    struct nd_msg n;

    assert_int_equal(get_frame(), ETH_TYPE_IP6);
    assert_int_equal(ip6_parse(&net.ip6, net.out + ETH_HEADER, net.n - ETH_HEADER), WIRE_OK);
    assert_true(ip_is_unspecified(&net.ip6.src));
    assert_true(rs_addr_eq(&net.ip6.dst, &group));
    assert_int_equal(icmp_parse(&m, net.ip6.payload, net.ip6.payload_len), WIRE_OK);
    assert_int_equal(nd_parse(&n, &m), WIRE_OK);
    assert_true(rs_addr_eq(&n.target, target));
    assert_int_equal(n.opt_len, 0);
}

static int open6(void)
{
    const struct rs_endpoint from = { .addr = host6, .port = 0 };
    const struct rs_endpoint to = { .addr = peer6, .port = 80 };

    return rs_open_active(net.host, &from, &to, net.now);
}

static void a_tentative_address_serves_once_nobody_has_claimed_it(void **state)
{
    const struct rs_addr link_local = {
        .version = 6, .octet = { 0xfe, 0x80, [11] = 0xff, 0xfe, [15] = 1 }
    };
    (void)state;
    start_dad();
    assert_int_equal(open6(), RS_EINVAL);
    get_dad_probe(&host6);
    get_dad_probe(&link_local);
    quiet();
    solicit(peer_mac); /* somebody looks for it: no answer yet */
    quiet();
    net.now += RS_SEC - 1;
    quiet();
    assert_int_equal(open6(), RS_EINVAL);
    net.now++;
    quiet();
    assert_true(open6() >= 0);
    get_question(true, NULL);
    quiet();
    assert_int_equal(rs_deadline(net.host), net.now + RS_SEC);
}

static void a_claimed_address_never_serves(void **state)
{
    (void)state;
    for (int by_probe = 0; by_probe < 2; by_probe++) {
        start_dad();
        while (pull())
            ;
        if (by_probe)
            feed_nd((struct said){ .type = ND_SOLICIT, .src = nobody, .target = host6,
                                   .dst = ip6_solicited_node(&host6) });
        else
            feed_nd((struct said){ .type = ND_ADVERT, .flags = ND_OVERRIDE, .target = host6,
                                   .dst = { .version = 6, .octet = { 0xff, 2, [15] = 1 } },
                                   .mac = peer_mac, .opt = ND_OPT_TARGET_MAC });
        net.now += 10 * RS_SEC;
        quiet();
        assert_int_equal(open6(), RS_EINVAL);
        solicit(peer_mac);
        quiet();
    }
}

/* Somebody else's probe for an address of ours is answered to all, before it takes it. */
static void a_valid_address_is_defended(void **state)
{
    static const uint8_t all_nodes_mac[6] = { 0x33, 0x33, 0, 0, 0, 1 };
    (void)state;
    start();
    feed_nd((struct said){ .type = ND_SOLICIT, .src = nobody, .target = host6,
                           .dst = ip6_solicited_node(&host6) });
    assert_int_equal(get_frame(), ETH_TYPE_IP6);
    assert_memory_equal(got_eth.dst, all_nodes_mac, 6);
    assert_int_equal(ip6_parse(&net.ip6, net.out + ETH_HEADER, net.n - ETH_HEADER), WIRE_OK);
    struct icmp_msg m;
    assert_int_equal(icmp_parse(&m, net.ip6.payload, net.ip6.payload_len), WIRE_OK);
    assert_int_equal(m.type, ND_ADVERT);
    assert_int_equal(m.rest, ND_OVERRIDE);
    quiet();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_is_asked_three_times_and_the_answer_lets_the_datagram_go),
        cmocka_unit_test(a_question_without_an_answer_is_given_up_with_its_datagram),
        cmocka_unit_test(what_is_believed_goes_stale_and_is_confirmed_by_asking_that_one),
        cmocka_unit_test(a_question_from_the_peer_is_answered_and_its_address_noted_as_stale),
        cmocka_unit_test(many_who_ask_push_out_nobody_we_talk_to),
        cmocka_unit_test(an_advertisement_moves_an_entry_only_when_it_is_to_override),
        cmocka_unit_test(an_advertisement_nobody_waits_for_is_not_noted),
        cmocka_unit_test(what_may_have_passed_a_router_is_no_discovery),
        cmocka_unit_test(a_tentative_address_serves_once_nobody_has_claimed_it),
        cmocka_unit_test(a_claimed_address_never_serves),
        cmocka_unit_test(a_valid_address_is_defended),
    };
    return cmocka_run_group_tests(tests, test_guard_up, net_down);
}
