/* Socket options and readiness of refstack's adapter. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "harness/sut_refstack.h"

static int apply(struct sut *s, struct sock *k, uint64_t now)
{
    if (k->conn < 0)
        return 0;
    int n = rs_set(s->host, k->conn, &k->tcp, now);
    return n < 0 ? -ref_errno(n) : 0;
}

static bool set_tcp(struct rs_tcp_config *t, int option, int64_t v)
{
    switch (option) {
    case TCP_NODELAY:
        t->nagle = v == 0;
        return true;
    case TCP_MAXSEG:
        t->mss = (uint16_t)v;
        return true;
    case TCP_KEEPIDLE:
        t->keepalive_idle = (rs_time)v * RS_SEC;
        return true;
    case TCP_KEEPINTVL:
        t->keepalive_intvl = (rs_time)v * RS_SEC;
        return true;
    case TCP_KEEPCNT:
        t->keepalive_probes = (uint32_t)v;
        return true;
    case TCP_USER_TIMEOUT:
        t->user_timeout = (rs_time)v * RS_MSEC;
        return true;
    case TCP_QUICKACK:
        /* Linux's hint to acknowledge at once; with 0 what was configured stays. */
        if (v)
            t->delayed_ack = 0;
        return true;
    default:
        return false;
    }
}

static bool set_socket(struct sock *k, int option, int64_t v)
{
    switch (option) {
    case SO_REUSEADDR:
    case SO_REUSEPORT:
        return true; /* refstack always allows what this asks for */
    case SO_KEEPALIVE:
        k->tcp.keepalive = v != 0;
        return true;
    case SO_SNDBUF:
        k->tcp.snd_buf = (uint32_t)v;
        return true;
    case SO_RCVBUF:
        k->tcp.rcv_buf = (uint32_t)v;
        return true;
    case SO_LINGER:
        k->linger_abort = v == 0;
        return v <= 0; /* waiting in close is for blocking sockets */
    default:
        return false;
    }
}

int ref_setsockopt(void *sut, int fd, int level, int option, int64_t v, uint64_t now)
{
    struct sut *s = sut;
    struct sock *k = ref_sock(s, fd);
    bool known = false;
    if (!k)
        return -EBADF;
    if (level == SOL_SOCKET)
        known = set_socket(k, option, v);
    else if (level == IPPROTO_TCP)
        known = set_tcp(&k->tcp, option, v);
    else if (level == IPPROTO_IP && option == IP_TOS)
        known = (k->tcp.tos = (uint8_t)v, true);
    else if (level == IPPROTO_IP && option == IP_TTL)
        known = (k->tcp.ttl = (uint8_t)v, true);
    return known ? apply(s, k, now) : -ENOSYS;
}

/* What ended the connection is told once, as SO_ERROR does. */
static int take_error(struct sut *s, struct sock *k)
{
    struct rs_status st;
    if (k->conn < 0 || k->listening || k->done || rs_status(s->host, k->conn, &st) < 0)
        return 0;
    if (st.error == 0)
        return st.soft_error ? ref_errno(st.soft_error) : 0;
    k->done = true;
    return ref_errno(st.error);
}

int ref_getsockopt(void *sut, int fd, int level, int option, int64_t *v)
{
    struct sut *s = sut;
    struct sock *k = ref_sock(s, fd);
    struct rs_status st;
    if (!k)
        return -EBADF;
    if (level == SOL_SOCKET && option == SO_ERROR)
        *v = take_error(s, k);
    else if (level == IPPROTO_TCP && option == TCP_NODELAY)
        *v = !k->tcp.nagle;
    else if (level == SOL_SOCKET && option == SO_KEEPALIVE)
        *v = k->tcp.keepalive;
    else if (level == IPPROTO_TCP && option == TCP_MAXSEG && k->conn >= 0 &&
             rs_status(s->host, k->conn, &st) == 0)
        *v = st.smss;
    else
        return -ENOSYS;
    return 0;
}

int ref_ready(void *sut, int fd)
{
    struct sut *s = sut;
    struct sock *k = ref_sock(s, fd);
    struct rs_status st;
    if (!k)
        return POLLNVAL;
    if (k->conn < 0)
        return POLLOUT | POLLHUP;
    unsigned r = rs_ready(s->host, k->conn);
    int bits = ((r & RS_READABLE) ? POLLIN : 0) | ((r & RS_WRITABLE) ? POLLOUT : 0);
    if ((r & RS_ENDED) && !k->listening)
        bits |= POLLHUP | POLLIN | POLLOUT;
    if (!k->listening && rs_status(s->host, k->conn, &st) == 0) {
        bits |= st.error ? POLLERR : 0;
        bits |= st.eof ? POLLRDHUP : 0;
    }
    return bits;
}
