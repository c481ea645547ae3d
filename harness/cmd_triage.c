/* tcprig triage: crash inputs to findings, one bundle each. */
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/clock.h"
#include "harness/cmd.h"
#include "harness/cmd_results.h"
#include "harness/report.h"
#include "harness/triage.h"
#include "harness/triage_files.h"

struct options {
    const char *target;
    const char *out;
    const char *programs;
    const char *bug;
    double cpu_limit;
    unsigned tries;
    struct report_paths paths;
    char **path;
    int n_paths;
};

enum { KEY_PROGRAMS = 256, KEY_BUG, KEY_LIMIT, KEY_TRIES };

static const struct argp_option argp_options[] = {
    { "target", 't', "NAME", 0, "fuzz target of the inputs (default: a part of their path)", 0 },
    { "out", 'o', "DIR", 0, "where the bundles go (default: build/triage)", 0 },
    { "programs", KEY_PROGRAMS, "DIR", 0,
      "the replay programs (default: build/replay; with --bug build/replay-bugs)", 0 },
    { "bug", KEY_BUG, "NAME", 0, "wake this planted bug", 0 },
    { "limit", KEY_LIMIT, "SECONDS", 0, "CPU time after which an input hangs (default: 2)", 0 },
    { "tries", KEY_TRIES, "N", 0, "runs for minimising a finding; 0: do not (default: 2000)", 0 },
    { 0 },
};

static bool parse_number(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return end != text && !*end && *value >= 0 && *value <= 1e6;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    double number = 0;
    if ((key == KEY_LIMIT || key == KEY_TRIES) && !parse_number(arg, &number))
        argp_error(state, "\"%s\" is no number from 0 to 1000000", arg);
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->paths;
        return 0;
    case 't': o->target = arg; return 0;
    case 'o': o->out = arg; return 0;
    case KEY_PROGRAMS: o->programs = arg; return 0;
    case KEY_BUG: o->bug = arg; return 0;
    case KEY_LIMIT: o->cpu_limit = number; return 0;
    case KEY_TRIES: o->tries = (unsigned)number; return 0;
    case ARGP_KEY_ARGS:
        o->path = state->argv + state->next;
        o->n_paths = state->argc - state->next;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = argp_options,
    .parser = parse_option,
    .children = cmd_results,
    .args_doc = "DIR|FILE...",
    .doc = "Replays crash inputs, each in a fresh process, groups them by signature, minimises one "
           "of each group by whole events and writes a bundle for it: input, script, pcapng, trace "
           "and report.  The exit status is 1 when there are findings.",
};

/* ---- Grouping --------------------------------------------------------------------------- */

struct triage {
    const struct options *o;
    struct triage_files files;
    struct triage_finding *found;
    size_t n_found;
    struct result *result;
    bool live; /* stderr is a terminal */
};

static void say(const struct triage *t, const char *what, size_t i, size_t n, const char *name)
{
    if (t->live)
        fprintf(stderr, "\r\033[K%s %zu/%zu %.60s", what, i, n, name);
}

static void wipe(const struct triage *t)
{
    if (t->live)
        fputs("\r\033[K", stderr);
}

static struct triage_program program_of(const struct triage *t, const char *target, char path[1024])
{
    snprintf(path, 1024, "%s/%s", t->o->programs, target);
    return (struct triage_program){ .path = path, .bug = t->o->bug,
                                    .cpu_limit = t->o->cpu_limit };
}

static struct triage_finding *finding_of(struct triage *t, const char *target,
                                         const struct triage_sign *sign)
{
    for (size_t i = 0; i < t->n_found; i++)
        if (!strcmp(t->found[i].sign.signature, sign->signature) &&
            !strcmp(t->found[i].target, target))
            return &t->found[i];
    struct triage_finding *f = &t->found[t->n_found++];
    *f = (struct triage_finding){ .sign = *sign, .target = target };
    f->path = calloc(t->files.n, sizeof *f->path);
    return f;
}

/* The shortest input stands for the group, the first of those in the order given. */
static void join(struct triage_finding *f, const struct triage_file *file)
{
    f->path[f->n_paths++] = file->path;
    if (f->input && f->original_len <= file->len)
        return;
    f->input = file->octet;
    f->original = file->path;
    f->len = f->original_len = file->len;
}

static int judge_all(struct triage *t)
{
    t->found = calloc(t->files.n, sizeof *t->found);
    for (size_t i = 0; i < t->files.n; i++) {
        const struct triage_file *file = &t->files.file[i];
        char path[1024];
        struct triage_program program = program_of(t, file->target, path);
        struct triage_sign sign;
        say(t, "replaying", i + 1, t->files.n, file->path);
        int found = triage_judge(&program, file->octet, file->len, &sign);
        if (found < 0) {
            wipe(t);
            fprintf(stderr, "tcprig triage: cannot run %s: %s\n", path, strerror(errno));
            return -1;
        }
        if (found)
            join(finding_of(t, file->target, &sign), file);
        else
            case_verdict(result_case(t->result, "triage", file->path, file->target, 0),
                         VERDICT_PASS, NULL);
    }
    return 0;
}

/* ---- Minimising and writing ------------------------------------------------------------- */

struct keeping {
    struct triage_program program;
    const struct triage_sign *sign;
};

static bool keeps(void *arg, const uint8_t *p, size_t len)
{
    const struct keeping *k = arg;
    return triage_shows(&k->program, p, len, k->sign);
}

static size_t count_events(const char *target, const uint8_t *p, size_t len)
{
    struct triage_spans s;
    size_t n = triage_spans_of(target, p, len, &s) ? s.n : 0;
    free(s.span);
    return n;
}

/* A hang costs its limit each time it is asked for, so it is asked for less often. */
static void minimise(struct triage *t, struct triage_finding *f, uint8_t *copy)
{
    char path[1024];
    struct keeping k = { .program = program_of(t, f->target, path), .sign = &f->sign };
    unsigned tries = strcmp(f->sign.kind, "hang") ? t->o->tries : t->o->tries / 20;
    f->original_events = count_events(f->target, f->input, f->len);
    memcpy(copy, f->input, f->len);
    f->input = copy;
    f->len = triage_minimise(f->target, copy, f->len, tries, keeps, &k);
    f->events = count_events(f->target, copy, f->len);
}

/* Fuzzing a program with a planted bug may find what was there before. */
static bool needs_bug(const struct triage_program *program, const struct triage_finding *f)
{
    struct triage_program sound = *program;
    sound.bug = "";
    return program->bug && !triage_shows(&sound, f->input, f->len, &f->sign);
}

static int finish(struct triage *t, struct triage_finding *f, uint8_t *copy)
{
    char path[1024];
    struct triage_program program = program_of(t, f->target, path);
    uint64_t began = clock_us();
    minimise(t, f, copy);
    f->planted = needs_bug(&program, f);
    triage_name(f);
    struct result_case *c = result_case(t->result, "triage", f->name, f->target, 0);
    /* A planted bug has to be found; anything else must not be there. */
    if (f->planted)
        case_verdict(c, VERDICT_EXPECTED_FAILURE, "planted bug %s\n%s\n%s", program.bug,
                     f->sign.signature, f->sign.title);
    else
        case_verdict(c, VERDICT_FAIL, "%s\n%s", f->sign.signature, f->sign.title);
    struct result_finding *r = result_finding(t->result, f->sign.signature);
    r->kind = result_text("%s", f->sign.kind);
    r->target = result_text("%s", f->target);
    r->title = result_text("%s", f->sign.title);
    r->bundle = result_text("%s/%s", t->o->out, f->name);
    r->replay = result_text("%s%s%s%s %s/%s/input", program.bug ? "TCPRIG_BUG=" : "",
                            program.bug ? program.bug : "", program.bug ? " " : "", path, t->o->out,
                            f->name);
    r->inputs = f->n_paths;
    r->planted = f->planted ? result_text("%s", program.bug) : NULL;
    int status = triage_bundle(&program, f, t->o->out, c);
    c->seconds = (double)(clock_us() - began) * 1e-6;
    return status;
}

static int by_signature(const void *a, const void *b)
{
    const struct triage_finding *f = a, *g = b;
    int order = strcmp(f->sign.signature, g->sign.signature);
    return order ? order : strcmp(f->target, g->target);
}

static int finish_all(struct triage *t)
{
    int status = 0;
    qsort(t->found, t->n_found, sizeof *t->found, by_signature);
    for (size_t i = 0; i < t->n_found && !status; i++) {
        struct triage_finding *f = &t->found[i];
        uint8_t *copy = malloc(f->len + 1);
        say(t, "minimising", i + 1, t->n_found, f->sign.signature);
        status = copy ? finish(t, f, copy) : -1;
        wipe(t);
        if (!status)
            printf("%s\n  %zu input%s, %zu octets minimised to %zu: %s/%s/report.md\n",
                   f->sign.signature, f->n_paths, f->n_paths > 1 ? "s" : "", f->original_len,
                   f->len, t->o->out, f->name);
        fflush(stdout);
        f->input = NULL;
        free(copy);
    }
    return status;
}

/* ---- The command ------------------------------------------------------------------------ */

/* Makes the folder and those above it. */
static bool make_folder(const char *path)
{
    char part[1024];
    size_t n = strlen(path);
    struct stat st;
    for (size_t i = 1; i <= n && n < sizeof part; i++)
        if (i == n || path[i] == '/') {
            snprintf(part, sizeof part, "%.*s", (int)i, path);
            mkdir(part, 0777);
        }
    if (!stat(path, &st) && S_ISDIR(st.st_mode) && access(path, W_OK) == 0)
        return true;
    fprintf(stderr, "tcprig triage: cannot write into %s: %s; give --out a folder that can be "
            "made and written\n", path, strerror(errno));
    return false;
}

static bool have_programs(const struct triage *t)
{
    for (size_t i = 0; i < t->files.n; i++) {
        char path[1024];
        struct triage_program program = program_of(t, t->files.file[i].target, path);
        if (access(program.path, X_OK)) {
            fprintf(stderr, "tcprig triage: there is no replay program %s; build it with `make "
                    "%s`\n", path, path);
            return false;
        }
    }
    return true;
}

static bool collect(struct triage *t)
{
    const struct options *o = t->o;
    for (int i = 0; i < o->n_paths; i++)
        if (!triage_files_add(&t->files, o->path[i], o->target, o->programs))
            return false;
    if (!t->files.n) {
        fprintf(stderr, "tcprig triage: %s holds no input; give a folder with crash inputs\n",
                o->path[0]);
        return false;
    }
    return have_programs(t) && make_folder(o->out);
}

/* Findings that share their oracle, or are the only one of their place: one defect often breaks one
 * rule in several states.  The findings are in the order of their signatures. */
static size_t count_causes(const struct triage *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n_found; i++) {
        const struct triage_sign *sign = &t->found[i].sign;
        const struct triage_sign *last = i ? &t->found[i - 1].sign : NULL;
        size_t len = strcspn(sign->signature, " ");
        n += !last || strcmp(sign->kind, "oracle") || strcmp(last->kind, "oracle") ||
             strncmp(sign->signature, last->signature, len + 1);
    }
    return n;
}

static int triage_all(struct triage *t)
{
    if (!collect(t))
        return EXIT_USAGE;
    uint64_t began = clock_us();
    int status = judge_all(t) ? EXIT_UNSUPPORTED : 0;
    if (!status && finish_all(t))
        status = EXIT_USAGE;
    if (!status) {
        size_t causes = count_causes(t);
        printf("%zu input%s, %zu finding%s", t->files.n, t->files.n == 1 ? "" : "s", t->n_found,
               t->n_found == 1 ? "" : "s");
        if (causes < t->n_found)
            printf(" of %zu oracle%s or place%s", causes, causes == 1 ? "" : "s",
                   causes == 1 ? "" : "s");
        putchar('\n');
        status = t->n_found ? EXIT_FINDINGS : EXIT_AS_EXPECTED;
        t->result->seconds = (double)(clock_us() - began) * 1e-6;
        if (report_write(t->result, &t->o->paths))
            status = EXIT_USAGE;
    }
    for (size_t i = 0; i < t->n_found; i++)
        free(t->found[i].path);
    free(t->found);
    return status;
}

int cmd_triage(int argc, char **argv)
{
    struct options o = { .out = "build/triage", .cpu_limit = 2, .tries = 2000 };
    if (argp_parse(&argp, argc, argv, 0, NULL, &o))
        return EXIT_USAGE;
    if (!o.n_paths) {
        fputs("tcprig triage: no inputs given; name crash inputs or folders of them\n", stderr);
        return EXIT_USAGE;
    }
    if (!o.programs)
        o.programs = o.bug ? "build/replay-bugs" : "build/replay";
    struct triage t = { .o = &o, .result = result_new("tcprig triage"),
                        .live = isatty(STDERR_FILENO) };
    int status = triage_all(&t);
    triage_files_free(&t.files);
    result_free(t.result);
    return status;
}
