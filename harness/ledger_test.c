/* The ledger: what it refuses, what it finds missing, and that the project's own holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/ledger.h"

static char said[1 << 18];

/* A ledger of that text, read and perhaps checked; what it complained of is in `said`. */
static unsigned complaints(const char *text, bool check)
{
    char path[] = "/tmp/ledger-XXXXXX";
    struct ledger l;
    const int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    memset(said, 0, sizeof said);
    FILE *err = fmemopen(said, sizeof said - 1, "w");
    assert_non_null(err);
    ledger_read(&l, ".", path, err);
    if (check && !l.problems)
        ledger_check(&l);
    const unsigned n = l.problems;
    ledger_free(&l);
    fclose(err);
    unlink(path);
    return n;
}

/* Among the holes of a ledger of one row, which has a place, this complaint is one. */
static void finds(const char *text, const char *complaint)
{
    assert_true(complaints(text, true) > 0);
    if (!strstr(said, complaint))
        print_error("said: %.400s\n", said);
    assert_non_null(strstr(said, complaint));
}

static void a_line_of_another_shape_is_refused_with_its_place(void **unused)
{
    (void)unused;
    assert_int_equal(complaints("# comment\n\nMUST-1\t3.1\trule\t-\tstage0\t-\n", false), 1);
    assert_non_null(strstr(said, ":3: 6 columns where there are to be seven"));
    assert_int_equal(complaints("MUST-1\t3.1\trule\t-\tstage0\t-\t-\tmore\n", false), 1);
    assert_non_null(strstr(said, ":1: more than 7 columns"));
    assert_int_equal(complaints("MUST-1\t3.1\t\t-\tstage0\t-\t-\n", false), 1);
    assert_non_null(strstr(said, ":1: column 3, the rule, is empty"));
    assert_int_equal(complaints("MUST-1\t3.1\trule\t-\tstage0\t\t-\n", false), 1);
    assert_non_null(strstr(said, "write - for none"));
}

static void an_id_has_one_row(void **unused)
{
    (void)unused;
    assert_int_equal(complaints("U-01\t1\ta\t-\tstage0\t-\t-\n"
                                "U-01\t1\tb\t-\tstage0\t-\t-\n", false), 1);
    assert_non_null(strstr(said, ":2: U-01 has a row already"));
}

static void nothing_to_read_is_a_sentence(void **unused)
{
    (void)unused;
    assert_int_equal(complaints("# nothing\n", false), 1);
    assert_non_null(strstr(said, "holds no row"));
}

static void what_is_named_and_not_there_is_found(void **unused)
{
    (void)unused;
    finds("MUST-1\t3.1\tr\t-\trfc9293-3.5/no-such\t-\t-\n",
          ":1: MUST-1: there is no script corpus/scripts/rfc9293-3.5/no-such.pkt");
    finds("MUST-1\t3.1\tr\t-\tharness/no_test:x\t-\t-\n", "there is no harness/no_test.c");
    finds("MUST-1\t3.1\tr\t-\tharness/ledger_test:an_id\t-\t-\n",
          "harness/ledger_test.c runs no test an_id");
    finds("MUST-1\t3.1\tr\t-\toracle:no_such\t-\t-\n", "there is no oracle no_such");
    finds("MUST-1\t3.1\tr\t-\tfuzz:fuzz_none\t-\t-\n", "there is no fuzz target");
    finds("MUST-1\t3.1\tr\t-\tstage0\tno-such\t-\n", "there is no planted bug no-such");
    finds("OWN-99\t3.1\tr\t-\t-\tpaws-off\tnone\n", "no test that would kill it");
}

static void the_code_named_is_a_function_of_that_file_which_cites_the_label(void **unused)
{
    (void)unused;
    finds("MUST-3\t3.1\tr\ttcp_input\tstage0\t-\t-\n",
          ":1: MUST-3: the code tcp_input is not FILE:FUNCTION below refstack/");
    finds("MUST-3\t3.1\tr\tno_such.c:f\tstage0\t-\t-\n", "there is no refstack/no_such.c");
    /* Called there, declared elsewhere, a part of a name: none of these is a definition. */
    finds("MUST-3\t3.1\tr\tarrives.c:tcb_closed\tstage0\t-\t-\n",
          "refstack/arrives.c defines no function tcb_closed");
    finds("MUST-3\t3.1\tr\ttcb.h:tcp_input\tstage0\t-\t-\n", "defines no function tcp_input");
    finds("MUST-3\t3.1\tr\tarrives.c:input\tstage0\t-\t-\n", "defines no function input");
    finds("MUST-99\t3.1\tr\tarrives.c:tcp_input\tstage0\t-\t-\n", "no file of its code cites it");
    finds("RFC9999-1\t1\tr\tarrives.c:tcp_input\tstage0\t-\t-\n", "no file of its code cites it");
    finds("OWN-99\t3.1\tr\t-\tstage0\t-\t-\n", "neither code that keeps it nor a reason");
    finds("MUST-3\t3.1\tr\tarrives.c:tcp_input\tstage0\t-\t-\n", "MUST-2 has no row");
    assert_null(strstr(said, "MUST-3: "));
}

static void what_is_not_there_to_be_found_is_missed(void **unused)
{
    (void)unused;
    finds("MUST-1\t3.1\tr\t-\tstage0\t-\t-\n", "requirement MUST-2 has no row");
    finds("MUST-1\t3.1\tr\t-\tstage0\t-\t-\n", "requirement U-60 has no row");
    finds("MUST-1\t3.1\tr\t-\tstage0\t-\t-\n", "no row's tests are said to kill paws-off");
    finds("MUST-1\t3.1\tr\t-\tstage0\t-\t-\n", "has no row in the ledger"); /* a script's tag */
    finds("OWN-99\t3.1\tr\t-\t-\t-\t-\n", "neither a test nor a reason");
    finds("OWN-99\t3.1\tr\t-\ttagged\t-\t-\n", "no script has the tag OWN-99");
}

static void put_file(const char *folder, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

/* A tree of its own: a list with one bug that a file plants, and one that none does. */
static void a_bug_that_no_file_plants_is_found(void **unused)
{
    char root[] = "/tmp/ledger-XXXXXX", folder[64];
    struct ledger l;

    (void)unused;
    assert_non_null(mkdtemp(root));
    snprintf(folder, sizeof folder, "%s/refstack", root);
    assert_int_equal(mkdir(folder, 0700), 0);
    put_file(folder, "bugs.h", "#define RS_BUG_LIST(X) \\\n    X(STILL_THERE, \"t\", leak) \\\n"
                               "    X(GOT_LOST, \"t\", leak)\n");
    put_file(folder, "a.c", "if (BUG(STILL_THERE))\n");
    put_file(root, "rows.tsv", "U-01\t1\ta\t-\tstage0\t-\t-\n");
    char path[128];
    snprintf(path, sizeof path, "%s/rows.tsv", root);
    memset(said, 0, sizeof said);
    FILE *err = fmemopen(said, sizeof said - 1, "w");
    assert_non_null(err);
    ledger_read(&l, root, path, err);
    assert_int_equal(l.problems, 0);
    ledger_check(&l);
    ledger_free(&l);
    fclose(err);
    assert_non_null(strstr(said, "got-lost is planted nowhere"));
    assert_null(strstr(said, "still-there is planted nowhere"));
    unlink(path);
    snprintf(path, sizeof path, "%s/bugs.h", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/a.c", folder);
    unlink(path);
    rmdir(folder);
    rmdir(root);
}

static void the_projects_own_names_only_what_is_there(void **unused)
{
    struct ledger l;

    (void)unused;
    ledger_read(&l, ".", "corpus/requirements", stderr);
    ledger_check(&l);
    assert_int_equal(l.problems, 0);
    const struct ledger_coverage c = ledger_coverage(&l);
    assert_int_equal(c.rows, c.tested + c.deviating);
    assert_int_equal(c.killed, c.bugs);
    size_t classed = 0;
    for (size_t k = 0; k < LEDGER_CLASSES; k++)
        classed += l.of_class[k];
    assert_int_equal(classed, c.bugs);
    assert_true(c.bugs >= 60);
    ledger_free(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_of_another_shape_is_refused_with_its_place),
        cmocka_unit_test(an_id_has_one_row),
        cmocka_unit_test(nothing_to_read_is_a_sentence),
        cmocka_unit_test(what_is_named_and_not_there_is_found),
        cmocka_unit_test(the_code_named_is_a_function_of_that_file_which_cites_the_label),
        cmocka_unit_test(what_is_not_there_to_be_found_is_missed),
        cmocka_unit_test(a_bug_that_no_file_plants_is_found),
        cmocka_unit_test(the_projects_own_names_only_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
