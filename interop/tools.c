#include "interop/tools.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/endpoint.h"
#include "interop/stack.h"

enum { TOOL_STREAM = 7, TOOL_SECONDS = 8, TOOL_ROWS = 3000 };

#define CURL "curl", "-s", "-S", "-m", "5"

const struct interop_tool interop_tools[] = {
    { .name = "curl-fetch", .arg = { CURL, "http://10.0.0.2/" }, .fetches = true },
    { .name = "curl-head",
      .arg = { CURL, "-I", "-o", "/dev/null", "-w", "%{http_code} %header{content-length}",
               "http://10.0.0.2/" },
      .says = "200 1048576" },
    { .name = "curl-not-found",
      .arg = { CURL, "-o", "/dev/null", "-w", "%{http_code}", "http://10.0.0.2/other" },
      .says = "404" },
    { .name = "curl-method-not-allowed",
      .arg = { CURL, "-o", "/dev/null", "-w", "%{http_code}", "-d", "x", "http://10.0.0.2/" },
      .says = "405" },
    { .name = "curl-two-on-one-connection",
      .arg = { CURL, "-w", "%{http_code} %{num_connects} ", "http://10.0.0.2/a",
               "http://10.0.0.2/b" },
      .says = "404 Not Found\n404 1 404 Not Found\n404 0 " },
    { .name = "socat-echo", .arg = { "socat", "-t", "5", "-", "TCP:10.0.0.2:7" }, .echoes = true },
    { .name = "ncat-echo", .arg = { "ncat", "10.0.0.2", "7" }, .echoes = true },
    { .name = "socat-chargen",
      .arg = { "socat", "-u", "TCP:10.0.0.2:19,readbytes=74", "-" },
      .says = " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefg\r\n" },
    { .name = NULL },
};

/* An anonymous file with the first len octets of the stream, to be read from its start. */
static int stream_file(uint8_t *octets, size_t len)
{
    int fd = memfd_create("octets", MFD_CLOEXEC);
    stream_make(TOOL_STREAM, 0, octets, len);
    if (fd < 0 || write(fd, octets, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) < 0)
        return -1;
    return fd;
}

static void on_sent(void *arg, enum pump_dir dir, const uint8_t *frame, size_t len, rs_time now,
                    enum sc_fault_action fault)
{
    struct result_case *out = arg;
    static rs_time first;
    (void)fault;
    if (!first)
        first = now;
    if (out->n_rows < TOOL_ROWS)
        case_packet(out, now - first, dir == PUMP_TO_KERNEL ? END_A : END_B, RS_LINK_ETHERNET,
                    frame, len);
    else
        out->rows_left_out++;
}

static void compare(const struct interop_tool *t, int out, const uint8_t *octets, int status,
                    struct result_case *c)
{
    static uint8_t got[TOOL_FILE + 1];
    size_t want = t->says ? strlen(t->says) : t->echoes ? TOOL_INPUT : TOOL_FILE;
    const void *expected = t->says ? (const void *)t->says : octets;
    ssize_t n = pread(out, got, sizeof got, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        case_verdict(c, VERDICT_FAIL, "%s ended with %s %d", t->arg[0],
                     WIFEXITED(status) ? "status" : "signal",
                     WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    else if (n != (ssize_t)want)
        case_verdict(c, VERDICT_FAIL, "%s gave %zd octets, expected %zu", t->arg[0], n, want);
    else if (memcmp(got, expected, want) != 0)
        case_verdict(c, VERDICT_FAIL, "%s gave other octets than expected: \"%.40s\"", t->arg[0],
                     t->says ? (const char *)got : "(binary)");
    else
        case_verdict(c, VERDICT_PASS, NULL);
}

static void run(const struct interop_tool *t, struct endpoint *e, const uint8_t *octets, int in,
                struct result_case *c)
{
    int status = 0, out = memfd_create("output", MFD_CLOEXEC);
    e->pump.watch = (struct pump_watch){ .sent = on_sent, .arg = c };
    rs_time began = pump_now();
    pid_t pid = endpoint_spawn(t->arg, in, out);
    if (pid < 0)
        case_verdict(c, VERDICT_ERROR, "cannot start %s", t->arg[0]);
    else if (!endpoint_serve(e, pid, NULL, began + TOOL_SECONDS * RS_SEC, &status))
        case_verdict(c, VERDICT_FAIL, "%s did not end within %d s", t->arg[0], TOOL_SECONDS);
    else
        compare(t, out, octets, status, c);
    c->seconds = (double)(pump_now() - began) / 1e6;
    close(out);
}

void interop_tool_play(const struct interop_tool *t, struct result_case *c)
{
    static uint8_t octets[TOOL_FILE];
    struct endpoint_config config;
    struct endpoint e;
    struct ns_error error = { .status = 77 };
    case_actors(c, "refstack", t->arg[0]);
    if (!stack_program(t->arg[0])) {
        case_verdict(c, VERDICT_UNSUPPORTED, "skipped: no %s; install it with apt-get install %s",
                     t->arg[0], t->arg[0]);
        return;
    }
    int in = stream_file(octets, t->echoes ? TOOL_INPUT : TOOL_FILE);
    endpoint_config_default(&config);
    config.file = (struct http_file){ .target = "/", .type = "application/octet-stream",
                                      .octets = octets, .len = TOOL_FILE };
    if (endpoint_start(&e, &config, &error) < 0) {
        case_verdict(c, error.status == 77 ? VERDICT_UNSUPPORTED : VERDICT_ERROR, "%s",
                     error.text);
        return;
    }
    run(t, &e, octets, in, c);
    endpoint_stop(&e);
    close(in);
}
