/* For tests: two hosts on a lossless Ethernet wire in virtual time.  The caller may look at,
 * drop or change each frame on its way through `tap`. */
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
    unsigned frames[2]; /* sent by each */
};

static inline struct rs_endpoint sim_at(int host, uint16_t port)
{
    return (struct rs_endpoint){ .addr = rs_ip4(192, 0, 2, (uint8_t)(host + 1)), .port = port };
}

static inline void sim_open(struct sim *s, const struct rs_config *template)
{
    for (int i = 0; i < 2; i++) {
        struct rs_config c = *template;
        c.seed += (uint64_t)i;
        c.mac[5] = (uint8_t)(i + 1);
        c.addr = sim_at(i, 0).addr;
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
    struct ip4_hdr ip;
    struct tcp_seg seg;

    if (!s->tap || ip4_parse(&ip, frame + ETH_HEADER, n - ETH_HEADER) != WIRE_OK ||
        tcp_parse(&seg, ip.payload, ip.payload_len) != WIRE_OK)
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
