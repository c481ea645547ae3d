#include "harness/tracelog.h"

#include <stdlib.h>

FILE *tracelog_open(void)
{
    static FILE *file;
    static bool asked; /* a fuzz target comes here for every input */
    const char *path = asked ? NULL : getenv("TCPRIG_TRACE");
    asked = true;
    if (path && *path)
        file = fopen(path, "w");
    return file;
}

static void put_text(FILE *f, const char *what, rs_time now, enum trace_end end, const char *text)
{
    fprintf(f, "%s %llu %c %s\n", what, (unsigned long long)now, "AB"[end], text);
    fflush(f); /* the next thing may be the end of the process */
}

void tracelog_event(FILE *f, rs_time now, enum trace_end end, const char *text)
{
    put_text(f, "event", now, end, text);
}

void tracelog_note(FILE *f, rs_time now, enum trace_end end, const char *text)
{
    put_text(f, "note", now, end, text);
}

static void put_octets(FILE *f, const char *what, rs_time now, enum trace_end end,
                       const uint8_t *p, size_t len)
{
    fprintf(f, "%s %llu %c ", what, (unsigned long long)now, "AB"[end]);
    for (size_t i = 0; i < len; i++)
        fprintf(f, "%02x", p[i]);
    putc('\n', f);
    fflush(f);
}

void tracelog_frame(FILE *f, rs_time now, enum trace_end from, const uint8_t *p, size_t len)
{
    put_octets(f, "frame", now, from, p, len);
}

void tracelog_got(FILE *f, rs_time now, enum trace_end at, const uint8_t *p, size_t len)
{
    put_octets(f, "got", now, at, p, len);
}

void tracelog_state(FILE *f, rs_time now, enum trace_end end, enum rs_state from, enum rs_state to)
{
    fprintf(f, "state %llu %c %s %s\n", (unsigned long long)now, "AB"[end], rs_state_name(from),
            rs_state_name(to));
    fflush(f);
}
