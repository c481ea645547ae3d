/* Every value of the public enumerations has a name of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "refstack/refstack.h"

/* No two of n names are the same, none is empty or the "?" of an unknown value. */
static void distinct(const char *const *name, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_non_null(name[i]);
        assert_true(name[i][0] != '\0');
        assert_string_not_equal(name[i], "?");
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(name[i], name[k]);
    }
}

static void every_state_is_named(void **unused)
{
    const char *name[RS_N_STATES];

    (void)unused;
    for (int i = 0; i < RS_N_STATES; i++)
        name[i] = rs_state_name((enum rs_state)i);
    distinct(name, RS_N_STATES);
    assert_string_equal(rs_state_name(RS_SYN_RECEIVED), "SYN-RECEIVED");
    assert_string_equal(rs_state_name(RS_FIN_WAIT_2), "FIN-WAIT-2");
    assert_string_equal(rs_state_name(RS_N_STATES), "?");
}

static void every_reason_is_named(void **unused)
{
    const char *name[RS_N_REASONS];

    (void)unused;
    for (int i = 0; i < RS_N_REASONS; i++)
        name[i] = rs_reason_text((enum rs_reason)i);
    distinct(name, RS_N_REASONS);
    assert_string_equal(rs_reason_text(RS_N_REASONS), "?");
}

static void every_timer_is_named(void **unused)
{
    const char *name[RS_N_TIMERS];

    (void)unused;
    for (int i = 0; i < RS_N_TIMERS; i++)
        name[i] = rs_timer_name((enum rs_timer)i);
    distinct(name, RS_N_TIMERS);
    assert_string_equal(rs_timer_name(RS_N_TIMERS), "?");
}

static void every_error_is_named(void **unused)
{
    enum { N = 1 - RS_ENOTCONN };
    const char *name[N];

    (void)unused;
    for (int i = 0; i < N; i++)
        name[i] = rs_error_name(-i);
    distinct(name, N);
    assert_string_equal(rs_error_name(1), "?");
    assert_string_equal(rs_error_name(-1000), "?");
}

static void addresses_are_equal_when_version_and_octets_are(void **unused)
{
    const struct rs_addr a = rs_ip4(192, 0, 2, 1);
    struct rs_addr b = rs_ip4(192, 0, 2, 1);
    struct rs_addr six = { .version = 6, .octet = { 192, 0, 2, 1 } };

    (void)unused;
    assert_true(rs_addr_eq(&a, &b));
    b.octet[15] = 1; /* means nothing in IPv4 */
    assert_true(rs_addr_eq(&a, &b));
    b.octet[3] = 2;
    assert_false(rs_addr_eq(&a, &b));
    assert_false(rs_addr_eq(&a, &six));
    const struct rs_addr other = { .version = 6, .octet = { 192, 0, 2, 1, [15] = 1 } };
    assert_false(rs_addr_eq(&six, &other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_is_named),
        cmocka_unit_test(every_reason_is_named),
        cmocka_unit_test(every_timer_is_named),
        cmocka_unit_test(every_error_is_named),
        cmocka_unit_test(addresses_are_equal_when_version_and_octets_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
