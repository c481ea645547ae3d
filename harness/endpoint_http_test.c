#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "harness/endpoint_http.h"

static const struct http_file file = { "/", "text/plain", (const uint8_t *)"hello\n", 6 };

/* Offers the request octet by octet: it must be answered at its last octet and not before. */
static struct http_answer answer(const char *request)
{
    struct http_answer a;
    size_t len = strlen(request);
    for (size_t i = 0; i < len; i++)
        assert_false(http_answer(&a, request, i, &file));
    assert_true(http_answer(&a, request, len, &file));
    assert_int_equal(a.used, len);
    assert_int_equal(strlen(a.head), a.head_len);
    return a;
}

static void get_of_the_target_sends_the_file(void **state)
{
    (void)state;
    struct http_answer a = answer("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(a.status, 200);
    assert_true(a.send_file);
    assert_false(a.close);
    assert_non_null(strstr(a.head, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(a.head, "Content-Length: 6\r\n"));
    assert_string_equal(a.head + a.head_len - 4, "\r\n\r\n");
}

static void head_has_the_length_and_no_content(void **state)
{
    (void)state;
    struct http_answer a = answer("HEAD /?q HTTP/1.1\r\nhost:x\r\nConnection: close\r\n\r\n");
    assert_int_equal(a.status, 200);
    assert_false(a.send_file);
    assert_true(a.close);
    assert_non_null(strstr(a.head, "Content-Length: 6\r\n"));
    assert_non_null(strstr(a.head, "Connection: close\r\n"));
    a = answer("HEAD /other HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(a.status, 404);
    assert_string_equal(a.head + a.head_len - 4, "\r\n\r\n");
}

static void another_target_is_404_and_another_method_405(void **state)
{
    (void)state;
    struct http_answer a = answer("GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(a.status, 404);
    assert_non_null(strstr(a.head, "Content-Length: 14\r\n"));
    assert_non_null(strstr(a.head, "\r\n\r\n404 Not Found\n"));
    a = answer("PUT / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(a.status, 405);
    assert_non_null(strstr(a.head, "Allow: GET, HEAD\r\n"));
}

static void what_is_no_request_is_400_and_ends_the_connection(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "hello\r\n\r\n",
        "GET /\r\nHost: x\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n", /* no Host */
        "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1x\r\n\r\n",
        "GET  HTTP/1.1\r\nHost: x\r\n\r\n",
        "\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct http_answer a = answer(bad[i]);
        assert_int_equal(a.status, 400);
        assert_true(a.close);
        assert_false(a.send_file);
    }
}

static void http_1_0_closes_unless_asked_to_stay(void **state)
{
    (void)state;
    assert_true(answer("GET / HTTP/1.0\r\n\r\n").close);
    assert_false(answer("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").close);
}

static void content_of_a_refused_method_is_counted_out(void **state)
{
    (void)state;
    struct http_answer a;
    const char *post = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n1234";
    assert_true(http_answer(&a, post, strlen(post), &file));
    assert_int_equal(a.status, 405);
    assert_int_equal(a.used, strlen(post));
    assert_int_equal(a.discard, 6);
}

static void a_pipelined_request_is_left_for_the_next_call(void **state)
{
    (void)state;
    struct http_answer a;
    const char *two = "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /x HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_true(http_answer(&a, two, strlen(two), &file));
    assert_int_equal(a.status, 200);
    assert_true(http_answer(&a, two + a.used, strlen(two) - a.used, &file));
    assert_int_equal(a.status, 404);
}

static void an_endless_head_is_400(void **state)
{
    (void)state;
    struct http_answer a;
    static char octets[HTTP_REQUEST_MAX];
    memset(octets, 'a', sizeof octets);
    assert_false(http_answer(&a, octets, sizeof octets - 1, &file));
    assert_true(http_answer(&a, octets, sizeof octets, &file));
    assert_int_equal(a.status, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_of_the_target_sends_the_file),
        cmocka_unit_test(head_has_the_length_and_no_content),
        cmocka_unit_test(another_target_is_404_and_another_method_405),
        cmocka_unit_test(what_is_no_request_is_400_and_ends_the_connection),
        cmocka_unit_test(http_1_0_closes_unless_asked_to_stay),
        cmocka_unit_test(content_of_a_refused_method_is_counted_out),
        cmocka_unit_test(a_pipelined_request_is_left_for_the_next_call),
        cmocka_unit_test(an_endless_head_is_400),
    };
    return cmocka_run_group_tests_name("endpoint_http", tests, NULL, NULL);
}
