/* The hostile peer: makes the datagram that an input's event stands for. */
#ifndef HARNESS_PEER_H
#define HARNESS_PEER_H

#include "harness/egress.h"
#include "harness/input.h"

/* Writes the datagram of a segment, ICMP or raw event, numbers resolved against what the wire has
 * shown; returns its octets. */
size_t peer_datagram(const struct egress *, const struct input_event *, uint8_t *buf, size_t cap);
/* The same datagram in two fragments, one behind the other in `to`, which has room for another
 * header and a fragment header; their lengths in n.  False when it is none that can be cut. */
bool peer_fragments(const uint8_t *p, size_t len, uint32_t id, uint8_t *to, size_t n[2]);
/* The value of a symbolic number. */
uint32_t peer_number(const struct egress *, struct sc_num);
/* Whether the event brings octets other than the stream's: the user may then receive them. */
bool peer_taints(const struct input_event *);

#endif
