/* Stage 0: every state x every event x the boundaries of every field, run on refstack in virtual
 * time and judged by a second reading of RFC 9293 section 3.10 (stage0_rules.c), which shares no
 * code with the stack.
 *
 * A start is a state reached through segments and calls; its host is kept as a copy of its block.
 * A cell is one event on that start: the copy is put back, the event happens, and what the stack
 * sent, its state and its variables are compared with what the rules say. */
#ifndef HARNESS_STAGE0_H
#define HARNESS_STAGE0_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "refstack/refstack.h"
#include "refstack/wire.h"

/* ---- Starts ----------------------------------------------------------------------------- */

#define ST0_STARTS(X)                                                                              \
    X(CLOSED, "CLOSED", RS_CLOSED)                                                                 \
    X(LISTEN, "LISTEN", RS_LISTEN)                                                                 \
    X(LISTENER, "LISTEN, of a listener", RS_LISTEN)                                                \
    X(SYN_SENT, "SYN-SENT", RS_SYN_SENT)                                                           \
    X(SYN_RECEIVED, "SYN-RECEIVED, passive", RS_SYN_RECEIVED)                                      \
    X(SYN_RECEIVED_CHILD, "SYN-RECEIVED, of a listener", RS_SYN_RECEIVED)                          \
    X(SYN_RECEIVED_CROSSED, "SYN-RECEIVED, active", RS_SYN_RECEIVED)                               \
    X(ESTABLISHED, "ESTABLISHED", RS_ESTABLISHED)                                                  \
    X(ESTABLISHED_IN_FLIGHT, "ESTABLISHED, text in flight", RS_ESTABLISHED)                        \
    X(ESTABLISHED_SHUT, "ESTABLISHED, peer's window 0", RS_ESTABLISHED)                            \
    X(ESTABLISHED_FULL, "ESTABLISHED, own window 0", RS_ESTABLISHED)                               \
    X(ESTABLISHED_ONE, "ESTABLISHED, own window 1", RS_ESTABLISHED)                                \
    X(ESTABLISHED_HOLE, "ESTABLISHED, text beyond a hole", RS_ESTABLISHED)                         \
    X(FIN_WAIT_1, "FIN-WAIT-1", RS_FIN_WAIT_1)                                                     \
    X(FIN_WAIT_1_TEXT, "FIN-WAIT-1, text in flight", RS_FIN_WAIT_1)                                \
    X(FIN_WAIT_1_FULL, "FIN-WAIT-1, own window 0", RS_FIN_WAIT_1)                                  \
    X(FIN_WAIT_2, "FIN-WAIT-2", RS_FIN_WAIT_2)                                                     \
    X(FIN_WAIT_2_FULL, "FIN-WAIT-2, own window 0", RS_FIN_WAIT_2)                                  \
    X(CLOSE_WAIT, "CLOSE-WAIT", RS_CLOSE_WAIT)                                                     \
    X(CLOSE_WAIT_IN_FLIGHT, "CLOSE-WAIT, text in flight", RS_CLOSE_WAIT)                           \
    X(CLOSE_WAIT_FULL, "CLOSE-WAIT, own window 0", RS_CLOSE_WAIT)                                  \
    X(CLOSING, "CLOSING", RS_CLOSING)                                                              \
    X(CLOSING_FULL, "CLOSING, own window 0", RS_CLOSING)                                           \
    X(LAST_ACK, "LAST-ACK", RS_LAST_ACK)                                                           \
    X(LAST_ACK_FULL, "LAST-ACK, own window 0", RS_LAST_ACK)                                        \
    X(TIME_WAIT, "TIME-WAIT", RS_TIME_WAIT)                                                        \
    X(TIME_WAIT_FULL, "TIME-WAIT, own window 0", RS_TIME_WAIT)                                     \
    X(TIME_WAIT_LISTENER, "TIME-WAIT, and a listener", RS_TIME_WAIT)

enum st0_start {
#define ST0_START_ENUM(name, text, state) ST0_##name,
    ST0_STARTS(ST0_START_ENUM)
#undef ST0_START_ENUM
    ST0_N_STARTS
};
const char *st0_start_name(enum st0_start);
enum rs_state st0_start_state(enum st0_start);

/* How the peer talks, as bits: what goes through all cells. */
enum st0_way {
    ST0_TS = 1,  /* timestamps and SACK agreed */
    ST0_WS = 2,  /* window scale agreed: ST0_PEER_SHIFT by the peer, ST0_SHIFT by the stack */
    ST0_IP6 = 4,
    ST0_FAST = 8 /* listeners take Fast Open; in the cells of stage0_fast.c alone */
};

/* The cells are gone through once for each of these.  What the TCP rules say does not depend on the
 * IP version, and on the scale only where a window is read: so those axes are not crossed with all
 * others, only in pairs, each with a part of the cells. */
enum { ST0_N_PASSES = 5 };
extern const struct st0_pass {
    unsigned ways;
    unsigned stride; /* one cell in so many */
    const char *name;
} st0_pass[ST0_N_PASSES];

/* What the peer knows of the connection from the wire and its own doings alone. */
struct st0_tcb {
    enum rs_state state;
    bool passive;  /* from a passive OPEN */
    bool child;    /* made by a listener, which stays */
    bool listener; /* a listener would take a new incarnation */
    bool ts_on, ws_on;
    bool offers_ws; /* in its SYN */
    bool fin_sent;
    uint8_t snd_shift;
    uint32_t iss, una, nxt, wnd, max_wnd, wl1, wl2;
    uint32_t queued;                   /* octets not yet sent */
    uint32_t irs, rcv_nxt, rcv_wnd, rcv_up;
    uint32_t hole_left, hole_right;    /* text held beyond a hole; equal: none */
    uint32_t readable;
    uint32_t ts_recent, last_ack_sent;
    rs_time time_wait_until;
};

/* ---- Cells ------------------------------------------------------------------------------ */

enum st0_opt {
    ST0_OPT_DUE,     /* what a peer that keeps the rules would send */
    ST0_OPT_MISSING, /* none at all, timestamps or not */
    ST0_OPT_TS_SAME,
    ST0_OPT_TS_OLD,  /* one tick before TS.Recent */
    ST0_OPT_TS_AHEAD,  /* 2^31 - 1 after it */
    ST0_OPT_TS_BEHIND, /* 2^31 - 1 before it */
    ST0_OPT_SACK_LIES, /* blocks of what was never sent */
    ST0_OPT_MSS_LATE,  /* an option of SYNs, on any segment */
    ST0_OPT_SHIFT_15, /* RFC 7323 section 2.3: taken for 14, and on SYNs only */
    ST0_OPT_COOKIE,   /* of Fast Open, which nobody asked for */
    ST0_OPT_UNKNOWN,
    ST0_OPT_UNKNOWN_FIRST, /* before those that are known */
    ST0_OPT_RESERVED, /* no option at all: the reserved bits set, to be ignored */
    ST0_OPT_BAD_SUM,  /* nor this: a wrong checksum */
    ST0_OPT_AFTER_END, /* octets after the end of the list, illegal if they were options */
    ST0_OPT_LENGTH_0,
    ST0_OPT_LENGTH_1,
    ST0_OPT_OVERRUN,
    ST0_N_OPTS
};

struct st0_seg {
    uint16_t flags;
    uint32_t seq, ack, len;
    uint16_t wnd, up;
    enum st0_opt opt;
    bool has_ts;
    bool has_ws; /* ST0_PEER_SHIFT */
    uint32_t ts_val;
    const uint8_t *cookie; /* NULL: none */
    uint8_t cookie_len;
};

/* ---- The rules -------------------------------------------------------------------------- */

enum st0_reply {
    ST0_SILENCE = 1,
    ST0_ACK = 2,      /* <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK> */
    ST0_RST = 4,      /* <SEQ=rst_seq><CTL=RST> */
    ST0_RST_ACK = 8,  /* <SEQ=0><ACK=rst_ack><CTL=RST,ACK> */
    ST0_SYN_ACK = 16, /* <SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK> */
    ST0_TEXT = 32     /* octets or FIN that were waiting, with an ACK of RCV.NXT */
};

/* What must be seen.  Where the RFC leaves a choice, several replies or states are allowed. */
struct st0_want {
    struct st0_tcb tcb;     /* its state and variables afterwards */
    unsigned states;        /* bits 1 << enum rs_state */
    unsigned replies;       /* bits of enum st0_reply */
    uint32_t rst_seq, rst_ack;
    bool any_numbers;       /* the RFC leaves the variables open, or there are none */
    bool any_ts;            /* and TS.Recent */
    bool any_time_wait;     /* and whether the 2 MSL start anew */
    int error;              /* what the user hears when the state is CLOSED: enum rs_error or 0 */
    unsigned rule;          /* the last that applied */
};

/* Judges a segment that arrives `now`; rule_hits counts how often each rule applied. */
void st0_judge(const struct st0_tcb *, const struct st0_seg *, rs_time now, rs_time msl,
               struct st0_want *, uint64_t *rule_hits);
enum { ST0_MAX_RULES = 64 };
unsigned st0_rule_count(void);
const char *st0_rule_name(unsigned rule);
/* Whether the rule is for segments in that state at all. */
bool st0_rule_for(unsigned rule, enum rs_state);

/* Events that are no segments of the connection have rules of their own, numbered behind those. */
enum st0_other {
    ST0_ICMP_STRAY,
    ST0_ICMP_MOOT,
    ST0_ICMP_SOFT,
    ST0_ICMP_HARD,
    ST0_ICMP_TOO_BIG,
    ST0_TIME_RESENT,
    ST0_TIME_R2,
    ST0_TIME_PROBED,
    ST0_TIME_USER,
    ST0_TIME_KEEPALIVE,
    ST0_TIME_2MSL,
    ST0_TIME_REST,
    ST0_FAST_ABSENT,
    ST0_FAST_ASKED,
    ST0_FAST_VALID,
    ST0_FAST_WRONG,
    ST0_N_OTHERS
};
unsigned st0_other_rule(enum st0_other);

/* ---- The bench: refstack, and the one who talks to it ------------------------------------ */

enum { ST0_MAX_FRAMES = 8, ST0_TEXT_MAX = 2048 };
/* Flags of a frame that breaks the rules for any frame. */
enum { ST0_ILL_FORMED = 0xffff };

struct st0_bench {
    struct rs_config cfg;
    unsigned ways;
    size_t size;
    void *block, *copy;
    struct rs_host *host;
    rs_time now, copy_now;
    int conn, listener;    /* handles, -1 when the user has none */
    enum rs_state seen, copy_seen; /* by the observer: children have no handle */
    struct st0_tcb tcb;
    /* What the stack sent since the event. */
    unsigned n_frames;
    struct st0_frame {
        uint16_t flags;
        uint32_t seq, ack, len;
        uint16_t wnd;
        bool has_ts;
        uint32_t ts_ecr;
        bool has_cookie;
        uint8_t cookie_len, cookie[16];
    } frame[ST0_MAX_FRAMES];
};

/* False when there is no memory. */
bool st0_open(struct st0_bench *);
void st0_close(struct st0_bench *);
/* Reaches a start and keeps a copy; false when the stack does not get there. */
bool st0_start(struct st0_bench *, enum st0_start, unsigned ways);
void st0_restore(struct st0_bench *);
/* The segment arrives, and what the stack says to it is collected. */
void st0_arrives(struct st0_bench *, const struct st0_seg *);
void st0_drain(struct st0_bench *);

/* ---- Running ---------------------------------------------------------------------------- */

struct st0_tally {
    uint64_t cells, mismatches;
    uint64_t rule_hits[RS_N_STATES][ST0_MAX_RULES];
    unsigned shown[ST0_MAX_RULES]; /* described so far */
    FILE *out;          /* where mismatches are described; NULL: nowhere */
    char first[600];    /* the first mismatch */
    /* Called for each segment with the rule that ended it, when set. */
    void (*met)(void *arg, enum st0_start, const struct st0_tcb *, const struct st0_seg *,
                unsigned rule);
    void *met_arg;
};

/* One start's cells: segments.  Every `stride`-th of them, 1 for all. */
void st0_run_segments(struct st0_bench *, enum st0_start, unsigned stride, struct st0_tally *);
/* One start's cells: user calls, and time passing until the next timer. */
void st0_run_calls(struct st0_bench *, enum st0_start, struct st0_tally *);
/* The same with arguments that are refused, and on handles of nobody (stage0_args.c). */
void st0_run_args(struct st0_bench *, enum st0_start, struct st0_tally *);
/* One start's cells: ICMP errors of every kind, about every number (stage0_icmp.c). */
void st0_run_icmp(struct st0_bench *, enum st0_start, struct st0_tally *);
/* One start's cells: a peer that says nothing any more, until no timer runs (stage0_time.c). */
void st0_run_time(struct st0_bench *, enum st0_start, struct st0_tally *);
/* SYNs with cookies of Fast Open, over one IP version (stage0_fast.c); leaves its own start. */
void st0_run_fast(struct st0_bench *, unsigned ways, struct st0_tally *);
/* Adds one start's counts to those of all. */
void st0_add(struct st0_tally *all, const struct st0_tally *one);
/* Rules that no cell met in a state they are for; names them, returns how many. */
unsigned st0_holes(const struct st0_tally *, FILE *);
/* A mismatch is counted, and described while there are few under the same rule. */
void st0_mismatch(struct st0_tally *, unsigned rule, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- The corpus it leaves ------------------------------------------------------------------ */

struct st0_seeds {
    const char *dir;
    unsigned written;
    bool failed; /* and said so */
    bool done[ST0_N_STARTS][ST0_MAX_RULES];
};
/* For st0_tally.met, with a struct st0_seeds: an input for each rule met in each start. */
void st0_write_seed(void *seeds, enum st0_start, const struct st0_tcb *, const struct st0_seg *,
                    unsigned rule);

#endif
