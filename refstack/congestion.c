/* Congestion control: RFC 5681 with NewReno recovery, RFC 6582.
 *
 * `recover` is one past the highest number sent when the last loss was met (the RFC's is that
 * number itself): an ACK of `recover` or more ends recovery. */
#include "refstack/host.h"

enum { DUP_THRESH = 3 };

static uint32_t flight(const struct tcb *t)
{
    return t->snd_nxt - t->snd_una;
}

static uint32_t min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* RFC 5681 section 3.1's initial window, in the larger form of RFC 6928 section 2. */
static uint32_t initial_window(const struct tcb *t)
{
    const uint32_t two = 2u * t->smss;
    return min_u32(10u * t->smss, two > 14600 ? two : 14600);
}

void cc_init(struct tcb *t)
{
    /* A lost SYN or SYN,ACK leaves one segment (RFC 5681 section 3.1). */
    t->cwnd = t->retransmits ? t->smss : initial_window(t);
    t->ssthresh = UINT32_MAX;
    t->recover = t->iss;
}

/* Equation 4: half of what is in flight, at least two segments. */
static uint32_t half_flight(const struct tcb *t)
{
    const uint32_t half = flight(t) / 2;
    return half > 2u * t->smss ? half : 2u * t->smss;
}

/* Has snd_una's segment sent again, whatever cwnd says. */
static void resend_first(struct tcb *t)
{
    t->rtx_nxt = t->snd_una;
    t->rtx_end = t->snd_una + min_u32(t->smss, flight(t));
    t->rtx_free = true;
}

/* Slow start and congestion avoidance by octets acknowledged (RFC 3465), so that dividing an ACK
 * into many gains the receiver nothing. */
static void grow(struct tcb *t, uint32_t acked)
{
    const uint32_t limit = 1u << 30;

    if (t->cwnd < t->ssthresh) {
        t->cwnd += min_u32(acked, t->smss);
    } else {
        t->bytes_acked += acked;
        if (t->bytes_acked >= t->cwnd) {
            t->bytes_acked -= t->cwnd;
            t->cwnd += t->smss;
        }
    }
    t->cwnd = min_u32(t->cwnd, limit);
}

/* RFC 6582 section 3.2 step 3: a partial ACK shows the next hole. */
static void partial_ack(struct tcb *t, uint32_t acked)
{
    resend_first(t);
    t->cwnd -= min_u32(t->cwnd, acked);
    if (acked >= t->smss)
        t->cwnd += t->smss;
    if (t->cwnd < t->smss)
        t->cwnd = t->smss;
}

/* Called with snd_una already moved to ack. */
void cc_on_ack(struct tcb *t, uint32_t ack, uint32_t acked)
{
    t->dup_acks = 0;
    if (!t->in_recovery) {
        grow(t, acked);
    } else if (seq_ge(ack, t->recover)) {
        const uint32_t left = flight(t) > t->smss ? flight(t) : t->smss;
        t->cwnd = min_u32(t->ssthresh, left + t->smss);
        t->in_recovery = false;
    } else {
        partial_ack(t, acked);
    }
}

void cc_on_duplicate_ack(struct tcb *t)
{
    t->dup_acks++;
    if (t->in_recovery) {
        t->cwnd += t->smss;
        return;
    }
    /* RFC 6582 section 3.2 step 1: not again for losses of before the last recovery. */
    if (t->dup_acks != DUP_THRESH || !seq_gt(t->snd_una, t->recover))
        return;
    t->ssthresh = half_flight(t);
    t->recover = t->snd_nxt;
    t->in_recovery = true;
    t->cwnd = t->ssthresh + DUP_THRESH * t->smss;
    resend_first(t);
}

/* RFC 5681 section 3.1: ssthresh once for each loss, one segment, and slow start. */
void cc_on_rto(struct tcb *t)
{
    if (t->retransmits == 1)
        t->ssthresh = half_flight(t);
    t->cwnd = t->smss;
    t->bytes_acked = 0;
    t->dup_acks = 0;
    t->in_recovery = false;
    t->recover = t->snd_nxt;
}

/* RFC 5681 section 4.1: after an idle time longer than the RTO the window is no longer known good. */
void cc_on_idle(struct rs_host *h, struct tcb *t)
{
    if (flight(t) == 0 && t->last_sent && h->now - t->last_sent > t->rto)
        t->cwnd = min_u32(t->cwnd, initial_window(t));
}
