/* The script in memory: where its pieces live, its names, and whether two scripts say the same. */
#include "harness/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "refstack/wire.h"

/* ---- Arena ------------------------------------------------------------------------------ */

enum { CHUNK_OCTETS = 16384, ALIGN = 16 };

struct sc_chunk {
    struct sc_chunk *next;
    size_t used, size;
    _Alignas(ALIGN) unsigned char octet[];
};

static struct sc_chunk *chunk_new(struct sc_chunk *next, size_t size)
{
    struct sc_chunk *c = calloc(1, sizeof(*c) + size);
    if (!c) {
        /* A script is small; without memory for it nothing else will work either. */
        fputs("tcprig: out of memory\n", stderr);
        abort();
    }
    c->next = next;
    c->size = size;
    return c;
}

void *sc_alloc(struct sc_arena *a, size_t size)
{
    size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (!a->chunk || a->chunk->size - a->chunk->used < size)
        a->chunk = chunk_new(a->chunk, size > CHUNK_OCTETS ? size : CHUNK_OCTETS);
    void *p = a->chunk->octet + a->chunk->used;
    a->chunk->used += size;
    return p;
}

char *sc_strdup(struct sc_arena *a, const char *text, size_t len)
{
    char *p = sc_alloc(a, len + 1);
    if (len)
        memcpy(p, text, len);
    return p;
}

void sc_arena_free(struct sc_arena *a)
{
    while (a->chunk) {
        struct sc_chunk *next = a->chunk->next;
        free(a->chunk);
        a->chunk = next;
    }
}

bool script_acts(const struct script *script)
{
    for (size_t i = 0; i < script->n_events; i++)
        if (script->event[i].kind < SC_COMMENT || script->event[i].kind == SC_OPAQUE)
            return true;
    return false;
}

void script_free(struct script *s)
{
    if (!s)
        return;
    struct sc_arena a = s->arena; /* the script itself may live in its arena */
    sc_arena_free(&a);
}

/* ---- Names ------------------------------------------------------------------------------ */

static const char *const base_names[SC_N_BASES] = {
    [SC_ANY] = "*",           [SC_ABS] = "@",
    [SC_ISS] = "ISS",         [SC_SND_UNA] = "SND.UNA",
    [SC_SND_NXT] = "SND.NXT", [SC_SND_EDGE] = "SND.EDGE",
    [SC_IRS] = "IRS",         [SC_RCV_NXT] = "RCV.NXT",
    [SC_RCV_EDGE] = "RCV.EDGE", [SC_PEER_NXT] = "PEER.NXT",
    [SC_SACK_L] = "SACK.L",   [SC_SACK_R] = "SACK.R",
    [SC_TS_RECENT] = "TS.RECENT", [SC_TS_LAST] = "TS.LAST",
};

static const char *const user_names[SC_N_USER_OPS] = {
    "open-active", "open-passive", "open-from-listen", "send",   "send-urgent",
    "receive",     "close",        "abort",            "status", "release",
    "listen",      "accept",       "set",              "end-abort", "end-release",
};

static const char *const setting_names[SC_N_SETTINGS] = {
    "nagle",   "delayed_ack", "keepalive", "user_timeout",
    "rcv_buf", "snd_buf",     "mss",       "challenge_acks",
};

static const char *const fault_names[SC_N_FAULTS] = { "drop", "dup", "delay", "reorder",
                                                      "corrupt" };
static const char *const class_names[SC_N_CLASSES] = { "any",  "SYN", "SYN-ACK", "ACK",
                                                       "DATA", "FIN", "RST" };

const char *sc_base_name(enum sc_base b)
{
    return (unsigned)b < SC_N_BASES ? base_names[b] : NULL;
}

const char *sc_user_name(enum sc_user_op op)
{
    return (unsigned)op < SC_N_USER_OPS ? user_names[op] : NULL;
}

const char *sc_setting_name(enum sc_setting s)
{
    return (unsigned)s < SC_N_SETTINGS ? setting_names[s] : NULL;
}

const char *sc_fault_name(enum sc_fault_action f)
{
    return (unsigned)f < SC_N_FAULTS ? fault_names[f] : NULL;
}

const char *sc_class_name(enum sc_seg_class c)
{
    return (unsigned)c < SC_N_CLASSES ? class_names[c] : NULL;
}

int sc_name_index(const char *const *names, int n, const char *word, size_t len)
{
    for (int i = 0; i < n; i++)
        if (names[i] && strlen(names[i]) == len && memcmp(names[i], word, len) == 0)
            return i;
    return -1;
}

/* ---- Segment classes -------------------------------------------------------------------- */

enum sc_seg_class sc_class_of(uint16_t flags, uint32_t text_len)
{
    if (flags & TCP_RST)
        return SC_C_RST;
    if (flags & TCP_SYN)
        return (flags & TCP_ACK) ? SC_C_SYN_ACK : SC_C_SYN;
    if (flags & TCP_FIN)
        return SC_C_FIN;
    if (text_len)
        return SC_C_DATA;
    return (flags & TCP_ACK) ? SC_C_ACK : SC_C_ANY;
}

/* A FIN that carries text is both FIN and DATA: whoever drops the n-th segment with text counts
 * the last one too. */
bool sc_class_matches(enum sc_seg_class c, uint16_t flags, uint32_t text_len)
{
    if (c == SC_C_ANY)
        return true;
    if (c == SC_C_DATA)
        return text_len > 0;
    return sc_class_of(flags, text_len) == c;
}
