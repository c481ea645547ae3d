#include "fuzz/watch.h"

#include "harness/tracelog.h"

/* What the stack at an end did of itself. */
static void observed(void *arg, enum trace_end end, const struct rs_observation *o)
{
    if (o->what == RS_OBS_STATE)
        tracelog_state(arg, o->now, end, o->from, o->to);
    else if (o->what == RS_OBS_TIMER)
        tracelog_note(arg, o->now, end, rs_timer_name(o->timer));
    else if (o->what == RS_OBS_SEGMENT && o->reason != RS_REASON_ACCEPTED)
        tracelog_note(arg, o->now, end, rs_reason_text(o->reason));
}

/* ---- fuzz_conn: the hostile peer is end A, left in a ladder, the stack end B ------------- */

static void conn_event(void *arg, const struct input_event *e, rs_time now, enum rs_state state)
{
    bool users = e->ev.kind == SC_USER || e->ev.kind == SC_CONFIG;

    (void)state;
    tracelog_event(arg, now, users ? END_B : END_A, conn_event_class(e));
}

static void conn_frame(void *arg, enum sc_direction direction, const uint8_t *p, size_t len,
                       rs_time now)
{
    tracelog_frame(arg, now, direction == SC_OUT ? END_B : END_A, p, len);
}

static void conn_observed(void *arg, const struct rs_observation *o)
{
    observed(arg, END_B, o);
}

const struct conn_watch *watch_conn(void)
{
    static struct conn_watch watch = { .event = conn_event, .frame = conn_frame,
                                       .observed = conn_observed };

    watch.arg = tracelog_open();
    return watch.arg ? &watch : NULL;
}

/* ---- fuzz_pair: host 0 is end A, host 1 end B -------------------------------------------- */

static void pair_event(void *arg, int host, const struct input_event *e, rs_time now,
                       enum rs_state state)
{
    (void)state;
    tracelog_event(arg, now, (enum trace_end)host, conn_event_class(e));
}

static void pair_sent(void *arg, int host, const uint8_t *p, size_t len, rs_time now)
{
    tracelog_frame(arg, now, (enum trace_end)host, p, len);
}

static void pair_arrives(void *arg, int host, const uint8_t *p, size_t len, rs_time now)
{
    tracelog_got(arg, now, (enum trace_end)host, p, len);
}

static void pair_observed(void *arg, int host, const struct rs_observation *o)
{
    observed(arg, (enum trace_end)host, o);
}

const struct pair_watch *watch_pair(void)
{
    static struct pair_watch watch = { .event = pair_event, .sent = pair_sent,
                                       .arrives = pair_arrives, .observed = pair_observed };

    watch.arg = tracelog_open();
    return watch.arg ? &watch : NULL;
}
