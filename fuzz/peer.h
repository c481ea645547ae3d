/* The hostile peer: makes the datagram that an input's event stands for. */
#ifndef FUZZ_PEER_H
#define FUZZ_PEER_H

#include "harness/egress.h"
#include "harness/input.h"

/* Writes the datagram of a segment, ICMP or raw event, numbers resolved against what the wire has
 * shown; returns its octets. */
size_t peer_datagram(const struct egress *, const struct input_event *, uint8_t *buf, size_t cap);
/* The value of a symbolic number. */
uint32_t peer_number(const struct egress *, struct sc_num);
/* Whether the event brings octets other than the stream's: the user may then receive them. */
bool peer_taints(const struct input_event *);

#endif
