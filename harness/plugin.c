/* refstack as a packetdrill plug-in: the table, the clock and the packets. */
#include "harness/plugin_state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLUGIN_START (1000 * RS_SEC) /* what its clock shows first */
static const struct sut_ops *const ops = &sut_refstack;

/* ---- Sleeping and waking ---------------------------------------------------------------- */

long plugin_leave(struct plugin *p, long result)
{
    plugin_changed(p);
    pthread_mutex_unlock(&p->lock);
    if (result >= 0)
        return result;
    errno = (int)-result;
    return -1;
}

bool plugin_enter(struct plugin *p, int fd, int *live)
{
    pthread_mutex_lock(&p->lock);
    *live = fd >= 0 && fd < PLUGIN_FDS ? p->live[fd] - 1 : -1;
    return *live >= 0;
}

/* Who was woken looks before who woke it goes on: otherwise what the main thread sees next would
 * depend on which thread was faster. */
void plugin_sleep(struct plugin *p)
{
    p->asleep++;
    pthread_cond_wait(&p->changed, &p->lock);
    p->asleep--;
    if (p->waking && --p->waking == 0)
        pthread_cond_broadcast(&p->settled);
}

static void pull(struct plugin *p)
{
    size_t len;
    while ((len = ops->output(p->sut, p->buf, sizeof(p->buf), p->now)) > 0) {
        struct plugin_packet *k = malloc(sizeof(*k) + len);
        if (!k)
            abort();
        k->next = NULL;
        k->us = p->now;
        k->len = len;
        memcpy(k->octet, p->buf, len);
        *p->last = k;
        p->last = &k->next;
    }
}

void plugin_changed(struct plugin *p)
{
    pull(p);
    p->waking = p->asleep;
    if (p->waking)
        pthread_cond_broadcast(&p->changed);
}

static void settle(struct plugin *p)
{
    while (p->waking)
        pthread_cond_wait(&p->settled, &p->lock);
}

/* ---- Time ------------------------------------------------------------------------------- */

bool plugin_alarm_set(struct plugin *p, uint64_t at, int *slot)
{
    for (*slot = 0; *slot < PLUGIN_ALARMS; ++*slot)
        if (p->alarm[*slot] == RS_NEVER) {
            p->alarm[*slot] = at;
            return true;
        }
    return false;
}

static uint64_t next_due(const struct plugin *p)
{
    uint64_t at = ops->deadline(p->sut);
    for (int i = 0; i < PLUGIN_ALARMS; i++)
        at = p->alarm[i] > p->now && p->alarm[i] < at ? p->alarm[i] : at;
    return at;
}

void plugin_advance(struct plugin *p, uint64_t to)
{
    plugin_changed(p);
    settle(p);
    while (p->now < to) {
        const uint64_t due = next_due(p), at = due < to ? due : to;
        /* A deadline may be early; one that stays where it is does not hold time up. */
        p->now = at > p->now ? at : p->now + 1;
        plugin_changed(p);
        settle(p);
    }
}

static int plugin_usleep(void *userdata, useconds_t us)
{
    struct plugin *p = userdata;
    pthread_mutex_lock(&p->lock);
    settle(p);
    plugin_advance(p, p->now + us);
    pthread_mutex_unlock(&p->lock);
    return 0;
}

static int plugin_gettimeofday(void *userdata, struct timeval *t, struct timezone *zone)
{
    struct plugin *p = userdata;
    (void)zone;
    pthread_mutex_lock(&p->lock);
    p->now++;
    t->tv_sec = (time_t)(p->now / RS_SEC);
    t->tv_usec = (suseconds_t)(p->now % RS_SEC);
    pthread_mutex_unlock(&p->lock);
    return 0;
}

/* ---- Packets ---------------------------------------------------------------------------- */

static int plugin_netdev_send(void *userdata, const void *datagram, size_t len)
{
    struct plugin *p = userdata;
    pthread_mutex_lock(&p->lock);
    ops->input(p->sut, datagram, len, p->now);
    plugin_changed(p);
    settle(p);
    pthread_mutex_unlock(&p->lock);
    return 0;
}

/* With nothing queued and no timer running nothing will ever come: a count of 0 says so. */
static int plugin_netdev_receive(void *userdata, void *buf, size_t *count, long long *us)
{
    struct plugin *p = userdata;
    pthread_mutex_lock(&p->lock);
    plugin_changed(p);
    settle(p);
    while (!p->first && next_due(p) != RS_NEVER)
        plugin_advance(p, next_due(p) > p->now ? next_due(p) : p->now + 1);
    struct plugin_packet *k = p->first;
    if (k) {
        *count = k->len < *count ? k->len : *count;
        *us = (long long)k->us;
        memcpy(buf, k->octet, *count);
        p->first = k->next;
        p->last = p->first ? p->last : &p->first;
        free(k);
    } else {
        *count = 0;
    }
    pthread_mutex_unlock(&p->lock);
    return 0;
}

/* ---- Lifecycle -------------------------------------------------------------------------- */

static void plugin_free(void *userdata)
{
    struct plugin *p = userdata;
    for (int fd = 0; fd < PLUGIN_FDS; fd++)
        if (p->live[fd])
            close(fd);
    for (struct plugin_packet *k = p->first, *next; k; k = next) {
        next = k->next;
        free(k);
    }
    ops->destroy(p->sut);
    free(p->settings);
    free(p);
}

static bool address(const char *text, struct rs_addr *a)
{
    a->version = strchr(text, ':') ? 6 : 4;
    return inet_pton(a->version == 6 ? AF_INET6 : AF_INET, text, a->octet) == 1;
}

_Noreturn static void refuse(const char *why, const char *what)
{
    fprintf(stderr, "refstack's plug-in: %s%s\n", why, what);
    exit(2);
}

static void take_flag(struct sut_config *c, char *word)
{
    char *value = strchr(word, '=');
    if (!value)
        refuse("a flag is NAME=VALUE, such as delayed_ack=0, and not ", word);
    *value++ = '\0';
    if (!strcmp(word, "seed"))
        c->seed = strtoull(value, NULL, 0);
    else if (!strcmp(word, "local") || !strcmp(word, "remote")) {
        if (!address(value, word[0] == 'l' ? &c->local : &c->remote))
            refuse("expected an IP address, found ", value);
    } else if (c->n_settings == SUT_SETTINGS_MAX) {
        refuse("too many settings, beginning with ", word);
    } else {
        c->setting[c->n_settings++] = (struct sut_setting){ word, value };
    }
}

static struct plugin *make(const char *flags)
{
    struct plugin *p = calloc(1, sizeof(*p));
    char why[256] = "", *save = NULL;
    if (!p || !(p->settings = strdup(flags ? flags : "")))
        abort();
    /* packetdrill's defaults. */
    p->config = (struct sut_config){ .seed = 1, .port = 8080, .local = rs_ip4(192, 168, 0, 1),
                                     .remote = rs_ip4(192, 0, 2, 1) };
    for (char *w = strtok_r(p->settings, ",", &save); w; w = strtok_r(NULL, ",", &save))
        take_flag(&p->config, w);
    p->now = PLUGIN_START;
    p->last = &p->first;
    for (int i = 0; i < PLUGIN_ALARMS; i++)
        p->alarm[i] = RS_NEVER;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    pthread_cond_init(&p->settled, NULL);
    p->sut = ops->create(&p->config, p->now, why, sizeof(why));
    if (!p->sut)
        refuse(why, "");
    return p;
}

/* After a fork only the forking thread is left: nobody sleeps any more. */
static struct plugin *latest;

static void after_fork(void)
{
    if (!latest)
        return;
    latest->asleep = latest->waking = 0;
    pthread_cond_init(&latest->changed, NULL);
    pthread_cond_init(&latest->settled, NULL);
}

static int plugin_state(void *userdata, const struct sockaddr *local,
                        const struct sockaddr *remote)
{
    struct plugin *p = userdata;
    struct rs_endpoint here, there;
    pthread_mutex_lock(&p->lock);
    const int state = plugin_endpoint(local, &here) && plugin_endpoint(remote, &there)
                          ? ops->state(p->sut, &here, &there) : -1;
    pthread_mutex_unlock(&p->lock);
    return state;
}

__attribute__((visibility("default"))) const struct plugin_more tcprig_plugin_more = {
    .takes_settings = 1,
    .state = plugin_state,
};

static void forget_and_free(void *userdata)
{
    latest = latest == userdata ? NULL : latest;
    plugin_free(userdata);
}

__attribute__((visibility("default"))) void
packetdrill_interface_init(const char *flags, struct plugin_table *t)
{
    static bool watching;
    struct plugin *p = make(flags);
    if (!watching)
        pthread_atfork(NULL, NULL, after_fork);
    watching = true;
    latest = p;
    t->userdata = p;
    t->free = forget_and_free;
    t->netdev_send = plugin_netdev_send;
    t->netdev_receive = plugin_netdev_receive;
    t->usleep = plugin_usleep;
    t->gettimeofday = plugin_gettimeofday;
    t->getsockopt = plugin_getsockopt;
    t->setsockopt = plugin_setsockopt;
    t->poll = plugin_poll;
    t->epoll_create = plugin_epoll_create;
    t->epoll_ctl = plugin_epoll_ctl;
    t->epoll_wait = plugin_epoll_wait;
    plugin_socket_calls(t);
    plugin_data_calls(t);
}
