#include "harness/arrival.h"

#include "harness/oracle.h"

/* Section 3.4, table 6. */
static bool acceptable(const struct arrival_look *b, const struct tcp_seg *seg)
{
    const uint32_t len = tcp_seg_len(seg);
    const uint32_t first = seg->seq - b->rcv_nxt, last = first + len - 1;

    if (b->rcv_wnd == 0)
        return len == 0 && first == 0;
    return first < b->rcv_wnd || (len > 0 && last < b->rcv_wnd);
}

/* Section 3.5.2: <SEQ=SEG.ACK><CTL=RST>, or <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>. */
static void check_reset(const struct tcp_seg *seg, const struct arrival_answer *a)
{
    if (seg->flags & TCP_RST) {
        ORACLE(arrival_reset, a->n == 0, "a RST is answered by %u segments", a->n);
        return;
    }
    ORACLE(arrival_reset, a->n == 1 && a->flags & TCP_RST, "%u answers, flags %02x", a->n,
           a->flags);
    if (seg->flags & TCP_ACK)
        ORACLE(arrival_reset, a->seq == seg->ack && !(a->flags & TCP_ACK), "SEQ %u for ACK %u",
               a->seq, seg->ack);
    else
        ORACLE(arrival_reset,
               a->seq == 0 && a->flags & TCP_ACK && a->ack == seg->seq + tcp_seg_len(seg),
               "SEQ %u ACK %u for SEQ %u of %u", a->seq, a->ack, seg->seq, tcp_seg_len(seg));
}

/* The ACK of a SYN that was answered by a cookie makes the connection with just the numbers it
 * brings back, or is dropped where the queue is full: the peer will ask again. */
static bool takes_cookie(const struct arrival_look *b, const struct arrival_look *l,
                         const struct tcp_seg *seg, const struct arrival_answer *a)
{
    if (!b->cookies || seg->flags & TCP_SYN)
        return false;
    return l->exists ? l->iss + 1 == seg->ack && l->irs + 1 == seg->seq : a->n == 0;
}

/* First step: not acceptable, so nothing but an answer. */
static void check_unacceptable(const struct tcp_seg *seg, const struct arrival_answer *a)
{
    if (seg->flags & TCP_RST)
        ORACLE(arrival_window, a->n == 0, "%u answers to a RST outside the window", a->n);
    else if (tcp_seg_len(seg) > 0) /* those without text are answered up to a limit: RFC 5961 s7 */
        ORACLE(arrival_window, a->n >= 1, "no answer to what lies outside the window");
}

/* Second step, with RFC 5961 s3.2: only a RST at RCV.NXT itself counts. */
static void check_rst(const struct arrival_look *b, const struct arrival_look *l,
                      const struct tcp_seg *seg)
{
    const bool exact = seg->seq == b->rcv_nxt;
    const bool ignored = b->state == RS_TIME_WAIT && b->rfc1337;

    if (!exact || ignored)
        ORACLE(arrival_rst, l->exists && l->state == b->state,
               "RST %d octets from RCV.NXT: %s to %s", (int)(seg->seq - b->rcv_nxt),
               rs_state_name(b->state), rs_state_name(l->state));
    else
        ORACLE(arrival_rst, !l->exists, "RST at RCV.NXT leaves %s", rs_state_name(l->state));
    if (exact && b->state == RS_SYN_RECEIVED && b->passive && !b->child && !b->closing)
        ORACLE(arrival_rst, l->state == RS_LISTEN, "a passive OPEN does not go back to LISTEN");
}

/* Fifth step: SND.UNA follows the ACK, SND.WND the newest segment. */
static void check_ack(const struct arrival_look *b, const struct arrival_look *l,
                      const struct tcp_seg *seg)
{
    const uint32_t ahead = seg->ack - b->snd_una, most = b->snd_nxt - b->snd_una;
    const bool early = (int32_t)(seg->seq - b->rcv_nxt) < 0;
    const uint32_t seq = early ? b->rcv_nxt : seg->seq; /* the idealized segment */
    const int32_t newer = (int32_t)(seq - b->snd_wl1), newer_ack = (int32_t)(seg->ack - b->snd_wl2);

    if (!l->exists || ahead > most)
        return;
    ORACLE(arrival_ack, l->snd_una == seg->ack, "SND.UNA %u after ACK %u", l->snd_una, seg->ack);
    if (newer > 0 || (newer == 0 && newer_ack >= 0))
        ORACLE(arrival_wnd, l->snd_wnd == (uint32_t)seg->wnd << b->snd_wscale,
               "SND.WND %u after window %u", l->snd_wnd, seg->wnd);
    else
        ORACLE(arrival_wnd, l->snd_wnd == b->snd_wnd, "SND.WND from %u to %u by an older segment",
               b->snd_wnd, l->snd_wnd);
}

/* Seventh and eighth step: what is in order and in the window moves RCV.NXT. */
static void check_text(const struct arrival_look *b, const struct arrival_look *l,
                       const struct tcp_seg *seg)
{
    const uint32_t before = b->rcv_nxt - seg->seq; /* octets of it that came before */
    const bool fin = seg->flags & TCP_FIN;
    const uint32_t len = seg->text_len + (fin ? 1 : 0);

    /* A FIN below text that is held contradicts it: the RFC leaves open which to believe. */
    if ((int32_t)before < 0 || before >= len || b->fin_known || (fin && b->held) || !l->exists)
        return;
    const bool fits = len - before <= b->rcv_wnd;
    const uint32_t end = b->rcv_nxt + (fits ? len - before : b->rcv_wnd);
    ORACLE(arrival_text, (int32_t)(l->rcv_nxt - end) >= 0, "RCV.NXT from %u to %u, %u is due",
           b->rcv_nxt, l->rcv_nxt, end);
    if (fin && fits)
        ORACLE(arrival_fin,
               l->rcv_nxt == end && l->state != RS_ESTABLISHED && l->state != RS_FIN_WAIT_1 &&
                   l->state != RS_FIN_WAIT_2,
               "a FIN leaves %s with RCV.NXT %u, %u is due", rs_state_name(l->state), l->rcv_nxt,
               end);
}

static void check_synchronized(const struct arrival_look *b, const struct arrival_look *l,
                               const struct tcp_seg *seg, enum rs_reason reason,
                               const struct arrival_answer *a)
{
    const bool reopens = b->state == RS_TIME_WAIT && seg->flags & TCP_SYN;

    if (reopens || b->ts_on)
        return;
    if (!acceptable(b, seg)) {
        if (b->state >= RS_ESTABLISHED && b->rcv_wnd > 0)
            check_unacceptable(seg, a);
    } else if (seg->flags & TCP_RST) {
        check_rst(b, l, seg);
    } else if (seg->flags & TCP_SYN) { /* fourth step, RFC 5961 s4 */
        if (b->state >= RS_ESTABLISHED)
            ORACLE(arrival_syn, l->exists && l->state == b->state, "a SYN: %s to %s",
                   rs_state_name(b->state), rs_state_name(l->state));
    } else if (seg->flags & TCP_ACK && b->state >= RS_ESTABLISHED &&
               reason == RS_REASON_ACCEPTED) {
        check_ack(b, l, seg);
        if (b->state == RS_ESTABLISHED || b->state == RS_FIN_WAIT_1 || b->state == RS_FIN_WAIT_2)
            check_text(b, l, seg);
    }
}

void arrival_check(const struct arrival_look *b, const struct arrival_look *l,
                   const struct tcp_seg *seg, enum rs_reason reason, const struct arrival_answer *a)
{
    const bool bad_ack = b->state == RS_SYN_SENT && seg->flags & TCP_ACK &&
                         seg->ack - b->iss - 1 >= b->snd_nxt - b->iss;
    const bool ack_in_listen =
        b->state == RS_LISTEN && seg->flags & TCP_ACK && !(seg->flags & TCP_RST);

    if (b->starved && a->n == 0)
        return;
    if (ack_in_listen && takes_cookie(b, l, seg, a))
        return;
    if (b->state == RS_CLOSED || bad_ack || ack_in_listen)
        check_reset(seg, a);
    else if (b->state == RS_LISTEN && seg->flags & TCP_RST)
        ORACLE(arrival_rst, a->n == 0 && l->state == RS_LISTEN, "a RST in LISTEN: %u answers, %s",
               a->n, rs_state_name(l->state));
    else if (b->exists && b->state >= RS_SYN_RECEIVED)
        check_synchronized(b, l, seg, reason, a);
}
