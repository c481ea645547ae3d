/* A captured segment as a line of a script, with the calls that an application must have made. */
#include <stdlib.h>
#include <string.h>

#include "harness/convert_capture.h"
#include "harness/script_print.h"
#include "refstack/seq.h"

static void put_time(struct capture *c, uint64_t us)
{
    const uint64_t gap = us > c->last ? us - c->last : 0;
    fprintf(c->out, "+%u.%06u ", (unsigned)(gap / 1000000), (unsigned)(gap % 1000000));
    c->last = us > c->last ? us : c->last;
}

/* ---- Calls ------------------------------------------------------------------------------ */

static void put_bind(struct capture *c, const struct capture_flow *f)
{
    if (c->several)
        fprintf(c->out, "+0 bind(%d, {sa_family = AF_INET, sin_port = htons(%u), sin_addr = "
                "INADDR_ANY}, ...) = 0\n", f->fd, f->sut.port);
    else
        fprintf(c->out, "+0 bind(%d, ..., ...) = 0\n", f->fd);
}

/* Before the peer's first SYN for a port there is a listener on it. */
static void put_listen(struct capture *c, struct capture_flow *f)
{
    for (unsigned i = 0; i < c->n_listening; i++)
        if (c->listening[i] == f->sut.port)
            return;
    if (!f->answers)
        return;
    c->listening[c->n_listening++] = f->sut.port;
    f->fd = c->next_fd++;
    fprintf(c->out, "+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = %d\n", f->fd);
    fprintf(c->out, "+0 fcntl(%d, F_SETFL, O_RDWR | O_NONBLOCK) = 0\n", f->fd);
    put_bind(c, f);
    fprintf(c->out, "+0 listen(%d, %d) = 0\n", f->fd, CAPTURE_FLOWS);
}

static int listener_of(const struct capture *c, const struct capture_flow *f)
{
    for (const struct capture_flow *g = c->flow; g <= f; g++)
        if (!g->active && g->sut.port == f->sut.port)
            return g->fd;
    return f->fd;
}

/* Each segment of the capture becomes a call of its own, which Nagle may not join to another. */
static void put_nodelay(struct capture *c, const struct capture_flow *f)
{
    fprintf(c->out, "+0 setsockopt(%d, IPPROTO_TCP, TCP_NODELAY, [1], 4) = 0\n", f->fd);
}

static void put_connect(struct capture *c, struct capture_flow *f)
{
    f->fd = c->next_fd++;
    f->called = true;
    fprintf(c->out, "+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = %d\n", f->fd);
    fprintf(c->out, "+0 fcntl(%d, F_SETFL, O_RDWR | O_NONBLOCK) = 0\n", f->fd);
    put_nodelay(c, f);
    if (c->several)
        put_bind(c, f);
    fprintf(c->out, "+0 connect(%d, ..., ...) = -1 EINPROGRESS\n", f->fd);
}

static void put_accept(struct capture *c, struct capture_flow *f)
{
    const int listener = listener_of(c, f);
    f->fd = c->next_fd++;
    f->called = true;
    fprintf(c->out, "+0 accept(%d, ..., ...) = %d\n", listener, f->fd);
    fprintf(c->out, "+0 fcntl(%d, F_SETFL, O_RDWR | O_NONBLOCK) = 0\n", f->fd);
    put_nodelay(c, f);
}

/* ---- Text ------------------------------------------------------------------------------- */

/* The peer's text: what is in order now, held pieces included, is what the application reads. */
static uint32_t arrive(struct capture_flow *f, uint32_t from, uint32_t to)
{
    const uint32_t before = f->got;
    if (seq_gt(from, f->got)) {
        if (f->n_held < CAPTURE_HELD && seq_gt(to, from)) {
            f->held[f->n_held].from = from;
            f->held[f->n_held++].to = to;
        }
        return 0;
    }
    f->got = seq_max(f->got, to);
    for (unsigned i = 0; i < f->n_held; i++)
        if (seq_le(f->held[i].from, f->got) && seq_gt(f->held[i].to, f->got)) {
            f->got = f->held[i].to;
            i = UINT32_MAX; /* another piece may follow: once more from the first */
        }
    return f->got - before;
}

/* Without PSH more followed at once (RFC 9293 section 3.9.1.2). */
static void put_send(struct capture *c, struct capture_flow *f, uint32_t n, bool more, bool fin)
{
    if (n && more)
        fprintf(c->out, "+0 send(%d, ..., %u, MSG_MORE) = %u\n", f->fd, n, n);
    else if (n)
        fprintf(c->out, "+0 write(%d, ..., %u) = %u\n", f->fd, n, n);
    if (fin)
        fprintf(c->out, "+0 shutdown(%d, SHUT_WR) = 0\n", f->fd);
}

/* What the application did to make the stack send this; nothing for what it sends by itself. */
static void put_cause(struct capture *c, struct capture_flow *f, const struct tcp_seg *seg)
{
    const uint32_t rel = seg->seq - f->iss;
    const bool fin = seg->flags & TCP_FIN && !f->shut;
    const uint32_t end = rel + seg->text_len;
    const uint32_t more = f->called && seq_gt(end, f->sent) && !f->shut ? end - f->sent : 0;
    if (seg->flags & TCP_SYN) {
        if (f->active && !f->called)
            put_connect(c, f);
        f->sent = 1;
        return;
    }
    if (seg->flags & TCP_RST && f->called && !f->reset && !f->over) {
        fprintf(c->out, "+0 setsockopt(%d, SOL_SOCKET, SO_LINGER, {onoff = 1, linger = 0}, 8) = "
                "0\n+0 close(%d) = 0\n", f->fd, f->fd);
        f->over = true;
        return;
    }
    put_send(c, f, more, fin || !(seg->flags & TCP_PSH), fin && f->called);
    f->sent += more;
    f->shut = f->shut || fin;
}

/* ---- The segment ------------------------------------------------------------------------ */

static struct sc_num relative(uint32_t n, bool known, uint32_t initial)
{
    return (struct sc_num){ .base = known ? SC_REL : SC_ABS, .offset = known ? n - initial : n };
}

static bool option_of(const struct capture_flow *f, const struct tcp_option *o,
                      struct sc_option *t)
{
    *t = (struct sc_option){ .kind = o->kind };
    switch (o->typed ? o->kind : -1) {
    case OPT_MSS: t->u.mss = o->u.mss; return true;
    case OPT_WSCALE: t->u.shift = o->u.shift; return true;
    case OPT_NOP:
    case OPT_SACK_PERMITTED: return true;
    case OPT_SACK:
        t->u.sack.n = o->u.sack.n;
        for (unsigned i = 0; i < o->u.sack.n; i++) {
            t->u.sack.left[i] = relative(o->u.sack.block[i].left, f->has_iss, f->iss);
            t->u.sack.right[i] = relative(o->u.sack.block[i].right, f->has_iss, f->iss);
        }
        return true;
    case OPT_TIMESTAMPS: /* the echo follows what the stack under test says when it runs */
        t->u.ts.val = (struct sc_num){ SC_ABS, o->u.ts.val };
        t->u.ts.ecr = (struct sc_num){ SC_ABS, 0 };
        if (o->u.ts.ecr)
            t->u.ts.ecr = (struct sc_num){ SC_TS_LAST, o->u.ts.ecr - f->ts_last };
        return true;
    default: break;
    }
    t->raw = true;
    t->u.bytes.len = o->len < 40 ? o->len : 40;
    t->u.bytes.octet[0] = o->kind;
    if (o->len > 1)
        t->u.bytes.octet[1] = o->len;
    if (o->len > 2 && o->body)
        memcpy(t->u.bytes.octet + 2, o->body, t->u.bytes.len - 2u);
    return o->kind != OPT_EOL;
}

static void put_options(struct capture_flow *f, const struct tcp_seg *seg, struct sc_segment *t)
{
    struct opt_walk w = opt_walk_of(seg->opt, seg->opt_len);
    struct tcp_option o;
    while (t->n_options < SC_MAX_OPTIONS && opt_next(&w, &o) == OPT_OK)
        t->n_options += option_of(f, &o, &t->option[t->n_options]);
}

static void put_segment(struct capture *c, struct capture_flow *f,
                        const struct tcp_seg *seg,
                        bool in)
{
    struct sc_option option[SC_MAX_OPTIONS];
    struct sc_packet p = { .direction = in ? SC_IN : SC_OUT };
    struct sc_segment *t = &p.seg;
    const uint16_t peer_port = f->active ? 8080 : f->peer.port; /* connect(3, ..., ...) */
    if (c->several) {
        p.src_port = in ? peer_port : f->sut.port;
        p.dst_port = in ? f->sut.port : peer_port;
    }
    t->flags = seg->flags & 0xff;
    t->option = option;
    t->text_len = seg->text_len;
    t->options_any = !in;
    t->has_wnd = in;
    t->wnd = seg->wnd;
    t->up = seg->flags & TCP_URG ? seg->up : 0;
    t->seq = in ? relative(seg->seq, f->has_irs, f->irs) : relative(seg->seq, f->has_iss, f->iss);
    if (seg->flags & TCP_ACK)
        t->ack = in ? relative(seg->ack, f->has_iss, f->iss)
                    : relative(seg->ack, f->has_irs, f->irs);
    if (in)
        put_options(f, seg, t);
    if (in && seg->flags & TCP_SYN && f->n_syn++ > 0 && seg->seq == f->irs)
        t->seq.base = SC_IRS; /* the same connection's, once more */
    script_print_packet(c->out, &p);
    fputc('\n', c->out);
}

static void write_in(struct capture *c, struct capture_flow *f, const struct tcp_seg *seg,
                     uint64_t us)
{
    if (seg->flags & TCP_SYN && !f->has_irs) {
        f->irs = seg->seq;
        f->has_irs = true;
        f->got = 1;
        if (!f->active)
            put_listen(c, f);
    }
    put_time(c, us);
    put_segment(c, f, seg, true);
    f->reset = f->reset || seg->flags & TCP_RST;
    if (!f->called && !f->active && f->has_iss && seg->flags & TCP_ACK &&
        !(seg->flags & (TCP_SYN | TCP_RST)) && seg->ack == f->iss + 1)
        put_accept(c, f);
    const uint32_t from = seg->seq - f->irs + (seg->flags & TCP_SYN ? 1 : 0);
    const uint32_t n = seg->flags & TCP_RST ? 0 : arrive(f, from, from + seg->text_len);
    if (n && f->called && !f->over)
        fprintf(c->out, "+0 read(%d, ..., %u) = %u\n", f->fd, n, n);
}

static void write_out(struct capture *c, struct capture_flow *f, const struct tcp_seg *seg,
                      uint64_t us)
{
    struct tcp_opts o = { 0 };
    const bool syn = seg->flags & TCP_SYN;
    opts_read(&o, seg->opt, seg->opt_len);
    if (syn && !f->has_iss) {
        f->iss = seg->seq;
        f->has_iss = true;
    }
    /* The calls come when the segment came: the wait before them is the application's. */
    char *calls = NULL;
    size_t n = 0;
    FILE *out = c->out;
    c->out = open_memstream(&calls, &n);
    put_cause(c, f, seg);
    fclose(c->out);
    c->out = out;
    if (n) {
        put_time(c, us);
        fputs(calls + 3, out); /* the time stands for the first call's own, "+0 " */
    }
    free(calls);
    fputs("* ", out);
    put_segment(c, f, seg, false);
    c->last = us > c->last ? us : c->last;
    if (o.has_ts)
        f->ts_last = o.ts_val;
}

void capture_write(struct capture *c, struct capture_flow *f, const struct tcp_seg *seg, bool in,
                   uint64_t us)
{
    if (in)
        write_in(c, f, seg, us);
    else
        write_out(c, f, seg, us);
}
