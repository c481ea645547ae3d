/* The budget of work: what a frame may cost, by the host's own count (rs_work). */
#include "harness/invariants.h"
#include "harness/oracle.h"
#include "refstack/host.h"

/* A segment may walk its queue's pages, and the blocks held once to see whether there is room and
 * once to take it; each block of SACK may walk the list in flight a few times, and so may each
 * segment that the ACK lets out.  Timers and tables come on top: a look at each neighbour, each
 * connection and each level of the wheel.  Nothing here grows with what a peer has sent before. */
enum { SACK_WALKS = 4 * 5 + 8, WHEEL_STEPS = 64 };

static uint64_t most_for_a_frame(const struct rs_host *h)
{
    const struct rs_config *c = &h->cfg;
    const uint64_t blocks = c->page_octets / sizeof(struct recvq_block);
    const uint64_t records = c->page_octets / sizeof(struct flight_rec);

    return c->pages + 2 * (blocks < RECVQ_MAX_BLOCKS ? blocks : RECVQ_MAX_BLOCKS) +
           SACK_WALKS * (records < FLIGHT_MAX ? records : FLIGHT_MAX) + c->neighbours +
           c->max_conns + WHEEL_STEPS;
}

void invariants_work(struct invariants *v, const struct rs_host *h, uint64_t frames)
{
    const uint64_t steps = rs_work(h)->steps - v->steps, most = most_for_a_frame(h);

    v->steps += steps;
    ORACLE(work_per_event, steps <= most * (frames + 1),
           "%llu steps for %llu frames, at most %llu for each", (unsigned long long)steps,
           (unsigned long long)frames, (unsigned long long)most);
}
