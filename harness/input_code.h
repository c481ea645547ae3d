/* The compact form's codes, shared by its decoder and encoder only. */
#ifndef HARNESS_INPUT_CODE_H
#define HARNESS_INPUT_CODE_H

#include <stdint.h>

enum {
    CODE_SEGMENT,
    CODE_USER,
    CODE_WAIT,
    CODE_ICMP,
    CODE_RAW,
    CODE_FAULT,
    CODE_SET,
    CODE_SPARE, /* decodes as a segment */
    CODE_KINDS = 8
};

/* What follows a segment's first two octets: these bits of the first one, shifted by three. */
enum { SEG_SEQ = 1, SEG_ACK = 2, SEG_WND = 4, SEG_TEXT = 8, SEG_MORE = 16 };
/* And the octet that SEG_MORE announces. */
enum {
    MORE_OPTIONS = 1,
    MORE_UP = 2,
    MORE_CSUM = 4,
    MORE_DOFF = 8,
    MORE_CUT = 16,
    MORE_RESERVED = 32, /* high nibble: reserved bits; low nibble: ECN with its presence */
    MORE_PORTS = 64,
    MORE_IP = 128 /* Diffserv octet and TTL */
};

/* The two high bits of a text length. */
enum { TEXT_PATTERN, TEXT_ZEROS, TEXT_VALUE, TEXT_LEN_BITS = 14 };

enum { USER_CONN = 16 }; /* of the five high bits: a connection octet follows */
enum { CONN_ACTOR_B = 0x80 };
enum { AMOUNT_LONG = 0xffff };

enum { ICMP_SEQ = 1, ICMP_MTU = 2, ICMP_NO_QUOTE = 4, ICMP_TEXT = 8 };

enum { FAULT_OUT = 8, FAULT_ACTION = 7 };

/* Low nibble of an option's first octet; the high one is a count where there is one. */
enum {
    CODE_OPT_NOP,
    CODE_OPT_EOL,
    CODE_OPT_MSS,
    CODE_OPT_WSCALE,
    CODE_OPT_SACK_PERMITTED,
    CODE_OPT_SACK,
    CODE_OPT_TIMESTAMPS,
    CODE_OPT_RAW,
    CODE_OPT_COOKIE,
    CODE_OPT_COOKIE_EXPERIMENT,
    CODE_OPT_USER_TIMEOUT,
    CODE_OPT_MD5,
    CODE_OPT_KINDS
};

/* Classes of offset: fixed ones, then those whose magnitude follows in 1, 2 or 4 octets. */
enum { OFFSET_U8 = 11, OFFSET_MINUS_U8, OFFSET_U16, OFFSET_MINUS_U16, OFFSET_U32 };

static const uint32_t offset_fixed[OFFSET_U8] = {
    0, 1, UINT32_MAX, 2, UINT32_MAX - 1, /* 0, 1, -1, 2, -2 */
    536, UINT32_MAX - 535,               /* one MSS either way: RFC 9293 MUST-15's default */
    0x80000000u, 0x7fffffffu, 0x80000001u, 65535
};

#endif
