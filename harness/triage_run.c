#include "harness/triage.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Debian's clang finds no symbolizer under its versioned name by itself; gcc needs none. */
static const char *symbolizer(void)
{
    static const char *const places[] = { "/usr/bin/llvm-symbolizer",
                                          "/usr/bin/llvm-symbolizer-14" };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (access(places[i], X_OK) == 0)
            return places[i];
    return NULL;
}

/* The sanitizers' settings are ours, not those of whoever calls us: signatures depend on them. */
static void set_environment(const struct triage_program *program, bool stack, const char *trace)
{
    char options[128];
    const char *path = symbolizer();
    snprintf(options, sizeof options,
             "abort_on_error=0:exitcode=86:detect_leaks=1:handle_abort=%d:symbolize=1", stack);
    setenv("ASAN_OPTIONS", options, 1);
    setenv("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1:exitcode=86", 1);
    if (path && !getenv("ASAN_SYMBOLIZER_PATH"))
        setenv("ASAN_SYMBOLIZER_PATH", path, 1);
    if (program->bug)
        setenv("TCPRIG_BUG", program->bug, 1);
    if (trace)
        setenv("TCPRIG_TRACE", trace, 1);
    else
        unsetenv("TCPRIG_TRACE");
}

/* In the child.  It dies with us, so that Ctrl-C leaves no hanging input behind. */
static _Noreturn void become(const struct triage_program *program, int input, int log, bool stack,
                             const char *trace, pid_t parent)
{
    char path[32];
    int null = open("/dev/null", O_RDWR);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || null < 0)
        _exit(127);
    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
    set_environment(program, stack, trace);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    snprintf(path, sizeof path, "/proc/self/fd/%d", input);
    execl(program->path, program->path, "-q", path, (char *)NULL);
    dprintf(STDERR_FILENO, "cannot run %s: %s\n", program->path, strerror(errno));
    _exit(127);
}

/* A file without a name that holds the octets; the child inherits it. */
static int input_file(const uint8_t *p, size_t len)
{
    int fd = memfd_create("input", 0);
    if (fd >= 0 && write(fd, p, len) != (ssize_t)len) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static double cpu_seconds(pid_t pid)
{
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &t))
        return 0;
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double wall_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Takes what the child writes until it closes its end.  It hangs when it has used up its CPU time,
 * or has slept for ten times as long; SIGABRT makes it print its stack, SIGKILL ends the deaf. */
static void follow(int log, pid_t pid, double limit, struct triage_run *run)
{
    size_t n = 0;
    char rest[4096];
    double begin = wall_seconds(), told = 0;
    for (;;) {
        struct pollfd pfd = { .fd = log, .events = POLLIN };
        if (poll(&pfd, 1, 20) > 0) {
            bool full = n + 1 >= TRIAGE_LOG;
            ssize_t got = read(log, full ? rest : run->log + n,
                               full ? sizeof rest : TRIAGE_LOG - 1 - n);
            if (got == 0 || (got < 0 && errno != EINTR))
                break;
            n += full || got < 0 ? 0 : (size_t)got;
        }
        double now = wall_seconds();
        if (!run->hung && (cpu_seconds(pid) > limit || now - begin > 10 * limit)) {
            run->hung = true;
            told = now;
            kill(pid, SIGABRT);
        } else if (run->hung && now - told > 10) {
            kill(pid, SIGKILL);
        }
    }
    run->log[n] = '\0';
}

int triage_run(const struct triage_program *program, const uint8_t *p, size_t len, bool stack,
               const char *trace, struct triage_run *run)
{
    int pipe_fd[2] = { -1, -1 };
    int input = input_file(p, len);
    pid_t parent = getpid(), pid = -1;
    *run = (struct triage_run){ .log = malloc(TRIAGE_LOG) };
    if (input >= 0 && run->log && pipe2(pipe_fd, O_CLOEXEC) == 0)
        pid = fork();
    if (pid == 0)
        become(program, input, pipe_fd[1], stack, trace, parent);
    int why = errno;
    if (input >= 0)
        close(input);
    if (pipe_fd[1] >= 0)
        close(pipe_fd[1]);
    if (pid > 0) {
        follow(pipe_fd[0], pid, program->cpu_limit, run);
        while (waitpid(pid, &run->status, 0) < 0 && errno == EINTR)
            continue;
    }
    if (pipe_fd[0] >= 0)
        close(pipe_fd[0]);
    if (pid > 0)
        return 0;
    free(run->log);
    errno = why;
    return -1;
}
