/* Super-segments: what the link is asked to do, text not copied, and text read into place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "refstack/refstack.h"
#include "refstack/wire.h"

enum { A, B, FRAME = 70000, LINK = VNET_HEADER + ETH_HEADER };

struct ends {
    struct rs_host *host[2];
    int conn[2];
    rs_time now;
    bool gather, place; /* how frames go from A to B */
    unsigned supers, placed, refused;
};

static struct rs_endpoint at(int host, uint16_t port)
{
    return (struct rs_endpoint){ .addr = rs_ip4(192, 0, 2, (uint8_t)(host + 1)), .port = port };
}

static uint8_t pattern(size_t i)
{
    return (uint8_t)(i * 31 + i / 251);
}

/* The next frame of A, put together from its pieces when they are apart. */
static size_t output_of_a(struct ends *e, uint8_t *frame)
{
    struct rs_piece piece[RS_PIECES];
    unsigned pieces = 0;

    if (!e->gather)
        return rs_output(e->host[A], frame, FRAME, e->now);
    size_t n = rs_output_gather(e->host[A], frame, FRAME, piece, &pieces, e->now);
    for (unsigned i = 0; i < pieces; i++) {
        memcpy(frame + n, piece[i].octets, piece[i].len);
        n += piece[i].len;
    }
    return n;
}

/* What a device does with text: the header's promise must hold. */
static void check_super(struct ends *e, const uint8_t *frame, size_t n)
{
    struct vnet_hdr v;
    struct ip4_hdr ip;
    struct tcp_seg seg;

    assert_int_equal(vnet_parse(&v, frame, n), WIRE_OK);
    if (!(v.flags & VNET_NEEDS_CSUM))
        return;
    assert_int_equal(ip4_parse(&ip, frame + LINK, n - LINK), WIRE_OK);
    assert_int_equal(tcp_parse(&seg, ip.payload, ip.payload_len), WIRE_OK);
    assert_int_equal(v.csum_start, ETH_HEADER + IP4_HEADER);
    assert_int_equal(v.csum_offset, 16);
    /* The field holds the pseudo-header's sum, so the sum over the segment is the checksum. */
    uint8_t *copy = malloc(ip.payload_len);
    memcpy(copy, ip.payload, ip.payload_len);
    const uint16_t sum = csum_fold(csum_add(0, copy, ip.payload_len));
    copy[16] = (uint8_t)(sum >> 8);
    copy[17] = (uint8_t)sum;
    assert_true(tcp_checksum_ok(&ip.src, &ip.dst, copy, ip.payload_len));
    free(copy);
    if (seg.text_len > 1460) {
        e->supers++;
        assert_int_equal(v.gso_type, VNET_GSO_TCP4);
        assert_int_equal(v.hdr_len, n - VNET_HEADER - seg.text_len);
        assert_true(v.gso_size > 1000 && v.gso_size <= 1460);
    }
}

/* Gives a frame to B as a reader would that knew where its text belongs. */
static bool place_at_b(struct ends *e, const uint8_t *frame, size_t n)
{
    struct rs_room room[RS_PIECES];
    size_t head = 0;
    const unsigned rooms = rs_input_room(e->host[B], &head, room);
    size_t done = head;

    if (rooms == 0 || n <= head)
        return false;
    for (unsigned i = 0; i < rooms && done < n; i++) {
        const size_t part = n - done < room[i].len ? n - done : room[i].len;
        memcpy(room[i].octets, frame + done, part);
        done += part;
    }
    if (done < n)
        return false;
    const bool taken = rs_input_placed(e->host[B], frame, head, n - head, e->now);
    e->placed += taken;
    e->refused += !taken;
    return taken;
}

static void settle(struct ends *e)
{
    static uint8_t frame[FRAME];
    bool moved = true;

    while (moved) {
        size_t n;
        moved = false;
        while ((n = output_of_a(e, frame)) > 0) {
            moved = true;
            check_super(e, frame, n);
            if (!e->place || !place_at_b(e, frame, n))
                rs_input(e->host[B], frame, n, e->now);
        }
        while ((n = rs_output(e->host[B], frame, FRAME, e->now)) > 0) {
            moved = true;
            rs_input(e->host[A], frame, n, e->now);
        }
    }
}

static void open_ends(struct ends *e, bool gather, bool place)
{
    const struct rs_endpoint any = { .port = 0 };
    const struct rs_endpoint server = at(B, 7);

    *e = (struct ends){ .now = 1000, .gather = gather, .place = place };
    for (int i = 0; i < 2; i++) {
        struct rs_config c;
        rs_config_default(&c);
        c.offload = true;
        c.seed += (uint64_t)i;
        c.mac[5] = (uint8_t)(i + 1);
        c.addr = at(i, 0).addr;
        c.page_octets = 1 << 14; /* so that text lies in several pieces */
        c.pages = 200;
        const size_t size = rs_host_size(&c);
        e->host[i] = rs_init(malloc(size), size, &c, e->now);
        assert_non_null(e->host[i]);
    }
    e->conn[B] = rs_open_passive(e->host[B], &server, NULL, e->now);
    e->conn[A] = rs_open_active(e->host[A], &any, &server, e->now);
    settle(e);
}

static void close_ends(struct ends *e)
{
    free(e->host[A]);
    free(e->host[B]);
}

/* Reads what B has where it lies and takes it off. */
static size_t read_in_place(struct ends *e, size_t from)
{
    struct rs_piece piece[RS_PIECES];
    unsigned pieces;
    size_t got = 0;
    const int n = rs_peek(e->host[B], e->conn[B], piece, &pieces, e->now);

    if (n <= 0)
        return 0;
    for (unsigned i = 0; i < pieces; i++)
        for (size_t k = 0; k < piece[i].len; k++, got++)
            assert_int_equal(piece[i].octets[k], pattern(from + got));
    assert_int_equal(got, n);
    assert_int_equal(rs_receive(e->host[B], e->conn[B], NULL, got, e->now), n);
    return got;
}

static void transfer(struct ends *e, size_t total)
{
    static uint8_t data[60000];
    size_t sent = 0;
    size_t got = 0;
    int idle = 0;

    while (got < total && idle < 1000) {
        const size_t want = total - sent < sizeof data ? total - sent : sizeof data;
        for (size_t i = 0; i < want; i++)
            data[i] = pattern(sent + i);
        const int n = want ? rs_send(e->host[A], e->conn[A], data, want, 0, e->now) : 0;
        sent += n > 0 ? (size_t)n : 0;
        settle(e);
        const size_t m = read_in_place(e, got);
        got += m;
        idle = n > 0 || m > 0 ? 0 : idle + 1;
        e->now += 1000;
    }
    assert_int_equal(got, total);
}

static void text_goes_in_super_segments_that_keep_their_promise(void **unused)
{
    struct ends e;

    (void)unused;
    open_ends(&e, false, false);
    transfer(&e, 3000000);
    assert_true(e.supers > 10);
    close_ends(&e);
}

static void text_gathered_from_the_queue_is_the_same_text(void **unused)
{
    struct ends e;

    (void)unused;
    open_ends(&e, true, false);
    transfer(&e, 3000000);
    assert_true(e.supers > 10);
    close_ends(&e);
}

static void text_read_into_place_is_the_same_text(void **unused)
{
    struct ends e;

    (void)unused;
    open_ends(&e, true, true);
    transfer(&e, 3000000);
    assert_true(e.placed > 10);
    close_ends(&e);
}

/* Lengthens nothing, loses nothing: a frame with another header than foreseen goes the long way. */
static void a_wrong_guess_is_refused_and_changes_nothing(void **unused)
{
    struct ends e;
    struct rs_status before;
    struct rs_status after;
    static uint8_t frame[FRAME];
    static uint8_t data[40000];

    (void)unused;
    open_ends(&e, true, true);
    transfer(&e, 200000);
    rs_send(e.host[A], e.conn[A], data, sizeof data, RS_URGENT, e.now);
    const size_t n = output_of_a(&e, frame); /* URG: not a plain segment in order */
    rs_status(e.host[B], e.conn[B], &before);
    assert_false(place_at_b(&e, frame, n));
    rs_status(e.host[B], e.conn[B], &after);
    assert_int_equal(before.rcv_nxt, after.rcv_nxt);
    assert_int_equal(before.rcv_queued, after.rcv_queued);
    /* Cut short, from another sender, or for another port: never taken. */
    struct rs_room room[RS_PIECES];
    size_t head;
    assert_true(rs_input_room(e.host[B], &head, room) > 0);
    assert_false(rs_input_placed(e.host[B], frame, head - 1, 100, e.now));
    assert_false(rs_input_placed(e.host[B], frame, 10, 100, e.now));
    frame[VNET_HEADER] ^= 1;
    assert_false(rs_input_placed(e.host[B], frame, head, n - head, e.now));
    close_ends(&e);
}

static void peeking_takes_nothing_and_says_what_receive_would(void **unused)
{
    struct ends e;
    struct rs_piece piece[RS_PIECES];
    unsigned pieces;

    (void)unused;
    open_ends(&e, false, false);
    assert_int_equal(rs_peek(e.host[B], e.conn[B], piece, &pieces, e.now), RS_EAGAIN);
    rs_send(e.host[A], e.conn[A], "peek", 4, 0, e.now);
    settle(&e);
    assert_int_equal(rs_peek(e.host[B], e.conn[B], piece, &pieces, e.now), 4);
    assert_int_equal(rs_peek(e.host[B], e.conn[B], piece, &pieces, e.now), 4);
    assert_int_equal(pieces, 1);
    assert_memory_equal(piece[0].octets, "peek", 4);
    assert_int_equal(rs_receive(e.host[B], e.conn[B], NULL, 4, e.now), 4);
    rs_close(e.host[A], e.conn[A], e.now);
    settle(&e);
    assert_int_equal(rs_peek(e.host[B], e.conn[B], piece, &pieces, e.now), 0);
    assert_int_equal(rs_peek(e.host[B], 12345, piece, &pieces, e.now), RS_ENOCONN);
    close_ends(&e);
}

static void a_virtio_net_header_survives_the_round_trip(void **unused)
{
    const struct vnet_hdr v = { .flags = 1, .gso_type = 4, .hdr_len = 0x1234, .gso_size = 0x5678,
                                .csum_start = 34, .csum_offset = 16 };
    struct vnet_hdr back;
    uint8_t buf[VNET_HEADER];

    (void)unused;
    assert_int_equal(vnet_emit(&v, buf, sizeof buf), VNET_HEADER);
    assert_int_equal(buf[2], 0x34); /* little-endian */
    assert_int_equal(vnet_parse(&back, buf, sizeof buf), WIRE_OK);
    assert_int_equal(back.hdr_len, v.hdr_len);
    assert_int_equal(back.gso_size, v.gso_size);
    assert_int_equal(vnet_emit(&v, buf, VNET_HEADER - 1), 0);
    for (size_t n = 0; n < VNET_HEADER; n++)
        assert_int_equal(vnet_parse(&back, buf, n), WIRE_TRUNCATED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_goes_in_super_segments_that_keep_their_promise),
        cmocka_unit_test(text_gathered_from_the_queue_is_the_same_text),
        cmocka_unit_test(text_read_into_place_is_the_same_text),
        cmocka_unit_test(a_wrong_guess_is_refused_and_changes_nothing),
        cmocka_unit_test(peeking_takes_nothing_and_says_what_receive_would),
        cmocka_unit_test(a_virtio_net_header_survives_the_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
