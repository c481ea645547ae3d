/* Which connections an application should look at, so that one with a million of them need not ask
 * each in turn.
 *
 *   A connection has news when something changed that its user may wait for: text, an end, room to
 *   send, a connection to accept. */
#include "refstack/host.h"

/* In both directions, so that a connection that ends is out of the list in constant time. */
static void unlink_event(struct rs_host *h, struct tcb *t)
{
    if (t->queue.prev != TCB_NONE)
        h->tcb[t->queue.prev].queue.next = t->queue.next;
    else
        h->event_head = t->queue.next;
    if (t->queue.next != TCB_NONE)
        h->tcb[t->queue.next].queue.prev = t->queue.prev;
    else
        h->event_tail = t->queue.prev;
    t->on_event = false;
}

/* The link serves the accept queue first; who is accepted has left that.  Once in the list is
 * enough however much happens: the user asks the connection what there is. */
void tcb_event(struct rs_host *h, struct tcb *t)
{
    if (!t->user || t->on_event)
        return;
    t->on_event = true;
    t->queue = (struct tcb_link){ .prev = h->event_tail, .next = TCB_NONE };
    if (h->event_tail != TCB_NONE)
        h->tcb[h->event_tail].queue.next = t->index;
    else
        h->event_head = t->index;
    h->event_tail = t->index;
}

/* For a TCB that goes: the list names those in use only. */
void tcb_no_event(struct rs_host *h, struct tcb *t)
{
    if (t->on_event)
        unlink_event(h, t);
}

/* First come, first served; a connection with more news joins the end again, so that none starves
 * another. */
int rs_next_event(struct rs_host *h)
{
    struct tcb *t = tcb_at(h, h->event_head);

    if (!t)
        return RS_EAGAIN;
    /* Taken out before it is told of: news from then on put it in again. */
    unlink_event(h, t);
    return tcb_handle(t);
}
