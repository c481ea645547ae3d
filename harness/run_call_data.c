/* The calls that send and receive. */
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "harness/run_call.h"

enum { MAX_IO = 1 << 26, CM_INQ = 36 /* TCP_INQ, and TCP_CM_INQ */ };

/* What a write sends: a string, the pattern, or zeros as packetdrill's `...`. */
static uint8_t *text_of(const struct sc_expr *e, size_t len, uint32_t from)
{
    uint8_t *text = calloc(1, len ? len : 1);
    if (!text)
        abort();
    if (e && e->kind == SC_E_STRING)
        memcpy(text, e->text, e->len < len ? e->len : len);
    if (e && e->kind == SC_E_WORD && !strcmp(e->text, "pattern"))
        for (size_t i = 0; i < len; i++)
            text[i] = sc_pattern(from + (uint32_t)i);
    return text;
}

/* Octets in the buffers of an iovec list: [{..., 10}, {..., 20}]. */
static size_t iov_octets(const struct sc_expr *list)
{
    int64_t total = 0, one;
    for (const struct sc_expr *e = list ? list->first : NULL; e; e = e->next)
        if (e->first && run_value(e->first->next, &one))
            total += one;
    return total > 0 ? (size_t)total : 0;
}

static void send_octets(struct run *r, const struct sc_call *c, const struct sc_expr *what,
                        size_t len, int flags, struct outcome *o)
{
    const int fd = call_fd(c);
    if (len > MAX_IO || !r->ops->send) {
        o->unsupported = "a write of this size";
        return;
    }
    uint8_t *text = text_of(what, len, fd >= 0 ? r->written[fd] : 0);
    long n = r->ops->send(r->sut, call_live_fd(r, c), text + r->pending.done, len - r->pending.done,
                          flags, r->now);
    free(text);
    o->value = n;
    if (n > 0)
        r->pending.done += (size_t)n;
    if (n == -EAGAIN || (n >= 0 && r->pending.done < len))
        o->again = true;
    else if (n >= 0)
        o->value = (long)r->pending.done;
    /* A socket that does not block takes what it can. */
    if (o->again && r->pending.done && fd >= 0 && r->nonblocking[fd]) {
        o->value = (long)r->pending.done;
        o->again = false;
    }
    if (!o->again && o->value > 0 && fd >= 0)
        r->written[fd] += (uint32_t)o->value;
}

int call_flags(const struct sc_call *c)
{
    static const char *const third[] = { "sendmsg", "recvmsg" };
    static const char *const fourth[] = { "send", "sendto", "recv", "recvfrom" };
    const size_t len = strlen(c->name);
    int64_t flags = 0;
    if (sc_name_index(third, 2, c->name, len) >= 0)
        run_value(call_arg(c, 2), &flags);
    else if (sc_name_index(fourth, 4, c->name, len) >= 0)
        run_value(call_arg(c, 3), &flags);
    return (int)flags;
}

/* sendto and sendmsg with MSG_FASTOPEN (RFC 7413): the SYN takes what it may; where there is no
 * cookie yet the call waits for the connection, or says that it is being made. */
static bool send_fast(struct run *r, const struct sc_call *c, size_t len, struct outcome *o)
{
    struct rs_endpoint to = { r->config.remote, r->config.port };
    const bool msg = !strcmp(c->name, "sendmsg");
    const struct sc_expr *name = msg ? call_field(call_arg(c, 1), "msg_name") : call_arg(c, 4);
    const int fd = call_live_fd(r, c);
    if (r->pending.connecting) {
        call_connected(r, fd, o);
        return o->again || o->value < 0;
    }
    if (r->pending.done || r->pending.ev == r->ev)
        return false;
    if (len > MAX_IO || (name && !call_endpoint(name, &to)) || !r->ops->send_fast) {
        o->value = -ENOSYS;
        return true;
    }
    uint8_t *text = text_of(call_arg(c, 1), len, 0);
    o->value = r->ops->send_fast(r->sut, fd, &to, text, len, r->now);
    free(text);
    /* A call that blocks waits for the connection also where the SYN took it all. */
    o->connecting = o->again = r->pending.blocks && (o->value >= 0 || o->value == -EINPROGRESS);
    if (o->again && o->value > 0)
        r->pending.done = (size_t)o->value;
    return true;
}

/* FreeBSD's sendto connects by itself where an address is given. */
static bool implied_connect(struct run *r, const struct sc_call *c, struct outcome *o)
{
    struct rs_endpoint to = { r->config.remote, r->config.port };
    if (!r->freebsd || strcmp(c->name, "sendto") != 0 || !r->ops->send_fast ||
        (o->value != -EPIPE && o->value != -ENOTCONN) || !call_endpoint(call_arg(c, 4), &to))
        return false;
    o->value = r->ops->send_fast(r->sut, call_live_fd(r, c), &to, "", 0, r->now);
    return o->value >= 0 || o->value == -EINPROGRESS;
}

void call_send(struct run *r, const struct sc_call *c, struct outcome *o)
{
    if (call_fd(c) >= 0 && r->object[call_fd(c)]) {
        o->unsupported = "this on a pipe, file or epoll";
        return;
    }
    if (!strcmp(c->name, "writev")) {
        send_octets(r, c, NULL, iov_octets(call_arg(c, 1)), 0, o);
        return;
    }
    if (!strcmp(c->name, "sendmsg")) {
        const struct sc_expr *iov = call_field(call_arg(c, 1), "msg_iov");
        const int flags = (int)call_number(c, 2, o);
        if (!(flags & MSG_FASTOPEN) || !send_fast(r, c, iov_octets(iov), o))
            send_octets(r, c, NULL, iov_octets(iov), flags & ~MSG_FASTOPEN, o);
        return;
    }
    int64_t len = call_number(c, 2, o);
    int flags = !strcmp(c->name, "write") ? 0 : (int)call_number(c, 3, o);
    if (o->unsupported || len < 0)
        return;
    if (!(flags & MSG_FASTOPEN) || !send_fast(r, c, (size_t)len, o))
        send_octets(r, c, call_arg(c, 1), (size_t)len, flags & ~MSG_FASTOPEN, o);
    if (implied_connect(r, c, o))
        send_octets(r, c, call_arg(c, 1), (size_t)len, flags, o);
}

/* MSG_WAITALL where the runner makes calls block: whether there is as much as is wanted, or an end
 * beyond which no more will come. */
static bool all_there(struct run *r, int live, uint8_t *buf, size_t len, int flags)
{
    if (!(flags & MSG_WAITALL) || r->ops->wait || !r->pending.blocks || !r->ops->ready)
        return true;
    const long n = r->ops->recv(r->sut, live, buf, len, MSG_PEEK, r->now);
    return n >= 0 ? (size_t)n == len || n == 0 ||
                        (r->ops->ready(r->sut, live) & (POLLRDHUP | POLLHUP)) != 0
                  : n != -EAGAIN;
}

void call_recv(struct run *r, const struct sc_call *c, struct outcome *o)
{
    int64_t len = 0;
    int flags = 0;
    if (!strcmp(c->name, "readv")) {
        len = (int64_t)iov_octets(call_arg(c, 1));
    } else if (!strcmp(c->name, "recvmsg")) {
        len = (int64_t)iov_octets(call_field(call_arg(c, 1), "msg_iov"));
        flags = (int)call_number(c, 2, o);
    } else {
        len = call_number(c, 2, o);
        flags = !strcmp(c->name, "read") ? 0 : (int)call_number(c, 3, o);
    }
    if (o->unsupported)
        return;
    if (len < 0 || len > MAX_IO || !r->ops->recv || (call_fd(c) >= 0 && r->object[call_fd(c)])) {
        o->unsupported = "a read of this size";
        return;
    }
    o->data = calloc(1, (size_t)len + 1);
    if (!o->data)
        abort();
    const int live = call_live_fd(r, c);
    if (!all_there(r, live, o->data, (size_t)len, flags)) {
        o->again = true;
        o->value = -EAGAIN;
        return;
    }
    const int passed = r->ops->wait ? flags : flags & ~MSG_WAITALL;
    o->value = r->ops->recv(r->sut, live, o->data, (size_t)len, passed, r->now);
    o->again = o->value == -EAGAIN;
}

/* ---- What was received ------------------------------------------------------------------ */

/* Control data: TCP_CM_INQ says how much is left to read, at the end of data 1. */
static void check_control(struct run *r, const struct sc_call *c)
{
    const struct sc_expr *msg = call_arg(c, 1), *list = call_field(msg, "msg_control");
    for (const struct sc_expr *e = list ? list->first : NULL; e && !r->over; e = e->next) {
        int64_t level = 0, type = 0, want = 0, got = 0;
        run_value(call_field(e, "cmsg_level"), &level);
        run_value(call_field(e, "cmsg_type"), &type);
        if (level != SOL_TCP || type != CM_INQ || !run_value(call_field(e, "cmsg_data"), &want) ||
            !r->ops->ioctl || r->ops->ioctl(r->sut, call_live_fd(r, c), FIONREAD, &got) < 0) {
            run_end(r, VERDICT_UNSUPPORTED, "%s: this control data is not supported", c->name);
            return;
        }
        if (got == 0 && r->ops->ready && (r->ops->ready(r->sut, call_live_fd(r, c)) & POLLRDHUP))
            got = 1;
        if (got != want)
            run_end(r, VERDICT_FAIL, "cmsg_data: expected %lld, got %lld", (long long)want,
                    (long long)got);
    }
}

void call_check_data(struct run *r, const struct sc_call *c, const struct outcome *o)
{
    const struct sc_expr *e = call_arg(c, 1);
    const int fd = call_fd(c);
    if (!o->data || o->value < 0 || fd < 0 || !e)
        return;
    if (!strcmp(c->name, "recvmsg"))
        check_control(r, c);
    if (call_flags(c) & (MSG_OOB | MSG_TRUNC))
        return; /* not of the stream, or not handed over */
    const size_t n = (size_t)o->value;
    const bool by_value = e->kind == SC_E_STRING || e->kind == SC_E_STRING_MORE;
    const bool pattern = e->kind == SC_E_WORD && !strcmp(e->text, "pattern");
    for (size_t i = 0; i < n && (by_value || pattern); i++) {
        if (by_value && i >= e->len)
            break;
        uint8_t want = by_value ? (uint8_t)e->text[i] : sc_pattern(r->read[fd] + (uint32_t)i);
        if (want != o->data[i]) {
            run_end(r, VERDICT_FAIL, "data: expected 0x%02x at octet %zu, got 0x%02x", want, i,
                    o->data[i]);
            return;
        }
    }
    if (!(call_flags(c) & MSG_PEEK))
        r->read[fd] += (uint32_t)n;
}
