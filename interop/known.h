/* Where stacks are known to differ from what a case asks: data, with the reason.
 *
 * A table of four columns beside the scripts, deviations.tsv: the stack, the role it plays then
 * ("A", "B" or "-" for any), the case, and the reason, which begins with "varies: " where the case
 * passes at times. */
#ifndef INTEROP_KNOWN_H
#define INTEROP_KNOWN_H

#include <stdbool.h>

#include "harness/result.h"

struct interop_known {
    struct interop_known *next;
    char *stack, *role, *name, *reason;
};

struct interop_jobs;
struct interop_job;

/* Reads the table of the scripts at path: in their folder, or in the nearest above.  0 also when
 * there is none; -1 after a sentence in why (512 octets). */
int interop_known_read(struct interop_jobs *, const char *path, char *why);
void interop_known_free(struct interop_jobs *);
/* The reason why the case is known to fail, or NULL. */
const char *interop_known_reason(const struct interop_jobs *, const struct interop_job *);
/* Turns the failure of such a case into an expected one, and a pass that was not to be into a
 * failure. */
void interop_known_judge(const char *reason, struct result_case *);

#endif
