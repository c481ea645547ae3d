#include "refstack/wire_test.h"

static const uint8_t syn[] = {
    0x80, 0x01, 0x00, 0x50, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x60, 0x02,
    0xfa, 0xf0, 0xbe, 0xef, 0x00, 0x09, 2,    4,    0x05, 0xb4, 'h',  'i',
};

static void a_segment_is_read_field_by_field(void **state)
{
    struct tcp_seg s;
    (void)state;
    const uint8_t *p = guard_copy(&test_guard, syn, sizeof syn);
    assert_int_equal(tcp_parse(&s, p, sizeof syn), WIRE_OK);
    assert_int_equal(s.src_port, 0x8001);
    assert_int_equal(s.dst_port, 80);
    assert_int_equal(s.seq, 0x11223344);
    assert_int_equal(s.ack, 0x55667788);
    assert_int_equal(s.doff, 6);
    assert_int_equal(s.flags, TCP_SYN);
    assert_int_equal(s.wnd, 0xfaf0);
    assert_int_equal(s.csum, 0xbeef);
    assert_int_equal(s.up, 9);
    assert_ptr_equal(s.opt, p + 20);
    assert_int_equal(s.opt_len, 4);
    assert_ptr_equal(s.text, p + 24);
    assert_int_equal(s.text_len, 2);
}

static void every_truncation_of_the_fixed_header_is_refused(void **state)
{
    struct tcp_seg s;
    (void)state;
    for (size_t len = 0; len < TCP_HEADER; len++)
        assert_int_equal(tcp_parse(&s, guard_copy(&test_guard, syn, len), len), WIRE_TRUNCATED);
    assert_int_equal(tcp_parse(&s, NULL, 0), WIRE_TRUNCATED);
}

/* Every data offset against every number of octets there are. */
static void a_data_offset_that_lies_is_refused_and_never_read_past_the_end(void **state)
{
    struct tcp_seg s;
    uint8_t wire[64] = { 0 };
    (void)state;
    for (size_t doff = 0; doff < 16; doff++) {
        for (size_t len = TCP_HEADER; len <= sizeof wire; len++) {
            wire[12] = (uint8_t)(doff << 4);
            const uint8_t *p = guard_copy(&test_guard, wire, len);
            const bool fits = doff >= 5 && doff * 4 <= len;
            assert_int_equal(tcp_parse(&s, p, len), fits ? WIRE_OK : WIRE_BAD_LENGTH);
        }
    }
}

static void all_4096_sets_of_flags_are_held_and_emitted(void **state)
{
    struct tcp_seg s;
    uint8_t wire[TCP_HEADER] = { 0 }, out[TCP_HEADER];
    (void)state;
    for (uint16_t flags = 0; flags < 4096; flags++) {
        wire[12] = (uint8_t)(0x50 | flags >> 8);
        wire[13] = (uint8_t)flags;
        assert_int_equal(tcp_parse(&s, wire, sizeof wire), WIRE_OK);
        assert_int_equal(s.flags, flags);
        assert_int_equal(tcp_emit(&s, out, sizeof out), sizeof out);
        assert_memory_equal(out, wire, sizeof wire);
    }
}

static void syn_and_fin_each_count_one_in_the_segment_length(void **state)
{
    struct tcp_seg s = { .flags = TCP_ACK | TCP_PSH, .text_len = 5 };
    (void)state;
    assert_int_equal(tcp_seg_len(&s), 5);
    s.flags = TCP_SYN;
    assert_int_equal(tcp_seg_len(&s), 6);
    s.flags = TCP_SYN | TCP_FIN;
    assert_int_equal(tcp_seg_len(&s), 7);
}

static size_t random_segment(struct test_rand *r, uint8_t *wire, size_t text)
{
    const size_t doff = 5 + test_rand_below(r, 11);
    test_rand_fill(r, wire, doff * 4 + text);
    wire[12] = (uint8_t)(doff << 4 | (wire[12] & 0x0f));
    return doff * 4 + text;
}

static void any_segment_survives_a_round_trip_its_checksum_right_or_wrong(void **state)
{
    struct test_rand r = { 9293 };
    uint8_t wire[160];
    struct tcp_seg s;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        const size_t len = random_segment(&r, wire, test_rand_below(&r, 100));
        assert_int_equal(tcp_parse(&s, wire, len), WIRE_OK);
        uint8_t *out = guard_at(&test_guard, len);
        assert_int_equal(tcp_emit(&s, out, len), len);
        assert_memory_equal(out, wire, len);
        assert_int_equal(tcp_emit(&s, out + 1, len - 1), 0);
    }
}

static struct rs_addr random_address(struct test_rand *r, uint8_t version)
{
    struct rs_addr a = { .version = version };
    test_rand_fill(r, a.octet, version == 6 ? 16 : 4);
    return a;
}

static void an_emitted_checksum_is_accepted_over_both_ip_versions(void **state)
{
    struct test_rand r = { 9294 };
    uint8_t wire[160];
    struct tcp_seg s;
    (void)state;
    for (int i = 0; i < 5000; i++) {
        const struct rs_addr src = random_address(&r, i % 2 ? 4 : 6);
        const struct rs_addr dst = random_address(&r, i % 2 ? 4 : 6);
        const size_t len = random_segment(&r, wire, test_rand_below(&r, 100));
        assert_int_equal(tcp_parse(&s, wire, len), WIRE_OK);
        uint8_t *out = guard_at(&test_guard, len);
        assert_int_equal(tcp_emit_sum(&s, &src, &dst, out, len), len);
        assert_true(tcp_checksum_ok(&src, &dst, out, len));
        memcpy(out + 16, wire + 16, 2);
        assert_memory_equal(out, wire, len);
        assert_int_equal(tcp_emit_sum(&s, &src, &dst, out + 1, len - 1), 0);
    }
}

static void a_checksum_put_later_changes_its_own_two_octets_only(void **state)
{
    uint8_t before[sizeof syn], after[sizeof syn];
    struct tcp_seg s;
    (void)state;
    assert_int_equal(tcp_parse(&s, syn, sizeof syn), WIRE_OK);
    assert_int_equal(tcp_emit(&s, before, sizeof before), sizeof syn);
    memcpy(after, before, sizeof after);
    tcp_put_csum(after, 0x1234);
    s.csum = 0x1234;
    assert_int_equal(tcp_emit(&s, before, sizeof before), sizeof syn);
    assert_memory_equal(after, before, sizeof after);
    assert_int_equal(after[16] << 8 | after[17], 0x1234);
}

static void a_flipped_bit_anywhere_or_another_address_breaks_the_checksum(void **state)
{
    const struct rs_addr a = rs_ip4(10, 0, 0, 1), b = rs_ip4(10, 0, 0, 2), c = rs_ip4(10, 0, 0, 3);
    uint8_t out[sizeof syn];
    struct tcp_seg s;
    (void)state;
    tcp_parse(&s, syn, sizeof syn);
    assert_int_equal(tcp_emit_sum(&s, &a, &b, out, sizeof out), sizeof syn);
    assert_true(tcp_checksum_ok(&a, &b, out, sizeof out));
    assert_false(tcp_checksum_ok(&a, &c, out, sizeof out));
    for (size_t bit = 0; bit < 8 * sizeof out; bit++) {
        out[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(tcp_checksum_ok(&a, &b, out, sizeof out));
        out[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void the_data_offset_is_emitted_as_given_however_wrong(void **state)
{
    struct tcp_seg s = { .doff = 15, .opt = syn + 20, .opt_len = 4, .text = syn, .text_len = 1 };
    uint8_t out[61], zeros[36] = { 0 };
    (void)state;
    assert_int_equal(tcp_emit(&s, out, sizeof out), 61);
    assert_int_equal(out[12], 0xf0);
    assert_memory_equal(out + 20, syn + 20, 4);
    assert_memory_equal(out + 24, zeros, sizeof zeros);
    assert_int_equal(out[60], syn[0]);
    s.doff = 2;
    assert_int_equal(tcp_emit(&s, out, sizeof out), 25);
    assert_int_equal(out[12], 0x20);
    assert_int_equal(out[24], syn[0]);
}

static void values_wider_than_their_fields_are_not_emitted(void **state)
{
    const struct rs_addr a = rs_ip4(10, 0, 0, 1);
    uint8_t out[200];
    struct tcp_seg s = { .doff = 16 };
    (void)state;
    assert_int_equal(tcp_emit(&s, out, sizeof out), 0);
    s = (struct tcp_seg){ .doff = 5, .flags = 0x1000 };
    assert_int_equal(tcp_emit(&s, out, sizeof out), 0);
    s = (struct tcp_seg){ .opt = out, .opt_len = 41 };
    assert_int_equal(tcp_emit_sum(&s, &a, &a, out, sizeof out), 0);
}

static void options_are_padded_to_a_multiple_of_four_and_missing_text_is_zeros(void **state)
{
    const struct rs_addr a = rs_ip4(10, 0, 0, 1), b = rs_ip4(10, 0, 0, 2);
    const struct tcp_seg s = { .opt = syn + 20, .opt_len = 3, .text_len = 7 };
    const uint8_t tail[8] = { 0 };
    uint8_t out[31];
    (void)state;
    memset(out, 0xff, sizeof out);
    assert_int_equal(tcp_emit_sum(&s, &a, &b, out, sizeof out), 31);
    assert_int_equal(out[12], 0x60);
    assert_memory_equal(out + 23, tail, 8);
    assert_true(tcp_checksum_ok(&a, &b, out, sizeof out));
}

/* Where text is counted but not given, zeros stand in the segment, and never what was there. */
static void text_that_is_not_given_is_zeros(void **state)
{
    const struct tcp_seg s = { .doff = 5, .flags = TCP_ACK, .text_len = 7 };
    uint8_t buf[TCP_HEADER + 7];
    const uint8_t zeros[7] = { 0 };

    (void)state;
    memset(buf, 0xff, sizeof buf);
    assert_int_equal(tcp_emit(&s, buf, sizeof buf), sizeof buf);
    assert_memory_equal(buf + TCP_HEADER, zeros, sizeof zeros);
    assert_int_equal(tcp_emit(&s, buf, sizeof buf - 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_segment_is_read_field_by_field),
        cmocka_unit_test(text_that_is_not_given_is_zeros),
        cmocka_unit_test(every_truncation_of_the_fixed_header_is_refused),
        cmocka_unit_test(a_data_offset_that_lies_is_refused_and_never_read_past_the_end),
        cmocka_unit_test(all_4096_sets_of_flags_are_held_and_emitted),
        cmocka_unit_test(syn_and_fin_each_count_one_in_the_segment_length),
        cmocka_unit_test(any_segment_survives_a_round_trip_its_checksum_right_or_wrong),
        cmocka_unit_test(an_emitted_checksum_is_accepted_over_both_ip_versions),
        cmocka_unit_test(a_checksum_put_later_changes_its_own_two_octets_only),
        cmocka_unit_test(a_flipped_bit_anywhere_or_another_address_breaks_the_checksum),
        cmocka_unit_test(the_data_offset_is_emitted_as_given_however_wrong),
        cmocka_unit_test(values_wider_than_their_fields_are_not_emitted),
        cmocka_unit_test(options_are_padded_to_a_multiple_of_four_and_missing_text_is_zeros),
    };
    return cmocka_run_group_tests(tests, test_guard_up, test_guard_down);
}
