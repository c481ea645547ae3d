/* ICMP for IPv4: echo (RFC 792, RFC 1122 section 3.2.2.6) and errors received. */
#include "refstack/host.h"

/* Codes 2 and 3; 4 asks for smaller datagrams, which is no end (RFC 1191). */
enum { HARD_FROM = ICMP_PROTO_UNREACHABLE, HARD_TO = ICMP_PORT_UNREACHABLE };

/* The body comes back as it was, in pieces if it has to, with the request's type of service (RFC
 * 1122 section 3.2.1.6). */
static void echo_reply(struct rs_host *h, const struct datagram *ip, const struct icmp_msg *echo)
{
    const struct ip_out out = { .src = &ip->dst, .dst = &ip->src, .proto = IP_PROTO_ICMP,
                                .tos = ip->tos, .ttl = h->cfg.tcp.ttl };
    uint8_t head[ICMP_HEADER];
    struct icmp_msg reply = *echo;
    const size_t body_len = BUG(ECHO_EMPTY) ? 0 : echo->body_len;

    reply.type = ICMP_ECHO_REPLY;
    reply.csum = 0;
    reply.body_len = 0;
    icmp_emit(&reply, head, sizeof head);
    const uint32_t sum = csum_add(0, head, sizeof head);
    reply.csum = csum_fold(csum_add(sum, echo->body, body_len));
    icmp_emit(&reply, head, sizeof head);
    ip_send(h, &out, head, echo->body, body_len);
}

/* Whose error it is and whether it counts is judged by what it quotes (icmp_tcp.c). */
static void take_error(struct rs_host *h, const struct icmp_msg *m)
{
    const bool unreachable = m->type == ICMP_UNREACHABLE;
    const struct icmp_error e = {
        .hard = unreachable && m->code >= HARD_FROM && m->code <= HARD_TO,
        .too_big = unreachable && m->code == ICMP_FRAG_NEEDED,
        .mtu = m->rest & 0xffff, /* RFC 1191 section 4 */
        .quoted = m->body,
        .quoted_len = m->body_len,
    };
    icmp_error_for_tcp(h, &e);
}

/* Whatever is not listed asks for nothing that this host does: redirects, timestamps and masks are
 * as ignored as Source Quench is. */
void icmp_input(struct rs_host *h, const struct datagram *ip)
{
    struct icmp_msg m;

    if (icmp_parse(&m, ip->payload, ip->len) != WIRE_OK ||
        !icmp_checksum_ok(ip->payload, ip->len)) {
        judged(h, NULL, NULL, RS_REASON_ICMP_BAD);
        return;
    }
    if (BUG(SOURCE_QUENCH_HEEDED) && m.type == ICMP_SOURCE_QUENCH)
        take_error(h, &m);
    switch (m.type) {
    case ICMP_ECHO:
        judged(h, NULL, NULL, RS_REASON_ACCEPTED);
        echo_reply(h, ip, &m);
        break;
    case ICMP_UNREACHABLE:
    case ICMP_TIME_EXCEEDED:
    case ICMP_PARAMETER_PROBLEM: take_error(h, &m); break;
    default: /* MUST-55, RFC 5927 section 6: Source Quench above all */
        judged(h, NULL, NULL, RS_REASON_ICMP_IGNORED);
        break;
    }
}
