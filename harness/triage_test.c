/* tcprig triage as a person calls it, on programs that break in known ways. */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "harness/cmd.h"

static char home[64];    /* a fresh folder for each test */
static char err[4096];   /* what the command wrote to stderr */
static char out[65536];  /* and to stdout */

/* Stands for a replay program: an input with AB breaks one rule, one with Z another, H hangs. */
static const char program[] =
    "#!/bin/sh\n"
    "case \"$(cat \"$2\")\" in\n"
    "*AB*) echo \"ORACLE first | RFC 1$TCPRIG_BUG | LISTEN > LISTEN | segment SYN\" >&2\n"
    "      kill -ABRT $$;;\n"
    "*P*) test -z \"$TCPRIG_BUG\" && exit 0\n"
    "     echo 'ORACLE planted | RFC 3 | - | -' >&2; kill -ABRT $$;;\n"
    "*Z*) echo 'ORACLE second | RFC 2 | CLOSED > CLOSED | call OPEN' >&2; kill -ABRT $$;;\n"
    "*H*) while :; do :; done;;\n"
    "esac\n";

static void path_in(char path[256], const char *name)
{
    snprintf(path, 256, "%s/%s", home, name);
}

static void put_file(const char *name, const char *text, mode_t mode)
{
    char path[256];
    path_in(path, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(path, mode), 0);
}

static void get_file(const char *path, char *text, size_t cap)
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    text[fread(text, 1, cap - 1, f)] = '\0';
    fclose(f);
}

static int setup(void **state)
{
    char path[256];
    (void)state;
    snprintf(home, sizeof home, "%s/tcprig-triage-XXXXXX", P_tmpdir);
    assert_non_null(mkdtemp(home));
    static const char *const folders[] = { "programs", "in", "in/fuzz_fake" };
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        path_in(path, folders[i]);
        assert_int_equal(mkdir(path, 0777), 0);
    }
    put_file("programs/fuzz_fake", program, 0755);
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int teardown(void **state)
{
    (void)state;
    return nftw(home, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Sends a stream into a file for the time of the call. */
static int divert(FILE *stream, const char *name)
{
    char path[256];
    path_in(path, name);
    fflush(stream);
    int saved = dup(fileno(stream));
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    dup2(file, fileno(stream));
    close(file);
    return saved;
}

static void restore(FILE *stream, int saved, const char *name, char *text, size_t cap)
{
    char path[256];
    fflush(stream);
    dup2(saved, fileno(stream));
    close(saved);
    path_in(path, name);
    get_file(path, text, cap);
}

/* Runs the command with --programs and --out in the test's folder, and what else is given. */
static int triage(const char *input, const char *more, const char *value)
{
    char programs[256], bundles[256], in[256];
    path_in(programs, "programs");
    path_in(bundles, "bundles");
    path_in(in, input);
    char *argv[10] = { "tcprig triage", "--programs", programs, "--out", bundles, in };
    int argc = 6;
    if (more)
        argv[argc++] = (char *)(uintptr_t)more;
    if (value)
        argv[argc++] = (char *)(uintptr_t)value;
    int saved_out = divert(stdout, "stdout"), saved_err = divert(stderr, "stderr");
    int status = cmd_triage(argc, argv);
    restore(stdout, saved_out, "stdout", out, sizeof out);
    restore(stderr, saved_err, "stderr", err, sizeof err);
    return status;
}

static void put_inputs(void)
{
    put_file("in/fuzz_fake/a", "a long way to AB and on", 0644);
    put_file("in/fuzz_fake/b", "short AB", 0644);
    put_file("in/fuzz_fake/c", "one Z alone", 0644);
    put_file("in/fuzz_fake/d", "nothing here", 0644);
    put_file("in/fuzz_fake/README.txt", "no input, though AB stands here", 0644);
}

static void inputs_of_one_cause_are_one_finding_made_small(void **state)
{
    char json[256], text[65536];
    (void)state;
    put_inputs();
    path_in(json, "result.json");
    assert_int_equal(triage("in", "--json", json), EXIT_FINDINGS);
    assert_string_equal(err, "");
    assert_non_null(strstr(out, "first | RFC 1 | LISTEN > LISTEN | segment SYN\n  2 inputs, 8 "
                                "octets minimised to 2: "));
    assert_non_null(strstr(out, "4 inputs, 2 findings\n"));
    get_file(json, text, sizeof text);
    json_t *o = json_loads(text, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(o, "failed")), 2);
    assert_int_equal(json_integer_value(json_object_get(o, "passed")), 1);
    const json_t *finding = json_array_get(json_object_get(o, "findings"), 0);
    char input[512];
    snprintf(input, sizeof input, "%s/input",
             json_string_value(json_object_get(finding, "bundle")));
    json_decref(o);
    get_file(input, text, sizeof text);
    assert_string_equal(text, "AB");
}

static void the_same_inputs_give_the_same_report(void **state)
{
    char first[65536], second[65536], first_report[65536], path[512];
    (void)state;
    put_inputs();
    assert_int_equal(triage("in", NULL, NULL), EXIT_FINDINGS);
    snprintf(first, sizeof first, "%s", out);
    char *at = strstr(out, "to 2: ");
    assert_non_null(at);
    snprintf(path, sizeof path, "%.*s", (int)strcspn(at + 6, "\n"), at + 6);
    get_file(path, first_report, sizeof first_report);
    assert_int_equal(triage("in", NULL, NULL), EXIT_FINDINGS);
    assert_string_equal(out, first);
    get_file(path, second, sizeof second);
    assert_string_equal(second, first_report);
    assert_non_null(strstr(second, "- Signature: `first | RFC 1 | "));
}

static void an_input_that_shows_nothing_is_no_finding(void **state)
{
    (void)state;
    put_file("in/fuzz_fake/d", "nothing here", 0644);
    assert_int_equal(triage("in/fuzz_fake/d", NULL, NULL), EXIT_AS_EXPECTED);
    assert_string_equal(out, "1 input, 0 findings\n");
    assert_string_equal(err, "");
}

static void an_endless_loop_is_a_hang(void **state)
{
    (void)state;
    put_file("in/fuzz_fake/h", "H", 0644);
    assert_int_equal(triage("in", "--limit", "0.1"), EXIT_FINDINGS);
    assert_non_null(strstr(out, "hang | no frame of the project\n"));
}

static void the_planted_bug_is_handed_to_the_program(void **state)
{
    (void)state;
    put_file("in/fuzz_fake/a", "AB", 0644);
    assert_int_equal(triage("in", "--bug", "-planted"), EXIT_FINDINGS);
    assert_non_null(strstr(out, "first | RFC 1-planted | "));
}

static void what_shows_without_the_planted_bug_is_not_taken_for_it(void **state)
{
    char json[256], text[65536];
    (void)state;
    put_file("in/fuzz_fake/p", "P", 0644);
    put_file("in/fuzz_fake/z", "Z", 0644);
    path_in(json, "result.json");
    char more[300];
    snprintf(more, sizeof more, "--json=%s", json);
    assert_int_equal(triage("in", "--bug=x", more), EXIT_FINDINGS);
    get_file(json, text, sizeof text);
    json_t *o = json_loads(text, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(o, "failed")), 1);
    assert_int_equal(json_integer_value(json_object_get(o, "expected_failures")), 1);
    const json_t *findings = json_object_get(o, "findings");
    assert_string_equal(json_string_value(json_object_get(json_array_get(findings, 0), "planted")),
                        "x");
    assert_null(json_object_get(json_array_get(findings, 1), "planted"));
    json_decref(o);
}

static void expect_refusal(const char *input, const char *more, const char *value, const char *says)
{
    assert_int_equal(triage(input, more, value), EXIT_USAGE);
    assert_string_equal(out, "");
    if (!strstr(err, says))
        fail_msg("\"%s\" does not say \"%s\"", err, says);
    const char *end = strchr(err, '\n');
    assert_true(end && !end[1]); /* one sentence */
}

static void bad_input_gets_one_sentence(void **state)
{
    (void)state;
    expect_refusal("nowhere", NULL, NULL, "nowhere: No such file or directory; give crash inputs");
    expect_refusal("in", NULL, NULL, "holds no input; give a folder with crash inputs");
    put_file("in/other", "AB", 0644);
    expect_refusal("in/other", NULL, NULL, "names a fuzz target that is built in");
    expect_refusal("in/other", "--target", "fuzz_gone",
                   "there is no replay program ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(inputs_of_one_cause_are_one_finding_made_small, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_same_inputs_give_the_same_report, setup, teardown),
        cmocka_unit_test_setup_teardown(an_input_that_shows_nothing_is_no_finding, setup, teardown),
        cmocka_unit_test_setup_teardown(an_endless_loop_is_a_hang, setup, teardown),
        cmocka_unit_test_setup_teardown(the_planted_bug_is_handed_to_the_program, setup, teardown),
        cmocka_unit_test_setup_teardown(what_shows_without_the_planted_bug_is_not_taken_for_it,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(bad_input_gets_one_sentence, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
