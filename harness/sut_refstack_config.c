/* Settings by name onto refstack's configuration. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/sut_refstack.h"

enum field_kind { F_TIME, F_U32, F_U16, F_U8, F_BOOL, F_CC };

#define TCP_FIELD(name, kind) { #name, kind, offsetof(struct rs_config, tcp.name) }
#define HOST_FIELD(name, kind) { #name, kind, offsetof(struct rs_config, name) }
static const struct field {
    const char *name;
    enum field_kind kind;
    size_t at;
} fields[] = {
    TCP_FIELD(snd_buf, F_U32),        TCP_FIELD(rcv_buf, F_U32),
    TCP_FIELD(mss, F_U16),            TCP_FIELD(min_mss, F_U16),
    TCP_FIELD(msl, F_TIME),           TCP_FIELD(rto_initial, F_TIME),
    TCP_FIELD(rto_min, F_TIME),       TCP_FIELD(rto_max, F_TIME),
    TCP_FIELD(delayed_ack, F_TIME),   TCP_FIELD(r1, F_U32),
    TCP_FIELD(r2, F_TIME),            TCP_FIELD(r2_syn, F_TIME),
    TCP_FIELD(user_timeout, F_TIME),  TCP_FIELD(keepalive_idle, F_TIME),
    TCP_FIELD(keepalive_intvl, F_TIME), TCP_FIELD(keepalive_probes, F_U32),
    TCP_FIELD(challenge_acks, F_U32), TCP_FIELD(ttl, F_U8),
    TCP_FIELD(tos, F_U8),             TCP_FIELD(keepalive, F_BOOL),
    TCP_FIELD(nagle, F_BOOL),         TCP_FIELD(window_scale, F_BOOL),
    TCP_FIELD(timestamps, F_BOOL),    TCP_FIELD(sack, F_BOOL),
    TCP_FIELD(fin_wait_2, F_TIME),    TCP_FIELD(rack, F_BOOL),
    TCP_FIELD(ecn, F_BOOL),           TCP_FIELD(fastopen, F_BOOL),
    TCP_FIELD(fastopen_pending, F_U32), TCP_FIELD(syn_cookies, F_BOOL),
    TCP_FIELD(uto, F_BOOL),           TCP_FIELD(congestion, F_CC),
    TCP_FIELD(black_holes, F_BOOL),   TCP_FIELD(pmtu_search, F_BOOL),
    TCP_FIELD(doubt_too_big, F_BOOL), TCP_FIELD(window_shift, F_U8),
    TCP_FIELD(rfc1337, F_BOOL),       HOST_FIELD(mtu, F_U16),
    HOST_FIELD(max_conns, F_U32),     HOST_FIELD(backlog, F_U32),
    HOST_FIELD(pages, F_U32),
};

/* A whole number with an optional unit of time; false for anything else. */
static bool parse_value(const char *text, bool time, uint64_t *value)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    *value = strtoull(text, &end, 10);
    if (!time)
        return *end == '\0';
    if (!strcmp(end, "s"))
        *value *= 1000000;
    else if (!strcmp(end, "ms"))
        *value *= 1000;
    else if (!strcmp(end, "min"))
        *value *= 60000000;
    else if (strcmp(end, "us") != 0 && *value != 0)
        return false;
    return true;
}

static bool set_switch(bool *field, const char *value)
{
    *field = !strcmp(value, "on");
    return *field || !strcmp(value, "off");
}

static bool set_congestion(enum rs_congestion *field, const char *value)
{
    *field = !strcmp(value, "cubic") ? RS_CC_CUBIC : RS_CC_NEWRENO;
    return *field == RS_CC_CUBIC || !strcmp(value, "newreno");
}

static bool set_field(struct rs_config *c, const struct field *f, const char *value)
{
    unsigned char *p = (unsigned char *)c + f->at;
    uint64_t v = 0;
    if (f->kind == F_BOOL)
        return set_switch((bool *)(void *)p, value);
    if (f->kind == F_CC)
        return set_congestion((enum rs_congestion *)(void *)p, value);
    if (!parse_value(value, f->kind == F_TIME, &v))
        return false;
    const uint8_t v8 = (uint8_t)v;
    const uint16_t v16 = (uint16_t)v;
    const uint32_t v32 = (uint32_t)v;
    switch (f->kind) {
    case F_TIME:
        memcpy(p, &v, sizeof(v));
        return true;
    case F_U32:
        memcpy(p, &v32, sizeof(v32));
        return v == v32;
    case F_U16:
        memcpy(p, &v16, sizeof(v16));
        return v == v16;
    case F_U8:
    case F_BOOL:
    case F_CC:
        break;
    }
    memcpy(p, &v8, sizeof(v8));
    return v == v8;
}

bool sut_refstack_set(struct rs_config *c, const struct sut_setting *s, char *why, size_t cap)
{
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (strcmp(fields[i].name, s->name) != 0)
            continue;
        if (set_field(c, &fields[i], s->value))
            return true;
        snprintf(why, cap, "refstack cannot take the value '%s' for %s", s->value, s->name);
        return false;
    }
    snprintf(why, cap, "refstack has no setting named '%s'", s->name);
    return false;
}
