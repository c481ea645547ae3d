/* Inside stage 0 only: the bench on which refstack lies. */
#ifndef HARNESS_STAGE0_BENCH_H
#define HARNESS_STAGE0_BENCH_H

#include "harness/stage0.h"

#define ST0_PEER_ISS UINT32_C(0xfffffe00)
#define ST0_ISS UINT32_C(0xffffffc0)
#define ST0_PEER_TS UINT32_C(0xfffffff0)

enum { ST0_PORT = 7, ST0_PEER_PORT = 2000, ST0_RCV_BUF = 1024 };

struct rs_endpoint st0_peer(void);
void st0_keep(struct st0_bench *);
/* Pages given back are poisoned under AddressSanitizer; a copy of the block must not care. */
void st0_unpoison(struct st0_bench *);
rs_observer st0_observe;

#endif
