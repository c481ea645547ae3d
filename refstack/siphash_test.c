/* SipHash-2-4 against its published vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "refstack/siphash.h"

/* Key 00 01 .. 0f, message 00 01 .. (n-1): the table of the reference implementation, and for
 * n = 15 the worked example in appendix A of the paper. */
static void the_published_vectors_come_out(void **unused)
{
    static const struct {
        size_t len;
        uint64_t hash;
    } row[] = {
        { 0, UINT64_C(0x726fdb47dd0e0e31) },  { 1, UINT64_C(0x74f839c593dc67fd) },
        { 2, UINT64_C(0x0d6c8009d9a94f5a) },  { 3, UINT64_C(0x85676696d7fb7e2d) },
        { 4, UINT64_C(0xcf2794e0277187b7) },  { 5, UINT64_C(0x18765564cd99a68d) },
        { 6, UINT64_C(0xcbc9466e58fee3ce) },  { 7, UINT64_C(0xab0200f58b01d137) },
        { 8, UINT64_C(0x93f5f5799a932462) },  { 15, UINT64_C(0xa129ca6149be45e5) },
    };
    const uint64_t key[2] = { UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908) };
    uint8_t message[16];

    (void)unused;
    for (uint8_t i = 0; i < sizeof message; i++)
        message[i] = i;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        assert_true(siphash(key, message, row[i].len) == row[i].hash);
}

static void every_bit_of_key_and_message_counts(void **unused)
{
    uint64_t key[2] = { 1, 2 };
    uint64_t message[3] = { 3, 4, 5 };
    const uint64_t before = siphash(key, message, sizeof message);

    (void)unused;
    for (int bit = 0; bit < 64; bit++) {
        for (int i = 0; i < 2; i++) {
            key[i] ^= UINT64_C(1) << bit;
            assert_true(siphash(key, message, sizeof message) != before);
            key[i] ^= UINT64_C(1) << bit;
        }
        for (int i = 0; i < 3; i++) {
            message[i] ^= UINT64_C(1) << bit;
            assert_true(siphash(key, message, sizeof message) != before);
            message[i] ^= UINT64_C(1) << bit;
        }
    }
    assert_true(siphash(key, message, sizeof message) == before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_vectors_come_out),
        cmocka_unit_test(every_bit_of_key_and_message_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
