#include "harness/result.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

static const char *const verdict_names[N_VERDICTS] = {
    [VERDICT_PASS] = "pass",
    [VERDICT_FAIL] = "fail",
    [VERDICT_UNSUPPORTED] = "unsupported",
    [VERDICT_ERROR] = "error",
    [VERDICT_EXPECTED_FAILURE] = "expected-failure",
};

static const char *const fault_names[N_TRACE_FAULTS] = {
    [TRACE_NO_FAULT] = "",           [TRACE_DROPPED] = "dropped",
    [TRACE_DUPLICATED] = "duplicated", [TRACE_DELAYED] = "delayed",
    [TRACE_REORDERED] = "reordered", [TRACE_CORRUPTED] = "corrupted",
};

const char *verdict_name(enum verdict v)
{
    return verdict_names[v];
}

int verdict_of(const char *name)
{
    for (int v = 0; v < N_VERDICTS; v++)
        if (!strcmp(name, verdict_names[v]))
            return v;
    return -1;
}

const char *trace_fault_name(enum trace_fault f)
{
    return fault_names[f];
}

/* ---- Memory ----------------------------------------------------------------------------- */

/* A report that is missing half its cases is worse than none: without memory the program ends. */
static void *checked(void *p)
{
    if (!p) {
        fputs("tcprig: out of memory while collecting results\n", stderr);
        exit(2);
    }
    return p;
}

static void *zeroed(size_t size)
{
    return checked(calloc(1, size));
}

/* Room for one more element behind the n there are.  Capacity is the next power of two, so it
 * needs no member of its own. */
static void *grown(void *array, size_t n, size_t size)
{
    if (n & (n - 1))
        return array;
    return checked(realloc(array, (n ? 2 * n : 1) * size));
}

/* ---- Text ------------------------------------------------------------------------------- */

/* Length of the UTF-8 sequence at s that every writer may pass on, or 0.  Control characters but
 * tab and newline are none: XML cannot hold them even escaped.  RFC 3629 section 4. */
static size_t utf8_len(const unsigned char *s)
{
    if (s[0] < 0x80)
        return s[0] >= 0x20 ? s[0] != 0x7f : s[0] == '\t' || s[0] == '\n';
    size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90) ||
        (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    if (s[0] == 0xef && s[1] == 0xbf && s[2] >= 0xbe) /* U+FFFE and U+FFFF: not in XML */
        return 0;
    return n;
}

/* A copy in which what is no text stands as \xNN, so that all formats can carry it. */
static char *kept(const char *text)
{
    if (!text)
        return NULL;
    char *copy = checked(malloc(4 * strlen(text) + 1));
    char *to = copy;
    for (const unsigned char *s = (const unsigned char *)text; *s;) {
        size_t n = utf8_len(s);
        if (n) {
            memcpy(to, s, n);
            to += n;
            s += n;
        } else {
            to += sprintf(to, "\\x%02x", *s++);
        }
    }
    *to = '\0';
    return checked(realloc(copy, (size_t)(to - copy) + 1));
}

static void replace(char **member, const char *text)
{
    char *fresh = kept(text);
    free(*member);
    *member = fresh;
}

__attribute__((format(printf, 1, 0))) static char *formatted(const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    char *raw = checked(malloc((size_t)(n < 0 ? 0 : n) + 1));
    raw[0] = '\0';
    vsnprintf(raw, (size_t)(n < 0 ? 0 : n) + 1, fmt, ap);
    char *text = kept(raw);
    free(raw);
    return text;
}

char *result_text(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = formatted(fmt, ap);
    va_end(ap);
    return text;
}

/* ---- Cases ------------------------------------------------------------------------------ */

void case_verdict(struct result_case *c, enum verdict v, const char *fmt, ...)
{
    char *reason = NULL;
    if (fmt) {
        va_list ap;
        va_start(ap, fmt);
        reason = formatted(fmt, ap);
        va_end(ap);
    }
    c->verdict = v;
    free(c->reason);
    c->reason = reason;
}

void case_role(struct result_case *c, const char *role)
{
    replace(&c->role, role);
}

void case_file(struct result_case *c, const char *file)
{
    replace(&c->file, file);
}

void case_actors(struct result_case *c, const char *a, const char *b)
{
    replace(&c->actor[END_A], a);
    replace(&c->actor[END_B], b);
}

void case_tag(struct result_case *c, const char *id)
{
    for (size_t i = 0; i < c->n_tags; i++)
        if (!strcmp(c->tag[i], id))
            return;
    c->tag = grown(c->tag, c->n_tags, sizeof *c->tag);
    c->tag[c->n_tags++] = kept(id);
}

void case_artefact(struct result_case *c, const char *kind, const char *path)
{
    c->artefact = grown(c->artefact, c->n_artefacts, sizeof *c->artefact);
    c->artefact[c->n_artefacts++] =
        (struct result_artefact){ .kind = kept(kind), .path = kept(path) };
}

/* ---- Traces ----------------------------------------------------------------------------- */

static struct trace_row *add_row(struct result_case *c, uint64_t us, enum trace_kind kind,
                                 enum trace_end end)
{
    c->row = grown(c->row, c->n_rows, sizeof *c->row);
    struct trace_row *row = &c->row[c->n_rows++];
    *row = (struct trace_row){ .us = us, .kind = kind, .end = end };
    for (int e = END_A; e <= END_B; e++)
        row->before[e] = row->after[e] = TRACE_STATE_UNKNOWN;
    return row;
}

struct trace_row *case_packet(struct result_case *c, uint64_t us, enum trace_end from,
                              enum rs_link link, const void *octets, size_t len)
{
    struct trace_row *row = add_row(c, us, TRACE_PACKET, from);
    row->link = link;
    row->octet = checked(malloc(len ? len : 1));
    if (len)
        memcpy(row->octet, octets, len);
    row->len = row->wire_len = len;
    return row;
}

struct trace_row *case_event(struct result_case *c, uint64_t us, enum trace_end at,
                             const char *fmt, ...)
{
    struct trace_row *row = add_row(c, us, TRACE_EVENT, at);
    va_list ap;
    va_start(ap, fmt);
    row->note = formatted(fmt, ap);
    va_end(ap);
    return row;
}

void trace_note(struct trace_row *row, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *note = formatted(fmt, ap);
    va_end(ap);
    free(row->note);
    row->note = note;
}

/* ---- A run ------------------------------------------------------------------------------ */

struct result *result_new(const char *title)
{
    struct result *r = zeroed(sizeof *r);
    struct utsname u;
    r->title = kept(title);
    if (uname(&u) == 0)
        r->machine = result_text("%s %s %s", u.sysname, u.release, u.machine);
    return r;
}

struct result_case *result_case(struct result *r, const char *suite, const char *name,
                                const char *sut, int ip_version)
{
    struct result_case *c = zeroed(sizeof *c);
    c->suite = kept(suite);
    c->name = kept(name);
    c->sut = kept(sut);
    c->ip_version = ip_version;
    case_verdict(c, VERDICT_ERROR, "not run");
    r->cases = grown(r->cases, r->n_cases, sizeof *r->cases);
    r->cases[r->n_cases++] = c;
    return c;
}

struct result_fuzz *result_fuzz(struct result *r, const char *target, const char *engine)
{
    r->fuzz = grown(r->fuzz, r->n_fuzz, sizeof *r->fuzz);
    struct result_fuzz *f = &r->fuzz[r->n_fuzz++];
    *f = (struct result_fuzz){ .target = kept(target), .engine = kept(engine),
                               .line_coverage = -1 };
    return f;
}

struct result_finding *result_finding(struct result *r, const char *signature)
{
    r->finding = grown(r->finding, r->n_findings, sizeof *r->finding);
    struct result_finding *f = &r->finding[r->n_findings++];
    *f = (struct result_finding){ .signature = kept(signature) };
    return f;
}

struct result_requirement *result_requirement(struct result *r, const char *id, const char *section,
                                              const char *rule)
{
    r->requirement = grown(r->requirement, r->n_requirements, sizeof *r->requirement);
    struct result_requirement *q = &r->requirement[r->n_requirements++];
    *q = (struct result_requirement){ .id = kept(id), .section = kept(section),
                                      .rule = kept(rule) };
    return q;
}

void case_forget_rows(struct result_case *c)
{
    for (size_t i = 0; i < c->n_rows; i++) {
        free(c->row[i].octet);
        free(c->row[i].note);
    }
    free(c->row);
    c->row = NULL;
    c->n_rows = 0;
}

static void free_case(struct result_case *c)
{
    char *own[] = { c->name,   c->suite,    c->sut,     c->role,
                    c->file,   c->reason,   c->actor[0], c->actor[1] };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        free(own[i]);
    for (size_t i = 0; i < c->n_tags; i++)
        free(c->tag[i]);
    for (size_t i = 0; i < c->n_artefacts; i++) {
        free(c->artefact[i].kind);
        free(c->artefact[i].path);
    }
    case_forget_rows(c);
    free(c->tag);
    free(c->artefact);
    free(c);
}

static void free_finding(struct result_finding *f)
{
    free(f->signature);
    free(f->kind);
    free(f->target);
    free(f->title);
    free(f->bundle);
    free(f->replay);
    free(f->planted);
}

static void free_requirement(struct result_requirement *q)
{
    char *own[] = { q->id, q->section, q->rule, q->code, q->tests, q->bugs, q->deviation };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        free(own[i]);
}

/* Frees the run but not what its arrays point to: result_merge has moved that. */
static void free_shell(struct result *r)
{
    free(r->title);
    free(r->machine);
    free(r->started);
    free(r->base);
    free(r->cases);
    free(r->fuzz);
    free(r->finding);
    free(r->requirement);
    free(r);
}

void result_free(struct result *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n_cases; i++)
        free_case(r->cases[i]);
    for (size_t i = 0; i < r->n_fuzz; i++) {
        free(r->fuzz[i].target);
        free(r->fuzz[i].engine);
    }
    for (size_t i = 0; i < r->n_findings; i++)
        free_finding(&r->finding[i]);
    for (size_t i = 0; i < r->n_requirements; i++)
        free_requirement(&r->requirement[i]);
    free_shell(r);
}

void result_merge(struct result *to, struct result *from)
{
    for (size_t i = 0; i < from->n_cases; i++) {
        to->cases = grown(to->cases, to->n_cases, sizeof *to->cases);
        to->cases[to->n_cases++] = from->cases[i];
    }
    for (size_t i = 0; i < from->n_fuzz; i++) {
        to->fuzz = grown(to->fuzz, to->n_fuzz, sizeof *to->fuzz);
        to->fuzz[to->n_fuzz++] = from->fuzz[i];
    }
    for (size_t i = 0; i < from->n_findings; i++) {
        to->finding = grown(to->finding, to->n_findings, sizeof *to->finding);
        to->finding[to->n_findings++] = from->finding[i];
    }
    for (size_t i = 0; i < from->n_requirements; i++) {
        to->requirement = grown(to->requirement, to->n_requirements, sizeof *to->requirement);
        to->requirement[to->n_requirements++] = from->requirement[i];
    }
    for (size_t s = 0; s < RS_N_STATES; s++) {
        to->state_hits[s] += from->state_hits[s];
        for (size_t t = 0; t < RS_N_STATES; t++)
            to->transition_hits[s][t] += from->transition_hits[s][t];
    }
    to->seconds += from->seconds;
    free_shell(from);
}

struct result_counts result_count(const struct result *r)
{
    struct result_counts n = { .total = r->n_cases };
    for (size_t i = 0; i < r->n_cases; i++)
        n.of[r->cases[i]->verdict]++;
    return n;
}

int result_status(const struct result *r)
{
    struct result_counts n = result_count(r);
    if (n.of[VERDICT_FAIL] || n.of[VERDICT_ERROR])
        return 1;
    for (size_t i = 0; i < r->n_findings; i++)
        if (!r->finding[i].planted)
            return 1;
    return n.total && n.of[VERDICT_UNSUPPORTED] == n.total ? 77 : 0;
}
