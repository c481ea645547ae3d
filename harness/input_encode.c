#include "harness/input.h"

#include "harness/input_code.h"
#include "refstack/wire.h"

static uint8_t first_octet(unsigned kind, unsigned arg)
{
    return (uint8_t)(kind | arg << 3);
}

static unsigned offset_class(uint32_t offset)
{
    for (unsigned i = 0; i < OFFSET_U8; i++)
        if (offset_fixed[i] == offset)
            return i;
    if (offset <= UINT8_MAX)
        return OFFSET_U8;
    if (0u - offset <= UINT8_MAX)
        return OFFSET_MINUS_U8;
    if (offset <= UINT16_MAX)
        return OFFSET_U16;
    return 0u - offset <= UINT16_MAX ? OFFSET_MINUS_U16 : OFFSET_U32;
}

static void encode_num(struct wcur *w, struct sc_num num)
{
    unsigned class = offset_class(num.offset);

    wcur_u8(w, (uint8_t)((unsigned)num.base << 4 | class));
    switch (class) {
    case OFFSET_U8: wcur_u8(w, (uint8_t)num.offset); break;
    case OFFSET_MINUS_U8: wcur_u8(w, (uint8_t)(0u - num.offset)); break;
    case OFFSET_U16: wcur_u16(w, (uint16_t)num.offset); break;
    case OFFSET_MINUS_U16: wcur_u16(w, (uint16_t)(0u - num.offset)); break;
    case OFFSET_U32: wcur_u32(w, num.offset); break;
    default: break;
    }
}

static bool num_is(struct sc_num num, enum sc_base base)
{
    return num.base == base && num.offset == 0;
}

static void encode_octets(struct wcur *w, unsigned code, const uint8_t *octet, uint8_t len)
{
    wcur_u8(w, (uint8_t)code);
    wcur_u8(w, len);
    wcur_copy(w, octet, len);
}

static void encode_sack(struct wcur *w, const struct sc_option *o)
{
    wcur_u8(w, (uint8_t)(CODE_OPT_SACK | o->u.sack.n << 4));
    for (unsigned i = 0; i < o->u.sack.n; i++) {
        encode_num(w, o->u.sack.left[i]);
        encode_num(w, o->u.sack.right[i]);
    }
}

static void encode_u16(struct wcur *w, unsigned code, uint16_t value)
{
    wcur_u8(w, (uint8_t)code);
    wcur_u16(w, value);
}

static void encode_option(struct wcur *w, const struct sc_option *o)
{
    if (o->raw) {
        encode_octets(w, CODE_OPT_RAW, o->u.bytes.octet, o->u.bytes.len);
        return;
    }
    switch (o->kind) {
    case OPT_EOL: wcur_u8(w, CODE_OPT_EOL); break;
    case OPT_MSS: encode_u16(w, CODE_OPT_MSS, o->u.mss); break;
    case OPT_WSCALE:
        wcur_u8(w, CODE_OPT_WSCALE);
        wcur_u8(w, o->u.shift);
        break;
    case OPT_SACK_PERMITTED: wcur_u8(w, CODE_OPT_SACK_PERMITTED); break;
    case OPT_SACK: encode_sack(w, o); break;
    case OPT_TIMESTAMPS:
        wcur_u8(w, CODE_OPT_TIMESTAMPS);
        encode_num(w, o->u.ts.val);
        encode_num(w, o->u.ts.ecr);
        break;
    case OPT_FASTOPEN:
        encode_octets(w, CODE_OPT_COOKIE, o->u.cookie.octet, o->u.cookie.len);
        break;
    case OPT_EXPERIMENT:
        encode_octets(w, CODE_OPT_COOKIE_EXPERIMENT, o->u.cookie.octet, o->u.cookie.len);
        break;
    case OPT_USER_TIMEOUT: encode_u16(w, CODE_OPT_USER_TIMEOUT, o->u.user_timeout); break;
    case OPT_MD5:
        wcur_u8(w, CODE_OPT_MD5);
        wcur_copy(w, o->u.bytes.octet, 16);
        break;
    default: wcur_u8(w, CODE_OPT_NOP); break;
    }
}

static unsigned more_of(const struct sc_packet *packet)
{
    const struct sc_segment *seg = &packet->seg;
    unsigned more = 0;

    more |= seg->n_options ? MORE_OPTIONS : 0u;
    more |= seg->up ? MORE_UP : 0u;
    more |= seg->malform & SC_BAD_CHECKSUM ? MORE_CSUM : 0u;
    more |= seg->malform & SC_BAD_DOFF ? MORE_DOFF : 0u;
    more |= seg->malform & SC_TRUNCATED ? MORE_CUT : 0u;
    more |= seg->malform & SC_BAD_RESERVED || seg->has_ecn ? MORE_RESERVED : 0u;
    more |= packet->src_port || packet->dst_port ? MORE_PORTS : 0u;
    more |= seg->tos || seg->ttl ? MORE_IP : 0u;
    return more;
}

static void encode_more(struct wcur *w, const struct sc_packet *packet, unsigned more)
{
    const struct sc_segment *seg = &packet->seg;

    wcur_u8(w, (uint8_t)more);
    if (more & MORE_OPTIONS) {
        wcur_u8(w, seg->n_options);
        for (unsigned i = 0; i < seg->n_options; i++)
            encode_option(w, &seg->option[i]);
    }
    if (more & MORE_UP)
        wcur_u16(w, seg->up);
    if (more & MORE_CSUM)
        wcur_u16(w, seg->csum);
    if (more & MORE_DOFF)
        wcur_u8(w, seg->doff & 15);
    if (more & MORE_CUT)
        wcur_u16(w, seg->cut);
    if (more & MORE_RESERVED)
        wcur_u8(w,
                (uint8_t)((seg->flags >> 8 & 15) << 4 | (seg->has_ecn ? 4 | (seg->ecn & 3) : 0)));
    if (more & MORE_PORTS) {
        wcur_u16(w, packet->src_port);
        wcur_u16(w, packet->dst_port);
    }
    if (more & MORE_IP) {
        wcur_u8(w, seg->tos);
        wcur_u8(w, seg->ttl);
    }
}

static void encode_text(struct wcur *w, const struct sc_segment *seg)
{
    unsigned how = seg->text ? TEXT_VALUE : seg->text_pattern ? TEXT_PATTERN : TEXT_ZEROS;

    wcur_u16(w, (uint16_t)(how << TEXT_LEN_BITS | seg->text_len));
    if (seg->text)
        wcur_copy(w, seg->text, seg->text_len);
}

static void encode_segment(struct wcur *w, const struct sc_packet *packet)
{
    const struct sc_segment *seg = &packet->seg;
    bool ack_usual =
        seg->flags & TCP_ACK ? num_is(seg->ack, SC_SND_NXT) : num_is(seg->ack, SC_NONE);
    unsigned more = more_of(packet);
    unsigned arg = 0;

    arg |= num_is(seg->seq, SC_PEER_NXT) ? 0u : SEG_SEQ;
    arg |= ack_usual ? 0u : SEG_ACK;
    arg |= seg->has_wnd ? SEG_WND : 0u;
    arg |= seg->text_len ? SEG_TEXT : 0u;
    arg |= more ? SEG_MORE : 0u;
    wcur_u8(w, first_octet(CODE_SEGMENT, arg));
    wcur_u8(w, (uint8_t)seg->flags);
    if (arg & SEG_SEQ)
        encode_num(w, seg->seq);
    if (arg & SEG_ACK)
        encode_num(w, seg->ack);
    if (arg & SEG_WND)
        wcur_u16(w, seg->wnd);
    if (arg & SEG_MORE)
        encode_more(w, packet, more);
    if (arg & SEG_TEXT)
        encode_text(w, seg);
}

static uint8_t conn_code(const struct input_event *e)
{
    return (uint8_t)((e->ev.u.user.conn & 7) | (e->ev.actor == 'B' ? CONN_ACTOR_B : 0));
}

static void encode_user(struct wcur *w, const struct input_event *e)
{
    const struct sc_user *user = &e->ev.u.user;
    uint8_t conn = conn_code(e);

    wcur_u8(w, first_octet(CODE_USER, user->op | (conn ? USER_CONN : 0u)));
    if (conn)
        wcur_u8(w, conn);
    if (user->op != SC_SEND && user->op != SC_SEND_URGENT && user->op != SC_RECEIVE)
        return;
    wcur_u16(w, (uint16_t)(user->amount < AMOUNT_LONG ? user->amount : AMOUNT_LONG));
    if (user->amount >= AMOUNT_LONG)
        wcur_u32(w, user->amount);
}

static void encode_wait(struct wcur *w, const struct input_event *e)
{
    wcur_u8(w, first_octet(CODE_WAIT, e->wait));
    if (e->wait == INPUT_WAIT_EXPLICIT)
        wcur_u32(w, (uint32_t)e->ev.at.to);
}

static void encode_icmp(struct wcur *w, const struct sc_icmp *icmp)
{
    unsigned arg = 0;

    arg |= num_is(icmp->seq, SC_SND_UNA) ? 0u : ICMP_SEQ;
    arg |= icmp->has_mtu ? ICMP_MTU : 0u;
    arg |= icmp->has_quote ? 0u : ICMP_NO_QUOTE;
    arg |= icmp->text_len ? ICMP_TEXT : 0u;
    wcur_u8(w, first_octet(CODE_ICMP, arg));
    wcur_u8(w, icmp->type);
    wcur_u8(w, icmp->code);
    if (arg & ICMP_SEQ)
        encode_num(w, icmp->seq);
    if (arg & ICMP_MTU)
        wcur_u16(w, (uint16_t)icmp->mtu);
    if (arg & ICMP_TEXT)
        wcur_u16(w, (uint16_t)icmp->text_len);
}

static void encode_fault(struct wcur *w, const struct sc_fault *fault)
{
    unsigned arg = fault->action | (fault->direction == SC_OUT ? FAULT_OUT : 0u);

    wcur_u8(w, first_octet(CODE_FAULT, arg));
    wcur_u8(w, fault->seg_class);
    wcur_u8(w, (uint8_t)fault->nth);
    if (fault->action == SC_DELAY)
        wcur_u32(w, (uint32_t)fault->delay);
}

static void encode_set(struct wcur *w, const struct input_event *e)
{
    uint8_t conn = conn_code(e);

    wcur_u8(w, first_octet(CODE_SET, e->setting | (conn ? USER_CONN : 0u)));
    if (conn)
        wcur_u8(w, conn);
    wcur_u16(w, e->value);
}

bool input_encode(struct wcur *w, const struct input_event *e)
{
    switch (e->ev.kind) {
    case SC_PACKET: encode_segment(w, &e->ev.u.packet); break;
    case SC_USER: encode_user(w, e); break;
    case SC_WAIT: encode_wait(w, e); break;
    case SC_ICMP: encode_icmp(w, &e->ev.u.icmp); break;
    case SC_OPAQUE: encode_octets(w, first_octet(CODE_RAW, e->raw_form), e->raw, e->raw_len); break;
    case SC_FAULT: encode_fault(w, &e->ev.u.fault); break;
    case SC_CONFIG: encode_set(w, e); break;
    default: return false;
    }
    return !w->bad;
}

size_t input_canonical(const uint8_t *p, size_t len, uint8_t *to, size_t cap)
{
    struct input_reader r;
    struct input_event e;
    struct wcur w = wcur_of(to, cap);
    size_t whole = 0;

    input_open(&r, p, len);
    r.prefix = rcur_of(p, 0);
    wcur_u8(&w, (uint8_t)(r.start | r.manner));
    wcur_u8(&w, r.config);
    if (w.bad)
        return 0;
    whole = INPUT_HEADER;
    while (input_next(&r, &e) && input_encode(&w, &e))
        whole = (size_t)(w.p - to);
    return whole;
}
