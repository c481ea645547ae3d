/* ICMP: echo (RFC 792), unreachables sent (RFC 1122 section 3.2.2) and errors received. */
#include <string.h>

#include "refstack/cursor.h"
#include "refstack/host.h"

enum { QUOTED = 8 }; /* octets beyond the IP header that every ICMP error carries */

static void echo_reply(struct rs_host *h, const struct datagram *ip, const struct icmp_msg *echo)
{
    uint8_t head[IP4_HEADER + ICMP_HEADER];
    struct icmp_msg reply = *echo;
    const size_t n = ip_emit_header(h, &h->cfg.addr, &ip->src, IP_PROTO_ICMP, ip->tos,
                                    h->cfg.tcp.ttl, ICMP_HEADER + echo->body_len, head,
                                    sizeof head);
    if (!n)
        return;
    reply.type = ICMP_ECHO_REPLY;
    reply.csum = 0;
    reply.body_len = 0;
    icmp_emit(&reply, head + n, ICMP_HEADER);
    reply.csum = csum_fold(csum_add(csum_add(0, head + n, ICMP_HEADER), echo->body, echo->body_len));
    icmp_emit(&reply, head + n, ICMP_HEADER);
    ip_queue(h, &ip->src, head, n + ICMP_HEADER, echo->body, echo->body_len);
}

void icmp_input(struct rs_host *h, const struct datagram *ip)
{
    struct icmp_msg m;

    if (icmp_parse(&m, ip->payload, ip->len) != WIRE_OK ||
        !icmp_checksum_ok(ip->payload, ip->len)) {
        judged(h, NULL, NULL, RS_REASON_ICMP_BAD);
        return;
    }
    switch (m.type) {
    case ICMP_ECHO:
        judged(h, NULL, NULL, RS_REASON_ACCEPTED);
        echo_reply(h, ip, &m);
        break;
    case ICMP_UNREACHABLE:
    case ICMP_TIME_EXCEEDED:
    case ICMP_PARAMETER_PROBLEM:
        icmp_error_for_tcp(h, &m);
        break;
    default: /* MUST-55: Source Quench above all */
        judged(h, NULL, NULL, RS_REASON_ICMP_IGNORED);
        break;
    }
}

/* Quotes the header and eight octets.  The caller has seen to it that the datagram was neither
 * broadcast nor a fragment nor ICMP, so that an error may be sent. */
void icmp_unreachable(struct rs_host *h, const struct ip4_hdr *ip, const uint8_t *datagram,
                      size_t len, uint8_t code)
{
    uint8_t buf[IP4_HEADER + ICMP_HEADER + IP4_HEADER + IP4_OPT_MAX + QUOTED];
    const size_t quoted = ip->ihl * 4u + QUOTED;
    const struct icmp_msg m = {
        .type = ICMP_UNREACHABLE,
        .code = code,
        .body = datagram,
        .body_len = len < quoted ? len : quoted,
    };
    const size_t n = ip_emit_header(h, &h->cfg.addr, &ip->src, IP_PROTO_ICMP, 0, h->cfg.tcp.ttl,
                                    ICMP_HEADER + m.body_len, buf, sizeof buf);
    const size_t k = n ? icmp_emit_sum(&m, buf + n, sizeof buf - n) : 0;
    if (k)
        ip_queue(h, &ip->src, buf, n + k, buf, 0);
}

/* RFC 9293 section 3.9.2.2 with RFC 5927 section 4.1: an error counts only for the connection and
 * the octets in flight that it quotes.  Hard errors abort a connection that is being opened; a
 * synchronized one takes every error as soft (RFC 5927 section 5.2, tempering SHLD-26). */
void icmp_error_for_tcp(struct rs_host *h, const struct icmp_msg *m)
{
    struct rcur c = rcur_of(m->body, m->body_len);
    const uint8_t first = rcur_u8(&c);
    const size_t ihl = (first & 15u) * 4u;
    struct rs_endpoint local = { .addr = { .version = 4 } };
    struct rs_endpoint remote = { .addr = { .version = 4 } };

    rcur_take(&c, 8);
    const uint8_t proto = rcur_u8(&c);
    rcur_take(&c, 2);
    rcur_copy(&c, local.addr.octet, 4);
    rcur_copy(&c, remote.addr.octet, 4);
    rcur_take(&c, ihl >= IP4_HEADER ? ihl - IP4_HEADER : m->body_len + 1);
    local.port = rcur_u16(&c);
    remote.port = rcur_u16(&c);
    const uint32_t seq = rcur_u32(&c);
    if (c.bad || first >> 4 != 4 || proto != IP_PROTO_TCP) {
        judged(h, NULL, NULL, c.bad ? RS_REASON_ICMP_BAD : RS_REASON_ICMP_IGNORED);
        return;
    }
    struct tcb *t = tcb_find(h, &local, &remote);
    if (!t || (!seq_in(seq, t->snd_una, t->snd_nxt - t->snd_una) && !BUG(ICMP_UNCHECKED))) {
        judged(h, t, NULL, RS_REASON_ICMP_NO_CONNECTION);
        return;
    }
    judged(h, t, NULL, RS_REASON_ACCEPTED);
    t->soft_error = RS_EUNREACH;
    const bool hard = m->type == ICMP_UNREACHABLE && m->code >= 2 && m->code <= 3;
    if (hard && (t->state == RS_SYN_SENT || BUG(ICMP_ABORTS))) {
        tcb_flush(h, t);
        tcb_closed(h, t, RS_EUNREACH);
    }
}
