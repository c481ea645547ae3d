/* The link: Ethernet with ARP (RFC 826, RFC 1122 section 2.3.2), or bare IP datagrams. */
#include <string.h>

#include "refstack/host.h"

enum { ARP_TRIES = 3 };
static const rs_time arp_retry = RS_SEC;
static const rs_time arp_validity = 60 * RS_SEC;
static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

size_t link_header_len(const struct rs_host *h)
{
    return h->cfg.link == RS_LINK_ETHERNET ? ETH_HEADER : 0;
}

void outq_put(struct rs_host *h, const struct rs_addr *dst, const uint8_t *head, size_t head_len,
              const uint8_t *body, size_t body_len)
{
    struct outq *q = &h->outq;

    if (q->n == OUTQ_ENTRIES)
        return;
    struct outq_entry *e = &q->entry[(q->head + q->n) % OUTQ_ENTRIES];
    e->chain = CHAIN_EMPTY;
    e->dst = *dst;
    if (chain_append(&h->pool, &e->chain, head, (uint32_t)head_len) < head_len ||
        chain_append(&h->pool, &e->chain, body, (uint32_t)body_len) < body_len) {
        chain_free(&h->pool, &e->chain);
        return;
    }
    q->n++;
}

static struct arp_entry *arp_find(struct rs_host *h, const uint8_t ip[4])
{
    for (int i = 0; i < ARP_ENTRIES; i++)
        if (h->arp[i].state != ARP_FREE && memcmp(h->arp[i].ip, ip, 4) == 0)
            return &h->arp[i];
    return NULL;
}

static void arp_forget(struct rs_host *h, struct arp_entry *e)
{
    if (e->state == ARP_INCOMPLETE)
        chain_free(&h->pool, &e->waiting);
    e->state = ARP_FREE;
}

/* A free entry, or the one nearest its deadline. */
static struct arp_entry *arp_new(struct rs_host *h, const uint8_t ip[4])
{
    struct arp_entry *e = &h->arp[0];

    for (int i = 0; i < ARP_ENTRIES && e->state != ARP_FREE; i++)
        if (h->arp[i].state == ARP_FREE || h->arp[i].deadline < e->deadline)
            e = &h->arp[i];
    arp_forget(h, e);
    *e = (struct arp_entry){ .state = ARP_INCOMPLETE, .waiting = CHAIN_EMPTY };
    memcpy(e->ip, ip, 4);
    return e;
}

static void arp_learn(struct rs_host *h, struct arp_entry *e, const uint8_t mac[6])
{
    const struct rs_addr dst = rs_ip4(e->ip[0], e->ip[1], e->ip[2], e->ip[3]);

    if (e->state == ARP_INCOMPLETE && e->waiting.len && h->outq.n < OUTQ_ENTRIES) {
        struct outq *q = &h->outq;
        q->entry[(q->head + q->n++) % OUTQ_ENTRIES] =
            (struct outq_entry){ .chain = e->waiting, .dst = dst };
        e->waiting = CHAIN_EMPTY;
    }
    arp_forget(h, e);
    e->state = ARP_REACHABLE;
    e->deadline = h->now + arp_validity;
    memcpy(e->mac, mac, 6);
}

static size_t arp_frame(const struct rs_host *h, uint16_t op, const uint8_t *mac,
                        const uint8_t ip[4], uint8_t *buf, size_t cap)
{
    struct eth_hdr eth = { .type = ETH_TYPE_ARP };
    struct arp_pkt arp = { .op = op };

    memcpy(eth.dst, mac ? mac : broadcast, 6);
    memcpy(eth.src, h->cfg.mac, 6);
    memcpy(arp.sender_mac, h->cfg.mac, 6);
    memcpy(arp.sender_ip, h->cfg.addr.octet, 4);
    if (mac)
        memcpy(arp.target_mac, mac, 6);
    memcpy(arp.target_ip, ip, 4);
    const size_t n = eth_emit(&eth, buf, cap);
    const size_t m = n ? arp_emit(&arp, buf + n, cap - n) : 0;
    return m ? n + m : 0;
}

/* RFC 826's receiving algorithm: learn of a sender already known or of one that asks for us, then
 * answer a request. */
static enum rs_reason arp_input(struct rs_host *h, const uint8_t *p, size_t len)
{
    struct arp_pkt arp;
    uint8_t reply[ETH_HEADER + ARP_SIZE];
    static const struct rs_addr whole_frame = { .version = 0 };

    if (arp_parse(&arp, p, len) != WIRE_OK || (arp.sender_mac[0] & 1))
        return RS_REASON_ARP_BAD;
    const bool for_us = memcmp(arp.target_ip, h->cfg.addr.octet, 4) == 0;
    const struct rs_addr sender =
        rs_ip4(arp.sender_ip[0], arp.sender_ip[1], arp.sender_ip[2], arp.sender_ip[3]);
    if (!ip_is_unicast(h, &sender) || rs_addr_eq(&sender, &h->cfg.addr))
        return RS_REASON_ARP_BAD;
    struct arp_entry *e = arp_find(h, arp.sender_ip);
    if (!e && for_us)
        e = arp_new(h, arp.sender_ip);
    if (e)
        arp_learn(h, e, arp.sender_mac);
    if (for_us && arp.op == ARP_REQUEST) {
        const size_t n =
            arp_frame(h, ARP_REPLY, arp.sender_mac, arp.sender_ip, reply, sizeof reply);
        outq_put(h, &whole_frame, reply, n, reply, 0);
    }
    return for_us ? RS_REASON_ACCEPTED : RS_REASON_LINK_NOT_OURS;
}

void link_input(struct rs_host *h, const uint8_t *frame, size_t len)
{
    struct eth_hdr eth;

    if (eth_parse(&eth, frame, len) != WIRE_OK) {
        judged(h, NULL, NULL, RS_REASON_LINK_TRUNCATED);
        return;
    }
    const bool to_us = memcmp(eth.dst, h->cfg.mac, 6) == 0;
    const bool to_all = (eth.dst[0] & 1) != 0;
    if (eth.type == ETH_TYPE_ARP && (to_us || to_all))
        judged(h, NULL, NULL, arp_input(h, frame + ETH_HEADER, len - ETH_HEADER));
    else if (eth.type == ETH_TYPE_IP4 && to_us)
        ip_input(h, frame + ETH_HEADER, len - ETH_HEADER);
    else
        judged(h, NULL, NULL, RS_REASON_LINK_NOT_OURS);
}

static const uint8_t *next_hop(const struct rs_host *h, const struct rs_addr *dst)
{
    const unsigned bits = h->cfg.prefix_len;

    for (unsigned i = 0; i < bits; i++) {
        const uint8_t differ = (uint8_t)(dst->octet[i / 8] ^ h->cfg.addr.octet[i / 8]);
        if (differ >> (7 - i % 8) & 1)
            return h->cfg.gateway.version == 4 ? h->cfg.gateway.octet : dst->octet;
    }
    return dst->octet;
}

/* The datagram waits for the neighbour in place of any older one. */
static void arp_wait(struct rs_host *h, const uint8_t ip[4], const uint8_t *datagram, size_t len)
{
    struct arp_entry *e = arp_find(h, ip);

    if (!e) {
        e = arp_new(h, ip);
        e->deadline = h->now;
    }
    chain_free(&h->pool, &e->waiting);
    if (chain_append(&h->pool, &e->waiting, datagram, (uint32_t)len) < len)
        chain_free(&h->pool, &e->waiting);
}

size_t link_finish(struct rs_host *h, const struct rs_addr *dst, uint8_t *buf, size_t len)
{
    if (h->cfg.link == RS_LINK_IP)
        return len;
    const uint8_t *hop = next_hop(h, dst);
    const struct arp_entry *e = arp_find(h, hop);
    if (!e || e->state != ARP_REACHABLE) {
        arp_wait(h, hop, buf + ETH_HEADER, len);
        return 0;
    }
    struct eth_hdr eth = { .type = ETH_TYPE_IP4 };
    memcpy(eth.dst, e->mac, 6);
    memcpy(eth.src, h->cfg.mac, 6);
    return eth_emit(&eth, buf, ETH_HEADER) + len;
}

/* Requests due and entries past their time. */
static size_t arp_output(struct rs_host *h, uint8_t *buf, size_t cap)
{
    for (int i = 0; i < ARP_ENTRIES; i++) {
        struct arp_entry *e = &h->arp[i];
        if (e->state == ARP_FREE || e->deadline > h->now)
            continue;
        if (e->state == ARP_REACHABLE || e->tries == ARP_TRIES) {
            arp_forget(h, e);
            continue;
        }
        e->tries++;
        e->deadline = h->now + arp_retry;
        return arp_frame(h, ARP_REQUEST, NULL, e->ip, buf, cap);
    }
    return 0;
}

size_t link_output(struct rs_host *h, uint8_t *buf, size_t cap)
{
    struct outq *q = &h->outq;

    while (q->n > 0) {
        struct outq_entry e = q->entry[q->head];
        const size_t skip = e.dst.version ? link_header_len(h) : 0;
        size_t n = e.chain.len;
        q->head = (q->head + 1) % OUTQ_ENTRIES;
        q->n--;
        if (skip + n <= cap)
            chain_get(&h->pool, &e.chain, 0, buf + skip, (uint32_t)n, NULL);
        else
            n = 0;
        chain_free(&h->pool, &e.chain);
        if (n && e.dst.version)
            n = link_finish(h, &e.dst, buf, n);
        if (n)
            return n;
    }
    return h->cfg.link == RS_LINK_ETHERNET ? arp_output(h, buf, cap) : 0;
}

rs_time link_deadline(const struct rs_host *h)
{
    rs_time earliest = RS_NEVER;

    for (int i = 0; h->cfg.link == RS_LINK_ETHERNET && i < ARP_ENTRIES; i++)
        if (h->arp[i].state != ARP_FREE && h->arp[i].deadline < earliest)
            earliest = h->arp[i].deadline;
    return earliest;
}

bool link_pending(const struct rs_host *h)
{
    return h->outq.n > 0 || link_deadline(h) <= h->now;
}
