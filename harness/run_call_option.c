/* Socket options and ioctl: values by number, text, struct linger and struct timeval. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "harness/run_call.h"

/* SO_LINGER as one number, as the adapters take it: the seconds, or -1 for off. */
static bool linger_value(const struct sc_expr *e, int64_t *value)
{
    int64_t on = 0, seconds = 0;
    if (!run_value(call_field(e, "onoff"), &on) || !run_value(call_field(e, "linger"), &seconds))
        return false;
    *value = on ? seconds : -1;
    return true;
}

/* Timeouts of blocking calls are the runner's where it makes the calls block. */
static bool set_timeout(struct run *r, const struct sc_call *c, int option, struct outcome *o)
{
    int64_t sec = 0, usec = 0;
    const struct sc_expr *e = call_arg(c, 3);
    const int fd = call_fd(c);
    if (option != SO_RCVTIMEO && option != SO_SNDTIMEO)
        return false;
    if (!e || e->kind != SC_E_STRUCT || !run_value(call_field(e, "tv_sec"), &sec) ||
        !run_value(call_field(e, "tv_usec"), &usec) || sec < 0 || sec > 1 << 20 || usec < 0)
        o->unsupported = "a timeout that is not {tv_sec = S, tv_usec = U}";
    else if (r->ops->wait)
        o->unsupported = "a timeout of a stack that blocks by itself";
    else if (fd < 0 || r->live_fd[fd] < 0)
        o->value = -EBADF;
    else
        r->timeout[option == SO_SNDTIMEO][fd] = (uint64_t)sec * 1000000 + (uint64_t)usec;
    return true;
}

void call_setsockopt(struct run *r, const struct sc_call *c, struct outcome *o)
{
    const int level = (int)call_number(c, 1, o), option = (int)call_number(c, 2, o);
    const int fd = call_live_fd(r, c);
    const struct sc_expr *e = call_arg(c, 3);
    int64_t value = 0;
    if (o->unsupported || (level == SOL_SOCKET && set_timeout(r, c, option, o)))
        return;
    if (e && e->kind == SC_E_STRING) {
        o->value = r->ops->set_text ? r->ops->set_text(r->sut, fd, level, option, e->text, r->now)
                                    : -ENOSYS;
        return;
    }
    if (e && e->kind == SC_E_STRUCT && !linger_value(e, &value))
        o->unsupported = "this struct";
    else if (!e || e->kind != SC_E_STRUCT)
        value = call_number(c, 3, o);
    if (!o->unsupported)
        o->value = r->ops->setsockopt ? r->ops->setsockopt(r->sut, fd, level, option, value, r->now)
                                      : -ENOSYS;
}

static void compare_text(struct run *r, const struct sc_expr *e, int fd, int level, int option,
                         struct outcome *o)
{
    char got[64] = "";
    o->value = r->ops->get_text ? r->ops->get_text(r->sut, fd, level, option, got, sizeof(got))
                                : -ENOSYS;
    if (o->value == 0 && (strncmp(got, e->text, e->len) != 0 ||
                          (e->kind == SC_E_STRING && strlen(got) != strlen(e->text))))
        run_end(r, VERDICT_FAIL, "value: expected \"%s\", got \"%s\"", e->text, got);
}

/* A name that is no constant of ours may be an errno: SO_ERROR gives those. */
static bool compare_errno(struct run *r, const struct sc_expr *e, int64_t got)
{
    const struct sc_expr *word = e->kind == SC_E_LIST ? sc_meant(e->first) : NULL;
    int64_t is_constant;
    if (!word || word->kind != SC_E_WORD || run_value(e, &is_constant))
        return false;
    const char *name = strerrorname_np((int)got);
    if (!name || strcmp(name, word->text) != 0)
        run_end(r, VERDICT_FAIL, "value: expected %s, got %s", word->text,
                name && got ? name : "no error");
    return true;
}

static void compare(struct run *r, const struct sc_expr *e, int64_t got, struct outcome *o)
{
    int64_t want;
    if (!e || e->kind == SC_E_ELLIPSIS || compare_errno(r, e, got))
        return;
    if (!(e->kind == SC_E_STRUCT ? linger_value(e, &want) : run_value(e, &want)))
        o->unsupported = "a value of this kind";
    else if (want != got)
        run_end(r, VERDICT_FAIL, "value: expected %lld, got %lld", (long long)want, (long long)got);
}

void call_getsockopt(struct run *r, const struct sc_call *c, struct outcome *o)
{
    const int level = (int)call_number(c, 1, o), option = (int)call_number(c, 2, o);
    const int fd = call_live_fd(r, c);
    const struct sc_expr *e = call_arg(c, 3);
    int64_t got = 0;
    if (o->unsupported)
        return;
    if (e && (e->kind == SC_E_STRING || e->kind == SC_E_STRING_MORE)) {
        compare_text(r, e, fd, level, option, o);
        return;
    }
    o->value = r->ops->getsockopt ? r->ops->getsockopt(r->sut, fd, level, option, &got) : -ENOSYS;
    if (o->value == 0)
        compare(r, e, got, o);
}

void call_ioctl(struct run *r, const struct sc_call *c, struct outcome *o)
{
    const int64_t request = call_number(c, 1, o);
    int64_t got = 0;
    if (o->unsupported)
        return;
    o->value = r->ops->ioctl ? r->ops->ioctl(r->sut, call_live_fd(r, c), (unsigned long)request,
                                             &got)
                             : -ENOSYS;
    if (o->value == 0)
        compare(r, call_arg(c, 2), got, o);
}
