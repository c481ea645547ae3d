/* The rules of the watched host are quiet on a stack in order, and break when a call of the stack
 * is bent: the linker puts each __wrap_ function before the one it is named after (Makefile). */
#include "harness/conn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "harness/input_code.h"
#include "harness/oracle.h"
#include "refstack/wire.h"

#define NONE N_ORACLES

static struct conn conn;
static enum oracle bent = NONE; /* the rule that what is wrapped breaks now */
static jmp_buf broken;
static enum oracle which;

static void caught(enum oracle oracle)
{
    which = oracle;
    longjmp(broken, 1);
}

/* ---- What is bent ----------------------------------------------------------------------- */

/* For a segment that was taken in another connection has more to send. */
void __real_rs_input(struct rs_host *, const uint8_t *frame, size_t len, rs_time now);
void __wrap_rs_input(struct rs_host *, const uint8_t *frame, size_t len, rs_time now);
void __wrap_rs_input(struct rs_host *h, const uint8_t *frame, size_t len, rs_time now)
{
    __real_rs_input(h, frame, len, now);
    if (bent == ORACLE_other_unchanged)
        rs_send(h, conn.handle[1], "more", 4, 0, now);
}

/* What was sent last is sent again, without end. */
size_t __real_rs_output(struct rs_host *, uint8_t *buf, size_t cap, rs_time now);
size_t __wrap_rs_output(struct rs_host *, uint8_t *buf, size_t cap, rs_time now);
size_t __wrap_rs_output(struct rs_host *h, uint8_t *buf, size_t cap, rs_time now)
{
    static size_t last;
    size_t n = __real_rs_output(h, buf, cap, now);

    last = n > 0 ? n : last;
    return bent == ORACLE_output_bounded ? last : n;
}

/* Now, for ever; or a moment later, with nothing to do. */
rs_time __real_rs_deadline(const struct rs_host *);
rs_time __wrap_rs_deadline(const struct rs_host *);
rs_time __wrap_rs_deadline(const struct rs_host *h)
{
    switch (bent) {
    case ORACLE_deadline_progress: return conn.now;
    case ORACLE_work_bounded:
    case ORACLE_egress_silence: return conn.now + 1;
    default: return __real_rs_deadline(h);
    }
}

int __real_rs_status(struct rs_host *, int handle, struct rs_status *);
int __wrap_rs_status(struct rs_host *, int handle, struct rs_status *);
int __wrap_rs_status(struct rs_host *h, int handle, struct rs_status *s)
{
    int result = __real_rs_status(h, handle, s);

    s->snd_nxt += bent == ORACLE_status_agrees;
    return result;
}

/* The first octet is another. */
int __real_rs_receive(struct rs_host *, int handle, void *buf, size_t cap, rs_time now);
int __wrap_rs_receive(struct rs_host *, int handle, void *buf, size_t cap, rs_time now);
int __wrap_rs_receive(struct rs_host *h, int handle, void *buf, size_t cap, rs_time now)
{
    int n = __real_rs_receive(h, handle, buf, cap, now);

    if (n > 0 && bent == ORACLE_receive_text)
        *(uint8_t *)buf ^= 1;
    return n;
}

/* Keeps the observer, through which the stack tells its transitions. */
static rs_observer *observer;
void __real_rs_observe(struct rs_host *, rs_observer *, void *arg);
void __wrap_rs_observe(struct rs_host *, rs_observer *, void *arg);
void __wrap_rs_observe(struct rs_host *h, rs_observer *o, void *arg)
{
    observer = o;
    __real_rs_observe(h, o, arg);
}

/* ---- What the host is doing meanwhile --------------------------------------------------- */

static void run(const uint8_t *octets, size_t n)
{
    static struct input_event e;
    struct rcur c = rcur_of(octets, n);

    while (c.p < c.end) {
        input_decode(&c, &e);
        egress_event(&conn.egress);
        if (e.ev.kind == SC_USER)
            conn_call(&conn, &e.ev.u.user);
        else
            conn_datagram(&conn, &e);
    }
}

static void call(unsigned i, enum sc_user_op op, uint32_t amount)
{
    egress_event(&conn.egress);
    conn_call(&conn, &(struct sc_user){ .op = (uint8_t)op, .conn = (uint8_t)i, .amount = amount });
}

/* The next ten octets of the stream, from the peer. */
static void text(void)
{
    const uint8_t octets[] = { CODE_SEGMENT | SEG_TEXT << 3, TCP_ACK | TCP_PSH, 0, 10 };

    run(octets, sizeof octets);
}

static void send_some(void)
{
    call(0, SC_SEND, 10);
}

static void receive(void)
{
    text();
    call(0, SC_RECEIVE, 100);
}

static void status(void)
{
    call(0, SC_STATUS, 0);
}

static void step(void)
{
    conn_step(&conn, conn.now + RS_SEC);
}

static void finish(void)
{
    conn_finish(&conn, true);
}

static void transition(enum rs_state from, enum rs_state to)
{
    observer(&conn, &(struct rs_observation){ .what = RS_OBS_STATE, .conn = conn.handle[0],
                                              .from = from, .to = to });
}

static void go_along_an_arrow(void)
{
    transition(RS_ESTABLISHED, RS_CLOSE_WAIT);
}

static void go_where_no_arrow_leads(void)
{
    transition(RS_ESTABLISHED, RS_LISTEN);
}

/* ---- Tests ------------------------------------------------------------------------------ */

/* One connection ESTABLISHED, and one that is opening. */
static void begin(void)
{
    size_t n;
    const uint8_t *octets = input_start_octets(INPUT_START_ESTABLISHED, &n);

    conn_begin(&conn, 0, 0, NULL);
    run(octets, n);
    assert_int_equal(conn_state(&conn), RS_ESTABLISHED);
    call(1, SC_OPEN_ACTIVE, 0);
    assert_true(conn.handle[1] >= 0);
}

static enum oracle broken_by(void (*act)(void), enum oracle bend)
{
    which = NONE;
    bent = bend;
    oracle_handler = caught;
    if (setjmp(broken) == 0)
        act();
    oracle_handler = NULL;
    bent = NONE;
    return which;
}

/* What is done breaks nothing while the stack is in order, and the rule once it is bent. */
static void expect(enum oracle want, void (*act)(void))
{
    begin();
    assert_int_equal(broken_by(act, NONE), NONE);
    begin();
    const enum oracle got = broken_by(act, want);
    assert_string_equal(got < NONE ? oracle_info[got].id : "none", oracle_info[want].id);
}

static void a_transition_without_an_arrow_is_seen(void **state)
{
    (void)state;
    begin();
    assert_int_equal(broken_by(go_along_an_arrow, NONE), NONE);
    assert_int_equal(broken_by(go_where_no_arrow_leads, NONE), ORACLE_state_diagram);
}

static void a_segment_that_changes_another_connection_is_seen(void **state)
{
    (void)state;
    expect(ORACLE_other_unchanged, text);
}

static void segments_without_end_are_seen(void **state)
{
    (void)state;
    expect(ORACLE_output_bounded, send_some);
}

static void deadlines_without_end_are_seen(void **state)
{
    (void)state;
    expect(ORACLE_work_bounded, finish);
}

static void a_deadline_that_stays_due_is_seen(void **state)
{
    (void)state;
    expect(ORACLE_deadline_progress, step);
}

static void a_status_that_differs_from_the_wire_is_seen(void **state)
{
    (void)state;
    expect(ORACLE_status_agrees, status);
}

static void a_received_octet_that_was_not_sent_is_seen(void **state)
{
    (void)state;
    expect(ORACLE_receive_text, receive);
}

static void a_deadline_of_a_host_without_connections_is_seen(void **state)
{
    (void)state;
    conn_begin(&conn, 0, 0, NULL);
    assert_int_equal(broken_by(step, NONE), NONE);
    assert_int_equal(broken_by(step, ORACLE_egress_silence), ORACLE_egress_silence);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transition_without_an_arrow_is_seen),
        cmocka_unit_test(a_segment_that_changes_another_connection_is_seen),
        cmocka_unit_test(segments_without_end_are_seen),
        cmocka_unit_test(deadlines_without_end_are_seen),
        cmocka_unit_test(a_deadline_that_stays_due_is_seen),
        cmocka_unit_test(a_status_that_differs_from_the_wire_is_seen),
        cmocka_unit_test(a_received_octet_that_was_not_sent_is_seen),
        cmocka_unit_test(a_deadline_of_a_host_without_connections_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
