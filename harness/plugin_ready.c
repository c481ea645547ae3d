/* The plug-in's socket options, poll and epoll. */
#include "harness/plugin_state.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "harness/tcpinfo.h"

static const struct sut_ops *const ops = &sut_refstack;

/* ---- Options ---------------------------------------------------------------------------- */

/* TCP_INFO, as much of it as the caller has room for. */
static int get_info(struct plugin *p, int live, void *value, socklen_t *len)
{
    struct tcp_info info;
    tcpinfo_fill(&info, ops->info, p->sut, live);
    *len = *len < sizeof(info) ? *len : (socklen_t)sizeof(info);
    memcpy(value, &info, *len);
    return 0;
}

int plugin_getsockopt(void *userdata, int fd, int level, int option, void *value, socklen_t *len)
{
    struct plugin *p = userdata;
    int64_t v = 0;
    int live, result = -EBADF;
    if (plugin_enter(p, fd, &live)) {
        if (level == IPPROTO_TCP && option == TCP_INFO)
            return (int)plugin_leave(p, get_info(p, live, value, len));
        result = ops->getsockopt(p->sut, live, level, option, &v);
    }
    const int number = (int)v;
    if (result == 0 && *len >= sizeof(number)) {
        memcpy(value, &number, sizeof(number));
        *len = sizeof(number);
    } else if (result == 0) {
        result = -EINVAL;
    }
    return (int)plugin_leave(p, result == -ENOSYS ? -ENOPROTOOPT : result);
}

int plugin_setsockopt(void *userdata, int fd, int level, int option, const void *value,
                      socklen_t len)
{
    struct plugin *p = userdata;
    struct linger linger;
    int number = 0, live, result = -EBADF;
    int64_t v = 0;
    if (!plugin_enter(p, fd, &live))
        return (int)plugin_leave(p, result);
    if (level == SOL_SOCKET && option == SO_LINGER && len >= sizeof(linger)) {
        memcpy(&linger, value, sizeof(linger));
        v = linger.l_onoff ? linger.l_linger : -1;
    } else if (len >= sizeof(number)) {
        memcpy(&number, value, sizeof(number));
        v = number;
    } else {
        return (int)plugin_leave(p, -EINVAL);
    }
    result = ops->setsockopt(p->sut, live, level, option, v, p->now);
    return (int)plugin_leave(p, result == -ENOSYS ? -ENOPROTOOPT : result);
}

/* ---- Waiting for several ---------------------------------------------------------------- */

static int bits_of(const struct plugin *p, int fd)
{
    const int live = fd >= 0 && fd < PLUGIN_FDS ? p->live[fd] - 1 : -1;
    return live < 0 ? POLLNVAL : ops->ready(p->sut, live);
}

static int poll_once(struct plugin *p, struct pollfd *list, nfds_t n)
{
    int ready = 0;
    for (nfds_t i = 0; i < n; i++) {
        const int wanted = list[i].events | POLLERR | POLLHUP | POLLNVAL;
        list[i].revents = (short)(list[i].fd < 0 ? 0 : bits_of(p, list[i].fd) & wanted);
        ready += list[i].revents != 0;
    }
    return ready;
}

static int epoll_once(struct plugin *p, int epfd, struct epoll_event *to, int max)
{
    int n = 0;
    for (int i = 0; i < PLUGIN_WATCHES && n < max; i++) {
        const struct plugin_watch *w = &p->watch[i];
        if (w->epfd != epfd)
            continue;
        const uint32_t bits = (uint32_t)bits_of(p, w->fd) & (w->event.events | EPOLLERR | EPOLLHUP);
        if (bits)
            to[n++] = (struct epoll_event){ .events = bits, .data = w->event.data };
    }
    return n;
}

/* Either of the two, again after each change, until the clock says that it is enough. */
static int wait_for(struct plugin *p, int timeout_ms, int (*once)(struct plugin *, void *),
                    void *arg)
{
    const uint64_t end = timeout_ms < 0 ? RS_NEVER : p->now + (uint64_t)timeout_ms * RS_MSEC;
    int slot = PLUGIN_ALARMS, n;
    if (timeout_ms > 0 && !plugin_alarm_set(p, end, &slot))
        return -ENOMEM;
    while ((n = once(p, arg)) == 0 && p->now < end)
        plugin_sleep(p);
    if (slot < PLUGIN_ALARMS)
        p->alarm[slot] = RS_NEVER;
    return n;
}

struct poll_args {
    struct pollfd *list;
    nfds_t n;
};

static int try_poll(struct plugin *p, void *arg)
{
    const struct poll_args *a = arg;
    return poll_once(p, a->list, a->n);
}

int plugin_poll(void *userdata, struct pollfd *list, nfds_t n, int timeout_ms)
{
    struct plugin *p = userdata;
    struct poll_args a = { list, n };
    pthread_mutex_lock(&p->lock);
    return (int)plugin_leave(p, wait_for(p, timeout_ms, try_poll, &a));
}

struct epoll_args {
    int epfd, max;
    struct epoll_event *to;
};

static int try_epoll(struct plugin *p, void *arg)
{
    const struct epoll_args *a = arg;
    return epoll_once(p, a->epfd, a->to, a->max);
}

int plugin_epoll_create(void *userdata, int size)
{
    (void)userdata;
    return epoll_create(size);
}

int plugin_epoll_ctl(void *userdata, int epfd, int op, int fd, struct epoll_event *event)
{
    struct plugin *p = userdata;
    struct plugin_watch *w = NULL, *spare = NULL;
    int live, result = -EBADF;
    if (!plugin_enter(p, fd, &live))
        return (int)plugin_leave(p, result);
    for (int i = 0; i < PLUGIN_WATCHES; i++) {
        if (p->watch[i].epfd == epfd && p->watch[i].fd == fd)
            w = &p->watch[i];
        else if (!p->watch[i].epfd)
            spare = &p->watch[i];
    }
    if (op == EPOLL_CTL_ADD && w)
        result = -EEXIST;
    else if (op != EPOLL_CTL_ADD && !w)
        result = -ENOENT;
    else if (op == EPOLL_CTL_ADD && !spare)
        result = -ENOSPC;
    else if (op == EPOLL_CTL_DEL)
        result = (w->epfd = 0);
    else
        result = (*(w ? w : spare) = (struct plugin_watch){ epfd, fd, *event }, 0);
    return (int)plugin_leave(p, result);
}

int plugin_epoll_wait(void *userdata, int epfd, struct epoll_event *to, int max, int timeout_ms)
{
    struct plugin *p = userdata;
    struct epoll_args a = { epfd, max, to };
    pthread_mutex_lock(&p->lock);
    return (int)plugin_leave(p, wait_for(p, timeout_ms, try_epoll, &a));
}
