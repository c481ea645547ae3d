/* A toy: the least that answers a handshake and carries some text, to show how a stack is put under
 * test (harness/TEN_MINUTES.md).  It is incomplete on purpose: nothing is retransmitted, nothing
 * out of order is kept, every RST is believed, and it can only listen, for one connection. */
#ifndef HARNESS_TOY_H
#define HARNESS_TOY_H

#include "refstack/refstack.h"

struct toy;

struct toy *toy_new(struct rs_addr own, struct rs_addr peer);
void toy_free(struct toy *);

/* IPv4 datagrams in and out; toy_output returns 0 when there is none. */
void toy_input(struct toy *, const uint8_t *datagram, size_t len);
size_t toy_output(struct toy *, uint8_t *buf, size_t cap);

void toy_bind(struct toy *, uint16_t port);
void toy_listen(struct toy *);
bool toy_accept(struct toy *); /* true once, when there is a connection */
/* Octets, 0 at the end of the stream or -1 when there is nothing now. */
long toy_read(struct toy *, void *, size_t cap);
long toy_write(struct toy *, const void *, size_t len);
void toy_close(struct toy *);
enum rs_state toy_state(const struct toy *);

#endif
