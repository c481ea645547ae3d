/* What refstack's sockets send, receive and are ready for, with the errors that POSIX and Linux
 * give them. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "harness/sut_refstack.h"
#include "refstack/host.h"

#ifndef SIOCOUTQNSD
#define SIOCOUTQNSD 0x894B /* linux/sockios.h, which has names that clash with sys/socket.h */
#endif

int ref_conn_of(struct sut *s, int fd, struct sock **k)
{
    *k = ref_sock(s, fd);
    if (!*k)
        return -EBADF;
    if ((*k)->conn < 0 || (*k)->listening)
        return -ENOTCONN;
    return (*k)->conn;
}

/* What ended a connection is told by one call; after that it reads as ended and breaks pipes. */
static long ended(struct sock *k, int error, long afterwards)
{
    const bool fatal = error <= RS_ECLOSING && error >= RS_EABORTED;
    if (!fatal)
        return -ref_errno(error);
    if (k->done || error == RS_ECLOSING)
        return afterwards;
    k->done = true;
    return -ref_errno(error);
}

/* ---- Sending ---------------------------------------------------------------------------- */

enum { SEND_FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE | MSG_OOB };

/* The connection that TCP_FASTOPEN_CONNECT put off until there is something for its SYN. */
static long send_deferred(struct sut *s, struct sock *k, const void *data, size_t len, uint64_t now)
{
    const struct rs_endpoint to = k->deferred;
    k->deferred = (struct rs_endpoint){ 0 };
    return ref_open_fast(s, k, &to, data, len, now);
}

long ref_send(void *sut, int fd, const void *data, size_t len, int msg_flags, uint64_t now)
{
    struct sut *s = sut;
    struct sock *k;
    const int conn = ref_conn_of(s, fd, &k);
    if (conn == -ENOTCONN && k->deferred.port)
        return send_deferred(s, k, data, len, now);
    if (conn < 0)
        return conn == -ENOTCONN ? -EPIPE : conn;
    if (msg_flags & ~SEND_FLAGS)
        return -ENOSYS;
    unsigned flags = (msg_flags & MSG_MORE) || k->corked ? RS_MORE : RS_PUSH;
    if (msg_flags & MSG_OOB)
        flags |= RS_URGENT;
    const int n = rs_send(s->host, conn, data, len, flags, now);
    return n < 0 ? ended(k, n, -EPIPE) : n;
}

static bool has_cookie(const struct sut *s, const struct rs_addr *server, uint16_t *mss)
{
    for (int i = 0; i < FASTOPEN_ENTRIES; i++) {
        const struct fastopen_entry *e = &s->host->fastopen[i];
        *mss = e->mss;
        if (e->used && e->len && rs_addr_eq(&e->server, server))
            return true;
    }
    return false;
}

bool ref_knows_cookie(const struct sut *s, const struct rs_addr *server)
{
    uint16_t mss;
    return has_cookie(s, server, &mss);
}

/* As Linux: without a cookie the SYN asks for one and nothing is queued; with one the call takes
 * what the SYN does. */
long ref_open_fast(struct sut *s, struct sock *k, const struct rs_endpoint *to, const void *data,
                   size_t len, uint64_t now)
{
    uint16_t mss = 0;
    const bool cookie = has_cookie(s, &to->addr, &mss);
    const size_t room = mss > TCP_OPT_MAX ? mss - TCP_OPT_MAX : 0;
    const size_t n = !cookie ? 0 : len < room ? len : room;
    /* The SYN carries what is queued when it is built, so what is set comes first. */
    const int conn = rs_open_fast(s->host, &k->local, to, NULL, 0, now);
    if (conn < 0)
        return -ref_errno(conn);
    k->conn = conn;
    rs_set(s->host, conn, &k->tcp, now);
    if (n)
        rs_send(s->host, conn, data, n, RS_PUSH, now);
    return n ? (long)n : -EINPROGRESS;
}

long ref_send_fast(void *sut, int fd, const struct rs_endpoint *to, const void *data, size_t len,
                   uint64_t now)
{
    struct sut *s = sut;
    struct sock *k = ref_sock(s, fd);
    struct rs_status st;
    if (!k)
        return -EBADF;
    if (k->listening)
        return -EISCONN;
    if (k->conn >= 0)
        return rs_status(s->host, k->conn, &st) == 0 && st.state == RS_SYN_SENT ? -EALREADY
                                                                                : -EISCONN;
    return ref_open_fast(s, k, to, data, len, now);
}

/* ---- Receiving -------------------------------------------------------------------------- */

/* MSG_PEEK: as RECEIVE, and the octets stay. */
static long peek(struct sut *s, int conn, uint8_t *buf, size_t skip, size_t cap, uint64_t now)
{
    struct rs_piece piece[RS_PIECES];
    unsigned pieces = 0;
    size_t done = 0;
    const int n = rs_peek(s->host, conn, piece, &pieces, now);
    if (n <= 0)
        return n;
    for (unsigned i = 0; i < pieces && done < cap; i++) {
        const size_t jump = skip < piece[i].len ? skip : piece[i].len;
        const size_t rest = piece[i].len - jump;
        const size_t part = rest < cap - done ? rest : cap - done;
        skip -= jump;
        memcpy(buf + done, piece[i].octets + jump, part);
        done += part;
    }
    return (long)done;
}

/* The urgent octet is the last one before RCV.UP: how many octets stand before it, or -1. */
static long before_urgent(struct sut *s, int conn)
{
    struct rs_status st;
    if (rs_status(s->host, conn, &st) < 0 || !st.urgent || st.urgent_left == 0)
        return -1;
    return (long)st.urgent_left - 1;
}

/* MSG_OOB gives the urgent octet once; it is out of the stream unless SO_OOBINLINE is set. */
static long recv_urgent(struct sut *s, struct sock *k, int conn, uint8_t *buf, size_t cap,
                        bool look, uint64_t now)
{
    const long before = before_urgent(s, conn);
    if (k->oob_inline || cap == 0 || (before < 0 && !k->has_oob))
        return -EINVAL;
    if (!k->has_oob) {
        if (k->oob_read)
            return -EINVAL;
        if (peek(s, conn, &k->oob, (size_t)before, 1, now) != 1)
            return -EAGAIN;
    }
    buf[0] = k->oob;
    if (!look) {
        k->oob_read = !k->has_oob; /* it still stands in the stream, to be passed over */
        k->has_oob = false;
    }
    return 1;
}

/* Ordinary reading stops before the urgent octet, and passes over it the next time. */
static size_t up_to_urgent(struct sut *s, struct sock *k, int conn, size_t cap, uint64_t now)
{
    uint8_t octet;
    long before = before_urgent(s, conn);
    if (k->oob_inline || before < 0)
        return cap;
    if (before == 0) {
        if (rs_receive(s->host, conn, &octet, 1, now) != 1)
            return cap; /* not there yet, or never: the call itself says which */
        if (!k->oob_read) {
            k->oob = octet;
            k->has_oob = true;
        }
        k->oob_read = false;
        before = before_urgent(s, conn);
    }
    return before < 0 || cap < (size_t)before ? cap : (size_t)before;
}

long ref_recv(void *sut, int fd, void *buf, size_t cap, int msg_flags, uint64_t now)
{
    struct sut *s = sut;
    struct sock *k;
    const int conn = ref_conn_of(s, fd, &k);
    if (conn < 0)
        return conn;
    if (msg_flags & ~(MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC | MSG_OOB | MSG_NOSIGNAL))
        return -ENOSYS;
    if (msg_flags & MSG_OOB)
        return recv_urgent(s, k, conn, buf, cap, (msg_flags & MSG_PEEK) != 0, now);
    const size_t most = up_to_urgent(s, k, conn, cap, now);
    if (most == 0 && cap > 0)
        return -EAGAIN;
    const long n = msg_flags & MSG_PEEK ? peek(s, conn, buf, 0, most, now)
                                        : rs_receive(s->host, conn, msg_flags & MSG_TRUNC ? NULL
                                                                                          : buf,
                                                     most, now);
    return n < 0 ? ended(k, (int)n, 0) : n;
}

/* ---- Queues and readiness --------------------------------------------------------------- */

int ref_ioctl(void *sut, int fd, unsigned long request, int64_t *value)
{
    struct sut *s = sut;
    struct sock *k;
    struct rs_status st;
    const int conn = ref_conn_of(s, fd, &k);
    if (conn == -ENOTCONN)
        return -EINVAL;
    if (conn < 0 || rs_status(s->host, conn, &st) < 0)
        return conn < 0 ? conn : -EINVAL;
    const long before = before_urgent(s, conn);
    switch (request) {
    case FIONREAD:
        *value = st.rcv_queued;
        if (!k->oob_inline && before >= 0 && before < *value)
            *value = before ? before : *value - 1;
        return 0;
    case TIOCOUTQ:
        *value = st.snd_queued;
        return 0;
    case SIOCOUTQNSD:
        *value = (int64_t)st.snd_queued - (int64_t)(st.snd_nxt - st.snd_una);
        return 0;
    case SIOCATMARK:
        *value = before == 0;
        return 0;
    default:
        return -ENOSYS;
    }
}

int ref_ready(void *sut, int fd)
{
    struct sut *s = sut;
    struct sock *k = ref_sock(s, fd);
    struct rs_status st;
    if (!k)
        return POLLNVAL;
    if (k->conn < 0)
        return k->deferred.port ? POLLOUT : POLLOUT | POLLHUP;
    unsigned r = rs_ready(s->host, k->conn);
    int bits = ((r & RS_READABLE) ? POLLIN : 0) | ((r & RS_WRITABLE) ? POLLOUT : 0);
    if (k->listening || rs_status(s->host, k->conn, &st) < 0)
        return bits;
    if (st.eof || k->no_receive)
        bits |= POLLIN | POLLRDHUP;
    /* Where this end has sent its FIN, a write would not wait: it fails. */
    if (k->no_send)
        bits |= POLLOUT;
    if ((r & RS_ENDED) || (k->no_send && (st.eof || k->no_receive)))
        bits |= POLLHUP | POLLIN | POLLOUT;
    if (st.error && !k->done)
        bits |= POLLERR;
    if (!k->oob_inline && (k->has_oob || (before_urgent(s, k->conn) >= 0 && !k->oob_read)))
        bits |= POLLPRI;
    return bits;
}
