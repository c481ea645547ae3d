/* The link between a script and its one stack, where the script asks for faults on it. */
#include "harness/run_state.h"

/* What the script expects is what comes through. */
void run_add_fault(struct run *r, const struct sc_fault *f)
{
    if (f->from) {
        run_end(r, VERDICT_UNSUPPORTED, "actor: this needs two live stacks; this run has one");
        return;
    }
    for (int i = 0; i < 2 && !r->faulty; i++)
        fault_init(&r->fault[i], RS_LINK_IP, NULL);
    r->faulty = true;
    struct sc_fault rule = *f;
    /* The script is an end that throws away what arrives damaged. */
    if (rule.direction == SC_OUT && rule.action == SC_CORRUPT)
        rule.action = SC_DROP;
    if (!fault_add(&r->fault[rule.direction], &rule))
        run_end(r, VERDICT_ERROR, "fault: a script may have at most %d in one direction",
                FAULT_RULES);
}

/* When the link next lets go of something that it holds. */
uint64_t run_link_deadline(const struct run *r)
{
    const uint64_t in = fault_deadline(&r->fault[SC_IN]), out = fault_deadline(&r->fault[SC_OUT]);
    return in < out ? in : out;
}
