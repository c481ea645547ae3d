/* The user's side of a connection: handles that are stale, readiness, and the calls that are
 * refused, RFC 9293 section 3.10. */
#include "refstack/peer.h"

/* ---- Handles --------------------------------------------------------------------------------- */

/* Whatever the call, a handle that was given back is no connection, even when its TCB serves
 * another since. */
static void a_handle_given_back_is_no_connection(void **unused)
{
    const struct rs_endpoint remote = { .addr = rs_ip4(192, 0, 2, 2), .port = 99 };
    struct rs_piece piece[RS_PIECES];
    struct rs_tcp_config c;
    struct rs_status s;
    uint8_t octet = 0;
    unsigned pieces;

    (void)unused;
    for (int again = 0; again <= 1; again++) {
        plain_up();
        established();
        const int stale = p.conn;
        assert_int_equal(rs_get(p.host, stale, &c), 0);
        assert_int_equal(rs_abort(p.host, stale, p.now), 0);
        get("R", 1, 0, 0);
        if (again)
            established();
        assert_int_equal(rs_send(p.host, stale, &octet, 1, 0, p.now), RS_ENOCONN);
        assert_int_equal(rs_receive(p.host, stale, &octet, 1, p.now), RS_ENOCONN);
        assert_int_equal(rs_peek(p.host, stale, piece, &pieces, p.now), RS_ENOCONN);
        assert_int_equal(pieces, 0);
        assert_int_equal(rs_close(p.host, stale, p.now), RS_ENOCONN);
        assert_int_equal(rs_abort(p.host, stale, p.now), RS_ENOCONN);
        assert_int_equal(rs_release(p.host, stale, p.now), RS_ENOCONN);
        assert_int_equal(rs_shutdown_receive(p.host, stale, p.now), RS_ENOCONN);
        assert_int_equal(rs_accept(p.host, stale, p.now), RS_ENOCONN);
        assert_int_equal(rs_open_from_listen(p.host, stale, &remote, p.now), RS_ENOCONN);
        assert_int_equal(rs_status(p.host, stale, &s), RS_ENOCONN);
        assert_int_equal(rs_get(p.host, stale, &c), RS_ENOCONN);
        assert_int_equal(rs_set(p.host, stale, &c, p.now), RS_ENOCONN);
        assert_int_equal(rs_ready(p.host, stale), 0);
        quiet();
        if (again)
            state_is(RS_ESTABLISHED);
    }
}

/* ---- Readiness ------------------------------------------------------------------------------- */

#define ready_is(want) assert_int_equal(rs_ready(p.host, p.conn), want)

static void a_connection_is_ready_for_what_would_not_wait(void **unused)
{
    (void)unused;
    plain_up();
    active_open();
    ready_is(0);
    get("S", 0, 0, 0);
    say("SA", 0, 1, 0);
    get("A", 1, 1, 0);
    ready_is(RS_WRITABLE);
    say("A", 1, 1, 5);
    get("A", 1, 6, 0);
    ready_is(RS_WRITABLE | RS_READABLE);
    assert_int_equal(user_receives(), 5);
    ready_is(RS_WRITABLE);
    p.wnd = 0;
    say("A", 6, 1, 0);
    user_sends(p.cfg.tcp.snd_buf); /* the buffer is full */
    ready_is(0);
    say("FA", 6, 1, 0);
    get("A", 1, 7, 0);
    ready_is(RS_READABLE); /* the end of data */
    assert_int_equal(user_receives(), 0);
    say("RA", 7, 1, 0);
    ready_is(RS_READABLE | RS_WRITABLE | RS_ENDED);
    quiet();
}

static void a_user_who_closed_is_not_asked_to_write(void **unused)
{
    (void)unused;
    plain_up();
    established();
    assert_int_equal(rs_close(p.host, p.conn, p.now), 0);
    ready_is(0);
    get("FA", 1, 1, 0);
    say("A", 1, 2, 3);
    get("A", 2, 4, 0);
    ready_is(RS_READABLE);
    assert_int_equal(rs_shutdown_receive(p.host, p.conn, p.now), 0);
    assert_int_equal(user_receives(), 0);
    ready_is(RS_READABLE);
    quiet();
}

/* Without a page there is no room, whatever the buffer's size. */
static void without_a_page_nothing_can_be_written(void **unused)
{
    struct rs_config c;

    (void)unused;
    plain(&c);
    c.pages = 3; /* one for what is in flight */
    c.tcp.snd_buf = 4096;
    peer_up(&c);
    p.wnd = 0;
    established();
    user_sends(2 * 256);
    ready_is(0);
    quiet();
}

static void a_listener_is_readable_while_somebody_waits(void **unused)
{
    const struct rs_endpoint local = { .port = HOST_PORT };

    (void)unused;
    plain_up();
    p.conn = rs_listen(p.host, &local, p.now);
    ready_is(0);
    say("S", 0, 0, 0);
    get("SA", 0, 1, 0);
    ready_is(0);
    say("A", 1, 1, 0);
    ready_is(RS_READABLE);
    assert_true(rs_accept(p.host, p.conn, p.now) >= 0);
    ready_is(0);
    assert_int_equal(rs_accept(p.host, p.conn, p.now), RS_EAGAIN);
    quiet();
}

/* ---- Calls that are refused ------------------------------------------------------------------ */

static void receive_and_peek_say_the_same_of_a_listen(void **unused)
{
    const struct rs_endpoint local = { .port = 80 };
    struct rs_piece piece[RS_PIECES];
    unsigned pieces;

    (void)unused;
    plain_up();
    passive_open();
    assert_int_equal(user_receives(), RS_EAGAIN);
    assert_int_equal(rs_peek(p.host, p.conn, piece, &pieces, p.now), RS_EAGAIN);
    p.conn = rs_listen(p.host, &local, p.now);
    assert_int_equal(user_receives(), RS_ENOTCONN);
    assert_int_equal(rs_peek(p.host, p.conn, piece, &pieces, p.now), RS_ENOTCONN);
    assert_int_equal(rs_shutdown_receive(p.host, p.conn, p.now), RS_ENOTCONN);
    quiet();
}

/* MUST-46 and section 3.9.1.1: a passive OPEN names one host or nobody. */
static void a_passive_open_for_what_is_no_host_is_refused(void **unused)
{
    static const struct rs_endpoint remote[] = {
        { .addr = { .version = 4, .octet = { 224, 0, 0, 1 } }, .port = 9 },
        { .addr = { .version = 4, .octet = { 255, 255, 255, 255 } }, .port = 9 },
        { .addr = { .version = 4, .octet = { 192, 0, 2, 2 } }, .port = 0 },
        { .port = 9 },
    };
    const struct rs_endpoint local = { .port = 80 };

    (void)unused;
    plain_up();
    for (unsigned i = 0; i < sizeof remote / sizeof remote[0]; i++)
        assert_int_equal(rs_open_passive(p.host, &local, &remote[i], p.now), RS_EINVAL);
    assert_true(rs_open_passive(p.host, &local, NULL, p.now) >= 0);
    quiet();
}

/* Section 3.10.1, active OPEN in LISTEN, and 3.10.2, SEND there: the socket it would become is
 * somebody else's, or none. */
static void a_listen_becomes_no_connection_that_exists_already(void **unused)
{
    const struct rs_endpoint local = { .port = HOST_PORT };
    const struct rs_endpoint nobody = { .addr = rs_ip4(192, 0, 2, 2), .port = 0 };
    const struct rs_endpoint other = { .addr = rs_ip4(192, 0, 2, 2), .port = 77 };

    (void)unused;
    plain_up();
    const struct rs_endpoint remote = the_peer();
    const int waiting = rs_open_passive(p.host, &local, &remote, p.now);
    assert_true(waiting >= 0);
    established();
    assert_int_equal(rs_send(p.host, waiting, "x", 1, 0, p.now), RS_EEXIST);
    assert_int_equal(rs_open_from_listen(p.host, waiting, &remote, p.now), RS_EEXIST);
    assert_int_equal(rs_open_from_listen(p.host, waiting, &nobody, p.now), RS_EINVAL);
    assert_int_equal(rs_open_from_listen(p.host, p.conn, &other, p.now), RS_EEXIST);
    quiet();
    assert_int_equal(rs_open_from_listen(p.host, waiting, &other, p.now), 0);
    assert_true(heard());
    assert_int_equal(p.got.dst_port, 77);
    quiet();
}

/* RFC 6056 draws any port, so now and then the one that the peer listens at: with the host's own
 * address for peer that would be a socket connected to itself. */
static void no_port_drawn_connects_a_socket_to_itself(void **unused)
{
    struct rs_endpoint remote = { .addr = rs_ip4(192, 0, 2, 1) };
    const struct rs_endpoint any = { .port = 0 };

    (void)unused;
    plain_up();
    for (uint32_t n = 0; n < 3 * 64512; n++) {
        const uint32_t port = 1024 + n % 64512;
        pass(n % 64512 == 0);
        remote.port = (uint16_t)port;
        p.conn = rs_open_active(p.host, &any, &remote, p.now);
        assert_true(p.conn >= 0);
        assert_true(status().local.port != port);
        assert_int_equal(rs_abort(p.host, p.conn, p.now), 0);
    }
    quiet();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handle_given_back_is_no_connection),
        cmocka_unit_test(a_connection_is_ready_for_what_would_not_wait),
        cmocka_unit_test(a_user_who_closed_is_not_asked_to_write),
        cmocka_unit_test(without_a_page_nothing_can_be_written),
        cmocka_unit_test(a_listener_is_readable_while_somebody_waits),
        cmocka_unit_test(receive_and_peek_say_the_same_of_a_listen),
        cmocka_unit_test(a_passive_open_for_what_is_no_host_is_refused),
        cmocka_unit_test(a_listen_becomes_no_connection_that_exists_already),
        cmocka_unit_test(no_port_drawn_connects_a_socket_to_itself),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_down();
    return failed;
}
