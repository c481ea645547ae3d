/* The user calls of RFC 9293 section 3.10: the stack's own, or made of its sockets. */
#include "harness/run_state.h"

/* False after a verdict. */
static bool user_call(struct run *r, const struct sc_user *u, long *got)
{
    if (r->ops->user) {
        *got = r->ops->user(r->sut, u, r->now);
        return true;
    }
    if (!r->ops->socket) {
        run_end(r, VERDICT_UNSUPPORTED, "user: %s offers neither these calls nor sockets",
                r->ops->name);
        return false;
    }
    r->user.ops = r->ops;
    r->user.sut = r->sut;
    r->user.config = &r->config;
    if (r->ops->may_block)
        r->ops->may_block(r->sut, false);
    const int state = r->current < 0 ? -1 : run_state_of(r, &r->conn[r->current]);
    *got = sut_user(&r->user, u, state, r->now);
    if (*got == SUT_USER_CANNOT)
        run_end(r, VERDICT_UNSUPPORTED, "user: the sockets of %s cannot do %s", r->ops->name,
                r->user.cannot);
    return *got != SUT_USER_CANNOT;
}

void run_user(struct run *r, const struct sc_event *ev)
{
    const struct sc_user *u = &ev->u.user;
    long got = 0;
    int64_t want = 0;
    if (!user_call(r, u, &got))
        return;
    if (u->err && !run_constant(u->err, &want)) {
        run_end(r, VERDICT_ERROR, "user: expected the name of an error such as RS_EAGAIN, found %s",
                u->err);
    } else if (u->err && got != want) {
        run_end(r, VERDICT_FAIL, "user %s: expected %s (%s), got %ld (%s)",
                sc_user_name((enum sc_user_op)u->op), u->err, rs_error_name((int)want), got,
                got < 0 ? rs_error_name((int)got) : "no error");
    } else if (u->err || u->any_result) {
        run_pull(r);
    } else if (u->has_result ? got != u->result : got < 0) {
        run_end(r, VERDICT_FAIL, "user %s: expected %lld, got %ld",
                sc_user_name((enum sc_user_op)u->op), (long long)u->result, got);
    }
    run_pull(r);
}
