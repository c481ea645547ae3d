#include "refstack/wire_test.h"

static const uint8_t header[] = {
    0x6a, 0xbc, 0xde, 0xf1, 0x00, 0x03, 6,    64,   0x20, 0x01, 0x0d, 0xb8, 0, 0, 0,   0,   0,
    0,    0,    0,    0,    0,    0,    0x01, 0x20, 0x01, 0x0d, 0xb8, 0,    0, 0, 0,   0,   0,
    0,    0,    0,    0,    0,    0x02, 'a',  'b',  'c',
};

static void a_header_is_read_field_by_field(void **state)
{
    struct ip6_hdr h;
    (void)state;
    const uint8_t *p = guard_copy(&test_guard, header, sizeof header);
    assert_int_equal(ip6_parse(&h, p, sizeof header), WIRE_OK);
    assert_int_equal(h.tclass, 0xab);
    assert_int_equal(h.flow, 0xcdef1);
    assert_int_equal(h.next, IP_PROTO_TCP);
    assert_int_equal(h.hops, 64);
    assert_int_equal(h.src.version, 6);
    assert_int_equal(h.src.octet[15], 1);
    assert_int_equal(h.dst.octet[15], 2);
    assert_ptr_equal(h.payload, p + IP6_HEADER);
    assert_int_equal(h.payload_len, 3);
}

static void every_truncation_and_every_lying_length_is_refused_and_never_read_past(void **state)
{
    struct ip6_hdr h;
    uint8_t wire[64] = { 0 };
    (void)state;
    memcpy(wire, header, sizeof header);
    for (size_t len = 0; len <= sizeof wire; len++) {
        for (size_t payload = 0; payload <= 30; payload++) {
            wire[5] = (uint8_t)payload;
            const enum wire_result want = len < IP6_HEADER             ? WIRE_TRUNCATED
                                          : payload > len - IP6_HEADER ? WIRE_BAD_LENGTH
                                                                       : WIRE_OK;
            assert_int_equal(ip6_parse(&h, guard_copy(&test_guard, wire, len), len), want);
        }
    }
    for (uint8_t version = 0; version < 16; version++) {
        memcpy(wire, header, sizeof header);
        wire[0] = (uint8_t)(version << 4);
        assert_int_equal(ip6_parse(&h, wire, sizeof header),
                         version == 6 ? WIRE_OK : WIRE_BAD_VERSION);
    }
}

static void any_header_survives_a_round_trip(void **state)
{
    struct test_rand r = { 8200 };
    uint8_t wire[IP6_HEADER];
    struct ip6_hdr h;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        test_rand_fill(&r, wire, sizeof wire);
        wire[0] = (uint8_t)(0x60 | (wire[0] & 15));
        wire[4] = wire[5] = 0;
        assert_int_equal(ip6_parse(&h, wire, sizeof wire), WIRE_OK);
        uint8_t *out = guard_at(&test_guard, sizeof wire);
        assert_int_equal(ip6_emit(&h, out, sizeof wire), sizeof wire);
        assert_memory_equal(out, wire, sizeof wire);
        assert_int_equal(ip6_emit(&h, out + 1, sizeof wire - 1), 0);
    }
}

static void any_extension_header_survives_and_every_truncation_is_refused(void **state)
{
    struct test_rand r = { 4 };
    uint8_t wire[2048];
    struct ip6_ext e;
    (void)state;
    for (unsigned words = 0; words < 256; words++) {
        const size_t whole = words * 8 + 8;
        test_rand_fill(&r, wire, whole);
        wire[1] = (uint8_t)words;
        assert_int_equal(ip6_ext_parse(&e, guard_copy(&test_guard, wire, whole), whole), WIRE_OK);
        assert_int_equal(e.body_len, whole - 2);
        uint8_t out[2048];
        assert_int_equal(ip6_ext_emit(&e, out, whole), whole);
        assert_memory_equal(out, wire, whole);
        assert_int_equal(ip6_ext_emit(&e, out, whole - 1), 0);
        for (size_t len = 0; len < whole; len += 1 + len / 64)
            assert_int_equal(ip6_ext_parse(&e, guard_copy(&test_guard, wire, len), len),
                             len < 8 ? WIRE_TRUNCATED : WIRE_BAD_LENGTH);
    }
}

static void any_fragment_header_survives_a_round_trip(void **state)
{
    struct test_rand r = { 44 };
    uint8_t wire[IP6_FRAG_HEADER], out[IP6_FRAG_HEADER];
    struct ip6_frag f;
    (void)state;
    for (int i = 0; i < 2000; i++) {
        test_rand_fill(&r, wire, sizeof wire);
        assert_int_equal(ip6_frag_parse(&f, wire, sizeof wire), WIRE_OK);
        assert_int_equal(ip6_frag_emit(&f, out, sizeof out), sizeof out);
        assert_memory_equal(out, wire, sizeof wire);
        assert_int_equal(ip6_frag_emit(&f, out, sizeof out - 1), 0);
    }
    for (size_t len = 0; len < sizeof wire; len++)
        assert_int_equal(ip6_frag_parse(&f, guard_copy(&test_guard, wire, len), len),
                         WIRE_TRUNCATED);
}

static void options_are_walked_to_the_end_or_to_the_one_that_overruns(void **state)
{
    const uint8_t good[] = { 0, 1, 2, 0, 0, 0xc2, 4, 1, 2, 3, 4, 0 };
    struct ip6_opt o;
    unsigned n = 0;
    (void)state;
    struct rcur c = rcur_of(guard_copy(&test_guard, good, sizeof good), sizeof good);
    uint8_t out[sizeof good];
    struct wcur w = wcur_of(out, sizeof out);
    for (; ip6_opt_next(&c, &o); n++)
        ip6_opt_put(&w, &o);
    assert_false(c.bad || w.bad);
    assert_int_equal(n, 4);
    assert_memory_equal(out, good, sizeof good);
    for (size_t len = 6; len < 11; len++) {
        c = rcur_of(guard_copy(&test_guard, good, len), len);
        while (ip6_opt_next(&c, &o))
            ;
        assert_true(c.bad);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_is_read_field_by_field),
        cmocka_unit_test(every_truncation_and_every_lying_length_is_refused_and_never_read_past),
        cmocka_unit_test(any_header_survives_a_round_trip),
        cmocka_unit_test(any_extension_header_survives_and_every_truncation_is_refused),
        cmocka_unit_test(any_fragment_header_survives_a_round_trip),
        cmocka_unit_test(options_are_walked_to_the_end_or_to_the_one_that_overruns),
    };
    return cmocka_run_group_tests(tests, test_guard_up, test_guard_down);
}
