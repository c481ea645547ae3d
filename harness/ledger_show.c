/* What the ledger says: counts, the section of the README, JSON for the report, what is to kill. */
#include "harness/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "harness/report.h"

enum kind { KIND_SCRIPT, KIND_UNIT, KIND_OTHER };

static enum kind kind_of(const char *test)
{
    if (!strcmp(test, "stage0") || !strncmp(test, "oracle:", 7) || !strncmp(test, "fuzz:", 5))
        return KIND_OTHER;
    return strchr(test, ':') ? KIND_UNIT : KIND_SCRIPT;
}

static int compare(const void *p, const void *q)
{
    return strcmp(*(char *const *)p, *(char *const *)q);
}

/* How many different items the list has; it is sorted on the way. */
static size_t different(struct ledger_list *l)
{
    size_t n = 0;
    if (l->n)
        qsort(l->item, l->n, sizeof *l->item, compare);
    for (size_t i = 0; i < l->n; i++)
        n += i == 0 || strcmp(l->item[i - 1], l->item[i]) != 0;
    return n;
}

/* How many different tests of one kind the rows name. */
static size_t count_tests(const struct ledger *l, enum kind kind)
{
    struct ledger_list all = { 0 };
    for (size_t i = 0; i < l->n; i++) {
        const struct ledger_list *tests = &l->row[i].tests;
        char **item = realloc(all.item, (all.n + tests->n + 1) * sizeof *item);
        if (!item)
            abort();
        all.item = item;
        for (size_t k = 0; k < tests->n; k++)
            if (kind_of(tests->item[k]) == kind)
                all.item[all.n++] = tests->item[k];
    }
    const size_t n = different(&all);
    free(all.item);
    return n;
}

struct ledger_coverage ledger_coverage(const struct ledger *l)
{
    struct ledger_coverage c = { .rows = l->n, .bugs = l->bugs.n,
                                 .scripts = count_tests(l, KIND_SCRIPT),
                                 .units = count_tests(l, KIND_UNIT),
                                 .others = count_tests(l, KIND_OTHER) };
    for (size_t i = 0; i < l->n; i++) {
        c.located += l->row[i].code.n > 0;
        c.tested += l->row[i].tests.n > 0;
        c.deviating += !l->row[i].tests.n && l->row[i].deviation;
    }
    for (size_t b = 0; b < l->bugs.n; b++) {
        bool named = false;
        for (size_t i = 0; i < l->n && !named; i++)
            named = ledger_list_has(&l->row[i].bugs, l->bugs.item[b]);
        c.killed += named;
    }
    return c;
}

void ledger_summary(const struct ledger *l, FILE *out)
{
    const struct ledger_coverage c = ledger_coverage(l);
    fprintf(out, "ledger: %zu requirements: %zu with code, %zu with tests, %zu without tests for a "
            "stated reason, %zu without either\n", c.rows, c.located, c.tested, c.deviating,
            c.rows - c.tested - c.deviating);
    fprintf(out, "ledger: %zu scripts, %zu unit tests, %zu oracles and others are named; %zu of "
            "%zu planted bugs\n", c.scripts, c.units, c.others, c.killed, c.bugs);
}

/* ---- The README's section --------------------------------------------------------------- */

/* The lines of the table: the labelled requirements by their word, the others by their RFC. */
static const struct {
    const char *prefix, *name;
} groups[] = { { "MUST-", "RFC 9293 MUST" }, { "SHLD-", "RFC 9293 SHOULD" },
               { "MAY-", "RFC 9293 MAY" }, { "REC-", "RFC 9293 RECOMMENDED" },
               { "U-", "RFC 9293 events, unlabelled" }, { "RFC", "other RFCs" },
               { "OWN-", "of our own" } };
enum { N_GROUPS = sizeof groups / sizeof *groups };

static void put_group(const struct ledger *l, size_t g, FILE *out)
{
    size_t rows = 0, located = 0, tested = 0, killing = 0, reasoned = 0;
    for (size_t i = 0; i < l->n; i++) {
        const struct ledger_row *row = &l->row[i];
        if (strncmp(row->id, groups[g].prefix, strlen(groups[g].prefix)) != 0)
            continue;
        rows++;
        located += row->code.n > 0;
        tested += row->tests.n > 0;
        killing += row->bugs.n > 0;
        reasoned += !row->tests.n && row->deviation;
    }
    fprintf(out, "| %s | %zu | %zu | %zu | %zu | %zu |\n", groups[g].name, rows, located, tested,
            killing, reasoned);
}

enum { LEAK = LEDGER_CLASSES - 1 };

void ledger_markdown(const struct ledger *l, FILE *out)
{
    const struct ledger_coverage c = ledger_coverage(l);
    static const char *const class[LEDGER_CLASSES] = LEDGER_CLASS_NAMES;
    fputs("| requirements | all | whose code is named | with tests | whose tests kill a planted "
          "bug | no test |\n|---|---|---|---|---|---|\n", out);
    for (size_t g = 0; g < N_GROUPS; g++)
        put_group(l, g, out);
    fprintf(out, "\nOf %zu planted bugs %zu are killed by tests of the rows that name them "
            "(`.ci/kill --ledger`):\n", c.bugs, c.killed);
    for (size_t k = 0; k < LEDGER_CLASSES; k++)
        fprintf(out, "%zu %s%s", l->of_class[k], k == LEAK ? "information leak" : class[k],
                k + 1 < LEDGER_CLASSES ? ", " : ".\n");
    fputs("Not done, or nothing to show:\n\n", out);
    for (size_t i = 0; i < l->n; i++)
        if (!l->row[i].tests.n && l->row[i].deviation)
            fprintf(out, "- %s (%s): %s %s\n", l->row[i].id, l->row[i].section, l->row[i].rule,
                    l->row[i].deviation);
}

/* ---- One row ---------------------------------------------------------------------------- */

static void put_items(FILE *out, const char *name, const struct ledger_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        fprintf(out, "%-10s %s\n", i ? "" : name, l->item[i]);
}

int ledger_row_show(const struct ledger *l, const char *id, FILE *out)
{
    const struct ledger_row *row = ledger_find(l, id);
    if (!row)
        return -1;
    fprintf(out, "%-10s %s (%s)\n", row->id, row->rule, row->section);
    put_items(out, "code", &row->code);
    put_items(out, "tests", &row->tests);
    put_items(out, "bugs", &row->bugs);
    if (row->deviation)
        fprintf(out, "%-10s %s\n", "deviation", row->deviation);
    return 0;
}

/* ---- For programs ----------------------------------------------------------------------- */

/* The list as one text, or NULL when it is empty; to be freed. */
static char *joined(const struct ledger_list *l)
{
    char *text = NULL;
    for (size_t i = 0; i < l->n; i++) {
        char *longer = result_text("%s%s%s", text ? text : "", text ? " " : "", l->item[i]);
        free(text);
        text = longer;
    }
    return text;
}

/* A result as any other, but without cases, so that `tcprig report` takes it among others. */
int ledger_json(const struct ledger *l, const char *path)
{
    const struct report_paths paths = { .json = path };
    struct result *r = result_new("tcprig ledger");
    for (size_t i = 0; i < l->n; i++) {
        const struct ledger_row *row = &l->row[i];
        struct result_requirement *q = result_requirement(r, row->id, row->section, row->rule);
        q->code = joined(&row->code);
        q->tests = joined(&row->tests);
        q->bugs = joined(&row->bugs);
        q->deviation = row->deviation ? result_text("%s", row->deviation) : NULL;
    }
    const int status = report_write(r, &paths);
    result_free(r);
    return status;
}

void ledger_kills(const struct ledger *l, FILE *out)
{
    for (size_t i = 0; i < l->n; i++) {
        const struct ledger_row *row = &l->row[i];
        for (size_t b = 0; b < row->bugs.n; b++) {
            fprintf(out, "%s\t%s", row->id, row->bugs.item[b]);
            for (size_t t = 0; t < row->tests.n; t++)
                fprintf(out, "\t%s", row->tests.item[t]);
            fputc('\n', out);
        }
    }
}
