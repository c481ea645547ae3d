/* A host with several links: the strong host model (RFC 1122 section 3.3.4.2), routes, and that a
 * host is no router. */
#include "refstack/peer.h"

enum { FIRST, TUNNEL, SECOND, WIDE_MTU = 1500, TUNNEL_MTU = 1280 };

static const uint8_t our_mac[6] = { 2, 0, 0, 0, 7, 2 };
static const uint8_t peer_mac[6] = { 2, 0, 0, 0, 0, 9 };

/* The host's address on each link, and a neighbour there. */
static struct rs_addr ours(unsigned link)
{
    return link == FIRST ? rs_ip4(192, 0, 2, 1)
                         : link == TUNNEL ? rs_ip4(198, 51, 100, 1) : rs_ip4(203, 0, 113, 1);
}

static struct rs_addr theirs(unsigned link)
{
    struct rs_addr a = ours(link);
    a.octet[3] = 2;
    return a;
}

static void three_links(struct rs_config *c)
{
    plain(c);
    c->mtu = WIDE_MTU;
    c->prefix_len = 24;
    c->gateway = rs_ip4(192, 0, 2, 254);
    /* IPv6 addresses lead nowhere that IPv4 goes. */
    c->addr6 = (struct rs_addr){ .version = 6, .octet = { 0x20, 1, 0x0d, 0xb8, [15] = 1 } };
    c->prefix6 = 64;
    c->more_links[TUNNEL - 1] = (struct rs_link_config){
        .on = true, .link = RS_LINK_IP, .mtu = TUNNEL_MTU, .addr = ours(TUNNEL), .prefix_len = 24
    };
    c->more_links[SECOND - 1] = (struct rs_link_config){
        .on = true, .link = RS_LINK_ETHERNET, .mtu = WIDE_MTU, .addr = ours(SECOND),
        .prefix_len = 24
    };
    memcpy(c->more_links[SECOND - 1].mac, our_mac, 6);
}

static void links_up(void)
{
    struct rs_config c;

    three_links(&c);
    peer_up(&c);
}

/* A segment between the two, by that link. */
static void say_on(unsigned link, struct rs_addr from, struct rs_addr to, struct tcp_seg seg)
{
    struct ip4_hdr ip = { .ihl = 5, .ttl = 64, .proto = IP_PROTO_TCP, .src = from, .dst = to };
    struct eth_hdr eth = { .type = ETH_TYPE_IP4 };
    uint8_t *at = p.frame + (link == SECOND ? ETH_HEADER : 0);

    memcpy(eth.dst, our_mac, 6);
    memcpy(eth.src, peer_mac, 6);
    seg.src_port = PEER_PORT;
    seg.dst_port = HOST_PORT;
    const size_t n = tcp_emit_sum(&seg, &from, &to, at + IP4_HEADER, 1000);
    ip.total_len = (uint16_t)(IP4_HEADER + n);
    ip4_emit_sum(&ip, at, IP4_HEADER);
    if (link == SECOND)
        eth_emit(&eth, p.frame, ETH_HEADER);
    rs_input_on(p.host, link, p.frame, (size_t)(at - p.frame) + ip.total_len, p.now);
}

/* The next datagram goes by that link, with its address as the source. */
static void hear_on(unsigned link, uint16_t flags, struct tcp_seg *seg)
{
    const size_t n = rs_output(p.host, p.frame, sizeof p.frame, p.now);
    const size_t head = link == SECOND ? ETH_HEADER : 0;
    const struct rs_addr src = ours(link);
    struct ip4_hdr ip;

    assert_true(n > head);
    assert_int_equal(rs_output_link(p.host), link);
    assert_int_equal(ip4_parse(&ip, p.frame + head, n - head), WIRE_OK);
    assert_true(rs_addr_eq(&ip.src, &src));
    assert_int_equal(tcp_parse(seg, ip.payload, ip.payload_len), WIRE_OK);
    assert_int_equal(seg->flags & (uint16_t)~TCP_PSH, flags);
    opts_read(&p.got_opts, seg->opt, seg->opt_len);
}

static void nothing_is_said(void)
{
    assert_int_equal(rs_output(p.host, p.frame, sizeof p.frame, p.now), 0);
}

static void asked_and_answered_for(unsigned link)
{
    struct eth_hdr eth;
    struct arp_pkt arp;
    const size_t n = rs_output(p.host, p.frame, sizeof p.frame, p.now);

    assert_int_equal(n, ETH_HEADER + ARP_SIZE);
    assert_int_equal(rs_output_link(p.host), link);
    assert_int_equal(eth_parse(&eth, p.frame, n), WIRE_OK);
    assert_int_equal(arp_parse(&arp, p.frame + ETH_HEADER, n - ETH_HEADER), WIRE_OK);
    assert_memory_equal(eth.src, our_mac, 6);
    assert_memory_equal(arp.sender_mac, our_mac, 6);
    assert_memory_equal(arp.sender_ip, ours(link).octet, 4);
    assert_memory_equal(arp.target_ip, theirs(link).octet, 4);
    struct arp_pkt reply = { .op = ARP_REPLY };
    memcpy(reply.sender_mac, peer_mac, 6);
    memcpy(reply.target_mac, our_mac, 6);
    memcpy(reply.sender_ip, arp.target_ip, 4);
    memcpy(reply.target_ip, arp.sender_ip, 4);
    memcpy(eth.dst, our_mac, 6);
    memcpy(eth.src, peer_mac, 6);
    eth_emit(&eth, p.frame, ETH_HEADER);
    arp_emit(&reply, p.frame + ETH_HEADER, ARP_SIZE);
    rs_input_on(p.host, link, p.frame, ETH_HEADER + ARP_SIZE, p.now);
}

static int open_to(unsigned link)
{
    const struct rs_endpoint local = { .port = HOST_PORT };
    const struct rs_endpoint remote = { .addr = theirs(link), .port = PEER_PORT };
    return rs_open_active(p.host, &local, &remote, p.now);
}

/* SHLD-6: each with the MSS of its own link. */
static void a_connection_goes_by_the_link_whose_network_the_peer_is_in(void **unused)
{
    struct tcp_seg syn, ack;
    struct rs_status s;
    char buf[8];

    (void)unused;
    links_up();
    for (unsigned link = FIRST; link <= SECOND; link++) {
        const int conn = open_to(link);
        assert_true(conn >= 0);
        if (link == SECOND)
            asked_and_answered_for(link);
        hear_on(link, TCP_SYN, &syn);
        assert_int_equal(p.got_opts.mss, (link == TUNNEL ? TUNNEL_MTU : WIDE_MTU) - 40);
        say_on(link, theirs(link), ours(link),
               (struct tcp_seg){ .seq = 100, .ack = syn.seq + 1, .flags = TCP_SYN | TCP_ACK,
                                 .wnd = 4096 });
        hear_on(link, TCP_ACK, &ack);
        say_on(link, theirs(link), ours(link),
               (struct tcp_seg){ .seq = 101, .ack = syn.seq + 1, .flags = TCP_ACK, .wnd = 4096,
                                 .text = (const uint8_t *)"text", .text_len = 4 });
        hear_on(link, TCP_ACK, &ack);
        assert_int_equal(ack.ack, 105);
        assert_int_equal(rs_receive(p.host, conn, buf, sizeof buf, p.now), 4);
        rs_status(p.host, conn, &s);
        assert_int_equal(s.state, RS_ESTABLISHED);
        nothing_is_said();
    }
}

/* RFC 1122 section 3.3.4.2 (A): an address is reached by its own link only; nor does a host pass on
 * what is for somebody on another of its links (section 3.3.1: it is no router). */
static void what_is_for_another_link_is_dropped_in_silence(void **unused)
{
    const struct tcp_seg syn = { .seq = 100, .flags = TCP_SYN, .wnd = 4096 };
    struct tcp_seg got;

    (void)unused;
    links_up();
    say_on(TUNNEL, theirs(TUNNEL), ours(FIRST), syn);
    say_on(FIRST, theirs(FIRST), ours(TUNNEL), syn);
    say_on(SECOND, theirs(SECOND), ours(TUNNEL), syn);
    assert_int_equal(rs_reasons(p.host)[RS_REASON_IP_NOT_OURS], 3);
    say_on(FIRST, theirs(FIRST), theirs(TUNNEL), syn);
    say_on(TUNNEL, theirs(TUNNEL), theirs(FIRST), syn);
    assert_int_equal(rs_reasons(p.host)[RS_REASON_IP_NOT_OURS], 5);
    nothing_is_said();
    assert_true(rs_deadline(p.host) == RS_NEVER);
    say_on(TUNNEL, theirs(TUNNEL), ours(TUNNEL), syn); /* and by its own it is answered */
    hear_on(TUNNEL, TCP_RST | TCP_ACK, &got);
    nothing_is_said();
}

/* ARP is asked and answered on the link that it is about. */
static void a_request_for_the_address_of_another_link_is_not_answered(void **unused)
{
    struct eth_hdr eth = { .type = ETH_TYPE_ARP };
    struct arp_pkt arp = { .op = ARP_REQUEST };

    (void)unused;
    links_up();
    for (int own = 0; own < 2; own++) {
        memset(eth.dst, 255, 6);
        memcpy(eth.src, peer_mac, 6);
        memcpy(arp.sender_mac, peer_mac, 6);
        memcpy(arp.sender_ip, theirs(SECOND).octet, 4);
        memcpy(arp.target_ip, ours(own ? SECOND : FIRST).octet, 4);
        eth_emit(&eth, p.frame, ETH_HEADER);
        arp_emit(&arp, p.frame + ETH_HEADER, ARP_SIZE);
        rs_input_on(p.host, SECOND, p.frame, ETH_HEADER + ARP_SIZE, p.now);
        assert_int_equal(rs_output(p.host, p.frame, sizeof p.frame, p.now),
                         own ? ETH_HEADER + ARP_SIZE : 0);
    }
    assert_int_equal(rs_output_link(p.host), SECOND);
    nothing_is_said();
}

static void what_no_network_of_ours_holds_goes_to_the_link_with_a_gateway(void **unused)
{
    const struct rs_endpoint any = { .port = HOST_PORT };
    const struct rs_endpoint far = { .addr = rs_ip4(8, 8, 8, 8), .port = PEER_PORT };
    struct tcp_seg syn;

    (void)unused;
    links_up();
    assert_true(rs_open_active(p.host, &any, &far, p.now) >= 0);
    hear_on(FIRST, TCP_SYN, &syn);
    nothing_is_said();
}

/* Section 3.3.4.2 (B): the source chosen by the user says which link. */
static void the_source_of_an_open_decides_its_link(void **unused)
{
    const struct rs_endpoint here = { .addr = ours(TUNNEL), .port = HOST_PORT };
    const struct rs_endpoint there = { .addr = theirs(FIRST), .port = PEER_PORT };
    struct tcp_seg syn;

    (void)unused;
    links_up();
    assert_true(rs_open_active(p.host, &here, &there, p.now) >= 0);
    hear_on(TUNNEL, TCP_SYN, &syn);
    nothing_is_said();
}

static void a_link_on_which_nobody_answers_leaves_the_others_alone(void **unused)
{
    struct tcp_seg syn;
    struct rs_status s;

    (void)unused;
    links_up();
    const int dead = open_to(SECOND);
    assert_int_equal(rs_output(p.host, p.frame, sizeof p.frame, p.now), ETH_HEADER + ARP_SIZE);
    assert_true(open_to(TUNNEL) >= 0);
    hear_on(TUNNEL, TCP_SYN, &syn);
    for (int i = 0; i < 4; i++) {
        p.now += RS_SEC;
        while (rs_output(p.host, p.frame, sizeof p.frame, p.now) > 0)
            assert_true(rs_output_link(p.host) != FIRST);
    }
    rs_status(p.host, dead, &s);
    assert_int_equal(s.state, RS_SYN_SENT);
    assert_int_equal(s.soft_error, RS_EUNREACH);
}

static void a_link_that_there_is_not_brings_nothing(void **unused)
{
    (void)unused;
    links_up();
    rs_input_on(p.host, 3, p.frame, 40, p.now);
    rs_input_on(p.host, 99, p.frame, 40, p.now);
    assert_int_equal(rs_reasons(p.host)[RS_REASON_LINK_NOT_OURS], 2);
    nothing_is_said();
}

static void links_that_cannot_be_are_refused(void **unused)
{
    struct rs_config c;

    (void)unused;
    three_links(&c);
    assert_true(rs_host_size(&c) > 0);
    c.more_links[0].mtu = 575;
    assert_int_equal(rs_host_size(&c), 0);
    three_links(&c);
    c.more_links[0].addr.version = 0;
    assert_int_equal(rs_host_size(&c), 0);
    three_links(&c);
    c.more_links[1].addr = rs_ip4(224, 0, 0, 1);
    assert_int_equal(rs_host_size(&c), 0);
    three_links(&c);
    c.offload = true;
    assert_int_equal(rs_host_size(&c), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_goes_by_the_link_whose_network_the_peer_is_in),
        cmocka_unit_test(what_is_for_another_link_is_dropped_in_silence),
        cmocka_unit_test(a_request_for_the_address_of_another_link_is_not_answered),
        cmocka_unit_test(what_no_network_of_ours_holds_goes_to_the_link_with_a_gateway),
        cmocka_unit_test(the_source_of_an_open_decides_its_link),
        cmocka_unit_test(a_link_on_which_nobody_answers_leaves_the_others_alone),
        cmocka_unit_test(a_link_that_there_is_not_brings_nothing),
        cmocka_unit_test(links_that_cannot_be_are_refused),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_down();
    return failed;
}
