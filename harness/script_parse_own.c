/* The events that packetdrill has not: states, faults and the RFC's user calls. */
#include <ctype.h>
#include <string.h>

#include "harness/script_grammar.h"

static int take_name(struct lex *l, const char *(*name)(int), int n, const char *what)
{
    lex_space(l);
    int best = -1;
    size_t best_len = 0;
    for (int i = 0; i < n; i++) {
        size_t len = strlen(name(i));
        if (len > best_len && lex_is(l, name(i))) {
            best = i;
            best_len = len;
        }
    }
    if (best < 0)
        lex_expected(l, what);
    else
        l->p += best_len;
    return best < 0 ? 0 : best;
}

static const char *state_name(int i)
{
    return rs_state_name((enum rs_state)i);
}

static const char *user_name(int i)
{
    return sc_user_name((enum sc_user_op)i);
}

static const char *setting_name(int i)
{
    return sc_setting_name((enum sc_setting)i);
}

static const char *fault_name(int i)
{
    return sc_fault_name((enum sc_fault_action)i);
}

static const char *class_name(int i)
{
    return sc_class_name((enum sc_seg_class)i);
}

bool one_capital(struct lex_word w)
{
    return w.len == 1 && isupper((unsigned char)w.p[0]);
}

void parse_state(struct lex *l, struct sc_state *st)
{
    do {
        if (st->n == SC_MAX_STATES) {
            lex_expected(l, "at most 8 states in one assertion");
            return;
        }
        struct sc_state_item *it = &st->item[st->n++];
        it->fd = -1;
        if (one_capital(lex_peek_word(l)))
            it->actor = *lex_word(l).p;
        if (lex_at_digit(l))
            it->fd = (int32_t)lex_number(l, "a descriptor", INT32_MAX);
        it->state = (uint8_t)take_name(l, state_name, RS_N_STATES,
                                       "a state such as SYN-SENT or ESTABLISHED");
    } while (lex_take(l, ","));
}

/* <, > or A>B */
void parse_direction(struct lex *l, struct sc_fault *f)
{
    if (lex_take(l, "<")) {
        f->direction = SC_IN;
    } else if (lex_take(l, ">")) {
        f->direction = SC_OUT;
    } else if (one_capital(lex_peek_word(l))) {
        f->direction = SC_OUT;
        f->from = *lex_word(l).p;
        lex_need(l, ">");
        struct lex_word to = lex_word(l);
        if (!one_capital(to))
            lex_expected(l, "the letter of an actor");
        else
            f->to = to.p[0];
    } else {
        lex_expected(l, "a direction: '<', '>' or two actors as in R>K");
    }
}

void parse_fault(struct lex *l, struct sc_fault *f)
{
    f->action = (uint8_t)take_name(l, fault_name, SC_N_FAULTS,
                                   "drop, dup, delay, reorder or corrupt");
    if (f->action == SC_DELAY) {
        lex_space(l);
        f->delay = lex_seconds(l, "a delay in seconds");
    }
    parse_direction(l, f);
    f->seg_class = (uint8_t)take_name(l, class_name, SC_N_CLASSES,
                                      "any, SYN, SYN-ACK, ACK, DATA, FIN or RST");
    if (lex_take(l, "*"))
        f->nth = 0;
    else
        f->nth = (uint32_t)lex_number(l, "which of them: 1, 2, ... or *", UINT32_MAX);
}

void parse_user(struct lex *l, struct sc_user *u)
{
    u->op = (uint8_t)take_name(l, user_name, SC_N_USER_OPS,
                               "a user call such as open-active, send, receive, close or abort");
    u->conn = (uint8_t)lex_number(l, "the number of a connection", UINT8_MAX);
    if (u->op == SC_SET)
        u->setting = (uint8_t)take_name(l, setting_name, SC_N_SETTINGS,
                                        "a setting such as nagle, rcv_buf or mss");
    if (lex_at_digit(l))
        u->amount = (uint32_t)lex_number(l, "a count of octets", UINT32_MAX);
    if (!lex_take(l, "="))
        return;
    u->any_result = lex_take(l, "...");
    if (u->any_result)
        return;
    u->has_result = true;
    bool minus = lex_take(l, "-");
    int64_t v = (int64_t)lex_number(l, "a result", INT32_MAX);
    u->result = minus ? -v : v;
    struct lex_word err = lex_peek_word(l);
    if (err.len > 3 && memcmp(err.p, "RS_", 3) == 0) {
        l->p += err.len;
        u->err = sc_strdup(l->arena, err.p, err.len);
    }
}

void parse_wait(struct lex *l, struct sc_event *ev)
{
    static const char *const words[] = { "deadline", "before-deadline" };
    for (int i = 0; i < 2; i++)
        if (lex_take(l, words[i]))
            ev->u.text = words[i];
}
