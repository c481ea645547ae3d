/* Explicit congestion notification as a peer sees it, RFC 3168 section 6.1. */
#include "refstack/peer.h"

enum { MSS = 536, NOT_ECT = 0, ECT_0 = 2, CE = 3 };

static void up(bool ecn)
{
    struct rs_config c;

    plain(&c);
    c.tcp.ecn = ecn;
    c.tcp.congestion = RS_CC_NEWRENO;
    c.tcp.snd_buf = 1 << 16;
    c.pages = 256;
    c.page_octets = 1024;
    peer_up(&c);
    p.wnd = 65535;
}

static void agreed(void)
{
    up(true);
    active_open();
    get("SEC", 0, 0, 0);
    say("SAE", 0, 1, 0);
    get("A", 1, 1, 0);
    quiet();
}

/* The mark in the IP header of the datagram heard last. */
static unsigned mark(void)
{
    return p.frame[1] & 3u;
}

static void send_text(uint32_t octets)
{
    for (; octets > 0; octets -= octets < 4096 ? octets : 4096)
        user_sends(octets < 4096 ? octets : 4096);
}

/* The next segment of the host's, one of full size from `seq` on. */
static void get_full(const char *flags, uint32_t seq)
{
    get(flags, seq, 1, MSS);
}

/* Section 6.1.1: what the peer answers decides; anything but ECE alone is a refusal. */
static void ecn_is_on_only_after_an_ecn_setup_syn_ack(void **unused)
{
    static const struct {
        bool host;
        const char *syn, *answer;
        unsigned mark;
    } row[] = {
        { true, "SEC", "SAE", ECT_0 },
        { true, "SEC", "SA", NOT_ECT },
        { true, "SEC", "SAEC", NOT_ECT }, /* a peer that reflects the bits */
        { true, "SEC", "SAC", NOT_ECT },
        { false, "S", "SAE", NOT_ECT },
    };

    (void)unused;
    for (unsigned i = 0; i < sizeof row / sizeof row[0]; i++) {
        up(row[i].host);
        active_open();
        get(row[i].syn, 0, 0, 0);
        say(row[i].answer, 0, 1, 0);
        get("A", 1, 1, 0);
        user_sends(100);
        get("A", 1, 1, 100);
        assert_int_equal(mark(), row[i].mark);
        quiet();
    }
}

/* The other way round: both bits ask, ECE alone grants. */
static void a_syn_ack_grants_what_a_syn_asked_for(void **unused)
{
    static const struct {
        bool host;
        const char *syn, *answer;
    } row[] = {
        { true, "SEC", "SAE" }, { true, "S", "SA" }, { true, "SE", "SA" }, { true, "SC", "SA" },
        { false, "SEC", "SA" },
    };

    (void)unused;
    for (unsigned i = 0; i < sizeof row / sizeof row[0]; i++) {
        up(row[i].host);
        passive_open();
        say(row[i].syn, 0, 0, 0);
        get(row[i].answer, 0, 1, 0);
        assert_int_equal(mark(), NOT_ECT);
        quiet();
    }
}

/* Section 6.1.1.1: what is on the way may not like the bits. */
static void a_syn_sent_again_asks_for_nothing(void **unused)
{
    (void)unused;
    up(true);
    active_open();
    get("SEC", 0, 0, 0);
    to_deadline();
    get("S", 0, 0, 0);
    assert_int_equal(mark(), NOT_ECT);
    quiet();
}

/* Sections 6.1.4 to 6.1.6. */
static void only_new_text_is_marked_as_capable(void **unused)
{
    (void)unused;
    agreed();
    assert_int_equal(mark(), NOT_ECT); /* the ACK of the handshake */
    send_text(MSS);
    get_full("A", 1);
    assert_int_equal(mark(), ECT_0);
    to_deadline();
    get_full("A", 1);
    assert_int_equal(mark(), NOT_ECT);
    p.wnd = 0;
    say("A", 1, 1 + MSS, 0);
    user_sends(10);
    quiet();
    to_deadline();
    get("A", 1 + MSS, 1, 1);
    assert_int_equal(mark(), NOT_ECT); /* a window probe */
}

/* Section 6.1.2: cwnd is halved once for each window of data, however many ACKs say ECE. */
static void the_window_is_halved_once_a_window_of_data(void **unused)
{
    uint32_t acked = 1;
    bool told = false;

    (void)unused;
    agreed();
    send_text(60000);
    for (uint32_t i = 0; i < 10; i++)
        get_full("A", 1 + i * MSS);
    quiet();
    say("AE", 1, acked += MSS, 0);
    assert_int_equal(status().ssthresh, 10 * MSS / 2);
    assert_int_equal(status().cwnd, 10 * MSS / 2);
    for (int i = 1; i < 10; i++) {
        say("AE", 1, acked += MSS, 0);
        assert_int_equal(status().ssthresh, 10 * MSS / 2);
        if (!heard())
            continue;
        /* CWR on the first new text and on no other. */
        assert_int_equal(p.got.flags & TCP_CWR, told ? 0 : TCP_CWR);
        told = true;
    }
    /* What was sent since then is another window. */
    const uint32_t flight = status().snd_nxt - p.host_iss - acked;
    say("AE", 1, acked += MSS, 0);
    assert_int_equal(status().ssthresh, flight / 2 > 2 * MSS ? flight / 2 : 2 * MSS);
    while (!heard())
        say("A", 1, acked += MSS, 0);
    assert_true(p.got.flags & TCP_CWR);
    assert_int_equal(status().total_retransmits, 0);
}

/* A loss and a mark of one window are one sign. */
static void an_echo_during_recovery_halves_nothing_more(void **unused)
{
    (void)unused;
    agreed();
    send_text(60000);
    for (uint32_t i = 0; i < 10; i++)
        get_full("A", 1 + i * MSS);
    for (int i = 0; i < 3; i++)
        say("A", 1, 1, 0);
    get_full("A", 1);
    const uint32_t ssthresh = status().ssthresh;
    /* Less is in flight by now, half of which would be less again. */
    say("A", 1, 1 + 4 * MSS, 0);
    say("AE", 1, 1 + 5 * MSS, 0);
    assert_int_equal(status().ssthresh, ssthresh);
}

static void an_echo_that_was_never_agreed_on_says_nothing(void **unused)
{
    (void)unused;
    up(false);
    established();
    send_text(10 * MSS);
    for (uint32_t i = 0; i < 10; i++)
        get_full("A", 1 + i * MSS);
    say("AE", 1, 1 + MSS, 0);
    assert_int_equal(status().ssthresh, UINT32_MAX);
    quiet();
}

/* One octet of text from the peer, as a router marked it. */
static void say_marked(const char *flags, uint32_t seq, unsigned tos)
{
    const struct tcp_seg seg = {
        .src_port = p.port, .dst_port = HOST_PORT, .seq = PEER_ISS + seq, .ack = p.host_iss + 1,
        .flags = flags_of(flags), .wnd = p.wnd, .text = (const uint8_t *)"x", .text_len = 1,
    };
    const struct rs_endpoint peer = the_peer();
    const size_t n = tcp_emit_sum(&seg, &peer.addr, &p.cfg.addr, p.frame + IP4_HEADER, 200);
    const struct ip4_hdr ip = { .ihl = 5, .total_len = (uint16_t)(IP4_HEADER + n), .ttl = 64,
                                .proto = IP_PROTO_TCP, .src = peer.addr, .dst = p.cfg.addr,
                                .tos = (uint8_t)tos };
    ip4_emit_sum(&ip, p.frame, sizeof p.frame);
    rs_input(p.host, p.frame, IP4_HEADER + n, p.now);
}

/* Section 6.1.3, from one mark to CWR; a mark on the segment with CWR begins anew. */
static void a_mark_is_echoed_on_every_ack_until_cwr(void **unused)
{
    (void)unused;
    agreed();
    say_marked("A", 1, ECT_0);
    get("A", 1, 2, 0);
    say_marked("A", 2, CE);
    get("AE", 1, 3, 0);
    say_marked("A", 3, ECT_0);
    get("AE", 1, 4, 0);
    user_sends(5);
    get("AE", 1, 4, 5);
    say_marked("AC", 4, ECT_0);
    get("A", 6, 5, 0);
    say_marked("AC", 5, CE);
    get("AE", 6, 6, 0);
    quiet();
}

/* Section 6.1.2: CWR goes on new text; on what is sent again it would be lost with it unnoticed. */
static void what_is_sent_again_does_not_carry_cwr(void **unused)
{
    (void)unused;
    agreed();
    send_text(60000);
    for (uint32_t i = 0; i < 10; i++)
        get_full("A", 1 + i * MSS);
    say("AE", 1, 1 + MSS, 0);
    quiet(); /* what is out fills the window that was halved */
    to_deadline();
    get_full("A", 1 + MSS);
    quiet();
    say("A", 1, 1 + 10 * MSS, 0);
    get_full("AC", 1 + 10 * MSS);
    get_full("A", 1 + 11 * MSS);
    quiet();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ecn_is_on_only_after_an_ecn_setup_syn_ack),
        cmocka_unit_test(a_syn_ack_grants_what_a_syn_asked_for),
        cmocka_unit_test(a_syn_sent_again_asks_for_nothing),
        cmocka_unit_test(only_new_text_is_marked_as_capable),
        cmocka_unit_test(the_window_is_halved_once_a_window_of_data),
        cmocka_unit_test(an_echo_during_recovery_halves_nothing_more),
        cmocka_unit_test(an_echo_that_was_never_agreed_on_says_nothing),
        cmocka_unit_test(a_mark_is_echoed_on_every_ack_until_cwr),
        cmocka_unit_test(what_is_sent_again_does_not_carry_cwr),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_down();
    return failed;
}
