/* The process that holds a plug-in: requests in, calls through the table, answers out.
 *
 * Time.  The plug-in's clock is read and moved only when the runner's has moved.  When the next
 * datagram comes it does not tell: netdev_receive with nothing queued goes on in time.  So a copy
 * of the process (fork) is asked and thrown away; the plug-in itself stays where it is. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/sut_so.h"
#include "harness/tcpinfo.h"

#if defined(__SANITIZE_ADDRESS__)
#define BIND_FLAGS 0 /* AddressSanitizer refuses RTLD_DEEPBIND */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BIND_FLAGS 0
#endif
#endif
#ifndef BIND_FLAGS
#define BIND_FLAGS RTLD_DEEPBIND
#endif

enum { PEEK_STEP_MS = 2, PEEK_STEPS = 250 };

void so_lie(struct so_host *h, const char *fmt, ...)
{
    va_list ap;
    if (h->s->lie[0])
        return;
    va_start(ap, fmt);
    vsnprintf(h->s->lie, SO_REASON, fmt, ap);
    va_end(ap);
}

/* ---- Time ------------------------------------------------------------------------------- */

static uint64_t clock_of(struct so_host *h)
{
    struct timeval t = { 0 };
    h->t.gettimeofday(h->t.userdata, &t, NULL);
    const uint64_t us = (uint64_t)t.tv_sec * RS_SEC + (uint64_t)t.tv_usec;
    if (us < h->least)
        so_lie(h, "its clock shows %llu us when it has to show %llu us at least",
               (unsigned long long)(us - h->base), (unsigned long long)(h->least - h->base));
    h->least = us;
    return us;
}

static void move_clock(struct so_host *h, uint64_t now)
{
    if (now <= h->now)
        return;
    const uint64_t target = h->base + (now - h->begun);
    /* Even what usleep takes at most, many times for the hours of a keep-alive. */
    for (uint64_t at = clock_of(h); at < target && !h->s->lie[0]; at = h->least) {
        const uint64_t step = target - at < RS_SEC * 1000 ? target - at : RS_SEC * 1000;
        h->t.usleep(h->t.userdata, (useconds_t)step);
        h->least = at + step;
    }
    h->now = now;
    if (so_job_settle(h) || h->next <= now)
        h->next_known = false;
}

/* ---- The next datagram ------------------------------------------------------------------ */

static void peek_in_copy(struct so_host *h)
{
    static uint8_t buf[65536];
    size_t count = sizeof(buf);
    long long us = 0;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    h->s->peek.result = h->t.netdev_receive(h->t.userdata, buf, &count, &us);
    h->s->peek.count = count;
    h->s->peek.us = us;
    h->s->peek.done = true;
    _exit(0);
}

/* A copy that sleeps waits for what will not come. */
static void await_copy(pid_t pid)
{
    struct pollfd p = { (int)syscall(SYS_pidfd_open, pid, 0), POLLIN, 0 };
    int asleep = 0, status;
    for (int i = 0; i < PEEK_STEPS && asleep < 2 && poll(&p, 1, PEEK_STEP_MS) == 0; i++)
        asleep = so_asleep(pid, pid) ? asleep + 1 : 0;
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    close(p.fd);
}

/* What is a few microseconds after a round time comes from reading the clock. */
static uint64_t round_down(const struct so_host *h, uint64_t us)
{
    const uint64_t over = (us - h->begun) % SO_GRID_US;
    return over <= SO_SLACK_US ? us - over : us;
}

static void find_next(struct so_host *h)
{
    if (h->next_known)
        return;
    memset(&h->s->peek, 0, sizeof(h->s->peek));
    const pid_t pid = fork();
    if (pid == 0)
        peek_in_copy(h);
    if (pid > 0)
        await_copy(pid);
    const uint64_t us = (uint64_t)h->s->peek.us;
    h->next_known = true;
    h->next = RS_NEVER;
    if (h->s->peek.done && h->s->peek.result == 0 && h->s->peek.count > 0)
        h->next = us > h->base ? round_down(h, h->begun + (us - h->base)) : h->begun;
}

static long output(struct so_host *h)
{
    size_t count = h->s->req.len;
    const size_t cap = count;
    long long us = 0;
    find_next(h);
    if (h->next > h->now)
        return 0;
    h->next_known = false;
    if (h->t.netdev_receive(h->t.userdata, h->s->data, &count, &us) != 0 || count == 0)
        so_lie(h, "netdev_receive gave nothing where a copy of the stack had a datagram");
    else if (count > cap)
        so_lie(h, "netdev_receive put %zu octets into a buffer of %zu", count, cap);
    so_job_settle(h);
    return h->s->lie[0] ? 0 : (long)count;
}

/* ---- Requests --------------------------------------------------------------------------- */

static long errno_of(long n)
{
    return n < 0 ? -(long)(errno ? errno : EIO) : n;
}

static long descriptor(struct so_host *h, long fd, const char *name)
{
    if (fd >= 0 && fcntl((int)fd, F_GETFD) < 0)
        so_lie(h, "%s gave %ld, which is no descriptor of the kernel's", name, fd);
    return fd;
}

static long ready(struct so_host *h, int fd)
{
    const struct so_job *j = so_job_find(h, SO_CONNECT, fd);
    struct pollfd p = { fd, POLLIN | POLLOUT | POLLRDHUP, 0 };
    if (j)
        return !j->done ? 0 : j->result ? POLLOUT | POLLERR : POLLOUT;
    const int n = h->t.poll(h->t.userdata, &p, 1, 0);
    return n < 0 ? errno_of(n) : p.revents;
}

static long get_option(struct so_host *h, int fd)
{
    struct so_job *j = so_job_find(h, SO_CONNECT, fd);
    int v = 0;
    socklen_t len = sizeof(v);
    if (j && h->s->req.b == SO_ERROR && j->done) {
        h->s->value = -j->result;
        so_job_end(j);
        return 0;
    }
    const long n = errno_of(h->t.getsockopt(h->t.userdata, fd, h->s->req.a, h->s->req.b, &v, &len));
    h->s->value = v;
    return n == -ENOPROTOOPT ? -ENOSYS : n;
}

/* The octets of TCP_INFO that it gave, into the shared data. */
static long get_info(struct so_host *h, int fd)
{
    socklen_t len = sizeof(struct tcp_info);
    if (!h->t.getsockopt)
        return -ENOSYS;
    memset(h->s->data, 0, len);
    const long n = errno_of(h->t.getsockopt(h->t.userdata, fd, IPPROTO_TCP, TCP_INFO, h->s->data,
                                            &len));
    return n < 0 ? n : (long)len;
}

static long set_option(struct so_host *h, int fd)
{
    const int v = (int)h->s->req.value;
    const struct linger linger = { v >= 0, v >= 0 ? v : 0 };
    const bool is_linger = h->s->req.a == SOL_SOCKET && h->s->req.b == SO_LINGER;
    const long n = errno_of(h->t.setsockopt(h->t.userdata, fd, h->s->req.a, h->s->req.b,
                                            is_linger ? (const void *)&linger : &v,
                                            is_linger ? sizeof(linger) : sizeof(v)));
    return n == -ENOPROTOOPT ? -ENOSYS : n;
}

static long state(struct so_host *h)
{
    struct sockaddr_storage local, remote;
    const uint8_t version = h->s->req.at.addr.version;
    if (!h->more || !h->more->state)
        return -1;
    so_sockaddr(&h->s->req.at, version, &local);
    so_sockaddr(&h->s->req.remote, version, &remote);
    return h->more->state(h->t.userdata, (void *)&local, (void *)&remote);
}

static long connect_to(struct so_host *h, int fd)
{
    const struct so_job *j = so_job_find(h, SO_CONNECT, fd);
    if (j)
        return j->done ? -EISCONN : -EALREADY;
    const long n = so_job_call(h, SO_CONNECT, fd);
    return n == -EAGAIN ? -EINPROGRESS : n;
}

static long opening(struct so_host *h)
{
    struct sockaddr_storage sa;
    const struct plugin_table *t = &h->t;
    const int fd = h->s->req.fd;
    switch (h->s->req.op) {
    case SO_SOCKET:
        return descriptor(h, errno_of(t->socket(t->userdata, h->s->req.a, SOCK_STREAM,
                                                IPPROTO_TCP)), "socket");
    case SO_BIND: {
        const socklen_t len = so_sockaddr(&h->s->req.at, (uint8_t)h->s->req.a, &sa);
        return errno_of(t->bind(t->userdata, fd, (void *)&sa, len));
    }
    case SO_LISTEN:
        return errno_of(t->listen(t->userdata, fd, h->s->req.a));
    case SO_ACCEPT:
        return descriptor(h, so_job_call(h, SO_ACCEPT, fd), "accept");
    case SO_CONNECT:
        return connect_to(h, fd);
    default:
        return -ENOSYS;
    }
}

static long other(struct so_host *h)
{
    const struct plugin_table *t = &h->t;
    const int fd = h->s->req.fd;
    switch (h->s->req.op) {
    case SO_SEND:
    case SO_RECV:
        return so_job_call(h, h->s->req.op, fd);
    case SO_SHUTDOWN:
        return errno_of(t->shutdown(t->userdata, fd, h->s->req.a));
    case SO_CLOSE:
        so_job_orphan(h, fd);
        return errno_of(t->close(t->userdata, fd));
    case SO_SETSOCKOPT:
        return set_option(h, fd);
    case SO_GETSOCKOPT:
        return get_option(h, fd);
    case SO_NONBLOCK:
        return errno_of(t->fcntl(t->userdata, fd, F_SETFL, h->s->req.a ? O_NONBLOCK : 0));
    default:
        return opening(h);
    }
}

/* What may change when the next datagram comes makes that unknown. */
static long serve(struct so_host *h)
{
    errno = 0;
    move_clock(h, h->s->req.now);
    switch (h->s->req.op) {
    case SO_OUTPUT:
        return output(h);
    case SO_READY:
        return ready(h, h->s->req.fd);
    case SO_STATE:
        return state(h);
    case SO_INFO:
        return get_info(h, h->s->req.fd);
    case SO_INPUT:
        h->next_known = false;
        if (h->t.netdev_send(h->t.userdata, h->s->data, h->s->req.len) < 0)
            so_lie(h, "netdev_send refused a datagram with errno %d", errno);
        so_job_settle(h);
        return 0;
    default:
        h->next_known = false;
        const long n = other(h);
        so_job_settle(h);
        return n;
    }
}

/* ---- Lifecycle -------------------------------------------------------------------------- */

static void start(struct so_host *h, const char *path, const char *flags)
{
    plugin_init *init = NULL;
    void *dl = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE | BIND_FLAGS);
    void *symbol = dl ? dlsym(dl, PLUGIN_SYMBOL) : NULL;
    if (!symbol) {
        so_lie(h, "%s is not a packetdrill plug-in: %s", path, dlerror());
        return;
    }
    memcpy(&init, &symbol, sizeof(init));
    h->more = dlsym(dl, PLUGIN_MORE_SYMBOL);
    init(flags[0] ? flags : NULL, &h->t);
    h->begun = h->now = h->s->req.now;
    h->base = h->least = 0;
    h->base = clock_of(h);
    if (!h->t.free)
        so_lie(h, "its table has no free");
}

void so_host(const char *path, const char *flags, int sock, struct so_shared *s)
{
    static struct so_host host;
    char byte = 0;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    host.s = s;
    start(&host, path, flags);
    s->result = s->lie[0] ? -1 : 0;
    while (write(sock, &byte, 1) == 1 && read(sock, &byte, 1) == 1) {
        s->result = serve(&host);
        s->deadline = host.next_known ? host.next : RS_NEVER;
    }
    if (host.t.free && !so_job_settle(&host))
        host.t.free(host.t.userdata);
    _exit(0);
}
