/* Socket calls and their arguments, and ICMP messages.
 *
 * packetdrill has a rule for each struct; here a struct is any list of fields, and the runner
 * looks for the names it needs.  So new structs need no new grammar. */
#include <ctype.h>
#include <string.h>

#include "harness/script_grammar.h"

enum { MAX_DEPTH = 32 };

/* ---- Expressions ------------------------------------------------------------------------ */

static struct sc_expr *new_expr(struct lex *l, enum sc_expr_kind kind)
{
    struct sc_expr *e = sc_alloc(l->arena, sizeof(*e));
    e->kind = (uint8_t)kind;
    return e;
}

static const struct sc_expr *parse_list(struct lex *l, const char *close)
{
    const struct sc_expr *first = NULL;
    const struct sc_expr *last = NULL;
    if (lex_take(l, close))
        return NULL;
    do {
        const struct sc_expr *e = parse_expr(l);
        if (l->failed)
            return first;
        if (last)
            ((struct sc_expr *)(uintptr_t)last)->next = e;
        else
            first = e;
        last = e;
    } while (lex_take(l, ","));
    lex_need(l, close);
    return first;
}

/* "a" "b" is one string, as in C; "a"... stands for anything that begins so. */
static struct sc_expr *parse_strings(struct lex *l)
{
    struct sc_expr *e = new_expr(l, SC_E_STRING);
    e->text = lex_string(l, &e->len);
    while (lex_is(l, "\"")) {
        uint32_t n;
        const char *more = lex_string(l, &n);
        char *both = sc_alloc(l->arena, (size_t)e->len + n + 1);
        memcpy(both, e->text, e->len);
        memcpy(both + e->len, more, n);
        e->text = both;
        e->len += n;
    }
    if (lex_take(l, "..."))
        e->kind = SC_E_STRING_MORE;
    return e;
}

static struct sc_expr *parse_integer(struct lex *l)
{
    bool minus = lex_take(l, "-");
    bool hex = lex_is(l, "0x");
    struct sc_expr *e = new_expr(l, hex ? SC_E_HEX : SC_E_INT);
    uint64_t v = lex_number(l, "a number", INT64_MAX);
    e->num = minus ? -(int64_t)v : (int64_t)v;
    return e;
}

/* What a defined word stands for: a string, a number or another word. */
static const struct sc_expr *parse_defined(struct lex *l, const char *value)
{
    struct lex at = *l;
    at.p = value;
    at.line_start = value;
    at.end = value + strlen(value);
    at.define = NULL;
    if (value[0] != '"' && !lex_at_digit(&at)) {
        struct sc_expr *e = new_expr(l, SC_E_WORD);
        e->text = value;
        e->len = (uint32_t)strlen(value);
        return e;
    }
    const struct sc_expr *e = value[0] == '"' ? parse_strings(&at) : parse_integer(&at);
    l->failed = at.failed;
    return e;
}

/* name, name(args), name = value, name(args) = value */
static struct sc_expr *parse_word(struct lex *l)
{
    struct lex_word w = lex_word(l);
    struct sc_expr *e = new_expr(l, SC_E_WORD);
    e->text = sc_strdup(l->arena, w.p, w.len);
    e->len = (uint32_t)w.len;
    if (lex_take(l, "(")) {
        e->kind = SC_E_CALL;
        e->first = parse_list(l, ")");
    }
    const char *defined = e->kind == SC_E_WORD ? lex_define(l, w) : NULL;
    if (!lex_is(l, "==") && lex_take(l, "=")) {
        struct sc_expr *set = new_expr(l, SC_E_ASSIGN);
        set->text = e->text;
        set->len = e->len;
        set->a = e;
        set->b = parse_expr(l);
        return set;
    }
    if (defined)
        e->a = parse_defined(l, defined);
    return e;
}

static struct sc_expr *parse_primary(struct lex *l)
{
    if (lex_take(l, "..."))
        return new_expr(l, SC_E_ELLIPSIS);
    if (lex_is(l, "\""))
        return parse_strings(l);
    if (lex_at_digit(l) || lex_is(l, "-"))
        return parse_integer(l);
    struct sc_expr *e = new_expr(l, SC_E_LIST);
    if (lex_take(l, "[")) {
        e->first = parse_list(l, "]");
    } else if (lex_take(l, "{")) {
        e->kind = SC_E_STRUCT;
        e->first = parse_list(l, "}");
    } else if (lex_peek_word(l).len) {
        return parse_word(l);
    } else {
        lex_expected(l, "an argument: a number, a name, a string, '...', '[' or '{'");
    }
    return e;
}

const struct sc_expr *parse_expr(struct lex *l)
{
    if (l->depth == MAX_DEPTH) {
        lex_expected(l, "at most 32 levels of nesting");
        return new_expr(l, SC_E_ELLIPSIS);
    }
    l->depth++;
    struct sc_expr *e = parse_primary(l);
    while (!l->failed && lex_take(l, "|")) {
        struct sc_expr *both = new_expr(l, SC_E_OR);
        both->a = e;
        both->b = parse_primary(l);
        e = both;
    }
    l->depth--;
    return e;
}

/* ---- Calls ------------------------------------------------------------------------------ */

static const char *parse_note(struct lex *l)
{
    const char *start = l->p;
    while (l->p < l->end && *l->p != ')' && *l->p != '\n')
        l->p++;
    const char *note = sc_strdup(l->arena, start, (size_t)(l->p - start));
    lex_need(l, ")");
    return note;
}

void parse_call(struct lex *l, struct sc_call *call)
{
    struct lex_word w = lex_word(l);
    if (w.len == 0) {
        lex_expected(l, "a packet ('<' or '>'), a call, `command`, %{ code }%, state, fault, user, "
                        "wait or silence");
        return;
    }
    call->name = sc_strdup(l->arena, w.p, w.len);
    lex_need(l, "(");
    if (!l->failed)
        call->arg = parse_list(l, ")");
    lex_need(l, "=");
    if (l->failed)
        return;
    call->result = parse_expr(l);
    struct lex_word err = lex_peek_word(l);
    if (err.len > 1 && err.p[0] == 'E') {
        l->p += err.len;
        call->err = sc_strdup(l->arena, err.p, err.len);
    }
    if (lex_take(l, "("))
        call->note = parse_note(l);
}

/* ---- ICMP ------------------------------------------------------------------------------- */

const struct icmp_word icmp_type_words[] = {
    { "echo_reply", 0 },   { "unreachable", 3 },   { "source_quench", 4 },
    { "redirect", 5 },     { "echo_request", 8 },  { "time_exceeded", 11 },
    { "exceeded", 11 },    { "parameter_problem", 12 }, { NULL, 0 },
};
const struct icmp_word icmp_code_words[] = {
    { "net_unreachable", 0 },     { "host_unreachable", 1 },    { "protocol_unreachable", 2 },
    { "port_unreachable", 3 },    { "frag_needed", 4 },         { "source_route_failed", 5 },
    { "net_unknown", 6 },         { "host_unknown", 7 },        { "source_host_isolated", 8 },
    { "net_prohibited", 9 },      { "host_prohibited", 10 },    { "net_unreachable_for_tos", 11 },
    { "host_unreachable_for_tos", 12 }, { "admin_prohibited", 13 },
    { "host_precedence_violation", 14 }, { "precedence_cutoff", 15 },
    /* Of time_exceeded, and IPv6's own words by the numbers of IPv4. */
    { "exceeded_ttl", 0 },        { "exceeded_hop_limit", 0 },  { "exceeded_fragtime", 1 },
    { "no_route", 0 },            { "addr_unreachable", 1 },    { NULL, 0 },
};

static bool icmp_number(struct lex *l, const struct icmp_word *words, uint8_t *number)
{
    struct lex_word w = lex_peek_word(l);
    for (; words->word; words++) {
        if (lex_word_eq(w, words->word)) {
            l->p += w.len;
            *number = words->number;
            return true;
        }
    }
    if (!lex_at_digit(l))
        return false;
    *number = (uint8_t)lex_number(l, "an ICMP number", UINT8_MAX);
    return true;
}

/* A name in capitals that packetdrill's command line gives a value, such as CODE. */
static bool named_elsewhere(struct lex_word w)
{
    for (size_t i = 0; i < w.len; i++)
        if (!isupper((unsigned char)w.p[i]) && w.p[i] != '_')
            return false;
    return w.len > 1;
}

void parse_quote(struct lex *l, struct sc_icmp *icmp)
{
    lex_need(l, "[");
    icmp->has_quote = true;
    parse_seq(l, &icmp->seq, &icmp->text_len);
    lex_need(l, "]");
}

bool parse_icmp(struct lex *l, struct sc_icmp *icmp)
{
    /* IPv6's own word for what IPv4 says with type 3, code 4 (RFC 4443 section 3.2). */
    if (lex_take_word(l, "packet_too_big")) {
        icmp->type = 3;
        icmp->code = 4;
    } else if (!icmp_number(l, icmp_type_words, &icmp->type)) {
        lex_expected(l, "an ICMP type such as unreachable, time_exceeded or 3");
    } else {
        icmp_number(l, icmp_code_words, &icmp->code);
    }
    if (lex_take_word(l, "mtu")) {
        icmp->has_mtu = true;
        icmp->mtu = (uint32_t)lex_number(l, "an MTU", UINT32_MAX);
    }
    if (lex_word_is(l, "id") || named_elsewhere(lex_peek_word(l)))
        return false;
    if (lex_is(l, "[") && !icmp->has_quote) {
        struct lex inside = *l;
        inside.p++;
        if (!at_num(&inside))
            return false; /* it quotes another protocol */
        parse_quote(l, icmp);
    }
    return true;
}
