#include "harness/endpoint_http.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

struct request {
    const char *method, *target;
    size_t method_len, target_len;
    int minor; /* of HTTP/1.x */
    bool host, close, keep_alive;
    uint64_t content;
    bool bad;
};

/* The octets after the empty line, or NULL while there is none. */
static const char *find_end(const char *p, size_t len)
{
    for (size_t i = 0; i + 4 <= len; i++)
        if (memcmp(p + i, "\r\n\r\n", 4) == 0)
            return p + i + 4;
    return NULL;
}

static const char *line_end(const char *p, const char *end)
{
    while (p + 1 < end && !(p[0] == '\r' && p[1] == '\n'))
        p++;
    return p;
}

/* RFC 9112 section 3: method SP request-target SP HTTP-version. */
static void parse_request_line(struct request *r, const char *p, const char *end)
{
    const char *first = memchr(p, ' ', (size_t)(end - p));
    const char *second = first ? memchr(first + 1, ' ', (size_t)(end - first - 1)) : NULL;
    if (!first || !second || first == p || second == first + 1 || end - second != 9 ||
        memcmp(second + 1, "HTTP/1.", 7) != 0 || (second[8] != '0' && second[8] != '1')) {
        r->bad = true;
        return;
    }
    r->method = p;
    r->method_len = (size_t)(first - p);
    r->target = first + 1;
    r->target_len = (size_t)(second - first - 1);
    r->minor = second[8] - '0';
}

static bool is_name(const char *p, size_t len, const char *name)
{
    return len == strlen(name) && strncasecmp(p, name, len) == 0;
}

static uint64_t parse_length(struct request *r, const char *p, size_t len)
{
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++) {
        if (p[i] < '0' || p[i] > '9' || value > UINT64_MAX / 10 - 1) {
            r->bad = true;
            return 0;
        }
        value = value * 10 + (uint64_t)(p[i] - '0');
    }
    r->bad |= len == 0;
    return value;
}

/* RFC 9112 section 5: field-name ":" OWS field-value OWS.  No white space before the colon. */
static void parse_field(struct request *r, const char *p, const char *end)
{
    const char *colon = memchr(p, ':', (size_t)(end - p));
    if (!colon || colon == p || memchr(p, ' ', (size_t)(colon - p))) {
        r->bad = true;
        return;
    }
    const char *value = colon + 1;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    size_t name_len = (size_t)(colon - p), len = (size_t)(end - value);
    if (is_name(p, name_len, "Host"))
        r->host = true;
    else if (is_name(p, name_len, "Content-Length"))
        r->content = parse_length(r, value, len);
    else if (is_name(p, name_len, "Transfer-Encoding"))
        r->bad = true; /* no method served here has content worth decoding */
    else if (is_name(p, name_len, "Connection")) {
        r->close = is_name(value, len, "close");
        r->keep_alive = is_name(value, len, "keep-alive");
    }
}

static void parse(struct request *r, const char *p, const char *end)
{
    const char *line = line_end(p, end);
    parse_request_line(r, p, line);
    for (p = line + 2; p + 2 < end; p = line + 2) {
        line = line_end(p, end);
        parse_field(r, p, line);
    }
    if (r->minor == 1 && !r->host)
        r->bad = true; /* RFC 9112 section 3.2 */
}

static const char *reason_of(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    default:
        return "Bad Request";
    }
}

static void write_head(struct http_answer *a, const struct http_file *file, bool head_only)
{
    bool ok = a->status == 200;
    char body[64];
    int body_len = snprintf(body, sizeof body, "%d %s\n", a->status, reason_of(a->status));
    size_t length = ok ? file->len : (size_t)body_len;
    int n = snprintf(a->head, sizeof a->head,
                     "HTTP/1.1 %d %s\r\nServer: tcprig\r\nContent-Type: %.100s\r\n"
                     "Content-Length: %zu\r\n%s%s\r\n%s",
                     a->status, reason_of(a->status), ok ? file->type : "text/plain", length,
                     a->status == 405 ? "Allow: GET, HEAD\r\n" : "",
                     a->close ? "Connection: close\r\n" : "", ok || head_only ? "" : body);
    a->head_len = (size_t)n;
}

static int judge(const struct request *r, const struct http_file *file)
{
    if (r->bad)
        return 400;
    if (!is_name(r->method, r->method_len, "GET") && !is_name(r->method, r->method_len, "HEAD"))
        return 405;
    size_t len = r->target_len;
    const char *query = memchr(r->target, '?', len);
    if (query)
        len = (size_t)(query - r->target);
    return len == strlen(file->target) && memcmp(r->target, file->target, len) == 0 ? 200 : 404;
}

bool http_answer(struct http_answer *a, const char *octets, size_t len,
                 const struct http_file *file)
{
    struct request r = { .minor = 1 };
    const char *end = find_end(octets, len);
    if (!end && len < HTTP_REQUEST_MAX)
        return false;
    if (end)
        parse(&r, octets, end);
    else
        r.bad = true;

    bool head_only = !r.bad && is_name(r.method, r.method_len, "HEAD");
    memset(a, 0, sizeof *a);
    a->status = judge(&r, file);
    a->close = r.bad || r.close || (r.minor == 0 && !r.keep_alive);
    a->send_file = a->status == 200 && !head_only;
    a->used = end ? (size_t)(end - octets) : len;
    uint64_t here = len - a->used < r.content ? len - a->used : r.content;
    a->used += (size_t)here;
    a->discard = r.bad ? 0 : r.content - here;
    write_head(a, file, head_only);
    return true;
}
