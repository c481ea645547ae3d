/* Connections a second: opened, one octet sent and compared, closed from both ends, one after the
 * other, with both ends in one thread on one core.  refstack and lwIP by the same adapter's table
 * and the same loop: against the kernel over a tun device each, and each against itself without a
 * device.  The kernel with itself beside them. */
#include <time.h>

#include "interop/bench/line.h"

enum { ROUNDS = 9, CONNECTIONS = 1000, PORT = 80, BATCH = 32 };

/* ---- A server behind the adapter's table ------------------------------------------------ */

enum { SERVED_MAX = 64 };

struct server {
    const struct sut_ops *ops;
    void *stack;
    int listener;
    int open[SERVED_MAX], n_open;
    unsigned served; /* octets compared, and the end seen */
};

static void fail(const char *what)
{
    fprintf(stderr, "connections: %s\n", what);
    exit(1);
}

static void serve_on(struct server *s, const struct sut_ops *ops, void *stack, struct rs_addr at)
{
    const struct rs_endpoint local = { at, PORT };
    *s = (struct server){ .ops = ops, .stack = stack, .listener = ops->socket(stack) };
    if (s->listener < 0 || ops->bind(stack, s->listener, &local) != 0 ||
        ops->listen(stack, s->listener, 64, pump_now()) != 0)
        fail("cannot listen");
}

/* What the n-th connection carries. */
static uint8_t octet_of(unsigned n)
{
    return (uint8_t)(n * 7 + 1);
}

static void serve(struct server *s, rs_time now)
{
    struct rs_endpoint peer;
    uint8_t got[8];
    int fd;
    while (s->n_open < SERVED_MAX &&
           (fd = s->ops->accept(s->stack, s->listener, &peer, now)) >= 0)
        s->open[s->n_open++] = fd;
    for (int i = 0; i < s->n_open;) {
        long n = s->ops->recv(s->stack, s->open[i], got, sizeof got, 0, now);
        if (n > 0) {
            if (n != 1 || got[0] != octet_of(s->served))
                fail("a wrong octet came");
            continue;
        }
        if (n == -EAGAIN) {
            i++;
            continue;
        }
        if (n < 0)
            fail("a connection was lost");
        s->ops->close(s->stack, s->open[i], now);
        s->open[i] = s->open[--s->n_open];
        s->served++;
    }
}

/* ---- The kernel as the client ----------------------------------------------------------- */

static int kernel_connect(const char *to)
{
    struct sockaddr_storage a = bench_address(to, PORT);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || (connect(fd, (struct sockaddr *)&a, sizeof(struct sockaddr_in)) < 0 &&
                   errno != EINPROGRESS))
        bench_die("connect");
    return fd;
}

static bool kernel_sent(int fd, uint8_t octet)
{
    ssize_t n = send(fd, &octet, 1, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != ENOTCONN)
        bench_die("send");
    return n == 1;
}

static struct line line[2]; /* refstack, lwIP */
static struct server server[2];
static const char *const line_to[2] = { "10.4.0.2", "10.3.0.2" };

/* No sleep is needed: all that the kernel does to a segment it does within the call. */
static void over_line(int which)
{
    struct server *s = &server[which];
    struct line *l = &line[which];
    const unsigned end = s->served + CONNECTIONS;
    while (s->served != end) {
        const unsigned n = s->served;
        int fd = kernel_connect(line_to[which]);
        do
            line_work(l);
        while (!kernel_sent(fd, octet_of(n)));
        close(fd);
        while (s->served == n) {
            line_work(l);
            serve(s, pump_now());
        }
    }
    line_work(l);
}

static void over_kernel(int listener)
{
    for (unsigned n = 0; n < CONNECTIONS; n++) {
        uint8_t got[8];
        int fd = kernel_connect("127.0.0.1");
        int peer = kernel_sent(fd, octet_of(n)) ? accept(listener, NULL, NULL) : -1;
        if (peer < 0)
            bench_die("accept");
        close(fd);
        if (recv(peer, got, sizeof got, 0) != 1 || got[0] != octet_of(n) ||
            recv(peer, got, sizeof got, 0) != 0)
            fail("a wrong octet came");
        close(peer);
    }
}

/* ---- A stack with itself ---------------------------------------------------------------- */

struct both {
    const struct sut_ops *ops;
    void *client;
    struct server server;
    struct rs_addr at;
    rs_time now;
};

static bool open_both(struct both *b, const char *stack, char *why, size_t cap)
{
    struct sut_config c = { .seed = 1, .local = rs_ip4(10, 5, 0, 1), .remote = rs_ip4(10, 5, 0, 2),
                            .mtu = 1500, .port = PORT };
    *b = (struct both){ .ops = sut_find(stack), .at = c.remote };
    b->client = b->ops->create(&c, 0, why, cap);
    c.local = c.remote;
    c.remote = rs_ip4(10, 5, 0, 1);
    c.seed = 2;
    void *other = b->client ? b->ops->create(&c, 0, why, cap) : NULL;
    if (!other)
        return false;
    serve_on(&b->server, b->ops, other, b->at);
    return true;
}

static void exchange(struct both *b)
{
    static uint8_t datagram[2048];
    for (bool any = true; any;) {
        size_t len;
        any = false;
        for (; (len = b->ops->output(b->client, datagram, sizeof datagram, b->now)) > 0; any = true)
            b->ops->input(b->server.stack, datagram, len, b->now);
        for (; (len = b->ops->output(b->server.stack, datagram, sizeof datagram, b->now)) > 0;
             any = true)
            b->ops->input(b->client, datagram, len, b->now);
    }
}

static void one_in_process(struct both *b)
{
    const struct rs_endpoint to = { b->at, PORT };
    const unsigned n = b->server.served;
    const uint8_t octet = octet_of(n);
    int fd = b->ops->socket(b->client);
    b->now += 10;
    if (fd < 0 || b->ops->connect(b->client, fd, &to, b->now) != -EINPROGRESS)
        fail("a stack does not connect to itself");
    exchange(b);
    if (b->ops->send(b->client, fd, &octet, 1, 0, b->now) != 1)
        fail("a stack does not reach itself");
    b->ops->close(b->client, fd, b->now);
    exchange(b);
    serve(&b->server, b->now);
    exchange(b);
    if (b->server.served != n + 1)
        fail("a connection did not end");
}

/* Seconds of this thread, the only one: what others do on a shared machine is not in it. */
static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Time jumps over TIME-WAIT now and then, outside of what is measured: it would be the same few
 * connections that wait for any number opened. */
static double in_process(struct both *b)
{
    double spent = 0;
    for (int i = 0; i < CONNECTIONS * 4; i += BATCH) {
        double began = cpu_seconds();
        for (int k = 0; k < BATCH; k++)
            one_in_process(b);
        spent += cpu_seconds() - began;
        b->now += 600 * RS_SEC;
        exchange(b);
    }
    return CONNECTIONS * 4 / spent;
}

/* ---- In turn ---------------------------------------------------------------------------- */

enum way { KERNEL, LINE_REFSTACK, LINE_LWIP, SELF_REFSTACK, SELF_LWIP, N_WAYS };

static const char *const way_name[N_WAYS] = {
    "kernel with itself, loopback", "kernel to refstack, tun", "kernel to lwIP, tun",
    "refstack with itself", "lwIP with itself",
};
static char skipped[N_WAYS][400];
static double rate[N_WAYS][ROUNDS];
static struct both both[2];

static double measure(int w, int listener)
{
    if (w >= SELF_REFSTACK)
        return in_process(&both[w - SELF_REFSTACK]);
    const double began = cpu_seconds();
    if (w == KERNEL)
        over_kernel(listener);
    else
        over_line(w - LINE_REFSTACK);
    return CONNECTIONS / (cpu_seconds() - began);
}

static void one_core(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)sched_getcpu(), &set);
    sched_setaffinity(0, sizeof set, &set);
}

static void start(void)
{
    struct ns_error error;
    if (ns_enter(&error) < 0)
        bench_unsupported(&error);
    /* TIME-WAIT is the kernel's, which closes first: it needs as many ports as connections. */
    ns_sysctl("net.ipv4.ip_local_port_range", "1024 65535", NULL);
    one_core();
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "lwip" : "refstack";
        char *why = skipped[LINE_REFSTACK + i];
        if (line_open(&line[i], name, i ? "l0" : "r0", i ? 3 : 4, why, sizeof skipped[0]))
            serve_on(&server[i], line[i].ops, line[i].stack, line[i].own);
        open_both(&both[i], name, skipped[SELF_REFSTACK + i], sizeof skipped[0]);
    }
}

int main(void)
{
    double m[N_WAYS] = { 0 };
    start();
    int listener = bench_listen("127.0.0.1", PORT);
    for (int i = 0; i < ROUNDS; i++)
        for (int w = 0; w < N_WAYS; w++)
            if (!skipped[w][0])
                rate[w][i] = measure(w, listener);
    printf("connect, one octet, close; connections a second of CPU time of the one thread that has "
           "both ends, median of %d interleaved rounds\n", ROUNDS);
    for (int w = 0; w < N_WAYS; w++) {
        m[w] = bench_median(rate[w], ROUNDS);
        if (skipped[w][0])
            printf("  %-30s skipped: %s\n", way_name[w], skipped[w]);
        else if ((w == LINE_LWIP || w == SELF_LWIP) && m[w] > 0)
            printf("  %-30s %8.0f  refstack is %.2f times as fast (goal: over 1)\n", way_name[w],
                   m[w], m[w - 1] / m[w]);
        else
            printf("  %-30s %8.0f\n", way_name[w], m[w]);
    }
    return 0;
}
