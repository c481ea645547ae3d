/* What is wrong with a segment whatever came before.  Less than egress_form asks of a stack that
 * only knows its own options: captures hold options of every kind. */
#include "harness/check.h"

/* RFC 9768 gives the lowest of the four reserved bits a meaning. */
enum { STILL_RESERVED = 0xe00 };

/* What a capture's reader cannot take is no option of that kind: its length is the kind's own. */
static bool length_known(const struct tcp_option *opt)
{
    switch (opt->kind) {
    case OPT_MSS:
    case OPT_WSCALE:
    case OPT_SACK_PERMITTED:
    case OPT_SACK:
    case OPT_TIMESTAMPS: return true;
    default: return false;
    }
}

static void option(struct check *c, struct check_flow *f, unsigned sender,
                   const struct tcp_option *opt, bool syn)
{
    const unsigned kind = opt->kind;

    if (length_known(opt) && !opt->typed)
        check_found(c, f, sender, ORACLE_egress_options, "option kind %u of length %u", kind,
                    opt->len);
    else if (kind == OPT_WSCALE && opt->u.shift > 14) /* RFC 7323 s2.3 */
        check_found(c, f, sender, ORACLE_egress_options, "a window scale of %u, over 14",
                    opt->u.shift);
    /* RFC 7323 s2.2 and RFC 2018 s2 say of their options what RFC 9293 says of MSS. */
    if (!syn && (kind == OPT_MSS || kind == OPT_WSCALE || kind == OPT_SACK_PERMITTED))
        check_found(c, f, sender, ORACLE_egress_mss_on_syn, "option kind %u without SYN", kind);
}

static void options(struct check *c, struct check_flow *f, unsigned sender,
                    const struct tcp_seg *seg)
{
    struct opt_walk walk = opt_walk_of(seg->opt, seg->opt_len);
    struct tcp_option opt;
    enum opt_result r;

    while ((r = opt_next(&walk, &opt)) == OPT_OK) {
        option(c, f, sender, &opt, seg->flags & TCP_SYN);
        if (opt.kind != OPT_EOL)
            continue;
        for (const uint8_t *p = walk.p; p < seg->opt + seg->opt_len; p++) {
            if (*p == 0)
                continue;
            check_found(c, f, sender, ORACLE_egress_options, "%u behind the end of the options",
                        *p);
            break;
        }
    }
    if (r == OPT_BAD_LENGTH)
        check_found(c, f, sender, ORACLE_egress_options, "an option length that overruns");
}

void check_form(struct check *c, struct check_flow *f, unsigned sender, const struct tcp_seg *seg)
{
    const unsigned flags = seg->flags;

    if (flags & STILL_RESERVED)
        check_found(c, f, sender, ORACLE_egress_reserved, "reserved bits %x",
                    (flags & STILL_RESERVED) >> 8);
    if ((flags & TCP_SYN && flags & (TCP_FIN | TCP_RST)) || (flags & TCP_RST && flags & TCP_FIN))
        check_found(c, f, sender, ORACLE_egress_flags, "%s%s%s together",
                    flags & TCP_SYN ? "SYN " : "", flags & TCP_FIN ? "FIN " : "",
                    flags & TCP_RST ? "RST" : "");
    else if (!(flags & (TCP_ACK | TCP_SYN | TCP_RST)))
        check_found(c, f, sender, ORACLE_egress_ack_bit, "neither ACK, SYN nor RST");
    options(c, f, sender, seg);
}
