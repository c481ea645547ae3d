/* The run of an input against one refstack host: what fuzz_conn does, for whoever wants to watch.
 */
#ifndef FUZZ_CONN_H
#define FUZZ_CONN_H

#include <stddef.h>
#include <stdint.h>

#include "harness/input.h"
#include "refstack/refstack.h"

/* Called while an input runs; any of them may be NULL. */
struct conn_watch {
    void *arg;
    /* An event begins.  An SC_WAIT for a deadline has its true length in ev.at.to by then. */
    void (*event)(void *arg, const struct input_event *, rs_time now, enum rs_state);
    /* A datagram: to the stack, or from it. */
    void (*frame)(void *arg, enum sc_direction, const uint8_t *p, size_t len, rs_time now);
    void (*observed)(void *arg, const struct rs_observation *);
};

/* Runs the input to its end and lets every connection end.  A broken oracle ends the process. */
void conn_run(const uint8_t *data, size_t size, const struct conn_watch *);

/* The class of an event, for signatures and feedback: "segment SYN+ACK", "call CLOSE". */
const char *conn_event_class(const struct input_event *);
unsigned conn_event_number(const struct input_event *); /* below CONN_EVENT_NUMBERS */
enum { CONN_EVENT_NUMBERS = 128 };

#endif
