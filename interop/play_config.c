#include "interop/play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    uint64_t factor;
};

static bool with_unit(const char *text, const struct unit *units, uint64_t *value)
{
    char *end;
    double number = strtod(text, &end);
    if (end == text || number < 0)
        return false;
    for (; units->name; units++) {
        if (strcmp(end, units->name) == 0) {
            *value = (uint64_t)(number * (double)units->factor + 0.5);
            return true;
        }
    }
    return false;
}

bool play_time(const char *text, uint64_t *us)
{
    static const struct unit units[] = { { "us", 1 },         { "ms", 1000 },
                                         { "s", 1000000 },    { "min", 60000000 },
                                         { "", 1000000 },     { NULL, 0 } };
    return with_unit(text, units, us);
}

bool play_octets(const char *text, uint64_t *octets)
{
    static const struct unit units[] = {
        { "", 1 }, { "KiB", 1 << 10 }, { "MiB", 1 << 20 }, { "GiB", 1 << 30 }, { NULL, 0 }
    };
    return with_unit(text, units, octets);
}

/* Chances come as per cent: "1%". */
static bool chance(const char *text, uint32_t *in_a_million)
{
    static const struct unit units[] = { { "%", 10000 }, { NULL, 0 } };
    uint64_t value;
    if (!with_unit(text, units, &value) || value > 1000000)
        return false;
    *in_a_million = (uint32_t)value;
    return true;
}

static bool on_off(const char *text, bool *flag)
{
    *flag = strcmp(text, "on") == 0;
    return *flag || strcmp(text, "off") == 0;
}

static bool set_octets(const char *text, uint32_t *value)
{
    uint64_t octets;
    if (!play_octets(text, &octets) || octets > UINT32_MAX)
        return false;
    *value = (uint32_t)octets;
    return true;
}

static bool set_short(const char *text, uint16_t *value)
{
    uint32_t v;
    if (!set_octets(text, &v) || v > UINT16_MAX)
        return false;
    *value = (uint16_t)v;
    return true;
}

void play_config_default(struct play_config *c)
{
    memset(c, 0, sizeof *c);
    rs_config_default(&c->host);
    c->host.link = RS_LINK_ETHERNET;
    memcpy(c->host.mac, (const uint8_t[]){ 2, 0, 0, 0, 0, 2 }, 6);
    c->host.seed = 1;
    /* As the kernel's own: its least retransmission timeout is 200 ms, and an ACK later than that
     * would be met by a retransmission that says nothing about either stack. */
    c->host.tcp.delayed_ack = 40 * RS_MSEC;
    c->patience = 5 * RS_SEC;
    c->rates[END_A].seed = 1;
    c->rates[END_B].seed = 2;
    c->kernel[KERNEL_SACK] = c->kernel[KERNEL_TIMESTAMPS] = c->kernel[KERNEL_WSCALE] = true;
    c->kernel[KERNEL_QUICKACK] = true;
}

/* Sets both directions alike. */
static bool set_rate(struct play_config *c, const char *name, const char *value)
{
    for (int end = 0; end < 2; end++) {
        struct fault_rates *r = &c->rates[end];
        uint32_t *rate = strcmp(name, "loss") == 0      ? &r->drop
                         : strcmp(name, "dup") == 0     ? &r->dup
                         : strcmp(name, "reorder") == 0 ? &r->reorder
                                                        : &r->corrupt;
        if (!chance(value, rate))
            return false;
    }
    return true;
}

static bool set_seed(struct play_config *c, const char *value)
{
    char *end;
    uint64_t seed = strtoull(value, &end, 0);
    c->host.seed = seed;
    c->rates[END_A].seed = seed;
    c->rates[END_B].seed = seed + 1;
    return *value != '\0' && *end == '\0';
}

static bool set_congestion(const char *value, enum rs_congestion *c)
{
    *c = strcmp(value, "cubic") == 0 ? RS_CC_CUBIC : RS_CC_NEWRENO;
    return *c == RS_CC_CUBIC || strcmp(value, "newreno") == 0;
}

/* Names that set refstack's own configuration. */
static int set_host(struct rs_config *h, const char *name, const char *value)
{
    if (strcmp(name, "congestion") == 0)
        return set_congestion(value, &h->tcp.congestion);
    const struct {
        const char *name;
        rs_time *time;
        uint32_t *octets;
        uint16_t *number;
        bool *flag;
    } fields[] = {
        { .name = "msl", .time = &h->tcp.msl },
        { .name = "rto-initial", .time = &h->tcp.rto_initial },
        { .name = "rto-min", .time = &h->tcp.rto_min },
        { .name = "delayed-ack", .time = &h->tcp.delayed_ack },
        { .name = "user-timeout", .time = &h->tcp.user_timeout },
        { .name = "snd-buf", .octets = &h->tcp.snd_buf },
        { .name = "rcv-buf", .octets = &h->tcp.rcv_buf },
        { .name = "mtu", .number = &h->mtu },
        { .name = "mss", .number = &h->tcp.mss },
        { .name = "rfc1337", .flag = &h->tcp.rfc1337 },
        { .name = "nagle", .flag = &h->tcp.nagle },
        { .name = "sack", .flag = &h->tcp.sack },
        { .name = "timestamps", .flag = &h->tcp.timestamps },
        { .name = "wscale", .flag = &h->tcp.window_scale },
        { .name = "ecn", .flag = &h->tcp.ecn },
        { .name = "rack", .flag = &h->tcp.rack },
        { .name = "fastopen", .flag = &h->tcp.fastopen },
        { .name = "syn-cookies", .flag = &h->tcp.syn_cookies },
        { .name = "backlog", .octets = &h->backlog },
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (strcmp(name, fields[i].name) != 0)
            continue;
        return fields[i].time     ? play_time(value, fields[i].time)
               : fields[i].octets ? set_octets(value, fields[i].octets)
               : fields[i].number ? set_short(value, fields[i].number)
                                  : on_off(value, fields[i].flag);
    }
    return -1;
}

static const char *const kernel_switch_name[N_KERNEL_SWITCHES] = {
    [KERNEL_SACK] = "sack",             [KERNEL_TIMESTAMPS] = "timestamps",
    [KERNEL_WSCALE] = "wscale",         [KERNEL_ECN] = "ecn",
    [KERNEL_FASTOPEN] = "fastopen",     [KERNEL_SYNCOOKIES] = "syncookies",
    [KERNEL_QUICKACK] = "quickack",
};

static int kernel_switch_of(const char *name)
{
    for (int i = 0; i < N_KERNEL_SWITCHES; i++)
        if (strcmp(name, kernel_switch_name[i]) == 0)
            return i;
    return -1;
}

static int set_kernel(struct play_config *c, const char *name, const char *value)
{
    int i = kernel_switch_of(name);
    if (strcmp(name, "rcv-buf") == 0)
        return set_octets(value, &c->kernel_rcv_buf);
    return i < 0 ? -1 : on_off(value, &c->kernel[i]);
}

bool play_config_switch(struct play_config *c, const char *name, enum trace_end end, bool on)
{
    const char *value = on ? "on" : "off";
    if (kernel_switch_of(name) < 0)
        return false;
    return (end == END_A ? set_host(&c->host, name, value) : set_kernel(c, name, value)) > 0;
}

static int set_ip(struct play_config *c, const char *value)
{
    c->ip_only = strcmp(value, "4") == 0 ? 4 : strcmp(value, "6") == 0 ? 6 : 0;
    return c->ip_only != 0;
}

static int set_each(struct play_config *c, const char *value)
{
    struct play_config scratch = *c;
    if (!play_config_switch(&scratch, value, END_A, true) ||
        !play_config_switch(&scratch, value, END_B, true))
        return 0;
    snprintf(c->each, sizeof c->each, "%s", value);
    return 1;
}

/* Names that set nothing of a stack's. */
static int set_own(struct play_config *c, const char *name, const char *value)
{
    if (strcmp(name, "patience") == 0)
        return play_time(value, &c->patience);
    if (strcmp(name, "loss") == 0 || strcmp(name, "dup") == 0 || strcmp(name, "reorder") == 0 ||
        strcmp(name, "corrupt") == 0)
        return set_rate(c, name, value);
    if (strcmp(name, "seed") == 0)
        return set_seed(c, value);
    if (strcmp(name, "slow") == 0)
        return on_off(value, &c->slow);
    if (strcmp(name, "ip") == 0)
        return set_ip(c, value);
    if (strcmp(name, "each") == 0)
        return set_each(c, value);
    return strcmp(name, "wire") == 0 ? 1 : -1; /* positional: read while the case is played */
}

/* Other stacks take the same settings by the names of harness/sut.h and refuse what they cannot. */
static void remember(struct play_config *c, enum trace_end end, const char *name, const char *value)
{
    static const char *const pairs[][2] = {
        { "wscale", "window_scale" }, { "rto-initial", "rto_initial" }, { "rto-min", "rto_min" },
        { "delayed-ack", "delayed_ack" }, { "user-timeout", "user_timeout" },
        { "snd-buf", "snd_buf" }, { "rcv-buf", "rcv_buf" }, { "syn-cookies", "syn_cookies" },
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (strcmp(name, pairs[i][0]) == 0)
            name = pairs[i][1];
    if (c->n_set[end] < SUT_SETTINGS_MAX)
        c->set[end][c->n_set[end]++] = (struct sut_setting){ name, value };
}

bool play_config_set(struct play_config *c, const struct sc_pair *pair, char why[WIRE_TEXT])
{
    static const char kernel[] = "kernel-";
    const char *name = pair->name, *value = pair->value ? pair->value : "";
    bool of_kernel = strncmp(name, kernel, sizeof kernel - 1) == 0;
    int rc = set_own(c, name, value);
    if (rc < 0) {
        name += of_kernel ? sizeof kernel - 1 : 0;
        rc = of_kernel ? set_kernel(c, name, value) : set_host(&c->host, name, value);
        if (rc > 0)
            remember(c, of_kernel ? END_B : END_A, name, value);
    }
    if (rc > 0)
        return true;
    snprintf(why, WIRE_TEXT, "config: %s '%.60s=%.60s'",
             rc < 0 ? "there is no setting of this name:" : "this value does not fit:", pair->name,
             value);
    return false;
}

bool play_config_read(struct play_config *c, const struct script *s, char why[WIRE_TEXT])
{
    for (size_t i = 0; i < s->n_events; i++) {
        if (s->event[i].kind != SC_CONFIG)
            continue;
        for (const struct sc_pair *p = s->event[i].u.pair; p; p = p->next)
            if (!play_config_set(c, p, why))
                return false;
    }
    return true;
}
