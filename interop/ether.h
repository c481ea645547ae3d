/* A port of Ethernet frames as one of IP datagrams: for a stack that speaks in datagrams, opposite
 * an end that has a tap device's frames only. */
#ifndef INTEROP_ETHER_H
#define INTEROP_ETHER_H

#include <stdbool.h>

#include "harness/ethend.h"
#include "interop/line.h"

struct ether {
    struct line_port port;   /* of datagrams; it fails when the one below does */
    struct line_port *below; /* of frames; the caller's */
    struct ethend end;
    rs_time now;
    uint8_t frame[LINE_FRAME_MAX];
};

/* own: the address of the stack that speaks in datagrams; other: that of the end below. */
void ether_init(struct ether *, struct line_port *below, const struct rs_addr *own,
                const struct rs_addr *other);
/* Asks for the other end's hardware address until it answers, the port fails, or the time has come;
 * whether it answered.  Datagrams that come meanwhile are lost. */
bool ether_meet(struct ether *, rs_time until);

#endif
