/* How many inputs of a given number of events a target runs in a second of CPU time, instrumented
 * exactly as the engine's program is, beside a target that does nothing.
 *
 *     bench-program NAME [DIR]
 *
 * With DIR the inputs are left there as files, DIR/6-000 and so on, for an engine to run again.
 *
 * Inputs are made by the mutator from a fixed seed: each start in turn, and random events until
 * there are so many with the start's own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fuzz/mutate.h"
#include "refstack/refstack.h"

enum { INPUTS = 512, MAX_INPUT = 1024, BLOCK = 16384 };

struct sample {
    uint8_t octet[MAX_INPUT];
    size_t len;
};

static struct sample sample[INPUTS];

static double cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static unsigned events_of_start(unsigned start)
{
    static struct input_event e;
    const uint8_t header[INPUT_HEADER] = { (uint8_t)start, 0 };
    struct input_reader r;
    unsigned n = 0;

    input_open(&r, header, sizeof header);
    while (input_next(&r, &e))
        n++;
    return n;
}

static void make_sample(struct sample *s, struct mutate_random *r, unsigned n, unsigned events)
{
    static struct input_event e;
    struct wcur w = wcur_of(s->octet, MAX_INPUT);

    wcur_u8(&w, (uint8_t)(n % INPUT_N_STARTS));
    wcur_u8(&w, (uint8_t)mutate_below(r, 256));
    for (unsigned i = events_of_start(n % INPUT_N_STARTS); i < events; i++) {
        mutate_event_make(MUTATE_CONN, r, &e);
        input_encode(&w, &e);
    }
    s->len = (size_t)(w.p - s->octet);
}

static int empty(const uint8_t *data, size_t size)
{
    (void)data;
    (void)size;
    return 0;
}

static double rate(int (*volatile target)(const uint8_t *, size_t))
{
    unsigned long runs = 0;
    double start = cpu_seconds(), now = start;

    while (now - start < 1.0) {
        for (unsigned i = 0; i < INPUTS; i++)
            target(sample[i].octet, sample[i].len);
        runs += INPUTS;
        now = cpu_seconds();
    }
    return (double)runs / (now - start);
}

/* RS_RESET and RS_INIT, in microseconds. */
static void bench_reset(void)
{
    enum { TIMES = 200000 };
    static union {
        max_align_t align;
        uint8_t octet[BLOCK];
    } block;
    struct rs_config cfg;

    rs_config_small(&cfg);
    struct rs_host *h = rs_init(block.octet, sizeof block.octet, &cfg, 0);
    double start = cpu_seconds();
    for (unsigned i = 0; i < TIMES; i++)
        rs_reset(h, i);
    double reset = cpu_seconds() - start;
    for (unsigned i = 0; i < TIMES; i++)
        rs_init(block.octet, sizeof block.octet, &cfg, i);
    double init = cpu_seconds() - start - reset;
    printf("host of %zu octets: reset %.2f us, init %.2f us\n", rs_host_size(&cfg),
           reset * 1e6 / TIMES, init * 1e6 / TIMES);
}

/* Every sample as DIR/EVENTS-NUMBER. */
static void leave_samples(const char *dir, unsigned events)
{
    char path[512];

    for (unsigned i = 0; i < INPUTS; i++) {
        snprintf(path, sizeof path, "%s/%u-%03u", dir, events, i);
        FILE *f = fopen(path, "wb");
        if (!f || fwrite(sample[i].octet, 1, sample[i].len, f) != sample[i].len || fclose(f)) {
            fprintf(stderr, "bench: %s cannot be written; give a folder that can\n", path);
            exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    static const unsigned events[] = { 6, 16 };
    const char *name = argc > 1 ? argv[1] : "target";

    bench_reset();
    for (unsigned k = 0; k < sizeof events / sizeof events[0]; k++) {
        struct mutate_random r = { .state = 1 };
        for (unsigned i = 0; i < INPUTS; i++)
            make_sample(&sample[i], &r, i, events[k]);
        if (argc > 2)
            leave_samples(argv[2], events[k]);
        double nothing = rate(empty), real = rate(LLVMFuzzerTestOneInput);
        printf("%s, %u events: %.0f inputs per CPU-second (empty target: %.0f)\n", name, events[k],
               real, nothing);
    }
    return 0;
}
