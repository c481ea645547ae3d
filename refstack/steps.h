/* The steps of RFC 9293 section 3.10.7.4 that have a file of their own (sequence.c, ack.c), as
 * synchronized.c walks through them. */
#ifndef REFSTACK_STEPS_H
#define REFSTACK_STEPS_H

#include "refstack/host.h"

/* A step gives this when the next one is to see the segment, or the reason why none is. */
#define GO_ON RS_REASON_ACCEPTED

/* SND.UNA < SEG.ACK =< SND.NXT */
static inline bool acknowledges_syn(const struct tcb *t, const struct tcp_seg *seg)
{
    return seq_gt(seg->ack, t->snd_una) && seq_le(seg->ack, t->snd_nxt);
}

enum rs_reason check_timestamps(struct rs_host *, struct tcb *, const struct tcp_seg *,
                                const struct tcp_opts *);
enum rs_reason check_sequence(struct rs_host *, struct tcb *, struct tcp_seg *);
void note_ts_recent(struct rs_host *, struct tcb *, const struct tcp_seg *,
                    const struct tcp_opts *);
enum rs_reason check_ack(struct rs_host *, struct tcb *, const struct datagram *,
                         const struct tcp_seg *, const struct tcp_opts *);
/* What the ACK of our FIN means in each state; false when the TCB is gone. */
bool fin_acknowledged(struct rs_host *, struct tcb *);

#endif
