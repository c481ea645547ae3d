/* What the benchmarks over live links share: an end of a connection that is the kernel's, and the
 * words they end with.  Each benchmark is one file, so this is all inline. */
#ifndef INTEROP_BENCH_BENCH_H
#define INTEROP_BENCH_BENCH_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/ns.h"

static inline void bench_die(const char *what)
{
    fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
    exit(1);
}

static inline void bench_unsupported(const struct ns_error *error)
{
    fprintf(stderr, "skipped: %s\n", error->text);
    exit(77);
}

/* Either version's; both are passed with BENCH_ADDRESS_LEN. */
static inline struct sockaddr_storage bench_address(const char *text, unsigned port)
{
    struct sockaddr_storage a = { .ss_family = strchr(text, ':') ? AF_INET6 : AF_INET };
    struct sockaddr_in *four = (struct sockaddr_in *)&a;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&a;
    four->sin_port = htons((uint16_t)port); /* where IPv6 has it too */
    inet_pton(a.ss_family, text,
              a.ss_family == AF_INET ? (void *)&four->sin_addr : (void *)&six->sin6_addr);
    return a;
}
#define BENCH_ADDRESS_LEN ((socklen_t)sizeof(struct sockaddr_in6))

static inline int bench_socket(const char *to)
{
    return socket(strchr(to, ':') ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* The kernel's own choice may pace (BBR does), and a namespace may not choose another for all of
 * its sockets; for one socket it may.  The name of what the socket uses then. */
static inline const char *bench_cubic(int fd)
{
    static char name[16];
    socklen_t len = sizeof name - 1;
    if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5) < 0)
        setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
    getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len);
    return name;
}

/* A kernel's listening socket in the namespace the process is in. */
static inline int bench_listen(const char *at, unsigned port)
{
    struct sockaddr_storage a = bench_address(at, port);
    int one = 1, fd = bench_socket(at);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    bench_cubic(fd);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, BENCH_ADDRESS_LEN) < 0 || listen(fd, 1024) < 0)
        bench_die("listen");
    return fd;
}

/* Descriptors of namespaces are moved between; the process has one thread. */
static inline void bench_enter(int ns)
{
    if (setns(ns, CLONE_NEWNET) < 0)
        bench_die("setns");
}

static inline int bench_by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static inline double bench_median(double *v, size_t n)
{
    qsort(v, n, sizeof *v, bench_by_value);
    return v[n / 2];
}

/* CPU seconds, of this process and of the children it has waited for. */
static inline double bench_cpu(void)
{
    double sum = 0;
    struct rusage u;
    for (int i = 0; i < 2; i++) {
        getrusage(i ? RUSAGE_CHILDREN : RUSAGE_SELF, &u);
        sum += (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
               (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
    }
    return sum;
}

#endif
