#include "harness/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/if_tun.h>

#include "harness/rtnl.h"
#include "refstack/wire.h"

static int clone_failed(struct ns_error *error)
{
    switch (errno) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
        return ns_fail(error, 77, "there is no /dev/net/tun: load the kernel's tun module "
                       "(modprobe tun) or give the container the device");
    case EACCES:
    case EPERM:
        return ns_fail(error, 77, "/dev/net/tun may not be opened: run as root, or make the device "
                       "readable and writable for this user (chmod 666 /dev/net/tun)");
    default:
        return ns_fail(error, 77, "cannot open /dev/net/tun: %s", strerror(errno));
    }
}

static int attach_failed(const char *name, struct ns_error *error)
{
    switch (errno) {
    case EPERM:
        return ns_fail(error, 77, "may not create the device %s: run as root, or in a namespace "
                       "of our own", name);
    case EBUSY:
        return ns_fail(error, 2, "the device %s is in use by another process; choose another name",
                       name);
    case EINVAL:
        return ns_fail(error, 2, "a device %s of another kind exists already; choose another name",
                       name);
    default:
        return ns_fail(error, 77, "cannot create the device %s: %s", name, strerror(errno));
    }
}

/* Frames with a virtio-net header, whole segments to be cut up and checksums to be made by whoever
 * needs them. */
static int set_offload(int fd)
{
    const int size = VNET_HEADER, little = 1;
    const unsigned long offload = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;

    if (ioctl(fd, TUNSETVNETHDRSZ, &size) < 0 || ioctl(fd, TUNSETVNETLE, &little) < 0)
        return -1;
    return ioctl(fd, TUNSETOFFLOAD, offload);
}

static int open_device(const char *name, enum rs_link link, bool offload, struct ns_error *error)
{
    struct ifreq request = { .ifr_flags = IFF_NO_PI };
    if (strlen(name) == 0 || strlen(name) >= sizeof request.ifr_name || strpbrk(name, "/%: "))
        return ns_fail(error, 2, "'%s' cannot be a device name: it needs 1 to 15 characters other "
                       "than / %% : and space", name);
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return clone_failed(error);
    memcpy(request.ifr_name, name, strlen(name));
    request.ifr_flags = (short)(IFF_NO_PI | (link == RS_LINK_ETHERNET ? IFF_TAP : IFF_TUN) |
                                (offload ? IFF_VNET_HDR : 0));
    if (ioctl(fd, TUNSETIFF, &request) < 0 || (offload && set_offload(fd) < 0)) {
        attach_failed(name, error);
        close(fd);
        return -1;
    }
    return fd;
}

int tapdev_open(const char *name, enum rs_link link, struct ns_error *error)
{
    return open_device(name, link, false, error);
}

static int configure(struct rtnl *rt, const struct tapdev_config *c)
{
    struct rtnl_link link = { .mtu = c->mtu, .txqueuelen = c->txqueuelen };
    /* A kernel without IPv6 refuses, and gives none anyway. */
    if (c->no_own_addresses)
        rtnl_link_set(rt, c->name, &(struct rtnl_link){ .no_own_addresses = true });
    int rc = rtnl_link_set(rt, c->name, &link);
    if (rc == 0 && c->addr.version)
        rc = rtnl_addr_add(rt, c->name, &c->addr, c->prefix_len);
    if (rc == 0)
        rc = rtnl_link_set(rt, c->name, &(struct rtnl_link){ .up = true });
    if (rc == 0 && c->peer_mac)
        rc = rtnl_neigh_add(rt, c->name, &c->peer, c->peer_mac);
    return rc;
}

int tapdev_up(const struct tapdev_config *c, struct ns_error *error)
{
    struct rtnl rt;
    int fd = open_device(c->name, c->link, c->offload, error);
    if (fd < 0)
        return -1;
    int rc = rtnl_open(&rt);
    if (rc == 0) {
        rc = configure(&rt, c);
        rtnl_close(&rt);
    }
    if (rc < 0) {
        close(fd);
        return ns_fail(error, rc == -EINVAL ? 2 : 77, "cannot configure the device %s: %s",
                       c->name, strerror(-rc));
    }
    return fd;
}
