/* The kernel's own view of its TCP connections, over sock_diag (libmnl).
 *
 * States come as the RFC's: the kernel's TIME-WAIT and SYN-RECEIVED mini-sockets included.  All
 * acts in the network namespace the process is in. */
#ifndef HARNESS_DIAG_H
#define HARNESS_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/tcp.h>

#include "refstack/refstack.h"

struct mnl_socket;

struct diag {
    struct mnl_socket *socket;
    uint32_t sequence;
};

/* The timer the kernel has running for a socket. */
enum diag_timer {
    DIAG_TIMER_NONE,
    DIAG_TIMER_RETRANSMIT,
    DIAG_TIMER_KEEPALIVE,
    DIAG_TIMER_TIME_WAIT,
    DIAG_TIMER_PERSIST
};

struct diag_socket {
    struct rs_endpoint local, remote;
    enum rs_state state;
    enum diag_timer timer;
    uint32_t timer_ms;    /* until it fires */
    uint32_t retransmits; /* of the segment the timer is for */
    uint32_t rcv_queued;  /* octets to be read; a listener: connections to be accepted */
    uint32_t snd_queued;  /* octets not acknowledged; a listener: its backlog */
    bool has_info;
    struct tcp_info info; /* what the kernel gave of it; the rest is zero */
    uint32_t cookie[2];
};

/* Each returns 0 or a negative errno. */
int diag_open(struct diag *);
void diag_close(struct diag *);

/* The connection between the two endpoints; -ENOENT when the kernel has none. */
int diag_find(struct diag *, const struct rs_endpoint *local, const struct rs_endpoint *remote,
              struct diag_socket *);
/* The listener on the local port; -ENOENT when there is none. */
int diag_listener(struct diag *, const struct rs_endpoint *local, struct diag_socket *);
/* Calls fn for each TCP socket of the IP version, in any state. */
int diag_each(struct diag *, uint8_t ip_version, void (*fn)(void *, const struct diag_socket *),
              void *arg);
/* Kills a connection as `ss -K` does: an RST is sent where there is a peer. */
int diag_destroy(struct diag *, const struct diag_socket *);

#endif
