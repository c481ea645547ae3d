#include "harness/invariants.h"

#include <string.h>

#include "harness/oracle.h"
#include "refstack/host.h"

void invariants_init(struct invariants *v, const struct rs_config *cfg)
{
    v->snd_buf = cfg->tcp.snd_buf;
    v->rcv_buf = cfg->tcp.rcv_buf;
    v->steps = 0;
    for (unsigned i = 0; i < INVARIANTS_CONNS; i++)
        v->past[i].seen = false;
}

void invariants_note(struct invariants *v, const struct rs_tcp_config *cfg)
{
    if (cfg->snd_buf > v->snd_buf)
        v->snd_buf = cfg->snd_buf;
    if (cfg->rcv_buf > v->rcv_buf)
        v->rcv_buf = cfg->rcv_buf;
}

static bool has_numbers(const struct tcb *t)
{
    return t->state >= RS_SYN_SENT;
}

/* ---- Sending ---------------------------------------------------------------------------- */

/* What was sent when: one stretch after another over what is in flight. */
static void check_flight(const struct rs_host *h, const struct tcb *t)
{
    const unsigned n = flight_count(&h->pool, &t->flight);
    uint32_t edge = t->snd_una;

    for (unsigned i = 0; i < n; i++) {
        const uint32_t end = flight_at(&h->pool, &t->flight, i)->end;
        ORACLE(flight_order, seq_gt(end, edge) && seq_le(end, t->snd_nxt),
               "stretch %u ends at %u after %u, SND.NXT %u", i, end, edge, t->snd_nxt);
        edge = end;
    }
}

static void check_send(const struct invariants *v, const struct rs_host *h, const struct tcb *t)
{
    const uint16_t mtu = ip_mtu(h, &t->local.addr);

    ORACLE(send_order, seq_le(t->snd_una, t->snd_nxt), "SND.UNA %u SND.NXT %u", t->snd_una,
           t->snd_nxt);
    ORACLE(send_queue, seq_le(t->snd_nxt, sendq_end(t) + 1),
           "SND.NXT is %d past the %u octets queued from %u", seq_diff(t->snd_nxt, sendq_end(t)),
           t->sendq.len, sendq_seq(t));
    ORACLE(send_buffer, t->sendq.len <= v->snd_buf, "%u octets of %u", t->sendq.len, v->snd_buf);
    ORACLE(segment_size, t->smss >= 1 && t->smss <= mtu - IP4_HEADER - TCP_HEADER,
           "SMSS %u, MTU %u", t->smss, mtu);
    if (!synchronized(t))
        return;
    ORACLE(segment_size, eff_snd_mss(h, t) >= 1 && eff_snd_mss(h, t) <= t->smss,
           "Eff.snd.MSS %u, SMSS %u", eff_snd_mss(h, t), t->smss);
    ORACLE(congestion_window, t->cwnd >= 1, "cwnd %u SMSS %u", t->cwnd, t->smss);
    check_flight(h, t);
}

/* ---- Receiving -------------------------------------------------------------------------- */

static const struct recvq_blocks *blocks_of(const struct rs_host *h, const struct tcb *t)
{
    return t->recvq.blocks == PAGE_NONE ? NULL : pool_page(&h->pool, t->recvq.blocks);
}

static void check_reassembly(const struct rs_host *h, const struct tcb *t)
{
    const struct recvq_blocks *b = blocks_of(h, t);
    uint32_t edge = t->recvq.nxt;

    if (!b)
        return;
    ORACLE(reassembly_order, b->n >= 1 && b->n <= RECVQ_MAX_BLOCKS, "%u blocks", b->n);
    for (uint32_t i = 0; i < b->n; i++) {
        const struct recvq_block *k = &b->block[i];
        /* What came with the SYN is held at RCV.NXT until the connection is established. */
        bool apart = seq_gt(k->left, edge) || (i == 0 && !synchronized(t) && k->left == edge);
        ORACLE(reassembly_order, apart && seq_gt(k->right, k->left),
               "block %u is %u..%u after %u, RCV.NXT %u", i, k->left, k->right, edge, t->recvq.nxt);
        edge = k->right;
    }
    ORACLE(receive_buffer, edge - t->recvq.user <= t->recvq.chain.len,
           "text held up to %u octets, %u stored", edge - t->recvq.user, t->recvq.chain.len);
}

static void check_receive(const struct invariants *v, const struct rs_host *h, const struct tcb *t)
{
    const struct recvq *q = &t->recvq;

    ORACLE(receive_buffer, seq_le(q->user, q->nxt), "user %u RCV.NXT %u", q->user, q->nxt);
    ORACLE(receive_buffer, recvq_readable(q) <= q->chain.len, "%u octets readable, %u stored",
           recvq_readable(q), q->chain.len);
    ORACLE(receive_buffer, q->chain.len <= v->rcv_buf, "%u octets of %u", q->chain.len, v->rcv_buf);
    ORACLE(receive_window, seq_ge(t->rcv_adv, q->nxt), "right edge %u behind RCV.NXT %u",
           t->rcv_adv, q->nxt);
    ORACLE(receive_window, t->rcv_adv - q->user <= v->rcv_buf + 1,
           "%u octets offered beyond the user's, RCV.BUFF %u", t->rcv_adv - q->user, v->rcv_buf);
    check_reassembly(h, t);
}

/* ---- Timers ----------------------------------------------------------------------------- */

static rs_time earliest(const struct tcb *t)
{
    rs_time when = RS_NEVER;

    for (int i = 0; i < RS_N_TIMERS; i++)
        when = tcb_timer(t, (enum rs_timer)i) < when ? tcb_timer(t, (enum rs_timer)i) : when;
    return when;
}

static void check_bound(const struct tcb *t, enum rs_timer timer, rs_time now, rs_time most)
{
    ORACLE(timer_bound, !timer_runs(t, timer) || tcb_timer(t, timer) <= now + most,
           "%s is %llu us off, at most %llu", rs_timer_name(timer),
           (unsigned long long)(tcb_timer(t, timer) - now), (unsigned long long)most);
}

static void check_armed(const struct rs_host *h, const struct tcb *t)
{
    const bool resends = timer_runs(t, RS_TIMER_RETRANSMIT) || timer_runs(t, RS_TIMER_PERSIST) ||
                         timer_runs(t, RS_TIMER_REORDER) || timer_runs(t, RS_TIMER_PROBE);
    const bool unsent = synchronized(t) && seq_lt(t->snd_nxt, sendq_end(t));
    const bool owes = synchronized(t) && t->last_ack_sent != rcv_nxt(t);

    ORACLE(retransmit_armed, t->snd_una == t->snd_nxt || resends, "SND.UNA %u SND.NXT %u",
           t->snd_una, t->snd_nxt);
    ORACLE(persist_armed, !unsent || resends, "%u octets wait, SND.WND %u",
           sendq_end(t) - t->snd_nxt, t->snd_wnd);
    ORACLE(time_wait_armed, t->state != RS_TIME_WAIT || timer_runs(t, RS_TIMER_TIME_WAIT),
           "2 MSL is off");
    ORACLE(ack_armed, !owes || timer_runs(t, RS_TIMER_DELAYED_ACK) || h->ready_head != TCB_NONE,
           "RCV.NXT %u, last acknowledged %u", rcv_nxt(t), t->last_ack_sent);
}

static void check_timers(const struct rs_host *h, const struct tcb *t, rs_time now)
{
    const rs_time first = earliest(t);

    ORACLE(deadline_late, first == RS_NEVER || rs_deadline(h) <= first,
           "deadline %llu, a timer is due at %llu", (unsigned long long)rs_deadline(h),
           (unsigned long long)first);
    if (!has_numbers(t)) {
        ORACLE(timer_bound, first == RS_NEVER, "a timer runs in %s", rs_state_name(t->state));
        return;
    }
    check_bound(t, RS_TIMER_DELAYED_ACK, now, 500 * RS_MSEC);
    check_bound(t, RS_TIMER_TIME_WAIT, now, 2 * t->cfg->msl);
    check_bound(t, RS_TIMER_RETRANSMIT, now, h->cfg.tcp.rto_max);
    check_bound(t, RS_TIMER_PERSIST, now, h->cfg.tcp.rto_max);
    check_armed(h, t);
}

/* ---- Going back ------------------------------------------------------------------------- */

static void check_past(struct invariants *v, const struct tcb *t)
{
    struct invariants_past *p = &v->past[t->index];
    const bool same = p->seen && p->generation == t->generation && p->iss == t->iss;

    if (same && p->state >= RS_SYN_SENT && has_numbers(t))
        ORACLE(send_una_back, seq_ge(t->snd_una, p->snd_una), "from %u to %u", p->snd_una,
               t->snd_una);
    if (same && p->state >= RS_SYN_RECEIVED && p->irs == t->irs && t->state >= RS_SYN_RECEIVED) {
        ORACLE(receive_next_back, seq_ge(rcv_nxt(t), p->rcv_nxt), "from %u to %u", p->rcv_nxt,
               rcv_nxt(t));
        ORACLE(receive_window, seq_ge(t->rcv_adv, p->rcv_adv), "right edge from %u to %u",
               p->rcv_adv, t->rcv_adv);
    }
    *p = (struct invariants_past){
        .generation = t->generation, .seen = true, .state = t->state, .iss = t->iss, .irs = t->irs,
        .snd_una = t->snd_una, .rcv_nxt = rcv_nxt(t), .rcv_adv = t->rcv_adv
    };
}

void invariants_check(struct invariants *v, const struct rs_host *h, rs_time now)
{
    uint32_t n = h->tcb_fresh < INVARIANTS_CONNS ? h->tcb_fresh : INVARIANTS_CONNS;

    for (uint32_t i = 0; i < n; i++) {
        const struct tcb *t = &h->tcb[i];
        if (!t->in_use)
            continue;
        ORACLE(state_known, t->state < RS_N_STATES, "state %d", (int)t->state);
        if (has_numbers(t))
            check_send(v, h, t);
        if (t->state >= RS_SYN_RECEIVED)
            check_receive(v, h, t);
        check_timers(h, t, now);
        check_past(v, t);
    }
    invariants_pages(h);
    invariants_table(h);
}

void invariants_check_empty(const struct rs_host *h)
{
    for (uint32_t i = 0; i < h->tcb_fresh; i++)
        ORACLE(connection_ends, !h->tcb[i].in_use, "a connection in %s is left",
               rs_state_name(h->tcb[i].state));
    ORACLE(page_leak, h->pool.used == 0, "%u pages are still out", h->pool.used);
    ORACLE(deadline_late, rs_deadline(h) == RS_NEVER, "a deadline without a connection");
}

enum rs_state invariants_state(const struct rs_host *h, uint16_t local_port, uint16_t remote_port)
{
    enum rs_state state = RS_CLOSED;

    for (uint32_t i = 0; i < h->tcb_fresh; i++) {
        const struct tcb *t = &h->tcb[i];
        if (!t->in_use || t->state == RS_CLOSED || t->local.port != local_port)
            continue;
        if (t->state != RS_LISTEN && t->remote.port == remote_port)
            return t->state;
        if (t->state == RS_LISTEN)
            state = RS_LISTEN;
    }
    return state;
}

bool invariants_between(const struct rs_host *h, int conn, uint16_t local_port,
                        uint16_t remote_port)
{
    const uint32_t index = (uint32_t)conn & 0xfffff;

    return conn >= 0 && index < h->tcb_fresh && h->tcb[index].local.port == local_port &&
           h->tcb[index].remote.port == remote_port;
}

unsigned invariants_count(const struct rs_host *h)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < h->tcb_fresh; i++)
        n += h->tcb[i].in_use;
    return n;
}

unsigned invariants_fragments(const struct rs_host *h)
{
    return h->n_frag;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static uint64_t pair(uint32_t a, uint32_t b)
{
    return (uint64_t)a << 32 | b;
}

static uint64_t tcb_hash(const struct rs_host *h, const struct tcb *t)
{
    const struct recvq_blocks *b = blocks_of(h, t);
    uint64_t x = mix(t->generation, (uint64_t)t->state);

    x = mix(x, pair(t->iss, t->irs));
    x = mix(x, pair(t->snd_una, t->snd_nxt));
    x = mix(x, pair(t->snd_wl1, t->snd_wl2));
    x = mix(x, pair(t->snd_wnd, t->snd_up));
    x = mix(x, pair(rcv_nxt(t), t->rcv_up));
    x = mix(x, pair(t->rcv_adv, t->recvq.user));
    x = mix(x, pair(t->sendq.len, t->recvq.chain.len));
    /* Not ts_recent: RFC 7323 s5.3 R3 updates it before RST, SYN and ACK are looked at. */
    x = mix(x, pair(t->smss, t->rmss));
    x = mix(x, pair(t->cwnd, t->ssthresh));
    x = mix(x, (uint64_t)t->ts_on | (uint64_t)t->sack_on << 1 | (uint64_t)t->wscale_on << 2 |
                   (uint64_t)t->fin_known << 3 | (uint64_t)t->fin_taken << 4 |
                   (uint64_t)t->closing << 5);
    x = mix(x, tcb_timer(t, RS_TIMER_RETRANSMIT));
    x = mix(x, tcb_timer(t, RS_TIMER_TIME_WAIT));
    x = mix(x, tcb_timer(t, RS_TIMER_USER));
    for (uint32_t i = 0; b && i < b->n; i++)
        x = mix(x, pair(b->block[i].left, b->block[i].right));
    return x;
}

unsigned invariants_hash(const struct rs_host *h, uint64_t *hash, unsigned max)
{
    unsigned n = h->tcb_fresh < max ? h->tcb_fresh : max;

    for (unsigned i = 0; i < n; i++)
        hash[i] = h->tcb[i].in_use ? tcb_hash(h, &h->tcb[i]) : 0;
    return n;
}

bool invariants_other(const struct rs_host *h, unsigned place, uint16_t local_port,
                      uint16_t remote_port)
{
    const struct tcb *t = &h->tcb[place];

    return t->in_use && t->state > RS_LISTEN &&
           (t->local.port != local_port || t->remote.port != remote_port);
}
