#include "harness/endpoint_apps.h"

#include <stdlib.h>
#include <string.h>

enum { APP_BUFFER = 16384 };

struct app {
    struct app *next;
    enum app_service service;
    bool listener;
    int conn;
    int error;
    struct rs_endpoint peer;
    bool eof;    /* the peer will send no more */
    bool closed; /* we have closed */
    uint64_t sent, received;
    struct stream_hash hash_sent, hash_received;
    struct app_client client;
    /* Echo: octets to go back.  HTTP: the request so far. */
    uint8_t in[APP_BUFFER];
    size_t in_at, in_len;
    struct http_answer answer;
    bool answering;
    size_t head_sent, file_sent;
};

void apps_init(struct apps *a, struct rs_host *host, const struct http_file *file)
{
    *a = (struct apps){ .host = host };
    if (file)
        a->file = *file;
}

void apps_free(struct apps *a)
{
    while (a->first) {
        struct app *app = a->first;
        a->first = app->next;
        free(app);
    }
}

static struct app *app_new(struct apps *a, enum app_service service, int conn, bool listener)
{
    struct app *app = calloc(1, sizeof *app);
    if (!app)
        return NULL;
    app->service = service;
    app->conn = conn;
    app->listener = listener;
    stream_hash_init(&app->hash_sent);
    stream_hash_init(&app->hash_received);
    app->next = a->first;
    a->first = app;
    a->running += !listener;
    return app;
}

int apps_listen(struct apps *a, enum app_service service, uint16_t port, rs_time now)
{
    const struct rs_endpoint local = { .port = port };
    int conn = rs_listen(a->host, &local, now);
    if (conn < 0)
        return conn;
    return app_new(a, service, conn, true) ? conn : RS_ENORES;
}

int apps_connect(struct apps *a, const struct rs_endpoint *remote, const struct app_client *client,
                 rs_time now)
{
    const struct rs_endpoint any = { .port = 0 };
    int conn = rs_open_active(a->host, &any, remote, now);
    if (conn < 0)
        return conn;
    struct app *app = app_new(a, APP_CLIENT, conn, false);
    if (!app)
        return RS_ENORES;
    app->client = *client;
    app->peer = *remote;
    return conn;
}

/* RECEIVE; remembers the end of the stream and errors.  Returns octets, or 0 when none came. */
static size_t receive(struct apps *a, struct app *app, void *to, size_t cap, rs_time now)
{
    if (app->eof || app->error || cap == 0)
        return 0;
    int n = rs_receive(a->host, app->conn, to, cap, now);
    if (n == 0)
        app->eof = true;
    if (n < 0 && n != RS_EAGAIN && n != RS_ENOTCONN)
        app->error = n;
    if (n <= 0)
        return 0;
    app->received += (unsigned)n;
    stream_hash_add(&app->hash_received, to, (size_t)n);
    return (size_t)n;
}

static size_t send_octets(struct apps *a, struct app *app, const void *from, size_t len,
                          rs_time now)
{
    if (app->error || len == 0)
        return 0;
    int n = rs_send(a->host, app->conn, from, len, RS_PUSH, now);
    if (n < 0 && n != RS_EAGAIN && n != RS_ENOTCONN)
        app->error = n;
    if (n <= 0)
        return 0;
    app->sent += (unsigned)n;
    stream_hash_add(&app->hash_sent, from, (size_t)n);
    return (size_t)n;
}

static bool close_once(struct apps *a, struct app *app, rs_time now)
{
    if (app->closed || app->error)
        return false;
    rs_close(a->host, app->conn, now);
    app->closed = true;
    return true;
}

static bool work_echo(struct apps *a, struct app *app, rs_time now)
{
    bool any = false;
    for (size_t n = 1; n > 0; any |= n > 0) {
        if (app->in_at == app->in_len) {
            app->in_at = 0;
            app->in_len = receive(a, app, app->in, sizeof app->in, now);
        }
        n = send_octets(a, app, app->in + app->in_at, app->in_len - app->in_at, now);
        app->in_at += n;
    }
    if (app->eof && app->in_at == app->in_len)
        any |= close_once(a, app, now);
    return any;
}

static bool work_discard(struct apps *a, struct app *app, rs_time now)
{
    bool any = false;
    while (receive(a, app, app->in, sizeof app->in, now) > 0)
        any = true;
    if (app->eof)
        any |= close_once(a, app, now);
    return any;
}

/* RFC 864's pattern: 95 lines of 72 characters, each beginning one character later. */
static size_t chargen_fill(uint64_t at, uint8_t *to, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint64_t line = (at + i) / 74, column = (at + i) % 74;
        to[i] = column == 72 ? '\r' : column == 73 ? '\n' : (uint8_t)(' ' + (line + column) % 95);
    }
    return len;
}

/* Sends until the peer closes; what the peer sends is thrown away. */
static bool work_chargen(struct apps *a, struct app *app, rs_time now)
{
    bool any = work_discard(a, app, now);
    uint8_t piece[74 * 64];
    while (!app->closed) {
        size_t len = chargen_fill(app->sent, piece, sizeof piece);
        size_t n = send_octets(a, app, piece, len, now);
        any |= n > 0;
        if (n < len)
            break;
    }
    return any;
}

/* Sends what is left of the answer; true when it is out. */
static bool http_send(struct apps *a, struct app *app, rs_time now)
{
    const struct http_answer *h = &app->answer;
    size_t file_len = h->send_file ? a->file.len : 0;
    const char *head = h->head + app->head_sent;
    /* The head is all that there is to it when the content is text of our own. */
    app->head_sent += send_octets(a, app, head, strlen(head), now);
    if (h->head[app->head_sent] != '\0')
        return false;
    app->file_sent +=
        send_octets(a, app, a->file.octets + app->file_sent, file_len - app->file_sent, now);
    return app->file_sent == file_len;
}

static void http_consume(struct app *app)
{
    size_t gone = app->answer.used;
    memmove(app->in, app->in + gone, app->in_len - gone);
    app->in_len -= gone;
    app->head_sent = app->file_sent = 0;
}

/* Throws away what is left of a request's content. */
static bool http_discard(struct app *app)
{
    size_t n = app->answer.discard < app->in_len ? (size_t)app->answer.discard : app->in_len;
    memmove(app->in, app->in + n, app->in_len - n);
    app->in_len -= n;
    app->answer.discard -= n;
    return n > 0;
}

static bool work_http(struct apps *a, struct app *app, rs_time now)
{
    size_t room = sizeof app->in - app->in_len;
    size_t n = receive(a, app, app->in + app->in_len, app->closed ? sizeof app->in : room, now);
    bool any = n > 0;
    if (app->closed) /* what comes after the last answer is read away until the peer's end */
        return any;
    app->in_len += n;
    if (!app->answering && app->answer.discard)
        any |= http_discard(app);
    if (!app->answering && !app->answer.discard && app->in_len > 0 &&
        http_answer(&app->answer, (char *)app->in, app->in_len, &a->file)) {
        http_consume(app);
        app->answering = any = true;
    }
    if (app->answering) {
        uint64_t before = app->sent;
        app->answering = !http_send(a, app, now);
        any |= app->sent != before;
    }
    if (!app->answering && (app->answer.close || (app->eof && !any)))
        any |= close_once(a, app, now);
    if (app->closed)
        app->in_len = 0;
    return any;
}

static bool work_client(struct apps *a, struct app *app, rs_time now)
{
    bool any = false;
    uint8_t piece[8192];
    while (receive(a, app, app->in, sizeof app->in, now) > 0)
        any = true;
    while (!app->closed && app->sent < app->client.to_send) {
        uint64_t left = app->client.to_send - app->sent;
        size_t len = left < sizeof piece ? (size_t)left : sizeof piece;
        stream_make(app->client.seed, app->sent, piece, len);
        size_t n = send_octets(a, app, piece, len, now);
        any |= n > 0;
        if (n < len)
            break;
    }
    struct rs_status s;
    if (app->closed || app->error || app->sent < app->client.to_send ||
        rs_status(a->host, app->conn, &s) < 0)
        return any;
    if (!app->client.abort && s.state >= RS_ESTABLISHED)
        any |= close_once(a, app, now);
    if (app->client.abort && s.state == RS_ESTABLISHED && s.snd_queued == 0)
        app->error = RS_EABORTED; /* and finish() aborts */
    return any;
}

static bool work_listener(struct apps *a, struct app *app, rs_time now)
{
    bool any = false;
    int conn;
    while ((conn = rs_accept(a->host, app->conn, now)) >= 0) {
        struct rs_status s;
        struct app *served = app_new(a, app->service, conn, false);
        if (!served) {
            rs_abort(a->host, conn, now);
            break;
        }
        if (rs_status(a->host, conn, &s) == 0)
            served->peer = s.remote;
        any = true;
    }
    return any;
}

static bool work(struct apps *a, struct app *app, rs_time now)
{
    switch (app->service) {
    case APP_ECHO:
        return work_echo(a, app, now);
    case APP_DISCARD:
        return work_discard(a, app, now);
    case APP_CHARGEN:
        return work_chargen(a, app, now);
    case APP_HTTP:
        return work_http(a, app, now);
    case APP_CLIENT:
        return work_client(a, app, now);
    }
    return false;
}

/* Both directions are over, or the connection is. */
static bool finished(const struct apps *a, struct app *app)
{
    if (app->error)
        return true;
    if (rs_ready(a->host, app->conn) & RS_ENDED) {
        struct rs_status s;
        if (rs_status(a->host, app->conn, &s) == 0)
            app->error = s.error;
        return true;
    }
    return app->closed && app->eof;
}

static void finish(struct apps *a, struct app *app, rs_time now)
{
    if (app->error == RS_EABORTED)
        rs_abort(a->host, app->conn, now);
    else
        rs_release(a->host, app->conn, now);
    a->running--;
    a->served++;
    if (a->done)
        a->done(a->arg, &(struct app_done){ .service = app->service,
                                            .peer = app->peer,
                                            .error = app->error,
                                            .sent = app->sent,
                                            .received = app->received,
                                            .hash_sent = stream_hash_value(&app->hash_sent),
                                            .hash_received =
                                                stream_hash_value(&app->hash_received) });
}

bool apps_work(struct apps *a, rs_time now)
{
    bool any = false;
    struct app **at = &a->first;
    while (*at) {
        struct app *app = *at;
        if (app->listener) {
            /* New ones come in front and wait for the next call. */
            any |= work_listener(a, app, now);
        } else {
            any |= work(a, app, now);
            if (finished(a, app)) {
                finish(a, app, now);
                *at = app->next;
                free(app);
                any = true;
                continue;
            }
        }
        at = &app->next;
    }
    return any;
}
