/* %{ assertions }%: the part of Python that packetdrill's suites use, evaluated here.
 *
 *     statement   assert EXPR [, message] { ; or line end }
 *     EXPR        or, and, not; == != < <= > >=; | ^ &; << >>; + -; * / // %; - ~; ( )
 *
 * Names are those of struct tcp_info and constants.  Anything else is `unsupported`. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/run_state.h"

enum { MAX_DEPTH = 64 };

struct code {
    struct run *r;
    const char *p;
    const char *unsupported; /* where something we do not evaluate stands */
    char last_name[40];      /* the name evaluated last, and its value, for the message */
    int64_t last_value;
    int depth;
};

static int64_t expr(struct code *c, int level);

static void blanks(struct code *c)
{
    while (*c->p == ' ' || *c->p == '\t' || (*c->p == '\\' && c->p[1] == '\n'))
        c->p += *c->p == '\\' ? 2 : 1;
}

/* A word operator ends where the word ends; a sign is not the beginning of a longer one. */
static bool take(struct code *c, const char *op)
{
    size_t n = strlen(op);
    blanks(c);
    if (strncmp(c->p, op, n) != 0)
        return false;
    if (isalpha((unsigned char)op[0]) && (isalnum((unsigned char)c->p[n]) || c->p[n] == '_'))
        return false;
    if ((op[0] == '<' || op[0] == '>') && n == 1 && (c->p[1] == '=' || c->p[1] == op[0]))
        return false;
    c->p += n;
    return true;
}

static int64_t stop(struct code *c)
{
    if (!c->unsupported)
        c->unsupported = c->p;
    return 0;
}

static int64_t name(struct code *c)
{
    size_t n = 0;
    int64_t v = 0;
    char word[sizeof(c->last_name)];
    while ((isalnum((unsigned char)c->p[n]) || c->p[n] == '_') && n < sizeof(word) - 1)
        n++;
    memcpy(word, c->p, n);
    word[n] = '\0';
    if (run_constant(word, &v)) {
        c->p += n;
        return v;
    }
    /* tcp_info is that of the socket the script opened or accepted last. */
    int fd = -1;
    for (int i = 0; i < RUN_FDS; i++)
        if (c->r->live_fd[i] >= 0 && !c->r->is_listener[i])
            fd = c->r->live_fd[i];
    if (!c->r->ops->info || fd < 0 || !c->r->ops->info(c->r->sut, fd, word, &v))
        return stop(c);
    c->p += n;
    memcpy(c->last_name, word, sizeof(word));
    c->last_value = v;
    return v;
}

static int64_t primary(struct code *c)
{
    blanks(c);
    if (take(c, "(")) {
        int64_t v = expr(c, 0);
        return take(c, ")") ? v : stop(c);
    }
    if (isdigit((unsigned char)*c->p)) {
        char *end;
        int64_t v = (int64_t)strtoull(c->p, &end, 0);
        c->p = end;
        return *end == '.' ? stop(c) : v;
    }
    if (isalpha((unsigned char)*c->p) || *c->p == '_')
        return name(c);
    return stop(c);
}

static int64_t unary(struct code *c)
{
    if (++c->depth > MAX_DEPTH)
        return stop(c);
    int64_t v;
    if (take(c, "-"))
        v = (int64_t)(0 - (uint64_t)unary(c));
    else if (take(c, "~"))
        v = ~unary(c);
    else
        v = primary(c);
    c->depth--;
    return v;
}

/* From the loosest to the tightest; longer signs before their beginnings. */
static const struct {
    int level;
    const char *sign;
} signs[] = {
    { 0, "or" }, { 1, "and" }, { 3, "==" }, { 3, "!=" }, { 3, "<=" }, { 3, ">=" }, { 3, "<" },
    { 3, ">" },  { 4, "|" },   { 5, "^" },  { 6, "&" },  { 7, "<<" }, { 7, ">>" }, { 8, "+" },
    { 8, "-" },  { 9, "*" },   { 9, "//" }, { 9, "/" },  { 9, "%" },
};
enum { TIGHTEST = 9, NOT_LEVEL = 2 };

static int64_t arithmetic(struct code *c, char sign, int64_t a, int64_t b)
{
    const uint64_t ua = (uint64_t)a, ub = (uint64_t)b;
    switch (sign) {
    case '+':
        return (int64_t)(ua + ub);
    case '-':
        return (int64_t)(ua - ub);
    case '*':
        return (int64_t)(ua * ub);
    case '|':
        return (int64_t)(ua | ub);
    case '^':
        return (int64_t)(ua ^ ub);
    case '&':
        return (int64_t)(ua & ub);
    default:
        break;
    }
    /* Python rounds down and we toward zero: the same for what is not negative. */
    if (b <= 0 || a < 0)
        return stop(c);
    return sign == '%' ? a % b : a / b;
}

static int64_t apply(struct code *c, const char *sign, int64_t a, int64_t b)
{
    if (!strcmp(sign, "or"))
        return a ? a : b;
    if (!strcmp(sign, "and"))
        return a ? b : a;
    if (!strcmp(sign, "=="))
        return a == b;
    if (!strcmp(sign, "!="))
        return a != b;
    if (!strcmp(sign, "<="))
        return a <= b;
    if (!strcmp(sign, ">="))
        return a >= b;
    if (!strcmp(sign, "<"))
        return a < b;
    if (!strcmp(sign, ">"))
        return a > b;
    if (!strcmp(sign, "<<"))
        return b >= 0 && b < 63 ? (int64_t)((uint64_t)a << b) : stop(c);
    if (!strcmp(sign, ">>"))
        return b >= 0 && b < 63 && a >= 0 ? a >> b : stop(c);
    return arithmetic(c, sign[0], a, b);
}

static const char *sign_at(struct code *c, int level)
{
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
        if (signs[i].level == level && take(c, signs[i].sign))
            return signs[i].sign;
    return NULL;
}

static int64_t expr(struct code *c, int level)
{
    if (++c->depth > MAX_DEPTH)
        return stop(c);
    int64_t v;
    if (level > TIGHTEST)
        v = unary(c);
    else if (level == NOT_LEVEL)
        v = take(c, "not") ? !expr(c, NOT_LEVEL) : expr(c, level + 1);
    else
        v = expr(c, level + 1);
    if (level == 3) {
        /* a < b < c means both. */
        int64_t all = 1, left = v;
        bool any = false;
        for (const char *s; !c->unsupported && (s = sign_at(c, 3)) != NULL;) {
            int64_t right = expr(c, 4);
            all = all && apply(c, s, left, right);
            left = right;
            any = true;
        }
        v = any ? all : v;
    } else if (level <= TIGHTEST && level != NOT_LEVEL) {
        for (const char *s; !c->unsupported && (s = sign_at(c, level)) != NULL;)
            v = apply(c, s, v, expr(c, level + 1));
    }
    c->depth--;
    return v;
}

/* A message after the comma is Python's; we make our own, and skip to the end of the statement. */
static void skip_message(struct code *c)
{
    char quote = 0;
    for (; *c->p && (quote || (*c->p != '\n' && *c->p != ';')); c->p++) {
        if (quote && *c->p == quote)
            quote = 0;
        else if (!quote && (*c->p == '"' || *c->p == '\''))
            quote = *c->p;
    }
}

static void statement(struct code *c)
{
    const char *start = c->p;
    if (!take(c, "assert")) {
        stop(c);
        return;
    }
    int64_t v = expr(c, 0);
    const char *end = c->p;
    if (take(c, ","))
        skip_message(c);
    blanks(c);
    if (*c->p && *c->p != '\n' && *c->p != ';' && *c->p != '#')
        stop(c);
    while (*c->p == '#' || (*c->p && *c->p != '\n' && *c->p != ';'))
        c->p++;
    if (!c->unsupported && !v)
        run_end(c->r, VERDICT_FAIL, "assertion: expected %.*s, got %s = %lld", (int)(end - start),
                start, c->last_name[0] ? c->last_name : "value", (long long)c->last_value);
}

void run_code(struct run *r, const char *code)
{
    struct code c = { .r = r, .p = code };
    while (!r->over && !c.unsupported) {
        while (*c.p && strchr(" \t\r\n;", *c.p))
            c.p++;
        if (!*c.p)
            return;
        if (*c.p == '#')
            while (*c.p && *c.p != '\n')
                c.p++;
        else
            statement(&c);
    }
    if (c.unsupported && !r->over)
        run_end(r, VERDICT_UNSUPPORTED, "code: not evaluated from here: %.40s", c.unsupported);
}
