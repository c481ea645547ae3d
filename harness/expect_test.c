/* Lists of expected failures, and what a run makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/expect.h"
#include "harness/run_suite.h"

static char dir[] = "/tmp/tcprig-expect-XXXXXX";

static const char *put(const char *name, const char *text)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return path;
}

static void a_script_is_named_by_the_end_of_its_path(void **state)
{
    struct expect e;
    char error[512] = "";
    (void)state;
    const char *path = put("x.tsv", "# why\n\na/one\tRFC 1 s2\nsome/two\tRFC 3 s4\tack: \n");
    assert_int_equal(0, expect_load(&e, path, "x", error, sizeof(error)));
    assert_string_equal("RFC 1 s2", expect_find(&e, "corpus/a/one.pkt")->reason);
    assert_string_equal("", expect_find(&e, "corpus/a/one.pkt")->sign);
    assert_string_equal("RFC 3 s4", expect_find(&e, "some/two.pkt")->reason);
    assert_string_equal("ack: ", expect_find(&e, "some/two.pkt")->sign);
    assert_null(expect_find(&e, "corpus/aa/one.pkt"));
    assert_null(expect_find(&e, "corpus/ba/one.pkt"));
    assert_null(expect_find(&e, "one.pkt"));
    expect_free(&e);
}

static void a_folder_stands_for_the_file_of_the_stack_if_there_is_one(void **state)
{
    struct expect e;
    char error[512] = "";
    (void)state;
    put("tap.tsv", "a\tb\n");
    assert_int_equal(0, expect_load(&e, dir, "tap:foo", error, sizeof(error)));
    assert_int_equal(1, e.n);
    expect_free(&e);
    assert_int_equal(0, expect_load(&e, dir, "unheard-of", error, sizeof(error)));
    assert_int_equal(0, e.n);
    expect_free(&e);
}

static void a_line_without_a_reason_is_refused_with_its_place(void **state)
{
    static const char *const bad[] = { "a\n", "a\t\n", "\tb\n", "a\tb\na\tc\n" };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct expect e;
        char error[512] = "", place[64];
        const char *path = put("bad.tsv", bad[i]);
        assert_int_equal(-1, expect_load(&e, path, "x", error, sizeof(error)));
        snprintf(place, sizeof(place), "%s/bad.tsv:%d: ", dir, i == 3 ? 2 : 1);
        assert_memory_equal(error, place, strlen(place));
    }
}

static void a_file_that_is_not_there_is_refused(void **state)
{
    struct expect e;
    char error[512] = "";
    (void)state;
    assert_int_equal(-1, expect_load(&e, "/nonexistent/x.tsv", "x", error, sizeof(error)));
    assert_non_null(strstr(error, "/nonexistent/x.tsv"));
}

/* Runs one script that passes on refstack, or fails by its state. */
static enum verdict verdict_when(bool passes, const char *list_text)
{
    char text[256], error[512];
    struct suite s = { 0 };
    struct expect e;
    FILE *null = fopen("/dev/null", "w");
    struct tap tap;
    snprintf(text, sizeof(text), "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
                                 "+0 bind(3, ..., ...) = 0\n+0 listen(3, 5) = 0\nstate %s\n",
             passes ? "LISTEN" : "ESTABLISHED");
    put("one.tsv", list_text);
    char list[128];
    snprintf(list, sizeof(list), "%s/one.tsv", dir);
    assert_int_equal(0, expect_load(&e, list, "refstack", error, sizeof(error)));
    const struct suite_options opt = { .ops = sut_find("refstack"), .jobs = 1, .timeout_s = 10,
                                       .expect = &e };
    struct result *r = result_new("test");
    assert_int_equal(0, suite_add(&s, put("case.pkt", text), &opt, error, sizeof(error)));
    tap_begin(&tap, null, s.n);
    suite_run(&s, &opt, r, &tap);
    const enum verdict v = r->cases[0]->verdict;
    result_free(r);
    suite_free(&s);
    expect_free(&e);
    fclose(null);
    return v;
}

static void an_expected_failure_must_fail(void **state)
{
    (void)state;
    assert_int_equal(VERDICT_PASS, verdict_when(true, ""));
    assert_int_equal(VERDICT_FAIL, verdict_when(false, ""));
    assert_int_equal(VERDICT_EXPECTED_FAILURE, verdict_when(false, "case\tRFC 0 s0\n"));
    assert_int_equal(VERDICT_FAIL, verdict_when(true, "case\tRFC 0 s0\n"));
}

static void another_failure_than_the_expected_one_is_a_failure(void **state)
{
    (void)state;
    assert_int_equal(VERDICT_EXPECTED_FAILURE, verdict_when(false, "case\tRFC 0\tstate: \n"));
    assert_int_equal(VERDICT_FAIL, verdict_when(false, "case\tRFC 0\tack: \n"));
}

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    static const char *const names[] = { "x.tsv", "tap.tsv", "bad.tsv", "one.tsv", "case.pkt" };
    char path[128];
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        unlink(path);
    }
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_script_is_named_by_the_end_of_its_path),
        cmocka_unit_test(a_folder_stands_for_the_file_of_the_stack_if_there_is_one),
        cmocka_unit_test(a_line_without_a_reason_is_refused_with_its_place),
        cmocka_unit_test(a_file_that_is_not_there_is_refused),
        cmocka_unit_test(an_expected_failure_must_fail),
        cmocka_unit_test(another_failure_than_the_expected_one_is_a_failure),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
