/* Which cases there are. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/script_parse.h"
#include "interop/run.h"
#include "interop/tools.h"

enum { WHY = 512 };

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

static char *read_all(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text = f ? calloc(1, SCRIPT_MAX_OCTETS / 16) : NULL;
    if (text)
        text[fread(text, 1, SCRIPT_MAX_OCTETS / 16 - 1, f)] = '\0';
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

static bool is_bulk(const struct script *s)
{
    for (size_t i = 0; i < s->n_events; i++)
        if (s->event[i].kind == SC_CONFIG)
            for (const struct sc_pair *p = s->event[i].u.pair; p; p = p->next)
                if (strcmp(p->name, "wire") == 0)
                    return true;
    return false;
}

/* The name is the path below the folder that was given, without the ending. */
static void add_script(struct interop_jobs *jobs, const char *path, const char *below, bool swapped)
{
    char error[SCRIPT_ERROR_SIZE], why[WIRE_TEXT];
    struct interop_job *job = add_job(jobs);
    job->path = result_text("%s", path);
    job->script = script_load(path, error);
    job->source = read_all(path);
    job->swapped = swapped;
    play_config_default(&job->config);
    size_t len = strlen(below) - strlen(".pkt");
    if (!job->script) {
        job->error = result_text("%s", error);
    } else {
        job->roles = has_roles(job->script);
        job->bulk = is_bulk(job->script);
        if (!play_config_read(&job->config, job->script, why))
            job->error = result_text("%s: %s", path, why);
    }
    job->name = result_text("%.*s%s", (int)len, below,
                            !job->roles ? "" : swapped ? ":linux" : ":refstack");
}

static void add_roles(struct interop_jobs *jobs, const char *path, const char *below)
{
    add_script(jobs, path, below, false);
    if (jobs->job[jobs->n - 1].roles)
        add_script(jobs, path, below, true);
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
            add_roles(jobs, path, inner);
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
    size_t before = jobs->n;
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
        add_roles(jobs, path, slash ? slash + 1 : path);
    }
    if (jobs->n == before) {
        snprintf(why, WHY, "%.200s holds no script: interop scripts end in .pkt", path);
        return -1;
    }
    return 0;
}

void interop_find_tools(struct interop_jobs *jobs)
{
    for (const struct interop_tool *t = interop_tools; t->name; t++) {
        struct interop_job *job = add_job(jobs);
        job->name = result_text("tools/%s", t->name);
        job->tool = t;
        play_config_default(&job->config);
    }
}

static void job_free(struct interop_job *job)
{
    free(job->name);
    free(job->path);
    free(job->source);
    free(job->error);
    if (job->script)
        script_free(job->script);
}

void interop_filter(struct interop_jobs *jobs, const char *filter, bool slow)
{
    size_t kept = 0;
    for (size_t i = 0; i < jobs->n; i++) {
        struct interop_job *job = &jobs->job[i];
        if ((filter && !strstr(job->name, filter)) || (job->config.slow && !slow))
            job_free(job);
        else
            jobs->job[kept++] = *job;
    }
    jobs->n = kept;
}

void interop_jobs_free(struct interop_jobs *jobs)
{
    for (size_t i = 0; i < jobs->n; i++)
        job_free(&jobs->job[i]);
    free(jobs->job);
}
