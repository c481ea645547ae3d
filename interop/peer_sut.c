/* Any stack that runs in this process behind the adapter's table (harness/sut.h): its socket calls
 * as the calls of a case. */
#include "interop/peer.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "harness/pump.h"

static struct sut_peer *sut_of(struct peer *p)
{
    return (struct sut_peer *)(void *)p; /* peer is its first member */
}

static bool is_connected(const struct sut_peer *s, unsigned conn)
{
    return s->fd[conn] >= 0;
}

static int new_socket(struct peer *p, unsigned conn)
{
    struct sut_peer *s = sut_of(p);
    int fd = s->sut->socket(s->stack);
    if (fd < 0)
        return peer_error_of(-fd);
    s->sut->setsockopt(s->stack, fd, SOL_SOCKET, SO_REUSEADDR, 1, pump_now());
    if (s->no_delay)
        s->sut->setsockopt(s->stack, fd, IPPROTO_TCP, TCP_NODELAY, 1, pump_now());
    int rc = s->sut->bind(s->stack, fd, &p->local[conn]);
    if (rc < 0) {
        s->sut->close(s->stack, fd, pump_now());
        return peer_error_of(-rc);
    }
    return fd;
}

static int sut_open_active(struct peer *p, unsigned conn)
{
    struct sut_peer *s = sut_of(p);
    int fd = new_socket(p, conn);
    if (fd < 0)
        return fd;
    s->fd[conn] = fd;
    int rc = s->sut->connect(s->stack, fd, &p->remote[conn], pump_now());
    return rc == 0 || rc == -EINPROGRESS ? 0 : peer_error_of(-rc);
}

static int sut_open_passive(struct peer *p, unsigned conn)
{
    struct sut_peer *s = sut_of(p);
    int fd = new_socket(p, conn);
    if (fd < 0)
        return fd;
    int rc = s->sut->listen(s->stack, fd, 8, pump_now());
    if (rc < 0) {
        s->sut->close(s->stack, fd, pump_now());
        return peer_error_of(-rc);
    }
    s->listener[conn] = fd;
    return 0;
}

/* The RFC's passive OPEN is for one connection: once that is there, the listener goes. */
static int accepted(struct sut_peer *s, unsigned conn)
{
    struct rs_endpoint from;
    if (is_connected(s, conn) || s->listener[conn] < 0)
        return s->fd[conn];
    int fd = s->sut->accept(s->stack, s->listener[conn], &from, pump_now());
    if (fd < 0)
        return -1;
    s->sut->close(s->stack, s->listener[conn], pump_now());
    s->listener[conn] = -1;
    return s->fd[conn] = fd;
}

/* The descriptor, or a negative enum rs_error while there is none. */
static int connected(struct sut_peer *s, unsigned conn)
{
    int fd = accepted(s, conn);
    return fd >= 0 ? fd : s->listener[conn] >= 0 ? RS_EAGAIN : RS_ENOCONN;
}

static int sut_send(struct peer *p, unsigned conn, const void *octets, size_t len)
{
    struct sut_peer *s = sut_of(p);
    int fd = connected(s, conn);
    if (fd < 0)
        return fd;
    long n = s->sut->send(s->stack, fd, octets, len, 0, pump_now());
    return n >= 0 ? (int)n : peer_error_of((int)-n);
}

static int sut_receive(struct peer *p, unsigned conn, void *octets, size_t cap)
{
    struct sut_peer *s = sut_of(p);
    int fd = connected(s, conn);
    if (fd < 0)
        return fd;
    long n = s->sut->recv(s->stack, fd, octets, cap, 0, pump_now());
    return n >= 0 ? (int)n : peer_error_of((int)-n);
}

static void drop_sockets(struct sut_peer *s, unsigned conn)
{
    if (s->fd[conn] >= 0)
        s->sut->close(s->stack, s->fd[conn], pump_now());
    if (s->listener[conn] >= 0)
        s->sut->close(s->stack, s->listener[conn], pump_now());
    s->fd[conn] = s->listener[conn] = -1;
}

static int sut_close(struct peer *p, unsigned conn)
{
    struct sut_peer *s = sut_of(p);
    int fd = accepted(s, conn);
    if (fd < 0 && s->listener[conn] < 0)
        return RS_ENOCONN;
    if (fd < 0 || p->ops->state(p, conn) == RS_SYN_SENT) {
        drop_sockets(s, conn);
        return 0;
    }
    int rc = s->sut->shutdown(s->stack, fd, SHUT_WR, pump_now());
    return rc < 0 ? peer_error_of(-rc) : 0;
}

static int sut_abort(struct peer *p, unsigned conn)
{
    struct sut_peer *s = sut_of(p);
    int fd = accepted(s, conn);
    if (fd >= 0)
        s->sut->setsockopt(s->stack, fd, SOL_SOCKET, SO_LINGER, 0, pump_now());
    drop_sockets(s, conn);
    return 0;
}

static int sut_release(struct peer *p, unsigned conn)
{
    accepted(sut_of(p), conn);
    drop_sockets(sut_of(p), conn);
    return 0;
}

static enum rs_state sut_state(struct peer *p, unsigned conn)
{
    struct sut_peer *s = sut_of(p);
    int state = s->sut->state(s->stack, &p->local[conn], &p->remote[conn]);
    if (state > RS_CLOSED)
        return (enum rs_state)state;
    return s->listener[conn] >= 0 ? RS_LISTEN : RS_CLOSED;
}

static unsigned sut_sleep_on(struct peer *p, unsigned conn, bool sending, struct pollfd *fds)
{
    (void)p, (void)conn, (void)sending, (void)fds;
    return 0; /* only a frame or a timer changes anything, and the line waits for those */
}

/* ---- The line's end --------------------------------------------------------------------- */

static void port_input(void *arg, const uint8_t *frame, size_t len, rs_time now)
{
    struct sut_peer *s = arg;
    s->sut->input(s->stack, frame, len, now);
}

static size_t port_output(void *arg, uint8_t *buf, size_t cap, rs_time now)
{
    struct sut_peer *s = arg;
    return s->sut->output(s->stack, buf, cap, now);
}

static rs_time port_deadline(void *arg)
{
    struct sut_peer *s = arg;
    return s->sut->deadline(s->stack);
}

static const struct peer_ops sut_ops = {
    .open_active = sut_open_active,
    .open_passive = sut_open_passive,
    .send = sut_send,
    .receive = sut_receive,
    .close = sut_close,
    .abort = sut_abort,
    .release = sut_release,
    .state = sut_state,
    .sleep_on = sut_sleep_on,
};

bool sut_peer_init(struct sut_peer *s, const struct sut_ops *sut, const struct sut_config *config,
                   char *why, size_t cap)
{
    s->peer.ops = &sut_ops;
    s->peer.port = (struct line_port){ .arg = s, .input = port_input, .output = port_output,
                                       .deadline = port_deadline, .fd = -1 };
    s->sut = sut;
    for (unsigned i = 0; i < PEER_CONNS; i++)
        s->fd[i] = s->listener[i] = -1;
    s->stack = sut->create(config, pump_now(), why, cap);
    return s->stack != NULL;
}

void sut_peer_free(struct sut_peer *s)
{
    if (s->stack)
        s->sut->destroy(s->stack);
    s->stack = NULL;
}
