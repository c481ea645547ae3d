/* Any frame as one line a person can read, in packetdrill's notation where it has one:
 *
 *     S. 0:0(0) ack 1 win 65535 <mss 1460,nop,wscale 7>
 *     arp who-has 10.0.0.2 tell 10.0.0.1
 *     icmp unreachable port_unreachable [10.0.0.1.40000 > 10.0.0.2.80: seq 0]
 *
 * Decoding never fails: what is malformed is shown as far as it can be read, and then
 * in braces what is wrong: `{TCP checksum 0x1234 is wrong}`. */
#ifndef HARNESS_DECODE_H
#define HARNESS_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "refstack/refstack.h"

/* One connection's initial sequence numbers, so that its numbers can be shown relative to them. */
struct decode_flow {
    struct rs_endpoint end[2];
    uint32_t isn[2]; /* of the octets sent by end[i] */
    bool known[2];   /* isn[i] was seen in a SYN */
    bool fin[2];
    bool over;       /* reset, or closed from both sides: the next SYN counts afresh */
};

enum { DECODE_FLOWS = 32 };

struct decoder {
    struct decode_flow flow[DECODE_FLOWS];
    unsigned n; /* flows ever met; the oldest gives way */
    bool addresses; /* say who sends to whom: `10.0.0.1.40000 > 10.0.0.2.80: ` */
    bool lost;      /* the caller knows that the next frame never arrives: it ends no connection */
};

static inline void decode_begin(struct decoder *d, bool addresses)
{
    d->n = 0;
    d->addresses = addresses;
    d->lost = false;
}

enum { DECODE_LINE = 512 }; /* holds every line; longer ones end in "..." */

/* Decodes the frame of wire_len octets of which len are at p (the rest was not recorded and is
 * neither judged nor shown) into line.  Frames of a connection come in the order they were seen. */
void decode_frame(struct decoder *, enum rs_link, const uint8_t *p, size_t len, size_t wire_len,
                  char line[DECODE_LINE]);

#endif
