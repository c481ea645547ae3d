/* Between the forms of a script: fuzz inputs and captures to scripts, scripts to inputs. */
#ifndef HARNESS_CONVERT_H
#define HARNESS_CONVERT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "harness/script.h"

enum { CONVERT_WHY = 256, CONVERT_EVENTS = 64 /* the most that an input runs */ };

/* ---- Inputs to scripts: convert_input.c -------------------------------------------------- */

/* Writes an input of fuzz_conn as a script that runs on refstack where the input ran, with the same
 * oracles.  Each line of events is followed by `> ...`, so that numbers follow what the stack
 * sends; faults of a link are left out, for that host has none. */
void convert_input(FILE *, const uint8_t *p, size_t len);

struct input_event;
/* Gives numbers and ports that an input may hold in several ways the one that scripts have. */
void convert_spell(struct input_event *);

/* ---- Scripts to inputs: convert_script.c, convert_call.c --------------------------------- */

/* The input of a script's own events: what it expects is left out, for a fuzz target knows only its
 * oracles.  Returns the octets, or 0 after a sentence in why (CONVERT_WHY octets) when the script
 * says what an input cannot.  What convert_input writes becomes the very input again, when that is
 * canonical (input_canonical). */
size_t convert_script(const struct script *, uint8_t *to, size_t cap, char *why);

/* ---- Captures to scripts: convert_capture.c ---------------------------------------------- */

/* Which end of a capture is the stack under test: its address, or its port, or both; with neither
 * it is whoever answers the first SYN. */
struct convert_side {
    const char *address; /* NULL: any */
    uint16_t port;       /* 0: any */
};

/* 0, or -1 after a sentence in why. */
int convert_capture(FILE *, const char *path, const struct convert_side *, char *why);

#endif
