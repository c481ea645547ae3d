/* Fast Open, RFC 7413, as a client's server and a server's clients see it. */
#include "refstack/peer.h"

static void up(void)
{
    struct rs_config c;

    plain(&c);
    c.tcp.fastopen = true;
    c.tcp.fastopen_pending = 10;
    peer_up(&c);
}

static void with_cookie(const uint8_t *cookie, uint8_t n)
{
    struct wcur w = wcur_of(p.opt, sizeof p.opt);

    memset(p.opt, OPT_NOP, sizeof p.opt);
    wcur_u8(&w, OPT_FASTOPEN);
    wcur_u8(&w, (uint8_t)(2 + n));
    for (int i = 0; i < n; i++)
        wcur_u8(&w, cookie[i]);
    p.opt_len = (uint8_t)((2u + n + 3) / 4 * 4);
}

/* ---- The listener --------------------------------------------------------------------------- */

/* A SYN with the option as it stands and one octet of text, from one of several clients. */
static void syn_of_client(uint8_t client)
{
    const struct rs_addr from = rs_ip4(192, 0, 2, client);
    const struct tcp_seg seg = {
        .src_port = p.port, .dst_port = HOST_PORT, .seq = PEER_ISS, .flags = TCP_SYN,
        .wnd = p.wnd, .opt = p.opt, .opt_len = p.opt_len, .text = (const uint8_t *)"x",
        .text_len = 1,
    };
    const size_t n = tcp_emit_sum(&seg, &from, &p.cfg.addr, p.frame + IP4_HEADER, 200);
    const struct ip4_hdr ip = { .ihl = 5, .total_len = (uint16_t)(IP4_HEADER + n), .ttl = 64,
                                .proto = IP_PROTO_TCP, .src = from, .dst = p.cfg.addr };

    ip4_emit_sum(&ip, p.frame, sizeof p.frame);
    rs_input(p.host, p.frame, IP4_HEADER + n, p.now);
}

/* Section 4.1.2: a cookie proves that its bearer received it at that address. */
static void a_cookie_serves_the_client_it_was_given_to_and_no_other(void **unused)
{
    const struct rs_endpoint local = { .port = HOST_PORT };
    uint8_t cookie[16];

    (void)unused;
    up();
    assert_true(rs_listen(p.host, &local, p.now) >= 0);
    with_cookie(NULL, 0);
    syn_of_client(2);
    get("SA", 0, 1, 0);
    assert_int_equal(p.got_opts.cookie_len, 8);
    memcpy(cookie, p.got_opts.cookie, 8);
    p.port++;
    with_cookie(cookie, 8);
    syn_of_client(2);
    get("SA", 0, 2, 0);
    syn_of_client(3);
    get("SA", 0, 1, 0);
    assert_int_equal(p.got_opts.cookie_len, 8); /* it has one of its own */
    assert_memory_not_equal(p.got_opts.cookie, cookie, 8);
    quiet();
}

/* ---- The client ----------------------------------------------------------------------------- */

static void open_fast(void)
{
    const struct rs_endpoint local = { .port = HOST_PORT };
    const struct rs_endpoint remote = the_peer();

    p.conn = rs_open_fast(p.host, &local, &remote, "text", 4, p.now);
    assert_true(p.conn >= 0);
}

/* Opens once for a cookie, and lets go of that connection. */
static void with_a_cookie_of_the_peer(void)
{
    static const uint8_t cookie[] = { 1, 2, 3, 4, 5, 6, 7, 8 };

    up();
    open_fast();
    get("S", 0, 0, 0);
    assert_true(p.got_opts.has_cookie);
    assert_int_equal(p.got_opts.cookie_len, 0);
    with_cookie(cookie, sizeof cookie);
    say("SA", 0, 1, 0);
    p.opt_len = 0;
    get("A", 1, 1, 4);
    say("R", 1, 0, 0);
    rs_release(p.host, p.conn, p.now);
    quiet();
}

/* Sections 4.1.3 and 4.2.1: something on the way may not like such a SYN: it goes again without
 * text and option, and for some time the next ones do too. */
static void a_syn_with_text_that_was_lost_goes_again_as_any_other(void **unused)
{
    (void)unused;
    with_a_cookie_of_the_peer();
    open_fast();
    get("S", 0, 0, 4);
    assert_int_equal(p.got_opts.cookie_len, 8);
    assert_int_equal(to_deadline(), RS_SEC);
    get("S", 0, 0, 0);
    assert_false(p.got_opts.has_cookie);
    say("SA", 0, 1, 0);
    get("A", 1, 1, 4);
    say("R", 1, 0, 0);
    rs_release(p.host, p.conn, p.now);

    open_fast();
    get("S", 0, 0, 0);
    assert_false(p.got_opts.has_cookie);
    say("SA", 0, 1, 0);
    get("A", 1, 1, 4);
    quiet();
}

/* A SYN with every option on has 40 octets for them, and a cookie may have 16 (section 4.1.1).  The
 * option has room: none is cut off, which would make the whole SYN illegal (MUST-7). */
static void a_cookie_of_any_length_fits_beside_all_other_options(void **unused)
{
    static const uint8_t cookie[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

    (void)unused;
    for (uint8_t n = 4; n <= sizeof cookie; n += 2) {
        struct rs_config c;
        plain(&c);
        c.tcp.timestamps = c.tcp.sack = c.tcp.window_scale = true;
        peer_up(&c);
        open_fast();
        get("S", 0, 0, 0);
        with_cookie(cookie, n);
        say("SA", 0, 1, 0);
        p.opt_len = 0;
        get("A", 1, 1, 4);
        say("R", 1, 0, 0);
        rs_release(p.host, p.conn, p.now);
        p.now += RS_SEC;

        open_fast();
        get("S", 0, 0, 4);
        assert_false(p.got_opts.bad);
        assert_int_equal(p.got_opts.cookie_len, n);
        assert_memory_equal(p.got_opts.cookie, cookie, n);
        assert_true(p.got_opts.has_mss && p.got_opts.has_ts && p.got_opts.has_wscale &&
                    p.got_opts.has_sack_permitted);
        quiet();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cookie_serves_the_client_it_was_given_to_and_no_other),
        cmocka_unit_test(a_syn_with_text_that_was_lost_goes_again_as_any_other),
        cmocka_unit_test(a_cookie_of_any_length_fits_beside_all_other_options),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_down();
    return failed;
}
