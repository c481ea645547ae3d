#include "harness/expect.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool add(struct expect *e, char *line, unsigned number, char *error, size_t cap)
{
    char *tab = strchr(line, '\t');
    if (!tab || tab == line || tab[1] == '\0' || tab[1] == '\t') {
        snprintf(error, cap, "%s:%u: expected SCRIPT<TAB>REASON, got '%.60s'; write a script's "
                             "path, one tab, and why it fails", e->path, number, line);
        return false;
    }
    *tab = '\0';
    for (size_t i = 0; i < e->n; i++) {
        if (strcmp(e->entry[i].script, line) != 0)
            continue;
        snprintf(error, cap, "%s:%u: %s is listed twice; leave one line", e->path, number, line);
        return false;
    }
    e->entry = realloc(e->entry, (e->n + 1) * sizeof(*e->entry));
    if (!e->entry)
        abort();
    char *sign = strchr(tab + 1, '\t');
    if (sign)
        *sign++ = '\0';
    e->entry[e->n++] = (struct expect_entry){ strdup(line), strdup(tab + 1),
                                              strdup(sign ? sign : "") };
    return true;
}

static bool read_lines(struct expect *e, FILE *f, char *error, size_t cap)
{
    char *line = NULL;
    size_t size = 0;
    bool ok = true;
    for (unsigned number = 1; ok && getline(&line, &size, f) > 0; number++) {
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] != '\0' && line[0] != '#')
            ok = add(e, line, number, error, cap);
    }
    free(line);
    return ok;
}

static char *file_of(const char *path, const char *sut)
{
    struct stat st;
    char *file = NULL;
    if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
        return strdup(path);
    /* `tap:NAME` and `so:FILE` are known by what stands before the colon. */
    if (asprintf(&file, "%s/%.*s.tsv", path, (int)strcspn(sut, ":"), sut) < 0)
        abort();
    return file;
}

int expect_load(struct expect *e, const char *path, const char *sut, char *error, size_t cap)
{
    struct stat st;
    const bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    *e = (struct expect){ .path = file_of(path, sut) };
    FILE *f = fopen(e->path, "r");
    if (!f && folder && errno == ENOENT)
        return 0;
    if (!f) {
        snprintf(error, cap, "cannot read %s: %s; name a file of expected failures, or a folder "
                             "of them", e->path, strerror(errno));
        expect_free(e);
        return -1;
    }
    const bool ok = read_lines(e, f, error, cap);
    fclose(f);
    if (!ok)
        expect_free(e);
    return ok ? 0 : -1;
}

/* The entry names the end of the path, from a folder's beginning on. */
static bool names(const char *script, const char *path, size_t len)
{
    const size_t n = strlen(script);
    return n <= len && strncmp(path + len - n, script, n) == 0 &&
           (n == len || path[len - n - 1] == '/');
}

const struct expect_entry *expect_find(const struct expect *e, const char *script_path)
{
    size_t len = strlen(script_path);
    if (len > 4 && strcmp(script_path + len - 4, ".pkt") == 0)
        len -= 4;
    for (size_t i = 0; i < e->n; i++)
        if (names(e->entry[i].script, script_path, len))
            return &e->entry[i];
    return NULL;
}

void expect_free(struct expect *e)
{
    for (size_t i = 0; i < e->n; i++) {
        free(e->entry[i].script);
        free(e->entry[i].reason);
        free(e->entry[i].sign);
    }
    free(e->entry);
    free(e->path);
    *e = (struct expect){ 0 };
}
