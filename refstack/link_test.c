/* Ethernet and ARP: RFC 826 and RFC 1122 section 2.3.2, by the frames that go in and come out. */
#include "refstack/peer.h"

static const uint8_t peer_mac[6] = { 2, 0, 0, 0, 0, 9 };
static const uint8_t everybody[6] = { 255, 255, 255, 255, 255, 255 };

static void ethernet_up(void)
{
    struct rs_config c;

    plain(&c);
    c.link = RS_LINK_ETHERNET;
    c.gateway = rs_ip4(192, 0, 2, 254);
    peer_up(&c);
}

/* The next frame; 0 octets for silence. */
static size_t frame(struct eth_hdr *eth, struct arp_pkt *arp)
{
    const size_t n = rs_output(p.host, p.frame, sizeof p.frame, p.now);

    if (n == 0)
        return 0;
    assert_int_equal(eth_parse(eth, p.frame, n), WIRE_OK);
    if (eth->type == ETH_TYPE_ARP)
        assert_int_equal(arp_parse(arp, p.frame + ETH_HEADER, n - ETH_HEADER), WIRE_OK);
    return n;
}

static void arp_says(uint16_t op, const uint8_t eth_dst[6], struct rs_addr from, struct rs_addr to)
{
    struct eth_hdr eth = { .type = ETH_TYPE_ARP };
    struct arp_pkt arp = { .op = op };

    memcpy(eth.dst, eth_dst, 6);
    memcpy(eth.src, peer_mac, 6);
    memcpy(arp.sender_mac, peer_mac, 6);
    memcpy(arp.sender_ip, from.octet, 4);
    memcpy(arp.target_mac, p.cfg.mac, 6);
    memcpy(arp.target_ip, to.octet, 4);
    eth_emit(&eth, p.frame, sizeof p.frame);
    arp_emit(&arp, p.frame + ETH_HEADER, sizeof p.frame - ETH_HEADER);
    rs_input(p.host, p.frame, ETH_HEADER + ARP_SIZE, p.now);
}

static void silence(void)
{
    struct eth_hdr eth;
    struct arp_pkt arp;

    assert_int_equal(frame(&eth, &arp), 0);
}

static void a_request_goes_to_everybody_for(struct rs_addr ip)
{
    struct eth_hdr eth;
    struct arp_pkt arp;

    assert_int_equal(frame(&eth, &arp), ETH_HEADER + ARP_SIZE);
    assert_int_equal(eth.type, ETH_TYPE_ARP);
    assert_memory_equal(eth.dst, everybody, 6);
    assert_memory_equal(eth.src, p.cfg.mac, 6);
    assert_int_equal(arp.op, ARP_REQUEST);
    assert_memory_equal(arp.sender_mac, p.cfg.mac, 6);
    assert_memory_equal(arp.sender_ip, p.cfg.addr.octet, 4);
    assert_memory_equal(arp.target_ip, ip.octet, 4);
}

static void a_syn_goes_to_the_peer(void)
{
    struct eth_hdr eth;
    struct arp_pkt arp;

    assert_true(frame(&eth, &arp) > ETH_HEADER + IP4_HEADER);
    assert_int_equal(eth.type, ETH_TYPE_IP4);
    assert_memory_equal(eth.dst, peer_mac, 6);
    assert_memory_equal(eth.src, p.cfg.mac, 6);
}

/* SHLD of RFC 1122 section 2.3.2.2: the datagram waits and is not lost. */
static void a_datagram_waits_until_its_neighbour_is_known(void **unused)
{
    (void)unused;
    ethernet_up();
    active_open();
    a_request_goes_to_everybody_for(the_peer().addr);
    silence();
    arp_says(ARP_REPLY, p.cfg.mac, the_peer().addr, p.cfg.addr);
    a_syn_goes_to_the_peer();
    silence();
}

/* RFC 1122 section 2.3.2.1: not more than one request a second. */
static void a_request_is_repeated_by_the_second_and_given_up(void **unused)
{
    unsigned requests = 0;
    struct eth_hdr eth;
    struct arp_pkt arp;
    rs_time last = 0;

    (void)unused;
    ethernet_up();
    active_open();
    while (p.now < 400 * RS_SEC) {
        while (frame(&eth, &arp) > 0) {
            assert_int_equal(eth.type, ETH_TYPE_ARP);
            assert_true(requests++ == 0 || p.now - last >= RS_SEC);
            last = p.now;
        }
        if (rs_deadline(p.host) == RS_NEVER)
            break;
        p.now = rs_deadline(p.host);
    }
    assert_true(requests >= 3);
    state_is(RS_CLOSED);
    assert_true(rs_deadline(p.host) == RS_NEVER); /* no timer outlives its reason */
}

/* RFC 1122 section 2.3.2.1 (2), unicast poll: what was long not confirmed is used, asked for by
 * name, and given up when it does not answer. */
static void a_neighbour_long_silent_is_asked_by_name_and_then_looked_for_anew(void **unused)
{
    const struct rs_endpoint local = { .port = 8 };
    const struct rs_endpoint remote = the_peer();
    unsigned by_name = 0;
    struct eth_hdr eth;
    struct arp_pkt arp;

    (void)unused;
    ethernet_up();
    active_open();
    a_request_goes_to_everybody_for(the_peer().addr);
    arp_says(ARP_REPLY, p.cfg.mac, the_peer().addr, p.cfg.addr);
    a_syn_goes_to_the_peer();
    rs_abort(p.host, p.conn, p.now);
    assert_true(rs_deadline(p.host) == RS_NEVER); /* nobody is asked for nothing */
    pass(3600 * RS_SEC);
    silence();
    p.conn = rs_open_active(p.host, &local, &remote, p.now);
    a_syn_goes_to_the_peer();
    const rs_time limit = p.now + 60 * RS_SEC;
    for (;;) {
        while (frame(&eth, &arp) > 0 && (eth.type != ETH_TYPE_ARP || !(eth.dst[0] & 1)))
            by_name += eth.type == ETH_TYPE_ARP && memcmp(eth.dst, peer_mac, 6) == 0;
        if (eth.type == ETH_TYPE_ARP && (eth.dst[0] & 1))
            break;
        assert_true(rs_deadline(p.host) <= limit);
        p.now = rs_deadline(p.host);
    }
    assert_int_equal(by_name, 3);
}

/* RFC 826: "Am I the target?" Then the sender is learnt, and a request answered. */
static void a_request_for_us_is_answered_and_its_sender_learnt(void **unused)
{
    struct eth_hdr eth;
    struct arp_pkt arp;

    (void)unused;
    ethernet_up();
    arp_says(ARP_REQUEST, everybody, the_peer().addr, p.cfg.addr);
    assert_int_equal(frame(&eth, &arp), ETH_HEADER + ARP_SIZE);
    assert_memory_equal(eth.dst, peer_mac, 6);
    assert_int_equal(arp.op, ARP_REPLY);
    assert_memory_equal(arp.sender_mac, p.cfg.mac, 6);
    assert_memory_equal(arp.sender_ip, p.cfg.addr.octet, 4);
    assert_memory_equal(arp.target_mac, peer_mac, 6);
    assert_memory_equal(arp.target_ip, the_peer().addr.octet, 4);
    silence();
    active_open(); /* without asking */
    a_syn_goes_to_the_peer();
}

static void a_request_for_another_is_neither_answered_nor_remembered(void **unused)
{
    (void)unused;
    ethernet_up();
    arp_says(ARP_REQUEST, everybody, the_peer().addr, rs_ip4(192, 0, 2, 50));
    silence();
    active_open();
    a_request_goes_to_everybody_for(the_peer().addr);
}

/* RFC 1122 section 2.3.2.1: a known neighbour that moved is followed. */
static void a_known_neighbour_is_updated_by_whatever_it_says(void **unused)
{
    struct eth_hdr eth;
    struct arp_pkt arp;
    uint8_t moved[ETH_HEADER + ARP_SIZE];

    (void)unused;
    ethernet_up();
    arp_says(ARP_REQUEST, everybody, the_peer().addr, p.cfg.addr);
    assert_true(frame(&eth, &arp) > 0);
    arp_says(ARP_REQUEST, everybody, the_peer().addr, rs_ip4(192, 0, 2, 50));
    memcpy(moved, p.frame, sizeof moved);
    moved[ETH_HEADER + 8 + 5] = 0x77; /* the sender's hardware address */
    rs_input(p.host, moved, sizeof moved, p.now);
    silence();
    active_open();
    assert_true(frame(&eth, &arp) > 0);
    assert_int_equal(eth.dst[5], 0x77);
}

static void impossible_senders_are_not_believed(void **unused)
{
    (void)unused;
    ethernet_up();
    arp_says(ARP_REPLY, p.cfg.mac, p.cfg.addr, p.cfg.addr); /* ourselves */
    arp_says(ARP_REQUEST, everybody, rs_ip4(0, 0, 0, 0), p.cfg.addr);
    arp_says(ARP_REQUEST, everybody, rs_ip4(224, 0, 0, 1), p.cfg.addr);
    arp_says(ARP_REQUEST, everybody, rs_ip4(192, 0, 2, 255), p.cfg.addr);
    silence();
    for (size_t n = ETH_HEADER; n < ETH_HEADER + ARP_SIZE; n++) /* cut short */
        rs_input(p.host, p.frame, n, p.now);
    silence();
    assert_int_equal(rs_reasons(p.host)[RS_REASON_ARP_BAD], 4 + ARP_SIZE);
}

static void a_destination_elsewhere_is_reached_by_the_gateway(void **unused)
{
    const struct rs_endpoint local = { .port = 8 };
    const struct rs_endpoint far = { .addr = rs_ip4(198, 51, 100, 1), .port = 80 };

    (void)unused;
    ethernet_up();
    p.conn = rs_open_active(p.host, &local, &far, p.now);
    a_request_goes_to_everybody_for(p.cfg.gateway);
    arp_says(ARP_REPLY, p.cfg.mac, p.cfg.gateway, p.cfg.addr);
    a_syn_goes_to_the_peer();
}

static void frames_that_are_not_ours_are_dropped_for_their_reason(void **unused)
{
    uint8_t other[60] = { 2, 0, 0, 0, 0, 0x55, 2, 0, 0, 0, 0, 9, 8, 0 };
    uint8_t type[60] = { 0 };

    (void)unused;
    ethernet_up();
    for (size_t n = 0; n < ETH_HEADER; n++)
        rs_input(p.host, other, n, p.now);
    assert_int_equal(rs_reasons(p.host)[RS_REASON_LINK_TRUNCATED], ETH_HEADER);
    rs_input(p.host, other, sizeof other, p.now); /* another's address */
    memcpy(type, p.cfg.mac, 6);
    type[12] = 0x12;
    rs_input(p.host, type, sizeof type, p.now); /* a type we do not speak */
    assert_int_equal(rs_reasons(p.host)[RS_REASON_LINK_NOT_OURS], 2);
    silence();
}

/* However many neighbours are asked for, the table does not grow; the latest are served. */
static void more_neighbours_than_there_is_room_for_push_out_older_ones(void **unused)
{
    struct eth_hdr eth;
    struct arp_pkt arp;

    (void)unused;
    ethernet_up();
    for (uint8_t i = 10; i < 110; i++) {
        arp_says(ARP_REQUEST, everybody, rs_ip4(192, 0, 2, i), p.cfg.addr);
        assert_true(frame(&eth, &arp) > 0);
        assert_int_equal(arp.op, ARP_REPLY);
    }
    silence();
    arp_says(ARP_REQUEST, everybody, the_peer().addr, p.cfg.addr);
    assert_true(frame(&eth, &arp) > 0);
    active_open();
    a_syn_goes_to_the_peer();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_datagram_waits_until_its_neighbour_is_known),
        cmocka_unit_test(a_request_is_repeated_by_the_second_and_given_up),
        cmocka_unit_test(a_neighbour_long_silent_is_asked_by_name_and_then_looked_for_anew),
        cmocka_unit_test(a_request_for_us_is_answered_and_its_sender_learnt),
        cmocka_unit_test(a_request_for_another_is_neither_answered_nor_remembered),
        cmocka_unit_test(a_known_neighbour_is_updated_by_whatever_it_says),
        cmocka_unit_test(impossible_senders_are_not_believed),
        cmocka_unit_test(a_destination_elsewhere_is_reached_by_the_gateway),
        cmocka_unit_test(frames_that_are_not_ours_are_dropped_for_their_reason),
        cmocka_unit_test(more_neighbours_than_there_is_room_for_push_out_older_ones),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_down();
    return failed;
}
