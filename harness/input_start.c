/* The starts: the shortest way to each state through segments and calls, as any input could take.
 *
 * Connection 0 is the one under test; the peer acknowledges and numbers as it should. */
#include "harness/input.h"

#include "harness/input_code.h"
#include "refstack/wire.h"

#define SEGMENT(arg, flags) CODE_SEGMENT | (arg) << 3, (flags)
#define USER(op) CODE_USER | (op) << 3
#define NUM(base, class) (base) << 4 | (class)
#define U16(v) (v) >> 8, (v) & 255

#define SYN SEGMENT(SEG_SEQ, TCP_SYN), NUM(SC_IRS, 0)
#define SYN_ACK SEGMENT(SEG_SEQ, TCP_SYN | TCP_ACK), NUM(SC_IRS, 0)
#define ACK SEGMENT(0, TCP_ACK)
#define FIN SEGMENT(0, TCP_FIN | TCP_ACK)
/* The peer's FIN crosses ours: it acknowledges all but the FIN. */
#define FIN_CROSSED SEGMENT(SEG_ACK, TCP_FIN | TCP_ACK), NUM(SC_SND_NXT, 2)
#define SYN_ACK_OPTIONS                                                                            \
    SEGMENT(SEG_SEQ | SEG_MORE, TCP_SYN | TCP_ACK), NUM(SC_IRS, 0), MORE_OPTIONS, 5, CODE_OPT_MSS, \
        U16(1460), CODE_OPT_SACK_PERMITTED, CODE_OPT_TIMESTAMPS, NUM(SC_ABS, OFFSET_U16),          \
        U16(4096), NUM(SC_TS_LAST, 0), CODE_OPT_NOP, CODE_OPT_WSCALE, 7
#define ZERO_WINDOW SEGMENT(SEG_WND, TCP_ACK), U16(0)
#define TEXT_ABOVE_HOLE                                                                            \
    SEGMENT(SEG_SEQ | SEG_TEXT, TCP_ACK), NUM(SC_RCV_NXT, OFFSET_U8), 100, U16(100)
#define ESTABLISHED USER(SC_OPEN_ACTIVE), SYN_ACK

static const uint8_t s_closed[] = { 0 }; /* no events: its length is given as 0 */
static const uint8_t s_listen[] = { USER(SC_OPEN_PASSIVE) };
static const uint8_t s_syn_sent[] = { USER(SC_OPEN_ACTIVE) };
static const uint8_t s_syn_received[] = { USER(SC_OPEN_PASSIVE), SYN };
static const uint8_t s_syn_received_crossed[] = { USER(SC_OPEN_ACTIVE), SYN };
static const uint8_t s_established[] = { ESTABLISHED };
static const uint8_t s_established_passive[] = { USER(SC_OPEN_PASSIVE), SYN, ACK };
static const uint8_t s_established_options[] = { USER(SC_OPEN_ACTIVE), SYN_ACK_OPTIONS };
static const uint8_t s_in_flight[] = { ESTABLISHED, USER(SC_SEND), U16(1200) };
static const uint8_t s_zero_window[] = { ESTABLISHED, ZERO_WINDOW, USER(SC_SEND), U16(2000) };
static const uint8_t s_hole[] = { ESTABLISHED, TEXT_ABOVE_HOLE };
static const uint8_t s_fin_wait_1[] = { ESTABLISHED, USER(SC_CLOSE) };
static const uint8_t s_fin_wait_2[] = { ESTABLISHED, USER(SC_CLOSE), ACK };
static const uint8_t s_close_wait[] = { ESTABLISHED, FIN };
static const uint8_t s_closing[] = { ESTABLISHED, USER(SC_CLOSE), FIN_CROSSED };
static const uint8_t s_last_ack[] = { ESTABLISHED, FIN, USER(SC_CLOSE) };
static const uint8_t s_time_wait[] = { ESTABLISHED, USER(SC_CLOSE), ACK, FIN };
static const uint8_t s_accepted[] = { USER(SC_LISTEN), SYN, ACK, USER(SC_ACCEPT) };

#define START(octets) { octets, sizeof(octets) }
static const struct {
    const uint8_t *octets;
    size_t len;
} start[INPUT_N_STARTS] = {
    [INPUT_START_CLOSED] = { s_closed, 0 },
    [INPUT_START_LISTEN] = START(s_listen),
    [INPUT_START_SYN_SENT] = START(s_syn_sent),
    [INPUT_START_SYN_RECEIVED] = START(s_syn_received),
    [INPUT_START_SYN_RECEIVED_CROSSED] = START(s_syn_received_crossed),
    [INPUT_START_ESTABLISHED] = START(s_established),
    [INPUT_START_ESTABLISHED_PASSIVE] = START(s_established_passive),
    [INPUT_START_ESTABLISHED_OPTIONS] = START(s_established_options),
    [INPUT_START_ESTABLISHED_IN_FLIGHT] = START(s_in_flight),
    [INPUT_START_ESTABLISHED_ZERO_WINDOW] = START(s_zero_window),
    [INPUT_START_ESTABLISHED_HOLE] = START(s_hole),
    [INPUT_START_FIN_WAIT_1] = START(s_fin_wait_1),
    [INPUT_START_FIN_WAIT_2] = START(s_fin_wait_2),
    [INPUT_START_CLOSE_WAIT] = START(s_close_wait),
    [INPUT_START_CLOSING] = START(s_closing),
    [INPUT_START_LAST_ACK] = START(s_last_ack),
    [INPUT_START_TIME_WAIT] = START(s_time_wait),
    [INPUT_START_ACCEPTED] = START(s_accepted),
};

const uint8_t *input_start_octets(enum input_start which, size_t *len)
{
    *len = start[which].len;
    return start[which].octets;
}

const char *input_start_name(enum input_start which)
{
    static const char *const name[INPUT_N_STARTS] = {
#define START_NAME(id, text) text,
        INPUT_STARTS(START_NAME)
#undef START_NAME
    };
    return name[which];
}

uint64_t input_wait_us(enum input_wait wait)
{
    static const uint64_t us[INPUT_N_WAITS] = {
#define WAIT_US(name, n) n,
        INPUT_WAITS(WAIT_US)
#undef WAIT_US
    };
    return us[wait];
}
