/* Events at random: mostly plausible ones, with numbers on the edges that RFC 9293 cares about. */
#include "fuzz/mutate.h"

#include "refstack/wire.h"

#define PICK(r, array) (array)[mutate_below((r), sizeof(array) / sizeof((array)[0]))]

static bool chance(struct mutate_random *r, uint32_t in)
{
    return mutate_below(r, in) == 0;
}

/* ---- Numbers ---------------------------------------------------------------------------- */

static uint32_t random_offset(struct mutate_random *r)
{
    static const uint32_t edge[] = {
        0,   0,        0,          1,          UINT32_MAX, 2,     UINT32_MAX - 1,
        536, 0u - 536, 0x7fffffff, 0x80000000, 0x80000001, 65535, 0u - 65535,
        100, 1000,     0u - 100,   2047,       2048,       2049
    };
    if (chance(r, 16))
        return mutate_below(r, UINT32_MAX);
    return chance(r, 4) ? mutate_below(r, 4096) : PICK(r, edge);
}

static struct sc_num random_seq(struct mutate_random *r)
{
    static const uint8_t base[] = { SC_PEER_NXT, SC_PEER_NXT, SC_RCV_NXT, SC_RCV_NXT, SC_RCV_EDGE,
                                    SC_IRS, SC_SACK_L, SC_SACK_R, SC_SND_NXT, SC_ABS };
    return (struct sc_num){ .base = PICK(r, base), .offset = random_offset(r) };
}

static struct sc_num random_ack(struct mutate_random *r)
{
    static const uint8_t base[] = { SC_SND_NXT, SC_SND_NXT, SC_SND_UNA, SC_SND_UNA, SC_ISS,
                                    SC_SND_EDGE, SC_NONE, SC_ABS };
    return (struct sc_num){ .base = PICK(r, base), .offset = random_offset(r) };
}

static struct sc_num random_ts(struct mutate_random *r)
{
    static const uint8_t base[] = { SC_TS_RECENT, SC_TS_RECENT, SC_TS_LAST, SC_ABS };
    return (struct sc_num){ .base = PICK(r, base), .offset = random_offset(r) };
}

static uint16_t random_u16(struct mutate_random *r)
{
    static const uint16_t edge[] = { 0, 1, 2, 100, 536, 1000, 1460, 2048, 4096, 32768, 65535 };
    return chance(r, 4) ? (uint16_t)mutate_below(r, 65536) : PICK(r, edge);
}

/* ---- Segments --------------------------------------------------------------------------- */

static uint16_t random_flags(struct mutate_random *r)
{
    static const uint16_t usual[] = {
        TCP_ACK, TCP_ACK, TCP_ACK, TCP_ACK | TCP_PSH, TCP_SYN, TCP_SYN | TCP_ACK, TCP_FIN | TCP_ACK,
        TCP_FIN | TCP_ACK, TCP_RST, TCP_RST | TCP_ACK, TCP_URG | TCP_ACK, 0
    };
    return chance(r, 8) ? (uint16_t)mutate_below(r, 256) : PICK(r, usual);
}

static void random_raw_option(struct mutate_random *r, struct sc_option *o)
{
    static const uint8_t kind[] = {
        OPT_MSS, OPT_WSCALE,       OPT_SACK_PERMITTED, OPT_SACK, OPT_TIMESTAMPS,
        OPT_MD5, OPT_USER_TIMEOUT, OPT_FASTOPEN,       77,       253
    };
    o->raw = true;
    o->u.bytes.len = (uint8_t)(1 + mutate_below(r, 12));
    o->u.bytes.octet[0] = PICK(r, kind);
    o->u.bytes.octet[1] = (uint8_t)mutate_below(r, 14);
    for (unsigned i = 2; i < o->u.bytes.len; i++)
        o->u.bytes.octet[i] = (uint8_t)mutate_below(r, 256);
}

static void random_sack(struct mutate_random *r, struct sc_option *o)
{
    o->kind = OPT_SACK;
    o->u.sack.n = (uint8_t)(1 + mutate_below(r, 4));
    for (unsigned i = 0; i < o->u.sack.n; i++) {
        o->u.sack.left[i] = random_ack(r);
        o->u.sack.right[i] = random_ack(r);
    }
}

static void random_option(struct mutate_random *r, struct sc_option *o)
{
    *o = (struct sc_option){ .kind = OPT_NOP };
    switch (mutate_below(r, 9)) {
    case 0: break;
    case 1: o->kind = OPT_EOL; break;
    case 2: o->kind = OPT_MSS; o->u.mss = random_u16(r); break;
    case 3: o->kind = OPT_WSCALE; o->u.shift = (uint8_t)mutate_below(r, 17); break;
    case 4: o->kind = OPT_SACK_PERMITTED; break;
    case 5: random_sack(r, o); break;
    case 6: random_raw_option(r, o); break;
    default:
        o->kind = OPT_TIMESTAMPS;
        o->u.ts.val = random_ts(r);
        o->u.ts.ecr = random_ts(r);
        break;
    }
}

static void random_options(struct mutate_random *r, struct input_event *e)
{
    struct sc_segment *seg = &e->ev.u.packet.seg;

    seg->n_options = (uint8_t)(1 + mutate_below(r, 4));
    seg->option = e->option;
    for (unsigned i = 0; i < seg->n_options; i++)
        random_option(r, &e->option[i]);
}

static void random_text(struct mutate_random *r, struct sc_segment *seg)
{
    static const uint16_t len[] = { 0, 1, 2, 10, 100, 256, 536, 1000, 1460, 2048, 2049 };

    seg->text_len = chance(r, 4) ? mutate_below(r, 2048) : PICK(r, len);
    seg->text = NULL;
    seg->text_pattern = seg->text_len > 0 && !chance(r, 16);
}

static void random_malform(struct mutate_random *r, struct sc_segment *seg)
{
    switch (mutate_below(r, 4)) {
    case 0:
        seg->malform |= SC_BAD_CHECKSUM;
        seg->csum = (uint16_t)(1 + mutate_below(r, 65535));
        break;
    case 1:
        seg->malform |= SC_BAD_DOFF;
        seg->doff = (uint8_t)mutate_below(r, 16);
        break;
    case 2:
        seg->malform |= SC_TRUNCATED;
        seg->cut = (uint16_t)mutate_below(r, 64);
        break;
    default:
        seg->malform |= SC_BAD_RESERVED;
        seg->flags |= (uint16_t)((1 + mutate_below(r, 15)) << 8);
        break;
    }
}

static void change_segment(struct mutate_random *r, struct input_event *e)
{
    struct sc_packet *packet = &e->ev.u.packet;
    struct sc_segment *seg = &packet->seg;

    switch (mutate_below(r, 12)) {
    case 0: seg->flags = random_flags(r); break;
    case 1: seg->flags = (uint16_t)(seg->flags ^ 1u << mutate_below(r, 8)); break;
    case 2:
    case 3: seg->seq = random_seq(r); break;
    case 4:
    case 5: seg->ack = random_ack(r); break;
    case 6: seg->has_wnd = true; seg->wnd = random_u16(r); break;
    case 7:
    case 8: random_text(r, seg); break;
    case 9: random_options(r, e); break;
    case 10: seg->up = random_u16(r); break;
    default:
        if (chance(r, 4))
            packet->src_port = (uint16_t)(40000 + mutate_below(r, 4));
        else
            random_malform(r, seg);
        break;
    }
}

static void make_segment(struct mutate_random *r, struct input_event *e)
{
    struct sc_segment *seg = &e->ev.u.packet.seg;

    e->ev.kind = SC_PACKET;
    e->ev.u.packet = (struct sc_packet){ .direction = SC_IN };
    seg->flags = random_flags(r);
    /* Half of them are what an honest peer would send next. */
    seg->seq = (struct sc_num){ .base = SC_PEER_NXT };
    if (seg->flags & TCP_SYN)
        seg->seq.base = SC_IRS;
    if (seg->flags & TCP_ACK)
        seg->ack = (struct sc_num){ .base = SC_SND_NXT };
    if (chance(r, 3))
        random_text(r, seg);
    if (chance(r, 2))
        change_segment(r, e);
    if (chance(r, 8))
        random_options(r, e);
}

/* ---- The other kinds -------------------------------------------------------------------- */

static void make_user(struct mutate_random *r, struct input_event *e)
{
    static const uint8_t op[] = { SC_OPEN_ACTIVE, SC_OPEN_PASSIVE, SC_SEND, SC_SEND, SC_SEND,
                                  SC_SEND_URGENT, SC_RECEIVE, SC_RECEIVE, SC_RECEIVE, SC_CLOSE,
                                  SC_CLOSE, SC_ABORT, SC_STATUS, SC_RELEASE, SC_OPEN_FROM_LISTEN,
                                  SC_LISTEN, SC_ACCEPT };
    e->ev.kind = SC_USER;
    e->ev.u.user = (struct sc_user){ .op = PICK(r, op), .amount = random_u16(r) };
    if (chance(r, 6))
        e->ev.u.user.conn = (uint8_t)mutate_below(r, 8);
}

static void make_wait(struct mutate_random *r, struct input_event *e)
{
    e->ev.kind = SC_WAIT;
    e->wait = chance(r, 2) ? INPUT_WAIT_DEADLINE : (enum input_wait)mutate_below(r, INPUT_N_WAITS);
    e->ev.at.to = e->wait == INPUT_WAIT_EXPLICIT ? mutate_below(r, 10000000) : 0;
}

static void make_icmp(struct mutate_random *r, struct input_event *e)
{
    static const uint8_t type[] = { ICMP_UNREACHABLE, ICMP_UNREACHABLE, ICMP_TIME_EXCEEDED,
                                    ICMP_PARAMETER_PROBLEM, ICMP_SOURCE_QUENCH, ICMP_ECHO };
    static const uint16_t mtu[] = { 0, 1, 20, 40, 67, 68, 296, 552, 576, 1280, 1499, 1500 };

    e->ev.kind = SC_ICMP;
    e->ev.u.icmp =
        (struct sc_icmp) { .direction = SC_IN, .has_quote = !chance(r, 8), .has_mtu = true };
    e->ev.u.icmp.type = PICK(r, type);
    e->ev.u.icmp.code = (uint8_t)mutate_below(r, 6);
    e->ev.u.icmp.mtu = PICK(r, mtu);
    e->ev.u.icmp.seq = (struct sc_num){ .base = SC_SND_UNA };
    if (chance(r, 3))
        e->ev.u.icmp.seq = random_ack(r);
}

static void make_raw(struct mutate_random *r, struct input_event *e)
{
    static uint8_t octet[64];

    e->ev.kind = SC_OPAQUE;
    e->raw_form = (enum input_raw)mutate_below(r, INPUT_N_RAWS);
    e->raw_len = (uint8_t)mutate_below(r, sizeof octet);
    for (unsigned i = 0; i < e->raw_len; i++)
        octet[i] = (uint8_t)mutate_below(r, 256);
    if (e->raw_form == INPUT_RAW_DATAGRAM)
        octet[0] = (uint8_t)(0x40 | mutate_below(r, 16));
    e->raw = octet;
}

static void make_fault(struct mutate_random *r, struct input_event *e)
{
    static const uint32_t delay[] = { 1, 1000, 10000, 200000, 1500000, 5000000 };

    e->ev.kind = SC_FAULT;
    e->ev.u.fault = (struct sc_fault){
        .action = (uint8_t)mutate_below(r, SC_N_FAULTS),
        .direction = mutate_below(r, 2) ? SC_OUT : SC_IN,
        .seg_class = (uint8_t)(chance(r, 2) ? SC_C_ANY : mutate_below(r, SC_N_CLASSES)),
        .nth = 1 + mutate_below(r, 4),
        .delay = PICK(r, delay),
    };
}

static void make_setting(struct mutate_random *r, struct input_event *e)
{
    e->ev.kind = SC_CONFIG;
    e->setting = (enum sc_setting)mutate_below(r, SC_N_SETTINGS);
    e->value = random_u16(r);
    e->ev.u.user = (struct sc_user){ .op = 0 };
}

void mutate_event_make(enum mutate_target target, struct mutate_random *r, struct input_event *e)
{
    uint32_t what = mutate_below(r, 32);

    e->ev.actor = 0;
    e->ev.at = (struct sc_time){ .kind = SC_T_REL };
    if (target == MUTATE_PAIR) {
        if (what < 16)
            make_user(r, e);
        else if (what < 22)
            make_wait(r, e);
        else if (what < 30)
            make_fault(r, e);
        else
            make_setting(r, e);
        e->ev.actor = mutate_below(r, 2) ? 'B' : 0;
    } else if (what < 16) {
        make_segment(r, e);
    } else if (what < 24) {
        make_user(r, e);
    } else if (what < 28) {
        make_wait(r, e);
    } else if (what < 30) {
        make_icmp(r, e);
    } else if (what < 31) {
        make_setting(r, e);
    } else {
        make_raw(r, e);
    }
}

void mutate_event_change(struct mutate_random *r, struct input_event *e)
{
    switch (e->ev.kind) {
    case SC_PACKET: change_segment(r, e); break;
    case SC_USER:
        if (chance(r, 3))
            make_user(r, e);
        else if (chance(r, 4))
            e->ev.actor = e->ev.actor ? 0 : 'B';
        else
            e->ev.u.user.amount = random_u16(r);
        break;
    case SC_WAIT: make_wait(r, e); break;
    case SC_ICMP: make_icmp(r, e); break;
    case SC_OPAQUE: make_raw(r, e); break;
    case SC_FAULT: make_fault(r, e); break;
    default: make_setting(r, e); break;
    }
}
