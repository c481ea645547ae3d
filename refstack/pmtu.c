/* Path MTU discovery, the TCP side: by ICMP (RFC 1191 section 6.4, RFC 8201 section 5.4) as far as
 * it is to be believed (RFC 5927 section 7.2), and by the segments themselves where a path swallows
 * both large ones and the word of them (RFC 4821).
 *
 * A connection whose path takes all that the link does keeps no state for this.  The others have a
 * page: few of a million connections need one.
 *
 *   a message names a size                    segments shrink at once: narrow
 *       but segments as large have arrived    it is noted, and believed at the next timeout:
 *                                             note_claim, pmtu_on_rto
 *       but it is about a probe               the search goes on below: probe_refused
 *   full segments are lost three times over   1280 octets, then 576: suspect
 *   ten minutes have passed                   a larger one is tried: pmtu_probe; or, where no
 *                                             search is wanted, all is forgotten: pmtu_refresh
 *   a probe is acknowledged, or lost alone    probe_succeeded, probe_failed */
#include "refstack/host.h"

/* Less would leave no room for text behind a full set of options, at a price in headers that only
 * an attacker would ask for. */
enum { LEAST_SMSS = TCP_OPT_MAX + 8 };
/* A size that gains less than this is not worth a probe (RFC 4821 section 7.3). */
static const uint32_t least_gain = 16;
/* RFC 8201 section 4: how long after it was told a size a host does not try a larger one. */
static const rs_time told_lifetime = 600 * RS_SEC;

struct path {
    rs_time next;      /* no probe, or no larger segments, before */
    uint32_t left, right; /* the numbers of the probe that is out, or of one lost and not mended */
    uint32_t claim_seq;
    uint16_t high;  /* search_high; 0: that of the link and the peer, when the search begins */
    uint16_t probe; /* octets of the datagram that is out as a probe; 0: none is */
    uint16_t claim; /* a size told and not yet believed; 0: none */
    bool exact;     /* `high` itself is tried next */
    bool mending;   /* the probe was lost */
};

_Static_assert(sizeof(struct path) <= 256, "fits the smallest page");

static struct path *path_of(const struct rs_host *h, const struct tcb *t)
{
    return t->path == PAGE_NONE ? NULL : pool_page(&h->pool, t->path);
}

/* The connection's page, taken when it has none; NULL when there is none to take. */
static struct path *path_take(struct rs_host *h, struct tcb *t)
{
    if (t->path == PAGE_NONE) {
        t->path = tcb_spare_page(h, t);
        if (t->path != PAGE_NONE)
            *path_of(h, t) = (struct path){ .next = h->now + told_lifetime };
    }
    return path_of(h, t);
}

void pmtu_forget(struct rs_host *h, struct tcb *t)
{
    if (t->path != PAGE_NONE)
        pool_give(&h->pool, t->path);
    t->path = PAGE_NONE;
    t->path_mtu = 0;
}

static uint32_t headers(const struct tcb *t)
{
    return (uint32_t)ip_header_len(&t->remote.addr) + TCP_HEADER;
}

/* A message may name any size. wolfIP (2eb404d) took a forged one down to where each segment holds
 * a few octets, which multiplies a transfer's packets and its work. */
static uint32_t least_mtu(const struct tcb *t)
{
    const uint32_t smss = t->cfg->min_mss > LEAST_SMSS ? t->cfg->min_mss : LEAST_SMSS;
    return headers(t) + smss;
}

/* The largest datagram there is any use for: what the link and the peer take.  A size beyond what
 * the peer said it takes is no use to know. */
static uint32_t top(const struct rs_host *h, const struct tcb *t)
{
    const uint32_t peer = t->peer_mss + headers(t);
    return peer < ip_mtu(h, &t->local.addr) ? peer : ip_mtu(h, &t->local.addr);
}

/* No page and no path_mtu: the link's MTU, as it is for nearly every connection. */
static uint32_t current(const struct rs_host *h, const struct tcb *t)
{
    return t->path_mtu ? t->path_mtu : ip_mtu(h, &t->local.addr);
}

/* What was lost though not to congestion is sent again at once, cut to size, and cwnd stays
 * (RFC 8201 section 5.4, RFC 4821 section 7.6.2). */
static void send_again(struct rs_host *h, struct tcb *t, uint32_t left, uint32_t right)
{
    flight_lose(&h->pool, &t->flight, t->snd_una, left, right);
    t->rtx_free = true;
    tcb_ready(h, t);
}

/* Segments become smaller; larger ones are not tried before `wait` is over. */
static void narrow(struct rs_host *h, struct tcb *t, uint32_t mtu, rs_time wait)
{
    const uint32_t old = t->smss;

    if (mtu >= current(h, t))
        return;
    t->path_mtu = (uint16_t)mtu;
    struct path *p = path_take(h, t);
    if (p)
        *p = (struct path){ .next = h->now + wait };
    /* The peer's own limit was the smaller: segments stay as they are. */
    if (mtu - headers(t) >= old)
        return;
    t->smss = (uint16_t)(mtu - headers(t));
    if (synchronized(t) && !BUG(PMTU_SILENT))
        send_again(h, t, t->snd_una, t->snd_nxt);
}

/* ---- What ICMP says --------------------------------------------------------------------- */

/* RFC 4821 section 7.6.2: a router that names the size ends the search but for that one. */
static void probe_refused(struct rs_host *h, struct tcb *t, struct path *p, uint32_t mtu)
{
    p->probe = 0;
    p->mending = true;
    p->high = (uint16_t)mtu;
    p->exact = true;
    if (mtu < t->path_mtu + least_gain) {
        p->high = 0;
        p->next = h->now + told_lifetime;
    }
    send_again(h, t, p->left, p->right);
}

/* RFC 5927 section 7.2: once the path is known to take segments as large as now, a smaller size is
 * only noted, and believed when what the message quotes is still unacknowledged at the next
 * retransmission timeout.  Of several sizes claimed at a time the largest counts: a path that is
 * narrower still will say so again. */
static void note_claim(struct rs_host *h, struct tcb *t, uint32_t seq, uint32_t mtu)
{
    struct path *p = path_take(h, t);

    if (!p)
        return;
    if (!p->claim)
        p->claim_seq = seq;
    if (mtu > p->claim)
        p->claim = (uint16_t)mtu;
}

/* Never upwards (RFC 8201 section 4): a message can make segments smaller, never larger.  One about
 * the probe that is out concerns the probe alone. */
void pmtu_told(struct rs_host *h, struct tcb *t, uint32_t seq, uint32_t mtu)
{
    struct path *p = path_of(h, t);
    const uint32_t least = BUG(PMTU_NO_FLOOR) ? headers(t) + 1 : least_mtu(t);
    const uint32_t allowed = mtu > least ? mtu : least;

    if (BUG(PMTU_IGNORED))
        return;
    if (p && p->probe && seq == p->left && allowed >= t->path_mtu && allowed < p->probe)
        probe_refused(h, t, p, allowed);
    else if (allowed >= current(h, t))
        return;
    else if (t->cfg->doubt_too_big && t->mtu_proven && !BUG(PMTU_CREDULOUS))
        note_claim(h, t, seq, allowed);
    else
        narrow(h, t, allowed, told_lifetime);
}

/* ---- Black holes ------------------------------------------------------------------------ */

/* Full stop: segments as large as the path is thought to take were lost again and again.  The next
 * size down is tried that nearly every path takes (RFC 4821 section 7.7): for as long as a router's
 * word would hold, or until the search has proved better.  What is short and gets lost is not lost
 * for its size: only with a full segment's text waiting. */
static void suspect(struct rs_host *h, struct tcb *t)
{
    enum { TRIES = 3, SAFE = 1280, SAFEST_IP4 = 576 };

    if (!t->cfg->black_holes || t->retransmits < TRIES || t->sendq.len < t->smss ||
        BUG(BLACK_HOLE))
        return;
    const rs_time wait = t->cfg->pmtu_search ? t->rto : told_lifetime;
    if (current(h, t) > SAFE)
        narrow(h, t, SAFE, wait);
    else if (t->remote.addr.version == 4)
        narrow(h, t, SAFEST_IP4, wait);
}

/* ---- The search, RFC 4821 section 7 ------------------------------------------------------- */

/* Section 7.6.2: nothing of that size passes.  A lost probe is not taken for congestion, so that
 * probes must not come more often than losses would (section 7.6.2 again): a sender in congestion
 * avoidance meets one each W/2 round trips. */
static void probe_failed(struct rs_host *h, struct tcb *t, struct path *p)
{
    const rs_time between = (rs_time)t->srtt * (t->cwnd / t->smss / 2 + 1);

    p->high = (uint16_t)(p->probe - 1);
    p->probe = 0;
    p->next = h->now + (between > RS_SEC ? between : RS_SEC);
    if (p->high < t->path_mtu + least_gain) {
        p->high = 0;
        p->next = h->now + told_lifetime;
    }
}

/* Section 7.4: one probe at a time, nothing lost, and enough behind it that its loss shows by
 * duplicate ACKs; it is made of text that has not been sent. */
static bool may_probe(const struct rs_host *h, const struct tcb *t, const struct path *p)
{
    return t->cfg->pmtu_search && t->path_mtu && !p->probe && !p->mending && h->now >= p->next &&
           !t->in_recovery && !t->retransmits && !t->dup_acks && !t->tlp_out &&
           seq_le(t->snd_up, t->snd_una) && !ip_is_local(h, &t->remote.addr);
}

/* Octets of text of the probe to be sent now, where `room` octets may go; 0: none.  The largest
 * size first, being the likeliest; then half-way between what passes and what does not. */
uint32_t pmtu_probe(struct rs_host *h, struct tcb *t, uint32_t mss, uint32_t room)
{
    enum { BEHIND = 3 };
    struct path *p = path_of(h, t);

    if (!p || !may_probe(h, t, p))
        return 0;
    const bool begins = !p->high;
    const uint32_t high = begins ? top(h, t) : p->high;
    const uint32_t size = begins || p->exact ? high : (t->path_mtu + high + 1) / 2;
    /* Less the options that each segment has, which mss leaves out already. */
    const uint32_t text = size - headers(t) - (t->smss - mss);
    /* With less behind it a lost probe would be found by a timeout, which costs a window. */
    if (size <= t->path_mtu || room < text + (BUG(PMTU_PROBE_TAIL) ? 0 : BEHIND * mss))
        return 0;
    p->high = (uint16_t)high;
    p->probe = (uint16_t)size;
    p->exact = false;
    p->left = t->snd_nxt;
    p->right = t->snd_nxt + text;
    return text;
}

/* Whether a lost stretch is (part of) the probe, and so no sign of congestion. p->mending: until
 * the probe's octets are acknowledged their second loss is the probe's still. */
bool pmtu_explains(const struct rs_host *h, const struct tcb *t, uint32_t left, uint32_t right)
{
    const struct path *p = path_of(h, t);

    return p && (p->probe || p->mending) && seq_ge(left, p->left) && seq_le(right, p->right) &&
           !BUG(PMTU_PROBE_CONGESTS);
}

/* The probe alone was lost; false when none was out. */
bool pmtu_probe_lost(struct rs_host *h, struct tcb *t)
{
    struct path *p = path_of(h, t);

    if (!p || !p->probe)
        return false;
    probe_failed(h, t, p);
    p->mending = true;
    send_again(h, t, p->left, p->right);
    return true;
}

/* The probe's numbers go again for some other reason: their ACK will say nothing of its size
 * (section 7.6.4). */
void pmtu_resent(struct rs_host *h, struct tcb *t, uint32_t left, uint32_t right)
{
    struct path *p = path_of(h, t);

    if (!p || !p->probe || !seq_lt(left, p->right) || !seq_gt(right, p->left))
        return;
    p->probe = 0;
    p->next = h->now + RS_SEC + t->rto;
}

/* cwnd holds one at least, or it would wait for an ACK of nothing. */
static void widen(struct tcb *t, uint32_t smss)
{
    t->smss = (uint16_t)smss;
    if (t->cwnd < smss)
        t->cwnd = smss;
}

/* A segment of that size was acknowledged: the path takes it.  The search goes on at once until
 * less than least_gain is to be had; once the path takes all that link and peer do there is nothing
 * left to remember. */
static void probe_succeeded(struct rs_host *h, struct tcb *t, struct path *p)
{
    if (!BUG(PMTU_PROBE_VAIN)) {
        t->path_mtu = p->probe;
        widen(t, p->probe - headers(t));
    }
    p->probe = 0;
    p->next = h->now;
    if (t->path_mtu + least_gain > p->high) {
        p->high = 0;
        p->next = h->now + told_lifetime;
    }
    if (t->path_mtu >= top(h, t))
        pmtu_forget(h, t);
}

/* SND.UNA has moved: a probe has arrived, or what a message said was too big has. */
void pmtu_on_ack(struct rs_host *h, struct tcb *t)
{
    struct path *p = path_of(h, t);

    if (!p)
        return;
    if (p->claim && seq_gt(t->snd_una, p->claim_seq))
        p->claim = 0;
    if (p->mending && seq_ge(t->snd_una, p->right))
        p->mending = false;
    if (p->probe && seq_ge(t->snd_una, p->right))
        probe_succeeded(h, t, p);
    else if (!t->path_mtu && !p->claim)
        pmtu_forget(h, t);
}

/* After a retransmission timeout: a probe not acknowledged has failed (section 7.6.3), a size
 * claimed is believed.  Both before the black hole is suspected: where one of them explains the
 * loss, smaller segments go already. */
void pmtu_on_rto(struct rs_host *h, struct tcb *t)
{
    struct path *p = path_of(h, t);

    if (p && p->probe)
        probe_failed(h, t, p);
    if (p && p->claim) {
        const uint16_t claim = p->claim;
        p->claim = 0;
        narrow(h, t, claim, told_lifetime);
    }
    suspect(h, t);
}

/* Without a search, what was learned is forgotten after ten minutes (RFC 8201 section 5.3): the
 * path may have become wider, and if it has not it will say so again. */
void pmtu_refresh(struct rs_host *h, struct tcb *t)
{
    if (!t->path_mtu)
        return;
    const struct path *p = path_take(h, t);
    if (!p || t->cfg->pmtu_search || (h->now < p->next && !BUG(PMTU_SOON)) || BUG(PMTU_FOR_EVER))
        return;
    pmtu_forget(h, t);
    t->mtu_proven = false;
    widen(t, top(h, t) - headers(t));
}
