/* What a host shows one peer helps that peer to guess nothing of what it shows another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "refstack/refstack.h"
#include "refstack/wire.h"

enum { A, B, C };
enum { FRAME = 1600, PORT = 80 };

static struct rs_endpoint at(int host, uint16_t port)
{
    return (struct rs_endpoint){ .addr = rs_ip4(192, 0, 2, (uint8_t)(host + 1)), .port = port };
}

static struct rs_host *host_up(uint64_t seed)
{
    struct rs_config c;

    rs_config_small(&c);
    c.seed = seed;
    c.addr = at(A, 0).addr;
    const size_t size = rs_host_size(&c);
    struct rs_host *h = rs_init(malloc(size), size, &c, RS_SEC);
    assert_non_null(h);
    return h;
}

/* What a connection to a peer shows that peer. */
struct shown {
    uint32_t iss, port, ts;
};

static struct shown open_to(struct rs_host *h, int peer)
{
    const struct rs_endpoint from = at(A, 0);
    const struct rs_endpoint to = at(peer, PORT);
    uint8_t buf[FRAME];
    struct ip4_hdr ip;
    struct tcp_seg seg;
    struct tcp_opts o;

    assert_true(rs_open_active(h, &from, &to, RS_SEC) >= 0);
    const size_t n = rs_output(h, buf, sizeof buf, RS_SEC);
    assert_int_equal(ip4_parse(&ip, buf, n), WIRE_OK);
    assert_int_equal(tcp_parse(&seg, ip.payload, ip.payload_len), WIRE_OK);
    opts_read(&o, seg.opt, seg.opt_len);
    assert_true(o.has_ts);
    return (struct shown){ seg.seq, seg.src_port, o.ts_val };
}

static int ascending(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static unsigned distinct(uint32_t *v, unsigned n)
{
    unsigned d = 1;

    qsort(v, n, sizeof v[0], ascending);
    for (unsigned i = 1; i < n; i++)
        d += v[i] != v[i - 1];
    return d;
}

/* RFC 6528, RFC 6056, RFC 7323 section 7.1: C, shown its own numbers, would have to add something
 * to them to guess those of the connection to B; over many hosts, that is never the same. */
static void numbers_shown_to_one_peer_tell_nothing_of_those_shown_to_another(void **unused)
{
    enum { N = 64 };
    uint32_t iss[N], port[N], ts[N];

    (void)unused;
    for (unsigned i = 0; i < N; i++) {
        struct rs_host *h = host_up(100 + i);
        const struct shown c = open_to(h, C);
        const struct shown b = open_to(h, B);
        iss[i] = b.iss - c.iss;
        port[i] = b.port - c.port;
        ts[i] = b.ts - c.ts;
        free(h);
    }
    assert_int_equal(distinct(iss, N), N);
    assert_int_equal(distinct(ts, N), N);
    assert_true(distinct(port, N) >= N - 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_shown_to_one_peer_tell_nothing_of_those_shown_to_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
