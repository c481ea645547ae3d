/* tcprig check as a person calls it, on what two hosts of refstack say to each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/cmd.h"
#include "harness/pcapng.h"
#include "harness/report.h"
#include "refstack/refstack.h"

enum { BUF = 4096, SERVER = 0, CLIENT = 1, TCP_CSUM_AT = 20 + 17 };

static const struct rs_endpoint ends[2][2] = {
    { { .addr = { 4, { 192, 0, 2, 1 } }, .port = 80 },
      { .addr = { 4, { 192, 0, 2, 2 } }, .port = 4000 } },
    { { .addr = { 6, { 0x20, 1, 0xd, 0xb8, [15] = 1 } }, .port = 80 },
      { .addr = { 6, { 0x20, 1, 0xd, 0xb8, [15] = 2 } }, .port = 4000 } }
};

static char capture[] = "/tmp/cmd-check-XXXXXX", json[] = "/tmp/cmd-check-XXXXXX";
static struct pcapng out;
static rs_time now;
static unsigned n_packets, spoiled; /* the number of the one whose checksum is wrong; 0: none */

static int setup(void **unused)
{
    (void)unused;
    strcpy(capture + sizeof capture - 7, "XXXXXX");
    strcpy(json + sizeof json - 7, "XXXXXX");
    const int a = mkstemp(capture), b = mkstemp(json);
    close(a);
    close(b);
    n_packets = spoiled = 0;
    now = 0;
    return a < 0 || b < 0;
}

static int teardown(void **unused)
{
    (void)unused;
    unlink(capture);
    return unlink(json);
}

static struct rs_host *host_of(unsigned version, unsigned which, void **block)
{
    struct rs_config cfg;
    rs_config_default(&cfg);
    cfg.seed = which + 1;
    cfg.link = RS_LINK_IP;
    cfg.addr = ends[0][which].addr;
    cfg.prefix_len = 24;
    cfg.addr6 = version == 6 ? ends[1][which].addr : (struct rs_addr){ 0 };
    cfg.prefix6 = 64;
    *block = malloc(rs_host_size(&cfg));
    assert_non_null(*block);
    return rs_init(*block, rs_host_size(&cfg), &cfg, now);
}

/* Hands over what there is, recording it on its way, until neither host has anything to say. */
static void exchange(struct rs_host *const host[2])
{
    uint8_t buf[BUF];
    for (unsigned quiet = 0, i = 0; quiet < 2; i = !i) {
        const size_t n = rs_output(host[i], buf, sizeof buf, now);
        quiet = n ? 0 : quiet + 1;
        if (n == 0)
            continue;
        rs_input(host[!i], buf, n, now);
        if (++n_packets == spoiled)
            buf[TCP_CSUM_AT] ^= 0x55;
        pcapng_packet(&out, &(struct pcapng_packet){ .time = now, .octets = buf,
                                                     .len = (uint32_t)n });
    }
}

/* Open, text both ways through windows that fill and open again, close. */
static void talk(unsigned version)
{
    const struct rs_endpoint *at = ends[version == 6];
    static const uint8_t much[200000];
    uint8_t got[8192];
    void *block[2];
    struct rs_host *const host[2] = { host_of(version, SERVER, &block[SERVER]),
                                      host_of(version, CLIENT, &block[CLIENT]) };
    assert_int_equal(pcapng_open(&out, capture, "cmd_check_test"), 0);
    pcapng_interface(&out, PCAPNG_RAW_IP, "tun");
    const int listener = rs_listen(host[SERVER], &at[SERVER], now);
    const int client = rs_open_active(host[CLIENT], &at[CLIENT], &at[SERVER], now);
    exchange(host);
    const int server = rs_accept(host[SERVER], listener, now);
    assert_true(client >= 0 && server >= 0);
    assert_int_equal(rs_send(host[SERVER], server, much, 100, 0, now), 100);
    for (int i = 0; i < 100; i++) {
        (void)rs_send(host[CLIENT], client, much, sizeof much, 0, now);
        exchange(host);
        now += RS_SEC / 10;
        (void)rs_receive(host[SERVER], server, got, sizeof got, now);
    }
    rs_close(host[CLIENT], client, now);
    rs_close(host[SERVER], server, now);
    exchange(host);
    free(block[SERVER]);
    free(block[CLIENT]);
    assert_int_equal(pcapng_close(&out), 0);
    assert_true(n_packets > 100);
}

static int check(const char *file)
{
    char command[] = "tcprig check", option[] = "--json", to[64], from[64];
    char *argv[] = { command, option, to, from, NULL };
    snprintf(to, sizeof to, "%s", json);
    snprintf(from, sizeof from, "%s", file);
    return cmd_check(4, argv);
}

static void expect_verdict(enum verdict verdict, const char *reason)
{
    char why[200] = "";
    FILE *f = fopen(json, "r");
    assert_non_null(f);
    struct result *r = report_read(f, "check", why, sizeof why);
    fclose(f);
    assert_non_null(r);
    assert_int_equal(r->n_cases, 1);
    assert_int_equal(r->cases[0]->verdict, verdict);
    if (reason)
        assert_non_null(strstr(r->cases[0]->reason, reason));
    result_free(r);
}

static void refstack_with_itself_breaks_nothing_over_either_version(void **unused)
{
    (void)unused;
    for (unsigned version = 4; version <= 6; version += 2) {
        talk(version);
        assert_int_equal(check(capture), EXIT_AS_EXPECTED);
        expect_verdict(VERDICT_PASS, NULL);
    }
}

static void a_finding_names_its_packet(void **unused)
{
    (void)unused;
    spoiled = 50;
    talk(4);
    assert_int_equal(check(capture), EXIT_FINDINGS);
    expect_verdict(VERDICT_FAIL, ":50: egress_checksum (RFC 9293 MUST-2): ");
    expect_verdict(VERDICT_FAIL, " 1 connections, 1 findings");
}

static void a_file_that_cannot_be_read_is_an_error(void **unused)
{
    (void)unused;
    assert_int_equal(check("/nowhere.pcap"), EXIT_USAGE);
    expect_verdict(VERDICT_ERROR, "No such file");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refstack_with_itself_breaks_nothing_over_either_version),
        TEST(a_finding_names_its_packet),
        TEST(a_file_that_cannot_be_read_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
