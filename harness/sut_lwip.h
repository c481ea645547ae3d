/* lwIP's adapter: what its files share.
 *
 * Debian's liblwip is loaded when it is asked for, so that tcprig needs it neither to build nor to
 * run; only the layout of its structs comes from its headers. */
#ifndef HARNESS_SUT_LWIP_H
#define HARNESS_SUT_LWIP_H

#include "harness/sut.h"

extern const struct sut_ops sut_lwip;

/* Its headers are on the path of this build. */
#if __has_include(<lwip/tcp.h>)
#define HAVE_LWIP 1

#include <setjmp.h>

#include <lwip/init.h>
#include <lwip/ip.h>
#include <lwip/ip4_frag.h>
#include <lwip/ip6_frag.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <lwip/tcp.h>

/* Every function taken from the library, as its headers declare it. */
#define LWIP_CALLS(X)                                                                           \
    X(lwip_init) X(ip_input) X(ip_reass_tmr) X(ip6_reass_tmr)                                   \
    X(netif_add) X(netif_remove) X(netif_set_up) X(netif_set_link_up) X(netif_set_default)      \
    X(pbuf_alloc) X(pbuf_take) X(pbuf_free) X(pbuf_cat) X(pbuf_copy_partial)                    \
    X(pbuf_free_header)                                                                         \
    X(tcp_new_ip_type) X(tcp_arg) X(tcp_recv) X(tcp_err) X(tcp_accept) X(tcp_bind)              \
    X(tcp_listen_with_backlog_and_err) X(tcp_connect) X(tcp_write) X(tcp_output)                \
    X(tcp_recved) X(tcp_shutdown) X(tcp_close) X(tcp_abort)

/* Not in a header for applications: the timers, and what starts them. */
extern void tcp_tmr(void);
extern void tcp_timer_needed(void);

/* One copy of the library in this process, with its variables as lwip_init left them. */
struct lwip_lib {
#define LWIP_POINTER(name) __typeof__(name) *name;
    LWIP_CALLS(LWIP_POINTER)
    LWIP_POINTER(tcp_tmr)
    LWIP_POINTER(tcp_timer_needed)
#undef LWIP_POINTER
    struct tcp_pcb **active, **time_wait, **bound; /* its lists of connections */
    struct tcp_pcb_listen **listening;
    unsigned char *rw, *pristine; /* its variables, and their first values */
    size_t rw_len;
    struct lwip_lib *next;        /* of those not in use */
};

/* Where an assertion of lwIP's goes instead of ending the process, and what it said. */
struct lwip_trap {
    jmp_buf back;
    char said[256];
};
extern struct lwip_trap *lwip_trap; /* NULL: it does end the process */

/* A copy for one stack alone, or NULL with a sentence in why. */
struct lwip_lib *lwip_lib_take(char *why, size_t cap);
/* Sets its variables back.  All it allocated since must have been freed. */
void lwip_lib_give(struct lwip_lib *);
/* Puts a copy aside that an assertion left half way: nobody gets it again. */
void lwip_lib_abandon(struct lwip_lib *);

enum { LW_FIRST_FD = 3, LW_SOCKS = 64, LW_QUEUE = 256, LW_MTU_MAX = 9000 };

struct lw_sock {
    bool used, listening, connecting, connected, abort_on_close, nodelay;
    bool eof;       /* the peer's FIN was reached */
    bool shut;      /* no more SEND */
    int listener;   /* index of the one it waits on for accept, or -1 */
    uint32_t born;  /* order of arrival on that listener */
    int error;      /* what ended it, to be told once: an errno */
    int last_error; /* told already */
    struct tcp_pcb *pcb; /* NULL once lwIP let go of it */
    struct pbuf *rx;     /* received, not yet read */
    struct lw *lw;
};

/* What a script's settings come to; lwIP has the rest compiled in. */
struct lw_settings {
    bool quick_ack, nodelay, keepalive;
    uint32_t keep_idle, keep_intvl, keep_cnt; /* ms; 0: as compiled */
    uint8_t ttl, tos;                         /* 0: as compiled */
};

struct lw_datagram {
    uint16_t len;
    uint8_t octet[LW_MTU_MAX];
};

struct lw {
    struct lwip_lib *l;
    struct netif netif;
    struct sut_config config;
    struct lw_settings set;
    uint64_t tick;      /* when tcp_tmr is due; RS_NEVER while there is no connection */
    uint64_t reass;     /* when the reassembly timers are */
    uint32_t born;
    struct lw_sock sock[LW_SOCKS];
    struct lw_datagram *queue; /* LW_QUEUE of them, a ring */
    unsigned head, n;
    struct lwip_trap trap;
    bool broken; /* an assertion failed: lwIP is not to be called again */
};

/* False after a sentence in why. */
bool lw_set(struct lw *, const struct sut_setting *, char *why, size_t cap);

struct lw_sock *lw_sock(struct lw *, int fd);
int lw_errno(err_t);
void lw_address(const struct rs_addr *, ip_addr_t *);
struct rs_addr lw_rs_addr(const ip_addr_t *);
/* To be called after each call that may have opened or ended a connection. */
void lw_settle(struct lw *, uint64_t now);

/* Callbacks of a connection, and what it takes from the settings. */
void lw_adopt(struct lw_sock *, struct tcp_pcb *);
err_t lw_connected(void *arg, struct tcp_pcb *, err_t);

long lw_send(void *, int fd, const void *, size_t len, int msg_flags, uint64_t now);
long lw_recv(void *, int fd, void *, size_t cap, int msg_flags, uint64_t now);
int lw_shutdown(void *, int fd, int how, uint64_t now);
int lw_close(void *, int fd, uint64_t now);
int lw_setsockopt(void *, int fd, int level, int option, int64_t value, uint64_t now);
int lw_getsockopt(void *, int fd, int level, int option, int64_t *value);
int lw_ready(void *, int fd);
int lw_state(void *, const struct rs_endpoint *local, const struct rs_endpoint *remote);
int lw_fd_state(void *, int fd);
bool lw_info(void *, int fd, const char *name, int64_t *value);

#endif
#endif
