#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/guard.h"

/* Whether a child that touches p dies of it.  The child restores the default action so that neither
 * a sanitizer nor the test library turns the fault into an ordinary exit. */
static int touching_is_fatal(volatile uint8_t *p)
{
    const pid_t child = fork();
    if (child == 0) {
        struct sigaction dfl = { .sa_handler = SIG_DFL };
        const struct rlimit none = { 0, 0 };
        setrlimit(RLIMIT_CORE, &none);
        sigaction(SIGSEGV, &dfl, NULL);
        (void)*p;
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

static void the_octet_after_a_buffer_of_any_length_may_not_be_read(void **state)
{
    struct guard g;
    (void)state;
    assert_int_equal(guard_open(&g, 5000), 0);
    const size_t lens[] = { 0, 1, 7, 4096, 5000 };
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++)
        assert_true(touching_is_fatal(guard_at(&g, lens[i]) + lens[i]));
    guard_close(&g);
}

static void the_last_octet_of_a_buffer_may_be_read(void **state)
{
    struct guard g;
    (void)state;
    assert_int_equal(guard_open(&g, 100), 0);
    uint8_t *p = guard_copy(&g, "abc", 3);
    assert_memory_equal(p, "abc", 3);
    assert_false(touching_is_fatal(p + 2));
    guard_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_octet_after_a_buffer_of_any_length_may_not_be_read),
        cmocka_unit_test(the_last_octet_of_a_buffer_may_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
