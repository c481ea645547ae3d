#include "harness/triage_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { INPUT_MOST = 1 << 20 }; /* more is no fuzz input */

static bool refuse(const char *path, const char *why)
{
    fprintf(stderr, "tcprig triage: cannot read %s: %s; give crash inputs or folders of them\n",
            path, why);
    return false;
}

/* Findings lie under build/findings/TARGET/: a part of the path for which there is a replay
 * program names the target. */
static char *target_of(const char *path, const char *programs)
{
    for (const char *part = path; *part;) {
        size_t n = strcspn(part, "/");
        char program[1024];
        struct stat st;
        snprintf(program, sizeof program, "%s/%.*s", programs, (int)n, part);
        if (n > 5 && !strncmp(part, "fuzz_", 5) && !stat(program, &st) && S_ISREG(st.st_mode))
            return strndup(part, n);
        part += n + (part[n] == '/');
    }
    return NULL;
}

static bool read_octets(struct triage_file *f)
{
    FILE *in = fopen(f->path, "rb");
    f->octet = malloc(INPUT_MOST + 1);
    if (!in || !f->octet) {
        bool good = refuse(f->path, strerror(errno));
        if (in)
            fclose(in);
        return good;
    }
    f->len = fread(f->octet, 1, INPUT_MOST + 1, in);
    bool failed = ferror(in);
    fclose(in);
    if (failed)
        return refuse(f->path, strerror(errno));
    if (f->len > INPUT_MOST)
        return refuse(f->path, "longer than 1 MiB, so no fuzz input");
    uint8_t *tight = realloc(f->octet, f->len ? f->len : 1);
    f->octet = tight ? tight : f->octet;
    return true;
}

static bool add_file(struct triage_files *all, const char *path, const char *target,
                     const char *programs)
{
    struct triage_file *more = realloc(all->file, (all->n + 1) * sizeof *more);
    if (!more)
        return refuse(path, strerror(ENOMEM));
    all->file = more;
    struct triage_file *f = &all->file[all->n++];
    *f = (struct triage_file){ .path = strdup(path) };
    f->target = target ? strdup(target) : target_of(path, programs);
    if (!f->target) {
        fprintf(stderr, "tcprig triage: no part of the path %s names a fuzz target that is built "
                "in %s; name it with --target\n", path, programs);
        return false;
    }
    return read_octets(f);
}

static int is_input(const struct dirent *e)
{
    return e->d_name[0] != '.' && strcmp(e->d_name, "README.txt") != 0;
}

static bool add_folder(struct triage_files *all, const char *path, const char *target,
                       const char *programs)
{
    struct dirent **entry;
    int n = scandir(path, &entry, is_input, alphasort);
    if (n < 0)
        return refuse(path, strerror(errno));
    bool good = true;
    for (int i = 0; i < n; i++) {
        char *child = NULL;
        if (good && asprintf(&child, "%s/%s", path, entry[i]->d_name) >= 0)
            good = triage_files_add(all, child, target, programs);
        free(child);
        free(entry[i]);
    }
    free(entry);
    return good;
}

bool triage_files_add(struct triage_files *all, const char *path, const char *target,
                      const char *programs)
{
    struct stat st;
    if (stat(path, &st))
        return refuse(path, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return add_folder(all, path, target, programs);
    if (!S_ISREG(st.st_mode))
        return refuse(path, "neither a file nor a folder");
    return add_file(all, path, target, programs);
}

void triage_files_free(struct triage_files *all)
{
    for (size_t i = 0; i < all->n; i++) {
        free(all->file[i].path);
        free(all->file[i].target);
        free(all->file[i].octet);
    }
    free(all->file);
}
