#include "harness/toy.h"

#include <stdlib.h>
#include <string.h>

#include "refstack/wire.h"

enum { TOY_ISS = 4711, TOY_WINDOW = 4096, TOY_MSS = 1460, TOY_QUEUE = 8, TOY_DATAGRAM = 1500 };

struct toy {
    struct rs_addr own, peer;
    uint16_t port, peer_port;
    enum rs_state state;
    bool accepted, eof;
    uint32_t snd_nxt, rcv_nxt;
    uint8_t text[TOY_WINDOW];
    size_t text_len;
    struct {
        size_t len;
        uint8_t octet[TOY_DATAGRAM];
    } out[TOY_QUEUE];
    unsigned head, n;
};

struct toy *toy_new(struct rs_addr own, struct rs_addr peer)
{
    struct toy *t = calloc(1, sizeof(*t));
    if (!t)
        abort();
    t->own = own;
    t->peer = peer;
    return t;
}

void toy_free(struct toy *t)
{
    free(t);
}

enum rs_state toy_state(const struct toy *t)
{
    return t->state;
}

/* ---- Sending ---------------------------------------------------------------------------- */

static void emit(struct toy *t, uint8_t flags, const void *text, size_t len)
{
    if (t->n == TOY_QUEUE)
        return;
    struct tcp_seg s = { .src_port = t->port, .dst_port = t->peer_port, .seq = t->snd_nxt,
                         .ack = t->rcv_nxt, .flags = flags | TCP_ACK, .text = text,
                         .wnd = (uint16_t)(TOY_WINDOW - t->text_len), .text_len = (uint32_t)len };
    struct ip4_hdr ip = { .ihl = 5, .ttl = 64, .proto = IP_PROTO_TCP, .src = t->own,
                          .dst = t->peer };
    uint8_t *p = t->out[(t->head + t->n) % TOY_QUEUE].octet;
    const size_t n = tcp_emit_sum(&s, &t->own, &t->peer, p + IP4_HEADER,
                                  TOY_DATAGRAM - IP4_HEADER);
    ip.total_len = (uint16_t)(IP4_HEADER + n);
    ip4_emit_sum(&ip, p, TOY_DATAGRAM);
    t->out[(t->head + t->n++) % TOY_QUEUE].len = IP4_HEADER + n;
    t->snd_nxt += (uint32_t)len + ((flags & (TCP_SYN | TCP_FIN)) != 0);
}

size_t toy_output(struct toy *t, uint8_t *buf, size_t cap)
{
    if (!t->n || t->out[t->head].len > cap)
        return 0;
    const size_t len = t->out[t->head].len;
    memcpy(buf, t->out[t->head].octet, len);
    t->head = (t->head + 1) % TOY_QUEUE;
    t->n--;
    return len;
}

/* ---- Receiving -------------------------------------------------------------------------- */

static void on_syn(struct toy *t, const struct tcp_seg *s)
{
    if ((s->flags & (TCP_SYN | TCP_ACK | TCP_RST)) != TCP_SYN)
        return;
    t->peer_port = s->src_port;
    t->rcv_nxt = s->seq + 1;
    t->snd_nxt = TOY_ISS;
    t->state = RS_SYN_RECEIVED;
    emit(t, TCP_SYN, NULL, 0);
}

static void on_ack(struct toy *t)
{
    if (t->state == RS_SYN_RECEIVED)
        t->state = RS_ESTABLISHED;
    else if (t->state == RS_FIN_WAIT_1)
        t->state = RS_FIN_WAIT_2;
    else if (t->state == RS_LAST_ACK)
        t->state = RS_CLOSED;
}

static void on_text(struct toy *t, const struct tcp_seg *s)
{
    const bool fin = s->flags & TCP_FIN;
    if (!s->text_len && !fin)
        return;
    if (s->seq == t->rcv_nxt && s->text_len <= TOY_WINDOW - t->text_len) {
        if (s->text_len)
            memcpy(t->text + t->text_len, s->text, s->text_len);
        t->text_len += s->text_len;
        t->rcv_nxt += s->text_len + fin;
        t->eof = t->eof || fin;
        if (fin)
            t->state = t->state == RS_ESTABLISHED ? RS_CLOSE_WAIT : RS_TIME_WAIT;
    }
    emit(t, 0, NULL, 0);
}

void toy_input(struct toy *t, const uint8_t *datagram, size_t len)
{
    struct ip4_hdr ip;
    struct tcp_seg s;
    if (ip4_parse(&ip, datagram, len) != WIRE_OK || ip.proto != IP_PROTO_TCP ||
        tcp_parse(&s, ip.payload, ip.payload_len) != WIRE_OK || s.dst_port != t->port ||
        !tcp_checksum_ok(&ip.src, &ip.dst, ip.payload, ip.payload_len))
        return;
    if (t->state == RS_LISTEN) {
        on_syn(t, &s);
        return;
    }
    if (t->state == RS_CLOSED || s.src_port != t->peer_port)
        return;
    if (s.flags & TCP_RST) {
        t->state = RS_CLOSED;
        return;
    }
    if ((s.flags & TCP_ACK) && s.ack == t->snd_nxt)
        on_ack(t);
    on_text(t, &s);
}

/* ---- Calls ------------------------------------------------------------------------------ */

void toy_bind(struct toy *t, uint16_t port)
{
    t->port = port;
}

void toy_listen(struct toy *t)
{
    t->state = RS_LISTEN;
}

bool toy_accept(struct toy *t)
{
    const bool fresh = t->state >= RS_ESTABLISHED && !t->accepted;
    t->accepted = t->accepted || fresh;
    return fresh;
}

long toy_read(struct toy *t, void *buf, size_t cap)
{
    const size_t n = t->text_len < cap ? t->text_len : cap;
    if (!n)
        return t->eof || t->state == RS_CLOSED ? 0 : -1;
    memcpy(buf, t->text, n);
    t->text_len -= n;
    memmove(t->text, t->text + n, t->text_len);
    return (long)n;
}

long toy_write(struct toy *t, const void *data, size_t len)
{
    const size_t n = len < TOY_MSS ? len : TOY_MSS;
    if (t->state != RS_ESTABLISHED && t->state != RS_CLOSE_WAIT)
        return -1;
    emit(t, TCP_PSH, data, n);
    return (long)n;
}

void toy_close(struct toy *t)
{
    if (t->state != RS_ESTABLISHED && t->state != RS_CLOSE_WAIT)
        return;
    t->state = t->state == RS_ESTABLISHED ? RS_FIN_WAIT_1 : RS_LAST_ACK;
    emit(t, TCP_FIN, NULL, 0);
}
