/* The ledger: every requirement, the code that keeps it, the tests that show it, and the planted
 * bugs those tests kill.
 *
 * corpus/requirements/ holds .tsv files of one row a line; columns are separated by tabs, items of
 * a list by blanks, and an empty column is "-":
 *
 *     id  section  rule  code  tests  bugs  deviation
 *
 * The code is where the rule lives, as FILE:FUNCTION below refstack/; one of these files cites the
 * id where RFC 9293 gave it, and another RFC by its number, so that a search leads there too.
 *
 * A test is named by where it is:
 *
 *     rfc2018/two-holes-...       a script, by its path below corpus/scripts without .pkt
 *     refstack/close_test:NAME    a unit test, by its program and its function
 *     stage0                      the exhaustive matrix
 *     oracle:ID                   an oracle of harness/oracle.h, asked at every step of fuzzing
 *     fuzz:TARGET                 a fuzz target, by the sanitizers that watch it
 *     tagged                      scripts that carry the row's id as their tag; there must be some
 *
 * Scripts that carry the id count whether or not the row says so.
 *
 * A deviation says why a rule is not kept, or why nothing needs showing. */
#ifndef HARNESS_LEDGER_H
#define HARNESS_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct ledger_list {
    char **item;
    size_t n;
};

struct ledger_row {
    char *id, *section, *rule, *deviation; /* deviation: NULL when there is none */
    struct ledger_list code, tests, bugs;
    size_t file; /* which of the ledger's files, and its line there */
    unsigned line;
};

struct ledger_tag {
    char *id, *script;
};

/* What a planted bug breaks: refstack/bugs.h gives each its class, in these words. */
#define LEDGER_CLASS_NAMES { "semantic", "liveness", "memory", "resource", "leak" }
enum { LEDGER_CLASSES = 5 };

struct ledger {
    const char *root; /* of the project */
    struct ledger_row *row;
    size_t n;
    struct ledger_list files;
    struct ledger_list bugs; /* all that are planted, as "fin-not-counted" */
    size_t of_class[LEDGER_CLASSES]; /* how many of them */
    struct ledger_tag *tag;  /* what the scripts say, in the order of their paths */
    size_t n_tags;
    FILE *err; /* where problems are told, one a line */
    unsigned problems;
};

/* Reads a file or the .tsv files of a folder; problems are told and counted.  After it the tests of
 * each row are all named: "tagged" has given way to the scripts it means. */
void ledger_read(struct ledger *, const char *root, const char *path, FILE *err);
void ledger_free(struct ledger *);
/* Tells one problem of a row; row NULL: of the whole. */
void ledger_problem(struct ledger *, const struct ledger_row *, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
const struct ledger_row *ledger_find(const struct ledger *, const char *id);
bool ledger_list_has(const struct ledger_list *, const char *item);
void ledger_list_add(struct ledger_list *, const char *item);
/* Contents of a file below the root, to be freed; NULL when it cannot be read. */
char *ledger_slurp(const struct ledger *, const char *path);

/* Whether everything named exists, nothing is missing, and no row stands empty. */
void ledger_check(struct ledger *);

/* ---- What it says ----------------------------------------------------------------------- */

struct ledger_coverage {
    size_t rows, tested, deviating; /* deviating: without a test */
    size_t located;                 /* whose code is named */
    size_t scripts, units, others;  /* different ones that are named */
    size_t bugs, killed;            /* planted, and named by a row */
};
struct ledger_coverage ledger_coverage(const struct ledger *);
void ledger_summary(const struct ledger *, FILE *);
void ledger_markdown(const struct ledger *, FILE *);
/* 0, or -1 after one sentence on stderr. */
int ledger_json(const struct ledger *, const char *path);
/* Everything about one row, a line for each of its columns; -1 when there is no such id. */
int ledger_row_show(const struct ledger *, const char *id, FILE *);
/* A line for each row and bug: id, bug, and the row's tests, separated by tabs. */
void ledger_kills(const struct ledger *, FILE *);

#endif
