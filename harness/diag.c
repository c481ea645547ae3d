#include "harness/diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>

/* The kernel's numbers for states (include/net/tcp_states.h), which sock_diag reports. */
enum { KERNEL_LISTEN = 10, ALL_STATES = 0x1fff & ~1 };

static const uint8_t state_of[] = {
    [1] = RS_ESTABLISHED, [2] = RS_SYN_SENT,   [3] = RS_SYN_RECEIVED, [4] = RS_FIN_WAIT_1,
    [5] = RS_FIN_WAIT_2,  [6] = RS_TIME_WAIT,  [7] = RS_CLOSED,       [8] = RS_CLOSE_WAIT,
    [9] = RS_LAST_ACK,    [10] = RS_LISTEN,    [11] = RS_CLOSING,     [12] = RS_SYN_RECEIVED,
};

int diag_open(struct diag *d)
{
    d->sequence = 0;
    d->socket = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
    if (!d->socket)
        return -errno;
    if (mnl_socket_bind(d->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
        int error = -errno;
        diag_close(d);
        return error;
    }
    return 0;
}

void diag_close(struct diag *d)
{
    if (d->socket)
        mnl_socket_close(d->socket);
    d->socket = NULL;
}

static void endpoint_from(struct rs_endpoint *e, uint8_t family, const __be32 *addr, __be16 port)
{
    memset(e, 0, sizeof *e);
    e->addr.version = family == AF_INET6 ? 6 : 4;
    memcpy(e->addr.octet, addr, family == AF_INET6 ? 16 : 4);
    e->port = ntohs(port);
}

static int read_info(const struct nlattr *attr, void *arg)
{
    struct diag_socket *s = arg;
    if (mnl_attr_get_type(attr) != INET_DIAG_INFO)
        return MNL_CB_OK;
    /* Older kernels give a shorter tcp_info, newer ones a longer one. */
    size_t len = mnl_attr_get_payload_len(attr);
    memcpy(&s->info, mnl_attr_get_payload(attr), len < sizeof s->info ? len : sizeof s->info);
    s->has_info = true;
    return MNL_CB_OK;
}

static void socket_from(struct diag_socket *s, const struct nlmsghdr *header)
{
    const struct inet_diag_msg *m = mnl_nlmsg_get_payload(header);
    memset(s, 0, sizeof *s);
    endpoint_from(&s->local, m->idiag_family, m->id.idiag_src, m->id.idiag_sport);
    endpoint_from(&s->remote, m->idiag_family, m->id.idiag_dst, m->id.idiag_dport);
    s->state = m->idiag_state < sizeof state_of ? (enum rs_state)state_of[m->idiag_state]
                                                : RS_CLOSED;
    s->timer = m->idiag_timer <= DIAG_TIMER_PERSIST ? (enum diag_timer)m->idiag_timer
                                                    : DIAG_TIMER_NONE;
    s->timer_ms = m->idiag_expires;
    s->retransmits = m->idiag_retrans;
    s->rcv_queued = m->idiag_rqueue;
    s->snd_queued = m->idiag_wqueue;
    memcpy(s->cookie, m->id.idiag_cookie, sizeof s->cookie);
    mnl_attr_parse(header, sizeof *m, read_info, s);
}

struct request {
    _Alignas(8) char octets[256];
    struct nlmsghdr *header;
    struct inet_diag_req_v2 *body;
};

static void request_start(struct request *r, uint16_t type, uint16_t flags, uint8_t ip_version)
{
    r->header = mnl_nlmsg_put_header(r->octets);
    r->header->nlmsg_type = type;
    r->header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    r->body = mnl_nlmsg_put_extra_header(r->header, sizeof *r->body);
    r->body->sdiag_family = ip_version == 6 ? AF_INET6 : AF_INET;
    r->body->sdiag_protocol = IPPROTO_TCP;
    r->body->idiag_ext = 1u << (INET_DIAG_INFO - 1);
    r->body->idiag_states = ALL_STATES;
    r->body->id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
    r->body->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
}

static void request_id(struct request *r, const struct rs_endpoint *local,
                       const struct rs_endpoint *remote)
{
    size_t len = local->addr.version == 6 ? 16 : 4;
    r->body->id.idiag_sport = htons(local->port);
    memcpy(r->body->id.idiag_src, local->addr.octet, len);
    r->body->id.idiag_dport = htons(remote->port);
    memcpy(r->body->id.idiag_dst, remote->addr.octet, len);
}

/* Sends the request and hands each answer to fn until the kernel says that there are no more. */
static int request_run(struct diag *d, struct request *r, mnl_cb_t fn, void *arg)
{
    char answer[16384];
    unsigned port = mnl_socket_get_portid(d->socket);
    r->header->nlmsg_seq = ++d->sequence;
    if (mnl_socket_sendto(d->socket, r->header, r->header->nlmsg_len) < 0)
        return -errno;
    int more = 1;
    while (more > 0) {
        ssize_t len = mnl_socket_recvfrom(d->socket, answer, sizeof answer);
        if (len < 0)
            return -errno;
        more = mnl_cb_run(answer, (size_t)len, d->sequence, port, fn, arg);
    }
    return more < 0 ? -errno : 0;
}

struct each {
    void (*fn)(void *, const struct diag_socket *);
    void *arg;
};

static int each_answer(const struct nlmsghdr *header, void *arg)
{
    const struct each *e = arg;
    struct diag_socket s;
    socket_from(&s, header);
    e->fn(e->arg, &s);
    return MNL_CB_OK;
}

int diag_each(struct diag *d, uint8_t ip_version, void (*fn)(void *, const struct diag_socket *),
              void *arg)
{
    struct request r;
    struct each e = { .fn = fn, .arg = arg };
    request_start(&r, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, ip_version);
    return request_run(d, &r, each_answer, &e);
}

static int one_answer(const struct nlmsghdr *header, void *arg)
{
    socket_from(arg, header);
    return MNL_CB_STOP;
}

static bool endpoint_eq(const struct rs_endpoint *a, const struct rs_endpoint *b)
{
    size_t len = a->addr.version == 6 ? 16 : 4;
    return a->port == b->port && a->addr.version == b->addr.version &&
           memcmp(a->addr.octet, b->addr.octet, len) == 0;
}

/* A single lookup costs a few microseconds where a dump walks the whole table.  The kernel answers
 * with the listener when it has no such connection, so the answer's own endpoints decide. */
int diag_find(struct diag *d, const struct rs_endpoint *local, const struct rs_endpoint *remote,
              struct diag_socket *s)
{
    struct request r;
    request_start(&r, SOCK_DIAG_BY_FAMILY, 0, local->addr.version);
    request_id(&r, local, remote);
    int rc = request_run(d, &r, one_answer, s);
    if (rc < 0)
        return rc;
    return endpoint_eq(&s->local, local) && endpoint_eq(&s->remote, remote) ? 0 : -ENOENT;
}

int diag_listener(struct diag *d, const struct rs_endpoint *local, struct diag_socket *s)
{
    struct request r;
    const struct rs_endpoint nobody = { .addr = { .version = local->addr.version } };
    request_start(&r, SOCK_DIAG_BY_FAMILY, 0, local->addr.version);
    request_id(&r, local, &nobody);
    int rc = request_run(d, &r, one_answer, s);
    if (rc < 0)
        return rc;
    return s->state == RS_LISTEN ? 0 : -ENOENT;
}

int diag_destroy(struct diag *d, const struct diag_socket *s)
{
    struct request r;
    request_start(&r, SOCK_DESTROY, NLM_F_ACK, s->local.addr.version);
    request_id(&r, &s->local, &s->remote);
    memcpy(r.body->id.idiag_cookie, s->cookie, sizeof s->cookie);
    return request_run(d, &r, NULL, NULL);
}
