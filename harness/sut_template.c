/* A stack's adapter, the least of it: copy this file and put your stack's calls in place of toy's.
 * What you leave out makes scripts that need it `unsupported`; harness/sut.h has more slots. */
#include "harness/sut_template.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "harness/toy.h"

enum { LISTENER = 3, CONNECTION = 4 }; /* descriptors: any numbers that tell your sockets apart */

static void *create(const struct sut_config *c, uint64_t now, char *why, size_t cap)
{
    for (size_t i = 0; i < c->n_settings; i++) /* what a script asks of the stack's configuration */
        if (strcmp(c->setting[i].name, "delayed_ack") != 0 || c->setting[i].value[0] != '0')
            return snprintf(why, cap, "the toy has no setting %s", c->setting[i].name), NULL;
    return (void)now, toy_new(c->local, c->remote);
}
static void destroy(void *s) { toy_free(s); }

/* Packets are IP datagrams.  now is in microseconds, and the only clock there is. */
static void input(void *s, const uint8_t *p, size_t len, uint64_t now)
{
    (void)now, toy_input(s, p, len);
}
static size_t output(void *s, uint8_t *p, size_t cap, uint64_t now)
{
    return (void)now, toy_output(s, p, cap); /* timers due by now fire first */
}
static uint64_t deadline(void *s) { return (void)s, RS_NEVER; } /* when the next timer is due */
/* Calls return at once: a count, a descriptor or 0, or a negative errno such as -EAGAIN. */
static int new_socket(void *s) { return (void)s, LISTENER; }
static int do_bind(void *s, int fd, const struct rs_endpoint *at)
{
    return (void)fd, toy_bind(s, at->port), 0;
}
static int do_listen(void *s, int fd, int backlog, uint64_t now)
{
    return (void)fd, (void)backlog, (void)now, toy_listen(s), 0;
}
static int do_accept(void *s, int fd, struct rs_endpoint *peer, uint64_t now)
{
    return (void)fd, (void)peer, (void)now, toy_accept(s) ? CONNECTION : -EAGAIN;
}
static long do_send(void *s, int fd, const void *p, size_t len, int flags, uint64_t now)
{
    return (void)fd, (void)flags, (void)now, toy_write(s, p, len) < 0 ? -EPIPE : (long)len;
}
static long do_recv(void *s, int fd, void *p, size_t cap, int flags, uint64_t now)
{
    const long n = ((void)fd, (void)flags, (void)now, toy_read(s, p, cap));
    return n < 0 ? -EAGAIN : n;
}
static int do_close(void *s, int fd, uint64_t now) { return (void)fd, (void)now, toy_close(s), 0; }

const struct sut_ops sut_template = { .name = "toy", .caps = SUT_VIRTUAL_TIME, .create = create,
    .destroy = destroy, .input = input, .output = output, .deadline = deadline,
    .socket = new_socket, .bind = do_bind, .listen = do_listen, .accept = do_accept,
    .send = do_send, .recv = do_recv, .close = do_close };
