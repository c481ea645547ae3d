#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/pcapng_case.h"

static uint8_t octets[4096];

/* A case of one call and one dropped packet, written and read back as raw octets. */
static size_t write_and_read(void)
{
    char path[] = "/tmp/pcapng_case_test.XXXXXX";
    const uint8_t frame[40] = { 0x45 };
    struct result *r = result_new("test");
    struct result_case *c = result_case(r, "interop", "one", "refstack x linux", 4);
    case_actors(c, "refstack", "linux");
    case_event(c, 0, END_A, "open-active(0)");
    struct trace_row *row = case_packet(c, 10, END_A, RS_LINK_IP, frame, sizeof frame);
    row->wire_len = 1500;
    row->line = 3;
    row->fault = TRACE_DROPPED;
    row->before[END_A] = RS_CLOSED;
    row->after[END_A] = RS_SYN_SENT;
    case_packet(c, 20, END_B, RS_LINK_IP, frame, sizeof frame);

    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(pcapng_case(c, path), 0);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t len = fread(octets, 1, sizeof octets, f);
    fclose(f);
    unlink(path);
    result_free(r);
    return len;
}

static const uint8_t *find(const char *text, size_t len)
{
    return memmem(octets, len, text, strlen(text));
}

static void a_packets_comment_has_calls_line_fault_and_states(void **state)
{
    (void)state;
    size_t len = write_and_read();
    assert_non_null(find("open-active(0); line 3; dropped; refstack CLOSED > SYN-SENT", len));
    assert_null(find("linux", len)); /* nothing is known of it */
}

static void a_packet_cut_by_the_recorder_keeps_its_length(void **state)
{
    (void)state;
    size_t len = write_and_read();
    const uint32_t lengths[2] = { 40, 1500 };
    assert_non_null(memmem(octets, len, lengths, sizeof lengths));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packets_comment_has_calls_line_fault_and_states),
        cmocka_unit_test(a_packet_cut_by_the_recorder_keeps_its_length),
    };
    return cmocka_run_group_tests_name("pcapng_case", tests, NULL, NULL);
}
