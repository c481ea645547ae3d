/* 100 MiB over a tap between refstack and the kernel, each way, beside the kernel with itself over
 * a veth pair, in turn within one run: the ratio is what counts, since machines differ. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/endpoint.h"
#include "harness/rtnl.h"

enum { OCTETS = 100 << 20, PIECE = 256 << 10, ROUNDS = 5, PORT = 9000 };

static uint8_t piece[PIECE];

static void die(const char *what)
{
    fprintf(stderr, "transfer: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void unsupported(const struct ns_error *error)
{
    fprintf(stderr, "skipped: %s\n", error->text);
    exit(77);
}

/* ---- The kernel's side: a process that sends or receives -------------------------------- */

static struct sockaddr_in address(const char *text)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(PORT) };
    inet_pton(AF_INET, text, &a.sin_addr);
    return a;
}

static int listening(const char *at)
{
    struct sockaddr_in a = address(at);
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 1) < 0)
        die("listen");
    return fd;
}

static void kernel_send(int fd)
{
    for (size_t sent = 0; sent < OCTETS;) {
        ssize_t n = send(fd, piece, OCTETS - sent < PIECE ? OCTETS - sent : PIECE, 0);
        if (n < 0)
            die("send");
        sent += (size_t)n;
    }
    shutdown(fd, SHUT_WR);
}

static size_t kernel_receive(int fd)
{
    size_t got = 0;
    ssize_t n;
    while ((n = recv(fd, piece, PIECE, 0)) > 0)
        got += (size_t)n;
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
        die("accept");
    if (sends)
        kernel_send(fd);
    size_t got = kernel_receive(fd);
    _exit(sends || got == OCTETS ? 0 : 1);
}

static void join(pid_t pid)
{
    int status;
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "transfer: octets are missing\n");
        exit(1);
    }
}

static double rate(rs_time began)
{
    return OCTETS / 1e6 / ((double)(pump_now() - began) / 1e6);
}

/* ---- refstack's side -------------------------------------------------------------------- */

static struct endpoint endpoint;

/* The octets that came, looked at where they lie. */
static uint64_t seen;

static int receive_in_place(int conn, rs_time now)
{
    struct rs_piece at[RS_PIECES];
    unsigned n;
    int octets = rs_peek(endpoint.host, conn, at, &n, now);
    for (unsigned i = 0; i < n; i++)
        for (size_t k = 0; k + 8 <= at[i].len; k += 8) {
            uint64_t word;
            memcpy(&word, at[i].octets + k, sizeof word);
            seen += word;
        }
    return octets > 0 ? rs_receive(endpoint.host, conn, NULL, (size_t)octets, now) : octets;
}

/* Moves octets until all have gone (sending) or the end has come (receiving). */
static void refstack_move(int conn, bool sending)
{
    size_t moved = 0;
    for (;;) {
        rs_time now = pump_now();
        int n = sending ? rs_send(endpoint.host, conn, piece,
                                  OCTETS - moved < PIECE ? OCTETS - moved : PIECE, RS_PUSH, now)
                        : receive_in_place(conn, now);
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
    rs_close(endpoint.host, conn, pump_now());
    if (sending) /* until the peer has all and says so by its own end */
        while (rs_receive(endpoint.host, conn, piece, PIECE, pump_now()) != 0)
            if (!pump_work(&endpoint.pump))
                pump_wait(&endpoint.pump, RS_NEVER, NULL, 0);
}

static double over_tap(bool refstack_sends)
{
    const struct rs_endpoint any = { .port = 0 };
    const struct rs_endpoint kernel = { rs_ip4(10, 0, 0, 1), PORT };
    int listener = listening("10.0.0.1");
    pid_t pid = kernel_peer(listener, !refstack_sends);
    close(listener);
    rs_time began = pump_now();
    int conn = rs_open_active(endpoint.host, &any, &kernel, began);
    if (conn < 0)
        die("open");
    refstack_move(conn, refstack_sends);
    double mbps = rate(began);
    rs_abort(endpoint.host, conn, pump_now());
    while (pump_work(&endpoint.pump))
        ;
    join(pid);
    return mbps;
}

/* ---- The kernel with itself ------------------------------------------------------------- */

/* The process is in the second namespace; the listener belongs to the first. */
static double over_veth(int listener)
{
    struct sockaddr_in to = address("10.1.0.1");
    pid_t pid = kernel_peer(listener, false);
    rs_time began = pump_now();
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
        die("connect");
    kernel_send(fd);
    if (recv(fd, piece, 1, 0) != 0) /* the peer's end: it has all */
        die("recv");
    double mbps = rate(began);
    close(fd);
    join(pid);
    return mbps;
}

static int enter(int ns)
{
    return setns(ns, CLONE_NEWNET);
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
        unsupported(&error);
    ns[1] = ns_current();
    bool ok = rtnl_open(&rt) == 0 && rtnl_veth_add(&rt, "v1", "v0", ns[0]) == 0 &&
              rtnl_addr_add(&rt, "v1", &second, 24) == 0 && rtnl_link_set(&rt, "v1", &up) == 0;
    ns_sysctl("net.ipv4.tcp_congestion_control", "reno", NULL);
    rtnl_close(&rt);
    ok = ok && enter(ns[0]) == 0 && rtnl_open(&rt) == 0 &&
         rtnl_addr_add(&rt, "v0", &first, 24) == 0 && rtnl_link_set(&rt, "v0", &up) == 0;
    rtnl_close(&rt);
    if (!ok)
        die("veth");
}

/* ---- Medians ---------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *v)
{
    qsort(v, ROUNDS, sizeof *v, by_value);
    return v[ROUNDS / 2];
}

int main(void)
{
    double to_kernel[ROUNDS], to_host[ROUNDS], veth[ROUNDS];
    struct endpoint_config config;
    struct ns_error error;
    int ns[2];
    endpoint_config_default(&config);
    config.host.tcp.snd_buf = config.host.tcp.rcv_buf = 4 << 20;
    config.host.offload = true;
    config.host.page_octets = 1 << 16;
    config.host.pages = 256;
    if (ns_enter(&error) < 0 || endpoint_start(&endpoint, &config, &error) < 0)
        unsupported(&error);
    ns_sysctl("net.ipv4.tcp_congestion_control", "reno", NULL);
    make_veth(ns);
    int listener = listening("10.1.0.1");
    for (int i = 0; i < ROUNDS; i++) {
        to_kernel[i] = over_tap(true);
        to_host[i] = over_tap(false);
        if (enter(ns[1]) < 0)
            die("setns");
        veth[i] = over_veth(listener);
        if (enter(ns[0]) < 0)
            die("setns");
    }
    double kernel = median(veth), sends = median(to_kernel), receives = median(to_host);
    printf("100 MiB, median of %d rounds\n", ROUNDS);
    printf("  kernel to kernel over veth    %8.0f MB/s\n", kernel);
    printf("  refstack to kernel over a tap %8.0f MB/s  ratio %.2f\n", sends, sends / kernel);
    printf("  kernel to refstack over a tap %8.0f MB/s  ratio %.2f\n", receives, receives / kernel);
    return 0;
}
