/* A script's settings onto sysctls, socket options and the route of a namespace. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "harness/ns.h"
#include "harness/sut_linux.h"

/* ---- Values ----------------------------------------------------------------------------- */

/* Times in microseconds, switches as 0 and 1, numbers; false for anything else. */
static bool parse(const char *text, int64_t *v)
{
    char *end;
    if (!strcmp(text, "on") || !strcmp(text, "off")) {
        *v = text[1] == 'n';
        return true;
    }
    *v = strtoll(text, &end, 10);
    if (end == text || *v < 0)
        return false;
    if (!strcmp(end, "min"))
        *v *= 60000000;
    else if (!strcmp(end, "s"))
        *v *= 1000000;
    else if (!strcmp(end, "ms"))
        *v *= 1000;
    else
        return *end == '\0' || !strcmp(end, "us");
    return true;
}

/* ---- Where each setting goes ------------------------------------------------------------ */

/* `unit` is how many of ours make one of the kernel's, `on` its word for on where that is not 1.
 * Buffers are missing: the kernel counts the memory that text takes and not its octets, so that no
 * setting gives a window of so many.  A limit of challenge ACKs is the kernel's for all connections
 * together, beside the one that each has. */
static const struct {
    const char *name, *sysctl;
    int64_t unit;
    const char *on;
} sysctls[] = {
    { "timestamps", "net.ipv4.tcp_timestamps", 1, NULL },
    { "sack", "net.ipv4.tcp_sack", 1, NULL },
    { "window_scale", "net.ipv4.tcp_window_scaling", 1, NULL },
    { "rfc1337", "net.ipv4.tcp_rfc1337", 1, NULL },
    { "keepalive_idle", "net.ipv4.tcp_keepalive_time", 1000000, NULL },
    { "keepalive_intvl", "net.ipv4.tcp_keepalive_intvl", 1000000, NULL },
    { "keepalive_probes", "net.ipv4.tcp_keepalive_probes", 1, NULL },
    { "rto_min", "net.ipv4.tcp_rto_min_us", 1, NULL },
    { "rto_max", "net.ipv4.tcp_rto_max_ms", 1000, NULL },
    { "min_mss", "net.ipv4.tcp_min_snd_mss", 1, NULL },
    { "ecn", "net.ipv4.tcp_ecn", 1, NULL },
    { "syn_cookies", "net.ipv4.tcp_syncookies", 1, NULL },
    { "challenge_acks", "net.ipv4.tcp_challenge_ack_limit", 1, NULL },
    { "rack", "net.ipv4.tcp_recovery", 1, NULL },
    /* For clients, for servers, and for each listener without its asking. */
    { "fastopen", "net.ipv4.tcp_fastopen", 1, "1027" },
    /* The queue of a listener is as long as its call says; this bounds all of them. */
    { "backlog", "net.ipv4.tcp_max_syn_backlog", 1, NULL },
};

static const struct {
    const char *name;
    int level, option;
    int64_t unit;
    bool inverse; /* the option is on when the setting is off */
} options[] = {
    { "keepalive", SOL_SOCKET, SO_KEEPALIVE, 1, false },
    { "nagle", IPPROTO_TCP, TCP_NODELAY, 1, true },
    { "mss", IPPROTO_TCP, TCP_MAXSEG, 1, false },
    { "user_timeout", IPPROTO_TCP, TCP_USER_TIMEOUT, 1000, false },
    { "ttl", IPPROTO_IP, IP_TTL, 1, false },
    { "tos", IPPROTO_IP, IP_TOS, 1, false },
};

static bool set_sysctl(const char *name, const char *value, char *why, size_t cap)
{
    struct ns_error error;
    if (ns_sysctl(name, value, &error) == 0)
        return true;
    snprintf(why, cap, "linux: %s", error.text);
    return false;
}

static bool as_sysctl(const char *name, int64_t v, bool *known, char *why, size_t cap)
{
    for (size_t i = 0; i < sizeof(sysctls) / sizeof(sysctls[0]); i++) {
        char text[32];
        if (strcmp(sysctls[i].name, name) != 0)
            continue;
        *known = true;
        if (v % sysctls[i].unit != 0) {
            snprintf(why, cap, "linux: %s is not so fine that it could be given the script's %s",
                     sysctls[i].sysctl, name);
            return false;
        }
        snprintf(text, sizeof(text), "%lld", (long long)(v / sysctls[i].unit));
        if (v == 1 && sysctls[i].on)
            snprintf(text, sizeof(text), "%s", sysctls[i].on);
        return set_sysctl(sysctls[i].sysctl, text, why, cap);
    }
    return true;
}

static bool as_option(struct lin_sut *s, const char *name, int64_t v)
{
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (strcmp(options[i].name, name) != 0 || s->n_options == LIN_OPTIONS)
            continue;
        const int value = options[i].inverse ? v == 0 : (int)(v / options[i].unit);
        s->option[s->n_options++] = (struct lin_option){ options[i].level, options[i].option,
                                                         value };
        return true;
    }
    return false;
}

static bool set(struct lin_sut *s, const struct sut_setting *g, char *why, size_t cap)
{
    int64_t v;
    bool known = false;
    if (!strcmp(g->name, "net.ipv4.tcp_congestion_control"))
        s->own_congestion = true;
    if (strncmp(g->name, "net.", 4) == 0 && g->value)
        return set_sysctl(g->name, g->value, why, cap);
    if (!strcmp(g->name, "congestion") && g->value)
        return s->own_congestion = set_sysctl("net.ipv4.tcp_congestion_control",
                          strcmp(g->value, "newreno") ? g->value : "reno", why, cap);
    if (!g->value || !parse(g->value, &v)) {
        snprintf(why, cap, "linux cannot take the value '%s' for %s", g->value ? g->value : "",
                 g->name);
        return false;
    }
    if (!strcmp(g->name, "delayed_ack") && v == 0)
        return s->quickack = true;
    if (!strcmp(g->name, "mtu")) {
        s->config.mtu = (uint16_t)v;
        return true;
    }
    if (!as_sysctl(g->name, v, &known, why, cap))
        return false;
    if (known || as_option(s, g->name, v))
        return true;
    snprintf(why, cap, "linux cannot be set %s=%s", g->name, g->value);
    return false;
}

bool lin_configure(struct lin_sut *s, char *why, size_t cap)
{
    for (size_t i = 0; i < s->config.n_settings; i++)
        if (!set(s, &s->config.setting[i], why, cap))
            return false;
    return true;
}

/* ---- The route -------------------------------------------------------------------------- */

static void put_route(struct lin_sut *s, struct nlmsghdr *h, unsigned device)
{
    const bool v6 = s->config.remote.version == 6;
    struct rtmsg *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));
    m->rtm_family = v6 ? AF_INET6 : AF_INET;
    m->rtm_dst_len = v6 ? 128 : 32;
    m->rtm_table = RT_TABLE_MAIN;
    m->rtm_protocol = RTPROT_STATIC;
    m->rtm_scope = v6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    m->rtm_type = RTN_UNICAST;
    mnl_attr_put(h, RTA_DST, v6 ? 16 : 4, s->config.remote.octet);
    mnl_attr_put_u32(h, RTA_OIF, device);
    if (!s->quickack)
        return;
    /* The metric holds for each connection over the route, from its first segment on; the socket
     * option is only a hint that wears off. */
    struct nlattr *metrics = mnl_attr_nest_start(h, RTA_METRICS);
    mnl_attr_put_u32(h, RTAX_QUICKACK, 1);
    mnl_attr_nest_end(h, metrics);
}

bool lin_route(struct lin_sut *s, const char *device, char *why, size_t cap)
{
    _Alignas(8) char octets[1024];
    struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    struct nlmsghdr *h = mnl_nlmsg_put_header(octets);
    h->nlmsg_type = RTM_NEWROUTE;
    h->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK;
    put_route(s, h, if_nametoindex(device));
    ssize_t n = -1;
    if (nl && mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == 0 &&
        mnl_socket_sendto(nl, h, h->nlmsg_len) > 0)
        n = mnl_socket_recvfrom(nl, octets, sizeof(octets));
    int rc = n < 0 ? -1 : mnl_cb_run(octets, (size_t)n, 0, mnl_socket_get_portid(nl), NULL, NULL);
    if (rc < 0)
        snprintf(why, cap, "cannot route to the script in its namespace: %s", strerror(errno));
    if (nl)
        mnl_socket_close(nl);
    return rc >= 0;
}
