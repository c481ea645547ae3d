/* Ethernet under a stack on a tap device: who the other end is, by ARP or Neighbour Discovery. */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "harness/sut_tap.h"
#include "refstack/wire.h"

enum { ARP_LEN = 28, ND_HOPS = 255, ND_LEN = IP6_HEADER + ND_MSG + 8 };

static const uint8_t everyone[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

void tap_put_frame(struct tap_sut *s, uint16_t type, const uint8_t to[6], const void *p,
                   size_t len)
{
    struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(type),
                              .sll_ifindex = (int)s->device, .sll_halen = 6 };
    memcpy(at.sll_addr, to, 6);
    /* A packet the device does not take is a lost packet. */
    if (sendto(s->packet, p, len, 0, (struct sockaddr *)&at, sizeof(at)) < 0)
        return;
}

/* ---- ARP -------------------------------------------------------------------------------- */

/* RFC 826; operation 1 asks for the stack's address, 2 tells ours. */
static void put_arp(struct tap_sut *s, uint8_t operation)
{
    uint8_t p[ARP_LEN] = { 0, 1, 8, 0, 6, 4, 0, operation };
    memcpy(p + 8, s->mac, 6);
    memcpy(p + 14, s->config.remote.octet, 4);
    memcpy(p + 18, s->peer_mac, 6);
    memcpy(p + 24, s->config.local.octet, 4);
    tap_put_frame(s, ETH_P_ARP, operation == 1 ? everyone : s->peer_mac, p, sizeof(p));
}

void tap_take_arp(struct tap_sut *s, const uint8_t *p, size_t len)
{
    if (len < ARP_LEN || memcmp(p + 14, s->config.local.octet, 4) != 0)
        return;
    memcpy(s->peer_mac, p + 8, 6);
    s->met = true;
    if (p[7] == 1 && memcmp(p + 24, s->config.remote.octet, 4) == 0)
        put_arp(s, 2);
}

/* ---- Neighbour Discovery ---------------------------------------------------------------- */

static void put_nd(struct tap_sut *s, uint8_t type, const struct rs_addr *to, const uint8_t mac[6])
{
    uint8_t p[ND_LEN], body[ND_MSG];
    const bool ask = type == ND_SOLICIT;
    uint8_t option[8] = { ask ? ND_OPT_SOURCE_MAC : ND_OPT_TARGET_MAC, 1 };
    memcpy(option + 2, s->mac, 6);
    const struct nd_msg nd = { .target = ask ? s->config.local : s->config.remote, .opt = option,
                               .opt_len = sizeof(option) };
    const struct icmp_msg m = { .type = type, .rest = ask ? 0 : ND_SOLICITED | ND_OVERRIDE,
                                .body = body, .body_len = nd_emit(&nd, body, sizeof(body)) };
    const size_t len = icmp6_emit_sum(&m, &s->config.remote, to, p + IP6_HEADER, ND_MSG + 8);
    const struct ip6_hdr ip = { .payload_len = (uint16_t)len, .next = IP_PROTO_ICMP6,
                                .hops = ND_HOPS, .src = s->config.remote, .dst = *to };
    ip6_emit(&ip, p, IP6_HEADER);
    tap_put_frame(s, ETH_P_IPV6, mac, p, IP6_HEADER + len);
}

/* To the solicited-node address of the stack's (RFC 4291 section 2.7.1). */
static void solicit(struct tap_sut *s)
{
    struct rs_addr group = { .version = 6, .octet = { 0xff, 2, [11] = 1, 0xff } };
    uint8_t mac[6] = { 0x33, 0x33, 0xff };
    memcpy(group.octet + 13, s->config.local.octet + 13, 3);
    memcpy(mac + 3, s->config.local.octet + 13, 3);
    put_nd(s, ND_SOLICIT, &group, mac);
}

/* The stack's own hardware address, from an option of either kind. */
static void take_mac(struct tap_sut *s, const struct nd_msg *nd)
{
    for (size_t at = 0; at + 8 <= nd->opt_len && nd->opt[at + 1]; at += 8u * nd->opt[at + 1]) {
        if (nd->opt[at] != ND_OPT_SOURCE_MAC && nd->opt[at] != ND_OPT_TARGET_MAC)
            continue;
        memcpy(s->peer_mac, nd->opt + at + 2, 6);
        s->met = true;
    }
}

bool tap_take_nd(struct tap_sut *s, const uint8_t *p, size_t len)
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
    if (rs_addr_eq(&ip.src, &s->config.local))
        take_mac(s, &nd);
    if (m.type == ND_SOLICIT && s->met && rs_addr_eq(&nd.target, &s->config.remote))
        put_nd(s, ND_ADVERT, &ip.src, s->peer_mac);
    return true;
}

/* ---- Both ------------------------------------------------------------------------------- */

void tap_ask_for_stack(struct tap_sut *s)
{
    if (s->config.local.version == 6)
        solicit(s);
    else
        put_arp(s, 1);
}
