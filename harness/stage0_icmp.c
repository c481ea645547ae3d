/* The cells of stage 0 that are ICMP errors: every kind, about every number on a boundary, in every
 * state.  Judged by RFC 9293 section 3.9.2.2, with RFC 5927 where that leaves a choice, from their
 * text. */
#include <string.h>

#include "harness/stage0_bench.h"
#include "refstack/seq.h"

/* What a message is to the RFCs when the octets that it quotes are in flight. */
enum effect { MOOT, SOFT, HARD, UNLISTED, TOO_BIG };

struct kind {
    uint8_t type, code;
    uint32_t rest; /* the size, of those that tell one */
    enum effect effect;
};

/* Section 3.9.2.2: of IPv4 "Destination Unreachable codes 0, 1, 5", Time Exceeded and Parameter
 * Problem are soft, "codes 2-4" hard, but that RFC 1191 gives code 4 its own meaning. */
static const struct kind kinds4[] = {
    { 3, 0, 0, SOFT },      { 3, 1, 0, SOFT },       { 3, 2, 0, HARD },
    { 3, 3, 0, HARD },      { 3, 4, 0, TOO_BIG },    { 3, 4, 68, TOO_BIG },
    { 3, 4, 139, TOO_BIG }, { 3, 4, 576, TOO_BIG },  { 3, 4, 1500, TOO_BIG },
    { 3, 4, 65535, TOO_BIG }, { 3, 5, 0, SOFT },     { 3, 6, 0, UNLISTED },
    { 3, 13, 0, UNLISTED }, { 3, 255, 0, UNLISTED }, { 4, 0, 0, MOOT },
    { 5, 0, 0, MOOT },      { 11, 0, 0, SOFT },      { 11, 1, 0, SOFT },
    { 12, 0, 0, SOFT },     { 12, 1, 0, SOFT },      { 13, 0, 0, MOOT },
    { 0, 0, 0, MOOT },      { 255, 0, 0, MOOT },
};

/* "Codes 0, 3", Time Exceeded and Parameter Problem "codes 0, 1, 2" are soft.  RFC 4443 section
 * 3.1: code 4 is the port.  RFC 8201 section 4: no size under 1280 counts. */
static const struct kind kinds6[] = {
    { 1, 0, 0, SOFT },        { 1, 1, 0, UNLISTED },    { 1, 2, 0, UNLISTED }, { 1, 3, 0, SOFT },
    { 1, 4, 0, HARD },        { 1, 5, 0, UNLISTED },    { 2, 0, 0, MOOT },     { 2, 0, 68, MOOT },
    { 2, 0, 1279, MOOT },     { 2, 0, 1280, TOO_BIG },  { 2, 0, 1500, TOO_BIG },
    { 2, 0, 65536, TOO_BIG }, { 3, 0, 0, SOFT },        { 3, 1, 0, SOFT },     { 4, 0, 0, SOFT },
    { 4, 1, 0, SOFT },        { 4, 2, 0, SOFT },        { 101, 0, 0, MOOT },   { 127, 0, 0, MOOT },
    { 129, 0, 0, MOOT },      { 255, 0, 0, MOOT },
};

/* What is wrong with the message; all but the first make it one about nothing of ours. */
enum flaw { SOUND, OTHER_REMOTE_PORT, OTHER_LOCAL_PORT, OTHER_REMOTE, UDP, CUT_SHORT, BAD_SUM,
            N_FLAWS };

enum { N_SEQ = 9, QUOTED_TCP = 8, TEXT = 100 };

static uint32_t seq_of(const struct st0_tcb *t, unsigned i)
{
    const uint32_t seq[N_SEQ] = {
        t->una - 1, t->una, t->una + 1, t->nxt - 1, t->nxt, t->nxt + 1,
        t->una + 0x7fffffffu, t->nxt + 0x80000000u, t->irs
    };
    return seq[i];
}

/* ---- The message ------------------------------------------------------------------------ */

static size_t put_quote(const struct st0_bench *b, enum flaw flaw, uint32_t seq, uint8_t *to)
{
    const struct rs_endpoint peer = st0_peer(b);
    const uint8_t proto = flaw == UDP ? IP_PROTO_UDP : IP_PROTO_TCP;
    struct rs_addr remote = peer.addr;
    const struct tcp_seg seg = {
        .src_port = (uint16_t)(ST0_PORT + (flaw == OTHER_LOCAL_PORT)),
        .dst_port = (uint16_t)(peer.port + (flaw == OTHER_REMOTE_PORT)),
        .seq = seq,
        .flags = TCP_ACK,
    };
    const size_t header = st0_ip_header(b);
    uint8_t tcp[TCP_HEADER];

    if (flaw == OTHER_REMOTE)
        remote.octet[3] ^= 1;
    if (b->ways & ST0_IP6)
        ip6_emit(&(struct ip6_hdr){ .payload_len = TCP_HEADER + TEXT, .next = proto, .hops = 60,
                                    .src = st0_addr(b), .dst = remote }, to, header);
    else
        ip4_emit_sum(&(struct ip4_hdr){ .ihl = 5, .total_len = IP4_HEADER + TCP_HEADER + TEXT,
                                        .ttl = 60, .proto = proto, .src = st0_addr(b),
                                        .dst = remote }, to, header);
    tcp_emit(&seg, tcp, sizeof tcp);
    memcpy(to + header, tcp, QUOTED_TCP);
    return header + QUOTED_TCP - (flaw == CUT_SHORT ? 1 : 0);
}

static void arrives(struct st0_bench *b, const struct kind *k, enum flaw flaw, uint32_t seq)
{
    uint8_t quote[IP6_HEADER + QUOTED_TCP], buf[2 * IP6_HEADER + ICMP_HEADER + QUOTED_TCP];
    const struct icmp_msg m = {
        .type = k->type, .code = k->code, .rest = k->rest, .body = quote,
        .body_len = put_quote(b, flaw, seq, quote)
    };
    const struct rs_endpoint peer = st0_peer(b);
    const struct rs_addr local = st0_addr(b);
    const size_t header = st0_ip_header(b);
    uint8_t *const icmp = buf + header;
    const size_t room = sizeof buf - header;
    const bool ip6 = b->ways & ST0_IP6;
    const size_t n = ip6 ? icmp6_emit_sum(&m, &peer.addr, &local, icmp, room)
                         : icmp_emit_sum(&m, icmp, room);

    if (flaw == BAD_SUM)
        icmp[2] ^= 1;
    rs_input(b->host, buf, st0_put_ip(b, buf, ip6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP, n), b->now);
}

/* ---- The verdict ------------------------------------------------------------------------ */

struct want {
    enum st0_other rule;
    unsigned states;
    bool resends;  /* smaller segments may follow at once */
    int soft;      /* RS_EUNREACH; 0: none is told; 1: either will do */
};

/* RFC 5927 section 4.1: SND.UNA =< SEG.SEQ < SND.NXT, of a connection that is there. */
static bool in_flight(const struct st0_tcb *t, uint32_t seq)
{
    return seq - t->una < t->nxt - t->una;
}

static struct want judge(const struct st0_bench *b, const struct kind *k, enum flaw flaw,
                         uint32_t seq)
{
    const struct st0_tcb *t = &b->tcb;
    const uint32_t total = (uint32_t)st0_ip_header(b) + TCP_HEADER + TEXT;
    struct want w = { .rule = ST0_ICMP_STRAY, .states = 1u << t->state };

    if (k->effect == MOOT) {
        w.rule = ST0_ICMP_MOOT;
        return w;
    }
    if (flaw != SOUND || !in_flight(t, seq))
        return w;
    w.rule = k->effect == HARD ? ST0_ICMP_HARD : ST0_ICMP_SOFT;
    w.soft = k->effect == UNLISTED ? 1 : RS_EUNREACH;
    /* SHLD-26 is for connections being opened, as RFC 5927 section 5.2 has it. */
    if (k->effect == HARD && t->state == RS_SYN_SENT)
        w.states = 1u << RS_CLOSED;
    if ((k->effect == HARD || k->effect == UNLISTED) && t->state == RS_SYN_RECEIVED)
        w.states |= 1u << RS_CLOSED | 1u << RS_LISTEN;
    if (k->effect == UNLISTED && t->state == RS_SYN_SENT)
        w.states |= 1u << RS_CLOSED;
    /* RFC 1191 section 3: a size that what is quoted fits says nothing. */
    if (k->effect == TOO_BIG) {
        w.rule = ST0_ICMP_TOO_BIG;
        w.soft = 0;
        w.resends = k->rest < total;
    }
    return w;
}

static bool only_resends(const struct st0_bench *b)
{
    uint32_t at = b->tcb.una;

    for (unsigned i = 0; i < b->n_frames && i < ST0_MAX_FRAMES; i++) {
        const struct st0_frame *f = &b->frame[i];
        if (f->seq != at || f->flags & TCP_RST)
            return false;
        at += f->len + ((f->flags & (TCP_SYN | TCP_FIN)) ? 1u : 0u);
    }
    return seq_le(at, b->tcb.nxt);
}

/* RFC 1191 section 3: no path takes less than 68 octets. */
static uint32_t size_told(const struct kind *k)
{
    return k->rest < 68 ? 68 : k->rest;
}

/* What differs from the rule, or NULL. */
static const char *differs(struct st0_bench *b, const struct want *w, const struct kind *k,
                           uint32_t smss)
{
    struct rs_status s;

    if (!(w->states >> b->seen & 1))
        return "state";
    if (w->resends ? !only_resends(b) : b->n_frames > 0)
        return "reply";
    if (b->conn < 0 || rs_status(b->host, b->conn, &s) < 0)
        return NULL;
    if (s.state == RS_CLOSED)
        return b->tcb.state == RS_CLOSED || s.error == RS_EUNREACH ? NULL : "error";
    if (w->soft != 1 && s.soft_error != w->soft)
        return "soft error told";
    if (s.snd_una != b->tcb.una || s.snd_nxt != b->tcb.nxt || s.snd_wnd != b->tcb.wnd)
        return "SND variables";
    if (w->resends ? s.smss > smss : s.smss != smss)
        return "segment size";
    if (s.smss < smss && s.smss + st0_ip_header(b) + TCP_HEADER < size_told(k))
        return "segment size below what was told";
    return NULL;
}

static void run_cell(struct st0_bench *b, enum st0_start start, const struct kind *k,
                     enum flaw flaw, uint32_t seq, struct st0_tally *y)
{
    struct rs_status s = { .smss = 0 };

    st0_restore(b);
    if (b->conn >= 0)
        rs_status(b->host, b->conn, &s);
    const struct want w = judge(b, k, flaw, seq);
    const unsigned rule = st0_other_rule(w.rule);
    arrives(b, k, flaw, seq);
    st0_drain(b);
    y->cells++;
    y->rule_hits[b->tcb.state][rule]++;
    const char *what = differs(b, &w, k, s.smss);
    if (what)
        st0_mismatch(y, rule,
                     "%s: ICMP%s type %u code %u rest %u, flaw %d, quoting seq una%+d: %s; state "
                     "%s, %u sent; rule [%s]",
                     st0_start_name(start), b->ways & ST0_IP6 ? "v6" : "", k->type, k->code,
                     k->rest, (int)flaw, (int)(seq - b->tcb.una), what, rs_state_name(b->seen),
                     b->n_frames, st0_rule_name(rule));
}

void st0_run_icmp(struct st0_bench *b, enum st0_start start, struct st0_tally *y)
{
    const bool ip6 = b->ways & ST0_IP6;
    const struct kind *k = ip6 ? kinds6 : kinds4;
    const size_t n = ip6 ? sizeof kinds6 / sizeof kinds6[0] : sizeof kinds4 / sizeof kinds4[0];

    for (const struct kind *end = k + n; k < end; k++)
        for (enum flaw flaw = SOUND; flaw < N_FLAWS; flaw++)
            for (unsigned i = 0; i < N_SEQ; i++)
                run_cell(b, start, k, flaw, seq_of(&b->tcb, i), y);
}
