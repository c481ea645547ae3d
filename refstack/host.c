/* The host: its configuration, its block of memory, frames and time in and out.
 *
 *   The block: struct rs_host | demultiplexer | TCBs | neighbours | links of the pages | pages
 *
 *   The block: struct rs_host | demultiplexer | TCBs | neighbours | links of the pages | pages */
#include "refstack/host.h"

#include <string.h>

#include "refstack/siphash.h"

/* What a connection does unasked, where RFC 9293 has a say: Nagle (SHLD-7), an ACK within half a
 * second (MUST-40), advice after R1 retransmissions (SHLD-10) and an end after R2 (SHLD-11,
 * MUST-23), no keep-alives (MUST-25), and where they are asked for not before two hours (MUST-28)
 * nor with one alone (MUST-29). */
void rs_config_default(struct rs_config *c)
{
    *c = (struct rs_config){
        .seed = 1,
        .link = RS_LINK_ETHERNET,
        .mac = { 0x02, 0, 0, 0, 0, 1 },
        .addr = rs_ip4(192, 0, 2, 1),
        .prefix_len = 24,
        .mtu = 1500,
        .max_conns = 64,
        .demux_places = 64,
        .pages = 1024,
        .page_octets = 4096,
        .backlog = 16,
        .neighbours = 64,
        .tcp = {
            .snd_buf = 256 * 1024,
            .rcv_buf = 256 * 1024,
            /* What Linux has, and no more than an honest peer's least (CVE-2019-11479). */
            .min_mss = 48,
            /* RFC 9293 section 3.4.2: "For this specification the MSL is taken to be 2 minutes". */
            .msl = 120 * RS_SEC,
            .rto_initial = BUG(RTO_FIRST_LONG) ? 3 * RS_SEC : RS_SEC,
            .rto_min = RS_SEC,
            /* RFC 6298 section 2.5: no less than 60 seconds. */
            .rto_max = 60 * RS_SEC,
            .delayed_ack = 200 * RS_MSEC,
            .r1 = 3,
            .r2 = 100 * RS_SEC,
            .r2_syn = 180 * RS_SEC,
            .fin_wait_2 = 60 * RS_SEC,
            .keepalive_idle = (BUG(KEEPALIVE_SOON) ? 600 : 7200) * RS_SEC,
            .keepalive_intvl = 75 * RS_SEC,
            .keepalive_probes = 9,
            /* A second and connection (RFC 5961 section 7). */
            .challenge_acks = 10,
            .fastopen_pending = 8,
            .syn_cookies = true,
            .black_holes = true,
            .pmtu_search = true,
            .doubt_too_big = true,
            .ttl = 64,
            .nagle = true,
            .window_scale = true,
            .timestamps = true,
            .sack = true,
            .rack = true,
            /* As most senders of today have it (RFC 9438 section 1). */
            .congestion = RS_CC_CUBIC,
        },
    };
}

/* For fuzzing: few connections, pages of the least size and little of everything, so that a short
 * input reaches every limit. */
void rs_config_small(struct rs_config *c)
{
    rs_config_default(c);
    c->link = RS_LINK_IP;
    c->max_conns = 6;
    c->demux_places = 4;
    c->pages = 24;
    c->page_octets = 256;
    c->backlog = 3;
    c->neighbours = 5;
    c->tcp.snd_buf = 2048;
    c->tcp.rcv_buf = 2048;
}

static bool power_of_two(uint32_t x)
{
    return x && !(x & (x - 1));
}

/* Each new neighbour costs a look at every other when there is no room. */
enum { NEIGHBOURS_MAX = 1024 };

/* Indices of TCBs are 20 bits (demux.c), windows at most 2^30 octets (RFC 7323 section 2.3), and
 * lengths 32 bits, which the pool must not exceed. */
static bool config_usable(const struct rs_config *c)
{
    return c->max_conns > 0 && c->max_conns <= 1u << 20 && power_of_two(c->demux_places) &&
           c->pages > 0 && power_of_two(c->page_octets) && c->page_octets >= 256 &&
           c->page_octets <= 1u << 20 && (uint64_t)c->pages * c->page_octets <= 1u << 31 &&
           c->neighbours > 0 && c->neighbours <= NEIGHBOURS_MAX &&
           addr_config_usable(c) && settings_usable(&c->tcp);
}

/* The parts of the block, each aligned for its content.  The host in front, then its tables; what
 * is touched by each segment at a line of the cache. */
struct layout {
    size_t demux, tcb, neigh, next, pages, end;
};

enum { LINE = 64 }; /* octets of a cache line */

static size_t align(size_t x)
{
    return (x + 15) & ~(size_t)15;
}

/* As many places as were asked for, and one for each TCB. */
static uint32_t demux_lines(const struct rs_config *c)
{
    uint32_t n = 1;

    while (n * (DEMUX_PLACES + 1) < c->demux_places || n * DEMUX_PLACES < c->max_conns)
        n *= 2;
    return n;
}

/* Worked out from the configuration alone, so that rs_host_size and rs_init cannot disagree. */
static struct layout layout_of(const struct rs_config *c)
{
    struct layout l;

    l.demux = align(sizeof(struct rs_host)) + LINE; /* the tables themselves begin at a line */
    l.tcb = l.demux + demux_lines(c) * sizeof(struct demux_line);
    l.neigh = align(l.tcb + c->max_conns * sizeof(struct tcb));
    l.next = align(l.neigh + c->neighbours * sizeof(struct neighbour));
    l.pages = align(l.next + c->pages * sizeof(uint32_t));
    l.end = l.pages + (size_t)c->pages * c->page_octets;
    return l;
}

size_t rs_host_size(const struct rs_config *c)
{
    return config_usable(c) ? layout_of(c).end : 0;
}

/* The keys come from the seed, and nothing else is random: the same seed, calls and times give the
 * same octets. */
struct rs_host *rs_init(void *block, size_t size, const struct rs_config *c, rs_time now)
{
    if (!config_usable(c) || size < rs_host_size(c))
        return NULL;
    const struct layout l = layout_of(c);
    uint8_t *at = block;
    struct rs_host *h = block;

    memset(h, 0, sizeof *h);
    h->cfg = *c;
    /* The block may begin anywhere; the demultiplexer's lines must not straddle those of the
     * cache. */
    const size_t past = (uintptr_t)(at + l.demux) % LINE;
    h->demux = (struct demux_line *)(void *)(at + l.demux - past);
    h->demux_lines = demux_lines(c);
    h->tcb = (struct tcb *)(void *)(at + l.tcb - past);
    h->neigh = (struct neighbour *)(void *)(at + l.neigh);
    pool_init(&h->pool, at + l.pages, (uint32_t *)(void *)(at + l.next), c->pages, c->page_octets);
    for (unsigned i = 0; i < 4; i++) {
        const uint64_t key[2] = { c->seed, ~c->seed };
        h->key[i] = siphash(key, &i, sizeof i);
    }
    rs_reset(h, now);
    return h;
}

/* As after rs_init.  TCBs and pages are not touched, however many were in use: both tables count as
 * fresh again, and wheel and lists are emptied by their heads. */
void rs_reset(struct rs_host *h, rs_time now)
{
    h->now = now;
    memset(h->reasons, 0, sizeof h->reasons);
    memset(h->neigh, 0, h->cfg.neighbours * sizeof h->neigh[0]);
    memset(h->neigh_bucket, 0, sizeof h->neigh_bucket);
    h->neigh_last = 0;
    h->neigh_due = RS_NEVER;
    if (!BUG(RESET_KEEPS_LIMITS))
        memset(h->icmp_ready, 0, sizeof h->icmp_ready);
    h->n_frag = 0;
    h->fragmented = 0;
    addr_init(h);
    mld_init(h);
    memset(h->fastopen, 0, sizeof h->fastopen);
    h->fastopen_next = 0;
    h->outq.head = h->outq.n = 0;
    h->tcb_fresh = 0;
    h->tcb_free = TCB_NONE;
    h->generation = 0;
    for (uint32_t i = 0; i < h->demux_lines; i++) {
        memset(h->demux[i].place, 0xff, sizeof h->demux[i].place);
        h->demux[i].sent_on = 0;
    }
    h->ready_head = h->ready_tail = TCB_NONE;
    h->event_head = h->event_tail = h->bulk = TCB_NONE;
    memset(h->coming, 0xff, sizeof h->coming);
    h->coming_at = 0;
    pool_reset(&h->pool);
    wheel_init(&h->wheel, now);
}

void rs_observe(struct rs_host *h, rs_observer *observer, void *arg)
{
    h->observer = observer;
    h->observer_arg = arg;
}

const uint64_t *rs_reasons(const struct rs_host *h)
{
    return h->reasons;
}

/* One counter for each reason, and the observer if there is one: every segment passes here once,
 * taken or refused. */
void judged(struct rs_host *h, const struct tcb *t, const struct tcp_seg *seg,
            enum rs_reason reason)
{
    h->reasons[reason]++;
    if (!h->observer)
        return;
    const enum rs_state state = t ? t->state : RS_CLOSED;
    const struct rs_observation o = {
        .what = RS_OBS_SEGMENT,
        .now = h->now,
        .conn = t ? tcb_handle(t) : -1,
        .from = state,
        .to = state,
        .reason = reason,
        .seg = seg,
    };
    h->observer(h->observer_arg, &o);
}

const struct rs_work *rs_work(const struct rs_host *h)
{
    return h->pool.work;
}

struct wheel_node *host_wheel_node(void *host, uint32_t index)
{
    struct rs_host *h = host;
    return &h->tcb[index].wheel;
}

/* One frame at a time, each judged in full before the next: ACKs are owed and sent by rs_output, so
 * that what a batch of frames asks for goes out once (MUST-58, MUST-59). */
void rs_input_on(struct rs_host *h, unsigned link, const uint8_t *frame, size_t len, rs_time now)
{
    h->now = now;
    h->in_link = link;
    if (link >= h->n_links || !h->link[link].on)
        judged(h, NULL, NULL, RS_REASON_LINK_NOT_OURS);
    else if (h->link[link].ethernet)
        link_input(h, frame, len);
    else
        ip_input(h, frame, len, IP_FROM_WIRE);
}

/* The first link is the only one of most hosts. */
void rs_input(struct rs_host *h, const uint8_t *frame, size_t len, rs_time now)
{
    rs_input_on(h, 0, frame, len, now);
}

unsigned rs_output_link(const struct rs_host *h)
{
    return h->out_link;
}

/* Timers come first, since they decide what there is to send; then what stands outside connections,
 * being answers to what came last; then connections in the order in which they became ready. */
static size_t output(struct rs_host *h, uint8_t *buf, size_t cap, rs_time now)
{
    h->now = now;
    h->looped = 0;
    timers_fire(h);
    if (h->n_frag > 0)
        frag_expire(h);
    for (;;) {
        if (!BUG(GATHER_STALE))
            h->gathered = 0; /* of a segment that did not go out nothing goes with another frame */
        size_t n = link_output(h, buf, cap);
        if (n > 0 || h->ready_head == TCB_NONE)
            return n;
        n = tcp_output(h, tcb_at(h, h->ready_head), buf, cap);
        if (n > 0)
            return n;
    }
}

size_t rs_output(struct rs_host *h, uint8_t *buf, size_t cap, rs_time now)
{
    h->gather = NULL;
    return output(h, buf, cap, now);
}

/* Text of a segment stays in its pages, and is named by pieces, for a caller that can write from
 * several places at once. */
size_t rs_output_gather(struct rs_host *h, uint8_t *buf, size_t cap,
                        struct rs_piece piece[RS_PIECES], unsigned *pieces, rs_time now)
{
    h->gather = piece;
    h->gathered = 0;
    const size_t n = output(h, buf, cap, now);
    *pieces = h->gathered;
    return n;
}

/* Now, where something waits to be sent: the caller is to ask for output before it sleeps. */
rs_time rs_deadline(const struct rs_host *h)
{
    if (h->ready_head != TCB_NONE || link_pending(h))
        return h->now;
    /* The wheel is put in order on the way, which nobody can tell but by the time it takes. */
    const rs_time tcp = timers_deadline((struct rs_host *)(uintptr_t)h);
    /* What is not TCP's: neighbours, addresses, groups, pieces. */
    const rs_time link = link_deadline(h);
    const rs_time frag = frag_deadline(h);
    const rs_time ip = link < frag ? link : frag;
    return tcp < ip ? tcp : ip;
}
