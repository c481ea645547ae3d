/* Who the other end of an Ethernet link is, by ARP or Neighbour Discovery. */
#include "harness/ethend.h"

#include <string.h>

#include <linux/if_ether.h>

#include "refstack/wire.h"

enum { ARP_LEN = 28, ND_HOPS = 255, ND_LEN = IP6_HEADER + ND_MSG + 8 };

static const uint8_t everyone[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

/* ---- ARP -------------------------------------------------------------------------------- */

/* RFC 826; operation 1 asks for the other's address, 2 tells ours. */
static void put_arp(struct ethend *e, uint8_t operation)
{
    uint8_t p[ARP_LEN] = { 0, 1, 8, 0, 6, 4, 0, operation };
    memcpy(p + 8, e->mac, 6);
    memcpy(p + 14, e->own.octet, 4);
    memcpy(p + 18, e->other_mac, 6);
    memcpy(p + 24, e->other.octet, 4);
    e->put(e->arg, ETH_P_ARP, operation == 1 ? everyone : e->other_mac, p, sizeof(p));
}

static void take_arp(struct ethend *e, const uint8_t *p, size_t len)
{
    if (len < ARP_LEN || memcmp(p + 14, e->other.octet, 4) != 0)
        return;
    memcpy(e->other_mac, p + 8, 6);
    e->met = true;
    if (p[7] == 1 && memcmp(p + 24, e->own.octet, 4) == 0)
        put_arp(e, 2);
}

/* ---- Neighbour Discovery ---------------------------------------------------------------- */

static void put_nd(struct ethend *e, uint8_t type, const struct rs_addr *to, const uint8_t mac[6])
{
    uint8_t p[ND_LEN], body[ND_MSG];
    const bool ask = type == ND_SOLICIT;
    uint8_t option[8] = { ask ? ND_OPT_SOURCE_MAC : ND_OPT_TARGET_MAC, 1 };
    memcpy(option + 2, e->mac, 6);
    const struct nd_msg nd = { .target = ask ? e->other : e->own, .opt = option,
                               .opt_len = sizeof(option) };
    const struct icmp_msg m = { .type = type, .rest = ask ? 0 : ND_SOLICITED | ND_OVERRIDE,
                                .body = body, .body_len = nd_emit(&nd, body, sizeof(body)) };
    const size_t len = icmp6_emit_sum(&m, &e->own, to, p + IP6_HEADER, ND_MSG + 8);
    const struct ip6_hdr ip = { .payload_len = (uint16_t)len, .next = IP_PROTO_ICMP6,
                                .hops = ND_HOPS, .src = e->own, .dst = *to };
    ip6_emit(&ip, p, IP6_HEADER);
    e->put(e->arg, ETH_P_IPV6, mac, p, IP6_HEADER + len);
}

/* To the solicited-node address of the other end's (RFC 4291 section 2.7.1). */
static void solicit(struct ethend *e)
{
    struct rs_addr group = { .version = 6, .octet = { 0xff, 2, [11] = 1, 0xff } };
    uint8_t mac[6] = { 0x33, 0x33, 0xff };
    memcpy(group.octet + 13, e->other.octet + 13, 3);
    memcpy(mac + 3, e->other.octet + 13, 3);
    put_nd(e, ND_SOLICIT, &group, mac);
}

/* The other end's own hardware address, from an option of either kind. */
static void take_mac(struct ethend *e, const struct nd_msg *nd)
{
    for (size_t at = 0; at + 8 <= nd->opt_len && nd->opt[at + 1]; at += 8u * nd->opt[at + 1]) {
        if (nd->opt[at] != ND_OPT_SOURCE_MAC && nd->opt[at] != ND_OPT_TARGET_MAC)
            continue;
        memcpy(e->other_mac, nd->opt + at + 2, 6);
        e->met = true;
    }
}

/* True for a datagram that is IPv6's own business, and done with. */
static bool take_nd(struct ethend *e, const uint8_t *p, size_t len)
{
    struct ip6_hdr ip;
    struct icmp_msg m;
    struct nd_msg nd;
    if (ip6_parse(&ip, p, len) != WIRE_OK)
        return false;
    /* Multicast listeners and router solicitations are IPv6's own business, not TCP's. */
    if (ip.next == IP6_HOP_BY_HOP)
        return true;
    if (ip.next != IP_PROTO_ICMP6 || icmp_parse(&m, ip.payload, ip.payload_len) != WIRE_OK ||
        m.type < 130)
        return false;
    if ((m.type != ND_SOLICIT && m.type != ND_ADVERT) || ip.hops != ND_HOPS ||
        nd_parse(&nd, &m) != WIRE_OK)
        return true;
    /* An advertisement is about its target, whoever sends it; a solicitation about its source
     * (RFC 4861 sections 7.2.5 and 7.2.3). */
    if (rs_addr_eq(m.type == ND_ADVERT ? &nd.target : &ip.src, &e->other))
        take_mac(e, &nd);
    if (m.type == ND_SOLICIT && e->met && rs_addr_eq(&nd.target, &e->own))
        put_nd(e, ND_ADVERT, &ip.src, e->other_mac);
    return true;
}

/* ---- Both ------------------------------------------------------------------------------- */

void ethend_ask(struct ethend *e)
{
    if (e->other.version == 6)
        solicit(e);
    else
        put_arp(e, 1);
}

bool ethend_take(struct ethend *e, uint16_t type, const uint8_t *p, size_t len)
{
    const bool v6 = e->other.version == 6;
    if (type == ETH_P_ARP && !v6)
        take_arp(e, p, len);
    if (type != (v6 ? ETH_P_IPV6 : ETH_P_IP))
        return false;
    return !v6 || !take_nd(e, p, len);
}

void ethend_send(struct ethend *e, const uint8_t *datagram, size_t len)
{
    e->put(e->arg, e->other.version == 6 ? ETH_P_IPV6 : ETH_P_IP, e->other_mac, datagram, len);
}
