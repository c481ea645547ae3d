/* Runs many interop cases at once, each in a process and a namespace of its own. */
#ifndef INTEROP_RUN_H
#define INTEROP_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/result.h"
#include "harness/script.h"
#include "interop/play.h"

struct interop_tool;

/* A script as it was found. */
struct interop_source {
    struct interop_source *next;
    char *path, *below; /* below: the path within the folder that was given, without the ending */
    char *text;
    struct script *script; /* NULL and an error when it cannot be read */
    char *error;
    struct play_config config;
    bool roles; /* it has actors A and B */
    bool bulk;  /* it moves much and takes longer than most, */
    bool waits; /* for a timer, behind a lost segment or by itself */
    bool busy;  /* keeping a processor busy, instead of waiting for lost segments */
};

/* A case that may run: a script in one of its roles, or a program of this machine as the peer. */
struct interop_job {
    char *name;
    const struct interop_source *source; /* NULL: a tool */
    const struct interop_tool *tool;
    struct interop_tool *own; /* an endpoint program's, freed with the job; or NULL */
    struct play_config config;
    struct play_cast cast;
    const char *known; /* why it is known to fail, or NULL */
    /* while it runs */
    int pid;
    FILE *answer;
    uint64_t started;
    int attempts;
    bool done;
};

struct interop_known;

struct interop_jobs {
    struct interop_known *known;
    struct interop_source *sources, **last;
    struct interop_job *job;
    size_t n, cap;
};

/* What the scripts are played by and over. */
struct interop_scope {
    struct stack_pair pair[STACK_PAIRS];
    size_t n_pairs;
    bool ip4, ip6;
};

/* Reads the scripts of a file or, in the order of their names, of a folder and those in it.  0, or
 * -1 after a sentence in why (512 octets). */
int interop_find(struct interop_jobs *, const char *path, char *why);
/* Adds the cases that the scripts read make: by pair of stacks, IP version, role and option. */
void interop_cast(struct interop_jobs *, const struct interop_scope *);
/* Adds the cases in which a program of this machine talks to the endpoint. */
void interop_find_tools(struct interop_jobs *, const struct interop_scope *);
/* Adds those of an endpoint program, or of all in a folder; -1 after a sentence in why. */
int interop_find_peer(struct interop_jobs *, const char *path, const struct interop_scope *,
                      char *why);
/* Leaves only cases whose name contains the text, and slow ones only if asked for. */
void interop_filter(struct interop_jobs *, const char *filter, bool slow);
void interop_jobs_free(struct interop_jobs *);

struct interop_options {
    bool tap_aside; /* on standard error, since standard output is a report's */
    int jobs;         /* cases at once */
    const char *keep; /* folder for each case's files; NULL: failed ones', under TMPDIR */
    bool traced;      /* a report will show the packets: the result keeps them */
};

/* Runs all and adds their cases to the result; TAP on stdout as they end.  Returns the
 * exit status. */
int interop_run(struct interop_jobs *, const struct interop_options *, struct result *);

/* Within a process of its own: plays one case into the result; whether it is worth another try,
 * since it failed and the machine did not let it run in time. */
bool interop_play(const struct interop_job *, struct result *);

#endif
