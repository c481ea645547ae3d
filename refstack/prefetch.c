/* Memory asked for before it is needed.
 *
 * With a million connections each segment finds its TCB, and the line of the demultiplexer that
 * leads to it, in main memory.  Waiting for both takes longer than all the work on the segment; a
 * caller that has several frames in hand can have them on their way meanwhile.
 */
#include <string.h>

#include "refstack/host.h"

/* Without a cursor: sockets_of has compared the length. */
static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

/* The sockets of a segment, if a plain look finds them.  This is a guess at what rs_input will make
 * of the frame: nothing depends on it but time, so what is unusual is simply passed over. */
static bool sockets_of(const uint8_t *ip, size_t len, struct rs_endpoint *local,
                       struct rs_endpoint *remote)
{
    const uint8_t *tcp;

    if (len < IP4_HEADER + 4)
        return false;
    if (ip[0] == 0x45) {
        if (ip[9] != IP_PROTO_TCP)
            return false;
        remote->addr = rs_ip4(ip[12], ip[13], ip[14], ip[15]);
        local->addr = rs_ip4(ip[16], ip[17], ip[18], ip[19]);
        tcp = ip + IP4_HEADER;
    } else {
        if (ip[0] >> 4 != 6 || len < IP6_HEADER + 4 || ip[6] != IP_PROTO_TCP)
            return false;
        remote->addr = rs_ip6(ip + 8);
        local->addr = rs_ip6(ip + 24);
        tcp = ip + IP6_HEADER;
    }
    remote->port = get16(tcp);
    local->port = get16(tcp + 2);
    return true;
}

/* Where a TCB is can only be read once its line has come, so that each frame goes through two
 * steps: its line at once, its TCB some calls later. */
void rs_prefetch_on(struct rs_host *h, unsigned on, const uint8_t *frame, size_t len)
{
    struct rs_endpoint local;
    struct rs_endpoint remote;
    const size_t link = on < h->n_links ? link_header_len(h, on) : len;
    struct demux_key *key = &h->coming[h->coming_at++ % PREFETCH_STEP];

    if (key->line != TCB_NONE)
        demux_prefetch(h, key);
    key->line = TCB_NONE;
    if (len <= link || !sockets_of(frame + link, len - link, &local, &remote))
        return;
    *key = demux_key(h, &local, &remote);
    __builtin_prefetch(&h->demux[key->line]);
}

void rs_prefetch(struct rs_host *h, const uint8_t *frame, size_t len)
{
    rs_prefetch_on(h, 0, frame, len);
}
