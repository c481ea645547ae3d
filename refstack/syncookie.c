/* SYN cookies, RFC 4987 section 3.6: with its backlog full a listener answers without keeping
 * anything, and knows its own answer again by the ACK.
 *
 * The initial sequence number is 5 bits of time, 3 bits of MSS and 24 bits of a keyed function of
 * both ends and the peer's number.  No other option survives, so none is offered.
 *
 *   iss:  31 ... 27     26 ... 24     23 ... 0
 *         time, 64 s    MSS's index   SipHash of both ends, the peer's ISN, time and index */
#include <string.h>

#include "refstack/cursor.h"
#include "refstack/host.h"
#include "refstack/siphash.h"

enum { USE_SYN_COOKIE = 4, TIME_BITS = 5, MSS_BITS = 3, MAC_BITS = 24 };
/* Cookies are good for one to two ticks: longer than a handshake takes with a lost SYN,ACK, too
 * short to collect them. */
static const rs_time tick = 64 * RS_SEC;
/* The largest that does not exceed the SYN's is used: usual links and both defaults have theirs,
 * and the least is the floor that every MSS is raised to (negotiate.c). */
static const uint16_t mss_table[1 << MSS_BITS] = { 48, 216, 536, 796, 1220, 1380, 1440, 1460 };

/* The peer's ISN and ports are in it, so that a cookie serves one handshake of one peer (RFC 4987
 * section 3.6). */
static uint32_t cookie_at(const struct rs_host *h, const struct rs_endpoint *local,
                          const struct rs_endpoint *remote, uint32_t irs, uint64_t time,
                          unsigned mss)
{
    uint64_t w[8] = { USE_SYN_COOKIE, (uint64_t)local->port << 16 | remote->port, irs,
                      time << 8 | mss };

    memcpy(&w[4], local->addr.octet, 16);
    memcpy(&w[6], remote->addr.octet, 16);
    const uint32_t mac = (uint32_t)siphash(h->key, w, sizeof w) & ((1u << MAC_BITS) - 1);
    return (uint32_t)(time & ((1u << TIME_BITS) - 1)) << (MSS_BITS + MAC_BITS) |
           (uint32_t)mss << MAC_BITS | mac;
}

/* Rounded down: a segment that the peer does not take must never be sent to it. */
static unsigned mss_index(uint16_t mss)
{
    unsigned i = (1u << MSS_BITS) - 1;

    while (i > 0 && mss_table[i] > mss)
        i--;
    return i;
}

/* The window field is the buffer's, unscaled, since the shift could not be remembered.  The answer
 * takes a stranger's place in the queue: a flood of SYNs crowds out none but strangers. */
void syncookie_answer(struct rs_host *h, struct tcb *l, const struct rs_endpoint *local,
                      const struct rs_endpoint *remote, const struct tcp_seg *syn,
                      const struct tcp_opts *o)
{
    uint8_t opt[4];
    struct wcur w = wcur_of(opt, sizeof opt);
    const size_t headers = ip_header_len(&remote->addr) + TCP_HEADER;
    const struct tcp_option mss = { .kind = OPT_MSS, .len = 4, .typed = true,
                                    .u.mss = (uint16_t)(ip_mtu(h, &local->addr) - headers) };
    const unsigned peer = mss_index(o->has_mss ? o->mss : default_smss(&remote->addr));
    struct tcp_seg seg = {
        .src_port = local->port,
        .dst_port = remote->port,
        .seq = cookie_at(h, local, remote, syn->seq, h->now / tick, peer),
        .ack = syn->seq + 1,
        .flags = TCP_SYN | TCP_ACK,
        .wnd = (uint16_t)(l->cfg->rcv_buf < 65535 ? l->cfg->rcv_buf : 65535),
        .opt = opt,
        .opt_len = sizeof opt,
    };

    opt_put(&w, &mss);
    l->listener.cookies_until = h->now + 2 * tick;
    segment_queue(h, OUTQ_STRANGERS, local, remote, &seg);
}

/* The MSS of the SYN that this ACK goes back to; 0 when it answers no cookie of ours.  A MAC of 24
 * bits takes some 16 million guesses: few enough that ACKs are believed only while cookies have
 * lately been given out. */
uint16_t syncookie_check(const struct rs_host *h, const struct tcb *l,
                         const struct rs_endpoint *local, const struct rs_endpoint *remote,
                         const struct tcp_seg *ack)
{
    const uint32_t iss = ack->ack - 1;
    const unsigned mss = iss >> MAC_BITS & ((1u << MSS_BITS) - 1);
    const uint64_t now = h->now / tick;

    if (h->now >= l->listener.cookies_until && !BUG(SYN_COOKIE_OLD))
        return 0;
    /* This tick or the one before: the MAC has the whole time, of which the number shows five
     * bits. */
    for (uint64_t back = 0; back < (BUG(SYN_COOKIE_OLD) ? 99 : 2) && back <= now; back++)
        if (cookie_at(h, local, remote, ack->seq - 1, now - back, mss) == iss ||
            BUG(SYN_COOKIE_ANY))
            return mss_table[BUG(SYN_COOKIE_MSS_LOST) ? (1u << MSS_BITS) - 1 : mss];
    return 0;
}
