/* Socket options, readiness, and what the kernel tells of its connections (sock_diag, TCP_INFO). */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "harness/sut_linux.h"
#include "harness/tcpinfo.h"

/* ---- Options ---------------------------------------------------------------------------- */

int lin_setsockopt(void *sut, int fd, int level, int option, int64_t v, uint64_t now)
{
    (void)sut, (void)now;
    const int value = (int)v;
    int rc;
    if (level == SOL_SOCKET && option == SO_LINGER) {
        const struct linger l = { v >= 0, v >= 0 ? value : 0 };
        rc = setsockopt(fd, level, option, &l, sizeof(l));
    } else if (level == SOL_SOCKET && (option == SO_RCVTIMEO || option == SO_SNDTIMEO)) {
        return -ENOSYS; /* a struct timeval, which the adapter's table has no form for */
    } else {
        rc = setsockopt(fd, level, option, &value, sizeof(value));
    }
    return rc < 0 ? -errno : 0;
}

int lin_getsockopt(void *sut, int fd, int level, int option, int64_t *v)
{
    struct linger l;
    socklen_t len = sizeof(l);
    int value = 0;
    if (level == SOL_SOCKET && option == SO_ERROR && lin_returned(sut, fd)) {
        /* A connect on the thread has told its error as its result. */
        *v = -lin_call(sut, &(struct lin_call){ .kind = LIN_CONNECT, .fd = fd });
        return 0;
    }
    if (level == SOL_SOCKET && option == SO_LINGER) {
        int rc = getsockopt(fd, level, option, &l, &len);
        *v = rc == 0 && l.l_onoff ? l.l_linger : -1;
        return rc < 0 ? -errno : 0;
    }
    len = sizeof(value);
    if (getsockopt(fd, level, option, &value, &len) < 0)
        return -errno;
    *v = value;
    return 0;
}

int lin_ready(void *sut, int fd)
{
    struct pollfd p = { fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP, 0 };
    if (lin_blocked(sut, fd))
        return lin_returned(sut, fd) ? POLLOUT : 0;
    return fd >= 0 && poll(&p, 1, 0) > 0 ? p.revents : fd < 0 ? POLLNVAL : 0;
}

/* ---- Observation ------------------------------------------------------------------------ */

int lin_state(void *sut, const struct rs_endpoint *local, const struct rs_endpoint *remote)
{
    struct lin_sut *s = sut;
    struct diag_socket found;
    int rc = diag_find(&s->diag, local, remote, &found);
    if (rc == -ENOENT)
        rc = diag_listener(&s->diag, local, &found);
    if (rc == -ENOENT)
        return RS_CLOSED;
    return rc < 0 ? -1 : (int)found.state;
}

static bool read_info(int fd, struct tcp_info *info)
{
    socklen_t len = sizeof(*info);
    memset(info, 0, sizeof(*info));
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &len) == 0;
}

int lin_fd_state(void *sut, int fd)
{
    struct tcp_info info;
    (void)sut;
    return fd >= 0 && read_info(fd, &info) ? tcpinfo_state(&info) : -1;
}

bool lin_info(void *sut, int fd, const char *name, int64_t *v)
{
    struct tcp_info info;
    (void)sut;
    return fd >= 0 && read_info(fd, &info) && tcpinfo_get(&info, name, v);
}
