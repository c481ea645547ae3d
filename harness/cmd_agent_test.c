/* tcprig agent, with a command that looks at what it is given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/cmd.h"
#include "harness/ns.h"

static char dir[] = "/tmp/tcprig-cmd-XXXXXX", path[64];

/* In a process of its own, for the command takes its process into a namespace. */
static int status_of(char **argv)
{
    int argc = 0, status = 0;
    while (argv[argc])
        argc++;
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stderr))
            _exit(99);
        _exit(cmd_agent(argc, argv));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

#define STATUS(...) status_of((char *[]){ (char[]){ "tcprig agent" }, __VA_ARGS__, NULL })

static void the_command_finds_the_device_and_the_socket_and_both_go_with_it(void **state)
{
    (void)state;
    char look[160];
    snprintf(look, sizeof(look), "test -S %s && grep -q tun7 /proc/net/dev", path);
    assert_int_equal(STATUS("tun7", path, "--", "sh", "-c", look), 0);
    assert_int_equal(access(path, F_OK), -1);
}

static void the_commands_status_is_the_agents(void **state)
{
    (void)state;
    assert_int_equal(STATUS("tun7", path, "--", "sh", "-c", "exit 5"), 5);
    assert_int_equal(STATUS("tun7", path, "--", "/nonexistent/program"), 2);
}

static void a_stack_or_a_socket_that_cannot_be_is_bad_usage(void **state)
{
    (void)state;
    assert_int_equal(STATUS("--on", "nix", "tun7", path, "--", "true"), 2);
    assert_int_equal(STATUS("--on", "tap:tun0", "tun7", path, "--", "true"), 2);
    assert_int_equal(STATUS("tun7"), 2);
    assert_int_equal(STATUS("tun7", "/nonexistent/folder/socket", "--", "true"), 2);
    assert_int_equal(STATUS("a/device", path, "--", "true"), 2);
}

static void a_file_in_the_sockets_place_is_kept(void **state)
{
    (void)state;
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
    assert_int_equal(STATUS("tun7", path, "--", "true"), 2);
    assert_int_equal(access(path, F_OK), 0);
    unlink(path);
}

static int make_dir(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/agent", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    return rmdir(dir);
}

static void no_namespace_here(void **state)
{
    (void)state;
    puts("skipped: no network namespace for an agent's device");
    skip();
}

/* Whether there can be namespaces here, found out in a process that is not needed any more. */
static bool namespaces(void)
{
    int status = 0;
    const pid_t pid = fork();
    if (pid == 0)
        _exit(ns_enter(NULL) < 0);
    return waitpid(pid, &status, 0) == pid && status == 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_command_finds_the_device_and_the_socket_and_both_go_with_it),
        cmocka_unit_test(the_commands_status_is_the_agents),
        cmocka_unit_test(a_file_in_the_sockets_place_is_kept),
        cmocka_unit_test(a_stack_or_a_socket_that_cannot_be_is_bad_usage),
    };
    const struct CMUnitTest none[] = { cmocka_unit_test(no_namespace_here) };
    if (!namespaces())
        return cmocka_run_group_tests(none, NULL, NULL);
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
