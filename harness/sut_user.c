#include "harness/sut_user.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* ---- Errors ----------------------------------------------------------------------------- */

/* What section 3.10 says in words, sockets say by an errno. */
static long rs_error_of(struct sut_user *u, long error, const char *call)
{
    static const struct {
        int number;
        enum rs_error error;
    } same[] = {
        { EAGAIN, RS_EAGAIN },         { ENOTCONN, RS_ENOTCONN },   { EADDRINUSE, RS_EEXIST },
        { ENOBUFS, RS_ENORES },        { EMFILE, RS_ENORES },       { EINVAL, RS_EINVAL },
        { EPIPE, RS_ECLOSING },        { ECONNRESET, RS_ERESET },   { ECONNREFUSED, RS_EREFUSED },
        { ETIMEDOUT, RS_ETIMEOUT },    { EHOSTUNREACH, RS_EUNREACH },
        { ENETUNREACH, RS_EUNREACH },  { ECONNABORTED, RS_EABORTED }, { EBADF, RS_ENOCONN },
    };
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        if (same[i].number == -error)
            return same[i].error;
    u->cannot = call;
    return SUT_USER_CANNOT;
}

static long cannot(struct sut_user *u, const char *what)
{
    u->cannot = what;
    return SUT_USER_CANNOT;
}

/* ---- OPEN ------------------------------------------------------------------------------- */

static long open_passive(struct sut_user *u, const struct sc_user *call, int fd, uint64_t now)
{
    const struct rs_endpoint at = { .addr = u->config->local, .port = u->config->port };
    struct sut_user_conn *c = &u->conn[call->conn];
    int rc = u->ops->bind ? u->ops->bind(u->sut, fd, &at) : -ENOSYS;
    if (rc == 0)
        rc = u->ops->listen ? u->ops->listen(u->sut, fd, 1, now) : -ENOSYS;
    if (rc < 0)
        return rs_error_of(u, rc, "OPEN, passive");
    c->listener = fd + 1;
    c->stays = call->op == SC_LISTEN;
    return 0;
}

static long open_active(struct sut_user *u, struct sut_user_conn *c, int fd, uint64_t now)
{
    const struct rs_endpoint to = { .addr = u->config->remote, .port = u->config->port };
    const int rc = u->ops->connect ? u->ops->connect(u->sut, fd, &to, now) : -ENOSYS;
    if (rc < 0 && rc != -EINPROGRESS)
        return rs_error_of(u, rc, "OPEN, active");
    c->fd = fd + 1;
    return 0;
}

static long open_call(struct sut_user *u, const struct sc_user *call, uint64_t now)
{
    struct sut_user_conn *c = &u->conn[call->conn];
    if (call->op == SC_OPEN_FROM_LISTEN)
        return cannot(u, "an active OPEN of a connection in LISTEN");
    const int fd = u->ops->socket ? u->ops->socket(u->sut) : -ENOSYS;
    if (fd < 0)
        return rs_error_of(u, fd, "OPEN");
    *c = (struct sut_user_conn){ 0 };
    const long rc = call->op == SC_OPEN_ACTIVE ? open_active(u, c, fd, now)
                                               : open_passive(u, call, fd, now);
    if (rc != 0 && u->ops->close)
        u->ops->close(u->sut, fd, now);
    return rc;
}

static long accept_call(struct sut_user *u, const struct sut_user_conn *listener, uint64_t now)
{
    struct rs_endpoint peer;
    const int fd = u->ops->accept ? u->ops->accept(u->sut, listener->listener - 1, &peer, now)
                                  : -ENOSYS;
    if (fd < 0)
        return rs_error_of(u, fd, "ACCEPT");
    int to = 0;
    while (to < SUT_USERS && (u->conn[to].fd || u->conn[to].listener))
        to++;
    if (to == SUT_USERS)
        return RS_ENORES;
    u->conn[to] = (struct sut_user_conn){ .fd = fd + 1 };
    return 0;
}

/* ---- The connection --------------------------------------------------------------------- */

static long let_go(struct sut_user *u, int *fd, uint64_t now)
{
    const int rc = *fd && u->ops->close ? u->ops->close(u->sut, *fd - 1, now) : 0;
    *fd = 0;
    return rc < 0 ? rs_error_of(u, rc, "CLOSE") : 0;
}

/* What the listener has is the connection of the passive OPEN. */
static void take_up(struct sut_user *u, struct sut_user_conn *c, uint64_t now)
{
    struct rs_endpoint peer;
    if (c->fd || !c->listener || c->stays || !u->ops->accept)
        return;
    const int fd = u->ops->accept(u->sut, c->listener - 1, &peer, now);
    if (fd < 0)
        return;
    c->fd = fd + 1;
    let_go(u, &c->listener, now);
}

static int state_of(const struct sut_user *u, const struct sut_user_conn *c, int state)
{
    const int fd = c->fd ? c->fd : c->listener;
    const int told = fd && u->ops->fd_state ? u->ops->fd_state(u->sut, fd - 1) : -1;
    /* A listener is in LISTEN, whatever comes of the SYN that it has. */
    return told >= 0 && (c->fd || state < 0) ? told : state;
}

/* ---- SEND and RECEIVE ------------------------------------------------------------------- */

static long send_now(struct sut_user *u, struct sut_user_conn *c, uint32_t amount, int flags,
                     uint64_t now)
{
    uint8_t text[4096];
    uint32_t total = 0;
    while (total < amount) {
        const size_t n = amount - total < sizeof(text) ? amount - total : sizeof(text);
        for (size_t i = 0; i < n; i++)
            text[i] = sc_pattern(c->sent + (uint32_t)i);
        const long took = u->ops->send ? u->ops->send(u->sut, c->fd - 1, text, n, flags, now)
                                       : -ENOSYS;
        if (took < 0)
            return total ? (long)total : took;
        c->sent += (uint32_t)took;
        total += (uint32_t)took;
        if ((size_t)took < n)
            break;
    }
    return total;
}

/* Before the connection is established, SEND is that of a user who waits for it first. */
static long send_call(struct sut_user *u, struct sut_user_conn *c, const struct sc_user *call,
                      int state, uint64_t now)
{
    const int flags = call->op == SC_SEND_URGENT ? MSG_OOB : 0;
    if (c->closed)
        c->queued = 0;
    if (!c->closed && (state == RS_SYN_SENT || state == RS_SYN_RECEIVED)) {
        c->queued += call->amount;
        return flags ? cannot(u, "an urgent SEND before the connection is established")
                     : (long)call->amount;
    }
    if (!c->fd)
        return c->closed ? RS_ECLOSING : RS_EINVAL; /* "remote socket unspecified" */
    const long n = send_now(u, c, call->amount, flags, now);
    return n < 0 ? rs_error_of(u, n, "SEND") : n;
}

static long receive_call(struct sut_user *u, struct sut_user_conn *c, const struct sc_user *call,
                         uint64_t now)
{
    uint8_t text[4096];
    const size_t want = call->amount < sizeof(text) ? call->amount : sizeof(text);
    if (!c->fd)
        return RS_EAGAIN; /* accept has nothing yet */
    const long n = u->ops->recv ? u->ops->recv(u->sut, c->fd - 1, text, want, 0, now) : -ENOSYS;
    return n < 0 ? rs_error_of(u, n, "RECEIVE") : n;
}

/* ---- CLOSE, ABORT, STATUS --------------------------------------------------------------- */

static int shut(struct sut_user *u, struct sut_user_conn *c, uint64_t now)
{
    return u->ops->shutdown ? u->ops->shutdown(u->sut, c->fd - 1, SHUT_WR, now) : -ENOSYS;
}

/* "Connection closing" is said here: sockets take a second shutdown as done.  The call is made all
 * the same, because no second FIN may come of it. */
static long close_call(struct sut_user *u, struct sut_user_conn *c, int state, uint64_t now)
{
    if (c->closed) {
        if (c->fd)
            shut(u, c, now);
        return RS_ECLOSING;
    }
    if (!c->fd && state == RS_SYN_RECEIVED) {
        c->closed = c->closing = true;
        return 0;
    }
    if (!c->fd)
        return let_go(u, &c->listener, now);
    if (state == RS_SYN_SENT)
        return let_go(u, &c->fd, now);
    c->closed = true;
    const int rc = shut(u, c, now);
    return rc < 0 ? rs_error_of(u, rc, "CLOSE") : 0;
}

static long abort_call(struct sut_user *u, struct sut_user_conn *c, int state, uint64_t now)
{
    if (!c->fd && state == RS_SYN_RECEIVED)
        return cannot(u, "ABORT in SYN-RECEIVED, where accept has not given a socket yet");
    if (!c->fd)
        return let_go(u, &c->listener, now);
    const int rc = u->ops->setsockopt
                       ? u->ops->setsockopt(u->sut, c->fd - 1, SOL_SOCKET, SO_LINGER, 0, now)
                       : -ENOSYS;
    if (rc == -ENOSYS)
        return cannot(u, "ABORT, which needs SO_LINGER");
    return let_go(u, &c->fd, now);
}

static long status_call(struct sut_user *u, int state)
{
    return state < 0 ? cannot(u, "STATUS, for it does not tell the state") : 0;
}

static long set_call(struct sut_user *u, const struct sut_user_conn *c, const struct sc_user *call,
                     uint64_t now)
{
    static const struct {
        int level, option;
    } options[SC_N_SETTINGS] = {
        [SC_SET_NAGLE] = { IPPROTO_TCP, TCP_NODELAY },
        [SC_SET_KEEPALIVE] = { SOL_SOCKET, SO_KEEPALIVE },
        [SC_SET_USER_TIMEOUT] = { IPPROTO_TCP, TCP_USER_TIMEOUT },
    };
    const int level = options[call->setting].level, option = options[call->setting].option;
    int64_t v = call->amount;
    if (!level || !u->ops->setsockopt)
        return cannot(u, "SET of this");
    if (call->setting == SC_SET_NAGLE)
        v = v == 0; /* the option is the other way round */
    else if (call->setting == SC_SET_USER_TIMEOUT)
        v *= 1000;
    const int fd = c->fd ? c->fd : c->listener;
    const int rc = u->ops->setsockopt(u->sut, fd - 1, level, option, v, now);
    return rc < 0 ? rs_error_of(u, rc, "SET of this") : 0;
}

/* ---- All of them ------------------------------------------------------------------------ */

long sut_user(struct sut_user *u, const struct sc_user *call, int state, uint64_t now)
{
    if (call->conn >= SUT_USERS)
        return RS_ENORES;
    struct sut_user_conn *c = &u->conn[call->conn];
    if (call->op == SC_OPEN_ACTIVE || call->op == SC_OPEN_PASSIVE ||
        call->op == SC_OPEN_FROM_LISTEN || call->op == SC_LISTEN)
        return open_call(u, call, now);
    take_up(u, c, now);
    if (!c->fd && !c->listener)
        return RS_ENOCONN;
    state = state_of(u, c, state);
    switch ((enum sc_user_op)call->op) {
    case SC_SEND:
    case SC_SEND_URGENT:
        return send_call(u, c, call, state, now);
    case SC_RECEIVE:
        return receive_call(u, c, call, now);
    case SC_CLOSE:
        return close_call(u, c, state, now);
    case SC_ABORT:
        return abort_call(u, c, state, now);
    case SC_STATUS:
        return status_call(u, state);
    case SC_RELEASE:
        return let_go(u, c->fd ? &c->fd : &c->listener, now);
    case SC_ACCEPT:
        return c->listener ? accept_call(u, c, now) : RS_EINVAL;
    case SC_SET:
        return set_call(u, c, call, now);
    default:
        return cannot(u, "this call");
    }
}

static void go_on(struct sut_user *u, struct sut_user_conn *c, uint64_t now)
{
    take_up(u, c, now);
    if (!c->fd)
        return;
    if (c->queued) {
        const long n = send_now(u, c, c->queued, 0, now);
        if (n == -EAGAIN)
            return;
        c->queued -= n > 0 ? (uint32_t)n : c->queued;
    }
    if (c->closing && !c->queued) {
        c->closing = false;
        shut(u, c, now);
    }
}

void sut_user_step(struct sut_user *u, uint64_t now)
{
    for (int i = 0; i < SUT_USERS; i++)
        if (u->conn[i].queued || u->conn[i].closing)
            go_on(u, &u->conn[i], now);
}
