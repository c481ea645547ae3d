/* Socket options of refstack's adapter, by name and value. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "harness/sut_refstack.h"

static int apply(struct sut *s, struct sock *k, uint64_t now)
{
    if (k->conn < 0)
        return 0;
    int n = rs_set(s->host, k->conn, &k->tcp, now);
    return n < 0 ? -ref_errno(n) : 0;
}

/* ---- Setting ---------------------------------------------------------------------------- */

/* What was held back behind the cork goes: a SEND of nothing, pushed. */
static void uncork(struct sut *s, struct sock *k, uint64_t now)
{
    if (k->conn >= 0 && !k->listening)
        rs_send(s->host, k->conn, NULL, 0, RS_PUSH, now);
}

/* RFC 6298 section 5.5: the first wait of a SYN is a second, each further one twice as long. */
static rs_time syn_retries(int64_t n)
{
    return (((rs_time)2 << (n < 12 ? n : 12)) - 1) * RS_SEC;
}

static bool in_range(int64_t v, int64_t least, int64_t most, int *error)
{
    if (v < least || v > most)
        *error = -EINVAL;
    return *error == 0;
}

static bool set_keepalive(struct rs_tcp_config *t, int option, int64_t v, int *error)
{
    switch (option) {
    case TCP_KEEPIDLE:
        if (in_range(v, 1, 32767, error))
            t->keepalive_idle = (rs_time)v * RS_SEC;
        return true;
    case TCP_KEEPINTVL:
        if (in_range(v, 1, 32767, error))
            t->keepalive_intvl = (rs_time)v * RS_SEC;
        return true;
    case TCP_KEEPCNT:
        if (in_range(v, 1, 127, error))
            t->keepalive_probes = (uint32_t)v;
        return true;
    default:
        return false;
    }
}

static bool set_tcp(struct sut *s, struct sock *k, int option, int64_t v, uint64_t now, int *error)
{
    struct rs_tcp_config *t = &k->tcp;
    switch (option) {
    case TCP_NODELAY:
        t->nagle = v == 0;
        return true;
    case TCP_CORK:
        k->corked = v != 0;
        if (!k->corked)
            uncork(s, k, now);
        return true;
    case TCP_MAXSEG:
        if (in_range(v, 88, 32767, error))
            t->mss = (uint16_t)v;
        return true;
    case TCP_USER_TIMEOUT:
        if (in_range(v, 0, INT32_MAX, error))
            t->user_timeout = (rs_time)v * RS_MSEC;
        return true;
    case TCP_SYNCNT:
        if (in_range(v, 1, 127, error))
            t->r2_syn = syn_retries(v);
        return true;
    case TCP_LINGER2:
        if (v > 0)
            t->fin_wait_2 = (rs_time)v * RS_SEC;
        return v > 0;
    case TCP_FASTOPEN: /* how many may be pending */
        t->fastopen = v > 0;
        t->fastopen_pending = (uint32_t)v;
        return v >= 0;
    case TCP_FASTOPEN_CONNECT:
        k->fast_connect = v != 0;
        return true;
    case TCP_INQ: /* control data, which the runner makes of FIONREAD */
        return true;
    case TCP_QUICKACK:
        /* Linux's hint to acknowledge at once; with 0 what was configured stays. */
        if (v)
            t->delayed_ack = 0;
        return true;
    default:
        return set_keepalive(t, option, v, error);
    }
}

static bool set_socket(struct sock *k, int option, int64_t v, int *error)
{
    switch (option) {
    case SO_REUSEADDR:
    case SO_REUSEPORT:
        k->reuse = v != 0; /* refstack always allows what this asks for */
        return true;
    case SO_KEEPALIVE:
        k->tcp.keepalive = v != 0;
        return true;
    case SO_OOBINLINE:
        k->oob_inline = v != 0;
        return true;
    case SO_SNDBUF:
        if (in_range(v, 1, 1 << 30, error))
            k->tcp.snd_buf = (uint32_t)v;
        return true;
    case SO_RCVBUF:
        if (in_range(v, 1, 1 << 30, error))
            k->tcp.rcv_buf = (uint32_t)v;
        return true;
    case SO_LINGER:
        k->linger = v;
        return true;
    default:
        return false;
    }
}

static bool set_ip(struct sock *k, int level, int option, int64_t v)
{
    const bool tos = level == IPPROTO_IP ? option == IP_TOS : option == IPV6_TCLASS;
    const bool ttl = level == IPPROTO_IP ? option == IP_TTL : option == IPV6_UNICAST_HOPS;
    if (tos)
        k->tcp.tos = (uint8_t)v;
    if (ttl)
        k->tcp.ttl = (uint8_t)v;
    return tos || ttl;
}

int ref_setsockopt(void *sut, int fd, int level, int option, int64_t v, uint64_t now)
{
    struct sut *s = sut;
    struct sock *k = ref_sock(s, fd);
    bool known = false;
    int error = 0;
    if (!k)
        return -EBADF;
    if (level == SOL_SOCKET)
        known = set_socket(k, option, v, &error);
    else if (level == IPPROTO_TCP)
        known = set_tcp(s, k, option, v, now, &error);
    else if (level == IPPROTO_IP || level == IPPROTO_IPV6)
        known = set_ip(k, level, option, v);
    if (error)
        return error;
    return known ? apply(s, k, now) : -ENOSYS;
}

/* ---- Getting ---------------------------------------------------------------------------- */

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

static bool get_socket(struct sut *s, struct sock *k, int option, int64_t *v)
{
    switch (option) {
    case SO_ERROR:
        *v = take_error(s, k);
        return true;
    case SO_REUSEADDR:
        *v = k->reuse;
        return true;
    case SO_KEEPALIVE:
        *v = k->tcp.keepalive;
        return true;
    case SO_OOBINLINE:
        *v = k->oob_inline;
        return true;
    case SO_SNDBUF:
        *v = k->tcp.snd_buf;
        return true;
    case SO_RCVBUF:
        *v = k->tcp.rcv_buf;
        return true;
    case SO_LINGER:
        *v = k->linger;
        return true;
    case SO_TYPE:
        *v = SOCK_STREAM;
        return true;
    case SO_PROTOCOL:
        *v = IPPROTO_TCP;
        return true;
    case SO_DOMAIN:
        *v = s->config.local.version == 6 ? AF_INET6 : AF_INET;
        return true;
    case SO_ACCEPTCONN:
        *v = k->listening;
        return true;
    default:
        return false;
    }
}

static bool get_tcp(struct sut *s, const struct sock *k, int option, int64_t *v)
{
    const struct rs_tcp_config *t = &k->tcp;
    struct rs_status st;
    switch (option) {
    case TCP_NODELAY:
        *v = !t->nagle;
        return true;
    case TCP_CORK:
        *v = k->corked;
        return true;
    case TCP_MAXSEG:
        *v = t->mss;
        if (k->conn >= 0 && !k->listening && rs_status(s->host, k->conn, &st) == 0)
            *v = st.smss;
        return true;
    case TCP_KEEPIDLE:
        *v = (int64_t)(t->keepalive_idle / RS_SEC);
        return true;
    case TCP_KEEPINTVL:
        *v = (int64_t)(t->keepalive_intvl / RS_SEC);
        return true;
    case TCP_KEEPCNT:
        *v = t->keepalive_probes;
        return true;
    case TCP_USER_TIMEOUT:
        *v = (int64_t)(t->user_timeout / RS_MSEC);
        return true;
    case TCP_FASTOPEN:
        *v = t->fastopen ? t->fastopen_pending : 0;
        return true;
    case TCP_FASTOPEN_CONNECT:
        *v = k->fast_connect;
        return true;
    default:
        return false;
    }
}

int ref_getsockopt(void *sut, int fd, int level, int option, int64_t *v)
{
    struct sut *s = sut;
    struct sock *k = ref_sock(s, fd);
    bool known = false;
    if (!k)
        return -EBADF;
    const int tos = level == IPPROTO_IP ? IP_TOS : IPV6_TCLASS;
    const int ttl = level == IPPROTO_IP ? IP_TTL : IPV6_UNICAST_HOPS;
    if (level == SOL_SOCKET)
        known = get_socket(s, k, option, v);
    else if (level == IPPROTO_TCP)
        known = get_tcp(s, k, option, v);
    else if ((level == IPPROTO_IP || level == IPPROTO_IPV6) && (option == tos || option == ttl))
        known = (*v = option == tos ? k->tcp.tos : k->tcp.ttl, true);
    return known ? 0 : -ENOSYS;
}

/* ---- Text ------------------------------------------------------------------------------- */

/* Linux calls NewReno "reno". */
int ref_set_text(void *sut, int fd, int level, int option, const char *value, uint64_t now)
{
    struct sut *s = sut;
    struct sock *k = ref_sock(s, fd);
    if (!k)
        return -EBADF;
    if (level != IPPROTO_TCP || option != TCP_CONGESTION)
        return -ENOSYS;
    const bool cubic = !strcmp(value, "cubic");
    if (!cubic && strcmp(value, "reno") != 0 && strcmp(value, "newreno") != 0)
        return -ENOENT;
    k->tcp.congestion = cubic ? RS_CC_CUBIC : RS_CC_NEWRENO;
    return apply(s, k, now);
}

int ref_get_text(void *sut, int fd, int level, int option, char *value, size_t cap)
{
    const struct sock *k = ref_sock(sut, fd);
    if (!k)
        return -EBADF;
    if (level != IPPROTO_TCP || option != TCP_CONGESTION)
        return -ENOSYS;
    strncpy(value, k->tcp.congestion == RS_CC_CUBIC ? "cubic" : "reno", cap - 1);
    return 0;
}
