/* Calls that may block, each on a thread of its own.
 *
 * As packetdrill does it, the main thread goes on when it sees the other one asleep in the kernel.
 * A call that sleeps is kept: asked again, the same call is met, so that a blocking plug-in looks
 * to the runner like sockets that do not block. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/sut_so.h"

/* ---- Addresses -------------------------------------------------------------------------- */

socklen_t so_sockaddr(const struct rs_endpoint *at, uint8_t version, struct sockaddr_storage *sa)
{
    struct sockaddr_in *four = (void *)sa;
    struct sockaddr_in6 *six = (void *)sa;
    memset(sa, 0, sizeof(*sa));
    if (version == 6) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(at->port);
        memcpy(&six->sin6_addr, at->addr.octet, 16);
        return sizeof(*six);
    }
    four->sin_family = AF_INET;
    four->sin_port = htons(at->port);
    memcpy(&four->sin_addr, at->addr.octet, 4);
    return sizeof(*four);
}

struct rs_endpoint so_endpoint(const struct sockaddr_storage *sa)
{
    const struct sockaddr_in *four = (const void *)sa;
    const struct sockaddr_in6 *six = (const void *)sa;
    struct rs_endpoint at = { .addr.version = sa->ss_family == AF_INET6 ? 6 : 4 };
    at.port = ntohs(at.addr.version == 6 ? six->sin6_port : four->sin_port);
    if (at.addr.version == 6)
        memcpy(at.addr.octet, &six->sin6_addr, 16);
    else
        memcpy(at.addr.octet, &four->sin_addr, 4);
    return at;
}

/* ---- The thread ------------------------------------------------------------------------- */

static long call(struct so_job *j)
{
    const struct plugin_table *t = &j->host->t;
    struct sockaddr *sa = (void *)&j->addr;
    switch (j->op) {
    case SO_ACCEPT:
        return t->accept(t->userdata, j->fd, sa, &j->addr_len);
    case SO_CONNECT:
        return t->connect(t->userdata, j->fd, sa, j->addr_len);
    case SO_SEND:
        return j->flags ? t->send(t->userdata, j->fd, j->data, j->len, j->flags)
                        : t->write(t->userdata, j->fd, j->data, j->len);
    case SO_RECV:
        return j->flags ? t->recv(t->userdata, j->fd, j->data, j->len, j->flags)
                        : t->read(t->userdata, j->fd, j->data, j->len);
    default:
        errno = ENOSYS;
        return -1;
    }
}

static void *thread(void *arg)
{
    struct so_job *j = arg;
    atomic_store(&j->tid, gettid());
    errno = 0;
    const long n = call(j);
    j->result = n < 0 ? -(errno ? errno : EIO) : n;
    atomic_store(&j->done, true);
    return NULL;
}

/* /proc says S for a thread that sleeps; the state follows the name, which may hold anything. */
bool so_asleep(int pid, int tid)
{
    char path[64], text[512];
    snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    const char *end = strrchr(text, ')');
    return end && end[1] == ' ' && end[2] == 'S';
}

/* Until it returned or sleeps.  A thread seen asleep once may have waited for a lock that was given
 * back at that moment: it must be so twice. */
static void watch(struct so_job *j)
{
    for (int seen = 0; seen < 2 && !atomic_load(&j->done);) {
        const int tid = atomic_load(&j->tid);
        if (tid && so_asleep(getpid(), tid))
            seen++;
        else
            seen = 0;
        sched_yield();
    }
}

bool so_job_settle(struct so_host *h)
{
    bool any = false;
    for (int i = 0; i < SO_JOBS; i++)
        if (h->job[i].used && !atomic_load(&h->job[i].done)) {
            watch(&h->job[i]);
            any = true;
        }
    return any;
}

/* ---- Calls ------------------------------------------------------------------------------ */

struct so_job *so_job_find(struct so_host *h, enum so_op op, int fd)
{
    for (int i = 0; i < SO_JOBS; i++)
        if (h->job[i].used && h->job[i].op == op && h->job[i].fd == fd)
            return &h->job[i];
    return NULL;
}

void so_job_end(struct so_job *j)
{
    free(j->data);
    j->used = false;
}

/* Nobody can ask for the result of a call whose descriptor is gone; its number may come again. */
void so_job_orphan(struct so_host *h, int fd)
{
    for (int i = 0; i < SO_JOBS; i++)
        if (h->job[i].used && h->job[i].fd == fd) {
            h->job[i].op = SO_N_OPS;
            h->job[i].fd = -1;
        }
}

static struct so_job *begin(struct so_host *h, enum so_op op, int fd)
{
    struct so_job *j = NULL;
    pthread_attr_t attr;
    pthread_t id;
    for (int i = 0; i < SO_JOBS && !j; i++)
        j = h->job[i].used ? NULL : &h->job[i];
    if (!j)
        return NULL;
    *j = (struct so_job){ .used = true, .op = op, .fd = fd, .flags = h->s->req.a,
                          .len = h->s->req.len, .host = h, .addr_len = sizeof(j->addr) };
    if (op == SO_CONNECT)
        j->addr_len = so_sockaddr(&h->s->req.at, h->s->req.at.addr.version, &j->addr);
    if (!(j->data = malloc(j->len + 1)))
        abort();
    if (op == SO_SEND)
        memcpy(j->data, h->s->data, j->len);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&id, &attr, thread, j) != 0)
        abort();
    pthread_attr_destroy(&attr);
    return j;
}

/* What was read for an earlier, larger call is handed out in parts. */
static long take(struct so_host *h, struct so_job *j)
{
    const long n = j->result < (long)h->s->req.len ? j->result : (long)h->s->req.len;
    memcpy(h->s->data, j->data, (size_t)n);
    j->result -= n;
    memmove(j->data, j->data + n, (size_t)j->result);
    if (!j->result)
        so_job_end(j);
    return n;
}

long so_job_call(struct so_host *h, enum so_op op, int fd)
{
    struct so_job *j = so_job_find(h, op, fd);
    if (!j && !(j = begin(h, op, fd)))
        return -EMFILE;
    watch(j);
    if (!atomic_load(&j->done))
        return -EAGAIN;
    long n = j->result;
    if (n > 0 && (op == SO_SEND || op == SO_RECV) && (size_t)n > j->len)
        so_lie(h, "a call for %zu octets returned %ld", j->len, n);
    else if (op == SO_RECV && n > 0)
        return take(h, j);
    if (op == SO_ACCEPT && n >= 0)
        h->s->peer = so_endpoint(&j->addr);
    so_job_end(j);
    return n;
}
