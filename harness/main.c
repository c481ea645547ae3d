/* tcprig: finds the subcommand that was asked for and hands over to it. */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/cmd.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *does;
};

static const struct command commands[] = {
    { "run", cmd_run, "scripts against a stack, and a verdict for each" },
    { "interop", cmd_interop, "pairs of live stacks, this machine's kernel among them" },
    { "endpoint", cmd_endpoint, "refstack on a tap device, and a command inside its namespace" },
    { "agent", cmd_agent, "a stack on a tun device, its calls for `run --on tap:DEVICE:SOCKET`" },
    { "check", cmd_check, "the rules that the traffic in a capture breaks" },
    { "stage0", cmd_stage0, "every state x event x field boundary, judged by RFC 9293's text" },
    { "triage", cmd_triage, "crash inputs to findings, each minimised and bundled" },
    { "ledger", cmd_ledger, "requirements, their tests, and the planted bugs those kill" },
    { "convert", cmd_convert, "scripts and fuzz inputs as each other, captures as scripts" },
    { "fmt", cmd_fmt, "scripts pretty-printed, in place or checked" },
    { "report", cmd_report, "one page out of the results of several runs" },
};

enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(FILE *to)
{
    fputs("Usage: tcprig COMMAND [OPTION...] [ARGUMENT...]\n"
          "Tests TCP stacks: scripts, fuzzing, interoperation with live kernels.\n\n", to);
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].does);
    fputs("\n  tcprig COMMAND --help   what a command takes\n"
          "  tcprig --version        which tcprig this is\n\n"
          "Exit status: 0 all as expected, 1 findings, 2 usage or bad input, 77 this machine\n"
          "lacks what was asked for.\n", to);
}

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(name, commands[i].name) == 0)
            return &commands[i];
    }
    return NULL;
}

/* A command's messages and usage begin with argv[0]: "tcprig run", not "run". */
static int hand_over(const struct command *c, int argc, char **argv)
{
    char full[32];
    snprintf(full, sizeof full, "tcprig %s", c->name);
    argv[0] = full;
    argp_err_exit_status = EXIT_USAGE;
    return c->run(argc, argv);
}

static int unknown(const char *name)
{
    fprintf(stderr, "tcprig: there is no %s '%s'; tcprig --help lists what there is\n",
            name[0] == '-' ? "option" : "command", name);
    return EXIT_USAGE;
}

/* `tcprig help` and `tcprig help COMMAND`, for those who try that first. */
static int help(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stdout);
        return EXIT_AS_EXPECTED;
    }
    const struct command *c = find(argv[1]);
    char option[] = "--help";
    char *args[] = { argv[1], option, NULL };
    return c ? hand_over(c, 2, args) : unknown(argv[1]);
}

/* A standard descriptor that is closed would be given to the next device or socket opened, which
 * then took what is printed. */
static void open_standard(void)
{
    int fd;
    while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= 2)
        continue;
    if (fd >= 0)
        close(fd);
}

/* Verdicts that nobody could read are no result: a full disk must not look like success.  At the
 * exit, because argp ends the process itself after --help. */
static void flush_output(void)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return;
    fprintf(stderr, "tcprig: cannot write to standard output: %s; what is there is incomplete\n",
            errno ? strerror(errno) : "an earlier write failed");
    _exit(EXIT_USAGE);
}

int main(int argc, char **argv)
{
    open_standard();
    atexit(flush_output);
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
        return help(argc - 1, argv + 1);
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        puts("tcprig " TCPRIG_VERSION);
        return EXIT_AS_EXPECTED;
    }
    const struct command *c = find(name);
    return c ? hand_over(c, argc - 1, argv + 1) : unknown(name);
}
