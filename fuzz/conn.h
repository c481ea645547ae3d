/* The run of an input against one refstack host: what fuzz_conn does, for whoever wants to watch.
 */
#ifndef FUZZ_CONN_H
#define FUZZ_CONN_H

#include "harness/conn.h"

/* Runs the input to its end and lets every connection end.  A broken oracle ends the process. */
void conn_run(const uint8_t *data, size_t size, const struct conn_watch *);

#endif
