/* What a segment costs with 1, a thousand and a million connections: one octet in, its
 * acknowledgment out, the application told of it and the octet received.
 *
 * The segments come for one connection always, for all in turn, or at random; at random also
 * without rs_prefetch, as they would in a program that takes one frame at a time.  Last, each
 * acknowledgment waits for its timer, so that nearly every connection has one running.  The
 * connections carry timestamps and have agreed on SACK, as any of today do.  The stack alone is
 * timed: segments are made, and acknowledgments checked, in between.
 *
 *     build/gcc/refstack/bench/scale [MOST [IP]]   1000000 and 4 unless said otherwise */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "refstack/cursor.h"
#include "refstack/refstack.h"
#include "refstack/wire.h"

enum { SEGMENTS = 1 << 20, BATCH = 64, PORT = 80, FRAME = 96 };

struct peer {
    uint32_t seq; /* the peer's next */
    uint32_t ack; /* what it has of ours */
    uint32_t ts;  /* our TSval, which it echoes */
    int conn;
};

enum order { SAME, TURN, RANDOM, RANDOM_COLD, TIMED, N_ORDERS };

static const char *const title[N_ORDERS] = { "same one", "in turn", "at random", "no prefetch",
                                             "by timer" };

static struct rs_host *host;
static size_t host_octets;
static struct peer *peers;
static uint32_t n_peers;
static bool ip6;
static rs_time now;

/* Frames in hand, and what came of them. */
static struct {
    uint8_t in[BATCH][FRAME], out[BATCH][FRAME];
    size_t in_len, out_len[BATCH];
    uint32_t peer[BATCH];
    rs_time at[BATCH];
    uint32_t sent; /* of all batches so far */
} batch;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Sixty thousand ports to an address; the host's is the one of nobody. */
static struct rs_addr address_of(uint32_t peer)
{
    const uint32_t host_part = 1 + peer / 60000;
    const uint8_t octet[16] = { 0xfd, [14] = (uint8_t)(host_part >> 8), (uint8_t)host_part };

    return ip6 ? rs_ip6(octet) : rs_ip4(10, 1, octet[14], octet[15]);
}

static struct rs_addr host_address(void)
{
    static const uint8_t octet[16] = { 0xfd, [13] = 1, [15] = 2 };

    return ip6 ? rs_ip6(octet) : rs_ip4(10, 0, 0, 2);
}

static size_t put_ip(const struct rs_addr *src, const struct rs_addr *dst, size_t len,
                     uint8_t frame[FRAME])
{
    const struct ip4_hdr h4 = { .ihl = 5, .ttl = 64, .proto = IP_PROTO_TCP, .src = *src,
                                .dst = *dst, .total_len = (uint16_t)(IP4_HEADER + len) };
    const struct ip6_hdr h6 = { .hops = 64, .next = IP_PROTO_TCP, .src = *src, .dst = *dst,
                                .payload_len = (uint16_t)len };

    return ip6 ? ip6_emit(&h6, frame, FRAME) : ip4_emit_sum(&h4, frame, FRAME);
}

/* Two NOPs and timestamps, or timestamps and SACK-permitted in the same octets. */
static size_t put_options(uint32_t i, bool syn, uint8_t to[TCP_OPT_MAX])
{
    const struct tcp_option pad = { .kind = OPT_NOP, .typed = true };
    const struct tcp_option sack = { .kind = OPT_SACK_PERMITTED, .typed = true };
    const struct tcp_option ts = { .kind = OPT_TIMESTAMPS, .typed = true,
                                   .u.ts = { (uint32_t)(now / RS_MSEC), peers[i].ts } };
    struct wcur w = wcur_of(to, TCP_OPT_MAX);

    if (syn) {
        opt_put(&w, &sack);
    } else {
        opt_put(&w, &pad);
        opt_put(&w, &pad);
    }
    opt_put(&w, &ts);
    return 12;
}

static size_t make_segment(uint32_t i, uint16_t flags, const char *text, uint32_t len,
                           uint8_t frame[FRAME])
{
    const struct rs_addr src = address_of(i);
    const struct rs_addr dst = host_address();
    uint8_t opt[TCP_OPT_MAX];
    const size_t opt_len = put_options(i, flags & TCP_SYN, opt);
    struct tcp_seg seg = { .src_port = (uint16_t)(1024 + i % 60000), .dst_port = PORT,
                           .seq = peers[i].seq, .ack = peers[i].ack, .flags = flags, .wnd = 65535,
                           .doff = (uint8_t)((TCP_HEADER + opt_len) / 4),
                           .opt = opt, .opt_len = (uint8_t)opt_len,
                           .text = (const uint8_t *)text, .text_len = len };
    const size_t n = put_ip(&src, &dst, TCP_HEADER + opt_len + len, frame);

    peers[i].seq += len + ((flags & TCP_SYN) ? 1 : 0);
    return n + tcp_emit_sum(&seg, &src, &dst, frame + n, FRAME - n);
}

/* False for what is no segment with timestamps. */
static bool parse(const uint8_t *frame, size_t len, struct tcp_seg *seg, struct tcp_opts *o)
{
    struct ip4_hdr h4;
    struct ip6_hdr h6;

    if (ip6 ? ip6_parse(&h6, frame, len) != WIRE_OK ||
                  tcp_parse(seg, h6.payload, h6.payload_len) != WIRE_OK
            : ip4_parse(&h4, frame, len) != WIRE_OK ||
                  tcp_parse(seg, h4.payload, h4.payload_len) != WIRE_OK)
        return false;
    opts_read(o, seg->opt, seg->opt_len);
    return o->has_ts;
}

static void give_up(const char *why)
{
    fprintf(stderr, "scale: %s\n", why);
    exit(1);
}

static int open_one(uint32_t i, int listener)
{
    uint8_t frame[FRAME];
    uint8_t out[1500];
    struct tcp_opts o;
    struct tcp_seg seg;

    peers[i] = (struct peer){ .seq = i * 7919u };
    rs_input(host, frame, make_segment(i, TCP_SYN, NULL, 0, frame), now);
    if (!parse(out, rs_output(host, out, sizeof out, now), &seg, &o) || !o.has_sack_permitted)
        give_up("a SYN,ACK without timestamps and SACK");
    peers[i].ack = seg.seq + 1;
    peers[i].ts = o.ts_val;
    rs_input(host, frame, make_segment(i, TCP_ACK, NULL, 0, frame), now);
    while (rs_output(host, out, sizeof out, now) > 0) {
    }
    return rs_accept(host, listener, now);
}

static void open_all(void)
{
    const struct rs_endpoint at = { .port = PORT };
    const int listener = rs_listen(host, &at, now);
    uint8_t out[1500];

    for (uint32_t i = 0; i < n_peers; i++) {
        now++;
        peers[i].conn = open_one(i, listener);
        if (peers[i].conn < 0)
            give_up("a connection was not made");
        while (rs_next_event(host) >= 0) {
        }
    }
    /* A timer that was stopped leaves the wheel when its time comes: that belongs to opening. */
    now += 10 * RS_SEC;
    while (rs_output(host, out, sizeof out, now) > 0) {
    }
}

static uint32_t next_peer(enum order order, uint32_t last)
{
    static uint64_t x = 88172645463325252u;

    if (order == SAME)
        return last;
    if (order == TURN || order == TIMED)
        return last + 1 < n_peers ? last + 1 : 0;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return (uint32_t)((x >> 32) * n_peers >> 32);
}

/* By timer, all connections have their turn in half a second, of which the timer takes 0.4. */
static void fill_batch(enum order order, uint32_t k, uint32_t *peer)
{
    const rs_time began = order == TIMED ? now : 0;

    for (uint32_t i = 0; i < BATCH; i++) {
        batch.in_len = make_segment(*peer, TCP_ACK | TCP_PSH, "x", 1, batch.in[i]);
        batch.peer[i] = *peer;
        now = order == TIMED ? began + (uint64_t)(i + 1 + k % 2) * (RS_SEC / 2) / n_peers : now + 1;
        batch.at[i] = now;
        *peer = next_peer(order, *peer);
    }
}

static void send_all(unsigned i)
{
    size_t n;

    while ((n = rs_output(host, batch.out[i], FRAME, batch.at[i])) > 0) {
        batch.out_len[i] = n;
        batch.sent++;
    }
}

/* What an application does that has read some frames from its device.  One whose connections have
 * timers asks for what they send when they are due, not with the next frame. */
static uint32_t work(enum order order)
{
    const bool prefetch = order != RANDOM_COLD;
    uint32_t received = 0;
    char octet;
    int conn;

    for (unsigned i = 0; prefetch && i < RS_PREFETCH_AHEAD; i++)
        rs_prefetch(host, batch.in[i], batch.in_len);
    for (unsigned i = 0; i < BATCH; i++) {
        const unsigned ahead = i + RS_PREFETCH_AHEAD;
        if (prefetch)
            rs_prefetch(host, ahead < BATCH ? batch.in[ahead] : NULL,
                        ahead < BATCH ? batch.in_len : 0);
        if (order == TIMED)
            send_all(i);
        rs_input(host, batch.in[i], batch.in_len, batch.at[i]);
        batch.out_len[i] = 0;
        send_all(i);
        while ((conn = rs_next_event(host)) >= 0)
            received += rs_receive(host, conn, &octet, 1, batch.at[i]) == 1;
    }
    return received;
}

static void check_batch(enum order order, uint32_t received)
{
    struct tcp_opts o;
    struct tcp_seg seg;
    bool ok = received == BATCH;

    for (unsigned i = 0; ok && order != TIMED && i < BATCH; i++)
        ok = parse(batch.out[i], batch.out_len[i], &seg, &o) &&
             seg.ack - peers[batch.peer[i]].seq + BATCH <= BATCH;
    if (!ok)
        give_up("an octet or its acknowledgment is missing");
}

/* Nanoseconds a segment, once each connection whose timer is to run has had its turn: from then on
 * there is one acknowledgment for each segment, if not for the same. */
static double cost(enum order order)
{
    const uint32_t settled = order == TIMED ? n_peers / BATCH + 1 : 0;
    uint32_t peer = n_peers / 2;
    uint32_t sent = 0;
    double spent = 0;

    for (uint32_t k = 0; k < settled + SEGMENTS / BATCH; k++) {
        fill_batch(order, k, &peer);
        if (k == settled) {
            sent = batch.sent;
            spent = 0;
        }
        const double began = seconds();
        const uint32_t received = work(order);
        spent += seconds() - began;
        check_batch(order, received);
    }
    if (batch.sent - sent + 2 * BATCH < SEGMENTS)
        give_up("an acknowledgment is missing");
    return spent / SEGMENTS * 1e9;
}

/* Half a gigabyte touched at random wants large pages, or every access costs one more. */
static void *block_of(size_t size)
{
    const size_t huge = (size_t)2 << 20;
    void *block = aligned_alloc(huge, (size + huge - 1) / huge * huge);

    if (block)
        madvise(block, size, MADV_HUGEPAGE);
    return block;
}

static void host_up(uint32_t n, rs_time delayed_ack)
{
    struct rs_config c;

    rs_config_default(&c);
    c.link = RS_LINK_IP;
    if (ip6)
        c.addr6 = host_address();
    else
        c.addr = host_address();
    c.prefix_len = 8;
    c.prefix6 = 64;
    c.max_conns = n + 1;
    c.backlog = 16;
    c.demux_places = 64;
    while (c.demux_places < n)
        c.demux_places *= 2;
    c.pages = 4096;
    c.page_octets = 256;
    c.tcp.delayed_ack = delayed_ack;
    host_octets = rs_host_size(&c);
    host = rs_init(block_of(host_octets), host_octets, &c, now);
    n_peers = n;
    peers = block_of(n * sizeof *peers);
    if (!host || !peers) {
        fprintf(stderr, "scale: no memory for %u connections (%zu octets)\n", n, host_octets);
        exit(77);
    }
    open_all();
}

static void host_down(void)
{
    free(peers);
    free(host);
}

static void run(uint32_t n, double base[N_ORDERS])
{
    printf("%11u", n);
    for (enum order order = SAME; order < N_ORDERS; order++) {
        if (order == SAME || order == TIMED) {
            if (order == TIMED)
                host_down();
            host_up(n, order == TIMED ? 400 * RS_MSEC : 0);
        }
        const double ns = cost(order);
        base[order] = base[order] > 0 ? base[order] : ns;
        printf("  %6.0f %5.2f", ns, ns / base[order]);
        fflush(stdout);
    }
    printf("\n");
    host_down();
}

int main(int argc, char **argv)
{
    const long most = argc > 1 ? atol(argv[1]) : 1000000;
    double base[N_ORDERS] = { 0 };

    if (most < 1 || most >= 1 << 20) {
        fprintf(stderr, "scale: %s is not a number of connections: give 1 to 1048575\n", argv[1]);
        return 2;
    }
    if (argc > 2 && strcmp(argv[2], "4") != 0 && strcmp(argv[2], "6") != 0) {
        fprintf(stderr, "scale: %s is not a version of IP: give 4 or 6\n", argv[2]);
        return 2;
    }
    ip6 = argc > 2 && argv[2][0] == '6';
    printf("ns of CPU a segment and its acknowledgment, and as a multiple of one connection's\n"
           "(goal 1.5)\n");
    printf("connections");
    for (enum order order = SAME; order < N_ORDERS; order++)
        printf("  %12s", title[order]);
    putchar('\n');
    for (uint32_t n = 1; n <= (uint32_t)most; n *= 1000)
        run(n, base);
    printf("the last host was given %zu octets, %.1f for each connection\n",
           host_octets, (double)host_octets / n_peers);
    return 0;
}
