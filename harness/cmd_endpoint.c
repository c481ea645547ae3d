/* tcprig endpoint: refstack with applications on it, beside a program that talks to it. */
#include <argp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "harness/cmd.h"
#include "harness/endpoint.h"

enum {
    OPT_LOSS = 256,
    OPT_DUP,
    OPT_DELAY,
    OPT_REORDER,
    OPT_CORRUPT,
    OPT_SEED,
    OPT_MTU,
    OPT_HERE,
    OPT_TUN,
    OPT_SEND,
    OPT_ABORT
};

struct arguments {
    struct endpoint_config config;
    const char *file;
    const char *const *program;
    bool here; /* the device is in the namespace we are in */
    struct rs_endpoint connect;
    struct app_client client;
};

static const struct argp_option options[] = {
    { "file", 'f', "FILE", 0, "what the HTTP server serves as / (a greeting)", 0 },
    { "device", 'd', "NAME", 0, "name of the tap device (tap0)", 0 },
    { "tun", OPT_TUN, NULL, 0, "a tun device: IP datagrams, no Ethernet", 0 },
    { "here", OPT_HERE, NULL, 0,
      "use the device in the namespace we are in, as it is set up there; no new namespace", 0 },
    { "address", 'a', "ADDR/LEN", 0, "refstack's address (10.0.0.2/24); the kernel has .1", 0 },
    { "mtu", OPT_MTU, "OCTETS", 0, "of the device (1500)", 0 },
    { "pcap", 'w', "FILE", 0, "record every frame as pcapng", 0 },
    { NULL, 0, NULL, 0, "As a client:", 1 },
    { "connect", 'c', "PORT", 0, "connect to this port of the kernel's side", 1 },
    { "send", OPT_SEND, "OCTETS", 0, "send so many octets, then close (0)", 1 },
    { "abort", OPT_ABORT, NULL, 0, "abort instead of closing", 1 },
    { NULL, 0, NULL, 0, "Link faults, both ways, in per cent of segments:", 2 },
    { "loss", OPT_LOSS, "PERCENT", 0, "drop", 2 },
    { "dup", OPT_DUP, "PERCENT", 0, "duplicate", 2 },
    { "delay", OPT_DELAY, "PERCENT", 0, "delay by up to 50 ms", 2 },
    { "reorder", OPT_REORDER, "PERCENT", 0, "let the next segment overtake", 2 },
    { "corrupt", OPT_CORRUPT, "PERCENT", 0, "flip a bit", 2 },
    { "seed", OPT_SEED, "NUMBER", 0, "of everything random (1)", 2 },
    { NULL, 0, NULL, 0, NULL, 0 },
};

static uint64_t number(struct argp_state *state, const char *arg, uint64_t max, const char *what)
{
    char *end;
    errno = 0;
    uint64_t value = strtoull(arg, &end, 0);
    if (end == arg || *end || errno || value > max || arg[0] == '-')
        argp_error(state, "%s wants a number from 0 to %llu, not '%s'", what,
                   (unsigned long long)max, arg);
    return value;
}

static uint32_t per_cent(struct argp_state *state, const char *arg)
{
    char *end;
    double value = strtod(arg, &end);
    if (end == arg || (*end && strcmp(end, "%") != 0) || !(value >= 0 && value <= 100))
        argp_error(state, "a fault wants a percentage from 0 to 100, not '%s'", arg);
    return (uint32_t)(value * 10000 + 0.5);
}

static void set_rate(struct arguments *a, int key, uint32_t rate)
{
    for (int dir = 0; dir < 2; dir++) {
        struct fault_rates *r = &a->config.rates[dir];
        r->seed = a->config.host.seed + (unsigned)dir;
        r->delay_max = 50 * RS_MSEC;
        *(key == OPT_LOSS      ? &r->drop
          : key == OPT_DUP     ? &r->dup
          : key == OPT_DELAY   ? &r->delay
          : key == OPT_REORDER ? &r->reorder
                               : &r->corrupt) = rate;
    }
}

static void set_address(struct argp_state *state, struct endpoint_config *c, const char *arg)
{
    char text[64];
    unsigned prefix = 24;
    if (sscanf(arg, "%63[0-9.]/%u", text, &prefix) < 1 || prefix > 30 || prefix < 1 ||
        inet_pton(AF_INET, text, c->host.addr.octet) != 1)
        argp_error(state, "--address wants an IPv4 address and a prefix length from 1 to 30 as in "
                          "10.0.0.2/24, not '%s'", arg);
    c->host.prefix_len = (uint8_t)prefix;
    c->kernel_addr = c->host.addr;
    c->kernel_addr.octet[3] = (uint8_t)((c->host.addr.octet[3] & ~3u) | 1u);
    if (rs_addr_eq(&c->kernel_addr, &c->host.addr))
        argp_error(state, "'%s' is the address the kernel's side gets; take the next one", arg);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case 'f':
        a->file = arg;
        return 0;
    case 'd':
        a->config.device = arg;
        return 0;
    case 'a':
        set_address(state, &a->config, arg);
        return 0;
    case 'w':
        a->config.pcapng = arg;
        return 0;
    case 'c':
        a->connect.port = (uint16_t)number(state, arg, 65535, "--connect");
        return 0;
    case OPT_SEND:
        a->client.to_send = number(state, arg, UINT64_MAX, "--send");
        return 0;
    case OPT_ABORT:
        a->client.abort = true;
        return 0;
    case OPT_TUN:
        a->config.host.link = RS_LINK_IP;
        return 0;
    case OPT_HERE:
        a->here = true;
        return 0;
    case OPT_MTU:
        a->config.host.mtu = (uint16_t)number(state, arg, 65535, "--mtu");
        if (a->config.host.mtu < 576)
            argp_error(state, "--mtu wants at least 576 octets, which every IPv4 host must take");
        return 0;
    case OPT_SEED:
        a->config.host.seed = number(state, arg, UINT64_MAX, "--seed");
        return 0;
    case OPT_LOSS:
    case OPT_DUP:
    case OPT_DELAY:
    case OPT_REORDER:
    case OPT_CORRUPT:
        set_rate(a, key, per_cent(state, arg));
        return 0;
    case ARGP_KEY_ARG:
        /* The rest is the program's own, its options included. */
        a->program = (const char *const *)&state->argv[state->next - 1];
        state->next = state->argc;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .args_doc = "[-- PROGRAM [ARGUMENT...]]",
    .doc = "Puts refstack on a tap device in a network namespace of its own, with echo (port 7), "
           "discard (9), chargen (19) and an HTTP server of one file (80), and runs PROGRAM there: "
           "tcprig endpoint -- curl http://10.0.0.2/"
           "\vEnds when the program ends, with its exit status; without a program, at Ctrl-C.",
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
    stop = sig;
}

/* Reads the file to be served. */
static int load_file(struct arguments *a)
{
    FILE *f = fopen(a->file, "rb");
    struct stat st;
    uint8_t *octets = NULL;
    if (f && fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode))
        octets = malloc((size_t)st.st_size + 1);
    size_t len = octets ? fread(octets, 1, (size_t)st.st_size, f) : 0;
    if (f)
        fclose(f);
    if (!octets || len != (size_t)st.st_size) {
        fprintf(stderr, "tcprig endpoint: cannot read the file to be served, %s: %s\n", a->file,
                f ? "it is not a regular file" : strerror(errno));
        free(octets);
        return -1;
    }
    a->config.file = (struct http_file){ .target = "/", .type = "application/octet-stream",
                                         .octets = octets, .len = len };
    return 0;
}

/* A client without a program beside it has nothing left to wait for. */
static void say_done(void *arg, const struct app_done *d)
{
    static const char *const names[] = { "echo", "discard", "chargen", "http", "client" };
    const struct arguments *a = arg;
    fprintf(stderr, "%s: %llu octets received (hash %016llx), %llu sent (hash %016llx)%s%s\n",
            names[d->service], (unsigned long long)d->received,
            (unsigned long long)d->hash_received, (unsigned long long)d->sent,
            (unsigned long long)d->hash_sent, d->error ? "; " : "",
            d->error ? rs_error_name(d->error) : "");
    if (d->service == APP_CLIENT && !a->program && !stop)
        stop = -1;
}

static int program_status(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* A server that was only just started may not listen yet: the first connection waits a little. */
static int run(struct arguments *a, struct endpoint *e)
{
    int status = 0;
    pid_t pid = a->program ? endpoint_spawn(a->program, -1, -1) : 0;
    e->apps.done = say_done;
    e->apps.arg = a;
    if (a->connect.port) {
        rs_time soon = pump_now() + (a->program ? 300 * RS_MSEC : 0);
        if (endpoint_serve(e, 0, &stop, soon, &status) || stop)
            return 128 + stop;
        apps_connect(&e->apps, &a->connect, &a->client, pump_now());
    }
    if (endpoint_serve(e, pid, &stop, RS_NEVER, &status))
        return program_status(status);
    if (e->pump.error) {
        fprintf(stderr, "tcprig endpoint: the device %s failed: %s\n", a->config.device,
                strerror(e->pump.error));
        return EXIT_UNSUPPORTED;
    }
    return stop > 0 ? 128 + stop : 0;
}

int cmd_endpoint(int argc, char **argv)
{
    static struct arguments a;
    static struct endpoint e;
    struct ns_error error;
    endpoint_config_default(&a.config);
    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    a.connect.addr = a.config.kernel_addr;
    if (a.file && load_file(&a) < 0)
        return EXIT_USAGE;
    if (a.here)
        a.config.kernel_addr.version = 0;
    if ((!a.here && ns_enter(&error) < 0) || endpoint_start(&e, &a.config, &error) < 0) {
        fprintf(stderr, "tcprig endpoint: %s\n", error.text);
        return error.status;
    }
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    int status = run(&a, &e);
    int rc = endpoint_stop(&e);
    if (rc < 0)
        fprintf(stderr, "tcprig endpoint: the capture %s is not complete: %s\n", a.config.pcapng,
                strerror(-rc));
    return rc < 0 ? EXIT_USAGE : status;
}
