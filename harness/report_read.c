/* Reads the JSON of report_json.c back.  Members may be missing, unknown ones are passed over, but
 * what is there must have its type: a page made of half-understood results would mislead. */
#include "harness/report.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Fails sticky, like the cursors: the first problem is kept and checked once at the end. */
struct reader {
    const char *name; /* of the file */
    char *err;
    size_t cap;
    bool bad;
};

__attribute__((format(printf, 2, 3))) static void wrong(struct reader *in, const char *fmt, ...)
{
    if (in->bad)
        return;
    in->bad = true;
    int n = snprintf(in->err, in->cap, "%s: ", in->name);
    if (n < 0 || (size_t)n >= in->cap)
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(in->err + n, in->cap - (size_t)n, fmt, ap);
    va_end(ap);
}

/* The member, or NULL when it is missing or of another type, which is wrong(). */
static const json_t *member(struct reader *in, const json_t *o, const char *key, json_type type,
                            const char *what)
{
    const json_t *v = json_object_get(o, key);
    if (!v || json_typeof(v) == type || (type == JSON_REAL && json_is_integer(v)))
        return v;
    wrong(in, "member \"%s\" is not %s", key, what);
    return NULL;
}

static const char *text_of(struct reader *in, const json_t *o, const char *key)
{
    return json_string_value(member(in, o, key, JSON_STRING, "a string"));
}

/* A required string: NULL only when something is wrong(). */
static const char *name_of(struct reader *in, const json_t *o, const char *key)
{
    const char *text = text_of(in, o, key);
    if (!text)
        wrong(in, "an object lacks its member \"%s\"", key);
    return text;
}

static uint64_t count_of(struct reader *in, const json_t *o, const char *key)
{
    json_int_t n = json_integer_value(member(in, o, key, JSON_INTEGER, "an integer"));
    if (n < 0)
        wrong(in, "member \"%s\" is negative", key);
    return n < 0 ? 0 : (uint64_t)n;
}

static double real_of(struct reader *in, const json_t *o, const char *key)
{
    return json_number_value(member(in, o, key, JSON_REAL, "a number"));
}

static char *copy_of(struct reader *in, const json_t *o, const char *key)
{
    const char *text = text_of(in, o, key);
    return text ? result_text("%s", text) : NULL;
}

static int state_of(struct reader *in, const char *name)
{
    for (int s = 0; s < RS_N_STATES; s++)
        if (!strcmp(name, rs_state_name((enum rs_state)s)))
            return s;
    wrong(in, "\"%s\" is not a TCP state", name);
    return TRACE_STATE_UNKNOWN;
}

/* ---- Traces ----------------------------------------------------------------------------- */

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void read_packet(struct reader *in, struct result_case *c, const json_t *o, uint64_t us,
                        enum trace_end end)
{
    const char *hex = name_of(in, o, "octets"), *link = name_of(in, o, "link");
    size_t n = hex ? strlen(hex) : 0;
    uint8_t *octets = malloc(n / 2 + 1);
    if (in->bad || !octets) {
        free(octets);
        return;
    }
    for (size_t i = 0; i + 1 < n; i += 2) {
        int high = nibble(hex[i]), low = nibble(hex[i + 1]);
        if (high < 0 || low < 0)
            wrong(in, "member \"octets\" holds other than pairs of hex digits");
        octets[i / 2] = (uint8_t)((unsigned)high << 4 | (unsigned)low);
    }
    if (n % 2)
        wrong(in, "member \"octets\" holds half an octet");
    struct trace_row *row = case_packet(
        c, us, end, !strcmp(link, "ip") ? RS_LINK_IP : RS_LINK_ETHERNET, octets, n / 2);
    size_t wire_len = (size_t)count_of(in, o, "wire_len");
    if (wire_len > row->len)
        row->wire_len = wire_len;
    free(octets);
}

static void read_states(struct reader *in, const json_t *o, const char *key, int8_t state[2])
{
    const json_t *pair = member(in, o, key, JSON_ARRAY, "an array");
    for (size_t e = END_A; e <= END_B; e++) {
        const char *name = json_string_value(json_array_get(pair, e));
        if (name)
            state[e] = (int8_t)state_of(in, name);
    }
}

static enum trace_fault read_fault(struct reader *in, const json_t *o)
{
    const char *name = text_of(in, o, "fault");
    for (int f = TRACE_NO_FAULT; name && f < N_TRACE_FAULTS; f++)
        if (!strcmp(name, trace_fault_name((enum trace_fault)f)))
            return (enum trace_fault)f;
    if (name)
        wrong(in, "\"%s\" is not a fault", name);
    return TRACE_NO_FAULT;
}

static void read_row(struct reader *in, struct result_case *c, const json_t *o)
{
    const char *end_name = name_of(in, o, "end"), *note = text_of(in, o, "note");
    uint64_t us = count_of(in, o, "us");
    size_t n = c->n_rows;
    if (in->bad)
        return;
    enum trace_end end = !strcmp(end_name, "A") ? END_A : END_B;
    if (json_object_get(o, "octets"))
        read_packet(in, c, o, us, end);
    else
        case_event(c, us, end, "%s", note ? note : "");
    if (c->n_rows == n)
        return;
    struct trace_row *row = &c->row[n];
    if (row->kind == TRACE_PACKET && note)
        trace_note(row, "%s", note);
    row->fault = read_fault(in, o);
    row->line = (uint32_t)count_of(in, o, "line");
    read_states(in, o, "before", row->before);
    read_states(in, o, "after", row->after);
}

/* ---- Cases, figures, findings ----------------------------------------------------------- */

static void read_case_lists(struct reader *in, struct result_case *c, const json_t *o)
{
    const json_t *actors = member(in, o, "actors", JSON_ARRAY, "an array");
    const json_t *tags = member(in, o, "tags", JSON_ARRAY, "an array");
    const json_t *artefacts = member(in, o, "artefacts", JSON_ARRAY, "an array");
    const json_t *trace = member(in, o, "trace", JSON_ARRAY, "an array");
    if (actors)
        case_actors(c, json_string_value(json_array_get(actors, END_A)),
                    json_string_value(json_array_get(actors, END_B)));
    for (size_t i = 0; i < json_array_size(tags); i++)
        if (json_is_string(json_array_get(tags, i)))
            case_tag(c, json_string_value(json_array_get(tags, i)));
    for (size_t i = 0; i < json_array_size(artefacts) && !in->bad; i++) {
        const json_t *a = json_array_get(artefacts, i);
        const char *kind = name_of(in, a, "kind"), *path = name_of(in, a, "path");
        if (kind && path)
            case_artefact(c, kind, path);
    }
    for (size_t i = 0; i < json_array_size(trace) && !in->bad; i++)
        read_row(in, c, json_array_get(trace, i));
}

static void read_case(struct reader *in, struct result *r, const json_t *o)
{
    const char *name = name_of(in, o, "name"), *verdict = name_of(in, o, "verdict");
    const char *suite = text_of(in, o, "suite"), *sut = text_of(in, o, "sut");
    int v = verdict ? verdict_of(verdict) : -1;
    if (v < 0)
        wrong(in, "case \"%s\" has no verdict that is known", name ? name : "");
    if (in->bad)
        return;
    struct result_case *c = result_case(r, suite ? suite : "", name, sut ? sut : "",
                                        (int)count_of(in, o, "ip_version"));
    const char *reason = text_of(in, o, "reason");
    case_verdict(c, (enum verdict)v, reason && *reason ? "%s" : NULL, reason);
    c->seconds = real_of(in, o, "seconds");
    case_role(c, text_of(in, o, "role"));
    case_file(c, text_of(in, o, "file"));
    c->rows_left_out = count_of(in, o, "rows_left_out");
    read_case_lists(in, c, o);
}

static void read_fuzz(struct reader *in, struct result *r, const json_t *o)
{
    const char *target = name_of(in, o, "target"), *engine = name_of(in, o, "engine");
    if (in->bad)
        return;
    struct result_fuzz *f = result_fuzz(r, target, engine);
    f->seconds = real_of(in, o, "seconds");
    f->execs = count_of(in, o, "execs");
    f->execs_per_second = real_of(in, o, "execs_per_second");
    f->edges = count_of(in, o, "edges");
    if (json_object_get(o, "line_coverage"))
        f->line_coverage = real_of(in, o, "line_coverage");
    f->corpus = count_of(in, o, "corpus");
    f->findings = count_of(in, o, "findings");
}

static void read_finding(struct reader *in, struct result *r, const json_t *o)
{
    const char *signature = name_of(in, o, "signature");
    if (in->bad)
        return;
    struct result_finding *f = result_finding(r, signature);
    f->kind = copy_of(in, o, "kind");
    f->target = copy_of(in, o, "target");
    f->title = copy_of(in, o, "title");
    f->bundle = copy_of(in, o, "bundle");
    f->replay = copy_of(in, o, "replay");
    f->planted = copy_of(in, o, "planted");
    f->inputs = count_of(in, o, "inputs");
}

static void read_requirement(struct reader *in, struct result *r, const json_t *o)
{
    const char *id = name_of(in, o, "id"), *section = name_of(in, o, "section");
    const char *rule = name_of(in, o, "rule");
    if (in->bad)
        return;
    struct result_requirement *q = result_requirement(r, id, section, rule);
    q->code = copy_of(in, o, "code");
    q->tests = copy_of(in, o, "tests");
    q->bugs = copy_of(in, o, "bugs");
    q->deviation = copy_of(in, o, "deviation");
}

static void read_transition(struct reader *in, struct result *r, const json_t *o)
{
    const char *from = name_of(in, o, "from"), *to = name_of(in, o, "to");
    int s = from ? state_of(in, from) : -1, t = to ? state_of(in, to) : -1;
    if (s >= 0 && t >= 0)
        r->transition_hits[s][t] += count_of(in, o, "count");
}

static void read_each(struct reader *in, struct result *r, const json_t *o, const char *key,
                      void (*one)(struct reader *, struct result *, const json_t *))
{
    const json_t *list = member(in, o, key, JSON_ARRAY, "an array");
    for (size_t i = 0; i < json_array_size(list) && !in->bad; i++)
        one(in, r, json_array_get(list, i));
}

static void read_result(struct reader *in, struct result *r, const json_t *o)
{
    const json_t *states = member(in, o, "states", JSON_OBJECT, "an object");
    const char *machine = text_of(in, o, "machine"), *started = text_of(in, o, "started");
    free(r->machine); /* where it ran, not where it is read */
    r->machine = machine ? result_text("%s", machine) : NULL;
    r->started = started ? result_text("%s", started) : NULL;
    r->seconds = real_of(in, o, "seconds");
    if (!json_is_array(json_object_get(o, "cases")))
        wrong(in, "no array \"cases\": not a result that tcprig --json wrote");
    for (int s = 0; s < RS_N_STATES; s++)
        r->state_hits[s] = count_of(in, states, rs_state_name((enum rs_state)s));
    read_each(in, r, o, "cases", read_case);
    read_each(in, r, o, "fuzz", read_fuzz);
    read_each(in, r, o, "findings", read_finding);
    read_each(in, r, o, "requirements", read_requirement);
    read_each(in, r, o, "transitions", read_transition);
}

struct result *report_read(FILE *file, const char *name, char *err, size_t cap)
{
    json_error_t json_err;
    struct reader in = { .name = name, .err = err, .cap = cap };
    json_t *o = json_loadf(file, JSON_REJECT_DUPLICATES, &json_err);
    if (!o) {
        wrong(&in, "line %d, column %d: not JSON: %s", json_err.line, json_err.column,
              json_err.text);
        return NULL;
    }
    const char *title = json_is_object(o) ? text_of(&in, o, "title") : NULL;
    struct result *r = result_new(title ? title : name);
    read_result(&in, r, o);
    json_decref(o);
    if (!in.bad)
        return r;
    result_free(r);
    return NULL;
}
