#include "interop/wire.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool pure_ack(const struct tcp_seg *seg)
{
    return (seg->flags & 0xffu & ~(unsigned)TCP_PSH) == TCP_ACK && seg->text_len == 0;
}

/* Both ends may tell of a new window whenever they like (RFC 9293 section 3.8.6.2.2): such a
 * segment repeats the numbers of the one before and differs in the window only. */
static bool window_update(const struct wire *w, enum trace_end from, unsigned conn,
                          const struct tcp_seg *seg)
{
    return pure_ack(seg) && !w->flow[conn][from].syn && w->flow[conn][from].acked &&
           w->flow[conn][from].seq == seg->seq && w->flow[conn][from].ack == seg->ack &&
           w->flow[conn][from].wnd != seg->wnd;
}

void wire_note(struct wire *w, enum trace_end from, unsigned conn, const struct tcp_seg *seg,
               rs_time at)
{
    enum trace_end to = from == END_A ? END_B : END_A;
    if (seg->flags & TCP_SYN) {
        w->flow[conn][from].known = true;
        w->flow[conn][from].isn = seg->seq;
    }
    bool update = window_update(w, from, conn, seg);
    w->flow[conn][from].acked = (seg->flags & TCP_ACK) != 0;
    w->flow[conn][from].seq = seg->seq + tcp_seg_len(seg);
    w->flow[conn][from].ack = seg->ack;
    w->flow[conn][from].wnd = seg->wnd;
    w->flow[conn][from].syn = (seg->flags & TCP_SYN) != 0; /* whose window is not scaled */
    if (w->any)
        return;
    if (w->n == WIRE_QUEUE) {
        w->overflow = true;
        return;
    }
    struct wire_segment *s = &w->queue[(w->first + w->n++) % WIRE_QUEUE];
    *s = (struct wire_segment){ .from = from, .conn = conn, .at = at, .flags = seg->flags,
                                .wnd = seg->wnd, .up = seg->up, .text_len = seg->text_len,
                                .row = w->next_row, .update = update,
                                .mss_less = w->mss_less };
    /* An end that never sent a SYN (a closed port's RST) has no initial number: absolute then. */
    s->seq = seg->seq - (w->flow[conn][from].known ? w->flow[conn][from].isn : 0);
    if (seg->flags & TCP_ACK)
        s->ack = seg->ack - (w->flow[conn][to].known ? w->flow[conn][to].isn : 0);
    s->opt_len = seg->opt_len <= TCP_OPT_MAX ? seg->opt_len : TCP_OPT_MAX;
    memcpy(s->opt, seg->opt, s->opt_len);
}

const struct wire_segment *wire_peek(const struct wire *w)
{
    return w->n ? &w->queue[w->first] : NULL;
}

bool wire_skip_updates(struct wire *w)
{
    while (w->n && w->queue[w->first].update)
        wire_take(w);
    return w->n > 0;
}

void wire_take(struct wire *w)
{
    w->first = (w->first + 1) % WIRE_QUEUE;
    w->n--;
}

/* packetdrill's letters, the dot for ACK last. */
static void print_flags(uint16_t flags, char text[16])
{
    static const struct {
        uint16_t bit;
        char letter;
    } letters[] = { { TCP_FIN, 'F' }, { TCP_SYN, 'S' }, { TCP_RST, 'R' }, { TCP_PSH, 'P' },
                    { TCP_ECE, 'E' }, { TCP_CWR, 'W' }, { TCP_ACK, '.' }, { TCP_URG, 'U' } };
    size_t n = 0;
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
        if (flags & letters[i].bit)
            text[n++] = letters[i].letter;
    if (n == 0)
        text[n++] = '-';
    text[n] = '\0';
}

void wire_print(const struct wire_segment *s, char text[WIRE_TEXT])
{
    char flags[16], ack[24] = "";
    print_flags(s->flags, flags);
    if (s->flags & TCP_ACK)
        snprintf(ack, sizeof ack, " ack %u", s->ack);
    snprintf(text, WIRE_TEXT, "%s %u:%u(%u)%s win %u", flags, s->seq, s->seq + s->text_len,
             s->text_len, ack, s->wnd);
}

static bool differs(char why[WIRE_TEXT], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool differs(char why[WIRE_TEXT], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why, WIRE_TEXT, format, args);
    va_end(args);
    return false;
}

/* PSH is asked for only where the script writes it. */
static bool match_flags(const struct wire_segment *s, const struct sc_segment *e, char *why)
{
    uint16_t free = (e->flags & TCP_PSH) ? 0 : TCP_PSH;
    char expected[16], got[16];
    if (e->flags_any || (s->flags & ~free) == (e->flags & ~free))
        return true;
    print_flags(e->flags, expected);
    print_flags(s->flags, got);
    return differs(why, "flags: expected %s, got %s", expected, got);
}

static bool match_number(const char *field, struct sc_num expected, uint32_t got, char *why)
{
    if (expected.base == SC_NONE || expected.base == SC_ANY || expected.offset == got)
        return true;
    return differs(why, "%s: expected %u, got %u", field, expected.offset, got);
}

static bool has_option(const struct wire_segment *s, const struct sc_option *e)
{
    struct opt_walk walk = opt_walk_of(s->opt, s->opt_len);
    struct tcp_option o;
    while (opt_next(&walk, &o) == OPT_OK) {
        if (o.kind != e->kind)
            continue;
        if (e->any || e->raw)
            return true;
        if (e->kind == OPT_MSS)
            return o.u.mss == e->u.mss - s->mss_less;
        if (e->kind == OPT_WSCALE)
            return o.u.shift == e->u.shift;
        return true;
    }
    return false;
}

static bool match_options(const struct wire_segment *s, const struct sc_segment *e, char *why)
{
    for (int i = 0; i < e->n_options; i++)
        if (e->option[i].kind > OPT_NOP && !has_option(s, &e->option[i]))
            return differs(why, "options: expected kind %u with the value given, got none",
                           e->option[i].kind);
    return true;
}

bool wire_match(const struct wire_segment *s, enum trace_end from, unsigned conn,
                const struct sc_segment *e, char why[WIRE_TEXT])
{
    if (s->from != from)
        return differs(why, "sender: expected the other end");
    if (s->conn != conn)
        return differs(why, "connection: expected %u, got %u", conn, s->conn);
    if (!match_flags(s, e, why) || !match_number("seq", e->seq, s->seq, why))
        return false;
    if (s->text_len != e->text_len)
        return differs(why, "text: expected %u octets, got %u", e->text_len, s->text_len);
    if ((s->flags & TCP_ACK) && !match_number("ack", e->ack, s->ack, why))
        return false;
    if (e->has_wnd && s->wnd != e->wnd)
        return differs(why, "win: expected %u, got %u", e->wnd, s->wnd);
    return match_options(s, e, why);
}
