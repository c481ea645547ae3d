#include "harness/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "harness/pcapng.h"

enum { ISS = 9000, IRS = 5000, BUF = 4096, STEP = 1000 };

static const struct rs_endpoint ends[2][2] = {
    { { .addr = { 4, { 192, 0, 2, 1 } }, .port = 80 },
      { .addr = { 4, { 192, 0, 2, 2 } }, .port = 4000 } },
    { { .addr = { 6, { 0x20, 1, 0xd, 0xb8, [15] = 1 } }, .port = 80 },
      { .addr = { 6, { 0x20, 1, 0xd, 0xb8, [15] = 2 } }, .port = 4000 } }
};

static char path[] = "/tmp/check-test-XXXXXX";
static struct pcapng out;
static uint64_t now;
static struct check *c;

static int setup(void **unused)
{
    (void)unused;
    strcpy(path + sizeof path - 7, "XXXXXX");
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    now = 0;
    assert_int_equal(pcapng_open(&out, path, "check_test"), 0);
    pcapng_interface(&out, PCAPNG_RAW_IP, "tun");
    c = calloc(1, sizeof *c);
    assert_non_null(c);
    return 0;
}

static int teardown(void **unused)
{
    (void)unused;
    if (out.file)
        pcapng_close(&out);
    unlink(path);
    check_free(c);
    free(c);
    return 0;
}

static void record(const uint8_t *p, size_t len)
{
    pcapng_packet(&out, &(struct pcapng_packet){ .time = now += STEP, .octets = p,
                                                 .len = (uint32_t)len });
}

static void judge(void)
{
    char why[CAPTURE_WHY];
    assert_int_equal(pcapng_close(&out), 0);
    assert_int_equal(check_capture(c, path, why), 0);
    if (c->n_stands)
        check_print(stderr, c, path);
}

static void expect_none(void)
{
    judge();
    assert_int_equal(c->n_stands, 0);
}

/* Exactly this one. */
static void expect_one(enum oracle rule, unsigned long number)
{
    judge();
    assert_int_equal(c->n_stands, 1);
    for (size_t i = 0; i < c->n_finding; i++) {
        if (c->finding[i].state == CHECK_DROPPED)
            continue;
        assert_string_equal(oracle_info[c->finding[i].rule].id, oracle_info[rule].id);
        assert_int_equal(c->finding[i].packet, number);
    }
}

/* ---- A conversation by hand ------------------------------------------------------------- */

enum csum { FILLED, BAD, PARTIAL };
struct line {
    bool answer; /* from port 80 */
    struct tcp_seg seg;
    enum csum csum;
};

static const uint8_t mss[4] = { OPT_MSS, 4, 500 >> 8, 500 & 0xff };
static const uint8_t scale[4] = { OPT_WSCALE, 3, 4, OPT_NOP };
static const uint8_t bad_option[4] = { OPT_MSS, 9, 0, 0 };
static const uint8_t text[2000];

#define OPENED                                                                                     \
    { false, { .seq = IRS, .flags = TCP_SYN, .wnd = 1000, .opt = mss, .opt_len = 4 }, 0 },         \
    { true, { .seq = ISS, .ack = IRS + 1, .flags = TCP_SYN | TCP_ACK, .wnd = 1000, .opt = mss,     \
              .opt_len = 4 }, 0 },                                                                 \
    { false, { .seq = IRS + 1, .ack = ISS + 1, .flags = TCP_ACK, .wnd = 1000 }, 0 }
#define SEG(from, s, a, f, w, n)                                                                   \
    { from, { .seq = from ? ISS + (s) : IRS + (s), .ack = from ? IRS + (a) : ISS + (a),            \
              .flags = (f) | TCP_ACK, .wnd = w, .text = text, .text_len = n }, 0 }

static void put(const struct line *l, unsigned version)
{
    const struct rs_endpoint *src = &ends[version == 6][l->answer ? 0 : 1];
    const struct rs_endpoint *dst = &ends[version == 6][l->answer ? 1 : 0];
    const size_t head = version == 6 ? IP6_HEADER : IP4_HEADER;
    uint8_t buf[BUF];
    struct tcp_seg seg = l->seg;
    seg.src_port = src->port;
    seg.dst_port = dst->port;
    const size_t n = tcp_emit_sum(&seg, &src->addr, &dst->addr, buf + head, sizeof buf - head);
    assert_true(n > 0);
    if (l->csum == BAD)
        buf[head + 16] ^= 0x55;
    if (l->csum == PARTIAL)
        tcp_put_csum(buf + head, (uint16_t)(csum_fold(csum_pseudo(&src->addr, &dst->addr,
                                                                 IP_PROTO_TCP, (uint32_t)n)) ^
                                            0xffffu));
    const struct ip4_hdr four = { .ihl = 5, .total_len = (uint16_t)(head + n), .ttl = 64,
                                  .proto = IP_PROTO_TCP, .src = src->addr, .dst = dst->addr };
    const struct ip6_hdr six = { .payload_len = (uint16_t)n, .next = IP_PROTO_TCP, .hops = 64,
                                 .src = src->addr, .dst = dst->addr };
    if (version == 6)
        ip6_emit(&six, buf, head);
    else
        ip4_emit_sum(&four, buf, head);
    record(buf, head + n);
}

#define PUT(version, ...)                                                                          \
    do {                                                                                           \
        const struct line lines[] = { __VA_ARGS__ };                                               \
        for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)                                \
            put(&lines[i], version);                                                               \
    } while (0)

static void an_ack_of_what_was_never_sent_is_found(void **unused)
{
    (void)unused;
    PUT(4, OPENED, SEG(true, 1, 21, 0, 1000, 0), SEG(false, 1, 1, 0, 1000, 0));
    expect_one(ORACLE_egress_ack_ahead, 4);
}

static void an_ack_of_text_that_the_capture_lost_is_no_finding(void **unused)
{
    (void)unused;
    PUT(4, OPENED, SEG(true, 1, 21, 0, 1000, 0), SEG(false, 21, 1, 0, 1000, 0));
    expect_none();
    assert_int_equal(c->gaps, 1);
    assert_int_equal(c->undecided, 1);
}

static void where_segments_are_missing_an_ack_ahead_is_no_finding(void **unused)
{
    (void)unused;
    PUT(4, OPENED, SEG(true, 1, 21, 0, 1000, 0), SEG(false, 1, 1, 0, 1000, 0),
        SEG(false, 31, 1, 0, 1000, 10));
    expect_none();
}

static void an_ack_recorded_before_its_text_is_no_finding(void **unused)
{
    (void)unused;
    PUT(4, OPENED, SEG(true, 1, 21, 0, 1000, 0), SEG(false, 1, 1, 0, 1000, 20));
    expect_none();
}

static void an_ack_long_before_its_text_is_found(void **unused)
{
    (void)unused;
    PUT(4, OPENED, SEG(true, 1, 21, 0, 1000, 0));
    now += 20000;
    PUT(4, SEG(false, 1, 1, 0, 1000, 20));
    expect_one(ORACLE_egress_ack_ahead, 4);
}

static void text_beyond_the_window_is_found(void **unused)
{
    (void)unused;
    PUT(6, OPENED, SEG(true, 1, 1, 0, 1000, 400), SEG(true, 401, 1, 0, 1000, 400),
        SEG(true, 801, 1, 0, 1000, 300), SEG(false, 1, 801, 0, 200, 0));
    expect_one(ORACLE_egress_in_window, 6);
}

static void text_in_a_window_whose_ack_the_capture_lost_is_no_finding(void **unused)
{
    (void)unused;
    PUT(4, OPENED, SEG(true, 1, 1, 0, 1000, 400), SEG(true, 401, 1, 0, 1000, 400),
        SEG(true, 801, 1, 0, 1000, 300), SEG(false, 1, 1101, 0, 1000, 0));
    expect_none();
}

static void a_probe_of_a_shut_window_is_no_finding(void **unused)
{
    (void)unused;
    PUT(4, OPENED, SEG(true, 1, 1, 0, 1000, 490), SEG(true, 491, 1, 0, 1000, 490),
        SEG(false, 1, 981, 0, 20, 0), SEG(true, 981, 1, 0, 1000, 21),
        SEG(false, 1, 1001, 0, 0, 0));
    expect_none();
}

static void a_window_that_shrinks_is_found_once(void **unused)
{
    (void)unused;
    PUT(4, OPENED, SEG(false, 1, 1, 0, 1000, 10), SEG(false, 11, 1, 0, 700, 10),
        SEG(false, 21, 1, 0, 700, 10));
    expect_one(ORACLE_egress_window_edge, 5);
}

/* The last edge lies below the one before by less than the unit of 16 octets. */
static void windows_are_scaled_when_both_syns_say_so(void **unused)
{
    (void)unused;
    PUT(4, { false, { .seq = IRS, .flags = TCP_SYN, .wnd = 1000, .opt = scale, .opt_len = 4 }, 0 },
        { true, { .seq = ISS, .ack = IRS + 1, .flags = TCP_SYN | TCP_ACK, .wnd = 1000,
                  .opt = scale, .opt_len = 4 }, 0 },
        SEG(false, 1, 1, 0, 100, 0), SEG(true, 1, 1, 0, 100, 400), SEG(true, 401, 1, 0, 100, 400),
        SEG(true, 801, 1, 0, 100, 400), SEG(true, 1201, 1, 0, 100, 400),
        SEG(false, 1, 801, 0, 50, 0), SEG(false, 1, 811, 0, 49, 0));
    expect_none();
}

/* Its window does not count (SND.WL1), so that the one before stands from the new SND.UNA on. */
static void the_ack_of_a_segment_sent_again_may_move_an_older_window(void **unused)
{
    (void)unused;
    PUT(4, OPENED, SEG(false, 1, 1, 0, 1000, 10), SEG(false, 11, 1, 0, 1000, 10),
        SEG(true, 1, 1, 0, 1000, 400), SEG(false, 1, 401, 0, 600, 10),
        SEG(true, 401, 21, 0, 1000, 400), SEG(true, 801, 21, 0, 1000, 400),
        SEG(false, 21, 801, 0, 200, 0));
    expect_none();
}

static void segments_that_overtake_each_other_are_no_finding(void **unused)
{
    (void)unused;
    PUT(4, OPENED, SEG(true, 1, 1, 0, 1000, 10), SEG(true, 11, 1, 0, 1000, 10),
        SEG(false, 1, 21, 0, 1000, 0), SEG(false, 1, 11, 0, 980, 0));
    expect_none();
}

static void an_ack_that_goes_back_is_found(void **unused)
{
    (void)unused;
    PUT(4, OPENED, SEG(true, 1, 1, 0, 1000, 20), SEG(false, 1, 21, 0, 1000, 10),
        SEG(false, 11, 11, 0, 1000, 10));
    expect_one(ORACLE_egress_ack_back, 6);
}

static void text_after_the_fin_is_found(void **unused)
{
    (void)unused;
    PUT(4, OPENED, SEG(true, 1, 1, TCP_FIN, 1000, 10), SEG(true, 12, 1, 0, 1000, 5));
    expect_one(ORACLE_egress_after_fin, 5);
}

static void a_segment_over_the_mss_is_found(void **unused)
{
    (void)unused;
    PUT(4, OPENED, SEG(true, 1, 1, 0, 1000, 501));
    expect_one(ORACLE_egress_mss, 4);
}

static void a_wrong_checksum_is_found(void **unused)
{
    (void)unused;
    PUT(4, OPENED, SEG(false, 1, 1, 0, 1000, 0),
        { true, { .seq = ISS + 1, .ack = IRS + 1, .flags = TCP_ACK, .wnd = 1000 }, BAD });
    expect_one(ORACLE_egress_checksum, 5);
}

static void checksums_left_to_a_device_are_said_once(void **unused)
{
    (void)unused;
    PUT(4, OPENED,
        { true, { .seq = ISS + 1, .ack = IRS + 1, .flags = TCP_ACK, .wnd = 1000, .text = text,
                  .text_len = 900 }, PARTIAL });
    expect_none();
    assert_int_equal(c->unfilled, 1);
}

static void a_segment_cut_short_is_judged_but_for_its_checksum(void **unused)
{
    (void)unused;
    PUT(4, OPENED);
    uint8_t buf[IP4_HEADER + TCP_HEADER + 100] = { 0 };
    const struct rs_endpoint *at = ends[0];
    const struct ip4_hdr ip = { .ihl = 5, .total_len = sizeof buf, .ttl = 64,
                                .proto = IP_PROTO_TCP, .src = at[0].addr, .dst = at[1].addr };
    struct tcp_seg seg = { .src_port = 80, .dst_port = 4000, .seq = ISS + 1, .ack = IRS + 1,
                           .flags = TCP_ACK | 0x800, .wnd = 1000, .text_len = 100 };
    tcp_emit_sum(&seg, &at[0].addr, &at[1].addr, buf + IP4_HEADER, sizeof buf - IP4_HEADER);
    buf[sizeof buf - 1] = 1;
    ip4_emit_sum(&ip, buf, IP4_HEADER);
    for (uint32_t held = 40; held >= 36; held -= 4)
        pcapng_packet(&out, &(struct pcapng_packet){ .octets = buf, .len = held,
                                                     .wire_len = sizeof buf });
    expect_one(ORACLE_egress_reserved, 4);
    assert_int_equal(c->cut, 1);
    assert_int_equal(c->other, 1);
}

static void a_rst_in_answer_to_a_rst_is_found(void **unused)
{
    (void)unused;
    PUT(6, OPENED, { false, { .seq = IRS + 9, .flags = TCP_RST }, 0 },
        { true, { .ack = IRS + 9, .flags = TCP_RST | TCP_ACK }, 0 });
    expect_one(ORACLE_egress_rst_for_rst, 5);
}

static void two_aborts_that_cross_are_no_finding(void **unused)
{
    (void)unused;
    PUT(4, OPENED, SEG(false, 1, 1, TCP_RST, 0, 0),
        { true, { .seq = ISS + 1, .flags = TCP_RST }, 0 });
    expect_none();
}

static void malformed_options_are_found(void **unused)
{
    (void)unused;
    PUT(4, OPENED, { true, { .seq = ISS + 1, .ack = IRS + 1, .flags = TCP_ACK, .wnd = 1000,
                             .opt = bad_option, .opt_len = 4 }, 0 });
    expect_one(ORACLE_egress_options, 4);
}

static void flags_that_exclude_each_other_are_found(void **unused)
{
    (void)unused;
    PUT(4, OPENED, SEG(true, 1, 1, TCP_RST | TCP_FIN, 0, 0));
    expect_one(ORACLE_egress_flags, 4);
}

static void the_middle_of_a_connection_is_judged_by_segments_alone(void **unused)
{
    (void)unused;
    PUT(4, SEG(true, 1, 21, 0, 10, 400), SEG(false, 1, 1, 0, 1000, 0),
        SEG(true, 5000, 1, 0, 10, 600), SEG(false, 1, 9, 0, 3, 0));
    expect_none();
    assert_int_equal(c->before, 1);
}

static void a_port_used_again_is_a_connection_of_its_own(void **unused)
{
    (void)unused;
    PUT(4, OPENED, SEG(false, 1, 1, TCP_RST, 0, 0),
        { false, { .seq = IRS + 70000, .flags = TCP_SYN, .wnd = 1000 }, 0 },
        { true, { .seq = 77, .ack = IRS + 70001, .flags = TCP_SYN | TCP_ACK, .wnd = 1000 }, 0 });
    expect_none();
    assert_int_equal(c->n_flows, 2);
}

static void what_is_not_tcp_is_counted(void **unused)
{
    const uint8_t octets[4] = { 0x45, 1, 2, 3 };
    (void)unused;
    record(octets, sizeof octets);
    expect_none();
    assert_int_equal(c->other, 1);
}

static void a_file_that_is_no_capture_is_refused(void **unused)
{
    char why[CAPTURE_WHY];
    (void)unused;
    assert_int_equal(check_capture(c, "Makefile", why), -1);
    assert_true(strlen(why) > 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_ack_of_what_was_never_sent_is_found),
        TEST(an_ack_of_text_that_the_capture_lost_is_no_finding),
        TEST(where_segments_are_missing_an_ack_ahead_is_no_finding),
        TEST(an_ack_recorded_before_its_text_is_no_finding),
        TEST(an_ack_long_before_its_text_is_found),
        TEST(text_beyond_the_window_is_found),
        TEST(text_in_a_window_whose_ack_the_capture_lost_is_no_finding),
        TEST(a_probe_of_a_shut_window_is_no_finding),
        TEST(a_window_that_shrinks_is_found_once),
        TEST(windows_are_scaled_when_both_syns_say_so),
        TEST(the_ack_of_a_segment_sent_again_may_move_an_older_window),
        TEST(segments_that_overtake_each_other_are_no_finding),
        TEST(an_ack_that_goes_back_is_found),
        TEST(text_after_the_fin_is_found),
        TEST(a_segment_over_the_mss_is_found),
        TEST(a_wrong_checksum_is_found),
        TEST(checksums_left_to_a_device_are_said_once),
        TEST(a_segment_cut_short_is_judged_but_for_its_checksum),
        TEST(a_rst_in_answer_to_a_rst_is_found),
        TEST(two_aborts_that_cross_are_no_finding),
        TEST(malformed_options_are_found),
        TEST(flags_that_exclude_each_other_are_found),
        TEST(the_middle_of_a_connection_is_judged_by_segments_alone),
        TEST(a_port_used_again_is_a_connection_of_its_own),
        TEST(what_is_not_tcp_is_counted),
        TEST(a_file_that_is_no_capture_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
