/* 100 MiB over a tap between refstack and the kernel, each way, beside the kernel with itself over
 * a veth pair and beside other TCPs that live outside a kernel, in turn within one run: the ratio
 * is what counts, since machines differ.  Whoever receives compares each octet with what was
 * sent. */
#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "harness/endpoint.h"
#include "harness/rtnl.h"
#include "interop/bench/bench.h"
#include "interop/bench/line.h"

enum { OCTETS = 100 << 20, PIECE = 256 << 10, ROUNDS = 15, PORT = 9000 };

/* What is sent repeats after a number of octets that no page or segment divides, so that one that
 * lands in another's place is seen; of whole small pages, since the kernel copies slowly else. */
enum { PERIOD = 17 * 4096 };

static uint8_t piece[PIECE], stream[PERIOD + PIECE] __attribute__((aligned(4096)));

static void make_stream(void)
{
    uint32_t x = 1;
    for (size_t i = 0; i < sizeof stream; i++) {
        x = x * 1664525u + 1013904223u;
        stream[i] = i < PERIOD ? (uint8_t)(x >> 24) : stream[i - PERIOD];
    }
}

static const uint8_t *stream_at(size_t position)
{
    return stream + position % PERIOD;
}

static void check(const uint8_t *octets, size_t len, size_t position)
{
    if (position + len <= OCTETS && memcmp(octets, stream_at(position), len) == 0)
        return;
    fprintf(stderr, "transfer: wrong octets near %zu\n", position);
    exit(1);
}

static size_t next_piece(size_t sent)
{
    return OCTETS - sent < PIECE ? OCTETS - sent : PIECE;
}

/* ---- The kernel's side: a process that sends or receives -------------------------------- */

/* A connection that stands still has failed. */
static void bound_waits(int fd)
{
    const struct timeval most = { .tv_sec = 3 };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
}

static bool kernel_send(int fd)
{
    for (size_t sent = 0; sent < OCTETS;) {
        ssize_t n = send(fd, stream_at(sent), next_piece(sent), MSG_NOSIGNAL);
        if (n < 0)
            return false;
        sent += (size_t)n;
    }
    return shutdown(fd, SHUT_WR) == 0;
}

static size_t kernel_receive(int fd)
{
    size_t got = 0;
    ssize_t n;
    for (; (n = recv(fd, piece, PIECE, 0)) > 0; got += (size_t)n)
        check(piece, (size_t)n, got);
    return got;
}

/* A process that serves one connection of the listener, in the namespace it is started in. */
static pid_t kernel_peer(int listener, bool sends)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int fd = accept(listener, NULL, NULL);
    if (fd < 0)
        bench_die("accept");
    bound_waits(fd);
    bool sent = sends && kernel_send(fd);
    _exit(kernel_receive(fd) == (sends ? 0 : OCTETS) && sent == sends ? 0 : 1);
}

static bool join(pid_t pid)
{
    int status;
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void must_join(pid_t pid)
{
    if (join(pid))
        return;
    fprintf(stderr, "transfer: octets are missing\n");
    exit(1);
}

static double rate(rs_time began)
{
    return OCTETS / 1e6 / ((double)(pump_now() - began) / 1e6);
}

/* ---- refstack's side -------------------------------------------------------------------- */

static struct endpoint endpoint;
static const struct rs_addr kernel6 = { 6, { 0xfd, [15] = 1 } }, own6 = { 6, { 0xfd, [15] = 2 } };

/* The octets that came are compared where they lie. */
static int receive_in_place(int conn, size_t position, rs_time now)
{
    struct rs_piece at[RS_PIECES];
    unsigned n;
    int octets = rs_peek(endpoint.host, conn, at, &n, now);
    for (unsigned i = 0; octets > 0 && i < n; i++) {
        for (size_t k = 0; k < at[i].len; k += PIECE) {
            size_t part = at[i].len - k < PIECE ? at[i].len - k : PIECE;
            check(at[i].octets + k, part, position + k);
        }
        position += at[i].len;
    }
    return octets > 0 ? rs_receive(endpoint.host, conn, NULL, (size_t)octets, now) : octets;
}

static void until_something(void)
{
    if (!pump_work(&endpoint.pump))
        pump_wait(&endpoint.pump, RS_NEVER, NULL, 0);
}

/* The figures are those of the whole stack: the options are in use. */
static void check_options(int conn)
{
    struct rs_status s;
    if (rs_status(endpoint.host, conn, &s) < 0 || !s.ts_on || !s.sack_on || !s.wscale_on) {
        fprintf(stderr, "transfer: timestamps, SACK or window scale were not agreed\n");
        exit(1);
    }
}

/* Moves octets until all have gone (sending) or the end has come (receiving). */
static void refstack_move(int conn, bool sending)
{
    size_t moved = 0;
    for (;;) {
        rs_time now = pump_now();
        int n = sending ? rs_send(endpoint.host, conn, stream_at(moved), next_piece(moved),
                                  RS_PUSH, now)
                        : receive_in_place(conn, moved, now);
        if (n > 0)
            moved += (size_t)n;
        if ((sending && moved == OCTETS) || (!sending && n == 0))
            break;
        if (n < 0 && n != RS_EAGAIN && n != RS_ENOTCONN) {
            fprintf(stderr, "transfer: %s\n", rs_error_name(n));
            exit(1);
        }
        if (!pump_work(&endpoint.pump) && n < 0)
            pump_wait(&endpoint.pump, RS_NEVER, NULL, 0);
    }
    if (moved != OCTETS) {
        fprintf(stderr, "transfer: %zu octets came\n", moved);
        exit(1);
    }
    check_options(conn);
    rs_close(endpoint.host, conn, pump_now());
    if (sending) /* until the peer has all and says so by its own end */
        while (rs_receive(endpoint.host, conn, piece, PIECE, pump_now()) != 0)
            until_something();
}

static double over_tap(bool sends, bool six)
{
    const struct rs_endpoint any = { .port = 0 };
    const struct rs_endpoint kernel = { six ? kernel6 : rs_ip4(10, 0, 0, 1), PORT };
    int listener = bench_listen(six ? "fd00::1" : "10.0.0.1", PORT);
    pid_t pid = kernel_peer(listener, !sends);
    close(listener);
    rs_time began = pump_now();
    int conn = rs_open_active(endpoint.host, &any, &kernel, began);
    if (conn < 0)
        bench_die("open");
    refstack_move(conn, sends);
    double mbps = rate(began);
    rs_abort(endpoint.host, conn, pump_now());
    while (pump_work(&endpoint.pump))
        ;
    must_join(pid);
    return mbps;
}

/* ---- lwIP, over a tun device ------------------------------------------------------------ */

static struct line lwip;

static double over_lwip(bool sends)
{
    const struct rs_endpoint kernel = { lwip.kernel, PORT };
    int listener = bench_listen("10.3.0.1", PORT);
    pid_t pid = kernel_peer(listener, !sends);
    close(listener);
    rs_time began = pump_now();
    int fd = lwip.ops->socket(lwip.stack);
    size_t moved = 0;
    long n = lwip.ops->connect(lwip.stack, fd, &kernel, began);
    if (fd < 0 || (n < 0 && n != -EINPROGRESS))
        bench_die("lwIP's connect");
    line_until(&lwip, fd, POLLOUT);
    while (!sends || moved < OCTETS) {
        n = sends ? lwip.ops->send(lwip.stack, fd, stream_at(moved), next_piece(moved), 0,
                                   pump_now())
                  : lwip.ops->recv(lwip.stack, fd, piece, PIECE, 0, pump_now());
        if (n == 0)
            break;
        if (n < 0 && n != -EAGAIN)
            bench_die("lwIP");
        if (n > 0 && !sends)
            check(piece, (size_t)n, moved);
        moved += n > 0 ? (size_t)n : 0;
        if (!line_work(&lwip) && n < 0)
            line_wait(&lwip);
    }
    lwip.ops->shutdown(lwip.stack, fd, SHUT_WR, pump_now());
    while (sends && (n = lwip.ops->recv(lwip.stack, fd, piece, PIECE, 0, pump_now())) != 0)
        if (!line_work(&lwip))
            line_wait(&lwip);
    double mbps = rate(began);
    lwip.ops->close(lwip.stack, fd, pump_now());
    while (line_work(&lwip))
        ;
    must_join(pid);
    return moved == OCTETS ? mbps : 0;
}

/* ---- The kernel with itself, or with a translator --------------------------------------- */

static char congestion[16]; /* what the kernel's sockets use */

/* A socket in another namespace than the listener's.  sends: this side of the pair does.  0 when
 * what stands between lost the connection. */
static double over_kernel(int listener, const char *address, bool sends, bool cubic)
{
    struct sockaddr_storage to = bench_address(address, PORT);
    pid_t pid = kernel_peer(listener, !sends);
    rs_time began = pump_now();
    int fd = bench_socket(address);
    if (cubic)
        snprintf(congestion, sizeof congestion, "%s", bench_cubic(fd));
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, BENCH_ADDRESS_LEN) < 0)
        bench_die(address);
    bound_waits(fd);
    bool sent = sends && kernel_send(fd);
    size_t got = kernel_receive(fd); /* the peer's end: it has all */
    double mbps = rate(began);
    close(fd);
    bool whole = join(pid);
    return whole && sent == sends && got == (sends ? 0 : OCTETS) ? mbps : 0;
}

/* Two namespaces joined by a veth pair; returns descriptors of both. */
static void make_veth(int ns[2])
{
    struct ns_error error;
    struct rtnl rt;
    const struct rs_addr first = rs_ip4(10, 1, 0, 1), second = rs_ip4(10, 1, 0, 2);
    const struct rtnl_link up = { .up = true };
    ns[0] = ns_current();
    if (ns_enter_net(&error) < 0)
        bench_unsupported(&error);
    ns[1] = ns_current();
    bool ok = rtnl_open(&rt) == 0 && rtnl_veth_add(&rt, "v1", "v0", ns[0]) == 0 &&
              rtnl_addr_add(&rt, "v1", &second, 24) == 0 && rtnl_link_set(&rt, "v1", &up) == 0;
    rtnl_close(&rt);
    bench_enter(ns[0]);
    ok = ok && rtnl_open(&rt) == 0 && rtnl_addr_add(&rt, "v0", &first, 24) == 0 &&
         rtnl_link_set(&rt, "v0", &up) == 0;
    rtnl_close(&rt);
    if (!ok)
        bench_die("veth");
}

#include "interop/bench/transfer_peers.h"

/* ---- In turn ---------------------------------------------------------------------------- */

enum way { VETH, REFSTACK, REFSTACK6, SLIRP, PASST, PASST_OWN, LWIP, N_WAYS };

static const char *const way_name[N_WAYS] = {
    "kernel to kernel, veth", "refstack, tap", "refstack, tap, IPv6", "slirp4netns, tap",
    "passt, tap", "passt, tap, default cc", "lwIP, tun",
};
/* passt drops what it cannot take at once, which cubic answers by going slow; with what this kernel
 * uses unless told otherwise (BBR, perhaps) it may be faster, and is shown at its best. */
static char skipped[N_WAYS][sizeof(struct ns_error)];
static double mbps[N_WAYS][2][ROUNDS], cpu[N_WAYS][2][ROUNDS];
static size_t rounds[N_WAYS][2];

/* One transfer; sending is the way of the stack named, receiving that of the kernel beside it. */
static double transfer(enum way way, bool sends, const int ns[N_WAYS], const int listener[2])
{
    if (way == REFSTACK || way == REFSTACK6)
        return over_tap(sends, way == REFSTACK6);
    if (way == LWIP)
        return over_lwip(sends);
    /* A translator sends what this process's kernel receives. */
    bench_enter(ns[way]);
    double got = way == VETH ? over_kernel(listener[0], "10.1.0.1", true, true)
                             : over_kernel(listener[1], way == SLIRP ? "10.0.2.2" : "10.9.0.1",
                                           !sends, way != PASST_OWN);
    bench_enter(ns[REFSTACK]);
    return got;
}

/* Two of three rounds are without the peers, which take ten times longer. */
static bool has_turn(int w, int receives, int round)
{
    if (skipped[w][0] || (w == VETH && receives) || (w == PASST_OWN && !receives))
        return false;
    return w <= REFSTACK6 || round % 3 == 0;
}

/* As a ratio to the kernel with itself, and what it should be. */
static double print_one(int w, int receives, double kernel)
{
    size_t lost = 0, n = rounds[w][receives];
    double m = bench_median(mbps[w][receives], n); /* sorts them */
    while (lost < n && mbps[w][receives][lost] <= 0)
        lost++;
    printf("  %-24s %-9s %6.0f MB/s  %.2f", way_name[w],
           w == VETH ? "" : receives ? "receives" : "sends", m, m / kernel);
    if (w < SLIRP || w > PASST_OWN) /* their own time is not this process's children's */
        printf("  %.2f s/GiB", bench_median(cpu[w][receives], n) * (1 << 30) / OCTETS);
    if (w == REFSTACK || w == REFSTACK6)
        printf("  (goal: %.1f)", receives ? 0.9 : 0.6);
    if (lost)
        printf("  (%zu of %zu connections lost)", lost, n);
    putchar('\n');
    return m;
}

static void print(void)
{
    double kernel = bench_median(mbps[VETH][0], rounds[VETH][0]), m[2] = { 0 }, peer[2] = { 0 };
    printf("100 MiB, every octet compared; median MB/s of interleaved rounds (%d, the peers' %d), "
           "ratio to the kernel with itself, CPU seconds a GiB at both ends; the kernel's sender "
           "uses %s\n", ROUNDS, ROUNDS / 3, congestion);
    for (int w = 0; w < N_WAYS; w++) {
        if (skipped[w][0])
            printf("  %-24s skipped: %s\n", way_name[w], skipped[w]);
        for (int receives = 0; receives < 2; receives++) {
            if (!rounds[w][receives])
                continue;
            double one = print_one(w, receives, kernel);
            if (w == REFSTACK)
                m[receives] = one;
            if (w > REFSTACK6 && one > peer[receives])
                peer[receives] = one;
        }
    }
    for (int receives = 0; receives < 2; receives++)
        if (peer[receives] > 0)
            printf("  refstack %s %.1f times as fast as the best peer (goal: 3)\n",
                   receives ? "receives" : "sends", m[receives] / peer[receives]);
}

/* The peers are forked while the host has its memory: without this, each page the host writes to
 * next is copied first, which no transfer between programs that run costs. */
static void keep_from_children(void *block, size_t size)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t from = ((uintptr_t)block + page - 1) & ~(page - 1);
    const uintptr_t to = ((uintptr_t)block + size) & ~(page - 1);
    if (madvise((void *)from, to - from, MADV_DONTFORK) < 0)
        bench_die("madvise");
}

static void start_host(void)
{
    struct endpoint_config config;
    struct ns_error error;
    struct rtnl rt;
    endpoint_config_default(&config);
    /* Twice as much takes a tenth more CPU time: it is not in a second-level cache any more. */
    config.host.tcp.snd_buf = config.host.tcp.rcv_buf = 2 << 20;
    config.host.offload = true;
    config.host.page_octets = 1 << 16;
    config.host.pages = 256;
    config.host.addr6 = own6;
    config.host.prefix6 = 64;
    if (ns_enter(&error) < 0 || endpoint_start(&endpoint, &config, &error) < 0)
        bench_unsupported(&error);
    if (rtnl_open(&rt) < 0 || rtnl_addr_add(&rt, config.device, &kernel6, 64) < 0)
        bench_die("IPv6 address");
    rtnl_close(&rt);
    keep_from_children(endpoint.host, rs_host_size(&config.host));
}

int main(void)
{
    int ns[N_WAYS] = { -1, -1, -1, -1, -1, -1, -1 }, veth[2], listener[2];
    make_stream();
    start_host();
    make_veth(veth);
    ns[REFSTACK] = veth[0];
    ns[VETH] = veth[1];
    ns[SLIRP] = start_slirp(skipped[SLIRP], sizeof skipped[SLIRP]);
    ns[PASST] = ns[PASST_OWN] = start_passt(skipped[PASST], sizeof skipped[PASST]);
    memcpy(skipped[PASST_OWN], skipped[PASST], sizeof skipped[PASST]);
    line_open(&lwip, "lwip", "l0", 3, skipped[LWIP], sizeof skipped[LWIP]);
    listener[0] = bench_listen("10.1.0.1", PORT);
    listener[1] = bench_listen("127.0.0.1", PORT);
    for (int i = 0; i < ROUNDS; i++)
        for (int w = 0; w < N_WAYS; w++)
            for (int receives = 0; receives < 2; receives++) {
                if (!has_turn(w, receives, i))
                    continue;
                double began = bench_cpu();
                size_t k = rounds[w][receives]++;
                mbps[w][receives][k] = transfer((enum way)w, !receives, ns, listener);
                cpu[w][receives][k] = bench_cpu() - began;
            }
    print();
    return 0;
}
