/* tcprig agent: a stack of --on in a process of its own, on a device and behind a socket. */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/agent.h"
#include "harness/cmd.h"

struct options {
    const char *on, *device, *path;
    char **command; /* NULL: serve until a signal */
};

enum { KEY_ON = 256, START_MS = 5000 };

static const struct argp_option argp_options[] = {
    { "on", KEY_ON, "SUT", 0, "the stack to serve (default: refstack)", 0 },
    { 0 },
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case KEY_ON:
        o->on = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (!o->device) {
            o->device = arg;
        } else if (!o->path) {
            o->path = arg;
        } else {
            /* The rest is the command's own, its options included. */
            o->command = &state->argv[state->next - 1];
            state->next = state->argc;
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = argp_options,
    .parser = parse_option,
    .args_doc = "DEVICE SOCKET [-- COMMAND [ARGUMENT...]]",
    .doc = "Serves the calls of a stack in this process to tcprig run --on tap:DEVICE:SOCKET: the "
           "stack's datagrams go over the tun device DEVICE, its socket calls come in at the unix "
           "socket SOCKET (protocol: harness/agent.h).  With a COMMAND both are in a new network "
           "namespace, in which the command runs; its exit status is the agent's."
           "\vWithout a command the device is made here, which takes root, and served until "
           "Ctrl-C.  An example: tcprig agent --on lwip tun0 /tmp/agent -- "
           "tcprig run --on tap:tun0:/tmp/agent corpus/scripts/rfc9293-3.10.7.2",
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
    stop = sig;
}

static int serve(const struct sut_ops *ops, const struct options *o)
{
    struct ns_error error;
    if (agent_serve(ops, o->device, o->path, &stop, &error) == 0)
        return EXIT_AS_EXPECTED;
    fprintf(stderr, "tcprig agent: %s\n", error.text);
    return error.status;
}

/* Until the socket can be reached, or the server has ended because it cannot be. */
static bool await_server(pid_t server, const char *path, int *status)
{
    for (int ms = 0; ms < START_MS; ms += 5) {
        struct stat st;
        if (waitpid(server, status, WNOHANG) == server)
            return false;
        if (stat(path, &st) == 0 && S_ISSOCK(st.st_mode))
            return true;
        usleep(5000);
    }
    *status = EXIT_UNSUPPORTED << 8;
    return false;
}

static int run_command(char **command)
{
    int status = 0;
    const pid_t pid = fork();
    if (pid == 0) {
        execvp(command[0], command);
        fprintf(stderr, "tcprig agent: cannot run %s: %s; name a program\n", command[0],
                strerror(errno));
        _exit(EXIT_USAGE);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return EXIT_UNSUPPORTED;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int serve_command(const struct sut_ops *ops, const struct options *o)
{
    struct ns_error error;
    int status = 0;
    agent_unlink(o->path); /* of a server before, or the wait for ours would end at once */
    if (ns_enter(&error) < 0) {
        fprintf(stderr, "tcprig agent: %s\n", error.text);
        return error.status;
    }
    const pid_t parent = getpid(), server = fork();
    if (server == 0)
        _exit(ns_die_with_parent(parent) ? serve(ops, o) : EXIT_UNSUPPORTED);
    if (server < 0 || !await_server(server, o->path, &status))
        return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_UNSUPPORTED;
    const int result = run_command(o->command);
    kill(server, SIGTERM);
    waitpid(server, &status, 0);
    return result;
}

int cmd_agent(int argc, char **argv)
{
    struct options o = { .on = "refstack" };
    if (argp_parse(&argp, argc, argv, 0, NULL, &o))
        return EXIT_USAGE;
    if (!o.path) {
        fputs("tcprig agent: it takes a device and the path of a socket, such as tun0 /tmp/agent\n",
              stderr);
        return EXIT_USAGE;
    }
    const struct sut_ops *ops = sut_find(o.on);
    if (!ops || strncmp(o.on, "tap:", 4) == 0) {
        fprintf(stderr, "tcprig agent: there is no stack '%s' to serve; --on takes refstack, "
                        "linux, lwip or so:FILE (a packetdrill plug-in)\n", o.on);
        return EXIT_USAGE;
    }
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    return o.command ? serve_command(ops, &o) : serve(ops, &o);
}
