/* Many scripts: a stack that crashes or hangs costs one case, and the order of workers shows
 * nowhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/run_suite.h"

/* refstack, but for a socket call that does what the descriptor's case is named after. */
static struct sut_ops bad;

static int bad_listen(void *sut, int fd, int backlog, uint64_t now)
{
    if (backlog == 66)
        _exit(3);
    while (backlog == 77)
        pause();
    return sut_refstack.listen(sut, fd, backlog, now);
}

static char folder[] = "/tmp/tcprig-suite-XXXXXX";

static void write_script(const char *name, int backlog)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s.pkt", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "//@ MUST-%d\n0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
               "+0 bind(3, ..., ...) = 0\n+0 listen(3, %d) = 0\n", backlog, backlog);
    fclose(f);
}

static struct result *run_all(unsigned jobs, const char *filter, uint8_t ip)
{
    char error[1024];
    struct suite s = { 0 };
    struct tap tap;
    bad = sut_refstack;
    bad.listen = bad_listen;
    const struct suite_options opt = { .ops = &bad, .jobs = jobs, .timeout_s = 1, .seed = 1,
                                       .filter = filter, .ip = ip };
    FILE *null = fopen("/dev/null", "w");
    assert_non_null(null);
    assert_int_equal(suite_add(&s, folder, &opt, error, sizeof(error)), 0);
    struct result *r = result_new("test");
    tap_begin(&tap, null, s.n);
    suite_run(&s, &opt, r, &tap);
    fclose(null);
    suite_free(&s);
    return r;
}

static void a_crash_or_a_hang_costs_one_case(void **state)
{
    (void)state;
    for (unsigned jobs = 1; jobs <= 3; jobs += 2) {
        struct result *r = run_all(jobs, NULL, 4);
        assert_int_equal(r->n_cases, 5);
        assert_string_equal(r->cases[1]->name, "b-crash");
        assert_int_equal(r->cases[1]->verdict, VERDICT_ERROR);
        assert_non_null(strstr(r->cases[1]->reason, "the stack crashed with status 3"));
        assert_string_equal(r->cases[3]->name, "d-hang");
        assert_int_equal(r->cases[3]->verdict, VERDICT_ERROR);
        assert_non_null(strstr(r->cases[3]->reason, "the stack hangs"));
        for (size_t i = 0; i < 5; i += 2)
            assert_int_equal(r->cases[i]->verdict, VERDICT_PASS);
        result_free(r);
    }
}

static void a_filter_takes_a_part_of_a_path_or_a_tag(void **state)
{
    (void)state;
    struct result *r = run_all(1, "c-good", 4);
    assert_int_equal(r->n_cases, 1);
    result_free(r);
    r = run_all(1, "MUST-5", 6);
    assert_int_equal(r->n_cases, 1);
    assert_string_equal(r->cases[0]->name, "e-good");
    assert_string_equal(r->cases[0]->tag[0], "MUST-5");
    result_free(r);
}

static void a_script_for_either_version_is_a_case_of_each(void **state)
{
    (void)state;
    struct result *r = run_all(1, "c-good", 0);
    assert_int_equal(r->n_cases, 2);
    assert_int_equal(r->cases[0]->ip_version, 4);
    assert_int_equal(r->cases[1]->ip_version, 6);
    assert_int_equal(r->cases[1]->verdict, VERDICT_PASS);
    result_free(r);
}

/* ---- In real time ----------------------------------------------------------------------- */

/* refstack, as a stack whose runs all differ: each has a TTL of its own. */
static struct sut_ops live;
static uint8_t n_runs;

static void *live_create(const struct sut_config *config, uint64_t now, char *why, size_t cap)
{
    char ttl[8];
    struct sut_config own = *config;
    snprintf(ttl, sizeof(ttl), "%d", 10 + n_runs++);
    own.setting[own.n_settings++] = (struct sut_setting){ "ttl", ttl };
    return sut_refstack.create(&own, now, why, cap);
}

static uint64_t live_wait(void *sut, uint64_t until)
{
    (void)sut;
    return until;
}

static struct result *run_live_script(const char *text, const char *keep)
{
    char path[128], error[1024];
    struct suite s = { 0 };
    struct tap tap;
    live = sut_refstack;
    live.create = live_create;
    live.wait = live_wait;
    const struct suite_options opt = { .ops = &live, .jobs = 1, .timeout_s = 60, .seed = 1,
                                       .ip = 4, .keep = keep };
    snprintf(path, sizeof(path), "%s/live.pkt", keep);
    FILE *f = fopen(path, "w"), *null = fopen("/dev/null", "w");
    assert_true(f && null);
    fputs(text, f);
    fclose(f);
    assert_int_equal(suite_add(&s, path, &opt, error, sizeof(error)), 0);
    struct result *r = result_new("test");
    tap_begin(&tap, null, s.n);
    suite_run(&s, &opt, r, &tap);
    fclose(null);
    suite_free(&s);
    unlink(path);
    return r;
}

static void a_live_failure_shows_the_run_that_failed_and_no_other(void **state)
{
    (void)state;
    enum { TTL_AT = 8 };
    char keep[] = "/tmp/tcprig-keep-XXXXXX";
    assert_non_null(mkdtemp(keep));
    struct result *r = run_live_script("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
                                       "+0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n"
                                       "+0 < S 0:0(0) win 9\n+0 > S. 0:0(0) ack 77\n", keep);
    const struct result_case *c = r->cases[0];
    assert_int_equal(c->verdict, VERDICT_FAIL);
    assert_non_null(strstr(c->reason, "ack: expected 77, got 1"));
    const struct trace_row *last = NULL;
    for (size_t i = 0; i < c->n_rows; i++)
        if (c->row[i].kind == TRACE_PACKET)
            last = &c->row[i];
    assert_non_null(last);
    assert_int_equal(last->octet[TTL_AT], 12); /* it fails three times; the last is the verdict's */
    assert_int_equal(c->n_artefacts, 2);
    for (size_t i = 0; i < c->n_artefacts; i++)
        assert_int_equal(unlink(c->artefact[i].path), 0);
    assert_int_equal(rmdir(keep), 0);
    result_free(r);
}

static int make_scripts(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    write_script("a-good", 1);
    write_script("b-crash", 66);
    write_script("c-good", 3);
    write_script("d-hang", 77);
    write_script("e-good", 5);
    return 0;
}

static int remove_scripts(void **state)
{
    static const char *const names[] = { "a-good", "b-crash", "c-good", "d-hang", "e-good" };
    char path[128];
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s.pkt", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_or_a_hang_costs_one_case),
        cmocka_unit_test(a_filter_takes_a_part_of_a_path_or_a_tag),
        cmocka_unit_test(a_script_for_either_version_is_a_case_of_each),
        cmocka_unit_test(a_live_failure_shows_the_run_that_failed_and_no_other),
    };
    return cmocka_run_group_tests(tests, make_scripts, remove_scripts);
}
