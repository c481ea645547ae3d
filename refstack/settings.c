/* A connection's configuration: the host's, until rs_set gives it one of its own.
 *
 * That one stands in a page of the pool, which a listener's connections share with it, so that a
 * million of them cost no more than one. */
#include "refstack/host.h"

struct settings {
    uint32_t users;
    struct rs_tcp_config cfg;
};

_Static_assert(sizeof(struct settings) <= 256, "fits the smallest page");

/* The host's, which no page holds. */
void settings_init(struct rs_host *h, struct tcb *t)
{
    t->cfg = &h->cfg.tcp;
    t->cfg_page = PAGE_NONE;
}

/* Counted, since a listener's connections outlive it. */
void settings_drop(struct rs_host *h, struct tcb *t)
{
    if (t->cfg_page != PAGE_NONE) {
        struct settings *s = pool_page(&h->pool, t->cfg_page);
        /* The last of those that share the page gives it back. */
        if (--s->users == 0)
            pool_give(&h->pool, t->cfg_page);
    }
    settings_init(h, t);
}

/* A child begins with what its listener has now; what is set on the listener later is for later
 * children. */
void settings_share(struct rs_host *h, struct tcb *t, const struct tcb *of)
{
    settings_drop(h, t);
    t->cfg = of->cfg;
    t->cfg_page = of->cfg_page;
    if (t->cfg_page != PAGE_NONE)
        ((struct settings *)pool_page(&h->pool, t->cfg_page))->users++;
}

/* A new page even where the connection has one: others may share it. */
static int change(struct rs_host *h, struct tcb *t, const struct rs_tcp_config *c)
{
    const uint32_t page = tcb_spare_page(h, t);

    if (page == PAGE_NONE)
        return RS_ENORES;
    struct settings *s = pool_page(&h->pool, page);
    *s = (struct settings){ .users = 1, .cfg = *c };
    settings_drop(h, t);
    t->cfg = &s->cfg;
    t->cfg_page = page;
    return 0;
}

/* An RTO of 0, or a keep-alive every 0, would send for ever without time passing, and a buffer of 0
 * never anything. */
bool settings_usable(const struct rs_tcp_config *c)
{
    return c->snd_buf > 0 && c->rcv_buf > 0 && c->snd_buf <= 1u << 30 && c->rcv_buf <= 1u << 30 &&
           c->rto_min > 0 && c->rto_max >= c->rto_min && c->rto_max <= UINT32_MAX &&
           c->rto_initial > 0 && c->rto_initial <= UINT32_MAX &&
           (!c->keepalive || (c->keepalive_idle > 0 && c->keepalive_intvl > 0));
}

/* What the user may set while a connection lasts: Nagle (MUST-17), the user timeout (MUST-21),
 * keep-alives and their interval (MUST-24, MUST-27), Diffserv (SHLD-21, MUST-48), TTL (MUST-49). */
int rs_set(struct rs_host *h, int conn, const struct rs_tcp_config *c, rs_time now)
{
    struct tcb *t = tcb_of_handle(h, conn);

    h->now = now;
    if (!t)
        return RS_ENOCONN;
    /* Nothing is changed by what cannot be used. */
    if (!settings_usable(c))
        return RS_EINVAL;
    const int error = change(h, t, c);
    if (error < 0)
        return error;
    /* Both start anew with the intervals set now (tcb_retime). */
    tcb_disarm(t, RS_TIMER_KEEPALIVE);
    tcb_disarm(t, RS_TIMER_USER);
    /* A SYN that is not sent yet offers what is set now. */
    if (t->state == RS_SYN_SENT && t->snd_nxt == t->iss)
        options_offer(h, t);
    /* A connection that has ended, or not begun, has nothing to time and nothing to send. */
    if (t->state < RS_SYN_SENT)
        return 0;
    if (t->state != RS_TIME_WAIT)
        tcb_retime(h, t);
    tcb_ready(h, t);
    return 0;
}

/* As rs_set would take them: to change one thing a user gets all, changes it and sets all. */
int rs_get(const struct rs_host *h, int conn, struct rs_tcp_config *c)
{
    const struct tcb *t = tcb_of_handle(h, conn);

    if (!t)
        return RS_ENOCONN;
    *c = *t->cfg;
    return 0;
}
