/* A stack in another process on a tap or tun device: what the adapter's files share. */
#ifndef HARNESS_SUT_TAP_H
#define HARNESS_SUT_TAP_H

#include <net/if.h>

#include "harness/ethend.h"
#include "harness/sut.h"

/* DEVICE or DEVICE:SOCKET, what follows `tap:` in the stack's name.  NULL when it is no such name.
 * The table is one for the whole process, and stands for the name it was asked for last. */
const struct sut_ops *sut_tap_named(const char *name);

struct tap_sut {
    struct sut_config config;
    uint64_t epoch, sent_at;
    int lock;   /* held while a case has the device */
    int packet; /* a packet socket on the device */
    int agent;  /* its connection, or -1 */
    unsigned device;
    bool ethernet;
    struct ethend end; /* the script's */
    char *line;        /* the agent's requests and answers */
    bool lost;         /* it does not answer any more */
};

/* ---- The agent's side (sut_tap_calls.c) ------------------------------------------------- */

bool tap_agent_open(struct tap_sut *, const char *path, char *why, size_t cap);

int tap_socket(void *);
int tap_bind(void *, int fd, const struct rs_endpoint *);
int tap_listen(void *, int fd, int backlog, uint64_t now);
int tap_accept(void *, int fd, struct rs_endpoint *peer, uint64_t now);
int tap_connect(void *, int fd, const struct rs_endpoint *, uint64_t now);
long tap_send(void *, int fd, const void *, size_t len, int msg_flags, uint64_t now);
long tap_recv(void *, int fd, void *, size_t cap, int msg_flags, uint64_t now);
int tap_shutdown(void *, int fd, int how, uint64_t now);
int tap_close(void *, int fd, uint64_t now);
int tap_setsockopt(void *, int fd, int level, int option, int64_t value, uint64_t now);
int tap_getsockopt(void *, int fd, int level, int option, int64_t *value);
int tap_ready(void *, int fd);
int tap_state(void *, const struct rs_endpoint *local, const struct rs_endpoint *remote);
int tap_fd_state(void *, int fd);
bool tap_info(void *, int fd, const char *name, int64_t *value);

#endif
