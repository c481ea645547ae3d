/* A small refstack host with every oracle watching: what fuzz_conn drives by inputs, and
 * `tcprig run` by scripts that say `//@ config host=input`.
 *
 * What goes in and comes out is followed on the wire; after each datagram, call and deadline the
 * invariants hold, and what was refused has changed nothing.  A broken oracle ends the process, or
 * goes to oracle_handler. */
#ifndef HARNESS_CONN_H
#define HARNESS_CONN_H

#include "harness/arrival.h"
#include "harness/egress.h"
#include "harness/input.h"
#include "harness/invariants.h"
#include "harness/oracle.h"

/* Called while an input runs; any of them may be NULL. */
struct conn_watch {
    void *arg;
    /* An event begins.  An SC_WAIT for a deadline has its true length in ev.at.to by then. */
    void (*event)(void *arg, const struct input_event *, rs_time now, enum rs_state);
    /* A datagram: to the stack, or from it. */
    void (*frame)(void *arg, enum sc_direction, const uint8_t *p, size_t len, rs_time now);
    void (*observed)(void *arg, const struct rs_observation *);
};

/* What a fuzz engine is told beyond code coverage: a domain and two values. */
enum conn_feed {
    CONN_FEED_STATE_EVENT = 1,
    CONN_FEED_TRANSITIONS,
    CONN_FEED_REASON,
    CONN_FEED_TIMER
};

/* Both ends' numbers pass 2^32 after a few hundred octets: plain comparisons break there. */
#define CONN_IRS (0u - 700)
#define CONN_ISS (0u - 900)

/* Connection i is between LOCAL_PORT + i of the stack and REMOTE_PORT + i of the peer; the rules of
 * the wire follow connection 0, whichever call made it. */
enum { CONNS = 8, LOCAL_PORT = 8080, REMOTE_PORT = 40000 };

struct conn {
    struct rs_host *host;
    struct rs_config cfg;
    rs_time now;
    bool built;     /* the host is that of `config` */
    uint8_t config; /* bits of enum input_config */
    uint8_t manner; /* bits of enum input_manner */
    bool digests;   /* this run is one of two that must send the same */
    uint64_t digest;
    bool judged;    /* the stack has read a segment since the datagram came */
    const struct conn_watch *watch;
    void (*feedback)(enum conn_feed, uint32_t a, uint32_t b); /* or NULL */
    int result; /* of the latest user call */
    struct egress egress;
    struct invariants invariants;
    int handle[CONNS];     /* -1: none */
    uint32_t sent[CONNS];  /* octets of the stream that SEND took */
    uint32_t taken[CONNS]; /* octets that RECEIVE gave */
    bool tainted;          /* octets other than the stream's came in */
    enum rs_reason reason; /* of the latest segment judged */
    unsigned last_transition;
    uint64_t hash[CONNS];
    unsigned n_hash;
    struct arrival_answer answer; /* to the datagram of this event */
};

/* Addresses for documentation: RFC 5737, RFC 3849. */
static inline struct rs_addr conn_addr(bool ip6, uint8_t host)
{
    const uint8_t octet[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = host };

    return ip6 ? rs_ip6(octet) : rs_ip4(192, 0, 2, host);
}

static inline struct rs_endpoint conn_end(const struct conn *c, uint8_t host, uint16_t port)
{
    return (struct rs_endpoint){ .addr = conn_addr(c->manner & INPUT_IP6, host), .port = port };
}

static inline enum rs_state conn_state(const struct conn *c)
{
    return invariants_state(c->host, LOCAL_PORT, REMOTE_PORT);
}

/* Begins anew (conn_host.c): the bits are those of an input's first two octets.  The host's clock
 * starts where the first connection's ISS is CONN_ISS. */
void conn_begin(struct conn *, uint8_t manner, uint8_t config, const struct conn_watch *);
/* What may have a deadline: connections, and fragments that wait for their others. */
unsigned conn_alive(const struct conn *);
/* Goes to the next deadline if that comes by `until`; false when there is none. */
bool conn_step(struct conn *, rs_time until);
/* Takes what the stack sends now, then asks every invariant (conn_frame.c). */
void conn_settle(struct conn *);
/* A segment, ICMP or raw event. */
void conn_datagram(struct conn *, const struct input_event *);
/* A datagram as it stands; `plain`: it is to be judged as a segment, if it is one. */
void conn_receive(struct conn *, const uint8_t *p, size_t len, bool plain);
/* User calls and settings (conn_call.c). */
void conn_call(struct conn *, const struct sc_user *);
void conn_setting(struct conn *, const struct input_event *);
/* The user lets go, and every connection comes to its end within a bound. */
void conn_finish(struct conn *, bool release);
/* The user lets go of everything. */
void conn_let_go(struct conn *, bool release);

/* The class of an event, for signatures and feedback: "segment SYN+ACK", "call CLOSE". */
const char *conn_event_class(const struct input_event *);
const char *conn_segment_class(uint16_t flags, uint32_t text_len);
unsigned conn_event_number(const struct input_event *); /* below CONN_EVENT_NUMBERS */
enum { CONN_EVENT_NUMBERS = 128 };

#endif
