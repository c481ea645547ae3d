/* One interop case being played: two live ends, the link between them, and a script that says who
 * does what, which segments are to be seen and which states are to be passed through.
 *
 * Time is real here, and a busy machine may stop the process at any moment: the least time that
 * something may take is judged, the most only generously. */
#ifndef INTEROP_PLAY_H
#define INTEROP_PLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/endpoint_stream.h"
#include "harness/result.h"
#include "harness/script.h"
#include "interop/ether.h"
#include "interop/line.h"
#include "interop/negotiate.h"
#include "interop/peer.h"
#include "interop/stack.h"
#include "interop/wire.h"

/* What of the kernel's TCP a case switches on and off, by sysctl or socket option. */
enum kernel_switch {
    KERNEL_SACK,
    KERNEL_TIMESTAMPS,
    KERNEL_WSCALE,
    KERNEL_ECN,
    KERNEL_FASTOPEN,
    KERNEL_SYNCOOKIES, /* on: for every SYN, as if the backlog were always full */
    KERNEL_QUICKACK,   /* off: the kernel waits with its ACKs from the start */
    N_KERNEL_SWITCHES
};

/* What a case may set by `//@ config`. */
struct play_config {
    struct rs_config host;
    struct fault_rates rates[2]; /* by the end that sends */
    rs_time patience;            /* how long an expected thing is waited for */
    bool slow;                   /* takes a minute: only run when asked for */
    uint8_t ip_only;             /* 4 or 6: played over that version alone; 0: over both */
    uint32_t kernel_rcv_buf;     /* 0: the kernel's default */
    bool kernel[N_KERNEL_SWITCHES];
    char each[SUT_NAME_MAX];     /* an option the case is played with and without, at each end */
    /* What the script itself set of each end, as names and values for any stack. */
    struct sut_setting set[2][SUT_SETTINGS_MAX];
    size_t n_set[2];
};

void play_config_default(struct play_config *);
/* Applies one pair; false with a sentence when the name or the value is not known. */
bool play_config_set(struct play_config *, const struct sc_pair *, char why[WIRE_TEXT]);
/* Applies all config lines of a script. */
bool play_config_read(struct play_config *, const struct script *, char why[WIRE_TEXT]);
/* One switch of one end, by the name that scripts use for refstack's: "timestamps"; true when there
 * is such a switch at both ends. */
bool play_config_switch(struct play_config *, const char *name, enum trace_end, bool on);
/* A count of microseconds, or of octets, as scripts write them: "200ms", "1MiB". */
bool play_time(const char *text, uint64_t *us);
bool play_octets(const char *text, uint64_t *octets);

/* One connection's streams at one end. */
struct play_flow {
    uint64_t to_send, sent, want, received;
    bool close_when_sent;
    bool eof;
    int error; /* enum rs_error met by SEND or RECEIVE */
    struct stream_hash hash_sent, hash_received;
};

/* The states a connection passed through at one end, oldest first; the script walks along them. */
enum { PAST_STATES = 64 };
struct play_past {
    uint8_t state[PAST_STATES];
    unsigned n, at;
    bool asserted;
};

/* Which stacks play, and how. */
struct play_cast {
    const struct stack *stack[2]; /* by enum trace_end */
    bool swapped;                 /* actor A is END_B's */
    int ip_version;
};

struct play {
    const struct script *script;
    const char *source; /* text of the script, for messages; or NULL */
    struct play_cast cast;
    struct play_config config;
    struct result_case *out;
    struct line line;
    enum rs_link link; /* what frames begin with */
    struct rs_host *host;
    struct host_peer refstack;
    struct kernel_peer kernel;
    struct sut_peer sut[2]; /* by enum trace_end */
    struct translator translator;
    struct ether ether;     /* before the translator, for a stack that speaks in datagrams */
    struct peer *end[2];    /* by enum trace_end */
    struct play_flow flow[2][PEER_CONNS];
    struct play_past past[2][PEER_CONNS];
    struct wire wire;
    struct negotiation agreed;
    char why[WIRE_TEXT]; /* what negotiation found wrong */
    rs_time start, last; /* of the case, of the event before */
    rs_time stalled;     /* the longest time this process was not run */
    uint32_t at_line;    /* of the event being played */
    bool failed;
};

/* Plays the whole case in the namespace the process is in; fills in verdict, trace and times of the
 * result.  False when the machine or a stack cannot, with the verdict set. */
bool play_case(struct play *, const struct script *, const char *source, const struct play_cast *,
               const struct play_config *, struct result_case *);

/* ---- Within the case: play_*.c ---------------------------------------------------------- */

/* The first failure is kept; returns false. */
bool play_fail(struct play *, const char *format, ...) __attribute__((format(printf, 2, 3)));
enum trace_end play_end_of(const struct play *, char actor);
/* Whether segments are not judged from here on. */
void play_wire_any(struct play *, bool any);
/* Moves frames and streams until done says so or the time has come; whether done said so. */
bool play_until(struct play *, bool (*done)(struct play *, const void *), const void *arg,
                rs_time deadline);
/* Streams: moves what can be moved; whether anything was. */
bool play_flows_work(struct play *);
unsigned play_flows_sleep(struct play *, struct pollfd *, unsigned cap);
/* The two stacks and what joins them; false with the verdict set. */
bool play_stage(struct play *);
void play_stage_free(struct play *);
/* Over IPv6: the kernel says nothing unasked; and its address takes a while to serve. */
bool play_quiet6(struct ns_error *);
bool play_wait_for_address(const struct rs_addr *, rs_time until);
/* Trace. */
extern const struct line_watch play_watch;
void play_observe(void *arg, const struct rs_observation *);
void play_sample(struct play *, enum trace_end, unsigned conn);
/* Events. */
bool play_event(struct play *, const struct sc_event *);

#endif
