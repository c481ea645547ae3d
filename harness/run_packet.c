/* Segments and ICMP messages from templates onto the wire, and which connection they belong to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/run_state.h"
#include "refstack/cursor.h"

enum { FIRST_PEER_PORT = 40001 };

/* ---- Connections ------------------------------------------------------------------------ */

struct run_conn *run_conn_find(struct run *r, uint16_t sut_port, uint16_t peer_port)
{
    for (int i = 0; i < r->n_conns; i++)
        if (r->conn[i].sut_port == sut_port && r->conn[i].peer_port == peer_port)
            return &r->conn[i];
    return NULL;
}

struct run_conn *run_conn_new(struct run *r, uint16_t sut_port, uint16_t peer_port)
{
    if (r->n_conns == RUN_CONNS) {
        run_end(r, VERDICT_ERROR, "connections: a script may have at most %d", RUN_CONNS);
        return &r->conn[0];
    }
    struct run_conn *c = &r->conn[r->n_conns++];
    memset(c, 0, sizeof(*c));
    c->sut_port = sut_port;
    c->peer_port = peer_port ? peer_port : (uint16_t)(FIRST_PEER_PORT + r->n_conns);
    return c;
}

/* packetdrill's rule: a SYN for a listener opens another connection, and what follows belongs to
 * the latest one.  A SYN that is to reach an old one names its number by a base (`S IRS(0)`). */
static struct run_conn *conn_for_input(struct run *r, const struct sc_packet *p)
{
    struct run_conn *c = NULL;
    if (p->src_port || p->dst_port) {
        c = run_conn_find(r, p->dst_port, p->src_port);
        if (!c)
            c = run_conn_new(r, p->dst_port, p->src_port);
    } else {
        const bool syn = (p->seg.flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
        const bool another = syn && r->listening && p->seg.seq.base == SC_REL;
        if (r->current >= 0 && !another)
            c = &r->conn[r->current];
        else
            c = run_conn_new(r, r->listen_port ? r->listen_port : r->config.port, 0);
    }
    r->current = (int)(c - r->conn);
    return c;
}

/* ---- TCP options ------------------------------------------------------------------------ */

static void put_sack(struct tcp_option *o, const struct wireview *v, const struct sc_option *t)
{
    o->len = (uint8_t)(2 + 8 * t->u.sack.n);
    o->u.sack.n = t->u.sack.n;
    for (int i = 0; i < t->u.sack.n; i++) {
        o->u.sack.block[i].left = wireview_num(v, t->u.sack.left[i], WV_SUT);
        o->u.sack.block[i].right = wireview_num(v, t->u.sack.right[i], WV_SUT);
    }
}

/* TSval is the script's own and goes out as it is written; TSecr echoes the SUT's clock. */
static uint32_t ts_val(const struct wireview *v, struct sc_num n)
{
    return n.base == SC_REL ? n.offset : wireview_num(v, n, WV_TS);
}

static void put_option(struct wcur *w, const struct wireview *v, const struct sc_option *t)
{
    struct tcp_option o = { .kind = t->kind, .typed = true };
    switch (t->raw ? -1 : t->kind) {
    case OPT_EOL:
    case OPT_NOP:
        o.len = 1;
        break;
    case OPT_MSS:
        o.len = 4;
        o.u.mss = t->u.mss;
        break;
    case OPT_WSCALE:
        o.len = 3;
        o.u.shift = t->u.shift;
        break;
    case OPT_SACK_PERMITTED:
        o.len = 2;
        break;
    case OPT_SACK:
        put_sack(&o, v, t);
        break;
    case OPT_TIMESTAMPS:
        o.len = 10;
        o.u.ts.val = ts_val(v, t->u.ts.val);
        o.u.ts.ecr = wireview_num(v, t->u.ts.ecr, WV_TS);
        break;
    case OPT_USER_TIMEOUT:
        o.len = 4;
        o.u.user_timeout = t->u.user_timeout;
        break;
    case -1:
        wcur_copy(w, t->u.bytes.octet, t->u.bytes.len);
        return;
    case OPT_MD5:
        wcur_u8(w, OPT_MD5);
        wcur_u8(w, (uint8_t)(2 + t->u.bytes.len));
        wcur_copy(w, t->u.bytes.octet, t->u.bytes.len);
        return;
    default: /* a cookie, under its own kind or as an experiment (RFC 7413 appendix A) */
        wcur_u8(w, t->kind);
        wcur_u8(w, (uint8_t)(t->u.cookie.len + (t->u.cookie.experimental ? 4 : 2)));
        if (t->u.cookie.experimental)
            wcur_u16(w, 0xF989);
        wcur_copy(w, t->u.cookie.octet, t->u.cookie.len);
        return;
    }
    opt_put(w, &o);
}

/* A value for `*`: there is one for a cookie, the latest that the stack gave. */
static bool filled_in(struct run *r, struct sc_option *o)
{
    if (!o->any)
        return true;
    const bool cookie = o->kind == OPT_FASTOPEN || o->kind == OPT_EXPERIMENT;
    if (!cookie || !r->has_cookie) {
        run_end(r, VERDICT_UNSUPPORTED, "options: '*' has no value to send");
        return false;
    }
    o->u.cookie.len = r->cookie.u.cookie.len;
    memcpy(o->u.cookie.octet, r->cookie.u.cookie.octet, o->u.cookie.len);
    return true;
}

static size_t put_options(struct run *r, const struct wireview *v, const struct sc_segment *t,
                          uint8_t *buf, bool *bad)
{
    struct wcur w = wcur_of(buf, TCP_OPT_MAX);
    for (int i = 0; i < t->n_options; i++) {
        struct sc_option o = t->option[i];
        if (filled_in(r, &o))
            put_option(&w, v, &o);
    }
    size_t n = (size_t)(w.p - buf);
    while (n % 4 && n < TCP_OPT_MAX)
        buf[n++] = OPT_EOL;
    *bad = w.bad;
    return n;
}

/* ---- The datagram ----------------------------------------------------------------------- */

/* Damage comes last, with the checksum made right again for what is left, so that the stack gets
 * as far as the damage and not only as far as the checksum. */
static size_t damage(struct run *r, const struct sc_segment *t, uint8_t *p, size_t len)
{
    if ((t->malform & SC_TRUNCATED) && t->cut < len)
        len = t->cut;
    if ((t->malform & SC_BAD_DOFF) && len > 12)
        p[12] = (uint8_t)(t->doff << 4 | (p[12] & 0x0f));
    if (len < 18)
        return len;
    p[16] = p[17] = 0;
    uint32_t sum = csum_pseudo(&r->config.remote, &r->config.local, IP_PROTO_TCP, (uint32_t)len);
    uint16_t csum = csum_fold(csum_add(sum, p, len));
    if (t->malform & SC_BAD_CHECKSUM)
        csum ^= t->csum;
    p[16] = (uint8_t)(csum >> 8);
    p[17] = (uint8_t)csum;
    return len;
}

static uint8_t *make_text(const struct wireview *v, const struct sc_segment *t, uint32_t seq)
{
    uint8_t *text = calloc(1, t->text_len ? t->text_len : 1);
    if (!text)
        abort();
    if (t->text)
        memcpy(text, t->text, t->text_len);
    for (uint32_t i = 0; t->text_pattern && i < t->text_len; i++)
        text[i] = sc_pattern(seq - v->irs - 1 + i);
    return text;
}

/* A SYN that opens: its number on the wire is ours to choose; the script's maps onto it. */
static void choose_irs(struct run *r, struct wireview *v, const struct sc_segment *t)
{
    if (!(t->flags & TCP_SYN) || t->seq.base != SC_REL || v->has_irs)
        return;
    uint64_t x = (r->config.seed + (uint64_t)r->n_conns) * UINT64_C(0x9E3779B97F4A7C15);
    v->irs = (uint32_t)(x >> 32);
    v->irs_script = t->seq.offset;
    v->peer_nxt = v->irs;
    v->rcv_nxt = v->irs + 1;
    v->has_irs = true;
}

static void inject_tcp(struct run *r, const struct sc_packet *p)
{
    const struct sc_segment *t = &p->seg;
    struct run_conn *c = conn_for_input(r, p);
    struct wireview *v = &c->view;
    uint8_t opt[TCP_OPT_MAX];
    bool bad;
    choose_irs(r, v, t);
    v->of_syn = (t->flags & TCP_SYN) != 0;
    struct tcp_seg seg = { .src_port = c->peer_port, .dst_port = c->sut_port };
    seg.seq = wireview_num(v, t->seq, WV_PEER);
    seg.flags = t->flags;
    seg.ack = wireview_num(v, t->ack, WV_SUT);
    if (t->ack.base == SC_NONE && (t->flags & TCP_ACK))
        seg.ack = v->snd_nxt;
    seg.wnd = t->has_wnd ? t->wnd : UINT16_MAX;
    seg.up = t->up;
    seg.opt_len = (uint8_t)put_options(r, v, t, opt, &bad);
    seg.opt = opt;
    if (r->over)
        return;
    uint8_t *text = make_text(v, t, seg.seq);
    seg.text = text;
    seg.text_len = t->text_len;
    const size_t ip = run_ip_octets(r);
    size_t n = bad ? 0 : tcp_emit_sum(&seg, &r->config.remote, &r->config.local,
                                      r->buf + ip, sizeof(r->buf) - ip);
    free(text);
    if (!n) {
        run_end(r, VERDICT_ERROR, "segment: it does not fit: at most 40 octets of options and "
                                  "65,495 of text");
        return;
    }
    n = damage(r, t, r->buf + ip, n);
    r->texts_in += t->text_len > 0;
    n += run_put_ip(r, t, IP_PROTO_TCP, n);
    run_deliver(r, r->buf, n);
    if (!(t->malform & ~SC_BAD_RESERVED))
        wireview_in(v, &seg);
}

/* ---- ICMP ------------------------------------------------------------------------------- */

/* The start of a datagram that the SUT sent, as a router quotes it. */
static size_t put_quote(struct run *r, const struct run_conn *c, const struct sc_icmp *t,
                        uint8_t *buf, size_t cap)
{
    size_t n;
    if (r->opt->ip == 6) {
        struct ip6_hdr ip = { .next = IP_PROTO_TCP, .hops = 64 };
        ip.payload_len = (uint16_t)(TCP_HEADER + t->text_len);
        ip.src = r->config.local;
        ip.dst = r->config.remote;
        n = ip6_emit(&ip, buf, cap);
    } else {
        struct ip4_hdr ip = { .ihl = 5, .frag = IP4_DF, .ttl = 64, .proto = IP_PROTO_TCP };
        ip.total_len = (uint16_t)(IP4_HEADER + TCP_HEADER + t->text_len);
        ip.src = r->config.local;
        ip.dst = r->config.remote;
        n = ip4_emit_sum(&ip, buf, cap);
    }
    struct wcur w = wcur_of(buf + n, 8);
    wcur_u16(&w, c->sut_port);
    wcur_u16(&w, c->peer_port);
    wcur_u32(&w, wireview_num(&c->view, t->seq, WV_SUT));
    return n + 8;
}

/* The message quotes the header and eight octets of a segment that the SUT sent (RFC 792). */
static void inject_icmp(struct run *r, struct sc_icmp t)
{
    const size_t ip = run_ip_octets(r);
    uint8_t body[IP6_HEADER + 8] = { 0 };
    if (r->current < 0)
        run_conn_new(r, r->listen_port ? r->listen_port : r->config.port, 0);
    struct run_conn *c = &r->conn[r->current < 0 ? 0 : r->current];
    c->view.of_syn = false;
    if (r->opt->ip == 6 && !run_icmp6(&t)) {
        run_end(r, VERDICT_UNSUPPORTED, "icmp: ICMPv6 has no such message");
        return;
    }
    struct icmp_msg m = { .type = t.type, .code = t.code, .rest = t.mtu, .body = body };
    m.body_len = put_quote(r, c, &t, body, sizeof(body));
    size_t n;
    if (r->opt->ip == 6)
        n = icmp6_emit_sum(&m, &r->config.remote, &r->config.local, r->buf + ip,
                           sizeof(r->buf) - ip);
    else
        n = icmp_emit_sum(&m, r->buf + ip, sizeof(r->buf) - ip);
    n += run_put_ip(r, NULL, r->opt->ip == 6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP, n);
    run_deliver(r, r->buf, n);
}

/* ---- Octets as they stand --------------------------------------------------------------- */

/* The octets of a string of hexadecimal digits; -1 when it is none or they do not fit. */
static long octets_of(const char *hex, uint8_t *p, size_t cap)
{
    size_t n = 0;
    for (; hex[0]; hex += 2) {
        char two[3] = { hex[0], hex[1], '\0' }, *end;
        const unsigned long octet = strtoul(two, &end, 16);
        if (end != two + 2 || n == cap)
            return -1;
        p[n++] = (uint8_t)octet;
    }
    return (long)n;
}

bool run_raw(struct run *r, const struct sc_event *ev)
{
    enum { CSUM_AT = 16 };
    char form[16] = "", hex[1024] = "";
    if (sscanf(ev->u.text, "< raw %15s %1023s", form, hex) < 1)
        return false;
    const bool tcp = !strcmp(form, "tcp"), icmp = !strcmp(form, "icmp");
    uint8_t *p = r->buf + (tcp || icmp ? run_ip_octets(r) : 0);
    long n = octets_of(hex, p, sizeof(hex) / 2);
    if (n < 0 || !(tcp || icmp || !strcmp(form, "datagram"))) {
        run_end(r, VERDICT_ERROR, "raw: expected datagram, tcp or icmp and then pairs of "
                                  "hexadecimal digits, found '%s'", ev->u.text);
        return true;
    }
    if (tcp && n >= CSUM_AT + 2) {
        p[CSUM_AT] = p[CSUM_AT + 1] = 0;
        const uint32_t sum = csum_pseudo(&r->config.remote, &r->config.local, IP_PROTO_TCP,
                                         (uint32_t)n);
        const uint16_t csum = csum_fold(csum_add(sum, p, (size_t)n));
        p[CSUM_AT] = (uint8_t)(csum >> 8);
        p[CSUM_AT + 1] = (uint8_t)csum;
    }
    const uint8_t icmp_proto = r->opt->ip == 6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP;
    if (tcp || icmp)
        n += (long)run_put_ip(r, NULL, tcp ? IP_PROTO_TCP : icmp_proto, (size_t)n);
    run_deliver(r, r->buf, (size_t)n);
    return true;
}

void run_inject(struct run *r, const struct sc_event *ev)
{
    if (ev->kind == SC_ICMP)
        inject_icmp(r, ev->u.icmp);
    else
        inject_tcp(r, &ev->u.packet);
}

/* ---- Record ----------------------------------------------------------------------------- */

static int8_t state_now(struct run *r)
{
    if (r->current < 0 || !r->sut)
        return TRACE_STATE_UNKNOWN;
    int state = run_state_of(r, &r->conn[r->current]);
    return (int8_t)(state < 0 ? TRACE_STATE_UNKNOWN : state);
}

void run_record_packet(struct run *r, bool out, const uint8_t *p, size_t len, uint64_t us)
{
    if (!r->opt->trace)
        return;
    struct trace_row *row = case_packet(r->opt->trace, us, out ? END_B : END_A, RS_LINK_IP, p, len);
    row->line = r->ev ? r->ev->line : 0;
    row->before[END_B] = row->after[END_B] = state_now(r);
}

static void hand_over(struct run *r, const uint8_t *p, size_t len)
{
    int8_t before = r->opt->trace ? state_now(r) : TRACE_STATE_UNKNOWN;
    run_record_packet(r, false, p, len, r->now - r->begun);
    size_t row = r->opt->trace ? r->opt->trace->n_rows - 1 : 0;
    r->ops->input(r->sut, p, len, r->now);
    if (r->opt->trace) {
        r->opt->trace->row[row].before[END_B] = before;
        r->opt->trace->row[row].after[END_B] = state_now(r);
    }
    run_pull(r);
}

/* What reaches the SUT by now of what is on its way. */
void run_link_arrivals(struct run *r)
{
    uint8_t *p = malloc(RUN_DATAGRAM);
    if (!p)
        abort();
    for (size_t len; (len = fault_pop(&r->fault[SC_IN], p, RUN_DATAGRAM, r->now)) > 0;)
        hand_over(r, p, len);
    free(p);
}

void run_deliver(struct run *r, const uint8_t *p, size_t len)
{
    if (!r->faulty || fault_idle(&r->fault[SC_IN])) {
        hand_over(r, p, len);
        return;
    }
    fault_push(&r->fault[SC_IN], p, len, r->now);
    run_link_arrivals(r);
}
