/* TCP translators as an end of the line: programs that speak TCP with a guest over a socket of
 * Ethernet frames and pass what it says on to sockets of the namespace they run in.
 *
 * The guest is the other stack of the pair; the sockets are the kernel's, in the namespace of the
 * case, on its loopback device. */
#ifndef INTEROP_TRANSLATOR_H
#define INTEROP_TRANSLATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "harness/ns.h"
#include "interop/line.h"

/* How a program is started; an entry makes a new translator known. */
struct translator_program {
    const char *arg[28]; /* arg[0] is the program; "SOCKET" stands for the path it listens on */
    bool stream;         /* frames come after their length on stdin, which is a stream socket; or
                            else one a packet on the socket it listens on */
    bool lossless;       /* it counts on a link without faults */
    bool template_link;  /* it wants to see a link with a default route */
};

extern const struct translator_program translator_slirp4netns, translator_passt;

struct translator {
    const struct translator_program *program;
    struct line_port port;
    int fd, link;
    pid_t pid;
    size_t have; /* octets of the stream held */
    uint8_t held[2 * LINE_FRAME_MAX];
};

/* Addresses: the guest's, and the one by which it reaches the loopback device of the namespace. */
struct rs_addr translator_guest(int ip_version);
struct rs_addr translator_host(int ip_version);

bool translator_start(struct translator *, const struct translator_program *, struct ns_error *);
void translator_stop(struct translator *);

#endif
