#include "fuzz/conn_run.h"

#include <string.h>

#include "fuzz/peer.h"
#include "fuzz/place.h"

static uint8_t frame[PLACE_MAX];

/* The answer's fields are read again here: the egress rules have passed them already. */
static void note_answer(struct arrival_answer *a, size_t len)
{
    struct ip4_hdr ip;
    struct tcp_seg seg;

    if (ip4_parse(&ip, frame, len) != WIRE_OK || ip.proto != IP_PROTO_TCP ||
        tcp_parse(&seg, ip.payload, ip.payload_len) != WIRE_OK)
        return;
    a->n++;
    a->flags = seg.flags;
    a->seq = seg.seq;
    a->ack = seg.ack;
}

static void pull(struct conn *c)
{
    const unsigned bound = 64 + c->invariants.snd_buf; /* at the worst an octet a segment */
    unsigned n = 0;
    size_t len;

    while ((len = rs_output(c->host, frame, sizeof frame, c->now)) > 0) {
        ORACLE(output_bounded, ++n <= bound, "%u segments at once", n);
        if (c->watch && c->watch->frame)
            c->watch->frame(c->watch->arg, SC_OUT, frame, len, c->now);
        egress_out(&c->egress, frame, len);
        note_answer(&c->answer, len);
    }
}

void conn_settle(struct conn *c)
{
    pull(c);
    oracle_place.after = conn_state(c);
    invariants_check(&c->invariants, c->host, c->now);
}

/* Refused whole: what these answer with, if anything, is not part of the connection's state. */
static bool refused(enum rs_reason reason, enum rs_state state)
{
    switch (reason) {
    case RS_REASON_ACCEPTED:
    case RS_REASON_TEXT_AFTER_FIN:
    case RS_REASON_TEXT_NO_ROOM: /* their ACK is taken */
    case RS_REASON_RESET: return false;
    case RS_REASON_OUT_OF_WINDOW: return state != RS_TIME_WAIT; /* a FIN starts 2 MSL anew */
    default: return true;
    }
}

static void check_refused(struct conn *c)
{
    uint64_t hash[CONNS];
    unsigned n = invariants_hash(c->host, hash, CONNS);
    bool none = refused(c->reason, oracle_place.before);

    if (!none)
        return;
    ORACLE(refused_unchanged, n == c->n_hash && !memcmp(hash, c->hash, n * sizeof hash[0]),
           "refused (%s), yet a connection changed", rs_reason_text(c->reason));
}

/* The segment as the stack should read it; false when it is none, or is malformed. */
static bool read_segment(const struct input_event *e, const uint8_t *p, size_t len,
                         struct tcp_seg *seg)
{
    struct ip4_hdr ip;
    struct tcp_opts o;

    if (e->ev.kind != SC_PACKET || ip4_parse(&ip, p, len) != WIRE_OK ||
        tcp_parse(seg, ip.payload, ip.payload_len) != WIRE_OK ||
        !tcp_checksum_ok(&ip.src, &ip.dst, ip.payload, ip.payload_len))
        return false;
    opts_read(&o, seg->opt, seg->opt_len);
    return !o.bad && seg->dst_port == LOCAL_PORT && seg->src_port == REMOTE_PORT;
}

void conn_datagram(struct conn *c, const struct input_event *e)
{
    size_t len = peer_datagram(&c->egress, e, frame, sizeof frame);
    uint8_t *p = place_octets(frame, len);

    c->tainted = c->tainted || peer_taints(e);
    c->n_hash = invariants_hash(c->host, c->hash, CONNS);
    c->reason = RS_REASON_ACCEPTED;
    egress_in(&c->egress, p, len);
    if (c->watch && c->watch->frame)
        c->watch->frame(c->watch->arg, SC_IN, p, len, c->now);
    struct arrival_look before, after;
    struct tcp_seg seg;
    const bool whole = read_segment(e, p, len, &seg);

    if (whole)
        arrival_look(c->host, LOCAL_PORT, REMOTE_PORT, &before);
    rs_input(c->host, p, len, c->now);
    check_refused(c);
    c->answer.n = 0;
    enum rs_reason reason = c->reason;
    if (whole)
        arrival_look(c->host, LOCAL_PORT, REMOTE_PORT, &after);
    conn_settle(c);
    if (whole)
        arrival_check(&before, &after, &seg, reason, &c->answer);
}
