/* Fuzz target: one connection of refstack against a hostile peer.
 *
 * The input is a list of events (harness/input.h): segments with symbolic numbers, ICMP, raw
 * octets, time, user calls and settings.  After each, the TCBs' invariants hold, every datagram
 * that left kept the rules of the wire, and what was refused changed nothing; at the end every
 * connection ends and every page is back. */
#include "fuzz/conn.h"
#include "fuzz/mutate.h"
#include "fuzz/watch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    conn_run(data, size, watch_conn());
    return 0;
}

MUTATE_ENTRY_POINTS(MUTATE_CONN)
