/* The host of fuzz inputs behind the adapter's table, so that a script made of an input meets the
 * oracles that the input met.
 *
 * A broken oracle is caught here: the case has failed with the oracle's signature, and the host,
 * left in the middle of something, is not touched again. */
#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/conn.h"
#include "harness/place.h"
#include "harness/sut.h"
#include "refstack/wire.h"

struct sent {
    struct sent *next;
    size_t len;
    uint8_t octet[];
};

struct watched {
    struct conn conn;
    struct conn_watch watch;
    rs_time ahead; /* of the runner's clock */
    struct sent *first, **last;
    bool time_passes; /* what happens since the latest event is the passing of time */
    char broken[512];
};

/* oracle_handler has no argument of ours, and one case runs at a time. */
static struct watched *guarded;
static sigjmp_buf unwound;

static void caught(enum oracle oracle)
{
    const struct oracle_info *info = &oracle_info[oracle];
    snprintf(guarded->broken, sizeof guarded->broken, "ORACLE %s | %s | %s > %s | %s: %s", info->id,
             info->clause, rs_state_name(oracle_place.before), rs_state_name(oracle_place.after),
             oracle_place.event ? oracle_place.event : "none", info->text);
    siglongjmp(unwound, 1);
}

/* Calls the function with oracles caught. */
static void guard_call(struct watched *w, void (*call)(struct watched *, void *), void *arg)
{
    if (w->broken[0])
        return;
    guarded = w;
    oracle_handler = caught;
    if (sigsetjmp(unwound, 0) == 0)
        call(w, arg);
    oracle_handler = NULL;
    guarded = NULL;
}

static void begin_event(struct watched *w, const char *class)
{
    oracle_place.before = oracle_place.after = conn_state(&w->conn);
    oracle_place.event = class;
    oracle_place.index++;
    egress_event(&w->conn.egress);
    w->time_passes = false;
}

/* ---- Lifecycle -------------------------------------------------------------------------- */

/* What an input's second octet says, in the words of refstack's settings. */
static const struct {
    const char *name, *value;
    uint8_t bit;
} bits[] = {
    { "timestamps", "on", INPUT_TIMESTAMPS }, { "sack", "on", INPUT_SACK },
    { "window_scale", "on", INPUT_WINDOW_SCALE }, { "nagle", "off", INPUT_NO_NAGLE },
    { "delayed_ack", "0", INPUT_NO_DELAYED_ACK }, { "keepalive", "on", INPUT_KEEPALIVE },
    { "user_timeout", "30s", INPUT_USER_TIMEOUT }, { "rfc1337", "on", INPUT_RFC1337 },
};

static bool setting(const struct sut_setting *s, uint8_t *manner, uint8_t *config)
{
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++)
        if (!strcmp(s->name, bits[i].name) && s->value && !strcmp(s->value, bits[i].value)) {
            *config |= bits[i].bit;
            return true;
        }
    if (!strcmp(s->name, "fragments") && s->value && !strcmp(s->value, "on"))
        *manner |= INPUT_FRAGMENTS;
    else /* start=NAME only tells how to write the script as an input again */
        return !strcmp(s->name, "start");
    return true;
}

static void keep(void *arg, enum sc_direction direction, const uint8_t *p, size_t len, rs_time now)
{
    struct watched *w = arg;
    (void)now;
    if (direction != SC_OUT)
        return;
    struct sent *s = malloc(sizeof *s + len);
    if (!s)
        abort();
    s->next = NULL;
    s->len = len;
    memcpy(s->octet, p, len);
    *w->last = s;
    w->last = &s->next;
}

static void *watched_create(const struct sut_config *config, uint64_t now, char *why, size_t cap)
{
    uint8_t manner = config->local.version == 6 ? INPUT_IP6 : 0, octet = 0;
    for (size_t i = 0; i < config->n_settings; i++)
        if (!setting(&config->setting[i], &manner, &octet)) {
            snprintf(why, cap, "the host of inputs has no setting %s=%s", config->setting[i].name,
                     config->setting[i].value ? config->setting[i].value : "");
            return NULL;
        }
    struct watched *w = calloc(1, sizeof *w);
    if (!w)
        abort();
    w->last = &w->first;
    w->watch = (struct conn_watch){ .arg = w, .frame = keep };
    conn_begin(&w->conn, manner, octet, &w->watch);
    w->ahead = w->conn.now - now;
    return w;
}

static size_t take(struct watched *w, uint8_t *buf, size_t cap)
{
    struct sent *s = w->first;
    if (!s)
        return 0;
    const size_t len = s->len < cap ? s->len : cap;
    memcpy(buf, s->octet, len);
    w->first = s->next;
    if (!w->first)
        w->last = &w->first;
    free(s);
    return len;
}

static void watched_destroy(void *sut)
{
    struct watched *w = sut;
    uint8_t octet;
    while (take(w, &octet, 1))
        continue;
    free(w);
}

static const char *watched_broken(void *sut)
{
    const struct watched *w = sut;
    return w->broken[0] ? w->broken : NULL;
}

/* ---- Time ------------------------------------------------------------------------------- */

static void pass(struct watched *w, void *arg)
{
    const rs_time to = *(const rs_time *)arg;
    if (!w->time_passes)
        begin_event(w, "time");
    w->time_passes = true;
    while (conn_step(&w->conn, to))
        continue;
    w->conn.now = to;
    conn_settle(&w->conn);
}

static void pass_to(struct watched *w, uint64_t now)
{
    rs_time to = now + w->ahead;
    if (to > w->conn.now)
        guard_call(w, pass, &to);
}

static size_t watched_output(void *sut, uint8_t *buf, size_t cap, uint64_t now)
{
    pass_to(sut, now);
    return take(sut, buf, cap);
}

static uint64_t watched_deadline(void *sut)
{
    const struct watched *w = sut;
    const rs_time at = w->broken[0] ? RS_NEVER : rs_deadline(w->conn.host);
    return at == RS_NEVER ? RS_NEVER : at - w->ahead;
}

/* ---- Events ----------------------------------------------------------------------------- */

struct datagram {
    const uint8_t *p;
    size_t len;
};

static void receive(struct watched *w, void *arg)
{
    const struct datagram *d = arg;
    struct egress_ip ip;
    struct tcp_seg seg;
    const bool is_ip = egress_ip(d->p, d->len, &ip);
    const bool tcp = is_ip && ip.proto == IP_PROTO_TCP && ip.payload_len >= TCP_HEADER;
    const bool icmp = is_ip && (ip.proto == IP_PROTO_ICMP || ip.proto == IP_PROTO_ICMP6);
    const bool parses = tcp && tcp_parse(&seg, ip.payload, ip.payload_len) == WIRE_OK;
    enum { FLAGS_AT = 13 };
    if (parses)
        begin_event(w, conn_segment_class(seg.flags, seg.text_len));
    else
        begin_event(w, tcp ? conn_segment_class(ip.payload[FLAGS_AT], 0)
                           : icmp ? "ICMP" : "raw octets");
    /* Text that is not the stream's, or may be read in two ways, excuses the user's octets. */
    for (uint32_t i = 0; parses && i < seg.text_len && !w->conn.tainted; i++) {
        const uint32_t syn = seg.flags & TCP_SYN ? 1 : 0;
        w->conn.tainted = seg.text[i] != stream_octet(seg.seq + syn - w->conn.egress.irs - 1 + i);
    }
    w->conn.tainted = w->conn.tainted || !(parses || icmp);
    uint8_t *p = place_octets(d->p, d->len);
    conn_receive(&w->conn, p, d->len, true);
}

static void watched_input(void *sut, const uint8_t *p, size_t len, uint64_t now)
{
    struct datagram d = { p, len < PLACE_MAX ? len : PLACE_MAX };
    pass_to(sut, now);
    guard_call(sut, receive, &d);
}

static void user(struct watched *w, void *arg)
{
    const struct sc_user *u = arg;
    struct input_event e = { .ev.kind = SC_USER, .ev.u.user = *u };
    if (u->op == SC_END_ABORT || u->op == SC_END_RELEASE) {
        conn_finish(&w->conn, u->op == SC_END_RELEASE);
        w->conn.result = 0;
        return;
    }
    if (u->op == SC_SET) {
        e.ev.kind = SC_CONFIG;
        e.setting = (enum sc_setting)u->setting;
        e.value = (uint16_t)u->amount;
    }
    begin_event(w, conn_event_class(&e));
    if (u->op == SC_SET)
        conn_setting(&w->conn, &e);
    else
        conn_call(&w->conn, u);
}

static long watched_user(void *sut, const struct sc_user *u, uint64_t now)
{
    struct watched *w = sut;
    struct sc_user copy = *u;
    pass_to(w, now);
    guard_call(w, user, &copy);
    const bool opens = u->op <= SC_OPEN_FROM_LISTEN || u->op == SC_LISTEN || u->op == SC_ACCEPT;
    /* A handle is the host's own. */
    return opens && w->conn.result > 0 ? 0 : w->conn.result;
}

static int watched_state(void *sut, const struct rs_endpoint *local,
                         const struct rs_endpoint *remote)
{
    const struct watched *w = sut;
    return w->broken[0] ? -1 : (int)invariants_state(w->conn.host, local->port, remote->port);
}

const struct sut_ops sut_watched = {
    .name = "refstack",
    .caps = SUT_VIRTUAL_TIME | SUT_IP6 | SUT_MANY_CONNECTIONS | SUT_STATE,
    .create = watched_create,
    .destroy = watched_destroy,
    .broken = watched_broken,
    .input = watched_input,
    .output = watched_output,
    .deadline = watched_deadline,
    .user = watched_user,
    .state = watched_state,
};
