/* The TUN device between the script and the kernel, and the clock.
 *
 * What the kernel sends is read from a packet socket on the device and not from the device itself,
 * because the packet socket says when it was sent: a script is judged by the kernel's times and not
 * by when the machine found time to run us. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "harness/clock.h"
#include "harness/sut_linux.h"
#include "harness/sut_linux_addr.h"
#include "harness/tap.h"

#define DEVICE "sut0"
enum { DEFAULT_MTU = 1500, QUEUE = 2000, MOST_LOOKS = 1000, TAP_BUFFER = 8 << 20 };

void lin_watch(struct lin_sut *s, int fd)
{
    struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };
    epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev);
}

static bool open_tap(struct lin_sut *s)
{
    const int on = 1, size = TAP_BUFFER;
    struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
                              .sll_ifindex = (int)if_nametoindex(DEVICE) };
    struct epoll_event ev = { .events = EPOLLIN };
    s->tap = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(s->tap, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    return s->tap >= 0 && bind(s->tap, (struct sockaddr *)&at, sizeof(at)) == 0 &&
           setsockopt(s->tap, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) == 0 &&
           epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->tap, &ev) == 0;
}

/* IPv6 takes up an address in its own time: until then the way to it is the device, from then on
 * the loopback, whose MTU is larger than any of ours. */
static void await_address(const struct lin_sut *s)
{
    struct sockaddr_storage at;
    const struct rs_endpoint own = { s->config.local, 9 };
    const socklen_t len = lin_sockaddr(&own, &at);
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    for (int i = 0; i < MOST_LOOKS; i++) {
        int mtu = 0;
        socklen_t size = sizeof(mtu);
        if (connect(fd, (struct sockaddr *)&at, len) == 0 &&
            getsockopt(fd, IPPROTO_IPV6, IPV6_MTU, &mtu, &size) == 0 && mtu > UINT16_MAX)
            break;
        usleep(500);
    }
    if (fd >= 0)
        close(fd);
}

bool lin_wire_open(struct lin_sut *s, char *why, size_t cap)
{
    struct ns_error error;
    const struct tapdev_config device = {
        .name = DEVICE,
        .link = RS_LINK_IP,
        .mtu = s->config.mtu ? s->config.mtu : DEFAULT_MTU,
        .txqueuelen = QUEUE,
        .addr = s->config.local,
        .prefix_len = s->config.local.version == 4 ? 32 : 128,
        .no_own_addresses = true, /* they would announce themselves */
    };
    prctl(PR_SET_TIMERSLACK, 1L); /* sleeps end when they are due, not 50 microseconds later */
    s->tun = tapdev_up(&device, &error);
    if (s->tun < 0) {
        snprintf(why, cap, "%s", error.text);
        return false;
    }
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (s->epoll >= 0 && open_tap(s)) {
        if (s->config.local.version == 6)
            await_address(s);
        return lin_route(s, DEVICE, why, cap);
    }
    snprintf(why, cap, "cannot watch the packets of a TUN device: %s; allow packet sockets",
             strerror(errno));
    return false;
}

void lin_input(void *sut, const uint8_t *datagram, size_t len, uint64_t now)
{
    struct lin_sut *s = sut;
    (void)now;
    /* The kernel refuses what is no datagram at all; so would a driver. */
    if (write(s->tun, datagram, len) < 0)
        return;
}

/* What nobody reads from the device would stop its queue. */
static void drain_device(struct lin_sut *s)
{
    uint8_t octet[64];
    while (read(s->tun, octet, sizeof(octet)) > 0)
        ;
}

/* The packet socket's times are of the clock on the wall, ours of the one that never jumps. */
static uint64_t runner_time(uint64_t epoch, const struct timespec *at)
{
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    const int64_t ago = ((int64_t)wall.tv_sec - at->tv_sec) * 1000000 +
                        (wall.tv_nsec - at->tv_nsec) / 1000;
    const uint64_t now = clock_us() - epoch;
    return ago > 0 && (uint64_t)ago < now ? now - (uint64_t)ago : now;
}

uint64_t lin_packet_time(struct msghdr *m, uint64_t epoch)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        struct timespec at;
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_TIMESTAMPNS)
            continue;
        memcpy(&at, CMSG_DATA(c), sizeof(at));
        return runner_time(epoch, &at);
    }
    return clock_us() - epoch;
}

/* Multicast listeners and router solicitations are IPv6's own business, not TCP's. */
static bool of_interest(const struct lin_sut *s, const struct sockaddr_ll *from, const uint8_t *p,
                        size_t len)
{
    if (from->sll_pkttype != PACKET_OUTGOING || len < 20)
        return false;
    if (p[0] >> 4 == 4)
        return true;
    if (p[0] >> 4 != 6 || len < 41 || s->config.local.version == 4)
        return false;
    return p[6] != 0 && !(p[6] == IPPROTO_ICMPV6 && p[40] >= 130);
}

size_t lin_output(void *sut, uint8_t *buf, size_t cap, uint64_t now)
{
    struct lin_sut *s = sut;
    (void)now;
    for (;;) {
        struct sockaddr_ll from;
        _Alignas(struct cmsghdr) char control[128];
        struct iovec iov = { buf, cap };
        struct msghdr m = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov,
                            .msg_iovlen = 1, .msg_control = control,
                            .msg_controllen = sizeof(control) };
        ssize_t n = recvmsg(s->tap, &m, 0);
        if (n < 0) {
            drain_device(s);
            return 0;
        }
        if (!of_interest(s, &from, buf, (size_t)n))
            continue;
        s->sent_at = lin_packet_time(&m, s->epoch);
        return (size_t)n;
    }
}

uint64_t lin_sent_at(void *sut)
{
    return ((struct lin_sut *)sut)->sent_at;
}

uint64_t lin_wait(void *sut, uint64_t until)
{
    struct lin_sut *s = sut;
    struct epoll_event ev[8];
    const uint64_t now = clock_us() - s->epoch;
    if (until > now) {
        const uint64_t us = until - now;
        const struct timespec for_ = { (time_t)(us / 1000000), (long)(us % 1000000 * 1000) };
        epoll_pwait2(s->epoll, ev, 8, &for_, NULL);
    }
    return clock_us() - s->epoch;
}
