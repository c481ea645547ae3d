/* The end of an Ethernet link for what speaks in IP datagrams alone: it answers ARP and Neighbour
 * Discovery for its own address, and finds out the hardware address of the one other end. */
#ifndef HARNESS_ETHEND_H
#define HARNESS_ETHEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "refstack/refstack.h"

struct ethend {
    struct rs_addr own, other;
    uint8_t mac[6], other_mac[6];
    bool met; /* other_mac is known */
    /* Sends octets that come after the Ethernet header; a type of linux/if_ether.h. */
    void (*put)(void *arg, uint16_t type, const uint8_t to[6], const void *, size_t len);
    void *arg;
};

/* Asks on the link for who has the other end's address; `met` says that somebody has answered. */
void ethend_ask(struct ethend *);
/* What comes after the Ethernet header of a frame of this type; true for a datagram that is not
 * the link's own business and is to be passed on. */
bool ethend_take(struct ethend *, uint16_t type, const uint8_t *, size_t len);
/* Sends a datagram to the other end. */
void ethend_send(struct ethend *, const uint8_t *datagram, size_t len);

#endif
