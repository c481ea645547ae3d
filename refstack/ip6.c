/* IPv6 received: the chain of headers, walked once from the front with bounded work (RFC 8200
 * section 4).
 *
 *   ip6_input    addresses, then header by header:
 *       take_fragment    the rest waits in frag.c for the other pieces
 *       take_extension   judge_options, judge_routing
 *       deliver          ICMPv6, TCP, or an error
 *
 *   ip6_input    addresses, then header by header:
 *       take_fragment    the rest waits in frag.c for the other pieces
 *       take_extension   judge_options, judge_routing
 *       deliver          ICMPv6, TCP, or an error */
#include "refstack/cursor.h"
#include "refstack/host.h"

/* RFC 8504 section 5.3 lets a host refuse longer chains and more options than anybody has use for;
 * padding of more than seven octets is none (section 5.3 again). */
enum { MAX_EXTENSIONS = 8, MAX_OPTIONS = 8, MAX_PADDING = 7 };

enum { PARAM_HEADER = 0, PARAM_NEXT = 1, PARAM_OPTION = 2, PARAM_CHAIN = 3 };

/* The walk over one datagram: where it stands, and where it is said what stands there. */
struct walk {
    struct datagram d;
    size_t at;      /* of the header to read, from the datagram's start */
    size_t next_at; /* of the octet that said which one it is */
    unsigned extensions;
};

/* The pointer names the octet that was not understood (RFC 4443 section 3.4). */
static enum rs_reason problem(struct rs_host *h, const struct walk *w, uint8_t code, size_t at)
{
    icmp_send_error(h, &w->d, ICMP6_PARAMETER_PROBLEM, code, (uint32_t)at);
    return RS_REASON_IP_EXTENSION;
}

/* Section 4.2: the two highest bits say what to do with an option not known; none is known. */
static enum rs_reason judge_option(struct rs_host *h, const struct walk *w,
                                   const struct ip6_opt *o, size_t at)
{
    switch (BUG(EXTENSION_OPTION) ? 0 : o->type >> 6) {
    case 0: return RS_REASON_ACCEPTED;
    case 1: return RS_REASON_IP_EXTENSION;
    case 2: return problem(h, w, PARAM_OPTION, at);
    default: /* 3: not about what went to a group */
        if (ip_is_multicast(&w->d.dst))
            return RS_REASON_IP_EXTENSION;
        return problem(h, w, PARAM_OPTION, at);
    }
}

/* Options with nothing to do for this host are many, and a chain of them costs work: past the
 * limits the datagram is dropped without an answer. */
static enum rs_reason judge_options(struct rs_host *h, const struct walk *w,
                                    const struct ip6_ext *e)
{
    struct rcur c = rcur_of(e->body, e->body_len);
    unsigned options = 0;
    unsigned padding = 0;
    struct ip6_opt o;
    size_t at = w->at + 2;

    while (ip6_opt_next(&c, &o)) {
        const unsigned octets = o.type == IP6_OPT_PAD1 ? 1u : o.len + 2u;
        const bool pads = o.type <= IP6_OPT_PADN;
        padding = pads ? padding + octets : 0;
        options += !pads;
        if (padding > MAX_PADDING || options > MAX_OPTIONS)
            return RS_REASON_IP_EXTENSION;
        const enum rs_reason r = pads ? RS_REASON_ACCEPTED : judge_option(h, w, &o, at);
        if (r != RS_REASON_ACCEPTED)
            return r;
        at += octets;
    }
    return c.bad ? RS_REASON_IP_EXTENSION : RS_REASON_ACCEPTED;
}

/* Section 4.4: a routing header of no known type is skipped once it asks for no further hop.
 * Type 0 is unknown too (RFC 5095). */
static enum rs_reason judge_routing(struct rs_host *h, const struct walk *w,
                                    const struct ip6_ext *e)
{
    struct rcur c = rcur_of(e->body, e->body_len);

    rcur_u8(&c);
    const bool spent = rcur_u8(&c) == 0 || BUG(ROUTING_SKIPPED);
    return spent ? RS_REASON_ACCEPTED : problem(h, w, PARAM_HEADER, w->at + 2);
}

/* RFC 7112: the first fragment holds all headers up to the upper layer's. */
static bool chain_complete(const struct walk *w)
{
    static const uint8_t need[256] = {
        [IP_PROTO_TCP] = TCP_HEADER, [IP_PROTO_UDP] = 8, [IP_PROTO_ICMP6] = ICMP_HEADER
    };
    uint8_t proto;
    size_t at;

    return ip6_upper(w->d.start, w->d.start_len, &proto, &at) &&
           w->d.start_len - at >= need[proto];
}

/* Section 4.5.  Returns with the datagram spent, unless it is whole all the same (RFC 6946). */
static enum rs_reason take_fragment(struct rs_host *h, struct walk *w, bool *spent)
{
    const uint8_t *p = w->d.start + w->at;
    const size_t left = w->d.start_len - w->at;
    struct ip6_frag f;

    if (ip6_frag_parse(&f, p, left) != WIRE_OK)
        return RS_REASON_IP_BAD_HEADER;
    const uint32_t off = f.off & IP6_OFFSET;
    const bool more = (f.off & IP6_MORE) != 0;
    const size_t len = left - IP6_FRAG_HEADER;
    /* An atomic fragment: a header with nothing to wait for (RFC 6946).  An atomic fragment: a
     * header with nothing to wait for (RFC 6946). */
    if (off == 0 && !more && !BUG(FRAGMENT_ATOMIC)) {
        w->next_at = w->at;
        w->at += IP6_FRAG_HEADER;
        w->d.proto = f.next;
        return RS_REASON_ACCEPTED;
    }
    *spent = true;
    /* The pointer is to the payload length; below, to the fragment offset (RFC 8200 section 4.5).
     * The pointer is to the payload length; below, to the fragment offset (RFC 8200 section
     * 4.5). */
    if (more && len % 8 != 0 && !BUG(FRAGMENT_ODD))
        return problem(h, w, PARAM_HEADER, 4);
    if (off + len > UINT16_MAX)
        return problem(h, w, PARAM_HEADER, w->at + 2);
    if (off == 0 && !chain_complete(w) && !BUG(FRAGMENT_HEADLESS))
        return problem(h, w, PARAM_CHAIN, 0);
    const struct fragment piece = {
        .src = w->d.src,
        .dst = w->d.dst,
        .id = f.id,
        .next = f.next,
        .next_at = (uint16_t)w->next_at,
        .ecn = w->d.tos & 3,
        .off = off,
        .more = more,
        .head = w->d.start,
        .head_len = w->at,
        .data = p + IP6_FRAG_HEADER,
        .len = len,
    };
    return frag_input(h, &piece);
}

/* One header that IP itself reads; d.proto says which.  Each turn goes forward by eight octets at
 * least; picoTCP (ad38bf4e) could go round for ever. */
static enum rs_reason take_extension(struct rs_host *h, struct walk *w)
{
    struct ip6_ext e;
    const uint8_t kind = w->d.proto;

    if (++w->extensions > MAX_EXTENSIONS && !BUG(EXTENSION_CHAIN))
        return RS_REASON_IP_EXTENSION;
    /* Section 4.1: hop-by-hop options stand first or not at all. */
    if (kind == IP6_HOP_BY_HOP && w->at != IP6_HEADER && !BUG(HOP_BY_HOP_LATE))
        return problem(h, w, PARAM_NEXT, w->next_at);
    if (ip6_ext_parse(&e, w->d.start + w->at, w->d.start_len - w->at) != WIRE_OK)
        return RS_REASON_IP_BAD_HEADER;
    const enum rs_reason r =
        kind == IP6_ROUTING ? judge_routing(h, w, &e) : judge_options(h, w, &e);
    w->next_at = w->at;
    w->at += (size_t)e.words * 8 + 8;
    w->d.proto = e.next;
    return r;
}

static bool is_extension(uint8_t kind)
{
    return kind == IP6_HOP_BY_HOP || kind == IP6_ROUTING || kind == IP6_DESTINATION;
}

/* TCP knows no group (MUST-57), and to refuse one by ICMP would let a sender of one datagram hear
 * from all. */
static void deliver(struct rs_host *h, struct walk *w)
{
    struct datagram *d = &w->d;

    d->payload = d->start + w->at;
    d->len = d->start_len - w->at;
    if (d->proto == IP_PROTO_ICMP6) {
        icmp6_input(h, d);
    } else if (ip_is_unspecified(&d->src)) {
        judged(h, NULL, NULL, RS_REASON_IP_BAD_ADDRESS);
    } else if (d->proto == IP_PROTO_TCP && /* MUST-57 */
               (!ip_is_multicast(&d->dst) || BUG(GROUP_ANSWERED))) {
        tcp_input(h, d);
    } else {
        judged(h, NULL, NULL, RS_REASON_IP_PROTOCOL);
        if (d->proto == IP_PROTO_UDP)
            icmp_send_error(h, d, ICMP6_UNREACHABLE, 4, 0);
        else if ((d->proto != IP6_NO_NEXT || BUG(NO_NEXT_ANSWERED)) && d->proto != IP_PROTO_TCP)
            problem(h, w, PARAM_NEXT, w->next_at);
    }
}

/* One header after another from the front, in the order they stand in (RFC 8200 section 4), until
 * the first that is not IP's own. */
void ip6_input(struct rs_host *h, const uint8_t *p, size_t len, enum ip_from from)
{
    enum { NEXT_AT = 6 };
    struct ip6_hdr ip;
    bool spent = false;
    enum rs_reason r = ip6_parse(&ip, p, len) == WIRE_OK
                           ? ip_judge_addresses(h, &ip.src, &ip.dst, from)
                           : RS_REASON_IP_BAD_HEADER;
    if (r != RS_REASON_ACCEPTED) {
        judged(h, NULL, NULL, r);
        return;
    }
    struct walk w = {
        .d = { .src = ip.src, .dst = ip.dst, .tos = ip.tclass, .ttl = ip.hops, .proto = ip.next,
               .start = p, .start_len = (size_t)IP6_HEADER + ip.payload_len },
        .at = IP6_HEADER,
        .next_at = NEXT_AT,
    };
    while (r == RS_REASON_ACCEPTED && !spent) {
        if (w.d.proto == IP6_FRAGMENT && from != IP_FROM_FRAGMENTS)
            r = take_fragment(h, &w, &spent);
        else if (is_extension(w.d.proto))
            r = take_extension(h, &w);
        else
            break;
    }
    if (r == RS_REASON_ACCEPTED && !spent)
        deliver(h, &w);
    else
        judged(h, NULL, NULL, r);
}

bool ip6_upper(const uint8_t *p, size_t len, uint8_t *proto, size_t *at)
{
    enum { NEXT_AT = 6 };
    struct ip6_ext e;
    struct ip6_frag f;
    struct rcur c = rcur_of(p, len);

    rcur_take(&c, NEXT_AT);
    *proto = rcur_u8(&c);
    *at = IP6_HEADER;
    if (len < IP6_HEADER)
        return false;
    for (unsigned i = 0; i <= MAX_EXTENSIONS; i++) {
        if (*proto == IP6_FRAGMENT) {
            if (ip6_frag_parse(&f, p + *at, len - *at) != WIRE_OK)
                return false;
            *proto = f.next;
            *at += IP6_FRAG_HEADER;
            /* A later fragment has no upper-layer header. */
            if (f.off & IP6_OFFSET) {
                *at = len;
                return true;
            }
        } else if (is_extension(*proto)) {
            if (ip6_ext_parse(&e, p + *at, len - *at) != WIRE_OK)
                return false;
            *proto = e.next;
            *at += (size_t)e.words * 8 + 8;
        } else {
            return true;
        }
    }
    return false;
}
