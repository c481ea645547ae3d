/* RFC 9293 figure 5 as a drawing, with how often each state and transition was seen. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "harness/report_page.h"
#include "harness/report_xml.h"

enum { BOX_W = 128, BOX_H = 40 };

struct node {
    enum rs_state state;
    int x, y; /* centre */
};

/* Where the RFC's figure has them; CLOSED stands at both ends of a connection's life, and its
 * count is shown at the first. */
static const struct node nodes[] = {
    { RS_CLOSED, 480, 40 },       { RS_LISTEN, 480, 150 },      { RS_SYN_RECEIVED, 150, 250 },
    { RS_SYN_SENT, 810, 250 },    { RS_ESTABLISHED, 480, 360 }, { RS_FIN_WAIT_1, 150, 450 },
    { RS_CLOSE_WAIT, 810, 450 },  { RS_FIN_WAIT_2, 150, 600 },  { RS_CLOSING, 480, 600 },
    { RS_LAST_ACK, 810, 600 },    { RS_TIME_WAIT, 480, 720 },   { RS_CLOSED, 810, 720 },
};

/* One arrow of the figure: its path ends at the head, whose direction is dx, dy; the label is the
 * figure's, what happens and what is done about it. */
struct edge {
    enum rs_state from, to;
    const char *path;
    int hx, hy;   /* the head's point */
    int dx, dy;   /* its direction, in eighths */
    int lx, ly;   /* the label */
    const char *anchor;
    const char *event;
    const char *action;
};

static const struct edge edges[] = {
    { RS_CLOSED, RS_LISTEN, "M460 60V126", 460, 130, 0, 8, 450, 92, "end",
      "passive OPEN", "create TCB" },
    { RS_LISTEN, RS_CLOSED, "M500 130V64", 500, 60, 0, -8, 510, 108, "start",
      "CLOSE", "delete TCB" },
    { RS_CLOSED, RS_SYN_SENT, "M544 34C700 34 830 90 830 226", 830, 230, 0, 8, 764, 58, "start",
      "active OPEN", "create TCB, snd SYN" },
    { RS_SYN_SENT, RS_CLOSED, "M790 230C780 130 680 52 548 48", 544, 48, -8, 0, 628, 118, "start",
      "CLOSE, RST", "delete TCB" },
    { RS_LISTEN, RS_SYN_RECEIVED, "M416 158C300 170 200 190 174 227", 172, 230, -4, 6, 268, 150,
      "end", "rcv SYN", "snd SYN,ACK" },
    { RS_SYN_RECEIVED, RS_LISTEN, "M214 240C310 236 420 214 452 174", 455, 170, 4, -6, 330, 226,
      "middle", "rcv RST (passive)", "" },
    { RS_LISTEN, RS_SYN_SENT, "M544 158C640 170 730 190 764 227", 767, 230, 5, 6, 650, 196,
      "middle", "SEND", "snd SYN" },
    { RS_SYN_SENT, RS_SYN_RECEIVED, "M746 262H218", 214, 262, -8, 0, 480, 242, "middle",
      "rcv SYN", "snd SYN,ACK" },
    { RS_SYN_RECEIVED, RS_ESTABLISHED, "M180 270C220 340 320 356 412 358", 416, 358, 8, 0, 290,
      316, "start", "rcv ACK of SYN", "" },
    { RS_SYN_SENT, RS_ESTABLISHED, "M780 270C740 340 640 356 548 358", 544, 358, -8, 0, 672, 316,
      "end", "rcv SYN,ACK", "snd ACK" },
    { RS_SYN_RECEIVED, RS_FIN_WAIT_1, "M130 270V426", 130, 430, 0, 8, 120, 346, "end", "CLOSE",
      "snd FIN" },
    { RS_ESTABLISHED, RS_FIN_WAIT_1, "M440 380C420 430 320 444 218 446", 214, 446, -8, 0, 318,
      404, "middle", "CLOSE", "snd FIN" },
    { RS_ESTABLISHED, RS_CLOSE_WAIT, "M520 380C540 430 640 444 742 446", 746, 446, 8, 0, 642, 404,
      "middle", "rcv FIN", "snd ACK" },
    { RS_FIN_WAIT_1, RS_FIN_WAIT_2, "M130 470V576", 130, 580, 0, 8, 120, 524, "end",
      "rcv ACK of FIN", "" },
    { RS_FIN_WAIT_1, RS_CLOSING, "M196 470C230 540 380 510 450 577", 453, 580, 6, 6, 350, 506,
      "start", "rcv FIN", "snd ACK" },
    { RS_FIN_WAIT_1, RS_TIME_WAIT, "M170 470C200 640 300 700 412 710", 416, 711, 8, 1, 250, 592,
      "start", "rcv FIN,ACK", "snd ACK" },
    { RS_CLOSE_WAIT, RS_LAST_ACK, "M810 470V576", 810, 580, 0, 8, 820, 524, "start", "CLOSE",
      "snd FIN" },
    { RS_FIN_WAIT_2, RS_TIME_WAIT, "M130 620C140 730 300 726 412 724", 416, 724, 8, 0, 150, 740,
      "start", "rcv FIN", "snd ACK" },
    { RS_CLOSING, RS_TIME_WAIT, "M480 620V696", 480, 700, 0, 8, 490, 658, "start",
      "rcv ACK of FIN", "" },
    { RS_LAST_ACK, RS_CLOSED, "M810 620V696", 810, 700, 0, 8, 820, 658, "start",
      "rcv ACK of FIN", "" },
    { RS_TIME_WAIT, RS_CLOSED, "M544 720H742", 746, 720, 8, 0, 645, 700, "middle",
      "timeout = 2 MSL", "delete TCB" },
};

struct hits {
    uint64_t state[RS_N_STATES];
    uint64_t transition[RS_N_STATES][RS_N_STATES];
};

/* What the observer counted and what the traces show.  A state's hits are the events seen in it. */
static struct hits hits_of(const struct result *r)
{
    struct hits h;
    memcpy(h.state, r->state_hits, sizeof h.state);
    memcpy(h.transition, r->transition_hits, sizeof h.transition);
    for (size_t i = 0; i < r->n_cases; i++)
        for (size_t j = 0; j < r->cases[i]->n_rows; j++)
            for (int end = END_A; end <= END_B; end++) {
                const struct trace_row *row = &r->cases[i]->row[j];
                int8_t was = row->before[end], now = row->after[end];
                if (was == TRACE_STATE_UNKNOWN || now == TRACE_STATE_UNKNOWN)
                    continue;
                h.state[was]++;
                if (was != now)
                    h.transition[was][now]++;
            }
    return h;
}

static bool in_figure(int from, int to)
{
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
        if ((int)edges[i].from == from && (int)edges[i].to == to)
            return true;
    return false;
}

/* Wider for more hits, by orders of magnitude. */
static double stroke_of(uint64_t n)
{
    return n ? 1.4 + 0.35 * log10((double)n) : 1.0;
}

static void put_edge(FILE *out, const struct edge *e, uint64_t n)
{
    const char *seen = n ? "seen" : "none";
    fprintf(out, "<g class=\"edge %s\"><path d=\"%s\" style=\"stroke-width:%.2f\"/>", seen, e->path,
            stroke_of(n));
    fprintf(out, "<path class=\"head\" d=\"M%d %dL%d %dL%d %dz\"/>", e->hx, e->hy,
            e->hx - e->dx - e->dy / 2, e->hy - e->dy + e->dx / 2, e->hx - e->dx + e->dy / 2,
            e->hy - e->dy - e->dx / 2);
    fprintf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\">%s", e->lx, e->ly, e->anchor,
            e->event);
    fputs(" <tspan class=\"n\">", out);
    page_number(out, n);
    fputs("</tspan></text>", out);
    if (*e->action)
        fprintf(out, "<text class=\"act\" x=\"%d\" y=\"%d\" text-anchor=\"%s\">%s</text>", e->lx,
                e->ly + 14, e->anchor, e->action);
    fputs("</g>\n", out);
}

static void put_node(FILE *out, const struct node *node, uint64_t n, bool counted)
{
    fprintf(out, "<g class=\"node %s\"><rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" "
            "rx=\"6\"/><text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>",
            n ? "seen" : "none", node->x - BOX_W / 2, node->y - BOX_H / 2, BOX_W, BOX_H, node->x,
            node->y + (counted ? -3 : 5), rs_state_name(node->state));
    if (counted) {
        fprintf(out, "<text class=\"n\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">", node->x,
                node->y + 13);
        page_number(out, n);
        fputs("</text>", out);
    }
    fputs("</g>\n", out);
}

/* Resets, aborts and timeouts may leave any state for CLOSED; the figure does not draw them. */
static void put_others(FILE *out, const struct hits *h)
{
    bool any = false;
    for (int s = 0; s < RS_N_STATES; s++)
        for (int t = 0; t < RS_N_STATES; t++) {
            if (!h->transition[s][t] || in_figure(s, t))
                continue;
            fputs(any ? "" : "<h3>Transitions that the figure does not draw</h3>\n"
                  "<p class=\"dim\">Resets, aborts and timeouts, and states an observer skipped "
                  "between two looks.</p>\n<table class=\"plain\"><thead><tr><th>from</th>"
                  "<th>to</th><th class=\"r\">seen</th></tr></thead><tbody>\n", out);
            any = true;
            fprintf(out, "<tr><td>%s</td><td>%s</td><td class=\"r\">",
                    rs_state_name((enum rs_state)s), rs_state_name((enum rs_state)t));
            page_number(out, h->transition[s][t]);
            fputs("</td></tr>\n", out);
        }
    fputs(any ? "</tbody></table>\n" : "", out);
}

void page_states(FILE *out, const struct result *r)
{
    struct hits h = hits_of(r);
    uint64_t drawn = 0, seen = 0;
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        drawn++;
        seen += h.transition[edges[i].from][edges[i].to] != 0;
    }
    fprintf(out, "<section id=\"states\"><h2>States</h2>\n<p class=\"dim\">The state diagram of "
            "RFC 9293 section 3.3.2 with the events seen in each state and the passages of each "
            "transition: %llu of its %llu transitions were seen.</p>\n"
            "<div class=\"scroll\"><svg class=\"states\" viewBox=\"0 0 960 770\" role=\"img\" "
            "aria-label=\"TCP connection state diagram with hit counts\">\n",
            (unsigned long long)seen, (unsigned long long)drawn);
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
        put_edge(out, &edges[i], h.transition[edges[i].from][edges[i].to]);
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
        put_node(out, &nodes[i], h.state[nodes[i].state], i + 1 < sizeof nodes / sizeof *nodes);
    fputs("</svg></div>\n", out);
    put_others(out, &h);
    fputs("</section>\n", out);
}
