#include "harness/peer.h"

#include <string.h>

#include "harness/place.h"
#include "refstack/cursor.h"

enum { DEFAULT_WINDOW = 65535, TTL = 64 };

uint32_t peer_number(const struct egress *e, struct sc_num num)
{
    if (num.base == SC_ABS || num.base == SC_NONE || num.base == SC_ANY)
        return num.offset;
    return egress_base(e, num.base) + num.offset;
}

/* ---- Options ---------------------------------------------------------------------------- */

static void put_sack(struct wcur *w, const struct egress *e, const struct sc_option *o)
{
    struct tcp_option opt = { .kind = OPT_SACK, .typed = true };

    opt.u.sack.n = o->u.sack.n;
    opt.len = (uint8_t)(2 + 8 * o->u.sack.n);
    for (unsigned i = 0; i < o->u.sack.n; i++) {
        opt.u.sack.block[i].left = peer_number(e, o->u.sack.left[i]);
        opt.u.sack.block[i].right = peer_number(e, o->u.sack.right[i]);
    }
    opt_put(w, &opt);
}

static void put_cookie(struct wcur *w, const struct sc_option *o)
{
    wcur_u8(w, o->kind);
    wcur_u8(w, (uint8_t)(o->u.cookie.len + (o->u.cookie.experimental ? 4 : 2)));
    if (o->u.cookie.experimental)
        wcur_u16(w, 0xf989); /* RFC 7413 appendix A */
    wcur_copy(w, o->u.cookie.octet, o->u.cookie.len);
}

static void put_plain(struct wcur *w, const struct egress *e, const struct sc_option *o)
{
    struct tcp_option opt = { .kind = o->kind, .len = 1, .typed = true };

    switch (o->kind) {
    case OPT_MSS: opt.len = 4; opt.u.mss = o->u.mss; break;
    case OPT_WSCALE: opt.len = 3; opt.u.shift = o->u.shift; break;
    case OPT_SACK_PERMITTED: opt.len = 2; break;
    case OPT_USER_TIMEOUT: opt.len = 4; opt.u.user_timeout = o->u.user_timeout; break;
    case OPT_MD5: opt.len = 18; opt.u.digest = o->u.bytes.octet; break;
    case OPT_TIMESTAMPS:
        opt.len = 10;
        opt.u.ts.val = peer_number(e, o->u.ts.val);
        opt.u.ts.ecr = peer_number(e, o->u.ts.ecr);
        break;
    default: break;
    }
    opt_put(w, &opt);
}

static void put_option(struct wcur *w, const struct egress *e, const struct sc_option *o)
{
    if (o->raw)
        wcur_copy(w, o->u.bytes.octet, o->u.bytes.len);
    else if (o->kind == OPT_SACK)
        put_sack(w, e, o);
    else if (o->kind == OPT_FASTOPEN || o->kind == OPT_EXPERIMENT)
        put_cookie(w, o);
    else
        put_plain(w, e, o);
}

/* As many options as fit whole, padded by EOL to a multiple of four. */
static uint8_t put_options(const struct egress *e, const struct sc_segment *seg,
                           uint8_t opt[TCP_OPT_MAX])
{
    struct wcur w = wcur_of(opt, TCP_OPT_MAX);

    for (unsigned i = 0; i < seg->n_options; i++) {
        uint8_t *before = w.p;
        put_option(&w, e, &seg->option[i]);
        if (w.bad) {
            w = wcur_of(before, (size_t)(w.end - before));
            break;
        }
    }
    while ((w.p - opt) % 4)
        wcur_u8(&w, OPT_EOL);
    return (uint8_t)(w.p - opt);
}

/* ---- Segments --------------------------------------------------------------------------- */

/* The text's place in the stream is that of its sequence number; a SYN's text begins behind it. */
static void put_text(const struct egress *e, const struct sc_segment *seg, uint32_t seq,
                     uint8_t *to, uint32_t len)
{
    uint32_t at = seq + (seg->flags & TCP_SYN ? 1u : 0u) - e->irs - 1;

    if (seg->text)
        memcpy(to, seg->text, len);
    else if (seg->text_pattern)
        stream_fill(to, at, len);
    else
        memset(to, 0, len);
}

static void fill_checksum(const struct egress *e, uint8_t *tcp, size_t len, uint16_t flip)
{
    enum { CSUM_AT = 16 };
    uint32_t sum = csum_pseudo(&e->remote.addr, &e->local.addr, IP_PROTO_TCP, (uint32_t)len);

    if (len < CSUM_AT + 2)
        return;
    tcp[CSUM_AT] = tcp[CSUM_AT + 1] = 0;
    uint16_t csum = (uint16_t)(csum_fold(csum_add(sum, tcp, len)) ^ flip);
    tcp[CSUM_AT] = (uint8_t)(csum >> 8);
    tcp[CSUM_AT + 1] = (uint8_t)csum;
}

static size_t put_segment(const struct egress *e, const struct sc_packet *packet, uint8_t *tcp,
                          size_t cap)
{
    static uint8_t text[PLACE_MAX];
    uint8_t opt[TCP_OPT_MAX];
    const struct sc_segment *s = &packet->seg;
    struct tcp_seg seg = {
        .src_port = packet->src_port ? packet->src_port : e->remote.port,
        .dst_port = packet->dst_port ? packet->dst_port : e->local.port,
        .seq = peer_number(e, s->seq),
        .ack = peer_number(e, s->ack),
        .flags = s->flags,
        .wnd = s->has_wnd ? s->wnd : DEFAULT_WINDOW,
        .up = s->up,
        .opt = opt,
        .text = text,
    };
    seg.opt_len = put_options(e, s, opt);
    seg.doff = (uint8_t)(5 + seg.opt_len / 4);
    size_t room = cap - TCP_HEADER - seg.opt_len;
    seg.text_len = s->text_len < room ? s->text_len : (uint32_t)room;
    put_text(e, s, seg.seq, text, seg.text_len);
    size_t n = tcp_emit(&seg, tcp, cap);
    if (s->malform & SC_BAD_DOFF)
        tcp[12] = (uint8_t)((tcp[12] & 15) | s->doff << 4);
    if (s->malform & SC_TRUNCATED && s->cut < n)
        n = s->cut;
    fill_checksum(e, tcp, n, s->malform & SC_BAD_CHECKSUM ? s->csum : 0);
    return n;
}

/* ---- IP headers ------------------------------------------------------------------------- */

static size_t header_of(const struct egress *e)
{
    return e->local.addr.version == 6 ? IP6_HEADER : IP4_HEADER;
}

struct ip_fields {
    const struct rs_addr *src, *dst;
    uint8_t proto, tos, hops;
};

static void put_ip(const struct ip_fields *f, uint8_t *buf, size_t payload)
{
    const struct ip4_hdr ip4 = {
        .ihl = 5, .total_len = (uint16_t)(IP4_HEADER + payload), .tos = f->tos, .ttl = f->hops,
        .proto = f->proto, .frag = IP4_DF, .src = *f->src, .dst = *f->dst
    };
    const struct ip6_hdr ip6 = {
        .payload_len = (uint16_t)payload, .tclass = f->tos, .hops = f->hops, .next = f->proto,
        .src = *f->src, .dst = *f->dst
    };

    if (f->src->version == 6)
        ip6_emit(&ip6, buf, IP6_HEADER);
    else
        ip4_emit_sum(&ip4, buf, IP4_HEADER);
}

/* ---- ICMP and raw octets ---------------------------------------------------------------- */

/* RFC 792's types and codes said in RFC 4443's. */
static void as_icmp6(struct icmp_msg *m)
{
    const bool unreachable = m->type == ICMP_UNREACHABLE;

    if (unreachable && m->code == 4) { /* fragmentation needed */
        m->type = ICMP6_TOO_BIG;
        m->code = 0;
    } else if (unreachable) {
        m->type = m->code == 2 ? ICMP6_PARAMETER_PROBLEM : ICMP6_UNREACHABLE;
        m->code = m->code == 2 ? 1 : m->code == 3 ? 4 : m->code;
    } else if (m->type == ICMP_TIME_EXCEEDED) {
        m->type = ICMP6_TIME_EXCEEDED;
    }
}

/* An error that quotes a segment of the stack's: its header and eight octets (RFC 792). */
static size_t put_icmp(const struct egress *e, const struct sc_icmp *icmp, uint8_t *p, size_t cap)
{
    uint8_t quote[IP6_HEADER + 8];
    const size_t header = header_of(e);
    const uint16_t len = (uint16_t)(TCP_HEADER + icmp->text_len % 1400);
    struct wcur w = wcur_of(quote + header, 8);
    struct icmp_msg m = {
        .type = icmp->type, .code = icmp->code, .rest = icmp->mtu & 0xffff, .body = quote
    };

    put_ip(&(struct ip_fields){ .src = &e->local.addr, .dst = &e->remote.addr,
                                .proto = IP_PROTO_TCP, .hops = 1 },
           quote, len);
    wcur_u16(&w, e->local.port);
    wcur_u16(&w, e->remote.port);
    wcur_u32(&w, peer_number(e, icmp->seq));
    m.body_len = icmp->has_quote ? header + 8 : 0;
    if (header == IP4_HEADER)
        return icmp_emit_sum(&m, p, cap);
    as_icmp6(&m);
    return icmp6_emit_sum(&m, &e->remote.addr, &e->local.addr, p, cap);
}

static size_t put_raw(const struct egress *e, const struct input_event *ev, uint8_t *p)
{
    size_t n = ev->raw_len;

    if (n)
        memcpy(p, ev->raw, n);
    if (ev->raw_form == INPUT_RAW_TCP)
        fill_checksum(e, p, n, 0);
    return n;
}

static void put_header(const struct egress *e, const struct sc_segment *seg, uint8_t proto,
                       uint8_t *buf, size_t payload)
{
    struct ip_fields f = {
        .src = &e->remote.addr, .dst = &e->local.addr, .proto = proto, .hops = TTL
    };

    if (seg) {
        f.tos = (uint8_t)(seg->tos | (seg->has_ecn ? seg->ecn & 3 : 0));
        f.hops = seg->ttl ? seg->ttl : TTL;
    }
    put_ip(&f, buf, payload);
}

size_t peer_datagram(const struct egress *e, const struct input_event *ev, uint8_t *buf, size_t cap)
{
    const size_t header = header_of(e);
    const uint8_t icmp = header == IP4_HEADER ? IP_PROTO_ICMP : IP_PROTO_ICMP6;
    uint8_t *payload = buf + header;
    size_t room = cap - header;
    size_t n;

    switch (ev->ev.kind) {
    case SC_PACKET:
        n = put_segment(e, &ev->ev.u.packet, payload, room);
        put_header(e, &ev->ev.u.packet.seg, IP_PROTO_TCP, buf, n);
        return header + n;
    case SC_ICMP:
        n = put_icmp(e, &ev->ev.u.icmp, payload, room);
        put_header(e, NULL, icmp, buf, n);
        return header + n;
    case SC_OPAQUE:
        if (ev->raw_form == INPUT_RAW_DATAGRAM)
            return put_raw(e, ev, buf);
        n = put_raw(e, ev, payload);
        put_header(e, NULL, ev->raw_form == INPUT_RAW_TCP ? IP_PROTO_TCP : icmp, buf, n);
        return header + n;
    default: return 0;
    }
}

/* ---- Fragments -------------------------------------------------------------------------- */

/* RFC 791 s3.2: every piece but the last holds a multiple of eight octets. */
static bool cut4(const uint8_t *p, size_t len, uint32_t id, uint8_t *to, size_t n[2])
{
    struct ip4_hdr ip;

    if (ip4_parse(&ip, p, len) != WIRE_OK || ip.payload_len <= 8 || ip.total_len != len ||
        ip.frag & (IP4_MF | IP4_OFFSET))
        return false;
    const uint16_t whole = ip.payload_len, first = (uint16_t)((whole / 2u + 7) & ~7u);
    const uint16_t header = (uint16_t)(ip.ihl * 4u);
    const uint8_t *payload = ip.payload;
    for (unsigned i = 0; i < 2; i++) {
        const uint16_t part = i ? (uint16_t)(whole - first) : first;
        ip.id = (uint16_t)id;
        ip.frag = i ? first / 8 : IP4_MF;
        ip.total_len = (uint16_t)(header + part);
        ip4_emit_sum(&ip, to, header);
        memcpy(to + header, payload + (i ? first : 0), part);
        to += header + part;
        n[i] = (size_t)header + part;
    }
    return true;
}

/* RFC 7112 s5: the first fragment holds every header, TCP's too. */
static uint16_t first_of6(const struct ip6_hdr *ip)
{
    enum { DOFF_AT = 12 };
    const bool tcp = ip->next == IP_PROTO_TCP && ip->payload_len > DOFF_AT;
    const uint16_t header = tcp ? (uint16_t)((ip->payload[DOFF_AT] >> 4) * 4) : 8;
    const uint16_t half = ip->payload_len / 2u;

    return (uint16_t)(((half > header ? half : header) + 7) & ~7);
}

/* RFC 8200 s4.5. */
static bool cut6(const uint8_t *p, size_t len, uint32_t id, uint8_t *to, size_t n[2])
{
    struct ip6_hdr ip;

    if (ip6_parse(&ip, p, len) != WIRE_OK || ip.payload_len <= 8 ||
        (size_t)IP6_HEADER + ip.payload_len != len || ip.next == IP6_FRAGMENT)
        return false;
    const uint16_t whole = ip.payload_len, first = first_of6(&ip);
    const uint8_t *payload = ip.payload;
    if (first >= whole)
        return false;
    struct ip6_frag frag = { .next = ip.next, .id = id };
    ip.next = IP6_FRAGMENT;
    for (unsigned i = 0; i < 2; i++) {
        const uint16_t part = i ? (uint16_t)(whole - first) : first;
        frag.off = i ? first : IP6_MORE;
        ip.payload_len = (uint16_t)(IP6_FRAG_HEADER + part);
        ip6_emit(&ip, to, IP6_HEADER);
        ip6_frag_emit(&frag, to + IP6_HEADER, IP6_FRAG_HEADER);
        memcpy(to + IP6_HEADER + IP6_FRAG_HEADER, payload + (i ? first : 0), part);
        n[i] = (size_t)IP6_HEADER + IP6_FRAG_HEADER + part;
        to += n[i];
    }
    return true;
}

bool peer_fragments(const uint8_t *p, size_t len, uint32_t id, uint8_t *to, size_t n[2])
{
    return len > 0 && (p[0] >> 4 == 6 ? cut6(p, len, id, to, n) : cut4(p, len, id, to, n));
}

bool peer_taints(const struct input_event *ev)
{
    const struct sc_segment *seg = &ev->ev.u.packet.seg;

    if (ev->ev.kind == SC_OPAQUE)
        return true;
    if (ev->ev.kind != SC_PACKET)
        return false;
    /* A lying data offset turns options into text, or text into options. */
    return (seg->text_len > 0 && !seg->text_pattern) || seg->malform & SC_BAD_DOFF;
}
