/* The live kernel's adapter: what its files share.
 *
 * Each case has a network namespace of its own with a TUN device, whose far side is the script.
 * Time is real. */
#ifndef HARNESS_SUT_LINUX_H
#define HARNESS_SUT_LINUX_H

#include <sys/socket.h>

#include "harness/diag.h"
#include "harness/sut.h"

enum { LIN_FDS = 64, LIN_OPTIONS = 16 };

extern const struct sut_ops sut_linux;

/* A socket option that the script's settings give to every socket. */
struct lin_option {
    int level, option, value;
};

struct lin_blocker;

struct lin_sut {
    struct sut_config config;
    uint64_t epoch; /* clock_us() minus the runner's time */
    int tun;        /* where the script's datagrams go in */
    int tap;        /* a packet socket on the same device, where the kernel's come out */
    int epoll;
    uint64_t sent_at; /* by the runner's time */
    bool quickack;
    bool own_congestion; /* the script names the congestion control */
    struct diag diag;
    struct lin_option option[LIN_OPTIONS];
    size_t n_options;
    int fd[LIN_FDS]; /* open sockets */
    size_t n_fds;
    bool may_block;
    struct lin_blocker *blocker;
};

/* ---- Settings (sut_linux_config.c) ------------------------------------------------------ */

/* Both false after a sentence in why: sysctls and options, in the namespace; then the route to the
 * script, once the device is up. */
bool lin_configure(struct lin_sut *, char *why, size_t cap);
bool lin_route(struct lin_sut *, const char *device, char *why, size_t cap);

/* ---- The wire (sut_linux_wire.c) -------------------------------------------------------- */

bool lin_wire_open(struct lin_sut *, char *why, size_t cap);
void lin_input(void *, const uint8_t *datagram, size_t len, uint64_t now);
size_t lin_output(void *, uint8_t *buf, size_t cap, uint64_t now);
uint64_t lin_wait(void *, uint64_t until);
uint64_t lin_sent_at(void *);
/* When a packet socket's packet passed the device, in microseconds since the epoch. */
uint64_t lin_packet_time(struct msghdr *, uint64_t epoch);
/* Wakes whoever waits when something happens at the descriptor. */
void lin_watch(struct lin_sut *, int fd);

/* ---- Calls that block (sut_linux_block.c) ----------------------------------------------- */

enum lin_call_kind { LIN_ACCEPT, LIN_CONNECT, LIN_SEND, LIN_RECV, LIN_CLOSE };

/* One socket call.  send reads `out`; recv writes `in`. */
struct lin_call {
    enum lin_call_kind kind;
    int fd, flags;
    const void *out;
    void *in;
    size_t len;
    struct rs_endpoint to;
};

/* Makes the call on the thread and returns what it returned, or -EAGAIN while it blocks; the same
 * call made again then tells the outcome. */
long lin_call(struct lin_sut *, const struct lin_call *);
/* Whether a call on the descriptor blocks at this moment. */
bool lin_blocked(const struct lin_sut *, int fd);
/* Whether it has returned since, so that the same call tells its outcome. */
bool lin_returned(const struct lin_sut *, int fd);
void lin_blocker_free(struct lin_sut *);

/* ---- Observation (sut_linux_observe.c) -------------------------------------------------- */

int lin_setsockopt(void *, int fd, int level, int option, int64_t v, uint64_t now);
int lin_getsockopt(void *, int fd, int level, int option, int64_t *v);
int lin_ready(void *, int fd);
int lin_state(void *, const struct rs_endpoint *local, const struct rs_endpoint *remote);
int lin_fd_state(void *, int fd);
bool lin_info(void *, int fd, const char *name, int64_t *v);

/* Further calls (sut_linux_more.c). */
int lin_set_text(void *, int fd, int level, int option, const char *value, uint64_t now);
int lin_get_text(void *, int fd, int level, int option, char *value, size_t cap);
int lin_ioctl(void *, int fd, unsigned long request, int64_t *value);
long lin_send_fast(void *, int fd, const struct rs_endpoint *, const void *, size_t len,
                   uint64_t now);

#endif
