/* The script: the one thing that a conformance test, an interop case, a fuzz input and a finding are.
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
    uint32_t offset; /* added modulo 2^32 */
};

/* ---- Segments --------------------------------------------------------------------------- */

/* One TCP option of a template.  `any` stands for `*` in its place: one option of that kind with
 * any value.  Raw octets carry what no typed form can: wrong lengths, unknown kinds. */
struct sc_option {
    uint8_t kind;
    bool raw; /* u.raw is emitted or compared as it stands, kind and length octets included */
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
        } raw_octets;
        struct {
            uint8_t len;
            bool experimental; /* kind 254 with ExID 0xF989 rather than kind 34 */
            uint8_t octet[16];
        } cookie;
        uint16_t user_timeout;
    } u;
};

enum { SC_MAX_OPTIONS = 40 };

enum sc_malform {
    SC_BAD_CHECKSUM = 1, /* the checksum is given, not computed */
    SC_BAD_DOFF = 2,     /* the data offset is given */
    SC_BAD_RESERVED = 4, /* reserved bits are set as in flags */
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
    uint8_t ecn;         /* IP ECN bits */
    bool has_ecn;
    uint8_t tos, ttl;    /* 0: default */
    bool options_any;    /* `<...>` */
    uint8_t n_options;
    uint8_t malform;     /* enum sc_malform */
    uint16_t csum;
    uint8_t doff;
    uint16_t cut;
    struct sc_option *option; /* n_options of them, owned by the script's arena or the decoder */
};

#endif
