#include "harness/script_print.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "harness/script_grammar.h"

static void print_seconds(FILE *f, uint64_t us)
{
    if (us / 1000000 > 0 || us == 0)
        fprintf(f, "%" PRIu64, us / 1000000);
    if (us % 1000000 == 0)
        return;
    char frac[8];
    snprintf(frac, sizeof(frac), "%06u", (unsigned)(us % 1000000));
    size_t n = 6;
    while (frac[n - 1] == '0')
        n--;
    fprintf(f, ".%.*s", (int)n, frac);
}

static const char *icmp_name(const struct icmp_word *words, uint8_t number)
{
    for (; words->word; words++)
        if (words->number == number)
            return words->word;
    return NULL;
}

static void print_icmp(FILE *f, const struct sc_icmp *icmp)
{
    sc_print_direction(f, 0, 0, icmp->direction);
    const char *type = icmp_name(icmp_type_words, icmp->type);
    const char *code = icmp->type == 3 ? icmp_name(icmp_code_words, icmp->code) : NULL;
    fputs("icmp ", f);
    if (type)
        fputs(type, f);
    else
        fprintf(f, "%u", icmp->type);
    if (code)
        fprintf(f, " %s", code);
    else if (icmp->code || icmp->type == 3)
        fprintf(f, " %u", icmp->code);
    if (icmp->has_mtu)
        fprintf(f, " mtu %u", icmp->mtu);
    if (!icmp->has_quote)
        return;
    fputs(" [", f);
    sc_print_seq(f, icmp->seq, icmp->text_len);
    fputc(']', f);
}

/* ---- Calls ------------------------------------------------------------------------------ */

static void print_expr(FILE *f, const struct sc_expr *e);

static void print_list(FILE *f, const struct sc_expr *e, const char *open, const char *close)
{
    fputs(open, f);
    for (; e; e = e->next) {
        print_expr(f, e);
        if (e->next)
            fputs(", ", f);
    }
    fputs(close, f);
}

static void print_expr(FILE *f, const struct sc_expr *e)
{
    switch ((enum sc_expr_kind)e->kind) {
    case SC_E_ELLIPSIS:
        fputs("...", f);
        break;
    case SC_E_INT:
        fprintf(f, "%" PRId64, e->num);
        break;
    case SC_E_HEX:
        fprintf(f, "%s0x%" PRIx64, e->num < 0 ? "-" : "",
                e->num < 0 ? (uint64_t)-e->num : (uint64_t)e->num);
        break;
    case SC_E_WORD:
        fputs(e->text, f);
        break;
    case SC_E_STRING:
    case SC_E_STRING_MORE:
        sc_print_string(f, e->text, e->len);
        fputs(e->kind == SC_E_STRING_MORE ? "..." : "", f);
        break;
    case SC_E_OR:
        print_expr(f, e->a);
        fputs(" | ", f);
        print_expr(f, e->b);
        break;
    case SC_E_ASSIGN:
        print_expr(f, e->a);
        fputs(" = ", f);
        print_expr(f, e->b);
        break;
    case SC_E_LIST:
        print_list(f, e->first, "[", "]");
        break;
    case SC_E_STRUCT:
        print_list(f, e->first, "{", "}");
        break;
    case SC_E_CALL:
        fputs(e->text, f);
        print_list(f, e->first, "(", ")");
        break;
    }
}

static void print_call(FILE *f, const struct sc_call *c)
{
    fputs(c->name, f);
    print_list(f, c->arg, "(", ")");
    fputs(" = ", f);
    print_expr(f, c->result);
    if (c->err)
        fprintf(f, " %s", c->err);
    if (c->note)
        fprintf(f, " (%s)", c->note);
}

/* ---- Our own events --------------------------------------------------------------------- */

static void print_user(FILE *f, const struct sc_user *u)
{
    fprintf(f, "user %s %u", sc_user_name((enum sc_user_op)u->op), u->conn);
    if (u->op == SC_SET)
        fprintf(f, " %s", sc_setting_name((enum sc_setting)u->setting));
    if (u->amount || u->op == SC_SET)
        fprintf(f, " %u", u->amount);
    if (u->any_result)
        fputs(" = ...", f);
    if (u->has_result)
        fprintf(f, " = %" PRId64, u->result);
    if (u->err)
        fprintf(f, " %s", u->err);
}

static void print_fault(FILE *f, const struct sc_fault *x)
{
    fprintf(f, "fault %s ", sc_fault_name((enum sc_fault_action)x->action));
    if (x->action == SC_DELAY) {
        print_seconds(f, x->delay);
        fputc(' ', f);
    }
    sc_print_direction(f, x->from, x->to, x->direction);
    fputs(sc_class_name((enum sc_seg_class)x->seg_class), f);
    if (x->nth)
        fprintf(f, " %u", x->nth);
    else
        fputs(" *", f);
}

static void print_state(FILE *f, const struct sc_state *st)
{
    fputs("state", f);
    for (int i = 0; i < st->n; i++) {
        const struct sc_state_item *it = &st->item[i];
        fputs(i ? ", " : " ", f);
        if (it->actor)
            fprintf(f, "%c ", it->actor);
        if (it->fd >= 0)
            fprintf(f, "%d ", it->fd);
        fputs(rs_state_name((enum rs_state)it->state), f);
    }
}

static void print_time(FILE *f, const struct sc_time *t)
{
    const bool rel = t->kind == SC_T_REL || t->kind == SC_T_REL_RANGE;
    if (t->kind == SC_T_NONE)
        return;
    if (t->kind == SC_T_ANY) {
        fputs("* ", f);
        return;
    }
    if (rel)
        fputc('+', f);
    print_seconds(f, t->from);
    if (t->blocking) /* a digit after it: four points in a row would be hard to read */
        fputs(t->to < 1000000 && t->to > 0 ? "...0" : "...", f);
    else if (t->kind == SC_T_ABS_RANGE || t->kind == SC_T_REL_RANGE)
        fputs(rel ? "~+" : "~", f);
    if (t->blocking || t->kind == SC_T_ABS_RANGE || t->kind == SC_T_REL_RANGE)
        print_seconds(f, t->to);
    fputc(' ', f);
}

static void print_pairs(FILE *f, const struct sc_pair *p)
{
    for (; p; p = p->next)
        fprintf(f, " %s%s%s", p->name, p->value ? "=" : "", p->value ? p->value : "");
}

static void print_directive(FILE *f, const struct sc_event *ev)
{
    const struct sc_pair *p = ev->u.pair;
    if (ev->kind == SC_OPTION)
        fprintf(f, "--%s%s%s", p->name, p->value ? "=" : "", p->value ? p->value : "");
    else if (ev->kind == SC_CONFIG && p && !strcmp(p->name, "ip") && !p->next)
        fprintf(f, "//@ ip %s", p->value ? p->value : "");
    else {
        fputs(ev->kind == SC_CONFIG ? "//@ config" : "//@", f);
        print_pairs(f, p);
    }
}

static void print_action(FILE *f, const struct sc_event *ev)
{
    switch ((enum sc_kind)ev->kind) {
    case SC_PACKET:
        script_print_packet(f, &ev->u.packet);
        break;
    case SC_ICMP:
        print_icmp(f, &ev->u.icmp);
        break;
    case SC_CALL:
        print_call(f, &ev->u.call);
        break;
    case SC_USER:
        print_user(f, &ev->u.user);
        break;
    case SC_WAIT:
        fprintf(f, "wait%s%s", ev->u.text ? " " : "", ev->u.text ? ev->u.text : "");
        break;
    case SC_SILENCE:
        fputs("silence", f);
        break;
    case SC_FAULT:
        print_fault(f, &ev->u.fault);
        break;
    case SC_STATE:
        print_state(f, &ev->u.state);
        break;
    case SC_SHELL:
        fprintf(f, "`%s`", ev->u.text);
        break;
    case SC_CODE:
        fprintf(f, "%%{%s}%%", ev->u.text);
        break;
    case SC_COMMENT:
    case SC_OPAQUE:
        fputs(ev->u.text, f);
        break;
    case SC_OPTION:
    case SC_TAGS:
    case SC_CONFIG:
        print_directive(f, ev);
        break;
    }
}

void script_print_event(FILE *f, const struct sc_event *ev)
{
    print_time(f, &ev->at);
    if (ev->actor)
        fprintf(f, "%c: ", ev->actor);
    print_action(f, ev);
}

/* Prints one event; returns the line ends within it. */
static uint32_t print_counted(FILE *f, const struct sc_event *ev)
{
    char *text = NULL;
    size_t len = 0;
    uint32_t lines = 0;
    FILE *out = open_memstream(&text, &len);
    if (!out)
        abort();
    script_print_event(out, ev);
    fclose(out);
    for (size_t i = 0; i < len; i++)
        lines += text[i] == '\n';
    fwrite(text, 1, len, f);
    free(text);
    return lines;
}

/* Blank lines are the author's paragraphs: one is kept where there was one or more. */
static void print_all(FILE *f, const struct script *s, bool blanks)
{
    uint32_t next = 0; /* the line that would follow at once; 0: not known */
    for (size_t i = 0; i < s->n_events; i++) {
        const struct sc_event *ev = &s->event[i];
        if (i)
            fputs(ev->trailing ? "  " : "\n", f);
        if (blanks && i && !ev->trailing && next && ev->line > next)
            fputc('\n', f);
        const uint32_t lines = print_counted(f, ev);
        next = ev->line ? ev->line + lines + 1 : 0;
    }
    fputc('\n', f);
}

void script_print(FILE *f, const struct script *s)
{
    print_all(f, s, true);
}

/* ---- Equality --------------------------------------------------------------------------- */

/* Two scripts say the same when they print the same: the printer leaves nothing out. */
bool script_equal(const struct script *a, const struct script *b)
{
    char *text[2] = { NULL, NULL };
    size_t len[2] = { 0, 0 };
    const struct script *s[2] = { a, b };
    for (int i = 0; i < 2; i++) {
        FILE *f = open_memstream(&text[i], &len[i]);
        if (!f)
            abort();
        print_all(f, s[i], false);
        fclose(f);
    }
    bool same = a->ip == b->ip && a->n_events == b->n_events && len[0] == len[1] &&
                memcmp(text[0], text[1], len[0]) == 0;
    free(text[0]);
    free(text[1]);
    return same;
}
