/* The user timeout option, RFC 5482: what of the peer's wish counts, and what the host says of its
 * own. */
#include "refstack/peer.h"

static const rs_time R2 = 100 * RS_SEC;

static void up(const struct rs_tcp_config *own)
{
    struct rs_config c;

    plain(&c);
    c.tcp.uto = true;
    c.tcp.r2 = R2;
    c.tcp.rto_max = 20 * RS_SEC;
    c.tcp.user_timeout = own ? own->user_timeout : 0;
    peer_up(&c);
}

static void established_with(uint16_t value)
{
    struct wcur w = wcur_of(p.opt, sizeof p.opt);

    active_open();
    get("S", 0, 0, 0);
    wcur_u8(&w, OPT_USER_TIMEOUT);
    wcur_u8(&w, 4);
    wcur_u16(&w, value);
    p.opt_len = 4;
    say("SA", 0, 1, 0);
    p.opt_len = 0;
    get("A", 1, 1, 0);
    quiet();
}

/* How long the host goes on with text that nobody acknowledges. */
static rs_time endured(void)
{
    const rs_time before = p.now;

    user_sends(1);
    while (status().state == RS_ESTABLISHED) {
        while (heard())
            continue;
        to_deadline();
    }
    assert_int_equal(status().error, RS_ETIMEOUT);
    return p.now - before;
}

/* Section 3.1: min(U_LIMIT, max(ADV_UTO, REMOTE_UTO, L_LIMIT)); section 3.3: minutes under the
 * granularity bit, and the value 0 is reserved. */
static void the_timeout_the_peer_asks_for_counts_within_limits(void **unused)
{
    static const struct {
        uint16_t value;
        rs_time seconds;
    } row[] = {
        { 101, 101 },           { 1000, 1000 },       { 99, 100 },     { 1, 100 },
        { 0, 100 },             { 0x8000, 100 },      { 0x8001, 100 }, { 0x8000 | 20, 1200 },
        { 3601, 3600 },         { 0x7fff, 3600 },     { 0xffff, 3600 }, { 0x8000 | 60, 3600 },
    };

    (void)unused;
    for (unsigned i = 0; i < sizeof row / sizeof row[0]; i++) {
        up(NULL);
        established_with(row[i].value);
        assert_int_equal(endured() / RS_SEC, row[i].seconds);
    }
}

/* Section 3.1: CHANGEABLE is false for a timeout that the application has set. */
static void a_timeout_of_the_application_is_not_overruled(void **unused)
{
    const struct rs_tcp_config own = { .user_timeout = 50 * RS_SEC };

    (void)unused;
    up(&own);
    established_with(1000);
    assert_int_equal(endured(), 50 * RS_SEC);
}

/* Section 3.3. */
static void the_option_says_seconds_or_minutes(void **unused)
{
    static const struct {
        rs_time seconds;
        uint16_t value;
    } row[] = {
        { 0, 100 /* R2 */ },
        { 300, 300 },
        { 0x7fff, 0x7fff },
        { 0x8000, 0x8000 | 546 },
        { 100000, 0x8000 | 1666 },
        { 10000000, 0xffff },
    };

    (void)unused;
    for (unsigned i = 0; i < sizeof row / sizeof row[0]; i++) {
        const struct rs_tcp_config own = { .user_timeout = row[i].seconds * RS_SEC };
        up(&own);
        active_open();
        get("S", 0, 0, 0);
        assert_true(p.got_opts.has_user_timeout);
        assert_int_equal(p.got_opts.user_timeout, row[i].value);
    }
}

/* Section 3.1: ENABLED is false by default. */
static void without_being_asked_the_option_is_not_sent_nor_heeded(void **unused)
{
    struct rs_config c;

    (void)unused;
    plain(&c);
    c.tcp.r2 = R2;
    c.tcp.rto_max = 20 * RS_SEC;
    peer_up(&c);
    active_open();
    get("S", 0, 0, 0);
    assert_false(p.got_opts.has_user_timeout);
    peer_up(&c);
    established_with(1000);
    assert_int_equal(endured(), R2);
}

static void keep_alive_waits_for_ever_where_nothing_is_given_up(void **unused)
{
    struct rs_tcp_config own;

    (void)unused;
    up(NULL);
    established_with(1000);
    rs_get(p.host, p.conn, &own);
    own.keepalive = true;
    own.r2 = RS_NEVER;
    rs_set(p.host, p.conn, &own, p.now);
    pass(1000 * 3600 * RS_SEC);
    quiet();
}

/* Section 4.2: keep-alive waits for longer than the timeout adopted. */
static void keep_alive_waits_longer_than_the_timeout_adopted(void **unused)
{
    struct rs_tcp_config own;

    (void)unused;
    up(NULL);
    established_with(1000);
    rs_get(p.host, p.conn, &own);
    own.keepalive = true;
    own.keepalive_idle = 60 * RS_SEC;
    rs_set(p.host, p.conn, &own, p.now);
    assert_in_range(to_deadline(), 1000 * RS_SEC + 1, 1010 * RS_SEC);
    get("A", 0, 1, 0);
    quiet();
    /* An interval that is longer is kept to. */
    up(NULL);
    established_with(1000);
    own.keepalive_idle = 7200 * RS_SEC;
    rs_set(p.host, p.conn, &own, p.now);
    assert_int_equal(to_deadline(), 7200 * RS_SEC);
    get("A", 0, 1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_timeout_the_peer_asks_for_counts_within_limits),
        cmocka_unit_test(a_timeout_of_the_application_is_not_overruled),
        cmocka_unit_test(the_option_says_seconds_or_minutes),
        cmocka_unit_test(without_being_asked_the_option_is_not_sent_nor_heeded),
        cmocka_unit_test(keep_alive_waits_longer_than_the_timeout_adopted),
        cmocka_unit_test(keep_alive_waits_for_ever_where_nothing_is_given_up),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_down();
    return failed;
}
