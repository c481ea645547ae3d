#include <stdlib.h>
#include <string.h>

#include "harness/tracelog.h"

struct reading {
    struct result_case *c;
    const char *(*text)(void *arg, unsigned n);
    void *arg;
    unsigned n_events;
    rs_time first;
    bool any;
    int8_t state[2]; /* of the connection that the trace follows, at each end */
};

static int state_of(const char *name)
{
    for (int s = 0; s < RS_N_STATES; s++)
        if (!strcmp(name, rs_state_name((enum rs_state)s)))
            return s;
    return -1;
}

static enum trace_fault fault_of(const char *name)
{
    for (int f = TRACE_DROPPED; f < N_TRACE_FAULTS; f++)
        if (!strcmp(name, trace_fault_name((enum trace_fault)f)))
            return (enum trace_fault)f;
    return TRACE_NO_FAULT;
}

/* A new row begins in the states that the ones before it led to. */
static void set_states(const struct reading *in, struct trace_row *row)
{
    memcpy(row->before, in->state, sizeof row->before);
    memcpy(row->after, in->state, sizeof row->after);
}

/* A host may hold several connections; a change from a state that the followed one is not in is
 * another's. */
static bool read_state(struct reading *in, int end, const char *rest)
{
    char from_name[32], to_name[32];
    if (sscanf(rest, "%31s %31s", from_name, to_name) != 2)
        return false;
    int from = state_of(from_name), to = state_of(to_name);
    if (from < 0 || to < 0)
        return false;
    if (in->state[end] != TRACE_STATE_UNKNOWN && in->state[end] != from)
        return true;
    in->state[end] = (int8_t)to;
    if (in->c->n_rows) {
        struct trace_row *row = &in->c->row[in->c->n_rows - 1];
        if (row->before[end] == TRACE_STATE_UNKNOWN)
            row->before[end] = (int8_t)from;
        row->after[end] = (int8_t)to;
    }
    return true;
}

static bool read_frame(struct reading *in, rs_time us, int end, const char *rest)
{
    char fault[16];
    int at = 0;
    if (sscanf(rest, "%15s %n", fault, &at) != 1 || !at)
        return false;
    size_t len = strspn(rest + at, "0123456789abcdef") / 2;
    uint8_t *octets = malloc(len + 1);
    unsigned octet;
    for (size_t i = 0; octets && i < len && sscanf(rest + at + 2 * i, "%2x", &octet) == 1; i++)
        octets[i] = (uint8_t)octet;
    if (!octets)
        return false;
    struct trace_row *row = case_packet(in->c, us, (enum trace_end)end, RS_LINK_IP, octets, len);
    row->fault = fault_of(fault);
    set_states(in, row);
    free(octets);
    return true;
}

static bool read_line(struct reading *in, char *line)
{
    char what[8], end_name;
    unsigned long long now;
    int at = 0;
    line[strcspn(line, "\n")] = '\0';
    if (sscanf(line, "%7s %llu %c %n", what, &now, &end_name, &at) != 3 || !at)
        return false;
    if (end_name != 'A' && end_name != 'B')
        return false;
    int end = end_name - 'A';
    if (!in->any)
        in->first = now;
    in->any = true;
    rs_time us = now - in->first;
    if (!strcmp(what, "state"))
        return read_state(in, end, line + at);
    if (!strcmp(what, "frame"))
        return read_frame(in, us, end, line + at);
    bool event = !strcmp(what, "event");
    if (!event && strcmp(what, "note"))
        return false;
    const char *text = event && in->text ? in->text(in->arg, in->n_events) : NULL;
    in->n_events += event;
    set_states(in, case_event(in->c, us, (enum trace_end)end, "%s", text ? text : line + at));
    return true;
}

bool tracelog_read(FILE *f, struct result_case *c, const char *(*text)(void *arg, unsigned n),
                   void *arg)
{
    struct reading in = { .c = c, .text = text, .arg = arg,
                          .state = { TRACE_STATE_UNKNOWN, TRACE_STATE_UNKNOWN } };
    char *line = NULL;
    size_t cap = 0;
    bool good = true;
    while (good && getline(&line, &cap, f) > 0)
        good = read_line(&in, line);
    free(line);
    return good;
}
