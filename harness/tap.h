/* A tap (Ethernet frames) or tun (IP datagrams) device of our own, without packet information.
 *
 * The device is not persistent: it goes with its descriptor. */
#ifndef HARNESS_TAP_H
#define HARNESS_TAP_H

#include "harness/ns.h"
#include "refstack/refstack.h"

/* Creates the device in the current network namespace (or attaches to a persistent one of that
 * name) and returns a non-blocking descriptor that reads and writes one frame a call; -1 with the
 * reason in the error. */
int tapdev_open(const char *name, enum rs_link, struct ns_error *);

/* What the kernel's side of the device is to be. */
struct tapdev_config {
    const char *name;
    enum rs_link link;
    bool offload;        /* frames carry a virtio-net header: struct rs_config's offload */
    uint32_t mtu;        /* 0: 1500 */
    uint32_t txqueuelen; /* frames the kernel may queue towards us; 0: the default of 500 */
    struct rs_addr addr; /* the kernel's address */
    uint8_t prefix_len;
    bool no_own_addresses; /* IPv6 gives the device none by itself */
    struct rs_addr peer;     /* with peer_mac: a permanent neighbour instead of resolution */
    const uint8_t *peer_mac; /* NULL: none */
};

/* Opens the device, gives it its address and brings it up. */
int tapdev_up(const struct tapdev_config *, struct ns_error *);

#endif
