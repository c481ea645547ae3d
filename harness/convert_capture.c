/* A capture as a script: which end is the stack under test, and its connections. */
#include "harness/convert_capture.h"

#include <arpa/inet.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#include "harness/input.h"

/* ---- Frames ----------------------------------------------------------------------------- */

/* Octets before the IP header by the capture's link type; -1: one that is not read here. */
static int link_header(int link, const uint8_t *p, size_t len)
{
    enum { VLAN = 0x8100, TAG = 4, TYPE_AT = 12 };
    switch (link) {
    case DLT_EN10MB:
        return len > TYPE_AT + 1 && (p[TYPE_AT] << 8 | p[TYPE_AT + 1]) == VLAN ? 14 + TAG : 14;
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6: return 0;
    case DLT_NULL:
    case DLT_LOOP: return 4;
    case DLT_LINUX_SLL: return 16;
    case DLT_LINUX_SLL2: return 20;
    default: return -1;
    }
}

/* ---- Connections ------------------------------------------------------------------------ */

static void address_text(const struct rs_addr *a, char text[48])
{
    size_t n = 0;
    for (int i = 0; a->version == 4 && i < 4; i++)
        n += (size_t)snprintf(text + n, 48 - n, "%s%u", i ? "." : "", a->octet[i]);
    for (int i = 0; a->version == 6 && i < 16; i += 2)
        n += (size_t)snprintf(text + n, 48 - n, "%s%x", i ? ":" : "",
                              (unsigned)(a->octet[i] << 8 | a->octet[i + 1]));
}

static bool chosen(const struct convert_side *side, const struct rs_endpoint *e)
{
    uint8_t octet[16];
    const bool six = e->addr.version == 6;
    if (side->port && side->port != e->port)
        return false;
    return !side->address || (inet_pton(six ? AF_INET6 : AF_INET, side->address, octet) == 1 &&
                              memcmp(octet, e->addr.octet, six ? 16 : 4) == 0);
}

static bool same(const struct rs_endpoint *a, const struct rs_endpoint *b)
{
    return a->port == b->port && rs_addr_eq(&a->addr, &b->addr);
}

static struct capture_flow *add_flow(struct capture *c, const struct rs_endpoint *src,
                                     const struct rs_endpoint *dst, const struct tcp_seg *seg,
                                     bool *in)
{
    const bool any = !c->side->address && !c->side->port;
    const bool to = any ? !c->known || rs_addr_eq(&dst->addr, &c->sut) : chosen(c->side, dst);
    const bool from = any ? c->known && rs_addr_eq(&src->addr, &c->sut) : chosen(c->side, src);
    if (c->writes || (seg->flags & (TCP_SYN | TCP_ACK)) != TCP_SYN || !(to || from))
        return NULL;
    if (c->n == CAPTURE_FLOWS) {
        snprintf(c->why, CONVERT_WHY, "it has more than %d connections; filter it, or choose an "
                 "end with --sut", CAPTURE_FLOWS);
        return NULL;
    }
    struct capture_flow *f = &c->flow[c->n++];
    *in = to;
    f->active = !to;
    f->sut = to ? *dst : *src;
    f->peer = to ? *src : *dst;
    if (!c->known)
        c->sut = f->sut.addr;
    c->known = true;
    return f;
}

struct capture_flow *capture_find(struct capture *c, const struct egress_ip *ip,
                                  const struct tcp_seg *seg, bool *in)
{
    const struct rs_endpoint src = { ip->src, seg->src_port }, dst = { ip->dst, seg->dst_port };
    for (unsigned i = c->n; i-- > 0;) {
        struct capture_flow *f = &c->flow[i];
        *in = same(&f->peer, &src) && same(&f->sut, &dst);
        if (*in || (same(&f->sut, &src) && same(&f->peer, &dst)))
            return f;
    }
    return add_flow(c, &src, &dst, seg, in);
}

static void put_head(struct capture *c)
{
    char sut[48], peer[48];
    c->several = c->n > 1;
    c->next_fd = 3;
    fprintf(c->out, "//@ ip %u\n", c->flow[0].sut.addr.version == 6 ? 6u : 4u);
    for (unsigned i = 0; i < c->n; i++) {
        const struct capture_flow *f = &c->flow[i];
        address_text(&f->sut.addr, sut);
        address_text(&f->peer.addr, peer);
        fprintf(c->out, "// Connection %u, opened by %s: the stack under test %s.%u, peer %s.%u.\n",
                i + 1, f->active ? "the stack" : "the peer", sut, f->sut.port, peer, f->peer.port);
    }
}

/* ---- Reading ---------------------------------------------------------------------------- */

/* Headers are what a script is made of: text that was not recorded counts as zeros. */
static const uint8_t *whole(struct capture *c, const struct pcap_pkthdr *h, const uint8_t *p)
{
    if (h->caplen >= h->len || h->len > sizeof c->frame)
        return p;
    memcpy(c->frame, p, h->caplen);
    memset(c->frame + h->caplen, 0, h->len - h->caplen);
    return c->frame;
}

static void packet(struct capture *c, int link, const struct pcap_pkthdr *h, const uint8_t *p)
{
    const int skip = link_header(link, p, h->caplen);
    struct egress_ip ip;
    struct tcp_seg seg;
    bool in = false;
    p = whole(c, h, p);
    const size_t len = p == c->frame ? h->len : h->caplen;
    const bool tcp = (size_t)skip < len && egress_ip(p + skip, len - (size_t)skip, &ip) &&
                     !ip.fragment && ip.proto == IP_PROTO_TCP &&
                     tcp_parse(&seg, ip.payload, ip.payload_len) == WIRE_OK;
    struct capture_flow *f = tcp ? capture_find(c, &ip, &seg, &in) : NULL;
    const uint64_t us = (uint64_t)h->ts.tv_sec * 1000000 + (uint64_t)h->ts.tv_usec;
    if (f && !in)
        f->answers = f->answers || seg.flags & TCP_SYN;
    if (c->writes && !c->last)
        c->last = us;
    if (c->writes && f)
        capture_write(c, f, &seg, in, us);
    c->left_out += !f && c->writes;
}

static int pass(struct capture *c, const char *path)
{
    char error[PCAP_ERRBUF_SIZE];
    struct pcap_pkthdr *h;
    const uint8_t *p;
    int status = 0;
    pcap_t *pcap = pcap_open_offline(path, error);
    if (!pcap) {
        snprintf(c->why, CONVERT_WHY, "%.200s", error);
        return -1;
    }
    const int link = pcap_datalink(pcap);
    if (link_header(link, NULL, 0) < 0)
        snprintf(c->why, CONVERT_WHY, "its link type %d is not read here; Ethernet, raw IP, "
                 "loopback and cooked captures are", link);
    while (!c->why[0] && (status = pcap_next_ex(pcap, &h, &p)) == 1)
        packet(c, link, h, p);
    if (!c->why[0] && status == PCAP_ERROR)
        snprintf(c->why, CONVERT_WHY, "%.200s", pcap_geterr(pcap));
    pcap_close(pcap);
    return c->why[0] ? -1 : 0;
}

int convert_capture(FILE *out, const char *path, const struct convert_side *side, char *why)
{
    struct capture *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    c->out = out;
    c->side = side;
    c->why = why;
    why[0] = '\0';
    int status = pass(c, path);
    if (status == 0 && c->n == 0) {
        snprintf(why, CONVERT_WHY, "it holds no connection's beginning%s; a script needs its SYN",
                 side->address || side->port ? " at the end that --sut names" : "");
        status = -1;
    }
    if (status == 0) {
        c->writes = true;
        put_head(c);
        status = pass(c, path);
    }
    if (c->left_out && status == 0)
        fprintf(out, "// Left out: %lu packets of no connection above.\n", c->left_out);
    free(c);
    return status;
}
