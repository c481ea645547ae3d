#include "harness/rtnl.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

/* One request under construction; 1 KiB holds the largest of them, a veth pair, many times over. */
struct request {
    _Alignas(8) char octets[1024];
    struct nlmsghdr *header;
};

static void request_start(struct request *r, uint16_t type, uint16_t flags)
{
    r->header = mnl_nlmsg_put_header(r->octets);
    r->header->nlmsg_type = type;
    r->header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
}

/* Sends the request and waits for the kernel's acknowledgment. */
static int request_send(struct rtnl *rt, struct request *r)
{
    char answer[8192];
    r->header->nlmsg_seq = ++rt->sequence;
    if (mnl_socket_sendto(rt->socket, r->header, r->header->nlmsg_len) < 0)
        return -errno;
    ssize_t len = mnl_socket_recvfrom(rt->socket, answer, sizeof answer);
    if (len < 0)
        return -errno;
    unsigned port = mnl_socket_get_portid(rt->socket);
    if (mnl_cb_run(answer, (size_t)len, rt->sequence, port, NULL, NULL) < 0)
        return -errno;
    return 0;
}

static uint8_t family_of(const struct rs_addr *addr)
{
    return addr->version == 6 ? AF_INET6 : AF_INET;
}

static void put_addr(struct request *r, uint16_t type, const struct rs_addr *addr)
{
    mnl_attr_put(r->header, type, addr->version == 6 ? 16 : 4, addr->octet);
}

int rtnl_open(struct rtnl *rt)
{
    rt->sequence = 0;
    rt->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (!rt->socket)
        return -errno;
    if (mnl_socket_bind(rt->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
        int error = -errno;
        rtnl_close(rt);
        return error;
    }
    return 0;
}

void rtnl_close(struct rtnl *rt)
{
    if (rt->socket)
        mnl_socket_close(rt->socket);
    rt->socket = NULL;
}

int rtnl_link_set(struct rtnl *rt, const char *name, const struct rtnl_link *set)
{
    struct request r;
    request_start(&r, RTM_NEWLINK, 0);
    struct ifinfomsg *link = mnl_nlmsg_put_extra_header(r.header, sizeof *link);
    link->ifi_family = AF_UNSPEC;
    if (set->up) {
        link->ifi_change = IFF_UP;
        link->ifi_flags = IFF_UP;
    }
    mnl_attr_put_strz(r.header, IFLA_IFNAME, name);
    if (set->mtu)
        mnl_attr_put_u32(r.header, IFLA_MTU, set->mtu);
    if (set->txqueuelen)
        mnl_attr_put_u32(r.header, IFLA_TXQLEN, set->txqueuelen);
    if (set->mac)
        mnl_attr_put(r.header, IFLA_ADDRESS, 6, set->mac);
    if (set->no_own_addresses) {
        struct nlattr *families = mnl_attr_nest_start(r.header, IFLA_AF_SPEC);
        struct nlattr *six = mnl_attr_nest_start(r.header, AF_INET6);
        mnl_attr_put_u8(r.header, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
        mnl_attr_nest_end(r.header, six);
        mnl_attr_nest_end(r.header, families);
    }
    return request_send(rt, &r);
}

int rtnl_veth_add(struct rtnl *rt, const char *name, const char *peer, int peer_ns)
{
    struct request r;
    request_start(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
    struct ifinfomsg *link = mnl_nlmsg_put_extra_header(r.header, sizeof *link);
    link->ifi_family = AF_UNSPEC;
    mnl_attr_put_strz(r.header, IFLA_IFNAME, name);
    struct nlattr *info = mnl_attr_nest_start(r.header, IFLA_LINKINFO);
    mnl_attr_put_strz(r.header, IFLA_INFO_KIND, "veth");
    struct nlattr *data = mnl_attr_nest_start(r.header, IFLA_INFO_DATA);
    struct nlattr *far = mnl_attr_nest_start(r.header, VETH_INFO_PEER);
    mnl_nlmsg_put_extra_header(r.header, sizeof *link); /* the far end's own, all zero */
    mnl_attr_put_strz(r.header, IFLA_IFNAME, peer);
    mnl_attr_put_u32(r.header, IFLA_NET_NS_FD, (uint32_t)peer_ns);
    mnl_attr_nest_end(r.header, far);
    mnl_attr_nest_end(r.header, data);
    mnl_attr_nest_end(r.header, info);
    return request_send(rt, &r);
}

int rtnl_addr_add(struct rtnl *rt, const char *link, const struct rs_addr *addr, uint8_t prefix_len)
{
    struct request r;
    request_start(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
    struct ifaddrmsg *a = mnl_nlmsg_put_extra_header(r.header, sizeof *a);
    a->ifa_family = family_of(addr);
    a->ifa_prefixlen = prefix_len;
    a->ifa_scope = RT_SCOPE_UNIVERSE;
    a->ifa_index = if_nametoindex(link);
    if (a->ifa_index == 0)
        return -errno;
    /* A tentative address cannot be used for a second or two; nobody else is on this link. */
    if (addr->version == 6)
        a->ifa_flags = IFA_F_NODAD;
    put_addr(&r, IFA_LOCAL, addr);
    put_addr(&r, IFA_ADDRESS, addr);
    return request_send(rt, &r);
}

int rtnl_neigh_add(struct rtnl *rt, const char *link, const struct rs_addr *addr,
                   const uint8_t mac[6])
{
    struct request r;
    request_start(&r, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
    struct ndmsg *n = mnl_nlmsg_put_extra_header(r.header, sizeof *n);
    n->ndm_family = family_of(addr);
    n->ndm_state = NUD_PERMANENT;
    n->ndm_ifindex = (int)if_nametoindex(link);
    if (n->ndm_ifindex == 0)
        return -errno;
    put_addr(&r, NDA_DST, addr);
    mnl_attr_put(r.header, NDA_LLADDR, 6, mac);
    return request_send(rt, &r);
}

int rtnl_route_add(struct rtnl *rt, const char *link, const struct rs_addr *dst, uint8_t prefix_len,
                   const struct rs_addr *gateway)
{
    struct request r;
    uint32_t index = if_nametoindex(link);
    if (index == 0)
        return -errno;
    request_start(&r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
    struct rtmsg *m = mnl_nlmsg_put_extra_header(r.header, sizeof *m);
    m->rtm_family = family_of(dst);
    m->rtm_dst_len = prefix_len;
    m->rtm_table = RT_TABLE_MAIN;
    m->rtm_protocol = RTPROT_STATIC;
    m->rtm_type = RTN_UNICAST;
    m->rtm_scope = gateway->version ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    if (prefix_len)
        put_addr(&r, RTA_DST, dst);
    if (gateway->version)
        put_addr(&r, RTA_GATEWAY, gateway);
    mnl_attr_put_u32(r.header, RTA_OIF, index);
    return request_send(rt, &r);
}
