/* Runs a script against a stack, in virtual time where the stack allows it, and judges it. */
#ifndef HARNESS_RUN_H
#define HARNESS_RUN_H

#include "harness/result.h"
#include "harness/script.h"
#include "harness/sut.h"

enum { RUN_REASON_SIZE = 2048 };

struct run_options {
    uint64_t seed;
    uint8_t ip;                /* version the case runs with: 4 or 6 */
    struct result_case *trace; /* where each packet and call is recorded, or NULL */
    uint64_t real_limit;       /* microseconds a script may need in real time; 0: any */
    bool allow_shell;          /* run its commands, in the case's namespace */
    bool loose;                /* leave to the stack what the RFCs leave to it (run_expect.c) */
};

/* DESIGN.md section 2: `unsupported` when the stack lacks what the script asks for, `error` when
 * the case cannot be judged.  A failure's reason reads `file:line: field: expected X, got Y`,
 * followed by both segments in script notation and the connection's state. */
struct run_result {
    enum verdict verdict;
    char reason[RUN_REASON_SIZE]; /* empty for a pass */
    uint32_t line;                /* where it was decided; 0 for a pass */
    uint64_t us;                  /* time it took, by the script's clock */
    bool stalled; /* in real time: the machine ran us too late for a failure to mean much */
};

void run_script(const struct script *, const struct sut_ops *, const struct run_options *,
                struct run_result *);

/* Microseconds that the script takes at least, by its own clock. */
uint64_t run_least(const struct script *);

#endif
