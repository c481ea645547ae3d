/* How connections end otherwise: ABORT, RELEASE, RST, and TIME-WAIT for a new connection. */
#include "refstack/peer.h"

/* U-52, U-53: what each state's ABORT says to the peer. */
static void abort_sends_a_reset_where_the_peer_waits(void **unused)
{
    static const struct {
        enum rs_state state;
        bool reset;
        uint32_t seq;
    } row[] = {
        { RS_LISTEN, false, 0 },        { RS_SYN_SENT, false, 0 },   { RS_SYN_RECEIVED, true, 1 },
        { RS_ESTABLISHED, true, 1 },    { RS_FIN_WAIT_1, true, 2 },  { RS_FIN_WAIT_2, true, 2 },
        { RS_CLOSE_WAIT, true, 1 },     { RS_CLOSING, false, 0 },    { RS_LAST_ACK, false, 0 },
        { RS_TIME_WAIT, false, 0 },
    };

    (void)unused;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        const enum rs_state s = row[i].state;
        plain_up();
        if (s == RS_LISTEN || s == RS_SYN_RECEIVED)
            passive_open();
        else if (s == RS_SYN_SENT)
            active_open();
        else if (s == RS_LAST_ACK)
            in_last_ack();
        else if (s == RS_FIN_WAIT_2)
            host_closes_and_its_fin_is_acked();
        else if (s == RS_TIME_WAIT)
            in_time_wait();
        else
            established();
        if (s == RS_SYN_RECEIVED)
            say("S", 0, 0, 0);
        if (s == RS_FIN_WAIT_1 || s == RS_CLOSING)
            rs_close(p.host, p.conn, p.now);
        while (heard())
            ;
        if (s == RS_CLOSING || s == RS_CLOSE_WAIT)
            say("FA", 1, 1, 0);
        while (heard())
            ;
        state_is(s);
        assert_int_equal(rs_abort(p.host, p.conn, p.now), 0);
        if (row[i].reset)
            get("R", row[i].seq, 0, 0);
        quiet();
        assert_int_equal(status().error, RS_ENOCONN);
        assert_true(rs_deadline(p.host) == RS_NEVER);
    }
}

/* SHLD-3: what the user did not read is lost, and the peer is told. */
static void release_with_unread_text_resets(void **unused)
{
    (void)unused;
    plain_up();
    established();
    say("A", 1, 1, 10);
    get("A", 1, 11, 0);
    assert_int_equal(rs_release(p.host, p.conn, p.now), 0);
    assert_true(heard());
    assert_true(p.got.flags & TCP_RST);
    assert_int_equal(p.got.seq - p.host_iss, 1);
    quiet();
    assert_true(rs_deadline(p.host) == RS_NEVER);
}

static void text_that_comes_after_release_resets(void **unused)
{
    (void)unused;
    plain_up();
    established();
    assert_int_equal(rs_release(p.host, p.conn, p.now), 0);
    get("FA", 1, 1, 0);
    say("A", 1, 2, 10);
    assert_true(heard());
    assert_true(p.got.flags & TCP_RST);
    quiet();
    say("A", 11, 2, 0); /* nothing is left */
    get("R", 2, 0, 0);
}

static void a_release_is_a_close_and_leaves_nothing_behind(void **unused)
{
    (void)unused;
    plain_up();
    established();
    user_sends(100);
    assert_int_equal(rs_release(p.host, p.conn, p.now), 0);
    get("FA", 1, 1, 100);
    say("A", 1, 102, 0);
    say("FA", 1, 102, 0);
    get("A", 102, 2, 0);
    quiet();
    assert_true(rs_deadline(p.host) == p.now + 2 * p.cfg.tcp.msl);
    to_deadline();
    quiet();
    assert_true(rs_deadline(p.host) == RS_NEVER);
    assert_int_equal(rs_close(p.host, p.conn, p.now), RS_ENOCONN);
}

static void a_peer_that_never_closes_is_given_up_once_the_user_has(void **unused)
{
    (void)unused;
    plain_up();
    established();
    rs_release(p.host, p.conn, p.now);
    get("FA", 1, 1, 0);
    say("A", 1, 2, 0);
    quiet();
    assert_true(rs_deadline(p.host) == p.now + p.cfg.tcp.fin_wait_2);
    to_deadline();
    quiet();
    say("A", 1, 2, 0);
    get("R", 2, 0, 0);
}

/* RFC 1337, as configured; otherwise U-21. */
static void a_reset_in_time_wait_counts_unless_rfc_1337_is_asked_for(void **unused)
{
    struct rs_config c;

    (void)unused;
    plain_up();
    in_time_wait();
    say("R", 2, 0, 0);
    quiet();
    state_is(RS_CLOSED);

    plain(&c);
    c.tcp.rfc1337 = true;
    peer_up(&c);
    in_time_wait();
    say("R", 2, 0, 0);
    quiet();
    state_is(RS_TIME_WAIT);
}

/* MAY-2, RFC 6191. */
static void time_wait_gives_way_to_a_newer_syn_and_to_no_older(void **unused)
{
    (void)unused;
    plain_up();
    in_time_wait();
    const struct rs_endpoint local = { .port = HOST_PORT };
    const int l = rs_listen(p.host, &local, p.now);
    assert_true(l >= 0);
    say("S", 0u - 1000, 0, 0);
    while (heard())
        assert_false(p.got.flags & TCP_SYN);
    state_is(RS_TIME_WAIT);
    const uint32_t old = p.host_iss;
    say("S", 5000, 0, 0);
    get("SA", 0, 5001, 0);
    quiet();
    assert_true((int32_t)(p.host_iss - (old + 2)) > 0); /* above all numbers used before */
    say("A", 5001, 1, 0);
    assert_true(rs_accept(p.host, l, p.now) >= 0);
}

/* Another connection may stand where the old one stood. */
static void a_handle_given_back_reaches_nothing_any_more(void **unused)
{
    struct rs_status s;
    uint8_t text[4];

    (void)unused;
    plain_up();
    established();
    const int old = p.conn;
    assert_int_equal(rs_abort(p.host, old, p.now), 0);
    get("R", 1, 0, 0);
    p.port++;
    established();
    assert_int_not_equal(p.conn, old);
    say("A", 1, 1, 4);
    get("A", 1, 5, 0);
    assert_int_equal(rs_receive(p.host, old, text, sizeof text, p.now), RS_ENOCONN);
    assert_int_equal(rs_send(p.host, old, text, sizeof text, 0, p.now), RS_ENOCONN);
    assert_int_equal(rs_status(p.host, old, &s), RS_ENOCONN);
    assert_int_equal(rs_abort(p.host, old, p.now), RS_ENOCONN);
    quiet();
    assert_int_equal(user_receives(), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(abort_sends_a_reset_where_the_peer_waits),
        cmocka_unit_test(release_with_unread_text_resets),
        cmocka_unit_test(text_that_comes_after_release_resets),
        cmocka_unit_test(a_release_is_a_close_and_leaves_nothing_behind),
        cmocka_unit_test(a_peer_that_never_closes_is_given_up_once_the_user_has),
        cmocka_unit_test(a_reset_in_time_wait_counts_unless_rfc_1337_is_asked_for),
        cmocka_unit_test(time_wait_gives_way_to_a_newer_syn_and_to_no_older),
        cmocka_unit_test(a_handle_given_back_reaches_nothing_any_more),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_down();
    return failed;
}
