/* A finding on disk: everything a person needs to see it again, and nothing that depends on when
 * or where it was written. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/ladder.h"
#include "harness/oracle.h"
#include "harness/pcapng_case.h"
#include "harness/result.h"
#include "harness/tracelog.h"
#include "harness/triage.h"
#include "harness/triage_script.h"

/* FNV-1a, so that two signatures that read alike as names have folders of their own. */
static uint32_t hash_of(const char *text)
{
    uint32_t h = 2166136261u;
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 16777619u;
    return h;
}

void triage_name(struct triage_finding *f)
{
    size_t n = 0;
    for (const char *s = f->sign.signature; *s && n < 52; s++) {
        if (isalnum((unsigned char)*s) || *s == '_')
            f->name[n++] = (char)tolower((unsigned char)*s);
        else if (n && f->name[n - 1] != '-')
            f->name[n++] = '-';
    }
    while (n && f->name[n - 1] == '-')
        n--;
    snprintf(f->name + n, sizeof f->name - n, "-%08x", (unsigned)hash_of(f->sign.signature));
}

/* ---- Files ------------------------------------------------------------------------------ */

struct bundle {
    const struct triage_program *program;
    const struct triage_finding *f;
    char dir[1024];
    struct result_case *c;
    char *log; /* of the minimised input, scrubbed */
    bool failed;
};

static void fail(struct bundle *b, const char *path)
{
    if (!b->failed)
        fprintf(stderr, "tcprig triage: cannot write %s: %s; give --out a folder that can be "
                "written\n", path, strerror(errno));
    b->failed = true;
}

static void path_of(const struct bundle *b, const char *name, char path[1200])
{
    snprintf(path, 1200, "%s/%s", b->dir, name);
}

static FILE *open_file(struct bundle *b, const char *name)
{
    char path[1200];
    path_of(b, name, path);
    FILE *out = fopen(path, "w");
    if (!out)
        fail(b, path);
    return out;
}

static void close_file(struct bundle *b, FILE *out, const char *name)
{
    char path[1200];
    path_of(b, name, path);
    if (ferror(out) + fclose(out))
        fail(b, path);
    else
        case_artefact(b->c, name, path);
}

static void put_input(struct bundle *b)
{
    FILE *out = open_file(b, "input");
    if (!out)
        return;
    fwrite(b->f->input, 1, b->f->len, out);
    close_file(b, out, "input");
}

static void put_script(struct bundle *b)
{
    FILE *out = open_file(b, "script.pkt");
    if (!out)
        return;
    if (!strcmp(b->f->target, "fuzz_script")) /* the input is a script, or was meant to be one */
        fwrite(b->f->input, 1, b->f->len, out);
    else
        triage_script(out, b->f->target, b->f->input, b->f->len);
    close_file(b, out, "script.pkt");
}

/* ---- The trace -------------------------------------------------------------------------- */

static const char *event_line(void *arg, unsigned n)
{
    const struct triage_text *t = arg;
    const char *line = n < t->n ? t->line[n] : NULL;
    return line && !strncmp(line, "+0 ", 3) ? line + 3 : line; /* the row has its time */
}

/* A target that writes no trace leaves the case without rows: its input says it all. */
static void read_trace(struct bundle *b, const char *path)
{
    struct triage_text text;
    FILE *in = fopen(path, "r");
    if (!in)
        return;
    triage_text_of(b->f->target, b->f->input, b->f->len, &text);
    if (triage_is_pair(b->f->target))
        case_actors(b->c, "host A", "host B");
    else
        case_actors(b->c, "peer", "refstack");
    tracelog_read(in, b->c, event_line, &text);
    triage_text_free(&text);
    fclose(in);
}

/* Runs the input once more, for its trace and for what the program says about it. */
static void run_again(struct bundle *b)
{
    char path[1200];
    struct triage_run run;
    bool oracle = !strcmp(b->f->sign.kind, "oracle");
    path_of(b, "trace.log", path);
    if (triage_run(b->program, b->f->input, b->f->len, !oracle, path, &run)) {
        fail(b, path);
        return;
    }
    read_trace(b, path);
    unlink(path);
    b->log = run.log;
    triage_scrub(b->log);
}

static void put_trace(struct bundle *b)
{
    char path[1200];
    FILE *out = b->c->n_rows ? open_file(b, "trace.txt") : NULL;
    if (!out)
        return;
    ladder_text(out, b->c);
    close_file(b, out, "trace.txt");
    path_of(b, "trace.pcapng", path);
    int status = pcapng_case(b->c, path);
    errno = -status;
    if (status)
        fail(b, path);
    else
        case_artefact(b->c, "pcapng", path);
}

static void put_log(struct bundle *b)
{
    FILE *out = open_file(b, "log.txt");
    if (!out)
        return;
    fputs(b->log ? b->log : "", out);
    close_file(b, out, "log.txt");
}

/* ---- The report ------------------------------------------------------------------------- */

/* The oracle's rule and clause, where an oracle found it. */
static void put_rule(FILE *out, const struct triage_finding *f)
{
    for (size_t i = 0; i < N_ORACLES; i++) {
        const struct oracle_info *o = &oracle_info[i];
        size_t n = strlen(o->id);
        if (!strcmp(f->sign.kind, "oracle") && !strncmp(f->sign.signature, o->id, n) &&
            f->sign.signature[n] == ' ')
            fprintf(out, "- Rule: %s (%s)\n", o->text, o->clause);
    }
}

static void put_events(FILE *out, const struct triage_finding *f, size_t n)
{
    if (triage_has_events(f->target))
        fprintf(out, " with %zu event%s", n, n == 1 ? "" : "s");
}

static void put_facts(FILE *out, const struct bundle *b)
{
    const struct triage_finding *f = b->f;
    fprintf(out, "# %s\n\n- Signature: `%s`\n", f->sign.title, f->sign.signature);
    put_rule(out, f);
    fprintf(out, "- Target: `%s`\n", f->target);
    if (f->planted)
        fprintf(out, "- Planted bug: `%s`\n", b->program->bug);
    else if (b->program->bug)
        fprintf(out, "- Shows without the planted bug `%s` too: a defect of its own\n",
                b->program->bug);
    fprintf(out, "- Minimised: %zu octets", f->len);
    put_events(out, f, f->events);
    fprintf(out, ", from %zu octets", f->original_len);
    put_events(out, f, f->original_events);
    fprintf(out, " (`%s`)\n\n", f->original);
    fprintf(out, "Replay:\n\n    %s%s%s%s %s/input\n\n", b->program->bug ? "TCPRIG_BUG=" : "",
            b->program->bug ? b->program->bug : "", b->program->bug ? " " : "", b->program->path,
            b->dir);
    if (!strncmp(f->sign.signature, "replay_same ", strlen("replay_same ")))
        fputs("A script does not show it: the rule compares two runs, and a script is one.\n\n",
              out);
    else if (triage_has_events(f->target) && !triage_is_pair(f->target))
        fprintf(out, "or, as a script%s:\n\n    %s%s%stcprig run --on refstack %s/script.pkt\n\n",
                b->program->bug ? " (with the program of `make BUGS=1`)" : "",
                b->program->bug ? "TCPRIG_BUG=" : "", b->program->bug ? b->program->bug : "",
                b->program->bug ? " " : "", b->dir);
}

/* A block of text as Markdown code; four spaces hold anything. */
static void put_block(FILE *out, const char *title, const char *text)
{
    if (!text || !*text)
        return;
    fprintf(out, "## %s\n\n", title);
    while (*text) {
        size_t n = strcspn(text, "\n");
        fprintf(out, n ? "    %.*s\n" : "\n", (int)n, text);
        text += n + (text[n] == '\n');
    }
    putc('\n', out);
}

static void put_report(struct bundle *b)
{
    char *script = NULL, *trace = NULL;
    size_t n;
    FILE *out = open_file(b, "report.md");
    if (!out)
        return;
    put_facts(out, b);
    FILE *text = open_memstream(&script, &n);
    if (text) {
        triage_script(text, b->f->target, b->f->input, b->f->len);
        fclose(text);
    }
    text = open_memstream(&trace, &n);
    if (text) {
        ladder_text(text, b->c);
        fclose(text);
    }
    put_block(out, "Input", script);
    put_block(out, "Trace", trace);
    /* Where a loop was stopped differs from run to run; the signature says what its stops share. */
    if (strcmp(b->f->sign.kind, "hang"))
        put_block(out, "What the program said", b->log);
    fprintf(out, "## Inputs that show it\n\n");
    for (size_t i = 0; i < b->f->n_paths; i++)
        fprintf(out, "- `%s`\n", b->f->path[i]);
    free(script);
    free(trace);
    close_file(b, out, "report.md");
}

int triage_bundle(const struct triage_program *program, const struct triage_finding *f,
                  const char *out, struct result_case *c)
{
    struct bundle b = { .program = program, .f = f, .c = c };
    snprintf(b.dir, sizeof b.dir, "%s/%s", out, f->name);
    if (mkdir(b.dir, 0777) && errno != EEXIST) {
        fail(&b, b.dir);
        return -1;
    }
    put_input(&b);
    run_again(&b);
    put_script(&b);
    put_trace(&b);
    put_log(&b);
    put_report(&b);
    free(b.log);
    return b.failed ? -1 : 0;
}
