/* What a run writes as it goes is what the case holds afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/tracelog.h"

static const char *second_only(void *arg, unsigned n)
{
    return n == 1 ? arg : NULL;
}

static bool read_back(const char *text, struct result_case *c)
{
    static char words[] = "in other words";
    FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    bool good = tracelog_read(in, c, second_only, words);
    fclose(in);
    return good;
}

static void rows_come_back_with_times_from_the_first_and_states(void **state)
{
    (void)state;
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    tracelog_event(f, 1000, END_B, "call OPEN");
    tracelog_state(f, 1000, END_B, RS_CLOSED, RS_SYN_SENT);
    tracelog_frame(f, 1003, END_B, (const uint8_t *)"\x45\0\xff", 3);
    tracelog_event(f, 1010, END_A, "segment SYN");
    tracelog_note(f, 1011, END_B, "RST in LISTEN");
    tracelog_state(f, 1011, END_B, RS_LISTEN, RS_CLOSED); /* another connection's */
    fclose(f);

    struct result *r = result_new("t");
    struct result_case *c = result_case(r, "triage", "a", "x", 0);
    assert_true(read_back(text, c));
    assert_int_equal(c->n_rows, 4);
    assert_string_equal(c->row[0].note, "call OPEN");
    assert_int_equal(c->row[0].before[END_B], RS_CLOSED);
    assert_int_equal(c->row[0].after[END_B], RS_SYN_SENT);
    assert_int_equal(c->row[1].us, 3);
    assert_int_equal(c->row[1].fault, TRACE_NO_FAULT);
    assert_int_equal(c->row[1].len, 3);
    assert_memory_equal(c->row[1].octet, "\x45\0\xff", 3);
    assert_string_equal(c->row[2].note, "in other words");
    assert_int_equal(c->row[2].after[END_A], TRACE_STATE_UNKNOWN);
    assert_string_equal(c->row[3].note, "RST in LISTEN");
    assert_int_equal(c->row[3].after[END_B], RS_SYN_SENT);
    result_free(r);
    free(text);
}

static void what_became_of_each_frame_shows_in_what_arrived(void **state)
{
    (void)state;
    static const char text[] = "frame 0 A 01\ngot 0 B 01\ngot 0 B 01\n" /* and once more */
                               "frame 1 A 02\nframe 2 A 03\ngot 9 B 03\n"
                               "frame 10 B 04\ngot 10 A 05\nframe 11 A 06\n";
    static const enum trace_fault want[] = { TRACE_NO_FAULT,  TRACE_DUPLICATED, TRACE_DROPPED,
                                             TRACE_DELAYED,   TRACE_CORRUPTED,  TRACE_NO_FAULT };
    struct result *r = result_new("t");
    struct result_case *c = result_case(r, "triage", "a", "x", 0);
    assert_true(read_back(text, c));
    assert_int_equal(c->n_rows, 6);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(c->row[i].fault, want[i]);
    result_free(r);
}

static void a_line_cut_by_the_end_of_the_process_keeps_those_before_it(void **state)
{
    (void)state;
    static const char *const ends[] = { "fra", "frame 5", "frame 5 B", "frame 5 B 4",
                                        "got 5 B 45z", "state 5 B LISTEN",
                                        "state 5 B LISTEN BED", "event 5 C x", "else 5 A x" };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char text[100];
        struct result *r = result_new("t");
        struct result_case *c = result_case(r, "triage", "a", "x", 0);
        snprintf(text, sizeof text, "event 1 A one\n%s", ends[i]);
        assert_false(read_back(text, c));
        assert_int_equal(c->n_rows, 1);
        result_free(r);
    }
}

static void without_the_variable_nothing_is_opened(void **state)
{
    (void)state;
    unsetenv("TCPRIG_TRACE");
    assert_null(tracelog_open());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_back_with_times_from_the_first_and_states),
        cmocka_unit_test(what_became_of_each_frame_shows_in_what_arrived),
        cmocka_unit_test(a_line_cut_by_the_end_of_the_process_keeps_those_before_it),
        cmocka_unit_test(without_the_variable_nothing_is_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
