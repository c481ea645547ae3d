/* Reassembly of IPv4 and IPv6 fragments (RFC 1122 section 3.3.2, RFC 8200 section 4.5).
 *
 * Each datagram in pieces has a page that says which octets are there; the octets lie in a chain.
 * Few datagrams, few pieces each, a share of the pool and a minute: whoever sends more loses the
 * oldest.  Pieces that overlap condemn their datagram (RFC 5722, for IPv4 too: no honest sender
 * makes them), and it stays condemned until its time is over, so that a piece still to come does
 * not start it anew. */
#include <string.h>

#include "refstack/cursor.h"
#include "refstack/host.h"

enum { DATAGRAM_MAX = UINT16_MAX + IP6_HEADER, HEAD_MAX = 256, PIECES_MAX = 64 };
/* The share of the pool that pieces may hold. */
enum { POOL_SHARE = 3 };
static const rs_time patience = 60 * RS_SEC;

struct piece {
    uint16_t from, to;
};

struct frag_queue {
    struct rs_addr src, dst;
    uint32_t id;
    uint8_t proto;
    uint8_t next;
    uint16_t next_at;
    rs_time deadline;
    struct chain head; /* headers of the first fragment */
    struct chain data;
    uint32_t total;     /* octets of data in all; 0: the last piece is not here */
    uint32_t have;      /* octets here */
    uint16_t first_len; /* of the first piece; 0: not here */
    uint8_t ecn_seen;   /* a bit for each of the four codepoints */
    bool condemned;
    uint16_t n;
    struct piece piece[];
};

_Static_assert(sizeof(struct frag_queue) + 16 * sizeof(struct piece) <= 256, "the smallest page");

static struct frag_queue *queue_at(const struct rs_host *h, unsigned i)
{
    return pool_page(&h->pool, h->frag[i]);
}

bool frag_holds(const struct rs_host *h, unsigned i, struct chain *head, struct chain *data)
{
    if (i >= h->n_frag)
        return false;
    *head = queue_at(h, i)->head;
    *data = queue_at(h, i)->data;
    return true;
}

/* The others keep their order, the oldest first. */
static void drop(struct rs_host *h, unsigned i)
{
    struct frag_queue *q = queue_at(h, i);

    chain_free(&h->pool, &q->head);
    chain_free(&h->pool, &q->data);
    pool_give(&h->pool, h->frag[i]);
    h->n_frag--;
    memmove(&h->frag[i], &h->frag[i + 1], (h->n_frag - i) * sizeof h->frag[0]);
}

/* IPv4 tells datagrams apart by addresses, protocol and identification (RFC 791 section 3.2), IPv6
 * by addresses and identification (RFC 8200 section 4.5), its protocol being 0 here. */
static unsigned find(const struct rs_host *h, const struct fragment *f)
{
    unsigned i = 0;

    pool_steps(&h->pool, h->n_frag);
    for (; i < h->n_frag; i++) {
        const struct frag_queue *q = queue_at(h, i);
        if (q->id == f->id && q->proto == f->proto && rs_addr_eq(&q->src, &f->src) &&
            rs_addr_eq(&q->dst, &f->dst))
            break;
    }
    return i;
}

/* A minute from the first piece that comes, whatever follows (RFC 1122 section 3.3.2: 60 to 120
 * seconds; RFC 8200: 60). */
static unsigned start(struct rs_host *h, const struct fragment *f)
{
    if (h->n_frag == FRAG_QUEUES)
        drop(h, 0);
    const uint32_t page = pool_take(&h->pool);
    if (page == PAGE_NONE)
        return FRAG_QUEUES;
    struct frag_queue *q = pool_page(&h->pool, page);
    *q = (struct frag_queue){
        .src = f->src,
        .dst = f->dst,
        .id = f->id,
        .proto = f->proto,
        .deadline = h->now + patience,
        .head = CHAIN_EMPTY,
        .data = CHAIN_EMPTY,
    };
    h->frag[h->n_frag] = page;
    return h->n_frag++;
}

/* Its octets go at once, the entry stays to refuse what is still on the way. */
static enum rs_reason condemn(struct rs_host *h, struct frag_queue *q)
{
    q->condemned = true;
    q->first_len = 0; /* section 4.5: no error is sent about it */
    chain_free(&h->pool, &q->head);
    chain_free(&h->pool, &q->data);
    return RS_REASON_IP_FRAGMENT;
}

/* ---- One piece -------------------------------------------------------------------------- */

static uint32_t pages_of(const struct rs_host *h, uint32_t octets)
{
    return (octets + h->pool.octets - 1) >> h->pool.shift;
}

static uint32_t pages_held(const struct rs_host *h, unsigned i)
{
    const struct frag_queue *q = queue_at(h, i);
    return 1 + pages_of(h, q->head.len) + pages_of(h, q->data.len);
}

/* Counted as if all lay before what is missing: a chain has no holes, so that a last piece alone
 * takes the pages of the whole. */
static uint32_t pages_wanted(const struct rs_host *h, uint32_t octets)
{
    return 1 + pages_of(h, HEAD_MAX) + pages_of(h, octets);
}

/* Makes room for the i-th queue to hold so many octets of data, at the price of older ones; returns
 * where the queue stands then.  A third of the pool, so that fragments never take what connections
 * need. */
static unsigned make_room(struct rs_host *h, unsigned i, uint32_t octets)
{
    for (;;) {
        uint32_t others = 0;
        pool_steps(&h->pool, h->n_frag);
        for (unsigned k = 0; k < h->n_frag; k++)
            others += k == i ? 0 : pages_held(h, k);
        if (others + pages_wanted(h, octets) <= h->pool.n / POOL_SHARE || BUG(FRAGMENT_FLOOD))
            return i;
        const unsigned oldest = i == 0 ? 1 : 0;
        drop(h, oldest);
        i -= oldest < i;
    }
}

/* The same piece once more is harmless; one that shares octets with another is not. */
enum meets { MEETS_NONE, MEETS_ITSELF, MEETS_ANOTHER };

static enum meets meets(const struct pool *p, const struct frag_queue *q, uint32_t from,
                        uint32_t to)
{
    pool_steps(p, q->n);
    for (unsigned i = 0; i < q->n; i++) {
        if (q->piece[i].from == from && q->piece[i].to == to)
            return MEETS_ITSELF;
        if (from < q->piece[i].to && q->piece[i].from < to && !BUG(FRAGMENT_OVERLAP))
            return MEETS_ANOTHER;
    }
    return MEETS_NONE;
}

/* RFC 8200 section 4.5: a network may duplicate, and an exact copy may be dropped without harm to
 * the rest.  In steps of a small buffer, the chain being in pages. */
static bool same_octets(const struct rs_host *h, const struct frag_queue *q,
                        const struct fragment *f)
{
    uint8_t held[64];

    for (size_t at = 0; at < f->len; at += sizeof held) {
        const size_t n = f->len - at < sizeof held ? f->len - at : sizeof held;
        chain_get(&h->pool, &q->data, f->off + (uint32_t)at, held, (uint32_t)n, NULL);
        if (memcmp(held, f->data + at, n) != 0)
            return false;
    }
    return true;
}

/* The end is where the last piece says, for all of them.  Teardrop (CVE-1999-0015) was two pieces
 * of which one ended inside the other, and a length below zero. */
static bool end_agrees(struct frag_queue *q, const struct fragment *f)
{
    const uint32_t end = f->off + (uint32_t)f->len;

    if (f->more)
        return q->total == 0 || end < q->total;
    for (unsigned i = 0; i < q->n; i++)
        if (q->piece[i].to > end)
            return false;
    if (q->total && q->total != end)
        return false;
    q->total = end;
    return true;
}

/* The headers before the fragmentable part are the first piece's; what others say is not compared
 * (RFC 8200 section 4.5). */
static bool keep_head(struct rs_host *h, struct frag_queue *q, const struct fragment *f)
{
    q->first_len = (uint16_t)f->len;
    q->next = f->next;
    q->next_at = f->next_at;
    return f->head_len <= HEAD_MAX &&
           chain_append(&h->pool, &q->head, f->head, (uint32_t)f->head_len) == f->head_len;
}

/* Few pieces: an honest datagram has two or three, and looking each through for each is what
 * FragmentSmack (CVE-2018-5391) fed on. */
static enum rs_reason store(struct rs_host *h, struct frag_queue *q, const struct fragment *f)
{
    const unsigned fits = (h->pool.octets - (unsigned)sizeof *q) / (unsigned)sizeof q->piece[0];
    const uint32_t end = f->off + (uint32_t)f->len;
    const enum meets m = meets(&h->pool, q, f->off, end);

    if (m == MEETS_ITSELF && same_octets(h, q, f))
        return RS_REASON_IP_FRAGMENT_HELD;
    if (m != MEETS_NONE || !end_agrees(q, f))
        return condemn(h, q);
    if (q->n == (fits < PIECES_MAX ? fits : PIECES_MAX) ||
        chain_grow(&h->pool, &q->data, end) < end || (f->off == 0 && !keep_head(h, q, f)))
        return condemn(h, q);
    chain_put(&h->pool, &q->data, f->off, f->data, (uint32_t)f->len);
    q->piece[q->n++] = (struct piece){ .from = (uint16_t)f->off, .to = (uint16_t)end };
    q->have += (uint32_t)f->len;
    if (f->off == 0 || !BUG(FRAGMENT_CE_LOST))
        q->ecn_seen |= (uint8_t)(1 << f->ecn);
    return RS_REASON_IP_FRAGMENT_HELD;
}

/* ---- The whole -------------------------------------------------------------------------- */

enum { ECN_NONE = 1 << 0, ECN_CE = 1 << 3 };

/* RFC 3168 section 5.3: one piece that met congestion marks the whole; together with one that could
 * not have been marked it is thrown away. */
static bool ecn_contradicts(const struct frag_queue *q)
{
    return (q->ecn_seen & ECN_CE) && (q->ecn_seen & ECN_NONE);
}

/* Total length, no fragment bits, and a new checksum: then it is a datagram like any. smoltcp
 * (#1094) got the total length wrong. */
static void restore4(const struct frag_queue *q, uint8_t *p, size_t head)
{
    enum { TOS_AT = 1, LEN_AT = 2, FRAG_AT = 6, CSUM_AT = 10 };
    const uint8_t tos = p[TOS_AT];
    struct wcur c = wcur_of(p + TOS_AT, 3);

    wcur_u8(&c, (uint8_t)(tos | ((q->ecn_seen & ECN_CE) ? 3 : 0)));
    wcur_u16(&c, (uint16_t)(head + q->total));
    c = wcur_of(p + FRAG_AT, 2);
    wcur_u16(&c, 0);
    c = wcur_of(p + CSUM_AT, 2);
    wcur_u16(&c, 0);
    c = wcur_of(p + CSUM_AT, 2);
    wcur_u16(&c, csum_fold(csum_add(0, p, head)));
}

/* The fragment header is left out, so that the header before it names what came after it. */
static void restore6(const struct frag_queue *q, uint8_t *p, size_t head)
{
    enum { CLASS_AT = 1, LEN_AT = 4 };
    const uint8_t class_low = p[CLASS_AT];
    struct wcur c = wcur_of(p + CLASS_AT, 1);

    wcur_u8(&c, (uint8_t)(class_low | ((q->ecn_seen & ECN_CE) ? 0x30 : 0)));
    c = wcur_of(p + LEN_AT, 2);
    wcur_u16(&c, (uint16_t)(head - IP6_HEADER + q->total));
    c = wcur_of(p + q->next_at, 1);
    wcur_u8(&c, q->next);
}

/* The datagram as it was before it was cut, taken in as one.  It goes in by the front door, so that
 * nothing passes whole that would not have as one. */
static void deliver(struct rs_host *h, unsigned i)
{
    uint8_t whole[DATAGRAM_MAX + HEAD_MAX];
    const struct frag_queue *q = queue_at(h, i);
    const uint32_t head = q->head.len;
    const uint32_t len = head + q->total;
    const bool is4 = q->src.version == 4;

    if (!ecn_contradicts(q) && (is4 ? len : len - IP6_HEADER) <= UINT16_MAX) {
        chain_get(&h->pool, &q->head, 0, whole, head, NULL);
        chain_get(&h->pool, &q->data, 0, whole + head, q->total, NULL);
        if (is4)
            restore4(q, whole, head);
        else
            restore6(q, whole, head);
        drop(h, i);
        ip_input(h, whole, len, IP_FROM_FRAGMENTS);
    } else {
        drop(h, i);
    }
}

/* "off + len" beyond 65535 is the ping of death. */
enum rs_reason frag_input(struct rs_host *h, const struct fragment *f)
{
    /* RFC 791 has every piece but the last a multiple of eight octets; an empty one is no piece. */
    if (f->len == 0 || (f->off + f->len > UINT16_MAX && !BUG(FRAGMENT_BEYOND_END)) ||
        (f->more && f->len % 8 != 0))
        return RS_REASON_IP_FRAGMENT;
    const uint32_t end = f->off + (uint32_t)f->len;
    if (pages_wanted(h, end) > h->pool.n / POOL_SHARE && !BUG(FRAGMENT_FLOOD))
        return RS_REASON_IP_FRAGMENT;
    unsigned i = find(h, f);
    if (i == h->n_frag)
        i = start(h, f);
    if (i == FRAG_QUEUES || queue_at(h, i)->condemned)
        return RS_REASON_IP_FRAGMENT;
    /* Room is made before anything is stored, which may move the queue to another place in the
     * list. */
    const uint32_t held = queue_at(h, i)->data.len;
    const unsigned at = make_room(h, i, end > held ? end : held);
    const enum rs_reason r = store(h, queue_at(h, at), f);
    const struct frag_queue *q = queue_at(h, at);
    if (!q->condemned && q->total && (q->have == q->total || BUG(FRAGMENT_HOLE)))
        deliver(h, at);
    return r;
}

/* ---- Time ------------------------------------------------------------------------------- */

rs_time frag_deadline(const struct rs_host *h)
{
    rs_time earliest = RS_NEVER;

    for (unsigned i = 0; i < h->n_frag; i++)
        if (queue_at(h, i)->deadline < earliest)
            earliest = queue_at(h, i)->deadline;
    return earliest;
}

/* The first fragment again, as far as an error quotes it: with its fragment header in IPv6.  RFC
 * 4443 section 3.3 and RFC 792 quote the datagram as it came, which was a piece. */
static size_t first_again(const struct rs_host *h, const struct frag_queue *q, uint8_t *buf)
{
    size_t n = q->head.len;
    const uint32_t room = IP6_MIN_MTU - HEAD_MAX;
    const uint32_t data = q->first_len < room ? q->first_len : room;

    chain_get(&h->pool, &q->head, 0, buf, q->head.len, NULL);
    if (q->src.version == 6) {
        const struct ip6_frag f = { .next = q->next, .off = IP6_MORE, .id = q->id };
        n += ip6_frag_emit(&f, buf + n, IP6_FRAG_HEADER);
    }
    chain_get(&h->pool, &q->data, 0, buf + n, data, NULL);
    return n + data;
}

/* RFC 1122 section 3.3.2, RFC 8200 section 4.5: only when the first fragment is here. */
static void report_late(struct rs_host *h, const struct frag_queue *q)
{
    uint8_t buf[IP6_MIN_MTU + IP6_FRAG_HEADER];
    const size_t n = first_again(h, q, buf);
    const bool is4 = q->src.version == 4;
    const size_t head = is4 ? q->head.len : q->head.len + (size_t)IP6_FRAG_HEADER;
    const struct datagram d = {
        .src = q->src,
        .dst = q->dst,
        .proto = is4 ? q->proto : q->next,
        .payload = buf + head,
        .len = n - head,
        .start = buf,
        .start_len = n,
    };
    icmp_send_error(h, &d, is4 ? ICMP_TIME_EXCEEDED : ICMP6_TIME_EXCEEDED, 1, 0);
}

/* Until then a datagram that was condemned holds its place, and its identification with it. */
void frag_expire(struct rs_host *h)
{
    for (unsigned i = 0; i < h->n_frag;) {
        const struct frag_queue *q = queue_at(h, i);
        if (q->deadline > h->now) {
            i++;
            continue;
        }
        if (BUG(FRAGMENT_PAGE_LEAK))
            return;
        if (q->first_len || BUG(FRAGMENT_LATE))
            report_late(h, q);
        drop(h, i);
    }
}
