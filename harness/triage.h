/* Triage: from a heap of crash inputs to findings, each with one cause, one small input and all
 * that is needed to see it again.
 *
 * Every input runs in a fresh process of its target's replay program.  What the process said and
 * how it ended gives a signature; inputs of one signature are one finding.  The smallest of them
 * is made smaller by whole events, then simpler field by field, as long as the signature stays. */
#ifndef HARNESS_TRIAGE_H
#define HARNESS_TRIAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct result_case;

/* ---- Running an input: triage_run.c ----------------------------------------------------- */

struct triage_program {
    const char *path; /* the replay program */
    const char *bug;  /* planted bug to wake (TCPRIG_BUG), "" for none, NULL: as we were called */
    double cpu_limit; /* seconds of CPU after which the process hangs */
};

struct triage_run {
    int status;  /* as waitpid gives it */
    bool hung;   /* it was ended at the CPU limit */
    char *log;   /* what it wrote to stderr, cut at TRIAGE_LOG octets; malloc'd */
};
enum { TRIAGE_LOG = 256 * 1024 };

/* Runs the program on octets.  With `stack` an abort prints its stack, which a signature needs
 * only where no oracle speaks.  trace: file for the run's trace, or NULL.  0, or -1 with errno when
 * the machine could not run it. */
int triage_run(const struct triage_program *, const uint8_t *p, size_t len, bool stack,
               const char *trace, struct triage_run *);

/* ---- Signatures: triage_sign.c ---------------------------------------------------------- */

struct triage_sign {
    char kind[64];       /* "oracle", "heap-buffer-overflow", "leak", "undefined", "hang", ... */
    char signature[240]; /* the whole line; stable between inputs, builds and machines */
    char title[240];     /* one sentence */
};

/* False when the run shows nothing wrong. */
bool triage_sign(const struct triage_run *, struct triage_sign *);
/* Runs the octets and signs.  1: a finding; 0: none; -1 with errno. A hang is sampled several
 * times, because a loop is met at any of its points. */
int triage_judge(const struct triage_program *, const uint8_t *p, size_t len, struct triage_sign *);
/* Whether the octets show the very finding.  A hang is asked for once and sooner than triage_judge
 * would say so: minimising asks often, and what comes out is judged again. */
bool triage_shows(const struct triage_program *, const uint8_t *p, size_t len,
                  const struct triage_sign *);
/* A log without what changes from run to run: addresses, process ids, absolute paths. */
void triage_scrub(char *log);

/* ---- Minimising: triage_min.c ----------------------------------------------------------- */

/* Whether a target's inputs are lists of harness/input.h; those of others are plain octets. */
bool triage_has_events(const char *target);
/* Whether they drive two hosts, which begin without a start. */
bool triage_is_pair(const char *target);

/* Where an input's events begin: span[i] up to span[i + 1], the last one the length; what stands
 * before span[0] is no event and is never removed. */
struct triage_spans {
    size_t n; /* events; n + 1 entries */
    size_t *span;
};
/* By the target's own encoding where it is known, else each octet is an event.  false without
 * memory. */
bool triage_spans_of(const char *target, const uint8_t *p, size_t len, struct triage_spans *);

/* Whether an input still shows what is being minimised. */
typedef bool triage_keeps(void *arg, const uint8_t *p, size_t len);

/* Minimises p in place and returns the new length.  At most `tries` calls of keeps. */
size_t triage_minimise(const char *target, uint8_t *p, size_t len, unsigned tries,
                       triage_keeps *keeps, void *arg);

/* ---- Bundles: triage_bundle.c ----------------------------------------------------------- */

struct triage_finding {
    struct triage_sign sign;
    const char *target;
    char name[72];        /* of the bundle's folder, made from the signature */
    uint8_t *input;       /* minimised */
    size_t len;
    size_t events;
    bool planted; /* it shows only while the program's planted bug is awake */
    const char *original; /* path of the input it was minimised from */
    size_t original_len;
    size_t original_events;
    const char **path;    /* every input that shows it, in order */
    size_t n_paths;
};

/* Writes the bundle into the folder `out`, which exists, and adds its trace to the case.
 * 0, or -1 after one sentence on stderr. */
int triage_bundle(const struct triage_program *, const struct triage_finding *, const char *out,
                  struct result_case *);
void triage_name(struct triage_finding *);

#endif
