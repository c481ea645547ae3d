#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/pcapng.h"

/* An IPv4 TCP SYN from 192.0.2.1:1 to 192.0.2.2:2, without link header. */
static const uint8_t syn[40] = { 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 192, 0, 2, 1,
                                 192,  0, 2, 2,  0, 1, 0, 2, 0,  0, 0, 7, 0,   0, 0, 0,
                                 0x50, 0x02, 0x10 };

static void scratch_path(char *path)
{
    strcpy(path, "/tmp/pcapng_test.XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
}

static void write_two_packets(const char *path)
{
    struct pcapng w;
    assert_int_equal(pcapng_open(&w, path, "tcprig"), 0);
    uint32_t raw = pcapng_interface(&w, PCAPNG_RAW_IP, "tun0");
    assert_int_equal(raw, 0);
    pcapng_packet(&w, &(struct pcapng_packet){ .interface = raw,
                                               .time = 1500000,
                                               .octets = syn,
                                               .len = 40,
                                               .dir = PCAPNG_OUTBOUND,
                                               .comment = "line 3: SYN-SENT" });
    pcapng_packet(&w, &(struct pcapng_packet){
                          .interface = raw, .time = 2500000, .octets = syn, .len = 37,
                          .wire_len = 40 });
    assert_int_equal(pcapng_close(&w), 0);
}

static uint32_t u32_at(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static void every_block_ends_with_its_own_length(void **state)
{
    (void)state;
    char path[64];
    static uint8_t octets[4096];
    const uint32_t types[] = { 0x0a0d0d0a, 1, 6, 6 };
    scratch_path(path);
    write_two_packets(path);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t len = fread(octets, 1, sizeof octets, f);
    fclose(f);
    unlink(path);

    size_t at = 0;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(u32_at(octets + at), types[i]);
        uint32_t total = u32_at(octets + at + 4);
        assert_int_equal(total % 4, 0);
        assert_true(at + total <= len);
        assert_int_equal(u32_at(octets + at + total - 4), total);
        at += total;
    }
    assert_int_equal(at, len);
}

static void tshark_reads_back_time_flags_and_comment(void **state)
{
    (void)state;
    char path[64], command[256], line[256] = "";
    if (system("command -v tshark >/dev/null 2>&1") != 0) {
        print_message("skipped: no tshark\n");
        skip();
    }
    scratch_path(path);
    write_two_packets(path);
    snprintf(command, sizeof command,
             "tshark -r %s -T fields -e frame.time_epoch -e tcp.flags -e tcp.seq_raw "
             "-e frame.comment 2>/dev/null",
             path);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    assert_string_equal(line, "1.500000000\t0x0002\t7\tline 3: SYN-SENT\n");
    assert_non_null(fgets(line, sizeof line, f));
    assert_int_equal(pclose(f), 0);
    unlink(path);
}

static void an_unwritable_path_is_reported(void **state)
{
    (void)state;
    struct pcapng w;
    assert_true(pcapng_open(&w, "/nonexistent/x.pcapng", "tcprig") < 0);
}

static void a_full_disk_is_reported_on_close(void **state)
{
    (void)state;
    struct pcapng w;
    assert_int_equal(pcapng_open(&w, "/dev/full", "tcprig"), 0);
    pcapng_interface(&w, PCAPNG_ETHERNET, "tap0");
    assert_true(pcapng_close(&w) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_block_ends_with_its_own_length),
        cmocka_unit_test(tshark_reads_back_time_flags_and_comment),
        cmocka_unit_test(an_unwritable_path_is_reported),
        cmocka_unit_test(a_full_disk_is_reported_on_close),
    };
    return cmocka_run_group_tests_name("pcapng", tests, NULL, NULL);
}
