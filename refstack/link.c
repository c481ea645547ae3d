/* The link: Ethernet with ARP and Neighbour Discovery, or bare IP datagrams; and the queue of what
 * no connection sends.  Datagrams for this host itself turn round here. */
#include <string.h>

#include "refstack/host.h"

/* Datagrams to ourselves that one call of rs_output carries at most, so that two ends which answer
 * each other for ever come out as a deadline that never moves rather than as a call that hangs. */
enum { LOOPS_MAX = 1024 };

/* With it each frame has a header for the device in front (virtio 1.2 section 5.1.6). */
static size_t vnet_len(const struct rs_host *h)
{
    return h->cfg.offload ? VNET_HEADER : 0;
}

size_t link_header_len(const struct rs_host *h, unsigned link)
{
    return h->link[link].ethernet ? vnet_len(h) + ETH_HEADER : 0;
}

/* Pages come from the pool that connections use: without one the datagram is dropped, as any
 * network might. */
void outq_put(struct rs_host *h, unsigned most, unsigned link, const struct rs_addr *dst,
              const uint8_t *head, size_t head_len, const uint8_t *body, size_t body_len)
{
    struct outq *q = &h->outq;

    if (q->n >= most)
        return;
    struct outq_entry *e = &q->entry[(q->head + q->n) % OUTQ_ENTRIES];
    e->chain = CHAIN_EMPTY;
    e->dst = *dst;
    e->link = link;
    if (chain_append(&h->pool, &e->chain, head, (uint32_t)head_len) < head_len ||
        chain_append(&h->pool, &e->chain, body, (uint32_t)body_len) < body_len) {
        chain_free(&h->pool, &e->chain);
        return;
    }
    q->n++;
}

/* IPv4 by a link broadcast is refused, whatever address it names: RFC 1122 section 3.3.6 has no
 * unicast datagram come so.  IPv6 may come to a group's MAC. */
static void ethernet_input(struct rs_host *h, const uint8_t *frame, size_t len)
{
    struct eth_hdr eth;

    if (eth_parse(&eth, frame, len) != WIRE_OK) {
        judged(h, NULL, NULL, RS_REASON_LINK_TRUNCATED);
        return;
    }
    const bool to_us = memcmp(eth.dst, h->link[h->in_link].mac, 6) == 0;
    const bool to_all = (eth.dst[0] & 1) != 0;
    const uint8_t *p = frame + ETH_HEADER;
    const size_t n = len - ETH_HEADER;
    if (eth.type == ETH_TYPE_ARP && (to_us || to_all))
        judged(h, NULL, NULL, arp_input(h, p, n));
    else if (eth.type == ETH_TYPE_IP4 && to_us)
        ip4_input(h, p, n, IP_FROM_WIRE);
    else if (eth.type == ETH_TYPE_IP6 && (to_us || to_all))
        ip6_input(h, p, n, IP_FROM_WIRE);
    else
        judged(h, NULL, NULL, RS_REASON_LINK_NOT_OURS);
}

/* A frame from this machine's own kernel comes before its checksum is made, or after it was found
 * right (virtio 1.2 section 5.1.6.4). */
void link_input(struct rs_host *h, const uint8_t *frame, size_t len)
{
    struct vnet_hdr vnet = { .flags = 0 };

    if (h->cfg.offload && vnet_parse(&vnet, frame, len) != WIRE_OK) {
        judged(h, NULL, NULL, RS_REASON_LINK_TRUNCATED);
        return;
    }
    h->csum_done = (vnet.flags & (VNET_NEEDS_CSUM | VNET_DATA_VALID)) != 0;
    ethernet_input(h, frame + vnet_len(h), len - vnet_len(h));
    h->csum_done = false;
}

/* RFC 2464 section 7. 33:33 and the last four octets of the group. */
static void group_mac(const struct rs_addr *group, uint8_t mac[6])
{
    mac[0] = mac[1] = 0x33;
    memcpy(mac + 2, group->octet + 12, 4);
}

/* A datagram for ourselves goes no further than the queue, and comes in again from there: what the
 * loopback interface is elsewhere. */
size_t link_finish(struct rs_host *h, unsigned link, const struct rs_addr *dst, uint8_t *buf,
                   size_t len)
{
    const size_t head = link_header_len(h, link);

    h->out_link = link;
    if (ip_is_local(h, dst)) {
        outq_put(h, OUTQ_STRANGERS, link, dst, buf + head, len, buf, 0);
        return 0;
    }
    if (!h->link[link].ethernet)
        return len;
    struct eth_hdr eth = { .type = dst->version == 4 ? ETH_TYPE_IP4 : ETH_TYPE_IP6 };
    memcpy(eth.src, h->link[link].mac, 6);
    if (dst->version == 6 && ip_is_multicast(dst)) {
        group_mac(dst, eth.dst);
    } else {
        const struct rs_addr hop = ip_next_hop(h, link, dst);
        /* What counts on the link's help cannot wait: it would have to go without. */
        const bool helped = h->cfg.offload && (buf[0] & VNET_NEEDS_CSUM);
        const uint8_t *mac = neigh_resolve(h, link, &hop, buf + head, helped ? 0 : len);
        if (!mac)
            return 0;
        memcpy(eth.dst, mac, 6);
    }
    return vnet_len(h) + eth_emit(&eth, buf + vnet_len(h), ETH_HEADER) + len;
}

/* One entry out of the queue and into the buffer; its octets, link header not counted.  Taken out
 * even if it does not fit: a datagram too large for the caller's buffer is lost, not in everybody's
 * way. */
static size_t take(struct rs_host *h, struct rs_addr *dst, unsigned *link, uint8_t *buf, size_t cap)
{
    struct outq *q = &h->outq;
    struct outq_entry e = q->entry[q->head];
    const size_t skip = e.dst.version ? link_header_len(h, e.link) : vnet_len(h);
    const bool fits = skip + e.chain.len <= cap;
    const size_t n = fits ? e.chain.len : 0;

    q->head = (q->head + 1) % OUTQ_ENTRIES;
    q->n--;
    if (fits)
        chain_get(&h->pool, &e.chain, 0, buf + skip, (uint32_t)n, NULL);
    chain_free(&h->pool, &e.chain);
    memset(buf, 0, fits ? vnet_len(h) : 0);
    *dst = e.dst;
    *link = e.link;
    return n;
}

/* Answers first, then what this host says unasked: listeners, its claims on addresses, questions
 * for neighbours. */
size_t link_output(struct rs_host *h, uint8_t *buf, size_t cap)
{
    while (h->outq.n > 0 && h->looped < LOOPS_MAX) {
        struct rs_addr dst;
        unsigned link;
        size_t n = take(h, &dst, &link, buf, cap);
        if (n && dst.version && ip_is_local(h, &dst)) {
            h->looped++;
            ip_input(h, buf + link_header_len(h, link), n, IP_FROM_SELF);
            continue;
        }
        if (n && dst.version)
            n = link_finish(h, link, &dst, buf, n);
        else if (n)
            n += vnet_len(h);
        h->out_link = link;
        if (n)
            return n;
    }
    if (cap < vnet_len(h))
        return 0;
    const size_t vnet = vnet_len(h);
    size_t n = h->cfg.mld ? mld_output(h, buf + vnet, cap - vnet) : 0;
    if (!n && h->cfg.dad)
        n = dad_output(h, buf + vnet, cap - vnet);
    if (!n)
        n = neigh_output(h, buf + vnet, cap - vnet);
    memset(buf, 0, vnet);
    return n ? vnet + n : 0;
}

rs_time link_deadline(const struct rs_host *h)
{
    const rs_time dad = h->cfg.dad ? dad_deadline(h) : RS_NEVER;
    const rs_time neigh = neigh_deadline(h);
    const rs_time mld = h->cfg.mld ? mld_deadline(h) : RS_NEVER;
    const rs_time nd = dad < neigh ? dad : neigh;

    return mld < nd ? mld : nd;
}

/* What a deadline has come for is to be sent now. */
bool link_pending(const struct rs_host *h)
{
    return h->outq.n > 0 || link_deadline(h) <= h->now;
}
