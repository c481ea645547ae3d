/* What a case is played on: two stacks as its cast asks for, and the line between them. */
#include "interop/play.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "harness/ns.h"
#include "harness/pump.h"
#include "harness/tap.h"

/* Ports of connection n: its own at either end, so that the four-tuple is known beforehand. */
enum { PORT_A = 5000, PORT_B = 8000 };
/* For an address to become usable, which a worker of the kernel sees to that all cases share. */
enum { PATIENCE = 10 * RS_SEC };

static struct rs_addr address_of(const struct play *p, enum trace_end end)
{
    int ip_version = p->cast.ip_version;
    if (p->cast.stack[END_B]->kind == STACK_TRANSLATOR)
        return end == END_A ? translator_guest(ip_version) : translator_host(ip_version);
    uint8_t host = end == END_A ? 2 : 1;
    const uint8_t v6[16] = { 0xfd, [15] = host }; /* RFC 4193: fd00::1 and fd00::2 */
    return ip_version == 6 ? rs_ip6(v6) : rs_ip4(10, 0, 0, host);
}

static bool machine_cannot(struct play *p, const struct ns_error *error)
{
    case_verdict(p->out, error->status == 77 ? VERDICT_UNSUPPORTED : VERDICT_ERROR, "%s",
                 error->text);
    return false;
}

/* ---- The kernel ------------------------------------------------------------------------- */

struct sysctl {
    const char *name;
    const char *value;
};

static bool apply(const struct sysctl *s, size_t n, struct ns_error *error)
{
    for (size_t i = 0; i < n; i++)
        if (ns_sysctl(s[i].name, s[i].value, error) < 0)
            return false;
    return true;
}

bool play_quiet6(struct ns_error *error)
{
    const struct sysctl quiet6[] = {
        { "net.ipv6.conf.default.accept_ra", "0" },
        { "net.ipv6.conf.default.router_solicitations", "0" },
        { "net.ipv6.conf.default.accept_dad", "0" },
    };
    return apply(quiet6, sizeof quiet6 / sizeof quiet6[0], error);
}

/* What would make the kernel's segments depend on the machine's load or on other cases is off:
 * tail loss probes, cached metrics, pacing, its talk with routers that are not there. */
static bool kernel_settings(const struct play *p, struct ns_error *error)
{
    const bool *on = p->config.kernel;
    const struct sysctl settings[] = {
        { "net.ipv4.tcp_congestion_control", "reno" },
        { "net.ipv4.tcp_early_retrans", "0" },
        { "net.ipv4.tcp_no_metrics_save", "1" },
        { "net.ipv4.tcp_rfc1337", "1" }, /* old segments met by RST do not end TIME-WAIT */
        { "net.ipv4.tcp_timestamps", on[KERNEL_TIMESTAMPS] ? "1" : "0" },
        { "net.ipv4.tcp_sack", on[KERNEL_SACK] ? "1" : "0" },
        { "net.ipv4.tcp_window_scaling", on[KERNEL_WSCALE] ? "1" : "0" },
        { "net.ipv4.tcp_ecn", on[KERNEL_ECN] ? "1" : "0" },
        { "net.ipv4.tcp_fastopen", on[KERNEL_FASTOPEN] ? "3" : "0" },
        { "net.ipv4.tcp_syncookies", on[KERNEL_SYNCOOKIES] ? "2" : "1" },
    };
    /* lwIP's ACKs come up to 250 ms late, and a least timeout of 200 ms would overtake them. */
    const struct sysctl patient = { "net.ipv4.tcp_rto_min_us", "400000" };
    const struct sysctl no6 = { "net.ipv6.conf.default.disable_ipv6", "1" };
    char rmem[64];
    if (!apply(settings, sizeof settings / sizeof settings[0], error))
        return false;
    /* A kernel without IPv6 has nothing to be silenced. */
    if (p->cast.ip_version == 6 && !play_quiet6(error))
        return false;
    if (p->cast.ip_version == 4)
        apply(&no6, 1, NULL);
    if (p->cast.stack[END_A]->kind == STACK_SUT)
        apply(&patient, 1, NULL); /* kernels before 6.11 have no such setting */
    if (!p->config.kernel_rcv_buf)
        return true;
    snprintf(rmem, sizeof rmem, "%u %u %u", p->config.kernel_rcv_buf, p->config.kernel_rcv_buf,
             p->config.kernel_rcv_buf);
    return ns_sysctl("net.ipv4.tcp_rmem", rmem, error) == 0;
}

/* One octet to ourselves and back. */
static bool reaches_itself(struct sockaddr_in6 name)
{
    char octet = 0;
    socklen_t len = sizeof name;
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool came = fd >= 0 && bind(fd, (struct sockaddr *)&name, len) == 0 &&
                getsockname(fd, (struct sockaddr *)&name, &len) == 0 &&
                sendto(fd, &octet, 1, 0, (struct sockaddr *)&name, len) == 1 &&
                recv(fd, &octet, 1, MSG_DONTWAIT) == 1;
    if (fd >= 0)
        close(fd);
    return came;
}

/* An IPv6 address serves only once a worker of the kernel has been by, even without duplicate
 * address detection, and its route comes last; frames that come before are lost. */
bool play_wait_for_address(const struct rs_addr *addr, rs_time until)
{
    struct sockaddr_in6 name = { .sin6_family = AF_INET6 };
    const struct timespec a_while = { .tv_nsec = 500 * 1000 };
    memcpy(&name.sin6_addr, addr->octet, 16);
    while (!reaches_itself(name)) {
        if (pump_now() > until)
            return false;
        nanosleep(&a_while, NULL);
    }
    return true;
}

static bool make_kernel(struct play *p)
{
    struct ns_error error = { .status = 77 };
    const struct tapdev_config device = {
        .name = "tap0", .link = p->link, .mtu = p->config.host.mtu, .txqueuelen = 5000,
        .addr = address_of(p, END_B),
        .prefix_len = p->cast.ip_version == 6 ? 64 : 24,
    };
    if (!kernel_settings(p, &error))
        return machine_cannot(p, &error);
    int fd = tapdev_up(&device, &error);
    if (fd < 0)
        return machine_cannot(p, &error);
    if (p->cast.ip_version == 6 && !play_wait_for_address(&device.addr, pump_now() + PATIENCE)) {
        close(fd);
        p->stalled = PATIENCE;
        case_verdict(p->out, VERDICT_ERROR, "the kernel did not make its IPv6 address usable "
                     "within %d s; run fewer cases at once (-j)", PATIENCE / (int)RS_SEC);
        return false;
    }
    int rc = kernel_peer_init(&p->kernel, fd);
    p->kernel.no_delay = !p->config.host.tcp.nagle;
    p->kernel.no_quickack = !p->config.kernel[KERNEL_QUICKACK];
    p->kernel.fastopen = p->config.kernel[KERNEL_FASTOPEN];
    p->end[END_B] = &p->kernel.peer;
    if (rc < 0) {
        ns_fail(&error, 77, "cannot ask the kernel for its TCP states over sock_diag: %s",
                strerror(-rc));
        return machine_cannot(p, &error);
    }
    return true;
}

/* ---- A translator before the kernel ----------------------------------------------------- */

/* What of the case a translator cannot do, or NULL: it only answers, connections are opened by the
 * guest, and nothing of it can be set. */
static const char *not_translated(const struct play *p, const struct translator_program *program)
{
    bool faults = p->config.rates[END_A].drop || p->config.rates[END_A].reorder;
    for (size_t i = 0; i < p->script->n_events; i++) {
        const struct sc_event *e = &p->script->event[i];
        bool by_b = e->kind == SC_USER && play_end_of(p, e->actor) == END_B;
        if (e->kind == SC_USER && e->u.user.op == (by_b ? SC_OPEN_ACTIVE : SC_OPEN_PASSIVE))
            return "a translator opens no connection itself";
        faults |= e->kind == SC_FAULT;
    }
    if (faults && program->lossless)
        return "this translator counts on a link without faults";
    return p->config.n_set[END_B] ? "a translator has no such settings" : NULL;
}

/* A stack that does not speak ARP is put on the translator's link once that has answered. */
static bool meet_translator(struct play *p)
{
    struct rs_addr guest = address_of(p, END_A), host = address_of(p, END_B);
    ether_init(&p->ether, &p->translator.port, &guest, &host);
    if (ether_meet(&p->ether, pump_now() + PATIENCE))
        return true;
    if (p->ether.port.error) {
        case_verdict(p->out, VERDICT_ERROR, "%s is gone: %s", p->translator.program->arg[0],
                     strerror(p->ether.port.error));
        return false;
    }
    p->stalled = PATIENCE;
    case_verdict(p->out, VERDICT_ERROR, "%s did not tell its hardware address within %d s; run "
                 "fewer cases at once (-j)", p->translator.program->arg[0], PATIENCE / (int)RS_SEC);
    return false;
}

static bool make_translator(struct play *p)
{
    struct ns_error error = { .status = 77 };
    const struct stack *stack = p->cast.stack[END_B];
    char why[256];
    if (!stack_present(stack, why, sizeof why)) {
        case_verdict(p->out, VERDICT_UNSUPPORTED, "%s", why);
        return false;
    }
    const char *cannot = not_translated(p, stack->program);
    if (cannot) {
        case_verdict(p->out, VERDICT_UNSUPPORTED, "%s", cannot);
        return false;
    }
    if (!translator_start(&p->translator, stack->program, &error))
        return machine_cannot(p, &error);
    int rc = kernel_peer_init(&p->kernel, -1);
    kernel_peer_behind(&p->kernel);
    p->end[END_B] = &p->kernel.peer;
    if (rc == 0)
        return p->link == RS_LINK_ETHERNET || meet_translator(p);
    ns_fail(&error, 77, "cannot open sock_diag: %s", strerror(-rc));
    return machine_cannot(p, &error);
}

/* The kernel's sockets are where the translator takes what comes to the guest's gateway. */
static void name_behind(struct play *p)
{
    const uint8_t loopback6[16] = { [15] = 1 };
    for (unsigned i = 0; i < PEER_CONNS; i++)
        p->kernel.peer.local[i].addr = p->cast.ip_version == 6 ? rs_ip6(loopback6)
                                                               : rs_ip4(127, 0, 0, 1);
}

/* ---- Stacks in this process ------------------------------------------------------------- */

static bool make_host(struct play *p)
{
    struct rs_config *c = &p->config.host;
    c->link = p->link;
    c->addr = p->cast.ip_version == 6 ? rs_ip4(10, 0, 0, 2) : address_of(p, END_A);
    c->prefix_len = 24;
    if (p->cast.ip_version == 6) {
        c->addr6 = address_of(p, END_A);
        c->prefix6 = 64;
    }
    size_t size = rs_host_size(c);
    void *block = size ? malloc(size) : NULL;
    p->host = block ? rs_init(block, size, c, pump_now()) : NULL;
    if (!p->host) {
        free(block);
        case_verdict(p->out, VERDICT_ERROR, "%s: refstack refuses this configuration",
                     p->script->name);
        return false;
    }
    host_peer_init(&p->refstack, p->host);
    p->refstack.fastopen = c->tcp.fastopen;
    rs_observe(p->host, play_observe, p);
    p->end[END_A] = &p->refstack.peer;
    return true;
}

static bool make_sut(struct play *p, enum trace_end end)
{
    const struct stack *stack = p->cast.stack[end];
    char why[256] = "";
    struct sut_config c = { .seed = p->config.host.seed + (uint64_t)end,
                            .local = address_of(p, end),
                            .remote = address_of(p, end == END_A ? END_B : END_A),
                            .mtu = p->config.host.mtu, .port = PORT_B,
                            .n_settings = p->config.n_set[end] };
    memcpy(c.setting, p->config.set[end], sizeof c.setting);
    if (!sut_peer_init(&p->sut[end], stack->sut, &c, why, sizeof why)) {
        case_verdict(p->out, VERDICT_UNSUPPORTED, "%s", why);
        return false;
    }
    p->sut[end].no_delay = !p->config.host.tcp.nagle;
    p->end[end] = &p->sut[end].peer;
    return true;
}

static bool make_end(struct play *p, enum trace_end end)
{
    switch (p->cast.stack[end]->kind) {
    case STACK_HOST:
        return make_host(p);
    case STACK_KERNEL:
        return make_kernel(p);
    case STACK_TRANSLATOR:
        return make_translator(p);
    case STACK_SUT:
        break;
    }
    return make_sut(p, end);
}

/* ---- Both ------------------------------------------------------------------------------- */

static void name_ends(struct play *p)
{
    for (int end = 0; end < 2; end++) {
        for (uint16_t i = 0; i < PEER_CONNS; i++) {
            uint16_t port = (uint16_t)((end == END_A ? PORT_A : PORT_B) + i);
            p->end[end]->local[i].addr = address_of(p, (enum trace_end)end);
            p->end[end]->local[i].port = port;
            p->end[1 - end]->remote[i] = p->end[end]->local[i];
            stream_hash_init(&p->flow[end][i].hash_sent);
            stream_hash_init(&p->flow[end][i].hash_received);
        }
    }
}

/* Which offers each end makes is known of those whose configuration is ours. */
static void expect_offers(struct play *p)
{
    const struct rs_tcp_config *h = &p->config.host.tcp;
    const bool *k = p->config.kernel;
    const unsigned all = OFFER_WSCALE | OFFER_SACK | OFFER_TIMESTAMPS | OFFER_ECN;
    struct negotiation *n = &p->agreed;
    if (p->cast.stack[END_A]->kind == STACK_HOST) {
        n->on[END_A] = (h->window_scale ? OFFER_WSCALE : 0u) | (h->sack ? OFFER_SACK : 0u) |
                       (h->timestamps ? OFFER_TIMESTAMPS : 0u) | (h->ecn ? OFFER_ECN : 0u);
        n->off[END_A] = all & ~n->on[END_A];
    }
    if (p->cast.stack[END_B]->kind == STACK_KERNEL) {
        n->on[END_B] = (k[KERNEL_WSCALE] ? OFFER_WSCALE : 0u) | (k[KERNEL_SACK] ? OFFER_SACK : 0u) |
                       (k[KERNEL_TIMESTAMPS] ? OFFER_TIMESTAMPS : 0u) |
                       (k[KERNEL_ECN] ? OFFER_ECN : 0u);
        n->off[END_B] = all & ~n->on[END_B];
    }
}

static struct line_port *port_of_b(struct play *p)
{
    if (p->cast.stack[END_B]->kind != STACK_TRANSLATOR)
        return &p->end[END_B]->port;
    return p->link == RS_LINK_ETHERNET ? &p->translator.port : &p->ether.port;
}

bool play_stage(struct play *p)
{
    enum stack_kind b = p->cast.stack[END_B]->kind;
    bool tap = p->cast.stack[END_A]->kind == STACK_HOST && b != STACK_SUT;
    p->link = tap ? RS_LINK_ETHERNET : RS_LINK_IP;
    p->kernel.device = p->translator.fd = p->translator.link = -1;
    if (!make_end(p, END_A) || !make_end(p, END_B))
        return false;
    p->wire.mss_less = p->cast.ip_version == 6 ? IP6_HEADER - IP4_HEADER : 0;
    name_ends(p);
    if (b == STACK_TRANSLATOR)
        name_behind(p);
    expect_offers(p);
    line_init(&p->line, &p->end[END_A]->port, port_of_b(p), p->link, p->config.rates);
    p->line.watch = play_watch;
    p->line.watch.arg = p;
    return true;
}

void play_stage_free(struct play *p)
{
    line_free(&p->line);
    if (p->end[END_B] == &p->kernel.peer)
        kernel_peer_free(&p->kernel);
    translator_stop(&p->translator);
    sut_peer_free(&p->sut[END_A]);
    sut_peer_free(&p->sut[END_B]);
    free(p->host);
    p->host = NULL;
}
