/* Every frame gives one line; a malformed one says what is wrong with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/decode.h"
#include "refstack/wire.h"

struct frame {
    uint8_t octet[256];
    size_t len;
};

static struct rs_addr addr_a, addr_b;

/* An IPv4 datagram around what is at `payload`. */
static struct frame datagram(uint8_t proto, bool from_a, const uint8_t *payload, size_t len)
{
    struct frame f = { .len = 0 };
    struct ip4_hdr h = { .ihl = 5, .total_len = (uint16_t)(IP4_HEADER + len), .ttl = 64,
                         .proto = proto, .src = from_a ? addr_a : addr_b,
                         .dst = from_a ? addr_b : addr_a };
    f.len = ip4_emit_sum(&h, f.octet, sizeof f.octet);
    memcpy(f.octet + f.len, payload, len);
    f.len += len;
    return f;
}

static struct frame segment(bool from_a, struct tcp_seg seg)
{
    uint8_t buf[200];
    seg.src_port = from_a ? 40000 : 80;
    seg.dst_port = from_a ? 80 : 40000;
    size_t len = tcp_emit_sum(&seg, from_a ? &addr_a : &addr_b, from_a ? &addr_b : &addr_a, buf,
                              sizeof buf);
    assert_true(len > 0);
    return datagram(IP_PROTO_TCP, from_a, buf, len);
}

static void expect(struct decoder *d, const struct frame *f, const char *line)
{
    char got[DECODE_LINE];
    /* Exactly as large as the frame, so that ASan sees a read past its end. */
    uint8_t *tight = malloc(f->len ? f->len : 1);
    memcpy(tight, f->octet, f->len);
    decode_frame(d, RS_LINK_IP, tight, f->len, f->len, got);
    free(tight);
    assert_string_equal(got, line);
}

static int setup(void **state)
{
    (void)state;
    addr_a = rs_ip4(10, 0, 0, 1);
    addr_b = rs_ip4(10, 0, 0, 2);
    return 0;
}

static void a_connection_shows_numbers_relative_to_both_isns(void **state)
{
    (void)state;
    struct decoder d;
    decode_begin(&d, false);
    static const uint8_t opt[] = { 2, 4, 5, 0xb4, 4, 2, 1, 1, 3, 3, 7, 0 };
    static const uint8_t ts[] = { 1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 5 };
    static const uint8_t sack[] = { 1, 1, 5, 10, 0, 0, 0x03, 0xe9, 0, 0, 0x07, 0xd1 };
    struct frame f = segment(true, (struct tcp_seg){ .seq = 0xfffffff0u, .flags = TCP_SYN,
                                                     .wnd = 65535, .opt = opt, .opt_len = 12 });
    expect(&d, &f, "S 0:0(0) win 65535 <mss 1460,sackOK,nop,nop,wscale 7,eol>");
    f = segment(false, (struct tcp_seg){ .seq = 0, .ack = 0xfffffff1u, .flags = TCP_SYN | TCP_ACK,
                                         .wnd = 1000 });
    expect(&d, &f, "S. 0:0(0) ack 1 win 1000");
    f = segment(true, (struct tcp_seg){ .seq = 0xfffffff1u, .ack = 1, .wnd = 9, .opt = ts,
                                        .opt_len = 12, .flags = TCP_PSH | TCP_ACK | TCP_URG,
                                        .up = 3, .text = (const uint8_t *)"0123456789abcdefghij",
                                        .text_len = 20 });
    expect(&d, &f, "PU. 1:21(20) ack 1 win 9 urg 3 <nop,nop,TS val 9 ecr 5>");
    f = segment(true, (struct tcp_seg){ .seq = 5, .ack = 1, .wnd = 9, .opt = sack, .opt_len = 12,
                                        .flags = TCP_FIN | TCP_ACK });
    expect(&d, &f, "F. 21:21(0) ack 1 win 9 <nop,nop,sack 1001:2001>");
}

static void without_a_syn_numbers_stay_absolute(void **state)
{
    (void)state;
    struct decoder d;
    decode_begin(&d, true);
    struct frame f = segment(false, (struct tcp_seg){ .seq = 4000000000u, .ack = 77,
                                                      .flags = TCP_ACK, .wnd = 1 });
    expect(&d, &f, "10.0.0.2.80 > 10.0.0.1.40000: . 4000000000:4000000000(0) ack 77 win 1");
}

static void an_old_duplicate_syn_is_shown_before_the_isn_until_the_reset(void **state)
{
    (void)state;
    struct decoder d;
    decode_begin(&d, false);
    struct frame syn = segment(true, (struct tcp_seg){ .seq = 100, .flags = TCP_SYN });
    struct frame old = segment(true, (struct tcp_seg){ .seq = 90, .flags = TCP_SYN });
    struct frame rst = segment(true, (struct tcp_seg){ .seq = 91, .flags = TCP_RST });
    expect(&d, &syn, "S 0:0(0) win 0");
    expect(&d, &old, "S -10:-10(0) win 0");
    expect(&d, &rst, "R -9:-9(0) win 0");
    expect(&d, &syn, "S 0:0(0) win 0");
    expect(&d, &old, "S 0:0(0) win 0"); /* a connection of its own now */
}

static void a_reset_that_is_lost_ends_no_connection(void **state)
{
    (void)state;
    struct decoder d;
    decode_begin(&d, false);
    struct frame syn = segment(true, (struct tcp_seg){ .seq = 100, .flags = TCP_SYN });
    struct frame ack = segment(false, (struct tcp_seg){ .seq = 500, .ack = 101,
                                                        .flags = TCP_SYN | TCP_ACK });
    struct frame rst = segment(true, (struct tcp_seg){ .seq = 101, .flags = TCP_RST });
    struct frame again = segment(true, (struct tcp_seg){ .seq = 110, .flags = TCP_SYN });
    expect(&d, &syn, "S 0:0(0) win 0");
    expect(&d, &ack, "S. 0:0(0) ack 1 win 0");
    d.lost = true;
    expect(&d, &rst, "R 1:1(0) win 0");
    d.lost = false;
    expect(&d, &again, "S 10:10(0) win 0"); /* half-open: to the other end an odd SYN */
    expect(&d, &rst, "R 1:1(0) win 0");
    expect(&d, &again, "S 0:0(0) win 0");
}

static void icmp6_is_named(void **state)
{
    (void)state;
    struct decoder d;
    char got[DECODE_LINE];
    uint8_t p[40 + 8 + 8] = { 0x60, 0, 0, 0, 0, 16, 0, 1 };
    decode_begin(&d, false);
    p[40] = 58; /* hop-by-hop, 8 octets, then ICMPv6 */
    p[48] = 143;
    decode_frame(&d, RS_LINK_IP, p, sizeof p, sizeof p, got);
    assert_string_equal(got, "icmp6 multicast listener report");
    p[6] = 58;
    p[40] = 135;
    decode_frame(&d, RS_LINK_IP, p, sizeof p, sizeof p, got);
    assert_string_equal(got, "icmp6 neighbour solicitation");
    p[6] = 0;
    p[40] = 58;
    p[41] = 9; /* longer than the datagram */
    decode_frame(&d, RS_LINK_IP, p, sizeof p, sizeof p, got);
    assert_string_equal(got, "ip6 protocol 0 (16)");
}

static void odd_flags_and_options_are_shown_as_they_are(void **state)
{
    (void)state;
    struct decoder d;
    decode_begin(&d, false);
    static const uint8_t lying[] = { 1, 1, 2, 9 };
    static const uint8_t unknown[] = { 200, 4, 0xab, 0xcd };
    static const uint8_t cookie[] = { 34, 6, 1, 2, 3, 4, 1, 1 };
    struct frame f = segment(true, (struct tcp_seg){ .flags = 0, .opt = lying, .opt_len = 4 });
    expect(&d, &f, "- 0:0(0) win 0 <nop,nop,{option length illegal}>");
    f = segment(true, (struct tcp_seg){ .flags = TCP_SYN | TCP_FIN | TCP_RST | 0xa00,
                                        .opt = unknown, .opt_len = 4 });
    expect(&d, &f, "FSR 0:0(0) win 0 <kind-200 len 4 0xabcd> {reserved bits 0xa}");
    f = segment(true, (struct tcp_seg){ .flags = TCP_ECE | TCP_CWR, .opt = cookie,
                                        .opt_len = 8 });
    expect(&d, &f, "EW 0:0(0) win 0 <FO 01020304,nop,nop>");
}

static void a_wrong_checksum_is_said_and_sets_no_isn(void **state)
{
    (void)state;
    struct decoder d;
    decode_begin(&d, false);
    struct frame f = segment(true, (struct tcp_seg){ .seq = 7, .flags = TCP_SYN, .text_len = 5,
                                                     .text = (const uint8_t *)"12345" });
    f.octet[IP4_HEADER + 16] ^= 0x55;
    char want[100], got[DECODE_LINE];
    snprintf(want, sizeof want, "S 7:12(5) win 0 {TCP checksum 0x%02x%02x is wrong}",
             f.octet[IP4_HEADER + 16], f.octet[IP4_HEADER + 17]);
    expect(&d, &f, want);
    /* A recorder that kept only the headers gives no reason to doubt the checksum. */
    decode_frame(&d, RS_LINK_IP, f.octet, 40, f.len, got);
    assert_string_equal(got, "S 0:5(5) win 0");
}

static void icmp_names_what_it_quotes(void **state)
{
    (void)state;
    struct decoder d;
    decode_begin(&d, false);
    struct frame syn = segment(true, (struct tcp_seg){ .seq = 100, .flags = TCP_SYN });
    expect(&d, &syn, "S 0:0(0) win 0");
    uint8_t buf[100];
    struct icmp_msg m = { .type = ICMP_UNREACHABLE, .code = ICMP_FRAG_NEEDED, .rest = 1400,
                          .body = syn.octet, .body_len = 28 };
    struct frame f = datagram(IP_PROTO_ICMP, false, buf, icmp_emit_sum(&m, buf, sizeof buf));
    expect(&d, &f, "icmp unreachable frag_needed mtu 1400 "
                   "[10.0.0.1.40000 > 10.0.0.2.80: seq 0]");
    m.body_len = 24;
    f = datagram(IP_PROTO_ICMP, false, buf, icmp_emit_sum(&m, buf, sizeof buf));
    expect(&d, &f, "icmp unreachable frag_needed mtu 1400 [tcp {fewer than 8 octets quoted}]");
    m = (struct icmp_msg){ .type = ICMP_ECHO, .rest = 0x00050006, .body = buf };
    f = datagram(IP_PROTO_ICMP, false, buf, icmp_emit_sum(&m, buf, sizeof buf));
    expect(&d, &f, "icmp echo request id 5 seq 6 (0)");
}

static void arp_reads_as_a_question_and_an_answer(void **state)
{
    (void)state;
    struct decoder d;
    char got[DECODE_LINE];
    uint8_t buf[ETH_HEADER + ARP_SIZE];
    struct eth_hdr eth = { .type = ETH_TYPE_ARP };
    struct arp_pkt arp = { .op = ARP_REQUEST, .sender_mac = { 2, 0, 0, 0, 0, 1 },
                           .sender_ip = { 10, 0, 0, 1 }, .target_ip = { 10, 0, 0, 2 } };
    decode_begin(&d, false);
    eth_emit(&eth, buf, sizeof buf);
    arp_emit(&arp, buf + ETH_HEADER, ARP_SIZE);
    decode_frame(&d, RS_LINK_ETHERNET, buf, sizeof buf, sizeof buf, got);
    assert_string_equal(got, "arp who-has 10.0.0.2 tell 10.0.0.1");
    arp.op = ARP_REPLY;
    arp_emit(&arp, buf + ETH_HEADER, ARP_SIZE);
    decode_frame(&d, RS_LINK_ETHERNET, buf, sizeof buf, sizeof buf, got);
    assert_string_equal(got, "arp 10.0.0.1 is-at 02:00:00:00:00:01");
    decode_frame(&d, RS_LINK_ETHERNET, buf, sizeof buf - 1, sizeof buf - 1, got);
    assert_string_equal(got, "arp {shorter than its fixed header, 27 octets}");
    decode_frame(&d, RS_LINK_ETHERNET, buf, 13, 13, got);
    assert_string_equal(got, "ethernet {shorter than its fixed header, 13 octets}");
}

/* Whatever the octets: one line, within its bounds, printable. */
static void any_octets_give_one_printable_line(void **state)
{
    (void)state;
    struct decoder d;
    static const uint8_t opt[] = { 5, 10, 1, 2, 3, 4, 5, 6, 7, 8, 254, 10, 0xf9, 0x89, 1, 2, 3,
                                   4, 5, 6 };
    struct frame f = segment(true, (struct tcp_seg){ .flags = TCP_SYN, .opt = opt,
                                                     .opt_len = sizeof opt });
    decode_begin(&d, true);
    uint32_t random = 1;
    for (int i = 0; i < 200000; i++) {
        uint8_t *tight = malloc(f.len);
        char got[DECODE_LINE];
        memcpy(tight, f.octet, f.len);
        for (unsigned n = random >> 30; n > 0; n--) {
            random = random * 1664525u + 1013904223u;
            tight[(random >> 8) % f.len] = (uint8_t)(random >> 24);
        }
        random = random * 1664525u + 1013904223u;
        size_t len = i % 3 ? f.len : random % f.len;
        decode_frame(&d, i & 1 ? RS_LINK_IP : RS_LINK_ETHERNET, tight, len, len, got);
        size_t n = strlen(got);
        assert_true(n > 0 && n < DECODE_LINE);
        assert_int_equal(strspn(got, " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVW"
                                     "XYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"), n);
        free(tight);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_connection_shows_numbers_relative_to_both_isns, setup),
        cmocka_unit_test_setup(without_a_syn_numbers_stay_absolute, setup),
        cmocka_unit_test_setup(an_old_duplicate_syn_is_shown_before_the_isn_until_the_reset, setup),
        cmocka_unit_test_setup(a_reset_that_is_lost_ends_no_connection, setup),
        cmocka_unit_test_setup(icmp6_is_named, setup),
        cmocka_unit_test_setup(odd_flags_and_options_are_shown_as_they_are, setup),
        cmocka_unit_test_setup(a_wrong_checksum_is_said_and_sets_no_isn, setup),
        cmocka_unit_test_setup(icmp_names_what_it_quotes, setup),
        cmocka_unit_test_setup(arp_reads_as_a_question_and_an_answer, setup),
        cmocka_unit_test_setup(any_octets_give_one_printable_line, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
