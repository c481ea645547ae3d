/* A host that is in order passes; one whose state is bent afterwards, as no call could bend it, is
 * caught by the rule that was bent.  The only test that writes into a TCB: that is its subject. */
#include "harness/invariants.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "harness/oracle.h"
#include "refstack/host.h"

#define NONE N_ORACLES
enum { BLOCK = 16384 };

static alignas(max_align_t) uint8_t block[BLOCK];
static struct rs_config cfg;
static struct rs_host *host;
static struct tcb *tcb;
static struct invariants rules;
static rs_time now;
static jmp_buf broken;
static enum oracle which;

static void caught(enum oracle oracle)
{
    which = oracle;
    longjmp(broken, 1);
}

static void expect(enum oracle want)
{
    which = NONE;
    oracle_handler = caught;
    if (setjmp(broken) == 0)
        invariants_check(&rules, host, now);
    oracle_handler = NULL;
    assert_string_equal(want < NONE ? oracle_info[want].id : "none",
                        which < NONE ? oracle_info[which].id : "none");
}

/* An active OPEN whose SYN is on its way. */
static int open_one(void **state)
{
    const struct rs_endpoint local = { .addr = rs_ip4(192, 0, 2, 1), .port = 4000 };
    const struct rs_endpoint remote = { .addr = rs_ip4(192, 0, 2, 2), .port = 80 };
    uint8_t frame[2048];

    (void)state;
    rs_config_small(&cfg);
    cfg.addr = local.addr;
    cfg.prefix_len = 24;
    now = RS_SEC;
    host = rs_init(block, sizeof block, &cfg, now);
    assert_non_null(host);
    invariants_init(&rules, &cfg);
    tcb = tcb_of_handle(host, rs_open_active(host, &local, &remote, now));
    assert_non_null(tcb);
    while (rs_output(host, frame, sizeof frame, now) > 0)
        continue;
    expect(NONE);
    return 0;
}

static void a_syn_without_its_timer_is_seen(void **state)
{
    (void)state;
    tcb_disarm(tcb, RS_TIMER_RETRANSMIT);
    expect(ORACLE_retransmit_armed);
}

static void a_timer_too_far_off_is_seen(void **state)
{
    (void)state;
    tcb->due[DUE_PEER] = now + cfg.tcp.rto_max + 1;
    expect(ORACLE_timer_bound);
}

static void snd_una_that_goes_back_is_seen(void **state)
{
    (void)state;
    rules.past[tcb->index].snd_una++; /* an ACK had been seen to move it there */
    expect(ORACLE_send_una_back);
}

static void snd_una_beyond_snd_nxt_is_seen(void **state)
{
    (void)state;
    tcb->snd_una = tcb->snd_nxt + 1;
    expect(ORACLE_send_order);
}

static void a_send_queue_that_does_not_hold_what_was_sent_is_seen(void **state)
{
    (void)state;
    tcb->snd_nxt = tcb->snd_una + 3; /* the SYN, a FIN and one more */
    expect(ORACLE_send_queue);
}

static void a_send_queue_beyond_its_buffer_is_seen(void **state)
{
    (void)state;
    tcb->sendq.len = cfg.tcp.snd_buf + 1;
    expect(ORACLE_send_buffer);
}

static void a_segment_size_outside_its_bounds_is_seen(void **state)
{
    (void)state;
    tcb->smss = 0;
    expect(ORACLE_segment_size);
    tcb->smss = 1500;
    expect(ORACLE_segment_size);
}

/* The rules of the receiving side, of a TCB that has heard a SYN. */
static void a_receive_side_that_is_bent_is_seen(void **state)
{
    (void)state;
    tcb->state = RS_SYN_RECEIVED;
    tcb->rcv_adv = tcb->recvq.user = tcb->recvq.nxt = 1000;
    tcb->last_ack_sent = 1000;
    expect(NONE);
    tcb->rcv_adv = 999;
    expect(ORACLE_receive_window);
    tcb->rcv_adv = 1000 + cfg.tcp.rcv_buf + 2;
    expect(ORACLE_receive_window);
    tcb->rcv_adv = 1000;
    tcb->recvq.user = tcb->recvq.nxt = 999; /* both went back, no octet is missing */
    expect(ORACLE_receive_next_back);
    tcb->recvq.user = 1001;
    tcb->recvq.nxt = 1000;
    expect(ORACLE_receive_buffer);
}

/* Two blocks beyond a hole, of text that the chain holds. */
static void held_text_that_is_not_sorted_and_apart_is_seen(void **state)
{
    (void)state;
    tcb->state = RS_SYN_RECEIVED;
    tcb->rcv_adv = tcb->last_ack_sent = tcb->recvq.user = tcb->recvq.nxt = 1000;
    for (uint32_t left = 1010; left <= 1030; left += 20)
        assert_true(recvq_insert(&host->pool, &tcb->recvq, left, (const uint8_t *)"0123456789",
                                 10, false));
    struct recvq_blocks *b = pool_page(&host->pool, tcb->recvq.blocks);
    expect(NONE);
    b->block[1].left = 1020; /* touches the one before: they should be one */
    expect(ORACLE_reassembly_order);
    b->block[1].left = b->block[1].right;
    expect(ORACLE_reassembly_order);
    b->block[1].left = 1030;
    b->block[0].left = 999; /* before RCV.NXT */
    expect(ORACLE_reassembly_order);
    b->n = 0;
    expect(ORACLE_reassembly_order);
}

static void a_flight_out_of_order_or_beyond_snd_nxt_is_seen(void **state)
{
    (void)state;
    tcb->state = RS_ESTABLISHED;
    tcb->rcv_adv = tcb->last_ack_sent = tcb->recvq.user = tcb->recvq.nxt = 1000;
    tcb->cwnd = tcb->smss;
    assert_true(flight_add(&host->pool, &tcb->flight, tcb->snd_nxt, now));
    expect(NONE);
    struct flight_rec *sent = flight_at(&host->pool, &tcb->flight, 0);
    sent->end = tcb->snd_una;
    expect(ORACLE_flight_order);
    sent->end = tcb->snd_nxt + 1;
    expect(ORACLE_flight_order);
}

static void a_congestion_window_of_nothing_is_seen(void **state)
{
    (void)state;
    tcb->state = RS_ESTABLISHED;
    tcb->cwnd = 0;
    expect(ORACLE_congestion_window);
}

static void a_deadline_after_a_timer_is_seen(void **state)
{
    (void)state;
    wheel_disarm(&host->wheel, host_wheel_node, host, tcb->index); /* its timer still runs */
    expect(ORACLE_deadline_late);
}

static void a_page_that_nobody_owns_is_seen(void **state)
{
    (void)state;
    assert_int_not_equal(pool_take(&host->pool), PAGE_NONE);
    expect(ORACLE_page_leak);
}

static void a_page_of_two_owners_is_seen(void **state)
{
    (void)state;
    const uint32_t page = pool_take(&host->pool);
    tcb->sendq.head = tcb->sendq.tail = page;
    tcb->recvq.chain.head = tcb->recvq.chain.tail = page;
    expect(ORACLE_page_owned_once);
}

static void a_connection_that_is_not_found_is_seen(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < host->demux_lines; i++)
        memset(host->demux[i].place, 0xff, sizeof host->demux[i].place);
    expect(ORACLE_connection_count);
}

static void a_state_outside_the_diagram_is_seen(void **state)
{
    (void)state;
    tcb->state = RS_N_STATES;
    expect(ORACLE_state_known);
}

static void work_beyond_what_the_lists_hold_is_seen(void **state)
{
    (void)state;
    invariants_work(&rules, host, 1);
    host->pool.work->steps += 100000;
    which = NONE;
    oracle_handler = caught;
    if (setjmp(broken) == 0)
        invariants_work(&rules, host, 1);
    assert_int_equal(which, ORACLE_work_per_event);
    which = NONE;
    host->pool.work->steps += 500;
    if (setjmp(broken) == 0)
        invariants_work(&rules, host, 1);
    oracle_handler = NULL;
    assert_int_equal(which, NONE);
}

static void a_connection_is_no_business_of_other_ports(void **state)
{
    (void)state;
    assert_false(invariants_other(host, tcb->index, 4000, 80));
    assert_true(invariants_other(host, tcb->index, 4000, 81));
    assert_true(invariants_other(host, tcb->index, 4001, 80));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_syn_without_its_timer_is_seen, open_one),
        cmocka_unit_test_setup(a_timer_too_far_off_is_seen, open_one),
        cmocka_unit_test_setup(snd_una_that_goes_back_is_seen, open_one),
        cmocka_unit_test_setup(snd_una_beyond_snd_nxt_is_seen, open_one),
        cmocka_unit_test_setup(a_send_queue_that_does_not_hold_what_was_sent_is_seen, open_one),
        cmocka_unit_test_setup(a_send_queue_beyond_its_buffer_is_seen, open_one),
        cmocka_unit_test_setup(a_segment_size_outside_its_bounds_is_seen, open_one),
        cmocka_unit_test_setup(a_receive_side_that_is_bent_is_seen, open_one),
        cmocka_unit_test_setup(held_text_that_is_not_sorted_and_apart_is_seen, open_one),
        cmocka_unit_test_setup(a_flight_out_of_order_or_beyond_snd_nxt_is_seen, open_one),
        cmocka_unit_test_setup(a_congestion_window_of_nothing_is_seen, open_one),
        cmocka_unit_test_setup(a_deadline_after_a_timer_is_seen, open_one),
        cmocka_unit_test_setup(a_page_that_nobody_owns_is_seen, open_one),
        cmocka_unit_test_setup(a_page_of_two_owners_is_seen, open_one),
        cmocka_unit_test_setup(a_connection_that_is_not_found_is_seen, open_one),
        cmocka_unit_test_setup(a_state_outside_the_diagram_is_seen, open_one),
        cmocka_unit_test_setup(work_beyond_what_the_lists_hold_is_seen, open_one),
        cmocka_unit_test_setup(a_connection_is_no_business_of_other_ports, open_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
