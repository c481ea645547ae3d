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
    c->host.addr = rs_ip4(10, 0, 0, 2);
    c->host.prefix_len = 24;
    memcpy(c->host.mac, (const uint8_t[]){ 2, 0, 0, 0, 0, 2 }, 6);
    c->host.seed = 1;
    /* As the kernel's own: its least retransmission timeout is 200 ms, and an ACK later than that
     * would be met by a retransmission that says nothing about either stack. */
    c->host.tcp.delayed_ack = 40 * RS_MSEC;
    c->patience = 5 * RS_SEC;
    c->rates[PUMP_TO_KERNEL].seed = 1;
    c->rates[PUMP_TO_HOST].seed = 2;
}

/* Sets both directions alike. */
static bool set_rate(struct play_config *c, const char *name, const char *value)
{
    for (int dir = 0; dir < 2; dir++) {
        struct fault_rates *r = &c->rates[dir];
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
    c->rates[PUMP_TO_KERNEL].seed = seed;
    c->rates[PUMP_TO_HOST].seed = seed + 1;
    return *value != '\0' && *end == '\0';
}

/* Names that set refstack's own configuration. */
static int set_host(struct rs_config *h, const char *name, const char *value)
{
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

static int set_own(struct play_config *c, const char *name, const char *value)
{
    bool flag;
    if (strcmp(name, "patience") == 0)
        return play_time(value, &c->patience);
    if (strcmp(name, "loss") == 0 || strcmp(name, "dup") == 0 || strcmp(name, "reorder") == 0 ||
        strcmp(name, "corrupt") == 0)
        return set_rate(c, name, value);
    if (strcmp(name, "seed") == 0)
        return set_seed(c, value);
    if (strcmp(name, "kernel-rcv-buf") == 0)
        return set_octets(value, &c->kernel_rcv_buf);
    if (strcmp(name, "slow") == 0)
        return on_off(value, &c->slow);
    bool *kernel = strcmp(name, "kernel-sack") == 0         ? &c->no_sack
                   : strcmp(name, "kernel-timestamps") == 0 ? &c->no_timestamps
                   : strcmp(name, "kernel-wscale") == 0     ? &c->no_wscale
                   : strcmp(name, "kernel-quickack") == 0   ? &c->no_quickack
                                                            : NULL;
    if (!kernel)
        return -1;
    if (!on_off(value, &flag))
        return 0;
    *kernel = !flag;
    return 1;
}

bool play_config_set(struct play_config *c, const struct sc_pair *pair, char why[WIRE_TEXT])
{
    const char *value = pair->value ? pair->value : "";
    int rc = set_host(&c->host, pair->name, value);
    if (rc < 0)
        rc = set_own(c, pair->name, value);
    if (rc > 0)
        return true;
    snprintf(why, WIRE_TEXT, "config: %s '%.60s=%.60s'",
             rc < 0 ? "there is no setting of this name:" : "this value does not fit:", pair->name,
             value);
    return false;
}

/* `wire=` is positional and read while the case is played. */
bool play_config_read(struct play_config *c, const struct script *s, char why[WIRE_TEXT])
{
    for (size_t i = 0; i < s->n_events; i++) {
        if (s->event[i].kind != SC_CONFIG)
            continue;
        for (const struct sc_pair *p = s->event[i].u.pair; p; p = p->next)
            if (strcmp(p->name, "wire") != 0 && strcmp(p->name, "ip") != 0 &&
                !play_config_set(c, p, why))
                return false;
    }
    return true;
}
