#include "harness/input.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "refstack/wire.h"

enum { CAP = 4096 };

static uint64_t lcg = 1;

static uint8_t random_octet(void)
{
    lcg = lcg * 6364136223846793005u + 1442695040888963407u;
    return (uint8_t)(lcg >> 56);
}

static unsigned count_events(const uint8_t *p, size_t len)
{
    struct input_reader r;
    struct input_event e;
    unsigned n = 0;

    input_open(&r, p, len);
    while (input_next(&r, &e))
        n++;
    return n;
}

static void any_octets_become_canonical_once(void **state)
{
    (void)state;
    for (int round = 0; round < 20000; round++) {
        uint8_t in[64], once[CAP], twice[CAP];
        size_t len = random_octet() % sizeof(in);
        for (size_t i = 0; i < len; i++)
            in[i] = random_octet();
        size_t n = input_canonical(in, len, once, CAP);
        size_t m = input_canonical(once, n, twice, CAP);
        assert_int_equal(n, m);
        assert_memory_equal(once, twice, n);
        if (len >= INPUT_HEADER)
            assert_int_equal(count_events(in, len), count_events(once, n));
    }
}

static void an_empty_input_has_no_events(void **state)
{
    (void)state;
    assert_int_equal(count_events((const uint8_t *)"", 0), 0);
    assert_int_equal(count_events((const uint8_t *)"\0", 1), 0);
    assert_int_equal(count_events((const uint8_t *)"\0\0", 2), 0);
}

static size_t encoded(const struct input_event *e, uint8_t *to)
{
    struct wcur w = wcur_of(to, CAP);

    assert_true(input_encode(&w, e));
    return (size_t)(w.p - to);
}

static void decoded(const uint8_t *p, size_t n, struct input_event *e)
{
    struct rcur c = rcur_of(p, n);

    input_decode(&c, e);
    assert_false(c.bad);
    assert_int_equal(rcur_left(&c), 0);
}

static void a_usual_ack_takes_two_octets(void **state)
{
    struct input_event e;
    uint8_t buf[CAP];

    (void)state;
    decoded((const uint8_t[]){ 0, TCP_ACK }, 2, &e);
    assert_int_equal(e.ev.kind, SC_PACKET);
    assert_int_equal(e.ev.u.packet.seg.seq.base, SC_PEER_NXT);
    assert_int_equal(e.ev.u.packet.seg.ack.base, SC_SND_NXT);
    assert_int_equal(encoded(&e, buf), 2);
}

static void every_offset_survives_in_every_base(void **state)
{
    static const uint32_t offset[] = { 0, 1, 2, 3, 255, 256, 535, 536, 65535, 65536, 0x7fffffff,
                                       0x80000000, 0x80000001, 0xffff0000, 0xffff0001, 0xfffffde8,
                                       0xfffffffe, 0xffffffff, 0x12345678 };
    (void)state;
    for (uint8_t base = 0; base < SC_N_BASES; base++)
        for (size_t i = 0; i < sizeof(offset) / sizeof(offset[0]); i++) {
            struct input_event e = { .ev.kind = SC_PACKET }, back;
            uint8_t buf[CAP];
            e.ev.u.packet.seg.seq = (struct sc_num){ base, offset[i] };
            decoded(buf, encoded(&e, buf), &back);
            assert_int_equal(back.ev.u.packet.seg.seq.base, base);
            assert_int_equal(back.ev.u.packet.seg.seq.offset, offset[i]);
        }
}

static void a_segment_keeps_every_field(void **state)
{
    struct input_event e = { .ev.kind = SC_PACKET }, back;
    struct sc_segment *seg = &e.ev.u.packet.seg;
    uint8_t buf[CAP];

    (void)state;
    e.ev.u.packet.src_port = 4242;
    seg->flags = TCP_SYN | TCP_URG | 0x500;
    seg->ack = (struct sc_num){ SC_ABS, 7 };
    seg->malform = SC_BAD_CHECKSUM | SC_BAD_DOFF | SC_BAD_RESERVED | SC_TRUNCATED;
    seg->csum = 0xbeef;
    seg->doff = 3;
    seg->cut = 13;
    seg->up = 99;
    seg->has_wnd = true;
    seg->wnd = 0;
    seg->has_ecn = true;
    seg->ecn = 3;
    seg->ttl = 1;
    seg->text = (const uint8_t *)"abc";
    seg->text_len = 3;
    decoded(buf, encoded(&e, buf), &back);
    const struct sc_segment *got = &back.ev.u.packet.seg;
    assert_int_equal(back.ev.u.packet.src_port, 4242);
    assert_int_equal(got->flags, seg->flags);
    assert_int_equal(got->ack.base, SC_ABS);
    assert_int_equal(got->malform, seg->malform);
    assert_int_equal(got->csum, 0xbeef);
    assert_int_equal(got->doff, 3);
    assert_int_equal(got->cut, 13);
    assert_int_equal(got->up, 99);
    assert_true(got->has_wnd && got->wnd == 0);
    assert_true(got->has_ecn && got->ecn == 3);
    assert_int_equal(got->ttl, 1);
    assert_int_equal(got->text_len, 3);
    assert_memory_equal(got->text, "abc", 3);
}

static void every_start_is_canonical(void **state)
{
    (void)state;
    for (unsigned i = 0; i < INPUT_N_STARTS; i++) {
        uint8_t in[CAP] = { 0, 0 }, out[CAP];
        size_t len;
        const uint8_t *p = input_start_octets(i, &len);
        memcpy(in + INPUT_HEADER, p, len);
        assert_int_equal(input_canonical(in, len + INPUT_HEADER, out, CAP), len + INPUT_HEADER);
        assert_memory_equal(in, out, len + INPUT_HEADER);
    }
}

static void an_event_that_does_not_fit_is_refused(void **state)
{
    struct input_event e = { .ev.kind = SC_PACKET };
    uint8_t buf[1];
    struct wcur w = wcur_of(buf, sizeof(buf));

    (void)state;
    assert_false(input_encode(&w, &e));
    e.ev.kind = SC_SHELL;
    w = wcur_of(buf, sizeof(buf));
    assert_false(input_encode(&w, &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_octets_become_canonical_once),
        cmocka_unit_test(an_empty_input_has_no_events),
        cmocka_unit_test(a_usual_ack_takes_two_octets),
        cmocka_unit_test(every_offset_survives_in_every_base),
        cmocka_unit_test(a_segment_keeps_every_field),
        cmocka_unit_test(every_start_is_canonical),
        cmocka_unit_test(an_event_that_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
