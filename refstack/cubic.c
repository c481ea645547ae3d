/* CUBIC, RFC 9438, in integers: windows in octets, times in milliseconds.
 *
 *   cwnd |                                       /
 *  W_max |- - - - - - ._____________________.-'
 *        |       .--'           K
 *        |    .-'      after a loss fast, then slow where the last loss was,
 *        |  /          and fast again to look for more
 *        +-------------------------------------------- t */
#include "refstack/congestion.h"
#include "refstack/host.h"

/* beta_cubic = 0.7 and C = 0.4 (section 4.6 and 5.1), as fractions. */
enum { BETA_NUM = 7, BETA_DEN = 10 };

/* Beyond this the cube of time would leave 64 bits; a window that has grown for so long was limited
 * by something else before. */
enum { MAX_MS = 100000 };

/* The largest x with x^3 <= v.  Bit by bit from the top: 21 steps, exact, the same on each machine,
 * where floating point need not be. */
static uint32_t cube_root(uint64_t v)
{
    uint64_t x = 0;

    for (int bit = 20; bit >= 0; bit--) {
        const uint64_t try = x | UINT64_C(1) << bit;
        if (try * try * try <= v)
            x = try;
    }
    return (uint32_t)x;
}

/* 0 is kept for "no stage". */
static uint32_t clock_ms(const struct rs_host *h)
{
    const uint32_t ms = (uint32_t)(h->now / RS_MSEC);
    return ms ? ms : 1;
}

/* A stage of congestion avoidance begins: K = cbrt((W_max - cwnd_epoch) / C), section 4.2.  At or
 * above W_max the plateau is where cwnd is now and the curve has only its convex part (K = 0). */
static void begin_epoch(struct rs_host *h, struct tcb *t)
{
    struct cubic *c = &t->cubic;

    c->epoch_ms = clock_ms(h);
    c->w_est = t->cwnd;
    t->bytes_acked = 0;
    if (t->cwnd >= c->w_max || BUG(CUBIC_LINEAR)) {
        c->w_max = t->cwnd;
        c->k_ms = 0;
        return;
    }
    /* Segments over 0.4 per second cubed, in milliseconds cubed. */
    const uint64_t octets = c->w_max - t->cwnd;
    c->k_ms = cube_root(octets * UINT64_C(2500000000) / t->smss);
}

/* W_cubic(t) = C (t - K)^3 + W_max, t one round trip ahead, within [cwnd, 1.5 cwnd].  Below the
 * plateau the curve is concave, beyond it convex: slow where the last loss was, fast far from it.
 * The upper bound keeps a round trip's growth to a half.  The lower one is what keeps an ACK from
 * ever shrinking cwnd. */
static uint32_t target(const struct tcb *t, uint32_t elapsed_ms)
{
    const struct cubic *c = &t->cubic;
    int64_t dt = (int64_t)elapsed_ms + (int64_t)(t->srtt / RS_MSEC) - c->k_ms;

    /* On the other side K is the bound, the more segments W_max holds the smaller they are. */
    if (dt > MAX_MS)
        dt = MAX_MS;
    const int64_t grown = dt * dt * dt / 10000 * 4 * t->smss / 1000000;
    const int64_t w = c->w_max + grown;
    if (w < t->cwnd)
        return BUG(CUBIC_SHRINKS) && w > t->smss ? (uint32_t)w : t->cwnd;
    const uint32_t most = t->cwnd + t->cwnd / 2;
    return w > most && !BUG(CUBIC_UNBOUNDED) ? most : (uint32_t)w;
}

/* Section 4.3, the Reno-friendly window: alpha = 3 (1 - beta) / (1 + beta) = 9/17, or 1 once the
 * window of before the loss is reached.  Octets acknowledged wait in bytes_acked until they are
 * worth whole ones of the estimate: in a large window one ACK is worth less than that. */
static void grow_estimate(struct tcb *t, uint32_t acked)
{
    struct cubic *c = &t->cubic;
    const bool below = c->w_est < c->cwnd_prior && !BUG(CUBIC_ALPHA);
    const uint64_t gain = (below ? UINT64_C(9) : 17) * t->smss;
    const uint64_t cost = UINT64_C(17) * t->cwnd;
    const uint64_t waiting = (uint64_t)t->bytes_acked + acked;
    const uint64_t step = waiting * gain / cost;

    c->w_est += (uint32_t)step;
    t->bytes_acked = (uint32_t)(waiting - step * cost / gain);
}

/* (target - cwnd)/cwnd segments for each segment acknowledged, here by octets, so that the way an
 * ACK is divided plays no part. */
static void cubic_grow(struct rs_host *h, struct tcb *t, uint32_t acked)
{
    struct cubic *c = &t->cubic;

    /* The stage begins with its first ACK and not with the loss: recovery's time is none of it. */
    if (c->epoch_ms == 0)
        begin_epoch(h, t);
    c->used_ms = clock_ms(h);
    grow_estimate(t, acked);
    const uint32_t aim = target(t, clock_ms(h) - c->epoch_ms);
    const bool friendly = !BUG(CUBIC_UNFRIENDLY) && !BUG(CUBIC_SHRINKS);
    const int64_t step = ((int64_t)aim - t->cwnd) * acked / t->cwnd;
    const uint32_t grown = (uint32_t)(t->cwnd + step);
    /* An ACK never makes cwnd smaller, as one of gVisor's did where the curve lay below
     * (5f8c66e26). */
    t->cwnd = friendly && c->w_est > grown ? c->w_est : grown;
}

/* Section 4.6 and, for w_max, 4.7: fast convergence.  A flow whose window is smaller than at its
 * last loss gives way: it remembers less than it had, and new flows find room. */
static uint32_t cubic_ssthresh(struct tcb *t, uint32_t flight)
{
    struct cubic *c = &t->cubic;
    const uint32_t least = 2u * t->smss;
    const uint32_t kept = BUG(CUBIC_HALVES) ? 5 : BETA_NUM;
    const uint32_t ssthresh = (uint32_t)((uint64_t)flight * kept / BETA_DEN);

    c->cwnd_prior = t->cwnd;
    const bool converges = t->cwnd < c->w_max && !BUG(CUBIC_GREEDY);
    const uint64_t part = BETA_DEN + BETA_NUM;
    c->w_max = converges ? (uint32_t)(t->cwnd * part / (2 * BETA_DEN)) : t->cwnd;
    c->epoch_ms = 0;
    return ssthresh > least || BUG(CUBIC_NO_FLOOR) ? ssthresh : least;
}

/* Section 4.2: the time of a stage does not include what is spent with cwnd not in use; else the
 * window would leap when it is used again (section 5.8). */
static void cubic_pause(struct rs_host *h, struct tcb *t)
{
    struct cubic *c = &t->cubic;
    const uint32_t now = clock_ms(h);

    if (c->epoch_ms == 0 || BUG(CUBIC_CLOCK_RUNS))
        return;
    c->epoch_ms += now - c->used_ms;
    c->used_ms = now;
}

/* Section 4.8: the first stage after a timeout begins at its plateau, K being 0. */
static void cubic_timeout(struct tcb *t)
{
    t->cubic.w_max = BUG(CUBIC_RTO_FORGOTTEN) ? t->cubic.w_max : 0;
    t->cubic.epoch_ms = 0;
}

const struct cc_algorithm cc_cubic = {
    .grow = cubic_grow,
    .ssthresh = cubic_ssthresh,
    .pause = cubic_pause,
    .timeout = cubic_timeout,
};
