/* What TCP itself needs of a segment's options, gathered in one walk. */
#include <string.h>

#include "refstack/bugs.h"
#include "refstack/cursor.h"
#include "refstack/wire.h"

static void keep_sack(struct tcp_opts *to, const struct tcp_option *o)
{
    if (to->n_sack)
        return;
    to->n_sack = o->u.sack.n;
    for (uint8_t i = 0; i < o->u.sack.n; i++)
        to->sack[i] = o->u.sack.block[i];
}

static void keep_cookie(struct tcp_opts *to, const struct tcp_option *o)
{
    if (to->has_cookie)
        return;
    to->has_cookie = true;
    to->cookie_len = o->u.cookie.len;
    to->cookie = o->u.cookie.octets;
}

static void keep_timestamps(struct tcp_opts *to, const struct tcp_option *o)
{
    if (to->has_ts)
        return;
    to->has_ts = true;
    to->ts_val = o->u.ts.val;
    to->ts_ecr = o->u.ts.ecr;
}

/* Of an option given twice the first counts, for each kind alike; no RFC says, and what a later one
 * may change a forger may append. */
static void keep(struct tcp_opts *to, const struct tcp_option *o)
{
    switch (o->kind) {
    case OPT_MSS:
        if (!to->has_mss)
            to->mss = o->u.mss;
        to->has_mss = true;
        break;
    case OPT_WSCALE:
        if (!to->has_wscale)
            to->shift = o->u.shift;
        to->has_wscale = true;
        break;
    case OPT_SACK_PERMITTED:
        to->has_sack_permitted = true;
        break;
    case OPT_SACK:
        keep_sack(to, o);
        break;
    case OPT_TIMESTAMPS:
        keep_timestamps(to, o);
        break;
    case OPT_USER_TIMEOUT:
        if (!to->has_user_timeout)
            to->user_timeout = o->u.user_timeout;
        to->has_user_timeout = true;
        break;
    case OPT_FASTOPEN:
    case OPT_EXPERIMENT:
        keep_cookie(to, o);
        break;
    default: /* MUST-6: an option not implemented is ignored */
        break;
    }
}

/* What nearly every segment of a connection with timestamps has, in the layout that RFC 7323
 * appendix A recommends: NOP, NOP, timestamps.  To look at it as a whole saves the walk on the path
 * of every segment in a transfer. */
static bool is_timestamps_alone(const uint8_t *opt, size_t len)
{
    static const uint8_t layout[4] = { OPT_NOP, OPT_NOP, OPT_TIMESTAMPS, 10 };
    return len == sizeof layout + 8 && memcmp(opt, layout, sizeof layout) == 0;
}

/* Asked of every segment, whatever its flags (MUST-5); MUST-4.
 * A known kind of another length than its own is ignored like an unknown kind, as RFC 7413 section
 * 4.1.1 asks for cookies; only a length that breaks the walk is `bad`. */
void opts_read(struct tcp_opts *to, const uint8_t *opt, size_t len)
{
    struct opt_walk w = opt_walk_of(opt, len);
    struct tcp_option o;
    enum opt_result r;
    *to = (struct tcp_opts){ 0 };
    if (is_timestamps_alone(opt, len)) {
        struct rcur c = rcur_of(opt + 4, 8);
        to->has_ts = true;
        to->ts_val = rcur_u32(&c);
        to->ts_ecr = rcur_u32(&c);
        return;
    }
    while ((r = opt_next(&w, &o)) == OPT_OK) {
        if (o.typed)
            keep(to, &o);
        else if (BUG(OPTION_UNKNOWN_ENDS))
            break;
    }
    to->bad = r == OPT_BAD_LENGTH;
}
