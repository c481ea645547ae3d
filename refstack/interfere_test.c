/* One connection's traffic changes nothing that another one sends.
 *
 * Host A talks with B over a wire that loses frames, both ends driven by random users.  The same
 * run is made twice, once with a third party, C, that does to A whatever it can think of on
 * connections of its own; every frame from A to B must be the same, octet for octet, at the same
 * microsecond.  What hosts have in common (tables, counters, the clock of each host) is thereby
 * shown to be no channel between connections.  Memory is not scarce here: A's pool holds what the
 * buffers of all its connections may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "refstack/refstack.h"
#include "refstack/test_rand.h"
#include "refstack/wire.h"

enum { A, B, C, HOSTS = 2 };
enum { CONNS = 4, RING = 512, FRAME = 1600, TRACE = 1 << 13, SEEDS = 60 };
enum { PORT = 80, OTHER_PORT = 81 };
#define LATENCY (5 * RS_MSEC)
#define RUN (15 * RS_SEC)

struct frame {
    rs_time at;
    size_t n;
    uint8_t octets[FRAME];
};

/* A frame that A sent to B. */
struct sent {
    rs_time at;
    size_t n;
    uint64_t hash;
};

struct user {
    int listener;
    int conn[CONNS];
};

static struct world {
    struct rs_host *host[HOSTS];
    rs_time now;
    struct frame ring[HOSTS][RING]; /* on its way to each */
    unsigned head[HOSTS], tail[HOSTS];
    unsigned carried;
    struct user user[HOSTS];
    rs_time user_at;
    struct rnd rnd;
    /* C's own. */
    bool disturbed;
    struct rnd bad;
    rs_time bad_at;
    int bad_conn, bad_listener;
    struct sent trace[TRACE];
    unsigned n_trace;
} w;

static struct rs_endpoint at(int host, uint16_t port)
{
    return (struct rs_endpoint){ .addr = rs_ip4(192, 0, 2, (uint8_t)(host + 1)), .port = port };
}

static uint64_t hash_of(const uint8_t *p, size_t n)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    while (n-- > 0)
        h = (h ^ *p++) * UINT64_C(0x100000001b3);
    return h;
}

/* ---- The wire --------------------------------------------------------------------------- */

static void put(int to, const uint8_t *p, size_t n)
{
    struct frame *f = &w.ring[to][w.tail[to]++ % RING];

    assert_true(w.tail[to] - w.head[to] <= RING && n <= FRAME);
    f->at = w.now + LATENCY;
    f->n = n;
    memcpy(f->octets, p, n);
}

/* One in twenty or so is lost. */
static bool lost(void)
{
    return hash_of((const uint8_t *)&w.carried, sizeof w.carried) % 20 == 0;
}

static void pull(int from)
{
    uint8_t buf[FRAME];
    struct ip4_hdr ip;
    size_t n;

    while ((n = rs_output(w.host[from], buf, sizeof buf, w.now)) > 0) {
        assert_int_equal(ip4_parse(&ip, buf, n), WIRE_OK);
        if (ip.dst.octet[3] == C + 1) /* C need not listen: it may ask rs_status */
            continue;
        if (from == A && w.n_trace < TRACE)
            w.trace[w.n_trace++] = (struct sent){ w.now, n, hash_of(buf, n) };
        w.carried++;
        if (!lost())
            put(!from, buf, n);
    }
}

/* A segment to A that claims to come from another. */
static void inject(int from, struct tcp_seg seg)
{
    uint8_t buf[FRAME];
    const struct rs_addr src = at(from, 0).addr;
    const struct rs_addr dst = at(A, 0).addr;
    const size_t n =
        tcp_emit_sum(&seg, &src, &dst, buf + IP4_HEADER, sizeof buf - IP4_HEADER);
    const struct ip4_hdr ip = { .ihl = 5, .total_len = (uint16_t)(IP4_HEADER + n), .ttl = 64,
                                .proto = IP_PROTO_TCP, .src = src, .dst = dst };

    ip4_emit_sum(&ip, buf, sizeof buf);
    rs_input(w.host[A], buf, IP4_HEADER + n, w.now);
}

/* ---- Users of A and B ------------------------------------------------------------------- */

/* In the window but not at its left edge: answered by a challenge ACK, up to a limit. */
static void blind_resets(int from, int conn, uint32_t n)
{
    struct rs_status s;

    if (rs_status(w.host[A], conn, &s) < 0 || s.state < RS_ESTABLISHED)
        return;
    while (n-- > 0)
        inject(from, (struct tcp_seg){ .src_port = s.remote.port, .dst_port = s.local.port,
                                       .seq = s.rcv_nxt + 1 + n, .flags = TCP_RST });
}

static void open_one(int i, int *conn)
{
    const struct rs_endpoint from = at(i, 0);
    const struct rs_endpoint to = at(!i, PORT);

    *conn = rs_accept(w.host[i], w.user[i].listener, w.now);
    if (*conn < 0 && rnd_below(&w.rnd, 2))
        *conn = rs_open_active(w.host[i], &from, &to, w.now);
}

static void user_acts(int i)
{
    static uint8_t text[3000];
    struct rs_host *h = w.host[i];
    int *conn = &w.user[i].conn[rnd_below(&w.rnd, CONNS)];
    const uint32_t n = rnd_below(&w.rnd, sizeof text);

    if (*conn < 0) {
        open_one(i, conn);
        return;
    }
    switch (rnd_below(&w.rnd, 16)) {
    case 0:
        rs_close(h, *conn, w.now);
        break;
    case 1:
        (rnd_below(&w.rnd, 4) ? rs_release : rs_abort)(h, *conn, w.now);
        *conn = -1;
        break;
    case 2:
    case 3:
        if (i == A)
            blind_resets(B, *conn, 1 + n % 12);
        break;
    case 4:
    case 5:
    case 6:
    case 7:
        rs_send(h, *conn, text, n, n % 8 ? 0 : RS_URGENT, w.now);
        break;
    default:
        rs_receive(h, *conn, text, sizeof text, w.now);
        break;
    }
}

/* ---- What C does ------------------------------------------------------------------------ */

static struct tcp_seg random_segment(const struct rs_status *s)
{
    static const uint8_t text[1000];
    static uint8_t opt[TCP_OPT_MAX];
    struct rnd *r = &w.bad;

    for (size_t i = 0; i < sizeof opt; i++)
        opt[i] = (uint8_t)(rnd_below(r, 2) ? rnd_below(r, 9) : rnd_next(r));
    uint16_t flags = (uint16_t)(rnd_below(r, 4) ? TCP_ACK : rnd_below(r, 256));
    if (rnd_below(r, 500)) /* or the connection would be gone at once */
        flags &= (uint16_t)~TCP_RST;
    return (struct tcp_seg){
        .src_port = s->remote.port,
        .dst_port = s->local.port,
        .seq = s->rcv_nxt + rnd_below(r, 2) * (rnd_below(r, 3000) - 1000),
        .ack = s->snd_una + rnd_below(r, 2) * rnd_below(r, 3000),
        .flags = flags,
        .wnd = (uint16_t)(rnd_next(r) & rnd_next(r)),
        .up = (uint16_t)rnd_below(r, 2000),
        .opt = opt,
        .opt_len = (uint8_t)(rnd_below(r, 2) * 4 * rnd_below(r, 11)),
        .text = text,
        .text_len = rnd_below(r, 2) * rnd_below(r, sizeof text),
    };
}

static void count_one(void *arg, int conn)
{
    (void)conn;
    ++*(unsigned *)arg;
}

/* On A, the user of the connections with C. */
static void its_user_acts(void)
{
    uint8_t text[4000] = { 0 };
    const struct rs_endpoint from = at(A, 0);
    const struct rs_endpoint to = at(C, (uint16_t)(1 + rnd_below(&w.bad, 1000)));
    struct rs_host *h = w.host[A];
    unsigned held = 0;

    rs_each(h, count_one, &held);
    rs_send(h, w.bad_conn, text, rnd_below(&w.bad, sizeof text), 0, w.now);
    rs_receive(h, w.bad_conn, text, rnd_below(&w.bad, sizeof text), w.now);
    if (held > 80)
        return;
    const int conn = rs_accept(h, w.bad_listener, w.now);
    if (conn >= 0)
        rs_release(h, conn, w.now);
    const int other = rs_open_active(h, &from, &to, w.now);
    if (other >= 0 && rnd_below(&w.bad, 2))
        rs_abort(h, other, w.now);
    else if (other >= 0)
        rs_release(h, other, w.now);
}

/* Anything to a port that anyone, or nobody, listens on; but for the one that serves B, whose
 * backlog is for all who come. */
static void strange_segment(void)
{
    const struct rs_status s = {
        .local.port = (uint16_t)(rnd_below(&w.bad, 2) ? OTHER_PORT : 1000 + rnd_below(&w.bad, 9)),
        .remote.port = (uint16_t)(1 + rnd_below(&w.bad, 60000)),
        .rcv_nxt = (uint32_t)rnd_next(&w.bad),
    };
    struct tcp_seg seg = random_segment(&s);

    if (rnd_below(&w.bad, 2))
        seg.flags = TCP_SYN;
    inject(C, seg);
}

static void bad_acts(void)
{
    struct rs_status s;

    for (uint32_t n = 1 + rnd_below(&w.bad, 40); n-- > 0;) {
        const bool up = rs_status(w.host[A], w.bad_conn, &s) == 0 && s.state > RS_LISTEN;
        switch (rnd_below(&w.bad, 4)) {
        case 0:
            its_user_acts();
            break;
        case 1:
            blind_resets(C, w.bad_conn, 15);
            break;
        case 2:
            if (up)
                inject(C, random_segment(&s));
            break;
        default:
            strange_segment();
            break;
        }
    }
}

/* ---- A run ------------------------------------------------------------------------------ */

static void host_up(int i, uint64_t seed)
{
    struct rs_config c;

    rs_config_small(&c);
    c.seed = seed + (uint64_t)i;
    c.addr = at(i, 0).addr;
    c.max_conns = 128;
    c.pages = 4096;
    c.demux_places = 16;
    c.tcp.msl = 500 * RS_MSEC;
    c.tcp.congestion = seed % 2 ? RS_CC_CUBIC : RS_CC_NEWRENO;
    c.tcp.ecn = seed % 3 == 0;
    c.tcp.rack = seed % 5 != 0;
    const size_t size = rs_host_size(&c);
    w.host[i] = rs_init(malloc(size), size, &c, w.now);
    assert_non_null(w.host[i]);
}

/* The connection with C is there in either run, and the first of all: where a counter is shared
 * with whoever came first, that is C. */
static void meet_c(void)
{
    const struct rs_endpoint local = { .port = OTHER_PORT + 1 };
    const struct rs_endpoint other = { .port = OTHER_PORT };
    struct rs_status s;
    struct tcp_seg seg = { .src_port = 5000, .dst_port = local.port, .seq = 99, .flags = TCP_SYN,
                           .wnd = 4096 };

    w.bad_conn = rs_open_passive(w.host[A], &local, NULL, w.now);
    w.bad_listener = rs_listen(w.host[A], &other, w.now);
    inject(C, seg);
    pull(A);
    assert_int_equal(rs_status(w.host[A], w.bad_conn, &s), 0);
    seg.flags = TCP_ACK;
    seg.seq++;
    seg.ack = s.snd_nxt;
    inject(C, seg);
    assert_int_equal(rs_status(w.host[A], w.bad_conn, &s), 0);
    assert_int_equal(s.state, RS_ESTABLISHED);
}

static void world_up(uint64_t seed, bool disturbed)
{
    memset(&w, 0, sizeof w);
    w.now = RS_SEC;
    w.disturbed = disturbed;
    w.rnd.s = seed;
    w.bad.s = ~seed;
    w.user_at = w.now + RS_MSEC;
    w.bad_at = disturbed ? w.user_at : RS_NEVER;
    for (int i = 0; i < HOSTS; i++) {
        const struct rs_endpoint local = { .port = PORT };
        host_up(i, 2 * seed);
        if (i == A)
            meet_c();
        w.user[i].listener = rs_listen(w.host[i], &local, w.now);
        for (int k = 0; k < CONNS; k++)
            w.user[i].conn[k] = -1;
    }
}

static void earlier(rs_time *next, rs_time t)
{
    if (t < *next)
        *next = t > w.now ? t : w.now;
}

static rs_time next_event(void)
{
    rs_time next = RS_NEVER;

    earlier(&next, w.user_at);
    earlier(&next, w.bad_at);
    for (int i = 0; i < HOSTS; i++) {
        earlier(&next, rs_deadline(w.host[i]));
        if (w.head[i] != w.tail[i])
            earlier(&next, w.ring[i][w.head[i] % RING].at);
    }
    return next;
}

/* All that happens at this moment.  Half of what C does is done at the very moment at which the
 * users of A and B do something, before or after. */
static void step(void)
{
    const bool bad = w.bad_at <= w.now;
    const bool first = bad && rnd_below(&w.bad, 2);

    if (first)
        bad_acts();
    for (int i = 0; i < HOSTS; i++) {
        for (; w.head[i] != w.tail[i] && w.ring[i][w.head[i] % RING].at <= w.now; w.head[i]++) {
            const struct frame *f = &w.ring[i][w.head[i] % RING];
            rs_input(w.host[i], f->octets, f->n, w.now);
        }
    }
    if (w.user_at <= w.now) {
        user_acts((int)rnd_below(&w.rnd, HOSTS));
        w.user_at = w.now + 1 + rnd_below(&w.rnd, 30000);
    }
    if (bad && !first)
        bad_acts();
    if (bad)
        w.bad_at = rnd_below(&w.bad, 2) ? w.user_at : w.now + 1 + rnd_below(&w.bad, 20000);
    pull(A);
    pull(B);
}

static void run(uint64_t seed, bool disturbed, struct sent *trace, unsigned *n)
{
    world_up(seed, disturbed);
    for (rs_time next; (next = next_event()) < RUN; step())
        w.now = next;
    memcpy(trace, w.trace, w.n_trace * sizeof trace[0]);
    *n = w.n_trace;
    /* C was busy, and was refused in all ways. */
    const uint64_t *refused = rs_reasons(w.host[A]);
    assert_true(!disturbed || (refused[RS_REASON_RST_CHALLENGED] > 100 &&
                               refused[RS_REASON_NO_CONNECTION] > 100 &&
                               refused[RS_REASON_BACKLOG_FULL] > 100));
    for (int i = 0; i < HOSTS; i++)
        free(w.host[i]);
}

static void what_is_done_to_one_connection_changes_nothing_that_another_sends(void **unused)
{
    static struct sent calm[TRACE], stormy[TRACE];

    (void)unused;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        unsigned n[2];
        run(seed, false, calm, &n[0]);
        run(seed, true, stormy, &n[1]);
        assert_in_range(n[0], 100, TRACE - 1);
        for (unsigned i = 0; i < n[0] || i < n[1]; i++) {
            if (i < n[0] && i < n[1] && calm[i].at == stormy[i].at &&
                calm[i].n == stormy[i].n && calm[i].hash == stormy[i].hash)
                continue;
            print_error("seed %u: frame %u of %u to B: %u octets at %u us, disturbed %u at %u us\n",
                        (unsigned)seed, i, n[0], (unsigned)calm[i].n, (unsigned)calm[i].at,
                        (unsigned)stormy[i].n, (unsigned)stormy[i].at);
            fail();
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_done_to_one_connection_changes_nothing_that_another_sends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
