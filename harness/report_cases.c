/* The page's lists: each case with its ladder, the fuzz targets' figures, the findings. */
#include <string.h>

#include "harness/ladder.h"
#include "harness/report.h"
#include "harness/report_page.h"
#include "harness/report_xml.h"

static void put_term(FILE *out, const char *term, const char *text)
{
    if (!text)
        return;
    fprintf(out, "<dt>%s</dt><dd>", term);
    xml_text(out, text);
    fputs("</dd>\n", out);
}

/* A file of the run, as a link that a browser can follow from where the page lies. */
static void put_path(FILE *out, const struct result *r, const char *path)
{
    fputs("<a href=\"", out);
    if (path[0] != '/')
        xml_text(out, r->base);
    xml_text(out, path);
    fputs("\"><code>", out);
    xml_text(out, path);
    fputs("</code></a>", out);
}

/* What the page's filter finds a case by: all of the name it shows, its verdict, its tags. */
static void put_words(FILE *out, const struct result_case *c)
{
    xml_textf(out, "%s %s %s", c->name, c->sut, c->role ? c->role : "");
    if (c->ip_version)
        fprintf(out, " IPv%d", c->ip_version);
    fprintf(out, " %s", verdict_name(c->verdict));
    for (size_t i = 0; i < c->n_tags; i++) {
        putc(' ', out);
        xml_text(out, c->tag[i]);
    }
}

static void put_facts(FILE *out, const struct result *r, const struct result_case *c)
{
    char again[1024];
    fputs("<dl>\n", out);
    put_term(out, "script", c->file);
    if (c->n_tags) {
        fputs("<dt>requirements</dt><dd>", out);
        for (size_t i = 0; i < c->n_tags; i++) {
            fputs("<span class=\"tag\">", out);
            xml_text(out, c->tag[i]);
            fputs("</span>", out);
        }
        fputs("</dd>\n", out);
    }
    for (size_t i = 0; i < c->n_artefacts; i++) {
        fputs("<dt>", out);
        xml_text(out, c->artefact[i].kind);
        fputs("</dt><dd>", out);
        put_path(out, r, c->artefact[i].path);
        fputs("</dd>\n", out);
    }
    if (report_again(c, again, sizeof again)) {
        fputs("<dt>run again</dt><dd><code class=\"again\">", out);
        xml_text(out, again);
        fputs("</code></dd>\n", out);
    }
    fputs("</dl>\n", out);
}

static void put_case(FILE *out, const struct result *r, size_t i)
{
    const struct result_case *c = r->cases[i];
    bool bad = c->verdict == VERDICT_FAIL || c->verdict == VERDICT_ERROR;
    fprintf(out, "<details class=\"case\" id=\"case-%zu\" data-name=\"", i);
    put_words(out, c);
    fprintf(out, "\"%s><summary><span class=\"v %s\">%s</span><span class=\"nm\">",
            bad ? " data-bad open" : "", page_class(c->verdict), page_mark(c->verdict));
    xml_text(out, c->name);
    xml_textf(out, " — %s%s%s", c->sut, c->role ? ", " : "", c->role ? c->role : "");
    if (c->ip_version)
        fprintf(out, ", IPv%d", c->ip_version);
    fputs("</span><span class=\"cellt\">", out);
    page_seconds(out, c->seconds);
    fputs("</span></summary><div class=\"body\">\n", out);
    if (c->reason) {
        fputs("<pre>", out);
        xml_text(out, c->reason);
        fputs("</pre>\n", out);
    }
    put_facts(out, r, c);
    if (c->n_rows) {
        fputs("<div class=\"scroll\">", out);
        ladder_svg(out, c);
        fputs("</div>", out);
    } else {
        fputs("<p class=\"dim\">No packet was recorded.</p>", out);
    }
    fputs("</div></details>\n", out);
}

void page_cases(FILE *out, const struct result *r)
{
    if (!r->n_cases)
        return;
    fputs("<section id=\"cases\"><h2>Cases</h2>\n<p class=\"dim\">Ladders show each segment as it "
          "left its end, with numbers relative to both initial sequence numbers; states stand "
          "where they change.</p>\n<div class=\"filter\"><input type=\"search\" "
          "placeholder=\"Name, stack, verdict, MUST-8\" aria-label=\"Filter by name, stack, "
          "verdict or requirement\"><label><input type=\"checkbox\"> only what failed</label>"
          "</div>\n", out);
    for (size_t i = 0; i < r->n_cases; i++)
        put_case(out, r, i);
    fputs("</section>\n", out);
}

/* ---- Fuzzing ---------------------------------------------------------------------------- */

static void put_number_cell(FILE *out, uint64_t n)
{
    fputs("<td class=\"r\">", out);
    if (n)
        page_number(out, n);
    else
        fputs("<span class=\"dim\">–</span>", out);
    fputs("</td>", out);
}

static void put_fuzz(FILE *out, const struct result_fuzz *f)
{
    fputs("<tr><td><code>", out);
    xml_text(out, f->target);
    fputs("</code></td><td>", out);
    xml_text(out, f->engine);
    fputs("</td><td class=\"r\">", out);
    page_seconds(out, f->seconds);
    fputs("</td>", out);
    put_number_cell(out, f->execs);
    put_number_cell(out, f->execs_per_second > 0 ? (uint64_t)f->execs_per_second : 0);
    put_number_cell(out, f->edges);
    if (f->line_coverage >= 0)
        fprintf(out, "<td class=\"r\">%.1f %%</td>", f->line_coverage);
    else
        fputs("<td class=\"r\"><span class=\"dim\">–</span></td>", out);
    put_number_cell(out, f->corpus);
    fprintf(out, "<td class=\"r\"><span class=\"v %s\">%llu</span></td></tr>\n",
            f->findings ? "fail" : "pass", (unsigned long long)f->findings);
}

void page_fuzz(FILE *out, const struct result *r)
{
    if (!r->n_fuzz)
        return;
    fputs("<section id=\"fuzz\"><h2>Fuzzing</h2>\n<div class=\"scroll\"><table class=\"wide\">"
          "<thead><tr><th>target</th><th>engine</th><th class=\"r\">time</th>"
          "<th class=\"r\">executions</th><th class=\"r\">per second</th><th class=\"r\">edges</th>"
          "<th class=\"r\">TCP lines</th><th class=\"r\">corpus</th><th class=\"r\">findings</th>"
          "</tr></thead><tbody>\n", out);
    for (size_t i = 0; i < r->n_fuzz; i++)
        put_fuzz(out, &r->fuzz[i]);
    fputs("</tbody></table></div></section>\n", out);
}

/* ---- Findings --------------------------------------------------------------------------- */

static void put_finding(FILE *out, const struct result *r, const struct result_finding *f)
{
    fputs("<div class=\"finding\"><h3>", out);
    if (f->planted)
        fputs("<span class=\"v xfail\">planted</span> ", out);
    if (f->kind) {
        fprintf(out, "<span class=\"v %s\">", f->planted ? "xfail" : "fail");
        xml_text(out, f->kind);
        fputs("</span> ", out);
    }
    xml_text(out, f->title ? f->title : f->signature);
    fputs("</h3>\n<dl>\n<dt>signature</dt><dd><code>", out);
    xml_text(out, f->signature);
    fputs("</code></dd>\n", out);
    put_term(out, "target", f->target);
    put_term(out, "planted bug", f->planted);
    if (f->inputs) {
        fputs("<dt>inputs</dt><dd>", out);
        page_number(out, f->inputs);
        fputs("</dd>\n", out);
    }
    if (f->bundle) {
        fputs("<dt>bundle</dt><dd>", out);
        put_path(out, r, f->bundle);
        fputs("</dd>\n", out);
    }
    if (f->replay) {
        fputs("<dt>replay</dt><dd><code>", out);
        xml_text(out, f->replay);
        fputs("</code></dd>\n", out);
    }
    fputs("</dl></div>\n", out);
}

void page_findings(FILE *out, const struct result *r)
{
    if (!r->n_findings)
        return;
    fputs("<section id=\"findings\"><h2>Findings</h2>\n", out);
    for (size_t i = 0; i < r->n_findings; i++)
        put_finding(out, r, &r->finding[i]);
    fputs("</section>\n", out);
}
