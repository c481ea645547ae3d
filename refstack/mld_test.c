/* Multicast Listener Discovery: what is reported unasked, and how queries are answered. */
#include "refstack/net_test.h"

enum { TO_EXCLUDE = 4, IS_EXCLUDE = 2, QUERY2 = 28, QUERY1 = 24 };

static const struct rs_addr router = { .version = 6, .octet = { 0xfe, 0x80, [15] = 0x99 } };
static const struct rs_addr link_local = {
    .version = 6, .octet = { 0xfe, 0x80, [11] = 0xff, 0xfe, [15] = 1 }
};
static const struct rs_addr all_nodes = { .version = 6, .octet = { 0xff, 2, [15] = 1 } };

static void up(bool dad)
{
    ethernet_up();
    net.cfg.mld = true;
    net.cfg.dad = dad;
    net_start();
}

/* What the host says next, from its IPv6 header on. */
static const uint8_t *get_report(uint8_t type, const struct rs_addr *src, struct icmp_msg *m)
{
    static const uint8_t alert[] = { IP_PROTO_ICMP6, 0, 5, 2, 0, 0, 1, 0 };

    assert_int_equal(get_frame(), ETH_TYPE_IP6);
    assert_int_equal(ip6_parse(&net.ip6, net.out + ETH_HEADER, net.n - ETH_HEADER), WIRE_OK);
    assert_int_equal(net.ip6.hops, 1);
    assert_int_equal(net.ip6.next, IP6_HOP_BY_HOP);
    assert_memory_equal(net.ip6.payload, alert, sizeof alert);
    assert_true(rs_addr_eq(&net.ip6.src, src));
    const uint8_t *p = net.ip6.payload + sizeof alert;
    const size_t len = net.ip6.payload_len - sizeof alert;
    assert_true(icmp6_checksum_ok(&net.ip6.src, &net.ip6.dst, p, len));
    assert_int_equal(icmp_parse(m, p, len), WIRE_OK);
    assert_int_equal(m->type, type);
    assert_memory_equal(got_eth.dst + 2, net.ip6.dst.octet + 12, 4);
    return p;
}

/* A version 2 report of the solicited-node group of an address. */
static void get_record(uint8_t type, const struct rs_addr *src, const struct rs_addr *of)
{
    const struct rs_addr group = ip6_solicited_node(of);
    const struct rs_addr routers = { .version = 6, .octet = { 0xff, 2, [15] = 0x16 } };
    struct icmp_msg m;

    get_report(143, src, &m);
    assert_true(rs_addr_eq(&net.ip6.dst, &routers));
    assert_int_equal(m.rest, 1);
    assert_int_equal(m.body_len, 20);
    assert_int_equal(m.body[0], type);
    assert_memory_equal(m.body + 4, group.octet, 16);
}

/* A query, changed by the caller where it is to be wrong. */
struct query {
    const struct rs_addr *src, *group;
    uint8_t hops;
    bool plain; /* no hop-by-hop header */
    bool unmarked; /* one without the router alert */
    size_t len;
    uint16_t delay;
};

static void ask(struct query q)
{
    static const uint8_t alert[] = { IP_PROTO_ICMP6, 0, 5, 2, 0, 0, 1, 0 };
    static const uint8_t padding[] = { IP_PROTO_ICMP6, 0, 1, 4, 0, 0, 0, 0 };
    uint8_t body[20] = { 0 }, buf[128];
    const struct icmp_msg m = { .type = ICMP6_MLD_QUERY, .rest = (uint32_t)q.delay << 16,
                                .body = body, .body_len = q.len - ICMP_HEADER };
    const size_t skip = q.plain ? 0 : sizeof alert;
    const struct rs_addr dst = q.group ? *q.group : all_nodes;
    const struct ip6_hdr ip = { .next = q.plain ? IP_PROTO_ICMP6 : IP6_HOP_BY_HOP,
                                .hops = q.hops ? q.hops : 1, .src = q.src ? *q.src : router,
                                .dst = dst, .payload_len = (uint16_t)(skip + q.len) };

    if (q.group)
        memcpy(body, q.group->octet, 16);
    size_t n = ip6_emit(&ip, buf, sizeof buf);
    memcpy(buf + n, q.unmarked ? padding : alert, skip);
    n += skip;
    n += icmp6_emit_sum(&m, &ip.src, &ip.dst, buf + n, sizeof buf - n);
    const uint8_t mac[6] = { 0x33, 0x33, dst.octet[12], dst.octet[13], dst.octet[14],
                             dst.octet[15] };
    feed_frame(mac, ETH_TYPE_IP6, buf, n);
}

/* Goes on to when the host has something to say; how long that took. */
static rs_time wait(void)
{
    const rs_time before = net.now;

    assert_true(rs_deadline(net.host) != RS_NEVER);
    net.now = rs_deadline(net.host);
    return net.now - before;
}

/* Past the reports of the beginning. */
static void settled(void)
{
    up(false);
    for (int i = 0; i < 200; i++, net.now += 10 * RS_MSEC)
        while (pull() > 0)
            ;
    assert_true(rs_deadline(net.host) == RS_NEVER);
}

static void each_group_is_reported_twice_within_a_second(void **state)
{
    unsigned reports = 2;

    (void)state;
    up(false);
    get_record(TO_EXCLUDE, &link_local, &host6);
    get_record(TO_EXCLUDE, &link_local, &link_local);
    const rs_time start = net.now;
    while (rs_deadline(net.host) != RS_NEVER) {
        net.now = rs_deadline(net.host);
        while (pull() > 0)
            reports++;
    }
    assert_int_equal(reports, 4);
    assert_true(net.now <= start + RS_SEC);
}

/* RFC 3590 section 4; RFC 4862 section 5.4.2: while no address serves, and before one is asked
 * for. */
static void the_first_report_comes_from_nobody_and_before_the_question(void **state)
{
    (void)state;
    up(true);
    get_record(TO_EXCLUDE, &nobody, &host6);
    get_record(TO_EXCLUDE, &nobody, &link_local);
    assert_int_equal(get_frame(), ETH_TYPE_IP6);
    assert_int_equal(net.out[ETH_HEADER + 6], IP_PROTO_ICMP6); /* a solicitation */
}

static void a_general_query_is_answered_for_each_group_within_its_delay(void **state)
{
    (void)state;
    settled();
    ask((struct query){ .len = QUERY2, .delay = 400 });
    unsigned reports = 0;
    rs_time took = 0;
    while (rs_deadline(net.host) != RS_NEVER) {
        took += wait();
        while (pull() > 0) {
            reports++;
            assert_int_equal(net.out[ETH_HEADER + IP6_HEADER + 8], 143);
            assert_int_equal(net.out[ETH_HEADER + IP6_HEADER + 16], IS_EXCLUDE);
        }
    }
    assert_int_equal(reports, 2);
    assert_true(took <= 400 * RS_MSEC);
    /* 0x8000 | 5 is (0x1000 | 5) << 3 = 32,808 ms. */
    ask((struct query){ .len = QUERY2, .delay = 0x8005 });
    assert_true(wait() <= 32808 * RS_MSEC);
}

static void a_query_for_one_group_is_answered_for_that_one(void **state)
{
    const struct rs_addr group = ip6_solicited_node(&host6);
    const struct rs_addr other = { .version = 6, .octet = { 0xff, 2, [15] = 0x77 } };

    (void)state;
    settled();
    ask((struct query){ .len = QUERY2, .group = &other });
    quiet();
    ask((struct query){ .len = QUERY2, .group = &group, .delay = 0 });
    /* host6 and the link-local address end alike, and so share the group. */
    get_record(IS_EXCLUDE, &link_local, &host6);
    get_record(IS_EXCLUDE, &link_local, &link_local);
    quiet();
}

/* RFC 2710: the report goes to the group that it is about. */
static void a_query_of_version_1_is_answered_in_version_1(void **state)
{
    const struct rs_addr group = ip6_solicited_node(&host6);
    struct icmp_msg m;

    (void)state;
    settled();
    ask((struct query){ .len = QUERY1 });
    get_report(131, &link_local, &m);
    assert_true(rs_addr_eq(&net.ip6.dst, &group));
    assert_int_equal(m.body_len, 16);
    assert_memory_equal(m.body, group.octet, 16);
    assert_true(pull() > 0); /* of the other address */
    quiet();
    ask((struct query){ .len = QUERY2 }); /* and a later one of version 2 in that */
    get_record(IS_EXCLUDE, &link_local, &host6);
}

/* RFC 3810 section 6.2. */
static void a_query_that_may_have_passed_a_router_is_not_answered(void **state)
{
    (void)state;
    settled();
    ask((struct query){ .len = QUERY2, .hops = 2 });
    ask((struct query){ .len = QUERY2, .src = &peer6 });
    ask((struct query){ .len = QUERY2, .plain = true });
    ask((struct query){ .len = QUERY2, .unmarked = true });
    ask((struct query){ .len = QUERY2 - 2 });
    assert_int_equal(count_of(RS_REASON_ICMP_BAD), 5);
    quiet();
    assert_true(rs_deadline(net.host) == RS_NEVER);
    ask((struct query){ .len = QUERY2 });
    get_record(IS_EXCLUDE, &link_local, &host6);
}

/* RFC 3810 section 6.2: a second querier, or the same one in haste, gets no second report. */
static void a_query_while_an_answer_is_due_sooner_changes_nothing(void **state)
{
    (void)state;
    settled();
    ask((struct query){ .len = QUERY2 });
    ask((struct query){ .len = QUERY2, .delay = 0x7fff });
    get_record(IS_EXCLUDE, &link_local, &host6);
    get_record(IS_EXCLUDE, &link_local, &link_local);
    quiet();
    assert_true(rs_deadline(net.host) == RS_NEVER);
}

/* The second report of each was due when one turned out to be another host's. */
static void a_duplicate_address_reports_its_group_no_more(void **state)
{
    unsigned reports = 0;

    (void)state;
    up(true);
    get_record(TO_EXCLUDE, &nobody, &host6);
    get_record(TO_EXCLUDE, &nobody, &link_local);
    feed_nd((struct said){ .type = ND_ADVERT, .flags = ND_OVERRIDE, .target = host6,
                           .dst = all_nodes, .mac = peer_mac, .opt = ND_OPT_TARGET_MAC });
    for (int i = 0; i < 300; i++, net.now += 10 * RS_MSEC)
        while (pull() > 0)
            reports += net.out[ETH_HEADER + 6] == IP6_HOP_BY_HOP;
    assert_int_equal(reports, 1);
    assert_true(rs_deadline(net.host) == RS_NEVER);
}

static void without_the_switch_nothing_is_reported(void **state)
{
    (void)state;
    ethernet_up();
    quiet();
    ask((struct query){ .len = QUERY2 });
    quiet();
    assert_int_equal(count_of(RS_REASON_ICMP_IGNORED), 1);
    assert_true(rs_deadline(net.host) == RS_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_group_is_reported_twice_within_a_second),
        cmocka_unit_test(the_first_report_comes_from_nobody_and_before_the_question),
        cmocka_unit_test(a_general_query_is_answered_for_each_group_within_its_delay),
        cmocka_unit_test(a_query_for_one_group_is_answered_for_that_one),
        cmocka_unit_test(a_query_of_version_1_is_answered_in_version_1),
        cmocka_unit_test(a_query_that_may_have_passed_a_router_is_not_answered),
        cmocka_unit_test(a_query_while_an_answer_is_due_sooner_changes_nothing),
        cmocka_unit_test(a_duplicate_address_reports_its_group_no_more),
        cmocka_unit_test(without_the_switch_nothing_is_reported),
    };
    return cmocka_run_group_tests(tests, test_guard_up, net_down);
}
