/* The end of an Ethernet link, by what it sends and passes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <linux/if_ether.h>

#include "harness/ethend.h"
#include "refstack/wire.h"

enum { HOPS = 255, MOST = 128 };

static const uint8_t own_mac[6] = { 2, 0, 0, 0, 0, 2 }, other_mac[6] = { 2, 0, 0, 0, 0, 7 };
static const uint8_t everyone[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

/* What was sent last, and how much was sent in all. */
static struct {
    unsigned n;
    uint16_t type;
    uint8_t to[6], octet[MOST];
    size_t len;
} sent;

static void put(void *arg, uint16_t type, const uint8_t to[6], const void *p, size_t len)
{
    (void)arg;
    assert_true(len <= MOST);
    sent.n++;
    sent.type = type;
    sent.len = len;
    memcpy(sent.to, to, 6);
    memcpy(sent.octet, p, len);
}

static struct rs_addr address(int version, uint8_t last)
{
    const uint8_t v6[16] = { 0xfd, [15] = last };
    return version == 6 ? rs_ip6(v6) : rs_ip4(10, 0, 2, last);
}

static struct ethend new_end(int version)
{
    struct ethend e = { .own = address(version, 15), .other = address(version, 2), .put = put };
    memcpy(e.mac, own_mac, sizeof e.mac);
    memset(&sent, 0, sizeof sent);
    return e;
}

/* ---- ARP -------------------------------------------------------------------------------- */

static bool take_arp(struct ethend *e, uint16_t op, uint8_t from, uint8_t asked)
{
    uint8_t p[ARP_SIZE];
    struct arp_pkt a = { .op = op, .sender_ip = { 10, 0, 2, from },
                         .target_ip = { 10, 0, 2, asked } };
    memcpy(a.sender_mac, other_mac, sizeof a.sender_mac);
    assert_int_equal(ARP_SIZE, arp_emit(&a, p, sizeof p));
    return ethend_take(e, ETH_P_ARP, p, sizeof p);
}

static void arp_finds_the_other_end(void **state)
{
    struct ethend e = new_end(4);
    struct arp_pkt a;
    (void)state;
    ethend_ask(&e);
    assert_int_equal(ETH_P_ARP, sent.type);
    assert_memory_equal(everyone, sent.to, 6);
    assert_int_equal(WIRE_OK, arp_parse(&a, sent.octet, sent.len));
    assert_int_equal(ARP_REQUEST, a.op);
    assert_memory_equal(e.other.octet, a.target_ip, 4);
    assert_false(take_arp(&e, ARP_REPLY, 9, 15));
    assert_false(e.met); /* of somebody else */
    assert_false(take_arp(&e, ARP_REPLY, 2, 15));
    assert_true(e.met);
    assert_memory_equal(other_mac, e.other_mac, 6);
    assert_int_equal(1, sent.n);
}

static void arp_is_answered_for_the_own_address_alone(void **state)
{
    struct ethend e = new_end(4);
    struct arp_pkt a;
    (void)state;
    assert_false(take_arp(&e, ARP_REQUEST, 2, 16));
    assert_int_equal(0, sent.n);
    assert_false(take_arp(&e, ARP_REQUEST, 2, 15));
    assert_int_equal(1, sent.n);
    assert_memory_equal(other_mac, sent.to, 6);
    assert_int_equal(WIRE_OK, arp_parse(&a, sent.octet, sent.len));
    assert_int_equal(ARP_REPLY, a.op);
    assert_memory_equal(own_mac, a.sender_mac, 6);
    assert_memory_equal(e.own.octet, a.sender_ip, 4);
}

/* ---- Neighbour Discovery ---------------------------------------------------------------- */

/* With the hardware address in an option of the kind that belongs to the type. */
static bool take_nd(struct ethend *e, uint8_t type, const struct rs_addr *from,
                    const struct rs_addr *target, uint8_t hops)
{
    uint8_t p[MOST], body[MOST];
    uint8_t option[8] = { type == ND_SOLICIT ? ND_OPT_SOURCE_MAC : ND_OPT_TARGET_MAC, 1 };
    memcpy(option + 2, other_mac, 6);
    const struct nd_msg nd = { .target = *target, .opt = option, .opt_len = sizeof option };
    const struct icmp_msg m = { .type = type, .body = body,
                                .body_len = nd_emit(&nd, body, sizeof body) };
    const size_t len = icmp6_emit_sum(&m, from, &e->own, p + IP6_HEADER, sizeof p - IP6_HEADER);
    const struct ip6_hdr ip = { .payload_len = (uint16_t)len, .next = IP_PROTO_ICMP6,
                                .hops = hops, .src = *from, .dst = e->own };
    ip6_emit(&ip, p, IP6_HEADER);
    return ethend_take(e, ETH_P_IPV6, p, IP6_HEADER + len);
}

/* The ND message sent last, and who it names. */
static uint8_t sent_type(struct rs_addr *target)
{
    struct ip6_hdr ip;
    struct icmp_msg m;
    struct nd_msg nd;
    assert_int_equal(ETH_P_IPV6, sent.type);
    assert_int_equal(WIRE_OK, ip6_parse(&ip, sent.octet, sent.len));
    assert_int_equal(WIRE_OK, icmp_parse(&m, ip.payload, ip.payload_len));
    assert_int_equal(WIRE_OK, nd_parse(&nd, &m));
    assert_int_equal(HOPS, ip.hops);
    *target = nd.target;
    return m.type;
}

static void discovery_finds_the_other_end_by_the_target_of_what_it_says(void **state)
{
    const uint8_t ll[16] = { 0xfe, 0x80, [15] = 1 }, group[6] = { 0x33, 0x33, 0xff, 0, 0, 2 };
    const struct rs_addr local = rs_ip6(ll), third = address(6, 3);
    struct ethend e = new_end(6);
    struct rs_addr target;
    (void)state;
    ethend_ask(&e);
    assert_memory_equal(group, sent.to, 6);
    assert_int_equal(ND_SOLICIT, sent_type(&target));
    assert_true(rs_addr_eq(&target, &e.other));
    assert_false(take_nd(&e, ND_ADVERT, &e.other, &third, HOPS));
    assert_false(take_nd(&e, ND_ADVERT, &local, &e.other, HOPS - 1)); /* RFC 4861 section 7.1.2 */
    assert_false(e.met);
    assert_false(take_nd(&e, ND_ADVERT, &local, &e.other, HOPS));
    assert_true(e.met);
    assert_memory_equal(other_mac, e.other_mac, 6);
    assert_int_equal(1, sent.n);
}

static void discovery_is_answered_for_the_own_address_alone(void **state)
{
    const struct rs_addr third = address(6, 3);
    struct ethend e = new_end(6);
    struct rs_addr target;
    (void)state;
    assert_false(take_nd(&e, ND_SOLICIT, &e.other, &third, HOPS));
    assert_true(e.met);
    assert_int_equal(0, sent.n);
    assert_false(take_nd(&e, ND_SOLICIT, &e.other, &e.own, HOPS));
    assert_int_equal(1, sent.n);
    assert_memory_equal(other_mac, sent.to, 6);
    assert_int_equal(ND_ADVERT, sent_type(&target));
    assert_true(rs_addr_eq(&target, &e.own));
}

/* ---- Datagrams -------------------------------------------------------------------------- */

static void datagrams_pass_both_ways_and_those_of_the_other_version_do_not(void **state)
{
    uint8_t p[IP6_HEADER] = { 0x45 };
    struct ethend e = new_end(4);
    (void)state;
    assert_true(ethend_take(&e, ETH_P_IP, p, sizeof p));
    assert_false(ethend_take(&e, ETH_P_IPV6, p, sizeof p));
    assert_false(ethend_take(&e, ETH_P_8021Q, p, sizeof p));
    assert_int_equal(0, sent.n);
    take_arp(&e, ARP_REPLY, 2, 15);
    ethend_send(&e, p, sizeof p);
    assert_int_equal(ETH_P_IP, sent.type);
    assert_int_equal(sizeof p, sent.len);
    assert_memory_equal(other_mac, sent.to, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arp_finds_the_other_end),
        cmocka_unit_test(arp_is_answered_for_the_own_address_alone),
        cmocka_unit_test(discovery_finds_the_other_end_by_the_target_of_what_it_says),
        cmocka_unit_test(discovery_is_answered_for_the_own_address_alone),
        cmocka_unit_test(datagrams_pass_both_ways_and_those_of_the_other_version_do_not),
    };
    return cmocka_run_group_tests_name("ethend", tests, NULL, NULL);
}
