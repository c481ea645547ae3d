/* Ladder diagrams: a case's trace as two life lines with the packets between them.
 *
 * Time runs down.  Each end's state stands outside its line where it changes; a fault is marked on
 * the arrow that it befell. */
#ifndef HARNESS_LADDER_H
#define HARNESS_LADDER_H

#include <stdio.h>

#include "harness/result.h"

/* Rows beyond this are left to the pcapng, and the diagram says how many. */
enum { LADDER_ROWS = 300 };

/* An inline SVG element; its colours are the CSS variables and classes of the page. */
void ladder_svg(FILE *, const struct result_case *);
/* The same as plain text, one line a row, complete. */
void ladder_text(FILE *, const struct result_case *);

/* The name of an end: the case's actor or "A" and "B". */
const char *ladder_actor(const struct result_case *, int end);

#endif
