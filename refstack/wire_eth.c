/* Ethernet II frames (RFC 894) and ARP for IPv4 over Ethernet (RFC 826).
 *
 *   Ethernet           ARP
 *   octet              octet
 *     0  destination     0  hardware: 1         8  sender's MAC
 *     6  source          2  protocol: 0x0800   14  sender's IPv4 address
 *    12  type            4  MAC octets: 6      18  target's MAC
 *                        5  IP octets: 4       24  target's IPv4 address
 *                        6  1 request, 2 reply
 *
 *   Ethernet           ARP
 *   octet              octet
 *     0  destination     0  hardware: 1         8  sender's MAC
 *     6  source          2  protocol: 0x0800   14  sender's IPv4 address
 *    12  type            4  MAC octets: 6      18  target's MAC
 *                        5  IP octets: 4       24  target's IPv4 address
 *                        6  1 request, 2 reply */
#include "refstack/bugs.h"
#include "refstack/cursor.h"
#include "refstack/wire.h"

enum { ARP_HW_ETHERNET = 1, ARP_MAC_LEN = 6, ARP_IP_LEN = 4 };

/* The frame check sequence has been taken off by the device. */
enum wire_result eth_parse(struct eth_hdr *h, const uint8_t *p, size_t len)
{
    struct rcur c = rcur_of(p, len);
    rcur_copy(&c, h->dst, sizeof h->dst);
    rcur_copy(&c, h->src, sizeof h->src);
    h->type = rcur_u16(&c);
    return c.bad ? WIRE_TRUNCATED : WIRE_OK;
}

size_t eth_emit(const struct eth_hdr *h, uint8_t *buf, size_t cap)
{
    struct wcur c = wcur_of(buf, cap);
    wcur_copy(&c, h->dst, sizeof h->dst);
    wcur_copy(&c, h->src, sizeof h->src);
    wcur_u16(&c, h->type);
    return c.bad ? 0 : ETH_HEADER;
}

/* The lengths are fixed by what hardware and protocol are, so a frame that disagrees with them is
 * of another kind rather than of a bad length.  Treck (CVE-2020-11914) read past the end of a short
 * frame. */
enum wire_result arp_parse(struct arp_pkt *a, const uint8_t *p, size_t len)
{
    struct rcur c = rcur_of(p, BUG(ARP_SHORT) ? ARP_SIZE : len);
    const uint16_t hardware = rcur_u16(&c);
    const uint16_t protocol = rcur_u16(&c);
    const uint8_t mac_len = rcur_u8(&c);
    const uint8_t ip_len = rcur_u8(&c);
    a->op = rcur_u16(&c);
    rcur_copy(&c, a->sender_mac, sizeof a->sender_mac);
    rcur_copy(&c, a->sender_ip, sizeof a->sender_ip);
    rcur_copy(&c, a->target_mac, sizeof a->target_mac);
    rcur_copy(&c, a->target_ip, sizeof a->target_ip);
    if (c.bad)
        return WIRE_TRUNCATED;
    if (hardware != ARP_HW_ETHERNET || protocol != ETH_TYPE_IP4 || mac_len != ARP_MAC_LEN ||
        ip_len != ARP_IP_LEN)
        return WIRE_BAD_VERSION;
    return WIRE_OK;
}

size_t arp_emit(const struct arp_pkt *a, uint8_t *buf, size_t cap)
{
    struct wcur c = wcur_of(buf, cap);
    wcur_u16(&c, ARP_HW_ETHERNET);
    wcur_u16(&c, ETH_TYPE_IP4);
    wcur_u8(&c, ARP_MAC_LEN);
    wcur_u8(&c, ARP_IP_LEN);
    wcur_u16(&c, a->op);
    wcur_copy(&c, a->sender_mac, sizeof a->sender_mac);
    wcur_copy(&c, a->sender_ip, sizeof a->sender_ip);
    wcur_copy(&c, a->target_mac, sizeof a->target_mac);
    wcur_copy(&c, a->target_ip, sizeof a->target_ip);
    return c.bad ? 0 : ARP_SIZE;
}
