#include "refstack/wire_test.h"

/* A datagram of TCP whose header checksum is right: the well-known example 0xb861. */
static const uint8_t datagram[] = {
    0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
    0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7,
};

static void set_len(uint8_t *p, size_t total)
{
    p[2] = (uint8_t)(total >> 8);
    p[3] = (uint8_t)total;
}

static void a_header_is_read_field_by_field(void **state)
{
    const uint8_t wire[] = {
        0x46, 0xb9, 0x00, 27, 0x12, 0x34, 0x60, 0x07, 63, 6, 0xab, 0xcd, 10, 0,
        0,    1,    10,   0,  0,    2,    1,    1,    1,  0, 'a',  'b',  'c',
    };
    const struct rs_addr src = rs_ip4(10, 0, 0, 1), dst = rs_ip4(10, 0, 0, 2);
    struct ip4_hdr h;
    (void)state;
    const uint8_t *p = guard_copy(&test_guard, wire, sizeof wire);
    assert_int_equal(ip4_parse(&h, p, sizeof wire), WIRE_OK);
    assert_int_equal(h.ihl, 6);
    assert_int_equal(h.tos, 0xb9);
    assert_int_equal(h.total_len, 27);
    assert_int_equal(h.id, 0x1234);
    assert_int_equal(h.frag, IP4_DF | IP4_MF | 7);
    assert_int_equal(h.ttl, 63);
    assert_int_equal(h.proto, IP_PROTO_TCP);
    assert_int_equal(h.csum, 0xabcd);
    assert_memory_equal(&h.src, &src, sizeof src);
    assert_memory_equal(&h.dst, &dst, sizeof dst);
    assert_memory_equal(h.opt, wire + 20, 4);
    assert_ptr_equal(h.payload, p + 24);
    assert_int_equal(h.payload_len, 3);
}

static void every_truncation_of_the_fixed_header_is_refused(void **state)
{
    struct ip4_hdr h;
    (void)state;
    for (size_t len = 0; len < IP4_HEADER; len++)
        assert_int_equal(ip4_parse(&h, guard_copy(&test_guard, datagram, len), len),
                         WIRE_TRUNCATED);
}

static void every_other_version_is_told_apart(void **state)
{
    struct ip4_hdr h;
    (void)state;
    for (uint8_t version = 0; version < 16; version++) {
        uint8_t *p = guard_copy(&test_guard, datagram, IP4_HEADER);
        p[0] = (uint8_t)(version << 4 | 5);
        set_len(p, IP4_HEADER);
        assert_int_equal(ip4_parse(&h, p, IP4_HEADER), version == 4 ? WIRE_OK : WIRE_BAD_VERSION);
    }
}

/* Every header length against every number of octets there are, and every total length. */
static void lengths_that_lie_are_refused_and_never_read_past_the_end(void **state)
{
    struct ip4_hdr h;
    uint8_t wire[64] = { 0 };
    (void)state;
    memcpy(wire, datagram, sizeof datagram);
    for (size_t ihl = 0; ihl < 16; ihl++) {
        for (size_t len = IP4_HEADER; len <= sizeof wire; len++) {
            for (size_t total = 0; total <= sizeof wire + 1; total++) {
                wire[0] = (uint8_t)(0x40 | ihl);
                set_len(wire, total);
                const bool fits = ihl >= 5 && ihl * 4 <= total && total <= len;
                const uint8_t *p = guard_copy(&test_guard, wire, len);
                assert_int_equal(ip4_parse(&h, p, len), fits ? WIRE_OK : WIRE_BAD_LENGTH);
            }
        }
    }
    set_len(wire, 65535);
    assert_int_equal(ip4_parse(&h, wire, sizeof wire), WIRE_BAD_LENGTH);
}

static void link_padding_is_left_out_of_the_payload(void **state)
{
    struct ip4_hdr h;
    uint8_t wire[60] = { 0 };
    (void)state;
    memcpy(wire, datagram, sizeof datagram);
    set_len(wire, 22);
    assert_int_equal(ip4_parse(&h, wire, sizeof wire), WIRE_OK);
    assert_int_equal(h.payload_len, 2);
}

static void a_right_checksum_is_accepted_and_every_flipped_bit_refused(void **state)
{
    uint8_t wire[IP4_HEADER];
    (void)state;
    memcpy(wire, datagram, sizeof wire);
    assert_true(ip4_checksum_ok(wire, sizeof wire));
    for (size_t bit = 0; bit < 8 * sizeof wire; bit++) {
        wire[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(ip4_checksum_ok(wire, sizeof wire));
        wire[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

/* Random octets, made to fit their own lengths and nothing else. */
static size_t random_header(struct test_rand *r, uint8_t *wire, size_t payload)
{
    const size_t ihl = 5 + test_rand_below(r, 11);
    test_rand_fill(r, wire, ihl * 4);
    wire[0] = (uint8_t)(0x40 | ihl);
    set_len(wire, ihl * 4 + payload);
    return ihl * 4;
}

static void any_header_survives_a_round_trip_its_checksum_right_or_wrong(void **state)
{
    struct test_rand r = { 791 };
    uint8_t wire[100];
    struct ip4_hdr h;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        const size_t payload = test_rand_below(&r, 40);
        const size_t header = random_header(&r, wire, payload);
        assert_int_equal(ip4_parse(&h, wire, header + payload), WIRE_OK);
        assert_ptr_equal(h.payload, wire + header);
        uint8_t *out = guard_at(&test_guard, header);
        assert_int_equal(ip4_emit(&h, out, header), header);
        assert_memory_equal(out, wire, header);
        assert_int_equal(ip4_emit(&h, out + 1, header - 1), 0);
    }
}

static void an_emitted_checksum_is_accepted_whatever_was_in_the_field(void **state)
{
    struct test_rand r = { 792 };
    uint8_t wire[60];
    struct ip4_hdr h;
    (void)state;
    for (int i = 0; i < 2000; i++) {
        const size_t header = random_header(&r, wire, 0);
        assert_int_equal(ip4_parse(&h, wire, header), WIRE_OK);
        const uint16_t given = h.csum;
        uint8_t *out = guard_at(&test_guard, header);
        assert_int_equal(ip4_emit_sum(&h, out, header), header);
        assert_true(ip4_checksum_ok(out, header));
        assert_int_equal(h.csum, given);
        assert_int_equal(ip4_emit_sum(&h, out + 1, header - 1), 0);
    }
}

static void a_header_length_too_small_is_emitted_as_given_and_one_too_large_is_not(void **state)
{
    struct ip4_hdr h = { .ihl = 3, .total_len = 20, .src = rs_ip4(1, 2, 3, 4) };
    uint8_t out[IP4_HEADER];
    (void)state;
    assert_int_equal(ip4_emit(&h, out, sizeof out), IP4_HEADER);
    assert_int_equal(out[0], 0x43);
    h.ihl = 16;
    assert_int_equal(ip4_emit(&h, guard_at(&test_guard, 100), 100), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_is_read_field_by_field),
        cmocka_unit_test(every_truncation_of_the_fixed_header_is_refused),
        cmocka_unit_test(every_other_version_is_told_apart),
        cmocka_unit_test(lengths_that_lie_are_refused_and_never_read_past_the_end),
        cmocka_unit_test(link_padding_is_left_out_of_the_payload),
        cmocka_unit_test(a_right_checksum_is_accepted_and_every_flipped_bit_refused),
        cmocka_unit_test(any_header_survives_a_round_trip_its_checksum_right_or_wrong),
        cmocka_unit_test(an_emitted_checksum_is_accepted_whatever_was_in_the_field),
        cmocka_unit_test(a_header_length_too_small_is_emitted_as_given_and_one_too_large_is_not),
    };
    return cmocka_run_group_tests(tests, test_guard_up, test_guard_down);
}
