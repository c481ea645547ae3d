/* What a run leaves for others to read: a folder per cell of the matrix, and a table as JSON. */
#ifndef INTEROP_PUBLISH_H
#define INTEROP_PUBLISH_H

#include "interop/run.h"

/* FOLDER/PAIR/ipN/CASE, without an ending: where a cell's files go.  The caller frees it. */
char *publish_path(const char *folder, const struct interop_job *);
/* Creates the folders above the path; 0 or -1 and errno. */
int publish_folders(const char *path);
/* Writes the case's verdict and its trace as text; 0 or a negative errno. */
int publish_log(const struct result_case *, const char *path);
/* Writes {"stacks": {NAME: VERSION}, "results": [{"a", "b", "case", "role", "ip", "verdict",
 * "reason", "seconds"}]}; 0, or -1 after a message on stderr. */
int publish_json(const struct result *, const char *path);

#endif
