#include "interop/play.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/tap.h"

/* Ports of connection n: its own at either end, so that the four-tuple is known beforehand. */
enum { REFSTACK_PORT = 5000, KERNEL_PORT = 8000 };

/* After the last event nothing more may be sent; this long is listened. */
enum { LISTEN_ON = 30 * 1000 };

bool play_fail(struct play *p, const char *format, ...)
{
    char text[1024];
    va_list args;
    if (p->failed)
        return false;
    p->failed = true;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    enum rs_state a = p->end[END_A]->ops->state(p->end[END_A], 0);
    enum rs_state b = p->end[END_B]->ops->state(p->end[END_B], 0);
    case_verdict(p->out, VERDICT_FAIL, "%s:%u: %s; %s is in %s, %s in %s", p->script->name, p->line,
                 text, p->out->actor[END_A], rs_state_name(a), p->out->actor[END_B],
                 rs_state_name(b));
    return false;
}

/* R and K are refstack and the kernel; A and B are the same in one role and the other way round in
 * the other. */
enum trace_end play_end_of(const struct play *p, char actor)
{
    switch (actor) {
    case 'K':
        return END_B;
    case 'A':
        return p->swapped ? END_B : END_A;
    case 'B':
        return p->swapped ? END_A : END_B;
    default:
        return END_A;
    }
}

/* Segments that are judged one by one are also given to refstack one by one: which of them share an
 * ACK must not depend on how many the kernel had ready. */
void play_wire_any(struct play *p, bool any)
{
    p->wire.any = any;
    p->pump.batch = any ? 64 : 1;
}

/* How much later than asked the process ran again: a busy machine makes timers fire that would
 * not otherwise, and whoever judges the case wants to know. */
static void note_stall(struct play *p, rs_time before, rs_time due)
{
    rs_time now = pump_now();
    rs_time planned = due > before ? due : before;
    if (now > planned && now - planned > p->stalled)
        p->stalled = now - planned;
}

static void sleep_until(struct play *p, rs_time deadline)
{
    struct pollfd fds[2 * 2 * PEER_CONNS + 1];
    unsigned n = play_flows_sleep(p, fds, 2 * 2 * PEER_CONNS);
    rs_time before = pump_now(), due = pump_due(&p->pump);
    pump_wait(&p->pump, deadline, fds, n);
    note_stall(p, before, due < deadline ? due : deadline);
}

bool play_until(struct play *p, bool (*done)(struct play *, const void *), const void *arg,
                rs_time deadline)
{
    for (;;) {
        if (done(p, arg) || p->failed)
            return !p->failed;
        rs_time before = pump_now();
        /* Applications first: they answer what has come before the stack acknowledges it. */
        bool any = play_flows_work(p);
        if (!any)
            any = pump_work(&p->pump);
        note_stall(p, before, before);
        if (p->pump.error)
            return play_fail(p, "the tap device failed: %s", strerror(p->pump.error));
        if (any)
            continue;
        if (pump_now() >= deadline)
            return done(p, arg);
        sleep_until(p, deadline);
    }
}

static bool machine_cannot(struct play *p, const struct ns_error *error)
{
    case_verdict(p->out, error->status == 77 ? VERDICT_UNSUPPORTED : VERDICT_ERROR, "%s",
                 error->text);
    return false;
}

/* What would make the kernel's segments depend on the machine's load or on other cases is off:
 * tail loss probes, cached metrics, pacing. */
static bool kernel_settings(const struct play_config *c, struct ns_error *error)
{
    const struct {
        const char *name;
        const char *value;
    } settings[] = {
        { "net.ipv4.tcp_congestion_control", "reno" },
        { "net.ipv4.tcp_early_retrans", "0" },
        { "net.ipv4.tcp_no_metrics_save", "1" },
        { "net.ipv4.tcp_rfc1337", "1" }, /* old segments met by RST do not end TIME-WAIT */
        { "net.ipv4.tcp_timestamps", c->no_timestamps ? "0" : "1" },
        { "net.ipv4.tcp_sack", c->no_sack ? "0" : "1" },
        { "net.ipv4.tcp_window_scaling", c->no_wscale ? "0" : "1" },
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        if (ns_sysctl(settings[i].name, settings[i].value, error) < 0)
            return false;
    char rmem[64];
    if (!c->kernel_rcv_buf)
        return true;
    snprintf(rmem, sizeof rmem, "%u %u %u", c->kernel_rcv_buf, c->kernel_rcv_buf,
             c->kernel_rcv_buf);
    return ns_sysctl("net.ipv4.tcp_rmem", rmem, error) == 0;
}

static bool make_link(struct play *p)
{
    struct ns_error error = { .status = 77 };
    const struct rs_config *host = &p->config.host;
    struct tapdev_config tap = { .name = "tap0", .link = host->link, .mtu = host->mtu,
                                 .txqueuelen = 5000, .addr = rs_ip4(10, 0, 0, 1),
                                 .prefix_len = host->prefix_len };
    if (!kernel_settings(&p->config, &error))
        return machine_cannot(p, &error);
    p->device = tapdev_up(&tap, &error);
    if (p->device < 0)
        return machine_cannot(p, &error);
    int rc = kernel_peer_init(&p->kernel);
    p->kernel.no_delay = !host->tcp.nagle;
    p->kernel.no_quickack = p->config.no_quickack;
    if (rc < 0) {
        ns_fail(&error, 77, "cannot ask the kernel for its TCP states over sock_diag: %s",
                strerror(-rc));
        return machine_cannot(p, &error);
    }
    return true;
}

static bool make_host(struct play *p)
{
    size_t size = rs_host_size(&p->config.host);
    void *block = size ? malloc(size) : NULL;
    p->host = block ? rs_init(block, size, &p->config.host, pump_now()) : NULL;
    if (!p->host) {
        free(block);
        case_verdict(p->out, VERDICT_ERROR, "%s: refstack refuses this configuration",
                     p->script->name);
        return false;
    }
    host_peer_init(&p->refstack, p->host);
    rs_observe(p->host, play_observe, p);
    return true;
}

static void make_ends(struct play *p)
{
    p->end[END_A] = &p->refstack.peer;
    p->end[END_B] = &p->kernel.peer;
    for (uint16_t i = 0; i < PEER_CONNS; i++) {
        struct rs_endpoint host = { p->config.host.addr, (uint16_t)(REFSTACK_PORT + i) };
        struct rs_endpoint kernel = { rs_ip4(10, 0, 0, 1), (uint16_t)(KERNEL_PORT + i) };
        p->end[END_A]->local[i] = p->end[END_B]->remote[i] = host;
        p->end[END_A]->remote[i] = p->end[END_B]->local[i] = kernel;
        for (int end = 0; end < 2; end++) {
            stream_hash_init(&p->flow[end][i].hash_sent);
            stream_hash_init(&p->flow[end][i].hash_received);
        }
    }
    case_actors(p->out, "refstack", "linux");
}

static bool any_segment(struct play *p, const void *arg)
{
    (void)arg;
    return wire_skip_updates(&p->wire);
}

/* What the script did not expect must not have happened. */
static void judge_end(struct play *p)
{
    char text[WIRE_TEXT];
    if (play_until(p, any_segment, NULL, pump_now() + LISTEN_ON)) {
        const struct wire_segment *s = wire_peek(&p->wire);
        wire_print(s, text);
        play_fail(p, "after the last event silence was expected, %s sent \"%s\"",
                  p->out->actor[s->from], text);
    }
    for (int end = 0; end < 2; end++) {
        for (unsigned conn = 0; conn < PEER_CONNS; conn++) {
            struct play_past *past = &p->past[end][conn];
            if (!past->asserted)
                continue;
            play_sample(p, (enum trace_end)end, conn);
            if (past->state[past->at] != past->state[past->n - 1])
                play_fail(p, "in the end %s has gone from %s to %s", p->out->actor[end],
                          rs_state_name((enum rs_state)past->state[past->at]),
                          rs_state_name((enum rs_state)past->state[past->n - 1]));
        }
    }
    if (p->wire.overflow)
        play_fail(p, "more than %d segments were not expected", WIRE_QUEUE);
}

static void play_script(struct play *p)
{
    p->start = p->last = pump_now();
    for (size_t i = 0; i < p->script->n_events; i++)
        if (!play_event(p, &p->script->event[i]))
            break;
    if (!p->failed)
        judge_end(p);
    if (!p->failed)
        case_verdict(p->out, VERDICT_PASS, NULL);
    p->out->seconds = (double)(pump_now() - p->start) / 1e6;
}

bool play_case(struct play *p, const struct script *script, const char *source, bool swapped,
               const struct play_config *config, struct result_case *out)
{
    memset(p, 0, sizeof *p);
    p->script = script;
    p->source = source;
    p->swapped = swapped;
    p->config = *config;
    p->out = out;
    if (!make_link(p) || !make_host(p))
        return false;
    make_ends(p);
    pump_init(&p->pump, p->host, p->device, config->host.link, config->rates);
    p->pump.watch = play_watch;
    p->pump.watch.arg = p;
    play_wire_any(p, false);
    play_script(p);
    pump_free(&p->pump);
    kernel_peer_free(&p->kernel);
    close(p->device);
    free(p->host);
    return true;
}
