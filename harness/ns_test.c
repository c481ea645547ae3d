/* Namespaces, links and the kernel's own view, tested together: each needs the others.  Every test
 * runs in a child of its own, since a process cannot leave a user namespace again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/diag.h"
#include "harness/ns.h"
#include "harness/rtnl.h"
#include "harness/tap.h"

#define CHECK(x)                                                         \
    do {                                                                 \
        if (!(x)) {                                                      \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);      \
            _exit(1);                                                    \
        }                                                                \
    } while (0)

static void in_namespace(void (*body)(void))
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct ns_error error;
        if (ns_enter(&error) < 0) {
            fprintf(stderr, "skipped: %s\n", error.text);
            _exit(error.status);
        }
        body();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

static const struct rs_addr kernel_addr = { 4, { 10, 0, 0, 1 } };
static const struct rs_addr loopback = { 4, { 127, 0, 0, 1 } };

static void tap_has_address_mtu_and_neighbour(void)
{
    struct ns_error error;
    const uint8_t mac[6] = { 2, 0, 0, 0, 0, 2 };
    struct tapdev_config c = { .name = "tap0", .link = RS_LINK_ETHERNET, .mtu = 1400,
                               .txqueuelen = 2000, .addr = kernel_addr, .prefix_len = 24,
                               .peer = rs_ip4(10, 0, 0, 2), .peer_mac = mac };
    int tap = tapdev_up(&c, &error);
    CHECK(tap >= 0);

    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
    inet_pton(AF_INET, "10.0.0.2", &to.sin_addr);
    CHECK(sendto(s, "x", 1, 0, (struct sockaddr *)&to, sizeof to) == 1);
    uint8_t frame[2048];
    ssize_t n = 0;
    /* Other traffic (multicast listener reports) comes too; ours is the one to our MAC. */
    for (int i = 0; i < 100 && !(n == 43 && memcmp(frame, mac, 6) == 0); i++) {
        n = read(tap, frame, sizeof frame);
        if (n < 0)
            usleep(1000);
    }
    CHECK(n == 43 && memcmp(frame, mac, 6) == 0);

    uint8_t big[1401] = { 0 };
    int pmtu = IP_PMTUDISC_DO;
    CHECK(setsockopt(s, IPPROTO_IP, IP_MTU_DISCOVER, &pmtu, sizeof pmtu) == 0);
    CHECK(sendto(s, big, 1400 - 28 + 1, 0, (struct sockaddr *)&to, sizeof to) < 0);
    CHECK(errno == EMSGSIZE);
}

static void a_tap_gets_its_address_mtu_and_neighbour(void **state)
{
    (void)state;
    in_namespace(tap_has_address_mtu_and_neighbour);
}

static void names_refused(void)
{
    struct ns_error error;
    CHECK(tapdev_open("a name with spaces", RS_LINK_IP, &error) < 0 && error.status == 2);
    CHECK(strstr(error.text, "cannot be a device name"));
    CHECK(tapdev_open("", RS_LINK_IP, &error) < 0 && error.status == 2);
    int tun = tapdev_open("dev0", RS_LINK_IP, &error);
    CHECK(tun >= 0);
    CHECK(tapdev_open("dev0", RS_LINK_IP, &error) < 0 && error.status == 2);
    CHECK(strstr(error.text, "in use"));
    CHECK(ns_sysctl("net.ipv4.no_such_thing", "1", &error) < 0 && error.status == 2);
    CHECK(ns_sysctl("net.ipv4.tcp_fin_timeout", "60", &error) == 0);
}

static void bad_names_get_a_sentence(void **state)
{
    (void)state;
    in_namespace(names_refused);
}

static void veth_between_two_namespaces(void)
{
    struct rtnl rt;
    int first = ns_current();
    CHECK(first >= 0);
    struct ns_error error;
    CHECK(ns_enter_net(&error) == 0);
    CHECK(rtnl_open(&rt) == 0);
    CHECK(rtnl_veth_add(&rt, "v0", "v1", first) == 0);
    CHECK(rtnl_addr_add(&rt, "v0", &kernel_addr, 24) == 0);
    struct rs_addr six = { 6, { 0xfd, [15] = 1 } };
    CHECK(rtnl_addr_add(&rt, "v0", &six, 64) == 0);
    CHECK(rtnl_addr_add(&rt, "v0", &six, 64) == -EEXIST);
    CHECK(rtnl_link_set(&rt, "v0", &(struct rtnl_link){ .up = true }) == 0);
    struct rs_addr any = { .version = 4 }, gateway = rs_ip4(10, 0, 0, 9);
    CHECK(rtnl_route_add(&rt, "v0", &any, 0, &gateway) == 0);
    CHECK(rtnl_route_add(&rt, "nosuch", &any, 0, &gateway) == -ENODEV);
    CHECK(if_nametoindex("v1") == 0); /* it is in the first namespace */
    rtnl_close(&rt);
}

static void a_veth_pair_spans_two_namespaces(void **state)
{
    (void)state;
    in_namespace(veth_between_two_namespaces);
}

static int count_states[RS_N_STATES];

static void count_one(void *arg, const struct diag_socket *s)
{
    (void)arg;
    count_states[s->state]++;
}

/* Segments may be paced or acknowledged late: a state is reached within a second or never. */
static bool reaches(struct diag *d, const struct rs_endpoint *local,
                    const struct rs_endpoint *remote, enum rs_state want, struct diag_socket *s)
{
    for (int i = 0; i < 1000; i++) {
        if (diag_find(d, local, remote, s) == 0 && s->state == want)
            return true;
        usleep(1000);
    }
    return false;
}

static void kernel_states_are_read(void)
{
    struct diag d;
    struct diag_socket s;
    struct rs_endpoint server = { loopback, 7000 }, client = { loopback, 7001 };
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(7000),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr_in b = a;
    b.sin_port = htons(7001);
    CHECK(diag_open(&d) == 0);
    CHECK(diag_listener(&d, &server, &s) == -ENOENT);
    int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int c = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(l, (struct sockaddr *)&a, sizeof a) == 0 && listen(l, 5) == 0);
    CHECK(diag_listener(&d, &server, &s) == 0 && s.state == RS_LISTEN);
    CHECK(diag_find(&d, &client, &server, &s) == -ENOENT);
    CHECK(diag_find(&d, &server, &client, &s) == -ENOENT); /* a listener is not a connection */
    CHECK(bind(c, (struct sockaddr *)&b, sizeof b) == 0);
    CHECK(connect(c, (struct sockaddr *)&a, sizeof a) == 0);
    CHECK(send(c, "hello", 5, 0) == 5);
    int t = accept4(l, NULL, NULL, SOCK_CLOEXEC);
    CHECK(reaches(&d, &server, &client, RS_ESTABLISHED, &s));
    CHECK(s.rcv_queued == 5 && s.has_info && s.info.tcpi_bytes_received == 5);
    CHECK(shutdown(c, SHUT_WR) == 0);
    CHECK(reaches(&d, &client, &server, RS_FIN_WAIT_2, &s));
    CHECK(reaches(&d, &server, &client, RS_CLOSE_WAIT, &s));
    char buf[8];
    CHECK(recv(t, buf, sizeof buf, 0) == 5 && close(t) == 0);
    CHECK(reaches(&d, &client, &server, RS_TIME_WAIT, &s));
    CHECK(s.timer == DIAG_TIMER_TIME_WAIT && s.timer_ms > 50000);
    CHECK(diag_each(&d, 4, count_one, NULL) == 0);
    CHECK(count_states[RS_LISTEN] == 1 && count_states[RS_TIME_WAIT] == 1);
    diag_close(&d);
}

static void sock_diag_tells_the_states_of_rfc_9293(void **state)
{
    (void)state;
    in_namespace(kernel_states_are_read);
}

static void destroy_kills(void)
{
    struct diag d;
    struct diag_socket s;
    struct rs_endpoint server = { loopback, 7000 };
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(7000),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(l, (struct sockaddr *)&a, sizeof a) == 0 && listen(l, 5) == 0);
    CHECK(diag_open(&d) == 0);
    CHECK(diag_listener(&d, &server, &s) == 0);
    int rc = diag_destroy(&d, &s);
    if (rc == -EOPNOTSUPP || rc == -EPERM) {
        fprintf(stderr, "skipped: the kernel does not offer SOCK_DESTROY here\n");
        _exit(77);
    }
    CHECK(rc == 0);
    CHECK(diag_listener(&d, &server, &s) == -ENOENT);
}

static void sock_destroy_kills_a_socket_where_allowed(void **state)
{
    (void)state;
    in_namespace(destroy_kills);
}

/* The limits of a user namespace stand for a kernel that refuses. */
static void nothing_is_allowed(void)
{
    struct ns_error error;
    const struct rlimit none = { 3, 3 };
    CHECK(ns_sysctl("user.max_user_namespaces", "0", &error) == 0);
    CHECK(ns_sysctl("user.max_net_namespaces", "0", &error) == 0);
    CHECK(ns_enter(&error) < 0 && error.status == 77);
    CHECK(strstr(error.text, "cannot create a network namespace: "));
    CHECK(strchr(error.text, '\n') == NULL);
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    CHECK(tapdev_open("tap0", RS_LINK_ETHERNET, &error) < 0 && error.status == 77);
    CHECK(strstr(error.text, "cannot open /dev/net/tun: "));
}

static void a_kernel_that_refuses_is_a_sentence_and_77(void **state)
{
    (void)state;
    in_namespace(nothing_is_allowed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tap_gets_its_address_mtu_and_neighbour),
        cmocka_unit_test(bad_names_get_a_sentence),
        cmocka_unit_test(a_veth_pair_spans_two_namespaces),
        cmocka_unit_test(sock_diag_tells_the_states_of_rfc_9293),
        cmocka_unit_test(sock_destroy_kills_a_socket_where_allowed),
        cmocka_unit_test(a_kernel_that_refuses_is_a_sentence_and_77),
    };
    return cmocka_run_group_tests_name("namespaces", tests, NULL, NULL);
}
