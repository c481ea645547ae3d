/* poll and epoll, made of the one question that every adapter answers: what a descriptor is ready
 * for.  An epoll descriptor is the runner's own, so that it works the same on every stack. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include "harness/run_call.h"

_Static_assert(EPOLLIN == POLLIN && EPOLLPRI == POLLPRI && EPOLLOUT == POLLOUT &&
               EPOLLERR == POLLERR && EPOLLHUP == POLLHUP && EPOLLRDHUP == POLLRDHUP,
               "one set of bits serves both");

static uint32_t ready_of(const struct run *r, int64_t fd)
{
    const int live = fd >= 0 && fd < RUN_FDS ? r->live_fd[fd] : -1;
    uint32_t bits = (uint32_t)r->ops->ready(r->sut, live);
    bits |= bits & POLLIN ? POLLRDNORM : 0;
    return bits | (bits & POLLOUT ? POLLWRNORM : 0);
}

/* Whether the call is over: something is ready, or its time is.  Else it is tried again. */
static bool due(struct run *r, int64_t timeout_ms, struct outcome *o)
{
    const uint64_t wake = r->pending.begin + (uint64_t)timeout_ms * 1000;
    if (o->value != 0 || (timeout_ms >= 0 && r->now - r->begun >= wake))
        return true;
    r->pending.wake = timeout_ms < 0 ? RS_NEVER : r->begun + wake;
    o->again = true;
    return false;
}

/* ---- poll ------------------------------------------------------------------------------- */

static uint32_t poll_one(struct run *r, const struct sc_expr *e, bool judge)
{
    int64_t fd = -1, events = 0, want = 0;
    run_value(call_field(e, "fd"), &fd);
    run_value(call_field(e, "events"), &events);
    const bool given = run_value(call_field(e, "revents"), &want);
    const uint32_t got = fd < 0 ? 0 : ready_of(r, fd) & ((uint32_t)events | POLLERR | POLLHUP |
                                                         POLLNVAL);
    if (judge && given && got != (uint32_t)want)
        run_end(r, VERDICT_FAIL, "revents: expected 0x%x, got 0x%x", (unsigned)want, got);
    return got;
}

void call_poll(struct run *r, const struct sc_call *c, struct outcome *o)
{
    const struct sc_expr *list = c->arg;
    const int64_t timeout = call_number(c, 2, o);
    if (!list || list->kind != SC_E_LIST || !r->ops->ready)
        o->unsupported = "poll of this kind";
    if (o->unsupported)
        return;
    for (const struct sc_expr *e = list->first; e; e = e->next)
        o->value += poll_one(r, e, false) != 0;
    if (!due(r, timeout, o))
        return;
    for (const struct sc_expr *e = list->first; e; e = e->next)
        poll_one(r, e, true);
}

/* ---- epoll ------------------------------------------------------------------------------ */

static struct run_object *epoll_at(const struct run *r, int fd)
{
    struct run_object *p = fd >= 0 && fd < RUN_FDS ? r->object[fd] : NULL;
    return p && p->kind == RUN_EPOLL ? p : NULL;
}

static struct run_watch *watch_of(struct run_object *p, int64_t fd)
{
    for (int i = 0; i < p->n_watches; i++)
        if (p->watch[i].fd == fd)
            return &p->watch[i];
    return NULL;
}

/* Edges: a bit that was reported is reported again after it fell, and input when there is more. */
static void follow_edges(struct run *r, struct run_watch *w)
{
    int64_t queued = 0;
    const uint32_t ready = ready_of(r, w->fd);
    w->reported &= ready;
    /* Without a count of what is queued, any text that came may be for this one. */
    if (!r->ops->ioctl || r->ops->ioctl(r->sut, r->live_fd[w->fd], FIONREAD, &queued) < 0)
        queued = r->texts_in;
    if (queued > w->queued)
        w->reported &= ~(uint32_t)EPOLLIN;
    w->queued = queued;
}

void run_follow_edges(struct run *r)
{
    for (int fd = 0; r->has_epoll && fd < RUN_FDS; fd++) {
        struct run_object *p = epoll_at(r, fd);
        for (int i = 0; p && i < p->n_watches; i++)
            if (r->live_fd[p->watch[i].fd] >= 0)
                follow_edges(r, &p->watch[i]);
    }
}

void call_epoll_create(struct run *r, const struct sc_call *c, struct outcome *o)
{
    (void)c;
    if (!r->ops->ready) {
        o->unsupported = "a stack that does not tell what is ready";
        return;
    }
    o->object = sc_alloc(&r->arena, sizeof(*o->object));
    o->object->kind = RUN_EPOLL;
    r->has_epoll = true;
}

/* The value that comes back with an event, under whichever name the script gives it. */
static int64_t data_of(const struct sc_expr *e)
{
    static const char *const names[] = { "fd", "ptr", "u32", "u64" };
    int64_t v = 0;
    for (int i = 0; i < 4; i++)
        if (run_value(call_field(e, names[i]), &v))
            return v;
    return 0;
}

void call_epoll_ctl(struct run *r, const struct sc_call *c, struct outcome *o)
{
    struct run_object *p = epoll_at(r, call_fd(c));
    const int64_t op = call_number(c, 1, o), fd = call_number(c, 2, o);
    const struct sc_expr *e = call_arg(c, 3);
    int64_t events = 0;
    if (o->unsupported)
        return;
    if (!p || fd < 0 || fd >= RUN_FDS || r->live_fd[fd] < 0) {
        o->value = -EBADF;
        return;
    }
    struct run_watch *w = watch_of(p, fd);
    if (op == EPOLL_CTL_ADD ? w != NULL : w == NULL) {
        o->value = w ? -EEXIST : -ENOENT;
    } else if (op == EPOLL_CTL_DEL) {
        *w = p->watch[--p->n_watches];
    } else if (!run_value(call_field(e, "events"), &events)) {
        o->unsupported = "an event without its bits";
    } else if (!w && p->n_watches == RUN_WATCHES) {
        o->unsupported = "so many descriptors in one epoll";
    } else {
        w = w ? w : &p->watch[p->n_watches++];
        *w = (struct run_watch){ .fd = (int)fd, .events = (uint32_t)events, .data = data_of(e) };
    }
}

static uint32_t fires(const struct run *r, const struct run_watch *w)
{
    if (w->off || r->live_fd[w->fd] < 0)
        return 0;
    const uint32_t bits = ready_of(r, w->fd) & (w->events | EPOLLERR | EPOLLHUP);
    /* With EPOLLET something new must have come; what then is said is all that is ready. */
    return !(w->events & EPOLLET) || (bits & ~w->reported) ? bits : 0;
}

static void compare_event(struct run *r, const struct sc_expr *e, const struct run_watch *w,
                          uint32_t got)
{
    int64_t want;
    if (!run_value(call_field(e, "events"), &want))
        return;
    if ((uint32_t)want != got)
        run_end(r, VERDICT_FAIL, "events: expected 0x%x, got 0x%x", (unsigned)want, got);
    else if (data_of(e) != w->data)
        run_end(r, VERDICT_FAIL, "event data: expected %lld, got %lld", (long long)data_of(e),
                (long long)w->data);
}

void call_epoll_wait(struct run *r, const struct sc_call *c, struct outcome *o)
{
    struct run_object *p = epoll_at(r, call_fd(c));
    const int64_t most = call_number(c, 2, o), timeout = call_number(c, 3, o);
    const struct sc_expr *e = call_arg(c, 1);
    if (o->unsupported)
        return;
    if (!p || most < 1) {
        o->value = p ? -EINVAL : -EBADF;
        return;
    }
    run_follow_edges(r);
    for (int i = 0; i < p->n_watches; i++)
        o->value += o->value < most && fires(r, &p->watch[i]) != 0;
    if (!due(r, timeout, o))
        return;
    e = e && e->kind == SC_E_LIST ? e->first : e;
    long left = o->value;
    for (int i = 0; i < p->n_watches && left > 0; i++) {
        struct run_watch *w = &p->watch[i];
        const uint32_t got = fires(r, w);
        if (!got)
            continue;
        if (e && e->kind == SC_E_STRUCT)
            compare_event(r, e, w, got);
        e = e ? e->next : NULL;
        left--;
        w->reported = got;
        w->off = (w->events & EPOLLONESHOT) != 0;
    }
}
