/* Names of the enumerations, as the RFCs and the reports write them. */
#include <string.h>

#include "refstack/refstack.h"

bool rs_addr_eq(const struct rs_addr *a, const struct rs_addr *b)
{
    /* Lengths that a compiler knows: this is asked several times a segment. */
    return a->version == b->version && (a->version == 4 ? memcmp(a->octet, b->octet, 4) == 0
                                                        : memcmp(a->octet, b->octet, 16) == 0);
}

const char *rs_state_name(enum rs_state state)
{
    static const char *const name[RS_N_STATES] = {
        [RS_CLOSED] = "CLOSED",
        [RS_LISTEN] = "LISTEN",
        [RS_SYN_SENT] = "SYN-SENT",
        [RS_SYN_RECEIVED] = "SYN-RECEIVED",
        [RS_ESTABLISHED] = "ESTABLISHED",
        [RS_FIN_WAIT_1] = "FIN-WAIT-1",
        [RS_FIN_WAIT_2] = "FIN-WAIT-2",
        [RS_CLOSE_WAIT] = "CLOSE-WAIT",
        [RS_CLOSING] = "CLOSING",
        [RS_LAST_ACK] = "LAST-ACK",
        [RS_TIME_WAIT] = "TIME-WAIT",
    };
    return (unsigned)state < RS_N_STATES ? name[state] : "?";
}

const char *rs_error_name(int error)
{
    static const char *const name[] = {
        [0] = "none",
        [-RS_EAGAIN] = "nothing now",
        [-RS_ENOCONN] = "connection does not exist",
        [-RS_EEXIST] = "connection already exists",
        [-RS_ENORES] = "insufficient resources",
        [-RS_EINVAL] = "invalid argument",
        [-RS_ECLOSING] = "connection closing",
        [-RS_ERESET] = "connection reset",
        [-RS_EREFUSED] = "connection refused",
        [-RS_ETIMEOUT] = "connection aborted due to user timeout",
        [-RS_EUNREACH] = "destination unreachable",
        [-RS_EABORTED] = "connection aborted",
        [-RS_ENOTCONN] = "not connected",
    };
    const int at = -error;
    return at >= 0 && at < (int)(sizeof name / sizeof name[0]) ? name[at] : "?";
}

const char *rs_reason_text(enum rs_reason reason)
{
    static const char *const text[RS_N_REASONS] = {
#define REASON_TEXT(name, string) [RS_REASON_##name] = string,
        RS_REASONS(REASON_TEXT)
#undef REASON_TEXT
    };
    return (unsigned)reason < RS_N_REASONS ? text[reason] : "?";
}

const char *rs_timer_name(enum rs_timer timer)
{
    static const char *const name[RS_N_TIMERS] = {
        [RS_TIMER_RETRANSMIT] = "retransmission",
        [RS_TIMER_REORDER] = "reordering",
        [RS_TIMER_PROBE] = "tail loss probe",
        [RS_TIMER_PERSIST] = "persist",
        [RS_TIMER_DELAYED_ACK] = "delayed ACK",
        [RS_TIMER_KEEPALIVE] = "keep-alive",
        [RS_TIMER_TIME_WAIT] = "time-wait",
        [RS_TIMER_FIN_WAIT_2] = "FIN-WAIT-2",
        [RS_TIMER_USER] = "user timeout",
    };
    return (unsigned)timer < RS_N_TIMERS ? name[timer] : "?";
}
