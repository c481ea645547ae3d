/* What the runner's files share; nobody else includes this. */
#ifndef HARNESS_RUN_STATE_H
#define HARNESS_RUN_STATE_H

#include "harness/fault.h"
#include "harness/run.h"
#include "harness/sut_user.h"
#include "harness/wireview.h"

enum { RUN_CONNS = 32, RUN_FDS = 64, RUN_DATAGRAM = 65536, RUN_WISHES = 24 };

/* One connection, as the wire shows it. */
struct run_conn {
    uint16_t sut_port, peer_port;
    struct wireview view;
};

/* A datagram the SUT sent that no event has met yet. */
struct run_sent {
    uint64_t us;
    uint8_t *octet;
    size_t len;
};

/* A descriptor that is the runner's own: an epoll, a pipe or a file. */
enum run_object_kind { RUN_EPOLL = 1, RUN_PIPE, RUN_FILE };
enum { RUN_WATCHES = 16 };

struct run_object {
    uint8_t kind;
    struct run_watch { /* of an epoll */
        int fd; /* the script's number */
        uint32_t events, reported;
        int64_t data, queued;
        bool off; /* EPOLLONESHOT, and it has shot */
    } watch[RUN_WATCHES];
    int n_watches;
    uint8_t *octet; /* of a pipe or file */
    size_t len, read;
};

/* A call that has not returned: in virtual time the script goes on and it is tried again. */
struct run_pending {
    const struct sc_event *ev;
    bool connecting;  /* connect was begun; what remains is its outcome */
    bool blocks;      /* the call may wait */
    size_t done;      /* octets of a write that were taken */
    uint64_t begin;   /* when it was called */
    uint64_t end;     /* when the script says it returns */
    uint64_t wake;    /* when it returns by itself (a timeout of poll); RS_NEVER */
    bool timed;       /* at `wake` it returns as one that would block */
};

struct run {
    const struct script *script;
    const struct sut_ops *ops;
    const struct run_options *opt;
    struct run_result *res;
    void *sut;
    struct sc_arena arena; /* values made for this run */
    struct sut_config config;
    struct sut_setting wish[RUN_WISHES]; /* what the stack is set to where it can be */
    size_t n_wishes;
    bool wishing;      /* what is set now are wishes */
    bool packetdrill;  /* the script uses the helpers of packetdrill's suites, */
    uint64_t ts_tick;  /* --tcp_ts_tick_usecs */
    bool freebsd;      /* or the names of FreeBSD's settings */
    size_t first_act;  /* the first event that does something to the stack */
    uint64_t now, begun; /* microseconds; the script's zero is `begun` */
    uint64_t base;       /* time of the event before, since `begun` */
    uint64_t tolerance;
    const struct sc_event *ev; /* the one that runs, for messages */
    struct run_conn conn[RUN_CONNS];
    int n_conns, current; /* -1: none yet */
    bool listening;
    uint16_t listen_port;
    int live_fd[RUN_FDS]; /* by the script's number; -1: none */
    uint16_t bound_port[RUN_FDS];
    bool nonblocking[RUN_FDS], is_listener[RUN_FDS];
    struct run_object *object[RUN_FDS];
    bool has_epoll;
    int64_t texts_in; /* segments with text that were sent to the SUT */
    uint64_t timeout[2][RUN_FDS]; /* SO_RCVTIMEO, SO_SNDTIMEO; 0: none */
    struct sc_option cookie;      /* the latest fast-open cookie that the SUT gave */
    bool has_cookie;
    uint32_t written[RUN_FDS], read[RUN_FDS]; /* octets, for the pattern stream */
    struct run_sent *sent;
    size_t n_sent, sent_at, sent_cap;
    struct run_pending pending;
    struct sut_user user; /* its calls, where they are made of sockets */
    struct fault_link fault[2]; /* the link, by enum sc_direction */
    bool faulty;                /* the script asked for faults */
    bool over; /* a verdict was reached */
    uint8_t buf[RUN_DATAGRAM];
};

/* ---- Verdicts (run.c) ------------------------------------------------------------------- */

/* Ends the run.  fmt begins with the field: "ack: expected 5, got 6". */
void run_end(struct run *, enum verdict, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Adds a line to the reason of the verdict that was just given. */
void run_explain(struct run *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int run_state_of(struct run *, const struct run_conn *);
/* Whether the current connection is in this state, or is not. */
void run_check_state(struct run *, uint8_t state, bool is);

/* ---- Time (run.c) ----------------------------------------------------------------------- */

/* Lets time pass up to `to` (since zero); stops early at the first datagram when asked. */
void run_advance(struct run *, uint64_t to, bool stop_at_output);
/* Takes what the SUT has to send at this moment. */
void run_pull(struct run *);

/* ---- Real time (run_clock.c) ------------------------------------------------------------ */

/* Sleeps until `at` or until something happens; returns the time it is. */
uint64_t run_sleep(struct run *, uint64_t at);
/* The machine may run us late: then the script's clock is put back, so that it stood still. */
void run_put_back(struct run *, uint64_t at);
/* Reads the clock after an event. */
void run_happened(struct run *);
/* How much later than `to` something may come that was due then. */
uint64_t run_slack(const struct run *, uint64_t to);

/* ---- Packets (run_packet.c, run_ip.c, run_expect.c) ------------------------------------- */

void run_inject(struct run *, const struct sc_event *);
void run_expect(struct run *, const struct sc_event *);
/* Whether the next datagram is none of what this event is about. */
bool run_passed_over(const struct run *, const struct sc_event *);
/* `> ...`: what was sent by now counts as met, be it nothing. */
void run_whatever(struct run *);
/* `< raw ...`; false when the event is something else. */
bool run_raw(struct run *, const struct sc_event *);
struct run_conn *run_conn_new(struct run *, uint16_t sut_port, uint16_t peer_port);
struct run_conn *run_conn_find(struct run *, uint16_t sut_port, uint16_t peer_port);
/* ICMPv4's numbers to those of ICMPv6 (RFC 4443); false when it has no such message. */
bool run_icmp6(struct sc_icmp *);
/* Writes the IP header of a datagram with len octets of payload, which stand run_ip_octets(r)
 * behind the start of the buffer; returns the header's octets.  The segment may be NULL. */
size_t run_put_ip(struct run *, const struct sc_segment *, uint8_t proto, size_t len);
size_t run_ip_octets(const struct run *);
/* Hands a datagram to the link, and by it to the SUT, and records it. */
void run_deliver(struct run *, const uint8_t *, size_t len);
void run_link_arrivals(struct run *);
/* Faults on the link (run_link.c). */
void run_add_fault(struct run *, const struct sc_fault *);
uint64_t run_link_deadline(const struct run *);
void run_record_packet(struct run *, bool out, const uint8_t *, size_t len, uint64_t us);

/* ---- Calls and code --------------------------------------------------------------------- */

void run_call(struct run *, const struct sc_event *);
void run_retry(struct run *); /* the pending call */
/* What is ready may have changed: for EPOLLET. */
void run_follow_edges(struct run *);
void run_user(struct run *, const struct sc_event *);
void run_code(struct run *, const char *code);
/* The value of a symbolic constant such as SOL_SOCKET. */
bool run_constant(const char *name, int64_t *value);
/* A number, a constant or an OR of such. */
bool run_value(const struct sc_expr *, int64_t *value);

/* ---- Preamble (run_config.c) ------------------------------------------------------------ */

void run_configure(struct run *);
/* A setting: for the stack to be made, or for the one that runs. */
void run_set(struct run *, const char *name, const char *value);

/* ---- Shell lines (run_shell.c) ---------------------------------------------------------- */

void run_shell(struct run *, const char *lines);

#endif
