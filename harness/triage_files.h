/* The inputs that triage is given: files, and all files of folders, in the order of their names. */
#ifndef HARNESS_TRIAGE_FILES_H
#define HARNESS_TRIAGE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct triage_file {
    char *path;
    char *target; /* named by the caller, or the part of the path that is a target's name */
    uint8_t *octet;
    size_t len;
};

struct triage_files {
    struct triage_file *file;
    size_t n;
};

/* Adds path or what is in it.  Hidden files and the README that AFL++ leaves are no inputs.
 * False after one sentence on stderr. */
bool triage_files_add(struct triage_files *, const char *path, const char *target,
                      const char *programs);
void triage_files_free(struct triage_files *);

#endif
