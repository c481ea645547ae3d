/* The line between two ends, with ends that only count and say what they are told to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "interop/line.h"

enum { FRAME = 40, MOST = 16 };

/* An end that sends `to_send` segments and notes the sequence numbers that arrive. */
struct end {
    struct line_port port;
    unsigned to_send, sent;
    uint32_t got[MOST];
    unsigned n;
    rs_time due;
};

static void end_input(void *arg, const uint8_t *frame, size_t len, rs_time now)
{
    struct end *e = arg;
    struct frame_tcp t;
    (void)now;
    assert_true(frame_tcp(&t, RS_LINK_IP, frame, len));
    assert_true(e->n < MOST);
    e->got[e->n++] = t.seg.seq;
}

static size_t end_output(void *arg, uint8_t *buf, size_t cap, rs_time now)
{
    struct end *e = arg;
    (void)now;
    if (e->sent == e->to_send)
        return 0;
    struct ip4_hdr ip = { .ihl = 5, .ttl = 64, .proto = IP_PROTO_TCP, .total_len = FRAME,
                          .src = rs_ip4(10, 0, 0, 1), .dst = rs_ip4(10, 0, 0, 2) };
    struct tcp_seg seg = { .src_port = 1, .dst_port = 2, .seq = ++e->sent, .flags = TCP_ACK,
                           .doff = 5 };
    size_t n = ip4_emit(&ip, buf, cap);
    return n + tcp_emit(&seg, buf + n, cap - n);
}

static rs_time end_deadline(void *arg)
{
    return ((struct end *)arg)->due;
}

struct fixture {
    struct end a, b;
    struct line line;
};

static void start(struct fixture *f, unsigned from_a, unsigned from_b)
{
    static const struct fault_rates none[2];
    memset(f, 0, sizeof *f);
    struct end *ends[2] = { &f->a, &f->b };
    for (int i = 0; i < 2; i++) {
        ends[i]->port = (struct line_port){ .arg = ends[i], .input = end_input,
                                            .output = end_output, .deadline = end_deadline,
                                            .fd = -1 };
        ends[i]->due = RS_NEVER;
    }
    f->a.to_send = from_a;
    f->b.to_send = from_b;
    line_init(&f->line, &f->a.port, &f->b.port, RS_LINK_IP, none);
}

static void frames_reach_the_other_end_in_order(void **state)
{
    static struct fixture f;
    (void)state;
    start(&f, 3, 2);
    assert_true(line_work(&f.line, 0));
    assert_int_equal(f.b.n, 3);
    assert_int_equal(f.a.n, 2);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(f.b.got[i], i + 1);
    assert_false(line_work(&f.line, 0));
    line_free(&f.line);
}

static void end_b_is_heard_a_batch_at_a_time(void **state)
{
    static struct fixture f;
    (void)state;
    start(&f, 3, 3);
    f.line.batch = 1;
    assert_true(line_work(&f.line, 0));
    assert_int_equal(f.b.n, 3);
    assert_int_equal(f.a.n, 1);
    line_free(&f.line);
}

static void a_delayed_frame_is_due_and_then_arrives(void **state)
{
    static struct fixture f;
    const struct sc_fault delay = { .action = SC_DELAY, .seg_class = SC_C_ANY, .nth = 1,
                                    .delay = 500 };
    (void)state;
    start(&f, 1, 0);
    assert_true(fault_add(&f.line.fault[END_A], &delay));
    f.b.due = 900;
    line_work(&f.line, 1000);
    assert_int_equal(f.b.n, 0);
    assert_int_equal(line_due(&f.line), 900);
    f.b.due = RS_NEVER;
    assert_int_equal(line_due(&f.line), 1500);
    assert_false(line_work(&f.line, 1499));
    assert_true(line_work(&f.line, 1500));
    assert_int_equal(f.b.n, 1);
    line_free(&f.line);
}

static enum sc_fault_action told;
static unsigned sent, delivered;

static void on_sent(void *arg, enum trace_end from, const uint8_t *frame, size_t len, rs_time now,
                    enum sc_fault_action action)
{
    (void)arg, (void)frame, (void)len, (void)now;
    assert_int_equal(from, END_B);
    told = action;
    sent++;
}

static void on_delivered(void *arg, enum trace_end from, const uint8_t *frame, size_t len,
                         rs_time now)
{
    (void)arg, (void)from, (void)frame, (void)len, (void)now;
    delivered++;
}

static void who_watches_is_told_of_a_lost_frame(void **state)
{
    static struct fixture f;
    const struct sc_fault drop = { .action = SC_DROP, .seg_class = SC_C_ANY, .nth = 1 };
    (void)state;
    start(&f, 0, 2);
    assert_true(fault_add(&f.line.fault[END_B], &drop));
    f.line.watch = (struct line_watch){ .sent = on_sent, .delivered = on_delivered };
    f.line.batch = 1;
    line_work(&f.line, 0);
    assert_int_equal(told, SC_DROP);
    assert_int_equal(delivered, 0);
    line_work(&f.line, 0);
    assert_int_equal(sent, 2);
    assert_int_equal(delivered, 1);
    assert_int_equal(f.a.got[0], 2);
    line_free(&f.line);
}

static void an_end_that_failed_is_not_asked_again(void **state)
{
    static struct fixture f;
    (void)state;
    start(&f, 0, 1);
    f.b.port.error = EBADFD;
    assert_false(line_work(&f.line, 0));
    assert_int_equal(f.b.sent, 0);
    assert_int_equal(line_error(&f.line), EBADFD);
    line_free(&f.line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_reach_the_other_end_in_order),
        cmocka_unit_test(end_b_is_heard_a_batch_at_a_time),
        cmocka_unit_test(a_delayed_frame_is_due_and_then_arrives),
        cmocka_unit_test(who_watches_is_told_of_a_lost_frame),
        cmocka_unit_test(an_end_that_failed_is_not_asked_again),
    };
    return cmocka_run_group_tests_name("line", tests, NULL, NULL);
}
