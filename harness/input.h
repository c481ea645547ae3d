/* The compact form of a script: any string of octets is a list of events.
 *
 * Decoding is total: missing octets count as zero and values out of range are taken modulo.  What
 * encoding writes is canonical: it decodes to the event it was written from, and is what encoding
 * that event writes again.  Nothing is allocated; decoded events point into the octets.
 *
 *     octet 0   where the input starts: a fixed prefix of ordinary events (input_start); the three
 *               high bits, enum input_manner: how it ends, which IP version, and in how many pieces
 *               the peer's datagrams come
 *     octet 1   the stack's configuration, bits of enum input_config
 *     then      events: an octet with the kind (low three bits) and what follows it (high five)
 *
 * Sequence numbers are one octet, a base and a class of offset, with 1 to 4 octets more where the
 * class asks for them.  So boundaries are near to a mutator, and any 32-bit value can be held. */
#ifndef HARNESS_INPUT_H
#define HARNESS_INPUT_H

#include "harness/script.h"
#include "refstack/cursor.h"

/* Bits of octet 1: what differs from rs_config_small. */
enum input_config {
    INPUT_TIMESTAMPS = 1,
    INPUT_SACK = 2,
    INPUT_WINDOW_SCALE = 4,
    INPUT_NO_NAGLE = 8,
    INPUT_NO_DELAYED_ACK = 16,
    INPUT_KEEPALIVE = 32,
    INPUT_USER_TIMEOUT = 64, /* 30 s */
    INPUT_RFC1337 = 128
};

/* Inputs have the user calls up to ACCEPT; a change of settings is an event of its own. */
enum { INPUT_N_USER_OPS = SC_ACCEPT + 1 };

/* How long an SC_WAIT lasts; the named ones lie on and beside the timers of the RFCs. */
#define INPUT_WAITS(X)                                                                             \
    X(DEADLINE, 0)        /* until the stack's next deadline */                                    \
    X(BEFORE_DEADLINE, 0) /* until a microsecond before it */                                      \
    X(1US, 1)                                                                                      \
    X(1MS, 1000)                                                                                   \
    X(40MS, 40000)                                                                                 \
    X(200MS, 200000)                                                                               \
    X(500MS, 500000) /* MUST-40: the longest delay of an ACK */                                    \
    X(RTO, 1000000)                                                                                \
    X(PAST_RTO, 1000001)                                                                           \
    X(3S, 3000000)                                                                                 \
    X(10S, 10000000)                                                                               \
    X(60S, 60000000)                                                                               \
    X(R2, 100000000)                                                                               \
    X(MSL, 120000000)                                                                              \
    X(2MSL, 240000000)                                                                             \
    X(PAST_2MSL, 240000001)                                                                        \
    X(2H, 7200000000)            /* keep-alive */                                                  \
    X(24_DAYS, 2073600000000)    /* RFC 7323 s5.5: TS.Recent is too old */                         \
    X(TS_WRAP, 4294967296000)    /* 2^32 ticks of a millisecond */                                 \
    X(EXPLICIT, 0)               /* as many microseconds as are given */

enum input_wait {
#define INPUT_WAIT_ENUM(name, us) INPUT_WAIT_##name,
    INPUT_WAITS(INPUT_WAIT_ENUM)
#undef INPUT_WAIT_ENUM
    INPUT_N_WAITS
};
/* Microseconds of a class that has a length of its own. */
uint64_t input_wait_us(enum input_wait);

/* Raw octets enter as a whole datagram, or as the payload of one that is otherwise right. */
enum input_raw { INPUT_RAW_DATAGRAM, INPUT_RAW_TCP, INPUT_RAW_ICMP, INPUT_N_RAWS };

/* An event as scripts hold it, with room for its options and what scripts have no word for.
 * Kinds met: SC_PACKET and SC_ICMP (to the stack), SC_USER, SC_WAIT, SC_FAULT, and
 *     SC_OPAQUE  raw_form, raw, raw_len
 *     SC_CONFIG  setting, value, and the connection in ev.u.user.conn
 * An SC_WAIT has its class in `wait` and its microseconds in ev.at.to. */
struct input_event {
    struct sc_event ev;
    enum input_wait wait;
    enum input_raw raw_form;
    uint8_t raw_len;
    const uint8_t *raw;
    enum sc_setting setting;
    uint16_t value;
    struct sc_option option[SC_MAX_OPTIONS];
};

/* ---- Decoding --------------------------------------------------------------------------- */

struct input_reader {
    uint8_t start;  /* below INPUT_N_STARTS */
    uint8_t manner; /* bits of enum input_manner */
    bool release;   /* ends by RELEASE and time, not by ABORT */
    uint8_t config; /* bits of enum input_config */
    struct rcur prefix;
    struct rcur rest;
};

enum { INPUT_HEADER = 2 };
enum input_manner {
    INPUT_FRAGMENTS = 0x20, /* in two fragments, the last one first at every other event */
    INPUT_IP6 = 0x40,
    INPUT_RELEASE = 0x80, /* the user lets go and waits; without it, aborts */
    INPUT_MANNER = 0xe0
};

void input_open(struct input_reader *, const uint8_t *p, size_t len);
/* The next event, the start's own first; false at the end. */
bool input_next(struct input_reader *, struct input_event *);
/* One event from the octets at a cursor; at the end of the octets the rest counts as zero. */
void input_decode(struct rcur *, struct input_event *);

/* ---- Encoding --------------------------------------------------------------------------- */

/* False when the cursor is full or the event is of a kind that has no compact form. */
bool input_encode(struct wcur *, const struct input_event *);
/* Octets `p` in canonical form; returns the length, at most cap, cut after a whole event. */
size_t input_canonical(const uint8_t *p, size_t len, uint8_t *to, size_t cap);

/* ---- Starts ----------------------------------------------------------------------------- */

#define INPUT_STARTS(X)                                                                            \
    X(CLOSED, "closed")                                                                            \
    X(LISTEN, "listen")                                                                            \
    X(SYN_SENT, "syn-sent")                                                                        \
    X(SYN_RECEIVED, "syn-received")                                                                \
    X(SYN_RECEIVED_CROSSED, "syn-received-crossed")                                                \
    X(ESTABLISHED, "established")                                                                  \
    X(ESTABLISHED_PASSIVE, "established-passive")                                                  \
    X(ESTABLISHED_OPTIONS, "established-options")                                                  \
    X(ESTABLISHED_IN_FLIGHT, "established-in-flight")                                              \
    X(ESTABLISHED_ZERO_WINDOW, "established-zero-window")                                          \
    X(ESTABLISHED_HOLE, "established-hole")                                                        \
    X(FIN_WAIT_1, "fin-wait-1")                                                                    \
    X(FIN_WAIT_2, "fin-wait-2")                                                                    \
    X(CLOSE_WAIT, "close-wait")                                                                    \
    X(CLOSING, "closing")                                                                          \
    X(LAST_ACK, "last-ack")                                                                        \
    X(TIME_WAIT, "time-wait")                                                                      \
    X(ACCEPTED, "accepted")

enum input_start {
#define INPUT_START_ENUM(name, text) INPUT_START_##name,
    INPUT_STARTS(INPUT_START_ENUM)
#undef INPUT_START_ENUM
    INPUT_N_STARTS
};
const char *input_start_name(enum input_start);
/* The start's events, compact, without the two octets of header. */
const uint8_t *input_start_octets(enum input_start, size_t *len);

#endif
