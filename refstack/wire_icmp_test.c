#include "refstack/wire_test.h"

static const uint8_t echo[] = { 8, 0, 0x95, 0x64, 0x12, 0x34, 0x00, 0x01, 'p', 'i', 'n' };

static void a_message_is_read_field_by_field(void **state)
{
    struct icmp_msg m;
    (void)state;
    const uint8_t *p = guard_copy(&test_guard, echo, sizeof echo);
    assert_int_equal(icmp_parse(&m, p, sizeof echo), WIRE_OK);
    assert_int_equal(m.type, ICMP_ECHO);
    assert_int_equal(m.code, 0);
    assert_int_equal(m.csum, 0x9564);
    assert_int_equal(m.rest, 0x12340001);
    assert_ptr_equal(m.body, p + 8);
    assert_int_equal(m.body_len, 3);
}

static void every_truncation_of_the_header_is_refused(void **state)
{
    struct icmp_msg m;
    (void)state;
    for (size_t len = 0; len < ICMP_HEADER; len++)
        assert_int_equal(icmp_parse(&m, guard_copy(&test_guard, echo, len), len), WIRE_TRUNCATED);
    assert_int_equal(icmp_parse(&m, guard_copy(&test_guard, echo, 8), 8), WIRE_OK);
    assert_int_equal(m.body_len, 0);
}

static void any_message_survives_a_round_trip(void **state)
{
    struct test_rand r = { 792 };
    uint8_t wire[80];
    struct icmp_msg m;
    (void)state;
    for (int i = 0; i < 5000; i++) {
        const size_t len = ICMP_HEADER + test_rand_below(&r, sizeof wire - ICMP_HEADER + 1);
        test_rand_fill(&r, wire, len);
        assert_int_equal(icmp_parse(&m, wire, len), WIRE_OK);
        uint8_t *out = guard_at(&test_guard, len);
        assert_int_equal(icmp_emit(&m, out, len), len);
        assert_memory_equal(out, wire, len);
        assert_int_equal(icmp_emit(&m, out + 1, len - 1), 0);
    }
}

static void an_emitted_checksum_is_accepted_and_every_flipped_bit_refused(void **state)
{
    const struct icmp_msg m = {
        .type = ICMP_ECHO, .csum = 0xdead, .rest = 0x12340001, .body = echo + 8, .body_len = 3,
    };
    uint8_t *out = guard_at(&test_guard, sizeof echo);
    (void)state;
    assert_int_equal(icmp_emit_sum(&m, out, sizeof echo), sizeof echo);
    assert_true(icmp_checksum_ok(out, sizeof echo));
    for (size_t bit = 0; bit < 8 * sizeof echo; bit++) {
        out[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(icmp_checksum_ok(out, sizeof echo));
        out[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(icmp_emit_sum(&m, out, sizeof echo - 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_read_field_by_field),
        cmocka_unit_test(every_truncation_of_the_header_is_refused),
        cmocka_unit_test(any_message_survives_a_round_trip),
        cmocka_unit_test(an_emitted_checksum_is_accepted_and_every_flipped_bit_refused),
    };
    return cmocka_run_group_tests(tests, test_guard_up, test_guard_down);
}
