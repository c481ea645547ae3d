/* The requirement table: each id that a case is tagged with, in the RFC's order, and its cases. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "harness/report_page.h"
#include "harness/report_xml.h"

struct use {
    const char *id;
    size_t n; /* the case */
};

/* As a person counts: MUST-9 before MUST-10. */
static int compare_ids(const char *a, const char *b)
{
    while (*a && *b) {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            char *a_end, *b_end;
            unsigned long x = strtoul(a, &a_end, 10), y = strtoul(b, &b_end, 10);
            if (x != y)
                return x < y ? -1 : 1;
            a = a_end;
            b = b_end;
        } else if (*a != *b) {
            break;
        } else {
            a++;
            b++;
        }
    }
    return (unsigned char)*a - (unsigned char)*b;
}

static int compare_uses(const void *p, const void *q)
{
    const struct use *a = p, *b = q;
    int order = compare_ids(a->id, b->id);
    return order ? order : (a->n > b->n) - (a->n < b->n);
}

static struct use *collect(const struct result *r, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < r->n_cases; i++)
        *n += r->cases[i]->n_tags;
    struct use *all = malloc((*n + 1) * sizeof *all);
    size_t k = 0;
    for (size_t i = 0; all && i < r->n_cases; i++)
        for (size_t j = 0; j < r->cases[i]->n_tags; j++)
            all[k++] = (struct use){ r->cases[i]->tag[j], i };
    if (all)
        qsort(all, *n, sizeof *all, compare_uses);
    return all;
}

/* What the cases say together: one failure outweighs every pass, unsupported says nothing. */
static enum verdict together(const struct result *r, const struct use *use, size_t n)
{
    static const enum verdict weight[] = { VERDICT_FAIL, VERDICT_ERROR, VERDICT_EXPECTED_FAILURE,
                                           VERDICT_PASS };
    for (size_t w = 0; w < sizeof weight / sizeof *weight; w++)
        for (size_t i = 0; i < n; i++)
            if (r->cases[use[i].n]->verdict == weight[w])
                return weight[w];
    return VERDICT_UNSUPPORTED;
}

static void put_row(FILE *out, const struct result *r, const struct use *use, size_t n)
{
    enum verdict v = together(r, use, n);
    bool bad = v == VERDICT_FAIL || v == VERDICT_ERROR;
    fputs("<tr data-name=\"", out);
    xml_text(out, use->id);
    fprintf(out, "\"%s><td class=\"nowrap\"><code>", bad ? " data-bad" : "");
    xml_text(out, use->id);
    fprintf(out, "</code></td><td class=\"nowrap\"><span class=\"v %s\">%s %s</span></td><td>",
            page_class(v), page_mark(v), verdict_name(v));
    for (size_t i = 0; i < n; i++) {
        const struct result_case *c = r->cases[use[i].n];
        fprintf(out, "<a class=\"tag %s\" href=\"#case-%zu\">", page_class(c->verdict), use[i].n);
        xml_text(out, c->name);
        if (*c->sut)
            xml_textf(out, " · %s", c->sut);
        fputs("</a>", out);
    }
    fputs("</td></tr>\n", out);
}

void page_requirements(FILE *out, const struct result *r)
{
    size_t n;
    struct use *all = collect(r, &n);
    if (all && n) {
        fputs("<section id=\"requirements\"><h2>Requirements</h2>\n<p class=\"dim\">What the cases "
              "show of each requirement they are tagged with; ids are those of RFC 9293, or name "
              "the RFC and its section.</p>\n<div class=\"filter\"><input type=\"search\" "
              "placeholder=\"Filter by id\" aria-label=\"Filter by id\"><label><input "
              "type=\"checkbox\"> only what failed</label></div>\n"
              "<div class=\"scroll\"><table class=\"wide\"><thead><tr><th>requirement</th>"
              "<th>verdict</th><th>cases</th></tr></thead><tbody>\n", out);
        for (size_t i = 0, j; i < n; i = j) {
            for (j = i + 1; j < n && !strcmp(all[j].id, all[i].id);)
                j++;
            put_row(out, r, &all[i], j - i);
        }
        fputs("</tbody></table></div></section>\n", out);
    }
    free(all);
}
