/* The script: what a conformance test, an interop case, a fuzz input and a finding all are.
 *
 * A script is a list of events.  It has a readable form (`.pkt`, packetdrill's language and our
 * extensions of it: script_parse.h, script_print.h) and a compact one (any string of octets decodes
 * to some list: input.h).  This header is the form in memory that all of them share.
 *
 * Names of sequence-number bases are those of the stack under test (SUT): SND.UNA is the SUT's.
 * They are computed from the wire by whoever runs the script, never read out of the SUT, so that
 * every script runs on any stack. */
#ifndef HARNESS_SCRIPT_H
#define HARNESS_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "refstack/refstack.h"

/* ---- Symbolic numbers ------------------------------------------------------------------- */

enum sc_base {
    SC_NONE,     /* the field is not given: filled in when sent, not compared when expected */
    SC_ANY,      /* `*`: compared with nothing */
    SC_ABS,      /* the number as it is */
    SC_REL,      /* packetdrill's: relative to the initial sequence number of the field's owner */
    SC_ISS,      /* the SUT's initial send sequence number */
    SC_SND_UNA,  /* the highest number the peer has acknowledged to the SUT */
    SC_SND_NXT,  /* one past the highest number the SUT has sent */
    SC_SND_EDGE, /* SND.UNA + SND.WND: the right edge the peer has offered the SUT */
    SC_IRS,      /* the peer's initial sequence number */
    SC_RCV_NXT,  /* the highest acknowledgment the SUT has sent */
    SC_RCV_EDGE, /* RCV.NXT + RCV.WND: the right edge the SUT has offered */
    SC_PEER_NXT, /* one past the highest number the peer (the script) has sent */
    SC_SACK_L,   /* left edge of the latest SACK block the SUT has sent; RCV.NXT without one */
    SC_SACK_R,   /* right edge of the same */
    SC_TS_RECENT, /* the latest TSval sent to the SUT (timestamp fields only) */
    SC_TS_LAST,  /* the latest TSval the SUT has sent (timestamp fields only) */
    SC_N_BASES
};

struct sc_num {
    uint8_t base;    /* enum sc_base */
    uint32_t offset; /* added modulo 2^32; the number itself for SC_ABS and SC_REL */
};

/* ---- Segments --------------------------------------------------------------------------- */

/* One TCP option of a template.  `any` stands for `*` in its place: one option of that kind with
 * any value.  Raw octets carry what no typed form can: wrong lengths, unknown kinds. */
struct sc_option {
    uint8_t kind;
    bool raw; /* u.bytes is emitted or compared as it stands, kind and length octets included */
    bool any;
    union {
        uint16_t mss;
        uint8_t shift;
        struct {
            struct sc_num val, ecr;
        } ts;
        struct {
            uint8_t n;
            struct sc_num left[4], right[4];
        } sack;
        struct {
            uint8_t len; /* octets in all, at most 40 */
            uint8_t octet[40];
        } bytes; /* `raw`, and the digest of MD5 */
        struct {
            uint8_t len;
            bool experimental; /* kind 254 with ExID 0xF989 rather than kind 34 */
            uint8_t octet[16];
        } cookie;
        uint16_t user_timeout;
    } u;
};

enum { SC_MAX_OPTIONS = 40, SC_ECT01 = 4 /* ECT(0) or ECT(1) */ };

/* The pattern stream: octet i of what an end sends, so that a shift or a swap shows. */
static inline uint8_t sc_pattern(uint32_t i)
{
    return (uint8_t)(i * 7u + (i >> 8) * 13u + 1u);
}

enum sc_malform {
    SC_BAD_CHECKSUM = 1, /* `csum` is exclusive-ored into the right checksum: 0 leaves it right */
    SC_BAD_DOFF = 2,     /* the data offset is given */
    SC_BAD_RESERVED = 4, /* the reserved bits of `flags` are set, or compared */
    SC_TRUNCATED = 8     /* the datagram is cut to `cut` octets of TCP */
};

/* A TCP segment as a script writes it: to be sent (`<`) or expected (`>`). */
struct sc_segment {
    uint16_t flags;      /* enum tcp_flag, the twelve bits */
    bool flags_any;      /* `*` for the flags */
    struct sc_num seq;
    struct sc_num ack;   /* SC_NONE: the field is zero and not compared */
    uint32_t text_len;
    bool text_pattern;   /* text is the pattern stream at its place in the sequence space */
    const uint8_t *text; /* text by value; NULL: zeros, or the pattern */
    bool has_wnd;
    uint16_t wnd;        /* as on the wire, or scaled where the language says so */
    uint16_t up;
    uint8_t ecn;         /* IP ECN bits, or SC_ECT01 */
    bool has_ecn;
    bool has_tos, has_flow;
    bool has_dscp;       /* the upper six bits of `tos` */
    uint8_t tos, ttl;    /* ttl 0: the default */
    uint32_t flow;       /* IPv6 flow label */
    bool options_any;    /* `<...>` */
    uint8_t n_options;
    uint8_t malform;     /* enum sc_malform */
    uint16_t csum;
    uint8_t doff;
    uint16_t cut;
    struct sc_option *option; /* n_options of them, owned by the script's arena or the decoder */
};

/* ---- Time ------------------------------------------------------------------------------- */

enum sc_time_kind {
    SC_T_NONE,  /* no time: directives and the preamble */
    SC_T_ABS,   /* since the script began */
    SC_T_REL,   /* since the event before (`+0.1`) */
    SC_T_ANY,   /* `*` */
    SC_T_ABS_RANGE, /* `1~1.5` */
    SC_T_REL_RANGE  /* `+.1~+.2` */
};

struct sc_time {
    uint8_t kind;  /* enum sc_time_kind */
    bool blocking; /* `t...u`: the call begins at t and returns at u */
    uint64_t from; /* microseconds */
    uint64_t to;   /* end of the range or of the call */
};

/* ---- Expressions of calls --------------------------------------------------------------- */

enum sc_expr_kind {
    SC_E_ELLIPSIS, /* `...` */
    SC_E_INT,
    SC_E_HEX,
    SC_E_WORD,
    SC_E_STRING,      /* octets after the escapes are resolved */
    SC_E_STRING_MORE, /* `"abc"...`: begins with these octets */
    SC_E_OR,          /* a | b */
    SC_E_ASSIGN,      /* name = b; in a struct also name(arg) = b, with arg in `a` */
    SC_E_LIST,        /* [ ... ] */
    SC_E_STRUCT,      /* { ... } */
    SC_E_CALL         /* htons(8080), inet_addr("...") */
};

struct sc_expr {
    uint8_t kind;
    int64_t num;
    const char *text; /* word, name or string, followed by a zero octet */
    uint32_t len;     /* octets of text */
    const struct sc_expr *a, *b;   /* of a word: what --define makes of it, in `a` */
    const struct sc_expr *first; /* of a list, struct or call */
    const struct sc_expr *next;  /* sibling */
};

/* What an expression stands for, where it is a word with a definition. */
static inline const struct sc_expr *sc_meant(const struct sc_expr *e)
{
    return e && e->kind == SC_E_WORD && e->a ? e->a : e;
}

/* ---- Events ----------------------------------------------------------------------------- */

enum sc_kind {
    SC_PACKET, /* a segment to be sent to the SUT (`<`) or expected of it (`>`), or A>B seen */
    SC_ICMP,   /* the same for an ICMP message that quotes a segment */
    SC_CALL,   /* a socket call */
    SC_USER,   /* a user call of RFC 9293 section 3.10, by connection number */
    SC_WAIT,    /* time passes; what is sent meanwhile may be expected later */
    SC_SILENCE, /* time passes, and nothing may be sent meanwhile */
    SC_FAULT,
    SC_STATE,
    SC_SHELL,   /* `command` */
    SC_CODE,    /* %{ assertions }% */
    SC_COMMENT, /* text between events, kept for the printer */
    SC_OPTION,  /* --name=value */
    SC_TAGS,    /* //@ MUST-11 U-19 */
    SC_CONFIG,  /* //@ config msl=1s sack=off; //@ ip 4 */
    SC_OPAQUE   /* `< raw ...`, and packetdrill's that we do not run: UDP, encapsulation */
};

enum sc_direction { SC_IN /* to the SUT */, SC_OUT /* from the SUT */ };

struct sc_packet {
    uint8_t direction;           /* enum sc_direction; SC_OUT when between actors */
    bool whatever;               /* `> ...`: all that was sent so far, be it nothing */
    char from, to;               /* actors, or 0 */
    uint16_t src_port, dst_port; /* 0: the current connection's */
    struct sc_segment seg;
};

struct sc_icmp {
    uint8_t direction;
    bool has_mtu, has_quote;
    uint8_t type, code; /* IPv4's numbers; the runner maps them for IPv6 */
    uint32_t mtu;
    struct sc_num seq; /* of the quoted segment */
    uint32_t text_len;
};

struct sc_call {
    const char *name;
    const struct sc_expr *arg; /* linked by next */
    const struct sc_expr *result;
    const char *err;  /* symbolic errno, or NULL */
    const char *note; /* what stands in parentheses after it, or NULL */
};

enum sc_user_op {
    SC_OPEN_ACTIVE,
    SC_OPEN_PASSIVE,
    SC_OPEN_FROM_LISTEN, /* the active OPEN of a connection in LISTEN */
    SC_SEND,
    SC_SEND_URGENT,
    SC_RECEIVE,
    SC_CLOSE,
    SC_ABORT,
    SC_STATUS,
    SC_RELEASE, /* the user lets go */
    SC_LISTEN,  /* a listener: ACCEPT takes its connections, under the lowest free number */
    SC_ACCEPT,
    SC_SET,     /* a setting of a live connection */
    SC_END_ABORT, /* every user lets go, by ABORT or RELEASE, and all connections come to their */
    SC_END_RELEASE, /* end: the last call of a script for the watched host */
    SC_N_USER_OPS
};

/* What SET changes.  Any value is brought into the setting's range (sc_set). */
enum sc_setting {
    SC_SET_NAGLE,
    SC_SET_DELAYED_ACK,  /* milliseconds */
    SC_SET_KEEPALIVE,
    SC_SET_USER_TIMEOUT, /* seconds */
    SC_SET_RCV_BUF,
    SC_SET_SND_BUF,
    SC_SET_MSS,
    SC_SET_CHALLENGE_ACKS,
    SC_N_SETTINGS
};
void sc_set(struct rs_tcp_config *, enum sc_setting, uint32_t value);

struct sc_user {
    uint8_t op;      /* enum sc_user_op */
    uint8_t conn;    /* the script's own number of a connection */
    uint8_t setting; /* enum sc_setting, of SET */
    uint32_t amount; /* octets for SEND and RECEIVE; the value for SET */
    bool has_result;
    bool any_result; /* `= ...`: an error too */
    int64_t result; /* count, or 0 */
    const char *err; /* name of an enum rs_error, or NULL */
};

enum sc_fault_action { SC_DROP, SC_DUP, SC_DELAY, SC_REORDER, SC_CORRUPT, SC_N_FAULTS };
enum sc_seg_class {
    SC_C_ANY,
    SC_C_SYN,     /* SYN without ACK */
    SC_C_SYN_ACK,
    SC_C_ACK,     /* ACK without text, SYN, FIN or RST */
    SC_C_DATA,    /* text */
    SC_C_FIN,
    SC_C_RST,
    SC_N_CLASSES
};

/* What the link does to the n-th matching segment from now on; nth 0 means every one. */
struct sc_fault {
    uint8_t action;    /* enum sc_fault_action */
    uint8_t seg_class; /* enum sc_seg_class */
    char from, to;     /* actors; 0 in a script with one SUT: see direction */
    uint8_t direction; /* enum sc_direction */
    uint32_t nth;
    uint64_t delay; /* microseconds, SC_DELAY */
};

struct sc_state_item {
    char actor;    /* 0: the SUT */
    int32_t fd;    /* descriptor or connection number; -1: the current connection */
    uint8_t state; /* enum rs_state; RS_CLOSED also when there is no connection */
};

enum { SC_MAX_STATES = 8 };

struct sc_state {
    uint8_t n;
    struct sc_state_item item[SC_MAX_STATES];
};

/* A name with a value, or a bare word with value NULL. */
struct sc_pair {
    const char *name, *value;
    const struct sc_pair *next;
};

struct sc_event {
    uint8_t kind; /* enum sc_kind */
    char actor;   /* who makes the call: `R: connect(...)`; 0: the SUT */
    bool trailing; /* a comment on the line of the event before it */
    struct sc_time at;
    uint32_t line, col; /* of its first character; 0 when it was not read from text */
    union {
        struct sc_packet packet;
        struct sc_icmp icmp;
        struct sc_call call;
        struct sc_user user;
        struct sc_fault fault;
        struct sc_state state;
        const struct sc_pair *pair; /* SC_OPTION, SC_TAGS, SC_CONFIG */
        const char *text; /* SC_SHELL, SC_CODE, SC_COMMENT, SC_OPAQUE; of SC_WAIT NULL or
                           * "deadline", "before-deadline": until the stack's next timer */
    } u;
};

/* ---- Scripts ---------------------------------------------------------------------------- */

struct sc_chunk;

/* Where a script's pieces live; freed as one. */
struct sc_arena {
    struct sc_chunk *chunk;
};

void *sc_alloc(struct sc_arena *, size_t size); /* zeroed; aborts when memory is exhausted */
char *sc_strdup(struct sc_arena *, const char *text, size_t len);
void sc_arena_free(struct sc_arena *);

struct script {
    struct sc_arena arena;
    const char *name; /* the file as it was given */
    struct sc_event *event;
    size_t n_events;
    uint8_t ip; /* 0: either version; 4 or 6 */
};

void script_free(struct script *);
/* Whether both say the same, places aside. */
bool script_equal(const struct script *, const struct script *);
/* Whether it has more than comments, tags and settings. */
bool script_acts(const struct script *);

/* Names as scripts write them; NULL or a negative number when there is none. */
const char *sc_base_name(enum sc_base);
const char *sc_user_name(enum sc_user_op);
const char *sc_setting_name(enum sc_setting);
const char *sc_fault_name(enum sc_fault_action);
const char *sc_class_name(enum sc_seg_class);
int sc_name_index(const char *const *names, int n, const char *word, size_t len);
/* The class a live segment belongs to; SC_C_ANY for none of the others. */
enum sc_seg_class sc_class_of(uint16_t flags, uint32_t text_len);
bool sc_class_matches(enum sc_seg_class, uint16_t flags, uint32_t text_len);

#endif
