#include "harness/endpoint.h"

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/tap.h"

void endpoint_config_default(struct endpoint_config *c)
{
    memset(c, 0, sizeof *c);
    rs_config_default(&c->host);
    c->host.link = RS_LINK_ETHERNET;
    memcpy(c->host.mac, (const uint8_t[]){ 2, 0, 0, 0, 0, 2 }, 6);
    c->host.addr = rs_ip4(10, 0, 0, 2);
    c->host.prefix_len = 24;
    c->host.seed = 1;
    c->kernel_addr = rs_ip4(10, 0, 0, 1);
    c->device = "tap0";
    const struct {
        enum app_service service;
        uint16_t port;
    } serve[] = { { APP_ECHO, 7 }, { APP_DISCARD, 9 }, { APP_CHARGEN, 19 }, { APP_HTTP, 80 } };
    for (size_t i = 0; i < sizeof serve / sizeof serve[0]; i++) {
        c->serve[i].service = serve[i].service;
        c->serve[i].port = serve[i].port;
    }
    c->file = (struct http_file){ .target = "/", .type = "text/plain",
                                  .octets = (const uint8_t *)"hello from refstack\n", .len = 20 };
}

/* ---- Recording -------------------------------------------------------------------------- */

static void __attribute__((format(printf, 2, 3)))
remark(struct endpoint *e, const char *format, ...)
{
    va_list args;
    size_t len = strlen(e->comment);
    va_start(args, format);
    if (len > 0 && len + 2 < sizeof e->comment) {
        memcpy(e->comment + len, "; ", 3);
        len += 2;
    }
    vsnprintf(e->comment + len, sizeof e->comment - len, format, args);
    va_end(args);
}

static void on_observed(void *arg, const struct rs_observation *o)
{
    struct endpoint *e = arg;
    if (o->what == RS_OBS_STATE)
        remark(e, "%d: %s > %s", o->conn, rs_state_name(o->from), rs_state_name(o->to));
    else if (o->what == RS_OBS_TIMER)
        remark(e, "%d: %s timer", o->conn, rs_timer_name(o->timer));
    else if (o->what == RS_OBS_SEGMENT && o->reason != RS_REASON_ACCEPTED)
        remark(e, "refused: %s", rs_reason_text(o->reason));
}

static void record(struct endpoint *e, enum pump_dir dir, const uint8_t *frame, size_t len,
                   rs_time now, enum pcapng_link link)
{
    pcapng_packet(&e->pcapng, &(struct pcapng_packet){
                                  .interface = link == PCAPNG_ETHERNET ? 0 : 1,
                                  .time = now - e->started,
                                  .octets = frame,
                                  .len = (uint32_t)len,
                                  .dir = dir == PUMP_TO_KERNEL ? PCAPNG_OUTBOUND : PCAPNG_INBOUND,
                                  .comment = e->comment });
    e->comment[0] = '\0';
}

static enum pcapng_link link_of(const struct endpoint *e)
{
    return e->pump.link[0].link == RS_LINK_ETHERNET ? PCAPNG_ETHERNET : PCAPNG_RAW_IP;
}

/* What refstack sends is recorded as it leaves, what it receives once it has judged it: so the
 * comment tells what each frame caused. */
static void on_sent(void *arg, enum pump_dir dir, const uint8_t *frame, size_t len, rs_time now,
                    enum sc_fault_action fault)
{
    struct endpoint *e = arg;
    if (fault != SC_N_FAULTS)
        remark(e, "link: %s", sc_fault_name(fault));
    if (dir == PUMP_TO_KERNEL || fault == SC_DROP)
        record(e, dir, frame, len, now, link_of(e));
}

static void on_delivered(void *arg, enum pump_dir dir, const uint8_t *frame, size_t len,
                         rs_time now)
{
    struct endpoint *e = arg;
    if (dir == PUMP_TO_HOST)
        record(e, dir, frame, len, now, link_of(e));
}

static int start_recording(struct endpoint *e, const char *path, struct ns_error *error)
{
    int rc = pcapng_open(&e->pcapng, path, "tcprig endpoint");
    if (rc < 0)
        return ns_fail(error, 2, "cannot write the capture %s: %s", path, strerror(-rc));
    pcapng_interface(&e->pcapng, PCAPNG_ETHERNET, "tap");
    pcapng_interface(&e->pcapng, PCAPNG_RAW_IP, "tun");
    rs_observe(e->host, on_observed, e);
    e->pump.watch =
        (struct pump_watch){ .sent = on_sent, .delivered = on_delivered, .arg = e };
    e->recording = true;
    return 0;
}

/* ---- Start and stop --------------------------------------------------------------------- */

static int make_host(struct endpoint *e, const struct endpoint_config *c, struct ns_error *error)
{
    size_t size = rs_host_size(&c->host);
    void *block = size ? malloc(size) : NULL;
    e->host = block ? rs_init(block, size, &c->host, e->started) : NULL;
    if (e->host)
        return 0;
    free(block);
    return ns_fail(error, 2, "refstack refuses this configuration: look at its sizes and address");
}

static int serve_all(struct endpoint *e, const struct endpoint_config *c, struct ns_error *error)
{
    apps_init(&e->apps, e->host, &c->file);
    for (int i = 0; i < ENDPOINT_SERVICES; i++) {
        if (!c->serve[i].port)
            continue;
        int rc = apps_listen(&e->apps, c->serve[i].service, c->serve[i].port, pump_now());
        if (rc < 0)
            return ns_fail(error, 2, "cannot serve port %u: %s", c->serve[i].port,
                           rs_error_name(rc));
    }
    return 0;
}

int endpoint_start(struct endpoint *e, const struct endpoint_config *c, struct ns_error *error)
{
    memset(e, 0, sizeof *e);
    e->started = pump_now();
    if (!c->kernel_addr.version && !if_nametoindex(c->device))
        return ns_fail(error, 2, "there is no device %.32s here: create it (ip tuntap add dev "
                       "%.32s mode tap) and give it an address, or leave out --here",
                       c->device, c->device);
    bool faults = c->rates[0].seed || c->rates[1].seed;
    if (c->host.offload && (faults || c->pcapng || !c->kernel_addr.version))
        return ns_fail(error, 2, "super-segments go with a device of our own and neither faults "
                       "nor capture: leave out one or the other");
    struct tapdev_config tap = { .name = c->device, .link = c->host.link, .mtu = c->host.mtu,
                                 .offload = c->host.offload,
                                 .txqueuelen = 5000, .addr = c->kernel_addr,
                                 .prefix_len = c->kernel_addr.version == 6 ? c->host.prefix6
                                                                           : c->host.prefix_len };
    e->device = c->kernel_addr.version ? tapdev_up(&tap, error)
                                       : tapdev_open(c->device, c->host.link, error);
    if (e->device < 0)
        return -1;
    if (make_host(e, c, error) < 0) {
        close(e->device);
        return -1;
    }
    pump_init(&e->pump, e->host, e->device, c->host.link, faults ? c->rates : NULL);
    e->pump.offload = c->host.offload;
    if (serve_all(e, c, error) < 0 ||
        (c->pcapng && start_recording(e, c->pcapng, error) < 0)) {
        endpoint_stop(e);
        return -1;
    }
    return 0;
}

int endpoint_stop(struct endpoint *e)
{
    int rc = e->recording ? pcapng_close(&e->pcapng) : 0;
    apps_free(&e->apps);
    pump_free(&e->pump);
    close(e->device);
    free(e->host);
    return rc;
}

/* ---- The program that talks to it ------------------------------------------------------- */

/* Whether the process that the descriptor names has ended. */
static bool is_gone(int pidfd)
{
    struct pollfd fd = { .fd = pidfd, .events = POLLIN };
    return pidfd >= 0 && poll(&fd, 1, 0) > 0;
}

static void exec_program(const char *const *argv, int in, int out)
{
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    if ((in >= 0 && dup2(in, STDIN_FILENO) < 0) || (out >= 0 && dup2(out, STDOUT_FILENO) < 0))
        _exit(127);
    execvp(argv[0], (char *const *)(uintptr_t)argv);
    fprintf(stderr, "tcprig: cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

/* The first process of a process namespace: when it ends, the kernel ends all others in it,
 * whatever the program has started and left behind.  It dies with ours. */
static void first_process(const char *const *argv, int in, int out, int parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (is_gone(parent))
        _exit(127);
    pid_t pid = fork(), got;
    int status = 0;
    if (pid == 0)
        exec_program(argv, in, out);
    signal(SIGINT, SIG_IGN); /* the program decides what Ctrl-C means to it */
    do
        got = waitpid(-1, &status, 0);
    while (got != pid && got > 0);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

pid_t endpoint_spawn(const char *const *argv, int in, int out)
{
    int self = pidfd_open(getpid(), 0);
    /* Where this is refused only what the program leaves in the background outlives it. */
    (void)!unshare(CLONE_NEWPID);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        first_process(argv, in, out, self);
    if (self >= 0)
        close(self);
    return pid;
}

static bool ended(pid_t pid, int *status)
{
    return pid > 0 && waitpid(pid, status, WNOHANG) == pid;
}

bool endpoint_serve(struct endpoint *e, pid_t pid, const volatile sig_atomic_t *stop,
                    rs_time until, int *status)
{
    int pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
    bool over = false;
    while (!over && !(stop && *stop) && !e->pump.error && pump_now() < until) {
        bool any = pump_work(&e->pump);
        any |= apps_work(&e->apps, pump_now());
        if (any)
            continue;
        over = ended(pid, status);
        if (over)
            break;
        struct pollfd fds[2] = { { .fd = pidfd, .events = POLLIN } };
        pump_wait(&e->pump, until, fds, 1);
    }
    if (!over && pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, status, 0);
    }
    if (pidfd >= 0)
        close(pidfd);
    return over;
}
