/* The trace that a run leaves even when it ends in an abort: one line as each thing happens, to the
 * file that TCPRIG_TRACE names.  A fuzz target writes it, triage reads it into a case.
 *
 *     event US END TEXT        the input's next event, which concerns END (A or B)
 *     note US END TEXT         something that END did of itself: a timer, a refusal
 *     frame US END HEX         a datagram that left END
 *     got US END HEX           a datagram that reached END; written where a link may do harm, so
 *                              that the reader finds out what became of each frame
 *     state US END FROM TO     a connection at END changed its state
 */
#ifndef HARNESS_TRACELOG_H
#define HARNESS_TRACELOG_H

#include <stdio.h>

#include "harness/result.h"

/* NULL unless TCPRIG_TRACE names a file that can be written.  Opened once per process. */
FILE *tracelog_open(void);
void tracelog_event(FILE *, rs_time, enum trace_end, const char *text);
void tracelog_note(FILE *, rs_time, enum trace_end, const char *text);
void tracelog_frame(FILE *, rs_time, enum trace_end from, const uint8_t *p, size_t len);
void tracelog_got(FILE *, rs_time, enum trace_end at, const uint8_t *p, size_t len);
void tracelog_state(FILE *, rs_time, enum trace_end, enum rs_state from, enum rs_state to);

/* Adds the log's rows to the case, times counted from its first line.  Text of the n-th event line
 * is replaced by what `text` gives for n, when it gives something.  False when a line is not as
 * above; what came before it is kept. */
bool tracelog_read(FILE *, struct result_case *, const char *(*text)(void *arg, unsigned n),
                   void *arg);

#endif
