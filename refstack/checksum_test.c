#include "refstack/wire_test.h"

/* RFC 1071 section 1, octet by octet in network order: slow and plainly right. */
static uint16_t plain_checksum(const uint8_t *p, size_t len)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < len; i++)
        sum += i % 2 ? p[i] : (uint64_t)p[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void the_example_of_rfc_1071_sums_to_ddf2(void **state)
{
    const uint8_t octets[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };
    (void)state;
    assert_int_equal(csum_fold(csum_add(0, octets, sizeof octets)), 0xffff ^ 0xddf2);
}

static void every_length_at_every_alignment_agrees_with_the_plain_sum(void **state)
{
    struct test_rand r = { 1071 };
    uint8_t octets[320];
    (void)state;
    test_rand_fill(&r, octets, sizeof octets);
    for (size_t len = 0; len < 300; len++) {
        for (size_t at = 0; at < 16; at++)
            assert_int_equal(csum_fold(csum_add(0, octets + at, len)),
                             plain_checksum(octets + at, len));
        const uint8_t *p = guard_copy(&test_guard, octets, len);
        assert_int_equal(csum_fold(csum_add(0, p, len)), plain_checksum(octets, len));
    }
}

static void carries_are_not_lost_in_long_runs_of_ones(void **state)
{
    const size_t len = 70001;
    uint8_t *p = guard_at(&test_guard, len);
    (void)state;
    memset(p, 0xff, len);
    assert_int_equal(csum_fold(csum_add(0, p, len)), plain_checksum(p, len));
    assert_int_equal(csum_fold(csum_add(UINT32_MAX, p, len)), plain_checksum(p, len));
}

/* Long enough for more than one block of the inner loop. */
static void two_mebibytes_agree_with_the_plain_sum(void **state)
{
    const size_t len = (2u << 20) + 45;
    struct test_rand r = { 2 };
    uint8_t *from = malloc(len);
    uint8_t *to = malloc(len);
    (void)state;
    assert_true(from && to);
    test_rand_fill(&r, from, len);
    memset(from + 1000, 0xff, 1u << 20);
    assert_int_equal(csum_fold(csum_add(0, from, len)), plain_checksum(from, len));
    assert_int_equal(csum_fold(csum_copy(0, to, from, len)), plain_checksum(from, len));
    assert_memory_equal(to, from, len);
    free(from);
    free(to);
}

static void a_sum_in_pieces_of_even_length_equals_the_sum_of_the_whole(void **state)
{
    struct test_rand r = { 3 };
    uint8_t octets[999];
    (void)state;
    test_rand_fill(&r, octets, sizeof octets);
    for (int round = 0; round < 2000; round++) {
        const size_t len = test_rand_below(&r, sizeof octets + 1);
        const size_t cut = test_rand_below(&r, len + 1) & ~(size_t)1;
        uint32_t sum = csum_add(0, octets, cut);
        sum = csum_add(sum, octets + cut, len - cut);
        assert_int_equal(csum_fold(sum), plain_checksum(octets, len));
    }
}

static void copying_copies_exactly_and_gives_the_same_sum(void **state)
{
    struct test_rand r = { 4 };
    uint8_t octets[300];
    (void)state;
    test_rand_fill(&r, octets, sizeof octets);
    for (size_t len = 0; len < sizeof octets; len++) {
        uint8_t *to = guard_at(&test_guard, len + 8);
        memset(to, 0xa5, len + 8);
        const uint32_t start = (uint32_t)test_rand_next(&r);
        assert_int_equal(csum_fold(csum_copy(start, to, octets, len)),
                         csum_fold(csum_add(start, octets, len)));
        assert_memory_equal(to, octets, len);
        for (size_t i = 0; i < 8; i++)
            assert_int_equal(to[len + i], 0xa5);
        to = guard_at(&test_guard, len);
        csum_copy(0, to, octets, len);
        assert_memory_equal(to, octets, len);
    }
}

static void any_flipped_bit_changes_the_sum(void **state)
{
    struct test_rand r = { 5 };
    uint8_t octets[75];
    (void)state;
    test_rand_fill(&r, octets, sizeof octets);
    const uint16_t right = csum_fold(csum_add(0, octets, sizeof octets));
    for (size_t bit = 0; bit < 8 * sizeof octets; bit++) {
        octets[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(csum_fold(csum_add(0, octets, sizeof octets)), right);
        octets[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void the_ipv4_pseudo_header_is_that_of_rfc_9293(void **state)
{
    const struct rs_addr src = rs_ip4(192, 0, 2, 1), dst = rs_ip4(198, 51, 100, 7);
    const uint8_t wire[] = { 192, 0, 2, 1, 198, 51, 100, 7, 0, 6, 0xab, 0xcd };
    (void)state;
    assert_int_equal(csum_fold(csum_pseudo(&src, &dst, 6, 0xabcd)),
                     plain_checksum(wire, sizeof wire));
}

static void the_ipv6_pseudo_header_is_that_of_rfc_8200(void **state)
{
    struct rs_addr src = { .version = 6 }, dst = { .version = 6 };
    uint8_t wire[40] = { [32] = 0x00, 0x12, 0x34, 0x56, 0, 0, 0, 6 };
    struct test_rand r = { 6 };
    (void)state;
    test_rand_fill(&r, wire, 32);
    memcpy(src.octet, wire, 16);
    memcpy(dst.octet, wire + 16, 16);
    assert_int_equal(csum_fold(csum_pseudo(&src, &dst, 6, 0x123456)),
                     plain_checksum(wire, sizeof wire));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_rfc_1071_sums_to_ddf2),
        cmocka_unit_test(every_length_at_every_alignment_agrees_with_the_plain_sum),
        cmocka_unit_test(carries_are_not_lost_in_long_runs_of_ones),
        cmocka_unit_test(two_mebibytes_agree_with_the_plain_sum),
        cmocka_unit_test(a_sum_in_pieces_of_even_length_equals_the_sum_of_the_whole),
        cmocka_unit_test(copying_copies_exactly_and_gives_the_same_sum),
        cmocka_unit_test(any_flipped_bit_changes_the_sum),
        cmocka_unit_test(the_ipv4_pseudo_header_is_that_of_rfc_9293),
        cmocka_unit_test(the_ipv6_pseudo_header_is_that_of_rfc_8200),
    };
    return cmocka_run_group_tests(tests, test_guard_up, test_guard_down);
}
