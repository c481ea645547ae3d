/* ICMP errors of either version about segments of ours, RFC 9293 section 3.9.2.2 with RFC 5927. */
#include "refstack/cursor.h"
#include "refstack/host.h"

/* What a quoted datagram tells: whose it was, how long, and which octets. */
struct quote {
    struct rs_endpoint local, remote;
    uint32_t seq;
    uint32_t total; /* octets of the datagram as it was sent */
};

/* The 8 octets after the header that RFC 792 promises hold the ports and the sequence number; more
 * is not asked for. */
static bool read_ip4(struct rcur *c, struct quote *q)
{
    const size_t ihl = (rcur_u8(c) & 15u) * 4u;

    rcur_u8(c);
    q->total = rcur_u16(c);
    rcur_take(c, 5);
    const uint8_t proto = rcur_u8(c);
    rcur_take(c, 2);
    q->local.addr.version = q->remote.addr.version = 4;
    rcur_copy(c, q->local.addr.octet, 4);
    rcur_copy(c, q->remote.addr.octet, 4);
    /* A header shorter than twenty octets is none: more is taken than there is, which makes the
     * cursor bad. */
    rcur_take(c, ihl >= IP4_HEADER ? ihl - IP4_HEADER : rcur_left(c) + 1);
    return proto == IP_PROTO_TCP;
}

/* This host puts no extension header before TCP.  The length says how large the datagram was, which
 * an error that is to be believed must fit. */
static bool read_ip6(struct rcur *c, struct quote *q)
{
    rcur_u32(c);
    q->total = IP6_HEADER + rcur_u16(c);
    const uint8_t proto = rcur_u8(c);
    rcur_u8(c);
    q->local.addr.version = q->remote.addr.version = 6;
    rcur_copy(c, q->local.addr.octet, 16);
    rcur_copy(c, q->remote.addr.octet, 16);
    return proto == IP_PROTO_TCP;
}

/* Each read is checked once at the end (cursor.h): what was cut off in the quote reads as zero and
 * is refused. */
static enum rs_reason read_quote(const struct icmp_error *e, struct quote *q)
{
    const size_t whole = IP6_HEADER + TCP_HEADER;
    struct rcur c = rcur_of(e->quoted, BUG(ICMP_QUOTE_TRUSTED) ? whole : e->quoted_len);
    struct rcur peek = c;
    const uint8_t version = rcur_u8(&peek) >> 4;

    *q = (struct quote){ .seq = 0 };
    const bool tcp = version == 6 ? read_ip6(&c, q) : read_ip4(&c, q);
    q->local.port = rcur_u16(&c);
    q->remote.port = rcur_u16(&c);
    q->seq = rcur_u32(&c);
    if (c.bad)
        return RS_REASON_ICMP_BAD;
    return tcp && (version == 4 || version == 6) ? RS_REASON_ACCEPTED : RS_REASON_ICMP_IGNORED;
}

/* RFC 1191 section 7: where the router does not say, the next of the sizes that links have. 68
 * octets is what every IPv4 link must take (RFC 791). */
static uint32_t next_plateau(uint32_t total)
{
    static const uint16_t plateau[] = { 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296 };

    for (unsigned i = 0; i < sizeof plateau / sizeof plateau[0]; i++)
        if (plateau[i] < total)
            return plateau[i];
    return 68;
}

/* An error counts only for the connection and the octets in flight that it quotes (MUST-54, RFC
 * 5927 section 4.1).  A soft one ends nothing (MUST-56).  Hard errors abort a connection that is
 * being opened; a synchronized one takes every error as soft (RFC 5927 section 5.2, tempering
 * SHLD-26).  A size is believed when the datagram quoted was larger (RFC 5927 section 7.2). */
void icmp_error_for_tcp(struct rs_host *h, const struct icmp_error *e)
{
    struct quote q;
    const enum rs_reason r = read_quote(e, &q);

    if (r != RS_REASON_ACCEPTED) {
        judged(h, NULL, NULL, r);
        return;
    }
    /* The number quoted must be in flight: who did not see the segment has to guess it, besides
     * both sockets. */
    struct tcb *t = tcb_find(h, &q.local, &q.remote);
    if (!t || (!seq_in(q.seq, t->snd_una, t->snd_nxt - t->snd_una) && !BUG(ICMP_UNCHECKED))) {
        judged(h, t, NULL, RS_REASON_ICMP_NO_CONNECTION);
        return;
    }
    /* A size no smaller than what was sent is no reason for the error, and a lie. */
    if (e->too_big) {
        const uint32_t unsaid = BUG(PLATEAU_UNKNOWN) ? q.total : next_plateau(q.total);
        const uint32_t mtu = e->mtu ? e->mtu : unsaid;
        judged(h, t, NULL, mtu < q.total ? RS_REASON_ACCEPTED : RS_REASON_ICMP_IGNORED);
        if (mtu < q.total)
            pmtu_told(h, t, q.seq, mtu);
        return;
    }
    judged(h, t, NULL, RS_REASON_ACCEPTED);
    /* Told to a user who asks (MUST-47, SHLD-25), and otherwise left to retransmission: the path
     * may heal. */
    t->soft_error = BUG(SOFT_ERROR_UNTOLD) ? 0 : RS_EUNREACH;
    if ((e->hard || BUG(SOFT_ERROR_ENDS)) && (t->state == RS_SYN_SENT || BUG(ICMP_ABORTS))) {
        tcb_flush(h, t);
        tcb_closed(h, t, RS_EUNREACH);
    }
}
