/* A fuzz input as a script. */
#include "harness/convert.h"

#include <string.h>

#include "harness/conn.h"
#include "harness/script_print.h"

/* A number that stands alone, and one that counts from a SYN, have one spelling each. */
static void spell(struct sc_num *n)
{
    if (n->base == SC_NONE || n->base == SC_ANY)
        n->base = SC_ABS;
    else if (n->base == SC_REL)
        n->base = SC_IRS;
}

static void spell_options(struct sc_segment *seg)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < seg->n_options; i++) /* an option of no octets is none */
        if (!seg->option[i].raw || seg->option[i].u.bytes.len > 0)
            seg->option[kept++] = seg->option[i];
    seg->n_options = (uint8_t)kept;
    for (unsigned i = 0; i < seg->n_options; i++) {
        struct sc_option *o = &seg->option[i];
        if (o->raw)
            continue;
        if (o->kind == OPT_TIMESTAMPS) {
            spell(&o->u.ts.val);
            spell(&o->u.ts.ecr);
        }
        if (o->kind == OPT_SACK && o->u.sack.n == 0) { /* its two octets have no other word */
            *o = (struct sc_option){ .kind = OPT_SACK, .raw = true };
            o->u.bytes.len = o->u.bytes.octet[1] = 2;
            o->u.bytes.octet[0] = OPT_SACK;
            continue;
        }
        for (unsigned k = 0; o->kind == OPT_SACK && k < o->u.sack.n; k++) {
            spell(&o->u.sack.left[k]);
            spell(&o->u.sack.right[k]);
        }
    }
}

static void spell_segment(struct sc_packet *packet)
{
    struct sc_segment *seg = &packet->seg;
    spell(&seg->seq);
    if (seg->flags & TCP_ACK || seg->ack.base != SC_NONE || seg->ack.offset)
        spell(&seg->ack);
    if (packet->src_port || packet->dst_port) {
        packet->src_port = packet->src_port ? packet->src_port : REMOTE_PORT;
        packet->dst_port = packet->dst_port ? packet->dst_port : LOCAL_PORT;
    }
    seg->has_tos = seg->tos != 0;
    spell_options(seg);
}

static void put_raw(FILE *out, const struct input_event *e)
{
    static const char *const form[INPUT_N_RAWS] = { "datagram", "tcp", "icmp" };
    fprintf(out, "+0 < raw %s ", form[e->raw_form]);
    for (size_t i = 0; i < e->raw_len; i++)
        fprintf(out, "%02x", e->raw[i]);
}

void convert_spell(struct input_event *e)
{
    if (e->ev.kind == SC_PACKET)
        spell_segment(&e->ev.u.packet);
    else if (e->ev.kind == SC_ICMP)
        spell(&e->ev.u.icmp.seq);
}

static void put_event(FILE *out, struct input_event *e)
{
    e->ev.actor = 0;
    convert_spell(e);
    if (e->ev.kind == SC_CONFIG) {
        e->ev.kind = SC_USER;
        e->ev.u.user.op = SC_SET;
        e->ev.u.user.setting = (uint8_t)e->setting;
        e->ev.u.user.amount = e->value;
    }
    if (e->ev.kind == SC_USER)
        e->ev.u.user.any_result = true;
    if (e->ev.kind == SC_OPAQUE)
        put_raw(out, e);
    else
        script_print_event(out, &e->ev);
    fputs("\n+0 > ...\n", out);
}

static void put_head(FILE *out, const struct input_reader *r)
{
    static const char *const setting[8] = { "timestamps=on", "sack=on", "window_scale=on",
                                            "nagle=off", "delayed_ack=0", "keepalive=on",
                                            "user_timeout=30s", "rfc1337=on" };
    fprintf(out, "//@ config host=input start=%s", input_start_name((enum input_start)r->start));
    for (unsigned i = 0; i < 8; i++)
        if (r->config >> i & 1)
            fprintf(out, " %s", setting[i]);
    fprintf(out, "%s\n//@ ip %d\n", r->manner & INPUT_FRAGMENTS ? " fragments=on" : "",
            r->manner & INPUT_IP6 ? 6 : 4);
}

void convert_input(FILE *out, const uint8_t *p, size_t len)
{
    struct input_reader r;
    struct input_event e;
    input_open(&r, p, len);
    put_head(out, &r);
    for (unsigned n = 0; n < CONVERT_EVENTS && input_next(&r, &e); n++)
        if (e.ev.kind != SC_FAULT)
            put_event(out, &e);
    fprintf(out, "+0 user %s 0\n", sc_user_name(r.release ? SC_END_RELEASE : SC_END_ABORT));
}
