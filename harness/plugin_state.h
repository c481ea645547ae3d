/* What the files of refstack's plug-in share. */
#ifndef HARNESS_PLUGIN_STATE_H
#define HARNESS_PLUGIN_STATE_H

#include <pthread.h>

#include "harness/plugin.h"
#include "harness/sut.h"

enum { PLUGIN_FDS = 1024, PLUGIN_WATCHES = 64, PLUGIN_ALARMS = 8, PLUGIN_DATAGRAM = 65536 };

struct plugin_packet {
    struct plugin_packet *next;
    uint64_t us;
    size_t len;
    unsigned char octet[];
};

struct plugin_watch {
    int epfd, fd; /* epfd 0: unused */
    struct epoll_event event;
};

/* One lock over all: a call holds it except while it sleeps.  Time passes only in the calls that
 * say so, so that every run of a script is the same run. */
struct plugin {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* for calls that block */
    pthread_cond_t settled; /* for who wakes them: all have looked */
    unsigned asleep, waking;
    uint64_t now;
    uint64_t alarm[PLUGIN_ALARMS]; /* when a poll gives up; RS_NEVER: unused */
    void *sut;
    struct sut_config config;
    char *settings;                /* the words that config points into */
    int live[PLUGIN_FDS];          /* the adapter's descriptor + 1, by the kernel's */
    bool nonblocking[PLUGIN_FDS];
    struct plugin_watch watch[PLUGIN_WATCHES];
    struct plugin_packet *first, **last;
    unsigned char buf[PLUGIN_DATAGRAM];
};

/* Takes the lock; false with EBADF when fd is not a socket of ours. */
bool plugin_enter(struct plugin *, int fd, int *live);
/* Gives the lock back and turns a negative errno into -1 and errno. */
long plugin_leave(struct plugin *, long result);
/* Sleeps until something changed; the lock is held before and after. */
void plugin_sleep(struct plugin *);
/* Something changed: output is taken, sleepers look again. */
void plugin_changed(struct plugin *);
/* Lets time pass up to `to`, firing what falls due. */
void plugin_advance(struct plugin *, uint64_t to);

/* False for what is no address of an IP version. */
bool plugin_endpoint(const struct sockaddr *, struct rs_endpoint *);
bool plugin_alarm_set(struct plugin *, uint64_t at, int *slot);
int plugin_getsockopt(void *, int fd, int level, int option, void *, socklen_t *);
int plugin_setsockopt(void *, int fd, int level, int option, const void *, socklen_t);
int plugin_poll(void *, struct pollfd *, nfds_t, int timeout_ms);
int plugin_epoll_create(void *, int size);
int plugin_epoll_ctl(void *, int epfd, int op, int fd, struct epoll_event *);
int plugin_epoll_wait(void *, int epfd, struct epoll_event *, int max, int timeout_ms);

/* Fills in the calls that open, close and carry data. */
void plugin_socket_calls(struct plugin_table *);
void plugin_data_calls(struct plugin_table *);

#endif
