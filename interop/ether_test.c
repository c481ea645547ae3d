/* A port of datagrams on a port of frames, which here keeps and gives what the test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "interop/ether.h"
#include "refstack/wire.h"

enum { ETHER_IP = 0x0800, ETHER_ARP = 0x0806, MOST = 64, TEXT = 20 };

static const uint8_t host_mac[6] = { 2, 0, 0, 0, 0, 7 };

/* The far end: it answers an ARP request when asked to, and keeps the last frame it was given. */
struct far {
    struct line_port port;
    bool answers;
    uint8_t got[MOST], gives[2][MOST];
    size_t got_len, gives_len[2];
    unsigned n_got, n_gives;
};

static void give(struct far *f, uint16_t type, const void *p, size_t len)
{
    struct eth_hdr h = { .type = type };
    memcpy(h.src, host_mac, sizeof h.src);
    size_t n = eth_emit(&h, f->gives[f->n_gives], MOST);
    memcpy(f->gives[f->n_gives] + n, p, len);
    f->gives_len[f->n_gives++] = n + len;
}

static void give_arp(struct far *f, uint16_t op)
{
    uint8_t p[ARP_SIZE];
    struct arp_pkt a = { .op = op, .sender_ip = { 10, 0, 2, 2 }, .target_ip = { 10, 0, 2, 15 } };
    memcpy(a.sender_mac, host_mac, sizeof a.sender_mac);
    give(f, ETHER_ARP, p, arp_emit(&a, p, sizeof p));
}

static void far_input(void *arg, const uint8_t *frame, size_t len, rs_time now)
{
    struct far *f = arg;
    (void)now;
    assert_true(len <= MOST);
    memcpy(f->got, frame, f->got_len = len);
    f->n_got++;
    if (f->answers)
        give_arp(f, ARP_REPLY);
}

static size_t far_output(void *arg, uint8_t *buf, size_t cap, rs_time now)
{
    struct far *f = arg;
    (void)now;
    if (f->n_gives == 0)
        return 0;
    size_t len = f->gives_len[0];
    assert_true(len <= cap);
    memcpy(buf, f->gives[0], len);
    memcpy(f->gives[0], f->gives[1], MOST);
    f->gives_len[0] = f->gives_len[1];
    f->n_gives--;
    return len;
}

static struct far far_end;
static struct ether ether;

static int start(void **state)
{
    const struct rs_addr own = rs_ip4(10, 0, 2, 15), other = rs_ip4(10, 0, 2, 2);
    (void)state;
    memset(&far_end, 0, sizeof far_end);
    far_end.port = (struct line_port){ .arg = &far_end, .input = far_input, .output = far_output,
                                       .fd = -1 };
    ether_init(&ether, &far_end.port, &own, &other);
    return 0;
}

static size_t take(uint8_t *buf)
{
    return ether.port.output(ether.port.arg, buf, MOST, 1);
}

static void a_datagram_goes_out_to_who_answered(void **state)
{
    const uint8_t datagram[TEXT] = { 0x45, 1, 2, 3 };
    struct eth_hdr h;
    (void)state;
    far_end.answers = true;
    assert_true(ether_meet(&ether, RS_NEVER));
    far_end.answers = false;
    ether.port.input(ether.port.arg, datagram, sizeof datagram, 1);
    assert_int_equal(2, far_end.n_got); /* the question, and this */
    assert_int_equal(ETH_HEADER + TEXT, far_end.got_len);
    assert_int_equal(WIRE_OK, eth_parse(&h, far_end.got, far_end.got_len));
    assert_int_equal(ETHER_IP, h.type);
    assert_memory_equal(host_mac, h.dst, 6);
    assert_memory_equal(datagram, far_end.got + ETH_HEADER, TEXT);
}

static void a_frame_comes_up_as_a_datagram_and_arp_does_not_come_up(void **state)
{
    const uint8_t datagram[TEXT] = { 0x45, 4, 5, 6 };
    uint8_t buf[MOST];
    struct eth_hdr h;
    (void)state;
    give_arp(&far_end, ARP_REQUEST);
    give(&far_end, ETHER_IP, datagram, sizeof datagram);
    assert_int_equal(TEXT, take(buf));
    assert_memory_equal(datagram, buf, TEXT);
    assert_int_equal(1, far_end.n_got);
    assert_int_equal(WIRE_OK, eth_parse(&h, far_end.got, far_end.got_len));
    assert_int_equal(ETHER_ARP, h.type);
    assert_int_equal(0, take(buf));
}

static void a_frame_without_a_whole_header_is_dropped(void **state)
{
    uint8_t buf[MOST];
    (void)state;
    far_end.n_gives = 1;
    far_end.gives_len[0] = ETH_HEADER - 1;
    assert_int_equal(0, take(buf));
    assert_int_equal(0, ether.port.error);
}

static void nobody_is_met_where_nobody_answers_or_the_port_fails(void **state)
{
    (void)state;
    assert_false(ether_meet(&ether, 0));
    assert_int_equal(0, far_end.n_got);
    far_end.port.error = EPIPE;
    assert_false(ether_meet(&ether, RS_NEVER));
    assert_int_equal(EPIPE, ether.port.error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_datagram_goes_out_to_who_answered, start),
        cmocka_unit_test_setup(a_frame_comes_up_as_a_datagram_and_arp_does_not_come_up, start),
        cmocka_unit_test_setup(a_frame_without_a_whole_header_is_dropped, start),
        cmocka_unit_test_setup(nobody_is_met_where_nobody_answers_or_the_port_fails, start),
    };
    return cmocka_run_group_tests_name("ether", tests, NULL, NULL);
}
