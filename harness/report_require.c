/* The requirement table: each row of the ledger, where one was given, and each id that a case is
 * tagged with, and what the cases show. */
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

static void put_cases(FILE *out, const struct result *r, const struct use *use, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct result_case *c = r->cases[use[i].n];
        fprintf(out, "<a class=\"tag %s\" href=\"#case-%zu\">", page_class(c->verdict), use[i].n);
        if (c->verdict != VERDICT_PASS) /* a colour alone does not tell everyone */
            fprintf(out, "%s ", page_mark(c->verdict));
        xml_text(out, c->name);
        if (*c->sut)
            xml_textf(out, " · %s", c->sut);
        if (c->ip_version)
            fprintf(out, " v%d", c->ip_version);
        fputs("</a>", out);
    }
}

static const struct result_requirement *ledger_row(const struct result *r, const char *id)
{
    for (size_t i = 0; i < r->n_requirements; i++)
        if (!strcmp(r->requirement[i].id, id))
            return &r->requirement[i];
    return NULL;
}

/* The tests a row names; scripts have no colon, and where cases are shown they stand there. */
static void put_tests(FILE *out, const char *tests, bool cases)
{
    while (tests && *tests) {
        const size_t n = strcspn(tests, " ");
        if (!cases || memchr(tests, ':', n) || !strncmp(tests, "stage0", n)) {
            xml_textf(out, "%.*s", (int)n, tests);
            fputs("<br>", out);
        }
        tests += n + strspn(tests + n, " ");
    }
}

/* One item a line, and as code, which a reader copies to search for. */
static void put_code(FILE *out, const char *code)
{
    while (code && *code) {
        const size_t n = strcspn(code, " ");
        fputs("<code>", out);
        xml_textf(out, "%.*s", (int)n, code);
        fputs("</code><br>", out);
        code += n + strspn(code + n, " ");
    }
}

/* What the ledger says besides: where the code is, the bugs that the tests kill, the other tests,
 * the deviation. */
static void put_ledger(FILE *out, const struct result_requirement *q, bool cases)
{
    fputs("</td><td class=\"name\">", out);
    put_code(out, q ? q->code : NULL);
    fputs("</td><td class=\"name\">", out);
    xml_text(out, q ? q->bugs : NULL);
    fputs("</td><td class=\"name\">", out);
    put_tests(out, q ? q->tests : NULL, cases);
    if (q && q->deviation) {
        fputs("<span class=\"dim\"> ", out);
        xml_text(out, q->deviation);
        fputs("</span>", out);
    }
}

static void put_row(FILE *out, const struct result *r, const char *id, const struct use *use,
                    size_t n)
{
    const struct result_requirement *q = ledger_row(r, id);
    enum verdict v = together(r, use, n);
    bool bad = n && (v == VERDICT_FAIL || v == VERDICT_ERROR);
    fputs("<tr data-name=\"", out);
    xml_text(out, id);
    fprintf(out, "\"%s><td class=\"nowrap\"><code>", bad ? " data-bad" : "");
    xml_text(out, id);
    fputs("</code></td>", out);
    if (r->n_requirements) {
        fputs("<td>", out);
        if (q)
            xml_textf(out, "%s (%s%s)", q->rule,
                      isdigit((unsigned char)*q->section) ? "section " : "", q->section);
        fputs("</td>", out);
    }
    fputs("<td class=\"nowrap\">", out);
    if (n)
        fprintf(out, "<span class=\"v %s\">%s %s</span>", page_class(v), page_mark(v),
                verdict_name(v));
    fputs("</td><td>", out);
    put_cases(out, r, use, n);
    if (r->n_requirements)
        put_ledger(out, q, n > 0);
    fputs("</td></tr>\n", out);
}

static void put_head(FILE *out, bool ledger)
{
    fputs("<section id=\"requirements\"><h2>Requirements</h2>\n<p class=\"dim\">What the cases "
          "show of each requirement they are tagged with; ids are those of RFC 9293, or name "
          "the RFC and its section.</p>\n<div class=\"filter\"><input type=\"search\" "
          "placeholder=\"Filter by id\" aria-label=\"Filter by id\"><label><input "
          "type=\"checkbox\"> only what failed</label></div>\n"
          "<div class=\"scroll\"><table class=\"wide\"><thead><tr><th>requirement</th>", out);
    fputs(ledger ? "<th>rule</th><th>verdict</th><th>cases</th><th>code</th>"
                   "<th>planted bugs killed</th><th>tests, deviation</th>"
                 : "<th>verdict</th><th>cases</th>", out);
    fputs("</tr></thead><tbody>\n", out);
}

/* The ledger's rows in its own order, then what cases are tagged with beyond it. */
void page_requirements(FILE *out, const struct result *r)
{
    size_t n;
    struct use *all = collect(r, &n);
    if (all && (n || r->n_requirements)) {
        put_head(out, r->n_requirements > 0);
        for (size_t q = 0; q < r->n_requirements; q++) {
            size_t i = 0, j;
            while (i < n && strcmp(all[i].id, r->requirement[q].id) != 0)
                i++;
            for (j = i; j < n && !strcmp(all[j].id, r->requirement[q].id);)
                j++;
            put_row(out, r, r->requirement[q].id, &all[i], j - i);
        }
        for (size_t i = 0, j; i < n; i = j) {
            for (j = i + 1; j < n && !strcmp(all[j].id, all[i].id);)
                j++;
            if (!ledger_row(r, all[i].id))
                put_row(out, r, all[i].id, &all[i], j - i);
        }
        fputs("</tbody></table></div></section>\n", out);
    }
    free(all);
}
