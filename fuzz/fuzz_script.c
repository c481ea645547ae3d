/* Fuzz target: any octets as a script.
 *
 * The parser neither crashes nor hangs; what it refuses it refuses with one sentence that has file,
 * line and column; what it takes it prints as text that parses to the same script, and printing
 * that gives the same text. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/script_parse.h"
#include "harness/script_print.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each rule ends the process in a function of its own, so that finds are told apart. */
#define RULE(name)                                                                                 \
    static __attribute__((noinline, cold, noreturn, format(printf, 1, 2))) void broken_##name(     \
        const char *fmt, ...)                                                                      \
    {                                                                                              \
        va_list ap;                                                                                \
        va_start(ap, fmt);                                                                         \
        fputs(#name ": ", stderr);                                                                 \
        vfprintf(stderr, fmt, ap);                                                                 \
        va_end(ap);                                                                                \
        fputc('\n', stderr);                                                                       \
        abort();                                                                                   \
    }
#define HOLDS(name, cond, ...)                                                                     \
    do {                                                                                           \
        if (!(cond))                                                                               \
            broken_##name(__VA_ARGS__);                                                            \
    } while (0)

RULE(script_error_place)
RULE(script_print_parses)
RULE(script_print_same)
RULE(script_print_stable)

static char *print(const struct script *s, size_t *len)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, len);
    if (!out)
        abort();
    script_print(out, s);
    fclose(out);
    return text;
}

/* FILE:LINE:COL: SENTENCE, on one line. */
static void check_error(const char *error, size_t size)
{
    unsigned line = 0, col = 0;
    int used = 0;
    const int n = sscanf(error, "fuzz:%u:%u: %n", &line, &col, &used);

    HOLDS(script_error_place, n == 2 && used > 0, "error without a place: %s", error);
    HOLDS(script_error_place, line > 0 && line <= size + 1 && col > 0 && col <= size + 1,
           "place %u:%u in %zu octets", line, col, size);
    HOLDS(script_error_place, error[used] && !strchr(error, '\n'), "no sentence: %s", error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char error[SCRIPT_ERROR_SIZE] = "";
    size_t len, again_len;
    struct script *s = script_parse("fuzz", (const char *)data, size, error);

    if (!s) {
        check_error(error, size);
        return 0;
    }
    char *text = print(s, &len);
    struct script *t = script_parse("fuzz", text, len, error);
    HOLDS(script_print_parses, t != NULL, "%s in what was printed:\n%s", error, text);
    HOLDS(script_print_same, script_equal(s, t), "another script out of:\n%s", text);
    char *again = print(t, &again_len);
    HOLDS(script_print_stable, len == again_len && memcmp(text, again, len) == 0,
           "first:\n%s\nthen:\n%s", text, again);
    free(again);
    free(text);
    script_free(t);
    script_free(s);
    return 0;
}
