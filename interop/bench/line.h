/* A stack behind its adapter on a tun device: the least that lets it talk to this kernel. */
#ifndef INTEROP_BENCH_LINE_H
#define INTEROP_BENCH_LINE_H

#include <poll.h>

#include "harness/pump.h"
#include "harness/sut.h"
#include "harness/tap.h"
#include "interop/bench/bench.h"

struct line {
    const struct sut_ops *ops;
    void *stack;
    int fd;
    struct rs_addr kernel, own;
};

/* Device `name` between the kernel's 10.N.0.1 and the stack's 10.N.0.2; a sentence in why and
 * false when the stack cannot be had. */
static inline bool line_open(struct line *l, const char *stack, const char *name, uint8_t net,
                             char *why, size_t cap)
{
    struct ns_error error;
    *l = (struct line){ .ops = sut_find(stack), .kernel = rs_ip4(10, net, 0, 1),
                        .own = rs_ip4(10, net, 0, 2) };
    const struct sut_config c = { .seed = 1, .local = l->own, .remote = l->kernel, .mtu = 1500,
                                  .port = 8080 };
    const struct tapdev_config tun = { .name = name, .link = RS_LINK_IP, .txqueuelen = 5000,
                                       .addr = l->kernel, .prefix_len = 24 };
    if (!l->ops) {
        snprintf(why, cap, "there is no stack %s", stack);
        return false;
    }
    l->stack = l->ops->create(&c, pump_now(), why, cap);
    if (!l->stack)
        return false;
    l->fd = tapdev_up(&tun, &error);
    if (l->fd < 0)
        snprintf(why, cap, "%s", error.text);
    return l->fd >= 0;
}

/* Moves what can be moved now, 64 datagrams each way at most; whether anything was. */
static inline bool line_work(struct line *l)
{
    static uint8_t datagram[65536];
    const rs_time now = pump_now();
    bool any = false;
    for (int i = 0; i < 64; i++, any = true) {
        size_t len = l->ops->output(l->stack, datagram, sizeof datagram, now);
        if (len == 0)
            break;
        if (write(l->fd, datagram, len) < 0 && errno != EAGAIN && errno != ENOBUFS)
            bench_die("write to the device");
    }
    for (int i = 0; i < 64; i++, any = true) {
        ssize_t len = read(l->fd, datagram, sizeof datagram);
        if (len <= 0)
            break;
        l->ops->input(l->stack, datagram, (size_t)len, now);
    }
    return any;
}

/* Sleeps until the device has something or a timer of the stack is due. */
static inline void line_wait(struct line *l)
{
    struct pollfd fd = { .fd = l->fd, .events = POLLIN };
    const rs_time due = l->ops->deadline(l->stack), now = pump_now();
    const rs_time left = due > now ? due - now : 0;
    const struct timespec t = { .tv_sec = (time_t)(left / RS_SEC),
                                .tv_nsec = (long)(left % RS_SEC) * 1000 };
    ppoll(&fd, 1, due == RS_NEVER ? NULL : &t, NULL);
}

static inline void line_until(struct line *l, int fd, int events)
{
    while (!(l->ops->ready(l->stack, fd) & (events | POLLERR)))
        if (!line_work(l))
            line_wait(l);
}

#endif
