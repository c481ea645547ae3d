/* The timing wheel against a plain array of times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "refstack/test_rand.h"
#include "refstack/wheel.h"

enum { NODES = 64 };
#define NEVER UINT64_MAX

struct bed {
    struct wheel wheel;
    struct wheel_node node[NODES];
    uint64_t model[NODES]; /* NEVER: not armed */
};

static struct wheel_node *node_of(void *arg, uint32_t index)
{
    struct bed *b = arg;
    return &b->node[index];
}

static void open_bed(struct bed *b, uint64_t now)
{
    *b = (struct bed){ .node = { { .slot = 0 } } };
    wheel_init(&b->wheel, now);
    for (int i = 0; i < NODES; i++)
        b->model[i] = NEVER;
}

static void arm(struct bed *b, uint32_t i, uint64_t when)
{
    wheel_arm(&b->wheel, node_of, b, i, when);
    b->model[i] = when;
}

static uint64_t earliest(const struct bed *b)
{
    uint64_t when = NEVER;

    for (int i = 0; i < NODES; i++)
        if (b->model[i] < when)
            when = b->model[i];
    return when;
}

static uint64_t next_of(struct bed *b)
{
    uint32_t first;
    const uint64_t when = wheel_next(&b->wheel, node_of, b, &first);

    assert_true(first == WHEEL_NONE || b->model[first] == when);
    return when;
}

static uint32_t expire(struct bed *b, uint64_t now)
{
    return wheel_expire(&b->wheel, node_of, b, now);
}

static void entries_fire_in_order_and_not_before_their_time(void **unused)
{
    static const uint64_t when[] = { 5,    63,     64,      65,         4095, 4096,
                                     4097, 262144, 1000000, 7200000000u };
    enum { N = sizeof when / sizeof when[0] };
    struct bed b;

    (void)unused;
    open_bed(&b, 0);
    for (uint32_t i = 0; i < N; i++)
        arm(&b, N - 1 - i, when[N - 1 - i]);
    for (uint32_t i = 0; i < N; i++) {
        assert_true(next_of(&b) <= when[i]);
        assert_int_equal(expire(&b, when[i] - 1), WHEEL_NONE);
        assert_int_equal(expire(&b, when[i]), i);
        assert_int_equal(expire(&b, when[i]), WHEEL_NONE);
    }
    assert_int_equal(next_of(&b), NEVER);
}

static void one_jump_over_many_slots_fires_all_in_order(void **unused)
{
    struct bed b;
    struct rnd r = { 3 };
    uint64_t last = 0;

    (void)unused;
    open_bed(&b, 1000);
    for (uint32_t i = 0; i < NODES; i++)
        arm(&b, i, 1000 + rnd_next(&r) % (UINT64_C(1) << 44));
    for (int i = 0; i < NODES; i++) {
        const uint32_t got = expire(&b, UINT64_C(1) << 45);
        assert_int_not_equal(got, WHEEL_NONE);
        assert_true(b.model[got] >= last);
        last = b.model[got];
        b.model[got] = NEVER;
    }
    assert_int_equal(expire(&b, UINT64_C(1) << 45), WHEEL_NONE);
}

/* RFC 7323's 24 days and beyond: 2^48 microseconds are nine years. */
static void a_time_beyond_the_rim_is_kept_to(void **unused)
{
    static const uint64_t far[] = { UINT64_C(1) << 48, (UINT64_C(1) << 48) + 1, UINT64_C(3) << 50,
                                    UINT64_C(1) << 62 };
    struct bed b;

    (void)unused;
    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++) {
        open_bed(&b, 12345);
        arm(&b, 0, far[i]);
        assert_int_equal(expire(&b, far[i] - 1), WHEEL_NONE);
        assert_true(next_of(&b) <= far[i]);
        assert_int_equal(expire(&b, far[i]), 0);
    }
}

static void an_entry_disarmed_or_moved_does_not_fire(void **unused)
{
    struct bed b;

    (void)unused;
    open_bed(&b, 0);
    arm(&b, 0, 100);
    arm(&b, 1, 100);
    arm(&b, 2, 100);
    wheel_disarm(&b.wheel, node_of, &b, 1);
    wheel_disarm(&b.wheel, node_of, &b, 1); /* twice is once */
    arm(&b, 0, 200);
    wheel_arm(&b.wheel, node_of, &b, 2, NEVER); /* never is disarmed */
    assert_int_equal(expire(&b, 199), WHEEL_NONE);
    assert_int_equal(expire(&b, 200), 0);
    assert_int_equal(next_of(&b), NEVER);
}

static void a_time_already_past_fires_at_once(void **unused)
{
    struct bed b;

    (void)unused;
    open_bed(&b, 5000);
    arm(&b, 7, 10);
    assert_true(next_of(&b) <= 5000);
    assert_int_equal(expire(&b, 5000), 7);
}

/* Takes everything due off both and compares. */
static void pass_time(struct bed *b, uint64_t now)
{
    uint32_t got;
    uint64_t last = 0;

    while ((got = expire(b, now)) != WHEEL_NONE) {
        assert_true(b->model[got] <= now);
        assert_true(b->model[got] >= last);
        last = b->model[got];
        b->model[got] = NEVER;
    }
    assert_true(earliest(b) > now);
}

static void a_hundred_thousand_random_acts_agree_with_a_plain_array(void **unused)
{
    struct bed b;
    struct rnd r = { 20260101 };
    uint64_t now = rnd_next(&r) >> 20;

    (void)unused;
    open_bed(&b, now);
    for (int act = 0; act < 100000; act++) {
        const uint32_t i = rnd_below(&r, NODES);
        switch (rnd_below(&r, 4)) {
        case 0:
        case 1:
            arm(&b, i, now + (rnd_next(&r) >> (16 + rnd_below(&r, 48))));
            break;
        case 2:
            wheel_disarm(&b.wheel, node_of, &b, i);
            b.model[i] = NEVER;
            break;
        default:
            now += rnd_next(&r) >> (24 + rnd_below(&r, 40));
            pass_time(&b, now);
            break;
        }
        assert_true(next_of(&b) <= earliest(&b));
    }
}

/* What a host does: sleeps until what wheel_next says.  Early is allowed, for ever is not. */
static void going_from_deadline_to_deadline_ends(void **unused)
{
    struct bed b;
    struct rnd r = { 9 };
    uint64_t now = 0;
    int wakes = 0;

    (void)unused;
    open_bed(&b, now);
    for (uint32_t i = 0; i < NODES; i++)
        arm(&b, i, rnd_next(&r) >> 24);
    while (earliest(&b) != NEVER) {
        const uint64_t next = next_of(&b);
        assert_true(next >= now && next <= earliest(&b));
        now = next;
        pass_time(&b, now);
        assert_true(++wakes < NODES * WHEEL_LEVELS);
    }
}

/* The search for the earliest of many has an end: then the answer is early, never late, and going
 * from answer to answer still fires each at its time. */
static void of_a_crowd_the_next_time_is_early_but_never_late(void **unused)
{
    struct bed b;
    int asked = 0;
    uint64_t now = 0;

    (void)unused;
    open_bed(&b, 0);
    for (uint32_t i = 0; i < 40; i++)
        arm(&b, i, 4096 + 4095 - 3 * i);
    while (earliest(&b) != NEVER && asked++ < 1000) {
        const uint64_t next = next_of(&b);
        assert_true(next >= now && next <= earliest(&b));
        now = next;
        for (uint32_t i; (i = expire(&b, now)) != WHEEL_NONE; b.model[i] = NEVER)
            assert_int_equal(b.model[i], now);
    }
    assert_int_equal(earliest(&b), NEVER);
    assert_true(asked < 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_fire_in_order_and_not_before_their_time),
        cmocka_unit_test(of_a_crowd_the_next_time_is_early_but_never_late),
        cmocka_unit_test(one_jump_over_many_slots_fires_all_in_order),
        cmocka_unit_test(a_time_beyond_the_rim_is_kept_to),
        cmocka_unit_test(an_entry_disarmed_or_moved_does_not_fire),
        cmocka_unit_test(a_time_already_past_fires_at_once),
        cmocka_unit_test(a_hundred_thousand_random_acts_agree_with_a_plain_array),
        cmocka_unit_test(going_from_deadline_to_deadline_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
