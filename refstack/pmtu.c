/* Path MTU discovery, the TCP side: by ICMP (RFC 1191 section 6.4, RFC 8201 section 5.4), and
 * without it where a path swallows both large segments and the word of them (RFC 4821 section
 * 7.7). */
#include "refstack/host.h"

/* Less would leave no room for text behind a full set of options, at a price in headers that only
 * an attacker would ask for. */
enum { LEAST_SMSS = TCP_OPT_MAX + 8 };

static uint32_t least_mtu(const struct tcb *t)
{
    const uint32_t smss = t->cfg->min_mss > LEAST_SMSS ? t->cfg->min_mss : LEAST_SMSS;
    return (uint32_t)ip_header_len(&t->remote.addr) + TCP_HEADER + smss;
}

/* What was too large is lost, though not to congestion: it is sent again at once, cut to size, and
 * cwnd stays (RFC 8201 section 5.4). */
void tcp_path_mtu(struct rs_host *h, struct tcb *t, uint32_t mtu)
{
    const uint32_t allowed = mtu > least_mtu(t) ? mtu : least_mtu(t);
    const uint32_t old = t->smss;

    if (allowed >= (t->path_mtu ? t->path_mtu : h->cfg.mtu))
        return;
    t->path_mtu = (uint16_t)allowed;
    t->path_mtu_at = (uint32_t)(h->now / RS_SEC);
    const uint32_t smss = allowed - (uint32_t)ip_header_len(&t->remote.addr) - TCP_HEADER;
    if (smss >= old)
        return;
    t->smss = (uint16_t)smss;
    if (!synchronized(t) || BUG(PMTU_SILENT))
        return;
    flight_lose(&h->pool, &t->flight, t->snd_una, t->snd_una, t->snd_nxt);
    t->rtx_free = true;
    tcb_ready(h, t);
}

/* Full stop: segments as large as the path is thought to take were lost again and again.  The next
 * size down is tried that nearly every path takes; RFC 4821 calls it search_low. */
void pmtu_suspect(struct rs_host *h, struct tcb *t)
{
    enum { TRIES = 3, SAFE = 1280, SAFEST_IP4 = 576 };
    const uint32_t mtu = t->path_mtu ? t->path_mtu : h->cfg.mtu;

    if (!t->cfg->black_holes || t->retransmits < TRIES || t->sendq.len < t->smss)
        return;
    if (mtu > SAFE)
        tcp_path_mtu(h, t, SAFE);
    else if (t->remote.addr.version == 4)
        tcp_path_mtu(h, t, SAFEST_IP4);
}

/* What was learned is forgotten after ten minutes (RFC 8201 section 5.3): the path may have become
 * wider, and if it has not it will say so again. */
void pmtu_refresh(struct rs_host *h, struct tcb *t)
{
    enum { LIFETIME = 600 };
    const uint32_t header = (uint32_t)ip_header_len(&t->remote.addr) + TCP_HEADER;
    const uint32_t link = h->cfg.mtu - header;

    if (!t->path_mtu || (uint32_t)(h->now / RS_SEC) - t->path_mtu_at < LIFETIME)
        return;
    t->path_mtu = 0;
    t->smss = (uint16_t)(t->peer_mss < link ? t->peer_mss : link);
}
