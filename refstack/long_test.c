/* A transfer longer than half of the sequence space, without loss: what was noted before it may not
 * seem to lie ahead after it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "refstack/refstack.h"
#include "refstack/wire.h"

enum { BUFFER = 1 << 19, LINK = VNET_HEADER + ETH_HEADER, PEER_PORT = 2000 };

static struct peer {
    struct rs_host *host;
    struct rs_addr ours, theirs; /* the host's, and the peer's */
    rs_time now;
    int conn;
    uint16_t port;
    uint32_t nxt; /* of the host's numbers, the next */
} p;

static void arrives(size_t n, uint8_t *frame, uint16_t type)
{
    const struct vnet_hdr v = { .flags = VNET_DATA_VALID };
    const struct eth_hdr eth = { .type = type, .dst = { 2, [5] = 1 }, .src = { 2, [5] = 9 } };

    vnet_emit(&v, frame, VNET_HEADER);
    eth_emit(&eth, frame + VNET_HEADER, ETH_HEADER);
    rs_input(p.host, frame, LINK + n, p.now);
}

static void say_arp(void)
{
    uint8_t frame[LINK + ARP_SIZE];
    struct arp_pkt arp = { .op = ARP_REQUEST, .sender_mac = { 2, [5] = 9 } };

    memcpy(arp.sender_ip, p.theirs.octet, 4);
    memcpy(arp.target_ip, p.ours.octet, 4);
    arp_emit(&arp, frame + LINK, ARP_SIZE);
    arrives(ARP_SIZE, frame, ETH_TYPE_ARP);
}

static void say(uint16_t flags, uint32_t seq, uint32_t ack)
{
    static const uint8_t scale[] = { OPT_MSS, 4, 5, 180, OPT_NOP, OPT_WSCALE, 3, 7 };
    const bool syn = (flags & TCP_SYN) != 0;
    const struct tcp_seg seg = {
        .src_port = PEER_PORT, .dst_port = p.port, .seq = seq, .ack = ack, .flags = flags,
        .wnd = 60000, .opt = scale, .opt_len = syn ? sizeof scale : 0
    };
    uint8_t frame[LINK + IP4_HEADER + 60];
    const size_t n = tcp_emit_sum(&seg, &p.ours, &p.theirs, frame + LINK + IP4_HEADER, 60);
    const struct ip4_hdr ip = { .ihl = 5, .total_len = (uint16_t)(IP4_HEADER + n), .ttl = 64,
                                .proto = IP_PROTO_TCP, .src = p.theirs, .dst = p.ours };

    ip4_emit_sum(&ip, frame + LINK, IP4_HEADER);
    arrives(IP4_HEADER + n, frame, ETH_TYPE_IP4);
}

/* The host's next segment; false when it is silent.  Its text stays where it lies. */
static bool heard(struct tcp_seg *seg)
{
    static uint8_t frame[2048];
    struct rs_piece piece[RS_PIECES];
    unsigned pieces;
    struct ip4_hdr ip;
    const size_t n = rs_output_gather(p.host, frame, sizeof frame, piece, &pieces, p.now);

    if (n < LINK + IP4_HEADER + TCP_HEADER || frame[VNET_HEADER + 12] != 8 || frame[LINK] != 0x45)
        return false;
    frame[LINK + 2] = 0; /* as if the header were all */
    frame[LINK + 3] = (uint8_t)(n - LINK);
    if (ip4_parse(&ip, frame + LINK, n - LINK) != WIRE_OK ||
        tcp_parse(seg, ip.payload, ip.payload_len) != WIRE_OK)
        return false;
    for (unsigned i = 0; i < pieces; i++)
        seg->text_len += (uint32_t)piece[i].len;
    if (seg->seq == p.nxt)
        p.nxt += seg->text_len + ((seg->flags & TCP_SYN) ? 1u : 0u);
    p.port = seg->src_port;
    return true;
}

static void up(void)
{
    const struct rs_endpoint any = { .port = 0 };
    struct rs_endpoint there = { .port = PEER_PORT };
    struct tcp_seg seg;
    struct rs_config c;

    rs_config_default(&c);
    c.offload = true;
    c.page_octets = 1 << 16;
    c.pages = 32;
    c.max_conns = 1;
    c.tcp.snd_buf = BUFFER;
    c.tcp.timestamps = c.tcp.sack = false;
    c.tcp.ecn = true;
    const size_t size = rs_host_size(&c);
    p = (struct peer){ .now = RS_SEC, .ours = c.addr, .theirs = rs_ip4(192, 0, 2, 9) };
    p.host = rs_init(malloc(size), size, &c, p.now);
    assert_non_null(p.host);
    say_arp();
    assert_false(heard(&seg));
    there.addr = p.theirs;
    p.conn = rs_open_active(p.host, &any, &there, p.now);
    assert_true(p.conn >= 0);
    struct rs_status s;
    assert_int_equal(rs_status(p.host, p.conn, &s), 0);
    p.nxt = s.iss;
    assert_true(heard(&seg));
    assert_true(seg.flags == (TCP_SYN | TCP_ECE | TCP_CWR));
    say(TCP_SYN | TCP_ACK | TCP_ECE, 0, p.nxt);
    assert_true(heard(&seg));
    assert_int_equal(seg.flags, TCP_ACK);
}

static struct rs_status status(void)
{
    struct rs_status s;
    assert_int_equal(rs_status(p.host, p.conn, &s), 0);
    return s;
}

/* A round trip: as much as the buffer and the window take. */
static uint32_t transfer(uint16_t flags)
{
    static const uint8_t text[BUFFER];
    const uint32_t before = p.nxt;
    struct tcp_seg seg;

    rs_send(p.host, p.conn, text, sizeof text, 0, p.now);
    while (heard(&seg))
        ;
    p.now += RS_MSEC;
    say(TCP_ACK | flags, 1, p.nxt);
    return p.nxt - before;
}

static void after_half_of_the_numbers_loss_and_marks_count_as_before(void **unused)
{
    struct tcp_seg seg;
    uint64_t sent = 0;

    (void)unused;
    up();
    while (sent < (UINT64_C(1) << 31) + (1 << 24))
        sent += transfer(0);
    assert_int_equal(status().total_retransmits, 0);
    const uint32_t before = status().cwnd;
    transfer(TCP_ECE);
    assert_true(status().cwnd < before);
    /* The ACK that told of the mark left nothing in flight, but half a buffer there had been. */
    assert_true(status().ssthresh > BUFFER / 4);
    for (int i = 0; i < 4; i++)
        transfer(0);
    /* RFC 5681 section 3.2: the third duplicate. */
    const uint32_t una = p.nxt;
    assert_true(rs_send(p.host, p.conn, &p, sizeof p, 0, p.now) > 0);
    while (heard(&seg))
        ;
    assert_true(p.nxt != una);
    for (int i = 0; i < 3; i++) {
        while (heard(&seg)) /* limited transmit: new text */
            assert_true(seg.seq != una);
        say(TCP_ACK, 1, una);
    }
    assert_true(heard(&seg));
    assert_int_equal(seg.seq, una);
    free(p.host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_half_of_the_numbers_loss_and_marks_count_as_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
