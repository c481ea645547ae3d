/* Round-trip time and the retransmission timeout, RFC 6298. */
#include "refstack/host.h"

/* The clock's granularity G; ours is a microsecond. */
static const rs_time granularity = 1;

/* RFC 6298 section 2.4 has the floor at a whole second; it is a setting, since many stacks use
 * less. */
static rs_time clamp(const struct tcb *t, rs_time rto)
{
    if (rto < t->cfg->rto_min && !BUG(RTO_FLOOR_IGNORED))
        return t->cfg->rto_min;
    return rto > t->cfg->rto_max && !BUG(RTO_UNBOUNDED) ? t->cfg->rto_max : rto;
}

/* One part of the sample, the others of what was known. */
static uint32_t smoothed(uint32_t old, uint32_t sample, uint32_t parts)
{
    return (uint32_t)(((rs_time)(parts - 1) * old + sample) / parts);
}

/* Sections 2.2 and 2.3 (MUST-18): RTTVAR before SRTT, alpha 1/8, beta 1/4.  A round trip of more
 * than 32 bits of microseconds counts as one of so many: the RTO is at its bound long before.  The
 * first sample stands for both: SRTT = R, RTTVAR = R/2 (section 2.2).  RTTVAR takes the SRTT of
 * before this sample, or the deviation would be an eighth too small.  The difference is taken by
 * its size: picoTCP (338bf7d0) subtracted unsigned numbers. */
void rtt_sample(struct tcb *t, rs_time took)
{
    const uint32_t r = took < UINT32_MAX ? (uint32_t)took : UINT32_MAX;

    if (!t->rtt_valid) {
        t->srtt = r;
        t->rttvar = r / 2;
        t->rtt_valid = true;
    } else {
        if (BUG(RTTVAR_AFTER_SRTT))
            t->srtt = smoothed(t->srtt, r, 8);
        const uint32_t delta = t->srtt > r ? t->srtt - r : r - t->srtt;
        t->rttvar = smoothed(t->rttvar, delta, 4);
        t->srtt = smoothed(t->srtt, r, 8);
    }
    const rs_time k_var = 4 * (rs_time)t->rttvar;
    t->rto = (uint32_t)clamp(t, t->srtt + (k_var > granularity ? k_var : granularity));
}

/* One segment a round trip is timed, which section 3 asks for at the least; each with timestamps
 * would weigh the last round trip too much with 1/8 and 1/4 (RFC 7323 appendix G). */
void rtt_on_send(struct rs_host *h, struct tcb *t, uint32_t seq, uint32_t len)
{
    if (t->rtt_timing)
        return;
    t->rtt_timing = true;
    t->rtt_seq = seq + len;
    t->rtt_start = h->now;
}

/* Karn: an octet sent more than once gives no sample (section 3); whoever retransmits stops the
 * timing.  A timestamp echoed tells which transmission is acknowledged (RFC 7323 section 4), so it
 * serves when the timed segment was lost. */
void rtt_on_ack(struct rs_host *h, struct tcb *t, const struct tcp_opts *o, uint32_t ack)
{
    if (t->rtt_timing && seq_ge(ack, t->rtt_seq)) {
        t->rtt_timing = false;
        rtt_sample(t, h->now - t->rtt_start);
        return;
    }
    if (t->rtt_timing || !t->ts_on || !o->has_ts || o->ts_ecr == 0 || BUG(TS_NO_SAMPLE))
        return;
    /* An echo that is no timestamp of ours gives an age beyond belief, and no sample. */
    const uint32_t age = (uint32_t)(h->now / RS_MSEC) + t->ts_offset - o->ts_ecr;
    const rs_time r = age * RS_MSEC;
    if (r <= t->cfg->rto_max || BUG(TS_ECHO_BELIEVED))
        rtt_sample(t, r);
}
