/* Duplicate address detection, RFC 4862 section 5.4. */
#include "refstack/net_test.h"

static void solicit(const uint8_t mac[6])
{
    feed_nd((struct said){ .type = ND_SOLICIT, .target = host6, .mac = mac,
                           .opt = ND_OPT_SOURCE_MAC });
}

static void start_dad(void)
{
    ethernet_up();
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
    assert_int_equal(get_frame(), ETH_TYPE_IP6); /* who has the peer's address? */
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
    ethernet_up();
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
        cmocka_unit_test(a_tentative_address_serves_once_nobody_has_claimed_it),
        cmocka_unit_test(a_claimed_address_never_serves),
        cmocka_unit_test(a_valid_address_is_defended),
    };
    return cmocka_run_group_tests(tests, test_guard_up, net_down);
}
