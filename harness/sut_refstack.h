/* refstack's adapter: what its files share. */
#ifndef HARNESS_SUT_REFSTACK_H
#define HARNESS_SUT_REFSTACK_H

#include "harness/sut.h"

enum { FIRST_FD = 3, MAX_FD = 64, MAX_USER = 16 };

struct sock {
    bool used, bound, listening, linger_abort;
    int conn;    /* handle, or -1 */
    int backlog;
    int error;   /* to be told once by SO_ERROR or the next call: an errno */
    bool done;   /* the result of connect has been told */
    struct rs_endpoint local;
    struct rs_tcp_config tcp; /* what is set before there is a connection */
};

struct sut {
    struct rs_host *host;
    struct sut_config config;
    struct rs_config rs;
    struct sock sock[MAX_FD];
    int user[MAX_USER];
    uint32_t user_sent[MAX_USER], user_got[MAX_USER];
    _Alignas(16) unsigned char block[];
};

/* The descriptor's socket, or NULL. */
struct sock *ref_sock(struct sut *, int fd);
int ref_errno(int error); /* of an enum rs_error */

/* False after a sentence in why. */
bool sut_refstack_set(struct rs_config *, const struct sut_setting *, char *why, size_t cap);

int ref_setsockopt(void *, int fd, int level, int option, int64_t v, uint64_t now);
int ref_getsockopt(void *, int fd, int level, int option, int64_t *v);
int ref_ready(void *, int fd);
long ref_user(void *, const struct sc_user *, uint64_t now);
int ref_state(void *, const struct rs_endpoint *local, const struct rs_endpoint *remote);
int ref_fd_state(void *, int fd);
bool ref_info(void *, int fd, const char *name, int64_t *v);

#endif
