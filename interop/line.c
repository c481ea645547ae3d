#include "interop/line.h"

enum { BATCH = 64 };

void line_init(struct line *l, struct line_port *a, struct line_port *b, enum rs_link link,
               const struct fault_rates rates[2])
{
    l->port[END_A] = a;
    l->port[END_B] = b;
    l->batch = BATCH;
    l->watch = (struct line_watch){ .arg = NULL };
    for (int end = 0; end < 2; end++)
        fault_init(&l->fault[end], link, &rates[end]);
}

void line_free(struct line *l)
{
    fault_free(&l->fault[END_A]);
    fault_free(&l->fault[END_B]);
}

static void deliver(struct line *l, enum trace_end from, size_t len, rs_time now)
{
    struct line_port *to = l->port[from == END_A ? END_B : END_A];
    to->input(to->arg, l->buf, len, now);
    if (l->watch.delivered)
        l->watch.delivered(l->watch.arg, from, l->buf, len, now);
}

/* Frames leave their end.  Those that no fault touches arrive at once. */
static bool take(struct line *l, enum trace_end from, unsigned most, rs_time now)
{
    struct line_port *port = l->port[from];
    struct fault_link *fault = &l->fault[from];
    unsigned n = 0;
    for (; n < most && !port->error; n++) {
        size_t len = port->output(port->arg, l->buf, sizeof l->buf, now);
        if (len == 0)
            break;
        bool direct = fault_idle(fault);
        enum sc_fault_action action = direct ? SC_N_FAULTS : fault_push(fault, l->buf, len, now);
        if (l->watch.sent)
            l->watch.sent(l->watch.arg, from, l->buf, len, now, action);
        if (direct)
            deliver(l, from, len, now);
    }
    return n > 0;
}

/* Frames that were held arrive. */
static bool give(struct line *l, enum trace_end from, unsigned most, rs_time now)
{
    unsigned n = 0;
    for (; n < most && l->fault[from].first; n++) {
        size_t len = fault_pop(&l->fault[from], l->buf, sizeof l->buf, now);
        if (len == 0)
            break;
        deliver(l, from, len, now);
    }
    return n > 0;
}

/* What A has to say goes out whole; B is heard `batch` frames at a time, so that how many of them
 * share an ACK of A's is the case's choice and not the machine's. */
bool line_work(struct line *l, rs_time now)
{
    bool any = take(l, END_A, BATCH, now);
    any |= give(l, END_A, BATCH, now);
    any |= take(l, END_B, l->batch, now);
    any |= give(l, END_B, l->batch, now);
    return any;
}

static rs_time earlier(rs_time a, rs_time b)
{
    return a < b ? a : b;
}

rs_time line_due(const struct line *l)
{
    rs_time due = RS_NEVER;
    for (int end = 0; end < 2; end++) {
        const struct line_port *port = l->port[end];
        due = earlier(due, fault_deadline(&l->fault[end]));
        if (port->deadline)
            due = earlier(due, port->deadline(port->arg));
    }
    return due;
}

unsigned line_sleep_on(const struct line *l, struct pollfd *fds)
{
    unsigned n = 0;
    for (int end = 0; end < 2; end++)
        if (l->port[end]->fd >= 0)
            fds[n++] = (struct pollfd){ .fd = l->port[end]->fd, .events = POLLIN };
    return n;
}

int line_error(const struct line *l)
{
    return l->port[END_A]->error ? l->port[END_A]->error : l->port[END_B]->error;
}
