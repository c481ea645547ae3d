/* Socket calls: onto the adapter's table, with blocking made out of trying again. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "harness/run_call.h"

/* The arguments of the call at hand, in order. */
const struct sc_expr *call_arg(const struct sc_call *c, int n)
{
    const struct sc_expr *e = c->arg;
    while (e && n--)
        e = e->next;
    return sc_meant(e);
}

int64_t call_number(const struct sc_call *c, int n, struct outcome *o)
{
    int64_t v = 0;
    const struct sc_expr *e = call_arg(c, n);
    if (!run_value(e, &v))
        o->unsupported = e && e->text ? e->text : "an argument of this kind";
    return v;
}

int call_fd(const struct sc_call *c)
{
    int64_t fd = -1;
    run_value(c->arg, &fd);
    return fd >= 0 && fd < RUN_FDS ? (int)fd : -1;
}

int call_live_fd(const struct run *r, const struct sc_call *c)
{
    int fd = call_fd(c);
    return fd < 0 ? -1 : r->live_fd[fd];
}

/* ---- Addresses -------------------------------------------------------------------------- */

const struct sc_expr *call_field(const struct sc_expr *e, const char *name)
{
    for (e = e ? e->first : NULL; e; e = e->next)
        if (e->kind == SC_E_ASSIGN && strcmp(e->text, name) == 0)
            return sc_meant(e->b);
    return NULL;
}

/* inet_addr("..."), inet6_addr("..."), INADDR_ANY; the unspecified address is version 0. */
static bool address_of(const struct sc_expr *e, struct rs_addr *a)
{
    static const struct rs_addr none;
    if (!e)
        return false;
    *a = none;
    if (e->kind == SC_E_WORD)
        return !strcmp(e->text, "INADDR_ANY") || !strcmp(e->text, "in6addr_any");
    const struct sc_expr *text = e->kind == SC_E_CALL ? sc_meant(e->first) : NULL;
    if (!text || text->kind != SC_E_STRING)
        return false;
    a->version = strchr(text->text, ':') ? 6 : 4;
    if (inet_pton(a->version == 6 ? AF_INET6 : AF_INET, text->text, a->octet) != 1)
        return false;
    if (!memcmp(a->octet, none.octet, sizeof(none.octet)))
        *a = none;
    return true;
}

/* A field of a sockaddr under the name of either family. */
static const struct sc_expr *field_of(const struct sc_expr *e, const char *v4, const char *v6)
{
    const struct sc_expr *f = call_field(e, v4);
    return f ? f : call_field(e, v6);
}

bool call_endpoint(const struct sc_expr *e, struct rs_endpoint *at)
{
    int64_t port;
    if (!e || e->kind == SC_E_ELLIPSIS)
        return e != NULL;
    if (e->kind != SC_E_STRUCT)
        return false;
    const struct sc_expr *p = field_of(e, "sin_port", "sin6_port");
    if (!p || p->kind != SC_E_CALL || !run_value(p->first, &port) ||
        !address_of(field_of(e, "sin_addr", "sin6_addr"), &at->addr))
        return false;
    at->port = (uint16_t)port;
    return true;
}

/* ---- Opening ---------------------------------------------------------------------------- */

static void do_socket(struct run *r, const struct sc_call *c, struct outcome *o)
{
    int64_t type = call_number(c, 1, o);
    if (o->unsupported)
        return;
    if ((type & 0xf) != SOCK_STREAM) {
        o->unsupported = "a socket that is not SOCK_STREAM";
        return;
    }
    int fd = r->ops->socket ? r->ops->socket(r->sut) : -ENOSYS;
    o->value = fd;
    o->new_fd = fd >= 0 ? fd : -1;
    o->nonblocking = (type & SOCK_NONBLOCK) != 0;
}

static void do_bind(struct run *r, const struct sc_call *c, struct outcome *o)
{
    struct rs_endpoint at = { r->config.local, r->config.port };
    if (!call_endpoint(call_arg(c, 1), &at)) {
        o->unsupported = "this address";
        return;
    }
    o->value = r->ops->bind ? r->ops->bind(r->sut, call_live_fd(r, c), &at) : -ENOSYS;
    if (o->value == 0 && call_fd(c) >= 0)
        r->bound_port[call_fd(c)] = at.port;
}

static void do_listen(struct run *r, const struct sc_call *c, struct outcome *o)
{
    int backlog = (int)call_number(c, 1, o);
    if (o->unsupported)
        return;
    o->value = r->ops->listen ? r->ops->listen(r->sut, call_live_fd(r, c), backlog, r->now)
                              : -ENOSYS;
    if (o->value != 0)
        return;
    r->listening = true;
    r->is_listener[call_fd(c)] = true;
    r->listen_port = r->bound_port[call_fd(c)];
}

static void do_accept(struct run *r, const struct sc_call *c, struct outcome *o)
{
    struct rs_endpoint peer = { 0 };
    int fd = r->ops->accept ? r->ops->accept(r->sut, call_live_fd(r, c), &peer, r->now)
                            : -ENOSYS;
    o->value = fd;
    o->again = fd == -EAGAIN;
    o->new_fd = fd >= 0 ? fd : -1;
    int64_t flags = 0;
    o->nonblocking = !strcmp(c->name, "accept4") && run_value(call_arg(c, 3), &flags) &&
                     (flags & SOCK_NONBLOCK);
}

void call_connected(struct run *r, int live_fd, struct outcome *o)
{
    int64_t error = 0;
    o->again = !(r->ops->ready(r->sut, live_fd) & (POLLOUT | POLLERR | POLLHUP));
    o->connecting = o->again;
    if (!o->again)
        r->ops->getsockopt(r->sut, live_fd, SOL_SOCKET, SO_ERROR, &error);
    o->value = -(long)error;
}

/* Once begun, the outcome of connect is what readiness and SO_ERROR tell. */
static void do_connect(struct run *r, const struct sc_call *c, struct outcome *o)
{
    struct rs_endpoint to = { r->config.remote, r->config.port };
    const int fd = call_live_fd(r, c);
    if (!r->pending.connecting) {
        if (!call_endpoint(call_arg(c, 1), &to))
            o->unsupported = "this address";
        else
            o->value = r->ops->connect ? r->ops->connect(r->sut, fd, &to, r->now) : -ENOSYS;
        o->again = o->connecting = !o->unsupported && o->value == -EINPROGRESS;
        return;
    }
    call_connected(r, fd, o);
}

/* ---- The rest --------------------------------------------------------------------------- */

static void do_close(struct run *r, const struct sc_call *c, struct outcome *o)
{
    int fd = call_fd(c);
    if (fd >= 0 && r->object[fd]) {
        r->object[fd] = NULL;
        return;
    }
    o->value = r->ops->close ? r->ops->close(r->sut, call_live_fd(r, c), r->now) : -ENOSYS;
    o->again = o->value == -EAGAIN; /* it lingers */
    if (o->value != 0 || fd < 0)
        return;
    r->live_fd[fd] = -1;
    r->nonblocking[fd] = false;
    r->timeout[0][fd] = r->timeout[1][fd] = 0;
    if (r->is_listener[fd])
        r->listening = r->is_listener[fd] = false;
}

static void do_shutdown(struct run *r, const struct sc_call *c, struct outcome *o)
{
    int how = (int)call_number(c, 1, o);
    if (!o->unsupported)
        o->value = r->ops->shutdown ? r->ops->shutdown(r->sut, call_live_fd(r, c), how, r->now)
                                    : -ENOSYS;
}

static void do_fcntl(struct run *r, const struct sc_call *c, struct outcome *o)
{
    int64_t command = call_number(c, 1, o);
    const int fd = call_fd(c);
    if (fd < 0 || r->live_fd[fd] < 0) {
        o->value = -EBADF;
    } else if (command == F_GETFL) {
        o->value = O_RDWR | (r->nonblocking[fd] ? O_NONBLOCK : 0);
    } else if (command == F_SETFL) {
        r->nonblocking[fd] = (call_number(c, 2, o) & O_NONBLOCK) != 0;
        o->value = r->ops->nonblock ? r->ops->nonblock(r->sut, r->live_fd[fd], r->nonblocking[fd],
                                                       r->now)
                                    : 0;
    } else {
        o->unsupported = "this fcntl";
    }
}

static const struct {
    const char *name;
    void (*run)(struct run *, const struct sc_call *, struct outcome *);
} calls[] = {
    { "socket", do_socket },         { "bind", do_bind },
    { "listen", do_listen },         { "accept", do_accept },
    { "accept4", do_accept },        { "connect", do_connect },
    { "write", call_send },            { "send", call_send },
    { "sendto", call_send },           { "sendmsg", call_send },
    { "writev", call_send },           { "read", call_recv },
    { "recv", call_recv },             { "recvfrom", call_recv },
    { "recvmsg", call_recv },          { "readv", call_recv },
    { "close", do_close },           { "shutdown", do_shutdown },
    { "fcntl", do_fcntl },           { "setsockopt", call_setsockopt },
    { "getsockopt", call_getsockopt }, { "ioctl", call_ioctl },
    { "poll", call_poll },           { "epoll_create", call_epoll_create },
    { "epoll_create1", call_epoll_create }, { "epoll_ctl", call_epoll_ctl },
    { "epoll_wait", call_epoll_wait }, { "pipe", call_pipe },
    { "open", call_open },           { "splice", call_splice },
    { "sendfile", call_sendfile },
};

/* ---- Outcome ---------------------------------------------------------------------------- */

static void describe(char *buf, size_t cap, long value)
{
    if (value >= 0)
        snprintf(buf, cap, "%ld", value);
    else
        snprintf(buf, cap, "-1 %s", strerrorname_np((int)-value));
}

static void judge(struct run *r, const struct sc_call *c, const struct outcome *o)
{
    int64_t want = 0;
    char got[64];
    describe(got, sizeof(got), o->value);
    if (c->result->kind == SC_E_ELLIPSIS || r->over)
        return;
    if (!run_value(c->result, &want)) {
        run_end(r, VERDICT_UNSUPPORTED, "%s: a result of this kind cannot be compared", c->name);
        return;
    }
    if (o->object && want >= 0 && want < RUN_FDS) {
        r->object[want] = o->object;
    } else if (o->new_fd >= 0 && want >= 0 && want < RUN_FDS) {
        r->live_fd[want] = o->new_fd;
        r->nonblocking[want] = o->nonblocking;
        r->read[want] = r->written[want] = 0;
    } else if (want < 0 ? o->value >= 0 : o->value != want) {
        run_end(r, VERDICT_FAIL, "%s: expected %lld%s%s, got %s", c->name, (long long)want,
                c->err ? " " : "", c->err ? c->err : "", got);
    } else if (want < 0 && c->err && strcmp(c->err, strerrorname_np((int)-o->value)) != 0) {
        run_end(r, VERDICT_FAIL, "%s: expected -1 %s, got %s", c->name, c->err, got);
    } else {
        call_check_data(r, c, o);
    }
}

static bool attempt(struct run *r, const struct sc_event *ev, struct outcome *o)
{
    const struct sc_call *c = &ev->u.call;
    *o = (struct outcome){ .new_fd = -1 };
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        if (strcmp(calls[i].name, c->name) != 0)
            continue;
        calls[i].run(r, c, o);
        if (o->unsupported)
            run_end(r, VERDICT_UNSUPPORTED, "%s: %s is not supported", c->name, o->unsupported);
        else if (o->value == -ENOSYS)
            run_end(r, VERDICT_UNSUPPORTED, "%s: %s cannot do it", c->name, r->ops->name);
        return !r->over;
    }
    run_end(r, VERDICT_UNSUPPORTED, "%s: this call is not supported", c->name);
    return false;
}

static bool expects_to_block(const struct sc_call *c)
{
    return c->err && (!strcmp(c->err, "EAGAIN") || !strcmp(c->err, "EWOULDBLOCK") ||
                      !strcmp(c->err, "EINPROGRESS"));
}

static void record_call(struct run *r, const struct sc_call *c, long value)
{
    char text[64];
    if (!r->opt->trace)
        return;
    describe(text, sizeof(text), value);
    case_event(r->opt->trace, r->now - r->begun, END_B, "%s = %s", c->name, text)->line =
        r->ev ? r->ev->line : 0;
}

/* SO_RCVTIMEO and SO_SNDTIMEO: the call returns then, as one that would block. */
static void set_timeout(struct run *r, const struct sc_call *c, int fd)
{
    static const char *const receiving[] = { "read", "recv", "recvfrom", "recvmsg", "readv",
                                             "accept", "accept4" };
    if (fd < 0 || r->pending.wake != RS_NEVER)
        return;
    const bool sends = sc_name_index(receiving, 7, c->name, strlen(c->name)) < 0;
    r->pending.timed = r->timeout[sends][fd] > 0;
    if (r->pending.timed)
        r->pending.wake = r->now + r->timeout[sends][fd];
}

/* Whether its time is over; then what was done so far is its result. */
static bool timed_out(const struct run *r, struct outcome *o)
{
    if (!o->again || !r->pending.timed || r->now < r->pending.wake)
        return false;
    o->again = false;
    o->value = r->pending.done ? (long)r->pending.done : -EAGAIN;
    return true;
}

void run_call(struct run *r, const struct sc_event *ev)
{
    struct outcome o;
    const struct sc_call *c = &ev->u.call;
    if (r->pending.ev) {
        run_end(r, VERDICT_FAIL, "%s: expected the call of line %u to have returned, got no return",
                c->name, r->pending.ev->line);
        return;
    }
    r->pending = (struct run_pending){ .begin = r->now - r->begun, .wake = RS_NEVER };
    const int fd = call_fd(c);
    const bool waits = !(fd >= 0 && r->nonblocking[fd]) && !expects_to_block(c) &&
                       !(call_flags(c) & MSG_DONTWAIT);
    r->pending.blocks = waits;
    if (r->ops->may_block)
        r->ops->may_block(r->sut, waits);
    if (!attempt(r, ev, &o)) {
        free(o.data);
        return;
    }
    if (o.again && waits) {
        r->pending.ev = ev;
        r->pending.connecting = o.connecting;
        set_timeout(r, c, fd);
        r->pending.end = r->base;
        if (ev->at.blocking)
            r->pending.end += ev->at.to - ev->at.from;
    } else {
        record_call(r, c, o.value);
        judge(r, c, &o);
        if (ev->at.blocking && ev->at.to > ev->at.from + r->tolerance && !r->over)
            run_end(r, VERDICT_FAIL, "%s: expected to block, got an immediate return", c->name);
    }
    free(o.data);
    run_pull(r);
}

void run_retry(struct run *r)
{
    struct outcome o;
    const struct sc_event *ev = r->pending.ev, *at = r->ev;
    if (!ev || r->over)
        return;
    r->ev = ev;
    const bool tried = attempt(r, ev, &o);
    r->pending.connecting = o.connecting;
    if (tried && (!o.again || timed_out(r, &o))) {
        const uint64_t now = r->now - r->begun;
        if (now + r->tolerance < r->pending.end)
            run_end(r, VERDICT_FAIL, "%s: expected to return at %.6f s, got a return at %.6f s",
                    ev->u.call.name, (double)r->pending.end / 1e6, (double)now / 1e6);
        record_call(r, &ev->u.call, o.value);
        judge(r, &ev->u.call, &o);
        r->pending.ev = NULL;
    }
    free(o.data);
    if (!r->over)
        r->ev = at;
}
