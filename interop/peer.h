/* One live end of an interop case: a stack and the user calls a case makes on it.
 *
 * A case names its connections 0, 1, ...; connection n has a port of its own at either end, so that
 * both ends know its four-tuple before it exists. A new kind of peer is one table of functions. */
#ifndef INTEROP_PEER_H
#define INTEROP_PEER_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/diag.h"
#include "harness/sut.h"
#include "interop/line.h"
#include "refstack/refstack.h"

enum { PEER_CONNS = 4 };

struct peer;

/* Calls return 0 or a count, or a negative enum rs_error, whatever the stack's own words are. */
struct peer_ops {
    int (*open_active)(struct peer *, unsigned conn);
    int (*open_passive)(struct peer *, unsigned conn);
    int (*send)(struct peer *, unsigned conn, const void *, size_t);
    int (*receive)(struct peer *, unsigned conn, void *, size_t); /* 0: the peer's end */
    int (*close)(struct peer *, unsigned conn); /* no more SEND; RECEIVE goes on */
    int (*abort)(struct peer *, unsigned conn);
    int (*release)(struct peer *, unsigned conn); /* the user lets go */
    /* CLOSED also when there is none; NULL: it cannot be known. */
    enum rs_state (*state)(struct peer *, unsigned conn);
    /* Adds what to sleep on while a call cannot be completed; returns how many. */
    unsigned (*sleep_on)(struct peer *, unsigned conn, bool sending, struct pollfd *);
};

struct peer {
    const struct peer_ops *ops;
    struct line_port port; /* where its frames come from and go to */
    struct rs_endpoint local[PEER_CONNS];
    struct rs_endpoint remote[PEER_CONNS];
};

/* "RS_ERESET" and so on, as scripts write them; "?" for what is no error. */
const char *peer_error_name(int error);
/* The enum rs_error that says what an errno says. */
int peer_error_of(int error);

/* refstack; the host is the caller's. */
struct host_peer {
    struct peer peer;
    struct rs_host *host;
    int handle[PEER_CONNS]; /* -1: the user has none */
    int known[PEER_CONNS];  /* the latest handle, even when the user let go of it */
    enum rs_state seen[PEER_CONNS]; /* the state the host last told of */
    bool fastopen; /* an active OPEN waits for the first SEND (RFC 7413) */
    bool pending[PEER_CONNS]; /* such an OPEN */
    int listener[PEER_CONNS]; /* its passive OPENs are listeners: only those take fast opens */
};
void host_peer_init(struct host_peer *, struct rs_host *);
/* For the host's observer: a connection is in this state now.  Returns the case's number of it, or
 * PEER_CONNS for one that is not the case's. */
unsigned host_peer_observe(struct host_peer *, int handle, enum rs_state);

/* The kernel of the namespace the process is in. */
struct kernel_peer {
    struct peer peer;
    struct diag diag;
    int listener[PEER_CONNS];
    int fd[PEER_CONNS];
    bool connecting[PEER_CONNS];
    bool no_delay; /* Nagle's algorithm is off for connections opened from now on */
    bool no_quickack; /* they wait with their ACKs from the start */
    int device;       /* frames to and from the kernel */
    bool fastopen;    /* an active OPEN waits for the first SEND (RFC 7413) */
};
/* The device's descriptor becomes the peer's, whatever is returned.  0 or a negative errno. */
int kernel_peer_init(struct kernel_peer *, int device);
void kernel_peer_free(struct kernel_peer *);
/* The kernel's sockets behind a translator: frames go through that one's port, not the peer's, and
 * nobody knows the state of its connections. */
void kernel_peer_behind(struct kernel_peer *);

/* A stack in this process behind the adapter's table. */
struct sut_peer {
    struct peer peer;
    const struct sut_ops *sut;
    void *stack;
    int listener[PEER_CONNS];
    int fd[PEER_CONNS];
    bool no_delay;
};
/* False after a sentence in why: the stack cannot be had, or not with these settings. */
bool sut_peer_init(struct sut_peer *, const struct sut_ops *, const struct sut_config *, char *why,
                   size_t cap);
void sut_peer_free(struct sut_peer *);

#endif
