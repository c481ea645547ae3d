/* The preamble: what options, sysctl lines and `//@ config` ask of the stack. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/conn.h"
#include "harness/run_state.h"

/* packetdrill allows 4 ms by default because its clock is real; ours is so only here and there. */
enum { VIRTUAL_TOLERANCE_US = 0, REAL_TOLERANCE_US = 4000 };

static void add_setting(struct run *r, const char *name, const char *value)
{
    if (r->config.n_settings == SUT_SETTINGS_MAX)
        run_end(r, VERDICT_ERROR, "config: a script may have at most %d settings",
                SUT_SETTINGS_MAX);
    else
        r->config.setting[r->config.n_settings++] = (struct sut_setting){ name, value };
}

/* ---- --name=value ----------------------------------------------------------------------- */

static bool known_address(const struct rs_addr *a, const char *text)
{
    char own[32];
    snprintf(own, sizeof(own), "%u.%u.%u.%u", a->octet[0], a->octet[1], a->octet[2], a->octet[3]);
    return strcmp(own, text) == 0;
}

static bool parse_ip4(const char *text, struct rs_addr *a)
{
    unsigned b[4];
    char end;
    if (sscanf(text, "%3u.%3u.%3u.%3u%c", &b[0], &b[1], &b[2], &b[3], &end) != 4)
        return false;
    *a = rs_ip4((uint8_t)b[0], (uint8_t)b[1], (uint8_t)b[2], (uint8_t)b[3]);
    return known_address(a, text);
}

static void option(struct run *r, const struct sc_pair *p)
{
    /* What only tells packetdrill how to run, not the stack how to behave. */
    static const char *const moot[] = { "ip_version", "tcp_ts_tick_usecs", "strict_segments",
                                        "non_fatal", "gateway_ip", "netmask_ip", "speed",
                                        "verbose", "dry_run", "send_omit_free", NULL };
    const char *value = p->value ? p->value : "";
    for (int i = 0; moot[i]; i++)
        if (strcmp(moot[i], p->name) == 0)
            return;
    if (!strcmp(p->name, "tolerance_usecs")) {
        r->tolerance = strtoull(value, NULL, 10);
    } else if (!strcmp(p->name, "mtu")) {
        r->config.mtu = (uint16_t)strtoul(value, NULL, 10);
    } else if (!strcmp(p->name, "bind_port") || !strcmp(p->name, "connect_port")) {
        r->config.port = (uint16_t)strtoul(value, NULL, 10);
    } else if (!strcmp(p->name, "local_ip") || !strcmp(p->name, "remote_ip")) {
        struct rs_addr *a = p->name[0] == 'l' ? &r->config.local : &r->config.remote;
        if (r->opt->ip == 4 && !parse_ip4(value, a))
            run_end(r, VERDICT_UNSUPPORTED, "option: --%s=%s is not an IPv4 address", p->name,
                    value);
    } else {
        run_end(r, VERDICT_UNSUPPORTED, "option: --%s is not understood here", p->name);
    }
}

/* ---- Shell lines ------------------------------------------------------------------------ */

/* sysctl names of Linux and FreeBSD, and the setting each stands for. */
static const struct {
    const char *name, *setting;
    enum { AS_SWITCH, AS_NUMBER, AS_SECONDS, MOOT } kind;
} sysctls[] = {
    { "net.ipv4.tcp_sack", "sack", AS_SWITCH },
    { "net.ipv4.tcp_timestamps", "timestamps", AS_SWITCH },
    { "net.ipv4.tcp_window_scaling", "window_scale", AS_SWITCH },
    { "net.ipv4.tcp_rfc1337", "rfc1337", AS_SWITCH },
    { "net.ipv4.tcp_keepalive_time", "keepalive_idle", AS_SECONDS },
    { "net.ipv4.tcp_keepalive_intvl", "keepalive_intvl", AS_SECONDS },
    { "net.ipv4.tcp_keepalive_probes", "keepalive_probes", AS_NUMBER },
    { "net.ipv4.tcp_min_snd_mss", "min_mss", AS_NUMBER },
    { "net.inet.tcp.rfc1323", "timestamps", AS_SWITCH },
    { "net.inet.tcp.sack.enable", "sack", AS_SWITCH },
    /* Choices within what the RFCs leave open; a script that depends on one fails by itself. */
    { "net.ipv4.tcp_min_tso_segs", NULL, MOOT },
    { "net.ipv4.tcp_tso_win_divisor", NULL, MOOT },
    { "net.ipv4.tcp_congestion_control", NULL, MOOT },
    { "net.ipv4.tcp_no_metrics_save", NULL, MOOT },
    { "net.core.default_qdisc", NULL, MOOT },
};

static void sysctl_value(struct run *r, struct sc_arena *a, const char *name, const char *value)
{
    static const char *const on_off[] = { "off", "on" };
    if (r->ops->caps & SUT_SYSCTL) {
        add_setting(r, sc_strdup(a, name, strlen(name)), sc_strdup(a, value, strlen(value)));
        return;
    }
    for (size_t i = 0; i < sizeof(sysctls) / sizeof(sysctls[0]); i++) {
        if (strcmp(sysctls[i].name, name) != 0)
            continue;
        if (sysctls[i].kind == AS_SWITCH) {
            add_setting(r, sysctls[i].setting, on_off[atoi(value) != 0]);
        } else if (sysctls[i].kind != MOOT) {
            char *copy = sc_alloc(a, strlen(value) + 2);
            strcpy(copy, value);
            if (sysctls[i].kind == AS_SECONDS)
                strcat(copy, "s");
            add_setting(r, sysctls[i].setting, copy);
        }
        return;
    }
    run_end(r, VERDICT_UNSUPPORTED, "shell: sysctl %s has no counterpart here", name);
}

static bool is_defaults(const char *word)
{
    const char *base = strrchr(word, '/');
    base = base ? base + 1 : word;
    return strcmp(base, "defaults.sh") == 0 || strcmp(base, "set_sysctls.py") == 0;
}

/* One command of a shell line: defaults.sh, or sysctl with its assignments. */
static void command(struct run *r, struct sc_arena *a, char *line)
{
    char *save = NULL;
    char *word = strtok_r(line, " \t", &save);
    /* What undoes the settings of a real machine has nothing to undo here. */
    if (!word || word[0] == '#' || strstr(word, "sysctl_restore"))
        return;
    const bool defaults = is_defaults(word), sysctl = !strcmp(word, "sysctl");
    if (!defaults && !sysctl) {
        run_end(r, VERDICT_UNSUPPORTED, "shell: '%s' is not run here", word);
        return;
    }
    while (!r->over && (word = strtok_r(NULL, " \t", &save)) != NULL) {
        char *eq = strchr(word, '=');
        if (word[0] == '-' || strchr(word, '>'))
            continue;
        if (!eq)
            continue;
        *eq = '\0';
        for (char *c = word; *c; c++)
            if (*c == '/')
                *c = '.';
        const char *name = word[0] == '.' ? word + 1 : word;
        if (strncmp(name, "proc.sys.", 9) == 0)
            name += 9;
        sysctl_value(r, a, name, eq + 1);
    }
}

static void shell(struct run *r, struct sc_arena *a, const char *text)
{
    char *copy = sc_strdup(a, text, strlen(text)), *save = NULL;
    for (char *line = strtok_r(copy, "\n;", &save); line && !r->over;
         line = strtok_r(NULL, "\n;", &save))
        command(r, a, line);
}

/* The host that fuzz inputs run on, with every oracle: its ends, ports and numbers are those that
 * inputs mean, and the first connection is known from the start. */
static void watched_host(struct run *r, const char *value)
{
    if (r->ops != &sut_refstack || !value || strcmp(value, "input") != 0) {
        run_end(r, VERDICT_UNSUPPORTED, "config: host=input is one of refstack's");
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
            add_setting(r, p->name, p->value);
    }
}

void run_configure(struct run *r)
{
    const struct sc_event *last = NULL; /* where a refusal by the stack is placed */
    r->tolerance = r->ops->wait ? REAL_TOLERANCE_US : VIRTUAL_TOLERANCE_US;
    for (size_t i = 0; i < r->script->n_events && !r->over; i++) {
        const struct sc_event *ev = &r->script->event[i];
        r->ev = ev;
        if (ev->kind == SC_CONFIG || ev->kind == SC_SHELL)
            last = ev;
        if (ev->kind == SC_OPTION)
            option(r, ev->u.pair);
        else if (ev->kind == SC_SHELL && ev->at.kind == SC_T_NONE)
            shell(r, &r->arena, ev->u.text);
        else if (ev->kind == SC_CONFIG)
            settings(r, ev->u.pair);
    }
    r->ev = last;
}
