/* fuzz_conn with a mutator that changes nothing: the engine's whole loop over inputs of a known
 * number of events, so that its figure can be held against one in process. */
#include "fuzz/conn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    conn_run(data, size, NULL);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
    (void)data;
    (void)max;
    (void)seed;
    return size;
}
