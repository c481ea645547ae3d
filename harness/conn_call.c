#include "harness/conn.h"

#include "harness/place.h"

static uint8_t user_octets[PLACE_MAX];

static void check_result(struct conn *c, int result, uint32_t most)
{
    c->result = result;
    ORACLE(call_result, result >= RS_ENOTCONN && result <= (int)most, "%d, at most %u", result,
           most);
}

static void opened(struct conn *c, unsigned i, int handle)
{
    check_result(c, handle, INT32_MAX);
    if (handle < 0)
        return;
    c->handle[i] = handle;
    c->sent[i] = c->taken[i] = 0;
}

static void call_open(struct conn *c, unsigned i, unsigned op)
{
    struct rs_endpoint local = conn_end(c, 1, (uint16_t)(LOCAL_PORT + i));
    struct rs_endpoint remote = conn_end(c, 2, (uint16_t)(REMOTE_PORT + i));

    if (op == SC_OPEN_FROM_LISTEN) {
        check_result(c, rs_open_from_listen(c->host, c->handle[i], &remote, c->now), INT32_MAX);
        return;
    }
    c->result = RS_EEXIST;
    if (c->handle[i] >= 0)
        return; /* inputs number connections once; refstack's own EEXIST is met by i + 4 */
    if (i >= CONNS / 2)
        local.port = LOCAL_PORT;
    if (op == SC_OPEN_ACTIVE)
        opened(c, i, rs_open_active(c->host, &local, &remote, c->now));
    else if (op == SC_OPEN_PASSIVE)
        opened(c, i, rs_open_passive(c->host, &local, NULL, c->now));
    else
        opened(c, i, rs_listen(c->host, &local, c->now));
}

static void call_accept(struct conn *c, unsigned i)
{
    int handle = rs_accept(c->host, c->handle[i], c->now);

    check_result(c, handle, INT32_MAX);
    if (handle < 0)
        return;
    for (unsigned k = 0; k < CONNS; k++)
        if (c->handle[k] < 0) {
            opened(c, k, handle);
            return;
        }
    rs_abort(c->host, handle, c->now);
}

static void call_send(struct conn *c, unsigned i, uint32_t amount, unsigned flags)
{
    uint32_t n = amount < PLACE_MAX ? amount : PLACE_MAX;

    stream_fill(user_octets, c->sent[i], n);
    int taken = rs_send(c->host, c->handle[i], user_octets, n, flags, c->now);
    check_result(c, taken, n);
    if (taken > 0)
        c->sent[i] += (uint32_t)taken;
}

/* The stream's place of the first octet the user gets follows from the SYN's number. */
static void check_received(const struct conn *c, unsigned i, uint32_t n)
{
    struct rs_status status;

    if (c->tainted || rs_status(c->host, c->handle[i], &status) < 0)
        return;
    uint32_t first = c->taken[i] + status.irs - c->egress.irs;
    for (uint32_t k = 0; k < n; k++)
        ORACLE(receive_text, user_octets[k] == stream_octet(first + k),
               "octet %u of the stream is %02x, not %02x", first + k, user_octets[k],
               stream_octet(first + k));
}

static void call_receive(struct conn *c, unsigned i, uint32_t amount)
{
    uint32_t cap = amount < PLACE_MAX ? amount : PLACE_MAX;
    int n = rs_receive(c->host, c->handle[i], user_octets, cap, c->now);

    check_result(c, n, cap);
    if (n <= 0)
        return;
    check_received(c, i, (uint32_t)n);
    c->taken[i] += (uint32_t)n;
}

static void call_status(struct conn *c, unsigned i)
{
    struct rs_status s;

    c->result = rs_status(c->host, c->handle[i], &s);
    if (c->result < 0)
        return;
    ORACLE(status_agrees, s.state < RS_N_STATES, "state %d", (int)s.state);
    if (s.local.port == LOCAL_PORT && s.remote.port == REMOTE_PORT && c->egress.live &&
        s.state >= RS_SYN_SENT)
        ORACLE(status_agrees, s.snd_nxt == c->egress.snd_nxt, "SND.NXT %u, %u on the wire",
               s.snd_nxt, c->egress.snd_nxt);
}

void conn_call(struct conn *c, const struct sc_user *u)
{
    unsigned i = u->conn % CONNS;

    switch (u->op) {
    case SC_SEND: call_send(c, i, u->amount, RS_PUSH); break;
    case SC_SEND_URGENT: call_send(c, i, u->amount, RS_PUSH | RS_URGENT); break;
    case SC_RECEIVE: call_receive(c, i, u->amount); break;
    case SC_CLOSE: check_result(c, rs_close(c->host, c->handle[i], c->now), 0); break;
    case SC_STATUS: call_status(c, i); break;
    case SC_ACCEPT: call_accept(c, i); break;
    case SC_ABORT:
        check_result(c, rs_abort(c->host, c->handle[i], c->now), 0);
        c->handle[i] = -1;
        break;
    case SC_RELEASE:
        check_result(c, rs_release(c->host, c->handle[i], c->now), 0);
        c->handle[i] = -1;
        break;
    default: call_open(c, i, u->op); break;
    }
    conn_settle(c);
}

void conn_setting(struct conn *c, const struct input_event *e)
{
    unsigned i = e->ev.u.user.conn % CONNS;
    struct rs_tcp_config t;

    if (rs_get(c->host, c->handle[i], &t) < 0)
        return;
    sc_set(&t, e->setting, e->value);
    check_result(c, rs_set(c->host, c->handle[i], &t, c->now), 0);
    invariants_note(&c->invariants, &t);
    conn_settle(c);
}

void conn_let_go(struct conn *c, bool release)
{
    for (unsigned i = 0; i < CONNS; i++)
        if (c->handle[i] >= 0) {
            int result = release ? rs_release(c->host, c->handle[i], c->now)
                                 : rs_abort(c->host, c->handle[i], c->now);
            check_result(c, result, 0);
        }
}
