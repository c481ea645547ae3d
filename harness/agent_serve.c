/* A stack in virtual time, run in real time between a tun device and the agent's socket. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness/agent.h"
#include "harness/clock.h"
#include "harness/rtnl.h"
#include "harness/tap.h"

enum { LIVE_POLL_US = 500 };

struct server {
    struct agent agent;
    int device, listener, client; /* client: -1 when there is none */
    char line[AGENT_LINE];
    size_t len;
    char answer[AGENT_LINE];
    uint8_t datagram[65536];
};

void agent_unlink(const char *path)
{
    struct stat st;
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
        unlink(path);
}

static int open_socket(const char *path, struct ns_error *error)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof(at.sun_path))
        return ns_fail(error, 2, "the path of the agent's socket is too long: %s", path);
    strcpy(at.sun_path, path);
    agent_unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 1) == 0)
        return fd;
    ns_fail(error, 2, "cannot make the socket %s: %s; choose a path that can be written", path,
            strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Datagrams in and out, as long as there are any. */
static void move(struct server *s)
{
    ssize_t n;
    size_t len;
    const struct sut_ops *ops = s->agent.ops;
    while ((n = read(s->device, s->datagram, sizeof(s->datagram))) > 0)
        if (s->agent.sut)
            ops->input(s->agent.sut, s->datagram, (size_t)n, clock_us());
    while (s->agent.sut &&
           (len = ops->output(s->agent.sut, s->datagram, sizeof(s->datagram), clock_us())) > 0)
        if (write(s->device, s->datagram, len) < 0)
            return; /* the device's queue is full, or it is down: a lost packet */
}

static bool send_line(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        text += n;
        len -= (size_t)n;
    }
    return true;
}

static void hang_up(struct server *s)
{
    close(s->client);
    s->client = -1;
    s->len = 0;
}

static void serve_client(struct server *s)
{
    ssize_t n = read(s->client, s->line + s->len, sizeof(s->line) - 1 - s->len);
    if (n <= 0) {
        hang_up(s);
        return;
    }
    s->len += (size_t)n;
    s->line[s->len] = '\0';
    char *end;
    while (s->client >= 0 && (end = memchr(s->line, '\n', s->len)) != NULL) {
        const size_t used = (size_t)(end + 1 - s->line);
        *end = '\0';
        agent_answer(&s->agent, s->line, clock_us(), s->answer, sizeof(s->answer) - 1);
        move(s); /* what the call sends is on the wire before its answer */
        strcat(s->answer, "\n");
        memmove(s->line, s->line + used, s->len - used);
        s->len -= used;
        if (!send_line(s->client, s->answer, strlen(s->answer)))
            hang_up(s);
    }
    if (s->len == sizeof(s->line) - 1)
        hang_up(s); /* no request is so long */
}

static void wait_and_work(struct server *s)
{
    struct pollfd p[3] = { { s->device, POLLIN, 0 },
                           { s->listener, POLLIN, 0 },
                           { s->client, POLLIN, 0 } };
    const uint64_t now = clock_us();
    uint64_t due = s->agent.sut ? s->agent.ops->deadline(s->agent.sut) : RS_NEVER;
    /* A stack that keeps its own time does not say when it has something to send. */
    if (s->agent.sut && s->agent.ops->wait)
        due = now + LIVE_POLL_US;
    if (due > now + 100000)
        due = now + 100000; /* *stop is looked at ten times a second */
    const uint64_t us = due > now ? due - now : 0;
    const struct timespec timeout = { 0, (long)us * 1000 };
    if (ppoll(p, 3, &timeout, NULL) < 0)
        return;
    move(s);
    if (s->client < 0 && (p[1].revents & POLLIN))
        s->client = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
    else if (s->client >= 0 && p[2].revents)
        serve_client(s);
}

static int link_up(const char *device, struct ns_error *error)
{
    struct rtnl rt;
    int rc = rtnl_open(&rt);
    if (rc == 0) {
        rc = rtnl_link_set(&rt, device, &(struct rtnl_link){ .up = true });
        rtnl_close(&rt);
    }
    return rc == 0 ? 0 : ns_fail(error, 77, "cannot bring up %s: %s", device, strerror(-rc));
}

int agent_serve(const struct sut_ops *ops, const char *device, const char *path,
                const volatile sig_atomic_t *stop, struct ns_error *error)
{
    struct server *s = calloc(1, sizeof(*s));
    if (!s)
        abort();
    s->agent.ops = ops;
    s->client = s->listener = -1;
    ns_sysctl("net.ipv6.conf.default.disable_ipv6", "1", NULL); /* or the kernel talks too */
    s->device = tapdev_open(device, RS_LINK_IP, error);
    if (s->device >= 0 && link_up(device, error) == 0)
        s->listener = open_socket(path, error);
    const bool up = s->listener >= 0;
    while (up && !*stop)
        wait_and_work(s);
    if (s->client >= 0)
        close(s->client);
    if (up) {
        close(s->listener);
        unlink(path);
    }
    if (s->device >= 0)
        close(s->device);
    agent_free(&s->agent);
    free(s);
    return up ? 0 : -1;
}
