/* Echo replies larger than the link's MTU go in pieces that make the request's octets again. */
#include "refstack/net_test.h"

enum { BODY = 3000 };

static void up(uint16_t mtu)
{
    net_config(RS_LINK_IP);
    net.cfg.mtu = mtu;
    net.cfg.pages = 256;
    if (mtu < IP6_MIN_MTU)
        net.cfg.addr6.version = 0;
    net_start();
}

static void ask(bool ip6, uint32_t rest, size_t len)
{
    uint8_t body[3900];

    for (size_t i = 0; i < len; i++)
        body[i] = (uint8_t)(i * 7 + i / 256);
    feed_icmp(ip6, (struct icmp_msg){ .type = ip6 ? ICMP6_ECHO : ICMP_ECHO, .rest = rest,
                                      .body = body, .body_len = len });
}

/* One piece, checked against what came before: its octets go to `whole`.  Returns whether more
 * follow. */
static bool get_piece(bool ip6, uint8_t *whole, size_t *have, uint32_t *id, uint16_t mtu)
{
    assert_true(pull() > 0);
    assert_true(net.n <= mtu);
    if (!ip6) {
        struct ip4_hdr ip;
        assert_int_equal(ip4_parse(&ip, net.out, net.n), WIRE_OK);
        assert_true(ip4_checksum_ok(net.out, IP4_HEADER));
        assert_true(rs_addr_eq(&ip.src, &host4) && rs_addr_eq(&ip.dst, &peer4));
        assert_int_equal(ip.proto, IP_PROTO_ICMP);
        assert_false(ip.frag & IP4_DF);
        assert_int_equal((ip.frag & IP4_OFFSET) * 8u, *have);
        assert_true(*have == 0 || ip.id == *id);
        *id = ip.id;
        memcpy(whole + *have, ip.payload, ip.payload_len);
        *have += ip.payload_len;
        return (ip.frag & IP4_MF) != 0;
    }
    struct ip6_hdr ip;
    struct ip6_frag f;
    assert_int_equal(ip6_parse(&ip, net.out, net.n), WIRE_OK);
    assert_int_equal(ip.next, IP6_FRAGMENT);
    assert_int_equal(ip6_frag_parse(&f, ip.payload, ip.payload_len), WIRE_OK);
    assert_int_equal(f.next, IP_PROTO_ICMP6);
    assert_int_equal(f.off & IP6_OFFSET, *have);
    assert_true(*have == 0 || f.id == *id);
    *id = f.id;
    memcpy(whole + *have, ip.payload + IP6_FRAG_HEADER, ip.payload_len - IP6_FRAG_HEADER);
    *have += ip.payload_len - IP6_FRAG_HEADER;
    return (f.off & IP6_MORE) != 0;
}

static unsigned get_reply(bool ip6, uint32_t rest, size_t len, uint32_t *id, uint16_t mtu)
{
    uint8_t whole[8192];
    size_t have = 0;
    unsigned pieces = 1;
    struct icmp_msg m;

    while (get_piece(ip6, whole, &have, id, mtu)) {
        assert_int_equal(have % 8, 0);
        pieces++;
    }
    assert_int_equal(have, ICMP_HEADER + len);
    assert_int_equal(icmp_parse(&m, whole, have), WIRE_OK);
    assert_true(ip6 ? icmp6_checksum_ok(&host6, &peer6, whole, have)
                    : icmp_checksum_ok(whole, have));
    assert_int_equal(m.type, ip6 ? ICMP6_ECHO_REPLY : ICMP_ECHO_REPLY);
    assert_int_equal(m.rest, rest);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(m.body[i], (uint8_t)(i * 7 + i / 256));
    return pieces;
}

static void a_long_echo_comes_back_in_pieces_that_fit_the_link(void **state)
{
    (void)state;
    for (int ip6 = 0; ip6 < 2; ip6++) {
        uint32_t id;
        up(1400);
        ask(ip6 != 0, 77, BODY);
        assert_int_equal(get_reply(ip6 != 0, 77, BODY, &id, 1400), 3);
        quiet();
    }
}

/* RFC 6864 section 4.2: or the pieces of two would be put together. */
static void two_in_pieces_have_each_an_identification(void **state)
{
    (void)state;
    for (int ip6 = 0; ip6 < 2; ip6++) {
        uint32_t id[2];
        up(1400);
        for (uint32_t i = 0; i < 2; i++) {
            ask(ip6 != 0, i, BODY);
            get_reply(ip6 != 0, i, BODY, &id[i], 1400);
        }
        assert_int_not_equal(id[0], id[1]);
        quiet();
    }
}

/* One octet decides. */
static void what_just_fits_is_not_cut(void **state)
{
    const size_t fits = 1400 - IP4_HEADER - ICMP_HEADER;
    uint32_t id;

    (void)state;
    up(1400);
    ask(false, 1, fits);
    assert_int_equal(get_ip(false), IP_PROTO_ICMP);
    assert_int_equal(net.ip4.frag, IP4_DF);
    assert_int_equal(net.n, 1400);
    ask(false, 2, fits + 1);
    assert_int_equal(get_reply(false, 2, fits + 1, &id, 1400), 2);
    quiet();
}

static void a_reply_for_which_there_is_no_room_is_not_begun(void **state)
{
    uint32_t id;

    (void)state;
    up(576);
    ask(false, 1, 3900);
    assert_int_equal(get_reply(false, 1, 3900, &id, 576), 8);
    ask(false, 2, 8);    /* takes one of the places */
    ask(false, 3, 3900); /* that this one would need */
    assert_int_equal(get_ip(false), IP_PROTO_ICMP);
    assert_int_equal(net.n, IP4_HEADER + ICMP_HEADER + 8);
    quiet();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_echo_comes_back_in_pieces_that_fit_the_link),
        cmocka_unit_test(two_in_pieces_have_each_an_identification),
        cmocka_unit_test(what_just_fits_is_not_cut),
        cmocka_unit_test(a_reply_for_which_there_is_no_room_is_not_begun),
    };
    return cmocka_run_group_tests(tests, test_guard_up, net_down);
}
