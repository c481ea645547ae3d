/* The RFC's user calls, and what can be seen of a connection. */
#include <netinet/tcp.h>
#include <string.h>

#include "harness/sut_refstack.h"
#include "refstack/host.h"
#include "refstack/tcb.h"

/* ---- The RFC's user calls --------------------------------------------------------------- */

static long user_send(struct sut *s, const struct sc_user *u, unsigned flags, uint64_t now)
{
    uint8_t buf[4096];
    long total = 0;
    while ((uint32_t)total < u->amount) {
        size_t n = u->amount - (uint32_t)total < sizeof(buf) ? u->amount - (uint32_t)total
                                                              : sizeof(buf);
        for (size_t i = 0; i < n; i++)
            buf[i] = sc_pattern(s->user_sent[u->conn] + (uint32_t)i);
        int sent = rs_send(s->host, s->user[u->conn], buf, n, flags, now);
        if (sent < 0)
            return total ? total : sent;
        s->user_sent[u->conn] += (uint32_t)sent;
        total += sent;
        if ((size_t)sent < n)
            break;
    }
    return total;
}

static long user_receive(struct sut *s, const struct sc_user *u, uint64_t now)
{
    uint8_t buf[4096];
    size_t want = u->amount < sizeof(buf) ? u->amount : sizeof(buf);
    int n = rs_receive(s->host, s->user[u->conn], buf, want, now);
    if (n > 0)
        s->user_got[u->conn] += (uint32_t)n;
    return n;
}

static int user_open(struct sut *s, const struct sc_user *u, uint64_t now)
{
    const struct rs_endpoint server = { .addr = s->config.local, .port = s->config.port };
    const struct rs_endpoint client = { .port = 0 };
    const struct rs_endpoint remote = { .addr = s->config.remote, .port = s->config.port };
    if (u->op == SC_OPEN_FROM_LISTEN)
        return rs_open_from_listen(s->host, s->user[u->conn], &remote, now);
    int conn = u->op == SC_OPEN_ACTIVE ? rs_open_active(s->host, &client, &remote, now)
                                       : rs_open_passive(s->host, &server, NULL, now);
    if (conn < 0)
        return conn;
    s->user[u->conn] = conn;
    s->user_sent[u->conn] = s->user_got[u->conn] = 0;
    return 0;
}

/* LISTEN, and ACCEPT under the lowest free number. */
static int user_passive(struct sut *s, const struct sc_user *u, uint64_t now)
{
    const struct rs_endpoint server = { .addr = s->config.local, .port = s->config.port };
    unsigned to = u->conn;
    const int conn = u->op == SC_LISTEN ? rs_listen(s->host, &server, now)
                                        : rs_accept(s->host, s->user[u->conn], now);
    for (unsigned i = 0; u->op == SC_ACCEPT && i < MAX_USER && s->user[to] >= 0; i++)
        to = i;
    if (conn < 0)
        return conn;
    s->user[to] = conn;
    s->user_sent[to] = s->user_got[to] = 0;
    return 0;
}

static int user_set(struct sut *s, const struct sc_user *u, uint64_t now)
{
    struct rs_tcp_config t;
    const int status = rs_get(s->host, s->user[u->conn], &t);
    if (status < 0)
        return status;
    sc_set(&t, (enum sc_setting)u->setting, u->amount);
    return rs_set(s->host, s->user[u->conn], &t, now);
}

long ref_user(void *sut, const struct sc_user *u, uint64_t now)
{
    struct sut *s = sut;
    struct rs_status st;
    if (u->conn >= MAX_USER)
        return RS_ENORES;
    const int conn = s->user[u->conn];
    switch ((enum sc_user_op)u->op) {
    case SC_OPEN_ACTIVE:
    case SC_OPEN_PASSIVE:
    case SC_OPEN_FROM_LISTEN:
        return user_open(s, u, now);
    case SC_SEND:
        return user_send(s, u, RS_PUSH, now);
    case SC_SEND_URGENT:
        return user_send(s, u, RS_PUSH | RS_URGENT, now);
    case SC_RECEIVE:
        return user_receive(s, u, now);
    case SC_CLOSE:
        return rs_close(s->host, conn, now);
    case SC_ABORT:
        return rs_abort(s->host, conn, now);
    case SC_STATUS:
        return rs_status(s->host, conn, &st);
    case SC_RELEASE:
        return rs_release(s->host, conn, now);
    case SC_LISTEN:
    case SC_ACCEPT:
        return user_passive(s, u, now);
    case SC_SET:
        return user_set(s, u, now);
    case SC_END_ABORT:
    case SC_END_RELEASE:
    case SC_N_USER_OPS:
        break;
    }
    return RS_EINVAL;
}

/* ---- Observation ------------------------------------------------------------------------ */

/* Over the TCBs themselves: the public calls know no connection that the user does not hold, and a
 * script also asks about one in SYN-RECEIVED, or one let go of and in TIME-WAIT. */
int ref_state(void *sut, const struct rs_endpoint *local, const struct rs_endpoint *remote)
{
    const struct rs_host *h = ((struct sut *)sut)->host;
    int listen = RS_CLOSED;
    for (uint32_t i = 0; i < h->tcb_fresh; i++) {
        const struct tcb *t = &h->tcb[i];
        if (!t->in_use || t->local.port != local->port)
            continue;
        if (t->state == RS_LISTEN)
            listen = RS_LISTEN;
        else if (t->state != RS_CLOSED && t->remote.port == remote->port &&
                 rs_addr_eq(&t->remote.addr, &remote->addr))
            return (int)t->state;
    }
    return listen;
}

int ref_fd_state(void *sut, int fd)
{
    struct sut *s = sut;
    struct sock *k = ref_sock(s, fd);
    struct rs_status st;
    if (!k || k->conn < 0 || rs_status(s->host, k->conn, &st) < 0)
        return RS_CLOSED;
    return (int)st.state;
}

/* Linux numbers the states in an order of its own (TCP_ESTABLISHED = 1 ...). */
static int64_t linux_state(enum rs_state state)
{
    static const uint8_t number[RS_N_STATES] = {
        [RS_CLOSED] = TCP_CLOSE,           [RS_LISTEN] = TCP_LISTEN,
        [RS_SYN_SENT] = TCP_SYN_SENT,      [RS_SYN_RECEIVED] = TCP_SYN_RECV,
        [RS_ESTABLISHED] = TCP_ESTABLISHED, [RS_FIN_WAIT_1] = TCP_FIN_WAIT1,
        [RS_FIN_WAIT_2] = TCP_FIN_WAIT2,   [RS_CLOSE_WAIT] = TCP_CLOSE_WAIT,
        [RS_CLOSING] = TCP_CLOSING,        [RS_LAST_ACK] = TCP_LAST_ACK,
        [RS_TIME_WAIT] = TCP_TIME_WAIT,
    };
    return number[state];
}

/* The states of Linux's congestion control, told from what RFC 6675 and RFC 6298 keep. */
static int64_t linux_ca_state(const struct tcb *t)
{
    enum { OPEN, DISORDER, CWR, RECOVERY, LOSS };
    if (t->retransmits > 0)
        return LOSS;
    if (t->in_recovery)
        return RECOVERY;
    if (t->ecn_on && seq_gt(t->ecn_edge, t->snd_una))
        return CWR;
    return t->dup_acks > 0 ? DISORDER : OPEN;
}

/* In segments; what was never set is Linux's TCP_INFINITE_SSTHRESH. */
static int64_t linux_ssthresh(const struct rs_status *st)
{
    return st->ssthresh >= INT32_MAX || !st->smss ? INT32_MAX : st->ssthresh / st->smss;
}

static int64_t linux_unacked(const struct rs_status *st)
{
    return st->smss ? (st->snd_nxt - st->snd_una + st->smss - 1) / st->smss : 0;
}

static int64_t info_options(const struct rs_status *st, const struct tcb *t)
{
    return (st->ts_on ? TCPI_OPT_TIMESTAMPS : 0) | (st->sack_on ? TCPI_OPT_SACK : 0) |
           (st->wscale_on ? TCPI_OPT_WSCALE : 0) | (t->ecn_on ? TCPI_OPT_ECN : 0) |
           (t->syn_text ? TCPI_OPT_SYN_DATA : 0);
}

bool ref_info(void *sut, int fd, const char *name, int64_t *v)
{
    struct sut *s = sut;
    struct sock *k = ref_sock(s, fd);
    struct rs_status st;
    if (!k || k->conn < 0 || rs_status(s->host, k->conn, &st) < 0)
        return false;
    const struct tcb *t = tcb_any_of_handle(s->host, k->conn);
    const struct {
        const char *name;
        int64_t value;
    } known[] = {
        { "tcpi_state", linux_state(st.state) },
        { "tcpi_options", info_options(&st, t) },
        { "tcpi_snd_cwnd", st.smss ? st.cwnd / st.smss : 0 },
        { "tcpi_snd_ssthresh", linux_ssthresh(&st) },
        { "tcpi_ca_state", linux_ca_state(t) },
        { "tcpi_unacked", linux_unacked(&st) },
        { "tcpi_backoff", st.retransmits },
        { "tcpi_reordering", 3 },
        { "tcpi_snd_wnd", st.snd_wnd },
        { "tcpi_snd_mss", st.smss },
        { "tcpi_rcv_mss", st.rmss },
        { "tcpi_advmss", st.rmss },
        { "tcpi_rto", (int64_t)st.rto },
        { "tcpi_rtt", (int64_t)st.srtt },
        { "tcpi_rttvar", (int64_t)st.rttvar },
        { "tcpi_total_retrans", st.total_retransmits },
        { "tcpi_retransmits", st.retransmits },
        { "tcpi_snd_wscale", st.snd_wscale },
        { "tcpi_rcv_wscale", st.rcv_wscale },
        { "tcpi_notsent_bytes", (int64_t)st.snd_queued - (int64_t)(st.snd_nxt - st.snd_una) },
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].name, name) == 0) {
            *v = known[i].value;
            return true;
        }
    }
    return false;
}
