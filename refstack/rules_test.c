/* Rules that need a course of their own to show: what others leave in the dark. */
#include "refstack/peer.h"

/* Karn, RFC 6298 section 3: a segment resent by fast retransmit gives no sample either. */
static void a_segment_resent_after_duplicate_acks_gives_no_sample(void **unused)
{
    struct rs_config c;

    (void)unused;
    plain(&c);
    c.tcp.rack = false;
    peer_up(&c);
    established();
    user_sends(2048);
    for (uint32_t i = 0; i < 3; i++)
        get("A", 1 + i * 536, 1, 536);
    get("A", 1609, 1, 440);
    const struct rs_status before = status();
    for (int i = 0; i < 3; i++)
        say("A", 1, 1, 0);
    get("A", 1, 1, 536);
    quiet();
    pass(900 * RS_MSEC);
    say("A", 1, 2049, 0);
    quiet();
    assert_true(status().srtt == before.srtt);
    assert_true(status().rto == before.rto);
}

/* RFC 7323 section 2.2: the window of a SYN,ACK is in octets, every later one is shifted. */
static void the_window_of_a_syn_ack_is_not_scaled(void **unused)
{
    static const uint8_t wscale_0[] = { 1, 3, 3, 0 };
    struct rs_config c;

    (void)unused;
    plain(&c);
    c.tcp.window_scale = true;
    c.tcp.rcv_buf = 1 << 20;
    c.pages = 2048;
    c.page_octets = 1024;
    peer_up(&c);
    passive_open();
    memcpy(p.opt, wscale_0, p.opt_len = sizeof wscale_0);
    say("S", 0, 0, 0);
    p.opt_len = 0;
    get("SA", 0, 1, 0);
    assert_int_equal(p.got.wnd, 65535);
    assert_true(p.got_opts.has_wscale);
    assert_true(p.got_opts.shift > 0);
    const unsigned shift = p.got_opts.shift;
    say("A", 1, 1, 0);
    quiet();
    say("A", 1, 1, 100);
    get("A", 1, 101, 0);
    assert_true((uint32_t)p.got.wnd << shift > 65535);
    assert_true((uint32_t)p.got.wnd << shift <= 1 << 20);
}

/* MUST-16, RFC 6691 section 2: the options of a segment come out of the MSS, not on top of it. */
static void options_and_text_together_are_no_longer_than_the_mss(void **unused)
{
    static const uint8_t options[] = { 2, 4, 536 >> 8, 536 & 0xff, 8, 10, 0, 0, 0, 9,
                                       0, 0, 0, 0, 1, 1 };
    struct rs_config c;

    (void)unused;
    plain(&c);
    c.tcp.timestamps = true;
    peer_up(&c);
    passive_open();
    memcpy(p.opt, options, sizeof options);
    p.opt_len = sizeof options;
    say("S", 0, 0, 0);
    get("SA", 0, 1, 0);
    memcpy(p.opt, options + 4, p.opt_len = 12);
    say("A", 1, 1, 0);
    quiet();
    user_sends(1200);
    for (uint32_t i = 0; i < 3; i++) {
        get("A", 1 + 524 * i, 1, i < 2 ? 524 : 152);
        assert_int_equal(p.got.opt_len, 12);
    }
    quiet();
}

/* MUST-41, MUST-42: a LISTEN beside a connection on its way changes nothing of it. */
static void a_listener_stands_beside_a_connection_being_opened_from_its_port(void **unused)
{
    const struct rs_endpoint local = { .port = HOST_PORT };

    (void)unused;
    plain_up();
    active_open();
    get("S", 0, 0, 0);
    const uint32_t iss = p.host_iss;
    assert_true(rs_listen(p.host, &local, p.now) >= 0);
    state_is(RS_SYN_SENT);
    p.port = 3000;
    say("S", 0, 0, 0);
    get("SA", 0, 1, 0);
    p.port = PEER_PORT;
    p.host_iss = iss;
    say("SA", 0, 1, 0);
    get("A", 1, 1, 0);
    state_is(RS_ESTABLISHED);
    quiet();
}

/* The source of the next datagram. */
static struct rs_addr source_of_next(void)
{
    struct ip4_hdr ip;
    struct tcp_seg seg;
    const size_t n = rs_output(p.host, p.frame, sizeof p.frame, p.now);

    assert_int_equal(ip4_parse(&ip, p.frame, n), WIRE_OK);
    assert_int_equal(tcp_parse(&seg, ip.payload, ip.payload_len), WIRE_OK);
    if (seg.flags & TCP_SYN)
        p.host_iss = seg.seq;
    return ip.src;
}

/* MUST-43 to MUST-45: the user's choice, else the host's, and the same for every segment. */
static void every_segment_has_the_local_address_of_the_open(void **unused)
{
    const struct rs_addr first = rs_ip4(192, 0, 2, 1), second = rs_ip4(192, 0, 2, 9);
    struct rs_config c;

    (void)unused;
    for (int chosen = 0; chosen < 2; chosen++) {
        plain(&c);
        c.more[0] = (struct rs_net){ .addr = second, .prefix_len = 24 };
        peer_up(&c);
        const struct rs_addr *want = chosen ? &second : &first;
        const struct rs_endpoint remote = the_peer();
        struct rs_endpoint local = { .port = HOST_PORT };
        if (chosen)
            local.addr = second;
        p.conn = rs_open_active(p.host, &local, &remote, p.now);
        assert_true(p.conn >= 0);
        struct rs_addr from = source_of_next();
        assert_true(rs_addr_eq(&from, want));
        p.cfg.addr = *want; /* where the peer sends to */
        say("SA", 0, 1, 0);
        from = source_of_next();
        assert_true(rs_addr_eq(&from, want));
        user_sends(10);
        from = source_of_next();
        assert_true(rs_addr_eq(&from, want));
        quiet();
    }
}

/* MUST-60, MAY-15: without a push text waits for more, but not for ever. */
static void text_that_is_not_pushed_is_sent_within_a_bound(void **unused)
{
    uint8_t text[10] = { 0 };

    (void)unused;
    plain_up();
    established();
    assert_int_equal(rs_send(p.host, p.conn, text, sizeof text, RS_MORE, p.now), sizeof text);
    quiet();
    assert_true(to_deadline() <= RS_SEC);
    get("A", 1, 1, 10);
    assert_int_equal(rs_send(p.host, p.conn, text, sizeof text, RS_MORE, p.now), sizeof text);
    quiet();
    assert_int_equal(rs_send(p.host, p.conn, text, sizeof text, RS_PUSH, p.now), sizeof text);
    get("A", 11, 1, 20);
    quiet();
}

static void open_fast(const uint8_t text[10])
{
    const struct rs_endpoint local = { .port = HOST_PORT };
    const struct rs_endpoint remote = the_peer();

    p.conn = rs_open_fast(p.host, &local, &remote, text, 10, p.now);
    assert_true(p.conn >= 0);
}

/* U-13: SEG.ACK may acknowledge less than all that the SYN carried; the rest is sent again. */
static void an_ack_of_a_part_of_the_text_in_a_syn_is_taken(void **unused)
{
    static const uint8_t cookie[] = { 34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1 };
    static const uint8_t text[10] = "0123456789";

    (void)unused;
    plain_up();
    open_fast(text);
    get("S", 0, 0, 0);
    memcpy(p.opt, cookie, p.opt_len = sizeof cookie);
    say("SA", 0, 1, 0);
    p.opt_len = 0;
    get("A", 1, 1, 10);
    assert_int_equal(rs_abort(p.host, p.conn, p.now), 0);
    get("R", 11, 0, 0);
    open_fast(text);
    get("S", 0, 0, 10);
    say("SA", 0, 5, 0);
    get("A", 5, 1, 6);
    assert_memory_equal(p.got.text, text + 4, 6);
    state_is(RS_ESTABLISHED);
    quiet();
}

/* MUST-42, the other state; MUST-41. */
static void a_listener_stands_beside_a_connection_half_open_on_its_port(void **unused)
{
    const struct rs_endpoint local = { .port = HOST_PORT };

    (void)unused;
    plain_up();
    passive_open();
    say("S", 0, 0, 0);
    get("SA", 0, 1, 0);
    const uint32_t iss = p.host_iss;
    assert_true(rs_listen(p.host, &local, p.now) >= 0);
    state_is(RS_SYN_RECEIVED);
    p.port = 3000;
    say("S", 0, 0, 0);
    get("SA", 0, 1, 0);
    p.port = PEER_PORT;
    p.host_iss = iss;
    say("A", 1, 1, 0);
    state_is(RS_ESTABLISHED);
    quiet();
}

/* In one bucket of the table, so that it is the ends alone that tell the two apart. */
static void connections_of_one_peer_are_told_apart_by_its_port(void **unused)
{
    const struct rs_endpoint local = { .port = HOST_PORT };
    struct rs_config c;
    uint8_t text[20];
    int conn[2];

    (void)unused;
    plain(&c);
    c.demux_places = 1;
    peer_up(&c);
    const int listener = rs_listen(p.host, &local, p.now);
    for (int i = 0; i < 2; i++) {
        p.port = (uint16_t)(PEER_PORT + i);
        say("S", 0, 0, 0);
        get("SA", 0, 1, 0);
        say("A", 1, 1, 0);
        conn[i] = rs_accept(p.host, listener, p.now);
        assert_true(conn[i] >= 0);
    }
    say("A", 1, 1, 10);
    get("A", 1, 11, 0);
    assert_int_equal(rs_receive(p.host, conn[0], text, sizeof text, p.now), RS_EAGAIN);
    assert_int_equal(rs_receive(p.host, conn[1], text, sizeof text, p.now), 10);
    quiet();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_segment_resent_after_duplicate_acks_gives_no_sample),
        cmocka_unit_test(the_window_of_a_syn_ack_is_not_scaled),
        cmocka_unit_test(options_and_text_together_are_no_longer_than_the_mss),
        cmocka_unit_test(a_listener_stands_beside_a_connection_being_opened_from_its_port),
        cmocka_unit_test(every_segment_has_the_local_address_of_the_open),
        cmocka_unit_test(text_that_is_not_pushed_is_sent_within_a_bound),
        cmocka_unit_test(an_ack_of_a_part_of_the_text_in_a_syn_is_taken),
        cmocka_unit_test(connections_of_one_peer_are_told_apart_by_its_port),
        cmocka_unit_test(a_listener_stands_beside_a_connection_half_open_on_its_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
