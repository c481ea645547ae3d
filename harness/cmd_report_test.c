/* tcprig report as a person calls it. */
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

#include "harness/cmd.h"
#include "harness/report.h"

static char home[64];
static char path[4][128]; /* one.json two.json bad.json all.json */

static int setup(void **state)
{
    static const char *const names[] = { "one.json", "two.json", "bad.json", "all.json" };
    (void)state;
    snprintf(home, sizeof home, "%s/tcprig-report-XXXXXX", P_tmpdir);
    assert_non_null(mkdtemp(home));
    for (size_t i = 0; i < 4; i++)
        snprintf(path[i], sizeof path[i], "%s/%s", home, names[i]);
    for (size_t i = 0; i < 2; i++) {
        struct result *r = result_new("part");
        case_verdict(result_case(r, "script", names[i], "refstack", 4), VERDICT_PASS, NULL);
        assert_int_equal(report_write(r, &(struct report_paths){ .json = path[i] }), 0);
        result_free(r);
    }
    FILE *f = fopen(path[2], "w");
    assert_non_null(f);
    fputs("{ \"cases\": [ { \"name\": 3 } ] }", f);
    fclose(f);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++)
        unlink(path[i]);
    return rmdir(home);
}

/* Runs the command; what it says on stderr goes into err. */
static int report(char err[1024], char *a, char *b, char *c, char *d)
{
    char *argv[] = { "tcprig report", a, b, c, d, NULL };
    int argc = 1;
    while (argc < 5 && argv[argc])
        argc++;
    FILE *file = tmpfile();
    int saved = dup(STDERR_FILENO);
    fflush(stderr);
    dup2(fileno(file), STDERR_FILENO);
    int status = cmd_report(argc, argv);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(file);
    err[fread(err, 1, 1023, file)] = '\0';
    fclose(file);
    return status;
}

static void several_results_become_one(void **state)
{
    char err[1024], why[200] = "";
    (void)state;
    assert_int_equal(report(err, "--json", path[3], path[0], path[1]), EXIT_AS_EXPECTED);
    assert_string_equal(err, "");
    FILE *f = fopen(path[3], "r");
    assert_non_null(f);
    struct result *all = report_read(f, "all", why, sizeof why);
    fclose(f);
    assert_non_null(all);
    assert_int_equal(all->n_cases, 2);
    assert_string_equal(all->title, "tcprig");
    assert_string_equal(all->cases[1]->name, "two.json");
    result_free(all);
}

static void expect_refusal(const char *says, char *a, char *b, char *c)
{
    char err[1024];
    assert_int_equal(report(err, a, b, c, NULL), EXIT_USAGE);
    if (!strstr(err, says))
        fail_msg("\"%s\" does not say \"%s\"", err, says);
    const char *end = strchr(err, '\n');
    assert_true(end && !end[1]); /* one sentence */
}

static void bad_input_gets_one_sentence_and_writes_nothing(void **state)
{
    struct stat st;
    char gone[200];
    (void)state;
    snprintf(gone, sizeof gone, "%s/gone/x.html", home);
    expect_refusal("no results given", "--json", path[3], NULL);
    expect_refusal("nothing to write", path[0], NULL, NULL);
    expect_refusal("cannot read nowhere.json: No such file", "--json", path[3], "nowhere.json");
    expect_refusal("member \"name\" is not a string", "--json", path[3], path[2]);
    assert_int_equal(stat(path[3], &st), -1);
    expect_refusal("give a path in a folder that exists", "--html", gone, path[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(several_results_become_one, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_input_gets_one_sentence_and_writes_nothing, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
