/* Two hosts and the wire between them, in virtual time.
 *
 * Each direction is a fault_link: what it drops, duplicates, delays, reorders or corrupts is up to
 * its rules.  Time stands still until nothing more can happen at this moment, then jumps to the
 * next one at which something can.  The same calls give the same frames, always. */
#ifndef HARNESS_VNET_H
#define HARNESS_VNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/fault.h"
#include "refstack/refstack.h"

enum { VNET_FRAME = 2048 };

struct vnet {
    struct rs_host *host[2];
    struct fault_link link[2]; /* what host i sends goes through link[i] */
    rs_time now;
    uint64_t frames[2]; /* sent by each host so far */
    void *arg;
    /* Seen, when set: each frame that host i sends, and each that reaches it. */
    void (*sent)(void *arg, int i, const uint8_t *frame, size_t len);
    void (*arrives)(void *arg, int i, const uint8_t *frame, size_t len);
    /* When set, brings what leaves the links to host i or does not; `arrives` is its business then.
     */
    void (*carry)(void *way, int i, const uint8_t *frame, size_t len);
    void *way;
};

void vnet_init(struct vnet *, struct rs_host *a, struct rs_host *b, enum rs_link, rs_time now);
void vnet_free(struct vnet *);
/* Carries frames until none is left to carry now.  False when more than `most` were sent: the hosts
 * answer each other without end. */
bool vnet_settle(struct vnet *, uint64_t most);
/* When the next timer is due or the next frame leaves a link; RS_NEVER when nothing will happen. */
rs_time vnet_deadline(const struct vnet *);

#endif
