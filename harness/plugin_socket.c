/* The plug-in's sockets: opening and closing them, on descriptors of the kernel's. */
#include "harness/plugin_state.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

static const struct sut_ops *const ops = &sut_refstack;

/* ---- Addresses -------------------------------------------------------------------------- */

bool plugin_endpoint(const struct sockaddr *sa, struct rs_endpoint *at)
{
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    static const uint8_t any[16];
    *at = (struct rs_endpoint){ 0 };
    if (sa->sa_family == AF_INET) {
        memcpy(&four, sa, sizeof(four));
        memcpy(at->addr.octet, &four.sin_addr, 4);
        at->port = ntohs(four.sin_port);
    } else if (sa->sa_family == AF_INET6) {
        memcpy(&six, sa, sizeof(six));
        memcpy(at->addr.octet, &six.sin6_addr, 16);
        at->port = ntohs(six.sin6_port);
    } else {
        return false;
    }
    /* The wildcard is no address of either version. */
    if (memcmp(at->addr.octet, any, 16) != 0)
        at->addr.version = sa->sa_family == AF_INET ? 4 : 6;
    return true;
}

static bool from_sockaddr(const struct sockaddr *sa, socklen_t len, struct rs_endpoint *at)
{
    const bool whole = sa && len >= (sa->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                               : sizeof(struct sockaddr_in));
    return whole && plugin_endpoint(sa, at);
}

static void to_sockaddr(const struct rs_endpoint *at, struct sockaddr *sa, socklen_t *len)
{
    struct sockaddr_storage s = { 0 };
    struct sockaddr_in *four = (void *)&s;
    struct sockaddr_in6 *six = (void *)&s;
    const socklen_t need = at->addr.version == 6 ? sizeof(*six) : sizeof(*four);
    if (!sa || !len)
        return;
    if (at->addr.version == 6) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(at->port);
        memcpy(&six->sin6_addr, at->addr.octet, 16);
    } else {
        four->sin_family = AF_INET;
        four->sin_port = htons(at->port);
        memcpy(&four->sin_addr, at->addr.octet, 4);
    }
    memcpy(sa, &s, *len < need ? *len : need);
    *len = need;
}

/* ---- Descriptors ------------------------------------------------------------------------ */

/* A socket of the kernel's stands for ours: its number is taken, and libc calls that packetdrill
 * does not route through the table find a TCP socket there. */
static int new_fd(struct plugin *p, int live)
{
    if (live < 0)
        return live;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && fd < PLUGIN_FDS) {
        p->live[fd] = live + 1;
        p->nonblocking[fd] = false;
        return fd;
    }
    if (fd >= 0)
        close(fd);
    ops->close(p->sut, live, p->now);
    return -EMFILE;
}

static int do_socket(void *userdata, int domain, int type, int protocol)
{
    struct plugin *p = userdata;
    const int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
    int result = -EPROTONOSUPPORT;
    pthread_mutex_lock(&p->lock);
    if ((domain == AF_INET || domain == AF_INET6) && kind == SOCK_STREAM &&
        (protocol == 0 || protocol == IPPROTO_TCP))
        result = new_fd(p, ops->socket(p->sut));
    if (result >= 0)
        p->nonblocking[result] = (type & SOCK_NONBLOCK) != 0;
    return (int)plugin_leave(p, result);
}

static int do_bind(void *userdata, int fd, const struct sockaddr *sa, socklen_t len)
{
    struct plugin *p = userdata;
    struct rs_endpoint at;
    int live, result = -EBADF;
    if (plugin_enter(p, fd, &live))
        result = from_sockaddr(sa, len, &at) ? ops->bind(p->sut, live, &at) : -EINVAL;
    return (int)plugin_leave(p, result);
}

static int do_listen(void *userdata, int fd, int backlog)
{
    struct plugin *p = userdata;
    int live, result = -EBADF;
    if (plugin_enter(p, fd, &live))
        result = ops->listen(p->sut, live, backlog, p->now);
    return (int)plugin_leave(p, result);
}

static int do_accept(void *userdata, int fd, struct sockaddr *sa, socklen_t *len)
{
    struct plugin *p = userdata;
    struct rs_endpoint peer = { 0 };
    int live, result = -EBADF;
    if (plugin_enter(p, fd, &live))
        while ((result = ops->accept(p->sut, live, &peer, p->now)) == -EAGAIN &&
               !p->nonblocking[fd])
            plugin_sleep(p);
    result = new_fd(p, result);
    if (result >= 0)
        to_sockaddr(&peer, sa, len);
    return (int)plugin_leave(p, result);
}

static int do_connect(void *userdata, int fd, const struct sockaddr *sa, socklen_t len)
{
    struct plugin *p = userdata;
    struct rs_endpoint to;
    int64_t error = 0;
    int live, result = -EBADF;
    if (plugin_enter(p, fd, &live))
        result = from_sockaddr(sa, len, &to) ? ops->connect(p->sut, live, &to, p->now) : -EINVAL;
    if (result != -EINPROGRESS || p->nonblocking[fd])
        return (int)plugin_leave(p, result);
    plugin_changed(p); /* the SYN goes out before this thread sleeps */
    while (!(ops->ready(p->sut, live) & (POLLOUT | POLLERR | POLLHUP)))
        plugin_sleep(p);
    ops->getsockopt(p->sut, live, SOL_SOCKET, SO_ERROR, &error);
    return (int)plugin_leave(p, -(long)error);
}

static int do_shutdown(void *userdata, int fd, int how)
{
    struct plugin *p = userdata;
    int live, result = -EBADF;
    if (plugin_enter(p, fd, &live))
        result = ops->shutdown(p->sut, live, how, p->now);
    return (int)plugin_leave(p, result);
}

static int do_close(void *userdata, int fd)
{
    struct plugin *p = userdata;
    int live, result;
    if (plugin_enter(p, fd, &live)) {
        result = ops->close(p->sut, live, p->now);
        p->live[fd] = 0;
        close(fd);
    } else {
        /* An epoll descriptor or an end of a pipe: the kernel's alone. */
        for (int i = 0; i < PLUGIN_WATCHES; i++)
            if (p->watch[i].epfd == fd)
                p->watch[i].epfd = 0;
        result = close(fd) == 0 ? 0 : -errno;
    }
    return (int)plugin_leave(p, result);
}

static int do_fcntl(void *userdata, int fd, int command, ...)
{
    struct plugin *p = userdata;
    va_list ap;
    int live, result = -EBADF;
    va_start(ap, command);
    const int arg = va_arg(ap, int);
    va_end(ap);
    if (!plugin_enter(p, fd, &live))
        return (int)plugin_leave(p, result);
    if (command == F_SETFL)
        result = (p->nonblocking[fd] = (arg & O_NONBLOCK) != 0, 0);
    else if (command == F_GETFL)
        result = O_RDWR | (p->nonblocking[fd] ? O_NONBLOCK : 0);
    else
        result = command == F_GETFD || command == F_SETFD ? 0 : -EINVAL;
    return (int)plugin_leave(p, result);
}

/* refstack has no device controls. */
static int do_ioctl(void *userdata, int fd, unsigned long request, ...)
{
    (void)userdata, (void)fd, (void)request;
    errno = ENOTTY;
    return -1;
}

static int do_pipe(void *userdata, int fd[2])
{
    (void)userdata;
    return pipe(fd);
}

static int do_splice(void *userdata, int in, loff_t *from, int out, loff_t *to, size_t len,
                     unsigned flags)
{
    (void)userdata, (void)in, (void)from, (void)out, (void)to, (void)len, (void)flags;
    errno = ENOSYS;
    return -1;
}

void plugin_socket_calls(struct plugin_table *t)
{
    t->socket = do_socket;
    t->bind = do_bind;
    t->listen = do_listen;
    t->accept = do_accept;
    t->connect = do_connect;
    t->shutdown = do_shutdown;
    t->close = do_close;
    t->fcntl = do_fcntl;
    t->ioctl = do_ioctl;
    t->pipe = do_pipe;
    t->splice = do_splice;
}
