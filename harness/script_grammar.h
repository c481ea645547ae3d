/* The pieces of the grammar that the parser's files share; nobody else includes this. */
#ifndef HARNESS_SCRIPT_GRAMMAR_H
#define HARNESS_SCRIPT_GRAMMAR_H

#include "harness/script_lex.h"

struct sc_num parse_num(struct lex *);
/* Whether a number or `*` or a base such as SND.UNA is next. */
bool at_num(struct lex *);
/* START:END(LEN) or START(LEN). */
void parse_seq(struct lex *, struct sc_num *seq, uint32_t *len);
/* What follows `<`, `>` or `A>B`; sets the event's kind. */
void parse_packet(struct lex *, struct sc_event *, enum sc_direction);
/* What stands in brackets before a segment. */
void parse_ip_info(struct lex *, struct sc_segment *, const char *close);
/* An AccECN option; false, and nothing taken, where there is none. */
bool parse_ecn_option(struct lex *, struct sc_option *);
/* [START:END(LEN)]: the segment that an ICMP message quotes. */
void parse_quote(struct lex *, struct sc_icmp *);
void parse_options(struct lex *, struct sc_segment *, enum sc_direction);
/* False for a message that is no error about a TCP segment, such as an echo. */
bool parse_icmp(struct lex *, struct sc_icmp *);
/* Whether a packet begins, or ends, as one that is kept as text only. */
bool opaque_here(struct lex *);
bool opaque_end_here(struct lex *);
/* Makes the event such a packet; `begin` is where it began, behind the direction. */
void parse_opaque(struct lex *, const struct lex *begin, struct sc_event *, enum sc_direction);
const struct sc_expr *parse_expr(struct lex *);
/* NAME ( arguments ) = result [ERRNO] [(note)] */
void parse_call(struct lex *, struct sc_call *);

/* The letter of an actor. */
bool one_capital(struct lex_word);
/* `<`, `>` or R>K, into the direction and actors of a fault. */
void parse_direction(struct lex *, struct sc_fault *);
void parse_state(struct lex *, struct sc_state *);
void parse_fault(struct lex *, struct sc_fault *);
void parse_user(struct lex *, struct sc_user *);
void parse_wait(struct lex *, struct sc_event *);

/* packetdrill's words for ICMP types and codes. */
struct icmp_word {
    const char *word;
    uint8_t number;
};
extern const struct icmp_word icmp_type_words[], icmp_code_words[];

#endif
