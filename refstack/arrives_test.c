/* SEGMENT ARRIVES in CLOSED, LISTEN and SYN-SENT, RFC 9293 sections 3.10.7.1 to 3.10.7.3: what is
 * said and what must be answered.  U-n are the rules of the project's list of RFC 9293's event
 * processing. */
#include "refstack/peer.h"

static void u01_a_segment_to_no_connection_gets_a_reset_that_acknowledges_it(void **unused)
{
    (void)unused;
    plain_up();
    say("S", 0, 0, 0);
    get("RA", 0u - p.host_iss, 1, 0);
    say("SF", 5, 0, 10); /* SYN and FIN count */
    get("RA", 0u - p.host_iss, 17, 0);
    say("", 5, 0, 10);
    get("RA", 0u - p.host_iss, 15, 0);
    quiet();
}

static void u02_an_ack_to_no_connection_gets_a_reset_at_its_number(void **unused)
{
    (void)unused;
    plain_up();
    say("A", 5, 77, 10);
    get("R", 77, 0, 0);
    say("SA", 0, 1, 0);
    get("R", 1, 0, 0);
    quiet();
}

static void u03_a_reset_is_never_answered(void **unused)
{
    (void)unused;
    plain_up();
    say("R", 0, 0, 0);
    quiet();
    say("RA", 0, 1, 0);
    quiet();
    passive_open();
    say("R", 0, 0, 0);
    quiet();
    state_is(RS_LISTEN); /* U-04 */
}

static void u05_an_ack_in_listen_gets_a_reset(void **unused)
{
    (void)unused;
    plain_up();
    passive_open();
    say("A", 3, 9, 0);
    get("R", 9, 0, 0);
    say("SA", 3, 9, 0);
    get("R", 9, 0, 0);
    quiet();
    state_is(RS_LISTEN);
}

static void u06_text_with_a_syn_waits_for_established(void **unused)
{
    (void)unused;
    plain_up();
    passive_open();
    say("S", 0, 0, 10);
    get("SA", 0, 1, 0);
    quiet();
    state_is(RS_SYN_RECEIVED);
    assert_int_equal(user_receives(), RS_EAGAIN);
    say("A", 11, 1, 0);
    state_is(RS_ESTABLISHED);
    get("A", 1, 11, 0);
    quiet();
    assert_int_equal(user_receives(), 10);
}

static void u07_a_segment_without_syn_ack_or_rst_is_dropped_in_listen(void **unused)
{
    (void)unused;
    plain_up();
    passive_open();
    say("F", 0, 0, 5); /* U-35 too */
    say("", 0, 0, 0);
    say("PU", 0, 0, 5);
    quiet();
    state_is(RS_LISTEN);
}

static void u08_an_unacceptable_ack_in_syn_sent_gets_a_reset(void **unused)
{
    static const uint32_t ack[] = { 0, 2, 0xffffffff, 0x80000001 };

    (void)unused;
    plain_up();
    active_open();
    get("S", 0, 0, 0);
    for (size_t i = 0; i < sizeof ack / sizeof ack[0]; i++) {
        say("SA", 0, ack[i], 0);
        get("R", ack[i], 0, 0);
        say("RA", 0, ack[i], 0); /* U-10, U-44 */
        quiet();
        state_is(RS_SYN_SENT);
    }
}

static void u09_a_reset_that_acknowledges_the_syn_refuses_the_connection(void **unused)
{
    (void)unused;
    plain_up();
    active_open();
    get("S", 0, 0, 0);
    say("R", 0, 0, 0); /* without ACK it says nothing */
    quiet();
    state_is(RS_SYN_SENT);
    say("RA", 0, 1, 0);
    quiet();
    state_is(RS_CLOSED);
    assert_int_equal(status().error, RS_EREFUSED);
}

static void u11_a_syn_ack_with_text_and_fin_is_taken_whole(void **unused)
{
    (void)unused;
    plain_up();
    active_open();
    get("S", 0, 0, 0);
    say("SAF", 0, 1, 10);
    get("A", 1, 12, 0);
    quiet();
    state_is(RS_CLOSE_WAIT);
    assert_int_equal(user_receives(), 10);
    assert_int_equal(user_receives(), 0);
}

static void u12_a_bare_syn_in_syn_sent_is_a_simultaneous_open(void **unused)
{
    (void)unused;
    plain_up();
    active_open();
    get("S", 0, 0, 0);
    say("S", 0, 0, 10);
    get("SA", 0, 1, 0);
    quiet();
    state_is(RS_SYN_RECEIVED);
    say("SA", 0, 1, 0); /* Figure 7: the peer's answer has the number of its SYN */
    state_is(RS_ESTABLISHED);
    assert_int_equal(user_receives(), 10); /* queued while SYN-RECEIVED */
}

static void u14_neither_syn_nor_rst_is_dropped_in_syn_sent(void **unused)
{
    (void)unused;
    plain_up();
    active_open();
    get("S", 0, 0, 0);
    say("A", 0, 1, 0);
    say("FA", 0, 1, 5); /* U-35 */
    say("F", 0, 1, 5);
    quiet();
    state_is(RS_SYN_SENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u01_a_segment_to_no_connection_gets_a_reset_that_acknowledges_it),
        cmocka_unit_test(u02_an_ack_to_no_connection_gets_a_reset_at_its_number),
        cmocka_unit_test(u03_a_reset_is_never_answered),
        cmocka_unit_test(u05_an_ack_in_listen_gets_a_reset),
        cmocka_unit_test(u06_text_with_a_syn_waits_for_established),
        cmocka_unit_test(u07_a_segment_without_syn_ack_or_rst_is_dropped_in_listen),
        cmocka_unit_test(u08_an_unacceptable_ack_in_syn_sent_gets_a_reset),
        cmocka_unit_test(u09_a_reset_that_acknowledges_the_syn_refuses_the_connection),
        cmocka_unit_test(u11_a_syn_ack_with_text_and_fin_is_taken_whole),
        cmocka_unit_test(u12_a_bare_syn_in_syn_sent_is_a_simultaneous_open),
        cmocka_unit_test(u14_neither_syn_nor_rst_is_dropped_in_syn_sent),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_down();
    return failed;
}
