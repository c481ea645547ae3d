/* The user calls on a connection, RFC 9293 section 3.10.2 to 3.10.6.
 *
 *   state           SEND              RECEIVE            CLOSE                ABORT
 *   LISTEN          opens actively    nothing yet        CLOSED               CLOSED
 *   SYN-SENT        queues            nothing yet        CLOSED               CLOSED
 *   SYN-RECEIVED    queues            nothing yet        FIN after the queue  RST, CLOSED
 *   ESTABLISHED     sends             reads              FIN-WAIT-1           RST, CLOSED
 *   FIN-WAIT-1, -2  RS_ECLOSING       reads              RS_ECLOSING          RST, CLOSED
 *   CLOSE-WAIT      sends             reads, then 0      FIN, LAST-ACK        RST, CLOSED
 *   CLOSING and on  RS_ECLOSING       reads, then 0      RS_ECLOSING          CLOSED
 *   CLOSED          why it ended      reads, then why    why it ended         the handle goes */
#include <string.h>

#include "refstack/host.h"

/* What a user hears of a connection that has ended. */
static int ended(const struct tcb *t, int otherwise)
{
    return t->error ? t->error : otherwise;
}

/* Text queued may not hold the page that sending it takes (flight.h), or it would wait for ever: a
 * connection with nothing in flight leaves one. */
static uint32_t queue_text(struct rs_host *h, struct tcb *t, const void *data, uint32_t n)
{
    const uint32_t left = t->flight.page == PAGE_NONE ? pool_take(&h->pool) : PAGE_NONE;
    const uint32_t taken = chain_append(&h->pool, &t->sendq, data, n);

    if (left != PAGE_NONE)
        pool_give(&h->pool, left);
    return taken;
}

/* SEND.  Without RS_MORE the octets are pushed (MAY-15); RS_URGENT puts SND.UP past them (MUST-62,
 * MUST-30), however many they are (MUST-31).  Before ESTABLISHED they are queued (section 3.10.2),
 * after CLOSE refused (U-55).  As many as there is room for are taken, at once and for good. */
int rs_send(struct rs_host *h, int conn, const void *data, size_t len, unsigned flags, rs_time now)
{
    struct tcb *t = tcb_of_handle(h, conn);

    h->now = now;
    if (!t)
        return RS_ENOCONN;
    if (t->state == RS_CLOSED)
        return ended(t, RS_ECLOSING);
    if (t->closing && !BUG(SEND_AFTER_CLOSE))
        return RS_ECLOSING;
    /* "Change the connection from passive to active" when the remote socket is known. */
    if (t->state == RS_LISTEN) {
        const struct rs_endpoint remote = t->remote;
        if (t->stays || t->any_remote)
            return RS_EINVAL;
        const int error = rs_open_from_listen(h, conn, &remote, now);
        if (error < 0)
            return error;
    }
    /* The buffer bounds what is queued here; the pool, which all share, may take less. */
    const uint32_t room = t->cfg->snd_buf > t->sendq.len ? t->cfg->snd_buf - t->sendq.len : 0;
    const uint32_t n = len < room ? (uint32_t)len : room;
    const uint32_t taken = queue_text(h, t, data, n);
    if (taken == 0 && len > 0)
        return RS_EAGAIN;
    /* A SEND of nothing pushes what was queued without. */
    if (!(flags & RS_MORE) || BUG(MORE_IGNORED))
        /* Everything queued so far is pushed, this SEND's octets or earlier ones. */
        t->push_seq = sendq_end(t);
    if ((flags & RS_URGENT) && taken > 0 && !BUG(URGENT_UNMARKED))
        t->snd_up = sendq_end(t);
    tcb_ready(h, t);
    return (int)taken;
}

/* What RECEIVE says when no octet waits: 0 after the peer's FIN, an error after its reset
 * (MUST-12). */
static int nothing_to_receive(const struct tcb *t)
{
    if (t->fin_taken || t->deaf)
        return 0;
    return t->state == RS_CLOSED ? ended(t, RS_ECLOSING) : RS_EAGAIN;
}

/* RECEIVE, without waiting.  Text that came before a FIN or a reset is read first (U-54): only an
 * empty queue tells of the end. */
int rs_receive(struct rs_host *h, int conn, void *buf, size_t cap, rs_time now)
{
    struct tcb *t = tcb_of_handle(h, conn);

    h->now = now;
    if (!t)
        return RS_ENOCONN;
    if (t->state == RS_LISTEN)
        return t->stays ? RS_ENOTCONN : RS_EAGAIN;
    const uint32_t most = cap < INT32_MAX ? (uint32_t)cap : INT32_MAX;
    const bool none = t->deaf || (BUG(END_BEFORE_TEXT) && t->fin_taken);
    const uint32_t n = none ? 0 : recvq_read(&h->pool, &t->recvq, buf, most);
    if (n > 0) {
        /* What was read makes room, which the peer may be waiting to hear of. */
        window_update(h, t);
        return (int)n;
    }
    return nothing_to_receive(t);
}

/* The same without copying: the text stays where it is, and the window as it is, until rs_receive
 * without a buffer takes it off. */
int rs_peek(struct rs_host *h, int conn, struct rs_piece piece[RS_PIECES], unsigned *pieces,
            rs_time now)
{
    struct tcb *t = tcb_of_handle(h, conn);

    h->now = now;
    *pieces = 0;
    if (!t)
        return RS_ENOCONN;
    if (t->state == RS_LISTEN)
        return t->stays ? RS_ENOTCONN : RS_EAGAIN;
    uint32_t n = t->deaf ? 0 : recvq_readable(&t->recvq);
    if (n == 0)
        return nothing_to_receive(t);
    *pieces = chain_pieces(&h->pool, &t->recvq.chain, 0, &n, piece, RS_PIECES);
    return (int)n;
}

/* Section 3.10.4, CLOSE, by state.  CLOSE is "I have no more data to send": what is queued goes
 * first, then the FIN (U-50), and the other direction stays open. wolfIP (dc47eff) let a second
 * CLOSE change a FIN-WAIT's state. */
static int close_sending(struct rs_host *h, struct tcb *t)
{
    switch (t->state) {
    /* Nothing is left to close: the error is the one it ended by. */
    case RS_CLOSED:
        return ended(t, RS_ECLOSING);
    case RS_LISTEN:
    /* "Delete the TCB": nobody has answered, so that nobody has to be told. */
    case RS_SYN_SENT:
        tcb_flush(h, t);
        tcb_closed(h, t, 0);
        return 0;
    case RS_SYN_RECEIVED:
        t->closing = true;
        /* With nothing to send the FIN goes at once; else after ESTABLISHED. */
        if (t->sendq.len == 0 && t->snd_nxt != t->iss) {
            /* ESTABLISHED, which would set cwnd, is passed by. */
            cc_init(t);
            tcb_set_state(h, t, RS_FIN_WAIT_1);
            take_held(h, t);
        }
        break;
    case RS_ESTABLISHED:
        if (BUG(CLOSE_DROPS_QUEUE) && t->snd_una == t->snd_nxt)
            chain_free(&h->pool, &t->sendq);
        t->closing = true;
        tcb_set_state(h, t, RS_FIN_WAIT_1);
        break;
    case RS_CLOSE_WAIT: /* LAST-ACK once the FIN is sent */
        if (t->closing)
            return RS_ECLOSING;
        if (BUG(LAST_TEXT_DROPPED) && t->snd_una == t->snd_nxt)
            chain_free(&h->pool, &t->sendq);
        t->closing = true;
        break;
    default:
        return RS_ECLOSING;
    }
    tcb_ready(h, t);
    return 0;
}

/* A listener that goes takes with it what nobody has accepted.  Their peers believe in a connection
 * and are told by RST.  Each child is found by its parent: a walk of the table, once in a
 * listener's life.  What was accepted before its handshake ended stays, and is counted by nobody
 * any more, whoever has the listener's TCB next. */
static void close_listener(struct rs_host *h, struct tcb *l)
{
    const bool counts = l->listener.backlog > 0 || l->listener.fast_pending > 0;

    for (uint32_t i = 0; counts && i < h->tcb_fresh; i++) {
        struct tcb *t = &h->tcb[i];
        if (t->in_use && t->fast_listener == l->index && !BUG(FAST_OPEN_OF_ANOTHER))
            t->fast_listener = TCB_NONE;
        if (!t->in_use || t->parent != l->index)
            continue;
        reset_send(h, t, t->snd_nxt, true);
        tcb_flush(h, t);
        tcb_closed(h, t, RS_EABORTED);
    }
}

/* A listener's own end is that of LISTEN: its TCB goes, nothing is sent. */
int rs_close(struct rs_host *h, int conn, rs_time now)
{
    struct tcb *t = tcb_of_handle(h, conn);

    h->now = now;
    if (!t)
        return RS_ENOCONN;
    if (t->stays)
        close_listener(h, t);
    return close_sending(h, t);
}

/* Section 3.10.5, ABORT. <SEQ=SND.NXT><CTL=RST> from SYN-RECEIVED to CLOSE-WAIT (U-52).  In the
 * states after it the peer has sent its FIN and needs no RST (U-53).  All that was queued is lost,
 * and said to be. */
int rs_abort(struct rs_host *h, int conn, rs_time now)
{
    struct tcb *t = tcb_of_handle(h, conn);

    h->now = now;
    if (!t)
        return RS_ENOCONN;
    /* What nobody has accepted goes with it. */
    if (t->stays)
        close_listener(h, t);
    const bool rst = t->state >= RS_SYN_RECEIVED &&
                     (t->state <= RS_CLOSE_WAIT || BUG(ABORT_RESETS_ALWAYS)) && !BUG(ABORT_SILENT);
    if (rst)
        reset_send(h, t, t->snd_nxt, false);
    /* The handle is gone whatever the state: ABORT asks for nothing back. */
    t->user = false;
    tcb_flush(h, t);
    if (t->state == RS_CLOSED)
        tcb_free(h, t);
    else
        tcb_closed(h, t, RS_EABORTED);
    return 0;
}

/* No call of the RFC's: what close() of a socket is, CLOSE by one who will not RECEIVE either. */
int rs_release(struct rs_host *h, int conn, rs_time now)
{
    struct tcb *t = tcb_of_handle(h, conn);

    h->now = now;
    if (!t)
        return RS_ENOCONN;
    /* The half-duplex close (MAY-1).  Octets the user never read are lost: the peer is told by RST
     * (SHLD-3). */
    if (t->state >= RS_SYN_RECEIVED && recvq_highest(&h->pool, &t->recvq) != t->recvq.user &&
        !BUG(RELEASE_HIDES_LOSS)) {
        reset_send(h, t, t->snd_nxt, true);
        t->user = false;
        tcb_flush(h, t);
        tcb_closed(h, t, RS_EABORTED);
        return 0;
    }
    if (!t->closing && t->state != RS_CLOSED)
        rs_close(h, conn, now);
    t->user = false;
    /* The connection goes on by itself until both FINs are through; text that still comes is
     * refused (text.c), and FIN-WAIT-2 has an end. */
    t->released = true;
    if (t->state == RS_CLOSED)
        tcb_free(h, t);
    else if (t->state == RS_FIN_WAIT_2 && t->cfg->fin_wait_2)
        tcb_arm(h, t, RS_TIMER_FIN_WAIT_2, now + t->cfg->fin_wait_2);
    return 0;
}

/* The user will not read: what came and what comes is thrown away, acknowledged all the same.  The
 * peer is told nothing; TCP has no word for it. */
int rs_shutdown_receive(struct rs_host *h, int conn, rs_time now)
{
    struct tcb *t = tcb_of_handle(h, conn);

    h->now = now;
    if (!t)
        return RS_ENOCONN;
    if (t->state < RS_SYN_SENT)
        return RS_ENOTCONN;
    t->deaf = true;
    chain_drop(&h->pool, &t->recvq.chain, recvq_readable(&t->recvq));
    t->recvq.user = t->recvq.nxt;
    window_update(h, t);
    return 0;
}

/* What a call would not answer by RS_EAGAIN.  A page must be left beside the text's own for it to
 * be sent (queue_text). */
unsigned rs_ready(const struct rs_host *h, int conn)
{
    const struct tcb *t = tcb_of_handle(h, conn);
    unsigned ready = 0;

    if (!t)
        return 0;
    if (t->state == RS_CLOSED)
        return RS_READABLE | RS_WRITABLE | RS_ENDED;
    if (t->stays)
        return t->listener.accept_head != TCB_NONE ? RS_READABLE : 0;
    if (recvq_readable(&t->recvq) > 0 || t->fin_taken || t->deaf)
        ready |= RS_READABLE;
    if (synchronized(t) && !t->closing && t->sendq.len < t->cfg->snd_buf &&
        h->pool.used + (t->flight.page == PAGE_NONE) < h->pool.n)
        ready |= RS_WRITABLE;
    return ready;
}
