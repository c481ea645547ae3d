#include "interop/negotiate.h"

#include <stdio.h>

static const struct {
    enum offer offer;
    const char *name;
    const char *clause;
} words[] = {
    { OFFER_WSCALE, "window scale", "RFC 7323 section 2.2" },
    { OFFER_SACK, "SACK-permitted", "RFC 2018 section 2" },
    { OFFER_TIMESTAMPS, "timestamps", "RFC 7323 section 3.2" },
    { OFFER_ECN, "ECN", "RFC 3168 section 6.1.1" },
};

static bool says(const struct wire_segment *s, unsigned offers, const char *what, char *why)
{
    char segment[WIRE_TEXT / 2];
    char text[WIRE_TEXT];
    wire_print(s, text);
    snprintf(segment, sizeof segment, "%.120s", text);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (offers & words[i].offer) {
            snprintf(why, WIRE_TEXT, "%s: %s (%s) in \"%s\"", words[i].name, what,
                     words[i].clause, segment);
            return false;
        }
    return true;
}

struct found {
    unsigned offers; /* options of a SYN, and timestamps of any segment */
    bool sack;       /* SACK blocks */
};

static struct found options_of(const struct tcp_seg *seg)
{
    struct found f = { .offers = 0 };
    struct opt_walk walk = opt_walk_of(seg->opt, seg->opt_len);
    struct tcp_option o;
    while (opt_next(&walk, &o) == OPT_OK) {
        f.offers |= o.kind == OPT_WSCALE           ? (unsigned)OFFER_WSCALE
                    : o.kind == OPT_SACK_PERMITTED ? (unsigned)OFFER_SACK
                    : o.kind == OPT_TIMESTAMPS     ? (unsigned)OFFER_TIMESTAMPS
                                                   : 0;
        f.sack |= o.kind == OPT_SACK;
    }
    return f;
}

/* A SYN asks for ECN with ECE and CWR, a SYN+ACK agrees with ECE alone. */
static unsigned ecn_of(const struct tcp_seg *seg)
{
    unsigned both = seg->flags & (TCP_ECE | TCP_CWR);
    return both == ((seg->flags & TCP_ACK) ? TCP_ECE : (TCP_ECE | TCP_CWR)) ? OFFER_ECN : 0;
}

static bool judge_syn(struct negotiation *n, enum trace_end from, unsigned conn,
                      const struct tcp_seg *seg, const struct wire_segment *s, char *why)
{
    enum trace_end to = from == END_A ? END_B : END_A;
    unsigned offers = options_of(seg).offers | ecn_of(seg);
    bool again = n->end[conn][from].syn;
    bool answers = (seg->flags & TCP_ACK) && n->end[conn][to].syn && !n->end[conn][from].opened;
    n->end[conn][from].syn = true;
    n->end[conn][from].opened |= !(seg->flags & TCP_ACK);
    n->end[conn][from].offers = offers;
    if (!says(s, offers & n->off[from], "offered though it is off at that end", why))
        return false;
    if (seg->flags & TCP_ACK)
        return !answers || says(s, offers & ~n->end[conn][to].offers,
                               "agreed to though it was not offered", why);
    /* A SYN sent again may do without ECN (RFC 3168 section 6.1.1.1). */
    return says(s, n->on[from] & ~offers & ~(again ? (unsigned)OFFER_ECN : 0),
                "not offered though it is on at that end", why);
}

static bool judge_later(const struct negotiation *n, enum trace_end from, unsigned conn,
                        const struct frame_tcp *t, const struct wire_segment *s, char *why)
{
    enum trace_end to = from == END_A ? END_B : END_A;
    struct found f = options_of(&t->seg);
    unsigned agreed = n->end[conn][from].offers & n->end[conn][to].offers;
    bool known = n->end[conn][from].syn && n->end[conn][to].syn;
    if (!known || (t->seg.flags & TCP_RST))
        return true;
    if (!says(s, f.offers & ~agreed & OFFER_TIMESTAMPS, "used though not agreed on", why) ||
        !says(s, ~f.offers & agreed & OFFER_TIMESTAMPS, "missing though agreed on", why))
        return false;
    if (f.sack && !(n->end[conn][to].offers & OFFER_SACK))
        return says(s, OFFER_SACK, "blocks sent to an end that did not permit them", why);
    /* An ECN-capable transport codepoint on the IP header needs the agreement too. */
    if ((t->tos & 3u) && !(agreed & OFFER_ECN))
        return says(s, OFFER_ECN, "codepoint set though not agreed on", why);
    return true;
}

bool negotiate_note(struct negotiation *n, enum trace_end from, unsigned conn,
                    const struct frame_tcp *t, char why[WIRE_TEXT])
{
    const struct wire_segment s = { .flags = t->seg.flags, .seq = t->seg.seq, .ack = t->seg.ack,
                                    .wnd = t->seg.wnd, .text_len = t->seg.text_len };
    return (t->seg.flags & TCP_SYN) ? judge_syn(n, from, conn, &t->seg, &s, why)
                                    : judge_later(n, from, conn, t, &s, why);
}
