/* What a case leaves behind: a row for each frame with the states of both ends around it, and the
 * states each end passed through. */
#include "interop/play.h"

#include <stdio.h>
#include <string.h>

/* A bulk transfer's frames are recorded only this far: enough to see how it began, and its end is
 * recorded again once the script goes on. */
enum { BULK_ROWS = 400, ALL_ROWS = 20000, BULK_SNAP = 128 };

/* Remembers a new state of a connection at one end. */
static void pass_state(struct play *p, enum trace_end end, unsigned conn, enum rs_state state)
{
    struct play_past *past = &p->past[end][conn];
    if (past->n && past->state[past->n - 1] == (uint8_t)state)
        return;
    if (past->n == PAST_STATES) { /* the oldest half is history */
        memmove(past->state, past->state + PAST_STATES / 2, PAST_STATES / 2);
        past->n = PAST_STATES / 2;
        past->at = past->at > PAST_STATES / 2 ? past->at - PAST_STATES / 2 : 0;
    }
    past->state[past->n++] = (uint8_t)state;
}

void play_sample(struct play *p, enum trace_end end, unsigned conn)
{
    if (p->end[end]->ops->state)
        pass_state(p, end, conn, p->end[end]->ops->state(p->end[end], conn));
}

static unsigned conn_of_port(const struct play *p, uint16_t port)
{
    for (unsigned conn = 0; conn < PEER_CONNS; conn++)
        if (p->end[END_A]->local[conn].port == port)
            return conn;
    return PEER_CONNS;
}

static unsigned conn_of_frame(const struct play *p, const uint8_t *frame, size_t len,
                              enum trace_end from, struct frame_tcp *t)
{
    if (!frame_tcp(t, p->link, frame, len))
        return PEER_CONNS;
    return conn_of_port(p, from == END_A ? t->seg.src_port : t->seg.dst_port);
}

static bool recording(const struct play *p)
{
    return p->out->n_rows < (p->wire.any ? BULK_ROWS : ALL_ROWS);
}

static int8_t last_state(const struct play *p, int end, unsigned conn)
{
    const struct play_past *past = &p->past[end][conn];
    return past->n ? (int8_t)past->state[past->n - 1] : (int8_t)TRACE_STATE_UNKNOWN;
}

static enum trace_fault fault_of(enum sc_fault_action action)
{
    switch (action) {
    case SC_DROP:
        return TRACE_DROPPED;
    case SC_DUP:
        return TRACE_DUPLICATED;
    case SC_DELAY:
        return TRACE_DELAYED;
    case SC_REORDER:
        return TRACE_REORDERED;
    case SC_CORRUPT:
        return TRACE_CORRUPTED;
    case SC_N_FAULTS:
        break;
    }
    return TRACE_NO_FAULT;
}

static void on_sent(void *arg, enum trace_end from, const uint8_t *frame, size_t len, rs_time now,
                    enum sc_fault_action action)
{
    struct play *p = arg;
    struct frame_tcp t;
    unsigned conn = conn_of_frame(p, frame, len, from, &t);
    if (conn < PEER_CONNS) {
        p->wire.next_row = p->out->n_rows;
        wire_note(&p->wire, from, conn, &t.seg, now);
        if (!p->why[0])
            negotiate_note(&p->agreed, from, conn, &t, p->why);
        if (!p->wire.any)
            play_sample(p, from, conn);
    }
    if (!recording(p)) {
        p->out->rows_left_out++;
        return;
    }
    size_t held = p->wire.any && len > BULK_SNAP ? BULK_SNAP : len;
    struct trace_row *row =
        case_packet(p->out, now - p->start, from, p->link, frame, held);
    row->wire_len = len;
    row->fault = fault_of(action);
    for (int end = 0; end < 2 && conn < PEER_CONNS; end++)
        row->before[end] = row->after[end] = last_state(p, end, conn);
}

/* The row of the frame that has just arrived: the latest of that direction with these octets. */
static struct trace_row *row_of(struct play *p, enum trace_end from, const uint8_t *frame,
                                size_t len)
{
    for (size_t i = p->out->n_rows; i-- > 0 && p->out->n_rows - i < 64;) {
        struct trace_row *row = &p->out->row[i];
        if (row->kind == TRACE_PACKET && row->end == from && row->wire_len == len &&
            memcmp(row->octet, frame, row->len) == 0)
            return row;
    }
    return NULL;
}

static void on_delivered(void *arg, enum trace_end from, const uint8_t *frame, size_t len,
                         rs_time now)
{
    struct play *p = arg;
    struct frame_tcp t;
    (void)now;
    if (p->wire.any && !recording(p))
        return;
    unsigned conn = conn_of_frame(p, frame, len, from, &t);
    if (conn == PEER_CONNS)
        return;
    play_sample(p, from == END_A ? END_B : END_A, conn);
    struct trace_row *row = row_of(p, from, frame, len);
    for (int end = 0; row && end < 2; end++)
        row->after[end] = last_state(p, end, conn);
}

const struct line_watch play_watch = { .sent = on_sent, .delivered = on_delivered };

/* refstack tells of each state it passes, of timers, and of what it refuses and why. */
void play_observe(void *arg, const struct rs_observation *o)
{
    struct play *p = arg;
    if (o->what == RS_OBS_STATE && o->conn >= 0) {
        unsigned conn = host_peer_observe(&p->refstack, o->conn, o->to);
        if (conn < PEER_CONNS)
            pass_state(p, END_A, conn, o->to);
    }
    if (p->wire.any || p->out->n_rows >= ALL_ROWS || o->now < p->start)
        return;
    if (o->what == RS_OBS_TIMER)
        case_event(p->out, o->now - p->start, END_A, "%s timer", rs_timer_name(o->timer));
    else if (o->what == RS_OBS_SEGMENT && o->reason != RS_REASON_ACCEPTED && o->seg)
        case_event(p->out, o->now - p->start, END_A, "refused: %s", rs_reason_text(o->reason));
}
