/* The live Linux kernel behind the adapter's table: real sockets in a namespace of their own. */
#include "harness/sut_linux.h"

#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/clock.h"
#include "harness/ns.h"
#include "harness/sut_linux_addr.h"

/* ---- Lifecycle -------------------------------------------------------------------------- */

/* Where the machine lets us, a case goes before whoever only computes: almost all it does is wait,
 * and for short times.  Setting up and taking down go behind, for they take long, and the kernel's
 * own threads that carry packets under load (ksoftirqd) have no more than an ordinary priority.
 * The limit has to be asked for as the root that we are outside, and holds inside. */
static void go_first(bool first)
{
    const struct sched_param at = { .sched_priority = first ? 1 : 0 };
    sched_setscheduler(0, first ? SCHED_RR : SCHED_OTHER, &at);
}

static void lin_destroy(void *sut)
{
    struct lin_sut *s = sut;
    go_first(false);
    lin_blocker_free(s);
    for (size_t i = 0; i < s->n_fds; i++)
        close(s->fd[i]);
    diag_close(&s->diag);
    const int own[] = { s->tap, s->tun, s->epoll };
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (own[i] >= 0)
            close(own[i]);
    free(s);
}

/* The first case of a process gets a user namespace too; the later ones are root in it. */
static bool enter(char *why, size_t cap)
{
    static bool entered;
    struct ns_error error;
    if (!entered)
        setrlimit(RLIMIT_RTPRIO, &(struct rlimit){ 1, 1 });
    if ((entered ? ns_enter_net(&error) : ns_enter(&error)) < 0) {
        snprintf(why, cap, "%s", error.text);
        return false;
    }
    return entered = true;
}

static void *lin_create(const struct sut_config *config, uint64_t now, char *why, size_t cap)
{
    struct lin_sut *s = calloc(1, sizeof(*s));
    if (!s)
        abort();
    s->config = *config;
    s->tun = s->tap = s->epoll = -1;
    int rc = 0;
    if (enter(why, cap) && lin_configure(s, why, cap) && lin_wire_open(s, why, cap) &&
        (rc = diag_open(&s->diag)) == 0) {
        go_first(true);
        s->epoch = clock_us() - now;
        return s;
    }
    if (rc < 0)
        snprintf(why, cap, "cannot ask for the kernel's sockets: %s; its sock_diag is needed",
                 strerror(-rc));
    lin_destroy(s);
    return NULL;
}

static uint64_t lin_deadline(void *sut)
{
    (void)sut;
    return RS_NEVER; /* it keeps its own time */
}

static void lin_may_block(void *sut, bool may)
{
    ((struct lin_sut *)sut)->may_block = may;
}

/* ---- Sockets ---------------------------------------------------------------------------- */

static int keep_fd(struct lin_sut *s, int fd)
{
    if (fd < 0)
        return -errno;
    if (s->n_fds == LIN_FDS) {
        close(fd);
        return -EMFILE;
    }
    s->fd[s->n_fds++] = fd;
    lin_watch(s, fd);
    return fd;
}

/* The congestion control that every namespace may have.  A verdict may not depend on what this
 * machine's default is: BBR paces what it sends, and ignores single losses.  Said to each socket,
 * from which accepted ones inherit it: opening a file below /proc/sys costs a look at the same
 * file of each namespace there is. */
static int set_congestion(const struct lin_sut *s, int fd)
{
    static const char reno[] = "reno";
    if (s->own_congestion)
        return 0;
    return setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, reno, sizeof(reno) - 1) < 0 ? -errno : 0;
}

static int lin_socket(void *sut)
{
    struct lin_sut *s = sut;
    const int family = s->config.local.version == 6 ? AF_INET6 : AF_INET;
    int fd = keep_fd(s, socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int rc = fd < 0 ? 0 : set_congestion(s, fd);
    if (rc < 0)
        return rc;
    for (size_t i = 0; fd >= 0 && i < s->n_options; i++) {
        const struct lin_option *o = &s->option[i];
        if (setsockopt(fd, o->level, o->option, &o->value, sizeof(o->value)) < 0)
            return -errno;
    }
    return fd;
}

/* An endpoint without an address stands for any. */
static struct rs_endpoint of_version(const struct lin_sut *s, const struct rs_endpoint *e)
{
    struct rs_endpoint full = *e;
    if (!full.addr.version)
        full.addr.version = s->config.local.version;
    return full;
}

static int lin_bind(void *sut, int fd, const struct rs_endpoint *at)
{
    struct sockaddr_storage addr;
    const struct rs_endpoint full = of_version(sut, at);
    const socklen_t len = lin_sockaddr(&full, &addr);
    return bind(fd, (struct sockaddr *)&addr, len) < 0 ? -errno : 0;
}

static int lin_listen(void *sut, int fd, int backlog, uint64_t now)
{
    (void)sut, (void)now;
    return listen(fd, backlog) < 0 ? -errno : 0;
}

static int lin_accept(void *sut, int fd, struct rs_endpoint *peer, uint64_t now)
{
    struct lin_sut *s = sut;
    (void)now;
    long got = lin_call(s, &(struct lin_call){ .kind = LIN_ACCEPT, .fd = fd });
    if (got < 0)
        return (int)got;
    *peer = (struct rs_endpoint){ .addr = s->config.remote };
    return keep_fd(s, (int)got);
}

static int lin_connect(void *sut, int fd, const struct rs_endpoint *to, uint64_t now)
{
    (void)now;
    const struct rs_endpoint full = of_version(sut, to);
    long got = lin_call(sut, &(struct lin_call){ .kind = LIN_CONNECT, .fd = fd, .to = full });
    /* The contract's word for a connect that is under way, on a thread or in the kernel. */
    return got == -EAGAIN ? -EINPROGRESS : (int)got;
}

static long lin_send(void *sut, int fd, const void *data, size_t len, int flags, uint64_t now)
{
    (void)now;
    return lin_call(sut, &(struct lin_call){ .kind = LIN_SEND, .fd = fd, .out = data, .len = len,
                                             .flags = flags });
}

static long lin_recv(void *sut, int fd, void *buf, size_t cap, int flags, uint64_t now)
{
    (void)now;
    return lin_call(sut, &(struct lin_call){ .kind = LIN_RECV, .fd = fd, .in = buf, .len = cap,
                                             .flags = flags });
}

static int lin_shutdown(void *sut, int fd, int how, uint64_t now)
{
    (void)sut, (void)now;
    return shutdown(fd, how) < 0 ? -errno : 0;
}

static int lin_close(void *sut, int fd, uint64_t now)
{
    struct lin_sut *s = sut;
    (void)now;
    long got = lin_call(s, &(struct lin_call){ .kind = LIN_CLOSE, .fd = fd });
    for (size_t i = 0; got != -EAGAIN && i < s->n_fds; i++)
        if (s->fd[i] == fd)
            s->fd[i] = s->fd[--s->n_fds];
    return (int)got;
}

const struct sut_ops sut_linux = {
    .name = "linux",
    .caps = SUT_IP6 | SUT_MANY_CONNECTIONS | SUT_STATE | SUT_SYSCTL,
    .create = lin_create,
    .destroy = lin_destroy,
    .input = lin_input,
    .output = lin_output,
    .deadline = lin_deadline,
    .wait = lin_wait,
    .sent_at = lin_sent_at,
    .may_block = lin_may_block,
    .socket = lin_socket,
    .set_text = lin_set_text,
    .get_text = lin_get_text,
    .ioctl = lin_ioctl,
    .send_fast = lin_send_fast,
    .bind = lin_bind,
    .listen = lin_listen,
    .accept = lin_accept,
    .connect = lin_connect,
    .send = lin_send,
    .recv = lin_recv,
    .shutdown = lin_shutdown,
    .close = lin_close,
    .setsockopt = lin_setsockopt,
    .getsockopt = lin_getsockopt,
    .ready = lin_ready,
    .state = lin_state,
    .fd_state = lin_fd_state,
    .info = lin_info,
};
