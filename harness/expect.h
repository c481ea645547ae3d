/* Failures that are known and explained.  A case listed here must fail, so that the list is never
 * longer than what is true.
 *
 * A file has one case a line, `SCRIPT<TAB>REASON[<TAB>SIGN]`: the script's path below its corpus
 * folder, without .pkt; the reason with the clause that the stack departs from; and what the
 * failure's message must contain, or it is another failure.  Lines that begin with # and empty ones
 * are comments. */
#ifndef HARNESS_EXPECT_H
#define HARNESS_EXPECT_H

#include <stddef.h>

struct expect_entry {
    char *script, *reason, *sign; /* sign: "" for any failure */
};

struct expect {
    char *path; /* of the file; NULL: nothing is expected to fail */
    struct expect_entry *entry;
    size_t n;
};

/* Reads the file, or SUT.tsv of a folder, which need not be there.  0, or -1 after one sentence in
 * error. */
int expect_load(struct expect *, const char *path, const char *sut, char *error, size_t cap);
/* How the script at this path is expected to fail, or NULL. */
const struct expect_entry *expect_find(const struct expect *, const char *script_path);
void expect_free(struct expect *);

#endif
