/* What one frame of a hostile peer may cost.  Each flood drives one list or queue of the host to
 * its worst and asserts, by the host's own count, that no frame took more steps than the sizes in
 * its configuration allow; that the flood's length does not matter; and that every page comes back.
 *
 * The floods are those that brought others down: SegmentSmack (CVE-2018-5390), SACK Panic and its
 * kin (CVE-2019-11477, -11478, -11479), FragmentSmack (CVE-2018-5391). */
#include "refstack/host.h"
#include "refstack/peer.h"
#include "refstack/test_rand.h"

enum { BUFFER = 65536, PAGE = 1024, PAGES = BUFFER / PAGE, FLOOD = 20000 };

/* A segment may walk its queue's pages, and the list of blocks once to see whether there is a slot
 * and once to take it; each block of SACK may walk the list in flight a few times, and so may each
 * segment that the ACK lets out. */
enum {
    STEPS_SMALL = 64, /* no list at all: tables and timers */
    STEPS_TEXT = PAGES + 2 * RECVQ_MAX_BLOCKS + STEPS_SMALL,
    RECORDS = PAGE / sizeof(struct flight_rec),
    STEPS_SACK = (4 * 5 + 8) * RECORDS + STEPS_SMALL,
};

static struct rnd rnd;
static uint64_t frames_out; /* in answer to the last segment */

static void big_host(struct rs_config *c)
{
    plain(c);
    c->page_octets = PAGE;
    c->pages = 4 * PAGES;
    c->max_conns = 32;
    c->demux_places = 32;
    c->tcp.snd_buf = c->tcp.rcv_buf = BUFFER - 1;
}

static void host_up(void)
{
    struct rs_config c;

    big_host(&c);
    peer_up(&c);
    rnd.s = 1;
    p.wnd = 65535;
}

static void hear_all(void)
{
    for (frames_out = 0; heard(); frames_out++)
        ;
}

/* The steps since `before`, shared among the frame that came in and those that went out. */
static void cost_at_most(uint64_t before, uint64_t bound, const char *file, int line)
{
    hear_all();
    const uint64_t each = (rs_work(p.host)->steps - before) / (1 + frames_out);

    if (each <= bound)
        return;
    print_error("%s:%d: %u steps for a frame, where %u are the most (%u frames out)\n", file, line,
                (unsigned)each, (unsigned)bound, (unsigned)frames_out);
    _fail(file, line);
}
#define cost_is_bounded(before, bound) cost_at_most(before, bound, __FILE__, __LINE__)

#define say_within(bound, ...)                               \
    do {                                                     \
        const uint64_t before_ = rs_work(p.host)->steps;     \
        say(__VA_ARGS__);                                    \
        cost_is_bounded(before_, bound);                     \
    } while (0)

static void nothing_is_held(void)
{
    hear_all();
    assert_int_equal(p.host->pool.used, 0);
    quiet();
}

static void user_aborts(void)
{
    assert_int_equal(rs_abort(p.host, p.conn, p.now), 0);
    nothing_is_held();
    assert_true(rs_deadline(p.host) == RS_NEVER);
}

/* ---- Text ------------------------------------------------------------------------------- */

static void single_octets_with_holes_between_cost_what_the_lists_hold(void **unused)
{
    (void)unused;
    for (int order = 0; order < 3; order++) {
        host_up();
        established();
        for (uint32_t i = 0; i < FLOOD; i++) {
            const uint32_t up = 3 + 2 * i % (BUFFER - 8);
            const uint32_t at[] = { up, BUFFER - up, 3 + rnd_below(&rnd, BUFFER - 8) };
            say_within(STEPS_TEXT, "A", at[order], 1, 1);
            assert_int_equal(frames_out, 1); /* RFC 5681 section 4.2 */
        }
        assert_true(p.host->pool.used <= PAGES + 2);
        user_aborts();
    }
}

/* With the list of blocks full, text for which there is no slot takes no pages either. */
static void text_without_a_slot_is_refused_before_pages_are_taken_for_it(void **unused)
{
    (void)unused;
    host_up();
    established();
    for (uint32_t i = 0; i < RECVQ_MAX_BLOCKS + 8u; i++)
        say("A", 3 + 2 * i, 1, 1);
    hear_all();
    const uint32_t held = p.host->pool.used;
    for (uint32_t i = 0; i < 100; i++) {
        const uint64_t copied = rs_work(p.host)->octets;
        say_within(RECVQ_MAX_BLOCKS + 16, "A", BUFFER - 2 * i - 8, 1, 1);
        assert_int_equal(rs_work(p.host)->octets, copied);
        assert_int_equal(p.host->pool.used, held);
    }
    user_aborts();
}

/* What is in order costs the same however much waits before it. */
static void a_long_queue_makes_the_next_octet_no_dearer(void **unused)
{
    (void)unused;
    host_up();
    established();
    for (uint32_t i = 0; i < 60000; i += 1000)
        say_within(STEPS_SMALL, "A", 1 + i, 1, 1000);
    p.wnd = 0;
    say("A", 60001, 1, 0);
    for (int i = 0; i < BUFFER - 1; i++) {
        const uint64_t before = rs_work(p.host)->steps;
        assert_int_equal(rs_send(p.host, p.conn, "x", 1, 0, p.now), 1);
        cost_is_bounded(before, STEPS_SMALL);
    }
    user_aborts();
}

/* ---- Acknowledgments -------------------------------------------------------------------- */

static void open_with(const uint8_t *opt, size_t n)
{
    active_open();
    hear_all();
    memcpy(p.opt, opt, n);
    p.opt_len = (uint8_t)n;
    say("SA", 0, 1, 0);
    p.opt_len = 0;
    hear_all();
    state_is(RS_ESTABLISHED);
}

/* Four blocks at random, one octet long each or longer, and RFC 2883's kind among them. */
static void random_blocks(uint32_t sent)
{
    struct wcur w = wcur_of(p.opt, sizeof p.opt);

    wcur_u16(&w, 0x0101);
    wcur_u16(&w, 0x0522);
    for (int i = 0; i < 4; i++) {
        const uint32_t left = 1 + rnd_below(&rnd, sent);
        const uint32_t len = rnd_below(&rnd, 4) ? 1 : rnd_below(&rnd, sent);
        wcur_u32(&w, p.host_iss + left);
        wcur_u32(&w, p.host_iss + left + len);
    }
    p.opt_len = 36;
}

/* A receiver with the smallest MSS, that SACKs single octets and now and then forgets them all. */
static void sack_of_single_octets_costs_what_the_lists_hold(void **unused)
{
    static const uint8_t opt[] = { 2, 4, 0, 1, 4, 2, 1, 1 }; /* MSS 1, SACK permitted */
    static uint8_t text[BUFFER];

    (void)unused;
    for (int rack = 0; rack < 2; rack++) {
        uint32_t una = 1;
        host_up();
        p.cfg.tcp.sack = true;
        p.cfg.tcp.rack = rack;
        const struct rs_config c = p.cfg;
        peer_up(&c);
        p.wnd = 65535;
        open_with(opt, sizeof opt);
        for (uint32_t i = 0; i < FLOOD / 4; i++) {
            const struct rs_status s = status();
            const uint32_t sent = s.snd_nxt - p.host_iss;
            rs_send(p.host, p.conn, text, sizeof text, 0, p.now);
            random_blocks(sent);
            una = rnd_below(&rnd, 8) ? una : s.snd_una - p.host_iss + rnd_below(&rnd, 100);
            una = una < sent ? una : sent;
            say_within(STEPS_SACK, "A", 1, una, 0);
            p.opt_len = 0;
            if (rnd_below(&rnd, 64) == 0 && rs_deadline(p.host) != RS_NEVER) {
                const uint64_t before = rs_work(p.host)->steps;
                p.now = rs_deadline(p.host);
                cost_is_bounded(before, STEPS_SACK);
            } else {
                pass(RS_MSEC);
            }
        }
        assert_true(p.host->pool.used <= PAGES + 3);
        user_aborts();
    }
}

/* Every kind of ACK without text: repeated, old, of what was never sent; and a window that opens by
 * one octet at a time and shuts.  None is answered more often than RFC 5961 section 7 lets, unless
 * by text. */
static void floods_of_acks_cost_little_and_are_hardly_answered(void **unused)
{
    uint64_t answered = 0;

    (void)unused;
    host_up();
    established();
    user_sends(4096);
    hear_all();
    for (uint32_t i = 0; i < FLOOD; i++) {
        const uint32_t ack[] = { 1, 1u << 31, 60000, 0 };
        p.wnd = (uint16_t)(rnd_below(&rnd, 4) ? rnd_below(&rnd, 2) : rnd_below(&rnd, 65536));
        say_within(STEPS_SMALL, "A", rnd_below(&rnd, 8) ? 1 : 70000, ack[rnd_below(&rnd, 4)], 0);
        answered += frames_out;
    }
    assert_true(answered <= 10 + 4096); /* all in one instant: the limit, and the text itself */
    for (int i = 0; i < 100; i++) { /* a window shut for hours */
        const uint64_t before = rs_work(p.host)->steps;
        p.wnd = 0;
        p.now = rs_deadline(p.host) == RS_NEVER ? p.now : rs_deadline(p.host);
        cost_is_bounded(before, STEPS_SMALL);
        say_within(STEPS_SMALL, "A", 1, 1, 0);
    }
    user_aborts();
}

/* ---- Floods that need no connection ------------------------------------------------------ */

static void options_cost_no_list_whatever_they_say(void **unused)
{
    (void)unused;
    host_up();
    established();
    for (uint32_t i = 0; i < FLOOD; i++) {
        static const uint8_t kind[] = { 0, 1, 2, 3, 4, 5, 8, 28, 34, 254 };
        p.opt_len = TCP_OPT_MAX;
        for (int k = 0; k < TCP_OPT_MAX; k++) {
            const bool tidy = rnd_below(&rnd, 4) != 0;
            p.opt[k] = tidy ? kind[rnd_below(&rnd, sizeof kind)] : (uint8_t)rnd_next(&rnd);
        }
        say_within(STEPS_SMALL, "A", 1, 1, 0);
    }
    p.opt_len = 0;
    user_aborts();
}

static unsigned count;

static void count_one(void *arg, int conn)
{
    (void)arg;
    (void)conn;
    count++;
}

static unsigned connections(void)
{
    count = 0;
    rs_each(p.host, count_one, NULL);
    return count;
}

/* Half of the SYNs carry text; RSTs and ACKs that fit nothing come between. */
static void floods_of_syns_and_resets_are_answered_once_each_from_a_bounded_table(void **unused)
{
    const struct rs_endpoint local = { .port = HOST_PORT };

    (void)unused;
    for (int cookies = 0; cookies < 2; cookies++) {
        struct rs_config c;
        big_host(&c);
        c.tcp.syn_cookies = cookies;
        peer_up(&c);
        p.conn = rs_listen(p.host, &local, p.now);
        for (uint32_t i = 0; i < FLOOD; i++) {
            static const char *const flags[] = { "S", "S", "S", "R", "A", "SF", "" };
            const uint32_t len = rnd_below(&rnd, 2) * rnd_below(&rnd, 500);
            p.port = (uint16_t)(1024 + rnd_below(&rnd, 60000));
            say_within(STEPS_SMALL, flags[rnd_below(&rnd, 7)], rnd_below(&rnd, BUFFER),
                       rnd_below(&rnd, BUFFER), len);
            assert_true(frames_out <= 1);
            assert_true(connections() <= 1 + c.backlog);
            assert_true(p.host->pool.used <= c.pages / 2 + 2);
        }
        for (int i = 0; i < 10000 && rs_deadline(p.host) != RS_NEVER; i++) {
            p.now = rs_deadline(p.host);
            hear_all();
        }
        assert_int_equal(connections(), 1);
        assert_int_equal(rs_close(p.host, p.conn, p.now), 0);
        nothing_is_held();
    }
}

/* A fragment of a TCP datagram that never becomes whole, at a random place. */
static void say_fragment(uint32_t id)
{
    const uint32_t off = rnd_below(&rnd, 2) ? rnd_below(&rnd, 8) : rnd_below(&rnd, 8000);
    const size_t len = 8 * (1 + rnd_below(&rnd, 2) * rnd_below(&rnd, 60));
    const struct ip4_hdr ip = {
        .ihl = 5,
        .total_len = (uint16_t)(IP4_HEADER + len),
        .id = (uint16_t)id,
        .frag = (uint16_t)(IP4_MF | off),
        .ttl = 64,
        .proto = IP_PROTO_TCP,
        .src = the_peer().addr,
        .dst = p.cfg.addr,
    };

    memset(p.frame + IP4_HEADER, (int)id, len);
    ip4_emit_sum(&ip, p.frame, sizeof p.frame);
    rs_input(p.host, p.frame, IP4_HEADER + len, p.now);
}

static void floods_of_fragments_cost_what_a_datagram_holds(void **unused)
{
    enum { STEPS = 3 * (BUFFER / PAGE) + 4 * FRAG_QUEUES + 64 + STEPS_SMALL };

    (void)unused;
    host_up();
    for (uint32_t i = 0; i < FLOOD; i++) {
        const uint64_t before = rs_work(p.host)->steps;
        say_fragment(rnd_below(&rnd, 3) ? i / 16 : i);
        cost_is_bounded(before, STEPS);
        assert_true(p.host->pool.used <= p.cfg.pages / 3 + 2);
    }
    pass(60 * RS_SEC);
    nothing_is_held();
    assert_true(rs_deadline(p.host) == RS_NEVER);
}

/* ---- One after another ------------------------------------------------------------------- */

/* However long a flood, its last thousand cost what the thousand after the first few did. */
static void the_length_of_a_flood_does_not_change_its_price(void **unused)
{
    uint64_t spent[3];

    (void)unused;
    host_up();
    established();
    for (uint32_t part = 0; part < 3; part++) {
        const uint64_t before = rs_work(p.host)->steps;
        for (uint32_t i = 0; i < FLOOD; i++) {
            say("A", 3 + rnd_below(&rnd, BUFFER - 8), 1, 1);
            hear_all();
        }
        spent[part] = rs_work(p.host)->steps - before;
    }
    assert_true(spent[2] <= spent[1] + spent[1] / 10);
    user_aborts();
}

static int down(void **unused)
{
    (void)unused;
    peer_down();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_octets_with_holes_between_cost_what_the_lists_hold),
        cmocka_unit_test(text_without_a_slot_is_refused_before_pages_are_taken_for_it),
        cmocka_unit_test(a_long_queue_makes_the_next_octet_no_dearer),
        cmocka_unit_test(sack_of_single_octets_costs_what_the_lists_hold),
        cmocka_unit_test(floods_of_acks_cost_little_and_are_hardly_answered),
        cmocka_unit_test(options_cost_no_list_whatever_they_say),
        cmocka_unit_test(floods_of_syns_and_resets_are_answered_once_each_from_a_bounded_table),
        cmocka_unit_test(floods_of_fragments_cost_what_a_datagram_holds),
        cmocka_unit_test(the_length_of_a_flood_does_not_change_its_price),
    };
    return cmocka_run_group_tests(tests, NULL, down);
}
