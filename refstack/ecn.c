/* Explicit congestion notification, RFC 3168 section 6.1 (SHLD-8). */
#include "refstack/host.h"

enum { NOT_ECT = 0, ECT_0 = 2, CE = 3, ECN_MASK = 3 };

/* Section 6.1.1: an ECN-setup SYN has both bits, its answer ECE alone.  A SYN sent again goes
 * without, in case something on the way drops the bits' bearers (section 6.1.1.1). */
uint16_t ecn_syn_flags(const struct tcb *t)
{
    if (t->state == RS_SYN_SENT)
        return t->cfg->ecn && (t->retransmits == 0 || BUG(ECN_SYN_AGAIN)) ? TCP_ECE | TCP_CWR : 0;
    return t->ecn_on ? TCP_ECE : 0;
}

/* A SYN,ACK with both bits set comes from an end that reflects what it does not know (section
 * 6.1.1): no ECN. */
void ecn_agree(struct tcb *t, const struct tcp_seg *syn)
{
    const uint16_t both = TCP_ECE | TCP_CWR;
    const uint16_t expected = (syn->flags & TCP_ACK) ? TCP_ECE : both;

    const uint16_t said = BUG(ECN_REFLECTED) ? syn->flags & expected : syn->flags & both;

    t->ecn_on = t->cfg->ecn && said == expected;
}

/* Sections 6.1.4 to 6.1.6: only text sent for the first time, into an open window, is ECT.  The
 * loss of an ACK goes unnoticed, and with it would a mark; a retransmission may be a forged segment
 * that the receiver drops by its number, mark and all. */
uint8_t ecn_mark(const struct tcb *t, bool new_text)
{
    const bool into_room = t->snd_wnd > 0 || BUG(ECT_ON_PROBE);
    return t->ecn_on && ((new_text && into_room) || BUG(ECT_ALWAYS)) ? ECT_0 : NOT_ECT;
}

/* Section 6.1.3: CE is echoed until the sender says it has slowed down. */
void ecn_on_segment(struct tcb *t, const struct tcp_seg *seg, const struct datagram *d)
{
    if (!t->ecn_on)
        return;
    if ((seg->flags & TCP_CWR) && !BUG(ECN_ECHO_STUCK))
        t->ecn_echo = false;
    /* After CWR: a segment that carries both reports new congestion. */
    if ((d->tos & ECN_MASK) == CE)
        t->ecn_echo = true;
}

/* Section 6.1.2: as for a lost segment, at most once for each window of data: until something
 * beyond it is acknowledged the peer cannot have seen our CWR.  In recovery cwnd has been cut for
 * this window already. */
void ecn_on_ack(struct rs_host *h, struct tcb *t, const struct tcp_seg *seg, uint32_t old_una)
{
    const bool agreed = t->ecn_on || BUG(ECN_UNASKED);
    const bool paid = (t->in_recovery && !BUG(ECN_TWICE)) ||
                      (!seq_gt(t->snd_una, t->ecn_edge) && !BUG(ECN_EACH_ACK));

    if (!agreed || paid)
        return;
    if (!(seg->flags & TCP_ECE)) {
        if (!BUG(EDGES_STAY)) /* half of all numbers later it would seem to lie ahead */
            t->ecn_edge = t->snd_una - 1;
        return;
    }
    /* What was in flight when the mark was made, not what this ACK leaves of it. */
    cc_on_congestion(h, t, t->snd_nxt - (BUG(ECN_FLIGHT_LEFT) ? t->snd_una : old_una));
    t->cwnd = t->ssthresh;
    t->ecn_edge = t->snd_nxt;
    t->cwr_due = true;
}
