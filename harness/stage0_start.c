/* The starts of stage 0: each a few steps of user and peer, after which a copy is kept. */
#include <stdlib.h>
#include <string.h>

#include "harness/stage0_bench.h"
#include "refstack/seq.h"

/* Near the end of the number space, so that every window here spans it. */
enum { STEP_MAX = 5, PEER_WINDOW = 4096 };

enum op { END, LISTEN, LISTENER, OPEN, SEND, CLOSE, PEER };

/* A peer's segment has its number as an offset from IRS and its ACK as one from ISS. */
struct step {
    enum op op;
    uint16_t flags;
    uint16_t seq, ack, len, wnd;
};

#define SYN_SEG { PEER, TCP_SYN, 0, 0, 0, PEER_WINDOW }
#define SYN_ACK_SEG { PEER, TCP_SYN | TCP_ACK, 0, 1, 0, PEER_WINDOW }
#define SEGMENT(flags, seq, ack, len, wnd) { PEER, flags, seq, ack, len, wnd }
#define CALL(op) { op, 0, 0, 0, 0, 0 }
#define SEND_100 { SEND, 0, 0, 0, 100, 0 }
#define FIN_ACK (TCP_FIN | TCP_ACK)
#define FILL(octets) SEGMENT(TCP_ACK, 1, 1, octets, PEER_WINDOW)
/* The FIN that takes the last number of the window. */
#define LAST_FIN(ack) SEGMENT(FIN_ACK, ST0_RCV_BUF, ack, 0, PEER_WINDOW)

static const struct step steps[ST0_N_STARTS][STEP_MAX] = {
    [ST0_LISTEN] = { CALL(LISTEN) },
    [ST0_LISTENER] = { CALL(LISTENER) },
    [ST0_SYN_SENT] = { CALL(OPEN) },
    [ST0_SYN_RECEIVED] = { CALL(LISTEN), SYN_SEG },
    [ST0_SYN_RECEIVED_CHILD] = { CALL(LISTENER), SYN_SEG },
    [ST0_SYN_RECEIVED_CROSSED] = { CALL(OPEN), SYN_SEG },
    [ST0_ESTABLISHED] = { CALL(OPEN), SYN_ACK_SEG },
    [ST0_ESTABLISHED_IN_FLIGHT] = { CALL(OPEN), SYN_ACK_SEG, SEND_100 },
    [ST0_ESTABLISHED_SHUT] = { CALL(OPEN), SYN_ACK_SEG, SEGMENT(TCP_ACK, 1, 1, 0, 0), SEND_100 },
    [ST0_ESTABLISHED_FULL] = { CALL(OPEN), SYN_ACK_SEG, FILL(ST0_RCV_BUF) },
    [ST0_ESTABLISHED_ONE] = { CALL(OPEN), SYN_ACK_SEG, FILL(ST0_RCV_BUF - 1) },
    [ST0_ESTABLISHED_HOLE] = { CALL(OPEN), SYN_ACK_SEG,
                               SEGMENT(TCP_ACK, 101, 1, 50, PEER_WINDOW) },
    [ST0_FIN_WAIT_1] = { CALL(OPEN), SYN_ACK_SEG, CALL(CLOSE) },
    [ST0_FIN_WAIT_1_TEXT] = { CALL(OPEN), SYN_ACK_SEG, SEND_100, CALL(CLOSE) },
    [ST0_FIN_WAIT_1_FULL] = { CALL(OPEN), SYN_ACK_SEG, FILL(ST0_RCV_BUF), CALL(CLOSE) },
    [ST0_FIN_WAIT_2_FULL] = { CALL(OPEN), SYN_ACK_SEG, FILL(ST0_RCV_BUF), CALL(CLOSE),
                              SEGMENT(TCP_ACK, 1 + ST0_RCV_BUF, 2, 0, PEER_WINDOW) },
    [ST0_CLOSE_WAIT_IN_FLIGHT] = { CALL(OPEN), SYN_ACK_SEG, SEND_100,
                                   SEGMENT(FIN_ACK, 1, 1, 0, PEER_WINDOW) },
    [ST0_CLOSE_WAIT_FULL] = { CALL(OPEN), SYN_ACK_SEG, FILL(ST0_RCV_BUF - 1), LAST_FIN(1) },
    [ST0_CLOSING_FULL] = { CALL(OPEN), SYN_ACK_SEG, FILL(ST0_RCV_BUF - 1), CALL(CLOSE),
                           LAST_FIN(1) },
    [ST0_LAST_ACK_FULL] = { CALL(OPEN), SYN_ACK_SEG, FILL(ST0_RCV_BUF - 1), LAST_FIN(1),
                            CALL(CLOSE) },
    [ST0_TIME_WAIT_FULL] = { CALL(OPEN), SYN_ACK_SEG, FILL(ST0_RCV_BUF - 1), CALL(CLOSE),
                             LAST_FIN(2) },
    [ST0_FIN_WAIT_2] = { CALL(OPEN), SYN_ACK_SEG, CALL(CLOSE),
                         SEGMENT(TCP_ACK, 1, 2, 0, PEER_WINDOW) },
    [ST0_CLOSE_WAIT] = { CALL(OPEN), SYN_ACK_SEG, SEGMENT(FIN_ACK, 1, 1, 0, PEER_WINDOW) },
    [ST0_CLOSING] = { CALL(OPEN), SYN_ACK_SEG, CALL(CLOSE),
                      SEGMENT(FIN_ACK, 1, 1, 0, PEER_WINDOW) },
    [ST0_LAST_ACK] = { CALL(OPEN), SYN_ACK_SEG, SEGMENT(FIN_ACK, 1, 1, 0, PEER_WINDOW),
                       CALL(CLOSE) },
    [ST0_TIME_WAIT] = { CALL(OPEN), SYN_ACK_SEG, CALL(CLOSE),
                        SEGMENT(FIN_ACK, 1, 2, 0, PEER_WINDOW) },
    [ST0_TIME_WAIT_LISTENER] = { CALL(LISTENER), CALL(OPEN), SYN_ACK_SEG, CALL(CLOSE),
                                 SEGMENT(FIN_ACK, 1, 2, 0, PEER_WINDOW) },
};

const char *st0_start_name(enum st0_start start)
{
    static const char *const name[] = {
#define START_NAME(name, text, state) [ST0_##name] = text,
        ST0_STARTS(START_NAME)
#undef START_NAME
    };
    return name[start];
}

enum rs_state st0_start_state(enum st0_start start)
{
    static const enum rs_state state[] = {
#define START_STATE(name, text, state) [ST0_##name] = state,
        ST0_STARTS(START_STATE)
#undef START_STATE
    };
    return state[start];
}

/* RFC 7323 section 2.2: the window of a SYN is never scaled. */
static unsigned own_shift(const struct st0_tcb *t, uint16_t flags)
{
    return t->ws_on && !(flags & TCP_SYN) ? ST0_SHIFT : 0;
}

/* What the stack's answers say of its variables. */
static void learn(struct st0_bench *b)
{
    struct st0_tcb *t = &b->tcb;

    for (unsigned i = 0; i < b->n_frames && i < ST0_MAX_FRAMES; i++) {
        const struct st0_frame *f = &b->frame[i];
        const uint32_t numbers = f->len + ((f->flags & (TCP_SYN | TCP_FIN)) ? 1u : 0u);
        if (f->flags & TCP_SYN) {
            t->iss = t->una = f->seq;
            t->nxt = f->seq;
            t->rcv_wnd = f->wnd;
        }
        t->nxt = seq_max(t->nxt, f->seq + numbers);
        t->fin_sent |= (f->flags & TCP_FIN) != 0;
        t->queued -= f->len;
        if (f->flags & TCP_ACK) {
            /* SHLD-14: an edge once offered stands, though the scale has no word for it. */
            const uint32_t edge = t->rcv_nxt + t->rcv_wnd;
            const uint32_t scaled = f->ack + ((uint32_t)f->wnd << own_shift(t, f->flags));
            t->rcv_nxt = t->last_ack_sent = f->ack;
            t->rcv_wnd = seq_max(scaled, edge) - f->ack;
        }
    }
}

/* The peer keeps its own books of what it said; all these segments are in order and acceptable. */
static void remember(struct st0_bench *b, const struct st0_seg *s)
{
    struct st0_tcb *t = &b->tcb;

    const uint32_t wnd = (uint32_t)s->wnd << (s->flags & TCP_SYN ? 0 : t->snd_shift);

    if (s->flags & TCP_SYN) {
        t->irs = s->seq;
        t->rcv_nxt = t->rcv_up = s->seq + 1;
        t->ws_on = s->has_ws;
        t->snd_shift = s->has_ws ? ST0_PEER_SHIFT : 0;
    }
    if (s->flags & TCP_ACK)
        t->una = s->ack;
    t->wnd = wnd;
    t->max_wnd = t->max_wnd > wnd ? t->max_wnd : wnd;
    t->wl1 = s->seq;
    t->wl2 = s->ack;
    if (s->has_ts)
        t->ts_recent = s->ts_val;
    if (s->len && s->seq != t->irs + 1) {
        t->hole_left = s->seq;
        t->hole_right = s->seq + s->len;
        t->ts_recent = ST0_PEER_TS; /* not the segment the last ACK pointed at */
    } else {
        t->readable += s->len;
    }
}

static void peer_says(struct st0_bench *b, const struct step *step)
{
    const struct st0_seg s = {
        .flags = step->flags,
        .seq = ST0_PEER_ISS + step->seq,
        .ack = (step->flags & TCP_ACK) ? b->tcb.iss + step->ack : 0,
        .len = step->len,
        .wnd = step->wnd,
        .has_ts = b->ways & ST0_TS,
        .has_ws = b->ways & ST0_WS && step->flags & TCP_SYN,
        .ts_val = ST0_PEER_TS + step->seq,
    };
    st0_arrives(b, &s);
    remember(b, &s);
}

static void do_step(struct st0_bench *b, const struct step *step)
{
    static const uint8_t octets[128];
    const struct rs_endpoint local = { .addr = st0_addr(b), .port = ST0_PORT };
    const struct rs_endpoint remote = st0_peer(b);

    switch (step->op) {
    case LISTEN:
        b->conn = rs_open_passive(b->host, &local, NULL, b->now);
        b->tcb.passive = true;
        break;
    case LISTENER:
        b->listener = rs_listen(b->host, &local, b->now);
        b->tcb.listener = b->tcb.child = b->tcb.passive = true;
        break;
    case OPEN:
        b->conn = rs_open_active(b->host, &local, &remote, b->now);
        b->tcb.passive = b->tcb.child = false;
        break;
    case SEND:
        rs_send(b->host, b->conn, octets, step->len, 0, b->now);
        b->tcb.queued += step->len;
        break;
    case CLOSE:
        rs_close(b->host, b->conn, b->now);
        break;
    default:
        peer_says(b, step);
        break;
    }
    st0_drain(b);
    learn(b);
}

/* The stack's ISS comes of a clock and a key: a trial SYN shows it, and the clock is moved on by
 * the ticks that bring it where it is wanted. */
static rs_time time_for_iss(struct st0_bench *b)
{
    const struct step open = CALL(OPEN);

    b->now = RS_SEC;
    rs_reset(b->host, b->now);
    b->n_frames = 0;
    do_step(b, &open);
    return RS_SEC + (rs_time)(ST0_ISS - b->tcb.iss) * 4;
}

bool st0_start(struct st0_bench *b, enum st0_start start, unsigned ways)
{
    st0_configure(b, ways);
    st0_unpoison(b);
    memset(b->block, 0, b->size);
    b->host = rs_init(b->block, b->size, &b->cfg, 0);
    rs_observe(b->host, st0_observe, b);
    const rs_time when = time_for_iss(b);
    b->tcb = (struct st0_tcb){ .state = st0_start_state(start), .offers_ws = ways & ST0_WS };
    b->now = when;
    b->conn = b->listener = -1;
    b->seen = RS_CLOSED;
    rs_reset(b->host, b->now);
    for (const struct step *s = steps[start]; s < steps[start] + STEP_MAX && s->op != END; s++)
        do_step(b, s);
    b->tcb.ts_on = ways & ST0_TS && b->tcb.state > RS_SYN_SENT;
    b->tcb.time_wait_until = b->now + 2 * b->cfg.tcp.msl;
    /* Events come a little later, so that a timer started anew can be told from one that runs. */
    b->now += 10 * RS_MSEC;
    st0_keep(b);
    return b->seen == b->tcb.state || (start == ST0_TIME_WAIT_LISTENER && b->seen == RS_TIME_WAIT);
}
