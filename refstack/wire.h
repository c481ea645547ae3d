/* Wire formats: octets into plain structs and back, without loss.
 *
 * Every header that fits its own lengths can be held and emitted again octet by octet, right or
 * wrong; judging it is the caller's business.  `*_parse` never reads outside [p, p+len);
 * `*_emit` returns the octets written, or 0 when they do not fit in `cap`.
 * Pointers in a parsed struct point into the octets that were parsed and own nothing. */
#ifndef REFSTACK_WIRE_H
#define REFSTACK_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "refstack/refstack.h"

struct rcur;
struct wcur;

/* Why octets cannot be held as the header they claim to be. */
enum wire_result {
    WIRE_OK,
    WIRE_TRUNCATED,  /* fewer octets than the fixed header */
    WIRE_BAD_LENGTH, /* a length field points outside the octets or inside the fixed header */
    WIRE_BAD_VERSION /* not the IP version, or not the ARP hardware and protocol, expected */
};

/* ---- Internet checksum, RFC 1071 -------------------------------------------------------- */

/* Adds octets to a running sum; an odd count may only come last.  Start with 0.  A running sum is
 * kept in the machine's octet order: only these functions can read or add to it. */
uint32_t csum_add(uint32_t sum, const void *p, size_t len);
/* As csum_add, while copying the octets: one pass over the memory. */
uint32_t csum_copy(uint32_t sum, void *to, const void *from, size_t len);
/* Folds the sum and complements it: the value of a checksum field. */
uint16_t csum_fold(uint32_t sum);
/* The pseudo-header of RFC 9293 section 3.1 (IPv4) or RFC 8200 section 8.1 (IPv6). */
uint32_t csum_pseudo(const struct rs_addr *src, const struct rs_addr *dst, uint8_t proto,
                     uint32_t len);

/* ---- virtio-net header (virtio 1.2 section 5.1.6), little-endian ------------------------- */

enum { VNET_HEADER = 10 };
enum { VNET_NEEDS_CSUM = 1, VNET_DATA_VALID = 2 };          /* flags */
enum { VNET_GSO_TCP4 = 1, VNET_GSO_TCP6 = 4, VNET_GSO_ECN = 0x80 }; /* gso_type */

/* What a device that offloads is told of a frame, or tells: the checksum from csum_start on is
 * still to be filled in at csum_offset, and the text is to be cut into pieces of gso_size. */
struct vnet_hdr {
    uint8_t flags;
    uint8_t gso_type;
    uint16_t hdr_len;
    uint16_t gso_size;
    uint16_t csum_start;
    uint16_t csum_offset;
};

enum wire_result vnet_parse(struct vnet_hdr *, const uint8_t *p, size_t len);
size_t vnet_emit(const struct vnet_hdr *, uint8_t *buf, size_t cap);

/* ---- Ethernet and ARP (RFC 894, RFC 826) ------------------------------------------------ */

enum { ETH_HEADER = 14, ETH_TYPE_IP4 = 0x0800, ETH_TYPE_ARP = 0x0806, ETH_TYPE_IP6 = 0x86dd };

struct eth_hdr {
    uint8_t dst[6];
    uint8_t src[6];
    uint16_t type;
};

enum wire_result eth_parse(struct eth_hdr *, const uint8_t *p, size_t len);
size_t eth_emit(const struct eth_hdr *, uint8_t *buf, size_t cap);

enum { ARP_SIZE = 28, ARP_REQUEST = 1, ARP_REPLY = 2 };

/* ARP for IPv4 over Ethernet; other hardware or protocols are WIRE_BAD_VERSION. */
struct arp_pkt {
    uint16_t op;
    uint8_t sender_mac[6];
    uint8_t sender_ip[4];
    uint8_t target_mac[6];
    uint8_t target_ip[4];
};

enum wire_result arp_parse(struct arp_pkt *, const uint8_t *p, size_t len);
size_t arp_emit(const struct arp_pkt *, uint8_t *buf, size_t cap);

/* ---- IPv4 (RFC 791) --------------------------------------------------------------------- */

enum { IP4_HEADER = 20, IP4_OPT_MAX = 40, IP_PROTO_ICMP = 1, IP_PROTO_TCP = 6, IP_PROTO_UDP = 17 };
enum { IP4_DF = 0x4000, IP4_MF = 0x2000, IP4_OFFSET = 0x1fff };

struct ip4_hdr {
    uint8_t ihl; /* header length in 32-bit words */
    uint8_t tos; /* Diffserv and ECN */
    uint16_t total_len;
    uint16_t id;
    uint16_t frag; /* three flags and the 13-bit offset, as on the wire */
    uint8_t ttl;
    uint8_t proto;
    uint16_t csum;
    struct rs_addr src;
    struct rs_addr dst;
    uint8_t opt[IP4_OPT_MAX]; /* (ihl - 5) * 4 octets */
    const uint8_t *payload;   /* total_len - ihl * 4 octets */
    uint16_t payload_len;
};

/* Octets after total_len (link padding) are left out. */
enum wire_result ip4_parse(struct ip4_hdr *, const uint8_t *p, size_t len);
bool ip4_checksum_ok(const uint8_t *p, size_t header_len);
/* Emits the header only, with ihl and the checksum as given; an ihl under 5 emits no options. */
size_t ip4_emit(const struct ip4_hdr *, uint8_t *buf, size_t cap);
/* Emits the header only, with the checksum computed. */
size_t ip4_emit_sum(const struct ip4_hdr *, uint8_t *buf, size_t cap);

/* ---- ICMP (RFC 792) --------------------------------------------------------------------- */

enum { ICMP_HEADER = 8 };
enum icmp_type {
    ICMP_ECHO_REPLY = 0,
    ICMP_UNREACHABLE = 3,
    ICMP_SOURCE_QUENCH = 4,
    ICMP_ECHO = 8,
    ICMP_TIME_EXCEEDED = 11,
    ICMP_PARAMETER_PROBLEM = 12
};
enum { ICMP_PORT_UNREACHABLE = 3, ICMP_PROTO_UNREACHABLE = 2, ICMP_FRAG_NEEDED = 4 };

struct icmp_msg {
    uint8_t type;
    uint8_t code;
    uint16_t csum;
    uint32_t rest; /* identifier and sequence number, unused and next-hop MTU, ... */
    const uint8_t *body;
    size_t body_len;
};

enum wire_result icmp_parse(struct icmp_msg *, const uint8_t *p, size_t len);
size_t icmp_emit(const struct icmp_msg *, uint8_t *buf, size_t cap);     /* checksum as given */
size_t icmp_emit_sum(const struct icmp_msg *, uint8_t *buf, size_t cap); /* checksum computed */
bool icmp_checksum_ok(const uint8_t *p, size_t len);

/* ---- IPv6 (RFC 8200) -------------------------------------------------------------------- */

enum { IP6_HEADER = 40, IP6_MIN_MTU = 1280, IP6_FRAG_HEADER = 8 };
enum ip6_next {
    IP6_HOP_BY_HOP = 0,
    IP6_ROUTING = 43,
    IP6_FRAGMENT = 44,
    IP_PROTO_ICMP6 = 58,
    IP6_NO_NEXT = 59,
    IP6_DESTINATION = 60
};

struct ip6_hdr {
    uint8_t tclass; /* Diffserv and ECN */
    uint32_t flow;  /* 20 bits */
    uint16_t payload_len;
    uint8_t next;
    uint8_t hops;
    struct rs_addr src;
    struct rs_addr dst;
    const uint8_t *payload; /* payload_len octets, extension headers among them */
};

/* Octets after payload_len (link padding) are left out. */
enum wire_result ip6_parse(struct ip6_hdr *, const uint8_t *p, size_t len);
size_t ip6_emit(const struct ip6_hdr *, uint8_t *buf, size_t cap); /* the header only */

/* A hop-by-hop, routing or destination header: they share their first two octets. */
struct ip6_ext {
    uint8_t next;
    uint8_t words; /* length in 8 octets, the first 8 not counted */
    const uint8_t *body;
    uint16_t body_len; /* words * 8 + 6 */
};

enum wire_result ip6_ext_parse(struct ip6_ext *, const uint8_t *p, size_t len);
size_t ip6_ext_emit(const struct ip6_ext *, uint8_t *buf, size_t cap);

enum { IP6_MORE = 1, IP6_OFFSET = 0xfff8 };

struct ip6_frag {
    uint8_t next;
    uint8_t reserved;
    uint16_t off; /* 13 bits of offset, two reserved, IP6_MORE, as on the wire: octets if masked */
    uint32_t id;
};

enum wire_result ip6_frag_parse(struct ip6_frag *, const uint8_t *p, size_t len);
size_t ip6_frag_emit(const struct ip6_frag *, uint8_t *buf, size_t cap);

/* An option of a hop-by-hop or destination header.  Pad1 has neither length nor body. */
enum { IP6_OPT_PAD1 = 0, IP6_OPT_PADN = 1 };

struct ip6_opt {
    uint8_t type;
    uint8_t len;
    const uint8_t *body;
};

/* Takes the next option off the cursor; false at the end, or with the cursor bad when one
 * overruns. */
bool ip6_opt_next(struct rcur *, struct ip6_opt *);
void ip6_opt_put(struct wcur *, const struct ip6_opt *);

/* ---- ICMPv6 (RFC 4443): an icmp_msg whose checksum covers the pseudo-header ----------------- */

enum icmp6_type {
    ICMP6_UNREACHABLE = 1,
    ICMP6_TOO_BIG = 2,
    ICMP6_TIME_EXCEEDED = 3,
    ICMP6_PARAMETER_PROBLEM = 4,
    ICMP6_ECHO = 128, /* and above: informational */
    ICMP6_ECHO_REPLY = 129,
    ICMP6_MLD_QUERY = 130,
    ND_SOLICIT = 135,
    ND_ADVERT = 136
};

size_t icmp6_emit_sum(const struct icmp_msg *, const struct rs_addr *src, const struct rs_addr *dst,
                      uint8_t *buf, size_t cap);
bool icmp6_checksum_ok(const struct rs_addr *src, const struct rs_addr *dst, const uint8_t *p,
                       size_t len);

/* ---- Neighbour Discovery (RFC 4861 sections 4.3, 4.4, 4.6) --------------------------------- */

enum { ND_MSG = 24 }; /* solicitation or advertisement without options */
#define ND_ROUTER 0x80000000u
#define ND_SOLICITED 0x40000000u
#define ND_OVERRIDE 0x20000000u

/* What follows the type, code and checksum of a solicitation or an advertisement. */
struct nd_msg {
    uint32_t flags; /* of an advertisement; reserved bits are kept */
    struct rs_addr target;
    const uint8_t *opt;
    size_t opt_len;
};

enum { ND_OPT_SOURCE_MAC = 1, ND_OPT_TARGET_MAC = 2 };

struct nd_opt {
    uint8_t type;
    uint8_t words; /* length in 8 octets, all counted; never 0 */
    const uint8_t *body;
    size_t body_len; /* words * 8 - 2 */
};

enum wire_result nd_parse(struct nd_msg *, const struct icmp_msg *);
/* Writes the body of the message, which goes behind the first 8 octets that icmp_emit writes: the
 * target and the options.  The flags are the message's `rest`. */
size_t nd_emit(const struct nd_msg *, uint8_t *buf, size_t cap);
/* As ip6_opt_next; a length of 0 or one that overruns makes the cursor bad (section 4.6). */
bool nd_opt_next(struct rcur *, struct nd_opt *);
void nd_opt_put(struct wcur *, const struct nd_opt *);

/* ---- TCP (RFC 9293 section 3.1) --------------------------------------------------------- */

enum { TCP_HEADER = 20, TCP_OPT_MAX = 40 };
enum tcp_flag {
    TCP_FIN = 0x001,
    TCP_SYN = 0x002,
    TCP_RST = 0x004,
    TCP_PSH = 0x008,
    TCP_ACK = 0x010,
    TCP_URG = 0x020,
    TCP_ECE = 0x040,
    TCP_CWR = 0x080,
    TCP_RESERVED = 0xf00 /* the four reserved bits (RFC 9768 names the lowest AE) */
};

struct tcp_seg {
    uint16_t src_port;
    uint16_t dst_port;
    uint32_t seq;
    uint32_t ack;
    uint8_t doff;   /* data offset in 32-bit words */
    uint16_t flags; /* twelve bits: enum tcp_flag */
    uint16_t wnd;   /* as on the wire, unscaled */
    uint16_t csum;
    uint16_t up;
    uint8_t opt_len;        /* (doff - 5) * 4 after parsing */
    const uint8_t *opt;     /* the option octets, padding included */
    const uint8_t *text;
    uint32_t text_len;
};

enum wire_result tcp_parse(struct tcp_seg *, const uint8_t *p, size_t len);
/* Header, options and text (zeros when `text` is NULL).  doff and csum are emitted as given, so
 * that a wrong one can be held: option octets beyond opt_len up to doff are zero, and a doff too
 * small leaves the options where the receiver takes them for text.  0 if a field is too narrow. */
size_t tcp_emit(const struct tcp_seg *, uint8_t *buf, size_t cap);
/* Puts a checksum into a header that tcp_emit wrote. */
void tcp_put_csum(uint8_t *header, uint16_t csum);
/* As tcp_emit, with doff computed from opt_len (padded with EOL to a multiple of 4) and the
 * checksum filled in. */
size_t tcp_emit_sum(const struct tcp_seg *, const struct rs_addr *src, const struct rs_addr *dst,
                    uint8_t *buf, size_t cap);
bool tcp_checksum_ok(const struct rs_addr *src, const struct rs_addr *dst, const uint8_t *p,
                     size_t len);

/* SEG.LEN: text plus one each for SYN and FIN (RFC 9293 section 3.4). */
static inline uint32_t tcp_seg_len(const struct tcp_seg *seg)
{
    return seg->text_len + ((seg->flags & TCP_SYN) ? 1u : 0u) + ((seg->flags & TCP_FIN) ? 1u : 0u);
}

/* ---- TCP options ------------------------------------------------------------------------ */

enum tcp_opt_kind {
    OPT_EOL = 0,
    OPT_NOP = 1,
    OPT_MSS = 2,            /* RFC 9293 section 3.7.1 */
    OPT_WSCALE = 3,         /* RFC 7323 section 2 */
    OPT_SACK_PERMITTED = 4, /* RFC 2018 section 2 */
    OPT_SACK = 5,           /* RFC 2018 section 3 */
    OPT_TIMESTAMPS = 8,     /* RFC 7323 section 3 */
    OPT_MD5 = 19,           /* RFC 2385 */
    OPT_USER_TIMEOUT = 28,  /* RFC 5482 */
    OPT_FASTOPEN = 34,      /* RFC 7413 */
    OPT_EXPERIMENT = 254    /* RFC 6994; ExID 0xF989 carries a fast-open cookie */
};

struct sack_block {
    uint32_t left;  /* first sequence number of the block */
    uint32_t right; /* the one after its last */
};

/* One option.  `typed` says that the length is the kind's own and the member below is filled;
 * otherwise only kind, len and body mean anything, and emit writes those. */
struct tcp_option {
    uint8_t kind;
    uint8_t len; /* the length octet; 1 for EOL and NOP, which have none */
    bool typed;
    const uint8_t *body; /* len - 2 octets */
    union {
        uint16_t mss;
        uint8_t shift;
        struct {
            uint8_t n;
            struct sack_block block[4];
        } sack;
        struct {
            uint32_t val;
            uint32_t ecr;
        } ts;
        const uint8_t *digest; /* 16 octets */
        uint16_t user_timeout; /* granularity bit and 15-bit value */
        struct {
            uint8_t len; /* 0 (request) or 4..16 */
            const uint8_t *octets;
        } cookie;
    } u;
};

enum opt_result { OPT_OK, OPT_END, OPT_BAD_LENGTH };

/* Steps through option octets with the one cursor.  OPT_END at EOL (the EOL itself is given as an
 * option first) or at the end; OPT_BAD_LENGTH for a length of 0 or 1, a missing length octet, or
 * one that overruns (RFC 9293 MUST-7); the walk is over then. */
struct opt_walk {
    const uint8_t *p;
    const uint8_t *end;
    bool done;
};

static inline struct opt_walk opt_walk_of(const uint8_t *p, size_t len)
{
    /* Options may be absent, and NULL + 0 is undefined. */
    return (struct opt_walk){ .p = p, .end = len ? p + len : p, .done = false };
}

enum opt_result opt_next(struct opt_walk *, struct tcp_option *);
/* Writes one option.  A typed one takes its length from its kind and content, whatever `len` says;
 * any other is written as it stands, so that a length which lies can be held (body NULL: none). */
void opt_put(struct wcur *, const struct tcp_option *);

/* What TCP itself needs of a segment's options.  The first of each kind counts. */
struct tcp_opts {
    bool bad; /* an illegal length was met; what stood before it is kept */
    bool has_mss, has_wscale, has_sack_permitted, has_ts, has_cookie, has_user_timeout;
    uint16_t mss;
    uint8_t shift;
    uint32_t ts_val, ts_ecr;
    uint8_t n_sack;
    struct sack_block sack[4];
    uint8_t cookie_len;
    const uint8_t *cookie;
    uint16_t user_timeout;
};

void opts_read(struct tcp_opts *, const uint8_t *opt, size_t len);

#endif
