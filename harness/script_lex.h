/* The scanner below the script parser: a place in the text, and the small pieces that the grammar
 * is made of.
 *
 * There are no tokens: packetdrill's flags (`S.`), numbers, addresses and our `SND.UNA` overlap so
 * much that only the grammar knows what may come next, and it asks for that.  The first error
 * sticks: later questions are answered "no", so that the parser needs no check after each. */
#ifndef HARNESS_SCRIPT_LEX_H
#define HARNESS_SCRIPT_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/script.h"

enum { LEX_ERROR_SIZE = 512 };

struct lex {
    const char *name; /* of the file, for errors */
    const char *p, *end;
    const char *line_start;
    uint32_t line;
    bool failed;
    char *error; /* LEX_ERROR_SIZE octets: FILE:LINE:COL: expected X, found Y */
    struct sc_arena *arena;
    int depth; /* of nested expressions */
    const struct sc_pair *define; /* --define=NAME=VALUE, the latest first */
    /* Comments met since the parser last took them. */
    struct lex_comment {
        const char *text;
        size_t len;
        uint32_t line, col;
        bool trailing;
        bool directive; /* began with //@ */
    } comment[16];
    int n_comments;
};

struct lex_word {
    const char *p;
    size_t len;
};

void lex_begin(struct lex *, struct sc_arena *, const char *name, const char *text, size_t len,
               char *error);
uint32_t lex_col(const struct lex *);
/* Skips blanks and comments, line ends included. */
void lex_space(struct lex *);
/* Says what was expected here; finds out by itself what was found. */
void lex_expected(struct lex *, const char *what);
/* Reports a value that is well formed but cannot be; says the whole sentence. */
void lex_fault(struct lex *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Each skips blanks first, and moves only when it answers yes. */
bool lex_at_end(struct lex *);
bool lex_is(struct lex *, const char *text);     /* text is next; nothing is taken */
bool lex_take(struct lex *, const char *text);   /* punctuation */
bool lex_word_is(struct lex *, const char *word); /* a whole word */
bool lex_take_word(struct lex *, const char *word);
void lex_need(struct lex *, const char *text);
/* [A-Za-z0-9_]+; length 0 when there is none. */
struct lex_word lex_peek_word(struct lex *);
struct lex_word lex_word(struct lex *);
bool lex_word_eq(struct lex_word, const char *);

/* What --define gave as the value of a word, or NULL. */
const char *lex_define(const struct lex *, struct lex_word);

/* An unsigned decimal or 0x number of at most `max`; `what` names it in errors. */
uint64_t lex_number(struct lex *, const char *what, uint64_t max);
bool lex_at_digit(struct lex *);
/* Seconds, such as 1, .5 or 0.000001, as microseconds. */
uint64_t lex_seconds(struct lex *, const char *what);
bool lex_at_seconds(struct lex *);
/* What stands between two delimiters, in the arena; escapes are left alone. */
const char *lex_delimited(struct lex *, const char *open, const char *close, const char *what);
/* A quoted string with its escapes resolved. */
const char *lex_string(struct lex *, uint32_t *len);
/* Pairs of hex digits; returns the octets, at most cap. */
uint8_t lex_hex(struct lex *, uint8_t *octet, size_t cap, const char *what);

#endif
