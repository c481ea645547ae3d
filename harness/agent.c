/* The agent's protocol onto an adapter's table. */
#include "harness/agent.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WORDS = 6 + SUT_SETTINGS_MAX };

struct request {
    char *word[MAX_WORDS];
    int n;
    uint64_t now;
    char *answer;
    size_t cap;
};

/* ---- Words ------------------------------------------------------------------------------ */

static int number(const struct request *q, int i)
{
    return i < q->n ? (int)strtol(q->word[i], NULL, 0) : -1;
}

static bool address(const char *text, struct rs_addr *a)
{
    *a = (struct rs_addr){ 0 };
    if (strcmp(text, "*") == 0)
        return true;
    a->version = strchr(text, ':') ? 6 : 4;
    return inet_pton(a->version == 6 ? AF_INET6 : AF_INET, text, a->octet) == 1;
}

static bool endpoint(const struct request *q, int i, struct rs_endpoint *e)
{
    if (i + 1 >= q->n || !address(q->word[i], &e->addr))
        return false;
    e->port = (uint16_t)number(q, i + 1);
    return true;
}

static int hex_digit(char c)
{
    const char *all = "0123456789abcdef", *at = c ? strchr(all, c) : NULL;
    return at ? (int)(at - all) : -1;
}

/* The octets of hexadecimal text, in its own place; -1 for what is none. */
static long unhex(char *text)
{
    if (strcmp(text, "-") == 0)
        return 0;
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i += 2) {
        int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
        if (high < 0 || low < 0)
            return -1;
        text[i / 2] = (char)(high << 4 | low);
    }
    return (long)(n / 2);
}

/* ---- Answers ---------------------------------------------------------------------------- */

static void tell(struct request *q, long value)
{
    if (value == -ENOSYS)
        snprintf(q->answer, q->cap, "no such call");
    else if (value < 0)
        snprintf(q->answer, q->cap, "err %s", strerrorname_np((int)-value));
    else
        snprintf(q->answer, q->cap, "ok %ld", value);
}

static void tell_state(struct request *q, int state)
{
    if (state < 0)
        snprintf(q->answer, q->cap, "no state is told");
    else
        snprintf(q->answer, q->cap, "ok %s", rs_state_name((enum rs_state)state));
}

static void malformed(struct request *q, const char *wanted)
{
    snprintf(q->answer, q->cap, "no: expected %s", wanted);
}

/* ---- Requests --------------------------------------------------------------------------- */

static void do_reset(struct agent *a, struct request *q)
{
    struct sut_config c = { 0 };
    if (q->n < 6 || !address(q->word[1], &c.local) || !address(q->word[2], &c.remote)) {
        malformed(q, "reset LOCAL REMOTE MTU PORT SEED [NAME=VALUE]...");
        return;
    }
    c.mtu = (uint16_t)number(q, 3);
    c.port = (uint16_t)number(q, 4);
    c.seed = strtoull(q->word[5], NULL, 0);
    for (int i = 6; i < q->n; i++) {
        char *eq = strchr(q->word[i], '=');
        if (eq)
            *eq = '\0';
        c.setting[c.n_settings++] = (struct sut_setting){ q->word[i], eq ? eq + 1 : NULL };
    }
    char why[256] = "";
    agent_free(a);
    a->sut = a->ops->create(&c, q->now, why, sizeof(why));
    snprintf(q->answer, q->cap, a->sut ? "ok 0%s" : "no: %s", why);
}

static void do_socket(struct agent *a, struct request *q)
{
    tell(q, a->ops->socket ? a->ops->socket(a->sut) : -ENOSYS);
}

static void do_bind(struct agent *a, struct request *q)
{
    struct rs_endpoint at;
    if (!endpoint(q, 2, &at))
        malformed(q, "bind FD ADDRESS PORT");
    else
        tell(q, a->ops->bind ? a->ops->bind(a->sut, number(q, 1), &at) : -ENOSYS);
}

static void do_listen(struct agent *a, struct request *q)
{
    tell(q, a->ops->listen ? a->ops->listen(a->sut, number(q, 1), number(q, 2), q->now) : -ENOSYS);
}

static void do_accept(struct agent *a, struct request *q)
{
    struct rs_endpoint peer = { 0 };
    char text[INET6_ADDRSTRLEN] = "*";
    int fd = a->ops->accept ? a->ops->accept(a->sut, number(q, 1), &peer, q->now) : -ENOSYS;
    tell(q, fd);
    if (fd < 0)
        return;
    if (peer.addr.version)
        inet_ntop(peer.addr.version == 6 ? AF_INET6 : AF_INET, peer.addr.octet, text, sizeof(text));
    snprintf(q->answer, q->cap, "ok %d %s %u", fd, text, peer.port);
}

static void do_connect(struct agent *a, struct request *q)
{
    struct rs_endpoint to;
    if (!endpoint(q, 2, &to))
        malformed(q, "connect FD ADDRESS PORT");
    else
        tell(q, a->ops->connect ? a->ops->connect(a->sut, number(q, 1), &to, q->now) : -ENOSYS);
}

static void do_send(struct agent *a, struct request *q)
{
    long n = q->n == 4 ? unhex(q->word[3]) : -1;
    if (n < 0)
        malformed(q, "send FD FLAGS HEX");
    else
        tell(q, a->ops->send ? a->ops->send(a->sut, number(q, 1), q->word[3], (size_t)n,
                                            number(q, 2), q->now)
                             : -ENOSYS);
}

static void do_recv(struct agent *a, struct request *q)
{
    static uint8_t text[AGENT_TEXT];
    const int want = number(q, 3);
    const size_t room = want < 0 ? 0 : want > AGENT_TEXT ? AGENT_TEXT : (size_t)want;
    long n = a->ops->recv ? a->ops->recv(a->sut, number(q, 1), text, room, number(q, 2), q->now)
                          : -ENOSYS;
    tell(q, n);
    if (n < 0)
        return;
    int at = snprintf(q->answer, q->cap, "ok %ld %s", n, n ? "" : "-");
    for (long i = 0; i < n && (size_t)at + 3 < q->cap; i++)
        at += snprintf(q->answer + at, q->cap - (size_t)at, "%02x", text[i]);
}

static void do_shutdown(struct agent *a, struct request *q)
{
    tell(q, a->ops->shutdown ? a->ops->shutdown(a->sut, number(q, 1), number(q, 2), q->now)
                             : -ENOSYS);
}

static void do_close(struct agent *a, struct request *q)
{
    tell(q, a->ops->close ? a->ops->close(a->sut, number(q, 1), q->now) : -ENOSYS);
}

static void do_setsockopt(struct agent *a, struct request *q)
{
    const int64_t value = q->n > 4 ? strtoll(q->word[4], NULL, 0) : 0;
    tell(q, a->ops->setsockopt ? a->ops->setsockopt(a->sut, number(q, 1), number(q, 2),
                                                    number(q, 3), value, q->now)
                               : -ENOSYS);
}

static void do_getsockopt(struct agent *a, struct request *q)
{
    int64_t value = 0;
    int rc = a->ops->getsockopt ? a->ops->getsockopt(a->sut, number(q, 1), number(q, 2),
                                                     number(q, 3), &value)
                                : -ENOSYS;
    tell(q, rc);
    if (rc == 0)
        snprintf(q->answer, q->cap, "ok %lld", (long long)value);
}

static void do_ready(struct agent *a, struct request *q)
{
    tell(q, a->ops->ready ? a->ops->ready(a->sut, number(q, 1)) : -ENOSYS);
}

static void do_state(struct agent *a, struct request *q)
{
    struct rs_endpoint local, remote;
    if (!endpoint(q, 1, &local) || !endpoint(q, 3, &remote))
        malformed(q, "state ADDRESS PORT ADDRESS PORT");
    else
        tell_state(q, a->ops->state ? a->ops->state(a->sut, &local, &remote) : -1);
}

static void do_fdstate(struct agent *a, struct request *q)
{
    tell_state(q, a->ops->fd_state ? a->ops->fd_state(a->sut, number(q, 1)) : -1);
}

static void do_info(struct agent *a, struct request *q)
{
    int64_t value;
    if (q->n == 3 && a->ops->info && a->ops->info(a->sut, number(q, 1), q->word[2], &value))
        snprintf(q->answer, q->cap, "ok %lld", (long long)value);
    else
        snprintf(q->answer, q->cap, "no such value");
}

static const struct {
    const char *name;
    void (*answer)(struct agent *, struct request *);
} verbs[] = {
    { "reset", do_reset },           { "socket", do_socket },
    { "bind", do_bind },             { "listen", do_listen },
    { "accept", do_accept },         { "connect", do_connect },
    { "send", do_send },             { "recv", do_recv },
    { "shutdown", do_shutdown },     { "close", do_close },
    { "setsockopt", do_setsockopt }, { "getsockopt", do_getsockopt },
    { "ready", do_ready },           { "state", do_state },
    { "fdstate", do_fdstate },       { "info", do_info },
};

void agent_answer(struct agent *a, char *line, uint64_t now, char *answer, size_t cap)
{
    struct request q = { .now = now, .answer = answer, .cap = cap };
    char *save = NULL;
    for (char *w = strtok_r(line, " \r\n", &save); w && q.n < MAX_WORDS;
         w = strtok_r(NULL, " \r\n", &save))
        q.word[q.n++] = w;
    if (q.n == 0) {
        malformed(&q, "a request");
        return;
    }
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verbs[i].name, q.word[0]) != 0)
            continue;
        if (!a->sut && i > 0)
            malformed(&q, "reset first");
        else
            verbs[i].answer(a, &q);
        return;
    }
    snprintf(answer, cap, "no such request");
}

void agent_free(struct agent *a)
{
    if (a->sut)
        a->ops->destroy(a->sut);
    a->sut = NULL;
}
