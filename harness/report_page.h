/* Inside report_*.c: the sections of the HTML page. */
#ifndef HARNESS_REPORT_PAGE_H
#define HARNESS_REPORT_PAGE_H

#include <stdio.h>

#include "harness/result.h"

/* In pieces, because C11 promises only 4,095 characters in one literal; NULL ends them. */
extern const char *const page_style[];  /* the page's CSS */
extern const char *const page_script[]; /* filters the lists; the page reads the same without it */

/* The state diagram with hit counts, and the transitions that it does not draw. */
void page_states(FILE *, const struct result *);
/* One table for each suite: a row for each case, a column for each SUT, role and IP version. */
void page_matrix(FILE *, const struct result *);
/* Each requirement that a case is tagged with, and how its cases went. */
void page_requirements(FILE *, const struct result *);
/* Each case: verdict, reason, artefacts, ladder. */
void page_cases(FILE *, const struct result *);
void page_fuzz(FILE *, const struct result *);
void page_findings(FILE *, const struct result *);

/* The mark and the CSS class of a verdict. */
const char *page_mark(enum verdict);
const char *page_class(enum verdict);

/* 1,234,567 */
void page_number(FILE *, uint64_t);
/* 40 µs, 3.4 ms, 1.25 s, 2 min 5 s */
void page_seconds(FILE *, double);

#endif
