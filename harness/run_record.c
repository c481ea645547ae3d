#include "harness/run_record.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/ladder.h"
#include "harness/pcapng_case.h"
#include "harness/report.h"

char *record_folder(void)
{
    const char *tmp = getenv("TMPDIR");
    char *folder = result_text("%s/tcprig-run-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (mkdtemp(folder))
        return folder;
    free(folder);
    return NULL;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

void record_folder_remove(char *folder)
{
    if (folder)
        nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(folder);
}

static FILE *open_record(const char *folder, size_t i, const char *mode)
{
    char *path = result_text("%s/%zu", folder, i);
    FILE *f = fopen(path, mode);
    free(path);
    return f;
}

void record_write(const char *folder, size_t i, const struct result *r)
{
    FILE *f = folder ? open_record(folder, i, "w") : NULL;
    if (!f)
        return;
    report_json(r, f);
    fclose(f);
}

void record_take(const char *folder, size_t i, struct result_case *to)
{
    char why[256];
    FILE *f = folder ? open_record(folder, i, "r") : NULL;
    struct result *r = f ? report_read(f, "a live run's trace", why, sizeof(why)) : NULL;
    if (f)
        fclose(f);
    if (!r)
        return;
    if (r->n_cases == 1 && to->n_rows == 0) {
        struct result_case *from = r->cases[0];
        to->row = from->row;
        to->n_rows = from->n_rows;
        to->rows_left_out = from->rows_left_out;
        from->row = NULL;
        from->n_rows = 0;
    }
    result_free(r);
}

/* 0 or a negative errno. */
static int put_ladder(const struct result_case *rc, const char *path)
{
    FILE *f = fopen(path, "w");
    if (!f)
        return -errno;
    errno = 0;
    ladder_text(f, rc);
    const bool bad = ferror(f);
    return fclose(f) || bad ? -(errno ? errno : EIO) : 0;
}

void record_keep(struct result_case *rc, const char *folder, const char *kind)
{
    char path[4096];
    int n = snprintf(path, sizeof(path), "%s/%s.ip%d.%s", folder, rc->name, rc->ip_version, kind);
    if (n < 0 || (size_t)n >= sizeof(path))
        return;
    /* One flat folder: a case's own folders become part of its file's name. */
    for (char *p = path + strlen(folder) + 1; *p; p++)
        if (*p == '/')
            *p = '_';
    const int error = !strcmp(kind, "pcapng") ? pcapng_case(rc, path) : put_ladder(rc, path);
    if (error)
        fprintf(stderr, "tcprig run: cannot keep %s: %s\n", path, strerror(-error));
    else
        case_artefact(rc, kind, path);
}
