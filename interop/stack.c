#include "interop/stack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "harness/cmd.h"
#include "harness/sut_lwip.h"

const struct stack stacks[] = {
    { .name = "refstack", .kind = STACK_HOST },
    { .name = "lwip", .kind = STACK_SUT, .sut = &sut_lwip, .package = "liblwip0" },
    { .name = "linux", .kind = STACK_KERNEL },
    { .name = "slirp4netns", .kind = STACK_TRANSLATOR, .program = &translator_slirp4netns },
    { .name = "passt", .kind = STACK_TRANSLATOR, .program = &translator_passt, .package = "passt",
      .when_named = true },
    { .name = NULL },
};

const struct stack *stack_find(const char *name)
{
    const struct stack *s = stacks;
    while (s->name && strcmp(s->name, name) != 0)
        s++;
    return s->name ? s : NULL;
}

bool stack_program(const char *name)
{
    const char *path = getenv("PATH");
    char file[512];
    for (const char *p = path ? path : "/usr/bin:/bin"; *p;) {
        size_t len = strcspn(p, ":");
        snprintf(file, sizeof file, "%.*s/%s", (int)len, p, name);
        if (access(file, X_OK) == 0)
            return true;
        p += len + (p[len] == ':');
    }
    return false;
}

bool stack_present(const struct stack *s, char *why, size_t cap)
{
    const struct sut_config config = { .local = rs_ip4(10, 0, 0, 2), .remote = rs_ip4(10, 0, 0, 1),
                                       .mtu = 1500 };
    if (s->kind == STACK_TRANSLATOR && !stack_program(s->name)) {
        snprintf(why, cap, "skipped: no %s; install it with apt-get install %s", s->name, s->name);
        return false;
    }
    if (s->kind != STACK_SUT)
        return true;
    void *stack = s->sut->create(&config, 0, why, cap);
    if (stack)
        s->sut->destroy(stack);
    return stack != NULL;
}

/* The first line that the command says, from the first number after its first word. */
static void version_said(const char *command, char *text, size_t cap)
{
    char line[128] = "";
    FILE *f = popen(command, "r");
    if (f && fgets(line, sizeof line, f)) {
        const char *rest = line + strcspn(line, " "); /* a name may have digits too */
        const char *number = rest + strcspn(rest, "0123456789");
        snprintf(text, cap, "%.*s", (int)strcspn(number, "\n "), number);
    }
    if (f)
        pclose(f);
}

static void program_version(const struct stack *s, char *text, size_t cap)
{
    char command[160];
    snprintf(command, sizeof command, "%s --version 2>/dev/null", s->name);
    if (s->program && stack_program(s->name))
        version_said(command, text, cap);
    snprintf(command, sizeof command, "dpkg-query -W -f 'v ${Version}\\n' %s 2>/dev/null",
             s->package ? s->package : "");
    if (s->package && !text[0] && stack_program("dpkg-query"))
        version_said(command, text, cap);
}

void stack_version(const struct stack *s, char *text, size_t cap)
{
    struct utsname kernel;
    text[0] = '\0';
    if (s->kind == STACK_HOST)
        snprintf(text, cap, "%s", TCPRIG_VERSION);
    if (s->kind == STACK_KERNEL && uname(&kernel) == 0)
        snprintf(text, cap, "%s", kernel.release);
    program_version(s, text, cap);
}

/* What is no part of this process plays as END_B only; refstack always as END_A. */
static bool can_play(const struct stack *a, const struct stack *b)
{
    bool inside = a->kind == STACK_HOST || a->kind == STACK_SUT;
    return inside && b->kind != STACK_HOST;
}

static bool wanted(const struct stack *x, const struct stack *y, const struct stack *a,
                   const struct stack *b)
{
    bool straight = (!a || a == x) && (!b || b == y);
    bool crossed = (!a || a == y) && (!b || b == x);
    if (y->when_named && a != y && b != y)
        return false;
    return straight || crossed;
}

size_t stack_pairs(struct stack_pair pairs[STACK_PAIRS], const struct stack *a,
                   const struct stack *b)
{
    size_t n = 0;
    for (const struct stack *x = stacks; x->name; x++)
        for (const struct stack *y = stacks; y->name && n < STACK_PAIRS; y++)
            if (can_play(x, y) && wanted(x, y, a, b))
                pairs[n++] = (struct stack_pair){ { x, y } };
    return n;
}
