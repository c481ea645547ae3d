/* refstack's adapter: what its files share. */
#ifndef HARNESS_SUT_REFSTACK_H
#define HARNESS_SUT_REFSTACK_H

#include "harness/sut.h"

enum { FIRST_FD = 3, MAX_FD = 64, MAX_USER = 16 };

struct sock {
    bool used, bound, listening, nonblocking;
    int conn;    /* handle, or -1 */
    int backlog;
    bool done;   /* what ended the connection has been told */
    bool reuse, corked, fast_connect;
    bool oob_inline; /* on at first: urgent text is text of the stream (RFC 9293 MUST-62, RFC 6093
                        section 5), until SO_OOBINLINE asks for the sockets' way */
    bool no_send, no_receive; /* shut down */
    int64_t linger;           /* seconds; 0: abort; -1: off */
    bool lingering;           /* close was called and waits */
    uint64_t linger_until;
    bool has_oob, oob_read;   /* an urgent octet is out of the stream; was read ahead of its turn */
    uint8_t oob;
    struct rs_endpoint local;
    struct rs_endpoint deferred; /* TCP_FASTOPEN_CONNECT's peer; port 0: none */
    struct rs_tcp_config tcp; /* what is set before there is a connection */
};

struct sut {
    struct rs_host *host;
    struct sut_config config;
    struct rs_config rs;
    bool ecn_passive;
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
int ref_set_text(void *, int fd, int level, int option, const char *value, uint64_t now);
int ref_get_text(void *, int fd, int level, int option, char *value, size_t cap);

/* A descriptor's connection, or a negative errno. */
int ref_conn_of(struct sut *, int fd, struct sock **);
long ref_send(void *, int fd, const void *, size_t len, int msg_flags, uint64_t now);
long ref_recv(void *, int fd, void *, size_t cap, int msg_flags, uint64_t now);
int ref_ioctl(void *, int fd, unsigned long request, int64_t *value);
long ref_send_fast(void *, int fd, const struct rs_endpoint *, const void *, size_t len,
                   uint64_t now);
/* Opens with a fast-open SYN; the octets it took, or -EINPROGRESS when there is no cookie. */
long ref_open_fast(struct sut *, struct sock *, const struct rs_endpoint *, const void *data,
                   size_t len, uint64_t now);
bool ref_knows_cookie(const struct sut *, const struct rs_addr *server);
long ref_user(void *, const struct sc_user *, uint64_t now);
int ref_state(void *, const struct rs_endpoint *local, const struct rs_endpoint *remote);
int ref_fd_state(void *, int fd);
bool ref_info(void *, int fd, const char *name, int64_t *v);

#endif
