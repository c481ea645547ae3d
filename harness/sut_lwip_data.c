/* lwIP's adapter: connections, from their callbacks to the calls that send, receive and close. */
#include "harness/sut_lwip.h"

#ifdef HAVE_LWIP

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

/* ---- Callbacks -------------------------------------------------------------------------- */

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    struct lw_sock *k = arg;
    (void)pcb, (void)err;
    if (!p)
        k->eof = true;
    else if (k->rx)
        k->lw->l->pbuf_cat(k->rx, p);
    else
        k->rx = p;
    return ERR_OK;
}

/* lwIP has freed the connection by now.  ERR_CLSD is its regular end; ERR_ABRT comes from its
 * timers only, for this adapter takes the callback away before it aborts. */
static void on_error(void *arg, err_t err)
{
    struct lw_sock *k = arg;
    k->pcb = NULL;
    if (err == ERR_CLSD)
        k->eof = true;
    else
        k->error = err == ERR_RST && k->connecting ? ECONNREFUSED : lw_errno(err);
    k->connecting = false;
}

err_t lw_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct lw_sock *k = arg;
    (void)pcb, (void)err;
    k->connecting = false;
    k->connected = true;
    return ERR_OK;
}

void lw_adopt(struct lw_sock *k, struct tcp_pcb *pcb)
{
    const struct lw *w = k->lw;
    k->pcb = pcb;
    w->l->tcp_arg(pcb, k);
    w->l->tcp_recv(pcb, on_recv);
    w->l->tcp_err(pcb, on_error);
    if (k->nodelay)
        tcp_nagle_disable(pcb);
    if (w->set.keepalive)
        ip_set_option(pcb, SOF_KEEPALIVE);
    pcb->keep_idle = w->set.keep_idle ? w->set.keep_idle : pcb->keep_idle;
    pcb->keep_intvl = w->set.keep_intvl ? w->set.keep_intvl : pcb->keep_intvl;
    pcb->keep_cnt = w->set.keep_cnt ? w->set.keep_cnt : pcb->keep_cnt;
    pcb->ttl = w->set.ttl ? w->set.ttl : pcb->ttl;
    pcb->tos = w->set.tos ? w->set.tos : pcb->tos;
}

/* ---- Data ------------------------------------------------------------------------------- */

static int take_error(struct lw_sock *k)
{
    k->last_error = k->error;
    k->error = 0;
    return -k->last_error;
}

long lw_send(void *sut, int fd, const void *data, size_t len, int msg_flags, uint64_t now)
{
    struct lw *w = sut;
    struct lw_sock *k = lw_sock(w, fd);
    if (!k)
        return -EBADF;
    if (msg_flags & ~(MSG_MORE | MSG_DONTWAIT | MSG_NOSIGNAL))
        return -ENOSYS;
    if (k->error)
        return take_error(k);
    if (k->connecting)
        return -EAGAIN;
    if (!k->pcb || !k->connected || k->shut)
        return -EPIPE;
    size_t n = tcp_sndbuf(k->pcb);
    n = n < len ? n : len;
    n = n < UINT16_MAX ? n : UINT16_MAX;
    if (!n)
        return len ? -EAGAIN : 0;
    const u8_t flags = TCP_WRITE_FLAG_COPY | ((msg_flags & MSG_MORE) || n < len
                                                  ? TCP_WRITE_FLAG_MORE : 0);
    err_t e = w->l->tcp_write(k->pcb, data, (u16_t)n, flags);
    if (e != ERR_OK)
        return e == ERR_MEM ? -EAGAIN : -lw_errno(e);
    w->l->tcp_output(k->pcb);
    lw_settle(w, now);
    return (long)n;
}

long lw_recv(void *sut, int fd, void *buf, size_t cap, int msg_flags, uint64_t now)
{
    struct lw *w = sut;
    struct lw_sock *k = lw_sock(w, fd);
    if (!k)
        return -EBADF;
    if (msg_flags & ~(MSG_DONTWAIT | MSG_PEEK))
        return -ENOSYS;
    if (!k->rx) {
        if (k->error)
            return take_error(k);
        if (k->eof || k->last_error)
            return 0;
        return k->connected || k->connecting ? -EAGAIN : -ENOTCONN;
    }
    const u16_t room = cap < UINT16_MAX ? (u16_t)cap : UINT16_MAX;
    const u16_t n = w->l->pbuf_copy_partial(k->rx, buf, room, 0);
    if (msg_flags & MSG_PEEK)
        return n;
    k->rx = w->l->pbuf_free_header(k->rx, n);
    if (k->pcb)
        w->l->tcp_recved(k->pcb, n);
    lw_settle(w, now);
    return n;
}

/* ---- Closing ---------------------------------------------------------------------------- */

int lw_shutdown(void *sut, int fd, int how, uint64_t now)
{
    struct lw *w = sut;
    struct lw_sock *k = lw_sock(w, fd);
    if (!k)
        return -EBADF;
    if (!k->connected || !k->pcb)
        return -ENOTCONN;
    const bool rx = how != SHUT_WR, tx = how != SHUT_RD;
    /* Both ways at once is lwIP's close, which frees the connection: the socket outlives it. */
    err_t e = ERR_OK;
    if (tx && !k->shut)
        e = w->l->tcp_shutdown(k->pcb, 0, 1);
    k->shut = k->shut || tx;
    if (rx)
        k->eof = true;
    lw_settle(w, now);
    return e == ERR_OK ? 0 : -lw_errno(e);
}

/* From here on lwIP has the connection for itself. */
static void let_go(struct lw_sock *k)
{
    const struct lwip_lib *l = k->lw->l;
    if (k->rx)
        l->pbuf_free(k->rx);
    k->rx = NULL;
    k->used = false;
    if (!k->pcb)
        return;
    l->tcp_arg(k->pcb, NULL);
    if (!k->listening) {
        l->tcp_recv(k->pcb, NULL);
        l->tcp_err(k->pcb, NULL);
        if (k->abort_on_close || l->tcp_close(k->pcb) != ERR_OK)
            l->tcp_abort(k->pcb);
    } else {
        l->tcp_accept(k->pcb, NULL);
        l->tcp_close(k->pcb);
    }
    k->pcb = NULL;
}

int lw_close(void *sut, int fd, uint64_t now)
{
    struct lw *w = sut;
    struct lw_sock *k = lw_sock(w, fd);
    if (!k)
        return -EBADF;
    /* Nobody will accept what waits on a listener. */
    for (int i = 0; i < LW_SOCKS && k->listening; i++)
        if (w->sock[i].used && w->sock[i].listener == fd - LW_FIRST_FD) {
            w->sock[i].abort_on_close = true;
            let_go(&w->sock[i]);
        }
    let_go(k);
    lw_settle(w, now);
    return 0;
}

int lw_ready(void *sut, int fd)
{
    struct lw *w = sut;
    struct lw_sock *k = lw_sock(w, fd);
    if (!k)
        return POLLNVAL;
    if (k->listening) {
        for (int i = 0; i < LW_SOCKS; i++)
            if (w->sock[i].used && w->sock[i].listener == fd - LW_FIRST_FD)
                return POLLIN;
        return 0;
    }
    const bool ended = !k->pcb || (!k->connected && !k->connecting);
    int bits = ended ? POLLHUP | POLLOUT : 0;
    bits |= k->error ? POLLERR | POLLIN | POLLOUT : 0;
    bits |= k->rx || k->eof ? POLLIN : 0;
    bits |= k->eof ? POLLRDHUP : 0;
    if (!ended && k->connected && (k->shut || tcp_sndbuf(k->pcb) > 0))
        bits |= POLLOUT;
    return bits;
}

#endif
