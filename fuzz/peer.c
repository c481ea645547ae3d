#include "fuzz/peer.h"

#include <string.h>

#include "fuzz/place.h"
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

/* ---- ICMP and raw octets ---------------------------------------------------------------- */

/* An error that quotes a segment of the stack's: its header and eight octets (RFC 792). */
static size_t put_icmp(const struct egress *e, const struct sc_icmp *icmp, uint8_t *p, size_t cap)
{
    uint8_t quote[IP4_HEADER + 8];
    struct wcur w = wcur_of(quote + IP4_HEADER, 8);
    struct icmp_msg m = {
        .type = icmp->type, .code = icmp->code, .rest = icmp->mtu & 0xffff, .body = quote
    };
    struct ip4_hdr ip = { .ihl = 5,
                          .total_len = (uint16_t)(IP4_HEADER + TCP_HEADER + icmp->text_len % 1400),
                          .ttl = 1,
                          .proto = IP_PROTO_TCP,
                          .src = e->local.addr,
                          .dst = e->remote.addr };

    ip4_emit_sum(&ip, quote, IP4_HEADER);
    wcur_u16(&w, e->local.port);
    wcur_u16(&w, e->remote.port);
    wcur_u32(&w, peer_number(e, icmp->seq));
    m.body_len = icmp->has_quote ? sizeof(quote) : 0;
    return icmp_emit_sum(&m, p, cap);
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
    struct ip4_hdr ip = {
        .ihl = 5, .total_len = (uint16_t)(IP4_HEADER + payload), .ttl = TTL, .proto = proto,
        .frag = IP4_DF, .src = e->remote.addr, .dst = e->local.addr
    };

    if (seg) {
        ip.tos = (uint8_t)(seg->tos | (seg->has_ecn ? seg->ecn & 3 : 0));
        ip.ttl = seg->ttl ? seg->ttl : TTL;
    }
    ip4_emit_sum(&ip, buf, IP4_HEADER);
}

size_t peer_datagram(const struct egress *e, const struct input_event *ev, uint8_t *buf, size_t cap)
{
    uint8_t *payload = buf + IP4_HEADER;
    size_t room = cap - IP4_HEADER;
    size_t n;

    switch (ev->ev.kind) {
    case SC_PACKET:
        n = put_segment(e, &ev->ev.u.packet, payload, room);
        put_header(e, &ev->ev.u.packet.seg, IP_PROTO_TCP, buf, n);
        return IP4_HEADER + n;
    case SC_ICMP:
        n = put_icmp(e, &ev->ev.u.icmp, payload, room);
        put_header(e, NULL, IP_PROTO_ICMP, buf, n);
        return IP4_HEADER + n;
    case SC_OPAQUE:
        if (ev->raw_form == INPUT_RAW_DATAGRAM)
            return put_raw(e, ev, buf);
        n = put_raw(e, ev, payload);
        put_header(e, NULL, ev->raw_form == INPUT_RAW_TCP ? IP_PROTO_TCP : IP_PROTO_ICMP, buf, n);
        return IP4_HEADER + n;
    default: return 0;
    }
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
