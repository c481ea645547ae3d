/* packetdrill's plug-in interface (x86-64): a stack in a shared object, driven through a table.
 *
 * packetdrill loads the object, calls packetdrill_interface_init and from then on takes every
 * socket call, packet and reading of the clock through the table.  Errors are -1 and errno.
 * Packets are IP datagrams.  What the table does not say:
 *   - the clock advances with every gettimeofday, or a loop that waits for it never ends;
 *   - usleep fires the timers that fall due;
 *   - netdev_receive with nothing queued goes on to the next timer; a count of 0 ends the script;
 *   - calls that block come on a second thread and must sleep in the kernel, for the first one goes
 *     on only when it sees that thread asleep;
 *   - descriptors are the kernel's, so that no other file can take the number. */
#ifndef HARNESS_PLUGIN_H
#define HARNESS_PLUGIN_H

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>

struct plugin_table {
    void *userdata;
    void (*free)(void *);
    int (*socket)(void *, int domain, int type, int protocol);
    int (*bind)(void *, int fd, const struct sockaddr *, socklen_t);
    int (*listen)(void *, int fd, int backlog);
    int (*accept)(void *, int fd, struct sockaddr *, socklen_t *);
    int (*connect)(void *, int fd, const struct sockaddr *, socklen_t);
    ssize_t (*read)(void *, int fd, void *, size_t);
    ssize_t (*readv)(void *, int fd, const struct iovec *, int n);
    ssize_t (*recv)(void *, int fd, void *, size_t, int flags);
    ssize_t (*recvfrom)(void *, int fd, void *, size_t, int flags, struct sockaddr *, socklen_t *);
    ssize_t (*recvmsg)(void *, int fd, struct msghdr *, int flags);
    ssize_t (*write)(void *, int fd, const void *, size_t);
    ssize_t (*writev)(void *, int fd, const struct iovec *, int n);
    ssize_t (*send)(void *, int fd, const void *, size_t, int flags);
    ssize_t (*sendto)(void *, int fd, const void *, size_t, int flags, const struct sockaddr *,
                      socklen_t);
    ssize_t (*sendmsg)(void *, int fd, const struct msghdr *, int flags);
    int (*fcntl)(void *, int fd, int command, ...);
    int (*ioctl)(void *, int fd, unsigned long request, ...);
    int (*close)(void *, int fd);
    int (*shutdown)(void *, int fd, int how);
    int (*getsockopt)(void *, int fd, int level, int option, void *, socklen_t *);
    int (*setsockopt)(void *, int fd, int level, int option, const void *, socklen_t);
    int (*poll)(void *, struct pollfd *, nfds_t, int timeout_ms);
    int (*netdev_send)(void *, const void *, size_t);
    int (*netdev_receive)(void *, void *, size_t *count, long long *us);
    int (*usleep)(void *, useconds_t);
    int (*gettimeofday)(void *, struct timeval *, struct timezone *);
    int (*epoll_create)(void *, int size);
    int (*epoll_ctl)(void *, int epfd, int op, int fd, struct epoll_event *);
    int (*epoll_wait)(void *, int epfd, struct epoll_event *, int max, int timeout_ms);
    int (*pipe)(void *, int fd[2]);
    int (*splice)(void *, int in, loff_t *, int out, loff_t *, size_t, unsigned flags);
};

/* The one symbol of such an object; flags is what the user gave, or NULL. */
typedef void plugin_init(const char *flags, struct plugin_table *);
#define PLUGIN_SYMBOL "packetdrill_interface_init"

/* What an object may export beside it for tcprig alone, under the name below; packetdrill does not
 * look for it.  takes_settings: flags are read as described for refstack's.  state: that of the
 * connection between two ends, as enum rs_state numbers them, or negative; NULL when it cannot. */
struct plugin_more {
    int takes_settings;
    int (*state)(void *, const struct sockaddr *local, const struct sockaddr *remote);
};
#define PLUGIN_MORE_SYMBOL "tcprig_plugin_more"

/* refstack as such an object.  flags are settings as `//@ config` knows them, separated by commas;
 * local=, remote= and seed= are the ends' addresses and the seed.  A setting that refstack refuses
 * ends the process with one sentence: the interface has no way to say no. */
void packetdrill_interface_init(const char *flags, struct plugin_table *);
extern const struct plugin_more tcprig_plugin_more;

#endif
