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

/* `ecn=passive`: agreed to when a peer asks, not asked for. */
static bool set(struct rs_config *c, const struct sut_setting *g, bool *passive, char *why,
                size_t cap)
{
    if (strcmp(g->name, "ecn") != 0)
        return sut_refstack_set(c, g, why, cap);
    *passive = !strcmp(g->value, "passive");
    if (*passive)
        c->tcp.ecn = false;
    return *passive || sut_refstack_set(c, g, why, cap);
}

/* While it runs: for the sockets opened from now on. */
static bool ref_configure(void *sut, const struct sut_setting *g, uint64_t now, char *why,
                          size_t cap)
{
    struct sut *s = sut;
    (void)now;
    return set(&s->rs, g, &s->ecn_passive, why, cap);
}

static void *ref_create(const struct sut_config *config, uint64_t now, char *why, size_t cap)
{
    struct rs_config c;
    bool passive = false;
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
        if (!set(&c, &config->setting[i], &passive, why, cap))
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
    s->ecn_passive = passive;
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
        s->sock[fd] = (struct sock){ .used = true, .conn = -1, .linger = -1,
                                    .oob_inline = true, .tcp = s->rs.tcp };
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
    k->tcp.ecn = k->tcp.ecn || s->ecn_passive;
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
    s->sock[child].linger = k->linger;
    s->sock[child].oob_inline = k->oob_inline;
    s->sock[child].corked = k->corked;
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
    if (k->fast_connect) {
        if (!ref_knows_cookie(s, &to->addr))
            return (int)ref_open_fast(s, k, to, NULL, 0, now);
        k->deferred = *to; /* the first SEND goes with the SYN */
        return 0;
    }
    int conn = rs_open_active(s->host, &k->local, to, now);
    if (conn < 0)
        return -ref_errno(conn);
    k->conn = conn;
    rs_set(s->host, conn, &k->tcp, now);
    return -EINPROGRESS;
}

static int ref_shutdown(void *sut, int fd, int how, uint64_t now)
{
    struct sut *s = sut;
    struct sock *k;
    int conn = ref_conn_of(s, fd, &k);
    if (conn < 0)
        return conn;
    if (how < SHUT_RD || how > SHUT_RDWR)
        return -EINVAL;
    struct rs_status st;
    if (rs_status(s->host, conn, &st) < 0 || st.state == RS_CLOSED)
        return -ENOTCONN;
    if (how != SHUT_WR) {
        k->no_receive = true;
        rs_shutdown_receive(s->host, conn, now);
    }
    /* A second one is no error. */
    if (how != SHUT_RD && !k->no_send) {
        k->no_send = true;
        rs_close(s->host, conn, now);
    }
    return 0;
}

/* SO_LINGER: close waits until all was acknowledged or its time is over, and is asked again. */
static int lingers(struct sut *s, struct sock *k, uint64_t now)
{
    struct rs_status st;
    if (rs_status(s->host, k->conn, &st) == 0 && st.state != RS_CLOSED && st.snd_queued > 0 &&
        now < k->linger_until)
        return -EAGAIN;
    rs_release(s->host, k->conn, now);
    k->used = false;
    return 0;
}

static int linger(struct sut *s, struct sock *k, uint64_t now)
{
    struct rs_status st;
    /* Octets that were never read are lost at once (RFC 9293 section 3.6.1). */
    if (rs_status(s->host, k->conn, &st) == 0 && st.rcv_queued == 0 && !k->nonblocking) {
        rs_close(s->host, k->conn, now);
        k->lingering = true;
        k->linger_until = now + (uint64_t)k->linger * RS_SEC;
    }
    return lingers(s, k, now);
}

static int ref_nonblock(void *sut, int fd, bool on, uint64_t now)
{
    struct sock *k = ref_sock(sut, fd);
    (void)now;
    if (!k)
        return -EBADF;
    k->nonblocking = on;
    return 0;
}

static int ref_close(void *sut, int fd, uint64_t now)
{
    struct sut *s = sut;
    struct sock *k = ref_sock(s, fd);
    if (!k)
        return -EBADF;
    if (k->lingering)
        return lingers(s, k, now);
    if (k->conn >= 0 && k->linger == 0 && !k->listening)
        rs_abort(s->host, k->conn, now);
    else if (k->conn >= 0 && k->linger > 0 && !k->listening)
        return linger(s, k, now);
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
    .configure = ref_configure,
    .set_text = ref_set_text,
    .get_text = ref_get_text,
    .ioctl = ref_ioctl,
    .send_fast = ref_send_fast,
    .nonblock = ref_nonblock,
    .user = ref_user,
    .state = ref_state,
    .fd_state = ref_fd_state,
    .info = ref_info,
};
