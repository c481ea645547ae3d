#include "harness/egress.h"

#include <string.h>

#include "harness/oracle.h"
#include "refstack/seq.h"

enum {
    DEFAULT_MSS = 536, /* MUST-15 */
    DEFAULT_MSS_6 = 1220,
    LEAST_MSS = 64 /* a stack may refuse to go below */
};

/* The stream repeats after 2^16 octets; it is written out once, with as much again as is asked for
 * at a time, so that any stretch of it can be copied or compared whole. */
enum { STREAM_PERIOD = 1 << 16, STREAM_AT_ONCE = 1 << 14 };

static const uint8_t *stream_from(uint32_t at)
{
    static uint8_t octet[STREAM_PERIOD + STREAM_AT_ONCE];
    static bool filled;

    for (uint32_t i = 0; !filled && i < sizeof octet; i++)
        octet[i] = stream_octet(i);
    filled = true;
    return octet + at % STREAM_PERIOD;
}

void stream_fill(uint8_t *to, uint32_t at, size_t len)
{
    while (len > 0) {
        size_t n = len < STREAM_AT_ONCE ? len : STREAM_AT_ONCE;
        memcpy(to, stream_from(at), n);
        to += n;
        at += (uint32_t)n;
        len -= n;
    }
}

void egress_init(struct egress *e, const struct rs_endpoint *local,
                 const struct rs_endpoint *remote, uint32_t irs, uint16_t mtu)
{
    uint32_t words = (e->got_end + 63) / 64;

    /* Only what was used is cleared: the rest of the table is zero already. */
    memset(e->got, 0, words * sizeof e->got[0]);
    memset(e, 0, offsetof(struct egress, got));
    e->local = *local;
    e->remote = *remote;
    e->irs = e->peer_nxt = e->rcv_nxt = irs;
    e->rcv_edge = irs + 1;
    e->mtu = mtu;
}

/* ---- To the stack ----------------------------------------------------------------------- */

static void mark(struct egress *e, uint32_t seq, uint32_t len)
{
    uint32_t at = seq - e->irs;

    if (seq_lt(seq, e->irs) && seq_gt(seq + len, e->irs)) {
        len = seq + len - e->irs;
        at = 0;
    }
    if (at >= EGRESS_SPAN)
        return;
    if (len > EGRESS_SPAN - at)
        len = EGRESS_SPAN - at;
    if (at + len > e->got_end)
        e->got_end = at + len;
    for (; len > 0 && at % 64; at++, len--)
        e->got[at / 64] |= (uint64_t)1 << at % 64;
    for (; len >= 64; at += 64, len -= 64)
        e->got[at / 64] = UINT64_MAX;
    for (; len > 0; at++, len--)
        e->got[at / 64] |= (uint64_t)1 << at % 64;
}

/* The widest reading of all the SYNs that the connection may have taken its options from. */
static void apply_syn(struct egress *e)
{
    const struct egress_syn *syn = &e->syn;

    e->max_wnd = syn->wnd > e->max_wnd ? syn->wnd : e->max_wnd;
    /* A SYN without ACK offers its window from SND.UNA on. */
    if (e->edge_known)
        e->max_edge = seq_max(e->max_edge, e->snd_una + e->max_wnd);
    e->mss = e->mss > syn->mss ? e->mss : syn->mss;
    if (syn->has_shift) {
        e->peer_has_shift = true;
        e->peer_shift = syn->shift > e->peer_shift ? syn->shift : e->peer_shift;
    }
}

static void peer_syn(struct egress *e, const struct tcp_opts *o, uint32_t wnd)
{
    const uint32_t unsaid = e->local.addr.version == 6 ? DEFAULT_MSS_6 : DEFAULT_MSS;
    const uint32_t mss = o->has_mss ? o->mss : unsaid;

    e->syn = (struct egress_syn){
        .in = true, .has_shift = o->has_wscale, .shift = o->shift < 14 ? o->shift : 14,
        .mss = mss < LEAST_MSS ? LEAST_MSS : mss, .wnd = wnd
    };
    apply_syn(e);
}

static void peer_window(struct egress *e, const struct tcp_seg *seg)
{
    uint32_t wnd = (uint32_t)seg->wnd << (seg->flags & TCP_SYN ? 0 : e->peer_shift);

    if (!e->live || seq_lt(seg->ack, e->iss) || seq_gt(seg->ack, e->snd_nxt))
        return;
    e->snd_una = seq_max(e->snd_una, seg->ack);
    e->snd_edge = seg->ack + wnd;
    /* An ACK may count while its window does not (SND.WL1): the largest one may still stand. */
    e->max_wnd = wnd > e->max_wnd ? wnd : e->max_wnd;
    e->max_edge = e->edge_known ? seq_max(e->max_edge, e->snd_una + e->max_wnd)
                                : e->snd_una + e->max_wnd;
    e->edge_known = true;
}

static void peer_segment(struct egress *e, const struct tcp_seg *seg)
{
    const uint32_t len = tcp_seg_len(seg);
    struct tcp_opts o;

    opts_read(&o, seg->opt, seg->opt_len);
    if (o.has_ts)
        e->ts_recent = o.ts_val;
    if (seg->flags & TCP_RST)
        return;
    if (e->learn && seg->flags & TCP_SYN) {
        e->learn = false;
        e->irs = e->peer_nxt = e->rcv_nxt = seg->seq;
        e->rcv_edge = seg->seq + 1;
    }
    mark(e, seg->seq, len);
    /* A segment may come in over both edges: what lies inside still arrives. */
    if (seq_le(seg->seq, e->rcv_edge) && seq_gt(seg->seq + len, e->peer_nxt))
        e->peer_nxt = seq_gt(seg->seq + len, e->rcv_edge + 1) ? e->peer_nxt : seg->seq + len;
    if (seg->flags & TCP_SYN)
        peer_syn(e, &o, seg->wnd);
    if (seg->flags & TCP_ACK)
        peer_window(e, seg);
}

bool egress_in(struct egress *e, const uint8_t *p, size_t len, struct tcp_seg *seg)
{
    struct egress_ip ip;

    if (!egress_ip(p, len, &ip) || ip.proto != IP_PROTO_TCP || ip.fragment ||
        tcp_parse(seg, ip.payload, ip.payload_len) != WIRE_OK)
        return false;
    e->rst_in = e->rst_in || seg->flags & TCP_RST;
    e->other_in = e->other_in || !(seg->flags & TCP_RST);
    if (seg->src_port != e->remote.port || seg->dst_port != e->local.port ||
        !rs_addr_eq(&ip.src, &e->remote.addr) || !rs_addr_eq(&ip.dst, &e->local.addr) ||
        !tcp_checksum_ok(&ip.src, &ip.dst, ip.payload, ip.payload_len))
        return false;
    peer_segment(e, seg);
    return true;
}

void egress_forget(struct egress *e)
{
    e->live = e->fin_sent = e->acked = false;
    e->edge_known = false;
    e->max_wnd = 0;
    e->mss = 0;
    e->has_shift = e->peer_has_shift = false;
    e->peer_shift = 0;
    e->peer_nxt = e->irs;
    e->rcv_nxt = e->irs;
    e->rcv_edge = e->irs + 1;
    if (e->syn.in)
        apply_syn(e);
}

void egress_unkept(struct egress *e)
{
    e->edge_unkept = true;
}

void egress_event(struct egress *e)
{
    e->rst_in = e->other_in = e->syn.in = false;
}

/* ---- From the stack --------------------------------------------------------------------- */

static void begin(struct egress *e, const struct tcp_seg *seg)
{
    e->live = true;
    e->fin_sent = e->acked = false;
    e->iss = e->snd_una = e->snd_nxt = seg->seq;
    e->edge_known = false;
    if (seg->flags & TCP_ACK)
        e->rcv_nxt = seg->ack;
}

static void note_options(struct egress *e, const struct tcp_seg *seg)
{
    struct tcp_opts o;

    opts_read(&o, seg->opt, seg->opt_len);
    if (o.has_ts)
        e->ts_last = o.ts_val;
    if (o.n_sack > 0) {
        e->sack_l = o.sack[0].left;
        e->sack_r = o.sack[0].right;
    } else {
        e->sack_l = e->sack_r = e->rcv_nxt;
    }
    if (seg->flags & TCP_SYN) {
        e->has_shift = o.has_wscale;
        e->shift = o.shift;
    }
}

static void check_ack(struct egress *e, const struct tcp_seg *seg)
{
    uint32_t at = e->rcv_nxt;

    if (!e->acked)
        at = seg->ack - 1; /* the SYN's own number */
    else
        ORACLE(egress_ack_back, seq_ge(seg->ack, e->rcv_nxt), "from %u to %u", e->rcv_nxt,
               seg->ack);
    for (; at != seg->ack && at - e->irs < EGRESS_SPAN; at++) {
        uint32_t bit = at - e->irs;
        ORACLE(egress_ack_ahead, e->got[bit / 64] >> bit % 64 & 1, "%u acknowledged, %u never came",
               seg->ack, at);
    }
    e->acked = true;
    e->rcv_nxt = seg->ack;
}

static void check_window(struct egress *e, const struct tcp_seg *seg)
{
    const bool first = e->edge_unkept;
    const bool scaled = e->has_shift && e->peer_has_shift && !(seg->flags & TCP_SYN);
    const unsigned shift = scaled ? e->shift : 0;
    const uint32_t edge = seg->ack + ((uint32_t)seg->wnd << shift);

    /* RFC 7323 s2.4: an edge may seem to go back by less than the unit of the scale. */
    if (!first)
        ORACLE(egress_window_edge, seq_ge(edge + (1u << shift) - 1, e->rcv_edge), "from %u to %u",
               e->rcv_edge, edge);
    e->rcv_edge = first ? edge : seq_max(e->rcv_edge, edge);
    e->edge_unkept = false;
}

static void check_text(const struct egress *e, const struct tcp_seg *seg)
{
    const uint32_t at = seg->seq - e->iss - 1;
    const uint8_t *want = stream_from(at);
    uint32_t i = 0;

    if (seg->text_len == 0 || seg->text_len > STREAM_AT_ONCE ||
        memcmp(seg->text, want, seg->text_len) == 0)
        return;
    while (seg->text[i] == want[i])
        i++;
    oracle_broken_egress_text_same("octet %u of the stream is %02x, sent as %02x", at + i, want[i],
                                   seg->text[i]);
}

static void check_numbers(struct egress *e, const struct tcp_seg *seg)
{
    const uint32_t len = tcp_seg_len(seg);
    const uint32_t end = seg->seq + len;

    ORACLE(egress_gap, seq_le(seg->seq, e->snd_nxt), "%u sent, %u is next", seg->seq, e->snd_nxt);
    if (e->fin_sent)
        ORACLE(egress_after_fin, seq_le(end, e->fin_seq + 1), "%u sent, the FIN is %u", end,
               e->fin_seq);
    if (len > 0 && !(seg->flags & TCP_SYN) && e->edge_known)
        ORACLE(egress_in_window, seq_le(end, e->max_edge + 1), "up to %u, the window ends at %u",
               end, e->max_edge);
    ORACLE(egress_mss, seg->text_len == 0 || seg->text_len + seg->opt_len <= e->mss,
           "%u octets of text and %u of options, MSS %u", seg->text_len, seg->opt_len, e->mss);
    check_text(e, seg);
    if (seg->flags & TCP_FIN) {
        ORACLE(egress_after_fin, !e->fin_sent || e->fin_seq == end - 1, "a FIN at %u and at %u",
               e->fin_seq, end - 1);
        e->fin_sent = true;
        e->fin_seq = end - 1;
    }
    e->snd_nxt = seq_max(e->snd_nxt, end);
}

/* A segment of the connection that is followed, but no RST: those carry numbers of their own. */
static void follow(struct egress *e, const struct tcp_seg *seg)
{
    if (seg->flags & TCP_SYN && (!e->live || seg->seq != e->iss))
        begin(e, seg);
    if (!e->live)
        return;
    e->edge_unkept |= !e->acked;
    if (seg->flags & TCP_ACK)
        check_ack(e, seg);
    note_options(e, seg);
    if (seg->flags & TCP_ACK)
        check_window(e, seg);
    check_numbers(e, seg);
}

bool egress_out(struct egress *e, const uint8_t *p, size_t len, struct tcp_seg *seg)
{
    struct egress_ip ip;

    if (!egress_form(p, len, &e->local.addr, e->mtu, &ip, seg))
        return false;
    ORACLE(egress_rst_for_rst, !(e->rst_in && !e->other_in && seg->flags & TCP_RST),
           "RST in answer to a RST");
    if (seg->src_port == e->local.port && seg->dst_port == e->remote.port &&
        rs_addr_eq(&ip.dst, &e->remote.addr) && !(seg->flags & TCP_RST))
        follow(e, seg);
    return true;
}

uint32_t egress_base(const struct egress *e, enum sc_base base)
{
    switch (base) {
    case SC_REL: return e->irs;
    case SC_ISS: return e->iss;
    case SC_SND_UNA: return e->snd_una;
    case SC_SND_NXT: return e->snd_nxt;
    case SC_SND_EDGE: return e->snd_edge;
    case SC_IRS: return e->irs;
    case SC_RCV_NXT: return e->rcv_nxt;
    case SC_RCV_EDGE: return e->rcv_edge;
    case SC_PEER_NXT: return e->peer_nxt;
    case SC_SACK_L: return e->sack_l;
    case SC_SACK_R: return e->sack_r;
    case SC_TS_RECENT: return e->ts_recent;
    case SC_TS_LAST: return e->ts_last;
    default: return 0;
    }
}
