/* What a script says of a segment's IP header, and the options about ECN: the places where the
 * dialects of packetdrill differ most. */
#include <string.h>
#include <strings.h>

#include "harness/script_grammar.h"
#include "refstack/wire.h"

/* ---- The IP header ---------------------------------------------------------------------- */

/* RFC 4594's names of code points. */
static const struct {
    const char *name;
    uint8_t point;
} code_points[] = {
    { "cs0", 0 },   { "cs1", 8 },   { "cs2", 16 },  { "cs3", 24 },  { "cs4", 32 },  { "cs5", 40 },
    { "cs6", 48 },  { "cs7", 56 },  { "af11", 10 }, { "af12", 12 }, { "af13", 14 }, { "af21", 18 },
    { "af22", 20 }, { "af23", 22 }, { "af31", 26 }, { "af32", 28 }, { "af33", 30 }, { "af41", 34 },
    { "af42", 36 }, { "af43", 38 }, { "ef", 46 },   { "voice_admit", 44 }, { "le", 1 },
};

static uint8_t parse_dscp(struct lex *l)
{
    const struct lex_word w = lex_peek_word(l);
    for (size_t i = 0; i < sizeof(code_points) / sizeof(code_points[0]); i++)
        if (w.len == strlen(code_points[i].name) &&
            strncasecmp(w.p, code_points[i].name, w.len) == 0) {
            l->p += w.len;
            return code_points[i].point;
        }
    return (uint8_t)lex_number(l, "a code point such as cs1 or 0x08", 63);
}

static bool parse_ecn(struct lex *l, struct sc_segment *seg)
{
    static const char *const ecn[] = { "noecn", "ect1", "ect0", "ce", "ect01" };
    lex_take_word(l, "ecn");
    const struct lex_word w = lex_peek_word(l);
    const int e = w.len ? sc_name_index(ecn, 5, w.p, w.len) : -1;
    if (e < 0)
        return false;
    l->p += w.len;
    seg->has_ecn = true;
    seg->ecn = (uint8_t)e;
    return true;
}

/* IPv6's words for the same fields are FreeBSD's: class for tos, hlim for ttl. */
void parse_ip_info(struct lex *l, struct sc_segment *seg, const char *close)
{
    do {
        if (parse_ecn(l, seg))
            continue;
        if (lex_take_word(l, "tos") || lex_take_word(l, "class")) {
            seg->has_tos = true;
            seg->tos = (uint8_t)lex_number(l, "a TOS octet", UINT8_MAX);
        } else if (lex_take_word(l, "dscp")) {
            seg->has_dscp = true;
            seg->tos = (uint8_t)(parse_dscp(l) << 2);
        } else if (lex_take_word(l, "ttl") || lex_take_word(l, "hlim")) {
            seg->ttl = (uint8_t)lex_number(l, "a TTL", UINT8_MAX);
        } else if (lex_take_word(l, "flowlabel")) {
            seg->has_flow = true;
            seg->flow = (uint32_t)lex_number(l, "a flow label", 0xfffff);
        } else {
            lex_expected(l, "noecn, ect0, ect1, ect01, ce, tos, dscp, ttl or flowlabel");
        }
    } while (!l->failed && lex_take(l, ","));
    lex_need(l, close);
}

/* ---- Options about ECN ------------------------------------------------------------------ */

/* AccECN's counters, 24 bits each, in the order given (RFC 9768 section 3.2.3): held as octets. */
static void parse_counters(struct lex *l, struct sc_option *o, uint8_t kind, unsigned exid)
{
    static const char *const names[] = { "e0b", "ceb", "e1b", "ee0b", "eceb", "ee1b" };
    o->raw = true;
    o->kind = exid ? OPT_EXPERIMENT : kind;
    uint8_t *p = o->u.bytes.octet;
    size_t n = 2;
    if (exid) {
        p[n++] = (uint8_t)(exid >> 8);
        p[n++] = (uint8_t)exid;
    }
    const size_t most = n + 9;
    while (!l->failed && n < most) {
        const struct lex_word w = lex_peek_word(l);
        if (!w.len || sc_name_index(names, 6, w.p, w.len) < 0)
            break;
        l->p += w.len;
        const uint64_t v = lex_number(l, "a counter of 24 bits", 0xffffff);
        p[n++] = (uint8_t)(v >> 16);
        p[n++] = (uint8_t)(v >> 8);
        p[n++] = (uint8_t)v;
    }
    p[0] = o->kind;
    p[1] = o->u.bytes.len = (uint8_t)n;
}

/* packetdrill's `ECN e1b N ...`; FreeBSD's `AccECN0 ee0b N ...`, and both as experiments. */
bool parse_ecn_option(struct lex *l, struct sc_option *o)
{
    enum { ORDER_0 = 172, ORDER_1 = 174, EXID_0 = 0xacc0, EXID_1 = 0xacc1 };
    if (lex_take_word(l, "ECN"))
        parse_counters(l, o, lex_word_is(l, "e1b") ? ORDER_1 : ORDER_0, 0);
    else if (lex_take_word(l, "AccECN0"))
        parse_counters(l, o, ORDER_0, 0);
    else if (lex_take_word(l, "AccECN1"))
        parse_counters(l, o, ORDER_1, 0);
    else if (lex_take(l, "exp-AccECN0"))
        parse_counters(l, o, 0, EXID_0);
    else if (lex_take(l, "exp-AccECN1"))
        parse_counters(l, o, 0, EXID_1);
    else
        return false;
    return true;
}
