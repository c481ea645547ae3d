/* Files and pipes, for the calls that move octets between them and a socket: splice and sendfile.
 *
 * They are the runner's own, and what they move goes through the adapter's send and recv: a virtual
 * stack knows no page of anybody's.  A live kernel would have to be asked by the real calls, which
 * needs descriptors of its own, so there they are unsupported. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/run_call.h"

enum { PIPE_OCTETS = 65536, FILE_OCTETS = 1 << 24 };

static struct run_object *object_at(const struct run *r, const struct sc_call *c, int n, int kind)
{
    int64_t fd = -1;
    run_value(call_arg(c, n), &fd);
    struct run_object *p = fd >= 0 && fd < RUN_FDS ? r->object[fd] : NULL;
    return p && p->kind == kind ? p : NULL;
}

static int socket_at(const struct run *r, const struct sc_call *c, int n)
{
    int64_t fd = -1;
    run_value(call_arg(c, n), &fd);
    return fd >= 0 && fd < RUN_FDS ? r->live_fd[fd] : -1;
}

static bool only_virtual(const struct run *r, struct outcome *o)
{
    if (r->ops->wait || !r->ops->send || !r->ops->recv)
        o->unsupported = "a file or pipe with this stack";
    return !o->unsupported;
}

void call_open(struct run *r, const struct sc_call *c, struct outcome *o)
{
    const struct sc_expr *e = call_arg(c, 0);
    const int64_t flags = call_number(c, 1, o);
    if (o->unsupported || !only_virtual(r, o))
        return;
    if (!e || e->kind != SC_E_STRING || (flags & 3) != 0) {
        o->unsupported = "a file that is not opened by name to be read";
        return;
    }
    struct run_object *p = sc_alloc(&r->arena, sizeof(*p));
    p->kind = RUN_FILE;
    p->octet = sc_alloc(&r->arena, FILE_OCTETS);
    /* As many zeros as a script may ask for. */
    p->len = FILE_OCTETS;
    if (strcmp(e->text, "/dev/zero") != 0) {
        FILE *f = fopen(e->text, "rb");
        if (!f) {
            o->value = -errno;
            return;
        }
        p->len = fread(p->octet, 1, FILE_OCTETS, f);
        fclose(f);
    }
    o->object = p;
}

void call_pipe(struct run *r, const struct sc_call *c, struct outcome *o)
{
    const struct sc_expr *list = call_arg(c, 0);
    int64_t fd[2] = { -1, -1 };
    if (!only_virtual(r, o))
        return;
    if (!list || list->kind != SC_E_LIST || !list->first || !run_value(list->first, &fd[0]) ||
        !run_value(list->first->next, &fd[1]) || fd[0] < 0 || fd[0] >= RUN_FDS || fd[1] < 0 ||
        fd[1] >= RUN_FDS) {
        o->unsupported = "a pipe whose two ends are not given as [IN, OUT]";
        return;
    }
    struct run_object *p = sc_alloc(&r->arena, sizeof(*p));
    p->kind = RUN_PIPE;
    p->octet = sc_alloc(&r->arena, PIPE_OCTETS);
    r->object[fd[0]] = r->object[fd[1]] = p;
}

static void from_socket(struct run *r, int live, struct run_object *p, size_t len,
                        struct outcome *o)
{
    const size_t room = PIPE_OCTETS - p->len;
    if (room == 0) {
        o->value = -EAGAIN;
        return;
    }
    o->value = r->ops->recv(r->sut, live, p->octet + p->len, len < room ? len : room, 0, r->now);
    p->len += o->value > 0 ? (size_t)o->value : 0;
}

static void to_socket(struct run *r, int live, struct run_object *p, size_t len, struct outcome *o)
{
    const size_t n = len < p->len ? len : p->len;
    if (n == 0)
        return;
    o->value = r->ops->send(r->sut, live, p->octet, n, 0, r->now);
    if (o->value <= 0)
        return;
    p->len -= (size_t)o->value;
    memmove(p->octet, p->octet + o->value, p->len);
}

/* splice(IN, NULL, OUT, NULL, LEN, FLAGS) */
void call_splice(struct run *r, const struct sc_call *c, struct outcome *o)
{
    const int64_t len = call_number(c, 4, o);
    struct run_object *in = object_at(r, c, 0, RUN_PIPE), *out = object_at(r, c, 2, RUN_PIPE);
    if (o->unsupported || !only_virtual(r, o))
        return;
    if (len < 0 || (in == NULL) == (out == NULL))
        o->value = -EINVAL;
    else if (in)
        to_socket(r, socket_at(r, c, 2), in, (size_t)len, o);
    else
        from_socket(r, socket_at(r, c, 0), out, (size_t)len, o);
    o->again = o->value == -EAGAIN;
}

/* sendfile(SOCKET, FILE, [OFFSET], LEN) */
void call_sendfile(struct run *r, const struct sc_call *c, struct outcome *o)
{
    struct run_object *f = object_at(r, c, 1, RUN_FILE);
    const int64_t len = call_number(c, 3, o);
    int64_t from = 0;
    if (o->unsupported || !only_virtual(r, o))
        return;
    const bool given = call_arg(c, 2) && call_arg(c, 2)->kind == SC_E_LIST &&
                       run_value(call_arg(c, 2), &from);
    if (!f || len < 0 || from < 0) {
        o->value = f ? -EINVAL : -EBADF;
        return;
    }
    size_t at = given ? (size_t)from : f->read;
    if (given) /* else the file's own place has moved already */
        at += r->pending.done;
    const size_t left = at < f->len ? f->len - at : 0;
    const size_t want = (size_t)len - r->pending.done;
    const size_t n = want < left ? want : left;
    if (n)
        o->value = r->ops->send(r->sut, socket_at(r, c, 0), f->octet + at, n, 0, r->now);
    if (o->value > 0 && !given)
        f->read += (size_t)o->value;
    if (o->value > 0)
        r->pending.done += (size_t)o->value;
    o->again = o->value == -EAGAIN || (o->value > 0 && (size_t)o->value < n);
    const int fd = call_fd(c);
    if (o->again && r->pending.done && fd >= 0 && r->nonblocking[fd])
        o->again = false;
    if (!o->again && o->value >= 0)
        o->value = (long)r->pending.done;
}
