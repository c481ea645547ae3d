#include "harness/fault.h"

#include <stdlib.h>
#include <string.h>

/* A reordered frame waits for the next one of its direction to overtake it, at most this long: it
 * may have been the last. */
enum { REORDER_LIMIT = 200 * 1000 };

struct fault_held {
    struct fault_held *next;
    rs_time due;
    bool waits; /* to be overtaken */
    size_t len;
    uint8_t octets[];
};

static bool ip4_tcp(struct frame_tcp *f, const uint8_t *datagram, size_t len)
{
    struct ip4_hdr ip;
    if (ip4_parse(&ip, datagram, len) != WIRE_OK || ip.proto != IP_PROTO_TCP ||
        (ip.frag & IP4_OFFSET))
        return false;
    f->src = ip.src;
    f->dst = ip.dst;
    f->tos = ip.tos;
    f->tcp = ip.payload;
    f->tcp_len = ip.payload_len;
    return true;
}

static bool ip6_tcp(struct frame_tcp *f, const uint8_t *datagram, size_t len)
{
    struct ip6_hdr ip;
    if (ip6_parse(&ip, datagram, len) != WIRE_OK || ip.next != IP_PROTO_TCP)
        return false;
    f->src = ip.src;
    f->dst = ip.dst;
    f->tos = ip.tclass;
    f->tcp = ip.payload;
    f->tcp_len = ip.payload_len;
    return true;
}

bool frame_tcp(struct frame_tcp *f, enum rs_link link, const uint8_t *frame, size_t len)
{
    struct eth_hdr eth;
    size_t at = 0;
    if (link == RS_LINK_ETHERNET) {
        if (eth_parse(&eth, frame, len) != WIRE_OK)
            return false;
        at = ETH_HEADER;
    }
    /* The version in the datagram's first octet says what the EtherType would. */
    if (len <= at || !((frame[at] >> 4) == 6 ? ip6_tcp(f, frame + at, len - at)
                                             : ip4_tcp(f, frame + at, len - at)))
        return false;
    f->tcp_offset = (size_t)(f->tcp - frame);
    return tcp_parse(&f->seg, f->tcp, f->tcp_len) == WIRE_OK;
}

/* xorshift64*: small, seeded, good enough to choose frames. */
static uint64_t random_next(struct fault_link *f)
{
    f->random ^= f->random >> 12;
    f->random ^= f->random << 25;
    f->random ^= f->random >> 27;
    return f->random * 0x2545f4914f6cdd1du;
}

static bool chance(struct fault_link *f, uint32_t in_a_million)
{
    return in_a_million && (random_next(f) >> 32) % 1000000u < in_a_million;
}

void fault_init(struct fault_link *f, enum rs_link link, const struct fault_rates *rates)
{
    *f = (struct fault_link){ .link = link };
    if (!rates)
        return;
    f->rates = *rates;
    f->random = rates->seed * 0x9e3779b97f4a7c15u + 1; /* never zero for a seed that is small */
    if (f->random == 0)
        f->random = 1;
}

void fault_free(struct fault_link *f)
{
    while (f->first) {
        struct fault_held *h = f->first;
        f->first = h->next;
        free(h);
    }
    f->held = 0;
}

bool fault_add(struct fault_link *f, const struct sc_fault *rule)
{
    if (f->n_rules == FAULT_RULES)
        return false;
    f->rule[f->n_rules].action = (enum sc_fault_action)rule->action;
    f->rule[f->n_rules].seg_class = (enum sc_seg_class)rule->seg_class;
    f->rule[f->n_rules].nth = rule->nth;
    f->rule[f->n_rules].seen = 0;
    f->rule[f->n_rules].delay = rule->delay;
    f->n_rules++;
    return true;
}

void fault_clear(struct fault_link *f)
{
    f->n_rules = 0;
    f->random = 0;
    memset(&f->rates, 0, sizeof f->rates);
}

/* Behind all that are due no later, so that equal times keep the order of arrival. */
static void hold(struct fault_link *f, const uint8_t *frame, size_t len, rs_time due, bool waits)
{
    struct fault_held *h = malloc(sizeof *h + len);
    if (!h)
        return; /* a link may lose a frame */
    h->due = due;
    h->waits = waits;
    h->len = len;
    memcpy(h->octets, frame, len);
    struct fault_held **at = &f->first;
    while (*at && (*at)->due <= due)
        at = &(*at)->next;
    h->next = *at;
    *at = h;
    f->held++;
}

/* Frames that waited to be overtaken leave right behind the one that came now. */
static void release_waiting(struct fault_link *f, rs_time now)
{
    struct fault_held **at = &f->first, *free_now = NULL;
    while (*at) {
        struct fault_held *h = *at;
        if (!h->waits) {
            at = &h->next;
            continue;
        }
        *at = h->next;
        h->next = free_now;
        free_now = h;
    }
    while (free_now) {
        struct fault_held *h = free_now;
        free_now = h->next;
        hold(f, h->octets, h->len, now, false);
        f->held--;
        free(h);
    }
}

/* The first rule whose turn has come; all rules count. */
static enum sc_fault_action by_rule(struct fault_link *f, const struct tcp_seg *seg,
                                    uint64_t *delay)
{
    enum sc_fault_action action = SC_N_FAULTS;
    for (unsigned i = 0; i < f->n_rules; i++) {
        if (!sc_class_matches(f->rule[i].seg_class, seg->flags, seg->text_len))
            continue;
        f->rule[i].seen++;
        if (action == SC_N_FAULTS && (!f->rule[i].nth || f->rule[i].seen == f->rule[i].nth)) {
            action = f->rule[i].action;
            *delay = f->rule[i].delay;
        }
    }
    return action;
}

static enum sc_fault_action by_rate(struct fault_link *f, uint64_t *delay)
{
    const struct fault_rates *r = &f->rates;
    if (!f->random)
        return SC_N_FAULTS;
    if (chance(f, r->drop))
        return SC_DROP;
    if (chance(f, r->dup))
        return SC_DUP;
    if (r->delay_max && chance(f, r->delay)) {
        *delay = 1 + random_next(f) % r->delay_max;
        return SC_DELAY;
    }
    if (chance(f, r->reorder))
        return SC_REORDER;
    return chance(f, r->corrupt) ? SC_CORRUPT : SC_N_FAULTS;
}

/* Flips one bit of the TCP header or text; the checksum is left as it was and is wrong now. */
static void push_corrupted(struct fault_link *f, const uint8_t *frame, size_t len, rs_time now)
{
    struct frame_tcp t;
    hold(f, frame, len, now, false);
    struct fault_held *h = f->first;
    while (h && h->next && h->next->due <= now)
        h = h->next;
    if (!h || !frame_tcp(&t, f->link, h->octets, h->len))
        return;
    size_t at = t.tcp_offset + t.tcp_len - 1u; /* the last octet: text if there is any */
    h->octets[at] ^= 0x10;
}

enum sc_fault_action fault_push(struct fault_link *f, const uint8_t *frame, size_t len, rs_time now)
{
    struct frame_tcp t;
    uint64_t delay = 0;
    if (!frame_tcp(&t, f->link, frame, len)) {
        hold(f, frame, len, now, false);
        return SC_N_FAULTS;
    }
    enum sc_fault_action action = by_rule(f, &t.seg, &delay);
    if (action == SC_N_FAULTS)
        action = by_rate(f, &delay);
    switch (action) {
    case SC_DROP:
        break;
    case SC_DUP:
        hold(f, frame, len, now, false);
        hold(f, frame, len, now, false);
        break;
    case SC_DELAY:
        hold(f, frame, len, now + delay, false);
        break;
    case SC_REORDER:
        hold(f, frame, len, now + REORDER_LIMIT, true);
        return action; /* it cannot overtake itself */
    case SC_CORRUPT:
        push_corrupted(f, frame, len, now);
        break;
    case SC_N_FAULTS:
        hold(f, frame, len, now, false);
        break;
    }
    if (action != SC_DROP)
        release_waiting(f, now);
    return action;
}

size_t fault_pop(struct fault_link *f, uint8_t *buf, size_t cap, rs_time now)
{
    struct fault_held *h = f->first;
    if (!h || h->due > now)
        return 0;
    size_t len = h->len < cap ? h->len : cap;
    memcpy(buf, h->octets, len);
    f->first = h->next;
    f->held--;
    free(h);
    return len;
}

rs_time fault_deadline(const struct fault_link *f)
{
    return f->first ? f->first->due : RS_NEVER;
}
