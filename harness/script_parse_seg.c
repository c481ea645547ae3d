/* Segments: flags, symbolic numbers, options, malformations, text. */
#include <ctype.h>
#include <string.h>

#include "harness/script_grammar.h"
#include "refstack/wire.h"

/* ---- Symbolic numbers ------------------------------------------------------------------- */

static int base_here(struct lex *l, size_t *len)
{
    if (lex_at_end(l))
        return -1;
    int best = -1;
    *len = 0;
    for (int b = SC_ISS; b < SC_N_BASES; b++) {
        const char *name = sc_base_name((enum sc_base)b);
        size_t n = strlen(name);
        if (n > *len && lex_is(l, name)) {
            best = b;
            *len = n;
        }
    }
    return best;
}

bool at_num(struct lex *l)
{
    size_t len;
    return lex_at_digit(l) || lex_is(l, "@") || lex_is(l, "*") || base_here(l, &len) >= 0;
}

/* 17, 0x11 or 2^31; 2^32 is 0, which is what it means for sequence numbers. */
static uint32_t parse_magnitude(struct lex *l)
{
    uint64_t v = lex_number(l, "a number", UINT32_MAX);
    if (!lex_take(l, "^"))
        return (uint32_t)v;
    if (v != 2)
        lex_fault(l, "expected 2 before '^', found %llu", (unsigned long long)v);
    uint64_t shift = lex_number(l, "an exponent", 32);
    return shift == 32 ? 0 : (uint32_t)(UINT64_C(1) << shift);
}

struct sc_num parse_num(struct lex *l)
{
    struct sc_num n = { SC_REL, 0 };
    size_t len;
    if (lex_take(l, "*") || lex_take(l, "...")) /* FreeBSD's dialect has `...` for any value */
        return (struct sc_num){ SC_ANY, 0 };
    int base = base_here(l, &len);
    if (base >= 0) {
        l->p += len;
        n.base = (uint8_t)base;
    } else if (lex_take(l, "@")) {
        n.base = SC_ABS;
        n.offset = parse_magnitude(l);
    } else if (lex_at_digit(l)) {
        n.offset = parse_magnitude(l);
    } else {
        lex_expected(l, "a number such as 1, SND.UNA+1, @7 or *");
    }
    /* No blank before the sign: `ack 1` may be followed by the next line's time, `+0`. */
    while (!l->failed && l->p < l->end && (*l->p == '+' || *l->p == '-') &&
           !isspace((unsigned char)l->p[-1])) {
        bool plus = *l->p++ == '+';
        uint32_t by = parse_magnitude(l);
        n.offset += plus ? by : 0 - by;
    }
    return n;
}

void parse_seq(struct lex *l, struct sc_num *seq, uint32_t *len)
{
    *seq = parse_num(l);
    struct sc_num end = { SC_NONE, 0 };
    if (lex_take(l, ":"))
        end = parse_num(l);
    lex_need(l, "(");
    *len = (uint32_t)lex_number(l, "a count of octets", 1 << 30);
    if (!l->failed && end.base != SC_NONE && end.base != SC_ANY && seq->base != SC_ANY &&
        (end.base != seq->base || end.offset != seq->offset + *len))
        lex_fault(l, "expected the numbers before and after ':' to be %u apart, found others",
                  *len);
    lex_need(l, ")");
    /* FreeBSD's dialect: the number as it stands on the wire. */
    if (seq->base == SC_REL && lex_take(l, "!"))
        seq->base = SC_ABS;
}

/* ---- Flags ------------------------------------------------------------------------------ */

static const struct {
    char letter;
    uint16_t flag;
} flag_letters[] = {
    { 'F', TCP_FIN }, { 'S', TCP_SYN }, { 'R', TCP_RST }, { 'P', TCP_PSH },
    { '.', TCP_ACK }, { 'U', TCP_URG }, { 'E', TCP_ECE }, { 'W', TCP_CWR },
    { 'C', TCP_CWR }, { 'A', 0x100 },
};

/* A digit is the ACE field (RFC 9768): AE, CWR and ECE as one number. */
static uint16_t flag_of(char c)
{
    if (c >= '1' && c <= '7')
        return (uint16_t)((c - '0') << 6);
    for (size_t i = 0; i < sizeof(flag_letters) / sizeof(flag_letters[0]); i++)
        if (flag_letters[i].letter == c)
            return flag_letters[i].flag;
    return 0;
}

/* An ACE field of zero, beside the ACK flag: `0.` in FreeBSD's dialect, `.0` in packetdrill's. */
static bool zero_ace(const struct lex *l, const char *start)
{
    return *l->p == '0' && ((l->p + 1 < l->end && l->p[1] == '.') ||
                            (l->p > start && l->p[-1] == '.'));
}

static void parse_flags(struct lex *l, struct sc_segment *seg)
{
    if (lex_take(l, "*")) {
        seg->flags_any = true;
        return;
    }
    if (lex_take(l, "-"))
        return;
    const char *start = lex_at_end(l) ? l->end : l->p;
    while (!l->failed && l->p < l->end && (flag_of(*l->p) || zero_ace(l, start)))
        seg->flags |= flag_of(*l->p++);
    if (l->p == start)
        lex_expected(l, "TCP flags such as S, S., P., F., R, '-' or '*'");
}

/* ---- Options ---------------------------------------------------------------------------- */

static void parse_sack(struct lex *l, struct sc_option *o)
{
    if (lex_take(l, "*")) {
        o->any = true;
        return;
    }
    do {
        if (o->u.sack.n == 4) {
            lex_expected(l, "at most four SACK blocks");
            return;
        }
        o->u.sack.left[o->u.sack.n] = parse_num(l);
        lex_need(l, ":");
        o->u.sack.right[o->u.sack.n++] = parse_num(l);
    } while (!l->failed && at_num(l));
}

/* A cookie by the name that --define gave it. */
static void defined_cookie(struct lex *l, struct sc_option *o)
{
    const char *value = lex_define(l, lex_word(l));
    struct lex at = *l;
    at.p = value;
    at.line_start = value;
    at.end = value + strlen(value);
    o->u.cookie.len = lex_hex(&at, o->u.cookie.octet, sizeof(o->u.cookie.octet),
                              "a defined cookie of at most 16 octets in hex");
    l->failed = at.failed;
}

static void parse_cookie(struct lex *l, struct sc_option *o, bool experimental)
{
    o->kind = experimental ? OPT_EXPERIMENT : OPT_FASTOPEN;
    o->u.cookie.experimental = experimental;
    /* packetdrill's suites name a cookie that the command line defines; any will do. */
    if (lex_take(l, "*") || lex_take_word(l, "TFO_COOKIE") || lex_take_word(l, "TFO_COOKIE_ZERO"))
        o->any = true;
    else if (lex_define(l, lex_peek_word(l)))
        defined_cookie(l, o);
    else if (lex_peek_word(l).len)
        o->u.cookie.len = lex_hex(l, o->u.cookie.octet, sizeof(o->u.cookie.octet),
                                  "a cookie of at most 16 octets in hex");
}

static uint32_t value_or_any(struct lex *l, struct sc_option *o, const char *what, uint32_t max)
{
    if (lex_take(l, "*")) {
        o->any = true;
        return 0;
    }
    return (uint32_t)lex_number(l, what, max);
}

static void parse_timestamps(struct lex *l, struct sc_option *o)
{
    if (!lex_take_word(l, "val"))
        lex_expected(l, "'val'");
    o->u.ts.val = parse_num(l);
    if (!lex_take_word(l, "ecr"))
        lex_expected(l, "'ecr'");
    o->u.ts.ecr = parse_num(l);
    if (o->u.ts.ecr.base == SC_REL && lex_take(l, "!"))
        o->u.ts.ecr.base = SC_ABS;
}

static void parse_bytes(struct lex *l, struct sc_option *o, size_t cap, const char *what)
{
    /* `valid` is FreeBSD's word for the digest that belongs there, which only its secret gives. */
    if (!o->raw && (lex_take(l, "*") || lex_take_word(l, "valid")))
        o->any = true;
    else
        o->u.bytes.len = lex_hex(l, o->u.bytes.octet, cap, what);
}

static void parse_option(struct lex *l, struct sc_option *o)
{
    if (lex_take_word(l, "nop")) {
        o->kind = OPT_NOP;
    } else if (lex_take_word(l, "eol")) {
        o->kind = OPT_EOL;
    } else if (lex_take_word(l, "mss")) {
        o->kind = OPT_MSS;
        o->u.mss = (uint16_t)value_or_any(l, o, "an MSS", UINT16_MAX);
    } else if (lex_take_word(l, "wscale")) {
        o->kind = OPT_WSCALE;
        o->u.shift = (uint8_t)value_or_any(l, o, "a shift count", UINT8_MAX);
    } else if (lex_take_word(l, "sackOK")) {
        o->kind = OPT_SACK_PERMITTED;
    } else if (lex_take_word(l, "sack")) {
        o->kind = OPT_SACK;
        parse_sack(l, o);
    } else if (lex_take_word(l, "TS")) {
        o->kind = OPT_TIMESTAMPS;
        parse_timestamps(l, o);
    } else if (lex_take_word(l, "FO")) {
        parse_cookie(l, o, false);
    } else if (lex_take_word(l, "FOEXP")) {
        parse_cookie(l, o, true);
    } else if (lex_take_word(l, "md5")) {
        o->kind = OPT_MD5;
        parse_bytes(l, o, 16, "a digest of 16 octets in hex");
    } else if (lex_take_word(l, "uto")) {
        o->kind = OPT_USER_TIMEOUT;
        o->u.user_timeout = (uint16_t)value_or_any(l, o, "a user timeout", UINT16_MAX);
    } else if (parse_ecn_option(l, o)) {
        return;
    } else if (lex_take_word(l, "raw")) {
        o->raw = true;
        parse_bytes(l, o, 40, "at most 40 octets of option in hex");
        o->kind = o->u.bytes.octet[0];
    } else {
        lex_expected(l, "a TCP option: nop, eol, mss, wscale, sackOK, sack, TS, FO, FOEXP, md5, "
                        "uto, ECN or raw");
    }
}

void parse_options(struct lex *l, struct sc_segment *seg, enum sc_direction dir)
{
    if (lex_take(l, "...")) {
        if (dir == SC_IN)
            lex_fault(l, "expected TCP options, found '<...>', which only an expected segment has");
        seg->options_any = true;
        lex_need(l, ">");
        return;
    }
    struct sc_option list[SC_MAX_OPTIONS];
    memset(list, 0, sizeof(list));
    do {
        if (seg->n_options == SC_MAX_OPTIONS) {
            lex_expected(l, "at most 40 TCP options");
            return;
        }
        parse_option(l, &list[seg->n_options++]);
    } while (lex_take(l, ","));
    lex_need(l, ">");
    seg->option = sc_alloc(l->arena, seg->n_options * sizeof(list[0]));
    memcpy(seg->option, list, seg->n_options * sizeof(list[0]));
}

/* ---- What is wrong with it, and its text ------------------------------------------------ */

static void parse_malform(struct lex *l, struct sc_segment *seg)
{
    do {
        if (lex_take_word(l, "badsum")) {
            seg->malform |= SC_BAD_CHECKSUM;
            seg->csum = 1;
            if (lex_at_digit(l))
                seg->csum = (uint16_t)lex_number(l, "a mask", UINT16_MAX);
        } else if (lex_take_word(l, "doff")) {
            seg->malform |= SC_BAD_DOFF;
            seg->doff = (uint8_t)lex_number(l, "a data offset", 15);
        } else if (lex_take_word(l, "reserved")) {
            seg->malform |= SC_BAD_RESERVED;
            seg->flags |= (uint16_t)(lex_number(l, "the reserved bits", 15) << 8);
        } else if (lex_take_word(l, "cut")) {
            seg->malform |= SC_TRUNCATED;
            seg->cut = (uint16_t)lex_number(l, "a count of octets", UINT16_MAX);
        } else {
            lex_expected(l, "what is wrong with the segment: badsum, doff, reserved or cut");
        }
    } while (lex_take(l, ","));
    lex_need(l, "}");
}

static void parse_text(struct lex *l, struct sc_segment *seg)
{
    if (lex_take_word(l, "pattern")) {
        seg->text_pattern = true;
        return;
    }
    if (!lex_is(l, "\""))
        return;
    uint32_t len;
    seg->text = (const uint8_t *)lex_string(l, &len);
    if (!l->failed && len != seg->text_len)
        lex_fault(l, "expected a text of %u octets, as the segment says, found %u", seg->text_len,
                  len);
}

/* ---- The segment ------------------------------------------------------------------------ */

/* A number may also begin the flags: ports are what has a '>' behind it. */
static bool ports_here(struct lex *l)
{
    if (!lex_at_digit(l))
        return false;
    const char *p = l->p;
    while (p < l->end && *p >= '0' && *p <= '9')
        p++;
    while (p < l->end && (*p == ' ' || *p == '\t'))
        p++;
    return (p < l->end && *p == '>') || (flag_of(*l->p) == 0 && !(p < l->end && *p == '.'));
}

static void parse_segment(struct lex *l, struct sc_packet *pkt)
{
    struct sc_segment *seg = &pkt->seg;
    if (ports_here(l)) {
        pkt->src_port = (uint16_t)lex_number(l, "a port", UINT16_MAX);
        lex_need(l, ">");
        pkt->dst_port = (uint16_t)lex_number(l, "a port", UINT16_MAX);
    }
    parse_flags(l, seg);
    parse_seq(l, &seg->seq, &seg->text_len);
    if (lex_take_word(l, "ack"))
        seg->ack = parse_num(l);
    if (lex_take_word(l, "win")) {
        seg->has_wnd = !lex_take(l, "*");
        if (seg->has_wnd)
            seg->wnd = (uint16_t)lex_number(l, "a window", UINT16_MAX);
    }
    if (lex_take_word(l, "urg"))
        seg->up = (uint16_t)lex_number(l, "an urgent pointer", UINT16_MAX);
    if (lex_take(l, "<"))
        parse_options(l, seg, (enum sc_direction)pkt->direction);
    if (!opaque_end_here(l) && lex_take(l, "{"))
        parse_malform(l, seg);
    parse_text(l, seg);
}

/* `[1:1(0)] icmp ...`: FreeBSD's dialect has the quoted segment before the message. */
static bool quote_first(struct lex *l)
{
    if (!lex_is(l, "["))
        return false;
    struct lex inside = *l;
    inside.p++;
    return lex_at_digit(&inside);
}

void parse_packet(struct lex *l, struct sc_event *ev, enum sc_direction dir)
{
    struct sc_packet pkt = ev->u.packet;
    pkt.direction = (uint8_t)dir;
    const bool empty = lex_at_end(l);
    const struct lex begin = *l;
    struct sc_icmp quoted = { 0 };
    if (quote_first(l)) {
        parse_quote(l, &quoted);
        if (!lex_word_is(l, "icmp"))
            lex_expected(l, "'icmp' after what the message quotes");
    } else if (lex_take(l, "(")) {
        parse_ip_info(l, &pkt.seg, ")");
    } else if (lex_take(l, "[")) {
        parse_ip_info(l, &pkt.seg, "]");
    }
    if (!empty && opaque_here(l)) {
        parse_opaque(l, &begin, ev, dir);
    } else if (lex_take_word(l, "icmp")) {
        ev->kind = SC_ICMP;
        memset(&ev->u, 0, sizeof(ev->u));
        ev->u.icmp = quoted;
        ev->u.icmp.direction = (uint8_t)dir;
        if (!parse_icmp(l, &ev->u.icmp))
            parse_opaque(l, &begin, ev, dir);
    } else {
        ev->kind = SC_PACKET;
        pkt.whatever = dir == SC_OUT && !pkt.from && lex_take(l, "...");
        if (!pkt.whatever)
            parse_segment(l, &pkt);
        ev->u.packet = pkt;
        if (opaque_end_here(l))
            parse_opaque(l, &begin, ev, dir);
    }
}
