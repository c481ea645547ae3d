#include "interop/play.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "harness/pump.h"

/* After the last event nothing more may be sent; this long is listened. */
enum { LISTEN_ON = 30 * 1000 };

static const char *state_name(struct peer *p)
{
    return p->ops->state ? rs_state_name(p->ops->state(p, 0)) : "an unknown state";
}

bool play_fail(struct play *p, const char *format, ...)
{
    char text[1024];
    va_list args;
    if (p->failed)
        return false;
    p->failed = true;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *a = state_name(p->end[END_A]), *b = state_name(p->end[END_B]);
    case_verdict(p->out, VERDICT_FAIL, "%s:%u: %s; %s is in %s, %s in %s", p->script->name,
                 p->at_line, text, p->out->actor[END_A], a, p->out->actor[END_B],
                 b);
    return false;
}

/* R and K are refstack and the kernel; A and B are the two ends in one role and the other way round
 * in the other. */
enum trace_end play_end_of(const struct play *p, char actor)
{
    switch (actor) {
    case 'K':
        return END_B;
    case 'A':
        return p->cast.swapped ? END_B : END_A;
    case 'B':
        return p->cast.swapped ? END_A : END_B;
    default:
        return END_A;
    }
}

/* Segments that are judged one by one are also given to refstack one by one: which of them share an
 * ACK must not depend on how many the kernel had ready. */
void play_wire_any(struct play *p, bool any)
{
    p->wire.any = any;
    p->line.batch = any ? 64 : 1;
}

/* How much later than asked the process ran again: a busy machine makes timers fire that would
 * not otherwise, and whoever judges the case wants to know. */
static void note_stall(struct play *p, rs_time before, rs_time due)
{
    rs_time now = pump_now();
    rs_time planned = due > before ? due : before;
    if (now > planned && now - planned > p->stalled)
        p->stalled = now - planned;
}

static void sleep_until(struct play *p, rs_time deadline)
{
    struct pollfd fds[2 * 2 * PEER_CONNS + 2];
    unsigned n = play_flows_sleep(p, fds, 2 * 2 * PEER_CONNS);
    n += line_sleep_on(&p->line, fds + n);
    rs_time now = pump_now(), due = line_due(&p->line);
    due = due < deadline ? due : deadline;
    rs_time left = due > now ? due - now : 0;
    struct timespec t = { .tv_sec = (time_t)(left / RS_SEC),
                          .tv_nsec = (long)(left % RS_SEC) * 1000 };
    ppoll(fds, n, &t, NULL);
    note_stall(p, now, due);
}

bool play_until(struct play *p, bool (*done)(struct play *, const void *), const void *arg,
                rs_time deadline)
{
    for (;;) {
        if (done(p, arg) || p->failed)
            return !p->failed;
        rs_time before = pump_now();
        /* Applications first: they answer what has come before the stack acknowledges it. */
        bool any = play_flows_work(p);
        if (!any)
            any = line_work(&p->line, pump_now());
        note_stall(p, before, before);
        if (line_error(&p->line))
            return play_fail(p, "the device failed: %s", strerror(line_error(&p->line)));
        if (p->why[0])
            return play_fail(p, "%s", p->why);
        if (any)
            continue;
        if (pump_now() >= deadline)
            return done(p, arg);
        sleep_until(p, deadline);
    }
}

static bool any_segment(struct play *p, const void *arg)
{
    (void)arg;
    return wire_skip_updates(&p->wire);
}

/* What the script did not expect must not have happened. */
static void judge_end(struct play *p)
{
    char text[WIRE_TEXT];
    if (play_until(p, any_segment, NULL, pump_now() + LISTEN_ON)) {
        const struct wire_segment *s = wire_peek(&p->wire);
        wire_print(s, text);
        play_fail(p, "after the last event silence was expected, %s sent \"%s\"",
                  p->out->actor[s->from], text);
    }
    for (int end = 0; end < 2; end++) {
        for (unsigned conn = 0; conn < PEER_CONNS; conn++) {
            struct play_past *past = &p->past[end][conn];
            if (!past->asserted)
                continue;
            play_sample(p, (enum trace_end)end, conn);
            if (past->state[past->at] != past->state[past->n - 1])
                play_fail(p, "in the end %s has gone from %s to %s", p->out->actor[end],
                          rs_state_name((enum rs_state)past->state[past->at]),
                          rs_state_name((enum rs_state)past->state[past->n - 1]));
        }
    }
    if (p->wire.overflow)
        play_fail(p, "more than %d segments were not expected", WIRE_QUEUE);
}

static void play_script(struct play *p)
{
    p->start = p->last = pump_now();
    for (size_t i = 0; i < p->script->n_events; i++)
        if (!play_event(p, &p->script->event[i]))
            break;
    if (!p->failed)
        judge_end(p);
    if (!p->failed)
        case_verdict(p->out, VERDICT_PASS, NULL);
    p->out->seconds = (double)(pump_now() - p->start) / 1e6;
}

bool play_case(struct play *p, const struct script *script, const char *source,
               const struct play_cast *cast, const struct play_config *config,
               struct result_case *out)
{
    memset(p, 0, sizeof *p);
    p->script = script;
    p->source = source;
    p->cast = *cast;
    p->config = *config;
    p->out = out;
    case_actors(out, cast->stack[END_A]->name, cast->stack[END_B]->name);
    bool can = play_stage(p);
    if (can) {
        play_wire_any(p, false);
        play_script(p);
    }
    play_stage_free(p);
    return can;
}
