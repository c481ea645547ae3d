#include "interop/peer.h"

#include <errno.h>

const char *peer_error_name(int error)
{
    static const char *const names[] = {
        [-RS_EAGAIN] = "RS_EAGAIN",     [-RS_ENOCONN] = "RS_ENOCONN",
        [-RS_EEXIST] = "RS_EEXIST",     [-RS_ENORES] = "RS_ENORES",
        [-RS_EINVAL] = "RS_EINVAL",     [-RS_ECLOSING] = "RS_ECLOSING",
        [-RS_ERESET] = "RS_ERESET",     [-RS_EREFUSED] = "RS_EREFUSED",
        [-RS_ETIMEOUT] = "RS_ETIMEOUT", [-RS_EUNREACH] = "RS_EUNREACH",
        [-RS_EABORTED] = "RS_EABORTED", [-RS_ENOTCONN] = "RS_ENOTCONN",
    };
    if (error >= 0 || error < RS_ENOTCONN)
        return "?";
    return names[-error];
}

int peer_error_of(int error)
{
    switch (error) {
    case EAGAIN:
    case EINPROGRESS:
    case EALREADY:
        return RS_EAGAIN;
    case ECONNRESET:
        return RS_ERESET;
    case ECONNREFUSED:
        return RS_EREFUSED;
    case ETIMEDOUT:
        return RS_ETIMEOUT;
    case EHOSTUNREACH:
    case ENETUNREACH:
        return RS_EUNREACH;
    case EPIPE:
        return RS_ECLOSING;
    case ENOTCONN:
        return RS_ENOTCONN;
    case EADDRINUSE:
        return RS_EEXIST;
    case EBADF:
        return RS_ENOCONN;
    case ENOMEM:
    case ENOBUFS:
    case EMFILE:
        return RS_ENORES;
    default:
        return RS_EINVAL;
    }
}
