/* For tests: a host and a peer that says what it likes, in virtual time.
 *
 * Numbers are counted from the two initial ones: say("A", 1, 1, 10) sends ten octets from the
 * peer's ISS + 1 that acknowledge the host's ISS + 1; get("A", 1, 11, 0) wants the host's next
 * segment to be an ACK of them.  After what is wanted, quiet() wants silence.  A test has one
 * peer, `p`. */
#ifndef REFSTACK_PEER_H
#define REFSTACK_PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "refstack/cursor.h"
#include "refstack/refstack.h"
#include "refstack/wire.h"

enum { PEER_PORT = 2000, HOST_PORT = 7 };
#define PEER_ISS UINT32_C(0xfffffff0) /* so that the numbers wrap */

static struct peer {
    struct rs_config cfg;
    struct rs_host *host;
    rs_time now;
    int conn;
    uint32_t host_iss;
    uint16_t port;      /* it speaks from */
    uint16_t wnd;       /* that the peer offers */
    uint16_t up;        /* urgent pointer of what it says */
    uint8_t opt[TCP_OPT_MAX];
    uint8_t opt_len;    /* options of what it says */
    struct tcp_seg got; /* the last segment from the host */
    struct tcp_opts got_opts;
    struct icmp_msg got_icmp;
    bool pending;       /* `got` was not looked at yet */
    uint8_t frame[2048];
} p;

/* ---- Opening ---------------------------------------------------------------------------- */

/* Without options, delayed ACKs and Nagle, which would be in the way of most tests. */
static inline void plain(struct rs_config *c)
{
    rs_config_small(c);
    c->tcp.timestamps = c->tcp.sack = c->tcp.window_scale = false;
    c->tcp.delayed_ack = 0;
    c->tcp.nagle = false;
    c->addr = rs_ip4(192, 0, 2, 1);
}

static inline void peer_down(void)
{
    free(p.host);
    p.host = NULL;
}

static inline void peer_up(const struct rs_config *c)
{
    const size_t size = rs_host_size(c);

    peer_down();
    p = (struct peer){ .cfg = *c, .now = RS_SEC, .conn = -1, .port = PEER_PORT, .wnd = 4096 };
    p.host = rs_init(malloc(size), size, c, p.now);
    assert_non_null(p.host);
}

static inline void plain_up(void)
{
    struct rs_config c;

    plain(&c);
    peer_up(&c);
}

static inline struct rs_endpoint the_peer(void)
{
    return (struct rs_endpoint){ .addr = rs_ip4(192, 0, 2, 2), .port = p.port };
}

static inline void passive_open(void)
{
    const struct rs_endpoint local = { .port = HOST_PORT };

    p.conn = rs_open_passive(p.host, &local, NULL, p.now);
    assert_true(p.conn >= 0);
}

static inline void active_open(void)
{
    const struct rs_endpoint local = { .port = HOST_PORT };
    const struct rs_endpoint remote = the_peer();

    p.conn = rs_open_active(p.host, &local, &remote, p.now);
    assert_true(p.conn >= 0);
}

/* ---- The wire --------------------------------------------------------------------------- */

static inline uint16_t flags_of(const char *letters)
{
    static const char letter[] = "FSRPAUEC";
    uint16_t flags = 0;

    for (; *letters; letters++)
        flags |= (uint16_t)(1u << (strchr(letter, *letters) - letter));
    return flags;
}

static inline void put_datagram(uint8_t proto, size_t payload)
{
    const struct ip4_hdr ip = {
        .ihl = 5,
        .total_len = (uint16_t)(IP4_HEADER + payload),
        .ttl = 64,
        .proto = proto,
        .src = the_peer().addr,
        .dst = p.cfg.addr,
    };
    ip4_emit_sum(&ip, p.frame, sizeof p.frame);
    rs_input(p.host, p.frame, IP4_HEADER + payload, p.now);
}

static inline void say(const char *flags, uint32_t seq, uint32_t ack, uint32_t len)
{
    uint8_t text[1500];
    const struct rs_endpoint peer = the_peer();
    const struct tcp_seg seg = {
        .src_port = p.port,
        .dst_port = HOST_PORT,
        .seq = PEER_ISS + seq,
        .ack = p.host_iss + ack,
        .flags = flags_of(flags),
        .wnd = p.wnd,
        .up = p.up,
        .opt = p.opt,
        .opt_len = p.opt_len,
        .text = text,
        .text_len = len,
    };
    assert_true(len <= sizeof text);
    for (uint32_t i = 0; i < len; i++)
        text[i] = (uint8_t)(seq + i);
    const size_t n = tcp_emit_sum(&seg, &peer.addr, &p.cfg.addr, p.frame + IP4_HEADER,
                                  sizeof p.frame - IP4_HEADER);
    assert_true(n > 0);
    put_datagram(IP_PROTO_TCP, n);
}

/* An ICMP error that quotes a segment of the host's with that number. */
static inline void say_icmp(uint8_t type, uint8_t code, uint32_t seq)
{
    uint8_t quoted[IP4_HEADER + 8];
    struct wcur w = wcur_of(quoted + IP4_HEADER, 8);
    const struct ip4_hdr ip = { .ihl = 5, .total_len = 40, .ttl = 60, .proto = IP_PROTO_TCP,
                                .src = p.cfg.addr, .dst = the_peer().addr };
    const struct icmp_msg m = {
        .type = type, .code = code, .body = quoted, .body_len = sizeof quoted
    };

    ip4_emit_sum(&ip, quoted, sizeof quoted);
    wcur_u16(&w, HOST_PORT);
    wcur_u16(&w, p.port);
    wcur_u32(&w, p.host_iss + seq);
    put_datagram(IP_PROTO_ICMP,
                 icmp_emit_sum(&m, p.frame + IP4_HEADER, sizeof p.frame - IP4_HEADER));
}

/* Takes the host's next datagram; false when it is silent. */
static inline bool heard(void)
{
    struct ip4_hdr ip;

    if (p.pending) {
        p.pending = false;
        return true;
    }
    const size_t n = rs_output(p.host, p.frame, sizeof p.frame, p.now);

    if (n == 0)
        return false;
    assert_int_equal(ip4_parse(&ip, p.frame, n), WIRE_OK);
    if (ip.proto == IP_PROTO_ICMP) {
        assert_int_equal(icmp_parse(&p.got_icmp, ip.payload, ip.payload_len), WIRE_OK);
        return true;
    }
    assert_int_equal(tcp_parse(&p.got, ip.payload, ip.payload_len), WIRE_OK);
    assert_true(tcp_checksum_ok(&ip.src, &ip.dst, ip.payload, ip.payload_len));
    opts_read(&p.got_opts, p.got.opt, p.got.opt_len);
    if (p.got.flags & TCP_SYN)
        p.host_iss = p.got.seq;
    return true;
}

/* PSH is looked at only where a test does so. */
static inline void get_at(const char *flags, uint32_t seq, uint32_t ack, uint32_t len,
                          const char *file, int line)
{
    const uint16_t want = flags_of(flags);

    if (!heard()) {
        print_error("%s:%d: silence, where a segment %s was expected\n", file, line, flags);
        _fail(file, line);
    }
    _assert_int_equal(p.got.flags & (uint16_t)~TCP_PSH, want & (uint16_t)~TCP_PSH, file, line);
    _assert_int_equal(p.got.seq - p.host_iss, seq, file, line);
    if (want & TCP_ACK)
        _assert_int_equal(p.got.ack - PEER_ISS, ack, file, line);
    _assert_int_equal(p.got.text_len, len, file, line);
}
#define get(flags, seq, ack, len) get_at(flags, seq, ack, len, __FILE__, __LINE__)

static inline void quiet_at(const char *file, int line)
{
    if (!heard())
        return;
    print_error("%s:%d: flags 0x%x seq %u len %u, where silence was expected\n", file, line,
                p.got.flags, p.got.seq - p.host_iss, p.got.text_len);
    _fail(file, line);
}
#define quiet() quiet_at(__FILE__, __LINE__)

/* ---- Time and state --------------------------------------------------------------------- */

static inline void pass(rs_time us)
{
    p.now += us;
}

/* Goes from deadline to deadline, some of which may be early, until the host says something (which
 * is left for get) or no timer runs; returns the time that took.  Fails when none runs now. */
static inline rs_time to_deadline(void)
{
    const rs_time before = p.now;

    assert_true(rs_deadline(p.host) != RS_NEVER);
    for (int i = 0; i < 1000 && rs_deadline(p.host) != RS_NEVER; i++) {
        p.now = rs_deadline(p.host);
        if (heard()) {
            p.pending = true;
            break;
        }
    }
    return p.now - before;
}

static inline struct rs_status status(void)
{
    struct rs_status s;

    memset(&s, 0, sizeof s);
    if (rs_status(p.host, p.conn, &s) < 0)
        s.error = RS_ENOCONN;
    return s;
}

#define state_is(wanted) assert_string_equal(rs_state_name(status().state), rs_state_name(wanted))

static inline void established(void)
{
    active_open();
    get("S", 0, 0, 0);
    say("SA", 0, 1, 0);
    get("A", 1, 1, 0);
    quiet();
    state_is(RS_ESTABLISHED);
}

static inline void host_closes_and_its_fin_is_acked(void)
{
    established();
    assert_int_equal(rs_close(p.host, p.conn, p.now), 0);
    state_is(RS_FIN_WAIT_1);
    get("FA", 1, 1, 0);
    quiet();
    say("A", 1, 2, 0);
    quiet();
    state_is(RS_FIN_WAIT_2);
}

static inline void in_time_wait(void)
{
    host_closes_and_its_fin_is_acked();
    say("FA", 1, 2, 0);
    get("A", 2, 2, 0);
    quiet();
    state_is(RS_TIME_WAIT);
}

static inline void in_last_ack(void)
{
    established();
    say("FA", 1, 1, 0);
    get("A", 1, 2, 0);
    state_is(RS_CLOSE_WAIT);
    assert_int_equal(rs_close(p.host, p.conn, p.now), 0);
    get("FA", 1, 2, 0);
    quiet();
    state_is(RS_LAST_ACK);
}

/* Sends n octets of a pattern through SEND. */
static inline void user_sends(uint32_t n)
{
    uint8_t text[4096];

    assert_true(n <= sizeof text);
    for (uint32_t i = 0; i < n; i++)
        text[i] = (uint8_t)i;
    assert_int_equal(rs_send(p.host, p.conn, text, n, 0, p.now), n);
}

static inline int user_receives(void)
{
    uint8_t text[4096];

    return rs_receive(p.host, p.conn, text, sizeof text, p.now);
}

#endif
