/* The streams of a case: what SEND queued goes out as there is room, what RECEIVE asked for
 * comes in and is compared with what the other end was given to send. */
#include "interop/play.h"

#include <string.h>

enum { PIECE = 65536 };

/* Each end of each connection sends a stream of its own. */
static uint64_t stream_of(enum trace_end end, unsigned conn)
{
    return (uint64_t)conn * 2 + (uint64_t)end + 1;
}

static bool is_wait(int rc)
{
    return rc == RS_EAGAIN || rc == RS_ENOTCONN;
}

static bool send_some(struct play *p, enum trace_end end, unsigned conn)
{
    static uint8_t piece[PIECE];
    struct play_flow *f = &p->flow[end][conn];
    bool any = false;
    while (!f->error && f->sent < f->to_send) {
        uint64_t left = f->to_send - f->sent;
        size_t len = left < PIECE ? (size_t)left : PIECE;
        stream_make(stream_of(end, conn), f->sent, piece, len);
        int n = p->end[end]->ops->send(p->end[end], conn, piece, len);
        if (n < 0 && !is_wait(n))
            f->error = n;
        if (n <= 0)
            break;
        stream_hash_add(&f->hash_sent, piece, (size_t)n);
        f->sent += (unsigned)n;
        any = true;
        if ((size_t)n < len)
            break;
    }
    if (f->close_when_sent && f->sent == f->to_send && !f->error) {
        f->close_when_sent = false;
        int rc = p->end[end]->ops->close(p->end[end], conn);
        if (rc < 0)
            f->error = rc;
        play_sample(p, end, conn);
        any = true;
    }
    return any;
}

static bool check_octets(struct play *p, enum trace_end end, unsigned conn, const uint8_t *got,
                         size_t len)
{
    static uint8_t expected[PIECE];
    struct play_flow *f = &p->flow[end][conn];
    enum trace_end other = end == END_A ? END_B : END_A;
    stream_make(stream_of(other, conn), f->received, expected, len);
    if (memcmp(got, expected, len) == 0)
        return true;
    size_t at = 0;
    while (got[at] == expected[at])
        at++;
    return play_fail(p, "stream: octet %llu that %s received is not what was sent: "
                     "expected 0x%02x, got 0x%02x",
                     (unsigned long long)(f->received + at), p->out->actor[end], expected[at],
                     got[at]);
}

static bool receive_some(struct play *p, enum trace_end end, unsigned conn)
{
    static uint8_t piece[PIECE];
    struct play_flow *f = &p->flow[end][conn];
    bool any = false;
    while (!f->error && !f->eof && f->received < f->want) {
        uint64_t left = f->want - f->received;
        size_t cap = left < PIECE ? (size_t)left : PIECE;
        int n = p->end[end]->ops->receive(p->end[end], conn, piece, cap);
        if (n < 0 && !is_wait(n))
            f->error = n;
        if (n == 0)
            f->eof = true;
        any |= f->eof || f->error;
        if (n <= 0)
            break;
        any = true;
        if (!check_octets(p, end, conn, piece, (size_t)n))
            break;
        stream_hash_add(&f->hash_received, piece, (size_t)n);
        f->received += (unsigned)n;
    }
    return any;
}

bool play_flows_work(struct play *p)
{
    bool any = false;
    for (int end = END_A; end <= END_B; end++) {
        for (unsigned conn = 0; conn < PEER_CONNS; conn++) {
            const struct play_flow *f = &p->flow[end][conn];
            if (f->sent < f->to_send || f->close_when_sent)
                any |= send_some(p, (enum trace_end)end, conn);
            if (f->received < f->want)
                any |= receive_some(p, (enum trace_end)end, conn);
        }
    }
    return any;
}

unsigned play_flows_sleep(struct play *p, struct pollfd *fds, unsigned cap)
{
    unsigned n = 0;
    for (int end = END_A; end <= END_B; end++) {
        for (unsigned conn = 0; conn < PEER_CONNS && n + 2 <= cap; conn++) {
            const struct play_flow *f = &p->flow[end][conn];
            struct peer *peer = p->end[end];
            if (!f->error && f->sent < f->to_send)
                n += peer->ops->sleep_on(peer, conn, true, fds + n);
            if (!f->error && !f->eof && f->received < f->want)
                n += peer->ops->sleep_on(peer, conn, false, fds + n);
        }
    }
    return n;
}
