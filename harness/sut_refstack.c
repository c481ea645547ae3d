/* refstack behind the adapter's table: sockets made of the calls of RFC 9293 section 3.10. */
#include "harness/sut_refstack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int ref_errno(int error)
{
    switch ((enum rs_error)error) {
    case RS_EAGAIN:
        return EAGAIN;
    case RS_ENOCONN:
        return ENOTCONN;
    case RS_EEXIST:
        return EADDRINUSE;
    case RS_ENORES:
        return ENOBUFS;
    case RS_EINVAL:
        return EINVAL;
    case RS_ECLOSING:
        return EPIPE;
    case RS_ERESET:
        return ECONNRESET;
    case RS_EREFUSED:
        return ECONNREFUSED;
    case RS_ETIMEOUT:
        return ETIMEDOUT;
    case RS_EUNREACH:
        return EHOSTUNREACH;
    case RS_EABORTED:
        return ECONNABORTED;
    case RS_ENOTCONN:
        return ENOTCONN;
    }
    return EIO;
}

/* ---- Lifecycle -------------------------------------------------------------------------- */

static void *ref_create(const struct sut_config *config, uint64_t now, char *why, size_t cap)
{
    struct rs_config c;
    rs_config_default(&c);
    c.seed = config->seed;
    c.link = RS_LINK_IP;
    if (config->local.version == 6) {
        c.addr6 = config->local;
        c.prefix6 = 64;
        c.gateway6 = config->remote;
    } else {
        c.addr = config->local;
        c.prefix_len = 16;
        c.gateway = config->remote;
    }
    if (config->mtu)
        c.mtu = config->mtu;
    for (size_t i = 0; i < config->n_settings; i++)
        if (!sut_refstack_set(&c, &config->setting[i], why, cap))
            return NULL;
    const size_t size = rs_host_size(&c);
    struct sut *s = size ? calloc(1, sizeof(*s) + size) : NULL;
    if (s)
        s->host = rs_init(s->block, size, &c, now);
    if (!s || !s->host) {
        strncpy(why, "refstack refuses this configuration", cap - 1);
        why[cap - 1] = '\0';
        free(s);
        return NULL;
    }
    s->config = *config;
    s->rs = c;
    for (int i = 0; i < MAX_USER; i++)
        s->user[i] = -1;
    return s;
}

static void ref_destroy(void *sut)
{
    free(sut);
}

static void ref_input(void *sut, const uint8_t *datagram, size_t len, uint64_t now)
{
    rs_input(((struct sut *)sut)->host, datagram, len, now);
}

static size_t ref_output(void *sut, uint8_t *buf, size_t cap, uint64_t now)
{
    return rs_output(((struct sut *)sut)->host, buf, cap, now);
}

static uint64_t ref_deadline(void *sut)
{
    return rs_deadline(((struct sut *)sut)->host);
}

/* ---- Sockets ---------------------------------------------------------------------------- */

struct sock *ref_sock(struct sut *s, int fd)
{
    return fd >= FIRST_FD && fd < MAX_FD && s->sock[fd].used ? &s->sock[fd] : NULL;
}

/* The lowest free number, as POSIX says. */
static int new_fd(struct sut *s)
{
    for (int fd = FIRST_FD; fd < MAX_FD; fd++) {
        if (s->sock[fd].used)
            continue;
        s->sock[fd] = (struct sock){ .used = true, .conn = -1, .tcp = s->rs.tcp };
        return fd;
    }
    return -EMFILE;
}

static int ref_socket(void *sut)
{
    return new_fd(sut);
}

static int ref_bind(void *sut, int fd, const struct rs_endpoint *at)
{
    struct sock *k = ref_sock(sut, fd);
    if (!k)
        return -EBADF;
    if (k->bound || k->conn >= 0)
        return -EINVAL;
    k->bound = true;
    k->local = *at;
    return 0;
}

static int ref_listen(void *sut, int fd, int backlog, uint64_t now)
{
    struct sut *s = sut;
    struct sock *k = ref_sock(s, fd);
    if (!k)
        return -EBADF;
    if (k->listening)
        return 0;
    if (k->conn >= 0 || !k->bound)
        return -EINVAL;
    int conn = rs_listen(s->host, &k->local, now);
    if (conn < 0)
        return -ref_errno(conn);
    k->conn = conn;
    k->backlog = backlog;
    k->listening = true;
    rs_set(s->host, conn, &k->tcp, now);
    return 0;
}

static int ref_accept(void *sut, int fd, struct rs_endpoint *peer, uint64_t now)
{
    struct sut *s = sut;
    struct sock *k = ref_sock(s, fd);
    if (!k)
        return -EBADF;
    if (!k->listening)
        return -EINVAL;
    int conn = rs_accept(s->host, k->conn, now);
    if (conn < 0)
        return -ref_errno(conn);
    int child = new_fd(s);
    if (child < 0) {
        rs_abort(s->host, conn, now);
        return child;
    }
    struct rs_status st;
    s->sock[child].conn = conn;
    s->sock[child].done = true;
    rs_get(s->host, conn, &s->sock[child].tcp);
    if (rs_status(s->host, conn, &st) == 0)
        *peer = st.remote;
    return child;
}

static int ref_connect(void *sut, int fd, const struct rs_endpoint *to, uint64_t now)
{
    struct sut *s = sut;
    struct sock *k = ref_sock(s, fd);
    struct rs_status st;
    if (!k)
        return -EBADF;
    if (k->listening)
        return -EISCONN;
    if (k->conn >= 0) {
        if (rs_status(s->host, k->conn, &st) == 0 && st.state <= RS_SYN_RECEIVED &&
            st.state != RS_CLOSED)
            return -EALREADY;
        return -EISCONN;
    }
    int conn = rs_open_active(s->host, &k->local, to, now);
    if (conn < 0)
        return -ref_errno(conn);
    k->conn = conn;
    rs_set(s->host, conn, &k->tcp, now);
    return -EINPROGRESS;
}

/* A descriptor's connection, or a negative errno. */
static int conn_of(struct sut *s, int fd, struct sock **k)
{
    *k = ref_sock(s, fd);
    if (!*k)
        return -EBADF;
    if ((*k)->conn < 0 || (*k)->listening)
        return -ENOTCONN;
    return (*k)->conn;
}

static long ref_send(void *sut, int fd, const void *data, size_t len, int msg_flags, uint64_t now)
{
    struct sut *s = sut;
    struct sock *k;
    int conn = conn_of(s, fd, &k);
    if (conn == -ENOTCONN)
        return -EPIPE;
    if (conn < 0)
        return conn;
    unsigned flags = RS_PUSH;
    if (msg_flags & MSG_MORE)
        flags = RS_MORE;
    if (msg_flags & MSG_OOB)
        flags |= RS_URGENT;
    int n = rs_send(s->host, conn, data, len, flags, now);
    return n < 0 ? -ref_errno(n) : n;
}

/* MSG_PEEK: as RECEIVE, and the octets stay. */
static long peek(struct sut *s, int conn, uint8_t *buf, size_t cap, uint64_t now)
{
    struct rs_piece piece[RS_PIECES];
    unsigned pieces = 0;
    size_t done = 0;
    const int n = rs_peek(s->host, conn, piece, &pieces, now);
    if (n < 0)
        return -ref_errno(n);
    for (unsigned i = 0; i < pieces && done < cap; i++) {
        const size_t part = piece[i].len < cap - done ? piece[i].len : cap - done;
        memcpy(buf + done, piece[i].octets, part);
        done += part;
    }
    return (long)done;
}

static long ref_recv(void *sut, int fd, void *buf, size_t cap, int msg_flags, uint64_t now)
{
    struct sut *s = sut;
    struct sock *k;
    int conn = conn_of(s, fd, &k);
    if (conn < 0)
        return conn;
    if (msg_flags & ~(MSG_DONTWAIT | MSG_PEEK))
        return -ENOSYS;
    if (msg_flags & MSG_PEEK)
        return peek(s, conn, buf, cap, now);
    int n = rs_receive(s->host, conn, buf, cap, now);
    return n < 0 ? -ref_errno(n) : n;
}

static int ref_shutdown(void *sut, int fd, int how, uint64_t now)
{
    struct sut *s = sut;
    struct sock *k;
    int conn = conn_of(s, fd, &k);
    if (conn < 0)
        return conn;
    if (how == SHUT_RD)
        return -ENOSYS;
    int n = rs_close(s->host, conn, now);
    return n < 0 ? -ref_errno(n) : 0;
}

static int ref_close(void *sut, int fd, uint64_t now)
{
    struct sut *s = sut;
    struct sock *k = ref_sock(s, fd);
    if (!k)
        return -EBADF;
    if (k->conn >= 0 && k->linger_abort)
        rs_abort(s->host, k->conn, now);
    else if (k->conn >= 0)
        rs_release(s->host, k->conn, now);
    k->used = false;
    return 0;
}

const struct sut_ops sut_refstack = {
    .name = "refstack",
    .caps = SUT_VIRTUAL_TIME | SUT_IP6 | SUT_MANY_CONNECTIONS | SUT_STATE,
    .create = ref_create,
    .destroy = ref_destroy,
    .input = ref_input,
    .output = ref_output,
    .deadline = ref_deadline,
    .socket = ref_socket,
    .bind = ref_bind,
    .listen = ref_listen,
    .accept = ref_accept,
    .connect = ref_connect,
    .send = ref_send,
    .recv = ref_recv,
    .shutdown = ref_shutdown,
    .close = ref_close,
    .setsockopt = ref_setsockopt,
    .getsockopt = ref_getsockopt,
    .ready = ref_ready,
    .user = ref_user,
    .state = ref_state,
    .fd_state = ref_fd_state,
    .info = ref_info,
};
