/* Reports: a run's result as TAP 13, JUnit XML, JSON, or one self-contained HTML page. */
#ifndef HARNESS_REPORT_H
#define HARNESS_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "harness/result.h"

/* ---- TAP 13 and the progress line ------------------------------------------------------- */

/* A live TAP stream, of the version that Debian's prove reads: each case as it ends, the plan last.
 * An expected failure is TAP's TODO, an unsupported case its SKIP.  The progress line goes to
 * stderr and only when that is a terminal; it is wiped before each TAP line. */
struct tap {
    FILE *out;
    FILE *live; /* stderr, or NULL when it is no terminal */
    size_t done;
    size_t expected; /* 0: not known */
    size_t bad; /* failed or in error */
    double shown; /* when the progress line was last written, by who does so */
};
void tap_begin(struct tap *, FILE *out, size_t expected);
void tap_case(struct tap *, const struct result_case *);
/* Says on the progress line what runs now. */
void tap_running(struct tap *, const char *name);
/* The plan and one line of totals; returns result_status. */
int tap_end(struct tap *, const struct result *);

/* ---- Files ------------------------------------------------------------------------------ */

/* Each writes the whole document and flushes it; 0, or -1 with errno. */
int report_json(const struct result *, FILE *);
int report_junit(const struct result *, FILE *);
int report_html(const struct result *, FILE *);
/* The way back from a report at `path` to where relative paths start, "../" a folder; written into
 * base.  An absolute path, or one with "..", has none: base is then that start itself, absolute. */
void report_base(const char *path, char *base, size_t cap);

/* The command that runs one case again, in the folder of the first run.  False when there is none
 * to name. */
bool report_again(const struct result_case *, char *command, size_t cap);

/* Reads what report_json wrote.  NULL, with one sentence in err, for anything else. */
struct result *report_read(FILE *, const char *name, char *err, size_t cap);

/* What every subcommand offers: paths, NULL for none, "-" for stdout. */
struct report_paths {
    const char *json;
    const char *junit;
    const char *html;
};
/* Sorts the cases by suite and name and writes all that are asked for.  0, or -1 after one sentence
 * on stderr. */
int report_write(struct result *, const struct report_paths *);

#endif
