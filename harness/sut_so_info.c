/* What a plug-in tells of its connections, by the one call that the ABI has for it. */
#include "harness/sut_so.h"
#include "harness/tcpinfo.h"

/* Of a plug-in that has TCP_INFO and fills in the state; an int in its place is too short. */
static bool so_tcp_info(void *sut, int fd, struct tcp_info *info)
{
    const int64_t n = fd < 0 ? -1 : so_ask_fd(sut, SO_INFO, fd, info, sizeof(*info));
    return n > (int64_t)sizeof(int) && info->tcpi_state != 0;
}

int so_fd_state(void *sut, int fd)
{
    struct tcp_info info;
    return so_tcp_info(sut, fd, &info) ? tcpinfo_state(&info) : -1;
}

bool so_info(void *sut, int fd, const char *name, int64_t *value)
{
    struct tcp_info info;
    return so_tcp_info(sut, fd, &info) && tcpinfo_get(&info, name, value);
}
