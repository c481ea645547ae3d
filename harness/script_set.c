/* Settings of a live connection: any value becomes one that the setting can have. */
#include "harness/script.h"

enum { LONGEST_DELAY = 500 /* ms, MUST-40 */, LARGEST_BUFFER = 8192 };

void sc_set(struct rs_tcp_config *t, enum sc_setting setting, uint32_t value)
{
    switch (setting) {
    case SC_SET_NAGLE: t->nagle = value & 1; break;
    case SC_SET_DELAYED_ACK: t->delayed_ack = value % LONGEST_DELAY * RS_MSEC; break;
    case SC_SET_KEEPALIVE: t->keepalive = value & 1; break;
    case SC_SET_USER_TIMEOUT: t->user_timeout = value * RS_SEC; break;
    case SC_SET_RCV_BUF: t->rcv_buf = 1u + value % LARGEST_BUFFER; break;
    case SC_SET_SND_BUF: t->snd_buf = 1u + value % LARGEST_BUFFER; break;
    case SC_SET_MSS: t->mss = (uint16_t)value; break;
    case SC_SET_CHALLENGE_ACKS: t->challenge_acks = value; break;
    case SC_N_SETTINGS: break;
    }
}
