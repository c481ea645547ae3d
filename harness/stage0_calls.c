/* The cells of stage 0 that are not segments: each user call in each state (RFC 9293 sections
 * 3.10.1 to 3.10.6), and the next timer (section 3.10.8). */
#include <string.h>

#include "harness/stage0_bench.h"

enum call {
    OPEN_ACTIVE,
    OPEN_PASSIVE,
    OPEN_FROM_LISTEN,
    SEND,
    RECEIVE,
    CLOSE,
    ABORT,
    STATUS,
    TIME,
    N_CALLS
};

/* What is sent: at most one segment. */
enum sends { NOTHING, SYN, SYN_ACK, TEXT, FIN, RST };

/* Results that are no errors: 0, at least 0, as many octets as there are. */
enum { OK = 1, HANDLE = 2, COUNT = 3 };

struct expected {
    int result;
    enum rs_state state;
    enum sends sends;
};

#define STAY(state, result) [RS_##state] = { result, RS_##state, NOTHING }
#define ROW(state, result, next, sends) [RS_##state] = { result, RS_##next, sends }

static const struct expected table[N_CALLS][RS_N_STATES] = {
    /* A connection of that name exists already; a LISTEN is none of that name. */
    [OPEN_ACTIVE] = { ROW(CLOSED, HANDLE, SYN_SENT, SYN), ROW(LISTEN, HANDLE, SYN_SENT, SYN),
                      STAY(SYN_SENT, RS_EEXIST), STAY(SYN_RECEIVED, RS_EEXIST),
                      STAY(ESTABLISHED, RS_EEXIST), STAY(FIN_WAIT_1, RS_EEXIST),
                      STAY(FIN_WAIT_2, RS_EEXIST), STAY(CLOSE_WAIT, RS_EEXIST),
                      STAY(CLOSING, RS_EEXIST), STAY(LAST_ACK, RS_EEXIST),
                      STAY(TIME_WAIT, RS_EEXIST) },
    /* MUST-42: LISTEN on a port that connections use is a TCB of its own. */
    [OPEN_PASSIVE] = { ROW(CLOSED, HANDLE, LISTEN, NOTHING), STAY(LISTEN, RS_EEXIST),
                       ROW(SYN_SENT, HANDLE, LISTEN, NOTHING),
                       ROW(SYN_RECEIVED, HANDLE, LISTEN, NOTHING),
                       ROW(ESTABLISHED, HANDLE, LISTEN, NOTHING),
                       ROW(FIN_WAIT_1, HANDLE, LISTEN, NOTHING),
                       ROW(FIN_WAIT_2, HANDLE, LISTEN, NOTHING),
                       ROW(CLOSE_WAIT, HANDLE, LISTEN, NOTHING),
                       ROW(CLOSING, HANDLE, LISTEN, NOTHING),
                       ROW(LAST_ACK, HANDLE, LISTEN, NOTHING),
                       ROW(TIME_WAIT, HANDLE, LISTEN, NOTHING) },
    [OPEN_FROM_LISTEN] = { STAY(CLOSED, RS_ENOCONN), ROW(LISTEN, OK, SYN_SENT, SYN),
                           STAY(SYN_SENT, RS_EEXIST), STAY(SYN_RECEIVED, RS_EEXIST),
                           STAY(ESTABLISHED, RS_EEXIST), STAY(FIN_WAIT_1, RS_EEXIST),
                           STAY(FIN_WAIT_2, RS_EEXIST), STAY(CLOSE_WAIT, RS_EEXIST),
                           STAY(CLOSING, RS_EEXIST), STAY(LAST_ACK, RS_EEXIST),
                           STAY(TIME_WAIT, RS_EEXIST) },
    /* 3.10.2: "remote socket unspecified"; queued until ESTABLISHED; "connection closing". */
    [SEND] = { STAY(CLOSED, RS_ENOCONN), STAY(LISTEN, RS_EINVAL), STAY(SYN_SENT, COUNT),
               STAY(SYN_RECEIVED, COUNT), ROW(ESTABLISHED, COUNT, ESTABLISHED, TEXT),
               STAY(FIN_WAIT_1, RS_ECLOSING), STAY(FIN_WAIT_2, RS_ECLOSING),
               ROW(CLOSE_WAIT, COUNT, CLOSE_WAIT, TEXT), STAY(CLOSING, RS_ECLOSING),
               STAY(LAST_ACK, RS_ECLOSING), STAY(TIME_WAIT, RS_ECLOSING) },
    /* 3.10.3: the end of the stream is a count of 0. */
    [RECEIVE] = { STAY(CLOSED, RS_ENOCONN), STAY(LISTEN, RS_EAGAIN), STAY(SYN_SENT, RS_EAGAIN),
                  STAY(SYN_RECEIVED, RS_EAGAIN), STAY(ESTABLISHED, COUNT),
                  STAY(FIN_WAIT_1, COUNT), STAY(FIN_WAIT_2, COUNT), STAY(CLOSE_WAIT, OK),
                  STAY(CLOSING, OK), STAY(LAST_ACK, OK), STAY(TIME_WAIT, OK) },
    [CLOSE] = { STAY(CLOSED, RS_ENOCONN), ROW(LISTEN, OK, CLOSED, NOTHING),
                ROW(SYN_SENT, OK, CLOSED, NOTHING), ROW(SYN_RECEIVED, OK, FIN_WAIT_1, FIN),
                ROW(ESTABLISHED, OK, FIN_WAIT_1, FIN), STAY(FIN_WAIT_1, RS_ECLOSING),
                STAY(FIN_WAIT_2, RS_ECLOSING), ROW(CLOSE_WAIT, OK, LAST_ACK, FIN),
                STAY(CLOSING, RS_ECLOSING), STAY(LAST_ACK, RS_ECLOSING),
                STAY(TIME_WAIT, RS_ECLOSING) },
    /* 3.10.5: <SEQ=SND.NXT><CTL=RST> where the peer has a TCB that waits for something. */
    [ABORT] = { STAY(CLOSED, RS_ENOCONN), ROW(LISTEN, OK, CLOSED, NOTHING),
                ROW(SYN_SENT, OK, CLOSED, NOTHING), ROW(SYN_RECEIVED, OK, CLOSED, RST),
                ROW(ESTABLISHED, OK, CLOSED, RST), ROW(FIN_WAIT_1, OK, CLOSED, RST),
                ROW(FIN_WAIT_2, OK, CLOSED, RST), ROW(CLOSE_WAIT, OK, CLOSED, RST),
                ROW(CLOSING, OK, CLOSED, NOTHING), ROW(LAST_ACK, OK, CLOSED, NOTHING),
                ROW(TIME_WAIT, OK, CLOSED, NOTHING) },
    [STATUS] = { STAY(CLOSED, RS_ENOCONN), STAY(LISTEN, OK), STAY(SYN_SENT, OK),
                 STAY(SYN_RECEIVED, OK), STAY(ESTABLISHED, OK), STAY(FIN_WAIT_1, OK),
                 STAY(FIN_WAIT_2, OK), STAY(CLOSE_WAIT, OK), STAY(CLOSING, OK),
                 STAY(LAST_ACK, OK), STAY(TIME_WAIT, OK) },
    /* 3.10.8: the front of the retransmission queue again; TIME-WAIT ends. */
    [TIME] = { STAY(CLOSED, OK), STAY(LISTEN, OK), ROW(SYN_SENT, OK, SYN_SENT, SYN),
               ROW(SYN_RECEIVED, OK, SYN_RECEIVED, SYN_ACK), STAY(ESTABLISHED, OK),
               ROW(FIN_WAIT_1, OK, FIN_WAIT_1, FIN), STAY(FIN_WAIT_2, OK), STAY(CLOSE_WAIT, OK),
               ROW(CLOSING, OK, CLOSING, FIN), ROW(LAST_ACK, OK, LAST_ACK, FIN),
               ROW(TIME_WAIT, OK, CLOSED, NOTHING) },
};

enum { SENT_OCTETS = 10 };

/* Where a start differs from others of its state. */
static struct expected expected_of(enum st0_start start, const struct st0_tcb *t, enum call call)
{
    struct expected e = table[call][t->state];

    if (start == ST0_LISTENER && (call == RECEIVE || call == OPEN_FROM_LISTEN))
        e = (struct expected){ call == RECEIVE ? RS_ENOTCONN : RS_EEXIST, RS_LISTEN, NOTHING };
    if (start == ST0_TIME_WAIT_LISTENER && call == OPEN_PASSIVE)
        e = (struct expected){ RS_EEXIST, RS_TIME_WAIT, NOTHING };
    if (start == ST0_ESTABLISHED_SHUT && (call == SEND || call == CLOSE))
        e.sends = NOTHING; /* behind what waits for the window */
    if (call == TIME && (start == ST0_ESTABLISHED_IN_FLIGHT || start == ST0_FIN_WAIT_1_TEXT ||
                         start == ST0_ESTABLISHED_SHUT))
        e.sends = TEXT;
    if (call == TIME && start == ST0_CLOSE_WAIT_IN_FLIGHT)
        e.sends = TEXT;
    if (call == RECEIVE && t->readable)
        e.result = COUNT;
    if (e.result == COUNT) {
        e.result = SENT_OCTETS;
        if (call == RECEIVE)
            e.result = t->readable ? (int)t->readable : RS_EAGAIN;
    } else if (e.result == OK) {
        e.result = 0;
    }
    return e;
}

static int pass_time(struct st0_bench *b)
{
    const rs_time next = rs_deadline(b->host);

    if (next != RS_NEVER)
        b->now = next;
    return 0;
}

static int make(struct st0_bench *b, enum call call)
{
    static uint8_t octets[ST0_TEXT_MAX];
    const struct rs_endpoint local = { .addr = st0_addr(b), .port = ST0_PORT };
    const struct rs_endpoint remote = st0_peer(b);
    const int conn = b->conn >= 0 ? b->conn : b->listener;
    struct rs_status s;

    switch (call) {
    case OPEN_ACTIVE:
        return rs_open_active(b->host, &local, &remote, b->now);
    case OPEN_PASSIVE:
        return rs_open_passive(b->host, &local, NULL, b->now);
    case OPEN_FROM_LISTEN:
        return rs_open_from_listen(b->host, conn, &remote, b->now);
    case SEND:
        return rs_send(b->host, conn, octets, SENT_OCTETS, 0, b->now);
    case RECEIVE:
        return rs_receive(b->host, conn, octets, sizeof octets, b->now);
    case CLOSE:
        return rs_close(b->host, conn, b->now);
    case ABORT:
        return rs_abort(b->host, conn, b->now);
    case STATUS:
        return rs_status(b->host, conn, &s);
    default:
        return pass_time(b);
    }
}

/* A frame as one of `enum sends`; -1 for what no call sends. */
static int sent_as(const struct st0_frame *f)
{
    switch (f->flags & (TCP_SYN | TCP_ACK | TCP_FIN | TCP_RST)) {
    case TCP_SYN:
        return SYN;
    case TCP_SYN | TCP_ACK:
        return SYN_ACK;
    case TCP_ACK:
        return f->len ? TEXT : NOTHING;
    case TCP_FIN | TCP_ACK:
        return f->len ? TEXT : FIN;
    case TCP_RST:
        return RST;
    default:
        return -1;
    }
}

/* What was sent, and with which number: anew from SND.NXT, again from SND.UNA. */
static bool sent_as_expected(const struct st0_bench *b, enum call call, enum sends sends)
{
    const struct st0_frame *f = &b->frame[0];

    /* Room made by RECEIVE may be told at once: an ACK without text. */
    if (sends == NOTHING && call == RECEIVE && b->n_frames == 1)
        return sent_as(f) == NOTHING;
    if (sends == NOTHING || b->n_frames != 1)
        return sends == NOTHING && b->n_frames == 0;
    if (sent_as(f) != (int)sends)
        return false;
    return sends == SYN || f->seq == (call == TIME ? b->tcb.una : b->tcb.nxt);
}

static void run_call(struct st0_bench *b, enum st0_start start, enum call call,
                     struct st0_tally *y)
{
    static const char *const name[N_CALLS] = {
        "OPEN active", "OPEN passive", "OPEN from LISTEN", "SEND", "RECEIVE", "CLOSE", "ABORT",
        "STATUS", "the next timer"
    };
    st0_restore(b);
    const struct expected e = expected_of(start, &b->tcb, call);
    const int result = make(b, call);
    st0_drain(b);
    y->cells++;
    const bool as_told = e.result == HANDLE ? result >= 0 : result == e.result;
    if (as_told && b->seen == e.state && sent_as_expected(b, call, e.sends))
        return;
    st0_mismatch(y, ST0_MAX_RULES - 1,
                 "%s: %s: result %d (%s), state %s, %u sent (the first: flags 0x%x len %u); "
                 "expected %d, %s, sending %d",
                 st0_start_name(start), name[call], result, rs_error_name(result),
                 rs_state_name(b->seen), b->n_frames, b->frame[0].flags, b->frame[0].len, e.result,
                 rs_state_name(e.state), (int)e.sends);
}

void st0_run_calls(struct st0_bench *b, enum st0_start start, struct st0_tally *y)
{
    /* The user holds no handle of a connection not yet accepted. */
    const bool handle = start != ST0_SYN_RECEIVED_CHILD;

    for (enum call c = 0; c < N_CALLS; c++)
        if (handle || c == OPEN_ACTIVE || c == TIME)
            run_call(b, start, c, y);
}
