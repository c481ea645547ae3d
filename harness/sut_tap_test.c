/* A stack in another process, here refstack behind the agent, on a tun device; and a stack that is
 * only met on the wire, here a process that answers ARP and SYNs on a tap device. */
#include <setjmp.h>
#include <net/if.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/agent.h"
#include "harness/clock.h"
#include "harness/pump.h"
#include "harness/run.h"
#include "harness/rtnl.h"
#include "harness/script_parse.h"
#include "harness/tap.h"

#define LISTEN                                                                                     \
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 0\n"                      \
    "+0 listen(3, 5) = 0\n"
#define OPEN                                                                                       \
    LISTEN "+.02 < S 0:0(0) win 10000 <mss 1000>\n+0 > S. 0:0(0) ack 1 <...>\n"                    \
           "+.02 < . 1:1(0) ack 1 win 10000\n+.01 accept(3, ..., ...) = 4\n"

static char dir[] = "/tmp/tcprig-agent-XXXXXX", path[64], with_agent[96];
static pid_t agent_pid, wire_pid;
static struct run_result result;
static uint8_t version = 4; /* of IP */

static enum verdict run_text(const char *text, const char *sut)
{
    char error[SCRIPT_ERROR_SIZE] = "";
    struct script *s = script_parse("test", text, strlen(text), error);
    if (!s)
        fail_msg("%s", error);
    const struct run_options opt = { .seed = 1, .ip = version };
    for (int i = 0; i < 8; i++) {
        run_script(s, sut_find(sut), &opt, &result);
        if (result.verdict != VERDICT_FAIL || !result.stalled)
            break;
    }
    script_free(s);
    return result.verdict;
}

static void passes(const char *text, const char *sut)
{
    if (run_text(text, sut) != VERDICT_PASS)
        fail_msg("%s", result.reason);
}

static void a_script_runs_on_a_stack_behind_an_agent(void **state)
{
    (void)state;
    passes("//@ config nagle=off\n" OPEN "state ESTABLISHED\nstate 4 ESTABLISHED\n"
           "+.02 write(4, pattern, 1500) = 1500\n+0 > . 1:1001(1000) ack 1 pattern\n"
           "+0 > P. 1001:1501(500) ack 1 pattern\n+.02 < . 1:1(0) ack 1501 win 10000\n"
           "+.02 < P. 1:6(5) ack 1501 win 10000 \"hello\"\n+0~+.5 > . 1501:1501(0) ack 6\n"
           "+0 read(4, \"hello\", 100) = 5\n+0 %{ assert tcpi_snd_mss == 1000 }%\n",
           with_agent);
    passes(OPEN "+.02 close(4) = 0\n+0 > F. 1:1(0) ack 1\nstate FIN-WAIT-1\n", with_agent);
}

static void ipv6_goes_over_both_kinds_of_device(void **state)
{
    (void)state;
    version = 6;
    passes(OPEN "state ESTABLISHED\n+.02 close(4) = 0\n+0 > F. 1:1(0) ack 1\n", with_agent);
    passes("0 < S 0:0(0) win 10000 <mss 1000>\n+0 > S. 0:0(0) ack 1 <...>\n"
           "+.02 < . 1:1(0) ack 1 win 10000\n+.02 < P. 1:11(10) ack 1 win 10000\n"
           "+0~+.5 > . 1:1(0) ack 11\n", "tap:tap1");
    version = 4;
}

static void each_case_begins_anew(void **state)
{
    (void)state;
    passes(OPEN "state ESTABLISHED\n", with_agent);
    passes(LISTEN "state LISTEN\n+.02 < S 0:0(0) win 10000 <mss 1000>\n"
           "+0 > S. 0:0(0) ack 1 <...>\n", with_agent);
}

static void calls_block_and_errors_come_by_name(void **state)
{
    (void)state;
    passes(OPEN "+.02...0.06 read(4, ..., 100) = 3\n+.04 < P. 1:4(3) ack 1 win 10000\n"
           "+0~+.5 > . 1:1(0) ack 4\n", with_agent);
    passes("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
           "0...0.03 connect(3, ..., ...) = -1 ECONNREFUSED (Connection refused)\n"
           "+0 > S 0:0(0) <...>\n+.03 < R. 0:0(0) ack 1 win 0\n", with_agent);
}

static void a_wrong_expectation_fails(void **state)
{
    (void)state;
    assert_int_equal(VERDICT_FAIL, run_text(OPEN "state CLOSE-WAIT\n", with_agent));
    assert_int_equal(VERDICT_FAIL, run_text(OPEN "+.02 silence\n+0 > R. 1:1(0) ack 1\n",
                                            with_agent));
}

static void settings_the_stack_refuses_are_unsupported(void **state)
{
    (void)state;
    passes("//@ config msl=1s\n" OPEN, with_agent);
    assert_int_equal(VERDICT_UNSUPPORTED, run_text("//@ config colour=3\n" OPEN, with_agent));
    assert_non_null(strstr(result.reason, "colour"));
}

static void without_an_agent_the_wire_is_judged_and_calls_are_unsupported(void **state)
{
    (void)state;
    passes("0 < S 0:0(0) win 10000 <mss 1000>\n+0 > S. 0:0(0) ack 1 <...>\n"
           "+.02 < . 1:1(0) ack 1 win 10000\n+.02 < P. 1:11(10) ack 1 win 10000\n"
           "+0~+.5 > . 1:1(0) ack 11\n", "tap:tap1");
    assert_int_equal(VERDICT_FAIL, run_text("0 < S 0:0(0) win 10000 <mss 1000>\n"
                                            "+0 > R. 0:0(0) ack 1\n", "tap:tap1"));
    assert_int_equal(VERDICT_UNSUPPORTED, run_text(LISTEN, "tap:tap1"));
    assert_int_equal(VERDICT_UNSUPPORTED, run_text("//@ config sack=off\n0 wait\n", "tap:tap1"));
}

static void a_device_or_agent_that_is_not_there_is_told(void **state)
{
    (void)state;
    assert_int_equal(VERDICT_UNSUPPORTED, run_text(LISTEN, "tap:nowhere0"));
    assert_non_null(strstr(result.reason, "there is no device nowhere0"));
    assert_int_equal(VERDICT_UNSUPPORTED, run_text(LISTEN, "tap:tun0:/nonexistent/socket"));
    assert_non_null(strstr(result.reason, "/nonexistent/socket"));
    assert_null(sut_find("tap:"));
    assert_null(sut_find("tap:a-name-that-is-too-long"));
    assert_null(sut_find("taq:tun0"));
}

/* It answers the reset, and ends. */
static pid_t start_agent_that_ends(const char *at_path)
{
    const pid_t pid = fork();
    if (pid != 0)
        return pid;
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    char line[512];
    strcpy(at.sun_path, at_path);
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 1) < 0)
        _exit(1);
    const int client = accept(fd, NULL, NULL);
    if (read(client, line, sizeof(line)) <= 0 || write(client, "ok 0\n", 5) != 5)
        _exit(1);
    _exit(0);
}

static void an_agent_that_ends_is_a_failure_that_says_so(void **state)
{
    char other[80], name[112];
    (void)state;
    snprintf(other, sizeof(other), "%s.ends", path);
    snprintf(name, sizeof(name), "tap:tun0:%s", other);
    const pid_t pid = start_agent_that_ends(other);
    for (int i = 0; i < 500 && access(other, F_OK) != 0; i++)
        usleep(10000);
    assert_int_equal(VERDICT_FAIL, run_text(LISTEN, name));
    assert_non_null(strstr(result.reason, "the stack's agent does not answer"));
    waitpid(pid, NULL, 0);
    unlink(other);
}

static void the_agent_refuses_what_is_no_request(void **state)
{
    static const struct {
        const char *line, *answer;
    } rows[] = {
        { "", "no: expected a request" },
        { "socket", "no: expected reset first" },
        { "reset", "no: expected reset LOCAL REMOTE MTU PORT SEED [NAME=VALUE]..." },
        { "reset 192.168.0.1 192.0.2.1 1500 8080 1", "ok 0" },
        { "dance 1", "no such request" },
        { "bind 3 1.2.3 80", "no: expected bind FD ADDRESS PORT" },
        { "send 3 0 0g", "no: expected send FD FLAGS HEX" },
        { "send 3 0 0", "no: expected send FD FLAGS HEX" },
        { "close 9", "err EBADF" },
        { "socket", "ok 3" },
        { "state * 1 * 2", "ok CLOSED" },
        { "info 3 tcpi_colour", "no such value" },
    };
    struct agent a = { .ops = sut_find("refstack") };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char line[128], answer[256];
        strcpy(line, rows[i].line);
        agent_answer(&a, line, 1000000, answer, sizeof(answer));
        assert_string_equal(rows[i].answer, answer);
    }
    agent_free(&a);
}

/* ---- The other processes ---------------------------------------------------------------- */

static volatile sig_atomic_t never;

static pid_t start_agent(void)
{
    struct ns_error error;
    const pid_t parent = getpid(), pid = fork();
    if (pid != 0)
        return pid;
    if (!ns_die_with_parent(parent) ||
        agent_serve(sut_find("refstack"), "tun0", path, &never, &error) < 0)
        _exit(1);
    _exit(0);
}

/* refstack listening on a tap device, with an Ethernet link and ARP of its own. */
static pid_t start_wire_stack(void)
{
    static struct ns_error error;
    struct rs_config c;
    struct pump p;
    const pid_t parent = getpid(), pid = fork();
    if (pid != 0)
        return pid;
    const struct tapdev_config device = { .name = "tap1", .link = RS_LINK_ETHERNET };
    const int fd = ns_die_with_parent(parent) ? tapdev_up(&device, &error) : -1;
    rs_config_default(&c);
    c.link = RS_LINK_ETHERNET;
    c.addr = rs_ip4(192, 168, 0, 1);
    c.prefix_len = 1; /* the script's address is on the link */
    c.addr6 = (struct rs_addr){ .version = 6, .octet = { 0xfd, 0x3d, 0xfa, 0x7b, 0xd1, 0x7d,
                                                         [15] = 1 } };
    c.prefix6 = 64;
    const uint8_t mac[6] = { 2, 0, 0, 0, 0, 9 };
    memcpy(c.mac, mac, sizeof(mac));
    void *block = aligned_alloc(64, (rs_host_size(&c) + 63) / 64 * 64);
    struct rs_host *host = rs_init(block, rs_host_size(&c), &c, pump_now());
    const struct rs_endpoint at = { c.addr, 8080 }, at6 = { c.addr6, 8080 };
    if (fd < 0 || !host || rs_listen(host, &at, pump_now()) < 0 ||
        rs_listen(host, &at6, pump_now()) < 0)
        _exit(1);
    pump_init(&p, host, fd, RS_LINK_ETHERNET, NULL);
    for (;;)
        if (!pump_work(&p))
            pump_wait(&p, RS_NEVER, NULL, 0);
}

static bool wait_for(bool (*there)(void))
{
    for (int i = 0; i < 500; i++) {
        if (there())
            return true;
        usleep(10000);
    }
    return false;
}

static bool socket_there(void)
{
    return access(path, F_OK) == 0;
}

static bool tap_there(void)
{
    return if_nametoindex("tap1") != 0;
}

static int start(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/agent", dir);
    snprintf(with_agent, sizeof(with_agent), "tap:tun0:%s", path);
    agent_pid = start_agent();
    wire_pid = start_wire_stack();
    return wait_for(socket_there) && wait_for(tap_there) && usleep(50000) == 0 ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    kill(agent_pid, SIGKILL);
    kill(wire_pid, SIGKILL);
    waitpid(agent_pid, NULL, 0);
    waitpid(wire_pid, NULL, 0);
    unlink(path);
    return rmdir(dir);
}

static void no_namespace_here(void **state)
{
    (void)state;
    puts("skipped: no network namespace for a stack of another process");
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_script_runs_on_a_stack_behind_an_agent),
        cmocka_unit_test(ipv6_goes_over_both_kinds_of_device),
        cmocka_unit_test(each_case_begins_anew),
        cmocka_unit_test(calls_block_and_errors_come_by_name),
        cmocka_unit_test(a_wrong_expectation_fails),
        cmocka_unit_test(settings_the_stack_refuses_are_unsupported),
        cmocka_unit_test(without_an_agent_the_wire_is_judged_and_calls_are_unsupported),
        cmocka_unit_test(a_device_or_agent_that_is_not_there_is_told),
        cmocka_unit_test(an_agent_that_ends_is_a_failure_that_says_so),
        cmocka_unit_test(the_agent_refuses_what_is_no_request),
    };
    const struct CMUnitTest none[] = { cmocka_unit_test(no_namespace_here) };
    if (ns_enter(NULL) < 0)
        return cmocka_run_group_tests(none, NULL, NULL);
    ns_sysctl("net.ipv6.conf.default.disable_ipv6", "1", NULL);
    return cmocka_run_group_tests(tests, start, stop);
}
