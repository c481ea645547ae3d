/* Which cases there are. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/script_parse.h"
#include "interop/known.h"
#include "interop/run.h"
#include "interop/stack.h"
#include "interop/tools.h"

enum { WHY = 512, BULK = 256 * 1024 };

static struct interop_job *add_job(struct interop_jobs *jobs)
{
    if (jobs->n == jobs->cap) {
        size_t cap = jobs->cap ? jobs->cap * 2 : 64;
        struct interop_job *more = realloc(jobs->job, cap * sizeof *more);
        if (!more)
            abort();
        jobs->job = more;
        jobs->cap = cap;
    }
    struct interop_job *job = &jobs->job[jobs->n++];
    memset(job, 0, sizeof *job);
    return job;
}

/* Its octets, in no more memory than they take: each case's process begins as a copy of ours. */
static char *read_all(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text = f ? malloc(SCRIPT_MAX_OCTETS / 16) : NULL;
    if (text) {
        const size_t len = fread(text, 1, SCRIPT_MAX_OCTETS / 16 - 1, f);
        text[len] = '\0';
        char *less = realloc(text, len + 1);
        text = less ? less : text;
    }
    if (f)
        fclose(f);
    return text;
}

static bool is_role(char actor)
{
    return actor == 'A' || actor == 'B';
}

static bool has_roles(const struct script *s)
{
    for (size_t i = 0; i < s->n_events; i++)
        if (is_role(s->event[i].actor) ||
            (s->event[i].kind == SC_PACKET && is_role(s->event[i].u.packet.from)))
            return true;
    return false;
}

/* Whether more octets are sent than a few windows hold. */
static bool is_bulk(const struct script *s)
{
    uint64_t octets = 0;
    for (size_t i = 0; i < s->n_events; i++)
        if (s->event[i].kind == SC_USER && s->event[i].u.user.op == SC_SEND)
            octets += s->event[i].u.user.amount;
    return octets > BULK;
}

/* Whether a timer runs in it: the case costs time and no work. */
static bool waits(const struct script *s)
{
    for (size_t i = 0; i < s->n_events; i++)
        if (s->event[i].kind == SC_FAULT || s->event[i].kind == SC_WAIT ||
            s->event[i].kind == SC_SILENCE)
            return true;
    return false;
}

static void add_source(struct interop_jobs *jobs, const char *path, const char *below)
{
    char error[SCRIPT_ERROR_SIZE], why[WIRE_TEXT];
    struct interop_source *source = calloc(1, sizeof *source);
    if (!source)
        abort();
    source->path = result_text("%s", path);
    source->below = result_text("%.*s", (int)(strlen(below) - strlen(".pkt")), below);
    source->script = script_load(path, error);
    source->text = read_all(path);
    play_config_default(&source->config);
    if (!source->script) {
        source->error = result_text("%s", error);
    } else {
        source->roles = has_roles(source->script);
        source->bulk = is_bulk(source->script);
        source->waits = waits(source->script);
        if (!play_config_read(&source->config, source->script, why))
            source->error = result_text("%s: %s", path, why);
        source->busy = source->bulk && !source->config.rates[END_A].drop;
    }
    if (!jobs->last)
        jobs->last = &jobs->sources;
    *jobs->last = source;
    jobs->last = &source->next;
}

static bool is_script(const char *name)
{
    size_t len = strlen(name);
    return len > 4 && strcmp(name + len - 4, ".pkt") == 0;
}

static int find_in(struct interop_jobs *jobs, const char *folder, const char *below, char *why)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, NULL, alphasort);
    if (n < 0) {
        snprintf(why, WHY, "cannot read the folder %.200s: %s", folder, strerror(errno));
        return -1;
    }
    int rc = 0;
    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name;
        char *path = result_text("%s/%s", folder, name);
        char *inner = result_text("%s%s", below, name);
        struct stat st;
        if (name[0] == '.' || rc < 0) {
            /* hidden */
        } else if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
            char *prefix = result_text("%s/", inner);
            rc = find_in(jobs, path, prefix, why);
            free(prefix);
        } else if (is_script(name)) {
            add_source(jobs, path, inner);
        }
        free(path);
        free(inner);
        free(entries[i]);
    }
    free(entries);
    return rc;
}

int interop_find(struct interop_jobs *jobs, const char *path, char *why)
{
    struct stat st;
    struct interop_source **before = jobs->last;
    if (stat(path, &st) < 0) {
        snprintf(why, WHY, "there is no file or folder %.200s: give one with interop scripts "
                 "(.pkt)", path);
        return -1;
    }
    if (S_ISDIR(st.st_mode)) {
        if (find_in(jobs, path, "", why) < 0)
            return -1;
    } else if (is_script(path)) {
        const char *slash = strrchr(path, '/');
        add_source(jobs, path, slash ? slash + 1 : path);
    }
    if (interop_known_read(jobs, path, why) < 0)
        return -1;
    if (jobs->last == before) {
        snprintf(why, WHY, "%.200s holds no script: interop scripts end in .pkt", path);
        return -1;
    }
    return 0;
}

/* ---- From scripts to cases -------------------------------------------------------------- */

/* Sources and roles a script can be cast with: refstack and the kernel by name need just these. */
static bool can_cast(const struct interop_source *source, const struct stack_pair *pair)
{
    bool live = pair->stack[END_A]->kind == STACK_HOST && pair->stack[END_B]->kind == STACK_KERNEL;
    return live || (source->roles && !source->config.each[0]);
}

static void add_case(struct interop_jobs *jobs, const struct interop_source *source,
                     const struct play_cast *cast, const char *option)
{
    struct interop_job *job = add_job(jobs);
    const char *a = cast->stack[cast->swapped ? END_B : END_A]->name;
    job->source = source;
    job->config = source->config;
    job->cast = *cast;
    job->name = result_text("%s%s%s%s", source->below, option, source->roles ? ":" : "",
                            source->roles ? a : "");
    job->known = interop_known_reason(jobs, job);
}

/* With and without the option at each end: four cases.  The names say END_A's setting first. */
static void add_options(struct interop_jobs *jobs, const struct interop_source *source,
                        const struct play_cast *cast)
{
    for (unsigned i = 0; i < 4; i++) {
        bool a = !(i & 2), b = !(i & 1);
        char option[32];
        snprintf(option, sizeof option, "-%s-%s", a ? "on" : "off", b ? "on" : "off");
        add_case(jobs, source, cast, option);
        struct play_config *c = &jobs->job[jobs->n - 1].config;
        play_config_switch(c, source->config.each, END_A, a);
        play_config_switch(c, source->config.each, END_B, b);
    }
}

static void add_roles(struct interop_jobs *jobs, const struct interop_source *source,
                      const struct stack_pair *pair, int ip_version)
{
    /* Of two of a kind one role tells all, and a translator never opens, so that it is never A. */
    bool one = !source->roles || pair->stack[END_A] == pair->stack[END_B] ||
               pair->stack[END_B]->kind == STACK_TRANSLATOR;
    for (int swapped = 0; swapped < (one ? 1 : 2); swapped++) {
        const struct play_cast cast = { { pair->stack[END_A], pair->stack[END_B] }, swapped != 0,
                                        ip_version };
        if (source->config.each[0])
            add_options(jobs, source, &cast);
        else
            add_case(jobs, source, &cast, "");
    }
}

void interop_cast(struct interop_jobs *jobs, const struct interop_scope *scope)
{
    for (const struct interop_source *s = jobs->sources; s; s = s->next)
        for (size_t i = 0; i < scope->n_pairs; i++) {
            if (!can_cast(s, &scope->pair[i]))
                continue;
            if (scope->ip4 && s->config.ip_only != 6)
                add_roles(jobs, s, &scope->pair[i], 4);
            if (scope->ip6 && s->config.ip_only != 4)
                add_roles(jobs, s, &scope->pair[i], 6);
        }
}

static struct interop_job *add_tool(struct interop_jobs *jobs, const struct interop_tool *t, int ip)
{
    struct interop_job *job = add_job(jobs);
    job->tool = t;
    job->cast = (struct play_cast){ { stack_find("refstack"), stack_find("linux") }, false, ip };
    play_config_default(&job->config);
    return job;
}

void interop_find_tools(struct interop_jobs *jobs, const struct interop_scope *scope)
{
    for (const struct interop_tool *t = interop_tools; t->name; t++)
        for (int ip = 4; ip <= 6; ip += 2)
            if (ip == 4 ? scope->ip4 : scope->ip6)
                add_tool(jobs, t, ip)->name = result_text("tools/%s", t->name);
}

/* Every case over every version. */
static void add_peer(struct interop_jobs *jobs, const char *program,
                     const struct interop_scope *scope)
{
    const char *slash = strrchr(program, '/');
    for (const struct interop_tool *t = interop_peer_cases; t->name; t++)
        for (int ip = 4; ip <= 6; ip += 2) {
            if (!(ip == 4 ? scope->ip4 : scope->ip6))
                continue;
            struct interop_tool *own = malloc(sizeof *own);
            if (!own)
                abort();
            *own = *t;
            memmove(own->arg + 1, t->arg, (TOOL_ARGS - 1) * sizeof own->arg[0]);
            own->arg[0] = result_text("%s", program);
            own->peer = true;
            struct interop_job *job = add_tool(jobs, own, ip);
            job->own = own;
            job->name = result_text("peers/%s/%s", slash ? slash + 1 : program, t->name);
        }
}

int interop_find_peer(struct interop_jobs *jobs, const char *path,
                      const struct interop_scope *scope, char *why)
{
    struct dirent **entries;
    struct stat st;
    if (strchr(path, '/') && stat(path, &st) < 0) {
        snprintf(why, WHY, "there is no endpoint program %.200s: %s", path, strerror(errno));
        return -1;
    }
    if (!strchr(path, '/') && !stack_program(path)) {
        snprintf(why, WHY, "there is no endpoint program %.200s in PATH", path);
        return -1;
    }
    if (!strchr(path, '/') || !S_ISDIR(st.st_mode)) {
        add_peer(jobs, path, scope);
        return 0;
    }
    int n = scandir(path, &entries, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char *program = result_text("%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && access(program, X_OK) == 0)
            add_peer(jobs, program, scope);
        free(program);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return 0;
}

static void free_job(struct interop_job *job)
{
    if (job->own)
        free((void *)(uintptr_t)job->own->arg[0]);
    free(job->own);
    free(job->name);
}

void interop_filter(struct interop_jobs *jobs, const char *filter, bool slow)
{
    size_t kept = 0;
    for (size_t i = 0; i < jobs->n; i++) {
        struct interop_job *job = &jobs->job[i];
        if ((filter && !strstr(job->name, filter)) || (job->config.slow && !slow))
            free_job(job);
        else
            jobs->job[kept++] = *job;
    }
    jobs->n = kept;
}

void interop_jobs_free(struct interop_jobs *jobs)
{
    for (size_t i = 0; i < jobs->n; i++)
        free_job(&jobs->job[i]);
    free(jobs->job);
    interop_known_free(jobs);
    while (jobs->sources) {
        struct interop_source *s = jobs->sources;
        jobs->sources = s->next;
        free(s->path);
        free(s->below);
        free(s->text);
        free(s->error);
        if (s->script)
            script_free(s->script);
        free(s);
    }
}
