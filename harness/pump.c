#include "harness/pump.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "harness/clock.h"

/* Frames taken from one side before the other has its turn: enough to make one ACK serve many
 * segments, few enough that no queue fills meanwhile. */
enum { BATCH = 64 };

/* Frames read before the first of them is given to the host, which fetches what the later ones will
 * touch meanwhile (rs_prefetch).  Pages of the buffer that no frame reaches stay untouched. */
enum { IN_HAND = 4 * RS_PREFETCH_AHEAD };

rs_time pump_now(void)
{
    return clock_us();
}

void pump_init(struct pump *p, struct rs_host *host, int fd, enum rs_link link,
               const struct fault_rates *rates)
{
    *p = (struct pump){ .host = host, .fd = fd, .batch = BATCH };
    p->buf = malloc((size_t)IN_HAND * PUMP_FRAME_MAX);
    if (!p->buf)
        abort();
    for (int dir = 0; dir < 2; dir++)
        fault_init(&p->link[dir], link, rates ? &rates[dir] : NULL);
}

void pump_free(struct pump *p)
{
    fault_free(&p->link[0]);
    fault_free(&p->link[1]);
    free(p->buf);
    p->buf = NULL;
}

static void write_device(struct pump *p, const uint8_t *frame, size_t len)
{
    ssize_t n = write(p->fd, frame, len);
    /* A device without room, or one that is down, loses the frame as any link may; EINVAL is the
     * kernel's word for a frame too short to be one. */
    if (n < 0 && (errno == EBADFD || errno == EBADF))
        p->error = errno;
}

static void deliver(struct pump *p, enum pump_dir dir, const uint8_t *frame, size_t len,
                    rs_time now)
{
    if (p->watch.delivering)
        p->watch.delivering(p->watch.arg, dir, frame, len, now);
    if (dir == PUMP_TO_HOST)
        rs_input(p->host, frame, len, now);
    else
        write_device(p, frame, len);
    p->frames[dir]++;
    p->octets[dir] += len;
    if (p->watch.delivered)
        p->watch.delivered(p->watch.arg, dir, frame, len, now);
}

/* A frame leaves its end. */
static void send_frame(struct pump *p, enum pump_dir dir, const uint8_t *frame, size_t len,
                       rs_time now)
{
    struct fault_link *link = &p->link[dir];
    bool direct = fault_idle(link);
    enum sc_fault_action action = direct ? SC_N_FAULTS : fault_push(link, frame, len, now);
    if (p->watch.sent)
        p->watch.sent(p->watch.arg, dir, frame, len, now, action);
    if (direct)
        deliver(p, dir, frame, len, now);
}

/* Headers from the buffer and text from the host's own pages, in one call. */
static bool from_host_gathered(struct pump *p, rs_time now)
{
    struct rs_piece piece[RS_PIECES];
    struct iovec io[1 + RS_PIECES];
    unsigned pieces;
    int n = 0;
    for (; n < BATCH; n++) {
        size_t len = rs_output_gather(p->host, p->buf, PUMP_FRAME_MAX, piece, &pieces, now);
        if (len == 0)
            break;
        io[0] = (struct iovec){ .iov_base = p->buf, .iov_len = len };
        for (unsigned i = 0; i < pieces; i++) {
            io[1 + i].iov_base = (void *)(uintptr_t)piece[i].octets;
            io[1 + i].iov_len = piece[i].len;
            len += piece[i].len;
        }
        if (writev(p->fd, io, (int)(1 + pieces)) < 0 && (errno == EBADFD || errno == EBADF))
            p->error = errno;
        p->frames[PUMP_TO_KERNEL]++;
        p->octets[PUMP_TO_KERNEL] += len;
    }
    return n > 0;
}

static bool from_host(struct pump *p, rs_time now)
{
    if (p->offload)
        return from_host_gathered(p, now);
    int n = 0;
    for (; n < BATCH; n++) {
        size_t len = rs_output(p->host, p->buf, PUMP_FRAME_MAX, now);
        if (len == 0)
            break;
        send_frame(p, PUMP_TO_KERNEL, p->buf, len, now);
    }
    return n > 0;
}

/* One frame, its text read to where the host wants it if the host can tell. */
static ssize_t read_placed(struct pump *p, rs_time now)
{
    struct rs_room room[RS_PIECES];
    struct iovec io[2 + RS_PIECES];
    size_t head = PUMP_FRAME_MAX, placed = 0;
    unsigned n = rs_input_room(p->host, &head, room);
    io[0] = (struct iovec){ .iov_base = p->buf, .iov_len = head };
    for (unsigned i = 0; i < n; i++) {
        io[1 + i] = (struct iovec){ .iov_base = room[i].octets, .iov_len = room[i].len };
        placed += room[i].len;
    }
    /* What is longer than the room goes on behind the place where all of it would stand. */
    io[1 + n] = (struct iovec){ .iov_base = p->buf + head + placed,
                                .iov_len = head + placed < PUMP_FRAME_MAX
                                               ? PUMP_FRAME_MAX - head - placed : 0 };
    ssize_t len = readv(p->fd, io, (int)(2 + n));
    if (len <= 0)
        return len;
    p->frames[PUMP_TO_HOST]++;
    p->octets[PUMP_TO_HOST] += (uint64_t)len;
    size_t text = n && (size_t)len > head ? (size_t)len - head : 0;
    if (text && text <= placed && rs_input_placed(p->host, p->buf, head, text, now))
        return len;
    for (size_t i = 0, at = head, left = text < placed ? text : placed; left > 0; i++) {
        size_t part = left < room[i].len ? left : room[i].len;
        memcpy(p->buf + at, room[i].octets, part);
        at += part;
        left -= part;
    }
    rs_input(p->host, p->buf, (size_t)len, now);
    return len;
}

static bool from_kernel_placed(struct pump *p, rs_time now)
{
    unsigned n = 0;
    for (; n < p->batch && !p->error; n++) {
        ssize_t len = read_placed(p, now);
        if (len < 0 && errno != EAGAIN && errno != EINTR)
            p->error = errno;
        if (len <= 0)
            break;
    }
    return n > 0;
}

/* Reads up to `most` frames, as the device has them; returns how many. */
static unsigned read_in_hand(struct pump *p, unsigned most, size_t len[IN_HAND])
{
    unsigned n = 0;
    for (; n < most; n++) {
        ssize_t got = read(p->fd, p->buf + (size_t)n * PUMP_FRAME_MAX, PUMP_FRAME_MAX);
        if (got < 0 && errno != EAGAIN && errno != EINTR)
            p->error = errno;
        if (got <= 0)
            break;
        len[n] = (size_t)got;
    }
    return n;
}

/* The i-th frame in hand, or none. */
static void prefetch(struct pump *p, const size_t len[IN_HAND], unsigned n, unsigned i)
{
    rs_prefetch(p->host, p->buf + (size_t)(i < n ? i : 0) * PUMP_FRAME_MAX, i < n ? len[i] : 0);
}

static bool from_kernel(struct pump *p, rs_time now)
{
    if (p->offload)
        return from_kernel_placed(p, now);
    size_t len[IN_HAND];
    unsigned done = 0, n = IN_HAND;
    while (done < p->batch && n == IN_HAND && !p->error) {
        n = read_in_hand(p, p->batch - done < IN_HAND ? p->batch - done : IN_HAND, len);
        const bool ahead = n > 1 && fault_idle(&p->link[PUMP_TO_HOST]);
        for (unsigned i = 0; ahead && i < RS_PREFETCH_AHEAD; i++)
            prefetch(p, len, n, i);
        for (unsigned i = 0; i < n; i++) {
            if (ahead)
                prefetch(p, len, n, i + RS_PREFETCH_AHEAD);
            send_frame(p, PUMP_TO_HOST, p->buf + (size_t)i * PUMP_FRAME_MAX, len[i], now);
        }
        done += n;
    }
    return done > 0;
}

static bool from_link(struct pump *p, enum pump_dir dir, rs_time now)
{
    unsigned n = 0, most = dir == PUMP_TO_HOST ? p->batch : BATCH;
    for (; n < most && p->link[dir].first; n++) {
        size_t len = fault_pop(&p->link[dir], p->buf, PUMP_FRAME_MAX, now);
        if (len == 0)
            break;
        deliver(p, dir, p->buf, len, now);
    }
    return n > 0;
}

bool pump_work(struct pump *p)
{
    rs_time now = pump_now();
    bool any = from_host(p, now);
    any |= from_link(p, PUMP_TO_KERNEL, now);
    any |= from_kernel(p, now);
    any |= from_link(p, PUMP_TO_HOST, now);
    return any;
}

static rs_time earlier(rs_time a, rs_time b)
{
    return a < b ? a : b;
}

rs_time pump_due(const struct pump *p)
{
    rs_time link = earlier(fault_deadline(&p->link[0]), fault_deadline(&p->link[1]));
    return earlier(rs_deadline(p->host), link);
}

void pump_wait(struct pump *p, rs_time until, struct pollfd *poll_fds, unsigned n)
{
    struct pollfd alone;
    struct pollfd *fds = n ? poll_fds : &alone;
    rs_time now = pump_now();
    until = earlier(until, pump_due(p));
    fds[n] = (struct pollfd){ .fd = p->fd, .events = POLLIN };
    if (until == RS_NEVER) {
        ppoll(fds, n + 1, NULL, NULL);
        return;
    }
    rs_time left = until > now ? until - now : 0;
    struct timespec t = { .tv_sec = (time_t)(left / RS_SEC),
                          .tv_nsec = (long)(left % RS_SEC) * 1000 };
    ppoll(fds, n + 1, &t, NULL);
}
