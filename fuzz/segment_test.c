/* The rules of fuzz_segment are quiet on octets that the wire formats treat well, and break when a
 * parser, an emitter or a sum is bent.  The linker puts each __wrap_ function in the place of the
 * one it is named after, and calls that one by __real_ (Makefile). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "harness/oracle.h"
#include "refstack/cursor.h"
#include "refstack/wire.h"

#define NONE N_ORACLES

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum oracle bent = NONE; /* the rule that what is wrapped breaks now */
static bool copies_err;         /* a copy is right and its sum is not */
static jmp_buf broken;
static enum oracle which;

static void caught(enum oracle oracle)
{
    which = oracle;
    longjmp(broken, 1);
}

/* ---- What is bent ----------------------------------------------------------------------- */

/* One bit of the last octet emitted is wrong. */
static size_t flip(enum oracle oracle, uint8_t *buf, size_t n)
{
    if (bent == oracle && n > 0)
        buf[n - 1] ^= 1;
    return n;
}

size_t __real_eth_emit(const struct eth_hdr *, uint8_t *buf, size_t cap);
size_t __wrap_eth_emit(const struct eth_hdr *, uint8_t *buf, size_t cap);
size_t __wrap_eth_emit(const struct eth_hdr *h, uint8_t *buf, size_t cap)
{
    return flip(ORACLE_eth_round_trip, buf, __real_eth_emit(h, buf, cap));
}

size_t __real_arp_emit(const struct arp_pkt *, uint8_t *buf, size_t cap);
size_t __wrap_arp_emit(const struct arp_pkt *, uint8_t *buf, size_t cap);
size_t __wrap_arp_emit(const struct arp_pkt *h, uint8_t *buf, size_t cap)
{
    return flip(ORACLE_arp_round_trip, buf, __real_arp_emit(h, buf, cap));
}

size_t __real_ip4_emit(const struct ip4_hdr *, uint8_t *buf, size_t cap);
size_t __wrap_ip4_emit(const struct ip4_hdr *, uint8_t *buf, size_t cap);
size_t __wrap_ip4_emit(const struct ip4_hdr *h, uint8_t *buf, size_t cap)
{
    return flip(ORACLE_ip4_round_trip, buf, __real_ip4_emit(h, buf, cap));
}

size_t __real_ip6_emit(const struct ip6_hdr *, uint8_t *buf, size_t cap);
size_t __wrap_ip6_emit(const struct ip6_hdr *, uint8_t *buf, size_t cap);
size_t __wrap_ip6_emit(const struct ip6_hdr *h, uint8_t *buf, size_t cap)
{
    return flip(ORACLE_ip6_round_trip, buf, __real_ip6_emit(h, buf, cap));
}

size_t __real_icmp_emit(const struct icmp_msg *, uint8_t *buf, size_t cap);
size_t __wrap_icmp_emit(const struct icmp_msg *, uint8_t *buf, size_t cap);
size_t __wrap_icmp_emit(const struct icmp_msg *h, uint8_t *buf, size_t cap)
{
    return flip(ORACLE_icmp_round_trip, buf, __real_icmp_emit(h, buf, cap));
}

size_t __real_tcp_emit(const struct tcp_seg *, uint8_t *buf, size_t cap);
size_t __wrap_tcp_emit(const struct tcp_seg *, uint8_t *buf, size_t cap);
size_t __wrap_tcp_emit(const struct tcp_seg *h, uint8_t *buf, size_t cap)
{
    return flip(ORACLE_tcp_round_trip, buf, __real_tcp_emit(h, buf, cap));
}

void __real_opt_put(struct wcur *, const struct tcp_option *);
void __wrap_opt_put(struct wcur *, const struct tcp_option *);
void __wrap_opt_put(struct wcur *w, const struct tcp_option *opt)
{
    uint8_t *start = w->p;

    __real_opt_put(w, opt);
    flip(ORACLE_option_round_trip, start, (size_t)(w->p - start));
}

/* The text is said to go on for an octet that did not come. */
enum wire_result __real_tcp_parse(struct tcp_seg *, const uint8_t *p, size_t len);
enum wire_result __wrap_tcp_parse(struct tcp_seg *, const uint8_t *p, size_t len);
enum wire_result __wrap_tcp_parse(struct tcp_seg *seg, const uint8_t *p, size_t len)
{
    enum wire_result result = __real_tcp_parse(seg, p, len);

    if (bent == ORACLE_parse_in_bounds)
        seg->text_len++;
    return result;
}

enum wire_result __real_icmp_parse(struct icmp_msg *, const uint8_t *p, size_t len);
enum wire_result __wrap_icmp_parse(struct icmp_msg *, const uint8_t *p, size_t len);
enum wire_result __wrap_icmp_parse(struct icmp_msg *m, const uint8_t *p, size_t len)
{
    enum wire_result result = __real_icmp_parse(m, p, len);

    m->body_len += bent == ORACLE_parse_in_bounds;
    return result;
}

enum wire_result __real_ip4_parse(struct ip4_hdr *, const uint8_t *p, size_t len);
enum wire_result __wrap_ip4_parse(struct ip4_hdr *, const uint8_t *p, size_t len);
enum wire_result __wrap_ip4_parse(struct ip4_hdr *ip, const uint8_t *p, size_t len)
{
    enum wire_result result = __real_ip4_parse(ip, p, len);

    if (bent == ORACLE_parse_in_bounds)
        ip->payload_len++;
    return result;
}

enum wire_result __real_ip6_parse(struct ip6_hdr *, const uint8_t *p, size_t len);
enum wire_result __wrap_ip6_parse(struct ip6_hdr *, const uint8_t *p, size_t len);
enum wire_result __wrap_ip6_parse(struct ip6_hdr *ip, const uint8_t *p, size_t len)
{
    enum wire_result result = __real_ip6_parse(ip, p, len);

    if (bent == ORACLE_parse_in_bounds)
        ip->payload_len++;
    return result;
}

/* The walk stays where it is, as one does over an option of length 0. */
enum opt_result __real_opt_next(struct opt_walk *, struct tcp_option *);
enum opt_result __wrap_opt_next(struct opt_walk *, struct tcp_option *);
enum opt_result __wrap_opt_next(struct opt_walk *walk, struct tcp_option *opt)
{
    const struct opt_walk before = *walk;
    enum opt_result result = __real_opt_next(walk, opt);

    if (bent == ORACLE_option_walk_ends)
        *walk = before;
    return result;
}

void __real_opts_read(struct tcp_opts *, const uint8_t *opt, size_t len);
void __wrap_opts_read(struct tcp_opts *, const uint8_t *opt, size_t len);
void __wrap_opts_read(struct tcp_opts *o, const uint8_t *opt, size_t len)
{
    __real_opts_read(o, opt, len);
    if (bent == ORACLE_option_read_agrees)
        o->mss++;
}

uint32_t __real_csum_copy(uint32_t sum, void *to, const void *from, size_t len);
uint32_t __wrap_csum_copy(uint32_t sum, void *to, const void *from, size_t len);
uint32_t __wrap_csum_copy(uint32_t sum, void *to, const void *from, size_t len)
{
    return __real_csum_copy(sum, to, from, len) ^ copies_err;
}

/* A checksum that is right is refused. */
bool __real_ip4_checksum_ok(const uint8_t *p, size_t header_len);
bool __wrap_ip4_checksum_ok(const uint8_t *p, size_t header_len);
bool __wrap_ip4_checksum_ok(const uint8_t *p, size_t header_len)
{
    return __real_ip4_checksum_ok(p, header_len) && bent != ORACLE_checksum_agrees;
}

bool __real_tcp_checksum_ok(const struct rs_addr *src, const struct rs_addr *dst,
                            const uint8_t *p, size_t len);
bool __wrap_tcp_checksum_ok(const struct rs_addr *src, const struct rs_addr *dst,
                            const uint8_t *p, size_t len);
bool __wrap_tcp_checksum_ok(const struct rs_addr *src, const struct rs_addr *dst,
                            const uint8_t *p, size_t len)
{
    return __real_tcp_checksum_ok(src, dst, p, len) && bent != ORACLE_checksum_agrees;
}

/* ---- Octets that are in order ----------------------------------------------------------- */

static const uint8_t eth[] = { 0, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5, 1, 2, 3 };
static const uint8_t arp[] = { 5, 0, 1,   8, 0, 6, 4,   0, 1, 2, 0,   0, 0, 0, 1,
                               192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 192, 0, 2, 2 };
static const uint8_t ip4[] = { 1, 0x45, 0, 0, 22, 0, 1, 0, 0, 64, 253, 0, 0,
                               192, 0, 2, 2, 192, 0, 2, 1, 7, 8 };
static const uint8_t ip6[] = { 6, 0x60, 0, 0, 0, 0, 0, 59, 64,
                               0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
                               0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 };
static const uint8_t icmp[] = { 4, 8, 0, 0, 0, 1, 2, 3, 4, 5, 6 };
static const uint8_t tcp[] = { 2, 0x9c, 0x40, 0x1f, 0x90, 0, 0, 0, 1, 0, 0, 0, 2, 0x60, 2, 4, 0,
                               0, 0, 0, 0, 2, 4, 5, 0xb4, 'a', 'b', 'c' };
static const uint8_t options[] = { 3, 2, 4, 5, 0xb4, 1, 3, 3, 7, 4, 2 };

static void expect(enum oracle want, const uint8_t *p, size_t n)
{
    bent = want;
    which = NONE;
    oracle_handler = caught;
    if (setjmp(broken) == 0)
        LLVMFuzzerTestOneInput(p, n);
    oracle_handler = NULL;
    bent = NONE;
    assert_string_equal(want < NONE ? oracle_info[want].id : "none",
                        which < NONE ? oracle_info[which].id : "none");
}

static void what_is_emitted_as_it_came_breaks_nothing(void **state)
{
    (void)state;
    expect(NONE, eth, sizeof eth);
    expect(NONE, arp, sizeof arp);
    expect(NONE, ip4, sizeof ip4);
    expect(NONE, ip6, sizeof ip6);
    expect(NONE, icmp, sizeof icmp);
    expect(NONE, tcp, sizeof tcp);
    expect(NONE, options, sizeof options);
}

static void a_header_emitted_with_a_wrong_bit_is_seen(void **state)
{
    (void)state;
    expect(ORACLE_eth_round_trip, eth, sizeof eth);
    expect(ORACLE_arp_round_trip, arp, sizeof arp);
    expect(ORACLE_ip4_round_trip, ip4, sizeof ip4);
    expect(ORACLE_ip6_round_trip, ip6, sizeof ip6);
    expect(ORACLE_icmp_round_trip, icmp, sizeof icmp);
    expect(ORACLE_tcp_round_trip, tcp, sizeof tcp);
    expect(ORACLE_option_round_trip, options, sizeof options);
}

static void a_payload_said_to_go_on_past_the_end_is_seen(void **state)
{
    (void)state;
    expect(ORACLE_parse_in_bounds, tcp, sizeof tcp);
    expect(ORACLE_parse_in_bounds, icmp, sizeof icmp);
    expect(ORACLE_parse_in_bounds, ip4, sizeof ip4);
    expect(ORACLE_parse_in_bounds, ip6, sizeof ip6);
}

static void an_option_walk_that_stands_still_is_seen(void **state)
{
    (void)state;
    expect(ORACLE_option_walk_ends, options, sizeof options);
}

static void options_read_otherwise_than_walked_are_seen(void **state)
{
    (void)state;
    expect(ORACLE_option_read_agrees, options, sizeof options);
}

static void a_sum_that_differs_by_the_way_it_is_taken_is_seen(void **state)
{
    (void)state;
    copies_err = true;
    expect(ORACLE_checksum_agrees, icmp, sizeof icmp);
    copies_err = false;
}

static void a_checksum_of_ours_that_we_refuse_is_seen(void **state)
{
    (void)state;
    expect(ORACLE_checksum_agrees, ip4, sizeof ip4);
    expect(ORACLE_checksum_agrees, tcp, sizeof tcp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_emitted_as_it_came_breaks_nothing),
        cmocka_unit_test(a_header_emitted_with_a_wrong_bit_is_seen),
        cmocka_unit_test(a_payload_said_to_go_on_past_the_end_is_seen),
        cmocka_unit_test(an_option_walk_that_stands_still_is_seen),
        cmocka_unit_test(options_read_otherwise_than_walked_are_seen),
        cmocka_unit_test(a_sum_that_differs_by_the_way_it_is_taken_is_seen),
        cmocka_unit_test(a_checksum_of_ours_that_we_refuse_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
