/* A connection's own configuration: set, read back, shared by a listener's connections, and gone
 * with the last of them. */
#include "refstack/peer.h"

static struct rs_tcp_config with_ttl(int conn, uint8_t ttl)
{
    struct rs_tcp_config c;

    assert_int_equal(rs_get(p.host, conn, &c), 0);
    c.ttl = ttl;
    return c;
}

static uint8_t ttl_of(int conn)
{
    struct rs_tcp_config c;

    assert_int_equal(rs_get(p.host, conn, &c), 0);
    return c.ttl;
}

static void set_ttl(int conn, uint8_t ttl)
{
    const struct rs_tcp_config c = with_ttl(conn, ttl);
    assert_int_equal(rs_set(p.host, conn, &c, p.now), 0);
}

/* Takes the host's next segment and looks at its TTL. */
static void get_with_ttl(const char *flags, uint32_t seq, uint32_t ack, uint8_t ttl)
{
    get(flags, seq, ack, 0);
    assert_int_equal(p.frame[8], ttl);
}

/* The SYN of another peer, answered, acknowledged and accepted. */
static int accepted_from(uint16_t port, int listener, uint8_t ttl)
{
    p.port = port;
    say("S", 0, 0, 0);
    get_with_ttl("SA", 0, 1, ttl);
    say("A", 1, 1, 0);
    const int conn = rs_accept(p.host, listener, p.now);
    assert_true(conn >= 0);
    quiet();
    return conn;
}

static void what_is_set_is_read_back_and_obeyed_by_that_connection_alone(void **unused)
{
    (void)unused;
    plain_up();
    established();
    const uint8_t before = ttl_of(p.conn);
    set_ttl(p.conn, 33);
    assert_int_equal(ttl_of(p.conn), 33);
    quiet();
    say("A", 1, 1, 5);
    get_with_ttl("A", 1, 6, 33);
    set_ttl(p.conn, 44);
    assert_int_equal(ttl_of(p.conn), 44);
    p.port = 3000;
    const struct rs_endpoint local = { .port = 70 };
    const struct rs_endpoint remote = the_peer();
    const int other = rs_open_active(p.host, &local, &remote, p.now);
    assert_int_equal(ttl_of(other), before);
    get_with_ttl("S", 0, 0, before);
    quiet();
}

/* A copy would be a page for each connection. */
static void connections_of_a_listener_share_its_settings(void **unused)
{
    const struct rs_endpoint local = { .port = HOST_PORT };

    (void)unused;
    plain_up();
    const int listener = rs_listen(p.host, &local, p.now);
    set_ttl(listener, 33);
    const int a = accepted_from(2000, listener, 33);
    const uint32_t iss_of_a = p.host_iss;
    const int b = accepted_from(2001, listener, 33);
    set_ttl(listener, 55); /* for those still to come */
    assert_int_equal(ttl_of(a), 33);
    set_ttl(b, 44); /* for itself */
    assert_int_equal(ttl_of(a), 33);
    const int c = accepted_from(2002, listener, 55);
    assert_int_equal(rs_close(p.host, listener, p.now), 0);
    assert_int_equal(ttl_of(c), 55);
    p.port = 2000;
    p.host_iss = iss_of_a;
    say("A", 1, 1, 5);
    get_with_ttl("A", 1, 6, 33);
    quiet();
}

/* With two pages there is one for the settings of the listener and all its connections, time and
 * again: a page not given back would soon be missed. */
static void the_page_is_given_back_with_the_last_of_its_users(void **unused)
{
    const struct rs_endpoint local = { .port = HOST_PORT };
    struct rs_config c;

    (void)unused;
    plain(&c);
    c.pages = 2;
    peer_up(&c);
    for (int i = 0; i < 10; i++) {
        const int listener = rs_listen(p.host, &local, p.now);
        set_ttl(listener, 33);
        const int a = accepted_from((uint16_t)(2000 + i), listener, 33);
        assert_int_equal(rs_abort(p.host, i % 2 ? a : listener, p.now), 0);
        while (heard())
            continue;
        assert_int_equal(rs_abort(p.host, i % 2 ? listener : a, p.now), 0);
        while (heard())
            continue;
    }
    const int listener = rs_listen(p.host, &local, p.now);
    const int a = accepted_from(3000, listener, c.tcp.ttl);
    assert_int_equal(rs_send(p.host, a, p.frame, 512, 0, p.now), 256); /* one page is left free */
}

static void settings_that_make_no_sense_are_refused(void **unused)
{
    static const struct {
        uint32_t snd_buf, rcv_buf;
        rs_time rto_min, rto_max;
    } row[] = {
        { 0, 1000, 1, 2 },
        { 1000, 0, 1, 2 },
        { (1u << 30) + 1, 1000, 1, 2 },
        { 1000, (1u << 30) + 1, 1, 2 },
        { 1000, 1000, 0, 2 },
        { 1000, 1000, 3, 2 },
        { 1000, 1000, 3, UINT64_C(1) << 32 },
    };

    (void)unused;
    plain_up();
    established();
    for (unsigned i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct rs_tcp_config c = with_ttl(p.conn, 9);
        c.snd_buf = row[i].snd_buf;
        c.rcv_buf = row[i].rcv_buf;
        c.rto_min = row[i].rto_min;
        c.rto_max = row[i].rto_max;
        assert_int_equal(rs_set(p.host, p.conn, &c, p.now), RS_EINVAL);
        assert_true(ttl_of(p.conn) != 9);
    }
    quiet();
}

/* RFC 9293 SHLD-12 and section 3.8.4: keep-alive asked for late begins late, and ends when it is no
 * longer asked for. */
static void a_timer_follows_what_is_set(void **unused)
{
    (void)unused;
    plain_up();
    established();
    struct rs_tcp_config c = with_ttl(p.conn, 64);
    c.keepalive = true;
    c.keepalive_idle = 10 * RS_SEC;
    assert_int_equal(rs_set(p.host, p.conn, &c, p.now), 0);
    quiet();
    assert_int_equal(to_deadline(), 10 * RS_SEC);
    get("A", 0, 1, 0);
    say("A", 1, 1, 0);
    c.keepalive = false;
    assert_int_equal(rs_set(p.host, p.conn, &c, p.now), 0);
    quiet();
    assert_true(rs_deadline(p.host) == RS_NEVER || to_deadline() > 0);
    quiet();
}

/* What a SYN offers is what is set when it goes out; one that has gone out stands. */
static void a_syn_offers_what_was_set_before_it_was_sent(void **unused)
{
    (void)unused;
    plain_up();
    active_open();
    struct rs_tcp_config c = with_ttl(p.conn, 64);
    c.window_scale = c.sack = true;
    c.mss = 700;
    assert_int_equal(rs_set(p.host, p.conn, &c, p.now), 0);
    get("S", 0, 0, 0);
    assert_true(p.got_opts.has_wscale && p.got_opts.has_sack_permitted);
    assert_int_equal(p.got_opts.mss, 700);
    c.mss = 500;
    c.sack = false;
    assert_int_equal(rs_set(p.host, p.conn, &c, p.now), 0);
    quiet();
    to_deadline();
    get("S", 0, 0, 0);
    assert_true(p.got_opts.has_sack_permitted);
    assert_int_equal(p.got_opts.mss, 700);
    quiet();
}

/* Nothing is timed in TIME-WAIT but its end, nothing at all before a connection begins. */
static void settings_in_listen_and_time_wait_start_no_timer(void **unused)
{
    (void)unused;
    plain_up();
    in_time_wait();
    const rs_time end = rs_deadline(p.host);
    struct rs_tcp_config c = with_ttl(p.conn, 64);
    c.keepalive = true;
    assert_int_equal(rs_set(p.host, p.conn, &c, p.now), 0);
    quiet();
    assert_int_equal(rs_deadline(p.host), end);
    plain_up();
    passive_open();
    c = with_ttl(p.conn, 64);
    c.keepalive = true;
    assert_int_equal(rs_set(p.host, p.conn, &c, p.now), 0);
    quiet();
    assert_int_equal(rs_deadline(p.host), RS_NEVER);
}

static void a_time_that_never_comes_ends_nothing(void **unused)
{
    struct rs_config c;

    (void)unused;
    plain(&c);
    c.tcp.r2 = c.tcp.r2_syn = c.tcp.keepalive_idle = c.tcp.fin_wait_2 = RS_NEVER;
    c.tcp.keepalive = true;
    peer_up(&c);
    established();
    pass(1000 * 3600 * RS_SEC);
    quiet();
    assert_true(rs_deadline(p.host) == RS_NEVER);
    user_sends(10);
    for (int i = 0; i < 1000; i++) {
        while (heard())
            ;
        to_deadline();
    }
    state_is(RS_ESTABLISHED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_that_never_comes_ends_nothing),
        cmocka_unit_test(what_is_set_is_read_back_and_obeyed_by_that_connection_alone),
        cmocka_unit_test(connections_of_a_listener_share_its_settings),
        cmocka_unit_test(the_page_is_given_back_with_the_last_of_its_users),
        cmocka_unit_test(settings_that_make_no_sense_are_refused),
        cmocka_unit_test(a_timer_follows_what_is_set),
        cmocka_unit_test(a_syn_offers_what_was_set_before_it_was_sent),
        cmocka_unit_test(settings_in_listen_and_time_wait_start_no_timer),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_down();
    return failed;
}
