#include "interop/peer.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/pump.h"

static struct kernel_peer *kernel_of(struct peer *p)
{
    return (struct kernel_peer *)(void *)p; /* peer is its first member */
}

/* A socket address of either version. */
union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static socklen_t address_of(const struct rs_endpoint *e, union address *a)
{
    memset(a, 0, sizeof *a);
    if (e->addr.version == 6) {
        a->v6.sin6_family = AF_INET6;
        a->v6.sin6_port = htons(e->port);
        memcpy(&a->v6.sin6_addr, e->addr.octet, 16);
        return sizeof a->v6;
    }
    a->v4.sin_family = AF_INET;
    a->v4.sin_port = htons(e->port);
    memcpy(&a->v4.sin_addr, e->addr.octet, 4);
    return sizeof a->v4;
}

/* A non-blocking socket bound to the connection's own port. */
static int bound_socket(struct peer *p, unsigned conn)
{
    union address local;
    socklen_t len = address_of(&p->local[conn], &local);
    int one = 1;
    int fd = socket(local.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return peer_error_of(errno);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (kernel_of(p)->no_delay) /* a listener's connections inherit it */
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (bind(fd, &local.any, len) < 0) {
        int rc = peer_error_of(errno);
        close(fd);
        return rc;
    }
    return fd;
}

static int kernel_open_active(struct peer *p, unsigned conn)
{
    struct kernel_peer *k = kernel_of(p);
    union address remote;
    socklen_t len = address_of(&p->remote[conn], &remote);
    int fd = bound_socket(p, conn), one = 1;
    if (fd < 0)
        return fd;
    if (k->fastopen) /* connect only notes the address; the first send opens */
        setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &one, sizeof one);
    k->fd[conn] = fd;
    k->connecting[conn] = true;
    if (connect(fd, &remote.any, len) < 0 && errno != EINPROGRESS)
        return peer_error_of(errno);
    return 0;
}

static int kernel_open_passive(struct peer *p, unsigned conn)
{
    struct kernel_peer *k = kernel_of(p);
    int fd = bound_socket(p, conn);
    if (fd < 0)
        return fd;
    if (listen(fd, 8) < 0) {
        close(fd);
        return peer_error_of(errno);
    }
    const int pending = 8;
    if (k->fastopen)
        setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &pending, sizeof pending);
    k->listener[conn] = fd;
    return 0;
}

/* The RFC's passive OPEN is for one connection: once that is there, the listener goes. */
static int accepted(struct kernel_peer *k, unsigned conn)
{
    if (k->fd[conn] >= 0 || k->listener[conn] < 0)
        return k->fd[conn];
    int fd = accept4(k->listener[conn], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return -1;
    close(k->listener[conn]);
    k->listener[conn] = -1;
    k->fd[conn] = fd;
    int zero = 0;
    if (k->no_quickack)
        setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &zero, sizeof zero);
    return fd;
}

/* The socket, or a negative enum rs_error while there is none. */
static int connected(struct peer *p, unsigned conn)
{
    struct kernel_peer *k = kernel_of(p);
    int fd = accepted(k, conn);
    if (fd < 0)
        return k->listener[conn] >= 0 ? RS_EAGAIN : RS_ENOCONN;
    int error = 0;
    socklen_t len = sizeof error;
    if (k->connecting[conn] && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error) {
        k->connecting[conn] = false;
        return peer_error_of(error);
    }
    return fd;
}

static int kernel_send(struct peer *p, unsigned conn, const void *octets, size_t len)
{
    int fd = connected(p, conn);
    if (fd < 0)
        return fd;
    ssize_t n = send(fd, octets, len, MSG_NOSIGNAL);
    if (n >= 0)
        return (int)n;
    return kernel_of(p)->connecting[conn] && errno == EPIPE ? RS_EAGAIN : peer_error_of(errno);
}

static int kernel_receive(struct peer *p, unsigned conn, void *octets, size_t cap)
{
    int fd = connected(p, conn);
    if (fd < 0)
        return fd;
    ssize_t n = recv(fd, octets, cap, 0);
    return n >= 0 ? (int)n : peer_error_of(errno);
}

static void drop_sockets(struct kernel_peer *k, unsigned conn)
{
    if (k->fd[conn] >= 0)
        close(k->fd[conn]);
    if (k->listener[conn] >= 0)
        close(k->listener[conn]);
    k->fd[conn] = k->listener[conn] = -1;
}

/* CLOSE.  A listener or a connection that was never one is deleted; shutdown does the rest. */
static int kernel_close(struct peer *p, unsigned conn)
{
    struct kernel_peer *k = kernel_of(p);
    int fd = accepted(k, conn);
    if (fd < 0 && k->listener[conn] < 0)
        return RS_ENOCONN;
    if (fd < 0 || (p->ops->state && p->ops->state(p, conn) == RS_SYN_SENT)) {
        drop_sockets(k, conn);
        return 0;
    }
    return shutdown(fd, SHUT_WR) < 0 ? peer_error_of(errno) : 0;
}

static int kernel_abort(struct peer *p, unsigned conn)
{
    struct kernel_peer *k = kernel_of(p);
    const struct linger hard = { .l_onoff = 1, .l_linger = 0 };
    int fd = accepted(k, conn);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    drop_sockets(k, conn);
    return 0;
}

static int kernel_release(struct peer *p, unsigned conn)
{
    accepted(kernel_of(p), conn);
    drop_sockets(kernel_of(p), conn);
    return 0;
}

static enum rs_state kernel_state(struct peer *p, unsigned conn)
{
    struct kernel_peer *k = kernel_of(p);
    struct diag_socket s;
    if (diag_find(&k->diag, &p->local[conn], &p->remote[conn], &s) == 0)
        return s.state;
    return k->listener[conn] >= 0 ? RS_LISTEN : RS_CLOSED;
}

static unsigned kernel_sleep_on(struct peer *p, unsigned conn, bool sending, struct pollfd *fds)
{
    struct kernel_peer *k = kernel_of(p);
    int fd = k->fd[conn] >= 0 ? k->fd[conn] : k->listener[conn];
    if (fd < 0)
        return 0;
    *fds = (struct pollfd){ .fd = fd,
                            .events = sending && k->fd[conn] >= 0 ? POLLOUT : POLLIN };
    return 1;
}

/* ---- The line's end --------------------------------------------------------------------- */

static void port_input(void *arg, const uint8_t *frame, size_t len, rs_time now)
{
    struct kernel_peer *k = arg;
    (void)now;
    /* A device without room, or one that is down, loses the frame as any link may; EINVAL is the
     * kernel's word for a frame too short to be one. */
    if (write(k->device, frame, len) < 0 && (errno == EBADFD || errno == EBADF))
        k->peer.port.error = errno;
}

static size_t port_output(void *arg, uint8_t *buf, size_t cap, rs_time now)
{
    struct kernel_peer *k = arg;
    (void)now;
    ssize_t len = read(k->device, buf, cap);
    if (len < 0 && errno != EAGAIN && errno != EINTR)
        k->peer.port.error = errno;
    return len > 0 ? (size_t)len : 0;
}

static const struct peer_ops kernel_ops = {
    .open_active = kernel_open_active,
    .open_passive = kernel_open_passive,
    .send = kernel_send,
    .receive = kernel_receive,
    .close = kernel_close,
    .abort = kernel_abort,
    .release = kernel_release,
    .state = kernel_state,
    .sleep_on = kernel_sleep_on,
};

int kernel_peer_init(struct kernel_peer *k, int device)
{
    k->peer.ops = &kernel_ops;
    k->peer.port = (struct line_port){ .arg = k, .input = port_input, .output = port_output,
                                       .fd = device };
    k->device = device;
    for (unsigned i = 0; i < PEER_CONNS; i++) {
        k->fd[i] = k->listener[i] = -1;
        k->connecting[i] = false;
    }
    return diag_open(&k->diag);
}

void kernel_peer_behind(struct kernel_peer *k)
{
    static struct peer_ops behind;
    behind = kernel_ops;
    behind.state = NULL;
    k->peer.ops = &behind;
}

void kernel_peer_free(struct kernel_peer *k)
{
    for (unsigned i = 0; i < PEER_CONNS; i++)
        drop_sockets(k, i);
    diag_close(&k->diag);
    if (k->device >= 0)
        close(k->device);
}
