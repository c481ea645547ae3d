#include "harness/ns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "harness/rtnl.h"

int ns_fail(struct ns_error *error, int status, const char *format, ...)
{
    if (!error)
        return -1;
    va_list args;
    va_start(args, format);
    error->status = status;
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    return -1;
}

/* Writes a whole file of /proc in one call, as the kernel wants it.  Returns 0 or -1 and errno. */
static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = write(fd, text, strlen(text));
    int error = errno;
    close(fd);
    errno = error;
    return n == (ssize_t)strlen(text) ? 0 : -1;
}

/* Maps the caller to root of the new user namespace; user_namespaces(7) wants setgroups denied
 * before an unprivileged process may write its group map. */
static int map_ids(uid_t uid, gid_t gid)
{
    char map[64];
    if (write_file("/proc/self/setgroups", "deny") < 0 && errno != ENOENT)
        return -1;
    snprintf(map, sizeof map, "0 %u 1\n", (unsigned)uid);
    if (write_file("/proc/self/uid_map", map) < 0)
        return -1;
    snprintf(map, sizeof map, "0 %u 1\n", (unsigned)gid);
    return write_file("/proc/self/gid_map", map);
}

static int loopback_up(struct ns_error *error)
{
    struct rtnl rt;
    int rc = rtnl_open(&rt);
    if (rc == 0) {
        rc = rtnl_link_set(&rt, "lo", &(struct rtnl_link){ .up = true });
        rtnl_close(&rt);
    }
    if (rc < 0)
        return ns_fail(error, 77, "cannot bring up the loopback device of a new namespace: %s",
                       strerror(-rc));
    return 0;
}

/* What is lacking at this moment others may be giving back: namespaces that nobody is in any more
 * are taken apart behind the scenes, and count until then. */
static int unshare_patiently(int flags)
{
    enum { LOOKS = 50 };
    const struct timespec a_while = { .tv_nsec = 20 * 1000 * 1000 };
    for (int i = 0; unshare(flags) < 0; i++) {
        if ((errno != ENOSPC && errno != ENOMEM && errno != EAGAIN) || i == LOOKS)
            return -1;
        nanosleep(&a_while, NULL);
    }
    return 0;
}

int ns_enter(struct ns_error *error)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    if (unshare_patiently(CLONE_NEWUSER | CLONE_NEWNET) == 0) {
        if (map_ids(uid, gid) < 0)
            return ns_fail(error, 77, "cannot map user %u into a new user namespace: %s; "
                           "run as root, or allow unprivileged user namespaces",
                           (unsigned)uid, strerror(errno));
        return loopback_up(error);
    }
    int why = errno;
    if (uid == 0)
        return ns_enter_net(error);
    return ns_fail(error, 77, "cannot create a user and network namespace: %s; run as root, or "
                   "allow it with sysctl kernel.unprivileged_userns_clone=1", strerror(why));
}

int ns_enter_net(struct ns_error *error)
{
    if (unshare_patiently(CLONE_NEWNET) < 0)
        return ns_fail(error, 77, "cannot create a network namespace: %s; "
                       "run where CAP_SYS_ADMIN or user namespaces are allowed", strerror(errno));
    return loopback_up(error);
}

int ns_current(void)
{
    return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

int ns_sysctl(const char *name, const char *value, struct ns_error *error)
{
    char path[256];
    int len = snprintf(path, sizeof path, "/proc/sys/%s", name);
    if (len < 0 || (size_t)len >= sizeof path)
        return ns_fail(error, 2, "sysctl name '%s' is too long", name);
    for (char *p = path + strlen("/proc/sys/"); *p; p++)
        if (*p == '.')
            *p = '/';
    if (write_file(path, value) < 0)
        return ns_fail(error, errno == ENOENT || errno == EINVAL ? 2 : 77,
                       "cannot set sysctl %s to '%s' in the namespace: %s", name, value,
                       strerror(errno));
    return 0;
}

bool ns_die_with_parent(int parent_pid)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return getppid() == (pid_t)parent_pid; /* it may have ended before the call above */
}
