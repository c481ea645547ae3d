#include "interop/tools.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/endpoint.h"
#include "interop/play.h"
#include "interop/stack.h"
#include "refstack/wire.h"

enum { TOOL_STREAM = 7, TOOL_SECONDS = 8, ADDRESS_SECONDS = 10, TOOL_ROWS = 3000 };

enum { UNKNOWN_CASE = 127 };

#define FIRST_LINE                                                                                 \
    " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefg\r\n"

#define CURL "curl", "-s", "-S", "-m", "5"

const struct interop_tool interop_tools[] = {
    { .name = "curl-fetch", .arg = { CURL, "http://%U/" }, .fetches = true },
    { .name = "curl-head",
      .arg = { CURL, "-I", "-o", "/dev/null", "-w", "%{http_code} %header{content-length}",
               "http://%U/" },
      .says = "200 1048576" },
    { .name = "curl-not-found",
      .arg = { CURL, "-o", "/dev/null", "-w", "%{http_code}", "http://%U/other" },
      .says = "404" },
    { .name = "curl-method-not-allowed",
      .arg = { CURL, "-o", "/dev/null", "-w", "%{http_code}", "-d", "x", "http://%U/" },
      .says = "405" },
    { .name = "curl-two-on-one-connection",
      .arg = { CURL, "-w", "%{http_code} %{num_connects} ", "http://%U/a",
               "http://%U/b" },
      .says = "404 Not Found\n404 1 404 Not Found\n404 0 " },
    { .name = "socat-echo", .arg = { "socat", "-t", "5", "-", "TCP:%U:7" }, .echoes = true },
    { .name = "ncat-echo", .arg = { "ncat", "%A", "7" }, .echoes = true },
    { .name = "socat-chargen",
      .arg = { "socat", "-u", "TCP:%U:19,readbytes=74", "-" },
      .says = FIRST_LINE },
    { .name = "curl-with-the-backlog-full-by-cookie", .arg = { CURL, "http://%U/" },
      .fetches = true, .cookies = true },
    { .name = NULL },
};

const struct interop_tool interop_peer_cases[] = {
    { .name = "echo", .arg = { "echo", "%A", "7" }, .echoes = true },
    { .name = "discard", .arg = { "discard", "%A", "9" }, .sends = true, .says = "" },
    { .name = "fetch", .arg = { "fetch", "%A", "80" }, .fetches = true },
    { .name = "chargen", .arg = { "chargen", "%A", "19" }, .says = FIRST_LINE },
    { .name = "refused", .arg = { "refused", "%A", "81" }, .says = "", .status = 1 },
    { .name = "no-such-case", .arg = { "no-such-case", "%A", "7" }, .status = UNKNOWN_CASE },
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
    size_t want = t->says ? strlen(t->says) : t->echoes ? TOOL_INPUT : t->fetches ? TOOL_FILE : 0;
    const void *expected = t->says ? (const void *)t->says : octets;
    ssize_t n = pread(out, got, sizeof got, 0);
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
    if (t->status == UNKNOWN_CASE && code != UNKNOWN_CASE)
        case_verdict(c, VERDICT_FAIL, "%s takes a case that does not exist: it ended with status "
                     "%d, and an endpoint program says %d", t->arg[0], code, UNKNOWN_CASE);
    else if (t->peer && code == UNKNOWN_CASE && t->status != UNKNOWN_CASE)
        case_verdict(c, VERDICT_UNSUPPORTED, "%s does not know this case (status 127)", t->arg[0]);
    else if (!WIFEXITED(status) || code != t->status)
        case_verdict(c, VERDICT_FAIL, "%s ended with %s %d, expected status %d", t->arg[0],
                     WIFEXITED(status) ? "status" : "signal", code, t->status);
    else if (n != (ssize_t)want)
        case_verdict(c, VERDICT_FAIL, "%s gave %zd octets, expected %zu", t->arg[0], n, want);
    else if (memcmp(got, expected, want) != 0)
        case_verdict(c, VERDICT_FAIL, "%s gave other octets than expected: \"%.40s\"", t->arg[0],
                     t->says ? (const char *)got : "(binary)");
    else
        case_verdict(c, VERDICT_PASS, NULL);
}

/* The arguments, with the address in its places; false when they do not fit. */
static bool arguments(const struct interop_tool *t, int ip_version, const char *arg[TOOL_ARGS],
                      char text[TOOL_ARGS][128])
{
    const bool six = ip_version == 6;
    arg[0] = t->arg[0];
    for (int i = 1; i < TOOL_ARGS; i++) {
        const char *at = t->arg[i] ? strstr(t->arg[i], "%A") : NULL;
        const char *url = t->arg[i] ? strstr(t->arg[i], "%U") : NULL;
        arg[i] = t->arg[i];
        at = at ? at : url;
        if (!at)
            continue;
        const int n = snprintf(text[i], sizeof text[i], "%.*s%s%s%s%s", (int)(at - t->arg[i]),
                               t->arg[i], url && six ? "[" : "", six ? "fd00::2" : "10.0.0.2",
                               url && six ? "]" : "", at + 2);
        if (n < 0 || (size_t)n >= sizeof text[i])
            return false;
        arg[i] = text[i];
    }
    return true;
}

static void run(const struct interop_tool *t, struct endpoint *e, const uint8_t *octets, int in,
                struct result_case *c)
{
    const char *arg[TOOL_ARGS];
    char text[TOOL_ARGS][128];
    int status = 0, out = memfd_create("output", MFD_CLOEXEC);
    e->pump.watch = (struct pump_watch){ .sent = on_sent, .arg = c };
    rs_time began = pump_now();
    pid_t pid = arguments(t, c->ip_version, arg, text) ? endpoint_spawn(arg, in, out) : -1;
    if (pid < 0)
        case_verdict(c, VERDICT_ERROR, "cannot start %s", t->arg[0]);
    else if (!endpoint_serve(e, pid, NULL, began + TOOL_SECONDS * RS_SEC, &status))
        case_verdict(c, VERDICT_FAIL, "%s did not end within %d s", t->arg[0], TOOL_SECONDS);
    else
        compare(t, out, octets, status, c);
    c->seconds = (double)(pump_now() - began) / 1e6;
    close(out);
}

/* A SYN from an address that never answers takes the only place of the backlog for a minute. */
static void fill_backlog(struct endpoint *e, const struct endpoint_config *config)
{
    enum { ETHERNET = 14, NOBODY = 9 };
    const bool six = config->kernel_addr.version == 6;
    struct rs_addr src = config->kernel_addr;
    const struct rs_addr dst = six ? config->host.addr6 : config->host.addr;
    const size_t header = six ? IP6_HEADER : IP4_HEADER;
    uint8_t frame[ETHERNET + IP6_HEADER + TCP_HEADER] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, NOBODY };
    const struct tcp_seg syn = { .src_port = NOBODY, .dst_port = 80, .flags = TCP_SYN,
                                 .wnd = UINT16_MAX };
    src.octet[six ? 15 : 3] = NOBODY;
    frame[12] = six ? 0x86 : 0x08;
    frame[13] = six ? 0xdd : 0x00;
    const struct ip4_hdr ip4 = { .ihl = 5, .total_len = IP4_HEADER + TCP_HEADER, .ttl = 64,
                                 .proto = IP_PROTO_TCP, .src = src, .dst = dst };
    const struct ip6_hdr ip6 = { .payload_len = TCP_HEADER, .hops = 64, .next = IP_PROTO_TCP,
                                 .src = src, .dst = dst };
    if (six)
        ip6_emit(&ip6, frame + ETHERNET, IP6_HEADER);
    else
        ip4_emit_sum(&ip4, frame + ETHERNET, IP4_HEADER);
    tcp_emit_sum(&syn, &src, &dst, frame + ETHERNET + header, TCP_HEADER);
    rs_input(e->host, frame, ETHERNET + header + TCP_HEADER, pump_now());
}

static void configure(struct endpoint_config *config, const struct interop_tool *t,
                      const uint8_t *octets, int ip_version)
{
    const uint8_t host6[16] = { 0xfd, [15] = 2 }, kernel6[16] = { 0xfd, [15] = 1 };
    endpoint_config_default(config);
    config->file = (struct http_file){ .target = "/", .type = "application/octet-stream",
                                       .octets = octets, .len = TOOL_FILE };
    if (ip_version == 6) {
        config->host.addr6 = rs_ip6(host6);
        config->host.prefix6 = 64;
        config->kernel_addr = rs_ip6(kernel6);
    }
    if (t->cookies) {
        config->host.tcp.syn_cookies = true;
        config->host.backlog = 1;
    }
}

/* The kernel's side is there; over IPv6 a little later than it says. */
static bool ready(const struct endpoint_config *config)
{
    return config->kernel_addr.version == 4 ||
           play_wait_for_address(&config->kernel_addr, pump_now() + ADDRESS_SECONDS * RS_SEC);
}

void interop_tool_play(const struct interop_tool *t, int ip_version, struct result_case *c)
{
    static uint8_t octets[TOOL_FILE];
    struct endpoint_config config;
    struct endpoint e;
    struct ns_error error = { .status = 77 };
    case_actors(c, "refstack", t->arg[0]);
    if (!strchr(t->arg[0], '/') && !stack_program(t->arg[0])) {
        case_verdict(c, VERDICT_UNSUPPORTED, "skipped: no %s; install it with apt-get install %s",
                     t->arg[0], t->arg[0]);
        return;
    }
    int in = stream_file(octets, t->echoes || t->sends ? TOOL_INPUT : TOOL_FILE);
    configure(&config, t, octets, ip_version);
    if (ip_version == 6)
        play_quiet6(&error);
    if (endpoint_start(&e, &config, &error) < 0) {
        case_verdict(c, error.status == 77 ? VERDICT_UNSUPPORTED : VERDICT_ERROR, "%s",
                     error.text);
        return;
    }
    if (t->cookies)
        fill_backlog(&e, &config);
    if (ready(&config))
        run(t, &e, octets, in, c);
    else
        case_verdict(c, VERDICT_ERROR, "the kernel did not make its IPv6 address usable within %d "
                     "s; run fewer cases at once (-j)", ADDRESS_SECONDS);
    endpoint_stop(&e);
    close(in);
}
