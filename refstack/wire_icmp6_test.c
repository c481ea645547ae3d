#include "refstack/wire_test.h"

static struct rs_addr addr(uint8_t last)
{
    return (struct rs_addr){ .version = 6, .octet = { 0x20, 1, 0x0d, 0xb8, [15] = last } };
}

/* An echo request of four octets between 2001:db8::1 and ::2, summed by hand. */
static void a_checksum_covers_the_pseudo_header(void **state)
{
    const struct rs_addr a = addr(1), b = addr(2), other = addr(3);
    const struct icmp_msg m = { .type = ICMP6_ECHO, .rest = 0x12340001,
                                .body = (const uint8_t *)"abcd", .body_len = 4 };
    uint8_t out[12];
    (void)state;
    assert_int_equal(icmp6_emit_sum(&m, &a, &b, out, sizeof out), 12);
    /* ~(2001+db8+1 + 2001+db8+2 + c + 3a + 8000 + 1234+1 + 6162+6364) */
    assert_int_equal(out[2] << 8 | out[3], 0x4d48);
    assert_true(icmp6_checksum_ok(&a, &b, out, sizeof out));
    assert_false(icmp6_checksum_ok(&a, &other, out, sizeof out));
    for (size_t bit = 0; bit < 8 * sizeof out; bit++) {
        out[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(icmp6_checksum_ok(&a, &b, out, sizeof out));
        out[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(icmp6_emit_sum(&m, &a, &b, out, sizeof out - 1), 0);
}

static void any_discovery_message_survives_and_every_truncation_is_refused(void **state)
{
    struct test_rand r = { 4861 };
    uint8_t wire[80], out[80];
    struct icmp_msg m;
    struct nd_msg n;
    (void)state;
    for (size_t len = ICMP_HEADER; len <= sizeof wire; len++) {
        test_rand_fill(&r, wire, len);
        assert_int_equal(icmp_parse(&m, guard_copy(&test_guard, wire, len), len), WIRE_OK);
        if (len < ND_MSG) {
            assert_int_equal(nd_parse(&n, &m), WIRE_TRUNCATED);
            continue;
        }
        assert_int_equal(nd_parse(&n, &m), WIRE_OK);
        assert_int_equal(n.flags, m.rest);
        assert_int_equal(nd_emit(&n, out, len - ICMP_HEADER), len - ICMP_HEADER);
        assert_memory_equal(out, wire + ICMP_HEADER, len - ICMP_HEADER);
        assert_int_equal(nd_emit(&n, out, len - ICMP_HEADER - 1), 0);
    }
}

static void options_of_length_zero_or_overrunning_end_the_walk(void **state)
{
    const uint8_t opts[] = { 1, 1, 2, 0, 0, 0, 0, 9, 14, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
                             13, 14 };
    struct nd_opt o;
    uint8_t wire[sizeof opts], out[sizeof opts];
    unsigned count = 0;
    (void)state;
    struct rcur c = rcur_of(guard_copy(&test_guard, opts, sizeof opts), sizeof opts);
    struct wcur w = wcur_of(out, sizeof out);
    for (; nd_opt_next(&c, &o); count++)
        nd_opt_put(&w, &o);
    assert_false(c.bad || w.bad);
    assert_int_equal(count, 2);
    assert_memory_equal(out, opts, sizeof opts);
    for (size_t len = 1; len < sizeof opts; len++) {
        c = rcur_of(guard_copy(&test_guard, opts, len), len);
        while (nd_opt_next(&c, &o))
            ;
        assert_int_equal(c.bad, len != 8);
    }
    memcpy(wire, opts, sizeof opts);
    wire[9] = 0;
    c = rcur_of(wire, sizeof wire);
    assert_true(nd_opt_next(&c, &o));
    assert_false(nd_opt_next(&c, &o));
    assert_true(c.bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_checksum_covers_the_pseudo_header),
        cmocka_unit_test(any_discovery_message_survives_and_every_truncation_is_refused),
        cmocka_unit_test(options_of_length_zero_or_overrunning_end_the_walk),
    };
    return cmocka_run_group_tests(tests, test_guard_up, test_guard_down);
}
