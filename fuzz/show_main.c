/* Shows what an input does: each event, each datagram, each state and each refusal, a line apiece.
 *
 *     show-program [--pair] FILE ...
 *
 * Inputs are fuzz_conn's, or with --pair fuzz_pair's.
 * Ends as the fuzz target would: an oracle that breaks is the last line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/conn.h"
#include "fuzz/pair.h"
#include "harness/decode.h"

enum { MAX_INPUT = 65536 };

struct trace {
    struct decoder decoder;
    rs_time birth;
    unsigned n;
};

static double seconds(const struct trace *t, rs_time now)
{
    return (double)(now - t->birth) / 1e6;
}

static void show_event(void *arg, const struct input_event *e, rs_time now, enum rs_state state)
{
    struct trace *t = arg;

    if (t->n++ == 0)
        t->birth = now;
    printf("%3u %12.6f %-12s %s", t->n, seconds(t, now), rs_state_name(state), conn_event_class(e));
    if (e->ev.kind == SC_WAIT)
        printf(" %.6f s", (double)e->ev.at.to / 1e6);
    if (e->ev.kind == SC_USER)
        printf(" conn %u, %u octets", e->ev.u.user.conn, e->ev.u.user.amount);
    if (e->ev.kind == SC_CONFIG)
        printf(" %d to %u", (int)e->setting, e->value);
    putchar('\n');
}

static void show_frame(void *arg, enum sc_direction dir, const uint8_t *p, size_t len, rs_time now)
{
    struct trace *t = arg;
    char line[DECODE_LINE];

    decode_frame(&t->decoder, RS_LINK_IP, p, len, len, line);
    printf("    %12.6f %s %s\n", seconds(t, now), dir == SC_IN ? "<" : ">", line);
}

static void show_observed(void *arg, const struct rs_observation *o)
{
    struct trace *t = arg;

    if (o->what == RS_OBS_STATE)
        printf("    %12.6f   %s > %s\n", seconds(t, o->now), rs_state_name(o->from),
               rs_state_name(o->to));
    else if (o->what == RS_OBS_SEGMENT && o->reason != RS_REASON_ACCEPTED)
        printf("    %12.6f   refused: %s\n", seconds(t, o->now), rs_reason_text(o->reason));
    else if (o->what == RS_OBS_TIMER)
        printf("    %12.6f   timer: %s\n", seconds(t, o->now), rs_timer_name(o->timer));
}

/* ---- Two hosts -------------------------------------------------------------------------- */

static void pair_event(void *arg, int host, const struct input_event *e, rs_time now,
                       enum rs_state state)
{
    printf("%c:  ", 'A' + host);
    show_event(arg, e, now, state);
    if (e->ev.kind == SC_FAULT)
        printf("        %s of the %u. %s from %c\n", sc_fault_name(e->ev.u.fault.action),
               e->ev.u.fault.nth, sc_class_name(e->ev.u.fault.seg_class),
               e->ev.u.fault.direction == SC_OUT ? 'A' : 'B');
}

static void pair_sent(void *arg, int host, const uint8_t *p, size_t len, rs_time now)
{
    printf("%c>  ", 'A' + host);
    show_frame(arg, SC_OUT, p, len, now);
}

static void pair_arrives(void *arg, int host, const uint8_t *p, size_t len, rs_time now)
{
    printf("%c<  ", 'A' + host);
    show_frame(arg, SC_IN, p, len, now);
}

static void pair_observed(void *arg, int host, const struct rs_observation *o)
{
    printf("%c   ", 'A' + host);
    show_observed(arg, o);
}

static void show(const char *path, bool pair)
{
    static uint8_t octet[MAX_INPUT];
    struct trace t = { .birth = 1000 * RS_SEC };
    struct conn_watch watch = { &t, show_event, show_frame, show_observed };
    struct pair_watch two = { &t, pair_event, pair_sent, pair_arrives, pair_observed };
    FILE *f = fopen(path, "rb");

    if (!f) {
        perror(path);
        exit(2);
    }
    size_t n = fread(octet, 1, sizeof octet, f);
    fclose(f);
    decode_begin(&t.decoder, false);
    if (pair)
        pair_run(octet, n, &two);
    else
        conn_run(octet, n, &watch);
}

int main(int argc, char **argv)
{
    bool pair = argc > 1 && !strcmp(argv[1], "--pair");

    if (argc < 2 + pair) {
        fprintf(stderr, "usage: %s [--pair] FILE ...\n", argv[0]);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1 + pair; i < argc; i++)
        show(argv[i], pair);
    return 0;
}
