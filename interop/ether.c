#include "interop/ether.h"

#include <poll.h>
#include <string.h>

#include "harness/pump.h"
#include "refstack/wire.h"

enum { ASK_AGAIN_MS = 50 };

static void put_frame(void *arg, uint16_t type, const uint8_t to[6], const void *p, size_t len)
{
    struct ether *e = arg;
    struct eth_hdr h = { .type = type };
    if (len > sizeof e->frame - ETH_HEADER)
        return; /* no IP datagram is that long */
    memcpy(h.dst, to, sizeof h.dst);
    memcpy(h.src, e->end.mac, sizeof h.src);
    size_t n = eth_emit(&h, e->frame, sizeof e->frame);
    memcpy(e->frame + n, p, len);
    e->below->input(e->below->arg, e->frame, n + len, e->now);
    e->port.error = e->below->error;
}

static void port_input(void *arg, const uint8_t *datagram, size_t len, rs_time now)
{
    struct ether *e = arg;
    e->now = now;
    ethend_send(&e->end, datagram, len);
}

/* What is the link's own business is answered here, and never seen above. */
static size_t port_output(void *arg, uint8_t *buf, size_t cap, rs_time now)
{
    struct ether *e = arg;
    size_t n;
    e->now = now;
    while ((n = e->below->output(e->below->arg, buf, cap, now)) > 0) {
        struct eth_hdr h;
        if (eth_parse(&h, buf, n) != WIRE_OK ||
            !ethend_take(&e->end, h.type, buf + ETH_HEADER, n - ETH_HEADER))
            continue;
        memmove(buf, buf + ETH_HEADER, n - ETH_HEADER);
        return n - ETH_HEADER;
    }
    e->port.error = e->below->error;
    return 0;
}

static rs_time port_deadline(void *arg)
{
    struct ether *e = arg;
    return e->below->deadline ? e->below->deadline(e->below->arg) : RS_NEVER;
}

void ether_init(struct ether *e, struct line_port *below, const struct rs_addr *own,
                const struct rs_addr *other)
{
    *e = (struct ether){ .below = below };
    e->port = (struct line_port){ .arg = e, .input = port_input, .output = port_output,
                                  .deadline = port_deadline, .fd = below->fd };
    e->end = (struct ethend){ .own = *own, .other = *other, .mac = { 2, [5] = 2 },
                              .put = put_frame, .arg = e };
}

bool ether_meet(struct ether *e, rs_time until)
{
    static uint8_t buf[LINE_FRAME_MAX];
    struct pollfd fd = { .fd = e->below->fd, .events = POLLIN };
    while (!e->end.met && !e->port.error && pump_now() < until) {
        e->now = pump_now();
        ethend_ask(&e->end);
        poll(&fd, 1, ASK_AGAIN_MS);
        while (port_output(e, buf, sizeof buf, pump_now()) > 0)
            ;
    }
    return e->end.met;
}
