#include "interop/translator.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/endpoint.h"
#include "harness/pump.h"
#include "harness/rtnl.h"
#include "harness/tap.h"

enum { LENGTH = 4 }; /* octets before a frame of a stream */

const struct translator_program translator_slirp4netns = {
    .arg = { "slirp4netns", "--mtu=1500", "--enable-ipv6", "--disable-dns", "--target-type=bess",
             "SOCKET" },
};

/* It would give up its place in the namespace for nobody's without --runas. */
const struct translator_program translator_passt = {
    .arg = { "passt", "-f", "-q", "--runas", "0", "-l", "/dev/null", "-a", "10.0.2.15", "-n", "24",
             "-g", "10.0.2.2", "-a", "fd00::15", "-g", "fd00::2", "--no-dhcp", "--no-ra", "-m",
             "1500", "-F", "0" },
    .stream = true,
    .lossless = true, /* passt(1): it checks no checksum and keeps no text to send again */
    .template_link = true,
};

struct rs_addr translator_guest(int ip_version)
{
    const uint8_t v6[16] = { 0xfd, [15] = 0x15 };
    return ip_version == 6 ? rs_ip6(v6) : rs_ip4(10, 0, 2, 15);
}

struct rs_addr translator_host(int ip_version)
{
    const uint8_t v6[16] = { 0xfd, [15] = 2 };
    return ip_version == 6 ? rs_ip6(v6) : rs_ip4(10, 0, 2, 2);
}

/* ---- Frames ----------------------------------------------------------------------------- */

/* All of it or none: half a frame would put a stream out of step. */
static void port_input(void *arg, const uint8_t *frame, size_t len, rs_time now)
{
    struct translator *t = arg;
    uint32_t length = htonl((uint32_t)len);
    struct iovec io[2] = { { &length, sizeof length }, { (void *)(uintptr_t)frame, len } };
    struct msghdr m = { .msg_iov = t->program->stream ? io : io + 1,
                        .msg_iovlen = t->program->stream ? 2 : 1 };
    size_t whole = len + (t->program->stream ? sizeof length : 0);
    (void)now;
    ssize_t n = sendmsg(t->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != ENOBUFS)
        t->port.error = errno;
    else if (n >= 0 && (size_t)n < whole)
        t->port.error = EMSGSIZE;
}

static size_t stream_frame(struct translator *t, uint8_t *buf, size_t cap)
{
    uint32_t length;
    if (t->have < LENGTH)
        return 0;
    memcpy(&length, t->held, LENGTH);
    size_t len = ntohl(length);
    if (len > cap || len + LENGTH > sizeof t->held) {
        t->port.error = EMSGSIZE;
        return 0;
    }
    if (t->have < LENGTH + len)
        return 0;
    memcpy(buf, t->held + LENGTH, len);
    t->have -= LENGTH + len;
    memmove(t->held, t->held + LENGTH + len, t->have);
    return len;
}

static size_t port_output(void *arg, uint8_t *buf, size_t cap, rs_time now)
{
    struct translator *t = arg;
    bool stream = t->program->stream;
    size_t len = stream ? stream_frame(t, buf, cap) : 0;
    (void)now;
    if (len)
        return len;
    ssize_t n = stream ? recv(t->fd, t->held + t->have, sizeof t->held - t->have, MSG_DONTWAIT)
                       : recv(t->fd, buf, cap, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        t->port.error = n == 0 ? EPIPE : errno;
    if (n <= 0)
        return 0;
    t->have += stream ? (size_t)n : 0;
    return stream ? stream_frame(t, buf, cap) : (size_t)n;
}

/* ---- The program ------------------------------------------------------------------------ */

/* A link that looks as if it led to the world; nothing is sent on it. */
static bool make_template(struct translator *t, struct ns_error *error)
{
    struct rtnl rt;
    t->link = tapdev_open("tap0", RS_LINK_ETHERNET, error);
    if (t->link < 0)
        return false;
    int rc = rtnl_open(&rt);
    if (rc == 0) {
        rc = rtnl_link_set(&rt, "tap0", &(struct rtnl_link){ .up = true });
        for (int ip = 4; rc == 0 && ip <= 6; ip += 2) {
            struct rs_addr guest = translator_guest(ip), host = translator_host(ip);
            struct rs_addr any = { .version = (uint8_t)ip };
            rc = rtnl_addr_add(&rt, "tap0", &guest, ip == 6 ? 64 : 24);
            if (rc == 0)
                rc = rtnl_route_add(&rt, "tap0", &any, 0, &host);
        }
        rtnl_close(&rt);
    }
    if (rc < 0)
        ns_fail(error, 77, "cannot set up a link for %s to look at: %s", t->program->arg[0],
                strerror(-rc));
    return rc == 0;
}

/* What the program has to say about itself is not the case's. */
static pid_t spawn_quietly(const char *const *arg, int in)
{
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC), own = dup(STDERR_FILENO);
    dup2(nothing, STDERR_FILENO);
    pid_t pid = endpoint_spawn(arg, in < 0 ? nothing : in, nothing);
    dup2(own, STDERR_FILENO);
    close(own);
    close(nothing);
    return pid;
}

/* The program creates its socket some time after it was started. */
static int connect_to(const char *path, rs_time until)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    const struct timespec a_while = { .tv_nsec = 1000 * 1000 };
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    while (fd >= 0 && connect(fd, (struct sockaddr *)&name, sizeof name) < 0) {
        if (pump_now() > until) {
            close(fd);
            return -1;
        }
        nanosleep(&a_while, NULL);
    }
    return fd;
}

static bool start_stream(struct translator *t)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return false;
    t->fd = pair[0];
    t->pid = spawn_quietly(t->program->arg, pair[1]);
    close(pair[1]);
    return t->pid > 0;
}

static bool start_packets(struct translator *t)
{
    const char *arg[sizeof t->program->arg / sizeof t->program->arg[0]];
    const char *tmp = getenv("TMPDIR");
    char folder[80], path[96];
    snprintf(folder, sizeof folder, "%.60s/tcprig-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(folder))
        return false;
    snprintf(path, sizeof path, "%s/s", folder);
    memcpy(arg, t->program->arg, sizeof arg);
    for (size_t i = 0; arg[i]; i++)
        if (strcmp(arg[i], "SOCKET") == 0)
            arg[i] = path;
    t->pid = spawn_quietly(arg, -1);
    t->fd = t->pid > 0 ? connect_to(path, pump_now() + 5 * RS_SEC) : -1;
    unlink(path);
    rmdir(folder);
    return t->fd >= 0;
}

bool translator_start(struct translator *t, const struct translator_program *program,
                      struct ns_error *error)
{
    t->program = program;
    t->fd = t->link = -1;
    t->pid = 0;
    t->have = 0;
    if (program->template_link && !make_template(t, error))
        return false;
    if (!(program->stream ? start_stream(t) : start_packets(t)))
        return ns_fail(error, 77, "cannot start %s", program->arg[0]) == 0;
    t->port = (struct line_port){ .arg = t, .input = port_input, .output = port_output,
                                  .fd = t->fd };
    return true;
}

void translator_stop(struct translator *t)
{
    if (t->pid > 0) {
        kill(t->pid, SIGKILL);
        waitpid(t->pid, NULL, 0);
    }
    if (t->fd >= 0)
        close(t->fd);
    if (t->link >= 0)
        close(t->link);
}
