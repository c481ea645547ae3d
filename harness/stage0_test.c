/* Stage 0 finds refstack as RFC 9293 has it, and would find it otherwise. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/input.h"
#include "harness/stage0.h"

/* A prime near what a second allows, so that no axis is stepped over in time with another. */
enum { SOME = 31 };

static struct st0_bench bench;
static struct st0_tally tally;

static int up(void **state)
{
    (void)state;
    return st0_open(&bench) ? 0 : -1;
}

static int down(void **state)
{
    (void)state;
    st0_close(&bench);
    return 0;
}

/* The judge's idea of the receive window, set one octet aside, must show at once. */
static void a_wrong_window_is_noticed(void **state)
{
    (void)state;
    tally = (struct st0_tally){ .out = NULL };
    assert_true(st0_start(&bench, ST0_ESTABLISHED, false));
    bench.tcb.rcv_nxt++;
    st0_run_segments(&bench, ST0_ESTABLISHED, SOME, &tally);
    assert_true(tally.mismatches > tally.cells / 100);
    assert_true(tally.first[0] != '\0');
}

static void a_wrong_state_is_noticed_by_a_call(void **state)
{
    (void)state;
    tally = (struct st0_tally){ .out = NULL };
    assert_true(st0_start(&bench, ST0_CLOSE_WAIT, false));
    bench.tcb.state = RS_ESTABLISHED;
    st0_run_calls(&bench, ST0_CLOSE_WAIT, &tally);
    assert_true(tally.mismatches >= 1);
}

static void a_rule_no_cell_met_is_named_as_a_hole(void **state)
{
    char text[4096] = "";
    FILE *to = fmemopen(text, sizeof text, "w");

    (void)state;
    tally = (struct st0_tally){ .cells = 0 };
    for (unsigned r = 0; r < st0_rule_count(); r++)
        for (unsigned s = 0; s < RS_N_STATES; s++)
            tally.rule_hits[s][r] = 1;
    assert_non_null(to);
    assert_int_equal(st0_holes(&tally, to), 0);
    tally.rule_hits[RS_LISTEN][5] = 0;
    assert_true(st0_rule_for(5, RS_LISTEN));
    assert_int_equal(st0_holes(&tally, to), 1);
    fclose(to);
    assert_non_null(strstr(text, "LISTEN met [3.10.7.2"));
}

/* Each file is an input as encoding writes it, so that it decodes to what was met. */
static void a_seed_is_written_for_each_rule_met(void **state)
{
    char dir[] = "/tmp/stage0-XXXXXX";
    static struct st0_seeds seeds;
    uint8_t octets[64], again[64];

    (void)state;
    assert_non_null(mkdtemp(dir));
    seeds = (struct st0_seeds){ .dir = dir };
    tally = (struct st0_tally){ .met = st0_write_seed, .met_arg = &seeds };
    assert_true(st0_start(&bench, ST0_FIN_WAIT_1, false));
    st0_run_segments(&bench, ST0_FIN_WAIT_1, SOME, &tally);
    assert_true(seeds.written >= 10 && !seeds.failed);
    DIR *d = opendir(dir);
    assert_non_null(d);
    unsigned files = 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        char path[600];
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        FILE *f = fopen(path, "rb");
        assert_non_null(f);
        const size_t n = fread(octets, 1, sizeof octets, f);
        fclose(f);
        unlink(path);
        files++;
        assert_int_equal(input_canonical(octets, n, again, sizeof again), n);
        assert_memory_equal(again, octets, n);
    }
    closedir(d);
    rmdir(dir);
    assert_int_equal(files, seeds.written);
}

static void refstack_is_as_the_rfc_has_it_in_every_state(void **state)
{
    (void)state;
    tally = (struct st0_tally){ .out = stderr };
    for (int i = 0; i < ST0_N_PASSES; i++)
        for (int s = 0; s < ST0_N_STARTS; s++) {
            const struct st0_pass *pass = &st0_pass[i];
            assert_true(st0_start(&bench, (enum st0_start)s, pass->ways));
            st0_run_calls(&bench, (enum st0_start)s, &tally);
            st0_run_args(&bench, (enum st0_start)s, &tally);
            st0_run_icmp(&bench, (enum st0_start)s, &tally);
            st0_run_time(&bench, (enum st0_start)s, &tally);
            st0_run_segments(&bench, (enum st0_start)s, SOME * pass->stride, &tally);
            if (s == ST0_LISTENER)
                st0_run_fast(&bench, pass->ways, &tally);
        }
    printf("stage 0: %llu cells\n", (unsigned long long)tally.cells);
    assert_int_equal(tally.mismatches, 0);
    assert_int_equal(st0_holes(&tally, stderr), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_window_is_noticed),
        cmocka_unit_test(a_wrong_state_is_noticed_by_a_call),
        cmocka_unit_test(a_rule_no_cell_met_is_named_as_a_hole),
        cmocka_unit_test(a_seed_is_written_for_each_rule_met),
        cmocka_unit_test(refstack_is_as_the_rfc_has_it_in_every_state),
    };
    return cmocka_run_group_tests(tests, up, down);
}
