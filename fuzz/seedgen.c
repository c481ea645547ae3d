/* Writes the seeds: for each target a folder of inputs, named by what happens in them.
 *
 *     seedgen DIR
 *
 * Valid sessions first: an engine that starts from them need not discover the handshake.  Then the
 * matrix: each start with each segment that RFC 9293 section 3.10.7 tells apart. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz/pair_wire.h"
#include "harness/input.h"
#include "harness/input_code.h"
#include "refstack/wire.h"

enum { MAX_SEED = 512 };

static const char *root;
static unsigned n_written;

static _Noreturn void fail(const char *path)
{
    fprintf(stderr, "seedgen: cannot write %s: %s\n", path, strerror(errno));
    exit(2);
}

static void folder(const char *target)
{
    char path[512];

    snprintf(path, sizeof path, "%s/%s", root, target);
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        fail(path);
}

static void write_seed(const char *target, const char *name, const uint8_t *p, size_t n)
{
    char path[512];

    snprintf(path, sizeof path, "%s/%s/%s", root, target, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(p, 1, n, f) != n || fclose(f) != 0)
        fail(path);
    n_written++;
}

/* ---- Events as octets ------------------------------------------------------------------- */

#define SEGMENT(arg, flags) CODE_SEGMENT | (arg) << 3, (flags)
#define USER(op) CODE_USER | (op) << 3
#define BY_B(op) CODE_USER | ((op) | USER_CONN) << 3, CONN_ACTOR_B
#define NUM(base, class) (base) << 4 | (class)
#define U16(v) (v) >> 8 & 255, (v) & 255
#define WAIT(name) CODE_WAIT | INPUT_WAIT_##name << 3
#define SEND(n) USER(SC_SEND), U16(n)
#define RECEIVE(n) USER(SC_RECEIVE), U16(n)
#define ACK SEGMENT(0, TCP_ACK)
#define FIN SEGMENT(0, TCP_FIN | TCP_ACK)
#define TEXT(n) SEGMENT(SEG_TEXT, TCP_ACK | TCP_PSH), U16(n)
#define TEXT_AT(class, n) SEGMENT(SEG_SEQ | SEG_TEXT, TCP_ACK), NUM(SC_RCV_NXT, class), U16(n)
#define ACK_AT(base, class) SEGMENT(SEG_ACK, TCP_ACK), NUM(base, class)
#define WINDOW(n) SEGMENT(SEG_WND, TCP_ACK), U16(n)
#define SYN_AT(class) SEGMENT(SEG_SEQ, TCP_SYN), NUM(SC_IRS, class)
#define RST_AT(base, class) SEGMENT(SEG_SEQ, TCP_RST), NUM(base, class)
#define SACK_UP_TO_NXT                                                                             \
    SEGMENT(SEG_ACK | SEG_MORE, TCP_ACK), NUM(SC_SND_UNA, 0), MORE_OPTIONS, 1,                     \
        CODE_OPT_SACK | 1 << 4, NUM(SC_SND_UNA, 5), NUM(SC_SND_NXT, 0)
#define TIMESTAMPED(val_class)                                                                     \
    SEGMENT(SEG_MORE | SEG_TEXT, TCP_ACK), MORE_OPTIONS, 1, CODE_OPT_TIMESTAMPS,                   \
        NUM(SC_TS_RECENT, val_class), NUM(SC_TS_LAST, 0), U16(10)
#define UNREACHABLE(code) CODE_ICMP, ICMP_UNREACHABLE, (code)
#define FRAG_NEEDED(mtu) CODE_ICMP | ICMP_MTU << 3, ICMP_UNREACHABLE, ICMP_FRAG_NEEDED, U16(mtu)

/* ---- fuzz_conn -------------------------------------------------------------------------- */

#define SESSION(name, start, config, ...)                                                          \
    {                                                                                              \
        name, start, config, sizeof((const uint8_t[]){ __VA_ARGS__ }),                             \
        (const uint8_t[]){ __VA_ARGS__ }                                                           \
    }
enum { ALL = INPUT_TIMESTAMPS | INPUT_SACK | INPUT_WINDOW_SCALE };
enum { LET_GO = INPUT_RELEASE };

static const struct session {
    const char *name;
    int start;
    int config;
    size_t len;
    const uint8_t *octets;
} session[] = {
    SESSION("session-send-acknowledged-close", INPUT_START_ESTABLISHED | LET_GO, 0, SEND(1000), ACK,
            SEND(2000), ACK, USER(SC_CLOSE), ACK, FIN, WAIT(2MSL)),
    SESSION("session-receive-and-close-last", INPUT_START_ESTABLISHED_PASSIVE | LET_GO, 0,
            TEXT(100), RECEIVE(50), TEXT(1000), RECEIVE(4000), FIN, RECEIVE(10), SEND(500), ACK,
            USER(SC_CLOSE), ACK),
    SESSION("session-both-ways-with-options", INPUT_START_ESTABLISHED_OPTIONS, ALL, SEND(700),
            TIMESTAMPED(1), SEND(700), TIMESTAMPED(1), RECEIVE(2000), USER(SC_CLOSE),
            TIMESTAMPED(1)),
    SESSION("session-accepted-by-a-listener", INPUT_START_ACCEPTED, 0,
            CODE_USER | (SC_SEND | USER_CONN) << 3, 1, U16(300), ACK, TEXT(40),
            CODE_USER | (SC_RECEIVE | USER_CONN) << 3, 1, U16(100),
            CODE_USER | (SC_CLOSE | USER_CONN) << 3, 1, ACK, FIN),
    SESSION("session-half-close-text-after-fin-wait-2", INPUT_START_FIN_WAIT_2, 0, TEXT(500),
            TEXT(500), RECEIVE(2000), FIN, WAIT(2MSL)),
    SESSION("session-urgent-both-ways", INPUT_START_ESTABLISHED, 0, USER(SC_SEND_URGENT), U16(10),
            ACK, SEGMENT(SEG_MORE | SEG_TEXT, TCP_ACK | TCP_URG), MORE_UP, U16(5), U16(20),
            USER(SC_STATUS), RECEIVE(100)),
    SESSION("lost-syn-is-sent-again", INPUT_START_SYN_SENT, 0, WAIT(DEADLINE), WAIT(DEADLINE),
            WAIT(DEADLINE)),
    SESSION("lost-syn-for-ever", INPUT_START_SYN_SENT, 0, WAIT(2MSL)),
    SESSION("lost-syn-ack-is-sent-again", INPUT_START_SYN_RECEIVED, 0, WAIT(DEADLINE), ACK),
    SESSION("lost-text-is-sent-again", INPUT_START_ESTABLISHED_IN_FLIGHT, 0, WAIT(DEADLINE),
            WAIT(DEADLINE), ACK, SEND(100), ACK),
    SESSION("three-duplicate-acks", INPUT_START_ESTABLISHED_IN_FLIGHT, INPUT_NO_NAGLE, SEND(2000),
            ACK_AT(SC_SND_UNA, 0), ACK_AT(SC_SND_UNA, 0), ACK_AT(SC_SND_UNA, 0),
            ACK_AT(SC_SND_UNA, 5), ACK),
    SESSION("sack-of-a-later-segment", INPUT_START_ESTABLISHED_OPTIONS, ALL, SEND(2000),
            SACK_UP_TO_NXT, SACK_UP_TO_NXT, WAIT(DEADLINE), ACK),
    SESSION("hole-filled-from-the-left", INPUT_START_ESTABLISHED_HOLE, INPUT_SACK, TEXT_AT(0, 100),
            RECEIVE(1000)),
    SESSION("holes-filled-out-of-order", INPUT_START_ESTABLISHED, INPUT_SACK, TEXT_AT(5, 100),
            SEGMENT(SEG_SEQ | SEG_TEXT, TCP_ACK), NUM(SC_RCV_NXT, OFFSET_U16), U16(300), U16(100),
            TEXT_AT(0, 400), TEXT_AT(0, 400), RECEIVE(2000)),
    SESSION("fin-above-a-hole", INPUT_START_ESTABLISHED_HOLE, 0, FIN, TEXT_AT(0, 100),
            RECEIVE(500)),
    SESSION("window-closes-and-opens", INPUT_START_ESTABLISHED, 0, TEXT(1024), TEXT(1024), TEXT(10),
            RECEIVE(2048), TEXT(10)),
    SESSION("zero-window-probed-and-opened", INPUT_START_ESTABLISHED_ZERO_WINDOW, 0, WAIT(DEADLINE),
            WINDOW(0), WAIT(DEADLINE), WINDOW(2000), ACK),
    SESSION("zero-window-for-ever", INPUT_START_ESTABLISHED_ZERO_WINDOW | LET_GO, 0, WAIT(60S)),
    SESSION("small-window-silly", INPUT_START_ESTABLISHED, 0, WINDOW(10), SEND(2000),
            WAIT(DEADLINE), ACK, WINDOW(11), ACK),
    SESSION("nagle-holds-small-text", INPUT_START_ESTABLISHED, 0, SEND(10), SEND(10), SEND(10), ACK,
            ACK),
    SESSION("delayed-ack-fires", INPUT_START_ESTABLISHED, 0, TEXT(10), WAIT(DEADLINE), TEXT(10)),
    SESSION("keep-alive-unanswered", INPUT_START_ESTABLISHED, INPUT_KEEPALIVE, WAIT(2H),
            WAIT(DEADLINE), WAIT(2H)),
    SESSION("keep-alive-answered", INPUT_START_ESTABLISHED, INPUT_KEEPALIVE, WAIT(2H), ACK,
            WAIT(2H), ACK),
    SESSION("user-timeout-ends-it", INPUT_START_ESTABLISHED_IN_FLIGHT, INPUT_USER_TIMEOUT,
            WAIT(60S)),
    SESSION("last-ack-resends-its-fin", INPUT_START_LAST_ACK, 0, WAIT(DEADLINE), WAIT(DEADLINE),
            ACK),
    SESSION("time-wait-answers-a-fin", INPUT_START_TIME_WAIT, 0, WAIT(MSL),
            SEGMENT(SEG_SEQ, TCP_FIN | TCP_ACK), NUM(SC_RCV_NXT, 2), WAIT(MSL), WAIT(PAST_2MSL)),
    SESSION("time-wait-reopened-by-a-newer-syn", INPUT_START_TIME_WAIT, 0,
            CODE_USER | (SC_LISTEN | USER_CONN) << 3, 4, SYN_AT(5), ACK),
    SESSION("simultaneous-open-completes", INPUT_START_SYN_RECEIVED_CROSSED, 0,
            SEGMENT(SEG_SEQ, TCP_SYN | TCP_ACK), NUM(SC_IRS, 0), TEXT(10), RECEIVE(10)),
    SESSION("simultaneous-close-completes", INPUT_START_CLOSING | LET_GO, 0, ACK, WAIT(2MSL)),
    SESSION("syn-with-text-and-fin", INPUT_START_LISTEN, 0,
            SEGMENT(SEG_SEQ | SEG_TEXT, TCP_SYN | TCP_FIN), NUM(SC_IRS, 0), U16(100), ACK,
            RECEIVE(200)),
    SESSION("old-duplicate-syn-is-reset", INPUT_START_LISTEN, 0, SYN_AT(6), RST_AT(SC_RCV_NXT, 0),
            SYN_AT(0), ACK),
    SESSION("paws-drops-an-old-timestamp", INPUT_START_ESTABLISHED_OPTIONS, ALL, TIMESTAMPED(1),
            TIMESTAMPED(2), WAIT(24_DAYS), TIMESTAMPED(2)),
    SESSION("icmp-lowers-the-path-mtu", INPUT_START_ESTABLISHED_IN_FLIGHT, 0, FRAG_NEEDED(576),
            WAIT(DEADLINE), FRAG_NEEDED(40), ACK),
    SESSION("icmp-port-unreachable-while-opening", INPUT_START_SYN_SENT, 0,
            UNREACHABLE(ICMP_PORT_UNREACHABLE)),
    SESSION("icmp-unreachable-is-a-soft-error", INPUT_START_ESTABLISHED_IN_FLIGHT, 0,
            UNREACHABLE(1), USER(SC_STATUS), ACK),
    SESSION("settings-change-while-running", INPUT_START_ESTABLISHED, 0,
            CODE_SET | SC_SET_RCV_BUF << 3, U16(4096), CODE_SET | SC_SET_SND_BUF << 3,
            U16(4096), CODE_SET | SC_SET_KEEPALIVE << 3, U16(1), SEND(4000), ACK, TEXT(1000)),
    SESSION("four-connections-at-once", INPUT_START_ESTABLISHED, 0,
            CODE_USER | (SC_OPEN_ACTIVE | USER_CONN) << 3, 1,
            CODE_USER | (SC_OPEN_PASSIVE | USER_CONN) << 3, 2,
            CODE_USER | (SC_LISTEN | USER_CONN) << 3, 3, SEND(100), ACK, USER(SC_ABORT)),
};

/* What arrives in every state: each field at the edges that the RFC's steps turn on. */
static const struct session arrival[] = {
    SESSION("syn", 0, 0, SYN_AT(0)),
    SESSION("syn-ack", 0, 0, SEGMENT(SEG_SEQ, TCP_SYN | TCP_ACK), NUM(SC_IRS, 0)),
    SESSION("syn-in-window", 0, 0, SEGMENT(SEG_SEQ, TCP_SYN), NUM(SC_RCV_NXT, 1)),
    SESSION("rst-exact", 0, 0, RST_AT(SC_RCV_NXT, 0)),
    SESSION("rst-in-window", 0, 0, RST_AT(SC_RCV_NXT, 1)),
    SESSION("rst-before-window", 0, 0, RST_AT(SC_RCV_NXT, 2)),
    SESSION("rst-at-edge", 0, 0, RST_AT(SC_RCV_EDGE, 0)),
    SESSION("rst-ack", 0, 0, SEGMENT(0, TCP_RST | TCP_ACK)),
    SESSION("ack", 0, 0, ACK),
    SESSION("ack-too-old", 0, 0, ACK_AT(SC_SND_UNA, OFFSET_MINUS_U16), U16(65000)),
    SESSION("ack-one-old", 0, 0, ACK_AT(SC_SND_UNA, 2)),
    SESSION("ack-too-new", 0, 0, ACK_AT(SC_SND_NXT, 1)),
    SESSION("ack-half-way-round", 0, 0, ACK_AT(SC_SND_NXT, 6)),
    SESSION("no-ack-bit", 0, 0, SEGMENT(SEG_TEXT, 0), U16(10)),
    SESSION("text", 0, 0, TEXT(100)),
    SESSION("text-over-the-left-edge", 0, 0, TEXT_AT(2, 100)),
    SESSION("text-over-the-right-edge", 0, 0, TEXT(2049)),
    SESSION("text-beyond-the-window", 0, 0, SEGMENT(SEG_SEQ | SEG_TEXT, TCP_ACK),
            NUM(SC_RCV_EDGE, 0), U16(10)),
    SESSION("urgent", 0, 0, SEGMENT(SEG_MORE | SEG_TEXT, TCP_ACK | TCP_URG), MORE_UP, U16(3),
            U16(10)),
    SESSION("fin", 0, 0, FIN),
    SESSION("fin-crossing", 0, 0, SEGMENT(SEG_ACK, TCP_FIN | TCP_ACK), NUM(SC_SND_NXT, 2)),
    SESSION("fin-with-text", 0, 0, SEGMENT(SEG_TEXT, TCP_FIN | TCP_ACK), U16(10)),
    SESSION("bad-checksum", 0, 0, SEGMENT(SEG_MORE | SEG_TEXT, TCP_ACK), MORE_CSUM, U16(1),
            U16(10)),
    SESSION("option-of-length-0", 0, 0, SEGMENT(SEG_MORE, TCP_ACK), MORE_OPTIONS, 1, CODE_OPT_RAW,
            4, OPT_MSS, 0, 5, 180),
    SESSION("option-that-overruns", 0, 0, SEGMENT(SEG_MORE, TCP_ACK), MORE_OPTIONS, 1, CODE_OPT_RAW,
            4, OPT_NOP, OPT_NOP, OPT_TIMESTAMPS, 10),
    SESSION("cut-in-the-header", 0, 0, SEGMENT(SEG_MORE, TCP_ACK), MORE_CUT, U16(19)),
    SESSION("lying-data-offset", 0, 0, SEGMENT(SEG_MORE | SEG_TEXT, TCP_ACK), MORE_DOFF, 15,
            U16(8)),
};

static void write_session(const char *name, int start, const struct session *s, const uint8_t *tail,
                          size_t tail_len)
{
    uint8_t in[MAX_SEED], out[MAX_SEED];
    size_t n = INPUT_HEADER + s->len;

    in[0] = (uint8_t)start;
    in[1] = (uint8_t)s->config;
    memcpy(in + INPUT_HEADER, s->octets, s->len);
    memcpy(in + n, tail, tail_len);
    n = input_canonical(in, n + tail_len, out, sizeof out);
    write_seed("fuzz_conn", name, out, n);
}

/* The sessions over IPv6, in fragments, and both, in turn. */
static void manner_seeds(const uint8_t *nothing)
{
    static const struct {
        const char *name;
        int bits;
    } manner[] = { { "over-ipv6", INPUT_IP6 },
                   { "in-fragments", INPUT_FRAGMENTS },
                   { "in-fragments-over-ipv6", INPUT_FRAGMENTS | INPUT_IP6 } };

    for (size_t i = 0; i < sizeof session / sizeof session[0]; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s-%s", session[i].name, manner[i % 3].name);
        write_session(name, session[i].start | manner[i % 3].bits, &session[i], nothing, 0);
    }
}

static void conn_seeds(void)
{
    static const uint8_t nothing[1];
    static const uint8_t later[] = { WAIT(DEADLINE) };

    folder("fuzz_conn");
    for (size_t i = 0; i < sizeof session / sizeof session[0]; i++)
        write_session(session[i].name, session[i].start, &session[i], nothing, 0);
    manner_seeds(nothing);
    for (int start = 0; start < INPUT_N_STARTS; start++)
        for (size_t i = 0; i < sizeof arrival / sizeof arrival[0]; i++) {
            char name[128];
            snprintf(name, sizeof name, "%s-in-%s", arrival[i].name,
                     input_start_name((enum input_start)start));
            write_session(name, start, &arrival[i], later, sizeof later);
        }
}

/* ---- fuzz_pair -------------------------------------------------------------------------- */

#define FAULT(action, who, class, nth) CODE_FAULT | ((action) | (who)) << 3, (class), (nth)
#define B_SEND(n) BY_B(SC_SEND), U16(n)
#define B_RECEIVE(n) BY_B(SC_RECEIVE), U16(n)
#define OPENED BY_B(SC_OPEN_PASSIVE), USER(SC_OPEN_ACTIVE)

static const struct session pair[] = {
    SESSION("transfer-both-ways-and-close", LET_GO, 0, OPENED, SEND(2000), B_RECEIVE(4096),
            SEND(2000), B_RECEIVE(4096), B_SEND(2000), RECEIVE(4096), USER(SC_CLOSE), B_SEND(100),
            RECEIVE(200), BY_B(SC_CLOSE), WAIT(2MSL)),
    SESSION("listener-accepts", LET_GO, ALL, BY_B(SC_LISTEN), USER(SC_OPEN_ACTIVE),
            BY_B(SC_ACCEPT), B_SEND(1000), RECEIVE(2000), BY_B(SC_CLOSE), USER(SC_CLOSE)),
    SESSION("simultaneous-open", LET_GO, 0, FAULT(SC_DELAY, FAULT_OUT, SC_C_SYN, 1), 0, 0, 39, 16,
            USER(SC_OPEN_ACTIVE), BY_B(SC_OPEN_ACTIVE), WAIT(40MS), SEND(10), B_SEND(10)),
    SESSION("simultaneous-close", LET_GO, 0, OPENED, FAULT(SC_DELAY, FAULT_OUT, SC_C_FIN, 1), 0, 0,
            39, 16, USER(SC_CLOSE), BY_B(SC_CLOSE), WAIT(40MS), WAIT(2MSL)),
    SESSION("lost-syn", 0, 0, FAULT(SC_DROP, FAULT_OUT, SC_C_SYN, 1), OPENED, WAIT(3S), SEND(10)),
    SESSION("lost-syn-ack", 0, 0, FAULT(SC_DROP, 0, SC_C_SYN_ACK, 1), OPENED, WAIT(3S), SEND(10)),
    SESSION("lost-ack-of-the-handshake", 0, 0, FAULT(SC_DROP, FAULT_OUT, SC_C_ACK, 1), OPENED,
            WAIT(3S), SEND(10)),
    SESSION("lost-fin-and-last-ack", LET_GO, 0, OPENED, FAULT(SC_DROP, FAULT_OUT, SC_C_FIN, 1),
            FAULT(SC_DROP, 0, SC_C_ACK, 2), USER(SC_CLOSE), WAIT(3S), BY_B(SC_CLOSE), WAIT(10S)),
    SESSION("lost-text", 0, ALL, OPENED, FAULT(SC_DROP, FAULT_OUT, SC_C_DATA, 2), SEND(2048),
            WAIT(RTO), B_RECEIVE(4096), SEND(2048), WAIT(3S), B_RECEIVE(4096)),
    SESSION("every-text-lost-for-a-while", 0, 0, OPENED, FAULT(SC_DROP, FAULT_OUT, SC_C_DATA, 0),
            SEND(2048), WAIT(10S)),
    SESSION("duplicated-and-reordered-text", 0, ALL, OPENED, FAULT(SC_DUP, FAULT_OUT, SC_C_DATA, 1),
            FAULT(SC_REORDER, FAULT_OUT, SC_C_DATA, 2), SEND(2048), B_RECEIVE(4096), SEND(2048),
            WAIT(1MS), B_RECEIVE(4096)),
    SESSION("corrupted-text", 0, 0, OPENED, FAULT(SC_CORRUPT, FAULT_OUT, SC_C_DATA, 1), SEND(1000),
            WAIT(3S), B_RECEIVE(4096)),
    SESSION("receiver-stops-reading", LET_GO, 0, OPENED, SEND(2048), SEND(2048), WAIT(10S),
            B_RECEIVE(2048), WAIT(3S), B_RECEIVE(4096)),
    SESSION("lost-window-update", LET_GO, 0, OPENED, SEND(2048), SEND(2048), WAIT(1MS),
            FAULT(SC_DROP, 0, SC_C_ACK, 1), B_RECEIVE(2048), WAIT(60S)),
    SESSION("abort-while-text-is-on-its-way", 0, 0, OPENED,
            FAULT(SC_DELAY, FAULT_OUT, SC_C_DATA, 1), 0, 15, 66, 64, SEND(1000), BY_B(SC_ABORT),
            WAIT(3S)),
    SESSION("nobody-listens", 0, 0, USER(SC_OPEN_ACTIVE), WAIT(1MS)),
    SESSION("urgent-text", 0, 0, OPENED, USER(SC_SEND_URGENT), U16(100), B_RECEIVE(50),
            B_RECEIVE(50)),
    SESSION("over-ipv6", INPUT_IP6, ALL, OPENED, SEND(2000), B_RECEIVE(4096)),
    SESSION("in-fragments", INPUT_FRAGMENTS, 0, OPENED, SEND(2000), B_RECEIVE(4096)),
    SESSION("in-fragments-over-ipv6", INPUT_FRAGMENTS | INPUT_IP6, 0, OPENED, SEND(2000),
            B_RECEIVE(4096)),
    SESSION("narrow-link-that-says-so", PAIR_NARROW, 0, OPENED, SEND(2000), B_RECEIVE(4096)),
    SESSION("narrow-link-that-says-so-over-ipv6", PAIR_NARROW | INPUT_IP6, 0, OPENED, SEND(2000),
            B_RECEIVE(4096)),
    SESSION("black-hole", PAIR_NARROW | PAIR_SILENT, 0, OPENED, SEND(2000), WAIT(60S),
            B_RECEIVE(4096)),
    SESSION("marked-by-a-full-queue", PAIR_ECN, 0, OPENED, SEND(2000), B_RECEIVE(4096), SEND(2000),
            WAIT(1MS), B_RECEIVE(4096)),
    SESSION("by-the-second-link", PAIR_LINKS, 0, OPENED, SEND(2000), B_RECEIVE(4096)),
    SESSION("by-the-second-link-over-ipv6", PAIR_LINKS | INPUT_IP6, 0, OPENED, SEND(2000),
            B_RECEIVE(4096)),
    SESSION("in-rain", LET_GO | PAIR_RAIN, ALL, OPENED, SEND(2000), WAIT(3S), B_RECEIVE(4096),
            SEND(2000), WAIT(3S), B_RECEIVE(4096), USER(SC_CLOSE)),
    SESSION("in-a-storm-over-ipv6", LET_GO | PAIR_STORM | INPUT_IP6, 0, OPENED, WAIT(3S),
            SEND(2000), WAIT(10S), B_RECEIVE(4096), B_SEND(2000), WAIT(10S), RECEIVE(4096)),
};

static void pair_seeds(void)
{
    folder("fuzz_pair");
    for (size_t i = 0; i < sizeof pair / sizeof pair[0]; i++) {
        uint8_t in[MAX_SEED], out[MAX_SEED];
        in[0] = (uint8_t)pair[i].start;
        in[1] = (uint8_t)pair[i].config;
        memcpy(in + INPUT_HEADER, pair[i].octets, pair[i].len);
        size_t n = input_canonical(in, INPUT_HEADER + pair[i].len, out, sizeof out);
        write_seed("fuzz_pair", pair[i].name, out, n);
    }
}

/* ---- fuzz_segment ----------------------------------------------------------------------- */

enum {
    LAYER_ETH,
    LAYER_IP4,
    LAYER_TCP,
    LAYER_OPTIONS,
    LAYER_ICMP,
    LAYER_ARP,
    LAYER_IP6,
    LAYER_IP6_EXT,
    LAYER_ICMP6
};

static void segment_seed(const char *name, uint8_t layer, const uint8_t *p, size_t n)
{
    uint8_t out[MAX_SEED];

    out[0] = layer;
    memcpy(out + 1, p, n);
    write_seed("fuzz_segment", name, out, n + 1);
}

#define OCTETS(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })

/* A whole frame with a SYN and the options of one, then each layer of it by itself. */
static void frame_seeds(void)
{
    static const uint8_t opt[] = { 2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7 };
    const struct rs_addr a = rs_ip4(192, 0, 2, 1), b = rs_ip4(192, 0, 2, 2);
    const struct tcp_seg syn = { .src_port = 40000, .dst_port = 80, .seq = 1, .flags = TCP_SYN,
                                 .wnd = 65535, .opt = opt, .opt_len = sizeof opt };
    const struct eth_hdr eth = { .dst = { 2, 0, 0, 0, 0, 1 }, .src = { 2, 0, 0, 0, 0, 2 },
                                 .type = ETH_TYPE_IP4 };
    uint8_t f[256];
    size_t tcp = tcp_emit_sum(&syn, &b, &a, f + ETH_HEADER + IP4_HEADER, 200);
    struct ip4_hdr ip = { .ihl = 5, .total_len = (uint16_t)(IP4_HEADER + tcp), .ttl = 64,
                          .proto = IP_PROTO_TCP, .src = b, .dst = a };

    eth_emit(&eth, f, sizeof f);
    ip4_emit_sum(&ip, f + ETH_HEADER, IP4_HEADER);
    segment_seed("ethernet-ipv4-tcp-syn", LAYER_ETH, f, ETH_HEADER + IP4_HEADER + tcp);
    segment_seed("ipv4-tcp-syn", LAYER_IP4, f + ETH_HEADER, IP4_HEADER + tcp);
    segment_seed("tcp-syn", LAYER_TCP, f + ETH_HEADER + IP4_HEADER, tcp);
    segment_seed("options-of-a-syn", LAYER_OPTIONS, opt, sizeof opt);
}

static void ip6_seeds(void)
{
    static const uint8_t a[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };
    static const uint8_t b[16] = { 0x20, 1, 0xd, 0xb8, [15] = 2 };
    const struct tcp_seg syn = { .src_port = 40000, .dst_port = 80, .seq = 1, .flags = TCP_SYN };
    struct ip6_hdr ip = { .next = IP_PROTO_TCP, .hops = 64, .src = rs_ip6(b), .dst = rs_ip6(a) };
    uint8_t f[256];

    ip.payload_len = (uint16_t)tcp_emit_sum(&syn, &ip.src, &ip.dst, f + IP6_HEADER, 200);
    ip6_emit(&ip, f, IP6_HEADER);
    segment_seed("ipv6-tcp-syn", LAYER_IP6, f, IP6_HEADER + (size_t)ip.payload_len);
    segment_seed("ipv6-options-of-each-class", LAYER_IP6_EXT,
                 OCTETS(6, 1, 0, 1, 0, 5, 2, 0, 0, 0x43, 0, 0x83, 1, 9, 0xc3, 0));
    segment_seed("ipv6-fragment", LAYER_IP6_EXT, OCTETS(6, 0, 0, 1, 0, 0, 0, 7, 1, 2, 3, 4));
    segment_seed("neighbour-solicitation", LAYER_ICMP6,
                 OCTETS(135, 0, 0, 0, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                        0, 1, 1, 1, 2, 0, 0, 0, 0, 2));
}

static void segment_seeds(void)
{
    folder("fuzz_segment");
    frame_seeds();
    ip6_seeds();
    segment_seed("options-sack-of-three-blocks", LAYER_OPTIONS,
                 OCTETS(1, 1, 5, 26, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 9, 0, 0, 0, 12, 0,
                        0, 0, 14));
    segment_seed("options-md5", LAYER_OPTIONS,
                 OCTETS(19, 18, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 1, 0));
    segment_seed(
        "options-user-timeout-and-cookie", LAYER_OPTIONS,
        OCTETS(28, 4, 128, 5, 34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 254, 8, 0xf9, 0x89, 1, 2, 3, 4));
    segment_seed("options-fast-open-request", LAYER_OPTIONS, OCTETS(34, 2, 1, 1));
    segment_seed("options-unknown", LAYER_OPTIONS, OCTETS(77, 5, 1, 2, 3, 253, 2, 1, 0, 9, 9));
    segment_seed("options-length-0", LAYER_OPTIONS, OCTETS(2, 0, 5, 180));
    segment_seed("options-length-1", LAYER_OPTIONS, OCTETS(8, 1, 0, 0));
    segment_seed("options-overrun", LAYER_OPTIONS, OCTETS(1, 1, 8, 10));
    segment_seed("options-without-length", LAYER_OPTIONS, OCTETS(1, 1, 1, 2));
    segment_seed("options-right-kind-wrong-length", LAYER_OPTIONS,
                 OCTETS(2, 3, 5, 3, 4, 7, 7, 4, 3, 0));
    segment_seed("icmp-echo", LAYER_ICMP, OCTETS(8, 0, 0xf7, 0xfe, 0, 0, 0, 1));
    segment_seed("icmp-unreachable-with-quote", LAYER_ICMP,
                 OCTETS(3, 4, 0, 0, 0, 0, 2, 64, 0x45, 0, 0, 40, 0, 0, 64, 0, 64, 6, 0, 0, 192, 0,
                        2, 1, 192, 0, 2, 2, 31, 144, 156, 64, 0, 0, 0, 1));
    segment_seed("arp-request", LAYER_ARP,
                 OCTETS(0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 2, 192, 0, 2, 2, 0, 0, 0, 0, 0, 0,
                        192, 0, 2, 1));
    segment_seed(
        "ipv4-with-options", LAYER_IP4,
        OCTETS(0x46, 0, 0, 24, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 2, 192, 0, 2, 1, 1, 1, 1, 0));
    segment_seed("ipv4-length-short-of-header", LAYER_IP4,
                 OCTETS(0x45, 0, 0, 19, 0, 0, 0, 0, 64, 6, 0, 0, 192, 0, 2, 2, 192, 0, 2, 1));
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIR   (such as corpus/seeds)\n", argv[0]);
        return 2;
    }
    root = argv[1];
    segment_seeds();
    conn_seeds();
    pair_seeds();
    printf("%u seeds under %s\n", n_written, root);
    return 0;
}
