/* Fast Open, SYN cookies, ECN, duplicate SACK and the user timeout option, between two hosts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "refstack/sim.h"

/* What went over the wire last, for the tests to look at. */
struct seen {
    struct tcp_seg last[2];
    struct tcp_opts opts[2];
    unsigned syns_with_text;
    unsigned ece, cwr, sacks;
    bool drop_acks_of_b;
};

static bool look(struct sim *s, int from, const struct tcp_seg *seg)
{
    struct seen *w = s->arg;

    w->last[from] = *seg;
    opts_read(&w->opts[from], seg->opt, seg->opt_len);
    w->syns_with_text += (seg->flags & TCP_SYN) && seg->text_len > 0;
    if (!(seg->flags & TCP_SYN)) {
        w->ece += (seg->flags & TCP_ECE) != 0;
        w->cwr += (seg->flags & TCP_CWR) != 0;
    }
    w->sacks += w->opts[from].n_sack > 0;
    return !(w->drop_acks_of_b && from == SIM_B);
}

static void start(struct sim *s, struct seen *w, struct rs_config *c)
{
    *w = (struct seen){ .ece = 0 };
    *s = (struct sim){ .now = 1000, .tap = look, .arg = w };
    c->link = RS_LINK_ETHERNET;
    sim_open(s, c);
}

static void the_second_fast_open_carries_text_in_its_syn(void **unused)
{
    struct sim s;
    struct seen w;
    struct rs_config c;
    const struct rs_endpoint any = { .port = 0 };
    const struct rs_endpoint server = sim_at(SIM_B, 80);
    char buf[8];

    (void)unused;
    rs_config_default(&c);
    c.tcp.fastopen = true;
    start(&s, &w, &c);
    const int l = rs_listen(s.host[SIM_B], &server, s.now);
    rs_open_fast(s.host[SIM_A], &any, &server, "one", 3, s.now);
    sim_settle(&s);
    assert_int_equal(w.syns_with_text, 0);
    const int first = rs_accept(s.host[SIM_B], l, s.now);
    assert_int_equal(rs_receive(s.host[SIM_B], first, buf, sizeof buf, s.now), 3);
    rs_open_fast(s.host[SIM_A], &any, &server, "two", 3, s.now);
    sim_settle(&s);
    assert_int_equal(w.syns_with_text, 1);
    const int second = rs_accept(s.host[SIM_B], l, s.now);
    assert_int_equal(rs_receive(s.host[SIM_B], second, buf, sizeof buf, s.now), 3);
    assert_memory_equal(buf, "two", 3);
    sim_close(&s);
}

static void count(void *arg, int conn)
{
    (void)conn;
    ++*(unsigned *)arg;
}

static void a_full_backlog_still_lets_honest_clients_in(void **unused)
{
    struct sim s;
    struct seen w;
    struct rs_config c;
    const struct rs_endpoint any = { .port = 0 };
    const struct rs_endpoint server = sim_at(SIM_B, 80);
    struct rs_status status;

    (void)unused;
    rs_config_default(&c);
    c.backlog = 4;
    start(&s, &w, &c);
    const int l = rs_listen(s.host[SIM_B], &server, s.now);
    /* Four handshakes that never end: the clients' host does not get the answers. */
    w.drop_acks_of_b = true;
    for (int i = 0; i < 4; i++) {
        rs_open_active(s.host[SIM_A], &any, &server, s.now);
        sim_settle(&s); /* one by one: a single datagram waits for ARP */
    }
    w.drop_acks_of_b = false;
    unsigned before = 0;
    rs_each(s.host[SIM_B], count, &before);
    assert_int_equal(before, 5);
    const int honest = rs_open_active(s.host[SIM_A], &any, &server, s.now);
    sim_settle(&s);
    rs_status(s.host[SIM_A], honest, &status);
    assert_int_equal(status.state, RS_ESTABLISHED);
    const int got = rs_accept(s.host[SIM_B], l, s.now);
    assert_true(got >= 0);
    rs_status(s.host[SIM_B], got, &status);
    assert_int_equal(status.state, RS_ESTABLISHED);
    sim_close(&s);
}

static void an_acknowledgment_of_no_cookie_is_reset(void **unused)
{
    struct sim s;
    struct seen w;
    struct rs_config c;
    const struct rs_endpoint server = sim_at(SIM_B, 80);
    uint8_t frame[128];
    uint8_t out[2048];
    const struct tcp_seg ack = { .src_port = 4000, .dst_port = 80, .seq = 7, .ack = 99,
                                 .flags = TCP_ACK };
    struct ip4_hdr ip = { .ihl = 5, .total_len = 40, .ttl = 64, .proto = IP_PROTO_TCP,
                          .src = sim_at(SIM_A, 0).addr, .dst = server.addr };

    (void)unused;
    rs_config_default(&c);
    start(&s, &w, &c);
    sim_close(&s);
    c.link = RS_LINK_IP;
    sim_open(&s, &c);
    rs_listen(s.host[SIM_B], &server, s.now);
    ip4_emit_sum(&ip, frame, sizeof frame);
    tcp_emit_sum(&ack, &ip.src, &ip.dst, frame + 20, sizeof frame - 20);
    rs_input(s.host[SIM_B], frame, 40, s.now);
    const size_t n = rs_output(s.host[SIM_B], out, sizeof out, s.now);
    struct tcp_seg rst;
    assert_int_equal(tcp_parse(&rst, out + 20, n - 20), WIRE_OK);
    assert_int_equal(rst.flags, TCP_RST);
    assert_int_equal(rst.seq, 99);
    sim_close(&s);
}

/* A frame's IP header is marked as having met congestion, checksum and all. */
static void mark_ce(uint8_t *frame)
{
    struct ip4_hdr ip;

    ip4_parse(&ip, frame + ETH_HEADER, 20);
    ip.tos |= 3;
    ip4_emit_sum(&ip, frame + ETH_HEADER, 20);
}

static void congestion_met_is_echoed_until_the_sender_has_slowed_down(void **unused)
{
    struct sim s;
    struct seen w;
    struct rs_config c;
    const struct rs_endpoint any = { .port = 0 };
    const struct rs_endpoint server = sim_at(SIM_B, 80);
    static uint8_t data[100000];
    uint8_t frame[2048];
    struct rs_status before;
    struct rs_status after;

    (void)unused;
    rs_config_default(&c);
    c.tcp.ecn = true;
    start(&s, &w, &c);
    rs_open_passive(s.host[SIM_B], &server, NULL, s.now);
    const int a = rs_open_active(s.host[SIM_A], &any, &server, s.now);
    sim_settle(&s);
    rs_status(s.host[SIM_A], a, &before);
    rs_send(s.host[SIM_A], a, data, sizeof data, 0, s.now);
    const size_t n = rs_output(s.host[SIM_A], frame, sizeof frame, s.now);
    assert_int_equal(frame[ETH_HEADER + 1] & 3, 2);
    mark_ce(frame);
    rs_input(s.host[SIM_B], frame, n, s.now);
    sim_run(&s, s.now + RS_SEC);
    rs_status(s.host[SIM_A], a, &after);
    assert_true(after.ssthresh < before.ssthresh);
    assert_true(w.ece > 0);
    assert_int_equal(w.cwr, 1);
    sim_close(&s);
}

static void text_that_came_twice_is_reported_once(void **unused)
{
    struct sim s;
    struct seen w;
    struct rs_config c;
    const struct rs_endpoint any = { .port = 0 };
    const struct rs_endpoint server = sim_at(SIM_B, 80);
    uint8_t frame[2048];

    (void)unused;
    rs_config_default(&c);
    start(&s, &w, &c);
    rs_open_passive(s.host[SIM_B], &server, NULL, s.now);
    const int a = rs_open_active(s.host[SIM_A], &any, &server, s.now);
    sim_settle(&s);
    rs_send(s.host[SIM_A], a, "twice", 5, 0, s.now);
    const size_t n = rs_output(s.host[SIM_A], frame, sizeof frame, s.now);
    rs_input(s.host[SIM_B], frame, n, s.now);
    rs_input(s.host[SIM_B], frame, n, s.now);
    sim_settle(&s);
    assert_int_equal(w.sacks, 1);
    assert_int_equal(w.opts[SIM_B].n_sack, 1);
    assert_int_equal(w.opts[SIM_B].sack[0].right - w.opts[SIM_B].sack[0].left, 5);
    assert_int_equal(w.opts[SIM_B].sack[0].right, w.last[SIM_B].ack);
    rs_send(s.host[SIM_A], a, "once", 4, 0, s.now);
    sim_run(&s, s.now + RS_SEC);
    assert_int_equal(w.sacks, 1);
    sim_close(&s);
}

static void a_longer_user_timeout_the_peer_asks_for_is_heeded(void **unused)
{
    struct sim s;
    struct seen w;
    struct rs_config c;
    struct rs_tcp_config own;
    struct rs_status status;
    const struct rs_endpoint any = { .port = 0 };
    const struct rs_endpoint server = sim_at(SIM_B, 80);

    (void)unused;
    rs_config_default(&c);
    c.tcp.uto = true;
    start(&s, &w, &c);
    const int b = rs_open_passive(s.host[SIM_B], &server, NULL, s.now);
    rs_get(s.host[SIM_B], b, &own);
    own.r2 = 1000 * RS_SEC; /* what b tells a */
    rs_set(s.host[SIM_B], b, &own, s.now);
    const int a = rs_open_active(s.host[SIM_A], &any, &server, s.now);
    sim_settle(&s);
    w.drop_acks_of_b = true;
    rs_send(s.host[SIM_A], a, "x", 1, 0, s.now);
    sim_run(&s, s.now + 900 * RS_SEC);
    rs_status(s.host[SIM_A], a, &status);
    assert_int_equal(status.state, RS_ESTABLISHED);
    sim_run(&s, s.now + 101 * RS_SEC);
    rs_status(s.host[SIM_A], a, &status);
    assert_int_equal(status.error, RS_ETIMEOUT);
    sim_close(&s);
}

/* A path that swallows what is larger than 1300 octets of TCP text, and says nothing. */
static bool swallow_large(struct sim *s, int from, const struct tcp_seg *seg)
{
    (void)from;
    return look(s, from, seg) && seg->text_len <= 1200;
}

static void large_segments_that_vanish_are_sent_again_smaller(void **unused)
{
    struct sim s;
    struct seen w;
    struct rs_config c;
    const struct rs_endpoint any = { .port = 0 };
    const struct rs_endpoint server = sim_at(SIM_B, 80);
    struct rs_status status;
    static uint8_t data[20000];
    size_t got = 0;
    int n;

    (void)unused;
    rs_config_default(&c);
    c.tcp.pmtu_search = false;
    start(&s, &w, &c);
    const int b = rs_open_passive(s.host[SIM_B], &server, NULL, s.now);
    const int a = rs_open_active(s.host[SIM_A], &any, &server, s.now);
    sim_settle(&s);
    s.tap = swallow_large;
    assert_int_equal(rs_send(s.host[SIM_A], a, data, sizeof data, 0, s.now), sizeof data);
    for (int i = 0; i < 60 && got < sizeof data; i++) {
        sim_run(&s, s.now + RS_SEC);
        while ((n = rs_receive(s.host[SIM_B], b, data, sizeof data, s.now)) > 0)
            got += (size_t)n;
    }
    assert_int_equal(got, sizeof data);
    rs_status(s.host[SIM_A], a, &status);
    assert_true(status.smss < 1460);
    /* Ten minutes later the large size has its chance again. */
    s.tap = look;
    sim_run(&s, s.now + 601 * RS_SEC);
    rs_send(s.host[SIM_A], a, "x", 1, 0, s.now);
    sim_run(&s, s.now + RS_SEC);
    rs_status(s.host[SIM_A], a, &status);
    assert_int_equal(status.smss, 1460);
    sim_close(&s);
}

static void a_window_the_field_cannot_say_is_no_news(void **unused)
{
    struct sim s;
    struct seen w;
    struct rs_config c;
    const struct rs_endpoint any = { .port = 0 };
    const struct rs_endpoint server = sim_at(SIM_B, 80);
    char buf[8];

    (void)unused;
    rs_config_default(&c);
    c.tcp.window_scale = false;
    c.tcp.rcv_buf = 1 << 20;
    start(&s, &w, &c);
    const int b = rs_open_passive(s.host[SIM_B], &server, NULL, s.now);
    const int a = rs_open_active(s.host[SIM_A], &any, &server, s.now);
    sim_settle(&s);
    rs_send(s.host[SIM_A], a, "five!", 5, 0, s.now);
    sim_run(&s, s.now + RS_SEC);
    const unsigned before = s.frames[SIM_B];
    assert_int_equal(rs_receive(s.host[SIM_B], b, buf, sizeof buf, s.now), 5);
    sim_run(&s, s.now + RS_SEC);
    assert_int_equal(s.frames[SIM_B], before);
    sim_close(&s);
}

static void only_connections_with_news_are_named(void **unused)
{
    struct sim s;
    struct seen w;
    struct rs_config c;
    const struct rs_endpoint any = { .port = 0 };
    const struct rs_endpoint server = sim_at(SIM_B, 80);
    struct rs_host *b;

    (void)unused;
    rs_config_default(&c);
    start(&s, &w, &c);
    b = s.host[SIM_B];
    const int l = rs_listen(b, &server, s.now);
    const int quiet = rs_open_active(s.host[SIM_A], &any, &server, s.now);
    sim_settle(&s);
    const int busy = rs_open_active(s.host[SIM_A], &any, &server, s.now);
    sim_settle(&s);
    assert_int_equal(rs_next_event(b), l);
    assert_int_equal(rs_next_event(b), RS_EAGAIN);
    const int one = rs_accept(b, l, s.now);
    const int two = rs_accept(b, l, s.now);
    assert_int_equal(rs_next_event(b), one);
    assert_int_equal(rs_next_event(b), two);
    assert_int_equal(rs_next_event(b), RS_EAGAIN);
    rs_send(s.host[SIM_A], busy, "x", 1, 0, s.now);
    sim_run(&s, s.now + RS_SEC);
    assert_int_equal(rs_next_event(b), two);
    assert_int_equal(rs_next_event(b), RS_EAGAIN);
    rs_abort(s.host[SIM_A], quiet, s.now);
    sim_settle(&s);
    assert_int_equal(rs_next_event(b), one);
    assert_true(rs_ready(b, one) & RS_ENDED);
    sim_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_second_fast_open_carries_text_in_its_syn),
        cmocka_unit_test(a_full_backlog_still_lets_honest_clients_in),
        cmocka_unit_test(an_acknowledgment_of_no_cookie_is_reset),
        cmocka_unit_test(congestion_met_is_echoed_until_the_sender_has_slowed_down),
        cmocka_unit_test(text_that_came_twice_is_reported_once),
        cmocka_unit_test(large_segments_that_vanish_are_sent_again_smaller),
        cmocka_unit_test(a_window_the_field_cannot_say_is_no_news),
        cmocka_unit_test(only_connections_with_news_are_named),
        cmocka_unit_test(a_longer_user_timeout_the_peer_asks_for_is_heeded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
