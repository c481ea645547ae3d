/* The demultiplexer against a plain array, and what rs_prefetch may not change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "refstack/host.h"
#include "refstack/test_rand.h"

enum { MOST = 235, KEYS = 600 }; /* 235 of 240 places: most lines have sent somebody on */

static struct rs_host *host_for(struct rs_config *c)
{
    const size_t size = rs_host_size(c);

    assert_true(size > 0);
    return rs_init(malloc(size), size, c, 0);
}

static struct rs_host *full_host(void)
{
    struct rs_config c;

    rs_config_small(&c);
    c.max_conns = MOST;
    c.demux_places = 1;
    return host_for(&c);
}

/* Two in three peers speak IPv4. */
static struct rs_endpoint peer_of(uint32_t key)
{
    uint8_t octet[16] = { 0x20, 1, 0x0d, 0xb8, [15] = (uint8_t)(key % 7) };
    struct rs_endpoint e = { .addr = rs_ip4(10, 0, 0, (uint8_t)(key % 7)),
                             .port = (uint16_t)(1000 + key) };

    if (key % 3 == 0)
        e.addr = rs_ip6(octet);
    return e;
}

static const struct rs_endpoint here = { .addr = { .version = 4, .octet = { 10, 0, 0, 9 } },
                                         .port = 80 };

static void expect_exactly(struct rs_host *h, struct tcb *const there[KEYS])
{
    for (uint32_t key = 0; key < KEYS; key++) {
        const struct rs_endpoint remote = peer_of(key);
        assert_ptr_equal(tcb_find(h, &here, &remote), there[key]);
    }
}

static void connections_come_and_go_and_each_is_found_while_it_is_there(void **unused)
{
    struct rs_host *h = full_host();
    struct tcb *there[KEYS] = { NULL };
    struct rnd r = { 7 };
    unsigned n = 0;

    (void)unused;
    for (int act = 0; act < 20000; act++) {
        const uint32_t key = rnd_below(&r, KEYS);
        const struct rs_endpoint remote = peer_of(key);
        if (there[key] && (n == MOST || rnd_below(&r, 2))) {
            tcb_free(h, there[key]);
            there[key] = NULL;
            n--;
        } else if (!there[key]) {
            there[key] = tcb_new(h, &here, &remote);
            assert_int_equal(there[key] != NULL, n < MOST);
            n += n < MOST;
        }
        if (act % 100 == 0)
            expect_exactly(h, there);
    }
    assert_true(n > MOST / 2);
    free(h);
}

/* Else every search would go on for ever among lines that have long been empty. */
static void a_line_forgets_whom_it_sent_on_when_they_are_gone(void **unused)
{
    struct rs_host *h = full_host();
    struct tcb *there[MOST];
    uint32_t sent_on = 0;

    (void)unused;
    for (uint32_t i = 0; i < MOST; i++) {
        const struct rs_endpoint remote = peer_of(i);
        there[i] = tcb_new(h, &here, &remote);
    }
    for (uint32_t i = 0; i < h->demux_lines; i++)
        sent_on += h->demux[i].sent_on;
    assert_true(sent_on > 0);
    for (uint32_t i = 0; i < MOST; i++)
        tcb_free(h, there[i * 101 % MOST]);
    for (uint32_t i = 0; i < h->demux_lines; i++)
        assert_int_equal(h->demux[i].sent_on, 0);
    free(h);
}

/* A SYN or a stranger's octets, in a block that ends where the frame does. */
static uint8_t *a_frame(struct rnd *r, size_t link, size_t *len)
{
    uint8_t octet[128];
    const size_t whole = link + IP4_HEADER + TCP_HEADER;

    for (size_t i = 0; i < sizeof octet; i++)
        octet[i] = (uint8_t)rnd_next(r);
    *len = rnd_below(r, sizeof octet);
    octet[link] = rnd_below(r, 2) ? 0x45 : 0x60;
    octet[link + 6] = octet[link + 9] = IP_PROTO_TCP;
    if (link == 0 && rnd_below(r, 2)) {
        struct ip4_hdr ip = { .ihl = 5, .ttl = 64, .proto = IP_PROTO_TCP,
                              .total_len = IP4_HEADER + TCP_HEADER,
                              .src = rs_ip4(192, 0, 2, 7), .dst = rs_ip4(192, 0, 2, 1) };
        struct tcp_seg syn = { .src_port = (uint16_t)(1000 + rnd_below(r, 8)), .dst_port = 80,
                               .seq = (uint32_t)rnd_next(r), .flags = TCP_SYN, .wnd = 1000 };
        ip4_emit_sum(&ip, octet, whole);
        tcp_emit_sum(&syn, &ip.src, &ip.dst, octet + IP4_HEADER, TCP_HEADER);
        *len = whole;
    }
    uint8_t *frame = malloc(*len ? *len : 1);
    memcpy(frame, octet, *len);
    return frame;
}

static void same_output(struct rs_host *h[2], rs_time now)
{
    uint8_t out[2][2048];

    for (;;) {
        const size_t n = rs_output(h[0], out[0], sizeof out[0], now);
        assert_int_equal(n, rs_output(h[1], out[1], sizeof out[1], now));
        if (n == 0)
            break;
        assert_memory_equal(out[0], out[1], n);
    }
}

static void what_is_prefetched_changes_nothing_that_is_sent(void **unused)
{
    const struct rs_endpoint port = { .port = 80 };
    struct rnd r = { 11 };

    (void)unused;
    for (int ethernet = 0; ethernet < 2; ethernet++) {
        struct rs_config c;
        rs_config_small(&c);
        c.link = ethernet ? RS_LINK_ETHERNET : RS_LINK_IP;
        struct rs_host *h[2] = { host_for(&c), host_for(&c) };
        for (int i = 0; i < 2; i++)
            assert_true(rs_listen(h[i], &port, 0) >= 0);
        for (rs_time now = 1; now < 20000; now++) {
            size_t len;
            uint8_t *frame = a_frame(&r, ethernet ? ETH_HEADER : 0, &len);
            rs_prefetch(h[0], frame, len);
            if (rnd_below(&r, 4) == 0)
                rs_prefetch(h[0], NULL, 0);
            for (int i = 0; i < 2; i++)
                rs_input(h[i], frame, len, now);
            free(frame);
            same_output(h, now);
        }
        assert_memory_equal(rs_reasons(h[0]), rs_reasons(h[1]),
                            RS_N_REASONS * sizeof(uint64_t));
        assert_true(ethernet || rs_reasons(h[0])[RS_REASON_ACCEPTED] > 0);
        free(h[0]);
        free(h[1]);
    }
}

/* A plain IP datagram first, then an Ethernet frame, and a link that there is not. */
static void a_segment_is_expected_whatever_its_link_and_version(void **unused)
{
    static const struct rs_endpoint here6 = { .addr = { .version = 6, .octet = { 0xfd, [15] = 9 } },
                                              .port = 80 };
    struct rs_config c;

    (void)unused;
    rs_config_small(&c);
    c.max_conns = 200; /* so that sockets differ in their lines */
    c.more_links[0] = (struct rs_link_config){ .on = true, .link = RS_LINK_ETHERNET, .mtu = 1500,
                                               .addr = rs_ip4(198, 51, 100, 1), .prefix_len = 24 };
    struct rs_host *h = host_for(&c);
    for (uint32_t k = 0; k < 90; k++) {
        const struct rs_endpoint remote = peer_of(k);
        const bool v6 = remote.addr.version == 6;
        const struct rs_endpoint local = v6 ? here6 : here;
        const unsigned link = k / 3 % 3;
        uint8_t frame[ETH_HEADER + IP6_HEADER + TCP_HEADER] = { 0 };
        uint8_t *ip = frame + (link == 1 ? ETH_HEADER : 0);
        const struct ip4_hdr h4 = { .ihl = 5, .proto = IP_PROTO_TCP, .src = remote.addr,
                                    .dst = local.addr };
        const struct ip6_hdr h6 = { .next = IP_PROTO_TCP, .src = remote.addr, .dst = local.addr };
        const struct tcp_seg seg = { .src_port = remote.port, .dst_port = local.port };
        const size_t n = v6 ? ip6_emit(&h6, ip, IP6_HEADER) : ip4_emit_sum(&h4, ip, IP4_HEADER);
        const struct demux_key key = demux_key(h, &local, &remote);
        const struct demux_key *coming = &h->coming[h->coming_at % PREFETCH_STEP];

        tcp_emit(&seg, ip + n, TCP_HEADER);
        rs_prefetch_on(h, link, frame, (size_t)(ip - frame) + n + TCP_HEADER);
        assert_int_equal(coming->line, link < 2 ? key.line : TCB_NONE);
        assert_true(link == 2 || coming->tag == key.tag);
    }
    free(h);
}

/* Counted by what such a host asks for, pages for what is in transit included. */
static void a_million_connections_take_512_octets_each(void **unused)
{
    const size_t million = 1000000;
    struct rs_config c;

    (void)unused;
    rs_config_default(&c);
    c.addr = rs_ip4(10, 0, 0, 9);
    c.max_conns = (uint32_t)million;
    c.demux_places = 1u << 20;
    c.page_octets = 256;
    c.pages = 4096;
    assert_in_range(rs_host_size(&c), million * sizeof(struct tcb), 512 * million);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_come_and_go_and_each_is_found_while_it_is_there),
        cmocka_unit_test(a_line_forgets_whom_it_sent_on_when_they_are_gone),
        cmocka_unit_test(what_is_prefetched_changes_nothing_that_is_sent),
        cmocka_unit_test(a_segment_is_expected_whatever_its_link_and_version),
        cmocka_unit_test(a_million_connections_take_512_octets_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
