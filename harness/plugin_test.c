/* refstack as a packetdrill plug-in, loaded with dlopen and driven through the table as packetdrill
 * does it: packets and time on the main thread, calls that block on a second one. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/plugin.h"
#include "harness/sut_so.h"
#include "refstack/wire.h"

enum { PEER_ISS = 5000, PORT = 8080, PEER = 40001, MAX = 65536 };

static void *object;
static struct plugin_table t;
static const struct rs_addr local = { 4, { 192, 168, 0, 1 } }, remote = { 4, { 192, 0, 2, 1 } };
static uint32_t iss;

/* ---- The peer --------------------------------------------------------------------------- */

static void say(struct tcp_seg seg)
{
    uint8_t p[2048];
    struct ip4_hdr ip = { .ihl = 5, .frag = IP4_DF, .ttl = 64, .proto = IP_PROTO_TCP, .src = remote,
                          .dst = local };
    seg.src_port = PEER;
    seg.dst_port = PORT;
    seg.wnd = 10000;
    const size_t n = tcp_emit_sum(&seg, &remote, &local, p + 20, sizeof(p) - 20);
    ip.total_len = (uint16_t)(20 + n);
    ip4_emit_sum(&ip, p, sizeof(p));
    assert_int_equal(t.netdev_send(t.userdata, p, 20 + n), 0);
}

/* False when nothing will come. */
static bool hear(struct tcp_seg *seg, long long *us)
{
    static uint8_t p[MAX];
    struct ip4_hdr ip;
    size_t count = sizeof(p);
    assert_int_equal(t.netdev_receive(t.userdata, p, &count, us), 0);
    if (!count)
        return false;
    assert_int_equal(ip4_parse(&ip, p, count), WIRE_OK);
    assert_int_equal(tcp_parse(seg, ip.payload, ip.payload_len), WIRE_OK);
    assert_true(tcp_checksum_ok(&local, &remote, ip.payload, ip.payload_len));
    return true;
}

static long long clock_now(void)
{
    struct timeval tv;
    assert_int_equal(t.gettimeofday(t.userdata, &tv, NULL), 0);
    return tv.tv_sec * 1000000LL + tv.tv_usec;
}

static int listening(void)
{
    const struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(PORT) };
    const int fd = t.socket(t.userdata, AF_INET, SOCK_STREAM, IPPROTO_TCP);
    assert_true(fd >= 0);
    assert_int_equal(t.bind(t.userdata, fd, (const void *)&at, sizeof(at)), 0);
    assert_int_equal(t.listen(t.userdata, fd, 5), 0);
    return fd;
}

/* ---- The second thread ------------------------------------------------------------------ */

enum call { ACCEPT, READ, WRITE, POLL, CONNECT };

static struct blocking {
    enum call call;
    int fd;
    char buf[64];
    struct sockaddr_in peer;
    struct pollfd poll;
    long result;
    int error;
    _Atomic int tid;
    _Atomic bool done;
    pthread_t thread;
} b;

static void *run(void *arg)
{
    socklen_t len = sizeof(b.peer);
    (void)arg;
    atomic_store(&b.tid, gettid());
    if (b.call == ACCEPT)
        b.result = t.accept(t.userdata, b.fd, (void *)&b.peer, &len);
    else if (b.call == READ)
        b.result = t.read(t.userdata, b.fd, b.buf, sizeof(b.buf));
    else if (b.call == POLL)
        b.result = t.poll(t.userdata, &b.poll, 1, 3000);
    else if (b.call == CONNECT)
        b.result = t.connect(t.userdata, b.fd, (void *)&b.peer, sizeof(b.peer));
    else
        b.result = t.write(t.userdata, b.fd, b.buf, sizeof(b.buf));
    b.error = errno;
    atomic_store(&b.done, true);
    return NULL;
}

/* Goes on when the thread sleeps in the kernel, as packetdrill does. */
static void begin_and_see_it_sleep(enum call call, int fd)
{
    b.call = call;
    b.fd = fd;
    atomic_store(&b.tid, 0);
    atomic_store(&b.done, false);
    assert_int_equal(pthread_create(&b.thread, NULL, run, NULL), 0);
    while (!atomic_load(&b.tid) || !so_asleep(getpid(), atomic_load(&b.tid)))
        assert_false(atomic_load(&b.done));
    assert_false(atomic_load(&b.done));
}

static long returned(void)
{
    assert_int_equal(pthread_join(b.thread, NULL), 0);
    return b.result;
}

static int establish(void)
{
    struct tcp_seg got;
    long long us;
    const int fd = listening();
    begin_and_see_it_sleep(ACCEPT, fd);
    say((struct tcp_seg){ .seq = PEER_ISS, .flags = TCP_SYN });
    assert_true(hear(&got, &us));
    assert_int_equal(got.flags, TCP_SYN | TCP_ACK);
    assert_int_equal(got.ack, PEER_ISS + 1);
    iss = got.seq;
    assert_false(atomic_load(&b.done));
    say((struct tcp_seg){ .seq = PEER_ISS + 1, .ack = iss + 1, .flags = TCP_ACK });
    const int conn = (int)returned();
    assert_true(conn > fd);
    assert_int_equal(ntohs(b.peer.sin_port), PEER);
    return conn;
}

/* ---- Fixture ---------------------------------------------------------------------------- */

static int begin(void **state)
{
    plugin_init *init;
    void *symbol = dlsym(object, PLUGIN_SYMBOL);
    (void)state;
    memcpy(&init, &symbol, sizeof(init));
    memset(&t, 0, sizeof(t));
    init("delayed_ack=0,seed=3,rcv_buf=65535", &t);
    return 0;
}

static int end(void **state)
{
    (void)state;
    t.free(t.userdata);
    return 0;
}

/* ---- Tests ------------------------------------------------------------------------------ */

static void the_table_is_as_the_interface_has_it_and_has_no_hole(void **state)
{
    void *slot[33];
    (void)state;
    assert_int_equal(sizeof(t), 264);
    memcpy(slot, &t, sizeof(slot));
    for (int i = 0; i < 33; i++)
        assert_non_null(slot[i]);
}

static void accept_blocks_until_the_handshake_is_done(void **state)
{
    (void)state;
    const int fd = establish();
    assert_true(fcntl(fd, F_GETFD) >= 0); /* a descriptor of the kernel's */
}

static void read_sleeps_until_text_comes(void **state)
{
    struct tcp_seg got;
    long long us;
    (void)state;
    const int fd = establish();
    begin_and_see_it_sleep(READ, fd);
    say((struct tcp_seg){ .seq = PEER_ISS + 1, .ack = iss + 1, .flags = TCP_ACK | TCP_PSH,
                          .text = (const uint8_t *)"hello", .text_len = 5 });
    assert_int_equal(returned(), 5);
    assert_memory_equal(b.buf, "hello", 5);
    assert_true(hear(&got, &us));
    assert_int_equal(got.ack, PEER_ISS + 6);
    assert_false(hear(&got, &us));
}

static void write_goes_out_and_is_retransmitted_by_the_virtual_clock(void **state)
{
    struct tcp_seg got;
    long long first, second, third;
    (void)state;
    const int fd = establish();
    const long long before = clock_now();
    assert_int_equal(t.write(t.userdata, fd, "data", 4), 4);
    assert_true(hear(&got, &first));
    assert_int_equal(got.text_len, 4);
    assert_true(first - before < 100);
    /* Nothing is queued: each call goes on to the next timer, which doubles. */
    assert_true(hear(&got, &second));
    assert_true(hear(&got, &third));
    assert_int_equal(got.seq, iss + 1);
    assert_true(second - first >= 100000);
    assert_in_range(third - second, 19 * (second - first) / 10, 21 * (second - first) / 10);
    assert_true(clock_now() >= third);
}

static void the_clock_advances_with_every_reading(void **state)
{
    (void)state;
    long long last = clock_now();
    for (int i = 0; i < 100; i++) {
        const long long now = clock_now();
        assert_true(now > last && now < last + 10);
        last = now;
    }
}

static void usleep_fires_what_falls_due(void **state)
{
    struct tcp_seg got;
    long long us;
    (void)state;
    const int fd = establish();
    assert_int_equal(t.write(t.userdata, fd, "x", 1), 1);
    const long long before = clock_now();
    assert_int_equal(t.usleep(t.userdata, 10000000), 0);
    assert_in_range(clock_now() - before, 10000000, 10000100);
    unsigned sent = 0;
    while (sent < 10 && hear(&got, &us) && us <= before + 10000000)
        sent++;
    assert_in_range(sent, 3, 8);
}

static void a_poll_gives_up_when_the_clock_says_so(void **state)
{
    (void)state;
    const int fd = establish();
    b.poll = (struct pollfd){ fd, POLLIN, 0 };
    begin_and_see_it_sleep(POLL, fd);
    assert_int_equal(t.usleep(t.userdata, 2999000), 0);
    assert_false(atomic_load(&b.done));
    assert_int_equal(t.usleep(t.userdata, 2000), 0);
    assert_int_equal(returned(), 0);
}

static void a_refused_connect_wakes_with_its_errno(void **state)
{
    struct tcp_seg got;
    long long us;
    const struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(PORT) };
    (void)state;
    const int fd = t.socket(t.userdata, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(t.bind(t.userdata, fd, (const void *)&at, sizeof(at)), 0);
    b.peer = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(PEER) };
    memcpy(&b.peer.sin_addr, remote.octet, 4);
    begin_and_see_it_sleep(CONNECT, fd);
    assert_true(hear(&got, &us));
    assert_int_equal(got.flags, TCP_SYN);
    say((struct tcp_seg){ .ack = got.seq + 1, .flags = TCP_RST | TCP_ACK });
    assert_int_equal(returned(), -1);
    assert_int_equal(b.error, ECONNREFUSED);
}

static void a_nonblocking_call_says_eagain(void **state)
{
    char c;
    (void)state;
    const int fd = establish();
    assert_int_equal(t.fcntl(t.userdata, fd, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(t.fcntl(t.userdata, fd, F_GETFL), O_RDWR | O_NONBLOCK);
    assert_int_equal(t.read(t.userdata, fd, &c, 1), -1);
    assert_int_equal(errno, EAGAIN);
}

static void close_sends_fin_and_gives_the_descriptor_back(void **state)
{
    struct tcp_seg got;
    long long us;
    (void)state;
    const int fd = establish();
    assert_int_equal(t.close(t.userdata, fd), 0);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    assert_true(hear(&got, &us));
    assert_int_equal(got.flags & TCP_FIN, TCP_FIN);
    say((struct tcp_seg){ .seq = PEER_ISS + 1, .ack = iss + 2, .flags = TCP_ACK | TCP_FIN });
    assert_true(hear(&got, &us));
    assert_int_equal(got.ack, PEER_ISS + 2);
    assert_false(hear(&got, &us));
    assert_int_equal(t.close(t.userdata, fd), -1);
    assert_int_equal(errno, EBADF);
}

static void epoll_tells_what_poll_tells(void **state)
{
    struct epoll_event event = { .events = EPOLLIN, .data.u64 = 77 }, got = { 0 };
    (void)state;
    const int fd = establish();
    const int ep = t.epoll_create(t.userdata, 1);
    assert_int_equal(t.epoll_ctl(t.userdata, ep, EPOLL_CTL_ADD, fd, &event), 0);
    assert_int_equal(t.epoll_ctl(t.userdata, ep, EPOLL_CTL_ADD, fd, &event), -1);
    assert_int_equal(errno, EEXIST);
    assert_int_equal(t.epoll_wait(t.userdata, ep, &got, 1, 0), 0);
    say((struct tcp_seg){ .seq = PEER_ISS + 1, .ack = iss + 1, .flags = TCP_ACK | TCP_FIN });
    assert_int_equal(t.epoll_wait(t.userdata, ep, &got, 1, 0), 1);
    assert_true(got.data.u64 == 77 && (got.events & EPOLLIN));
    assert_int_equal(t.close(t.userdata, ep), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_table_is_as_the_interface_has_it_and_has_no_hole),
        TEST(accept_blocks_until_the_handshake_is_done),
        TEST(read_sleeps_until_text_comes),
        TEST(write_goes_out_and_is_retransmitted_by_the_virtual_clock),
        TEST(the_clock_advances_with_every_reading),
        TEST(usleep_fires_what_falls_due),
        TEST(a_poll_gives_up_when_the_clock_says_so),
        TEST(a_refused_connect_wakes_with_its_errno),
        TEST(a_nonblocking_call_says_eagain),
        TEST(close_sends_fin_and_gives_the_descriptor_back),
        TEST(epoll_tells_what_poll_tells),
    };
    /* It lies beside the folder of this program. */
    char path[4096];
    const ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 64);
    path[n > 0 ? n : 0] = '\0';
    for (int i = 0; i < 2 && strrchr(path, '/'); i++)
        *strrchr(path, '/') = '\0';
    strcat(path, "/librefstack_packetdrill.so");
    object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!object) {
        fprintf(stderr, "plugin_test: %s\n", dlerror());
        return 1;
    }
    return cmocka_run_group_tests_name("plugin", tests, NULL, NULL);
}
