/* The ledger against the tree: a row that names what is not there is worse than no row. */
#include "harness/ledger.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/oracle.h"

static bool file_there(const struct ledger *l, const char *folder, const char *name,
                       const char *suffix)
{
    char path[4096];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s/%s%s", l->root, folder, name, suffix);
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static bool oracle_there(const char *id)
{
    for (size_t i = 0; i < N_ORACLES; i++)
        if (!strcmp(oracle_info[i].id, id))
            return true;
    return false;
}

/* Whether the group of tests names the function: cmocka_unit_test(NAME) or one of its variants. */
static bool group_has(const char *text, const char *name)
{
    const size_t n = strlen(name);
    for (const char *at = text; (at = strstr(at, "cmocka_unit_test")); at++) {
        const char *open = strchr(at, '(');
        const size_t blanks = open ? strspn(open + 1, " \n") : 0;
        if (open && !strncmp(open + 1 + blanks, name, n) && strchr("),", open[1 + blanks + n]))
            return true;
    }
    return false;
}

static void check_unit(struct ledger *l, const struct ledger_row *row, const char *test)
{
    const char *colon = strchr(test, ':');
    char file[512];
    snprintf(file, sizeof file, "%.*s.c", (int)(colon - test), test);
    char *text = ledger_slurp(l, file);
    if (!text)
        ledger_problem(l, row, "there is no %s, named by the test %s", file, test);
    else if (!group_has(text, colon + 1))
        ledger_problem(l, row, "%s runs no test %s", file, colon + 1);
    free(text);
}

static void check_test(struct ledger *l, const struct ledger_row *row, const char *test)
{
    if (!strcmp(test, "stage0"))
        return;
    if (!strncmp(test, "oracle:", 7)) {
        if (!oracle_there(test + 7))
            ledger_problem(l, row, "there is no oracle %s in harness/oracle.h", test + 7);
    } else if (!strncmp(test, "fuzz:", 5)) {
        if (!file_there(l, "fuzz", test + 5, ".c"))
            ledger_problem(l, row, "there is no fuzz target fuzz/%s.c", test + 5);
    } else if (strchr(test, ':')) {
        check_unit(l, row, test);
    } else if (!file_there(l, "corpus/scripts", test, ".pkt")) {
        ledger_problem(l, row, "there is no script corpus/scripts/%s.pkt", test);
    }
}

/* Past the bracket that closes the one at `open`, or NULL. */
static const char *past_bracket(const char *open)
{
    int depth = 0;
    for (const char *at = open; *at; at++) {
        depth += (*at == '(') - (*at == ')');
        if (depth == 0)
            return at + 1;
    }
    return NULL;
}

/* Whether the file defines the function: its name stands in a line that is not indented, before
 * brackets that a brace follows. */
static bool defines(const char *text, const char *name)
{
    const size_t n = strlen(name);
    const char *start = text; /* of the line */
    for (const char *at = text; *at; at++) {
        if (*at == '\n')
            start = at + 1;
        if (*at != '(' || (size_t)(at - start) < n + 1 || strncmp(at - n, name, n) != 0 ||
            !strchr(" *", at[-1 - (long)n]) || strchr(" \t/*#", *start))
            continue;
        const char *end = past_bracket(at);
        if (end && end[strspn(end, " \n")] == '{')
            return true;
    }
    return false;
}

/* Whether the text has the id, and not as the beginning of a longer one. */
static bool cites(const char *text, const char *id)
{
    const size_t n = strlen(id);
    for (const char *at = text; (at = strstr(at, id)); at++)
        if (!strchr("0123456789", at[n]) || !at[n])
            return true;
    return false;
}

/* What comments call the rule: the label of RFC 9293, or for RFC1337-3 "RFC 1337".  Ids that are
 * ours have no place in the code. */
static bool citation(const char *id, char name[32])
{
    static const char *const label[] = { "MUST-", "SHLD-", "MAY-", "REC-" };
    unsigned rfc;
    for (size_t i = 0; i < sizeof label / sizeof *label; i++)
        if (!strncmp(id, label[i], strlen(label[i])))
            return snprintf(name, 32, "%.31s", id) > 0;
    return sscanf(id, "RFC%u-", &rfc) == 1 && snprintf(name, 32, "RFC %u", rfc) > 0;
}

/* FILE:FUNCTION is there; true when the file has the citation besides, or needs none. */
static bool check_place(struct ledger *l, const struct ledger_row *row, const char *place)
{
    const char *colon = strchr(place, ':');
    char file[512];
    if (!colon) {
        ledger_problem(l, row, "the code %s is not FILE:FUNCTION below refstack/", place);
        return false;
    }
    snprintf(file, sizeof file, "refstack/%.*s", (int)(colon - place), place);
    char *text = ledger_slurp(l, file);
    if (!text)
        ledger_problem(l, row, "there is no %s, named by the code %s", file, place);
    else if (!defines(text, colon + 1))
        ledger_problem(l, row, "%s defines no function %s", file, colon + 1);
    char name[32];
    const bool cited = !citation(row->id, name) || (text && cites(text, name));
    free(text);
    return cited;
}

static void check_code(struct ledger *l, const struct ledger_row *row)
{
    bool cited = row->code.n == 0;
    if (!row->code.n && !row->deviation)
        ledger_problem(l, row, "neither code that keeps it nor a reason why there is none");
    for (size_t i = 0; i < row->code.n; i++)
        cited = check_place(l, row, row->code.item[i]) || cited;
    if (!cited)
        ledger_problem(l, row, "no file of its code cites it in a comment");
}

static void check_row(struct ledger *l, const struct ledger_row *row)
{
    if (!row->tests.n && !row->deviation)
        ledger_problem(l, row, "neither a test nor a reason why there is none");
    if (row->bugs.n && !row->tests.n)
        ledger_problem(l, row, "a planted bug is named, but no test that would kill it");
    check_code(l, row);
    for (size_t i = 0; i < row->tests.n; i++)
        check_test(l, row, row->tests.item[i]);
    for (size_t i = 0; i < row->bugs.n; i++)
        if (!ledger_list_has(&l->bugs, row->bugs.item[i]))
            ledger_problem(l, row, "there is no planted bug %s in refstack/bugs.h",
                           row->bugs.item[i]);
}

/* RFC 9293 counts its requirements without a gap, and so do our ids for its unlabelled ones. */
static void check_complete(struct ledger *l)
{
    static const struct {
        const char *kind;
        unsigned last;
        int digits;
    } all[] = { { "MUST", 69, 1 }, { "SHLD", 31, 1 }, { "MAY", 18, 1 }, { "REC", 1, 1 },
                { "U", 60, 2 } };
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        for (unsigned i = 1; i <= all[k].last; i++) {
            char id[16];
            snprintf(id, sizeof id, "%s-%0*u", all[k].kind, all[k].digits, i);
            if (!ledger_find(l, id))
                ledger_problem(l, NULL, "%s: requirement %s has no row", l->files.item[0], id);
        }
    }
}

static bool named(const struct ledger *l, const char *bug)
{
    for (size_t i = 0; i < l->n; i++)
        if (ledger_list_has(&l->row[i].bugs, bug))
            return true;
    return false;
}

/* "source-first" is planted where a file says BUG(SOURCE_FIRST). */
static bool plants(const char *text, const char *bug)
{
    char call[80];
    size_t n = (size_t)snprintf(call, sizeof call, "BUG(%.64s)", bug);
    for (size_t i = 0; i < n; i++)
        call[i] = call[i] == '-' ? '_' : (char)toupper((unsigned char)call[i]);
    return strstr(text, call) != NULL;
}

/* A bug may get lost where code is written anew; then no test could ever see it. */
static void check_planted(struct ledger *l)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/refstack", l->root);
    bool *there = calloc(l->bugs.n + 1, sizeof *there);
    DIR *folder = opendir(path);
    const struct dirent *entry;
    if (!there || !folder)
        abort();
    while ((entry = readdir(folder))) {
        snprintf(path, sizeof path, "refstack/%.200s", entry->d_name);
        const size_t end = strlen(path) - 2;
        char *text = !strcmp(path + end, ".c") || !strcmp(path + end, ".h") ? ledger_slurp(l, path)
                                                                            : NULL;
        for (size_t b = 0; text && b < l->bugs.n; b++)
            there[b] = there[b] || plants(text, l->bugs.item[b]);
        free(text);
    }
    closedir(folder);
    for (size_t b = 0; b < l->bugs.n; b++)
        if (!there[b])
            ledger_problem(l, NULL, "refstack/bugs.h: %s is planted nowhere in refstack/",
                           l->bugs.item[b]);
    free(there);
}

/* A tag without a row is told once, by the first script that carries it. */
static bool first_of_tag(const struct ledger *l, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(l->tag[i].id, l->tag[n].id))
            return false;
    return true;
}

void ledger_check(struct ledger *l)
{
    for (size_t i = 0; i < l->n; i++)
        check_row(l, &l->row[i]);
    check_complete(l);
    check_planted(l);
    for (size_t i = 0; i < l->n_tags; i++)
        if (first_of_tag(l, i) && !ledger_find(l, l->tag[i].id))
            ledger_problem(l, NULL, "corpus/scripts/%s.pkt: the tag %s has no row in the ledger",
                           l->tag[i].script, l->tag[i].id);
    for (size_t i = 0; i < l->bugs.n; i++)
        if (!named(l, l->bugs.item[i]))
            ledger_problem(l, NULL, "refstack/bugs.h: no row's tests are said to kill %s",
                           l->bugs.item[i]);
}
