/* Inside stage 0's judge only: what the rules are made of. */
#ifndef HARNESS_STAGE0_JUDGE_H
#define HARNESS_STAGE0_JUDGE_H

#include "harness/stage0.h"
#include "refstack/seq.h"

struct judge {
    struct st0_tcb *t;
    struct st0_seg s; /* as trimmed so far */
    const struct st0_seg *arrived;
    struct st0_want *w;
    rs_time now, msl;
    bool probe; /* text met a window of zero: not acceptable, its ACK, URG and RST are */
};

enum verdict_of_rule { DONE, NEXT };

static inline bool has(const struct judge *j, uint16_t flag)
{
    return (j->s.flags & flag) != 0;
}

static inline uint32_t seg_len(const struct st0_seg *s)
{
    return s->len + ((s->flags & TCP_SYN) ? 1u : 0u) + ((s->flags & TCP_FIN) ? 1u : 0u);
}

/* Conditions (stage0_when.c). */
bool always(const struct judge *);
bool is_rst(const struct judge *);
bool is_ack(const struct judge *);
bool is_syn(const struct judge *);
bool no_ack(const struct judge *);
bool bad_sum(const struct judge *);
bool bad_option(const struct judge *);
bool ack_of_unsent_syn(const struct judge *);
bool ack_of_unsent_syn_rst(const struct judge *);
bool rst_and_ack(const struct judge *);
bool syn_and_ack(const struct judge *);
bool new_incarnation(const struct judge *);
bool ts_missing(const struct judge *);
bool ts_old(const struct judge *);
bool probes_zero_window(const struct judge *);
bool unacceptable_rst(const struct judge *);
bool unacceptable(const struct judge *);
bool crossing_syn_ack(const struct judge *);
bool rst_before_window(const struct judge *);
bool rst_inside_window(const struct judge *);
bool syn_before_window(const struct judge *);
bool syn_in_passive_open(const struct judge *);
bool ack_not_of_syn(const struct judge *);
bool ack_too_old(const struct judge *);
bool ack_of_unsent(const struct judge *);
bool fin_acked(const struct judge *);
bool ack_advances(const struct judge *);
bool window_news(const struct judge *);
bool is_urg(const struct judge *);
bool has_text(const struct judge *);
bool text_or_fin(const struct judge *);
bool is_fin(const struct judge *);
bool fin_in_order(const struct judge *);

/* Consequences (stage0_then.c). */
enum verdict_of_rule drop(struct judge *);
enum verdict_of_rule ack_and_drop(struct judge *);
enum verdict_of_rule rst_at_ack(struct judge *);
enum verdict_of_rule rst_and_ack_of_all(struct judge *);
enum verdict_of_rule refused(struct judge *);
enum verdict_of_rule begin_passive(struct judge *);
enum verdict_of_rule begin_again(struct judge *);
enum verdict_of_rule our_syn_acked(struct judge *);
enum verdict_of_rule syns_cross(struct judge *);
enum verdict_of_rule crossing_taken_or_not(struct judge *);
enum verdict_of_rule leave_off_text(struct judge *);
enum verdict_of_rule unacceptable_ack(struct judge *);
enum verdict_of_rule update_ts_recent(struct judge *);
enum verdict_of_rule reset_or_not(struct judge *);
enum verdict_of_rule back_to_listen(struct judge *);
enum verdict_of_rule stay_or_answer(struct judge *);
enum verdict_of_rule challenge(struct judge *);
enum verdict_of_rule drop_but_answer_probe(struct judge *);
enum verdict_of_rule established(struct judge *);
enum verdict_of_rule advance_una(struct judge *);
enum verdict_of_rule take_window(struct judge *);
enum verdict_of_rule to_fin_wait_2(struct judge *);
enum verdict_of_rule enter_time_wait(struct judge *);
enum verdict_of_rule last_ack_acked(struct judge *);
enum verdict_of_rule urgent(struct judge *);
enum verdict_of_rule text(struct judge *);
enum verdict_of_rule fin_above_hole(struct judge *);
enum verdict_of_rule fin(struct judge *);
enum verdict_of_rule after_fin(struct judge *);

#endif
