/* SEGMENT ARRIVES in SYN-RECEIVED and the synchronized states: RFC 9293 section 3.10.7.4, in its
 * order, one function a step, with RFC 5961 and RFC 7323 where they bind in.
 *
 *   before   timestamps       sequence.c: check_timestamps, RFC 7323 section 5.3
 *   first    sequence number  sequence.c: check_sequence
 *   second   RST              check_rst
 *   third    security         none
 *   fourth   SYN              check_syn
 *   fifth    ACK              ack.c: check_ack, fin_acknowledged
 *   sixth    URG              text.c: take_urgent
 *   seventh  text             text.c: take_text_and_fin
 *   eighth   FIN              text.c: take_text_and_fin */
#include "refstack/steps.h"

/* A connection that came from a passive OPEN (MUST-11) goes back to LISTEN: the OPEN's own TCB
 * does, one that a listener made is dropped, the listener being still there. */
static void back_to_listen(struct rs_host *h, struct tcb *t)
{
    static const struct rs_endpoint any;
    struct rs_endpoint local = { .port = t->local.port };

    /* Nor does one come back that its user has closed. */
    if (t->child || t->closing) {
        tcb_flush(h, t);
        tcb_closed(h, t, 0);
        return;
    }
    tcb_flush(h, t);
    tcb_disarm_all(h, t);
    tcb_unready(h, t);
    /* What the OPEN left open is open again, so that another peer may call. */
    if (!t->any_local)
        local.addr = t->local.addr;
    const struct rs_endpoint remote = t->any_remote ? any : t->remote;
    tcb_rehash(h, t, &local, &remote);
    /* Nothing of the peer that failed may show in the next connection: not its FIN, nor an ACK owed
     * to it, nor its round trips, nor what its path was like. */
    t->fin_known = t->ack_now = t->syn_due = t->rtt_timing = t->rtt_valid = false;
    t->dsack_due = t->ecn_echo = false;
    t->soft_error = 0;
    if (!BUG(PATH_OF_ANOTHER))
        pmtu_forget(h, t);
    tcb_set_state(h, t, RS_LISTEN);
}

/* Second: RST, with RFC 5961 section 3.2: by the number it came with, before anything is
 * trimmed, or text would widen an attacker's aim; the text itself is no reason to refuse it
 * (SHLD-2).  The user hears RS_ERESET or RS_EREFUSED, which no FIN gives (MUST-12). */
static enum rs_reason check_rst(struct rs_host *h, struct tcb *t, const struct tcp_seg *seg)
{
    if (!(seg->flags & TCP_RST) || (BUG(RST_WITH_TEXT_IGNORED) && seg->text_len > 0))
        return GO_ON;
    if (seg->seq != rcv_nxt(t) && !BUG(RST_ANYWHERE_IN_WINDOW)) {
        /* Inside the window and not at RCV.NXT: a true peer answers the challenge with a RST at
         * exactly that number, and whoever guessed (CVE-2004-0230) does not hear the challenge.  A
         * window of 64 KiB takes 65,536 guesses to hit and 2^32 to reset. */
        if (!seq_in(seg->seq, rcv_nxt(t), rcv_wnd(t)))
            return RS_REASON_RST_NOT_ACCEPTABLE;
        challenge_ack(h, t);
        return RS_REASON_RST_CHALLENGED;
    }
    switch (t->state) {
    /* The passive end's user has not heard of the connection and does not of its end (U-19); the
     * active one's OPEN was refused. */
    case RS_SYN_RECEIVED:
        if (t->passive && !BUG(PASSIVE_FORGOTTEN)) {
            back_to_listen(h, t);
        } else {
            tcb_flush(h, t);
            tcb_closed(h, t, RS_EREFUSED);
        }
        return RS_REASON_RESET;
    /* An old duplicate of text that arrives here is acknowledged; a peer that has forgotten the
     * connection answers that with a RST.  Taken, it ends TIME-WAIT early and lets old segments
     * into the next connection (RFC 1337 section 2, hazards H1 to H3).  RFC 9293 takes it
     * nevertheless (U-21), so that the fix is a setting. */
    case RS_TIME_WAIT:
        if (t->cfg->rfc1337 && !BUG(TIME_WAIT_KILLED)) /* RFC 1337 section 3, fix F1 */
            return RS_REASON_RST_IN_TIME_WAIT;
        tcb_closed(h, t, 0);
        return RS_REASON_RESET;
    /* Both directions are closed and the user has everything: no error is left to tell. */
    case RS_CLOSING:
    case RS_LAST_ACK:
        if (BUG(CLOSING_DEAF_TO_RST))
            return RS_REASON_RST_NOT_ACCEPTABLE;
        tcb_closed(h, t, 0);
        return RS_REASON_RESET;
    default: /* ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT */
        tcb_flush(h, t);
        tcb_closed(h, t, BUG(RESET_AS_CLOSE) ? 0 : RS_ERESET);
        return RS_REASON_RESET;
    }
}

/* Third, security: none.  Fourth: SYN, with RFC 5961 section 4.2.  RFC 793 reset the connection for
 * a SYN in the window, which made a SYN as good as a RST for an attacker.  Now only SYN-RECEIVED
 * from a passive OPEN goes back (U-22), the others answer and stay (U-23): a peer that did restart
 * refuses that ACK by a RST that counts (Figure 9). */
static enum rs_reason check_syn(struct rs_host *h, struct tcb *t, const struct tcp_seg *seg)
{
    if (!(seg->flags & TCP_SYN))
        return GO_ON;
    /* One before the window is the first SYN again, whatever came with it. */
    if (t->state == RS_SYN_RECEIVED && t->passive && seq_in(seg->seq, rcv_nxt(t), rcv_wnd(t)) &&
        !BUG(SYN_RECEIVED_CHALLENGES)) {
        back_to_listen(h, t);
        return RS_REASON_RESET;
    }
    if (BUG(SYN_RESETS)) {
        tcb_flush(h, t);
        tcb_closed(h, t, RS_ERESET);
        return RS_REASON_RESET;
    }
    challenge_ack(h, t);
    return RS_REASON_SYN_CHALLENGED;
}

/* RFC 9293 section 3.6.1 (MAY-2) and RFC 6191 (SHLD-4): a SYN that cannot be an old duplicate ends
 * TIME-WAIT in favour of a new connection on a listener.  With timestamps in both connections a
 * newer TSval is proof whatever the number, and an older one refuses a higher number (RFC 6191
 * section 2): the clock runs on between incarnations of a host where a random ISN may fall
 * anywhere.  Without, the number must lie above all that the old one used, RCV.NXT being one past
 * its FIN. */
static bool newer_incarnation(const struct tcb *t, const struct tcp_seg *seg,
                              const struct tcp_opts *o)
{
    const bool higher = seq_gt(seg->seq, rcv_nxt(t));

    if (BUG(TIME_WAIT_ANY_SYN))
        return true;
    if (t->ts_on && o->has_ts && !BUG(TIME_WAIT_NO_TIMESTAMP))
        return seq_gt(o->ts_val, t->ts_recent) || (o->ts_val == t->ts_recent && higher);
    return higher;
}

/* The order is the RFC's, and binds: a segment is judged by its timestamp, its number, RST and SYN
 * before anything of it is used, so that a refused one leaves no trace but the ACK it may be owed
 * (netsem found the BSD of its day to update rcv_wnd before). */
enum rs_reason arrives_synchronized(struct rs_host *h, struct tcb *t, const struct datagram *ip,
                                    struct tcp_seg *seg, const struct tcp_opts *o)
{
    /* SEG.UP counts from the number on the wire, not from what is left after trimming. */
    const uint32_t urgent = seg->seq + seg->up;
    enum rs_reason reason;

    /* Before the sequence test, which the SYN of a new incarnation need not pass. */
    if (t->state == RS_TIME_WAIT && (seg->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN &&
        newer_incarnation(t, seg, o) && reopen_time_wait(h, t, ip, seg, o))
        return RS_REASON_ACCEPTED;
    if ((reason = check_timestamps(h, t, seg, o)) != GO_ON ||
        (reason = check_sequence(h, t, seg)) != GO_ON)
        return reason;
    /* The peer lives, whatever the segment says further on: this is what keep-alives ask for
     * (MUST-26).  A RST that is challenged counts too; it was in the window. */
    t->last_heard = h->now;
    t->keepalives_sent = 0;
    if (o->has_user_timeout)
        t->peer_uto = o->user_timeout;
    note_ts_recent(h, t, seg, o);
    if ((reason = check_rst(h, t, seg)) != GO_ON || (reason = check_syn(h, t, seg)) != GO_ON)
        return reason;
    segment_trim(t, seg);
    if ((reason = check_ack(h, t, ip, seg, o)) != GO_ON)
        return reason;
    if (!fin_acknowledged(h, t))
        return RS_REASON_ACCEPTED;
    /* Only now is the segment known to be the peer's: a CE mark on a forged one is no
     * congestion. */
    ecn_on_segment(t, seg, ip);
    /* Text that waited for the handshake may have moved RCV.NXT. */
    segment_trim(t, seg);
    take_urgent(h, t, seg, urgent);
    return take_text_and_fin(h, t, seg);
}
