/* The plug-in's calls that send and receive: one of each kind, the others made of it. */
#include "harness/plugin_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct sut_ops *const ops = &sut_refstack;

/* ---- Sending ---------------------------------------------------------------------------- */

/* Blocking, it returns when all was taken; what was taken before an error counts. */
static ssize_t do_send(void *userdata, int fd, const void *data, size_t len, int flags)
{
    struct plugin *p = userdata;
    int live;
    size_t done = 0;
    long n = -EBADF;
    if (!plugin_enter(p, fd, &live))
        return plugin_leave(p, n);
    const bool wait = !p->nonblocking[fd] && !(flags & MSG_DONTWAIT);
    for (;;) {
        n = ops->send(p->sut, live, (const char *)data + done, len - done, flags & ~MSG_DONTWAIT,
                      p->now);
        done += n > 0 ? (size_t)n : 0;
        if (done == len || (n < 0 && n != -EAGAIN) || !wait)
            break;
        if (n > 0)
            plugin_changed(p);
        plugin_sleep(p);
    }
    return plugin_leave(p, done ? (long)done : n);
}

static ssize_t do_write(void *userdata, int fd, const void *data, size_t len)
{
    return do_send(userdata, fd, data, len, 0);
}

static ssize_t do_sendto(void *userdata, int fd, const void *data, size_t len, int flags,
                         const struct sockaddr *sa, socklen_t sa_len)
{
    (void)sa, (void)sa_len; /* a stream has one peer */
    return do_send(userdata, fd, data, len, flags);
}

static size_t total(const struct iovec *v, size_t n)
{
    size_t len = 0;
    for (size_t i = 0; i < n; i++)
        len += v[i].iov_len;
    return len;
}

static ssize_t gather(void *userdata, int fd, const struct iovec *v, size_t n, int flags)
{
    const size_t len = total(v, n);
    char *all = malloc(len ? len : 1), *at = all;
    if (!all) {
        errno = ENOMEM;
        return -1;
    }
    for (size_t i = 0; i < n; at += v[i++].iov_len)
        memcpy(at, v[i].iov_base, v[i].iov_len);
    const ssize_t result = do_send(userdata, fd, all, len, flags);
    free(all);
    return result;
}

static ssize_t do_writev(void *userdata, int fd, const struct iovec *v, int n)
{
    return gather(userdata, fd, v, n > 0 ? (size_t)n : 0, 0);
}

static ssize_t do_sendmsg(void *userdata, int fd, const struct msghdr *m, int flags)
{
    return gather(userdata, fd, m->msg_iov, m->msg_iovlen, flags);
}

/* ---- Receiving -------------------------------------------------------------------------- */

static ssize_t do_recv(void *userdata, int fd, void *buf, size_t len, int flags)
{
    struct plugin *p = userdata;
    int live;
    long n = -EBADF;
    if (!plugin_enter(p, fd, &live))
        return plugin_leave(p, n);
    const bool wait = !p->nonblocking[fd] && !(flags & MSG_DONTWAIT);
    while ((n = ops->recv(p->sut, live, buf, len, flags & ~MSG_DONTWAIT, p->now)) == -EAGAIN &&
           wait)
        plugin_sleep(p);
    return plugin_leave(p, n);
}

static ssize_t do_read(void *userdata, int fd, void *buf, size_t len)
{
    return do_recv(userdata, fd, buf, len, 0);
}

static ssize_t do_recvfrom(void *userdata, int fd, void *buf, size_t len, int flags,
                           struct sockaddr *sa, socklen_t *sa_len)
{
    (void)sa;
    if (sa_len)
        *sa_len = 0;
    return do_recv(userdata, fd, buf, len, flags);
}

static ssize_t scatter(void *userdata, int fd, const struct iovec *v, size_t n, int flags)
{
    const size_t len = total(v, n);
    char *all = malloc(len ? len : 1), *at = all;
    if (!all) {
        errno = ENOMEM;
        return -1;
    }
    const ssize_t result = do_recv(userdata, fd, all, len, flags);
    size_t left = result > 0 ? (size_t)result : 0;
    for (size_t i = 0; left; i++) {
        const size_t part = v[i].iov_len < left ? v[i].iov_len : left;
        memcpy(v[i].iov_base, at, part);
        at += part;
        left -= part;
    }
    free(all);
    return result;
}

static ssize_t do_readv(void *userdata, int fd, const struct iovec *v, int n)
{
    return scatter(userdata, fd, v, n > 0 ? (size_t)n : 0, 0);
}

static ssize_t do_recvmsg(void *userdata, int fd, struct msghdr *m, int flags)
{
    m->msg_namelen = 0;
    m->msg_controllen = 0;
    m->msg_flags = 0;
    return scatter(userdata, fd, m->msg_iov, m->msg_iovlen, flags);
}

void plugin_data_calls(struct plugin_table *t)
{
    t->read = do_read;
    t->readv = do_readv;
    t->recv = do_recv;
    t->recvfrom = do_recvfrom;
    t->recvmsg = do_recvmsg;
    t->write = do_write;
    t->writev = do_writev;
    t->send = do_send;
    t->sendto = do_sendto;
    t->sendmsg = do_sendmsg;
}
