/* A live run's trace, carried from the worker that made it to the process that reports: what
 * happened in real time does not happen again, so no second run can show it. */
#ifndef HARNESS_RUN_RECORD_H
#define HARNESS_RUN_RECORD_H

#include "harness/result.h"

/* A folder for them, below TMPDIR; NULL when none can be made, and then nothing is recorded. */
char *record_folder(void);
void record_folder_remove(char *folder); /* and frees it */

/* The rows of case number i: written once, and taken over by another case. */
void record_write(const char *folder, size_t i, const struct result *);
void record_take(const char *folder, size_t i, struct result_case *to);

/* Writes the trace as a file of that kind, "pcapng" or "ladder", which becomes an artefact. */
void record_keep(struct result_case *, const char *folder, const char *kind);

#endif
