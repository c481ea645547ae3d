/* What the wire alone says about one connection of the stack under test (SUT).
 *
 * Symbolic numbers of scripts and fuzz inputs (SND.UNA, RCV.NXT, ...) are computed from this, never
 * read out of the SUT, so that the same script runs on any stack.  Names are the SUT's view: SND is
 * what it sends.  No allocation, no loops but the one over options. */
#ifndef HARNESS_WIREVIEW_H
#define HARNESS_WIREVIEW_H

#include "harness/script.h"
#include "refstack/seq.h"
#include "refstack/wire.h"

struct wireview {
    bool has_iss, has_irs, has_ts_map;
    bool scales_out, scales_in; /* a SYN of the SUT, of the peer, carried window scale */
    uint8_t shift_out, shift_in;
    uint32_t iss, snd_una, snd_nxt, snd_wnd;
    uint32_t irs, rcv_nxt, rcv_wnd, peer_nxt;
    uint32_t last_syn; /* number of the latest SYN the peer sent */
    uint32_t sack_l, sack_r;
    bool has_sack;
    uint32_t ts_recent, ts_last;
    /* What the script calls the numbers above: packetdrill maps ISNs and the SUT's timestamps. */
    uint32_t iss_script, irs_script, ts_live, ts_script;
    /* packetdrill's rule: the plain numbers of a SYN are as the script chose them, those of any
     * other segment count from the initial number as zero.  Set for the segment at hand. */
    bool of_syn;
};

/* A scaled window only counts when both ends offered (RFC 7323 section 2.2), and never on a SYN. */
static inline uint32_t wireview_window(const struct wireview *v, const struct tcp_seg *seg,
                                       uint8_t shift)
{
    bool scaled = v->scales_in && v->scales_out && !(seg->flags & TCP_SYN);
    return (uint32_t)seg->wnd << (scaled ? (shift > 14 ? 14 : shift) : 0);
}

/* The peer sent this to the SUT. */
static inline void wireview_in(struct wireview *v, const struct tcp_seg *seg)
{
    struct tcp_opts o = { 0 };
    if (seg->opt_len)
        opts_read(&o, seg->opt, seg->opt_len);
    uint32_t end = seg->seq + tcp_seg_len(seg);
    if (seg->flags & TCP_SYN) {
        if (!v->has_irs) {
            v->irs = seg->seq;
            v->peer_nxt = v->irs;
            v->rcv_nxt = v->irs + 1;
            v->has_irs = true;
        }
        v->last_syn = seg->seq;
        v->scales_in = o.has_wscale;
        v->shift_in = o.shift;
    }
    if (v->has_irs && seq_gt(end, v->peer_nxt))
        v->peer_nxt = end;
    if ((seg->flags & TCP_ACK) && v->has_iss && seq_le(seg->ack, v->snd_nxt) &&
        seq_ge(seg->ack, v->snd_una)) {
        v->snd_una = seg->ack;
        v->snd_wnd = wireview_window(v, seg, v->shift_in);
    }
    if (o.has_ts)
        v->ts_recent = o.ts_val;
}

/* A SYN of the SUT begins its side anew, and with an ACK says which SYN of the peer it took; one
 * that acknowledges what the peer never sent says nothing. */
static inline void wireview_out_syn(struct wireview *v, const struct tcp_seg *seg,
                                    const struct tcp_opts *o)
{
    if (!v->has_iss || v->iss != seg->seq) {
        v->iss = v->snd_una = v->snd_nxt = seg->seq;
        v->has_iss = true;
        v->has_sack = v->has_ts_map = false;
    }
    v->scales_out = o->has_wscale;
    v->shift_out = o->shift;
    if ((seg->flags & TCP_ACK) && v->has_irs && v->irs != v->last_syn &&
        seg->ack - 1 == v->last_syn) {
        v->irs = seg->ack - 1;
        v->peer_nxt = v->rcv_nxt = seg->ack;
    }
}

/* The SUT sent this.  A RST may carry numbers of no connection of ours and is left out. */
static inline void wireview_out(struct wireview *v, const struct tcp_seg *seg)
{
    if (seg->flags & TCP_RST)
        return;
    struct tcp_opts o = { 0 };
    if (seg->opt_len)
        opts_read(&o, seg->opt, seg->opt_len);
    if (seg->flags & TCP_SYN)
        wireview_out_syn(v, seg, &o);
    uint32_t end = seg->seq + tcp_seg_len(seg);
    if (v->has_iss && seq_gt(end, v->snd_nxt))
        v->snd_nxt = end;
    if (seg->flags & TCP_ACK) {
        if (seq_gt(seg->ack, v->rcv_nxt))
            v->rcv_nxt = seg->ack;
        v->rcv_wnd = wireview_window(v, seg, v->shift_out);
    }
    v->has_sack = o.n_sack > 0;
    if (v->has_sack) {
        v->sack_l = o.sack[0].left;
        v->sack_r = o.sack[0].right;
    }
    if (o.has_ts)
        v->ts_last = o.ts_val;
}

/* Whose initial number a plain number counts from. */
enum wireview_owner { WV_SUT, WV_PEER, WV_TS };

static inline uint32_t wireview_rel(const struct wireview *v, uint32_t n, enum wireview_owner owner)
{
    if (owner == WV_SUT)
        return v->has_iss ? v->iss + (n - (v->of_syn ? v->iss_script : 0)) : n;
    if (owner == WV_PEER)
        return v->has_irs ? v->irs + (n - (v->of_syn ? v->irs_script : 0)) : n;
    return v->has_ts_map ? v->ts_live + (n - v->ts_script) : n;
}

/* The number on the wire that a script's number means now.  SC_NONE and SC_ANY give 0. */
static inline uint32_t wireview_num(const struct wireview *v, struct sc_num n,
                                    enum wireview_owner owner)
{
    switch ((enum sc_base)n.base) {
    case SC_ABS:
        return n.offset;
    case SC_REL:
        return wireview_rel(v, n.offset, owner);
    case SC_ISS:
        return v->iss + n.offset;
    case SC_SND_UNA:
        return v->snd_una + n.offset;
    case SC_SND_NXT:
        return v->snd_nxt + n.offset;
    case SC_SND_EDGE:
        return v->snd_una + v->snd_wnd + n.offset;
    case SC_IRS:
        return v->irs + n.offset;
    case SC_RCV_NXT:
        return v->rcv_nxt + n.offset;
    case SC_RCV_EDGE:
        return v->rcv_nxt + v->rcv_wnd + n.offset;
    case SC_PEER_NXT:
        return v->peer_nxt + n.offset;
    case SC_SACK_L:
        return (v->has_sack ? v->sack_l : v->rcv_nxt) + n.offset;
    case SC_SACK_R:
        return (v->has_sack ? v->sack_r : v->rcv_nxt) + n.offset;
    case SC_TS_RECENT:
        return v->ts_recent + n.offset;
    case SC_TS_LAST:
        return v->ts_last + n.offset;
    case SC_NONE:
    case SC_ANY:
    case SC_N_BASES:
        break;
    }
    return 0;
}

/* A number on the wire as the script would write it. */
static inline uint32_t wireview_script(const struct wireview *v, uint32_t live,
                                       enum wireview_owner owner)
{
    if (owner == WV_SUT)
        return v->has_iss ? live - v->iss + (v->of_syn ? v->iss_script : 0) : live;
    if (owner == WV_PEER)
        return v->has_irs ? live - v->irs + (v->of_syn ? v->irs_script : 0) : live;
    return v->has_ts_map ? live - v->ts_live + v->ts_script : live;
}

#endif
