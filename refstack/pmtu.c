/* Path MTU discovery by ICMP, the TCP side: RFC 1191 section 6.4, RFC 8201 section 5.4. */
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
