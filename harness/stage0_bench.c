/* The bench of stage 0: a host, a copy of it, and the wire to the peer. */
#include <stdlib.h>
#include <string.h>

#include "harness/stage0_bench.h"
#include "refstack/cursor.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISONED 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define POISONED 1
#endif
#ifdef POISONED
#include <sanitizer/asan_interface.h>
#endif

enum { DATAGRAM_MAX = IP6_HEADER + TCP_HEADER + TCP_OPT_MAX + ST0_TEXT_MAX };

/* Addresses for documentation: RFC 5737, RFC 3849. */
static struct rs_addr address(const struct st0_bench *b, uint8_t host)
{
    const uint8_t octet[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = host };

    return b->ways & ST0_IP6 ? rs_ip6(octet) : rs_ip4(192, 0, 2, host);
}

struct rs_endpoint st0_peer(const struct st0_bench *b)
{
    return (struct rs_endpoint){ .addr = address(b, 2), .port = ST0_PEER_PORT };
}

struct rs_addr st0_addr(const struct st0_bench *b)
{
    return b->ways & ST0_IP6 ? b->cfg.addr6 : b->cfg.addr;
}

void st0_unpoison(struct st0_bench *b)
{
#ifdef POISONED
    ASAN_UNPOISON_MEMORY_REGION(b->block, b->size);
#else
    (void)b;
#endif
}

/* Small, so that putting the copy back is cheap; every ACK at once, so that each is seen. */
void st0_configure(struct st0_bench *b, unsigned ways)
{
    struct rs_config *c = &b->cfg;

    b->ways = ways;
    rs_config_small(c);
    if (ways & ST0_IP6) {
        c->addr6 = address(b, 1);
        c->prefix6 = 64;
    }
    c->tcp.timestamps = c->tcp.sack = ways & ST0_TS;
    c->tcp.window_scale = ways & ST0_WS;
    c->tcp.window_shift = ST0_SHIFT;
    c->tcp.fastopen = ways & ST0_FAST;
    c->max_conns = 3;
    c->pages = 16;
    c->tcp.rcv_buf = ST0_RCV_BUF;
    c->tcp.snd_buf = 1024;
    c->tcp.delayed_ack = 0;
    c->tcp.nagle = false;
}

bool st0_open(struct st0_bench *b)
{
    memset(b, 0, sizeof *b);
    st0_configure(b, ST0_IP6 | ST0_TS | ST0_WS); /* the largest */
    b->size = rs_host_size(&b->cfg);
    b->block = malloc(b->size);
    b->copy = malloc(b->size);
    if (b->block && b->copy)
        return true;
    st0_close(b);
    return false;
}

void st0_close(struct st0_bench *b)
{
    if (b->block)
        st0_unpoison(b);
    free(b->block);
    free(b->copy);
    b->block = b->copy = NULL;
}

void st0_observe(void *arg, const struct rs_observation *o)
{
    struct st0_bench *b = arg;

    if (o->what == RS_OBS_STATE)
        b->seen = o->to;
}

void st0_keep(struct st0_bench *b)
{
    st0_unpoison(b);
    memcpy(b->copy, b->block, b->size);
    b->copy_now = b->now;
    b->copy_seen = b->seen;
}

void st0_restore(struct st0_bench *b)
{
    st0_unpoison(b);
    memcpy(b->block, b->copy, b->size);
    b->now = b->copy_now;
    b->seen = b->copy_seen;
    b->n_frames = 0;
}

/* ---- What the peer sends ---------------------------------------------------------------- */

static void put_ts(struct wcur *w, uint32_t val)
{
    const struct tcp_option ts = {
        .kind = OPT_TIMESTAMPS, .typed = true, .u.ts = { .val = val, .ecr = 0 }
    };
    wcur_u8(w, OPT_NOP);
    wcur_u8(w, OPT_NOP);
    opt_put(w, &ts);
}

static void put_octets(struct wcur *w, const uint8_t *p, size_t n)
{
    while (n--)
        wcur_u8(w, *p++);
}

/* Options beside the timestamps, which any of the first may have. */
static void put_others(struct wcur *w, enum st0_opt opt)
{
    static const uint8_t sack[] = { 1, 1, 5, 18, 0, 0, 0, 1, 0x80, 0, 0, 0,
                                    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0 };
    static const uint8_t mss[] = { 2, 4, 0, 1 };
    static const uint8_t shift_15[] = { 1, 3, 3, 15 };
    static const uint8_t cookie[] = { 1, 1, 34, 10, 1, 2, 3, 4, 5, 6, 7, 8 };
    static const uint8_t unknown[] = { 253, 4, 0xab, 0xcd };
    static const uint8_t after_end[] = { 0, 2, 0, 8 };
    static const uint8_t length_0[] = { 2, 0, 5, 0xb4 };
    static const uint8_t length_1[] = { 253, 1, 1, 1 };
    static const uint8_t overrun[] = { 1, 1, 8, 10 };
    static const struct {
        const uint8_t *p;
        size_t n;
    } octets[ST0_N_OPTS] = {
        [ST0_OPT_SACK_LIES] = { sack, sizeof sack },
        [ST0_OPT_MSS_LATE] = { mss, sizeof mss },
        [ST0_OPT_SHIFT_15] = { shift_15, sizeof shift_15 },
        [ST0_OPT_COOKIE] = { cookie, sizeof cookie },
        [ST0_OPT_UNKNOWN] = { unknown, sizeof unknown },
        [ST0_OPT_AFTER_END] = { after_end, sizeof after_end },
        [ST0_OPT_LENGTH_0] = { length_0, sizeof length_0 },
        [ST0_OPT_LENGTH_1] = { length_1, sizeof length_1 },
        [ST0_OPT_OVERRUN] = { overrun, sizeof overrun },
    };
    put_octets(w, octets[opt].p, octets[opt].n);
}

static size_t options(const struct st0_seg *s, uint8_t *opt)
{
    static const uint8_t unknown_first[] = { 253, 3, 8 }; /* those after it stand at odd places */
    struct wcur w = wcur_of(opt, TCP_OPT_MAX);

    if (s->opt == ST0_OPT_UNKNOWN_FIRST)
        put_octets(&w, unknown_first, sizeof unknown_first);
    if (s->has_ts)
        put_ts(&w, s->ts_val);
    if (s->has_ws) {
        wcur_u8(&w, OPT_NOP);
        opt_put(&w, &(struct tcp_option){
            .kind = OPT_WSCALE, .typed = true, .u.shift = ST0_PEER_SHIFT
        });
    }
    if (s->cookie) {
        wcur_u8(&w, OPT_FASTOPEN);
        wcur_u8(&w, (uint8_t)(2 + s->cookie_len));
        put_octets(&w, s->cookie, s->cookie_len);
    }
    put_others(&w, s->opt);
    return (size_t)(w.p - opt);
}

size_t st0_ip_header(const struct st0_bench *b)
{
    return b->ways & ST0_IP6 ? IP6_HEADER : IP4_HEADER;
}

size_t st0_put_ip(const struct st0_bench *b, uint8_t *buf, uint8_t proto, size_t payload)
{
    const size_t header = st0_ip_header(b);
    const struct rs_addr src = address(b, 2), dst = st0_addr(b);
    const struct ip6_hdr ip6 = {
        .payload_len = (uint16_t)payload, .next = proto, .hops = 64, .src = src, .dst = dst
    };
    const struct ip4_hdr ip4 = {
        .ihl = 5,
        .total_len = (uint16_t)(header + payload),
        .ttl = 64,
        .proto = proto,
        .src = src,
        .dst = dst,
    };

    if (b->ways & ST0_IP6)
        ip6_emit(&ip6, buf, header);
    else
        ip4_emit_sum(&ip4, buf, header);
    return header + payload;
}

void st0_arrives(struct st0_bench *b, const struct st0_seg *s)
{
    static const uint8_t text[ST0_TEXT_MAX];
    uint8_t buf[DATAGRAM_MAX];
    uint8_t opt[TCP_OPT_MAX];
    const struct rs_endpoint peer = st0_peer(b);
    const struct rs_addr local = st0_addr(b);
    const size_t header = st0_ip_header(b);
    const struct tcp_seg seg = {
        .src_port = peer.port,
        .dst_port = ST0_PORT,
        .seq = s->seq,
        .ack = s->ack,
        .flags = (uint16_t)(s->flags | (s->opt == ST0_OPT_RESERVED ? TCP_RESERVED : 0)),
        .wnd = s->wnd,
        .up = s->up,
        .opt = opt,
        .opt_len = (uint8_t)options(s, opt),
        .text = text,
        .text_len = s->len,
    };
    const size_t tcp = tcp_emit_sum(&seg, &peer.addr, &local, buf + header, sizeof buf - header);

    if (s->opt == ST0_OPT_BAD_SUM)
        buf[header + tcp - 1] ^= 1;
    rs_input(b->host, buf, st0_put_ip(b, buf, IP_PROTO_TCP, tcp), b->now);
}

/* ---- What the stack sends --------------------------------------------------------------- */

/* Sums, fields of the IP header, and what MUST-5 and section 3.7.1 say of the MSS option. */
static bool well_formed(const struct st0_bench *b, const struct rs_addr *src,
                        const struct rs_addr *dst, uint8_t hops, uint8_t tos, const uint8_t *tcp,
                        size_t len, struct tcp_seg *seg)
{
    const struct rs_endpoint peer = st0_peer(b);
    const struct rs_addr local = st0_addr(b);
    const size_t headers = st0_ip_header(b) + TCP_HEADER;
    struct tcp_opts o;

    if (tcp_parse(seg, tcp, len) != WIRE_OK || !tcp_checksum_ok(src, dst, tcp, len) ||
        !rs_addr_eq(src, &local) || !rs_addr_eq(dst, &peer.addr) || hops != b->cfg.tcp.ttl ||
        tos != b->cfg.tcp.tos || seg->flags & TCP_RESERVED)
        return false;
    opts_read(&o, seg->opt, seg->opt_len);
    return seg->flags & TCP_SYN ? o.has_mss && o.mss + headers == b->cfg.mtu : !o.has_mss;
}

static bool segment_in(const struct st0_bench *b, const uint8_t *p, size_t n, struct tcp_seg *seg)
{
    struct ip4_hdr ip4;
    struct ip6_hdr ip6;

    if (b->ways & ST0_IP6)
        return ip6_parse(&ip6, p, n) == WIRE_OK && ip6.next == IP_PROTO_TCP &&
               well_formed(b, &ip6.src, &ip6.dst, ip6.hops, ip6.tclass, ip6.payload,
                           ip6.payload_len, seg);
    return ip4_parse(&ip4, p, n) == WIRE_OK && ip4.proto == IP_PROTO_TCP &&
           ip4_checksum_ok(p, IP4_HEADER) &&
           well_formed(b, &ip4.src, &ip4.dst, ip4.ttl, ip4.tos, ip4.payload, ip4.payload_len, seg);
}

static void collect(struct st0_bench *b, const uint8_t *p, size_t n)
{
    struct tcp_seg seg;
    struct tcp_opts o;

    b->n_frames++;
    if (b->n_frames > ST0_MAX_FRAMES)
        return;
    if (!segment_in(b, p, n, &seg)) {
        b->frame[b->n_frames - 1] = (struct st0_frame){ .flags = ST0_ILL_FORMED };
        return;
    }
    opts_read(&o, seg.opt, seg.opt_len);
    b->frame[b->n_frames - 1] = (struct st0_frame){
        .flags = seg.flags,
        .seq = seg.seq,
        .ack = seg.ack,
        .len = seg.text_len,
        .wnd = seg.wnd,
        .has_ts = o.has_ts,
        .ts_ecr = o.ts_ecr,
        .has_cookie = o.has_cookie,
        .cookie_len = o.cookie_len,
    };
    if (o.has_cookie && o.cookie_len <= 16)
        memcpy(b->frame[b->n_frames - 1].cookie, o.cookie, o.cookie_len);
}

void st0_drain(struct st0_bench *b)
{
    uint8_t buf[2048];
    size_t n;

    b->n_frames = 0;
    while (b->n_frames <= 2 * ST0_MAX_FRAMES &&
           (n = rs_output(b->host, buf, sizeof buf, b->now)) > 0)
        collect(b, buf, n);
}
