/* The applications between two refstack hosts, in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/endpoint_apps.h"

enum { SERVER, CLIENT, FILE_OCTETS = 50000 };

struct world {
    struct rs_host *host[2];
    void *block[2];
    struct apps apps[2];
    rs_time now;
    struct app_done done[8]; /* connections that ended, either side's */
    int n_done;
};

static uint8_t file_octets[FILE_OCTETS];

static void on_done(void *arg, const struct app_done *d)
{
    struct world *w = arg;
    assert_true(w->n_done < 8);
    w->done[w->n_done++] = *d;
}

static void make_host(struct world *w, int side)
{
    struct rs_config c;
    rs_config_default(&c);
    c.link = RS_LINK_IP;
    c.addr = rs_ip4(10, 0, 0, side == SERVER ? 2 : 1);
    c.prefix_len = 24;
    c.seed = (uint64_t)side + 1;
    w->block[side] = malloc(rs_host_size(&c));
    w->host[side] = rs_init(w->block[side], rs_host_size(&c), &c, 0);
    assert_non_null(w->host[side]);
    const struct http_file file = { "/", "text/plain", file_octets, FILE_OCTETS };
    apps_init(&w->apps[side], w->host[side], &file);
    w->apps[side].done = on_done;
    w->apps[side].arg = w;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    stream_make(1, 0, file_octets, FILE_OCTETS);
    make_host(w, SERVER);
    make_host(w, CLIENT);
    assert_true(apps_listen(&w->apps[SERVER], APP_ECHO, 7, 0) >= 0);
    assert_true(apps_listen(&w->apps[SERVER], APP_DISCARD, 9, 0) >= 0);
    assert_true(apps_listen(&w->apps[SERVER], APP_CHARGEN, 19, 0) >= 0);
    assert_true(apps_listen(&w->apps[SERVER], APP_HTTP, 80, 0) >= 0);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    for (int side = 0; side < 2; side++) {
        apps_free(&w->apps[side]);
        free(w->block[side]);
    }
    free(w);
    return 0;
}

/* Moves all there is to move at this moment; whether there was anything. */
static bool move(struct world *w)
{
    static uint8_t frame[2048];
    bool any = false;
    for (int side = 0; side < 2; side++) {
        size_t len;
        while ((len = rs_output(w->host[side], frame, sizeof frame, w->now)) > 0) {
            rs_input(w->host[!side], frame, len, w->now);
            any = true;
        }
        any |= apps_work(&w->apps[side], w->now);
    }
    return any;
}

/* Until nothing moves for a minute. */
static void run(struct world *w)
{
    rs_time end = w->now + 60 * RS_SEC;
    while (w->now < end) {
        if (move(w))
            continue;
        rs_time a = rs_deadline(w->host[0]), b = rs_deadline(w->host[1]);
        rs_time next = a < b ? a : b;
        w->now = next > end ? end : next > w->now ? next : w->now + 1;
    }
}

static void connect_to(struct world *w, uint16_t port, uint64_t octets, bool abort_it)
{
    const struct rs_endpoint to = { rs_ip4(10, 0, 0, 2), port };
    const struct app_client client = { .seed = 5, .to_send = octets, .abort = abort_it };
    assert_true(apps_connect(&w->apps[CLIENT], &to, &client, w->now) >= 0);
}

static const struct app_done *done_of(const struct world *w, enum app_service service)
{
    for (int i = 0; i < w->n_done; i++)
        if (w->done[i].service == service)
            return &w->done[i];
    return NULL;
}

static void echo_gives_back_every_octet_in_order(void **state)
{
    struct world *w = *state;
    connect_to(w, 7, 300000, false);
    run(w);
    const struct app_done *c = done_of(w, APP_CLIENT), *s = done_of(w, APP_ECHO);
    assert_non_null(c);
    assert_non_null(s);
    assert_int_equal(c->error, 0);
    assert_int_equal(c->received, 300000);
    assert_true(c->hash_received == stream_hash_of(5, 300000));
    assert_true(s->hash_received == c->hash_sent);
    assert_int_equal(w->apps[SERVER].running, 0);
}

static void discard_takes_all_and_says_nothing(void **state)
{
    struct world *w = *state;
    connect_to(w, 9, 200000, false);
    run(w);
    const struct app_done *s = done_of(w, APP_DISCARD);
    assert_non_null(s);
    assert_true(s->hash_received == stream_hash_of(5, 200000));
    assert_int_equal(done_of(w, APP_CLIENT)->received, 0);
    assert_int_equal(done_of(w, APP_CLIENT)->error, 0);
}

static void several_connections_are_served_at_once(void **state)
{
    struct world *w = *state;
    connect_to(w, 7, 100000, false);
    connect_to(w, 7, 1, false);
    connect_to(w, 9, 0, false);
    run(w);
    assert_int_equal(w->n_done, 6);
    for (int i = 0; i < 6; i++)
        assert_int_equal(w->done[i].error, 0);
}

static void an_abort_ends_the_connection_at_both_ends(void **state)
{
    struct world *w = *state;
    connect_to(w, 9, 5000, true);
    run(w);
    assert_int_equal(done_of(w, APP_CLIENT)->error, RS_EABORTED);
    assert_int_equal(done_of(w, APP_DISCARD)->error, RS_ERESET);
    assert_int_equal(done_of(w, APP_DISCARD)->received, 5000);
}

static void a_closed_port_refuses(void **state)
{
    struct world *w = *state;
    connect_to(w, 4242, 10, false);
    run(w);
    assert_int_equal(w->n_done, 1);
    assert_int_equal(w->done[0].error, RS_EREFUSED);
}

/* A user of plain calls, for what the client application does not do. */
static size_t ask(struct world *w, uint16_t port, const char *request, uint8_t *got, size_t cap)
{
    const struct rs_endpoint to = { rs_ip4(10, 0, 0, 2), port }, any = { .port = 0 };
    int conn = rs_open_active(w->host[CLIENT], &any, &to, w->now);
    size_t len = 0;
    assert_true(conn >= 0);
    while (move(w))
        ;
    assert_int_equal(rs_send(w->host[CLIENT], conn, request, strlen(request), RS_PUSH, w->now),
                     strlen(request));
    for (int n = 1; n != 0 && len < cap;) {
        n = rs_receive(w->host[CLIENT], conn, got + len, cap - len, w->now);
        if (n == RS_EAGAIN && !move(w)) {
            rs_time next = rs_deadline(w->host[SERVER]);
            w->now = next < w->now + RS_SEC ? next : w->now + RS_SEC;
        }
        assert_true(n >= 0 || n == RS_EAGAIN);
        len += n > 0 ? (size_t)n : 0;
    }
    rs_release(w->host[CLIENT], conn, w->now);
    run(w);
    return len;
}

static void http_serves_the_file_with_its_length(void **state)
{
    struct world *w = *state;
    static uint8_t got[FILE_OCTETS + 1000];
    size_t len =
        ask(w, 80, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", got, sizeof got);
    assert_memory_equal(got, "HTTP/1.1 200 OK\r\n", 17);
    assert_true(len > FILE_OCTETS);
    assert_memory_equal(got + len - FILE_OCTETS, file_octets, FILE_OCTETS);
    got[len - FILE_OCTETS] = '\0';
    assert_non_null(strstr((char *)got, "Content-Length: 50000\r\n"));
    assert_int_equal(w->apps[SERVER].running, 0);
}

static void http_answers_two_requests_on_one_connection(void **state)
{
    struct world *w = *state;
    static uint8_t got[4096];
    size_t len = ask(w, 80,
                     "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"
                     "GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                     got, sizeof got - 1);
    got[len] = '\0';
    assert_memory_equal(got, "HTTP/1.1 200 OK\r\n", 17);
    assert_non_null(strstr((char *)got, "\r\n\r\nHTTP/1.1 404 Not Found\r\n"));
}

static void chargen_sends_its_pattern_until_the_reader_has_enough(void **state)
{
    struct world *w = *state;
    static uint8_t got[74 * 96];
    assert_int_equal(ask(w, 19, "stop", got, sizeof got), sizeof got);
    assert_memory_equal(got, " !\"#$%&'()", 10);
    assert_memory_equal(got + 72, "\r\n!\"#$", 6);
    assert_memory_equal(got, got + (size_t)95 * 74, 74); /* it comes round */
    assert_int_equal(w->apps[SERVER].running, 0);
}

static void the_hash_does_not_depend_on_the_pieces(void **state)
{
    (void)state;
    struct stream_hash h;
    uint8_t octets[100];
    stream_make(3, 0, octets, sizeof octets);
    stream_hash_init(&h);
    for (size_t at = 0, n = 1; at < sizeof octets; at += n, n = n * 2 % 7 + 1) {
        if (n > sizeof octets - at)
            n = sizeof octets - at;
        stream_hash_add(&h, octets + at, n);
    }
    assert_true(stream_hash_value(&h) == stream_hash_of(3, sizeof octets));
    assert_true(stream_hash_of(3, 99) != stream_hash_of(3, 100));
    assert_true(stream_hash_of(2, 100) != stream_hash_of(3, 100));
    uint8_t piece[7];
    stream_make(3, 50, piece, sizeof piece);
    assert_memory_equal(piece, octets + 50, sizeof piece);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(echo_gives_back_every_octet_in_order),
        TEST(discard_takes_all_and_says_nothing),
        TEST(several_connections_are_served_at_once),
        TEST(an_abort_ends_the_connection_at_both_ends),
        TEST(a_closed_port_refuses),
        TEST(http_serves_the_file_with_its_length),
        TEST(http_answers_two_requests_on_one_connection),
        TEST(chargen_sends_its_pattern_until_the_reader_has_enough),
        cmocka_unit_test(the_hash_does_not_depend_on_the_pieces),
    };
    return cmocka_run_group_tests_name("endpoint_apps", tests, NULL, NULL);
}
