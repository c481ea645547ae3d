/* One cause, one signature: the same from run to run, another for another cause. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/triage.h"

enum { EXITED_0 = 0, EXITED_86 = 86 << 8, ABORTED = 6, SEGFAULT = 11 };

static void expect_sign(int status, bool hung, const char *log, const char *kind,
                        const char *signature)
{
    struct triage_run run = { .status = status, .hung = hung, .log = (char *)(uintptr_t)log };
    struct triage_sign sign;
    assert_true(triage_sign(&run, &sign));
    assert_string_equal(sign.kind, kind);
    assert_string_equal(sign.signature, signature);
    assert_true(sign.title[0] != '\0');
}

static void an_oracle_signs_with_its_own_line(void **state)
{
    (void)state;
    expect_sign(ABORTED, false,
                "ORACLE send_order | RFC 9293 s3.3.1 | LISTEN > SYN-RECEIVED | segment SYN\n"
                "  broken at event 3: SND.UNA <= SND.NXT\n  seen: 1 > 2\n",
                "oracle", "send_order | RFC 9293 s3.3.1 | LISTEN > SYN-RECEIVED | segment SYN");
}

static void a_memory_error_signs_with_its_kind_and_the_innermost_two_of_ours(void **state)
{
    (void)state;
    /* gcc and clang write paths differently, and a library's frame may come first. */
    static const char *const logs[] = {
        "==77==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x603000000123 at pc\n"
        "READ of size 4 at 0x603000000123 thread T0\n"
        "    #0 0x55a8 in __interceptor_memcpy ../../../../src/libsanitizer/x.inc:827\n"
        "    #1 0x55a9 in chain_get refstack/pool.c:130\n"
        "    #2 0x55aa in recvq_read refstack/recvq.c:146\n"
        "    #3 0x55ab in rs_receive refstack/user.c:55\n"
        "\nfreed by\n    #0 0x1 in other refstack/other.c:1\n",
        "==9==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x1 at pc\n"
        "READ of size 1 at 0x1 thread T0\n"
        "    #0 0x66 in __asan_memcpy (/somewhere/build/replay/fuzz_conn+0x123) (BuildId: 9)\n"
        "    #1 0x67 in chain_get /somewhere/else/refstack/pool.c:131:9\n"
        "    #2 0x68 in recvq_read /somewhere/else/refstack/recvq.c:148:2\n",
    };
    for (size_t i = 0; i < sizeof logs / sizeof *logs; i++)
        expect_sign(EXITED_86, false, logs[i], "heap-buffer-overflow",
                    "heap-buffer-overflow | chain_get < recvq_read");
}

static void undefined_behaviour_signs_without_its_values(void **state)
{
    (void)state;
    expect_sign(EXITED_86, false,
                "refstack/rtt.c:9:5: runtime error: signed integer overflow: 2147483647 + 1 cannot "
                "be represented in type 'int32_t'\n    #0 0x1 in rtt_sample refstack/rtt.c:9\n"
                "    #1 0x2 in main fuzz/replay_main.c:9\n",
                "undefined",
                "undefined | rtt_sample | signed integer overflow: N + N cannot be represented in "
                "type 'int32_t'");
}

static void a_leak_an_assertion_and_a_silent_death_have_kinds_of_their_own(void **state)
{
    (void)state;
    expect_sign(EXITED_86, false,
                "==1==ERROR: LeakSanitizer: detected memory leaks\n\nDirect leak of 8 byte(s):\n"
                "    #0 0x1 in malloc (/x+0x1)\n    #1 0x2 in keep harness/keep.c:3\n",
                "leak", "leak | keep");
    expect_sign(EXITED_86, false,
                "fuzz_conn: refstack/state.c:9: set: Assertion `x' failed.\n"
                "==1==ERROR: AddressSanitizer: ABRT on unknown address 0x1 (pc 0x2)\n"
                "    #0 0x1 in raise (/lib/libc.so.6+0x1)\n    #1 0x2 in set refstack/state.c:9\n",
                "abort", "abort | set");
    expect_sign(SEGFAULT, false, "", "signal-11", "signal-11 | no report");
    expect_sign(1 << 8, false, "?", "exit-1", "exit-1 | no report");
}

static void a_hang_signs_with_where_it_was_stopped(void **state)
{
    (void)state;
    expect_sign(EXITED_86, true,
                "==1==ERROR: AddressSanitizer: ABRT on unknown address 0x1 (pc 0x2)\n"
                "    #0 0x1 in opt_next refstack/wire_opt.c:9\n"
                "    #1 0x2 in opts_read refstack/wire_opts.c:9\n"
                "    #2 0x2 in tcp_input refstack/input.c:9\n",
                "hang", "hang | opt_next < opts_read");
}

static void a_run_that_ends_well_is_no_finding(void **state)
{
    (void)state;
    char log[] = "ORACLE in a harmless place\n";
    struct triage_run run = { .status = EXITED_0, .log = log };
    struct triage_sign sign;
    assert_false(triage_sign(&run, &sign));
}

static void a_scrubbed_log_says_the_same_from_run_to_run(void **state)
{
    (void)state;
    char log[] = "==4242==ERROR: at pc 0x55f58ab9670b sp 0xfff\n"
                 "    #0 0x55f58ab9670b in f /somewhere/tcprig/refstack/x.c:4\n"
                 "    #1 0x55f58ab9670b in g (/somewhere/tcprig/build/replay/t+0x12)\n"
                 "Shadow bytes around the buggy address:\n  0x0c: fa\n";
    triage_scrub(log);
    assert_string_equal(log, "==_ERROR: at pc 0x_ sp 0xfff\n    #0 0x_ in f refstack/x.c:4\n"
                             "    #1 0x_ in g (build/replay/t+0x12)\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_oracle_signs_with_its_own_line),
        cmocka_unit_test(a_memory_error_signs_with_its_kind_and_the_innermost_two_of_ours),
        cmocka_unit_test(undefined_behaviour_signs_without_its_values),
        cmocka_unit_test(a_leak_an_assertion_and_a_silent_death_have_kinds_of_their_own),
        cmocka_unit_test(a_hang_signs_with_where_it_was_stopped),
        cmocka_unit_test(a_run_that_ends_well_is_no_finding),
        cmocka_unit_test(a_scrubbed_log_says_the_same_from_run_to_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
