/* Addresses: which are ours, which are anybody's, from which to send, and where to first. */
#include "refstack/net_test.h"

static struct rs_addr v6(uint8_t a, uint8_t b, uint8_t third, uint8_t last)
{
    return (struct rs_addr){ .version = 6, .octet = { a, b, [5] = third, [15] = last } };
}

static void start(void)
{
    net_config(RS_LINK_ETHERNET);
    net.cfg.gateway = rs_ip4(192, 0, 2, 254);
    net.cfg.gateway6 = v6(0xfe, 0x80, 0, 0xfe);
    net.cfg.more[0] = (struct rs_net){ rs_ip4(10, 1, 2, 3), 8 };
    net.cfg.more[1] = (struct rs_net){ v6(0x20, 1, 7, 5), 48 };
    net_start();
}

static void the_source_suits_the_destination(void **state)
{
    static const struct {
        struct rs_addr dst, src;
    } want[] = {
        { { .version = 4, .octet = { 192, 0, 2, 77 } },
          { .version = 4, .octet = { 192, 0, 2, 1 } } },
        { { .version = 4, .octet = { 10, 9, 9, 9 } }, { .version = 4, .octet = { 10, 1, 2, 3 } } },
        { { .version = 4, .octet = { 127, 0, 0, 5 } },
          { .version = 4, .octet = { 127, 0, 0, 5 } } },
        { { .version = 6, .octet = { 0x20, 1, 0x0d, 0xb8, [15] = 9 } },
          { .version = 6, .octet = { 0x20, 1, 0x0d, 0xb8, [15] = 1 } } },
        { { .version = 6, .octet = { 0x20, 1, [5] = 7, [15] = 9 } },
          { .version = 6, .octet = { 0x20, 1, [5] = 7, [15] = 5 } } },
        { { .version = 6, .octet = { 0xfe, 0x80, [15] = 9 } },
          { .version = 6, .octet = { 0xfe, 0x80, [11] = 0xff, 0xfe, [15] = 1 } } },
        { { .version = 6, .octet = { [15] = 1 } }, { .version = 6, .octet = { [15] = 1 } } },
        /* Our own address is the source for itself. */
        { { .version = 6, .octet = { 0x20, 1, [5] = 7, [15] = 5 } },
          { .version = 6, .octet = { 0x20, 1, [5] = 7, [15] = 5 } } },
    };
    (void)state;
    start();
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        struct rs_addr src;
        assert_true(ip_source_for(net.host, &want[i].dst, &src));
        assert_true(rs_addr_eq(&src, &want[i].src));
    }
}

static void a_host_of_one_version_has_no_source_for_the_other(void **state)
{
    struct rs_addr src;
    (void)state;
    start();
    net.cfg.addr = (struct rs_addr){ .version = 0 };
    net.cfg.more[0].addr.version = 0;
    net_start();
    assert_false(ip_source_for(net.host, &peer4, &src));
    assert_true(ip_source_for(net.host, &peer6, &src));
    net_config(RS_LINK_ETHERNET);
    net.cfg.addr6.version = 0;
    net_start();
    assert_true(ip_source_for(net.host, &peer4, &src));
    assert_false(ip_source_for(net.host, &peer6, &src));
}

static void what_shares_no_network_goes_to_the_router(void **state)
{
    const struct rs_addr on_link[] = { peer4, rs_ip4(10, 200, 0, 1), peer6, v6(0x20, 1, 7, 99),
                                       v6(0xfe, 0x80, 0, 7) };
    const struct rs_addr far4 = rs_ip4(198, 51, 100, 1), far6 = v6(0x2a, 0, 1, 1);
    (void)state;
    start();
    for (size_t i = 0; i < sizeof on_link / sizeof on_link[0]; i++) {
        const struct rs_addr hop = ip_next_hop(net.host, 0, &on_link[i]);
        assert_true(rs_addr_eq(&hop, &on_link[i]));
    }
    struct rs_addr hop = ip_next_hop(net.host, 0, &far4);
    assert_true(rs_addr_eq(&hop, &net.cfg.gateway));
    hop = ip_next_hop(net.host, 0, &far6);
    assert_true(rs_addr_eq(&hop, &net.cfg.gateway6));
}

static void only_one_hosts_addresses_are_unicast(void **state)
{
    const struct rs_addr no[] = {
        rs_ip4(0, 0, 0, 0), rs_ip4(0, 1, 2, 3), rs_ip4(127, 0, 0, 1), rs_ip4(224, 0, 0, 1),
        rs_ip4(240, 0, 0, 1), rs_ip4(255, 255, 255, 255), rs_ip4(192, 0, 2, 255),
        rs_ip4(10, 255, 255, 255), v6(0, 0, 0, 0), v6(0, 0, 0, 1), v6(0xff, 2, 0, 1),
        { .version = 6, .octet = { [10] = 0xff, 0xff, 192, 0, 2, 2 } }, { .version = 0 },
    };
    const struct rs_addr yes[] = { peer4, rs_ip4(10, 255, 255, 254), rs_ip4(198, 51, 100, 255),
                                   peer6, v6(0xfe, 0x80, 0, 1), v6(0xfd, 0, 0, 1) };
    (void)state;
    start();
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        assert_false(ip_is_unicast(net.host, &no[i]));
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        assert_true(ip_is_unicast(net.host, &yes[i]));
    assert_true(ip_is_host(net.host, &no[2]) && ip_is_host(net.host, &no[9]));
}

static void every_group_joined_is_all_nodes_or_an_address_of_ours(void **state)
{
    const struct rs_addr yes[] = { v6(0xff, 1, 0, 1), v6(0xff, 2, 0, 1),
                                   ip6_solicited_node(&host6) };
    const struct rs_addr no[] = { v6(0xff, 2, 0, 2), v6(0xff, 5, 0, 1), ip6_solicited_node(&peer6),
                                  rs_ip4(224, 0, 0, 1) };
    (void)state;
    start();
    const struct rs_addr more = ip6_solicited_node(&net.cfg.more[1].addr);
    assert_true(ip_is_joined(net.host, &more));
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        assert_true(ip_is_joined(net.host, &yes[i]));
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        assert_false(ip_is_joined(net.host, &no[i]));
}

static void a_configuration_that_cannot_be_is_refused(void **state)
{
    struct rs_config c;
    (void)state;
    start();
    assert_true(rs_host_size(&net.cfg) > 0);
    c = net.cfg, c.mtu = 1279;
    assert_int_equal(rs_host_size(&c), 0);
    c = net.cfg, c.prefix6 = 129;
    assert_int_equal(rs_host_size(&c), 0);
    c = net.cfg, c.addr6 = v6(0xff, 2, 0, 1);
    assert_int_equal(rs_host_size(&c), 0);
    c = net.cfg, c.addr6 = rs_ip4(10, 0, 0, 1);
    assert_int_equal(rs_host_size(&c), 0);
    c = net.cfg, c.more[3].addr = rs_ip4(127, 0, 0, 1);
    assert_int_equal(rs_host_size(&c), 0);
    c = net.cfg, c.addr.version = c.addr6.version = 0;
    assert_int_equal(rs_host_size(&c), 0);
    c = net.cfg, c.addr.version = 5;
    assert_int_equal(rs_host_size(&c), 0);
}

/* What is ours or loopback never comes from outside (RFC 1122 section 3.2.1.3). */
static void the_wire_brings_nothing_of_this_host(void **state)
{
    const struct rs_addr loop6 = v6(0, 0, 0, 1), other6 = v6(0x20, 1, 7, 5);
    uint8_t syn[64];
    (void)state;
    start();
    net.cfg.link = RS_LINK_IP;
    net_start();
    size_t n = syn_octets(false, syn, sizeof syn);
    feed4((struct ip4_hdr){ .proto = IP_PROTO_TCP, .dst = rs_ip4(127, 0, 0, 1) }, syn, n);
    feed4((struct ip4_hdr){ .proto = IP_PROTO_TCP, .src = rs_ip4(10, 1, 2, 3) }, syn, n);
    n = syn_octets(true, syn, sizeof syn);
    feed6((struct ip6_hdr){ .next = IP_PROTO_TCP, .dst = loop6 }, syn, n);
    feed6((struct ip6_hdr){ .next = IP_PROTO_TCP, .src = loop6 }, syn, n);
    feed6((struct ip6_hdr){ .next = IP_PROTO_TCP, .src = other6 }, syn, n);
    quiet();
    assert_int_equal(count_of(RS_REASON_IP_NOT_OURS), 2);
    assert_int_equal(count_of(RS_REASON_IP_BAD_ADDRESS), 3);
    feed6((struct ip6_hdr){ .next = IP_PROTO_TCP }, syn, n);
    get_rst(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_source_suits_the_destination),
        cmocka_unit_test(a_host_of_one_version_has_no_source_for_the_other),
        cmocka_unit_test(what_shares_no_network_goes_to_the_router),
        cmocka_unit_test(only_one_hosts_addresses_are_unicast),
        cmocka_unit_test(every_group_joined_is_all_nodes_or_an_address_of_ours),
        cmocka_unit_test(a_configuration_that_cannot_be_is_refused),
        cmocka_unit_test(the_wire_brings_nothing_of_this_host),
    };
    return cmocka_run_group_tests(tests, test_guard_up, net_down);
}
