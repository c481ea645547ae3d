/* SEGMENT ARRIVES as a table: RFC 9293 section 3.10.7 with RFC 5961, 6191 and 7323 where they bind
 * in, read from their text.
 *
 * Rules are tried in the RFC's order.  A rule is for some states and has a condition; what follows
 * from it either ends the segment or changes it and the TCB for the rules below. */
#include "harness/stage0_judge.h"

#define IN(state) (1u << RS_##state)
#define OPENED                                                                                     \
    (IN(ESTABLISHED) | IN(FIN_WAIT_1) | IN(FIN_WAIT_2) | IN(CLOSE_WAIT) | IN(CLOSING) |            \
     IN(LAST_ACK) | IN(TIME_WAIT))
#define SYNCED (OPENED | IN(SYN_RECEIVED))
#define RECEIVING (IN(ESTABLISHED) | IN(FIN_WAIT_1) | IN(FIN_WAIT_2))
/* The FIN, and so all that was sent, is acknowledged: SND.UNA cannot move. */
#define ALL_ACKED (IN(FIN_WAIT_2) | IN(TIME_WAIT))
#define ANY ((1u << RS_N_STATES) - 1)

static const struct rule {
    unsigned states;
    bool (*when)(const struct judge *);
    enum verdict_of_rule (*then)(struct judge *);
    const char *name;
} any[] = {
    { ANY, bad_sum, drop, "MUST-3: wrong checksum, dropped" },
    { ANY, bad_option, drop, "MUST-7: illegal option length, dropped" },
};

static const struct rule opening[] = {
    { IN(CLOSED), is_rst, drop, "3.10.7.1: RST" },
    { IN(CLOSED), is_ack, rst_at_ack, "3.10.7.1: with ACK, RST at SEG.ACK" },
    { IN(CLOSED), always, rst_and_ack_of_all, "3.10.7.1: without ACK, RST,ACK" },

    { IN(LISTEN), is_rst, drop, "3.10.7.2 first: RST" },
    { IN(LISTEN), is_ack, rst_at_ack, "3.10.7.2 second: ACK" },
    { IN(LISTEN), is_syn, begin_passive, "3.10.7.2 third: SYN" },
    { IN(LISTEN), always, drop, "3.10.7.2 fourth: other" },

    { IN(SYN_SENT), ack_of_unsent_syn_rst, drop, "3.10.7.3 first: unacceptable ACK, RST" },
    { IN(SYN_SENT), ack_of_unsent_syn, rst_at_ack, "3.10.7.3 first: unacceptable ACK" },
    { IN(SYN_SENT), rst_and_ack, refused, "3.10.7.3 second: RST" },
    { IN(SYN_SENT), is_rst, drop, "3.10.7.3 second: RST without ACK" },
    { IN(SYN_SENT), syn_and_ack, our_syn_acked, "3.10.7.3 fourth: SYN,ACK" },
    { IN(SYN_SENT), is_syn, syns_cross, "3.10.7.3 fourth: SYN" },
    { IN(SYN_SENT), always, drop, "3.10.7.3 fifth: neither SYN nor RST" },
};

static const struct rule synced[] = {
    { IN(TIME_WAIT), new_incarnation, begin_again, "MAY-2, RFC 6191: a new incarnation" },
    { SYNCED, ts_missing, drop, "RFC 7323 3.2: no timestamp" },
    { SYNCED, ts_old, ack_and_drop, "RFC 7323 5.3 R1: PAWS" },
    { IN(SYN_RECEIVED), crossing_syn_ack, crossing_taken_or_not, "Figure 7: the SYN,ACKs cross" },
    { OPENED, probes_zero_window, leave_off_text, "3.10.7.4 first: text into a window of 0" },
    { SYNCED, unacceptable_rst, drop, "3.10.7.4 first: unacceptable, RST" },
    { SYNCED, unacceptable, unacceptable_ack, "3.10.7.4 first: unacceptable" },
    { SYNCED, always, update_ts_recent, "RFC 7323 5.3 R3: TS.Recent; trimmed" },
    { SYNCED, rst_before_window, drop, "RFC 5961 3.2 (1): RST outside the window" },
    { SYNCED, rst_inside_window, challenge, "RFC 5961 3.2 (3): RST not at RCV.NXT" },
    { SYNCED, is_rst, reset_or_not, "3.10.7.4 second: RST" },
    { IN(SYN_RECEIVED), syn_before_window, stay_or_answer, "3.10.7.4: the SYN again, with text" },
    { IN(SYN_RECEIVED), syn_in_passive_open, back_to_listen, "3.10.7.4 fourth: back to LISTEN" },
    { SYNCED, is_syn, challenge, "RFC 5961 4.2: SYN" },
    { SYNCED, no_ack, drop_but_answer_probe, "3.10.7.4 fifth: ACK off" },
    { IN(SYN_RECEIVED), ack_not_of_syn, rst_at_ack, "3.10.7.4 fifth: ACK not of our SYN" },
    { IN(SYN_RECEIVED), always, established, "3.10.7.4 fifth: ESTABLISHED" },
    { OPENED, ack_too_old, ack_and_drop, "RFC 5961 5.2: ACK too old" },
    { OPENED, ack_of_unsent, ack_and_drop, "3.10.7.4 fifth: ACK of something not sent" },
    { OPENED & ~ALL_ACKED, ack_advances, advance_una, "3.10.7.4 fifth: SND.UNA" },
    { OPENED, window_news, take_window, "3.10.7.4 fifth: SND.WND" },
    { IN(FIN_WAIT_1), fin_acked, to_fin_wait_2, "3.10.7.4 fifth: FIN-WAIT-2" },
    { IN(CLOSING), fin_acked, enter_time_wait, "3.10.7.4 fifth: CLOSING to TIME-WAIT" },
    { IN(LAST_ACK), fin_acked, last_ack_acked, "3.10.7.4 fifth: LAST-ACK to CLOSED" },
};

/* What SYN-SENT continues with, too. */
static const struct rule content[] = {
    { RECEIVING, is_urg, urgent, "3.10.7.4 sixth: URG" },
    { RECEIVING, has_text, text, "3.10.7.4 seventh: text" },
    { RECEIVING, fin_in_order, fin, "3.10.7.4 eighth: FIN" },
    { RECEIVING, is_fin, fin_above_hole, "3.10.7.4 eighth: FIN beyond a hole" },
    { OPENED & ~RECEIVING, text_or_fin, after_fin, "3.10.7.4 seventh, eighth: after the FIN" },
};

/* Unacknowledged octets can be there: what ICMP may speak of, and what is sent again. */
#define IN_FLIGHT                                                                                  \
    (IN(SYN_SENT) | IN(SYN_RECEIVED) | IN(ESTABLISHED) | IN(FIN_WAIT_1) | IN(CLOSE_WAIT) |         \
     IN(CLOSING) | IN(LAST_ACK))
#define AT_REST (IN(ESTABLISHED) | IN(FIN_WAIT_2) | IN(CLOSE_WAIT))

/* What is no segment of the connection, judged in stage0_icmp.c and stage0_time.c: in the order of
 * enum st0_other. */
static const struct rule others[ST0_N_OTHERS] = {
    [ST0_ICMP_STRAY] = { ANY, NULL, NULL, "MUST-54, RFC 5927 4.1: ICMP about nothing in flight" },
    [ST0_ICMP_MOOT] = { ANY, NULL, NULL, "MUST-55: Source Quench and what is no error" },
    [ST0_ICMP_SOFT] = { IN_FLIGHT, NULL, NULL, "MUST-56, SHLD-25: soft ICMP error" },
    [ST0_ICMP_HARD] = { IN_FLIGHT, NULL, NULL, "SHLD-26, RFC 5927 5.2: hard ICMP error" },
    [ST0_ICMP_TOO_BIG] = { IN_FLIGHT, NULL, NULL, "RFC 1191 6.3, RFC 8201 4: too big" },
    [ST0_TIME_RESENT] = { IN_FLIGHT, NULL, NULL, "3.10.8, RFC 6298 5: sent again, ever later" },
    [ST0_TIME_R2] = { IN_FLIGHT, NULL, NULL, "3.8.3 (c), MUST-23: ended by R2" },
    [ST0_TIME_PROBED] = { IN(ESTABLISHED), NULL, NULL, "3.8.6.1: probes of a closed window" },
    [ST0_TIME_USER] = { IN_FLIGHT, NULL, NULL, "3.10.8: ended by the user timeout" },
    [ST0_TIME_KEEPALIVE] = { AT_REST, NULL, NULL, "3.8.4: keep-alives, then the end" },
    [ST0_TIME_2MSL] = { IN(TIME_WAIT), NULL, NULL, "3.10.8: TIME-WAIT ends in silence" },
    [ST0_FAST_ABSENT] = { IN(LISTEN), NULL, NULL, "RFC 7413 4.2.2: no cookie, the text waits" },
    [ST0_FAST_ASKED] = { IN(LISTEN), NULL, NULL, "RFC 7413 4.2.2: asked for a cookie" },
    [ST0_FAST_VALID] = { IN(LISTEN), NULL, NULL, "RFC 7413 4.2.2: valid, the text is given" },
    [ST0_FAST_WRONG] = { IN(LISTEN), NULL, NULL, "RFC 7413 4.2.2: no cookie of ours" },
    [ST0_TIME_REST] = { AT_REST | IN(CLOSED) | IN(LISTEN), NULL, NULL, "3.8.4: silence" },
};

struct table {
    const struct rule *rule;
    unsigned n;
};

#define TABLE(array) { array, sizeof array / sizeof array[0] }
enum { ANY_TABLE, OPENING_TABLE, SYNCED_TABLE, CONTENT_TABLE, OTHER_TABLE, N_TABLES };
static const struct table tables[N_TABLES] = {
    [ANY_TABLE] = TABLE(any),
    [OPENING_TABLE] = TABLE(opening),
    [SYNCED_TABLE] = TABLE(synced),
    [CONTENT_TABLE] = TABLE(content),
    [OTHER_TABLE] = TABLE(others),
};

static const struct rule *rule_at(unsigned i)
{
    unsigned k = 0;

    while (i >= tables[k].n)
        i -= tables[k++].n;
    return &tables[k].rule[i];
}

unsigned st0_rule_count(void)
{
    unsigned n = 0;

    for (unsigned k = 0; k < N_TABLES; k++)
        n += tables[k].n;
    return n;
}

unsigned st0_other_rule(enum st0_other other)
{
    return st0_rule_count() - ST0_N_OTHERS + (unsigned)other;
}

const char *st0_rule_name(unsigned rule)
{
    return rule_at(rule)->name;
}

bool st0_rule_for(unsigned rule, enum rs_state state)
{
    return rule_at(rule)->states >> state & 1;
}

/* Tries one table's rules in order. */
static enum verdict_of_rule apply(struct judge *j, unsigned table, uint64_t *rule_hits)
{
    unsigned number = 0;

    for (unsigned k = 0; k < table; k++)
        number += tables[k].n;
    for (unsigned i = 0; i < tables[table].n; i++) {
        const struct rule *r = &tables[table].rule[i];
        if (!(r->states >> j->t->state & 1) || !r->when(j))
            continue;
        j->w->rule = number + i;
        rule_hits[number + i]++;
        if (r->then(j) == DONE)
            return DONE;
    }
    return NEXT;
}

/* SYN-SENT goes on with the content of the segment, the synchronized states come to it. */
void st0_judge(const struct st0_tcb *before, const struct st0_seg *seg, rs_time now, rs_time msl,
               struct st0_want *w, uint64_t *rule_hits)
{
    *w = (struct st0_want){
        .tcb = *before, .states = 1u << before->state, .replies = ST0_SILENCE
    };
    struct judge j = {
        .t = &w->tcb, .s = *seg, .arrived = seg, .w = w, .now = now, .msl = msl
    };
    const unsigned way = before->state <= RS_SYN_SENT ? OPENING_TABLE : SYNCED_TABLE;

    if (apply(&j, ANY_TABLE, rule_hits) == NEXT && apply(&j, way, rule_hits) == NEXT)
        apply(&j, CONTENT_TABLE, rule_hits);
}
