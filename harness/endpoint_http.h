/* The HTTP/1.1 side of the one-file server: a request's octets in, a response's head out.  No I/O.
 *
 * RFC 9110 and 9112 as far as a server of one file needs them: GET and HEAD, persistent
 * connections, 400 for what is no request, 404 for another target, 405 for another method. */
#ifndef HARNESS_ENDPOINT_HTTP_H
#define HARNESS_ENDPOINT_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_file {
    const char *target; /* "/" or "/name" */
    const char *type;   /* media type */
    const uint8_t *octets;
    size_t len;
};

enum { HTTP_REQUEST_MAX = 8192, HTTP_HEAD_MAX = 512 };

struct http_answer {
    int status;
    bool close;       /* the connection ends after this */
    bool send_file;   /* the file follows the head */
    size_t used;      /* octets of the request, its content included as far as it has come */
    uint64_t discard; /* octets of the request's content that are still to come */
    size_t head_len;
    char head[HTTP_HEAD_MAX];
};

/* Looks at the octets received so far.  False while the request is not complete; otherwise fills in
 * the answer.  A request that does not end within HTTP_REQUEST_MAX octets is answered 400. */
bool http_answer(struct http_answer *, const char *octets, size_t len, const struct http_file *);

#endif
