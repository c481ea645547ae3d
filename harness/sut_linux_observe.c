/* Socket options, readiness, and what the kernel tells of its connections (sock_diag, TCP_INFO). */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "harness/sut_linux.h"

/* ---- Options ---------------------------------------------------------------------------- */

int lin_setsockopt(void *sut, int fd, int level, int option, int64_t v, uint64_t now)
{
    (void)sut, (void)now;
    const int value = (int)v;
    int rc;
    if (level == SOL_SOCKET && option == SO_LINGER) {
        const struct linger l = { v >= 0, v >= 0 ? value : 0 };
        rc = setsockopt(fd, level, option, &l, sizeof(l));
    } else if (level == SOL_SOCKET && (option == SO_RCVTIMEO || option == SO_SNDTIMEO)) {
        return -ENOSYS; /* a struct timeval, which the adapter's table has no form for */
    } else {
        rc = setsockopt(fd, level, option, &value, sizeof(value));
    }
    return rc < 0 ? -errno : 0;
}

int lin_getsockopt(void *sut, int fd, int level, int option, int64_t *v)
{
    struct linger l;
    socklen_t len = sizeof(l);
    int value = 0;
    if (level == SOL_SOCKET && option == SO_ERROR && lin_returned(sut, fd)) {
        /* A connect on the thread has told its error as its result. */
        *v = -lin_call(sut, &(struct lin_call){ .kind = LIN_CONNECT, .fd = fd });
        return 0;
    }
    if (level == SOL_SOCKET && option == SO_LINGER) {
        int rc = getsockopt(fd, level, option, &l, &len);
        *v = rc == 0 && l.l_onoff ? l.l_linger : -1;
        return rc < 0 ? -errno : 0;
    }
    len = sizeof(value);
    if (getsockopt(fd, level, option, &value, &len) < 0)
        return -errno;
    *v = value;
    return 0;
}

int lin_ready(void *sut, int fd)
{
    struct pollfd p = { fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP, 0 };
    if (lin_blocked(sut, fd))
        return lin_returned(sut, fd) ? POLLOUT : 0;
    return fd >= 0 && poll(&p, 1, 0) > 0 ? p.revents : fd < 0 ? POLLNVAL : 0;
}

/* ---- Observation ------------------------------------------------------------------------ */

int lin_state(void *sut, const struct rs_endpoint *local, const struct rs_endpoint *remote)
{
    struct lin_sut *s = sut;
    struct diag_socket found;
    int rc = diag_find(&s->diag, local, remote, &found);
    if (rc == -ENOENT)
        rc = diag_listener(&s->diag, local, &found);
    if (rc == -ENOENT)
        return RS_CLOSED;
    return rc < 0 ? -1 : (int)found.state;
}

static bool read_info(int fd, struct tcp_info *info)
{
    socklen_t len = sizeof(*info);
    memset(info, 0, sizeof(*info));
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &len) == 0;
}

int lin_fd_state(void *sut, int fd)
{
    /* By the kernel's numbers (include/net/tcp_states.h). */
    static const uint8_t state[] = {
        [1] = RS_ESTABLISHED, [2] = RS_SYN_SENT,  [3] = RS_SYN_RECEIVED, [4] = RS_FIN_WAIT_1,
        [5] = RS_FIN_WAIT_2,  [6] = RS_TIME_WAIT, [7] = RS_CLOSED,       [8] = RS_CLOSE_WAIT,
        [9] = RS_LAST_ACK,    [10] = RS_LISTEN,   [11] = RS_CLOSING,     [12] = RS_SYN_RECEIVED,
    };
    struct tcp_info info;
    (void)sut;
    if (fd < 0 || !read_info(fd, &info) || info.tcpi_state >= sizeof(state))
        return -1;
    return state[info.tcpi_state];
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

bool lin_info(void *sut, int fd, const char *name, int64_t *v)
{
    struct tcp_info info;
    (void)sut;
    if (fd < 0 || !read_info(fd, &info))
        return false;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (strcmp(fields[i].name, name) != 0)
            continue;
        /* Little-endian or not: each size into an integer of that size. */
        const unsigned char *p = (const unsigned char *)&info + fields[i].at;
        uint64_t v64;
        uint32_t v32;
        memcpy(&v64, p, fields[i].size == 8 ? 8 : 0);
        memcpy(&v32, p, fields[i].size == 4 ? 4 : 0);
        *v = fields[i].size == 8 ? (int64_t)v64 : fields[i].size == 4 ? (int64_t)v32 : p[0];
        return true;
    }
    return bit_field(&info, name, v);
}
