/* The timers of a connection, RFC 9293 section 3.10.8, RFC 6298 section 5.
 *
 * A TCB stands on the host's wheel once, at the earliest of its timers or before.  What should run
 * follows from the TCB alone (tcb_retime), so that no path can forget to start or stop one.
 *
 *   timer            runs while                                set to               RFC
 *   retransmission   in flight, the window open                RTO, doubled         6298 s5
 *   reordering       what may be late is not late yet          RTT + reo_wnd        8985 s6.3
 *   tail loss probe  in flight, nothing lost                   2 SRTT               8985 s7.2
 *   persist          something waits and cannot go             RTO, doubled         9293 s3.8.6.1
 *   delayed ACK      an ACK is owed, but not at once           delayed_ack          9293 s3.8.6.3
 *   keep-alive       it is asked for                           keepalive_idle       9293 s3.8.4
 *   time-wait        in TIME-WAIT                              2 MSL                9293 s3.6.1
 *   FIN-WAIT-2       in that state, with no user left          fin_wait_2           none
 *   user timeout     anything waits to be acknowledged         R2, or what is set   9293 s3.8.3 */
#include "refstack/host.h"

enum { MOVES = 16 }; /* in one call of timers_deadline */

static const uint8_t place_of[RS_N_TIMERS] = {
    [RS_TIMER_RETRANSMIT] = DUE_PEER,
    [RS_TIMER_REORDER] = DUE_PEER,
    [RS_TIMER_PROBE] = DUE_PEER,
    [RS_TIMER_PERSIST] = DUE_PEER,
    [RS_TIMER_DELAYED_ACK] = DUE_DELAYED_ACK,
    [RS_TIMER_KEEPALIVE] = DUE_KEEPALIVE,
    [RS_TIMER_TIME_WAIT] = DUE_PEER,
    [RS_TIMER_FIN_WAIT_2] = DUE_PEER,
    [RS_TIMER_USER] = DUE_USER,
};

/* The timers that share DUE_PEER, as bits of `running`. */
static const uint16_t peer_timers = 1u << RS_TIMER_RETRANSMIT | 1u << RS_TIMER_REORDER |
                                    1u << RS_TIMER_PROBE | 1u << RS_TIMER_PERSIST |
                                    1u << RS_TIMER_TIME_WAIT | 1u << RS_TIMER_FIN_WAIT_2;

rs_time tcb_timer(const struct tcb *t, enum rs_timer timer)
{
    return timer_runs(t, timer) ? t->due[place_of[timer]] : RS_NEVER;
}

/* A few times are cheaper looked through than kept in order, and that is done only when the wheel
 * comes to the TCB. */
static rs_time earliest(const struct tcb *t)
{
    rs_time when = RS_NEVER;

    for (unsigned runs = t->running; runs; runs &= runs - 1) {
        const rs_time due = t->due[place_of[__builtin_ctz(runs)]];
        when = due < when ? due : when;
    }
    return when;
}

/* A timer that is stopped or put off leaves the TCB where it stands on the wheel, to be moved when
 * that time has come: most timers are put off by each segment, and to take a TCB out from between
 * two others means to touch those, which among a million are far from any cache. */
void tcb_arm(struct rs_host *h, struct tcb *t, enum rs_timer timer, rs_time when)
{
    if (when < h->now && !BUG(TIME_WRAPS)) /* beyond the end of time, as RS_NEVER from now on is */
        when = RS_NEVER;
    t->due[place_of[timer]] = when;
    if (place_of[timer] == DUE_PEER)
        t->running &= (uint16_t)~peer_timers;
    t->running |= (uint16_t)(1u << timer);
    if (!t->wheel.slot || when < t->wheel.when)
        wheel_arm(&h->wheel, host_wheel_node, h, t->index, when);
}

/* No handle on the wheel is needed: a stopped timer is found stopped when the wheel comes to the
 * TCB. */
void tcb_disarm(struct tcb *t, enum rs_timer timer)
{
    t->running &= (uint16_t)~(1u << timer);
}

void tcb_disarm_all(struct rs_host *h, struct tcb *t)
{
    t->running = 0;
    wheel_disarm(&h->wheel, host_wheel_node, h, t->index);
}

/* A timer that runs is left alone: what restarts one disarms it first (RFC 6298 section 5.3), so
 * that calling tcb_retime once too often changes nothing. */
static void start_unless_running(struct rs_host *h, struct tcb *t, enum rs_timer timer, rs_time in)
{
    if (!timer_runs(t, timer))
        tcb_arm(h, t, timer, h->now + in);
}

static const rs_time uto_limit = 3600 * RS_SEC; /* U_LIMIT */

/* RFC 5482 section 3.1: what the peer asks for counts where the application has not set its own;
 * section 3.3: of the value 0 nothing is to be made. */
static bool adopts_uto(const struct tcb *t)
{
    const bool own = t->cfg->user_timeout && !BUG(UTO_OVERRULES);

    return t->cfg->uto && !own && ((t->peer_uto & 0x7fff) || BUG(UTO_ZERO)) && !BUG(UTO_IGNORED);
}

/* R2 of RFC 9293 section 3.8.3 (MUST-20; MUST-22 and MUST-23 for a SYN), or the user timeout when
 * that is shorter (MUST-21).  R2 is a time here, section 3.8.3 allowing a count of retransmissions
 * as well: at least 100 seconds for text and 3 minutes for a SYN (SHLD-11, MUST-23), where a count
 * would be over sooner the shorter the path. */
static rs_time patience(const struct tcb *t)
{
    const rs_time r2 = t->snd_una == t->iss && !BUG(R2_OF_TEXT) ? t->cfg->r2_syn : t->cfg->r2;
    /* RFC 5482 section 3.1: min(U_LIMIT, max(ADV_UTO, REMOTE_UTO, L_LIMIT)), R2 being both the
     * value advertised and the least; an application that set its own is not overruled. */
    if (adopts_uto(t)) {
        const rs_time unit =
            (t->peer_uto & 0x8000) && !BUG(UTO_SECONDS) ? 60 * RS_SEC : RS_SEC;
        const rs_time told =
            BUG(UTO_ZERO) && !(t->peer_uto & 0x7fff) ? uto_limit : (t->peer_uto & 0x7fffu) * unit;
        const rs_time most = told < uto_limit || BUG(UTO_UNLIMITED) ? told : uto_limit;
        return most > r2 || BUG(UTO_SHORTENS) ? most : r2;
    }
    if (BUG(USER_TIMEOUT_IGNORED))
        return r2;
    return t->cfg->user_timeout && t->cfg->user_timeout < r2 ? t->cfg->user_timeout : r2;
}

/* Text or a FIN that waits for window, cwnd or a page.  It counts as unacknowledged for the user
 * timeout: a peer that never opens its window must not hold the memory for ever. */
static bool has_unsent(const struct tcb *t)
{
    const bool fin_unsent = t->closing && !t->fin_sent;
    return synchronized(t) && (fin_unsent || seq_lt(t->snd_nxt, sendq_end(t)));
}

/* The user's interval (MUST-27); RFC 5482 section 4.2: longer than a user timeout that was adopted,
 * or the probes would end what both ends mean to keep for so long. */
static rs_time keepalive_after(const struct tcb *t)
{
    const rs_time idle = BUG(KEEPALIVE_FIXED) ? 7200 * RS_SEC : t->cfg->keepalive_idle;
    const rs_time adopted = adopts_uto(t) && !BUG(UTO_KEEPALIVE) ? patience(t) : 0;

    if (idle > adopted)
        return idle;
    return adopted < RS_NEVER - RS_SEC ? adopted + RS_SEC : RS_NEVER;
}

/* One of three runs (RFC 8985 section 8): the reordering timer, a probe where it comes before the
 * retransmission timeout would, or that timeout.  The reordering timer has precedence: what RACK
 * waits for is a matter of a fraction of a round trip, and a retransmission timeout in that time
 * would cut cwnd to one segment. */
static void retime_loss(struct rs_host *h, struct tcb *t)
{
    const rs_time probe = recovery_probe_timeout_after(t);

    if (timer_runs(t, RS_TIMER_REORDER) && !BUG(REORDER_TIMER_LOST))
        return;
    if (recovery_may_probe(t) && probe < t->rto)
        start_unless_running(h, t, RS_TIMER_PROBE, probe);
    else
        start_unless_running(h, t, RS_TIMER_RETRANSMIT, t->rto);
}

/* Called after whatever may have changed what is in flight, queued or offered.
 *
 * In flight and the window open: loss is what can happen.  Else, with anything waiting, the persist
 * timer: also with text in flight when the window shut, whose retransmission would be dropped (RFC
 * 2525 section 2.12 is the deadlock of a stack that stopped probing then).  Persist and
 * retransmission never run together. */
void tcb_retime(struct rs_host *h, struct tcb *t)
{
    const bool in_flight = (t->snd_una != t->snd_nxt ||
                            (BUG(RTO_RUNS_ON) && t->state == RS_ESTABLISHED)) &&
                           !(BUG(FIN_NOT_RETRANSMITTED) && t->fin_sent && t->sendq.len == 0);
    const bool waiting = in_flight || has_unsent(t);
    const bool shut = t->snd_wnd == 0 && t->snd_una != t->iss;

    if (in_flight && !shut) {
        retime_loss(h, t);
        t->backoff = 0;
    } else {
        tcb_disarm(t, RS_TIMER_RETRANSMIT);
        tcb_disarm(t, RS_TIMER_REORDER);
        tcb_disarm(t, RS_TIMER_PROBE);
        /* SHLD-29: the first probe after one RTO. */
        if (waiting && !BUG(NO_PERSIST))
            start_unless_running(h, t, RS_TIMER_PERSIST,
                                 (rs_time)t->rto * (BUG(PROBE_LATE) ? 5 : 1));
        else
            tcb_disarm(t, RS_TIMER_PERSIST);
    }
    /* From the time that something first waits; an ACK of new text starts it anew (ack.c). */
    const bool for_ever = BUG(R2_NEVER) || (BUG(HALF_OPEN_FOREVER) && t->state == RS_SYN_RECEIVED);
    if (waiting && !for_ever)
        start_unless_running(h, t, RS_TIMER_USER, patience(t));
    else
        tcb_disarm(t, RS_TIMER_USER);
    if (((t->cfg->keepalive && !BUG(KEEPALIVE_NEVER)) || BUG(KEEPALIVE_ALWAYS)) /* MUST-24 */ &&
        synchronized(t) && t->state != RS_TIME_WAIT)
        start_unless_running(h, t, RS_TIMER_KEEPALIVE, keepalive_after(t));
    else
        tcb_disarm(t, RS_TIMER_KEEPALIVE);
}

/* Bounded by rto_max, which RFC 6298 section 2.5 allows from 60 seconds on. */
static rs_time doubled(const struct tcb *t, rs_time x, uint32_t times)
{
    while (times-- > 0 && x < t->cfg->rto_max)
        x *= 2;
    return x < t->cfg->rto_max ? x : t->cfg->rto_max;
}

/* RFC 6298 section 5.4 to 5.6 (MUST-18, MUST-19); a SYN is treated as text is (MUST-22).  The order
 * counts: the RTO doubles before the timer is armed with it, and "retransmits" before
 * recovery_on_rto, which cuts ssthresh on the first only. */
static void retransmit_timeout(struct rs_host *h, struct tcb *t)
{
    t->retransmits++;
    if (t->retransmits >= (BUG(R1_AT_ONCE) ? 1 : t->cfg->r1) && !BUG(R1_SILENT))
        t->soft_error = RS_ETIMEOUT; /* SHLD-9, MUST-47: advice between R1 and R2 */
    t->rto = BUG(RTO_NO_BACKOFF) ? t->rto : (uint32_t)doubled(t, t->rto, 1);
    /* Karn: whatever is acknowledged next may be either transmission. */
    t->rtt_timing = false;
    if (t->snd_una == t->iss) {
        t->syn_due = true;
    } else {
        recovery_on_rto(h, t);
        pmtu_on_rto(h, t);
    }
    tcb_arm(h, t, RS_TIMER_RETRANSMIT, h->now + t->rto);
    if (BUG(R2_AT_R1) && t->retransmits >= t->cfg->r1)
        tcb_arm(h, t, RS_TIMER_USER, h->now);
    tcb_ready(h, t);
}

/* RFC 9293 section 3.8.6.1, ever more slowly (SHLD-30); with a window open but too small to use,
 * the override timeout of section 3.8.6.2.1.  Probes go on for ever while the peer answers them
 * (MUST-37); what ends them is the user timer. */
static void persist_timeout(struct rs_host *h, struct tcb *t)
{
    if (t->snd_wnd == 0)
        t->probe_due = true;
    else
        t->override_due = !BUG(UNPUSHED_WAITS);
    t->backoff += !BUG(PERSIST_NO_BACKOFF);
    tcb_arm(h, t, RS_TIMER_PERSIST, h->now + doubled(t, t->rto, t->backoff));
    tcb_ready(h, t);
}

/* Section 3.10.8, USER TIMEOUT.  All queues are flushed, the user hears "connection aborted due to
 * user timeout" as RS_ETIMEOUT, and nothing is sent: the peer has not answered for that long
 * (U-41).  A handshake that nobody finishes ends so too, or a flood of SYNs would hold its memory
 * for ever (RFC 4987 section 3). */
static void user_timeout(struct rs_host *h, struct tcb *t)
{
    tcb_flush(h, t);
    tcb_closed(h, t, RS_ETIMEOUT);
}

/* MUST-26: a probe goes out only when nothing else would and nothing has come for the interval
 * (MAY-5; MUST-27: the user's).  MUST-29: more than one must stay unanswered. */
static void keepalive_timeout(struct rs_host *h, struct tcb *t)
{
    const rs_time due = t->last_heard + keepalive_after(t);

    /* Retransmissions and window probes tell of a dead peer already, and have their own end. */
    if (t->snd_una != t->snd_nxt || has_unsent(t)) {
        tcb_arm(h, t, RS_TIMER_KEEPALIVE, h->now + keepalive_after(t));
    } else if (due > h->now && !BUG(KEEPALIVE_BUSY)) {
        tcb_arm(h, t, RS_TIMER_KEEPALIVE, due);
    } else if (t->keepalives_sent >= (BUG(KEEPALIVE_KILLS) ? 1 : t->cfg->keepalive_probes)) {
        user_timeout(h, t);
    } else {
        t->keepalives_sent++;
        t->keepalive_due = true;
        tcb_arm(h, t, RS_TIMER_KEEPALIVE, h->now + t->cfg->keepalive_intvl);
        tcb_ready(h, t);
    }
}

/* No ACK is withheld for longer (MUST-40). */
static void delayed_ack_timeout(struct rs_host *h, struct tcb *t)
{
    t->ack_now = true;
    tcb_ready(h, t);
}

/* TIME-WAIT and an orphan's FIN-WAIT-2 end in silence: nobody is left to tell.  The former deletes
 * the TCB (U-43). */
static void last_timeout(struct rs_host *h, struct tcb *t)
{
    tcb_closed(h, t, 0);
}

/* Off before its handler runs, which may start it again. */
static void fire(struct rs_host *h, struct tcb *t, enum rs_timer timer)
{
    static void (*const handler[RS_N_TIMERS])(struct rs_host *, struct tcb *) = {
        [RS_TIMER_RETRANSMIT] = retransmit_timeout,
        [RS_TIMER_REORDER] = recovery_reorder_timeout,
        [RS_TIMER_PROBE] = recovery_probe_timeout,
        [RS_TIMER_PERSIST] = persist_timeout,
        [RS_TIMER_DELAYED_ACK] = delayed_ack_timeout,
        [RS_TIMER_KEEPALIVE] = keepalive_timeout,
        [RS_TIMER_TIME_WAIT] = last_timeout,
        [RS_TIMER_FIN_WAIT_2] = last_timeout,
        [RS_TIMER_USER] = user_timeout,
    };

    tcb_disarm(t, timer);
    if (h->observer) {
        const struct rs_observation o = {
            .what = RS_OBS_TIMER,
            .now = h->now,
            .conn = tcb_handle(t),
            .from = t->state,
            .to = t->state,
            .timer = timer,
        };
        h->observer(h->observer_arg, &o);
    }
    handler[timer](h, t);
}

/* The wheel has come to the TCB, or is about to. */
static void stand_at_earliest(struct rs_host *h, struct tcb *t)
{
    const rs_time when = earliest(t);

    if (!t->wheel.slot || when != t->wheel.when)
        wheel_arm(&h->wheel, host_wheel_node, h, t->index, when);
}

/* Timers due at the same time fire in the order of enum rs_timer, so that a host is the same in
 * each replay. */
void timers_fire(struct rs_host *h)
{
    uint32_t i;

    while ((i = wheel_expire(&h->wheel, host_wheel_node, h, h->now)) != WHEEL_NONE) {
        struct tcb *t = &h->tcb[i];
        pool_steps(&h->pool, RS_N_TIMERS);
        /* A handler may end the connection, and with it its timers. */
        for (int k = 0; k < RS_N_TIMERS && t->in_use; k++)
            if (tcb_timer(t, (enum rs_timer)k) <= h->now)
                fire(h, t, (enum rs_timer)k);
        if (t->in_use)
            stand_at_earliest(h, t);
    }
}

/* The first few TCBs on the wheel are put where they belong until the first one is; what a host of
 * a million stopped timers would need beyond that is left for when it asks again. */
rs_time timers_deadline(struct rs_host *h)
{
    rs_time when = RS_NEVER;
    uint32_t first;

    for (int moved = 0; moved < MOVES; moved++) {
        when = wheel_next(&h->wheel, host_wheel_node, h, &first);
        if (first == WHEEL_NONE || earliest(&h->tcb[first]) == when)
            break;
        stand_at_earliest(h, &h->tcb[first]);
    }
    return when;
}
