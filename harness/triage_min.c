/* Makes an input smaller while something about it stays: first by whole events, because half an
 * event is another event; then by simpler fields in what is left. */
#include "harness/triage.h"

#include <stdlib.h>
#include <string.h>

#include "harness/input.h"

/* ---- Where events begin ----------------------------------------------------------------- */

bool triage_is_pair(const char *target)
{
    return !strcmp(target, "fuzz_pair");
}

bool triage_has_events(const char *target)
{
    return !strcmp(target, "fuzz_conn") || triage_is_pair(target);
}

bool triage_spans_of(const char *target, const uint8_t *p, size_t len, struct triage_spans *s)
{
    s->n = 0;
    s->span = malloc((len + 2) * sizeof *s->span);
    if (!s->span)
        return false;
    size_t header = triage_has_events(target) ? INPUT_HEADER : 0;
    struct rcur c = rcur_of(p + (len < header ? len : header), len < header ? 0 : len - header);
    while (rcur_left(&c)) {
        struct input_event e;
        s->span[s->n++] = (size_t)(c.p - p);
        if (triage_has_events(target))
            input_decode(&c, &e);
        else
            rcur_u8(&c);
    }
    s->span[s->n] = len;
    return true;
}

/* ---- Trying ----------------------------------------------------------------------------- */

struct work {
    const char *target;
    uint8_t *best;
    size_t len;
    uint8_t *next; /* room for a candidate */
    size_t cap;
    unsigned tries;
    triage_keeps *keeps;
    void *arg;
};

/* Makes the candidate the best when it still shows the finding. */
static bool try_next(struct work *w, size_t len)
{
    if (!w->tries || (len == w->len && !memcmp(w->next, w->best, len)))
        return false;
    w->tries--;
    if (!w->keeps(w->arg, w->next, len))
        return false;
    memcpy(w->best, w->next, len);
    w->len = len;
    return true;
}

static bool try_without(struct work *w, size_t from, size_t to)
{
    memcpy(w->next, w->best, from);
    memcpy(w->next + from, w->best + to, w->len - to);
    return try_next(w, w->len - (to - from));
}

/* ---- By whole events -------------------------------------------------------------------- */

/* Takes away runs of `chunk` events, from the end: what comes after the failure goes at once. */
static bool drop_chunks(struct work *w, size_t chunk)
{
    bool any = false;
    struct triage_spans s;
    if (!triage_spans_of(w->target, w->best, w->len, &s))
        return false;
    for (size_t to = s.n; to > 0 && w->tries;) {
        size_t from = to > chunk ? to - chunk : 0;
        /* Events before `from` keep their places when those behind them go. */
        if (try_without(w, s.span[from], s.span[to])) {
            size_t gone = s.span[to] - s.span[from];
            for (size_t i = to; i <= s.n; i++)
                s.span[from + i - to] = s.span[i] - gone;
            s.n -= to - from;
            any = true;
        }
        to = from;
    }
    free(s.span);
    return any;
}

static void drop_events(struct work *w)
{
    struct triage_spans s;
    if (!triage_spans_of(w->target, w->best, w->len, &s))
        return;
    size_t chunk = s.n;
    free(s.span);
    for (; chunk > 1; chunk = (chunk + 1) / 2)
        drop_chunks(w, chunk);
    while (drop_chunks(w, 1))
        continue;
}

/* ---- By fields -------------------------------------------------------------------------- */

/* An octet nearer to zero: zero itself, then with each set bit cleared, the highest first.  In the
 * encoding of events small values are the plain classes, offsets and lengths. */
static bool simplify_octet(struct work *w, size_t at)
{
    bool any = false;
    for (unsigned mask = 0xff; mask; mask = mask == 0xff ? 0x80 : mask >> 1) {
        if (at >= w->len || !(w->best[at] & mask))
            continue;
        memcpy(w->next, w->best, w->len);
        w->next[at] = (uint8_t)(w->next[at] & ~mask);
        any = try_next(w, w->len) || any;
    }
    return any;
}

/* The canonical form of the best, when it shows the finding too: no octet that nothing reads. */
static void make_canonical(struct work *w)
{
    if (!triage_has_events(w->target))
        return;
    size_t n = input_canonical(w->best, w->len, w->next, w->cap);
    if (n <= w->len)
        try_next(w, n);
}

size_t triage_minimise(const char *target, uint8_t *p, size_t len, unsigned tries,
                       triage_keeps *keeps, void *arg)
{
    struct work w = { .target = target, .best = p, .len = len, .next = malloc(len + 1),
                      .cap = len, .tries = tries, .keeps = keeps, .arg = arg };
    if (!w.next)
        return len;
    make_canonical(&w);
    for (bool simpler = true; simpler && w.tries;) {
        drop_events(&w);
        simpler = false;
        for (size_t i = 0; i < w.len; i++)
            simpler = simplify_octet(&w, i) || simpler;
    }
    make_canonical(&w);
    free(w.next);
    return w.len;
}
