#include "harness/vnet.h"

void vnet_init(struct vnet *v, struct rs_host *a, struct rs_host *b, enum rs_link link, rs_time now)
{
    *v = (struct vnet){ .host = { a, b }, .now = now };
    for (int i = 0; i < 2; i++)
        fault_init(&v->link[i], link, NULL);
}

void vnet_free(struct vnet *v)
{
    for (int i = 0; i < 2; i++)
        fault_free(&v->link[i]);
}

static void deliver(struct vnet *v, int to, const uint8_t *frame, size_t len)
{
    if (v->carry) {
        v->carry(v->way, to, frame, len);
        return;
    }
    if (v->arrives)
        v->arrives(v->arg, to, frame, len);
    rs_input(v->host[to], frame, len, v->now);
}

/* One frame from host i into its link, or straight across when the link has nothing to do. */
static bool send_one(struct vnet *v, int i)
{
    uint8_t frame[VNET_FRAME];
    size_t len = rs_output(v->host[i], frame, sizeof frame, v->now);

    if (len == 0)
        return false;
    v->frames[i]++;
    if (v->sent)
        v->sent(v->arg, i, frame, len);
    if (fault_idle(&v->link[i]))
        deliver(v, 1 - i, frame, len);
    else
        fault_push(&v->link[i], frame, len, v->now);
    return true;
}

static bool receive_one(struct vnet *v, int from)
{
    uint8_t frame[VNET_FRAME];
    size_t len = fault_pop(&v->link[from], frame, sizeof frame, v->now);

    if (len == 0)
        return false;
    deliver(v, 1 - from, frame, len);
    return true;
}

bool vnet_settle(struct vnet *v, uint64_t most)
{
    const uint64_t before = v->frames[0] + v->frames[1];
    bool moved = true;

    while (moved) {
        moved = false;
        for (int i = 0; i < 2; i++) {
            /* Counted one by one: a host by itself may never come to an end. */
            while (send_one(v, i)) {
                moved = true;
                if (v->frames[0] + v->frames[1] - before > most)
                    return false;
            }
            while (receive_one(v, i))
                moved = true;
        }
    }
    return true;
}

rs_time vnet_deadline(const struct vnet *v)
{
    rs_time when = RS_NEVER;

    for (int i = 0; i < 2; i++) {
        rs_time host = rs_deadline(v->host[i]);
        rs_time link = fault_deadline(&v->link[i]);
        when = host < when ? host : when;
        when = link < when ? link : when;
    }
    return when;
}
