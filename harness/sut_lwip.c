/* lwIP behind the adapter's table: its raw API as sockets, its timers by the script's clock.
 *
 * Time is exact to what lwIP itself knows: one tick of 250 ms from the first connection on, as its
 * own timer counts them. */
#include "harness/sut_lwip.h"

#include <stdio.h>

#ifndef HAVE_LWIP

static void *no_lwip(const struct sut_config *config, uint64_t now, char *why, size_t cap)
{
    (void)config, (void)now;
    snprintf(why, cap, "tcprig was built without lwIP; install liblwip-dev and build again");
    return NULL;
}

const struct sut_ops sut_lwip = { .name = "lwip", .create = no_lwip };

#else

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { REASS_US = 1000000, REASS_TICKS = 64 };
#define TICK_US (TCP_TMR_MS * RS_MSEC)
enum { TCP_TMR_MS = 250 };

int lw_errno(err_t e)
{
    static const uint8_t number[] = {
        [-ERR_MEM] = ENOBUFS,       [-ERR_BUF] = ENOBUFS,      [-ERR_TIMEOUT] = ETIMEDOUT,
        [-ERR_RTE] = EHOSTUNREACH,  [-ERR_INPROGRESS] = EINPROGRESS, [-ERR_VAL] = EINVAL,
        [-ERR_WOULDBLOCK] = EAGAIN, [-ERR_USE] = EADDRINUSE,   [-ERR_ALREADY] = EALREADY,
        [-ERR_ISCONN] = EISCONN,    [-ERR_CONN] = ENOTCONN,    [-ERR_IF] = EIO,
        [-ERR_ABRT] = ETIMEDOUT,    [-ERR_RST] = ECONNRESET,   [-ERR_CLSD] = ENOTCONN,
        [-ERR_ARG] = EINVAL,
    };
    return e <= 0 && (size_t)-e < sizeof(number) ? number[-e] : EIO;
}

/* ---- Addresses -------------------------------------------------------------------------- */

void lw_address(const struct rs_addr *a, ip_addr_t *to)
{
    memset(to, 0, sizeof(*to));
    to->type = a->version == 6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4;
    if (a->version == 6)
        memcpy(ip_2_ip6(to)->addr, a->octet, 16);
    else if (a->version == 4)
        memcpy(&ip_2_ip4(to)->addr, a->octet, 4);
}

struct rs_addr lw_rs_addr(const ip_addr_t *a)
{
    struct rs_addr r = { .version = IP_IS_V6(a) ? 6 : 4 };
    if (r.version == 6)
        memcpy(r.octet, ip_2_ip6(a)->addr, 16);
    else
        memcpy(r.octet, &ip_2_ip4(a)->addr, 4);
    return r;
}

/* ---- The link --------------------------------------------------------------------------- */

/* A datagram more than the ring holds is lost, as on any link. */
static err_t link_out(struct lw *w, struct pbuf *p)
{
    if (w->n == LW_QUEUE || p->tot_len > LW_MTU_MAX)
        return ERR_OK;
    struct lw_datagram *d = &w->queue[(w->head + w->n++) % LW_QUEUE];
    d->len = w->l->pbuf_copy_partial(p, d->octet, p->tot_len, 0);
    return ERR_OK;
}

static err_t link_out4(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
    (void)to;
    return link_out(netif->state, p);
}

static err_t link_out6(struct netif *netif, struct pbuf *p, const ip6_addr_t *to)
{
    (void)to;
    return link_out(netif->state, p);
}

static err_t link_init(struct netif *netif)
{
    const struct lw *w = netif->state;
    netif->name[0] = 't';
    netif->name[1] = 'c';
    netif->mtu = w->config.mtu ? w->config.mtu : 1500;
    netif->mtu6 = netif->mtu;
    netif->output = link_out4;
    netif->output_ip6 = link_out6;
    return ERR_OK;
}

static void link_up(struct lw *w)
{
    ip4_addr_t mask = { 0 }, any = { 0 };
    ip_addr_t own, gateway;
    const bool v6 = w->config.local.version == 6;
    lw_address(&w->config.local, &own);
    lw_address(&w->config.remote, &gateway);
    memcpy(&mask.addr, (const uint8_t[]){ 255, 255, 0, 0 }, 4);
    w->l->netif_add(&w->netif, v6 ? &any : ip_2_ip4(&own), &mask, v6 ? &any : ip_2_ip4(&gateway), w,
                    link_init, w->l->ip_input);
    /* Neither router solicitations nor duplicate address detection: the script is the link. */
    w->netif.rs_count = 0;
    w->netif.ip6_autoconfig_enabled = 0;
    if (v6) {
        w->netif.ip6_addr[0] = own;
        w->netif.ip6_addr_state[0] = IP6_ADDR_PREFERRED;
    }
    w->l->netif_set_default(&w->netif);
    w->l->netif_set_link_up(&w->netif);
    w->l->netif_set_up(&w->netif);
    w->n = 0; /* announcements of the address */
}

/* ---- Lifecycle -------------------------------------------------------------------------- */

static void *lwip_create(const struct sut_config *config, uint64_t now, char *why, size_t cap)
{
    struct lw *w = calloc(1, sizeof(*w));
    if (!w || !(w->queue = calloc(LW_QUEUE, sizeof(*w->queue))))
        abort();
    w->config = *config;
    w->tick = RS_NEVER;
    w->reass = now + REASS_US;
    bool ok = config->mtu <= LW_MTU_MAX;
    if (!ok)
        snprintf(why, cap, "lwIP's adapter takes an MTU of at most %d", LW_MTU_MAX);
    for (size_t i = 0; i < config->n_settings && ok; i++)
        ok = lw_set(w, &config->setting[i], why, cap);
    if (!ok || !(w->l = lwip_lib_take(why, cap))) {
        free(w->queue);
        free(w);
        return NULL;
    }
    srand((unsigned)config->seed); /* lwIP's only randomness: its first ephemeral port */
    link_up(w);
    return w;
}

/* All of lwIP's memory, so that its variables can be set back. */
static void free_all(struct lw *w)
{
    struct lwip_lib *l = w->l;
    for (int i = 0; i < LW_SOCKS; i++)
        if (w->sock[i].used && w->sock[i].rx)
            l->pbuf_free(w->sock[i].rx);
    /* No callback may reach a socket now. */
    struct tcp_pcb **const lists[] = { l->active, l->time_wait, l->bound };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        while (*lists[i]) {
            if (i == 0)
                l->tcp_err(*lists[i], NULL);
            l->tcp_abort(*lists[i]);
        }
    while (*l->listening)
        l->tcp_close((struct tcp_pcb *)*l->listening);
    for (int i = 0; i < REASS_TICKS; i++) {
        l->ip_reass_tmr();
        l->ip6_reass_tmr();
    }
    l->netif_remove(&w->netif);
}

static void lwip_destroy(void *sut)
{
    struct lw *w = sut;
    if (w->broken) {
        lwip_lib_abandon(w->l);
    } else {
        free_all(w);
        lwip_lib_give(w->l);
    }
    free(w->queue);
    free(w);
}

/* ---- Packets and time ------------------------------------------------------------------- */

/* delayed_ack=0 is what an application does that wants it: it asks for the ACK at once. */
static void acknowledge_at_once(struct lw *w)
{
    for (struct tcp_pcb *p = *w->l->active, *next; p; p = next) {
        next = p->next;
        if (!(p->flags & TF_ACK_DELAY))
            continue;
        tcp_set_flags(p, TF_ACK_NOW);
        w->l->tcp_output(p);
    }
}

void lw_settle(struct lw *w, uint64_t now)
{
    if (w->set.quick_ack)
        acknowledge_at_once(w);
    if (!*w->l->active && !*w->l->time_wait)
        w->tick = RS_NEVER;
    else if (w->tick == RS_NEVER)
        w->tick = now + TICK_US;
}

static void run_timers(struct lw *w, uint64_t now)
{
    while (w->tick <= now) {
        const uint64_t due = w->tick;
        w->l->tcp_tmr();
        w->tick = due + TICK_US;
        lw_settle(w, due);
    }
    for (int i = 0; w->reass <= now && i < REASS_TICKS; i++, w->reass += REASS_US) {
        w->l->ip_reass_tmr();
        w->l->ip6_reass_tmr();
    }
    while (w->reass <= now)
        w->reass += REASS_US;
}

/* Most of lwIP's assertions are about what segments and timers do to it. */
static void arrive(struct lw *w, const uint8_t *datagram, size_t len, uint64_t now)
{
    run_timers(w, now);
    struct pbuf *p = len <= UINT16_MAX ? w->l->pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_RAM) : NULL;
    if (!p)
        return;
    w->l->pbuf_take(p, datagram, (u16_t)len);
    if (w->l->ip_input(p, &w->netif) != ERR_OK)
        w->l->pbuf_free(p);
    lw_settle(w, now);
}

static void lwip_input(void *sut, const uint8_t *datagram, size_t len, uint64_t now)
{
    struct lw *w = sut;
    if (w->broken)
        return;
    lwip_trap = &w->trap;
    if (setjmp(w->trap.back) == 0)
        arrive(w, datagram, len, now);
    else
        w->broken = true;
    lwip_trap = NULL;
}

static size_t lwip_output(void *sut, uint8_t *buf, size_t cap, uint64_t now)
{
    struct lw *w = sut;
    if (w->broken)
        return 0;
    lwip_trap = &w->trap;
    if (setjmp(w->trap.back) == 0)
        run_timers(w, now);
    else
        w->broken = true;
    lwip_trap = NULL;
    if (!w->n || w->broken)
        return 0;
    const struct lw_datagram *d = &w->queue[w->head];
    const size_t len = d->len < cap ? d->len : cap;
    memcpy(buf, d->octet, len);
    w->head = (w->head + 1) % LW_QUEUE;
    w->n--;
    return len;
}

static const char *lwip_broken(void *sut)
{
    struct lw *w = sut;
    w->trap.said[strcspn(w->trap.said, "\n")] = '\0';
    return w->broken ? w->trap.said : NULL;
}

static uint64_t lwip_deadline(void *sut)
{
    return ((struct lw *)sut)->tick;
}

/* ---- Opening ---------------------------------------------------------------------------- */

struct lw_sock *lw_sock(struct lw *w, int fd)
{
    const int i = fd - LW_FIRST_FD;
    return i >= 0 && i < LW_SOCKS && w->sock[i].used && w->sock[i].listener < 0 ? &w->sock[i]
                                                                                 : NULL;
}

static struct lw_sock *new_sock(struct lw *w)
{
    for (int i = 0; i < LW_SOCKS; i++) {
        if (w->sock[i].used)
            continue;
        w->sock[i] = (struct lw_sock){ .used = true, .listener = -1, .lw = w };
        return &w->sock[i];
    }
    return NULL;
}

static int fd_of(const struct lw_sock *k)
{
    return LW_FIRST_FD + (int)(k - k->lw->sock);
}

static int lwip_socket(void *sut)
{
    struct lw *w = sut;
    const bool v6 = w->config.local.version == 6;
    struct lw_sock *k = new_sock(w);
    struct tcp_pcb *pcb = k ? w->l->tcp_new_ip_type(v6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4) : NULL;
    if (!pcb) {
        if (k)
            k->used = false;
        return -EMFILE;
    }
    k->nodelay = w->set.nodelay;
    lw_adopt(k, pcb);
    return fd_of(k);
}

static int lwip_bind(void *sut, int fd, const struct rs_endpoint *at)
{
    struct lw *w = sut;
    struct lw_sock *k = lw_sock(w, fd);
    ip_addr_t addr;
    if (!k || !k->pcb)
        return k ? -EINVAL : -EBADF;
    lw_address(&at->addr, &addr);
    addr.type = w->config.local.version == 6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4;
    err_t e = w->l->tcp_bind(k->pcb, &addr, at->port);
    return e == ERR_OK ? 0 : -lw_errno(e);
}

/* A connection that completed waits under its listener until accept gives it a number. */
static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct lw_sock *listener = arg;
    struct lw_sock *k = err == ERR_OK && pcb && listener ? new_sock(listener->lw) : NULL;
    if (!k)
        return ERR_MEM;
    k->listener = (int)(listener - listener->lw->sock);
    k->born = listener->lw->born++;
    k->nodelay = listener->nodelay;
    k->connected = true;
    lw_adopt(k, pcb);
    return ERR_OK;
}

static int lwip_listen(void *sut, int fd, int backlog, uint64_t now)
{
    struct lw *w = sut;
    struct lw_sock *k = lw_sock(w, fd);
    err_t e = ERR_OK;
    (void)now;
    if (!k || !k->pcb)
        return k ? -EINVAL : -EBADF;
    if (k->listening)
        return 0;
    const uint8_t most = backlog > 255 || backlog < 0 ? 255 : (uint8_t)backlog;
    struct tcp_pcb *pcb = w->l->tcp_listen_with_backlog_and_err(k->pcb, most, &e);
    if (!pcb)
        return -lw_errno(e);
    k->pcb = pcb;
    k->listening = true;
    w->l->tcp_arg(pcb, k);
    w->l->tcp_accept(pcb, on_accept);
    return 0;
}

static int lwip_accept(void *sut, int fd, struct rs_endpoint *peer, uint64_t now)
{
    struct lw *w = sut;
    struct lw_sock *k = lw_sock(w, fd), *first = NULL;
    (void)now;
    if (!k || !k->listening)
        return k ? -EINVAL : -EBADF;
    for (int i = 0; i < LW_SOCKS; i++)
        if (w->sock[i].used && w->sock[i].listener == fd - LW_FIRST_FD &&
            (!first || w->sock[i].born < first->born))
            first = &w->sock[i];
    if (!first)
        return -EAGAIN;
    first->listener = -1;
    if (first->pcb) {
        peer->addr = lw_rs_addr(&first->pcb->remote_ip);
        peer->port = first->pcb->remote_port;
    }
    return fd_of(first);
}

static int lwip_connect(void *sut, int fd, const struct rs_endpoint *to, uint64_t now)
{
    struct lw *w = sut;
    struct lw_sock *k = lw_sock(w, fd);
    ip_addr_t addr;
    if (!k)
        return -EBADF;
    if (k->listening || k->connected)
        return -EISCONN;
    if (k->connecting)
        return -EALREADY;
    if (!k->pcb)
        return -EINVAL;
    lw_address(&to->addr, &addr);
    err_t e = w->l->tcp_connect(k->pcb, &addr, to->port, lw_connected);
    if (e != ERR_OK)
        return -lw_errno(e);
    k->connecting = true;
    lw_settle(w, now);
    return -EINPROGRESS;
}

const struct sut_ops sut_lwip = {
    .name = "lwip",
    .caps = SUT_VIRTUAL_TIME | SUT_IP6 | SUT_MANY_CONNECTIONS | SUT_STATE,
    .create = lwip_create,
    .destroy = lwip_destroy,
    .broken = lwip_broken,
    .input = lwip_input,
    .output = lwip_output,
    .deadline = lwip_deadline,
    .socket = lwip_socket,
    .bind = lwip_bind,
    .listen = lwip_listen,
    .accept = lwip_accept,
    .connect = lwip_connect,
    .send = lw_send,
    .recv = lw_recv,
    .shutdown = lw_shutdown,
    .close = lw_close,
    .setsockopt = lw_setsockopt,
    .getsockopt = lw_getsockopt,
    .ready = lw_ready,
    .state = lw_state,
    .fd_state = lw_fd_state,
    .info = lw_info,
};

#endif
