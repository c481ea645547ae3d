#include "interop/peer.h"

#include "harness/pump.h"

static struct host_peer *host_of(struct peer *p)
{
    return (struct host_peer *)(void *)p; /* peer is its first member */
}

static int keep(struct peer *p, unsigned conn, int handle)
{
    if (handle < 0)
        return handle;
    host_of(p)->handle[conn] = host_of(p)->known[conn] = handle;
    return 0;
}

static int host_open_active(struct peer *p, unsigned conn)
{
    host_of(p)->pending[conn] = host_of(p)->fastopen;
    if (host_of(p)->fastopen)
        return 0;
    return keep(p, conn, rs_open_active(host_of(p)->host, &p->local[conn], &p->remote[conn],
                                        pump_now()));
}

static int host_open_passive(struct peer *p, unsigned conn)
{
    const struct rs_endpoint anyone = { .port = 0 };
    struct host_peer *h = host_of(p);
    if (h->fastopen) {
        int listener = rs_listen(h->host, &p->local[conn], pump_now());
        h->listener[conn] = listener;
        return listener < 0 ? listener : 0;
    }
    return keep(p, conn,
                rs_open_passive(host_of(p)->host, &p->local[conn], &anyone, pump_now()));
}

/* A connection that came to a listener is the one that its OPEN was for. */
static void accepted(struct peer *p, unsigned conn)
{
    struct host_peer *h = host_of(p);
    int handle = h->listener[conn] < 0 ? -1 : rs_accept(h->host, h->listener[conn], pump_now());
    if (handle < 0)
        return;
    rs_release(h->host, h->listener[conn], pump_now());
    h->listener[conn] = -1;
    keep(p, conn, handle);
}

static int host_send(struct peer *p, unsigned conn, const void *octets, size_t len)
{
    struct host_peer *h = host_of(p);
    accepted(p, conn);
    if (h->pending[conn]) {
        struct rs_status status;
        int rc = keep(p, conn, rs_open_fast(h->host, &p->local[conn], &p->remote[conn], octets, len,
                                            pump_now()));
        h->pending[conn] = false;
        if (rc < 0)
            return rc;
        rs_status(h->host, h->handle[conn], &status);
        return (int)status.snd_queued;
    }
    return rs_send(h->host, h->handle[conn], octets, len, RS_PUSH, pump_now());
}

static int host_receive(struct peer *p, unsigned conn, void *octets, size_t cap)
{
    struct host_peer *h = host_of(p);
    accepted(p, conn);
    if (h->listener[conn] >= 0)
        return RS_EAGAIN;
    return rs_receive(h->host, h->handle[conn], octets, cap, pump_now());
}

static int host_close(struct peer *p, unsigned conn)
{
    struct host_peer *h = host_of(p);
    accepted(p, conn);
    return rs_close(h->host, h->handle[conn], pump_now());
}

static int host_abort(struct peer *p, unsigned conn)
{
    struct host_peer *h = host_of(p);
    accepted(p, conn);
    int rc = rs_abort(h->host, h->handle[conn], pump_now());
    h->handle[conn] = -1;
    return rc;
}

/* What a released connection does afterwards is still its state: the observer goes on telling. */
static int host_release(struct peer *p, unsigned conn)
{
    struct host_peer *h = host_of(p);
    accepted(p, conn);
    int rc = rs_release(h->host, h->handle[conn], pump_now());
    h->handle[conn] = -1;
    return rc;
}

static enum rs_state host_state(struct peer *p, unsigned conn)
{
    struct host_peer *h = host_of(p);
    struct rs_status status;
    if (h->handle[conn] < 0)
        return h->seen[conn];
    return rs_status(h->host, h->handle[conn], &status) == 0 ? status.state : RS_CLOSED;
}

unsigned host_peer_observe(struct host_peer *h, int handle, enum rs_state state)
{
    struct rs_status status;
    unsigned conn = 0;
    while (conn < PEER_CONNS && h->known[conn] != handle)
        conn++;
    if (conn == PEER_CONNS && rs_status(h->host, handle, &status) == 0) {
        /* The call that opens it has not returned yet: its port tells. */
        conn = 0;
        while (conn < PEER_CONNS && h->peer.local[conn].port != status.local.port)
            conn++;
    }
    if (conn < PEER_CONNS)
        h->seen[conn] = state;
    return conn;
}

static unsigned host_sleep_on(struct peer *p, unsigned conn, bool sending, struct pollfd *fds)
{
    (void)p;
    (void)conn;
    (void)sending;
    (void)fds;
    return 0; /* only a frame or a timer changes anything, and the pump waits for those */
}

/* ---- The line's end --------------------------------------------------------------------- */

static void port_input(void *arg, const uint8_t *frame, size_t len, rs_time now)
{
    rs_input(((struct host_peer *)arg)->host, frame, len, now);
}

static size_t port_output(void *arg, uint8_t *buf, size_t cap, rs_time now)
{
    return rs_output(((struct host_peer *)arg)->host, buf, cap, now);
}

static rs_time port_deadline(void *arg)
{
    return rs_deadline(((struct host_peer *)arg)->host);
}

static const struct peer_ops host_ops = {
    .open_active = host_open_active,
    .open_passive = host_open_passive,
    .send = host_send,
    .receive = host_receive,
    .close = host_close,
    .abort = host_abort,
    .release = host_release,
    .state = host_state,
    .sleep_on = host_sleep_on,
};

void host_peer_init(struct host_peer *h, struct rs_host *host)
{
    h->peer.ops = &host_ops;
    h->peer.port = (struct line_port){ .arg = h, .input = port_input, .output = port_output,
                                       .deadline = port_deadline, .fd = -1 };
    h->host = host;
    for (unsigned i = 0; i < PEER_CONNS; i++)
        h->handle[i] = h->known[i] = h->listener[i] = -1;
}
