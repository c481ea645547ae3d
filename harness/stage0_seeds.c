/* The corpus that stage 0 leaves: for each start and each rule that ended a segment there, the
 * first such cell as an input of fuzz_conn, its numbers symbolic, so that it means the same
 * there. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/input.h"
#include "harness/stage0.h"

enum { INPUT_MAX = 64 };

/* Starts that inputs know too. */
static int input_start_of(enum st0_start start)
{
    switch (start) {
    case ST0_CLOSED:
        return INPUT_START_CLOSED;
    case ST0_LISTEN:
        return INPUT_START_LISTEN;
    case ST0_SYN_SENT:
        return INPUT_START_SYN_SENT;
    case ST0_SYN_RECEIVED:
        return INPUT_START_SYN_RECEIVED;
    case ST0_SYN_RECEIVED_CROSSED:
        return INPUT_START_SYN_RECEIVED_CROSSED;
    case ST0_ESTABLISHED:
        return INPUT_START_ESTABLISHED;
    case ST0_ESTABLISHED_IN_FLIGHT:
        return INPUT_START_ESTABLISHED_IN_FLIGHT;
    case ST0_ESTABLISHED_SHUT:
        return INPUT_START_ESTABLISHED_ZERO_WINDOW;
    case ST0_ESTABLISHED_HOLE:
        return INPUT_START_ESTABLISHED_HOLE;
    case ST0_FIN_WAIT_1:
        return INPUT_START_FIN_WAIT_1;
    case ST0_FIN_WAIT_2:
        return INPUT_START_FIN_WAIT_2;
    case ST0_CLOSE_WAIT:
        return INPUT_START_CLOSE_WAIT;
    case ST0_CLOSING:
        return INPUT_START_CLOSING;
    case ST0_LAST_ACK:
        return INPUT_START_LAST_ACK;
    case ST0_TIME_WAIT:
        return INPUT_START_TIME_WAIT;
    default:
        return -1;
    }
}

/* The number as an offset from whichever of the bases is nearest. */
static struct sc_num symbolic(uint32_t number, const uint32_t *value, const uint8_t *base, int n)
{
    int best = 0;

    for (int i = 1; i < n; i++)
        if (llabs((int32_t)(number - value[i])) < llabs((int32_t)(number - value[best])))
            best = i;
    return (struct sc_num){ .base = base[best], .offset = number - value[best] };
}

static void segment_event(struct input_event *e, const struct st0_tcb *t, const struct st0_seg *s)
{
    static const uint8_t seq_base[] = { SC_RCV_NXT, SC_RCV_EDGE, SC_IRS };
    static const uint8_t ack_base[] = { SC_SND_UNA, SC_SND_NXT, SC_ISS };
    const uint32_t seq_value[] = { t->rcv_nxt, t->rcv_nxt + t->rcv_wnd, t->irs };
    const uint32_t ack_value[] = { t->una, t->nxt, t->iss };
    struct sc_segment *seg = &e->ev.u.packet.seg;

    memset(e, 0, sizeof *e);
    e->ev.kind = SC_PACKET;
    e->ev.u.packet.direction = SC_IN;
    seg->flags = s->flags;
    seg->seq = symbolic(s->seq, seq_value, seq_base, t->state > RS_SYN_SENT ? 3 : 1);
    if (s->flags & TCP_ACK)
        seg->ack = symbolic(s->ack, ack_value, ack_base, 3);
    seg->text_len = s->len;
    seg->text_pattern = s->len > 0;
    seg->has_wnd = true;
    seg->wnd = s->wnd;
    seg->up = (s->flags & TCP_URG) ? s->up : 0;
}

/* "3.10.7.4 fifth: ACK off" in SYN-SENT: stage0-syn-sent-3-10-7-4-fifth-ack-off */
static void file_name(char *to, size_t cap, const char *dir, enum st0_start start, unsigned rule)
{
    size_t n = (size_t)snprintf(to, cap, "%s/stage0-", dir);
    const char *part[] = { st0_start_name(start), " ", st0_rule_name(rule) };

    for (int i = 0; i < 3; i++)
        for (const char *c = part[i]; *c && n + 2 < cap; c++) {
            const bool word = isalnum((unsigned char)*c);
            if (word)
                to[n++] = (char)tolower((unsigned char)*c);
            else if (to[n - 1] != '-')
                to[n++] = '-';
        }
    to[n] = '\0';
}

void st0_write_seed(void *arg, enum st0_start start, const struct st0_tcb *t,
                    const struct st0_seg *s, unsigned rule)
{
    struct st0_seeds *o = arg;
    const int input = input_start_of(start);
    uint8_t octets[INPUT_MAX];
    char path[512];
    struct input_event e;

    /* Options other than none would have to be put in inputs' own words. */
    if (input < 0 || t->ts_on || s->opt != ST0_OPT_DUE || o->done[start][rule] || o->failed)
        return;
    o->done[start][rule] = true;
    segment_event(&e, t, s);
    struct wcur w = wcur_of(octets, sizeof octets);
    wcur_u8(&w, (uint8_t)input);
    wcur_u8(&w, 0);
    if (!input_encode(&w, &e))
        return;
    file_name(path, sizeof path, o->dir, start, rule);
    FILE *f = fopen(path, "wb");
    const size_t n = (size_t)(w.p - octets);
    const bool whole = f && fwrite(octets, 1, n, f) == n;
    if (f && fclose(f) == 0 && whole) {
        o->written++;
        return;
    }
    o->failed = true;
    fprintf(stderr, "tcprig stage0: cannot write %s: %s; give --seeds a folder that exists and can "
            "be written\n", path, strerror(errno));
}
