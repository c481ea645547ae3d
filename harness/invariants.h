/* What must hold of refstack's own state between any two calls: the TCBs, the timers, the pages.
 *
 * The one place outside refstack that looks inside a host.  It never changes one.  A broken rule
 * ends the process through its oracle. */
#ifndef HARNESS_INVARIANTS_H
#define HARNESS_INVARIANTS_H

#include <stdint.h>

#include "refstack/refstack.h"

enum { INVARIANTS_CONNS = 64 };

/* What the last check saw of a connection, for the rules about going back. */
struct invariants_past {
    uint32_t generation;
    bool seen;
    enum rs_state state;
    uint32_t iss, irs, snd_una, rcv_nxt, rcv_adv;
};

struct invariants {
    uint32_t snd_buf, rcv_buf; /* the largest that any connection was given */
    uint64_t steps;            /* of the host's work, at the last invariants_work */
    struct invariants_past past[INVARIANTS_CONNS];
};

void invariants_init(struct invariants *, const struct rs_config *);
/* A connection's settings changed. */
void invariants_note(struct invariants *, const struct rs_tcp_config *);

/* Call when no more output is due: a timer may be missing in the middle of an event. */
void invariants_check(struct invariants *, const struct rs_host *, rs_time now);
/* After an event: what it cost since the last time is bounded by the lists that the configuration
 * allows, for each of the frames that came and went (invariants_work.c). */
void invariants_work(struct invariants *, const struct rs_host *, uint64_t frames);
/* The parts of invariants_check (invariants_pages.c): every page has one owner; every connection
 * is found. */
void invariants_pages(const struct rs_host *);
void invariants_table(const struct rs_host *);
/* The same for a host whose connections were all let go of and have ended. */
void invariants_check_empty(const struct rs_host *);

/* The state in which a segment for these ports would arrive. */
enum rs_state invariants_state(const struct rs_host *, uint16_t local_port, uint16_t remote_port);
/* Whether a handle is, or until this moment was, that of the connection between these ports. */
bool invariants_between(const struct rs_host *, int conn, uint16_t local_port,
                        uint16_t remote_port);
/* TCBs in use, those that a user has yet to let go of included. */
unsigned invariants_count(const struct rs_host *);
/* Datagrams of which fragments wait for the rest. */
unsigned invariants_fragments(const struct rs_host *);
/* A hash of what a refused segment must leave alone: for each TCB its state, numbers, queues and
 * agreements, but not what is owed in reply nor counters.  n is the number of TCBs given. */
unsigned invariants_hash(const struct rs_host *, uint64_t *hash, unsigned max);
/* Whether the TCB at a place of that list is none of a segment's business: a connection of other
 * ports.  A listener is everybody's. */
bool invariants_other(const struct rs_host *, unsigned place, uint16_t local_port,
                      uint16_t remote_port);

#endif
