/* Socket calls over the agent's protocol (agent.h). */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness/agent.h"
#include "harness/sut_tap.h"

/* An agent that does not answer is one that is gone: the stack crashed or hangs. */
enum { PATIENCE_S = 5, CHUNK = 32768 };

/* ---- Lines ------------------------------------------------------------------------------ */

static bool exchange(struct tap_sut *s)
{
    size_t len = strlen(s->line), at = 0;
    s->line[len++] = '\n';
    while (at < len) {
        ssize_t n = send(s->agent, s->line + at, len - at, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    for (at = 0; at < AGENT_LINE - 1;) {
        ssize_t n = recv(s->agent, s->line + at, AGENT_LINE - 1 - at, 0);
        if (n <= 0)
            return false;
        at += (size_t)n;
        s->line[at] = '\0';
        if (s->line[at - 1] == '\n') {
            s->line[at - 1] = '\0';
            return true;
        }
    }
    return false;
}

/* glibc gives names for numbers only. */
static long errno_of(const char *name)
{
    for (int e = 1; e < 134; e++) {
        const char *n = strerrorname_np(e);
        if (n && strcmp(n, name) == 0)
            return e;
    }
    return EIO;
}

/* What stands after `ok`, or NULL with the negative errno in *value. */
static const char *ask(struct tap_sut *s, long *value)
{
    *value = -EIO;
    if (s->lost || !exchange(s)) {
        s->lost = true;
        return NULL;
    }
    if (strncmp(s->line, "ok ", 3) == 0)
        return s->line + 3;
    if (strncmp(s->line, "err ", 4) == 0)
        *value = -errno_of(s->line + 4);
    else if (strncmp(s->line, "no", 2) == 0)
        *value = -ENOSYS;
    return NULL;
}

static long call(struct tap_sut *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static long call(struct tap_sut *s, const char *fmt, ...)
{
    long value;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(s->line, AGENT_LINE, fmt, ap);
    va_end(ap);
    const char *answer = ask(s, &value);
    return answer ? strtol(answer, NULL, 10) : value;
}

static const char *text_of(const struct rs_addr *a, char text[INET6_ADDRSTRLEN])
{
    if (!a->version)
        return "*";
    return inet_ntop(a->version == 6 ? AF_INET6 : AF_INET, a->octet, text, INET6_ADDRSTRLEN);
}

/* ---- Lifecycle -------------------------------------------------------------------------- */

static void put_reset(struct tap_sut *s)
{
    char local[INET6_ADDRSTRLEN], remote[INET6_ADDRSTRLEN];
    const struct sut_config *c = &s->config;
    int n = snprintf(s->line, AGENT_LINE, "reset %s %s %u %u %llu", text_of(&c->local, local),
                     text_of(&c->remote, remote), c->mtu, c->port, (unsigned long long)c->seed);
    for (size_t i = 0; i < c->n_settings; i++)
        n += snprintf(s->line + n, AGENT_LINE - (size_t)n, " %s=%s", c->setting[i].name,
                      c->setting[i].value ? c->setting[i].value : "");
}

bool tap_agent_open(struct tap_sut *s, const char *path, char *why, size_t cap)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    const struct timeval patience = { PATIENCE_S, 0 };
    long value;
    strncpy(at.sun_path, path, sizeof(at.sun_path) - 1);
    s->line = malloc(AGENT_LINE);
    s->agent = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (!s->line || s->agent < 0)
        abort();
    setsockopt(s->agent, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(s->agent, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(s->agent, (struct sockaddr *)&at, sizeof(at)) < 0) {
        snprintf(why, cap, "cannot reach the stack's agent at %s: %s; start it first", path,
                 strerror(errno));
        return false;
    }
    put_reset(s);
    if (ask(s, &value))
        return true;
    snprintf(why, cap, "the stack's agent refuses to begin anew: %s",
             value == -EIO ? "it does not answer" : s->line);
    return false;
}

/* ---- Calls ------------------------------------------------------------------------------ */

int tap_socket(void *sut)
{
    return (int)call(sut, "socket");
}

int tap_bind(void *sut, int fd, const struct rs_endpoint *at)
{
    char text[INET6_ADDRSTRLEN];
    return (int)call(sut, "bind %d %s %u", fd, text_of(&at->addr, text), at->port);
}

int tap_listen(void *sut, int fd, int backlog, uint64_t now)
{
    (void)now;
    return (int)call(sut, "listen %d %d", fd, backlog);
}

int tap_accept(void *sut, int fd, struct rs_endpoint *peer, uint64_t now)
{
    (void)now;
    *peer = (struct rs_endpoint){ .addr = ((struct tap_sut *)sut)->config.remote };
    return (int)call(sut, "accept %d", fd);
}

int tap_connect(void *sut, int fd, const struct rs_endpoint *to, uint64_t now)
{
    char text[INET6_ADDRSTRLEN];
    (void)now;
    return (int)call(sut, "connect %d %s %u", fd, text_of(&to->addr, text), to->port);
}

long tap_send(void *sut, int fd, const void *data, size_t len, int flags, uint64_t now)
{
    struct tap_sut *s = sut;
    const uint8_t *p = data;
    long value;
    (void)now;
    len = len < CHUNK ? len : CHUNK;
    int n = snprintf(s->line, AGENT_LINE, "send %d %d %s", fd, flags, len ? "" : "-");
    for (size_t i = 0; i < len; i++)
        n += snprintf(s->line + n, 3, "%02x", p[i]);
    const char *answer = ask(s, &value);
    return answer ? strtol(answer, NULL, 10) : value;
}

long tap_recv(void *sut, int fd, void *buf, size_t cap, int flags, uint64_t now)
{
    uint8_t *out = buf;
    char *p;
    (void)now;
    long n = call(sut, "recv %d %d %zu", fd, flags, cap < CHUNK ? cap : CHUNK);
    if (n <= 0 || (size_t)n > cap)
        return n <= 0 ? n : -EIO;
    const char *hex = strrchr(((struct tap_sut *)sut)->line, ' ') + 1;
    for (long i = 0; i < n; i++) {
        const char pair[3] = { hex[2 * i], hex[2 * i] ? hex[2 * i + 1] : '\0', '\0' };
        out[i] = (uint8_t)strtoul(pair, &p, 16);
        if (p != pair + 2)
            return -EIO;
    }
    return n;
}

int tap_shutdown(void *sut, int fd, int how, uint64_t now)
{
    (void)now;
    return (int)call(sut, "shutdown %d %d", fd, how);
}

int tap_close(void *sut, int fd, uint64_t now)
{
    (void)now;
    return (int)call(sut, "close %d", fd);
}

int tap_setsockopt(void *sut, int fd, int level, int option, int64_t value, uint64_t now)
{
    (void)now;
    /* A struct timeval, for which the table and the protocol have no form. */
    if (level == SOL_SOCKET && (option == SO_RCVTIMEO || option == SO_SNDTIMEO))
        return -ENOSYS;
    return (int)call(sut, "setsockopt %d %d %d %lld", fd, level, option, (long long)value);
}

int tap_getsockopt(void *sut, int fd, int level, int option, int64_t *value)
{
    long got = call(sut, "getsockopt %d %d %d", fd, level, option);
    /* A value may be negative too; the answer's first word tells them apart. */
    if (strncmp(((struct tap_sut *)sut)->line, "ok ", 3) != 0)
        return (int)got;
    *value = got;
    return 0;
}

int tap_ready(void *sut, int fd)
{
    long got = call(sut, "ready %d", fd);
    return got < 0 ? POLLERR : (int)got;
}

/* ---- Observation ------------------------------------------------------------------------ */

static int state_named(const char *name)
{
    for (int i = 0; name && i < RS_N_STATES; i++)
        if (strcmp(rs_state_name((enum rs_state)i), name) == 0)
            return i;
    return -1;
}

int tap_state(void *sut, const struct rs_endpoint *local, const struct rs_endpoint *remote)
{
    struct tap_sut *s = sut;
    char a[INET6_ADDRSTRLEN], b[INET6_ADDRSTRLEN];
    long value;
    snprintf(s->line, AGENT_LINE, "state %s %u %s %u", text_of(&local->addr, a), local->port,
             text_of(&remote->addr, b), remote->port);
    return state_named(ask(s, &value));
}

int tap_fd_state(void *sut, int fd)
{
    struct tap_sut *s = sut;
    long value;
    snprintf(s->line, AGENT_LINE, "fdstate %d", fd);
    return state_named(ask(s, &value));
}

bool tap_info(void *sut, int fd, const char *name, int64_t *v)
{
    struct tap_sut *s = sut;
    long value;
    snprintf(s->line, AGENT_LINE, "info %d %s", fd, name);
    const char *answer = ask(s, &value);
    if (answer)
        *v = strtoll(answer, NULL, 10);
    return answer != NULL;
}
