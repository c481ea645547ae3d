#include "harness/tcpinfo.h"

#include <stddef.h>
#include <string.h>

#include "refstack/refstack.h"

int tcpinfo_state(const struct tcp_info *info)
{
    /* By the kernel's numbers (include/net/tcp_states.h). */
    static const uint8_t state[] = {
        [1] = RS_ESTABLISHED, [2] = RS_SYN_SENT,  [3] = RS_SYN_RECEIVED, [4] = RS_FIN_WAIT_1,
        [5] = RS_FIN_WAIT_2,  [6] = RS_TIME_WAIT, [7] = RS_CLOSED,       [8] = RS_CLOSE_WAIT,
        [9] = RS_LAST_ACK,    [10] = RS_LISTEN,   [11] = RS_CLOSING,     [12] = RS_SYN_RECEIVED,
    };
    return info->tcpi_state > 0 && info->tcpi_state < sizeof(state) ? state[info->tcpi_state] : -1;
}

#define FIELD(name)                                                                                \
    { #name, offsetof(struct tcp_info, name), sizeof(((struct tcp_info *)0)->name) }
static const struct {
    const char *name;
    size_t at, size;
} fields[] = {
    FIELD(tcpi_state), FIELD(tcpi_ca_state), FIELD(tcpi_retransmits), FIELD(tcpi_probes),
    FIELD(tcpi_backoff), FIELD(tcpi_options), FIELD(tcpi_rto), FIELD(tcpi_ato),
    FIELD(tcpi_snd_mss), FIELD(tcpi_rcv_mss), FIELD(tcpi_unacked), FIELD(tcpi_sacked),
    FIELD(tcpi_lost), FIELD(tcpi_retrans), FIELD(tcpi_fackets), FIELD(tcpi_last_data_sent),
    FIELD(tcpi_last_ack_sent), FIELD(tcpi_last_data_recv), FIELD(tcpi_last_ack_recv),
    FIELD(tcpi_pmtu), FIELD(tcpi_rcv_ssthresh), FIELD(tcpi_rtt), FIELD(tcpi_rttvar),
    FIELD(tcpi_snd_ssthresh), FIELD(tcpi_snd_cwnd), FIELD(tcpi_advmss), FIELD(tcpi_reordering),
    FIELD(tcpi_rcv_rtt), FIELD(tcpi_rcv_space), FIELD(tcpi_total_retrans),
    FIELD(tcpi_pacing_rate), FIELD(tcpi_max_pacing_rate), FIELD(tcpi_bytes_acked),
    FIELD(tcpi_bytes_received), FIELD(tcpi_segs_out), FIELD(tcpi_segs_in),
    FIELD(tcpi_notsent_bytes), FIELD(tcpi_min_rtt), FIELD(tcpi_data_segs_in),
    FIELD(tcpi_data_segs_out), FIELD(tcpi_delivery_rate), FIELD(tcpi_busy_time),
    FIELD(tcpi_rwnd_limited), FIELD(tcpi_sndbuf_limited), FIELD(tcpi_delivered),
    FIELD(tcpi_delivered_ce), FIELD(tcpi_bytes_sent), FIELD(tcpi_bytes_retrans),
    FIELD(tcpi_dsack_dups), FIELD(tcpi_reord_seen), FIELD(tcpi_rcv_ooopack),
    FIELD(tcpi_snd_wnd),
};

static bool bit_field(const struct tcp_info *info, const char *name, int64_t *v)
{
    if (!strcmp(name, "tcpi_snd_wscale"))
        *v = info->tcpi_snd_wscale;
    else if (!strcmp(name, "tcpi_rcv_wscale"))
        *v = info->tcpi_rcv_wscale;
    else if (!strcmp(name, "tcpi_delivery_rate_app_limited"))
        *v = info->tcpi_delivery_rate_app_limited;
    else if (!strcmp(name, "tcpi_fastopen_client_fail"))
        *v = info->tcpi_fastopen_client_fail;
    else
        return false;
    return true;
}

/* Little-endian or not: each size from and into an integer of that size. */
bool tcpinfo_get(const struct tcp_info *info, const char *name, int64_t *v)
{
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (strcmp(fields[i].name, name) != 0)
            continue;
        const unsigned char *p = (const unsigned char *)info + fields[i].at;
        uint64_t v64;
        uint32_t v32;
        memcpy(&v64, p, fields[i].size == 8 ? 8 : 0);
        memcpy(&v32, p, fields[i].size == 4 ? 4 : 0);
        *v = fields[i].size == 8 ? (int64_t)v64 : fields[i].size == 4 ? (int64_t)v32 : p[0];
        return true;
    }
    return bit_field(info, name, v);
}

static void put(struct tcp_info *info, size_t at, size_t size, int64_t v)
{
    unsigned char *p = (unsigned char *)info + at;
    const uint64_t v64 = (uint64_t)v;
    const uint32_t v32 = (uint32_t)v;
    if (size == 8)
        memcpy(p, &v64, 8);
    else if (size == 4)
        memcpy(p, &v32, 4);
    else
        *p = (unsigned char)v;
}

void tcpinfo_fill(struct tcp_info *info, bool (*known)(void *, int fd, const char *, int64_t *),
                  void *sut, int fd)
{
    int64_t v;
    memset(info, 0, sizeof(*info));
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (known(sut, fd, fields[i].name, &v))
            put(info, fields[i].at, fields[i].size, v);
    if (known(sut, fd, "tcpi_snd_wscale", &v))
        info->tcpi_snd_wscale = (uint8_t)v & 15u;
    if (known(sut, fd, "tcpi_rcv_wscale", &v))
        info->tcpi_rcv_wscale = (uint8_t)v & 15u;
}
