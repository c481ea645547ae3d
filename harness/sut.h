/* The stack under test, as a table of functions.
 *
 * An adapter carries IP datagrams, time and socket calls to its stack.  Sockets never block; who
 * runs a script waits.  Calls return a count or 0, or a negative errno; -ENOSYS (or a NULL slot)
 * says that the stack cannot do this, and the verdict is then `unsupported`, never a pass. */
#ifndef HARNESS_SUT_H
#define HARNESS_SUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/script.h"
#include "refstack/refstack.h"

enum sut_cap {
    SUT_VIRTUAL_TIME = 1, /* `now` is the only clock the stack has */
    SUT_IP6 = 2,
    SUT_MANY_CONNECTIONS = 4,
    SUT_STATE = 8, /* it tells the state of its connections */
    SUT_SYSCTL = 16, /* it takes sysctl lines by their own names, as settings */
    SUT_ONE_AT_A_TIME = 32 /* there is one such stack, and its cases run one after the other */
};

enum { SUT_NAME_MAX = 32, SUT_SETTINGS_MAX = 64 };

/* name=value, as in `//@ config`: times such as 1s or 200ms, switches on and off, numbers. */
struct sut_setting {
    const char *name, *value;
};

struct sut_config {
    uint64_t seed;
    struct rs_addr local, remote; /* the SUT's address, and that of the script */
    uint16_t mtu;
    uint16_t port;        /* what a script's `...` stands for as a port: 8080 */
    struct sut_setting setting[SUT_SETTINGS_MAX];
    size_t n_settings;
};

struct sut_ops {
    const char *name;
    unsigned caps; /* enum sut_cap */

    /* False with a sentence in why: what the stack's name stands for is not there at all.  NULL:
     * it always is. */
    bool (*there)(char *why, size_t cap);
    /* NULL with a sentence in why: the stack cannot be had, or not with these settings. */
    void *(*create)(const struct sut_config *, uint64_t now, char *why, size_t cap);
    void (*destroy)(void *);
    /* What the stack did that ends the case as failed: it crashed, hangs, or broke the interface it
     * is driven through.  NULL, also for the slot: nothing of the kind. */
    const char *(*broken)(void *);

    /* IP datagrams; output writes the next one and returns its octets, 0 when there is none. */
    void (*input)(void *, const uint8_t *datagram, size_t len, uint64_t now);
    size_t (*output)(void *, uint8_t *buf, size_t cap, uint64_t now);
    uint64_t (*deadline)(void *); /* RS_NEVER: no timer runs */

    /* A stack in real time (without SUT_VIRTUAL_TIME); all three NULL in virtual time.  wait sleeps
     * until `until` or until there may be something to do, and returns the time it then is;
     * sent_at is when the datagram that output gave last was sent; after may_block(true) a call
     * may block on a thread of the adapter's, returns -EAGAIN as long as it does, and gives its
     * outcome when it is made again. */
    uint64_t (*wait)(void *, uint64_t until);
    uint64_t (*sent_at)(void *);
    void (*may_block)(void *, bool);

    /* Sockets.  connect returns -EINPROGRESS first; the end shows in ready and SO_ERROR. */
    int (*socket)(void *);
    int (*bind)(void *, int fd, const struct rs_endpoint *);
    int (*listen)(void *, int fd, int backlog, uint64_t now);
    int (*accept)(void *, int fd, struct rs_endpoint *peer, uint64_t now);
    int (*connect)(void *, int fd, const struct rs_endpoint *, uint64_t now);
    long (*send)(void *, int fd, const void *, size_t len, int msg_flags, uint64_t now);
    long (*recv)(void *, int fd, void *, size_t cap, int msg_flags, uint64_t now);
    int (*shutdown)(void *, int fd, int how, uint64_t now);
    int (*close)(void *, int fd, uint64_t now);
    /* Values of one int; SO_LINGER as the seconds of a set linger, or -1 for off. */
    int (*setsockopt)(void *, int fd, int level, int option, int64_t value, uint64_t now);
    int (*getsockopt)(void *, int fd, int level, int option, int64_t *value);
    /* Values that are text, such as TCP_CONGESTION's. */
    int (*set_text)(void *, int fd, int level, int option, const char *value, uint64_t now);
    int (*get_text)(void *, int fd, int level, int option, char *value, size_t cap);
    /* FIONREAD, SIOCOUTQ, SIOCOUTQNSD, SIOCATMARK. */
    int (*ioctl)(void *, int fd, unsigned long request, int64_t *value);
    /* sendto with MSG_FASTOPEN: the octets that the SYN or the queue took, or -EINPROGRESS where
     * the SYN goes without. */
    long (*send_fast)(void *, int fd, const struct rs_endpoint *, const void *, size_t len,
                      uint64_t now);
    int (*ready)(void *, int fd); /* poll(2) bits */
    /* A setting for the sockets opened from now on; false with a sentence in why. */
    bool (*configure)(void *, const struct sut_setting *, uint64_t now, char *why, size_t cap);
    /* For adapters whose stack blocks by itself: what fcntl says of O_NONBLOCK. */
    int (*nonblock)(void *, int fd, bool on, uint64_t now);

    /* A call of RFC 9293 section 3.10 by the script's number of the connection; what SEND gives
     * and RECEIVE checks is the pattern stream.  Returns a count, 0, or an enum rs_error. */
    long (*user)(void *, const struct sc_user *, uint64_t now);

    /* Observation.  The state between two ends (CLOSED when there is no connection), or of a
     * descriptor; a negative number when it is not known. */
    int (*state)(void *, const struct rs_endpoint *local, const struct rs_endpoint *remote);
    int (*fd_state)(void *, int fd);
    /* A value under the name that Linux's struct tcp_info gives it; false when not known. */
    bool (*info)(void *, int fd, const char *name, int64_t *value);
};

extern const struct sut_ops sut_refstack;
/* The same on the small host of harness/conn.h: `//@ config host=input` asks refstack for it. */
extern const struct sut_ops sut_watched;

/* The table for a name such as "refstack" or "so:FILE", or NULL. */
const struct sut_ops *sut_find(const char *name);
/* The names of the stacks that need no more than their name, for messages. */
void sut_names(char *text, size_t cap);

#endif
