/* Where a cell's files go, and what the table for a site says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <unistd.h>

#include "interop/known.h"
#include "interop/publish.h"

static void a_cell_has_a_folder_by_pair_and_version(void **state)
{
    const struct interop_job job = { .name = (char *)(uintptr_t)"open/lost-syn:lwip",
                                     .cast = { { stack_find("refstack"), stack_find("lwip") },
                                               true, 6 } };
    char *path = publish_path("kept:here", &job);
    (void)state;
    assert_string_equal(path, "kept:here/refstack-lwip/ip6/open/lost-syn-lwip");
    free(path);
}

static void the_table_names_both_ends_of_each_cell(void **state)
{
    char path[] = "/tmp/tcprig-publish-XXXXXX";
    struct result *r = result_new("test");
    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    case_verdict(result_case(r, "interop", "open/a", "lwip x linux", 6), VERDICT_FAIL, "why");
    assert_int_equal(publish_json(r, path), 0);
    json_t *page = json_load_file(path, 0, NULL);
    json_t *cell = json_array_get(json_object_get(page, "results"), 0);
    assert_string_equal(json_string_value(json_object_get(cell, "a")), "lwip");
    assert_string_equal(json_string_value(json_object_get(cell, "b")), "linux");
    assert_string_equal(json_string_value(json_object_get(cell, "reason")), "why");
    assert_int_equal(json_integer_value(json_object_get(cell, "ip")), 6);
    assert_true(json_is_string(json_object_get(json_object_get(page, "stacks"), "linux")));
    json_decref(page);
    unlink(path);
    result_free(r);
}

static void a_known_failure_must_fail_unless_it_varies(void **state)
{
    struct result *r = result_new("test");
    struct result_case *c = result_case(r, "interop", "a", "lwip x linux", 4);
    (void)state;
    case_verdict(c, VERDICT_FAIL, "seen");
    interop_known_judge("known", c);
    assert_int_equal(c->verdict, VERDICT_EXPECTED_FAILURE);
    assert_string_equal(c->reason, "known (seen)");
    case_verdict(c, VERDICT_PASS, NULL);
    interop_known_judge("varies: known", c);
    assert_int_equal(c->verdict, VERDICT_PASS);
    interop_known_judge("known", c);
    assert_int_equal(c->verdict, VERDICT_FAIL);
    case_verdict(c, VERDICT_UNSUPPORTED, "no");
    interop_known_judge("known", c);
    assert_int_equal(c->verdict, VERDICT_UNSUPPORTED);
    result_free(r);
}

static void folder_of(char folder[64], const char *table, const char *script)
{
    char path[128];
    strcpy(folder, "/tmp/tcprig-find-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/deviations.tsv", folder);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(table, f);
    fclose(f);
    snprintf(path, sizeof path, "%s/case.pkt", folder);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(script, f);
    fclose(f);
}

static void remove_folder(const char *folder)
{
    char path[128];
    snprintf(path, sizeof path, "%s/deviations.tsv", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/case.pkt", folder);
    unlink(path);
    rmdir(folder);
}

static size_t cases_of(const char *script, const char *b, const char *known)
{
    char folder[64], why[512];
    struct interop_jobs jobs = { .n = 0 };
    struct interop_scope scope = { .ip4 = true, .ip6 = true, .n_pairs = 1,
                                   .pair = { { { stack_find("refstack"), stack_find(b) } } } };
    folder_of(folder, known, script);
    assert_int_equal(interop_find(&jobs, folder, why), 0);
    interop_cast(&jobs, &scope);
    size_t n = jobs.n;
    for (size_t i = 0; i < n && known[0]; i++)
        assert_string_equal(jobs.job[i].known, "because");
    interop_jobs_free(&jobs);
    remove_folder(folder);
    return n;
}

static void a_script_is_cast_by_role_version_pair_and_option(void **state)
{
    (void)state;
    assert_int_equal(cases_of("+0 A: user open-active 0\n", "linux", ""), 4);
    assert_int_equal(cases_of("+0 A: user open-active 0\n", "slirp4netns", ""), 2);
    assert_int_equal(cases_of("+0 R: user open-active 0\n", "linux", ""), 2);
    assert_int_equal(cases_of("+0 R: user open-active 0\n", "lwip", ""), 0);
    assert_int_equal(cases_of("//@ config ip=4\n+0 A: user open-active 0\n", "lwip", ""), 2);
    assert_int_equal(cases_of("//@ config each=sack\n+0 A: user open-active 0\n", "linux", ""), 16);
    assert_int_equal(cases_of("+0 A: user open-active 0\n", "lwip", "lwip\t-\tcase\tbecause\n"), 4);
}

static void a_table_that_cannot_be_read_is_a_sentence(void **state)
{
    char folder[64], why[512];
    struct interop_jobs jobs = { .n = 0 };
    (void)state;
    folder_of(folder, "lwip\tC\tcase\tbecause\n", "+0 A: user open-active 0\n");
    assert_int_equal(interop_find(&jobs, folder, why), -1);
    assert_non_null(strstr(why, "deviations.tsv:1: expected a stack's name, A, B or -"));
    interop_jobs_free(&jobs);
    remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cell_has_a_folder_by_pair_and_version),
        cmocka_unit_test(the_table_names_both_ends_of_each_cell),
        cmocka_unit_test(a_known_failure_must_fail_unless_it_varies),
        cmocka_unit_test(a_script_is_cast_by_role_version_pair_and_option),
        cmocka_unit_test(a_table_that_cannot_be_read_is_a_sentence),
    };
    return cmocka_run_group_tests_name("publish", tests, NULL, NULL);
}
