/* A script as a fuzz input. */
#include "harness/convert_script.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "refstack/wire.h"

void convert_cannot(struct convert *c, const struct sc_event *ev, const char *fmt, ...)
{
    char what[200];
    va_list ap;
    if (c->why[0])
        return;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    snprintf(c->why, CONVERT_WHY, "line %u: %s", ev->line, what);
}

void convert_put(struct convert *c, const struct input_event *e)
{
    if (c->why[0])
        return;
    if (++c->n > CONVERT_EVENTS)
        convert_cannot(c, &e->ev, "an input runs %d events, and here begins one more",
                       CONVERT_EVENTS);
    else if (!input_encode(&c->w, e))
        convert_cannot(c, &e->ev, "the input gets too long");
}

/* ---- Time ------------------------------------------------------------------------------- */

static void put_wait(struct convert *c, enum input_wait wait, uint64_t us)
{
    struct input_event e = { .ev.kind = SC_WAIT, .wait = wait };
    e.ev.at.from = e.ev.at.to = us;
    convert_put(c, &e);
}

static void wait_us(struct convert *c, uint64_t us)
{
    while (us > 0 && !c->why[0]) {
        unsigned i = INPUT_WAIT_1US;
        while (i < INPUT_WAIT_EXPLICIT && input_wait_us((enum input_wait)i) != us)
            i++;
        const uint64_t part = i < INPUT_WAIT_EXPLICIT || us < UINT32_MAX ? us : UINT32_MAX;
        put_wait(c, (enum input_wait)i, part);
        us -= part;
    }
}

/* Lets the script's time come to that of the event.  When a segment is awaited for which no time is
 * given, the stack's next timer is what may send it. */
static void come_to(struct convert *c, const struct sc_event *ev, bool expected)
{
    const struct sc_time *t = &ev->at;
    const bool rel = t->kind == SC_T_REL || t->kind == SC_T_REL_RANGE;
    const bool range = t->kind == SC_T_REL_RANGE || t->kind == SC_T_ABS_RANGE;
    if (t->kind == SC_T_NONE)
        return;
    if (t->kind == SC_T_ANY) {
        if (expected)
            put_wait(c, INPUT_WAIT_DEADLINE, 0);
        return;
    }
    const uint64_t to = (rel ? c->base : 0) + (range ? t->to : t->from);
    if (to > c->base)
        wait_us(c, to - c->base);
    c->base = to > c->base ? to : c->base;
}

static void put_pause(struct convert *c, const struct sc_event *ev)
{
    if (ev->kind == SC_WAIT && ev->u.text)
        put_wait(c, ev->u.text[0] == 'b' ? INPUT_WAIT_BEFORE_DEADLINE : INPUT_WAIT_DEADLINE, 0);
    else
        come_to(c, ev, false);
}

/* ---- Packets ---------------------------------------------------------------------------- */

/* Numbers that count from an initial one: an input's base for it. */
static void rebase(struct sc_num *n, enum sc_base base, uint32_t initial)
{
    if (n->base != SC_REL)
        return;
    n->base = (uint8_t)base;
    n->offset -= initial;
}

static void rebase_timestamps(struct convert *c, struct sc_option *o)
{
    if (o->u.ts.val.base == SC_REL)
        o->u.ts.val.base = SC_ABS;
    rebase(&o->u.ts.ecr, SC_TS_LAST, c->ts);
    if (!c->has_ts && o->u.ts.ecr.base == SC_TS_LAST)
        o->u.ts.ecr.offset = 0;
}

static bool copy_options(struct convert *c, const struct sc_segment *seg, struct input_event *e)
{
    for (unsigned i = 0; i < seg->n_options; i++) {
        struct sc_option *o = &e->option[i];
        *o = seg->option[i];
        if (o->any)
            return false;
        if (!o->raw && o->kind == OPT_TIMESTAMPS)
            rebase_timestamps(c, o);
        for (unsigned k = 0; !o->raw && o->kind == OPT_SACK && k < o->u.sack.n; k++) {
            rebase(&o->u.sack.left[k], SC_ISS, c->iss);
            rebase(&o->u.sack.right[k], SC_ISS, c->iss);
        }
    }
    e->ev.u.packet.seg.option = e->option;
    return true;
}

/* A peer that opens anew has other numbers than an input's one peer. */
static bool another(struct convert *c, const struct sc_segment *seg)
{
    const bool opens = (seg->flags & (TCP_SYN | TCP_RST)) == TCP_SYN && seg->seq.base == SC_REL;
    if (!opens)
        return false;
    if (c->peer_syn && seg->seq.offset != c->irs)
        return true;
    c->irs = seg->seq.offset;
    c->peer_syn = true;
    return false;
}

static void put_segment(struct convert *c, const struct sc_event *ev)
{
    struct input_event e = { .ev = *ev };
    struct sc_segment *seg = &e.ev.u.packet.seg;
    if ((ev->u.packet.src_port || ev->u.packet.dst_port) && !c->watched)
        convert_cannot(c, ev, "it has several connections, and an input's numbers are those of "
                              "one");
    else if (!c->watched && another(c, seg))
        convert_cannot(c, ev, "the peer opens with another initial number, and an input has one");
    else if (seg->text_len >= 1u << 14)
        convert_cannot(c, ev, "a segment of an input has at most 16,383 octets of text");
    else if (seg->has_flow)
        convert_cannot(c, ev, "an input has no flow label");
    else if (!copy_options(c, seg, &e))
        convert_cannot(c, ev, "an option to be sent has '*' for its value");
    rebase(&seg->seq, SC_IRS, c->irs);
    rebase(&seg->ack, SC_ISS, c->iss);
    if (seg->ack.base == SC_NONE && seg->flags & TCP_ACK)
        seg->ack = (struct sc_num){ .base = SC_SND_NXT };
    if (seg->has_ecn && seg->ecn == SC_ECT01)
        seg->ecn = 1;
    convert_put(c, &e);
}

/* What is expected is left out, but it tells how the script numbers and when things happen. */
static void learn(struct convert *c, const struct sc_event *ev)
{
    const struct sc_segment *seg = &ev->u.packet.seg;
    come_to(c, ev, true);
    if (ev->kind != SC_PACKET || ev->u.packet.whatever)
        return;
    if (seg->flags & TCP_SYN && seg->seq.base == SC_REL)
        c->iss = seg->seq.offset;
    for (unsigned i = 0; i < seg->n_options; i++)
        if (!seg->option[i].raw && !seg->option[i].any &&
            seg->option[i].kind == OPT_TIMESTAMPS && seg->option[i].u.ts.val.base == SC_REL) {
            c->ts = seg->option[i].u.ts.val.offset;
            c->has_ts = true;
        }
}

static void put_icmp(struct convert *c, const struct sc_event *ev)
{
    struct input_event e = { .ev = *ev };
    if (ev->u.icmp.mtu > UINT16_MAX || ev->u.icmp.text_len > UINT16_MAX)
        convert_cannot(c, ev, "an input's ICMP message has numbers of 16 bits");
    rebase(&e.ev.u.icmp.seq, SC_ISS, c->iss);
    convert_put(c, &e);
}

static void put_raw(struct convert *c, const struct sc_event *ev)
{
    static const char *const form[INPUT_N_RAWS] = { "datagram", "tcp", "icmp" };
    char word[16] = "", hex[520] = "";
    uint8_t octet[255];
    struct input_event e = { .ev.kind = SC_OPAQUE, .ev.line = ev->line, .raw = octet };
    const bool raw = sscanf(ev->u.text, "< raw %15s %519s", word, hex) >= 1;
    const int which = raw ? sc_name_index(form, INPUT_N_RAWS, word, strlen(word)) : -1;
    if (which < 0 || strlen(hex) > 2 * sizeof octet) {
        convert_cannot(c, ev, "an input has TCP, ICMP and at most 255 raw octets");
        return;
    }
    for (const char *p = hex; p[0] && p[1]; p += 2)
        octet[e.raw_len++] = (uint8_t)strtoul((char[]){ p[0], p[1], '\0' }, NULL, 16);
    e.raw_form = (enum input_raw)which;
    convert_put(c, &e);
}

/* ---- Calls, settings -------------------------------------------------------------------- */

static void put_user(struct convert *c, const struct sc_event *ev)
{
    struct input_event e = { .ev = *ev };
    const struct sc_user *u = &ev->u.user;
    if (u->op == SC_END_ABORT || u->op == SC_END_RELEASE) {
        c->manner |= u->op == SC_END_RELEASE ? INPUT_RELEASE : 0;
        return;
    }
    if (u->op == SC_SET) {
        e.ev.kind = SC_CONFIG;
        e.setting = (enum sc_setting)u->setting;
        e.value = (uint16_t)u->amount;
    }
    if (u->conn >= CONVERT_CONNS)
        convert_cannot(c, ev, "an input has %d connections", CONVERT_CONNS);
    convert_put(c, &e);
}

static bool setting(struct convert *c, const struct sc_pair *p)
{
    static const struct {
        const char *name, *value;
        uint8_t bit;
    } bits[] = {
        { "timestamps", "on", INPUT_TIMESTAMPS },    { "sack", "on", INPUT_SACK },
        { "window_scale", "on", INPUT_WINDOW_SCALE }, { "nagle", "off", INPUT_NO_NAGLE },
        { "delayed_ack", "0", INPUT_NO_DELAYED_ACK }, { "keepalive", "on", INPUT_KEEPALIVE },
        { "user_timeout", "30s", INPUT_USER_TIMEOUT }, { "rfc1337", "on", INPUT_RFC1337 },
    };
    const char *value = p->value ? p->value : "";
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++)
        if (!strcmp(p->name, bits[i].name)) {
            const bool set = !strcmp(value, bits[i].value);
            c->config = (uint8_t)(set ? c->config | bits[i].bit : c->config & ~bits[i].bit);
            return set || !strcmp(value, "on") || !strcmp(value, "off");
        }
    if (!strcmp(p->name, "ip"))
        c->manner |= !strcmp(value, "6") ? INPUT_IP6 : 0;
    else if (!strcmp(p->name, "fragments"))
        c->manner |= !strcmp(value, "on") ? INPUT_FRAGMENTS : 0;
    else if (!strcmp(p->name, "host"))
        c->watched = true;
    else
        return false;
    return true;
}

static void put_config(struct convert *c, const struct sc_event *ev)
{
    for (const struct sc_pair *p = ev->u.pair; p; p = p->next) {
        unsigned i = 0;
        if (!strcmp(p->name, "start")) {
            while (i < INPUT_N_STARTS && strcmp(input_start_name((enum input_start)i), p->value))
                i++;
            c->start = i < INPUT_N_STARTS ? (enum input_start)i : INPUT_START_CLOSED;
        } else if (!setting(c, p)) {
            convert_cannot(c, ev, "an input cannot set %s=%s", p->name, p->value ? p->value : "");
        }
    }
}

static void put_event(struct convert *c, const struct sc_event *ev)
{
    const bool out = (ev->kind == SC_PACKET && ev->u.packet.direction == SC_OUT) ||
                     (ev->kind == SC_ICMP && ev->u.icmp.direction == SC_OUT);
    if (ev->actor || (ev->kind == SC_PACKET && ev->u.packet.from)) {
        convert_cannot(c, ev, "it has two live stacks, and an input of fuzz_conn has one");
        return;
    }
    if (out) {
        learn(c, ev);
        return;
    }
    if (ev->kind != SC_WAIT)
        come_to(c, ev, false);
    switch ((enum sc_kind)ev->kind) {
    case SC_PACKET: put_segment(c, ev); break;
    case SC_ICMP: put_icmp(c, ev); break;
    case SC_CALL: convert_call(c, ev); break;
    case SC_USER: put_user(c, ev); break;
    case SC_WAIT: put_pause(c, ev); break;
    case SC_CONFIG: put_config(c, ev); break;
    case SC_OPAQUE: put_raw(c, ev); break;
    case SC_SHELL: convert_cannot(c, ev, "an input runs no command"); break;
    case SC_FAULT: convert_cannot(c, ev, "an input of fuzz_conn has no link"); break;
    default: break; /* what only looks: states, code, silence; and comments */
    }
}

/* Where the script says so and it is true, an input begins by the name of its first events. */
static size_t with_start(struct convert *c, const uint8_t *own, size_t len, uint8_t *to, size_t cap)
{
    size_t n;
    const uint8_t *start = input_start_octets(c->start, &n);
    if (n > len || memcmp(own, start, n) != 0) {
        c->start = INPUT_START_CLOSED;
        n = 0;
    }
    if (len - n + INPUT_HEADER > cap)
        return 0;
    to[0] = (uint8_t)(c->start | c->manner);
    to[1] = c->config;
    memcpy(to + INPUT_HEADER, own + n, len - n);
    return len - n + INPUT_HEADER;
}

size_t convert_script(const struct script *s, uint8_t *to, size_t cap, char *why)
{
    uint8_t *own = malloc(cap);
    if (!own)
        abort();
    struct convert c = { .w = wcur_of(own, cap), .why = why };
    for (int i = 0; i < CONVERT_FDS; i++)
        c.conn_of[i] = -1;
    why[0] = '\0';
    c.manner = s->ip == 6 ? INPUT_IP6 : 0;
    for (size_t i = 0; i < s->n_events && !why[0]; i++)
        put_event(&c, &s->event[i]);
    size_t n = why[0] ? 0 : with_start(&c, own, (size_t)(c.w.p - own), to, cap);
    free(own);
    return n;
}
