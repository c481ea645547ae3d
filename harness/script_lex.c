#include "harness/script_lex.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void lex_begin(struct lex *l, struct sc_arena *a, const char *name, const char *text, size_t len,
               char *error)
{
    *l = (struct lex){ .name = name, .p = text, .end = text + len, .line_start = text,
                       .line = 1, .error = error, .arena = a };
    error[0] = '\0';
}

uint32_t lex_col(const struct lex *l)
{
    return (uint32_t)(l->p - l->line_start) + 1;
}

/* ---- Errors ----------------------------------------------------------------------------- */

static void fail_at_here(struct lex *l, const char *fmt, va_list ap)
{
    if (l->failed)
        return;
    l->failed = true;
    int n = snprintf(l->error, LEX_ERROR_SIZE, "%s:%u:%u: ", l->name, l->line, lex_col(l));
    if (n > 0 && n < LEX_ERROR_SIZE)
        vsnprintf(l->error + n, (size_t)(LEX_ERROR_SIZE - n), fmt, ap);
}

void lex_fault(struct lex *l, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fail_at_here(l, fmt, ap);
    va_end(ap);
}

/* The piece that stands here, as a reader sees it: a word, a few octets, or the end. */
static void describe_here(const struct lex *l, char *buf, size_t cap)
{
    if (l->p >= l->end) {
        snprintf(buf, cap, "the end of the file");
        return;
    }
    unsigned char c = (unsigned char)*l->p;
    if (c == '\n') {
        snprintf(buf, cap, "the end of the line");
        return;
    }
    if (!isprint(c)) {
        snprintf(buf, cap, "the octet 0x%02x", c);
        return;
    }
    size_t n = 1;
    if (isalnum(c) || c == '_')
        while (n < 24 && l->p + n < l->end &&
               (isalnum((unsigned char)l->p[n]) || l->p[n] == '_'))
            n++;
    snprintf(buf, cap, "'%.*s'", (int)n, l->p);
}

void lex_expected(struct lex *l, const char *what)
{
    lex_space(l);
    char found[64];
    describe_here(l, found, sizeof(found));
    lex_fault(l, "expected %s, found %s", what, found);
}

/* ---- Blanks and comments ---------------------------------------------------------------- */

static void step(struct lex *l)
{
    if (*l->p++ == '\n') {
        l->line++;
        l->line_start = l->p;
    }
}

static bool starts(const struct lex *l, const char *text)
{
    size_t n = strlen(text);
    return (size_t)(l->end - l->p) >= n && memcmp(l->p, text, n) == 0;
}

/* Whether something other than blanks stands before p on its line. */
static bool follows_text(const struct lex *l)
{
    for (const char *q = l->line_start; q < l->p; q++)
        if (!strchr(" \t\r\v\f", *q))
            return true;
    return false;
}

static void keep_comment(struct lex *l, const char *text, size_t len, uint32_t line, uint32_t col,
                         bool trailing)
{
    const int cap = (int)(sizeof(l->comment) / sizeof(l->comment[0]));
    while (len && strchr(" \t\r\n", text[len - 1]))
        len--;
    bool directive = len >= 3 && memcmp(text, "//@", 3) == 0;
    if (l->n_comments == cap) {
        lex_fault(l, "expected at most %d comments inside one event", cap);
        return;
    }
    l->comment[l->n_comments++] =
        (struct lex_comment){ text, len, line, col, trailing, directive };
}

static void comment(struct lex *l, const char *close)
{
    const char *text = l->p;
    uint32_t line = l->line, col = lex_col(l);
    bool trailing = follows_text(l);
    l->p += 1; /* so that the slash of an opening is never its closing */
    while (l->p < l->end && !starts(l, close))
        step(l);
    if (l->p < l->end && close[0] == '*')
        l->p += 2;
    else if (l->p >= l->end && close[0] == '*')
        lex_expected(l, "'*/' at the end of the comment");
    keep_comment(l, text, (size_t)(l->p - text), line, col, trailing);
}

void lex_space(struct lex *l)
{
    while (l->p < l->end && !l->failed) {
        if (strchr(" \t\r\n", *l->p) && *l->p)
            step(l);
        else if (starts(l, "//"))
            comment(l, "\n");
        else if (starts(l, "/*"))
            comment(l, "*/");
        else
            return;
    }
}

/* ---- Pieces ----------------------------------------------------------------------------- */

static bool word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

bool lex_at_end(struct lex *l)
{
    lex_space(l);
    return l->failed || l->p >= l->end;
}

bool lex_is(struct lex *l, const char *text)
{
    return !lex_at_end(l) && starts(l, text);
}

bool lex_take(struct lex *l, const char *text)
{
    if (!lex_is(l, text))
        return false;
    l->p += strlen(text);
    return true;
}

void lex_need(struct lex *l, const char *text)
{
    if (l->failed || lex_take(l, text))
        return;
    char what[32];
    snprintf(what, sizeof(what), "'%s'", text);
    lex_expected(l, what);
}

struct lex_word lex_peek_word(struct lex *l)
{
    struct lex_word w = { NULL, 0 };
    if (lex_at_end(l))
        return w;
    w.p = l->p;
    while (w.p + w.len < l->end && word_char(w.p[w.len]))
        w.len++;
    return w;
}

struct lex_word lex_word(struct lex *l)
{
    struct lex_word w = lex_peek_word(l);
    l->p += w.len;
    return w;
}

bool lex_word_eq(struct lex_word w, const char *text)
{
    return w.len == strlen(text) && (w.len == 0 || memcmp(w.p, text, w.len) == 0);
}

bool lex_word_is(struct lex *l, const char *word)
{
    return lex_word_eq(lex_peek_word(l), word);
}

bool lex_take_word(struct lex *l, const char *word)
{
    if (!lex_word_is(l, word))
        return false;
    l->p += strlen(word);
    return true;
}

const char *lex_define(const struct lex *l, struct lex_word w)
{
    for (const struct sc_pair *d = l->define; d && w.len; d = d->next)
        if (lex_word_eq(w, d->name))
            return d->value;
    return NULL;
}

/* ---- Numbers ---------------------------------------------------------------------------- */

bool lex_at_digit(struct lex *l)
{
    return !lex_at_end(l) && isdigit((unsigned char)*l->p);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

uint64_t lex_number(struct lex *l, const char *what, uint64_t max)
{
    if (!lex_at_digit(l)) {
        lex_expected(l, what);
        return 0;
    }
    const char *start = l->p;
    unsigned radix = 10;
    if (starts(l, "0x") && l->p + 2 < l->end && hex_digit(l->p[2]) >= 0) {
        radix = 16;
        l->p += 2;
    }
    uint64_t v = 0;
    bool over = false;
    for (int d; l->p < l->end && (d = hex_digit(*l->p)) >= 0 && d < (int)radix; l->p++) {
        over = over || v > (max - (uint64_t)d) / radix || (uint64_t)d > max;
        v = v * radix + (uint64_t)d;
    }
    if (over || v > max) {
        l->p = start;
        lex_fault(l, "expected %s of at most %llu, found a larger one", what,
                  (unsigned long long)max);
    }
    return l->failed ? 0 : v;
}

bool lex_at_seconds(struct lex *l)
{
    return lex_at_digit(l) || (!l->failed && l->p + 1 < l->end && *l->p == '.' &&
                               isdigit((unsigned char)l->p[1]));
}

/* In integers: doubles would turn .000003 into 2 microseconds. */
uint64_t lex_seconds(struct lex *l, const char *what)
{
    if (!lex_at_seconds(l)) {
        lex_expected(l, what);
        return 0;
    }
    uint64_t us = 0;
    if (isdigit((unsigned char)*l->p))
        us = lex_number(l, what, UINT64_C(1000000000)) * 1000000;
    if (l->p + 1 < l->end && l->p[0] == '.' && isdigit((unsigned char)l->p[1])) {
        l->p++;
        for (uint64_t unit = 100000; l->p < l->end && isdigit((unsigned char)*l->p); l->p++) {
            us += unit * (uint64_t)(*l->p - '0');
            unit /= 10;
        }
    }
    return us;
}

uint8_t lex_hex(struct lex *l, uint8_t *octet, size_t cap, const char *what)
{
    struct lex_word w = lex_peek_word(l);
    if (w.len == 0 || w.len % 2 || w.len / 2 > cap) {
        lex_expected(l, what);
        return 0;
    }
    for (size_t i = 0; i < w.len; i += 2) {
        int hi = hex_digit(w.p[i]), lo = hex_digit(w.p[i + 1]);
        if (hi < 0 || lo < 0) {
            lex_expected(l, what);
            return 0;
        }
        octet[i / 2] = (uint8_t)(hi << 4 | lo);
    }
    l->p += w.len;
    return (uint8_t)(w.len / 2);
}

/* ---- Quoted pieces ---------------------------------------------------------------------- */

const char *lex_delimited(struct lex *l, const char *open, const char *close, const char *what)
{
    lex_need(l, open);
    const char *start = l->p;
    while (!l->failed && l->p < l->end && !starts(l, close))
        step(l);
    if (l->p >= l->end)
        lex_fault(l, "expected %s to end with '%s', found the end of the file", what, close);
    if (l->failed)
        return "";
    const char *text = sc_strdup(l->arena, start, (size_t)(l->p - start));
    l->p += strlen(close);
    return text;
}

static int escape(struct lex *l)
{
    static const char from[] = "ntr0\\\"'", to[] = "\n\t\r\0\\\"'";
    if (l->p < l->end && *l->p == 'x' && l->end - l->p >= 3) {
        int hi = hex_digit(l->p[1]), lo = hex_digit(l->p[2]);
        l->p += 3;
        return hi < 0 || lo < 0 ? -1 : hi << 4 | lo;
    }
    const char *at = l->p < l->end && *l->p ? strchr(from, *l->p) : NULL;
    if (!at)
        return -1;
    l->p++;
    return (unsigned char)to[at - from];
}

const char *lex_string(struct lex *l, uint32_t *len)
{
    *len = 0;
    lex_need(l, "\"");
    if (l->failed)
        return "";
    const char *q = l->p;
    while (q < l->end && *q != '"' && *q != '\n')
        q += *q == '\\' && q + 1 < l->end ? 2 : 1;
    char *out = sc_alloc(l->arena, (size_t)(q - l->p) + 1);
    uint32_t n = 0;
    while (l->p < l->end && *l->p != '"' && *l->p != '\n') {
        int c = (unsigned char)*l->p++;
        if (c == '\\')
            c = escape(l);
        if (c < 0) {
            lex_expected(l, "an escape such as \\n or \\x00 after '\\'");
            return "";
        }
        out[n++] = (char)c;
    }
    lex_need(l, "\"");
    *len = n;
    return out;
}
