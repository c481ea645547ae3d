/* What one end of a connection may send after what both sent before.
 *
 * The capture may stand anywhere on the way: what the sender had received of it is not certain, so
 * the widest reading counts, and what goes back is a finding only in a segment that is surely the
 * newer one. */
#include "harness/check.h"
#include "refstack/seq.h"

enum { DEFAULT_MSS = 536 /* MUST-15 */, DEFAULT_MSS_6 = 1220, LEAST_MSS = 64, STRAY = 1 << 30 };
enum { MISORDER = 10000 /* us; packets of both ways recorded closer may have changed places */ };

static uint32_t window(const struct check_end *s, const struct check_end *p,
                       const struct tcp_seg *seg)
{
    /* RFC 7323 s2.2: scaled when both SYNs offered, and never in a SYN. */
    const bool scaled = s->scales && p->scales && !(seg->flags & TCP_SYN);
    return (uint32_t)seg->wnd << (scaled ? s->shift : 0);
}

static void open_finding(struct check *c, struct check_end *s, struct check_finding *found,
                         uint32_t number)
{
    found->state = CHECK_OPEN;
    found->number = number;
    if (s->n_open == CHECK_OPEN_MAX) {
        found->state = CHECK_DROPPED;
        c->undecided++;
        return;
    }
    s->open[s->n_open++] = (size_t)(found - c->finding);
}

/* Whether the other end's next segment proves a finding.
 *
 * An acknowledgment of what was never sent: SND.NXT stands where it stood.  Had the capture lost
 * the text that was acknowledged, the numbers would go on behind it.  Text beyond the window: the
 * window still ends before it.  Had the capture lost an ACK that made room, later ones would keep
 * that room (SHLD-14). */
static enum check_state proven(const struct check_finding *found, const struct check_end *p,
                               uint32_t wnd, const struct tcp_seg *seg, uint64_t us)
{
    if (found->rule == ORACLE_egress_ack_ahead) {
        const uint32_t len = tcp_seg_len(seg);
        if (seq_gt(seg->seq, p->nxt))
            return CHECK_DROPPED;
        if (seg->seq == p->nxt && (len == 0 || us > found->us + MISORDER))
            return CHECK_UNLESS_LOST;
        return seq_ge(seg->seq + len, found->number) ? CHECK_DROPPED : CHECK_OPEN;
    }
    if (!(seg->flags & TCP_ACK))
        return CHECK_OPEN;
    return seq_lt(seg->ack + wnd, found->number) ? CHECK_STANDS : CHECK_DROPPED;
}

/* A segment of p decides what is open of s. */
static void settle(struct check *c, struct check_end *s, const struct check_end *p,
                   const struct tcp_seg *seg)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < s->n_open; i++) {
        struct check_finding *found = &c->finding[s->open[i]];
        found->state = proven(found, p, window(p, s, seg), seg, c->us);
        c->undecided += found->state == CHECK_DROPPED;
        if (found->state == CHECK_OPEN)
            s->open[kept++] = s->open[i];
    }
    s->n_open = kept;
}

/* Whether the sender made this segment after all that it is compared with: its timestamp has moved
 * on, or it begins with the first number not sent before. */
static bool newer(const struct check_end *s, const struct tcp_seg *seg, const struct tcp_opts *o)
{
    return (s->has_ts && o->has_ts && seq_gt(o->ts_val, s->ts)) ||
           (seg->text_len > 0 && seg->seq == s->nxt);
}

static void offered(struct check *c, struct check_flow *f, unsigned sender,
                    const struct tcp_seg *seg, bool is_newer)
{
    struct check_end *s = &f->end[sender];
    const struct check_end *p = &f->end[!sender];
    const uint32_t wnd = window(s, p, seg), edge = seg->ack + wnd;
    const uint32_t unit = s->scales && p->scales ? (uint32_t)1 << s->shift : 1;

    /* SND.WL1: an ACK with an older number counts while its window does not. */
    const bool older = seg->flags & TCP_SYN || seq_lt(seg->seq, s->nxt);

    s->max_wnd = wnd > s->max_wnd ? wnd : s->max_wnd;
    const uint32_t widest = older ? seg->ack + s->max_wnd : edge;
    s->widest = s->acked ? seq_max(s->widest, widest) : widest;
    if (seg->flags & TCP_SYN)
        return;
    /* RFC 7323 s2.4: an edge may seem to go back by less than the unit of the scale. */
    const bool shrinks = s->has_edge && is_newer && seq_lt(edge + unit - 1, s->edge);
    if (shrinks)
        check_found(c, f, sender, ORACLE_egress_window_edge, "the right edge goes from %u to %u",
                    s->edge - p->iss, edge - p->iss);
    /* What follows is held to the new edge: one finding each time it goes back. */
    s->edge = s->has_edge && !shrinks ? seq_max(s->edge, edge) : edge;
    s->has_edge = true;
}

static void acknowledges(struct check *c, struct check_flow *f, unsigned sender,
                         const struct tcp_seg *seg, bool is_newer)
{
    struct check_end *s = &f->end[sender];
    const struct check_end *p = &f->end[!sender];

    if (seq_gt(seg->ack, p->nxt)) {
        open_finding(c, s, check_found(c, f, sender, ORACLE_egress_ack_ahead,
                                       "%u acknowledged, %u is the next that the peer sends",
                                       seg->ack - p->iss, p->nxt - p->iss), seg->ack);
        return;
    }
    if (s->acked && is_newer && seq_lt(seg->ack, s->ack)) {
        check_found(c, f, sender, ORACLE_egress_ack_back, "from %u to %u", s->ack - p->iss,
                    seg->ack - p->iss);
        return;
    }
    offered(c, f, sender, seg, is_newer || (s->acked && seq_gt(seg->ack, s->ack)));
    s->ack = s->acked ? seq_max(s->ack, seg->ack) : seg->ack;
    s->acked = true;
}

static void sends(struct check *c, struct check_flow *f, unsigned sender,
                  const struct tcp_seg *seg, bool whole)
{
    struct check_end *s = &f->end[sender];
    const struct check_end *p = &f->end[!sender];
    const uint32_t len = tcp_seg_len(seg), end = seg->seq + len;

    if (s->fin && seq_gt(end, s->fin_seq + 1))
        check_found(c, f, sender, ORACLE_egress_after_fin, "%u sent, the FIN is %u",
                    end - 1 - s->iss, s->fin_seq - s->iss);
    /* One octet beyond is a probe of a window that is shut (RFC 9293 MUST-36). */
    else if (len > 0 && !(seg->flags & TCP_SYN) && p->acked && seq_gt(end, p->widest + 1))
        open_finding(c, s, check_found(c, f, sender, ORACLE_egress_in_window,
                                       "up to %u, the window ends at %u", end - s->iss,
                                       p->widest - s->iss), end);
    /* With its checksum filled in it was not put together, nor still to be cut, by the device. */
    if (whole && p->mss && seg->text_len > 0 && seg->text_len + seg->opt_len > p->mss)
        check_found(c, f, sender, ORACLE_egress_mss, "%u octets of text and %u of options, MSS %u",
                    seg->text_len, seg->opt_len, p->mss);
    if (seq_gt(seg->seq, s->nxt))
        f->gaps++;
    if (seg->flags & TCP_FIN && !s->fin) {
        s->fin = true;
        s->fin_seq = end - 1;
    }
    s->nxt = seq_max(s->nxt, end);
}

static void syn(struct check_flow *f, struct check_end *s, const struct tcp_seg *seg,
                const struct tcp_opts *o)
{
    const uint32_t unsaid = s->at.addr.version == 6 ? DEFAULT_MSS_6 : DEFAULT_MSS;

    if (s->has_iss && s->iss != seg->seq) {
        f->unsure = true;
        return;
    }
    if (!s->has_iss)
        s->iss = s->nxt = seg->seq;
    s->has_iss = true;
    s->scales = o->has_wscale;
    s->shift = o->shift < 14 ? o->shift : 14; /* RFC 7323 s2.3 */
    s->mss = o->has_mss ? o->mss : unsaid;
    s->mss = s->mss < LEAST_MSS ? LEAST_MSS : s->mss;
    if (!(seg->flags & TCP_ACK))
        s->max_wnd = seg->wnd > s->max_wnd ? seg->wnd : s->max_wnd;
}

/* RFC 9293 s3.5.2: a RST is answered by nothing.  The numbers of such an answer are those of the
 * RST; where they are also those of an abort or of an answer to something else, it may be that. */
static void reset(struct check *c, struct check_flow *f, unsigned sender,
                  const struct tcp_seg *seg)
{
    struct check_end *s = &f->end[sender];
    const struct check_end *p = &f->end[!sender];
    const bool acks = seg->flags & TCP_ACK;
    const bool answers = p->rst_ack ? !acks && seg->seq == p->rst_number : acks && seg->seq == 0 &&
                         seg->ack == p->rst_number;
    const bool other = p->rst_ack ? seg->seq == s->nxt || seg->seq == p->ack
                                  : seg->ack == p->iss + 1;

    if (s->has_iss && p->has_iss && p->rst && answers && !other)
        check_found(c, f, sender, ORACLE_egress_rst_for_rst, "RST %u in answer to a RST",
                    p->rst_ack ? seg->seq : seg->ack);
    f->over = true;
    s->rst = true;
    s->rst_ack = acks;
    s->rst_number = acks ? seg->ack : seg->seq + tcp_seg_len(seg);
}

void check_flow_segment(struct check *c, struct check_flow *f, unsigned sender,
                        const struct tcp_seg *seg, bool whole)
{
    struct check_end *s = &f->end[sender], *p = &f->end[!sender];
    struct tcp_opts o;

    if (f->unsure)
        return;
    if (seg->flags & TCP_RST) {
        reset(c, f, sender, seg);
        return;
    }
    opts_read(&o, seg->opt, seg->opt_len);
    if (seg->flags & TCP_SYN)
        syn(f, s, seg, &o);
    if (f->unsure || !s->has_iss)
        return;
    /* Numbers of no part of this connection: an older one with these ports. */
    if (seg->seq - s->nxt + STRAY > 2u * STRAY) {
        f->gaps++;
        return;
    }
    if (p->has_iss)
        settle(c, p, s, seg);
    const bool is_newer = newer(s, seg, &o);
    if (p->has_iss && seg->flags & TCP_ACK)
        acknowledges(c, f, sender, seg, is_newer);
    sends(c, f, sender, seg, whole);
    if (o.has_ts)
        s->ts = s->has_ts ? seq_max(s->ts, o.ts_val) : o.ts_val;
    s->has_ts = s->has_ts || o.has_ts;
    f->over = f->over || (s->fin && p->fin);
}
