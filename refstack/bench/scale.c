/* What a segment costs with 1, a thousand and a million connections: one octet in, its
 * acknowledgment out, the octet received; either always on the same connection among that many, or
 * on each in turn, which adds the cache misses that touching so much memory must.  And the octets
 * that an idle connection takes.
 *
 *     build/gcc/refstack/bench/scale [MOST]        1000000 unless said otherwise */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "refstack/refstack.h"
#include "refstack/wire.h"

enum { SEGMENTS = 400000, PORT = 80 };

struct peer {
    uint32_t seq; /* the peer's next */
    uint32_t ack; /* what it has of ours */
    int conn;
};

static struct rs_host *host;
static struct peer *peers;
static uint32_t n_peers;
static rs_time now;
static uint8_t out[2048];

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Sixty thousand ports to an address. */
static struct rs_addr address_of(uint32_t peer)
{
    const uint32_t host_part = 1 + peer / 60000;
    return rs_ip4(10, 1, (uint8_t)(host_part >> 8), (uint8_t)host_part);
}

static void send_segment(uint32_t i, uint16_t flags, const char *text, uint32_t len)
{
    uint8_t frame[128];
    struct ip4_hdr ip = { .ihl = 5, .ttl = 64, .proto = IP_PROTO_TCP, .src = address_of(i),
                          .dst = rs_ip4(10, 0, 0, 2) };
    struct tcp_seg seg = { .src_port = (uint16_t)(1024 + i % 60000), .dst_port = PORT,
                           .seq = peers[i].seq, .ack = peers[i].ack, .flags = flags, .wnd = 65535,
                           .text = (const uint8_t *)text, .text_len = len };
    ip.total_len = (uint16_t)(IP4_HEADER + TCP_HEADER + len);
    const size_t n = ip4_emit_sum(&ip, frame, sizeof frame);
    tcp_emit_sum(&seg, &ip.src, &ip.dst, frame + n, sizeof frame - n);
    rs_input(host, frame, ip.total_len, now);
    peers[i].seq += len + ((flags & TCP_SYN) ? 1 : 0);
}

static uint32_t take_output(void)
{
    struct ip4_hdr ip;
    struct tcp_seg seg = { .seq = 0 };
    size_t n;

    while ((n = rs_output(host, out, sizeof out, now)) > 0)
        if (ip4_parse(&ip, out, n) == WIRE_OK)
            tcp_parse(&seg, ip.payload, ip.payload_len);
    return seg.seq;
}

static void open_all(void)
{
    const struct rs_endpoint at = { .port = PORT };
    const int listener = rs_listen(host, &at, now);

    for (uint32_t i = 0; i < n_peers; i++) {
        now++;
        peers[i].seq = i * 7919u;
        send_segment(i, TCP_SYN, NULL, 0);
        peers[i].ack = take_output() + 1;
        send_segment(i, TCP_ACK, NULL, 0);
        peers[i].conn = rs_accept(host, listener, now);
        if (peers[i].conn < 0) {
            fprintf(stderr, "scale: connection %u: %s\n", i, rs_error_name(peers[i].conn));
            exit(1);
        }
    }
}

/* Nanoseconds a segment; stride 0 keeps to one connection. */
static double cost(uint32_t stride)
{
    char octet;
    uint32_t at = n_peers / 2;
    const double began = seconds();

    for (int k = 0; k < SEGMENTS; k++) {
        now += 10;
        send_segment(at, TCP_ACK | TCP_PSH, "x", 1);
        take_output();
        if (rs_receive(host, peers[at].conn, &octet, 1, now) != 1) {
            fprintf(stderr, "scale: an octet is missing\n");
            exit(1);
        }
        at = (uint32_t)(((uint64_t)at + stride) % n_peers);
    }
    return (seconds() - began) / SEGMENTS * 1e9;
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

static void run(uint32_t n, double base[2])
{
    struct rs_config c;
    double ns[2];

    rs_config_default(&c);
    c.link = RS_LINK_IP;
    c.addr = rs_ip4(10, 0, 0, 2);
    c.prefix_len = 8;
    c.max_conns = n + 1;
    c.backlog = 16;
    c.demux_buckets = 64;
    while (c.demux_buckets < n)
        c.demux_buckets *= 2;
    c.pages = 4096;
    c.page_octets = 256;
    c.tcp.delayed_ack = 0;
    const size_t size = rs_host_size(&c);
    host = rs_init(block_of(size), size, &c, now);
    n_peers = n;
    peers = block_of(n * sizeof *peers);
    if (!host || !peers) {
        fprintf(stderr, "scale: no memory for %u connections (%zu octets)\n", n, size);
        exit(77);
    }
    open_all();
    ns[0] = cost(0);
    ns[1] = cost(n / 2 + 977);
    for (int i = 0; i < 2; i++)
        base[i] = base[i] > 0 ? base[i] : ns[i];
    printf("%9u  %8.0f %6.2f  %10.0f %6.2f\n", n, ns[0], ns[0] / base[0], ns[1], ns[1] / base[1]);
    fflush(stdout);
    free(peers);
    free(host);
}

int main(int argc, char **argv)
{
    const long most = argc > 1 ? atol(argv[1]) : 1000000;
    struct rs_config a;
    struct rs_config b;
    double base[2] = { 0, 0 };

    if (most < 1 || most >= 1 << 20) {
        fprintf(stderr, "scale: %s is not a number of connections: give 1 to 1048575\n", argv[1]);
        return 2;
    }
    rs_config_default(&a);
    b = a;
    b.max_conns = a.max_conns + 1000;
    printf("an idle connection takes %zu octets and a place in the table of buckets\n",
           (rs_host_size(&b) - rs_host_size(&a)) / 1000);
    printf("ns of CPU a segment and its acknowledgment, and as a multiple of one connection's\n");
    printf("connections  same one  ratio  each in turn  ratio\n");
    for (uint32_t n = 1; n <= (uint32_t)most; n *= 1000)
        run(n, base);
    return 0;
}
