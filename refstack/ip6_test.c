/* IPv6 received: addresses, extension headers, options.  A SYN to a closed port behind the headers
 * shows by its RST that they let it through. */
#include "refstack/net_test.h"

/* Headers given as octets, the last one's next header left for the SYN. */
struct chain_of {
    uint8_t first; /* the kind of the first */
    uint8_t octets[256];
    size_t len;
};

static void chain_add(struct chain_of *c, uint8_t kind, const uint8_t *content, size_t len)
{
    static size_t last;
    const size_t at = c->len;
    const size_t padded = (len + 2 + 7) / 8 * 8;

    if (at)
        c->octets[last] = kind;
    else
        c->first = kind;
    memset(c->octets + at, 0, padded);
    c->octets[at] = IP_PROTO_TCP;
    c->octets[at + 1] = (uint8_t)(padded / 8 - 1);
    memcpy(c->octets + at + 2, content, len);
    last = at;
    c->len += padded;
}

static void feed_chain(const struct chain_of *c)
{
    uint8_t buf[512];

    memcpy(buf, c->octets, c->len);
    const size_t n = syn_octets(true, buf + c->len, sizeof buf - c->len);
    feed6((struct ip6_hdr){ .next = c->first }, buf, c->len + n);
}

static void feed_one(uint8_t kind, const uint8_t *content, size_t len)
{
    struct chain_of c = { .len = 0 };

    chain_add(&c, kind, content, len);
    feed_chain(&c);
}

static void a_segment_behind_every_known_header_reaches_tcp(void **state)
{
    const uint8_t padding[] = { 1, 4, 0, 0, 0, 0 };
    const uint8_t pads[] = { 0, 0, 0, 0, 0, 0 };
    const uint8_t routing[] = { 0, 0, 0, 0, 0, 0 };
    const uint8_t atomic[] = { 0, 0, 0, 0, 0, 9 };
    struct chain_of c = { .len = 0 };
    (void)state;
    net_up(RS_LINK_IP);
    chain_add(&c, IP6_HOP_BY_HOP, padding, sizeof padding);
    chain_add(&c, IP6_DESTINATION, pads, sizeof pads);
    chain_add(&c, IP6_ROUTING, routing, sizeof routing);
    chain_add(&c, IP6_FRAGMENT, atomic, sizeof atomic);
    chain_add(&c, IP6_DESTINATION, padding, sizeof padding);
    feed_chain(&c);
    get_rst(true);
    quiet();
}

/* The two highest bits of an option's type: skip, drop, answer, answer unless to a group. */
static void an_unknown_option_is_treated_as_its_type_asks(void **state)
{
    (void)state;
    net_up(RS_LINK_IP);
    for (unsigned kind = IP6_HOP_BY_HOP; kind <= IP6_DESTINATION; kind += IP6_DESTINATION) {
        for (unsigned action = 0; action < 4; action++) {
            const uint8_t option[] = { 1, 0, (uint8_t)(action << 6 | 30), 2, 0, 0 };
            feed_one((uint8_t)kind, option, sizeof option);
            if (action == 0) {
                get_rst(true);
            } else if (action >= 2) {
                get_icmp(true, ICMP6_PARAMETER_PROBLEM, 2);
                assert_int_equal(net.icmp.rest, IP6_HEADER + 4);
            }
            quiet();
        }
    }
    assert_int_equal(count_of(RS_REASON_IP_EXTENSION), 6);
}

static void an_option_that_asks_for_no_answer_to_a_group_gets_none(void **state)
{
    const struct rs_addr all = { .version = 6, .octet = { 0xff, 2, [15] = 1 } };
    const struct icmp_msg echo = { .type = ICMP6_ECHO };
    (void)state;
    net_up(RS_LINK_IP);
    for (unsigned action = 2; action < 4; action++) {
        uint8_t buf[8 + ICMP_HEADER] = { IP_PROTO_ICMP6, 0, (uint8_t)(action << 6 | 30), 4 };
        icmp6_emit_sum(&echo, &peer6, &all, buf + 8, ICMP_HEADER);
        feed6((struct ip6_hdr){ .next = IP6_DESTINATION, .dst = all }, buf, sizeof buf);
        if (action == 2) {
            get_icmp(true, ICMP6_PARAMETER_PROBLEM, 2);
            assert_true(rs_addr_eq(&net.ip6.src, &host6));
        }
        quiet();
    }
}

static void a_routing_header_that_asks_for_a_hop_is_refused(void **state)
{
    const uint8_t type0[] = { 0, 1, 0, 0, 0, 0 };
    (void)state;
    net_up(RS_LINK_IP);
    feed_one(IP6_ROUTING, type0, sizeof type0);
    get_icmp(true, ICMP6_PARAMETER_PROBLEM, 0);
    assert_int_equal(net.icmp.rest, IP6_HEADER + 2);
    quiet();
}

static void hop_by_hop_options_stand_first_or_not_at_all(void **state)
{
    const uint8_t pads[6] = { 0 };
    struct chain_of c = { .len = 0 };
    (void)state;
    net_up(RS_LINK_IP);
    chain_add(&c, IP6_DESTINATION, pads, sizeof pads);
    chain_add(&c, IP6_HOP_BY_HOP, pads, sizeof pads);
    feed_chain(&c);
    get_icmp(true, ICMP6_PARAMETER_PROBLEM, 1);
    assert_int_equal(net.icmp.rest, IP6_HEADER);
    quiet();
}

static void eight_headers_and_eight_options_are_the_most(void **state)
{
    const uint8_t pads[6] = { 0 };
    (void)state;
    net_up(RS_LINK_IP);
    for (unsigned n = 7; n < 10; n++) {
        struct chain_of c = { .len = 0 };
        for (unsigned i = 0; i < n; i++)
            chain_add(&c, IP6_DESTINATION, pads, sizeof pads);
        feed_chain(&c);
        if (n <= 8)
            get_rst(true);
        quiet();
    }
    for (unsigned n = 7; n < 10; n++) {
        uint8_t options[30];
        for (unsigned i = 0; i < 10; i++)
            memcpy(options + 3 * i, i < n ? (uint8_t[]){ 30, 1, 0 } : (uint8_t[]){ 1, 1, 0 }, 3);
        feed_one(IP6_DESTINATION, options, 3 * n);
        if (n <= 8)
            get_rst(true);
        quiet();
    }
    const uint8_t long_padding[] = { 1, 6, 0, 0, 0, 0, 0, 0 };
    feed_one(IP6_DESTINATION, long_padding, sizeof long_padding);
    quiet();
    assert_int_equal(count_of(RS_REASON_IP_EXTENSION), 3);
}

static void no_next_header_ends_a_datagram_in_silence(void **state)
{
    (void)state;
    net_up(RS_LINK_IP);
    feed6((struct ip6_hdr){ .next = IP6_NO_NEXT }, (const uint8_t *)"rest", 4);
    quiet();
}

static void tcp_to_a_group_is_not_answered(void **state)
{
    const struct rs_addr all = { .version = 6, .octet = { 0xff, 2, [15] = 1 } };
    const struct tcp_seg syn = { .src_port = 5000, .dst_port = CLOSED_PORT, .flags = TCP_SYN };
    uint8_t buf[64];
    (void)state;
    net_up(RS_LINK_IP);
    const size_t n = tcp_emit_sum(&syn, &peer6, &all, buf, sizeof buf);
    feed6((struct ip6_hdr){ .next = IP_PROTO_TCP, .dst = all }, buf, n);
    quiet();
    assert_int_equal(count_of(RS_REASON_IP_PROTOCOL), 1);
}

/* Cut anywhere, its length field made to agree or not, a datagram full of headers is dropped or
 * answered by one error, and never read past its end. */
static void every_truncation_is_survived(void **state)
{
    const uint8_t option[] = { 1, 0, 30, 2, 0, 0 };
    const uint8_t piece[] = { 0, 1, 0, 0, 0, 1 };
    struct chain_of c = { .len = 0 };
    uint8_t wire[512];
    (void)state;
    chain_add(&c, IP6_HOP_BY_HOP, option, sizeof option);
    chain_add(&c, IP6_ROUTING, (const uint8_t[6]){ 0 }, 6);
    chain_add(&c, IP6_DESTINATION, option, sizeof option);
    chain_add(&c, IP6_FRAGMENT, piece, sizeof piece);
    const struct ip6_hdr ip = { .next = c.first, .hops = 64, .src = peer6, .dst = host6 };
    size_t len = ip6_emit(&ip, wire, sizeof wire);
    memcpy(wire + len, c.octets, c.len);
    len += c.len;
    len += syn_octets(true, wire + len, sizeof wire - len);
    net_up(RS_LINK_IP);
    for (size_t n = 0; n <= len; n++) {
        const size_t says[] = { len - IP6_HEADER, n > IP6_HEADER ? n - IP6_HEADER : 0, 0xffff };
        for (unsigned i = 0; i < 3; i++) {
            wire[4] = (uint8_t)(says[i] >> 8);
            wire[5] = (uint8_t)says[i];
            feed(wire, n);
            net.now += RS_SEC;
            if (pull())
                quiet();
        }
    }
}

static void random_octets_in_every_header_are_survived(void **state)
{
    struct test_rand r = { 6 };
    (void)state;
    net_up(RS_LINK_IP);
    for (int i = 0; i < 20000; i++) {
        static const uint8_t kinds[] = { 0, 43, 44, 60, 58, 6, 59, 17 };
        uint8_t payload[200];
        const size_t len = test_rand_below(&r, sizeof payload);
        test_rand_fill(&r, payload, len);
        for (size_t k = 0; k + 8 <= len; k += 8) {
            payload[k] = kinds[test_rand_below(&r, 8)];
            payload[k + 1] &= 3;
        }
        feed6((struct ip6_hdr){ .next = kinds[test_rand_below(&r, 8)] }, payload, len);
        net.now += RS_MSEC;
        while (pull())
            ;
    }
    net.now += 61 * RS_SEC;
    while (pull())
        ;
    assert_int_equal(net.host->pool.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_segment_behind_every_known_header_reaches_tcp),
        cmocka_unit_test(an_unknown_option_is_treated_as_its_type_asks),
        cmocka_unit_test(an_option_that_asks_for_no_answer_to_a_group_gets_none),
        cmocka_unit_test(a_routing_header_that_asks_for_a_hop_is_refused),
        cmocka_unit_test(hop_by_hop_options_stand_first_or_not_at_all),
        cmocka_unit_test(eight_headers_and_eight_options_are_the_most),
        cmocka_unit_test(no_next_header_ends_a_datagram_in_silence),
        cmocka_unit_test(tcp_to_a_group_is_not_answered),
        cmocka_unit_test(every_truncation_is_survived),
        cmocka_unit_test(random_octets_in_every_header_are_survived),
    };
    return cmocka_run_group_tests(tests, test_guard_up, net_down);
}
