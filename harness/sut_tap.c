/* A stack that another process attached to a tap or tun device of this network namespace.
 *
 * The script stands at the kernel's side of the device: a packet socket puts its datagrams on the
 * device and takes those of the stack from it.  The kernel has no address there and stays silent.
 * Where the device carries Ethernet, ARP and Neighbour Discovery are answered for the script's
 * address. */
#include "harness/sut_tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "harness/clock.h"
#include "harness/sut_linux.h"

enum { MEET_PATIENCE_MS = 1000, AGENT_POLL_US = 1000 };

static char device_name[IFNAMSIZ], agent_path[108];

/* ---- Datagrams -------------------------------------------------------------------------- */

static void put_frame(void *arg, uint16_t type, const uint8_t to[6], const void *p, size_t len)
{
    struct tap_sut *s = arg;
    struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(type),
                              .sll_ifindex = (int)s->device, .sll_halen = 6 };
    memcpy(at.sll_addr, to, 6);
    /* A packet the device does not take is a lost packet. */
    if (sendto(s->packet, p, len, 0, (struct sockaddr *)&at, sizeof(at)) < 0)
        return;
}

static void tap_input(void *sut, const uint8_t *datagram, size_t len, uint64_t now)
{
    struct tap_sut *s = sut;
    (void)now;
    ethend_send(&s->end, datagram, len);
}

static size_t tap_output(void *sut, uint8_t *buf, size_t cap, uint64_t now)
{
    struct tap_sut *s = sut;
    (void)now;
    for (;;) {
        struct sockaddr_ll from;
        _Alignas(struct cmsghdr) char control[128];
        struct iovec iov = { buf, cap };
        struct msghdr m = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov,
                            .msg_iovlen = 1, .msg_control = control,
                            .msg_controllen = sizeof(control) };
        ssize_t n = recvmsg(s->packet, &m, 0);
        if (n < 0)
            return 0;
        if (from.sll_pkttype == PACKET_OUTGOING)
            continue;
        if (!ethend_take(&s->end, ntohs(from.sll_protocol), buf, (size_t)n))
            continue;
        s->sent_at = lin_packet_time(&m, s->epoch);
        return (size_t)n;
    }
}

static uint64_t tap_sent_at(void *sut)
{
    return ((struct tap_sut *)sut)->sent_at;
}

/* The agent does not say when a call could go on, so it is asked again soon. */
static uint64_t tap_wait(void *sut, uint64_t until)
{
    struct tap_sut *s = sut;
    struct pollfd p = { s->packet, POLLIN, 0 };
    const uint64_t now = clock_us() - s->epoch;
    if (until > now) {
        uint64_t us = until - now;
        if (s->agent >= 0 && us > AGENT_POLL_US)
            us = AGENT_POLL_US;
        const struct timespec for_ = { (time_t)(us / 1000000), (long)(us % 1000000 * 1000) };
        ppoll(&p, 1, &for_, NULL);
    }
    return clock_us() - s->epoch;
}

static uint64_t tap_deadline(void *sut)
{
    (void)sut;
    return RS_NEVER; /* it keeps its own time */
}

/* ---- Lifecycle -------------------------------------------------------------------------- */

/* One device is one stack: its cases run one after the other, whatever -j says.  The name goes
 * with the process, however that ends. */
static int lock_device(unsigned device)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    const int n = snprintf(at.sun_path + 1, sizeof(at.sun_path) - 1, "tcprig-tap-%u", device);
    const socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    while (fd >= 0 && bind(fd, (struct sockaddr *)&at, len) < 0 && errno == EADDRINUSE)
        usleep(2000);
    return fd;
}

static bool open_packet(struct tap_sut *s)
{
    const int on = 1;
    struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
                              .sll_ifindex = (int)s->device };
    struct ifreq kind = { 0 };
    memcpy(kind.ifr_name, device_name, sizeof(device_name));
    s->packet = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->packet < 0 || bind(s->packet, (struct sockaddr *)&at, sizeof(at)) < 0 ||
        setsockopt(s->packet, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0 ||
        ioctl(s->packet, SIOCGIFHWADDR, &kind) < 0)
        return false;
    s->ethernet = kind.ifr_hwaddr.sa_family == ARPHRD_ETHER;
    memcpy(s->end.mac, kind.ifr_hwaddr.sa_data, 6);
    return true;
}

/* A stack on Ethernet has to be met before a datagram can be put to it. */
static bool meet(struct tap_sut *s)
{
    uint8_t buf[2048];
    const uint64_t end = clock_us() + MEET_PATIENCE_MS * 1000u;
    if (!s->ethernet)
        return true;
    while (!s->end.met && clock_us() < end) {
        ethend_ask(&s->end);
        const uint64_t until = clock_us() - s->epoch + 50000;
        while (!s->end.met && tap_wait(s, until) < until)
            while (tap_output(s, buf, sizeof(buf), 0) > 0)
                ;
    }
    return s->end.met;
}

static void tap_destroy(void *sut)
{
    struct tap_sut *s = sut;
    const int own[] = { s->agent, s->packet, s->lock };
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (own[i] >= 0)
            close(own[i]);
    free(s->line);
    free(s);
}

static bool there(char *why, size_t cap)
{
    if (if_nametoindex(device_name))
        return true;
    snprintf(why, cap, "there is no device %s in this network namespace; start the stack on its "
                       "tap device first, and tcprig beside it", device_name);
    return false;
}

static const char *tap_broken(void *sut)
{
    const struct tap_sut *s = sut;
    return s->lost ? "the stack's agent does not answer: its process has ended, or hangs" : NULL;
}

static bool start(struct tap_sut *s, char *why, size_t cap)
{
    uint8_t buf[2048];
    if (!there(why, cap))
        return false;
    s->device = if_nametoindex(device_name);
    s->lock = lock_device(s->device);
    if (!open_packet(s)) {
        snprintf(why, cap, "cannot reach the device %s: %s; run as root of its network namespace, "
                           "and bring it up", device_name, strerror(errno));
        return false;
    }
    if (agent_path[0] && !tap_agent_open(s, agent_path, why, cap))
        return false;
    if (!agent_path[0] && s->config.n_settings) {
        snprintf(why, cap, "%s cannot be set without an agent", s->config.setting[0].name);
        return false;
    }
    while (tap_output(s, buf, sizeof(buf), 0) > 0)
        ; /* what the case before left behind */
    if (meet(s))
        return true;
    snprintf(why, cap, "nobody on %s answers for the script's peer; give the stack the address "
                       "%s", device_name, s->config.local.version == 6
                           ? "fd3d:fa7b:d17d::1" : "192.168.0.1, or the script --local_ip");
    return false;
}

static void *tap_create(const struct sut_config *config, uint64_t now, char *why, size_t cap)
{
    struct tap_sut *s = calloc(1, sizeof(*s));
    if (!s)
        abort();
    s->config = *config;
    s->end = (struct ethend){ .own = config->remote, .other = config->local, .put = put_frame,
                              .arg = s };
    s->lock = s->packet = s->agent = -1;
    s->epoch = clock_us() - now;
    if (start(s, why, cap)) {
        s->epoch = clock_us() - now;
        return s;
    }
    tap_destroy(s);
    return NULL;
}

static const struct sut_ops wire_only = {
    .name = "tap",
    .caps = SUT_IP6 | SUT_MANY_CONNECTIONS | SUT_ONE_AT_A_TIME,
    .there = there,
    .create = tap_create,
    .destroy = tap_destroy,
    .broken = tap_broken,
    .input = tap_input,
    .output = tap_output,
    .deadline = tap_deadline,
    .wait = tap_wait,
    .sent_at = tap_sent_at,
};

static void offer_calls(struct sut_ops *ops)
{
    ops->caps |= SUT_STATE;
    ops->socket = tap_socket;
    ops->bind = tap_bind;
    ops->listen = tap_listen;
    ops->accept = tap_accept;
    ops->connect = tap_connect;
    ops->send = tap_send;
    ops->recv = tap_recv;
    ops->shutdown = tap_shutdown;
    ops->close = tap_close;
    ops->setsockopt = tap_setsockopt;
    ops->getsockopt = tap_getsockopt;
    ops->ready = tap_ready;
    ops->state = tap_state;
    ops->fd_state = tap_fd_state;
    ops->info = tap_info;
}

const struct sut_ops *sut_tap_named(const char *name)
{
    static struct sut_ops ops;
    static char full[IFNAMSIZ + 8];
    if (strncmp(name, "tap:", 4) != 0)
        return NULL;
    name += 4;
    const size_t n = strcspn(name, ":");
    const char *path = name[n] ? name + n + 1 : "";
    if (n == 0 || n >= sizeof(device_name) || strlen(path) >= sizeof(agent_path))
        return NULL;
    memset(device_name, 0, sizeof(device_name));
    memcpy(device_name, name, n);
    strcpy(agent_path, path);
    snprintf(full, sizeof(full), "tap:%s", device_name);
    ops = wire_only;
    ops.name = full;
    if (path[0])
        offer_calls(&ops);
    return &ops;
}
