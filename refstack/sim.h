/* For tests: two hosts on a lossless Ethernet wire in virtual time, over either IP version.  The
 * caller may look at, drop or change each frame on its way through `tap`. */
#ifndef REFSTACK_SIM_H
#define REFSTACK_SIM_H

#include <stdlib.h>
#include <string.h>

#include "refstack/refstack.h"
#include "refstack/wire.h"

enum { SIM_A, SIM_B };

struct sim {
    struct rs_host *host[2];
    rs_time now;
    /* Called for each frame; false drops it. */
    bool (*tap)(struct sim *, int from, const struct tcp_seg *);
    void *arg;
    bool ip6; /* both hosts have IPv6 too, and sim_addr gives those addresses */
    unsigned frames[2]; /* sent by each */
};

static inline struct rs_endpoint sim_at(int host, uint16_t port)
{
    return (struct rs_endpoint){ .addr = rs_ip4(192, 0, 2, (uint8_t)(host + 1)), .port = port };
}

static inline struct rs_addr sim_ip6(int host)
{
    return (struct rs_addr){
        .version = 6, .octet = { 0x20, 1, 0x0d, 0xb8, [15] = (uint8_t)(host + 1) }
    };
}

/* The host's address of the version that the simulation is about. */
static inline struct rs_endpoint sim_addr(const struct sim *s, int host, uint16_t port)
{
    return s->ip6 ? (struct rs_endpoint){ .addr = sim_ip6(host), .port = port }
                  : sim_at(host, port);
}

static inline void sim_open(struct sim *s, const struct rs_config *template)
{
    for (int i = 0; i < 2; i++) {
        struct rs_config c = *template;
        c.seed += (uint64_t)i;
        c.mac[5] = (uint8_t)(i + 1);
        c.addr = sim_at(i, 0).addr;
        if (s->ip6) {
            c.addr6 = sim_ip6(i);
            c.prefix6 = 64;
        }
        const size_t size = rs_host_size(&c);
        s->host[i] = rs_init(malloc(size), size, &c, s->now);
        if (!s->host[i])
            abort();
    }
}

static inline void sim_close(struct sim *s)
{
    free(s->host[0]);
    free(s->host[1]);
}

static inline bool sim_pass(struct sim *s, int from, const uint8_t *frame, size_t n)
{
    const uint8_t *p = frame + ETH_HEADER;
    struct ip4_hdr ip4;
    struct ip6_hdr ip6;
    struct tcp_seg seg;
    enum wire_result r = WIRE_TRUNCATED;

    if (!s->tap)
        return true;
    if (ip4_parse(&ip4, p, n - ETH_HEADER) == WIRE_OK)
        r = ip4.proto == IP_PROTO_TCP ? tcp_parse(&seg, ip4.payload, ip4.payload_len) : r;
    else if (ip6_parse(&ip6, p, n - ETH_HEADER) == WIRE_OK)
        r = ip6.next == IP_PROTO_TCP ? tcp_parse(&seg, ip6.payload, ip6.payload_len) : r;
    if (r != WIRE_OK)
        return true;
    return s->tap(s, from, &seg);
}

/* Carries every frame until both ends are silent at this moment. */
static inline void sim_settle(struct sim *s)
{
    static uint8_t frame[2048];
    bool moved = true;

    while (moved) {
        moved = false;
        for (int i = 0; i < 2; i++) {
            size_t n;
            while ((n = rs_output(s->host[i], frame, sizeof frame, s->now)) > 0) {
                moved = true;
                s->frames[i]++;
                if (sim_pass(s, i, frame, n))
                    rs_input(s->host[1 - i], frame, n, s->now);
            }
        }
    }
}

/* As sim_settle, and on through every timer up to `until`. */
static inline void sim_run(struct sim *s, rs_time until)
{
    for (;;) {
        sim_settle(s);
        const rs_time a = rs_deadline(s->host[0]);
        const rs_time b = rs_deadline(s->host[1]);
        const rs_time next = a < b ? a : b;
        if (next > until)
            break;
        s->now = next;
    }
    s->now = until;
}

#endif
