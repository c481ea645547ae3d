/* Segments as text. */
#include <ctype.h>
#include <stdio.h>

#include "harness/script_grammar.h"
#include "harness/script_print.h"
#include "refstack/wire.h"

/* ---- Numbers ---------------------------------------------------------------------------- */

void script_print_num(FILE *f, struct sc_num n)
{
    if (n.base == SC_REL) {
        fprintf(f, "%u", n.offset);
    } else if (n.base == SC_ABS) {
        fprintf(f, "@%u", n.offset);
    } else if (n.base == SC_ANY) {
        fputc('*', f);
    } else if (n.base != SC_NONE) {
        fputs(sc_base_name((enum sc_base)n.base), f);
        /* The shorter of the two ways round the circle reads better. */
        if (n.offset > UINT32_MAX / 2 && n.offset != UINT32_C(1) << 31)
            fprintf(f, "-%u", 0u - n.offset);
        else if (n.offset == UINT32_C(1) << 31)
            fputs("+2^31", f);
        else if (n.offset)
            fprintf(f, "+%u", n.offset);
    }
}

void sc_print_seq(FILE *f, struct sc_num seq, uint32_t len)
{
    script_print_num(f, seq);
    if (seq.base == SC_REL)
        fprintf(f, ":%u", seq.offset + len);
    fprintf(f, "(%u)", len);
}

static void print_hex(FILE *f, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fprintf(f, "%02x", p[i]);
}

void sc_print_string(FILE *f, const char *text, size_t len)
{
    fputc('"', f);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            fprintf(f, "\\%c", c);
        else if (c == '\n')
            fputs("\\n", f);
        else if (isprint(c))
            fputc(c, f);
        else
            fprintf(f, "\\x%02x", c);
    }
    fputc('"', f);
}

/* ---- Segments --------------------------------------------------------------------------- */

enum { FLAG_AE = 0x100 /* accurate ECN, RFC 9768 */ };

void script_print_flags(FILE *f, uint16_t flags)
{
    static const struct {
        uint16_t flag;
        char letter;
    } letters[] = { { TCP_SYN, 'S' }, { TCP_FIN, 'F' }, { TCP_RST, 'R' }, { TCP_PSH, 'P' },
                    { TCP_URG, 'U' }, { TCP_ECE, 'E' }, { TCP_CWR, 'W' }, { FLAG_AE, 'A' },
                    { TCP_ACK, '.' } };
    if (!(flags & (0xff | FLAG_AE)))
        fputc('-', f);
    for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
        if (flags & letters[i].flag)
            fputc(letters[i].letter, f);
}

static void print_value(FILE *f, const char *name, const struct sc_option *o, unsigned value)
{
    if (o->any)
        fprintf(f, "%s *", name);
    else
        fprintf(f, "%s %u", name, value);
}

static void print_sack(FILE *f, const struct sc_option *o)
{
    fputs(o->any ? "sack *" : "sack", f);
    for (int i = 0; !o->any && i < o->u.sack.n; i++) {
        fputc(' ', f);
        script_print_num(f, o->u.sack.left[i]);
        fputc(':', f);
        script_print_num(f, o->u.sack.right[i]);
    }
}

static void print_octets(FILE *f, const char *name, bool any, const uint8_t *p, size_t n)
{
    fputs(name, f);
    if (any)
        fputs(" *", f);
    else if (n) {
        fputc(' ', f);
        print_hex(f, p, n);
    }
}

static void print_option(FILE *f, const struct sc_option *o)
{
    if (o->raw) {
        print_octets(f, "raw", false, o->u.bytes.octet, o->u.bytes.len);
        return;
    }
    switch (o->kind) {
    case OPT_EOL:
        fputs("eol", f);
        break;
    case OPT_NOP:
        fputs("nop", f);
        break;
    case OPT_MSS:
        print_value(f, "mss", o, o->u.mss);
        break;
    case OPT_WSCALE:
        print_value(f, "wscale", o, o->u.shift);
        break;
    case OPT_SACK_PERMITTED:
        fputs("sackOK", f);
        break;
    case OPT_SACK:
        print_sack(f, o);
        break;
    case OPT_TIMESTAMPS:
        fputs("TS val ", f);
        script_print_num(f, o->u.ts.val);
        fputs(" ecr ", f);
        script_print_num(f, o->u.ts.ecr);
        break;
    case OPT_MD5:
        print_octets(f, "md5", o->any, o->u.bytes.octet, o->u.bytes.len);
        break;
    case OPT_USER_TIMEOUT:
        print_value(f, "uto", o, o->u.user_timeout);
        break;
    default:
        print_octets(f, o->u.cookie.experimental ? "FOEXP" : "FO", o->any, o->u.cookie.octet,
                     o->u.cookie.len);
        break;
    }
}

static void print_options(FILE *f, const struct sc_segment *seg)
{
    if (!seg->options_any && !seg->n_options)
        return;
    fputs(" <", f);
    if (seg->options_any)
        fputs("...", f);
    for (int i = 0; i < seg->n_options; i++) {
        if (i)
            fputc(',', f);
        print_option(f, &seg->option[i]);
    }
    fputc('>', f);
}

static void print_malform(FILE *f, const struct sc_segment *seg)
{
    const char *sep = " {";
    if (seg->malform & SC_BAD_CHECKSUM) {
        fprintf(f, "%sbadsum 0x%04x", sep, seg->csum);
        sep = ", ";
    }
    if (seg->malform & SC_BAD_DOFF) {
        fprintf(f, "%sdoff %u", sep, seg->doff);
        sep = ", ";
    }
    if (seg->malform & SC_BAD_RESERVED) {
        fprintf(f, "%sreserved %u", sep, (unsigned)(seg->flags >> 8));
        sep = ", ";
    }
    if (seg->malform & SC_TRUNCATED)
        fprintf(f, "%scut %u", sep, seg->cut);
    if (seg->malform)
        fputc('}', f);
}

static void print_ip(FILE *f, const struct sc_segment *seg)
{
    static const char *const ecn[] = { "noecn", "ect1", "ect0", "ce", "ect01" };
    const char *sep = "[";
    if (seg->has_ecn) {
        fprintf(f, "%s%s", sep, ecn[seg->ecn <= SC_ECT01 ? seg->ecn : 0]);
        sep = ", ";
    }
    if (seg->has_tos) {
        fprintf(f, "%stos 0x%02x", sep, seg->tos);
        sep = ", ";
    }
    if (seg->has_dscp) {
        fprintf(f, "%sdscp 0x%02x", sep, seg->tos >> 2);
        sep = ", ";
    }
    if (seg->ttl) {
        fprintf(f, "%sttl %u", sep, seg->ttl);
        sep = ", ";
    }
    if (seg->has_flow) {
        fprintf(f, "%sflowlabel 0x%05x", sep, seg->flow);
        sep = ", ";
    }
    if (sep[0] == ',')
        fputs("] ", f);
}

static void print_segment(FILE *f, const struct sc_packet *pkt)
{
    const struct sc_segment *seg = &pkt->seg;
    if (seg->flags_any)
        fputc('*', f);
    else
        script_print_flags(f, seg->malform & SC_BAD_RESERVED ? seg->flags & 0xff : seg->flags);
    fputc(' ', f);
    sc_print_seq(f, seg->seq, seg->text_len);
    if (seg->ack.base != SC_NONE) {
        fputs(" ack ", f);
        script_print_num(f, seg->ack);
    }
    if (seg->has_wnd)
        fprintf(f, " win %u", seg->wnd);
    if (seg->up)
        fprintf(f, " urg %u", seg->up);
    print_options(f, seg);
    print_malform(f, seg);
    if (seg->text_pattern)
        fputs(" pattern", f);
    if (seg->text) {
        fputc(' ', f);
        sc_print_string(f, (const char *)seg->text, seg->text_len);
    }
}

void sc_print_direction(FILE *f, char from, char to, uint8_t direction)
{
    if (from)
        fprintf(f, "%c>%c ", from, to);
    else
        fputs(direction == SC_IN ? "< " : "> ", f);
}

void script_print_packet(FILE *f, const struct sc_packet *pkt)
{
    sc_print_direction(f, pkt->from, pkt->to, pkt->direction);
    if (pkt->whatever) {
        fputs("...", f);
        return;
    }
    print_ip(f, &pkt->seg);
    if (pkt->src_port || pkt->dst_port)
        fprintf(f, "%u > %u ", pkt->src_port, pkt->dst_port);
    print_segment(f, pkt);
}
