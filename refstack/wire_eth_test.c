#include "refstack/wire_test.h"

static const uint8_t arp_request[ARP_SIZE] = {
    0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2,
};

static void an_ethernet_header_is_read_field_by_field(void **state)
{
    const uint8_t wire[ETH_HEADER] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x86, 0xdd };
    struct eth_hdr h;
    (void)state;
    assert_int_equal(eth_parse(&h, guard_copy(&test_guard, wire, sizeof wire), sizeof wire),
                     WIRE_OK);
    assert_memory_equal(h.dst, wire, 6);
    assert_memory_equal(h.src, wire + 6, 6);
    assert_int_equal(h.type, ETH_TYPE_IP6);
}

static void every_truncation_of_an_ethernet_header_is_refused(void **state)
{
    uint8_t wire[ETH_HEADER] = { 0 };
    struct eth_hdr h;
    (void)state;
    for (size_t len = 0; len < sizeof wire; len++)
        assert_int_equal(eth_parse(&h, guard_copy(&test_guard, wire, len), len), WIRE_TRUNCATED);
}

static void any_ethernet_header_survives_a_round_trip(void **state)
{
    struct test_rand r = { 894 };
    uint8_t wire[ETH_HEADER];
    struct eth_hdr h;
    (void)state;
    for (int i = 0; i < 1000; i++) {
        test_rand_fill(&r, wire, sizeof wire);
        assert_int_equal(eth_parse(&h, wire, sizeof wire), WIRE_OK);
        uint8_t *out = guard_at(&test_guard, sizeof wire);
        assert_int_equal(eth_emit(&h, out, sizeof wire), sizeof wire);
        assert_memory_equal(out, wire, sizeof wire);
    }
}

static void nothing_is_emitted_into_too_small_a_buffer(void **state)
{
    struct eth_hdr h = { .type = ETH_TYPE_IP4 };
    struct arp_pkt a = { .op = ARP_REPLY };
    (void)state;
    for (size_t cap = 0; cap < ETH_HEADER; cap++)
        assert_int_equal(eth_emit(&h, guard_at(&test_guard, cap), cap), 0);
    for (size_t cap = 0; cap < ARP_SIZE; cap++)
        assert_int_equal(arp_emit(&a, guard_at(&test_guard, cap), cap), 0);
}

static void an_arp_request_is_read_field_by_field(void **state)
{
    struct arp_pkt a;
    (void)state;
    assert_int_equal(arp_parse(&a, guard_copy(&test_guard, arp_request, ARP_SIZE), ARP_SIZE),
                     WIRE_OK);
    assert_int_equal(a.op, ARP_REQUEST);
    assert_memory_equal(a.sender_mac, arp_request + 8, 6);
    assert_memory_equal(a.sender_ip, arp_request + 14, 4);
    assert_memory_equal(a.target_mac, arp_request + 18, 6);
    assert_memory_equal(a.target_ip, arp_request + 24, 4);
}

static void every_truncation_of_an_arp_packet_is_refused(void **state)
{
    struct arp_pkt a;
    (void)state;
    for (size_t len = 0; len < ARP_SIZE; len++)
        assert_int_equal(arp_parse(&a, guard_copy(&test_guard, arp_request, len), len),
                         WIRE_TRUNCATED);
}

/* The first six octets say which hardware and protocol the rest is for. */
static void arp_for_other_hardware_or_protocols_is_told_apart(void **state)
{
    struct arp_pkt a;
    (void)state;
    for (size_t at = 0; at < 6; at++) {
        for (int bit = 0; bit < 8; bit++) {
            uint8_t *p = guard_copy(&test_guard, arp_request, ARP_SIZE);
            p[at] ^= (uint8_t)(1 << bit);
            assert_int_equal(arp_parse(&a, p, ARP_SIZE), WIRE_BAD_VERSION);
        }
    }
}

/* Any operation is held, known or not. */
static void any_arp_packet_survives_a_round_trip(void **state)
{
    struct test_rand r = { 826 };
    uint8_t wire[ARP_SIZE];
    struct arp_pkt a;
    (void)state;
    memcpy(wire, arp_request, sizeof wire);
    for (int i = 0; i < 1000; i++) {
        test_rand_fill(&r, wire + 6, sizeof wire - 6);
        assert_int_equal(arp_parse(&a, wire, sizeof wire), WIRE_OK);
        uint8_t *out = guard_at(&test_guard, sizeof wire);
        assert_int_equal(arp_emit(&a, out, sizeof wire), sizeof wire);
        assert_memory_equal(out, wire, sizeof wire);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ethernet_header_is_read_field_by_field),
        cmocka_unit_test(every_truncation_of_an_ethernet_header_is_refused),
        cmocka_unit_test(any_ethernet_header_survives_a_round_trip),
        cmocka_unit_test(nothing_is_emitted_into_too_small_a_buffer),
        cmocka_unit_test(an_arp_request_is_read_field_by_field),
        cmocka_unit_test(every_truncation_of_an_arp_packet_is_refused),
        cmocka_unit_test(arp_for_other_hardware_or_protocols_is_told_apart),
        cmocka_unit_test(any_arp_packet_survives_a_round_trip),
    };
    return cmocka_run_group_tests(tests, test_guard_up, test_guard_down);
}
