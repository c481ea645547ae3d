/* Socket calls as the user calls of RFC 9293 section 3.10 that they are made of. */
#include <string.h>

#include "harness/convert_script.h"

static int64_t argument(const struct sc_call *call, unsigned i)
{
    const struct sc_expr *a = call->arg;
    while (a && i-- > 0)
        a = a->next;
    if (a && a->kind == SC_E_LIST)
        a = a->first;
    return a && (a->kind == SC_E_INT || a->kind == SC_E_HEX) ? a->num : 0;
}

static const char *word(const struct sc_call *call, unsigned i)
{
    const struct sc_expr *a = call->arg;
    while (a && i-- > 0)
        a = a->next;
    return a && a->kind == SC_E_WORD ? a->text : "";
}

static int64_t result(const struct sc_call *call)
{
    const struct sc_expr *r = call->result;
    return r && (r->kind == SC_E_INT || r->kind == SC_E_HEX) ? r->num : 0;
}

static void put_user(struct convert *c, const struct sc_event *ev, int conn, unsigned op,
                     uint32_t amount)
{
    struct input_event e = { .ev.kind = SC_USER, .ev.line = ev->line };
    e.ev.u.user = (struct sc_user){ .op = (uint8_t)op, .conn = (uint8_t)conn, .amount = amount };
    if (conn >= 0)
        convert_put(c, &e);
}

static void put_set(struct convert *c, const struct sc_event *ev, int conn, enum sc_setting what,
                    int64_t value)
{
    struct input_event e = { .ev.kind = SC_CONFIG, .ev.line = ev->line, .setting = what,
                             .value = (uint16_t)value };
    e.ev.u.user.conn = (uint8_t)conn;
    if (conn >= 0)
        convert_put(c, &e);
}

/* The number that the host of inputs gives: the lowest that is free. */
static int number(struct convert *c, const struct sc_event *ev)
{
    for (int i = 0; i < CONVERT_CONNS; i++)
        if (!c->taken[i]) {
            c->taken[i] = true;
            return i;
        }
    convert_cannot(c, ev, "an input has %d connections", CONVERT_CONNS);
    return -1;
}

static void open_call(struct convert *c, const struct sc_event *ev, int fd)
{
    const struct sc_call *call = &ev->u.call;
    if (!strcmp(call->name, "accept") && result(call) >= 0 && result(call) < CONVERT_FDS) {
        put_user(c, ev, c->conn_of[fd], SC_ACCEPT, 0);
        c->conn_of[result(call)] = number(c, ev);
    } else if (!strcmp(call->name, "listen") && !c->listener[fd]) {
        c->conn_of[fd] = number(c, ev);
        c->listener[fd] = true;
        put_user(c, ev, c->conn_of[fd], SC_LISTEN, 0);
    } else if (!strcmp(call->name, "connect") && c->conn_of[fd] < 0) {
        c->conn_of[fd] = number(c, ev);
        put_user(c, ev, c->conn_of[fd], SC_OPEN_ACTIVE, 0);
    }
}

static void close_call(struct convert *c, const struct sc_event *ev, int fd)
{
    const int conn = c->conn_of[fd];
    if (!strcmp(ev->u.call.name, "shutdown")) {
        put_user(c, ev, conn, SC_CLOSE, 0);
        return;
    }
    put_user(c, ev, conn, c->linger[fd] ? SC_ABORT : SC_RELEASE, 0);
    if (conn >= 0)
        c->taken[conn] = false;
    c->conn_of[fd] = -1;
    c->listener[fd] = c->linger[fd] = false;
}

static void option_call(struct convert *c, const struct sc_event *ev, int fd)
{
    static const struct {
        const char *name;
        enum sc_setting setting;
        bool not;
    } option[] = { { "TCP_NODELAY", SC_SET_NAGLE, true },
                   { "SO_KEEPALIVE", SC_SET_KEEPALIVE, false },
                   { "SO_RCVBUF", SC_SET_RCV_BUF, false },
                   { "SO_SNDBUF", SC_SET_SND_BUF, false },
                   { "TCP_MAXSEG", SC_SET_MSS, false } };
    const char *name = word(&ev->u.call, 2);
    const int64_t value = argument(&ev->u.call, 3);
    for (size_t i = 0; i < sizeof option / sizeof option[0]; i++)
        if (!strcmp(name, option[i].name))
            put_set(c, ev, c->conn_of[fd], option[i].setting, option[i].not ? !value : value);
    c->linger[fd] = c->linger[fd] || !strcmp(name, "SO_LINGER");
}

void convert_call(struct convert *c, const struct sc_event *ev)
{
    static const struct {
        const char *name;
        void (*put)(struct convert *, const struct sc_event *, int fd);
    } shape[] = { { "accept", open_call },     { "listen", open_call },
                  { "connect", open_call },    { "close", close_call },
                  { "shutdown", close_call },  { "setsockopt", option_call } };
    static const char *const sends[] = { "write", "send", "sendto" };
    static const char *const receives[] = { "read", "recv", "recvfrom" };
    const struct sc_call *call = &ev->u.call;
    const int64_t fd = argument(call, 0);
    if (fd < 0 || fd >= CONVERT_FDS)
        return;
    for (size_t i = 0; i < sizeof shape / sizeof shape[0]; i++)
        if (!strcmp(call->name, shape[i].name))
            shape[i].put(c, ev, (int)fd);
    const size_t n = strlen(call->name);
    if (sc_name_index(sends, 3, call->name, n) >= 0)
        put_user(c, ev, c->conn_of[fd], SC_SEND, (uint32_t)argument(call, 2));
    else if (sc_name_index(receives, 3, call->name, n) >= 0)
        put_user(c, ev, c->conn_of[fd], SC_RECEIVE, (uint32_t)argument(call, 2));
    /* The rest makes no segment: socket, bind, fcntl, poll, getsockopt and the like. */
}
