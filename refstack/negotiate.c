/* Options: what a SYN offers, what both ends agree on, and what each segment carries. */
#include "refstack/cursor.h"
#include "refstack/host.h"

enum { MAX_WSCALE = 14, TS_OCTETS = 12, DEFAULT_SMSS_IP4 = 536, DEFAULT_SMSS_IP6 = 1220 };

/* Room for every option and some text besides, however little the peer claims to take.  RFC 9293
 * has no lower bound.  Without one an MSS of 0 divides by zero or sends empty segments for ever
 * (picoTCP, CVE-2023-35847), and a tiny one makes a server send more headers than text
 * (CVE-2019-11479). */
enum { SMSS_FLOOR = TCP_OPT_MAX + 8 };

/* MUST-15: what is assumed of a peer that sends no MSS option.  RFC 1122's 576 and RFC 8200's 1280
 * octets, which every host must be able to receive, less headers. */
uint16_t default_smss(const struct rs_addr *remote)
{
    return remote->version == 6 ? DEFAULT_SMSS_IP6 : DEFAULT_SMSS_IP4;
}

/* MUST-67: what this host can receive, from the link's MTU less fixed headers (RFC 6691).  A
 * connection keeps to the link of its local address, whose MTU is the smallest that counts
 * (SHLD-6).  The shift is the least that lets the window field tell of the whole buffer, as the
 * buffer is now, since it can never change again (RFC 7323 section 2.2).
 *
 * What is on after this is what the SYN offers; options_agree takes back what the peer does not. */
void options_offer(struct rs_host *h, struct tcb *t)
{
    const size_t headers = BUG(MSS_IS_MTU) ? 0 : ip_header_len(&t->remote.addr) + TCP_HEADER;
    const uint16_t from_mtu = (uint16_t)(ip_mtu(h, &t->local.addr) - headers);

    t->rmss = t->cfg->mss && t->cfg->mss < from_mtu ? t->cfg->mss : from_mtu;
    /* Until the peer's SYN says more: text may go with a fast-open SYN. */
    const uint16_t unsaid = default_smss(&t->remote.addr);
    t->smss = t->rmss < unsaid ? t->rmss : unsaid;
    t->wscale_on = t->cfg->window_scale;
    t->ts_on = t->cfg->timestamps;
    t->sack_on = t->cfg->sack;
    t->rcv_wscale = !t->wscale_on ? 0 : t->cfg->window_shift;
    if (t->rcv_wscale > MAX_WSCALE)
        t->rcv_wscale = MAX_WSCALE;
    /* A unit larger than the buffer would make every window 0. */
    while (t->rcv_wscale > 0 && t->cfg->rcv_buf >> t->rcv_wscale == 0 && !BUG(WSCALE_OVER_BUFFER))
        t->rcv_wscale--;
    while (t->wscale_on && t->rcv_wscale < MAX_WSCALE && t->cfg->rcv_buf >> t->rcv_wscale > 65535)
        t->rcv_wscale++;
    /* RFC 7323 section 5.4: each connection counts from a number of its own, or the clock would
     * tell how long the host has been up. */
    t->ts_offset = ts_offset_choose(h, &t->local, &t->remote);
}

/* From the peer's SYN: each option is on only when both ends sent it (RFC 7323 section 2.2, 3.2;
 * RFC 2018 section 2).  MUST-16.  Called for each SYN that is taken, a listener's and that of a
 * simultaneous open too.  An option that comes on any other segment has no effect on these (MUST-5
 * asks only that it be read). */
void options_agree(struct rs_host *h, struct tcb *t, const struct tcp_seg *seg,
                   const struct tcp_opts *o)
{
    /* A path known to be narrower than the link bounds the segments at once. */
    const uint16_t mtu = t->path_mtu ? t->path_mtu : ip_mtu(h, &t->local.addr);
    const uint16_t link = (uint16_t)(mtu - ip_header_len(&t->remote.addr) - TCP_HEADER);
    const uint16_t unsaid = BUG(MSS_OF_THE_LINK) ? link : default_smss(&t->remote.addr);
    const uint16_t said = o->has_mss && !BUG(MSS_IGNORED) ? o->mss : unsaid;

    t->smss = said < t->cfg->min_mss ? t->cfg->min_mss : said;
    if (t->smss < SMSS_FLOOR)
        t->smss = SMSS_FLOOR;
    if (BUG(MSS_UNBOUNDED))
        t->smss = said;
    t->peer_mss = t->smss;
    if (t->smss > link)
        t->smss = link;
    t->wscale_on = t->wscale_on && (o->has_wscale || BUG(WSCALE_ONE_SIDED));
    /* RFC 7323 section 2.3: a shift above 14 is taken for 14, so that a window stays below half of
     * the sequence space. */
    const uint8_t most = BUG(WSCALE_UNCLAMPED) ? 31 : MAX_WSCALE;
    t->snd_wscale = !t->wscale_on ? 0 : o->shift > most ? most : o->shift;
    /* One end alone does not scale: the peer will read the field as it stands. */
    if (!t->wscale_on)
        t->rcv_wscale = 0;
    t->ts_on = t->ts_on && (o->has_ts || BUG(TS_UNASKED));
    t->sack_on = t->sack_on && (o->has_sack_permitted || BUG(SACK_UNASKED));
    ecn_agree(t, seg);
    /* TS.Recent begins with the SYN's TSval: the first segment after it is tested already. */
    if (t->ts_on) {
        t->ts_recent = o->ts_val;
        t->ts_recent_at = host_seconds(h);
    }
    /* The window in a SYN is never scaled. */
    t->snd_wnd = t->max_snd_wnd = seg->wnd;
}

static void put_nops(struct wcur *w, unsigned n)
{
    while (n-- > 0)
        wcur_u8(w, OPT_NOP);
}

/* A tick is a millisecond, within the 1 ms to 1 s that RFC 7323 section 5.4 asks for.  Two NOPs put
 * the numbers on a 32-bit boundary (appendix A). */
static void put_ts(const struct rs_host *h, const struct tcb *t, struct wcur *w, unsigned nops)
{
    const struct tcp_option ts = {
        .kind = OPT_TIMESTAMPS,
        .len = 10,
        .typed = true,
        .u.ts = { .val = (uint32_t)(h->now / RS_MSEC) + t->ts_offset, .ecr = t->ts_recent },
    };
    put_nops(w, nops);
    opt_put(w, &ts);
}

/* NOPs keep what follows on a 32-bit boundary; a cookie's length need not be a multiple of four. */
static void put_cookie(struct rs_host *h, const struct tcb *t, struct wcur *w)
{
    struct tcp_option cookie;
    uint8_t own[16];

    fastopen_option(h, t, &cookie, own);
    if (cookie.len == 0)
        return;
    for (unsigned pad = cookie.len; pad % 4; pad++)
        wcur_u8(w, OPT_NOP);
    opt_put(w, &cookie);
}

/* RFC 5482 section 3.3: 15 bits of seconds, or of minutes under the granularity bit. */
static uint16_t uto_value(const struct tcb *t)
{
    const rs_time s = (t->cfg->user_timeout ? t->cfg->user_timeout : t->cfg->r2) / RS_SEC;

    if (BUG(UTO_CUT))
        return (uint16_t)(s & 0x7fff);
    /* 0 is reserved; seconds reach to nine hours. */
    return (uint16_t)(s <= 0x7fff ? (s ? s : 1) : 0x8000 | (s / 60 > 0x7fff ? 0x7fff : s / 60));
}

/* MUST-14, SHLD-5: the MSS stands in every SYN, whatever it is (MAY-3).  With everything on, MSS,
 * SACK, timestamps and window scale are 24 octets of 40; the user timeout comes last and is left
 * out where a cookie leaves no room for it. */
static void put_syn(struct rs_host *h, const struct tcb *t, struct wcur *w)
{
    const struct tcp_option mss = { .kind = OPT_MSS, .len = 4, .typed = true, .u.mss = t->rmss };
    const struct tcp_option wscale = {
        .kind = OPT_WSCALE, .len = 3, .typed = true, .u.shift = t->rcv_wscale
    };
    const struct tcp_option sack = { .kind = OPT_SACK_PERMITTED, .len = 2, .typed = true };

    if (!BUG(MSS_NOT_OFFERED))
        opt_put(w, &mss);
    if (BUG(MSS_EVERYWHERE) && t->state >= RS_ESTABLISHED)
        return;
    /* SACK-permitted and timestamps fill three words even without NOPs, and beside a cookie of 16
     * octets they have to: one cut off at the header's end would spoil the SYN (MUST-7). */
    const unsigned nops = t->cookie_due && t->sack_on && t->ts_on ? 0 : 2;
    if (t->sack_on) {
        put_nops(w, nops);
        opt_put(w, &sack);
    }
    if (t->ts_on)
        put_ts(h, t, w, nops);
    if (t->wscale_on) {
        wcur_u8(w, OPT_NOP);
        opt_put(w, &wscale);
    }
    put_cookie(h, t, w);
    if ((t->cfg->uto || BUG(UTO_UNASKED)) && w->p + 4 <= w->end) {
        const struct tcp_option uto = {
            .kind = OPT_USER_TIMEOUT, .len = 4, .typed = true, .u.user_timeout = uto_value(t)
        };
        opt_put(w, &uto);
    }
}

/* The blocks to report: what came twice first (RFC 2883 section 4), then what waits.  RFC 2018
 * section 3: 40 octets hold four blocks, or three beside timestamps.  One block among them is the
 * DSACK. */
static unsigned sack_blocks(const struct rs_host *h, const struct tcb *t,
                            struct sack_block block[4])
{
    const unsigned max = BUG(SACK_ONE_BLOCK) ? 1 : t->ts_on ? 3 : 4;
    unsigned n = 0;

    if (!t->sack_on)
        return 0;
    if (t->dsack_due)
        block[n++] = t->dsack;
    return n + recvq_sack(&h->pool, &t->recvq, block + n, max - n);
}

static void put_sack(const struct rs_host *h, const struct tcb *t, struct wcur *w)
{
    struct tcp_option sack = { .kind = OPT_SACK, .typed = true };

    sack.u.sack.n = (uint8_t)sack_blocks(h, t, sack.u.sack.block);
    if (sack.u.sack.n == 0)
        return;
    sack.len = (uint8_t)(2 + 8 * sack.u.sack.n);
    wcur_u8(w, OPT_NOP);
    wcur_u8(w, OPT_NOP);
    opt_put(w, &sack);
}

/* RFC 7323 section 3.2: timestamps on every segment but RST once agreed; MUST-65: the rest on SYN
 * only, SACK blocks while there is a hole (RFC 2018 section 4).  A SYN's options are those still
 * on: in a SYN,ACK no more than the peer offered. */
size_t options_emit(struct rs_host *h, const struct tcb *t, uint16_t flags, uint8_t to[40])
{
    struct wcur w = wcur_of(to, TCP_OPT_MAX);

    if ((flags & TCP_SYN) || BUG(MSS_EVERYWHERE))
        put_syn(h, t, &w);
    if (!(flags & TCP_SYN)) {
        if (t->ts_on && !BUG(TS_ON_SYN_ONLY))
            put_ts(h, t, &w, 2);
        put_sack(h, t, &w);
    }
    return (size_t)(w.p - to);
}

/* MUST-16: the octets of options that a segment with text carries count against the MSS.  The value
 * in an MSS option allows for fixed headers only (RFC 6691), so that the sender takes off the
 * options of each segment.  Where it does not (RFC 2525 section 2.18) each full segment with
 * timestamps is twelve octets too large for the path. */
uint32_t eff_snd_mss(const struct rs_host *h, const struct tcb *t)
{
    struct sack_block block[4];
    const unsigned n = sack_blocks(h, t, block);

    if (BUG(MSS_IGNORES_OPTIONS))
        return t->smss;
    return t->smss - (t->ts_on ? TS_OCTETS : 0u) - (n ? 4 + 8 * n : 0);
}
