/* packetdrill's plug-ins behind the adapter's table: what its files share.
 *
 * Each stack made from a plug-in lives in a process of its own, for a plug-in may keep its state in
 * static variables, crash, or never return.  The runner's side sends one request at a time; who
 * does not answer is ended, and the case fails with what happened. */
#ifndef HARNESS_SUT_SO_H
#define HARNESS_SUT_SO_H

#include <sys/types.h>

#include "harness/plugin.h"
#include "harness/sut.h"

enum { SO_DATA = 1 << 20, SO_REASON = 256, SO_JOBS = 16, SO_TIMEOUT_MS = 5000 };

/* Its clock moves with each reading, so its times are met within this many microseconds. */
enum { SO_SLACK_US = 8, SO_GRID_US = 10 };

#define SO_OPS(X)                                                                               \
    X(START) X(INPUT) X(OUTPUT) X(SOCKET) X(BIND) X(LISTEN) X(ACCEPT) X(CONNECT) X(SEND)         \
    X(RECV) X(SHUTDOWN) X(CLOSE) X(SETSOCKOPT) X(GETSOCKOPT) X(READY) X(STATE) X(NONBLOCK)        \
    X(INFO)
enum so_op {
#define SO_ENUM(name) SO_##name,
    SO_OPS(SO_ENUM)
#undef SO_ENUM
    SO_N_OPS
};

/* Memory that both processes see.  The request is the runner's to write, the rest the host's. */
struct so_shared {
    struct {
        enum so_op op;
        int fd, a, b; /* level and option, flags, how, backlog */
        int64_t value;
        uint64_t now;
        uint32_t len;
        struct rs_endpoint at, remote;
    } req;
    int64_t result;        /* a count, 0 or a negative errno */
    int64_t value;
    uint64_t deadline;
    struct rs_endpoint peer;
    char lie[SO_REASON];   /* what the plug-in did that no stack may; empty: nothing */
    struct {
        int result;
        size_t count;
        long long us;
        bool done;
    } peek;
    uint8_t data[SO_DATA];
};

/* Runs the plug-in and answers requests until the other end of the socket is closed. */
_Noreturn void so_host(const char *path, const char *flags, int sock, struct so_shared *);

/* ---- The host's files ------------------------------------------------------------------- */

/* A call that may block, on a thread of its own. */
struct so_job {
    bool used, joined;
    enum so_op op;
    int fd; /* -1: its descriptor was closed */
    int flags;
    size_t len;
    struct sockaddr_storage addr;
    socklen_t addr_len;
    uint8_t *data;
    _Atomic int tid;
    _Atomic bool done;
    long result; /* or a negative errno */
    struct so_host *host;
};

struct so_host {
    struct plugin_table t;
    const struct plugin_more *more;
    struct so_shared *s;
    uint64_t begun, now;      /* the runner's clock, first and last */
    uint64_t base, least;     /* the plug-in's: first, and what it must show at least */
    uint64_t next;            /* when the next datagram comes */
    bool next_known;
    struct so_job job[SO_JOBS];
};

/* Says once what the plug-in did. */
void so_lie(struct so_host *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The call's result, or -EAGAIN while its thread sleeps in it; asking again meets the same call. */
long so_job_call(struct so_host *, enum so_op, int fd);
/* The call of a connect that sleeps or ended, or NULL. */
struct so_job *so_job_find(struct so_host *, enum so_op, int fd);
void so_job_end(struct so_job *);
void so_job_orphan(struct so_host *, int fd);
/* Lets every thread that was woken run until it returns or sleeps again.  True: one is out. */
bool so_job_settle(struct so_host *);
bool so_asleep(int pid, int tid);

socklen_t so_sockaddr(const struct rs_endpoint *, uint8_t version, struct sockaddr_storage *);
struct rs_endpoint so_endpoint(const struct sockaddr_storage *);

/* The runner's side of a request about a descriptor; what it gave, into data.  The result is as the
 * host tells it: a count or a negative errno. */
int64_t so_ask_fd(void *sut, enum so_op, int fd, void *data, size_t len);
int so_fd_state(void *, int fd);
bool so_info(void *, int fd, const char *name, int64_t *value);

/* What a look at a file finds. */
struct so_found {
    bool is_plugin, takes_settings, tells_state;
    char why[512]; /* it is none */
};
struct so_found so_look(const char *path);

/* The table for "so:FILE[,FLAGS]", or NULL when FILE is not a plug-in. */
const struct sut_ops *sut_so(const char *name);
/* Why the last one was not. */
const char *sut_so_why(void);

#endif
