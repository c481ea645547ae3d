/* An input in words: a line for each event, as scripts write it. */
#ifndef HARNESS_TRIAGE_SCRIPT_H
#define HARNESS_TRIAGE_SCRIPT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct triage_text {
    char **line; /* malloc'd, one for each event that runs, those of the start included */
    size_t n;
    size_t n_start; /* events of the start */
};

/* The lines of an input; none for a target whose inputs are no events. */
void triage_text_of(const char *target, const uint8_t *p, size_t len, struct triage_text *);
void triage_text_free(struct triage_text *);
/* The script: what the input configures, the lines; for plain octets a dump and what they are. */
void triage_script(FILE *, const char *target, const uint8_t *p, size_t len);

#endif
