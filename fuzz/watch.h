/* Writes what a replayed input does to the file that TCPRIG_TRACE names (harness/tracelog.h). */
#ifndef FUZZ_WATCH_H
#define FUZZ_WATCH_H

#include "fuzz/conn.h"
#include "fuzz/pair.h"

/* NULL, which costs a fuzzer nothing, unless a trace is asked for. */
const struct conn_watch *watch_conn(void);
const struct pair_watch *watch_pair(void);

#endif
