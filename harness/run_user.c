/* The user calls of RFC 9293 section 3.10. */
#include "harness/run_state.h"

void run_user(struct run *r, const struct sc_event *ev)
{
    const struct sc_user *u = &ev->u.user;
    if (!r->ops->user) {
        run_end(r, VERDICT_UNSUPPORTED, "user: %s has sockets only", r->ops->name);
        return;
    }
    long got = r->ops->user(r->sut, u, r->now);
    int64_t want = 0;
    if (u->err && !run_constant(u->err, &want)) {
        run_end(r, VERDICT_ERROR, "user: expected the name of an error such as RS_EAGAIN, found %s",
                u->err);
    } else if (u->err && got != want) {
        run_end(r, VERDICT_FAIL, "user %s: expected %s (%s), got %ld (%s)",
                sc_user_name((enum sc_user_op)u->op), u->err, rs_error_name((int)want), got,
                got < 0 ? rs_error_name((int)got) : "no error");
    } else if (u->err) {
        run_pull(r);
    } else if (u->has_result ? got != u->result : got < 0) {
        run_end(r, VERDICT_FAIL, "user %s: expected %lld, got %ld",
                sc_user_name((enum sc_user_op)u->op), (long long)u->result, got);
    }
    run_pull(r);
}
