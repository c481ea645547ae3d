/* Calls that suites make now and then, as the kernel has them: options that are text, the counts of
 * ioctl, and a SYN with text. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "harness/sut_linux.h"
#include "harness/sut_linux_addr.h"

int lin_set_text(void *sut, int fd, int level, int option, const char *value, uint64_t now)
{
    (void)sut;
    (void)now;
    return setsockopt(fd, level, option, value, (socklen_t)strlen(value)) < 0 ? -errno : 0;
}

int lin_get_text(void *sut, int fd, int level, int option, char *value, size_t cap)
{
    socklen_t len = (socklen_t)(cap - 1);
    (void)sut;
    memset(value, 0, cap);
    return getsockopt(fd, level, option, value, &len) < 0 ? -errno : 0;
}

int lin_ioctl(void *sut, int fd, unsigned long request, int64_t *value)
{
    int n = 0;
    (void)sut;
    if (ioctl(fd, request, &n) < 0)
        return -errno;
    *value = n;
    return 0;
}

long lin_send_fast(void *sut, int fd, const struct rs_endpoint *to, const void *data, size_t len,
                   uint64_t now)
{
    (void)sut;
    (void)now;
    struct sockaddr_storage ss;
    const socklen_t n = lin_sockaddr(to, &ss);
    const ssize_t sent = sendto(fd, data, len, MSG_FASTOPEN | MSG_NOSIGNAL,
                                (const struct sockaddr *)&ss, n);
    return sent < 0 ? -errno : sent;
}
