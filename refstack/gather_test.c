/* Text handed out in pieces: as long as the headers before it say, and of no other segment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "refstack/refstack.h"
#include "refstack/wire.h"

enum { A, B, FRAME = 70000, LINK = VNET_HEADER + ETH_HEADER };

static struct ends {
    struct rs_host *host[2];
    int a, b;
    rs_time now;
    uint8_t frame[FRAME];
    unsigned arp; /* frames of it that A sent */
} e;

static struct rs_endpoint at(uint8_t host, uint16_t port)
{
    return (struct rs_endpoint){ .addr = rs_ip4(192, 0, 2, (uint8_t)(host + 1)), .port = port };
}

static void down(void)
{
    free(e.host[A]);
    free(e.host[B]);
    e.host[A] = e.host[B] = NULL;
}

/* The next frame of A, put together; it has to be as long as it says. */
static size_t out_of_a(void)
{
    struct rs_piece piece[RS_PIECES];
    struct ip4_hdr ip;
    struct eth_hdr eth;
    unsigned pieces;
    size_t n = rs_output_gather(e.host[A], e.frame, FRAME, piece, &pieces, e.now);

    if (n == 0)
        return 0;
    for (unsigned i = 0; i < pieces; i++) {
        memcpy(e.frame + n, piece[i].octets, piece[i].len);
        n += piece[i].len;
    }
    assert_int_equal(eth_parse(&eth, e.frame + VNET_HEADER, n - VNET_HEADER), WIRE_OK);
    if (eth.type == ETH_TYPE_ARP) {
        e.arp++;
        assert_int_equal(n, LINK + ARP_SIZE);
        return n;
    }
    assert_int_equal(ip4_parse(&ip, e.frame + LINK, n - LINK), WIRE_OK);
    assert_int_equal(ip.total_len, n - LINK);
    return n;
}

static void settle(void)
{
    for (bool moved = true; moved;) {
        size_t n;
        moved = false;
        for (; (n = out_of_a()) > 0; moved = true)
            rs_input(e.host[B], e.frame, n, e.now);
        for (; (n = rs_output(e.host[B], e.frame, FRAME, e.now)) > 0; moved = true)
            rs_input(e.host[A], e.frame, n, e.now);
    }
}

static void up(uint32_t page_octets, uint16_t mtu)
{
    const struct rs_endpoint any = { .port = 0 };
    const struct rs_endpoint server = at(B, 7);

    down();
    e = (struct ends){ .now = 1000 };
    for (uint8_t i = 0; i < 2; i++) {
        struct rs_config c;
        rs_config_default(&c);
        c.offload = true;
        c.seed += i;
        c.mac[5] = (uint8_t)(i + 1);
        c.addr = at(i, 0).addr;
        c.mtu = mtu;
        c.page_octets = page_octets;
        c.pages = (1 << 20) / page_octets;
        c.neighbours = 1;
        c.tcp.delayed_ack = 0;
        const size_t size = rs_host_size(&c);
        e.host[i] = rs_init(malloc(size), size, &c, e.now);
        assert_non_null(e.host[i]);
    }
    e.b = rs_open_passive(e.host[B], &server, NULL, e.now);
    e.a = rs_open_active(e.host[A], &any, &server, e.now);
    settle();
}

static void transfer(size_t total)
{
    static uint8_t text[50000], got[FRAME];
    size_t received = 0, sent = 0;

    for (int round = 0; round < 1000 && received < total; round++, e.now += 10 * RS_MSEC) {
        const size_t want = total - sent < sizeof text ? total - sent : sizeof text;
        for (size_t i = 0; i < want; i++)
            text[i] = (uint8_t)((sent + i) * 31 + (sent + i) / 251);
        const int n = rs_send(e.host[A], e.a, text, want, 0, e.now);
        sent += n > 0 ? (size_t)n : 0;
        settle();
        int m;
        while ((m = rs_receive(e.host[B], e.b, got, sizeof got, e.now)) > 0)
            for (int i = 0; i < m; i++, received++)
                assert_int_equal(got[i], (uint8_t)(received * 31 + received / 251));
        settle();
    }
    assert_int_equal(received, total);
}

static void every_frame_is_as_long_as_it_says_with_pages_of_any_size(void **unused)
{
    struct rs_status s;

    (void)unused;
    for (uint32_t octets = 256; octets <= 1 << 14; octets *= 2) {
        for (uint16_t mtu = 1500; mtu <= 9000; mtu += 7500) {
            up(octets, mtu);
            transfer(600000);
            assert_int_equal(rs_status(e.host[A], e.a, &s), 0);
            assert_int_equal(s.total_retransmits, 0);
        }
    }
}

/* Text that counts on the link's help does not wait for a neighbour (link.c): what goes out in its
 * place goes alone. */
static void text_held_back_follows_no_other_frame(void **unused)
{
    const struct rs_endpoint any = { .port = 0 };
    const struct rs_endpoint away = at(76, 7);

    (void)unused;
    up(4096, 1500);
    transfer(20000);
    assert_true(rs_open_active(e.host[A], &any, &away, e.now) >= 0);
    const unsigned before = e.arp;
    settle(); /* the only entry is that one's now */
    assert_int_equal(e.arp, before + 1);
    assert_int_equal(rs_send(e.host[A], e.a, "text", 4, 0, e.now), 4);
    settle();
    assert_int_equal(e.arp, before + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_frame_is_as_long_as_it_says_with_pages_of_any_size),
        cmocka_unit_test(text_held_back_follows_no_other_frame),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    down();
    return failed;
}
