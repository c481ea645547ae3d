/* What the SUT sent against what the script expects. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/run_live.h"
#include "harness/script_print.h"

/* ---- Options ---------------------------------------------------------------------------- */


static bool num_meets(const struct wireview *v, struct sc_num want, uint32_t live,
                      enum wireview_owner owner)
{
    return want.base == SC_ANY || wireview_num(v, want, owner) == live;
}

static bool sack_meets(const struct wireview *v, const struct sc_option *t,
                       const struct tcp_option *o)
{
    if (o->u.sack.n != t->u.sack.n)
        return false;
    for (int i = 0; i < t->u.sack.n; i++)
        if (!num_meets(v, t->u.sack.left[i], o->u.sack.block[i].left, WV_PEER) ||
            !num_meets(v, t->u.sack.right[i], o->u.sack.block[i].right, WV_PEER))
            return false;
    return true;
}

/* packetdrill's mapping: the first TSval the script names is what the SUT's first is called. */
static bool ts_meets(struct run *r, struct wireview *v, const struct sc_option *t,
                     const struct tcp_option *o)
{
    const uint32_t slack = (uint32_t)(r->tolerance / 1000);
    /* packetdrill compares values only where the script gives the clock's tick. */
    if ((r->packetdrill || r->freebsd) && !r->ts_tick && t->u.ts.val.base == SC_REL)
        v->has_ts_map = false;
    if (!v->has_ts_map && t->u.ts.val.base == SC_REL) {
        v->ts_live = o->u.ts.val;
        v->ts_script = t->u.ts.val.offset;
        v->has_ts_map = true;
    }
    int32_t off = seq_diff(wireview_num(v, t->u.ts.val, WV_TS), o->u.ts.val);
    if (t->u.ts.val.base != SC_ANY && (off > (int32_t)slack || -off > (int32_t)slack))
        return false;
    uint32_t ecr = t->u.ts.ecr.base == SC_REL ? t->u.ts.ecr.offset
                                              : wireview_num(v, t->u.ts.ecr, WV_TS);
    return t->u.ts.ecr.base == SC_ANY || ecr == o->u.ts.ecr;
}

static bool octets_meet(const struct sc_option *t, const struct tcp_option *o)
{
    const uint8_t *p = t->u.bytes.octet;
    if (t->raw)
        return t->u.bytes.len == o->len && (o->len < 2 || (p[1] == o->len &&
               (o->len == 2 || (o->body && memcmp(p + 2, o->body, o->len - 2u) == 0))));
    return o->len == 2 + t->u.bytes.len && o->body && memcmp(p, o->body, t->u.bytes.len) == 0;
}

static bool cookie_meets(const struct sc_option *t, const struct tcp_option *o)
{
    return o->typed && o->u.cookie.len == t->u.cookie.len &&
           (!o->u.cookie.len ||
            memcmp(o->u.cookie.octets, t->u.cookie.octet, o->u.cookie.len) == 0);
}

static bool option_meets(struct run *r, struct wireview *v, const struct sc_option *t,
                         const struct tcp_option *o)
{
    if (t->kind != o->kind)
        return false;
    if (t->any)
        return true;
    if (t->raw)
        return octets_meet(t, o);
    switch (t->kind) {
    case OPT_MSS:
        return o->typed && o->u.mss == t->u.mss;
    case OPT_WSCALE:
        return o->typed && (r->opt->loose || o->u.shift == t->u.shift);
    case OPT_USER_TIMEOUT:
        return o->typed && o->u.user_timeout == t->u.user_timeout;
    case OPT_SACK:
        return o->typed && sack_meets(v, t, o);
    case OPT_TIMESTAMPS:
        return o->typed && ts_meets(r, v, t, o);
    case OPT_MD5:
        return octets_meet(t, o);
    case OPT_FASTOPEN:
    case OPT_EXPERIMENT:
        return cookie_meets(t, o);
    default:
        return true;
    }
}

/* As a set: order and padding are the stack's choice (RFC 9293 section 3.1, MUST-64). */
static bool options_meet_anyhow(struct run *r, const struct sc_segment *t, const struct live *l)
{
    uint64_t met = 0;
    int wanted = 0, n = 0;
    for (int i = 0; i < t->n_options; i++)
        wanted += t->option[i].kind > OPT_NOP;
    struct opt_walk w = opt_walk_of(l->seg.opt, l->seg.opt_len);
    for (struct tcp_option o; opt_next(&w, &o) == OPT_OK;) {
        int i = 0;
        if (o.kind <= OPT_NOP)
            continue;
        while (i < t->n_options &&
               ((met >> i & 1) || !option_meets(r, &l->conn->view, &t->option[i], &o)))
            i++;
        if (i == t->n_options)
            return false;
        met |= UINT64_C(1) << i;
        n++;
    }
    return n == wanted;
}

static bool options_meet(struct run *r, const struct sc_segment *t, const struct live *l)
{
    struct opt_walk w = opt_walk_of(l->seg.opt, l->seg.opt_len);
    struct tcp_option o;
    int i = 0;
    if (t->options_any)
        return true;
    if (r->opt->loose)
        return options_meet_anyhow(r, t, l);
    while (opt_next(&w, &o) == OPT_OK) {
        /* Padding after the options is not one of them. */
        if (o.kind == OPT_EOL && i == t->n_options)
            break;
        if (i == t->n_options || !option_meets(r, &l->conn->view, &t->option[i], &o))
            return false;
        i++;
    }
    return i == t->n_options;
}

/* ---- Text ------------------------------------------------------------------------------- */

static uint8_t wanted_octet(const struct sc_segment *t, const struct live *l, uint32_t i)
{
    if (t->text)
        return t->text[i];
    if (t->text_pattern)
        return sc_pattern(l->seg.seq - l->conn->view.iss - 1 + i);
    return 0;
}

/* Text is only compared where the script gives it: packetdrill's calls send zeros, ours what the
 * script likes. */
static bool text_meets(struct run *r, const struct sc_segment *t, const struct live *l)
{
    if (!t->text && !t->text_pattern)
        return true;
    for (uint32_t i = 0; i < t->text_len; i++) {
        uint8_t want = wanted_octet(t, l, i);
        if (want == l->text[i])
            continue;
        run_end(r, VERDICT_FAIL, "text: expected 0x%02x at octet %u, got 0x%02x", want, i,
                l->text[i]);
        return false;
    }
    return true;
}

/* ---- Taking apart and joining ----------------------------------------------------------- */

static void bad_datagram(struct run *r, const char *what)
{
    run_end(r, VERDICT_FAIL, "packet: expected a well-formed datagram, got one with %s", what);
}

static void classify(struct run *r, struct live *l)
{
    l->conn = run_conn_find(r, l->seg.src_port, l->seg.dst_port);
    if (l->conn)
        return;
    l->conn = run_conn_new(r, l->seg.src_port, l->seg.dst_port);
    l->new_conn = true;
}

static void take_apart(struct run *r, const struct run_sent *s, struct live *l)
{
    memset(l, 0, sizeof(*l));
    if (!run_ip_parse(&l->ip, r->opt->ip, s->octet, s->len)) {
        bad_datagram(r, "a malformed IP header");
        return;
    }
    if (!rs_addr_eq(&l->ip.dst, &r->config.remote) || !rs_addr_eq(&l->ip.src, &r->config.local)) {
        bad_datagram(r, "addresses other than those of the two ends");
        return;
    }
    if (l->ip.proto == IP_PROTO_ICMP || l->ip.proto == IP_PROTO_ICMP6) {
        if (icmp_parse(&l->icmp, l->ip.payload, l->ip.payload_len) != WIRE_OK)
            bad_datagram(r, "a malformed ICMP message");
        return;
    }
    l->tcp = true;
    if (tcp_parse(&l->seg, l->ip.payload, l->ip.payload_len) != WIRE_OK)
        bad_datagram(r, "a malformed TCP header");
    else if (!tcp_checksum_ok(&l->ip.src, &l->ip.dst, l->ip.payload, l->ip.payload_len))
        bad_datagram(r, "a wrong TCP checksum");
    if (r->over)
        return;
    classify(r, l);
    l->text = malloc(l->seg.text_len ? l->seg.text_len : 1);
    if (!l->text)
        abort();
    if (l->seg.text_len)
        memcpy(l->text, l->seg.text, l->seg.text_len);
}

/* Whether the next datagram continues this segment. */
static bool continues(const struct live *l, const struct live *next)
{
    return next->tcp && next->conn == l->conn && next->seg.text_len > 0 &&
           next->seg.seq == l->seg.seq + l->seg.text_len &&
           !((next->seg.flags | l->seg.flags) & (TCP_SYN | TCP_RST)) &&
           !(l->seg.flags & TCP_FIN);
}

/* A script may write as one segment what the SUT cuts into several: they are joined until the
 * length is reached, the last one giving acknowledgment and window. */
static void join_more(struct run *r, struct live *l, uint32_t wanted)
{
    while (!r->over && l->seg.text_len < wanted) {
        if (r->sent_at == r->n_sent)
            run_advance(r, r->now - r->begun + r->tolerance, true);
        if (r->over || r->sent_at == r->n_sent)
            return;
        struct live next;
        take_apart(r, &r->sent[r->sent_at], &next);
        if (!r->over && continues(l, &next)) {
            uint32_t total = l->seg.text_len + next.seg.text_len;
            uint8_t *both = realloc(l->text, total);
            if (!both)
                abort();
            memcpy(both + l->seg.text_len, next.text, next.seg.text_len);
            l->text = both;
            l->seg.text_len = total;
            l->seg.flags |= next.seg.flags;
            l->seg.ack = next.seg.ack;
            l->seg.wnd = next.seg.wnd;
            r->sent_at++;
            free(next.text);
            continue;
        }
        free(next.text);
        return;
    }
}

/* ---- Comparing -------------------------------------------------------------------------- */

/* PSH only hurries what is there (RFC 9293 section 3.9.1.2): where a stack sets it is loose. */
static bool flags_meet(const struct run *r, const struct sc_segment *t, const struct live *l)
{
    const uint16_t all = (t->malform & SC_BAD_RESERVED) ? 0xfff : 0xff | TCP_RESERVED;
    const uint16_t mask = r->opt->loose ? all & (uint16_t)~TCP_PSH : all;
    return t->flags_any || ((t->flags ^ l->seg.flags) & mask) == 0;
}

static void differ(struct run *r, const char *field, uint32_t want, uint32_t got)
{
    run_end(r, VERDICT_FAIL, "%s: expected %u, got %u", field, want, got);
}

/* The RST for a segment of no connection has sequence number 0 (RFC 9293 section 3.10.7.1), also
 * where the script counts from a connection that was there before. */
static bool seq_meets(const struct wireview *v, const struct sc_segment *t, const struct live *l)
{
    if ((t->flags & TCP_RST) && t->seq.base == SC_REL && l->seg.seq == t->seq.offset)
        return true;
    return num_meets(v, t->seq, l->seg.seq, WV_SUT);
}

/* How large a buffer is, is the stack's choice; whether there is room is not. */
static bool window_meets(const struct run *r, uint16_t want, uint16_t got)
{
    return r->opt->loose ? (want == 0) == (got == 0) : want == got;
}

static void compare_numbers(struct run *r, const struct sc_segment *t, const struct live *l)
{
    const struct wireview *v = &l->conn->view;
    if (!seq_meets(v, t, l))
        differ(r, "seq", wireview_script(v, wireview_num(v, t->seq, WV_SUT), WV_SUT),
               wireview_script(v, l->seg.seq, WV_SUT));
    else if (!(t->flags_any && t->seq.base == SC_ANY && !t->text_len) &&
             t->text_len != l->seg.text_len)
        differ(r, "length", t->text_len, l->seg.text_len);
    else if (t->ack.base != SC_NONE && !num_meets(v, t->ack, l->seg.ack, WV_PEER))
        differ(r, "ack", wireview_script(v, wireview_num(v, t->ack, WV_PEER), WV_PEER),
               wireview_script(v, l->seg.ack, WV_PEER));
    else if (t->has_wnd && !window_meets(r, t->wnd, l->seg.wnd))
        differ(r, "win", t->wnd, l->seg.wnd);
    else if ((t->flags & TCP_URG) && t->up != l->seg.up)
        differ(r, "urg", t->up, l->seg.up);
}

static void compare_ip(struct run *r, const struct sc_segment *t, const struct live *l)
{
    const unsigned ecn = l->ip.tos & 3u;
    if (t->has_ecn && !(t->ecn == SC_ECT01 ? ecn == 1 || ecn == 2 : ecn == t->ecn))
        differ(r, "ecn", t->ecn, ecn);
    else if (t->has_dscp && (t->tos ^ l->ip.tos) >> 2)
        differ(r, "dscp", t->tos >> 2u, l->ip.tos >> 2u);
    else if (t->has_tos && t->tos != l->ip.tos)
        differ(r, "tos", t->tos, l->ip.tos);
    else if (t->ttl && t->ttl != l->ip.ttl)
        differ(r, "ttl", t->ttl, l->ip.ttl);
}

static void compare(struct run *r, const struct sc_packet *p, const struct live *l)
{
    const struct sc_segment *t = &p->seg;
    if ((p->src_port && p->src_port != l->seg.src_port) ||
        (p->dst_port && p->dst_port != l->seg.dst_port)) {
        run_end(r, VERDICT_FAIL, "ports: expected %u > %u, got %u > %u", p->src_port, p->dst_port,
                l->seg.src_port, l->seg.dst_port);
        return;
    }
    if (!p->src_port && r->current >= 0 && l->conn != &r->conn[r->current]) {
        run_end(r, VERDICT_FAIL, "ports: expected a segment of this connection (to port %u), got "
                                 "one to port %u", r->conn[r->current].peer_port, l->seg.dst_port);
        return;
    }
    if (!flags_meet(r, t, l)) {
        char *text = NULL;
        size_t len = 0;
        FILE *f = open_memstream(&text, &len);
        if (!f)
            abort();
        script_print_flags(f, t->flags);
        fputs(", got ", f);
        script_print_flags(f, l->seg.flags);
        if (l->seg.flags & TCP_RESERVED)
            fprintf(f, " with reserved bits %x", (unsigned)l->seg.flags >> 8);
        fclose(f);
        run_end(r, VERDICT_FAIL, "flags: expected %s", text);
        free(text);
        return;
    }
    compare_numbers(r, t, l);
    compare_ip(r, t, l);
    if (!r->over && !options_meet(r, t, l))
        run_end(r, VERDICT_FAIL, "options: expected those of the script, got others");
    if (!r->over)
        text_meets(r, t, l);
}

/* A script that names no cookie means the one that the stack gave. */
static void note_cookie(struct run *r, const struct tcp_seg *seg)
{
    struct opt_walk w = opt_walk_of(seg->opt, seg->opt_len);
    struct tcp_option o;
    while (opt_next(&w, &o) == OPT_OK) {
        if ((o.kind != OPT_FASTOPEN && o.kind != OPT_EXPERIMENT) || !o.typed || !o.u.cookie.len ||
            o.u.cookie.len > sizeof(r->cookie.u.cookie.octet))
            continue;
        r->has_cookie = true;
        r->cookie.u.cookie.len = o.u.cookie.len;
        memcpy(r->cookie.u.cookie.octet, o.u.cookie.octets, o.u.cookie.len);
    }
}

/* The view moves after the comparison, so that SND.NXT and RCV.NXT mean what they were before this
 * segment; but a SYN's own number must be known first. */
static void meet_tcp(struct run *r, const struct sc_event *ev, struct live *l)
{
    const struct sc_packet *p = &ev->u.packet;
    struct wireview *v = &l->conn->view;
    join_more(r, l, p->seg.text_len);
    if (r->over)
        return;
    v->of_syn = (l->seg.flags & TCP_SYN) != 0;
    if (v->of_syn) {
        wireview_out(v, &l->seg);
        note_cookie(r, &l->seg);
        if (p->seg.seq.base == SC_REL)
            v->iss_script = p->seg.seq.offset;
        if (l->new_conn || !(l->seg.flags & TCP_ACK))
            r->current = (int)(l->conn - r->conn);
    }
    compare(r, p, l);
    if (r->over)
        run_explain_segments(r, ev, l);
    wireview_out(v, &l->seg);
}

void run_whatever(struct run *r)
{
    while (!r->over && r->sent_at < r->n_sent) {
        struct live l;
        take_apart(r, &r->sent[r->sent_at++], &l);
        if (!r->over && l.tcp) {
            wireview_out(&l.conn->view, &l.seg);
            if (r->current < 0)
                r->current = (int)(l.conn - r->conn);
        }
        free(l.text);
    }
}

static void meet_icmp(struct run *r, const struct sc_event *ev, const struct live *l)
{
    struct sc_icmp mapped = ev->u.icmp;
    const struct sc_icmp *t = &mapped;
    if (r->opt->ip == 6 && !run_icmp6(&mapped)) {
        run_end(r, VERDICT_UNSUPPORTED, "icmp: ICMPv6 has no such message");
        return;
    }
    if (t->type != l->icmp.type || t->code != l->icmp.code)
        run_end(r, VERDICT_FAIL, "icmp: expected type %u code %u, got type %u code %u", t->type,
                t->code, l->icmp.type, l->icmp.code);
    else if (t->has_mtu && t->mtu != (l->icmp.rest & 0xffff))
        differ(r, "mtu", t->mtu, l->icmp.rest & 0xffff);
    if (r->over)
        run_explain_segments(r, ev, l);
}

void run_expect(struct run *r, const struct sc_event *ev)
{
    struct live l;
    if (r->sent_at == r->n_sent) {
        run_end(r, VERDICT_FAIL, "packet: expected one, got none");
        run_explain_segments(r, ev, NULL);
        return;
    }
    take_apart(r, &r->sent[r->sent_at++], &l);
    if (r->over)
        return;
    if (ev->kind == SC_SILENCE) {
        run_end(r, VERDICT_FAIL, "packet: expected none, got one");
        run_explain_segments(r, ev, &l);
    } else if (l.tcp != (ev->kind == SC_PACKET)) {
        run_end(r, VERDICT_FAIL, "packet: expected %s, got the other kind",
                l.tcp ? "an ICMP message" : "a segment");
        run_explain_segments(r, ev, &l);
    } else if (l.tcp) {
        meet_tcp(r, ev, &l);
    } else {
        meet_icmp(r, ev, &l);
    }
    free(l.text);
}
