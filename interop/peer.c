#include "interop/peer.h"

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
