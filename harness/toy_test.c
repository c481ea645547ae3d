/* The template adapter around the toy stack: what the toy does passes, what it lacks fails, and
 * what the adapter leaves out is unsupported. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "harness/run.h"
#include "harness/script_parse.h"
#include "harness/sut_template.h"

#define ESTABLISHED "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n" \
                    "+0 bind(3, ..., ...) = 0\n+0 listen(3, 5) = 0\n" \
                    "+.1 < S 0:0(0) win 10000 <mss 1000>\n+0 > S. 0:0(0) ack 1\n" \
                    "+.1 < . 1:1(0) ack 1 win 10000\n+0 accept(3, ..., ...) = 4\n"

static void expect(enum verdict verdict, const char *reason, const char *text)
{
    const struct run_options opt = { .seed = 1, .ip = 4 };
    char error[1024];
    struct run_result res;
    struct script *s = script_parse("toy.pkt", text, strlen(text), error);
    if (!s)
        fail_msg("%s", error);
    run_script(s, &sut_template, &opt, &res);
    script_free(s);
    if (res.verdict != verdict || !strstr(res.reason, reason))
        fail_msg("expected verdict %d with '%s', got %d: %s", (int)verdict, reason,
                 (int)res.verdict, res.reason);
}

static void what_the_toy_does_passes(void **state)
{
    (void)state;
    expect(VERDICT_PASS, "", ESTABLISHED
           "+0...0.1 read(4, ..., 100) = 5\n+.1 < P. 1:6(5) ack 1 win 10000\n"
           "+0 > . 1:1(0) ack 6\n+.1 write(4, ..., 7) = 7\n+0 > P. 1:8(7) ack 6\n"
           "+.1 < . 6:6(0) ack 8 win 10000\n+0 close(4) = 0\n+0 > F. 8:8(0) ack 6\n"
           "+.1 < F. 6:6(0) ack 9 win 10000\n+0 > . 9:9(0) ack 7\n+10 silence\n");
}

static void what_the_toy_lacks_fails(void **state)
{
    (void)state;
    expect(VERDICT_FAIL, "packet: expected one, got none", ESTABLISHED
           "+0 write(4, ..., 7) = 7\n+0 > P. 1:8(7) ack 1\n* > P. 1:8(7) ack 1\n");
    expect(VERDICT_FAIL, "accept: expected the call", "0 socket(..., SOCK_STREAM, 0) = 3\n"
           "+0 bind(3, ..., ...) = 0\n+0 listen(3, 5) = 0\n+0...1 accept(3, ..., ...) = 4\n"
           "+0 accept(3, ..., ...) = 5\n");
}

static void what_the_adapter_leaves_out_is_unsupported(void **state)
{
    (void)state;
    expect(VERDICT_UNSUPPORTED, "connect: toy cannot do it",
           "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 connect(3, ..., ...) = 0\n");
    expect(VERDICT_UNSUPPORTED, "state: toy does not tell it", ESTABLISHED "state ESTABLISHED\n");
}

static void the_program_knows_it_by_name(void **state)
{
    (void)state;
    assert_ptr_equal(sut_find("toy"), &sut_template);
}

/* The page promises it. */
static void the_template_has_at_most_60_lines(void **state)
{
    FILE *f = fopen("harness/sut_template.c", "r");
    int lines = 0;
    (void)state;
    if (!f)
        skip();
    for (int c; (c = fgetc(f)) != EOF;)
        lines += c == '\n';
    fclose(f);
    assert_in_range(lines, 1, 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_toy_does_passes),
        cmocka_unit_test(what_the_toy_lacks_fails),
        cmocka_unit_test(what_the_adapter_leaves_out_is_unsupported),
        cmocka_unit_test(the_program_knows_it_by_name),
        cmocka_unit_test(the_template_has_at_most_60_lines),
    };
    return cmocka_run_group_tests_name("toy", tests, NULL, NULL);
}
