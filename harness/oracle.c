#include "harness/oracle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const struct oracle_info oracle_info[N_ORACLES] = {
#define ORACLE_INFO(id, clause, text) { #id, clause, text },
    ORACLES(ORACLE_INFO)
#undef ORACLE_INFO
};

struct oracle_place oracle_place;
void (*oracle_handler)(enum oracle);

static void say(enum oracle oracle, const char *fmt, va_list args)
{
    const struct oracle_info *info = &oracle_info[oracle];

    if (oracle_handler)
        return;
    fprintf(stderr, "ORACLE %s | %s | %s > %s | %s\n", info->id, info->clause,
            rs_state_name(oracle_place.before), rs_state_name(oracle_place.after),
            oracle_place.event ? oracle_place.event : "none");
    fprintf(stderr, "  broken at event %u: %s\n  seen: ", oracle_place.index, info->text);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    fflush(stderr);
}

/* Each function calls abort itself: shared code at the end would become the top of every stack. */
#define ORACLE_DEFINE(id, clause, text)                                                            \
    void oracle_broken_##id(const char *fmt, ...)                                                  \
    {                                                                                              \
        va_list args;                                                                              \
        va_start(args, fmt);                                                                       \
        say(ORACLE_##id, fmt, args);                                                               \
        va_end(args);                                                                              \
        if (oracle_handler)                                                                        \
            oracle_handler(ORACLE_##id);                                                           \
        abort();                                                                                   \
    }
ORACLES(ORACLE_DEFINE)
