#include "harness/check.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct check_finding *check_found(struct check *c, struct check_flow *f, unsigned sender,
                                  enum oracle rule, const char *fmt, ...)
{
    va_list args;

    if (c->n_finding == c->cap_finding) {
        c->cap_finding = c->cap_finding ? 2 * c->cap_finding : 64;
        c->finding = realloc(c->finding, c->cap_finding * sizeof c->finding[0]);
        if (!c->finding)
            abort();
    }
    struct check_finding *found = &c->finding[c->n_finding++];
    *found = (struct check_finding){
        .packet = c->packet, .rule = rule, .us = c->us, .flow = f, .sender = sender
    };
    va_start(args, fmt);
    vsnprintf(found->seen, sizeof found->seen, fmt, args);
    va_end(args);
    return found;
}

/* ---- Connections ------------------------------------------------------------------------ */

static unsigned bucket_of(const struct rs_endpoint *a, const struct rs_endpoint *b)
{
    unsigned sum = (unsigned)a->port * b->port + a->port + b->port; /* either way the same */
    for (int i = 0; i < 16; i++)
        sum += (unsigned)(a->addr.octet[i] + b->addr.octet[i]) << i % 8;
    return sum % CHECK_BUCKETS;
}

static bool same(const struct rs_endpoint *a, const struct rs_endpoint *b)
{
    return a->port == b->port && rs_addr_eq(&a->addr, &b->addr);
}

static struct check_flow *find(const struct check *c, const struct rs_endpoint *src,
                               const struct rs_endpoint *dst, unsigned *sender)
{
    struct check_flow *f = c->bucket[bucket_of(src, dst)];
    for (; f; f = f->chained) {
        *sender = same(&f->end[0].at, src) ? 0 : 1;
        if (same(&f->end[*sender].at, src) && same(&f->end[!*sender].at, dst))
            return f;
    }
    *sender = 0;
    return NULL;
}

static struct check_flow *flow_of(struct check *c, const struct rs_endpoint *src,
                                  const struct rs_endpoint *dst, const struct tcp_seg *seg,
                                  unsigned *sender)
{
    struct check_flow *f = find(c, src, dst, sender);
    const bool opens = (seg->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
    if (f && !(opens && f->over && f->end[*sender].iss != seg->seq))
        return f;
    struct check_flow **head = &c->bucket[bucket_of(src, dst)];
    f = calloc(1, sizeof *f);
    if (!f)
        abort();
    *sender = 0;
    f->end[0].at = *src;
    f->end[1].at = *dst;
    f->chained = *head;
    *head = f;
    f->older = c->last;
    c->last = f;
    c->n_flows++;
    return f;
}

/* ---- Packets ---------------------------------------------------------------------------- */

enum sum { SUM_RIGHT, SUM_UNFILLED, SUM_WRONG, SUM_CUT };

/* A host whose device computes checksums records its own segments before: the field holds the sum
 * of the pseudo-header, with or without the length, or nothing. */
static enum sum sum_of(const struct egress_ip *ip, const struct tcp_seg *seg, bool cut)
{
    const uint32_t len = ip->payload_len;
    const unsigned whole = csum_fold(csum_pseudo(&ip->src, &ip->dst, IP_PROTO_TCP, len));
    const unsigned part = csum_fold(csum_pseudo(&ip->src, &ip->dst, IP_PROTO_TCP, 0));
    const unsigned sum = seg->csum ^ 0xffffu;

    if (cut)
        return SUM_CUT;
    if (tcp_checksum_ok(&ip->src, &ip->dst, ip->payload, len))
        return SUM_RIGHT;
    if (seg->csum == 0 || sum == whole || sum == part)
        return SUM_UNFILLED;
    return SUM_WRONG;
}

static void segment(struct check *c, const struct egress_ip *ip, const struct tcp_seg *seg,
                    bool cut)
{
    const struct rs_endpoint src = { ip->src, seg->src_port }, dst = { ip->dst, seg->dst_port };
    unsigned sender = 0;
    struct check_flow *f = flow_of(c, &src, &dst, seg, &sender);
    const uint32_t most = f->end[!sender].mss;
    enum sum sum = sum_of(ip, seg, cut);

    /* A device that puts segments together leaves the first one's checksum. */
    if (sum == SUM_WRONG && most && seg->text_len > most)
        sum = SUM_UNFILLED;
    c->cut += sum == SUM_CUT;
    c->unfilled += sum == SUM_UNFILLED;
    f->end[sender].right += sum == SUM_RIGHT;
    if (sum == SUM_WRONG) {
        /* As its receiver takes it: it counts for nothing. */
        check_found(c, f, sender, ORACLE_egress_checksum, "checksum %04x", seg->csum)->state =
            CHECK_IF_FILLED;
        return;
    }
    check_form(c, f, sender, seg);
    check_flow_segment(c, f, sender, seg, sum == SUM_RIGHT);
}

static void packet(void *arg, const struct capture_packet *p)
{
    struct check *c = arg;
    struct egress_ip ip;
    struct tcp_seg seg;

    c->packet = p->number;
    c->us = p->us;
    c->n_packets++;
    if (p->len == 0 || !egress_ip(p->octets, p->len, &ip) || ip.proto != IP_PROTO_TCP)
        c->other++;
    else if (ip.fragment)
        c->fragments++;
    else if (tcp_parse(&seg, ip.payload, ip.payload_len) != WIRE_OK ||
             (size_t)(seg.text - p->octets) > p->held)
        c->other++;
    else
        segment(c, &ip, &seg, p->held < p->len);
}

/* ---- The end ---------------------------------------------------------------------------- */

static void decide(struct check *c, struct check_finding *found)
{
    if (found->state == CHECK_OPEN || (found->state == CHECK_UNLESS_LOST && found->flow->gaps)) {
        found->state = CHECK_DROPPED;
        c->undecided++;
    }
    /* A connection none of whose checksums is right would not have come about. */
    if (found->state == CHECK_IF_FILLED && !found->flow->end[found->sender].right) {
        found->state = CHECK_DROPPED;
        c->unfilled++;
    }
    c->n_stands += found->state != CHECK_DROPPED;
}

int check_capture(struct check *c, const char *path, char *why)
{
    const int status = capture_read(path, packet, c, why);

    for (size_t i = 0; i < c->n_finding; i++)
        decide(c, &c->finding[i]);
    for (const struct check_flow *f = c->last; f; f = f->older) {
        c->before += !f->end[0].has_iss && !f->end[1].has_iss;
        c->unsure += f->unsure;
        c->gaps += f->gaps;
    }
    return status;
}

static void note(FILE *out, const char *path, unsigned long n, const char *what)
{
    if (n)
        fprintf(out, "%s: %lu %s\n", path, n, what);
}

void check_print(FILE *out, const struct check *c, const char *path)
{
    for (size_t i = 0; i < c->n_finding; i++) {
        const struct check_finding *found = &c->finding[i];
        const struct oracle_info *rule = &oracle_info[found->rule];
        if (found->state != CHECK_DROPPED)
            fprintf(out, "%s:%lu: %s (%s): %s; seen: %s\n", path, found->packet, rule->id,
                    rule->clause, rule->text, found->seen);
    }
    note(out, path, c->other, "packets are no TCP, or cut within its header: not judged");
    note(out, path, c->fragments, "packets are fragments: not judged");
    note(out, path, c->cut, "segments are recorded in part: their checksums are not judged");
    note(out, path, c->unfilled, "segments were recorded while their checksums were a "
         "device's work: those are not judged");
    note(out, path, c->before, "connections began before the capture: their segments are judged "
         "one by one");
    note(out, path, c->unsure, "connections have a second SYN: not judged as a whole from there");
    note(out, path, c->gaps, "times a segment is missing or out of order");
    note(out, path, c->undecided, "findings left out that a packet missing from the capture would "
         "explain");
    fprintf(out, "%s: %lu packets, %lu connections, %zu findings\n", path, c->n_packets,
            c->n_flows, c->n_stands);
}

void check_free(struct check *c)
{
    while (c->last) {
        struct check_flow *f = c->last;
        c->last = f->older;
        free(f);
    }
    free(c->finding);
}
