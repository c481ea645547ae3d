#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "harness/fault.h"

enum { FRAME = 128 };

/* An IP datagram with a segment whose sequence number tells it from others. */
static size_t make(uint8_t *frame, uint32_t seq, uint16_t flags, const char *text)
{
    struct rs_addr a = rs_ip4(10, 0, 0, 1), b = rs_ip4(10, 0, 0, 2);
    struct tcp_seg seg = { .src_port = 1, .dst_port = 2, .seq = seq, .flags = flags,
                           .text = (const uint8_t *)text, .text_len = (uint32_t)strlen(text) };
    size_t tcp = tcp_emit_sum(&seg, &a, &b, frame + IP4_HEADER, FRAME - IP4_HEADER);
    struct ip4_hdr ip = { .ihl = 5, .total_len = (uint16_t)(IP4_HEADER + tcp), .ttl = 64,
                          .proto = IP_PROTO_TCP, .src = a, .dst = b };
    assert_true(tcp > 0);
    assert_int_equal(ip4_emit_sum(&ip, frame, FRAME), IP4_HEADER);
    return IP4_HEADER + tcp;
}

static enum sc_fault_action push(struct fault_link *f, uint32_t seq, uint16_t flags,
                                 const char *text, rs_time now)
{
    uint8_t frame[FRAME];
    size_t len = make(frame, seq, flags, text);
    return fault_push(f, frame, len, now);
}

enum { NONE = -1, DAMAGED = -2 };

/* The sequence number of the next segment out. */
static int64_t pop(struct fault_link *f, rs_time now)
{
    uint8_t frame[FRAME];
    struct frame_tcp t;
    size_t len = fault_pop(f, frame, sizeof frame, now);
    if (len == 0)
        return NONE;
    assert_true(frame_tcp(&t, RS_LINK_IP, frame, len));
    if (!tcp_checksum_ok(&t.src, &t.dst, t.tcp, t.tcp_len))
        return DAMAGED;
    return t.seg.seq;
}

static void rule(struct fault_link *f, enum sc_fault_action action, enum sc_seg_class c,
                 uint32_t nth, uint64_t delay)
{
    const struct sc_fault r = { .action = (uint8_t)action, .seg_class = (uint8_t)c, .nth = nth,
                                .delay = delay };
    assert_true(fault_add(f, &r));
}

static void without_faults_frames_pass_in_order(void **state)
{
    (void)state;
    struct fault_link f;
    fault_init(&f, RS_LINK_IP, NULL);
    assert_true(fault_idle(&f));
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(push(&f, i, TCP_ACK, "", 5), SC_N_FAULTS);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(pop(&f, 5), i);
    assert_int_equal(pop(&f, 5), NONE);
    assert_true(fault_deadline(&f) == RS_NEVER);
}

static void the_nth_of_a_class_is_dropped_and_no_other(void **state)
{
    (void)state;
    struct fault_link f;
    fault_init(&f, RS_LINK_IP, NULL);
    rule(&f, SC_DROP, SC_C_DATA, 2, 0);
    assert_int_equal(push(&f, 1, TCP_SYN, "", 0), SC_N_FAULTS);
    assert_int_equal(push(&f, 2, TCP_ACK, "a", 0), SC_N_FAULTS);
    assert_int_equal(push(&f, 3, TCP_ACK, "", 0), SC_N_FAULTS);
    assert_int_equal(push(&f, 4, TCP_ACK, "b", 0), SC_DROP);
    assert_int_equal(push(&f, 5, TCP_ACK, "c", 0), SC_N_FAULTS);
    const uint32_t left[] = { 1, 2, 3, 5 };
    for (int i = 0; i < 4; i++)
        assert_int_equal(pop(&f, 0), left[i]);
    assert_int_equal(pop(&f, 0), NONE);
}

static void nth_zero_is_every_one(void **state)
{
    (void)state;
    struct fault_link f;
    fault_init(&f, RS_LINK_IP, NULL);
    rule(&f, SC_DROP, SC_C_SYN, 0, 0);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(push(&f, i, TCP_SYN, "", 0), SC_DROP);
    assert_int_equal(push(&f, 9, TCP_SYN | TCP_ACK, "", 0), SC_N_FAULTS);
    assert_int_equal(pop(&f, 0), 9);
    assert_int_equal(pop(&f, 0), NONE);
}

static void a_duplicate_follows_its_original(void **state)
{
    (void)state;
    struct fault_link f;
    fault_init(&f, RS_LINK_IP, NULL);
    rule(&f, SC_DUP, SC_C_FIN, 1, 0);
    assert_int_equal(push(&f, 7, TCP_FIN | TCP_ACK, "", 0), SC_DUP);
    assert_int_equal(pop(&f, 0), 7);
    assert_int_equal(pop(&f, 0), 7);
    assert_int_equal(pop(&f, 0), NONE);
}

static void a_delayed_frame_comes_at_its_time(void **state)
{
    (void)state;
    struct fault_link f;
    fault_init(&f, RS_LINK_IP, NULL);
    rule(&f, SC_DELAY, SC_C_ANY, 1, 100);
    assert_int_equal(push(&f, 1, TCP_ACK, "", 1000), SC_DELAY);
    assert_int_equal(push(&f, 2, TCP_ACK, "", 1000), SC_N_FAULTS);
    assert_int_equal(pop(&f, 1000), 2);
    assert_int_equal(pop(&f, 1099), NONE);
    assert_true(fault_deadline(&f) == 1100);
    assert_int_equal(pop(&f, 1100), 1);
}

static void a_reordered_frame_is_overtaken_by_the_next(void **state)
{
    (void)state;
    struct fault_link f;
    fault_init(&f, RS_LINK_IP, NULL);
    rule(&f, SC_REORDER, SC_C_DATA, 1, 0);
    assert_int_equal(push(&f, 1, TCP_ACK, "a", 0), SC_REORDER);
    assert_int_equal(pop(&f, 10), NONE);
    assert_int_equal(push(&f, 2, TCP_ACK, "b", 10), SC_N_FAULTS);
    assert_int_equal(pop(&f, 10), 2);
    assert_int_equal(pop(&f, 10), 1);
    assert_int_equal(pop(&f, 10), NONE);
}

static void a_reordered_frame_with_none_after_it_comes_in_the_end(void **state)
{
    (void)state;
    struct fault_link f;
    fault_init(&f, RS_LINK_IP, NULL);
    rule(&f, SC_REORDER, SC_C_ANY, 1, 0);
    assert_int_equal(push(&f, 1, TCP_ACK, "a", 0), SC_REORDER);
    assert_true(fault_deadline(&f) < RS_SEC);
    assert_int_equal(pop(&f, RS_SEC), 1);
    assert_int_equal(f.held, 0);
}

static void a_corrupted_segment_has_a_wrong_checksum(void **state)
{
    (void)state;
    struct fault_link f;
    fault_init(&f, RS_LINK_IP, NULL);
    rule(&f, SC_CORRUPT, SC_C_DATA, 2, 0);
    push(&f, 1, TCP_ACK, "abc", 0);
    assert_int_equal(push(&f, 2, TCP_ACK, "abc", 0), SC_CORRUPT);
    push(&f, 3, TCP_ACK, "abc", 0);
    assert_int_equal(pop(&f, 0), 1);
    assert_int_equal(pop(&f, 0), DAMAGED);
    assert_int_equal(pop(&f, 0), 3);
}

static void rates_are_met_and_the_same_seed_gives_the_same_faults(void **state)
{
    (void)state;
    struct fault_link f[2];
    const struct fault_rates rates = { .seed = 1, .drop = 100000 };
    unsigned dropped = 0;
    fault_init(&f[0], RS_LINK_IP, &rates);
    fault_init(&f[1], RS_LINK_IP, &rates);
    for (uint32_t i = 0; i < 10000; i++) {
        enum sc_fault_action a = push(&f[0], i, TCP_ACK, "", 0);
        assert_int_equal(a, push(&f[1], i, TCP_ACK, "", 0));
        assert_true((pop(&f[0], 0) == NONE) == (a == SC_DROP));
        dropped += a == SC_DROP;
    }
    assert_in_range(dropped, 900, 1100);
    fault_clear(&f[0]);
    assert_true(fault_idle(&f[0]));
    fault_free(&f[1]);
}

static void what_is_not_tcp_passes(void **state)
{
    (void)state;
    struct fault_link f;
    uint8_t frame[FRAME] = { 0 };
    fault_init(&f, RS_LINK_ETHERNET, NULL);
    rule(&f, SC_DROP, SC_C_ANY, 0, 0);
    assert_int_equal(fault_push(&f, frame, 60, 0), SC_N_FAULTS);
    assert_int_equal(fault_push(&f, frame, 1, 0), SC_N_FAULTS);
    assert_int_equal(fault_pop(&f, frame, sizeof frame, 0), 60);
    assert_int_equal(fault_pop(&f, frame, sizeof frame, 0), 1);
    fault_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_faults_frames_pass_in_order),
        cmocka_unit_test(the_nth_of_a_class_is_dropped_and_no_other),
        cmocka_unit_test(nth_zero_is_every_one),
        cmocka_unit_test(a_duplicate_follows_its_original),
        cmocka_unit_test(a_delayed_frame_comes_at_its_time),
        cmocka_unit_test(a_reordered_frame_is_overtaken_by_the_next),
        cmocka_unit_test(a_reordered_frame_with_none_after_it_comes_in_the_end),
        cmocka_unit_test(a_corrupted_segment_has_a_wrong_checksum),
        cmocka_unit_test(rates_are_met_and_the_same_seed_gives_the_same_faults),
        cmocka_unit_test(what_is_not_tcp_passes),
    };
    return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
