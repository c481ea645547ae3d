/* A packetdrill plug-in that misbehaves as its flags say, for the tests of who loads such.  It has
 * no TCP: one socket call, a clock, and a link on which nothing comes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "harness/plugin.h"

static char what[32];
static long long now = 1000000;

static int is(const char *name)
{
    return strcmp(what, name) == 0;
}

static void bad_free(void *ud)
{
    (void)ud;
}

static int bad_socket(void *ud, int domain, int type, int protocol)
{
    (void)ud, (void)domain, (void)type, (void)protocol;
    if (is("crash")) {
        fputs("assertion of the plug-in failed\n", stderr);
        abort();
    }
    while (is("hang"))
        pause();
    if (is("exit"))
        _exit(3);
    return is("false-descriptor") ? 777 : eventfd(0, EFD_CLOEXEC);
}

static int bad_bind(void *ud, int fd, const struct sockaddr *sa, socklen_t len)
{
    (void)ud, (void)fd, (void)sa, (void)len;
    return 0;
}

static int bad_listen(void *ud, int fd, int backlog)
{
    (void)ud, (void)fd, (void)backlog;
    return 0;
}

static int bad_close(void *ud, int fd)
{
    (void)ud;
    return close(fd);
}

static int bad_netdev_send(void *ud, const void *p, size_t len)
{
    (void)ud, (void)p, (void)len;
    if (is("refuse"))
        errno = ENOBUFS;
    return is("refuse") ? -1 : 0;
}

static int bad_netdev_receive(void *ud, void *p, size_t *count, long long *us)
{
    (void)ud, (void)p;
    *us = now;
    *count = is("huge-datagram") ? 1000000 : 0;
    return 0;
}

static int bad_usleep(void *ud, useconds_t us)
{
    (void)ud;
    if (!is("standing-clock"))
        now += us;
    return 0;
}

static int bad_gettimeofday(void *ud, struct timeval *t, struct timezone *zone)
{
    (void)ud, (void)zone;
    now += is("backward-clock") ? -5 : 1;
    t->tv_sec = now / 1000000;
    t->tv_usec = now % 1000000;
    return 0;
}

__attribute__((visibility("default"))) void
packetdrill_interface_init(const char *flags, struct plugin_table *t)
{
    snprintf(what, sizeof(what), "%s", flags ? flags : "");
    if (is("crash-at-once"))
        abort();
    t->free = bad_free;
    t->socket = bad_socket;
    t->bind = bad_bind;
    t->listen = bad_listen;
    t->close = bad_close;
    t->netdev_send = bad_netdev_send;
    t->netdev_receive = bad_netdev_receive;
    t->usleep = bad_usleep;
    t->gettimeofday = bad_gettimeofday;
}
