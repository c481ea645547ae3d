/* What the rules of arrival see of a connection: the only part of them that looks inside a host. */
#include "harness/arrival.h"
#include "refstack/host.h"

static const struct tcb *find(const struct rs_host *h, uint16_t local_port, uint16_t remote_port)
{
    for (uint32_t i = 0; i < h->tcb_fresh; i++) {
        const struct tcb *t = &h->tcb[i];
        if (t->in_use && t->state > RS_LISTEN && t->local.port == local_port &&
            t->remote.port == remote_port)
            return t;
    }
    return NULL;
}

static const struct tcb *listener(const struct rs_host *h, uint16_t local_port)
{
    for (uint32_t i = 0; i < h->tcb_fresh; i++)
        if (h->tcb[i].in_use && h->tcb[i].state == RS_LISTEN && h->tcb[i].local.port == local_port)
            return &h->tcb[i];
    return NULL;
}

void arrival_look(const struct rs_host *h, uint16_t local_port, uint16_t remote_port,
                  struct arrival_look *l)
{
    const struct tcb *t = find(h, local_port, remote_port);

    *l = (struct arrival_look){ .exists = t != NULL, .starved = h->pool.used == h->pool.n };
    if (!t) {
        const struct tcb *listens = listener(h, local_port);
        l->state = listens ? RS_LISTEN : RS_CLOSED;
        l->cookies = listens && listens->stays && h->now < listens->listener.cookies_until;
        return;
    }
    l->state = t->state;
    l->passive = t->passive;
    l->child = t->parent != TCB_NONE;
    l->closing = t->closing;
    l->released = t->released;
    l->deaf = t->deaf;
    l->fin_known = t->fin_known;
    l->held = t->recvq.blocks != PAGE_NONE;
    l->ts_on = t->ts_on;
    l->iss = t->iss;
    l->snd_una = t->snd_una;
    l->snd_nxt = t->snd_nxt;
    l->snd_wnd = t->snd_wnd;
    l->snd_wl1 = t->snd_wl1;
    l->snd_wl2 = t->snd_wl2;
    l->max_snd_wnd = t->max_snd_wnd;
    l->irs = t->irs;
    l->rcv_nxt = rcv_nxt(t);
    l->rcv_wnd = rcv_wnd(t);
    l->snd_wscale = t->snd_wscale;
    l->rfc1337 = t->cfg->rfc1337;
}
