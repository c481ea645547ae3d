/* The preamble: what options, sysctl lines and `//@ config` ask of the stack. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/conn.h"
#include "harness/run_state.h"

/* packetdrill allows 4 ms by default because its clock is real; ours is so only here and there. */
enum { VIRTUAL_TOLERANCE_US = 0, REAL_TOLERANCE_US = 4000 };

/* ---- --name=value ----------------------------------------------------------------------- */

/* An address of the version that the case runs with; one of the other version leaves ours. */
static bool address(struct run *r, const char *text, struct rs_addr *a)
{
    struct rs_addr given = { .version = strchr(text, ':') ? 6 : 4 };
    if (inet_pton(given.version == 6 ? AF_INET6 : AF_INET, text, given.octet) != 1)
        return false;
    if (given.version == r->opt->ip)
        *a = given;
    return true;
}

static void option(struct run *r, const struct sc_pair *p)
{
    /* What only tells packetdrill how to run, not the stack how to behave. */
    static const char *const moot[] = {
        "ip_version", "strict_segments", "non_fatal", "gateway_ip", "netmask_ip", "speed",
        "verbose", "mss", "dry_run", "send_omit_free", "define", "debug", "gateway_linkaddr",
        "remote_linkaddr", "init_scripts", "persistent_tun_dev", "tcp_ts_ecr_scaled",
        "code_command", "code_format", "code_sockopt", NULL
    };
    const char *value = p->value ? p->value : "";
    for (int i = 0; moot[i]; i++)
        if (strcmp(moot[i], p->name) == 0)
            return;
    if (!strcmp(p->name, "tolerance_usecs")) {
        r->tolerance = strtoull(value, NULL, 10);
    } else if (!strcmp(p->name, "tcp_ts_tick_usecs")) {
        r->ts_tick = strtoull(value, NULL, 10);
    } else if (!strcmp(p->name, "mtu")) {
        r->config.mtu = (uint16_t)strtoul(value, NULL, 10);
    } else if (!strcmp(p->name, "bind_port") || !strcmp(p->name, "connect_port")) {
        r->config.port = (uint16_t)strtoul(value, NULL, 10);
    } else if (!strcmp(p->name, "local_ip") || !strcmp(p->name, "remote_ip")) {
        struct rs_addr *a = p->name[0] == 'l' ? &r->config.local : &r->config.remote;
        if (!address(r, value, a))
            run_end(r, VERDICT_ERROR, "option: --%s=%s is not an IP address", p->name, value);
    } else {
        run_end(r, VERDICT_UNSUPPORTED, "option: --%s is not understood here", p->name);
    }
}

/* ---- The whole of it -------------------------------------------------------------------- */

/* A shell line configures the stack as long as nothing was done to it.  One without a time after
 * that is packetdrill's clean-up command: each case has a stack of its own, which goes with it. */
static bool acts(const struct sc_event *ev)
{
    return ev->kind == SC_PACKET || ev->kind == SC_ICMP || ev->kind == SC_CALL ||
           ev->kind == SC_USER || ev->kind == SC_CODE || ev->kind == SC_OPAQUE;
}

/* The host that fuzz inputs run on, with every oracle: its ends, ports and numbers are those that
 * inputs mean, and the first connection is known from the start. */
static void watched_host(struct run *r, const char *value)
{
    if (r->ops != &sut_refstack || !value || strcmp(value, "input") != 0) {
        run_end(r, VERDICT_UNSUPPORTED, "config: there is no host=%s on %s; refstack has "
                                        "host=input", value ? value : "", r->ops->name);
        return;
    }
    r->ops = &sut_watched;
    r->config.local = conn_addr(r->opt->ip == 6, 1);
    r->config.remote = conn_addr(r->opt->ip == 6, 2);
    struct run_conn *c = run_conn_new(r, LOCAL_PORT, REMOTE_PORT);
    r->current = 0;
    c->view.has_irs = true;
    c->view.irs = c->view.peer_nxt = c->view.rcv_nxt = CONN_IRS;
    c->view.rcv_wnd = 1;
}

static void settings(struct run *r, const struct sc_pair *p)
{
    for (; p; p = p->next) {
        if (strcmp(p->name, "host") == 0)
            watched_host(r, p->value);
        else if (strcmp(p->name, "ip") != 0)
            run_set(r, p->name, p->value);
    }
}

void run_configure(struct run *r)
{
    const struct sc_event *last = NULL; /* where a refusal by the stack is placed */
    r->tolerance = r->ops->wait ? REAL_TOLERANCE_US : VIRTUAL_TOLERANCE_US;
    const uint64_t ours = r->tolerance;
    while (r->first_act < r->script->n_events && !acts(&r->script->event[r->first_act]))
        r->first_act++;
    for (size_t i = 0; i < r->script->n_events && !r->over; i++) {
        const struct sc_event *ev = &r->script->event[i];
        r->ev = ev;
        if (ev->kind == SC_CONFIG || (ev->kind == SC_SHELL && i < r->first_act))
            last = ev;
        if (ev->kind == SC_OPTION)
            option(r, ev->u.pair);
        else if (ev->kind == SC_SHELL && i < r->first_act)
            run_shell(r, ev->u.text);
        else if (ev->kind == SC_CONFIG)
            settings(r, ev->u.pair);
    }
    /* What was written for packetdrill was written for its tolerance. */
    if (r->packetdrill && r->tolerance == ours)
        r->tolerance = REAL_TOLERANCE_US;
    /* The runners of the public suites give IPv6 an MTU that makes the MSS the same, where a
     * script is for either version. */
    if ((r->packetdrill || r->freebsd) && !r->script->ip && r->opt->ip == 6 && !r->config.mtu)
        r->config.mtu = 1520;
    r->ev = last;
}
