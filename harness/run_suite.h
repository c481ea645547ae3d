/* Many scripts against one stack: found, run in worker processes, judged one by one.
 *
 * Each worker writes its verdicts into shared memory, so that a stack that crashes or hangs costs
 * one case and not the run.  Traces are not carried over: in virtual time a second run is the
 * same run, so the cases whose packets are wanted are run again here, recorded.  In real time the
 * run that was judged is recorded (run_record.h). */
#ifndef HARNESS_RUN_SUITE_H
#define HARNESS_RUN_SUITE_H

#include "harness/expect.h"
#include "harness/report.h"
#include "harness/run.h"

struct suite_case {
    char *path;      /* of the script */
    char *name;      /* its path without the folders given and without .pkt */
    struct script *script;
    uint8_t ip;
};

struct suite {
    struct suite_case *item;
    size_t n, cap;
};

struct suite_options {
    const struct sut_ops *ops;
    const char *filter; /* a part of a name, or a requirement id; NULL: all */
    const char *keep;   /* folder for pcapng and ladder of each case that failed; NULL: none */
    const struct expect *expect; /* failures that are known; NULL: none */
    unsigned jobs;
    unsigned timeout_s; /* of real time that one case may take */
    uint64_t seed;
    uint8_t ip;         /* 4 or 6: only cases of this version; 0: both */
    bool allow_shell, loose; /* of struct run_options */
    bool trace_all;     /* record every case, for the HTML page */
};

/* Adds a script, or every .pkt below a folder.  0, or -1 after one sentence in error. */
int suite_add(struct suite *, const char *path, const struct suite_options *, char *error,
              size_t cap);
void suite_run(const struct suite *, const struct suite_options *, struct result *, struct tap *);
void suite_free(struct suite *);
/* Seconds of real time, for what a run took. */
double suite_clock(void);

#endif
