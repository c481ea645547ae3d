/* Fuzz target: octets through the wire formats and back.
 *
 * The first octet of the input chooses the layer at which the rest enters, so that no layer hides
 * behind the checks of those above it.  Whatever parses must be emitted again octet by octet,
 * point only into what it was parsed from, and sum to the same checksum whichever way it is
 * summed.  The octets end at an unreadable page. */
#include <string.h>

#include "harness/place.h"
#include "harness/oracle.h"
#include "refstack/cursor.h"
#include "refstack/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_FRAME = PLACE_MAX, N_LAYERS = 9 };

static uint8_t out[MAX_FRAME];

UNCOUNTED static bool inside(const uint8_t *part, size_t n, const uint8_t *p, size_t len)
{
    return n == 0 || (part >= p && part + n <= p + len);
}

/* Not memcmp: its masked loads cost hundreds of cycles at the edge of an unreadable page, which is
 * where every input ends. */
UNCOUNTED static bool same(const uint8_t *a, const uint8_t *b, size_t n)
{
    uint64_t x, y, differ = 0;

    for (; n >= sizeof x; a += sizeof x, b += sizeof x, n -= sizeof x) {
        memcpy(&x, a, sizeof x);
        memcpy(&y, b, sizeof y);
        differ |= x ^ y;
    }
    for (; n > 0; n--)
        differ |= (uint64_t)(*a++ ^ *b++);
    return differ == 0;
}

/* RFC 1071's definition, octet by octet: what the fast versions are held against. */
UNCOUNTED static uint16_t sum_by_definition(const uint8_t *p, size_t len)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < len; i++)
        sum += (i & 1) ? p[i] : (uint32_t)p[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

UNCOUNTED static void check_sums(const uint8_t *p, size_t len)
{
    size_t cut = (len / 2) & ~(size_t)1;
    uint16_t want = sum_by_definition(p, len);
    uint16_t whole = csum_fold(csum_add(0, p, len));
    uint16_t parts = csum_fold(csum_add(csum_add(0, p, cut), p + cut, len - cut));
    uint16_t copied = csum_fold(csum_copy(0, out, p, len));

    ORACLE(checksum_agrees, whole == want, "csum_add %04x, RFC 1071 %04x", whole, want);
    ORACLE(checksum_agrees, parts == want, "in two parts %04x, RFC 1071 %04x", parts, want);
    ORACLE(checksum_agrees, copied == want && same(out, p, len), "csum_copy %04x, RFC 1071 %04x",
           copied, want);
}

/* What opts_read should find, by walking: the first well-formed option of each kind. */
UNCOUNTED static void note_option(struct tcp_opts *o, const struct tcp_option *opt)
{
    if (!opt->typed)
        return;
    if (opt->kind == OPT_MSS && !o->has_mss) {
        o->has_mss = true;
        o->mss = opt->u.mss;
    } else if (opt->kind == OPT_WSCALE && !o->has_wscale) {
        o->has_wscale = true;
        o->shift = opt->u.shift;
    } else if (opt->kind == OPT_TIMESTAMPS && !o->has_ts) {
        o->has_ts = true;
        o->ts_val = opt->u.ts.val;
        o->ts_ecr = opt->u.ts.ecr;
    } else if (opt->kind == OPT_SACK_PERMITTED) {
        o->has_sack_permitted = true;
    }
}

UNCOUNTED static void check_read(const struct tcp_opts *want, const uint8_t *p, size_t len)
{
    struct tcp_opts got;

    opts_read(&got, p, len);
    ORACLE(option_read_agrees,
           got.has_mss == want->has_mss && (!got.has_mss || got.mss == want->mss),
           "MSS %d %u, walked %d %u", got.has_mss, got.mss, want->has_mss, want->mss);
    ORACLE(option_read_agrees,
           got.has_wscale == want->has_wscale && (!got.has_wscale || got.shift == want->shift),
           "shift %d %u, walked %d %u", got.has_wscale, got.shift, want->has_wscale, want->shift);
    ORACLE(option_read_agrees,
           got.has_ts == want->has_ts &&
               (!got.has_ts || (got.ts_val == want->ts_val && got.ts_ecr == want->ts_ecr)),
           "TSval %u TSecr %u, walked %u %u", got.ts_val, got.ts_ecr, want->ts_val, want->ts_ecr);
    ORACLE(option_read_agrees, got.has_sack_permitted == want->has_sack_permitted,
           "SACK-permitted %d, walked %d", got.has_sack_permitted, want->has_sack_permitted);
    ORACLE(parse_in_bounds, !got.has_cookie || inside(got.cookie, got.cookie_len, p, len),
           "a cookie of %u octets outside the options", got.cookie_len);
    ORACLE(option_read_agrees, got.n_sack <= 4, "%u SACK blocks", got.n_sack);
}

UNCOUNTED static void check_option(const struct tcp_option *opt, const uint8_t *start,
                                   const uint8_t *p, size_t len)
{
    struct wcur w = wcur_of(out, sizeof(out));

    ORACLE(parse_in_bounds, opt->len < 2 || inside(opt->body, opt->len - 2u, p, len),
           "body of option kind %u length %u", opt->kind, opt->len);
    ORACLE(parse_in_bounds, inside(start, opt->len, p, len), "option kind %u length %u overruns",
           opt->kind, opt->len);
    opt_put(&w, opt);
    ORACLE(option_round_trip,
           !w.bad && w.p == out + opt->len && same(out, start, opt->len),
           "option kind %u length %u is emitted as %td octets", opt->kind, opt->len, w.p - out);
}

static void check_options(const uint8_t *p, size_t len)
{
    struct opt_walk walk = opt_walk_of(p, len);
    struct tcp_opts want = { .bad = false };
    struct tcp_option opt;
    size_t steps = 0;
    const uint8_t *start = p;

    while (opt_next(&walk, &opt) == OPT_OK) {
        ORACLE(option_walk_ends, ++steps <= len, "%zu steps over %zu octets", steps, len);
        check_option(&opt, start, p, len);
        note_option(&want, &opt);
        start = walk.p;
    }
    check_read(&want, p, len);
}

static void check_tcp(const uint8_t *p, size_t len, const struct rs_addr *src,
                      const struct rs_addr *dst)
{
    struct tcp_seg seg;

    if (tcp_parse(&seg, p, len) != WIRE_OK)
        return;
    ORACLE(parse_in_bounds, inside(seg.opt, seg.opt_len, p, len), "options");
    ORACLE(parse_in_bounds, inside(seg.text, seg.text_len, p, len), "text");
    size_t n = tcp_emit(&seg, out, sizeof(out));
    ORACLE(tcp_round_trip, n == len && same(out, p, n), "%zu octets became %zu", len, n);
    check_options(seg.opt, seg.opt_len);

    n = tcp_emit_sum(&seg, src, dst, out, sizeof(out));
    ORACLE(checksum_agrees, n == len && tcp_checksum_ok(src, dst, out, n),
           "tcp_emit_sum writes a checksum that tcp_checksum_ok rejects");
}

static void check_icmp(const uint8_t *p, size_t len)
{
    struct icmp_msg m;

    if (icmp_parse(&m, p, len) != WIRE_OK)
        return;
    ORACLE(parse_in_bounds, inside(m.body, m.body_len, p, len), "ICMP body");
    size_t n = icmp_emit(&m, out, sizeof(out));
    ORACLE(icmp_round_trip, n == len && same(out, p, n), "%zu octets became %zu", len, n);
    n = icmp_emit_sum(&m, out, sizeof(out));
    ORACLE(checksum_agrees, n == len && icmp_checksum_ok(out, n),
           "icmp_emit_sum writes a checksum that icmp_checksum_ok rejects");
}

static void check_ip4(const uint8_t *p, size_t len)
{
    struct ip4_hdr ip;

    if (ip4_parse(&ip, p, len) != WIRE_OK)
        return;
    size_t header = ip.ihl * 4u;
    ORACLE(parse_in_bounds, header <= len && inside(ip.payload, ip.payload_len, p, len),
           "header of %zu and payload of %u octets in %zu", header, ip.payload_len, len);
    ORACLE(parse_in_bounds, header + ip.payload_len == ip.total_len, "total length %u",
           ip.total_len);
    size_t n = ip4_emit(&ip, out, sizeof(out));
    ORACLE(ip4_round_trip, n == header && same(out, p, n), "%zu octets became %zu", header, n);
    n = ip4_emit_sum(&ip, out, sizeof(out));
    ORACLE(checksum_agrees, n == header && ip4_checksum_ok(out, n),
           "ip4_emit_sum writes a checksum that ip4_checksum_ok rejects");
    if (ip.proto == IP_PROTO_TCP)
        check_tcp(ip.payload, ip.payload_len, &ip.src, &ip.dst);
    else if (ip.proto == IP_PROTO_ICMP)
        check_icmp(ip.payload, ip.payload_len);
}

/* Extension headers and fragments, RFC 8200 sections 4.3 to 4.6, and what lies behind them. */
static void check_ip6_options(const uint8_t *p, size_t len)
{
    struct rcur c = rcur_of(p, len);
    struct wcur w = wcur_of(out, sizeof out);
    struct ip6_opt opt;
    size_t steps = 0;

    while (ip6_opt_next(&c, &opt)) {
        ORACLE(option_walk_ends, ++steps <= len, "%zu steps over %zu octets", steps, len);
        ORACLE(parse_in_bounds, opt.len == 0 || inside(opt.body, opt.len, p, len),
               "body of IPv6 option type %u length %u", opt.type, opt.len);
        ip6_opt_put(&w, &opt);
    }
    const size_t n = (size_t)(w.p - out);
    ORACLE(option_round_trip, !w.bad && n <= len && same(out, p, n) && (c.bad || n == len),
           "%zu octets of IPv6 options became %zu", len, n);
}

static void check_ip6_ext(const uint8_t *p, size_t len)
{
    struct ip6_ext ext;
    struct ip6_frag frag;

    if (ip6_frag_parse(&frag, p, len) == WIRE_OK)
        ORACLE(ip6_round_trip,
               ip6_frag_emit(&frag, out, sizeof out) == IP6_FRAG_HEADER &&
                   same(out, p, IP6_FRAG_HEADER),
               "a fragment header of %zu octets", len);
    if (ip6_ext_parse(&ext, p, len) != WIRE_OK)
        return;
    const size_t whole = ext.words * 8u + 8;
    ORACLE(parse_in_bounds, inside(ext.body, whole - 2, p, len), "extension header of %zu in %zu",
           whole, len);
    ORACLE(ip6_round_trip,
           ip6_ext_emit(&ext, out, sizeof out) == whole && same(out, p, whole),
           "an extension header of %zu octets", whole);
    check_ip6_options(ext.body, whole - 2);
}

/* RFC 4861 section 4: the messages of Neighbour Discovery and their options. */
static void check_nd(const struct icmp_msg *m)
{
    struct nd_msg nd;
    struct nd_opt opt;

    if (nd_parse(&nd, m) != WIRE_OK)
        return;
    const size_t n = nd_emit(&nd, out, sizeof out);
    ORACLE(icmp_round_trip, n == m->body_len && same(out, m->body, n) && nd.flags == m->rest,
           "Neighbour Discovery's %zu octets became %zu", m->body_len, n);
    struct rcur c = rcur_of(nd.opt, nd.opt_len);
    struct wcur w = wcur_of(out, sizeof out);
    while (nd_opt_next(&c, &opt)) {
        ORACLE(parse_in_bounds, inside(opt.body, opt.body_len, m->body, m->body_len),
               "body of Neighbour Discovery option %u", opt.type);
        nd_opt_put(&w, &opt);
    }
    const size_t walked = (size_t)(w.p - out);
    ORACLE(option_round_trip, !w.bad && same(out, nd.opt, walked), "%zu octets of options", walked);
}

static void check_icmp6(const uint8_t *p, size_t len, const struct rs_addr *src,
                        const struct rs_addr *dst)
{
    struct icmp_msg m;

    if (icmp_parse(&m, p, len) != WIRE_OK)
        return;
    size_t n = icmp_emit(&m, out, sizeof out);
    ORACLE(icmp_round_trip, n == len && same(out, p, n), "%zu octets became %zu", len, n);
    n = icmp6_emit_sum(&m, src, dst, out, sizeof out);
    ORACLE(checksum_agrees, n == len && icmp6_checksum_ok(src, dst, out, n),
           "icmp6_emit_sum writes a checksum that icmp6_checksum_ok rejects");
    check_nd(&m);
}

static void check_ip6(const uint8_t *p, size_t len)
{
    struct ip6_hdr ip;

    if (ip6_parse(&ip, p, len) != WIRE_OK)
        return;
    ORACLE(parse_in_bounds, inside(ip.payload, ip.payload_len, p, len), "payload of %u in %zu",
           ip.payload_len, len);
    const size_t n = ip6_emit(&ip, out, sizeof out);
    ORACLE(ip6_round_trip, n == IP6_HEADER && same(out, p, n), "%zu octets became %zu", len, n);
    if (ip.next == IP_PROTO_TCP)
        check_tcp(ip.payload, ip.payload_len, &ip.src, &ip.dst);
    else if (ip.next == IP_PROTO_ICMP6)
        check_icmp6(ip.payload, ip.payload_len, &ip.src, &ip.dst);
    else
        check_ip6_ext(ip.payload, ip.payload_len);
}

static void check_arp(const uint8_t *p, size_t len)
{
    struct arp_pkt arp;

    if (arp_parse(&arp, p, len) != WIRE_OK)
        return;
    size_t n = arp_emit(&arp, out, sizeof(out));
    ORACLE(arp_round_trip, n == ARP_SIZE && n <= len && same(out, p, n), "%zu octets became %zu",
           len, n);
}

static void check_eth(const uint8_t *p, size_t len)
{
    struct eth_hdr eth;

    if (eth_parse(&eth, p, len) != WIRE_OK)
        return;
    size_t n = eth_emit(&eth, out, sizeof(out));
    ORACLE(eth_round_trip, n == ETH_HEADER && n <= len && same(out, p, n), "%zu octets became %zu",
           len, n);
    if (eth.type == ETH_TYPE_ARP)
        check_arp(p + n, len - n);
    else if (eth.type == ETH_TYPE_IP4)
        check_ip4(p + n, len - n);
    else if (eth.type == ETH_TYPE_IP6)
        check_ip6(p + n, len - n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct rs_addr src = { .version = 4, .octet = { 192, 0, 2, 2 } };
    static const struct rs_addr dst = { .version = 4, .octet = { 192, 0, 2, 1 } };

    if (size < 1 || size > MAX_FRAME)
        return 0;
    size_t len = size - 1;
    const uint8_t *p = place_octets(data + 1, len);
    oracle_place.event = "octets";
    check_sums(p, len);
    switch (data[0] % N_LAYERS) {
    case 0: check_eth(p, len); break;
    case 1: check_ip4(p, len); break;
    case 2: check_tcp(p, len, &src, &dst); break;
    case 3: check_options(p, len); break;
    case 4: check_icmp(p, len); break;
    case 5: check_arp(p, len); break;
    case 6: check_ip6(p, len); break;
    case 7: check_ip6_ext(p, len); break;
    case 8: check_icmp6(p, len, &src, &dst); break;
    }
    return 0;
}
