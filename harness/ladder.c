#include "harness/ladder.h"

#include <stdbool.h>
#include <string.h>

#include "harness/decode.h"
#include "harness/report_xml.h"

/* The geometry, in user units of a drawing 1000 wide. */
enum {
    WIDTH = 1000,
    TIME_X = 76,   /* right edge of the times */
    LINE_A = 222,  /* the life lines */
    LINE_B = 806,
    NOTE_X = 992,  /* right edge of the script line numbers */
    HEAD = 44,     /* height of the actors' names */
    PACKET_ROW = 40,
    EVENT_ROW = 30,
    SLOPE = 8,     /* how far an arrow falls on its way */
    LABEL_W = 7,   /* of a character of the 11.5-unit monospace label, rounded up */
    OPTION_W = 6   /* and of the 10-unit one below the arrow */
};

struct ladder {
    FILE *out;
    const struct result_case *c;
    struct decoder decoder;
    int y;
    int8_t state[2]; /* as last shown */
    bool shown[2];
    uint64_t us; /* as last shown */
    bool any_time;
};

static int line_x(int end)
{
    return end == END_A ? LINE_A : LINE_B;
}

const char *ladder_actor(const struct result_case *c, int end)
{
    if (c->actor[end])
        return c->actor[end];
    return end == END_A ? "A" : "B";
}

static size_t rows_drawn(const struct result_case *c)
{
    return c->n_rows < LADDER_ROWS ? c->n_rows : LADDER_ROWS;
}

static int height_of(const struct result_case *c)
{
    int h = HEAD + 24;
    for (size_t i = 0; i < rows_drawn(c); i++)
        h += c->row[i].kind == TRACE_PACKET ? PACKET_ROW : EVENT_ROW;
    return h;
}

/* ---- Parts of a row --------------------------------------------------------------------- */

static void put_time(struct ladder *l, uint64_t us)
{
    if (l->any_time && l->us == us)
        return;
    l->any_time = true;
    l->us = us;
    fprintf(l->out, "<text class=\"t\" x=\"%d\" y=\"%d\" text-anchor=\"end\">%llu.%06llu</text>\n",
            TIME_X, l->y + 4, (unsigned long long)(us / 1000000),
            (unsigned long long)(us % 1000000));
}

/* A state in a rounded box, outside the life line. */
static void put_state(struct ladder *l, int end, int8_t state, int y)
{
    const char *name = rs_state_name((enum rs_state)state);
    int w = (int)strlen(name) * 7 + 12;
    int x = end == END_A ? LINE_A - 10 - w : LINE_B + 10;
    fprintf(l->out, "<rect class=\"st\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"17\" rx=\"8\"/>"
            "<text class=\"sn\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
            x, y - 9, w, x + w / 2, y + 3, name);
    l->state[end] = state;
    l->shown[end] = true;
}

/* The state from which a row starts is shown when it is not what the diagram last said, the one
 * it leads to when it changed. */
static void put_states(struct ladder *l, const struct trace_row *row, int depart, int arrive)
{
    for (int end = END_A; end <= END_B; end++) {
        int8_t now = row->after[end] != TRACE_STATE_UNKNOWN ? row->after[end] : row->before[end];
        if (now == TRACE_STATE_UNKNOWN || (l->shown[end] && l->state[end] == now))
            continue;
        put_state(l, end, now, end == (int)row->end ? depart : arrive);
    }
}

static void put_line_number(struct ladder *l, const struct trace_row *row)
{
    if (row->line)
        fprintf(l->out, "<text class=\"t\" x=\"%d\" y=\"%d\" text-anchor=\"end\">line %u</text>\n",
                NOTE_X, l->y + 4, row->line);
}

/* At most n octets of text, and no character of it in halves. */
static int cut(const char *text, int n)
{
    while (n > 0 && (text[n] & 0xc0) == 0x80)
        n--;
    return n;
}

/* Text between the life lines, cut to fit; a pointer resting on it shows all of it. */
static void put_label(struct ladder *l, const char *class, int y, const char *text)
{
    const size_t width = LINE_B - LINE_A - 16;
    size_t fits = class[0] == 'o' ? width / OPTION_W : width / LABEL_W;
    fprintf(l->out, "<text class=\"%s\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">", class,
            (LINE_A + LINE_B) / 2, y);
    if (strlen(text) > fits) {
        fputs("<title>", l->out);
        xml_text(l->out, text);
        fputs("</title>", l->out);
        xml_textf(l->out, "%.*s…", cut(text, (int)fits - 1), text);
    } else {
        xml_text(l->out, text);
    }
    fputs("</text>\n", l->out);
}

/* The arrow; what was dropped ends in a cross on the way. */
static void put_arrow(struct ladder *l, const struct trace_row *row, int y)
{
    bool lost = row->fault == TRACE_DROPPED;
    int from = line_x((int)row->end), to = line_x(row->end == END_A ? END_B : END_A);
    int dir = to > from ? 1 : -1;
    int x2 = lost ? from + (to - from) * 7 / 10 : to - dir * 3;
    int y2 = y + SLOPE * (x2 - from) / (to - from);
    fprintf(l->out, "<path class=\"ar %s\" d=\"M%d %dL%d %d\"/>", trace_fault_name(row->fault),
            from, y, x2, y2);
    if (lost)
        fprintf(l->out, "<path class=\"ar dropped x\" d=\"M%d %dl12 12m0 -12l-12 12\"/>", x2 - 6,
                y2 - 6);
    else
        fprintf(l->out, "<path class=\"hd %s\" d=\"M%d %dl%d -4v8z\"/>",
                trace_fault_name(row->fault), x2 + dir * 2, y2, -dir * 9);
    putc('\n', l->out);
}

static void put_fault(struct ladder *l, const struct trace_row *row, int y)
{
    const char *name = trace_fault_name(row->fault);
    int w = (int)strlen(name) * 7 + 12;
    int x = row->end == END_A ? LINE_B - w - 12 : LINE_A + 12;
    if (!row->fault)
        return;
    fprintf(l->out, "<rect class=\"fl\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"16\" rx=\"3\"/>"
            "<text class=\"fn\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
            x, y - 9, w, x + w / 2, y + 3, name);
}

/* ---- Rows ------------------------------------------------------------------------------- */

/* The segment stands above its arrow; options, and what is wrong with it, below. */
static void put_packet(struct ladder *l, const struct trace_row *row)
{
    char text[DECODE_LINE];
    int y = l->y;
    l->decoder.lost = row->fault == TRACE_DROPPED;
    decode_frame(&l->decoder, row->link, row->octet, row->len, row->wire_len, text);
    char *below = strstr(text, " <");
    char *wrong = strstr(text, " {");
    if (!below || (wrong && wrong < below))
        below = wrong;
    if (below)
        *below++ = '\0';
    put_arrow(l, row, y);
    put_label(l, "lb", y - 4, text);
    if (below || row->note) {
        char all[2 * DECODE_LINE];
        const char *note = row->note ? row->note : "";
        int n = strlen(note) > DECODE_LINE ? cut(note, DECODE_LINE - 4) : (int)strlen(note);
        snprintf(all, sizeof all, "%s%s%.*s", below ? below : "", below && n ? "  " : "", n, note);
        put_label(l, wrong && !row->fault ? "op bad" : "op", y + SLOPE + 9, all);
    }
    put_fault(l, row, row->fault == TRACE_DROPPED ? y + SLOPE / 2 : y + SLOPE + 9);
    put_states(l, row, y, y + SLOPE);
}

static void put_event(struct ladder *l, const struct trace_row *row)
{
    int x = line_x((int)row->end), dir = row->end == END_A ? 1 : -1;
    fprintf(l->out, "<circle class=\"dot\" cx=\"%d\" cy=\"%d\" r=\"3.5\"/>"
            "<text class=\"ev\" x=\"%d\" y=\"%d\" text-anchor=\"%s\">", x, l->y, x + dir * 12,
            l->y + 4, dir > 0 ? "start" : "end");
    xml_text(l->out, row->note);
    fputs("</text>\n", l->out);
    put_states(l, row, l->y, l->y);
}

static void put_head(struct ladder *l, int height)
{
    fprintf(l->out, "<svg class=\"ladder\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", WIDTH,
            height);
    xml_textf(l->out, "Ladder diagram of %s", l->c->name);
    fputs("\">\n", l->out);
    for (int end = END_A; end <= END_B; end++) {
        fprintf(l->out, "<path class=\"life\" d=\"M%d %dV%d\"/>"
                "<text class=\"who\" x=\"%d\" y=\"18\" text-anchor=\"middle\">", line_x(end), 26,
                height - 6, line_x(end));
        xml_text(l->out, ladder_actor(l->c, end));
        fputs("</text>\n", l->out);
    }
}

/* What the ends are in before the first row, so that the first change can be seen as one. */
static void put_first_states(struct ladder *l)
{
    for (int end = END_A; end <= END_B; end++)
        for (size_t i = 0; i < l->c->n_rows && !l->shown[end]; i++)
            if (l->c->row[i].before[end] != TRACE_STATE_UNKNOWN)
                put_state(l, end, l->c->row[i].before[end], 30);
}

static void put_left_out(struct ladder *l)
{
    uint64_t n = l->c->rows_left_out + (l->c->n_rows - rows_drawn(l->c));
    char text[80];
    if (!n)
        return;
    snprintf(text, sizeof text, "… and %llu more not drawn", (unsigned long long)n);
    put_label(l, "op", l->y + 2, text);
}

void ladder_svg(FILE *out, const struct result_case *c)
{
    struct ladder l = { .out = out, .c = c, .y = HEAD + 20 };
    decode_begin(&l.decoder, false);
    put_head(&l, height_of(c));
    put_first_states(&l);
    for (size_t i = 0; i < rows_drawn(c); i++) {
        const struct trace_row *row = &c->row[i];
        put_time(&l, row->us);
        put_line_number(&l, row);
        if (row->kind == TRACE_PACKET)
            put_packet(&l, row);
        else
            put_event(&l, row);
        l.y += row->kind == TRACE_PACKET ? PACKET_ROW : EVENT_ROW;
    }
    put_left_out(&l);
    fputs("</svg>\n", out);
}

/* ---- Plain text ------------------------------------------------------------------------- */

static void text_states(FILE *out, const struct result_case *c, const struct trace_row *row)
{
    for (int end = END_A; end <= END_B; end++) {
        int8_t was = row->before[end], now = row->after[end];
        if (was == TRACE_STATE_UNKNOWN && now == TRACE_STATE_UNKNOWN)
            continue;
        fprintf(out, "  %s ", ladder_actor(c, end));
        if (was != TRACE_STATE_UNKNOWN)
            fputs(rs_state_name((enum rs_state)was), out);
        if (now != TRACE_STATE_UNKNOWN && now != was)
            fprintf(out, "%s%s", was != TRACE_STATE_UNKNOWN ? " > " : "",
                    rs_state_name((enum rs_state)now));
    }
}

void ladder_text(FILE *out, const struct result_case *c)
{
    struct decoder d;
    char text[DECODE_LINE];
    decode_begin(&d, false);
    for (size_t i = 0; i < c->n_rows; i++) {
        const struct trace_row *row = &c->row[i];
        const char *from = ladder_actor(c, (int)row->end);
        const char *to = ladder_actor(c, row->end == END_A ? END_B : END_A);
        fprintf(out, "%5llu.%06llu  ", (unsigned long long)(row->us / 1000000),
                (unsigned long long)(row->us % 1000000));
        if (row->kind == TRACE_PACKET) {
            d.lost = row->fault == TRACE_DROPPED;
            decode_frame(&d, row->link, row->octet, row->len, row->wire_len, text);
            fprintf(out, "%s > %s  %s", from, to, text);
        } else {
            fprintf(out, "%s  ", from);
        }
        if (row->note)
            fputs(row->kind == TRACE_PACKET ? "  " : "", out);
        fputs(row->note ? row->note : "", out);
        if (row->fault)
            fprintf(out, "  [%s]", trace_fault_name(row->fault));
        text_states(out, c, row);
        if (row->line)
            fprintf(out, "  line %u", row->line);
        putc('\n', out);
    }
    if (c->rows_left_out)
        fprintf(out, "... and %llu more not recorded\n", (unsigned long long)c->rows_left_out);
}
