/* What every algorithm shares, and NewReno's own part: RFC 5681 section 3.1.
 *
 *   event                          ssthresh           cwnd
 *   ACK of new, below ssthresh     as it was          grows by what is acknowledged (cc_on_ack)
 *   ACK of new, above it           as it was          grows as the algorithm says
 *   loss found, ECE                algorithm's        to ssthresh, by the caller (cc_on_congestion)
 *   retransmission timeout         algorithm's, once  one segment (cc_on_rto)
 *   idle for longer than the RTO   as it was          the initial window at most (cc_on_idle) */
#include "refstack/congestion.h"

#include "refstack/host.h"

static uint32_t min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t max_u32(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* Asked at each event, so that rs_set changes it at any time. */
static const struct cc_algorithm *algorithm(const struct tcb *t)
{
    return t->cfg->congestion == RS_CC_CUBIC ? &cc_cubic : &cc_newreno;
}

/* RFC 5681 section 3.1's initial window, in the larger form of RFC 6928 section 2. */
static uint32_t initial_window(const struct tcb *t)
{
    if (BUG(INITIAL_WINDOW_LARGE))
        return 64u * t->smss;
    return min_u32(10u * t->smss, max_u32(2u * t->smss, 14600));
}

void cc_init(struct tcb *t)
{
    /* A lost SYN or SYN,ACK leaves one segment (RFC 5681 section 3.1). */
    t->cwnd = t->retransmits && !BUG(LOST_SYN_UNPAID) ? t->smss : initial_window(t);
    t->ssthresh = UINT32_MAX;
    t->recover = t->iss;
    t->bytes_acked = 0;
    t->cubic = (struct cubic){ .w_max = 0 };
}

/* Congestion avoidance by octets acknowledged (RFC 3465), so that dividing an ACK into many gains
 * the receiver nothing.  A whole segment at a time, one for each cwnd of octets: SMSS*SMSS/cwnd for
 * each ACK (equation 3) is the same in the mean.  RFC 2525 section 2.6 tells of stacks that added a
 * constant to it. */
static void newreno_grow(struct rs_host *h, struct tcb *t, uint32_t acked)
{
    (void)h;
    t->bytes_acked += acked;
    if (t->bytes_acked >= t->cwnd || BUG(AVOIDANCE_PER_ACK)) {
        t->bytes_acked -= min_u32(t->bytes_acked, t->cwnd);
        t->cwnd += t->smss;
    }
}

/* Equation 4: half of what is in flight, at least two segments.  Of what is in flight, not of cwnd,
 * which an application that sends little leaves much larger (RFC 5681 section 3.1). */
static uint32_t newreno_ssthresh(struct tcb *t, uint32_t flight)
{
    return max_u32(flight / 2, 2u * t->smss);
}

const struct cc_algorithm cc_newreno = { .grow = newreno_grow, .ssthresh = newreno_ssthresh };

static void not_in_use(struct rs_host *h, struct tcb *t)
{
    if (algorithm(t)->pause)
        algorithm(t)->pause(h, t);
}

/* MUST-19, with the algorithm that the user chose (MAY-18).  cwnd grows only while the sender uses
 * it: what an application did not send proves nothing about the path (the concern of RFC 7661, met
 * here by the plain rule of RFC 9438 section 5.8). */
void cc_on_ack(struct rs_host *h, struct tcb *t, uint32_t acked, uint32_t flight_before)
{
    /* No window is larger, scaled by 14 (RFC 7323 section 2.3). */
    static const uint32_t limit = 1u << 30;

    if (BUG(CWND_PER_ACK)) {
        t->cwnd += t->smss;
        return;
    }
    if (flight_before < t->cwnd / 2) {
        not_in_use(h, t);
        return;
    }
    /* Slow start: at most a segment for each ACK (equation 2), so that an ACK for many octets,
     * after a hole is filled say, lets out no burst. */
    if (t->cwnd < t->ssthresh)
        t->cwnd += min_u32(acked, t->smss);
    else
        algorithm(t)->grow(h, t, acked);
    t->cwnd = min_u32(t->cwnd, limit);
}

/* RFC 5681 section 3.2, step 2: what limited transmit sent beyond cwnd does not count.  With SACK
 * it sends for what has left the pipe, and stays within cwnd. */
void cc_on_congestion(struct rs_host *h, struct tcb *t, uint32_t flight)
{
    const bool counts_all = t->sack_on || t->in_recovery || BUG(LIMITED_COUNTED);
    (void)h;
    t->ssthresh = algorithm(t)->ssthresh(t, counts_all ? flight : min_u32(flight, t->cwnd));
    t->bytes_acked = 0;
}

/* RFC 5681 section 3.1: ssthresh once for each loss, then one segment and slow start.  The same
 * segment lost again and again says nothing new of the path's load (RFC 5681 section 3.1).  No slow
 * start after a timeout is RFC 2525 section 2.2. */
void cc_on_rto(struct rs_host *h, struct tcb *t)
{
    if (t->retransmits == 1 || BUG(SSTHRESH_EACH_RTO))
        cc_on_congestion(h, t, t->snd_nxt - t->snd_una);
    if (algorithm(t)->timeout)
        algorithm(t)->timeout(t);
    t->cwnd = t->smss;
}

/* RFC 5681 section 4.1: after an idle time longer than the RTO the window is no longer known good.
 * Asked before new text goes, and only with nothing in flight: then no ACK will clock what a large
 * window lets out at once. */
void cc_on_idle(struct rs_host *h, struct tcb *t)
{
    if (t->snd_una != t->snd_nxt)
        return;
    not_in_use(h, t);
    if (t->last_sent && h->now - t->last_sent > t->rto && !BUG(IDLE_WINDOW_KEPT))
        t->cwnd = min_u32(t->cwnd, initial_window(t));
}
