/* Applications on a refstack host: echo (RFC 862), discard (RFC 863), chargen (RFC 864), an
 * HTTP/1.1 server of one file, and a client.
 *
 * They only make user calls: whoever owns the host moves its frames and its time, and calls
 * apps_work after every change. */
#ifndef HARNESS_ENDPOINT_APPS_H
#define HARNESS_ENDPOINT_APPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/endpoint_http.h"
#include "harness/endpoint_stream.h"
#include "refstack/refstack.h"

enum app_service { APP_ECHO, APP_DISCARD, APP_CHARGEN, APP_HTTP, APP_CLIENT };

/* What a client does: sends octets of the stream, closes, and receives until the peer's end. */
struct app_client {
    uint64_t seed, to_send;
    bool abort; /* ABORT instead of CLOSE when all is acknowledged */
};

struct app_done {
    enum app_service service;
    struct rs_endpoint peer;
    int error; /* enum rs_error that ended it, or 0 */
    uint64_t sent, received, hash_sent, hash_received;
};

struct app;

struct apps {
    struct rs_host *host;
    struct http_file file;
    struct app *first;
    unsigned running; /* connections, listeners aside */
    uint64_t served;  /* connections that ended */
    void (*done)(void *arg, const struct app_done *); /* or NULL */
    void *arg;
};

void apps_init(struct apps *, struct rs_host *, const struct http_file *);
void apps_free(struct apps *);
/* Each returns the handle or a negative enum rs_error. */
int apps_listen(struct apps *, enum app_service, uint16_t port, rs_time now);
int apps_connect(struct apps *, const struct rs_endpoint *remote, const struct app_client *,
                 rs_time now);
/* Does all that can be done now; whether anything was. */
bool apps_work(struct apps *, rs_time now);

#endif
