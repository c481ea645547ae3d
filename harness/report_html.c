/* One page that holds everything and fetches nothing: it can be mailed, archived, opened from a
 * folder.  It reads the same without JavaScript, which only filters the lists. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "harness/report.h"
#include "harness/report_page.h"
#include "harness/report_xml.h"

static const struct {
    const char *mark, *class, *title;
} looks[N_VERDICTS] = {
    [VERDICT_PASS] = { "✓", "pass", "passed" },
    [VERDICT_FAIL] = { "✗", "fail", "failed" },
    [VERDICT_UNSUPPORTED] = { "–", "unsup", "unsupported" },
    [VERDICT_ERROR] = { "!", "error", "errors" },
    [VERDICT_EXPECTED_FAILURE] = { "~", "xfail", "expected failures" },
};

/* In the order in which a reader wants to know. */
static const enum verdict order[N_VERDICTS] = {
    VERDICT_PASS, VERDICT_FAIL, VERDICT_ERROR, VERDICT_EXPECTED_FAILURE, VERDICT_UNSUPPORTED,
};

const char *page_mark(enum verdict v)
{
    return looks[v].mark;
}

const char *page_class(enum verdict v)
{
    return looks[v].class;
}

void page_number(FILE *out, uint64_t n)
{
    if (n >= 1000) {
        page_number(out, n / 1000);
        fprintf(out, ",%03u", (unsigned)(n % 1000));
    } else {
        fprintf(out, "%u", (unsigned)n);
    }
}

void page_seconds(FILE *out, double s)
{
    if (s < 0.000995)
        fprintf(out, "%.0f µs", s * 1e6);
    else if (s < 0.0995)
        fprintf(out, "%.*f ms", s < 0.00995 ? 1 : 0, s * 1e3);
    else if (s < 99.5)
        fprintf(out, "%.*f s", s < 9.95 ? 2 : 1, s);
    else
        fprintf(out, "%.0f min %.0f s", floor(round(s) / 60), fmod(round(s), 60));
}

static void put_all(FILE *out, const char *const *piece)
{
    for (; *piece; piece++)
        fputs(*piece, out);
}

static void put_head(FILE *out, const struct result *r)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>", out);
    xml_text(out, r->title);
    fputs("</title>\n<style>\n", out);
    put_all(out, page_style);
    fputs("</style></head><body>\n<header><div><h1>", out);
    xml_text(out, r->title);
    fputs("</h1>\n<div class=\"dim\">", out);
    xml_text(out, r->machine);
    if (r->started)
        xml_textf(out, " · %s", r->started);
    fputs(" · ", out);
    page_seconds(out, r->seconds);
    fputs("</div></div></header>\n", out);
}

static void put_link(FILE *out, const char *id, const char *name, size_t n)
{
    fprintf(out, "<a href=\"#%s\">%s <span class=\"n\">", id, name);
    page_number(out, n);
    fputs("</span></a>\n", out);
}

static size_t tag_uses(const struct result *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_cases; i++)
        n += r->cases[i]->n_tags;
    return n;
}

static void put_nav(FILE *out, const struct result *r)
{
    fputs("<nav><div><a href=\"#summary\">Summary</a>\n", out);
    if (r->n_findings)
        put_link(out, "findings", "Findings", r->n_findings);
    if (r->n_cases)
        put_link(out, "matrix", "Matrix", r->n_cases);
    if (tag_uses(r) || r->n_requirements)
        fputs("<a href=\"#requirements\">Requirements</a>\n", out);
    fputs("<a href=\"#states\">States</a>\n", out);
    if (r->n_fuzz)
        put_link(out, "fuzz", "Fuzzing", r->n_fuzz);
    if (r->n_cases)
        fputs("<a href=\"#cases\">Cases</a>\n", out);
    fputs("</div></nav>\n", out);
}

static void put_tiles(FILE *out, const struct result_counts *n)
{
    fputs("<div class=\"tiles\">\n", out);
    for (size_t i = 0; i < N_VERDICTS; i++) {
        size_t count = n->of[order[i]];
        fprintf(out, "<div class=\"tile %s\"><b>", count ? looks[order[i]].class : "zero");
        page_number(out, count);
        fprintf(out, "</b>%s</div>\n", looks[order[i]].title);
    }
    fputs("</div>\n<div class=\"bar\">", out);
    for (size_t i = 0; i < N_VERDICTS; i++)
        if (n->of[order[i]])
            fprintf(out, "<i class=\"%s\" style=\"flex:%zu\" title=\"%zu %s\"></i>",
                    looks[order[i]].class, n->of[order[i]], n->of[order[i]],
                    looks[order[i]].title);
    fputs("</div>\n", out);
}

static bool same_row(const struct result_case *a, const struct result_case *b)
{
    return a->ip_version == b->ip_version && !strcmp(a->suite, b->suite) &&
           !strcmp(a->sut, b->sut);
}

static void put_suite_row(FILE *out, const struct result *r, size_t first)
{
    struct result_counts n = { .total = 0 };
    double seconds = 0;
    const struct result_case *head = r->cases[first];
    for (size_t i = 0; i < first; i++)
        if (same_row(r->cases[i], head))
            return;
    for (size_t i = first; i < r->n_cases; i++)
        if (same_row(r->cases[i], head)) {
            n.of[r->cases[i]->verdict]++;
            seconds += r->cases[i]->seconds;
        }
    fputs("<tr><td>", out);
    xml_text(out, head->suite);
    fputs("</td><td>", out);
    xml_text(out, head->sut);
    fputs("</td><td>", out);
    if (head->ip_version)
        fprintf(out, "IPv%d", head->ip_version);
    for (size_t i = 0; i < N_VERDICTS; i++) {
        fputs("</td><td class=\"r\">", out);
        if (n.of[order[i]])
            fprintf(out, "<span class=\"v %s\">%zu</span>", looks[order[i]].class,
                    n.of[order[i]]);
    }
    fputs("</td><td class=\"r\">", out);
    page_seconds(out, seconds);
    fputs("</td></tr>\n", out);
}

static void put_summary(FILE *out, const struct result *r)
{
    struct result_counts n = result_count(r);
    fputs("<section id=\"summary\"><h2>Summary</h2>\n", out);
    put_tiles(out, &n);
    if (r->n_cases) {
        fputs("<div class=\"scroll\"><table class=\"wide\"><thead><tr><th>suite</th>"
              "<th>stack under test</th><th>IP</th>", out);
        for (size_t i = 0; i < N_VERDICTS; i++)
            fprintf(out, "<th class=\"r\">%s</th>", looks[order[i]].title);
        fputs("<th class=\"r\">time in cases</th></tr></thead><tbody>\n", out);
        for (size_t i = 0; i < r->n_cases; i++)
            put_suite_row(out, r, i);
        fputs("</tbody></table></div>\n", out);
    }
    if (r->n_findings) {
        fputs("<p><a href=\"#findings\">", out);
        page_number(out, r->n_findings);
        fprintf(out, " finding%s</a>, each with its bundle.</p>\n", r->n_findings > 1 ? "s" : "");
    }
    fputs("</section>\n", out);
}

int report_html(const struct result *r, FILE *out)
{
    put_head(out, r);
    put_nav(out, r);
    fputs("<main>\n", out);
    put_summary(out, r);
    page_findings(out, r);
    page_matrix(out, r);
    page_requirements(out, r);
    page_states(out, r);
    page_fuzz(out, r);
    page_cases(out, r);
    fputs("</main>\n<script>\n", out);
    put_all(out, page_script);
    fputs("</script></body></html>\n", out);
    if (fflush(out) || ferror(out)) {
        errno = errno ? errno : EIO;
        return -1;
    }
    return 0;
}
