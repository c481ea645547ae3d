/* Loss: how it is found and what is done about it.
 *
 * With SACK: RACK-TLP (RFC 8985), or RFC 6675's rules when RACK is off; both over the list of what
 * is in flight.  Without: NewReno (RFC 6582).  Whatever is judged lost is marked so in the list,
 * and plan.c sends the first marked stretch again.
 *
 *   an ACK                 recovery_on_ack
 *       with SACK          take_blocks, rack_update, detect (rack_detect or sack_detect)
 *       without            partial_ack, newreno_duplicate
 *   reordering timer       recovery_reorder_timeout
 *   tail loss probe timer  recovery_probe_timeout, tlp_judge for what comes of it
 *   retransmission timer   recovery_on_rto */
#include "refstack/host.h"

enum { DUP_THRESH = 3, REO_WND_PERSIST = 16 };

/* Without SACK an ACK that does not advance says nothing but that the first segment is missing.
 * One segment: more would repeat what has probably arrived. */
static void lose_first(struct rs_host *h, struct tcb *t)
{
    const uint32_t end = seq_min(t->snd_una + t->smss, t->snd_nxt);

    flight_lose(&h->pool, &t->flight, t->snd_una, t->snd_una, end);
    t->rtx_free = true;
}

/* RECOVER is the edge up to which losses belong to this one event: cwnd is cut once for all of them
 * (RFC 6582 section 3.2 step 2, RFC 6675 section 5 step 4.1).  The first retransmission goes
 * whatever the pipe holds. */
static void enter_recovery(struct rs_host *h, struct tcb *t)
{
    cc_on_congestion(h, t, t->snd_nxt - t->snd_una);
    /* HighData of RFC 6675, "recover" of RFC 6582. */
    t->recover = t->snd_nxt;
    t->in_recovery = true;
    t->cwnd = t->ssthresh;
    t->rtx_free = true;
}

static void leave_recovery(struct rs_host *h, struct tcb *t)
{
    const uint32_t pipe = flight_pipe(&h->pool, &t->flight, t->snd_una);
    /* max(FlightSize, SMSS) + SMSS; with SACK the pipe has held cwnd to ssthresh all along.  To
     * leave the window inflated is RFC 2525 section 2.8. */
    const uint32_t some = (pipe > t->smss ? pipe : t->smss) + t->smss;

    t->in_recovery = false;
    t->dup_acks = 0;
    /* RFC 6582 section 3.2 step 3 (1): no burst of what recovery left unused. */
    if (!t->sack_on && !BUG(CWND_STAYS_INFLATED))
        t->cwnd = t->ssthresh < some ? t->ssthresh : some;
}

/* ---- NewReno ---- */

/* RFC 6582 section 3.2 step 3 (2): the next hole begins where the ACK ends; cwnd deflates by what
 * left the network and grows by the segment that goes in its place.  Each partial ACK starts the
 * timer anew, as any that advances (the slow but steady variant of section 4). */
static void partial_ack(struct rs_host *h, struct tcb *t, uint32_t acked)
{
    lose_first(h, t);
    t->cwnd = acked < t->cwnd ? t->cwnd - acked : 0;
    if (acked >= t->smss)
        t->cwnd += t->smss;
    if (t->cwnd < t->smss && !BUG(PARTIAL_ACK_EMPTIES))
        t->cwnd = t->smss;
}

/* RFC 5681 section 3.2: each duplicate means that a segment has left the network, so that from the
 * third on cwnd is inflated by one each (steps 3 and 4). */
static void newreno_duplicate(struct rs_host *h, struct tcb *t)
{
    t->dup_acks++;
    if (BUG(LIMITED_OPENS) && t->dup_acks < DUP_THRESH)
        t->cwnd += t->smss;
    if (t->in_recovery) {
        t->cwnd += BUG(CWND_NOT_INFLATED) ? 0 : t->smss;
        return;
    }
    /* Not again for losses of before the last recovery. */
    if (t->dup_acks != DUP_THRESH || BUG(NO_FAST_RETRANSMIT) ||
        (!seq_gt(t->snd_una, t->recover) && !BUG(RECOVER_FORGOTTEN)))
        return;
    /* What is missing may be a probe of the path's MTU and no sign of congestion. */
    if (pmtu_explains(h, t, t->snd_una, t->snd_una + 1) && pmtu_probe_lost(h, t))
        return;
    enter_recovery(h, t);
    /* Three segments have left the network, whose place may be taken (RFC 5681 section 3.2 step
     * 3). */
    t->cwnd = t->ssthresh + DUP_THRESH * t->smss;
    lose_first(h, t);
}

/* ---- RACK, RFC 8985 section 6.2 ---- */

/* RFC 8985 section 6.2: RACK_sent_after.  Times are equal for what went out in one burst; then the
 * higher number was later. */
static bool sent_after(rs_time a, uint32_t a_end, rs_time b, uint32_t b_end)
{
    return a > b || (a == b && seq_gt(a_end, b_end));
}

/* Steps 1 and 2.  The segment sent last among those delivered is the measure: what was sent well
 * before it and has not arrived is late (section 6.2).  It takes time, not numbers, so that a lost
 * retransmission is found too, which no count of duplicates does. */
static void rack_update(struct rs_host *h, struct tcb *t, const struct delivered *d)
{
    struct rack *r = &t->rack;

    if (!d->any)
        return;
    const rs_time rtt = h->now - d->sent;
    /* An ACK too early to be for the retransmission is for the original. */
    if (d->resent && r->min_rtt && rtt < r->min_rtt)
        return;
    if (!d->resent && (!r->min_rtt || rtt < r->min_rtt))
        r->min_rtt = (uint32_t)(rtt < UINT32_MAX ? rtt : UINT32_MAX);
    if (r->any && !sent_after(d->sent, d->end, r->xmit, r->end))
        return;
    r->any = true;
    r->rtt = rtt;
    r->xmit = d->sent;
    r->end = d->end;
}

/* In segments, as RFC 8985 counts against DupThresh; the list knows octets. */
static unsigned sacked_segments(const struct rs_host *h, const struct tcb *t)
{
    return (flight_sacked(&h->pool, &t->flight, t->snd_una) + t->smss - 1) / t->smss;
}

/* Step 4.  A network that was never seen to reorder gets no grace: in recovery, or with DupThresh
 * segments SACKed, what is late is lost.  Else a quarter of the shortest round trip, more by each
 * DSACK that proves a retransmission idle, and never beyond a round trip. */
static rs_time reo_wnd(const struct rs_host *h, const struct tcb *t)
{
    const struct rack *r = &t->rack;

    if ((!r->reordering && (t->in_recovery || sacked_segments(h, t) >= DUP_THRESH)) ||
        BUG(RACK_AT_ONCE))
        return 0;
    const rs_time wnd = (rs_time)(r->mult ? r->mult : 1) * r->min_rtt / 4;
    return wnd < t->srtt ? wnd : t->srtt;
}

/* Step 5; returns how long until the next stretch may be judged lost, 0 when none waits.  The list
 * is walked whole; it is one page (flight.h).  The time to wait is the longest, so that one expiry
 * settles all that is late by now. */
static rs_time rack_detect(struct rs_host *h, struct tcb *t)
{
    const struct rack *r = &t->rack;
    const rs_time grace = r->rtt + reo_wnd(h, t);
    rs_time wait = 0;

    pool_steps(&h->pool, flight_count(&h->pool, &t->flight));
    for (unsigned i = 0; r->any && i < flight_count(&h->pool, &t->flight); i++) {
        struct flight_rec *rec = flight_at(&h->pool, &t->flight, i);
        const bool earlier = sent_after(r->xmit, r->end, rec->sent, rec->end);
        if (!earlier || (rec->flags & (FLIGHT_SACKED | FLIGHT_LOST)))
            continue;
        if (rec->sent + grace <= h->now)
            rec->flags |= FLIGHT_LOST;
        else if (rec->sent + grace - h->now > wait)
            wait = rec->sent + grace - h->now;
    }
    return wait;
}

/* ---- RFC 6675 section 4, IsLost ---- */

/* A stretch is lost when DupThresh runs above it are SACKed, or more than DupThresh - 1 segments'
 * octets.  One walk from the top has both sums at each stretch, where the RFC's definition would
 * have a walk for each. gVisor (f03c7e48e) counted blocks only. */
static void sack_detect(struct rs_host *h, struct tcb *t)
{
    uint32_t above = 0;
    unsigned runs = 0;

    pool_steps(&h->pool, flight_count(&h->pool, &t->flight));
    for (unsigned i = flight_count(&h->pool, &t->flight); i-- > 0;) {
        struct flight_rec *rec = flight_at(&h->pool, &t->flight, i);
        const uint32_t start = i ? flight_at(&h->pool, &t->flight, i - 1)->end : t->snd_una;
        if (rec->flags & FLIGHT_SACKED) {
            above += rec->end - start;
            runs++;
        } else if (!(rec->flags & FLIGHT_RESENT) &&
                   ((runs >= DUP_THRESH && !BUG(LOST_BY_OCTETS)) ||
                    above > (DUP_THRESH - 1u) * t->smss)) {
            rec->flags |= FLIGHT_LOST;
        }
    }
}

/* RFC 4821 section 7.6.2: a probe of the path's MTU that is lost by itself, and for the first time,
 * says something of the path's width and nothing of its load. */
static bool only_probe_lost(const struct rs_host *h, const struct tcb *t)
{
    uint32_t start = t->snd_una;

    if (t->path == PAGE_NONE)
        return false;
    pool_steps(&h->pool, flight_count(&h->pool, &t->flight));
    for (unsigned i = 0; i < flight_count(&h->pool, &t->flight); i++) {
        const struct flight_rec *rec = flight_at(&h->pool, &t->flight, i);
        if ((rec->flags & FLIGHT_LOST) &&
            ((rec->flags & FLIGHT_RESENT) || !pmtu_explains(h, t, start, rec->end)))
            return false;
        start = rec->end;
    }
    return true;
}

/* What is found lost starts recovery, once for a flight: while SND.UNA has not passed RECOVER the
 * losses are those of the last event, already paid for. */
static void detect(struct rs_host *h, struct tcb *t)
{
    uint32_t left;
    uint32_t right;

    tcb_disarm(t, RS_TIMER_REORDER);
    if (t->cfg->rack) {
        const rs_time wait = rack_detect(h, t);
        if (wait)
            tcb_arm(h, t, RS_TIMER_REORDER, h->now + wait);
    } else {
        sack_detect(h, t);
    }
    /* Nothing lost, nothing to do: a timer may have been set. */
    if (!flight_first_lost(&h->pool, &t->flight, t->snd_una, &left, &right))
        return;
    if (!t->in_recovery && only_probe_lost(h, t)) {
        pmtu_probe_lost(h, t);
        tcb_ready(h, t);
        return;
    }
    if ((!t->in_recovery && seq_ge(t->snd_una, t->recover)) || BUG(RECOVERY_EACH_LOSS))
        enter_recovery(h, t);
    tcb_ready(h, t);
}

/* Section 6.3: what was given the benefit of the doubt is late by now. */
/* With nothing found lost another timer takes its place, once there is nothing to send. */
void recovery_reorder_timeout(struct rs_host *h, struct tcb *t)
{
    detect(h, t);
    tcb_ready(h, t);
}

/* ---- Tail loss probe, RFC 8985 section 7 ---- */

/* Section 7.2: twice the round trip, more when the ACK of a single segment may be delayed.  A probe
 * in place of the retransmission timeout brings a SACK for what did arrive, and recovery without a
 * window of one segment.  Without a sample the RFC has one second. */
rs_time recovery_probe_timeout_after(const struct tcb *t)
{
    /* The usual 200 ms, with room for the ACK to be ahead of the probe rather than beside it. */
    static const rs_time max_ack_delay = 250 * RS_MSEC;
    const bool single = t->snd_nxt - t->snd_una <= t->smss && !BUG(TLP_HASTY);

    return t->rtt_valid ? 2 * (rs_time)t->srtt + (single ? max_ack_delay : 2 * RS_MSEC) : RS_SEC;
}

/* Section 7.2: one probe a tail, and only in the open state: with a loss known, a timeout under way
 * or an earlier probe unanswered, the timers of those are in charge. */
bool recovery_may_probe(const struct tcb *t)
{
    return t->sack_on && t->cfg->rack && !t->in_recovery && !BUG(TLP_NEVER) &&
           (!t->tlp_out || BUG(TLP_AGAIN)) && t->retransmits == 0 &&
           t->snd_wnd > 0 && t->snd_una != t->snd_nxt && t->snd_una != t->iss &&
           seq_ge(t->snd_una, t->recover);
}

/* Section 7.3: new text if there is any that may go, else the last segment again. */
void recovery_probe_timeout(struct rs_host *h, struct tcb *t)
{
    const uint32_t last = seq_max(t->snd_una, t->snd_nxt - t->smss);
    /* A new segment tells as much and costs nothing, being due anyway. */
    const bool fresh = seq_lt(t->snd_nxt, sendq_end(t)) && !t->fin_sent && !BUG(TLP_OLD_TEXT) &&
                       seq_lt(t->snd_nxt, t->snd_una + t->snd_wnd);

    if (!recovery_may_probe(t))
        return;
    t->tlp_out = true;
    t->tlp_resent = !fresh;
    t->tlp_end = t->snd_nxt;
    t->override_due = fresh; /* a new segment however small, cwnd or not */
    t->rtx_free = true;
    if (!fresh)
        flight_lose(&h->pool, &t->flight, t->snd_una, last, t->snd_nxt);
    tcb_ready(h, t);
}

/* Section 7.4.2: a probe that repaired a loss is a sign of congestion.  Whether it did is known
 * only by what comes after: a DSACK or a duplicate ACK says that both copies arrived, an ACK of
 * more that nothing of the kind is to come.  Left unpaid, the loss of a window's last segment would
 * cost a sender nothing. */
static void tlp_judge(struct rs_host *h, struct tcb *t, bool dsack, bool duplicate)
{
    if (!t->tlp_out || seq_lt(t->snd_una, t->tlp_end))
        return;
    const bool beyond = seq_gt(t->snd_una, t->tlp_end);
    t->tlp_out = t->tlp_resent && !beyond && ((!dsack && !duplicate) || BUG(TLP_ALWAYS_PAID));
    if (!t->tlp_resent || (dsack && !BUG(TLP_ALWAYS_PAID)) || !beyond || BUG(TLP_UNPAID))
        return;
    cc_on_congestion(h, t, t->snd_nxt - t->snd_una);
    t->cwnd = t->ssthresh;
}

/* ---- ACKs ---- */

/* RFC 2883 section 4: the first block lies below the ACK or inside the second.  It is compared with
 * the ACK that carries it, and an ACK that was overtaken is not looked at (section 5); nothing
 * becomes SACKed by it. */
static bool is_dsack(const struct tcp_opts *o, uint32_t ack)
{
    if (o->n_sack == 0)
        return false;
    const struct sack_block *first = &o->sack[0];
    const struct sack_block *second = &o->sack[1];
    if (seq_le(first->right, ack))
        return true;
    return o->n_sack > 1 && seq_ge(first->left, second->left) &&
           seq_le(first->right, second->right);
}

/* RFC 2018 section 3 lets a peer forget blocks, so that nothing is inferred from their absence; and
 * a peer may lie, so that nothing outside of what is in flight counts.  Taken on trust, a block
 * beyond SND.NXT would count octets as delivered that were never sent, and cwnd grow for them. */
static void take_blocks(struct rs_host *h, struct tcb *t, const struct tcp_opts *o,
                        struct delivered *d)
{
    const uint32_t fack = t->fack;

    for (unsigned i = 0; i < o->n_sack; i++) {
        const struct sack_block *b = &o->sack[i];
        /* Only what lies above the ACK and was sent says anything. */
        if (!seq_lt(b->left, b->right) ||
            (seq_le(b->left, t->snd_una) && !BUG(SACK_BELOW_ACK)) ||
            (seq_gt(b->right, t->snd_nxt) && !BUG(SACK_UNCHECKED)))
            continue;
        flight_sack(&h->pool, &t->flight, t->snd_una, b->left, b->right, fack, d);
        t->fack = seq_max(t->fack, b->right);
    }
}

/* The reordering window adapts to spurious retransmissions the peer reports, section 6.2 step 4.
 * One DSACK a round trip widens it; REO_WND_PERSIST recoveries without one let it be as before. */
static void rack_adapt(struct tcb *t, bool dsack, const struct delivered *d)
{
    if (d->reordered && !BUG(RACK_REORDERING_UNSEEN))
        t->rack.reordering = true;
    if (dsack && seq_ge(t->snd_una, t->rack.round) && !BUG(RACK_DSACK_UNHEARD)) {
        t->rack.round = t->snd_nxt;
        t->rack.mult = (uint8_t)(t->rack.mult < 255 ? (t->rack.mult ? t->rack.mult : 1) + 1 : 255);
        t->rack.persist = REO_WND_PERSIST;
    }
}

/* What tells losses of before the last event from later ones lies one behind SND.UNA at most: left
 * where it was, it would seem to lie ahead when half of all numbers have gone by without a loss. */
static void passed(struct tcb *t)
{
    t->dup_acks = 0;
    if (BUG(EDGES_STAY))
        return;
    t->recover = seq_max(t->recover, t->snd_una - 1);
    t->rack.round = seq_max(t->rack.round, t->snd_una - 1);
}

/* The order matters: first what the ACK itself delivers, then whether it ends a recovery (else cwnd
 * would grow by what it was cut for), then SACK blocks and what they show to be lost. */
void recovery_on_ack(struct rs_host *h, struct tcb *t, const struct tcp_opts *o, uint32_t old_una,
                     bool duplicate)
{
    const uint32_t acked = t->snd_una - old_una;
    const uint32_t flight_before = t->snd_nxt - old_una;
    struct delivered d = { .any = false };
    const bool dsack = t->sack_on && is_dsack(o, t->snd_una);

    /* What is acknowledged leaves the list; d keeps when the latest sent of it was sent. */
    flight_ack(&h->pool, &t->flight, old_una, t->snd_una, t->fack, &d);
    if (acked)
        passed(t);
    if (t->in_recovery && seq_ge(t->snd_una, t->recover)) {
        leave_recovery(h, t);
        if (t->rack.persist && --t->rack.persist == 0 && !BUG(RACK_WINDOW_KEPT))
            t->rack.mult = 1;
    } else if (acked && !t->in_recovery) {
        cc_on_ack(h, t, acked, flight_before);
    } else if (acked && !t->sack_on && !BUG(PARTIAL_ACK_IGNORED)) {
        partial_ack(h, t, acked);
    }
    if (!t->sack_on) {
        if (duplicate && flight_before > 0)
            newreno_duplicate(h, t);
        return;
    }
    t->fack = seq_max(t->fack, t->snd_una);
    take_blocks(h, t, o, &d);
    rack_update(h, t, &d);
    rack_adapt(t, dsack, &d);
    tlp_judge(h, t, dsack, duplicate && o->n_sack == 0);
    /* An ACK with no news delivers nothing, and cannot make anything late. */
    if (d.any || o->n_sack)
        detect(h, t);
}

/* RFC 6298 section 5.4 with RFC 5681, RFC 6582 section 4 and RFC 6675 section 5.1.  Everything is
 * taken for lost and sent again from the front, in slow start, as ACKs allow: not in one burst (RFC
 * 2525 section 2.14).  SACKed octets too, or a peer that forgot them would wait for ever.  RECOVER
 * keeps the duplicates that this causes from starting another recovery. */
void recovery_on_rto(struct rs_host *h, struct tcb *t)
{
    if (!BUG(CWND_KEPT_ON_RTO))
        cc_on_rto(h, t);
    flight_lose_all(&h->pool, &t->flight);
    t->rtx_free = true;
    t->in_recovery = t->in_recovery && BUG(RECOVERY_OUTLASTS_RTO);
    t->dup_acks = 0;
    t->recover = t->snd_nxt;
    t->tlp_out = false;
    tcb_disarm(t, RS_TIMER_REORDER);
}
