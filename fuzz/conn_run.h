/* The run of one input, for conn*.c only. */
#ifndef FUZZ_CONN_RUN_H
#define FUZZ_CONN_RUN_H

#include "fuzz/conn.h"
#include "harness/arrival.h"
#include "harness/egress.h"
#include "harness/invariants.h"
#include "harness/oracle.h"

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

/* Takes what the stack sends now, then asks every invariant (conn_frame.c). */
void conn_settle(struct conn *);
/* A segment, ICMP or raw event. */
void conn_datagram(struct conn *, const struct input_event *);
/* User calls and settings (conn_call.c). */
void conn_call(struct conn *, const struct sc_user *);
void conn_setting(struct conn *, const struct input_event *);
/* The user lets go of everything. */
void conn_let_go(struct conn *, bool release);

#endif
