/* Path MTU: the search by probes (RFC 4821), and how far a router's word is believed (RFC 5927
 * section 7.2); two hosts with a path between them that takes so much. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "refstack/sim.h"

enum { TOTAL = 200000 };

/* What lies between the hosts, and what it saw. */
static struct path {
    struct sim sim;
    int a, b;
    size_t mtu;     /* larger datagrams vanish, */
    size_t tells;   /* with word of that size, unless 0 */
    unsigned lost;  /* of them */
    uint64_t chance; /* unless 0: one segment in eight vanishes too, whatever its size */
    size_t largest; /* datagram that passed */
    uint8_t first_large[64]; /* its first octets, the last that was larger than 1280 */
} p;

static struct rs_status a_status(void)
{
    struct rs_status s = { .state = RS_CLOSED };
    rs_status(p.sim.host[SIM_A], p.a, &s);
    return s;
}

static void up(const struct rs_config *c)
{
    const struct rs_endpoint any = { .port = 0 };
    const struct rs_endpoint server = sim_at(SIM_B, 80);

    p = (struct path){ .sim = { .now = RS_SEC }, .mtu = 1500 };
    sim_open(&p.sim, c);
    p.b = rs_open_passive(p.sim.host[SIM_B], &server, NULL, p.sim.now);
    p.a = rs_open_active(p.sim.host[SIM_A], &any, &server, p.sim.now);
    sim_settle(&p.sim);
    assert_int_equal(a_status().state, RS_ESTABLISHED);
}

/* Fragmentation Needed about the datagram quoted, as a router between would send it. */
static void tell(const uint8_t *datagram, uint16_t mtu)
{
    uint8_t frame[ETH_HEADER + 2 * IP4_HEADER + ICMP_HEADER + 8] = { [5] = SIM_A + 1, [12] = 8 };
    uint8_t *out = frame + ETH_HEADER;
    const struct icmp_msg m = { .type = ICMP_UNREACHABLE, .code = ICMP_FRAG_NEEDED, .rest = mtu,
                                .body = datagram, .body_len = IP4_HEADER + 8 };
    const struct ip4_hdr ip = { .ihl = 5, .ttl = 64, .proto = IP_PROTO_ICMP,
                                .total_len = sizeof frame - ETH_HEADER,
                                .src = rs_ip4(192, 0, 2, 99), .dst = sim_at(SIM_A, 0).addr };

    frame[0] = 2;
    ip4_emit_sum(&ip, out, IP4_HEADER);
    icmp_emit_sum(&m, out + IP4_HEADER, sizeof frame - ETH_HEADER - IP4_HEADER);
    rs_input(p.sim.host[SIM_A], frame, sizeof frame, p.sim.now);
}

static void carry(int from, const uint8_t *frame, size_t n)
{
    const size_t datagram = n - ETH_HEADER;

    if (datagram > 1280)
        memcpy(p.first_large, frame + ETH_HEADER, sizeof p.first_large);
    if (p.chance) {
        p.chance = p.chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        if ((p.chance >> 33) % 8 == 0)
            return;
    }
    if (datagram > p.mtu) {
        p.lost++;
        if (p.tells)
            tell(frame + ETH_HEADER, (uint16_t)p.tells);
        return;
    }
    if (datagram > p.largest)
        p.largest = datagram;
    rs_input(p.sim.host[1 - from], frame, n, p.sim.now);
}

static void settle(void)
{
    static uint8_t frame[2048];
    bool moved = true;

    while (moved) {
        moved = false;
        for (int i = 0; i < 2; i++) {
            size_t n;
            while ((n = rs_output(p.sim.host[i], frame, sizeof frame, p.sim.now)) > 0) {
                moved = true;
                carry(i, frame, n);
            }
        }
    }
}

static uint8_t octet_at(size_t i)
{
    return (uint8_t)(i * 31 + i / 251);
}

/* Keeps the sender's queue full and time going by 10 ms, until all has arrived and is right. */
static void transfer(size_t total)
{
    uint8_t buf[16384];
    size_t sent = 0;
    size_t got = 0;

    for (int step = 0; step < 100000 && got < total; step++) {
        const size_t want = total - sent < sizeof buf ? total - sent : sizeof buf;
        for (size_t i = 0; i < want; i++)
            buf[i] = octet_at(sent + i);
        const int n = want ? rs_send(p.sim.host[SIM_A], p.a, buf, want, 0, p.sim.now) : 0;
        sent += n > 0 ? (size_t)n : 0;
        const unsigned lost = p.lost;
        const struct rs_status before = a_status();
        settle();
        const struct rs_status after = a_status();
        /* A probe that is lost alone is not congestion (section 7.6.2). */
        if (p.lost > lost && before.smss < 1460 && before.retransmits == 0) {
            assert_int_equal(p.lost - lost, 1);
            assert_int_equal(after.ssthresh, before.ssthresh);
        }
        int m;
        while ((m = rs_receive(p.sim.host[SIM_B], p.b, buf, sizeof buf, p.sim.now)) > 0)
            for (int i = 0; i < m; i++)
                assert_int_equal(buf[i], octet_at(got++));
        p.sim.now += 10 * RS_MSEC;
    }
    assert_int_equal(got, total);
    for (int i = 0; i < 50; i++, p.sim.now += 10 * RS_MSEC) /* the last ACK may have been delayed */
        settle();
}

static void the_search_finds_what_a_silent_path_takes(void **unused)
{
    (void)unused;
    for (int sack = 0; sack < 2; sack++) {
        struct rs_config c;
        rs_config_default(&c);
        c.tcp.sack = sack != 0;
        up(&c);
        p.mtu = 1400;
        transfer(TOTAL); /* the black hole is met and left */
        assert_true(p.lost > 0);
        assert_true(a_status().smss >= 1240);
        for (int i = 0; i < 40 && a_status().smss + 40 <= p.mtu - 16; i++)
            transfer(2 * (size_t)TOTAL);
        assert_in_range(a_status().smss + 40, p.mtu - 16, p.mtu);
        assert_true(p.largest <= p.mtu);
        /* And then no more is lost to it. */
        const unsigned lost = p.lost;
        transfer(TOTAL);
        assert_int_equal(p.lost, lost);
        sim_close(&p.sim);
    }
}

static void a_path_that_widens_is_found_wide_by_one_probe(void **unused)
{
    struct rs_config c;

    (void)unused;
    rs_config_default(&c);
    up(&c);
    p.mtu = p.tells = 1300;
    transfer(TOTAL);
    assert_int_equal(a_status().smss, 1260);
    p.mtu = 1500;
    transfer(TOTAL); /* what was told holds for ten minutes (RFC 8201 section 4) */
    assert_int_equal(a_status().smss, 1260);
    p.sim.now += 600 * RS_SEC;
    transfer(TOTAL);
    assert_int_equal(a_status().smss, 1460);
    sim_close(&p.sim);
}

static void a_router_that_refuses_a_probe_names_the_next(void **unused)
{
    struct rs_config c;

    (void)unused;
    rs_config_default(&c);
    up(&c);
    p.mtu = p.tells = 1300;
    transfer(TOTAL);
    p.sim.now += 600 * RS_SEC;
    p.mtu = p.tells = 1437;
    const unsigned lost = p.lost;
    transfer(TOTAL);
    assert_int_equal(p.lost, lost + 1);
    assert_int_equal(a_status().smss, 1437 - 40);
    sim_close(&p.sim);
}

/* A probe is a segment lost; what there is to gain has to be worth one. */
static void a_size_that_gains_next_to_nothing_is_not_tried(void **unused)
{
    struct rs_config c;

    (void)unused;
    for (int silent = 0; silent <= 1; silent++) {
        rs_config_default(&c);
        up(&c);
        p.mtu = p.tells = 1300;
        transfer(TOTAL);
        p.sim.now += 600 * RS_SEC;
        p.mtu = 1305;
        p.tells = silent ? 0 : 1305;
        for (int i = 0; i < (silent ? 12 : 1); i++, p.sim.now += 5 * RS_SEC)
            transfer(TOTAL);
        const unsigned lost = p.lost;
        for (int i = 0; i < 3; i++, p.sim.now += 5 * RS_SEC)
            transfer(TOTAL);
        assert_int_equal(p.lost, lost);
        assert_in_range(a_status().smss, 1260, 1265);
        sim_close(&p.sim);
    }
}

/* Whatever else is lost with a probe, before it or behind it. */
static void a_search_among_losses_ends_within_what_the_path_takes(void **unused)
{
    struct rs_config c;
    static uint8_t buf[16384];

    (void)unused;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        size_t sent = 0, got = 0;
        rs_config_default(&c);
        up(&c);
        p.mtu = p.tells = 1300;
        transfer(TOTAL);
        p.sim.now += 600 * RS_SEC;
        p.mtu = 1437;
        p.tells = 0;
        p.chance = seed;
        for (int step = 0; step < 200000 && got < TOTAL; step++, p.sim.now += 10 * RS_MSEC) {
            const size_t want = TOTAL - sent < sizeof buf ? TOTAL - sent : sizeof buf;
            int n = want ? rs_send(p.sim.host[SIM_A], p.a, buf, want, 0, p.sim.now) : 0;
            sent += n > 0 ? (size_t)n : 0;
            settle();
            while ((n = rs_receive(p.sim.host[SIM_B], p.b, buf, sizeof buf, p.sim.now)) > 0)
                got += (size_t)n;
        }
        assert_int_equal(got, TOTAL);
        assert_in_range(a_status().smss, 500, 1437 - 40);
        sim_close(&p.sim);
    }
}

static void without_the_search_no_probe_is_sent(void **unused)
{
    struct rs_config c;

    (void)unused;
    rs_config_default(&c);
    c.tcp.pmtu_search = false;
    up(&c);
    p.mtu = 1400;
    transfer(TOTAL);
    p.mtu = 1500;
    p.largest = 0;
    transfer(10 * (size_t)TOTAL);
    assert_int_equal(p.largest, 1280);
    sim_close(&p.sim);
}

/* The last octets do not fill a probe with enough behind it: they go as segments that are known to
 * arrive. */
static void a_probe_needs_text_behind_it(void **unused)
{
    struct rs_config c;

    (void)unused;
    rs_config_default(&c);
    up(&c);
    p.mtu = p.tells = 1300;
    transfer(TOTAL);
    p.sim.now += 600 * RS_SEC;
    p.mtu = 1500, p.largest = 0; /* a probe would pass now */
    transfer(4 * 1200);
    assert_int_equal(p.largest, 1300);
    sim_close(&p.sim);
}

/* ---- RFC 5927 section 7.2 ---------------------------------------------------------------- */

static void text(size_t n)
{
    static uint8_t buf[8192];
    assert_int_equal(rs_send(p.sim.host[SIM_A], p.a, buf, n, 0, p.sim.now), n);
}

static void a_size_told_of_text_that_arrives_is_not_believed(void **unused)
{
    struct rs_config c;
    uint8_t frame[2048];
    static uint8_t drain[8192];

    (void)unused;
    for (int doubt = 0; doubt < 2; doubt++) {
        rs_config_default(&c);
        c.tcp.doubt_too_big = doubt != 0;
        up(&c);
        transfer(TOTAL);
        text(1448);
        const size_t n = rs_output(p.sim.host[SIM_A], frame, sizeof frame, p.sim.now);
        assert_int_equal(n, ETH_HEADER + 1500);
        tell(frame + ETH_HEADER, 600); /* though it is on its way */
        rs_input(p.sim.host[SIM_B], frame, n, p.sim.now);
        sim_run(&p.sim, p.sim.now + 5 * RS_SEC);
        assert_int_equal(a_status().smss, doubt ? 1460 : 560);
        while (rs_receive(p.sim.host[SIM_B], p.b, drain, sizeof drain, p.sim.now) > 0)
            ;
        /* A later loss of something else does not bring the claim back. */
        p.mtu = 100;
        text(10);
        settle();
        text(1000);
        settle();
        p.mtu = 1500;
        sim_run(&p.sim, p.sim.now + 5 * RS_SEC);
        assert_int_equal(a_status().smss, doubt ? 1460 : 560);
        sim_close(&p.sim);
    }
}

static void a_path_that_narrows_is_believed_at_the_timeout(void **unused)
{
    struct rs_config c;
    uint8_t buf[4096];
    size_t got = 0;
    int n;

    (void)unused;
    rs_config_default(&c);
    up(&c);
    transfer(TOTAL);
    p.mtu = p.tells = 1200;
    text(3000);
    settle();
    assert_int_equal(a_status().smss, 1460); /* not at once */
    for (int i = 0; i < 50; i++) {
        p.sim.now += 100 * RS_MSEC;
        settle();
        while ((n = rs_receive(p.sim.host[SIM_B], p.b, buf, sizeof buf, p.sim.now)) > 0)
            got += (size_t)n;
    }
    assert_int_equal(got, 3000);
    assert_int_equal(a_status().smss, 1160);
    sim_close(&p.sim);
}

/* A larger size than the path is known to take is no news. */
static void a_size_told_above_the_present_one_changes_nothing(void **unused)
{
    struct rs_config c;
    uint8_t frame[2048];

    (void)unused;
    rs_config_default(&c);
    up(&c);
    p.mtu = p.tells = 1300;
    transfer(TOTAL);
    text(1000);
    assert_true(rs_output(p.sim.host[SIM_A], frame, sizeof frame, p.sim.now) > 0);
    frame[ETH_HEADER + 2] = 1500 >> 8; /* the router's word for how large it was */
    frame[ETH_HEADER + 3] = 1500 & 0xff;
    tell(frame + ETH_HEADER, 1400);
    sim_run(&p.sim, p.sim.now + 5 * RS_SEC);
    assert_int_equal(a_status().smss, 1260);
    assert_int_equal(a_status().snd_queued, 0);
    sim_close(&p.sim);
}

/* With no page to note it in, a router's word is lost; the path will say it again. */
static void a_size_told_when_no_page_is_left_is_not_believed(void **unused)
{
    struct rs_config c;
    uint8_t frame[2048];
    static uint8_t buf[1 << 16];

    (void)unused;
    rs_config_default(&c);
    c.pages = 24;
    c.tcp.snd_buf = 1 << 20;
    up(&c);
    transfer(TOTAL);
    while (rs_send(p.sim.host[SIM_A], p.a, buf, sizeof buf, 0, p.sim.now) > 0)
        ;
    assert_true(rs_output(p.sim.host[SIM_A], frame, sizeof frame, p.sim.now) > 0); /* and is lost */
    tell(frame + ETH_HEADER, 600);
    for (int i = 0; i < 400; i++, p.sim.now += 100 * RS_MSEC) {
        settle();
        while (rs_receive(p.sim.host[SIM_B], p.b, buf, sizeof buf, p.sim.now) > 0)
            ;
    }
    assert_int_equal(a_status().smss, 1460);
    assert_int_equal(a_status().snd_queued, 0);
    sim_close(&p.sim);
}

static void of_several_sizes_told_the_largest_is_believed(void **unused)
{
    struct rs_config c;
    uint8_t frame[2048];

    (void)unused;
    rs_config_default(&c);
    up(&c);
    transfer(TOTAL);
    text(1448);
    assert_true(rs_output(p.sim.host[SIM_A], frame, sizeof frame, p.sim.now) > 0); /* and is lost */
    tell(frame + ETH_HEADER, 600);
    tell(frame + ETH_HEADER, 1300);
    tell(frame + ETH_HEADER, 68);
    p.mtu = 1300;
    for (int i = 0; i < 20; i++) {
        p.sim.now += 100 * RS_MSEC;
        settle();
    }
    assert_int_equal(a_status().smss, 1260);
    assert_int_equal(a_status().snd_queued, 0);
    sim_close(&p.sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_search_finds_what_a_silent_path_takes),
        cmocka_unit_test(a_path_that_widens_is_found_wide_by_one_probe),
        cmocka_unit_test(a_router_that_refuses_a_probe_names_the_next),
        cmocka_unit_test(a_size_that_gains_next_to_nothing_is_not_tried),
        cmocka_unit_test(a_search_among_losses_ends_within_what_the_path_takes),
        cmocka_unit_test(a_size_told_above_the_present_one_changes_nothing),
        cmocka_unit_test(a_size_told_when_no_page_is_left_is_not_believed),
        cmocka_unit_test(without_the_search_no_probe_is_sent),
        cmocka_unit_test(a_probe_needs_text_behind_it),
        cmocka_unit_test(a_size_told_of_text_that_arrives_is_not_believed),
        cmocka_unit_test(a_path_that_narrows_is_believed_at_the_timeout),
        cmocka_unit_test(of_several_sizes_told_the_largest_is_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
