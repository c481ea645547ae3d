/* OPEN and STATUS, RFC 9293 sections 3.10.1 and 3.10.6. */
#include "refstack/host.h"

/* MUST-44, MUST-45: an unspecified local address becomes the host's that suits the peer and stays.
 * MUST-46: no OPEN to an address that is not one host's. */
static int both_ends(const struct rs_host *h, const struct rs_endpoint *asked,
                     const struct rs_endpoint *remote, struct rs_endpoint *local)
{
    *local = *asked;
    /* Port 0 is no port, and a group or broadcast address would be answered by many or none. */
    if (remote->port == 0 || (!ip_is_host(h, &remote->addr) && !BUG(OPEN_TO_GROUP)))
        return RS_EINVAL;
    if (!asked->addr.version || BUG(LOCAL_ADDRESS_IGNORED))
        return ip_source_for(h, &remote->addr, &local->addr) ? 0 : RS_EINVAL;
    if (asked->addr.version != remote->addr.version || !ip_is_local(h, &asked->addr))
        return RS_EINVAL;
    /* A connection of a socket with itself has one TCB for two ends. */
    return asked->port == remote->port && rs_addr_eq(&asked->addr, &remote->addr) &&
                   !BUG(SELF_CONNECT) ? RS_EINVAL : 0;
}

/* The offer before the state and the SYN: both depend on what it says. */
static void go_active(struct rs_host *h, struct tcb *t)
{
    options_offer(h, t);
    tcb_set_state(h, t, RS_SYN_SENT);
    tcp_start(h, t);
}

/* MUST-43, MUST-44.  Section 3.10.1's errors: RS_ENORES for "insufficient resources", RS_EEXIST for
 * "connection already exists".  The SYN goes with the next output. */
int rs_open_active(struct rs_host *h, const struct rs_endpoint *asked,
                   const struct rs_endpoint *remote, rs_time now)
{
    struct rs_endpoint local;

    h->now = now;
    if (both_ends(h, asked, remote, &local) < 0)
        return RS_EINVAL;
    /* Any port will do; one that nobody can guess keeps blind attackers out (RFC 6056). */
    if (local.port == 0) {
        local.port = port_choose(h, &local, remote);
        if (local.port == 0)
            return RS_ENORES;
    }
    /* A connection is named by its two sockets: there cannot be two of one name. */
    if (tcb_find(h, &local, remote))
        return RS_EEXIST;
    struct tcb *t = tcb_new(h, &local, remote);
    if (!t)
        return RS_ENORES;
    /* From here on there is a handle, whose owner hears how it goes. */
    t->user = true;
    go_active(h, t);
    return tcb_handle(t);
}

/* A passive OPEN has a TCB of its own, so that it changes nothing of those there are (MUST-41), and
 * only one for the same two sockets is in its way (MUST-42).  The local address may be given
 * (MUST-43).  A remote socket is given in full or not at all. */
static int open_listening(struct rs_host *h, const struct rs_endpoint *local,
                          const struct rs_endpoint *remote, bool stays)
{
    static const struct rs_endpoint any;
    const struct rs_endpoint *peer = remote ? remote : &any;
    /* An unspecified address is kept so: the connection takes the one it is called by. */
    const struct rs_endpoint mine = *local;

    /* Whoever listens has to be found: there is no passive OPEN of any port. */
    if (local->port == 0 || (local->addr.version && !ip_is_local(h, &local->addr)) ||
        (peer->addr.version != 0) != (peer->port != 0))
        return RS_EINVAL;
    if (peer->port && !ip_is_host(h, &peer->addr))
        return RS_EINVAL;
    /* The same two sockets, an unspecified one counting as itself: a more and a less specific
     * LISTEN stand side by side. */
    if (tcb_find(h, &mine, peer))
        return RS_EEXIST;
    struct tcb *t = tcb_new(h, &mine, peer);
    if (!t)
        return RS_ENORES;
    t->user = true;
    t->passive = true;
    t->stays = stays;
    /* What it goes back to when its connection fails in SYN-RECEIVED (synchronized.c). */
    t->any_local = mine.addr.version == 0;
    t->any_remote = peer->port == 0;
    if (stays)
        t->listener = (struct listener){ .accept_head = TCB_NONE, .accept_tail = TCB_NONE };
    tcb_set_state(h, t, RS_LISTEN);
    return tcb_handle(t);
}

int rs_open_passive(struct rs_host *h, const struct rs_endpoint *local,
                    const struct rs_endpoint *remote, rs_time now)
{
    h->now = now;
    return open_listening(h, local, remote, false);
}

int rs_listen(struct rs_host *h, const struct rs_endpoint *local, rs_time now)
{
    h->now = now;
    return open_listening(h, local, NULL, true);
}

/* Section 3.10.1, LISTEN: "if the OPEN call is active and the remote socket is specified, then
 * change the connection from passive to active" and send a SYN.  The OPEN counts as active from
 * then on, for a RST too (MUST-11). */
int rs_open_from_listen(struct rs_host *h, int conn, const struct rs_endpoint *remote, rs_time now)
{
    struct tcb *t = tcb_of_handle(h, conn);
    struct rs_endpoint local;

    h->now = now;
    if (!t)
        return RS_ENOCONN;
    /* In any other state the RFC has "error: connection already exists"; a listener's TCB stays
     * one. */
    if (t->state != RS_LISTEN || t->stays)
        return RS_EEXIST;
    if (both_ends(h, &t->local, remote, &local) < 0)
        return RS_EINVAL;
    const struct tcb *other = tcb_find(h, &local, remote);
    if (other && other != t)
        return RS_EEXIST;
    /* Both ends are known from here on, and the demultiplexer has it by both. */
    tcb_rehash(h, t, &local, remote);
    t->passive = false;
    go_active(h, t);
    return 0;
}

/* A FIN not yet acknowledged counts as an octet queued: the user may wait for both to be gone. */
static void status_of_queues(const struct tcb *t, struct rs_status *s)
{
    const uint32_t fin = t->fin_sent && t->snd_una != t->snd_nxt ? 1 : 0;

    s->snd_queued = t->sendq.len + fin;
    s->rcv_queued = recvq_readable(&t->recvq);
    /* Urgent text remains until the user has read up to the pointer (MUST-33). */
    s->urgent = synchronized(t) && seq_gt(t->rcv_up, t->recvq.user);
    s->urgent_left = s->urgent ? t->rcv_up - t->recvq.user : 0;
    if (BUG(URGENT_LEFT_FROM_NEXT) && s->urgent)
        s->urgent_left = seq_gt(t->rcv_up, rcv_nxt(t)) ? t->rcv_up - rcv_nxt(t) : 0;
}

/* STATUS, and with it the soft errors: those of ICMP (SHLD-25) and of R1 (MUST-47), each told once
 * to a user who asks, and to no other (SHLD-20); what remains of urgent text (MUST-33).  Of any
 * TCB, held by a user or not, so that what a listener made can be seen before it is accepted. */
int rs_status(struct rs_host *h, int conn, struct rs_status *s)
{
    struct tcb *t = tcb_any_of_handle(h, conn);

    if (!t)
        return RS_ENOCONN;
    *s = (struct rs_status){
        .state = t->state,
        .error = t->error,
        .soft_error = t->soft_error,
        .passive = t->passive,
        .eof = t->fin_taken,
        .local = t->local,
        .remote = t->remote,
        .iss = t->iss,
        .snd_una = t->snd_una,
        .snd_nxt = t->snd_nxt,
        .snd_up = t->snd_up,
        .snd_wl1 = t->snd_wl1,
        .snd_wl2 = t->snd_wl2,
        .irs = t->irs,
        .rcv_nxt = rcv_nxt(t),
        .rcv_up = t->rcv_up,
        .snd_wnd = t->snd_wnd,
        .rcv_wnd = t->state > RS_SYN_SENT ? rcv_wnd(t) : 0,
        .snd_wscale = t->snd_wscale,
        .rcv_wscale = t->rcv_wscale,
        .ts_on = t->ts_on,
        .sack_on = t->sack_on,
        .wscale_on = t->wscale_on,
        .smss = t->smss,
        .rmss = t->rmss,
        .cwnd = t->cwnd,
        .ssthresh = t->ssthresh,
        .srtt = t->srtt,
        .rttvar = t->rttvar,
        .rto = t->rto,
        .retransmits = t->retransmits,
        .total_retransmits = t->total_retransmits,
    };
    status_of_queues(t, s);
    if (!BUG(SOFT_ERROR_REPEATED))
        t->soft_error = 0;
    return 0;
}
