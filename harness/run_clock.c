/* Scripts in real time: the clock is the machine's, and the machine is late at times. */
#include "harness/run_state.h"

/* Being woken a little late is normal, and waiting for the next event makes it good again. */
enum { NORMAL_LATENESS = 300 };

uint64_t run_sleep(struct run *r, uint64_t at)
{
    const uint64_t now = r->ops->wait(r->sut, at);
    if (now > at + r->tolerance / 2)
        r->res->stalled = true;
    return now > r->now ? now : r->now;
}

/* What the script does late it also expects late.  The stack's own timers do not know of it; so a
 * failure after that shows nothing, and the case is run again. */
void run_put_back(struct run *r, uint64_t at)
{
    if (!r->ops->wait || r->now <= r->begun + at + NORMAL_LATENESS)
        return;
    r->begun = r->now - at;
}

/* An event that took long happened at no moment in particular. */
void run_happened(struct run *r)
{
    if (r->ops->wait)
        r->now = run_sleep(r, r->now);
}

/* A kernel's timers lie on a wheel whose buckets are an eighth of the distance, so that a timer
 * may be that late, and one tick more (kernel/time/timer.c). */
uint64_t run_slack(const struct run *r, uint64_t to)
{
    if (!r->ops->wait || to <= r->base)
        return r->tolerance;
    return r->tolerance + (to - r->base) / 8;
}

uint64_t run_least(const struct script *s)
{
    uint64_t at = 0;
    for (size_t i = 0; i < s->n_events; i++) {
        const struct sc_time *t = &s->event[i].at;
        if (t->kind == SC_T_ABS || t->kind == SC_T_ABS_RANGE)
            at = t->from > at ? t->from : at;
        else if (t->kind == SC_T_REL || t->kind == SC_T_REL_RANGE)
            at += t->from;
    }
    return at;
}
