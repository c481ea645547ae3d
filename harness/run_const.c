/* Symbolic constants of scripts, with the values of this system's headers. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "harness/run_state.h"

#define C(name) { #name, name }
static const struct {
    const char *name;
    int64_t value;
} constants[] = {
    C(AF_INET), C(AF_INET6), C(PF_INET), C(PF_INET6), C(SOCK_STREAM), C(SOCK_DGRAM),
    C(SOCK_NONBLOCK), C(SOCK_CLOEXEC), C(IPPROTO_TCP), C(IPPROTO_IP), C(IPPROTO_IPV6),
    C(IPPROTO_UDP), C(SOL_SOCKET), C(SOL_TCP), C(SOL_IP),
    C(SO_REUSEADDR), C(SO_REUSEPORT), C(SO_KEEPALIVE), C(SO_LINGER), C(SO_SNDBUF), C(SO_RCVBUF),
    C(SO_ERROR), C(SO_OOBINLINE), C(SO_RCVLOWAT), C(SO_SNDTIMEO), C(SO_RCVTIMEO), C(SO_PRIORITY),
    C(SO_MARK), C(SO_ZEROCOPY), C(SO_TIMESTAMPING), C(SO_MAX_PACING_RATE),
    C(TCP_NODELAY), C(TCP_CORK), C(TCP_MAXSEG), C(TCP_KEEPIDLE), C(TCP_KEEPINTVL), C(TCP_KEEPCNT),
    C(TCP_USER_TIMEOUT), C(TCP_QUICKACK), C(TCP_DEFER_ACCEPT), C(TCP_FASTOPEN), C(TCP_INFO),
    C(TCP_CONGESTION), C(TCP_LINGER2), C(TCP_SYNCNT), C(TCP_WINDOW_CLAMP), C(TCP_MD5SIG),
    C(IP_TOS), C(IP_TTL), C(IP_MTU_DISCOVER), C(IP_PMTUDISC_DONT), C(IP_PMTUDISC_DO),
    C(MSG_DONTWAIT), C(MSG_PEEK), C(MSG_OOB), C(MSG_MORE), C(MSG_NOSIGNAL), C(MSG_WAITALL),
    C(MSG_TRUNC), C(MSG_EOR), C(MSG_FASTOPEN), C(MSG_ZEROCOPY), C(MSG_ERRQUEUE),
    C(F_GETFL), C(F_SETFL), C(O_RDWR), C(O_RDONLY), C(O_WRONLY), C(O_NONBLOCK),
    C(SHUT_RD), C(SHUT_WR), C(SHUT_RDWR),
    C(POLLIN), C(POLLOUT), C(POLLERR), C(POLLHUP), C(POLLRDHUP), C(POLLPRI), C(POLLNVAL),
    C(FIONREAD), C(TIOCOUTQ),
    C(TCP_ESTABLISHED), C(TCP_SYN_SENT), C(TCP_SYN_RECV), C(TCP_FIN_WAIT1), C(TCP_FIN_WAIT2),
    C(TCP_TIME_WAIT), C(TCP_CLOSE), C(TCP_CLOSE_WAIT), C(TCP_LAST_ACK), C(TCP_LISTEN),
    C(TCP_CLOSING), C(TCPI_OPT_TIMESTAMPS), C(TCPI_OPT_SACK), C(TCPI_OPT_WSCALE), C(TCPI_OPT_ECN),
    C(TCPI_OPT_SYN_DATA),
    C(RS_EAGAIN), C(RS_ENOCONN), C(RS_EEXIST), C(RS_ENORES), C(RS_EINVAL), C(RS_ECLOSING),
    C(RS_ERESET), C(RS_EREFUSED), C(RS_ETIMEOUT), C(RS_EUNREACH), C(RS_EABORTED), C(RS_ENOTCONN),
    C(EPOLLIN), C(EPOLLOUT), C(EPOLLERR), C(EPOLLHUP), C(EPOLLRDHUP), C(EPOLLPRI), C(EPOLLET),
    C(EPOLLONESHOT), C(EPOLLEXCLUSIVE), C(EPOLLRDNORM), C(EPOLLWRNORM), C(EPOLL_CTL_ADD),
    C(EPOLL_CTL_MOD), C(EPOLL_CTL_DEL), C(EPOLL_CLOEXEC), C(POLLRDNORM), C(POLLWRNORM),
    C(SIOCATMARK), C(SOL_IPV6), C(SO_TYPE), C(SO_ACCEPTCONN), C(SO_PROTOCOL), C(SO_DOMAIN),
    C(SO_BROADCAST), C(SO_DONTROUTE), C(SO_SNDLOWAT), C(SO_TIMESTAMP), C(SO_INCOMING_CPU),
    C(TCP_FASTOPEN_CONNECT), C(TCP_FASTOPEN_KEY), C(TCP_NOTSENT_LOWAT), C(TCP_TIMESTAMP),
    C(TCP_SAVED_SYN), C(TCP_SAVE_SYN), C(TCP_REPAIR), C(TCP_THIN_LINEAR_TIMEOUTS),
    C(TCP_THIN_DUPACK), C(TCP_INQ), { "TCP_CM_INQ", TCP_INQ }, C(TCP_TX_DELAY), C(TCP_ULP),
    C(IP_RECVERR), C(IP_RECVTOS), C(IP_MTU), C(IP_FREEBIND), C(IP_PMTUDISC_WANT),
    C(IP_PMTUDISC_PROBE), C(IPV6_TCLASS), C(IPV6_UNICAST_HOPS), C(IPV6_RECVERR), C(IPV6_MTU),
    C(IPV6_MTU_DISCOVER), C(IPV6_V6ONLY), { "IPV6_HOPLIMIT", IPV6_UNICAST_HOPS },
    C(MSG_CTRUNC), C(MSG_CONFIRM), C(MSG_DONTROUTE), C(MSG_CMSG_CLOEXEC), C(F_GETFD), C(F_SETFD),
    C(FD_CLOEXEC), C(O_CLOEXEC), C(O_CREAT), C(O_TRUNC), { "SPLICE_F_MOVE", 1 },
    { "SPLICE_F_NONBLOCK", 2 }, { "SPLICE_F_MORE", 4 }, { "NULL", 0 }, C(TCPI_OPT_ECN_SEEN),
    { "TCP_INFINITE_SSTHRESH", 0x7fffffff }, { "SIOCOUTQNSD", 0x894B },
    { "TCP_CA_OPEN", 0 }, { "TCP_CA_DISORDER", 1 }, { "TCP_CA_RECOVERY", 3 }, { "TCP_CA_LOSS", 4 },
    { "IPTOS_DSCP_CS0", 0 }, { "IPTOS_DSCP_CS1", 0x20 }, { "IPTOS_DSCP_CS2", 0x40 },
    { "IPTOS_DSCP_CS3", 0x60 }, { "IPTOS_DSCP_CS4", 0x80 }, { "IPTOS_DSCP_CS5", 0xa0 },
    { "IPTOS_DSCP_CS6", 0xc0 }, { "IPTOS_DSCP_CS7", 0xe0 }, { "IPTOS_DSCP_EF", 0xb8 },
    { "SIOCINQ", FIONREAD }, { "SIOCOUTQ", TIOCOUTQ },
    { "TCP_CA_Open", 0 }, { "TCP_CA_Disorder", 1 }, { "TCP_CA_CWR", 2 }, { "TCP_CA_Recovery", 3 },
    { "TCP_CA_Loss", 4 }, { "True", 1 }, { "False", 0 },
};

bool run_constant(const char *name, int64_t *value)
{
    for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]); i++) {
        if (strcmp(constants[i].name, name) == 0) {
            *value = constants[i].value;
            return true;
        }
    }
    return false;
}

bool run_value(const struct sc_expr *e, int64_t *value)
{
    int64_t b;
    e = sc_meant(e);
    if (!e)
        return false;
    switch ((enum sc_expr_kind)e->kind) {
    case SC_E_INT:
    case SC_E_HEX:
        *value = e->num;
        return true;
    case SC_E_WORD:
        return run_constant(e->text, value);
    case SC_E_OR:
        if (!run_value(e->a, value) || !run_value(e->b, &b))
            return false;
        *value |= b;
        return true;
    case SC_E_LIST:
        return run_value(e->first, value); /* [1] stands for an int in memory */
    default:
        return false;
    }
}
