/* The adapter for packetdrill's plug-ins: the runner's side, which asks a process that holds the
 * plug-in and notices when that one is lost. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/sut_so.h"

enum { SO_FLAGS = 2048, SO_FREE_MS = 500 };

/* The one plug-in that this run is about. */
static struct {
    char name[4096], path[4096];
    const char *flags; /* of the user's, or NULL */
    bool takes_settings, tells_state;
    char why[512]; /* it could not be loaded */
} plug;

struct so {
    pid_t pid;
    int sock;
    uint64_t now;
    uint8_t version;
    struct so_shared *s;
    FILE *words; /* what the plug-in prints */
    char broken[2 * SO_REASON];
};

/* ---- Losing it -------------------------------------------------------------------------- */

/* The last line it printed, often an assertion. */
static void last_words(struct so *so, char *line, size_t cap)
{
    char text[SO_REASON];
    line[0] = '\0';
    rewind(so->words);
    while (fgets(text, sizeof(text), so->words)) {
        text[strcspn(text, "\n")] = '\0';
        if (text[0])
            snprintf(line, cap, "%s", text);
    }
}

static void lost(struct so *so, const char *during)
{
    char words[SO_REASON];
    int status = 0;
    waitpid(so->pid, &status, 0);
    so->pid = 0;
    last_words(so, words, sizeof(words));
    if (WIFSIGNALED(status))
        snprintf(so->broken, sizeof(so->broken), "the plug-in crashed in %s with signal %d "
                 "(%s)%s%s", during, WTERMSIG(status), strsignal(WTERMSIG(status)),
                 words[0] ? ": " : "", words);
    else
        snprintf(so->broken, sizeof(so->broken), "the plug-in ended the process in %s with status "
                 "%d%s%s", during, WEXITSTATUS(status), words[0] ? ": " : "", words);
}

static void hung(struct so *so, const char *during)
{
    kill(so->pid, SIGKILL);
    waitpid(so->pid, NULL, 0);
    so->pid = 0;
    snprintf(so->broken, sizeof(so->broken), "the plug-in hangs: %s did not return within %d s",
             during, SO_TIMEOUT_MS / 1000);
}

/* ---- Requests --------------------------------------------------------------------------- */

static int64_t await(struct so *so, const char *during)
{
    struct pollfd p = { so->sock, POLLIN, 0 };
    char byte;
    int n;
    while ((n = poll(&p, 1, SO_TIMEOUT_MS)) < 0 && errno == EINTR)
        continue;
    if (n == 0)
        hung(so, during);
    else if (read(so->sock, &byte, 1) != 1)
        lost(so, during);
    else if (so->s->lie[0] && !so->broken[0])
        snprintf(so->broken, sizeof(so->broken), "the plug-in breaks its interface: %s",
                 so->s->lie);
    return so->broken[0] ? -EIO : so->s->result;
}

static int64_t ask(struct so *so, enum so_op op, int fd)
{
    static const char *const name[] = {
#define SO_NAME(name) #name,
        SO_OPS(SO_NAME)
#undef SO_NAME
    };
    const char byte = 0;
    so->s->req.op = op;
    so->s->req.fd = fd;
    so->s->req.now = so->now;
    if (so->broken[0])
        return -EIO;
    if (send(so->sock, &byte, 1, MSG_NOSIGNAL) != 1) {
        lost(so, name[op]);
        return -EIO;
    }
    return await(so, name[op]);
}

int64_t so_ask_fd(void *sut, enum so_op op, int fd, void *data, size_t len)
{
    struct so *so = sut;
    const int64_t n = ask(so, op, fd);
    if (n > 0)
        memcpy(data, so->s->data, len);
    return n;
}

static int64_t ask_at(struct so *so, enum so_op op, int fd, uint64_t now)
{
    so->now = now > so->now ? now : so->now;
    return ask(so, op, fd);
}

static const char *so_broken(void *sut)
{
    const struct so *so = sut;
    return so->broken[0] ? so->broken : NULL;
}

/* ---- Lifecycle -------------------------------------------------------------------------- */

static void add_address(char *flags, const char *name, const struct rs_addr *a)
{
    size_t n = strlen(flags);
    n += (size_t)snprintf(flags + n, SO_FLAGS - n, "%s%s=", n ? "," : "", name);
    for (int i = 0; i < (a->version == 6 ? 16 : 4) && n < SO_FLAGS; i++)
        n += (size_t)snprintf(flags + n, SO_FLAGS - n, a->version == 6 ? "%s%02x" : "%s%u",
                              i == 0 ? "" : a->version == 4 ? "." : i % 2 ? "" : ":", a->octet[i]);
}

/* False when the script wants settings of a plug-in that takes none. */
static bool make_flags(const struct sut_config *c, char *flags, char *why, size_t cap)
{
    snprintf(flags, SO_FLAGS, "%s", plug.flags ? plug.flags : "");
    if (!plug.takes_settings) {
        if (!c->n_settings && !c->mtu)
            return true;
        snprintf(why, cap, "a packetdrill plug-in takes no settings from a script, and this one "
                           "asks for %s", c->n_settings ? c->setting[0].name : "an MTU");
        return false;
    }
    add_address(flags, "local", &c->local);
    add_address(flags, "remote", &c->remote);
    size_t n = strlen(flags);
    n += (size_t)snprintf(flags + n, SO_FLAGS - n, ",seed=%llu", (unsigned long long)c->seed);
    if (c->mtu && n < SO_FLAGS)
        n += (size_t)snprintf(flags + n, SO_FLAGS - n, ",mtu=%u", c->mtu);
    for (size_t i = 0; i < c->n_settings && n < SO_FLAGS; i++)
        n += (size_t)snprintf(flags + n, SO_FLAGS - n, ",%s=%s", c->setting[i].name,
                              c->setting[i].value);
    return true;
}

static void be_host(struct so *so, int sock, const char *flags)
{
    dup2(fileno(so->words), STDOUT_FILENO);
    dup2(fileno(so->words), STDERR_FILENO);
    close(so->sock);
    so_host(plug.path, flags, sock, so->s);
}

static void so_destroy(void *sut)
{
    struct so *so = sut;
    close(so->sock);
    /* It gets time to free its stack; one that hangs in there is ended. */
    for (int i = 0; so->pid && i < SO_FREE_MS; i++) {
        if (waitpid(so->pid, NULL, WNOHANG) != 0)
            so->pid = 0;
        else
            usleep(i < 20 ? 50 : 1000);
    }
    if (so->pid) {
        kill(so->pid, SIGKILL);
        waitpid(so->pid, NULL, 0);
    }
    munmap(so->s, sizeof(*so->s));
    fclose(so->words);
    free(so);
}

static struct so *so_new(const struct sut_config *c, uint64_t now, int *theirs)
{
    struct so *so = calloc(1, sizeof(*so));
    int pair[2];
    if (!so || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        abort();
    so->s = mmap(NULL, sizeof(*so->s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    so->words = fdopen(memfd_create("plug-in output", MFD_CLOEXEC), "r+");
    if (so->s == MAP_FAILED || !so->words)
        abort();
    so->sock = pair[0];
    *theirs = pair[1];
    so->now = so->s->req.now = now;
    so->version = c->local.version;
    return so;
}

static void *so_create(const struct sut_config *c, uint64_t now, char *why, size_t cap)
{
    char flags[SO_FLAGS];
    int theirs;
    if (!make_flags(c, flags, why, cap))
        return NULL;
    struct so *so = so_new(c, now, &theirs);
    fflush(NULL);
    so->pid = fork();
    if (so->pid == 0)
        be_host(so, theirs, flags);
    close(theirs);
    await(so, "packetdrill_interface_init");
    /* Status 2 is a refusal of the settings, with a sentence. */
    if (plug.takes_settings && strstr(so->broken, "with status 2")) {
        snprintf(why, cap, "%s", strstr(so->broken, ": ") ? strstr(so->broken, ": ") + 2 : "");
        so_destroy(so);
        return NULL;
    }
    return so;
}

/* ---- Packets ---------------------------------------------------------------------------- */

static void so_input(void *sut, const uint8_t *datagram, size_t len, uint64_t now)
{
    struct so *so = sut;
    memcpy(so->s->data, datagram, len < SO_DATA ? len : SO_DATA);
    so->s->req.len = (uint32_t)len;
    ask_at(so, SO_INPUT, -1, now);
}

static size_t so_output(void *sut, uint8_t *buf, size_t cap, uint64_t now)
{
    struct so *so = sut;
    so->s->req.len = (uint32_t)(cap < SO_DATA ? cap : SO_DATA);
    const int64_t n = ask_at(so, SO_OUTPUT, -1, now);
    if (n <= 0)
        return 0;
    memcpy(buf, so->s->data, (size_t)n);
    return (size_t)n;
}

static uint64_t so_deadline(void *sut)
{
    const struct so *so = sut;
    return so->broken[0] ? RS_NEVER : so->s->deadline;
}

/* ---- Sockets ---------------------------------------------------------------------------- */

static int so_socket(void *sut)
{
    struct so *so = sut;
    so->s->req.a = so->version == 6 ? AF_INET6 : AF_INET;
    return (int)ask(so, SO_SOCKET, -1);
}

static int so_bind(void *sut, int fd, const struct rs_endpoint *at)
{
    struct so *so = sut;
    so->s->req.at = *at;
    so->s->req.a = so->version;
    return (int)ask(so, SO_BIND, fd);
}

static int so_listen(void *sut, int fd, int backlog, uint64_t now)
{
    struct so *so = sut;
    so->s->req.a = backlog;
    return (int)ask_at(so, SO_LISTEN, fd, now);
}

static int so_accept(void *sut, int fd, struct rs_endpoint *peer, uint64_t now)
{
    struct so *so = sut;
    const int n = (int)ask_at(so, SO_ACCEPT, fd, now);
    *peer = so->s->peer;
    return n;
}

static int so_connect(void *sut, int fd, const struct rs_endpoint *to, uint64_t now)
{
    struct so *so = sut;
    so->s->req.at = *to;
    so->s->req.at.addr.version = so->version;
    return (int)ask_at(so, SO_CONNECT, fd, now);
}

static long so_send(void *sut, int fd, const void *data, size_t len, int msg_flags, uint64_t now)
{
    struct so *so = sut;
    so->s->req.len = (uint32_t)(len < SO_DATA ? len : SO_DATA);
    so->s->req.a = msg_flags;
    memcpy(so->s->data, data, so->s->req.len);
    return (long)ask_at(so, SO_SEND, fd, now);
}

static long so_recv(void *sut, int fd, void *buf, size_t cap, int msg_flags, uint64_t now)
{
    struct so *so = sut;
    so->s->req.len = (uint32_t)(cap < SO_DATA ? cap : SO_DATA);
    so->s->req.a = msg_flags;
    const long n = (long)ask_at(so, SO_RECV, fd, now);
    if (n > 0)
        memcpy(buf, so->s->data, (size_t)n);
    return n;
}

static int so_shutdown(void *sut, int fd, int how, uint64_t now)
{
    struct so *so = sut;
    so->s->req.a = how;
    return (int)ask_at(so, SO_SHUTDOWN, fd, now);
}

static int so_close(void *sut, int fd, uint64_t now)
{
    return (int)ask_at(sut, SO_CLOSE, fd, now);
}

static int so_setsockopt(void *sut, int fd, int level, int option, int64_t value, uint64_t now)
{
    struct so *so = sut;
    so->s->req.a = level;
    so->s->req.b = option;
    so->s->req.value = value;
    return (int)ask_at(so, SO_SETSOCKOPT, fd, now);
}

static int so_getsockopt(void *sut, int fd, int level, int option, int64_t *value)
{
    struct so *so = sut;
    so->s->req.a = level;
    so->s->req.b = option;
    const int n = (int)ask(so, SO_GETSOCKOPT, fd);
    *value = so->s->value;
    return n;
}

static int so_nonblock(void *sut, int fd, bool on, uint64_t now)
{
    struct so *so = sut;
    so->s->req.a = on;
    return (int)ask_at(so, SO_NONBLOCK, fd, now);
}

static int so_ready(void *sut, int fd)
{
    const int64_t n = ask(sut, SO_READY, fd);
    return n < 0 ? POLLERR : (int)n;
}

static int so_state(void *sut, const struct rs_endpoint *local, const struct rs_endpoint *remote)
{
    struct so *so = sut;
    so->s->req.at = *local;
    so->s->req.at.addr.version = so->version;
    so->s->req.remote = *remote;
    const int64_t n = plug.tells_state ? ask(so, SO_STATE, -1) : -1;
    return n < 0 ? -1 : (int)n;
}

static struct sut_ops sut_so_ops = {
    .name = plug.name,
    .create = so_create,
    .destroy = so_destroy,
    .broken = so_broken,
    .input = so_input,
    .output = so_output,
    .deadline = so_deadline,
    .socket = so_socket,
    .bind = so_bind,
    .listen = so_listen,
    .accept = so_accept,
    .connect = so_connect,
    .send = so_send,
    .recv = so_recv,
    .shutdown = so_shutdown,
    .close = so_close,
    .setsockopt = so_setsockopt,
    .getsockopt = so_getsockopt,
    .nonblock = so_nonblock,
    .ready = so_ready,
    .state = so_state,
    .fd_state = so_fd_state,
    .info = so_info,
};

/* ---- By name ---------------------------------------------------------------------------- */

const char *sut_so_why(void)
{
    return plug.why;
}

const struct sut_ops *sut_so(const char *name)
{
    snprintf(plug.name, sizeof(plug.name), "%s", name);
    /* dlopen searches its own folders for a name without a slash. */
    snprintf(plug.path, sizeof(plug.path), "%s%s", strchr(name, '/') ? "" : "./", name + 3);
    char *comma = strchr(plug.path, ',');
    if (comma)
        *comma = '\0';
    plug.flags = comma ? comma + 1 : NULL;
    const struct so_found found = so_look(plug.path);
    snprintf(plug.why, sizeof(plug.why), "%s", found.why);
    if (!found.is_plugin)
        return NULL;
    plug.takes_settings = found.takes_settings;
    plug.tells_state = found.tells_state;
    sut_so_ops.caps = SUT_VIRTUAL_TIME | SUT_IP6 | SUT_MANY_CONNECTIONS |
                      (plug.tells_state ? SUT_STATE : 0u);
    return &sut_so_ops;
}
