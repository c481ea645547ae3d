/* The runner against a fake stack whose every datagram the test decides, and against refstack. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/run.h"
#include "harness/script_parse.h"
#include "refstack/wire.h"

/* ---- The fake stack --------------------------------------------------------------------- */

/* Answers a SYN as a listener does, acknowledges text after a delay, echoes nothing else; each
 * field spoils one thing. */
static struct fake {
    uint32_t iss, rcv_nxt;
    uint64_t delay;       /* of an answer */
    uint32_t wrong_ack;   /* added to what it acknowledges */
    bool wrong_checksum, chatty, stuck;
    unsigned pieces;      /* segments of 10 octets sent after the handshake */
    int64_t cwnd;
    struct {
        uint64_t at;
        struct tcp_seg seg;
    } queue[16];
    size_t n, next;
    uint16_t port;
} fake;

static const struct rs_addr *ends(bool local)
{
    static struct rs_addr a[2];
    a[0] = rs_ip4(192, 0, 2, 1);
    a[1] = rs_ip4(192, 168, 0, 1);
    return &a[local];
}

static void say(uint64_t at, uint16_t flags, uint32_t seq, uint32_t len)
{
    static const uint8_t text[64];
    struct tcp_seg s = { .src_port = 8080, .dst_port = fake.port, .flags = flags, .seq = seq,
                         .ack = fake.rcv_nxt + fake.wrong_ack, .wnd = 100, .text = text,
                         .text_len = len };
    fake.queue[fake.n].at = at;
    fake.queue[fake.n++].seg = s;
}

static void *fake_create(const struct sut_config *c, uint64_t now, char *why, size_t cap)
{
    (void)c, (void)now, (void)why, (void)cap;
    fake.n = fake.next = 0;
    return &fake;
}

static void fake_destroy(void *sut)
{
    (void)sut;
}

static void fake_input(void *sut, const uint8_t *p, size_t len, uint64_t now)
{
    struct ip4_hdr ip;
    struct tcp_seg s;
    (void)sut;
    assert_int_equal(ip4_parse(&ip, p, len), WIRE_OK);
    assert_int_equal(tcp_parse(&s, ip.payload, ip.payload_len), WIRE_OK);
    assert_true(tcp_checksum_ok(&ip.src, &ip.dst, ip.payload, ip.payload_len));
    fake.port = s.src_port;
    fake.rcv_nxt = s.seq + tcp_seg_len(&s);
    if (s.flags & TCP_SYN)
        say(now + fake.delay, TCP_SYN | TCP_ACK, fake.iss, 0);
    else if (s.text_len)
        say(now + fake.delay, TCP_ACK, fake.iss + 1, 0);
    if (fake.chatty)
        say(now + fake.delay, TCP_ACK, fake.iss + 1, 0);
    for (unsigned i = 0; i < fake.pieces && !(s.flags & TCP_SYN); i++)
        say(now, TCP_ACK | (i + 1 == fake.pieces ? TCP_PSH : 0), fake.iss + 1 + 10 * i, 10);
}

static size_t fake_output(void *sut, uint8_t *buf, size_t cap, uint64_t now)
{
    (void)sut;
    if (fake.next == fake.n || fake.queue[fake.next].at > now)
        return 0;
    struct ip4_hdr ip = { .ihl = 5, .ttl = 64, .proto = IP_PROTO_TCP, .src = *ends(true),
                          .dst = *ends(false) };
    size_t n = tcp_emit_sum(&fake.queue[fake.next++].seg, ends(true), ends(false), buf + 20,
                            cap - 20);
    ip.total_len = (uint16_t)(n + 20);
    ip4_emit_sum(&ip, buf, cap);
    buf[36] ^= fake.wrong_checksum;
    return n + 20;
}

static uint64_t fake_deadline(void *sut)
{
    (void)sut;
    if (fake.stuck)
        return 0;
    return fake.next < fake.n ? fake.queue[fake.next].at : RS_NEVER;
}

static int fake_socket(void *sut)
{
    (void)sut;
    return 17;
}

static bool fake_info(void *sut, int fd, const char *name, int64_t *v)
{
    (void)sut;
    *v = fake.cwnd;
    return fd == 17 && strcmp(name, "tcpi_snd_cwnd") == 0;
}

static const struct sut_ops fake_ops = {
    .name = "fake", .caps = SUT_VIRTUAL_TIME, .create = fake_create, .destroy = fake_destroy,
    .input = fake_input, .output = fake_output, .deadline = fake_deadline, .socket = fake_socket,
    .info = fake_info,
};

static struct run_result run_on(const struct sut_ops *ops, const char *text)
{
    char error[SCRIPT_ERROR_SIZE];
    struct run_result res;
    struct script *s = script_parse("t.pkt", text, strlen(text), error);
    if (!s)
        fail_msg("%s", error);
    const struct run_options opt = { .seed = 5, .ip = 4 };
    run_script(s, ops, &opt, &res);
    script_free(s);
    return res;
}

static void expect(const struct sut_ops *ops, const char *text, enum verdict verdict,
                   const char *reason)
{
    struct run_result res = run_on(ops, text);
    if (res.verdict != verdict)
        fail_msg("%s: %s", verdict_name(res.verdict), res.reason);
    if (strncmp(res.reason, reason, strlen(reason)) != 0 || (!reason[0] && res.reason[0]))
        fail_msg("expected '%s', got '%s'", reason, res.reason);
}

static int fresh(void **state)
{
    (void)state;
    memset(&fake, 0, sizeof(fake));
    fake.iss = UINT32_MAX;
    return 0;
}

#define SHAKE "0 < S 0:0(0) win 100\n+0 > S. 0:0(0) ack 1\n+0 < . 1:1(0) ack 1 win 100\n"

/* ---- Segments and time ------------------------------------------------------------------ */

static void plain_numbers_are_mapped_across_the_wrap(void **state)
{
    (void)state;
    expect(&fake_ops, SHAKE "+0 < P. 1:11(10) ack 1 win 100\n+0 > . 1:1(0) ack 11 win 100\n",
           VERDICT_PASS, "");
}

static void a_wrong_field_is_named_with_both_segments(void **state)
{
    (void)state;
    fake.wrong_ack = 4;
    expect(&fake_ops, "0 < S 7:7(0) win 100\n+0 > S. 3:3(0) ack 8\n", VERDICT_FAIL,
           "t.pkt:2: ack: expected 8, got 12\n  script: +0 > S. 3:3(0) ack 8\n"
           "  actual: > S. 3:3(0) ack 12 win 100");
}

static void flags_options_and_window_are_compared(void **state)
{
    (void)state;
    expect(&fake_ops, "0 < S 0:0(0)\n+0 > S 0:0(0)\n", VERDICT_FAIL,
           "t.pkt:2: flags: expected S, got S.");
    expect(&fake_ops, "0 < S 0:0(0)\n+0 > S. 0:0(0) ack 1 <mss *>\n", VERDICT_FAIL,
           "t.pkt:2: options: ");
    expect(&fake_ops, "0 < S 0:0(0)\n+0 > S. 0:0(0) ack 1 win 101\n", VERDICT_FAIL,
           "t.pkt:2: win: expected 101, got 100");
}

static void a_segment_must_come_at_its_time(void **state)
{
    (void)state;
    fake.delay = 250000;
    expect(&fake_ops, "0 < S 0:0(0)\n+.25 > S. 0:0(0) ack 1\n", VERDICT_PASS, "");
    expect(&fake_ops, "0 < S 0:0(0)\n+.2~+.3 > S. 0:0(0) ack 1\n", VERDICT_PASS, "");
    expect(&fake_ops, "0 < S 0:0(0)\n* > S. 0:0(0) ack 1\n", VERDICT_PASS, "");
    expect(&fake_ops, "0 < S 0:0(0)\n+.3 > S. 0:0(0) ack 1\n", VERDICT_FAIL,
           "t.pkt:2: time: expected 0.300000 s, got 0.250000 s");
    expect(&fake_ops, "0 < S 0:0(0)\n+.2 > S. 0:0(0) ack 1\n", VERDICT_FAIL,
           "t.pkt:2: packet: expected one, got none");
    expect(&fake_ops, "--tolerance_usecs=60000\n0 < S 0:0(0)\n+.2 > S. 0:0(0) ack 1\n",
           VERDICT_PASS, "");
}

static void silence_is_broken_by_any_segment(void **state)
{
    (void)state;
    fake.delay = 100;
    expect(&fake_ops, "0 < S 0:0(0)\n+1 silence\n", VERDICT_FAIL,
           "t.pkt:2: packet: expected none, got one");
    expect(&fake_ops, "0 < S 0:0(0)\n* > S. 0:0(0) ack 1\n+1 silence\n", VERDICT_PASS, "");
}

static void pieces_are_joined_until_the_length_is_reached(void **state)
{
    (void)state;
    fake.pieces = 3;
    expect(&fake_ops, SHAKE "+0 > P. 1:31(30) ack 1\n", VERDICT_PASS, "");
    expect(&fake_ops, SHAKE "+0 > . 1:21(20) ack 1\n+0 > P. 21:31(10) ack 1\n+1 silence\n",
           VERDICT_PASS, "");
    expect(&fake_ops, SHAKE "+0 > P. 1:41(40) ack 1\n", VERDICT_FAIL,
           "t.pkt:4: length: expected 40, got 30");
}

static void an_unexpected_segment_before_the_expected_one_fails(void **state)
{
    (void)state;
    fake.chatty = true;
    expect(&fake_ops, SHAKE "+0 < P. 1:11(10) ack 1 win 9\n+0 > . 1:1(0) ack 11\n", VERDICT_FAIL,
           "t.pkt:5: ack: expected 11, got 1");
}

static void a_wrong_checksum_of_the_stack_is_found(void **state)
{
    (void)state;
    fake.wrong_checksum = true;
    expect(&fake_ops, "0 < S 0:0(0)\n+0 > S. 0:0(0) ack 1\n", VERDICT_FAIL,
           "t.pkt:2: packet: expected a well-formed datagram, got one with a wrong TCP checksum");
}

static void a_deadline_that_does_not_move_on_fails(void **state)
{
    (void)state;
    fake.stuck = true;
    expect(&fake_ops, "1 wait\n", VERDICT_FAIL, "t.pkt:1: deadline: expected it to move on");
}

/* ---- What cannot be done is never a pass ------------------------------------------------ */

static void what_the_stack_lacks_is_unsupported(void **state)
{
    (void)state;
    static const char *const scripts[] = {
        "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 listen(3, 1) = 0\n",
        "0 splice(1, 2) = 0\n", "0 `rm -rf x`\n", "`sysctl -w kernel.panic=1`\n0 wait\n",
        "--unheard_of=1\n0 wait\n", "0 > udp (5)\n", "fault drop A>B SYN 1\n",
        "0 R: close(3) = 0\n", "state ESTABLISHED\n", "0 user open-from-listen 0 = 0\n",
        "0 %{ import os }%\n", "0 %{ assert unknown_name == 1 }%\n",
        "0 socket(..., SOCK_DGRAM, IPPROTO_UDP) = 3\n",
    };
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
        expect(&fake_ops, scripts[i], VERDICT_UNSUPPORTED, "t.pkt:");
}

static void settings_the_stack_does_not_know_are_unsupported(void **state)
{
    (void)state;
    expect(&sut_refstack, "//@ config warp=9\n0 wait\n", VERDICT_UNSUPPORTED,
           "t.pkt:1: settings: refstack has no setting named 'warp'");
    expect(&sut_refstack, "//@ config msl=many\n0 wait\n", VERDICT_UNSUPPORTED,
           "t.pkt:1: settings: refstack cannot take the value 'many' for msl");
}

/* ---- Assertions ------------------------------------------------------------------------- */

static void assertions_are_evaluated_as_python_would(void **state)
{
    (void)state;
    static const char *const good[] = {
        "tcpi_snd_cwnd == 10, tcpi_snd_cwnd", "not tcpi_snd_cwnd != 10", "1 < 2 < 3",
        "(tcpi_snd_cwnd & 2) == 2 and 1 + 2 * 3 == 7", "0 or 7 // 2 == 3", "-1 < 0 and ~0 == -1",
        "1 << 4 | 1 == 17", "tcpi_snd_cwnd >= TCP_CA_Loss; assert True",
    };
    static const char *const bad[] = { "tcpi_snd_cwnd > 10", "3 > 2 > 2", "not 1", "1 and 0" };
    char text[256];
    fake.cwnd = 10;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        snprintf(text, sizeof(text), "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
                                     "0 %%{ assert %s }%%\n", good[i]);
        expect(&fake_ops, text, VERDICT_PASS, "");
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(text, sizeof(text), "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
                                     "0 %%{ assert %s }%%\n", bad[i]);
        expect(&fake_ops, text, VERDICT_FAIL, "t.pkt:2: assertion: expected assert ");
    }
}

/* ---- Calls, on refstack ----------------------------------------------------------------- */

#define OPENED                                                                                     \
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n" \
    "+0 < S 0:0(0) win 1000 <mss 1000>\n+0 > S. 0:0(0) ack 1 <...>\n"                              \
    "+0 < . 1:1(0) ack 1 win 1000\n+0 accept(3, ..., ...) = 4\n"

static void a_blocking_read_returns_when_text_comes(void **state)
{
    (void)state;
    expect(&sut_refstack, OPENED "+0...0.5 read(4, \"abc\", 10) = 3\n"
                                 "+.5 < P. 1:4(3) ack 1 win 1000 \"abc\"\n",
           VERDICT_PASS, "");
    expect(&sut_refstack, OPENED "+0...0.5 read(4, ..., 10) = 3\n"
                                 "+.4 < P. 1:4(3) ack 1 win 1000\n+1 wait\n",
           VERDICT_FAIL, "t.pkt:8: read: expected to return at 0.500000 s, got a return at 0.400");
    expect(&sut_refstack, OPENED "+0...0.5 read(4, ..., 10) = 3\n+1 wait\n", VERDICT_FAIL,
           "t.pkt:8: read: expected to return at 0.500000 s, got no return");
}

static void a_wrong_result_errno_or_octet_of_a_call_fails(void **state)
{
    (void)state;
    expect(&sut_refstack, OPENED "+0 write(4, ..., 5) = 4\n", VERDICT_FAIL,
           "t.pkt:8: write: expected 4, got 5");
    expect(&sut_refstack, OPENED "+0 fcntl(4, F_SETFL, O_NONBLOCK) = 0\n"
                                 "+0 read(4, ..., 5) = -1 EPIPE\n",
           VERDICT_FAIL, "t.pkt:9: read: expected -1 EPIPE, got -1 EAGAIN");
    expect(&sut_refstack, OPENED "+0 < P. 1:4(3) ack 1 win 9 \"abc\"\n+0 read(4, \"abd\", 9) = 3\n",
           VERDICT_FAIL, "t.pkt:9: data: expected 0x64 at octet 2, got 0x63");
    expect(&sut_refstack, OPENED "+0 read(9, ..., 5) = 0\n", VERDICT_FAIL,
           "t.pkt:8: read: expected 0, got -1 EBADF");
}

static void a_wrong_state_fails_with_both_names(void **state)
{
    (void)state;
    expect(&sut_refstack, OPENED "+0 state 4 ESTABLISHED, 3 LISTEN\n+0 state CLOSE-WAIT\n",
           VERDICT_FAIL, "t.pkt:9: state: expected CLOSE-WAIT, got ESTABLISHED");
}

static void the_same_seed_gives_the_same_octets(void **state)
{
    (void)state;
    const char *text = OPENED "+0 write(4, pattern, 100) = 100\n+1 wait\n";
    char error[SCRIPT_ERROR_SIZE];
    struct script *s = script_parse("t.pkt", text, strlen(text), error);
    assert_non_null(s);
    struct result *r = result_new("test");
    struct result_case *c[2];
    struct run_result res;
    for (int i = 0; i < 2; i++) {
        c[i] = result_case(r, "script", i ? "b" : "a", "refstack", 4);
        const struct run_options opt = { .seed = 9, .ip = 4, .trace = c[i] };
        run_script(s, &sut_refstack, &opt, &res);
    }
    assert_true(c[0]->n_rows > 4 && c[0]->n_rows == c[1]->n_rows);
    for (size_t i = 0; i < c[0]->n_rows; i++) {
        assert_int_equal(c[0]->row[i].len, c[1]->row[i].len);
        if (c[0]->row[i].len)
            assert_memory_equal(c[0]->row[i].octet, c[1]->row[i].octet, c[0]->row[i].len);
    }
    result_free(r);
    script_free(s);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, fresh)
    const struct CMUnitTest tests[] = {
        TEST(plain_numbers_are_mapped_across_the_wrap),
        TEST(a_wrong_field_is_named_with_both_segments),
        TEST(flags_options_and_window_are_compared),
        TEST(a_segment_must_come_at_its_time),
        TEST(silence_is_broken_by_any_segment),
        TEST(pieces_are_joined_until_the_length_is_reached),
        TEST(an_unexpected_segment_before_the_expected_one_fails),
        TEST(a_wrong_checksum_of_the_stack_is_found),
        TEST(a_deadline_that_does_not_move_on_fails),
        TEST(what_the_stack_lacks_is_unsupported),
        TEST(settings_the_stack_does_not_know_are_unsupported),
        TEST(assertions_are_evaluated_as_python_would),
        TEST(a_blocking_read_returns_when_text_comes),
        TEST(a_wrong_result_errno_or_octet_of_a_call_fails),
        TEST(a_wrong_state_fails_with_both_names),
        TEST(the_same_seed_gives_the_same_octets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
