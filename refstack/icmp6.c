/* ICMPv6: echo and errors received (RFC 4443); discovery goes to nd.c, queries for listeners to
 * mld.c. */
#include "refstack/host.h"

enum { UNREACHABLE_PORT = 4 };

/* An echo to a group is answered from an address of ours (RFC 4443 section 4.2). */
static void echo_reply(struct rs_host *h, const struct datagram *ip, const struct icmp_msg *echo)
{
    const uint32_t len = (uint32_t)(ICMP_HEADER + echo->body_len);
    uint8_t head[ICMP_HEADER];
    struct icmp_msg reply = *echo;
    struct rs_addr from = ip->dst;

    if (ip_is_multicast(&ip->dst) && !BUG(ECHO_FROM_GROUP) &&
        !ip_source_on(h, h->in_link, &ip->src, &from))
        return;
    const struct ip_out out = { .src = &from, .dst = &ip->src, .proto = IP_PROTO_ICMP6,
                                .tos = ip->tos, .ttl = h->cfg.tcp.ttl };
    reply.type = ICMP6_ECHO_REPLY;
    reply.csum = 0;
    reply.body_len = 0;
    icmp_emit(&reply, head, sizeof head);
    const uint32_t sum = csum_pseudo(&from, &ip->src, IP_PROTO_ICMP6, len);
    reply.csum =
        csum_fold(csum_add(csum_add(sum, head, sizeof head), echo->body, echo->body_len));
    icmp_emit(&reply, head, sizeof head);
    ip_send(h, &out, head, echo->body, echo->body_len);
}

/* A router's "no route" or "prohibited" may be over in a moment; a host that says that nobody has
 * the port knows. */
static void take_error(struct rs_host *h, const struct icmp_msg *m)
{
    /* RFC 9293 section 3.9.2.2 counts Parameter Problem of every code among the soft errors. */
    const struct icmp_error e = {
        .hard = m->type == ICMP6_UNREACHABLE && m->code == UNREACHABLE_PORT,
        .too_big = m->type == ICMP6_TOO_BIG,
        .mtu = m->rest,
        .quoted = m->body,
        .quoted_len = m->body_len,
    };
    /* RFC 8201 section 4: every link takes 1280 octets, so nobody tells the truth who says less. */
    if (e.too_big && e.mtu < IP6_MIN_MTU && !BUG(PMTU_ANY))
        judged(h, NULL, NULL, RS_REASON_ICMP_IGNORED);
    else
        icmp_error_for_tcp(h, &e);
}

/* A sender without an address may ask for nothing but Neighbour Discovery's questions: an answer
 * could not reach it. */
void icmp6_input(struct rs_host *h, const struct datagram *ip)
{
    const bool nobody = ip_is_unspecified(&ip->src);
    struct icmp_msg m;

    if (icmp_parse(&m, ip->payload, ip->len) != WIRE_OK ||
        !icmp6_checksum_ok(&ip->src, &ip->dst, ip->payload, ip->len)) {
        judged(h, NULL, NULL, RS_REASON_ICMP_BAD);
    } else if (m.type == ND_SOLICIT || m.type == ND_ADVERT) {
        judged(h, NULL, NULL, nd_input(h, ip, &m));
    } else if (m.type == ICMP6_MLD_QUERY && !nobody) {
        judged(h, NULL, NULL, mld_input(h, ip, &m));
    } else if (nobody) {
        judged(h, NULL, NULL, RS_REASON_IP_BAD_ADDRESS);
    } else if (m.type == ICMP6_ECHO) {
        judged(h, NULL, NULL, RS_REASON_ACCEPTED);
        echo_reply(h, ip, &m);
    } else if (m.type >= ICMP6_UNREACHABLE && m.type <= ICMP6_PARAMETER_PROBLEM) {
        take_error(h, &m);
    } else {
        judged(h, NULL, NULL, RS_REASON_ICMP_IGNORED);
    }
}
