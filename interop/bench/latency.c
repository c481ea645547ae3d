/* From the kernel's SYN to our SYN+ACK over a tap: how long connect(2) takes, beside a responder of
 * a few lines that answers a SYN with a SYN+ACK and does nothing else.  The two ends are processes
 * on a core each; the responder and refstack either ask the device again and again or sleep until
 * it has something. */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "harness/endpoint.h"
#include "harness/tap.h"
#include "interop/bench/bench.h"
#include "refstack/wire.h"

enum { ROUNDS = 10, CONNECTS = 200, PORT = 80 };

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 2 };

static void on_core(size_t core)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static void sleep_until_readable(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    poll(&p, 1, -1);
}

/* ---- The minimal responder -------------------------------------------------------------- */

/* Turns a frame with a SYN into its SYN+ACK in place; false for any other frame. */
static bool answer(uint8_t *frame, size_t len)
{
    struct eth_hdr eth;
    struct ip4_hdr ip;
    struct tcp_seg seg;
    if (eth_parse(&eth, frame, len) != WIRE_OK || eth.type != ETH_TYPE_IP4 ||
        ip4_parse(&ip, frame + ETH_HEADER, len - ETH_HEADER) != WIRE_OK ||
        tcp_parse(&seg, ip.payload, ip.payload_len) != WIRE_OK || seg.flags != TCP_SYN)
        return false;
    const struct tcp_seg syn_ack = { .src_port = seg.dst_port, .dst_port = seg.src_port,
                                     .seq = 1, .ack = seg.seq + 1, .flags = TCP_SYN | TCP_ACK,
                                     .wnd = 65535, .opt = seg.opt, .opt_len = seg.opt_len };
    const struct ip4_hdr back = { .ihl = 5, .ttl = 64, .proto = IP_PROTO_TCP, .src = ip.dst,
                                  .dst = ip.src, .total_len = (uint16_t)(len - ETH_HEADER) };
    memcpy(frame, eth.src, 6);
    memcpy(frame + 6, mac, 6);
    ip4_emit_sum(&back, frame + ETH_HEADER, IP4_HEADER);
    tcp_emit_sum(&syn_ack, &back.src, &back.dst, frame + ETH_HEADER + IP4_HEADER,
                 len - ETH_HEADER - IP4_HEADER);
    return true;
}

static void respond(int fd, bool sleeps)
{
    uint8_t frame[2048];
    for (;;) {
        ssize_t len = read(fd, frame, sizeof frame);
        if (len > 0 && answer(frame, (size_t)len) && write(fd, frame, (size_t)len) < 0)
            bench_die("write to the device");
        if (len <= 0 && sleeps)
            sleep_until_readable(fd);
    }
}

/* ---- refstack --------------------------------------------------------------------------- */

static struct endpoint endpoint;

/* Connections wait on the listener until the kernel's RST ends them. */
static void serve(bool sleeps)
{
    for (;;)
        if (!pump_work(&endpoint.pump) && sleeps)
            pump_wait(&endpoint.pump, RS_NEVER, NULL, 0);
}

/* ---- The kernel connects ---------------------------------------------------------------- */

enum way { MINIMAL_BUSY, REFSTACK_BUSY, MINIMAL_SLEEPS, REFSTACK_SLEEPS, N_WAYS };

static const char *const way_name[N_WAYS] = {
    "minimal responder, busy", "refstack, busy", "minimal responder, poll", "refstack, ppoll",
};
static const char *const address[2] = { "10.6.0.2", "10.0.0.2" };
static double us[N_WAYS][ROUNDS * CONNECTS];
static int device;

/* A process that serves until it is killed.  What it does to the host is gone with it. */
static pid_t start_server(enum way way)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    on_core(1);
    if (way == MINIMAL_BUSY || way == MINIMAL_SLEEPS)
        respond(device, way == MINIMAL_SLEEPS);
    serve(way == REFSTACK_SLEEPS);
    _exit(0);
}

static double microseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Reset at once: nothing of it is in the way of the next. */
static double connect_once(const char *to)
{
    const struct linger none = { .l_onoff = 1 };
    struct sockaddr_storage a = bench_address(to, PORT);
    int fd = bench_socket(to);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    double began = microseconds();
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, BENCH_ADDRESS_LEN) < 0)
        bench_die("connect");
    double took = microseconds() - began;
    close(fd);
    usleep(50); /* until who served it sleeps again */
    return took;
}

static void measure(enum way way, double *to)
{
    const char *at = address[way == REFSTACK_BUSY || way == REFSTACK_SLEEPS];
    pid_t pid = start_server(way);
    for (int i = 0; i < 20; i++)
        connect_once(at); /* the neighbour is resolved */
    for (int i = 0; i < CONNECTS; i++)
        to[i] = connect_once(at);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void start(void)
{
    struct ns_error error;
    struct endpoint_config config;
    const struct rs_endpoint any = { .port = PORT };
    const struct tapdev_config tap = { .name = "m0", .link = RS_LINK_ETHERNET,
                                       .txqueuelen = 5000, .addr = rs_ip4(10, 6, 0, 1),
                                       .prefix_len = 24, .peer = rs_ip4(10, 6, 0, 2),
                                       .peer_mac = mac };
    endpoint_config_default(&config);
    memset(config.serve, 0, sizeof config.serve);
    if (ns_enter(&error) < 0 || endpoint_start(&endpoint, &config, &error) < 0 ||
        (device = tapdev_up(&tap, &error)) < 0)
        bench_unsupported(&error);
    if (rs_listen(endpoint.host, &any, pump_now()) < 0)
        bench_die("listen");
    on_core(0);
}

int main(void)
{
    double p50[N_WAYS];
    if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
        fprintf(stderr, "skipped: one core only, and each end needs one\n");
        return 77;
    }
    start();
    for (int i = 0; i < ROUNDS; i++)
        for (int w = 0; w < N_WAYS; w++)
            measure((enum way)w, us[w] + i * CONNECTS);
    printf("SYN to SYN+ACK, microseconds of connect(2); %d in %d interleaved rounds\n",
           ROUNDS * CONNECTS, ROUNDS);
    for (int w = 0; w < N_WAYS; w++) {
        p50[w] = bench_median(us[w], ROUNDS * CONNECTS); /* sorts them */
        printf("  %-26s p50 %6.1f  p90 %6.1f", way_name[w], p50[w],
               us[w][ROUNDS * CONNECTS * 9 / 10]);
        if (w == REFSTACK_BUSY || w == REFSTACK_SLEEPS)
            printf("  %.2f times the responder's (goal: 1.3)", p50[w] / p50[w - 1]);
        putchar('\n');
    }
    return 0;
}
