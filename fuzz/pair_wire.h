/* The way between fuzz_pair's two hosts, beyond what the input's faults do to single segments. */
#ifndef FUZZ_PAIR_WIRE_H
#define FUZZ_PAIR_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/vnet.h"

/* Bits of the first octet where inputs of one host name their start; 16 and 17 are weathers. */
enum pair_trait {
    PAIR_ECN = 1,    /* both ends agree on ECN, and every third datagram meets a full queue */
    PAIR_NARROW = 2, /* in the middle a link takes the least that its IP version allows, or 576 */
    PAIR_SILENT = 4, /* and says nothing of it: a black hole */
    PAIR_LINKS = 8,  /* hosts of two links that meet on the second */
    PAIR_RAIN = 16,  /* loss, doubles, delays, reordering and damage at random, of some segments */
    PAIR_STORM = 17  /* of many */
};

struct pair_wire {
    unsigned traits; /* of enum pair_trait */
    bool ip6;
    bool fragments;  /* IPv4's and IPv6's: each datagram that can be cut is */
    uint32_t n;      /* datagrams so far */
    struct vnet *net;
};

/* Where host i is found, and the part of its configuration that has to do with the way. */
struct rs_addr pair_wire_address(const struct pair_wire *, int i);
void pair_wire_configure(const struct pair_wire *, int i, struct rs_config *);
/* The link of either host by which datagrams come and go. */
unsigned pair_wire_link(const struct pair_wire *);
/* From now on what the network's links give out is marked, cut up or lost as the way has it. */
void pair_wire_begin(struct pair_wire *, struct vnet *);

#endif
