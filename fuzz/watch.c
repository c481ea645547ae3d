#include "fuzz/watch.h"

#include "harness/tracelog.h"

/* The hostile peer is end A, left in a ladder; the stack is end B. */
static void on_event(void *arg, const struct input_event *e, rs_time now, enum rs_state state)
{
    bool users = e->ev.kind == SC_USER || e->ev.kind == SC_CONFIG;

    (void)state;
    tracelog_event(arg, now, users ? END_B : END_A, conn_event_class(e));
}

static void on_frame(void *arg, enum sc_direction direction, const uint8_t *p, size_t len,
                     rs_time now)
{
    tracelog_frame(arg, now, direction == SC_OUT ? END_B : END_A, NULL, p, len);
}

static void on_observed(void *arg, const struct rs_observation *o)
{
    if (o->what == RS_OBS_STATE)
        tracelog_state(arg, o->now, END_B, o->from, o->to);
    else if (o->what == RS_OBS_TIMER)
        tracelog_note(arg, o->now, END_B, rs_timer_name(o->timer));
    else if (o->what == RS_OBS_SEGMENT && o->reason != RS_REASON_ACCEPTED)
        tracelog_note(arg, o->now, END_B, rs_reason_text(o->reason));
}

const struct conn_watch *watch_conn(void)
{
    static struct conn_watch watch = { .event = on_event, .frame = on_frame,
                                       .observed = on_observed };

    watch.arg = tracelog_open();
    return watch.arg ? &watch : NULL;
}
