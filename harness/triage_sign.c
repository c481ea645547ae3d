#include "harness/triage.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* A signature names this many of the project's innermost functions: enough to keep causes apart,
 * few enough that the way there does not split one cause in two. */
enum { FRAMES = 2, FRAME_NAME = 64, STACK = 32 };

/* The project's functions on a stack, innermost first. */
struct stack {
    char name[STACK][FRAME_NAME];
    size_t n;
};

/* ---- Stacks ----------------------------------------------------------------------------- */

/* Whether a source file is the project's, wherever that lies. */
static bool is_ours(const char *file, size_t len)
{
    static const char *const folders[] = { "refstack/", "harness/", "fuzz/" };
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        size_t n = strlen(folders[i]);
        for (size_t at = 0; at + n <= len; at++)
            if ((at == 0 || file[at - 1] == '/') && !strncmp(file + at, folders[i], n))
                return true;
    }
    return false;
}

/* What every stack has in common says nothing: the program's own entry, and how an oracle ends. */
static bool is_scaffold(const char *name)
{
    return !strncmp(name, "oracle_broken_", 14) || !strcmp(name, "main") ||
           !strcmp(name, "LLVMFuzzerTestOneInput") || !strcmp(name, "run_file") ||
           !strcmp(name, "run_path");
}

/* One line `    #3 0x55d0 in function file:line`; the sanitizers of gcc and clang agree on it. */
static void read_frame(struct stack *s, const char *line, size_t len)
{
    const char *in = strstr(line, " in ");
    if (!in || in >= line + len || s->n == STACK)
        return;
    const char *name = in + 4;
    size_t name_len = strcspn(name, " (\n");
    const char *file = name + name_len + strspn(name + name_len, " ");
    if (!is_ours(file, (size_t)(line + len - file)))
        return;
    snprintf(s->name[s->n], FRAME_NAME, "%.*s",
             (int)(name_len < FRAME_NAME ? name_len : FRAME_NAME - 1), name);
    if (!is_scaffold(s->name[s->n]))
        s->n++;
}

/* The first stack at or after `from`: frames up to the first line that is none. */
static void read_stack(const char *from, struct stack *s)
{
    bool begun = false;
    s->n = 0;
    while (*from) {
        size_t len = strcspn(from, "\n");
        const char *text = from + strspn(from, " ");
        bool frame = text[0] == '#' && isdigit((unsigned char)text[1]);
        if (begun && !frame)
            return;
        if (frame) {
            begun = true;
            read_frame(s, from, len);
        }
        from += len + (from[len] == '\n');
    }
}

static void sign_stack(struct triage_sign *sign, const struct stack *s)
{
    size_t n = (size_t)snprintf(sign->signature, sizeof sign->signature, "%s", sign->kind);
    for (size_t i = 0; i < s->n && i < FRAMES; i++)
        n += (size_t)snprintf(sign->signature + n, sizeof sign->signature - n, "%s%s",
                              i ? " < " : " | ", s->name[i]);
    if (!s->n)
        snprintf(sign->signature + n, sizeof sign->signature - n, " | no frame of the project");
}

/* ---- What the log says ------------------------------------------------------------------ */

/* Copies a line up to its end, numbers replaced: values differ from input to input. */
static void copy_general(char *to, size_t cap, const char *from)
{
    size_t n = 0;
    while (*from && *from != '\n' && n + 1 < cap) {
        bool digit = isdigit((unsigned char)*from) && !(n && isalnum((unsigned char)to[n - 1]));
        if (digit) {
            from += strspn(from, "0123456789abcdefxABCDEF");
            to[n++] = 'N';
        } else {
            to[n++] = *from++;
        }
    }
    to[n] = '\0';
}

static bool sign_oracle(const char *log, struct triage_sign *sign)
{
    const char *line = strstr(log, "ORACLE ");
    if (!line || (line != log && line[-1] != '\n'))
        return false;
    line += 7;
    size_t len = strcspn(line, "\n");
    snprintf(sign->kind, sizeof sign->kind, "oracle");
    snprintf(sign->signature, sizeof sign->signature, "%.*s", (int)len, line);
    const char *rule = strstr(line, "broken at event");
    rule = rule ? strstr(rule, ": ") : NULL;
    snprintf(sign->title, sizeof sign->title, "%.*s", (int)strcspn(rule ? rule + 2 : line, "\n"),
             rule ? rule + 2 : line);
    return true;
}

static bool sign_undefined(const char *log, struct triage_sign *sign)
{
    struct stack s;
    const char *what = strstr(log, "runtime error: ");
    if (!what)
        return false;
    char general[120];
    copy_general(general, sizeof general, what + 15);
    read_stack(what, &s);
    snprintf(sign->kind, sizeof sign->kind, "undefined");
    sign_stack(sign, &s);
    size_t n = strlen(sign->signature);
    snprintf(sign->signature + n, sizeof sign->signature - n, " | %.100s", general);
    snprintf(sign->title, sizeof sign->title, "undefined behaviour in %s: %s",
             s.n ? s.name[0] : "unknown code", general);
    return true;
}

static bool sign_sanitizer(const char *log, struct triage_sign *sign)
{
    struct stack s;
    const char *leak = strstr(log, "ERROR: LeakSanitizer");
    const char *address = strstr(log, "ERROR: AddressSanitizer: ");
    if (!leak && !address)
        return false;
    const char *kind = leak ? "leak" : address + 25;
    snprintf(sign->kind, sizeof sign->kind, "%.*s", (int)(leak ? 4 : strcspn(kind, " \n")), kind);
    if (!strcmp(sign->kind, "ABRT"))
        snprintf(sign->kind, sizeof sign->kind, "abort");
    read_stack(leak ? leak : address, &s);
    sign_stack(sign, &s);
    snprintf(sign->title, sizeof sign->title, "%s in %s", sign->kind,
             s.n ? s.name[0] : "code outside the project");
    return true;
}

bool triage_sign(const struct triage_run *run, struct triage_sign *sign)
{
    memset(sign, 0, sizeof *sign);
    if (run->hung) {
        struct stack s;
        read_stack(run->log, &s);
        snprintf(sign->kind, sizeof sign->kind, "hang");
        sign_stack(sign, &s);
        snprintf(sign->title, sizeof sign->title, "%s never ends",
                 s.n ? s.name[0] : "the program");
        return true;
    }
    if (WIFEXITED(run->status) && WEXITSTATUS(run->status) == 0)
        return false;
    if (sign_oracle(run->log, sign) || sign_undefined(run->log, sign) ||
        sign_sanitizer(run->log, sign))
        return true;
    if (WIFSIGNALED(run->status))
        snprintf(sign->kind, sizeof sign->kind, "signal-%d", WTERMSIG(run->status));
    else
        snprintf(sign->kind, sizeof sign->kind, "exit-%d", WEXITSTATUS(run->status));
    snprintf(sign->signature, sizeof sign->signature, "%s | no report", sign->kind);
    snprintf(sign->title, sizeof sign->title, "the program ended with %s and said nothing",
             sign->kind);
    return true;
}

/* ---- Hangs ------------------------------------------------------------------------------ */

/* Keeps of s what the other stack shares with it from the outside in: a loop's samples differ
 * inside the looping function and agree on who called it. */
static void keep_common(struct stack *s, const struct stack *other)
{
    size_t n = 0;
    while (n < s->n && n < other->n &&
           !strcmp(s->name[s->n - 1 - n], other->name[other->n - 1 - n]))
        n++;
    memmove(s->name, s->name + (s->n - n), n * sizeof *s->name);
    s->n = n;
}

static int sample_hang(const struct triage_program *program, const uint8_t *p, size_t len,
                       struct triage_sign *sign)
{
    struct stack common = { .n = 0 };
    for (int i = 0; i < 3; i++) {
        struct triage_program later = *program;
        struct triage_run run;
        struct stack s;
        later.cpu_limit *= 1 + 0.073 * i; /* not in step with the loop */
        if (triage_run(&later, p, len, true, NULL, &run))
            return -1;
        read_stack(run.log, &s);
        if (!common.n)
            common = s;
        else if (run.hung && s.n)
            keep_common(&common, &s);
        free(run.log);
    }
    snprintf(sign->kind, sizeof sign->kind, "hang");
    sign_stack(sign, &common);
    snprintf(sign->title, sizeof sign->title, "%s never ends",
             common.n ? common.name[0] : "the program");
    return 1;
}

int triage_judge(const struct triage_program *program, const uint8_t *p, size_t len,
                 struct triage_sign *sign)
{
    struct triage_run run;
    if (triage_run(program, p, len, false, NULL, &run))
        return -1;
    int found = triage_sign(&run, sign);
    if (found && run.hung) {
        found = sample_hang(program, p, len, sign);
    } else if (found && !strncmp(sign->kind, "signal-", 7)) {
        /* It ended without a word: once more, with the stack. */
        free(run.log);
        if (triage_run(program, p, len, true, NULL, &run))
            return -1;
        found = triage_sign(&run, sign);
    }
    free(run.log);
    return found;
}

/* The innermost function that a stack's signature names. */
static bool names_function(const char *signature, const struct stack *s)
{
    const char *name = strstr(signature, " | ");
    for (size_t i = 0; name && i < s->n; i++) {
        size_t n = strlen(s->name[i]);
        if (!strncmp(name + 3, s->name[i], n) && (!name[3 + n] || name[3 + n] == ' '))
            return true;
    }
    return false;
}

bool triage_shows(const struct triage_program *program, const uint8_t *p, size_t len,
                  const struct triage_sign *sign)
{
    struct triage_sign other;
    struct triage_run run;
    struct stack s;
    if (strcmp(sign->kind, "hang"))
        return triage_judge(program, p, len, &other) == 1 &&
               !strcmp(other.signature, sign->signature);
    struct triage_program sooner = *program;
    sooner.cpu_limit /= 10; /* still many times what an input takes that ends */
    if (triage_run(&sooner, p, len, true, NULL, &run))
        return false;
    read_stack(run.log, &s);
    bool shows = run.hung && names_function(sign->signature, &s);
    free(run.log);
    return shows;
}

/* ---- Scrubbing -------------------------------------------------------------------------- */

/* The length of what at p changes from run to run, or 0. */
static size_t volatile_len(const char *p)
{
    if (p[0] == '0' && p[1] == 'x') {
        size_t n = strspn(p + 2, "0123456789abcdef");
        return n >= 6 ? n + 2 : 0;
    }
    if (p[0] == '=' && p[1] == '=' && isdigit((unsigned char)p[2])) {
        size_t n = strspn(p + 2, "0123456789");
        return p[2 + n] == '=' && p[3 + n] == '=' ? n + 4 : 0;
    }
    return 0;
}

/* The length of a path's part before the project's own folders, or 0. */
static size_t prefix_len(const char *p)
{
    if (*p != '/')
        return 0;
    size_t len = strcspn(p, " \n:()"), keep = 0;
    static const char *const folders[] = { "/refstack/", "/harness/", "/fuzz/", "/build/" };
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        const char *at = strstr(p, folders[i]);
        if (at && at < p + len && (!keep || (size_t)(at - p) + 1 < keep))
            keep = (size_t)(at - p) + 1;
    }
    return keep;
}

void triage_scrub(char *log)
{
    char *to = log;
    char *shadow = strstr(log, "Shadow bytes around"); /* of no use to a reader of the report */
    if (shadow)
        *shadow = '\0';
    for (const char *p = log; *p;) {
        size_t n = volatile_len(p);
        if (n) {
            memcpy(to, p[0] == '=' ? "==" : "0x", 2);
            to += 2;
            *to++ = '_';
            p += n;
            continue;
        }
        p += prefix_len(p);
        *to++ = *p++;
    }
    *to = '\0';
}
