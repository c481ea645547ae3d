/* AFL++'s way in to the mutator: a library it loads, for it never calls libFuzzer's hooks.
 *
 * Trimming leaves out whole events, one at a time: octets taken from the middle of an event would
 * only turn it into another. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/mutate.h"

#ifndef MUTATE_TARGET
#define MUTATE_TARGET MUTATE_CONN
#endif

struct mutator {
    uint64_t seed;
    uint8_t out[MUTATE_MAX];
    uint8_t trim[MUTATE_MAX];
    size_t trim_len;
    unsigned trim_at, trim_left, trim_steps;
};

void *afl_custom_init(void *afl, unsigned int seed);
void afl_custom_deinit(void *data);
size_t afl_custom_fuzz(void *data, uint8_t *buf, size_t len, uint8_t **out, uint8_t *add,
                       size_t add_len, size_t max);
int32_t afl_custom_init_trim(void *data, uint8_t *buf, size_t len);
size_t afl_custom_trim(void *data, uint8_t **out);
int32_t afl_custom_post_trim(void *data, uint8_t success);

void *afl_custom_init(void *afl, unsigned int seed)
{
    struct mutator *m = calloc(1, sizeof *m);

    (void)afl;
    if (m)
        m->seed = seed;
    return m;
}

void afl_custom_deinit(void *data)
{
    free(data);
}

size_t afl_custom_fuzz(void *data, uint8_t *buf, size_t len, uint8_t **out, uint8_t *add,
                       size_t add_len, size_t max)
{
    struct mutator *m = data;
    size_t most = max < MUTATE_MAX ? max : MUTATE_MAX;
    size_t n = len < MUTATE_MAX ? len : MUTATE_MAX;

    m->seed++;
    *out = m->out;
    if (add && add_len && m->seed % 8 == 0)
        return mutate_splice(buf, n, add, add_len < MUTATE_MAX ? add_len : MUTATE_MAX, m->out, most,
                             m->seed);
    memcpy(m->out, buf, n);
    return mutate_input(MUTATE_TARGET, m->out, n, most, m->seed);
}

static unsigned events_of(const struct mutator *m)
{
    static uint8_t scratch[MUTATE_MAX];
    unsigned n = 0;

    while (mutate_without(m->trim, m->trim_len, n, scratch, MUTATE_MAX))
        n++;
    return n;
}

int32_t afl_custom_init_trim(void *data, uint8_t *buf, size_t len)
{
    struct mutator *m = data;

    m->trim_len = len < MUTATE_MAX ? len : MUTATE_MAX;
    memcpy(m->trim, buf, m->trim_len);
    m->trim_at = 0;
    m->trim_left = m->trim_steps = events_of(m);
    return (int32_t)m->trim_steps;
}

size_t afl_custom_trim(void *data, uint8_t **out)
{
    struct mutator *m = data;

    *out = m->out;
    return mutate_without(m->trim, m->trim_len, m->trim_at, m->out, MUTATE_MAX);
}

/* A success leaves one event fewer to try; all steps count as done when none is left. */
int32_t afl_custom_post_trim(void *data, uint8_t success)
{
    struct mutator *m = data;
    size_t n = success ? mutate_without(m->trim, m->trim_len, m->trim_at, m->out, MUTATE_MAX) : 0;

    if (n) {
        memcpy(m->trim, m->out, n);
        m->trim_len = n;
        m->trim_left--;
    } else {
        m->trim_at++;
    }
    return (int32_t)(m->trim_at < m->trim_left ? m->trim_at : m->trim_steps);
}
