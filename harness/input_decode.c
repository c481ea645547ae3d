#include "harness/input.h"

#include <assert.h>

#include "harness/input_code.h"
#include "refstack/wire.h"

static_assert(SC_N_BASES <= 16, "a base fits a nibble");

static uint32_t decode_offset(struct rcur *c, unsigned class)
{
    switch (class) {
    case OFFSET_U8: return rcur_u8(c);
    case OFFSET_MINUS_U8: return 0u - rcur_u8(c);
    case OFFSET_U16: return rcur_u16(c);
    case OFFSET_MINUS_U16: return 0u - rcur_u16(c);
    case OFFSET_U32: return rcur_u32(c);
    default: return offset_fixed[class];
    }
}

static struct sc_num decode_num(struct rcur *c)
{
    uint8_t code = rcur_u8(c);
    unsigned base = (code >> 4) % SC_N_BASES;

    return (struct sc_num){ .base = (uint8_t)base, .offset = decode_offset(c, code & 15u) };
}

static void decode_bytes(struct rcur *c, struct sc_option *o, unsigned most)
{
    unsigned len = rcur_u8(c) % (most + 1);

    memset(o->u.bytes.octet, 0, len);
    o->u.bytes.len = (uint8_t)len;
    rcur_copy(c, o->u.bytes.octet, len);
}

static void decode_cookie(struct rcur *c, struct sc_option *o, bool experimental)
{
    unsigned len = rcur_u8(c) % (sizeof(o->u.cookie.octet) + 1);

    o->kind = experimental ? OPT_EXPERIMENT : OPT_FASTOPEN;
    o->u.cookie.len = (uint8_t)len;
    o->u.cookie.experimental = experimental;
    memset(o->u.cookie.octet, 0, len);
    rcur_copy(c, o->u.cookie.octet, len);
}

static void decode_sack(struct rcur *c, struct sc_option *o, unsigned n)
{
    o->kind = OPT_SACK;
    o->u.sack.n = (uint8_t)(n % 5);
    for (unsigned i = 0; i < o->u.sack.n; i++) {
        o->u.sack.left[i] = decode_num(c);
        o->u.sack.right[i] = decode_num(c);
    }
}

static void decode_digest(struct rcur *c, struct sc_option *o)
{
    o->kind = OPT_MD5;
    o->u.bytes.len = 16;
    memset(o->u.bytes.octet, 0, 16);
    rcur_copy(c, o->u.bytes.octet, 16);
}

static void decode_timestamps(struct rcur *c, struct sc_option *o)
{
    o->kind = OPT_TIMESTAMPS;
    o->u.ts.val = decode_num(c);
    o->u.ts.ecr = decode_num(c);
}

static void decode_option(struct rcur *c, struct sc_option *o)
{
    uint8_t code = rcur_u8(c);

    o->raw = false;
    o->any = false;
    o->kind = OPT_NOP;
    switch ((code & 15) % CODE_OPT_KINDS) {
    case CODE_OPT_NOP: break;
    case CODE_OPT_EOL: o->kind = OPT_EOL; break;
    case CODE_OPT_MSS: o->kind = OPT_MSS; o->u.mss = rcur_u16(c); break;
    case CODE_OPT_WSCALE: o->kind = OPT_WSCALE; o->u.shift = rcur_u8(c); break;
    case CODE_OPT_SACK_PERMITTED: o->kind = OPT_SACK_PERMITTED; break;
    case CODE_OPT_SACK: decode_sack(c, o, code >> 4); break;
    case CODE_OPT_TIMESTAMPS: decode_timestamps(c, o); break;
    case CODE_OPT_RAW: o->raw = true; decode_bytes(c, o, TCP_OPT_MAX); break;
    case CODE_OPT_COOKIE: decode_cookie(c, o, false); break;
    case CODE_OPT_COOKIE_EXPERIMENT: decode_cookie(c, o, true); break;
    case CODE_OPT_USER_TIMEOUT: o->kind = OPT_USER_TIMEOUT; o->u.user_timeout = rcur_u16(c); break;
    case CODE_OPT_MD5: decode_digest(c, o); break;
    }
}

static void decode_options(struct rcur *c, struct input_event *e)
{
    unsigned n = rcur_u8(c) % (SC_MAX_OPTIONS + 1u);

    /* Options that the octets no longer reach are left out, or a cut input would be all NOPs. */
    e->ev.u.packet.seg.option = e->option;
    for (unsigned i = 0; i < n && rcur_left(c) > 0; i++) {
        decode_option(c, &e->option[i]);
        e->ev.u.packet.seg.n_options = (uint8_t)(i + 1);
    }
}

static void decode_text(struct rcur *c, struct sc_segment *seg)
{
    uint16_t code = rcur_u16(c);
    uint32_t len = code & ((1u << TEXT_LEN_BITS) - 1);

    if (code >> TEXT_LEN_BITS == TEXT_VALUE) {
        len = len < rcur_left(c) ? len : (uint32_t)rcur_left(c);
        seg->text = rcur_take(c, len);
        len = seg->text ? len : 0;
    } else {
        seg->text_pattern = len > 0 && code >> TEXT_LEN_BITS != TEXT_ZEROS;
    }
    seg->text_len = len;
}

static void decode_reserved(struct rcur *c, struct sc_segment *seg)
{
    uint8_t code = rcur_u8(c);

    if (code >> 4) {
        seg->malform |= SC_BAD_RESERVED;
        seg->flags |= (uint16_t)((code >> 4) << 8);
    }
    seg->has_ecn = code & 4;
    seg->ecn = seg->has_ecn ? code & 3 : 0;
}

static void decode_more(struct rcur *c, struct input_event *e)
{
    struct sc_packet *packet = &e->ev.u.packet;
    struct sc_segment *seg = &packet->seg;
    uint8_t more = rcur_u8(c);

    if (more & MORE_OPTIONS)
        decode_options(c, e);
    if (more & MORE_UP)
        seg->up = rcur_u16(c);
    if (more & MORE_CSUM) {
        seg->malform |= SC_BAD_CHECKSUM;
        seg->csum = rcur_u16(c);
    }
    if (more & MORE_DOFF) {
        seg->malform |= SC_BAD_DOFF;
        seg->doff = rcur_u8(c) & 15;
    }
    if (more & MORE_CUT) {
        seg->malform |= SC_TRUNCATED;
        seg->cut = rcur_u16(c);
    }
    if (more & MORE_RESERVED)
        decode_reserved(c, seg);
    if (more & MORE_PORTS) {
        packet->src_port = rcur_u16(c);
        packet->dst_port = rcur_u16(c);
    }
    if (more & MORE_IP) {
        seg->tos = rcur_u8(c);
        seg->ttl = rcur_u8(c);
    }
}

static void decode_segment(struct rcur *c, struct input_event *e, unsigned arg)
{
    struct sc_segment *seg = &e->ev.u.packet.seg;

    e->ev.kind = SC_PACKET;
    e->ev.u.packet = (struct sc_packet){ .direction = SC_IN };
    seg->flags = rcur_u8(c);
    seg->seq = (struct sc_num){ .base = SC_PEER_NXT };
    if (seg->flags & TCP_ACK)
        seg->ack = (struct sc_num){ .base = SC_SND_NXT };
    if (arg & SEG_SEQ)
        seg->seq = decode_num(c);
    if (arg & SEG_ACK)
        seg->ack = decode_num(c);
    seg->has_wnd = arg & SEG_WND;
    if (arg & SEG_WND)
        seg->wnd = rcur_u16(c);
    if (arg & SEG_MORE)
        decode_more(c, e);
    if (arg & SEG_TEXT)
        decode_text(c, seg);
}

/* 'B' is the second host's; the first one is what a script means when it names none. */
static uint8_t decode_conn(struct rcur *c, struct input_event *e, unsigned arg)
{
    uint8_t code = arg & USER_CONN ? rcur_u8(c) : 0;

    e->ev.actor = code & CONN_ACTOR_B ? 'B' : 0;
    return code & 7;
}

static void decode_user(struct rcur *c, struct input_event *e, unsigned arg)
{
    struct sc_user *user = &e->ev.u.user;
    unsigned op = (arg & 15) % INPUT_N_USER_OPS;

    e->ev.kind = SC_USER;
    *user = (struct sc_user){ .op = (uint8_t)op };
    user->conn = decode_conn(c, e, arg);
    if (op == SC_SEND || op == SC_SEND_URGENT || op == SC_RECEIVE) {
        user->amount = rcur_u16(c);
        if (user->amount == AMOUNT_LONG)
            user->amount = rcur_u32(c);
    }
}

static void decode_wait(struct rcur *c, struct input_event *e, unsigned arg)
{
    e->ev.kind = SC_WAIT;
    e->wait = arg % INPUT_N_WAITS;
    e->ev.at = (struct sc_time){ .kind = SC_T_REL };
    e->ev.at.to = e->wait == INPUT_WAIT_EXPLICIT ? rcur_u32(c) : input_wait_us(e->wait);
    e->ev.at.from = e->ev.at.to;
    e->ev.u.text = e->wait == INPUT_WAIT_DEADLINE ? "deadline"
                   : e->wait == INPUT_WAIT_BEFORE_DEADLINE ? "before-deadline" : NULL;
}

static void decode_icmp(struct rcur *c, struct input_event *e, unsigned arg)
{
    struct sc_icmp *icmp = &e->ev.u.icmp;

    e->ev.kind = SC_ICMP;
    *icmp = (struct sc_icmp){ .direction = SC_IN, .has_quote = !(arg & ICMP_NO_QUOTE) };
    icmp->type = rcur_u8(c);
    icmp->code = rcur_u8(c);
    icmp->seq = (struct sc_num){ .base = SC_SND_UNA };
    if (arg & ICMP_SEQ)
        icmp->seq = decode_num(c);
    icmp->has_mtu = arg & ICMP_MTU;
    if (icmp->has_mtu)
        icmp->mtu = rcur_u16(c);
    if (arg & ICMP_TEXT)
        icmp->text_len = rcur_u16(c);
}

static void decode_raw(struct rcur *c, struct input_event *e, unsigned arg)
{
    size_t len = rcur_u8(c);

    e->ev.kind = SC_OPAQUE;
    e->raw_form = arg % INPUT_N_RAWS;
    len = len < rcur_left(c) ? len : rcur_left(c);
    e->raw = rcur_take(c, len);
    e->raw_len = (uint8_t)(e->raw ? len : 0);
}

static void decode_fault(struct rcur *c, struct input_event *e, unsigned arg)
{
    struct sc_fault *fault = &e->ev.u.fault;

    e->ev.kind = SC_FAULT;
    *fault = (struct sc_fault){
        .action = (uint8_t)((arg & FAULT_ACTION) % SC_N_FAULTS),
        .direction = arg & FAULT_OUT ? SC_OUT : SC_IN,
    };
    fault->seg_class = (uint8_t)(rcur_u8(c) % SC_N_CLASSES);
    fault->nth = rcur_u8(c);
    if (fault->action == SC_DELAY)
        fault->delay = rcur_u32(c);
}

static void decode_set(struct rcur *c, struct input_event *e, unsigned arg)
{
    e->ev.kind = SC_CONFIG;
    e->setting = (arg & 15) % SC_N_SETTINGS;
    e->ev.u.user = (struct sc_user){ .op = 0 };
    e->ev.u.user.conn = decode_conn(c, e, arg);
    e->value = rcur_u16(c);
}

void input_decode(struct rcur *c, struct input_event *e)
{
    uint8_t code = rcur_u8(c);
    unsigned arg = code >> 3;

    e->ev.actor = 0;
    e->ev.trailing = false;
    e->ev.line = e->ev.col = 0;
    e->ev.at = (struct sc_time){ .kind = SC_T_REL };
    switch (code % CODE_KINDS) {
    case CODE_USER: decode_user(c, e, arg); break;
    case CODE_WAIT: decode_wait(c, e, arg); break;
    case CODE_ICMP: decode_icmp(c, e, arg); break;
    case CODE_RAW: decode_raw(c, e, arg); break;
    case CODE_FAULT: decode_fault(c, e, arg); break;
    case CODE_SET: decode_set(c, e, arg); break;
    default: decode_segment(c, e, arg); break;
    }
}

void input_open(struct input_reader *r, const uint8_t *p, size_t len)
{
    struct rcur c = rcur_of(p, len);
    size_t start_len;

    uint8_t first = rcur_u8(&c);

    r->start = (uint8_t)((first & ~(unsigned)INPUT_MANNER) % INPUT_N_STARTS);
    r->manner = first & INPUT_MANNER;
    r->release = first & INPUT_RELEASE;
    r->config = rcur_u8(&c);
    const uint8_t *start = input_start_octets(r->start, &start_len);
    r->prefix = rcur_of(start, start_len);
    r->rest = c;
    if (c.bad)
        r->rest = rcur_of(p, 0);
}

bool input_next(struct input_reader *r, struct input_event *e)
{
    struct rcur *c = rcur_left(&r->prefix) ? &r->prefix : &r->rest;

    if (rcur_left(c) == 0)
        return false;
    input_decode(c, e);
    /* An event that the octets do not reach to the end of is the last one. */
    if (c->bad)
        *c = rcur_of(c->end, 0);
    return true;
}
