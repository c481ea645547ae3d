/* Results: what a run of tcprig found out, before anyone decides how to show it.
 *
 * A run holds cases; a case has one verdict and may have a trace, from which the ladder, the
 * pcapng and the state diagram are made.  Script runner, interop, fuzzing, triage and the capture
 * checker fill this; report.h writes it as TAP, JUnit, JSON and HTML, and reads the JSON back, so
 * that a case that ran in a process of its own can hand its result to its parent as JSON.
 *
 * Everything given to these functions is copied; pointers to cases and findings stay good until
 * result_free, pointers to trace rows until the next row of the same case.  Nothing here can
 * fail: without memory the program ends. */
#ifndef HARNESS_RESULT_H
#define HARNESS_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "refstack/refstack.h"

enum verdict {
    VERDICT_PASS,
    VERDICT_FAIL,
    VERDICT_UNSUPPORTED,      /* the stack or this machine lacks what the case needs */
    VERDICT_ERROR,            /* the case could not be judged: bad script, crash of the SUT */
    VERDICT_EXPECTED_FAILURE, /* failed, as its reason says it must */
    N_VERDICTS
};
/* "pass", "fail", "unsupported", "error", "expected-failure", as in the JSON. */
const char *verdict_name(enum verdict);
/* The verdict of that name, or -1. */
int verdict_of(const char *name);

/* ---- Traces ----------------------------------------------------------------------------- */

/* The two ends of a case.  END_A stands left in the ladder: refstack against a peer, the script
 * (the tester) against its SUT, the first host of a pair. */
enum trace_end { END_A, END_B };
enum trace_kind {
    TRACE_PACKET, /* a frame or datagram left `end` for the other one */
    TRACE_EVENT   /* something happened at `end`: a user call, a timer, an assertion */
};
enum trace_fault {
    TRACE_NO_FAULT,
    TRACE_DROPPED,    /* left its end and was lost */
    TRACE_DUPLICATED, /* this row is the copy */
    TRACE_DELAYED,
    TRACE_REORDERED,
    TRACE_CORRUPTED,
    N_TRACE_FAULTS
};
/* "", "dropped", "duplicated", ... */
const char *trace_fault_name(enum trace_fault);

enum { TRACE_STATE_UNKNOWN = -1 };

struct trace_row {
    uint64_t us; /* microseconds since the case began */
    enum trace_kind kind;
    enum trace_end end;
    enum trace_fault fault;
    enum rs_link link;  /* TRACE_PACKET: what the octets begin with */
    uint8_t *octet;     /* TRACE_PACKET: as it left `end`; owned by the case */
    size_t len;         /* octets held */
    size_t wire_len;    /* octets it had; more than len when the recorder cut it */
    uint32_t line;      /* of the script; 0: none */
    char *note;         /* TRACE_EVENT: what happened; TRACE_PACKET: a remark, or NULL */
    int8_t before[2];   /* enum rs_state of END_A and END_B, or TRACE_STATE_UNKNOWN */
    int8_t after[2];
};

/* ---- Cases ------------------------------------------------------------------------------ */

struct result_case {
    char *name;     /* unique within suite and SUT: "open/lost-syn-ack"; where there are roles, it
                       may end in ":role" and shares a row with those that do not */
    char *suite;    /* "script", "interop", "fuzz", "triage", "check" */
    char *sut;      /* "refstack", "linux", ...; for a pair "refstack x linux" */
    char *role;     /* what distinguishes cells of one row: "refstack opens"; or NULL */
    char *file;     /* script or input it came from; or NULL */
    int ip_version; /* 4, 6, or 0 where it makes no difference */
    enum verdict verdict;
    char *reason;   /* NULL for a plain pass */
    double seconds;
    char *actor[2]; /* names of END_A and END_B in the ladder; NULL: "A", "B" */
    char **tag;     /* requirement ids: "MUST-11", "U-19", "RFC 5961 3.2" */
    size_t n_tags;
    struct result_artefact {
        char *kind; /* "pcapng", "log", "script", ... */
        char *path;
    } *artefact;
    size_t n_artefacts;
    struct trace_row *row;
    size_t n_rows;
    uint64_t rows_left_out; /* packets of bulk transfers that the recorder did not keep */
};

/* Sets the verdict; fmt NULL for no reason. */
void case_verdict(struct result_case *, enum verdict, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void case_role(struct result_case *, const char *role);
void case_file(struct result_case *, const char *file);
void case_actors(struct result_case *, const char *a, const char *b);
void case_tag(struct result_case *, const char *id); /* one that is there already is not repeated */
void case_artefact(struct result_case *, const char *kind, const char *path);
/* Gives up the recorded rows, where no report will show them. */
void case_forget_rows(struct result_case *);

/* Adds a row with unknown states and no fault; the caller fills the rest of it. */
struct trace_row *case_packet(struct result_case *, uint64_t us, enum trace_end from,
                              enum rs_link, const void *octets, size_t len);
struct trace_row *case_event(struct result_case *, uint64_t us, enum trace_end at,
                             const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void trace_note(struct trace_row *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- Figures and findings --------------------------------------------------------------- */

/* One fuzz target's run. */
struct result_fuzz {
    char *target;
    char *engine; /* "libfuzzer", "aflpp", "replay" */
    double seconds;
    uint64_t execs;
    double execs_per_second;
    uint64_t edges;       /* covered, as the engine counts them; 0: not known */
    double line_coverage; /* per cent of the TCP code's lines; negative: not known */
    uint64_t corpus;      /* inputs in the work corpus */
    uint64_t findings;
};

/* A broken oracle or a memory error, DESIGN's signature in its parts. */
struct result_finding {
    char *signature; /* the whole line */
    char *kind;      /* "oracle", "heap-buffer-overflow", "leak", "timeout", ... */
    char *target;
    char *title; /* one sentence */
    char *bundle; /* folder of the bundle, or NULL */
    char *replay; /* the exact command */
    char *planted; /* the planted bug that was awake: it had to be found; or NULL */
    uint64_t inputs; /* that show it */
};

/* A requirement of the ledger (ledger.h); lists are words between blanks. */
struct result_requirement {
    char *id, *section, *rule;
    char *code;      /* where it is kept, FILE:FUNCTION below refstack/; or NULL */
    char *tests;     /* or NULL */
    char *bugs;      /* planted ones that the tests kill; or NULL */
    char *deviation; /* why it is not kept, or shows nothing; or NULL */
};

/* ---- A run ------------------------------------------------------------------------------ */

struct result {
    char *title;   /* "tcprig run" and its arguments */
    char *machine; /* uname -srm */
    char *started; /* UTC, RFC 3339; NULL when the run is to be reproducible */
    char *base; /* what the page's links put before relative paths; NULL: nothing */
    double seconds;
    struct result_case **cases;
    size_t n_cases;
    struct result_fuzz *fuzz;
    size_t n_fuzz;
    struct result_finding *finding;
    size_t n_findings;
    struct result_requirement *requirement;
    size_t n_requirements;
    /* How often each state and transition was seen beyond what the traces show (the observer
     * counts it; fuzzing does).  The report adds what the traces show. */
    uint64_t state_hits[RS_N_STATES];
    uint64_t transition_hits[RS_N_STATES][RS_N_STATES]; /* [from][to] */
};

struct result *result_new(const char *title);
void result_free(struct result *);
/* Verdict is VERDICT_ERROR "not run" until case_verdict says otherwise. */
struct result_case *result_case(struct result *, const char *suite, const char *name,
                                const char *sut, int ip_version);
struct result_fuzz *result_fuzz(struct result *, const char *target, const char *engine);
struct result_finding *result_finding(struct result *, const char *signature);
struct result_requirement *result_requirement(struct result *, const char *id, const char *section,
                                              const char *rule);
/* Moves all of `from` into `to` and frees `from`. */
void result_merge(struct result *to, struct result *from);

struct result_counts {
    size_t of[N_VERDICTS];
    size_t total;
};
struct result_counts result_count(const struct result *);
/* Exit status: 1 when a case failed or is in error or there are findings (those of planted bugs
 * apart), 77 when all there is is unsupported, otherwise 0. */
int result_status(const struct result *);

/* printf into a fresh string; for whoever fills a member above by hand. */
char *result_text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
