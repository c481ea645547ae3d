/* Old duplicates, crashed peers and crossing SYNs: RFC 9293 section 3.5, figures 7 to 11;
 * listeners. */
#include "refstack/peer.h"

/* U-56, Figure 8, the end that listens: the RST of its answer brings it back. */
static void figure_8_an_old_duplicate_syn_is_recovered_from(void **unused)
{
    (void)unused;
    plain_up();
    passive_open();
    say("S", 90, 0, 0);
    get("SA", 0, 91, 0);
    state_is(RS_SYN_RECEIVED);
    say("R", 91, 0, 0);
    quiet();
    state_is(RS_LISTEN);
    say("S", 100, 0, 0);
    get("SA", 0, 101, 0);
    say("A", 101, 1, 0);
    quiet();
    state_is(RS_ESTABLISHED);
}

/* The end that opens sees an answer to a SYN it never sent. */
static void figure_8_an_answer_to_an_old_syn_is_reset_and_the_open_goes_on(void **unused)
{
    (void)unused;
    plain_up();
    active_open();
    get("S", 0, 0, 0);
    say("SA", 300, 0u - 9, 0);
    get("R", 0u - 9, 0, 0);
    quiet();
    state_is(RS_SYN_SENT);
    say("SA", 400, 1, 0);
    get("A", 1, 401, 0);
    state_is(RS_ESTABLISHED);
}

/* U-57, Figure 9: a peer that crashed opens again; our ACK makes it reset what is left of us. */
static void figure_9_a_syn_from_a_crashed_peer_finds_out_the_half_open_connection(void **unused)
{
    (void)unused;
    plain_up();
    established();
    say("S", 40000, 0, 0);
    get("A", 1, 1, 0);
    quiet();
    state_is(RS_ESTABLISHED);
    say("R", 1, 0, 0); /* at the ACK's number, which is RCV.NXT */
    quiet();
    state_is(RS_CLOSED);
    assert_int_equal(status().error, RS_ERESET);
}

/* The crashed end of Figure 9: the ACK it gets is of nothing it knows. */
static void figure_9_the_crashed_end_resets_what_it_does_not_know(void **unused)
{
    (void)unused;
    plain_up();
    active_open();
    get("S", 0, 0, 0);
    say("A", 300, 0u - 1000, 0);
    get("R", 0u - 1000, 0, 0);
    quiet();
    state_is(RS_SYN_SENT);
}

/* Figure 10: the end still alive sends text. */
static void figure_10_text_to_a_crashed_peer_is_reset(void **unused)
{
    (void)unused;
    plain_up();
    established();
    user_sends(100);
    get("A", 1, 1, 100);
    say("R", 1, 0, 0);
    quiet();
    state_is(RS_CLOSED);
    assert_int_equal(status().error, RS_ERESET);
    assert_true(rs_deadline(p.host) == RS_NEVER);
}

/* Figure 11: both listen, an old SYN stirs one of them. */
static void figure_11_a_listener_stirred_by_an_old_syn_returns_to_listen(void **unused)
{
    (void)unused;
    plain_up();
    passive_open();
    say("S", 700, 0, 0);
    get("SA", 0, 701, 0);
    say("R", 701, 0, 0); /* the other listener's answer to our SYN,ACK */
    quiet();
    state_is(RS_LISTEN);
    say("SA", 5, 17, 0); /* and this is ours to theirs */
    get("R", 17, 0, 0);
    quiet();
    state_is(RS_LISTEN);
}

static int listener;

static void listen_with_backlog(uint32_t backlog)
{
    struct rs_config c;
    const struct rs_endpoint local = { .port = HOST_PORT };

    plain(&c);
    c.backlog = backlog;
    c.tcp.syn_cookies = false;
    peer_up(&c);
    listener = rs_listen(p.host, &local, p.now);
    assert_true(listener >= 0);
}

static void a_full_backlog_drops_a_syn_in_silence_until_one_is_accepted(void **unused)
{
    (void)unused;
    listen_with_backlog(2);
    for (uint16_t i = 0; i < 2; i++) {
        p.port = (uint16_t)(3000 + i);
        say("S", 0, 0, 0);
        get("SA", 0, 1, 0);
        say("A", 1, 1, 0);
    }
    p.port = 3002;
    say("S", 0, 0, 0);
    quiet();
    assert_int_equal(rs_reasons(p.host)[RS_REASON_BACKLOG_FULL], 1);
    assert_true(rs_accept(p.host, listener, p.now) >= 0);
    say("S", 0, 0, 0); /* the peer's SYN again */
    get("SA", 0, 1, 0);
    say("A", 1, 1, 0);
    assert_true(rs_accept(p.host, listener, p.now) >= 0);
    assert_true(rs_accept(p.host, listener, p.now) >= 0);
    assert_int_equal(rs_accept(p.host, listener, p.now), RS_EAGAIN);
}

static void a_reset_takes_a_connection_out_of_the_queue_to_accept(void **unused)
{
    (void)unused;
    listen_with_backlog(2);
    say("S", 0, 0, 0);
    get("SA", 0, 1, 0);
    say("A", 1, 1, 0);
    assert_true(rs_ready(p.host, listener) & RS_READABLE);
    say("R", 1, 0, 0);
    quiet();
    assert_false(rs_ready(p.host, listener) & RS_READABLE);
    assert_int_equal(rs_accept(p.host, listener, p.now), RS_EAGAIN);
}

/* A handshake given up makes room for the next. */
static void a_reset_in_syn_received_gives_its_place_in_the_backlog_back(void **unused)
{
    (void)unused;
    listen_with_backlog(2);
    for (uint32_t i = 0; i < 10; i++) {
        p.port = (uint16_t)(3000 + i);
        say("S", 0, 0, 0);
        get("SA", 0, 1, 0);
        say("R", 1, 0, 0);
        quiet();
    }
    assert_int_equal(rs_reasons(p.host)[RS_REASON_BACKLOG_FULL], 0);
}

static void a_listener_that_closes_resets_what_nobody_accepted(void **unused)
{
    (void)unused;
    listen_with_backlog(2);
    say("S", 0, 0, 0);
    get("SA", 0, 1, 0);
    say("A", 1, 1, 0);
    assert_int_equal(rs_close(p.host, listener, p.now), 0);
    assert_true(heard());
    assert_true(p.got.flags & TCP_RST);
    quiet();
    say("S", 500, 0, 0);
    assert_true(heard());
    assert_true(p.got.flags & TCP_RST);
}

/* RFC 9293 section 3.9.1.1: a passive OPEN with a remote socket is for that peer alone. */
static void a_listen_for_one_peer_takes_no_other(void **unused)
{
    const struct rs_endpoint local = { .port = HOST_PORT };

    (void)unused;
    plain_up();
    const struct rs_endpoint remote = the_peer();
    p.conn = rs_open_passive(p.host, &local, &remote, p.now);
    assert_true(p.conn >= 0);
    p.port = PEER_PORT + 1;
    say("S", 0, 0, 0);
    get("RA", 0u - p.host_iss, 1, 0);
    p.port = PEER_PORT;
    say("S", 0, 0, 0);
    get("SA", 0, 1, 0);
}

/* MUST-46 and the errors of section 3.10.1. */
static void an_open_that_cannot_be_is_refused_at_once(void **unused)
{
    static const struct {
        struct rs_endpoint remote;
    } row[] = {
        { { .addr = { .version = 4, .octet = { 255, 255, 255, 255 } }, .port = 80 } },
        { { .addr = { .version = 4, .octet = { 224, 0, 0, 1 } }, .port = 80 } },
        { { .addr = { .version = 4, .octet = { 192, 0, 2, 255 } }, .port = 80 } },
        { { .addr = { .version = 4 }, .port = 80 } },
        { { .addr = { .version = 4, .octet = { 192, 0, 2, 2 } }, .port = 0 } },
        { { .addr = { .version = 0 }, .port = 80 } },
    };
    const struct rs_endpoint local = { .port = 1000 };
    const struct rs_endpoint none = { .port = 0 };
    const struct rs_endpoint not_ours = { .addr = rs_ip4(10, 0, 0, 1), .port = 1000 };
    const struct rs_endpoint remote = { .addr = rs_ip4(192, 0, 2, 2), .port = 80 };

    (void)unused;
    plain_up();
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        assert_int_equal(rs_open_active(p.host, &local, &row[i].remote, p.now), RS_EINVAL);
    assert_int_equal(rs_open_active(p.host, &not_ours, &remote, p.now), RS_EINVAL);
    assert_int_equal(rs_open_passive(p.host, &none, NULL, p.now), RS_EINVAL);
    assert_int_equal(rs_open_passive(p.host, &not_ours, NULL, p.now), RS_EINVAL);
    quiet();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figure_8_an_old_duplicate_syn_is_recovered_from),
        cmocka_unit_test(figure_8_an_answer_to_an_old_syn_is_reset_and_the_open_goes_on),
        cmocka_unit_test(figure_9_a_syn_from_a_crashed_peer_finds_out_the_half_open_connection),
        cmocka_unit_test(figure_9_the_crashed_end_resets_what_it_does_not_know),
        cmocka_unit_test(figure_10_text_to_a_crashed_peer_is_reset),
        cmocka_unit_test(figure_11_a_listener_stirred_by_an_old_syn_returns_to_listen),
        cmocka_unit_test(a_full_backlog_drops_a_syn_in_silence_until_one_is_accepted),
        cmocka_unit_test(a_reset_takes_a_connection_out_of_the_queue_to_accept),
        cmocka_unit_test(a_reset_in_syn_received_gives_its_place_in_the_backlog_back),
        cmocka_unit_test(a_listener_that_closes_resets_what_nobody_accepted),
        cmocka_unit_test(a_listen_for_one_peer_takes_no_other),
        cmocka_unit_test(an_open_that_cannot_be_is_refused_at_once),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_down();
    return failed;
}
