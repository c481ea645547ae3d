/* Reading the ledger: rows out of its files, and what the tree says about bugs and tags. */
#include "harness/ledger.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { COLUMNS = 7, MAY_BE_EMPTY = 3 }; /* from that column on */

static void *grown(void *p, size_t n, size_t size)
{
    p = realloc(p, (n + 1) * size);
    if (!p)
        abort();
    return p;
}

static char *copy(const char *text)
{
    char *s = strdup(text);
    if (!s)
        abort();
    return s;
}

void ledger_list_add(struct ledger_list *l, const char *item)
{
    l->item = grown(l->item, l->n, sizeof *l->item);
    l->item[l->n++] = copy(item);
}

bool ledger_list_has(const struct ledger_list *l, const char *item)
{
    for (size_t i = 0; i < l->n; i++)
        if (!strcmp(l->item[i], item))
            return true;
    return false;
}

static void free_list(struct ledger_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->item[i]);
    free(l->item);
}

void ledger_problem(struct ledger *l, const struct ledger_row *row, const char *fmt, ...)
{
    va_list ap;
    l->problems++;
    if (row)
        fprintf(l->err, "%s:%u: %s: ", l->files.item[row->file], row->line, row->id);
    va_start(ap, fmt);
    vfprintf(l->err, fmt, ap);
    va_end(ap);
    fputc('\n', l->err);
}

const struct ledger_row *ledger_find(const struct ledger *l, const char *id)
{
    for (size_t i = 0; i < l->n; i++)
        if (!strcmp(l->row[i].id, id))
            return &l->row[i];
    return NULL;
}

static char *slurp(const char *path)
{
    FILE *f = fopen(path, "r");
    char *text = NULL;
    size_t n = 0, got;
    if (!f)
        return NULL;
    do {
        text = grown(text, n + 4096, 1);
        got = fread(text + n, 1, 4096, f);
        n += got;
    } while (got == 4096);
    const bool bad = ferror(f) != 0;
    fclose(f);
    text[n] = '\0';
    if (bad) {
        free(text);
        return NULL;
    }
    return text;
}

char *ledger_slurp(const struct ledger *l, const char *path)
{
    char full[4096];
    snprintf(full, sizeof full, "%s/%s", l->root, path);
    return slurp(full);
}

/* ---- Rows ------------------------------------------------------------------------------- */

static void split(struct ledger_list *to, char *text)
{
    char *save = NULL;
    if (!strcmp(text, "-"))
        return;
    for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save))
        ledger_list_add(to, word);
}

/* Cuts a line at its tabs.  The number of columns, at most one more than there may be. */
static size_t cut(char *line, char *column[COLUMNS])
{
    size_t n = 0;
    for (char *next = line; next; n++) {
        char *at = next;
        next = strchr(at, '\t');
        if (next)
            *next++ = '\0';
        if (n == COLUMNS)
            return n + 1;
        column[n] = at;
    }
    return n;
}

static void read_row(struct ledger *l, size_t file, unsigned line, char *text)
{
    static const char *const name[] = { "id", "section", "rule", "code", "tests", "bugs",
                                        "deviation" };
    char *column[COLUMNS];
    const size_t n = cut(text, column);
    if (n != COLUMNS) {
        ledger_problem(l, NULL, "%s:%u: %s%zu columns where there are to be seven: id, "
                       "section, rule, code, tests, bugs, deviation, with - for none",
                       l->files.item[file], line, n > COLUMNS ? "more than " : "",
                       n > COLUMNS ? (size_t)COLUMNS : n);
        return;
    }
    for (size_t i = 0; i < COLUMNS; i++) {
        if (!*column[i] || (i < MAY_BE_EMPTY && !strcmp(column[i], "-"))) {
            ledger_problem(l, NULL, "%s:%u: column %zu, the %s, is empty%s", l->files.item[file],
                           line, i + 1, name[i], i < MAY_BE_EMPTY ? "" : "; write - for none");
            return;
        }
    }
    const struct ledger_row *before = ledger_find(l, column[0]);
    if (before) {
        ledger_problem(l, NULL, "%s:%u: %s has a row already, at %s:%u", l->files.item[file], line,
                       column[0], l->files.item[before->file], before->line);
        return;
    }
    l->row = grown(l->row, l->n, sizeof *l->row);
    struct ledger_row *row = &l->row[l->n++];
    *row = (struct ledger_row){ .id = copy(column[0]), .section = copy(column[1]),
                                .rule = copy(column[2]), .file = file, .line = line };
    row->deviation = strcmp(column[6], "-") ? copy(column[6]) : NULL;
    split(&row->code, column[3]);
    split(&row->tests, column[4]);
    split(&row->bugs, column[5]);
}

static void read_file(struct ledger *l, const char *path)
{
    char *text = slurp(path), *next = text;
    if (!text) {
        ledger_problem(l, NULL, "cannot read %s: %s; give a .tsv file or a folder of them", path,
                       strerror(errno));
        return;
    }
    ledger_list_add(&l->files, path);
    for (unsigned line = 1; next && *next; line++) {
        char *at = next;
        next = strchr(at, '\n');
        if (next)
            *next++ = '\0';
        if (*at && *at != '#')
            read_row(l, l->files.n - 1, line, at);
    }
    free(text);
}

static bool ends_with(const char *name, const char *end)
{
    const size_t n = strlen(name), m = strlen(end);
    return n >= m && !strcmp(name + n - m, end);
}

/* Calls `each` for every file below the path that ends so, in the order of their names. */
static int walk(struct ledger *l, const char *path, const char *end,
                void (*each)(struct ledger *, const char *))
{
    struct stat st;
    struct dirent **entry;
    if (stat(path, &st) != 0)
        return -1;
    if (!S_ISDIR(st.st_mode)) {
        each(l, path);
        return 0;
    }
    const int n = scandir(path, &entry, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char child[4096];
        snprintf(child, sizeof child, "%s/%s", path, entry[i]->d_name);
        const bool folder = stat(child, &st) == 0 && S_ISDIR(st.st_mode);
        if (entry[i]->d_name[0] != '.' && (folder || ends_with(child, end)))
            walk(l, child, end, each);
        free(entry[i]);
    }
    if (n >= 0)
        free(entry);
    return n < 0 ? -1 : 0;
}

/* ---- What the tree says ----------------------------------------------------------------- */

/* The tags of a script, but for its "ip" and "config" directives. */
static void read_tags(struct ledger *l, const char *path)
{
    char *text = slurp(path), *save = NULL, *save_word;
    const char *below = strstr(path, "corpus/scripts/");
    for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line && below;
         line = strtok_r(NULL, "\n", &save)) {
        if (strncmp(line, "//@", 3) != 0)
            continue;
        char *word = strtok_r(line + 3, " ", &save_word);
        if (!word || !strcmp(word, "ip") || !strcmp(word, "config"))
            continue;
        for (; word; word = strtok_r(NULL, " ", &save_word)) {
            l->tag = grown(l->tag, l->n_tags, sizeof *l->tag);
            struct ledger_tag *tag = &l->tag[l->n_tags++];
            *tag = (struct ledger_tag){ copy(word), copy(below + strlen("corpus/scripts/")) };
            tag->script[strlen(tag->script) - strlen(".pkt")] = '\0';
        }
    }
    free(text);
}

/* The class is the word before the bracket that ends the entry: `"...", semantic)`. */
static void read_class(struct ledger *l, const char *entry)
{
    static const char *const name[LEDGER_CLASSES] = LEDGER_CLASS_NAMES;
    const char *quote = strchr(entry, '"');
    const char *end = quote ? strchr(quote + 1, '"') : NULL;
    for (size_t c = 0; end && c < LEDGER_CLASSES; c++) {
        const char *word = end + 1 + strspn(end + 1, ", \\\n");
        const size_t n = strlen(name[c]);
        l->of_class[c] += !strncmp(word, name[c], n) && word[n] == ')';
    }
}

/* "X(FIN_NOT_COUNTED, ..." is "fin-not-counted". */
static void read_bugs(struct ledger *l)
{
    char *text = ledger_slurp(l, "refstack/bugs.h");
    if (!text) {
        ledger_problem(l, NULL, "cannot read %s/refstack/bugs.h: %s; run it in the project's root, "
                       "or give that as --root", l->root, strerror(errno));
        return;
    }
    for (char *at = strstr(text, "RS_BUG_LIST(X)"); at && (at = strstr(at, " X(")); ) {
        char name[64];
        size_t n = 0;
        for (at += 3; n + 1 < sizeof name && (isupper((unsigned char)*at) ||
                                              isdigit((unsigned char)*at) || *at == '_'); at++)
            name[n++] = *at == '_' ? '-' : (char)tolower((unsigned char)*at);
        name[n] = '\0';
        if (n && *at == ',') {
            ledger_list_add(&l->bugs, name);
            read_class(l, at);
        }
    }
    free(text);
}

/* "tagged" gives way to the scripts that it means, which count without it too. */
static void expand(struct ledger *l, struct ledger_row *row)
{
    struct ledger_list all = { 0 };
    bool wanted = false;
    for (size_t t = 0; t < l->n_tags; t++)
        if (!strcmp(l->tag[t].id, row->id))
            ledger_list_add(&all, l->tag[t].script);
    const size_t scripts = all.n;
    for (size_t i = 0; i < row->tests.n; i++) {
        if (!strcmp(row->tests.item[i], "tagged"))
            wanted = true;
        else if (!ledger_list_has(&all, row->tests.item[i]))
            ledger_list_add(&all, row->tests.item[i]);
    }
    if (wanted && !scripts)
        ledger_problem(l, row, "\"tagged\" names no test: no script has the tag %s", row->id);
    free_list(&row->tests);
    row->tests = all;
}

void ledger_read(struct ledger *l, const char *root, const char *path, FILE *err)
{
    char scripts[4096];
    *l = (struct ledger){ .root = root, .err = err };
    if (walk(l, path, ".tsv", read_file) != 0)
        ledger_problem(l, NULL, "cannot read %s: %s; give a .tsv file or a folder of them", path,
                       strerror(errno));
    else if (l->n == 0 && l->problems == 0)
        ledger_problem(l, NULL, "%s holds no row; give a .tsv file or a folder of them", path);
    if (l->problems)
        return;
    read_bugs(l);
    snprintf(scripts, sizeof scripts, "%s/corpus/scripts", root);
    walk(l, scripts, ".pkt", read_tags);
    for (size_t i = 0; i < l->n; i++)
        expand(l, &l->row[i]);
}

void ledger_free(struct ledger *l)
{
    for (size_t i = 0; i < l->n; i++) {
        struct ledger_row *row = &l->row[i];
        free(row->id);
        free(row->section);
        free(row->rule);
        free(row->deviation);
        free_list(&row->code);
        free_list(&row->tests);
        free_list(&row->bugs);
    }
    for (size_t i = 0; i < l->n_tags; i++) {
        free(l->tag[i].id);
        free(l->tag[i].script);
    }
    free(l->row);
    free(l->tag);
    free_list(&l->files);
    free_list(&l->bugs);
}
