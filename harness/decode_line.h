/* Inside decode*.c: a line that grows to its capacity and then ends in "...". */
#ifndef HARNESS_DECODE_LINE_H
#define HARNESS_DECODE_LINE_H

#include "harness/decode.h"
#include "refstack/wire.h"

struct line {
    char *text; /* DECODE_LINE octets */
    size_t n;
};

void line_put(struct line *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void line_addr(struct line *, const struct rs_addr *);
void line_octets(struct line *, const uint8_t *p, size_t len); /* as hex digits */

/* An IP datagram's payload and where it goes. */
struct decode_ip {
    struct rs_addr src, dst;
    uint8_t proto;
    uint8_t tos;
    const uint8_t *payload;
    size_t len;
    bool whole; /* all octets are there: checksums can be judged */
};

/* A TCP segment of at most ip->len octets. */
void decode_tcp(struct decoder *, struct line *, const struct decode_ip *);
/* The sequence range in the first octets of a segment that an ICMP error quotes. */
void decode_tcp_quote(struct decoder *, struct line *, const struct decode_ip *);

#endif
