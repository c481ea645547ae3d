/* The rules of fuzz_pair are quiet while two stacks and their wire are in order, and break when a
 * call of a stack is bent: the linker puts each __wrap_ function before the one it is named after
 * (Makefile). */
#include "fuzz/pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "harness/input_code.h"
#include "harness/invariants.h"
#include "harness/oracle.h"

#define NONE N_ORACLES
enum { FRAME = 2048 };

static enum oracle bent = NONE; /* the rule that what is wrapped breaks now */
static jmp_buf broken;
static enum oracle which;

static void caught(enum oracle oracle)
{
    which = oracle;
    longjmp(broken, 1);
}

/* ---- What is bent ----------------------------------------------------------------------- */

/* What was sent last is sent again, without end. */
size_t __real_rs_output(struct rs_host *, uint8_t *buf, size_t cap, rs_time now);
size_t __wrap_rs_output(struct rs_host *, uint8_t *buf, size_t cap, rs_time now);
size_t __wrap_rs_output(struct rs_host *h, uint8_t *buf, size_t cap, rs_time now)
{
    static uint8_t last[FRAME];
    static size_t len;
    static const struct rs_host *whose;
    size_t n = __real_rs_output(h, buf, cap, now);

    if (n > 0 && n <= sizeof last) {
        memcpy(last, buf, len = n);
        whose = h;
    }
    if (n > 0 || bent != ORACLE_pair_storm || h != whose || invariants_count(h) == 0)
        return n;
    memcpy(buf, last, len);
    return len;
}

unsigned __real_rs_output_link(const struct rs_host *);
unsigned __wrap_rs_output_link(const struct rs_host *);
unsigned __wrap_rs_output_link(const struct rs_host *h)
{
    return __real_rs_output_link(h) ^ (bent == ORACLE_pair_link);
}

/* A host without connections goes on having something due. */
rs_time __real_rs_deadline(const struct rs_host *);
rs_time __wrap_rs_deadline(const struct rs_host *);
rs_time __wrap_rs_deadline(const struct rs_host *h)
{
    static rs_time later = 1000 * RS_SEC;

    if (bent == ORACLE_pair_silence && invariants_count(h) == 0)
        return ++later;
    return __real_rs_deadline(h);
}

/* The user never hears of an error. */
int __real_rs_status(struct rs_host *, int handle, struct rs_status *);
int __wrap_rs_status(struct rs_host *, int handle, struct rs_status *);
int __wrap_rs_status(struct rs_host *h, int handle, struct rs_status *s)
{
    int result = __real_rs_status(h, handle, s);

    if (bent == ORACLE_pair_knows)
        s->error = 0;
    return result;
}

/* The last octet is another. */
int __real_rs_receive(struct rs_host *, int handle, void *buf, size_t cap, rs_time now);
int __wrap_rs_receive(struct rs_host *, int handle, void *buf, size_t cap, rs_time now);
int __wrap_rs_receive(struct rs_host *h, int handle, void *buf, size_t cap, rs_time now)
{
    int n = __real_rs_receive(h, handle, buf, cap, now);

    if (n > 0 && bent == ORACLE_pair_stream)
        ((uint8_t *)buf)[n - 1] ^= 1;
    return n;
}

/* ---- Inputs ----------------------------------------------------------------------------- */

#define USER(op) CODE_USER | (op) << 3
#define BY_B(op) CODE_USER | ((op) | USER_CONN) << 3, CONN_ACTOR_B

static const uint8_t transfer[] = {
    INPUT_RELEASE, 0, BY_B(SC_OPEN_PASSIVE), USER(SC_OPEN_ACTIVE), USER(SC_SEND), 0, 100,
    BY_B(SC_RECEIVE), 0, 200, USER(SC_CLOSE), BY_B(SC_CLOSE)
};

/* Both users abort: no end waits in TIME-WAIT. */
static const uint8_t aborted[] = { 0, 0, BY_B(SC_OPEN_PASSIVE), USER(SC_OPEN_ACTIVE) };

/* The first SYN is lost, so that there is text queued when the second one is refused. */
static const uint8_t refused[] = {
    INPUT_RELEASE, 0, CODE_FAULT | (SC_DROP | FAULT_OUT) << 3, SC_C_SYN, 1, USER(SC_OPEN_ACTIVE),
    USER(SC_SEND), 0, 100
};

static enum oracle broken_by(const uint8_t *p, size_t n, enum oracle bend)
{
    which = NONE;
    bent = bend;
    oracle_handler = caught;
    if (setjmp(broken) == 0)
        pair_run(p, n, NULL);
    oracle_handler = NULL;
    bent = NONE;
    return which;
}

static void expect(enum oracle want, const uint8_t *p, size_t n)
{
    assert_int_equal(broken_by(p, n, NONE), NONE);
    const enum oracle got = broken_by(p, n, want);
    assert_string_equal(got < NONE ? oracle_info[got].id : "none", oracle_info[want].id);
}

static void an_octet_that_differs_at_the_other_end_is_seen(void **state)
{
    (void)state;
    expect(ORACLE_pair_stream, transfer, sizeof transfer);
}

static void a_loss_that_no_user_hears_of_is_seen(void **state)
{
    (void)state;
    expect(ORACLE_pair_knows, refused, sizeof refused);
}

static void hosts_that_do_not_come_to_rest_are_seen(void **state)
{
    (void)state;
    expect(ORACLE_pair_silence, aborted, sizeof aborted);
}

static void a_frame_by_the_other_link_is_seen(void **state)
{
    (void)state;
    expect(ORACLE_pair_link, transfer, sizeof transfer);
}

static void a_host_that_sends_without_end_is_seen(void **state)
{
    (void)state;
    expect(ORACLE_pair_storm, transfer, sizeof transfer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_octet_that_differs_at_the_other_end_is_seen),
        cmocka_unit_test(a_loss_that_no_user_hears_of_is_seen),
        cmocka_unit_test(hosts_that_do_not_come_to_rest_are_seen),
        cmocka_unit_test(a_frame_by_the_other_link_is_seen),
        cmocka_unit_test(a_host_that_sends_without_end_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
