/* The matrix: one table for each suite, cases down, stacks, roles and IP versions across.  A hole
 * in it is a case that nobody ran there. */
#include <stdlib.h>
#include <string.h>

#include "harness/report_page.h"
#include "harness/report_xml.h"

static bool same_text(const char *a, const char *b)
{
    return !strcmp(a ? a : "", b ? b : "");
}

static bool same_column(const struct result_case *a, const struct result_case *b)
{
    return same_text(a->sut, b->sut) && same_text(a->role, b->role) &&
           a->ip_version == b->ip_version;
}

/* The length of what a row is called: names that differ in their ":role" only share it. */
static int row_len(const struct result_case *c)
{
    const char *colon = c->role ? strrchr(c->name, ':') : NULL;
    return colon ? (int)(colon - c->name) : (int)strlen(c->name);
}

static bool same_line(const struct result_case *a, const struct result_case *b)
{
    return row_len(a) == row_len(b) && !strncmp(a->name, b->name, (size_t)row_len(a));
}

/* One suite's cases, and the first case of each column. */
struct grid {
    const struct result *r;
    const char *suite;
    const struct result_case **column;
    size_t n_columns;
    size_t n_cases;
};

static bool in_grid(const struct grid *g, size_t i)
{
    return same_text(g->r->cases[i]->suite, g->suite);
}

/* False when memory is short. */
static bool find_columns(struct grid *g)
{
    g->column = malloc((g->r->n_cases + 1) * sizeof *g->column);
    for (size_t i = 0; g->column && i < g->r->n_cases; i++) {
        const struct result_case *c = g->r->cases[i];
        size_t k = 0;
        if (!in_grid(g, i))
            continue;
        g->n_cases++;
        while (k < g->n_columns && !same_column(g->column[k], c))
            k++;
        if (k == g->n_columns)
            g->column[g->n_columns++] = c;
    }
    return g->column != NULL;
}

static void put_column_heads(FILE *out, const struct grid *g)
{
    fputs("<thead><tr><th>case</th>", out);
    for (size_t k = 0; k < g->n_columns; k++) {
        const struct result_case *c = g->column[k];
        fputs("<th class=\"nowrap\">", out);
        xml_text(out, c->sut);
        if (c->role) {
            fputs("<br>", out);
            xml_text(out, c->role);
        }
        if (c->ip_version)
            fprintf(out, "<br>IPv%d", c->ip_version);
        fputs("</th>", out);
    }
    fputs("</tr></thead><tbody>\n", out);
}

static void put_cell(FILE *out, const struct result *r, size_t i)
{
    const struct result_case *c = r->cases[i];
    fprintf(out, "<a class=\"v %s\" href=\"#case-%zu\" title=\"%s\">%s</a>", page_class(c->verdict),
            i, verdict_name(c->verdict), page_mark(c->verdict));
    fputs("<span class=\"cellt\">", out);
    page_seconds(out, c->seconds);
    fputs("</span>", out);
}

static bool several_stacks(const struct grid *g)
{
    for (size_t k = 1; k < g->n_columns; k++)
        if (!same_text(g->column[k]->sut, g->column[0]->sut))
            return true;
    return false;
}

/* The reasons of a row's cases that did not simply pass, and whose they are; what one stack says
 * with both IP versions is said once. */
static void put_reasons(FILE *out, const struct grid *g, const size_t *cell)
{
    const char *last = NULL, *of = "";
    const bool several = several_stacks(g);
    for (size_t k = 0; k < g->n_columns; k++) {
        const struct result_case *c = cell[k] < g->r->n_cases ? g->r->cases[cell[k]] : NULL;
        const char *reason = c ? c->reason : NULL;
        const size_t n = reason ? strcspn(reason, "\n") : 0;
        if (!reason || (last && same_text(c->sut, of) && n == strcspn(last, "\n") &&
                        !strncmp(reason, last, n)))
            continue;
        fputs(last ? "<br>" : "<span>", out);
        if (several)
            xml_textf(out, "%s: ", c->sut);
        of = c->sut;
        xml_textf(out, "%.*s", (int)n, reason);
        last = reason;
    }
    fputs(last ? "</span>" : "", out);
}

static bool has_reason(const struct grid *g, const size_t *cell)
{
    for (size_t k = 0; k < g->n_columns; k++)
        if (cell[k] < g->r->n_cases && g->r->cases[cell[k]]->reason)
            return true;
    return false;
}

static void begin_row(FILE *out, const struct result_case *head, const char *class, bool bad)
{
    fprintf(out, "<tr class=\"%s\" data-name=\"", class);
    xml_textf(out, "%.*s", row_len(head), head->name);
    for (size_t i = 0; i < head->n_tags; i++) {
        putc(' ', out);
        xml_text(out, head->tag[i]);
    }
    fprintf(out, "\"%s>", bad ? " data-bad" : "");
}

/* The row that case `first` begins: the cases of its name, one a column. */
static void put_row(FILE *out, const struct grid *g, size_t first, size_t *cell)
{
    const struct result_case *head = g->r->cases[first];
    bool bad = false;
    for (size_t k = 0; k < g->n_columns; k++)
        cell[k] = g->r->n_cases;
    for (size_t i = first; i < g->r->n_cases; i++) {
        const struct result_case *c = g->r->cases[i];
        if (!in_grid(g, i) || !same_line(c, head))
            continue;
        for (size_t k = 0; k < g->n_columns; k++)
            if (same_column(g->column[k], c))
                cell[k] = i;
        bad = bad || c->verdict == VERDICT_FAIL || c->verdict == VERDICT_ERROR;
    }
    const bool why = has_reason(g, cell);
    begin_row(out, head, why ? "told" : "row", bad);
    fputs("<td class=\"name\">", out);
    xml_textf(out, "%.*s", row_len(head), head->name);
    fputs("</td>", out);
    for (size_t k = 0; k < g->n_columns; k++) {
        fputs("<td class=\"nowrap\">", out);
        if (cell[k] < g->r->n_cases)
            put_cell(out, g->r, cell[k]);
        fputs("</td>", out);
    }
    fputs("</tr>\n", out);
    if (!why)
        return;
    /* Below the row rather than beside it: a reason is long, and a column of them is narrow. */
    begin_row(out, head, "why", bad);
    fprintf(out, "<td class=\"why\" colspan=\"%zu\">", g->n_columns + 1);
    put_reasons(out, g, cell);
    fputs("</td></tr>\n", out);
}

static bool name_is_new(const struct grid *g, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (in_grid(g, j) && same_line(g->r->cases[j], g->r->cases[i]))
            return false;
    return true;
}

static void put_grid(FILE *out, const struct result *r, const char *suite)
{
    struct grid g = { .r = r, .suite = suite };
    size_t *cell = find_columns(&g) ? malloc((g.n_columns + 1) * sizeof *cell) : NULL;
    if (cell) {
        fputs("<h3>", out);
        xml_text(out, suite);
        fputs(" <span class=\"dim\">", out);
        page_number(out, g.n_cases);
        fputs("</span></h3>\n<div class=\"scroll\"><table class=\"wide\">", out);
        put_column_heads(out, &g);
        for (size_t i = 0; i < r->n_cases; i++)
            if (in_grid(&g, i) && name_is_new(&g, i))
                put_row(out, &g, i, cell);
        fputs("</tbody></table></div>\n", out);
    }
    free(cell);
    free(g.column);
}

static bool suite_is_new(const struct result *r, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (same_text(r->cases[j]->suite, r->cases[i]->suite))
            return false;
    return true;
}

void page_matrix(FILE *out, const struct result *r)
{
    if (!r->n_cases)
        return;
    fputs("<section id=\"matrix\"><h2>Matrix</h2>\n<div class=\"legend\">", out);
    for (int v = 0; v < N_VERDICTS; v++)
        fprintf(out, "<span><span class=\"v %s\">%s</span> %s</span>", page_class((enum verdict)v),
                page_mark((enum verdict)v), verdict_name((enum verdict)v));
    fputs("</div>\n<div class=\"filter\"><input type=\"search\" placeholder=\"Filter by name\" "
          "aria-label=\"Filter by name\"><label><input type=\"checkbox\"> only what failed</label>"
          "</div>\n", out);
    for (size_t i = 0; i < r->n_cases; i++)
        if (suite_is_new(r, i))
            put_grid(out, r, r->cases[i]->suite);
    fputs("</section>\n", out);
}
