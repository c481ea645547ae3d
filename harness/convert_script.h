/* What the files that turn scripts into inputs share; nobody else includes this. */
#ifndef HARNESS_CONVERT_SCRIPT_H
#define HARNESS_CONVERT_SCRIPT_H

#include "harness/convert.h"
#include "harness/input.h"

enum { CONVERT_FDS = 64, CONVERT_CONNS = 8 };

struct convert {
    struct wcur w;
    char *why;           /* empty as long as all can be said */
    unsigned n;          /* events */
    bool watched;        /* the script was made of an input */
    enum input_start start;
    uint8_t manner, config;
    uint64_t base;       /* the script's time, us */
    uint32_t iss, irs;   /* what the script calls the initial numbers */
    bool peer_syn;       /* the peer has opened a connection */
    bool has_ts;
    uint32_t ts;         /* the latest TSval that the script expected */
    int conn_of[CONVERT_FDS]; /* connection of a descriptor; -1: none */
    bool listener[CONVERT_FDS], linger[CONVERT_FDS];
    bool taken[CONVERT_CONNS];
};

/* Says why not; the first reason stays. */
void convert_cannot(struct convert *, const struct sc_event *, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void convert_put(struct convert *, const struct input_event *);
/* A socket call as the user calls that it is made of (convert_call.c). */
void convert_call(struct convert *, const struct sc_event *);

#endif
