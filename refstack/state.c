/* The state diagram, RFC 9293 section 3.3.2, and the only function that changes a state.
 *
 *                          CLOSED
 *        active OPEN / SYN  |  |  passive OPEN
 *                +----------+  +----------+
 *                v                        v
 *             SYN-SENT <-- SEND / SYN -- LISTEN
 *               |   |                     |
 *               |   | SYN / SYN,ACK       | SYN / SYN,ACK
 *               |   +--> SYN-RECEIVED <---+
 *   SYN,ACK /   |            |     |
 *   ACK         v            |     | CLOSE / FIN
 *          ESTABLISHED <-ACK-+     |
 *            |     |               v
 *            |     +-CLOSE / FIN-> FIN-WAIT-1 --- FIN / ACK --> CLOSING
 *   FIN/ACK  |                     | ACK of FIN                   | ACK of FIN
 *            v                     v                              v
 *        CLOSE-WAIT            FIN-WAIT-2 --- FIN / ACK -----> TIME-WAIT
 *            | CLOSE / FIN                                        | 2 MSL
 *            v                                                    v
 *         LAST-ACK ------------- ACK of FIN ------------------> CLOSED */
#include <stdlib.h>

#include "refstack/host.h"

#define TO(state) (1u << RS_##state)

/* Figure 5 with the transitions that its text adds: RST, ABORT, timeouts and CLOSE of a connection
 * still being opened lead to CLOSED; CLOSE in SYN-RECEIVED to FIN-WAIT-1 (section 3.10.4); RST or
 * SYN in SYN-RECEIVED back to LISTEN (section 3.10.7.4); active OPEN from LISTEN (3.10.1).
 * FIN-WAIT-1 reaches TIME-WAIT through FIN-WAIT-2: the ACK is processed before the FIN. */
static const unsigned allowed[RS_N_STATES] = {
    [RS_CLOSED] = TO(LISTEN) | TO(SYN_SENT),
    [RS_LISTEN] = TO(SYN_RECEIVED) | TO(SYN_SENT) | TO(CLOSED),
    [RS_SYN_SENT] = TO(SYN_RECEIVED) | TO(ESTABLISHED) | TO(CLOSED),
    [RS_SYN_RECEIVED] = TO(ESTABLISHED) | TO(FIN_WAIT_1) | TO(LISTEN) | TO(CLOSED),
    [RS_ESTABLISHED] = TO(FIN_WAIT_1) | TO(CLOSE_WAIT) | TO(CLOSED),
    [RS_FIN_WAIT_1] = TO(FIN_WAIT_2) | TO(CLOSING) | TO(CLOSED),
    [RS_FIN_WAIT_2] = TO(TIME_WAIT) | TO(CLOSED),
    [RS_CLOSE_WAIT] = TO(LAST_ACK) | TO(CLOSED),
    [RS_CLOSING] = TO(TIME_WAIT) | TO(CLOSED),
    [RS_LAST_ACK] = TO(CLOSED),
    [RS_TIME_WAIT] = TO(CLOSED),
};

/* A transition that the diagram does not have is a mistake of this program, never of a peer, and is
 * not to be survived: a connection in a state it cannot be in may do anything. */
void tcb_set_state(struct rs_host *h, struct tcb *t, enum rs_state to)
{
    const enum rs_state from = t->state;

    if (!(allowed[from] >> to & 1))
        abort();
    t->state = to;
    if (!h->observer)
        return;
    const struct rs_observation o = {
        .what = RS_OBS_STATE,
        .now = h->now,
        .conn = tcb_handle(t),
        .from = from,
        .to = to,
    };
    h->observer(h->observer_arg, &o);
}

/* "All segment queues should be flushed" (section 3.10.7.4, RST; 3.10.5; 3.10.8): their pages are
 * the host's again at once. */
void tcb_flush(struct rs_host *h, struct tcb *t)
{
    chain_free(&h->pool, &t->sendq);
    flight_free(&h->pool, &t->flight);
    recvq_free(&h->pool, &t->recvq);
}

/* Takes the TCB off its listener's books: the backlog and the queue to accept from.  Each way out
 * of the backlog passes here exactly once: accepted, reset, timed out.  A count that leaks makes a
 * listener deaf after as many half-open connections as it has places. */
static void leave_listener(struct rs_host *h, struct tcb *t)
{
    struct tcb *l = tcb_at(h, t->parent);

    if (!l)
        return;
    t->parent = TCB_NONE;
    if (!BUG(BACKLOG_LEAK) || t->state > RS_SYN_RECEIVED)
        l->listener.backlog--;
    if (!t->on_accept)
        return;
    t->on_accept = false;
    l->listener.queued--;
    if (t->queue.prev != TCB_NONE)
        h->tcb[t->queue.prev].queue.next = t->queue.next;
    else
        l->listener.accept_head = t->queue.next;
    if (t->queue.next != TCB_NONE)
        h->tcb[t->queue.next].queue.prev = t->queue.prev;
    else
        l->listener.accept_tail = t->queue.prev;
}

/* What a connection shares with others it gives back first: its listener's count, its place in the
 * demultiplexer, its timers.  Text received stays for a user who holds the handle still.  The error
 * is what the user's next call says: 0 after an orderly end (MUST-12).  A TCB that no user holds
 * goes back to the table at once, so that a connection costs nothing once both sides are done with
 * it. */
void tcb_closed(struct rs_host *h, struct tcb *t, int error)
{
    leave_listener(h, t);
    fastopen_settled(h, t);
    tcb_set_state(h, t, RS_CLOSED);
    t->error = (int8_t)error;
    tcb_event(h, t);
    tcb_disarm_all(h, t);
    tcb_unready(h, t);
    tcb_unhash(h, t);
    chain_free(&h->pool, &t->sendq);
    flight_free(&h->pool, &t->flight);
    if (!t->user)
        tcb_free(h, t);
}

/* 2 MSL from here on (MUST-13).  Only the delayed ACK outlives the change, since the peer's FIN may
 * be waiting for it.  "Start the time-wait timer, turn off the other timers" (U-37, U-38). */
void tcb_enter_time_wait(struct rs_host *h, struct tcb *t)
{
    tcb_set_state(h, t, RS_TIME_WAIT);
    /* Nothing is sent any more but ACKs. */
    pmtu_forget(h, t);
    for (int i = 0; i < RS_N_TIMERS; i++)
        if (i != RS_TIMER_DELAYED_ACK)
            tcb_disarm(t, (enum rs_timer)i);
    if (!BUG(TIME_WAIT_FOREVER))
        tcb_arm(h, t, RS_TIMER_TIME_WAIT, h->now + (BUG(TIME_WAIT_SHORT) ? 1 : 2) * t->cfg->msl);
}

/* The child of a listener has completed the handshake: the user may accept it.  In the order in
 * which handshakes ended.  A connection by fast open is offered before, in SYN-RECEIVED. */
void tcb_offer(struct rs_host *h, struct tcb *t)
{
    struct tcb *l = tcb_at(h, t->parent);

    if (!l || t->on_accept)
        return;
    t->on_accept = true;
    l->listener.queued++;
    t->queue = (struct tcb_link){ .prev = l->listener.accept_tail, .next = TCB_NONE };
    if (l->listener.accept_tail != TCB_NONE)
        h->tcb[l->listener.accept_tail].queue.next = t->index;
    else
        l->listener.accept_head = t->index;
    l->listener.accept_tail = t->index;
    tcb_event(h, l);
}

/* Only now has the connection a user: until here its listener's end would end it too. */
int rs_accept(struct rs_host *h, int listener, rs_time now)
{
    struct tcb *l = tcb_of_handle(h, listener);

    h->now = now;
    if (!l)
        return RS_ENOCONN;
    if (!l->stays || l->state != RS_LISTEN)
        return RS_EINVAL;
    struct tcb *t = tcb_at(h, l->listener.accept_head);
    if (!t)
        return RS_EAGAIN;
    if (BUG(ACCEPT_TWICE) && t->user)
        l->listener.accept_head = t->queue.next;
    else if (!BUG(ACCEPT_TWICE))
        leave_listener(h, t);
    t->user = true;
    tcb_event(h, t); /* there may be text already */
    return tcb_handle(t);
}
