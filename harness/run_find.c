/* Which cases a suite has: the scripts below the paths given, with the IP versions each is for. */
#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/run_suite.h"
#include "harness/script_parse.h"

static bool has_tag(const struct script *s, const char *id)
{
    for (size_t i = 0; i < s->n_events; i++)
        if (s->event[i].kind == SC_TAGS)
            for (const struct sc_pair *p = s->event[i].u.pair; p; p = p->next)
                if (strcmp(p->name, id) == 0)
                    return true;
    return false;
}

static char *case_name(const char *path, size_t skip)
{
    char *name = strdup(path + skip);
    if (!name)
        abort();
    size_t n = strlen(name);
    if (n > 4 && strcmp(name + n - 4, ".pkt") == 0)
        name[n - 4] = '\0';
    return name;
}

static void add_case(struct suite *s, const char *path, size_t skip, struct script *script,
                     uint8_t ip)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 128;
        s->item = realloc(s->item, s->cap * sizeof(*s->item));
        if (!s->item)
            abort();
    }
    s->item[s->n++] = (struct suite_case){ strdup(path), case_name(path, skip), script, ip };
}

/* A script for either version runs with each that the stack has. */
static int add_script(struct suite *s, const char *path, size_t skip,
                      const struct suite_options *opt, char *error, size_t cap)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->item[i].path, path) == 0)
            return 0;
    struct script *script = script_load(path, error);
    if (!script)
        return -1;
    /* A file that was cut short or saved empty is not to be a success. */
    if (!script_acts(script)) {
        snprintf(error, cap, "%s: expected an event, found none in the whole file; write one, such "
                 "as 0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3", path);
        script_free(script);
        return -1;
    }
    if (opt->filter && !strstr(path, opt->filter) && !has_tag(script, opt->filter)) {
        script_free(script);
        return 0;
    }
    /* Asked for by name, a version that the stack lacks is judged, as unsupported. */
    const bool six = opt->ip == 6 || (opt->ops->caps & SUT_IP6) || script->ip == 6;
    const size_t before = s->n;
    if (script->ip != 6 && opt->ip != 6)
        add_case(s, path, skip, script, 4);
    if (script->ip != 4 && opt->ip != 4 && six)
        add_case(s, path, skip, script, 6);
    if (s->n == before)
        script_free(script);
    return 0;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int add_folder(struct suite *s, const char *path, const struct suite_options *opt,
                      char *error, size_t cap)
{
    char *copy = strdup(path);
    char *const roots[] = { copy, NULL };
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        copy[--len] = '\0';
    FTS *f = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    int status = f ? 0 : -1;
    for (FTSENT *e; !status && (e = fts_read(f)) != NULL;) {
        const size_t n = e->fts_namelen;
        if (e->fts_info == FTS_F && n > 4 && !strcmp(e->fts_name + n - 4, ".pkt"))
            status = add_script(s, e->fts_path, len + 1, opt, error, cap);
        else if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR)
            status = -1, snprintf(error, cap, "cannot read %s: %s; make it readable", e->fts_path,
                                  strerror(e->fts_errno));
    }
    if (f)
        fts_close(f);
    free(copy);
    return status;
}

int suite_add(struct suite *s, const char *path, const struct suite_options *opt, char *error,
              size_t cap)
{
    struct stat st;
    if (stat(path, &st) < 0) {
        snprintf(error, cap, "cannot read %s: %s; name a script or a folder of scripts", path,
                 strerror(errno));
        return -1;
    }
    if (S_ISDIR(st.st_mode))
        return add_folder(s, path, opt, error, cap);
    const char *slash = strrchr(path, '/');
    return add_script(s, path, slash ? (size_t)(slash + 1 - path) : 0, opt, error, cap);
}

void suite_free(struct suite *s)
{
    for (size_t i = 0; i < s->n; i++) {
        /* Both versions of a case share one script. */
        if (i == 0 || s->item[i].script != s->item[i - 1].script)
            script_free(s->item[i].script);
        free(s->item[i].path);
        free(s->item[i].name);
    }
    free(s->item);
}
