/* The cells of stage 0 that are user calls with arguments on their boundaries, in each state: what
 * RFC 9293 sections 3.10.1 to 3.10.6 refuse is refused, sends nothing and changes nothing, whatever
 * the state.  Which argument is wrong does not depend on how the peer talks. */
#include <limits.h>

#include "harness/stage0_bench.h"

/* "Connection does not exist": handles that nobody was given. */
enum { N_HANDLES = 4, N_CALLS = 8, N_OPENS = 5 };

static int handle_of(const struct st0_bench *b, unsigned i)
{
    const int held = b->conn >= 0 ? b->conn : b->listener;
    const int handle[N_HANDLES] = { -1, INT_MIN, INT_MAX, held >= 0 ? held ^ 1 << 20 : 0 };

    return handle[i];
}

static int call_on(struct st0_bench *b, unsigned call, int handle)
{
    const struct rs_endpoint remote = st0_peer(b);
    uint8_t octets[8] = { 0 };
    struct rs_status s;

    switch (call) {
    case 0: return rs_send(b->host, handle, octets, sizeof octets, 0, b->now);
    case 1: return rs_receive(b->host, handle, octets, sizeof octets, b->now);
    case 2: return rs_close(b->host, handle, b->now);
    case 3: return rs_abort(b->host, handle, b->now);
    case 4: return rs_status(b->host, handle, &s);
    case 5: return rs_release(b->host, handle, b->now);
    case 6: return rs_accept(b->host, handle, b->now);
    default: return rs_open_from_listen(b->host, handle, &remote, b->now);
    }
}

/* Section 3.10.1: "remote socket unspecified", and ports that are none. */
static int bad_open(struct st0_bench *b, unsigned i)
{
    struct rs_endpoint local = { .addr = st0_addr(b), .port = ST0_PORT }, remote = st0_peer(b);

    if (i == 0)
        remote.port = 0;
    if (i == 1)
        remote.addr.version = 0;
    if (i == 2)
        remote.addr = b->ways & ST0_IP6 ? rs_ip6((uint8_t[16]){ 0xff, 2, [15] = 1 })
                                        : rs_ip4(224, 0, 0, 1); /* MUST-46: a group */
    if (i == 3)
        local.addr = remote.addr; /* not an address of ours */
    local.port = i == 4 ? 0 : (uint16_t)(ST0_PORT + 1);
    return i == 4 ? rs_open_passive(b->host, &local, NULL, b->now)
                  : rs_open_active(b->host, &local, &remote, b->now);
}

static void check(struct st0_bench *b, enum st0_start start, const char *what, unsigned which,
                  int result, int expected, struct st0_tally *y)
{
    st0_drain(b);
    y->cells++;
    if (result == expected && b->n_frames == 0 && b->seen == b->copy_seen)
        return;
    st0_mismatch(y, ST0_MAX_RULES - 1, "%s: %s %u: result %d (%s), state %s, %u sent; expected %s",
                 st0_start_name(start), what, which, result, rs_error_name(result),
                 rs_state_name(b->seen), b->n_frames, rs_error_name(expected));
}

/* RECEIVE into a buffer of one octet takes one, and leaves the others. */
static void receive_one(struct st0_bench *b, enum st0_start start, struct st0_tally *y)
{
    uint8_t octet;
    struct rs_status s;

    if (!b->tcb.readable || b->conn < 0)
        return;
    st0_restore(b);
    y->cells++;
    const int n = rs_receive(b->host, b->conn, &octet, 1, b->now);
    if (n == 1 && rs_status(b->host, b->conn, &s) == 0 && s.rcv_queued == b->tcb.readable - 1)
        return;
    st0_mismatch(y, ST0_MAX_RULES - 1, "%s: RECEIVE of 1 octet: %d", st0_start_name(start), n);
}

void st0_run_args(struct st0_bench *b, enum st0_start start, struct st0_tally *y)
{
    for (unsigned call = 0; call < N_CALLS; call++)
        for (unsigned i = 0; i < N_HANDLES; i++) {
            st0_restore(b);
            check(b, start, "call on no handle", call, call_on(b, call, handle_of(b, i)),
                  RS_ENOCONN, y);
        }
    for (unsigned i = 0; i < N_OPENS; i++) {
        st0_restore(b);
        check(b, start, "OPEN with bad arguments", i, bad_open(b, i), RS_EINVAL, y);
    }
    receive_one(b, start, y);
}
