/* Socket calls that block, on a thread of their own.
 *
 * The script goes on while a call blocks, so the call is handed to the thread, and whoever asked
 * waits until it has returned or truly sleeps in the kernel. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "harness/sut_linux.h"
#include "harness/sut_linux_addr.h"

enum phase { IDLE, HANDED, ENTERED, RETURNED };

struct lin_blocker {
    pthread_t thread;
    _Atomic int tid;
    sem_t go;
    int wake; /* an eventfd, so that a return ends a wait */
    _Atomic int phase;
    struct lin_call call;
    uint8_t *data; /* what it sends or has received: the caller's buffer may be gone by then */
    long value;
};

/* ---- The call itself -------------------------------------------------------------------- */

static long result(long value)
{
    return value < 0 ? -errno : value;
}

static long perform(const struct lin_call *c, void *data)
{
    struct sockaddr_storage at;
    switch (c->kind) {
    case LIN_ACCEPT:
        return result(accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
    case LIN_CONNECT:
        return result(connect(c->fd, (struct sockaddr *)&at, lin_sockaddr(&c->to, &at)));
    case LIN_SEND:
        return result(send(c->fd, data, c->len, c->flags | MSG_NOSIGNAL));
    case LIN_RECV:
        return result(recv(c->fd, data, c->len, c->flags));
    case LIN_CLOSE:
        break;
    }
    return result(close(c->fd));
}

static void set_blocking(int fd, bool blocking)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0)
        fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

static void *thread_main(void *arg)
{
    struct lin_blocker *b = arg;
    const uint64_t one = 1;
    atomic_store(&b->tid, gettid());
    for (;;) {
        while (sem_wait(&b->go) < 0)
            ;
        set_blocking(b->call.fd, true);
        atomic_store(&b->phase, ENTERED);
        b->value = perform(&b->call, b->data);
        if (b->call.kind != LIN_CLOSE)
            set_blocking(b->call.fd, false);
        atomic_store(&b->phase, RETURNED);
        if (write(b->wake, &one, sizeof(one)) < 0)
            abort();
    }
    return NULL;
}

static struct lin_blocker *blocker(struct lin_sut *s)
{
    if (s->blocker)
        return s->blocker;
    struct lin_blocker *b = calloc(1, sizeof(*b));
    struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
    if (!b || (b->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) < 0 ||
        sem_init(&b->go, 0, 0) < 0 || epoll_ctl(s->epoll, EPOLL_CTL_ADD, b->wake, &ev) < 0 ||
        pthread_create(&b->thread, NULL, thread_main, b) != 0)
        abort();
    return s->blocker = b;
}

void lin_blocker_free(struct lin_sut *s)
{
    struct lin_blocker *b = s->blocker;
    if (!b)
        return;
    /* Every call it may sleep in is a cancellation point (pthreads(7)). */
    pthread_cancel(b->thread);
    pthread_join(b->thread, NULL);
    sem_destroy(&b->go);
    close(b->wake);
    free(b->data);
    free(b);
    s->blocker = NULL;
}

/* ---- Handing over ----------------------------------------------------------------------- */

/* Once it has entered the call, the thread sleeps in nothing else; before, and between two
 * instructions, it is running or waits for a processor. */
static bool sleeps(const struct lin_blocker *b)
{
    char path[64], text[256];
    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", atomic_load(&b->tid));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return true;
    text[n] = '\0';
    const char *state = strrchr(text, ')');
    return state && state[1] == ' ' && state[2] == 'S';
}

static void wait_for_it(struct lin_blocker *b)
{
    const struct timespec pause = { 0, 10000 };
    for (;;) {
        const int phase = atomic_load(&b->phase);
        if (phase == RETURNED || (phase == ENTERED && sleeps(b)))
            return;
        nanosleep(&pause, NULL);
    }
}

static long take_result(struct lin_blocker *b, const struct lin_call *c)
{
    if (c->kind == LIN_RECV && b->value > 0)
        memcpy(c->in, b->data, (size_t)b->value);
    atomic_store(&b->phase, IDLE);
    return b->value;
}

bool lin_blocked(const struct lin_sut *s, int fd)
{
    return s->blocker && atomic_load(&s->blocker->phase) != IDLE && s->blocker->call.fd == fd;
}

bool lin_returned(const struct lin_sut *s, int fd)
{
    return lin_blocked(s, fd) && atomic_load(&s->blocker->phase) == RETURNED;
}

long lin_call(struct lin_sut *s, const struct lin_call *c)
{
    if (lin_blocked(s, c->fd)) {
        struct lin_blocker *b = s->blocker;
        return atomic_load(&b->phase) == RETURNED ? take_result(b, c) : -EAGAIN;
    }
    if (!s->may_block)
        return perform(c, c->kind == LIN_SEND ? (void *)(uintptr_t)c->out : c->in);
    struct lin_blocker *b = blocker(s);
    free(b->data);
    b->data = calloc(1, c->len + 1);
    if (!b->data)
        abort();
    if (c->out && c->len)
        memcpy(b->data, c->out, c->len);
    b->call = *c;
    atomic_store(&b->phase, HANDED);
    sem_post(&b->go);
    wait_for_it(b);
    /* `sleeps` may have been seen at the moment before it returned. */
    return atomic_load(&b->phase) == RETURNED ? take_result(b, c) : -EAGAIN;
}
