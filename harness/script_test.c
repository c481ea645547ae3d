/* The language: what parses, what it means, what is refused and how, and that it prints back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/script_parse.h"
#include "harness/script_print.h"
#include "refstack/wire.h"

static struct script *parse(const char *text)
{
    char error[SCRIPT_ERROR_SIZE];
    struct script *s = script_parse("t.pkt", text, strlen(text), error);
    if (!s)
        fail_msg("%s", error);
    return s;
}

static void expect_error(const char *text, const char *error)
{
    char got[SCRIPT_ERROR_SIZE] = "";
    struct script *s = script_parse("t.pkt", text, strlen(text), got);
    if (s)
        fail_msg("parsed: %s", text);
    assert_string_equal(got, error);
}

static char *print(const struct script *s)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    assert_non_null(f);
    script_print(f, s);
    fclose(f);
    return text;
}

static void round_trips(const char *text)
{
    struct script *a = parse(text);
    char *once = print(a);
    struct script *b = parse(once);
    char *twice = print(b);
    assert_string_equal(once, twice);
    assert_true(script_equal(a, b));
    free(once);
    free(twice);
    script_free(a);
    script_free(b);
}

/* ---- Meaning ---------------------------------------------------------------------------- */

static void a_segment_keeps_every_field(void **state)
{
    (void)state;
    struct script *s = parse("+.5 < [ect0] 1000 > 80 SP. 1:11(10) ack RCV.NXT-2^31 win 9 urg 3 "
                             "<mss 1460,nop,wscale *,sack 1:2 3:4> {badsum 7, cut 12} pattern\n");
    assert_int_equal(s->n_events, 1);
    const struct sc_event *ev = &s->event[0];
    const struct sc_segment *seg = &ev->u.packet.seg;
    assert_int_equal(ev->at.kind, SC_T_REL);
    assert_int_equal(ev->at.from, 500000);
    assert_int_equal(ev->u.packet.src_port, 1000);
    assert_int_equal(ev->u.packet.dst_port, 80);
    assert_int_equal(seg->flags, TCP_SYN | TCP_PSH | TCP_ACK);
    assert_int_equal(seg->seq.base, SC_REL);
    assert_int_equal(seg->seq.offset, 1);
    assert_int_equal(seg->text_len, 10);
    assert_int_equal(seg->ack.base, SC_RCV_NXT);
    assert_int_equal(seg->ack.offset, UINT32_C(1) << 31);
    assert_true(seg->has_wnd && seg->wnd == 9 && seg->up == 3 && seg->has_ecn && seg->ecn == 2);
    assert_int_equal(seg->n_options, 4);
    assert_true(seg->option[2].any);
    assert_int_equal(seg->option[3].u.sack.n, 2);
    assert_int_equal(seg->option[3].u.sack.right[1].offset, 4);
    assert_int_equal(seg->malform, SC_BAD_CHECKSUM | SC_TRUNCATED);
    assert_int_equal(seg->csum, 7);
    assert_true(seg->text_pattern);
    script_free(s);
}

static void times_are_exact_to_the_microsecond(void **state)
{
    (void)state;
    struct script *s = parse("0.000003 wait\n+1...2.5 read(3, ..., 1) = 0\n+.1~+.2 wait\n* wait");
    assert_int_equal(s->event[0].at.from, 3);
    assert_true(s->event[1].at.blocking);
    assert_int_equal(s->event[1].at.to, 2500000);
    assert_int_equal(s->event[2].at.kind, SC_T_REL_RANGE);
    assert_int_equal(s->event[2].at.to, 200000);
    assert_int_equal(s->event[3].at.kind, SC_T_ANY);
    script_free(s);
}

static void a_call_keeps_structs_errno_and_note(void **state)
{
    (void)state;
    struct script *s = parse("+0 connect(3, {sa_family = AF_INET, sin_port = htons(80)}, 16) = -1 "
                             "EINPROGRESS (Operation now in progress)");
    const struct sc_call *c = &s->event[0].u.call;
    assert_string_equal(c->name, "connect");
    assert_int_equal(c->arg->num, 3);
    const struct sc_expr *field = c->arg->next->first->next;
    assert_string_equal(field->a->text, "sin_port");
    assert_int_equal(field->b->first->num, 80);
    assert_int_equal(c->result->num, -1);
    assert_string_equal(c->err, "EINPROGRESS");
    assert_string_equal(c->note, "Operation now in progress");
    script_free(s);
}

static void directives_name_requirements_configuration_and_ip(void **state)
{
    (void)state;
    struct script *s = parse("//@ MUST-11 U-19\n//@ ip 6\n//@ config msl=1s sack=off\n0 wait\n");
    assert_int_equal(s->event[0].kind, SC_TAGS);
    assert_string_equal(s->event[0].u.pair->next->name, "U-19");
    assert_int_equal(s->ip, 6);
    assert_string_equal(s->event[2].u.pair->next->name, "sack");
    assert_string_equal(s->event[2].u.pair->next->value, "off");
    script_free(s);
}

static void actors_states_and_faults_parse(void **state)
{
    (void)state;
    struct script *s = parse("fault drop R>K SYN-ACK 2\n+0 R>K S 0:0(0)\n"
                             "+0 K: close(3) = 0\nstate R SYN-SENT, K 4 FIN-WAIT-2\n");
    assert_int_equal(s->event[0].u.fault.seg_class, SC_C_SYN_ACK);
    assert_int_equal(s->event[0].u.fault.nth, 2);
    assert_int_equal(s->event[1].u.packet.to, 'K');
    assert_int_equal(s->event[2].actor, 'K');
    assert_int_equal(s->event[3].u.state.item[1].fd, 4);
    assert_int_equal(s->event[3].u.state.item[1].state, RS_FIN_WAIT_2);
    script_free(s);
}

/* ---- Refusals --------------------------------------------------------------------------- */

static void errors_say_where_what_was_expected_and_what_was_found(void **state)
{
    (void)state;
    expect_error("0 < S 0:0(0) win 99999\n",
                 "t.pkt:1:18: expected a window of at most 65535, found a larger one");
    expect_error("0 wait\n+0 < S 0:5(0)\n",
                 "t.pkt:2:13: expected the numbers before and after ':' to be 0 apart, "
                 "found others");
    expect_error("+0 ? S", "t.pkt:1:4: expected a packet ('<' or '>'), a call, `command`, "
                           "%{ code }%, state, fault, user, wait or silence, found '?'");
    expect_error("+0 read(3", "t.pkt:1:10: expected ')', found the end of the file");
    expect_error("write(3, ..., 1) = 1", "t.pkt:1:1: expected a time such as 0, +0.1 or *, "
                                         "found 'write'");
    expect_error("0 wait\n+0 < S 0:0(0) wnd 9", "t.pkt:2:15: expected ack, win, urg, <options>, "
                 "{malformation}, a text or the end of the segment, found 'wnd'");
    expect_error("0 wait x", "t.pkt:1:8: expected the end of the event, or the time of another, "
                             "found 'x'");
    expect_error("+0 < S 0:0(0) <mss 1460,bogus 1>",
                 "t.pkt:1:25: expected a TCP option: nop, eol, mss, wscale, sackOK, sack, TS, FO, "
                 "FOEXP, md5, uto, ECN or raw, found 'bogus'");
    expect_error("+0 `abc", "t.pkt:1:8: expected the command to end with '`', found the end of "
                            "the file");
    expect_error("+0 < . 1:4(3) ack 1 \"ab\"",
                 "t.pkt:1:25: expected a text of 3 octets, as the segment says, found 2");
    expect_error("//@ config ip=5\n", "t.pkt:1:1: expected '4' or '6' as the value of ip, found "
                                       "another");
    expect_error("//@ bogus\n", "t.pkt:1:1: expected 'config', 'ip' or requirement ids such as "
                                "MUST-11 or RFC5961-3.2 after '//@', found another word");
    expect_error("+0 < S 0:0(0) <...>", "t.pkt:1:19: expected TCP options, found '<...>', which "
                                        "only an expected segment has");
    expect_error("+2~+1 wait", "t.pkt:1:6: expected a range that ends after it begins, found the "
                               "reverse");
}

/* Each prefix of a valid script, and each with one octet changed, gives a script or a sentence. */
static void no_damage_to_a_script_breaks_the_parser(void **state)
{
    (void)state;
    const char *text = "--mss=1000\n`sysctl x=1`\n//@ MUST-1\n0 f(\"a\\x01\"..., [{a=b|2}]) "
                       "= -1 E1 (n)\n+0 > S. 0:0(0) ack ISS+1 <TS val 1 ecr *,sack 1:2> /* c */\n"
                       "* < icmp 3 4 mtu 5 [1:2(1)]\n+1~+2 %{ a }%\nstate R 3 LISTEN\n";
    char error[SCRIPT_ERROR_SIZE];
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        static const char octets[] = { '\0', '\n', '(', '"', '9', '.', '\xff', '{' };
        for (size_t k = 0; k <= sizeof(octets); k++) {
            /* Exactly as long as the script, so that reading on is seen by the sanitizer. */
            size_t n = k == sizeof(octets) ? i : len;
            char *copy = malloc(n ? n : 1);
            assert_non_null(copy);
            memcpy(copy, text, n);
            if (k < sizeof(octets))
                copy[i] = octets[k];
            error[0] = '\0';
            struct script *s = script_parse("t.pkt", copy, n, error);
            assert_true(s || strncmp(error, "t.pkt:", 6) == 0);
            script_free(s);
            free(copy);
        }
    }
}

static void deep_nesting_is_refused(void **state)
{
    (void)state;
    char text[4096] = "+0 f(";
    memset(text + 5, '[', 4000);
    char error[SCRIPT_ERROR_SIZE];
    assert_null(script_parse("t.pkt", text, strlen(text), error));
    assert_non_null(strstr(error, "at most 32 levels of nesting"));
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
    (void)state;
    char error[SCRIPT_ERROR_SIZE];
    assert_null(script_load("/nonexistent/x.pkt", error));
    assert_string_equal(error, "/nonexistent/x.pkt: expected a script, found that it cannot be "
                               "read: No such file or directory");
}

/* ---- Round trips ------------------------------------------------------------------------ */

static void freebsds_spellings_mean_the_same(void **state)
{
    (void)state;
    struct script *s = parse("+0 < [1:1(0)] icmp time_exceeded exceeded_hop_limit\n"
                             "+0 < icmp time_exceeded exceeded_hop_limit [1:1(0)]\n"
                             "+0 > (class 0x20, hlim 3) R. 7:7(0)! ack 1 <nop,nop,md5 valid>\n"
                             "+0 > [dscp cs1, ecn ect0] . 1:1(0) ack 1 <TS val ... ecr 9!>\n"
                             "+0 > . ...(0) ack 1 <AccECN0 ee0b 1 eceb 2,exp-AccECN1>\n");
    const struct sc_icmp *a = &s->event[0].u.icmp, *b = &s->event[1].u.icmp;
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->seq.offset, b->seq.offset);
    assert_true(a->has_quote && b->has_quote);
    const struct sc_segment *t = &s->event[2].u.packet.seg;
    assert_int_equal(t->tos, 0x20);
    assert_int_equal(t->ttl, 3);
    assert_int_equal(t->seq.base, SC_ABS);
    assert_true(t->option[2].any);
    t = &s->event[3].u.packet.seg;
    assert_true(t->has_dscp);
    assert_int_equal(t->tos, 0x20);
    assert_int_equal(t->option[0].u.ts.ecr.base, SC_ABS);
    t = &s->event[4].u.packet.seg;
    assert_int_equal(t->seq.base, SC_ANY);
    assert_int_equal(t->option[0].u.bytes.len, 8);
    assert_int_equal(t->option[1].kind, OPT_EXPERIMENT);
    script_free(s);
    round_trips("+0 > (class 0x20, hlim 3) R. 7:7(0)! ack 1 <nop,nop,md5 valid>\n"
                "+0 > [dscp cs1, ecn ect0] . 1:1(0) ack 1 <TS val ... ecr 9!>\n"
                "+0 > F. 1:1(0) ack 1 win 3 <nop,nop,md5 valid>/udp(1 > 9811)\n"
                "+0 < [1:1(0)] icmp time_exceeded exceeded_hop_limit\n"
                "+0 > . ...(0) ack 1 <AccECN0 ee0b 1 eceb 2,exp-AccECN1>\n");
}

static void what_is_only_kept_as_text_still_parses(void **state)
{
    (void)state;
    static const char *const packets[] = {
        "+0 < [ect0] udp (100)\n",
        "+0 > icmp echo_request id 7 [raw (64)]\n",
        "+0 < icmp unreachable port_unreachable [udp (48)] // why\n",
        "+0 < icmp unreachable CODE [0:10(10)]\n",
        "+0 < S 0:0(0) win 100 <mss 1000> {mut tcp mss}\n",
        "+0 < . 1:1(0)\n   ack 1 {trun ip 10-15; ins tcp 3 4}\n",
        "+0 > ipv4 192.0.2.1 > 192.168.0.1: gre: . 1:1(0) ack 1\n",
    };
    for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++) {
        struct script *s = parse(packets[i]);
        assert_int_equal(s->event[0].kind, SC_OPAQUE);
        script_free(s);
        round_trips(packets[i]);
    }
}

static void a_defined_word_means_what_define_says(void **state)
{
    (void)state;
    const char *text = "--define=LEVEL=SOL_IP\n--define=CC=\"two words\"\n--define=N=7\n"
                       "--define=COOKIE=abcd\n"
                       "+0 setsockopt(3, LEVEL, CC, N, 4) = 0\n+0 < S 0:0(0) <FO COOKIE>\n";
    struct script *s = parse(text);
    const struct sc_expr *arg = s->event[4].u.call.arg;
    assert_string_equal(sc_meant(arg)->text ? sc_meant(arg)->text : "3", "3");
    assert_string_equal(sc_meant(arg->next)->text, "SOL_IP");
    assert_int_equal(sc_meant(arg->next->next)->kind, SC_E_STRING);
    assert_string_equal(sc_meant(arg->next->next)->text, "two words");
    assert_int_equal(sc_meant(arg->next->next->next)->num, 7);
    assert_int_equal(s->event[5].u.packet.seg.option[0].u.cookie.len, 2);
    script_free(s);
    round_trips("//@ config ip=4 sack=off\n//@ config sack=on ip=4\n0 wait\n");
    round_trips("//@ config ip=6\n0 wait\n");
    round_trips("--define=A=B\n--define=B=\"x\"\n+0 read(3, A, B, 4) = 4\n");
}

static void an_ace_field_is_a_digit_in_either_dialect(void **state)
{
    (void)state;
    struct script *s = parse("+0 > P5. 1:2(1) ack 1\n+0 < .5 1:1(0) ack 2\n+0 > 0. 2:2(0) ack 1\n"
                             "+0 > F.0 2:2(0) ack 1\n");
    assert_int_equal(s->event[0].u.packet.seg.flags, TCP_PSH | TCP_ACK | 0x140);
    assert_int_equal(s->event[1].u.packet.seg.flags, TCP_ACK | 0x140);
    assert_int_equal(s->event[2].u.packet.seg.flags, TCP_ACK);
    assert_int_equal(s->event[3].u.packet.seg.flags, TCP_FIN | TCP_ACK);
    script_free(s);
}

static void scripts_print_back_as_themselves(void **state)
{
    (void)state;
    round_trips("--ip_version=ipv4\n--mss\n// head\n`./defaults.sh\nsysctl a=1`\n\n"
                "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3 // trailing\n"
                "+0...0.000200 connect(3, ..., ...) = -1 ECONNREFUSED (x y)\n"
                "+0 f(-1, -0x10, 0xff, \"a\\\\\\\"\\n\\x7f\"..., [1, 2], {a(b) = c, d}, e|f) "
                "= 0\n"
                "+0 > (tos 0x1c) S. 0:0(0) ack 1 /* inside */ <...>\n");
    round_trips("+0 < SEWA 0:0(0) <FO TFO_COOKIE,ECN e1b 1 ceb 0 e0b 2>\n");
    round_trips("+0 < 1 > 2 *  SND.UNA-1(4) ack @0 <raw 0aff,FO,FOEXP *,md5 *,uto *> {doff 1}\n"
                "+0 > R SND.NXT+2^31(0)\n* < icmp 11 1 [*(4)]\n+0 > udp (5)\n"
                "fault delay .25 A>B any *\n+0 user send 3 10 = -1 RS_EAGAIN\nstate 3 CLOSED\n");
}

/* GRAMMAR.md is the newcomer's page: a line there that does not parse is a lie. */
static void every_line_of_the_grammar_page_parses(void **state)
{
    (void)state;
    FILE *f = fopen("harness/GRAMMAR.md", "r");
    assert_non_null(f);
    char line[512];
    bool inside = false;
    int n = 0;
    while (fgets(line, sizeof(line), f)) {
        if (strncmp(line, "```", 3) == 0) {
            inside = strncmp(line, "```pkt", 6) == 0;
        } else if (inside) {
            round_trips(line);
            n++;
        }
    }
    fclose(f);
    assert_true(n > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_segment_keeps_every_field),
        cmocka_unit_test(times_are_exact_to_the_microsecond),
        cmocka_unit_test(a_call_keeps_structs_errno_and_note),
        cmocka_unit_test(directives_name_requirements_configuration_and_ip),
        cmocka_unit_test(actors_states_and_faults_parse),
        cmocka_unit_test(errors_say_where_what_was_expected_and_what_was_found),
        cmocka_unit_test(no_damage_to_a_script_breaks_the_parser),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(a_file_that_cannot_be_read_is_named),
        cmocka_unit_test(freebsds_spellings_mean_the_same),
        cmocka_unit_test(what_is_only_kept_as_text_still_parses),
        cmocka_unit_test(a_defined_word_means_what_define_says),
        cmocka_unit_test(an_ace_field_is_a_digit_in_either_dialect),
        cmocka_unit_test(scripts_print_back_as_themselves),
        cmocka_unit_test(every_line_of_the_grammar_page_parses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
