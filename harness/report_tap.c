#include "harness/report.h"

#include <unistd.h>

/* In a TAP description `#` begins a directive and `\` escapes; a line is one line. */
static void put_escaped(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '#' || *text == '\\')
            putc('\\', out);
        putc(*text == '\n' ? ' ' : *text, out);
    }
}

/* A YAML block scalar: every line indented, whatever stands in it. */
static void put_block(FILE *out, const char *key, const char *text)
{
    fprintf(out, "  %s: |\n    ", key);
    for (; *text; text++) {
        putc(*text, out);
        if (*text == '\n' && text[1])
            fputs("    ", out);
    }
    putc('\n', out);
}

static void wipe(struct tap *t)
{
    if (t->live)
        fputs("\r\033[K", t->live);
}

void tap_begin(struct tap *t, FILE *out, size_t expected)
{
    *t = (struct tap){ .out = out, .expected = expected };
    t->live = isatty(STDERR_FILENO) ? stderr : NULL;
    fputs("TAP version 13\n", out);
    fflush(out);
}

void tap_running(struct tap *t, const char *name)
{
    if (!t->live)
        return;
    wipe(t);
    fprintf(t->live, "[%zu", t->done);
    if (t->expected)
        fprintf(t->live, "/%zu", t->expected);
    fprintf(t->live, "]%s %.60s", t->bad ? " (failures)" : "", name);
    fflush(t->live);
}

static void put_name(FILE *out, const struct result_case *c)
{
    put_escaped(out, c->suite);
    putc('/', out);
    put_escaped(out, c->name);
    if (*c->sut) {
        fputs(" on ", out);
        put_escaped(out, c->sut);
    }
    if (c->role) {
        fputs(", ", out);
        put_escaped(out, c->role);
    }
    if (c->ip_version)
        fprintf(out, ", IPv%d", c->ip_version);
}

static void put_diagnostics(FILE *out, const struct result_case *c)
{
    char again[1024];
    fprintf(out, "  ---\n  verdict: %s\n", verdict_name(c->verdict));
    if (c->reason)
        put_block(out, "message", c->reason);
    if (c->file)
        put_block(out, "file", c->file);
    for (size_t i = 0; i < c->n_artefacts; i++)
        put_block(out, c->artefact[i].kind, c->artefact[i].path);
    if (report_again(c, again, sizeof again))
        put_block(out, "again", again);
    fprintf(out, "  seconds: %.6f\n  ...\n", c->seconds);
}

void tap_case(struct tap *t, const struct result_case *c)
{
    bool bad = c->verdict == VERDICT_FAIL || c->verdict == VERDICT_ERROR;
    bool ok = c->verdict == VERDICT_PASS || c->verdict == VERDICT_UNSUPPORTED;
    wipe(t);
    t->done++;
    t->bad += bad;
    fprintf(t->out, "%s %zu - ", ok ? "ok" : "not ok", t->done);
    put_name(t->out, c);
    if (c->verdict == VERDICT_UNSUPPORTED || c->verdict == VERDICT_EXPECTED_FAILURE) {
        fputs(c->verdict == VERDICT_UNSUPPORTED ? " # SKIP " : " # TODO ", t->out);
        put_escaped(t->out, c->reason ? c->reason : verdict_name(c->verdict));
    }
    putc('\n', t->out);
    if (bad)
        put_diagnostics(t->out, c);
    fflush(t->out);
}

int tap_end(struct tap *t, const struct result *r)
{
    struct result_counts n = result_count(r);
    wipe(t);
    fprintf(t->out, "1..%zu\n# %zu passed, %zu failed, %zu unsupported, %zu expected failures, "
            "%zu errors in %.2f s\n", t->done, n.of[VERDICT_PASS], n.of[VERDICT_FAIL],
            n.of[VERDICT_UNSUPPORTED], n.of[VERDICT_EXPECTED_FAILURE], n.of[VERDICT_ERROR],
            r->seconds);
    fflush(t->out);
    return result_status(r);
}
