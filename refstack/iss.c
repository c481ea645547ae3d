/* Numbers an attacker must not guess: initial sequence numbers (RFC 9293 section 3.4.1, RFC 6528),
 * timestamp offsets (RFC 7323 section 5.4) and ephemeral ports (RFC 6056). */
#include <string.h>

#include "refstack/host.h"
#include "refstack/siphash.h"

enum { USE_ISS, USE_TIMESTAMP, USE_PORT };
enum { PORT_FIRST = 1024, PORT_COUNT = 65536 - PORT_FIRST };

/* F(localip, localport, remoteip, remoteport, secretkey), one function for each use. use keeps the
 * three uses apart: who learns of an ISN learns nothing of a port. extra is what else the number
 * depends on. */
static uint64_t keyed(const struct rs_host *h, const struct rs_endpoint *local,
                      const struct rs_endpoint *remote, uint64_t use, uint64_t extra)
{
    const bool six = local->addr.version == 6 || remote->addr.version == 6;
    const size_t n = six ? 16 : 4; /* octets of an address */
    uint64_t w[6] = { use << 32 | (uint32_t)local->port << 16 | remote->port, extra };
    uint8_t *addresses = (uint8_t *)&w[2];

    memcpy(addresses, local->addr.octet, n);
    memcpy(addresses + n, remote->addr.octet, n);
    return siphash(h->key, w, 2 * sizeof w[0] + 2 * n);
}

/* ISN = M + F(...), M a clock of 4-microsecond ticks (MUST-8, SHLD-1, MUST-9).  For the same two
 * sockets numbers rise with the clock, so that an old segment finds its number behind; for any
 * others they are unrelated (RFC 6528 section 3).  Real stacks got both wrong: too few random bits,
 * or a counter that anyone can read off a connection of his own (NUMBER:JACK). */
uint32_t iss_choose(struct rs_host *h, const struct rs_endpoint *local,
                    const struct rs_endpoint *remote)
{
    if (BUG(ISS_PREDICTABLE))
        return (uint32_t)(h->now / 4);
    const rs_time tick = BUG(ISS_CLOCK_SLOW) ? 4000 : 4;
    return (uint32_t)(h->now / tick + keyed(h, local, remote, USE_ISS, 0));
}

/* No clock in it, so that TSvals rise over all incarnations of a connection, which is what lets RFC
 * 6191 tell a new SYN from an old one. */
uint32_t ts_offset_choose(struct rs_host *h, const struct rs_endpoint *local,
                          const struct rs_endpoint *remote)
{
    return BUG(TS_UPTIME) ? 0 : (uint32_t)keyed(h, local, remote, USE_TIMESTAMP, 0);
}

/* By another connection to the same remote socket, or by a listener, which would be cut off from
 * it. */
static bool port_taken(struct rs_host *h, struct rs_endpoint local,
                       const struct rs_endpoint *remote, uint16_t port)
{
    local.port = port;
    /* A socket is not connected to itself. */
    if (port == remote->port && rs_addr_eq(&local.addr, &remote->addr))
        return true;
    if (BUG(PORT_IN_USE))
        return false;
    return tcb_find(h, &local, remote) || tcb_find_listener(h, &local, remote);
}

/* A port nobody can predict, drawn anew for each OPEN and each remote socket: no counter is shared
 * between destinations (RFC 6056 section 3.3; CVE-2022-1012).  0 when every port is taken. */
uint16_t port_choose(struct rs_host *h, const struct rs_endpoint *local,
                     const struct rs_endpoint *remote)
{
    const struct rs_endpoint from = { .addr = local->addr };
    const uint64_t draw = BUG(PORTS_IN_ORDER) ? 0 : keyed(h, &from, remote, USE_PORT, h->now);
    const uint32_t start = (uint32_t)(draw % PORT_COUNT);

    for (uint32_t i = 0; i < PORT_COUNT; i++) {
        const uint16_t port = (uint16_t)(PORT_FIRST + (start + i) % PORT_COUNT);
        if (!port_taken(h, from, remote, port))
            return port;
    }
    return 0;
}
