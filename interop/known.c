#include "interop/known.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "interop/run.h"

static const char varies[] = "varies: ";

enum { COLUMNS = 4 };

/* Cuts the line at its tabs; the number of columns. */
static int columns(char *line, char *column[COLUMNS])
{
    int n = 0;
    line[strcspn(line, "\n")] = '\0';
    for (char *p = line; p && n < COLUMNS; n++) {
        column[n] = p;
        p = strchr(p, '\t');
        if (p)
            *p++ = '\0';
    }
    return n;
}

static bool is_row(char *const column[COLUMNS], int n)
{
    return n == COLUMNS && stack_find(column[0]) && column[3][0] &&
           (!strcmp(column[1], "A") || !strcmp(column[1], "B") || !strcmp(column[1], "-"));
}

static void add_row(struct interop_jobs *jobs, char *const column[COLUMNS])
{
    struct interop_known *k = calloc(1, sizeof *k);
    if (!k)
        abort();
    *k = (struct interop_known){ jobs->known, result_text("%s", column[0]),
                                 result_text("%s", column[1]), result_text("%s", column[2]),
                                 result_text("%s", column[3]) };
    jobs->known = k;
}

static int read_table(struct interop_jobs *jobs, FILE *f, const char *path, char *why)
{
    char line[1024], *column[COLUMNS];
    for (int n = 1; fgets(line, sizeof line, f); n++) {
        if (line[0] == '#' || line[0] == '\n')
            continue;
        if (!is_row(column, columns(line, column))) {
            snprintf(why, 512, "%.200s:%d: expected a stack's name, A, B or -, a case and a "
                     "reason, with a tab between them", path, n);
            return -1;
        }
        add_row(jobs, column);
    }
    return 0;
}

int interop_known_read(struct interop_jobs *jobs, const char *path, char *why)
{
    char *folder = result_text("%s", path);
    FILE *f = NULL;
    int rc = 0;
    while (!f && folder[0]) {
        char *table = result_text("%s/deviations.tsv", folder);
        f = fopen(table, "r");
        rc = f ? read_table(jobs, f, table, why) : 0;
        free(table);
        char *slash = strrchr(folder, '/');
        *(slash ? slash : folder) = '\0';
    }
    if (f)
        fclose(f);
    free(folder);
    return rc;
}

void interop_known_free(struct interop_jobs *jobs)
{
    while (jobs->known) {
        struct interop_known *k = jobs->known;
        jobs->known = k->next;
        free(k->stack);
        free(k->role);
        free(k->name);
        free(k->reason);
        free(k);
    }
}

static bool ends_with(const char *text, size_t len, const char *end)
{
    size_t n = strlen(end);
    return n <= len && strncmp(text + len - n, end, n) == 0;
}

static bool plays(const struct interop_job *job, const struct interop_known *k)
{
    const struct stack *stack = stack_find(k->stack);
    const struct play_cast *cast = &job->cast;
    bool a = cast->stack[cast->swapped ? END_B : END_A] == stack;
    bool b = cast->stack[cast->swapped ? END_A : END_B] == stack;
    return k->role[0] == 'A' ? a : k->role[0] == 'B' ? b : a || b;
}

const char *interop_known_reason(const struct interop_jobs *jobs, const struct interop_job *job)
{
    for (const struct interop_known *k = jobs->known; job->source && k; k = k->next) {
        const char *path = job->source->path;
        if (ends_with(path, strlen(path) - strlen(".pkt"), k->name) && plays(job, k))
            return k->reason;
    }
    return NULL;
}

void interop_known_judge(const char *reason, struct result_case *c)
{
    bool sometimes = strncmp(reason, varies, sizeof varies - 1) == 0;
    const char *text = sometimes ? reason + sizeof varies - 1 : reason;
    if (c->verdict == VERDICT_FAIL) {
        char *seen = result_text("%s", c->reason ? c->reason : "");
        case_verdict(c, VERDICT_EXPECTED_FAILURE, "%s (%s)", text, seen);
        free(seen);
    } else if (c->verdict == VERDICT_PASS && !sometimes) {
        case_verdict(c, VERDICT_FAIL, "passes, though it is known to fail: %s; take the row out of "
                     "deviations.tsv", text);
    }
}
