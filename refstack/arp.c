/* ARP, RFC 826. */
#include <string.h>

#include "refstack/host.h"

static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

/* Broadcast where the neighbour is not known, to it alone where it is asked again (RFC 1122 section
 * 2.3.2.1). */
static size_t arp_frame(const struct rs_host *h, unsigned link, uint16_t op,
                        const uint8_t sender[4], const uint8_t *mac, const uint8_t target[4],
                        uint8_t *buf, size_t cap)
{
    struct eth_hdr eth = { .type = ETH_TYPE_ARP };
    struct arp_pkt arp = { .op = op };

    memcpy(eth.dst, mac ? mac : broadcast, 6);
    memcpy(eth.src, h->link[link].mac, 6);
    memcpy(arp.sender_mac, h->link[link].mac, 6);
    memcpy(arp.sender_ip, sender, 4);
    if (mac)
        memcpy(arp.target_mac, mac, 6);
    memcpy(arp.target_ip, target, 4);
    const size_t n = eth_emit(&eth, buf, cap);
    const size_t m = n ? arp_emit(&arp, buf + n, cap - n) : 0;
    return m ? n + m : 0;
}

size_t arp_solicit(struct rs_host *h, unsigned link, const struct rs_addr *ip, const uint8_t *mac,
                   uint8_t *buf, size_t cap)
{
    struct rs_addr from;

    return ip_source_on(h, link, ip, &from)
               ? arp_frame(h, link, ARP_REQUEST, from.octet, mac, ip->octet, buf, cap)
               : 0;
}

/* RFC 826's receiving algorithm: learn of a sender already known or of one that asks for us, then
 * answer a request.  Only a reply says that the way to the sender works.  Claims on our own
 * addresses are refused: whoever could make this host believe that its address is elsewhere could
 * silence it. */
enum rs_reason arp_input(struct rs_host *h, const uint8_t *p, size_t len)
{
    struct arp_pkt arp;
    uint8_t reply[ETH_HEADER + ARP_SIZE];
    static const struct rs_addr whole_frame = { .version = 0 };

    if (arp_parse(&arp, p, len) != WIRE_OK || (arp.sender_mac[0] & 1))
        return RS_REASON_ARP_BAD;
    const struct rs_addr target =
        rs_ip4(arp.target_ip[0], arp.target_ip[1], arp.target_ip[2], arp.target_ip[3]);
    const struct rs_addr sender =
        rs_ip4(arp.sender_ip[0], arp.sender_ip[1], arp.sender_ip[2], arp.sender_ip[3]);
    const bool for_us = addr_find(h, &target) != NULL;
    if (!ip_is_unicast(h, &sender) || ip_is_local(h, &sender))
        return RS_REASON_ARP_BAD;
    struct neighbour *e = neigh_find(h, h->in_link, &sender);
    if (!e && (for_us || BUG(ARP_ALL_LEARNT)))
        e = neigh_new(h, h->in_link, &sender);
    if (e)
        neigh_learn(h, e, arp.sender_mac, for_us && arp.op == ARP_REPLY);
    if ((for_us || BUG(ARP_ANY_REQUEST)) && arp.op == ARP_REQUEST) {
        const size_t n = arp_frame(h, h->in_link, ARP_REPLY, arp.target_ip, arp.sender_mac,
                                   arp.sender_ip, reply, sizeof reply);
        outq_put(h, OUTQ_STRANGERS, h->in_link, &whole_frame, reply, n, reply, 0);
    }
    return for_us ? RS_REASON_ACCEPTED : RS_REASON_LINK_NOT_OURS;
}
