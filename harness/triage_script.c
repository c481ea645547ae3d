#include "harness/triage_script.h"

#include <stdlib.h>
#include <string.h>

#include "harness/convert.h"
#include "harness/decode.h"
#include "harness/input.h"
#include "harness/script_print.h"
#include "harness/triage.h"

static const char *const forms[INPUT_N_RAWS] = {
    [INPUT_RAW_DATAGRAM] = "datagram",
    [INPUT_RAW_TCP] = "TCP",
    [INPUT_RAW_ICMP] = "ICMP",
};

static void put_event(FILE *out, struct input_event *e)
{
    convert_spell(e);
    const struct sc_user *user = &e->ev.u.user;
    if (e->ev.kind == SC_OPAQUE) {
        fprintf(out, "// < raw %s 0x", forms[e->raw_form]);
        for (size_t i = 0; i < e->raw_len; i++)
            fprintf(out, "%02x", e->raw[i]);
    } else if (e->ev.kind == SC_CONFIG) {
        fprintf(out, "// conn %u: set %s %u", user->conn, sc_setting_name(e->setting), e->value);
    } else {
        script_print_event(out, &e->ev);
    }
}

static char *event_text(struct input_event *e)
{
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    if (!out)
        return NULL;
    put_event(out, e);
    return fclose(out) ? NULL : text;
}

void triage_text_of(const char *target, const uint8_t *p, size_t len, struct triage_text *t)
{
    struct input_reader r;
    struct input_event e;
    *t = (struct triage_text){ .n = 0 };
    if (!triage_has_events(target))
        return;
    input_open(&r, p, len);
    if (triage_is_pair(target))
        r.prefix = rcur_of(p, 0);
    size_t most = rcur_left(&r.prefix) + rcur_left(&r.rest); /* an event takes an octet at least */
    t->line = calloc(most + 1, sizeof *t->line);
    while (t->line && t->n < most) {
        bool start = rcur_left(&r.prefix) > 0;
        if (!input_next(&r, &e))
            break;
        t->line[t->n++] = event_text(&e);
        t->n_start += start;
    }
}

void triage_text_free(struct triage_text *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->line[i]);
    free(t->line);
    *t = (struct triage_text){ .n = 0 };
}

static void put_octets(FILE *out, const uint8_t *p, size_t len)
{
    static const enum rs_link links[] = { RS_LINK_ETHERNET, RS_LINK_IP };
    for (size_t i = 0; i < 2; i++) {
        struct decoder d;
        char line[DECODE_LINE];
        decode_begin(&d, true);
        decode_frame(&d, links[i], p, len, len, line);
        fprintf(out, "// as %s: %s\n", i ? "an IP datagram" : "an Ethernet frame", line);
    }
    for (size_t i = 0; i < len; i++)
        fprintf(out, "%s%02x%s", i % 16 ? " " : "//  ", p[i],
                i % 16 == 15 || i + 1 == len ? "\n" : "");
}

/* Two hosts watched at once, and a connection of each: `tcprig run` has one stack.  The script's
 * verdict is `unsupported`, for one that passed would tell a lie. */
static void put_pair(FILE *out, const char *target, const uint8_t *p, size_t len)
{
    struct triage_text t;
    fputs("// No stack runs this: the input drives two hosts at once, each with every oracle.\n"
          "// Replay the input; its events:\n//@ config host=pair\n", out);
    triage_text_of(target, p, len, &t);
    for (size_t i = 0; i < t.n; i++)
        fprintf(out, "%s\n", t.line[i] ? t.line[i] : "");
    triage_text_free(&t);
}

void triage_script(FILE *out, const char *target, const uint8_t *p, size_t len)
{
    fprintf(out, "// input of %s, %zu octets\n", target, len);
    if (!triage_has_events(target)) {
        fputs("// No stack runs this: the target reads octets, and these are no script.\n"
              "//@ config host=none\n", out);
        put_octets(out, p, len);
    } else if (triage_is_pair(target)) {
        put_pair(out, target, p, len);
    } else {
        convert_input(out, p, len);
    }
}
