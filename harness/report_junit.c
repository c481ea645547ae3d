/* JUnit XML, in the subset that CI servers agree on: one testsuite for each suite, SUT and IP
 * version; an expected failure counts as skipped there, with its reason. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "harness/report.h"
#include "harness/report_xml.h"

static bool same_suite(const struct result_case *a, const struct result_case *b)
{
    return a->ip_version == b->ip_version && !strcmp(a->suite, b->suite) &&
           !strcmp(a->sut, b->sut);
}

static void put_outcome(FILE *out, const struct result_case *c)
{
    static const char *const element[N_VERDICTS] = {
        [VERDICT_FAIL] = "failure",
        [VERDICT_UNSUPPORTED] = "skipped",
        [VERDICT_ERROR] = "error",
        [VERDICT_EXPECTED_FAILURE] = "skipped",
    };
    const char *e = element[c->verdict];
    if (!e)
        return;
    fprintf(out, "      <%s message=\"", e);
    if (c->verdict == VERDICT_EXPECTED_FAILURE)
        fputs("expected failure: ", out);
    xml_text(out, c->reason);
    fputs("\"/>\n", out);
}

static void put_case(FILE *out, const struct result_case *c)
{
    fputs("    <testcase classname=\"", out);
    xml_textf(out, "%s.%s", c->suite, c->sut);
    fputs("\" name=\"", out);
    xml_text(out, c->name);
    if (c->role)
        xml_textf(out, ", %s", c->role);
    fprintf(out, "\" time=\"%.6f\"", c->seconds);
    if (c->file) {
        fputs(" file=\"", out);
        xml_text(out, c->file);
        fputs("\"", out);
    }
    fputs(">\n", out);
    put_outcome(out, c);
    fputs("    </testcase>\n", out);
}

static void put_counts(FILE *out, const struct result_counts *n, double seconds)
{
    fprintf(out, "\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\"", n->total,
            n->of[VERDICT_FAIL], n->of[VERDICT_ERROR],
            n->of[VERDICT_UNSUPPORTED] + n->of[VERDICT_EXPECTED_FAILURE]);
    fprintf(out, " time=\"%.6f\">\n", seconds);
}

static void put_suite(FILE *out, const struct result *r, size_t first)
{
    const struct result_case *head = r->cases[first];
    struct result_counts n = { .total = 0 };
    double seconds = 0;
    for (size_t i = first; i < r->n_cases; i++)
        if (same_suite(head, r->cases[i])) {
            n.total++;
            n.of[r->cases[i]->verdict]++;
            seconds += r->cases[i]->seconds;
        }
    fputs("  <testsuite name=\"", out);
    xml_textf(out, "%s %s", head->suite, head->sut);
    if (head->ip_version)
        fprintf(out, " IPv%d", head->ip_version);
    put_counts(out, &n, seconds);
    for (size_t i = first; i < r->n_cases; i++)
        if (same_suite(head, r->cases[i]))
            put_case(out, r->cases[i]);
    fputs("  </testsuite>\n", out);
}

/* Whether no earlier case is of this one's suite. */
static bool is_first(const struct result *r, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (same_suite(r->cases[j], r->cases[i]))
            return false;
    return true;
}

int report_junit(const struct result *r, FILE *out)
{
    struct result_counts n = result_count(r);
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"", out);
    xml_text(out, r->title);
    put_counts(out, &n, r->seconds);
    for (size_t i = 0; i < r->n_cases; i++)
        if (is_first(r, i))
            put_suite(out, r, i);
    fputs("</testsuites>\n", out);
    if (fflush(out) || ferror(out)) {
        errno = errno ? errno : EIO;
        return -1;
    }
    return 0;
}
