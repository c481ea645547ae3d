/* Fuzz target: two refstack hosts over a wire whose faults come from the input.
 *
 * The input is a list of events (harness/input.h): user calls of either host, time, settings, and
 * faults for the n-th matching segment.  Whatever the wire does, what is received is what was sent;
 * once faults stop, all of it arrives or the ends know; everything ends, and silence follows. */
#include "fuzz/mutate.h"
#include "fuzz/pair.h"
#include "fuzz/watch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pair_run(data, size, watch_pair());
    return 0;
}

MUTATE_ENTRY_POINTS(MUTATE_PAIR)
