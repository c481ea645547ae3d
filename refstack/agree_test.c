/* What a connection says in its headers: MSS, SACK, Diffserv; and IP options in what arrives. */
#include "refstack/peer.h"

/* A SYN in a datagram whose header has these options, a multiple of four octets of them. */
static void say_syn_behind(const uint8_t *opt, uint8_t len)
{
    const struct rs_endpoint peer = the_peer();
    struct ip4_hdr ip = { .ihl = (uint8_t)(5 + len / 4), .ttl = 64, .proto = IP_PROTO_TCP,
                          .src = peer.addr, .dst = p.cfg.addr };
    const struct tcp_seg syn = { .src_port = p.port, .dst_port = HOST_PORT, .seq = PEER_ISS,
                                 .flags = TCP_SYN, .wnd = p.wnd };
    const size_t head = IP4_HEADER + len;

    ip.total_len = (uint16_t)(head + TCP_HEADER);
    memcpy(ip.opt, opt, len);
    assert_true(ip4_emit_sum(&ip, p.frame, sizeof p.frame) > 0);
    assert_true(tcp_emit_sum(&syn, &peer.addr, &p.cfg.addr, p.frame + head,
                             sizeof p.frame - head) > 0);
    rs_input(p.host, p.frame, ip.total_len, p.now);
}

/* MUST-50, MAY-10, MAY-11; a source route is passed over too, and the answer goes straight back. */
static void ip_options_change_nothing_of_what_tcp_does(void **unused)
{
    static const uint8_t options[][8] = {
        { 7, 7, 4, 0, 0, 0, 0, 0 },        /* Record Route */
        { 68, 8, 5, 0, 0, 0, 0, 0 },       /* Timestamp */
        { 0x9e, 4, 1, 2, 1, 1, 1, 0 },     /* nobody's */
        { 131, 7, 4, 198, 51, 100, 1, 0 }, /* Loose Source Route */
    };

    (void)unused;
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        plain_up();
        passive_open();
        say_syn_behind(options[i], sizeof options[i]);
        get("SA", 0, 1, 0);
        quiet();
        say("A", 1, 1, 0);
        state_is(RS_ESTABLISHED);
    }
}

/* MUST-14, MUST-67, SHLD-5, MAY-3: in SYN and SYN,ACK, the datagram less both headers. */
static void every_syn_tells_the_mss_that_the_link_takes(void **unused)
{
    static const uint16_t mtu[] = { 576, 1280, 1500 };
    struct rs_config c;

    (void)unused;
    for (size_t i = 0; i < 2 * sizeof mtu / sizeof mtu[0]; i++) {
        plain(&c);
        c.mtu = mtu[i / 2];
        peer_up(&c);
        if (i % 2) {
            active_open();
            get("S", 0, 0, 0);
        } else {
            passive_open();
            say("S", 0, 0, 0);
            get("SA", 0, 1, 0);
        }
        assert_true(p.got_opts.has_mss);
        assert_int_equal(p.got_opts.mss, c.mtu - 40);
        quiet();
    }
}

/* RFC 2018 section 2: blocks are for a peer that asked for them. */
static void sack_blocks_are_sent_only_where_both_offered_them(void **unused)
{
    static const uint8_t sack_permitted[] = { 4, 2, 1, 1 };
    struct rs_config c;

    (void)unused;
    for (unsigned offers = 0; offers < 4; offers++) {
        plain(&c);
        c.tcp.sack = offers & 1;
        peer_up(&c);
        active_open();
        get("S", 0, 0, 0);
        assert_int_equal(p.got_opts.has_sack_permitted, offers & 1);
        memcpy(p.opt, sack_permitted, sizeof sack_permitted);
        p.opt_len = offers & 2 ? sizeof sack_permitted : 0;
        say("SA", 0, 1, 0);
        p.opt_len = 0;
        get("A", 1, 1, 0);
        say("A", 11, 1, 10);
        get("A", 1, 1, 0);
        assert_int_equal(p.got_opts.n_sack, offers == 3 ? 1 : 0);
        quiet();
    }
}

static uint8_t tos_of_next(void)
{
    struct ip4_hdr ip;
    const size_t n = rs_output(p.host, p.frame, sizeof p.frame, p.now);

    assert_int_equal(ip4_parse(&ip, p.frame, n), WIRE_OK);
    return ip.tos;
}

/* SHLD-21, SHLD-22: what the user says goes out as it is, from the next segment on. */
static void the_diffserv_field_may_change_while_the_connection_lasts(void **unused)
{
    struct rs_tcp_config t;

    (void)unused;
    plain_up();
    established();
    user_sends(10);
    assert_int_equal(tos_of_next(), 0);
    assert_int_equal(rs_get(p.host, p.conn, &t), 0);
    for (unsigned dscp = 0; dscp < 64; dscp += 7) {
        t.tos = (uint8_t)(dscp << 2);
        assert_int_equal(rs_set(p.host, p.conn, &t, p.now), 0);
        user_sends(10);
        assert_int_equal(tos_of_next(), dscp << 2);
    }
}

/* MUST-65. */
static void the_mss_option_stands_on_a_syn_alone(void **unused)
{
    (void)unused;
    plain_up();
    active_open();
    get("S", 0, 0, 0);
    assert_true(p.got_opts.has_mss);
    say("SA", 0, 1, 0);
    get("A", 1, 1, 0);
    assert_false(p.got_opts.has_mss);
    user_sends(10);
    get("A", 1, 1, 10);
    assert_false(p.got_opts.has_mss);
    assert_int_equal(rs_close(p.host, p.conn, p.now), 0);
    get("FA", 11, 1, 0);
    assert_false(p.got_opts.has_mss);
    quiet();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ip_options_change_nothing_of_what_tcp_does),
        cmocka_unit_test(every_syn_tells_the_mss_that_the_link_takes),
        cmocka_unit_test(sack_blocks_are_sent_only_where_both_offered_them),
        cmocka_unit_test(the_diffserv_field_may_change_while_the_connection_lasts),
        cmocka_unit_test(the_mss_option_stands_on_a_syn_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
