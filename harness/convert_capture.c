/* A capture as a script: which end is the stack under test, and its connections. */
#include "harness/convert_capture.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "harness/capture_file.h"
#include "harness/input.h"

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

static void packet(void *arg, const struct capture_packet *p)
{
    struct capture *c = arg;
    struct egress_ip ip;
    struct tcp_seg seg;
    bool in = false;
    const bool tcp = p->len > 0 && egress_ip(p->octets, p->len, &ip) && !ip.fragment &&
                     ip.proto == IP_PROTO_TCP &&
                     tcp_parse(&seg, ip.payload, ip.payload_len) == WIRE_OK;
    struct capture_flow *f = tcp ? capture_find(c, &ip, &seg, &in) : NULL;
    if (f && !in)
        f->answers = f->answers || seg.flags & TCP_SYN;
    if (c->writes && !c->last)
        c->last = p->us;
    if (c->writes && f)
        capture_write(c, f, &seg, in, p->us);
    c->left_out += !f && c->writes;
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
    int status = capture_read(path, packet, c, why);
    if (status == 0 && c->n == 0) {
        snprintf(why, CONVERT_WHY, "it holds no connection's beginning%s; a script needs its SYN",
                 side->address || side->port ? " at the end that --sut names" : "");
        status = -1;
    }
    if (status == 0) {
        c->writes = true;
        put_head(c);
        status = capture_read(path, packet, c, why);
    }
    if (c->left_out && status == 0)
        fprintf(out, "// Left out: %lu packets of no connection above.\n", c->left_out);
    free(c);
    return status;
}
