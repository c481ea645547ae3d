/* TCP Fast Open, RFC 7413: a listener's cookies, what a client remembers of its servers, and the
 * text that goes with a SYN.
 *
 *   client                                        server
 *   rs_open_fast: SYN, empty option     ------>   fastopen_accept: a cookie is due
 *   fastopen_learn                      <------   SYN,ACK with a cookie (fastopen_option)
 *   ...                                           the handshake ends as any
 *   rs_open_fast: SYN, cookie, text     ------>   fastopen_accept: the text is the user's at once
 *   syn_text_acknowledged (arrives.c)   <------   SYN,ACK of the SYN and its text */
#include <string.h>

#include "refstack/host.h"
#include "refstack/siphash.h"

enum { COOKIE_OCTETS = 8, USE_COOKIE = 3 };
/* Section 4.1.3: a path that drops SYNs with data is left alone for an hour, then tried again. */
static const rs_time negative_lifetime = 3600 * RS_SEC;

/* Section 4.1.2: a keyed function of the client's address.  Nobody who does not receive there can
 * know it, and nothing is kept for it. */
static void cookie_for(const struct rs_host *h, const struct rs_addr *client, uint8_t to[8])
{
    uint64_t w[3] = { USE_COOKIE };

    if (!BUG(FASTOPEN_ONE_COOKIE))
        memcpy(&w[1], client->octet, 16);
    const uint64_t mac = siphash(h->key, w, sizeof w);
    memcpy(to, &mac, COOKIE_OCTETS);
}

/* Section 4.2.2: a valid cookie lets the SYN's text in before the handshake ends; anything else
 * gets a cookie for the next time.  Off until an application asks for it, since a SYN's text may be
 * delivered twice (section 2.1). */
bool fastopen_accept(struct rs_host *h, struct tcb *l, struct tcb *t, const struct tcp_opts *o)
{
    uint8_t cookie[COOKIE_OCTETS];

    if ((!t->cfg->fastopen && !BUG(FASTOPEN_UNASKED)) || !o->has_cookie || !l->stays)
        return false;
    cookie_for(h, &t->remote.addr, cookie);
    const bool ours =
        o->cookie_len == COOKIE_OCTETS && memcmp(o->cookie, cookie, COOKIE_OCTETS) == 0;
    if (!ours && !BUG(FASTOPEN_ANY)) {
        t->cookie_due = !BUG(FASTOPEN_NO_COOKIE);
        return false;
    }
    /* Section 5.1: so many may be pending, then it is the plain handshake for the others. */
    if (l->listener.fast_pending >= t->cfg->fastopen_pending && !BUG(FASTOPEN_PENDING))
        return false;
    l->listener.fast_pending++;
    t->fast = t->syn_text = true;
    return !BUG(FASTOPEN_TEXT_LOST);
}

/* The connection leaves SYN-RECEIVED, whichever way.  Once for each that was counted: a limit that
 * leaks turns fast open off for good. */
void fastopen_settled(struct rs_host *h, struct tcb *t)
{
    struct tcb *l = tcb_at(h, t->fast_listener);

    if (t->fast && l && l->in_use && l->listener.fast_pending > 0 && !BUG(FASTOPEN_LEAK))
        l->listener.fast_pending--;
    t->fast = false;
}

static struct fastopen_entry *remembered(struct rs_host *h, const struct rs_addr *server)
{
    for (int i = 0; i < FASTOPEN_ENTRIES; i++)
        if (h->fastopen[i].used && rs_addr_eq(&h->fastopen[i].server, server))
            return &h->fastopen[i];
    return NULL;
}

/* Few entries, the oldest overwritten: a lost cookie costs one round trip. */
static struct fastopen_entry *remember(struct rs_host *h, const struct rs_addr *server)
{
    struct fastopen_entry *e = remembered(h, server);

    if (!e) {
        e = &h->fastopen[h->fastopen_next++ % FASTOPEN_ENTRIES];
        *e = (struct fastopen_entry){ .used = true, .server = *server };
    }
    return e;
}

/* The client's SYN,ACK has come: a cookie in it is for the next connection, and a SYN that had to
 * be sent again without text says that the path does not like it (section 4.1.3).  The server's MSS
 * is remembered with it: the next SYN's text must fit what no SYN,ACK has said yet (section
 * 4.1.3). */
void fastopen_learn(struct rs_host *h, const struct tcb *t, const struct tcp_opts *o)
{
    if (!t->cookie_due)
        return;
    /* Section 4.1.1: 4 to 16 octets; any other length is no cookie. */
    if (o->has_cookie && o->cookie_len >= 4 && o->cookie_len <= 16 && !BUG(FASTOPEN_FORGETFUL)) {
        struct fastopen_entry *e = remember(h, &t->remote.addr);
        e->len = o->cookie_len;
        e->mss = t->smss;
        memcpy(e->cookie, o->cookie, o->cookie_len);
    }
    if (t->retransmits > 0 && !BUG(FASTOPEN_INSISTS))
        remember(h, &t->remote.addr)->not_before = h->now + negative_lifetime;
}

/* Octets of text that the first SYN may carry; 0 without a cookie for the server.  The options are
 * taken off in full, since the SYN's are the most there are. */
uint32_t fastopen_room(struct rs_host *h, const struct tcb *t)
{
    const struct fastopen_entry *e = remembered(h, &t->remote.addr);

    if (!t->cookie_due || t->state != RS_SYN_SENT || !e || e->len == 0 ||
        e->not_before > h->now || (t->snd_nxt != t->iss && !BUG(FASTOPEN_AGAIN)))
        return 0;
    return e->mss - TCP_OPT_MAX;
}

/* The option for a SYN: a client's cookie or request for one, a server's new cookie.  Only the
 * first transmission of a client's SYN has it. */
void fastopen_option(struct rs_host *h, const struct tcb *t, struct tcp_option *opt,
                     uint8_t own[16])
{
    const struct fastopen_entry *e = remembered(h, &t->remote.addr);

    *opt = (struct tcp_option){ .kind = OPT_FASTOPEN, .len = 0, .typed = true };
    /* An active open that crossed another one is nobody's server. */
    if (!t->cookie_due || (t->state != RS_SYN_SENT && !t->passive))
        return;
    if (t->state != RS_SYN_SENT) {
        cookie_for(h, &t->remote.addr, own);
        opt->u.cookie.len = COOKIE_OCTETS;
    } else if ((t->snd_nxt != t->iss && !BUG(FASTOPEN_AGAIN)) || (e && e->not_before > h->now)) {
        return;
    } else if (e) {
        opt->u.cookie.len = e->len;
        memcpy(own, e->cookie, e->len);
    }
    opt->u.cookie.octets = own;
    opt->len = (uint8_t)(2 + opt->u.cookie.len);
}

/* Without a cookie for this server it is a plain OPEN that asks for one, and the data go after the
 * handshake. */
int rs_open_fast(struct rs_host *h, const struct rs_endpoint *local,
                 const struct rs_endpoint *remote, const void *data, size_t len, rs_time now)
{
    const int conn = rs_open_active(h, local, remote, now);

    if (conn < 0)
        return conn;
    tcb_of_handle(h, conn)->cookie_due = true;
    if (len > 0)
        rs_send(h, conn, data, len, 0, now);
    return conn;
}
