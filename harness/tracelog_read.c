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
    rs_time now;
    int8_t state[2];  /* of the connection that the trace follows, at each end */
    bool harmful;     /* arrivals are logged, so a frame without one was lost */
    bool *arrived;    /* for each row of the case that is a frame */
    size_t n_arrived; /* entries */
};

static int state_of(const char *name)
{
    for (int s = 0; s < RS_N_STATES; s++)
        if (!strcmp(name, rs_state_name((enum rs_state)s)))
            return s;
    return -1;
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

/* The octets behind `rest`, malloc'd; NULL when they are none. */
static uint8_t *read_octets(const char *rest, size_t *len)
{
    size_t digits = strspn(rest, "0123456789abcdef");
    *len = digits / 2;
    uint8_t *octets = digits && digits % 2 == 0 && !rest[digits] ? malloc(*len) : NULL;
    unsigned octet;
    for (size_t i = 0; octets && i < *len && sscanf(rest + 2 * i, "%2x", &octet) == 1; i++)
        octets[i] = (uint8_t)octet;
    return octets;
}

static struct trace_row *add_frame(struct reading *in, rs_time us, int from, const uint8_t *p,
                                   size_t len)
{
    struct trace_row *row = case_packet(in->c, us, (enum trace_end)from, RS_LINK_IP, p, len);
    bool *more = realloc(in->arrived, in->c->n_rows * sizeof *more);
    if (more) {
        memset(more + in->n_arrived, 0, (in->c->n_rows - in->n_arrived) * sizeof *more);
        in->arrived = more;
        in->n_arrived = in->c->n_rows;
    }
    set_states(in, row);
    return row;
}

/* The first frame from `from` with these octets, or with p NULL any, that has arrived or not. */
static size_t find_frame(const struct reading *in, int from, const uint8_t *p, size_t len,
                         bool arrived)
{
    for (size_t i = 0; i < in->n_arrived; i++) {
        const struct trace_row *row = &in->c->row[i];
        if (row->kind == TRACE_PACKET && (int)row->end == from && in->arrived[i] == arrived &&
            (!p || (row->len == len && !memcmp(row->octet, p, len))))
            return i;
    }
    return in->n_arrived;
}

/* What arrives late was delayed; what arrives again is a copy; what nobody sent like that was
 * damaged on the way. */
static void read_arrival(struct reading *in, rs_time us, int at, const uint8_t *p, size_t len)
{
    int from = at == END_A ? END_B : END_A;
    size_t i = find_frame(in, from, p, len, false);
    in->harmful = true;
    if (i < in->n_arrived) {
        in->arrived[i] = true;
        if (in->c->row[i].us < us && !in->c->row[i].fault) {
            in->c->row[i].fault = TRACE_DELAYED;
            trace_note(&in->c->row[i], "arrives after %llu us",
                       (unsigned long long)(us - in->c->row[i].us));
        }
        return;
    }
    bool copy = find_frame(in, from, p, len, true) < in->n_arrived;
    i = copy ? in->n_arrived : find_frame(in, from, NULL, 0, false);
    if (i < in->n_arrived) {
        in->c->row[i].fault = TRACE_CORRUPTED;
        in->arrived[i] = true;
    } else if (copy) {
        add_frame(in, us, from, p, len)->fault = TRACE_DUPLICATED;
        in->arrived[in->n_arrived - 1] = true;
    }
}

/* What never arrived was lost, unless the run ended before it could. */
static void mark_lost(struct reading *in)
{
    for (size_t i = 0; in->harmful && i < in->n_arrived; i++) {
        struct trace_row *row = &in->c->row[i];
        if (row->kind == TRACE_PACKET && !in->arrived[i] && row->us < in->now)
            row->fault = TRACE_DROPPED;
    }
}

static bool read_frame(struct reading *in, rs_time us, int end, const char *rest, bool arrival)
{
    size_t len;
    uint8_t *octets = read_octets(rest, &len);
    if (!octets)
        return false;
    if (arrival)
        read_arrival(in, us, end, octets, len);
    else
        add_frame(in, us, end, octets, len);
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
    rs_time us = in->now = now - in->first;
    if (!strcmp(what, "state"))
        return read_state(in, end, line + at);
    if (!strcmp(what, "frame") || !strcmp(what, "got"))
        return read_frame(in, us, end, line + at, *what == 'g');
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
    mark_lost(&in);
    free(in.arrived);
    free(line);
    return good;
}
