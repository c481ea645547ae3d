/* Endpoints as the kernel's socket addresses. */
#ifndef HARNESS_SUT_LINUX_ADDR_H
#define HARNESS_SUT_LINUX_ADDR_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "refstack/refstack.h"

/* Returns the octets of the address that were filled in. */
static inline socklen_t lin_sockaddr(const struct rs_endpoint *e, struct sockaddr_storage *at)
{
    memset(at, 0, sizeof(*at));
    if (e->addr.version == 6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)at;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(e->port);
        memcpy(&in6->sin6_addr, e->addr.octet, 16);
        return sizeof(*in6);
    }
    struct sockaddr_in *in = (struct sockaddr_in *)at;
    in->sin_family = AF_INET;
    in->sin_port = htons(e->port);
    memcpy(&in->sin_addr, e->addr.octet, 4);
    return sizeof(*in);
}

#endif
