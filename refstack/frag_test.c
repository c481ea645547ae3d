/* Reassembly: an echo request in pieces is answered once it is whole, and only then. */
#include "refstack/net_test.h"

enum { ECHO = 1000, MORE = 1, PATIENCE_S = 60 };

struct cut {
    uint16_t off, len;
    bool more;
};

static uint8_t whole[1500];

/* The echo whose pieces are fed: ECHO octets of ICMP. */
static void prepare(bool ip6)
{
    uint8_t body[ECHO - ICMP_HEADER];

    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (uint8_t)(i * 7);
    icmp_octets(ip6, (struct icmp_msg){ .type = ip6 ? ICMP6_ECHO : ICMP_ECHO, .body = body,
                                        .body_len = sizeof body }, whole, sizeof whole);
}

static void feed_piece(bool ip6, uint16_t id, uint8_t tos, struct cut c)
{
    if (ip6) {
        uint8_t buf[IP6_FRAG_HEADER + 1500];
        const struct ip6_frag f = { .next = IP_PROTO_ICMP6, .id = id,
                                    .off = (uint16_t)(c.off | (c.more ? IP6_MORE : 0)) };
        const size_t n = ip6_frag_emit(&f, buf, sizeof buf);
        memcpy(buf + n, whole + c.off % ECHO, c.len);
        feed6((struct ip6_hdr){ .next = IP6_FRAGMENT, .tclass = tos }, buf, n + c.len);
    } else {
        const struct ip4_hdr h = { .proto = IP_PROTO_ICMP, .id = id, .tos = tos,
                                   .frag = (uint16_t)(c.off / 8 | (c.more ? IP4_MF : 0)) };
        feed4(h, whole + c.off % ECHO, c.len);
    }
}

static void get_reply(bool ip6)
{
    get_icmp(ip6, ip6 ? ICMP6_ECHO_REPLY : ICMP_ECHO_REPLY, 0);
    assert_int_equal(net.icmp.body_len, ECHO - ICMP_HEADER);
    assert_memory_equal(net.icmp.body, whole + ICMP_HEADER, ECHO - ICMP_HEADER);
    quiet();
    assert_int_equal(net.host->pool.used, 0);
    assert_int_equal(rs_deadline(net.host), RS_NEVER);
}

static void start(int ip6)
{
    net_up(RS_LINK_IP);
    prepare(ip6 != 0);
}

static void pieces_in_any_order_and_twice_make_the_whole(void **state)
{
    static const struct cut cut[] = {
        { 0, 304, true }, { 304, 8, true }, { 312, 400, true }, { 712, 288, false }
    };
    static const uint8_t order[][5] = {
        { 0, 1, 2, 3, 9 }, { 3, 2, 1, 0, 9 }, { 2, 0, 3, 1, 9 },
        { 0, 0, 1, 3, 2 }, { 3, 3, 1, 2, 0 },
    };
    (void)state;
    for (int ip6 = 0; ip6 < 2; ip6++) {
        start(ip6);
        for (size_t o = 0; o < sizeof order / sizeof order[0]; o++) {
            for (size_t i = 0; i < 5 && order[o][i] != 9; i++) {
                quiet();
                feed_piece(ip6, (uint16_t)o, 0, cut[order[o][i]]);
            }
            get_reply(ip6);
        }
    }
}

/* RFC 5722: not now and not with any piece still to come. */
static void pieces_that_overlap_condemn_their_datagram(void **state)
{
    static const struct cut bad[][2] = {
        { { 0, 304, true }, { 296, 16, true } },   { { 304, 400, true }, { 0, 312, true } },
        { { 0, 400, true }, { 80, 80, true } },    { { 80, 80, true }, { 0, 400, true } },
        { { 712, 288, false }, { 992, 16, true } }, { { 712, 288, false }, { 712, 280, false } },
        { { 960, 48, true }, { 712, 288, false } }, { { 712, 280, false }, { 712, 288, false } },
        /* The end is said to be where there is more, or twice. */
        { { 704, 296, false }, { 1000, 8, true } }, { { 800, 8, true }, { 304, 8, false } },
        { { 304, 8, false }, { 800, 8, false } },   { { 800, 8, false }, { 304, 8, false } },
    };
    (void)state;
    for (int ip6 = 0; ip6 < 2; ip6++) {
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
            start(ip6);
            feed_piece(ip6, 1, 0, bad[i][0]);
            feed_piece(ip6, 1, 0, bad[i][1]);
            assert_int_equal(count_of(RS_REASON_IP_FRAGMENT), 1);
            feed_piece(ip6, 1, 0, (struct cut){ 0, 504, true });
            feed_piece(ip6, 1, 0, (struct cut){ 504, 496, false });
            quiet();
            net.now += (PATIENCE_S + 1) * RS_SEC;
            quiet(); /* no error about it either */
            assert_int_equal(net.host->pool.used, 0);
            feed_piece(ip6, 1, 0, (struct cut){ 0, 504, true });
            feed_piece(ip6, 1, 0, (struct cut){ 504, 496, false });
            get_reply(ip6);
        }
    }
}

static void the_same_place_with_other_octets_is_an_overlap(void **state)
{
    (void)state;
    for (int ip6 = 0; ip6 < 2; ip6++) {
        start(ip6);
        feed_piece(ip6, 1, 0, (struct cut){ 0, 504, true });
        whole[100] ^= 1;
        feed_piece(ip6, 1, 0, (struct cut){ 0, 504, true });
        whole[100] ^= 1;
        feed_piece(ip6, 1, 0, (struct cut){ 504, 496, false });
        quiet();
        assert_int_equal(count_of(RS_REASON_IP_FRAGMENT), 2);
    }
}

static void time_exceeded_is_sent_only_with_the_first_fragment(void **state)
{
    (void)state;
    for (int ip6 = 0; ip6 < 2; ip6++) {
        start(ip6);
        feed_piece(ip6, 1, 0, (struct cut){ 504, 496, false });
        net.now += PATIENCE_S * RS_SEC;
        assert_int_equal(rs_deadline(net.host), net.now);
        quiet();
        feed_piece(ip6, 2, 0, (struct cut){ 504, 496, false });
        feed_piece(ip6, 2, 0, (struct cut){ 0, 304, true });
        net.now += PATIENCE_S * RS_SEC - 1;
        quiet();
        net.now++;
        get_icmp(ip6, ip6 ? ICMP6_TIME_EXCEEDED : ICMP_TIME_EXCEEDED, 1);
        const size_t quoted = ip6 ? IP6_HEADER + IP6_FRAG_HEADER + 304u : IP4_HEADER + 8u;
        assert_int_equal(net.icmp.body_len, quoted);
        assert_memory_equal(net.icmp.body + (ip6 ? 48 : 20), whole, ip6 ? 304 : 8);
        quiet();
        assert_int_equal(net.host->pool.used, 0);
        assert_int_equal(rs_deadline(net.host), RS_NEVER);
        feed_piece(ip6, 2, 0, (struct cut){ 304, 200, true });
        quiet();
    }
    start(0);
    feed4((struct ip4_hdr){ .proto = IP_PROTO_UDP, .frag = 8 }, whole, 64);
    net.now += PATIENCE_S * RS_SEC;
    quiet();
}

static void a_flood_of_pieces_holds_a_third_of_the_pool_and_four_datagrams(void **state)
{
    (void)state;
    for (int ip6 = 0; ip6 < 2; ip6++) {
        start(ip6);
        for (uint16_t id = 0; id < 500; id++) {
            feed_piece(ip6, id, 0, (struct cut){ (uint16_t)(id * 104 % 60000), 104, true });
            assert_in_range(net.host->pool.used, 0, net.cfg.pages / 3);
            assert_in_range(net.host->n_frag, 0, 4);
        }
        feed_piece(ip6, 1000, 0, (struct cut){ 0, 504, true });
        feed_piece(ip6, 1000, 0, (struct cut){ 504, 496, false });
        get_icmp(ip6, ip6 ? ICMP6_ECHO_REPLY : ICMP_ECHO_REPLY, 0);
        quiet();
        net.now += (PATIENCE_S + 1) * RS_SEC;
        quiet();
        assert_int_equal(net.host->pool.used, 0);
    }
}

static void a_fifth_datagram_pushes_out_the_oldest(void **state)
{
    (void)state;
    net_config(RS_LINK_IP);
    net.cfg.pages = 240;
    net_start();
    prepare(false);
    for (uint16_t id = 1; id <= 5; id++)
        feed_piece(false, id, 0, (struct cut){ 0, 504, true });
    for (uint16_t id = 5; id >= 1; id--) {
        feed_piece(false, id, 0, (struct cut){ 504, 496, false });
        if (id > 1)
            get_icmp(false, ICMP_ECHO_REPLY, 0);
        quiet();
    }
}

static void more_pieces_than_there_are_notes_for_are_refused(void **state)
{
    (void)state;
    for (int ip6 = 0; ip6 < 2; ip6++) {
        start(ip6);
        for (uint16_t off = 0; off + 8 < ECHO; off = (uint16_t)(off + 8))
            feed_piece(ip6, 1, 0, (struct cut){ off, 8, true });
        feed_piece(ip6, 1, 0, (struct cut){ ECHO - 8, 8, false });
        quiet();
        assert_true(count_of(RS_REASON_IP_FRAGMENT) > 0);
    }
}

/* RFC 3168 section 5.3. */
static void congestion_marks_of_the_pieces_are_the_whole_ones(void **state)
{
    enum { NOT_ECT = 0, ECT = 2, CE = 3 };
    (void)state;
    for (int ip6 = 0; ip6 < 2; ip6++) {
        start(ip6);
        feed_piece(ip6, 1, ECT, (struct cut){ 0, 504, true });
        feed_piece(ip6, 1, CE, (struct cut){ 504, 496, false });
        get_icmp(ip6, ip6 ? ICMP6_ECHO_REPLY : ICMP_ECHO_REPLY, 0);
        assert_int_equal(ip6 ? net.ip6.tclass : net.ip4.tos, CE); /* echoed from the request */
        feed_piece(ip6, 2, NOT_ECT, (struct cut){ 0, 504, true });
        feed_piece(ip6, 2, CE, (struct cut){ 504, 496, false });
        quiet();
        assert_int_equal(net.host->pool.used, 0);
    }
}

static void pieces_of_odd_length_or_beyond_the_end_are_refused(void **state)
{
    (void)state;
    start(0);
    feed_piece(false, 1, 0, (struct cut){ 0, 12, true });
    feed_piece(false, 1, 0, (struct cut){ 65528, 16, false });
    quiet();
    assert_int_equal(count_of(RS_REASON_IP_FRAGMENT), 2);
    start(1);
    feed_piece(true, 1, 0, (struct cut){ 0, 12, true });
    get_icmp(true, ICMP6_PARAMETER_PROBLEM, 0);
    assert_int_equal(net.icmp.rest, 4);
    /* A later piece of what may be an ICMPv6 error gets no error. */
    feed_piece(true, 1, 0, (struct cut){ 65528, 16, false });
    quiet();
    uint8_t buf[IP6_FRAG_HEADER + 16] = { 0 };
    const struct ip6_frag beyond = { .next = IP_PROTO_TCP, .off = 65528, .id = 2 };
    ip6_frag_emit(&beyond, buf, sizeof buf);
    feed6((struct ip6_hdr){ .next = IP6_FRAGMENT }, buf, sizeof buf);
    get_icmp(true, ICMP6_PARAMETER_PROBLEM, 0);
    assert_int_equal(net.icmp.rest, IP6_HEADER + 2);
    quiet();
    assert_int_equal(net.host->pool.used, 0);
}

/* RFC 7112. */
static void a_first_fragment_without_the_whole_chain_is_refused(void **state)
{
    uint8_t buf[IP6_FRAG_HEADER + 16] = { 0 };
    const struct ip6_frag f = { .next = IP_PROTO_TCP, .off = IP6_MORE, .id = 1 };
    (void)state;
    start(1);
    ip6_frag_emit(&f, buf, sizeof buf);
    feed6((struct ip6_hdr){ .next = IP6_FRAGMENT }, buf, sizeof buf);
    get_icmp(true, ICMP6_PARAMETER_PROBLEM, 3);
    quiet();
}

/* RFC 6946: it neither joins nor harms pieces of the same identification. */
static void an_atomic_fragment_stands_alone(void **state)
{
    (void)state;
    start(1);
    feed_piece(true, 1, 0, (struct cut){ 0, 504, true });
    feed_piece(true, 1, 0, (struct cut){ 0, ECHO, false });
    get_icmp(true, ICMP6_ECHO_REPLY, 0);
    feed_piece(true, 1, 0, (struct cut){ 504, 496, false });
    get_reply(true);
}

static void a_segment_in_pieces_reaches_tcp(void **state)
{
    uint8_t syn[64];
    (void)state;
    net_up(RS_LINK_IP);
    const size_t n = syn_octets(false, syn, sizeof syn);
    feed4((struct ip4_hdr){ .proto = IP_PROTO_TCP, .id = 5, .frag = 1 }, syn + 8, n - 8);
    quiet();
    feed4((struct ip4_hdr){ .proto = IP_PROTO_TCP, .id = 5, .frag = IP4_MF }, syn, 8);
    get_rst(false);
    quiet();
}

/* With pages enough for the largest datagram, so that it is not for want of them. */
static void a_piece_that_ends_beyond_the_largest_datagram_is_refused(void **state)
{
    (void)state;
    net_config(RS_LINK_IP);
    net.cfg.pages = 1024;
    net_start();
    prepare(false);
    feed_piece(false, 1, 0, (struct cut){ 0, 800, true });
    const uint32_t held = net.host->pool.used;
    feed_piece(false, 1, 0, (struct cut){ 65528, 16, false });
    quiet();
    assert_int_equal(count_of(RS_REASON_IP_FRAGMENT), 1);
    assert_int_equal(net.host->pool.used, held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_in_any_order_and_twice_make_the_whole),
        cmocka_unit_test(pieces_that_overlap_condemn_their_datagram),
        cmocka_unit_test(the_same_place_with_other_octets_is_an_overlap),
        cmocka_unit_test(time_exceeded_is_sent_only_with_the_first_fragment),
        cmocka_unit_test(a_flood_of_pieces_holds_a_third_of_the_pool_and_four_datagrams),
        cmocka_unit_test(a_fifth_datagram_pushes_out_the_oldest),
        cmocka_unit_test(more_pieces_than_there_are_notes_for_are_refused),
        cmocka_unit_test(congestion_marks_of_the_pieces_are_the_whole_ones),
        cmocka_unit_test(pieces_of_odd_length_or_beyond_the_end_are_refused),
        cmocka_unit_test(a_first_fragment_without_the_whole_chain_is_refused),
        cmocka_unit_test(an_atomic_fragment_stands_alone),
        cmocka_unit_test(a_segment_in_pieces_reaches_tcp),
        cmocka_unit_test(a_piece_that_ends_beyond_the_largest_datagram_is_refused),
    };
    return cmocka_run_group_tests(tests, test_guard_up, net_down);
}
