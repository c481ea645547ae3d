/* What runs out: TCBs, pages, places in a queue.  Whoever comes then is turned away in a way that
 * leaves the host as it was, and gets what it wants once there is room. */
#include "refstack/peer.h"

static uint64_t count_of(enum rs_reason r)
{
    return rs_reasons(p.host)[r];
}

static void listen_up(const struct rs_config *c)
{
    const struct rs_endpoint local = { .port = HOST_PORT };

    peer_up(c);
    p.conn = rs_listen(p.host, &local, p.now);
    assert_true(p.conn >= 0);
}

/* ---- TCBs ------------------------------------------------------------------------------------ */

/* RFC 4987: the cookie stays good, so the peer's next segment may find a TCB. */
static void without_a_tcb_the_ack_of_a_cookie_is_dropped_in_silence(void **unused)
{
    const struct rs_endpoint any = { .port = 0 };
    const struct rs_endpoint away = { .addr = rs_ip4(192, 0, 2, 9), .port = 9 };
    struct rs_config c;

    (void)unused;
    plain(&c);
    c.max_conns = 3;
    c.backlog = 1;
    c.tcp.syn_cookies = true;
    listen_up(&c);
    say("S", 0, 0, 0);
    get("SA", 0, 1, 0);
    p.port = 2001;
    say("S", 0, 0, 0);
    get("SA", 0, 1, 0);
    const uint32_t cookie = p.host_iss;
    const int last = rs_open_active(p.host, &any, &away, p.now);
    assert_true(last >= 0);
    assert_true(heard());
    assert_int_equal(rs_open_active(p.host, &any, &away, p.now), RS_ENORES);
    p.host_iss = cookie;
    say("A", 1, 1, 0);
    quiet();
    assert_int_equal(count_of(RS_REASON_NO_RESOURCES), 1);
    assert_int_equal(rs_accept(p.host, p.conn, p.now), RS_EAGAIN);
    assert_int_equal(rs_abort(p.host, last, p.now), 0);
    say("A", 1, 1, 3);
    get("A", 1, 4, 0);
    assert_true(rs_accept(p.host, p.conn, p.now) >= 0);
    quiet();
}

/* ---- The backlog ----------------------------------------------------------------------------- */

/* RFC 9293 MAY-2: the old incarnation ends for the newer SYN all the same; a full backlog is what
 * that SYN meets then. */
static void a_full_backlog_turns_away_a_newer_incarnation_too(void **unused)
{
    struct rs_config c;

    (void)unused;
    plain(&c);
    c.backlog = 1;
    c.tcp.syn_cookies = false;
    listen_up(&c);
    say("S", 0, 0, 0);
    get("SA", 0, 1, 0);
    say("A", 1, 1, 0);
    const int conn = rs_accept(p.host, p.conn, p.now);
    assert_true(conn >= 0);
    assert_int_equal(rs_close(p.host, conn, p.now), 0);
    get("FA", 1, 1, 0);
    say("FA", 1, 2, 0);
    get("A", 2, 2, 0);
    quiet();
    p.port = 2001;
    say("S", 0, 0, 0);
    get("SA", 0, 1, 0);
    const uint32_t other_iss = p.host_iss;
    p.port = PEER_PORT;
    say("S", 1000, 0, 0);
    quiet();
    p.port = 2001;
    p.host_iss = other_iss;
    say("A", 1, 1, 0);
    assert_true(rs_accept(p.host, p.conn, p.now) >= 0);
    p.port = PEER_PORT;
    say("S", 1000, 0, 0);
    get("SA", 0, 1001, 0);
    quiet();
}

static void count(void *n, int conn)
{
    (void)conn;
    ++*(unsigned *)n;
}

static void a_backlog_beyond_16_bits_is_counted_in_full(void **unused)
{
    enum { HALF = 1 << 15 };
    struct rs_config c;
    unsigned left = 0;

    (void)unused;
    plain(&c);
    c.max_conns = c.demux_places = c.backlog = 1 << 17;
    c.more[0] = (struct rs_net){ rs_ip4(192, 0, 2, 3), 24 };
    listen_up(&c);
    for (unsigned i = 0; i < 2 * HALF; i++) {
        p.port = (uint16_t)(1000 + i % HALF);
        p.cfg.addr = i < HALF ? c.addr : c.more[0].addr;
        say("S", 0, 0, 0);
    }
    assert_int_equal(rs_release(p.host, p.conn, p.now), 0);
    rs_each(p.host, count, &left);
    assert_int_equal(left, 0);
}

/* ---- Fast open ------------------------------------------------------------------------------- */

static void fast_open_option(const uint8_t *cookie, uint8_t len)
{
    p.opt[0] = OPT_FASTOPEN;
    p.opt[1] = (uint8_t)(2 + len);
    if (len)
        memcpy(p.opt + 2, cookie, len);
    p.opt_len = (uint8_t)(2 + len);
}

/* A listener with one place for fast opens, and a cookie of its. */
static void fast_listen_with(uint8_t cookie[16], uint32_t rcv_buf)
{
    struct rs_config c;

    plain(&c);
    if (rcv_buf)
        c.tcp.rcv_buf = rcv_buf;
    c.tcp.fastopen = true;
    c.tcp.fastopen_pending = 1;
    listen_up(&c);
    fast_open_option(NULL, 0);
    say("S", 0, 0, 0);
    p.opt_len = 0;
    get("SA", 0, 1, 0);
    assert_int_equal(p.got_opts.cookie_len, 8);
    memcpy(cookie, p.got_opts.cookie, 8);
    say("R", 1, 0, 0);
    quiet();
}

static void fast_listen(uint8_t cookie[16])
{
    fast_listen_with(cookie, 0);
}

/* RFC 7413 section 4.2.2: what does not fit is not acknowledged; neither is a FIN behind it. */
static void a_fast_open_syn_brings_no_more_text_than_the_buffer_holds(void **unused)
{
    uint8_t cookie[16];

    (void)unused;
    for (uint32_t len = 99; len <= 101; len++) {
        fast_listen_with(cookie, 100);
        fast_open_option(cookie, 8);
        say("S", 0, 0, len);
        get("SA", 0, 1 + (len < 100 ? len : 100), 0);
        p.conn = rs_accept(p.host, p.conn, p.now);
        assert_int_equal(user_receives(), len < 100 ? len : 100);
    }
}

/* RFC 7413 section 5.1: so many pending, the others shake hands first. */
static void more_fast_opens_than_may_be_pending_shake_hands_first(void **unused)
{
    uint8_t cookie[16];

    (void)unused;
    fast_listen(cookie);
    fast_open_option(cookie, 8);
    say("S", 0, 0, 10);
    get("SA", 0, 11, 0); /* its text was let in */
    p.port = 2001;
    say("S", 0, 0, 10);
    get("SA", 0, 1, 0);
    p.opt_len = 0;
    p.port = PEER_PORT;
    say("R", 11, 0, 0);
    p.port = 2002;
    fast_open_option(cookie, 8);
    say("S", 0, 0, 10);
    get("SA", 0, 11, 0);
    quiet();
}

/* One that was accepted before its handshake ended outlives its listener, whose TCB is another's by
 * then. */
static void a_fast_open_is_not_taken_off_the_books_of_another_listener(void **unused)
{
    const struct rs_endpoint local = { .port = HOST_PORT };
    uint8_t cookie[16];

    (void)unused;
    fast_listen(cookie);
    fast_open_option(cookie, 8);
    say("S", 0, 0, 10);
    get("SA", 0, 11, 0);
    const uint32_t iss = p.host_iss;
    const int early = rs_accept(p.host, p.conn, p.now);
    assert_true(early >= 0);
    assert_int_equal(rs_release(p.host, p.conn, p.now), 0);
    p.conn = rs_listen(p.host, &local, p.now);
    assert_true(p.conn >= 0);
    p.port = 2001;
    say("S", 0, 0, 10);
    get("SA", 0, 11, 0);
    p.host_iss = iss;
    p.port = PEER_PORT;
    p.opt_len = 0;
    say("A", 11, 1, 0);
    quiet();
    p.port = 2002;
    fast_open_option(cookie, 8);
    say("S", 0, 0, 10);
    get("SA", 0, 1, 0); /* the one at 2001 is pending still */
    quiet();
}

/* RFC 7413 with RFC 9293 section 3.10.7.4: the FIN of such a SYN counts once the handshake is
 * over, with text before it or without. */
static void the_fin_of_a_fast_open_syn_is_kept(void **unused)
{
    (void)unused;
    for (uint32_t len = 0; len <= 10; len += 10) {
        uint8_t cookie[16];
        fast_listen(cookie);
        fast_open_option(cookie, 8);
        say("SF", 0, 0, len);
        assert_true(heard());
        p.pending = true;
        get("SA", 0, len + 1, 0);
        p.opt_len = 0;
        say("A", len + 1, 1, 0);
        const int conn = rs_accept(p.host, p.conn, p.now);
        assert_true(conn >= 0);
        while (heard())
            assert_int_equal(p.got.ack - PEER_ISS, len + 2);
        p.conn = conn;
        state_is(RS_CLOSE_WAIT);
        assert_int_equal(user_receives(), len);
        quiet();
    }
}

/* ---- Pages ----------------------------------------------------------------------------------- */

/* An established connection whose unsent text holds every page but the one that SEND leaves. */
static void full_of_text(struct rs_config *c)
{
    c->tcp.snd_buf = 1 << 16;
    peer_up(c);
    p.wnd = 0;
    established();
    for (int n = 1; n > 0;)
        n = rs_send(p.host, p.conn, p.frame, sizeof p.frame, 0, p.now);
}

/* And the peer's text holds that one. */
static void no_page_left(struct rs_config *c)
{
    full_of_text(c);
    say("A", 1, 1, 5);
    get("A", 1, 6, 0);
    quiet();
}

/* A piece of a datagram that nothing can be noted of is dropped, for its reason. */
static void a_fragment_without_a_page_is_dropped(void **unused)
{
    struct rs_config c;
    const struct ip4_hdr ip = { .ihl = 5, .total_len = IP4_HEADER + 16, .ttl = 64, .id = 3,
                                .frag = IP4_MF, .proto = IP_PROTO_UDP,
                                .src = rs_ip4(192, 0, 2, 2), .dst = rs_ip4(192, 0, 2, 1) };

    (void)unused;
    plain(&c);
    no_page_left(&c);
    ip4_emit_sum(&ip, p.frame, sizeof p.frame);
    rs_input(p.host, p.frame, ip.total_len, p.now);
    assert_int_equal(count_of(RS_REASON_IP_FRAGMENT), 1);
    assert_int_equal(count_of(RS_REASON_IP_FRAGMENT_HELD), 0);
    quiet();
}

/* What notes that text is in flight stands in a page too, which the text itself may not take. */
static void text_that_fills_the_pool_is_sent_all_the_same(void **unused)
{
    struct rs_config c;
    uint32_t acked = 1;

    (void)unused;
    plain(&c);
    full_of_text(&c);
    const uint32_t queued = status().snd_queued;
    assert_int_equal(queued, (c.pages - 1) * c.page_octets);
    assert_int_equal(rs_ready(p.host, p.conn), 0);
    quiet();
    p.wnd = 4096;
    say("A", 1, 1, 0);
    while (acked < 1 + queued) {
        assert_true(heard());
        acked += p.got.text_len;
        while (heard())
            acked += p.got.text_len;
        say("A", 1, acked, 0);
    }
    assert_int_equal(rs_ready(p.host, p.conn), RS_WRITABLE);
    quiet();
}

/* A peer that leaves a hole for ever does not make this host deaf for the others. */
static void text_beyond_a_hole_leaves_a_page_for_answers(void **unused)
{
    struct rs_config c;

    (void)unused;
    plain(&c);
    c.pages = 4;
    peer_up(&c);
    established();
    say("A", 301, 1, 200); /* two pages, and one for the list of blocks */
    get("A", 1, 1, 0);
    say("A", 601, 1, 100);
    get("A", 1, 1, 0);
    assert_int_equal(count_of(RS_REASON_TEXT_NO_ROOM), 1);
    p.port = 3000;
    say("S", 0, 0, 0); /* nobody's */
    assert_true(heard());
    assert_int_equal(p.got.flags, TCP_RST | TCP_ACK);
    p.port = PEER_PORT;
    say("A", 1, 1, 300);
    get("A", 1, 501, 0);
    say("A", 501, 1, 200);
    get("A", 1, 701, 0);
    assert_int_equal(user_receives(), 700);
}

/* The connection keeps what it had; later there is room for its own. */
static void a_setting_without_a_page_is_refused(void **unused)
{
    struct rs_config c;
    struct rs_tcp_config mine, got;

    (void)unused;
    plain(&c);
    no_page_left(&c);
    mine = c.tcp;
    mine.ttl = 33;
    assert_int_equal(rs_set(p.host, p.conn, &mine, p.now), RS_ENORES);
    assert_int_equal(rs_get(p.host, p.conn, &got), 0);
    assert_int_equal(got.ttl, c.tcp.ttl);
    quiet();
    assert_int_equal(user_receives(), 5);
    assert_int_equal(rs_set(p.host, p.conn, &mine, p.now), RS_ENORES); /* text needs that one */
    p.wnd = 4096;
    say("A", 6, 1, 0);
    while (status().snd_queued > 0) {
        while (heard())
            ;
        say("A", 6, status().snd_nxt - p.host_iss, 0);
    }
    assert_int_equal(rs_set(p.host, p.conn, &mine, p.now), 0);
    say("A", 6, status().snd_nxt - p.host_iss, 1);
    get("A", status().snd_nxt - p.host_iss, 7, 0);
    assert_int_equal(p.frame[8], 33);
    quiet();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_tcb_the_ack_of_a_cookie_is_dropped_in_silence),
        cmocka_unit_test(a_full_backlog_turns_away_a_newer_incarnation_too),
        cmocka_unit_test(a_backlog_beyond_16_bits_is_counted_in_full),
        cmocka_unit_test(a_fast_open_is_not_taken_off_the_books_of_another_listener),
        cmocka_unit_test(more_fast_opens_than_may_be_pending_shake_hands_first),
        cmocka_unit_test(a_fast_open_syn_brings_no_more_text_than_the_buffer_holds),
        cmocka_unit_test(the_fin_of_a_fast_open_syn_is_kept),
        cmocka_unit_test(a_fragment_without_a_page_is_dropped),
        cmocka_unit_test(text_that_fills_the_pool_is_sent_all_the_same),
        cmocka_unit_test(text_beyond_a_hole_leaves_a_page_for_answers),
        cmocka_unit_test(a_setting_without_a_page_is_refused),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_down();
    return failed;
}
