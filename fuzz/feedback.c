#include "fuzz/feedback.h"

enum { N_COUNTERS = 4096 };

#if defined(__AFL_COMPILER)

/* AFL++ gives each instrumented place a number ("guard") of its map.  Asking for a run of guards
 * before the target starts makes room in the map that no code coverage shares. */
extern uint8_t *__afl_area_ptr;
void __sanitizer_cov_trace_pc_guard_init(uint32_t *start, uint32_t *stop);

static uint32_t guard[N_COUNTERS];

__attribute__((constructor(101))) static void guards_ask(void)
{
    __sanitizer_cov_trace_pc_guard_init(guard, guard + N_COUNTERS);
}

void feedback_hit(uint32_t number)
{
    uint8_t *counter = &__afl_area_ptr[guard[number % N_COUNTERS]];

    *counter = (uint8_t)(*counter + 1 + (*counter == UINT8_MAX));
}

#else

/* libFuzzer reads and clears this section by itself; other builds only write to it. */
__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t counter[N_COUNTERS];

void feedback_hit(uint32_t number)
{
    uint8_t *c = &counter[number % N_COUNTERS];

    *c = (uint8_t)(*c + (*c != UINT8_MAX));
}

#endif
