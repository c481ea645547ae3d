/* The endpoint and the programs it runs: what they return, and what is left behind (nothing). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/endpoint.h"

/* Runs the endpoint in a child of its own (a process cannot leave a user namespace again) with the
 * program, and returns the child's exit status: the program's, 200 when it did not end in time. */
static int serve(const char *const *program, uint64_t seconds, pid_t *child)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct endpoint_config config;
        static struct endpoint e;
        struct ns_error error;
        int status = 0;
        endpoint_config_default(&config);
        if (ns_enter(&error) < 0 || endpoint_start(&e, &config, &error) < 0) {
            fprintf(stderr, "skipped: %s\n", error.text);
            _exit(error.status);
        }
        pid_t program_pid = endpoint_spawn(program, -1, -1);
        bool over = endpoint_serve(&e, program_pid, NULL, pump_now() + seconds * RS_SEC, &status);
        endpoint_stop(&e);
        _exit(!over ? 200 : WIFEXITED(status) ? WEXITSTATUS(status) : 201);
    }
    assert_true(pid > 0);
    if (child) {
        *child = pid;
        return 0;
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    return WEXITSTATUS(status);
}

static void the_programs_status_is_returned(void **state)
{
    (void)state;
    const char *const seven[] = { "sh", "-c", "exit 7", NULL };
    const char *const term[] = { "sh", "-c", "kill -TERM $$", NULL };
    const char *const none[] = { "no-such-program-anywhere", NULL };
    assert_int_equal(serve(seven, 10, NULL), 7);
    assert_int_equal(serve(term, 10, NULL), 128 + SIGTERM);
    assert_int_equal(serve(none, 10, NULL), 127);
}

static void a_program_that_does_not_end_is_ended(void **state)
{
    (void)state;
    const char *const sleeps[] = { "sleep", "1000", NULL };
    assert_int_equal(serve(sleeps, 1, NULL), 200);
}

/* Waits until the reading end of the pipe that only the program's processes hold reports the end:
 * all of them are gone then. */
static bool all_gone(int fd, unsigned seconds)
{
    char c;
    struct pollfd p = { .fd = fd, .events = POLLIN };
    while (poll(&p, 1, (int)seconds * 1000) > 0) {
        ssize_t n = read(fd, &c, 1);
        if (n <= 0)
            return n == 0;
    }
    return false;
}

static void left_behind(const char *script, int sig)
{
    int ends[2];
    pid_t child;
    char c;
    const char *const program[] = { "sh", "-c", script, NULL };
    assert_int_equal(pipe(ends), 0);
    assert_true(dup2(ends[1], 9) == 9);
    close(ends[1]);
    serve(program, 100, &child);
    close(9);
    ssize_t n = read(ends[0], &c, 1); /* the program writes once it runs */
    if (n == 1)
        kill(child, sig);
    int status;
    waitpid(child, &status, 0);
    bool gone = all_gone(ends[0], 5);
    close(ends[0]);
    if (n == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(n, 1);
    assert_true(gone);
}

static void killing_the_endpoint_leaves_no_process(void **state)
{
    (void)state;
    left_behind("echo >&9; sleep 1000", SIGKILL);
}

static void programs_left_in_the_background_go_too(void **state)
{
    (void)state;
    left_behind("setsid sleep 1000 & setsid setsid sleep 1000 & echo >&9; wait", SIGKILL);
    left_behind("setsid sleep 1000 & echo >&9; sleep 1000", SIGTERM);
}

static void set_up_that_cannot_be_is_one_sentence(void **state)
{
    (void)state;
    struct endpoint_config config;
    static struct endpoint e;
    struct ns_error error;
    endpoint_config_default(&config);
    config.device = "a device name that is too long";
    assert_int_equal(endpoint_start(&e, &config, &error), -1);
    assert_int_equal(error.status, 2);
    assert_non_null(strstr(error.text, "cannot be a device name"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_programs_status_is_returned),
        cmocka_unit_test(a_program_that_does_not_end_is_ended),
        cmocka_unit_test(killing_the_endpoint_leaves_no_process),
        cmocka_unit_test(programs_left_in_the_background_go_too),
        cmocka_unit_test(set_up_that_cannot_be_is_one_sentence),
    };
    return cmocka_run_group_tests_name("endpoint", tests, NULL, NULL);
}
