/* What a peer that lies gets by it, and what a third party can learn or use up: nothing. */
#include "refstack/peer.h"

enum { MSS = 536 };

static void up_with_sack(bool rack)
{
    static const uint8_t sack_permitted[] = { 4, 2, 1, 1 };
    struct rs_config c;

    plain(&c);
    c.tcp.sack = true;
    c.tcp.rack = rack;
    c.pages = 64;
    peer_up(&c);
    active_open();
    get("S", 0, 0, 0);
    memcpy(p.opt, sack_permitted, p.opt_len = sizeof sack_permitted);
    say("SA", 0, 1, 0);
    p.opt_len = 0;
    get("A", 1, 1, 0);
    quiet();
}

/* An ACK with one SACK block, counted from the host's ISS. */
static void say_sack(uint32_t ack, uint32_t left, uint32_t right)
{
    struct wcur w = wcur_of(p.opt, sizeof p.opt);

    wcur_u8(&w, 1);
    wcur_u8(&w, 1);
    wcur_u8(&w, 5);
    wcur_u8(&w, 10);
    wcur_u32(&w, p.host_iss + left);
    wcur_u32(&w, p.host_iss + right);
    p.opt_len = 12;
    say("A", 1, ack, 0);
    p.opt_len = 0;
}

static void four_segments_are_in_flight(void)
{
    user_sends(2048);
    for (uint32_t i = 0; i < 3; i++)
        get("A", 1 + i * MSS, 1, MSS);
    get("A", 1 + 3 * MSS, 1, 2048 - 3 * MSS);
    quiet();
}

/* RFC 2018 section 3: a block names what was received.  What was never sent was not. */
static void sack_of_what_was_never_sent_marks_nothing_as_received(void **unused)
{
    (void)unused;
    for (int rack = 0; rack < 2; rack++) {
        up_with_sack(rack);
        four_segments_are_in_flight();
        say_sack(1, 1 + MSS, 9000);
        quiet(); /* three segments received beyond the first would show that it is lost */
        say_sack(1, 1 + MSS, 2049);
        get("A", 1, 1, MSS);
        say("A", 1, 2049, 0);
        quiet();
    }
}

/* RFC 2018 section 8: what was SACKed may be thrown away until it is acknowledged; after a timeout
 * the sender sends it again. */
static void octets_sacked_and_then_thrown_away_are_sent_again(void **unused)
{
    (void)unused;
    for (int rack = 0; rack < 2; rack++) {
        up_with_sack(rack);
        four_segments_are_in_flight();
        say_sack(1, 1 + MSS, 2049);
        get("A", 1, 1, MSS);
        quiet();
        to_deadline();
        get("A", 1, 1, MSS);
        quiet();
        say("A", 1, 1 + MSS, 0);
        get("A", 1 + MSS, 1, MSS);
        get("A", 1 + 2 * MSS, 1, MSS);
        say("A", 1, 1 + 3 * MSS, 0);
        get("A", 1 + 3 * MSS, 1, 2048 - 3 * MSS);
        say("A", 1, 2049, 0);
        quiet();
    }
}

/* RFC 6691: an MSS of nothing is met by a floor; text goes in segments that hold some. */
static void an_mss_of_nothing_does_not_stop_the_text(void **unused)
{
    (void)unused;
    for (uint8_t mss = 0; mss < 2; mss++) {
        const uint8_t option[] = { 2, 4, 0, mss };
        uint32_t next = 1;
        plain_up();
        active_open();
        get("S", 0, 0, 0);
        memcpy(p.opt, option, p.opt_len = sizeof option);
        say("SA", 0, 1, 0);
        p.opt_len = 0;
        get("A", 1, 1, 0);
        user_sends(400);
        for (unsigned i = 0; next < 401; i++) {
            assert_true(i < 20);
            assert_true(heard());
            assert_int_equal(p.got.seq - p.host_iss, next);
            assert_true(p.got.text_len > 0);
            next += (uint32_t)p.got.text_len;
            say("A", 1, next, 0);
        }
        quiet();
    }
}

/* ---- Limits that nobody shares ---------------------------------------------------------- */

struct end {
    int conn;
    uint16_t port;
    uint32_t iss;
};

static void speak_as(const struct end *e)
{
    p.conn = e->conn;
    p.port = e->port;
    p.host_iss = e->iss;
}

static struct end connection_from(uint16_t port)
{
    p.port = port;
    established();
    return (struct end){ .conn = p.conn, .port = port, .iss = p.host_iss };
}

/* An RST in the window but not at RCV.NXT; true when it was challenged. */
static bool challenged(void)
{
    say("R", 2, 0, 0);
    if (!heard())
        return false;
    assert_int_equal(p.got.flags, TCP_ACK);
    assert_int_equal(p.got.dst_port, p.port);
    return true;
}

/* RFC 5961 section 7: the limit is on, but whoever uses up one connection's learns nothing of
 * another (CVE-2016-5696). */
static void challenges_of_one_connection_are_not_counted_for_another(void **unused)
{
    struct rs_config c;

    (void)unused;
    plain(&c);
    c.tcp.challenge_acks = 3;
    peer_up(&c);
    const struct end end[2] = { connection_from(2000), connection_from(2001) };
    for (int i = 0; i < 2; i++) {
        pass(2 * RS_SEC);
        speak_as(&end[!i]);
        assert_true(challenged());
        speak_as(&end[i]);
        for (int n = 0; n < 3; n++)
            assert_true(challenged());
        assert_false(challenged());
        speak_as(&end[!i]);
        assert_true(challenged());
        assert_true(challenged());
        assert_false(challenged());
    }
}

static void listen_with_backlog(uint32_t backlog, bool cookies)
{
    const struct rs_endpoint local = { .port = HOST_PORT };
    struct rs_config c;

    plain(&c);
    c.backlog = backlog;
    c.tcp.syn_cookies = cookies;
    peer_up(&c);
    p.conn = rs_listen(p.host, &local, p.now);
    assert_true(p.conn >= 0);
}

/* RFC 4987 section 3: what a SYN took up is given back with its connection. */
static void connections_reset_before_they_are_accepted_leave_the_backlog(void **unused)
{
    (void)unused;
    listen_with_backlog(2, false);
    for (uint16_t i = 0; i < 10; i++) {
        p.port = (uint16_t)(3000 + i);
        say("S", 0, 0, 0);
        get("SA", 0, 1, 0);
        say("R", 1, 0, 0);
        quiet();
    }
}

/* RFC 4987 section 3.6: an ACK passes for a cookie only if it acknowledges one that was sent to
 * this very peer. */
static void an_ack_of_no_cookie_of_ours_makes_no_connection(void **unused)
{
    (void)unused;
    listen_with_backlog(1, true);
    say("S", 0, 0, 0);
    get("SA", 0, 1, 0);
    p.port = 4000;
    say("S", 0, 0, 0);
    get("SA", 0, 1, 0); /* which is a cookie: the backlog is full */
    const uint32_t cookie = p.host_iss;
    const uint32_t wrong[] = { 0, 1u << 23, 1u << 31, 12345 };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        p.host_iss = cookie ^ (wrong[i] ? wrong[i] : 1);
        say("A", 1, 1, 0);
        get("R", 1, 0, 0);
    }
    p.host_iss = cookie;
    p.port = 4001; /* right, but another's */
    say("A", 1, 1, 0);
    get("R", 1, 0, 0);
    p.port = 4000;
    say("A", 1, 1, 0);
    quiet();
    assert_true(rs_accept(p.host, p.conn, p.now) >= 0);
}

/* ---- Octets ----------------------------------------------------------------------------- */

/* A window probe is the next octet of the queue, and of nothing else that memory holds. */
static void a_window_probe_carries_the_next_octet_of_the_queue(void **unused)
{
    uint8_t text[64];

    (void)unused;
    plain_up();
    p.wnd = 0;
    established();
    memset(text, 0xa5, sizeof text);
    assert_int_equal(rs_send(p.host, p.conn, text, sizeof text, 0, p.now), sizeof text);
    quiet();
    for (int i = 0; i < 3; i++) {
        to_deadline();
        get("A", 1, 1, 1);
        assert_int_equal(p.got.text[0], 0xa5);
        say("A", 1, 1, 0);
        quiet();
    }
}

/* However often a FIN is acknowledged together with the text before it, memory for more is left. */
static void text_acknowledged_with_the_fin_is_given_back(void **unused)
{
    (void)unused;
    plain_up();
    for (int i = 0; i < 100; i++) {
        established();
        user_sends(500);
        assert_int_equal(rs_close(p.host, p.conn, p.now), 0);
        get("FA", 1, 1, 500);
        say("FA", 1, 502, 0);
        get("A", 502, 2, 0);
        state_is(RS_TIME_WAIT);
        assert_int_equal(rs_abort(p.host, p.conn, p.now), 0);
        quiet();
    }
}

/* RFC 4987 section 3.6: a cookie is good for a handshake and not for a collection of them. */
static void a_syn_cookie_serves_for_one_to_two_minutes(void **unused)
{
    (void)unused;
    for (int late = 0; late <= 1; late++) {
        listen_with_backlog(1, true);
        say("S", 0, 0, 0);
        get("SA", 0, 1, 0);
        p.port = 4000;
        say("S", 0, 0, 0);
        get("SA", 0, 1, 0);
        const uint32_t cookie = p.host_iss;
        pass((late ? 129 : 63) * RS_SEC);
        while (heard()) /* the first peer's SYN,ACK again */
            continue;
        p.host_iss = cookie;
        say("A", 1, 1, 0);
        if (late)
            get("R", 1, 0, 0);
        quiet();
    }
}

/* Section 3.6 again: the cookie is all that is kept, and the MSS is in it: the largest of eight
 * that is no larger, however small the peer's is (MUST-16). */
static void a_connection_made_of_a_cookie_knows_the_mss_of_its_syn(void **unused)
{
    static const struct {
        uint16_t said, used;
    } mss[] = { { 800, 796 }, { 300, 216 }, { 100, 48 } };

    (void)unused;
    for (size_t i = 0; i < sizeof mss / sizeof *mss; i++) {
        listen_with_backlog(1, true);
        say("S", 0, 0, 0);
        get("SA", 0, 1, 0);
        p.port = 4000;
        const uint8_t opt[] = { OPT_MSS, 4, (uint8_t)(mss[i].said >> 8), (uint8_t)mss[i].said };
        memcpy(p.opt, opt, p.opt_len = sizeof opt);
        say("S", 0, 0, 0);
        p.opt_len = 0;
        get("SA", 0, 1, 0);
        say("A", 1, 1, 0);
        quiet();
        p.conn = rs_accept(p.host, p.conn, p.now);
        user_sends(mss[i].used + 1u);
        get("A", 1, 1, mss[i].used);
        get("A", mss[i].used + 1u, 1, 1);
        quiet();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sack_of_what_was_never_sent_marks_nothing_as_received),
        cmocka_unit_test(octets_sacked_and_then_thrown_away_are_sent_again),
        cmocka_unit_test(an_mss_of_nothing_does_not_stop_the_text),
        cmocka_unit_test(challenges_of_one_connection_are_not_counted_for_another),
        cmocka_unit_test(connections_reset_before_they_are_accepted_leave_the_backlog),
        cmocka_unit_test(an_ack_of_no_cookie_of_ours_makes_no_connection),
        cmocka_unit_test(a_window_probe_carries_the_next_octet_of_the_queue),
        cmocka_unit_test(text_acknowledged_with_the_fin_is_given_back),
        cmocka_unit_test(a_syn_cookie_serves_for_one_to_two_minutes),
        cmocka_unit_test(a_connection_made_of_a_cookie_knows_the_mss_of_its_syn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
