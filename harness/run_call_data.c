/* The calls that send and receive. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "harness/run_call.h"

enum { MAX_IO = 1 << 26 };

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

void call_send(struct run *r, const struct sc_call *c, struct outcome *o)
{
    if (!strcmp(c->name, "writev")) {
        send_octets(r, c, NULL, iov_octets(call_arg(c, 1)), 0, o);
        return;
    }
    if (!strcmp(c->name, "sendmsg")) {
        const struct sc_expr *iov = call_field(call_arg(c, 1), "msg_iov");
        send_octets(r, c, NULL, iov_octets(iov), (int)call_number(c, 2, o), o);
        return;
    }
    int64_t len = call_number(c, 2, o);
    int flags = !strcmp(c->name, "write") ? 0 : (int)call_number(c, 3, o);
    if (!o->unsupported && len >= 0)
        send_octets(r, c, call_arg(c, 1), (size_t)len, flags, o);
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
    if (len < 0 || len > MAX_IO || !r->ops->recv) {
        o->unsupported = "a read of this size";
        return;
    }
    o->data = calloc(1, (size_t)len + 1);
    if (!o->data)
        abort();
    o->value = r->ops->recv(r->sut, call_live_fd(r, c), o->data, (size_t)len, flags, r->now);
    o->again = o->value == -EAGAIN;
}

/* ---- What was received ------------------------------------------------------------------ */

static bool only_looks(const struct sc_call *c)
{
    int64_t flags = 0;
    run_value(call_arg(c, !strcmp(c->name, "recvmsg") ? 2 : 3), &flags);
    return (flags & MSG_PEEK) != 0;
}

void call_check_data(struct run *r, const struct sc_call *c, const struct outcome *o)
{
    const struct sc_expr *e = call_arg(c, 1);
    const int fd = call_fd(c);
    if (!o->data || o->value <= 0 || fd < 0 || !e)
        return;
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
    if (!only_looks(c))
        r->read[fd] += (uint32_t)n;
}
