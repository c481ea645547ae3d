/* The user calls of RFC 9293 section 3.10 on the sockets of any stack that has some.
 *
 *     OPEN     socket, bind and listen, or connect
 *     SEND     send; before the connection is established, once it is
 *     RECEIVE  recv
 *     CLOSE    shutdown of the sending side; close where there is no connection yet
 *     ABORT    SO_LINGER of 0 seconds, and close
 *     STATUS   what the stack tells of its connection
 *     SET      the socket option of that name, where there is one
 *
 * A passive OPEN is one connection: the first that accept gives, and the listener goes then.  That
 * of LISTEN stays, and ACCEPT takes its connections. */
#ifndef HARNESS_SUT_USER_H
#define HARNESS_SUT_USER_H

#include <limits.h>

#include "harness/sut.h"

enum { SUT_USERS = 16 };

/* One connection of the script's; a descriptor is its number and 1, 0 when there is none. */
struct sut_user_conn {
    int fd, listener;
    bool stays;      /* the listener is one of LISTEN */
    bool closed;     /* CLOSE was called */
    bool closing;    /* and waits for the connection */
    uint32_t queued; /* octets of SEND that wait for the connection */
    uint32_t sent;   /* octets that the stack took, for the pattern stream */
};

struct sut_user {
    const struct sut_ops *ops;
    void *sut;
    const struct sut_config *config;
    struct sut_user_conn conn[SUT_USERS];
    const char *cannot; /* after SUT_USER_CANNOT: what the sockets cannot do */
};

/* Not a count, and no enum rs_error. */
#define SUT_USER_CANNOT LONG_MIN

/* Makes the call.  `state` is that of the connection the script is about, negative when it is not
 * known.  Returns a count, 0, an enum rs_error, or SUT_USER_CANNOT. */
long sut_user(struct sut_user *, const struct sc_user *, int state, uint64_t now);

/* Goes on with what waits for a connection.  To be called when time has passed. */
void sut_user_step(struct sut_user *, uint64_t now);

#endif
