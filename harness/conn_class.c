#include "harness/conn.h"

#include "refstack/wire.h"

enum { SEGMENTS = 0, USERS = 64, OTHERS = 96 };

static const char *const user_class[INPUT_N_USER_OPS] = {
    [SC_OPEN_ACTIVE] = "call OPEN active",
    [SC_OPEN_PASSIVE] = "call OPEN passive",
    [SC_OPEN_FROM_LISTEN] = "call OPEN from LISTEN",
    [SC_SEND] = "call SEND",
    [SC_SEND_URGENT] = "call SEND urgent",
    [SC_RECEIVE] = "call RECEIVE",
    [SC_CLOSE] = "call CLOSE",
    [SC_ABORT] = "call ABORT",
    [SC_STATUS] = "call STATUS",
    [SC_RELEASE] = "call RELEASE",
    [SC_LISTEN] = "call LISTEN",
    [SC_ACCEPT] = "call ACCEPT",
};

/* FIN SYN RST ACK and whether there is text: what the state machine turns on. */
static const char *const segment_class[32] = {
    "segment none", "segment FIN", "segment SYN", "segment SYN+FIN", "segment RST",
    "segment RST+FIN", "segment SYN+RST", "segment SYN+RST+FIN", "segment ACK", "segment FIN+ACK",
    "segment SYN+ACK", "segment SYN+FIN+ACK", "segment RST+ACK", "segment RST+FIN+ACK",
    "segment SYN+RST+ACK", "segment SYN+RST+FIN+ACK",
    "segment text", "segment FIN text", "segment SYN text", "segment SYN+FIN text",
    "segment RST text", "segment RST+FIN text", "segment SYN+RST text", "segment SYN+RST+FIN text",
    "segment ACK text", "segment FIN+ACK text", "segment SYN+ACK text", "segment SYN+FIN+ACK text",
    "segment RST+ACK text", "segment RST+FIN+ACK text", "segment SYN+RST+ACK text",
    "segment SYN+RST+FIN+ACK text",
};

static unsigned segment_number(uint16_t flags, uint32_t text_len)
{
    unsigned n = flags & (TCP_FIN | TCP_SYN | TCP_RST);

    n |= flags & TCP_ACK ? 8u : 0u;
    return n | (text_len ? 16u : 0u);
}

const char *conn_segment_class(uint16_t flags, uint32_t text_len)
{
    return segment_class[segment_number(flags, text_len)];
}

const char *conn_event_class(const struct input_event *e)
{
    const struct sc_segment *seg = &e->ev.u.packet.seg;

    switch (e->ev.kind) {
    case SC_PACKET: return conn_segment_class(seg->flags, seg->text_len);
    case SC_USER: return user_class[e->ev.u.user.op];
    case SC_WAIT: return "time";
    case SC_ICMP: return "ICMP";
    case SC_OPAQUE: return "raw octets";
    case SC_CONFIG: return "setting";
    default: return "link fault";
    }
}

unsigned conn_event_number(const struct input_event *e)
{
    switch (e->ev.kind) {
    case SC_PACKET: {
        const struct sc_segment *seg = &e->ev.u.packet.seg;
        return SEGMENTS + segment_number(seg->flags, seg->text_len) +
               (seg->flags & TCP_URG ? 32u : 0u);
    }
    case SC_USER: return USERS + e->ev.u.user.op;
    case SC_WAIT: return OTHERS + e->wait % 16u;
    case SC_ICMP: return OTHERS + 16;
    case SC_OPAQUE: return OTHERS + 17;
    case SC_CONFIG: return OTHERS + 18;
    default: return OTHERS + 19;
    }
}
