/* A failure in the script's own words: what was written, what came, and the state. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/run_live.h"
#include "harness/script_print.h"

static void live_option(const struct wireview *v, const struct tcp_option *o, struct sc_option *t)
{
    t->kind = o->kind;
    t->raw = !o->typed && o->kind != OPT_EOL && o->kind != OPT_NOP &&
             o->kind != OPT_SACK_PERMITTED;
    if (t->raw) {
        t->u.bytes.len = o->len > 40 ? 40 : o->len;
        t->u.bytes.octet[0] = o->kind;
        t->u.bytes.octet[1] = o->len;
        if (o->body && t->u.bytes.len > 2)
            memcpy(t->u.bytes.octet + 2, o->body, t->u.bytes.len - 2u);
    } else if (o->kind == OPT_MSS) {
        t->u.mss = o->u.mss;
    } else if (o->kind == OPT_WSCALE) {
        t->u.shift = o->u.shift;
    } else if (o->kind == OPT_USER_TIMEOUT) {
        t->u.user_timeout = o->u.user_timeout;
    } else if (o->kind == OPT_TIMESTAMPS) {
        t->u.ts.val = (struct sc_num){ SC_REL, wireview_script(v, o->u.ts.val, WV_TS) };
        t->u.ts.ecr = (struct sc_num){ SC_REL, o->u.ts.ecr };
    } else if (o->kind == OPT_SACK) {
        t->u.sack.n = o->u.sack.n;
        for (int i = 0; i < o->u.sack.n; i++) {
            const struct sack_block *b = &o->u.sack.block[i];
            t->u.sack.left[i] = (struct sc_num){ SC_REL, wireview_script(v, b->left, WV_PEER) };
            t->u.sack.right[i] = (struct sc_num){ SC_REL, wireview_script(v, b->right, WV_PEER) };
        }
    } else if (o->kind == OPT_MD5 && o->u.digest) {
        t->u.bytes.len = 16;
        memcpy(t->u.bytes.octet, o->u.digest, 16);
    } else if (o->kind == OPT_FASTOPEN || o->kind == OPT_EXPERIMENT) {
        t->u.cookie.experimental = o->kind == OPT_EXPERIMENT;
        t->u.cookie.len = o->u.cookie.len;
        if (o->u.cookie.len <= 16 && o->u.cookie.octets)
            memcpy(t->u.cookie.octet, o->u.cookie.octets, o->u.cookie.len);
    }
}

/* A live segment in the script's own numbers; options live in `list`. */
static struct sc_packet as_script(const struct live *l, struct sc_option *list)
{
    const struct wireview *v = &l->conn->view;
    struct sc_packet p = { .direction = SC_OUT };
    p.seg.flags = l->seg.flags;
    p.seg.seq = (struct sc_num){ SC_REL, wireview_script(v, l->seg.seq, WV_SUT) };
    p.seg.text_len = l->seg.text_len;
    if (l->seg.flags & TCP_ACK)
        p.seg.ack = (struct sc_num){ SC_REL, wireview_script(v, l->seg.ack, WV_PEER) };
    p.seg.has_wnd = true;
    p.seg.wnd = l->seg.wnd;
    p.seg.up = l->seg.up;
    p.seg.option = list;
    struct opt_walk w = opt_walk_of(l->seg.opt, l->seg.opt_len);
    struct tcp_option o;
    while (p.seg.n_options < SC_MAX_OPTIONS) {
        enum opt_result got = opt_next(&w, &o);
        if (got == OPT_OK)
            live_option(v, &o, &list[p.seg.n_options++]);
        else
            break;
    }
    return p;
}

void run_explain_segments(struct run *r, const struct sc_event *ev, const struct live *l)
{
    char *text = NULL;
    size_t len = 0;
    struct sc_option list[SC_MAX_OPTIONS] = { 0 };
    FILE *f = open_memstream(&text, &len);
    if (!f)
        abort();
    fputs("  script: ", f);
    script_print_event(f, ev);
    if (l && l->tcp) {
        struct sc_packet p = as_script(l, list);
        fputs("\n  actual: ", f);
        script_print_packet(f, &p);
    } else if (l) {
        fprintf(f, "\n  actual: > icmp %u %u", l->icmp.type, l->icmp.code);
    }
    int state = r->current >= 0 ? run_state_of(r, &r->conn[r->current]) : -1;
    if (state >= 0)
        fprintf(f, "\n  state: %s", rs_state_name((enum rs_state)state));
    fclose(f);
    run_explain(r, "%s", text);
    free(text);
}
