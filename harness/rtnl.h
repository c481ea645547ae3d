/* Links, addresses, neighbours and routes over rtnetlink (libmnl).
 *
 * Everything acts in the network namespace the calling process is in.  Calls return 0 or a negative
 * errno, as the kernel answered. */
#ifndef HARNESS_RTNL_H
#define HARNESS_RTNL_H

#include <stdbool.h>
#include <stdint.h>

#include "refstack/refstack.h"

struct mnl_socket;

struct rtnl {
    struct mnl_socket *socket;
    uint32_t sequence;
};

int rtnl_open(struct rtnl *);
void rtnl_close(struct rtnl *);

/* What to change of a link; a zero field is left alone. */
struct rtnl_link {
    bool up;
    uint32_t mtu;
    uint32_t txqueuelen;
    const uint8_t *mac; /* six octets */
    bool no_own_addresses; /* IPv6 gives the link no address by itself */
};

int rtnl_link_set(struct rtnl *, const char *name, const struct rtnl_link *);
/* A veth pair; the far end is put into the network namespace that peer_ns (a descriptor) names. */
int rtnl_veth_add(struct rtnl *, const char *name, const char *peer, int peer_ns);
/* Adds an address of either version; IPv6 ones without duplicate address detection. */
int rtnl_addr_add(struct rtnl *, const char *link, const struct rs_addr *, uint8_t prefix_len);
/* A permanent neighbour. */
int rtnl_neigh_add(struct rtnl *, const char *link, const struct rs_addr *, const uint8_t mac[6]);
/* A route to dst/prefix_len (prefix 0: the default) through the gateway, or on the link when the
 * gateway has version 0. */
int rtnl_route_add(struct rtnl *, const char *link, const struct rs_addr *dst, uint8_t prefix_len,
                   const struct rs_addr *gateway);

#endif
