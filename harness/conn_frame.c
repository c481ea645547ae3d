#include "harness/conn.h"

#include "harness/peer.h"
#include "harness/place.h"

static uint8_t frame[PLACE_MAX];
static uint8_t piece_octets[PLACE_MAX + 128]; /* two headers more than a datagram has */

static void note_answer(struct arrival_answer *a, const struct tcp_seg *seg)
{
    a->n++;
    a->flags = seg->flags;
    a->seq = seg->seq;
    a->ack = seg->ack;
}

/* Of all that left and when: FNV-1a. */
static uint64_t digest(uint64_t h, rs_time now, const uint8_t *p, size_t len)
{
    const uint64_t prime = 0x100000001b3u;

    h = (h ^ now) * prime;
    for (size_t i = 0; i < len; i++)
        h = (h ^ p[i]) * prime;
    return h;
}

static unsigned pull(struct conn *c)
{
    struct tcp_seg seg;
    const unsigned bound = 64 + c->invariants.snd_buf; /* at the worst an octet a segment */
    unsigned n = 0;
    size_t len;

    while ((len = rs_output(c->host, frame, sizeof frame, c->now)) > 0) {
        ORACLE(output_bounded, ++n <= bound, "%u segments at once", n);
        if (c->watch && c->watch->frame)
            c->watch->frame(c->watch->arg, SC_OUT, frame, len, c->now);
        if (c->digests)
            c->digest = digest(c->digest, c->now, frame, len);
        if (egress_out(&c->egress, frame, len, &seg))
            note_answer(&c->answer, &seg);
    }
    return n;
}

void conn_settle(struct conn *c)
{
    const unsigned frames = pull(c);

    oracle_place.after = conn_state(c);
    if (oracle_place.after <= RS_LISTEN)
        egress_unkept(&c->egress);
    invariants_work(&c->invariants, c->host, frames);
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

static void check_refused(struct conn *c, const uint64_t *hash, unsigned n)
{
    if (!refused(c->reason, oracle_place.before))
        return;
    ORACLE(refused_unchanged, n == c->n_hash, "refused (%s), yet there are %u connections",
           rs_reason_text(c->reason), n);
    for (unsigned i = 0; i < n; i++)
        ORACLE(refused_unchanged, hash[i] == c->hash[i],
               "refused (%s), yet connection %u changed", rs_reason_text(c->reason), i);
}

/* Which TCBs hold connections that a segment between the ports leaves alone: a bit each. */
static unsigned others(const struct conn *c, uint16_t local_port, uint16_t remote_port)
{
    unsigned bits = 0;

    for (unsigned i = 0; i < c->n_hash; i++)
        bits |= (unsigned)invariants_other(c->host, i, local_port, remote_port) << i;
    return bits;
}

static void check_others(const struct conn *c, unsigned bits, const uint64_t *hash)
{
    for (unsigned i = 0; bits; i++, bits >>= 1)
        ORACLE(other_unchanged, !(bits & 1) || hash[i] == c->hash[i],
               "connection %u changed by a segment of another", i);
}

/* The options as the stack should read them: a segment with malformed ones is another matter. */
static bool well_formed(const struct tcp_seg *seg)
{
    struct tcp_opts o;

    if (seg->opt_len == 0)
        return true;
    opts_read(&o, seg->opt, seg->opt_len);
    return !o.bad;
}

/* The datagram, or both its fragments, to the stack. */
static void deliver(struct conn *c, const uint8_t *p, size_t len)
{
    const bool last_first = oracle_place.index & 1;
    size_t n[2];

    if (!(c->manner & INPUT_FRAGMENTS) ||
        !peer_fragments(p, len, oracle_place.index, piece_octets, n)) {
        rs_prefetch(c->host, p, len); /* any octets will do, and nothing shows */
        rs_input(c->host, p, len, c->now);
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        const unsigned which = last_first ? 1 - i : i;
        const uint8_t *octet = place_octets(piece_octets + (which ? n[0] : 0), n[which]);
        rs_input(c->host, octet, n[which], c->now);
    }
}

void conn_datagram(struct conn *c, const struct input_event *e)
{
    const size_t len = peer_datagram(&c->egress, e, frame, sizeof frame);

    c->tainted = c->tainted || peer_taints(e);
    conn_receive(c, place_octets(frame, len), len, e->ev.kind == SC_PACKET);
}

void conn_receive(struct conn *c, const uint8_t *p, size_t len, bool plain)
{
    struct arrival_look before, after;
    uint64_t hash[CONNS];
    struct tcp_seg seg;

    c->n_hash = invariants_hash(c->host, c->hash, CONNS);
    c->reason = RS_REASON_ACCEPTED;
    c->judged = false;
    bool whole = egress_in(&c->egress, p, len, &seg) && plain && well_formed(&seg);
    if (c->watch && c->watch->frame)
        c->watch->frame(c->watch->arg, SC_IN, p, len, c->now);
    if (whole)
        arrival_look(c->host, LOCAL_PORT, REMOTE_PORT, &before);
    const unsigned alone = whole ? others(c, LOCAL_PORT, REMOTE_PORT) : 0;
    deliver(c, p, len);
    const unsigned n = invariants_hash(c->host, hash, CONNS);
    check_refused(c, hash, n);
    check_others(c, alone, hash);
    c->answer.n = 0;
    enum rs_reason reason = c->reason;
    /* Fragments may find no room to wait in; what comes whole is always judged. */
    whole = whole && (c->judged || !(c->manner & INPUT_FRAGMENTS));
    if (whole)
        arrival_look(c->host, LOCAL_PORT, REMOTE_PORT, &after);
    conn_settle(c);
    if (whole)
        arrival_check(&before, &after, &seg, reason, &c->answer);
}
