#include "harness/pcapng_case.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "harness/pcapng.h"

enum { COMMENT = 512 };

struct comment {
    char text[COMMENT];
    size_t len;
};

static void __attribute__((format(printf, 2, 3))) add(struct comment *c, const char *format, ...)
{
    va_list args;
    size_t left = sizeof c->text - c->len;
    va_start(args, format);
    int n = vsnprintf(c->text + c->len, left, format, args);
    va_end(args);
    if (n > 0)
        c->len += (size_t)n < left ? (size_t)n : left - 1;
}

static const char *state_name(int8_t state)
{
    return state == TRACE_STATE_UNKNOWN ? "?" : rs_state_name((enum rs_state)state);
}

static void add_states(struct comment *c, const struct result_case *cs, const struct trace_row *row)
{
    for (int end = 0; end < 2; end++) {
        if (row->before[end] == TRACE_STATE_UNKNOWN && row->after[end] == TRACE_STATE_UNKNOWN)
            continue;
        add(c, "%s%s %s", c->len ? "; " : "", cs->actor[end] ? cs->actor[end] : end ? "B" : "A",
            state_name(row->before[end]));
        if (row->after[end] != row->before[end])
            add(c, " > %s", state_name(row->after[end]));
    }
}

static bool has_link(const struct result_case *cs, enum rs_link link)
{
    for (size_t i = 0; i < cs->n_rows; i++)
        if (cs->row[i].kind == TRACE_PACKET && cs->row[i].link == link)
            return true;
    return false;
}

/* The two kinds of link seldom meet in one case, and many readers take only files of one kind. */
static void write_row(struct pcapng *w, const struct result_case *cs, const struct trace_row *row,
                      uint32_t ip_interface, struct comment *c)
{
    if (row->line)
        add(c, "%sline %u", c->len ? "; " : "", row->line);
    if (row->fault != TRACE_NO_FAULT)
        add(c, "%s%s", c->len ? "; " : "", trace_fault_name(row->fault));
    if (row->note)
        add(c, "%s%s", c->len ? "; " : "", row->note);
    add_states(c, cs, row);
    pcapng_packet(w, &(struct pcapng_packet){
                         .interface = row->link == RS_LINK_ETHERNET ? 0 : ip_interface,
                         .time = row->us,
                         .octets = row->octet,
                         .len = (uint32_t)row->len,
                         .wire_len = (uint32_t)row->wire_len,
                         .dir = row->end == END_A ? PCAPNG_OUTBOUND : PCAPNG_INBOUND,
                         .comment = c->text });
}

int pcapng_case(const struct result_case *cs, const char *path)
{
    struct pcapng w;
    struct comment c = { .len = 0 };
    int rc = pcapng_open(&w, path, "tcprig");
    if (rc < 0)
        return rc;
    const bool ip = has_link(cs, RS_LINK_IP), ethernet = !ip || has_link(cs, RS_LINK_ETHERNET);
    if (ethernet)
        pcapng_interface(&w, PCAPNG_ETHERNET, "ethernet");
    const uint32_t ip_interface = ip ? pcapng_interface(&w, PCAPNG_RAW_IP, "ip") : 0;
    for (size_t i = 0; i < cs->n_rows; i++) {
        const struct trace_row *row = &cs->row[i];
        if (row->kind == TRACE_PACKET) {
            write_row(&w, cs, row, ip_interface, &c);
            c.len = 0;
            c.text[0] = '\0';
        } else if (row->note) { /* events stand in the comment of the packet after them */
            add(&c, "%s%s", c.len ? "; " : "", row->note);
        }
    }
    return pcapng_close(&w);
}
