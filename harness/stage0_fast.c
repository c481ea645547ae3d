/* The cells of stage 0 that are SYNs with cookies of Fast Open, for a listener that takes them:
 * every kind of cookie x flags x text.  Judged by the text of RFC 7413 section 4.2.2, and by RFC
 * 9293 section 3.10.7.2 where that leaves it alone.  Once in SYN-RECEIVED the connection is as any.
 */
#include <string.h>

#include "harness/stage0_bench.h"

/* What the SYN has; SHORT is the beginning of the right one, LONG has octets behind it. */
enum cookie { NONE, REQUEST, VALID, WRONG_FIRST, WRONG_LAST, SHORT, LONG, N_COOKIES };
enum { N_LEN = 6, N_FLAG_SETS = 64, COOKIE_MAX = 16 };

struct given {
    uint8_t octet[COOKIE_MAX];
    uint8_t len;
};

static struct st0_seg segment(enum cookie kind, uint16_t flags, uint32_t len, uint8_t *octet,
                              const struct given *g)
{
    struct st0_seg s = { .flags = flags, .seq = ST0_PEER_ISS, .ack = ST0_ISS, .len = len,
                         .wnd = 4096, .opt = ST0_OPT_DUE };

    memset(octet, 0x5a, COOKIE_MAX);
    memcpy(octet, g->octet, g->len);
    s.cookie = kind == NONE ? NULL : octet;
    s.cookie_len = kind == REQUEST ? 0 : g->len;
    if (kind == SHORT)
        s.cookie_len = (uint8_t)(g->len - 2);
    if (kind == LONG)
        s.cookie_len = (uint8_t)(g->len + 2);
    if (kind == WRONG_FIRST)
        octet[0] ^= 1;
    if (kind == WRONG_LAST)
        octet[g->len - 1] ^= 1;
    return s;
}

/* ---- The rules -------------------------------------------------------------------------- */

static enum st0_other rule_of(enum cookie kind)
{
    if (kind == NONE)
        return ST0_FAST_ABSENT;
    if (kind == REQUEST)
        return ST0_FAST_ASKED;
    return kind == VALID ? ST0_FAST_VALID : ST0_FAST_WRONG;
}

/* Section 3.10.7.2: what is no SYN alone is as for any listener. */
static const char *no_opening(const struct st0_bench *b, const struct st0_seg *s)
{
    const struct st0_frame *f = &b->frame[0];

    if (b->seen != RS_LISTEN)
        return "state";
    if (s->flags & TCP_RST || !(s->flags & TCP_ACK))
        return b->n_frames ? "an answer" : NULL;
    return b->n_frames == 1 && f->flags == TCP_RST && f->seq == s->ack ? NULL : "no RST at SEG.ACK";
}

/* "The server MUST send a cookie" to whom it is asked by, and SHOULD to whom has a wrong one. */
static const char *cookie_differs(const struct st0_frame *f, enum cookie kind,
                                  const struct given *g)
{
    if (kind == NONE)
        return f->has_cookie ? "a cookie that nobody asked for" : NULL;
    if (kind == VALID && !f->has_cookie)
        return NULL;
    if (!f->has_cookie || f->cookie_len != g->len || memcmp(f->cookie, g->octet, g->len))
        return "the cookie";
    return NULL;
}

/* Text that a valid cookie lets in, as far as the window goes, can be read before the handshake
 * ends; any other waits unacknowledged, or is dropped. */
static const char *text_differs(struct st0_bench *b, uint32_t taken)
{
    uint8_t text[ST0_TEXT_MAX];
    const int conn = rs_accept(b->host, b->listener, b->now);

    if (taken == 0)
        return NULL;
    if (conn < 0)
        return "nothing to accept";
    return rs_receive(b->host, conn, text, sizeof text, b->now) == (int)taken ? NULL : "the text";
}

static const char *differs(struct st0_bench *b, const struct st0_seg *s, enum cookie kind,
                           const struct given *g)
{
    const struct st0_frame *f = &b->frame[0];
    const uint32_t room = s->len < ST0_RCV_BUF ? s->len : ST0_RCV_BUF;
    const uint32_t taken = kind == VALID ? room : 0;
    const uint32_t nxt = s->seq + 1 + taken;
    const bool fin = kind == VALID && s->flags & TCP_FIN && taken == s->len;

    if (!(s->flags & TCP_SYN) || s->flags & (TCP_ACK | TCP_RST))
        return no_opening(b, s);
    if (b->seen != RS_SYN_RECEIVED)
        return "state";
    if (b->n_frames != 1 || (f->flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) !=
                                (TCP_SYN | TCP_ACK))
        return "no SYN,ACK";
    if (f->ack != nxt && !(fin && f->ack == nxt + 1))
        return "the acknowledgment";
    const char *what = cookie_differs(f, kind, g);
    if (what)
        return what;
    if (kind != VALID && rs_accept(b->host, b->listener, b->now) >= 0)
        return "accepted before the handshake ends";
    return text_differs(b, taken);
}

/* ---- Running ---------------------------------------------------------------------------- */

static void run_cell(struct st0_bench *b, enum cookie kind, uint16_t flags, uint32_t len,
                     const struct given *g, struct st0_tally *y)
{
    const unsigned rule = st0_other_rule(rule_of(kind));
    uint8_t octet[COOKIE_MAX];
    const struct st0_seg s = segment(kind, flags, len, octet, g);

    st0_restore(b);
    st0_arrives(b, &s);
    st0_drain(b);
    y->cells++;
    y->rule_hits[RS_LISTEN][rule]++;
    const char *what = differs(b, &s, kind, g);
    if (what)
        st0_mismatch(y, rule,
                     "Fast Open: flags 0x%x len %u, cookie %d: %s; state %s, %u sent (the first: "
                     "flags 0x%x ack irs%+d); rule [%s]",
                     flags, len, (int)kind, what, rs_state_name(b->seen), b->n_frames,
                     b->frame[0].flags, (int)(b->frame[0].ack - s.seq), st0_rule_name(rule));
}

/* Section 2: 4 to 16 octets, an even number. */
static bool ask(struct st0_bench *b, struct given *g)
{
    const struct given nothing = { .len = 0 };
    uint8_t octet[COOKIE_MAX];
    const struct st0_seg s = segment(REQUEST, TCP_SYN, 0, octet, &nothing);
    const struct st0_frame *f = &b->frame[0];

    st0_restore(b);
    st0_arrives(b, &s);
    st0_drain(b);
    g->len = f->cookie_len;
    memcpy(g->octet, f->cookie, sizeof g->octet);
    return b->n_frames == 1 && f->has_cookie && g->len >= 4 && g->len <= 14 && g->len % 2 == 0;
}

void st0_run_fast(struct st0_bench *b, unsigned ways, struct st0_tally *y)
{
    static const uint32_t lens[N_LEN] = { 0, 1, 100, ST0_RCV_BUF - 1, ST0_RCV_BUF,
                                          ST0_RCV_BUF + 1 };
    struct given g;

    if (!st0_start(b, ST0_LISTENER, (ways & ST0_IP6) | ST0_FAST) || !ask(b, &g)) {
        st0_mismatch(y, st0_other_rule(ST0_FAST_ASKED), "Fast Open: no cookie for who asks");
        return;
    }
    for (unsigned kind = NONE; kind < N_COOKIES; kind++)
        for (unsigned i = 0; i < N_LEN; i++)
            for (uint16_t flags = 0; flags < N_FLAG_SETS; flags++)
                run_cell(b, (enum cookie)kind, flags, lens[i], &g, y);
}
