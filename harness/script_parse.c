/* Events, times and directives: the top of the grammar. */
#include "harness/script_parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/script_grammar.h"

_Static_assert((int)LEX_ERROR_SIZE == (int)SCRIPT_ERROR_SIZE, "one buffer serves both");

struct parser {
    struct lex l;
    struct script *s;
    size_t cap;
};

static struct sc_event *add_event(struct parser *p, enum sc_kind kind)
{
    struct script *s = p->s;
    if (s->n_events == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 32;
        struct sc_event *more = sc_alloc(&s->arena, cap * sizeof(*more));
        if (s->n_events)
            memcpy(more, s->event, s->n_events * sizeof(*more));
        s->event = more;
        p->cap = cap;
    }
    struct sc_event *ev = &s->event[s->n_events++];
    memset(ev, 0, sizeof(*ev));
    ev->kind = (uint8_t)kind;
    return ev;
}

/* ---- Directives ------------------------------------------------------------------------- */

static const struct sc_pair *new_pair(struct parser *p, struct lex_word name, struct lex_word val)
{
    struct sc_pair *pair = sc_alloc(&p->s->arena, sizeof(*pair));
    pair->name = sc_strdup(&p->s->arena, name.p, name.len);
    if (val.p)
        pair->value = sc_strdup(&p->s->arena, val.p, val.len);
    return pair;
}

/* The next piece between blanks, within [*at, end). */
static struct lex_word next_piece(const char **at, const char *end)
{
    const char *q = *at;
    while (q < end && isspace((unsigned char)*q))
        q++;
    struct lex_word w = { q, 0 };
    while (q < end && !isspace((unsigned char)*q))
        q++;
    w.len = (size_t)(q - w.p);
    *at = q;
    return w;
}

static const struct sc_pair *split_pairs(struct parser *p, const char *at, const char *end)
{
    const struct sc_pair *first = NULL;
    const struct sc_pair **tail = &first;
    for (struct lex_word w; (w = next_piece(&at, end)).len;) {
        struct lex_word val = { NULL, 0 };
        const char *eq = memchr(w.p, '=', w.len);
        if (eq) {
            val = (struct lex_word){ eq + 1, w.len - (size_t)(eq + 1 - w.p) };
            w.len = (size_t)(eq - w.p);
        }
        const struct sc_pair *pair = new_pair(p, w, val);
        *tail = pair;
        tail = (const struct sc_pair **)(uintptr_t)&pair->next;
    }
    return first;
}

static void directive_fault(struct parser *p, const struct lex_comment *c, const char *what)
{
    if (p->l.failed)
        return;
    p->l.failed = true;
    snprintf(p->l.error, LEX_ERROR_SIZE, "%s:%u:%u: expected %s", p->l.name, c->line, c->col, what);
}

/* `config ip=4` says the same as `ip 4`. */
static void config_ip(struct parser *p, const struct lex_comment *c, const char *value)
{
    if (strcmp(value, "4") != 0 && strcmp(value, "6") != 0)
        directive_fault(p, c, "'4' or '6' as the value of ip, found another");
    else
        p->s->ip = (uint8_t)(value[0] - '0');
}

static bool tag_like(const char *name)
{
    return strchr(name, '-') || strncmp(name, "RFC", 3) == 0;
}

static void directive(struct parser *p, const struct lex_comment *c)
{
    const char *at = c->text + 3, *end = c->text + c->len;
    struct lex_word first = next_piece(&at, end);
    struct sc_event *ev = add_event(p, SC_CONFIG);
    ev->line = c->line;
    ev->col = c->col;
    if (lex_word_eq(first, "config")) {
        ev->u.pair = split_pairs(p, at, end);
        for (const struct sc_pair *q = ev->u.pair; q; q = q->next)
            if (!q->value)
                directive_fault(p, c, "name=value after '//@ config', found a word without '='");
            else if (!strcmp(q->name, "ip"))
                config_ip(p, c, q->value);
    } else if (lex_word_eq(first, "ip")) {
        struct lex_word version = next_piece(&at, end);
        if (!lex_word_eq(version, "4") && !lex_word_eq(version, "6"))
            directive_fault(p, c, "'4' or '6' after '//@ ip', found something else");
        else
            p->s->ip = (uint8_t)(version.p[0] - '0');
        ev->u.pair = new_pair(p, first, version);
    } else {
        ev->kind = SC_TAGS;
        ev->u.pair = split_pairs(p, c->text + 3, end);
        for (const struct sc_pair *q = ev->u.pair; q; q = q->next)
            if (!tag_like(q->name) || q->value)
                directive_fault(p, c, "'config', 'ip' or requirement ids such as MUST-11 or "
                                      "RFC5961-3.2 after '//@', found another word");
        if (!ev->u.pair)
            directive_fault(p, c, "'config', 'ip' or requirement ids after '//@', found nothing");
    }
}

/* Turns the comments met since the last event into events of their own. */
/* What the printer gives a line of its own: nothing may follow it there. */
static bool whole_line(const struct sc_event *ev)
{
    return ev->kind == SC_COMMENT || ev->kind == SC_TAGS || ev->kind == SC_CONFIG ||
           ev->kind == SC_OPTION;
}

static void take_comments(struct parser *p)
{
    struct lex *l = &p->l;
    for (int i = 0; i < l->n_comments; i++) {
        const struct lex_comment *c = &l->comment[i];
        if (c->directive) {
            directive(p, c);
            continue;
        }
        struct sc_event *ev = add_event(p, SC_COMMENT);
        ev->line = c->line;
        ev->col = c->col;
        ev->trailing = c->trailing && p->s->n_events > 1 && !whole_line(ev - 1);
        ev->u.text = sc_strdup(&p->s->arena, c->text, c->len);
    }
    l->n_comments = 0;
}

/* To the end of the word; what stands between quotes may hold blanks. */
static struct lex_word option_value(struct lex *l)
{
    struct lex_word val = { ++l->p, 0 };
    char quote = 0;
    for (; l->p < l->end && *l->p != '\n' && (quote || !isspace((unsigned char)*l->p)); l->p++) {
        if (quote && *l->p == quote)
            quote = 0;
        else if (!quote && (*l->p == '"' || *l->p == '`'))
            quote = *l->p;
    }
    while (l->p > val.p && isspace((unsigned char)l->p[-1]))
        l->p--;
    val.len = (size_t)(l->p - val.p);
    return val;
}

/* --define=NAME=VALUE: the value for a word of the script from here on. */
static void add_define(struct parser *p, struct lex_word whole)
{
    const char *eq = memchr(whole.p, '=', whole.len);
    if (!eq)
        return;
    const struct lex_word name = { whole.p, (size_t)(eq - whole.p) };
    const struct lex_word value = { eq + 1, whole.len - name.len - 1 };
    struct sc_pair *pair = sc_alloc(&p->s->arena, sizeof(*pair));
    *pair = *new_pair(p, name, value);
    pair->next = p->l.define;
    p->l.define = pair;
}

/* --name=value; --name; to the end of the word, as packetdrill's preamble has it. */
static void parse_preamble_option(struct parser *p)
{
    struct lex *l = &p->l;
    struct sc_event *ev = add_event(p, SC_OPTION);
    ev->line = l->line;
    ev->col = lex_col(l);
    lex_need(l, "--");
    struct lex_word name = lex_word(l);
    if (!name.len)
        lex_expected(l, "the name of an option after '--'");
    struct lex_word val = { NULL, 0 };
    if (!l->failed && l->p < l->end && *l->p == '=')
        val = option_value(l);
    if (l->failed)
        return;
    ev->u.pair = new_pair(p, name, val);
    if (lex_word_eq(name, "define") && val.p)
        add_define(p, val);
    if (lex_word_eq(name, "ip_version") && val.p)
        p->s->ip = lex_word_eq(val, "ipv6") ? 6 : 4;
}

/* ---- Times ------------------------------------------------------------------------------ */

static struct sc_time parse_time(struct lex *l)
{
    struct sc_time t = { .kind = SC_T_NONE };
    if (lex_take(l, "*")) {
        t.kind = SC_T_ANY;
        return t;
    }
    bool plus = lex_take(l, "+");
    lex_space(l);
    if (!plus && !lex_at_seconds(l))
        return t;
    t.kind = plus ? SC_T_REL : SC_T_ABS;
    t.from = lex_seconds(l, "a time in seconds");
    t.to = t.from;
    if (lex_take(l, "...")) {
        lex_space(l);
        t.blocking = true;
        t.to = lex_seconds(l, "the time at which the call returns");
    } else if (lex_take(l, "~")) {
        t.kind = plus ? SC_T_REL_RANGE : SC_T_ABS_RANGE;
        if (plus)
            lex_need(l, "+");
        lex_space(l);
        t.to = lex_seconds(l, "the end of the range");
    }
    if (!l->failed && t.to < t.from)
        lex_fault(l, "expected a range that ends after it begins, found the reverse");
    return t;
}

/* ---- Events ----------------------------------------------------------------------------- */

static bool parse_extension(struct lex *l, struct sc_event *ev)
{
    struct lex_word w = lex_peek_word(l);
    static const struct {
        const char *word;
        uint8_t kind;
    } words[] = { { "state", SC_STATE },     { "fault", SC_FAULT }, { "user", SC_USER },
                  { "silence", SC_SILENCE }, { "wait", SC_WAIT } };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!lex_word_eq(w, words[i].word) || (w.p + w.len < l->end && w.p[w.len] == '('))
            continue;
        l->p += w.len;
        ev->kind = words[i].kind;
        if (ev->kind == SC_STATE)
            parse_state(l, &ev->u.state);
        else if (ev->kind == SC_FAULT)
            parse_fault(l, &ev->u.fault);
        else if (ev->kind == SC_USER)
            parse_user(l, &ev->u.user);
        else if (ev->kind == SC_WAIT)
            parse_wait(l, ev);
        return true;
    }
    return false;
}

/* `R:` before a call, or `R>K` before a segment seen between two live stacks. */
static bool parse_actor(struct lex *l, struct sc_event *ev)
{
    struct lex_word w = lex_peek_word(l);
    if (!one_capital(w) || w.p + 1 >= l->end)
        return false;
    if (w.p[1] == ':') {
        ev->actor = w.p[0];
        l->p += 2;
        return false;
    }
    if (w.p[1] != '>')
        return false;
    struct sc_fault ends = { 0 };
    parse_direction(l, &ends);
    ev->u.packet.from = ends.from;
    ev->u.packet.to = ends.to;
    parse_packet(l, ev, SC_OUT);
    return true;
}

static void parse_action(struct lex *l, struct sc_event *ev)
{
    if (parse_actor(l, ev))
        return;
    if (lex_take(l, "<")) {
        parse_packet(l, ev, SC_IN);
    } else if (lex_take(l, ">")) {
        parse_packet(l, ev, SC_OUT);
    } else if (lex_is(l, "`")) {
        ev->kind = SC_SHELL;
        ev->u.text = lex_delimited(l, "`", "`", "the command");
    } else if (lex_is(l, "%{")) {
        ev->kind = SC_CODE;
        ev->u.text = lex_delimited(l, "%{", "}%", "the code");
    } else if (!parse_extension(l, ev)) {
        ev->kind = SC_CALL;
        parse_call(l, &ev->u.call);
    }
}

static bool needs_time(const struct sc_event *ev)
{
    return ev->kind != SC_SHELL && ev->kind != SC_FAULT && ev->kind != SC_STATE &&
           ev->kind != SC_CODE;
}

/* A word that the event before on this line could not take is more likely a slip in that event than
 * one that stands without its time. */
static const char *wanted(const struct parser *p)
{
    const struct sc_event *last = p->s->n_events ? &p->s->event[p->s->n_events - 1] : NULL;
    if (!last || last->line != p->l.line)
        return "a time such as 0, +0.1 or *";
    if (last->kind == SC_PACKET)
        return "ack, win, urg, <options>, {malformation}, a text or the end of the segment";
    return "the end of the event, or the time of another";
}

static void parse_event(struct parser *p)
{
    struct lex *l = &p->l;
    struct sc_event ev;
    memset(&ev, 0, sizeof(ev));
    ev.line = l->line;
    ev.col = lex_col(l);
    ev.at = parse_time(l);
    /* Where neither a time nor an event without one begins, a time is what is missing. */
    struct lex_word w = lex_peek_word(l);
    if (ev.at.kind == SC_T_NONE && !lex_is(l, "`") && !lex_is(l, "%{") &&
        !lex_word_eq(w, "state") && !lex_word_eq(w, "fault"))
        lex_expected(l, wanted(p));
    if (!l->failed)
        parse_action(l, &ev);
    if (!l->failed && ev.at.blocking && ev.kind != SC_CALL)
        lex_fault(l, "expected a call after a time with '...', found another event");
    if (!l->failed && ev.at.kind == SC_T_NONE && needs_time(&ev))
        lex_fault(l, "expected a time before this event, found none");
    if (!l->failed)
        *add_event(p, SC_PACKET) = ev;
}

/* A zero octet would end a comment or a string early for whoever reads it as C text. */
static void refuse_zero_octet(struct lex *l)
{
    const char *zero = memchr(l->p, '\0', (size_t)(l->end - l->p));
    if (!zero)
        return;
    for (; l->p < zero; l->p++)
        if (*l->p == '\n') {
            l->line++;
            l->line_start = l->p + 1;
        }
    lex_fault(l, "expected text, found an octet of zero; a string has it as \\x00");
}

struct script *script_parse(const char *name, const char *text, size_t len, char *error)
{
    struct sc_arena arena = { NULL };
    struct script *s = sc_alloc(&arena, sizeof(*s));
    s->arena = arena;
    struct parser p = { .s = s };
    lex_begin(&p.l, &s->arena, name, text, len, error);
    s->name = sc_strdup(&s->arena, name, strlen(name));
    bool preamble = true;
    refuse_zero_octet(&p.l);
    while (!lex_at_end(&p.l)) {
        take_comments(&p);
        if (preamble && lex_is(&p.l, "--")) {
            parse_preamble_option(&p);
        } else {
            preamble = false;
            parse_event(&p);
        }
        take_comments(&p);
    }
    take_comments(&p);
    if (!p.l.failed)
        return s;
    script_free(s);
    return NULL;
}

struct script *script_load(const char *path, char *error)
{
    FILE *f = fopen(path, "rb");
    char *text = f ? malloc(SCRIPT_MAX_OCTETS + 1) : NULL;
    size_t len = text ? fread(text, 1, SCRIPT_MAX_OCTETS + 1, f) : 0;
    struct script *s = NULL;
    if (!text || ferror(f))
        snprintf(error, SCRIPT_ERROR_SIZE,
                 "%s: expected a script, found that it cannot be read: %s", path, strerror(errno));
    else if (len > SCRIPT_MAX_OCTETS)
        snprintf(error, SCRIPT_ERROR_SIZE,
                 "%s: expected a script of at most 16 MiB, found a larger file", path);
    else
        s = script_parse(path, text, len, error);
    free(text);
    if (f)
        fclose(f);
    return s;
}
