/* Octets as they stand (`raw`), and packetdrill's packets that this program reads and does not run:
 * UDP, encapsulation, ICMP that is no error about a segment, and segments with fields damaged at
 * random.
 *
 * They are kept as text, so that such a script still parses and prints back, and its verdict is
 * `unsupported` with the line that asks for it. */
#include <string.h>

#include "harness/script_grammar.h"

static bool word_among(struct lex *l, const char *const *names, int n)
{
    const struct lex_word w = lex_peek_word(l);
    return w.len && sc_name_index(names, n, w.p, w.len) >= 0;
}

bool opaque_here(struct lex *l)
{
    static const char *const words[] = { "udp", "gre", "GREv0", "mpls", "ipv4",
                                         "ipv6", "psp", "sctp", "udplite", "raw" };
    return word_among(l, words, 10);
}

/* `{ mut tcp mss }` and the like: what a stack receives is then left to chance. */
bool opaque_end_here(struct lex *l)
{
    static const char *const words[] = { "mut", "trun", "ins", "rep" };
    if (lex_is(l, "/udp"))
        return true; /* TCP in UDP, of FreeBSD's dialect */
    if (!lex_is(l, "{"))
        return false;
    struct lex inside = *l;
    inside.p++;
    return word_among(&inside, words, 4);
}

/* To the end of the line, or to a comment, which is no part of it. */
void parse_opaque(struct lex *l, const struct lex *begin, struct sc_event *ev,
                  enum sc_direction dir)
{
    if (l->failed)
        return;
    while (l->p < l->end && *l->p != '\n' &&
           !(*l->p == '/' && l->end - l->p > 1 && (l->p[1] == '/' || l->p[1] == '*')))
        l->p++;
    const char *start = begin->p, *end = l->p;
    while (end > start && strchr(" \t\r\n", end[-1]))
        end--;
    const size_t len = (size_t)(end - start);
    char *text = sc_alloc(l->arena, len + 3);
    text[0] = dir == SC_IN ? '<' : '>';
    text[1] = ' ';
    memcpy(text + 2, start, len);
    l->n_comments = begin->n_comments; /* those inside are part of the text */
    memset(&ev->u, 0, sizeof(ev->u));
    ev->kind = SC_OPAQUE;
    ev->u.text = text;
}
