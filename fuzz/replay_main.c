/* Runs a fuzz target over files, or the files of directories, with any C compiler.
 *
 *     replay-program [-q] FILE|DIR ...
 *
 * One process runs them all; the name of each is printed before it runs, so that the last line
 * names the input that ended the process.  Directories are taken in the order of their names. */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *program;
static bool quiet;
static unsigned n_run;

static _Noreturn void refuse(const char *path, const char *why)
{
    fprintf(stderr, "%s: cannot read %s: %s; give files of input or directories of them\n", program,
            path, why);
    exit(2);
}

/* The octets are given in a block of exactly their size: a sanitizer sees the first one past it. */
static void run_file(const char *path, size_t size)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(size ? size : 1);

    if (!f || !data)
        refuse(path, strerror(errno));
    size_t got = fread(data, 1, size, f);
    fclose(f);
    if (got != size)
        refuse(path, "shorter than its size says");
    if (!quiet) {
        printf("%s (%zu octets)\n", path, size);
        fflush(stdout);
    }
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    n_run++;
}

static int visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static void run_path(const char *path)
{
    struct stat st;
    struct dirent **entry;

    if (stat(path, &st) != 0)
        refuse(path, strerror(errno));
    if (!S_ISDIR(st.st_mode)) {
        run_file(path, (size_t)st.st_size);
        return;
    }
    int n = scandir(path, &entry, visible, alphasort);
    if (n < 0)
        refuse(path, strerror(errno));
    for (int i = 0; i < n; i++) {
        char child[4096];
        snprintf(child, sizeof(child), "%s/%s", path, entry[i]->d_name);
        free(entry[i]);
        run_path(child);
    }
    free(entry);
}

int main(int argc, char **argv)
{
    program = argv[0];
    int first = 1;

    if (argc > 1 && !strcmp(argv[1], "-q")) {
        quiet = true;
        first = 2;
    }
    if (first >= argc) {
        fprintf(stderr, "usage: %s [-q] FILE|DIR ...\n", program);
        return 2;
    }
    for (int i = first; i < argc; i++)
        run_path(argv[i]);
    printf("%u inputs, no finding\n", n_run);
    return 0;
}
