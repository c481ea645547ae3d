/* The stacks that interop knows.  A new one is an entry in the table of stack.c. */
#ifndef INTEROP_STACK_H
#define INTEROP_STACK_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/sut.h"
#include "interop/translator.h"

enum stack_kind {
    STACK_HOST,   /* refstack, in this process */
    STACK_SUT,    /* any other stack in this process, behind the table of harness/sut.h */
    STACK_KERNEL, /* the kernel of the case's namespace, behind a tap or tun device */
    STACK_TRANSLATOR, /* a program that speaks TCP and passes it on to sockets of the kernel's */
};

struct stack {
    const char *name;
    enum stack_kind kind;
    const struct sut_ops *sut; /* STACK_SUT */
    const struct translator_program *program; /* STACK_TRANSLATOR */
    const char *package; /* Debian's, which knows the version of what does not tell it */
    bool when_named; /* takes so long that it plays only when asked for by name */
};

/* Ends with an entry without name. */
extern const struct stack stacks[];

/* The entry of that name, or NULL. */
const struct stack *stack_find(const char *name);
/* Whether this machine has it; otherwise a sentence that says what to install. */
bool stack_present(const struct stack *, char *why, size_t cap);
/* Whether the program is on the path. */
bool stack_program(const char *name);
/* "6.18.5", "1.2.0"; "" when it does not tell, as a library does not. */
void stack_version(const struct stack *, char *text, size_t cap);

/* A pair whose ends are called END_A and END_B. */
struct stack_pair {
    const struct stack *stack[2];
};
enum { STACK_PAIRS = 16 };
/* All pairs of stacks that can play with each other, narrowed to those with `a` at one end and `b`
 * at the other where these are given.  Returns how many. */
size_t stack_pairs(struct stack_pair pairs[STACK_PAIRS], const struct stack *a,
                   const struct stack *b);

#endif
