/* A case's trace as a capture: each packet with the script's line, what the link did to it and the
 * states of both ends before and after, as its comment. */
#ifndef HARNESS_PCAPNG_CASE_H
#define HARNESS_PCAPNG_CASE_H

#include "harness/result.h"

/* Writes the file; 0 or a negative errno. */
int pcapng_case(const struct result_case *, const char *path);

#endif
