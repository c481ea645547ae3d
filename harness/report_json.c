/* JSON: the one format that carries everything.  Whoever reads it (a site, a dashboard, the page
 * writer) finds the counts and `cases` with name, verdict, reason and seconds at fixed places;
 * members that have nothing to say are left out. */
#include "harness/report.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

/* ---- Writing ---------------------------------------------------------------------------- */

static void put(json_t *o, const char *key, const char *text)
{
    if (text)
        json_object_set_new(o, key, json_string(text));
}

static void put_count(json_t *o, const char *key, uint64_t n)
{
    if (n)
        json_object_set_new(o, key, json_integer((json_int_t)n));
}

/* Microseconds are all that was measured; more digits would only be noise. */
static void put_real(json_t *o, const char *key, double v)
{
    json_object_set_new(o, key, json_real(round(v * 1e6) / 1e6));
}

static json_t *octets_to_json(const struct trace_row *row)
{
    static const char digits[] = "0123456789abcdef";
    char *hex = malloc(2 * row->len + 1);
    if (!hex)
        return NULL;
    for (size_t i = 0; i < row->len; i++) {
        hex[2 * i] = digits[row->octet[i] >> 4];
        hex[2 * i + 1] = digits[row->octet[i] & 15];
    }
    hex[2 * row->len] = '\0';
    json_t *text = json_string(hex);
    free(hex);
    return text;
}

/* ["SYN-SENT", null]: END_A's and END_B's state; nothing when neither is known. */
static void put_states(json_t *o, const char *key, const int8_t state[2])
{
    if (state[END_A] == TRACE_STATE_UNKNOWN && state[END_B] == TRACE_STATE_UNKNOWN)
        return;
    json_t *pair = json_array();
    for (int e = END_A; e <= END_B; e++)
        json_array_append_new(pair, state[e] == TRACE_STATE_UNKNOWN
                                        ? json_null()
                                        : json_string(rs_state_name((enum rs_state)state[e])));
    json_object_set_new(o, key, pair);
}

static json_t *row_to_json(const struct trace_row *row)
{
    json_t *o = json_object();
    json_object_set_new(o, "us", json_integer((json_int_t)row->us));
    put(o, "end", row->end == END_A ? "A" : "B");
    if (row->kind == TRACE_PACKET) {
        put(o, "link", row->link == RS_LINK_IP ? "ip" : "ethernet");
        json_object_set_new(o, "octets", octets_to_json(row));
        put_count(o, "wire_len", row->wire_len > row->len ? row->wire_len : 0);
    }
    put(o, "fault", row->fault ? trace_fault_name(row->fault) : NULL);
    put(o, "note", row->note);
    put_count(o, "line", row->line);
    put_states(o, "before", row->before);
    put_states(o, "after", row->after);
    return o;
}

static json_t *case_to_json(const struct result_case *c)
{
    json_t *o = json_object();
    put(o, "name", c->name);
    put(o, "verdict", verdict_name(c->verdict));
    put(o, "reason", c->reason ? c->reason : "");
    put_real(o, "seconds", c->seconds);
    put(o, "suite", c->suite);
    put(o, "sut", c->sut);
    put(o, "role", c->role);
    put(o, "file", c->file);
    put_count(o, "ip_version", (uint64_t)c->ip_version);
    json_t *tags = json_array(), *artefacts = json_array(), *trace = json_array();
    for (size_t i = 0; i < c->n_tags; i++)
        json_array_append_new(tags, json_string(c->tag[i]));
    for (size_t i = 0; i < c->n_artefacts; i++)
        json_array_append_new(artefacts, json_pack("{s:s, s:s}", "kind", c->artefact[i].kind,
                                                   "path", c->artefact[i].path));
    for (size_t i = 0; i < c->n_rows; i++)
        json_array_append_new(trace, row_to_json(&c->row[i]));
    json_object_set_new(o, "tags", tags);
    if (c->actor[END_A] && c->actor[END_B])
        json_object_set_new(o, "actors",
                            json_pack("[s, s]", c->actor[END_A], c->actor[END_B]));
    json_object_set_new(o, "artefacts", artefacts);
    json_object_set_new(o, "trace", trace);
    put_count(o, "rows_left_out", c->rows_left_out);
    return o;
}

static json_t *fuzz_to_json(const struct result_fuzz *f)
{
    json_t *o = json_object();
    put(o, "target", f->target);
    put(o, "engine", f->engine);
    put_real(o, "seconds", f->seconds);
    json_object_set_new(o, "execs", json_integer((json_int_t)f->execs));
    put_real(o, "execs_per_second", f->execs_per_second);
    put_count(o, "edges", f->edges);
    if (f->line_coverage >= 0)
        put_real(o, "line_coverage", f->line_coverage);
    put_count(o, "corpus", f->corpus);
    json_object_set_new(o, "findings", json_integer((json_int_t)f->findings));
    return o;
}

static json_t *finding_to_json(const struct result_finding *f)
{
    json_t *o = json_object();
    put(o, "signature", f->signature);
    put(o, "kind", f->kind);
    put(o, "target", f->target);
    put(o, "title", f->title);
    put(o, "bundle", f->bundle);
    put(o, "replay", f->replay);
    put(o, "planted", f->planted);
    put_count(o, "inputs", f->inputs);
    return o;
}

static json_t *requirement_to_json(const struct result_requirement *q)
{
    json_t *o = json_object();
    put(o, "id", q->id);
    put(o, "section", q->section);
    put(o, "rule", q->rule);
    put(o, "code", q->code);
    put(o, "tests", q->tests);
    put(o, "bugs", q->bugs);
    put(o, "deviation", q->deviation);
    return o;
}

/* {"SYN-SENT": 12, ...} and [{"from": ..., "to": ..., "count": ...}, ...] */
static void put_hits(json_t *o, const struct result *r)
{
    json_t *states = json_object(), *transitions = json_array();
    for (int s = 0; s < RS_N_STATES; s++) {
        const char *from = rs_state_name((enum rs_state)s);
        put_count(states, from, r->state_hits[s]);
        for (int t = 0; t < RS_N_STATES; t++)
            if (r->transition_hits[s][t])
                json_array_append_new(transitions,
                                      json_pack("{s:s, s:s, s:I}", "from", from, "to",
                                                rs_state_name((enum rs_state)t), "count",
                                                (json_int_t)r->transition_hits[s][t]));
    }
    json_object_set_new(o, "states", states);
    json_object_set_new(o, "transitions", transitions);
}

static json_t *result_to_json(const struct result *r)
{
    static const char *const keys[N_VERDICTS] = {
        [VERDICT_PASS] = "passed",     [VERDICT_FAIL] = "failed",
        [VERDICT_UNSUPPORTED] = "unsupported", [VERDICT_ERROR] = "errors",
        [VERDICT_EXPECTED_FAILURE] = "expected_failures",
    };
    struct result_counts n = result_count(r);
    json_t *o = json_object(), *cases = json_array();
    json_t *fuzz = json_array(), *findings = json_array();
    put(o, "title", r->title);
    put(o, "machine", r->machine);
    put(o, "started", r->started);
    put_real(o, "seconds", r->seconds);
    for (int v = 0; v < N_VERDICTS; v++)
        json_object_set_new(o, keys[v], json_integer((json_int_t)n.of[v]));
    for (size_t i = 0; i < r->n_cases; i++)
        json_array_append_new(cases, case_to_json(r->cases[i]));
    for (size_t i = 0; i < r->n_fuzz; i++)
        json_array_append_new(fuzz, fuzz_to_json(&r->fuzz[i]));
    for (size_t i = 0; i < r->n_findings; i++)
        json_array_append_new(findings, finding_to_json(&r->finding[i]));
    json_object_set_new(o, "cases", cases);
    json_object_set_new(o, "fuzz", fuzz);
    json_object_set_new(o, "findings", findings);
    if (r->n_requirements) {
        json_t *requirements = json_array();
        for (size_t i = 0; i < r->n_requirements; i++)
            json_array_append_new(requirements, requirement_to_json(&r->requirement[i]));
        json_object_set_new(o, "requirements", requirements);
    }
    put_hits(o, r);
    return o;
}

int report_json(const struct result *r, FILE *out)
{
    json_t *o = result_to_json(r);
    int status = json_dumpf(o, out, JSON_INDENT(1) | JSON_REAL_PRECISION(15));
    json_decref(o);
    if (status || fputc('\n', out) == EOF || fflush(out)) {
        errno = errno ? errno : EIO;
        return -1;
    }
    return 0;
}
