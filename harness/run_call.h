/* What the files of the runner's calls share. */
#ifndef HARNESS_RUN_CALL_H
#define HARNESS_RUN_CALL_H

#include "harness/run_state.h"

/* How one attempt at a call went. */
struct outcome {
    long value;      /* result, or a negative errno */
    bool again;      /* it would block */
    const char *unsupported; /* what the stack or this runner cannot do, or NULL */
    int new_fd;      /* a live descriptor to be known under the script's number; -1: none */
    bool connecting; /* what is awaited is a connection, not room */
    bool nonblocking; /* the new descriptor never waits */
    struct run_object *object; /* a new descriptor that is the runner's own; NULL: none */
    uint8_t *data;   /* what was read */
};

/* The arguments of a call, in order; NULL beyond the last. */
const struct sc_expr *call_arg(const struct sc_call *, int n);
/* A number among them; what is none makes the call unsupported. */
int64_t call_number(const struct sc_call *, int n, struct outcome *);
/* The descriptor it is about, by the script's number and by the stack's; -1: none. */
int call_fd(const struct sc_call *);
int call_live_fd(const struct run *, const struct sc_call *);
/* A field of a struct by its name, or NULL. */
const struct sc_expr *call_field(const struct sc_expr *, const char *name);

void call_send(struct run *, const struct sc_call *, struct outcome *);
void call_recv(struct run *, const struct sc_call *, struct outcome *);
/* The MSG_ flags of a call that sends or receives; 0 for any other. */
int call_flags(const struct sc_call *);
/* A sockaddr, or `...` for packetdrill's default one, which leaves *at as it is. */
bool call_endpoint(const struct sc_expr *, struct rs_endpoint *at);
/* The end of a connection being made: again, 0, or what ended it. */
void call_connected(struct run *, int live_fd, struct outcome *);

void call_setsockopt(struct run *, const struct sc_call *, struct outcome *);
void call_getsockopt(struct run *, const struct sc_call *, struct outcome *);
void call_ioctl(struct run *, const struct sc_call *, struct outcome *);
void call_poll(struct run *, const struct sc_call *, struct outcome *);
void call_epoll_create(struct run *, const struct sc_call *, struct outcome *);
void call_epoll_ctl(struct run *, const struct sc_call *, struct outcome *);
void call_epoll_wait(struct run *, const struct sc_call *, struct outcome *);
void call_open(struct run *, const struct sc_call *, struct outcome *);
void call_pipe(struct run *, const struct sc_call *, struct outcome *);
void call_splice(struct run *, const struct sc_call *, struct outcome *);
void call_sendfile(struct run *, const struct sc_call *, struct outcome *);

/* What was received against what the script expects of it. */
void call_check_data(struct run *, const struct sc_call *, const struct outcome *);

#endif
