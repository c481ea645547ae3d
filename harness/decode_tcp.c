#include "harness/decode_line.h"

#include <string.h>

#include "refstack/cursor.h"
#include "refstack/seq.h"

/* ---- Flows: whose numbers are relative to what ------------------------------------------ */

static bool endpoint_eq(const struct rs_endpoint *a, const struct rs_endpoint *b)
{
    size_t len = a->addr.version == 6 ? 16 : 4;
    return a->port == b->port && a->addr.version == b->addr.version &&
           !memcmp(a->addr.octet, b->addr.octet, len);
}

/* The flow between the two, with *from telling which end src is; NULL when not met before. */
static struct decode_flow *flow_find(struct decoder *d, const struct rs_endpoint *src,
                                     const struct rs_endpoint *dst, int *from)
{
    unsigned held = d->n < DECODE_FLOWS ? d->n : DECODE_FLOWS;
    for (unsigned i = 0; i < held; i++) {
        struct decode_flow *f = &d->flow[i];
        for (*from = 0; *from < 2; ++*from)
            if (endpoint_eq(&f->end[*from], src) && endpoint_eq(&f->end[!*from], dst))
                return f;
    }
    *from = 0;
    return NULL;
}

static struct decode_flow *flow_get(struct decoder *d, const struct rs_endpoint *src,
                                    const struct rs_endpoint *dst, int *from)
{
    struct decode_flow *f = flow_find(d, src, dst, from);
    if (f)
        return f;
    f = &d->flow[d->n++ % DECODE_FLOWS];
    *f = (struct decode_flow){ .end = { *src, *dst } };
    return f;
}

/* A SYN names its sender's ISN.  A second one with another number (an old duplicate, a rebooted
 * host) does not, while the connection lives: it is shown relative to the first, as it must look
 * to the other end.  Nor does the same SYN again after a RST that may not have been accepted. */
static void flow_before(struct decode_flow *f, int from, const struct tcp_seg *seg)
{
    if (!(seg->flags & TCP_SYN) || (seg->flags & TCP_RST))
        return;
    if (f->over && !(f->known[from] && f->isn[from] == seg->seq))
        *f = (struct decode_flow){ .end = { f->end[0], f->end[1] } };
    if (!f->known[from]) {
        f->known[from] = true;
        f->isn[from] = seg->seq;
    }
}

static void flow_after(struct decode_flow *f, int from, const struct tcp_seg *seg)
{
    if (seg->flags & TCP_FIN)
        f->fin[from] = true;
    if ((seg->flags & TCP_RST) || (f->fin[0] && f->fin[1]))
        f->over = true;
}

/* A number in the space of end `from`, relative to its ISN where known; "-3" is before it. */
static void put_number(struct line *l, const struct decode_flow *f, int from, uint32_t number)
{
    if (f && f->known[from])
        line_put(l, "%d", seq_diff(number, f->isn[from]));
    else
        line_put(l, "%u", number);
}

static void put_range(struct line *l, const struct decode_flow *f, int from, uint32_t left,
                      uint32_t right)
{
    put_number(l, f, from, left);
    line_put(l, ":");
    put_number(l, f, from, right);
}

/* ---- Flags and options ------------------------------------------------------------------ */

static void put_flags(struct line *l, uint16_t flags)
{
    static const struct {
        uint16_t bit;
        char letter;
    } letters[] = {
        { TCP_FIN, 'F' }, { TCP_SYN, 'S' }, { TCP_RST, 'R' }, { TCP_PSH, 'P' },
        { TCP_URG, 'U' }, { TCP_ECE, 'E' }, { TCP_CWR, 'W' }, { TCP_ACK, '.' },
    };
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        if (flags & letters[i].bit)
            line_put(l, "%c", letters[i].letter);
    if (!(flags & 0xff))
        line_put(l, "-");
}

static void put_sack(struct line *l, const struct decode_flow *f, int from,
                     const struct tcp_option *o)
{
    line_put(l, "sack");
    for (uint8_t i = 0; i < o->u.sack.n; i++) {
        line_put(l, " ");
        /* The blocks lie in the other end's sequence space. */
        put_range(l, f, !from, o->u.sack.block[i].left, o->u.sack.block[i].right);
    }
}

static void put_untyped(struct line *l, const struct tcp_option *o)
{
    line_put(l, "kind-%u len %u", o->kind, o->len);
    if (o->body && o->len > 2) {
        line_put(l, " 0x");
        line_octets(l, o->body, o->len - 2u);
    }
}

static void put_option(struct line *l, const struct decode_flow *f, int from,
                       const struct tcp_option *o)
{
    if (o->kind == OPT_EOL || o->kind == OPT_NOP) {
        line_put(l, "%s", o->kind == OPT_NOP ? "nop" : "eol");
        return;
    }
    if (!o->typed) {
        put_untyped(l, o);
        return;
    }
    switch (o->kind) {
    case OPT_MSS:
        line_put(l, "mss %u", o->u.mss);
        break;
    case OPT_WSCALE:
        line_put(l, "wscale %u", o->u.shift);
        break;
    case OPT_SACK_PERMITTED:
        line_put(l, "sackOK");
        break;
    case OPT_SACK:
        put_sack(l, f, from, o);
        break;
    case OPT_TIMESTAMPS:
        line_put(l, "TS val %u ecr %u", o->u.ts.val, o->u.ts.ecr);
        break;
    case OPT_MD5:
        line_put(l, "md5 ");
        line_octets(l, o->u.digest, 16);
        break;
    case OPT_USER_TIMEOUT:
        line_put(l, "uto %u%s", o->u.user_timeout & 0x7fff,
                 (o->u.user_timeout & 0x8000) ? "m" : "s");
        break;
    case OPT_FASTOPEN:
    case OPT_EXPERIMENT:
        line_put(l, o->kind == OPT_FASTOPEN ? "FO" : "FOEXP");
        line_put(l, o->u.cookie.len ? " " : "");
        line_octets(l, o->u.cookie.octets, o->u.cookie.len);
        break;
    default:
        put_untyped(l, o);
    }
}

static void put_options(struct line *l, const struct decode_flow *f, int from,
                        const struct tcp_seg *seg)
{
    struct opt_walk walk = opt_walk_of(seg->opt, seg->opt_len);
    struct tcp_option o;
    enum opt_result r;
    const char *between = " <";
    if (!seg->opt_len)
        return;
    while ((r = opt_next(&walk, &o)) == OPT_OK) {
        line_put(l, "%s", between);
        put_option(l, f, from, &o);
        between = ",";
    }
    if (r == OPT_BAD_LENGTH)
        line_put(l, "%s{option length illegal}", between);
    else if (*between == ' ')
        return;
    line_put(l, ">");
}

/* ---- Segments --------------------------------------------------------------------------- */

static void put_ends(struct line *l, const struct rs_endpoint *src, const struct rs_endpoint *dst)
{
    line_addr(l, &src->addr);
    line_put(l, ".%u > ", src->port);
    line_addr(l, &dst->addr);
    line_put(l, ".%u: ", dst->port);
}

static void put_ecn(struct line *l, uint8_t tos)
{
    static const char *const names[] = { "", "[ect1] ", "[ect0] ", "[ce] " };
    line_put(l, "%s", names[tos & 3]);
}

static void put_segment(struct line *l, const struct decode_flow *f, int from,
                        const struct tcp_seg *seg)
{
    put_flags(l, seg->flags);
    line_put(l, " ");
    put_range(l, f, from, seg->seq, seg->seq + seg->text_len);
    line_put(l, "(%u)", seg->text_len);
    if (seg->flags & TCP_ACK) {
        line_put(l, " ack ");
        put_number(l, f, !from, seg->ack);
    }
    line_put(l, " win %u", seg->wnd);
    if (seg->flags & TCP_URG)
        line_put(l, " urg %u", seg->up);
    put_options(l, f, from, seg);
    if (seg->flags & TCP_RESERVED)
        line_put(l, " {reserved bits 0x%x}", (unsigned)(seg->flags & TCP_RESERVED) >> 8);
}

void decode_tcp(struct decoder *d, struct line *l, const struct decode_ip *ip)
{
    struct tcp_seg seg;
    enum wire_result r = tcp_parse(&seg, ip->payload, ip->len);
    if (r != WIRE_OK) {
        line_put(l, "tcp {%s, %zu octets}",
                 r == WIRE_TRUNCATED ? "shorter than its fixed header" : "data offset illegal",
                 ip->len);
        return;
    }
    /* What arrives damaged is dropped, so it changes no connection's numbers either. */
    bool intact = !ip->whole || tcp_checksum_ok(&ip->src, &ip->dst, ip->payload, ip->len);
    struct rs_endpoint src = { ip->src, seg.src_port }, dst = { ip->dst, seg.dst_port };
    int from;
    struct decode_flow *f = flow_get(d, &src, &dst, &from);
    if (intact)
        flow_before(f, from, &seg);
    if (d->addresses)
        put_ends(l, &src, &dst);
    put_ecn(l, ip->tos);
    put_segment(l, f, from, &seg);
    if (intact && !d->lost)
        flow_after(f, from, &seg);
    if (!intact)
        line_put(l, " {TCP checksum 0x%04x is wrong}", seg.csum);
}

void decode_tcp_quote(struct decoder *d, struct line *l, const struct decode_ip *ip)
{
    struct rcur c = rcur_of(ip->payload, ip->len);
    struct rs_endpoint src = { ip->src, rcur_u16(&c) }, dst = { ip->dst, rcur_u16(&c) };
    uint32_t seq = rcur_u32(&c);
    int from;
    if (c.bad) { /* RFC 792: at least 64 bits of the segment */
        line_put(l, "tcp {fewer than 8 octets quoted}");
        return;
    }
    struct decode_flow *f = flow_find(d, &src, &dst, &from);
    put_ends(l, &src, &dst);
    line_put(l, "seq ");
    put_number(l, f, from, seq);
}
