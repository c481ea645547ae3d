/* When a rule of stage 0 applies: conditions on segment and TCB, each as its clause has it. */
#include "harness/stage0_judge.h"

bool always(const struct judge *j)
{
    (void)j;
    return true;
}

bool is_rst(const struct judge *j)
{
    return has(j, TCP_RST);
}

bool is_ack(const struct judge *j)
{
    return has(j, TCP_ACK);
}

bool is_syn(const struct judge *j)
{
    return has(j, TCP_SYN);
}

bool no_ack(const struct judge *j)
{
    return !has(j, TCP_ACK);
}

bool bad_sum(const struct judge *j)
{
    return j->s.opt == ST0_OPT_BAD_SUM;
}

bool bad_option(const struct judge *j)
{
    return j->s.opt == ST0_OPT_LENGTH_0 || j->s.opt == ST0_OPT_LENGTH_1 ||
           j->s.opt == ST0_OPT_OVERRUN;
}

/* "If SEG.ACK =< ISS or SEG.ACK > SND.NXT". */
bool ack_of_unsent_syn(const struct judge *j)
{
    return has(j, TCP_ACK) && (seq_le(j->s.ack, j->t->iss) || seq_gt(j->s.ack, j->t->nxt));
}

bool ack_of_unsent_syn_rst(const struct judge *j)
{
    return ack_of_unsent_syn(j) && has(j, TCP_RST);
}

bool rst_and_ack(const struct judge *j)
{
    return has(j, TCP_RST) && has(j, TCP_ACK);
}

bool syn_and_ack(const struct judge *j)
{
    return has(j, TCP_SYN) && has(j, TCP_ACK);
}

/* RFC 9293 section 3.6.1 MAY-2, RFC 6191 section 2: cannot be a duplicate of the old connection. */
bool new_incarnation(const struct judge *j)
{
    const uint32_t largest_used = j->t->rcv_nxt - 1;

    if (!j->t->listener || !has(j, TCP_SYN) || has(j, TCP_ACK) || has(j, TCP_RST))
        return false;
    if (j->t->ts_on && j->s.has_ts && j->s.ts_val != j->t->ts_recent)
        return seq_gt(j->s.ts_val, j->t->ts_recent);
    return seq_gt(j->s.seq, largest_used);
}

bool ts_missing(const struct judge *j)
{
    return j->t->ts_on && !has(j, TCP_RST) && !j->s.has_ts;
}

bool ts_old(const struct judge *j)
{
    return j->t->ts_on && !has(j, TCP_RST) && j->s.has_ts &&
           seq_lt(j->s.ts_val, j->t->ts_recent);
}

static bool in_window(const struct judge *j, uint32_t number)
{
    return number - j->t->rcv_nxt < j->t->rcv_wnd;
}

/* Table 6 of section 3.10.7.4. */
static bool acceptable(const struct judge *j)
{
    const uint32_t len = seg_len(&j->s);

    if (len == 0)
        return j->t->rcv_wnd ? in_window(j, j->s.seq) : j->s.seq == j->t->rcv_nxt;
    return j->t->rcv_wnd && (in_window(j, j->s.seq) || in_window(j, j->s.seq + len - 1));
}

bool probes_zero_window(const struct judge *j)
{
    return j->t->rcv_wnd == 0 && j->s.seq == j->t->rcv_nxt && seg_len(&j->s) > 0;
}

bool unacceptable_rst(const struct judge *j)
{
    return !j->probe && !acceptable(j) && has(j, TCP_RST);
}

bool unacceptable(const struct judge *j)
{
    return !j->probe && !acceptable(j);
}

/* The SYN,ACK of a simultaneous open lies one before RCV.NXT (Figure 7 against section 3.10.7.4;
 * appendix A.2). */
bool crossing_syn_ack(const struct judge *j)
{
    return !j->t->passive && j->s.seq == j->t->irs && has(j, TCP_SYN) && has(j, TCP_ACK) &&
           !has(j, TCP_RST);
}

/* RFC 5961 section 3.2 speaks of the sequence number in the RST, not of its text. */
bool rst_before_window(const struct judge *j)
{
    return has(j, TCP_RST) && !j->probe && j->arrived->seq != j->t->rcv_nxt &&
           !in_window(j, j->arrived->seq);
}

bool rst_inside_window(const struct judge *j)
{
    return has(j, TCP_RST) && j->arrived->seq != j->t->rcv_nxt;
}

/* A SYN sent again with its text: the SYN itself lies before the window and is trimmed off. */
bool syn_before_window(const struct judge *j)
{
    return has(j, TCP_SYN) && j->t->passive && !in_window(j, j->arrived->seq);
}

bool syn_in_passive_open(const struct judge *j)
{
    return has(j, TCP_SYN) && j->t->passive;
}

bool ack_not_of_syn(const struct judge *j)
{
    return seq_le(j->s.ack, j->t->una) || seq_gt(j->s.ack, j->t->nxt);
}

bool ack_too_old(const struct judge *j)
{
    return seq_lt(j->s.ack, j->t->una - j->t->max_wnd);
}

bool ack_of_unsent(const struct judge *j)
{
    return seq_gt(j->s.ack, j->t->nxt);
}

bool fin_acked(const struct judge *j)
{
    return j->t->fin_sent && j->t->una == j->t->nxt;
}

bool ack_advances(const struct judge *j)
{
    return seq_gt(j->s.ack, j->t->una);
}

bool window_news(const struct judge *j)
{
    return seq_le(j->t->una, j->s.ack) &&
           (seq_lt(j->t->wl1, j->s.seq) ||
            (j->t->wl1 == j->s.seq && seq_le(j->t->wl2, j->s.ack)));
}

bool is_urg(const struct judge *j)
{
    return has(j, TCP_URG);
}

bool has_text(const struct judge *j)
{
    return j->s.len > 0;
}

bool text_or_fin(const struct judge *j)
{
    return j->s.len > 0 || has(j, TCP_FIN);
}

bool is_fin(const struct judge *j)
{
    return has(j, TCP_FIN);
}

/* A FIN is processed once all before it has been. */
bool fin_in_order(const struct judge *j)
{
    return has(j, TCP_FIN) && j->s.seq + j->s.len == j->t->rcv_nxt;
}
