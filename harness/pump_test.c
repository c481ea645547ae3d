/* The pump between a host and a device, which here is one end of a socket pair of packets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/pump.h"

struct fixture {
    struct rs_config config;
    struct rs_host *host;
    struct pump pump;
    int device[2]; /* the pump's end, and the kernel's */
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    rs_config_default(&f->config);
    f->config.link = RS_LINK_IP;
    f->config.addr = rs_ip4(10, 0, 0, 2);
    f->config.prefix_len = 24;
    size_t size = rs_host_size(&f->config);
    f->host = rs_init(malloc(size), size, &f->config, pump_now());
    assert_non_null(f->host);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, f->device), 0);
    pump_init(&f->pump, f->host, f->device[0], RS_LINK_IP, NULL);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    pump_free(&f->pump);
    close(f->device[0]);
    close(f->device[1]);
    free(f->host);
    free(f);
    return 0;
}

/* A SYN to a port where nobody listens. */
static void send_syn(struct fixture *f, uint32_t seq)
{
    uint8_t frame[IP4_HEADER + 20];
    struct ip4_hdr ip = { .ihl = 5, .ttl = 64, .proto = IP_PROTO_TCP, .total_len = sizeof frame,
                          .src = rs_ip4(10, 0, 0, 1), .dst = rs_ip4(10, 0, 0, 2) };
    struct tcp_seg seg = { .src_port = 1000, .dst_port = 80, .seq = seq, .flags = TCP_SYN,
                           .doff = 5, .wnd = 1000 };
    assert_int_equal(ip4_emit_sum(&ip, frame, sizeof frame), IP4_HEADER);
    assert_int_equal(tcp_emit_sum(&seg, &ip.src, &ip.dst, frame + IP4_HEADER, 20), 20);
    assert_int_equal(write(f->device[1], frame, sizeof frame), sizeof frame);
}

/* The acknowledgment of the RST that comes back; 0 for silence. */
static uint32_t reset_for(struct fixture *f)
{
    uint8_t frame[2048];
    struct frame_tcp t;
    ssize_t n = read(f->device[1], frame, sizeof frame);
    if (n <= 0)
        return 0;
    assert_true(frame_tcp(&t, RS_LINK_IP, frame, (size_t)n));
    assert_true(t.seg.flags & TCP_RST);
    return t.seg.ack;
}

static void pump_all(struct fixture *f)
{
    while (pump_work(&f->pump))
        ;
}

static void a_frame_of_the_device_is_answered_on_it(void **state)
{
    struct fixture *f = *state;
    send_syn(f, 100);
    pump_all(f);
    assert_int_equal(reset_for(f), 101);
    assert_int_equal(reset_for(f), 0);
    assert_int_equal(f->pump.frames[PUMP_TO_HOST], 1);
    assert_int_equal(f->pump.frames[PUMP_TO_KERNEL], 1);
    assert_false(pump_work(&f->pump));
}

static void a_frame_dropped_towards_the_host_is_not_answered(void **state)
{
    struct fixture *f = *state;
    const struct sc_fault drop = { .action = SC_DROP, .seg_class = SC_C_SYN, .nth = 1 };
    assert_true(fault_add(&f->pump.link[PUMP_TO_HOST], &drop));
    send_syn(f, 100);
    pump_all(f);
    assert_int_equal(reset_for(f), 0);
    send_syn(f, 200);
    pump_all(f);
    assert_int_equal(reset_for(f), 201);
}

static void a_delayed_frame_is_waited_for(void **state)
{
    struct fixture *f = *state;
    const struct sc_fault delay = { .action = SC_DELAY, .seg_class = SC_C_RST, .nth = 1,
                                    .delay = 3000 };
    assert_true(fault_add(&f->pump.link[PUMP_TO_KERNEL], &delay));
    send_syn(f, 100);
    rs_time began = pump_now();
    pump_all(f);
    assert_int_equal(reset_for(f), 0);
    assert_true(pump_due(&f->pump) >= began + 3000);
    while (!f->pump.frames[PUMP_TO_KERNEL]) {
        pump_wait(&f->pump, RS_NEVER, NULL, 0);
        pump_work(&f->pump);
    }
    assert_true(pump_now() >= began + 3000);
    assert_int_equal(reset_for(f), 101);
}

static unsigned sent[2], delivered[2];

static void on_sent(void *arg, enum pump_dir dir, const uint8_t *frame, size_t len, rs_time now,
                    enum sc_fault_action action)
{
    (void)arg, (void)frame, (void)len, (void)now, (void)action;
    sent[dir]++;
}

static void on_delivered(void *arg, enum pump_dir dir, const uint8_t *frame, size_t len,
                         rs_time now)
{
    (void)arg, (void)frame, (void)len, (void)now;
    delivered[dir]++;
}

static void who_watches_is_told_of_each_frame(void **state)
{
    struct fixture *f = *state;
    const struct sc_fault drop = { .action = SC_DROP, .seg_class = SC_C_RST, .nth = 0 };
    assert_true(fault_add(&f->pump.link[PUMP_TO_KERNEL], &drop));
    f->pump.watch = (struct pump_watch){ .sent = on_sent, .delivered = on_delivered };
    send_syn(f, 100);
    pump_all(f);
    assert_int_equal(sent[PUMP_TO_HOST], 1);
    assert_int_equal(delivered[PUMP_TO_HOST], 1);
    assert_int_equal(sent[PUMP_TO_KERNEL], 1);
    assert_int_equal(delivered[PUMP_TO_KERNEL], 0);
}

static void a_device_that_is_gone_is_an_error(void **state)
{
    struct fixture *f = *state;
    f->pump.fd = -1;
    pump_work(&f->pump);
    assert_int_equal(f->pump.error, EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_frame_of_the_device_is_answered_on_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_frame_dropped_towards_the_host_is_not_answered, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_delayed_frame_is_waited_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_watches_is_told_of_each_frame, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_device_that_is_gone_is_an_error, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("pump", tests, NULL, NULL);
}
