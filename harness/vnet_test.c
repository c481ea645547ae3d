/* Two hosts on a wire with faults, in virtual time: what goes in comes out, in order, and the same
 * again for the same seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/vnet.h"

enum { A, B, TEXT = 20000 };

static struct net {
    struct vnet v;
    struct rs_host *host[2];
    int conn[2];
    uint64_t seen[2], arrived[2], sum; /* by the two callbacks */
} n;

static void note_sent(void *arg, int i, const uint8_t *frame, size_t len)
{
    struct net *net = arg;

    net->seen[i]++;
    for (size_t k = 0; k < len; k++)
        net->sum = net->sum * 31 + frame[k];
}

static void note_arrived(void *arg, int i, const uint8_t *frame, size_t len)
{
    struct net *net = arg;

    (void)frame;
    assert_true(len > 0);
    net->arrived[i]++;
}

static struct rs_endpoint at(int host, uint16_t port)
{
    return (struct rs_endpoint){ .addr = rs_ip4(192, 0, 2, (uint8_t)(host + 1)), .port = port };
}

static int down(void **state)
{
    (void)state;
    vnet_free(&n.v);
    free(n.host[A]);
    free(n.host[B]);
    memset(&n, 0, sizeof n);
    return 0;
}

static void up(const struct fault_rates *rates)
{
    const struct rs_endpoint any = { .port = 0 };
    const struct rs_endpoint server = at(B, 7);

    down(NULL);
    for (int i = 0; i < 2; i++) {
        struct rs_config c;
        rs_config_default(&c);
        c.link = RS_LINK_IP;
        c.seed += (uint64_t)i;
        c.addr = at(i, 0).addr;
        c.max_conns = 4;
        c.pages = 64;
        const size_t size = rs_host_size(&c);
        n.host[i] = rs_init(malloc(size), size, &c, RS_SEC);
        assert_non_null(n.host[i]);
    }
    vnet_init(&n.v, n.host[A], n.host[B], RS_LINK_IP, RS_SEC);
    n.v.arg = &n;
    n.v.sent = note_sent;
    n.v.arrives = note_arrived;
    for (int i = 0; rates && i < 2; i++) {
        struct fault_rates r = *rates;
        r.seed += (uint64_t)i;
        fault_init(&n.v.link[i], RS_LINK_IP, &r);
    }
    n.conn[B] = rs_open_passive(n.host[B], &server, NULL, n.v.now);
    n.conn[A] = rs_open_active(n.host[A], &any, &server, n.v.now);
}

/* Carries all that moves until `until`, from one deadline to the next. */
static void run_until(rs_time until)
{
    for (;;) {
        assert_true(vnet_settle(&n.v, 10000));
        const rs_time next = vnet_deadline(&n.v);
        if (next > until)
            break;
        assert_true(next > n.v.now);
        n.v.now = next;
    }
    n.v.now = until;
}

static void all_text_arrives(void)
{
    static uint8_t text[TEXT], got[TEXT];
    size_t sent = 0, read = 0;
    const rs_time end = n.v.now + 600 * RS_SEC;

    for (size_t i = 0; i < TEXT; i++)
        text[i] = (uint8_t)(i * 7 + i / 256);
    while (read < TEXT && n.v.now < end) {
        const int s = rs_send(n.host[A], n.conn[A], text + sent, TEXT - sent, 0, n.v.now);
        sent += s > 0 ? (size_t)s : 0;
        run_until(n.v.now + RS_SEC);
        const int r = rs_receive(n.host[B], n.conn[B], got + read, TEXT - read, n.v.now);
        read += r > 0 ? (size_t)r : 0;
    }
    assert_int_equal(read, TEXT);
    assert_memory_equal(got, text, TEXT);
}

static void without_faults_each_frame_sent_arrives_at_once(void **state)
{
    (void)state;
    up(NULL);
    assert_true(vnet_settle(&n.v, 100));
    assert_int_equal(n.v.now, RS_SEC);
    assert_int_equal(rs_send(n.host[A], n.conn[A], "text", 4, 0, n.v.now), 4);
    run_until(2 * RS_SEC);
    uint8_t got[4];
    assert_int_equal(rs_receive(n.host[B], n.conn[B], got, 4, n.v.now), 4);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(n.seen[i], n.v.frames[i]);
        assert_int_equal(n.arrived[1 - i], n.v.frames[i]);
    }
    assert_true(n.v.frames[A] >= 3 && n.v.frames[A] <= 4);
    all_text_arrives();
    run_until(n.v.now + 10 * RS_SEC);
    assert_int_equal(vnet_deadline(&n.v), RS_NEVER); /* and silence follows */
}

static void text_arrives_through_every_kind_of_fault(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        const struct fault_rates rates = { .seed = seed, .drop = 50000, .dup = 50000,
                                           .delay = 50000, .reorder = 50000, .corrupt = 50000,
                                           .delay_max = 300 * RS_MSEC };
        up(&rates);
        run_until(n.v.now + 60 * RS_SEC);
        all_text_arrives();
        assert_true(n.arrived[A] + n.arrived[B] > 0);
    }
}

static void the_same_seed_gives_the_same_frames(void **state)
{
    const struct fault_rates rates = { .seed = 9, .drop = 100000, .reorder = 100000,
                                       .delay = 100000, .delay_max = RS_SEC };
    uint64_t sum = 0;

    (void)state;
    for (int again = 0; again <= 1; again++) {
        up(&rates);
        run_until(n.v.now + 60 * RS_SEC);
        all_text_arrives();
        assert_true(!again || n.sum == sum);
        sum = n.sum;
    }
}

/* A frame on its way is something that will happen, though both hosts wait for nothing else. */
static void the_deadline_is_that_of_whatever_comes_first(void **state)
{
    const struct sc_fault slow = { .action = SC_DELAY, .seg_class = SC_C_ANY, .nth = 1,
                                   .delay = 5 * RS_MSEC };

    (void)state;
    up(NULL);
    assert_true(fault_add(&n.v.link[A], &slow));
    assert_true(vnet_settle(&n.v, 100)); /* the SYN is on its way */
    assert_int_equal(n.v.frames[A], 1);
    assert_int_equal(n.arrived[B], 0);
    assert_int_equal(vnet_deadline(&n.v), RS_SEC + 5 * RS_MSEC);
    n.v.now += 5 * RS_MSEC;
    assert_true(vnet_settle(&n.v, 100));
    assert_int_equal(n.arrived[B], n.v.frames[A]);
    assert_true(n.arrived[A] > 0);
}

/* The bound is what tells a storm from a transfer. */
static void more_frames_than_allowed_are_reported(void **state)
{
    (void)state;
    up(NULL);
    assert_false(vnet_settle(&n.v, 1));
    assert_true(vnet_settle(&n.v, 100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_faults_each_frame_sent_arrives_at_once),
        cmocka_unit_test(text_arrives_through_every_kind_of_fault),
        cmocka_unit_test(the_same_seed_gives_the_same_frames),
        cmocka_unit_test(the_deadline_is_that_of_whatever_comes_first),
        cmocka_unit_test(more_frames_than_allowed_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, down);
}
