#include "interop/stack.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "harness/sut_lwip.h"

const struct stack stacks[] = {
    { .name = "refstack", .kind = STACK_HOST },
    { .name = "lwip", .kind = STACK_SUT, .sut = &sut_lwip },
    { .name = "linux", .kind = STACK_KERNEL },
    { .name = NULL },
};

const struct stack *stack_find(const char *name)
{
    const struct stack *s = stacks;
    while (s->name && strcmp(s->name, name) != 0)
        s++;
    return s->name ? s : NULL;
}

bool stack_present(const struct stack *s, char *why, size_t cap)
{
    const struct sut_config config = { .local = rs_ip4(10, 0, 0, 2), .remote = rs_ip4(10, 0, 0, 1),
                                       .mtu = 1500 };
    if (s->kind != STACK_SUT)
        return true;
    void *stack = s->sut->create(&config, 0, why, cap);
    if (stack)
        s->sut->destroy(stack);
    return stack != NULL;
}

void stack_version(const struct stack *s, char *text, size_t cap)
{
    struct utsname kernel;
    text[0] = '\0';
    if (s->kind == STACK_KERNEL && uname(&kernel) == 0)
        snprintf(text, cap, "%s", kernel.release);
#ifdef HAVE_LWIP
    if (s->sut == &sut_lwip)
        snprintf(text, cap, "%s", LWIP_VERSION_STRING);
#endif
}

/* The kernel plays only from behind a device, that is as END_B; refstack always as END_A. */
static bool can_play(const struct stack *a, const struct stack *b)
{
    return a->kind != STACK_KERNEL && b->kind != STACK_HOST;
}

static bool wanted(const struct stack *x, const struct stack *y, const struct stack *a,
                   const struct stack *b)
{
    bool straight = (!a || a == x) && (!b || b == y);
    bool crossed = (!a || a == y) && (!b || b == x);
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
