/* Which stacks there are, and which of them play with each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "interop/stack.h"

static void a_stack_nobody_knows_is_none(void **state)
{
    (void)state;
    assert_null(stack_find("nonesuch"));
    assert_non_null(stack_find("refstack"));
    assert_false(stack_program("tcprig-no-such-program"));
    assert_true(stack_program("sh"));
}

static void pairs_hold_the_stack_asked_for_at_either_end(void **state)
{
    struct stack_pair pairs[STACK_PAIRS];
    const struct stack *lwip = stack_find("lwip"), *kernel = stack_find("linux");
    (void)state;
    size_t n = stack_pairs(pairs, lwip, NULL);
    assert_int_equal(n, 4);
    for (size_t i = 0; i < n; i++)
        assert_true(pairs[i].stack[0] == lwip || pairs[i].stack[1] == lwip);
    assert_int_equal(stack_pairs(pairs, kernel, lwip), 1);
    assert_ptr_equal(pairs[0].stack[1], kernel); /* it plays from behind a device */
    assert_int_equal(stack_pairs(pairs, kernel, kernel), 0);
}

static void what_takes_long_plays_when_it_is_named(void **state)
{
    struct stack_pair pairs[STACK_PAIRS];
    const struct stack *passt = stack_find("passt");
    (void)state;
    size_t n = stack_pairs(pairs, NULL, NULL);
    for (size_t i = 0; i < n; i++)
        assert_ptr_not_equal(pairs[i].stack[1], passt);
    assert_int_equal(stack_pairs(pairs, NULL, passt), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stack_nobody_knows_is_none),
        cmocka_unit_test(pairs_hold_the_stack_asked_for_at_either_end),
        cmocka_unit_test(what_takes_long_plays_when_it_is_named),
    };
    return cmocka_run_group_tests_name("stack", tests, NULL, NULL);
}
