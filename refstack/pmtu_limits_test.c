/* Path MTU where it meets the rest: a passive OPEN that serves one peer after the other, a pool
 * with hardly a page left, a path that grows wide again without a search. */
#include "refstack/peer.h"

enum { WIDE = 1460, NARROW = 600 - IP4_HEADER - TCP_HEADER };

static const uint8_t mss_option[4] = { OPT_MSS, 4, WIDE >> 8, WIDE & 0xff };

/* Fragmentation Needed about a full segment of the host's with that number. */
static void too_big(uint32_t seq, uint16_t mtu)
{
    uint8_t quoted[IP4_HEADER + 8];
    struct wcur w = wcur_of(quoted + IP4_HEADER, 8);
    const struct ip4_hdr ip = { .ihl = 5, .total_len = 1500, .ttl = 60, .proto = IP_PROTO_TCP,
                                .src = p.cfg.addr, .dst = the_peer().addr };
    const struct icmp_msg m = { .type = ICMP_UNREACHABLE, .code = ICMP_FRAG_NEEDED, .rest = mtu,
                                .body = quoted, .body_len = sizeof quoted };

    ip4_emit_sum(&ip, quoted, sizeof quoted);
    wcur_u16(&w, HOST_PORT);
    wcur_u16(&w, p.port);
    wcur_u32(&w, p.host_iss + seq);
    put_datagram(IP_PROTO_ICMP,
                 icmp_emit_sum(&m, p.frame + IP4_HEADER, sizeof p.frame - IP4_HEADER));
}

static void offer_mss(void)
{
    memcpy(p.opt, mss_option, sizeof mss_option);
    p.opt_len = sizeof mss_option;
}

/* Established with a peer that takes full segments, a buffer for several, and no search. */
static void wide_up(void)
{
    struct rs_config c;

    plain(&c);
    c.pages = 64;
    c.tcp.snd_buf = 8192;
    c.tcp.pmtu_search = false;
    c.tcp.r2 = 3600 * RS_SEC;
    peer_up(&c);
    p.wnd = 60000;
    active_open();
    get("S", 0, 0, 0);
    offer_mss();
    say("SA", 0, 1, 0);
    p.opt_len = 0;
    get("A", 1, 1, 0);
    assert_int_equal(status().smss, WIDE);
}

/* Takes what the host says until it is silent; the octets of text in the first segment. */
static uint32_t first_of_all(void)
{
    uint32_t first = 0;

    for (bool any = false; heard(); any = true)
        if (!any)
            first = p.got.text_len;
    return first;
}

/* All of it, in as many round trips as it takes. */
static void acknowledge_all(void)
{
    while (status().snd_queued > 0) {
        say("A", 1, status().snd_nxt - p.host_iss, 0);
        first_of_all();
    }
}

/* What a path was like says nothing of the next peer's: with another IP version's headers it would
 * not even leave room for the options. */
static void the_path_of_a_peer_that_went_is_not_the_next_ones(void **unused)
{
    (void)unused;
    plain_up();
    passive_open();
    say("S", 0, 0, 0);
    get("SA", 0, 1, 0);
    too_big(0, 68);
    say("R", 1, 0, 0);
    state_is(RS_LISTEN);
    offer_mss();
    p.port++;
    say("S", 0, 0, 0);
    p.opt_len = 0;
    get("SA", 0, 1, 0);
    say("A", 1, 1, 0);
    state_is(RS_ESTABLISHED);
    assert_int_equal(status().smss, WIDE);
    quiet();
}

/* Text queued leaves a page for sending it.  Neither a router's word nor a change of settings may
 * take that one, or all the others would be held for ever by text that waits for it. */
static void the_page_that_sending_takes_goes_to_nothing_else(void **unused)
{
    uint8_t text[2048] = { 0 };
    struct rs_tcp_config own;
    struct rs_config c;

    (void)unused;
    plain(&c);
    c.pages = 4;
    peer_up(&c);
    active_open();
    get("S", 0, 0, 0);
    const int queued = rs_send(p.host, p.conn, text, sizeof text, 0, p.now);
    assert_int_equal(queued, 3 * 256);
    too_big(0, 600);
    assert_int_equal(rs_get(p.host, p.conn, &own), 0);
    assert_int_equal(rs_set(p.host, p.conn, &own, p.now), RS_ENORES);
    say("SA", 0, 1, 0);
    get("A", 1, 1, 536);
    get("A", 537, 1, 232);
    say("A", 1, 1 + (uint32_t)queued, 0);
    quiet();
    assert_int_equal(status().snd_queued, 0);
    assert_int_equal(rs_set(p.host, p.conn, &own, p.now), 0);
}

/* RFC 4821 section 7.7 with the search off: large segments vanish on this path for ten minutes, not
 * for one timeout. */
static void a_black_hole_is_remembered_without_a_search_too(void **unused)
{
    (void)unused;
    wide_up();
    user_sends(4000);
    assert_int_equal(first_of_all(), WIDE);
    while (status().smss == WIDE) {
        to_deadline();
        first_of_all();
    }
    assert_int_equal(status().smss, 1240);
    acknowledge_all();
    pass(60 * RS_SEC);
    user_sends(4000);
    assert_int_equal(first_of_all(), 1240);
    acknowledge_all();
    pass(600 * RS_SEC);
    user_sends(4000);
    assert_int_equal(first_of_all(), WIDE);
}

/* RFC 5927 section 7.2: what was proven is that the narrow path takes narrow segments. */
static void a_size_tried_again_is_not_proven(void **unused)
{
    (void)unused;
    wide_up();
    user_sends(WIDE);
    assert_int_equal(first_of_all(), WIDE);
    too_big(1, 600);
    assert_int_equal(status().smss, NARROW);
    assert_int_equal(first_of_all(), NARROW);
    say("A", 1, WIDE + 1, 0);
    pass(601 * RS_SEC);
    user_sends(WIDE);
    get("A", WIDE + 1, 1, WIDE);
    too_big(WIDE + 1, 600);
    assert_int_equal(status().smss, NARROW);
}

/* After a timeout cwnd is one segment; when that becomes larger, so does cwnd, or the sender would
 * wait for room that nothing makes. */
static void cwnd_holds_a_segment_however_large_it_has_become(void **unused)
{
    (void)unused;
    wide_up();
    user_sends(NARROW);
    get("A", 1, 1, NARROW);
    too_big(1, 500); /* of which that was no more than a third */
    while (status().cwnd != status().smss) {
        to_deadline();
        first_of_all();
    }
    say("A", 1, NARROW + 1, 0);
    quiet();
    assert_true(status().cwnd < WIDE);
    pass(601 * RS_SEC);
    user_sends(4000);
    assert_int_equal(first_of_all(), WIDE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_path_of_a_peer_that_went_is_not_the_next_ones),
        cmocka_unit_test(the_page_that_sending_takes_goes_to_nothing_else),
        cmocka_unit_test(a_black_hole_is_remembered_without_a_search_too),
        cmocka_unit_test(a_size_tried_again_is_not_proven),
        cmocka_unit_test(cwnd_holds_a_segment_however_large_it_has_become),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
