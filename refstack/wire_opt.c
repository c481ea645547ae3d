/* TCP options: one cursor steps through them; known kinds of their own length are typed, all others
 * are kept as octets.
 *
 *   kind  octets     says                        where       RFC
 *     0     1        no more options             anywhere    9293
 *     1     1        nothing                     anywhere    9293
 *     2     4        MSS                         SYN         9293
 *     3     3        window scale                SYN         7323
 *     4     2        SACK permitted              SYN         2018
 *     5    10 to 34  SACK, one to four blocks    not in SYN  2018
 *     8    10        timestamps                  anywhere    7323
 *    19    18        MD5 signature               anywhere    2385
 *    28     4        user timeout                anywhere    5482
 *    34    2, 6 to 18  Fast Open                 SYN         7413
 *   254     4 and more  experiments              anywhere    6994
 *
 *   kind  octets     says                        where       RFC
 *     0     1        no more options             anywhere    9293
 *     1     1        nothing                     anywhere    9293
 *     2     4        MSS                         SYN         9293
 *     3     3        window scale                SYN         7323
 *     4     2        SACK permitted              SYN         2018
 *     5    10 to 34  SACK, one to four blocks    not in SYN  2018
 *     8    10        timestamps                  anywhere    7323
 *    19    18        MD5 signature               anywhere    2385
 *    28     4        user timeout                anywhere    5482
 *    34    2, 6 to 18  Fast Open                 SYN         7413
 *   254     4 and more  experiments              anywhere    6994 */
#include "refstack/bugs.h"
#include "refstack/cursor.h"
#include "refstack/wire.h"

enum {
    EXID_FASTOPEN = 0xf989, /* RFC 7413 section 4.1.1, RFC 6994 */
    COOKIE_MIN = 4,
    COOKIE_MAX = 16,
    SACK_BLOCK_OCTETS = 8,
    SACK_MAX = 4, /* 40 octets of options hold no more (RFC 2018 section 3) */
    MD5_OCTETS = 16
};

/* The length of the body that a kind prescribes, or -1 where it varies or the kind is unknown.
 * Less the kind and length octets. */
static int fixed_body_len(uint8_t kind)
{
    switch (kind) {
    case OPT_MSS:
    case OPT_USER_TIMEOUT:
        return 2;
    case OPT_WSCALE:
        return 1;
    case OPT_SACK_PERMITTED:
        return 0;
    case OPT_TIMESTAMPS:
        return 8;
    case OPT_MD5:
        return MD5_OCTETS;
    default:
        return -1;
    }
}

/* The count follows from the length and must come out even; Nucleus (CVE-2021-31889) divided before
 * it compared, and counted below zero. */
static bool read_sack(struct rcur *c, struct tcp_option *o)
{
    const size_t n = rcur_left(c) / SACK_BLOCK_OCTETS;
    if (rcur_left(c) % SACK_BLOCK_OCTETS || n < 1 || n > SACK_MAX)
        return false;
    o->u.sack.n = (uint8_t)n;
    for (size_t i = 0; i < n; i++) {
        o->u.sack.block[i].left = rcur_u32(c);
        o->u.sack.block[i].right = rcur_u32(c);
    }
    return true;
}

/* RFC 7413 section 4.1.1: no cookie asks for one; otherwise an even 4 to 16 octets. */
static bool read_cookie(struct rcur *c, struct tcp_option *o)
{
    const size_t n = rcur_left(c);
    if (n && (n < COOKIE_MIN || n > COOKIE_MAX || n % 2) && !BUG(COOKIE_ANY_LENGTH))
        return false;
    o->u.cookie.len = (uint8_t)n;
    o->u.cookie.octets = rcur_take(c, n);
    return true;
}

/* A kind in the wrong length is not half-believed: it stays untyped, as if unknown. */
static bool read_fixed(struct rcur *c, struct tcp_option *o)
{
    const int want = fixed_body_len(o->kind);
    if (want < 0 || rcur_left(c) != (size_t)want)
        return false;
    switch (o->kind) {
    case OPT_MSS:
        o->u.mss = rcur_u16(c);
        break;
    case OPT_WSCALE:
        o->u.shift = rcur_u8(c);
        break;
    case OPT_TIMESTAMPS:
        o->u.ts.val = rcur_u32(c);
        o->u.ts.ecr = rcur_u32(c);
        break;
    case OPT_MD5:
        o->u.digest = o->body;
        break;
    case OPT_USER_TIMEOUT:
        o->u.user_timeout = rcur_u16(c);
        break;
    default: /* SACK-permitted has nothing to say */
        break;
    }
    return true;
}

/* RFC 6994: kind 254 is many options, told apart by the first two octets; Fast Open was one before
 * it had a kind. */
static bool read_typed(struct tcp_option *o)
{
    struct rcur c = rcur_of(o->body, (size_t)o->len - 2);
    switch (o->kind) {
    case OPT_SACK:
        return read_sack(&c, o);
    case OPT_FASTOPEN:
        return read_cookie(&c, o);
    case OPT_EXPERIMENT:
        return (rcur_u16(&c) == EXID_FASTOPEN || BUG(EXPERIMENT_ANY)) && read_cookie(&c, o);
    default:
        return read_fixed(&c, o);
    }
}

/* Kinds 0 and 1 (MUST-4) are single octets; every other kind has a length octet that counts both
 * (MUST-68), so that an unknown one is stepped over (MUST-6).  Octets one by one, wherever an
 * option begins (MUST-64); a length that cannot be ends the walk (MUST-7). picoTCP (CVE-2020-24337)
 * walked on by a length of 0 and never ended; lwIP (3d896ba0) read the length octet behind the last
 * option. */
enum opt_result opt_next(struct opt_walk *w, struct tcp_option *o)
{
    if (w->done || w->p == w->end)
        return OPT_END;
    struct rcur c = rcur_of(w->p, (size_t)(w->end - w->p));
    o->kind = rcur_u8(&c);
    o->len = 1;
    o->typed = true;
    o->body = NULL;
    if (o->kind == OPT_EOL || o->kind == OPT_NOP) {
        w->done = o->kind == OPT_EOL && !BUG(OPTION_AFTER_END);
        w->p = c.p;
        return OPT_OK;
    }
    o->typed = false;
    o->len = rcur_u8(&c);
    if (BUG(OPTION_OVERREAD))
        o->len = w->p[1];
    if (BUG(OPTION_LENGTH_ZERO) && o->len == 0 && !c.bad)
        return OPT_OK;
    if (o->len >= 2)
        o->body = rcur_take(&c, (size_t)o->len - 2);
    if (o->len < 2 || c.bad) {
        w->done = true;
        return OPT_BAD_LENGTH;
    }
    o->typed = read_typed(o);
    w->p = BUG(OPTION_ALIGNED) ? c.p + (w->end - c.p) % 4 : c.p;
    return OPT_OK;
}

/* As it came, or as a script wants it. */
static void put_raw(struct wcur *c, const struct tcp_option *o)
{
    wcur_u8(c, o->kind);
    wcur_u8(c, o->len);
    if (o->body && o->len > 2)
        wcur_copy(c, o->body, (size_t)o->len - 2);
}

/* Four at most, whatever the caller has: more do not fit a header. */
static void put_sack(struct wcur *c, const struct tcp_option *o)
{
    const uint8_t n = o->u.sack.n < SACK_MAX ? o->u.sack.n : SACK_MAX;
    wcur_u8(c, (uint8_t)(2 + n * SACK_BLOCK_OCTETS));
    for (uint8_t i = 0; i < n; i++) {
        wcur_u32(c, o->u.sack.block[i].left);
        wcur_u32(c, o->u.sack.block[i].right);
    }
}

static void put_fixed(struct wcur *c, const struct tcp_option *o)
{
    wcur_u8(c, (uint8_t)(2 + fixed_body_len(o->kind)));
    switch (o->kind) {
    case OPT_MSS:
        wcur_u16(c, o->u.mss);
        break;
    case OPT_WSCALE:
        wcur_u8(c, o->u.shift);
        break;
    case OPT_TIMESTAMPS:
        wcur_u32(c, o->u.ts.val);
        wcur_u32(c, o->u.ts.ecr);
        break;
    case OPT_MD5:
        wcur_copy(c, o->u.digest, MD5_OCTETS);
        break;
    case OPT_USER_TIMEOUT:
        wcur_u16(c, o->u.user_timeout);
        break;
    default: /* SACK-permitted has nothing to say */
        break;
    }
}

/* MUST-68.  A cursor without room writes what fits, and is "bad" from then on. */
void opt_put(struct wcur *c, const struct tcp_option *o)
{
    const bool known = o->kind == OPT_SACK || o->kind == OPT_FASTOPEN ||
                       o->kind == OPT_EXPERIMENT || fixed_body_len(o->kind) >= 0;
    if (o->kind == OPT_EOL || o->kind == OPT_NOP) {
        wcur_u8(c, o->kind);
        return;
    }
    if (!o->typed || !known) {
        put_raw(c, o);
        return;
    }
    wcur_u8(c, o->kind);
    switch (o->kind) {
    case OPT_SACK:
        put_sack(c, o);
        break;
    case OPT_FASTOPEN:
        wcur_u8(c, (uint8_t)(2 + o->u.cookie.len));
        wcur_copy(c, o->u.cookie.octets, o->u.cookie.len);
        break;
    case OPT_EXPERIMENT:
        wcur_u8(c, (uint8_t)(4 + o->u.cookie.len));
        wcur_u16(c, EXID_FASTOPEN);
        wcur_copy(c, o->u.cookie.octets, o->u.cookie.len);
        break;
    default:
        put_fixed(c, o);
        break;
    }
}
