/* All four formats carry the same run, whatever stands in its texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "harness/ladder.h"
#include "harness/report.h"

#define HOSTILE "a<b>&\"'#\\ ]]> </script><script>alert(1)</script>\n2nd"

/* One case of each verdict, a trace with a fault, a finding, a fuzz figure, all texts hostile. */
static struct result *sample(void)
{
    static const uint8_t octets[] = { 0x45, 0, 0xff };
    struct result *r = result_new("t " HOSTILE);
    r->seconds = 1.5;
    r->started = result_text("2026-01-02T03:04:05Z");
    for (int v = 0; v < N_VERDICTS; v++) {
        char name[80];
        snprintf(name, sizeof name, "case %d " HOSTILE, v);
        struct result_case *c = result_case(r, "script", name, "refstack", v % 2 ? 4 : 6);
        case_verdict(c, (enum verdict)v, v == VERDICT_PASS ? NULL : "%s", HOSTILE);
        c->seconds = 0.25;
    }
    struct result_case *c = r->cases[VERDICT_FAIL];
    case_role(c, HOSTILE);
    case_file(c, "a/b.pkt");
    case_actors(c, "R" HOSTILE, "K");
    case_tag(c, "MUST-10");
    case_tag(c, "MUST-9");
    case_artefact(c, "pcapng", "x.pcapng");
    c->rows_left_out = 3;
    struct trace_row *row = case_packet(c, 1000001, END_B, RS_LINK_IP, octets, sizeof octets);
    row->fault = TRACE_DROPPED;
    row->wire_len = 60;
    row->line = 7;
    row->before[END_A] = RS_SYN_SENT;
    row->after[END_A] = RS_ESTABLISHED;
    trace_note(row, "%s", HOSTILE);
    case_event(c, 1000002, END_A, "%s", "CLOSE " HOSTILE);
    struct result_fuzz *f = result_fuzz(r, "fuzz_conn", "libfuzzer");
    f->execs = 12345678;
    f->line_coverage = 84.5;
    struct result_finding *g = result_finding(r, "sig " HOSTILE);
    g->title = result_text("title " HOSTILE);
    g->inputs = 2;
    g->planted = result_text("fin-not-counted");
    r->state_hits[RS_LISTEN] = 41;
    r->transition_hits[RS_LISTEN][RS_SYN_RECEIVED] = 40;
    return r;
}

/* The whole document in memory. */
static char *written(const struct result *r, int (*writer)(const struct result *, FILE *))
{
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    assert_int_equal(writer(r, out), 0);
    fclose(out);
    return text;
}

static struct result *read_text(const char *text, char *err, size_t cap)
{
    FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    struct result *r = report_read(in, "x.json", err, cap);
    fclose(in);
    return r;
}

static void json_has_the_counts_and_the_cases_where_readers_look(void **state)
{
    (void)state;
    struct result *r = sample();
    char *text = written(r, report_json);
    json_t *o = json_loads(text, 0, NULL);
    static const char *const keys[] = { "passed", "failed", "unsupported", "expected_failures",
                                        "errors" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_int_equal(json_integer_value(json_object_get(o, keys[i])), 1);
    const json_t *c = json_array_get(json_object_get(o, "cases"), VERDICT_EXPECTED_FAILURE);
    assert_string_equal(json_string_value(json_object_get(c, "verdict")), "expected-failure");
    assert_string_equal(json_string_value(json_object_get(c, "reason")), HOSTILE);
    assert_true(json_real_value(json_object_get(c, "seconds")) == 0.25);
    json_decref(o);
    free(text);
    result_free(r);
}

static void json_read_back_and_written_again_is_the_same(void **state)
{
    (void)state;
    char err[200] = "";
    struct result *r = sample();
    char *first = written(r, report_json);
    struct result *back = read_text(first, err, sizeof err);
    assert_string_equal(err, "");
    char *second = written(back, report_json);
    assert_string_equal(first, second);
    assert_memory_equal(back->cases[VERDICT_FAIL]->row[0].octet, "\x45\0\xff", 3);
    free(first);
    free(second);
    result_free(r);
    result_free(back);
}

static void a_ledger_among_the_results_gives_its_rows(void **state)
{
    (void)state;
    char err[200] = "";
    struct result *r = sample();
    struct result_requirement *q = result_requirement(r, "OWN-3", "refstack.h", "copied < whole");
    q->code = result_text("pool.c:chain_get pool.c:chain_put");
    q->tests = result_text("stage0");
    q->bugs = result_text("paws-off");
    result_requirement(r, "MUST-51", "3.9.2.1", "a route")->deviation = result_text("declared");
    char *json = written(r, report_json);
    struct result *back = read_text(json, err, sizeof err);
    assert_string_equal(err, "");
    char *page = written(back, report_html);
    assert_non_null(strstr(page, "<code>OWN-3</code></td><td>copied &lt; whole (refstack.h)"));
    assert_non_null(strstr(page, "<code>pool.c:chain_get</code><br><code>pool.c:chain_put</code>"));
    assert_non_null(strstr(page, "<td class=\"name\">paws-off</td><td class=\"name\">stage0<br>"));
    assert_non_null(strstr(page, "declared</span>"));
    free(json);
    free(page);
    result_free(r);
    result_free(back);
}

static void what_is_no_result_is_refused_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *err;
    } rows[] = {
        { "{", "x.json: line 1, column 1: not JSON: string or '}' expected near end of file" },
        { "[]", "x.json: no array \"cases\": not a result that tcprig --json wrote" },
        { "{\"cases\":7}", "x.json: no array \"cases\": not a result that tcprig --json wrote" },
        { "{\"cases\":[3]}", "x.json: an object lacks its member \"name\"" },
        { "{\"cases\":[{\"name\":\"a\",\"verdict\":\"okay\"}]}",
          "x.json: case \"a\" has no verdict that is known" },
        { "{\"cases\":[{\"name\":\"a\",\"verdict\":\"pass\",\"seconds\":\"1\"}]}",
          "x.json: member \"seconds\" is not a number" },
        { "{\"cases\":[{\"name\":\"a\",\"verdict\":\"pass\",\"trace\":[{\"end\":\"A\",\"link\":"
          "\"ip\",\"octets\":\"4g\"}]}]}",
          "x.json: member \"octets\" holds other than pairs of hex digits" },
        { "{\"cases\":[],\"transitions\":[{\"from\":\"LISTEN\",\"to\":\"BED\"}]}",
          "x.json: \"BED\" is not a TCP state" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char err[200] = "";
        assert_null(read_text(rows[i].text, err, sizeof err));
        assert_string_equal(err, rows[i].err);
    }
}

/* A reader of tags that knows quotes: every tag opened is closed, in order.  Enough to see an
 * unescaped text, which would open tags of its own. */
static void expect_balanced(const char *text)
{
    const char *stack[64];
    size_t n = 0;
    for (const char *p = strchr(text, '<'); p; p = strchr(p, '<')) {
        const char *name = p + 1 + (p[1] == '/');
        size_t len = strcspn(name, " />\n");
        char quote = 0;
        for (p++; *p && (quote || *p != '>'); p++)
            quote = quote ? (*p == quote ? 0 : quote) : (*p == '"' || *p == '\'') ? *p : 0;
        assert_true(*p == '>');
        if (*name == '!' || *name == '?' || p[-1] == '/' || !strncmp(name, "meta", len) ||
            !strncmp(name, "br", len) || !strncmp(name, "input", len))
            continue;
        if (name[-1] != '/') {
            assert_true(n < 64);
            stack[n++] = name;
            if (!strncmp(name, "script", len) || !strncmp(name, "style", len))
                p = strstr(p, "</");
            continue;
        }
        assert_true(n > 0);
        n--;
        assert_int_equal(strcspn(stack[n], " />\n"), len);
        assert_memory_equal(stack[n], name, len);
    }
    assert_int_equal(n, 0);
}

static size_t occurrences(const char *text, const char *what)
{
    size_t n = 0;
    for (; (text = strstr(text, what)); text++)
        n++;
    return n;
}

static void junit_is_balanced_and_counts_each_outcome(void **state)
{
    (void)state;
    struct result *r = sample();
    char *text = written(r, report_junit);
    expect_balanced(text);
    assert_int_equal(occurrences(text, "<testcase "), N_VERDICTS);
    assert_int_equal(occurrences(text, "<failure "), 1);
    assert_int_equal(occurrences(text, "<error "), 1);
    assert_int_equal(occurrences(text, "<skipped "), 2);
    assert_non_null(strstr(text, "tests=\"5\" failures=\"1\" errors=\"1\" skipped=\"2\""));
    free(text);
    result_free(r);
}

static void the_page_is_balanced_and_fetches_nothing(void **state)
{
    (void)state;
    struct result *r = sample();
    char *text = written(r, report_html);
    expect_balanced(text);
    assert_int_equal(occurrences(text, "<script"), 1);
    assert_int_equal(occurrences(text, "alert(1)") - occurrences(text, "alert(1)&lt;/script"), 0);
    static const char *const fetching[] = { "http:", "https:", "src=", "url(", "@import", "<link" };
    for (size_t i = 0; i < sizeof fetching / sizeof *fetching; i++)
        assert_null(strstr(text, fetching[i]));
    assert_int_equal(occurrences(text, "<details class=\"case\""), N_VERDICTS);
    assert_non_null(strstr(text, "12,345,678"));
    assert_true(strstr(text, "<code>MUST-9</code>") < strstr(text, "<code>MUST-10</code>"));
    free(text);
    result_free(r);
}

static void links_lead_from_the_page_to_where_paths_start(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { "x.html", "" },
        { "./x.html", "" },
        { "build/report/index.html", "../../" },
        { "build//report/./index.html", "../../" },
    };
    char base[256];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        report_base(rows[i][0], base, sizeof base);
        assert_string_equal(base, rows[i][1]);
    }
    report_base("../x.html", base, sizeof base);
    assert_int_equal(base[0], '/');

    struct result *r = sample();
    r->base = result_text("../../");
    char *text = written(r, report_html);
    assert_non_null(strstr(text, "<a href=\"../../x.pcapng\"><code>x.pcapng</code></a>"));
    free(text);
    result_free(r);
}

static void names_that_differ_in_their_role_share_a_row(void **state)
{
    (void)state;
    struct result *r = result_new("t");
    static const char *const names[] = { "open/b:linux", "open/b:refstack", "open/a" };
    for (size_t i = 0; i < 3; i++) {
        struct result_case *c = result_case(r, "interop", names[i], "pair", 4);
        case_verdict(c, VERDICT_PASS, NULL);
        case_role(c, i < 2 ? strchr(names[i], ':') + 1 : NULL);
    }
    char *text = written(r, report_html);
    assert_int_equal(occurrences(text, "<td class=\"name\">"), 2);
    assert_int_equal(occurrences(text, "<td class=\"name\">open/b</td>"), 1);
    free(text);
    result_free(r);
}

static void an_empty_run_still_makes_every_report(void **state)
{
    (void)state;
    struct result *r = result_new("nothing");
    char *html = written(r, report_html), *xml = written(r, report_junit);
    expect_balanced(html);
    expect_balanced(xml);
    free(html);
    free(xml);
    result_free(r);
}

static void the_state_diagram_adds_the_traces_to_the_counts(void **state)
{
    (void)state;
    struct result *r = sample();
    char *text = written(r, report_html);
    /* SYN-SENT to ESTABLISHED once in the trace; LISTEN to SYN-RECEIVED forty times counted. */
    assert_non_null(strstr(text, "rcv SYN,ACK <tspan class=\"n\">1</tspan>"));
    assert_non_null(strstr(text, "rcv SYN <tspan class=\"n\">40</tspan>"));
    assert_non_null(strstr(text, "2 of its 21 transitions"));
    free(text);
    result_free(r);
}

static void tap_names_every_case_and_directs_what_is_expected(void **state)
{
    (void)state;
    struct result *r = result_new("t");
    struct tap tap;
    char *text = NULL;
    size_t n;
    case_verdict(result_case(r, "script", "a#b", "refstack", 4), VERDICT_PASS, NULL);
    case_verdict(result_case(r, "script", "b", "x", 6), VERDICT_FAIL, "f:1: one\n  two");
    case_verdict(result_case(r, "script", "c", "x", 0), VERDICT_UNSUPPORTED, "no SACK");
    case_verdict(result_case(r, "script", "d", "x", 0), VERDICT_EXPECTED_FAILURE, "60 s");
    FILE *out = open_memstream(&text, &n);
    tap_begin(&tap, out, 4);
    for (size_t i = 0; i < r->n_cases; i++)
        tap_case(&tap, r->cases[i]);
    assert_int_equal(tap_end(&tap, r), 1);
    fclose(out);
    assert_string_equal(text,
                        "TAP version 13\n"
                        "ok 1 - script/a\\#b on refstack, IPv4\n"
                        "not ok 2 - script/b on x, IPv6\n"
                        "  ---\n"
                        "  verdict: fail\n"
                        "  message: |\n"
                        "    f:1: one\n"
                        "      two\n"
                        "  seconds: 0.000000\n"
                        "  ...\n"
                        "ok 3 - script/c on x # SKIP no SACK\n"
                        "not ok 4 - script/d on x # TODO 60 s\n"
                        "1..4\n"
                        "# 1 passed, 1 failed, 1 unsupported, 1 expected failures, 0 errors "
                        "in 0.00 s\n");
    free(text);
    result_free(r);
}

static void a_case_names_the_command_that_runs_it_again(void **state)
{
    (void)state;
    static const struct {
        const char *suite, *name, *sut, *file, *command;
    } t[] = {
        { "script", "b", "linux", "corpus/b.pkt",
          "build/tcprig run --on=linux --ip=6 corpus/b.pkt" },
        { "interop", "close/b:linux", "lwip x linux", NULL,
          "build/tcprig interop --a=lwip --b=linux --ip=6 --filter=close/b:linux" },
        { "script", "b", "linux", "a b.pkt", NULL },
        { "script", "b", "linux", "$(reboot).pkt", NULL },
        { "script", "b", "linux", "-b.pkt", NULL },
        { "script", "b", "tap:tun0", "b.pkt", NULL },
        { "stage0", "b", "refstack", NULL, NULL },
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct result *r = result_new("t");
        struct result_case *c = result_case(r, t[i].suite, t[i].name, t[i].sut, 6);
        char command[200];
        if (t[i].file)
            case_file(c, t[i].file);
        assert_int_equal(report_again(c, command, sizeof command), t[i].command != NULL);
        if (t[i].command)
            assert_string_equal(command, t[i].command);
        assert_false(t[i].command && report_again(c, command, strlen(t[i].command)));
        result_free(r);
    }
}

static void the_text_ladder_has_a_line_for_each_row(void **state)
{
    (void)state;
    struct result *r = result_new("t");
    struct result_case *c = result_case(r, "interop", "a", "x", 4);
    char *text = NULL;
    size_t n;
    case_actors(c, "R", "K");
    struct trace_row *row = case_event(c, 5, END_A, "OPEN active");
    row->before[END_A] = RS_CLOSED;
    row->after[END_A] = RS_SYN_SENT;
    row = case_packet(c, 2000007, END_B, RS_LINK_IP, "", 0);
    row->fault = TRACE_DROPPED;
    row->line = 3;
    row->after[END_B] = RS_LISTEN;
    c->rows_left_out = 2;
    FILE *out = open_memstream(&text, &n);
    ladder_text(out, c);
    fclose(out);
    assert_string_equal(text, "    0.000005  R  OPEN active  R CLOSED > SYN-SENT\n"
                              "    2.000007  K > R  ip {empty, 0 octets}  [dropped]  K LISTEN  "
                              "line 3\n"
                              "... and 2 more not recorded\n");
    free(text);
    result_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_has_the_counts_and_the_cases_where_readers_look),
        cmocka_unit_test(json_read_back_and_written_again_is_the_same),
        cmocka_unit_test(a_ledger_among_the_results_gives_its_rows),
        cmocka_unit_test(what_is_no_result_is_refused_with_its_place),
        cmocka_unit_test(junit_is_balanced_and_counts_each_outcome),
        cmocka_unit_test(the_page_is_balanced_and_fetches_nothing),
        cmocka_unit_test(links_lead_from_the_page_to_where_paths_start),
        cmocka_unit_test(names_that_differ_in_their_role_share_a_row),
        cmocka_unit_test(an_empty_run_still_makes_every_report),
        cmocka_unit_test(the_state_diagram_adds_the_traces_to_the_counts),
        cmocka_unit_test(tap_names_every_case_and_directs_what_is_expected),
        cmocka_unit_test(a_case_names_the_command_that_runs_it_again),
        cmocka_unit_test(the_text_ladder_has_a_line_for_each_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
