/* lwIP's adapter: settings, socket options, and what can be seen of a connection. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#undef TCP_MSS /* the C library has another one */

#include "harness/sut_lwip.h"

#ifdef HAVE_LWIP

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* ---- Settings --------------------------------------------------------------------------- */

/* Microseconds for a time, a bare number as it is; false for what is neither. */
static bool number(const char *text, uint64_t *v)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    *v = strtoull(text, &end, 10);
    const struct { const char *unit; uint64_t us; } units[] = {
        { "", 1 }, { "us", 1 }, { "ms", 1000 }, { "s", 1000000 }, { "min", 60000000 } };
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (!strcmp(end, units[i].unit)) {
            *v *= units[i].us;
            return true;
        }
    return false;
}

static bool is(const struct sut_setting *s, const char *name)
{
    return strcmp(s->name, name) == 0;
}

/* What lwIP lets an application choose. */
static bool choose(struct lw *w, const struct sut_setting *s, bool on, bool off, uint64_t v)
{
    if (is(s, "delayed_ack"))
        return v == 0 ? (w->set.quick_ack = true) : v == 250 * RS_MSEC;
    if (is(s, "nagle"))
        return (w->set.nodelay = off), on || off;
    if (is(s, "keepalive"))
        return (w->set.keepalive = on), on || off;
    if (is(s, "keepalive_idle"))
        return (w->set.keep_idle = (uint32_t)(v / RS_MSEC)) > 0;
    if (is(s, "keepalive_intvl"))
        return (w->set.keep_intvl = (uint32_t)(v / RS_MSEC)) > 0;
    if (is(s, "keepalive_probes"))
        return (w->set.keep_cnt = (uint32_t)v) > 0;
    if (is(s, "ttl"))
        return (w->set.ttl = (uint8_t)v) > 0 && v < 256;
    if (is(s, "tos"))
        return (w->set.tos = (uint8_t)v), v < 256;
    if (is(s, "mtu"))
        return (w->config.mtu = (uint16_t)v) > 0 && v <= LW_MTU_MAX;
    return false;
}

/* What is compiled in anyway. */
static bool as_compiled(const struct sut_setting *s, bool on, bool off, uint64_t v)
{
    static const char *const absent[] = { "sack", "timestamps", "ecn", "fastopen", "rfc1337",
                                          "rack", "syn_cookies", "uto" };
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
        if (is(s, absent[i]))
            return off;
    if (is(s, "window_scale"))
        return on;
    /* Its RTO is never less than 1.5 s: the variance stays at three ticks (tcp_receive). */
    if (is(s, "rto_min"))
        return v == RS_SEC;
    return (is(s, "msl") && v == 60 * RS_SEC) || (is(s, "rto_initial") && v == 3 * RS_SEC) ||
           (is(s, "mss") && v == TCP_MSS) || (is(s, "rcv_buf") && v == TCP_WND) ||
           (is(s, "snd_buf") && v == TCP_SND_BUF);
}

bool lw_set(struct lw *w, const struct sut_setting *s, char *why, size_t cap)
{
    uint64_t v = 0;
    const bool on = !strcmp(s->value, "on"), off = !strcmp(s->value, "off");
    if ((on || off || number(s->value, &v)) &&
        (choose(w, s, on, off, v) || as_compiled(s, on, off, v)))
        return true;
    snprintf(why, cap, "Debian's lwIP has %s compiled in otherwise than %s", s->name, s->value);
    return false;
}

/* ---- Socket options --------------------------------------------------------------------- */

static bool set_tcp(struct lw_sock *k, int option, int64_t v)
{
    /* A listener has none of these of its own; what it accepts takes its TCP_NODELAY. */
    if (option == TCP_NODELAY)
        k->nodelay = v != 0;
    if (k->listening)
        return option == TCP_NODELAY;
    switch (option) {
    case TCP_NODELAY:
        if (v)
            tcp_nagle_disable(k->pcb);
        else
            tcp_nagle_enable(k->pcb);
        return true;
    case TCP_KEEPIDLE:
        k->pcb->keep_idle = (u32_t)v * 1000;
        return true;
    case TCP_KEEPINTVL:
        k->pcb->keep_intvl = (u32_t)v * 1000;
        return true;
    case TCP_KEEPCNT:
        k->pcb->keep_cnt = (u32_t)v;
        return true;
    default:
        return false;
    }
}

static bool set_socket(struct lw_sock *k, int option, int64_t v)
{
    u8_t flag = 0;
    if (option == SO_LINGER) {
        k->abort_on_close = v == 0;
        return v <= 0; /* waiting in close is for blocking sockets */
    }
    if (option == SO_REUSEADDR)
        flag = SOF_REUSEADDR;
    else if (option == SO_KEEPALIVE)
        flag = SOF_KEEPALIVE;
    if (v)
        ip_set_option(k->pcb, flag);
    else
        ip_reset_option(k->pcb, flag);
    return flag != 0;
}

int lw_setsockopt(void *sut, int fd, int level, int option, int64_t v, uint64_t now)
{
    struct lw_sock *k = lw_sock(sut, fd);
    bool known = false;
    (void)now;
    if (!k)
        return -EBADF;
    if (!k->pcb)
        return -EINVAL;
    if (level == SOL_SOCKET)
        known = set_socket(k, option, v);
    else if (level == IPPROTO_TCP)
        known = set_tcp(k, option, v);
    else if (level == IPPROTO_IP && option == IP_TOS)
        known = (k->pcb->tos = (u8_t)v, true);
    else if (level == IPPROTO_IP && option == IP_TTL)
        known = (k->pcb->ttl = (u8_t)v, true);
    return known ? 0 : -ENOSYS;
}

int lw_getsockopt(void *sut, int fd, int level, int option, int64_t *v)
{
    struct lw_sock *k = lw_sock(sut, fd);
    if (!k)
        return -EBADF;
    if (level == SOL_SOCKET && option == SO_ERROR) {
        *v = k->error;
        k->last_error = k->error;
        k->error = 0;
    } else if (level == IPPROTO_TCP && option == TCP_NODELAY) {
        *v = k->nodelay;
    } else if (level == SOL_SOCKET && option == SO_KEEPALIVE && k->pcb) {
        *v = ip_get_option(k->pcb, SOF_KEEPALIVE) != 0;
    } else if (level == IPPROTO_TCP && option == TCP_MAXSEG && k->pcb && !k->listening) {
        *v = k->pcb->mss;
    } else {
        return -ENOSYS;
    }
    return 0;
}

/* ---- States ----------------------------------------------------------------------------- */

_Static_assert((int)CLOSED == RS_CLOSED && (int)SYN_RCVD == RS_SYN_RECEIVED &&
                   (int)FIN_WAIT_1 == RS_FIN_WAIT_1 && (int)CLOSE_WAIT == RS_CLOSE_WAIT &&
                   (int)CLOSING == RS_CLOSING && (int)TIME_WAIT == RS_TIME_WAIT,
               "both number the states in the RFC's order");

static struct tcp_pcb *find(struct tcp_pcb *list, const struct rs_endpoint *local,
                            const struct rs_endpoint *remote)
{
    for (struct tcp_pcb *p = list; p; p = p->next) {
        const struct rs_addr a = lw_rs_addr(&p->remote_ip);
        if (p->local_port == local->port && p->remote_port == remote->port &&
            !memcmp(a.octet, remote->addr.octet, a.version == 4 ? 4 : 16))
            return p;
    }
    return NULL;
}

int lw_state(void *sut, const struct rs_endpoint *local, const struct rs_endpoint *remote)
{
    const struct lwip_lib *l = ((struct lw *)sut)->l;
    const struct tcp_pcb *p = find(*l->active, local, remote);
    if (!p)
        p = find(*l->time_wait, local, remote);
    if (p)
        return (int)p->state;
    for (const struct tcp_pcb_listen *q = *l->listening; q; q = q->next)
        if (q->local_port == local->port)
            return RS_LISTEN;
    return RS_CLOSED;
}

int lw_fd_state(void *sut, int fd)
{
    const struct lw_sock *k = lw_sock(sut, fd);
    return k && k->pcb ? (int)k->pcb->state : RS_CLOSED;
}

bool lw_info(void *sut, int fd, const char *name, int64_t *v)
{
    enum { SLOW_TICK_US = 500000 };
    const struct lw_sock *k = lw_sock(sut, fd);
    if (!k || !k->pcb || k->listening)
        return false;
    const struct tcp_pcb *p = k->pcb;
    const struct {
        const char *name;
        int64_t value;
    } known[] = {
        { "tcpi_options", (p->flags & TF_WND_SCALE) ? TCPI_OPT_WSCALE : 0 },
        { "tcpi_snd_cwnd", p->mss ? p->cwnd / p->mss : 0 },
        { "tcpi_snd_mss", p->mss },
        { "tcpi_rto", (int64_t)p->rto * SLOW_TICK_US },
        { "tcpi_retransmits", p->nrtx },
        { "tcpi_snd_wscale", p->snd_scale },
        { "tcpi_rcv_wscale", p->rcv_scale },
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(known[i].name, name) == 0) {
            *v = known[i].value;
            return true;
        }
    return false;
}

#endif
