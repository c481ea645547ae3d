/* Shell lines: what the helpers of public suites do, understood as settings; any other command only
 * with leave, and only where there is a kernel to run it on.
 *
 * A virtual stack has no shell.  A sysctl line is a setting of its own, in the preamble as in the
 * middle of a script; `defaults.sh` is what it sets on a kernel; `sockstat | grep -c STATE` asks
 * for a state; what restores a machine has nothing to restore here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "harness/run_state.h"

/* ---- Settings --------------------------------------------------------------------------- */

static void add_wish(struct run *r, const char *name, const char *value)
{
    if (r->n_wishes < RUN_WISHES)
        r->wish[r->n_wishes++] = (struct sut_setting){ name, value };
}

void run_set(struct run *r, const char *name, const char *value)
{
    char why[256] = "";
    if (r->sut) {
        const struct sut_setting s = { name, value };
        if (!r->ops->configure)
            run_end(r, VERDICT_UNSUPPORTED, "shell: %s takes no settings while it runs (%s=%s)",
                    r->ops->name, name, value);
        else if (!r->ops->configure(r->sut, &s, r->now, why, sizeof(why)))
            run_end(r, VERDICT_UNSUPPORTED, "settings: %s", why);
    } else if (r->wishing) {
        add_wish(r, name, value);
    } else if (r->config.n_settings == SUT_SETTINGS_MAX) {
        run_end(r, VERDICT_ERROR, "config: a script may have at most %d settings",
                SUT_SETTINGS_MAX);
    } else {
        r->config.setting[r->config.n_settings++] = (struct sut_setting){ name, value };
    }
}

/* sysctl names of Linux and FreeBSD, and the setting each stands for. */
static const struct known_sysctl {
    const char *name, *setting;
    enum { AS_SWITCH, AS_NUMBER, AS_SECONDS, AS_MSECONDS, AS_TEXT, AS_RMEM, AS_WMEM, AS_SHIFT,
           AS_ECN, AS_SERVER_BIT, AS_SYN_RETRIES, ONLY_ZERO, MOOT } kind;
} sysctls[] = {
    { "net.ipv4.tcp_sack", "sack", AS_SWITCH },
    { "net.ipv4.tcp_timestamps", "timestamps", AS_SWITCH },
    { "net.ipv4.tcp_window_scaling", "window_scale", AS_SWITCH },
    { "net.ipv4.tcp_rfc1337", "rfc1337", AS_SWITCH },
    { "net.ipv4.tcp_syncookies", "syn_cookies", AS_SWITCH },
    { "net.ipv4.tcp_keepalive_time", "keepalive_idle", AS_SECONDS },
    { "net.ipv4.tcp_keepalive_intvl", "keepalive_intvl", AS_SECONDS },
    { "net.ipv4.tcp_keepalive_probes", "keepalive_probes", AS_NUMBER },
    { "net.ipv4.tcp_fin_timeout", "fin_wait_2", AS_SECONDS },
    { "net.ipv4.tcp_min_snd_mss", "min_mss", AS_NUMBER },
    { "net.ipv4.tcp_congestion_control", "congestion", AS_TEXT },
    { "net.ipv4.tcp_rmem", NULL, AS_RMEM },
    { "net.ipv4.tcp_wmem", NULL, AS_WMEM },
    { "net.ipv4.tcp_ecn", NULL, AS_ECN },
    { "net.ipv4.tcp_fastopen", "fastopen", AS_SERVER_BIT },
    { "net.ipv4.tcp_syn_retries", "r2_syn", AS_SYN_RETRIES },
    { "net.ipv4.tcp_synack_retries", "r2_syn", AS_SYN_RETRIES },
    { "net.ipv4.tcp_recovery", "rack", AS_SWITCH },
    { "net.ipv4.tcp_mtu_probing", NULL, ONLY_ZERO },
    { "net.inet.tcp.rfc1323", "timestamps", AS_SWITCH },
    { "net.inet.tcp.sack.enable", "sack", AS_SWITCH },
    { "net.inet.tcp.syncookies", "syn_cookies", AS_SWITCH },
    { "net.inet.tcp.ecn.enable", NULL, AS_ECN },
    { "net.inet.tcp.recvspace", "rcv_buf", AS_NUMBER },
    { "net.inet.tcp.sendspace", "snd_buf", AS_NUMBER },
    { "kern.ipc.maxsockbuf", NULL, AS_SHIFT },
    { "net.inet.tcp.minmss", "min_mss", AS_NUMBER },
    { "net.inet.tcp.msl", "msl", AS_MSECONDS },
    { "net.inet.tcp.keepidle", "keepalive_idle", AS_MSECONDS },
    { "net.inet.tcp.keepintvl", "keepalive_intvl", AS_MSECONDS },
    { "net.inet.tcp.keepinit", "r2_syn", AS_MSECONDS },
    { "net.inet.tcp.keepcnt", "keepalive_probes", AS_NUMBER },
    { "net.inet.tcp.finwait2_timeout", "fin_wait_2", AS_MSECONDS },
    { "net.inet.tcp.cc.algorithm", "congestion", AS_TEXT },
    { "net.inet.tcp.fastopen.server_enable", "fastopen", AS_SWITCH },
    { "net.inet.tcp.ecn.generalized", NULL, ONLY_ZERO },
    { "net.inet.tcp.blackhole", NULL, ONLY_ZERO },
    { "net.inet.udp.blackhole", NULL, ONLY_ZERO },
    { "net.inet.tcp.insecure_rst", NULL, ONLY_ZERO },
    { "net.inet.tcp.insecure_syn", NULL, ONLY_ZERO },
    { "net.inet.tcp.insecure_ack", NULL, ONLY_ZERO },
    { "net.inet.tcp.rexmit_drop_options", NULL, ONLY_ZERO },
    { "net.inet.tcp.rexmit_min", "rto_min", AS_MSECONDS },
    { "net.inet.tcp.rexmit_initial", "rto_initial", AS_MSECONDS },
    { "net.inet.tcp.delacktime", "delayed_ack", AS_MSECONDS },
    /* Choices within what the RFCs leave open; a script that depends on one fails by itself. */
    { "net.ipv4.tcp_min_tso_segs", NULL, MOOT },
    { "net.ipv4.tcp_tso_win_divisor", NULL, MOOT },
    { "net.ipv4.tcp_no_metrics_save", NULL, MOOT },
    { "net.ipv4.tcp_dsack", NULL, MOOT },
    { "net.ipv4.tcp_fack", NULL, MOOT },
    { "net.ipv4.tcp_frto", NULL, MOOT },
    { "net.ipv4.tcp_reordering", NULL, MOOT },
    { "net.ipv4.tcp_early_retrans", NULL, MOOT },
    { "net.ipv4.tcp_slow_start_after_idle", NULL, MOOT },
    { "net.ipv4.tcp_pacing_ss_ratio", NULL, MOOT },
    { "net.ipv4.tcp_pacing_ca_ratio", NULL, MOOT },
    { "net.ipv4.tcp_autocorking", NULL, MOOT },
    { "net.ipv4.tcp_moderate_rcvbuf", NULL, MOOT },
    { "net.ipv4.tcp_limit_output_bytes", NULL, MOOT },
    { "net.ipv4.tcp_invalid_ratelimit", NULL, MOOT },
    { "net.ipv4.tcp_max_syn_backlog", NULL, MOOT },
    { "net.ipv4.tcp_fastopen_key", NULL, MOOT },
    { "net.ipv4.tcp_fastopen_blackhole_timeout_sec", NULL, MOOT },
    { "net.core.default_qdisc", NULL, MOOT },
    { "net.core.somaxconn", NULL, MOOT },
    { "net.inet.tcp.hostcache.purge", NULL, MOOT },
    { "net.inet.tcp.hostcache.purgenow", NULL, MOOT },
    { "net.inet.tcp.initcwnd_segments", NULL, MOOT },
    { "net.inet.tcp.fastopen.client_enable", NULL, MOOT },
    { "net.inet.tcp.fastopen.psk_enable", NULL, MOOT },
    { "net.inet.tcp.path_mtu_discovery", NULL, MOOT },
    { "net.inet.tcp.recvbuf_auto", NULL, MOOT },
    { "net.inet.tcp.sendbuf_auto", NULL, MOOT },
    { "net.inet.icmp.icmplim", NULL, MOOT },
    { "net.inet.tcp.rexmit_slop", NULL, MOOT },
    { "net.inet.tcp.icmp_may_rst", NULL, MOOT },
    { "net.inet.tcp.udp_tunneling_port", NULL, MOOT },
    { "net.inet.tcp.udp_tunneling_overhead", NULL, MOOT },
    { "net.inet.tcp.reass.maxsegments", NULL, MOOT },
    { "net.inet.tcp.nolocaltimewait", NULL, MOOT },
};

static char *text(struct run *r, uint64_t n, const char *unit)
{
    char *t = sc_alloc(&r->arena, 32);
    snprintf(t, 32, "%llu%s", (unsigned long long)n, unit);
    return t;
}

/* The shift count that a buffer of so many octets needs (RFC 7323 section 2.3). */
static char *shift_for(struct run *r, uint64_t octets)
{
    unsigned shift = 0;
    while (shift < 14 && octets >> shift > 65535)
        shift++;
    return text(r, shift, "");
}

/* "min default max": connections begin with the default, and may grow to the maximum. */
static void memory(struct run *r, bool receive, const char *value)
{
    unsigned long long least, normal, most;
    if (sscanf(value, "%llu %llu %llu", &least, &normal, &most) != 3 || !normal) {
        run_end(r, VERDICT_UNSUPPORTED, "shell: '%s' is not MIN DEFAULT MAX in numbers", value);
        return;
    }
    run_set(r, receive ? "rcv_buf" : "snd_buf", text(r, normal, ""));
    if (receive)
        run_set(r, "window_shift", shift_for(r, most));
}

static void ecn(struct run *r, const char *name, const char *value)
{
    static const char *const modes[] = { "off", "on", "passive" };
    const unsigned long n = strtoul(value, NULL, 10);
    if (n > 2)
        run_end(r, VERDICT_UNSUPPORTED, "shell: sysctl %s=%s, AccECN, has no counterpart here",
                name, value);
    else
        run_set(r, "ecn", modes[n]);
}

static void as_setting(struct run *r, const struct known_sysctl *k, const char *value)
{
    const uint64_t n = strtoull(value, NULL, 0);
    switch (k->kind) {
    case AS_SWITCH:
        run_set(r, k->setting, n ? "on" : "off");
        break;
    case AS_SERVER_BIT:
        run_set(r, k->setting, n & 2 ? "on" : "off");
        break;
    case AS_NUMBER:
        run_set(r, k->setting, text(r, n, ""));
        break;
    case AS_SECONDS:
        run_set(r, k->setting, text(r, n, "s"));
        break;
    case AS_MSECONDS:
        run_set(r, k->setting, text(r, n, "ms"));
        break;
    case AS_SYN_RETRIES: /* the first wait is a second, each further one twice as long */
        run_set(r, k->setting, text(r, (UINT64_C(2) << (n < 20 ? n : 20)) - 1, "s"));
        break;
    case AS_TEXT:
        run_set(r, k->setting, strcmp(value, "reno") ? value : "newreno");
        break;
    case AS_RMEM:
    case AS_WMEM:
        memory(r, k->kind == AS_RMEM, value);
        break;
    case AS_SHIFT:
        run_set(r, "window_shift", shift_for(r, n));
        break;
    case AS_ECN:
        ecn(r, k->name, value);
        break;
    case ONLY_ZERO:
        if (n)
            run_end(r, VERDICT_UNSUPPORTED, "shell: sysctl %s=%s has no counterpart here", k->name,
                    value);
        break;
    case MOOT:
        break;
    }
}

/* Scripts that set FreeBSD's names take its defaults for granted, so far as they show. */
static void freebsd(struct run *r)
{
    static const struct sut_setting line[] = {
        { "rcv_buf", "65536" }, { "snd_buf", "32768" }, { "window_shift", "6" },
        { "delayed_ack", "40ms" },
    };
    if (r->freebsd || r->sut || (r->ops->caps & SUT_SYSCTL))
        return;
    r->freebsd = true;
    for (size_t i = 0; i < sizeof(line) / sizeof(line[0]); i++)
        add_wish(r, line[i].name, line[i].value);
}

static void sysctl_value(struct run *r, const char *name, const char *value)
{
    if (!strncmp(name, "net.inet.", 9) || !strncmp(name, "kern.", 5))
        freebsd(r);
    name = sc_strdup(&r->arena, name, strlen(name));
    value = sc_strdup(&r->arena, value, strlen(value));
    if (r->ops->caps & SUT_SYSCTL) {
        run_set(r, name, value);
        return;
    }
    for (size_t i = 0; i < sizeof(sysctls) / sizeof(sysctls[0]); i++) {
        if (strcmp(sysctls[i].name, name) == 0) {
            as_setting(r, &sysctls[i], value);
            return;
        }
    }
    run_end(r, VERDICT_UNSUPPORTED, "shell: sysctl %s has no counterpart here", name);
}

/* What `defaults.sh` of the public suites sets, so far as it shows on the wire.  Wishes: a stack
 * that cannot be set so runs as it is.  For one that is no Linux also two habits that those scripts
 * take for granted: a least RTO of 200 ms, and no delay for the ACKs of a young connection. */
static void defaults(struct run *r)
{
    static const struct sut_setting line[] = {
        { "net.ipv4.tcp_rmem", "4096 540000 15728640" },
        { "net.ipv4.tcp_wmem", "4096 262144 4194304" },
        { "net.ipv4.tcp_timestamps", "1" },
        { "net.ipv4.tcp_sack", "1" },
        { "net.ipv4.tcp_ecn", "0" },
        { "net.ipv4.tcp_fastopen", "3" },
        { "net.ipv4.tcp_syncookies", "1" },
        { "net.ipv4.tcp_slow_start_after_idle", "0" },
    };
    r->wishing = true;
    r->packetdrill = true;
    for (size_t i = 0; i < sizeof(line) / sizeof(line[0]); i++)
        sysctl_value(r, line[i].name, line[i].value);
    if (!(r->ops->caps & SUT_SYSCTL)) {
        run_set(r, "rto_min", "200ms");
        run_set(r, "delayed_ack", "0");
    }
    r->wishing = false;
}

/* ---- Commands --------------------------------------------------------------------------- */

/* The next word, with its quotes taken off and blanks inside them kept; NULL at the end. */
static char *next_word(char **at)
{
    char *p = *at + strspn(*at, " \t"), *out = p, *word = p;
    char quote = 0;
    if (!*p)
        return NULL;
    for (; *p && (quote || (*p != ' ' && *p != '\t')); p++) {
        if (*p == quote)
            quote = 0;
        else if (!quote && (*p == '"' || *p == '\''))
            quote = *p;
        else
            *out++ = *p;
    }
    *at = *p ? p + 1 : p;
    *out = '\0';
    return word;
}

static bool ends_as(const char *word, const char *base)
{
    const char *slash = strrchr(word, '/');
    return strcmp(slash ? slash + 1 : word, base) == 0;
}

/* sysctl's assignments, and those of set_sysctls.py, which names files. */
static void assignments(struct run *r, char *at)
{
    char *word;
    while (!r->over && (word = next_word(&at)) != NULL) {
        char *eq = strchr(word, '=');
        if (word[0] == '#')
            return;
        if (word[0] == '-' || word[0] == '>' || word[0] == '2' || !eq)
            continue;
        *eq = '\0';
        for (char *c = word; *c; c++)
            *c = *c == '/' ? '.' : *c;
        const char *name = strncmp(word, ".proc.sys.", 10) == 0 ? word + 10 : word;
        sysctl_value(r, name, eq + 1);
    }
}

/* `sockstat ... | grep -c TIME_WAIT | grep 1`: how many connections are in a state. */
static void sockstat(struct run *r, const char *line)
{
    static const struct {
        const char *word;
        uint8_t state;
    } states[] = {
        { "CLOSED", RS_CLOSED },           { "LISTEN", RS_LISTEN },
        { "SYN_SENT", RS_SYN_SENT },       { "SYN_RCVD", RS_SYN_RECEIVED },
        { "SYN_RECEIVED", RS_SYN_RECEIVED }, { "ESTABLISHED", RS_ESTABLISHED },
        { "CLOSE_WAIT", RS_CLOSE_WAIT },   { "FIN_WAIT_1", RS_FIN_WAIT_1 },
        { "FIN_WAIT_2", RS_FIN_WAIT_2 },   { "CLOSING", RS_CLOSING },
        { "LAST_ACK", RS_LAST_ACK },       { "TIME_WAIT", RS_TIME_WAIT },
    };
    char word[24];
    unsigned want = 1;
    const char *grep = strstr(line, "grep -c "), *count = NULL;
    if (grep && sscanf(grep, "grep -c %23s", word) == 1)
        count = strstr(grep + 1, "grep ");
    if (count && sscanf(count, "grep %u", &want) == 1 && want <= 1) {
        for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
            if (!strcmp(states[i].word, word)) {
                run_check_state(r, states[i].state, want == 1);
                return;
            }
    }
    run_end(r, VERDICT_UNSUPPORTED, "shell: this is not run here: %.80s", line);
}

static void by_shell(struct run *r, const char *line)
{
    if (!r->opt->allow_shell) {
        run_end(r, VERDICT_UNSUPPORTED, "shell: not run without --allow-shell: %.80s", line);
        return;
    }
    if (!r->ops->wait || !r->sut) {
        run_end(r, VERDICT_UNSUPPORTED, "shell: %s has no shell to run: %.80s", r->ops->name, line);
        return;
    }
    fflush(NULL);
    const int status = system(line); /* this process stands in the case's namespace */
    if (status == -1 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        run_end(r, VERDICT_FAIL, "shell: expected exit status 0, got %d: %.80s",
                WIFEXITED(status) ? WEXITSTATUS(status) : status, line);
}

/* What only readies a machine: a device, its queue, and a cache that a new stack has not. */
static bool readies(const char *line)
{
    static const char *const begins[] = { "tc qdisc ", "ip tcp_metrics flush", "ethtool -K " };
    for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
        if (!strncmp(line, begins[i], strlen(begins[i])))
            return true;
    return false;
}

static void command(struct run *r, const char *line)
{
    line += strspn(line, " \t");
    char *copy = sc_strdup(&r->arena, line, strlen(line)), *at = copy;
    char *word = next_word(&at);
    /* What undoes the settings of a real machine has nothing to undo here. */
    if (!word || word[0] == '#' || strstr(word, "sysctl_restore") || readies(line))
        return;
    if (ends_as(word, "defaults.sh"))
        defaults(r);
    else if (!strcmp(word, "sysctl") || ends_as(word, "set_sysctls.py"))
        assignments(r, at);
    else if (!strcmp(word, "sockstat") && r->sut)
        sockstat(r, line);
    else
        by_shell(r, line);
}

void run_shell(struct run *r, const char *lines)
{
    char *copy = sc_strdup(&r->arena, lines, strlen(lines)), *save = NULL;
    for (char *c = copy; (c = strstr(c, "\\\n")) != NULL;)
        c[0] = c[1] = ' ';
    for (char *line = strtok_r(copy, "\n;", &save); line && !r->over;
         line = strtok_r(NULL, "\n;", &save))
        command(r, line);
}
