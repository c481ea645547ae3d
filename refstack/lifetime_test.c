/* Nothing lasts for ever.  A peer that knows every number does what it likes to a host, whose users
 * do what they like; then the peer vanishes and the users let go.  Each state's lifetime is bounded
 * by the RFCs' timers, so all connections, pages and timers are gone in time, whatever happened
 * before; and then there is silence. */
#include "refstack/host.h"
#include "refstack/peer.h"
#include "refstack/test_rand.h"

enum { RUNS = 10000, USERS = 5 };

static struct rnd rnd;
static int user[USERS];
static int listener;

static uint32_t below(uint32_t n)
{
    return rnd_below(&rnd, n);
}

static bool one_in(uint32_t n)
{
    return below(n) == 0;
}

/* ---- The peer --------------------------------------------------------------------------- */

struct pick {
    uint32_t left;
    int conn;
};

static void pick_one(void *arg, int conn)
{
    struct pick *k = arg;

    if (k->conn < 0 || below(++k->left) == 0)
        k->conn = conn;
}

/* A number near one of the host's, or far from all. */
static uint32_t near(uint32_t n, uint32_t edge)
{
    static const uint32_t by[] = { 0, 0, 0, 0, 0, 1, UINT32_MAX, 536, 1u << 31, 0xffff0000 };

    return (one_in(3) ? edge : n) + by[below(10)] + (one_in(4) ? below(2000) : 0);
}

static uint8_t random_options(uint8_t *opt, const struct rs_status *s)
{
    struct wcur c = wcur_of(opt, TCP_OPT_MAX);

    if (one_in(2)) { /* timestamps, mostly new enough */
        wcur_u32(&c, 0x0101080a);
        wcur_u32(&c, one_in(9) ? (uint32_t)rnd_next(&rnd) : (uint32_t)(p.now / RS_MSEC));
        wcur_u32(&c, one_in(2) ? (uint32_t)rnd_next(&rnd) : 0);
    }
    if (one_in(3)) {
        wcur_u32(&c, 0x0101050a);
        wcur_u32(&c, s->snd_una + below(3000));
        wcur_u32(&c, s->snd_una + below(3000));
    }
    if (one_in(4)) { /* MSS, window scale, SACK permitted, or the user timeout in minutes */
        wcur_u32(&c, 0x02040000 | below(one_in(2) ? 100 : 1500));
        wcur_u32(&c, one_in(2) ? 0x01030300 | below(15) : 0x1c048000 | below(20));
        wcur_u32(&c, 0x01010402);
    }
    return (uint8_t)(c.p - opt);
}

/* What a well-meaning peer would send next, or nearly. */
static void behave(struct tcp_seg *seg, const struct rs_status *s)
{
    seg->seq = s->rcv_nxt;
    seg->ack = one_in(4) ? s->snd_una : s->snd_nxt;
    seg->flags = flags_of(one_in(5) ? "FA" : "A");
    if (s->state == RS_SYN_SENT)
        seg->flags = flags_of(one_in(4) ? "S" : "SA");
    if (s->state <= RS_LISTEN)
        seg->flags = TCP_SYN;
}

static void peer_sends(void)
{
    static const char *const flags[] = { "A", "A", "A", "A", "FA", "A", "S", "SA", "R", "RA",
                                         "UA", "FSRPAU", "", "F" };
    struct pick k = { .conn = -1 };
    struct rs_status s;
    uint8_t text[700], opt[TCP_OPT_MAX];

    memset(&s, 0, sizeof s);
    rs_each(p.host, pick_one, &k);
    rs_status(p.host, k.conn, &s);
    if (!s.remote.port) { /* the listener, or nobody */
        s.remote.port = (uint16_t)(3000 + below(8));
        s.local.port = HOST_PORT;
    }
    struct tcp_seg seg = {
        .src_port = s.remote.port,
        .dst_port = s.local.port,
        .seq = near(s.rcv_nxt, s.rcv_nxt + s.rcv_wnd),
        .ack = near(s.snd_nxt, s.snd_una),
        .flags = flags_of(flags[below(14)]),
        .wnd = (uint16_t)(one_in(3) ? below(3) : rnd_next(&rnd)),
        .up = (uint16_t)below(1000),
        .opt = opt,
        .opt_len = random_options(opt, &s),
        .text = text,
        .text_len = one_in(2) ? below(sizeof text) : 0,
    };
    if (!one_in(4))
        behave(&seg, &s);
    memset(text, (int)below(256), sizeof text);
    const struct rs_addr from = the_peer().addr;
    put_datagram(IP_PROTO_TCP, tcp_emit_sum(&seg, &from, &p.cfg.addr, p.frame + IP4_HEADER,
                                            sizeof p.frame - IP4_HEADER));
}

/* ---- The users -------------------------------------------------------------------------- */

static void open_one(int *conn)
{
    const struct rs_endpoint from = { .addr = p.cfg.addr };
    struct rs_endpoint to = the_peer();

    to.port = (uint16_t)(3000 + below(8));
    *conn = rs_accept(p.host, listener, p.now);
    if (*conn < 0 && one_in(4))
        *conn = one_in(2) ? rs_open_active(p.host, &from, &to, p.now)
                          : rs_open_fast(p.host, &from, &to, "text", 4, p.now);
}

static void user_acts(void)
{
    static uint8_t text[2000];
    int *conn = &user[below(USERS)];

    if (*conn < 0) {
        open_one(conn);
        return;
    }
    switch (below(12)) {
    case 0:
        rs_close(p.host, *conn, p.now);
        break;
    case 1:
        (one_in(4) ? rs_abort : rs_release)(p.host, *conn, p.now);
        *conn = -1;
        break;
    case 2:
        rs_shutdown_receive(p.host, *conn, p.now);
        break;
    case 3:
    case 4:
    case 5:
    case 6:
        rs_send(p.host, *conn, text, below(sizeof text), one_in(4) ? RS_URGENT : 0, p.now);
        break;
    default:
        rs_receive(p.host, *conn, text, sizeof text, p.now);
        break;
    }
}

static unsigned hear_all(void)
{
    unsigned n = 0;

    for (; heard(); n++)
        ;
    return n;
}

static void time_passes(void)
{
    if (one_in(2) && rs_deadline(p.host) != RS_NEVER)
        p.now = rs_deadline(p.host) > p.now ? rs_deadline(p.host) : p.now;
    else
        pass(below(3) * below(2000) * RS_MSEC);
}

/* ---- A run ------------------------------------------------------------------------------ */

static void start(uint64_t seed)
{
    const struct rs_endpoint local = { .port = HOST_PORT };
    struct rs_config c;

    rnd.s = seed;
    rs_config_small(&c);
    c.seed = seed;
    c.addr = rs_ip4(192, 0, 2, 1);
    c.tcp.fastopen = true;
    c.tcp.keepalive = one_in(4);
    c.tcp.uto = one_in(4);
    c.tcp.rfc1337 = one_in(4);
    c.tcp.ecn = one_in(2);
    c.tcp.rack = one_in(2);
    c.tcp.sack = !one_in(4);
    c.tcp.timestamps = !one_in(3);
    peer_up(&c);
    listener = rs_listen(p.host, &local, p.now);
    for (int i = 0; i < USERS; i++)
        user[i] = -1;
}

static void count_one(void *arg, int conn)
{
    (void)conn;
    ++*(unsigned *)arg;
}

static unsigned connections(void)
{
    unsigned n = 0;

    rs_each(p.host, count_one, &n);
    return n;
}

/* What is not accepted yet goes with its listener or is let go of in its turn. */
static void users_let_go(void)
{
    int conn;

    while (one_in(2) && (conn = rs_accept(p.host, listener, p.now)) >= 0)
        rs_release(p.host, conn, p.now);
    for (int i = 0; i < USERS; i++)
        if (user[i] >= 0)
            rs_release(p.host, user[i], p.now);
    rs_release(p.host, listener, p.now);
}

/* No state is left by a timer but for CLOSED, so the bound is the longest of the lifetimes: R2 of a
 * SYN or of text, FIN-WAIT-2's, 2 MSL; or what RFC 5482 lets a peer ask for, an hour. */
static rs_time longest(const struct rs_tcp_config *c)
{
    const rs_time life[] = { c->r2, c->r2_syn, c->fin_wait_2, 2 * c->msl };
    rs_time most = c->uto ? 3600 * RS_SEC : 0;

    for (size_t i = 0; i < sizeof life / sizeof life[0]; i++)
        most = life[i] > most ? life[i] : most;
    return most;
}

static const char *what_is_left(void)
{
    const rs_time end = p.now + longest(&p.cfg.tcp);
    unsigned frames = hear_all();

    for (unsigned i = 0; i < 100000 && rs_deadline(p.host) <= end; i++) {
        p.now = rs_deadline(p.host) > p.now ? rs_deadline(p.host) : p.now;
        frames += hear_all();
    }
    if (rs_deadline(p.host) <= end)
        return "deadlines without end";
    if (connections())
        return "a connection is left";
    if (p.host->pool.used)
        return "a page is left";
    if (rs_deadline(p.host) != RS_NEVER)
        return "a timer is left";
    /* Each of them sends again with a doubled timeout, up to a minute's, and so hardly ever. */
    if (frames > 200 * p.cfg.max_conns)
        return "it would not be quiet";
    pass(24 * 3600 * RS_SEC);
    return hear_all() ? "a day later it speaks again" : NULL;
}

static void print_left(void *arg, int conn)
{
    struct rs_status s;

    (void)arg;
    if (rs_status(p.host, conn, &s) == 0)
        print_error("  %s, send window %u, queued %u, FIN read %d\n", rs_state_name(s.state),
                    s.snd_wnd, s.snd_queued, s.eof);
}

static void once_the_peer_is_gone_all_ends_in_time_and_silence_follows(void **unused)
{
    unsigned reached[RS_N_STATES] = { 0 };

    (void)unused;
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        start(seed);
        for (uint32_t i = 20 + below(60); i > 0; i--) {
            (one_in(3) ? user_acts : one_in(4) ? time_passes : peer_sends)();
            if (!one_in(4))
                hear_all();
        }
        for (int i = 0; i < USERS; i++) {
            struct rs_status s;
            if (rs_status(p.host, user[i], &s) == 0)
                reached[s.state]++;
        }
        users_let_go();
        const char *left = what_is_left();
        if (!left)
            continue;
        print_error("seed %u: %s\n", (unsigned)seed, left);
        rs_each(p.host, print_left, NULL);
        fail();
    }
    /* The peers vanished in every state that a user can hold. */
    for (int i = RS_SYN_SENT; i < RS_N_STATES; i++)
        assert_true(reached[i] > RUNS / 1000);
}

static int down(void **unused)
{
    (void)unused;
    peer_down();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(once_the_peer_is_gone_all_ends_in_time_and_silence_follows),
    };
    return cmocka_run_group_tests(tests, NULL, down);
}
