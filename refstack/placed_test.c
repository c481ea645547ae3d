/* Text read straight to where it belongs: over both IP versions, and whatever single bit of the
 * header is another than foreseen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "refstack/refstack.h"
#include "refstack/wire.h"

enum { A, B, FRAME = 70000, TEXT = 20000 };

static struct ends {
    struct rs_host *host[2];
    int conn[2];
    rs_time now;
    uint8_t frame[FRAME];
    size_t n;    /* octets of it */
    size_t head; /* of which are header */
} e;

static struct rs_endpoint at(bool ip6, int host, uint16_t port)
{
    if (!ip6)
        return (struct rs_endpoint){ .addr = rs_ip4(192, 0, 2, (uint8_t)(host + 1)), .port = port };
    return (struct rs_endpoint){
        .addr = { .version = 6, .octet = { 0x20, 1, 0x0d, 0xb8, [15] = (uint8_t)(host + 1) } },
        .port = port,
    };
}

static void down(void)
{
    free(e.host[A]);
    free(e.host[B]);
    e.host[A] = e.host[B] = NULL;
}

static size_t out(int host)
{
    return rs_output(e.host[host], e.frame, FRAME, e.now);
}

static void settle(void)
{
    for (bool moved = true; moved;) {
        moved = false;
        for (int i = 0; i < 2; i++)
            for (size_t n; (n = out(i)) > 0; moved = true)
                rs_input(e.host[1 - i], e.frame, n, e.now);
    }
}

static uint8_t pattern(size_t i)
{
    return (uint8_t)(i * 31 + i / 251);
}

static void send_text(void)
{
    static uint8_t text[TEXT];

    for (size_t i = 0; i < TEXT; i++)
        text[i] = pattern(i);
    assert_int_equal(rs_send(e.host[A], e.conn[A], text, TEXT, 0, e.now), TEXT);
}

static void read_text(void)
{
    uint8_t text[TEXT];

    assert_int_equal(rs_receive(e.host[B], e.conn[B], text, TEXT, e.now), TEXT);
    for (size_t i = 0; i < TEXT; i++)
        if (text[i] != pattern(i))
            fail_msg("octet %zu is 0x%02x, not 0x%02x", i, text[i], pattern(i));
}

/* Two ends with a transfer behind them, and the next frame of it on the wire. */
static void up(bool ip6, uint32_t pages)
{
    const struct rs_endpoint any = { .port = 0 };
    const struct rs_endpoint server = at(ip6, B, 7);

    down();
    e.now = 1000;
    for (int i = 0; i < 2; i++) {
        struct rs_config c;
        rs_config_default(&c);
        c.offload = true;
        c.seed += (uint64_t)i;
        c.mac[5] = (uint8_t)(i + 1);
        c.addr = at(false, i, 0).addr;
        c.addr6 = at(true, i, 0).addr;
        c.prefix6 = 64;
        c.max_conns = 2;
        c.tcp.delayed_ack = 0;
        c.tcp.nagle = false;
        c.tcp.timestamps = false; /* one from the future would outdate all that follow */
        c.pages = i == B ? pages : 64;
        const size_t size = rs_host_size(&c);
        e.host[i] = rs_init(malloc(size), size, &c, e.now);
        assert_non_null(e.host[i]);
    }
    e.conn[B] = rs_open_passive(e.host[B], &server, NULL, e.now);
    e.conn[A] = rs_open_active(e.host[A], &any, &server, e.now);
    settle();
    for (int i = 0; i < 4; i++) { /* cwnd grows beyond one frame of TEXT */
        send_text();
        settle();
        read_text();
        settle();
    }
    send_text();
    e.n = out(A);
    e.head = VNET_HEADER + ETH_HEADER + (ip6 ? IP6_HEADER : IP4_HEADER) + TCP_HEADER;
    assert_true(e.n > e.head + TEXT / 2);
}

/* The rest of the text follows, if there is more. */
static void rest_arrives(void)
{
    settle();
    read_text();
    settle();
}

/* Reads the frame as B foresees it; whether B takes it so. */
static bool placed(void)
{
    struct rs_room room[RS_PIECES];
    size_t head = 0;
    const unsigned rooms = rs_input_room(e.host[B], &head, room);
    size_t done = head;

    if (rooms == 0)
        return false;
    assert_int_equal(head, e.head);
    for (unsigned i = 0; i < rooms && done < e.n; i++) {
        const size_t part = e.n - done < room[i].len ? e.n - done : room[i].len;
        memcpy(room[i].octets, e.frame + done, part);
        done += part;
    }
    assert_int_equal(done, e.n);
    return rs_input_placed(e.host[B], e.frame, head, e.n - head, e.now);
}

static uint32_t rcv_nxt_of_b(void)
{
    struct rs_status s;

    assert_int_equal(rs_status(e.host[B], e.conn[B], &s), 0);
    return s.rcv_nxt;
}

static void the_text_is_where_it_belongs(void **unused)
{
    (void)unused;
    for (int ip6 = 0; ip6 <= 1; ip6++) {
        up(ip6, 64);
        assert_true(placed());
        rest_arrives();
        send_text();
        rest_arrives();
    }
}

/* A frame with a bit changed is either refused, and nothing has happened: the frame as it was is
 * taken the long way; or it is judged like any other segment, and the text is there. */
static void a_header_changed_by_a_bit_is_refused_or_as_good(void **unused)
{
    unsigned refused = 0;

    (void)unused;
    for (int ip6 = 0; ip6 <= 1; ip6++) {
        up(ip6, 64);
        const size_t bits = 8 * e.head;
        for (size_t bit = 0; bit < bits; bit++) {
            up(ip6, 64);
            const uint32_t before = rcv_nxt_of_b();
            const uint8_t mask = (uint8_t)(1u << bit % 8);
            e.frame[bit / 8] ^= mask;
            const bool taken = placed();
            e.frame[bit / 8] ^= mask;
            refused += !taken;
            assert_true(taken || rcv_nxt_of_b() == before);
            if (rcv_nxt_of_b() == before) /* or it was judged as by rs_input, and dropped */
                rs_input(e.host[B], e.frame, e.n, e.now);
            rest_arrives();
        }
        assert_true(refused > bits / 2);
    }
}

/* A frame that ends early, or within its header. */
static void a_header_cut_short_is_refused(void **unused)
{
    (void)unused;
    for (int ip6 = 0; ip6 <= 1; ip6++) {
        struct rs_room room[RS_PIECES];
        size_t head;
        up(ip6, 64);
        assert_true(rs_input_room(e.host[B], &head, room) > 0);
        for (size_t n = 0; n < head; n++) {
            uint8_t *cut = malloc(n ? n : 1); /* that reading on would be seen */
            memcpy(cut, e.frame, n);
            assert_false(rs_input_placed(e.host[B], cut, n, e.n - head, e.now));
            free(cut);
        }
        assert_false(rs_input_placed(e.host[B], e.frame, head, e.n - head - 1, e.now));
        assert_false(rs_input_placed(e.host[B], e.frame, head, 0, e.now));
        rs_input(e.host[B], e.frame, e.n, e.now);
        rest_arrives();
    }
}

/* There is no telling where text belongs that there is no page for, or nobody to read. */
static void no_room_is_named_where_there_is_none(void **unused)
{
    struct rs_room room[RS_PIECES];
    size_t head;

    (void)unused;
    up(false, 8);
    assert_int_equal(rs_input_room(e.host[B], &head, room), 0);
    up(false, 64);
    assert_true(rs_input_room(e.host[B], &head, room) > 0);
    assert_int_equal(rs_shutdown_receive(e.host[B], e.conn[B], e.now), 0);
    assert_int_equal(rs_input_room(e.host[B], &head, room), 0);
    up(false, 64);
    assert_int_equal(rs_abort(e.host[B], e.conn[B], e.now), 0);
    assert_int_equal(rs_input_room(e.host[B], &head, room), 0);
    assert_false(rs_input_placed(e.host[B], e.frame, e.head, e.n - e.head, e.now));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_is_where_it_belongs),
        cmocka_unit_test(a_header_changed_by_a_bit_is_refused_or_as_good),
        cmocka_unit_test(a_header_cut_short_is_refused),
        cmocka_unit_test(no_room_is_named_where_there_is_none),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    down();
    return failed;
}
